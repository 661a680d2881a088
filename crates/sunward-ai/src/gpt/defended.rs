//! A training run that answers its guards: a step that alarms is computed again, or the run goes back to a verified checkpoint.
//!
//! If the lasting memory is as it was sealed, what struck is gone with the step, and computing it again is enough. If it is not, or
//! nobody watches it, the run goes back to its last checkpoint, which was verified when it was written and carries its own checksum.
//! A statistic that comes out alike twice from intact memory is the data's and no upset: the step is accepted.
//!
//! **Source**: Chowdhery et al., "PaLM", arXiv:2204.02311, section 5.1 (restart from an earlier checkpoint).

use thiserror::Error;

use super::checkpoint::CheckpointError;
use super::guards::{Alarm, Bytes, GuardConfig, Guards};
use super::train::{StepReport, Trainer};
use super::watch::Strike;

/// Guards and what follows from their alarms; the default is nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Defences {
    /// What watches.
    pub guards: GuardConfig,
    /// Steps between verified checkpoints; without it the run ends at an alarm, unless its memory is known to be intact.
    pub rollback: Option<u64>,
}

impl Defences {
    /// The recommended guards, and a verified checkpoint every ten steps.
    #[must_use]
    pub fn recommended() -> Self {
        Self { guards: GuardConfig::recommended(), rollback: Some(10) }
    }
}

impl Defences {
    /// Each that is switched on, alone, by name.
    #[must_use]
    pub fn each(&self) -> Vec<(&'static str, Self)> {
        let (guards, none) = (self.guards, GuardConfig::default());
        let alone = |guards| Self { guards, rollback: None };
        let mut each = Vec::new();
        let mut add = |on: bool, name, defences| {
            if on {
                each.push((name, defences));
            }
        };
        add(guards.finite, "finite", alone(GuardConfig { finite: true, ..none }));
        add(guards.loss_spike.is_some(), "loss-spike", alone(GuardConfig { loss_spike: guards.loss_spike, ..none }));
        let norm = GuardConfig { gradient_norm: guards.gradient_norm, ..none };
        add(guards.gradient_norm.is_some(), "gradient-norm", alone(norm));
        add(guards.shards, "shards", alone(GuardConfig { shards: true, ..none }));
        add(guards.ranges.is_some(), "ranges", alone(GuardConfig { ranges: guards.ranges, ..none }));
        add(guards.products, "products", alone(GuardConfig { products: true, ..none }));
        add(guards.redundant, "redundant", alone(GuardConfig { redundant: true, ..none }));
        add(self.rollback.is_some(), "rollback", Self { guards: none, rollback: self.rollback });
        each
    }
}

/// How an alarm was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The step was computed again.
    Recomputed,
    /// The run went back to its checkpoint.
    RolledBack {
        /// Steps to be computed again, the alarmed one included.
        steps: u64,
    },
    /// The step came out alike twice and was accepted.
    Accepted,
}

/// Why a run cannot go on.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum Lost {
    /// An alarm that cannot be answered.
    #[error("an alarm that recomputing and rolling back did not end")]
    Alarm(#[from] Alarm),
    /// The checkpoint is not what was written.
    #[error("the checkpoint to go back to is damaged")]
    Checkpoint(#[from] CheckpointError),
}

/// Alarms of one step after which a run gives up.
const ATTEMPTS: u32 = 3;

/// A run with its guards and its checkpoint.
#[derive(Debug, Clone)]
pub struct Defended {
    trainer: Trainer,
    guards: Guards,
    rollback: Option<u64>,
    /// The last verified checkpoint, its step, and what the guards remembered then.
    kept: Option<(u64, Vec<u8>, Guards)>,
    /// The last alarm, and how often its step alarmed.
    last: Option<(Alarm, u32)>,
    incidents: Vec<(Alarm, Answer)>,
}

impl Defended {
    /// `trainer` under `defences`, its memory taken for right as it is.
    #[must_use]
    pub fn new(trainer: Trainer, defences: Defences) -> Self {
        let mut guards = Guards::new(defences.guards);
        guards.seal(trainer.buffers());
        let mut run =
            Self { trainer, guards, rollback: defences.rollback, kept: None, last: None, incidents: Vec::new() };
        run.keep();
        run
    }

    /// The run.
    #[must_use]
    pub fn trainer(&self) -> &Trainer {
        &self.trainer
    }

    /// The run, to evaluate.
    pub fn trainer_mut(&mut self) -> &mut Trainer {
        &mut self.trainer
    }

    /// Alarms so far and how they were answered.
    #[must_use]
    pub fn incidents(&self) -> &[(Alarm, Answer)] {
        &self.incidents
    }

    /// What the defences take: the guards' and the checkpoint.
    #[must_use]
    pub fn bytes(&self) -> Bytes {
        let guards = self.guards.bytes(&self.trainer);
        let Some((every, (_, checkpoint, _))) = self.rollback.zip(self.kept.as_ref()) else { return guards };
        // Written once, and read once more for its checksum.
        let moved = 2 * checkpoint.len() / every as usize;
        Bytes { held: guards.held + checkpoint.len(), moved: guards.moved + moved }
    }

    /// Computes one step, struck by `strike`, and answers its alarm if it raises one: then no step may have been made, or steps lost.
    ///
    /// # Errors
    /// An alarm that nothing answers.
    pub fn step(&mut self, strike: Option<Strike>) -> Result<Option<StepReport>, Lost> {
        self.trainer.watch.strike = strike;
        match self.trainer.step_guarded(&mut self.guards, |_, _| {}) {
            Ok(report) => {
                if self.rollback.is_some_and(|every| self.trainer.iteration().is_multiple_of(every)) {
                    self.keep();
                }
                Ok(Some(report))
            }
            Err(alarm) => {
                let answer = self.answer(alarm)?;
                self.incidents.push((alarm, answer));
                Ok(None)
            }
        }
    }

    /// Keeps the state as the checkpoint to go back to, unless it is already struck.
    fn keep(&mut self) {
        let iteration = self.trainer.iteration();
        if self.rollback.is_some() && self.guards.verify(self.trainer.buffers(), iteration).is_none() {
            self.kept = Some((iteration, self.trainer.checkpoint(), self.guards.clone()));
        }
    }

    fn answer(&mut self, alarm: Alarm) -> Result<Answer, Lost> {
        let iteration = alarm.iteration();
        let before = self.last.filter(|(last, _)| last.iteration() == iteration);
        let attempts = before.map_or(0, |(_, attempts)| attempts) + 1;
        self.last = Some((alarm, attempts));
        if attempts > ATTEMPTS {
            return Err(alarm.into());
        }
        let intact = self.guards.config().shards && self.guards.verify(self.trainer.buffers(), iteration).is_none();
        let alike = before.is_some_and(|(last, _)| last == alarm);
        if intact && alike && alarm.may_be_data() {
            self.guards.accept(iteration);
            return Ok(Answer::Accepted);
        }
        if intact {
            return Ok(Answer::Recomputed);
        }
        let Some((kept_at, checkpoint, guards)) = &self.kept else { return Err(alarm.into()) };
        let steps = iteration - kept_at + 1;
        self.trainer.restore("the verified checkpoint", checkpoint)?;
        self.guards = guards.clone();
        Ok(Answer::RolledBack { steps })
    }
}

#[cfg(test)]
mod tests;
