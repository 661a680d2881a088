//! A training step on a GPU: the network of `sunward_ai::gpt::model`, its gradients and its optimiser.
//!
//! Weights, gradients and moments are f32 in the order of the layout; products read a copy of the weights in the engine's precision.
//! Activations of the whole batch stay on the device. The backward pass carries one gradient of the residual stream from the last
//! block to the first and leaves each matrix's gradient on its way.

use std::error::Error;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use cudarc::driver::DeviceRepr;
use sunward_ai::gpt::config::GptConfig;
use sunward_ai::gpt::data::Batch;
use sunward_ai::gpt::engine::{self, Engine, Memory as Regions};
use sunward_ai::gpt::optimizer::Factors;
use sunward_ai::gpt::parameters::Layout;
use sunward_ai::gpt::train::Region;

use crate::device::{Argument, CudaError, Device, Into, Memory, Place, Precision, Side};

/// Threads of a block where each has an element.
const THREADS: usize = 256;
/// Threads of a block where each warp has a row.
const ROW_THREADS: usize = 128;
/// Rows of such a block.
const BLOCK_ROWS: usize = ROW_THREADS / 32;
/// `COLUMNS` of the kernels: columns of a block that sums a norm's weight gradient.
const COLUMNS: usize = 32;
/// Parts into which the rows of such a sum are cut.
const PARTS: usize = 64;
/// `BLOCK` of the kernels: threads of a block that shares a row or a sum.
const BLOCK: u32 = 256;
/// Blocks that share the sum of squares.
const SQUARE_BLOCKS: usize = 256;
/// Numbers to which rows of logits are rounded up, so that they begin at 16 bytes.
const ALIGNED: usize = 8;

/// First number of each of a block's activations.
#[derive(Debug, Clone)]
struct BlockPlaces {
    input: usize,
    normed_1: usize,
    query_key_value: usize,
    probabilities: usize,
    attended: usize,
    middle: usize,
    normed_2: usize,
    hidden: usize,
    activated: usize,
}

/// First number of each activation of the batch, all in the engine's precision.
#[derive(Debug, Clone)]
struct Places {
    blocks: Vec<BlockPlaces>,
    output: usize,
    normed: usize,
    logits: usize,
    /// Gradient of the residual stream `[row, width]`.
    stream: usize,
    /// Gradient of what a block computes, `[row, width]` and `[row, 4 width]`.
    narrow: usize,
    wide: usize,
    /// Gradient of the attention scores, `[sequence, head, query, key]`.
    scores: usize,
    len: usize,
}

impl Places {
    fn new(config: &GptConfig, rows: usize, classes: usize) -> Self {
        let c = config.width;
        let attention = rows * config.heads * config.context;
        let mut len = 0;
        let mut place = |size: usize| {
            let start = len;
            len += size.next_multiple_of(ALIGNED);
            start
        };
        let blocks = (0..config.layers)
            .map(|_| BlockPlaces {
                input: place(rows * c),
                normed_1: place(rows * c),
                query_key_value: place(rows * 3 * c),
                probabilities: place(attention),
                attended: place(rows * c),
                middle: place(rows * c),
                normed_2: place(rows * c),
                hidden: place(rows * 4 * c),
                activated: place(rows * 4 * c),
            })
            .collect();
        Self {
            blocks,
            output: place(rows * c),
            normed: place(rows * c),
            logits: place(rows * classes),
            stream: place(rows * c),
            narrow: place(rows * c),
            wide: place(rows * 4 * c),
            scores: place(attention),
            len,
        }
    }

    /// The input of block `layer`; the last block's output comes after the last.
    fn input(&self, layer: usize) -> usize {
        self.blocks.get(layer).map_or(self.output, |block| block.input)
    }
}

/// What a run keeps on the device, one memory each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    Weights,
    Gradients,
    FirstMoment,
    SecondMoment,
    /// The weights as products read them.
    Shadow,
    Activations,
    /// (mean, 1 / deviation) of each row, norm after norm.
    Statistics,
    Losses,
    Inputs,
    Targets,
    /// The distinct tokens of the inputs, where the rows of each begin in `TokenRows`, and those rows.
    Tokens,
    TokenStarts,
    TokenRows,
    NormPartials,
    SquarePartials,
}

