//! Serving that survives upsets: text is held back until it is known to be good, and made again where it is not.
//!
//! - *weights*: every shard of the weights has the digest it was loaded with, before any text made with it is let go.
//! - *cache*: keys and values are, before each token, what they were after the last.
//! - *finite*: logits are numbers.
//! - *ranges*: after no layer is the residual stream far larger than it ever was in answers without faults.
//! - *redundant*: every token is computed twice, as two rows of one pass over the weights with keys and values of their own, and the
//!   logits are compared bit by bit.
//!
//! What was held back at an alarm is dropped; the weights are read again from storage where they changed, keys and values are
//! computed again from the prompt and the text already let go, and the answer goes on. Arithmetic is deterministic, so that it
//! goes on with the very tokens of an unhurt run.
//!
//! **Not modelled**: flips in storage (files have their own checksums) and in the text already let go.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::error::GemmaError;
use super::network::SHARD;
use super::sampling::Sampling;
use super::session::{CacheRegion, Session};
use super::{Network, WeightRegion};
use crate::gpt::guards::Bytes;
use crate::tensor_file::digest;

/// What watches; the default is nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServingGuards {
    /// Watch the weights.
    pub weights: bool,
    /// Watch keys and values.
    pub cache: bool,
    /// Watch for logits that are no numbers.
    pub finite: bool,
    /// Largest ratio of the residual stream to its largest without faults.
    pub ranges: Option<f64>,
    /// Compute every token twice.
    pub redundant: bool,
}

impl ServingGuards {
    /// Digests of the weights and two rows for each answer: what leaves no way to a wrong token.
    #[must_use]
    pub fn recommended() -> Self {
        Self { weights: true, finite: true, redundant: true, ..Self::default() }
    }

    /// All of them.
    #[must_use]
    pub fn all() -> Self {
        Self { weights: true, cache: true, finite: true, ranges: Some(4.0), redundant: true }
    }

    /// Each that is switched on, alone, by name.
    #[must_use]
    pub fn each(&self) -> Vec<(&'static str, Self)> {
        let none = Self::default();
        let all = [
            ("weights", self.weights, Self { weights: true, ..none }),
            ("cache", self.cache, Self { cache: true, ..none }),
            ("finite", self.finite, Self { finite: true, ..none }),
            ("ranges", self.ranges.is_some(), Self { ranges: self.ranges, ..none }),
            ("redundant", self.redundant, Self { redundant: true, ..none }),
        ];
        all.into_iter().filter(|(_, on, _)| *on).map(|(name, _, guards)| (name, guards)).collect()
    }
}

/// Guards and what follows from their alarms.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ServingDefences {
    /// What watches.
    pub guards: ServingGuards,
    /// Tokens held back at most until the weights are verified.
    pub hold: usize,
    /// Whether an alarm is answered, or ends the answer.
    pub recover: bool,
}

/// What a guard saw.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
pub enum ServingAlarm {
    /// Weights changed.
    #[error("weights, shard {shard} of {SHARD} elements: changed since they were loaded")]
    Weights {
        /// Which shard.
        shard: usize,
    },
    /// Keys or values changed between two tokens.
    #[error("keys or values changed since the last token")]
    Cache,
    /// A logit is no number.
    #[error("a logit is {found}, expected finite numbers")]
    NotFinite {
        /// It.
        found: f32,
    },
    /// The residual stream is too large.
    #[error("residual stream of magnitude {largest} after layer {layer}, expected at most {limit}")]
    Range {
        /// From 0.
        layer: usize,
        /// Its largest magnitude.
        largest: f32,
        /// Largest accepted.
        limit: f32,
    },
    /// Two computations of a token differ.
    #[error("a token computed twice has different logits")]
    Redundancy,
}

impl ServingAlarm {
    /// The guard's name.
    #[must_use]
    pub fn guard(&self) -> &'static str {
        match self {
            Self::Weights { .. } => "weights",
            Self::Cache => "cache",
            Self::NotFinite { .. } => "finite",
            Self::Range { .. } => "ranges",
            Self::Redundancy => "redundant",
        }
    }
}

