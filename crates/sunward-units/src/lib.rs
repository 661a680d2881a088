//! Quantities, text with units, vectorisable maths and counter-based random streams: what every other crate stands on.
//!
//! A physical scalar in a public signature is one of the newtypes below, always in SI (metre, second, kilogram, kelvin,
//! watt, joule, radian, bit, FLOP; money in USD of a stated price year), so that `Watts + Joules` does not compile
//! and `Watts * Seconds` is `Joules`. Other units exist only in text:
//!
//! ```
//! use sunward_units::{Joules, Seconds, Watts};
//! let stored: Joules = Watts(350.0) * Seconds(60.0);
//! assert_eq!(stored, Joules(21_000.0));
//! assert_eq!("5.833333333333333 Wh".parse::<Joules>().unwrap().0.round(), 21_000.0);
//! assert_eq!("1.2kW".parse::<Watts>().unwrap(), Watts(1200.0));
//! ```

pub mod lanes;
pub mod math;
mod quantity;
pub mod random;

pub use quantity::*;
