//! A GPT that trains on this machine in step with a simulated training job.
//!
//! The twin grants operations; every so many of them buy one executed optimiser step. When the executed network is smaller than
//! the simulated one, one executed step stands for several simulated ones: a *proxy*, and every output says so. An eclipse stops
//! it, heat slows it, a reboot throws it back to its last checkpoint, an upset flips a bit of its buffers.
//!
//! **Not modelled**: upsets in the packed copy of the weights and in the code itself.

use sunward_units::{Bits, Flops};
use sunward_work::payload::{Loss, Output, Payload, PayloadError, Progress, Upset};

use crate::gpt::data::Part;
use crate::gpt::sample::Sampling;
use crate::gpt::train::{Buffers, Phase, Region, Trainer};

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

/// A [`Trainer`] as the twin's payload.
#[derive(Debug, Clone)]
pub struct TrainingPayload {
    trainer: Trainer,
    proxy: Proxy,
    /// Operations granted and not yet turned into a step.
    banked: f64,
    pending: Vec<Upset>,
}

/// Bytes in front of the trainer's own checkpoint: the banked operations.
const HEADER_BYTES: usize = 8;
/// Bits of a character sent to the ground.
const CHARACTER_BITS: f64 = 8.0;
/// How likely tokens are picked in samples: nanoGPT's `sample.py` (temperature 0.8, top 200).
const SAMPLE_TEMPERATURE: f64 = 0.8;
const SAMPLE_TOP_K: usize = 200;

impl TrainingPayload {
    /// A payload that makes `trainer` follow a simulated job.
    #[must_use]
    pub fn new(trainer: Trainer, proxy: Proxy) -> Self {
        Self { trainer, proxy, banked: 0.0, pending: Vec::new() }
    }

    /// The training run.
    #[must_use]
    pub fn trainer(&self) -> &Trainer {
        &self.trainer
    }

    fn flop_per_step(&self) -> f64 {
        self.proxy.job.0 / self.proxy.iterations as f64
    }

    fn step(&mut self) -> (Loss, Vec<Output>) {
        let strikes = std::mem::take(&mut self.pending);
        let report = self.trainer.step_observed(|phase, buffers| {
            for strike in strikes.iter().filter(|strike| moment(strike) == phase) {
                flip(strike, buffers);
            }
        });
        let done = report.iteration + 1;
        let due = done % self.proxy.evaluate_interval == 0 || done == self.proxy.iterations;
        let outputs = if due { self.look(done) } else { Vec::new() };
        (Loss { step: report.iteration, value: report.loss }, outputs)
    }

    /// Validation loss and a sample of generated text.
    fn look(&mut self, done: u64) -> Vec<Output> {
        let loss = self.trainer.evaluate(Part::Validation, self.proxy.evaluate_batches);
        let seed = self.trainer.settings().seed;
        let sampling = Sampling { temperature: SAMPLE_TEMPERATURE, top_k: SAMPLE_TOP_K, sample: done as u32, seed };
        let sample = match self.trainer.sample("\n", self.proxy.sample_tokens, &sampling) {
            Ok(text) => text,
            Err(error) => format!("({error})"),
        };
        let text = format!("step {done}, validation loss {loss:.4}: {}", sample.trim());
        vec![Output { size: Bits(CHARACTER_BITS * text.len() as f64), text: Some(text) }]
    }
}

/// The moment of a step at which an upset strikes.
///
/// Where memory is corrected, what flips unseen is in flight: activations and gradients. Elsewhere it may be anything resident.
fn moment(strike: &Upset) -> Phase {
    if strike.memory_corrected && strike.draw & 1 == 0 { Phase::Forward { pass: 0 } } else { Phase::Gradients }
}

/// Flips the bit that the strike's draw chooses: every resident bit it can reach is equally likely.
fn flip(strike: &Upset, buffers: &mut Buffers) {
    let reach: &[Region] = match (strike.memory_corrected, moment(strike)) {
        (true, Phase::Forward { .. }) => &[Region::Activations],
        (true, _) => &[Region::Gradients],
        (false, _) => &Region::ALL,
    };
    let bits = |region: &Region| 8 * buffers.bytes(*region) as u64;
    let total: u64 = reach.iter().map(bits).sum();
    // The low bit has chosen the moment.
    let mut place = (u128::from(strike.draw >> 1) * u128::from(total) >> 63) as u64;
    for region in reach {
        if place < bits(region) {
            buffers.flip(*region, place as usize);
            return;
        }
        place -= bits(region);
    }
}

impl Payload for TrainingPayload {
    fn advance(&mut self, granted: Flops, upsets: &[Upset]) -> Result<Progress, PayloadError> {
        self.pending.extend_from_slice(upsets);
        self.banked += granted.0;
        let mut progress = Progress { units: granted.0 / self.proxy.unit.0, ..Progress::default() };
        // Half a millionth of a step forgives the rounding of many small grants.
        while self.banked >= self.flop_per_step() * (1.0 - 5e-7) && self.trainer.iteration() < self.proxy.iterations {
            self.banked -= self.flop_per_step();
            let (loss, outputs) = self.step();
            progress.losses.push(loss);
            progress.outputs.extend(outputs);
        }
        Ok(progress)
    }

