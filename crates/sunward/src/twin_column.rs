//! The coupled twin as one more model of a comparison: two missions built from the common inputs are flown, a few satellites through
//! their life and a hall through a year, and their ledgers become a column.
//!
//! What other models take as a constant comes out of the flight: sunlight from the orbit, the array's output from its heat and age, the
//! computers' share of it from regulators, bus and battery, their clock from the radiator, failures from their rate.

use indicatif::{ProgressBar, ProgressStyle};
use sunward::{Catalog, Control, Outcome};
use sunward_catalog::{CatalogError, Platform};
use sunward_cost::comparison::{Account, Assumed, Column, Common, Fleet, Term};
use sunward_sim::SimError;
use sunward_sim::summary::{Money, Summary};
use sunward_units::{JULIAN_YEAR_S, Joules, Kilograms, Seconds, SquareMeters, Usd, Watts, significant};

/// Why the twin has no column.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TwinError {
    #[error("a satellite of {power} feeds no accelerator of {needed}")]
    TooSmall { power: Watts, needed: Watts },
    #[error("the mission of these inputs has faults: {faults}")]
    Mission { faults: String },
    #[error("the catalog lacks what the twin is built from")]
    Catalog {
        #[from]
        source: CatalogError,
    },
    #[error("the twin does not come to its end")]
    Flight {
        #[from]
        source: SimError,
    },
}

/// Accelerators that stand for the computers, hosts left out.
const ACCELERATOR: &str = "h100-sxm";
/// Platform whose proportions the satellites have, at the heat that it is built to reject.
const PLATFORM: &str = "datacenter-satellite-100kw";
const PLATFORM_COMPUTERS: Watts = Watts(120e3);
/// Cells of its array.
const CELL: &str = "silicon-leo";
/// Satellites that are flown and stand for all: their failures differ, the rest is the same.
const FLOWN: u32 = 4;
/// Computers of the hall that is flown and stands for all.
const HALL: Watts = Watts(1e6);
const DAY_S: f64 = 86_400.0;

/// The twin's column.
///
/// # Errors
/// Inputs of which no mission can be made, or a flight that fails.
pub(crate) fn column(common: &Common) -> Result<Column, TwinError> {
    let catalog = Catalog::builtin();
    let design = Design::of(&catalog, common)?;
    let flight = fly(&design.mission(catalog.platform(PLATFORM)?, common), "the twin's satellites")?.summary;
    let hall = fly(&hall_mission(&catalog, common)?, "the twin's hall")?.summary;
    let satellites = Satellites::of(common, &design, &flight);
    Ok(Column {
        model: "twin".to_owned(),
        orbit: satellites.account(common, &design, &flight),
        ground: ground(common, &hall),
        takes: vec![
            "power",
            "years",
            "launch_price",
            "specific_power",
            "satellite_power",
            "satellite_price",
            "satellite_life",
            "degradation",
            "failure",
            "operations",
            "development",
            "altitude",
            "local_time",
            "tariff",
            "pue",
            "water",
            "water_price",
            "hall_price",
            "hall_life",
        ],
        assumes: assumed(&flight, &hall),
        fleet: Fleet {
            satellites: Some(satellites.count),
            installed: Some(common.satellite_power * satellites.count),
            mass: Some(design.mass * satellites.count),
            array: Some(design.array * satellites.count),
            radiator: Some(design.radiator * satellites.count),
        },
        published: [None, None],
    })
}

fn money(summary: &Summary) -> &Money {
    summary.money.as_ref().expect("the twin's missions keep a ledger")
}

fn percent(share: f64) -> String {
    format!("{} %", significant(100.0 * share, 3))
}

/// One satellite, sized by the common inputs.
struct Design {
    accelerators: u32,
    /// Times the platform.
    scale: f64,
    array: SquareMeters,
    radiator: SquareMeters,
    mass: Kilograms,
    /// Time flown: the life, but not longer than the years.
    flown: Seconds,
}

