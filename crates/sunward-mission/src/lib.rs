//! Mission files: text to a typed [`Mission`], with every fault of the text told at once.
//!
//! ```
//! use sunward_mission::Mission;
//! let faults = Mission::read("[mission]\nname = \"first\"\nstep = \"30 kg\"\n", "first.toml").unwrap_err();
//! let messages = faults.all().iter().map(|fault| fault.message.as_str()).collect::<Vec<_>>();
//! assert!(messages.contains(&"missing key mission.seed"));
//! assert!(messages.contains(&"unit \"kg\" is not a unit of duration; expected one of s, ms, us, ns, min, h, d, wk, yr"));
//! ```
//!
//! The keys are declared in [`keys`]; the JSON schema ([`schema`]) and the reference ([`reference_markdown`]) are made
//! from the same declarations.

mod compile;
mod declare;
mod fault;
mod form;
pub mod keys;
mod leaf;
mod orbits;
mod read;
mod rules;
mod schema;
pub mod world;

pub use fault::{FAULTS_MAX, Fault, FaultKind, Faults, Source, Span, nearest};
pub use form::{Given, Kind, Many, Maybe, Need, Place, Tagged, Word};
pub use keys::Mission;
pub use leaf::{ElementSet, Epoch, LocalTime, Name};
pub use read::MISSION_SIZE_MAX_BYTES;
pub use schema::{Key, reference_markdown, schema};
