//! Entries as text, for listings and for hashing.

use crate::value::number_and_unit;
use serde::Serialize;
use toml::{Table, Value};

/// One entry as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EntryView {
    /// Kind of entry, for example "accelerator".
    pub kind: String,
    /// Name.
    pub id: String,
    /// One line for people.
    pub title: String,
    /// Its fields, in the order of the data file.
    pub fields: Vec<FieldView>,
}

/// One field as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldView {
    /// Dotted path, for example "radio.downlink.frequency".
    pub name: String,
    /// The number or name as written, without its unit.
    pub value: String,
    /// Lower end of the range, in `unit`.
    pub low: String,
    /// Upper end of the range, in `unit`.
    pub high: String,
    /// Unit of `value`; empty for a ratio, a name or a count.
    pub unit: String,
    /// Title of the source.
    pub source: String,
    /// Date of the source.
    pub date: String,
    /// "published", "measured", "derived" or "assumption".
    pub kind: String,
    /// Arithmetic or argument.
    pub reason: String,
}

impl EntryView {
    /// All its text in a fixed order.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        let head = [self.kind.as_str(), &self.id, &self.title];
        head.into_iter().chain(self.fields.iter().flat_map(FieldView::texts))
    }
}

impl FieldView {
    fn texts(&self) -> [&str; 9] {
        let Self { name, value, low, high, unit, source, date, kind, reason } = self;
        [name, value, low, high, unit, source, date, kind, reason]
    }
}

/// The view of an entry whose sources are resolved.
pub(crate) fn view(kind: &str, table: &Table) -> EntryView {
    let mut fields = Vec::new();
    collect(table, "", &mut fields);
    EntryView { kind: kind.to_owned(), id: text(table, "id"), title: text(table, "title"), fields }
}

fn collect(table: &Table, path: &str, fields: &mut Vec<FieldView>) {
    for (key, child) in table {
        let Value::Table(child) = child else { continue };
        let name = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        if child.contains_key("value") {
            fields.push(field(name, child));
        } else {
            collect(child, &name, fields);
        }
    }
}

fn field(name: String, table: &Table) -> FieldView {
    let written = text(table, "value");
    let (value, unit) = number_and_unit(&written);
    let end = |at: usize| match table.get("range").and_then(|range| range.get(at)).and_then(Value::as_str) {
        Some(end) => number_and_unit(end).0.to_owned(),
        None => value.to_owned(),
    };
    FieldView {
        low: end(0),
        high: end(1),
        name,
        value: value.to_owned(),
        unit: unit.to_owned(),
        source: text(table, "source"),
        date: text(table, "date"),
        kind: text(table, "kind"),
        reason: text(table, "reason"),
    }
}

fn text(table: &Table, key: &str) -> String {
    match table.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    }
}
