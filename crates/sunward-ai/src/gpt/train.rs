//! The training run: steps, evaluation, checkpoints, and the buffers that upsets strike.

use std::borrow::Cow;
use std::sync::Arc;

use thiserror::Error;

use super::adapters::{AdapterConfig, AdapterLayout};
use super::checkpoint::{self, Checkpoint, CheckpointError, Run, Section};
use super::config::{ConfigError, GptConfig, TrainConfig};
use super::data::{Batch, Corpus, DataError, Part};
use super::engine::{Engine, Memory};
use super::model::{Network, Plan, weight_gradients};
use super::optimizer::{Factors, Moments, adamw, gradient_norm};
use super::parameters::{Layout, PackedWeights, Tensor};
use super::sample::{self, Sampling};
use super::schedule::learning_rate;
use super::watch::{Place, Strike, Watch, flip};
use crate::kernel::product::Output;
use sunward_units::random::{Purpose, Stream};

/// A run that cannot be set up.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum TrainError {
    /// A size or setting.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The text.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The text has more tokens than the network.
    #[error("{name} has {got} distinct tokens, expected at most the network's {expected}")]
    Vocabulary {
        /// Name of the text.
        name: String,
        /// Its distinct tokens.
        got: usize,
        /// The network's.
        expected: usize,
    },
}

/// One of the flat buffers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Region {
    /// The network's weights.
    Weights,
    /// Gradients of the weights.
    Gradients,
    /// First moments of the optimiser.
    FirstMoment,
    /// Second moments of the optimiser.
    SecondMoment,
    /// Activations of the pass under way, and their gradients.
    Activations,
    /// Low-rank adapters; empty where all weights are trained.
    Adapters,
    /// Gradients of the adapters.
    AdapterGradients,
}

impl Region {
    /// All regions.
    pub const ALL: [Self; 7] = [
        Self::Weights,
        Self::Gradients,
        Self::FirstMoment,
        Self::SecondMoment,
        Self::Activations,
        Self::Adapters,
        Self::AdapterGradients,
    ];
}

/// The memory of a run: one flat buffer a region.
///
/// **Not modelled**: the packed copy of the weights, which every step rebuilds and which stands for caches.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Buffers {
    regions: [Vec<f32>; 7],
}

impl Buffers {
    /// Gradients, moments and activations of a run, all zero; no weights.
    fn new(layout: &Layout, plan: &Plan) -> Self {
        let mut buffers = Self::default();
        for region in [Region::Gradients, Region::FirstMoment, Region::SecondMoment] {
            buffers.regions[region as usize] = vec![0.0; layout.elements()];
        }
        buffers.regions[Region::Activations as usize] = vec![0.0; plan.activations_len()];
        buffers
    }

    /// The elements of `region`.
    #[must_use]
    pub fn region(&self, region: Region) -> &[f32] {
        &self.regions[region as usize]
    }

    /// The elements of `region`, to change.
    pub fn region_mut(&mut self, region: Region) -> &mut [f32] {
        &mut self.regions[region as usize]
    }
}

/// Bit b of element i has index 32 i + b, b = 31 being the sign.
impl Memory for Buffers {
    fn bytes(&self, region: Region) -> usize {
        size_of_val(self.region(region))
    }

    fn flip(&mut self, region: Region, bit: usize) {
        flip(self.region_mut(region), bit);
    }
}

/// A moment within a step at which buffers can be looked at or struck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Before anything is computed.
    Start,
    /// The activations of this pass are computed, its gradients not yet.
    Forward {
        /// Pass, from 0.
        pass: usize,
    },
    /// The activations of this pass have become their gradients.
    Backward {
        /// Pass, from 0.
        pass: usize,
    },
    /// All gradients are there; the weights have not moved.
    Gradients,
    /// The weights have moved.
    End,
}

/// What one step did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepReport {
    /// Which step, from 0.
    pub iteration: u64,
    /// Mean cross-entropy of its batch before the weights moved (nat).
    pub loss: f64,
    /// Learning rate.
    pub learning_rate: f64,
    /// Norm of the gradient before clipping.
    pub gradient_norm: f64,
}

