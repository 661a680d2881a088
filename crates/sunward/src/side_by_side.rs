//! `sunward compare --model`: published models side by side on the same inputs, and where they part.

use std::path::{Path, PathBuf};

use clap::Args;
use comfy_table::{CellAlignment, Table};
use serde_json::{Map, Value, json};
use sunward::Catalog;
use sunward_cost::CostError;
use sunward_cost::comparison::{
    Account, Column, Common, Entry, Explanation, Inputs, MODELS, Share, Term, column, explain,
};
use sunward_cost::sheet::SheetError;
use sunward_units::significant;

use crate::Failure;
use crate::input::{print_json, print_text, text};
use crate::models::{hint, setting, table};
use crate::twin_column::{self, TwinError};

#[derive(Args)]
pub(crate) struct Options {
    /// Models to put side by side on the same inputs instead of missions: mccalip, starcloud, suncatcher, turyshev, and
    /// twin, which flies a mission built from them.
    #[arg(long = "model", value_delimiter = ',', conflicts_with = "missions")]
    pub(crate) models: Vec<String>,
    #[command(flatten)]
    inputs: InputOptions,
}

impl Options {
    /// That missions are not given the models' inputs.
    pub(crate) fn for_missions(&self) -> Result<(), Failure> {
        let unused = self.inputs.inputs.is_none() && self.inputs.set.is_empty();
        if unused { Ok(()) } else { Err(Failure::input(CompareError::NoModel)) }
    }
}

/// The common inputs, as far as they are not the catalog's.
#[derive(Args, Default)]
pub(crate) struct InputOptions {
    /// TOML file of inputs for the models; what it leaves out has the catalog's value.
    #[arg(long, value_name = "FILE")]
    inputs: Option<PathBuf>,
    /// An input of the models, for example launch_price="200 USD/kg"; may be given several times.
    #[arg(long, value_name = "INPUT=VALUE", value_parser = setting)]
    set: Vec<(String, String)>,
}

/// Why models are not compared.
#[derive(Debug, thiserror::Error)]
enum CompareError {
    #[error("--inputs and --set are inputs of the models that --model names; a mission has its own keys")]
    NoModel,
    #[error("no model is named {name:?}{hint}")]
    UnknownModel { name: String, hint: String },
    #[error("{place}: no input is named {name:?}{hint}")]
    UnknownInput { place: String, name: String, hint: String },
    #[error("{place}: the input is refused")]
    Input { place: String, source: SheetError },
    #[error("{place} is not TOML of the form input = \"value unit\"")]
    Syntax { place: String, source: toml::de::Error },
    #[error("{place}: {name} is neither a number nor text of one")]
    Kind { place: String, name: String },
    #[error("{model} cannot be evaluated on these inputs")]
    Model { model: String, source: CostError },
    #[error("the inputs are refused")]
    Common { source: CostError },
}

pub(crate) fn compare(options: &Options, as_json: bool) -> Result<(), Failure> {
    let inputs = read(&options.inputs)?;
    let common = common(&inputs)?;
    let columns = options.models.iter().map(|name| of(name, &common)).collect::<Result<Vec<_>, _>>()?;
    let explained = explain(&columns, 0).map_err(Failure::run)?;
    if as_json {
        print_json(&to_json(&inputs, &common, &columns, &explained).map_err(Failure::run)?)
    } else {
        print_text(&to_text(&inputs, &common, &columns, &explained).map_err(Failure::run)?)
    }
}

/// The columns of `models` on common inputs.
pub(crate) fn columns(models: &[String], inputs: &InputOptions) -> Result<Vec<Column>, Failure> {
    let common = common(&read(inputs)?)?;
    models.iter().map(|name| of(name, &common)).collect()
}

fn common(inputs: &Inputs) -> Result<Common, Failure> {
    inputs.common().map_err(|source| Failure::input(CompareError::Common { source }))
}

/// The name under which the twin is flown.
pub(crate) const TWIN: &str = "twin";

/// One model's column.
fn of(name: &str, common: &Common) -> Result<Column, Failure> {
    if name == TWIN {
        return twin_column::column(common).map_err(|error| match error {
            TwinError::Flight { .. } => Failure::run(error),
            other => Failure::input(other),
        });
    }
    let names = [&MODELS[..], &[TWIN]].concat();
    let unknown = || CompareError::UnknownModel { name: name.to_owned(), hint: hint(name, &names) };
    let column = column(name, common).ok_or_else(|| Failure::input(unknown()))?;
    column.map_err(|source| Failure::input(CompareError::Model { model: name.to_owned(), source }))
}

/// The catalog's inputs, then the file's, then those of the command line.
fn read(options: &InputOptions) -> Result<Inputs, Failure> {
    let mut inputs = Inputs::of(&Catalog::builtin()).map_err(Failure::run)?;
    if let Some(path) = &options.inputs {
        for (name, value) in listed(path)? {
            set(&mut inputs, &name, &value, &path.display().to_string())?;
        }
    }
    for (name, value) in &options.set {
        set(&mut inputs, name, value, "the command line")?;
    }
    Ok(inputs)
}

