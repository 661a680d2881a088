//! `sunward compare`, `sunward sweep` and `sunward claim`.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use sunward::Catalog;
use sunward_study::mission::Declarations;
use sunward_study::{Bootstrap, MissionModel, Model, Plan, Sampling, Scale, Study, StudyError, bands, sobol, tornado};
use sunward_units::significant;

use crate::input::{print_json, print_text, text};
use crate::{Failure, side_by_side, spread};

/// Metrics shown where none are asked for.
pub(crate) const METRICS: [&str; 12] = [
    "launched",
    "work.computed",
    "work.delivered",
    "work.availability",
    "work.clock_mean",
    "energy.generated",
    "energy.per_work",
    "energy.eclipse",
    "energy.state_of_charge_min",
    "heat.chip_max",
    "heat.throttled",
    "radiation.dose",
];
/// Quantiles of a sweep's bands.
const PROBABILITIES: [f64; 3] = [0.05, 0.5, 0.95];
/// Runs of a study's shard: what a kill loses at most, for each thread.
const SHARD_RUNS: usize = 32;

#[derive(Args)]
pub(crate) struct CompareOptions {
    /// Mission files, two or more.
    #[arg(required_unless_present = "models", num_args = 2..)]
    missions: Vec<PathBuf>,
    #[command(flatten)]
    side_by_side: side_by_side::Options,
    /// Numbers of summary.json to show, for example heat.chip_max; may be given several times.
    #[arg(long = "metric")]
    metrics: Vec<String>,
    /// As JSON on stdout.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(crate) struct SweepOptions {
    /// Mission file.
    mission: PathBuf,
    /// Study file: which values are uncertain, and how.
    study: PathBuf,
    /// How the values are visited.
    #[arg(long, value_enum, default_value = "latin-hypercube")]
    sampling: Kind,
    /// Runs; of a grid the levels, of saltelli the base points.
    #[arg(long, default_value_t = 128)]
    runs: usize,
    /// Seed of the draws.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Numbers of summary.json to look at; may be given several times.
    #[arg(long = "metric", default_values = ["work.delivered"])]
    metrics: Vec<String>,
    /// Folder of the study's runs; by default runs/NAME-OF-THE-STUDY-FILE. A study that was interrupted goes on there.
    #[arg(long)]
    out: Option<PathBuf>,
    /// As JSON on stdout.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    spread: spread::Options,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Kind {
    /// Independent draws: bands.
    MonteCarlo,
    /// One draw in each equal share of every value: bands.
    LatinHypercube,
    /// Every combination of levels: bands.
    Grid,
    /// The pattern for Sobol indices: which value makes how much of the variance.
    Saltelli,
    /// Each value alone, low and high: a tornado.
    OneAtATime,
}

/// Probability below the low and above the high value of a tornado.
const TORNADO_TAIL: f64 = 0.1;

/// The mission at `path` as a model of a study.
pub(crate) fn model(path: &Path, metrics: &[String]) -> Result<MissionModel, Failure> {
    let names: Vec<&str> = metrics.iter().map(String::as_str).collect();
    MissionModel::read(&text(path)?, &path.display().to_string(), Catalog::builtin(), &names).map_err(Failure::input)
}

pub(crate) fn compare(options: &CompareOptions) -> Result<(), Failure> {
    if !options.side_by_side.models.is_empty() {
        return side_by_side::compare(&options.side_by_side, options.json);
    }
    options.side_by_side.for_missions()?;
    let defaults = METRICS.map(str::to_owned).to_vec();
    let metrics = if options.metrics.is_empty() { &defaults } else { &options.metrics };
    let models: Vec<MissionModel> =
        options.missions.iter().map(|path| model(path, metrics)).collect::<Result<_, _>>()?;
    let names: Vec<String> = options.missions.iter().map(|path| path.display().to_string()).collect();
    let contenders: Vec<(&str, &dyn Model)> =
        names.iter().zip(&models).map(|(name, model)| (name.as_str(), model as &dyn Model)).collect();
    let outcomes = sunward_study::compare(&contenders);
    if let Some((failed, why)) = outcomes.iter().find_map(|row| Some((&row.name, row.outcome.as_ref().err()?))) {
        return Err(Failure::run(StudyError::Run { message: format!("{failed}: {why}") }));
    }
    let columns: Vec<&[Option<f64>]> = outcomes.iter().filter_map(|row| row.outcome.as_deref().ok()).collect();
    if options.json {
        let rows = metrics.iter().enumerate().map(|(row, name)| {
            let values: Vec<Option<f64>> = columns.iter().map(|column| column[row]).collect();
            json!({"metric": name, "values": values})
        });
        return print_json(&json!({"missions": names, "rows": rows.collect::<Vec<_>>()}));
    }
    let mut table = sheet(std::iter::once("metric".to_owned()).chain(names).chain(["last / first".to_owned()]));
    for (row, name) in metrics.iter().enumerate() {
        let values: Vec<Option<f64>> = columns.iter().map(|column| column[row]).collect();
        let ratio = match (values.first().copied().flatten(), values.last().copied().flatten()) {
            (Some(first), Some(last)) if first != 0.0 => significant(last / first, 4),
            _ => String::new(),
        };
        let shown = values.iter().zip(&models).map(|(value, model)| {
            let scale = model.measure(name).ok().and_then(|measure| measure.scale);
            shown(*value, scale)
        });
        table.add_row(std::iter::once(name.clone()).chain(shown).chain([ratio]));
    }
    print_text(&right_aligned(table))
}

