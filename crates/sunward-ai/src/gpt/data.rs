//! Text as tokens: characters, a generated corpus for when no text is given, and the batches of each step.

use std::collections::BTreeMap;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::bpe::BytePairs;
use sunward_units::random::{Purpose, Stream};

/// A text that cannot be trained on.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DataError {
    /// The text is too short for one sequence in each part.
    #[error("{name}: the {part} part has {got} tokens, expected at least {expected} (the context and one)")]
    Short {
        /// Name of the text.
        name: String,
        /// `training` or `validation`.
        part: &'static str,
        /// Tokens found.
        got: usize,
        /// Tokens needed.
        expected: usize,
    },
    /// A character that the vocabulary lacks.
    #[error("{name}: character {character:?} at byte {at} is not in the vocabulary of {vocabulary} characters")]
    Unknown {
        /// Name of the text.
        name: String,
        /// The character.
        character: char,
        /// Where it stands.
        at: usize,
        /// Size of the vocabulary.
        vocabulary: usize,
    },
}

/// What turns text into tokens and back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Vocabulary {
    /// One token a character: these, in order.
    Characters(Vec<char>),
    /// GPT-2's byte pairs.
    BytePairs(BytePairs),
}

impl Vocabulary {
    /// The characters of `text`, sorted.
    #[must_use]
    pub fn of_characters(text: &str) -> Self {
        let mut characters: Vec<char> = text.chars().collect();
        characters.par_sort_unstable();
        characters.dedup();
        Self::Characters(characters)
    }

    /// Distinct tokens.
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            Self::Characters(characters) => characters.len(),
            Self::BytePairs(pairs) => pairs.size(),
        }
    }

    /// The tokens of `text`; `name` says in an error which text it was.
    ///
    /// # Errors
    /// A character outside the vocabulary.
    pub fn encode(&self, name: &str, text: &str) -> Result<Vec<u32>, DataError> {
        match self {
            Self::BytePairs(pairs) => Ok(pairs.encode(text)),
            Self::Characters(characters) => {
                let index: BTreeMap<char, u32> = characters.iter().copied().zip(0..).collect();
                let token = |(at, character)| {
                    index.get(&character).copied().ok_or_else(|| DataError::Unknown {
                        name: name.to_owned(),
                        character,
                        at,
                        vocabulary: characters.len(),
                    })
                };
                text.char_indices().map(token).collect()
            }
        }
    }

    /// The text of `tokens`; a token outside the vocabulary, or bytes that are no text, become U+FFFD.
    #[must_use]
    pub fn decode(&self, tokens: &[u32]) -> String {
        match self {
            Self::BytePairs(pairs) => pairs.decode(tokens),
            Self::Characters(characters) => {
                let character = |token: &u32| characters.get(*token as usize).copied();
                tokens.iter().map(|token| character(token).unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
            }
        }
    }
}

/// Which part of a corpus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The first nine tenths.
    Training,
    /// The last tenth.
    Validation,
}

/// A text as tokens, its first nine tenths for training and the rest for validation.
#[derive(Debug, Clone, PartialEq)]
pub struct Corpus {
    name: String,
    vocabulary: Vocabulary,
    tokens: Vec<u32>,
    /// First token of the validation part.
    split: usize,
    digest: u64,
}

impl Corpus {
    /// `text` as tokens of `vocabulary`. For characters the split is nanoGPT's (`prepare.py`): at nine tenths of the text.
    ///
    /// # Errors
    /// A character outside the vocabulary.
    pub fn new(name: &str, text: &str, vocabulary: Vocabulary) -> Result<Self, DataError> {
        let tokens = vocabulary.encode(name, text)?;
        let split = (tokens.len() as f64 * 0.9) as usize;
        let meaning = serde_json::to_vec(&vocabulary).expect("a vocabulary is JSON");
        let digest = xxh3_64_with_seed(text.as_bytes(), xxh3_64(&meaning));
        Ok(Self { name: name.to_owned(), vocabulary, tokens, split, digest })
    }

    /// `text` as characters, its own being the vocabulary.
    #[must_use]
    pub fn characters(name: &str, text: &str) -> Self {
        let vocabulary = Vocabulary::of_characters(text);
        Self::new(name, text, vocabulary).expect("a text's characters are in its own vocabulary")
    }

