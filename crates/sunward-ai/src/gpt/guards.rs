//! Guards of a training run against upsets: checks beside each step, each switched on by itself.
//!
//! - *shards*: weights, moments and adapters are what they were at the end of the last step, by one digest a shard, read again just
//!   before they move; finds every flip in them, whenever it struck, for two readings of that memory a step.
//! - *finite*: loss and gradient norm are numbers. Finds the flips of high exponent bits that matter most; costs nothing.
//! - *loss spike*: the loss is not far above its running mean.
//! - *gradient norm*: the norm before clipping is not far above its running mean.
//! - *ranges*: no activation is far larger than any before at its place.
//! - *products*: every matrix product agrees with the sums of its right side, up to rounding. Finds wrong arithmetic and a struck copy
//!   of the weights.
//! - *redundant*: loss and gradients are computed twice and compared bit by bit. Finds whatever strikes one of the two and reaches
//!   the gradients, and costs a second forward and backward pass.
//!
//! A step that alarms has not moved the weights; [`Defended`](super::defended::Defended) computes it again or goes back to a
//! checkpoint.
//!
//! **Not modelled**: flips in the optimiser's arithmetic between the last check and the sealing of what it wrote.
//!
//! **Source**: Chowdhery et al., "PaLM", arXiv:2204.02311, section 5.1 (loss spikes, restart from an earlier checkpoint); Huang and
//! Abraham 1984 (checked products); Chen, Li and Pattabiraman, DSN 2021 (ranges).

use std::collections::BTreeSet;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sunward_work::defence::GuardConfig;
use thiserror::Error;

use super::engine::Memory;
use super::train::{Buffers, Phase, Region, StepReport, Trainer};
use super::watch::{Seen, watched};
use crate::tensor_file::digest;

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
    /// Memory changed since it was sealed.
    #[error("step {iteration}: {region:?}, shard {shard} of {SHARD} elements: changed since the last step")]
    Shard {
        /// Step.
        iteration: u64,
        /// Where.
        region: Region,
        /// Which shard of the region.
        shard: usize,
    },
    /// An activation is too large.
    #[error("step {iteration}: largest magnitude {largest} at boundary {place} of the pass, expected at most {limit}")]
    Range {
        /// Step.
        iteration: u64,
        /// Layers done since the pass began.
        place: usize,
        /// Largest magnitude.
        largest: f32,
        /// Largest accepted.
        limit: f32,
    },
    /// A product differs from its sums.
    #[error("step {iteration}: a matrix product is off by {excess} times what rounding can do")]
    Product {
        /// Step.
        iteration: u64,
        /// Error over the bound of rounding.
        excess: f32,
    },
    /// Two computations of the step differ.
    #[error("step {iteration}: computed twice, loss {first} and {second} nat, or gradients, differ")]
    Redundancy {
        /// Step.
        iteration: u64,
        /// Loss of the first computation (nat).
        first: f64,
        /// Loss of the second (nat).
        second: f64,
    },
}

impl Alarm {
    /// The guard's name.
    #[must_use]
    pub fn guard(&self) -> &'static str {
        match self {
            Self::NotFinite { .. } => "finite",
            Self::LossSpike { .. } => "loss-spike",
            Self::GradientNorm { .. } => "gradient-norm",
            Self::Shard { .. } => "shards",
            Self::Range { .. } => "ranges",
            Self::Product { .. } => "products",
            Self::Redundancy { .. } => "redundant",
        }
    }

    /// The step that alarmed.
    #[must_use]
    pub fn iteration(&self) -> u64 {
        match *self {
            Self::NotFinite { iteration, .. }
            | Self::LossSpike { iteration, .. }
            | Self::GradientNorm { iteration, .. }
            | Self::Shard { iteration, .. }
            | Self::Range { iteration, .. }
            | Self::Product { iteration, .. }
            | Self::Redundancy { iteration, .. } => iteration,
        }
    }

    /// Whether nothing but an upset can raise it.
    #[must_use]
    pub fn is_of_an_upset(&self) -> bool {
        matches!(self, Self::Shard { .. } | Self::Redundancy { .. })
    }

    /// Whether the data of a batch can raise it without any upset.
    #[must_use]
    pub fn may_be_data(&self) -> bool {
        matches!(self, Self::LossSpike { .. } | Self::GradientNorm { .. } | Self::Range { .. })
    }
}

