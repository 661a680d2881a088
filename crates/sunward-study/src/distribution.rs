//! Distributions of an uncertain value, each by its quantile function: a uniform draw in, a value out.

use serde::{Deserialize, Serialize};
use statrs::function::erf::{erfc, erfc_inv};

use crate::StudyError;

/// A value that a variable takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// A number, in the unit of its variable.
    Number(f64),
    /// A word: a name of the catalog, a choice.
    Word(String),
}

impl Value {
    /// The number, if it is one.
    #[must_use]
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Word(_) => None,
        }
    }
}

/// How an uncertain value is spread.
#[derive(Debug, Clone, PartialEq)]
pub enum Distribution {
    /// All values between two ends alike.
    Uniform {
        /// Lowest value.
        low: f64,
        /// Highest value.
        high: f64,
    },
    /// Density that rises linearly from `low` to `mode` and falls linearly to `high`.
    Triangular {
        /// Lowest value.
        low: f64,
        /// Likeliest value.
        mode: f64,
        /// Highest value.
        high: f64,
    },
    /// Lognormal, by two quantiles that lie alike far from the median: P(x < low) = P(x > high) = `tail`.
    LogNormal {
        /// Quantile at `tail`.
        low: f64,
        /// Quantile at 1 - `tail`.
        high: f64,
        /// Probability of either tail, in (0, 0.5).
        tail: f64,
    },
    /// One of some values.
    Discrete {
        /// The values, all numbers or all words.
        values: Vec<Value>,
        /// Their weights, which need not sum to 1; the first of the heaviest is the central value.
        weights: Vec<f64>,
    },
}

impl Distribution {
    /// One of `values`, all alike.
    #[must_use]
    pub fn choice(values: Vec<Value>) -> Self {
        let weights = vec![1.0; values.len()];
        Self::Discrete { values, weights }
    }

    /// The value below which a share `probability` of the draws lies.
    ///
    /// Triangular: low + sqrt(p (high-low)(mode-low)) up to the mode, high - sqrt((1-p)(high-low)(high-mode)) above. Lognormal:
    /// exp(m + s z(p)) with m the mean of the ends' logarithms, s = ln(high/low) / (2 z(1-tail)), z the normal quantile.
    ///
    /// ```
    /// use sunward_study::distribution::{Distribution, Value};
    /// let price = Distribution::Triangular { low: 100.0, mode: 200.0, high: 500.0 };
    /// assert_eq!(price.quantile(0.25), Value::Number(200.0));
    /// ```
    #[must_use]
    pub fn quantile(&self, probability: f64) -> Value {
        let p = probability;
        Value::Number(match self {
            Self::Uniform { low, high } => low + p * (high - low),
            Self::Triangular { low, mode, high } => triangular(*low, *mode, *high, p),
            Self::LogNormal { low, high, tail } => {
                let spread = (high / low).ln() / (2.0 * normal_quantile(1.0 - tail));
                ((low.ln() + high.ln()) / 2.0 + spread * normal_quantile(p)).exp()
            }
            Self::Discrete { values, weights } => return values[pick(weights, p)].clone(),
        })
    }

    /// The value that stands for it alone: the mode of a triangular one, the heaviest of discrete values, else the median.
    #[must_use]
    pub fn central(&self) -> Value {
        match self {
            Self::Triangular { mode, .. } => Value::Number(*mode),
            Self::Discrete { values, weights } => {
                let heaviest = weights.iter().copied().fold(0.0, f64::max);
                let first = weights.iter().position(|&weight| weight == heaviest);
                values[first.expect("a checked distribution has a value")].clone()
            }
            Self::Uniform { .. } | Self::LogNormal { .. } => self.quantile(0.5),
        }
    }

    /// Whether its values are words.
    #[must_use]
    pub fn is_of_words(&self) -> bool {
        matches!(self, Self::Discrete { values, .. } if matches!(values[0], Value::Word(_)))
    }

