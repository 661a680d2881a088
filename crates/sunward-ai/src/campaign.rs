//! Upset campaigns: thousands of single flipped bits, each in its own copy of a run, and what became of each.
//!
//! A flip's bit is drawn evenly from everything it can reach, so that places count by their size; its moment is drawn evenly too. What
//! it did is told by the difference to the *fault-free twin*, the same run without it:
//!
//! - *harmless*: nothing alarmed, and the result is no worse than the tolerance allows.
//! - *detected*: a defence alarmed and the run was ended, before it gave a wrong result.
//! - *recovered*: a defence alarmed, the run went on by itself, and its result is no worse than the tolerance allows.
//! - *silent*: the result is worse, whether or not anything alarmed on the way.
//!
//! The same seed gives the same flips and the same outcomes for any number of threads.
//!
//! **Not modelled**: flips in the code, in the text, and in the defences' own memory; several flips at once.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::gemma::GemmaError;
use crate::gemma::defended::{NotServed, ServingTarget};
use crate::gpt::config::ConfigError;
use crate::gpt::defended::Lost;
use crate::gpt::train::TrainError;
use crate::gpt::watch::Target;

pub mod serving;
pub mod training;

/// A campaign as its file writes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CampaignConfig {
    /// Its name.
    pub name: String,
    /// Seed of networks, texts and flips.
    pub seed: u64,
    /// Largest rise of the final validation loss that counts as no harm (nat).
    pub tolerance: f64,
    /// Flips in a training run.
    pub training: Option<training::TrainingConfig>,
    /// Flips while text is served.
    pub serving: Option<serving::ServingConfig>,
}

/// What a flip strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Struck {
    /// A training run.
    Training(Target),
    /// Serving.
    Serving(ServingTarget),
}

impl Struck {
    /// Its name, as campaign files write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Training(target) => target.name(),
            Self::Serving(target) => target.name(),
        }
    }
}

/// What a bit means in its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BitClass {
    /// Sign.
    Sign,
    /// Upper half of the exponent.
    ExponentHigh,
    /// Lower half of the exponent.
    ExponentLow,
    /// Upper half of the mantissa.
    MantissaHigh,
    /// Lower half of the mantissa.
    MantissaLow,
    /// Any but the sign of a whole number.
    Whole,
}

impl BitClass {
    /// All of them, the weightiest first.
    pub const ALL: [Self; 6] =
        [Self::Sign, Self::ExponentHigh, Self::ExponentLow, Self::MantissaHigh, Self::MantissaLow, Self::Whole];

    /// The class of bit `bit` of an f32.
    #[must_use]
    pub fn of_f32(bit: u32) -> Self {
        Self::of_float(bit, 8, 23)
    }

    /// The class of bit `bit` of a binary floating-point number.
    #[must_use]
    pub fn of_float(bit: u32, exponent: u32, mantissa: u32) -> Self {
        match bit {
            _ if bit >= exponent + mantissa => Self::Sign,
            _ if bit >= mantissa + exponent / 2 => Self::ExponentHigh,
            _ if bit >= mantissa => Self::ExponentLow,
            _ if bit >= mantissa / 2 => Self::MantissaHigh,
            _ => Self::MantissaLow,
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sign => "sign",
            Self::ExponentHigh => "exponent, high",
            Self::ExponentLow => "exponent, low",
            Self::MantissaHigh => "mantissa, high",
            Self::MantissaLow => "mantissa, low",
            Self::Whole => "whole number",
        }
    }
}

/// What became of a flip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// No alarm, no harm.
    Harmless,
    /// An alarm ended the run.
    Detected,
    /// An alarm, and the run went on to a good result.
    Recovered,
    /// A worse result.
    Silent,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Harmless, Self::Detected, Self::Recovered, Self::Silent];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Harmless => "harmless",
            Self::Detected => "detected",
            Self::Recovered => "recovered",
            Self::Silent => "silent",
        }
    }
}

/// One flip and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Its number in the campaign, from 0.
    pub number: u32,
    /// What it struck.
    pub target: Struck,
    /// Bit of the number it struck, 0 being the lowest.
    pub bit: u32,
    /// What that bit means.
    pub bit_class: BitClass,
    /// Step or token during which it struck, from 0.
    pub at: u64,
    /// What became of it.
    pub class: Class,
    /// The defence that alarmed first.
    pub guard: Option<String>,
    /// Steps or tokens computed again or in vain.
    pub lost: u64,
    /// Training: final validation loss above the fault-free twin's (nat); serving: tokens that differ from the twin's. None where the
    /// run was ended, or the loss is no number.
    pub harm: Option<f64>,
    /// Whether the result is the twin's bit for bit.
    pub exact: bool,
}