/// Elements of one shard (256 KiB).
pub const SHARD: usize = 1 << 16;
/// Regions whose content lives from step to step.
pub const LASTING: [Region; 4] = [Region::Weights, Region::FirstMoment, Region::SecondMoment, Region::Adapters];
/// Weight of the newest step in a running mean.
const NEWEST: f64 = 0.05;
/// Steps before a running mean or a range is used.
const SETTLING: u32 = 20;

/// The guards of one run and what they remember.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Guards {
    config: GuardConfig,
    /// Running means of loss and norm, and the steps in them.
    means: (f64, f64),
    steps: u32,
    /// Largest magnitude so far at each boundary.
    largest: Vec<f32>,
    /// Steps whose statistics are not judged: they came out twice alike, so that they are the data's.
    accepted: BTreeSet<u64>,
    /// Digests by region, empty before the first step.
    digests: Vec<Vec<u64>>,
}

/// One digest a shard.
fn shards(data: &[f32]) -> Vec<u64> {
    data.par_chunks(SHARD).map(digest).collect()
}

fn digests(buffers: &Buffers) -> Vec<Vec<u64>> {
    LASTING.iter().map(|region| shards(buffers.region(*region))).collect()
}

/// What guards take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bytes {
    /// Memory held beside the run.
    pub held: usize,
    /// Memory read or written in one step beside what the step itself does.
    pub moved: usize,
}

impl Guards {
    /// Guards that have seen nothing yet.
    #[must_use]
    pub fn new(config: GuardConfig) -> Self {
        Self {
            config,
            means: (0.0, 0.0),
            steps: 0,
            largest: Vec::new(),
            accepted: BTreeSet::new(),
            digests: Vec::new(),
        }
    }

    /// Which guards watch.
    #[must_use]
    pub fn config(&self) -> &GuardConfig {
        &self.config
    }

    /// What the guards take of a run like `trainer`.
    #[must_use]
    pub fn bytes(&self, trainer: &Trainer) -> Bytes {
        let buffers = trainer.buffers();
        let lasting: Vec<usize> = LASTING.iter().map(|region| buffers.region(*region).len()).collect();
        let gradients = buffers.region(trainer.trained().1).len();
        let digests = |elements: usize| 8 * elements.div_ceil(SHARD);
        let mut bytes = Bytes::default();
        if self.config.shards {
            bytes.held += lasting.iter().map(|elements| digests(*elements)).sum::<usize>();
            bytes.moved += 2 * 4 * lasting.iter().sum::<usize>();
        }
        if self.config.ranges.is_some() {
            bytes.held += 2 * 4 * watched(trainer.config().layers);
            bytes.moved += 4 * trainer.plan().watched_len();
        }
        if self.config.products {
            bytes.held += trainer.packed().sums_bytes();
            bytes.moved += 4 * trainer.plan().checked_len(trainer.layout());
        }
        if self.config.redundant {
            bytes.held += digests(gradients);
            bytes.moved += 2 * 4 * gradients;
        }
        bytes
    }

    /// Takes the lasting memory as it is for right: after a step, or after a restore.
    pub fn seal(&mut self, buffers: &Buffers) {
        if self.config.shards {
            self.digests = digests(buffers);
        }
    }

    /// The first shard that is not as it was sealed, found in step `iteration`.
    #[must_use]
    pub fn verify(&self, buffers: &Buffers, iteration: u64) -> Option<Alarm> {
        if self.digests.is_empty() {
            return None;
        }
        let now = digests(buffers);
        LASTING.iter().zip(now.iter().zip(&self.digests)).find_map(|(region, (now, sealed))| {
            let shard = now.iter().zip(sealed).position(|(now, sealed)| now != sealed)?;
            Some(Alarm::Shard { iteration, region: *region, shard })
        })
    }

