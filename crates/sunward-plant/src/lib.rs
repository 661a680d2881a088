//! One site's machinery: generation, storage, multi-node heat, the accelerator's clock, radiation and wear.
//!
//! Kernels are free functions over [`sunward_units::lanes::Real`]: the scalar instance is the readable one, eight sites at a
//! time the fast one, and both give the same bits.

pub mod accelerator;
pub mod heat;
pub mod power;
pub mod radiation;
pub mod sizing;
pub mod view;