impl Design {
    fn of(catalog: &Catalog, common: &Common) -> Result<Self, TwinError> {
        let needed = drawn_by_one(catalog)?;
        let power = common.satellite_power;
        let accelerators = (power / needed).floor();
        if accelerators < 1.0 {
            return Err(TwinError::TooSmall { power, needed });
        }
        let sun = catalog.earth()?.solar_irradiance.value;
        let scale = power / PLATFORM_COMPUTERS;
        Ok(Self {
            accelerators: accelerators as u32,
            scale,
            array: power / (sun * catalog.solar_cell(CELL)?.efficiency.value.0),
            radiator: catalog.platform(PLATFORM)?.thermal.radiator_area.value * scale,
            mass: Kilograms(power.0 / common.specific_power.0),
            flown: Seconds((common.satellite_life.min(common.time()).0 / DAY_S).floor().max(1.0) * DAY_S),
        })
    }

    /// The mission of a few such satellites.
    fn mission(&self, platform: &Platform, common: &Common) -> String {
        let (power, thermal) = (&platform.power, &platform.thermal);
        let hour = common.local_time_h;
        let minute = ((hour - hour.floor()) * 60.0).floor();
        format!(
            r#"{header}
[[site]]
name = "satellite"
platform = "{PLATFORM}"
count = {FLOWN}
orbit.sun_synchronous = {{ altitude = "{altitude} m", local_time = "{hour:02}:{minute:02}" }}
array = {{ cell = "{CELL}", area = "{area} m2" }}
compute = {{ accelerator = "{ACCELERATOR}", count = {accelerators}, host_power = "0 W", host_idle_power = "0 W" }}
mass.dry = "{mass} kg"
battery.energy = "{battery} J"
power = {{ bus_load = "{bus} W", heater_power = "{heater} W" }}

[site.thermal]
radiator_area = "{radiator} m2"
board_heat_capacity = "{board_capacity} J/K"
bus_heat_capacity = "{bus_capacity} J/K"
radiator_heat_capacity = "{radiator_capacity} J/K"
board_to_radiator = "{board_to_radiator} W/K"
board_to_bus = "{board_to_bus} W/K"
bus_to_radiator = "{bus_to_radiator} W/K"
bus_effective_area = "{bus_area} m2"

[site.cost]
power_price = "{price} USD/W"
accelerator_price = "0 USD"
life = "{life} s"
accelerator_life = "{life} s"
operations = "{operations} 1/yr"
launch_price = "{launch} USD/kg"

[[override]]
key = "site[0].array.cell.degradation"
value = "{degradation} 1/yr"

{load}"#,
            header = header(self.flown),
            altitude = common.altitude.0,
            hour = hour.floor(),
            area = self.array.0,
            accelerators = self.accelerators,
            mass = self.mass.0,
            battery = platform.battery.energy.value.0 * self.scale,
            bus = power.bus_load.value.0 * self.scale,
            heater = power.heater_power.value.0 * self.scale,
            radiator = self.radiator.0,
            board_capacity = thermal.board_heat_capacity.value.0 * self.scale,
            bus_capacity = thermal.bus_heat_capacity.value.0 * self.scale,
            radiator_capacity = thermal.radiator_heat_capacity.value.0 * self.scale,
            board_to_radiator = thermal.board_to_radiator.value.0 * self.scale,
            board_to_bus = thermal.board_to_bus.value.0 * self.scale,
            bus_to_radiator = thermal.bus_to_radiator.value.0 * self.scale,
            bus_area = thermal.bus_effective_area.value.0 * self.scale,
            price = common.satellite_price.0,
            life = common.satellite_life.0,
            operations = common.operations.0,
            launch = common.launch_price.0,
            degradation = common.degradation.0,
            load = load(common, self.accelerators),
        )
    }
}

/// What both missions begin with: no interest and launches at one price, as in every other model.
fn header(flown: Seconds) -> String {
    format!(
        r#"[mission]
name = "twin"
start = "2027-01-01T00:00:00Z"
duration = "{} d"
step = "10 min"
seed = 1
planning_interval = "1 d"

[record]
every = 1000

[cost]
price_year = 2026
discount_rate = 0
launch_learning_rate = 0
"#,
        flown.0 / DAY_S
    )
}

/// Work that never ends, on all accelerators, which fail at the common rate.
fn load(common: &Common, accelerators: u32) -> String {
    format!(
        r#"[[override]]
key = "site[0].compute.accelerator.permanent_failure_rate"
value = "{} 1/yr"

[[job]]
name = "load"
kind = "training"
each = true
priority = 5
parameters = 7_000_000_000
tokens_per_step = 4_000_000
steps = 1_000_000_000_000
layers = 32
width = 4096
context = 4096
precision = "bf16"
utilisation = 0.4
checkpoint_interval = "1 h"
accelerators = {accelerators}
"#,
        common.failure.0
    )
}

