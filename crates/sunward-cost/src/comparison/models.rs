//! The published models on the common inputs.

use sunward_units::{JULIAN_YEAR_S, Joules, Kilograms, Ratio, Seconds, Usd, UsdPerKilogram, Watts, significant};

use super::{Account, Assumed, Column, Common, Fleet, Term};
use crate::HOURS_PER_YEAR;
use crate::error::CostError;
use crate::models::{mccalip, starcloud, suncatcher, turyshev};

/// Names of the models that [`column`] knows.
pub const MODELS: [&str; 4] = ["mccalip", "starcloud", "suncatcher", "turyshev"];

/// The column of the model of that name, `None` for any other name.
///
/// # Errors
/// Inputs that the model refuses.
#[must_use]
pub fn column(name: &str, common: &Common) -> Option<Result<Column, CostError>> {
    match name {
        "mccalip" => Some(of_mccalip(common)),
        "starcloud" => Some(of_starcloud(common)),
        "suncatcher" => Some(of_suncatcher(common)),
        "turyshev" => Some(of_turyshev(common)),
        _ => None,
    }
}

impl Common {
    /// Energy of computers that always run.
    #[must_use]
    pub fn energy(&self) -> Joules {
        self.power * self.time()
    }

    /// The years, in seconds.
    #[must_use]
    pub fn time(&self) -> Seconds {
        Seconds(f64::from(self.years) * HOURS_PER_YEAR * 3600.0)
    }

    /// Electricity of the computers and of the rest of a ground site that a tariff feeds, as models without a capacity factor
    /// and a plant have it.
    fn grid(&self) -> Account {
        let energy = self.energy();
        let used = self.tariff * energy;
        let price = significant(self.tariff.0 * 3.6e6, 4);
        Account::of(energy)
            .counted(Term::Electricity, used, format!("{} at {price} USD/kWh", gigawatt_hours(energy)))
            .counted(
                Term::Cooling,
                used * (self.pue.0 - 1.0),
                format!("PUE {}: {} of the electricity again", self.pue, percent(self.pue.0 - 1.0)),
            )
    }
}

fn percent(share: f64) -> String {
    format!("{} %", significant(100.0 * share, 3))
}

fn gigawatt_hours(energy: Joules) -> String {
    format!("{} GWh", significant(energy.0 / 3.6e12, 4))
}

