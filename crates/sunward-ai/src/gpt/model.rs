//! The network's forward and backward pass, hand-written over one flat buffer of activations.
//!
//! The batch is cut into *chunks* of whole sequences; a chunk's activations lie together in a *slab* and one task carries it
//! through all layers without waiting for another. Chunks that fit the buffer together form a *pass*. The
//! backward pass turns activations into their own gradients in place, so that afterwards each matrix finds the two
//! factors of its gradient in the slabs. Chunks depend on sizes only, and every sum over chunks runs in their order:
//! the bits are the same for any number of threads.
//!
//! Block l, pre-norm: `mid = x + attention(norm(x)) W_o`, `x' = mid + gelu(norm(mid) W_1) W_2`.
//!
//! **Source**: Radford et al. 2019 (GPT-2's pre-norm block); Vaswani et al., "Attention is all you need", 2017, equation 1.

use std::ops::Range;

use rayon::prelude::*;

use super::config::GptConfig;
use super::parameters::{BlockLayout, Layout, PackedWeights};
use super::watch::{Place, Strike, Watch, flip};
use crate::kernel::checked::{Made, Sums, excess, excess_causal, row_sums};
use crate::kernel::elementwise::{
    LANES, NormBackward, causal_softmax, causal_softmax_backward, cross_entropy, gelu, gelu_backward, layer_norm,
    layer_norm_backward,
};
use crate::kernel::product::{Output, product_packed};
use crate::kernel::{Band, View, product};

/// Rows a chunk aims at: enough for full register tiles and a reused right side.
const CHUNK_ROWS: usize = 128;
/// Bytes of slabs a pass aims at.
const PASS_BYTES: usize = 1 << 30;

/// Places of one block's activations in a slab; comments say what the backward pass leaves there.
#[derive(Debug, Clone)]
struct BlockSlab {
    /// Input `[row, width]`; then its gradient.
    input: Range<usize>,
    normed_1: Range<usize>,
    statistics_1: Range<usize>,
    /// Query, key, value `[row, 3 width]`; then their gradients.
    query_key_value: Range<usize>,
    /// Attention probabilities `[sequence, head, query, key]`.
    probabilities: Range<usize>,
    attended: Range<usize>,
    /// After the attention's residual `[row, width]`; then its gradient.
    middle: Range<usize>,
    normed_2: Range<usize>,
    statistics_2: Range<usize>,
    /// Before GELU `[row, 4 width]`; then its gradient.
    hidden: Range<usize>,
    activated: Range<usize>,
}

/// Places of a chunk's activations.
#[derive(Debug, Clone)]
struct Slab {
    blocks: Vec<BlockSlab>,
    /// Output of the last block; then its gradient.
    output: Range<usize>,
    normed: Range<usize>,
    statistics: Range<usize>,
    /// Logits `[row, classes]`; then their gradient.
    logits: Range<usize>,
    losses: Range<usize>,
    /// Gradients of all norm weights, in the order of the layout.
    norm_gradients: Range<usize>,
    /// Gradient on its way through a block `[row, 4 width]`.
    passing: Range<usize>,
    /// Gradient of one head's scores `[query, key]`.
    scores: Range<usize>,
    len: usize,
}

/// How a batch is cut, and where everything lies.
#[derive(Debug, Clone)]
pub struct Plan {
    config: GptConfig,
    batch: usize,
    sequences_per_chunk: usize,
    chunks_per_pass: usize,
    /// Row length of the logits: the vocabulary, rounded up to whole lanes.
    classes: usize,
    /// Row length of the attention probabilities: the context, rounded up to whole lanes.
    keys: usize,
    slab: Slab,
}

