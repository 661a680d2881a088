//! A GPT that trains on this machine in step with a simulated training job.
//!
//! The twin grants operations; every so many of them buy one executed optimiser step. When the executed network is smaller than
//! the simulated one, one executed step stands for several simulated ones: a *proxy*, and every output says so. An eclipse stops
//! it, heat slows it, a reboot throws it back to its last checkpoint, an upset flips a bit of its buffers. Where defences are on, a
//! step that alarms uses up its operations and is not made; a roll-back takes steps away that were made before.
//!
//! **Not modelled**: upsets in the packed copy of the weights and in the code itself.

use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use sunward_units::{Bits, Flops};
use sunward_work::defence::Defences;
use sunward_work::payload::{Incident, Loss, Output, Payload, PayloadError, Progress, Upset};
use xxhash_rust::xxh3::xxh3_64;

use crate::gpt::adapters::{AdapterConfig, AdapterLayout};
use crate::gpt::data::Part;
use crate::gpt::defended::{Defended, Lost};
use crate::gpt::engine::{Device, Engine, Memory};
use crate::gpt::sample::Sampling;
use crate::gpt::train::{Phase, Region, TrainError, Trainer};
use crate::memo::{Attempt, Lineage, Memo, Step, Store};

/// How an executed run follows a simulated job.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Proxy {
    /// Operations of the whole simulated job.
    pub job: Flops,
    /// Operations of one unit (token) of the simulated job.
    pub unit: Flops,
    /// Optimiser steps of the simulated job.
    pub simulated_steps: u64,
    /// Optimiser steps executed over the whole job.
    pub iterations: u64,
    /// Executed steps between evaluations and samples.
    pub evaluate_interval: u64,
    /// Batches averaged in an evaluation.
    pub evaluate_batches: u32,
    /// Characters of a sample.
    pub sample_tokens: usize,
}

/// A network as a file holds it: what it is called, and [`Trainer::network`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrainedNetwork {
    /// Name of the file or the job it is from.
    pub name: String,
    /// The file.
    pub bytes: Vec<u8>,
}

/// Where a training job leaves its network when it is done, for those that continue from it. Clones share the place.
#[derive(Debug, Clone, Default)]
pub struct Handover(Arc<Mutex<Option<Arc<TrainedNetwork>>>>);

impl Handover {
    /// What was left last.
    #[must_use]
    pub fn get(&self) -> Option<Arc<TrainedNetwork>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn put(&self, network: TrainedNetwork) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(network));
    }
}

/// Where the first weights of a run come from.
#[derive(Debug, Clone)]
pub enum Origin {
    /// A network that is at hand.
    Network(Arc<TrainedNetwork>),
    /// The network of a job, once that is done.
    Job {
        /// Name of the job.
        name: String,
        /// Where it leaves its network.
        handover: Handover,
    },
}

impl Origin {
    fn network(&self) -> Result<Arc<TrainedNetwork>, PayloadError> {
        match self {
            Self::Network(network) => Ok(Arc::clone(network)),
            Self::Job { name, handover } => {
                let missing = || PayloadError::Failed(format!("job {name:?}, from which it continues, is not done"));
                handover.get().ok_or_else(missing)
            }
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Network(network) => &network.name,
            Self::Job { name, .. } => name,
        }
    }
}

/// A run that continues from a trained network on another text.
#[derive(Debug, Clone)]
pub struct FineTuning {
    /// The trained network.
    pub from: Origin,
    /// The adapters that are trained; all weights where there are none.
    pub adapters: Option<AdapterConfig>,
}

/// What computes a run and what watches it.
#[derive(Debug, Clone, Default)]
pub struct Manner {
    /// Defences against upsets.
    pub defences: Defences,
    /// A device in place of this processor, which yet trains adapters and what is defended.
    pub device: Option<Arc<dyn Device>>,
}