impl Held {
    /// Bytes of each, in their order.
    fn sizes(config: &GptConfig, elements: usize, rows: usize, activations: usize, real: usize) -> [usize; 15] {
        [
            4 * elements,
            4 * elements,
            4 * elements,
            4 * elements,
            real * elements,
            real * activations,
            4 * 2 * rows * (2 * config.layers + 1),
            4 * rows,
            4 * rows,
            4 * rows,
            4 * rows,
            4 * (rows + 1),
            4 * rows,
            4 * PARTS * config.width,
            8 * SQUARE_BLOCKS,
        ]
    }

    /// What holds `region`; a GPU holds no adapters.
    fn of(region: Region) -> Option<Self> {
        match region {
            Region::Weights => Some(Self::Weights),
            Region::Gradients => Some(Self::Gradients),
            Region::FirstMoment => Some(Self::FirstMoment),
            Region::SecondMoment => Some(Self::SecondMoment),
            Region::Activations => Some(Self::Activations),
            Region::Adapters | Region::AdapterGradients => None,
        }
    }
}

/// A GPU that computes training steps of one network and batch size.
#[derive(Debug)]
struct CudaEngine {
    device: Arc<Device>,
    config: GptConfig,
    layout: Layout,
    places: Places,
    batch: usize,
    /// Row length of the logits.
    classes: usize,
    memories: Vec<Memory>,
    /// The first failure of the device: what was computed since means nothing.
    failure: OnceLock<String>,
}

/// The first GPU of this machine.
#[derive(Debug, Clone)]
pub struct Cuda {
    device: Arc<Device>,
    name: String,
}

impl Cuda {
    /// Opens it and compiles its kernels, for activations of `precision`.
    ///
    /// # Errors
    /// No driver, compiler, cuBLAS or device.
    pub fn open(precision: Precision) -> Result<Self, CudaError> {
        let device = Arc::new(Device::open(precision)?);
        let name = device.name();
        Ok(Self { device, name })
    }
}

impl engine::Device for Cuda {
    fn name(&self) -> &str {
        &self.name
    }

    fn engine(&self, config: &GptConfig, batch: usize) -> Result<Box<dyn Engine>, Box<dyn Error + Send + Sync>> {
        Ok(Box::new(CudaEngine::new(Arc::clone(&self.device), *config, batch)?))
    }
}

impl CudaEngine {
    fn new(device: Arc<Device>, config: GptConfig, batch: usize) -> Result<Self, CudaError> {
        let precision = device.precision();
        let layout = Layout::new(&config);
        let (rows, classes) = (batch * config.context, config.vocabulary.next_multiple_of(ALIGNED));
        let places = Places::new(&config, rows, classes);
        let sizes = Held::sizes(&config, layout.elements(), rows, places.len, precision.bytes());
        device.expect_free(sizes.iter().sum())?;
        let memories = sizes.into_iter().map(|bytes| device.allocate(bytes)).collect::<Result<_, _>>()?;
        Ok(Self { device, config, layout, places, batch, classes, memories, failure: OnceLock::new() })
    }

    /// What came out, or `instead` and a note of the failure.
    fn noted<T>(&self, result: Result<T, CudaError>, instead: T) -> T {
        result.unwrap_or_else(|error| {
            self.failure.get_or_init(|| error.to_string());
            instead
        })
    }

    fn rows(&self) -> usize {
        self.batch * self.config.context
    }

    fn held(&self, held: Held) -> Place {
        self.memories[held as usize].place()
    }

    fn write_held<T: DeviceRepr>(&mut self, held: Held, values: &[T]) -> Result<(), CudaError> {
        self.device.write(&mut self.memories[held as usize], values)
    }

    /// The activation whose first number is `start`.
    fn at(&self, start: usize) -> Place {
        self.held(Held::Activations).after(start * self.device.precision().bytes())
    }

    /// Weights at `range` as products read them.
    fn matrix(&self, range: &Range<usize>) -> Place {
        self.held(Held::Shadow).after(range.start * self.device.precision().bytes())
    }

    fn weights(&self, range: &Range<usize>) -> Place {
        self.held(Held::Weights).after(4 * range.start)
    }

    fn gradients(&self, range: &Range<usize>) -> Place {
        self.held(Held::Gradients).after(4 * range.start)
    }

    /// Statistics of the `norm`-th norm: two of each block, then the last.
    fn statistics(&self, norm: usize) -> Place {
        self.held(Held::Statistics).after(4 * 2 * self.rows() * norm)
    }

    fn each(&self, kernel: &'static str, elements: usize, arguments: &[Argument]) -> Result<(), CudaError> {
        self.device.launch(kernel, [elements.div_ceil(THREADS), 1], THREADS as u32, arguments)
    }

