//! From TEME, the frame of SGP4, to the turning Earth, and from there to latitude, longitude and height.
//!
//! Earth-fixed here is the pseudo-Earth-fixed frame: `r' = R3(theta) r`, `v' = R3(theta) v - theta_rate x r'`, theta the
//! Greenwich mean sidereal time of 1982, which is the angle that belongs to TEME's mean equinox.
//!
//! **Source**: Aoki et al., "The new definition of Universal Time", Astron. Astrophys. 105 (1982), 359; Vallado et al.,
//! AIAA 2006-6753, appendix C; ellipsoid WGS84, NIMA TR8350.2, 3rd edition (2000); geodetic latitude after Bowring,
//! Survey Review 23 (1976), 323.
//!
//! **Not modelled**: polar motion (up to 0.6 arcsec, 18 m on the ground); UT1 - UTC ([`crate::time`]: at most 419 m, 88 m in
//! 2021-2025). Against Skyfield, which has UT1, positions agree within 100 m in 2020.

use std::f64::consts::{PI, TAU};

use sunward_units::math::{Kernel, sin_cos, widest};
use sunward_units::{Meters, MetersPerSecond, Radians};

use crate::state::{State, StatesMut};
use crate::time::{Instant, Span};

/// Rate of the sidereal time of 1982, rad/s: 2 pi / 86,400 x (1 + 8,640,184.812866 / 3,155,760,000).
pub const SIDEREAL_RATE_RAD_S: f64 = TAU / 86_400.0 * (1.0 + 8_640_184.812866 / 3_155_760_000.0);
/// Semi-major axis of WGS84.
pub const EARTH_EQUATORIAL_RADIUS: Meters = Meters(6_378_137.0);
/// Flattening of WGS84.
pub const EARTH_FLATTENING: f64 = 1.0 / 298.257223563;

const ECCENTRICITY_SQUARED: f64 = EARTH_FLATTENING * (2.0 - EARTH_FLATTENING);
/// Bowring's formula is iterated this often: 1e-12 rad from the ground up to the Moon's distance.
const BOWRING_STEPS: usize = 3;

/// Greenwich mean sidereal time (1982), 0..2 pi: the angle from TEME's x axis to the Greenwich meridian.
///
/// theta = 67310.54841 s + 86400 s x (days since J2000) + 8640184.812866 s T + 0.093104 s T^2 - 6.2e-6 s T^3, T in
/// centuries of UT1. Whole turns are dropped before they cost precision: good to 1e-9 s.
#[must_use]
pub fn sidereal_angle(at: Instant) -> Radians {
    let date = at.julian_date_ut1();
    let t = date.days_since_2000() / 36_525.0;
    // A Julian date starts at noon: at midnight half a day has gone.
    let day_turns = (date.day_fraction + 0.5).fract();
    let seconds = 67_310.54841 + t * (8_640_184.812866 + t * (0.093104 - t * 6.2e-6));
    Radians(((seconds / 86_400.0).rem_euclid(1.0) + day_turns).fract() * TAU)
}

/// `state` (TEME) in Earth-fixed axes.
#[must_use]
pub fn to_earth_fixed(state: &State, at: Instant) -> State {
    let (sine, cosine) = sin_cos(sidereal_angle(at).0);
    let [x, y, z] = state.position.map(|component| component.0);
    let [vx, vy, vz] = state.velocity.map(|component| component.0);
    let (ex, ey, evx, evy) = turn(sine, cosine, [x, y, vx, vy]);
    State { position: [ex, ey, z].map(Meters), velocity: [evx, evy, vz].map(MetersPerSecond) }
}

/// Turns one satellite's states (TEME) at `start`, `start + step`, ... into Earth-fixed axes, in place.
///
/// The sidereal time runs on linearly from `start`: what its square adds is 4 mm on the ground after a year. Likewise a leap
/// second inside the series does not make it jump.
pub fn series_to_earth_fixed(start: Instant, step: Span, states: &mut StatesMut<'_>) {
    // The rate at `start`, which differs from that of J2000 by 4 mm a week.
    let quickening = 2.0 * 0.093104 * start.julian_date_ut1().days_since_2000() / 36_525.0 / 3_155_760_000.0;
    let step_rad = (SIDEREAL_RATE_RAD_S + TAU / 86_400.0 * quickening) * step.seconds().0;
    let angle_rad = sidereal_angle(start).0;
    widest(TurnSeries { angle_rad, step_rad, states });
}

