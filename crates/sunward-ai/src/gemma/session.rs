//! Sequences under way: keys and values of the past, and the pass that adds tokens to them.
//!
//! A pass takes rows of (sequence, position, token); a prompt is many rows of one sequence, a decoding step one row of
//! each. A row's result does not depend on which rows share its pass, so that a prompt in one piece or token by token, a
//! batch and each sequence alone give the same bits.
//!
//! Layers that see a window keep only the window and one pass: the place of position p is p modulo their capacity.
//!
//! **Source**: Gemma Team, arXiv:2408.00118 (2024) and arXiv:2503.19786 (2025); Su et al., "RoFormer", arXiv:2104.09864
//! (rotation); Ainslie et al., arXiv:2305.13245 (key heads shared by query heads); Shazeer, arXiv:2002.05202 (GeGLU).

use rayon::prelude::*;
use sunward_units::math;

use super::attention::{Past, attend, gated, norm, norm_add, norm_in_place, rotate, soft_cap};
use super::config::{GemmaConfig, Rotation, Sight};
use super::error::{GemmaError, NETWORK_LIMIT};
use super::matrix::{BLOCK, STRIP, place};
use super::network::{Block, Network, flip_f32};
use crate::kernel::elementwise::largest_magnitude;

/// Rows of one pass at most.
const ROWS: usize = 64;

/// Keys or values of the past, as an upset sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheRegion {
    /// Keys, f32.
    Keys,
    /// Values, f32.
    Values,
}

/// One token at its place.
#[derive(Debug, Clone, Copy)]
struct Row {
    sequence: usize,
    position: usize,
    token: u32,
}

/// One layer's place in the cache: `[sequence, key head, slot, column]` from `start`, the keys' slots laid in strips.
#[derive(Debug, Clone, Copy)]
struct LayerCache {
    start: usize,
    capacity: usize,
}

/// Sequences under way on one network.
#[derive(Debug, Clone)]
pub struct Session {
    context: usize,
    /// Tokens of each sequence so far.
    lengths: Vec<usize>,
    layers: Vec<LayerCache>,
    keys: Vec<f32>,
    values: Vec<f32>,
    turns: Vec<Turns>,
    buffers: Buffers,
    logits: Vec<f32>,
    /// Bits to flip in the next pass: (layer, bit of the residual stream of the pass's last row).
    flips: Vec<(usize, usize)>,
    /// Largest magnitude of the residual stream after each layer; empty where nobody asked for it.
    ranges: Vec<f32>,
}

/// Cosines and sines of one rotation for the rows of a pass.
#[derive(Debug, Clone)]
struct Turns {
    rotation: Rotation,
    /// Angular frequencies, rad a position, `[head width / 2]`.
    frequencies: Vec<f64>,
    /// `[row, (cosine, sine), head width / 2]`.
    table: Vec<f32>,
}

impl Turns {
    /// Frequency i is theta^(-2 i / width) / factor.
    fn new(rotation: Rotation, width: usize) -> Self {
        let frequency = |i| rotation.theta.powf(-2.0 * i as f64 / width as f64) / rotation.factor;
        Self { rotation, frequencies: (0..width / 2).map(frequency).collect(), table: Vec::new() }
    }

    fn prepare(&mut self, rows: &[Row]) {
        self.table.clear();
        for row in rows {
            let angles = || self.frequencies.iter().map(|frequency| row.position as f64 * frequency);
            self.table.extend(angles().map(|angle| math::cos(angle) as f32));
            self.table.extend(angles().map(|angle| math::sin(angle) as f32));
        }
    }

    fn row(&self, row: usize) -> &[f32] {
        let width = 2 * self.frequencies.len();
        &self.table[row * width..][..width]
    }
}

/// What a pass computes on its way.
#[derive(Debug, Clone, Default)]
struct Buffers {
    /// The residual stream, `[row, width]`.
    stream: Vec<f32>,
    /// Input of a matrix, `[row, width]`.
    normed: Vec<f32>,
    /// `[row, queries then keys then values]`.
    heads: Vec<f32>,
    /// `[row, query width]`.
    attended: Vec<f32>,
    /// `[row, gates then what they multiply]`.
    gates: Vec<f32>,
    /// `[row, feed-forward width]`.
    inner: Vec<f32>,
    /// What is added to the stream, `[row, width]`.
    branch: Vec<f32>,
}

impl Buffers {
    fn resize(&mut self, config: &GemmaConfig, rows: usize) {
        let widths = [
            (&mut self.stream, config.width),
            (&mut self.normed, config.width),
            (&mut self.heads, config.query_width() + 2 * config.key_width()),
            (&mut self.attended, config.query_width()),
            (&mut self.gates, 2 * config.feed_forward),
            (&mut self.inner, config.feed_forward),
            (&mut self.branch, config.width),
        ];
        widths.into_iter().for_each(|(buffer, width)| buffer.resize(rows * width, 0.0));
    }
}

