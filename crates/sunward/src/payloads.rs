//! Which payload runs a job: arithmetic, or a network that really trains or answers on this machine.

mod serving;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use sunward_ai::gpt::adapters::AdapterConfig;
use sunward_ai::gpt::bpe::{BpeError, BytePairs, NamedText};
use sunward_ai::gpt::checkpoint::{Checkpoint, CheckpointError};
use sunward_ai::gpt::config::{GptConfig, TrainConfig};
use sunward_ai::gpt::data::{Corpus, DataError, Style, Vocabulary};
use sunward_ai::gpt::engine::Device;
use sunward_ai::gpt::train::{TrainError, Trainer};
use sunward_ai::memo::Store;
use sunward_ai::payload::{FineTuning, Handover, Manner, Origin, Proxy, TrainedNetwork, TrainingPayload};
use sunward_ai::serving::ServingPayload;
use sunward_mission::keys::CorpusKind;
use sunward_mission::world::{Executed, Job, Network, Sizes, Text, Trained, World};
use sunward_units::Flops;
use sunward_work::demand::Demand;
use sunward_work::payload::{Payload, PayloadError};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

pub use serving::ServingError;

/// Characters of the corpus that the project generates where no text is given.
const GENERATED_CHARACTERS: usize = 200_000;
/// Batches of an evaluation: nanoGPT's README command for a CPU (`--eval_iters=20`).
const EVALUATE_BATCHES: u32 = 20;
/// The least learning rate over the highest: nanoGPT's character configuration (1e-4 over 1e-3).
const LEARNING_RATE_FALL: f64 = 0.1;

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
    /// The list of merges cannot be read.
    #[error("job {job:?} takes its byte pairs from {path}, which cannot be read as text; give GPT-2's merges.txt")]
    Merges {
        /// The job.
        job: String,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The list of merges is none.
    #[error("job {job:?} has no byte pairs to train with")]
    BytePairs {
        /// The job.
        job: String,
        /// Why.
        source: BpeError,
    },
    /// The trained network cannot be read.
    #[error(
        "job {job:?} continues from {path}, which cannot be read; give a network that a run left, runs/MISSION/JOB.safetensors"
    )]
    Network {
        /// The job.
        job: String,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file holds no network to continue from.
    #[error("job {job:?} cannot continue from {path}")]
    Checkpoint {
        /// The job.
        job: String,
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<CheckpointError>,
    },
    /// The text does not fit the network that is trained on it.
    #[error("job {job:?} cannot be trained on its text in the vocabulary of the network it continues from")]
    Vocabulary {
        /// The job.
        job: String,
        /// Why.
        source: DataError,
    },
    /// Its requests cannot be answered.
    #[error(transparent)]
    Serving(#[from] ServingError),
    /// The network cannot be trained on it.
    #[error("job {job:?} cannot be executed")]
    Train {
        /// The job.
        job: String,
        /// Why.
        source: Box<TrainError>,
    },
}

/// The payloads of a world's executed jobs, ready to start.
#[derive(Default)]
pub struct Payloads {
    executed: BTreeMap<u32, TrainingPayload>,
    /// Where each of them leaves its network.
    handovers: BTreeMap<u32, Handover>,
    serving: BTreeMap<u32, ServingPayload>,
}

/// What a job is set up from: the folder of the mission, a text to train on instead of the mission's, the store of steps, and
/// what trains in place of this processor.
struct Setup<'a> {
    world: &'a World,
    folder: &'a Path,
    text: Option<&'a Path>,
    store: &'a Arc<dyn Store>,
    device: Option<Arc<dyn Device>>,
}

/// What decides the tokens and sizes of a network, and where its first weights come from if it is a trained one.
struct Beginning {
    config: GptConfig,
    corpus: Arc<Corpus>,
    tuning: Option<FineTuning>,
}

impl Payloads {
    /// Sets up every executed job of a world. Files are read from `folder`, the mission's; new networks are trained on `text` where it
    /// is given, by `device` where there is one; executed steps are remembered in `store`.
    ///
    /// # Errors
    /// A text that cannot be read or does not fit its network; a network that cannot be continued from or served.
    pub fn of_world(
        world: &World,
        folder: &Path,
        text: Option<&Path>,
        store: &Arc<dyn Store>,
        device: Option<Arc<dyn Device>>,
    ) -> Result<Self, ExecuteError> {
        let setup = Setup { world, folder, text, store, device };
        let mut payloads = Self::default();
        for (index, job) in (0..).zip(&world.jobs) {
            if let Some(executed) = &job.executed {
                let handover = Handover::default();
                let payload = setup.training(job, executed, &payloads)?.leaving(&job.name, handover.clone());
                payloads.executed.insert(index, payload);
                payloads.handovers.insert(index, handover);
            }
            if let (Some(network), Demand::Serving(demand)) = (&job.answering, &job.demand) {
                payloads.serving.insert(index, serving::payload(job, demand, network, folder, store)?);
            }
        }
        Ok(payloads)
    }