    /// The probabilities at which a grid of `levels` takes it: the centre of each discrete value's share (`levels` does not count
    /// then), the ends and equal shares between them, and, where there is no end, the centres of equal shares.
    #[must_use]
    pub fn grid(&self, levels: usize) -> Vec<f64> {
        let centres = |count: usize| (0..count).map(|k| (k as f64 + 0.5) / count as f64).collect();
        match self {
            Self::Discrete { weights, .. } => {
                let total: f64 = weights.iter().sum();
                let below = |k: usize| weights[..k].iter().sum::<f64>();
                (0..weights.len()).map(|k| (below(k) + weights[k] / 2.0) / total).collect()
            }
            Self::LogNormal { .. } => centres(levels),
            Self::Uniform { .. } | Self::Triangular { .. } if levels == 1 => centres(1),
            Self::Uniform { .. } | Self::Triangular { .. } => {
                (0..levels).map(|k| k as f64 / (levels - 1) as f64).collect()
            }
        }
    }

    /// # Errors
    /// Ends out of order or not finite, a tail outside (0, 0.5), no values, values of two kinds, weights that are no weights.
    pub(crate) fn check(&self, key: &str) -> Result<(), StudyError> {
        let (holds, expected): (bool, &'static str) = match self {
            Self::Uniform { low, high } => (finite(&[*low, *high]) && low < high, "finite ends, low < high"),
            Self::Triangular { low, mode, high } => {
                let ordered = low <= mode && mode <= high && low < high;
                (finite(&[*low, *mode, *high]) && ordered, "finite, low <= mode <= high, low < high")
            }
            Self::LogNormal { low, high, tail } => {
                let ordered = 0.0 < *low && low < high && 0.0 < *tail && *tail < 0.5;
                (finite(&[*low, *high]) && ordered, "0 < low < high, 0 < tail < 0.5")
            }
            Self::Discrete { values, weights } => {
                let numbers = values.iter().filter_map(Value::number).collect::<Vec<_>>();
                let alike = (numbers.len() == values.len() && finite(&numbers)) || numbers.is_empty();
                let weighed = weights.len() == values.len() && weights.iter().all(|&w| w > 0.0 && w.is_finite());
                let expected = "at least one value, all finite numbers or all words, each with a weight above 0";
                (!values.is_empty() && alike && weighed, expected)
            }
        };
        let refused = || StudyError::Declaration {
            key: key.to_owned(),
            what: "its distribution",
            got: format!("{self:?}"),
            expected,
        };
        if holds { Ok(()) } else { Err(refused()) }
    }
}

fn finite(numbers: &[f64]) -> bool {
    numbers.iter().all(|number| number.is_finite())
}

fn triangular(low: f64, mode: f64, high: f64, p: f64) -> f64 {
    let rising = (mode - low) / (high - low);
    if p < rising {
        low + (p * (high - low) * (mode - low)).sqrt()
    } else {
        high - ((1.0 - p) * (high - low) * (high - mode)).sqrt()
    }
}

/// Index of the weight in whose share of the total `p` lies.
fn pick(weights: &[f64], p: f64) -> usize {
    let aim = p * weights.iter().sum::<f64>();
    let mut sum = 0.0;
    let reached = weights.iter().position(|weight| {
        sum += weight;
        aim < sum
    });
    reached.unwrap_or(weights.len() - 1)
}

/// Probability that a standard normal draw lies below `z`.
#[must_use]
pub fn normal_probability(z: f64) -> f64 {
    erfc(-z / std::f64::consts::SQRT_2) / 2.0
}