/// What an accelerator draws at its full clock under the load, which computes and hardly streams its memory.
fn drawn_by_one(catalog: &Catalog) -> Result<Watts, TwinError> {
    let part = catalog.accelerator(ACCELERATOR)?;
    let (idle, full) = (part.idle_power.value, part.power.value);
    Ok(idle + (full - idle) * (1.0 - part.memory_power_share.value.0))
}

fn hall_mission(catalog: &Catalog, common: &Common) -> Result<String, TwinError> {
    let accelerators = (HALL / drawn_by_one(catalog)?).floor() as u32;
    Ok(format!(
        r#"{header}
[[site]]
name = "hall"
compute = {{ accelerator = "{ACCELERATOR}", count = {accelerators}, host_power = "0 W", host_idle_power = "0 W" }}

[site.ground]
latitude = "41.2 deg"
longitude = "-95.9 deg"
power = "{power} W"
bandwidth = "100 Gbit/s"
power_usage_effectiveness = {pue}
water_usage = "{water} kg/kWh"
electricity_price = "{tariff} USD/kWh"
water_price = "{water_price} USD/kg"

[site.cost]
power_price = "{hall_price} USD/W"
accelerator_price = "0 USD"
life = "{life} s"
replacement_delay = "2 d"

{load}"#,
        header = header(Seconds(365.0 * DAY_S)),
        power = HALL.0 * common.pue.0,
        pue = common.pue.0,
        water = common.water.0 * 3.6e6,
        tariff = common.tariff.0 * 3.6e6,
        water_price = common.water_price.0,
        hall_price = common.hall_price.0,
        life = common.hall_life.0,
        load = load(common, accelerators),
    ))
}

fn fly(mission: &str, what: &str) -> Result<Outcome, TwinError> {
    let world = sunward::read(mission, what).map_err(|faults| TwinError::Mission { faults: faults.to_text() })?;
    let style = ProgressStyle::with_template("{bar:24} {percent:>3}% {elapsed} {msg}").expect("a valid template");
    let bar = ProgressBar::new(world.steps).with_style(style).with_message(format!("flying {what}"));
    let outcome = sunward::fly(&world, &mut |status| {
        bar.set_position(status.step);
        Control::Continue
    });
    bar.finish_and_clear();
    Ok(outcome?)
}

/// How many satellites, and what each gives.
struct Satellites {
    count: f64,
    /// Power of one's computers, mean over its life.
    mean: Watts,
    /// Fleets that the years use up.
    lives: f64,
}

impl Satellites {
    fn of(common: &Common, design: &Design, flight: &Summary) -> Self {
        let mean = Watts(money(flight).energy.0 / design.flown.0 / f64::from(FLOWN));
        let lives = common.time() / common.satellite_life;
        Self { count: (common.power / mean).ceil(), mean, lives }
    }

    fn account(&self, common: &Common, design: &Design, flight: &Summary) -> Account {
        let (money, fleet) = (money(flight), self.count / f64::from(FLOWN));
        // What a fleet costs over the years, at no interest.
        let paid = |name: &str| flown(money, name) * (fleet * (common.time() / design.flown));
        let first = (1.0 / self.lives).min(1.0);
        let [satellites, launch] = ["satellites", "launch"].map(paid);
        let mass = design.mass * self.count;
        let energy = Joules(self.mean.0 * self.count * common.time().0);
        let each = format!("{} satellites of {} at {}", self.count, common.satellite_power, common.satellite_price);
        Account::of(energy)
            .counted(Term::Satellites, satellites * first, format!("{each}: {}", self.yield_of(common, design, flight)))
            .counted(Term::Launch, launch * first, format!("{mass} at {}", common.launch_price))
            .counted(
                Term::Replacement,
                (satellites + launch) * (1.0 - first) + paid("replacement"),
                format!(
                    "{} fleets in {} years, launch included, since a satellite lives {}",
                    significant(self.lives, 3),
                    common.years,
                    years(common.satellite_life)
                ),
            )
            .counted(
                Term::Operations,
                paid("staff"),
                format!("{} a year of the satellites' price", percent(common.operations.0)),
            )
            .counted(Term::Development, common.development, "once, however large the fleet".to_owned())
            .counted(Term::Insurance, paid("insurance"), "catalog's share of what is launched".to_owned())
            .counted(Term::Disposal, paid("disposal"), "catalog's share of the satellites' price".to_owned())
            .absent(&[Term::Shielding], "inside the satellite's mass")
            .absent(&[Term::Links], "no result goes down in this load")
    }

