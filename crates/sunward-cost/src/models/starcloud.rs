//! The 40 MW table and the radiator of Starcloud's white paper.
//!
//! **Source**: Starcloud (2024), "Why we should train AI in space", version 1.03, table 1 and the radiator section.
//!
//! **Not modelled** (as published, and why its ratio means little): the ground pays for energy in full while orbit pays for
//! cells and one launch; satellite bus, radiators, structure, replacement and operations cost nothing. One launch of 100 t for
//! 5 MUSD is 50 USD/kg, and the same table's shielding line uses 30 USD/kg.

use sunward_catalog::{KilogramsPerJoule, WattsPerKilogram};
use sunward_units::{
    Joules, Kelvin, Kilograms, Ratio, Seconds, SquareMeters, Usd, UsdPerJoule, UsdPerKilogram, Watts,
    WattsPerSquareMeter,
};

use crate::HOURS_PER_YEAR;
use crate::error::{CostError, positive, require, share};

/// The table's inputs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Table {
    /// Power of the computers.
    pub power: Watts,
    /// Time to run.
    pub years: u32,
    /// Price of electricity on the ground.
    pub tariff: UsdPerJoule,
    /// Cooling energy on the ground over the computers' energy.
    pub cooling_share: Ratio,
    /// Water on the ground.
    pub water: KilogramsPerJoule,
    /// Backup power on the ground.
    pub backup: Usd,
    /// The solar array in orbit.
    pub solar_array: Usd,
    /// One launch.
    pub launch: Usd,
    /// Power that a kilogram of shielding protects (1 kg/kW).
    pub shielded_power: WattsPerKilogram,
    /// Launch price of the shielding line.
    pub shielding_price: UsdPerKilogram,
}

impl Default for Table {
    /// 40 MW for ten years.
    fn default() -> Self {
        Self {
            power: Watts(40e6),
            years: 10,
            tariff: UsdPerJoule(0.04 / 3.6e6),
            cooling_share: Ratio(0.05),
            water: KilogramsPerJoule(0.5 / 3.6e6),
            backup: Usd(20e6),
            solar_array: Usd(2e6),
            launch: Usd(5e6),
            shielded_power: WattsPerKilogram(1e3),
            shielding_price: UsdPerKilogram(30.0),
        }
    }
}

/// The table, unrounded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TableOutcome {
    /// Energy of the computers over the years.
    pub energy: Joules,
    /// Ground: energy.
    pub ground_energy: Usd,
    /// Ground: cooling.
    pub ground_cooling: Usd,
    /// Ground: backup power.
    pub ground_backup: Usd,
    /// Ground: sum.
    pub ground_total: Usd,
    /// Ground: water.
    pub ground_water: Kilograms,
    /// Orbit: shielding.
    pub shielding: Usd,
    /// Orbit: array, launch and shielding.
    pub orbit_total: Usd,
}

impl Table {
    /// The table's outcome.
    ///
    /// # Errors
    /// A power or time not above zero, a shielded power not above zero (infinite is no shielding), a cooling share below zero.
    pub fn evaluate(&self) -> Result<TableOutcome, CostError> {
        positive("power", self.power)?;
        positive("years", Ratio(f64::from(self.years)))?;
        crate::error::not_negative("shielding (kg/W)", Ratio(1.0 / self.shielded_power.0))?;
        crate::error::not_negative("cooling share", self.cooling_share)?;
        let energy = self.power * Seconds(f64::from(self.years) * HOURS_PER_YEAR * 3600.0);
        let ground_energy = self.tariff * energy;
        let ground_cooling = ground_energy * self.cooling_share.0;
        let shielding = self.shielding_price * Kilograms(self.power.0 / self.shielded_power.0);
        Ok(TableOutcome {
            energy,
            ground_energy,
            ground_cooling,
            ground_backup: self.backup,
            ground_total: ground_energy + ground_cooling + self.backup,
            ground_water: Kilograms(self.water.0 * energy.0),
            shielding,
            orbit_total: self.solar_array + self.launch + shielding,
        })
    }
}

