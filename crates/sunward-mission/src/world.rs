//! The world a mission compiles to: immutable, everything looked up; nothing is parsed or chosen after this point.
//!
//! A design is stated once; the satellites that share it are rows of [`World::sites`].

use serde::Serialize;
use sunward_astro::batch::{BatchSgp4, Failure};
use sunward_astro::elements::Elements;
use sunward_astro::ephemeris::{Ephemeris, Grid};
use sunward_astro::frames::Geodetic;
use sunward_astro::mean::MeanOrbit;
use sunward_astro::station::Station as Mast;
use sunward_astro::time::{Instant, Span};
use sunward_catalog::{KilogramsPerJoule, KilogramsPerSecond, UsdPerSecond, UsdPerWatt};
use sunward_link::RadioLink;
use sunward_units::{
    Bits, BitsPerSecond, FlopsPerSecond, Joules, JoulesPerKelvin, Kelvin, Kilograms, Meters, PerKelvin, PerSecond,
    Radians, Ratio, Seconds, SquareMeters, Usd, UsdPerJoule, UsdPerKilogram, Watts, WattsPerKelvin,
    WattsPerSquareMeter,
};
use sunward_work::defence::{Defences, ServingDefences};
use sunward_work::demand::Demand;

use crate::keys::{CorpusKind, Pointing, RadiatorOrientation, WeightForm};

/// Everything a run needs.
#[derive(Debug, Clone)]
pub struct World {
    /// Mission name.
    pub name: String,
    /// Content hash of the mission.
    pub mission_hash: String,
    /// Content hash of the catalog.
    pub catalog_hash: String,
    /// Seed of every random stream.
    pub seed: u64,
    /// First instant.
    pub start: Instant,
    /// Step.
    pub step: Span,
    /// Number of steps.
    pub steps: u64,
    /// Steps between two plans of the scheduler.
    pub planning_steps: u64,
    /// Irradiance of the Sun at one astronomical unit.
    pub solar_irradiance: WattsPerSquareMeter,
    /// Share of sunlight that the Earth reflects.
    pub albedo: Ratio,
    /// Flux that the Earth emits, at its surface.
    pub earth_infrared: WattsPerSquareMeter,
    /// Factor on every upset rate.
    pub upset_multiplier: Ratio,
    /// Designs, `[design]`.
    pub designs: Vec<Design>,
    /// Satellites, `[site]`.
    pub sites: Vec<Site>,
    /// Ground stations, `[station]`.
    pub stations: Vec<Station>,
    /// Links of every design with every station, `[design][station]`.
    pub links: Vec<Vec<Links>>,
    /// Jobs, `[job]`.
    pub jobs: Vec<Job>,
    /// Steps in a row of the record.
    pub record_every: u64,
    /// Sites recorded in full, in order.
    pub recorded: Vec<u32>,
    /// Prices; `None` where no ledger is kept.
    pub prices: Option<Prices>,
    /// Where every resolved value came from.
    pub assumptions: Vec<Assumption>,
}

/// One unit of a design: a satellite or a hall.
#[derive(Debug, Clone)]
pub struct Site {
    /// Name.
    pub name: String,
    /// Index into [`World::designs`].
    pub design: u32,
    /// Where it is.
    pub place: Place,
    /// How many units it stands for, itself included.
    pub stands_for: u32,
}

/// Where a site is.
#[derive(Debug, Clone)]
pub enum Place {
    /// On an orbit.
    Orbit(Orbit),
    /// On the ground.
    Ground(Geodetic),
}

/// How a satellite's place is found.
#[derive(Debug, Clone)]
pub enum Orbit {
    /// SGP4 from published elements.
    Sgp4(Box<Elements>),
    /// Mean elements with secular J2 rates.
    Mean(MeanOrbit),
}

impl Orbit {
    /// Positions and velocities on a grid, TEME.
    ///
    /// # Errors
    /// Where SGP4 gives no state.
    pub fn propagate(&self, grid: Grid) -> Result<Ephemeris, Failure> {
        match self {
            Self::Mean(mean) => Ok(mean.propagate(grid)),
            Self::Sgp4(elements) => {
                let alone =
                    BatchSgp4::new(std::slice::from_ref(elements)).map_err(|mut failures| failures.remove(0))?;
                Ephemeris::by_sgp4(&alone, 0, grid)
            }
        }
    }
}