    /// Whether any job is executed.
    #[must_use]
    pub fn any(&self) -> bool {
        !self.executed.is_empty() || !self.serving.is_empty()
    }

    /// The networks of the jobs that have been trained to the end since, in the order of the mission.
    pub fn trained(&self) -> impl Iterator<Item = Arc<TrainedNetwork>> + '_ {
        self.handovers.values().filter_map(Handover::get)
    }

    /// The payload of a job: the executed one, else arithmetic.
    ///
    /// # Errors
    /// None today; the seam allows them.
    pub fn of_job(&self, index: u32, job: &Job) -> Result<Box<dyn Payload>, PayloadError> {
        match (self.executed.get(&index), self.serving.get(&index)) {
            (Some(payload), _) => Ok(Box::new(payload.clone())),
            (None, Some(payload)) => Ok(Box::new(payload.clone())),
            (None, None) => sunward_sim::modelled(index, job),
        }
    }
}

impl Setup<'_> {
    fn training(&self, job: &Job, executed: &Executed, before: &Payloads) -> Result<TrainingPayload, ExecuteError> {
        let failed = |source| ExecuteError::Train { job: job.name.clone(), source: Box::new(source) };
        let Beginning { config, corpus, tuning } = match &executed.network {
            Network::New { sizes, merges } => self.new_network(job, executed, sizes, merges.as_deref())?,
            Network::Trained { from, adapters } => {
                let adapters = adapters.map(|adapters| AdapterConfig { rank: adapters.rank, alpha: adapters.alpha });
                self.trained_network(job, executed, from, adapters, before)?
            }
        };
        let trainer = Trainer::new(config, settings(self.world, job, executed), corpus).map_err(failed)?;
        let manner = Manner { defences: executed.defences, device: self.device.clone() };
        let payload = TrainingPayload::new(trainer, proxy(job, executed), manner, Arc::clone(self.store), build());
        match tuning {
            Some(tuning) => payload.fine_tuning(tuning).map_err(failed),
            None => Ok(payload),
        }
    }

    fn new_network(
        &self,
        job: &Job,
        executed: &Executed,
        sizes: &Sizes,
        merges: Option<&str>,
    ) -> Result<Beginning, ExecuteError> {
        let (name, content) = self.text(job, executed, self.text)?;
        let vocabulary = match merges {
            Some(file) => Vocabulary::BytePairs(self.byte_pairs(job, file)?),
            None => Vocabulary::of_characters(&content),
        };
        let corpus = corpus(job, &name, &content, vocabulary)?;
        let &Sizes { layers, heads, width, context } = sizes;
        let config = GptConfig { layers, heads, width, context, vocabulary: corpus.vocabulary().size() };
        Ok(Beginning { config, corpus, tuning: None })
    }

    /// A network that was trained by a job set up `before`, or that a file holds; its new text is read in its own vocabulary.
    fn trained_network(
        &self,
        job: &Job,
        executed: &Executed,
        from: &Trained,
        adapters: Option<AdapterConfig>,
        before: &Payloads,
    ) -> Result<Beginning, ExecuteError> {
        let (config, vocabulary, from) = match from {
            Trained::Job(index) => {
                let base = before.executed[index].setup();
                let name = self.world.jobs[*index as usize].name.clone();
                let from = Origin::Job { name, handover: before.handovers[index].clone() };
                (*base.config(), base.corpus().vocabulary().clone(), from)
            }
            Trained::File(file) => self.network_of_file(job, &self.folder.join(file))?,
        };
        let (name, content) = self.text(job, executed, None)?;
        let corpus = corpus(job, &name, &content, vocabulary)?;
        Ok(Beginning { config, corpus, tuning: Some(FineTuning { from, adapters }) })
    }

    fn network_of_file(&self, job: &Job, path: &Path) -> Result<(GptConfig, Vocabulary, Origin), ExecuteError> {
        let (job, path) = (|| job.name.clone(), path.to_owned());
        let bytes =
            fs::read(&path).map_err(|source| ExecuteError::Network { job: job(), path: path.clone(), source })?;
        let name = file_name(&path);
        let run = Checkpoint::read(&name, &bytes)
            .map_err(|source| ExecuteError::Checkpoint { job: job(), path, source: Box::new(source) })?
            .run;
        Ok((run.config, run.vocabulary, Origin::Network(Arc::new(TrainedNetwork { name, bytes }))))
    }

    fn byte_pairs(&self, job: &Job, file: &str) -> Result<BytePairs, ExecuteError> {
        let path = self.folder.join(file);
        let text = fs::read_to_string(&path).map_err(|source| ExecuteError::Merges {
            job: job.name.clone(),
            path: path.clone(),
            source,
        })?;
        BytePairs::of_merges(NamedText { name: &file_name(&path), text: &text })
            .map_err(|source| ExecuteError::BytePairs { job: job.name.clone(), source })
    }

    /// Name and content of the text of a job: of the file `instead`, else of the mission's, else generated.
    fn text(&self, job: &Job, executed: &Executed, instead: Option<&Path>) -> Result<(String, String), ExecuteError> {
        let path = match (instead, &executed.text) {
            (Some(path), _) => path.to_owned(),
            (None, Text::File(file)) => self.folder.join(file),
            (None, Text::Generated(kind)) => {
                let style = match kind {
                    CorpusKind::Telemetry => Style::Telemetry,
                    CorpusKind::Dialogue => Style::Dialogue,
                };
                return Ok((style.name().to_owned(), style.text(GENERATED_CHARACTERS, self.world.seed)));
            }
        };
        let content = fs::read_to_string(&path).map_err(|source| ExecuteError::Text {
            job: job.name.clone(),
            path: path.clone(),
            source,
        })?;
        Ok((file_name(&path), content))
    }
}

