//! The weights of a network: their places in flat buffers, loading, cost, and the bits an upset can strike.

use std::collections::BTreeMap;
use std::path::Path;

use rayon::prelude::*;
use serde::Deserialize;
use sunward_units::{Bits, Flops};

use super::attention::Norm;
use super::config::{GemmaConfig, Sight};
use super::error::{GemmaError, read, read_json};
use super::matrix::{Matrix, Store, Weights, from_bf16, from_half_checked};
use crate::tensor_file::{TensorFile, TensorFileError, digest_words};
use sunward_units::random::{Purpose, Stream};
use xxhash_rust::xxh3::Xxh3;

/// A vector among the norms, filled up with zeros.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    start: usize,
    len: usize,
    /// Elements of the file's tensor.
    count: usize,
}

/// Places of one layer's weights.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    pub(crate) before_attention: Span,
    pub(crate) after_attention: Span,
    pub(crate) before_feed_forward: Span,
    pub(crate) after_feed_forward: Span,
    /// Norms of queries and keys (Gemma 3).
    pub(crate) query_key: Option<[Span; 2]>,
    /// Added to what `attention_in` and `attention_out` give; published networks have none.
    pub(crate) biases: Option<[Span; 2]>,
    /// Queries, keys and values of all heads, one below the other.
    pub(crate) attention_in: Matrix,
    pub(crate) attention_out: Matrix,
    /// Gates, then what they multiply.
    pub(crate) feed_forward_in: Matrix,
    pub(crate) feed_forward_out: Matrix,
}

/// Where a tensor of a file goes.
#[derive(Debug, Clone, Copy)]
enum Place {
    Matrix(Matrix),
    Norm(usize),
}

/// A tensor that a folder must hold.
#[derive(Debug, Clone)]
struct Tensor {
    /// Name without the prefix of its kind of folder.
    name: String,
    shape: Vec<usize>,
    place: Place,
    /// How its rows, and its columns, are spread in memory.
    rows: Spread,
    columns: Spread,
}

impl Tensor {
    fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// Types and shape that will do.
    fn expected(&self) -> String {
        format!("F32, BF16 or F16 {:?}", self.shape)
    }

    fn missing(&self, file: &str) -> TensorFileError {
        let tensor = full_names(&self.name)[0].clone();
        TensorFileError::Missing { file: file.to_owned(), tensor, expected: self.expected() }
    }
}

/// Runs of `count` elements of a file, each filled up with zeros to `padded` elements in memory: one for the whole, or one a head.
#[derive(Debug, Clone, Copy)]
struct Spread {
    count: usize,
    padded: usize,
}

impl Spread {
    /// The place in memory of the `at`-th element.
    fn place(self, at: usize) -> usize {
        at / self.count * self.padded + at % self.count
    }

    fn spread(self, from: &[f32], into: &mut [f32]) {
        let runs = from.chunks_exact(self.count).zip(into.chunks_exact_mut(self.padded));
        runs.for_each(|(from, into)| into[..self.count].copy_from_slice(from));
    }

    fn gather(self, from: &[f32], into: &mut [f32]) {
        let runs = from.chunks_exact(self.padded).zip(into.chunks_exact_mut(self.count));
        runs.for_each(|(from, into)| into.copy_from_slice(&from[..self.count]));
    }
}

/// Places of all weights.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) embedding: Matrix,
    /// The embedding, unless the output layer has a matrix of its own.
    pub(crate) output: Matrix,
    pub(crate) blocks: Vec<Block>,
    pub(crate) last_norm: Span,
    tensors: Vec<Tensor>,
    matrix_len: usize,
    norm_len: usize,
}

/// Runs along one side of tensors: how many of them, and each one's spread.
#[derive(Debug, Clone, Copy)]
struct Side {
    runs: usize,
    spread: Spread,
}

impl Side {
    fn of(runs: usize, count: usize, padded: usize) -> Self {
        Self { runs, spread: Spread { count, padded } }
    }

    fn count(self) -> usize {
        self.runs * self.spread.count
    }

