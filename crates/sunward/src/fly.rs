//! `sunward fly`: progress while it works, then a table, and a run folder.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use sunward::payloads::{FolderStore, Payloads};
use sunward::run_folder::FolderError;
use sunward::{Control, Outcome, SimError, Status, World, run_folder};
use sunward_ai::gpt::engine::Device;
use sunward_ai::memo::Store;
use sunward_cuda::{Cuda, Precision};
use sunward_mission::world::{Network, Text};

use crate::Failure;
use crate::input::{print_json, print_text, text, world};

#[derive(Args)]
pub(crate) struct Options {
    /// Mission file.
    mission: PathBuf,
    /// Run folder; by default runs/NAME-OF-THE-FILE. An earlier run there is replaced when the new one is complete.
    #[arg(long)]
    out: Option<PathBuf>,
    /// The summary as JSON on stdout, instead of a table.
    #[arg(long)]
    json: bool,
    /// Text that new networks are trained on, instead of the mission's; a job that continues from a trained network keeps its own.
    #[arg(long)]
    text: Option<PathBuf>,
    /// Model all work: no network is trained and none answers on this machine. A week of one satellite then takes a fraction of a second.
    #[arg(long, conflicts_with_all = ["text", "device"])]
    modelled: bool,
    /// Go on with an interrupted run from its last checkpoint; an error where no run was begun. Without it, steps already trained by the
    /// same program for the same mission are used too, so a repeated run takes no time.
    #[arg(long, conflicts_with_all = ["fresh", "modelled"])]
    resume: bool,
    /// Train and answer everything anew, whatever was computed before.
    #[arg(long)]
    fresh: bool,
    /// What trains networks: this processor, with the same bytes on every machine; an NVIDIA GPU, in bf16 and with bytes of its own; or
    /// the GPU where there is one. Adapters, defended jobs, and networks that answer, stay on the processor.
    #[arg(long, value_enum, default_value_t = Trains::Cpu)]
    device: Trains,
    /// Threads; by default one a core. The record is the same for any number.
    #[arg(long)]
    threads: Option<usize>,
    /// No progress on stderr.
    #[arg(long)]
    quiet: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Trains {
    Cpu,
    Cuda,
    Auto,
}

impl Trains {
    /// The device in place of this processor; with `Auto` none where none can be used, and the reason to stderr.
    fn device(self, quiet: bool) -> Result<Option<Arc<dyn Device>>, Failure> {
        if self == Self::Cpu {
            return Ok(None);
        }
        match Cuda::open(Precision::Bf16) {
            Ok(device) => Ok(Some(Arc::new(device))),
            Err(error) if self == Self::Cuda => Err(Failure::input(error)),
            Err(error) => {
                if !quiet {
                    eprintln!("{error}; this processor trains");
                }
                Ok(None)
            }
        }
    }
}

pub(crate) fn fly(options: &Options) -> Result<(), Failure> {
    let text = text(&options.mission)?;
    let world = world(&options.mission, &text).map_err(|faults| Failure::Input(faults.into()))?;
    let folder = options.out.clone().unwrap_or_else(|| default_folder(&options.mission));
    run_folder::check(&folder).map_err(Failure::input)?;
    let kept = (!options.modelled).then(|| run_folder::beside(&folder, "training"));
    let claim = kept.as_deref().map(|kept| claim(options, kept)).transpose()?;
    let payloads = match payloads(options, &world, kept.as_deref()) {
        Ok(payloads) => payloads,
        Err(refused) => {
            give_back(kept.as_deref(), claim)?;
            return Err(refused);
        }
    };
    let pool =
        rayon::ThreadPoolBuilder::new().num_threads(options.threads.unwrap_or(0)).build().map_err(Failure::run)?;
    let began = Instant::now();
    let outcome = pool.install(|| watch(&world, &payloads, options.quiet)).map_err(failed)?;
    let flown = began.elapsed();
    run_folder::write(&folder, &text, &world, &outcome, payloads.trained()).map_err(Failure::run)?;
    give_back(kept.as_deref(), claim)?;
    if options.json {
        print_json(&outcome.summary)?;
    } else {
        let jobs = sunward_report::jobs_table(&outcome.record);
        print_text(&format!("{}\n{jobs}", sunward_report::summary_table(&outcome.summary)))?;
    }
    if !options.quiet {
        eprintln!("{}", closing_line(&world, flown, &folder));
        if payloads.any() && options.text.is_none() && trains_on_generated_text(&world) {
            eprintln!("{SHAKESPEARE_HINT}");
        }
    }
    Ok(())
}

/// Claims the folder of steps trained before for this flight alone, emptied where all is to be trained anew.
fn claim(options: &Options, kept: &Path) -> Result<File, Failure> {
    if options.resume && !kept.exists() {
        return Err(Failure::input(ResumeError { folder: kept.to_owned() }));
    }
    let claim = run_folder::claim(kept).map_err(unclaimed)?;
    if options.fresh {
        run_folder::empty(kept).map_err(Failure::run)?;
    }
    Ok(claim)
}

fn give_back(kept: Option<&Path>, claim: Option<File>) -> Result<(), Failure> {
    match (kept, claim) {
        (Some(kept), Some(claim)) => run_folder::release(kept, claim).map_err(Failure::run),
        _ => Ok(()),
    }
}

/// A folder at which another program works is the caller's to choose; one that cannot be written to fails the run.
pub(crate) fn unclaimed(error: FolderError) -> Failure {
    match error {
        FolderError::Busy { .. } => Failure::input(error),
        _ => Failure::run(error),
    }
}

/// Executed payloads, with the steps trained before, which `kept` holds.
fn payloads(options: &Options, world: &World, kept: Option<&Path>) -> Result<Payloads, Failure> {
    let Some(kept) = kept else { return Ok(Payloads::default()) };
    let folder = Arc::new(FolderStore::new(kept.to_owned()));
    let store: Arc<dyn Store> = Arc::clone(&folder) as Arc<dyn Store>;
    let mission_folder = options.mission.parent().unwrap_or(Path::new("."));
    let device = options.device.device(options.quiet)?;
    let payloads =
        Payloads::of_world(world, mission_folder, options.text.as_deref(), &store, device).map_err(Failure::input)?;
    if options.resume && payloads.any() && folder.loaded() == 0 && !options.quiet {
        eprintln!(
            "{} holds no whole checkpoint of this mission, text and program: all is trained anew",
            kept.display()
        );
    }
    Ok(payloads)
}

/// There is no interrupted run to go on with.
#[derive(Debug, thiserror::Error)]
#[error("nothing to resume: no run was begun here, for {folder} does not exist")]
struct ResumeError {
    folder: PathBuf,
}

/// A mission that asks for what the models do not hold is at fault; a payload that fails is a failed run.
fn failed(error: SimError) -> Failure {
    match error {
        SimError::Orbit { .. } | SimError::Radiation { .. } => Failure::input(error),
        SimError::Payload { .. } | SimError::Interrupted { .. } => Failure::run(error),
    }
}

fn default_folder(mission: &Path) -> PathBuf {
    Path::new("runs").join(mission.file_stem().unwrap_or_else(|| "run".as_ref()))
}

fn watch(world: &World, payloads: &Payloads, quiet: bool) -> Result<Outcome, SimError> {
    let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(Some(world.steps), target);
    let style = ProgressStyle::with_template("{bar:24} {percent:>3}% {elapsed} {msg}").expect("a valid template");
    bar.set_style(style);
    bar.enable_steady_tick(Duration::from_millis(250));
    let began = Instant::now();
    let outcome = sunward::fly_executed(world, payloads, &mut |status| {
        bar.set_position(status.step);
        bar.set_message(message(world, status, began.elapsed()));
        Control::Continue
    });
    bar.finish_and_clear();
    outcome
}

fn message(world: &World, status: &Status, elapsed: Duration) -> String {
    let flown = (status.time - world.start).seconds().0;
    let (node, temperature) = status.hottest;
    format!(
        "{:.16} | {:.0}x real time | charge {:.0} % | {node} {:.0} degC | clock {:.0} % | jobs {:.0} %",
        status.time.to_utc_text(),
        flown / elapsed.as_secs_f64().max(1e-9),
        100.0 * status.state_of_charge_min,
        temperature.celsius(),
        100.0 * status.clock,
        100.0 * status.progress,
    )
}

const SHAKESPEARE_HINT: &str = "no text was given: the network was trained on a corpus that sunward generates; to train it on \
     Shakespeare: sunward data pull shakespeare, then fly again with --text data/shakespeare.txt";

/// Whether a new network is trained on a generated corpus.
fn trains_on_generated_text(world: &World) -> bool {
    let executed = world.jobs.iter().filter_map(|job| job.executed.as_ref());
    let mut new = executed.filter(|executed| matches!(executed.network, Network::New { .. }));
    new.any(|executed| matches!(executed.text, Text::Generated(_)))
}

fn closing_line(world: &World, flown: Duration, folder: &Path) -> String {
    let site_steps = world.steps as f64 * world.sites.len() as f64;
    format!(
        "flew {} site-steps in {:.2} s; record, summary and report in {}",
        site_steps,
        flown.as_secs_f64(),
        folder.display()
    )
}
