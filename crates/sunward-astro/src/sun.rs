//! Where the Sun stands as seen from the Earth's centre, how far it is, and how strong its light is there.
//!
//! Directions are apparent (light time and annual aberration included: it is the apparent Sun that shadows point away
//! from) and stand in the axes of SGP4's states, TEME: true equator and mean equinox of date, equinox by the equation of
//! the equinoxes.
//!
//! **Source**: Bretagnon & Francou 1988, "Planetary theories in rectangular and spherical variables", VSOP87D, the
//! Earth's terms above 1e-6 rad and 4e-7 au, as tabulated by Meeus 1998, appendix III; nutation and aberration Meeus
//! 1998, chapters 22 and 25.
//!
//! **Accuracy**: 0.0005 deg in direction and 4e-6 of the distance over 2020-2050, against ERFA (see the test).
//!
//! **Not modelled**: the Sun's ecliptic latitude (below 1.2 arcsec), parallax (the direction is that of the Earth's
//! centre: 0.003 deg at 1 Earth radius), the variation of the solar constant over the solar cycle (0.1 %).

use std::f64::consts::{PI, TAU};

use sunward_units::{Meters, Radians, WattsPerSquareMeter};

use crate::ephemeris::Grid;
use crate::state::State;
use crate::time::Instant;
use crate::vector::{angle, cross};

/// Astronomical unit (IAU 2012 resolution B2), m.
pub const ASTRONOMICAL_UNIT: Meters = Meters(149_597_870_700.0);
/// Nominal radius of the Sun (IAU 2015 resolution B3), m.
pub const SUN_RADIUS: Meters = Meters(695_700_000.0);
/// Total solar irradiance at one astronomical unit: 1360.8 +- 0.5 W/m2 (Kopp & Lean 2011), IAU 2015 resolution B3 1361.
pub const SOLAR_CONSTANT: WattsPerSquareMeter = WattsPerSquareMeter(1361.0);

pub(crate) const ARCSECOND: f64 = PI / 648_000.0;
/// Constant of aberration (IAU 1976), rad.
const ABERRATION: f64 = 20.49552 * ARCSECOND;

/// One periodic term `amplitude * cos(phase + rate * t)` with t in Julian millennia of TT since J2000.
type Term = (f64, f64, f64);

/// Heliocentric longitude of the Earth, by power of t, 1e-8 rad.
const LONGITUDE_0: [Term; 33] = [
    (175_347_046.0, 0.0, 0.0),
    (3_341_656.0, 4.669_256_8, 6_283.075_850_0),
    (34_894.0, 4.626_10, 12_566.151_70),
    (3_497.0, 2.744_1, 5_753.384_9),
    (3_418.0, 2.828_9, 3.523_1),
    (3_136.0, 3.627_7, 77_713.771_5),
    (2_676.0, 4.418_1, 7_860.419_4),
    (2_343.0, 6.135_2, 3_930.209_7),
    (1_324.0, 0.742_5, 11_506.769_8),
    (1_273.0, 2.037_1, 529.691_0),
    (1_199.0, 1.109_6, 1_577.343_5),
    (990.0, 5.233, 5_884.927),
    (902.0, 2.045, 26.298),
    (857.0, 3.508, 398.149),
    (780.0, 1.179, 5_223.694),
    (753.0, 2.533, 5_507.553),
    (505.0, 4.583, 18_849.228),
    (492.0, 4.205, 775.523),
    (357.0, 2.920, 0.067),
    (317.0, 5.849, 11_790.629),
    (284.0, 1.899, 796.298),
    (271.0, 0.315, 10_977.079),
    (243.0, 0.345, 5_486.778),
    (206.0, 4.806, 2_544.314),
    (205.0, 1.869, 5_573.143),
    (202.0, 2.458, 6_069.777),
    (156.0, 0.833, 213.299),
    (132.0, 3.411, 2_942.463),
    (126.0, 1.083, 20.775),
    (115.0, 0.645, 0.980),
    (103.0, 0.636, 4_694.003),
    (102.0, 0.976, 15_720.839),
    (102.0, 4.267, 7.114),
];
const LONGITUDE_1: [Term; 6] = [
    (628_331_966_747.0, 0.0, 0.0),
    (206_059.0, 2.678_235, 6_283.075_850),
    (4_303.0, 2.635_1, 12_566.151_7),
    (425.0, 1.590, 3.523),
    (119.0, 5.796, 26.298),
    (109.0, 2.966, 1_577.344),
];
const LONGITUDE_2: [Term; 3] = [(52_919.0, 0.0, 0.0), (8_720.0, 1.072_1, 6_283.075_8), (309.0, 0.867, 12_566.152)];