    fn padded(self) -> usize {
        self.runs * self.spread.padded
    }
}

/// The sides of a network's tensors.
#[derive(Debug, Clone, Copy)]
struct Sides {
    vocabulary: Side,
    width: Side,
    feed_forward: Side,
    queries: Side,
    keys: Side,
    head: Side,
}

impl Sides {
    fn new(config: &GemmaConfig) -> Self {
        let padded = config.padded();
        let heads = |runs| Side::of(runs, config.head_width, padded.head_width);
        Self {
            vocabulary: Side::of(1, config.vocabulary, padded.vocabulary),
            width: Side::of(1, config.width, padded.width),
            feed_forward: Side::of(1, config.feed_forward, padded.feed_forward),
            queries: heads(config.heads),
            keys: heads(config.key_heads),
            head: heads(1),
        }
    }
}

impl Layout {
    fn new(config: &GemmaConfig) -> Self {
        let sides = Sides::new(config);
        let none = Matrix { start: 0, rows: 0, columns: 0 };
        let mut layout = Self {
            embedding: none,
            output: none,
            blocks: Vec::new(),
            last_norm: Span { start: 0, len: 0, count: 0 },
            tensors: Vec::new(),
            matrix_len: 0,
            norm_len: 0,
        };
        layout.embedding = layout.matrix(sides.width, &[("embed_tokens".into(), sides.vocabulary)]);
        layout.blocks = (0..config.layers.len()).map(|layer| layout.block(config, &sides, layer)).collect();
        layout.last_norm = layout.vectors(&[("norm.weight".into(), sides.width)]);
        layout.output = if config.tied {
            layout.embedding
        } else {
            layout.matrix(sides.width, &[(OUTPUT.into(), sides.vocabulary)])
        };
        layout
    }

    /// A matrix of the named tensors, one below the other.
    fn matrix(&mut self, columns: Side, parts: &[(String, Side)]) -> Matrix {
        let start = self.matrix_len;
        for (name, rows) in parts {
            let matrix = Matrix { start: self.matrix_len, rows: rows.padded(), columns: columns.padded() };
            self.tensors.push(Tensor {
                name: format!("{name}.weight"),
                shape: vec![rows.count(), columns.count()],
                place: Place::Matrix(matrix),
                rows: rows.spread,
                columns: columns.spread,
            });
            self.matrix_len += matrix.len();
        }
        Matrix { start, rows: parts.iter().map(|part| part.1.padded()).sum(), columns: columns.padded() }
    }

    /// A vector of the named tensors, one after the other.
    fn vectors(&mut self, parts: &[(String, Side)]) -> Span {
        let start = self.norm_len;
        for (name, side) in parts {
            let (name, shape, place) = (name.clone(), vec![side.count()], Place::Norm(self.norm_len));
            let rows = Spread { count: 1, padded: 1 };
            self.tensors.push(Tensor { name, shape, place, rows, columns: side.spread });
            self.norm_len += side.padded();
        }
        Span { start, len: self.norm_len - start, count: parts.iter().map(|part| part.1.count()).sum() }
    }

    fn block(&mut self, config: &GemmaConfig, sides: &Sides, layer: usize) -> Block {
        let name = |part: &str| format!("layers.{layer}.{part}");
        let Sides { width, feed_forward, queries, keys, head, .. } = *sides;
        let mut norm = |part: &str, side| self.vectors(&[(format!("{}.weight", name(part)), side)]);
        let [before_attention, after_attention, before_feed_forward, after_feed_forward] =
            ["input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm", "post_feedforward_layernorm"]
                .map(|part| norm(part, width));
        let query_key = ["self_attn.q_norm", "self_attn.k_norm"];
        let query_key = config.query_key_norm.then(|| query_key.map(|part| norm(part, head)));
        let inputs = [("self_attn.q_proj", queries), ("self_attn.k_proj", keys), ("self_attn.v_proj", keys)];
        let outputs = [("self_attn.o_proj", width)];
        let mut bias = |parts: &[(&str, Side)]| {
            let named = parts.iter().map(|(part, side)| (format!("{}.bias", name(part)), *side));
            self.vectors(&named.collect::<Vec<_>>())
        };
        let biases = config.attention_bias.then(|| [bias(&inputs), bias(&outputs)]);
        let mut matrix = |columns, parts: &[(&str, Side)]| {
            let named = parts.iter().map(|(part, side)| (name(part), *side));
            self.matrix(columns, &named.collect::<Vec<_>>())
        };
        Block {
            before_attention,
            after_attention,
            before_feed_forward,
            after_feed_forward,
            query_key,
            biases,
            attention_in: matrix(width, &inputs),
            attention_out: matrix(queries, &outputs),
            feed_forward_in: matrix(width, &[("mlp.gate_proj", feed_forward), ("mlp.up_proj", feed_forward)]),
            feed_forward_out: matrix(feed_forward, &[("mlp.down_proj", width)]),
        }
    }

