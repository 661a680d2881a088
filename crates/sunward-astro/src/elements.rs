//! Mean orbital elements as published: two-line element sets and orbit mean-elements messages, read into one type.
//!
//! **Not modelled**: the derivatives of the mean motion, which SGP4 does not use, are checked in a two-line set and dropped.

mod omm;
mod tle;

pub use omm::{read_omm_json, read_omm_kvn};
pub use tle::{read_tle, read_tles};

use std::fmt;

use sunward_units::{Radians, Ratio};

use crate::time::{Instant, TimeError};

/// Why a text is not a set of elements; the message says where, what was got and what was expected.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ElementsError {
    /// A column of a two-line set, or a line of a message.
    #[error("line {line}, column {column}: got {got:?}, expected {expected}")]
    At {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// The text there.
        got: String,
        /// What would be right.
        expected: String,
    },
    /// The epoch of a two-line set.
    #[error("line {line}, column {column}: epoch {got:?}: {source}")]
    Epoch {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// The text there.
        got: String,
        /// The field that is out of range.
        source: TimeError,
    },
    /// Not JSON at all.
    #[error("line {line}, column {column}: expected JSON: {problem}")]
    Json {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// What the reader of JSON says.
        problem: String,
    },
    /// A keyword of an orbit mean-elements message; `message` counts from 1.
    #[error("OMM message {message}, {keyword}: got {got}, expected {expected}")]
    Keyword {
        /// Which message, from 1.
        message: usize,
        /// As in CCSDS 502.0-B.
        keyword: &'static str,
        /// The text there.
        got: String,
        /// What would be right.
        expected: String,
    },
    /// A value outside its range.
    #[error("{element} {got} is outside {range}")]
    OutOfRange {
        /// Which element, with its unit.
        element: &'static str,
        /// The value given.
        got: f64,
        /// What is allowed.
        range: &'static str,
    },
}

/// Mean angular rate along the orbit (Kozai's, as published in element sets), rad/s.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct MeanMotion(
    /// rad/s.
    pub f64,
);

impl MeanMotion {
    /// From revolutions per day of 86,400 s.
    #[must_use]
    pub fn from_revolutions_per_day(revolutions: f64) -> Self {
        Self(revolutions * (std::f64::consts::TAU / 86_400.0))
    }
    /// In revolutions per day of 86,400 s.
    #[must_use]
    pub fn revolutions_per_day(self) -> f64 {
        self.0 / (std::f64::consts::TAU / 86_400.0)
    }
}

/// SGP4's drag term B*, per Earth radius of 6378.135 km.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct DragTerm(
    /// Per Earth radius.
    pub f64,
);

/// Number of an object in the satellite catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CatalogNumber(
    /// 0..=999_999_999; a two-line set reaches 339_999.
    pub u32,
);

impl fmt::Display for CatalogNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:05}", self.0)
    }
}

/// SGP4 mean elements of one object: frame TEME, time scale UTC, gravity WGS72.
#[derive(Debug, Clone, PartialEq)]
pub struct Elements {
    /// Name, where the text gave one.
    pub name: Option<String>,
    /// Number in the satellite catalog.
    pub catalog_number: CatalogNumber,
    /// International designator such as "1998-067A", where the text gave one.
    pub designator: Option<String>,
    /// When the elements hold.
    pub epoch: Instant,
    /// Kozai mean motion.
    pub mean_motion: MeanMotion,
    /// 0 <= e < 1.
    pub eccentricity: Ratio,
    /// 0..=180 degrees.
    pub inclination: Radians,
    /// Right ascension of the ascending node.
    pub right_ascension: Radians,
    /// Argument of perigee.
    pub argument_of_perigee: Radians,
    /// Mean anomaly.
    pub mean_anomaly: Radians,
    /// B*.
    pub drag_term: DragTerm,
}

impl Elements {
    /// The elements themselves, if each is in its range.
    ///
    /// # Errors
    /// [`ElementsError::OutOfRange`] for the first that is not.
    pub fn checked(self) -> Result<Self, ElementsError> {
        let turn = -std::f64::consts::TAU..=std::f64::consts::TAU;
        let angle = |element, angle: Radians| (element, angle.0, turn.contains(&angle.0), "-6.2832..=6.2832 rad");
        let (motion, eccentricity, inclination) = (self.mean_motion.0, self.eccentricity.0, self.inclination.0);
        let inclined = (0.0..=std::f64::consts::PI).contains(&inclination);
        let checks = [
            ("mean motion (rad/s)", motion, motion > 0.0 && motion.is_finite(), "above 0"),
            ("eccentricity", eccentricity, (0.0..1.0).contains(&eccentricity), "0..1"),
            ("inclination (rad)", inclination, inclined, "0..=3.1416 rad"),
            angle("right ascension of the node (rad)", self.right_ascension),
            angle("argument of perigee (rad)", self.argument_of_perigee),
            angle("mean anomaly (rad)", self.mean_anomaly),
            ("drag term (1/Earth radius)", self.drag_term.0, self.drag_term.0.abs() < 1e6, "-1e6..1e6"),
        ];
        match checks.into_iter().find(|&(_, _, good, _)| !good) {
            Some((element, got, _, range)) => Err(ElementsError::OutOfRange { element, got, range }),
            None => Ok(self),
        }
    }
}
