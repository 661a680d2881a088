//! How long the air leaves a circular orbit up.
//!
//! Drag takes `da/dt = -rho sqrt(mu a) / B` off a circular orbit, with `B = m / (Cd A)`, so that it falls from one
//! altitude to another in `B integral da / (rho sqrt(mu a))`.
//!
//! **Source**: King-Hele 1987, "Satellite Orbits in an Atmosphere", section 4 (circular orbit). Density: NRLMSIS 2.1
//! (Emmert et al. 2022) through pymsis 0.13.0, global means at constant F10.7 and Ap on one day; see
//! testdata/astro/density.py.
//!
//! **Accuracy**: interpolating the logarithm between rows 12.5 km apart leaves 1.5 % at 150 km and 0.2 % above 300 km;
//! NRLMSIS itself is good to 10-20 %; the season moves the global mean from 0.7 to 1.07 of the day tabulated (325 km),
//! 0.9 on the average of a year.
//!
//! **Not modelled**: eccentric orbits, the air's rotation, a drag coefficient that changes with altitude, the solar cycle
//! within a lifetime, geomagnetic storms, thrust.

use std::fmt;

use sunward_units::{KilogramsPerSquareMeter, Meters, Seconds};

use crate::frames::EARTH_EQUATORIAL_RADIUS;
use crate::mean::EARTH_GM_M3_S2;

/// Mass per volume.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct KilogramsPerCubicMeter(
    /// The raw value in SI.
    pub f64,
);

impl fmt::Display for KilogramsPerCubicMeter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3e} kg/m3", self.0)
    }
}

/// Solar and geomagnetic activity, by F10.7 (solar flux units, daily and 81-day mean alike) and Ap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SolarActivity {
    /// F10.7 70, Ap 4.
    Low,
    /// F10.7 150, Ap 15.
    Moderate,
    /// F10.7 200, Ap 15.
    High,
    /// F10.7 250, Ap 45.
    VeryHigh,
}

/// Why a density or a lifetime cannot be told.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DecayError {
    /// The altitude lies outside the density table.
    #[error("altitude {altitude} is outside the density table, {ALTITUDE_MIN}..={ALTITUDE_MAX}")]
    Altitude {
        /// The altitude asked for.
        altitude: Meters,
    },
    /// The ballistic coefficient is zero, negative or not a number.
    #[error("ballistic coefficient m / (Cd A) of {ballistic_coefficient} is not positive")]
    BallisticCoefficient {
        /// The value given.
        ballistic_coefficient: KilogramsPerSquareMeter,
    },
    /// The orbit would have to rise.
    #[error("a decay from {from} to {to} would climb")]
    Climb {
        /// Where it starts.
        from: Meters,
        /// Where it was to end.
        to: Meters,
    },
}

/// Lowest altitude of the density table.
pub const ALTITUDE_MIN: Meters = Meters(150e3);
/// Highest altitude of the density table.
pub const ALTITUDE_MAX: Meters = Meters(1000e3);
const ALTITUDE_STEP_M: f64 = 12.5e3;

