//! GPT-2's byte-pair encoding, from the files that carry it.
//!
//! **Source**: Sennrich, Haddow and Birch, "Neural machine translation of rare words with subword units", 2016, algorithm 1;
//! Radford et al. 2019, section 2.2 (over bytes, with text cut into words first).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use unicode_general_category::{GeneralCategory, get_general_category};

use crate::merging::{Merges, merged};

/// A vocabulary or list of merges that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BpeError {
    /// The vocabulary is no map from strings to numbers.
    #[error("{file}: expected a JSON object of token to number: {reason}")]
    Json {
        /// Name of the file.
        file: String,
        /// What the reader said.
        reason: String,
    },
    /// A line of the merges is not two tokens.
    #[error("{file}:{line}: expected two tokens with a space between, got {got:?}")]
    Merge {
        /// Name of the file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// The line.
        got: String,
    },
    /// A token that the other file or the bytes need is missing.
    #[error("{file}: token {token:?} is missing, which {needed_by} needs")]
    Missing {
        /// Name of the file.
        file: String,
        /// The token.
        token: String,
        /// Who needs it.
        needed_by: String,
    },
    /// The numbers are not 0, 1, 2, ...
    #[error("{file}: {tokens} tokens must be numbered 0..{tokens}, got number {got}")]
    Numbers {
        /// Name of the file.
        file: String,
        /// Tokens in the file.
        tokens: usize,
        /// First number out of place.
        got: u32,
    },
}

/// A file's name (for messages) and content.
#[derive(Debug, Clone, Copy)]
pub struct NamedText<'a> {
    /// Name.
    pub name: &'a str,
    /// Content.
    pub text: &'a str,
}

/// The encoding: tokens as bytes, and which pair of tokens merges into which.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BytePairs {
    tokens: Vec<Vec<u8>>,
    /// Token of each byte.
    bytes: Vec<u32>,
    /// (left, right, merged) in order of rank.
    merges: Vec<(u32, u32, u32)>,
}

/// The character that stands for `byte` in the files: itself where it prints, else one from U+0100 on.
fn printable(byte: u8) -> char {
    let prints = |b: u8| matches!(b, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    if prints(byte) {
        return char::from(byte);
    }
    let before = (0..byte).filter(|b| !prints(*b)).count() as u32;
    char::from_u32(0x100 + before).expect("below the surrogates")
}

/// What ends a text in GPT-2's vocabulary.
const END_OF_TEXT: &str = "<|endoftext|>";

/// The merges of a file: line from 1, left, right.
fn merge_lines<'a>(merges: NamedText<'a>) -> impl Iterator<Item = Result<(usize, &'a str, &'a str), BpeError>> {
    let lines = (1..).zip(merges.text.lines()).filter(|(_, line)| !line.is_empty() && !line.starts_with("#version"));
    lines.map(move |(at, line)| {
        let pair = line.split_once(' ').filter(|(_, right)| !right.contains(' '));
        let (left, right) =
            pair.ok_or_else(|| BpeError::Merge { file: merges.name.to_owned(), line: at, got: line.to_owned() })?;
        Ok((at, left, right))
    })
}