    /// A corpus of about `characters` that the project writes itself: telemetry-like sentences of a small grammar.
    ///
    /// It stands in where no text is given; its name says so, and reports print the name.
    #[must_use]
    pub fn generated(characters: usize, seed: u64) -> Self {
        Self::characters(Style::Telemetry.name(), &Style::Telemetry.text(characters, seed))
    }

    /// Name of the text.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the tokens mean.
    #[must_use]
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// XXH3-64 of the text and its vocabulary.
    #[must_use]
    pub fn digest(&self) -> u64 {
        self.digest
    }

    /// Tokens of `part`.
    #[must_use]
    pub fn tokens(&self, part: Part) -> &[u32] {
        match part {
            Part::Training => &self.tokens[..self.split],
            Part::Validation => &self.tokens[self.split..],
        }
    }

    /// Checks that both parts hold a sequence of `context` tokens and its targets.
    ///
    /// # Errors
    /// A part that is too short.
    pub fn check(&self, context: usize) -> Result<(), DataError> {
        for (part, name) in [(Part::Training, "training"), (Part::Validation, "validation")] {
            let got = self.tokens(part).len();
            if got <= context {
                return Err(DataError::Short { name: self.name.clone(), part: name, got, expected: context + 1 });
            }
        }
        Ok(())
    }
}

/// Inputs and targets of a step, both `[sequence, context]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Tokens.
    pub inputs: Vec<u32>,
    /// The token after each.
    pub targets: Vec<u32>,
}

impl Batch {
    /// `sequences` of `context` tokens at places that depend on `stream` alone.
    #[must_use]
    pub fn draw(tokens: &[u32], sequences: usize, context: usize, stream: Stream) -> Self {
        let starts = (0..sequences as u64).map(|i| stream.below(tokens.len() - context, i));
        let (inputs, targets): (Vec<_>, Vec<_>) =
            starts.map(|start| (&tokens[start..start + context], &tokens[start + 1..=start + context])).unzip();
        Self { inputs: inputs.concat(), targets: targets.concat() }
    }

    /// The training batch of step `iteration`.
    #[must_use]
    pub fn of_step(corpus: &Corpus, sequences: usize, context: usize, seed: u64, iteration: u64) -> Self {
        let stream = Stream::new(seed, iteration as u32, Purpose::Batch);
        Self::draw(corpus.tokens(Part::Training), sequences, context, stream)
    }
}

/// What a corpus that the project writes itself is like.
///
/// The characters of every style are among those of [`Style::Telemetry`], so that a network trained on that can be fine-tuned on any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Sentences about a spacecraft, with numbers in them.
    Telemetry,
    /// Short lines in which stations call each other, ask and answer.
    Dialogue,
}

impl Style {
    /// What reports call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Telemetry => "generated corpus (no text was given)",
            Self::Dialogue => "generated dialogue (no text was given)",
        }
    }

    /// About `characters` of it.
    #[must_use]
    pub fn text(self, characters: usize, seed: u64) -> String {
        let draw = Stream::new(seed, self as u32, Purpose::Corpus);
        let mut index = 0;
        let pick = |bound: usize| {
            index += 1;
            draw.below(bound, index)
        };
        match self {
            Self::Telemetry => telemetry(characters, pick),
            Self::Dialogue => dialogue(characters, pick),
        }
    }
}

const SUBJECTS: [&str; 8] =
    ["the bus", "the array", "node seven", "the radiator", "a battery", "the dawn pass", "the relay", "the payload"];
const VERBS: [&str; 8] = ["cools", "holds", "turns", "warms", "waits", "counts", "charges", "answers"];
const PLACES: [&str; 8] = [
    "in shadow",
    "at noon",
    "over the pole",
    "near the mast",
    "before contact",
    "after eclipse",
    "by the ridge",
    "in the sun",
];
const REASONS: [&str; 6] = [
    "because the light is low",
    "until the link opens",
    "while the clock slows",
    "and then it sleeps",
    "so the job goes on",
    "but no fault is seen",
];

/// About `characters` of sentences drawn from the lists above.
fn telemetry(characters: usize, mut pick: impl FnMut(usize) -> usize) -> String {
    let mut text = String::with_capacity(characters + 100);
    while text.len() < characters {
        let subject = SUBJECTS[pick(SUBJECTS.len())];
        text.push(subject.as_bytes()[0].to_ascii_uppercase().into());
        text.push_str(&subject[1..]);
        for part in [VERBS[pick(VERBS.len())], PLACES[pick(PLACES.len())], REASONS[pick(REASONS.len())]] {
            text.push(' ');
            text.push_str(part);
        }
        if pick(3) == 0 {
            text.push_str(&format!(" at {} kelvin", 250 + pick(100)));
        }
        text.push_str(if pick(5) == 0 { ".\n" } else { ". " });
    }
    text
}