impl Slab {
    fn new(config: &GptConfig, sequences: usize, classes: usize, keys: usize) -> Self {
        let (rows, c) = (sequences * config.context, config.width);
        let mut len = 0;
        let mut place = |size: usize| {
            let start = len;
            len += size.next_multiple_of(LANES);
            start..start + size
        };
        let blocks = (0..config.layers)
            .map(|_| BlockSlab {
                input: place(rows * c),
                normed_1: place(rows * c),
                statistics_1: place(rows * 2),
                query_key_value: place(rows * 3 * c),
                probabilities: place(rows * config.heads * keys),
                attended: place(rows * c),
                middle: place(rows * c),
                normed_2: place(rows * c),
                statistics_2: place(rows * 2),
                hidden: place(rows * 4 * c),
                activated: place(rows * 4 * c),
            })
            .collect();
        Self {
            blocks,
            output: place(rows * c),
            normed: place(rows * c),
            statistics: place(rows * 2),
            logits: place(rows * classes),
            losses: place(rows),
            norm_gradients: place((2 * config.layers + 1) * c),
            passing: place(rows * 4 * c),
            scores: place(config.context * keys),
            len,
        }
    }

    /// Where the input of block `layer` lies; the last block's output comes after the last.
    fn stream(&self, layer: usize) -> &Range<usize> {
        self.blocks.get(layer).map_or(&self.output, |block| &block.input)
    }
}

/// The parts of a slab at `ranges`, all at once.
fn parts<'a, const N: usize>(slab: &'a mut [f32], ranges: [&Range<usize>; N]) -> [&'a mut [f32]; N] {
    slab.get_disjoint_mut(ranges.map(Clone::clone)).expect("places of a slab are disjoint")
}

/// The largest divisor of `count` that is at most `limit`, at least 1.
fn divisor(count: usize, limit: usize) -> usize {
    (1..=limit.clamp(1, count)).rev().find(|d| count.is_multiple_of(*d)).expect("1 divides")
}

impl Plan {
    /// The plan for `batch` sequences of a whole context each.
    #[must_use]
    pub fn new(config: &GptConfig, batch: usize) -> Self {
        Self::within(config, batch, PASS_BYTES)
    }

    /// The plan whose passes take at most `pass_bytes` where a single chunk allows it.
    pub(super) fn within(config: &GptConfig, batch: usize, pass_bytes: usize) -> Self {
        let sequences_per_chunk = divisor(batch, CHUNK_ROWS / config.context);
        let classes = config.vocabulary.next_multiple_of(LANES);
        let keys = config.context.next_multiple_of(LANES);
        let slab = Slab::new(config, sequences_per_chunk, classes, keys);
        let chunks_per_pass = divisor(batch / sequences_per_chunk, pass_bytes / (4 * slab.len));
        Self { config: *config, batch, sequences_per_chunk, chunks_per_pass, classes, keys, slab }
    }

    /// Elements of the activations' buffer.
    #[must_use]
    pub fn activations_len(&self) -> usize {
        self.chunks_per_pass * self.slab.len
    }

    /// Sequences of a pass.
    #[must_use]
    pub fn pass_sequences(&self) -> usize {
        self.sequences_per_chunk * self.chunks_per_pass
    }

    /// The logits after token `position` of sequence `sequence` of a pass.
    #[must_use]
    pub fn logits<'a>(&self, activations: &'a [f32], sequence: usize, position: usize) -> &'a [f32] {
        let slab = &activations[sequence / self.sequences_per_chunk * self.slab.len..];
        let row = sequence % self.sequences_per_chunk * self.config.context + position;
        &slab[self.slab.logits.clone()][row * self.classes..][..self.config.vocabulary]
    }

    fn rows(&self) -> usize {
        self.sequences_per_chunk * self.config.context
    }

    /// Elements that a step reads to know its ranges.
    #[must_use]
    pub fn watched_len(&self) -> usize {
        let stream = (self.config.layers + 1) * self.config.width;
        self.batch * self.config.context * (stream + self.config.vocabulary)
    }

    /// Elements that a step reads to check its products: both sides' sums and the output, and what it was added to.
    #[must_use]
    pub fn checked_len(&self, layout: &Layout) -> usize {
        let (config, rows) = (&self.config, self.batch * self.config.context);
        let chunks = self.batch / self.sequences_per_chunk;
        let matrices =
            layout.tensors.iter().filter(|tensor| tensor.shape.len() == 2 && tensor.range != layout.positions);
        let of_matrices = matrices.map(|tensor| {
            let [out, input] = [tensor.shape[0], tensor.shape[1]];
            let residual = if tensor.name.ends_with("c_proj.weight") { rows * out } else { 0 };
            let through = 2 * rows * (out + input) + residual + 2 * out * input;
            through + rows * (out + input * out.div_ceil(TASK_ROWS)) + 2 * chunks * out * input
        });
        let (n, d) = (config.context, config.head_width());
        let of_heads = config.layers * config.heads * self.batch * (n * (n + 1) + 4 * n * n + 12 * n * d);
        of_matrices.sum::<usize>() + of_heads
    }

    /// Passes of a batch, chunks of a pass, and elements of the activations of a chunk.
    #[must_use]
    pub fn cut(&self) -> [usize; 3] {
        [self.batch / self.pass_sequences(), self.chunks_per_pass, self.slab.len]
    }

    /// Elements of the output of a product with a matrix of `columns` columns (of its output) in one chunk.
    #[must_use]
    pub fn product_len(&self, columns: usize) -> usize {
        self.rows() * columns
    }
}