/// A [`Trainer`] as the twin's payload.
///
/// Its state is a number of computed steps and the upsets that struck them; the buffers follow only when a step is not remembered.
#[derive(Clone)]
pub struct TrainingPayload {
    run: Defended,
    /// Where the run's buffers stand.
    computed: Lineage,
    proxy: Proxy,
    start: Lineage,
    state: State,
    pending: Vec<Upset>,
    memo: Memo<Attempt>,
    store: Arc<dyn Store>,
    build: u64,
    /// What computes in place of this processor, from the first step that is not remembered.
    device: Option<Arc<dyn Device>>,
    tuning: Option<FineTuning>,
    /// Where the network goes when it is trained, and the job's name.
    leaves: Option<(String, Handover)>,
}

/// Everything that decides what comes next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct State {
    /// Operations granted and not yet turned into a step.
    banked: f64,
    /// Steps done.
    steps: u64,
    /// Steps computed: those done, those that did not pass, and those that a roll-back took away.
    computed: u64,
    lineage: Lineage,
    /// Which of the computed steps upsets struck, with what chose their bits.
    struck: Vec<(u64, Vec<Struck>)>,
    /// Steps done that upsets struck, and how many did.
    standing: Vec<(u64, u32)>,
}

/// An [`Upset`] as a checkpoint keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Struck {
    draw: u64,
    memory_corrected: bool,
}

/// Bits of a character sent to the ground.
const CHARACTER_BITS: f64 = 8.0;
/// How likely tokens are picked in samples: nanoGPT's `sample.py` (temperature 0.8, top 200).
const SAMPLE_TEMPERATURE: f64 = 0.8;
const SAMPLE_TOP_K: usize = 200;

impl TrainingPayload {
    /// A payload that makes `trainer`, which has made no step, follow a simulated job in this `manner`. Steps are remembered in `store`;
    /// `build` tells programs that might compute them differently apart.
    #[must_use]
    pub fn new(trainer: Trainer, proxy: Proxy, manner: Manner, store: Arc<dyn Store>, build: u64) -> Self {
        let Manner { defences, device } = manner;
        let device = device.filter(|_| !defences.any());
        let start = Lineage::start(&described(&trainer, &proxy, defences, device.as_deref()), build);
        let memo = Memo::load(store.as_ref(), start);
        let state =
            State { banked: 0.0, steps: 0, computed: 0, lineage: start, struck: Vec::new(), standing: Vec::new() };
        let (run, pending) = (Defended::new(trainer, defences).persistent(), Vec::new());
        let (tuning, leaves) = (None, None);
        Self { run, computed: start, proxy, start, state, pending, memo, store, build, device, tuning, leaves }
    }

    /// Has the trainer computed by the device, if there is one.
    fn open(&mut self) -> Result<(), PayloadError> {
        if let (Some(device), None) = (&self.device, self.setup().engine()) {
            let engine = device.engine(self.setup().config(), self.setup().settings().batch);
            let engine = engine.map_err(|error| PayloadError::Failed(error.to_string()))?;
            self.run.trainer_mut().move_to(engine);
        }
        Ok(())
    }

    /// The same run continued from a trained network instead of fresh weights: from one at hand at once, from a job's when the first
    /// step is due.
    ///
    /// # Errors
    /// A network that is at hand and cannot be continued from, or adapters that cannot be had.
    pub fn fine_tuning(mut self, tuning: FineTuning) -> Result<Self, TrainError> {
        tuning.adapters.map(AdapterConfig::validated).transpose()?;
        if let Origin::Network(network) = &tuning.from {
            let trainer = tuned(self.setup(), network, tuning.adapters)?;
            self.replace(trainer);
        }
        if tuning.adapters.is_some() {
            self.device = None;
        }
        self.tuning = Some(tuning);
        Ok(self)
    }

    /// The same run, which leaves its network at `handover` when the job called `name` is done.
    #[must_use]
    pub fn leaving(mut self, name: &str, handover: Handover) -> Self {
        self.leaves = Some((name.to_owned(), handover));
        self
    }

