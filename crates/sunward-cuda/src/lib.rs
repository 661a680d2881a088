//! GPT training on an NVIDIA GPU, found at run time: the driver, its compiler and cuBLAS are loaded when they are asked for.
//!
//! `kernels.cu` what is not a matrix product -> `device` memory, kernels, products -> `engine` a training step as they compute it, an
//! [`Engine`] that a [`Trainer`] uses in place of this processor.
//!
//! [`Engine`]: sunward_ai::gpt::engine::Engine
//! [`Trainer`]: sunward_ai::gpt::train::Trainer
//!
//! **Not modelled**: several GPUs; batches that need more memory than the device has; adapters and guards, which stay on the CPU.

mod device;
mod engine;

pub use device::{CudaError, Precision};
pub use engine::Cuda;