    /// Elements of the files' matrices.
    fn matrix_elements(&self) -> usize {
        let matrices = self.tensors.iter().filter(|tensor| matches!(tensor.place, Place::Matrix(_)));
        matrices.map(Tensor::elements).sum()
    }
}

/// The output layer of a network whose embedding is not.
const OUTPUT: &str = "lm_head";

/// Weights that stay in memory, as an upset sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WeightRegion {
    /// All matrices, the embedding first: f32, bf16 or whole numbers of 8 bits.
    Matrices,
    /// Half-precision scales of the whole numbers; empty for the other forms.
    Scales,
    /// Weights of the norms, f32.
    Norms,
}

/// Elements of a shard that a digest stands for.
pub const SHARD: usize = 1 << 16;

/// A network: sizes and weights.
#[derive(Debug, Clone)]
pub struct Network {
    config: GemmaConfig,
    padded: GemmaConfig,
    pub(crate) layout: Layout,
    pub(crate) store: Store,
    norms: Vec<f32>,
}

/// The shards of a folder and which tensor is in which.
#[derive(Debug, Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

impl Network {
    /// A network of zeros.
    fn zeros(config: GemmaConfig, form: Weights) -> Self {
        let layout = Layout::new(&config);
        let (store, norms) = (Store::new(form, layout.matrix_len), vec![0.0; layout.norm_len]);
        Self { padded: config.padded(), config, layout, store, norms }
    }

    /// A network of random weights, for measurements: 256 even levels, variance 1 / columns; norms of 0 (a factor of 1).
    #[must_use]
    pub fn random(config: GemmaConfig, form: Weights, seed: u64) -> Self {
        let mut network = Self::zeros(config, form);
        for (at, tensor) in network.layout.tensors.iter().enumerate() {
            let Place::Matrix(matrix) = tensor.place else { continue };
            let stream = Stream::new(seed, at as u32, Purpose::Weights);
            let (rows, columns) = (tensor.shape[0], tensor.shape[1]);
            let scale = (12.0 / columns as f32).sqrt() / 256.0;
            let (mut row, mut spread) = (vec![0.0; columns], vec![0.0; matrix.columns]);
            for r in 0..rows {
                for (part, cells) in row.chunks_mut(8).enumerate() {
                    let bytes = stream.bits((r * columns.div_ceil(8) + part) as u64).to_le_bytes();
                    cells.iter_mut().zip(bytes).for_each(|(x, byte)| *x = (f32::from(byte) - 127.5) * scale);
                }
                tensor.columns.spread(&row, &mut spread);
                network.store.put(matrix, tensor.rows.place(r), &spread);
            }
        }
        network
    }

