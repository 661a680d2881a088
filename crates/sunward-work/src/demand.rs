//! What one unit of a job costs in operations, memory traffic and data to carry.

use serde::Serialize;
use sunward_units::{Bits, Flops, Ratio, Seconds};

use crate::roofline::Phase;

/// Bytes that training keeps for every parameter: bf16 weights and gradients, 32-bit master weights and two Adam moments.
/// **Source**: Rajbhandari et al., "ZeRO", SC'20, section 3.1.
pub const TRAINING_BYTES_PER_PARAMETER: f64 = 16.0;
/// Bytes of a checkpoint for every parameter: 32-bit weights and two Adam moments. **Source**: the same.
pub const CHECKPOINT_BYTES_PER_PARAMETER: f64 = 12.0;

/// Training a decoder-only transformer. A unit is a token.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Training {
    /// Parameters.
    pub parameters: f64,
    /// Layers.
    pub layers: f64,
    /// Model width.
    pub width: f64,
    /// Context length, tokens.
    pub context: f64,
    /// Tokens in one optimiser step.
    pub tokens_per_step: f64,
    /// Optimiser steps.
    pub steps: f64,
    /// Time at work between checkpoints.
    pub checkpoint_interval: Seconds,
    /// A sample every so many steps, of this size.
    pub sample: Option<(f64, Bits)>,
}

/// Answering requests with a decoder-only transformer. A unit is a request.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Serving {
    /// Parameters read for every token.
    pub parameters: f64,
    /// Bits of a weight.
    pub weight_bits: f64,
    /// Requests a day, a Poisson stream.
    pub requests_per_day: f64,
    /// Tokens read.
    pub prompt_tokens: f64,
    /// Tokens written.
    pub output_tokens: f64,
    /// Requests answered together.
    pub batch: f64,
    /// Key-value cache of one token.
    pub cache_per_token: Bits,
    /// Where requests come from.
    pub origin: Origin,
}

/// Where a request comes from and where its answer goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// Up through a contact, the answer down through one.
    Ground,
    /// Made and used on board.
    Onboard,
}

/// Analysing images on board. A unit is an image.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Imagery {
    /// Images a day, if the whole day counts.
    pub images_per_day: f64,
    /// Whether images are taken only where the ground below is in daylight.
    pub daylight_only: bool,
    /// Raw size of an image.
    pub image: Bits,
    /// Pixels of an image.
    pub pixels: f64,
    /// Operations per pixel.
    pub work_per_pixel: Flops,
    /// Size of an image's result.
    pub result: Bits,
    /// Share of raw images sent down beside the results.
    pub downlink_raw_share: Ratio,
}

/// The work of a job.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Demand {
    /// Training.
    Training(Training),
    /// Serving.
    Serving(Serving),
    /// Imagery.
    Imagery(Imagery),
}

/// Bits of a token as text on a link: GPT-2's vocabulary of 50,257 fits 16 bits.
/// **Source**: Radford et al., "Language models are unsupervised multitask learners", 2019.
const BITS_PER_TOKEN: f64 = 16.0;
/// Seconds of a day.
const DAY_S: f64 = 86_400.0;

impl Training {
    /// Operations for one token, forward and backward: `6 N + 6 L w c`.
    ///
    /// N parameters, L layers, w width, c context: the second term is attention over a causal mask.
    /// **Source**: Kaplan et al., "Scaling laws for neural language models", 2020, table 1 (times 3 for the backward pass).
    #[must_use]
    pub fn work_per_token(&self) -> Flops {
        Flops(6.0 * self.parameters + 6.0 * self.layers * self.width * self.context)
    }
}

