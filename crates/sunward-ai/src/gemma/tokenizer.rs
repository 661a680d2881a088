//! Text to tokens and back, as tokenizer.json of a Gemma folder states it: byte-pair encoding with byte fallback.
//!
//! Added tokens are cut out first, the longest at the leftmost place; in between, spaces become "▁", characters become
//! tokens, those that the vocabulary lacks their UTF-8 bytes, and neighbours are merged, the earliest rule first, the leftmost
//! pair of it first.
//!
//! Read here, not by a crate: the general library takes 77 packages and 85 CPU-seconds to build, for a form in which most of it has
//! no part; and an error must name the file and what was expected in it. Files of another form are refused.
//!
//! **Source**: Sennrich, Haddow and Birch, "Neural machine translation of rare words with subword units", 2016 (byte pairs); Kudo
//! and Richardson, "SentencePiece", 2018 (the space mark, byte fallback); file format of Hugging Face tokenizers 0.23.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use super::error::{GemmaError, read_json};
use crate::merging::{Merges, merged};

pub(crate) const SPACE: char = '▁';
/// Most rows by which an embedding may exceed the vocabulary: published ones are padded to multiples of at most 128.
const PADDING_MAX: usize = 127;

#[derive(Debug, Deserialize)]
struct File {
    #[serde(default)]
    added_tokens: Vec<Added>,
    normalizer: Value,
    #[serde(default)]
    pre_tokenizer: Value,
    model: Model,
}

#[derive(Debug, Deserialize)]
struct Added {
    id: u32,
    content: String,
    special: bool,
    normalized: bool,
    lstrip: bool,
    rstrip: bool,
    single_word: bool,
}

#[derive(Debug, Deserialize)]
struct Model {
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(default)]
    byte_fallback: bool,
    #[serde(default)]
    ignore_merges: bool,
    vocab: HashMap<String, u32>,
    merges: Vec<Merge>,
}

/// A rule, in the newer or the older form.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Merge {
    Pair([String; 2]),
    Text(String),
}

impl Merge {
    fn sides(&self) -> Option<(&str, &str)> {
        match self {
            Self::Pair([left, right]) => Some((left, right)),
            Self::Text(text) => text.split_once(' '),
        }
    }
}

/// What a token stands for when it is read out.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Byte(u8),
    /// Not read out.
    Special,
}

/// The tokens of one network.
#[derive(Debug, Clone)]
pub struct Tokenizer {
    file: String,
    pieces: Vec<Piece>,
    vocabulary: HashMap<String, u32>,
    /// (left, right) to (order of the rule, what they become).
    merges: Merges,
    added: HashMap<String, u32>,
    /// Lengths of the added tokens by their first byte, longest first.
    added_lengths: Vec<Vec<usize>>,
    bytes: Vec<Option<u32>>,
    unknown: u32,
    begin: u32,
}

impl Tokenizer {
    /// The tokens of tokenizer.json in `dir`, for an embedding of `rows` rows.
    ///
    /// # Errors
    /// An unreadable file, one of another form than Gemma's, or a vocabulary that does not fit the embedding.
    pub fn load(dir: &Path, rows: usize) -> Result<Self, GemmaError> {
        let path = dir.join("tokenizer.json");
        let name = path.display().to_string();
        Self::read(name, read_json(&path)?, rows)
    }

    /// The tokens that `content`, the content of a file called `name`, states; as [`Self::load`].
    ///
    /// # Errors
    /// As [`Self::load`].
    pub(crate) fn parse(name: &str, content: Value, rows: usize) -> Result<Self, GemmaError> {
        let file = serde_json::from_value(content);
        Self::read(name.to_owned(), file.map_err(|source| GemmaError::Json { file: name.to_owned(), source })?, rows)
    }

