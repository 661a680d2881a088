//! Flips in a training run: a small GPT is trained, then each flip strikes a copy of it, which trains on to the end.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sunward_units::random::{Purpose, Stream};
use sunward_work::defence::{Defences, GuardConfig};

use super::{BitClass, CampaignError, Class, Outcome, Struck, check_tolerance, regions, require};
use crate::gpt::config::{GptConfig, TrainConfig};
use crate::gpt::data::{Corpus, Part};
use crate::gpt::defended::{Defended, Lost};
use crate::gpt::guards::{Alarm, Bytes, LASTING};
use crate::gpt::train::Trainer;
use crate::gpt::watch::{Strike, Target};
use crate::tensor_file::digest;

/// A training campaign as its file writes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingConfig {
    /// Flips.
    pub flips: u32,
    /// Whether error correction covers the memory, so that only data in flight can be struck unseen.
    pub memory_corrected: bool,
    /// What is struck; all that can be where it is left out.
    #[serde(default)]
    pub regions: Vec<Target>,
    /// Blocks of the network.
    pub layers: usize,
    /// Attention heads of a block.
    pub heads: usize,
    /// Width of the residual stream.
    pub width: usize,
    /// Tokens the network sees at once.
    pub context: usize,
    /// Sequences of a step.
    pub batch: usize,
    /// Highest learning rate.
    pub learning_rate: f64,
    /// Steps trained before any flip.
    pub steps: u64,
    /// Steps trained after them; flips strike in the first half of these.
    pub continued: u64,
    /// Batches of the final evaluation.
    pub evaluate_batches: u32,
    /// Fault-free runs of as many steps, each of another seed, for false alarms.
    pub quiet_runs: u32,
    /// What watches the run; nothing where it is left out.
    #[serde(default)]
    pub guards: GuardConfig,
    /// Steps between verified checkpoints; without it an alarm ends the run.
    pub rollback: Option<u64>,
}

/// Characters of the generated corpus.
const CORPUS_CHARACTERS: usize = 50_000;

impl TrainingConfig {
    /// What can be struck.
    fn targets(&self) -> Vec<Target> {
        if self.memory_corrected { Target::IN_FLIGHT.to_vec() } else { Target::RESIDENT.to_vec() }
    }

    /// What defends the run.
    #[must_use]
    pub fn defences(&self) -> Defences {
        Defences { guards: self.guards, rollback: self.rollback }
    }

    fn validated(&self) -> Result<Vec<Target>, CampaignError> {
        require(self.continued >= 2, "training.continued", self.continued as f64, "at least 2 steps")?;
        require(self.evaluate_batches > 0, "training.evaluate_batches", 0.0, "at least 1")?;
        let every = self.rollback.unwrap_or(1);
        require(every > 0, "training.rollback", 0.0, "at least 1 step")?;
        let guards = &self.guards;
        for (what, limit) in [
            ("training.guards.loss_spike", guards.loss_spike),
            ("training.guards.gradient_norm", guards.gradient_norm),
            ("training.guards.ranges", guards.ranges),
        ] {
            require(limit.is_none_or(|limit| limit > 0.0), what, limit.unwrap_or(0.0), "above 0")?;
        }
        regions(&self.regions, self.targets(), Target::name)
    }

    fn trainer(&self, seed: u64) -> Result<Trainer, CampaignError> {
        let corpus = Arc::new(Corpus::generated(CORPUS_CHARACTERS, seed));
        let &Self { layers, heads, width, context, batch, learning_rate, .. } = self;
        let config = GptConfig { layers, heads, width, context, vocabulary: corpus.vocabulary().size() };
        let iterations = self.steps + self.continued;
        let defaults = TrainConfig::default();
        let settings = TrainConfig {
            batch,
            iterations,
            learning_rate,
            learning_rate_min: learning_rate / 10.0,
            warmup: defaults.warmup.min(iterations / 10),
            seed,
            ..defaults
        };
        Ok(Trainer::new(config, settings, corpus)?)
    }
}

/// A prepared campaign: the fault-free twin, and its state at every step at which a flip may strike.
pub struct TrainingCampaign {
    config: TrainingConfig,
    seed: u64,
    tolerance: f64,
    targets: Vec<Target>,
    states: Vec<Defended>,
    /// Digests of the lasting memory after each step from the first state on.
    twin: Vec<Vec<u64>>,
    loss: f64,
    false_alarms: Vec<Alarm>,
    quiet_steps: u64,
}

fn digests(trainer: &Trainer) -> Vec<u64> {
    LASTING.iter().map(|region| digest(trainer.buffers().region(*region))).collect()
}

