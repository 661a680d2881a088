//! Orbits by mean elements: Kepler's ellipse, turned by the oblateness of the Earth.
//!
//! With `n = sqrt(mu / a^3)`, `p = a (1 - e^2)` and `k = 3/2 n J2 (R / p)^2`, node, perigee and mean anomaly move at
//!
//! `-k cos i`, `k (2 - 5/2 sin^2 i)`, `n + k sqrt(1 - e^2) (1 - 3/2 sin^2 i)`.
//!
//! **Source**: Vallado 2013, "Fundamentals of Astrodynamics and Applications", section 9.6; Kozai 1959, Astron. J. 64:367.
//!
//! The axes are the ones the node is measured in; with [`right_ascension_of_local_time`] those of TEME.
//! **Accuracy**: the periodic terms left out move a low satellite by up to 10 km about this mean place.
//! **Not modelled**: periodic terms, J3 and higher, drag, light pressure, Sun and Moon. MeanElements of a TLE belong to SGP4.

use std::f64::consts::{PI, TAU};
use std::str::FromStr;

use sunward_units::math::sin_cos;
use sunward_units::{Meters, MetersPerSecond, Radians, Ratio, Seconds};

use crate::eclipse::circular_eclipse_fraction;
use crate::ephemeris::{Ephemeris, Grid};
use crate::frames::EARTH_EQUATORIAL_RADIUS;
use crate::state::States;
use crate::sun::{mean_sun_right_ascension, sun};
use crate::time::{Calendar, Instant, Span, TimeError};
use crate::vector::dot;

/// Gravitational parameter of the Earth (WGS84 / EGM96), m3/s2.
pub const EARTH_GM_M3_S2: f64 = 3.986004418e14;
/// Second zonal harmonic of the Earth (EGM96, 1.08262668e-3).
pub const EARTH_J2: f64 = 1.08262668e-3;
/// Lowest perigee of an orbit: below, the air ends it within a revolution or two.
pub const PERIGEE_ALTITUDE_MIN: Meters = Meters(150e3);
/// Farthest apogee: the Earth's sphere of influence (Bate, Mueller & White 1971, table 7.1-1: 924,000 km).
pub const APOGEE_RADIUS_MAX: Meters = Meters(924e6);
/// Tropical year (epoch 2000), 365.24219 days: the mean Sun's turn about the equinox of date.
const TROPICAL_YEAR_S: f64 = 365.242_19 * 86_400.0;
const DAY: Seconds = Seconds(86_400.0);

/// Why an orbit cannot be.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum OrbitError {
    /// The name stands for no orbit.
    #[error("orbit {name:?} is not known; expected one of {}", NamedOrbit::NAMES.map(|(name, _)| name).join(", "))]
    UnknownName {
        /// The name given.
        name: String,
    },
    /// The ellipse dips into the atmosphere.
    #[error("perigee altitude {altitude} is below {PERIGEE_ALTITUDE_MIN}")]
    Perigee {
        /// The altitude of the perigee.
        altitude: Meters,
    },
    /// The ellipse leaves the Earth's sphere of influence.
    #[error("apogee radius {radius} is beyond the Earth's sphere of influence, {APOGEE_RADIUS_MAX}")]
    Apogee {
        /// The radius of the apogee.
        radius: Meters,
    },
    /// Eccentricity outside 0..1.
    #[error("eccentricity {} is outside 0..1", eccentricity.0)]
    Eccentricity {
        /// The value given.
        eccentricity: Ratio,
    },
    /// Inclination outside 0..=180 deg.
    #[error("inclination {:.4} deg is outside 0..=180 deg", inclination.degrees())]
    Inclination {
        /// The value given.
        inclination: Radians,
    },
    /// An element that is not a number.
    #[error("{element} is not finite")]
    NotFinite {
        /// Which element.
        element: &'static str,
    },
    /// No inclination turns the node with the Sun.
    #[error("no orbit of mean altitude {altitude} is sun-synchronous; the highest circular one is at 5975 km")]
    NotSunSynchronous {
        /// The altitude asked for.
        altitude: Meters,
    },
    /// A local time outside the day.
    #[error("local time of the ascending node {:.4} h is outside 0..24 h", local_time.0 / 3600.0)]
    LocalTime {
        /// The time given.
        local_time: Seconds,
    },
    /// The numbers of a constellation do not fit.
    #[error(
        "a Walker pattern {satellites}/{planes}/{phasing} needs planes that divide the satellites and phasing below planes"
    )]
    Walker {
        /// Satellites in all.
        satellites: u32,
        /// Planes.
        planes: u32,
        /// Phasing.
        phasing: u32,
    },
}

