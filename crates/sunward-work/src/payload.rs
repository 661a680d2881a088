//! The seam between the twin and the work it runs.
//!
//! The simulator grants operations and reports upsets; the payload answers with progress. A *modelled* payload is arithmetic
//! ([`Modelled`]); a *real* one trains or serves an actual network and takes its place without the simulator knowing.

use serde::{Deserialize, Serialize};
use sunward_units::{Bits, Flops};

/// A bit flipped where the hardware did not see it. Where it strikes is the payload's own draw, keyed by `draw`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Upset {
    /// 64 random bits that choose the buffer and the bit.
    pub draw: u64,
    /// Whether device memory corrects single flips, so that only data in flight can be struck unseen.
    pub memory_corrected: bool,
}

/// Something that must reach the ground.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// Its size.
    pub size: Bits,
    /// What it says, if it is a text or a measurement a person reads.
    pub text: Option<String>,
}

/// What the result of a unit says; it travels with that unit and adds nothing to its size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Number of the unit, from 0.
    pub unit: u64,
    /// What it says.
    pub text: String,
}

/// A loss the payload measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Loss {
    /// Optimiser step.
    pub step: u64,
    /// Mean cross-entropy, nats per token.
    pub value: f64,
}

/// What an alarm of a payload's defences led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Remedy {
    /// The step, or the answer so far, was computed again.
    Recomputed,
    /// The run went back to its verified checkpoint.
    RolledBack {
        /// Steps to be computed again, the alarmed one included.
        steps: u64,
    },
    /// The step came out alike twice and was accepted: it is computed once more, and passes.
    Accepted,
    /// Nothing ended the alarm: the run began again from its first weights.
    BegunAnew {
        /// Steps to be computed again, the alarmed one included.
        steps: u64,
    },
}

impl Remedy {
    /// Steps computed in vain.
    #[must_use]
    pub fn steps_lost(self) -> u64 {
        match self {
            Self::Recomputed | Self::Accepted => 1,
            Self::RolledBack { steps } | Self::BegunAnew { steps } => steps,
        }
    }
}

/// A step that a defence did not let pass.
#[derive(Debug, Clone, PartialEq)]
pub struct Incident {
    /// Optimiser step, or request, from 0.
    pub step: u64,
    /// The defence that alarmed.
    pub guard: String,
    /// What came of it.
    pub remedy: Remedy,
    /// Units, of this grant or earlier ones, that must be computed again.
    pub units_lost: f64,
    /// Upsets whose traces are undone with those units.
    pub upsets_undone: u32,
}

/// What a payload made of a grant.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Progress {
    /// Units paid for by this call (may be a fraction); `incidents` say which of them, or of earlier ones, do not stand.
    pub units: f64,
    /// Losses measured since the last call.
    pub losses: Vec<Loss>,
    /// Losses on text held back from training, measured since the last call; the step is the number of steps done.
    pub validations: Vec<Loss>,
    /// Outputs made since the last call.
    pub outputs: Vec<Output>,
    /// What results of whole units say, not later than the call that completes the unit.
    pub answers: Vec<Answer>,
    /// What the payload's own defences did not let pass.
    pub incidents: Vec<Incident>,
}

/// Why a payload cannot go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// The checkpoint is not one of this payload's.
    #[error("checkpoint of {got} bytes cannot be restored: {reason}")]
    Checkpoint {
        /// Size of what was given.
        got: usize,
        /// What was wrong.
        reason: String,
    },
    /// The payload itself failed.
    #[error("payload failed: {0}")]
    Failed(String),
}

/// A job's work while it runs. Deterministic: the same calls give the same answers.
pub trait Payload: Send {
    /// Spends `granted` operations under `upsets`.
    ///
    /// # Errors
    /// If the payload itself fails; the run stops and says so.
    fn advance(&mut self, granted: Flops, upsets: &[Upset]) -> Result<Progress, PayloadError>;

    /// Everything needed to go on later from this very state.
    fn checkpoint(&self) -> Vec<u8>;