/// A training run in memory. A clone is in this processor's memory, whatever computes the run.
#[derive(Debug)]
pub struct Trainer {
    config: GptConfig,
    settings: TrainConfig,
    corpus: Arc<Corpus>,
    layout: Layout,
    plan: Plan,
    packed: PackedWeights,
    adapters: Option<Adapters>,
    buffers: Buffers,
    /// The device that computes in place of this processor, and then holds weights, gradients, moments and activations.
    engine: Option<Box<dyn Engine>>,
    pub(super) watch: Watch,
    iteration: u64,
}

/// Adapters under training and the weights merged with them.
#[derive(Debug, Clone)]
struct Adapters {
    config: AdapterConfig,
    layout: AdapterLayout,
    merged: Vec<f32>,
}

impl Clone for Trainer {
    fn clone(&self) -> Self {
        let mut buffers = self.buffers.clone();
        if self.engine.is_some() {
            buffers = Buffers::new(&self.layout, &self.plan);
            for region in [Region::Weights, Region::FirstMoment, Region::SecondMoment] {
                buffers.regions[region as usize] = self.lasting(region).into_owned();
            }
        }
        Self {
            config: self.config,
            settings: self.settings,
            corpus: Arc::clone(&self.corpus),
            layout: self.layout.clone(),
            plan: self.plan.clone(),
            packed: self.packed.clone(),
            adapters: self.adapters.clone(),
            buffers,
            engine: None,
            watch: self.watch.clone(),
            iteration: self.iteration,
        }
    }
}

impl Trainer {
    /// A new run of `config` on `corpus`.
    ///
    /// # Errors
    /// Unusable sizes or settings, or a text that does not fit them.
    pub fn new(config: GptConfig, settings: TrainConfig, corpus: Arc<Corpus>) -> Result<Self, TrainError> {
        // The text first: without a character in it there would be no vocabulary to train, and that is not what to tell.
        corpus.check(config.context)?;
        let (config, settings) = (config.validated()?, settings.validated()?);
        if corpus.vocabulary().size() > config.vocabulary {
            let (got, expected) = (corpus.vocabulary().size(), config.vocabulary);
            return Err(TrainError::Vocabulary { name: corpus.name().to_owned(), got, expected });
        }
        let layout = Layout::new(&config);
        let plan = Plan::new(&config, settings.batch);
        let mut buffers = Buffers::new(&layout, &plan);
        buffers.regions[Region::Weights as usize] = layout.initial_weights(settings.seed);
        let packed = PackedWeights::new(&layout);
        let watch = Watch::default();
        Ok(Self {
            config,
            settings,
            corpus,
            layout,
            plan,
            packed,
            adapters: None,
            buffers,
            engine: None,
            watch,
            iteration: 0,
        })
    }

    /// The run of a checkpoint, continued as if it had never stopped.
    ///
    /// # Errors
    /// An unusable checkpoint, or one of another text.
    pub fn resume(name: &str, bytes: &[u8], corpus: Arc<Corpus>) -> Result<Self, TrainError> {
        let run = Checkpoint::read(name, bytes)?.run;
        let mut trainer = Self::new(run.config, run.settings, corpus)?;
        if let Some(adapters) = run.adapters {
            trainer.adapt(adapters);
        }
        trainer.restore(name, bytes)?;
        Ok(trainer)
    }

    /// A new run on another text that starts from a checkpoint's weights; with `adapters`, only those are trained.
    ///
    /// # Errors
    /// An unusable checkpoint or settings, or a corpus whose tokens mean something else than the checkpoint's.
    pub fn fine_tune(
        (name, bytes): (&str, &[u8]),
        settings: TrainConfig,
        corpus: Arc<Corpus>,
        adapters: Option<AdapterConfig>,
    ) -> Result<Self, TrainError> {
        let from = Checkpoint::read(name, bytes)?;
        from.same("vocabulary", corpus.vocabulary(), &from.run.vocabulary)?;
        let mut trainer = Self::new(from.run.config, settings, corpus)?;
        trainer.load_weights(&from)?;
        if let Some(adapters) = adapters {
            trainer.adapt(adapters.validated()?);
        }
        Ok(trainer)
    }