    fn each_row(&self, kernel: &'static str, rows: usize, arguments: &[Argument]) -> Result<(), CudaError> {
        self.device.launch(kernel, [rows.div_ceil(BLOCK_ROWS), 1], ROW_THREADS as u32, arguments)
    }

    /// `output (+)= input W'`, W `[outs, ins]` being the matrix at `range`.
    fn forward_through(
        &self,
        range: &Range<usize>,
        [outs, ins]: [usize; 2],
        input: usize,
        (output, stride, into): (usize, usize, Into),
    ) -> Result<(), CudaError> {
        let left = Side::new(self.at(input), ins);
        let right = Side::new(self.matrix(range), ins).transposed();
        let output = (Side::new(self.at(output), stride), into);
        self.device.product(output, [self.rows(), outs, ins], (left, right), 1)
    }

    /// The gradient of the matrix at `range` from those of its output, and `towards = gradient W`.
    fn backward_through(
        &self,
        range: &Range<usize>,
        [outs, ins]: [usize; 2],
        (gradient, stride): (usize, usize),
        (input, towards): (usize, usize),
    ) -> Result<(), CudaError> {
        let gradient = Side::new(self.at(gradient), stride);
        let input = Side::new(self.at(input), ins);
        let weight_gradient = (Side::new(self.gradients(range), ins), Into::Gradient);
        self.device.product(weight_gradient, [outs, ins, self.rows()], (gradient.transposed(), input), 1)?;
        let towards = (Side::new(self.at(towards), ins), Into::Replace);
        let matrix = Side::new(self.matrix(range), ins);
        self.device.product(towards, [self.rows(), ins, outs], (gradient, matrix), 1)
    }

    /// `normed = norm(input)`; the input is also left at `copy`.
    fn norm(
        &self,
        (norm, range): (usize, &Range<usize>),
        input: usize,
        normed: usize,
        copy: Option<usize>,
    ) -> Result<(), CudaError> {
        let copy = copy.map_or(Place::NONE, |copy| self.at(copy));
        let (rows, width) = (self.rows(), self.config.width);
        let arguments = [
            self.at(normed).into(),
            self.statistics(norm).into(),
            copy.into(),
            self.at(input).into(),
            self.weights(range).into(),
            rows.into(),
            width.into(),
        ];
        self.each_row("norm_forward", rows, &arguments)
    }

    /// The gradient of a norm's weight, and that of its input, written to the stream's or added to it.
    fn norm_backward(
        &self,
        (norm, range): (usize, &Range<usize>),
        (gradient, input): (usize, usize),
        add: bool,
    ) -> Result<(), CudaError> {
        let (rows, width) = (self.rows(), self.config.width);
        let [gradient, input, statistics] = [self.at(gradient), self.at(input), self.statistics(norm)];
        let partials = self.held(Held::NormPartials);
        let rows_per_part = rows.div_ceil(PARTS);
        let parts = rows.div_ceil(rows_per_part);
        let arguments = [
            partials.into(),
            gradient.into(),
            input.into(),
            statistics.into(),
            rows.into(),
            width.into(),
            rows_per_part.into(),
        ];
        self.device.launch("norm_weight_partials", [width.div_ceil(COLUMNS), parts], BLOCK, &arguments)?;
        let sum = [self.gradients(range).into(), partials.into(), parts.into(), width.into()];
        self.each("sum_rows", width, &sum)?;
        let arguments = [
            self.at(self.places.stream).into(),
            gradient.into(),
            input.into(),
            statistics.into(),
            self.weights(range).into(),
            rows.into(),
            width.into(),
            usize::from(add).into(),
        ];
        self.each_row("norm_backward", rows, &arguments)
    }

    /// The parts of a sequence's query, key and value, or of their gradients, head by head.
    fn heads(&self, start: usize, sequence: usize) -> [Side; 3] {
        let (c, context) = (self.config.width, self.config.context);
        let first = start + sequence * context * 3 * c;
        [0, 1, 2].map(|part| Side::new(self.at(first + part * c), 3 * c).every(self.config.head_width()))
    }

    /// A sequence's `[query, key]` of each head.
    fn scores(&self, start: usize, sequence: usize) -> Side {
        let square = self.config.context * self.config.context;
        Side::new(self.at(start + sequence * self.config.heads * square), self.config.context).every(square)
    }

    /// A sequence's output of each head.
    fn head_outputs(&self, start: usize, sequence: usize) -> Side {
        let c = self.config.width;
        Side::new(self.at(start + sequence * self.config.context * c), c).every(self.config.head_width())
    }

