//! Networks trained in flight and continued from: what is left of them, and that nothing depends on how often the run was broken off.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use sunward::payloads::{ExecuteError, FolderStore, Payloads};
use sunward::{Control, Outcome, World, run_folder};
use sunward_ai::memo::{Forgetful, Store};

use crate::cli::{run, said};
use crate::flight::{PLAIN, fresh_folder, job, testdata, with, world};

/// A network so small that it is trained in milliseconds.
const SMALL: &str = r#"
[job.executed]
layers = 1
heads = 2
width = 16
context = 16
batch = 4
iterations = 40
evaluate_interval = 20
sample_tokens = 20
learning_rate = 0.01
"#;

/// A mission whose job, a hundredth of `PLAIN`'s, trains [`SMALL`].
fn small() -> String {
    format!("{}{SMALL}", with(PLAIN, "steps = 19_560", "steps = 200"))
}

/// missions/fine-tune.toml with networks and texts so small that it is flown in a second.
fn fine_tune() -> String {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../../missions/fine-tune.toml"].iter().collect();
    let text = fs::read_to_string(path).unwrap();
    let text = with(&text, "width = 128\ncontext = 64\nbatch = 12", "width = 32\ncontext = 16\nbatch = 8");
    let text = with(&text, "layers = 4\nheads = 4", "layers = 1\nheads = 2");
    let text = text.replace("iterations = 1000", "iterations = 300").replace("iterations = 400", "iterations = 100");
    text.replace("batch = 12", "batch = 4").replace("evaluate_interval = 100", "evaluate_interval = 50")
}

fn payloads(world: &World, store: Arc<dyn Store>) -> Payloads {
    Payloads::of_world(world, &testdata(""), None, &store, None).unwrap()
}

fn fly(world: &World, payloads: &Payloads) -> Outcome {
    sunward::fly_executed(world, payloads, &mut |_| Control::Continue).unwrap()
}

/// Every file of the run folder that a flight with this store leaves.
fn left(text: &str, store: Arc<dyn Store>, folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let world = world(text);
    let payloads = payloads(&world, store);
    let outcome = fly(&world, &payloads);
    run_folder::write(folder, text, &world, &outcome, payloads.trained()).unwrap();
    contents(folder)
}

#[test]
fn fine_tuning_waits_for_the_network_and_lowers_the_loss_on_the_new_text() {
    let world = world(&fine_tune());
    let outcome = fly(&world, &payloads(&world, Arc::new(Forgetful)));
    let done = job(&outcome, "pretrain").finished.unwrap();
    for name in ["adapters", "all-weights"] {
        let tuned = job(&outcome, name);
        assert!(tuned.started.unwrap() >= done, "{name} begins when pretrain is done, whatever its priority");
        let steps: Vec<u64> = tuned.validation.iter().map(|point| point.1).collect();
        assert_eq!(steps, [0, 50, 100]);
        let (before, after) = (tuned.validation[0].2, tuned.validation[2].2);
        assert!(after < before - 0.3, "{name}: {before}, then {after}");
    }
    let table = sunward_report::jobs_table(&outcome.record);
    assert!(table.contains("adapters: validation loss on the new text "), "{table}");
    assert!(table.contains("continued from pretrain with adapters of rank 8"), "{table}");
    let page = sunward_report::render(&outcome.record, &outcome.summary, &world.assumptions).unwrap();
    assert!(page.contains("all-weights: validation loss on the new text "));
}

#[test]
fn a_flight_broken_off_anywhere_ends_with_the_same_bytes() {
    let folder = fresh_folder("fine_tuning_broken_off");
    let text = fine_tune();
    let whole = left(&text, Arc::new(Forgetful), &folder.join("whole"));
    for network in ["pretrain.safetensors", "adapters.safetensors", "all-weights.safetensors"] {
        assert!(whole.contains_key(network), "{network} is not among {:?}", whole.keys());
    }
    let world = world(&text);
    let store: Arc<dyn Store> = Arc::new(FolderStore::new(folder.join("steps")));
    // While the first network is trained, and while one is continued from.
    for share in [0.1, 0.55] {
        let mut stopped = |status: &sunward::Status| {
            if status.progress > share { Control::Stop } else { Control::Continue }
        };
        sunward::fly_executed(&world, &payloads(&world, Arc::clone(&store)), &mut stopped).unwrap_err();
    }
    for run in ["resumed", "repeated", "damaged"] {
        if run == "damaged" {
            // A loss of another digit, still JSON, in every file of steps.
            for (name, bytes) in contents(&folder.join("steps")).into_iter().filter(|(name, _)| name.ends_with("json"))
            {
                let at = bytes.windows(8).position(|part| part == b"\"loss\":4").unwrap() + 8;
                let other = [&bytes[..at], b"1", &bytes[at + 1..]].concat();
                fs::write(folder.join("steps").join(name), other).unwrap();
            }
        }
        let now = left(&text, Arc::clone(&store), &folder.join(run));
        assert_eq!(now.keys().collect::<Vec<_>>(), whole.keys().collect::<Vec<_>>());
        for (name, bytes) in now {
            assert!(bytes == whole[&name], "{name} differs when {run}");
        }
    }
}

