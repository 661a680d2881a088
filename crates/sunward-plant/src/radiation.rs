//! Dose rates of trapped particles behind aluminium, place by place along an orbit, and what they do to accelerators.
//!
//! For each component (protons, electrons, the bremsstrahlung of the electrons stopped in the shield)
//!
//! ```text
//! dose rate(place) = F(L, B) * D(t) / <F>
//! ```
//!
//! F is the omnidirectional flux of AP-8 MIN or AE-8 MAX above the energy whose range is the shield's thickness t (for
//! bremsstrahlung: the sum of the electrons' squared energies, to which a thick target's radiation is proportional). D(t)
//! is the mean dose rate that SPENVIS gives for one orbit, circular at 550 km and 100 degrees, and <F> the mean of
//! F over that same orbit: one normalisation at one orbit, while other altitudes, inclinations and the time within an orbit
//! follow from the maps. The inner belt's dip towards the South Atlantic and the outer belt's horns towards the poles
//! come out of the field.
//!
//! The maps are ordered in the field of 1960, whose weakest spot has since moved; fluxes at low altitude are right
//! only in the field of the maps' own time (a field of today lets the belts sink into the air and raises the
//! dose three- to fourfold). Positions are therefore turned east by the measured drift before the field of 1960 is asked.
//!
//! **Source**: AP-8: Sawyer and Vette (1976), NSSDC/WDC-A-R&S 76-06. AE-8: Vette (1991), NSSDC/WDC-A-R&S 91-24. Doses: SPENVIS
//! 4.6.11 with SHIELDOSE-2, as published in github.com/pfandzelter/leo-edge-failure-models (2023). Proton range: the
//! Bragg-Kleeman law through 67 MeV = 18 mm Al (arXiv:2511.19468). Electron range: Katz and Penfold (1952), Rev. Mod. Phys.
//! 24, 28. Bremsstrahlung ~ E^2: Koch and Motz (1959), Rev. Mod. Phys. 31, 920. Drift: Fürst et al. (2009), Earth Planet.
//! Sci. Lett. 281, 125.
//!
//! **Valid** from 300 to 2,000 km altitude and behind 0.5 to 20 mm of aluminium all around; an error outside. AP-8 and AE-8 are
//! long-term means, good to a factor of two (Vette 1991). Against the same SPENVIS table at other inclinations, not fitted,
//! the total is within -11 % and +17 % from 30 to 90 degrees and within +36 % at 15 and 20 degrees; at 0 degrees both are
//! below 1 rad in five years. Against the maps themselves at 550 to 1,900 km the orbit's mean is within 8 % for
//! protons; at 350 km it is 30 % low. Google's 150 rad/yr at 650 km behind 10 mm compares with 229 here.
//!
//! **Not modelled**: solar particle events, galactic rays and heavy ions (no published rate for these parts), the solar
//! cycle (proton fluxes are those of solar minimum, electrons of maximum: both the worse), storms, the anomaly's slow
//! northward drift, the difference of proton flux from east and west, shields that are not a sphere.

mod effects;
mod shield;
mod trapped;
#[allow(clippy::approx_constant, reason = "measured values that happen to be near pi or tau")]
mod trapped_tables;

pub use effects::{
    DoseState, Event, EventRates, Susceptibility, cross_section, debris_strike_probability, dose_state, event_count,
    event_time, fault_age,
};
pub use shield::{electron_energy_mev, proton_energy_mev};

use shield::Component;
use sunward_astro::magnetic::{MagneticError, MagneticModel, TRAPPED_EPOCH};
use sunward_units::{Grays, Meters};
use trapped::Belt;

/// Mean radius to which altitudes refer, as in SPENVIS and the IGRF.
pub const MEAN_RADIUS: Meters = Meters(6_371_200.0);
/// Altitudes at which the maps hold.
pub const ALTITUDES: [Meters; 2] = [Meters(300e3), Meters(2_000e3)];
/// The oblate Earth lets an orbit that keeps one altitude come 21 km nearer to the centre.
const OBLATENESS_M: f64 = 22e3;
/// Westward drift of the South Atlantic anomaly's particles at 540 km, degrees a year (Fürst et al. 2009).
const DRIFT_DEG_PER_YEAR: f64 = 0.3;
/// Positions whose field is computed before their fluxes.
const BLOCK: usize = 64;