const STATIONS: [&str; 6] = ["ground", "relay", "lander", "mast", "depot", "orbiter"];
const QUESTIONS: [&str; 8] = [
    "how warm is it there",
    "do you hear me",
    "when do you pass again",
    "what do you carry",
    "who has the key",
    "how far is the ridge",
    "may we speak now",
    "did the new part arrive",
];
const ANSWERS: [&str; 8] = [
    "not as warm as yesterday",
    "we hear you loud and clear",
    "ask me again tomorrow",
    "nothing but dust and time",
    "it was never here",
    "very far and very dark",
    "yes but keep it short",
    "they say it did",
];

/// About `characters` of calls: who to whom, a question, back, an answer, an empty line.
fn dialogue(characters: usize, mut pick: impl FnMut(usize) -> usize) -> String {
    let mut text = String::with_capacity(characters + 100);
    while text.len() < characters {
        let caller = pick(STATIONS.len());
        let called = (caller + 1 + pick(STATIONS.len() - 1)) % STATIONS.len();
        let (caller, called) = (STATIONS[caller], STATIONS[called]);
        let (question, answer) = (QUESTIONS[pick(QUESTIONS.len())], ANSWERS[pick(ANSWERS.len())]);
        text.push_str(&format!("{caller} to {called}\n{question}\n{called} to {caller}\n{answer}\n\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_numbered_in_order_and_come_back() {
        let corpus = Corpus::characters("poem", "the sea, the sea");
        assert_eq!(corpus.vocabulary(), &Vocabulary::Characters(vec![' ', ',', 'a', 'e', 'h', 's', 't']));
        assert_eq!(corpus.vocabulary().encode("x", "sea").unwrap(), [5, 3, 2]);
        assert_eq!(corpus.vocabulary().decode(&[6, 4, 3, 99]), "the\u{FFFD}");
        assert_eq!(corpus.tokens(Part::Training).len(), 14);
        assert_eq!(corpus.tokens(Part::Validation).len(), 2);
    }

    #[test]
    fn an_unknown_character_is_named() {
        let vocabulary = Vocabulary::of_characters("abc");
        let error = vocabulary.encode("new.txt", "abxc").unwrap_err();
        assert_eq!(error.to_string(), "new.txt: character 'x' at byte 2 is not in the vocabulary of 3 characters");
    }

    #[test]
    fn a_short_text_is_refused() {
        let error = Corpus::characters("short.txt", &"ab".repeat(20)).check(8).unwrap_err();
        assert_eq!(
            error.to_string(),
            "short.txt: the validation part has 4 tokens, expected at least 9 (the context and one)"
        );
    }

    #[test]
    fn a_batch_depends_on_its_step_alone_and_targets_follow_inputs() {
        let corpus = Corpus::generated(4000, 1);
        let batch = Batch::of_step(&corpus, 5, 16, 7, 3);
        assert_eq!(batch, Batch::of_step(&corpus, 5, 16, 7, 3));
        assert_ne!(batch, Batch::of_step(&corpus, 5, 16, 7, 4));
        for (input, target) in batch.inputs.chunks(16).zip(batch.targets.chunks(16)) {
            assert_eq!(input[1..], target[..15]);
        }
    }

    #[test]
    fn the_generated_corpus_is_as_long_as_asked_and_depends_on_its_seed() {
        for style in [Style::Telemetry, Style::Dialogue] {
            let text = style.text(5000, 1);
            assert!((5000..5200).contains(&text.len()));
            assert_eq!(text, style.text(5000, 1));
            assert_ne!(text, style.text(5000, 2));
            assert!(style.name().contains("no text was given"));
        }
    }

    #[test]
    fn a_network_of_the_one_style_knows_the_characters_of_the_other() {
        let vocabulary = Vocabulary::of_characters(&Style::Telemetry.text(20_000, 1));
        let dialogue = Style::Dialogue.text(20_000, 1);
        vocabulary.encode("dialogue", &dialogue).unwrap();
        assert!(!dialogue.contains("kelvin") && !dialogue.contains(". "), "another text altogether");
    }
}
