//! The description of the keys: as a list, as JSON schema, as a reference for people.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::form::{Bounds, KeySpec, Kind, Need, Section, Shape, Word};
use crate::keys::{Keys, Mission};
use crate::leaf::NAME_LENGTH_MAX;

/// One key of a mission file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its path; `[]` stands behind a list: `site[].array.area`.
    pub path: String,
    /// What sort of value it takes.
    pub kind: Kind,
    /// The least and greatest value, both allowed, as a person writes them.
    pub range: Option<(&'static str, &'static str)>,
    /// What stands in for it when it is absent.
    pub need: Need,
    /// What it means.
    pub doc: String,
    /// The word of another key that it needs, such as `kind = "training"`.
    pub only_with: Option<String>,
}

impl Mission {
    /// Every key of a mission file that holds a value, in the order of the declaration.
    #[must_use]
    pub fn keys() -> Vec<Key> {
        let mut keys = Vec::new();
        list(&Keys::keys(), "", None, &mut keys);
        keys
    }
}

fn list(specs: &[KeySpec], parent: &str, only_with: Option<&str>, keys: &mut Vec<Key>) {
    for spec in specs {
        let path = if parent.is_empty() { spec.name.to_owned() } else { format!("{parent}.{}", spec.name) };
        list_shape(&spec.shape, spec, parent, path, only_with, keys);
    }
}

fn list_shape(shape: &Shape, spec: &KeySpec, parent: &str, path: String, only_with: Option<&str>, keys: &mut Vec<Key>) {
    let only = only_with.map(str::to_owned);
    let key =
        |kind: Kind, range, path| Key { path, kind, range, need: spec.need, doc: spec.doc.clone(), only_with: only };
    match shape {
        Shape::Leaf(kind, range) => keys.push(key(kind.clone(), *range, path)),
        Shape::List(inner) => list_shape(inner, spec, parent, format!("{path}[]"), only_with, keys),
        Shape::Section(specs) | Shape::Forms(specs) => list(specs, &path, only_with, keys),
        Shape::Tagged(words, variants) => {
            keys.push(key(Kind::Words(words), None, path));
            for (word, specs) in words.iter().zip(variants) {
                list(specs, parent, Some(&format!("{} = {:?}", spec.name, word.word)), keys);
            }
        }
    }
}

/// The JSON schema (draft 2020-12) of a mission file, for editors.
#[must_use]
pub fn schema() -> Value {
    let mut schema = section_schema(&Keys::keys());
    let head = [
        ("$schema", json!("https://json-schema.org/draft/2020-12/schema")),
        ("title", json!("Sunward mission")),
        ("description", json!("A mission of orbital computers: satellites, ground stations and the work they do.")),
    ];
    for (key, value) in head {
        schema[key] = value;
    }
    schema
}

fn section_schema(specs: &[KeySpec]) -> Value {
    let mut properties = Map::new();
    let mut variants = Vec::new();
    for spec in specs {
        properties.insert(spec.name.to_owned(), described(shape_schema(&spec.shape), spec));
        if let Shape::Tagged(words, keys) = &spec.shape {
            for (word, keys) in words.iter().zip(keys) {
                properties.extend(keys.iter().map(|key| (key.name.to_owned(), json!({}))));
                variants.push(variant_schema(spec.name, word, keys));
            }
            forbid_keys_of_others(&mut variants);
        }
    }
    let mut schema = json!({"type": "object", "properties": properties, "additionalProperties": false});
    let required = required(specs);
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    if !variants.is_empty() {
        schema["oneOf"] = json!(variants);
    }
    schema
}

/// The part of a section that one word of the key `tag` brings.
fn variant_schema(tag: &str, word: &Word, specs: &[KeySpec]) -> Value {
    let mut properties = Map::from_iter([(tag.to_owned(), json!({"const": word.word}))]);
    properties.extend(specs.iter().map(|spec| (spec.name.to_owned(), described(shape_schema(&spec.shape), spec))));
    json!({"title": word.doc.trim(), "properties": properties, "required": required(specs)})
}

/// Lets each variant refuse the keys that only others have.
fn forbid_keys_of_others(variants: &mut [Value]) {
    let all = variants.iter().filter_map(|variant| variant["properties"].as_object());
    let all = all.flat_map(|properties| properties.keys().cloned()).collect::<BTreeSet<_>>();
    for properties in variants.iter_mut().filter_map(|variant| variant["properties"].as_object_mut()) {
        for key in &all {
            properties.entry(key.clone()).or_insert(json!(false));
        }
    }
}

