//! Which payload runs a job: arithmetic, or a network that this machine really trains.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sunward_ai::gpt::config::{GptConfig, TrainConfig};
use sunward_ai::gpt::data::Corpus;
use sunward_ai::gpt::train::{TrainError, Trainer};
use sunward_ai::memo::Store;
use sunward_ai::payload::{Proxy, TrainingPayload};
use sunward_mission::world::{Executed, Job, World};
use sunward_units::Flops;
use sunward_work::payload::{Payload, PayloadError};

/// Characters of the corpus that the project generates where no text is given.
const GENERATED_CHARACTERS: usize = 200_000;
/// Batches of an evaluation: nanoGPT's README command for a CPU (`--eval_iters=20`).
const EVALUATE_BATCHES: u32 = 20;

/// Why a job that is to be executed cannot be.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// The text cannot be read.
    #[error(
        "job {job:?} trains on {path}, which cannot be read as text; give a file, or leave `text` out to train on a generated corpus"
    )]
    Text {
        /// The job.
        job: String,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The network cannot be trained on it.
    #[error("job {job:?} cannot be executed")]
    Train {
        /// The job.
        job: String,
        /// Why.
        source: TrainError,
    },
}

/// The training runs of a world's executed jobs, ready to start.
#[derive(Default)]
pub struct Payloads {
    executed: BTreeMap<u32, TrainingPayload>,
}

impl Payloads {
    /// Sets up every executed job of a world. Texts are read from `folder`, or all from `text` where it is given; executed steps are
    /// remembered in `store`.
    ///
    /// # Errors
    /// A text that cannot be read or does not fit its network.
    pub fn of_world(
        world: &World,
        folder: &Path,
        text: Option<&Path>,
        store: &Arc<dyn Store>,
    ) -> Result<Self, ExecuteError> {
        let mut executed = BTreeMap::new();
        for (index, job) in world.jobs.iter().enumerate() {
            if let Some(network) = &job.executed {
                let corpus = corpus(job, network, world.seed, folder, text)?;
                let payload = training(world, index as u32, job, network, corpus, store)?;
                executed.insert(index as u32, payload);
            }
        }
        Ok(Self { executed })
    }

    /// Whether any job is executed.
    #[must_use]
    pub fn any(&self) -> bool {
        !self.executed.is_empty()
    }

    /// The payload of a job: the executed one, else arithmetic.
    ///
    /// # Errors
    /// None today; the seam allows them.
    pub fn of_job(&self, index: u32, job: &Job) -> Result<Box<dyn Payload>, PayloadError> {
        match self.executed.get(&index) {
            Some(payload) => Ok(Box::new(payload.clone())),
            None => sunward_sim::modelled(index, job),
        }
    }
}

fn corpus(
    job: &Job,
    network: &Executed,
    seed: u64,
    folder: &Path,
    text: Option<&Path>,
) -> Result<Arc<Corpus>, ExecuteError> {
    let path = text.map(Path::to_owned).or_else(|| network.text.as_ref().map(|name| folder.join(name)));
    let Some(path) = path else { return Ok(Arc::new(Corpus::generated(GENERATED_CHARACTERS, seed))) };
    let content = fs::read_to_string(&path).map_err(|source| ExecuteError::Text {
        job: job.name.clone(),
        path: path.clone(),
        source,
    })?;
    let name = path.file_name().map_or_else(|| "text".to_owned(), |name| name.to_string_lossy().into_owned());
    Ok(Arc::new(Corpus::characters(&name, &content)))
}

fn training(
    world: &World,
    index: u32,
    job: &Job,
    network: &Executed,
    corpus: Arc<Corpus>,
    store: &Arc<dyn Store>,
) -> Result<TrainingPayload, ExecuteError> {
    let &Executed { layers, heads, width, context, batch, iterations, evaluate_interval, sample_tokens, .. } = network;
    let config = GptConfig { layers, heads, width, context, vocabulary: corpus.vocabulary().size() };
    let seed = world.seed.wrapping_add(u64::from(index));
    let defaults = TrainConfig::default();
    let settings = TrainConfig { batch, iterations, warmup: defaults.warmup.min(iterations / 10), seed, ..defaults };
    let trainer = Trainer::new(config, settings, corpus)
        .map_err(|source| ExecuteError::Train { job: job.name.clone(), source })?;
    let unit = job.demand.work_per_unit();
    let units = job.demand.units_total().unwrap_or(0.0);
    let simulated_steps = match &job.demand {
        sunward_work::demand::Demand::Training(training) => training.steps as u64,
        _ => iterations,
    };
    let proxy = Proxy {
        job: Flops(unit.0 * units),
        unit,
        simulated_steps,
        iterations,
        evaluate_interval,
        evaluate_batches: EVALUATE_BATCHES,
        sample_tokens,
    };
    Ok(TrainingPayload::new(trainer, proxy, Arc::clone(store), build()))
}

/// Tells builds apart that might compute a step differently: the digest of the running program.
fn build() -> u64 {
    let program = std::env::current_exe().and_then(fs::read).unwrap_or_default();
    xxhash_rust::xxh3::xxh3_64(&program)
}

/// A folder in which executed steps outlive the program.
#[derive(Debug, Clone)]
pub struct FolderStore {
    folder: PathBuf,
}

impl FolderStore {
    /// Keeps everything in `folder`, which is made when the first thing is saved.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }
}

impl Store for FolderStore {
    fn load(&self, name: &str) -> Option<Vec<u8>> {
        fs::read(self.folder.join(name)).ok()
    }

    fn save(&self, name: &str, bytes: &[u8]) {
        let (whole, partial) = (self.folder.join(name), self.folder.join(format!(".{name}.partial")));
        let saved = fs::create_dir_all(&self.folder)
            .and_then(|()| fs::write(&partial, bytes))
            .and_then(|()| fs::rename(&partial, &whole));
        // The run does not depend on it: an interrupted one would only have to train these steps again.
        drop(saved);
    }
}
