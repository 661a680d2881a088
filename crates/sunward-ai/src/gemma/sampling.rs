//! Which token comes next: the likeliest, or one drawn from the softmax, sharpened and cut.

use super::error::GemmaError;
use sunward_units::random::{Purpose, Stream};

/// How the next token is drawn: temperature first, then the `top_k` likeliest, then of these the fewest that hold `top_p`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// Logits are divided by it; 0 takes the likeliest token.
    pub temperature: f64,
    /// Only so many of the likeliest tokens are drawn from; 0 sets no such bound.
    pub top_k: usize,
    /// Only the fewest likeliest tokens that together have this probability are drawn from; 1 sets no such bound.
    ///
    /// **Source**: Holtzman et al., "The curious case of neural text degeneration", arXiv:1904.09751, section 3.1.
    pub top_p: f64,
    /// Seed.
    pub seed: u64,
    /// Which answer of the seed it is, so that two answers share no draw.
    pub answer: u32,
}

impl Sampling {
    /// The likeliest token, always.
    pub const GREEDY: Self = Self { temperature: 0.0, top_k: 0, top_p: 1.0, seed: 0, answer: 0 };

    /// The same settings, if a token can be drawn with them.
    ///
    /// # Errors
    /// A temperature below 0 or a `top_p` outside 0..=1, or not a number.
    pub fn validated(self) -> Result<Self, GemmaError> {
        if !(self.temperature >= 0.0 && self.temperature.is_finite()) {
            return Err(GemmaError::Sampling { what: "temperature", found: self.temperature, expected: "0 or above" });
        }
        if !(0.0..=1.0).contains(&self.top_p) {
            return Err(GemmaError::Sampling { what: "top_p", found: self.top_p, expected: "0..=1" });
        }
        Ok(self)
    }

    /// The token drawn from `logits` as the `index`-th of its answer; of equal logits the first counts as the likelier.
    ///
    /// A not-a-number among the logits counts as the unlikeliest.
    #[must_use]
    pub fn choose(&self, logits: &[f32], index: u64) -> u32 {
        let key = |token: u32| if logits[token as usize].is_nan() { f32::NEG_INFINITY } else { logits[token as usize] };
        let best = (1..logits.len() as u32).fold(0, |best, token| if key(token) > key(best) { token } else { best });
        if self.temperature == 0.0 || key(best) == f32::NEG_INFINITY {
            return best;
        }
        let weight = |token: u32| (f64::from(key(token) - key(best)) / self.temperature).exp();
        let candidates = self.candidates(logits.len(), key, weight);
        let total: f64 = candidates.iter().map(|token| weight(*token)).sum();
        let mut left = total * Stream::new(self.seed, self.answer, Purpose::Sample).uniform(index);
        for token in &candidates {
            left -= weight(*token);
            if left < 0.0 {
                return *token;
            }
        }
        best
    }

    /// The tokens drawn from, likeliest first where an order is needed to cut them.
    fn candidates(&self, count: usize, key: impl Fn(u32) -> f32, weight: impl Fn(u32) -> f64) -> Vec<u32> {
        let mut tokens: Vec<u32> = (0..count as u32).collect();
        let order = |a: &u32, b: &u32| key(*b).total_cmp(&key(*a)).then(a.cmp(b));
        if self.top_k > 0 && self.top_k < count {
            tokens.select_nth_unstable_by(self.top_k - 1, order);
            tokens.truncate(self.top_k);
            tokens.sort_unstable_by(order);
        }
        if self.top_p < 1.0 {
            let wanted = self.top_p * tokens.iter().map(|token| weight(*token)).sum::<f64>();
            cut(&mut tokens, wanted, order, weight);
        }
        tokens
    }
}

