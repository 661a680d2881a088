//! What a key takes and how it is read: the parts that the declarations of [`crate::declare`] put together.
//!
//! A value that cannot be read becomes a fault and a placeholder, so that reading goes on to the next one; a mission
//! with any fault is never handed out.

use std::collections::BTreeSet;
use std::ops::Deref;

use toml::de::{DeTable, DeValue};

use crate::fault::{FAULTS_MAX, Fault, FaultKind, Source, Span, suggestion};

/// A value with the key it was given under and its place in the text; equal when the values are.
///
/// A default stands at the place of the section that lacks the key, a section that is absent at that of its parent.
#[derive(Debug, Clone)]
pub struct Given<T> {
    /// The value.
    pub value: T,
    /// The key, for example `site[0].array.area`.
    pub path: String,
    /// Where in the text.
    pub span: Span,
}

/// A key that may be absent.
pub type Maybe<T> = Option<Given<T>>;
/// A list; empty when the key is absent.
pub type Many<T> = Vec<Given<T>>;
/// An enumeration whose word decides which further keys its section has.
pub type Tagged<T> = T;
/// A place in the text without its value.
pub type Place = Given<()>;

impl<T> Deref for Given<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: PartialEq> PartialEq for Given<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T> Given<T> {
    /// The place of `key` inside this section.
    #[must_use]
    pub fn child(&self, key: &str, span: Span) -> Place {
        let path = if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) };
        Given { value: (), path, span }
    }

    /// The place alone.
    #[must_use]
    pub fn place(&self) -> Place {
        Given { value: (), path: self.path.clone(), span: self.span.clone() }
    }

    /// The last part of the path.
    #[must_use]
    pub fn key(&self) -> &str {
        self.path.rsplit('.').next().unwrap_or(&self.path)
    }
}

impl Place {
    fn holding<T>(&self, value: T) -> Given<T> {
        Given { value, path: self.path.clone(), span: self.span.clone() }
    }
}

/// The faults found so far.
#[derive(Debug)]
pub(crate) struct Sink {
    source: Source,
    pub(crate) faults: Vec<Fault>,
    /// Number of faults beyond those kept.
    pub(crate) more: usize,
    paths: BTreeSet<String>,
}

impl Sink {
    pub(crate) fn new(source: &Source) -> Self {
        Self { source: source.clone(), faults: Vec::new(), more: 0, paths: BTreeSet::new() }
    }
    /// A sink whose faults nobody reads.
    pub(crate) fn scratch() -> Self {
        Self::new(&Source::new("", ""))
    }
    pub(crate) fn push(&mut self, fault: Fault) {
        self.paths.insert(fault.path.clone());
        if self.is_full() {
            self.more += 1;
        } else {
            self.faults.push(fault);
        }
    }
    /// Gives the faults that `given` lies out of its range this advice.
    pub(crate) fn explain<T>(&mut self, given: &Given<T>, help: &str) {
        if self.sound(given) || self.is_full() {
            return;
        }
        let faults = self.faults.iter_mut().filter(|fault| fault.path == given.path);
        for fault in faults.filter(|fault| fault.kind == FaultKind::OutOfRange) {
            fault.help = Some(help.to_owned());
        }
    }
    /// Whether any key of `section` has a fault.
    pub(crate) fn has_fault_in<T>(&self, section: &Given<T>) -> bool {
        let inside = self.paths.range(section.path.clone()..).take_while(|path| path.starts_with(&section.path));
        inside.count() > 0
    }
    /// Whether further faults are only counted, so that advice for them is not worth its time.
    pub(crate) fn is_full(&self) -> bool {
        self.faults.len() >= FAULTS_MAX
    }
    /// Whether `given` was read without fault, so that rules between keys may look at it.
    pub(crate) fn sound<T>(&self, given: &Given<T>) -> bool {
        !self.paths.contains(&given.path)
    }
}

/// The least and the greatest value a key allows, both included, as a person writes them.
pub(crate) type Bounds = (&'static str, &'static str);