    /// Has the run computed by `engine` from now on, which was made for its network and batch.
    ///
    /// # Panics
    /// If adapters are trained, which engines do not hold, or the device fails.
    pub fn move_to(&mut self, mut engine: Box<dyn Engine>) {
        assert!(self.adapters.is_none(), "adapters are trained on this processor");
        let [weights, gradients, first, second, activations, ..] = &mut self.buffers.regions;
        engine.load(weights, first, second);
        for emptied in [gradients, first, second, activations] {
            *emptied = Vec::new();
        }
        self.engine = Some(engine);
    }

    /// What computed the run, for another.
    pub(crate) fn into_engine(self) -> Option<Box<dyn Engine>> {
        self.engine
    }

    /// The device that computes in place of this processor.
    #[must_use]
    pub fn engine(&self) -> Option<&dyn Engine> {
        self.engine.as_deref()
    }

    /// Leaves the weights as they are from now on and trains fresh adapters.
    fn adapt(&mut self, config: AdapterConfig) {
        let layout = AdapterLayout::new(config, &self.layout);
        for region in [Region::FirstMoment, Region::SecondMoment, Region::AdapterGradients] {
            self.buffers.regions[region as usize] = vec![0.0; layout.elements()];
        }
        self.buffers.regions[Region::Adapters as usize] = layout.initial(self.settings.seed);
        self.adapters = Some(Adapters { config, layout, merged: vec![0.0; self.layout.elements()] });
    }

    /// Weights of a checkpoint; adapters in it are merged into them.
    fn load_weights(&mut self, from: &Checkpoint<'_>) -> Result<(), CheckpointError> {
        from.fill("", &self.layout.tensors, self.buffers.region_mut(Region::Weights))?;
        if let Some(config) = from.run.adapters {
            let layout = AdapterLayout::new(config, &self.layout);
            let mut adapters = vec![0.0; layout.elements()];
            from.fill("", &layout.tensors, &mut adapters)?;
            let base = self.buffers.region(Region::Weights).to_vec();
            layout.merge(&base, &adapters, self.buffers.region_mut(Region::Weights));
        }
        Ok(())
    }

    /// Sizes of the network.
    #[must_use]
    pub fn config(&self) -> &GptConfig {
        &self.config
    }

    /// Settings of the run.
    #[must_use]
    pub fn settings(&self) -> &TrainConfig {
        &self.settings
    }

    /// The text.
    #[must_use]
    pub fn corpus(&self) -> &Corpus {
        &self.corpus
    }

    /// The text, to share.
    #[must_use]
    pub fn corpus_shared(&self) -> Arc<Corpus> {
        Arc::clone(&self.corpus)
    }

    /// Steps done.
    #[must_use]
    pub fn iteration(&self) -> u64 {
        self.iteration
    }

    /// Places of the weights' tensors.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// How a batch is cut and where its activations lie.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The packed copy of the weights.
    #[must_use]
    pub fn packed(&self) -> &PackedWeights {
        &self.packed
    }

    /// Tokens of one step.
    #[must_use]
    pub fn tokens_per_step(&self) -> usize {
        self.settings.batch * self.config.context
    }

    /// The memory of the run.
    #[must_use]
    pub fn buffers(&self) -> &Buffers {
        &self.buffers
    }

    /// The memory of the run, to strike.
    pub fn buffers_mut(&mut self) -> &mut Buffers {
        &mut self.buffers
    }

    /// Trains one step.
    pub fn step(&mut self) -> StepReport {
        self.step_observed(|_, _| {})
    }

    /// Trains one step, calling `observe` at each [`Phase`].
    pub fn step_observed(&mut self, mut observe: impl FnMut(Phase, &mut dyn Memory)) -> StepReport {
        let report = self.compute(&self.batch(), &mut observe);
        self.update(&report);
        observe(Phase::End, self.memory());
        report
    }