/// Keeps the fewest likeliest tokens whose weights reach `wanted`, at least one; sorts only as many as it must.
fn cut(
    tokens: &mut Vec<u32>,
    wanted: f64,
    order: impl Fn(&u32, &u32) -> std::cmp::Ordering + Copy,
    weight: impl Fn(u32) -> f64,
) {
    let (mut sorted, mut held, mut kept) = (0, 0.0, 0);
    while kept == 0 || held < wanted {
        if kept == tokens.len() {
            return;
        }
        if kept == sorted {
            let more = (2 * sorted).max(64).min(tokens.len());
            if more < tokens.len() {
                tokens[sorted..].select_nth_unstable_by(more - sorted - 1, order);
            }
            tokens[sorted..more].sort_unstable_by(order);
            sorted = more;
        }
        held += weight(tokens[kept]);
        kept += 1;
    }
    tokens.truncate(kept);
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGITS: [f32; 5] = [0.0, 2.0, f32::NAN, 1.0, 2.0];

    fn shares(sampling: Sampling, logits: &[f32]) -> Vec<f64> {
        let n = 40_000;
        let mut shares = vec![0.0; logits.len()];
        (0..n).for_each(|i| shares[sampling.choose(logits, i) as usize] += 1.0 / n as f64);
        shares
    }

    fn assert_shares(found: &[f64], weights: &[f64]) {
        let total: f64 = weights.iter().sum();
        for (token, (found, weight)) in found.iter().zip(weights).enumerate() {
            assert!((found - weight / total).abs() < 0.01, "token {token}: {found} against {}", weight / total);
        }
    }

    #[test]
    fn no_temperature_takes_the_first_of_the_likeliest() {
        assert_eq!(Sampling::GREEDY.choose(&LOGITS, 0), 1);
        assert_eq!(Sampling::GREEDY.choose(&[f32::NAN; 3], 0), 0);
        let hot = Sampling { temperature: 1.0, ..Sampling::GREEDY };
        assert_eq!(hot.choose(&[f32::NAN; 3], 0), 0);
    }

    #[test]
    fn shares_are_those_of_the_cut_softmax() {
        let sampling = Sampling { temperature: 0.5, seed: 9, ..Sampling::GREEDY };
        let e = |x: f64| x.exp();
        assert_shares(&shares(sampling, &LOGITS), &[e(-4.0), 1.0, 0.0, e(-2.0), 1.0]);
        assert_shares(&shares(Sampling { top_k: 3, ..sampling }, &LOGITS), &[0.0, 1.0, 0.0, e(-2.0), 1.0]);
        // The two likeliest hold 0.93 of the whole.
        assert_shares(&shares(Sampling { top_p: 0.9, ..sampling }, &LOGITS), &[0.0, 1.0, 0.0, 0.0, 1.0]);
        assert_shares(&shares(Sampling { top_p: 0.94, ..sampling }, &LOGITS), &[0.0, 1.0, 0.0, e(-2.0), 1.0]);
        assert_shares(&shares(Sampling { top_p: 0.0, ..sampling }, &LOGITS), &[0.0, 1.0, 0.0, 0.0, 0.0]);
        // Of the three likeliest the first two hold 0.937: the second cut counts within the first.
        assert_shares(&shares(Sampling { top_k: 3, top_p: 0.93, ..sampling }, &LOGITS), &[0.0, 1.0, 0.0, 0.0, 1.0]);
    }

    #[test]
    fn a_large_vocabulary_is_cut_as_a_full_sort_would() {
        let stream = Stream::new(4, 0, Purpose::Weights);
        let logits: Vec<f32> = (0..5000).map(|i| (stream.normal(i) * 2.0) as f32).collect();
        let sampling = Sampling { temperature: 1.0, top_p: 0.8, ..Sampling::GREEDY };
        let weight = |token: u32| f64::from(logits[token as usize]).exp();
        let mut sorted: Vec<u32> = (0..5000).collect();
        sorted.sort_by(|a, b| logits[*b as usize].total_cmp(&logits[*a as usize]));
        let wanted = 0.8 * sorted.iter().map(|token| weight(*token)).sum::<f64>();
        let mut held = 0.0;
        let kept = 1 + sorted
            .iter()
            .position(|token| {
                held += weight(*token);
                held >= wanted
            })
            .unwrap();
        assert!(kept > 300, "{kept}");
        assert_eq!(sampling.candidates(5000, |token| logits[token as usize], weight), sorted[..kept]);
    }

    #[test]
    fn unusable_settings_are_refused() {
        let message = |sampling: Sampling| sampling.validated().unwrap_err().to_string();
        assert_eq!(
            message(Sampling { temperature: -1.0, ..Sampling::GREEDY }),
            "temperature is -1, expected 0 or above"
        );
        assert_eq!(message(Sampling { top_p: f64::NAN, ..Sampling::GREEDY }), "top_p is NaN, expected 0..=1");
        assert!(Sampling::GREEDY.validated().is_ok());
    }
}
