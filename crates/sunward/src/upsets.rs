//! `sunward upsets`: a campaign of flipped bits, its table, its page, and what the defences cost.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use comfy_table::{CellAlignment, Table, presets};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rayon::prelude::*;
use serde_json::{Value, json};
use sunward::payloads::{FolderStore, build};
use sunward::report::{Bar, CampaignPage, Sheet, campaign_page};
use sunward::run_folder;
use sunward::units::significant;
use sunward_ai::campaign::serving::ServingCampaign;
use sunward_ai::campaign::training::TrainingCampaign;
use sunward_ai::campaign::{CampaignConfig, CampaignError, Class, Counts, Outcome, check_tolerance, share_upper};
use sunward_ai::gemma::defended::{ServingDefences, ServingGuards};
use sunward_ai::gpt::defended::Defended;
use sunward_ai::memo::Store;
use sunward_work::defence::Defences;

use crate::Failure;
use crate::fly::unclaimed;
use crate::input::{print_json, print_text};

#[derive(Args)]
pub(crate) struct Options {
    /// Campaign file.
    campaign: PathBuf,
    /// Folder for campaign.csv (a line a flip), campaign.json and campaign.html; by default runs/NAME-OF-THE-FILE.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Flips of each part, instead of the file's.
    #[arg(long)]
    flips: Option<u32>,
    /// The result as JSON on stdout, instead of tables.
    #[arg(long)]
    json: bool,
    /// Strike every flip anew, whatever was struck before. Without it an interrupted campaign goes on where it was.
    #[arg(long)]
    fresh: bool,
    /// Threads; by default one a core. The outcomes are the same for any number.
    #[arg(long)]
    threads: Option<usize>,
    /// No progress on stderr.
    #[arg(long)]
    quiet: bool,
}

/// A campaign file that cannot be used, or a folder that must not be written to.
#[derive(Debug, thiserror::Error)]
enum UpsetsError {
    #[error("cannot read campaign {path}")]
    Read { path: PathBuf, source: io::Error },
    #[error("campaign {path} is at fault:\n{reason}")]
    Fault { path: PathBuf, reason: String },
    #[error("campaign {path} has neither [training] nor [serving]: nothing to strike")]
    Empty { path: PathBuf },
    #[error("{path} exists and holds {found}, which is no campaign's; name another folder with --out")]
    Foreign { path: PathBuf, found: String },
    #[error("cannot write {path}")]
    Write { path: PathBuf, source: io::Error },
}

/// Files of a campaign's folder.
const FILES: [&str; 4] = ["campaign.csv", "campaign.html", "campaign.json", "campaign.toml"];
/// Flips of a block: what a kill loses at most.
const BLOCK: u32 = 100;
/// Steps of a timing, and timings of each defence, of which the shortest counts.
const TIMED_STEPS: u32 = 10;
const TIMED_ROUNDS: usize = 7;

/// One part of a campaign, struck.
struct Part {
    name: &'static str,
    outcomes: Vec<Outcome>,
    /// Defences that alarmed without any flip, one entry an alarm, and the steps or tokens of those runs.
    false_alarms: (Vec<&'static str>, u64),
    /// What the fault-free twin came to, in words.
    twin: String,
    costs: Vec<Cost>,
}

impl Part {
    /// What runs are counted in.
    fn unit(&self) -> &'static str {
        if self.name == "training" { "steps" } else { "tokens" }
    }

    /// Names of the columns of its costs.
    fn cost_header(&self) -> [&'static str; 4] {
        match self.name {
            "training" => ["defence", "time of a step", "bytes held", "bytes moved a step"],
            _ => ["defence", "time of an answer", "bytes held", "bytes moved a token"],
        }
    }
}

/// What a defence takes.
struct Cost {
    defence: &'static str,
    /// Of the time without it.
    time_share: f64,
    held_bytes: usize,
    moved_bytes: usize,
}