    /// What a step computes in.
    pub(super) fn memory(&mut self) -> &mut dyn Memory {
        match &mut self.engine {
            Some(engine) => engine.as_mut(),
            None => &mut self.buffers,
        }
    }

    /// The batch of the next step.
    pub(super) fn batch(&self) -> Batch {
        Batch::of_step(&self.corpus, self.settings.batch, self.config.context, self.settings.seed, self.iteration)
    }

    /// Loss and gradients of the next step on `batch`; weights stay.
    pub(super) fn compute(&mut self, batch: &Batch, observe: &mut impl FnMut(Phase, &mut dyn Memory)) -> StepReport {
        let (loss, gradient_norm) = match &mut self.engine {
            Some(engine) => compute_on(engine.as_mut(), batch, observe),
            None => self.compute_here(batch, observe),
        };
        let learning_rate = learning_rate(&self.settings, self.iteration);
        StepReport { iteration: self.iteration, loss, learning_rate, gradient_norm }
    }

    /// Mean loss and norm of the gradients, computed by this processor.
    fn compute_here(&mut self, batch: &Batch, observe: &mut impl FnMut(Phase, &mut dyn Memory)) -> (f64, f64) {
        let strike = self.watch.strike;
        let mut observe = |phase: Phase, buffers: &mut Buffers| {
            observe(phase, buffers);
            match strike {
                Some(Strike { place: Place::Buffer { region, phase: at }, bit }) if at == phase => {
                    buffers.flip(region, bit);
                }
                _ => {}
            }
        };
        self.watch.begin(self.config.layers);
        observe(Phase::Start, &mut self.buffers);
        self.pack();
        if let Some(Strike { place: Place::Packed, bit }) = strike {
            flip(self.packed.packed_mut(), bit);
        }
        let pass_tokens = self.plan.pass_sequences() * self.config.context;
        let mut loss = 0.0;
        let passes = batch.inputs.chunks_exact(pass_tokens).zip(batch.targets.chunks_exact(pass_tokens));
        for (pass, (inputs, targets)) in passes.enumerate() {
            self.with_network(pass, |network, activations| network.forward(inputs, activations));
            observe(Phase::Forward { pass }, &mut self.buffers);
            loss += self.with_network(pass, |network, activations| {
                let loss = network.loss(targets, activations);
                network.backward(activations);
                loss
            });
            observe(Phase::Backward { pass }, &mut self.buffers);
            let [weights, gradients, _, _, activations, ..] = &mut self.buffers.regions;
            let output = if pass == 0 { Output::Replace } else { Output::Add };
            let network = network(&self.plan, &self.layout, weights, &self.packed, &self.watch);
            weight_gradients(network, inputs, activations, gradients, output);
        }
        let [_, gradients, .., adapters, adapter_gradients] = &mut self.buffers.regions;
        if let Some(Adapters { layout, .. }) = &self.adapters {
            layout.gradients(adapters, gradients, adapter_gradients);
        }
        observe(Phase::Gradients, &mut self.buffers);
        (loss / batch.inputs.len() as f64, gradient_norm(self.buffers.region(self.trained().1)))
    }

    /// The regions that are trained and that hold their gradients.
    pub(super) fn trained(&self) -> (Region, Region) {
        match self.adapters {
            None => (Region::Weights, Region::Gradients),
            Some(_) => (Region::Adapters, Region::AdapterGradients),
        }
    }

    /// Moves what is trained by the gradients of `report`, and counts the step.
    pub(super) fn update(&mut self, report: &StepReport) {
        self.iteration = report.iteration + 1;
        let factors = Factors::new(&self.settings, report.learning_rate, self.iteration, report.gradient_norm);
        if let Some(engine) = &mut self.engine {
            let [decaying, others] = factors;
            return engine.update(&decaying, &others);
        }
        let [weights, gradients, first, second, _, adapters, adapter_gradients] = &mut self.buffers.regions;
        let (weights, gradients, decay_end) = match &self.adapters {
            None => (weights, gradients, self.layout.matrices_end),
            Some(tuned) => (adapters, adapter_gradients, tuned.layout.elements()),
        };
        let moments = Moments { weights, gradients, first, second };
        adamw(moments, factors, decay_end);
    }

