//! Which points of a space a study visits: for each run a uniform draw in (0, 1) for each factor.
//!
//! A draw depends on the seed, the name of its factor and the number of the run alone (of a Saltelli design: the factor's place instead
//! of its name), so that a variable added at the end shifts nobody's draws, and two missions that share a variable share its luck.

use sunward_units::random::{Purpose, Stream};

use crate::StudyError;
use crate::distribution::Value;
use crate::space::Space;

/// How a space is visited.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sampling {
    /// Independent draws.
    MonteCarlo {
        /// Number of runs.
        runs: usize,
    },
    /// One draw in each of `runs` equal shares of every factor. **Source**: McKay, Beckman and Conover 1979.
    LatinHypercube {
        /// Number of runs.
        runs: usize,
    },
    /// Every combination of `levels` values a factor, or of all values of a discrete one; the last factor changes fastest.
    Grid {
        /// Values of a factor that is not discrete.
        levels: usize,
    },
    /// Sobol's sequence with Owen's scrambling (Burley 2020), in the pattern that Sobol indices need: for each of `base` points
    /// A and B, the runs A, then A with one factor of B at a time, then B. **Source**: Saltelli et al. 2010, table 2.
    Saltelli {
        /// Number of base points; runs are (factors + 2) times as many. A power of two serves best.
        base: usize,
    },
    /// The central point, then each factor alone at its quantiles `tail` and 1 - `tail`.
    OneAtATime {
        /// Probability below the low and above the high value, in 0..0.5.
        tail: f64,
    },
}

/// Runs that a study may have: more would not fit a table in memory.
const RUNS_MAX: usize = 100_000_000;

/// Points of the Sobol sequence that the crate `sobol_burley` has.
const SOBOL_POINTS_MAX: usize = 1 << 16;

/// The points of a study.
#[derive(Debug, Clone)]
pub struct Sampler {
    space: Space,
    sampling: Sampling,
    seed: u64,
    runs: usize,
    /// `[factor][run]` of a Latin hypercube, `[factor][level]` of a grid.
    columns: Vec<Vec<f64>>,
}

impl Sampler {
    /// The points of `space` that `sampling` visits with `seed`.
    ///
    /// # Errors
    /// No variables, no runs, or more than can be.
    pub fn new(space: &Space, sampling: Sampling, seed: u64) -> Result<Self, StudyError> {
        let factors = space.factors();
        let mut columns = Vec::new();
        let runs = match sampling {
            Sampling::MonteCarlo { runs } => runs,
            Sampling::LatinHypercube { runs } => {
                require("runs", runs, 1, RUNS_MAX)?;
                columns.extend(factors.iter().map(|factor| latin_column(&stream(seed, &factor.name), runs)));
                runs
            }
            Sampling::Grid { levels } => {
                require("levels of the grid", levels, 1, RUNS_MAX)?;
                columns.extend((0..factors.len()).map(|factor| grid_column(space, factor, levels)));
                columns.iter().fold(1, |runs: usize, column| runs.saturating_mul(column.len()))
            }
            Sampling::Saltelli { base } => {
                require("base points of the Sobol sequence", base, 1, SOBOL_POINTS_MAX)?;
                let dimensions = sobol_burley::NUM_DIMENSIONS as usize;
                require("factors of a Saltelli design", factors.len(), 1, dimensions / 2)?;
                base * (factors.len() + 2)
            }
            Sampling::OneAtATime { tail } => {
                if !(0.0..0.5).contains(&tail) {
                    let (key, got) = ("one at a time".to_owned(), tail.to_string());
                    return Err(StudyError::Declaration { key, what: "the tail", got, expected: "0..0.5" });
                }
                1 + 2 * factors.len()
            }
        };
        require("variables", space.variables().len(), 1, RUNS_MAX)?;
        require("runs", runs, 1, RUNS_MAX)?;
        Ok(Self { space: space.clone(), sampling, seed, runs, columns })
    }

    /// The space.
    #[must_use]
    pub fn space(&self) -> &Space {
        &self.space
    }

    /// How it is visited.
    #[must_use]
    pub fn sampling(&self) -> Sampling {
        self.sampling
    }

    /// Number of runs.
    #[must_use]
    pub fn runs(&self) -> usize {
        self.runs
    }

    /// The value of each variable in run `run`.
    #[must_use]
    pub fn values(&self, run: usize) -> Vec<Value> {
        self.space.values(&self.uniforms(run))
    }

