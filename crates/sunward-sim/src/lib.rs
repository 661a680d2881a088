//! The coupled twin in time: the clock, the scheduler (plan, immutable blueprint, execute), faults and the record.
//!
//! [`simulate`] flies a [`sunward_mission::world::World`]. Each step follows the same order for every site: place, light, power,
//! heat, clock, work, data, wear, money. The crate reads no clock, file, socket or environment; the same world gives the same record
//! with one thread or many.

mod almanac;
mod block;
pub mod blueprint;
pub mod build;
mod environment;
mod fold;
mod job;
mod latency;
mod money;
mod plan;
pub mod plant;
pub mod record;
mod simulate;
mod site;
pub mod summary;
mod traffic;

use sunward_astro::batch::Failure;
use sunward_astro::time::Instant;
use sunward_plant::radiation::RadiationError;
use sunward_work::payload::PayloadError;

pub use almanac::Almanac;
pub use job::{PayloadFactory, modelled};
pub use simulate::{Control, Status, simulate, simulate_with};

/// A finished run.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Everything that happened.
    pub record: record::Record,
    /// The numbers people compare.
    pub summary: summary::Summary,
}

/// Why a run did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// An orbit decayed or diverged.
    #[error("satellite {site:?} cannot be placed")]
    Orbit {
        /// The satellite.
        site: String,
        /// What happened.
        source: Failure,
    },
    /// A position for which no dose is known.
    #[error("no dose is known where satellite {site:?} flies")]
    Radiation {
        /// The satellite.
        site: String,
        /// Which position or shielding.
        source: RadiationError,
    },
    /// A payload failed.
    #[error("a job cannot go on")]
    Payload {
        /// What it said.
        source: PayloadError,
    },
    /// The observer stopped the run.
    #[error("stopped at {time}")]
    Interrupted {
        /// Mission time reached.
        time: Instant,
    },
}

/// What the models of a run leave out, as the report says it.
pub const NOT_MODELLED: &[&str] = &[
    "Orbit: drag beyond what the elements hold, manoeuvres, attitude control and its propellant.",
    "Light: shadows of the satellite's own parts, the Moon's shadow, variation of albedo and infrared over the Earth.",
    "Power: voltages and currents, self-discharge, resistance that depends on temperature and rate.",
    "Heat: gradients within a node, heat pipes that fail or dry out, sunlight through the insulation of the bus.",
    "Clock: leakage that grows with temperature, differences between the chips of a site.",
    "Radiation: solar particle events, cosmic rays, beam data of the accelerator itself (Google's Trillium stands in).",
    "Work: time to load models, to write checkpoints and to wake accelerators; checkpoints and reboots fall on whole steps; moving a placed job.",
    "Links: rain, interference, antenna patterns, retransmission; links between satellites.",
    "Halls: weather, part load of the cooling plant, outages of the grid; fleets: contention for antennas among units that are not flown.",
    "Money: taxes, debt, residual values; prices that move within the run, but the launch price's; making of hardware in carbon dioxide.",
];
