//! A training run that answers its guards: a step that alarms is computed again, or the run goes back to a verified checkpoint.
//!
//! If the lasting memory is as it was sealed, what struck is gone with the step, and computing it again is enough. If it is not, or
//! nobody watches it, the run goes back to its last checkpoint, which was verified when it was written and carries its own checksum.
//! A statistic that comes out alike twice from intact memory is the data's and no upset: the step is accepted.
//!
//! A run in flight ([`Defended::persistent`]) does not end at an alarm that nothing answers: it begins anew. Nobody is there to judge a
//! statistic that comes out alike after a roll-back either, so it is accepted then.
//!
//! **Source**: Chowdhery et al., "PaLM", arXiv:2204.02311, section 5.1 (restart from an earlier checkpoint).

use serde::{Deserialize, Serialize};
use sunward_work::defence::Defences;
use sunward_work::payload::Remedy;
use thiserror::Error;

use super::checkpoint::CheckpointError;
use super::engine::Memory;
use super::guards::{Alarm, Bytes, Guards};
use super::train::{Phase, StepReport, Trainer};
use super::watch::Strike;

/// Why a run cannot go on.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum Lost {
    /// An alarm that cannot be answered.
    #[error("an alarm that recomputing and rolling back did not end")]
    Alarm(#[from] Alarm),
    /// The checkpoint is not what was written.
    #[error("the checkpoint to go back to is damaged")]
    Checkpoint(#[from] CheckpointError),
    /// Training fails by itself, upset or not.
    #[error("an alarm that came again each time the run began anew")]
    Always(#[source] Alarm),
    /// A saved state is not one of this run's.
    #[error("a saved state of the run cannot be read")]
    State,
}

/// Alarms of one step after which a run gives up, and new starts after which it is taken to fail by itself.
const ATTEMPTS: u32 = 3;

/// A run with its guards and its checkpoint.
#[derive(Debug, Clone)]
pub struct Defended {
    trainer: Trainer,
    past: Past,
    rollback: Option<u64>,
    persistent: bool,
    /// The last verified checkpoint.
    kept: Option<Vec<u8>>,
    incidents: Vec<(Alarm, Remedy)>,
}

/// What a defended run remembers beside its trainer and its checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Past {
    guards: Guards,
    /// The step of the last verified checkpoint, and what the guards remembered then.
    kept: Option<(u64, Guards)>,
    /// The last alarm, and how often its step alarmed.
    last: Option<Repeated>,
    /// The last alarm at which the run began anew, and how often it did so at that.
    anew: Option<Repeated>,
}

/// An alarm and how often it came. Alarms are alike if they say the same: they may hold numbers that are none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Repeated {
    iteration: u64,
    says: String,
    times: u32,
}

impl Repeated {
    fn is(&self, alarm: &Alarm) -> bool {
        self.says == alarm.to_string()
    }
}

impl Defended {
    /// `trainer` under `defences`, its memory taken for right as it is.
    #[must_use]
    pub fn new(trainer: Trainer, defences: Defences) -> Self {
        let mut guards = Guards::new(defences.guards);
        guards.seal(trainer.buffers());
        let past = Past { guards, kept: None, last: None, anew: None };
        let rollback = defences.rollback;
        let mut run = Self { trainer, past, rollback, persistent: false, kept: None, incidents: Vec::new() };
        run.keep();
        run
    }

