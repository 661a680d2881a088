//! How often a long job should save itself.

use sunward_units::{Ratio, Seconds};

/// Interval between checkpoints that loses least time: `sqrt(2 C M)`.
///
/// C time to write a checkpoint, M mean time between failures of the job. Good for C much smaller than M.
/// **Source**: Young, "A first order approximation to the optimum checkpoint interval", CACM 17(9), 1974.
#[must_use]
pub fn optimal_interval(write: Seconds, failures_mean: Seconds) -> Seconds {
    Seconds((2.0 * write.0 * failures_mean.0).sqrt())
}

/// Share of time lost to writing checkpoints and to repeating work, at an `interval`: `C / T + T / 2 M`.
///
/// **Source**: Daly, "A higher order estimate of the optimum checkpoint interval", FGCS 22, 2006, first-order form.
#[must_use]
pub fn overhead(interval: Seconds, write: Seconds, failures_mean: Seconds) -> Ratio {
    Ratio(write / interval + interval / (failures_mean * 2.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// facts 7.2, Llama 3 405B: one failure in 3.093 h; 60 s checkpoints: 19.3 min apart, 10.4 % lost; 120 s: 14.7 %.
    #[test]
    fn llama_3_checkpoints() {
        let failures_mean = Seconds(3.093 * 3600.0);
        let interval = optimal_interval(Seconds(60.0), failures_mean);
        assert!((interval.0 / 60.0 - 19.3).abs() < 0.05, "{interval}");
        assert!((overhead(interval, Seconds(60.0), failures_mean).0 - 0.104).abs() < 5e-4);
        let slow = optimal_interval(Seconds(120.0), failures_mean);
        assert!((overhead(slow, Seconds(120.0), failures_mean).0 - 0.147).abs() < 5e-4);
    }

    #[test]
    fn no_other_interval_loses_less() {
        let (write, mean) = (Seconds(30.0), Seconds(7_200.0));
        let best = optimal_interval(write, mean);
        for factor in [0.5, 0.9, 1.1, 2.0] {
            assert!(overhead(best * factor, write, mean).0 > overhead(best, write, mean).0);
        }
    }
}
