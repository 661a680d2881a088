//! `sunward catalog`: every part with value, source and range.

use clap::{Args, Subcommand};
use comfy_table::{ContentArrangement, Table, presets};
use sunward::Catalog;
use sunward_catalog::EntryView;

use crate::Failure;
use crate::input::{print_json, print_text};

#[derive(Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    action: Option<Action>,
    /// As JSON on stdout.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Action {
    /// All entries, or those of one kind.
    List {
        /// For example "accelerator".
        kind: Option<String>,
    },
    /// Every value of one entry, with range, source, date and reason.
    Show {
        /// For example "h100-pcie".
        name: String,
    },
}

/// Why a look-up found nothing.
#[derive(Debug, thiserror::Error)]
enum LookupError {
    #[error("no entry is named {name:?}{hint}")]
    UnknownName { name: String, hint: String },
    #[error("no entry is of kind {kind:?}; the kinds are {kinds}")]
    UnknownKind { kind: String, kinds: String },
}

pub(crate) fn catalog(options: &Options) -> Result<(), Failure> {
    let catalog = Catalog::builtin();
    match options.action.as_ref().unwrap_or(&Action::List { kind: None }) {
        Action::List { kind } => list(&catalog, kind.as_deref(), options.json),
        Action::Show { name } => show(&catalog, name, options.json),
    }
}

fn list(catalog: &Catalog, kind: Option<&str>, as_json: bool) -> Result<(), Failure> {
    let wanted = |entry: &&EntryView| kind.is_none_or(|kind| entry.kind == kind);
    let entries: Vec<&EntryView> = catalog.entries().iter().filter(wanted).collect();
    if entries.is_empty() {
        let mut kinds: Vec<&str> = catalog.entries().iter().map(|entry| entry.kind.as_str()).collect();
        kinds.dedup();
        let error = LookupError::UnknownKind { kind: kind.unwrap_or_default().to_owned(), kinds: kinds.join(", ") };
        return Err(Failure::input(error));
    }
    if as_json {
        return print_json(&entries);
    }
    let mut table = table(&["kind", "name", "what it is"]);
    for entry in entries {
        table.add_row([&entry.kind, &entry.id, &entry.title]);
    }
    print_text(&table.to_string())
}

fn show(catalog: &Catalog, name: &str, as_json: bool) -> Result<(), Failure> {
    let Some(entry) = catalog.entries().iter().find(|entry| entry.id == name) else {
        let names = catalog.entries().iter().map(|entry| entry.id.as_str());
        let hint =
            sunward_mission::nearest(name, names).map_or_else(String::new, |near| format!("; is {near:?} meant?"));
        return Err(Failure::input(LookupError::UnknownName { name: name.to_owned(), hint }));
    };
    if as_json {
        return print_json(entry);
    }
    let mut table = table(&["value of", "value", "range", "kind", "source", "reason"]);
    for field in &entry.fields {
        let value = format!("{} {}", field.value, field.unit);
        let range = if field.low == field.high { String::new() } else { format!("{} to {}", field.low, field.high) };
        let source =
            if field.date.is_empty() { field.source.clone() } else { format!("{} ({})", field.source, field.date) };
        table.add_row([&field.name, value.trim(), &range, &field.kind, &source, &field.reason]);
    }
    print_text(&format!("{} {}: {}\n{table}", entry.kind, entry.id, entry.title))
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_preset(presets::UTF8_BORDERS_ONLY)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(header);
    table
}
