//! Where a step is computed: a device other than this processor takes a [`Trainer`](super::train::Trainer)'s place for it.
//!
//! The trainer keeps what a run is made of (its text, its settings, its steps); an [`Engine`] keeps weights, gradients and moments and
//! computes with them. Its bits are its own: another device, or another version of its libraries, may round differently.
//!
//! A device that fails takes what it held with it; the run goes on from its last checkpoint.

use std::error::Error;
use std::fmt::Debug;

use super::config::GptConfig;
use super::data::Batch;
use super::optimizer::Factors;
use super::train::Region;

/// A device that can compute runs.
pub trait Device: Debug + Send + Sync {
    /// The device, and what it computes in.
    fn name(&self) -> &str;

    /// An engine for steps of `batch` sequences through the network of `config`.
    ///
    /// # Errors
    /// Too little memory, or a device that refuses.
    fn engine(&self, config: &GptConfig, batch: usize) -> Result<Box<dyn Engine>, Box<dyn Error + Send + Sync>>;
}

/// Memory that upsets strike.
pub trait Memory {
    /// Resident bytes of `region`.
    fn bytes(&self, region: Region) -> usize;

    /// Flips bit `bit` of `region`, which has it.
    fn flip(&mut self, region: Region, bit: usize);
}

/// A device that computes the steps of one run, all sequences of a batch at once.
///
/// Work may be queued, so that a failure shows later than its cause. What comes back after one means nothing: ask for it before a result is
/// used.
pub trait Engine: Memory + Debug + Send + Sync {
    /// Why the device failed, if it did.
    fn failure(&self) -> Option<&str>;

    /// Takes weights and moments, in the order of the layout.
    fn load(&mut self, weights: &[f32], first: &[f32], second: &[f32]);

    /// Weights, gradients or moments, in the order of the layout.
    fn read(&self, region: Region) -> Vec<f32>;

    /// Computes the logits of `batch`.
    fn forward(&mut self, batch: &Batch);

    /// Mean loss of the batch (nat), from its logits, which become their gradient.
    fn loss(&mut self) -> f64;

    /// Gradients of the weights from those of the logits.
    fn backward(&mut self, batch: &Batch);

    /// Euclidean norm of the gradients.
    fn gradient_norm(&self) -> f64;

    /// One AdamW step: matrices by the factors `decaying`, norm weights by `others`.
    fn update(&mut self, decaying: &Factors, others: &Factors);
}
