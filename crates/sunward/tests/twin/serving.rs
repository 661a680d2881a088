//! A serving job whose requests a network really answers, flown.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use sunward::payloads::Payloads;
use sunward::{Control, Outcome, World};
use sunward_ai::memo::{Forgetful, Store};
use sunward_sim::record::{Direction, Event, EventKind};

use crate::cli::{json, run, said, text};
use crate::flight::{faults, flown, fresh_folder, happened, testdata, with, world};

fn mission() -> String {
    fs::read_to_string(testdata("../../missions/serving.toml")).unwrap()
}

fn answered(text: &str) -> Outcome {
    answered_in(&world(text))
}

fn answered_in(world: &World) -> Outcome {
    let forgetful: Arc<dyn Store> = Arc::new(Forgetful);
    let payloads = Payloads::of_world(world, &testdata(""), None, &forgetful, None).unwrap();
    sunward::fly_executed(world, &payloads, &mut |_| Control::Continue).unwrap()
}

fn answers(outcome: &Outcome) -> Vec<&Event> {
    outcome.record.events.iter().filter(|event| event.kind == EventKind::Sample).collect()
}

/// The text of an answer, without its delays.
fn words(event: &Event) -> &str {
    event.detail.rsplit_once("\n(").unwrap().0
}

#[test]
fn every_hundredth_request_is_answered_and_its_answer_comes_down_with_its_result() {
    let outcome = answered(&mission());
    let (record, job) = (&outcome.record, &outcome.record.jobs[0]);
    let answers = answers(&outcome);
    assert_eq!(answers.len() as f64, (job.units_delivered / 100.0).ceil());
    let down = |event: &&&Event| {
        let landed = |transfer: &&sunward_sim::record::Transfer| transfer.direction == Direction::Down;
        record.transfers.iter().filter(landed).any(|transfer| transfer.end == event.time)
    };
    assert_eq!(answers.iter().filter(down).count(), answers.len(), "each at the landing of a result");
    for (number, event) in answers.iter().enumerate() {
        assert!(event.detail.starts_with(&format!("request {} asked: ", 100 * number)), "{}", event.detail);
        for part in ["\nanswer: ", "(light ", " ms, wait for contact ", ", queue ", ", compute "] {
            assert!(event.detail.contains(part), "{part:?} is not in {}", event.detail);
        }
    }
    let proxy = job.proxy.as_ref().unwrap();
    assert!(proxy.contains("random weights") && proxy.contains("stands for 100 requests"), "{proxy}");
    // Whether a network runs or not, the same requests go the same way.
    let modelled = flown(&mission());
    assert_eq!(modelled.record.jobs[0].delays, job.delays);
    assert_eq!(modelled.summary.work.computed, outcome.summary.work.computed);
}

#[test]
fn upsets_strike_the_network_that_answers() {
    let often = with(&mission(), "every = 100", "every = 10");
    let calm = answered(&often);
    // A chip without correction, in a storm.
    let mut stormy = world(&format!("{often}\n[radiation]\nupset_multiplier = 30000\n"));
    stormy.designs[0].compute.memory_corrected = false;
    let storm = answered_in(&stormy);
    assert!(storm.summary.radiation.silent_corruptions > 3, "{:?}", storm.summary.radiation);
    let words_of =
        |outcome: &Outcome| answers(outcome).into_iter().map(|event| words(event).to_owned()).collect::<Vec<_>>();
    let (calm, storm) = (words_of(&calm), words_of(&storm));
    let same = calm.iter().filter(|words| storm.contains(words)).count();
    assert!(same > 0 && same < calm.len(), "{same} of {} answers are as without upsets", calm.len());
}

/// What finds every flip that [`upsets_strike_the_network_that_answers`] lets pass.
const DEFENCES: &str = "
[job.executed.defences]
weights = true
cache = true
finite = true
redundant = true
";

