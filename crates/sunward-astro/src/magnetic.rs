//! The Earth's magnetic field and McIlwain's shell parameter at positions fixed to the Earth.
//!
//! The field is the gradient of the IGRF-14 potential to degree 8 in Cunningham's solid harmonics,
//!
//! ```text
//! V(n,m) + i W(n,m) = (R/r)^(n+1) P(n,m)(sin latitude) exp(i m longitude),   R = 6371.2 km
//! ```
//!
//! of which every component is a fixed linear combination. The shell is that of the eccentric dipole (which follows
//! from the coefficients of degree 1 and 2) plus a linear combination of the same harmonics,
//!
//! ```text
//! 1/L = (R/r') cos^2(latitude') (B0/M)^(1/3) + sum (v V + w W),   M = 0.311653 G R^3
//! ```
//!
//! fitted once to shells found by tracing field lines (`testdata/magnetic/igrf.py`). The South Atlantic anomaly is not put
//! in anywhere; it is where this field is weakest.
//!
//! **Source**: IGRF-14, IAGA Working Group V-MOD (2024), doi:10.5281/zenodo.14012302. Harmonics and their gradient: Cunningham
//! (1970), Celestial Mechanics 2, 207; Montenbruck and Gill (2000), eq. 3.29-3.33. Eccentric dipole: Fraser-Smith
//! (1987), Rev. Geophys. 25, 1, eq. 11-15. Shell: McIlwain (1961), J. Geophys. Res. 66, 3681; Hilton (1971), J. Geophys.
//! Res. 76, 6952.
//!
//! **Valid** for geocentric radii of 6,450 to 8,450 km (80 to 2,080 km above 6371.2 km) and the epochs 1960 and 2020 to 2035
//! (past 2030 the prediction for 2025 to 2030 is continued). |B| is within 0.25 % rms and 0.8 % at most of the IGRF to degree
//! 13; L within 1.8 % rms and 6 % at most up to L = 8.
//!
//! **Not modelled**: currents in the magnetosphere and magnetic storms, which matter for L above about 5.

mod coefficients;

use coefficients::{EPOCHS, GAUSS, SHELL, SHELL_EPOCHS};
use sunward_units::Meters;

/// Reference radius of the IGRF.
const RADIUS_M: f64 = 6_371_200.0;
/// McIlwain's dipole moment over R^3, 0.311653 G: the convention of L in every model of trapped particles.
const MOMENT_T: f64 = 0.311653e-4;
/// Geocentric radii between which the shell was fitted.
const RADII_M: [f64; 2] = [6.45e6, 8.45e6];
/// The epoch of the field in which the AP-8 and AE-8 maps are ordered (Jensen and Cain 1962).
pub const TRAPPED_EPOCH: f64 = 1960.0;
const LAST_EPOCH: f64 = 2035.0;
/// Positions computed together: two vectors of four doubles.
const LANES: usize = 8;
/// Highest degree of the harmonics: one above the potential's, for its gradient.
const TOP: usize = 9;
const TERMS: usize = (TOP + 1) * (TOP + 2) / 2;

/// Magnetic flux density.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Tesla(
    /// The raw value in SI.
    pub f64,
);

/// Why there is no field.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MagneticError {
    /// No coefficients for the epoch.
    #[error("magnetic epoch {0} is neither 1960 nor within 2020..=2035")]
    Epoch(f64),
    /// A position outside the fitted radii, or not finite.
    #[error(
        "position {index} lies {radius_km} km from the Earth's centre, outside 6450..=8450 km where the shell parameter is known"
    )]
    Radius {
        /// Which position.
        index: usize,
        /// Its distance from the centre in km.
        radius_km: f64,
    },
    /// Columns of different lengths.
    #[error("column of {got} entries where the positions have {expected}")]
    Length {
        /// The length found.
        got: usize,
        /// The length of the first column.
        expected: usize,
    },
}

/// What one harmonic (n, m) adds: recursion factors, and for V and W the share in Bx, By, Bz (tesla) and 1/L.
#[derive(Debug, Clone, Copy, Default)]
struct Term {
    up: f64,
    back: f64,
    v: [f64; 4],
    w: [f64; 4],
}