    fn attention_rows(&self) -> usize {
        self.rows() * self.config.heads
    }

    fn score_scale(&self) -> f32 {
        1.0 / (self.config.head_width() as f32).sqrt()
    }

    fn attention(&self, block: &BlockPlaces) -> Result<(), CudaError> {
        let GptConfig { heads, context, .. } = self.config;
        let d = self.config.head_width();
        for sequence in 0..self.batch {
            let [query, key, _] = self.heads(block.query_key_value, sequence);
            let scores = (self.scores(block.probabilities, sequence), Into::Replace);
            self.device.product(scores, [context, context, d], (query, key.transposed()), heads)?;
        }
        let rows = self.attention_rows();
        let arguments = [self.at(block.probabilities).into(), rows.into(), context.into(), self.score_scale().into()];
        self.each_row("causal_softmax", rows, &arguments)?;
        for sequence in 0..self.batch {
            let [_, _, value] = self.heads(block.query_key_value, sequence);
            let output = (self.head_outputs(block.attended, sequence), Into::Replace);
            let probabilities = self.scores(block.probabilities, sequence);
            self.device.product(output, [context, d, context], (probabilities, value), heads)?;
        }
        Ok(())
    }

    /// The gradients of query, key and value, left at `wide`, from that of the attention's output at `narrow`.
    fn attention_backward(&self, block: &BlockPlaces) -> Result<(), CudaError> {
        let GptConfig { heads, context, .. } = self.config;
        let (d, places) = (self.config.head_width(), &self.places);
        for sequence in 0..self.batch {
            let [_, _, value] = self.heads(block.query_key_value, sequence);
            let [_, _, value_gradient] = self.heads(places.wide, sequence);
            let gradient = self.head_outputs(places.narrow, sequence);
            let probabilities = self.scores(block.probabilities, sequence);
            let scores = (self.scores(places.scores, sequence), Into::Replace);
            self.device.product(scores, [context, context, d], (gradient, value.transposed()), heads)?;
            let sides = (probabilities.transposed(), gradient);
            self.device.product((value_gradient, Into::Replace), [context, d, context], sides, heads)?;
        }
        let rows = self.attention_rows();
        let arguments = [
            self.at(places.scores).into(),
            self.at(block.probabilities).into(),
            rows.into(),
            context.into(),
            self.score_scale().into(),
        ];
        self.each_row("causal_softmax_backward", rows, &arguments)?;
        for sequence in 0..self.batch {
            let [query, key, _] = self.heads(block.query_key_value, sequence);
            let [query_gradient, key_gradient, _] = self.heads(places.wide, sequence);
            let scores = self.scores(places.scores, sequence);
            self.device.product((query_gradient, Into::Replace), [context, d, context], (scores, key), heads)?;
            let sides = (scores.transposed(), query);
            self.device.product((key_gradient, Into::Replace), [context, d, context], sides, heads)?;
        }
        Ok(())
    }

    /// The batch to the device, and forward to the logits.
    fn run_forward(&mut self, batch: &Batch) -> Result<(), CudaError> {
        self.write_held(Held::Inputs, &batch.inputs)?;
        self.write_held(Held::Targets, &batch.targets)?;
        let (rows, c, places) = (self.rows(), self.config.width, &self.places);
        let embed = [
            self.at(places.input(0)).into(),
            self.matrix(&self.layout.tokens).into(),
            self.matrix(&self.layout.positions).into(),
            self.held(Held::Inputs).into(),
            rows.into(),
            c.into(),
            self.config.context.into(),
        ];
        self.each("embed", rows * c, &embed)?;
        for (layer, (block, layout)) in places.blocks.iter().zip(&self.layout.blocks).enumerate() {
            self.norm((2 * layer, &layout.norm_1), block.input, block.normed_1, Some(block.middle))?;
            let qkv = (block.query_key_value, 3 * c, Into::Replace);
            self.forward_through(&layout.attention_in, [3 * c, c], block.normed_1, qkv)?;
            self.attention(block)?;
            self.forward_through(&layout.attention_out, [c, c], block.attended, (block.middle, c, Into::Add))?;
            let next = places.input(layer + 1);
            self.norm((2 * layer + 1, &layout.norm_2), block.middle, block.normed_2, Some(next))?;
            let hidden = (block.hidden, 4 * c, Into::Replace);
            self.forward_through(&layout.mlp_in, [4 * c, c], block.normed_2, hidden)?;
            let gelu = [self.at(block.activated).into(), self.at(block.hidden).into(), (rows * 4 * c).into()];
            self.each("gelu", rows * 4 * c, &gelu)?;
            self.forward_through(&layout.mlp_out, [c, 4 * c], block.activated, (next, c, Into::Add))?;
        }
        self.norm((2 * places.blocks.len(), &self.layout.norm_last), places.output, places.normed, None)?;
        let logits = (places.logits, self.classes, Into::Replace);
        self.forward_through(&self.layout.tokens, [self.config.vocabulary, c], places.normed, logits)
    }

