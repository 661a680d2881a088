//! When an orbital data center closes: mass, money and data, after Turyshev.
//!
//! **Source**: Turyshev (2026), arXiv:2604.27197, abstract and the figures derived from it.
//!
//! **Not modelled** (as published): time, orbit, degradation within the life; replacement and interest sit inside the yearly
//! costs that the caller gives.

use sunward_catalog::{JoulesPerKilogram, UsdPerWatt, WattsPerKilogram};
use sunward_units::{
    BitsPerSecond, Kelvin, Kilograms, KilogramsPerSquareMeter, Ratio, Seconds, SquareMeters, UsdPerKilogram, Watts,
    WattsPerSquareMeter,
};

use crate::error::{CostError, not_negative, positive, require, share};

/// Stefan-Boltzmann constant, W/m2/K4. **Source**: CODATA 2018 (exact in the SI of 2019).
const STEFAN_BOLTZMANN: f64 = 5.670374419e-8;

/// Array at begin of life for computers of `power`: `overhead power / (efficiency sun)`.
///
/// # Errors
/// A power or efficiency not above zero, or an overhead below 1.
pub fn array_area(
    power: Watts,
    overhead: Ratio,
    efficiency: Ratio,
    sun: WattsPerSquareMeter,
) -> Result<SquareMeters, CostError> {
    let bus = bus_power(power, overhead)?;
    positive("efficiency", share("efficiency", efficiency)?)?;
    Ok(bus / (positive("sunlight", sun)? * efficiency.0))
}

fn bus_power(power: Watts, overhead: Ratio) -> Result<Watts, CostError> {
    require("overhead", overhead, overhead.0 >= 1.0, "[1, infinity)")?;
    Ok(positive("power", power)? * overhead.0)
}

/// Mass of an array that gives the site its power: `overhead power / specific power`.
///
/// # Errors
/// A power or specific power not above zero, or an overhead below 1.
pub fn array_mass(power: Watts, overhead: Ratio, specific_power: WattsPerKilogram) -> Result<Kilograms, CostError> {
    Ok(Kilograms(bus_power(power, overhead)?.0 / positive("specific power", specific_power)?.0))
}

/// Mass of a battery that carries the site through a shadow: `overhead power shadow / (specific energy depth)`.
///
/// # Errors
/// A power, specific energy or depth not above zero, an overhead below 1, a shadow below zero.
pub fn battery_mass(
    power: Watts,
    overhead: Ratio,
    shadow: Seconds,
    specific_energy: JoulesPerKilogram,
    depth_of_discharge: Ratio,
) -> Result<Kilograms, CostError> {
    let depth = positive("depth of discharge", share("depth of discharge", depth_of_discharge)?)?.0;
    let energy = bus_power(power, overhead)? * not_negative("shadow", shadow)?;
    Ok(Kilograms(energy.0 / (positive("specific energy", specific_energy)?.0 * depth)))
}

/// A radiator of one face.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Radiator {
    /// Emissivity.
    pub emissivity: Ratio,
    /// Share of an even plate's radiation that a real one reaches.
    pub fin_efficiency: Ratio,
    /// Temperature.
    pub temperature: Kelvin,
    /// Absorbed from Sun and Earth.
    pub environment: WattsPerSquareMeter,
    /// Mass per area.
    pub areal_mass: KilogramsPerSquareMeter,
}

impl Default for Radiator {
    /// 350 K, 5 kg/m2.
    fn default() -> Self {
        Self {
            emissivity: Ratio(0.90),
            fin_efficiency: Ratio(0.85),
            temperature: Kelvin(350.0),
            environment: WattsPerSquareMeter(150.0),
            areal_mass: KilogramsPerSquareMeter(5.0),
        }
    }
}

impl Radiator {
    /// Heat it rejects per area: `eps eta sigma T^4 - environment`.
    ///
    /// # Errors
    /// Shares outside 0..=1, or a radiator that cools nothing.
    pub fn net(&self) -> Result<WattsPerSquareMeter, CostError> {
        let kept = share("emissivity", self.emissivity)?.0 * share("fin efficiency", self.fin_efficiency)?.0;
        let emitted = WattsPerSquareMeter(kept * STEFAN_BOLTZMANN * self.temperature.0.powi(4));
        let net = emitted - self.environment;
        require("net cooling", net, net.0 > 0.0, "(0, infinity)")
    }

    /// Area that rejects all power of a site of `power`, overhead included.
    ///
    /// # Errors
    /// As [`Self::net`], or a power not above zero or an overhead below 1.
    pub fn area(&self, power: Watts, overhead: Ratio) -> Result<SquareMeters, CostError> {
        Ok(bus_power(power, overhead)? / self.net()?)
    }

    /// Mass of that area.
    ///
    /// # Errors
    /// As [`Self::area`].
    pub fn mass(&self, power: Watts, overhead: Ratio) -> Result<Kilograms, CostError> {
        Ok(self.areal_mass * self.area(power, overhead)?)
    }
}