    /// Packs the weights, merged with the adapters if there are any.
    fn pack(&mut self) {
        let [weights, _, _, _, _, values, _] = &self.buffers.regions;
        match &mut self.adapters {
            None => self.packed.pack(weights, self.watch.products),
            Some(Adapters { layout, merged, .. }) => {
                layout.merge(weights, values, merged);
                self.packed.pack(merged, self.watch.products);
            }
        }
    }

    /// Calls `work` with the packed network in pass `pass` and the activations.
    fn with_network<R>(&mut self, pass: usize, work: impl FnOnce(&Network<'_>, &mut [f32]) -> R) -> R {
        let [weights, _, _, _, activations, ..] = &mut self.buffers.regions;
        let weights = self.adapters.as_ref().map_or(&*weights, |tuned| &tuned.merged);
        let network = network(&self.plan, &self.layout, weights, &self.packed, &self.watch);
        work(&Network { pass, ..network }, activations)
    }

    /// Mean cross-entropy (nat) over `batches` batches of `part`, the same ones at every call.
    pub fn evaluate(&mut self, part: Part, batches: u32) -> f64 {
        if self.engine.is_none() {
            self.pack();
        }
        let (settings, context, corpus) = (self.settings, self.config.context, Arc::clone(&self.corpus));
        let mut total = 0.0;
        for number in 0..batches {
            let stream = Stream::new(settings.seed, number, Purpose::Evaluation);
            total += self.batch_loss(&Batch::draw(corpus.tokens(part), settings.batch, context, stream));
        }
        total / (f64::from(batches) * self.tokens_per_step() as f64)
    }

    /// Summed cross-entropy (nat) of a batch by the weights that are packed.
    fn batch_loss(&mut self, batch: &Batch) -> f64 {
        if let Some(engine) = &mut self.engine {
            engine.forward(batch);
            return engine.loss() * batch.inputs.len() as f64;
        }
        let pass_tokens = self.plan.pass_sequences() * self.config.context;
        let passes = batch.inputs.chunks_exact(pass_tokens).zip(batch.targets.chunks_exact(pass_tokens));
        let mut total = 0.0;
        for (inputs, targets) in passes {
            total += self.with_network(0, |network, activations| {
                network.forward(inputs, activations);
                network.loss(targets, activations)
            });
        }
        total
    }

    /// `count` tokens of text after `prompt`.
    ///
    /// # Errors
    /// A character of the prompt that the vocabulary lacks.
    pub fn sample(&mut self, prompt: &str, count: usize, sampling: &Sampling) -> Result<String, DataError> {
        let corpus = Arc::clone(&self.corpus);
        let prompt = corpus.vocabulary().encode("prompt", prompt)?;
        if let Some(engine) = &self.engine {
            self.buffers.regions[Region::Weights as usize] = engine.read(Region::Weights);
        }
        self.pack();
        let plan = sample::plan(&self.config);
        let weights = self.adapters.as_ref().map_or(self.buffers.region(Region::Weights), |tuned| &tuned.merged);
        let network = network(&plan, &self.layout, weights, &self.packed, &self.watch);
        Ok(corpus.vocabulary().decode(&sample::generate(&network, self.config.context, &prompt, count, sampling)))
    }

    /// The run as bytes, from which [`Trainer::restore`] and [`Trainer::resume`] go on bit by bit.
    #[must_use]
    pub fn checkpoint(&self) -> Vec<u8> {
        let trained = self.trained_tensors();
        let [first, second] = [Region::FirstMoment, Region::SecondMoment].map(|region| self.lasting(region));
        let weights = self.lasting(Region::Weights);
        let [weights, adapters] = self.network_sections(&weights);
        let moments = [("optimizer.first.", trained, &first[..]), ("optimizer.second.", trained, &second[..])];
        checkpoint::write(&self.run(), &[&[weights][..], &moments, &[adapters]].concat())
    }

    /// The network as bytes, without the state of its optimiser: enough for [`Trainer::fine_tune`].
    #[must_use]
    pub fn network(&self) -> Vec<u8> {
        checkpoint::write(&self.run(), &self.network_sections(&self.lasting(Region::Weights)))
    }

    /// Weights or moments, wherever they are held.
    fn lasting(&self, region: Region) -> Cow<'_, [f32]> {
        match &self.engine {
            Some(engine) => Cow::Owned(engine.read(region)),
            None => Cow::Borrowed(self.buffers.region(region)),
        }
    }