/// A campaign that cannot be run.
#[derive(Debug, Error)]
pub enum CampaignError {
    /// The network or its settings.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The training run.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// The fault-free run does not survive its own defences.
    #[error("the fault-free run is ended by its own defences")]
    FaultFree(#[from] Lost),
    /// The network that serves.
    #[error(transparent)]
    Gemma(#[from] GemmaError),
    /// The fault-free answers do not survive their own defences.
    #[error("a fault-free answer is ended by its own defences")]
    NotServed(#[from] NotServed),
    /// A number outside its range.
    #[error("{what} is {got}, expected {expected}")]
    Range {
        /// Which.
        what: &'static str,
        /// Value given.
        got: f64,
        /// The range, in words.
        expected: &'static str,
    },
    /// A region that this campaign cannot strike.
    #[error("regions: {region} cannot be struck here, expected some of {expected}")]
    Region {
        /// Given.
        region: &'static str,
        /// Allowed.
        expected: String,
    },
}

/// An error unless `good`.
pub(crate) fn require(good: bool, what: &'static str, got: f64, expected: &'static str) -> Result<(), CampaignError> {
    if good { Ok(()) } else { Err(CampaignError::Range { what, got, expected }) }
}

/// Checks the largest rise of the validation loss that counts as no harm.
///
/// # Errors
/// One below 0, or infinite, or not a number: nothing, or everything, would count as harm.
pub fn check_tolerance(tolerance: f64) -> Result<(), CampaignError> {
    require(tolerance >= 0.0 && tolerance.is_finite(), "tolerance", tolerance, "0 nat or above, and finite")
}

/// The regions that are struck: those asked for, else all that are known.
pub(crate) fn regions<T: Copy + PartialEq>(
    asked: &[T],
    known: Vec<T>,
    name: fn(T) -> &'static str,
) -> Result<Vec<T>, CampaignError> {
    match asked.iter().find(|region| !known.contains(region)) {
        Some(&odd) => {
            let names: Vec<&str> = known.into_iter().map(name).collect();
            Err(CampaignError::Region { region: name(odd), expected: names.join(", ") })
        }
        None if asked.is_empty() => Ok(known),
        None => Ok(asked.to_vec()),
    }
}

/// Flips by class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// No alarm, no harm.
    pub harmless: u64,
    /// An alarm ended the run.
    pub detected: u64,
    /// An alarm, and a good result.
    pub recovered: u64,
    /// A worse result.
    pub silent: u64,
}

impl Counts {
    /// The flips of `outcomes` by class.
    #[must_use]
    pub fn of<'a>(outcomes: impl IntoIterator<Item = &'a Outcome>) -> Self {
        let mut counts = Self::default();
        for outcome in outcomes {
            *match outcome.class {
                Class::Harmless => &mut counts.harmless,
                Class::Detected => &mut counts.detected,
                Class::Recovered => &mut counts.recovered,
                Class::Silent => &mut counts.silent,
            } += 1;
        }
        counts
    }

    /// In the order of [`Class::ALL`].
    #[must_use]
    pub fn by_class(&self) -> [u64; 4] {
        [self.harmless, self.detected, self.recovered, self.silent]
    }

    /// All flips.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.by_class().iter().sum()
    }
}

/// Upper end of the 95 % confidence interval of a share of which `hits` of `tries` were seen; 1 without tries.
///
/// (p + z^2/2n + z sqrt(p (1 - p)/n + z^2/4n^2)) / (1 + z^2/n), p = hits/n, z = 1.96.
///
/// **Source**: Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22, 1927.
///
/// ```
/// use sunward_ai::campaign::share_upper;
/// assert!((share_upper(0, 10_000) - 3.84e-4).abs() < 1e-6);
/// ```
#[must_use]
pub fn share_upper(hits: u64, tries: u64) -> f64 {
    const Z: f64 = 1.959_963_984_540_054;
    if tries == 0 {
        return 1.0;
    }
    let (n, p) = (tries as f64, hits as f64 / tries as f64);
    let spread = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    (p + Z * Z / (2.0 * n) + spread) / (1.0 + Z * Z / n)
}