/// Mean elements as given; [`MeanOrbit::new`] checks them.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct MeanElements {
    /// When the angles hold.
    pub epoch: Instant,
    /// Semi-major axis `a`.
    pub semi_major_axis: Meters,
    /// Eccentricity `e`.
    pub eccentricity: Ratio,
    /// Inclination `i` to the equator.
    pub inclination: Radians,
    /// Right ascension of the ascending node.
    pub ascending_node: Radians,
    /// Argument of perigee.
    pub argument_of_perigee: Radians,
    /// Mean anomaly.
    pub mean_anomaly: Radians,
}

/// An orbit by mean elements with the secular rates of J2.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "MeanElements", into = "MeanElements")]
pub struct MeanOrbit {
    elements: MeanElements,
}

impl TryFrom<MeanElements> for MeanOrbit {
    type Error = OrbitError;
    fn try_from(elements: MeanElements) -> Result<Self, OrbitError> {
        Self::new(elements)
    }
}

impl From<MeanOrbit> for MeanElements {
    fn from(orbit: MeanOrbit) -> Self {
        orbit.elements
    }
}

/// Secular rates of an orbit, rad/s.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SecularRates {
    /// Of the right ascension of the ascending node.
    pub ascending_node_rad_s: f64,
    /// Of the argument of perigee.
    pub argument_of_perigee_rad_s: f64,
    /// Of the mean anomaly.
    pub mean_anomaly_rad_s: f64,
}

impl MeanOrbit {
    /// An orbit of checked elements.
    ///
    /// # Errors
    /// [`OrbitError`] when a value is out of range, the perigee below 150 km or the apogee beyond 924,000 km.
    pub fn new(elements: MeanElements) -> Result<Self, OrbitError> {
        let MeanElements { semi_major_axis, eccentricity, inclination, .. } = elements;
        let angles = [
            ("right ascension of the ascending node", elements.ascending_node),
            ("argument of perigee", elements.argument_of_perigee),
            ("mean anomaly", elements.mean_anomaly),
        ];
        if let Some((element, _)) = angles.iter().find(|(_, angle)| !angle.0.is_finite()) {
            return Err(OrbitError::NotFinite { element });
        }
        if !(0.0..1.0).contains(&eccentricity.0) {
            return Err(OrbitError::Eccentricity { eccentricity });
        }
        if !(0.0..=PI).contains(&inclination.0) {
            return Err(OrbitError::Inclination { inclination });
        }
        if !semi_major_axis.0.is_finite() {
            return Err(OrbitError::NotFinite { element: "semi-major axis" });
        }
        let altitude = semi_major_axis * (1.0 - eccentricity.0) - EARTH_EQUATORIAL_RADIUS;
        if altitude < PERIGEE_ALTITUDE_MIN {
            return Err(OrbitError::Perigee { altitude });
        }
        let radius = semi_major_axis * (1.0 + eccentricity.0);
        if radius > APOGEE_RADIUS_MAX {
            return Err(OrbitError::Apogee { radius });
        }
        Ok(Self { elements })
    }

    /// A circular orbit that starts at its ascending node.
    ///
    /// # Errors
    /// [`OrbitError`] as [`MeanOrbit::new`].
    pub fn circular(
        epoch: Instant,
        altitude: Meters,
        inclination: Radians,
        ascending_node: Radians,
    ) -> Result<Self, OrbitError> {
        Self::new(MeanElements {
            epoch,
            semi_major_axis: EARTH_EQUATORIAL_RADIUS + altitude,
            eccentricity: Ratio(0.0),
            inclination,
            ascending_node,
            argument_of_perigee: Radians(0.0),
            mean_anomaly: Radians(0.0),
        })
    }

    /// The circular sun-synchronous orbit of an altitude whose ascending node passes at a mean local solar time.
    ///
    /// # Errors
    /// [`OrbitError`] when the altitude has no such orbit or the local time lies outside the day.
    pub fn sun_synchronous(epoch: Instant, altitude: Meters, local_time: Seconds) -> Result<Self, OrbitError> {
        let inclination = sun_synchronous_inclination(altitude)?;
        Self::circular(epoch, altitude, inclination, right_ascension_of_local_time(epoch, local_time)?)
    }

    /// The elements it was made of.
    #[must_use]
    pub fn elements(&self) -> MeanElements {
        self.elements
    }

    /// Kepler's period, `2 pi sqrt(a^3 / mu)`.
    #[must_use]
    pub fn period(&self) -> Seconds {
        period_of(self.elements.semi_major_axis)
    }

