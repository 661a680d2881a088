//! Sunward designs, flies and operates AI data centers where the power is: in orbit, on the Moon, and on the ground.
//!
//! This crate is the facade: one mission from text to outcome. The command line stands on it.
//!
//! ```
//! let text = r#"
//! [mission]
//! name = "first light"
//! start = "2026-07-26T04:00:00Z"
//! duration = "2 h"
//! step = "60 s"
//! seed = 1
//!
//! [[site]]
//! name = "dawn"
//! platform = "microsat-60kg"
//! orbit.sun_synchronous = { altitude = "650 km", local_time = "06:00" }
//! compute = { accelerator = "h100-pcie", count = 1 }
//! "#;
//! let world = sunward::read(text, "first-light.toml").unwrap();
//! let outcome = sunward::fly(&world, &mut |_| sunward::Control::Continue).unwrap();
//! assert_eq!(outcome.record.tracks[0].time.len(), 120);
//! assert!(outcome.summary.energy.generated.0 > 0.0);
//! ```

pub mod payloads;
pub mod run_folder;

pub use sunward_astro as astro;
pub use sunward_catalog::Catalog;
pub use sunward_mission::world::World;
pub use sunward_mission::{Faults, Mission};
pub use sunward_report as report;
pub use sunward_sim::{Control, Outcome, SimError, Status};
pub use sunward_units as units;

/// Reads and compiles a mission against the built-in catalog.
///
/// # Errors
/// Every fault of the text, with line and column.
pub fn read(text: &str, file_name: &str) -> Result<World, Faults> {
    Mission::read(text, file_name)?.compile(&Catalog::builtin())
}

/// Flies a world with modelled payloads.
///
/// # Errors
/// As [`sunward_sim::simulate`].
pub fn fly(world: &World, observer: &mut dyn FnMut(&Status) -> Control) -> Result<Outcome, SimError> {
    sunward_sim::simulate(world, &sunward_sim::modelled, observer)
}

/// Flies a world with the payloads it asks for: networks are really trained on this machine.
///
/// # Errors
/// As [`sunward_sim::simulate`].
pub fn fly_executed(
    world: &World,
    payloads: &payloads::Payloads,
    observer: &mut dyn FnMut(&Status) -> Control,
) -> Result<Outcome, SimError> {
    sunward_sim::simulate(world, &|index, job| payloads.of_job(index, job), observer)
}
