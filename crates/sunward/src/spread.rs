//! Where the runs of a study happen: here, a share of them here, or in the tasks of a Slurm job array.
//!
//! Whatever does them, the study's folder is the only thing that is shared, and its shards are the only state.

use std::path::{Path, PathBuf};

use clap::{Args, value_parser};
use sunward_study::{Control, Folder, Observer, Part, Plan, StudyError, Table};

use crate::Failure;
use crate::slurm::{self, Cluster};
use crate::study::bar;

#[derive(Args)]
pub(crate) struct Options {
    /// Computes what is missing of part I of N (1/N to N/N) and nothing else; the plain command collects.
    #[arg(long, value_name = "I/N", value_parser = part)]
    part: Option<Part>,
    /// Computes nothing: gives the result if every run is there.
    #[arg(long, conflicts_with_all = ["part", "slurm"])]
    collect: bool,
    /// Has the runs done by a Slurm job array of N tasks (by default one for each 256 runs), waits for them and collects.
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true, conflicts_with = "part", value_parser = value_parser!(u32).range(1..))]
    slurm: Option<Option<u32>>,
    /// Passed to sbatch, for example --slurm-option=--time=1:00:00; may be given several times.
    #[arg(long = "slurm-option", value_name = "OPTION", require_equals = true, requires = "slurm")]
    slurm_options: Vec<String>,
    /// How often tasks are submitted for what is missing.
    #[arg(long, value_name = "TIMES", require_equals = true, default_value_t = 5, value_parser = value_parser!(u32).range(1..))]
    slurm_rounds: u32,
    /// The plan that whoever gave out the parts has; a part of another one is refused.
    #[arg(long, hide = true, requires = "part")]
    plan: Option<String>,
}

impl Options {
    /// Whether the runs of `plan` are asked for: of several missions, a task on a cluster has those of one.
    pub(crate) fn concerns(&self, plan: &Plan<'_>) -> bool {
        self.plan.as_ref().is_none_or(|expected| *expected == plan.digest())
    }

    /// The end of a command that prints no result, of whose plans `concerned` were asked for.
    pub(crate) fn end_of_part(&self, concerned: usize) -> Result<(), Failure> {
        match &self.plan {
            Some(expected) if concerned == 0 => Err(Failure::run(PartError::Plan { expected: expected.clone() })),
            _ => Ok(()),
        }
    }
}

/// Why a part is refused.
#[derive(Debug, thiserror::Error)]
enum PartError {
    #[error(
        "this is another study than the one submitted (plan {expected} is none of its plans): the mission, the study file or sunward itself changed since; submit it again"
    )]
    Plan { expected: String },
    #[error(
        "{path} is not here, where the study was submitted it is: the study's folder must be shared by all machines; name one that is with --out"
    )]
    NotShared { path: PathBuf },
}

/// Why a study's result cannot be put together.
#[derive(Debug, thiserror::Error)]
#[error("cannot collect the study in {folder}")]
struct CollectError {
    folder: PathBuf,
    source: StudyError,
}

fn part(text: &str) -> Result<Part, String> {
    let numbers = text.split_once('/').and_then(|(index, of)| Some((index.parse().ok()?, of.parse().ok()?)));
    match numbers {
        Some((index @ 1.., of)) if index <= of => Ok(Part { index: index - 1, of }),
        _ => Err("expected I/N with I from 1 to N, such as 2/8".to_owned()),
    }
}

/// Has the missing runs of `plan` done, and gives all of them; nothing where only a part was asked for.
pub(crate) fn execute(options: &Options, plan: &Plan<'_>, folder: &Path) -> Result<Option<Table>, Failure> {
    if let Some(expected) = &options.plan {
        check(expected, folder).map_err(Failure::run)?;
    }
    let store = Folder::open(folder).map_err(Failure::run)?;
    if let Some(tasks) = options.slurm {
        let cluster = Cluster::new(plan, &store, folder, tasks, &options.slurm_options).map_err(Failure::run)?;
        cluster.execute(options.slurm_rounds).map_err(Failure::run)?;
    } else if !options.collect {
        compute(plan, &store, options.part.unwrap_or(Part::WHOLE)).map_err(Failure::run)?;
    }
    match options.part {
        Some(Part { index, of }) => {
            eprintln!("part {} of {of} is complete; shards in {}", index + 1, folder.display());
            Ok(None)
        }
        None => {
            let collected = plan.collect(&store);
            collected.map(Some).map_err(|source| Failure::run(CollectError { folder: folder.to_owned(), source }))
        }
    }
}

fn check(expected: &str, folder: &Path) -> Result<(), PartError> {
    let path = slurm::script(folder, expected);
    if path.exists() { Ok(()) } else { Err(PartError::NotShared { path }) }
}

fn compute(plan: &Plan<'_>, store: &Folder, part: Part) -> Result<(), StudyError> {
    let bar = bar(plan.sampler().runs() as u64, "runs");
    let observer: &Observer<'_> = &|progress| {
        bar.set_length(progress.of);
        bar.set_position(progress.done);
        Control::Continue
    };
    let outcome = plan.execute(store, part, observer);
    bar.finish_and_clear();
    outcome
}