    fn read(name: String, file: File, rows: usize) -> Result<Self, GemmaError> {
        check_form(&name, &file)?;
        let tokens = file.model.vocab.values().max().map_or(0, |id| *id as usize + 1);
        if tokens > rows || tokens + PADDING_MAX < rows {
            let expected =
                format!("{} to {rows} for vocab_size {rows} of config.json", rows.saturating_sub(PADDING_MAX));
            return Err(GemmaError::value(&name, "tokens of the vocabulary", expected, tokens));
        }
        Self::build(name, file, tokens)
    }

    fn build(name: String, file: File, tokens: usize) -> Result<Self, GemmaError> {
        let vocabulary = file.model.vocab;
        let id = |token: &str| vocabulary.get(token).copied();
        let needed =
            |token: &str| id(token).ok_or_else(|| GemmaError::value(&name, "vocabulary", token, "no such token"));
        let mut merges = HashMap::with_capacity(file.model.merges.len());
        for (rank, merge) in file.model.merges.iter().enumerate() {
            let sides = merge.sides();
            let rule = sides.and_then(|(l, r)| Some(((id(l)?, id(r)?), (rank as u32, id(&format!("{l}{r}"))?))));
            let (pair, result) = rule.ok_or_else(|| {
                GemmaError::value(
                    &name,
                    format!("merge {rank}"),
                    "a pair and its sum in the vocabulary",
                    format!("{merge:?}"),
                )
            })?;
            merges.entry(pair).or_insert(result);
        }
        let bytes: Vec<_> = (0..=255u8).map(|byte| id(&format!("<0x{byte:02X}>"))).collect();
        let mut pieces = vec![Piece::Special; tokens];
        for (text, id) in &vocabulary {
            pieces[*id as usize] = Piece::Text(text.replace(SPACE, " "));
        }
        for (byte, id) in bytes.iter().enumerate() {
            id.iter().for_each(|id| pieces[*id as usize] = Piece::Byte(byte as u8));
        }
        let mut added_lengths = vec![Vec::new(); 256];
        for token in &file.added_tokens {
            if token.special && (token.id as usize) < tokens {
                pieces[token.id as usize] = Piece::Special;
            }
            token.content.bytes().next().iter().for_each(|b| added_lengths[*b as usize].push(token.content.len()));
        }
        for lengths in &mut added_lengths {
            lengths.sort_unstable_by_key(|length| Reverse(*length));
            lengths.dedup();
        }
        let (unknown, begin) = (needed("<unk>")?, needed("<bos>")?);
        let added = file.added_tokens.into_iter().map(|token| (token.content, token.id)).collect();
        Ok(Self { file: name, pieces, vocabulary, merges, added, added_lengths, bytes, unknown, begin })
    }

    /// Tokens of the vocabulary.
    #[must_use]
    pub fn size(&self) -> usize {
        self.pieces.len()
    }

    /// The token that every text begins with.
    #[must_use]
    pub fn begin(&self) -> u32 {
        self.begin
    }

    /// The token called `name`, such as "<end_of_turn>".
    ///
    /// # Errors
    /// There is none.
    pub fn token(&self, name: &str) -> Result<u32, GemmaError> {
        let token = self.added.get(name).or_else(|| self.vocabulary.get(name)).copied();
        token.ok_or_else(|| GemmaError::value(&self.file, "vocabulary", name, "no such token"))
    }

    /// The tokens of `text`, the beginning token first. Names of added tokens in the text become those tokens.
    #[must_use]
    pub fn encode(&self, text: &str) -> Vec<u32> {
        let mut tokens = vec![self.begin];
        let (mut start, mut at) = (0, 0);
        while at < text.len() {
            if let Some((length, token)) = self.added_at(text, at) {
                self.merge(&text[start..at], &mut tokens);
                tokens.push(token);
                at += length;
                start = at;
            } else {
                at += text[at..].chars().next().map_or(1, char::len_utf8);
            }
        }
        self.merge(&text[start..], &mut tokens);
        tokens
    }