impl Session {
    /// An empty session of `sequences`, each of at most `context` tokens.
    ///
    /// # Errors
    /// A context longer than the network's.
    pub fn new(network: &Network, sequences: usize, context: usize) -> Result<Self, GemmaError> {
        let (config, padded) = (network.config(), network.padded());
        if context > config.context {
            return Err(GemmaError::Context {
                what: "session",
                context: config.context,
                limit: NETWORK_LIMIT,
                found: context,
            });
        }
        let (mut layers, mut turns, mut start) = (Vec::new(), Vec::<Turns>::new(), 0);
        for layer in &config.layers {
            let capacity = match layer.sight {
                Sight::Window(window) => context.min(window.saturating_add(ROWS)),
                Sight::All => context,
            };
            let capacity = capacity.next_multiple_of(STRIP);
            layers.push(LayerCache { start, capacity });
            start += sequences * padded.key_width() * capacity;
            if turns.iter().all(|turns| turns.rotation != layer.rotation) {
                turns.push(Turns::new(layer.rotation, config.head_width));
            }
        }
        let (keys, values) = (vec![0.0; start], vec![0.0; start]);
        let lengths = vec![0; sequences];
        Ok(Self {
            context,
            lengths,
            layers,
            keys,
            values,
            turns,
            buffers: Buffers::default(),
            logits: Vec::new(),
            flips: Vec::new(),
            ranges: Vec::new(),
        })
    }

    /// Adds `tokens` to `sequence`; returns the logits after the last, `[vocabulary]`.
    ///
    /// # Errors
    /// No such sequence or token, no token at all, or more than the context holds.
    pub fn prefill(&mut self, network: &Network, sequence: usize, tokens: &[u32]) -> Result<&[f32], GemmaError> {
        self.extend(network, &[(sequence, tokens)])
    }

    /// Adds one token to each sequence named; returns the logits after each, `[token, vocabulary]`.
    ///
    /// # Errors
    /// No such sequence or token, or a full context.
    pub fn decode(&mut self, network: &Network, next: &[(usize, u32)]) -> Result<&[f32], GemmaError> {
        let pieces: Vec<_> = next.iter().map(|(sequence, token)| (*sequence, std::slice::from_ref(token))).collect();
        self.extend(network, &pieces)
    }

    /// Adds a piece of text to each sequence named; returns the logits after the last token of each, `[piece, vocabulary]`.
    ///
    /// Nothing is added where there is an error.
    ///
    /// # Errors
    /// No such sequence or token, an empty piece, or more than the context holds.
    pub fn extend(&mut self, network: &Network, pieces: &[(usize, &[u32])]) -> Result<&[f32], GemmaError> {
        let (rows, lengths) = self.rows(network, pieces)?;
        let mut ends = Vec::new();
        for (_, tokens) in pieces {
            ends.push(ends.last().map_or(0, |end| end + 1) + tokens.len() - 1);
        }
        let vocabulary = network.config().vocabulary;
        self.logits.resize(pieces.len() * vocabulary, 0.0);
        let mut done = 0;
        for (pass, rows) in rows.chunks(ROWS).enumerate() {
            let first = pass * ROWS;
            let wanted: Vec<usize> =
                ends.iter().filter(|end| (first..first + rows.len()).contains(end)).map(|end| end - first).collect();
            self.pass(network, rows);
            self.read_out(network, &wanted, done);
            done += wanted.len();
        }
        self.lengths = lengths;
        Ok(&self.logits)
    }

    /// The logits after each of `tokens`, `[token, vocabulary]`, in a session of their own: to compare with another implementation.
    ///
    /// # Errors
    /// No such token, or more than the context holds.
    pub fn logits(network: &Network, tokens: &[u32]) -> Result<Vec<f32>, GemmaError> {
        let mut session = Self::new(network, 1, tokens.len())?;
        let mut logits = Vec::with_capacity(tokens.len() * network.config().vocabulary);
        for token in tokens {
            logits.extend_from_slice(session.decode(network, &[(0, *token)])?);
        }
        Ok(logits)
    }