/// Distance of the Earth, by power of t, 1e-8 au.
const DISTANCE_0: [Term; 27] = [
    (100_013_989.0, 0.0, 0.0),
    (1_670_700.0, 3.098_463_5, 6_283.075_850_0),
    (13_956.0, 3.055_25, 12_566.151_70),
    (3_084.0, 5.198_5, 77_713.771_5),
    (1_628.0, 1.173_9, 5_753.384_9),
    (1_576.0, 2.846_9, 7_860.419_4),
    (925.0, 5.453, 11_506.770),
    (542.0, 4.564, 3_930.210),
    (472.0, 3.661, 5_884.927),
    (346.0, 0.964, 5_507.553),
    (329.0, 5.900, 5_223.694),
    (307.0, 0.299, 5_573.143),
    (243.0, 4.273, 11_790.629),
    (212.0, 5.847, 1_577.344),
    (186.0, 5.022, 10_977.079),
    (175.0, 3.012, 18_849.228),
    (110.0, 5.055, 5_486.778),
    (98.0, 0.89, 6_069.78),
    (86.0, 5.69, 15_720.84),
    (86.0, 1.27, 161_000.69),
    (65.0, 0.27, 17_260.15),
    (63.0, 0.92, 529.69),
    (57.0, 2.01, 83_996.85),
    (56.0, 5.24, 71_430.70),
    (49.0, 3.25, 2_544.31),
    (47.0, 2.58, 775.52),
    (45.0, 5.54, 9_437.76),
];
const DISTANCE_1: [Term; 2] = [(103_019.0, 1.107_490, 6_283.075_850), (1_721.0, 1.064_4, 12_566.151_7)];

/// A body seen from the Earth's centre.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sighting {
    /// Unit vector in TEME.
    pub direction: [f64; 3],
    /// Distance between the centres.
    pub distance: Meters,
}

/// A body's directions and distances on a grid of instants, as columns `[time]`.
#[derive(Debug, Clone, PartialEq)]
pub struct SightingSeries {
    /// The instants.
    pub grid: Grid,
    /// First component of the unit vectors, TEME.
    pub x: Vec<f64>,
    /// Second component.
    pub y: Vec<f64>,
    /// Third component.
    pub z: Vec<f64>,
    /// Distances between the centres, m.
    pub distance_m: Vec<f64>,
}

/// The apparent Sun.
///
/// ```
/// use sunward_astro::{sun::sun, time::Instant};
/// let june_solstice = Instant::from_utc_text("2024-06-20T20:51:00Z").unwrap();
/// assert!((sun(june_solstice).direction[2].asin().to_degrees() - 23.44).abs() < 0.005);
/// ```
#[must_use]
pub fn sun(at: Instant) -> Sighting {
    let centuries = at.julian_centuries_tt();
    let t = centuries / 10.0;
    let longitude = 1e-8 * (sum(&LONGITUDE_0, t) + t * (sum(&LONGITUDE_1, t) + t * sum(&LONGITUDE_2, t))) + PI;
    let distance_au = 1e-8 * (sum(&DISTANCE_0, t) + t * sum(&DISTANCE_1, t));
    let direction = ecliptic_to_teme(longitude - ABERRATION / distance_au, 0.0, centuries);
    Sighting { direction, distance: distance_au * ASTRONOMICAL_UNIT }
}

/// The apparent Sun on every instant of a grid.
#[must_use]
pub fn sun_series(grid: Grid) -> SightingSeries {
    SightingSeries::new(grid, sun)
}