    /// The longest added token that begins at byte `at`.
    fn added_at(&self, text: &str, at: usize) -> Option<(usize, u32)> {
        let lengths = &self.added_lengths[text.as_bytes()[at] as usize];
        lengths.iter().find_map(|length| Some((*length, *self.added.get(text.get(at..at + length)?)?)))
    }

    /// Appends the tokens of `text`, which has no added token in it.
    fn merge(&self, text: &str, tokens: &mut Vec<u32>) {
        tokens.extend(merged(self.symbols(text), &self.merges));
    }

    /// One token a character, or one a byte for a character that the vocabulary lacks.
    fn symbols(&self, text: &str) -> Vec<u32> {
        let mut symbols = Vec::with_capacity(text.len());
        let mut buffer = [0; 4];
        for character in text.chars() {
            let character = &*(if character == ' ' { SPACE } else { character }).encode_utf8(&mut buffer);
            let bytes: Option<Vec<u32>> = character.bytes().map(|byte| self.bytes[byte as usize]).collect();
            match (self.vocabulary.get(character), bytes) {
                (Some(token), _) => symbols.push(*token),
                (None, Some(bytes)) => symbols.extend(bytes),
                (None, None) if symbols.last() == Some(&self.unknown) => {}
                (None, None) => symbols.push(self.unknown),
            }
        }
        symbols
    }

    /// The text of `tokens`.
    #[must_use]
    pub fn decode(&self, tokens: &[u32]) -> String {
        let mut reader = self.reader();
        let text: String = tokens.iter().map(|token| reader.next(*token)).collect();
        text + &reader.end()
    }

    /// Reads tokens out one at a time.
    #[must_use]
    pub fn reader(&self) -> Reader<'_> {
        Reader { tokenizer: self, bytes: Vec::new() }
    }
}

fn check_form(name: &str, file: &File) -> Result<(), GemmaError> {
    let wrong = |what: &str, expected: &str, found: String| Err(GemmaError::value(name, what, expected, found));
    if file.model.kind.as_deref().unwrap_or("BPE") != "BPE" || !file.model.byte_fallback || file.model.ignore_merges {
        let found = format!("{:?}, {}, {}", file.model.kind, file.model.byte_fallback, file.model.ignore_merges);
        return wrong("model type, byte_fallback, ignore_merges", "BPE, true, false", found);
    }
    let spaces = json!({"type": "Replace", "pattern": {"String": " "}, "content": "▁"});
    if file.normalizer != spaces {
        return wrong("normalizer", &spaces.to_string(), file.normalizer.to_string());
    }
    // Without effect, since no space is left to split at; other splits would have one.
    let split = json!({"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": false});
    if !file.pre_tokenizer.is_null() && file.pre_tokenizer != split {
        return wrong("pre_tokenizer", &format!("null or {split}"), file.pre_tokenizer.to_string());
    }
    match file.added_tokens.iter().find(|token| token.normalized || token.lstrip || token.rstrip || token.single_word) {
        Some(token) => wrong("added token", "no normalized, lstrip, rstrip or single_word", format!("{token:?}")),
        None => Ok(()),
    }
}

/// Reads tokens out one at a time; bytes are held back until their run ends.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    tokenizer: &'a Tokenizer,
    bytes: Vec<u8>,
}