    /// Puts the first weights in place where they are those of a network: before the first step, and again after a new start.
    fn begin(&mut self) -> Result<(), PayloadError> {
        let Some(tuning) = &self.tuning else { return Ok(()) };
        let network = tuning.from.network()?;
        let described = format!(
            "{} from {:x} {:?}",
            described(self.setup(), &self.proxy, self.run.defences(), self.device.as_deref()),
            xxh3_64(&network.bytes),
            tuning.adapters
        );
        let start = Lineage::start(&described, self.build);
        if self.start != start {
            let trainer = tuned(self.setup(), &network, tuning.adapters).map_err(failed)?;
            self.replace(trainer);
            self.memo = Memo::load(self.store.as_ref(), start);
            (self.start, self.computed, self.state.lineage) = (start, start, start);
        }
        // A run that began anew has a past.
        if self.state.computed == 0 {
            self.state.lineage = start;
        }
        Ok(())
    }

    /// The first step's weights looked at, where they have been trained before.
    fn before(&mut self) -> Result<Option<Step>, PayloadError> {
        if self.tuning.is_none() || self.state.computed > 0 {
            return Ok(None);
        }
        if self.memo.step(self.start).is_none() {
            self.catch_up()?;
            let (validation, text) = self.look(0);
            self.working()?;
            let step = Step { number: 0, loss: validation, validation: Some(validation), text: Some(text) };
            self.memo.insert(self.start, Attempt::Made(step));
        }
        match self.memo.step(self.start) {
            Some(Attempt::Made(step)) => Ok(Some(step.clone())),
            Some(Attempt::Caught { .. }) | None => unreachable!("what was looked at has just been remembered"),
        }
    }

    /// Leaves the network where others look for it.
    fn leave(&mut self) -> Result<(), PayloadError> {
        let Some((name, handover)) = self.leaves.clone() else { return Ok(()) };
        self.catch_up()?;
        let bytes = self.run.trainer().network();
        self.working()?;
        handover.put(TrainedNetwork { name, bytes });
        Ok(())
    }

    /// The training run, its buffers where the payload's state is.
    ///
    /// # Errors
    /// As [`Payload::restore`].
    pub fn trainer(&mut self) -> Result<&mut Trainer, PayloadError> {
        self.catch_up()?;
        Ok(self.run.trainer_mut())
    }

    /// The training run as it was set up: its sizes and its text; what its buffers hold is not said.
    #[must_use]
    pub fn setup(&self) -> &Trainer {
        self.run.trainer()
    }

    fn flop_per_step(&self) -> f64 {
        self.proxy.job.0 / self.proxy.iterations as f64
    }

    /// One step, remembered or computed, and what it adds to `progress`.
    fn step(&mut self, progress: &mut Progress) -> Result<(), PayloadError> {
        let upsets = std::mem::take(&mut self.pending);
        let next = self.state.lineage.step(&upsets);
        let attempt = match self.memo.step(next) {
            Some(attempt) => attempt.clone(),
            None => {
                self.catch_up()?;
                let attempt = self.compute(&upsets)?;
                let due = matches!(&attempt, Attempt::Made(step) if step.text.is_some());
                let state = due.then(|| self.run.checkpoint());
                self.working()?;
                self.computed = next;
                self.memo.insert(next, attempt.clone());
                if let Some(state) = state {
                    self.memo.keep(self.store.as_ref(), self.start, next, self.state.computed + 1, state);
                }
                attempt
            }
        };
        if !upsets.is_empty() {
            let struck = upsets.iter().map(|u| Struck { draw: u.draw, memory_corrected: u.memory_corrected });
            self.state.struck.push((self.state.computed, struck.collect()));
        }
        (self.state.lineage, self.state.computed) = (next, self.state.computed + 1);
        match attempt {
            Attempt::Made(step) => {
                if !upsets.is_empty() {
                    self.state.standing.push((self.state.steps, upsets.len() as u32));
                }
                self.state.steps += 1;
                progress.losses.push(step.loss());
                tell(progress, self.state.steps, step);
            }
            Attempt::Caught { step, guard, remedy } => {
                let lost = remedy.steps_lost();
                self.state.steps = (step + 1).saturating_sub(lost);
                let undone = self.state.standing.extract_if(.., |(struck, _)| *struck >= self.state.steps);
                let upsets_undone = upsets.len() as u32 + undone.map(|(_, upsets)| upsets).sum::<u32>();
                let units_lost = lost as f64 * self.flop_per_step() / self.proxy.unit.0;
                progress.incidents.push(Incident { step, guard, remedy, units_lost, upsets_undone });
            }
        }
        Ok(())
    }

