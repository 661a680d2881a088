//! Counter-based random streams: the draw for (seed, entity, purpose, index) never depends on any other draw.
//!
//! Adding a satellite, or drawing faults in another order, shifts nobody's luck, and threads need no shared state.
//!
//! **Source**: Philox4x32-10, Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC'11.

/// What a stream is drawn for; the second half of the key, so that two purposes never share a draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Purpose {
    /// Upsets of memory and logic.
    Upset = 1,
    /// Functional interrupts that need a reboot.
    Interrupt = 2,
    /// Permanent faults.
    Fault = 3,
    /// Arrival of requests.
    Demand = 4,
    /// Which bit of which buffer an upset strikes.
    Strike = 5,
    /// Values drawn for an uncertainty study.
    Study = 6,
    /// Initial weights of a network.
    Weights = 0x100,
    /// Where the sequences of a training batch begin.
    Batch = 0x101,
    /// Where the sequences of an evaluation begin.
    Evaluation = 0x102,
    /// Which token is sampled.
    Sample = 0x103,
    /// Text of a generated corpus.
    Corpus = 0x104,
    /// Tokens of a made-up prompt.
    Prompt = 0x105,
}

const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// Ten rounds of Philox4x32 on `counter` under `key`.
#[must_use]
pub fn philox(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let (mut x, mut k) = (counter, key);
    for _ in 0..10 {
        let a = u64::from(MULTIPLIERS[0]) * u64::from(x[0]);
        let b = u64::from(MULTIPLIERS[1]) * u64::from(x[2]);
        x = [(b >> 32) as u32 ^ x[1] ^ k[0], b as u32, (a >> 32) as u32 ^ x[3] ^ k[1], a as u32];
        k = [k[0].wrapping_add(WEYL[0]), k[1].wrapping_add(WEYL[1])];
    }
    x
}

/// The random stream of one entity for one purpose.
#[derive(Debug, Clone, Copy)]
pub struct Stream {
    key: [u32; 2],
    entity: u32,
    purpose: Purpose,
}

impl Stream {
    /// The stream for `entity` and `purpose` of the run with `seed`.
    #[must_use]
    pub fn new(seed: u64, entity: u32, purpose: Purpose) -> Self {
        Self { key: [seed as u32, (seed >> 32) as u32], entity, purpose }
    }

    /// 64 random bits at `index`.
    #[must_use]
    pub fn bits(&self, index: u64) -> u64 {
        let counter = [index as u32, (index >> 32) as u32, self.entity, self.purpose as u32];
        let out = philox(counter, self.key);
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

    /// A draw from the exponential distribution of mean 1 at `index`.
    #[must_use]
    pub fn exponential(&self, index: u64) -> f64 {
        -self.uniform(index).ln()
    }

    /// A draw from the Poisson distribution of mean `mean` at `index`.
    ///
    /// By inversion up to a mean of 500; above, the nearest whole number to `mean + sqrt(mean) z` with z normal, whose skewness is
    /// less than 0.05 wrong.
    #[must_use]
    pub fn poisson(&self, index: u64, mean: f64) -> u64 {
        if mean > 500.0 {
            return (mean + mean.sqrt() * self.normal(index)).round().max(0.0) as u64;
        }
        let draw = self.uniform(index);
        let (mut count, mut term) = (0, (-mean).exp());
        let mut sum = term;
        while sum < draw && term > 0.0 {
            count += 1;
            term *= mean / count as f64;
            sum += term;
        }
        count
    }

    /// A draw from the standard normal distribution at `index` (Box and Muller 1958).
    #[must_use]
    pub fn normal(&self, index: u64) -> f64 {
        let radius = (2.0 * self.exponential(2 * index)).sqrt();
        radius * (std::f64::consts::TAU * self.uniform(2 * index + 1)).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The known answers of Random123 1.14.0, file tests/kat_vectors, lines "philox4x32 10".
    #[test]
    fn philox_matches_random123() {
        assert_eq!(philox([0; 4], [0; 2]), [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
        assert_eq!(philox([u32::MAX; 4], [u32::MAX; 2]), [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]);
        assert_eq!(
            philox([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0]),
            [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1]
        );
    }

    #[test]
    fn moments_are_those_of_the_distributions() {
        let stream = Stream::new(42, 7, Purpose::Upset);
        let n = 100_000u64;
        let mean = |f: &dyn Fn(u64) -> f64| (0..n).map(f).sum::<f64>() / n as f64;
        assert!((mean(&|i| stream.uniform(i)) - 0.5).abs() < 0.004);
        assert!((mean(&|i| stream.exponential(i)) - 1.0).abs() < 0.013);
        assert!(mean(&|i| stream.normal(i)).abs() < 0.013);
        for expected in [0.01, 3.0, 400.0, 2000.0] {
            let error = 4.0 * (expected / n as f64).sqrt();
            assert!((mean(&|i| stream.poisson(i, expected) as f64) - expected).abs() < error, "Poisson of {expected}");
            let variance = mean(&|i| (stream.poisson(i, expected) as f64 - expected).powi(2));
            assert!((variance / expected - 1.0).abs() < 0.15, "Poisson of {expected} has a variance of {variance}");
        }
        assert!((mean(&|i| stream.normal(i).powi(2)) - 1.0).abs() < 0.018);
    }

    #[test]
    fn draws_below_a_bound_are_even() {
        let stream = Stream::new(5, 0, Purpose::Batch);
        let mut counts = [0u32; 7];
        (0..70_000).for_each(|i| counts[stream.below(7, i)] += 1);
        assert!(counts.iter().all(|count| count.abs_diff(10_000) < 400), "{counts:?}");
    }

    #[test]
    fn streams_of_two_entities_or_purposes_differ() {
        let a = Stream::new(1, 0, Purpose::Upset);
        assert_ne!(a.bits(0), Stream::new(1, 1, Purpose::Upset).bits(0));
        assert_ne!(a.bits(0), Stream::new(1, 0, Purpose::Fault).bits(0));
        assert_ne!(a.bits(0), Stream::new(2, 0, Purpose::Upset).bits(0));
        assert_eq!(a.bits(9), Stream::new(1, 0, Purpose::Upset).bits(9));
    }
}