#[test]
fn defended_answers_are_those_of_a_network_that_nothing_strikes() {
    let often = with(&mission(), "every = 100", "every = 20");
    let calm = answered(&often);
    let known: Vec<&str> = answers(&calm).into_iter().map(words).collect();
    let bare = with(&often, "count = 1", "count = 1\nerror_correction = false");
    let storm = |text: &str| answered(&format!("{text}\n[radiation]\nupset_multiplier = 60000\n"));
    let undefended = storm(&bare);
    assert!(answers(&undefended).into_iter().any(|event| !known.contains(&words(event))));
    let defended = storm(&format!("{bare}{DEFENCES}"));
    let told = answers(&defended);
    assert!(told.len() > known.len() / 2, "{} answers of {}", told.len(), known.len());
    for event in told {
        assert!(known.contains(&words(event)), "{}", event.detail);
    }
    let job = &defended.record.jobs[0];
    let caught = job.defences.unwrap();
    assert!(caught.alarms > 0 && caught.recomputed == caught.alarms, "{caught:?}");
    assert!(caught.upsets_undone >= caught.alarms && caught.work_lost.0 > 0.0, "{caught:?}");
    let alarms: Vec<&Event> = defended.record.events.iter().filter(|event| event.kind == EventKind::Alarm).collect();
    assert_eq!(alarms.len(), caught.alarms as usize);
    assert!(alarms.iter().all(|event| event.detail.contains(" in request ")), "{}", alarms[0].detail);
    assert!(job.proxy.as_ref().unwrap().contains("defended by weights, cache, finite, redundant"));
    // Each request is delivered once, though some were worked on twice.
    assert!(job.units_delivered <= job.units && job.delays.len() as f64 == job.units_delivered);
    let parts = defended.record.jobs[0].delays.iter().map(|delay| delay.total());
    assert!(parts.clone().all(|total| total.0 > 0) && parts.len() > 100);
}

#[test]
fn defences_of_answers_cost_time_and_memory() {
    let busy = |defences: &str| {
        let outcome = flown(&format!("{}{defences}", mission()));
        let job = &outcome.record.jobs[0];
        (job.busy.0 / job.units, job.defences)
    };
    let (alone, none) = busy("");
    assert!(none.is_none());
    let (watched, told) = busy("[job.executed.defences]\nweights = true\nhold = 4\n");
    // By hand: answers are bound by reading the weights for each token; digests every fourth token read them once more.
    let told = told.unwrap();
    let share = told.time / (told.busy - told.time);
    assert!(share > 0.2 && share < 0.25, "{share}");
    assert!((watched / alone / (1.0 + share) - 1.0).abs() < 0.05, "{watched} s, {alone} s");
    let (_, measured) = busy("[job.executed.defences]\nweights = true\noverhead = 0.5\n");
    let measured = measured.unwrap();
    assert!((measured.time / measured.busy - 1.0 / 3.0).abs() < 1e-9);
    let (_, twice) = busy("[job.executed.defences]\nredundant = true\n");
    assert_eq!(twice.unwrap().memory.0, 8.0 * 106e3 * 8.0 * 500.0, "a second cache of 8 requests of 500 tokens");
    let told = faults(&format!("{}[job.executed.defences]\nhold = 4\n", mission()));
    assert!(told.contains("no defence is on") && told.contains("weights = true"), "{told}");
}

#[test]
fn repeated_resumed_and_fresh_runs_give_the_same_bytes() {
    let folder = fresh_folder("serving_repeated");
    fs::write(folder.join("serve.toml"), mission()).unwrap();
    let fly = |more: &[&str]| {
        let output = run(&folder, &[&["fly", "serve.toml", "--quiet", "--out", "run"], more].concat());
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        assert!(text(&output.stdout).contains("\nanswer: "), "{}", text(&output.stdout));
        let page = fs::read_to_string(folder.join("run/report.html")).unwrap();
        assert!(page.contains("random weights") && page.contains("Results that came down"), "the report says so too");
        ["summary.json", "events.parquet", "jobs.parquet"].map(|file| fs::read(folder.join("run").join(file)).unwrap())
    };
    let nothing = run(&folder, &["fly", "serve.toml", "--quiet", "--out", "run", "--resume"]);
    assert_eq!(nothing.status.code(), Some(2), "{}", said(&nothing));
    let first = fly(&["--threads", "1"]);
    assert!(fly(&["--resume"]) == first && fly(&[]) == first && fly(&["--fresh"]) == first);
    assert_eq!(happened(&answered(&mission())), happened(&answered(&mission())));
}