pub(crate) fn upsets(options: &Options) -> Result<(), Failure> {
    let (text, config) = read(options)?;
    let folder = options
        .out
        .clone()
        .unwrap_or_else(|| Path::new("runs").join(options.campaign.file_stem().unwrap_or_else(|| "campaign".as_ref())));
    check_folder(&folder).map_err(Failure::input)?;
    let kept = run_folder::beside(&folder, "campaign");
    let claim = run_folder::claim(&kept).map_err(unclaimed)?;
    if options.fresh {
        run_folder::empty(&kept).map_err(Failure::run)?;
    }
    let store = FolderStore::new(kept.clone());
    let pool =
        rayon::ThreadPoolBuilder::new().num_threads(options.threads.unwrap_or(0)).build().map_err(Failure::run)?;
    let parts = pool.install(|| parts(&config, &store, options.quiet))?;
    write(&folder, &text, &config, &parts).map_err(Failure::run)?;
    fs::remove_dir_all(&kept).map_err(|source| Failure::run(UpsetsError::Write { path: kept, source }))?;
    drop(claim);
    if options.json {
        print_json(&as_json(&config, &parts))?;
    } else {
        print_text(&tables(&config, &parts))?;
    }
    if !options.quiet {
        eprintln!("flips and page in {}", folder.display());
    }
    Ok(())
}

fn read(options: &Options) -> Result<(String, CampaignConfig), Failure> {
    let path = options.campaign.clone();
    let text =
        fs::read_to_string(&path).map_err(|source| Failure::input(UpsetsError::Read { path: path.clone(), source }))?;
    let mut config: CampaignConfig = toml::from_str(&text)
        .map_err(|error| Failure::input(UpsetsError::Fault { path: path.clone(), reason: error.to_string() }))?;
    if let Some(flips) = options.flips {
        config.training.iter_mut().for_each(|training| training.flips = flips);
        config.serving.iter_mut().for_each(|serving| serving.flips = flips);
    }
    if config.training.is_none() && config.serving.is_none() {
        return Err(Failure::input(UpsetsError::Empty { path }));
    }
    check_tolerance(config.tolerance).map_err(Failure::input)?;
    Ok((text, config))
}

/// Refuses a folder that holds something else.
fn check_folder(folder: &Path) -> Result<(), UpsetsError> {
    let read = |source| UpsetsError::Read { path: folder.to_owned(), source };
    let foreign = |found: String| UpsetsError::Foreign { path: folder.to_owned(), found };
    if !folder.exists() {
        return Ok(());
    }
    if !folder.is_dir() {
        return Err(foreign("a file".to_owned()));
    }
    for entry in fs::read_dir(folder).map_err(read)? {
        let name = entry.map_err(read)?.file_name().to_string_lossy().into_owned();
        if !FILES.contains(&name.trim_end_matches(".partial")) {
            return Err(foreign(name));
        }
    }
    Ok(())
}

fn parts(config: &CampaignConfig, store: &dyn Store, quiet: bool) -> Result<Vec<Part>, Failure> {
    let mut parts = Vec::new();
    if let Some(training) = &config.training {
        let bar = progress("training", training.flips, quiet);
        let campaign = TrainingCampaign::prepare(training, config.seed, config.tolerance).map_err(Failure::input)?;
        let key = key(config, &serde_json::to_string(training).map_err(Failure::run)?);
        let outcomes = strike(&|number| campaign.run(number), training.flips, &key, store, &bar);
        bar.set_message("timing the defences");
        let (alarms, steps) = campaign.false_alarms();
        parts.push(Part {
            name: "training",
            outcomes,
            false_alarms: (alarms.iter().map(|alarm| alarm.guard()).collect(), steps),
            twin: format!("final validation loss {:.4} nat", campaign.fault_free_loss()),
            costs: training_costs(&campaign, training.defences()),
        });
        bar.finish_and_clear();
    }
    if let Some(serving) = &config.serving {
        let bar = progress("serving", serving.flips, quiet);
        let campaign = ServingCampaign::prepare(serving, config.seed).map_err(Failure::input)?;
        let key = key(config, &serde_json::to_string(serving).map_err(Failure::run)?);
        let outcomes = strike(&|number| campaign.run(number), serving.flips, &key, store, &bar);
        bar.set_message("timing the defences");
        let (alarms, tokens) = campaign.false_alarms();
        parts.push(Part {
            name: "serving",
            outcomes,
            false_alarms: (alarms.to_vec(), tokens),
            twin: format!(
                "{} answers of {} tokens at temperature 0, {} different ones among them",
                serving.prompts,
                serving.answer_tokens,
                campaign.distinct_tokens()
            ),
            costs: serving_costs(&campaign, serving.defences()).map_err(Failure::run)?,
        });
        bar.finish_and_clear();
    }
    Ok(parts)
}