/// Why there is no dose.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RadiationError {
    /// The shield is thinner or thicker than the published doses.
    #[error("shielding of {0} of aluminium is outside 0.5 mm..=20 mm")]
    Shielding(Meters),
    /// The epoch is not one at which the drift was measured or may be continued.
    #[error("epoch {0} is outside the years 1960..=2035")]
    Epoch(f64),
    /// A position where the maps do not hold.
    #[error(
        "position {index} is {altitude_km} km above the mean Earth; trapped radiation is modelled at 300..=2000 km only"
    )]
    Altitude {
        /// Which position.
        index: usize,
        /// Its height over 6371.2 km.
        altitude_km: f64,
    },
    /// A rate, time or area that is negative or not finite.
    #[error("{what} is {got}, expected a finite number of at least 0")]
    Negative {
        /// Which input.
        what: &'static str,
        /// The value given.
        got: f64,
    },
    /// More events in a step than one draw serves.
    #[error("{mean} events expected in one step, at most 500 can be drawn: shorten the step")]
    Crowded {
        /// The mean number asked for.
        mean: f64,
    },
    /// The field could not be evaluated.
    #[error("no magnetic field for the trapped radiation")]
    Field(#[from] MagneticError),
}

/// Columns to fill with dose rates in Gy/s, shape `[point]`.
#[derive(Debug)]
pub struct DoseRates<'a> {
    /// Trapped protons.
    pub proton_gy_s: &'a mut [f64],
    /// Trapped electrons.
    pub electron_gy_s: &'a mut [f64],
    /// Bremsstrahlung of electrons stopped in the shield.
    pub bremsstrahlung_gy_s: &'a mut [f64],
}

/// Mean dose per second by component.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeanDose {
    /// Trapped protons, in one second.
    pub proton: Grays,
    /// Trapped electrons, in one second.
    pub electron: Grays,
    /// Bremsstrahlung, in one second.
    pub bremsstrahlung: Grays,
}

/// Trapped radiation behind one thickness of aluminium at one epoch.
#[derive(Debug, Clone)]
pub struct RadiationModel {
    field: MagneticModel,
    /// Sine and cosine of the eastward turn.
    turn: [f64; 2],
    protons: Belt,
    electrons: Belt,
    radiated: Belt,
}

impl RadiationModel {
    /// The dose rates at the centre of an aluminium sphere of thickness `shielding`, at `epoch_year` (decimal year).
    ///
    /// # Errors
    /// `shielding` is outside 0.5 to 20 mm, or the epoch outside 1960 to 2035.
    pub fn new(shielding: Meters, epoch_year: f64) -> Result<Self, RadiationError> {
        let doses = Component::ALL.map(|component| shield::anchor_gy_s(component, shielding));
        let [Some(proton), Some(electron), Some(radiated)] = doses else {
            return Err(RadiationError::Shielding(shielding));
        };
        if !(1960.0..=2035.0).contains(&epoch_year) {
            return Err(RadiationError::Epoch(epoch_year));
        }
        let angle = (DRIFT_DEG_PER_YEAR * (epoch_year - TRAPPED_EPOCH)).to_radians();
        let mut model = Self {
            field: MagneticModel::new(TRAPPED_EPOCH)?,
            turn: [angle.sin(), angle.cos()],
            protons: Belt::protons(proton_energy_mev(shielding)),
            electrons: Belt::electrons(electron_energy_mev(shielding)),
            radiated: Belt::radiated(),
        };
        let mean = model.circular_orbit_mean(shield::ANCHOR_ALTITUDE, shield::ANCHOR_INCLINATION_DEG)?;
        model.protons.scale_gy_s = proton / mean.proton.0;
        model.electrons.scale_gy_s = electron / mean.electron.0;
        model.radiated.scale_gy_s = radiated / mean.bremsstrahlung.0;
        Ok(model)
    }

