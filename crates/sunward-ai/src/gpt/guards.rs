//! Guards of a training run against upsets: cheap checks beside each step, each switched on by itself.
//!
//! - *finite*: loss and gradient norm are numbers. Finds the flips of high exponent bits that matter most; costs nothing.
//! - *loss spike*: the loss is not far above its running mean.
//! - *gradient norm*: the norm before clipping is not far above its running mean.
//! - *shards*: weights, moments and adapters are what they were at the end of the last step, by one digest a shard; finds every
//!   flip between steps, and costs one reading of the memory at the start and one at the end of a step.
//!
//! A step that alarms has not moved the weights; the caller goes back to a checkpoint, which carries its own checksum.
//!
//! **Not modelled**: flips within a step that neither reach the loss nor the norm (activation range checks and checked
//! products would find some of them).
//!
//! **Source**: Chowdhery et al., "PaLM", arXiv:2204.02311, section 5.1 (loss spikes, restart from an earlier checkpoint).

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::train::{Buffers, Phase, Region, StepReport, Trainer};
use crate::tensor_file::digest;

/// Which guards watch; the default is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct GuardConfig {
    /// Watch for losses and norms that are no numbers.
    pub finite: bool,
    /// Largest rise of the loss over its running mean (nat).
    pub loss_spike: Option<f64>,
    /// Largest ratio of the gradient norm to its running mean.
    pub gradient_norm: Option<f64>,
    /// Watch the resident memory between steps.
    pub shards: bool,
}

impl GuardConfig {
    /// All guards: a rise of 1 nat, ten times the norm.
    #[must_use]
    pub fn all() -> Self {
        Self { finite: true, loss_spike: Some(1.0), gradient_norm: Some(10.0), shards: true }
    }
}

/// What a guard saw.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
pub enum Alarm {
    /// The loss or the norm is no number.
    #[error("step {iteration}: loss {loss}, gradient norm {gradient_norm}: expected finite numbers")]
    NotFinite {
        /// Step.
        iteration: u64,
        /// Its loss (nat).
        loss: f64,
        /// Its gradient norm.
        gradient_norm: f64,
    },
    /// The loss rose too far.
    #[error("step {iteration}: loss {loss} nat, expected at most {limit}")]
    LossSpike {
        /// Step.
        iteration: u64,
        /// Its loss (nat).
        loss: f64,
        /// Largest accepted (nat).
        limit: f64,
    },
    /// The gradient norm rose too far.
    #[error("step {iteration}: gradient norm {norm}, expected at most {limit}")]
    GradientNorm {
        /// Step.
        iteration: u64,
        /// Its gradient norm.
        norm: f64,
        /// Largest accepted.
        limit: f64,
    },
    /// Memory changed between steps.
    #[error("{region:?}, shard {shard} of {SHARD} elements: changed between steps")]
    Shard {
        /// Where.
        region: Region,
        /// Which shard of the region.
        shard: usize,
    },
}

/// Elements of one shard (256 KiB).
pub const SHARD: usize = 1 << 16;
/// Regions whose content lives from step to step.
const LASTING: [Region; 4] = [Region::Weights, Region::FirstMoment, Region::SecondMoment, Region::Adapters];
/// Weight of the newest step in a running mean.
const NEWEST: f64 = 0.05;
/// Steps before a running mean is used.
const SETTLING: u32 = 20;

/// The guards of one run and what they remember.
#[derive(Debug, Clone, PartialEq)]
pub struct Guards {
    config: GuardConfig,
    /// Running means of loss and norm, and the steps in them.
    means: (f64, f64),
    steps: u32,
    /// Digests by region, empty before the first step.
    digests: Vec<Vec<u64>>,
}

fn digests(buffers: &Buffers) -> Vec<Vec<u64>> {
    LASTING.iter().map(|region| buffers.region(*region).par_chunks(SHARD).map(digest).collect()).collect()
}

impl Guards {
    /// Guards that have seen nothing yet.
    #[must_use]
    pub fn new(config: GuardConfig) -> Self {
        Self { config, means: (0.0, 0.0), steps: 0, digests: Vec::new() }
    }

