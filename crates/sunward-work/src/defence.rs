//! What defences of a job against upsets cost on the machine that runs it.
//!
//! # Training
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
//! # Serving
//!
//! A request is answered with more traffic and more work, and takes what its phases then take ([`roofline`](crate::roofline)). With W bits
//! of weights, n tokens of the answer, b requests together, h tokens held back at most, and c bits of cache on average:
//!
//! | defence | a request |
//! |---|---|
//! | weights | n W / (h b): digests of all weights before text is let go, for all requests together |
//! | cache | 2 n c: digests before and after each token |
//! | redundant | twice the work, and n c for the second row's own cache; weights are read once for both |
//! | finite | nothing |
//!
//! **Source**: the defences of sunward-ai, which read exactly this; Rajbhandari et al., "ZeRO", SC'20, section 3.1 (bytes a parameter;
//! activations of 16 bits); Radford et al. 2019 (heads 64 wide).
//!
//! **Not modelled**: checks fused into the kernels whose results they check, which would read nothing twice, and their additions;
//! reads that overlap with computing; smaller state where only adapters are trained. A measured share can take the model's place.

use serde::{Deserialize, Serialize};
use sunward_units::{Bits, BitsPerSecond, Ratio, Seconds};

use crate::demand::{CHECKPOINT_BYTES_PER_PARAMETER, Demand, Serving, Training};
use crate::roofline::Phase;

/// Which guards watch a training job; the default is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GuardConfig {
    /// Watch for losses and norms that are no numbers.
    pub finite: bool,
    /// Largest rise of the loss over its running mean (nat).
    pub loss_spike: Option<f64>,
    /// Largest ratio of the gradient norm to its running mean.
    pub gradient_norm: Option<f64>,
    /// Watch the lasting memory.
    pub shards: bool,
    /// Largest ratio of an activation to the largest before at its place.
    pub ranges: Option<f64>,
    /// Check every matrix product.
    pub products: bool,
    /// Compute every step twice.
    pub redundant: bool,
}

impl GuardConfig {
    /// All guards but the second computation: a rise of 1 nat, ten times the norm, eight times the range.
    #[must_use]
    pub fn recommended() -> Self {
        Self {
            finite: true,
            loss_spike: Some(1.0),
            gradient_norm: Some(10.0),
            shards: true,
            ranges: Some(8.0),
            products: true,
            redundant: false,
        }
    }

    /// All guards.
    #[must_use]
    pub fn all() -> Self {
        Self { redundant: true, ..Self::recommended() }
    }
}

/// Defences of a training job: guards and what follows from their alarms; the default is nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Defences {
    /// What watches.
    pub guards: GuardConfig,
    /// Executed steps between verified checkpoints; without it a run ends at an alarm, unless its memory is known to be intact.
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
    /// The recommended guards, and a verified checkpoint every ten steps.
    #[must_use]
    pub fn recommended() -> Self {
        Self { guards: GuardConfig::recommended(), rollback: Some(10) }
    }

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

    /// Whether any is on.
    #[must_use]
    pub fn any(&self) -> bool {
        *self != Self::default()
    }

    /// What they take of a machine that runs `job`, of which one executed step stands for `stands_for` steps.
    #[must_use]
    pub fn cost(&self, job: &Training, stands_for: f64) -> Cost {
        let (guards, sizes) = (&self.guards, Sizes::of(job));
        let state = CHECKPOINT_BYTES_PER_PARAMETER * job.parameters;
        let (mut moved, mut memory, mut storage) = (0.0, 0.0, 0.0);
        if guards.ranges.is_some() {
            moved += sizes.watched();
            memory += WORD_BYTES * (job.layers + 2.0);
        }
        if guards.products {
            moved += sizes.checked();
            memory += 2.0 * WORD_BYTES * sizes.edges();
        }
        if guards.redundant {
            moved = 2.0 * moved + 2.0 * GRADIENT_BYTES * job.parameters;
            memory += WORD_BYTES * (GRADIENT_BYTES * job.parameters / SHARD_BYTES).ceil();
        }
        if guards.shards {
            moved += 2.0 * state;
            memory += WORD_BYTES * (state / SHARD_BYTES).ceil();
        }
        if let Some(every) = self.rollback {
            moved += 2.0 * state / (every as f64 * stands_for);
            storage = state;
        }
        Cost {
            traffic: Bits(BYTE * moved),
            repeats: f64::from(u8::from(guards.redundant)),
            memory: Bits(BYTE * memory),
            storage: Bits(BYTE * storage),
        }
    }
}

/// Which defences watch a serving job; the default is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ServingDefences {
    /// Digests of the weights.
    pub weights: bool,
    /// Digests of keys and values.
    pub cache: bool,
    /// Logits that are no numbers.
    pub finite: bool,
    /// Every token computed twice.
    pub redundant: bool,
    /// Tokens held back at most until the weights are verified.
    pub hold: u64,
}

impl ServingDefences {
    /// Whether any is on.
    #[must_use]
    pub fn any(&self) -> bool {
        self.weights || self.cache || self.finite || self.redundant
    }

    /// Operations and memory traffic of one of `together` requests of `job` that they watch.
    #[must_use]
    pub fn phases(&self, job: &Serving, together: f64) -> [Phase; 2] {
        let [mut prompt, mut answer] = Demand::Serving(job.clone()).phases(together);
        let cache = job.cache_per_token * ((job.prompt_tokens + job.output_tokens / 2.0) * job.output_tokens);
        if self.redundant {
            (prompt.work, answer.work) = (prompt.work * 2.0, answer.work * 2.0);
            answer.traffic += cache;
        }
        if self.cache {
            answer.traffic += cache * if self.redundant { 4.0 } else { 2.0 };
        }
        if self.weights {
            let weights = Bits(job.weight_bits * job.parameters);
            answer.traffic += weights * (job.output_tokens / (self.hold as f64 * together));
        }
        [prompt, answer]
    }