    /// Computes the run's next step.
    fn compute(&mut self, upsets: &[Upset]) -> Result<Attempt, PayloadError> {
        let computed = self.run.step_observed(|phase, buffers| {
            for strike in upsets.iter().filter(|strike| moment(strike) == phase) {
                flip(strike, buffers);
            }
        });
        let report = match computed {
            Ok(Some(report)) => report,
            Ok(None) => {
                let (alarm, remedy) = self.run.incidents().last().expect("a step that was not made alarmed");
                return Ok(Attempt::Caught {
                    step: alarm.iteration(),
                    guard: alarm.guard().to_owned(),
                    remedy: *remedy,
                });
            }
            Err(Lost::Alarm(alarm)) => {
                let first = self.first_trainer()?;
                let remedy = self.run.begin_anew(first, alarm).map_err(told)?;
                return Ok(Attempt::Caught { step: alarm.iteration(), guard: alarm.guard().to_owned(), remedy });
            }
            Err(lost) => return Err(told(lost)),
        };
        let done = report.iteration + 1;
        let due = done.is_multiple_of(self.proxy.evaluate_interval) || done == self.proxy.iterations;
        let (validation, text) = due.then(|| self.look(done)).unzip();
        Ok(Attempt::Made(Step { number: report.iteration, loss: report.loss, validation, text }))
    }

    /// Brings the run's buffers to the payload's state: from the latest state kept on its way, else from the start.
    fn catch_up(&mut self) -> Result<(), PayloadError> {
        self.open()?;
        if self.computed == self.state.lineage {
            return Ok(());
        }
        let way = self.way();
        let kept =
            way.iter().enumerate().rev().find_map(|(steps, (lineage, _))| Some((steps, self.memo.state(*lineage)?)));
        let from = match kept {
            Some((steps, state)) => {
                let state = state.to_vec();
                self.run.restore(&state).map_err(told)?;
                steps
            }
            None => {
                let first = self.first_trainer()?;
                self.replace(first);
                0
            }
        };
        for (_, upsets) in &way[from + 1..] {
            self.compute(upsets)?;
        }
        self.computed = self.state.lineage;
        Ok(())
    }

    /// An error if the device failed, after which nothing it says is to be used.
    fn working(&self) -> Result<(), PayloadError> {
        match self.setup().engine().and_then(Engine::failure) {
            Some(reason) => Err(PayloadError::Failed(format!("the device that trains failed: {reason}"))),
            None => Ok(()),
        }
    }

    /// Takes `trainer` for the run, computed where the one before was and under the same defences.
    fn replace(&mut self, trainer: Trainer) {
        let fresh = Defended::new(trainer, self.run.defences()).persistent();
        let engine = std::mem::replace(&mut self.run, fresh).into_trainer().into_engine();
        if let Some(engine) = engine {
            self.run.trainer_mut().move_to(engine);
        }
    }

    /// The trainer before its first step.
    fn first_trainer(&self) -> Result<Trainer, PayloadError> {
        let trainer = self.setup();
        match &self.tuning {
            Some(tuning) => tuned(trainer, &*tuning.from.network()?, tuning.adapters),
            None => Trainer::new(*trainer.config(), *trainer.settings(), trainer.corpus_shared()),
        }
        .map_err(failed)
    }