    fn checkpoint(&self) -> Vec<u8> {
        [self.banked.to_le_bytes().as_slice(), &self.trainer.checkpoint()].concat()
    }

    fn restore(&mut self, checkpoint: &[u8]) -> Result<(), PayloadError> {
        let refused = |reason: String| PayloadError::Checkpoint { got: checkpoint.len(), reason };
        let (header, rest) = checkpoint
            .split_first_chunk::<HEADER_BYTES>()
            .ok_or_else(|| refused(format!("it is shorter than its header of {HEADER_BYTES} bytes")))?;
        self.trainer.restore("checkpoint", rest).map_err(|error| refused(error.to_string()))?;
        self.banked = f64::from_le_bytes(*header);
        self.pending.clear();
        Ok(())
    }

    fn proxy(&self) -> Option<String> {
        let Proxy { simulated_steps, iterations, .. } = self.proxy;
        let config = self.trainer.config();
        let network = format!(
            "a GPT of {} layers, {} wide, context {}, trained for real on {}",
            config.layers,
            config.width,
            config.context,
            self.trainer.corpus().name()
        );
        let stands = simulated_steps as f64 / iterations as f64;
        Some(format!("{network}; one executed step stands for {stands:.2} steps of the simulated job"))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::gpt::config::{GptConfig, TrainConfig};
    use crate::gpt::data::Corpus;

    const PROXY: Proxy = Proxy {
        job: Flops(1e15),
        unit: Flops(1e9),
        simulated_steps: 100,
        iterations: 20,
        evaluate_interval: 10,
        evaluate_batches: 2,
        sample_tokens: 12,
    };
    const STEP: Flops = Flops(1e15 / 20.0);

    fn payload() -> TrainingPayload {
        let corpus = Arc::new(Corpus::generated(4000, 7));
        let vocabulary = corpus.vocabulary().size();
        let config = GptConfig { layers: 1, heads: 2, width: 16, context: 8, vocabulary };
        let settings =
            TrainConfig { batch: 2, iterations: PROXY.iterations, warmup: 2, seed: 7, ..TrainConfig::default() };
        TrainingPayload::new(Trainer::new(config, settings, corpus).unwrap(), PROXY)
    }

    fn losses(payload: &mut TrainingPayload, grant: Flops, calls: usize) -> Vec<Loss> {
        (0..calls).flat_map(|_| payload.advance(grant, &[]).unwrap().losses).collect()
    }

    #[test]
    fn a_step_is_executed_when_its_operations_are_granted_and_not_before() {
        let mut payload = payload();
        assert!(payload.advance(STEP * 0.6, &[]).unwrap().losses.is_empty());
        assert_eq!(payload.advance(STEP * 0.6, &[]).unwrap().losses.len(), 1);
        assert_eq!(payload.advance(STEP * 2.0, &[]).unwrap().losses.len(), 2);
    }

    #[test]
    fn the_way_the_work_is_cut_into_grants_changes_no_loss() {
        let whole = losses(&mut payload(), STEP * 20.0, 1);
        let cut = losses(&mut payload(), STEP * 0.25, 80);
        assert_eq!((whole.len(), &whole), (20, &cut));
        assert!(whole[19].value < whole[0].value, "training learns");
    }

    #[test]
    fn going_back_to_a_checkpoint_repeats_the_same_losses() {
        let mut payload = payload();
        losses(&mut payload, STEP * 3.5, 1);
        let saved = payload.checkpoint();
        let first = losses(&mut payload, STEP * 4.0, 1);
        payload.restore(&saved).unwrap();
        assert_eq!(losses(&mut payload, STEP * 4.0, 1), first);
        let refused = payload.restore(&saved[..saved.len() - 5]).unwrap_err();
        assert!(matches!(refused, PayloadError::Checkpoint { .. }), "{refused}");
    }

    #[test]
    fn evaluations_come_down_as_text() {
        let outputs = payload().advance(STEP * 20.0, &[]).unwrap().outputs;
        let texts: Vec<String> = outputs.into_iter().filter_map(|output| output.text).collect();
        assert_eq!(texts.len(), 2);
        assert!(texts[1].starts_with("step 20, validation loss "), "{}", texts[1]);
    }

    #[test]
    fn an_upset_changes_what_follows_and_only_what_follows() {
        let clean = losses(&mut payload(), STEP, 20);
        let mut changed = 0;
        for number in 0..24_u64 {
            let mut struck = payload();
            let mut all = losses(&mut struck, STEP, 5);
            // Bit patterns spread over the buffers; some hit bits that matter.
            let draw = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let upset = Upset { draw, memory_corrected: number % 2 == 0 };
            all.extend(struck.advance(STEP, &[upset]).unwrap().losses);
            all.extend(losses(&mut struck, STEP, 14));
            assert_eq!(all[..5], clean[..5]);
            changed += usize::from(all.iter().zip(&clean).any(|(a, b)| a.value.to_bits() != b.value.to_bits()));
        }
        assert!(changed > 6, "only {changed} of 24 flips changed a loss");
    }
}