impl Demand {
    /// The word used in tables and files.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Training(_) => "training",
            Self::Serving(_) => "serving",
            Self::Imagery(_) => "imagery",
        }
    }

    /// What a unit is called, in the plural.
    #[must_use]
    pub fn unit(&self) -> &'static str {
        match self {
            Self::Training(_) => "tokens",
            Self::Serving(_) => "requests",
            Self::Imagery(_) => "images",
        }
    }

    /// Operations and memory traffic of one unit, when `together` units are computed at once, at least 1 and at most [`Demand::batch`].
    ///
    /// Training reads and writes all state once a step. Serving reads its prompt at once (weights once a batch), then writes
    /// token by token, each of which reads the weights once a batch and its own cache of average length; `2 N` operations a
    /// token (Kaplan et al. 2020, table 1). An image's traffic is its raw size once.
    #[must_use]
    pub fn phases(&self, together: f64) -> [Phase; 2] {
        match self {
            Self::Training(t) => {
                let state = Bits(8.0 * TRAINING_BYTES_PER_PARAMETER * t.parameters);
                [Phase { work: t.work_per_token(), traffic: state * 2.0 / t.tokens_per_step }, Phase::default()]
            }
            Self::Serving(s) => {
                let weights = Bits(s.weight_bits * s.parameters);
                let per_token = Flops(2.0 * s.parameters);
                let cache_mean = s.cache_per_token * (s.prompt_tokens + s.output_tokens / 2.0);
                [
                    Phase { work: per_token * s.prompt_tokens, traffic: weights / together },
                    Phase {
                        work: per_token * s.output_tokens,
                        traffic: (weights / together + cache_mean) * s.output_tokens,
                    },
                ]
            }
            Self::Imagery(i) => [Phase { work: i.work_per_pixel * i.pixels, traffic: i.image }, Phase::default()],
        }
    }

    /// Operations of one unit.
    #[must_use]
    pub fn work_per_unit(&self) -> Flops {
        self.phases(1.0).iter().map(|phase| phase.work).sum()
    }

    /// All units of a job that ends, `None` for one that goes on while units arrive.
    #[must_use]
    pub fn units_total(&self) -> Option<f64> {
        match self {
            Self::Training(t) => Some(t.tokens_per_step * t.steps),
            Self::Serving(_) | Self::Imagery(_) => None,
        }
    }

    /// Mean rate at which units arrive, per second; `None` for a job whose units are all there from the start.
    #[must_use]
    pub fn arrivals_per_second(&self) -> Option<f64> {
        match self {
            Self::Training(_) => None,
            Self::Serving(s) => Some(s.requests_per_day / DAY_S),
            Self::Imagery(i) => Some(i.images_per_day / DAY_S),
        }
    }

    /// Units that are computed together.
    #[must_use]
    pub fn batch(&self) -> f64 {
        match self {
            Self::Serving(s) => s.batch,
            Self::Training(_) | Self::Imagery(_) => 1.0,
        }
    }

    /// Data that must go up before a unit can be computed.
    #[must_use]
    pub fn input_per_unit(&self) -> Bits {
        match self {
            Self::Serving(s) if s.origin == Origin::Ground => Bits(BITS_PER_TOKEN * s.prompt_tokens),
            _ => Bits::ZERO,
        }
    }

    /// Data that must come down when a unit is computed.
    #[must_use]
    pub fn output_per_unit(&self) -> Bits {
        match self {
            Self::Training(_) => Bits::ZERO,
            Self::Serving(s) if s.origin == Origin::Ground => Bits(BITS_PER_TOKEN * s.output_tokens),
            Self::Serving(_) => Bits::ZERO,
            Self::Imagery(i) => i.result + i.image * i.downlink_raw_share.0,
        }
    }

    /// Data a unit occupies in the site's store until it is computed.
    #[must_use]
    pub fn stored_per_unit(&self) -> Bits {
        match self {
            Self::Imagery(i) => i.image,
            _ => self.input_per_unit(),
        }
    }

    /// Device memory the job needs while it runs.
    #[must_use]
    pub fn memory(&self) -> Bits {
        match self {
            Self::Training(t) => Bits(8.0 * TRAINING_BYTES_PER_PARAMETER * t.parameters),
            Self::Serving(s) => {
                let cache = s.cache_per_token * (s.batch * (s.prompt_tokens + s.output_tokens));
                Bits(s.weight_bits * s.parameters) + cache
            }
            Self::Imagery(i) => i.image,
        }
    }

    /// Time at work between checkpoints; `None` for work that loses only the unit in hand.
    #[must_use]
    pub fn checkpoint_interval(&self) -> Option<Seconds> {
        match self {
            Self::Training(t) => Some(t.checkpoint_interval),
            Self::Serving(_) | Self::Imagery(_) => None,
        }
    }

    /// Size of a checkpoint.
    #[must_use]
    pub fn checkpoint_size(&self) -> Bits {
        match self {
            Self::Training(t) => Bits(8.0 * CHECKPOINT_BYTES_PER_PARAMETER * t.parameters),
            Self::Serving(_) | Self::Imagery(_) => Bits::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roofline::{Machine, UnitTime};
    use sunward_units::{BitsPerSecond, FlopsPerSecond};

    fn training(parameters: f64) -> Training {
        Training {
            parameters,
            layers: 0.0,
            width: 0.0,
            context: 0.0,
            tokens_per_step: 524_288.0,
            steps: 19_560.0,
            checkpoint_interval: Seconds(600.0),
            sample: None,
        }
    }

    /// facts 7.2: Llama 3 405B over 15.6 T tokens is 3.79e25 FLOP; at 400 TFLOP/s on each of 16,384 GPUs 66.9 days.
    #[test]
    fn llama_3_is_six_n_d() {
        let work = training(405e9).work_per_token() * 15.6e12;
        assert!((work.0 / 3.79e25 - 1.0).abs() < 1e-3, "{work}");
        let days = (work / FlopsPerSecond(400e12 * 16_384.0)).0 / 86_400.0;
        assert!((days - 66.9).abs() < 0.1, "{days}");
    }

    /// facts 7.1: llm.c trains GPT-2 124M on 8 H100 at 3.745 M tokens/s: 2.80 PFLOP/s by 6 N, 3.22 with attention, 40.7 % of
    /// 8 x 989 TFLOP/s. Attention there counts the full 12 L w c of the unmasked product.
    #[test]
    fn gpt_2_on_eight_h100() {
        let gpt2 = Training { layers: 12.0, width: 768.0, context: 1024.0, ..training(124.4e6) };
        let without = training(124.4e6).work_per_token().0 * 3.745e6;
        assert!((without / 2.80e15 - 1.0).abs() < 2e-3, "{without:e}");
        let attention = gpt2.work_per_token().0 - training(124.4e6).work_per_token().0;
        let unmasked = without + 2.0 * attention * 3.745e6;
        assert!((unmasked / 3.22e15 - 1.0).abs() < 5e-3, "{unmasked:e}");
        let tokens = Demand::Training(gpt2).units_total().unwrap();
        assert!((tokens / 10.26e9 - 1.0).abs() < 1e-3);
    }

    /// Decoding one sequence is bound by reading the weights once a token: 7e9 bf16 weights over 2 TB/s is 7 ms a token.
    #[test]
    fn decoding_alone_is_bound_by_memory() {
        let serving = Serving {
            parameters: 7e9,
            weight_bits: 16.0,
            requests_per_day: 1.0,
            prompt_tokens: 1.0,
            output_tokens: 100.0,
            batch: 16.0,
            cache_per_token: Bits::ZERO,
            origin: Origin::Ground,
        };
        let machine =
            Machine { peak: FlopsPerSecond(756e12), bandwidth: BitsPerSecond(16e12), utilisation: Ratio(0.5) };
        let time = |together| UnitTime::new(&Demand::Serving(serving.clone()).phases(together), &machine).unbound().0;
        assert!((time(1.0) - 101.0 * 0.007).abs() < 1e-9);
        assert!(time(16.0) < time(1.0) / 15.0, "a batch shares the weights");
    }

    #[test]
    fn onboard_requests_use_no_link() {
        let serving = |origin| {
            Demand::Serving(Serving {
                parameters: 1e9,
                weight_bits: 8.0,
                requests_per_day: 100.0,
                prompt_tokens: 10.0,
                output_tokens: 20.0,
                batch: 1.0,
                cache_per_token: Bits(1e5),
                origin,
            })
        };
        assert_eq!(serving(Origin::Ground).input_per_unit(), Bits(160.0));
        assert_eq!(serving(Origin::Ground).output_per_unit(), Bits(320.0));
        assert_eq!(serving(Origin::Onboard).input_per_unit(), Bits::ZERO);
        assert_eq!(serving(Origin::Onboard).output_per_unit(), Bits::ZERO);
    }
}