impl TrainingCampaign {
    /// Trains the fault-free twin of `config` and the quiet runs; a result worse by more than `tolerance` (nat) is harm.
    ///
    /// # Errors
    /// A configuration that cannot be trained, or whose defences end the fault-free run.
    pub fn prepare(config: &TrainingConfig, seed: u64, tolerance: f64) -> Result<Self, CampaignError> {
        check_tolerance(tolerance)?;
        let targets = config.validated()?;
        let mut run = Defended::new(config.trainer(seed)?, config.defences());
        let (mut states, mut twin) = (Vec::new(), Vec::new());
        let end = config.steps + config.continued;
        while run.trainer().iteration() < end {
            let at = run.trainer().iteration();
            if at >= config.steps && at == config.steps + twin.len() as u64 {
                twin.push(digests(run.trainer()));
                if at < config.steps + config.continued / 2 {
                    states.push(run.clone());
                }
            }
            run.step(None)?;
        }
        twin.push(digests(run.trainer()));
        let loss = run.trainer_mut().evaluate(Part::Validation, config.evaluate_batches);
        let alarms = |run: &Defended| run.incidents().iter().map(|incident| incident.0).collect::<Vec<_>>();
        let mut false_alarms = alarms(&run);
        for quiet in 0..config.quiet_runs {
            let mut run = Defended::new(config.trainer(seed.wrapping_add(1 + u64::from(quiet)))?, config.defences());
            while run.trainer().iteration() < end {
                run.step(None)?;
            }
            false_alarms.extend(alarms(&run));
        }
        let quiet_steps = end * (1 + u64::from(config.quiet_runs));
        Ok(Self { config: config.clone(), seed, tolerance, targets, states, twin, loss, false_alarms, quiet_steps })
    }

    /// Flips of the campaign.
    #[must_use]
    pub fn flips(&self) -> u32 {
        self.config.flips
    }

    /// Final validation loss of the fault-free twin (nat).
    #[must_use]
    pub fn fault_free_loss(&self) -> f64 {
        self.loss
    }

    /// Alarms of the fault-free runs, and their steps.
    #[must_use]
    pub fn false_alarms(&self) -> (&[Alarm], u64) {
        (&self.false_alarms, self.quiet_steps)
    }

    /// What the defences take.
    #[must_use]
    pub fn bytes(&self) -> Bytes {
        self.states[0].bytes()
    }

    /// A fault-free run at the beginning of the struck steps, to time.
    #[must_use]
    pub fn state(&self) -> &Defended {
        &self.states[0]
    }

    /// Strikes flip `number` and trains to the end.
    #[must_use]
    pub fn run(&self, number: u32) -> Outcome {
        let draw = Stream::new(self.seed, number, Purpose::Strike);
        let state = draw.below(self.states.len(), 0);
        let mut run = self.states[state].clone();
        let (target, strike) = run.trainer().draw_strike(&self.targets, draw, 1);
        let at = run.trainer().iteration();
        let mut outcome = Outcome {
            number,
            target: Struck::Training(target),
            bit: (strike.bit % 32) as u32,
            bit_class: BitClass::of_f32((strike.bit % 32) as u32),
            at,
            class: Class::Detected,
            guard: None,
            lost: 0,
            harm: None,
            exact: false,
        };
        let before = run.incidents().len();
        let lost = self.train_on(&mut run, strike);
        let incidents = &run.incidents()[before..];
        let alarm = incidents.first().map(|incident| incident.0).or(lost);
        outcome.guard = alarm.map(|alarm| alarm.guard().to_owned());
        outcome.lost = incidents.iter().map(|(_, remedy)| remedy.steps_lost()).sum();
        if lost.is_some() {
            return outcome;
        }
        outcome.exact = self.is_twin(&run);
        let loss = if outcome.exact {
            self.loss
        } else {
            run.trainer_mut().evaluate(Part::Validation, self.config.evaluate_batches)
        };
        let harm = loss - self.loss;
        outcome.harm = harm.is_finite().then_some(harm);
        outcome.class = match outcome.guard {
            _ if harm.is_nan() || harm > self.tolerance => Class::Silent,
            Some(_) => Class::Recovered,
            None => Class::Harmless,
        };
        outcome
    }

    /// Trains to the end, or until the run is its twin again, bit by bit; the alarm that ended it, if one did.
    fn train_on(&self, run: &mut Defended, strike: Strike) -> Option<Alarm> {
        let end = self.config.steps + self.config.continued;
        let mut strike = Some(strike);
        while run.trainer().iteration() < end {
            match run.step(strike.take()) {
                Ok(_) if self.is_twin(run) => return None,
                Ok(_) => {}
                Err(Lost::Alarm(alarm)) => return Some(alarm),
                Err(Lost::Checkpoint(_) | Lost::State | Lost::Always(_)) => {
                    unreachable!("nothing strikes a checkpoint, and a campaign's run does not begin anew")
                }
            }
        }
        None
    }

    /// Whether the lasting memory is the twin's at the same step.
    fn is_twin(&self, run: &Defended) -> bool {
        let since = run.trainer().iteration().checked_sub(self.config.steps);
        let twin = since.and_then(|since| self.twin.get(since as usize));
        twin.is_some_and(|twin| *twin == digests(run.trainer()))
    }
}

#[cfg(test)]
mod tests;