/// kg/m3, `[altitude][activity]`, from 150 km in steps of 12.5 km; testdata/astro/density.csv.
const DENSITY: [[f64; 4]; 69] = [
    [1.5449e-09, 1.7909e-09, 1.9036e-09, 2.0902e-09],
    [8.0058e-10, 1.0027e-09, 1.1011e-09, 1.2486e-09],
    [4.5052e-10, 6.1502e-10, 6.9803e-10, 8.1599e-10],
    [2.6806e-10, 4.0078e-10, 4.6989e-10, 5.6513e-10],
    [1.6611e-10, 2.7256e-10, 3.2978e-10, 4.0733e-10],
    [1.0624e-10, 1.9131e-10, 2.3859e-10, 3.0216e-10],
    [6.9709e-11, 1.3758e-10, 1.7665e-10, 2.2905e-10],
    [4.6741e-11, 1.0087e-10, 1.3320e-10, 1.7659e-10],
    [3.1929e-11, 7.5147e-11, 1.0192e-10, 1.3801e-10],
    [2.2165e-11, 5.6736e-11, 7.8958e-11, 1.0908e-10],
    [1.5606e-11, 4.3328e-11, 6.1809e-11, 8.7032e-11],
    [1.1125e-11, 3.3419e-11, 4.8821e-11, 7.0012e-11],
    [8.0173e-12, 2.6001e-11, 3.8867e-11, 5.6724e-11],
    [5.8331e-12, 2.0386e-11, 3.1158e-11, 4.6248e-11],
    [4.2799e-12, 1.6094e-11, 2.5132e-11, 3.7920e-11],
    [3.1638e-12, 1.2783e-11, 2.0385e-11, 3.1249e-11],
    [2.3545e-12, 1.0210e-11, 1.6618e-11, 2.5871e-11],
    [1.7628e-12, 8.1950e-12, 1.3608e-11, 2.1508e-11],
    [1.3272e-12, 6.6077e-12, 1.1189e-11, 1.7949e-11],
    [1.0044e-12, 5.3498e-12, 9.2357e-12, 1.5033e-11],
    [7.6382e-13, 4.3478e-12, 7.6496e-12, 1.2631e-11],
    [5.8362e-13, 3.5457e-12, 6.3562e-12, 1.0645e-11],
    [4.4801e-13, 2.9008e-12, 5.2972e-12, 8.9973e-12],
    [3.4552e-13, 2.3803e-12, 4.4268e-12, 7.6244e-12],
    [2.6775e-13, 1.9586e-12, 3.7089e-12, 6.4769e-12],
    [2.0851e-13, 1.6159e-12, 3.1150e-12, 5.5148e-12],
    [1.6323e-13, 1.3365e-12, 2.6221e-12, 4.7059e-12],
    [1.2848e-13, 1.1080e-12, 2.2119e-12, 4.0239e-12],
    [1.0172e-13, 9.2061e-13, 1.8697e-12, 3.4474e-12],
    [8.1043e-14, 7.6663e-13, 1.5835e-12, 2.9589e-12],
    [6.5004e-14, 6.3978e-13, 1.3436e-12, 2.5442e-12],
    [5.2514e-14, 5.3504e-13, 1.1421e-12, 2.1912e-12],
    [4.2748e-14, 4.4839e-13, 9.7255e-13, 1.8903e-12],
    [3.5079e-14, 3.7655e-13, 8.2954e-13, 1.6332e-12],
    [2.9029e-14, 3.1689e-13, 7.0873e-13, 1.4132e-12],
    [2.4233e-14, 2.6724e-13, 6.0650e-13, 1.2246e-12],
    [2.0410e-14, 2.2585e-13, 5.1985e-13, 1.0626e-12],
    [1.7345e-14, 1.9129e-13, 4.4629e-13, 9.2338e-13],
    [1.4874e-14, 1.6238e-13, 3.8375e-13, 8.0344e-13],
    [1.2867e-14, 1.3816e-13, 3.3049e-13, 7.0000e-13],
    [1.1227e-14, 1.1784e-13, 2.8509e-13, 6.1067e-13],
    [9.8757e-15, 1.0075e-13, 2.4632e-13, 5.3342e-13],
    [8.7546e-15, 8.6364e-14, 2.1317e-13, 4.6653e-13],
    [7.8170e-15, 7.4229e-14, 1.8479e-13, 4.0855e-13],
    [7.0263e-15, 6.3977e-14, 1.6046e-13, 3.5822e-13],
    [6.3541e-15, 5.5300e-14, 1.3957e-13, 3.1448e-13],
    [5.7779e-15, 4.7944e-14, 1.2162e-13, 2.7644e-13],
    [5.2801e-15, 4.1696e-14, 1.0617e-13, 2.4330e-13],
    [4.8467e-15, 3.6379e-14, 9.2858e-14, 2.1441e-13],
    [4.4664e-15, 3.1846e-14, 8.1372e-14, 1.8920e-13],
    [4.1304e-15, 2.7973e-14, 7.1448e-14, 1.6716e-13],
    [3.8315e-15, 2.4658e-14, 6.2863e-14, 1.4790e-13],
    [3.5641e-15, 2.1814e-14, 5.5427e-14, 1.3102e-13],
    [3.3233e-15, 1.9369e-14, 4.8976e-14, 1.1624e-13],
    [3.1054e-15, 1.7261e-14, 4.3374e-14, 1.0326e-13],
    [2.9074e-15, 1.5440e-14, 3.8500e-14, 9.1867e-14],
    [2.7266e-15, 1.3863e-14, 3.4255e-14, 8.1850e-14],
    [2.5609e-15, 1.2494e-14, 3.0552e-14, 7.3033e-14],
    [2.4085e-15, 1.1302e-14, 2.7317e-14, 6.5267e-14],
    [2.2680e-15, 1.0260e-14, 2.4486e-14, 5.8417e-14],
    [2.1381e-15, 9.3484e-15, 2.2006e-14, 5.2370e-14],
    [2.0177e-15, 8.5473e-15, 1.9828e-14, 4.7026e-14],
    [1.9058e-15, 7.8415e-15, 1.7913e-14, 4.2299e-14],
    [1.8017e-15, 7.2176e-15, 1.6226e-14, 3.8111e-14],
    [1.7047e-15, 6.6642e-15, 1.4737e-14, 3.4399e-14],
    [1.6141e-15, 6.1720e-15, 1.3421e-14, 3.1103e-14],
    [1.5295e-15, 5.7325e-15, 1.2256e-14, 2.8175e-14],
    [1.4502e-15, 5.3389e-15, 1.1221e-14, 2.5569e-14],
    [1.3760e-15, 4.9851e-15, 1.0301e-14, 2.3248e-14],
];