/// Talks to the model in `folder`; the answer.
fn chat(folder: &Path, more: &[&str], line: &str) -> std::process::Output {
    use std::io::Write;
    use std::process::{Command, Stdio};
    let mut command = Command::new(env!("CARGO_BIN_EXE_sunward"));
    command.current_dir(folder).args(["chat", "model", "--tokens", "9"]).args(more);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A command that refuses its folder reads no line.
    let _ = writeln!(child.stdin.take().unwrap(), "{line}");
    child.wait_with_output().unwrap()
}

#[test]
fn a_random_model_can_be_made_talked_to_and_flown() {
    let folder = fresh_folder("serving_random_model");
    let made = chat(&folder, &["--make-random"], "hello");
    assert_eq!(made.status.code(), Some(0), "{}", said(&made));
    assert!(said(&made).contains("random weights"), "{}", said(&made));
    assert_eq!(chat(&folder, &[], "hello").stdout, made.stdout);
    let again = chat(&folder, &["--make-random"], "hello");
    assert_eq!(again.status.code(), Some(2), "{}", said(&again));

    fs::write(folder.join("ask.txt"), "What is warm?\n\nWhat is cold?\n").unwrap();
    let keys = "model = \"model\"\nprompts = \"ask.txt\"\n";
    fs::write(folder.join("serve.toml"), with(&mission(), "every = 100\n", &format!("{keys}every = 100\n"))).unwrap();
    let flown = run(&folder, &["fly", "serve.toml", "--quiet"]);
    assert_eq!(flown.status.code(), Some(0), "{}", said(&flown));
    let told = text(&flown.stdout);
    assert!(told.contains("asked: What is ") && told.contains("the Gemma in model ("), "{told}");
}

#[test]
fn what_a_mission_serves_with_is_refused_before_the_flight_if_it_is_broken() {
    let folder = fresh_folder("serving_refused");
    let refused = |keys: &str, told: &[&str]| {
        fs::write(folder.join("serve.toml"), with(&mission(), "every = 100\n", &format!("{keys}\nevery = 100\n")))
            .unwrap();
        let output = run(&folder, &["fly", "serve.toml", "--quiet", "--out", "run"]);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        told.iter().for_each(|part| assert!(said.contains(part), "{part:?} is not in {said}"));
        assert!(!folder.join("run").exists());
    };
    refused("model = \"nowhere\"", &["job \"gemma-2b\"", "nowhere", "config.json", "No such file"]);
    let model = folder.join("model");
    assert_eq!(chat(&folder, &["--make-random"], "").status.code(), Some(0));
    let weights = fs::read(model.join("model.safetensors")).unwrap();
    fs::write(model.join("model.safetensors"), &weights[..weights.len() / 2]).unwrap();
    refused("model = \"model\"", &["model.safetensors", "truncated", "tensor", "expected", "found"]);
    fs::write(model.join("model.safetensors"), weights).unwrap();
    refused("model = \"model\"\nprompts = \"none.txt\"", &["none.txt", "cannot be read"]);
    fs::write(folder.join("empty.txt"), "\n\n").unwrap();
    refused("prompts = \"empty.txt\"", &["no prompt is given"]);
    fs::write(folder.join("long.txt"), "~".repeat(3000)).unwrap();
    refused("prompts = \"long.txt\"", &["prompt 1 has 30", "at most 1023"]);
    refused("temperature = -1.0", &["job[0].executed.temperature", "outside 0..=100"]);
    // Modelled, nothing is loaded.
    fs::write(folder.join("serve.toml"), with(&mission(), "every = 100", "model = \"nowhere\"\nevery = 100")).unwrap();
    assert!(json(&run(&folder, &["fly", "serve.toml", "--quiet", "--modelled", "--json"])).is_object());
}
