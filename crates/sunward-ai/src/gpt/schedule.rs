//! The learning rate of each step.

use super::config::TrainConfig;

/// Learning rate of step `iteration` (from 0): linear rise over the warm-up, then half a cosine down to the least.
///
/// **Source**: Loshchilov and Hutter, "SGDR", arXiv:1608.03983, equation 5, without restarts; nanoGPT `get_lr`.
///
/// ```
/// use sunward_ai::gpt::{config::TrainConfig, schedule::learning_rate};
/// let config = TrainConfig::default();
/// assert_eq!(learning_rate(&config, 0), 1e-3 / 101.0);
/// assert_eq!(learning_rate(&config, 100), 1e-3);
/// assert_eq!(learning_rate(&config, 1050), 0.5 * (1e-3 + 1e-4));
/// assert_eq!(learning_rate(&config, 5000), 1e-4);
/// ```
#[must_use]
pub fn learning_rate(config: &TrainConfig, iteration: u64) -> f64 {
    if iteration < config.warmup {
        return config.learning_rate * (iteration + 1) as f64 / (config.warmup + 1) as f64;
    }
    if iteration > config.iterations {
        return config.learning_rate_min;
    }
    let span = config.iterations.saturating_sub(config.warmup).max(1);
    let share = (iteration - config.warmup) as f64 / span as f64;
    let cosine = 0.5 * (1.0 + (std::f64::consts::PI * share).cos());
    config.learning_rate_min + cosine * (config.learning_rate - config.learning_rate_min)
}
