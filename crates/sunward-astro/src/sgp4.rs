//! SGP4 for one satellite at one time: the readable reference, near-Earth and deep-space.
//!
//! The equations are those of the `sgp4` crate with gravity WGS72 and the epoch and sidereal time of its compatibility mode:
//! only so does it agree with the published verification cases (its default, WGS84, is 25 m off). The node's quadrant is
//! that of the improved Lyddane correction, as in the published tcppver.out (the crate's compatibility mode is 0.96 km off
//! in case 23599 from 420 min on). Decay, which the crate does not look for, is added.
//!
//! **Source**: Hoots and Roehrich, *Spacetrack Report No. 3* (1980); Vallado, Crawford, Hujsak and Kelso, "Revisiting
//! Spacetrack Report #3", AIAA 2006-6753 (2006), whose cases the tests reproduce to 1e-6 km and 1e-9 km/s.
//!
//! Valid range: from published elements, about 1 km off at their epoch and 1-3 km a day further on (Vallado et al. 2006).
//! **Not modelled**: manoeuvres; a leap second between epoch and target counts as a second of flight.

use sunward_units::{Meters, MetersPerSecond};

use crate::elements::{Elements, ElementsError};
use crate::state::State;
use crate::time::{Instant, Span};

/// Equatorial radius of WGS72 (Vallado et al. 2006, table 1).
pub(crate) const EARTH_RADIUS_KM: f64 = 6378.135;
pub(crate) const MINUTE_NS: f64 = 60e9;
const JULIAN_YEAR_D: f64 = 365.25;
const JULIAN_DATE_J2000: f64 = 2_451_545.0;

/// Why SGP4 gives no position. `after` is the time since the epoch.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Sgp4Error {
    /// The elements are out of range.
    #[error(transparent)]
    Elements(#[from] ElementsError),
    /// The mean motion without the secular effect of J2 is not positive.
    #[error("mean motion {} revolutions a day leaves none once the effect of J2 is taken off", .0.revolutions_per_day())]
    MeanMotion(crate::elements::MeanMotion),
    /// The mean eccentricity left -0.001..1 (error 1 of Vallado et al. 2006).
    #[error("mean eccentricity {eccentricity} is outside -0.001..1, {after} after the epoch")]
    Eccentricity {
        /// What it came to.
        eccentricity: f64,
        /// Since the epoch.
        after: Span,
    },
    /// The eccentricity with the effects of Sun and Moon left 0..=1 (error 3).
    #[error("eccentricity {eccentricity} with the effects of Sun and Moon is outside 0..=1, {after} after the epoch")]
    PerturbedEccentricity {
        /// What it came to.
        eccentricity: f64,
        /// Since the epoch.
        after: Span,
    },
    /// The semilatus rectum became negative (error 4).
    #[error("the semilatus rectum is negative, {after} after the epoch")]
    SemilatusRectum {
        /// Since the epoch.
        after: Span,
    },
    /// The satellite is below the Earth's surface (error 6).
    #[error("decayed: radius {radius:.0} is less than 6378135 m, {after} after the epoch")]
    Decayed {
        /// Distance from the Earth's centre.
        radius: Meters,
        /// Since the epoch.
        after: Span,
    },
}

/// SGP4 for one set of elements.
#[derive(Debug, Clone)]
pub struct Sgp4 {
    epoch: Instant,
    constants: ::sgp4::Constants,
}

impl Sgp4 {
    /// Prepares the elements.
    ///
    /// # Errors
    /// [`Sgp4Error::Elements`] or [`Sgp4Error::MeanMotion`].
    pub fn new(elements: &Elements) -> Result<Self, Sgp4Error> {
        let elements = elements.clone().checked()?;
        let orbit = brouwer_elements(&elements)?;
        // The reference implementation keeps the epoch as one double-precision Julian date. Its rounding (4e-10 d) moves
        // the verification case of a near-parabolic orbit (23333) by 4 mm through the Moon's place.
        let epoch = elements.epoch.julian_date_ut1();
        let years = (epoch.midnight_day + epoch.day_fraction - JULIAN_DATE_J2000) / JULIAN_YEAR_D;
        let constants = ::sgp4::Constants::new(
            ::sgp4::WGS72,
            ::sgp4::afspc_epoch_to_sidereal_time,
            years,
            elements.drag_term.0,
            orbit,
        )
        .map_err(|error| ElementsError::OutOfRange { element: "eccentricity", got: error.0, range: "0..1" })?;
        Ok(Self { epoch: elements.epoch, constants })
    }

    /// Position and velocity at `at`, in TEME (true equator, mean equinox of date).
    ///
    /// # Errors
    /// [`Sgp4Error`] when the orbit has diverged or the satellite has decayed.
    pub fn propagate(&self, at: Instant) -> Result<State, Sgp4Error> {
        let after = at - self.epoch;
        let minutes = ::sgp4::MinutesSinceEpoch(after.0 as f64 / MINUTE_NS);
        let prediction = self.constants.propagate(minutes).map_err(|error| translate(error, after))?;
        let state = State {
            position: prediction.position.map(|km| Meters(km * 1e3)),
            velocity: prediction.velocity.map(|km_s| MetersPerSecond(km_s * 1e3)),
        };
        let radius = state.radius();
        if radius.0 < EARTH_RADIUS_KM * 1e3 { Err(Sgp4Error::Decayed { radius, after }) } else { Ok(state) }
    }
}

