//! GPT, trained: nanoGPT's network and recipe on flat buffers, small enough to read in one sitting.
//!
//! `config` sizes -> `parameters` one buffer with names -> `model` forward and backward -> `optimizer`, `schedule` -> `train` the
//! [`Trainer`](train::Trainer) that a simulation steps, checkpoints, restores and strikes.
//!
//! **Source**: Karpathy, nanoGPT (the recipe); Radford et al., "Language models are unsupervised multitask learners", 2019 (GPT-2).
//!
//! **Not modelled**: biases (nanoGPT's `bias=False`), dropout (0), mixed precision.

pub mod adapters;
pub mod bpe;
pub mod checkpoint;
pub mod config;
pub mod data;
pub mod defended;
pub mod engine;
pub mod guards;
pub mod model;
pub mod optimizer;
pub mod parameters;
#[cfg(test)]
mod reference;
pub mod sample;
pub mod schedule;
pub mod train;
pub mod watch;
