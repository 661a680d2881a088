//! Published cost models, stated again in this crate's own code with the inputs and quirks they were published with.
//!
//! They are here to be compared with: each module says what the model leaves out. None is used by the twin.

pub mod mccalip;
pub mod starcloud;
pub mod suncatcher;
pub mod turyshev;
