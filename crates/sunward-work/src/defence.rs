//! What defences of a training job against upsets cost on the machine that runs it.
//!
//! Every defence reads memory beside what the step itself does, and a second computation takes the step's time again. With M bytes
//! moved in a step, memory bandwidth B, a step's time t and r = 1 for the second computation, else 0, the step takes longer by
//!
//! `M / (B t) + r`.
//!
//! Of P parameters, 12 bytes each are kept from step to step (32-bit weights and two moments). With T tokens a step, L layers of width
//! w, context c, V = (P - 12 L w^2) / w tokens of the vocabulary and w / 64 heads, a step moves
//!
//! | defence | bytes |
//! |---|---|
//! | shards | 2 x 12 P: read before the weights move, and sealed after |
//! | ranges | 2 T ((L + 1) w + V): the stream after every layer, and the logits |
//! | products | 2 x 3 (T (16 L w + V + w) + 12 L w^2 + V w): sides and results of the products of the blocks and of the head, forward and twice backward; 2 T L (5 c w / 64 + 12 w): those of attention |
//! | redundant | 2 x 4 P for the gradients' digests; what ranges and products move, again |
//! | roll-back | 2 x 12 P a checkpoint: written, and read for its checksum |
//! | finite, loss spike, gradient norm | nothing: the step has these numbers |
//!
//! **Source**: the defences of sunward-ai, which read exactly this; Rajbhandari et al., "ZeRO", SC'20, section 3.1 (bytes a parameter;
//! activations of 16 bits); Radford et al. 2019 (heads 64 wide).
//!
//! **Not modelled**: checks fused into the kernels whose results they check, which would read nothing twice, and their additions;
//! reads that overlap with computing; smaller state where only adapters are trained. A measured share can take the model's place.

use serde::Serialize;
use sunward_units::{Bits, BitsPerSecond, Ratio, Seconds};

use crate::demand::{CHECKPOINT_BYTES_PER_PARAMETER, Training};

/// Which defences watch a training job; the default is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Defences {
    /// Losses and norms that are no numbers.
    pub finite: bool,
    /// Largest rise of the loss over its running mean (nat).
    pub loss_spike: Option<f64>,
    /// Largest ratio of the gradient norm to its running mean.
    pub gradient_norm: Option<f64>,
    /// Digests of the memory that lasts from step to step.
    pub shards: bool,
    /// Largest ratio of an activation to the largest before at its place.
    pub ranges: Option<f64>,
    /// Checked matrix products.
    pub products: bool,
    /// Every step computed twice.
    pub redundant: bool,
    /// Executed steps between verified checkpoints.
    pub rollback: Option<u64>,
}

/// What defences take of a machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Cost {
    /// Memory traffic of a step beside its own.
    pub traffic: Bits,
    /// How often the step itself is computed beside the first time.
    pub repeats: f64,
    /// Device memory held: digests, sums and ranges.
    pub memory: Bits,
    /// Room in the store: the verified checkpoint.
    pub storage: Bits,
}

/// Bytes of an activation.
const ACTIVATION_BYTES: f64 = 2.0;
/// Bytes of a gradient as digests read it.
const GRADIENT_BYTES: f64 = 4.0;
/// Width of an attention head.
const HEAD_WIDTH: f64 = 64.0;
/// Bytes of a digest, and of a sum in double precision.
const WORD_BYTES: f64 = 8.0;
/// Bytes of a shard, one digest each.
const SHARD_BYTES: f64 = 262_144.0;
/// Bits of a byte.
const BYTE: f64 = 8.0;

impl Defences {
    /// Whether any is on.
    #[must_use]
    pub fn any(&self) -> bool {
        *self != Self::default()
    }

    /// What they take of a machine that runs `job`, of which one executed step stands for `stands_for` steps.
    #[must_use]
    pub fn cost(&self, job: &Training, stands_for: f64) -> Cost {
        let sizes = Sizes::of(job);
        let state = CHECKPOINT_BYTES_PER_PARAMETER * job.parameters;
        let (mut moved, mut memory, mut storage) = (0.0, 0.0, 0.0);
        if self.ranges.is_some() {
            moved += sizes.watched();
            memory += WORD_BYTES * (job.layers + 2.0);
        }
        if self.products {
            moved += sizes.checked();
            memory += 2.0 * WORD_BYTES * sizes.edges();
        }
        if self.redundant {
            moved = 2.0 * moved + 2.0 * GRADIENT_BYTES * job.parameters;
            memory += WORD_BYTES * (GRADIENT_BYTES * job.parameters / SHARD_BYTES).ceil();
        }
        if self.shards {
            moved += 2.0 * state;
            memory += WORD_BYTES * (state / SHARD_BYTES).ceil();
        }
        if let Some(every) = self.rollback {
            moved += 2.0 * state / (every as f64 * stands_for);
            storage = state;
        }
        Cost {
            traffic: Bits(BYTE * moved),
            repeats: f64::from(u8::from(self.redundant)),
            memory: Bits(BYTE * memory),
            storage: Bits(BYTE * storage),
        }
    }
}

impl Cost {
    /// Extra time over the time `step` of a step, on memory of `bandwidth`.
    ///
    /// ```
    /// use sunward_units::{Bits, BitsPerSecond, Seconds};
    /// use sunward_work::defence::Cost;
    /// let cost = Cost { traffic: Bits(4e12), repeats: 1.0, ..Cost::default() };
    /// assert_eq!(cost.overhead(Seconds(2.0), BitsPerSecond(16e12)).0, 1.125);
    /// ```
    #[must_use]
    pub fn overhead(&self, step: Seconds, bandwidth: BitsPerSecond) -> Ratio {
        Ratio(self.traffic / bandwidth / step + self.repeats)
    }
}