/// Machinery that one or many units share.
///
/// A hall has no cells, no radiating area and no transmitter: its power comes from [`Design::supply`], its heat goes to a coolant.
#[derive(Debug, Clone, PartialEq)]
pub struct Design {
    /// Power from a grid or a plant on site; `None` in space.
    pub supply: Option<Supply>,
    /// What a unit costs, where a ledger is kept.
    pub cost: Option<UnitCost>,
    /// Solar array.
    pub array: Array,
    /// Battery.
    pub battery: Battery,
    /// Regulation and loads.
    pub power: Power,
    /// Heat network.
    pub thermal: Thermal,
    /// Aluminium around the electronics.
    pub shielding: Meters,
    /// Accelerators and host.
    pub compute: Compute,
    /// Mass without propellant.
    pub dry_mass: Kilograms,
    /// Power the transmitter draws from the bus while on.
    pub transmitter_draw: Watts,
    /// Radio power it sends out.
    pub transmit_power: Watts,
}

/// Electricity and cooling of a hall on the ground.
///
/// What the facility takes beyond its computers is the loss between meter and bus: `meter = bus * overhead`.
#[derive(Debug, Clone, PartialEq)]
pub struct Supply {
    /// Power that can be drawn at the meter.
    pub capacity: Watts,
    /// Energy of the hall over energy of its computers (PUE).
    pub overhead: Ratio,
    /// Water per energy of the computers.
    pub water_usage: KilogramsPerJoule,
    /// Conductance from the water loop to the coolant.
    pub coolant_conductance: WattsPerKelvin,
    /// Temperature of the coolant.
    pub coolant: Kelvin,
    /// Price of energy at the meter, of fuel where a plant burns it; `None` where no ledger is kept.
    pub energy_price: Option<UsdPerJoule>,
    /// Carbon dioxide per energy at the meter.
    pub carbon: KilogramsPerJoule,
    /// Price of the plant on site per watt at the meter; `None` on a grid.
    pub plant_price: Option<UsdPerWatt>,
    /// Price of water.
    pub water_price: UsdPerKilogram,
}

/// What a unit costs and what becomes of it.
#[derive(Debug, Clone, PartialEq)]
pub struct UnitCost {
    /// One unit without its accelerators.
    pub unit: Usd,
    /// One accelerator.
    pub accelerator: Usd,
    /// Share of the unit's price lost with each doubling of the number built.
    pub learning_rate: Ratio,
    /// Life of the unit; of a satellite no longer than that of its accelerators.
    pub life: Seconds,
    /// Life of its accelerators; of a satellite's no longer than its own.
    pub accelerator_life: Seconds,
    /// Running cost per time over the price of the unit.
    pub operations: PerSecond,
    /// Insurance over the value launched.
    pub insurance: Ratio,
    /// Cost of taking it down over its price.
    pub disposal: Ratio,
    /// What becomes of failed accelerators; `None` where they stay failed.
    pub replacement: Option<Replacement>,
    /// What launching costs; `None` on the ground.
    pub launch: Option<Launch>,
}

/// What launching costs at the start of the run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Launch {
    /// Price.
    pub price: UsdPerKilogram,
    /// Mass ever launched at that price.
    pub cumulative: Kilograms,
}

/// What becomes of failed accelerators.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Replacement {
    /// From a failure to its replacement at work.
    pub delay: Seconds,
    /// Share of working accelerators below which a satellite is replaced whole.
    pub below: Ratio,
}

/// Prices and the value of time.
#[derive(Debug, Clone, PartialEq)]
pub struct Prices {
    /// Year of whose money all prices are.
    pub year: u32,
    /// Real discount rate a year.
    pub discount_rate: Ratio,
    /// Share of the launch price that each doubling of the mass ever launched takes off.
    pub launch_learning_rate: Ratio,
    /// Mass that all others launch per time.
    pub launch_market: KilogramsPerSecond,
    /// Carbon dioxide of launching over the mass launched.
    pub launch_carbon: Ratio,
    /// Antenna time.
    pub contact: UsdPerSecond,
    /// Engineering, paid once.
    pub development: Usd,
    /// People.
    pub staff: UsdPerSecond,
    /// An accelerator at work, hired out.
    pub hire: Option<UsdPerSecond>,
}