/// Names the blocks of a part: what decides their content.
fn key(config: &CampaignConfig, part: &str) -> String {
    let decided = format!("{} {} {:016x} {part}", config.seed, config.tolerance, build());
    format!("{:016x}", xxhash_rust::xxh3::xxh3_64(decided.as_bytes()))
}

fn progress(name: &'static str, flips: u32, quiet: bool) -> ProgressBar {
    let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(Some(u64::from(flips)), target);
    let style = "{prefix} {bar:24} {pos}/{len} flips {elapsed}, {eta} left {msg}";
    bar.set_style(ProgressStyle::with_template(style).expect("a valid template"));
    bar.set_prefix(name);
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}

/// Every flip's outcome in order, those of whole blocks that the store holds taken from there.
fn strike(
    run: &(dyn Fn(u32) -> Outcome + Sync),
    flips: u32,
    key: &str,
    store: &dyn Store,
    bar: &ProgressBar,
) -> Vec<Outcome> {
    let mut all = Vec::with_capacity(flips as usize);
    for first in (0..flips).step_by(BLOCK as usize) {
        let numbers = first..flips.min(first + BLOCK);
        let name = format!("{key}-{first}-{}.json", numbers.end);
        let held: Option<Vec<Outcome>> = store.load(&name).and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let block = match held.filter(|block| block.len() == numbers.len()) {
            Some(block) => block,
            None => {
                let block: Vec<Outcome> = numbers.clone().into_par_iter().map(run).inspect(|_| bar.inc(1)).collect();
                store.save(&name, &serde_json::to_vec(&block).expect("outcomes are JSON"));
                block
            }
        };
        bar.set_position(u64::from(numbers.end));
        all.extend(block);
    }
    all
}

/// The shortest of several timings (s) of each of `jobs`, taken in turn so that what else the machine does strikes all alike.
fn timed(jobs: &[&dyn Fn()]) -> Vec<f64> {
    let mut shortest = vec![f64::INFINITY; jobs.len()];
    for _ in 0..TIMED_ROUNDS {
        for (job, shortest) in jobs.iter().zip(&mut shortest) {
            let began = Instant::now();
            job();
            *shortest = shortest.min(began.elapsed().as_secs_f64());
        }
    }
    shortest
}

