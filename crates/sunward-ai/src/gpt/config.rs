//! Sizes of a network and settings of a training run.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A size or setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ConfigError {
    /// A count is zero.
    #[error("{what} is 0, expected at least 1")]
    Zero {
        /// The setting.
        what: &'static str,
    },
    /// The width cannot be shared out.
    #[error("width {width} is not a multiple of {heads} heads")]
    Heads {
        /// Width given.
        width: usize,
        /// Heads given.
        heads: usize,
    },
    /// A real setting is outside its range.
    #[error("{what} is {got}, expected {expected}")]
    Range {
        /// The setting.
        what: &'static str,
        /// Value given.
        got: f64,
        /// The range, in words.
        expected: &'static str,
    },
}

/// Sizes of a GPT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GptConfig {
    /// Blocks.
    pub layers: usize,
    /// Attention heads a block.
    pub heads: usize,
    /// Width of the residual stream.
    pub width: usize,
    /// Tokens the network sees at once.
    pub context: usize,
    /// Distinct tokens.
    pub vocabulary: usize,
}

impl GptConfig {
    /// nanoGPT's character configuration for a CPU: 4 layers, 4 heads, 128 wide, 64 tokens (its README's command).
    #[must_use]
    pub fn characters_small(vocabulary: usize) -> Self {
        Self { layers: 4, heads: 4, width: 128, context: 64, vocabulary }
    }

    /// nanoGPT's character configuration (`config/train_shakespeare_char.py`): 6 layers, 6 heads, 384 wide, 256 tokens.
    #[must_use]
    pub fn characters(vocabulary: usize) -> Self {
        Self { layers: 6, heads: 6, width: 384, context: 256, vocabulary }
    }

    /// GPT-2 124M (Radford et al. 2019, table 2): 12 layers, 12 heads, 768 wide, 1024 tokens, 50,257 byte pairs.
    #[must_use]
    pub fn gpt2_small() -> Self {
        Self { layers: 12, heads: 12, width: 768, context: 1024, vocabulary: 50_257 }
    }

    /// Width of one attention head.
    #[must_use]
    pub fn head_width(&self) -> usize {
        self.width / self.heads
    }

    /// The same sizes, if a network can have them.
    ///
    /// # Errors
    /// A zero, or a width that the heads do not divide.
    pub fn validated(self) -> Result<Self, ConfigError> {
        let counts = [
            ("layers", self.layers),
            ("heads", self.heads),
            ("width", self.width),
            ("context", self.context),
            ("vocabulary", self.vocabulary),
        ];
        if let Some((what, _)) = counts.into_iter().find(|(_, count)| *count == 0) {
            return Err(ConfigError::Zero { what });
        }
        if !self.width.is_multiple_of(self.heads) {
            return Err(ConfigError::Heads { width: self.width, heads: self.heads });
        }
        Ok(self)
    }
}

/// Settings of a training run; the defaults are those of nanoGPT's character configuration for a CPU.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TrainConfig {
    /// Sequences a step.
    pub batch: usize,
    /// Steps over which the learning rate falls to its least.
    pub iterations: u64,
    /// Highest learning rate.
    pub learning_rate: f64,
    /// Learning rate at the end.
    pub learning_rate_min: f64,
    /// Steps of linear rise at the start.
    pub warmup: u64,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Decay of the matrices a step, in units of the learning rate.
    pub weight_decay: f64,
    /// Largest norm of the gradient; larger ones are scaled down to it.
    pub clip: f64,
    /// Seed of the weights, the batches and the samples.
    pub seed: u64,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            batch: 12,
            iterations: 2000,
            learning_rate: 1e-3,
            learning_rate_min: 1e-4,
            warmup: 100,
            beta1: 0.9,
            beta2: 0.99,
            weight_decay: 0.1,
            clip: 1.0,
            seed: 1,
        }
    }
}

impl TrainConfig {
    /// The same settings, if a run can have them.
    ///
    /// # Errors
    /// A zero batch or iteration count, or a real setting outside its range.
    pub fn validated(self) -> Result<Self, ConfigError> {
        if self.batch == 0 {
            return Err(ConfigError::Zero { what: "batch" });
        }
        if self.iterations == 0 {
            return Err(ConfigError::Zero { what: "iterations" });
        }
        let positive = |x: f64| x > 0.0 && x.is_finite();
        let checks = [
            ("learning_rate", self.learning_rate, positive(self.learning_rate), "above 0"),
            (
                "learning_rate_min",
                self.learning_rate_min,
                (0.0..=self.learning_rate).contains(&self.learning_rate_min),
                "0..=learning_rate",
            ),
            ("beta1", self.beta1, (0.0..1.0).contains(&self.beta1), "0..1"),
            ("beta2", self.beta2, (0.0..1.0).contains(&self.beta2), "0..1"),
            ("weight_decay", self.weight_decay, self.weight_decay == 0.0 || positive(self.weight_decay), "0 or above"),
            ("clip", self.clip, positive(self.clip), "above 0"),
        ];
        match checks.into_iter().find(|(_, _, good, _)| !good) {
            Some((what, got, _, expected)) => Err(ConfigError::Range { what, got, expected }),
            None => Ok(self),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unusable_sizes_are_refused() {
        let good = GptConfig::characters_small(65);
        assert_eq!(good.validated(), Ok(good));
        assert_eq!(
            GptConfig { layers: 0, ..good }.validated().unwrap_err().to_string(),
            "layers is 0, expected at least 1"
        );
        assert_eq!(
            GptConfig { heads: 3, ..good }.validated().unwrap_err().to_string(),
            "width 128 is not a multiple of 3 heads"
        );
    }

    #[test]
    fn unusable_settings_are_refused() {
        let good = TrainConfig::default();
        assert_eq!(good.validated(), Ok(good));
        let message = |config: TrainConfig| config.validated().unwrap_err().to_string();
        assert_eq!(message(TrainConfig { batch: 0, ..good }), "batch is 0, expected at least 1");
        assert_eq!(message(TrainConfig { beta2: 1.0, ..good }), "beta2 is 1, expected 0..1");
        assert_eq!(message(TrainConfig { clip: f64::NAN, ..good }), "clip is NaN, expected above 0");
        assert_eq!(
            message(TrainConfig { learning_rate_min: 0.1, ..good }),
            "learning_rate_min is 0.1, expected 0..=learning_rate"
        );
    }
}