    /// Goes back to a checkpoint.
    ///
    /// # Errors
    /// If the bytes are not one of this payload's checkpoints.
    fn restore(&mut self, checkpoint: &[u8]) -> Result<(), PayloadError>;

    /// Begins anew after the machine restarted: `units` are done, the one in hand is lost, what was loaded is loaded again. A job that
    /// saves checkpoints is restored instead.
    ///
    /// # Errors
    /// If it cannot be loaded again.
    fn restart(&mut self, units: f64) -> Result<(), PayloadError>;

    /// What stands for what, if one executed step stands for many simulated ones.
    fn proxy(&self) -> Option<String> {
        None
    }
}

/// A payload that is arithmetic: units are operations over operations per unit, with a sample every so many units.
///
/// The samples of one grant come as one [`Output`] of their total size: they leave the accelerator at the same instant.
#[derive(Debug, Clone, PartialEq)]
pub struct Modelled {
    flop_per_unit: f64,
    sample: Option<(f64, Bits)>,
    units: f64,
}

impl Modelled {
    /// A payload whose unit costs `unit` operations; `sample` is (units between samples, size of a sample).
    #[must_use]
    pub fn new(unit: Flops, sample: Option<(f64, Bits)>) -> Self {
        Self { flop_per_unit: unit.0, sample, units: 0.0 }
    }
}

impl Payload for Modelled {
    fn advance(&mut self, granted: Flops, _upsets: &[Upset]) -> Result<Progress, PayloadError> {
        let units = granted.0 / self.flop_per_unit;
        let before = self.units;
        self.units += units;
        let outputs = match self.sample {
            Some((every, size)) => {
                let made = (self.units / every).floor() - (before / every).floor();
                (made > 0.0).then(|| Output { size: size * made, text: None }).into_iter().collect()
            }
            None => Vec::new(),
        };
        Ok(Progress { units, outputs, ..Progress::default() })
    }

    fn checkpoint(&self) -> Vec<u8> {
        self.units.to_le_bytes().to_vec()
    }

    fn restore(&mut self, checkpoint: &[u8]) -> Result<(), PayloadError> {
        let bytes = checkpoint.try_into().map_err(|_| PayloadError::Checkpoint {
            got: checkpoint.len(),
            reason: "a modelled payload's checkpoint has 8 bytes".to_owned(),
        })?;
        self.units = f64::from_le_bytes(bytes);
        Ok(())
    }

    fn restart(&mut self, units: f64) -> Result<(), PayloadError> {
        self.units = units;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_follow_the_grant() {
        let mut payload = Modelled::new(Flops(2e9), None);
        assert_eq!(payload.advance(Flops(1e10), &[]).unwrap().units, 5.0);
    }

    #[test]
    fn going_back_to_a_checkpoint_repeats_the_same_answers() {
        let mut payload = Modelled::new(Flops(1.0), Some((10.0, Bits(800.0))));
        payload.advance(Flops(7.0), &[]).unwrap();
        let saved = payload.checkpoint();
        let first = payload.advance(Flops(25.0), &[]).unwrap();
        payload.restore(&saved).unwrap();
        assert_eq!(payload.advance(Flops(25.0), &[]).unwrap(), first);
        let samples = Output { size: Bits(2400.0), text: None };
        assert_eq!(first.outputs, [samples], "samples at 10, 20 and 30 units");
        assert_eq!(payload.advance(Flops(7.0), &[]).unwrap().outputs, [], "none before 40 units");
    }

    /// A trillion samples of one grant take no more room than one.
    #[test]
    fn samples_of_a_grant_are_one_output() {
        let mut payload = Modelled::new(Flops(1.0), Some((1.0, Bits(1.0))));
        let made = payload.advance(Flops(1e12), &[]).unwrap().outputs;
        assert_eq!(made, [Output { size: Bits(1e12), text: None }]);
    }

    #[test]
    fn a_strange_checkpoint_is_refused() {
        let refused = Modelled::new(Flops(1.0), None).restore(&[1, 2, 3]).unwrap_err();
        assert!(refused.to_string().contains("3 bytes"), "{refused}");
    }
}