/// Turns the states of many satellites (TEME) at one time into Earth-fixed axes, in place.
pub fn fleet_to_earth_fixed(at: Instant, states: &mut StatesMut<'_>) {
    widest(TurnSeries { angle_rad: sidereal_angle(at).0, step_rad: 0.0, states });
}

/// Rows that are turned together.
const BLOCK: usize = 64;

struct TurnSeries<'a, 'b> {
    angle_rad: f64,
    step_rad: f64,
    states: &'a mut StatesMut<'b>,
}

impl Kernel for TurnSeries<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let StatesMut { x, y, vx, vy, .. } = self.states;
        let (mut sine, mut cosine) = ([0.0; BLOCK], [0.0; BLOCK]);
        let positions = x.chunks_mut(BLOCK).zip(y.chunks_mut(BLOCK));
        let velocities = vx.chunks_mut(BLOCK).zip(vy.chunks_mut(BLOCK));
        for (block, ((x, y), (vx, vy))) in positions.zip(velocities).enumerate() {
            for row in 0..BLOCK {
                let angle = ((block * BLOCK + row) as u32 as f64).mul_add(self.step_rad, self.angle_rad);
                (sine[row], cosine[row]) = sin_cos(angle);
            }
            let turns = sine.iter().zip(&cosine);
            for ((((s, c), x), y), (vx, vy)) in turns.zip(x).zip(y).zip(vx.iter_mut().zip(vy)) {
                (x.0, y.0, vx.0, vy.0) = turn(*s, *c, [x.0, y.0, vx.0, vy.0]);
            }
        }
    }
}

/// x, y, vx, vy after the turn by the angle of `sine` and `cosine`.
#[inline(always)]
fn turn(sine: f64, cosine: f64, [x, y, vx, vy]: [f64; 4]) -> (f64, f64, f64, f64) {
    let (east, north) = (cosine.mul_add(x, sine * y), cosine.mul_add(y, -(sine * x)));
    let (along, across) = (cosine.mul_add(vx, sine * vy), cosine.mul_add(vy, -(sine * vx)));
    (east, north, SIDEREAL_RATE_RAD_S.mul_add(north, along), (-SIDEREAL_RATE_RAD_S).mul_add(east, across))
}

/// A point by its geodetic coordinates on WGS84.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Geodetic {
    /// -pi/2..=pi/2, north positive.
    pub latitude: Radians,
    /// -pi..=pi, east positive.
    pub longitude: Radians,
    /// Above the ellipsoid.
    pub height: Meters,
}

impl Geodetic {
    /// The point in Earth-fixed coordinates.
    #[must_use]
    pub fn earth_fixed(&self) -> [Meters; 3] {
        let (sin_latitude, cos_latitude) = self.latitude.0.sin_cos();
        let (sin_longitude, cos_longitude) = self.longitude.0.sin_cos();
        let normal = EARTH_EQUATORIAL_RADIUS.0 / (1.0 - ECCENTRICITY_SQUARED * sin_latitude * sin_latitude).sqrt();
        let from_axis = (normal + self.height.0) * cos_latitude;
        let z = (normal * (1.0 - ECCENTRICITY_SQUARED) + self.height.0) * sin_latitude;
        [from_axis * cos_longitude, from_axis * sin_longitude, z].map(Meters)
    }