/// Global mean density of the air at an altitude, the logarithm interpolated between the rows of the table.
///
/// # Errors
/// [`DecayError::Altitude`] outside 150..=1000 km.
pub fn air_density(altitude: Meters, activity: SolarActivity) -> Result<KilogramsPerCubicMeter, DecayError> {
    let (row, share) = row_of(altitude)?;
    let (below, above) = (DENSITY[row][activity as usize], DENSITY[row + 1][activity as usize]);
    Ok(KilogramsPerCubicMeter(below * (above / below).powf(share)))
}

/// The row below an altitude and the share of the way to the next.
fn row_of(altitude: Meters) -> Result<(usize, f64), DecayError> {
    if !(ALTITUDE_MIN..=ALTITUDE_MAX).contains(&altitude) {
        return Err(DecayError::Altitude { altitude });
    }
    let place = (altitude - ALTITUDE_MIN).0 / ALTITUDE_STEP_M;
    let row = (place as usize).min(DENSITY.len() - 2);
    Ok((row, place - row as f64))
}

/// How long a circular orbit takes to fall from one altitude to another with `B = m / (Cd A)`.
///
/// Trapezoids of 100 m: the density changes by 1 % over 300 m at most, so that their error stays below 1e-4.
///
/// # Errors
/// [`DecayError`] outside the table, for a coefficient that is not positive, or when `from` is below `to`.
pub fn decay_time(
    from: Meters,
    to: Meters,
    ballistic_coefficient: KilogramsPerSquareMeter,
    activity: SolarActivity,
) -> Result<Seconds, DecayError> {
    const STEP_M: f64 = 100.0;
    if !(ballistic_coefficient.0 > 0.0 && ballistic_coefficient.0.is_finite()) {
        return Err(DecayError::BallisticCoefficient { ballistic_coefficient });
    }
    row_of(from)?;
    row_of(to)?;
    if from < to {
        return Err(DecayError::Climb { from, to });
    }
    let steps = ((from - to).0 / STEP_M).ceil().max(1.0) as usize;
    let height_m = (from - to).0 / steps as f64;
    let mut integral = 0.0;
    for step in 0..=steps {
        let altitude = if step == steps { from } else { to + Meters(height_m * step as f64) };
        let drag =
            air_density(altitude, activity)?.0 * (EARTH_GM_M3_S2 * (EARTH_EQUATORIAL_RADIUS + altitude).0).sqrt();
        integral += if step == 0 || step == steps { 0.5 } else { 1.0 } / drag;
    }
    Ok(Seconds(ballistic_coefficient.0 * integral * height_m))
}

#[cfg(test)]
mod tests {
    use super::*;
    use SolarActivity::{High, Low, Moderate, VeryHigh};

    fn km(altitude_km: f64) -> Meters {
        Meters(altitude_km * 1e3)
    }

    #[test]
    fn the_table_is_the_file_that_pymsis_wrote() {
        let file = include_str!("../../../testdata/astro/density.csv");
        let rows: Vec<&str> = file.lines().filter(|line| !line.starts_with('#')).skip(1).collect();
        assert_eq!(rows.len(), DENSITY.len());
        for (row, (text, density)) in rows.iter().zip(DENSITY).enumerate() {
            let cells: Vec<f64> = text.split(',').map(|cell| cell.parse().unwrap()).collect();
            assert_eq!((cells[0], &cells[1..]), (150.0 + 12.5 * row as f64, &density[..]));
        }
    }

