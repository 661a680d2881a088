//! Fluxes of the AP-8 MIN and AE-8 MAX maps by shell and field, from tables cut to low orbit.
//!
//! ```text
//! J = (1 - u) exp(T(1/L, u)),   u = B / Bc(L),   0 from u = 1 on
//! ```
//!
//! T is linear between rows (1/L) and columns (u), Bc linear in 1/L: the field at which the atmosphere ends the belt. The
//! tables keep orbit means of the maps within 3 % where the inclination is 30 degrees or more and the altitude 550 km or more
//! (printed by `testdata/radiation/trapped_tables.py`).

use super::trapped_tables::{
    COLUMNS, ELECTRON_CUTOFF, ELECTRON_MEV, ELECTRON_ROWS, ELECTRONS, PROTON_CUTOFF, PROTON_MEV, PROTON_ROWS, PROTONS,
    RADIATED,
};

const GAUSS_T: f64 = 1e-4;

/// The map of one component above one energy.
#[derive(Debug, Clone)]
pub(super) struct Belt {
    first_row: f64,
    rows_per_unit: f64,
    columns: usize,
    /// Bc by row, tesla.
    cutoff_t: Vec<f64>,
    /// T by row and column.
    log_flux: Vec<f64>,
    /// Gy/s per unit of flux.
    pub(super) scale_gy_s: f64,
}

impl Belt {
    /// Protons above `energy_mev`.
    pub(super) fn protons(energy_mev: f64) -> Self {
        Self::new(PROTON_ROWS, &PROTON_CUTOFF, blend(&PROTONS, &PROTON_MEV, energy_mev))
    }

    /// Electrons above `energy_mev`.
    pub(super) fn electrons(energy_mev: f64) -> Self {
        Self::new(ELECTRON_ROWS, &ELECTRON_CUTOFF, blend(&ELECTRONS, &ELECTRON_MEV, energy_mev))
    }

    /// Squared energy of all electrons: what becomes bremsstrahlung.
    pub(super) fn radiated() -> Self {
        Self::new(ELECTRON_ROWS, &ELECTRON_CUTOFF, blend(&RADIATED, &[1.0], 1.0))
    }

    fn new([first_row, step]: [f64; 2], cutoff: &[f64], log_flux: Vec<f64>) -> Self {
        Self {
            first_row,
            rows_per_unit: 1.0 / step,
            columns: log_flux.len() / cutoff.len(),
            cutoff_t: cutoff.iter().map(|gauss| gauss * GAUSS_T).collect(),
            log_flux,
            scale_gy_s: 1.0,
        }
    }

    /// Flux times scale on the shell of `inverse_shell` = 1/L where the field is `field_t`.
    #[inline]
    pub(super) fn dose_rate_gy_s(&self, inverse_shell: f64, field_t: f64) -> f64 {
        let row = (inverse_shell - self.first_row) * self.rows_per_unit;
        let last = (self.cutoff_t.len() - 1) as f64;
        if !(0.0..=last).contains(&row) {
            return 0.0;
        }
        let k = (row as usize).min(self.cutoff_t.len() - 2);
        let share = row - k as f64;
        let mix = |a: f64, b: f64, by: f64| a + by * (b - a);
        let u = field_t / mix(self.cutoff_t[k], self.cutoff_t[k + 1], share);
        if u >= 1.0 {
            return 0.0;
        }
        let column = ((u - COLUMNS[0]) / COLUMNS[1]).clamp(0.0, (self.columns - 1) as f64);
        let c = (column as usize).min(self.columns - 2);
        let across = column - c as f64;
        let (low, high) = (&self.log_flux[k * self.columns..], &self.log_flux[(k + 1) * self.columns..]);
        let log_flux = mix(mix(low[c], low[c + 1], across), mix(high[c], high[c + 1], across), share);
        self.scale_gy_s * (1.0 - u) * log_flux.exp()
    }
}

/// The table at `energy`, linear in ln(energy) between the two tabulated ones; beyond the ends, the end.
fn blend<const C: usize, const R: usize, const E: usize>(
    tables: &[[[f32; C]; R]; E],
    energies: &[f64; E],
    energy: f64,
) -> Vec<f64> {
    let high = energies.iter().position(|&e| e >= energy).unwrap_or(E - 1);
    let low = high.saturating_sub(1);
    let share = if high == low { 0.0 } else { (energy / energies[low]).ln() / (energies[high] / energies[low]).ln() };
    let share = share.clamp(0.0, 1.0);
    let pairs = tables[low].iter().flatten().zip(tables[high].iter().flatten());
    pairs.map(|(&a, &b)| f64::from(a) + share * (f64::from(b) - f64::from(a))).collect()
}