    /// The network in the folder `dir`: config.json and model.safetensors, or the shards that model.safetensors.index.json names.
    ///
    /// # Errors
    /// A file that cannot be read, a configuration that is not Gemma's, a tensor that is truncated, missing, or of
    /// another shape or type: the message names file, tensor, what was expected and found.
    pub fn load(dir: &Path, form: Weights) -> Result<Self, GemmaError> {
        let path = dir.join("config.json");
        let config = GemmaConfig::from_json(&path.display().to_string(), &read_json(&path)?)?;
        // Nothing is reserved before the first file is seen to hold what the configuration asks for.
        let mut network = None;
        for (shard, tensors) in shards(dir, Layout::new(&config).tensors)? {
            let path = dir.join(&shard);
            let (name, bytes) = (path.display().to_string(), read(&path)?);
            let file = TensorFile::read(&name, &bytes)?;
            let found: Vec<_> = tensors.iter().map(|tensor| find(&file, tensor)).collect::<Result<_, _>>()?;
            let network = network.get_or_insert_with(|| Self::zeros(config.clone(), form));
            tensors.iter().zip(found).for_each(|(tensor, found)| network.take(tensor, &found));
        }
        Ok(network.expect("a layout has tensors, and these are in files"))
    }

    /// Puts one tensor of a file in its place.
    fn take(&mut self, tensor: &Tensor, found: &Found<'_>) {
        let columns = tensor.shape.last().copied().unwrap_or(1);
        let mut row = vec![0.0; columns];
        let mut spread = vec![0.0; columns / tensor.columns.count * tensor.columns.padded];
        for (r, bytes) in found.bytes.chunks_exact(found.element * columns).enumerate() {
            row.iter_mut().zip(bytes.chunks_exact(found.element)).for_each(|(x, bytes)| *x = (found.widen)(bytes));
            tensor.columns.spread(&row, &mut spread);
            match tensor.place {
                Place::Matrix(matrix) => self.store.put(matrix, tensor.rows.place(r), &spread),
                Place::Norm(start) => self.norms[start..][..spread.len()].copy_from_slice(&spread),
            }
        }
    }

    /// Every tensor as published folders name it, with its shape and elements.
    #[must_use]
    pub fn tensors(&self) -> Vec<(String, Vec<usize>, Vec<f32>)> {
        let elements = |tensor: &Tensor| {
            let mut all = vec![0.0; tensor.elements()];
            match tensor.place {
                Place::Norm(start) => tensor.columns.gather(&self.norms[start..], &mut all),
                Place::Matrix(matrix) => {
                    let mut row = vec![0.0; matrix.columns];
                    for (r, into) in all.chunks_exact_mut(tensor.shape[1]).enumerate() {
                        self.store.row(matrix, tensor.rows.place(r), &mut row);
                        tensor.columns.gather(&row, into);
                    }
                }
            }
            all
        };
        let name = |tensor: &Tensor| full_names(&tensor.name)[0].clone();
        let tensors = self.layout.tensors.iter();
        tensors.map(|tensor| (name(tensor), tensor.shape.clone(), elements(tensor))).collect()
    }

    /// XXH3-64 of all weights as stored, and of the sizes.
    #[must_use]
    pub fn digest(&self) -> u64 {
        let mut state = Xxh3::new();
        state.update(format!("{:?} {:?}", self.config, self.form()).as_bytes());
        let mut words = |half: &[u16]| half.iter().for_each(|word| state.update(&word.to_le_bytes()));
        match &self.store {
            Store::F32(data) => data.iter().for_each(|x| state.update(&x.to_le_bytes())),
            Store::Bf16(data) => words(data),
            Store::Int8 { quants, scales } => {
                words(scales);
                quants.iter().for_each(|quant| state.update(&quant.to_le_bytes()));
            }
        }
        self.norms.iter().for_each(|x| state.update(&x.to_le_bytes()));
        state.digest()
    }

    /// Sizes and constants.
    #[must_use]
    pub fn config(&self) -> &GemmaConfig {
        &self.config
    }

    /// How the weights are stored.
    #[must_use]
    pub fn form(&self) -> Weights {
        self.store.form()
    }

    /// Sizes as they lie in memory.
    pub(crate) fn padded(&self) -> &GemmaConfig {
        &self.padded
    }