    /// The secular rates of J2 (the module's formulas).
    #[must_use]
    pub fn secular_rates(&self) -> SecularRates {
        let MeanElements { semi_major_axis, eccentricity: Ratio(e), inclination, .. } = self.elements;
        let n = TAU / self.period().0;
        let ratio = EARTH_EQUATORIAL_RADIUS / (semi_major_axis * (1.0 - e * e));
        let k = 1.5 * n * EARTH_J2 * ratio * ratio;
        let (sin, cos) = inclination.0.sin_cos();
        SecularRates {
            ascending_node_rad_s: -k * cos,
            argument_of_perigee_rad_s: k * (2.0 - 2.5 * sin * sin),
            mean_anomaly_rad_s: n + k * (1.0 - e * e).sqrt() * (1.0 - 1.5 * sin * sin),
        }
    }

    /// Unit vector of the orbit's angular momentum at an instant.
    #[must_use]
    pub fn normal(&self, at: Instant) -> [f64; 3] {
        let elapsed_s = (at - self.elements.epoch).seconds().0;
        let node = self.elements.ascending_node.0 + self.secular_rates().ascending_node_rad_s * elapsed_s;
        let (sin_i, cos_i) = self.elements.inclination.0.sin_cos();
        [sin_i * node.sin(), -sin_i * node.cos(), cos_i]
    }

    /// Beta angle at an instant: the Sun's elevation above the orbital plane.
    #[must_use]
    pub fn beta(&self, at: Instant) -> Radians {
        Radians(dot(self.normal(at), sun(at).direction).clamp(-1.0, 1.0).asin())
    }

    /// Positions and velocities on a grid; the velocity is the derivative of the position, turning of the plane included.
    #[must_use]
    pub fn propagate(&self, grid: Grid) -> Ephemeris {
        let MeanElements { semi_major_axis: Meters(a_m), eccentricity: Ratio(e), inclination, .. } = self.elements;
        let rates = self.secular_rates();
        let (sin_i, cos_i) = inclination.0.sin_cos();
        let minor = (1.0 - e * e).sqrt();
        let count = grid.count();
        let start_s = (grid.start() - self.elements.epoch).seconds().0;
        let elapsed_s: Vec<f64> = (0..count).map(|index| start_s + (grid.step() * index as i64).seconds().0).collect();
        let at_start = self.elements.mean_anomaly.0;
        let mean: Vec<f64> = elapsed_s.iter().map(|t| half_turn(at_start + rates.mean_anomaly_rad_s * t)).collect();
        let mut eccentric = vec![0.0; count];
        solve_kepler(&mean, e, &mut eccentric);
        let mut states = States::zeros(count);
        let (perigee_rate, node_rate) = (rates.argument_of_perigee_rad_s, rates.ascending_node_rad_s);
        for k in 0..count {
            let (sin_e, cos_e) = sin_cos(eccentric[k]);
            let (sin_w, cos_w) = sin_cos(self.elements.argument_of_perigee.0 + perigee_rate * elapsed_s[k]);
            let (sin_node, cos_node) = sin_cos(self.elements.ascending_node.0 + node_rate * elapsed_s[k]);
            let rate = a_m * rates.mean_anomaly_rad_s / (1.0 - e * cos_e);
            // In the plane from perigee, then from the node, then in space.
            let (along, across) = (a_m * (cos_e - e), a_m * minor * sin_e);
            let (along_rate, across_rate) = (-rate * sin_e, rate * minor * cos_e);
            let (p, q) = (along * cos_w - across * sin_w, along * sin_w + across * cos_w);
            let p_rate = along_rate * cos_w - across_rate * sin_w - perigee_rate * q;
            let q_rate = along_rate * sin_w + across_rate * cos_w + perigee_rate * p;
            let (x, y) = (p * cos_node - q * cos_i * sin_node, p * sin_node + q * cos_i * cos_node);
            let vx = p_rate * cos_node - q_rate * cos_i * sin_node - node_rate * y;
            let vy = p_rate * sin_node + q_rate * cos_i * cos_node + node_rate * x;
            (states.x[k], states.y[k], states.z[k]) = (Meters(x), Meters(y), Meters(q * sin_i));
            states.vx[k] = MetersPerSecond(vx);
            states.vy[k] = MetersPerSecond(vy);
            states.vz[k] = MetersPerSecond(q_rate * sin_i);
        }
        Ephemeris::new(grid, states).expect("columns of the grid's length")
    }
}

/// Kepler's period on a semi-major axis: `2 pi sqrt(a^3 / mu)`.
#[must_use]
pub fn period_of(semi_major_axis: Meters) -> Seconds {
    let a_m = semi_major_axis.0;
    Seconds(TAU * (a_m * a_m * a_m / EARTH_GM_M3_S2).sqrt())
}

/// The semi-major axis with a period: `(mu (T / 2 pi)^2)^(1/3)`.
#[must_use]
pub fn semi_major_axis_of(period: Seconds) -> Meters {
    Meters((EARTH_GM_M3_S2 * (period.0 / TAU).powi(2)).cbrt())
}