    /// Tensors of what is trained.
    fn trained_tensors(&self) -> &[Tensor] {
        self.adapters.as_ref().map_or(&self.layout.tensors, |tuned| &tuned.layout.tensors)
    }

    fn run(&self) -> Run {
        Run {
            config: self.config,
            settings: self.settings,
            adapters: self.adapters.as_ref().map(|tuned| tuned.config),
            iteration: self.iteration,
            corpus: self.corpus.digest(),
            vocabulary: self.corpus.vocabulary().clone(),
        }
    }

    /// Weights, and adapters (of no tensors where there are none).
    fn network_sections<'a>(&'a self, weights: &'a [f32]) -> [Section<'a>; 2] {
        let adapters = self.adapters.as_ref().map_or(&[][..], |tuned| &tuned.layout.tensors);
        [("", &self.layout.tensors, weights), ("", adapters, self.buffers.region(Region::Adapters))]
    }

    /// Puts the run back to where `bytes`, the content of the checkpoint called `name`, was taken.
    ///
    /// # Errors
    /// An unusable checkpoint, or one of another run; the run is then as it was.
    pub fn restore(&mut self, name: &str, bytes: &[u8]) -> Result<(), CheckpointError> {
        let from = Checkpoint::read(name, bytes)?;
        from.same("network", &self.config, &from.run.config)?;
        from.same("settings", &self.settings, &from.run.settings)?;
        from.same("adapters", &self.adapters.as_ref().map(|tuned| tuned.config), &from.run.adapters)?;
        from.same("digest of the text", &self.corpus.digest(), &from.run.corpus)?;
        let trained = self.trained_tensors();
        let mut sections = vec![
            (Region::Weights, "", &self.layout.tensors[..]),
            (Region::FirstMoment, "optimizer.first.", trained),
            (Region::SecondMoment, "optimizer.second.", trained),
        ];
        sections.extend(self.adapters.as_ref().map(|tuned| (Region::Adapters, "", &tuned.layout.tensors[..])));
        let mut read = Vec::with_capacity(sections.len());
        for (region, prefix, tensors) in sections {
            let mut values = vec![0.0; tensors.last().map_or(0, |last| last.range.end)];
            from.fill(prefix, tensors, &mut values)?;
            read.push((region, values));
        }
        if let (Some(engine), [(_, weights), (_, first), (_, second), ..]) = (&mut self.engine, &read[..]) {
            engine.load(weights, first, second);
        } else {
            for (region, values) in read {
                self.buffers.regions[region as usize] = values;
            }
        }
        self.iteration = from.run.iteration;
        Ok(())
    }
}

/// Mean loss and norm of the gradients, computed by `engine`.
fn compute_on(engine: &mut dyn Engine, batch: &Batch, observe: &mut impl FnMut(Phase, &mut dyn Memory)) -> (f64, f64) {
    observe(Phase::Start, engine);
    engine.forward(batch);
    observe(Phase::Forward { pass: 0 }, engine);
    let loss = engine.loss();
    engine.backward(batch);
    observe(Phase::Backward { pass: 0 }, engine);
    observe(Phase::Gradients, engine);
    (loss, engine.gradient_norm())
}

/// The network of a pass.
fn network<'a>(
    plan: &'a Plan,
    layout: &'a Layout,
    weights: &'a [f32],
    packed: &'a PackedWeights,
    watch: &'a Watch,
) -> Network<'a> {
    Network { plan, layout, weights, packed, watch, pass: 0, chunk: 0 }
}

#[cfg(test)]
mod tests;