    /// Turns the logits into their gradients; returns the mean loss.
    fn run_loss(&mut self) -> Result<f64, CudaError> {
        let rows = self.rows();
        let arguments = [
            self.at(self.places.logits).into(),
            self.held(Held::Losses).into(),
            self.held(Held::Targets).into(),
            self.classes.into(),
            self.config.vocabulary.into(),
            (1.0 / rows as f32).into(),
        ];
        self.device.launch("cross_entropy", [rows, 1], BLOCK, &arguments)?;
        let losses = self.device.read::<f32>(&self.memories[Held::Losses as usize], rows)?;
        Ok(losses.into_iter().map(f64::from).sum::<f64>() / rows as f64)
    }

    fn run_backward(&mut self, batch: &Batch) -> Result<(), CudaError> {
        let (rows, c, places) = (self.rows(), self.config.width, &self.places);
        let head = [self.config.vocabulary, c];
        let logits = (places.logits, self.classes);
        self.backward_through(&self.layout.tokens, head, logits, (places.normed, places.narrow))?;
        let last = (2 * places.blocks.len(), &self.layout.norm_last);
        self.norm_backward(last, (places.narrow, places.output), false)?;
        for (layer, (block, layout)) in places.blocks.iter().zip(&self.layout.blocks).enumerate().rev() {
            let stream = (places.stream, c);
            self.backward_through(&layout.mlp_out, [c, 4 * c], stream, (block.activated, places.wide))?;
            let gelu = [self.at(places.wide).into(), self.at(block.hidden).into(), (rows * 4 * c).into()];
            self.each("gelu_backward", rows * 4 * c, &gelu)?;
            let wide = (places.wide, 4 * c);
            self.backward_through(&layout.mlp_in, [4 * c, c], wide, (block.normed_2, places.narrow))?;
            self.norm_backward((2 * layer + 1, &layout.norm_2), (places.narrow, block.middle), true)?;
            self.backward_through(&layout.attention_out, [c, c], stream, (block.attended, places.narrow))?;
            self.attention_backward(block)?;
            let qkv = (places.wide, 3 * c);
            self.backward_through(&layout.attention_in, [3 * c, c], qkv, (block.normed_1, places.narrow))?;
            self.norm_backward((2 * layer, &layout.norm_1), (places.narrow, block.input), true)?;
        }
        self.embedding_gradients(batch)
    }

    /// The gradients of the embeddings: of the positions, and added to the tied head's, of the tokens.
    fn embedding_gradients(&mut self, batch: &Batch) -> Result<(), CudaError> {
        let GptConfig { context, width, .. } = self.config;
        let stream = self.at(self.places.stream);
        let positions = [
            self.gradients(&self.layout.positions).into(),
            stream.into(),
            self.batch.into(),
            context.into(),
            width.into(),
        ];
        self.each("position_gradients", context * width, &positions)?;
        let Grouped { tokens, starts, rows } = Grouped::of(&batch.inputs);
        self.write_held(Held::Tokens, &tokens)?;
        self.write_held(Held::TokenStarts, &starts)?;
        self.write_held(Held::TokenRows, &rows)?;
        let arguments = [
            self.gradients(&self.layout.tokens).into(),
            stream.into(),
            self.held(Held::Tokens).into(),
            self.held(Held::TokenStarts).into(),
            self.held(Held::TokenRows).into(),
            width.into(),
        ];
        self.device.launch("token_gradients", [tokens.len(), 1], THREADS as u32, &arguments)
    }

    /// The weights' copy for products, from the weights.
    fn cast(&mut self) -> Result<(), CudaError> {
        let elements = self.layout.elements();
        let arguments = [self.held(Held::Shadow).into(), self.held(Held::Weights).into(), elements.into()];
        self.each("shadow", elements, &arguments)
    }