    /// The same run, which begins anew where it would end.
    #[must_use]
    pub fn persistent(mut self) -> Self {
        self.persistent = true;
        self
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

    /// The run alone.
    #[must_use]
    pub fn into_trainer(self) -> Trainer {
        self.trainer
    }

    /// What defends it.
    #[must_use]
    pub fn defences(&self) -> Defences {
        Defences { guards: *self.past.guards.config(), rollback: self.rollback }
    }

    /// Alarms so far and what came of them.
    #[must_use]
    pub fn incidents(&self) -> &[(Alarm, Remedy)] {
        &self.incidents
    }

    /// What the defences take: the guards' and the checkpoint.
    #[must_use]
    pub fn bytes(&self) -> Bytes {
        let guards = self.past.guards.bytes(&self.trainer);
        let Some((every, checkpoint)) = self.rollback.zip(self.kept.as_ref()) else { return guards };
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
        self.step_observed(|_, _| {})
    }

    /// Computes one step as [`Defended::step`] does, calling `observe` at each [`Phase`].
    ///
    /// # Errors
    /// An alarm that nothing answers.
    pub fn step_observed(&mut self, observe: impl FnMut(Phase, &mut dyn Memory)) -> Result<Option<StepReport>, Lost> {
        match self.trainer.step_guarded(&mut self.past.guards, observe) {
            Ok(report) => {
                if self.rollback.is_some_and(|every| self.trainer.iteration().is_multiple_of(every)) {
                    self.keep();
                }
                Ok(Some(report))
            }
            Err(alarm) => {
                let remedy = self.answer(alarm)?;
                self.incidents.push((alarm, remedy));
                Ok(None)
            }
        }
    }

    /// Keeps the state as the checkpoint to go back to, unless it is already struck.
    fn keep(&mut self) {
        let iteration = self.trainer.iteration();
        let guards = &self.past.guards;
        if self.rollback.is_some() && guards.verify(self.trainer.buffers(), iteration).is_none() {
            self.past.kept = Some((iteration, guards.clone()));
            self.kept = Some(self.trainer.checkpoint());
        }
    }

    fn answer(&mut self, alarm: Alarm) -> Result<Remedy, Lost> {
        let iteration = alarm.iteration();
        let before = self.past.last.take().filter(|last| last.iteration == iteration);
        let alike = before.as_ref().is_some_and(|last| last.is(&alarm));
        // In flight the same step may be struck again and again: only what repeats itself without an upset is given up.
        let counts = !self.persistent || (alike && !alarm.is_of_an_upset());
        let times = before.filter(|_| counts).map_or(0, |last| last.times) + 1;
        self.past.last = Some(Repeated { iteration, says: alarm.to_string(), times });
        let guards = &mut self.past.guards;
        let watched = guards.config().shards;
        let intact = watched && guards.verify(self.trainer.buffers(), iteration).is_none();
        let trusted = if self.persistent { intact || !watched } else { intact && times <= ATTEMPTS };
        if alike && alarm.may_be_data() && trusted {
            guards.accept(iteration);
            return Ok(Remedy::Accepted);
        }
        if times > ATTEMPTS {
            return Err(alarm.into());
        }
        if intact {
            return Ok(Remedy::Recomputed);
        }
        let Some(((kept_at, guards), checkpoint)) = self.past.kept.as_ref().zip(self.kept.as_ref()) else {
            return Err(alarm.into());
        };
        let steps = iteration - kept_at + 1;
        self.trainer.restore("the verified checkpoint", checkpoint)?;
        self.past.guards = guards.clone().having_accepted(&self.past.guards);
        Ok(Remedy::RolledBack { steps })
    }

    /// Begins anew with `trainer`, after `alarm` has ended the run.
    ///
    /// # Errors
    /// If the same alarm has ended it so often that training fails by itself. What only an upset can raise does not count.
    pub fn begin_anew(&mut self, trainer: Trainer, alarm: Alarm) -> Result<Remedy, Lost> {
        let iteration = alarm.iteration();
        let before = self.past.anew.take().filter(|anew| anew.is(&alarm));
        let times = before.map_or(0, |anew| anew.times) + 1;
        if times >= ATTEMPTS && !alarm.is_of_an_upset() {
            return Err(Lost::Always(alarm));
        }
        let anew = Some(Repeated { iteration, says: alarm.to_string(), times });
        // The alarm stays the last one: a statistic that comes out alike from fresh weights is the data's.
        let last = self.past.last.take().map(|last| Repeated { times: 1, ..last });
        let remedy = Remedy::BegunAnew { steps: iteration + 1 };
        let (persistent, mut incidents) = (self.persistent, std::mem::take(&mut self.incidents));
        incidents.push((alarm, remedy));
        let Self { past, rollback, kept, trainer, .. } = Self::new(trainer, self.defences());
        let guards = past.guards.having_accepted(&self.past.guards);
        let past = Past { guards, kept: past.kept, last, anew };
        *self = Self { trainer, past, rollback, persistent, kept, incidents };
        Ok(remedy)
    }

    /// Everything that decides what comes next, from which [`Defended::restore`] goes on bit by bit.
    #[must_use]
    pub fn checkpoint(&self) -> Vec<u8> {
        let past = serde_json::to_vec(&self.past).expect("numbers and lists are JSON");
        let parts = [past, self.trainer.checkpoint(), self.kept.clone().unwrap_or_default()];
        parts.iter().flat_map(|part| [&(part.len() as u64).to_le_bytes(), &part[..]].concat()).collect()
    }

    /// Puts the run back to where `checkpoint` was taken.
    ///
    /// # Errors
    /// If it is not one of this run's.
    pub fn restore(&mut self, checkpoint: &[u8]) -> Result<(), Lost> {
        let mut rest = checkpoint;
        let mut part = || -> Option<&[u8]> {
            let (len, after) = rest.split_first_chunk()?;
            let (part, after) = after.split_at_checked(usize::try_from(u64::from_le_bytes(*len)).ok()?)?;
            rest = after;
            Some(part)
        };
        let (Some(past), Some(trainer), Some(kept)) = (part(), part(), part()) else { return Err(Lost::State) };
        let past: Past = serde_json::from_slice(past).map_err(|_| Lost::State)?;
        self.trainer.restore("remembered state", trainer)?;
        self.kept = past.kept.is_some().then(|| kept.to_vec());
        self.past = past;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