    /// Fills `rates` for positions `[point]` in metres, fixed to the Earth, from its centre.
    ///
    /// # Errors
    /// A position is outside 300 to 2,000 km, or a column differs in length; the rates are then of no use.
    pub fn dose_rates(&self, x: &[f64], y: &[f64], z: &[f64], rates: &mut DoseRates<'_>) -> Result<(), RadiationError> {
        let expected = x.len();
        let outputs = [rates.proton_gy_s.len(), rates.electron_gy_s.len(), rates.bremsstrahlung_gy_s.len()];
        if let Some(got) = [y.len(), z.len()].into_iter().chain(outputs).find(|&length| length != expected) {
            return Err(MagneticError::Length { got, expected }.into());
        }
        check_altitudes(x, y, z)?;
        let (mut east, mut north) = ([0.0; BLOCK], [0.0; BLOCK]);
        let (mut field, mut shell) = ([0.0; BLOCK], [0.0; BLOCK]);
        let [sin, cos] = self.turn;
        for start in (0..expected).step_by(BLOCK) {
            let at = start..(start + BLOCK).min(expected);
            let count = at.len();
            for (k, (x, y)) in x[at.clone()].iter().zip(&y[at.clone()]).enumerate() {
                east[k] = cos * x - sin * y;
                north[k] = sin * x + cos * y;
            }
            let place = [&east[..count], &north[..count], &z[at.clone()]];
            self.field.field_and_shell(place, &mut field[..count], &mut shell[..count])?;
            for (k, point) in at.enumerate() {
                rates.proton_gy_s[point] = self.protons.dose_rate_gy_s(shell[k], field[k]);
                rates.electron_gy_s[point] = self.electrons.dose_rate_gy_s(shell[k], field[k]);
                rates.bremsstrahlung_gy_s[point] = self.radiated.dose_rate_gy_s(shell[k], field[k]);
            }
        }
        Ok(())
    }

    /// The mean over all phases and nodes of a circular orbit: what a mission of months accumulates each second.
    ///
    /// Latitudes are visited as d(arcsin(sin latitude / sin inclination)), longitudes evenly: 90 by 72 points.
    ///
    /// # Errors
    /// The altitude is outside 300 to 2,000 km.
    pub fn circular_orbit_mean(&self, altitude: Meters, inclination_deg: f64) -> Result<MeanDose, RadiationError> {
        const PHASES: usize = 90;
        const NODES: usize = 72;
        let radius = (MEAN_RADIUS + altitude).0;
        let mut sums = [0.0; 3];
        for phase in 0..PHASES {
            let argument = ((phase as f64 + 0.5) / PHASES as f64 - 0.5) * std::f64::consts::PI;
            let sin = argument.sin() * inclination_deg.to_radians().sin();
            let cos = (1.0 - sin * sin).sqrt();
            let angles: [f64; NODES] = std::array::from_fn(|node| node as f64 * std::f64::consts::TAU / NODES as f64);
            let (x, y) = (angles.map(|a| radius * cos * a.cos()), angles.map(|a| radius * cos * a.sin()));
            let mut columns = [[0.0; NODES]; 3];
            let [proton_gy_s, electron_gy_s, bremsstrahlung_gy_s] = &mut columns;
            let mut rates = DoseRates { proton_gy_s, electron_gy_s, bremsstrahlung_gy_s };
            self.dose_rates(&x, &y, &[radius * sin; NODES], &mut rates)?;
            for (sum, column) in sums.iter_mut().zip(&columns) {
                *sum += column.iter().sum::<f64>();
            }
        }
        let [proton, electron, bremsstrahlung] = sums.map(|sum| Grays(sum / (PHASES * NODES) as f64));
        Ok(MeanDose { proton, electron, bremsstrahlung })
    }
}

impl MeanDose {
    /// All components together, in one second.
    #[must_use]
    pub fn total(&self) -> Grays {
        self.proton + self.electron + self.bremsstrahlung
    }
}

fn check_altitudes(x: &[f64], y: &[f64], z: &[f64]) -> Result<(), RadiationError> {
    let [low, high] =
        [ALTITUDES[0].0 - OBLATENESS_M, ALTITUDES[1].0 + OBLATENESS_M].map(|h| (MEAN_RADIUS.0 + h).powi(2));
    let square = |k: usize| x[k] * x[k] + y[k] * y[k] + z[k] * z[k];
    match (0..x.len()).find(|&k| !(low..=high).contains(&square(k))) {
        None => Ok(()),
        Some(index) => {
            Err(RadiationError::Altitude { index, altitude_km: (square(index).sqrt() - MEAN_RADIUS.0) * 1e-3 })
        }
    }
}

#[cfg(test)]
mod tests;