    /// Why a satellite's computers get less than its array's power when new.
    fn yield_of(&self, common: &Common, design: &Design, flight: &Summary) -> String {
        let energy = &flight.energy;
        let (all, failed) = (f64::from(FLOWN * design.accelerators), f64::from(flight.radiation.permanent_faults));
        let nameplate = Joules(common.satellite_power.0 * f64::from(FLOWN) * design.flown.0);
        format!(
            "computers get {} of each on the mean of its life; {} of the time in shadow, the array could give {} of its power when \
             new (shadow, heat, age), {} is drawn, {} of that is lost in conversion and {} goes to the bus; heat slows {} of the \
             working time; {} of the accelerators have failed at the end and stay failed",
            self.mean,
            percent(energy.eclipse.0),
            percent(energy.available / nameplate),
            percent(energy.generated / nameplate),
            percent(energy.losses / energy.generated),
            percent(energy.other_loads / energy.generated),
            percent(flight.heat.throttled.0),
            percent(failed / all),
        )
    }
}

/// Cost of the time flown in a category.
fn flown(money: &Money, name: &str) -> Usd {
    let found = money.of_time_flown.iter().find(|(category, _)| category == name);
    found.unwrap_or_else(|| panic!("the ledger has no category {name}")).1
}

fn ground(common: &Common, hall: &Summary) -> Account {
    let money = money(hall);
    let energy = common.energy();
    let scale = energy / money.energy;
    let paid = |name: &str| flown(money, name) * scale;
    let used = common.tariff * energy;
    let price = significant(common.tariff.0 * 3.6e6, 4);
    let rated = HALL * hall.duration;
    Account::of(energy)
        .counted(
            Term::Building,
            paid("building"),
            format!(
                "{} at {}, {} of a life of {}",
                common.power * (rated / money.energy),
                common.hall_price,
                percent(common.time() / common.hall_life),
                years(common.hall_life)
            ),
        )
        .counted(Term::Electricity, used, format!("{} GWh at {price} USD/kWh", significant(energy.0 / 3.6e12, 4)))
        .counted(Term::Cooling, paid("electricity") - used, format!("PUE {}", common.pue))
        .counted(Term::Water, paid("water"), format!("{} at {}", Kilograms(money.water.0 * scale), common.water_price))
        .counted(Term::Operations, paid("staff"), "catalog's share of the hall's price a year".to_owned())
        .counted(Term::Disposal, paid("disposal"), "catalog's share of the hall's price".to_owned())
        .counted(
            Term::Replacement,
            paid("replacement"),
            "failed accelerators are swapped; computers cost nothing here".to_owned(),
        )
        .absent(&[Term::PowerPlant, Term::Fuel], "fed by a grid")
        .absent(&[Term::Backup], "minutes of battery inside the building; generators left out")
        .absent(&[Term::Insurance], "left out")
}

/// Common inputs that the flight has instead of a constant.
fn assumed(flight: &Summary, hall: &Summary) -> Vec<Assumed> {
    let energy = &flight.energy;
    let overhead = energy.generated / energy.accelerator;
    let busy = money(hall).energy.0 / (HALL.0 * hall.duration.0);
    let has = |input, instead: String| Assumed { input, instead };
    vec![
        has("sun_fraction", format!("{} from the orbit", significant(1.0 - energy.eclipse.0, 4))),
        has("overhead", format!("{} from regulators, bus and battery", significant(overhead, 4))),
        has("shielding", "inside the satellite's mass".to_owned()),
        has("capacity_factor", format!("{} of the computers' power, from failures and repair", significant(busy, 4))),
        has("backup_price", "battery inside the building".to_owned()),
        has("turbine_price", "fed by a grid".to_owned()),
        has("gas_price", "fed by a grid".to_owned()),
    ]
}

fn years(time: Seconds) -> String {
    format!("{} yr", significant(time.0 / JULIAN_YEAR_S, 3))
}
