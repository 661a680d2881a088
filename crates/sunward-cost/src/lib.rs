//! What it costs: a ledger of dated entries, finance, learning curves, published cost models re-expressed, and claims
//! checked against the physics.
//!
//! Nothing is free: an entry's amount is its quantity times its price, so mass that is launched is mass that is paid. A
//! price per unit of work is an error while no work was delivered, never 0 or infinity.
//!
//! ```
//! use sunward_cost::models::mccalip::{Orbital, usd_per_mwh};
//! let model = Orbital::default().evaluate()?;
//! assert_eq!(model.satellites, 39_731.0);
//! assert_eq!(usd_per_mwh(model.total, model.energy), 1166.5604656908738);
//! # Ok::<(), sunward_cost::CostError>(())
//! ```

pub mod claim;
pub mod comparison;
mod error;
pub mod finance;
pub mod learning;
pub mod ledger;
pub mod models;
pub mod sheet;

pub use error::CostError;

/// Hours of a year as the published models and tariffs count them: 365 days.
pub const HOURS_PER_YEAR: f64 = 8760.0;
