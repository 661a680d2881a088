//! Flips while text is served: a small Gemma of random weights answers prompts of random tokens, always with the likeliest token.
//!
//! The logits of random weights lie close together, so that small errors change the text sooner than they would in a trained network.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::json;
use sunward_units::random::{Purpose, Stream};

use super::{BitClass, CampaignError, Class, Outcome, Struck, regions, require};
use crate::gemma::defended::{NotServed, Server, ServingDefences, ServingGuards, ServingStrike, ServingTarget};
use crate::gemma::{GemmaConfig, Network, Weights};
use crate::gpt::guards::Bytes;

/// A serving campaign as its file writes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServingConfig {
    /// Flips.
    pub flips: u32,
    /// Whether error correction covers the memory, so that only data in flight can be struck unseen.
    pub memory_corrected: bool,
    /// What is struck; all that can be where it is left out.
    #[serde(default)]
    pub regions: Vec<ServingTarget>,
    /// How weights are held: f32, bf16 or int8.
    pub weights: WeightForm,
    /// Layers, of which every second sees all of the past and the others a window.
    pub layers: usize,
    /// Width of the residual stream.
    pub width: usize,
    /// Width inside the feed-forward part.
    pub feed_forward: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads.
    pub key_heads: usize,
    /// Width of a head.
    pub head_width: usize,
    /// Tokens of the vocabulary.
    pub vocabulary: usize,
    /// Positions that a layer with a window sees.
    pub window: usize,
    /// Different prompts.
    pub prompts: u32,
    /// Tokens of a prompt.
    pub prompt_tokens: usize,
    /// Tokens of an answer.
    pub answer_tokens: usize,
    /// What watches; nothing where it is left out.
    #[serde(default)]
    pub guards: ServingGuards,
    /// Tokens held back at most until the weights are verified.
    pub hold: usize,
    /// Whether an alarm is answered, or ends the answer.
    pub recover: bool,
}

/// How weights are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WeightForm {
    /// 32-bit floating point.
    F32,
    /// bfloat16.
    Bf16,
    /// Blocks of 8-bit whole numbers with a scale.
    Int8,
}

impl ServingConfig {
    fn targets(&self) -> Vec<ServingTarget> {
        let all: &[_] = if self.memory_corrected { &ServingTarget::IN_FLIGHT } else { &ServingTarget::RESIDENT };
        let held = |target: &&ServingTarget| **target != ServingTarget::Scales || self.weights == WeightForm::Int8;
        all.iter().filter(held).copied().collect()
    }

    fn validated(&self) -> Result<Vec<ServingTarget>, CampaignError> {
        let counts = [
            ("serving.prompts", self.prompts as usize),
            ("serving.prompt_tokens", self.prompt_tokens),
            ("serving.answer_tokens", self.answer_tokens),
            ("serving.layers", self.layers),
            ("serving.hold", self.hold),
        ];
        for (what, count) in counts {
            require(count > 0, what, 0.0, "at least 1")?;
        }
        let ranges = self.guards.ranges;
        require(ranges.is_none_or(|factor| factor > 0.0), "serving.guards.ranges", ranges.unwrap_or(0.0), "above 0")?;
        regions(&self.regions, self.targets(), ServingTarget::name)
    }

    fn network(&self, seed: u64) -> Result<Network, CampaignError> {
        let config = json!({
            "model_type": "gemma3_text", "vocab_size": self.vocabulary, "hidden_size": self.width,
            "intermediate_size": self.feed_forward, "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads, "num_key_value_heads": self.key_heads, "head_dim": self.head_width,
            "query_pre_attn_scalar": self.head_width, "max_position_embeddings": self.length(),
            "sliding_window": self.window, "sliding_window_pattern": 2, "rms_norm_eps": 1e-6, "rope_theta": 1e6,
            "rope_local_base_freq": 1e4,
        });
        let form = match self.weights {
            WeightForm::F32 => Weights::F32,
            WeightForm::Bf16 => Weights::Bf16,
            WeightForm::Int8 => Weights::Int8,
        };
        Ok(Network::random(GemmaConfig::from_json("the network of [serving]", &config)?, form, seed))
    }

    /// Tokens of a prompt with its answer.
    fn length(&self) -> usize {
        self.prompt_tokens + self.answer_tokens
    }

    /// What defends the answers.
    #[must_use]
    pub fn defences(&self) -> ServingDefences {
        ServingDefences { guards: self.guards, hold: self.hold, recover: self.recover }
    }

    /// Prompt `number` of random tokens.
    fn prompt(&self, seed: u64, number: u32) -> Vec<u32> {
        let draw = Stream::new(seed, number, Purpose::Prompt);
        (0..self.prompt_tokens as u64).map(|at| draw.below(self.vocabulary, at) as u32).collect()
    }
}

/// A prepared campaign: the network and the fault-free answers.
pub struct ServingCampaign {
    config: ServingConfig,
    seed: u64,
    targets: Vec<ServingTarget>,
    network: Network,
    known: Vec<f32>,
    /// Prompts and their answers.
    twins: Vec<(Vec<u32>, Vec<u32>)>,
    false_alarms: Vec<&'static str>,
}