/// Sizes of a transformer and its step.
struct Sizes {
    tokens: f64,
    layers: f64,
    width: f64,
    context: f64,
    vocabulary: f64,
}

impl Sizes {
    fn of(job: &Training) -> Self {
        let &Training { layers, width, context, tokens_per_step: tokens, parameters, .. } = job;
        let of_blocks = 12.0 * layers * width * width;
        let vocabulary = if width > 0.0 { (parameters - of_blocks).max(0.0) / width } else { 0.0 };
        Self { tokens, layers, width, context, vocabulary }
    }

    /// Bytes that ranges read.
    fn watched(&self) -> f64 {
        ACTIVATION_BYTES * self.tokens * ((self.layers + 1.0) * self.width + self.vocabulary)
    }

    /// Rows and columns of all matrices: 3 w + w, w + w, 4 w + w and w + 4 w of a block, and those of the head.
    fn edges(&self) -> f64 {
        16.0 * self.layers * self.width + self.vocabulary + self.width
    }

    /// Bytes that checked products read.
    fn checked(&self) -> f64 {
        let elements = self.width * (12.0 * self.layers * self.width + self.vocabulary);
        let heads = self.width / HEAD_WIDTH;
        let of_attention = self.tokens * self.layers * (5.0 * self.context * heads + 12.0 * self.width);
        ACTIVATION_BYTES * (3.0 * (self.tokens * self.edges() + elements) + of_attention)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demand::Demand;
    use crate::roofline::{Machine, UnitTime};
    use sunward_units::FlopsPerSecond;

    /// GPT-2 774M as llm.c trains it.
    fn gpt2() -> Training {
        Training {
            parameters: 774e6,
            layers: 36.0,
            width: 1280.0,
            context: 1024.0,
            tokens_per_step: 524_288.0,
            steps: 19_560.0,
            checkpoint_interval: Seconds(600.0),
            sample: None,
        }
    }

    fn all() -> Defences {
        Defences {
            finite: true,
            loss_spike: Some(1.0),
            gradient_norm: Some(10.0),
            shards: true,
            ranges: Some(8.0),
            products: true,
            redundant: true,
            rollback: Some(10),
        }
    }

    /// On an H100 PCIe (756 TFLOP/s, 2 TB/s) at 35 %.
    fn overhead(defences: Defences, job: &Training) -> f64 {
        let bandwidth = BitsPerSecond(16e12);
        let machine = Machine { peak: FlopsPerSecond(756e12), bandwidth, utilisation: Ratio(0.35) };
        let of_token = UnitTime::new(&Demand::Training(job.clone()).phases(1.0), &machine).unbound();
        defences.cost(job, 10.0).overhead(of_token * job.tokens_per_step, bandwidth).0
    }

    /// Shards by hand: 24 bytes x 774e6 over 2 TB/s is 9.29 ms of a step of 6 x (774e6 + 36 x 1280 x 1024) x 524288 operations at
    /// 264.6 TFLOP/s, 9.76 s.
    #[test]
    fn shards_cost_a_thousandth_of_a_large_step() {
        let shards = overhead(Defences { shards: true, ..Defences::default() }, &gpt2());
        assert!((shards - 9.288e-3 / 9.7624).abs() < 1e-7, "{shards}");
    }

    #[test]
    fn each_defence_adds_its_part_and_what_reads_nothing_costs_nothing() {
        let none = Defences::default();
        let alone = [
            Defences { shards: true, ..none },
            Defences { ranges: Some(8.0), ..none },
            Defences { products: true, ..none },
            Defences { rollback: Some(10), ..none },
        ];
        let job = gpt2();
        let parts: Vec<f64> = alone.iter().map(|defences| overhead(*defences, &job)).collect();
        assert!(parts.iter().all(|part| *part > 0.0), "{parts:?}");
        let together = overhead(Defences { redundant: false, ..all() }, &job);
        assert!((together - parts.iter().sum::<f64>()).abs() < 1e-12);
        let free = Defences { finite: true, loss_spike: Some(1.0), gradient_norm: Some(10.0), ..none };
        assert_eq!((free.cost(&job, 1.0), free.any(), none.any()), (Cost::default(), true, false));
        let twice = overhead(Defences { redundant: true, ..none }, &job);
        assert!(twice > 1.0 && twice < 1.001, "a second computation takes the step's time again: {twice}");
        assert!(overhead(all(), &job) > 1.0 + together + parts[1] + parts[2], "and is checked again");
    }

    /// The state is read once a step: the more tokens a step has, the less that weighs, as 1 / T.
    #[test]
    fn shards_weigh_less_in_larger_steps() {
        let at = |tokens_per_step| {
            overhead(Defences { shards: true, ..Defences::default() }, &Training { tokens_per_step, ..gpt2() })
        };
        assert!((at(1e6) / at(2e6) - 2.0).abs() < 1e-9);
    }

    #[test]
    fn what_is_held_is_the_checkpoint_and_little_else() {
        let cost = all().cost(&gpt2(), 10.0);
        assert_eq!(cost.storage, Bits(8.0 * 12.0 * 774e6));
        assert!(cost.memory.0 > 0.0 && cost.memory.0 < 0.002 * cost.storage.0, "{}", cost.memory);
    }
}
