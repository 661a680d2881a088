//! What AI jobs demand, how fast an accelerator can serve them, and the seam through which real ones run.
//!
//! A job is counted in *units* (a training token, a served request, an image). [`demand`] says what one unit costs in
//! operations and memory traffic, [`roofline`] how long a unit takes at a given clock, [`payload`] what a running job must be
//! able to do, [`checkpoint`] how often it should save itself, [`defence`] what watching it for upsets costs.

pub mod checkpoint;
pub mod defence;
pub mod demand;
pub mod payload;
pub mod roofline;