    /// Device memory they hold beside the job: a second cache, and digests.
    #[must_use]
    pub fn memory(&self, job: &Serving) -> Bits {
        let cache = job.cache_per_token * (job.batch * (job.prompt_tokens + job.output_tokens));
        let digests = (job.weight_bits * job.parameters / (BYTE * SHARD_BYTES)).ceil();
        let second = if self.redundant { cache } else { Bits::ZERO };
        let of_weights = if self.weights { digests } else { 0.0 };
        let of_caches = if self.cache { 2.0 * job.batch } else { 0.0 };
        second + Bits(BYTE * WORD_BYTES * (of_weights + of_caches))
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
        Defences { guards: GuardConfig::all(), ..Defences::recommended() }
    }

    fn only(guards: GuardConfig) -> Defences {
        Defences { guards, rollback: None }
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
        let shards = overhead(only(GuardConfig { shards: true, ..GuardConfig::default() }), &gpt2());
        assert!((shards - 9.288e-3 / 9.7624).abs() < 1e-7, "{shards}");
    }

    #[test]
    fn each_defence_adds_its_part_and_what_reads_nothing_costs_nothing() {
        let none = GuardConfig::default();
        let alone = [
            only(GuardConfig { shards: true, ..none }),
            only(GuardConfig { ranges: Some(8.0), ..none }),
            only(GuardConfig { products: true, ..none }),
            Defences { guards: none, rollback: Some(10) },
        ];
        let job = gpt2();
        let parts: Vec<f64> = alone.iter().map(|defences| overhead(*defences, &job)).collect();
        assert!(parts.iter().all(|part| *part > 0.0), "{parts:?}");
        let together = overhead(Defences::recommended(), &job);
        assert!((together - parts.iter().sum::<f64>()).abs() < 1e-12);
        let free = only(GuardConfig { finite: true, loss_spike: Some(1.0), gradient_norm: Some(10.0), ..none });
        assert_eq!((free.cost(&job, 1.0), free.any(), only(none).any()), (Cost::default(), true, false));
        let twice = overhead(only(GuardConfig { redundant: true, ..none }), &job);
        assert!(twice > 1.0 && twice < 1.001, "a second computation takes the step's time again: {twice}");
        assert!(overhead(all(), &job) > 1.0 + together + parts[1] + parts[2], "and is checked again");
    }

    /// The state is read once a step: the more tokens a step has, the less that weighs, as 1 / T.
    #[test]
    fn shards_weigh_less_in_larger_steps() {
        let at = |tokens_per_step| {
            overhead(
                only(GuardConfig { shards: true, ..GuardConfig::default() }),
                &Training { tokens_per_step, ..gpt2() },
            )
        };
        assert!((at(1e6) / at(2e6) - 2.0).abs() < 1e-9);
    }

    /// Decoding is bound by reading the weights once a token for all requests: digests every h tokens add a share 1 / h of that.
    #[test]
    fn a_served_request_takes_what_its_watched_phases_take() {
        let job = Serving {
            parameters: 7e9,
            weight_bits: 16.0,
            requests_per_day: 1.0,
            prompt_tokens: 100.0,
            output_tokens: 300.0,
            batch: 4.0,
            cache_per_token: Bits(1e6),
            origin: crate::demand::Origin::Ground,
        };
        let machine =
            Machine { peak: FlopsPerSecond(756e12), bandwidth: BitsPerSecond(16e12), utilisation: Ratio(0.5) };
        let time = |defences: ServingDefences| UnitTime::new(&defences.phases(&job, 4.0), &machine).unbound().0;
        let none = ServingDefences { hold: 8, ..ServingDefences::default() };
        let alone = UnitTime::new(&Demand::Serving(job.clone()).phases(4.0), &machine).unbound().0;
        assert_eq!((time(none), none.any(), none.memory(&job)), (alone, false, Bits::ZERO));
        assert_eq!(time(ServingDefences { finite: true, ..none }), alone);
        let weights = time(ServingDefences { weights: true, ..none }) - alone;
        assert!((weights - 300.0 / 8.0 * 7e9 * 2.0 / 2e12 / 4.0).abs() < 1e-12, "{weights}");
        let cache = time(ServingDefences { cache: true, ..none }) - alone;
        assert!((cache - 2.0 * 300.0 * 250.0 * 1e6 / 16e12).abs() < 1e-12, "{cache}");
        // The prompt is bound by computing, the answer by memory: the second row adds its cache.
        let twice = time(ServingDefences { redundant: true, ..none }) - alone;
        let prompt_alone = f64::max(2.0 * 7e9 * 100.0 / 378e12, 7e9 * 2.0 / 2e12 / 4.0);
        assert!((twice - (4.0 * 7e9 * 100.0 / 378e12 - prompt_alone) - cache / 2.0).abs() < 1e-12, "{twice}");
        let held = ServingDefences { redundant: true, ..none }.memory(&job);
        assert_eq!(held, Bits(1e6 * 4.0 * 400.0), "another cache");
    }

    #[test]
    fn what_is_held_is_the_checkpoint_and_little_else() {
        let cost = all().cost(&gpt2(), 10.0);
        assert_eq!(cost.storage, Bits(8.0 * 12.0 * 774e6));
        assert!(cost.memory.0 > 0.0 && cost.memory.0 < 0.002 * cost.storage.0, "{}", cost.memory);
    }
}
