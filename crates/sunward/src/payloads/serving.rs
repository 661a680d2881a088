//! The model and prompts of a serving job that is really answered.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sunward_ai::gemma::defended::ServingGuards;
use sunward_ai::gemma::{Gemma, GemmaError, Sampling, Weights, specimen};
use sunward_ai::memo::Store;
use sunward_ai::serving::{PROMPTS, Serve, ServeError, ServingPayload};
use sunward_mission::keys::WeightForm;
use sunward_mission::world::{Answering, Job};
use sunward_work::demand::Serving;

use super::{build, file_name};

/// Why a job's requests cannot be answered.
#[derive(Debug, thiserror::Error)]
pub enum ServingError {
    /// The prompts cannot be read.
    #[error("job {job:?} answers the prompts of {path}, which cannot be read as text")]
    Prompts {
        /// The job.
        job: String,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The model cannot be loaded.
    #[error("job {job:?} cannot be served by the model in {folder}")]
    Model {
        /// The job.
        job: String,
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: Box<GemmaError>,
    },
    /// The network cannot answer as the mission asks.
    #[error("job {job:?} cannot be served")]
    Serve {
        /// The job.
        job: String,
        /// Why.
        source: Box<ServeError>,
    },
}

/// The payload of a job whose requests `network` answers; files are read from `folder`, the mission's.
pub(super) fn payload(
    job: &Job,
    demand: &Serving,
    network: &Answering,
    folder: &Path,
    store: &Arc<dyn Store>,
) -> Result<ServingPayload, ServingError> {
    let (name, gemma) = model(job, network, folder)?;
    let &Answering { every, tokens, temperature, top_k, top_p, seed, defences, .. } = network;
    let (unit, [prompt, _]) = (job.demand.work_per_unit(), job.demand.phases(1.0));
    let serve = Serve {
        name,
        unit,
        prompt_share: prompt.work / unit,
        simulated_tokens: demand.output_tokens,
        every,
        tokens,
        sampling: Sampling { temperature, top_k, top_p, seed, answer: 0 },
        prompts: prompts(job, network, folder)?,
        guards: ServingGuards {
            weights: defences.weights,
            cache: defences.cache,
            finite: defences.finite,
            ranges: None,
            redundant: defences.redundant,
        },
        hold: defences.hold as usize,
    };
    ServingPayload::new(gemma, serve, Arc::clone(store), build())
        .map_err(|source| ServingError::Serve { job: job.name.clone(), source: Box::new(source) })
}

/// The network, and what outputs call it.
fn model(job: &Job, network: &Answering, folder: &Path) -> Result<(String, Gemma), ServingError> {
    let form = match network.weights {
        WeightForm::F32 => Weights::F32,
        WeightForm::Bf16 => Weights::Bf16,
        WeightForm::Int8 => Weights::Int8,
    };
    let path = network.model.as_ref().map(|model| folder.join(model));
    let (name, gemma) = match &path {
        Some(path) => (format!("the Gemma in {}", file_name(path)), Gemma::load(path, form)),
        None => (specimen::NAME.to_owned(), specimen::gemma(form)),
    };
    let refused = |source| ServingError::Model {
        job: job.name.clone(),
        folder: path.unwrap_or_default(),
        source: Box::new(source),
    };
    Ok((name, gemma.map_err(refused)?))
}

/// What is asked: the lines of the mission's file that are not empty.
fn prompts(job: &Job, network: &Answering, folder: &Path) -> Result<Vec<String>, ServingError> {
    let Some(path) = network.prompts.as_ref().map(|name| folder.join(name)) else {
        return Ok(PROMPTS.map(str::to_owned).to_vec());
    };
    let content = fs::read_to_string(&path);
    let content = content.map_err(|source| ServingError::Prompts { job: job.name.clone(), path, source })?;
    Ok(content.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
}