/// What a flip strikes while an answer is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServingTarget {
    /// Matrices of the weights.
    Matrices,
    /// Scales of quantised weights.
    Scales,
    /// Weights of the norms.
    Norms,
    /// Keys of the past.
    Keys,
    /// Values of the past.
    Values,
    /// The residual stream of the token under way, on entry to a layer.
    Stream,
}

impl ServingTarget {
    /// What lies in memory.
    pub const RESIDENT: [Self; 6] = [Self::Matrices, Self::Scales, Self::Norms, Self::Keys, Self::Values, Self::Stream];
    /// What is under way, and can be struck unseen where the memory is corrected.
    pub const IN_FLIGHT: [Self; 1] = [Self::Stream];

    /// Its name, as files write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Matrices => "matrices",
            Self::Scales => "scales",
            Self::Norms => "norms",
            Self::Keys => "keys",
            Self::Values => "values",
            Self::Stream => "stream",
        }
    }
}

/// One flipped bit while an answer is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServingStrike {
    /// What.
    pub target: ServingTarget,
    /// Layer, for the stream.
    pub layer: usize,
    /// Bit of the target, as [`Network::flip`], [`Session::flip`] and [`Session::flip_activation`] count.
    pub bit: usize,
    /// Before which token of the answer.
    pub token: usize,
}

/// An answer, and what it took.
#[derive(Debug, Clone, PartialEq)]
pub struct Served {
    /// Its tokens.
    pub tokens: Vec<u32>,
    /// Alarms on the way.
    pub alarms: Vec<ServingAlarm>,
    /// Tokens that were dropped or computed again.
    pub lost: usize,
}

/// Why no answer was made.
#[derive(Debug, Error)]
pub enum NotServed {
    /// An alarm that nothing answers.
    #[error("an alarm ended the answer")]
    Alarm(#[from] ServingAlarm),
    /// The prompt does not fit.
    #[error(transparent)]
    Gemma(#[from] GemmaError),
}

/// Alarms at one place of an answer after which it is given up.
const ATTEMPTS: usize = 3;

/// A network in memory, with what was loaded, and its defences.
#[derive(Debug, Clone)]
pub struct Server<'a> {
    /// What storage holds.
    stored: &'a Network,
    network: Network,
    defences: ServingDefences,
    sealed: Vec<u64>,
    /// Largest magnitude of the stream after each layer without faults; empty where none are known.
    known: Vec<f32>,
}

/// An answer under way.
struct Answer<'p> {
    prompt: &'p [u32],
    /// Tokens let go.
    told: Vec<u32>,
    /// Tokens held back.
    held: Vec<u32>,
    session: Session,
    /// Digests of keys and values after the last token.
    sealed: [u64; 2],
    /// Whether the stream's range is the text's own: it came out alike twice, so that no upset made it.
    trusted: bool,
}

impl<'a> Server<'a> {
    /// `stored`, loaded, under `defences`; `known` are the largest magnitudes of its stream, from [`Server::learn`].
    #[must_use]
    pub fn new(stored: &'a Network, defences: ServingDefences, known: Vec<f32>) -> Self {
        let sealed = if defences.guards.weights { stored.shard_digests() } else { Vec::new() };
        Self { stored, network: stored.clone(), defences, sealed, known }
    }

    /// Largest magnitudes of the stream over fault-free answers of `count` tokens to `prompts`.
    ///
    /// # Errors
    /// A prompt that does not fit.
    pub fn learn(network: &Network, prompts: &[Vec<u32>], count: usize) -> Result<Vec<f32>, GemmaError> {
        let mut known = vec![0.0f32; network.config().layers.len()];
        for prompt in prompts {
            let mut session = Session::new(network, 1, prompt.len() + count)?;
            session.ranges();
            let mut next = Sampling::GREEDY.choose(session.prefill(network, 0, prompt)?, 0);
            for _ in 1..count {
                next = Sampling::GREEDY.choose(session.decode(network, &[(0, next)])?, 0);
            }
            known.iter_mut().zip(session.ranges()).for_each(|(known, seen)| *known = known.max(seen));
        }
        Ok(known)
    }