    /// The draw of each factor in run `run`; none where the factor stays central.
    ///
    /// # Panics
    /// If there is no such run.
    #[must_use]
    pub fn uniforms(&self, run: usize) -> Vec<Option<f64>> {
        assert!(run < self.runs, "run {run} of {}", self.runs);
        let factors = self.space.factors();
        match self.sampling {
            Sampling::MonteCarlo { .. } => {
                factors.iter().map(|factor| Some(stream(self.seed, &factor.name).uniform(run as u64))).collect()
            }
            Sampling::LatinHypercube { .. } => self.columns.iter().map(|column| Some(column[run])).collect(),
            Sampling::Grid { .. } => grid_point(&self.columns, run),
            Sampling::Saltelli { .. } => saltelli_point(factors.len(), run, self.seed),
            Sampling::OneAtATime { tail } => {
                let mut point = vec![None; factors.len()];
                if let Some(moved) = run.checked_sub(1) {
                    point[moved / 2] = Some(if moved % 2 == 0 { tail } else { 1.0 - tail });
                }
                point
            }
        }
    }
}

fn require(what: &'static str, got: usize, low: usize, high: usize) -> Result<(), StudyError> {
    if (low..=high).contains(&got) {
        return Ok(());
    }
    Err(StudyError::Size { what, got: got as u64, allowed: format!("{low} to {high}") })
}

/// The luck of the factor called `name`.
fn stream(seed: u64, name: &str) -> Stream {
    let hash = blake3::hash(name.as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&hash.as_bytes()[..8]);
    Stream::new(seed ^ u64::from_le_bytes(first), 0, Purpose::Study)
}

/// A draw in each of `runs` equal shares, in random order.
fn latin_column(stream: &Stream, runs: usize) -> Vec<f64> {
    let mut shares: Vec<usize> = (0..runs).collect();
    shares.sort_by_cached_key(|&share| (stream.bits(2 * share as u64), share));
    let draw = |(run, share): (usize, usize)| (share as f64 + stream.uniform(2 * run as u64 + 1)) / runs as f64;
    shares.into_iter().enumerate().map(draw).collect()
}

fn grid_column(space: &Space, factor: usize, levels: usize) -> Vec<f64> {
    match space.alone(factor) {
        Some(variable) => variable.distribution.grid(levels),
        // The normal draws behind a shared cause have no ends.
        None => (0..levels).map(|k| (k as f64 + 0.5) / levels as f64).collect(),
    }
}

fn grid_point(columns: &[Vec<f64>], run: usize) -> Vec<Option<f64>> {
    let mut rest = run;
    let mut point = vec![None; columns.len()];
    for (slot, column) in point.iter_mut().zip(columns).rev() {
        *slot = Some(column[rest % column.len()]);
        rest /= column.len();
    }
    point
}

