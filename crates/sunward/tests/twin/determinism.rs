//! Mission, seed and version give the same bytes; what is added to a mission leaves the rest of it as it was.

use std::collections::BTreeMap;

use rayon::ThreadPoolBuilder;
use sunward::{Control, Outcome, run_folder};
use sunward_sim::record::{Event, EventKind};

use crate::flight::{PLAIN, RUN_FILES, flown, fresh_folder, happened, job, mission_text, with, world};

fn flown_by(threads: usize, text: &str) -> Outcome {
    let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| sunward::fly(&world(text), &mut |_| Control::Continue)).unwrap()
}

/// Every file of a run folder.
fn files(outcome: &Outcome, text: &str, folder: &std::path::Path) -> BTreeMap<String, Vec<u8>> {
    run_folder::write(folder, text, &world(text), outcome, std::iter::empty()).unwrap();
    let read = |entry: std::io::Result<std::fs::DirEntry>| {
        let entry = entry.unwrap();
        (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap())
    };
    std::fs::read_dir(folder).unwrap().map(read).collect()
}

#[test]
fn any_number_of_threads_writes_the_same_bytes() {
    // Ten satellites, so that more than one block of eight is flown, with faults, contacts, roll-backs and random requests.
    let text = mission_text("every-key-flown.toml");
    let folder = fresh_folder("any_number_of_threads");
    let by = |threads: usize| files(&flown_by(threads, &text), &text, &folder.join(threads.to_string()));
    let one = by(1);
    assert_eq!(one.keys().map(String::as_str).collect::<Vec<_>>(), RUN_FILES);
    for threads in [2, 5] {
        for (name, bytes) in by(threads) {
            assert!(bytes == one[&name], "{name} differs between 1 thread and {threads}");
        }
    }
}

/// Two satellites at work under strikes, each with its own job.
fn two() -> String {
    let both = with(PLAIN, "compute = {", "count = 2\ncompute = {");
    let both = with(&both, "name = \"train\"", "name = \"train-1\"\nsite = \"one-1\"");
    let both = with(&both, "local_time = \"12:00\"", "local_time = \"20:00\"");
    let second = both[both.find("[[job]]").unwrap()..].replace("train-1", "train-2").replace("one-1", "one-2");
    format!("{both}{second}[radiation]\nupset_multiplier = 20_000\n")
}

/// A third satellite elsewhere, at work on a job of its own.
fn third(text: &str) -> String {
    let site = r#"
[[site]]
name = "third"
platform = "microsat-60kg"
compute = { accelerator = "h100-pcie", count = 1 }
orbit.mean = { altitude = "500 km", inclination = "51.6 deg", raan = "10 deg" }
"#;
    let job = text[text.find("[[job]]").unwrap()..text.find("[radiation]").unwrap()].split("[[job]]").nth(1).unwrap();
    format!("{text}{site}[[job]]{}", job.replace("train-1", "train-3").replace("one-1", "third"))
}

fn of_sites(outcome: &Outcome, sites: u32) -> Vec<&Event> {
    outcome.record.events.iter().filter(|event| event.site < sites).collect()
}

fn is_fault(event: &&&Event) -> bool {
    matches!(event.kind, EventKind::SilentCorruption | EventKind::MemoryError | EventKind::Interrupt)
}

#[test]
fn a_third_satellite_leaves_the_first_two_as_they_were() {
    let (before, after) = (flown(&two()), flown(&third(&two())));
    assert_eq!(after.record.sites.len(), 3);
    for (old, new) in before.record.tracks.iter().zip(&after.record.tracks) {
        assert_eq!(format!("{old:?}"), format!("{new:?}"));
    }
    let events = of_sites(&before, 2);
    assert_eq!(events, of_sites(&after, 2));
    assert!(events.iter().filter(is_fault).count() > 20, "too few faults to tell anything");
    assert_eq!(before.record.jobs[..], after.record.jobs[..2]);
    assert!(job(&after, "train-3").units > 0.0);
}

#[test]
fn satellites_are_struck_at_their_own_times() {
    let outcome = flown(&two());
    let times = |site: u32| {
        let struck = of_sites(&outcome, 2).into_iter().filter(move |event| event.site == site);
        struck.filter(|event| is_fault(&event)).map(|event| event.time).collect::<Vec<_>>()
    };
    assert!(times(0).iter().all(|time| !times(1).contains(time)));
}

#[test]
fn another_seed_changes_what_is_random_and_nothing_else() {
    let serving = r#"
[[job]]
name = "serve"
kind = "serving"
priority = 9
parameters = 2_000_000_000
weight_bits = 16
requests_per_day = 2000
prompt_tokens = 200
output_tokens = 300
batch = 1
utilisation = 0.3
kv_bits_per_token = "100 kB"
precision = "bf16"
origin = "onboard"
"#;
    let text = with(&two(), "[radiation]", &format!("{serving}[radiation]"));
    let other = with(&text, "seed = 1", "seed = 2");
    let (one, two) = (flown(&text), flown(&other));
    let placed = |event: &&&Event| {
        use EventKind::{ContactBegan, ContactEnded, PenumbraEntered, PenumbraLeft, UmbraEntered, UmbraLeft};
        matches!(event.kind, ContactBegan | ContactEnded | PenumbraEntered | PenumbraLeft | UmbraEntered | UmbraLeft)
    };
    let of = |outcome: &Outcome, kind: fn(&&&Event) -> bool| {
        outcome.record.events.iter().filter(|event| kind(&event)).cloned().collect::<Vec<_>>()
    };
    assert_eq!(of(&one, placed), of(&two, placed));
    assert_ne!(of(&one, is_fault), of(&two, is_fault));
    assert_ne!(job(&one, "serve").delays, job(&two, "serve").delays);
    for (left, right) in one.record.tracks.iter().zip(&two.record.tracks) {
        assert_eq!(left.altitude, right.altitude);
        assert_eq!(left.illumination, right.illumination);
        assert_eq!(left.dose, right.dose);
    }
    // Without strikes and arrivals the seed has nothing left to change.
    let still = |seed: &str| {
        let text = with(PLAIN, "seed = 1", seed);
        happened(&flown(&format!("{text}[radiation]\nupset_multiplier = 0\n")))
    };
    assert!(still("seed = 1") == still("seed = 2"));
}