/// The white paper's radiator: a plate that radiates from both faces, one of them in the Sun.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Radiator {
    /// Temperature of the plate.
    pub temperature: Kelvin,
    /// Emissivity of both faces.
    pub emissivity: Ratio,
    /// Absorptance.
    pub absorptance: Ratio,
    /// View factor to the Earth.
    pub earth_view: Ratio,
    /// Share of sunlight that the Earth reflects.
    pub albedo: Ratio,
    /// Sunlight.
    pub sun: WattsPerSquareMeter,
    /// Temperature at which the Earth radiates.
    pub earth: Kelvin,
}

impl Default for Radiator {
    /// 20 degrees Celsius, as published.
    fn default() -> Self {
        Self {
            temperature: Kelvin::from_celsius(20.0),
            emissivity: Ratio(0.92),
            absorptance: Ratio(0.09),
            earth_view: Ratio(0.25),
            albedo: Ratio(0.3),
            sun: WattsPerSquareMeter(1366.0),
            earth: Kelvin::from_celsius(-20.0),
        }
    }
}

/// The radiator's balance per area of plate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RadiatorOutcome {
    /// Radiated from both faces.
    pub emitted: WattsPerSquareMeter,
    /// Sunlight absorbed.
    pub solar: WattsPerSquareMeter,
    /// Absorbed from the Earth (with the solar absorptance for its infrared too, as published).
    pub earth: WattsPerSquareMeter,
    /// What is left to cool with.
    pub net: WattsPerSquareMeter,
    /// What would be left if the Earth's infrared were absorbed by the emissivity, as Kirchhoff's law has it.
    pub net_by_emissivity: WattsPerSquareMeter,
}

/// The white paper's Stefan-Boltzmann constant, rounded.
const STEFAN_BOLTZMANN: f64 = 5.67e-8;

impl Radiator {
    /// The balance.
    ///
    /// # Errors
    /// Shares outside 0..=1, or a plate that cools nothing.
    pub fn evaluate(&self) -> Result<RadiatorOutcome, CostError> {
        share("emissivity", self.emissivity)?;
        share("absorptance", self.absorptance)?;
        share("view factor", self.earth_view)?;
        share("albedo", self.albedo)?;
        let emitted = 2.0 * self.emissivity.0 * STEFAN_BOLTZMANN * self.temperature.0.powi(4);
        let solar = self.absorptance.0 * self.sun.0;
        let from_earth = self.albedo.0 * self.sun.0 + STEFAN_BOLTZMANN * self.earth.0.powi(4);
        let earth = self.absorptance.0 * self.earth_view.0 * from_earth;
        let net = WattsPerSquareMeter(emitted - solar - earth);
        require("net cooling", net, net.0 > 0.0, "(0, infinity)")?;
        let infrared = (self.emissivity.0 - self.absorptance.0) * self.earth_view.0 * STEFAN_BOLTZMANN;
        let net_by_emissivity = net - WattsPerSquareMeter(infrared * self.earth.0.powi(4));
        let [emitted, solar, earth] = [emitted, solar, earth].map(WattsPerSquareMeter);
        Ok(RadiatorOutcome { emitted, solar, earth, net, net_by_emissivity })
    }
}

impl RadiatorOutcome {
    /// Area of plate that cools `heat`.
    ///
    /// # Errors
    /// A heat that is not above zero.
    pub fn area(&self, heat: Watts) -> Result<SquareMeters, CostError> {
        Ok(positive("heat", heat)? / self.net)
    }

