//! The arithmetic under every network: matrix products and vectorised elementwise passes, in safe Rust.
//!
//! Each kernel is written once and compiled for AVX-512 and AVX2; the widest the machine has is taken at run time. Both
//! give the same bits: every output of a product is one chain of fused multiply-adds in the order of the inner
//! index, and every other sum runs over sixteen fixed lanes whatever the width of a register.

pub mod checked;
pub mod elementwise;
pub mod product;

pub use product::{Band, Panels, View, product};

/// Runs `kernel` compiled for the widest vector instructions of this machine.
#[inline(always)]
pub(crate) fn vectorised<R>(kernel: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(kernel)
}