fn set(inputs: &mut Inputs, name: &str, value: &str, place: &str) -> Result<(), Failure> {
    let names = inputs.names();
    inputs.set(name, value, place).map_err(|error| {
        let place = place.to_owned();
        Failure::input(match error {
            SheetError::UnknownInput { name, .. } => {
                CompareError::UnknownInput { place, hint: hint(&name, &names), name }
            }
            source => CompareError::Input { place, source },
        })
    })
}

/// The inputs of a file, in its order.
fn listed(path: &Path) -> Result<Vec<(String, String)>, Failure> {
    let place = path.display().to_string();
    let syntax = |source| Failure::input(CompareError::Syntax { place: place.clone(), source });
    let table: toml::Table = text(path)?.parse().map_err(syntax)?;
    let one = |(name, value): (String, toml::Value)| match value {
        toml::Value::String(text) => Ok((name, text)),
        toml::Value::Integer(number) => Ok((name, number.to_string())),
        toml::Value::Float(number) => Ok((name, number.to_string())),
        _ => Err(Failure::input(CompareError::Kind { place: place.clone(), name })),
    };
    table.into_iter().map(one).collect()
}

/// A row of the table of results: its name, unit and value in a column.
type Row = (&'static str, &'static str, fn(&Column, &Common) -> Result<Option<f64>, CostError>);

const ROWS: [Row; 16] = [
    ("orbit", "USD/MWh", |column, _| column.orbit.usd_per_mwh().map(Some)),
    ("ground", "USD/MWh", |column, _| column.ground.usd_per_mwh().map(Some)),
    ("ground over orbit", "", |column, _| Ok(Some(column.ground.usd_per_mwh()? / column.orbit.usd_per_mwh()?))),
    ("orbit as published", "USD/MWh", |column, _| Ok(column.published[0])),
    ("ground as published", "USD/MWh", |column, _| Ok(column.published[1])),
    ("orbit, all years", "USD/W", |column, common| Ok(Some(column.orbit.total().0 / common.power.0))),
    ("ground, all years", "USD/W", |column, common| Ok(Some(column.ground.total().0 / common.power.0))),
    ("energy in orbit", "GWh", |column, _| Ok(Some(column.orbit.energy.0 / 3.6e12))),
    ("energy on the ground", "GWh", |column, _| Ok(Some(column.ground.energy.0 / 3.6e12))),
    ("satellites", "", |column, _| Ok(column.fleet.satellites)),
    ("array power when new", "MW", |column, _| Ok(column.fleet.installed.map(|power| power.0 / 1e6))),
    ("mass", "t", |column, _| Ok(column.fleet.mass.map(|mass| mass.0 / 1e3))),
    ("mass per computers", "kg/kW", |column, common| Ok(column.fleet.mass.map(|mass| mass.0 / common.power.0 * 1e3))),
    ("launches of 100 t", "", |column, _| Ok(column.fleet.mass.map(|mass| (mass.0 / 100e3).ceil()))),
    ("array", "m2", |column, _| Ok(column.fleet.array.map(|area| area.0))),
    ("radiator", "m2", |column, _| Ok(column.fleet.radiator.map(|area| area.0))),
];

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| significant(value, 4))
}

fn to_text(
    inputs: &Inputs,
    common: &Common,
    columns: &[Column],
    explained: &[Explanation],
) -> Result<String, CostError> {
    let names: Vec<&str> = columns.iter().map(|column| column.model.as_str()).collect();
    let mut rows = right_aligned(&[&["the same inputs", "unit"], &names[..]].concat(), 2);
    for (name, unit, value) in ROWS {
        let shown = |column: &Column| Ok(number(value(column, common)?));
        let cells = columns.iter().map(shown).collect::<Result<Vec<_>, CostError>>()?;
        rows.add_row([name.to_owned(), unit.to_owned()].into_iter().chain(cells));
    }
    let mut terms = right_aligned(&[&["USD/MWh", "of"], &names[..]].concat(), 2);
    for explanation in explained {
        let cells = explanation.shares.iter().map(|share| number(share.usd_per_mwh));
        let side = side(explanation.in_orbit);
        terms.add_row([explanation.term.name().to_owned(), side.to_owned()].into_iter().chain(cells));
    }
    let why: Vec<String> = explained.iter().map(|explanation| paragraph(explanation, columns)).collect();
    let [taken, lacking] = input_texts(inputs, columns);
    Ok(format!(
        "{rows}\n{terms}\nWhere they part, USD/MWh against {}:\n{}\n\n{taken}\n{lacking}",
        names[0],
        why.join("\n")
    ))
}

fn side(in_orbit: bool) -> &'static str {
    if in_orbit { "orbit" } else { "ground" }
}