    /// Rows of each token.
    fn copies(&self) -> usize {
        if self.defences.guards.redundant { 2 } else { 1 }
    }

    /// Bits of `target` while an answer of `length` tokens, prompt included, is made.
    ///
    /// # Errors
    /// A length over the context.
    pub fn bits(&self, target: ServingTarget, length: usize) -> Result<usize, GemmaError> {
        let weights = |region| 8 * self.network.bytes(region);
        let session = Session::new(&self.network, self.copies(), length)?;
        let cache = |region| 8 * session.bytes(region);
        Ok(match target {
            ServingTarget::Matrices => weights(WeightRegion::Matrices),
            ServingTarget::Scales => weights(WeightRegion::Scales),
            ServingTarget::Norms => weights(WeightRegion::Norms),
            ServingTarget::Keys => cache(CacheRegion::Keys),
            ServingTarget::Values => cache(CacheRegion::Values),
            ServingTarget::Stream => 32 * self.network.config().width,
        })
    }

    /// What the guards take for an answer of `length` tokens, prompt included; moved: for each token.
    ///
    /// # Errors
    /// A length over the context.
    pub fn bytes(&self, length: usize) -> Result<Bytes, GemmaError> {
        let guards = &self.defences.guards;
        let weights = self.network.weight_data().0 as usize / 8;
        let session = Session::new(&self.network, 1, length)?;
        let cache = session.bytes(CacheRegion::Keys) + session.bytes(CacheRegion::Values);
        let config = self.network.config();
        let mut bytes = Bytes::default();
        if guards.weights {
            bytes.held += 8 * self.sealed.len();
            bytes.moved += weights / self.defences.hold;
        }
        if guards.cache {
            bytes.held += 2 * 8;
            bytes.moved += 2 * self.copies() * cache;
        }
        if guards.ranges.is_some() {
            bytes.held += 4 * config.layers.len();
            bytes.moved += 4 * self.copies() * config.width * config.layers.len();
        }
        if guards.finite {
            bytes.moved += 4 * config.vocabulary;
        }
        if guards.redundant {
            bytes.held += cache;
            bytes.moved += 2 * 4 * config.vocabulary;
        }
        Ok(bytes)
    }

    /// The likeliest `count` tokens after `prompt`, struck by `strike`.
    ///
    /// # Errors
    /// A prompt that does not fit, or an alarm that nothing answers.
    pub fn answer(
        &mut self,
        prompt: &[u32],
        count: usize,
        mut strike: Option<ServingStrike>,
    ) -> Result<Served, NotServed> {
        let mut served = Served { tokens: Vec::new(), alarms: Vec::new(), lost: 0 };
        let mut answer = self.begin(prompt, Vec::new(), count)?;
        let mut attempts = 0;
        while answer.told.len() < count {
            let due = strike.take_if(|strike| strike.token == answer.told.len() + answer.held.len());
            let step = self.next(&mut answer, due).and_then(|()| self.let_go(&mut answer, count));
            match step {
                Ok(true) => attempts = 0,
                Ok(false) => {}
                Err(NotServed::Alarm(alarm)) => {
                    attempts += 1;
                    let alike = attempts > 1 && served.alarms.last() == Some(&alarm);
                    served.alarms.push(alarm);
                    served.lost += answer.held.len() + 1;
                    if !self.defences.recover || attempts > ATTEMPTS {
                        return Err(alarm.into());
                    }
                    if self.network.shard_digests() != self.stored.shard_digests() {
                        self.network.clone_from(self.stored);
                    }
                    answer = self.begin(prompt, answer.told, count)?;
                    answer.trusted = alike;
                }
                Err(other) => return Err(other),
            }
        }
        served.tokens = answer.told;
        Ok(served)
    }