    /// Bytes read by the guards in one step of a run with `buffers`.
    #[must_use]
    pub fn bytes_per_step(&self, buffers: &Buffers) -> usize {
        let lasting: usize = LASTING.iter().map(|region| buffers.bytes(*region)).sum();
        if self.config.shards { 2 * lasting } else { 0 }
    }

    /// Takes the lasting memory as it is for right: after a step, or after a restore.
    pub fn seal(&mut self, buffers: &Buffers) {
        if self.config.shards {
            self.digests = digests(buffers);
        }
    }

    /// The first shard that is not as it was sealed.
    #[must_use]
    pub fn verify(&self, buffers: &Buffers) -> Option<Alarm> {
        if self.digests.is_empty() {
            return None;
        }
        let now = digests(buffers);
        LASTING.iter().zip(now.iter().zip(&self.digests)).find_map(|(region, (now, sealed))| {
            let shard = now.iter().zip(sealed).position(|(now, sealed)| now != sealed)?;
            Some(Alarm::Shard { region: *region, shard })
        })
    }

    /// Judges a step before the weights move; one that passes enters the running means.
    fn judge(&mut self, report: &StepReport) -> Option<Alarm> {
        let StepReport { iteration, loss, gradient_norm: norm, .. } = *report;
        if self.config.finite && !(loss.is_finite() && norm.is_finite()) {
            return Some(Alarm::NotFinite { iteration, loss, gradient_norm: norm });
        }
        if self.steps >= SETTLING {
            let limit = self.means.0 + self.config.loss_spike.unwrap_or(f64::INFINITY);
            if loss > limit {
                return Some(Alarm::LossSpike { iteration, loss, limit });
            }
            let limit = self.config.gradient_norm.map_or(f64::INFINITY, |ratio| ratio * self.means.1);
            if norm > limit {
                return Some(Alarm::GradientNorm { iteration, norm, limit });
            }
        }
        if loss.is_finite() && norm.is_finite() {
            let newest = NEWEST.max(1.0 / f64::from(self.steps + 1));
            self.means.0 += newest * (loss - self.means.0);
            self.means.1 += newest * (norm - self.means.1);
            self.steps += 1;
        }
        None
    }
}