    /// Every lineage from the start to the payload's state, with the upsets that led to it.
    fn way(&self) -> Vec<(Lineage, Vec<Upset>)> {
        let mut way = vec![(self.start, Vec::new())];
        let mut struck = self.state.struck.iter().peekable();
        for number in 0..self.state.computed {
            let upsets: Vec<Upset> = struck
                .next_if(|(of, _)| *of == number)
                .map(|(_, all)| {
                    all.iter().map(|s| Upset { draw: s.draw, memory_corrected: s.memory_corrected }).collect()
                })
                .unwrap_or_default();
            let lineage = way[number as usize].0.step(&upsets);
            way.push((lineage, upsets));
        }
        way
    }

    /// Validation loss and a sample of generated text.
    fn look(&mut self, done: u64) -> (f64, String) {
        let (opening, trainer) = (self.opening(), self.run.trainer_mut());
        let loss = trainer.evaluate(Part::Validation, self.proxy.evaluate_batches);
        let seed = trainer.settings().seed;
        let sampling = Sampling { temperature: SAMPLE_TEMPERATURE, top_k: SAMPLE_TOP_K, sample: done as u32, seed };
        let sample = trainer.sample(&opening, self.proxy.sample_tokens, &sampling);
        let sample = sample.expect("a text has what it is opened with");
        (loss, format!("step {done}, validation loss {loss:.4}: {}", sample.trim()))
    }

    /// What samples continue: a line's end, or what a text without lines begins with.
    fn opening(&self) -> String {
        let (corpus, line) = (self.setup().corpus(), "\n");
        match corpus.vocabulary().encode("opening", line) {
            Ok(_) => line.to_owned(),
            Err(_) => corpus.vocabulary().decode(&corpus.tokens(Part::Training)[..1]),
        }
    }
}

/// What decides a run, but for where its weights come from.
fn described(trainer: &Trainer, proxy: &Proxy, defences: Defences, device: Option<&dyn Device>) -> String {
    let device = device.map_or_else(String::new, |device| format!(" on {}", device.name()));
    let under = if defences.any() { format!(" under {defences:?}") } else { String::new() };
    format!(
        "{:?} {:?} {:x} every {} over {} batches, {} tokens{device}{under}",
        trainer.config(),
        trainer.settings(),
        trainer.corpus().digest(),
        proxy.evaluate_interval,
        proxy.evaluate_batches,
        proxy.sample_tokens
    )
}

/// A run of `trainer`'s settings and text from the weights of `network`.
fn tuned(trainer: &Trainer, network: &TrainedNetwork, adapters: Option<AdapterConfig>) -> Result<Trainer, TrainError> {
    Trainer::fine_tune((&network.name, &network.bytes), *trainer.settings(), trainer.corpus_shared(), adapters)
}

fn failed(error: impl std::error::Error) -> PayloadError {
    PayloadError::Failed(error.to_string())
}

/// What a run says that cannot go on, with the alarm that ended it.
fn told(lost: Lost) -> PayloadError {
    let alarm = std::error::Error::source(&lost).map(|alarm| format!(": {alarm}"));
    PayloadError::Failed(format!("{lost}{}", alarm.unwrap_or_default()))
}

/// The moment of a step at which an upset strikes.
///
/// Where memory is corrected, what flips unseen is in flight: activations and gradients. Elsewhere it may be anything resident.
fn moment(strike: &Upset) -> Phase {
    if strike.memory_corrected && strike.draw & 1 == 0 { Phase::Forward { pass: 0 } } else { Phase::Gradients }
}