    /// The point at an Earth-fixed position: 1e-12 rad and 1e-5 m from the ground up to the Moon's distance.
    ///
    /// Valid from 100 km below the ground upwards; on the axis the longitude is 0.
    #[must_use]
    pub fn from_earth_fixed(position: [Meters; 3]) -> Self {
        let [x, y, z] = position.map(|component| component.0);
        let (a, b) = (EARTH_EQUATORIAL_RADIUS.0, EARTH_EQUATORIAL_RADIUS.0 * (1.0 - EARTH_FLATTENING));
        let from_axis = x.hypot(y);
        let second_eccentricity_squared = ECCENTRICITY_SQUARED / (1.0 - ECCENTRICITY_SQUARED);
        let mut latitude = 0.0;
        // The parametric latitude, at first that of a point on the ground.
        let mut parametric = (z * a).atan2(from_axis * b);
        for _ in 0..BOWRING_STEPS {
            let (sine, cosine) = parametric.sin_cos();
            latitude = (z + second_eccentricity_squared * b * sine.powi(3))
                .atan2(from_axis - ECCENTRICITY_SQUARED * a * cosine.powi(3));
            let (sine, cosine) = latitude.sin_cos();
            parametric = ((1.0 - EARTH_FLATTENING) * sine).atan2(cosine);
        }
        let (sine, cosine) = latitude.sin_cos();
        let height = from_axis * cosine + z * sine - a * (1.0 - ECCENTRICITY_SQUARED * sine * sine).sqrt();
        Self { latitude: Radians(latitude), longitude: Radians(y.atan2(x)), height: Meters(height) }
    }
}