/// The network: sizes, weights, and their packed form.
#[derive(Debug, Clone, Copy)]
pub struct Network<'a> {
    /// Sizes and cutting of the batch.
    pub plan: &'a Plan,
    /// Places of the weights.
    pub layout: &'a Layout,
    /// Flat weights.
    pub weights: &'a [f32],
    /// Packed from `weights`.
    pub packed: &'a PackedWeights,
    /// What looks at the pass.
    pub watch: &'a Watch,
    /// The pass, which tells what strikes it.
    pub pass: usize,
    /// The chunk of it under way, likewise.
    pub chunk: usize,
}

impl Network<'_> {
    /// Runs a pass forward to the logits; `tokens`: `[sequence, context]`.
    pub fn forward(&self, tokens: &[u32], activations: &mut [f32]) {
        let rows = self.plan.rows();
        let slabs = activations.par_chunks_exact_mut(self.plan.slab.len).zip(tokens.par_chunks_exact(rows)).enumerate();
        slabs.for_each(|(chunk, (slab, tokens))| {
            let network = Network { chunk, ..*self };
            let layers = self.plan.config.layers;
            network.embed(tokens, slab);
            network.pause(0, slab, self.plan.slab.stream(0));
            for layer in 0..layers {
                network.attention_forward(layer, slab);
                network.perceptron_forward(layer, slab);
                network.pause(layer + 1, slab, self.plan.slab.stream(layer + 1));
            }
            network.head_forward(slab);
            network.pause(layers + 1, slab, &self.plan.slab.logits);
        });
    }

    /// Between two layers, `done` of them after the pass began: is struck, and on the way forward looks at what lies at `range`.
    fn pause(&self, done: usize, slab: &mut [f32], range: &Range<usize>) {
        let Network { pass, chunk, .. } = *self;
        match self.watch.strike {
            Some(Strike { place, bit }) if place == (Place::Activations { pass, chunk, done }) => flip(slab, bit),
            _ => {}
        }
        if self.watch.ranges && range == &self.plan.slab.logits {
            // What lies behind a row's last class was not computed.
            let rows = slab[range.clone()].chunks_exact(self.plan.classes);
            rows.for_each(|row| self.watch.range(done, &row[..self.plan.config.vocabulary]));
        } else {
            self.watch.range(done, &slab[range.clone()]);
        }
    }

    /// Turns the logits of a pass into the gradient of the batch's mean loss; returns the sum of the pass's losses (nat).
    pub fn loss(&self, targets: &[u32], activations: &mut [f32]) -> f64 {
        let (plan, rows) = (self.plan, self.plan.rows());
        let weight = 1.0 / (plan.batch * plan.config.context) as f32;
        activations.par_chunks_exact_mut(plan.slab.len).zip(targets.par_chunks_exact(rows)).for_each(
            |(slab, targets)| {
                let [logits, losses] = parts(slab, [&plan.slab.logits, &plan.slab.losses]);
                cross_entropy(logits, plan.classes, plan.config.vocabulary, targets, losses, weight);
            },
        );
        let losses = activations.chunks_exact(plan.slab.len).flat_map(|slab| &slab[plan.slab.losses.clone()]);
        losses.map(|loss| f64::from(*loss)).sum()
    }

    /// Runs a pass backward from the gradient of its logits, leaving the gradients of the activations in their place.
    pub fn backward(&self, activations: &mut [f32]) {
        activations.par_chunks_exact_mut(self.plan.slab.len).enumerate().for_each(|(chunk, slab)| {
            let network = Network { chunk, ..*self };
            let (layers, stream) = (self.plan.config.layers, |layer| self.plan.slab.stream(layer));
            slab[self.plan.slab.norm_gradients.clone()].fill(0.0);
            network.pause(layers + 2, slab, &self.plan.slab.logits);
            network.head_backward(slab);
            network.pause(layers + 3, slab, stream(layers));
            for layer in (0..layers).rev() {
                network.perceptron_backward(layer, slab);
                network.attention_backward(layer, slab);
                network.pause(2 * layers + 3 - layer, slab, stream(layer));
            }
        });
    }

    fn block(&self, layer: usize) -> (&BlockSlab, &BlockLayout) {
        (&self.plan.slab.blocks[layer], &self.layout.blocks[layer])
    }

    /// `into (+)= left W'` (`forward`) or `left W`, W being the matrix at `range` of shape `[out, in]`.
    fn through(&self, range: &Range<usize>, forward: bool, left: &[f32], into: &mut [f32], output: Output) {
        let matrix = self.packed.matrix(range);
        let right = if forward { matrix.forward } else { matrix.backward };
        let rows = self.plan.rows();
        let (inner, outer) = (left.len() / rows, into.len() / rows);
        let left = View::new(left, rows, right.inner(), inner);
        let sums = matrix.sums.map(|[to_output, to_input]| if forward { to_output } else { to_input });
        let size = (rows, right.columns());
        let before =
            if sums.is_some() && output == Output::Add { row_sums(into, outer, size, false) } else { Vec::new() };
        product_packed(into, outer, output, left, right);
        let Network { pass, chunk, .. } = *self;
        match self.watch.strike {
            Some(Strike { place, bit }) if place == (Place::Product { pass, chunk, matrix: range.start, forward }) => {
                let (row, column) = (bit / 32 / size.1, bit / 32 % size.1);
                flip(into, 32 * (row * outer + column) + bit % 32);
            }
            _ => {}
        }
        if let Some(sums) = sums {
            let made = Made { left, sums, before: &before };
            self.watch.product(excess(made, &row_sums(into, outer, size, false), right.columns()));
        }
    }

    /// [`product`] of two activations, checked where the watch wants it.
    fn multiply(&self, into: &mut [f32], stride: usize, left: View<'_>, right: View<'_>, band: Band) {
        product(into, stride, Output::Replace, left, right, band);
        if self.watch.products {
            let causal = band == Band::LowerOutput;
            let after = row_sums(into, stride, (left.rows(), right.columns()), causal);
            self.watch.product(if causal {
                excess_causal(left, right, &after)
            } else {
                excess(Made { left, sums: &Sums::of(right), before: &[] }, &after, right.columns())
            });
        }
    }

    fn embed(&self, tokens: &[u32], slab: &mut [f32]) {
        let c = self.plan.config.width;
        let table = &self.weights[self.layout.tokens.clone()];
        let positions = self.weights[self.layout.positions.clone()].chunks_exact(c).cycle();
        let rows = slab[self.plan.slab.stream(0).clone()].chunks_exact_mut(c);
        for ((row, token), position) in rows.zip(tokens).zip(positions) {
            let token = &table[*token as usize * c..][..c];
            for ((x, t), p) in row.iter_mut().zip(token).zip(position) {
                *x = t + p;
            }
        }
    }

    fn attention_forward(&self, layer: usize, slab: &mut [f32]) {
        let (place, layout) = self.block(layer);
        let [input, normed, statistics, qkv, probabilities, attended, middle] = parts(
            slab,
            [
                &place.input,
                &place.normed_1,
                &place.statistics_1,
                &place.query_key_value,
                &place.probabilities,
                &place.attended,
                &place.middle,
            ],
        );
        layer_norm(input, &self.weights[layout.norm_1.clone()], normed, statistics);
        self.through(&layout.attention_in, true, normed, qkv, Output::Replace);
        for (head, probabilities) in
            self.heads().zip(probabilities.chunks_exact_mut(self.plan.config.context * self.plan.keys))
        {
            self.attend(head, qkv, probabilities, attended);
        }
        middle.copy_from_slice(input);
        self.through(&layout.attention_out, true, attended, middle, Output::Add);
    }

    /// (sequence, head) of each head of a chunk, in the order of the probabilities.
    fn heads(&self) -> impl Iterator<Item = Head> + use<> {
        let (config, sequences) = (self.plan.config, self.plan.sequences_per_chunk);
        (0..sequences * config.heads).map(move |i| Head::new(&config, i / config.heads, i % config.heads))
    }

    /// `attended = softmax(Q K' / sqrt(head width), causal) V` of one head.
    fn attend(&self, head: Head, qkv: &[f32], probabilities: &mut [f32], attended: &mut [f32]) {
        let (keys, context) = (self.plan.keys, self.plan.config.context);
        let [query, key, value] = head.query_key_value.map(|start| head.view(&qkv[start..], 3));
        self.multiply(probabilities, keys, query, key.transposed(), Band::LowerOutput);
        causal_softmax(probabilities, keys, head.scale);
        let weights = View::new(probabilities, context, context, keys);
        self.multiply(&mut attended[head.output..], self.plan.config.width, weights, value, Band::LowerLeft);
    }

    fn perceptron_forward(&self, layer: usize, slab: &mut [f32]) {
        let (place, layout) = self.block(layer);
        let [middle, normed, statistics, hidden, activated, out] = parts(
            slab,
            [
                &place.middle,
                &place.normed_2,
                &place.statistics_2,
                &place.hidden,
                &place.activated,
                self.plan.slab.stream(layer + 1),
            ],
        );
        layer_norm(middle, &self.weights[layout.norm_2.clone()], normed, statistics);
        self.through(&layout.mlp_in, true, normed, hidden, Output::Replace);
        gelu(hidden, activated);
        out.copy_from_slice(middle);
        self.through(&layout.mlp_out, true, activated, out, Output::Add);
    }

    fn head_forward(&self, slab: &mut [f32]) {
        let place = &self.plan.slab;
        let [output, normed, statistics, logits] =
            parts(slab, [&place.output, &place.normed, &place.statistics, &place.logits]);
        layer_norm(output, &self.weights[self.layout.norm_last.clone()], normed, statistics);
        self.through(&self.layout.tokens, true, normed, logits, Output::Replace);
    }

    fn head_backward(&self, slab: &mut [f32]) {
        let place = &self.plan.slab;
        let c = self.plan.config.width;
        let [output, statistics, logits, passing, gradients] =
            parts(slab, [&place.output, &place.statistics, &place.logits, &place.passing, &place.norm_gradients]);
        let passing = &mut passing[..output.len()];
        self.through(&self.layout.tokens, false, logits, passing, Output::Replace);
        let weight = &self.weights[self.layout.norm_last.clone()];
        let last = gradients.len() - c;
        let job = NormBackward { gradient: passing, statistics, weight, beside: &[] };
        layer_norm_backward(job, output, &mut gradients[last..]);
    }

    fn perceptron_backward(&self, layer: usize, slab: &mut [f32]) {
        let (place, layout) = self.block(layer);
        let c = self.plan.config.width;
        let [out, middle, statistics, hidden, passing, gradients] = parts(
            slab,
            [
                self.plan.slab.stream(layer + 1),
                &place.middle,
                &place.statistics_2,
                &place.hidden,
                &self.plan.slab.passing,
                &self.plan.slab.norm_gradients,
            ],
        );
        self.through(&layout.mlp_out, false, out, passing, Output::Replace);
        gelu_backward(passing, hidden);
        let passing = &mut passing[..middle.len()];
        self.through(&layout.mlp_in, false, hidden, passing, Output::Replace);
        let weight = &self.weights[layout.norm_2.clone()];
        let job = NormBackward { gradient: passing, statistics, weight, beside: out };
        layer_norm_backward(job, middle, &mut gradients[(2 * layer + 1) * c..][..c]);
    }

    fn attention_backward(&self, layer: usize, slab: &mut [f32]) {
        let (place, layout) = self.block(layer);
        let c = self.plan.config.width;
        let [input, statistics, qkv, probabilities, middle, passing, scores, gradients] = parts(
            slab,
            [
                &place.input,
                &place.statistics_1,
                &place.query_key_value,
                &place.probabilities,
                &place.middle,
                &self.plan.slab.passing,
                &self.plan.slab.scores,
                &self.plan.slab.norm_gradients,
            ],
        );
        let (passing, head_gradients) = passing.split_at_mut(input.len());
        self.through(&layout.attention_out, false, middle, passing, Output::Replace);
        for (head, probabilities) in
            self.heads().zip(probabilities.chunks_exact(self.plan.config.context * self.plan.keys))
        {
            self.attend_backward(head, qkv, probabilities, passing, scores, head_gradients);
        }
        qkv.copy_from_slice(head_gradients);
        self.through(&layout.attention_in, false, qkv, passing, Output::Replace);
        let weight = &self.weights[layout.norm_1.clone()];
        let job = NormBackward { gradient: passing, statistics, weight, beside: middle };
        layer_norm_backward(job, input, &mut gradients[2 * layer * c..][..c]);
    }

    /// Gradients of one head's query, key and value into `gradients` (`[row, 3 width]`), from `attended`'s gradient.
    fn attend_backward(
        &self,
        head: Head,
        qkv: &[f32],
        probabilities: &[f32],
        attended: &[f32],
        scores: &mut [f32],
        gradients: &mut [f32],
    ) {
        let (keys, context, stride) = (self.plan.keys, self.plan.config.context, 3 * self.plan.config.width);
        let [query, key, value] = head.query_key_value.map(|start| head.view(&qkv[start..], 3));
        let attended = head.view(&attended[head.output..], 1);
        let weights = View::new(probabilities, context, context, keys);
        let [to_query, to_key, to_value] = head.query_key_value;
        self.multiply(&mut gradients[to_value..], stride, weights.transposed(), attended, Band::UpperLeft);
        self.multiply(scores, keys, attended, value.transposed(), Band::LowerOutput);
        causal_softmax_backward(probabilities, scores, keys, head.scale);
        let scores = View::new(scores, context, context, keys);
        self.multiply(&mut gradients[to_query..], stride, scores, key, Band::LowerLeft);
        self.multiply(&mut gradients[to_key..], stride, scores.transposed(), query, Band::UpperLeft);
    }
}