/// Irradiance at a distance from the Sun: `1361 W/m2 (au / distance)^2`.
#[must_use]
pub fn irradiance(distance: Meters) -> WattsPerSquareMeter {
    let ratio = ASTRONOMICAL_UNIT / distance;
    SOLAR_CONSTANT * (ratio * ratio)
}

/// Beta angle: the Sun's elevation above the orbital plane, positive towards the orbit's angular momentum `r x v`.
#[must_use]
pub fn beta_angle(satellite: &State, sun_direction: [f64; 3]) -> Radians {
    let normal = cross(satellite.position.map(|r| r.0), satellite.velocity.map(|v| v.0));
    Radians(PI / 2.0 - angle(normal, sun_direction))
}

impl SightingSeries {
    pub(crate) fn new(grid: Grid, body: impl Fn(Instant) -> Sighting) -> Self {
        let count = grid.count();
        let column = || Vec::with_capacity(count);
        let mut series = Self { grid, x: column(), y: column(), z: column(), distance_m: column() };
        for index in 0..count {
            let Sighting { direction: [x, y, z], distance } = body(grid.instant(index));
            series.x.push(x);
            series.y.push(y);
            series.z.push(z);
            series.distance_m.push(distance.0);
        }
        series
    }

    /// What is seen at instant `index` of the grid.
    #[inline]
    #[must_use]
    pub fn sighting(&self, index: usize) -> Sighting {
        let direction = [self.x[index], self.y[index], self.z[index]];
        Sighting { direction, distance: Meters(self.distance_m[index]) }
    }
}

/// Nutation in longitude and in obliquity, rad, good to 0.5 arcsec.
///
/// **Source**: Meeus 1998, chapter 22 (the four largest terms of the IAU 1980 theory).
fn nutation(centuries: f64) -> (f64, f64) {
    let degrees = |offset: f64, rate: f64| (offset + rate * centuries).to_radians();
    let node = degrees(125.044_52, -1_934.136_261);
    let sun = degrees(280.466_5, 36_000.769_8);
    let moon = degrees(218.316_5, 481_267.881_3);
    let (two_sun, two_moon, two_node) = (2.0 * sun, 2.0 * moon, 2.0 * node);
    let longitude = -17.20 * node.sin() - 1.32 * two_sun.sin() - 0.23 * two_moon.sin() + 0.21 * two_node.sin();
    let obliquity = 9.20 * node.cos() + 0.57 * two_sun.cos() + 0.10 * two_moon.cos() - 0.09 * two_node.cos();
    (longitude * ARCSECOND, obliquity * ARCSECOND)
}

/// Unit vector in TEME of a longitude and latitude (rad) on the mean ecliptic and equinox of date.
///
/// Nutation moves the equinox by `dpsi` along the ecliptic; TEME's equinox lies `dpsi cos(eps)` behind on the equator.
pub(crate) fn ecliptic_to_teme(longitude: f64, latitude: f64, centuries: f64) -> [f64; 3] {
    let (longitude_shift, obliquity_shift) = nutation(centuries);
    // IAU 1980 mean obliquity (Lieske et al. 1977); its higher terms stay below 0.001 arcsec within a century.
    let obliquity = (84_381.448 - 46.8150 * centuries) * ARCSECOND + obliquity_shift;
    let (sin_obliquity, cos_obliquity) = obliquity.sin_cos();
    let (sin_longitude, cos_longitude) = ((longitude + longitude_shift) % TAU).sin_cos();
    let (sin_latitude, cos_latitude) = latitude.sin_cos();
    let (x, y_ecliptic) = (cos_latitude * cos_longitude, cos_latitude * sin_longitude);
    let y = cos_obliquity * y_ecliptic - sin_obliquity * sin_latitude;
    let z = sin_obliquity * y_ecliptic + cos_obliquity * sin_latitude;
    let (sin_equinox, cos_equinox) = (longitude_shift * cos_obliquity).sin_cos();
    [cos_equinox * x + sin_equinox * y, cos_equinox * y - sin_equinox * x, z]
}

fn sum(terms: &[Term], t: f64) -> f64 {
    terms.iter().map(|(amplitude, phase, rate)| amplitude * (phase + rate * t).cos()).sum()
}