    pub(crate) fn norm(&self, span: Span) -> Norm<'_> {
        let weight = &self.norms[span.start..][..span.len];
        Norm { weight, count: span.count, epsilon: self.config.norm_epsilon as f32 }
    }

    /// Adds a bias, if there is one, to each of `rows`.
    pub(crate) fn add_bias(&self, bias: Option<Span>, rows: &mut [f32]) {
        let Some(span) = bias else { return };
        let bias = &self.norms[span.start..][..span.len];
        rows.chunks_exact_mut(span.len).for_each(|row| row.iter_mut().zip(bias).for_each(|(y, b)| *y += b));
    }

    /// Weights of a network of these sizes.
    #[must_use]
    pub fn parameters(config: &GemmaConfig) -> usize {
        Layout::new(config).tensors.iter().map(Tensor::elements).sum()
    }

    /// Positions that a token at `position` sees, over all layers.
    fn seen(&self, position: usize) -> usize {
        let seen = |sight| match sight {
            Sight::Window(window) => window.min(position + 1),
            Sight::All => position + 1,
        };
        self.config.layers.iter().map(|layer| seen(layer.sight)).sum()
    }

    /// Work of one token at `position` (from 0): two operations a weight of every matrix, the embedding as output layer
    /// included, and four a column of the queries and position seen.
    ///
    /// **Source**: Kaplan et al., "Scaling laws for neural language models", arXiv:2001.08361, section 2.1.
    ///
    /// **Not modelled**: norms, rotations, softmax (below 1 % at the published widths).
    #[must_use]
    pub fn flops_per_token(&self, position: usize) -> Flops {
        let output = if self.config.tied { 0 } else { self.config.vocabulary * self.config.width };
        let matrices = self.layout.matrix_elements() - output;
        Flops((2 * matrices + 4 * self.config.query_width() * self.seen(position)) as f64)
    }

    /// Data read and written for one token at `position` of one sequence: all weights, the keys and values seen, its own.
    ///
    /// A batch reads the weights ([`Network::weight_data`]) once for all its sequences.
    #[must_use]
    pub fn bytes_per_token(&self, position: usize) -> Bits {
        self.weight_data() + self.cache_data(position)
    }

    /// Data of all weights, as stored.
    #[must_use]
    pub fn weight_data(&self) -> Bits {
        let regions = [WeightRegion::Matrices, WeightRegion::Scales, WeightRegion::Norms];
        Bits(regions.into_iter().map(|region| 8.0 * self.bytes(region) as f64).sum())
    }

    /// Keys and values that a token at `position` reads and writes.
    #[must_use]
    pub fn cache_data(&self, position: usize) -> Bits {
        let rows = self.seen(position) + self.config.layers.len();
        Bits((2 * 32 * self.padded.key_width() * rows) as f64)
    }

    /// Resident bytes of `region`.
    #[must_use]
    pub fn bytes(&self, region: WeightRegion) -> usize {
        let (matrices, scales) = match &self.store {
            Store::F32(data) => (size_of_val(&data[..]), 0),
            Store::Bf16(data) => (size_of_val(&data[..]), 0),
            Store::Int8 { quants, scales } => (quants.len(), size_of_val(&scales[..])),
        };
        match region {
            WeightRegion::Matrices => matrices,
            WeightRegion::Scales => scales,
            WeightRegion::Norms => size_of_val(&self.norms[..]),
        }
    }

    /// One digest a shard of [`SHARD`] elements: matrices, then scales, then norms.
    #[must_use]
    pub fn shard_digests(&self) -> Vec<u64> {
        fn of<T: Copy + Sync, const N: usize>(data: &[T], bytes: fn(T) -> [u8; N]) -> Vec<u64> {
            data.par_chunks(SHARD).map(|shard| digest_words(shard, bytes)).collect()
        }
        let mut shards = match &self.store {
            Store::F32(data) => of(data, f32::to_le_bytes),
            Store::Bf16(data) => of(data, u16::to_le_bytes),
            Store::Int8 { quants, scales } => [of(quants, i8::to_le_bytes), of(scales, u16::to_le_bytes)].concat(),
        };
        shards.extend(of(&self.norms, f32::to_le_bytes));
        shards
    }

    /// Flips one bit of `region`: bit b of element i of w bits has index w i + b, the highest being the sign.
    ///
    /// # Panics
    /// If the region has no such bit.
    pub fn flip(&mut self, region: WeightRegion, bit: usize) {
        match (region, &mut self.store) {
            (WeightRegion::Norms, _) => flip_f32(&mut self.norms, bit),
            (WeightRegion::Matrices, Store::F32(data)) => flip_f32(data, bit),
            (WeightRegion::Matrices, Store::Bf16(data)) => data[bit / 16] ^= 1 << (bit % 16),
            (WeightRegion::Matrices, Store::Int8 { quants, .. }) => quants[bit / 8] ^= (1u8 << (bit % 8)) as i8,
            (WeightRegion::Scales, Store::Int8 { scales, .. }) => scales[bit / 16] ^= 1 << (bit % 16),
            (WeightRegion::Scales, _) => panic!("weights of form {:?} have no scales to flip", self.store.form()),
        }
    }

    /// The embedding of `token` times the square root of the width, into `into`.
    pub(crate) fn embed(&self, token: u32, into: &mut [f32]) {
        self.store.row(self.layout.embedding, token as usize, into);
        let scale = (self.config.width as f32).sqrt();
        into.iter_mut().for_each(|x| *x *= scale);
    }
}