/// Solar array.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Area of the cells.
    pub area: SquareMeters,
    /// Output when new, square to the Sun at one astronomical unit, at 28 degC.
    pub rated_power: Watts,
    /// Efficiency at 28 degC when new.
    pub efficiency_new: Ratio,
    /// How it is turned.
    pub pointing: Pointing,
    /// Angle between its normal and its aim.
    pub pointing_error: Radians,
    /// Efficiency at 28 degC at the start of the run, ageing included.
    pub efficiency: Ratio,
    /// Relative change of efficiency per kelvin.
    pub temperature_coefficient: PerKelvin,
    /// Share of output lost per second, compounding.
    pub degradation: PerSecond,
    /// Solar absorptance.
    pub absorptance: Ratio,
    /// Infrared emissivity of the front.
    pub emissivity_front: Ratio,
    /// Infrared emissivity of the back.
    pub emissivity_back: Ratio,
    /// Heat capacity of the whole array.
    pub heat_capacity: JoulesPerKelvin,
}

/// Battery.
#[derive(Debug, Clone, PartialEq)]
pub struct Battery {
    /// Energy when new.
    pub energy: Joules,
    /// Share of the new energy it can hold at the start of the run.
    pub health: Ratio,
    /// Share of its present capacity that may be drawn by other than essential loads.
    pub depth_of_discharge_max: Ratio,
    /// Stored share of the present capacity at the start.
    pub state_of_charge: Ratio,
    /// Greatest charge power over the energy when new.
    pub charge_rate_max: PerSecond,
    /// Greatest discharge power over the energy when new.
    pub discharge_rate_max: PerSecond,
    /// Energy stored over energy put in.
    pub charge_efficiency: Ratio,
    /// Energy delivered over energy taken out.
    pub discharge_efficiency: Ratio,
    /// Share of capacity lost per second at rest.
    pub calendar_fade: PerSecond,
    /// Share of capacity lost per equivalent full cycle at this design's greatest depth.
    pub cycle_fade: Ratio,
    /// Bus temperature below which it must not be charged.
    pub charge_temperature_min: Kelvin,
}

/// Regulation and loads.
#[derive(Debug, Clone, PartialEq)]
pub struct Power {
    /// From the array to the bus.
    pub array_regulator: Ratio,
    /// Into the battery, and again out of it.
    pub battery_regulator: Ratio,
    /// From the bus to the loads.
    pub distribution: Ratio,
    /// Essential load.
    pub bus_load: Watts,
    /// Survival heater.
    pub heater_power: Watts,
    /// Bus temperature below which the heater is on.
    pub heater_setpoint: Kelvin,
}

/// Heat network.
#[derive(Debug, Clone, PartialEq)]
pub struct Thermal {
    /// Area of the radiator's panel.
    pub radiator_area: SquareMeters,
    /// Faces that radiate.
    pub radiator_faces: u32,
    /// How it is turned.
    pub radiator_orientation: RadiatorOrientation,
    /// Infrared emissivity.
    pub emissivity: Ratio,
    /// Solar absorptance.
    pub absorptance: Ratio,
    /// Board and cold plate.
    pub board_heat_capacity: JoulesPerKelvin,
    /// Body.
    pub bus_heat_capacity: JoulesPerKelvin,
    /// Radiator.
    pub radiator_heat_capacity: JoulesPerKelvin,
    /// Board to radiator.
    pub board_to_radiator: WattsPerKelvin,
    /// Board to bus.
    pub board_to_bus: WattsPerKelvin,
    /// Bus to radiator.
    pub bus_to_radiator: WattsPerKelvin,
    /// Area through which the bus exchanges heat with space.
    pub bus_effective_area: SquareMeters,
    /// Effective emissivity of its insulation.
    pub bus_effective_emissivity: Ratio,
    /// Temperature of every node at the start.
    pub initial_temperature: Kelvin,
}

