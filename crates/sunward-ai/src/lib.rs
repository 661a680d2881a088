//! Payloads that really compute: GPT training and Gemma serving on flat buffers, with upsets in real weights.

pub mod campaign;
pub mod gemma;
pub mod gpt;
pub mod kernel;
pub mod memo;
mod merging;
pub mod payload;
pub mod serving;
pub mod tensor_file;
