//! Low-rank adapters: fine-tuning that trains `A` and `B` of `W + (alpha / rank) B A` and leaves `W` alone.
//!
//! What it saves in orbit is state: moments, checkpoint and downlink hold adapters only. The products are done with the merged
//! matrix, so a step costs what a full one costs.
//!
//! **Source**: Hu et al., "LoRA: low-rank adaptation of large language models", arXiv:2106.09685, equation 3 and section 4.1.

use std::ops::Range;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::config::ConfigError;
use super::parameters::{Layout, Tensor};
use crate::kernel::product::Output;
use crate::kernel::{Band, View, product};
use sunward_units::random::{Purpose, Stream};

/// Size of the adapters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AdapterConfig {
    /// Rank of the change of each matrix.
    pub rank: usize,
    /// Scale: the change is multiplied by `alpha / rank`.
    pub alpha: f64,
}

impl AdapterConfig {
    /// The same adapters, if they can be had.
    ///
    /// # Errors
    /// A rank of 0, or a scale that is not above 0.
    pub fn validated(self) -> Result<Self, ConfigError> {
        if self.rank == 0 {
            return Err(ConfigError::Zero { what: "adapter rank" });
        }
        if !(self.alpha > 0.0 && self.alpha.is_finite()) {
            return Err(ConfigError::Range { what: "adapter alpha", got: self.alpha, expected: "above 0" });
        }
        Ok(self)
    }

    fn scale(&self) -> f32 {
        (self.alpha / self.rank as f64) as f32
    }
}

/// One matrix and its adapter.
#[derive(Debug, Clone)]
struct Adapted {
    matrix: Range<usize>,
    out: usize,
    input: usize,
    /// `[rank, in]` in the adapters' buffer.
    down: Range<usize>,
    /// `[out, rank]` in the adapters' buffer.
    up: Range<usize>,
}

/// Places of the adapters of every matrix of every block in one flat buffer.
#[derive(Debug, Clone)]
pub struct AdapterLayout {
    config: AdapterConfig,
    adapted: Vec<Adapted>,
    /// `NAME.lora_A` and `NAME.lora_B` in the buffer's order.
    pub tensors: Vec<Tensor>,
}

impl AdapterLayout {
    /// Adapters for all matrices of the blocks of `layout`.
    #[must_use]
    pub fn new(config: AdapterConfig, layout: &Layout) -> Self {
        let mut tensors: Vec<Tensor> = Vec::new();
        let mut place = |name: String, shape: [usize; 2]| {
            let start = tensors.last().map_or(0, |last| last.range.end);
            let range = start..start + shape[0] * shape[1];
            tensors.push(Tensor { name, range: range.clone(), shape: shape.to_vec() });
            range
        };
        let matrices = layout.tensors.iter().filter(|t| t.range.start >= layout.positions.end && t.shape.len() == 2);
        let adapted = matrices
            .map(|tensor| {
                let [out, input] = [tensor.shape[0], tensor.shape[1]];
                Adapted {
                    matrix: tensor.range.clone(),
                    out,
                    input,
                    down: place(format!("{}.lora_A", tensor.name), [config.rank, input]),
                    up: place(format!("{}.lora_B", tensor.name), [out, config.rank]),
                }
            })
            .collect();
        Self { config, adapted, tensors }
    }

    /// Elements of the adapters' buffer.
    #[must_use]
    pub fn elements(&self) -> usize {
        self.tensors.last().map_or(0, |last| last.range.end)
    }

    /// Fresh adapters, which change nothing yet: A normal with deviation 1 / sqrt(in), B zero.
    #[must_use]
    pub fn initial(&self, seed: u64) -> Vec<f32> {
        let mut adapters = vec![0.0; self.elements()];
        let draw = Stream::new(seed, 1, Purpose::Weights);
        for adapted in &self.adapted {
            let deviation = 1.0 / (adapted.input as f64).sqrt();
            for i in adapted.down.clone() {
                adapters[i] = (deviation * draw.normal(i as u64)) as f32;
            }
        }
        adapters
    }

    /// `merged = weights + (alpha / rank) B A`.
    pub fn merge(&self, weights: &[f32], adapters: &[f32], merged: &mut [f32]) {
        merged.copy_from_slice(weights);
        let (rank, scale) = (self.config.rank, self.config.scale());
        let mut rest = merged;
        let mut at = 0;
        let mut jobs = Vec::with_capacity(self.adapted.len());
        for adapted in &self.adapted {
            let (_, after) = rest.split_at_mut(adapted.matrix.start - at);
            let (matrix, after) = after.split_at_mut(adapted.matrix.len());
            (rest, at) = (after, adapted.matrix.end);
            jobs.push((adapted, matrix));
        }
        jobs.into_par_iter().for_each(|(adapted, matrix)| {
            let down: Vec<f32> = adapters[adapted.down.clone()].iter().map(|a| a * scale).collect();
            let up = View::new(&adapters[adapted.up.clone()], adapted.out, rank, rank);
            let down = View::new(&down, rank, adapted.input, adapted.input);
            product(matrix, adapted.input, Output::Add, up, down, Band::Full);
        });
    }

    /// The adapters' gradients from those of the merged matrices: dA = s B' dW, dB = s dW A'.
    pub fn gradients(&self, adapters: &[f32], of_weights: &[f32], gradients: &mut [f32]) {
        let (rank, scale) = (self.config.rank, self.config.scale());
        for adapted in &self.adapted {
            let (out, input) = (adapted.out, adapted.input);
            let weight = View::new(&of_weights[adapted.matrix.clone()], out, input, input);
            let down = View::new(&adapters[adapted.down.clone()], rank, input, input);
            let up = View::new(&adapters[adapted.up.clone()], out, rank, rank);
            product(&mut gradients[adapted.down.clone()], input, Output::Replace, up.transposed(), weight, Band::Full);
            product(&mut gradients[adapted.up.clone()], rank, Output::Replace, weight, down.transposed(), Band::Full);
        }
        for x in gradients {
            *x *= scale;
        }
    }
}