    /// The same if the Earth's infrared were absorbed by the emissivity.
    ///
    /// # Errors
    /// A heat that is not above zero, or a plate that then cools nothing.
    pub fn area_by_emissivity(&self, heat: Watts) -> Result<SquareMeters, CostError> {
        Ok(positive("heat", heat)? / positive("net cooling by emissivity", self.net_by_emissivity)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(value: f64, expected: f64, absolute: f64) {
        assert!((value - expected).abs() <= absolute, "{value} is not {expected}");
    }

    /// The white paper prints 140, 7, 20, 167 and 2, 5, 1.2, 8.2 MUSD, 1.7 Mt of water; unrounded as recomputed.
    #[test]
    fn the_40_mw_table_is_reproduced() {
        let out = Table::default().evaluate().unwrap();
        close(out.energy.0 / 3.6e12, 3_504.0, 1e-9);
        close(out.ground_energy.0, 140.16e6, 1e-3);
        close(out.ground_cooling.0, 7.008e6, 1e-3);
        close(out.ground_total.0, 167.168e6, 1e-3);
        close(out.ground_water.0, 1.752e9, 1.0);
        close(out.shielding.0, 1.2e6, 1e-6);
        close(out.orbit_total.0, 8.2e6, 1e-6);
        let rounded = |usd: Usd| (usd.0 / 1e6).round();
        assert_eq!(
            [out.ground_energy, out.ground_cooling, out.ground_backup, out.ground_total].map(rounded),
            [140.0, 7.0, 20.0, 167.0]
        );
        // 7 to 8.2 MUSD over 3.504e9 kWh: 0.0020 to 0.0023 USD/kWh, "about 0.002".
        close(7e6 / (out.energy.0 / 3.6e6), 0.0020, 5e-5);
        close(out.orbit_total.0 / (out.energy.0 / 3.6e6), 0.0023, 5e-5);
    }

    /// The table's two launch prices: 5 MUSD for 100 t is 50 USD/kg, the shielding line pays 30.
    #[test]
    fn the_tables_two_launch_prices_differ() {
        let table = Table::default();
        close((table.launch / Kilograms(100e3)).0, 50.0, 1e-12);
        assert!((table.launch / Kilograms(100e3)) > table.shielding_price);
    }

    #[test]
    fn the_radiator_is_reproduced() {
        let out = Radiator::default().evaluate().unwrap();
        close(out.emitted.0, 770.478, 5e-4);
        close(out.solar.0, 122.94, 5e-3);
        close(out.earth.0, 14.460, 5e-4);
        close(out.net.0, 633.079, 5e-4);
        let black = Radiator { emissivity: Ratio(1.0), absorptance: Ratio(0.0), ..Radiator::default() };
        close(black.evaluate().unwrap().net.0, 837.48, 5e-3);
        close(out.area(Watts(120e3)).unwrap().0, 189.55, 5e-3);
        close(out.net_by_emissivity.0, 584.76, 5e-3);
        close(out.area_by_emissivity(Watts(120e3)).unwrap().0, 205.21, 5e-3);
        close(out.area(Watts(5e9)).unwrap().0 / 1e6, 7.90, 5e-3);
    }

    /// At a fixed temperature the area grows with the heat itself, not with a root of it.
    #[test]
    fn radiator_area_is_linear_in_heat() {
        let out = Radiator::default().evaluate().unwrap();
        close(out.area(Watts(16e6)).unwrap() / out.area(Watts(1e6)).unwrap(), 16.0, 1e-12);
    }

    #[test]
    fn impossible_inputs_are_refused() {
        assert!(Table { years: 0, ..Table::default() }.evaluate().is_err());
        assert!(Table { power: Watts(-1.0), ..Table::default() }.evaluate().is_err());
        assert!(Table { shielded_power: WattsPerKilogram(0.0), ..Table::default() }.evaluate().is_err());
        let bare = Table { shielded_power: WattsPerKilogram(f64::INFINITY), ..Table::default() }.evaluate().unwrap();
        assert_eq!((bare.shielding, bare.orbit_total), (Usd(0.0), Usd(7e6)));
        assert!(Table { cooling_share: Ratio(-0.1), ..Table::default() }.evaluate().is_err());
        assert!(Radiator { emissivity: Ratio(1.2), ..Radiator::default() }.evaluate().is_err());
        let cold = Radiator { temperature: Kelvin(150.0), ..Radiator::default() }.evaluate().unwrap_err();
        assert!(cold.to_string().starts_with("net cooling"), "{cold}");
    }
}