fn lacks(inputs: &[(&'static str, &str)]) -> Vec<Assumed> {
    inputs.iter().map(|&(input, instead)| Assumed { input, instead: instead.to_owned() }).collect()
}

fn of_mccalip(common: &Common) -> Result<Column, CostError> {
    let orbital = mccalip::Orbital {
        target: common.power,
        years: common.years,
        launch_price: common.launch_price,
        hardware_price: common.satellite_price,
        specific_power: common.specific_power,
        satellite_power: common.satellite_power,
        sun_fraction: common.sun_fraction,
        degradation: common.degradation,
        accelerator_failure: common.failure,
        development: common.development,
    };
    let out = orbital.evaluate()?;
    let (installed, ageing) = (out.initial_power, out.average_capacity);
    let orbit = Account::of(out.energy)
        .counted(
            Term::Satellites,
            out.hardware,
            format!(
                "{installed} of array for {} (sun {}, ageing {ageing}) at {}",
                common.power, common.sun_fraction, common.satellite_price
            ),
        )
        .counted(
            Term::Launch,
            out.launch,
            format!("{} at {}, once: satellites last all years", out.mass, common.launch_price),
        )
        .counted(
            Term::Replacement,
            out.accelerators,
            format!(
                "{} a year of the satellites' price for computers; their launch is free",
                percent(common.failure.0)
            ),
        )
        .counted(
            Term::Operations,
            out.operations,
            format!("{} a year of the satellites' price", percent(mccalip::OPERATIONS_SHARE)),
        )
        .counted(Term::Development, out.development, "once, however large the fleet".to_owned())
        .absent(&[Term::Shielding], "inside the satellite's mass")
        .absent(&[Term::Links, Term::Insurance, Term::Disposal], "left out");
    let fleet = Fleet {
        satellites: Some(out.satellites),
        installed: Some(installed),
        mass: Some(out.mass),
        array: Some(out.array),
        radiator: None,
    };
    let default = mccalip::Orbital::default().evaluate()?;
    let default_campus = mccalip::Ground::default().evaluate()?;
    Ok(Column {
        model: "mccalip".to_owned(),
        orbit,
        ground: mccalip_ground(common)?,
        takes: vec![
            "power",
            "years",
            "launch_price",
            "specific_power",
            "satellite_power",
            "satellite_price",
            "sun_fraction",
            "degradation",
            "failure",
            "development",
            "capacity_factor",
            "pue",
            "hall_price",
            "turbine_price",
            "gas_price",
            "heat_rate",
        ],
        assumes: lacks(&[
            ("satellite_life", "satellites last all years"),
            ("operations", "1 %/yr, always"),
            ("overhead", "1: all of the array's power is the computers'"),
            ("shielding", "none apart"),
            ("altitude", "550 km, for the heat balance only"),
            ("tariff", "gas on site"),
            ("water", "none"),
            ("backup_price", "none"),
        ]),
        fleet,
        published: [
            Some(mccalip::usd_per_mwh(default.total, default.energy)),
            Some(mccalip::usd_per_mwh(default_campus.total, default_campus.energy)),
        ],
    })
}

fn mccalip_ground(common: &Common) -> Result<Account, CostError> {
    // The model adds four prices of the hall; the common input is their sum.
    let nothing = sunward_catalog::UsdPerWatt(0.0);
    let campus = mccalip::Ground {
        target: common.power,
        years: common.years,
        turbine_price: common.turbine_price,
        electrical_price: common.hall_price,
        mechanical_price: nothing,
        civil_price: nothing,
        network_price: nothing,
        pue: common.pue,
        gas_price_usd_per_mmbtu: common.gas_price_usd_per_mmbtu,
        heat_rate_btu_per_kwh: common.heat_rate_btu_per_kwh,
        capacity_factor: common.capacity_factor,
    };
    let out = campus.evaluate()?;
    let (capacity, price) = (common.capacity_factor, significant(out.fuel_usd_per_mwh, 4));
    Ok(Account::of(out.energy)
        .counted(
            Term::Building,
            out.electrical,
            format!("{} at {}, of which the computers use {capacity}", common.power, common.hall_price),
        )
        .counted(
            Term::PowerPlant,
            out.power_plant,
            format!("{} at {}", common.power * common.pue.0, common.turbine_price),
        )
        .counted(
            Term::Fuel,
            out.fuel,
            format!("{} generated, PUE included, at {price} USD/MWh of gas", gigawatt_hours(out.generation)),
        )
        .absent(&[Term::Electricity, Term::Cooling], "generated on site: inside the fuel")
        .absent(&[Term::Operations, Term::Replacement], "the ground neither maintains nor replaces")
        .absent(&[Term::Water, Term::Backup, Term::Insurance, Term::Disposal], "left out"))
}

/// Power that the white paper's one launch of 100 t carries.
const STARCLOUD_LAUNCH: (Watts, Kilograms) = (Watts(40e6), Kilograms(100e3));

fn of_starcloud(common: &Common) -> Result<Column, CostError> {
    let own = starcloud::Table::default();
    let scale = common.power / STARCLOUD_LAUNCH.0;
    let mass = STARCLOUD_LAUNCH.1 * scale;
    let table = starcloud::Table {
        power: common.power,
        years: common.years,
        tariff: common.tariff,
        cooling_share: Ratio(common.pue.0 - 1.0),
        water: common.water,
        backup: Usd(common.backup_price.0 * common.power.0),
        solar_array: own.solar_array * scale,
        launch: common.launch_price * mass,
        shielded_power: common.shielded_power,
        shielding_price: common.launch_price,
    };
    let out = table.evaluate()?;
    let cells = table.solar_array.0 / common.power.0;
    let orbit = Account::of(out.energy)
        .counted(
            Term::Satellites,
            table.solar_array,
            format!(
                "bare cells for {} USD per watt of computers: no bus, no radiator, no structure",
                significant(cells, 2)
            ),
        )
        .counted(
            Term::Launch,
            table.launch,
            format!(
                "{mass} at {}: one launch of 100 t for each 40 MW, {} W/kg",
                common.launch_price,
                significant(common.power.0 / mass.0, 3)
            ),
        )
        .counted(
            Term::Shielding,
            out.shielding,
            format!("{} at {}", Kilograms(common.power.0 / common.shielded_power.0), common.launch_price),
        )
        .absent(&[Term::Replacement], "nothing fails or ages in ten years")
        .absent(&[Term::Operations, Term::Development, Term::Links, Term::Insurance, Term::Disposal], "left out");
    let ground = common
        .grid()
        .counted(Term::Backup, table.backup, format!("{} at {}", common.power, common.backup_price))
        .absent(&[Term::Water], &format!("{} evaporate, priced at nothing", out.ground_water))
        .absent(
            &[Term::Building, Term::PowerPlant, Term::Operations, Term::Replacement],
            "the hall is free on both sides",
        );
    let published = own.evaluate()?;
    let per_mwh = |cost: Usd| Some(cost.0 / (published.energy.0 / 3.6e9));
    Ok(Column {
        model: "starcloud".to_owned(),
        orbit,
        ground,
        takes: vec!["power", "years", "launch_price", "shielding", "tariff", "pue", "water", "backup_price"],
        assumes: lacks(&[
            ("specific_power", "400 W/kg: 100 t for 40 MW"),
            ("satellite_price", "cells for 2 MUSD per 40 MW"),
            ("satellite_power", "one spacecraft"),
            ("satellite_life", "all years"),
            ("sun_fraction", "1 (its text says above 0.95)"),
            ("degradation", "0 (its text says 0.15 %/yr)"),
            ("failure", "none"),
            ("operations", "none"),
            ("development", "none"),
            ("overhead", "1"),
            ("capacity_factor", "1"),
            ("hall_price", "none"),
            ("water_price", "0"),
        ]),
        fleet: Fleet { mass: Some(mass), ..Fleet::default() },
        published: [per_mwh(published.orbit_total), per_mwh(published.ground_total)],
    })
}

fn of_suncatcher(common: &Common) -> Result<Column, CostError> {
    let satellite = suncatcher::Satellite {
        name: "common",
        mass: Kilograms(common.satellite_power.0 / common.specific_power.0),
        power: common.satellite_power,
        life: common.satellite_life,
    };
    let price = suncatcher::launched_power_price(&satellite, common.launch_price)?;
    let lives = common.time() / common.satellite_life;
    let mass = Kilograms(common.power.0 / common.specific_power.0);
    let energy = common.energy();
    let orbit = Account::of(energy)
        .counted(
            Term::Launch,
            Usd(price.0 * common.power.0 * common.time().0),
            format!(
                "{mass} at {}, spread over a life of {}: {} launches of it in {} years",
                common.launch_price,
                years(common.satellite_life),
                significant(lives, 3),
                common.years
            ),
        )
        .absent(&[Term::Satellites], "launch alone is compared with the ground's electricity")
        .absent(&[Term::Replacement], "inside the launch, which each life pays again")
        .absent(&[Term::Shielding], "inside the satellite's mass")
        .absent(&[Term::Operations, Term::Development, Term::Links, Term::Insurance, Term::Disposal], "left out");
    let ground = common
        .grid()
        .absent(&[Term::Building, Term::PowerPlant], "launched power stands against electricity alone")
        .absent(&[Term::Water, Term::Backup, Term::Operations, Term::Replacement], "left out");
    let per_mwh = |price: f64| price * 3.6e9;
    let own = suncatcher::launched_power_price(&suncatcher::SATELLITES[0], UsdPerKilogram(200.0))?;
    let ground_low = suncatcher::electricity_price(sunward_units::UsdPerJoule(0.06 / 3.6e6), Ratio(1.09))?;
    Ok(Column {
        model: "suncatcher".to_owned(),
        orbit,
        ground,
        takes: vec![
            "power",
            "years",
            "launch_price",
            "specific_power",
            "satellite_power",
            "satellite_life",
            "tariff",
            "pue",
        ],
        assumes: lacks(&[
            ("satellite_price", "none"),
            ("sun_fraction", "1: array in full sun"),
            ("degradation", "0: array when new"),
            ("failure", "none within the life"),
            ("operations", "none"),
            ("development", "none"),
            ("overhead", "1"),
            ("capacity_factor", "1"),
            ("hall_price", "none"),
            ("water", "none"),
            ("backup_price", "none"),
        ]),
        fleet: Fleet {
            satellites: Some(common.power / common.satellite_power),
            installed: Some(common.power),
            mass: Some(mass),
            ..Fleet::default()
        },
        published: [
            Some(per_mwh(own.0 * JULIAN_YEAR_S / (HOURS_PER_YEAR * 3600.0))),
            Some(per_mwh(ground_low.0 * JULIAN_YEAR_S / (HOURS_PER_YEAR * 3600.0))),
        ],
    })
}

/// Efficiency at which the abstract's 5.64e3 m2 feed 1 MW with an overhead of 1.25.
const TURYSHEV_ARRAY_EFFICIENCY: Ratio = Ratio(0.1628);

fn of_turyshev(common: &Common) -> Result<Column, CostError> {
    let bus = common.power * common.overhead.0;
    let build = UsdPerKilogram(common.satellite_price.0 * common.specific_power.0);
    // Power of computers per launched mass: the overhead is launched too.
    let specific_power = sunward_catalog::WattsPerKilogram(common.specific_power.0 / common.overhead.0);
    let mass = Kilograms(common.power.0 / specific_power.0);
    let energy = common.energy();
    let running = build * mass * (common.operations.0 * f64::from(common.years));
    let orbit = Account::of(energy)
        .counted(
            Term::Satellites,
            build * mass,
            format!("B m: {mass} at {build}, for {bus} with the overhead of {}", common.overhead),
        )
        .counted(Term::Launch, common.launch_price * mass, format!("L m: {mass} at {}", common.launch_price))
        .counted(
            Term::Operations,
            running,
            format!("C_ops: not in the abstract; {} a year of the satellites' price", percent(common.operations.0)),
        )
        .absent(&[Term::Links], "C_link: a term of the condition, without a figure in the abstract")
        .absent(&[Term::Replacement], "inside C_ops, without a figure in the abstract")
        .absent(&[Term::Shielding], "inside m")
        .absent(&[Term::Development, Term::Insurance, Term::Disposal], "left out");
    let hall = Usd(common.hall_price.0 * common.power.0);
    let ground = common
        .grid()
        .counted(Term::Building, hall, format!("C_terr: {} at {}", common.power, common.hall_price))
        .absent(
            &[Term::PowerPlant, Term::Operations, Term::Replacement],
            "inside C_terr, 10 to 40 kUSD/kW in the abstract",
        )
        .absent(&[Term::Water, Term::Backup], "inside C_terr, 10 to 40 kUSD/kW in the abstract");
    let sun = sunward_units::WattsPerSquareMeter(1361.0);
    let radiator = turyshev::Radiator::default().area(common.power, common.overhead)?;
    Ok(Column {
        model: "turyshev".to_owned(),
        orbit,
        ground,
        takes: vec![
            "power",
            "years",
            "launch_price",
            "specific_power",
            "satellite_price",
            "operations",
            "overhead",
            "tariff",
            "pue",
            "hall_price",
        ],
        assumes: lacks(&[
            ("satellite_power", "any"),
            ("satellite_life", "all years"),
            ("sun_fraction", "inside the array's 5.64e3 m2/MW"),
            ("degradation", "inside the array's 5.64e3 m2/MW; not in the mass"),
            ("failure", "none"),
            ("development", "none"),
            ("shielding", "none apart"),
            ("capacity_factor", "1"),
            ("water", "none"),
            ("backup_price", "none"),
        ]),
        fleet: Fleet {
            satellites: None,
            installed: Some(bus),
            mass: Some(mass),
            array: Some(turyshev::array_area(common.power, common.overhead, TURYSHEV_ARRAY_EFFICIENCY, sun)?),
            radiator: Some(radiator),
        },
        published: [None, None],
    })
}

fn years(time: Seconds) -> String {
    format!("{} yr", significant(time.0 / JULIAN_YEAR_S, 3))
}
