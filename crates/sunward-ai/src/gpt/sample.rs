//! Text from a network: the next token drawn from its softmax, sharpened by a temperature and cut to the likeliest.

use super::model::{Network, Plan};
use sunward_units::random::{Purpose, Stream};

/// How the next token is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// Logits are divided by it; 0 takes the likeliest token.
    pub temperature: f64,
    /// Only so many of the likeliest tokens are drawn from.
    pub top_k: usize,
    /// Which sample of the seed it is.
    pub sample: u32,
    /// Seed.
    pub seed: u64,
}

/// The token drawn from `logits` as the `index`-th of its sample; of equal logits the first counts as the likelier.
///
/// A not-a-number among the logits counts as the unlikeliest.
#[must_use]
pub fn choose(logits: &[f32], sampling: &Sampling, index: u64) -> u32 {
    let mut order: Vec<u32> = (0..logits.len() as u32).collect();
    let key = |token: u32| if logits[token as usize].is_nan() { f32::NEG_INFINITY } else { logits[token as usize] };
    order.sort_by(|a, b| key(*b).total_cmp(&key(*a)));
    order.truncate(sampling.top_k.max(1));
    if sampling.temperature == 0.0 {
        return order[0];
    }
    let weight = |token: u32| ((f64::from(key(token)) - f64::from(key(order[0]))) / sampling.temperature).exp();
    let total: f64 = order.iter().map(|token| weight(*token)).sum();
    let mut left = total * Stream::new(sampling.seed, sampling.sample, Purpose::Sample).uniform(index);
    for token in &order {
        left -= weight(*token);
        if left < 0.0 {
            return *token;
        }
    }
    order[0]
}

/// `count` tokens after `prompt`, each seeing at most the last whole context before it.
///
/// `network` must be planned for one sequence; an empty prompt starts from token 0, as nanoGPT from a line end.
#[must_use]
pub fn generate(network: &Network<'_>, context: usize, prompt: &[u32], count: usize, sampling: &Sampling) -> Vec<u32> {
    let mut activations = vec![0.0; network.plan.activations_len()];
    let mut text = if prompt.is_empty() { vec![0] } else { prompt.to_vec() };
    let start = text.len();
    for index in 0..count as u64 {
        let seen = &text[text.len().saturating_sub(context)..];
        let last = seen.len() - 1;
        // Later positions cannot reach earlier ones, so what fills the context does not matter.
        let padded: Vec<u32> = seen.iter().copied().chain(std::iter::repeat(0)).take(context).collect();
        network.forward(&padded, &mut activations);
        text.push(choose(network.plan.logits(&activations, 0, last), sampling, index));
    }
    text.split_off(start)
}

/// The plan that [`generate`] needs.
#[must_use]
pub fn plan(config: &super::config::GptConfig) -> Plan {
    Plan::new(config, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGITS: [f32; 5] = [0.0, 2.0, f32::NAN, 1.0, 2.0];

    fn sampling(temperature: f64, top_k: usize) -> Sampling {
        Sampling { temperature, top_k, sample: 0, seed: 9 }
    }

    #[test]
    fn no_temperature_takes_the_first_of_the_likeliest() {
        assert_eq!(choose(&LOGITS, &sampling(0.0, 5), 0), 1);
        assert_eq!(choose(&[f32::NAN; 3], &sampling(0.0, 3), 0), 0);
    }

    #[test]
    fn shares_are_those_of_the_softmax() {
        let n = 40_000;
        let mut counts = [0.0; 5];
        (0..n).for_each(|i| counts[choose(&LOGITS, &sampling(0.5, 3), i) as usize] += 1.0 / n as f64);
        // Top 3: logits 2, 2, 1 at temperature 0.5 weigh 1, 1, e^-2.
        let total = 2.0 + (-2f64).exp();
        for (token, expected) in [0.0, 1.0 / total, 0.0, (-2f64).exp() / total, 1.0 / total].into_iter().enumerate() {
            assert!((counts[token] - expected).abs() < 0.01, "token {token}: {} against {expected}", counts[token]);
        }
    }
}
