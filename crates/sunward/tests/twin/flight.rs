//! Missions as text that a test changes, and what came of flying them.

use std::fs;
use std::path::PathBuf;

use sunward::{Control, Outcome, World};
use sunward_astro::time::Instant;
use sunward_sim::record::{EventKind, JobOutcome, Track};

/// What a run folder holds, in the order of the alphabet.
pub(crate) const RUN_FILES: [&str; 10] = [
    "contacts.parquet",
    "events.parquet",
    "fleet.parquet",
    "jobs.parquet",
    "ledger.parquet",
    "mission.toml",
    "report.html",
    "summary.json",
    "track.parquet",
    "transfers.parquet",
];

pub(crate) fn testdata(file: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "../../testdata/cli", file].iter().collect()
}

pub(crate) fn mission_text(file: &str) -> String {
    fs::read_to_string(testdata(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// An empty folder for one test.
pub(crate) fn fresh_folder(test: &str) -> PathBuf {
    let folder = [env!("CARGO_TARGET_TMPDIR"), test].iter().collect::<PathBuf>();
    if folder.exists() {
        fs::remove_dir_all(&folder).expect("an old folder of this test can go");
    }
    fs::create_dir_all(&folder).expect("the target folder takes another");
    folder
}

/// The world of a mission that has no faults.
pub(crate) fn world(text: &str) -> World {
    sunward::read(text, "test.toml").unwrap_or_else(|faults| panic!("{}\n{text}", faults.to_text()))
}

pub(crate) fn flown(text: &str) -> Outcome {
    sunward::fly(&world(text), &mut |_| Control::Continue).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// The faults of a mission, as a person reads them.
pub(crate) fn faults(text: &str) -> String {
    sunward::read(text, "test.toml").map_or_else(|faults| faults.to_text(), |_| panic!("no faults in\n{text}"))
}

/// `text` with `old` replaced by `new`; `old` must stand there exactly once.
pub(crate) fn with(text: &str, old: &str, new: &str) -> String {
    assert_eq!(text.matches(old).count(), 1, "{old:?} does not stand once in\n{text}");
    text.replace(old, new)
}

/// One satellite, one station and one training job that nothing but the machine limits: a start for tests of one cause.
pub(crate) const PLAIN: &str = r#"
[mission]
name = "plain"
start = "2026-07-26T04:00:00Z"
duration = "12 h"
step = "30 s"
seed = 1
[[site]]
name = "one"
platform = "microsat-60kg"
compute = { accelerator = "h100-pcie", count = 1 }
[site.orbit]
sun_synchronous = { altitude = "650 km", local_time = "12:00" }
[site.array]
area = "1.26 m2"
[site.thermal]
radiator_area = "0.35 m2"
[[station]]
catalog = "ksat-svalbard"
[[job]]
name = "train"
kind = "training"
priority = 5
parameters = 774_000_000
tokens_per_step = 524_288
steps = 19_560
layers = 36
width = 1280
context = 1024
precision = "bf16"
utilisation = 0.35
checkpoint_interval = "10 min"
"#;

/// A record without what names the run, so that only what happened is compared: the tables as Parquet, and the summary as JSON.
pub(crate) fn happened(outcome: &Outcome) -> Vec<(String, Vec<u8>)> {
    let mut record = outcome.record.clone();
    record.header.mission.clear();
    record.header.mission_hash.clear();
    record.header.seed = 0;
    let mut all: Vec<_> = sunward_report::tables(&record)
        .expect("a record of a run fits its tables")
        .into_iter()
        .map(|(name, bytes)| (name.to_owned(), bytes))
        .collect();
    let mut summary = serde_json::to_value(&outcome.summary).expect("a summary is JSON");
    summary.as_object_mut().expect("an object").remove("header");
    all.push(("summary".to_owned(), summary.to_string().into_bytes()));
    all
}

pub(crate) fn job<'a>(outcome: &'a Outcome, name: &str) -> &'a JobOutcome {
    outcome.record.jobs.iter().find(|job| job.name == name).unwrap_or_else(|| panic!("no job {name}"))
}

pub(crate) fn track(outcome: &Outcome) -> &Track {
    &outcome.record.tracks[0]
}

/// Share of site-time that a cause held the work back.
pub(crate) fn bound(outcome: &Outcome, word: &str) -> f64 {
    outcome.summary.bound.iter().find(|(name, _)| name == word).unwrap_or_else(|| panic!("no bound {word}")).1.0
}

pub(crate) fn since(start: Instant, at: Instant) -> f64 {
    (at - start).seconds().0
}

pub(crate) fn events(outcome: &Outcome, kind: EventKind) -> Vec<f64> {
    let start = outcome.record.header.start;
    outcome.record.events.iter().filter(|event| event.kind == kind).map(|event| since(start, event.time)).collect()
}
