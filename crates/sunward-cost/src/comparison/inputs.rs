//! The inputs that all models share, each with its source.

use sunward_catalog::{Catalog, CatalogError, KilogramsPerJoule, UsdPerWatt, Valued, WattsPerKilogram};
use sunward_units::{Kilograms, Meters, Quantity, Ratio, Seconds, Usd, UsdPerJoule, UsdPerKilogram, Watts};

use crate::error::CostError;
use crate::models::{mccalip, starcloud, suncatcher};
use crate::sheet::{Input, SheetError, set};

/// A common input and where its value comes from.
#[derive(Debug, Clone)]
pub struct CommonInput {
    /// The input.
    pub input: Input,
    /// Source of its value: a catalog entry, a model, "given".
    pub source: String,
}

/// All common inputs.
#[derive(Debug, Clone)]
pub struct Inputs {
    /// In the order of tables.
    pub all: Vec<CommonInput>,
}

/// The common inputs in SI.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Common {
    /// Power of the computers.
    pub power: Watts,
    /// Time to run, years of 8,760 h.
    pub years: u32,
    /// Launch price.
    pub launch_price: UsdPerKilogram,
    /// Power of a satellite's array when new over its mass.
    pub specific_power: WattsPerKilogram,
    /// Power of a satellite's array when new.
    pub satellite_power: Watts,
    /// Price of a satellite per watt of its array.
    pub satellite_price: UsdPerWatt,
    /// Life of a satellite.
    pub satellite_life: Seconds,
    /// Share of the time in sunlight.
    pub sun_fraction: Ratio,
    /// Share of its power that an array loses each year.
    pub degradation: Ratio,
    /// Share of the computers that fail each year.
    pub failure: Ratio,
    /// Running the fleet, a year, over the price of its satellites.
    pub operations: Ratio,
    /// Paid once.
    pub development: Usd,
    /// Power of a satellite over power of its computers.
    pub overhead: Ratio,
    /// Power of computers that a kilogram of shielding protects; infinite for none.
    pub shielded_power: WattsPerKilogram,
    /// Height of the orbit.
    pub altitude: Meters,
    /// Mean local solar time of its ascending node, hours.
    pub local_time_h: f64,
    /// Share of the time at full power, on the ground.
    pub capacity_factor: Ratio,
    /// Price of electricity.
    pub tariff: UsdPerJoule,
    /// Power of the ground site over power of its computers.
    pub pue: Ratio,
    /// Water of the ground site.
    pub water: KilogramsPerJoule,
    /// Price of water.
    pub water_price: UsdPerKilogram,
    /// Backup power on the ground, per watt of computers.
    pub backup_price: UsdPerWatt,
    /// Building, electrical and cooling plant and network, per watt of computers.
    pub hall_price: UsdPerWatt,
    /// Life of that building and plant.
    pub hall_life: Seconds,
    /// Gas turbines, per watt generated.
    pub turbine_price: UsdPerWatt,
    /// Price of gas, USD per million BTU (McCalip's unit).
    pub gas_price_usd_per_mmbtu: f64,
    /// Gas per electricity, BTU/kWh (McCalip's unit).
    pub heat_rate_btu_per_kwh: f64,
}

const ANY: std::ops::RangeInclusive<f64> = 0.0..=f64::INFINITY;
const MCCALIP: &str = "McCalip (2025), default";
const STARCLOUD: &str = "Starcloud (2024), table 1";

impl Inputs {
    /// 40 MW for ten years, at the catalog's prices and, where the catalog has none, at the models' own defaults.
    ///
    /// # Errors
    /// A catalog that lacks an entry.
    pub fn of(catalog: &Catalog) -> Result<Self, CatalogError> {
        let mut all = fleet(catalog)?;
        all.extend(ground(catalog)?);
        Ok(Self { all })
    }

    /// Sets the input of that name from a number in its own unit or a quantity; its source becomes `source`.
    ///
    /// # Errors
    /// An unknown name, or a text that is no such quantity.
    pub fn set(&mut self, name: &str, text: &str, source: &str) -> Result<(), SheetError> {
        let place = set(self.all.iter_mut().map(|common| &mut common.input), "a comparison", name, text)?;
        source.clone_into(&mut self.all[place].source);
        Ok(())
    }