impl Trainer {
    /// [`Trainer::step_observed`] under `guards`: on an alarm the weights have not moved and the step is not counted.
    ///
    /// # Errors
    /// The first alarm.
    pub fn step_guarded(
        &mut self,
        guards: &mut Guards,
        mut observe: impl FnMut(Phase, &mut Buffers),
    ) -> Result<StepReport, Alarm> {
        let mut alarm = None;
        let report = self.compute(&self.batch(), &mut |phase, buffers| {
            observe(phase, buffers);
            if phase == Phase::Start {
                alarm = guards.verify(buffers);
            }
        });
        if let Some(alarm) = alarm.or_else(|| guards.judge(&report)) {
            return Err(alarm);
        }
        self.update(&report);
        guards.seal(self.buffers());
        observe(Phase::End, self.buffers_mut());
        Ok(report)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::gpt::config::{GptConfig, TrainConfig};
    use crate::gpt::data::Corpus;

    fn trainer() -> Trainer {
        let config = GptConfig { layers: 1, heads: 2, width: 32, context: 16, vocabulary: 40 };
        let settings = TrainConfig { batch: 8, warmup: 0, learning_rate: 3e-3, ..TrainConfig::default() };
        Trainer::new(config, settings, Arc::new(Corpus::generated(20_000, 1))).unwrap()
    }

    /// A run of 40 unhurt steps under `config`, which must raise no alarm.
    fn settled(config: GuardConfig) -> (Trainer, Guards) {
        let (mut trainer, mut guards) = (trainer(), Guards::new(config));
        for _ in 0..40 {
            trainer.step_guarded(&mut guards, |_, _| {}).unwrap();
        }
        (trainer, guards)
    }

    fn struck(config: GuardConfig, at: Phase, region: Region, bit: usize) -> Result<StepReport, Alarm> {
        let (mut trainer, mut guards) = settled(config);
        trainer.step_guarded(&mut guards, |phase, buffers| {
            if phase == at {
                buffers.flip(region, bit);
            }
        })
    }

    #[test]
    fn guards_change_nothing_in_an_unhurt_run() {
        let mut plain = trainer();
        (0..40).for_each(|_| _ = plain.step());
        assert!(plain.checkpoint() == settled(GuardConfig::all()).0.checkpoint());
    }

    #[test]
    fn shards_find_every_flip_between_steps_and_only_they_find_small_ones() {
        let shards = GuardConfig { shards: true, ..GuardConfig::default() };
        for region in [Region::Weights, Region::FirstMoment, Region::SecondMoment] {
            let found = struck(shards, Phase::Start, region, 32 * 5000);
            assert_eq!(found, Err(Alarm::Shard { region, shard: 0 }));
            assert!(
                struck(GuardConfig { shards: false, ..GuardConfig::all() }, Phase::Start, region, 32 * 5000).is_ok()
            );
        }
    }

    #[test]
    fn a_flip_within_a_step_is_found_by_what_it_does() {
        let big = 32 * 1000 + 30;
        let finite = GuardConfig { finite: true, ..GuardConfig::default() };
        let spike = GuardConfig { loss_spike: Some(1.0), ..GuardConfig::default() };
        let norm = GuardConfig { gradient_norm: Some(10.0), ..GuardConfig::default() };
        // Bit 30 makes a small number about 1e37: its square no longer fits, nor does what is computed from it.
        assert!(matches!(struck(norm, Phase::Gradients, Region::Gradients, big), Err(Alarm::GradientNorm { .. })));
        assert!(struck(finite, Phase::Gradients, Region::Gradients, big).is_ok());
        let mut flipped_to_nothing = trainer();
        flipped_to_nothing.buffers_mut().region_mut(Region::Weights)[40] = f32::NAN;
        let alarm = flipped_to_nothing.step_guarded(&mut Guards::new(finite), |_, _| {}).unwrap_err();
        assert!(alarm.to_string().starts_with("step 0: loss NaN, gradient norm NaN: expected finite"), "{alarm}");
        let (mut shaken, mut guards) = settled(spike);
        shaken.buffers_mut().region_mut(Region::Weights).iter_mut().for_each(|w| *w *= 8.0);
        let before = shaken.checkpoint();
        assert!(matches!(shaken.step_guarded(&mut guards, |_, _| {}), Err(Alarm::LossSpike { iteration: 40, .. })));
        assert!(before == shaken.checkpoint(), "an alarm leaves weights, moments and step alone");
    }

    #[test]
    fn a_run_thrown_back_after_an_alarm_ends_with_the_bytes_of_an_unhurt_one() {
        let (mut unhurt, _) = settled(GuardConfig::all());
        let (mut trainer, mut guards) = settled(GuardConfig::all());
        let checkpoint = trainer.checkpoint();
        (0..5).for_each(|_| _ = unhurt.step());
        let mut alarms = 0;
        for attempt in 0..8 {
            let result = trainer.step_guarded(&mut guards, |phase, buffers| {
                if attempt == 3 && phase == Phase::Start {
                    buffers.flip(Region::SecondMoment, 77);
                }
            });
            if result.is_err() {
                alarms += 1;
                trainer.restore("kept", &checkpoint).unwrap();
                guards.seal(trainer.buffers());
            }
            if trainer.iteration() == 45 {
                break;
            }
        }
        assert_eq!((alarms, trainer.iteration()), (1, 44));
        trainer.step_guarded(&mut guards, |_, _| {}).unwrap();
        assert!(trainer.checkpoint() == unhurt.checkpoint());
    }

    #[test]
    fn cost_is_two_readings_of_the_lasting_memory() {
        let trainer = trainer();
        let expected = 2 * 3 * 4 * trainer.layout().elements();
        assert_eq!(Guards::new(GuardConfig::all()).bytes_per_step(trainer.buffers()), expected);
        assert_eq!(Guards::new(GuardConfig::default()).bytes_per_step(trainer.buffers()), 0);
    }
}