/// An angle brought to -pi..=pi.
fn half_turn(angle: f64) -> f64 {
    angle - TAU * (angle / TAU).round()
}

/// Solves `E - e sin E = M` for columns of M in -pi..=pi, to 1e-14 rad.
///
/// Newton's method on |M| from `min(|M| + e, pi)`: the function is convex and positive there, so that every step comes
/// nearer from above and none overshoots, for any e below 1.
pub fn solve_kepler(mean_anomaly: &[f64], eccentricity: f64, eccentric_anomaly: &mut [f64]) {
    const SWEEPS_MAX: usize = 60;
    for (eccentric, mean) in eccentric_anomaly.iter_mut().zip(mean_anomaly) {
        *eccentric = (mean.abs() + eccentricity).min(PI);
    }
    for _ in 0..SWEEPS_MAX {
        let mut largest = 0.0_f64;
        for (eccentric, mean) in eccentric_anomaly.iter_mut().zip(mean_anomaly) {
            let (sin, cos) = sin_cos(*eccentric);
            let step = (*eccentric - eccentricity * sin - mean.abs()) / (1.0 - eccentricity * cos);
            *eccentric -= step;
            largest = largest.max(step.abs());
        }
        // Newton squares the error: what is left is below 1e-14.
        if largest < 1e-9 {
            break;
        }
    }
    for (eccentric, mean) in eccentric_anomaly.iter_mut().zip(mean_anomaly) {
        *eccentric = eccentric.copysign(*mean);
    }
}

/// The inclination at which the node of a circular orbit follows the mean Sun: `cos i = -2/3 W / (n J2) (a / R)^2`.
///
/// **Source**: Vallado 2013, section 11.4.1, with W = 2 pi in a tropical year.
///
/// ```
/// use sunward_astro::mean::sun_synchronous_inclination;
/// use sunward_units::Meters;
/// assert!((sun_synchronous_inclination(Meters(650e3)).unwrap().degrees() - 97.986).abs() < 5e-4);
/// ```
///
/// # Errors
/// [`OrbitError`] above 5,975 km, where J2 is too weak, and below 150 km.
pub fn sun_synchronous_inclination(altitude: Meters) -> Result<Radians, OrbitError> {
    if !altitude.0.is_finite() {
        return Err(OrbitError::NotFinite { element: "altitude" });
    }
    if altitude < PERIGEE_ALTITUDE_MIN {
        return Err(OrbitError::Perigee { altitude });
    }
    let axis = EARTH_EQUATORIAL_RADIUS + altitude;
    let n = TAU / period_of(axis).0;
    let cosine = -2.0 / 3.0 * (TAU / TROPICAL_YEAR_S) / (n * EARTH_J2) * (axis / EARTH_EQUATORIAL_RADIUS).powi(2);
    if cosine < -1.0 { Err(OrbitError::NotSunSynchronous { altitude }) } else { Ok(Radians(cosine.acos())) }
}

/// Right ascension of an ascending node that passes at a mean local solar time (time of day), in 0..2 pi.
///
/// # Errors
/// [`OrbitError::LocalTime`] outside 0..24 h.
pub fn right_ascension_of_local_time(at: Instant, local_time: Seconds) -> Result<Radians, OrbitError> {
    if !(0.0..DAY.0).contains(&local_time.0) {
        return Err(OrbitError::LocalTime { local_time });
    }
    let hour_angle = TAU * (local_time / DAY - 0.5);
    Ok(Radians((mean_sun_right_ascension(at).0 + hour_angle).rem_euclid(TAU)))
}

/// Sun-synchronous orbits that have a name, by the mean local time of their ascending node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamedOrbit {
    /// Ascending at 06:00, along the terminator.
    DawnDusk,
    /// Ascending at 18:00, along the terminator.
    DuskDawn,
    /// Ascending at 12:00.
    NoonMidnight,
    /// Ascending at 00:00.
    MidnightNoon,
}

impl NamedOrbit {
    /// Every name and its orbit.
    pub const NAMES: [(&'static str, Self); 4] = [
        ("dawn-dusk", Self::DawnDusk),
        ("dusk-dawn", Self::DuskDawn),
        ("noon-midnight", Self::NoonMidnight),
        ("midnight-noon", Self::MidnightNoon),
    ];

    /// Mean local solar time of the ascending node.
    #[must_use]
    pub fn local_time(self) -> Seconds {
        Seconds(match self {
            Self::DawnDusk => 6.0 * 3600.0,
            Self::DuskDawn => 18.0 * 3600.0,
            Self::NoonMidnight => 12.0 * 3600.0,
            Self::MidnightNoon => 0.0,
        })
    }
}

impl FromStr for NamedOrbit {
    type Err = OrbitError;
    fn from_str(name: &str) -> Result<Self, OrbitError> {
        let known = Self::NAMES.iter().find(|(known, _)| *known == name);
        known.map(|(_, orbit)| *orbit).ok_or_else(|| OrbitError::UnknownName { name: name.to_owned() })
    }
}

/// How the planes of a constellation spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WalkerPattern {
    /// Ascending nodes over the whole equator.
    Delta,
    /// Ascending nodes over half of it: planes near the poles that go up on one side and down on the other.
    Star,
}