/// The point on the ground below a satellite at `position` (TEME), with the satellite's height over it.
#[must_use]
pub fn sub_satellite_point(position: [Meters; 3], at: Instant) -> Geodetic {
    let [x, y, z] = position;
    let on_meridian = Geodetic::from_earth_fixed([Meters(x.0.hypot(y.0)), Meters(0.0), z]);
    let longitude = (y.0.atan2(x.0) - sidereal_angle(at).0 + PI).rem_euclid(TAU) - PI;
    Geodetic { longitude: Radians(longitude), ..on_meridian }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elements::{Elements, read_tle};
    use crate::sgp4::Sgp4;
    use crate::state::States;

    fn satellites() -> [Elements; 2] {
        [
            "1 25544U 98067A   20194.88612269 -.00002218  00000-0 -31515-4 0  9992\n\
             2 25544  51.6461 221.2784 0001413  89.1723 280.4612 15.49507896236008",
            "1 28057U 03049A   06177.78615833  .00000060  00000-0  35940-4 0  1836\n\
             2 28057  98.4283 247.6961 0000884  88.1964 271.9322 14.35478080140550",
        ]
        .map(|text| read_tle(text).unwrap())
    }

    fn apart(a: [f64; 3], b: &[f64]) -> f64 {
        (0..3).map(|k| (a[k] - b[k]).powi(2)).sum::<f64>().sqrt()
    }

    /// Skyfield 1.55, testdata/frames/earth_fixed.py. "exact" differs by Skyfield's sidereal time in days of one `f64`
    /// (0.1 m); "real" by UT1 - UTC, -0.2 s in 2020 and 0.2 s in 2006: 100 m on the ground.
    #[test]
    fn earth_fixed_states_and_ground_points_match_skyfield() {
        let satellites = satellites();
        let table = include_str!("../../../testdata/frames/earth_fixed.csv");
        let rows: Vec<&str> = table.lines().filter(|line| !line.starts_with('#')).skip(1).collect();
        assert_eq!(rows.len(), 12);
        for row in rows {
            let cells: Vec<&str> = row.split(',').collect();
            let numbers: Vec<f64> = cells[3..].iter().map(|cell| cell.parse().unwrap()).collect();
            let at = Instant::from_utc_text(cells[2]).unwrap();
            let elements = &satellites[cells[1].parse::<usize>().unwrap()];
            let state = Sgp4::new(elements).unwrap().propagate(at).unwrap();
            let fixed = to_earth_fixed(&state, at);
            let exact = cells[0] == "exact";
            let (meters, meters_per_second, degrees) = if exact { (0.2, 2e-4, 2e-6) } else { (100.0, 0.2, 1e-3) };
            let distance = apart(fixed.position.map(|m| m.0), &numbers[..3]);
            assert!(distance < meters, "{row}: {distance} m");
            let speed = apart(fixed.velocity.map(|v| v.0), &numbers[3..6]);
            assert!(speed < meters_per_second, "{row}: {speed} m/s");
            let point = sub_satellite_point(state.position, at);
            assert!((point.latitude.degrees() - numbers[6]).abs() < degrees, "{row}: {point:?}");
            assert!((point.longitude.degrees() - numbers[7]).abs() < degrees, "{row}: {point:?}");
            assert!((point.height.0 - numbers[8]).abs() < 0.05, "{row}: {point:?}");
        }
    }

    /// Vallado, *Fundamentals of Astrodynamics and Applications* (2013), example 3-5: 1992-08-20 12:14 UT1, 152.578787810 deg
    /// (the book carries T with nine decimals, 4e-8 deg).
    #[test]
    fn sidereal_time_matches_vallado() {
        let angle = sidereal_angle(Instant::from_utc_text("1992-08-20T12:14:00Z").unwrap());
        assert!((angle.degrees() - 152.578787810).abs() < 1e-7, "{}", angle.degrees());
    }

    #[test]
    fn velocity_is_the_rate_of_the_earth_fixed_position() {
        let sgp4 = Sgp4::new(&satellites()[0]).unwrap();
        let at = satellites()[0].epoch + Span::HOUR;
        let fixed = |instant| to_earth_fixed(&sgp4.propagate(instant).unwrap(), instant);
        let (before, here, after) = (fixed(at - Span::SECOND), fixed(at), fixed(at + Span::SECOND));
        // Central difference: h^2/6 of the third derivative, 9e-3 m/s3 / 6; SGP4's velocity is itself 1e-2 m/s off.
        for axis in 0..3 {
            let rate = (after.position[axis].0 - before.position[axis].0) / 2.0;
            assert!((rate - here.velocity[axis].0).abs() < 0.05, "{rate} {:?}", here.velocity);
        }
    }

    #[test]
    fn series_and_fleet_turn_as_single_states_do() {
        let elements = &satellites()[0];
        let sgp4 = Sgp4::new(elements).unwrap();
        let (start, step) = (elements.epoch, Span::MINUTE * 7);
        let mut states = States::zeros(1500);
        for row in 0..states.len() {
            let state = sgp4.propagate(start + step * row as i64).unwrap();
            states.columns().set(row, state);
        }
        let inertial = states.clone();
        series_to_earth_fixed(start, step, &mut states.columns());
        for row in [0, 1, 77, 1499] {
            let expected = to_earth_fixed(&inertial.get(row), start + step * row as i64);
            assert!(apart(states.get(row).position.map(|m| m.0), &expected.position.map(|m| m.0)) < 1e-3, "{row}");
            assert!(apart(states.get(row).velocity.map(|v| v.0), &expected.velocity.map(|v| v.0)) < 1e-6, "{row}");
        }
        let mut fleet = inertial.clone();
        fleet_to_earth_fixed(start, &mut fleet.columns());
        assert_eq!(fleet.get(1499), to_earth_fixed(&inertial.get(1499), start));
    }

    #[test]
    fn geodetic_coordinates_return_to_themselves() {
        for latitude in [-90.0, -89.999, -51.6, -1e-6, 0.0, 30.0, 45.0, 89.9999999, 90.0] {
            for height in [-10e3, 0.0, 8848.0, 650e3, 35_786e3, 384_400e3] {
                for longitude in [-179.999, -90.0, 0.0, 13.4, 180.0] {
                    let point = Geodetic {
                        latitude: Radians::from_degrees(latitude),
                        longitude: Radians::from_degrees(longitude),
                        height: Meters(height),
                    };
                    let back = Geodetic::from_earth_fixed(point.earth_fixed());
                    assert!((back.latitude.0 - point.latitude.0).abs() < 1e-12, "{point:?} {back:?}");
                    assert!((back.height.0 - height).abs() < 1e-5, "{point:?} {back:?}");
                    let turned = (back.longitude.0 - point.longitude.0).abs();
                    assert!(turned < 1e-12 || latitude.abs() == 90.0, "{point:?} {back:?}");
                }
            }
        }
    }

    /// The ends of the ellipsoid: 6378137 m on the equator, 6356752.3142 m at the pole (NIMA TR8350.2, table 3.3).
    #[test]
    fn poles_and_equator_lie_where_wgs84_says() {
        let at = |latitude| Geodetic {
            latitude: Radians::from_degrees(latitude),
            longitude: Radians(0.0),
            height: Meters(0.0),
        };
        assert_eq!(at(0.0).earth_fixed()[0], EARTH_EQUATORIAL_RADIUS);
        assert!((at(90.0).earth_fixed()[2].0 - 6_356_752.3142).abs() < 1e-4);
    }
}