    /// Independently computed global means of NRLMSIS 2.1; the sampling of day and globe differs by up to 1 %.
    #[test]
    fn densities_agree_with_a_second_sampling() {
        for (altitude_km, expected) in [
            (325.0, [4.29e-12, 1.61e-11, 2.52e-11, 3.81e-11]),
            (500.0, [1.02e-13, 9.2e-13, 1.87e-12, 3.46e-12]),
            (550.0, [4.28e-14, 4.49e-13, 9.75e-13, 1.90e-12]),
            (650.0, [1.12e-14, 1.18e-13, 2.86e-13, 6.12e-13]),
            (800.0, [3.6e-15, 2.2e-14, 5.5e-14, 1.31e-13]),
        ] {
            for (activity, expected) in [Low, Moderate, High, VeryHigh].into_iter().zip(expected) {
                let found = air_density(km(altitude_km), activity).unwrap().0;
                assert!((found / expected - 1.0).abs() < 0.012, "{altitude_km} {activity:?} {found}");
            }
        }
    }

    /// pymsis half-way between rows: density.py with ALTITUDES_KM = 156.25, 193.75, 318.75, 506.25, 756.25, 993.75.
    #[test]
    fn interpolation_between_rows_leaves_a_percent_at_the_bottom() {
        for (altitude_km, low, very_high, tolerance) in [
            (156.25, 1.0981e-09, 1.5930e-09, 0.015),
            (193.75, 2.1009e-10, 4.7779e-10, 0.01),
            (318.75, 4.9915e-12, 4.1850e-11, 0.003),
            (506.25, 9.0722e-14, 3.1931e-12, 0.003),
            (756.25, 4.6505e-15, 2.0138e-13, 0.003),
            (993.75, 1.4125e-15, 2.4375e-14, 0.003),
        ] {
            for (activity, expected) in [(Low, low), (VeryHigh, very_high)] {
                let found = air_density(km(altitude_km), activity).unwrap().0;
                assert!((found / expected - 1.0).abs() < tolerance, "{altitude_km} {activity:?} {found} {expected}");
            }
        }
    }

    /// Days from 325 to 180 km, computed independently with NRLMSIS 2.1 at every altitude.
    #[test]
    fn lifetimes_from_325_km() {
        let days = |coefficient, activity| {
            decay_time(km(325.0), km(180.0), KilogramsPerSquareMeter(coefficient), activity).unwrap().0 / 86_400.0
        };
        for (coefficient, expected) in [(20.0, 12.9), (40.0, 25.8), (60.0, 38.8), (100.0, 64.6), (150.0, 96.9)] {
            let found = days(coefficient, Moderate);
            assert!((found / expected - 1.0).abs() < 0.01, "{coefficient} {found}");
        }
        for (activity, expected) in [(Low, 117.0), (Moderate, 39.0), (High, 27.0)] {
            let found = days(60.0, activity);
            assert!((found / expected - 1.0).abs() < 0.015, "{activity:?} {found}");
        }
        // "325 km for 11 months" needs thrust at any activity.
        assert!(days(60.0, Low) < 330.0 / 2.0);
    }

    #[test]
    fn lifetimes_add_up_and_scale() {
        let time = |from, to, coefficient| {
            decay_time(km(from), km(to), KilogramsPerSquareMeter(coefficient), Moderate).unwrap().0
        };
        let parts = time(600.0, 400.0, 50.0) + time(400.0, 200.0, 50.0);
        assert!((parts / time(600.0, 200.0, 50.0) - 1.0).abs() < 1e-9);
        assert!((time(500.0, 200.0, 100.0) / time(500.0, 200.0, 50.0) - 2.0).abs() < 1e-12);
        assert_eq!(time(400.0, 400.0, 50.0), 0.0);
    }

    #[test]
    fn outside_the_table_is_an_error() {
        let b = KilogramsPerSquareMeter(60.0);
        let message = |from, to, b| decay_time(km(from), km(to), b, Low).unwrap_err().to_string();
        assert_eq!(message(2500.0, 200.0, b), "altitude 2500 km is outside the density table, 150 km..=1000 km");
        assert_eq!(message(500.0, 100.0, b), "altitude 100 km is outside the density table, 150 km..=1000 km");
        assert_eq!(message(200.0, 300.0, b), "a decay from 200 km to 300 km would climb");
        assert!(message(300.0, 200.0, KilogramsPerSquareMeter(0.0)).contains("0 kg/m2 is not positive"));
        assert!(air_density(Meters(f64::NAN), Low).is_err());
        assert_eq!(air_density(km(1000.0), Low).unwrap().to_string(), "1.376e-15 kg/m3");
    }
}
