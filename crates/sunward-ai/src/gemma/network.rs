//! The weights of a network: their places in flat buffers, loading, cost, and the bits an upset can strike.

use std::collections::BTreeMap;
use std::path::Path;

use rayon::prelude::*;
use serde::Deserialize;
use sunward_units::{Bits, Flops};

use super::config::{GemmaConfig, Sight};
use super::error::{GemmaError, read, read_json};
use super::matrix::{BLOCK, Matrix, Store, Weights, from_bf16, from_half_checked};
use crate::tensor_file::{TensorFile, TensorFileError, digest_words};
use sunward_units::random::{Purpose, Stream};
use xxhash_rust::xxh3::Xxh3;

/// A vector among the norms.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    start: usize,
    len: usize,
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
}

/// Places of all weights.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) embedding: Matrix,
    pub(crate) blocks: Vec<Block>,
    pub(crate) last_norm: Span,
    tensors: Vec<Tensor>,
    matrix_len: usize,
    norm_len: usize,
}

impl Layout {
    fn new(config: &GemmaConfig) -> Self {
        let none = Matrix { start: 0, rows: 0, columns: 0 };
        let mut layout = Self {
            embedding: none,
            blocks: Vec::new(),
            last_norm: Span { start: 0, len: 0 },
            tensors: Vec::new(),
            matrix_len: 0,
            norm_len: 0,
        };
        layout.embedding = layout.matrix(config.width, &[("embed_tokens".into(), config.vocabulary)]);
        layout.blocks = (0..config.layers.len()).map(|layer| layout.block(config, layer)).collect();
        layout.last_norm = layout.norm("norm".into(), config.width);
        layout
    }

    /// A matrix of the named tensors, one below the other.
    fn matrix(&mut self, columns: usize, parts: &[(String, usize)]) -> Matrix {
        let start = self.matrix_len;
        for (name, rows) in parts {
            let place = Place::Matrix(Matrix { start: self.matrix_len, rows: *rows, columns });
            self.tensors.push(Tensor { name: format!("{name}.weight"), shape: vec![*rows, columns], place });
            self.matrix_len += rows * columns;
        }
        Matrix { start, rows: parts.iter().map(|part| part.1).sum(), columns }
    }

    fn norm(&mut self, name: String, len: usize) -> Span {
        let start = self.norm_len;
        self.norm_len += len;
        self.tensors.push(Tensor { name: format!("{name}.weight"), shape: vec![len], place: Place::Norm(start) });
        Span { start, len }
    }

