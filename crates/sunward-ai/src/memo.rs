//! Executed steps remembered, so that a run that was interrupted goes on and a run that is repeated takes no time.
//!
//! Training is deterministic: the state after n steps follows from the network, its settings, its defences, its text and the upsets
//! that struck it on the way. A [`Lineage`] is the digest of exactly that, and the key under which results are kept. What defences made
//! of a step follows from it too: a step that they did not let pass has a lineage like any other.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sunward_work::payload::{Loss, Remedy, Upset};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Digest of everything that decided a state of training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Lineage(pub u64);

impl Lineage {
    /// The state before the first step of the run that `description` describes, computed by the program `build`.
    #[must_use]
    pub fn start(description: &str, build: u64) -> Self {
        Self(xxh3_64_with_seed(description.as_bytes(), build))
    }

    /// The state one step on, with these upsets during it.
    #[must_use]
    pub fn step(self, upsets: &[Upset]) -> Self {
        let bytes: Vec<u8> = upsets
            .iter()
            .flat_map(|upset| upset.draw.to_le_bytes().into_iter().chain([u8::from(upset.memory_corrected)]))
            .collect();
        self.mark(&bytes)
    }

    /// The state that `bytes` lead to.
    #[must_use]
    pub fn mark(self, bytes: &[u8]) -> Self {
        Self(xxh3_64_with_seed(bytes, self.0))
    }
}

/// What became of a step that was computed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Attempt {
    /// It was made.
    Made(Step),
    /// A defence did not let it pass.
    Caught {
        /// Its number, from 0.
        step: u64,
        /// The defence.
        guard: String,
        /// What came of it.
        remedy: Remedy,
    },
}

/// What a step gave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Its number, from 0.
    pub number: u64,
    /// Its loss.
    #[serde(with = "bits")]
    pub loss: f64,
    /// The validation loss after it, if an evaluation was due.
    #[serde(with = "bits_if_any")]
    pub validation: Option<f64>,
    /// What it said to the ground, if an evaluation was due.
    pub text: Option<String>,
}

/// Numbers by their bits: an upset may leave one that is none, which JSON cannot write.
mod bits {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &f64, to: S) -> Result<S::Ok, S::Error> {
        value.to_bits().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
        u64::deserialize(from).map(f64::from_bits)
    }
}

/// The same of numbers that may be missing.
mod bits_if_any {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &Option<f64>, to: S) -> Result<S::Ok, S::Error> {
        value.map(f64::to_bits).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
        Ok(Option::<u64>::deserialize(from)?.map(f64::from_bits))
    }
}

impl Step {
    /// The loss as the twin takes it.
    #[must_use]
    pub fn loss(&self) -> Loss {
        Loss { step: self.number, value: self.loss }
    }
}

/// Where steps and states outlive the program. Saving is best effort: a store that fails loses time, never a result.
pub trait Store: Send + Sync {
    /// The bytes last saved under `name`, if they are all there.
    fn load(&self, name: &str) -> Option<Vec<u8>>;
    /// Saves bytes under `name`, all or nothing.
    fn save(&self, name: &str, bytes: &[u8]);
}

/// A store that keeps nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Forgetful;

impl Store for Forgetful {
    fn load(&self, _name: &str) -> Option<Vec<u8>> {
        None
    }
    fn save(&self, _name: &str, _bytes: &[u8]) {}
}

/// Steps (of training, or tokens of answers) by the lineage they lead to, and the latest states by theirs.
#[derive(Debug, Clone)]
pub struct Memo<S> {
    steps: BTreeMap<Lineage, S>,
    states: BTreeMap<Lineage, (u64, Vec<u8>)>,
}

/// States kept in memory: the latest ones, for roll-backs.
const STATES_MAX: usize = 3;

impl<S: Serialize + DeserializeOwned> Memo<S> {
    /// What the store holds of the run that starts at `start`; empty where it holds nothing that can be read.
    #[must_use]
    pub fn load(store: &dyn Store, start: Lineage) -> Self {
        let steps =
            store.load(&steps_name(start)).and_then(|bytes| serde_json::from_slice::<Vec<(Lineage, S)>>(&bytes).ok());
        let mut memo = Self { steps: steps.unwrap_or_default().into_iter().collect(), states: BTreeMap::new() };
        if let Some((lineage, number, state)) = store.load(&state_name(start)).and_then(read_state) {
            memo.states.insert(lineage, (number, state));
        }
        memo
    }

    /// The step that leads to `lineage`.
    #[must_use]
    pub fn step(&self, lineage: Lineage) -> Option<&S> {
        self.steps.get(&lineage)
    }

    /// Remembers a step.
    pub fn insert(&mut self, lineage: Lineage, step: S) {
        self.steps.insert(lineage, step);
    }

    /// Steps remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Saves all steps.
    pub fn save(&self, store: &dyn Store, start: Lineage) {
        let steps: Vec<(Lineage, &S)> = self.steps.iter().map(|(lineage, step)| (*lineage, step)).collect();
        store.save(&steps_name(start), &serde_json::to_vec(&steps).unwrap_or_default());
    }

    /// The state kept at `lineage`.
    #[must_use]
    pub fn state(&self, lineage: Lineage) -> Option<&[u8]> {
        self.states.get(&lineage).map(|(_, state)| state.as_slice())
    }

    /// Keeps the state after `number` steps, and saves everything.
    pub fn keep(&mut self, store: &dyn Store, start: Lineage, lineage: Lineage, number: u64, state: Vec<u8>) {
        let header = [lineage.0.to_le_bytes(), number.to_le_bytes(), xxh3_64_with_seed(&state, number).to_le_bytes()];
        store.save(&state_name(start), &[header.concat(), state.clone()].concat());
        self.save(store, start);
        self.states.insert(lineage, (number, state));
        while self.states.len() > STATES_MAX {
            let oldest = self.states.iter().min_by_key(|(_, (number, _))| *number).map(|(lineage, _)| *lineage);
            oldest.and_then(|lineage| self.states.remove(&lineage));
        }
    }
}

fn steps_name(start: Lineage) -> String {
    format!("{:016x}.steps.json", start.0)
}

fn state_name(start: Lineage) -> String {
    format!("{:016x}.state", start.0)
}

fn read_state(bytes: Vec<u8>) -> Option<(Lineage, u64, Vec<u8>)> {
    let word = |at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
    let (lineage, number, digest) = (Lineage(word(0)?), word(8)?, word(16)?);
    let state = bytes[24..].to_vec();
    (xxh3_64_with_seed(&state, number) == digest).then_some((lineage, number, state))
}