    fn run_update(&mut self, range: Range<usize>, factors: &Factors) -> Result<(), CudaError> {
        let arguments = [
            self.held(Held::Weights).into(),
            self.held(Held::Shadow).into(),
            self.held(Held::Gradients).into(),
            self.held(Held::FirstMoment).into(),
            self.held(Held::SecondMoment).into(),
            range.start.into(),
            range.len().into(),
            factors.clip.into(),
            factors.beta1.into(),
            factors.beta2.into(),
            factors.step.into(),
            factors.second_correction.into(),
            factors.keep.into(),
        ];
        self.each("adamw", range.len(), &arguments)
    }

    /// The square root of the sum of the gradients' squares.
    fn norm_of_gradients(&self) -> Result<f64, CudaError> {
        let partials = Held::SquarePartials;
        let arguments = [self.held(partials).into(), self.held(Held::Gradients).into(), self.layout.elements().into()];
        self.device.launch("square_partials", [SQUARE_BLOCKS, 1], BLOCK, &arguments)?;
        Ok(self.device.read::<f64>(&self.memories[partials as usize], SQUARE_BLOCKS)?.into_iter().sum::<f64>().sqrt())
    }
}

/// Rows by token: those of token `tokens[k]` are `rows[starts[k]..starts[k + 1]]`, in their order.
#[derive(Debug, PartialEq, Eq)]
struct Grouped {
    tokens: Vec<u32>,
    starts: Vec<u32>,
    rows: Vec<u32>,
}

impl Grouped {
    fn of(inputs: &[u32]) -> Self {
        let mut rows: Vec<u32> = (0..inputs.len() as u32).collect();
        rows.sort_by_key(|row| inputs[*row as usize]);
        let (mut tokens, mut starts) = (Vec::new(), Vec::new());
        for (at, row) in (0..).zip(&rows) {
            let token = inputs[*row as usize];
            if tokens.last() != Some(&token) {
                tokens.push(token);
                starts.push(at);
            }
        }
        starts.push(inputs.len() as u32);
        Self { tokens, starts, rows }
    }
}

impl Regions for CudaEngine {
    fn bytes(&self, region: Region) -> usize {
        match Held::of(region) {
            None => 0,
            Some(Held::Activations) => self.places.len * self.device.precision().bytes(),
            Some(_) => 4 * self.layout.elements(),
        }
    }

    fn flip(&mut self, region: Region, bit: usize) {
        let held = Held::of(region).expect("a region with bits");
        let flipped = self.device.flip(&mut self.memories[held as usize], bit);
        let copied = if held == Held::Weights { self.cast() } else { Ok(()) };
        self.noted(flipped.and(copied), ());
    }
}

impl Engine for CudaEngine {
    fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }

    fn load(&mut self, weights: &[f32], first: &[f32], second: &[f32]) {
        let loaded = self
            .write_held(Held::Weights, weights)
            .and_then(|()| self.write_held(Held::FirstMoment, first))
            .and_then(|()| self.write_held(Held::SecondMoment, second))
            .and_then(|()| self.cast());
        self.noted(loaded, ());
    }

    fn read(&self, region: Region) -> Vec<f32> {
        let held = Held::of(region).filter(|held| *held != Held::Activations).expect("one of the layout's buffers");
        let elements = self.layout.elements();
        self.noted(self.device.read(&self.memories[held as usize], elements), vec![f32::NAN; elements])
    }

    fn forward(&mut self, batch: &Batch) {
        let done = self.run_forward(batch);
        self.noted(done, ());
    }

    fn loss(&mut self) -> f64 {
        let loss = self.run_loss();
        self.noted(loss, f64::NAN)
    }

    fn backward(&mut self, batch: &Batch) {
        let done = self.run_backward(batch);
        self.noted(done, ());
    }

    fn gradient_norm(&self) -> f64 {
        self.noted(self.norm_of_gradients(), f64::NAN)
    }

    fn update(&mut self, decaying: &Factors, others: &Factors) {
        let matrices_end = self.layout.matrices_end;
        let done = self
            .run_update(0..matrices_end, decaying)
            .and_then(|()| self.run_update(matrices_end..self.layout.elements(), others));
        self.noted(done, ());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_grouped_by_token_in_their_order() {
        let grouped = Grouped::of(&[7, 3, 7, 0, 3]);
        let expected = Grouped { tokens: vec![0, 3, 7], starts: vec![0, 1, 3, 5], rows: vec![3, 1, 4, 0, 2] };
        assert_eq!(grouped, expected);
    }
}
