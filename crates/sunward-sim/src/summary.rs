//! The numbers people compare, folded from a [`Record`](crate::record::Record) and the run's running totals.

use serde::Serialize;
use sunward_units::{Bits, Flops, Grays, Joules, Kelvin, Kilograms, Ratio, Seconds, Usd};

use crate::record::{DefenceOutcome, Header, JobOutcome};

/// What came out of a mission. Written as `summary.json`.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// Where the run came from.
    pub header: Header,
    /// Mission time flown.
    pub duration: Seconds,
    /// Number of units, those that others stand for included.
    pub sites: u32,
    /// Mass of all sites as launched.
    pub launched: Kilograms,
    /// AI work done.
    pub work: Work,
    /// Energy drawn, used and lost.
    pub energy: Energy,
    /// Temperatures and throttling.
    pub heat: Heat,
    /// Contacts and data.
    pub data: Data,
    /// Dose and what it did.
    pub radiation: Radiation,
    /// What it cost; `None` where no ledger is kept.
    pub money: Option<Money>,
    /// What bound the work, as shares of site-time that sum to 1, in the order of `Bound::ALL`.
    pub bound: Vec<(String, Ratio)>,
    /// Relative residuals of the balances asserted every step (largest seen).
    pub balance: Balance,
    /// What the defences of all jobs did and cost; `None` where no job has any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub defences: Option<DefenceOutcome>,
    /// One outcome a job, without its series.
    pub jobs: Vec<JobOutcome>,
    /// What the models of this run leave out.
    pub not_modelled: Vec<String>,
}

/// AI work.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Work {
    /// Useful work computed.
    pub computed: Flops,
    /// Useful work whose result reached the ground.
    pub delivered: Flops,
    /// Work thrown away by roll-backs.
    pub lost: Flops,
    /// Training tokens computed and delivered.
    pub tokens: f64,
    /// Served requests delivered.
    pub requests: f64,
    /// Images whose result was delivered.
    pub images: f64,
    /// Share of site-time in which the accelerators did useful work.
    pub availability: Ratio,
    /// Mean clock over the boost clock while working.
    pub clock_mean: Ratio,
    /// Jobs by state: delivered, computed, running, waiting.
    pub jobs_delivered: u32,
    /// Jobs computed, not delivered.
    pub jobs_computed: u32,
    /// Jobs begun.
    pub jobs_running: u32,
    /// Jobs not begun.
    pub jobs_waiting: u32,
    /// Training jobs whose result was not on the ground at their deadline.
    pub deadlines_missed: u32,
}

/// Energy over the run, all sites.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Energy {
    /// What the arrays could have given.
    pub available: Joules,
    /// What was drawn from them.
    pub generated: Joules,
    /// Drawn by accelerators.
    pub accelerator: Joules,
    /// Drawn by hosts, bus, radios and heaters.
    pub other_loads: Joules,
    /// Lost in regulators, distribution and batteries.
    pub losses: Joules,
    /// Change of stored energy.
    pub stored: Joules,
    /// Lowest state of charge.
    pub state_of_charge_min: Ratio,
    /// Equivalent full battery cycles.
    pub cycles: f64,
    /// Battery capacity left over the capacity when new.
    pub battery_health: Ratio,
    /// Share of time in eclipse (penumbra weighted).
    pub eclipse: Ratio,
    /// Energy per useful work.
    pub per_work: Option<Joules>,
}

/// Heat over the run.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Heat {
    /// Hottest chip.
    pub chip_max: Kelvin,
    /// Hottest board.
    pub board_max: Kelvin,
    /// Hottest radiator.
    pub radiator_max: Kelvin,
    /// Coldest bus.
    pub bus_min: Kelvin,
    /// Heat radiated to space.
    pub radiated: Joules,
    /// Heat absorbed from Sun and Earth by the radiator.
    pub absorbed: Joules,
    /// Share of working time with a clock lowered by temperature.
    pub throttled: Ratio,
}

/// Data over the run.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Data {
    /// Passes over stations.
    pub contacts: u32,
    /// Passes the scheduler used.
    pub contacts_used: u32,
    /// Time in view of a station, summed over passes.
    pub contact_time: Seconds,
    /// Carried up.
    pub up: Bits,
    /// Carried down.
    pub down: Bits,
    /// Made on board and not yet carried down at the end.
    pub waiting: Bits,
    /// Refused because the store was full.
    pub dropped: Bits,
}

/// Radiation over the run.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Radiation {
    /// Mean absorbed dose of a site.
    pub dose: Grays,
    /// Silent data corruptions.
    pub silent_corruptions: u32,
    /// Uncorrectable memory errors.
    pub memory_errors: u32,
    /// Functional interrupts.
    pub interrupts: u32,
    /// Accelerators lost for good.
    pub permanent_faults: u32,
    /// Roll-backs to a checkpoint.
    pub rollbacks: u32,
    /// Time lost to reboots.
    pub reboot_time: Seconds,
}

/// Money, over all units. All of it is of one price year.
///
/// What a unit of work costs is the cost of the time flown over what was made in it: the price of each lasting part spread over its own
/// life by the capital recovery factor, and what was paid to run.
#[derive(Debug, Clone, Serialize)]
pub struct Money {
    /// Year of whose money it is.
    pub price_year: u32,
    /// Real discount rate a year.
    pub discount_rate: Ratio,
    /// Paid to build.
    pub capital: Usd,
    /// Paid to run.
    pub operating: Usd,
    /// Earned.
    pub revenue: Usd,
    /// Revenue less all that was paid, discounted to the start; no residual value.
    pub net_present_value: Usd,
    /// Paid, by category.
    pub paid: Vec<(String, Usd)>,
    /// Cost of the time flown, by category.
    pub of_time_flown: Vec<(String, Usd)>,
    /// Cost of the time flown.
    pub levelized: Usd,
    /// Energy that reached the computers.
    pub energy: Joules,
    /// Accelerators times the time they worked.
    pub accelerator_time: Seconds,
    /// Cost per megawatt-hour that reached the computers.
    pub usd_per_mwh: Option<f64>,
    /// The same without the price of the accelerators, first and replaced: what it costs to feed, cool and house them.
    pub usd_per_mwh_without_accelerators: Option<f64>,
    /// Cost per 10^15 FLOP/s of useful work kept up for a day.
    pub usd_per_pflop_day: Option<f64>,
    /// Cost per hour of one accelerator at work.
    pub usd_per_gpu_hour: Option<f64>,
    /// Cost per million tokens trained.
    pub usd_per_mtoken: Option<f64>,
    /// Cost per image delivered.
    pub usd_per_image: Option<f64>,
    /// Cost per request answered.
    pub usd_per_request: Option<f64>,
    /// Carbon dioxide of electricity, fuel and launches; making the hardware left out.
    pub carbon: Kilograms,
    /// Water evaporated, a litre taken as a kilogram.
    pub water: Kilograms,
}

/// Largest relative residuals of the balances; data is counted in whole bits and closes exactly.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Balance {
    /// Energy on the bus.
    pub energy: f64,
    /// Heat of the nodes.
    pub heat: f64,
}