impl Reader<'_> {
    /// The text that `token` completes. Special tokens have none; a token beyond the vocabulary neither.
    pub fn next(&mut self, token: u32) -> String {
        match self.tokenizer.pieces.get(token as usize) {
            None | Some(Piece::Special) => String::new(),
            Some(Piece::Byte(byte)) => {
                self.bytes.push(*byte);
                String::new()
            }
            Some(Piece::Text(text)) => self.end() + text,
        }
    }

    /// The text of the bytes held back; a run that is no UTF-8 becomes one replacement character a byte.
    pub fn end(&mut self) -> String {
        let bytes = std::mem::take(&mut self.bytes);
        let count = bytes.len();
        String::from_utf8(bytes).unwrap_or_else(|_| "\u{FFFD}".repeat(count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gemma::reference;

    fn tokenizer() -> Tokenizer {
        Tokenizer::load(&reference::folder("gemma3"), 448).unwrap()
    }

    #[test]
    fn texts_become_the_tokens_of_the_reference() {
        for case in reference::expected("gemma3").encoded {
            assert_eq!(tokenizer().encode(&case.text), case.tokens, "{:?}", case.text);
        }
    }

    #[test]
    fn tokens_become_the_text_of_the_reference() {
        for case in reference::expected("gemma3").decoded {
            assert_eq!(tokenizer().decode(&case.tokens), case.text, "{:?}", case.tokens);
        }
    }

    #[test]
    fn older_files_with_merges_as_text_are_read() {
        let older = reference::Copy::of("gemma3", "older-merges");
        older.edit("tokenizer.json", |json| {
            let merges = json["model"]["merges"].as_array_mut().unwrap();
            for merge in merges {
                *merge = format!("{} {}", merge[0].as_str().unwrap(), merge[1].as_str().unwrap()).into();
            }
        });
        let text = "The satellite leaves the shadow.";
        assert_eq!(Tokenizer::load(older.path(), 448).unwrap().encode(text), tokenizer().encode(text));
    }

    #[test]
    fn a_character_without_byte_tokens_becomes_one_unknown() {
        let poor = reference::Copy::of("gemma3", "no-byte");
        poor.edit("tokenizer.json", |json| {
            json["model"]["vocab"].as_object_mut().unwrap().remove("<0xF0>");
        });
        let tokenizer = Tokenizer::load(poor.path(), 448).unwrap();
        assert_eq!(tokenizer.encode("\u{1F680}\u{1F680}"), [2, 3]);
    }

    #[test]
    fn files_of_another_form_are_refused() {
        let message = |name, edit: fn(&mut Value)| {
            let copy = reference::Copy::of("gemma3", name);
            copy.edit("tokenizer.json", edit);
            let message = Tokenizer::load(copy.path(), 448).unwrap_err().to_string();
            message.split_once("tokenizer.json: ").unwrap().1.to_owned()
        };
        assert_eq!(
            message("no-bytes", |json| json["model"]["byte_fallback"] = false.into()),
            "model type, byte_fallback, ignore_merges: expected BPE, true, false, found Some(\"BPE\"), false, false"
        );
        assert!(message("no-spaces", |json| json["normalizer"] = Value::Null).starts_with("normalizer: expected {"));
        assert!(
            message("split", |json| json["pre_tokenizer"]["invert"] = true.into())
                .starts_with("pre_tokenizer: expected")
        );
        assert!(
            message("strip", |json| json["added_tokens"][0]["lstrip"] = true.into())
                .starts_with("added token: expected")
        );
        assert_eq!(
            message("merge", |json| json["model"]["merges"][0] = json!(["h", "\u{1F680}"])),
            "merge 0: expected a pair and its sum in the vocabulary, found Pair([\"h\", \"\u{1F680}\"])"
        );
        assert_eq!(
            message("begin", |json| {
                json["model"]["vocab"].as_object_mut().unwrap().remove("<bos>");
            }),
            "vocabulary: expected <bos>, found no such token"
        );
    }

    #[test]
    fn a_vocabulary_must_fit_the_embedding() {
        let load = |rows| Tokenizer::load(&reference::folder("gemma3"), rows);
        assert!(load(448).is_ok() && load(448 + PADDING_MAX).is_ok());
        for rows in [447, 449 + PADDING_MAX] {
            let message = load(rows).unwrap_err().to_string();
            let expected = format!(
                "tokens of the vocabulary: expected {} to {rows} for vocab_size {rows} of config.json, found 448",
                rows - PADDING_MAX
            );
            assert!(message.ends_with(&expected), "{message}");
        }
    }
}
