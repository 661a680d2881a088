//! A training run as bytes: weights, moments, step, settings and vocabulary, under a checksum.
//!
//! The file is safetensors; the weights carry nanoGPT's names, the moments the same with `optimizer.first.` and
//! `optimizer.second.` before them. Equal runs give equal bytes.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use thiserror::Error;

use super::adapters::AdapterConfig;
use super::config::{ConfigError, GptConfig, TrainConfig};
use super::data::Vocabulary;
use super::parameters::Tensor;
use crate::tensor_file::{self, Named, TensorFile, TensorFileError};

/// A checkpoint that cannot be used.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum CheckpointError {
    /// The file itself.
    #[error(transparent)]
    File(#[from] TensorFileError),
    /// A line of the metadata is missing or unreadable.
    #[error("{file}: metadata {key}: {reason}")]
    Metadata {
        /// Name of the file.
        file: String,
        /// The line.
        key: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The settings in the file cannot be used.
    #[error("{file}: unusable settings")]
    Settings {
        /// Name of the file.
        file: String,
        /// Why.
        #[source]
        source: ConfigError,
    },
    /// The file belongs to another run.
    #[error("{file}: {what}: expected {expected}, found {found}")]
    Mismatch {
        /// Name of the file.
        file: String,
        /// What differs.
        what: &'static str,
        /// What this run has.
        expected: String,
        /// What the file has.
        found: String,
    },
}

/// What a checkpoint says of its run.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Sizes of the network.
    pub config: GptConfig,
    /// Settings of the run.
    pub settings: TrainConfig,
    /// Adapters, if those are what is trained.
    pub adapters: Option<AdapterConfig>,
    /// Steps done.
    pub iteration: u64,
    /// Digest of the text.
    pub corpus: u64,
    /// What the tokens mean.
    pub vocabulary: Vocabulary,
}

/// A checkpoint opened: what it says of its run, and its tensors.
#[derive(Debug)]
pub struct Checkpoint<'a> {
    /// The run.
    pub run: Run,
    file: TensorFile<'a>,
}

/// Names, shapes and places of one flat buffer, and the buffer.
pub(super) type Section<'a> = (&'static str, &'a [Tensor], &'a [f32]);

/// The bytes of a checkpoint of `run` with the tensors of `sections`, each name after its section's prefix.
pub(super) fn write(run: &Run, sections: &[Section<'_>]) -> Vec<u8> {
    let tensors: Vec<Named<'_>> = sections
        .iter()
        .flat_map(|(prefix, tensors, data)| {
            tensors.iter().map(move |tensor| Named {
                name: format!("{prefix}{}", tensor.name),
                shape: tensor.shape.clone(),
                data: &data[tensor.range.clone()],
            })
        })
        .collect();
    let json = |value: serde_json::Result<String>| value.expect("settings become JSON");
    let metadata = BTreeMap::from([
        ("config".to_owned(), json(serde_json::to_string(&run.config))),
        ("settings".to_owned(), json(serde_json::to_string(&run.settings))),
        ("adapters".to_owned(), json(serde_json::to_string(&run.adapters))),
        ("vocabulary".to_owned(), json(serde_json::to_string(&run.vocabulary))),
        ("iteration".to_owned(), run.iteration.to_string()),
        ("corpus".to_owned(), run.corpus.to_string()),
    ]);
    tensor_file::write(&tensors, metadata)
}

fn parse<T: DeserializeOwned>(file: &TensorFile<'_>, key: &'static str) -> Result<T, CheckpointError> {
    let error = |reason: String| CheckpointError::Metadata { file: file.file().to_owned(), key, reason };
    let text = file.metadata(key).ok_or_else(|| error("missing".to_owned()))?;
    serde_json::from_str(text).map_err(|reason| error(reason.to_string()))
}

impl<'a> Checkpoint<'a> {
    /// Opens `bytes`, the content of the file called `name`, and verifies its checksum.
    ///
    /// # Errors
    /// A file that is truncated, struck or of another kind.
    pub fn read(name: &'a str, bytes: &'a [u8]) -> Result<Self, CheckpointError> {
        let file = TensorFile::read(name, bytes)?;
        let settings_error = |source| CheckpointError::Settings { file: name.to_owned(), source };
        let config: GptConfig = parse(&file, "config")?;
        let settings: TrainConfig = parse(&file, "settings")?;
        let adapters: Option<AdapterConfig> = parse(&file, "adapters")?;
        let run = Run {
            config: config.validated().map_err(settings_error)?,
            settings: settings.validated().map_err(settings_error)?,
            adapters: adapters.map(AdapterConfig::validated).transpose().map_err(settings_error)?,
            iteration: parse(&file, "iteration")?,
            corpus: parse(&file, "corpus")?,
            vocabulary: parse(&file, "vocabulary")?,
        };
        Ok(Self { run, file })
    }

    /// Fills `data` with the tensors whose names are `prefix` and those of `tensors`.
    pub(super) fn fill(&self, prefix: &str, tensors: &[Tensor], data: &mut [f32]) -> Result<(), CheckpointError> {
        for tensor in tensors {
            let name = format!("{prefix}{}", tensor.name);
            self.file.copy_f32(&name, &tensor.shape, &mut data[tensor.range.clone()])?;
        }
        Ok(())
    }

    /// An error unless `expected` equals `found`.
    pub(super) fn same<T: PartialEq + std::fmt::Debug>(
        &self,
        what: &'static str,
        expected: &T,
        found: &T,
    ) -> Result<(), CheckpointError> {
        if expected == found {
            return Ok(());
        }
        Err(CheckpointError::Mismatch {
            file: self.file.file().to_owned(),
            what,
            expected: format!("{expected:?}"),
            found: format!("{found:?}"),
        })
    }
}