    /// The rows of a call, checked, and the lengths after it.
    fn rows(&self, network: &Network, pieces: &[(usize, &[u32])]) -> Result<(Vec<Row>, Vec<usize>), GemmaError> {
        let vocabulary = network.config().vocabulary;
        let (mut rows, mut lengths) = (Vec::new(), self.lengths.clone());
        for (sequence, tokens) in pieces {
            let wrong = |expected, found| GemmaError::Sequence { sequence: *sequence, expected, found };
            let count = self.lengths.len();
            let length = lengths
                .get_mut(*sequence)
                .ok_or_else(|| wrong(format!("a sequence below {count}"), sequence.to_string()))?;
            if tokens.is_empty() {
                return Err(wrong("at least one token".into(), "none".into()));
            }
            if *length + tokens.len() > self.context {
                let found = *length + tokens.len();
                return Err(GemmaError::Context {
                    what: "sequence",
                    context: self.context,
                    limit: "context of the session",
                    found,
                });
            }
            if let Some(token) = tokens.iter().find(|token| **token as usize >= vocabulary) {
                return Err(GemmaError::Token { vocabulary, found: *token });
            }
            let placed = tokens.iter().enumerate();
            rows.extend(placed.map(|(i, t)| Row { sequence: *sequence, position: *length + i, token: *t }));
            *length += tokens.len();
        }
        Ok((rows, lengths))
    }

    /// One pass of `rows` through all layers; the stream is left in the buffers.
    fn pass(&mut self, network: &Network, rows: &[Row]) {
        let config = network.padded();
        self.buffers.resize(config, rows.len());
        self.turns.iter_mut().for_each(|turns| turns.prepare(rows));
        for (row, stream) in rows.iter().zip(self.buffers.stream.chunks_exact_mut(config.width)) {
            network.embed(row.token, stream);
        }
        let flips = std::mem::take(&mut self.flips);
        for (layer, block) in network.layout.blocks.iter().enumerate() {
            for (_, bit) in flips.iter().filter(|(at, _)| *at == layer) {
                flip_f32(&mut self.buffers.stream[(rows.len() - 1) * config.width..], *bit);
            }
            self.attention(network, rows, layer, block);
            self.feed_forward(network, block);
            if let Some(most) = self.ranges.get_mut(layer) {
                let largest = largest_magnitude(&self.buffers.stream);
                *most = if largest > *most || largest.is_nan() { largest } else { *most };
            }
        }
    }

    fn attention(&mut self, network: &Network, rows: &[Row], layer: usize, block: &Block) {
        let Buffers { stream, normed, heads, .. } = &mut self.buffers;
        norm(stream, network.norm(block.before_attention), normed);
        network.store.multiply(block.attention_in, normed, heads);
        network.add_bias(block.biases.map(|biases| biases[0]), heads);
        self.turn_and_keep(network, rows, layer, block);
        self.look_back(network, rows, layer);
        let Buffers { stream, attended, branch, .. } = &mut self.buffers;
        network.store.multiply(block.attention_out, attended, branch);
        network.add_bias(block.biases.map(|biases| biases[1]), branch);
        norm_add(branch, network.norm(block.after_attention), stream);
    }

    /// Norms (Gemma 3) and turns queries and keys in place; copies keys and values to the cache.
    fn turn_and_keep(&mut self, network: &Network, rows: &[Row], layer: usize, block: &Block) {
        let (config, cache) = (network.padded(), self.layers[layer]);
        let width = config.head_width;
        let turns = self.turns.iter().find(|turns| turns.rotation == config.layers[layer].rotation);
        let turns = turns.expect("a session has every layer's rotation");
        let columns = config.query_width() + 2 * config.key_width();
        for (r, (row, heads)) in rows.iter().zip(self.buffers.heads.chunks_exact_mut(columns)).enumerate() {
            let (queries, rest) = heads.split_at_mut(config.query_width());
            let (keys, values) = rest.split_at_mut(config.key_width());
            for (side, heads) in [&mut *queries, &mut *keys].into_iter().enumerate() {
                for head in heads.chunks_exact_mut(width) {
                    if let Some(spans) = block.query_key {
                        norm_in_place(head, network.norm(spans[side]));
                    }
                    rotate(head, turns.row(r));
                }
            }
            for (head, (key, value)) in keys.chunks_exact(width).zip(values.chunks_exact(width)).enumerate() {
                let slot = row.position % cache.capacity;
                let start = cache.start + (row.sequence * config.key_heads + head) * cache.capacity * width;
                self.values[start + slot * width..][..width].copy_from_slice(value);
                for (block, key) in key.chunks_exact(BLOCK).enumerate() {
                    self.keys[start + place(slot, block, width) * BLOCK..][..BLOCK].copy_from_slice(key);
                }
            }
        }
    }