/// Where one head of one sequence lies in a chunk.
#[derive(Debug, Clone, Copy)]
struct Head {
    /// First elements of query, key and value in `[row, 3 width]`.
    query_key_value: [usize; 3],
    /// First element of the head's output in `[row, width]`.
    output: usize,
    scale: f32,
    context: usize,
    head_width: usize,
    width: usize,
}

impl Head {
    fn new(config: &GptConfig, sequence: usize, head: usize) -> Self {
        let (c, head_width) = (config.width, config.head_width());
        let output = sequence * config.context * c + head * head_width;
        let first = sequence * config.context * 3 * c + head * head_width;
        Self {
            query_key_value: [first, first + c, first + 2 * c],
            output,
            scale: 1.0 / (head_width as f32).sqrt(),
            context: config.context,
            head_width,
            width: c,
        }
    }

    /// This head's `[context, head width]` in rows of `parts` widths.
    fn view<'a>(&self, data: &'a [f32], parts: usize) -> View<'a> {
        View::new(data, self.context, self.head_width, parts * self.width)
    }
}

/// Most rows of a matrix gradient that one task computes.
const TASK_ROWS: usize = 512;

/// Adds the weights' gradients of a pass to `gradients`, or replaces them by it (`output`).
///
/// `tokens`: the pass's input. Each task owns some rows of one tensor and runs over the chunks in their order.
pub fn weight_gradients(
    Network { plan, layout, watch, .. }: Network<'_>,
    tokens: &[u32],
    activations: &[f32],
    gradients: &mut [f32],
    output: Output,
) {
    let mut rest = gradients;
    let mut tasks = Vec::new();
    for (tensor, factors) in layout.tensors.iter().zip(factors(plan, layout)) {
        let (mut part, after) = rest.split_at_mut(tensor.range.len());
        rest = after;
        let width = tensor.shape.last().expect("a tensor has a shape");
        for first in (0..part.len() / width).step_by(TASK_ROWS) {
            let (rows, remaining) = part.split_at_mut(part.len().min(TASK_ROWS * width));
            part = remaining;
            tasks.push((factors.clone(), first, rows));
        }
    }
    tasks.into_par_iter().for_each(|(factors, first, into)| {
        if output == Output::Replace {
            into.fill(0.0);
        }
        let chunks = activations.chunks_exact(plan.slab.len).zip(tokens.chunks_exact(plan.rows()));
        for (slab, tokens) in chunks {
            factors.add((plan, watch), slab, tokens, first, into);
        }
    });
}