fn saltelli_point(factors: usize, run: usize, seed: u64) -> Vec<Option<f64>> {
    let (base, part) = (run / (factors + 2), run % (factors + 2));
    let scramble = (seed ^ (seed >> 32)) as u32;
    let draw = |factor: usize| {
        let from_b = part == factors + 1 || part == factor + 1;
        let dimension = 2 * factor as u32 + u32::from(from_b);
        // To the middle of the 24-bit cell, so that no draw is 0.
        let cell = f64::from(sobol_burley::sample(base as u32, dimension, scramble));
        Some(cell + 0.5 / f64::from(1 << 24))
    };
    (0..factors).map(draw).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distribution::Distribution;
    use crate::space::{Role, Variable};

    fn space(keys: &[&str]) -> Space {
        let unit = Distribution::Uniform { low: 0.0, high: 1.0 };
        let variable = |key: &&str| Variable::new(key, Role::Assumption, unit.clone());
        Space::new(keys.iter().map(variable).collect()).unwrap()
    }

    fn column(sampler: &Sampler, factor: usize) -> Vec<f64> {
        (0..sampler.runs()).map(|run| sampler.uniforms(run)[factor].unwrap()).collect()
    }

    #[test]
    fn a_new_variable_shifts_nobodys_draws() {
        let designs = [Sampling::MonteCarlo { runs: 50 }, Sampling::LatinHypercube { runs: 50 }];
        for sampling in designs {
            let few = Sampler::new(&space(&["a", "b"]), sampling, 7).unwrap();
            let more = Sampler::new(&space(&["new", "b", "a"]), sampling, 7).unwrap();
            assert_eq!(column(&few, 0), column(&more, 2), "{sampling:?}");
            assert_eq!(column(&few, 1), column(&more, 1), "{sampling:?}");
            assert_ne!(column(&few, 0), column(&few, 1), "{sampling:?}");
            let other = Sampler::new(&space(&["a", "b"]), sampling, 8).unwrap();
            assert_ne!(column(&few, 0), column(&other, 0), "{sampling:?}");
        }
        let few = Sampler::new(&space(&["a", "b"]), Sampling::Saltelli { base: 8 }, 7).unwrap();
        let more = Sampler::new(&space(&["a", "b", "c"]), Sampling::Saltelli { base: 8 }, 7).unwrap();
        for base in 0..8 {
            assert_eq!(few.uniforms(4 * base)[..2], more.uniforms(5 * base)[..2]);
        }
    }

    #[test]
    fn more_runs_begin_as_fewer_do() {
        let of = |runs| Sampler::new(&space(&["a", "b"]), Sampling::MonteCarlo { runs }, 7).unwrap();
        assert_eq!(column(&of(10), 1), column(&of(20), 1)[..10]);
    }

    #[test]
    fn a_latin_hypercube_has_one_draw_in_each_share() {
        let sampler = Sampler::new(&space(&["a", "b"]), Sampling::LatinHypercube { runs: 200 }, 3).unwrap();
        for factor in 0..2 {
            let mut shares: Vec<_> = column(&sampler, factor).iter().map(|u| (u * 200.0) as usize).collect();
            assert!(shares.windows(2).any(|pair| pair[1] != pair[0] + 1), "in order");
            shares.sort_unstable();
            assert_eq!(shares, (0..200).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_grid_has_every_combination() {
        let three = Distribution::choice([1.0, 2.0, 3.0].map(Value::Number).to_vec());
        let two = Distribution::Uniform { low: 500.0, high: 700.0 };
        let variables = vec![Variable::new("n", Role::Design, three), Variable::new("h", Role::Design, two)];
        let sampler = Sampler::new(&Space::new(variables).unwrap(), Sampling::Grid { levels: 2 }, 0).unwrap();
        let points: Vec<_> = (0..sampler.runs()).map(|run| sampler.values(run)).collect();
        let expected = [[1.0, 500.0], [1.0, 700.0], [2.0, 500.0], [2.0, 700.0], [3.0, 500.0], [3.0, 700.0]];
        assert_eq!(points, expected.map(|point| point.map(Value::Number).to_vec()));
    }

    #[test]
    fn saltelli_swaps_one_factor_at_a_time() {
        let sampler = Sampler::new(&space(&["a", "b"]), Sampling::Saltelli { base: 4 }, 1).unwrap();
        assert_eq!(sampler.runs(), 16);
        for base in 0..4 {
            let [a, first, second, b] = [0, 1, 2, 3].map(|part| sampler.uniforms(4 * base + part));
            assert_eq!(first, [b[0], a[1]]);
            assert_eq!(second, [a[0], b[1]]);
            assert!(a[0] != b[0] && a[1] != b[1]);
        }
        // A scrambled (0, m, 1)-net: each quarter holds one of four points.
        let mut quarters: Vec<_> = (0..4).map(|base| (sampler.uniforms(4 * base)[0].unwrap() * 4.0) as u32).collect();
        quarters.sort_unstable();
        assert_eq!(quarters, [0, 1, 2, 3]);
    }

    #[test]
    fn one_at_a_time_begins_at_the_centre() {
        let sampler = Sampler::new(&space(&["a", "b"]), Sampling::OneAtATime { tail: 0.1 }, 1).unwrap();
        let points: Vec<_> = (0..sampler.runs()).map(|run| sampler.uniforms(run)).collect();
        let expected = [[None, None], [Some(0.1), None], [Some(0.9), None], [None, Some(0.1)], [None, Some(0.9)]];
        assert_eq!(points, expected.map(|point| point.to_vec()));
    }

    #[test]
    fn sizes_that_cannot_be_are_refused() {
        let message = |keys: &[&str], sampling| Sampler::new(&space(keys), sampling, 1).unwrap_err().to_string();
        assert_eq!(message(&["a"], Sampling::MonteCarlo { runs: 0 }), "runs is 0; allowed are 1 to 100000000");
        assert!(message(&[], Sampling::MonteCarlo { runs: 1 }).contains("variables is 0"));
        assert!(message(&["a", "b", "c"], Sampling::Grid { levels: 1000 }).contains("runs is 1000000000"));
        assert!(message(&["a"], Sampling::Saltelli { base: 70_000 }).contains("1 to 65536"));
        assert!(message(&["a"], Sampling::OneAtATime { tail: 0.5 }).contains("0.5; expected 0..0.5"));
    }
}