/// Flips the bit that the strike's draw chooses: every resident bit it can reach is equally likely.
fn flip(strike: &Upset, buffers: &mut dyn Memory) {
    let reach: &[Region] = match (strike.memory_corrected, moment(strike)) {
        (true, Phase::Forward { .. }) => &[Region::Activations],
        (true, _) => &[Region::Gradients],
        (false, _) => &Region::ALL,
    };
    let bits = |region: &Region| 8 * buffers.bytes(*region) as u64;
    let total: u64 = reach.iter().map(bits).sum();
    // The low bit has chosen the moment.
    let mut place = ((u128::from(strike.draw >> 1) * u128::from(total)) >> 63) as u64;
    for region in reach {
        if place < bits(region) {
            buffers.flip(*region, place as usize);
            return;
        }
        place -= bits(region);
    }
}

/// Adds what was evaluated after `done` steps.
fn tell(progress: &mut Progress, done: u64, step: Step) {
    let say = |text: String| Output { size: Bits(CHARACTER_BITS * text.len() as f64), text: Some(text) };
    progress.validations.extend(step.validation.map(|value| Loss { step: done, value }));
    progress.outputs.extend(step.text.map(say));
}

impl Payload for TrainingPayload {
    fn advance(&mut self, granted: Flops, upsets: &[Upset]) -> Result<Progress, PayloadError> {
        self.pending.extend_from_slice(upsets);
        self.state.banked += granted.0;
        let mut progress = Progress { units: granted.0 / self.proxy.unit.0, ..Progress::default() };
        // Half a millionth of a step forgives the rounding of many small grants.
        while self.state.banked >= self.flop_per_step() * (1.0 - 5e-7) && self.state.steps < self.proxy.iterations {
            self.state.banked -= self.flop_per_step();
            if self.state.steps == 0 {
                self.begin()?;
                if let Some(step) = self.before()? {
                    tell(&mut progress, 0, step);
                }
            }
            self.step(&mut progress)?;
            if self.state.steps == self.proxy.iterations {
                self.leave()?;
            }
        }
        Ok(progress)
    }

    fn checkpoint(&self) -> Vec<u8> {
        serde_json::to_vec(&self.state).expect("numbers and lists are JSON")
    }

    fn restore(&mut self, checkpoint: &[u8]) -> Result<(), PayloadError> {
        self.state = serde_json::from_slice(checkpoint)
            .map_err(|error| PayloadError::Checkpoint { got: checkpoint.len(), reason: error.to_string() })?;
        if self.state.computed == 0 {
            self.state.lineage = self.start;
        }
        self.pending.clear();
        Ok(())
    }

    fn restart(&mut self, _units: f64) -> Result<(), PayloadError> {
        Err(PayloadError::Failed("training goes on from a checkpoint, not from a count of tokens".to_owned()))
    }

    fn proxy(&self) -> Option<String> {
        let Proxy { simulated_steps, iterations, .. } = self.proxy;
        let trainer = self.run.trainer();
        let config = trainer.config();
        let trained = match &self.tuning {
            None => "trained".to_owned(),
            Some(FineTuning { from, adapters: None }) => format!("continued from {} with all weights", from.name()),
            Some(FineTuning { from, adapters: Some(adapters) }) => {
                let layout = trainer.layout();
                let (of, all) = (AdapterLayout::new(*adapters, layout).elements(), layout.elements());
                let rank = adapters.rank;
                format!("continued from {} with adapters of rank {rank} ({of} numbers beside {all})", from.name())
            }
        };
        let network = format!(
            "a GPT of {} layers, {} wide, context {}, {trained} for real on {}{}",
            config.layers,
            config.width,
            config.context,
            trainer.corpus().name(),
            self.device.as_ref().map_or_else(String::new, |device| format!(" (computed by {})", device.name()))
        );
        let stands = simulated_steps as f64 / iterations as f64;
        let defences = self.run.defences();
        let names: Vec<&str> = defences.each().into_iter().map(|(name, _)| name).collect();
        let under = if names.is_empty() { String::new() } else { format!(", defended by {}", names.join(", ")) };
        Some(format!("{network}{under}; one executed step stands for {stands:.2} steps of the simulated job"))
    }
}

#[cfg(test)]
mod tests;
