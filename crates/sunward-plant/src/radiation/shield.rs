//! Doses behind aluminium at the orbit where they are known, and the energies a thickness lets through.

use sunward_units::Meters;

/// The orbit of [`ANCHOR`].
pub(super) const ANCHOR_ALTITUDE: Meters = Meters(550e3);
pub(super) const ANCHOR_INCLINATION_DEG: f64 = 100.0;
/// 1,825 days, 2023 to 2027.
const ANCHOR_DURATION_S: f64 = 1825.0 * 86_400.0;
const RAD_GY: f64 = 0.01;

/// What makes the dose; the number is the column of [`ANCHOR`].
#[derive(Debug, Clone, Copy)]
pub(super) enum Component {
    Proton = 1,
    Electron = 2,
    Bremsstrahlung = 3,
}

impl Component {
    pub(super) const ALL: [Self; 3] = [Self::Proton, Self::Electron, Self::Bremsstrahlung];
}

/// (mm of aluminium; protons, electrons, bremsstrahlung in rad(Si) over five years): centre of a sphere, 550 km circular,
/// 100 degrees, AP-8 MIN and AE-8 MAX, SPENVIS 4.6.11 with SHIELDOSE-2, run of 17 January 2023
/// (github.com/pfandzelter/leo-edge-failure-models, compute-failure/cleaned/100.csv).
const ANCHOR: [[f64; 4]; 20] = [
    [0.5, 2128.5, 90_064.0, 318.79],
    [0.6, 1877.7, 67_483.0, 259.85],
    [0.8, 1553.7, 43_944.0, 190.68],
    [1.0, 1354.5, 31_824.0, 151.84],
    [1.5, 1102.3, 17_289.0, 100.83],
    [2.0, 975.06, 10_555.0, 74.644],
    [2.5, 888.99, 6684.3, 58.610],
    [3.0, 827.89, 4277.6, 48.157],
    [4.0, 750.57, 1802.9, 35.569],
    [5.0, 693.52, 745.19, 28.281],
    [6.0, 655.85, 292.04, 23.659],
    [7.0, 622.58, 109.68, 20.480],
    [8.0, 595.85, 38.864, 18.165],
    [9.0, 571.72, 13.008, 16.454],
    [10.0, 550.14, 4.0993, 15.132],
    [12.0, 517.89, 0.310_43, 13.194],
    [14.0, 481.72, 7.6281e-3, 11.850],
    [16.0, 453.86, 5.8595e-5, 10.837],
    [18.0, 426.28, 6.2404e-7, 9.9881],
    [20.0, 402.46, 0.0, 9.2703],
];

/// Mean dose rate of one component in Gy/s at the anchor orbit; `None` outside 0.5 to 20 mm.
///
/// Log-log between the tabulated depths; linear in the last interval of the electrons, which ends at zero.
pub(super) fn anchor_gy_s(component: Component, shielding: Meters) -> Option<f64> {
    let depth = shielding.0 * 1e3;
    let deeper = ANCHOR.iter().position(|row| row[0] >= depth * (1.0 - 1e-12))?;
    let column = component as usize;
    let (low, high) = (ANCHOR[deeper.saturating_sub(1)], ANCHOR[deeper]);
    let (from, to) = (low[column], high[column]);
    let rad = if deeper == 0 {
        (depth > ANCHOR[0][0] * (1.0 - 1e-12)).then_some(to)?
    } else if to > 0.0 {
        from * (to / from).powf((depth / low[0]).ln() / (high[0] / low[0]).ln())
    } else {
        from + (to - from) * (depth - low[0]) / (high[0] - low[0])
    };
    Some(rad * RAD_GY / ANCHOR_DURATION_S)
}

/// Energy in MeV of protons whose range is `shielding` of aluminium: R = 0.01075 mm (E/MeV)^1.768.
///
/// **Source**: Bragg and Kleeman (1905); the exponent is the usual 1.77 of 10 to 100 MeV, and the factor puts 67 MeV at
/// 18.2 mm (arXiv:2511.19468 states 18 mm). **Valid** from 8 to 100 MeV within 3 %.
#[must_use]
pub fn proton_energy_mev(shielding: Meters) -> f64 {
    (shielding.0 * 1e3 / 0.01075).powf(1.0 / 1.768)
}

/// Energy in MeV of electrons whose range is `shielding` of aluminium (2.70 g/cm3).
///
/// R = 0.412 E^(1.265 - 0.0954 ln E) g/cm2 to 2.5 MeV, 0.530 E - 0.106 above. **Source**: Katz and Penfold (1952).
#[must_use]
pub fn electron_energy_mev(shielding: Meters) -> f64 {
    let range = 0.270 * shielding.0 * 1e3;
    let straight = (range + 0.106) / 0.530;
    if straight > 2.5 {
        return straight;
    }
    // 1.265 l - 0.0954 l^2 = ln(R / 0.412), l = ln E
    let log = (range / 0.412).ln();
    ((1.265 - (1.265f64.powi(2) - 4.0 * 0.0954 * log).sqrt()) / (2.0 * 0.0954)).exp()
}