/// A Walker constellation `i: t/p/f` of circular orbits.
///
/// **Source**: Walker 1984, J. British Interplanet. Soc. 37:559. Neighbouring planes are out of phase by `f 360 deg / t`.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Walker {
    /// How the planes spread.
    pub pattern: WalkerPattern,
    /// Satellites in all, `t`.
    pub satellites: u32,
    /// Planes, `p`.
    pub planes: u32,
    /// Phasing, `f`, below `p`.
    pub phasing: u32,
    /// Altitude above the equatorial radius.
    pub altitude: Meters,
    /// Inclination.
    pub inclination: Radians,
    /// Right ascension of the first plane's ascending node.
    pub ascending_node: Radians,
    /// When the first satellite is at its ascending node.
    pub epoch: Instant,
}

impl Walker {
    /// The orbits, plane by plane.
    ///
    /// # Errors
    /// [`OrbitError`] when the numbers do not divide or the orbit is out of range.
    pub fn orbits(&self) -> Result<Vec<MeanOrbit>, OrbitError> {
        let Self { satellites, planes, phasing, .. } = *self;
        if satellites == 0 || planes == 0 || satellites % planes != 0 || phasing >= planes {
            return Err(OrbitError::Walker { satellites, planes, phasing });
        }
        let first = MeanOrbit::circular(self.epoch, self.altitude, self.inclination, self.ascending_node)?.elements;
        let in_plane = satellites / planes;
        let fan = match self.pattern {
            WalkerPattern::Delta => TAU,
            WalkerPattern::Star => PI,
        };
        let orbit = |number: u32| {
            let (plane, place) = (f64::from(number / in_plane), f64::from(number % in_plane));
            let phase = place / f64::from(in_plane) + plane * f64::from(phasing) / f64::from(satellites);
            MeanOrbit::new(MeanElements {
                ascending_node: first.ascending_node + Radians(fan * plane / f64::from(planes)),
                mean_anomaly: Radians(TAU * phase.rem_euclid(1.0)),
                ..first
            })
        };
        (0..satellites).map(orbit).collect()
    }
}

/// How much shadow a circular sun-synchronous orbit meets in a calendar year.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EclipseYear {
    /// Smallest |beta|.
    pub beta_min: Radians,
    /// Share of the year in shadow.
    pub eclipse_fraction: Ratio,
    /// Longest passage through the shadow.
    pub eclipse_longest: Seconds,
    /// Time with an eclipse in each revolution.
    pub eclipse_season: Seconds,
}

/// The shadow a circular sun-synchronous orbit meets in a calendar year, by the closed form of
/// [`circular_eclipse_fraction`] (cylinder, spherical Earth) every three hours.
///
/// # Errors
/// [`YearError`] when the year is out of range, the altitude has no such orbit or the local time lies outside the day.
pub fn eclipse_year(altitude: Meters, local_time: Seconds, year: i64) -> Result<EclipseYear, YearError> {
    const STEP: Span = Span(3 * Span::HOUR.0);
    let new_year = |year| {
        Instant::from_calendar(Calendar { year, month: 1, day: 1, hour: 0, minute: 0, second: 0, nanosecond: 0 })
    };
    let (start, end) = (new_year(year)?, new_year(year + 1)?);
    let orbit = MeanOrbit::sun_synchronous(start, altitude, local_time)?;
    let steps = (end - start).whole_steps(STEP);
    let betas: Vec<Radians> = (0..steps).map(|step| orbit.beta(start + STEP * step + STEP / 2)).collect();
    let fractions: Vec<f64> = betas.iter().map(|beta| circular_eclipse_fraction(altitude, *beta).0).collect();
    let in_shadow = fractions.iter().filter(|fraction| **fraction > 0.0).count();
    Ok(EclipseYear {
        beta_min: betas.iter().fold(Radians(PI), |least, beta| least.min(beta.abs())),
        eclipse_fraction: Ratio(fractions.iter().sum::<f64>() / steps as f64),
        eclipse_longest: orbit.period() * fractions.iter().copied().fold(0.0, f64::max),
        eclipse_season: STEP.seconds() * in_shadow as f64,
    })
}

