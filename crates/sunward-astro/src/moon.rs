//! Where the Moon stands as seen from the Earth's centre, and how far it is.
//!
//! Directions are apparent and stand in TEME, as the Sun's.
//!
//! **Source**: Chapront-Touze & Chapront 1983, ELP 2000-82, in the truncation of Meeus 1998, chapter 47 (terms above
//! 0.0002 deg and 1 km); the mean longitude contains the light time.
//!
//! **Accuracy**: 0.0012 deg in direction over 2020-2050 against ERFA's `moon98`, which carries the same terms and itself
//! differs from a second theory by up to 0.003 deg and 10 km (see the test and testdata/astro/sun_moon.py).
//!
//! **Not modelled**: parallax (up to 0.95 deg from a low orbit: add the satellite's own position), libration.

use sunward_units::Meters;

use crate::ephemeris::Grid;
use crate::sun::{Sighting, SightingSeries, ecliptic_to_teme};
use crate::time::Instant;

/// Mean radius of the Moon (IAU 2015 working group on cartographic coordinates), m.
pub const MOON_RADIUS: Meters = Meters(1_737_400.0);

/// Multiples of D, M, M' and F, then the sine coefficient of longitude (1e-6 deg) and the cosine one of distance (m).
type LongitudeTerm = ([i8; 4], f64, f64);
/// Multiples of D, M, M' and F, then the sine coefficient of latitude (1e-6 deg).
type LatitudeTerm = ([i8; 4], f64);

const LONGITUDE: [LongitudeTerm; 60] = [
    ([0, 0, 1, 0], 6_288_774.0, -20_905_355.0),
    ([2, 0, -1, 0], 1_274_027.0, -3_699_111.0),
    ([2, 0, 0, 0], 658_314.0, -2_955_968.0),
    ([0, 0, 2, 0], 213_618.0, -569_925.0),
    ([0, 1, 0, 0], -185_116.0, 48_888.0),
    ([0, 0, 0, 2], -114_332.0, -3_149.0),
    ([2, 0, -2, 0], 58_793.0, 246_158.0),
    ([2, -1, -1, 0], 57_066.0, -152_138.0),
    ([2, 0, 1, 0], 53_322.0, -170_733.0),
    ([2, -1, 0, 0], 45_758.0, -204_586.0),
    ([0, 1, -1, 0], -40_923.0, -129_620.0),
    ([1, 0, 0, 0], -34_720.0, 108_743.0),
    ([0, 1, 1, 0], -30_383.0, 104_755.0),
    ([2, 0, 0, -2], 15_327.0, 10_321.0),
    ([0, 0, 1, 2], -12_528.0, 0.0),
    ([0, 0, 1, -2], 10_980.0, 79_661.0),
    ([4, 0, -1, 0], 10_675.0, -34_782.0),
    ([0, 0, 3, 0], 10_034.0, -23_210.0),
    ([4, 0, -2, 0], 8_548.0, -21_636.0),
    ([2, 1, -1, 0], -7_888.0, 24_208.0),
    ([2, 1, 0, 0], -6_766.0, 30_824.0),
    ([1, 0, -1, 0], -5_163.0, -8_379.0),
    ([1, 1, 0, 0], 4_987.0, -16_675.0),
    ([2, -1, 1, 0], 4_036.0, -12_831.0),
    ([2, 0, 2, 0], 3_994.0, -10_445.0),
    ([4, 0, 0, 0], 3_861.0, -11_650.0),
    ([2, 0, -3, 0], 3_665.0, 14_403.0),
    ([0, 1, -2, 0], -2_689.0, -7_003.0),
    ([2, 0, -1, 2], -2_602.0, 0.0),
    ([2, -1, -2, 0], 2_390.0, 10_056.0),
    ([1, 0, 1, 0], -2_348.0, 6_322.0),
    ([2, -2, 0, 0], 2_236.0, -9_884.0),
    ([0, 1, 2, 0], -2_120.0, 5_751.0),
    ([0, 2, 0, 0], -2_069.0, 0.0),
    ([2, -2, -1, 0], 2_048.0, -4_950.0),
    ([2, 0, 1, -2], -1_773.0, 4_130.0),
    ([2, 0, 0, 2], -1_595.0, 0.0),
    ([4, -1, -1, 0], 1_215.0, -3_958.0),
    ([0, 0, 2, 2], -1_110.0, 0.0),
    ([3, 0, -1, 0], -892.0, 3_258.0),
    ([2, 1, 1, 0], -810.0, 2_616.0),
    ([4, -1, -2, 0], 759.0, -1_897.0),
    ([0, 2, -1, 0], -713.0, -2_117.0),
    ([2, 2, -1, 0], -700.0, 2_354.0),
    ([2, 1, -2, 0], 691.0, 0.0),
    ([2, -1, 0, -2], 596.0, 0.0),
    ([4, 0, 1, 0], 549.0, -1_423.0),
    ([0, 0, 4, 0], 537.0, -1_117.0),
    ([4, -1, 0, 0], 520.0, -1_571.0),
    ([1, 0, -2, 0], -487.0, -1_739.0),
    ([2, 1, 0, -2], -399.0, 0.0),
    ([0, 0, 2, -2], -381.0, -4_421.0),
    ([1, 1, 1, 0], 351.0, 0.0),
    ([3, 0, -2, 0], -340.0, 0.0),
    ([4, 0, -3, 0], 330.0, 0.0),
    ([2, -1, 2, 0], 327.0, 0.0),
    ([0, 2, 1, 0], -323.0, 1_165.0),
    ([1, 1, -1, 0], 299.0, 0.0),
    ([2, 0, 3, 0], 294.0, 0.0),
    ([2, 0, -1, -2], 0.0, 8_752.0),
];