/// Where a tensor's gradient comes from.
#[derive(Debug, Clone)]
enum Factors {
    /// Outer products of the output's gradient and the input.
    Matrix { gradient: Range<usize>, input: Range<usize> },
    /// As a matrix (the tied head), and the gradient of each token's embedding.
    Tokens,
    /// The gradient of each position's embedding.
    Positions,
    /// The norm's partial sum, at this element of the slab.
    Norm(Range<usize>),
}

/// The factors of each tensor in the order of the layout.
fn factors(plan: &Plan, layout: &Layout) -> Vec<Factors> {
    let slab = &plan.slab;
    let matrices = slab.blocks.iter().enumerate().flat_map(|(layer, block)| {
        [
            (&block.query_key_value, &block.normed_1),
            (&block.middle, &block.attended),
            (&block.hidden, &block.normed_2),
            (slab.stream(layer + 1), &block.activated),
        ]
        .map(|(gradient, input)| Factors::Matrix { gradient: gradient.clone(), input: input.clone() })
    });
    let norms =
        slab.norm_gradients.clone().step_by(plan.config.width).map(|at| Factors::Norm(at..at + plan.config.width));
    let all: Vec<_> = [Factors::Tokens, Factors::Positions].into_iter().chain(matrices).chain(norms).collect();
    debug_assert_eq!(all.len(), layout.tensors.len());
    all
}