/// What stands in for a key that is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Nothing: the key must be given.
    Required,
    /// This value.
    Default(&'static str),
    /// What these words say.
    Otherwise(&'static str),
}

/// One word of an enumeration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word {
    /// As written.
    pub word: &'static str,
    /// What it means.
    pub doc: &'static str,
}

/// What sort of value a key takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// A name of letters, digits, `-`, `_` and `.`.
    Name,
    /// Text of a number and one of these units.
    Quantity {
        /// What it measures.
        dimension: &'static str,
        /// The units it may be written in; an empty one means that a bare number will do.
        units: Vec<&'static str>,
    },
    /// A whole number.
    Count,
    /// A number in the unit that a standard fixes.
    Number,
    /// true or false.
    Flag,
    /// One of these words.
    Words(&'static [Word]),
    /// A date and time in UTC.
    Instant,
    /// A date and time in UTC as CCSDS writes it, without a zone.
    Epoch,
    /// A time of day.
    LocalTime,
    /// The two lines of a two-line element set.
    TwoLines,
}

/// A key: its name, meaning and what it takes.
#[derive(Debug, Clone)]
pub(crate) struct KeySpec {
    pub(crate) name: &'static str,
    pub(crate) doc: String,
    pub(crate) need: Need,
    pub(crate) shape: Shape,
}

/// What a key takes.
#[derive(Debug, Clone)]
pub(crate) enum Shape {
    Leaf(Kind, Option<Bounds>),
    List(Box<Shape>),
    Section(Vec<KeySpec>),
    /// A section with exactly one of these keys.
    Forms(Vec<KeySpec>),
    /// A word, and the keys that it brings into the same section.
    Tagged(&'static [Word], Vec<Vec<KeySpec>>),
}

/// Why one value cannot be read, before its place is known.
pub(crate) struct Problem {
    pub(crate) kind: FaultKind,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
    /// Where in the value's text, if not all of it: line and column from 1, and number of characters.
    pub(crate) part: Option<[usize; 3]>,
}

impl Problem {
    pub(crate) fn new(kind: FaultKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), help: None, part: None }
    }

    pub(crate) fn with_help(self, help: Option<String>) -> Self {
        Self { help, ..self }
    }

    fn fault(self, value: &DeValue<'_>, place: &Place, source: &Source) -> Fault {
        let inside = self.part.and_then(|part| part_span(source.text(), &place.span, value.as_str()?, part));
        let span = inside.unwrap_or_else(|| place.span.clone());
        Fault { help: self.help, span, ..Fault::at(place, self.kind, self.message) }
    }
}

/// The place in `text` of a part of the string `value` written at `span`, if it is written without escapes.
fn part_span(text: &str, span: &Span, value: &str, [line, column, length]: [usize; 3]) -> Option<Span> {
    let line_text = value.lines().nth(line.checked_sub(1)?)?;
    let offset = |letters| line_text.char_indices().nth(letters).map_or(line_text.len(), |(at, _)| at);
    let line_start = line_text.as_ptr() as usize - value.as_ptr() as usize;
    let value_start = span.start + text.get(span.clone())?.find(value)?;
    let start = value_start + line_start;
    let before = column.checked_sub(1)?;
    Some(start + offset(before)..start + offset(before + length))
}