    /// Judges the statistics of step `iteration` no more.
    pub(super) fn accept(&mut self, iteration: u64) {
        self.accepted.insert(iteration);
    }

    /// The same guards, which judge no step that `others` have accepted: asked again after every roll-back, two such steps between
    /// checkpoints would keep a run from ever passing the second.
    pub(super) fn having_accepted(mut self, others: &Self) -> Self {
        self.accepted.extend(&others.accepted);
        self
    }

    /// Judges a step before the weights move.
    fn judge(&self, report: &StepReport, seen: &Seen) -> Option<Alarm> {
        let StepReport { iteration, loss, gradient_norm, .. } = *report;
        if self.config.finite && !(loss.is_finite() && gradient_norm.is_finite()) {
            return Some(Alarm::NotFinite { iteration, loss, gradient_norm });
        }
        if seen.excess > 1.0 || seen.excess.is_nan() {
            return Some(Alarm::Product { iteration, excess: seen.excess });
        }
        if self.steps >= SETTLING && !self.accepted.contains(&iteration) {
            self.judge_statistics(report, seen)
        } else {
            None
        }
    }

    /// Judges what the data of a batch decides too.
    fn judge_statistics(&self, report: &StepReport, seen: &Seen) -> Option<Alarm> {
        let StepReport { iteration, loss, gradient_norm: norm, .. } = *report;
        let limit = self.means.0 + self.config.loss_spike.unwrap_or(f64::INFINITY);
        if loss > limit {
            return Some(Alarm::LossSpike { iteration, loss, limit });
        }
        let limit = self.config.gradient_norm.map_or(f64::INFINITY, |ratio| ratio * self.means.1);
        if norm > limit {
            return Some(Alarm::GradientNorm { iteration, norm, limit });
        }
        let factor = self.config.ranges? as f32;
        seen.ranges.iter().zip(&self.largest).enumerate().find_map(|(place, (largest, known))| {
            let limit = factor * known;
            (*largest > limit || largest.is_nan()).then_some(Alarm::Range {
                iteration,
                place,
                largest: *largest,
                limit,
            })
        })
    }

    /// Enters a step that passed into the running means and the ranges.
    fn learn(&mut self, report: &StepReport, seen: &Seen) {
        let (loss, norm) = (report.loss, report.gradient_norm);
        if !(loss.is_finite() && norm.is_finite()) {
            return;
        }
        let newest = NEWEST.max(1.0 / f64::from(self.steps + 1));
        self.means.0 += newest * (loss - self.means.0);
        self.means.1 += newest * (norm - self.means.1);
        self.steps = self.steps.saturating_add(1);
        self.largest.resize(seen.ranges.len(), 0.0);
        for (known, largest) in self.largest.iter_mut().zip(&seen.ranges) {
            *known = known.max(*largest);
        }
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
        mut observe: impl FnMut(Phase, &mut dyn Memory),
    ) -> Result<StepReport, Alarm> {
        (self.watch.ranges, self.watch.products) = (guards.config.ranges.is_some(), guards.config.products);
        let batch = self.batch();
        let report = self.compute(&batch, &mut observe);
        let seen = self.watch.take();
        self.watch.strike = None;
        let mut alarm = guards.verify(self.buffers(), report.iteration).or_else(|| guards.judge(&report, &seen));
        if guards.config.redundant && alarm.is_none() {
            let gradients = self.trained().1;
            let first = shards(self.buffers().region(gradients));
            let again = self.compute(&batch, &mut |_, _| {});
            self.watch.take();
            if again != report || shards(self.buffers().region(gradients)) != first {
                let StepReport { iteration, loss, .. } = report;
                alarm = Some(Alarm::Redundancy { iteration, first: loss, second: again.loss });
            }
        }
        if let Some(alarm) = alarm {
            return Err(alarm);
        }
        self.update(&report);
        guards.seal(self.buffers());
        guards.learn(&report, &seen);
        observe(Phase::End, self.memory());
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
            assert_eq!(found, Err(Alarm::Shard { iteration: 40, region, shard: 0 }));
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
}
