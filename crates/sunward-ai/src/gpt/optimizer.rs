//! AdamW with gradient clipping, in one pass over weights, gradients and moments.
//!
//! **Source**: Loshchilov and Hutter, "Decoupled weight decay regularization", arXiv:1711.05101, algorithm 2; Pascanu, Mikolov and
//! Bengio, "On the difficulty of training recurrent neural networks", 2013, algorithm 1 (clipping).

use rayon::prelude::*;

use super::config::TrainConfig;
use crate::kernel::{elementwise::sum_of_squares, vectorised};

/// Elements of one task; fixed, so that sums do not depend on threads.
const TASK: usize = 1 << 15;

/// Term that keeps the division finite (PyTorch's default).
const EPSILON: f32 = 1e-8;

/// Euclidean norm of all gradients.
#[must_use]
pub fn gradient_norm(gradients: &[f32]) -> f64 {
    let squares: Vec<f64> = gradients.par_chunks(TASK).map(sum_of_squares).collect();
    squares.iter().sum::<f64>().sqrt()
}

/// Flat buffers of the optimised weights, all of one length.
#[derive(Debug)]
pub struct Moments<'a> {
    /// Weights.
    pub weights: &'a mut [f32],
    /// Gradients, before clipping.
    pub gradients: &'a [f32],
    /// First moments.
    pub first: &'a mut [f32],
    /// Second moments.
    pub second: &'a mut [f32],
}

/// The factors of one step, all that an element needs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Factors {
    /// Factor of the gradients: min(1, clip / (norm + 1e-6)).
    pub clip: f32,
    /// Decay of the first moment.
    pub beta1: f32,
    /// Decay of the second moment.
    pub beta2: f32,
    /// rate / (1 - beta1^t).
    pub step: f32,
    /// 1 / sqrt(1 - beta2^t).
    pub second_correction: f32,
    /// What is left of a weight that decays: 1 - rate decay; 1 of one that does not.
    pub keep: f32,
}

impl Factors {
    /// Those of the `step`-th step (from 1) with learning rate `rate` and gradient norm `norm`: of weights that decay, and of others.
    #[must_use]
    pub fn new(config: &TrainConfig, rate: f64, step: u64, norm: f64) -> [Self; 2] {
        let power = i32::try_from(step).unwrap_or(i32::MAX);
        let others = Self {
            clip: (config.clip / (norm + 1e-6)).min(1.0) as f32,
            beta1: config.beta1 as f32,
            beta2: config.beta2 as f32,
            step: (rate / (1.0 - config.beta1.powi(power))) as f32,
            second_correction: (1.0 / (1.0 - config.beta2.powi(power)).sqrt()) as f32,
            keep: 1.0,
        };
        [Self { keep: (1.0 - rate * config.weight_decay) as f32, ..others }, others]
    }
}

/// One AdamW step by `factors`, of weights that decay and of others; weights before `decay_end` decay.
///
/// m = b1 m + (1-b1) g, v = b2 v + (1-b2) g^2, w = w (1 - rate decay) - rate m/(1-b1^t) / (sqrt(v/(1-b2^t)) + 1e-8), with
/// g scaled by min(1, clip / (norm + 1e-6)).
pub fn adamw(buffers: Moments<'_>, [decaying, others]: [Factors; 2], decay_end: usize) {
    let (weights, plain_weights) = buffers.weights.split_at_mut(decay_end);
    let (gradients, plain_gradients) = buffers.gradients.split_at(decay_end);
    let (first, plain_first) = buffers.first.split_at_mut(decay_end);
    let (second, plain_second) = buffers.second.split_at_mut(decay_end);
    update(Moments { weights, gradients, first, second }, decaying);
    update(
        Moments { weights: plain_weights, gradients: plain_gradients, first: plain_first, second: plain_second },
        others,
    );
}

fn update(buffers: Moments<'_>, factors: Factors) {
    let weights = buffers.weights.par_chunks_mut(TASK);
    let moments = buffers.first.par_chunks_mut(TASK).zip(buffers.second.par_chunks_mut(TASK));
    weights.zip(buffers.gradients.par_chunks(TASK)).zip(moments).for_each(|((weights, gradients), (first, second))| {
        vectorised(|| {
            for (((w, g), m), v) in weights.iter_mut().zip(gradients).zip(first).zip(second) {
                let g = g * factors.clip;
                *m = factors.beta1.mul_add(*m, (1.0 - factors.beta1) * g);
                *v = factors.beta2.mul_add(*v, (1.0 - factors.beta2) * g * g);
                let deviation = v.sqrt().mul_add(factors.second_correction, EPSILON);
                *w = w.mul_add(factors.keep, -factors.step * *m / deviation);
            }
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten steps of `w -= rate * gradient-of-(w - 3)^2`-like gradients against the equations in double precision.
    #[test]
    fn follows_the_equations() {
        let config = TrainConfig { clip: 1.0, weight_decay: 0.1, ..TrainConfig::default() };
        let (mut w, mut m, mut v) = ([2.0f32, -1.0], [0.0f32; 2], [0.0f32; 2]);
        let (mut w64, mut m64, mut v64) = ([2.0f64, -1.0], [0.0f64; 2], [0.0f64; 2]);
        for step in 1..=10 {
            let g: Vec<f32> = w.iter().map(|w| 2.0 * (w - 3.0)).collect();
            let norm = gradient_norm(&g);
            adamw(
                Moments { weights: &mut w, gradients: &g, first: &mut m, second: &mut v },
                Factors::new(&config, 0.05, step, norm),
                1,
            );
            for i in 0..2 {
                let g = f64::from(g[i]) / (norm + 1e-6);
                m64[i] = 0.9 * m64[i] + 0.1 * g;
                v64[i] = 0.99 * v64[i] + 0.01 * g * g;
                let (m_hat, v_hat) =
                    (m64[i] / (1.0 - 0.9f64.powi(step as i32)), v64[i] / (1.0 - 0.99f64.powi(step as i32)));
                let keep = if i == 0 { 1.0 - 0.05 * 0.1 } else { 1.0 };
                w64[i] = w64[i] * keep - 0.05 * m_hat / (v_hat.sqrt() + 1e-8);
                assert!((f64::from(w[i]) - w64[i]).abs() < 1e-5, "step {step}: {} against {}", w[i], w64[i]);
            }
        }
        assert!(w64[0] > 2.3, "the weights move towards 3");
    }

    #[test]
    fn norm_is_euclidean_over_several_tasks() {
        let gradients = vec![0.5f32; 3 * TASK + 17];
        let expected = 0.5 * (gradients.len() as f64).sqrt();
        assert!((gradient_norm(&gradients) / expected - 1.0).abs() < 1e-12);
    }
}