/// The value below which a standard normal draw lies with `probability`.
#[must_use]
pub fn normal_quantile(probability: f64) -> f64 {
    -std::f64::consts::SQRT_2 * erfc_inv(2.0 * probability)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(distribution: &Distribution, p: f64) -> f64 {
        distribution.quantile(p).number().unwrap()
    }

    /// Abramowitz and Stegun 1964, table 26.1 and 26.6 (percentage points of the normal distribution), all digits printed there.
    #[test]
    fn normal_quantiles_are_the_published_ones() {
        for (p, z) in [(0.975, 1.95996), (0.95, 1.64485), (0.9, 1.28155), (0.999, 3.09023), (0.5, 0.0)] {
            assert!((normal_quantile(p) - z).abs() < 6e-6, "{p}: {}", normal_quantile(p));
            let back = normal_probability(normal_quantile(p));
            assert!((back - p).abs() < 1e-11, "{p} comes back {:e} off", back - p);
            assert!((normal_quantile(1.0 - p) + normal_quantile(p)).abs() < 1e-12);
        }
    }

    /// A triangle's distribution function, integrated by hand: (x-a)^2/((b-a)(c-a)) below the mode, 1-(b-x)^2/((b-a)(b-c)) above.
    #[test]
    fn quantiles_invert_the_distribution_functions() {
        let triangle = Distribution::Triangular { low: 2.0, mode: 3.0, high: 7.0 };
        for p in [0.0, 0.05, 0.2, 0.5, 0.99, 1.0] {
            let x = number(&triangle, p);
            let back = if x < 3.0 { (x - 2.0).powi(2) / 5.0 } else { 1.0 - (7.0 - x).powi(2) / 20.0 };
            assert!((back - p).abs() < 1e-12, "{p} gives {x}, which is at {back}");
        }
        let lognormal = Distribution::LogNormal { low: 50.0, high: 200.0, tail: 0.1 };
        assert!((number(&lognormal, 0.1) - 50.0).abs() < 1e-9);
        assert!((number(&lognormal, 0.5) - 100.0).abs() < 1e-9);
        assert!((number(&lognormal, 0.9) - 200.0).abs() < 1e-9);
        // sigma = ln 2 / 1.2815516, so the 97.5 % quantile is 100 exp(1.959964 * 0.540866) = 288.66.
        assert!((number(&lognormal, 0.975) - 288.66).abs() < 0.01, "{}", number(&lognormal, 0.975));
        assert_eq!(number(&Distribution::Uniform { low: -1.0, high: 3.0 }, 0.25), 0.0);
    }

    #[test]
    fn discrete_values_take_their_weights() {
        let words = ["a", "b", "c"].map(|word| Value::Word(word.to_owned()));
        let of = Distribution::Discrete { values: words.to_vec(), weights: vec![1.0, 2.0, 1.0] };
        let expected = [(0.0, 0), (0.2499, 0), (0.25, 1), (0.7499, 1), (0.75, 2), (1.0, 2)];
        for (p, index) in expected {
            assert_eq!(of.quantile(p), words[index], "{p}");
        }
        assert_eq!(of.central(), words[1]);
        assert_eq!(of.grid(9).iter().map(|&p| of.quantile(p)).collect::<Vec<_>>(), words);
    }

    #[test]
    fn a_grid_reaches_the_ends_where_there_are_any() {
        assert_eq!(Distribution::Uniform { low: 0.0, high: 1.0 }.grid(3), [0.0, 0.5, 1.0]);
        assert_eq!(Distribution::Uniform { low: 0.0, high: 1.0 }.grid(1), [0.5]);
        assert_eq!(Distribution::LogNormal { low: 1.0, high: 2.0, tail: 0.1 }.grid(2), [0.25, 0.75]);
    }

    #[test]
    fn what_is_no_distribution_is_refused() {
        let number = Value::Number;
        let bad = [
            Distribution::Uniform { low: 1.0, high: 1.0 },
            Distribution::Uniform { low: f64::NAN, high: 1.0 },
            Distribution::Triangular { low: 1.0, mode: 0.9, high: 2.0 },
            Distribution::Triangular { low: 1.0, mode: 2.1, high: 2.0 },
            Distribution::LogNormal { low: 0.0, high: 2.0, tail: 0.1 },
            Distribution::LogNormal { low: 1.0, high: 2.0, tail: 0.5 },
            Distribution::Discrete { values: vec![], weights: vec![] },
            Distribution::Discrete { values: vec![number(1.0)], weights: vec![0.0] },
            Distribution::Discrete { values: vec![number(1.0)], weights: vec![1.0, 1.0] },
            Distribution::choice(vec![number(1.0), Value::Word("a".to_owned())]),
        ];
        for distribution in bad {
            let error = distribution.check("k").unwrap_err().to_string();
            assert!(error.starts_with("k: its distribution is "), "{error}");
        }
    }
}