/// The file names and contents of a folder.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap())).collect()
}

#[test]
fn a_flight_killed_in_training_is_resumed_to_the_same_bytes() {
    let folder = fresh_folder("fine_tuning_killed");
    fs::write(folder.join("tune.toml"), fine_tune()).unwrap();
    let fly = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sunward"));
        command.current_dir(&folder).args(["fly", "tune.toml", "--quiet"]).args(more).stdout(Stdio::null());
        command.spawn().unwrap()
    };
    let states = || {
        let names = fs::read_dir(folder.join(".run.training")).into_iter().flatten();
        names.filter(|name| name.as_ref().unwrap().path().extension().is_some_and(|end| end == "state")).count()
    };
    // As soon as the first network has a state kept, then as soon as one that continues from it has.
    for kept in [1, 2] {
        let mut child = fly(&["--out", "run"]);
        while states() < kept {
            assert!(child.try_wait().unwrap().is_none(), "it ended before {kept} states were kept");
            std::thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        assert!(!child.wait().unwrap().success(), "killed in training");
        assert!(!folder.join("run").exists());
    }
    assert!(fly(&["--out", "run", "--resume"]).wait().unwrap().success());
    assert!(fly(&["--out", "whole", "--fresh"]).wait().unwrap().success());
    assert!(contents(&folder.join("run")) == contents(&folder.join("whole")));
}

#[test]
fn a_flight_killed_before_its_first_checkpoint_is_resumed_and_two_do_not_share_a_folder() {
    let folder = fresh_folder("fine_tuning_claimed");
    fs::write(folder.join("tune.toml"), small()).unwrap();
    let fly = |more: &[&str]| run(&folder, &[&["fly", "tune.toml"], more].concat());
    let nothing = fly(&["--out", "run", "--resume"]);
    assert_eq!(nothing.status.code(), Some(2));
    assert!(said(&nothing).contains("no run was begun here"), "{}", said(&nothing));
    fs::write(folder.join("empty.txt"), "").unwrap();
    let empty = fly(&["--out", "run", "--text", "empty.txt"]);
    assert_eq!(empty.status.code(), Some(2));
    assert!(
        said(&empty).contains("empty.txt: the training part has 0 tokens, expected at least 17"),
        "{}",
        said(&empty)
    );
    assert_eq!(fly(&["--out", "run", "--resume"]).status.code(), Some(2), "what was refused left nothing");
    let kept = folder.join(".run.training");
    let claim = run_folder::claim(&kept).unwrap();
    let busy = fly(&["--out", "run"]);
    assert_eq!(busy.status.code(), Some(2), "{}", said(&busy));
    assert!(said(&busy).contains("another sunward is at work on .run.training"), "{}", said(&busy));
    drop(claim);
    let resumed = fly(&["--out", "run", "--resume"]);
    assert_eq!(resumed.status.code(), Some(0), "{}", said(&resumed));
    assert!(said(&resumed).contains("all is trained anew"), "{}", said(&resumed));
    assert!(!said(&fly(&["--out", "run", "--resume"])).contains("trained anew"));
    assert_eq!(fly(&["--out", "whole", "--fresh"]).status.code(), Some(0));
    assert!(contents(&folder.join("run")) == contents(&folder.join("whole")));
    // What a fresh flight keeps is there for the next.
    assert!(contents(&folder.join(".whole.training")).len() > 1);
}