    /// Attention of every row and query head over what its layer sees of its sequence.
    fn look_back(&mut self, network: &Network, rows: &[Row], layer: usize) {
        let (config, cache) = (network.padded(), self.layers[layer]);
        let width = config.head_width;
        let columns = config.query_width() + 2 * config.key_width();
        let scale = 1.0 / (config.query_scalar as f32).sqrt();
        let cap = config.score_cap.map(|cap| cap as f32);
        let (heads, keys, values) = (&self.buffers.heads, &self.keys, &self.values);
        let outputs = self.buffers.attended.par_chunks_mut(width).enumerate();
        outputs.for_each_init(Vec::new, |scores, (at, output)| {
            let (r, head) = (at / config.heads, at % config.heads);
            let row = rows[r];
            let key_head = head / (config.heads / config.key_heads);
            let start = cache.start + (row.sequence * config.key_heads + key_head) * cache.capacity * width;
            let seen = match config.layers[layer].sight {
                Sight::Window(window) => window.min(row.position + 1),
                Sight::All => row.position + 1,
            };
            let past = Past {
                keys: &keys[start..][..cache.capacity * width],
                values: &values[start..][..cache.capacity * width],
                first: (row.position + 1 - seen) % cache.capacity,
                seen,
            };
            attend(&heads[r * columns + head * width..][..width], &past, scale, cap, scores, output);
        });
    }

    fn feed_forward(&mut self, network: &Network, block: &Block) {
        let Buffers { stream, normed, gates, inner, branch, .. } = &mut self.buffers;
        norm(stream, network.norm(block.before_feed_forward), normed);
        network.store.multiply(block.feed_forward_in, normed, gates);
        gated(gates, network.padded().feed_forward, inner);
        network.store.multiply(block.feed_forward_out, inner, branch);
        norm_add(branch, network.norm(block.after_feed_forward), stream);
    }

    /// The logits after the `wanted` rows of the pass, as pieces `done` and on.
    fn read_out(&mut self, network: &Network, wanted: &[usize], done: usize) {
        if wanted.is_empty() {
            return;
        }
        let config = network.padded();
        let vocabulary = network.config().vocabulary;
        let Buffers { stream, normed, .. } = &mut self.buffers;
        let normed = &mut normed[..wanted.len() * config.width];
        for (row, normed) in wanted.iter().zip(normed.chunks_exact_mut(config.width)) {
            let stream = &stream[row * config.width..][..config.width];
            norm(stream, network.norm(network.layout.last_norm), normed);
        }
        let logits = &mut self.logits[done * vocabulary..][..wanted.len() * vocabulary];
        if vocabulary == config.vocabulary {
            network.store.multiply(network.layout.output, normed, logits);
        } else {
            let mut filled = vec![0.0; wanted.len() * config.vocabulary];
            network.store.multiply(network.layout.output, normed, &mut filled);
            let rows = logits.chunks_exact_mut(vocabulary).zip(filled.chunks_exact(config.vocabulary));
            rows.for_each(|(logits, filled)| logits.copy_from_slice(&filled[..vocabulary]));
        }
        if let Some(cap) = config.logit_cap {
            soft_cap(logits, 1.0, cap as f32);
        }
    }

    /// Tokens of `sequence` so far.
    #[must_use]
    pub fn length(&self, sequence: usize) -> usize {
        self.lengths[sequence]
    }

    /// Tokens that a sequence can have.
    #[must_use]
    pub fn context(&self) -> usize {
        self.context
    }

    /// Forgets `sequence`, so that another can take its place.
    pub fn clear(&mut self, sequence: usize) {
        self.lengths[sequence] = 0;
    }

    /// Takes the largest magnitude of the residual stream after each layer from now on; returns those since the last call, `[layer]`.
    pub fn ranges(&mut self) -> Vec<f32> {
        let layers = self.layers.len();
        std::mem::replace(&mut self.ranges, vec![0.0; layers])
    }

    /// All keys and values.
    #[must_use]
    pub fn cache(&self) -> [&[f32]; 2] {
        [&self.keys, &self.values]
    }

    /// Resident bytes of `region`.
    #[must_use]
    pub fn bytes(&self, region: CacheRegion) -> usize {
        match region {
            CacheRegion::Keys => size_of_val(&self.keys[..]),
            CacheRegion::Values => size_of_val(&self.values[..]),
        }
    }

    /// Flips one bit of the activations of the next pass: on entry to `layer`, of the residual stream of its last row; bit b of
    /// column i has index 32 i + b.
    ///
    /// # Panics
    /// In that pass, if the network has no such column.
    pub fn flip_activation(&mut self, layer: usize, bit: usize) {
        self.flips.push((layer, bit));
    }

    /// Flips one bit of `region`; bit b of element i has index 32 i + b, b = 31 being the sign.
    ///
    /// # Panics
    /// If the region has no such bit.
    pub fn flip(&mut self, region: CacheRegion, bit: usize) {
        match region {
            CacheRegion::Keys => flip_f32(&mut self.keys, bit),
            CacheRegion::Values => flip_f32(&mut self.values, bit),
        }
    }
}