const LATITUDE: [LatitudeTerm; 48] = [
    ([0, 0, 0, 1], 5_128_122.0),
    ([0, 0, 1, 1], 280_602.0),
    ([0, 0, 1, -1], 277_693.0),
    ([2, 0, 0, -1], 173_237.0),
    ([2, 0, -1, 1], 55_413.0),
    ([2, 0, -1, -1], 46_271.0),
    ([2, 0, 0, 1], 32_573.0),
    ([0, 0, 2, 1], 17_198.0),
    ([2, 0, 1, -1], 9_266.0),
    ([0, 0, 2, -1], 8_822.0),
    ([2, -1, 0, -1], 8_216.0),
    ([2, 0, -2, -1], 4_324.0),
    ([2, 0, 1, 1], 4_200.0),
    ([2, 1, 0, -1], -3_359.0),
    ([2, -1, -1, 1], 2_463.0),
    ([2, -1, 0, 1], 2_211.0),
    ([2, -1, -1, -1], 2_065.0),
    ([0, 1, -1, -1], -1_870.0),
    ([4, 0, -1, -1], 1_828.0),
    ([0, 1, 0, 1], -1_794.0),
    ([0, 0, 0, 3], -1_749.0),
    ([0, 1, -1, 1], -1_565.0),
    ([1, 0, 0, 1], -1_491.0),
    ([0, 1, 1, 1], -1_475.0),
    ([0, 1, 1, -1], -1_410.0),
    ([0, 1, 0, -1], -1_344.0),
    ([1, 0, 0, -1], -1_335.0),
    ([0, 0, 3, 1], 1_107.0),
    ([4, 0, 0, -1], 1_021.0),
    ([4, 0, -1, 1], 833.0),
    ([0, 0, 1, -3], 777.0),
    ([4, 0, -2, 1], 671.0),
    ([2, 0, 0, -3], 607.0),
    ([2, 0, 2, -1], 596.0),
    ([2, -1, 1, -1], 491.0),
    ([2, 0, -2, 1], -451.0),
    ([0, 0, 3, -1], 439.0),
    ([2, 0, 2, 1], 422.0),
    ([2, 0, -3, -1], 421.0),
    ([2, 1, -1, 1], -366.0),
    ([2, 1, 0, 1], -351.0),
    ([4, 0, 0, 1], 331.0),
    ([2, -1, 1, 1], 315.0),
    ([2, -2, 0, -1], 302.0),
    ([0, 0, 1, 3], -283.0),
    ([2, 1, 1, -1], -229.0),
    ([1, 1, 0, -1], 223.0),
    ([1, 1, 0, 1], 223.0),
];

/// The mean distance to which the cosine terms add (Meeus 1998, chapter 47), m.
const DISTANCE_MEAN_M: f64 = 385_000_560.0;