    /// Names of all inputs.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        self.all.iter().map(|common| common.input.name).collect()
    }

    fn number(&self, name: &str) -> f64 {
        let found = self.all.iter().find(|common| common.input.name == name);
        found.unwrap_or_else(|| panic!("{name} is no common input")).input.value
    }

    /// The inputs in SI.
    ///
    /// # Errors
    /// Years that are no whole number, a local time outside a day.
    pub fn common(&self) -> Result<Common, CostError> {
        let number = |name| self.number(name);
        let ratio = |name| Ratio(number(name));
        let percent = |name| Ratio(number(name) / 100.0);
        let per_watt = |name| UsdPerWatt(number(name));
        let per_mass = |name| UsdPerKilogram(number(name));
        let years = ratio("years");
        let whole = years.0.fract() == 0.0 && (1.0..=100.0).contains(&years.0);
        let years = crate::error::require("years", years, whole, "the whole numbers from 1 to 100")?.0 as u32;
        let hour = ratio("local_time");
        crate::error::require("local time (h)", hour, (0.0..24.0).contains(&hour.0), "[0, 24) h")?;
        Ok(Common {
            power: Watts(number("power") * 1e6),
            years,
            launch_price: per_mass("launch_price"),
            specific_power: WattsPerKilogram(number("specific_power")),
            satellite_power: Watts(number("satellite_power") * 1000.0),
            satellite_price: per_watt("satellite_price"),
            satellite_life: Seconds(number("satellite_life") * sunward_units::JULIAN_YEAR_S),
            sun_fraction: ratio("sun_fraction"),
            degradation: percent("degradation"),
            failure: percent("failure"),
            operations: percent("operations"),
            development: Usd(number("development") * 1e6),
            overhead: ratio("overhead"),
            shielded_power: WattsPerKilogram(1e3 / number("shielding")),
            altitude: Meters(number("altitude") * 1e3),
            local_time_h: hour.0,
            capacity_factor: ratio("capacity_factor"),
            tariff: UsdPerJoule(number("tariff") / 3.6e6),
            pue: ratio("pue"),
            water: KilogramsPerJoule(number("water") / 3.6e6),
            water_price: per_mass("water_price"),
            backup_price: per_watt("backup_price"),
            hall_price: per_watt("hall_price"),
            hall_life: Seconds(number("hall_life") * sunward_units::JULIAN_YEAR_S),
            turbine_price: per_watt("turbine_price"),
            gas_price_usd_per_mmbtu: number("gas_price"),
            heat_rate_btu_per_kwh: number("heat_rate"),
        })
    }
}

fn given<Q: Quantity>(
    name: &'static str,
    unit: &'static str,
    value: f64,
    meaning: &'static str,
    source: &str,
) -> CommonInput {
    CommonInput { input: Input::new::<Q>(name, unit, value, ANY, meaning), source: source.to_owned() }
}

/// A value of the catalog in `unit`, with its range.
fn listed<Q: Quantity>(
    name: &'static str,
    unit: &'static str,
    valued: &Valued<Q>,
    meaning: &'static str,
) -> CommonInput {
    let known = Q::UNITS.iter().find(|known| known.name == unit).unwrap_or(&Q::UNITS[0]);
    // The text of the catalog, so that the number is the one written there.
    let written = valued.text.strip_suffix(unit).and_then(|number| number.trim().parse().ok());
    let of = |value: Q| (value.si() - known.offset) / known.factor;
    let value = written.unwrap_or_else(|| of(valued.value));
    let range = of(valued.low).min(value)..=of(valued.high).max(value);
    let source = format!("{} ({})", valued.source, valued.date);
    CommonInput { input: Input::new::<Q>(name, unit, value, range, meaning), source }
}

