//! What can be sent, to whom, how fast and how late: radio and optical link budgets, light time, shortest paths and
//! store-and-forward queues.
//!
//! Everything here is a pure function of its arguments. A link's rate follows from its power budget at the true range,
//! a path is never shorter in time than light in vacuum, and a queue neither creates nor loses a bit.
//!
//! ```
//! use sunward_link::{RadioLink, RadioLinkParameters};
//! use sunward_units::*;
//! let link = RadioLink::new(RadioLinkParameters {
//!     frequency: Hertz(8.2e9),
//!     transmit_power: Watts(2.0),
//!     transmit_gain: Decibels(15.0),
//!     receive_gain: Decibels(48.0),
//!     system_temperature: Kelvin(150.0),
//!     bandwidth: Hertz(100e6),
//!     rate_max: BitsPerSecond(400e6),
//!     implementation_loss: Decibels(3.0),
//! })?;
//! assert!(link.rate(Meters(600e3)) > link.rate(Meters(2_400e3)));
//! # Ok::<(), sunward_link::LinkError>(())
//! ```

mod atmosphere;
mod constants;
mod error;
mod modcod;
mod optical;
mod queue;
mod radio;
mod route;

pub use atmosphere::gaseous_loss;
pub use constants::{BOLTZMANN, PLANCK, SPEED_OF_LIGHT};
pub use error::LinkError;
pub use modcod::{DVB_S2, Modcod, RollOff, best_modcod};
pub use optical::{
    Comb, Modulation, OpticalLink, OpticalLinkParameters, Telescope, aperture_gain, divergence, spot_radius,
};
pub use queue::{Carried, Delivery, Transfer, TransferId, TransferQueue};
pub use radio::{RadioLink, RadioLinkParameters, free_space_loss};
pub use route::{PlusGrid, ShortestPaths, Topology, check_latency, light_time};
