//! Defences of a job that is really trained, in flight: what upsets do with and without them, what they cost, and that nothing depends
//! on how often the flight was broken off.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use rayon::prelude::*;
use sunward::payloads::{FolderStore, Payloads};
use sunward::{Control, Outcome};
use sunward_ai::memo::{Forgetful, Store};
use sunward_sim::record::{DefenceOutcome, EventKind};

use crate::flight::{PLAIN, events, faults, flown, fresh_folder, happened, job, testdata, with, world};

/// missions/defended.toml with so many executed steps.
fn mission(seed: u64, multiplier: u64, steps: u64) -> String {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../../missions/defended.toml"].iter().collect();
    let text = fs::read_to_string(path).unwrap();
    let text = with(&text, "steps = 8000", &format!("steps = {}", 8 * steps));
    let text = with(&text, "iterations = 1000", &format!("iterations = {steps}"));
    let text = with(&text, "duration = \"3 d\"", &format!("duration = \"{} h\"", steps / 14));
    let text = with(&text, "upset_multiplier = 2000", &format!("upset_multiplier = {multiplier}"));
    with(&text, "seed = 3", &format!("seed = {seed}"))
}

/// The section of the defences.
fn section(text: &str) -> &str {
    let (from, to) = (text.rfind("[job.executed.defences]").unwrap(), text.find("# So many upsets").unwrap());
    &text[from..to]
}

fn undefended(text: &str) -> String {
    text.replace(section(text), "")
}

fn under(text: &str, defences: &str) -> String {
    text.replace(section(text), &format!("[job.executed.defences]\n{defences}\n"))
}

fn trained(text: &str, store: Arc<dyn Store>, control: &mut dyn FnMut(f64) -> Control) -> Option<Outcome> {
    let world = world(text);
    let payloads = Payloads::of_world(&world, &testdata(""), None, &store, None).unwrap();
    sunward::fly_executed(&world, &payloads, &mut |status| control(status.progress)).ok()
}

fn fly(text: &str) -> Outcome {
    trained(text, Arc::new(Forgetful), &mut |_| Control::Continue).unwrap()
}

fn final_loss(outcome: &Outcome) -> f64 {
    let last = job(outcome, "train").validation.last().expect("it was evaluated");
    assert_eq!(last.1, 500, "all steps are done");
    last.2
}

/// What an undefended run left is no start for a defended one, and whoever resumes is told so by the count.
#[test]
fn a_run_asks_only_for_what_was_remembered_under_its_own_defences() {
    let (folder, text) = (fresh_folder("defences_asked"), mission(1, 0, 56));
    let found = |text: &str| {
        let store = Arc::new(FolderStore::new(folder.join("kept")));
        let flown = trained(text, Arc::clone(&store) as Arc<dyn Store>, &mut |_| Control::Continue);
        assert_eq!(job(&flown.unwrap(), "train").validation.last().expect("it was evaluated").1, 56);
        store.loaded()
    };
    let plain = undefended(&text);
    assert_eq!([&plain, &text, &text, &plain].map(|text| found(text)), [0, 0, 2, 2]);
}

/// A final validation loss worse by more is harm, as in the campaigns (nat).
const TOLERANCE: f64 = 0.02;

#[test]
fn a_defended_run_ends_with_the_loss_of_one_that_nothing_struck_and_an_undefended_one_does_not() {
    let seeds = [1, 2, 5];
    let harm: Vec<[f64; 2]> = seeds
        .into_par_iter()
        .map(|seed| {
            let clean = final_loss(&fly(&undefended(&mission(seed, 0, 500))));
            let struck = mission(seed, 4000, 500);
            let defended = fly(&struck);
            let told = defended.summary.defences.unwrap();
            assert!(told.alarms > 10 && told.upsets_undone > told.upsets / 2, "seed {seed}: {told:?}");
            [&defended, &fly(&undefended(&struck))].map(|outcome| final_loss(outcome) - clean)
        })
        .collect();
    assert!(harm.iter().all(|[defended, _]| *defended <= TOLERANCE), "{harm:?}");
    let harmed = harm.iter().filter(|[_, open]| open.is_nan() || *open > TOLERANCE).count();
    println!("{harm:?}");
    assert!(2 * harmed >= seeds.len(), "undefended, {harmed} of {} runs were harmed: {harm:?}", seeds.len());
}