fn fleet(catalog: &Catalog) -> Result<Vec<CommonInput>, CatalogError> {
    let (table, satellite) = (starcloud::Table::default(), suncatcher::SATELLITES[0]);
    let orbital = mccalip::Orbital::default();
    let launcher = catalog.launcher("mccalip-launch")?;
    let hardware = catalog.component("satellite-hardware")?;
    let cell = catalog.solar_cell("silicon-leo")?;
    let life_years = satellite.life.0 / sunward_units::JULIAN_YEAR_S;
    let percent = |share: Ratio| share.0 * 100.0;
    Ok(vec![
        given::<Watts>("power", "MW", table.power.0 / 1e6, "power of the computers", STARCLOUD),
        given::<Ratio>("years", "", f64::from(table.years), "time to run, years of 8,760 h", STARCLOUD),
        listed("launch_price", "USD/kg", &launcher.price, "launch price"),
        given::<WattsPerKilogram>(
            "specific_power",
            "W/kg",
            orbital.specific_power.0,
            "array when new over mass of a satellite",
            MCCALIP,
        ),
        given::<Watts>(
            "satellite_power",
            "kW",
            orbital.satellite_power.0 / 1e3,
            "array of one satellite when new",
            MCCALIP,
        ),
        listed("satellite_price", "USD/W", &hardware.price, "satellite without computers, per watt of its array"),
        given::<Ratio>("satellite_life", "yr", life_years, "life of a satellite", "arXiv:2511.19468, table 1"),
        given::<Ratio>("sun_fraction", "", orbital.sun_fraction.0, "share of time in sunlight", MCCALIP),
        listed("degradation", "%/yr", &cell.degradation, "power that an array loses each year"),
        given::<Ratio>(
            "failure",
            "%/yr",
            percent(orbital.accelerator_failure),
            "computers that fail each year",
            MCCALIP,
        ),
        given::<Ratio>(
            "operations",
            "%/yr",
            100.0 * mccalip::OPERATIONS_SHARE,
            "running cost over the price of the satellites",
            MCCALIP,
        ),
        given::<Usd>("development", "MUSD", orbital.development.0 / 1e6, "paid once", MCCALIP),
        given::<Ratio>(
            "overhead",
            "",
            1.25,
            "power of a satellite over power of its computers",
            "arXiv:2604.27197, abstract",
        ),
        given::<Kilograms>(
            "shielding",
            "kg/kW",
            1e3 / table.shielded_power.0,
            "shielding per power of the computers",
            STARCLOUD,
        ),
        given::<Meters>("altitude", "km", 550.0, "height of the orbit", MCCALIP),
        given::<Ratio>(
            "local_time",
            "h",
            6.0,
            "mean local time of the ascending node; 6 is dawn-dusk",
            "all models: a dawn-dusk orbit",
        ),
    ])
}

fn ground(catalog: &Catalog) -> Result<Vec<CommonInput>, CatalogError> {
    let (campus, table) = (mccalip::Ground::default(), starcloud::Table::default());
    let hall = ["hall-electrical", "hall-mechanical", "hall-civil", "hall-network"];
    let hall = hall.into_iter().map(|part| Ok(catalog.component(part)?.price.value.0)).sum::<Result<f64, _>>()?;
    let tariff = catalog.tariff("us-industrial")?;
    let backup = catalog.component("starcloud-paper-backup")?;
    let defaults = catalog.cost_defaults()?;
    let turbines = catalog.fuel("natural-gas")?;
    Ok(vec![
        given::<Ratio>(
            "capacity_factor",
            "",
            campus.capacity_factor.0,
            "share of time at full power, on the ground",
            MCCALIP,
        ),
        listed("tariff", "USD/kWh", &tariff.price, "electricity on the ground"),
        given::<Ratio>("pue", "", campus.pue.0, "power of the ground site over power of its computers", MCCALIP),
        given::<KilogramsPerJoule>(
            "water",
            "kg/kWh",
            table.water.0 * 3.6e6,
            "water per energy of the computers",
            STARCLOUD,
        ),
        listed("water_price", "USD/kg", &defaults.water_price, "water at the meter"),
        listed("backup_price", "USD/W", &backup.price, "backup power per watt of computers"),
        given::<UsdPerWatt>("hall_price", "USD/W", hall, "building, electrical and cooling plant, network", MCCALIP),
        listed("hall_life", "yr", &defaults.hall_life, "life of building and plant"),
        listed("turbine_price", "USD/W", &turbines.plant_price, "gas turbines per watt generated"),
        given::<Ratio>("gas_price", "USD/MMBtu", campus.gas_price_usd_per_mmbtu, "gas", MCCALIP),
        given::<Ratio>("heat_rate", "BTU/kWh", campus.heat_rate_btu_per_kwh, "gas per electricity", MCCALIP),
    ])
}