impl BytePairs {
    /// Reads `vocab.json` (token to number) and `merges.txt` (a pair a line, best first, after a `#version` line).
    ///
    /// # Errors
    /// Files that are not of that form, or do not fit each other.
    pub fn new(vocabulary: NamedText<'_>, merges: NamedText<'_>) -> Result<Self, BpeError> {
        let numbers: BTreeMap<String, u32> = serde_json::from_str(vocabulary.text)
            .map_err(|error| BpeError::Json { file: vocabulary.name.to_owned(), reason: error.to_string() })?;
        let number = |token: &str, needed_by: String| {
            numbers.get(token).copied().ok_or_else(|| BpeError::Missing {
                file: vocabulary.name.to_owned(),
                token: token.to_owned(),
                needed_by,
            })
        };
        let bytes = (0..=255u8)
            .map(|byte| number(printable(byte).encode_utf8(&mut [0; 4]), format!("byte {byte}")))
            .collect::<Result<_, _>>()?;
        let merges = merge_lines(merges)
            .map(|line| {
                let (at, left, right) = line?;
                let needed_by = || format!("{}:{at}", merges.name);
                let merged = number(&format!("{left}{right}"), needed_by())?;
                Ok((number(left, needed_by())?, number(right, needed_by())?, merged))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { tokens: token_bytes(vocabulary.name, &numbers)?, bytes, merges })
    }

    /// Reads `merges.txt` alone and numbers tokens as GPT-2 does: the bytes, those that print first; what each merge makes, in order;
    /// last the end of a text.
    ///
    /// # Errors
    /// A line that is no merge, or that merges what no line makes.
    pub fn of_merges(merges: NamedText<'_>) -> Result<Self, BpeError> {
        let mut bytes: Vec<String> = (0..=255u8).map(|byte| printable(byte).to_string()).collect();
        bytes.sort();
        let made = merge_lines(merges).map(|line| line.map(|(_, left, right)| format!("{left}{right}")));
        let tokens = made.collect::<Result<Vec<_>, _>>()?;
        let tokens = bytes.into_iter().chain(tokens).chain([END_OF_TEXT.to_owned()]);
        let numbers: BTreeMap<String, u32> = tokens.zip(0..).collect();
        let vocabulary = serde_json::to_string(&numbers).expect("tokens and numbers are JSON");
        Self::new(NamedText { name: merges.name, text: &vocabulary }, merges)
    }

    /// Distinct tokens.
    #[must_use]
    pub fn size(&self) -> usize {
        self.tokens.len()
    }

    /// The tokens of `text`.
    #[must_use]
    pub fn encode(&self, text: &str) -> Vec<u32> {
        let ranks = (0..).zip(&self.merges).map(|(rank, (left, right, merged))| ((*left, *right), (rank, *merged)));
        let ranks: Merges = ranks.collect();
        let mut known: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
        let mut tokens = Vec::new();
        for word in words(text) {
            tokens.extend_from_slice(known.entry(word).or_insert_with(|| self.encode_word(word, &ranks)));
        }
        tokens
    }

    /// Merges the best-ranked neighbours of a word until none is left.
    fn encode_word(&self, word: &str, ranks: &Merges) -> Vec<u32> {
        merged(word.bytes().map(|byte| self.bytes[usize::from(byte)]).collect(), ranks)
    }

    /// The text of `tokens`; what is no text becomes U+FFFD.
    #[must_use]
    pub fn decode(&self, tokens: &[u32]) -> String {
        let bytes = |token: &u32| self.tokens.get(*token as usize).map_or("\u{FFFD}".as_bytes(), Vec::as_slice);
        String::from_utf8_lossy(&tokens.iter().flat_map(bytes).copied().collect::<Vec<u8>>()).into_owned()
    }
}

/// The bytes of each token, in the order of their numbers.
fn token_bytes(file: &str, numbers: &BTreeMap<String, u32>) -> Result<Vec<Vec<u8>>, BpeError> {
    let byte_of: BTreeMap<char, u8> = (0..=255u8).map(|byte| (printable(byte), byte)).collect();
    let mut tokens: Vec<Option<Vec<u8>>> = vec![None; numbers.len()];
    for (token, number) in numbers {
        // A special token such as <|endoftext|> is plain text, and prints as itself.
        let bytes = token.chars().map(|c| byte_of.get(&c).copied()).collect::<Option<_>>();
        match tokens.get_mut(*number as usize) {
            Some(slot @ None) => *slot = Some(bytes.unwrap_or_else(|| token.as_bytes().to_vec())),
            _ => return Err(BpeError::Numbers { file: file.to_owned(), tokens: numbers.len(), got: *number }),
        }
    }
    Ok(tokens.into_iter().flatten().collect())
}

/// What kind of run a character belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Run {
    Letters,
    Digits,
    Space,
    Other,
}

/// By Unicode's general category, as the pattern's `\p{L}` and `\p{N}` are: a vowel sign of Hindi is no letter, a Roman numeral none.
fn run(c: char) -> Run {
    use GeneralCategory as Is;
    if c.is_whitespace() {
        return Run::Space;
    }
    match get_general_category(c) {
        Is::UppercaseLetter | Is::LowercaseLetter | Is::TitlecaseLetter | Is::ModifierLetter | Is::OtherLetter => {
            Run::Letters
        }
        Is::DecimalNumber | Is::LetterNumber | Is::OtherNumber => Run::Digits,
        _ => Run::Other,
    }
}

/// Cuts `text` as GPT-2's pattern does: contractions, then runs of letters, digits or other signs, each with one space
/// before it; a longer stretch of white space leaves its last space to the next word.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (word, after) = rest.split_at(word_len(rest));
        rest = after;
        (!word.is_empty()).then_some(word)
    })
}