pub(crate) fn sweep(options: &SweepOptions) -> Result<(), Failure> {
    let model = model(&options.mission, &options.metrics)?;
    let declared =
        Declarations::read(&text(&options.study)?, &options.study.display().to_string()).map_err(Failure::input)?;
    let sampling = match options.sampling {
        Kind::MonteCarlo => Sampling::MonteCarlo { runs: options.runs },
        Kind::LatinHypercube => Sampling::LatinHypercube { runs: options.runs },
        Kind::Grid => Sampling::Grid { levels: options.runs },
        Kind::Saltelli => Sampling::Saltelli { base: options.runs },
        Kind::OneAtATime => Sampling::OneAtATime { tail: TORNADO_TAIL },
    };
    let space = model.space(&declared).map_err(Failure::input)?;
    let study = Study { space, sampling, seed: options.seed, shard_runs: SHARD_RUNS };
    let plan = Plan::new(&study, &model).map_err(Failure::input)?;
    let folder = options.out.clone().unwrap_or_else(|| default_folder(&options.study));
    let Some(result) = spread::execute(&options.spread, &plan, &folder)? else { return Ok(()) };
    let findings = findings(options, &plan, &result).map_err(Failure::run)?;
    eprintln!("{} runs, {} failed; shards in {}", result.runs(), result.failed(), folder.display());
    if options.json { print_json(&findings.json) } else { print_text(&right_aligned(findings.table)) }
}

/// What a sweep says, for people and for tools.
struct Findings {
    table: Table,
    json: serde_json::Value,
}

fn findings(options: &SweepOptions, plan: &Plan<'_>, result: &sunward_study::Table) -> Result<Findings, StudyError> {
    match options.sampling {
        Kind::OneAtATime => tornadoes(options, plan, result),
        Kind::Saltelli => indices(options, plan, result),
        Kind::MonteCarlo | Kind::LatinHypercube | Kind::Grid => quantiles(options, result),
    }
}

fn quantiles(options: &SweepOptions, result: &sunward_study::Table) -> Result<Findings, StudyError> {
    let mut table =
        sheet(["metric, SI units", "5 %", "median", "95 %", "95 % confidence of the median"].map(str::to_owned));
    let mut rows = Vec::new();
    for name in &options.metrics {
        let all = bands(result.metric(name)?, &PROBABILITIES, &Bootstrap::default())?;
        let [low, middle, high] = [0, 1, 2].map(|index| all[index].value);
        let confidence = format!("{} to {}", significant(middle.low, 4), significant(middle.high, 4));
        let shown = [low, middle, high].map(|interval| significant(interval.estimate, 4));
        table.add_row([name.clone()].into_iter().chain(shown).chain([confidence]));
        let quantile = |(p, interval): (f64, sunward_study::Interval)| json!({"probability": p, "value": interval.estimate, "low": interval.low, "high": interval.high});
        let each: Vec<_> = PROBABILITIES.into_iter().zip([low, middle, high]).map(quantile).collect();
        rows.push(json!({"metric": name, "bands": each}));
    }
    Ok(Findings { table, json: json!(rows) })
}

fn tornadoes(options: &SweepOptions, plan: &Plan<'_>, result: &sunward_study::Table) -> Result<Findings, StudyError> {
    let mut table = sheet(["metric, SI units", "value", "low end", "centre", "high end"].map(str::to_owned));
    let mut rows = Vec::new();
    for name in &options.metrics {
        let tornado = tornado(plan.sampler(), result.metric(name)?)?;
        for bar in &tornado.bars {
            let shown = [bar.at_low, tornado.centre, bar.at_high].map(number);
            table.add_row([name.clone(), bar.factor.clone()].into_iter().chain(shown));
            rows.push(json!({"metric": name, "value": bar.factor, "low": bar.at_low, "centre": tornado.centre, "high": bar.at_high}));
        }
    }
    Ok(Findings { table, json: json!(rows) })
}

fn indices(options: &SweepOptions, plan: &Plan<'_>, result: &sunward_study::Table) -> Result<Findings, StudyError> {
    let mut table =
        sheet(["metric", "value", "alone", "with others", "95 % confidence of the latter"].map(str::to_owned));
    let mut rows = Vec::new();
    for name in &options.metrics {
        for index in sobol(plan.sampler(), result.metric(name)?, &Bootstrap::default())?.of {
            let confidence = format!("{} to {}", significant(index.total.low, 3), significant(index.total.high, 3));
            let shown = [index.first.estimate, index.total.estimate].map(|share| significant(share, 3));
            table.add_row([name.clone(), index.factor.clone()].into_iter().chain(shown).chain([confidence]));
            rows.push(json!({"metric": name, "value": index.factor, "first": index.first.estimate, "total": index.total.estimate}));
        }
    }
    Ok(Findings { table, json: json!(rows) })
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| significant(value, 4))
}

/// Where a study leaves its results unless told otherwise.
pub(crate) fn default_folder(study: &Path) -> PathBuf {
    Path::new("runs").join(study.file_stem().unwrap_or_else(|| "study".as_ref()))
}

/// A bar on stderr that counts `what`.
pub(crate) fn bar(of: u64, what: &str) -> ProgressBar {
    let template = format!("{{bar:24}} {{pos}}/{{len}} {what} {{elapsed}} {{msg}}");
    ProgressBar::new(of).with_style(ProgressStyle::with_template(&template).expect("a valid template"))
}

/// A metric as a person reads it.
pub(crate) fn shown(value: Option<f64>, scale: Option<Scale>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| sunward_report::human(value, scale.map(|scale| scale.dimension)))
}

/// An empty table with a heading.
pub(crate) fn sheet(header: impl IntoIterator<Item = String>) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_BORDERS_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header);
    table
}

/// The table with its numbers to the right.
pub(crate) fn right_aligned(mut table: Table) -> String {
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}