/// The apparent Moon.
#[must_use]
pub fn moon(at: Instant) -> Sighting {
    let t = at.julian_centuries_tt();
    let polynomial = |c0: f64, c1: f64, c2: f64| (c0 + t * (c1 + t * c2)).to_radians();
    let mean_longitude = polynomial(218.316_447_7, 481_267.881_234_21, -0.001_578_6);
    let elongation = polynomial(297.850_192_1, 445_267.111_403_4, -0.001_881_9);
    let sun_anomaly = polynomial(357.529_109_2, 35_999.050_290_9, -0.000_153_6);
    let moon_anomaly = polynomial(134.963_396_4, 477_198.867_505_5, 0.008_741_4);
    let node_distance = polynomial(93.272_095_0, 483_202.017_523_3, -0.003_653_9);
    let venus = polynomial(119.75, 131.849, 0.0);
    let jupiter = polynomial(53.09, 479_264.290, 0.0);
    let third = polynomial(313.45, 481_266.484, 0.0);
    // The Earth's orbit becomes rounder, and terms in M shrink with it.
    let roundness = 1.0 - t * (0.002_516 + t * 0.000_007_4);
    let argument = |multiple: [i8; 4]| {
        let [d, m, m_moon, f] = multiple.map(f64::from);
        let shrink = roundness.powi(i32::from(multiple[1].unsigned_abs()));
        (d * elongation + m * sun_anomaly + m_moon * moon_anomaly + f * node_distance, shrink)
    };
    let mut longitude =
        3_958.0 * venus.sin() + 1_962.0 * (mean_longitude - node_distance).sin() + 318.0 * jupiter.sin();
    let mut distance_m = DISTANCE_MEAN_M;
    for (multiple, sine, cosine) in LONGITUDE {
        let (angle, shrink) = argument(multiple);
        longitude += sine * shrink * angle.sin();
        distance_m += cosine * shrink * angle.cos();
    }
    let mut latitude = -2_235.0 * mean_longitude.sin()
        + 382.0 * third.sin()
        + 175.0 * ((venus - node_distance).sin() + (venus + node_distance).sin())
        + 127.0 * (mean_longitude - moon_anomaly).sin()
        - 115.0 * (mean_longitude + moon_anomaly).sin();
    for (multiple, sine) in LATITUDE {
        let (angle, shrink) = argument(multiple);
        latitude += sine * shrink * angle.sin();
    }
    let direction =
        ecliptic_to_teme(mean_longitude + (longitude * 1e-6).to_radians(), (latitude * 1e-6).to_radians(), t);
    Sighting { direction, distance: Meters(distance_m) }
}

/// The apparent Moon on every instant of a grid.
#[must_use]
pub fn moon_series(grid: Grid) -> SightingSeries {
    SightingSeries::new(grid, moon)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sun::tests::reference;
    use crate::vector::angle;

    /// ERFA 2.0.1 `moon98` through pyerfa: the same series, so that only nutation and light time may differ (4 arcsec).
    #[test]
    fn moon_agrees_with_erfa_over_thirty_years() {
        let (mut worst_deg, mut worst_m) = (0.0_f64, 0.0_f64);
        for (at, _, expected) in reference() {
            let found = moon(at);
            worst_deg = worst_deg.max(angle(found.direction, expected.direction).to_degrees());
            worst_m = worst_m.max((found.distance - expected.distance).0.abs());
        }
        println!("Moon: {worst_deg:.5} deg, {worst_m:.0} m");
        assert!(worst_deg < 0.002 && worst_m < 100.0, "{worst_deg} deg, {worst_m} m");
    }

    /// Total solar eclipse of 2024-04-08: greatest eclipse 18:17:20 UT, gamma 0.3431 Earth radii (NASA, F. Espenak).
    #[test]
    fn moon_meets_the_sun_at_a_solar_eclipse() {
        let at = Instant::from_utc_text("2024-04-08T18:17:20Z").unwrap();
        let (sun, moon) = (crate::sun::sun(at), moon(at));
        let axis_distance_m = moon.distance.0 * angle(sun.direction, moon.direction).sin();
        // The shadow's axis runs from the Sun through the Moon: the Sun's distance shortens the offset by 1/390.
        let offset = axis_distance_m * (1.0 + moon.distance / sun.distance) / 6_378_137.0;
        assert!((offset - 0.3431).abs() < 0.006, "{offset} Earth radii");
    }

    #[test]
    fn moon_stays_between_its_perigee_and_apogee() {
        let grid = Grid::new(Instant(0), crate::time::Span::HOUR * 7, 30_000).unwrap();
        let series = moon_series(grid);
        let (near, far) = series.distance_m.iter().fold((f64::MAX, 0.0_f64), |(a, b), &d| (a.min(d), b.max(d)));
        // Meeus, "Mathematical Astronomy Morsels": 356,371 km (1750-2125) and 406,720 km are the extremes.
        assert!((356.3e6..357.2e6).contains(&near) && (406.2e6..406.75e6).contains(&far), "{near} {far}");
        assert_eq!(series.sighting(9), moon(grid.instant(9)));
    }
}