/// A value that is not a section: text, number, flag, quantity, word.
pub(crate) trait Leaf: Sized {
    fn kind() -> Kind;
    fn read(value: &DeValue<'_>) -> Result<Self, Problem>;
    fn canonical(&self) -> toml::Value;
    /// Stands in for a value that cannot be read, whose fault is told.
    fn placeholder() -> Self;
    /// Whether it is below the first or above the second bound.
    fn outside(&self, _: Bounds) -> bool {
        false
    }
}

/// Anything that stands behind a key: a leaf or a section.
pub(crate) trait Item: Sized {
    fn shape(bounds: Option<Bounds>) -> Shape;
    fn decode(value: &DeValue<'_>, place: &Place, bounds: Option<Bounds>, sink: &mut Sink) -> Self;
    fn absent(place: &Place, need: Need, sink: &mut Sink) -> Self;
    fn canonical(&self) -> toml::Value;
}

impl<T: Leaf> Item for T {
    fn shape(bounds: Option<Bounds>) -> Shape {
        Shape::Leaf(T::kind(), bounds)
    }
    fn decode(value: &DeValue<'_>, place: &Place, bounds: Option<Bounds>, sink: &mut Sink) -> Self {
        let read = T::read(value).and_then(|read| match bounds {
            Some(bounds) if read.outside(bounds) => Err(Problem::new(FaultKind::OutOfRange, "")),
            _ => Ok(read),
        });
        read.unwrap_or_else(|mut problem| {
            if let (FaultKind::OutOfRange, Some((low, high))) = (problem.kind, bounds) {
                problem.message = format!("{} {} is outside {low}..={high}", place.key(), as_written(value));
            }
            sink.push(problem.fault(value, place, &sink.source));
            T::placeholder()
        })
    }
    fn absent(place: &Place, need: Need, sink: &mut Sink) -> Self {
        if let Need::Default(text) = need {
            return constant(text);
        }
        sink.push(Fault::at(place, FaultKind::MissingKey, format!("missing key {}", place.path)));
        T::placeholder()
    }
    fn canonical(&self) -> toml::Value {
        Leaf::canonical(self)
    }
}

/// The value of a bound or default that stands in a declaration.
pub(crate) fn constant<T: Leaf>(text: &'static str) -> T {
    let value = match T::kind() {
        Kind::Count | Kind::Number | Kind::Flag => {
            DeValue::parse(text).expect("constants of declarations are TOML").into_inner()
        }
        _ => DeValue::String(text.into()),
    };
    T::read(&value).unwrap_or_else(|problem| panic!("constant {text:?} of a declaration: {}", problem.message))
}

/// A value as the person wrote it, without quotes.
pub(crate) fn as_written(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => text.trim().to_owned(),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a section".to_owned(),
    }
}

/// One section being read: its table, where it is, and which keys have been asked for.
pub(crate) struct Reader<'a, 'i> {
    table: Option<&'a DeTable<'i>>,
    place: &'a Place,
    pub(crate) sink: &'a mut Sink,
    known: Vec<&'static str>,
    elsewhere: Vec<(&'static str, String)>,
}

impl<'a, 'i> Reader<'a, 'i> {
    /// A reader of the section `value`, or of an empty one where there is none.
    pub(crate) fn new(value: Option<&'a DeValue<'i>>, place: &'a Place, sink: &'a mut Sink) -> Self {
        let table = value.and_then(DeValue::as_table);
        Self { table, place, sink, known: Vec::new(), elsewhere: Vec::new() }
    }

    pub(crate) fn get(&mut self, key: &'static str) -> Option<(&'a DeValue<'i>, Place)> {
        self.known.push(key);
        let value = self.table?.get(key)?;
        Some((value.get_ref(), self.place.child(key, value.span())))
    }

    pub(crate) fn lacking(&self, key: &str) -> Place {
        self.place.child(key, self.place.span.clone())
    }

    /// The index of the word under `key`, with a fault where there is none.
    pub(crate) fn word(&mut self, key: &'static str, words: &[&str]) -> Option<usize> {
        let Some((value, place)) = self.get(key) else {
            let place = self.lacking(key);
            self.sink.push(Fault::at(&place, FaultKind::MissingKey, format!("missing key {}", place.path)));
            return None;
        };
        let problem = match read_word(value, words) {
            Ok(index) => return Some(index),
            Err(problem) => problem,
        };
        self.sink.push(problem.fault(value, &place, &self.sink.source));
        None
    }