fn word_len(text: &str) -> usize {
    const CONTRACTIONS: [&str; 7] = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"];
    if let Some(contraction) = CONTRACTIONS.iter().find(|c| text.starts_with(**c)) {
        return contraction.len();
    }
    let body = text.strip_prefix(' ').unwrap_or(text);
    let kind = body.chars().next().map(run);
    match kind {
        Some(kind) if kind != Run::Space => {
            let len = body.find(|c| run(c) != kind).unwrap_or(body.len());
            text.len() - body.len() + len
        }
        _ => space_len(text),
    }
}

/// White space up to the next word, less its last character if a word follows and more than one is there.
fn space_len(text: &str) -> usize {
    let end = text.find(|c: char| !c.is_whitespace()).unwrap_or(text.len());
    let last = text[..end].chars().next_back().map_or(0, char::len_utf8);
    if end == text.len() || end == last { end } else { end - last }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_as_the_pattern_does() {
        let cut: Vec<&str> = words("I'll see  you, at 10:30\n\n in 'orbit'   ").collect();
        assert_eq!(
            cut,
            ["I", "'ll", " see", " ", " you", ",", " at", " 10", ":", "30", "\n\n", " in", " '", "orbit", "'", "   "]
        );
    }

    const VOCABULARY: NamedText<'_> =
        NamedText { name: "vocab.json", text: include_str!("../../../../testdata/ai/bpe-vocab.json") };
    const MERGES: NamedText<'_> =
        NamedText { name: "merges.txt", text: include_str!("../../../../testdata/ai/bpe-merges.txt") };

    /// Encodings by Hugging Face tokenizers 0.23.3 (testdata/ai/bpe_tokenizers.py).
    #[test]
    fn tokens_are_those_of_the_tokenizers_library_and_come_back() {
        let pairs = BytePairs::new(VOCABULARY, MERGES).unwrap();
        let expected: serde_json::Value =
            serde_json::from_str(include_str!("../../../../testdata/ai/bpe_texts.json")).unwrap();
        for case in expected["texts"].as_array().unwrap() {
            let text = case["text"].as_str().unwrap();
            let tokens: Vec<u32> = serde_json::from_value(case["tokens"].clone()).unwrap();
            assert_eq!(pairs.encode(text), tokens, "{text:?}");
            assert_eq!(pairs.decode(&tokens), text);
        }
    }

    /// The words come out in the same pieces as by both files; only the numbers are GPT-2's own.
    #[test]
    fn merges_alone_cut_text_as_both_files_do() {
        let (both, alone) = (BytePairs::new(VOCABULARY, MERGES).unwrap(), BytePairs::of_merges(MERGES).unwrap());
        let pieces = |pairs: &BytePairs, text: &str| -> Vec<String> {
            pairs.encode(text).iter().map(|token| pairs.decode(&[*token])).collect()
        };
        let text = "The radiators wait at noon, Größe 12";
        assert_eq!(pieces(&alone, text), pieces(&both, text));
        // In GPT-2's own files "!" is 0, "h" 71, " " 220, the first merge 256 and <|endoftext|> the last.
        let first = alone.encode("!h he");
        assert_eq!((&first[..], alone.size()), (&[0, 71, 220, 256][..], 256 + MERGES.text.lines().count() - 1 + 1));
        assert_eq!(alone.decode(&[alone.size() as u32 - 1]), "<|endoftext|>");
        let odd = BytePairs::of_merges(NamedText { name: "m.txt", text: "h e\nab c\n" }).unwrap_err();
        assert_eq!(odd.to_string(), "m.txt: token \"ab\" is missing, which m.txt:2 needs");
    }

    #[test]
    fn files_that_do_not_fit_are_named() {
        let message = |vocabulary: &str, merges: &str| {
            let vocabulary = NamedText { name: "v.json", text: vocabulary };
            BytePairs::new(vocabulary, NamedText { name: "m.txt", text: merges }).unwrap_err().to_string()
        };
        assert!(message("[1]", "").starts_with("v.json: expected a JSON object of token to number: invalid type"));
        assert_eq!(message("{}", ""), "v.json: token \"\u{100}\" is missing, which byte 0 needs");
        assert_eq!(
            message(VOCABULARY.text, "h e\nhe\n"),
            "m.txt:2: expected two tokens with a space between, got \"he\""
        );
        assert_eq!(message(VOCABULARY.text, "q q\n"), "v.json: token \"qq\" is missing, which m.txt:1 needs");
        let doubled = VOCABULARY.text.replacen(":1,", ":0,", 1);
        assert!(message(&doubled, "").ends_with("got number 0"));
    }
}