/// Accelerators of one site and their host.
#[derive(Debug, Clone, PartialEq)]
pub struct Compute {
    /// Accelerator, by catalog name.
    pub accelerator: String,
    /// How many.
    pub count: u32,
    /// Peak memory bandwidth of one.
    pub bandwidth: BitsPerSecond,
    /// Memory of one.
    pub memory: Bits,
    /// Power of one at full load.
    pub power: Watts,
    /// Idle power of one.
    pub idle_power: Watts,
    /// Share of dynamic power that memory takes.
    pub memory_power_share: Ratio,
    /// Lowest clock over boost clock.
    pub clock_floor: Ratio,
    /// Voltage at the lowest clock over that at boost clock.
    pub voltage_floor: Ratio,
    /// Chip temperature the governor holds.
    pub throttle_temperature: Kelvin,
    /// Chip temperature at which the part switches off.
    pub shutdown_temperature: Kelvin,
    /// Heat capacity of one chip.
    pub chip_heat_capacity: JoulesPerKelvin,
    /// Conductance from one chip to its board.
    pub chip_to_board: WattsPerKelvin,
    /// Permanent failures per second and part.
    pub failure_rate: PerSecond,
    /// From a hang to running work again.
    pub reboot_time: Seconds,
    /// Whether single bit flips in memory are corrected.
    pub memory_corrected: bool,
    /// Power of the host while any job runs.
    pub host_power: Watts,
    /// Power of the host while none does.
    pub host_idle_power: Watts,
    /// Storage.
    pub storage: Bits,
}

/// A ground station, or the end of a hall's fibre.
#[derive(Debug, Clone)]
pub struct Station {
    /// Name.
    pub name: String,
    /// Place and mask.
    pub mast: Mast,
    /// Satellites served at the same time.
    pub antennas: u32,
    /// Design of the halls whose fibre ends here; `None` for a station with antennas.
    pub fibre_of: Option<u32>,
}

/// Both directions between a design and a station.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "nearly all are radio links")]
pub enum Links {
    /// By radio.
    Radio {
        /// To the ground.
        down: RadioLink,
        /// From the ground.
        up: RadioLink,
    },
    /// A hall's own fibre, each way.
    Fibre(BitsPerSecond),
    /// None: another's fibre, or a radio station to a hall.
    None,
}

impl Links {
    /// Rates at a distance, down and up.
    #[must_use]
    pub fn rates(&self, range: Meters) -> [BitsPerSecond; 2] {
        match self {
            Self::Radio { down, up } => [down.rate(range), up.rate(range)],
            Self::Fibre(rate) => [*rate, *rate],
            Self::None => [BitsPerSecond::ZERO, BitsPerSecond::ZERO],
        }
    }
}

/// A job, looked up.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Name.
    pub name: String,
    /// 9 goes first.
    pub priority: u8,
    /// The site it must run on.
    pub site: Option<u32>,
    /// Whether it is one of the copies that every site does.
    pub each: bool,
    /// Earliest begin.
    pub release: Instant,
    /// Latest end.
    pub deadline: Option<Instant>,
    /// Data to carry up before it begins.
    pub input: Bits,
    /// Data to carry down at its end.
    pub output: Bits,
    /// Accelerators it uses.
    pub accelerators: u32,
    /// Achievable share of the peak rate.
    pub utilisation: Ratio,
    /// What it computes.
    pub demand: Demand,
    /// The job that must be computed on the same site before this one can begin.
    pub after: Option<u32>,
    /// The network that is really trained in step with the job.
    pub executed: Option<Executed>,
    /// The network that really answers in step with the job.
    pub answering: Option<Answering>,
    /// Peak rate of one accelerator of each design in the job's precision, `[design]`.
    pub peak: Vec<Option<FlopsPerSecond>>,
}