/// Data moved per energy used: the intensity that decides whether the links suffice.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct BitsPerJoule(
    /// bit/J.
    pub f64,
);

impl BitsPerJoule {
    /// What `rate` allows computers of `power`.
    ///
    /// # Errors
    /// A power not above zero.
    pub fn ceiling(rate: BitsPerSecond, power: Watts) -> Result<Self, CostError> {
        Ok(Self(rate.0 / positive("power", power)?.0))
    }

    /// From gigabytes per kilowatt-hour.
    #[must_use]
    pub fn from_gigabytes_per_kwh(gigabytes: f64) -> Self {
        Self(gigabytes * 8e9 / 3.6e6)
    }

    /// In gigabytes per kilowatt-hour.
    #[must_use]
    pub fn gigabytes_per_kwh(self) -> f64 {
        self.0 * 3.6e6 / 8e9
    }
}

/// The terms of the closure, each per watt of computers over the same life.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Closure {
    /// Launch price.
    pub launch: UsdPerKilogram,
    /// Price of building a kilogram.
    pub build: UsdPerKilogram,
    /// Power of computers per launched mass (its inverse is the paper's m).
    pub specific_power: WattsPerKilogram,
    /// Links.
    pub links: UsdPerWatt,
    /// Operations.
    pub operations: UsdPerWatt,
    /// What the ground costs.
    pub ground: UsdPerWatt,
    /// Data that the work moves.
    pub intensity: BitsPerJoule,
    /// Data that the links can move.
    pub intensity_max: BitsPerJoule,
}

/// Whether and by how much it closes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Closed {
    /// What orbit costs: `(L + B) m + C_link + C_ops`.
    pub orbit: UsdPerWatt,
    /// Whether that is no more than the ground costs.
    pub by_money: bool,
    /// Whether the links carry the work's data.
    pub by_data: bool,
}

impl Closure {
    /// `(L + B) m + C_link + C_ops <= C_ground` and `Gamma <= Gamma_max`.
    ///
    /// # Errors
    /// A specific power not above zero.
    pub fn evaluate(&self) -> Result<Closed, CostError> {
        let mass_usd_per_w = (self.launch + self.build).0 / positive("specific power", self.specific_power)?.0;
        let orbit = UsdPerWatt(mass_usd_per_w + self.links.0 + self.operations.0);
        Ok(Closed { orbit, by_money: orbit <= self.ground, by_data: self.intensity <= self.intensity_max })
    }
}

/// The most that launching and building a kilogram may cost together if nothing else does: `C_ground / m`.
#[must_use]
pub fn allowance(ground: UsdPerWatt, specific_power: WattsPerKilogram) -> UsdPerKilogram {
    UsdPerKilogram(ground.0 * specific_power.0)
}

