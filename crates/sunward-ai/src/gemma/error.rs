//! What can be wrong with a model folder, a prompt or a request.

use std::path::Path;

use thiserror::Error;

use crate::tensor_file::TensorFileError;

/// A model that cannot be loaded, or a request that it cannot serve.
#[derive(Debug, Error)]
pub enum GemmaError {
    /// A file cannot be read.
    #[error("{file} cannot be read")]
    Read {
        /// Path of the file.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not the JSON it should be.
    #[error("{file} is not the JSON expected")]
    Json {
        /// Path of the file.
        file: String,
        /// Where and why.
        source: serde_json::Error,
    },
    /// A value of a JSON file is missing or unusable.
    #[error("{file}: {what}: expected {expected}, found {found}")]
    Value {
        /// Path of the file.
        file: String,
        /// The value.
        what: String,
        /// What would do.
        expected: String,
        /// What is there.
        found: String,
    },
    /// A file of weights is truncated, or lacks a tensor, or holds it in another shape or type.
    #[error(transparent)]
    Weights(#[from] TensorFileError),
    /// More tokens than the context holds.
    #[error("{what}: expected at most {context} tokens ({limit}), found {found}")]
    Context {
        /// The prompt, the session or a sequence of it.
        what: &'static str,
        /// Tokens that fit.
        context: usize,
        /// What sets the limit.
        limit: &'static str,
        /// Tokens given.
        found: usize,
    },
    /// A token that the network does not have.
    #[error("token {found} of the prompt: expected a token below {vocabulary} (vocab_size of config.json)")]
    Token {
        /// Tokens the network has.
        vocabulary: usize,
        /// The token given.
        found: u32,
    },
    /// A sequence that the session does not have, or has given no token.
    #[error("sequence {sequence}: expected {expected}, found {found}")]
    Sequence {
        /// The sequence.
        sequence: usize,
        /// What would do.
        expected: String,
        /// What was given.
        found: String,
    },
    /// A setting of the sampling is outside its range.
    #[error("{what} is {found}, expected {expected}")]
    Sampling {
        /// The setting.
        what: &'static str,
        /// Value given.
        found: f64,
        /// The range.
        expected: &'static str,
    },
    /// The chat template of a folder cannot be used.
    #[error("{file}: the chat template cannot be used: {reason}")]
    Template {
        /// Path of the file.
        file: String,
        /// What the template refused, or what is not known of its language.
        reason: String,
    },
    /// The turns of a conversation are out of order.
    #[error("turn {turn} of the conversation: expected {expected}, found {found}")]
    Turn {
        /// Number of the turn, from 0.
        turn: usize,
        /// Role that must be there.
        expected: &'static str,
        /// Role that is there.
        found: &'static str,
    },
}

/// The limit that a network was made for.
pub(crate) const NETWORK_LIMIT: &str = "max_position_embeddings of config.json";

impl GemmaError {
    /// A value of `file` that is not as it must be.
    pub(crate) fn value(
        file: &str,
        what: impl Into<String>,
        expected: impl Into<String>,
        found: impl ToString,
    ) -> Self {
        Self::Value { file: file.to_owned(), what: what.into(), expected: expected.into(), found: found.to_string() }
    }
}

/// The bytes of a file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, GemmaError> {
    std::fs::read(path).map_err(|source| GemmaError::Read { file: path.display().to_string(), source })
}

/// The content of a JSON file.
pub(crate) fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, GemmaError> {
    serde_json::from_slice(&read(path)?).map_err(|source| GemmaError::Json { file: path.display().to_string(), source })
}
