//! What is wrong with a mission, and where: every fault with its key path, line, column and caret.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};
use serde::Serialize;

use crate::form::Given;

/// Bytes of the mission's text, from the first to one past the last.
pub type Span = Range<usize>;

/// What sort of fault it is; the words are stable and appear in `--json` output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// The text is larger than [`crate::MISSION_SIZE_MAX_BYTES`].
    TooLarge,
    /// Not TOML.
    Syntax,
    /// A key that means nothing here.
    UnknownKey,
    /// A key that is needed and absent.
    MissingKey,
    /// A value of another type than the key's.
    WrongType,
    /// A quantity without unit, or with one of another dimension, or without a number.
    Unit,
    /// A value outside what the key allows.
    OutOfRange,
    /// A word that is none of the key's.
    UnknownWord,
    /// Text that is not in the form the key needs.
    Form,
    /// Two keys, each allowed alone, that contradict each other.
    Conflict,
    /// The same name given to two things.
    DuplicateName,
    /// A name that nothing bears.
    UnknownName,
    /// Orbital elements that cannot be read.
    Elements,
}

/// One fault of a mission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// What sort of fault it is.
    pub kind: FaultKind,
    /// The key, for example `site[0].array.area`; empty for the file as a whole.
    pub path: String,
    /// Where in the text.
    pub span: Span,
    /// Line of `span.start`, from 1; 0 until the fault is among [`Faults`].
    pub line: usize,
    /// Column of `span.start` in characters, from 1; 0 until the fault is among [`Faults`].
    pub column: usize,
    /// What was got and what is allowed, with units.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Fault {
    /// A fault of the value `given`.
    #[must_use]
    pub fn at<T>(given: &Given<T>, kind: FaultKind, message: impl Into<String>) -> Self {
        let (path, span) = (given.path.clone(), given.span.clone());
        Self { kind, path, span, line: 0, column: 0, message: message.into(), help: None }
    }

    /// The fault that `key` is missing from `section`.
    #[must_use]
    pub fn missing<T>(section: &Given<T>, key: &str) -> Self {
        let place = section.child(key, section.span.clone());
        Self::at(&place, FaultKind::MissingKey, format!("missing key {}", place.path))
    }

    /// The same fault with advice.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

impl Diagnostic for Fault {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(&self.path))
    }
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }
    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = LabeledSpan::new_with_span(Some("here".to_owned()), self.span.clone());
        Some(Box::new(std::iter::once(label)))
    }
}

/// The text of a mission and the name of its file.
#[derive(Debug, Clone)]
pub struct Source(NamedSource<Arc<str>>);

impl Source {
    /// The text `text` of the file `file_name`.
    #[must_use]
    pub fn new(file_name: &str, text: &str) -> Self {
        Self(NamedSource::new(file_name, Arc::from(text)))
    }
    /// Name of the file, as given by the caller.
    #[must_use]
    pub fn file_name(&self) -> &str {
        self.0.name()
    }
    /// The text as read.
    #[must_use]
    pub fn text(&self) -> &str {
        self.0.inner()
    }
}

/// Greatest number of faults that are kept; more are only counted.
pub const FAULTS_MAX: usize = 1000;
/// Characters of a line that [`Faults::to_text`] shows before the caret, and in all.
const SHOWN_BEFORE: usize = 80;
const SHOWN: usize = 160;

/// All faults of one mission, in the order of the text; never empty.
#[derive(Debug, Clone)]
pub struct Faults {
    source: Source,
    faults: Vec<Fault>,
    more: usize,
}

impl Faults {
    /// `faults` of `source`, sorted by their place, each with its line and column.
    ///
    /// # Panics
    /// Without any fault.
    #[must_use]
    pub fn new(source: &Source, mut faults: Vec<Fault>) -> Self {
        assert!(!faults.is_empty(), "Faults holds at least one fault");
        faults.sort_by(|a, b| (a.span.start, &a.path).cmp(&(b.span.start, &b.path)));
        let text = source.text();
        let (mut at, mut line, mut column) = (0, 1, 1);
        for fault in &mut faults {
            for letter in text[at..fault.span.start].chars() {
                (line, column) = if letter == '\n' { (line + 1, 1) } else { (line, column + 1) };
            }
            at = fault.span.start;
            (fault.line, fault.column) = (line, column);
        }
        Self { source: source.clone(), faults, more: 0 }
    }

    /// The same with `more` faults that are counted but not kept.
    pub(crate) fn and_more(self, more: usize) -> Self {
        Self { more, ..self }
    }