/// A GPT that is really trained in step with a training job.
#[derive(Debug, Clone, PartialEq)]
pub struct Executed {
    /// Which network.
    pub network: Network,
    /// Sequences of a step.
    pub batch: usize,
    /// Optimiser steps executed over the whole job.
    pub iterations: u64,
    /// Highest learning rate.
    pub learning_rate: f64,
    /// Executed steps between evaluations.
    pub evaluate_interval: u64,
    /// Tokens of a sample.
    pub sample_tokens: usize,
    /// What it is trained on.
    pub text: Text,
    /// What watches it.
    pub defences: Defences,
    /// Share of a step's time that the defences take, where it was measured.
    pub overhead: Option<Ratio>,
}

/// The network of an executed job.
#[derive(Debug, Clone, PartialEq)]
pub enum Network {
    /// A new one.
    New {
        /// Its sizes.
        sizes: Sizes,
        /// The list of merges of its byte pairs, relative to the mission's folder; without one its tokens are characters.
        merges: Option<String>,
    },
    /// A trained one, fine-tuned.
    Trained {
        /// Where it comes from.
        from: Trained,
        /// The adapters that are trained in place of its weights.
        adapters: Option<Adapters>,
    },
}

/// Sizes of a new network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Blocks.
    pub layers: usize,
    /// Attention heads of a block.
    pub heads: usize,
    /// Width of the residual stream.
    pub width: usize,
    /// Tokens the network sees at once.
    pub context: usize,
}

/// Where a trained network comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trained {
    /// An executed job of the mission, by index.
    Job(u32),
    /// A file, relative to the mission's folder.
    File(String),
}

/// Low-rank adapters of each matrix.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adapters {
    /// Rank.
    pub rank: usize,
    /// What they add is multiplied by `alpha / rank`.
    pub alpha: f64,
}

/// What a network is trained on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Text {
    /// A file, relative to the mission's folder.
    File(String),
    /// A corpus that the project generates.
    Generated(CorpusKind),
}

/// A Gemma that really answers in step with a serving job.
#[derive(Debug, Clone, PartialEq)]
pub struct Answering {
    /// What watches it.
    pub defences: ServingDefences,
    /// Share of a request's time that the defences take, where it was measured.
    pub overhead: Option<Ratio>,
    /// Folder of the model, relative to the mission file.
    pub model: Option<String>,
    /// File of prompts, relative to the mission file.
    pub prompts: Option<String>,
    /// One request in so many is really answered.
    pub every: u64,
    /// Tokens of an answer at most.
    pub tokens: usize,
    /// How the weights are held.
    pub weights: WeightForm,
    /// Logits are divided by it.
    pub temperature: f64,
    /// So many of the likeliest tokens are drawn from; 0 for all.
    pub top_k: usize,
    /// Probability that the tokens drawn from hold.
    pub top_p: f64,
    /// Seed of the draws.
    pub seed: u64,
}

/// Where one resolved value came from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Assumption {
    /// Key path, for example `site[0].array.area`.
    pub key: String,
    /// The value, with unit.
    pub value: String,
    /// Lowest plausible value, where one is known.
    pub low: Option<String>,
    /// Highest plausible value, where one is known.
    pub high: Option<String>,
    /// The same as numbers; none for a word or a count.
    pub numbers: Option<Numbers>,
    /// Source and date; "mission" where the mission gave the value.
    pub source: String,
    /// "published", "measured", "derived", "assumption" or "given".
    pub kind: String,
    /// Why this value and this range.
    pub reason: String,
}

/// A resolved quantity as numbers in SI, to the last digit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Numbers {
    /// What it measures, in words.
    pub dimension: &'static str,
    /// The value.
    pub value: f64,
    /// Lowest and highest plausible value, where they are known.
    pub range: Option<[f64; 2]>,
}

impl World {
    /// The design of a site.
    #[must_use]
    pub fn design(&self, site: usize) -> &Design {
        &self.designs[self.sites[site].design as usize]
    }

    /// The instant at which step `index` begins.
    #[must_use]
    pub fn instant(&self, index: u64) -> Instant {
        self.start + self.step * index as i64
    }

    /// The instant at which the run ends.
    #[must_use]
    pub fn end(&self) -> Instant {
        self.instant(self.steps)
    }
}