/// Golden networks: `UPDATE_GOLDEN=1 cargo nextest run --release -p sunward network` writes them anew.
#[test]
fn a_flight_leaves_the_network_of_the_test_data_and_another_continues_from_it() {
    let folder = fresh_folder("network_of_the_test_data");
    for (name, seed) in [("network.safetensors", "seed = 1"), ("other-network.safetensors", "seed = 2")] {
        let flown = left(&with(&small(), "seed = 1", seed), Arc::new(Forgetful), &folder.join(seed));
        let network = &flown["train.safetensors"];
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(testdata(name), network).unwrap();
        }
        assert!(*network == fs::read(testdata(name)).unwrap(), "{name}: run once with UPDATE_GOLDEN=1");
    }
    let sizes = "layers = 1\nheads = 2\nwidth = 16\ncontext = 16\n";
    let continued = with(&small(), sizes, "checkpoint = \"network.safetensors\"\ncorpus = \"dialogue\"\n");
    let world = world(&continued);
    let outcome = fly(&world, &payloads(&world, Arc::new(Forgetful)));
    let tuned = &job(&outcome, "train").validation;
    assert!(tuned[2].2 < tuned[0].2 - 0.3, "{tuned:?}");
    assert!(job(&outcome, "train").proxy.as_ref().unwrap().contains("continued from network.safetensors"));
}

#[test]
fn another_job_in_the_mission_changes_no_training() {
    let text = small();
    let (jobs, rest) = (text.find("[[job]]").unwrap(), &text[text.find("[[job]]").unwrap()..]);
    let other = rest.replace("\"train\"", "\"first\"").replace("priority = 5", "priority = 1");
    let both = format!("{}{other}{rest}", &text[..jobs]);
    let losses = |text: &str, name: &str| -> Vec<f64> {
        let world = world(text);
        let outcome = fly(&world, &payloads(&world, Arc::new(Forgetful)));
        job(&outcome, name).loss.iter().map(|point| point.2).collect()
    };
    assert_eq!(losses(&text, "train").len(), 40);
    assert_eq!(losses(&both, "train"), losses(&text, "train"));
    assert_ne!(losses(&both, "first"), losses(&text, "train"), "and jobs do not share their draws");
}

/// Why a mission cannot be executed: the messages from the outermost to the innermost.
fn refused(executed: &str) -> String {
    let text = with(&small(), SMALL, executed);
    let forgetful: Arc<dyn Store> = Arc::new(Forgetful);
    let error = match Payloads::of_world(&world(&text), &testdata(""), None, &forgetful, None) {
        Err(error) => error,
        Ok(_) => panic!("{executed} is not refused"),
    };
    chain(&error)
}

fn chain(error: &ExecuteError) -> String {
    let first: &dyn std::error::Error = error;
    let all = std::iter::successors(Some(first), |error| error.source());
    all.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[test]
fn what_cannot_be_continued_from_is_said() {
    let tuned = |rest: &str| refused(&format!("[job.executed]\nbatch = 2\niterations = 20\n{rest}"));
    let cases = [
        (
            tuned("checkpoint = \"none.safetensors\""),
            "none.safetensors, which cannot be read; give a network that a run",
        ),
        (tuned("checkpoint = \"broken.toml\""), "cannot continue from"),
        (
            tuned("checkpoint = \"network.safetensors\"\ntext = \"broken.toml\""),
            "in the vocabulary of the network it continues from: broken.toml: character '#' at byte 0 is not in the vocabulary",
        ),
        (
            refused(&SMALL.replace("layers", "vocabulary = \"gpt2-bpe\"\nmerges = \"none.txt\"\nlayers")),
            "none.txt, which cannot be read as text; give GPT-2's merges.txt",
        ),
        (
            refused(&SMALL.replace("layers", "vocabulary = \"gpt2-bpe\"\nmerges = \"broken.toml\"\nlayers")),
            "broken.toml:1: expected two tokens with a space between",
        ),
    ];
    for (told, expected) in cases {
        assert!(told.contains(expected), "{told} lacks {expected:?}");
    }
}

/// Byte pairs cut the text into fewer tokens than characters, and the samples read as text.
#[test]
fn a_network_is_trained_on_byte_pairs() {
    let pairs = "vocabulary = \"gpt2-bpe\"\nmerges = \"../ai/bpe-merges.txt\"\ntext = \"every-key-flown.toml\"\nlayers";
    let world = world(&with(&small(), "layers = 1\nheads", &format!("{pairs} = 1\nheads")));
    let outcome = fly(&world, &payloads(&world, Arc::new(Forgetful)));
    let trained = job(&outcome, "train");
    // 256 bytes, 61 merges and the end of a text.
    let start = trained.loss[0].2;
    assert!((start - 318f64.ln()).abs() < 0.05, "{start}");
    assert!(trained.validation[1].2 < start - 0.5, "{:?}", trained.validation);
}