/// The offset dipole of Fraser-Smith (1987).
#[derive(Debug, Clone, Copy)]
struct Dipole {
    centre_m: [f64; 3],
    axis: [f64; 3],
    /// (B0/M)^(1/3).
    scale: f64,
}

/// The field of one epoch, ready to evaluate.
#[derive(Debug, Clone)]
pub struct MagneticModel {
    /// By order m, then degree n.
    terms: [Term; TERMS],
    dipole: Dipole,
}

/// Where the field is weakest on a sphere.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WeakestField {
    /// Geocentric latitude in degrees.
    pub latitude_deg: f64,
    /// East longitude in degrees, -180 to 180.
    pub longitude_deg: f64,
    /// The field there.
    pub field: Tesla,
}

impl MagneticModel {
    /// The field at `epoch_year` (decimal year), linear between the tabulated epochs.
    ///
    /// # Errors
    /// The epoch is neither [`TRAPPED_EPOCH`] nor within 2020 to 2035.
    pub fn new(epoch_year: f64) -> Result<Self, MagneticError> {
        let (low, share) = bracket(epoch_year).ok_or(MagneticError::Epoch(epoch_year))?;
        let shell_epoch = usize::from(epoch_year != SHELL_EPOCHS[0]);
        let at = |pair: [f64; EPOCHS.len()]| (pair[low] + share * (pair[low + 1] - pair[low])) * 1e-9;
        let gauss = GAUSS.map(|(n, m, g, h)| (n, m, at(g), at(h)));
        let mut terms = [Term::default(); TERMS];
        for m in 0..=TOP {
            for n in m..=TOP {
                let span = (n - m).max(1) as f64;
                terms[index(n, m)].up = (2 * n).saturating_sub(1) as f64 / span;
                terms[index(n, m)].back = (n + m).saturating_sub(1) as f64 / span;
            }
        }
        gauss.iter().for_each(|&(n, m, g, h)| add_gradient(&mut terms, n, m, g, h));
        for (n, m, v, w) in SHELL {
            terms[index(n, m)].v[3] = v[shell_epoch];
            terms[index(n, m)].w[3] = w[shell_epoch];
        }
        Ok(Self { terms, dipole: Dipole::new(&gauss) })
    }

    /// Writes |B| in tesla and 1/L for positions `[point]` in metres, fixed to the Earth, from its centre.
    ///
    /// 1/L rather than L: it is smooth everywhere and falls to zero at the magnetic poles.
    ///
    /// # Errors
    /// A column differs in length, or a position lies outside 6,450 to 8,450 km; the outputs are then of no use.
    pub fn field_and_shell(
        &self,
        [x_m, y_m, z_m]: [&[f64]; 3],
        field_t: &mut [f64],
        inverse_shell: &mut [f64],
    ) -> Result<(), MagneticError> {
        let expected = x_m.len();
        for got in [y_m.len(), z_m.len(), field_t.len(), inverse_shell.len()] {
            if got != expected {
                return Err(MagneticError::Length { got, expected });
            }
        }
        for start in (0..expected).step_by(LANES) {
            let end = (start + LANES).min(expected);
            let mut place = [[0.0; LANES]; 3];
            for (lane, k) in (0..LANES).map(|lane| (lane, (start + lane).min(end - 1))) {
                place[0][lane] = x_m[k];
                place[1][lane] = y_m[k];
                place[2][lane] = z_m[k];
            }
            let [bx, by, bz, shell] = self.evaluate(&place).map_err(|(lane, radius_m)| MagneticError::Radius {
                index: (start + lane).min(end - 1),
                radius_km: radius_m * 1e-3,
            })?;
            for (lane, k) in (start..end).enumerate() {
                field_t[k] = (bx[lane] * bx[lane] + by[lane] * by[lane] + bz[lane] * bz[lane]).sqrt();
                inverse_shell[k] = shell[lane];
            }
        }
        Ok(())
    }