impl Factors {
    /// Adds one chunk's share to the rows of the tensor from `first` on.
    fn add(&self, (plan, watch): (&Plan, &Watch), slab: &[f32], tokens: &[u32], first: usize, into: &mut [f32]) {
        let add_outer = |gradient: &Range<usize>, input: &Range<usize>, into: &mut [f32]| {
            add_outer(watch, plan.rows(), &slab[gradient.clone()], &slab[input.clone()], first, into);
        };
        let c = plan.config.width;
        let entering = slab[plan.slab.stream(0).clone()].chunks_exact(c);
        match self {
            Self::Matrix { gradient, input } => add_outer(gradient, input, into),
            Self::Tokens => {
                add_outer(&plan.slab.logits, &plan.slab.normed, into);
                let rows = first..first + into.len() / c;
                for (token, row) in tokens.iter().zip(entering).filter(|(token, _)| rows.contains(&(**token as usize)))
                {
                    add(row, &mut into[(*token as usize - first) * c..][..c]);
                }
            }
            Self::Positions => {
                let rows = first..first + into.len() / c;
                for (i, row) in entering.enumerate() {
                    let position = i % plan.config.context;
                    if rows.contains(&position) {
                        add(row, &mut into[(position - first) * c..][..c]);
                    }
                }
            }
            Self::Norm(range) => add(&slab[range.clone()], into),
        }
    }
}

fn add(from: &[f32], into: &mut [f32]) {
    for (x, y) in into.iter_mut().zip(from) {
        *x += y;
    }
}

/// Adds `gradient' input` over `rows` to the rows of a matrix from `first` on.
fn add_outer(watch: &Watch, rows: usize, gradient: &[f32], input: &[f32], first: usize, into: &mut [f32]) {
    let (outs, ins) = (gradient.len() / rows, input.len() / rows);
    let height = into.len() / ins;
    let left = View::new(&gradient[first..], rows, height, outs).transposed();
    let right = View::new(input, rows, ins, ins);
    let sums = |into: &[f32]| row_sums(into, ins, (height, ins), false);
    let before = if watch.products { sums(into) } else { Vec::new() };
    product(into, ins, Output::Add, left, right, Band::Full);
    if watch.products {
        watch.product(excess(Made { left, sums: &Sums::of(right), before: &before }, &sums(into), ins));
    }
}