#[test]
fn what_alarms_take_away_is_work_lost_and_done_again() {
    let outcome = fly(&mission(3, 4000, 200));
    let (trained, told) = (job(&outcome, "train"), outcome.summary.defences.unwrap());
    assert_eq!(trained.progress.0, 1.0);
    assert_eq!(told.alarms, told.recomputed + told.rolled_back + told.begun_anew + told.accepted);
    assert_eq!(events(&outcome, EventKind::Alarm).len(), told.alarms as usize);
    let by_reboots = (trained.work_lost - told.work_lost).0;
    assert!(told.work_lost.0 > 0.0 && by_reboots > 0.0, "{told:?}");
    let lost = outcome.summary.work.lost;
    assert!((lost.0 / trained.work_lost.0 - 1.0).abs() < 1e-12, "the site has lost what its job has");
    assert!((outcome.summary.work.computed.0 / trained.work.0 - 1.0).abs() < 1e-9, "and what stands was computed once");
    // A step of 8 simulated ones costs its operations again, so the work lost is a whole number of them.
    let steps = told.work_lost.0 / (trained.work.0 / 200.0);
    assert!((steps - steps.round()).abs() < 1e-6 && steps >= f64::from(told.alarms), "{steps} steps");
    let details: Vec<&str> = outcome.record.events.iter().map(|event| event.detail.as_str()).collect();
    assert!(details.iter().any(|detail| detail.starts_with("shards in step ") && detail.contains(": rolled back ")));
    let table = sunward_report::summary_table(&outcome.summary);
    for part in ["alarms of defences", "upsets undone, left", "work lost to alarms", "time of defences"] {
        assert!(table.contains(part), "{part} in\n{table}");
    }
    let page = sunward_report::render(&outcome.record, &outcome.summary, &[]).unwrap();
    assert!(page.contains("Defences against upsets") && page.contains("shards in step "));
}

#[test]
fn a_defended_flight_broken_off_anywhere_ends_with_the_same_bytes() {
    let folder = fresh_folder("defences_broken_off");
    let text = mission(2, 4000, 200);
    let whole = happened(&fly(&text));
    let store: Arc<dyn Store> = Arc::new(FolderStore::new(folder.join("steps")));
    for share in [0.15, 0.6] {
        let stopped = &mut |progress| if progress > share { Control::Stop } else { Control::Continue };
        assert!(trained(&text, Arc::clone(&store), stopped).is_none());
    }
    for run in ["resumed", "repeated"] {
        let now = trained(&text, Arc::clone(&store), &mut |_| Control::Continue).unwrap();
        assert!(happened(&now) == whole, "{run}");
    }
    // Steps remembered of other defences are not these.
    let other = trained(&under(&text, "shards = true\nrollback = 5"), store, &mut |_| Control::Continue).unwrap();
    assert!(happened(&other) != whole);
}

/// One accelerator whose job is defended.
fn plain(defences: &str) -> String {
    let small = with(PLAIN, "steps = 19_560", "steps = 200");
    let executed = "\n[job.executed]\nlayers = 1\nheads = 2\nwidth = 16\ncontext = 16\nbatch = 4\niterations = 20\n";
    format!("{small}{executed}{defences}[radiation]\nupset_multiplier = 0\n")
}

#[test]
fn defences_take_the_time_and_room_they_say() {
    let busy = |defences: &str| {
        let outcome = flown(&plain(defences));
        let (held, told) = (job(&outcome, "train").busy.0, outcome.summary.defences);
        (held, told)
    };
    let (alone, none) = busy("");
    assert!(none.is_none(), "no defences, nothing to tell");
    let on = |keys: &str| busy(&format!("[job.executed.defences]\n{keys}\n"));
    let share = |told: DefenceOutcome| told.time / (told.busy - told.time);
    // By hand: 24 bytes of each of 774e6 parameters over 2 TB/s, of a step of 9.762 s.
    let (shards, told) = on("shards = true");
    let told = told.unwrap();
    assert!((share(told) - 9.288e-3 / 9.7624).abs() < 1e-7, "{told:?}");
    assert!(shards > alone && told.busy.0 == shards, "{shards} s, {alone} s");
    assert_eq!((told.storage.0, told.alarms), (0.0, 0));
    let (longer, told) = on("shards = true\noverhead = \"8 %\"");
    assert!((share(told.unwrap()) - 0.08).abs() < 1e-9, "a measured share takes the model's place");
    assert!((longer / alone - 1.08).abs() < 0.02, "{longer} s, {alone} s: but for the clock, that much longer");
    let (twice, told) = on("redundant = true\nrollback = 10");
    assert!(twice / alone > 1.9 && twice / alone < 2.1, "{twice} s, {alone} s");
    assert_eq!(told.unwrap().storage.0, 8.0 * 12.0 * 774e6);
    let (free, _) = on("finite = true\nloss_spike = 1.0\ngradient_norm = 10.0");
    assert_eq!(free, alone, "the step has these numbers");
}

#[test]
fn defences_that_watch_nothing_are_refused() {
    for nothing in ["", "rollback = 10", "overhead = \"8 %\"", "shards = false"] {
        let told = faults(&plain(&format!("[job.executed.defences]\n{nothing}\n")));
        assert!(told.contains("no defence is on") && told.contains("shards = true"), "{told}");
    }
    let told = faults(&plain("[job.executed.defences]\nranges = 0\n"));
    assert!(told.contains("ranges 0 is outside"), "{told}");
}

/// Without error correction what it would have told of strikes unseen.
#[test]
fn without_error_correction_memory_errors_are_silent() {
    let text = undefended(&mission(3, 4000, 60));
    let [off, on] = [text.clone(), with(&text, "error_correction = false", "error_correction = true")].map(|text| {
        let radiation = fly(&text).summary.radiation;
        (radiation.memory_errors, radiation.silent_corruptions)
    });
    assert!(off.0 == 0 && off.1 > 0 && on.0 > 0, "{off:?}, {on:?}");
}