fn required(specs: &[KeySpec]) -> Vec<&'static str> {
    specs.iter().filter(|spec| is_required(spec)).map(|spec| spec.name).collect()
}

/// A section is required when one of its keys is.
fn is_required(spec: &KeySpec) -> bool {
    match &spec.shape {
        Shape::Section(specs) => specs.iter().any(is_required),
        _ => spec.need == Need::Required,
    }
}

fn described(mut schema: Value, spec: &KeySpec) -> Value {
    let absent = match spec.need {
        Need::Required => String::new(),
        Need::Default(value) => format!(" Default: {value}."),
        Need::Otherwise(words) => format!(" Absent: {words}."),
    };
    schema["description"] = json!(format!("{}{}{absent}", spec.doc, range_text(&spec.shape)));
    schema
}

fn range_text(shape: &Shape) -> String {
    match shape {
        Shape::Leaf(_, Some((low, high))) => format!(" Range: {low} to {high}."),
        _ => String::new(),
    }
}

fn shape_schema(shape: &Shape) -> Value {
    match shape {
        Shape::Leaf(kind, range) => leaf_schema(kind, *range),
        Shape::List(inner) => json!({"type": "array", "minItems": 1, "items": shape_schema(inner)}),
        Shape::Section(specs) => section_schema(specs),
        Shape::Forms(specs) => {
            let properties =
                specs.iter().map(|spec| (spec.name.to_owned(), described(shape_schema(&spec.shape), spec)));
            let properties = properties.collect::<Map<_, _>>();
            json!({"type": "object", "properties": properties, "additionalProperties": false,
                "minProperties": 1, "maxProperties": 1})
        }
        Shape::Tagged(words, _) => words_schema(words),
    }
}

fn leaf_schema(kind: &Kind, range: Option<Bounds>) -> Value {
    match kind {
        Kind::Text => json!({"type": "string", "minLength": 1}),
        Kind::Name => json!({"type": "string", "pattern": format!("^[A-Za-z0-9._-]{{1,{NAME_LENGTH_MAX}}}$")}),
        Kind::Quantity { units, .. } => quantity_schema(units, range),
        Kind::Count => number_schema("integer", range),
        Kind::Number => number_schema("number", range),
        Kind::Flag => json!({"type": "boolean"}),
        Kind::Words(words) => words_schema(words),
        Kind::Instant => json!({"type": "string", "format": "date-time"}),
        Kind::Epoch => json!({"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z?$"}),
        Kind::LocalTime => json!({"type": "string", "pattern": r"^\d{2}:\d{2}(:\d{2}(\.\d+)?)?$"}),
        Kind::TwoLines => json!({"type": "string", "pattern": r"^\s*1 .{67}\s*\n\s*2 .{67}\s*$"}),
    }
}

fn words_schema(words: &[Word]) -> Value {
    let each = words.iter().map(|word| json!({"const": word.word, "description": word.doc.trim()}));
    json!({"type": "string", "oneOf": each.collect::<Vec<_>>()})
}

fn number_schema(kind: &str, range: Option<Bounds>) -> Value {
    let mut schema = json!({"type": kind});
    if let Some((low, high)) = range {
        let number = |text: &str| text.parse::<Value>().expect("bounds of numbers are JSON");
        schema["minimum"] = number(low);
        schema["maximum"] = number(high);
    }
    schema
}

fn quantity_schema(units: &[&str], range: Option<Bounds>) -> Value {
    let named = units.iter().filter(|unit| !unit.is_empty()).copied().collect::<Vec<_>>().join("|");
    let optional = if units.contains(&"") { "?" } else { "" };
    let number = r"[+-]?(\d[\d_]*\.?[\d_]*|\.\d[\d_]*)([eE][+-]?\d+)?";
    let text = json!({"type": "string", "pattern": format!(r"^\s*{number}\s*({named}){optional}\s*$")});
    if optional.is_empty() { text } else { json!({"anyOf": [number_schema("number", range), text]}) }
}

/// The reference of all keys in Markdown, as kept in `docs/missions.md`.
#[must_use]
pub fn reference_markdown() -> String {
    let mut text = INTRODUCTION.to_owned();
    let sections = Keys::keys();
    for spec in &sections {
        write_section(&mut text, spec, spec.name.to_owned(), false);
    }
    text
}