    /// Where the field is weakest on the sphere of geocentric `radius`, to one degree: the South Atlantic anomaly.
    ///
    /// # Errors
    /// The radius lies outside 6,450 to 8,450 km.
    pub fn weakest(&self, radius: Meters) -> Result<WeakestField, MagneticError> {
        let mut best = WeakestField { latitude_deg: 0.0, longitude_deg: 0.0, field: Tesla(f64::INFINITY) };
        for latitude in -89..90 {
            let (sin, cos) = f64::from(latitude).to_radians().sin_cos();
            for first in (-180..180).step_by(LANES) {
                let angles: [f64; LANES] = std::array::from_fn(|lane| f64::from(first + lane as i32).to_radians());
                let place = [
                    angles.map(|angle| radius.0 * cos * angle.cos()),
                    angles.map(|angle| radius.0 * cos * angle.sin()),
                    [radius.0 * sin; LANES],
                ];
                let [bx, by, bz, _] = self
                    .evaluate(&place)
                    .map_err(|(index, radius_m)| MagneticError::Radius { index, radius_km: radius_m * 1e-3 })?;
                for lane in 0..LANES {
                    let field = (bx[lane] * bx[lane] + by[lane] * by[lane] + bz[lane] * bz[lane]).sqrt();
                    if field < best.field.0 {
                        best = WeakestField {
                            latitude_deg: f64::from(latitude),
                            longitude_deg: f64::from(first + lane as i32),
                            field: Tesla(field),
                        };
                    }
                }
            }
        }
        Ok(best)
    }

    /// Bx, By, Bz in tesla and 1/L of [`LANES`] positions; on failure the lane and its radius in metres.
    #[inline]
    fn evaluate(&self, [x, y, z]: &[[f64; LANES]; 3]) -> Result<[[f64; LANES]; 4], (usize, f64)> {
        let square: [f64; LANES] = std::array::from_fn(|k| x[k] * x[k] + y[k] * y[k] + z[k] * z[k]);
        let [low, high] = RADII_M.map(|radius| radius * radius);
        if let Some(lane) = square.iter().position(|s| !(low..=high).contains(s)) {
            return Err((lane, square[lane].sqrt()));
        }
        let mut sums = [[0.0; LANES]; 4];
        sums[3] = self.dipole.inverse_shell([x, y, z]);
        let over = square.map(|s| RADIUS_M / s);
        let [x, y, z] = [x, y, z].map(|axis| -> [f64; LANES] { std::array::from_fn(|k| axis[k] * over[k]) });
        let ratio = over.map(|o| o * RADIUS_M);
        let (mut corner_v, mut corner_w) = (ratio.map(f64::sqrt), [0.0; LANES]);
        let mut at = 0;
        for m in 0..=TOP {
            let (mut v, mut w) = (corner_v, corner_w);
            let (mut v_below, mut w_below) = ([0.0; LANES], [0.0; LANES]);
            for (step, term) in self.terms[at..=at + TOP - m].iter().enumerate() {
                if step > 0 {
                    for k in 0..LANES {
                        let (a, b) = (term.up * z[k], term.back * ratio[k]);
                        (v_below[k], v[k]) = (v[k], a * v[k] - b * v_below[k]);
                        (w_below[k], w[k]) = (w[k], a * w[k] - b * w_below[k]);
                    }
                }
                for (sum, (p, q)) in sums.iter_mut().zip(term.v.into_iter().zip(term.w)) {
                    for k in 0..LANES {
                        sum[k] += p * v[k] + q * w[k];
                    }
                }
            }
            at += TOP - m + 1;
            let grow = (2 * m + 1) as f64;
            for k in 0..LANES {
                (corner_v[k], corner_w[k]) = (
                    grow * (x[k] * corner_v[k] - y[k] * corner_w[k]),
                    grow * (x[k] * corner_w[k] + y[k] * corner_v[k]),
                );
            }
        }
        Ok(sums)
    }
}

