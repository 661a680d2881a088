//! `sunward compare` and `sunward sweep`.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use sunward::Catalog;
use sunward_study::mission::{Declaration, Declarations};
use sunward_study::{MissionModel, Model, Plan, Sampling, Scale, Study, StudyError};

use crate::comparison::SideBySide;
use crate::findings::{self, Swept};
use crate::input::{print_json, print_text, text};
use crate::study_folder::StudyFolder;
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
/// Metrics shown with them where every mission keeps a ledger.
const MONEY: [&str; 17] = [
    "money.capital",
    "money.operating",
    "money.levelized",
    "money.of_time_flown.satellites",
    "money.of_time_flown.launch",
    "money.of_time_flown.building",
    "money.of_time_flown.compute",
    "money.of_time_flown.electricity",
    "money.of_time_flown.replacement",
    "money.usd_per_mwh",
    "money.usd_per_mwh_without_accelerators",
    "money.usd_per_pflop_day",
    "money.usd_per_gpu_hour",
    "money.usd_per_mtoken",
    "money.net_present_value",
    "money.carbon",
    "money.water",
];
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
    /// Folder for a page and for the numbers as CSV, Parquet and JSON.
    #[arg(long)]
    out: Option<PathBuf>,
    /// As JSON on stdout.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(crate) struct SweepOptions {
    /// Mission file.
    pub(crate) mission: PathBuf,
    /// Study file: which values are uncertain, and how.
    pub(crate) study: PathBuf,
    /// How the values are visited.
    #[arg(long, value_enum, default_value = "latin-hypercube")]
    sampling: Kind,
    /// Runs; of a grid the levels, of saltelli the base points.
    #[arg(long, default_value_t = 128)]
    runs: usize,
    /// Seed of the draws.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Numbers of summary.json to look at; may be given several times.
    #[arg(long = "metric", default_values = ["work.delivered"])]
    pub(crate) metrics: Vec<String>,
    /// Another mission, flown with the same draws: with what probability is a number of the first one higher, and how do they compare?
    #[arg(long)]
    pub(crate) against: Option<PathBuf>,
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
    let read = |metrics: &[String]| -> Result<Vec<MissionModel>, Failure> {
        options.missions.iter().map(|path| model(path, metrics)).collect()
    };
    let metrics = if options.metrics.is_empty() {
        let priced = read(&[])?.iter().all(|model| model.world().prices.is_some());
        let money: &[&str] = if priced { &MONEY } else { &[] };
        METRICS.iter().chain(money).map(|&name| name.to_owned()).collect()
    } else {
        options.metrics.clone()
    };
    let models = read(&metrics)?;
    let names: Vec<String> = options.missions.iter().map(|path| path.display().to_string()).collect();
    let contenders: Vec<(&str, &dyn Model)> =
        names.iter().zip(&models).map(|(name, model)| (name.as_str(), model as &dyn Model)).collect();
    let outcomes = sunward_study::compare(&contenders);
    if let Some((failed, why)) = outcomes.iter().find_map(|row| Some((&row.name, row.outcome.as_ref().err()?))) {
        return Err(Failure::run(StudyError::Run { message: format!("{failed}: {why}") }));
    }
    let columns: Vec<&[Option<f64>]> = outcomes.iter().filter_map(|row| row.outcome.as_deref().ok()).collect();
    let side_by_side = SideBySide { names: &names, models: &models, metrics: &metrics, columns: &columns };
    if let Some(path) = &options.out {
        side_by_side.leave(&StudyFolder::open(path)?)?;
    }
    if options.json { print_json(&side_by_side.json()) } else { print_text(&side_by_side.text()) }
}

pub(crate) fn sweep(options: &SweepOptions) -> Result<(), Failure> {
    let file = options.study.display().to_string();
    let declared = Declarations::read(&text(&options.study)?, &file).map_err(Failure::input)?;
    let other = options.against.as_ref().map(|path| model(path, &options.metrics)).transpose()?;
    let mine = model(&options.mission, &options.metrics)?;
    let models: Vec<MissionModel> = std::iter::once(mine).chain(other).collect();
    let models: Vec<MissionModel> =
        models.into_iter().map(|model| following(model, &declared)).collect::<Result<_, _>>()?;
    let sampling = match options.sampling {
        Kind::MonteCarlo => Sampling::MonteCarlo { runs: options.runs },
        Kind::LatinHypercube => Sampling::LatinHypercube { runs: options.runs },
        Kind::Grid => Sampling::Grid { levels: options.runs },
        Kind::Saltelli => Sampling::Saltelli { base: options.runs },
        Kind::OneAtATime => Sampling::OneAtATime { tail: TORNADO_TAIL },
    };
    if options.against.is_some() && !matches!(sampling, Sampling::MonteCarlo { .. } | Sampling::LatinHypercube { .. }) {
        return Err(Failure::input(AgainstError));
    }
    let folder = options.out.clone().unwrap_or_else(|| default_folder(&options.study));
    let (mut swept, mut concerned) = (Vec::new(), 0);
    for model in &models {
        let space = model.space(&shared(&declared, model, &models)).map_err(Failure::input)?;
        let study = Study { space, sampling, seed: options.seed, shard_runs: SHARD_RUNS };
        let plan = Plan::new(&study, model).map_err(Failure::input)?;
        if !options.spread.concerns(&plan) {
            continue;
        }
        concerned += 1;
        let Some(table) = spread::execute(&options.spread, &plan, &folder)? else { continue };
        eprintln!("{} runs, {} failed; shards in {}", table.runs(), table.failed(), folder.display());
        swept.push(Swept { model, sampler: plan.sampler().clone(), table });
    }
    if swept.is_empty() {
        return options.spread.end_of_part(concerned);
    }
    let found = findings::of(options, &swept).map_err(Failure::run)?;
    found.leave(&StudyFolder::open(&folder)?)?;
    if options.json { print_json(&found.json) } else { print_text(&found.text) }
}

/// Draws are shared run by run only where each run has a draw of its own.
#[derive(Debug, thiserror::Error)]
#[error("--against needs draws that both missions share: --sampling monte-carlo or latin-hypercube")]
struct AgainstError;

/// The model with those followers that follow a key which the mission has.
fn following(model: MissionModel, declared: &Declarations) -> Result<MissionModel, Failure> {
    let followers = declared.follower.iter().filter(|follower| model.has(&follower.key)).cloned().collect();
    let declared = Declarations { follower: followers, ..Declarations::default() };
    model.with_followers(&declared).map_err(Failure::input)
}

/// The declarations that concern `model`: of several missions, each takes those whose key it has, and what none has stays, to be told.
fn shared(declared: &Declarations, model: &MissionModel, models: &[MissionModel]) -> Declarations {
    let concerns = |key: &str| model.has(key) || !models.iter().any(|other| other.has(key));
    let those = |all: &[Declaration]| all.iter().filter(|each| concerns(&each.key)).cloned().collect();
    Declarations { assumption: those(&declared.assumption), design: those(&declared.design), ..Declarations::default() }
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