    fn block(&mut self, config: &GemmaConfig, layer: usize) -> Block {
        let name = |part: &str| format!("layers.{layer}.{part}");
        let (query, key) = (config.query_width(), config.key_width());
        let heads = [("self_attn.q_proj", query), ("self_attn.k_proj", key), ("self_attn.v_proj", key)];
        let gates = [("mlp.gate_proj", config.feed_forward), ("mlp.up_proj", config.feed_forward)];
        let query_key = ["self_attn.q_norm", "self_attn.k_norm"];
        Block {
            before_attention: self.norm(name("input_layernorm"), config.width),
            after_attention: self.norm(name("post_attention_layernorm"), config.width),
            before_feed_forward: self.norm(name("pre_feedforward_layernorm"), config.width),
            after_feed_forward: self.norm(name("post_feedforward_layernorm"), config.width),
            query_key: config.query_key_norm.then(|| query_key.map(|part| self.norm(name(part), config.head_width))),
            attention_in: self.matrix(config.width, &heads.map(|(part, rows)| (name(part), rows))),
            attention_out: self.matrix(query, &[(name("self_attn.o_proj"), config.width)]),
            feed_forward_in: self.matrix(config.width, &gates.map(|(part, rows)| (name(part), rows))),
            feed_forward_out: self.matrix(config.feed_forward, &[(name("mlp.down_proj"), config.width)]),
        }
    }
}

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
        Self { config, layout, store, norms }
    }

    /// A network of random weights, for measurements: 256 even levels, variance 1 / columns; norms of 0 (a factor of 1).
    #[must_use]
    pub fn random(config: GemmaConfig, form: Weights, seed: u64) -> Self {
        let mut network = Self::zeros(config, form);
        for (at, tensor) in network.layout.tensors.iter().enumerate() {
            let Place::Matrix(matrix) = tensor.place else { continue };
            let stream = Stream::new(seed, at as u32, Purpose::Weights);
            let scale = (12.0 / matrix.columns as f32).sqrt() / 256.0;
            let mut row = vec![0.0; matrix.columns];
            for r in 0..matrix.rows {
                for (part, cells) in row.as_chunks_mut::<8>().0.iter_mut().enumerate() {
                    let bytes = stream.bits((r * matrix.columns / 8 + part) as u64).to_le_bytes();
                    *cells = bytes.map(|byte| (f32::from(byte) - 127.5) * scale);
                }
                network.store.put(matrix, r, &row);
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
        let mut network = Self::zeros(config, form);
        for (shard, tensors) in network.shards(dir)? {
            let path = dir.join(&shard);
            let (name, bytes) = (path.display().to_string(), read(&path)?);
            let file = TensorFile::read(&name, &bytes)?;
            for tensor in tensors {
                network.take(&file, &tensor)?;
            }
        }
        Ok(network)
    }

    /// The files of a folder in order, with the tensors to take from each; a tensor that the index lacks is an error.
    fn shards(&self, dir: &Path) -> Result<BTreeMap<String, Vec<Tensor>>, GemmaError> {
        let path = dir.join("model.safetensors.index.json");
        if !path.exists() {
            return Ok(BTreeMap::from([("model.safetensors".to_owned(), self.layout.tensors.clone())]));
        }
        let index: Index = read_json(&path)?;
        let mut shards = BTreeMap::<_, Vec<Tensor>>::new();
        for tensor in &self.layout.tensors {
            let shard = full_names(&tensor.name).into_iter().find_map(|name| index.weight_map.get(&name));
            let missing = || TensorFileError::Missing {
                file: path.display().to_string(),
                tensor: format!("model.{}", tensor.name),
            };
            shards.entry(shard.ok_or_else(missing)?.clone()).or_default().push(tensor.clone());
        }
        Ok(shards)
    }

    /// Takes one tensor from its file.
    fn take(&mut self, file: &TensorFile<'_>, tensor: &Tensor) -> Result<(), GemmaError> {
        let names = full_names(&tensor.name);
        let found = names.iter().find_map(|name| file.tensor(name).map(|found| (name, found)));
        let Some((name, (kind, shape, bytes))) = found else {
            return Err(TensorFileError::Missing { file: file.file().to_owned(), tensor: names[0].clone() }.into());
        };
        let form = |expected: String| TensorFileError::Form {
            file: file.file().to_owned(),
            tensor: name.clone(),
            expected,
            found: format!("{kind} {shape:?}"),
        };
        let widen: fn(&[u8]) -> f32 = match kind {
            "F32" => |b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]),
            "BF16" => |b| from_bf16(u16::from_le_bytes([b[0], b[1]])),
            "F16" => |b| from_half_checked(u16::from_le_bytes([b[0], b[1]])),
            _ => return Err(form(format!("F32, BF16 or F16 {:?}", tensor.shape)).into()),
        };
        if *shape != tensor.shape {
            return Err(form(format!("{kind} {:?}", tensor.shape)).into());
        }
        let element = if kind == "F32" { 4 } else { 2 };
        let columns = tensor.shape.last().copied().unwrap_or(1);
        let mut row = vec![0.0; columns];
        for (r, bytes) in bytes.chunks_exact(element * columns).enumerate() {
            row.iter_mut().zip(bytes.chunks_exact(element)).for_each(|(x, bytes)| *x = widen(bytes));
            match tensor.place {
                Place::Matrix(matrix) => self.store.put(matrix, r, &row),
                Place::Norm(start) => self.norms[start..][..columns].copy_from_slice(&row),
            }
        }
        Ok(())
    }

    /// Every tensor as published folders name it, with its shape and elements.
    #[must_use]
    pub fn tensors(&self) -> Vec<(String, Vec<usize>, Vec<f32>)> {
        let elements = |tensor: &Tensor| match tensor.place {
            Place::Norm(start) => self.norms[start..][..tensor.shape[0]].to_vec(),
            Place::Matrix(matrix) => {
                let mut all = vec![0.0; matrix.rows * matrix.columns];
                let rows = all.chunks_exact_mut(matrix.columns).enumerate();
                rows.for_each(|(row, into)| self.store.row(matrix, row, into));
                all
            }
        };
        let tensors = self.layout.tensors.iter();
        tensors.map(|tensor| (format!("model.{}", tensor.name), tensor.shape.clone(), elements(tensor))).collect()
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

    pub(crate) fn norm(&self, span: Span) -> &[f32] {
        &self.norms[span.start..][..span.len]
    }

    /// Weights of a network of these sizes.
    #[must_use]
    pub fn parameters(config: &GemmaConfig) -> usize {
        let layout = Layout::new(config);
        layout.matrix_len + layout.norm_len
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
        Flops((2 * self.layout.matrix_len + 4 * self.config.query_width() * self.seen(position)) as f64)
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
        Bits((2 * 32 * self.config.key_width() * rows) as f64)
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
    ["model.", "language_model.model.", "model.language_model."].map(|prefix| format!("{prefix}{name}"))
}

const _: () = assert!(BLOCK.is_multiple_of(8), "random weights are drawn eight at a time");