fn right_aligned(header: &[&str], left: usize) -> Table {
    let mut table = table(header);
    table.column_iter_mut().skip(left).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    table
}

/// The models' words on a term, one a line.
fn paragraph(explanation: &Explanation, columns: &[Column]) -> String {
    let line = |(place, share): (usize, &Share)| {
        let value = match share.usd_per_mwh {
            Some(value) if place == 0 => significant(value, 4),
            Some(value) => format!("{} ({})", significant(value, 4), signed(share.difference)),
            None => {
                let whole = if explanation.in_orbit { &columns[place].orbit } else { &columns[place].ground };
                let whole = whole.usd_per_mwh().map_or_else(|_| String::new(), |all| significant(all, 3));
                let less =
                    if share.difference == 0.0 { String::new() } else { format!(" ({})", signed(share.difference)) };
                format!("0 of {whole}{less}")
            }
        };
        format!("    {}: {value}: {}", share.model, share.because)
    };
    let lines: Vec<String> = explanation.shares.iter().enumerate().map(line).collect();
    format!("  {}, {}\n{}", explanation.term.name(), side(explanation.in_orbit), lines.join("\n"))
}

fn signed(value: f64) -> String {
    format!("{}{}", if value < 0.0 { "-" } else { "+" }, significant(value.abs(), 4))
}

/// The table of inputs with who takes them, and what each model has instead of those it lacks.
fn input_texts(inputs: &Inputs, columns: &[Column]) -> [String; 2] {
    let names: Vec<&str> = columns.iter().map(|column| column.model.as_str()).collect();
    let mut taken = table(&[&["input", "value", "meaning", "source"], &names[..]].concat());
    for common in &inputs.all {
        let value = format!("{} {}", significant(common.input.value, 6), common.input.unit);
        let row = [common.input.name, value.trim(), common.input.meaning, &common.source].map(str::to_owned);
        let taken_by =
            columns.iter().map(|column| if column.takes.contains(&common.input.name) { "takes" } else { "" });
        taken.add_row(row.into_iter().chain(taken_by.map(str::to_owned)));
    }
    let lacking = columns.iter().map(|column| {
        let each = column.assumes.iter().map(|assumed| format!("{}: {}", assumed.input, assumed.instead));
        format!("{} has instead of {}", column.model, each.collect::<Vec<_>>().join("; "))
    });
    [taken.to_string(), lacking.collect::<Vec<_>>().join("\n")]
}

fn to_json(
    inputs: &Inputs,
    common: &Common,
    columns: &[Column],
    explained: &[Explanation],
) -> Result<Value, CostError> {
    let input = |common: &sunward_cost::comparison::CommonInput| {
        let name = common.input.name;
        let taken: Vec<&str> =
            columns.iter().filter(|column| column.takes.contains(&name)).map(|column| column.model.as_str()).collect();
        let fields = json!({
            "value": common.input.value,
            "unit": common.input.unit,
            "meaning": common.input.meaning,
            "source": common.source,
            "taken_by": taken,
        });
        (name.to_owned(), fields)
    };
    let model = |column: &Column| {
        let mut fields = Map::new();
        for (name, unit, value) in ROWS {
            fields.insert(name.to_owned(), json!({"value": value(column, common)?, "unit": unit}));
        }
        let assumed = column.assumes.iter().map(|assumed| (assumed.input.to_owned(), json!(assumed.instead)));
        Ok((
            column.model.clone(),
            json!({
                "results": fields,
                "orbit": account(&column.orbit)?,
                "ground": account(&column.ground)?,
                "instead": assumed.collect::<Map<_, _>>(),
            }),
        ))
    };
    Ok(json!({
        "inputs": inputs.all.iter().map(input).collect::<Map<_, _>>(),
        "models": columns.iter().map(model).collect::<Result<Map<_, _>, CostError>>()?,
        "explanation": explained.iter().map(explanation).collect::<Vec<_>>(),
    }))
}

fn account(account: &Account) -> Result<Value, CostError> {
    let mut terms = Map::new();
    for term in Term::ALL {
        let fields = match account.entry(term) {
            Some(Entry::Counted { amount, how }) => {
                json!({"usd": amount.0, "usd_per_mwh": account.term_usd_per_mwh(term)?, "how": how})
            }
            Some(Entry::Absent { why }) => json!({"usd": null, "why": why}),
            None => continue,
        };
        terms.insert(term.name().to_owned(), fields);
    }
    Ok(json!({"usd": account.total().0, "usd_per_mwh": account.usd_per_mwh()?, "terms": terms}))
}

fn explanation(explanation: &Explanation) -> Value {
    let share = |share: &Share| json!({"model": share.model, "usd_per_mwh": share.usd_per_mwh, "difference": share.difference, "because": share.because});
    json!({
        "side": side(explanation.in_orbit),
        "term": explanation.term.name(),
        "models": explanation.shares.iter().map(share).collect::<Vec<_>>(),
    })
}