/// Flips bit `bit` of `data`.
pub(crate) fn flip_f32(data: &mut [f32], bit: usize) {
    let element = &mut data[bit / 32];
    *element = f32::from_bits(element.to_bits() ^ 1 << (bit % 32));
}

/// The names a tensor goes by: in a text model, and in the older and newer folders of text and images.
fn full_names(name: &str) -> [String; 3] {
    let prefixes = if name.starts_with(OUTPUT) {
        ["", "language_model.", "model.language_model."]
    } else {
        ["model.", "language_model.model.", "model.language_model."]
    };
    prefixes.map(|prefix| format!("{prefix}{name}"))
}

/// The files of a folder in order, with the tensors to take from each; a tensor that the index lacks is an error.
fn shards(dir: &Path, tensors: Vec<Tensor>) -> Result<BTreeMap<String, Vec<Tensor>>, GemmaError> {
    let path = dir.join("model.safetensors.index.json");
    if !path.exists() {
        return Ok(BTreeMap::from([("model.safetensors".to_owned(), tensors)]));
    }
    let index: Index = read_json(&path)?;
    let mut shards = BTreeMap::<_, Vec<Tensor>>::new();
    for tensor in tensors {
        let names = full_names(&tensor.name);
        let shard = names.iter().find_map(|name| index.weight_map.get(name));
        let missing = || tensor.missing(&path.display().to_string());
        shards.entry(shard.ok_or_else(missing)?.clone()).or_default().push(tensor);
    }
    Ok(shards)
}

/// A tensor of a file, and how its elements are read.
struct Found<'a> {
    bytes: &'a [u8],
    /// Bytes of an element.
    element: usize,
    widen: fn(&[u8]) -> f32,
}

/// The tensor of `file` that `tensor` asks for.
fn find<'a>(file: &TensorFile<'a>, tensor: &Tensor) -> Result<Found<'a>, TensorFileError> {
    let names = full_names(&tensor.name);
    let found = names.iter().find_map(|name| file.tensor(name).map(|found| (name, found)));
    let Some((name, (kind, shape, bytes))) = found else {
        return Err(tensor.missing(file.file()));
    };
    let form = |expected: String| TensorFileError::Form {
        file: file.file().to_owned(),
        tensor: name.clone(),
        expected,
        found: format!("{kind} {shape:?}"),
    };
    let (element, widen): (usize, fn(&[u8]) -> f32) = match kind {
        "F32" => (4, |b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])),
        "BF16" => (2, |b| from_bf16(u16::from_le_bytes([b[0], b[1]]))),
        "F16" => (2, |b| from_half_checked(u16::from_le_bytes([b[0], b[1]]))),
        _ => return Err(form(tensor.expected())),
    };
    if *shape != tensor.shape {
        return Err(form(format!("{kind} {:?}", tensor.shape)));
    }
    Ok(Found { bytes, element, widen })
}