impl ServingCampaign {
    /// Makes the network of `config` and lets it answer every prompt, without a fault.
    ///
    /// The range of the stream is learned from other prompts than those answered.
    ///
    /// # Errors
    /// A configuration of which no network can be made, or defences that end a fault-free answer.
    pub fn prepare(config: &ServingConfig, seed: u64) -> Result<Self, CampaignError> {
        let targets = config.validated()?;
        let network = config.network(seed)?;
        let others: Vec<Vec<u32>> = (0..config.prompts).map(|n| config.prompt(seed, config.prompts + n)).collect();
        let known = Server::learn(&network, &others, config.answer_tokens)?;
        let bare = ServingDefences { guards: ServingGuards::default(), hold: 1, recover: false };
        let (mut twins, mut false_alarms) = (Vec::new(), Vec::new());
        for number in 0..config.prompts {
            let prompt = config.prompt(seed, number);
            let plain = Server::new(&network, bare, Vec::new()).answer(&prompt, config.answer_tokens, None)?;
            let mut server = Server::new(&network, config.defences(), known.clone());
            let defended = server.answer(&prompt, config.answer_tokens, None)?;
            assert_eq!(plain.tokens, defended.tokens, "defences change no answer");
            false_alarms.extend(defended.alarms.iter().map(|alarm| alarm.guard()));
            twins.push((prompt, plain.tokens));
        }
        Ok(Self { config: config.clone(), seed, targets, network, known, twins, false_alarms })
    }

    /// Flips of the campaign.
    #[must_use]
    pub fn flips(&self) -> u32 {
        self.config.flips
    }

    /// Guards that alarmed in the fault-free answers, and the tokens of these.
    #[must_use]
    pub fn false_alarms(&self) -> (&[&'static str], u64) {
        (&self.false_alarms, u64::from(self.config.prompts) * self.config.answer_tokens as u64)
    }

    /// Different tokens of the fault-free answers.
    #[must_use]
    pub fn distinct_tokens(&self) -> usize {
        self.twins.iter().flat_map(|(_, answer)| answer).collect::<BTreeSet<_>>().len()
    }

    /// Answers the first prompt under `defences`, to time.
    ///
    /// # Errors
    /// Never: it was answered before.
    pub fn answer(&self, defences: ServingDefences) -> Result<(), CampaignError> {
        Server::new(&self.network, defences, self.known.clone()).answer(
            &self.twins[0].0,
            self.config.answer_tokens,
            None,
        )?;
        Ok(())
    }

    /// What `defences` take, for each token.
    ///
    /// # Errors
    /// Never: answers of that length were made before.
    pub fn bytes(&self, defences: ServingDefences) -> Result<Bytes, CampaignError> {
        Ok(Server::new(&self.network, defences, self.known.clone()).bytes(self.config.length())?)
    }

    /// The strike that the draws of flip `number` choose: every bit of the targets alike, before any token.
    fn strike(&self, server: &Server<'_>, draw: Stream) -> ServingStrike {
        let bits = |target: &ServingTarget| server.bits(*target, self.config.length()).expect("a length that fits");
        let sizes: Vec<usize> = self.targets.iter().map(bits).collect();
        let (mut bit, mut at) = (draw.below(sizes.iter().sum(), 0), 0);
        while bit >= sizes[at] {
            bit -= sizes[at];
            at += 1;
        }
        let (layer, token) = (draw.below(self.config.layers, 1), draw.below(self.config.answer_tokens, 2));
        ServingStrike { target: self.targets[at], layer, bit, token }
    }

    /// Bit of its number and what it means, of bit `bit` of `target`.
    fn bit(&self, target: ServingTarget, bit: usize) -> (u32, BitClass) {
        let of = |width: usize, class: fn(u32) -> BitClass| {
            let bit = (bit % width) as u32;
            (bit, class(bit))
        };
        match (target, self.config.weights) {
            (ServingTarget::Matrices, WeightForm::Bf16) => of(16, |bit| BitClass::of_float(bit, 8, 7)),
            (ServingTarget::Matrices, WeightForm::Int8) => {
                of(8, |bit| if bit == 7 { BitClass::Sign } else { BitClass::Whole })
            }
            (ServingTarget::Scales, _) => of(16, |bit| BitClass::of_float(bit, 5, 10)),
            _ => of(32, BitClass::of_f32),
        }
    }

    /// Strikes flip `number` while the answer to one of the prompts is made.
    #[must_use]
    pub fn run(&self, number: u32) -> Outcome {
        let draw = Stream::new(self.seed, number, Purpose::Strike);
        let (prompt, twin) = &self.twins[number as usize % self.twins.len()];
        let mut server = Server::new(&self.network, self.config.defences(), self.known.clone());
        let strike = self.strike(&server, draw);
        let (bit, bit_class) = self.bit(strike.target, strike.bit);
        let mut outcome = Outcome {
            number,
            target: Struck::Serving(strike.target),
            bit,
            bit_class,
            at: strike.token as u64,
            class: Class::Detected,
            guard: None,
            lost: 0,
            harm: None,
            exact: false,
        };
        let served = match server.answer(prompt, twin.len(), Some(strike)) {
            Ok(served) => served,
            Err(NotServed::Alarm(alarm)) => {
                outcome.guard = Some(alarm.guard().to_owned());
                return outcome;
            }
            Err(error) => unreachable!("the prompt was answered before: {error}"),
        };
        let changed = served.tokens.iter().zip(twin).filter(|(a, b)| a != b).count();
        outcome.guard = served.alarms.first().map(|alarm| alarm.guard().to_owned());
        (outcome.lost, outcome.harm, outcome.exact) = (served.lost as u64, Some(changed as f64), changed == 0);
        outcome.class = match outcome.guard {
            _ if changed > 0 => Class::Silent,
            Some(_) => Class::Recovered,
            None => Class::Harmless,
        };
        outcome
    }
}

#[cfg(test)]
mod tests;