/// The elements with the effect of J2 on Kozai's mean motion taken off (rad, rad/min).
pub(crate) fn brouwer_elements(elements: &Elements) -> Result<::sgp4::Orbit, Sgp4Error> {
    ::sgp4::Orbit::from_kozai_elements(
        &::sgp4::WGS72,
        elements.inclination.0,
        elements.right_ascension.0,
        elements.eccentricity.0,
        elements.argument_of_perigee.0,
        elements.mean_anomaly.0,
        elements.mean_motion.0 * 60.0,
    )
    .map_err(|_| Sgp4Error::MeanMotion(elements.mean_motion))
}

fn translate(error: ::sgp4::Error, after: Span) -> Sgp4Error {
    match error {
        ::sgp4::Error::OutOfRangeEccentricity { eccentricity, .. } => Sgp4Error::Eccentricity { eccentricity, after },
        ::sgp4::Error::OutOfRangePerturbedEccentricity { eccentricity, .. } => {
            Sgp4Error::PerturbedEccentricity { eccentricity, after }
        }
        ::sgp4::Error::NegativeSemiLatusRectum { .. } => Sgp4Error::SemilatusRectum { after },
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::elements::{MeanMotion, read_tle};
    use sunward_units::{Radians, Ratio, Seconds};

    /// A verification case: elements, states (minutes, km, km/s), and the first error.
    pub(crate) struct Case {
        pub(crate) elements: Elements,
        pub(crate) states: Vec<[f64; 7]>,
        pub(crate) error: Option<(Span, i64)>,
    }

    fn minutes(minutes: f64) -> Span {
        Span::from_seconds(Seconds(minutes * 60.0))
    }

    /// testdata/sgp4/verification.py tells where the cases come from.
    pub(crate) fn verification_cases() -> Vec<Case> {
        let text = include_str!("../../../testdata/sgp4/verification.toml");
        let table: toml::Table = text.parse().unwrap();
        let cases = table["case"].as_array().unwrap().iter();
        cases
            .map(|case| Case {
                elements: read_tle(&format!(
                    "{}\n{}",
                    case["line1"].as_str().unwrap(),
                    case["line2"].as_str().unwrap()
                ))
                .unwrap(),
                states: case["states"].as_array().unwrap().iter().map(row).collect(),
                error: case
                    .get("error")
                    .map(|error| (minutes(error["minutes"].as_float().unwrap()), error["code"].as_integer().unwrap())),
            })
            .collect()
    }

    fn row(row: &toml::Value) -> [f64; 7] {
        std::array::from_fn(|k| row[k].as_float().unwrap())
    }

    pub(crate) fn code(error: &Sgp4Error) -> i64 {
        match error {
            Sgp4Error::Eccentricity { .. } => 1,
            Sgp4Error::PerturbedEccentricity { .. } => 3,
            Sgp4Error::SemilatusRectum { .. } => 4,
            Sgp4Error::Decayed { .. } => 6,
            Sgp4Error::Elements(_) | Sgp4Error::MeanMotion(_) => 0,
        }
    }

    /// The largest distance (km, km/s) between a state and the published one.
    pub(crate) fn distance(state: &State, row: &[f64; 7]) -> (f64, f64) {
        let error =
            |got: [f64; 3], expected: &[f64]| (0..3).map(|k| (got[k] - expected[k]).powi(2)).sum::<f64>().sqrt();
        (error(state.position.map(|m| m.0 / 1e3), &row[1..4]), error(state.velocity.map(|v| v.0 / 1e3), &row[4..7]))
    }

    /// tcppver.out prints 1e-8 km and 1e-9 km/s; compilers differ by some 1e-7 km over the longest cases.
    #[test]
    fn every_verification_case_is_reproduced() {
        let cases = verification_cases();
        assert_eq!(cases.len(), 33);
        assert_eq!(cases.iter().map(|case| case.states.len()).sum::<usize>(), 666);
        for case in &cases {
            let sgp4 = Sgp4::new(&case.elements).unwrap();
            for row in &case.states {
                let state = sgp4.propagate(case.elements.epoch + minutes(row[0])).unwrap();
                let (km, km_s) = distance(&state, row);
                assert!(km < 1e-6 && km_s < 2e-9, "{} at {} min: {km} km", case.elements.catalog_number, row[0]);
            }
        }
    }

    #[test]
    fn every_verification_error_is_reproduced() {
        let failing: Vec<Case> = verification_cases().into_iter().filter(|case| case.error.is_some()).collect();
        assert_eq!(failing.len(), 7);
        for case in failing {
            let (after, expected) = case.error.unwrap();
            let error = Sgp4::new(&case.elements).unwrap().propagate(case.elements.epoch + after).unwrap_err();
            assert_eq!(code(&error), expected, "{} {error}", case.elements.catalog_number);
            assert!(error.to_string().contains(&format!("{after} after the epoch")), "{error}");
        }
    }

    #[test]
    fn elements_out_of_range_are_refused() {
        let good = verification_cases().swap_remove(0).elements;
        let message = |elements: &Elements| Sgp4::new(elements).unwrap_err().to_string();
        let fast = Elements { mean_motion: MeanMotion(-1.0), ..good.clone() };
        assert_eq!(message(&fast), "mean motion (rad/s) -1 is outside above 0");
        let open = Elements { eccentricity: Ratio(1.0), ..good.clone() };
        assert_eq!(message(&open), "eccentricity 1 is outside 0..1");
        let tilted = Elements { inclination: Radians(3.2), ..good.clone() };
        assert_eq!(message(&tilted), "inclination (rad) 3.2 is outside 0..=3.1416 rad");
        let lost = Elements { mean_anomaly: Radians(f64::NAN), ..good };
        assert!(message(&lost).starts_with("mean anomaly (rad) NaN is outside"));
    }
}