/// The time of each defence alone and of all, on this machine, over that of an undefended step.
fn training_costs(campaign: &TrainingCampaign, defences: Defences) -> Vec<Cost> {
    let mut variants = vec![("none", Defences::default())];
    variants.extend(defences.each());
    if variants.len() > 2 {
        variants.push(("all of these", defences));
    }
    let trainer = campaign.state().trainer();
    let runs: Vec<Defended> = variants.iter().map(|(_, variant)| Defended::new(trainer.clone(), *variant)).collect();
    let steps = |run: &Defended| {
        let mut run = run.clone();
        for _ in 0..TIMED_STEPS {
            // An alarm costs its time too.
            let _ = run.step(None);
        }
    };
    let jobs: Vec<Box<dyn Fn() + '_>> = runs.iter().map(|run| Box::new(move || steps(run)) as _).collect();
    let times = timed(&jobs.iter().map(AsRef::as_ref).collect::<Vec<_>>());
    let cost = |((&(defence, _), run), time): ((&(&'static str, _), &Defended), &f64)| {
        let bytes = run.bytes();
        Cost { defence, time_share: time / times[0] - 1.0, held_bytes: bytes.held, moved_bytes: bytes.moved }
    };
    variants.iter().zip(&runs).zip(&times).skip(1).map(cost).collect()
}

/// The same for an answer, without its faults.
fn serving_costs(campaign: &ServingCampaign, defences: ServingDefences) -> Result<Vec<Cost>, CampaignError> {
    let mut variants = vec![("none", ServingGuards::default())];
    variants.extend(defences.guards.each());
    if variants.len() > 2 {
        variants.push(("all of these", defences.guards));
    }
    let with = |guards| ServingDefences { guards, ..defences };
    let answer = |guards| drop(campaign.answer(with(guards)));
    let jobs: Vec<Box<dyn Fn() + '_>> =
        variants.iter().map(|(_, guards)| Box::new(move || answer(*guards)) as _).collect();
    let times = timed(&jobs.iter().map(AsRef::as_ref).collect::<Vec<_>>());
    let cost = |((defence, guards), time): (&(&'static str, ServingGuards), &f64)| {
        let bytes = campaign.bytes(with(*guards))?;
        let time_share = time / times[0] - 1.0;
        Ok(Cost { defence, time_share, held_bytes: bytes.held, moved_bytes: bytes.moved })
    };
    variants.iter().zip(&times).skip(1).map(cost).collect()
}

/// Flips grouped by what `name` says of them, in the order of `rank`.
fn grouped<K: Ord>(outcomes: &[Outcome], rank: impl Fn(&Outcome) -> K, name: impl Fn(&Outcome) -> String) -> Vec<Bar> {
    let mut groups: BTreeMap<K, Vec<&Outcome>> = BTreeMap::new();
    for outcome in outcomes {
        groups.entry(rank(outcome)).or_default().push(outcome);
    }
    let bar =
        |group: &Vec<&Outcome>| Bar { name: name(group[0]), counts: Counts::of(group.iter().copied()).by_class() };
    groups.values().map(bar).collect()
}

fn by_target(part: &Part) -> Vec<Bar> {
    grouped(&part.outcomes, |o| o.target, |o| o.target.name().to_owned())
}

fn by_bits(part: &Part) -> Vec<Bar> {
    grouped(&part.outcomes, |o| o.bit_class, |o| o.bit_class.name().to_owned())
}

fn by_both(part: &Part) -> Vec<Bar> {
    let name = |o: &Outcome| format!("{}: {}", o.target.name(), o.bit_class.name());
    grouped(&part.outcomes, |o| (o.target, o.bit_class), name)
}

/// How often each name comes.
fn tally<S: AsRef<str>>(names: &[S]) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for name in names {
        *counts.entry(name.as_ref().to_owned()).or_insert(0) += 1;
    }
    counts
}

/// Names and counts as they follow a sum.
fn listed(counts: &BTreeMap<String, u64>) -> String {
    if counts.is_empty() {
        return String::new();
    }
    let each: Vec<String> = counts.iter().map(|(name, count)| format!("{name} {count}")).collect();
    format!(" ({})", each.join(", "))
}

/// How often each defence was the first to alarm.
fn alarms(part: &Part) -> BTreeMap<String, u64> {
    let guards: Vec<&str> = part.outcomes.iter().filter_map(|outcome| outcome.guard.as_deref()).collect();
    tally(&guards)
}

fn total(part: &Part) -> Bar {
    Bar { name: "all".to_owned(), counts: Counts::of(&part.outcomes).by_class() }
}

/// What a part found, in sentences.
fn findings(config: &CampaignConfig, part: &Part) -> Vec<String> {
    let counts = Counts::of(&part.outcomes);
    let (silent, flips) = (counts.silent, counts.total());
    let upper = significant(100.0 * share_upper(silent, flips), 3);
    let worst = part.outcomes.iter().filter(|o| o.class != Class::Detected).filter_map(|o| o.harm);
    let worst = worst.fold(f64::NEG_INFINITY, f64::max);
    let harm = if part.name == "training" { "nat of loss" } else { "tokens changed" };
    let (false_alarms, quiet) = (&part.false_alarms.0, part.false_alarms.1);
    let exact = part.outcomes.iter().filter(|o| o.class == Class::Recovered && o.exact).count();
    let lost: u64 = part.outcomes.iter().map(|o| o.lost).sum();
    let mut all = vec![
        format!("{silent} of {flips} flips silently harmful: at most {upper} % (95 % confidence)"),
        format!("fault-free twin: {}", part.twin),
        format!("recovered to the twin's exact result: {exact} of {}", counts.recovered),
        format!("computed again or in vain: {lost} {}", part.unit()),
        format!(
            "false alarms: {} in {quiet} fault-free {}{}",
            false_alarms.len(),
            part.unit(),
            listed(&tally(false_alarms))
        ),
    ];
    if worst.is_finite() {
        all.push(format!("worst result that was let through: {} {harm}", significant(worst, 3)));
    }
    if part.name == "training" {
        all.push(format!("harmful: final validation loss worse by more than {} nat", config.tolerance));
    } else {
        all.push("harmful: any token changed".to_owned());
    }
    all
}

fn rows(part: &Part) -> Vec<Vec<String>> {
    let row = |bar: Bar| {
        let flips: u64 = bar.counts.iter().sum();
        [bar.name, flips.to_string()].into_iter().chain(bar.counts.map(|count| count.to_string())).collect()
    };
    by_target(part).into_iter().chain(by_bits(part)).chain([total(part)]).map(row).collect()
}

const HEADER: [&str; 6] = ["flips", "of them", "harmless", "detected", "recovered", "silent"];

fn cost_rows(part: &Part) -> Vec<Vec<String>> {
    let row = |cost: &Cost| {
        let time = format!("{:+.1} %", 100.0 * cost.time_share);
        vec![cost.defence.to_owned(), time, cost.held_bytes.to_string(), cost.moved_bytes.to_string()]
    };
    part.costs.iter().map(row).collect()
}

fn tables(config: &CampaignConfig, parts: &[Part]) -> String {
    let mut text = String::new();
    for part in parts {
        let _ = writeln!(text, "{}, {}: {}", config.name, part.name, findings(config, part).join("\n  "));
        let _ = writeln!(text, "{}", table(&HEADER, rows(part)));
        let first = alarms(part);
        let _ = writeln!(text, "alarms: {}{}", first.values().sum::<u64>(), listed(&first));
        if !part.costs.is_empty() {
            let _ = writeln!(text, "{}", table(&part.cost_header(), cost_rows(part)));
        }
    }
    text.trim_end().to_owned()
}

fn table(header: &[&str], rows: Vec<Vec<String>>) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_BORDERS_ONLY).set_header(header.to_vec()).add_rows(rows);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn as_json(config: &CampaignConfig, parts: &[Part]) -> Value {
    let bars = |bars: Vec<Bar>| -> Vec<Value> {
        let counts =
            |bar: &Bar| Class::ALL.iter().zip(bar.counts).map(|(c, n)| (c.name().to_owned(), json!(n))).collect();
        bars.iter().map(|bar| json!({"name": bar.name, "counts": Value::Object(counts(bar))})).collect()
    };
    let part = |part: &Part| {
        let counts = Counts::of(&part.outcomes);
        let costs: Vec<Value> = part
            .costs
            .iter()
            .map(|c| json!({"defence": c.defence, "time_share": c.time_share, "held_bytes": c.held_bytes, "moved_bytes": c.moved_bytes}))
            .collect();
        json!({
            "part": part.name,
            "flips": counts.total(),
            "counts": counts,
            "silent_share_upper": share_upper(counts.silent, counts.total()),
            "twin": part.twin,
            "false_alarms": {"by_defence": tally(&part.false_alarms.0), part.unit(): part.false_alarms.1},
            "by_place": bars(by_target(part)),
            "by_bit": bars(by_bits(part)),
            "by_place_and_bit": bars(by_both(part)),
            "first_alarm": alarms(part),
            "costs": costs,
        })
    };
    json!({
        "name": config.name,
        "seed": config.seed,
        "tolerance": config.tolerance,
        "version": env!("CARGO_PKG_VERSION"),
        "parts": parts.iter().map(part).collect::<Vec<_>>(),
    })
}

/// A line a flip.
fn csv(parts: &[Part]) -> String {
    let mut text = "part,number,place,bit,bit_class,at,class,guard,lost,harm,exact\n".to_owned();
    for part in parts {
        for o in &part.outcomes {
            let harm = o.harm.map_or_else(String::new, |harm| format!("{harm:e}"));
            let guard = o.guard.as_deref().unwrap_or_default();
            let (place, bits, class) = (o.target.name(), o.bit_class.name().replace(", ", "-"), o.class.name());
            let _ = writeln!(
                text,
                "{},{},{place},{},{bits},{},{class},{guard},{},{harm},{}",
                part.name, o.number, o.bit, o.at, o.lost, o.exact
            );
        }
    }
    text
}

fn page(config: &CampaignConfig, parts: &[Part]) -> String {
    let lead = parts.iter().map(|part| format!("{}: {}", part.name, findings(config, part)[0]));
    let notes = parts.iter().map(|part| format!("{}: {}.", part.name, findings(config, part)[1..].join("; ")));
    let figures = parts.iter().flat_map(|part| {
        let name = |what: &str| format!("{}, by {what}", part.name);
        [(name("place"), by_target(part)), (name("bit"), by_bits(part)), (name("place and bit"), by_both(part))]
    });
    let owned = |header: &[&str]| header.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let sheets = parts.iter().flat_map(|part| {
        let first = alarms(part).into_iter().map(|(guard, count)| vec![guard, count.to_string()]).collect();
        [
            Sheet { title: format!("{}: outcomes", part.name), header: owned(&HEADER), rows: rows(part) },
            Sheet {
                title: format!("{}: first to alarm", part.name),
                header: owned(&["defence", "flips"]),
                rows: first,
            },
            Sheet {
                title: format!("{}: what defences take", part.name),
                header: owned(&part.cost_header()),
                rows: cost_rows(part),
            },
        ]
    });
    campaign_page(&CampaignPage {
        title: config.name.clone(),
        lead: format!("{}.", lead.collect::<Vec<_>>().join("; ")),
        notes: notes.collect(),
        figures: figures.collect(),
        sheets: sheets.collect(),
    })
}

fn write(folder: &Path, text: &str, config: &CampaignConfig, parts: &[Part]) -> Result<(), UpsetsError> {
    let refused = |path: &Path| {
        let path = path.to_owned();
        |source| UpsetsError::Write { path, source }
    };
    fs::create_dir_all(folder).map_err(refused(folder))?;
    let json = serde_json::to_string_pretty(&as_json(config, parts)).expect("numbers and texts are JSON");
    let contents = [csv(parts), page(config, parts), json, text.to_owned()];
    for (name, content) in FILES.iter().zip(contents) {
        let (path, partial) = (folder.join(name), folder.join(format!("{name}.partial")));
        fs::write(&partial, content).and_then(|()| fs::rename(&partial, &path)).map_err(refused(&path))?;
    }
    Ok(())
}