    /// Every fault, in the order of the text.
    #[must_use]
    pub fn all(&self) -> &[Fault] {
        &self.faults
    }

    /// The text the faults are in.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The faults as plain text: place, message, the line with carets, advice.
    #[must_use]
    pub fn to_text(&self) -> String {
        let each = self.faults.iter().map(|fault| self.fault_text(fault));
        each.chain([format!("{self}\n")]).collect::<Vec<_>>().join("\n")
    }

    fn fault_text(&self, fault: &Fault) -> String {
        let text = self.source.text();
        let line_start = text[..fault.span.start].rfind('\n').map_or(0, |newline| newline + 1);
        let before = fault.column - 1;
        let hidden = before.saturating_sub(SHOWN_BEFORE);
        let letters = text[line_start..].chars().take_while(|letter| !matches!(letter, '\n' | '\r'));
        let line = letters.skip(hidden).take(SHOWN).collect::<String>();
        let spanned = text[fault.span.clone()].lines().next().unwrap_or_default().chars().count();
        let carets = "^".repeat(spanned.clamp(1, SHOWN - (before - hidden)));
        let gutter = " ".repeat(fault.line.to_string().len());
        let mut out = format!("{}:{}:{}: {}\n", self.source.file_name(), fault.line, fault.column, fault.message);
        out += &format!(" {} | {line}\n {gutter} | {}{carets}\n", fault.line, " ".repeat(before - hidden));
        if !fault.path.is_empty() {
            out += &format!(" {gutter} = key: {}\n", fault.path);
        }
        if let Some(help) = &fault.help {
            out += &format!(" {gutter} = help: {help}\n");
        }
        out
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, count) = (self.source.file_name(), self.faults.len() + self.more);
        write!(f, "mission {file} has {count} fault{}", if count == 1 { "" } else { "s" })?;
        if self.more > 0 { write!(f, ", {} of which are told", self.faults.len()) } else { Ok(()) }
    }
}

impl std::error::Error for Faults {}

impl Diagnostic for Faults {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source.0)
    }
    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        Some(Box::new(self.faults.iter().map(|fault| fault as &dyn Diagnostic)))
    }
}

impl Serialize for Faults {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut out = serializer.serialize_struct("Faults", 3)?;
        out.serialize_field("file", self.source.file_name())?;
        out.serialize_field("count", &(self.faults.len() + self.more))?;
        out.serialize_field("faults", &self.faults)?;
        out.end()
    }
}

/// The candidate that takes the fewest edits to become `word`, if that is at most a third of its letters.
///
/// Edits are insertion, deletion, replacement and the swap of two neighbours.
/// **Source**: optimal string alignment, Damerau 1964, "A technique for computer detection and correction of spelling errors".
/// Only the first 1000 candidates are looked at.
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = |text: &str| text.to_lowercase().replace(['-', ' '], "_").chars().take(64).collect::<String>();
    let word = folded(word);
    let scored =
        candidates.into_iter().take(1000).map(|candidate| (strsim::osa_distance(&word, &folded(candidate)), candidate));
    let (distance, best) = scored.min_by_key(|(distance, _)| *distance)?;
    (distance <= best.chars().count().div_ceil(3)).then_some(best)
}

/// Advice for an unknown word.
pub(crate) fn suggestion<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(word, candidates).map(|near| format!("did you mean {near:?}?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_is_silent_when_nothing_is_near() {
        let keys = ["radiator_area", "radiator_faces", "bus_load"];
        assert_eq!(nearest("radiator_aera", keys), Some("radiator_area"));
        assert_eq!(nearest("Radiator-Faces", keys), Some("radiator_faces"));
        assert_eq!(nearest("banana", keys), None);
        assert_eq!(nearest("x", []), None);
    }

    #[test]
    fn lines_and_columns_count_characters_from_one() {
        let source = Source::new("m.toml", "a = 1\né = 2\n");
        let place = |span| Given { value: (), path: String::new(), span };
        let faults = [
            Fault::at(&place(11..12), FaultKind::OutOfRange, "b"),
            Fault::at(&place(0..1), FaultKind::OutOfRange, "a"),
        ];
        let faults = Faults::new(&source, faults.to_vec());
        let places = faults.all().iter().map(|f| (f.message.as_str(), f.line, f.column)).collect::<Vec<_>>();
        assert_eq!(places, [("a", 1, 1), ("b", 2, 5)]);
        assert!(faults.to_text().contains("m.toml:2:5: b\n 2 | é = 2\n   |     ^\n"), "{}", faults.to_text());
    }
}