/// Launch price at which orbit costs what the ground does: `(C_ground - C_link - C_ops) / m - B`; negative where orbit is
/// dearer before it is launched.
///
/// # Errors
/// A specific power not above zero.
pub fn launch_price_at_closure(terms: &Closure) -> Result<UsdPerKilogram, CostError> {
    let left_usd_per_w = terms.ground.0 - terms.links.0 - terms.operations.0;
    Ok(UsdPerKilogram(left_usd_per_w * positive("specific power", terms.specific_power)?.0) - terms.build)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEGAWATT: Watts = Watts(1e6);
    const OVERHEAD: Ratio = Ratio(1.25);
    /// 40 kg/kW.
    const FORTY: WattsPerKilogram = WattsPerKilogram(25.0);

    fn close(value: f64, expected: f64, absolute: f64) {
        assert!((value - expected).abs() <= absolute, "{value} is not {expected}");
    }

    /// The abstract: 5.64e3 m2 of array, 2.50e3 m2 of radiator for 1 MW; 16.3 % effective efficiency follows.
    #[test]
    fn areas_for_one_megawatt_are_reproduced() {
        let array = array_area(MEGAWATT, OVERHEAD, Ratio(0.1628), WattsPerSquareMeter(1361.0)).unwrap();
        close(array.0, 5.64e3, 5.0);
        close(1.25e6 / 5640.0, 221.6, 0.05);
        close(221.6 / 1361.0, 0.163, 5e-4);
        let radiator = Radiator::default();
        close(radiator.net().unwrap().0 + 150.0, 650.9, 0.05);
        close(radiator.net().unwrap().0, 500.9, 0.05);
        close(radiator.area(MEGAWATT, OVERHEAD).unwrap().0, 2495.3, 0.5);
        close(radiator.area(MEGAWATT, OVERHEAD).unwrap().0, 2.50e3, 5.0);
        close(radiator.mass(MEGAWATT, OVERHEAD).unwrap().0 / 1e3, 12.48, 5e-3);
    }

    /// 10 to 40 kUSD/kW at 40 kg/kW allow 250 to 1,000 USD/kg, 3.4 to 13.5 times below 3,360; 100 USD/kg are 4,000 USD/kW.
    #[test]
    fn allowances_are_reproduced() {
        assert_eq!(allowance(UsdPerWatt(10.0), FORTY), UsdPerKilogram(250.0));
        assert_eq!(allowance(UsdPerWatt(40.0), FORTY), UsdPerKilogram(1000.0));
        close(3360.0 / 1000.0, 3.4, 0.05);
        close(3360.0 / 250.0, 13.5, 0.07);
        let none = UsdPerWatt(0.0);
        let closure = Closure {
            launch: UsdPerKilogram(100.0),
            build: UsdPerKilogram(0.0),
            specific_power: FORTY,
            links: none,
            operations: none,
            ground: UsdPerWatt(4.0),
            intensity: BitsPerJoule(1.0),
            intensity_max: BitsPerJoule(1.0),
        };
        let closed = closure.evaluate().unwrap();
        assert_eq!(closed, Closed { orbit: UsdPerWatt(4.0), by_money: true, by_data: true });
    }

    /// 1.25 kW at 100 W/kg are 12.5 kg; through 36 min at 200 Wh/kg and a depth of one half 7.5 kg.
    #[test]
    fn array_and_battery_masses_are_proportional_to_the_power() {
        let array = array_mass(MEGAWATT, OVERHEAD, WattsPerKilogram(100.0)).unwrap();
        close(array.0, 12.5e3, 1e-9);
        let battery = |shadow| {
            battery_mass(MEGAWATT, OVERHEAD, Seconds(shadow), JoulesPerKilogram(200.0 * 3600.0), Ratio(0.5)).unwrap().0
        };
        close(battery(2160.0), 7.5e3, 1e-9);
        close(battery(0.0), 0.0, 0.0);
        let cell = JoulesPerKilogram(720e3);
        assert!(battery_mass(MEGAWATT, OVERHEAD, Seconds(-1.0), cell, Ratio(0.5)).is_err());
        assert!(battery_mass(MEGAWATT, OVERHEAD, Seconds(1.0), cell, Ratio(0.0)).is_err());
        assert!(array_mass(MEGAWATT, OVERHEAD, WattsPerKilogram(0.0)).is_err());
    }

    #[test]
    fn each_term_can_break_the_closure() {
        let closure = Closure {
            launch: UsdPerKilogram(200.0),
            build: UsdPerKilogram(300.0),
            specific_power: FORTY,
            links: UsdPerWatt(2.0),
            operations: UsdPerWatt(3.0),
            ground: UsdPerWatt(25.0),
            intensity: BitsPerJoule(1e3),
            intensity_max: BitsPerJoule(1e4),
        };
        let closes = |closure: Closure| closure.evaluate().map(|closed| (closed.by_money, closed.by_data)).unwrap();
        assert_eq!(closure.evaluate().unwrap().orbit, UsdPerWatt(25.0));
        assert_eq!(closes(closure), (true, true));
        assert_eq!(launch_price_at_closure(&closure).unwrap(), closure.launch, "it just closes");
        assert_eq!(closes(Closure { launch: UsdPerKilogram(201.0), ..closure }), (false, true));
        assert_eq!(closes(Closure { build: UsdPerKilogram(301.0), ..closure }), (false, true));
        assert_eq!(closes(Closure { specific_power: WattsPerKilogram(24.0), ..closure }), (false, true));
        assert_eq!(closes(Closure { links: UsdPerWatt(2.1), ..closure }), (false, true));
        assert_eq!(closes(Closure { operations: UsdPerWatt(3.1), ..closure }), (false, true));
        assert_eq!(closes(Closure { ground: UsdPerWatt(24.0), ..closure }), (false, true));
        assert_eq!(closes(Closure { intensity: BitsPerJoule(2e4), ..closure }), (true, false));
    }

    /// 32.9 Gbit/s together: 148, 14.8 and 1.48 GB/kWh at 0.1, 1 and 10 MW.
    #[test]
    fn data_ceilings_are_reproduced() {
        for (megawatts, gigabytes_per_kwh) in [(0.1, 148.0), (1.0, 14.8), (10.0, 1.48)] {
            let ceiling = BitsPerJoule::ceiling(BitsPerSecond(32.9e9), Watts(megawatts * 1e6)).unwrap();
            close(ceiling.gigabytes_per_kwh() / gigabytes_per_kwh, 1.0, 1e-3);
        }
    }

    #[test]
    fn impossible_inputs_are_refused() {
        assert!(array_area(MEGAWATT, Ratio(0.9), Ratio(0.2), WattsPerSquareMeter(1361.0)).is_err());
        assert!(array_area(MEGAWATT, OVERHEAD, Ratio(0.0), WattsPerSquareMeter(1361.0)).is_err());
        assert!(Radiator { temperature: Kelvin(200.0), ..Radiator::default() }.area(MEGAWATT, OVERHEAD).is_err());
        assert!(BitsPerJoule::ceiling(BitsPerSecond(1.0), Watts(0.0)).is_err());
    }
}
