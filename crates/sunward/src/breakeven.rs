//! `sunward breakeven`: where one value of a mission brings a metric to a value, or to that of another mission.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use sunward_study::distribution::{Distribution, Value};
use sunward_study::mission::{Declaration, Spread, Written};
use sunward_study::{MissionModel, Point, Role, StudyError, Variable, break_even, metric_at};

use crate::Failure;
use crate::input::{print_json, print_text};
use crate::study::{bar, model, right_aligned, sheet, shown};
use crate::study_page::dimension;

#[derive(Args)]
pub(crate) struct Options {
    /// Mission file.
    mission: PathBuf,
    /// Which value: a key of the mission, or the value of a part as the report lists it, for example site[0].array.cell.efficiency.
    #[arg(long)]
    key: String,
    /// The ends between which it is sought, with unit.
    #[arg(long, num_args = 2, value_names = ["LOW", "HIGH"], allow_hyphen_values = true)]
    between: Vec<String>,
    /// Number of summary.json that is to come out.
    #[arg(long)]
    metric: String,
    /// What it is to be, with unit.
    #[arg(long, allow_hyphen_values = true, required_unless_present = "against", conflicts_with = "against")]
    equals: Option<String>,
    /// Another mission whose metric it is to be.
    #[arg(long)]
    against: Option<PathBuf>,
    /// Set the value in the other mission too, as for a price that both pay.
    #[arg(long, requires = "against")]
    shared: bool,
    /// As JSON on stdout.
    #[arg(long)]
    json: bool,
}

/// To which share of the distance between the ends a value is found.
const TOLERANCE: f64 = 1e-6;
/// Flights that Brent's method needs at most for that tolerance: those of bisection, squared (Brent 1973, section 4.3).
const FLIGHTS_MAX: u64 = 400;

pub(crate) fn breakeven(options: &Options) -> Result<(), Failure> {
    let metrics = [options.metric.clone()];
    let mine = model(&options.mission, &metrics)?;
    let variable = variable(&mine, options).map_err(Failure::input)?;
    let Distribution::Uniform { low, high } = variable.distribution else { unreachable!("it was declared uniform") };
    let other = options.against.as_ref().map(|path| model(path, &metrics)).transpose()?;
    let fixed = fixed(&mine, other.as_ref(), options)?;
    let bar = bar(FLIGHTS_MAX, "flights at most");
    let at = |model: &MissionModel, value: f64| {
        bar.inc(1);
        let values = [Value::Number(value)];
        metric_at(model, &options.metric, Point { variables: std::slice::from_ref(&variable), values: &values })
    };
    let difference = |value: f64| {
        let aim = match (&other, fixed) {
            (Some(other), None) => at(other, value)?,
            (_, Some(fixed)) => fixed,
            (None, None) => unreachable!("without another mission the aim is fixed"),
        };
        Ok(at(&mine, value)? - aim)
    };
    let found = break_even(difference, low, high, TOLERANCE * (high - low));
    bar.finish_and_clear();
    let found = found.map_err(|error| not_bracketed(error, &mine, &variable.key, &options.metric))?;
    let reached = metric_at(
        &mine,
        &options.metric,
        Point { variables: std::slice::from_ref(&variable), values: &[Value::Number(found.value)] },
    );
    let reached = reached.map_err(Failure::run)?;
    if options.json {
        return print_json(&json!({
            "key": variable.key,
            "value": found.value,
            "unit": variable.unit,
            "metric": options.metric,
            "reached": reached,
            "difference": found.difference,
            "flights": found.evaluations,
        }));
    }
    let scale = mine.measure(&options.metric).map_err(Failure::run)?.scale;
    let mut table = sheet(["break-even", "value"].map(str::to_owned));
    table.add_row([variable.key.clone(), sunward_report::human(found.value, mine.dimension(&variable.key))]);
    table.add_row([options.metric.clone(), shown(Some(reached), scale)]);
    table.add_row(["what is left of the difference".to_owned(), format!("{:.1e}", found.difference)]);
    print_text(&right_aligned(table))
}

/// There is none between the ends.
#[derive(Debug, thiserror::Error)]
#[error(
    "no break-even: {metric} less its aim is {differences} for {key} of {ends}, of one sign; look between other ends"
)]
struct NotBracketedError {
    metric: String,
    key: String,
    differences: String,
    ends: String,
}

/// The error in the units that a person reads.
fn not_bracketed(error: StudyError, model: &MissionModel, key: &str, metric: &str) -> Failure {
    let StudyError::NotBracketed { low, high, at_low, at_high } = error else { return Failure::run(error) };
    let both = |values: [f64; 2], dimension: Option<&'static str>| {
        let [first, second] = values.map(|value| sunward_report::human(value, dimension));
        format!("{first} and {second}")
    };
    // A difference of two temperatures counts from zero.
    let measured = dimension(model, metric).filter(|dimension| *dimension != "temperature");
    let differences = both([at_low, at_high], measured);
    let ends = both([low, high], model.dimension(key));
    Failure::run(NotBracketedError { metric: metric.to_owned(), key: key.to_owned(), differences, ends })
}

/// What the metric is to be, where that does not move with the value.
fn fixed(mine: &MissionModel, other: Option<&MissionModel>, options: &Options) -> Result<Option<f64>, Failure> {
    match (&options.equals, other) {
        (Some(text), _) => {
            mine.metric_value(&options.metric, &Written::Text(text.clone())).map(Some).map_err(Failure::input)
        }
        (None, Some(_)) if options.shared => Ok(None),
        (None, Some(other)) => {
            let as_is = Point { variables: &[], values: &[] };
            metric_at(other, &options.metric, as_is).map(Some).map_err(Failure::run)
        }
        (None, None) => unreachable!("the command line asks for one of both"),
    }
}

/// The value as a variable between the ends.
fn variable(model: &MissionModel, options: &Options) -> Result<Variable, StudyError> {
    let written = |text: &String| text.parse().map_or_else(|_| Written::Text(text.clone()), Written::Number);
    let spread = Spread::Uniform([written(&options.between[0]), written(&options.between[1])]);
    let declared = Declaration { key: options.key.clone(), spread, cause: None, rank_correlation: None };
    let variable = model.variable(&declared, Role::Assumption)?;
    if variable.whole {
        let reason = "it takes whole numbers, between which there is no break-even; sweep a grid of them".to_owned();
        return Err(StudyError::Key { key: options.key.clone(), reason });
    }
    sunward_study::Space::new(vec![variable.clone()])?;
    Ok(variable)
}
