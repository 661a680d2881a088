//! `sunward model`: published cost models on any of their inputs.

use clap::Args;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde_json::{Map, Value, json};
use sunward_cost::CostError;
use sunward_cost::sheet::{Output, Sheet, SheetError};

use crate::Failure;
use crate::input::{print_json, print_text};

#[derive(Args)]
pub(crate) struct Options {
    /// Its name; without one, the models are listed.
    name: Option<String>,
    /// Inputs that the authors offer ready-made, for example v3; may be given several times.
    #[arg(long)]
    preset: Vec<String>,
    /// An input, for example launch_cost_per_kg=2940, in the authors' unit or with another; may be given several times.
    #[arg(long, value_name = "INPUT=VALUE", value_parser = setting)]
    set: Vec<(String, String)>,
    /// As JSON on stdout.
    #[arg(long)]
    json: bool,
}

/// Splits "name=value".
pub(crate) fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("{text:?} is not INPUT=VALUE"))?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

/// Why a model is not evaluated.
#[derive(Debug, thiserror::Error)]
enum ModelError {
    #[error("no model is named {name:?}{hint}")]
    UnknownModel { name: String, hint: String },
    #[error("{name} has no input {input:?}{hint}")]
    UnknownInput { name: &'static str, input: String, hint: String },
    #[error("the input is refused")]
    Sheet {
        #[from]
        source: SheetError,
    },
    #[error("{name} cannot be evaluated")]
    Model { name: &'static str, source: CostError },
}

/// "; is "x" meant?" if a name is near, else all names.
pub(crate) fn hint(word: &str, names: &[&str]) -> String {
    sunward_mission::nearest(word, names.iter().copied())
        .map_or_else(|| format!("; there are {}", names.join(", ")), |near| format!("; is {near:?} meant?"))
}

pub(crate) fn model(options: &Options) -> Result<(), Failure> {
    let Some(name) = &options.name else { return list(options.json) };
    let sheet = sheet(name, &options.preset, &options.set).map_err(Failure::input)?;
    let failed = |source| Failure::input(ModelError::Model { name: sheet.name, source });
    let outputs = sheet.evaluate().map_err(failed)?;
    for input in sheet.inputs.iter().filter(|input| !input.in_range()) {
        let (low, high) = (input.range.start(), input.range.end());
        let value = format!("{} {} {}", input.name, input.value, input.unit);
        eprintln!("{} is outside the authors' {low} to {high}", value.trim_end());
    }
    if options.json { print_json(&as_json(&sheet, &outputs)) } else { print_text(&as_text(&sheet, &outputs)) }
}

/// The sheet of that name with presets and settings applied, in this order.
fn sheet(name: &str, presets: &[String], settings: &[(String, String)]) -> Result<Sheet, ModelError> {
    let unknown = || ModelError::UnknownModel { name: name.to_owned(), hint: hint(name, &Sheet::NAMES) };
    let mut sheet = Sheet::of(name).ok_or_else(unknown)?;
    for preset in presets {
        sheet.apply(preset)?;
    }
    for (input, text) in settings {
        let names: Vec<&str> = sheet.inputs.iter().map(|input| input.name).collect();
        sheet.set(input, text).map_err(|error| match error {
            SheetError::UnknownInput { model: name, name: input } => {
                ModelError::UnknownInput { name, hint: hint(&input, &names), input }
            }
            other => other.into(),
        })?;
    }
    Ok(sheet)
}

fn list(as_json: bool) -> Result<(), Failure> {
    let sheets: Vec<Sheet> = Sheet::NAMES.into_iter().filter_map(Sheet::of).collect();
    let presets = |sheet: &Sheet| sheet.presets.iter().map(|preset| preset.name).collect::<Vec<_>>();
    if as_json {
        let row = |sheet: &Sheet| json!({"name": sheet.name, "title": sheet.title, "source": sheet.source, "presets": presets(sheet)});
        return print_json(&sheets.iter().map(row).collect::<Vec<_>>());
    }
    let mut table = table(&["model", "what it answers", "presets", "source"]);
    for sheet in &sheets {
        table.add_row([sheet.name, sheet.title, &presets(sheet).join(", "), sheet.source]);
    }
    print_text(&table.to_string())
}

fn as_json(sheet: &Sheet, outputs: &[Output]) -> Value {
    let inputs = sheet.inputs.iter().map(|input| {
        let fields = json!({"value": input.value, "unit": input.unit, "meaning": input.meaning});
        (input.name.to_owned(), fields)
    });
    let outputs = outputs.iter().map(|output| {
        let fields = json!({"value": output.value, "unit": output.unit, "meaning": output.meaning});
        (output.name.to_owned(), fields)
    });
    json!({
        "model": sheet.name,
        "title": sheet.title,
        "source": sheet.source,
        "inputs": inputs.collect::<Map<_, _>>(),
        "outputs": outputs.collect::<Map<_, _>>(),
        "not_modelled": sheet.not_modelled,
    })
}

fn as_text(sheet: &Sheet, outputs: &[Output]) -> String {
    let mut inputs = table(&["input", "value", "unit", "meaning"]);
    for input in &sheet.inputs {
        inputs.add_row([input.name, &input.value.to_string(), input.unit, input.meaning]);
    }
    let mut results = table(&["output", "value", "unit", "meaning"]);
    for output in outputs {
        results.add_row([output.name, &output.value.to_string(), output.unit, output.meaning]);
    }
    for table in [&mut inputs, &mut results] {
        table.column_mut(1).expect("a second column").set_cell_alignment(CellAlignment::Right);
    }
    let left_out: Vec<String> = sheet.not_modelled.iter().map(|line| format!("  {line}")).collect();
    format!(
        "{}: {}\n{}\n{inputs}\n{results}\nNot modelled, or not to be reproduced:\n{}",
        sheet.name,
        sheet.title,
        sheet.source,
        left_out.join("\n")
    )
}

pub(crate) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_BORDERS_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header);
    table
}