impl Dipole {
    /// From the coefficients of degree 1 and 2, which [`GAUSS`] lists first.
    fn new(gauss: &[(usize, usize, f64, f64)]) -> Self {
        let [(_, _, g10, _), (_, _, g11, h11), (_, _, g20, _), (_, _, g21, h21), (_, _, g22, h22)] = gauss[..5] else {
            unreachable!("GAUSS starts with the five coefficients of degree 1 and 2")
        };
        let size = (g10 * g10 + g11 * g11 + h11 * h11).sqrt();
        let root3 = 3f64.sqrt();
        let l0 = 2.0 * g10 * g20 + root3 * (g11 * g21 + h11 * h21);
        let l1 = -g11 * g20 + root3 * (g10 * g21 + g11 * g22 + h11 * h22);
        let l2 = -h11 * g20 + root3 * (g10 * h21 - h11 * g22 + g11 * h22);
        let e = (l0 * g10 + l1 * g11 + l2 * h11) / (4.0 * size * size);
        let offset = |l: f64, g: f64| RADIUS_M * (l - g * e) / (3.0 * size * size);
        Self {
            centre_m: [offset(l1, g11), offset(l2, h11), offset(l0, g10)],
            axis: [-g11 / size, -h11 / size, -g10 / size],
            scale: (size / MOMENT_T).cbrt(),
        }
    }

    #[inline]
    fn inverse_shell(&self, [x, y, z]: [&[f64; LANES]; 3]) -> [f64; LANES] {
        std::array::from_fn(|k| {
            let d = [x[k] - self.centre_m[0], y[k] - self.centre_m[1], z[k] - self.centre_m[2]];
            let square = d[0] * d[0] + d[1] * d[1] + d[2] * d[2];
            let along = d[0] * self.axis[0] + d[1] * self.axis[1] + d[2] * self.axis[2];
            self.scale * RADIUS_M / square.sqrt() * (1.0 - along * along / square)
        })
    }
}

/// |B| at the magnetic equator of a shell: B0 = M/L^3, by McIlwain's convention.
#[must_use]
pub fn equatorial_field(inverse_shell: f64) -> Tesla {
    Tesla(MOMENT_T * inverse_shell * inverse_shell * inverse_shell)
}

/// The tabulated epoch below `year` and the share of the way to the next.
fn bracket(year: f64) -> Option<(usize, f64)> {
    if year == TRAPPED_EPOCH {
        return Some((0, 0.0));
    }
    let low = if year < EPOCHS[2] { 1 } else { 2 };
    (EPOCHS[1]..=LAST_EPOCH).contains(&year).then(|| (low, (year - EPOCHS[low]) / (EPOCHS[low + 1] - EPOCHS[low])))
}

/// Place of (n, m) among the terms.
fn index(n: usize, m: usize) -> usize {
    m * (TOP + 1) - m * m.saturating_sub(1) / 2 + n - m
}

/// Adds the gradient of one term of the potential, eq. 3.33 of Montenbruck and Gill, `g` and `h` Schmidt semi-normalised.
fn add_gradient(terms: &mut [Term; TERMS], n: usize, m: usize, g: f64, h: f64) {
    let factorials: f64 = (n - m + 1..=n + m).map(|k| k as f64).product();
    let norm = (if m == 0 { 1.0 } else { 2.0 } / factorials).sqrt();
    let (c, s) = (g * norm, h * norm);
    let mut add = |order: usize, axis: usize, v: f64, w: f64| {
        let term = &mut terms[index(n + 1, order)];
        term.v[axis] += v;
        term.w[axis] += w;
    };
    let rise = (n - m + 1) as f64;
    add(m, 2, rise * c, rise * s);
    if m == 0 {
        add(1, 0, c, 0.0);
        add(1, 1, 0.0, c);
    } else {
        let f = 0.5 * rise * (n - m + 2) as f64;
        add(m + 1, 0, 0.5 * c, 0.5 * s);
        add(m - 1, 0, -f * c, -f * s);
        add(m + 1, 1, -0.5 * s, 0.5 * c);
        add(m - 1, 1, -f * s, f * c);
    }
}

#[cfg(test)]
mod tests;