const INTRODUCTION: &str = "\
# Mission files

A mission is one TOML file. A quantity is text of a number and a unit (`\"650 km\"`, `\"1.2 kW\"`, `\"35 degC\"`); a share may
be a bare number or a percentage (`0.9`, `\"90 %\"`); a count is a bare whole number. Reading a mission tells all its
faults at once, each with its line and column. `missions/mission.schema.json` gives completion and checks in editors.

This page is made from the declarations the reader itself uses, so it cannot differ from them.
";

fn write_section(text: &mut String, spec: &KeySpec, path: String, in_list: bool) {
    match &spec.shape {
        Shape::List(inner) => match &**inner {
            Shape::Leaf(..) => {}
            inner => write_section(text, &KeySpec { shape: inner.clone(), ..spec.clone() }, path, true),
        },
        Shape::Section(specs) => {
            let title = if in_list { format!("[[{path}]]") } else { format!("[{path}]") };
            *text += &format!("\n## `{title}`\n\n{}\n", spec.doc);
            write_table(text, specs);
            write_sections(text, specs, &path);
        }
        Shape::Forms(specs) => {
            *text += &format!("\n## `[{path}]`\n\n{} Exactly one of these keys:\n", spec.doc);
            write_table(text, specs);
            write_sections(text, specs, &path);
        }
        Shape::Leaf(..) | Shape::Tagged(..) => {}
    }
}

fn write_sections(text: &mut String, specs: &[KeySpec], parent: &str) {
    for spec in specs {
        write_section(text, spec, format!("{parent}.{}", spec.name), false);
        if let Shape::Tagged(words, variants) = &spec.shape {
            for (word, keys) in words.iter().zip(variants) {
                *text += &format!("\n### `{} = {:?}`\n\n{}\n", spec.name, word.word, word.doc.trim());
                write_table(text, keys);
                write_sections(text, keys, parent);
            }
        }
    }
}

fn write_table(text: &mut String, specs: &[KeySpec]) {
    *text += "\n| key | value | range | when absent | meaning |\n|---|---|---|---|---|\n";
    for spec in specs {
        let (value, range) = value_text(&spec.shape);
        let absent = match spec.need {
            Need::Required if matches!(spec.shape, Shape::Section(_)) => String::new(),
            Need::Required => "**required**".to_owned(),
            Need::Default(value) => format!("`{value}`"),
            Need::Otherwise(words) => words.to_owned(),
        };
        *text += &format!("| `{}` | {value} | {range} | {absent} | {} |\n", spec.name, spec.doc);
    }
}

/// What a key takes and its range, in words.
fn value_text(shape: &Shape) -> (String, String) {
    match shape {
        Shape::Leaf(kind, range) => {
            let range = range.map_or_else(String::new, |(low, high)| format!("{low} to {high}"));
            (kind_text(kind), range)
        }
        Shape::List(inner) => match value_text(inner) {
            (value, range) if matches!(**inner, Shape::Leaf(..)) => (format!("list of: {value}"), range),
            _ => ("sections".to_owned(), String::new()),
        },
        Shape::Section(_) | Shape::Forms(_) => ("section".to_owned(), String::new()),
        Shape::Tagged(words, _) => (words_text(words), String::new()),
    }
}

fn kind_text(kind: &Kind) -> String {
    match kind {
        Kind::Text => "text".to_owned(),
        Kind::Name => "name".to_owned(),
        Kind::Quantity { dimension, units } => {
            let units = units.iter().map(|unit| if unit.is_empty() { "none".to_owned() } else { format!("`{unit}`") });
            format!("{dimension}: {}", units.collect::<Vec<_>>().join(" "))
        }
        Kind::Count => "whole number".to_owned(),
        Kind::Number => "number".to_owned(),
        Kind::Flag => "`true` or `false`".to_owned(),
        Kind::Words(words) => words_text(words),
        Kind::Instant => "date and time in UTC, `\"2026-07-26T04:00:00Z\"`".to_owned(),
        Kind::Epoch => "date and time in UTC without zone, `\"2026-07-26T04:00:00.000000\"`".to_owned(),
        Kind::LocalTime => "time of day, `\"06:00\"`".to_owned(),
        Kind::TwoLines => "text of two lines".to_owned(),
    }
}

fn words_text(words: &[Word]) -> String {
    words.iter().map(|word| format!("`{:?}` {}", word.word, word.doc.trim())).collect::<Vec<_>>().join("<br>")
}
