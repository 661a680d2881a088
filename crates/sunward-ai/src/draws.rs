//! Random streams of training and serving, beside those of the simulation.
//!
//! The generator is [`sunward_units::random::philox`]; the kinds here take counter words that
//! [`sunward_units::random::Purpose`] leaves free, so that no draw here equals one there.

use sunward_units::random::philox;

/// What a stream is drawn for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Kind {
    /// Initial weights.
    Weights = 0x100,
    /// Where the sequences of a training batch begin.
    Batch = 0x101,
    /// Where the sequences of an evaluation begin.
    Evaluation = 0x102,
    /// Which token is sampled.
    Sample = 0x103,
    /// Text of the generated corpus.
    Corpus = 0x104,
}

/// The stream of `kind` and `entity` (a step, a sample) of the run with `seed`.
#[derive(Debug, Clone, Copy)]
pub struct Stream {
    key: [u32; 2],
    kind: Kind,
    entity: u32,
}

impl Stream {
    /// The stream.
    #[must_use]
    pub fn new(seed: u64, kind: Kind, entity: u32) -> Self {
        Self { key: [seed as u32, (seed >> 32) as u32], kind, entity }
    }

    /// 64 random bits at `index`.
    #[must_use]
    pub fn bits(&self, index: u64) -> u64 {
        let out = philox([index as u32, (index >> 32) as u32, self.entity, self.kind as u32], self.key);
        u64::from(out[0]) | u64::from(out[1]) << 32
    }

    /// A uniform draw in the open interval (0, 1) at `index`.
    #[must_use]
    pub fn uniform(&self, index: u64) -> f64 {
        ((self.bits(index) >> 12) as f64 + 0.5) * (1.0 / (1u64 << 52) as f64)
    }

    /// A whole number below `bound` at `index`.
    #[must_use]
    pub fn below(&self, bound: usize, index: u64) -> usize {
        ((u128::from(self.bits(index)) * bound as u128) >> 64) as usize
    }

    /// A draw from the standard normal distribution at `index` (Box and Muller 1958).
    #[must_use]
    pub fn normal(&self, index: u64) -> f64 {
        let radius = (-2.0 * self.uniform(2 * index).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform(2 * index + 1)).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_below_a_bound_are_even() {
        let stream = Stream::new(5, Kind::Batch, 0);
        let mut counts = [0u32; 7];
        (0..70_000).for_each(|i| counts[stream.below(7, i)] += 1);
        assert!(counts.iter().all(|count| count.abs_diff(10_000) < 400), "{counts:?}");
    }

    #[test]
    fn kinds_seeds_and_entities_do_not_share_draws() {
        let first = Stream::new(1, Kind::Batch, 0).bits(0);
        for other in [Stream::new(1, Kind::Sample, 0), Stream::new(2, Kind::Batch, 0), Stream::new(1, Kind::Batch, 1)] {
            assert_ne!(first, other.bits(0));
        }
    }
}