fn corpus(job: &Job, name: &str, content: &str, vocabulary: Vocabulary) -> Result<Arc<Corpus>, ExecuteError> {
    let corpus = Corpus::new(name, content, vocabulary);
    corpus.map(Arc::new).map_err(|source| ExecuteError::Vocabulary { job: job.name.clone(), source })
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| "text".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// The settings of a run. Its seed is the job's own, by its name: a job more in the mission changes no other's training.
fn settings(world: &World, job: &Job, executed: &Executed) -> TrainConfig {
    let &Executed { batch, iterations, learning_rate, .. } = executed;
    let defaults = TrainConfig::default();
    TrainConfig {
        batch,
        iterations,
        learning_rate,
        learning_rate_min: LEARNING_RATE_FALL * learning_rate,
        warmup: defaults.warmup.min(iterations / 10),
        seed: xxh3_64_with_seed(job.name.as_bytes(), world.seed),
        ..defaults
    }
}

fn proxy(job: &Job, executed: &Executed) -> Proxy {
    let &Executed { iterations, evaluate_interval, sample_tokens, .. } = executed;
    let unit = job.demand.work_per_unit();
    let simulated_steps = match &job.demand {
        Demand::Training(training) => training.steps as u64,
        _ => iterations,
    };
    Proxy {
        job: Flops(unit.0 * job.demand.units_total().unwrap_or(0.0)),
        unit,
        simulated_steps,
        iterations,
        evaluate_interval,
        evaluate_batches: EVALUATE_BATCHES,
        sample_tokens,
    }
}

/// Tells builds apart that might compute a step differently: the digest of the running program.
#[must_use]
pub fn build() -> u64 {
    static DIGEST: OnceLock<u64> = OnceLock::new();
    *DIGEST.get_or_init(|| xxh3_64(&std::env::current_exe().and_then(fs::read).unwrap_or_default()))
}

/// A folder in which executed steps outlive the program: each file ends with the XXH3-64 of what is before it, so that one that
/// was damaged is as good as none.
#[derive(Debug)]
pub struct FolderStore {
    folder: PathBuf,
    loaded: AtomicUsize,
}

impl FolderStore {
    /// Keeps everything in `folder`, which is made when the first thing is saved.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, loaded: AtomicUsize::new(0) }
    }

    /// Files that were there and whole when they were asked for.
    #[must_use]
    pub fn loaded(&self) -> usize {
        self.loaded.load(Ordering::Relaxed)
    }

    fn try_save(&self, partial: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let mut file = File::create(partial)?;
        file.write_all(bytes)?;
        file.write_all(&xxh3_64(bytes).to_le_bytes())?;
        file.sync_all()?;
        fs::rename(partial, self.folder.join(name))
    }
}

impl Store for FolderStore {
    fn load(&self, name: &str) -> Option<Vec<u8>> {
        let mut bytes = fs::read(self.folder.join(name)).ok()?;
        let (content, seal) = bytes.split_last_chunk::<8>()?;
        if u64::from_le_bytes(*seal) != xxh3_64(content) {
            return None;
        }
        bytes.truncate(bytes.len() - 8);
        self.loaded.fetch_add(1, Ordering::Relaxed);
        Some(bytes)
    }

    fn save(&self, name: &str, bytes: &[u8]) {
        let partial = self.folder.join(format!(".{name}.partial"));
        if self.try_save(&partial, name, bytes).is_err() {
            // The run does not depend on it: an interrupted one would only have to train these steps again. What is half written
            // would take the room of the run's own files on a full disk.
            drop(fs::remove_file(partial));
        }
    }
}
