//! The constants of the SI (2019 revision, exact; CODATA 2018 and 2022 agree by definition).

/// Boltzmann constant, J/K. **Source**: SI brochure, 9th edition (2019), table 1.
pub const BOLTZMANN: f64 = 1.380649e-23;
/// Planck constant, J s. **Source**: SI brochure, 9th edition (2019), table 1.
pub const PLANCK: f64 = 6.62607015e-34;
/// Speed of light in vacuum, m/s. **Source**: SI brochure, 9th edition (2019), table 1.
pub const SPEED_OF_LIGHT: f64 = 299_792_458.0;