    /// An answer of which `told` is let go already, nothing of it computed yet.
    fn begin<'p>(&self, prompt: &'p [u32], told: Vec<u32>, count: usize) -> Result<Answer<'p>, GemmaError> {
        let mut session = Session::new(&self.network, self.copies(), prompt.len() + count)?;
        if self.defences.guards.ranges.is_some() {
            session.ranges();
        }
        let sealed = session.cache().map(digest);
        Ok(Answer { prompt, told, held: Vec::new(), session, sealed, trusted: false })
    }

    /// Computes the next token, struck by `strike`, and holds it back.
    fn next(&mut self, answer: &mut Answer<'_>, strike: Option<ServingStrike>) -> Result<(), NotServed> {
        if let Some(strike) = strike {
            self.strike(&mut answer.session, strike);
        }
        let guards = self.defences.guards;
        if guards.cache && answer.session.cache().map(digest) != answer.sealed {
            return Err(ServingAlarm::Cache.into());
        }
        let begun = answer.session.length(0) > 0;
        let last = answer.held.last().or(answer.told.last()).filter(|_| begun);
        let input: Vec<u32> = match last {
            Some(last) => vec![*last],
            None => answer.prompt.iter().chain(&answer.told).copied().collect(),
        };
        let pieces: Vec<(usize, &[u32])> = (0..self.copies()).map(|copy| (copy, &input[..])).collect();
        let logits = answer.session.extend(&self.network, &pieces)?;
        let (first, second) = logits.split_at(self.network.config().vocabulary);
        let token = Sampling::GREEDY.choose(first, 0);
        if let Some(found) = first.iter().find(|x| guards.finite && !x.is_finite()) {
            return Err(ServingAlarm::NotFinite { found: *found }.into());
        }
        if guards.redundant && first.iter().zip(second).any(|(a, b)| a.to_bits() != b.to_bits()) {
            return Err(ServingAlarm::Redundancy.into());
        }
        if let Some(factor) = guards.ranges.filter(|_| !answer.trusted) {
            let seen = answer.session.ranges();
            let over = seen.iter().zip(&self.known).enumerate().find_map(|(layer, (largest, known))| {
                let limit = factor as f32 * known;
                (*largest > limit || largest.is_nan()).then_some(ServingAlarm::Range {
                    layer,
                    largest: *largest,
                    limit,
                })
            });
            if let Some(alarm) = over {
                return Err(alarm.into());
            }
        }
        if guards.cache {
            answer.sealed = answer.session.cache().map(digest);
        }
        answer.held.push(token);
        Ok(())
    }

    fn strike(&mut self, session: &mut Session, ServingStrike { target, layer, bit, .. }: ServingStrike) {
        match target {
            ServingTarget::Matrices => self.network.flip(WeightRegion::Matrices, bit),
            ServingTarget::Scales => self.network.flip(WeightRegion::Scales, bit),
            ServingTarget::Norms => self.network.flip(WeightRegion::Norms, bit),
            ServingTarget::Keys => session.flip(CacheRegion::Keys, bit),
            ServingTarget::Values => session.flip(CacheRegion::Values, bit),
            ServingTarget::Stream => session.flip_activation(layer, bit),
        }
    }

    /// Lets go what is held back, if it is as much as is to be held or the end, and the weights are intact; tells whether it did.
    fn let_go(&self, answer: &mut Answer<'_>, count: usize) -> Result<bool, NotServed> {
        let full = answer.held.len() >= self.defences.hold || answer.told.len() + answer.held.len() >= count;
        if !full {
            return Ok(false);
        }
        if self.defences.guards.weights {
            let changed = self.network.shard_digests().iter().zip(&self.sealed).position(|(now, sealed)| now != sealed);
            if let Some(shard) = changed {
                return Err(ServingAlarm::Weights { shard }.into());
            }
        }
        answer.told.append(&mut answer.held);
        answer.trusted = false;
        Ok(true)
    }
}

#[cfg(test)]
mod tests;