/// Mean local solar time's Sun: right ascension of the fictitious mean Sun, rad, in 0..2 pi.
///
/// **Source**: Aoki et al. 1982 (the definition of UT1 by sidereal time), 18h41m50.54841s + 8640184.812866s T.
#[must_use]
pub fn mean_sun_right_ascension(at: Instant) -> Radians {
    let days = at.julian_date_ut1().days_since_2000();
    let turns = 67_310.54841 / 86_400.0 + 8_640_184.812_866 / 86_400.0 * (days / 36_525.0);
    Radians(turns.rem_euclid(1.0) * TAU)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::time::Span;
    use crate::vector::norm;

    /// One row of testdata/astro/sun_moon.csv: instant, Sun, Moon.
    pub(crate) fn reference() -> Vec<(Instant, Sighting, Sighting)> {
        let table = include_str!("../../../testdata/astro/sun_moon.csv");
        let rows = table.lines().filter(|line| !line.starts_with('#')).skip(1);
        rows.map(|row| {
            let cell: Vec<f64> = row.split(',').map(|cell| cell.parse().unwrap()).collect();
            let at = Instant((((cell[0] - 2_451_545.0) * 864_000.0).round() * 1e8) as i64 - 32_184_000_000);
            let body = |c: &[f64]| Sighting { direction: [c[0], c[1], c[2]], distance: Meters(c[3]) };
            (at, body(&cell[1..5]), body(&cell[5..9]))
        })
        .collect()
    }

    /// ERFA 2.0.1 through pyerfa; 0.0005 deg is a twentieth of the 0.01 deg asked for, and what the dropped terms leave.
    #[test]
    fn sun_agrees_with_erfa_over_thirty_years() {
        let rows = reference();
        assert_eq!(rows.len(), 433);
        let (mut worst_deg, mut worst_distance) = (0.0_f64, 0.0_f64);
        for (at, expected, _) in rows {
            let found = sun(at);
            worst_deg = worst_deg.max(angle(found.direction, expected.direction).to_degrees());
            worst_distance = worst_distance.max((found.distance / expected.distance - 1.0).abs());
        }
        println!("Sun: {worst_deg:.6} deg, {worst_distance:.1e} of the distance");
        assert!(worst_deg < 0.0005 && worst_distance < 4e-6, "{worst_deg} deg, {worst_distance}");
    }

    #[test]
    fn series_holds_the_sun_of_each_instant() {
        let grid = Grid::new(Instant(0), Span::DAY * 37, 11).unwrap();
        let series = sun_series(grid);
        for index in 0..11 {
            assert_eq!(series.sighting(index), sun(grid.instant(index)));
            assert!((norm(series.sighting(index).direction) - 1.0).abs() < 1e-14);
        }
    }

    /// Perihelion and aphelion of 2024: 3 January 0.983307 au, 5 July 1.016725 au (US Naval Observatory).
    #[test]
    fn irradiance_follows_the_distance() {
        let at = |text: &str| irradiance(sun(Instant::from_utc_text(text).unwrap()).distance).0;
        assert!((at("2024-01-03T00:39:00Z") - 1361.0 / 0.983_307_f64.powi(2)).abs() < 0.01);
        assert!((at("2024-07-05T05:06:00Z") - 1361.0 / 1.016_725_f64.powi(2)).abs() < 0.01);
        assert_eq!(irradiance(ASTRONOMICAL_UNIT * 2.0), SOLAR_CONSTANT / 4.0);
    }

    #[test]
    fn beta_is_the_elevation_above_the_plane() {
        let satellite = State {
            position: [7e6, 0.0, 0.0].map(Meters),
            velocity: [0.0, 7.5e3, 0.0].map(sunward_units::MetersPerSecond),
        };
        assert!((beta_angle(&satellite, [0.0, 0.0, 1.0]).degrees() - 90.0).abs() < 1e-12);
        assert!((beta_angle(&satellite, [0.6, 0.0, -0.8]).0 + 0.8_f64.asin()).abs() < 1e-15);
        assert!(beta_angle(&satellite, [0.0, 1.0, 0.0]).0.abs() < 1e-15);
    }
}