/// Why a year of shadow cannot be told.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum YearError {
    /// The orbit cannot be.
    #[error("no such orbit")]
    Orbit(#[from] OrbitError),
    /// The year lies outside the range of time.
    #[error("no such year")]
    Year(#[from] TimeError),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eclipse::critical_beta;
    use crate::vector::{norm, scaled};

    const EPOCH: Instant = Instant(Span::DAY.0 * 9000);

    fn hours(hours: f64) -> Seconds {
        Seconds(hours * 3600.0)
    }

    /// Rows recomputed from first principles (J2, cylindrical shadow): altitude, inclination, period, speed, critical beta.
    #[test]
    fn sun_synchronous_table() {
        for (altitude_km, inclination_deg, period_s, speed_km_s, beta_deg) in [
            (325.0, 96.760, 5461.70, 7.7113, 72.085),
            (500.0, 97.402, 5676.98, 7.6126, 68.019),
            (550.0, 97.593, 5738.99, 7.5851, 67.016),
            (600.0, 97.788, 5801.23, 7.5579, 66.067),
            (650.0, 97.986, 5863.69, 7.5309, 65.164),
        ] {
            let altitude = Meters(altitude_km * 1e3);
            let orbit = MeanOrbit::sun_synchronous(EPOCH, altitude, hours(6.0)).unwrap();
            let speed = TAU * (EARTH_EQUATORIAL_RADIUS + altitude).0 / orbit.period().0;
            assert!((orbit.elements().inclination.degrees() - inclination_deg).abs() < 6e-4, "{altitude}");
            assert!((orbit.period().0 - period_s).abs() < 0.006, "{altitude}");
            assert!((speed / 1e3 - speed_km_s).abs() < 6e-5, "{altitude}");
            assert!((critical_beta(altitude).degrees() - beta_deg).abs() < 6e-4, "{altitude}");
            assert_eq!(semi_major_axis_of(orbit.period()).0.round(), (EARTH_EQUATORIAL_RADIUS + altitude).0);
        }
    }

    /// Same source: altitude, least |beta|, share of the year and days with eclipse for 06 h and 18 h, longest eclipse.
    /// The rows state no year: a year more or less moves them by 0.01 deg and half a day.
    #[test]
    fn dawn_dusk_year() {
        for (altitude_km, beta_deg, percent, longest_min, days) in [
            (550.0, 58.97, [4.83, 5.02], 21.66, [97.0, 100.8]),
            (600.0, 58.77, [4.32, 4.49], 20.68, [92.0, 95.5]),
            (650.0, 58.58, [3.85, 4.00], 19.73, [87.0, 90.5]),
            (700.0, 58.37, [3.42, 3.56], 18.78, [82.5, 85.8]),
        ] {
            let year = |local_time| eclipse_year(Meters(altitude_km * 1e3), local_time, 2026).unwrap();
            let both = [year(hours(6.0)), year(hours(18.0))];
            for (found, (percent, days)) in both.iter().zip(percent.iter().zip(&days)) {
                println!("{altitude_km} {:?} {:.2} d", found, found.eclipse_season.0 / 86400.0);
                assert!((found.eclipse_fraction.0 * 100.0 - percent).abs() < 0.02, "{altitude_km} {found:?}");
                assert!((found.eclipse_season.0 / 86_400.0 - days).abs() < 0.6, "{altitude_km} {found:?}");
            }
            let least = both[0].beta_min.min(both[1].beta_min).degrees();
            let longest = both[0].eclipse_longest.max(both[1].eclipse_longest).0 / 60.0;
            assert!((least - beta_deg).abs() < 0.02, "{altitude_km} {least}");
            assert!((longest - longest_min).abs() < 0.03, "{altitude_km} {longest}");
        }
    }

    /// Starcloud-1, NORAD 66303, TLE of 2026-07-26: i 45.3997 deg, e 0.0006322, 15.21652070 revolutions a day.
    #[test]
    fn starcloud_1_is_neither_at_325_km_nor_dawn_dusk() {
        let period = DAY / 15.216_520_70;
        let axis = semi_major_axis_of(period);
        let altitude = axis - EARTH_EQUATORIAL_RADIUS;
        assert!((altitude.0 / 1e3 - 500.9).abs() < 0.05 && (period.0 / 60.0 - 94.63).abs() < 0.005);
        let perigee = axis * (1.0 - 0.000_632_2) - EARTH_EQUATORIAL_RADIUS;
        let apogee = axis * (1.0 + 0.000_632_2) - EARTH_EQUATORIAL_RADIUS;
        assert!((perigee.0 / 1e3 - 496.5).abs() < 0.1 && (apogee.0 / 1e3 - 505.2).abs() < 0.1);
        let share = circular_eclipse_fraction(altitude, Radians(0.0));
        assert!((share.0 - 0.378).abs() < 5e-4 && ((period * share.0).0 / 60.0 - 35.75).abs() < 0.01);
        assert!((critical_beta(altitude).degrees() - 68.0).abs() < 0.05);
        // Its node runs through all local times: max |beta| is the inclination plus the Sun's greatest declination.
        let elements = MeanElements {
            epoch: EPOCH,
            semi_major_axis: axis,
            eccentricity: Ratio(0.000_632_2),
            inclination: Radians::from_degrees(45.3997),
            ascending_node: Radians(0.0),
            argument_of_perigee: Radians(0.0),
            mean_anomaly: Radians(0.0),
        };
        let orbit = MeanOrbit::new(elements).unwrap();
        let betas = (0..20_000).map(|day| orbit.beta(EPOCH + Span::DAY * (day / 2)).degrees().abs());
        let greatest = betas.fold(0.0, f64::max);
        assert!((68.4..68.85).contains(&greatest), "{greatest}");
    }

    /// The station's orbit, 51.6 deg at 420 km: its node is known to go back by 5 deg a day, its perigee on by 3.7.
    #[test]
    fn secular_rates_have_the_known_size() {
        let orbit = |inclination| {
            MeanOrbit::circular(EPOCH, Meters(420e3), Radians::from_degrees(inclination), Radians(0.0)).unwrap()
        };
        let per_day = |rate: f64| (rate * DAY.0).to_degrees();
        let rates = orbit(51.6).secular_rates();
        assert!((per_day(rates.ascending_node_rad_s) + 4.951).abs() < 0.001, "{rates:?}");
        assert!((per_day(rates.argument_of_perigee_rad_s) - 3.703).abs() < 0.001, "{rates:?}");
        // Critical inclination, 63.4349 deg: the perigee rests. Polar: the node rests.
        assert!(per_day(orbit(63.434_948_8).secular_rates().argument_of_perigee_rad_s).abs() < 1e-6);
        assert!(per_day(orbit(90.0).secular_rates().ascending_node_rad_s).abs() < 1e-12);
    }

    fn eccentric_orbit(eccentricity: f64) -> MeanOrbit {
        MeanOrbit::new(MeanElements {
            epoch: EPOCH,
            semi_major_axis: Meters(26_600e3),
            eccentricity: Ratio(eccentricity),
            inclination: Radians::from_degrees(63.4),
            ascending_node: Radians(1.0),
            argument_of_perigee: Radians(4.7),
            mean_anomaly: Radians(-3.0),
        })
        .unwrap()
    }

    /// Properties of every Kepler orbit: radius between perigee and apogee, vis-viva, plane; velocity is the derivative.
    #[test]
    fn propagated_states_obey_kepler() {
        for eccentricity in [0.0, 0.01, 0.3, 0.74] {
            let orbit = eccentric_orbit(eccentricity);
            let grid = Grid::new(EPOCH + Span::DAY * 3, Span::SECOND, 45_000).unwrap();
            let track = orbit.propagate(grid);
            let a = orbit.elements().semi_major_axis.0;
            let mut extremes = (f64::MAX, 0.0_f64);
            for index in (1..grid.count() - 1).step_by(97) {
                let (r, v) = (track.position_m(index), track.velocity_m_s(index));
                let radius = norm(r);
                extremes = (extremes.0.min(radius), extremes.1.max(radius));
                let energy = dot(v, v) / 2.0 - EARTH_GM_M3_S2 / radius;
                assert!((energy * -2.0 * a / EARTH_GM_M3_S2 - 1.0).abs() < 1e-3, "{eccentricity} {energy}");
                assert!(dot(r, orbit.normal(grid.instant(index))).abs() < 1e-3);
                let (before, after) = (track.position_m(index - 1), track.position_m(index + 1));
                for axis in 0..3 {
                    let derivative = (after[axis] - before[axis]) / 2.0;
                    assert!((derivative - v[axis]).abs() < 2e-3, "{eccentricity} {derivative} {}", v[axis]);
                }
            }
            assert!(
                (extremes.0 / a - 1.0 + eccentricity).abs() < 1e-3
                    && (extremes.1 / a - 1.0 - eccentricity).abs() < 1e-3
            );
        }
    }

    #[test]
    fn kepler_equation_holds_for_every_eccentricity() {
        let mean: Vec<f64> = (-2000..=2000).map(|k| PI * f64::from(k) / 2000.0).collect();
        let mut eccentric = vec![0.0; mean.len()];
        for e in [0.0, 1e-6, 0.1, 0.5, 0.9, 0.98, 0.9999] {
            solve_kepler(&mean, e, &mut eccentric);
            for (eccentric, mean) in eccentric.iter().zip(&mean) {
                assert!((eccentric - e * eccentric.sin() - mean).abs() < 1e-14, "{e} {mean}");
            }
        }
    }

    #[test]
    fn a_sun_synchronous_node_keeps_its_local_time() {
        let orbit = MeanOrbit::sun_synchronous(EPOCH, Meters(600e3), hours(10.5)).unwrap();
        for day in [0, 100, 365, 3650] {
            let at = EPOCH + Span::DAY * day;
            let node = right_ascension_of_local_time(at, hours(10.5)).unwrap().0;
            let normal = [node.sin(), -node.cos()];
            let [x, y, z] = orbit.normal(at);
            let equatorial = scaled([x, y, 0.0], 1.0 / (1.0 - z * z).sqrt());
            assert!((equatorial[0] - normal[0]).abs() < 1e-4 && (equatorial[1] - normal[1]).abs() < 1e-4, "{day}");
        }
    }

    #[test]
    fn walker_patterns_spread_planes_and_phases() {
        let walker = Walker {
            pattern: WalkerPattern::Delta,
            satellites: 24,
            planes: 3,
            phasing: 1,
            altitude: Meters(20_200e3),
            inclination: Radians::from_degrees(56.0),
            ascending_node: Radians(0.1),
            epoch: EPOCH,
        };
        let degrees = |orbits: &[MeanOrbit], number: usize| {
            let elements = orbits[number].elements();
            (
                (elements.ascending_node.degrees() - 0.1_f64.to_degrees()).round(),
                elements.mean_anomaly.degrees().round(),
            )
        };
        let delta = walker.orbits().unwrap();
        assert_eq!((delta.len(), degrees(&delta, 1), degrees(&delta, 8)), (24, (0.0, 45.0), (120.0, 15.0)));
        let star = Walker { pattern: WalkerPattern::Star, ..walker }.orbits().unwrap();
        assert_eq!(degrees(&star, 23), (120.0, 345.0));
        let refused = |planes, phasing| Walker { planes, phasing, ..walker }.orbits().unwrap_err().to_string();
        for (planes, phasing) in [(5, 0), (0, 0), (3, 3)] {
            assert!(refused(planes, phasing).starts_with(&format!("a Walker pattern 24/{planes}/{phasing} needs")));
        }
    }

    #[test]
    fn names_mean_something() {
        for (name, orbit) in NamedOrbit::NAMES {
            assert_eq!(name.parse(), Ok(orbit));
        }
        assert_eq!(NamedOrbit::DawnDusk.local_time(), "6 h".parse().unwrap());
        assert_eq!(
            "banana".parse::<NamedOrbit>().unwrap_err().to_string(),
            "orbit \"banana\" is not known; expected one of dawn-dusk, dusk-dawn, noon-midnight, midnight-noon"
        );
    }

    #[test]
    fn wrong_elements_are_refused() {
        let good = eccentric_orbit(0.1).elements();
        let message = |elements| MeanOrbit::new(elements).unwrap_err().to_string();
        let with_axis = |axis, e| MeanElements { semi_major_axis: Meters(axis), eccentricity: Ratio(e), ..good };
        assert_eq!(message(with_axis(6_478_137.0, 0.0)), "perigee altitude 100 km is below 150 km");
        assert_eq!(message(with_axis(7e6, 0.2)), "perigee altitude -778.1 km is below 150 km");
        assert_eq!(message(with_axis(f64::NAN, 0.2)), "semi-major axis is not finite");
        assert_eq!(sun_synchronous_inclination(Meters(f64::NAN)).unwrap_err().to_string(), "altitude is not finite");
        assert!(message(with_axis(6e8, 0.9)).contains("beyond the Earth's sphere of influence"));
        assert_eq!(message(with_axis(7e6, 1.0)), "eccentricity 1 is outside 0..1");
        assert_eq!(
            message(MeanElements { inclination: Radians(-0.1), ..good }),
            "inclination -5.7296 deg is outside 0..=180 deg"
        );
        assert_eq!(message(MeanElements { mean_anomaly: Radians(f64::NAN), ..good }), "mean anomaly is not finite");
        assert!(sun_synchronous_inclination(Meters(5_970e3)).is_ok());
        assert!(sun_synchronous_inclination(Meters(5_980e3)).unwrap_err().to_string().contains("5975 km"));
        let late = right_ascension_of_local_time(EPOCH, hours(24.0)).unwrap_err().to_string();
        assert_eq!(late, "local time of the ascending node 24.0000 h is outside 0..24 h");
        assert!(eclipse_year(Meters(600e3), hours(6.0), 3000).is_err());
        assert_eq!(serde_json::from_str::<MeanOrbit>(&serde_json::to_string(&good).unwrap()).unwrap().elements(), good);
    }
}