    /// Takes `keys` for known: which of them belong here cannot be told.
    pub(crate) fn ignore(&mut self, keys: impl Iterator<Item = KeySpec>) {
        self.known.extend(keys.map(|key| key.name));
    }

    /// Remembers that `keys` belong to another `word` of the key `tag`.
    pub(crate) fn belong_elsewhere(&mut self, keys: Vec<KeySpec>, tag: &str, word: &str) {
        self.elsewhere.extend(keys.iter().map(|key| (key.name, format!("{tag} = {word:?}"))));
    }

    /// Faults for keys that nobody asked for.
    pub(crate) fn finish(self) {
        for (key, _) in self.table.into_iter().flatten() {
            let name = key.get_ref().as_ref();
            if self.known.contains(&name) {
                continue;
            }
            let place = self.place.child(name, key.span());
            let fault = Fault::at(&place, FaultKind::UnknownKey, format!("unknown key {name:?}"));
            if self.sink.is_full() {
                self.sink.push(fault);
                continue;
            }
            let owner = self.elsewhere.iter().find(|(key, _)| *key == name);
            self.sink.push(match (owner, suggestion(name, self.known.iter().copied())) {
                (Some((_, owner)), _) => fault.with_help(format!("{name} belongs to {owner}")),
                (None, Some(help)) => fault.with_help(help),
                (None, None) => fault.with_help(format!("the keys here are {}", self.known.join(", "))),
            });
        }
    }
}

/// How often a key may stand: once, at most once, in a list.
pub(crate) trait Field: Sized {
    fn shape(bounds: Option<Bounds>) -> Shape;
    fn take(reader: &mut Reader<'_, '_>, key: &'static str, bounds: Option<Bounds>, need: Need) -> Self;
    fn put(&self, key: &str, table: &mut toml::Table);
}

impl<T: Item> Field for Given<T> {
    fn shape(bounds: Option<Bounds>) -> Shape {
        T::shape(bounds)
    }
    fn take(reader: &mut Reader<'_, '_>, key: &'static str, bounds: Option<Bounds>, need: Need) -> Self {
        if let Some((value, place)) = reader.get(key) {
            return place.holding(T::decode(value, &place, bounds, reader.sink));
        }
        let place = reader.lacking(key);
        place.holding(T::absent(&place, need, reader.sink))
    }
    fn put(&self, key: &str, table: &mut toml::Table) {
        let value = self.value.canonical();
        if value.as_table().is_none_or(|section| !section.is_empty()) {
            table.insert(key.to_owned(), value);
        }
    }
}

impl<T: Item> Field for Maybe<T> {
    fn shape(bounds: Option<Bounds>) -> Shape {
        T::shape(bounds)
    }
    fn take(reader: &mut Reader<'_, '_>, key: &'static str, bounds: Option<Bounds>, _: Need) -> Self {
        let (value, place) = reader.get(key)?;
        Some(place.holding(T::decode(value, &place, bounds, reader.sink)))
    }
    fn put(&self, key: &str, table: &mut toml::Table) {
        if let Some(given) = self {
            given.put(key, table);
        }
    }
}

impl<T: Item> Field for Many<T> {
    fn shape(bounds: Option<Bounds>) -> Shape {
        Shape::List(Box::new(T::shape(bounds)))
    }
    fn take(reader: &mut Reader<'_, '_>, key: &'static str, bounds: Option<Bounds>, need: Need) -> Self {
        let Some((value, place)) = reader.get(key) else {
            if need == Need::Required {
                let place = reader.lacking(key);
                let message = format!("missing key {}: give at least one", place.path);
                reader.sink.push(Fault::at(&place, FaultKind::MissingKey, message));
            }
            return Vec::new();
        };
        let list = value.as_array().filter(|list| !list.is_empty());
        let Some(list) = list else {
            let got = if value.is_array() { "an empty list".to_owned() } else { format!("a {}", value.type_str()) };
            let message = format!("{key} is {got}; expected a list of at least one");
            let fault = Fault::at(&place, FaultKind::WrongType, message);
            reader.sink.push(if value.is_table() { fault.with_help(format!("write [[{key}]]")) } else { fault });
            return Vec::new();
        };
        let read = |(index, value): (usize, &toml::Spanned<DeValue<'_>>)| {
            let place = Given { value: (), path: format!("{}[{index}]", place.path), span: value.span() };
            place.holding(T::decode(value.get_ref(), &place, bounds, reader.sink))
        };
        list.iter().enumerate().map(read).collect()
    }
    fn put(&self, key: &str, table: &mut toml::Table) {
        if !self.is_empty() {
            let values = self.iter().map(|given| given.value.canonical()).collect();
            table.insert(key.to_owned(), toml::Value::Array(values));
        }
    }
}

pub(crate) fn need(default: Option<&'static str>, otherwise: Option<&'static str>) -> Need {
    match (default, otherwise) {
        (Some(value), _) => Need::Default(value),
        (None, Some(words)) => Need::Otherwise(words),
        (None, None) => Need::Required,
    }
}

/// What [`section!`] writes.
pub(crate) trait Section: Sized {
    fn keys() -> Vec<KeySpec>;
    fn read_keys(reader: &mut Reader<'_, '_>) -> Self;
    fn put_keys(&self, table: &mut toml::Table);
}

/// A fault where `value` is no section, after which the faults of its missing keys would say nothing.
pub(crate) fn is_no_section(value: Option<&DeValue<'_>>, place: &Place, sink: &mut Sink) -> bool {
    let Some(value) = value.filter(|value| !value.is_table()) else { return false };
    let message = format!("{} is a {}; expected a section of keys", place.key(), value.type_str());
    sink.push(Fault::at(place, FaultKind::WrongType, message));
    true
}

/// A section of its own, with its own faults for unknown keys.
pub(crate) fn read_section<T: Section>(value: Option<&DeValue<'_>>, place: &Place, sink: &mut Sink) -> T {
    if is_no_section(value, place, sink) {
        return read_section(None, place, &mut Sink::scratch());
    }
    let mut reader = Reader::new(value, place, sink);
    let section = T::read_keys(&mut reader);
    reader.finish();
    section
}

/// The section in canonical form.
pub(crate) fn section_table<T: Section>(section: &T) -> toml::Table {
    let mut table = toml::Table::new();
    section.put_keys(&mut table);
    table
}

pub(crate) fn section_json<T: Section>(section: &T) -> serde_json::Value {
    serde_json::to_value(section_table(section)).expect("TOML without dates has a JSON form")
}

/// The index among `words` of the word `value`.
pub(crate) fn read_word(value: &DeValue<'_>, words: &[&str]) -> Result<usize, Problem> {
    let list = words.join(", ");
    let Some(text) = value.as_str() else {
        let message = format!("got a {}; expected one of the words {list}", value.type_str());
        return Err(Problem::new(FaultKind::WrongType, message));
    };
    words.iter().position(|word| *word == text).ok_or_else(|| {
        let message = format!("unknown word {text:?}; expected one of {list}");
        Problem::new(FaultKind::UnknownWord, message).with_help(suggestion(text, words.iter().copied()))
    })
}

/// A fault unless exactly one of the keys `allowed` was `given`.
pub(crate) fn exactly_one(reader: &mut Reader<'_, '_>, given: &[(&str, Span)], allowed: &[&str]) {
    let (place, allowed) = (reader.place, allowed.join(", "));
    if given.is_empty() {
        let message = format!("{} has no form; expected exactly one of {allowed}", place.key());
        reader.sink.push(Fault::at(place, FaultKind::MissingKey, message));
    }
    for (key, span) in given.iter().skip(1) {
        let message =
            format!("{} is given as {} and as {key}; expected exactly one of {allowed}", place.key(), given[0].0);
        reader.sink.push(Fault::at(&place.child(key, span.clone()), FaultKind::Conflict, message));
    }
}
