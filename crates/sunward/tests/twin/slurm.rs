//! Studies in parts and as Slurm job arrays: the same bytes, whoever does the runs and whatever befalls them.
//!
//! Slurm is played by three scripts, [fake](../slurm/fake), that run tasks as child processes. The real one is set up on one machine
//! by [loopback](../slurm/loopback).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::flight::{PLAIN, fresh_folder, with};

/// Ten shards; runs with the second accelerator fail.
const STUDY: &str = r#"
[[assumption]]
key = "site[0].array.area"
spread = { uniform = ["0.5 m2", "1.5 m2"] }
[[design]]
key = "site[0].compute.accelerator"
spread = { values = ["h100-pcie", "abacus"] }
"#;
const SWEEP: [&str; 9] =
    ["sweep", "it's one.toml", "study.toml", "--runs", "320", "--metric", "energy.generated", "--seed", "7"];

/// A folder with a short mission, a study and an empty queue.
fn prepared(test: &str) -> PathBuf {
    let folder = fresh_folder(test);
    fs::write(folder.join(SWEEP[1]), with(PLAIN, "\"12 h\"", "\"10 min\"")).unwrap();
    fs::write(folder.join("study.toml"), STUDY).unwrap();
    fs::create_dir_all(folder.join("cluster/queue")).unwrap();
    fs::write(folder.join("cluster/fate"), "").unwrap();
    folder
}

/// Sweeps in `folder`, with the commands of the fake cluster or, without them, on an empty path.
fn sweep(folder: &Path, cluster: bool, more: &[&str]) -> Output {
    let fake = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/slurm/fake");
    let path = if cluster { format!("{fake}:/usr/bin:/bin") } else { String::new() };
    let mut command = Command::new(env!("CARGO_BIN_EXE_sunward"));
    command.current_dir(folder).args(SWEEP).args(more);
    command.env("PATH", path).env("FAKE_SLURM", folder.join("cluster")).env("NO_COLOR", "1");
    command.output().expect("the binary runs")
}

/// What stands on stderr, its wrapped lines joined.
fn said(output: &Output) -> String {
    let lines = String::from_utf8(output.stderr.clone()).expect("UTF-8");
    lines.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ")
}

fn good(output: Output) -> Output {
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    output
}

fn refused(output: &Output, code: i32, told: &[&str]) {
    let said = said(output);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(code), 0), "{said}");
    for part in told {
        assert!(said.contains(part), "{part:?} is not in {said}");
    }
}

/// The shards in a folder, and whatever a killed writer left there; not the results that were drawn from them.
fn shards(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    let shard = |path: PathBuf| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(path).unwrap());
    let is_result = |name: &str| ["report.html", "findings.json", "runs.csv", "runs.parquet"].contains(&name);
    files.map(shard).filter(|(name, _)| !is_result(name)).collect()
}

fn lines(path: PathBuf) -> Vec<String> {
    fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn parts_leave_shards_alone_and_the_plain_command_collects() {
    let folder = prepared("parts_leave_shards");
    let local = good(sweep(&folder, false, &["--out", "local"]));
    refused(&sweep(&folder, false, &["--out", "parts", "--collect"]), 1, &["10 of 10 shards are missing"]);
    for (part, so_far) in [("2/3", 3), ("1/3", 7), ("3/3", 10)] {
        let output = good(sweep(&folder, false, &["--out", "parts", "--part", part]));
        assert!(output.stdout.is_empty(), "a part prints no result");
        assert_eq!(shards(&folder.join("parts")).len(), so_far);
    }
    assert!(shards(&folder.join("parts")) == shards(&folder.join("local")));
    for collect in [&["--collect"][..], &[]] {
        let output = good(sweep(&folder, false, &[&["--out", "parts"], collect].concat()));
        assert_eq!(output.stdout, local.stdout);
    }
    let first = shards(&folder.join("parts")).into_keys().next().unwrap();
    fs::write(folder.join("parts").join(&first), b"PAR1 torn").unwrap();
    let told = ["cannot collect the study in parts", first.as_str(), "is not readable; delete it"];
    refused(&sweep(&folder, false, &["--out", "parts"]), 1, &told);
    for odd in ["0/3", "4/3", "2", "a/b"] {
        refused(&sweep(&folder, false, &["--part", odd]), 2, &["expected I/N with I from 1 to N"]);
    }
}

/// Failed runs are rows of the table: their errors must not tell where the mission lay.
#[test]
fn a_study_gives_the_same_bytes_wherever_its_files_lie() {
    let (here, there) = (prepared("a_study_here"), fresh_folder("a_study_there"));
    good(sweep(&here, false, &["--out", "shards"]));
    let mut command = Command::new(env!("CARGO_BIN_EXE_sunward"));
    let mission = here.join(SWEEP[1]);
    command.arg("sweep").arg(mission).arg(here.join("study.toml")).args(&SWEEP[3..]).args(["--out", "shards"]);
    let output = good(command.current_dir(&there).output().expect("the binary runs"));
    assert!(said(&output).contains("320 runs, 160 failed"), "{}", said(&output));
    assert!(shards(&here.join("shards")) == shards(&there.join("shards")));
}

#[test]
fn killed_held_and_lost_tasks_are_submitted_again_and_change_no_byte() {
    let folder = prepared("killed_held_and_lost");
    // Longer, so that the kill comes before the task's third shard.
    fs::write(folder.join(SWEEP[1]), PLAIN).unwrap();
    let local = good(sweep(&folder, false, &["--out", "local"]));
    fs::write(folder.join("cluster/fate"), "1 killed\n3 held\n4 lost\n").unwrap();
    let output = good(sweep(&folder, true, &["--out", "spread", "--slurm=4", "--slurm-option=--partition=night"]));
    let said = said(&output);
    assert_eq!(output.stdout, local.stdout);
    assert!(shards(&folder.join("spread")) == shards(&folder.join("local")));
    let submitted = lines(folder.join("cluster/submitted"));
    assert_eq!(submitted.len(), 2, "{submitted:?}: {said}");
    assert!(submitted[0].contains("--array=1-4 ") && submitted[0].contains("--partition=night"), "{submitted:?}");
    // The first part had three shards, so the second job has what its kill left over.
    assert!(submitted[1].contains("--array=1,3-4 "), "{submitted:?}");
    assert_eq!(lines(folder.join("cluster/cancelled")), ["1_3"]);
    for round in ["10 of 10 shards are missing; submitted job array 1 (round 1 of 5)", "job array 2 (round 2 of 5)"] {
        assert!(said.contains(round), "{said}");
    }
    // What is there is not submitted: no cluster is asked.
    assert_eq!(good(sweep(&folder, false, &["--out", "spread", "--slurm"])).stdout, local.stdout);
}

/// Each mission has runs of its own, in the same folder; a task must do those that it was started for.
#[test]
fn two_missions_are_spread_one_after_the_other() {
    let folder = prepared("two_missions_are_spread");
    fs::write(folder.join("other.toml"), with(PLAIN, "\"12 h\"", "\"5 min\"")).unwrap();
    fs::write(folder.join("study.toml"), STUDY.replace("abacus", "h100-sxm")).unwrap();
    let both = |cluster: bool, more: &[&str]| sweep(&folder, cluster, &[&["--against", "other.toml"], more].concat());
    let local = good(both(false, &["--out", "local"]));
    let spread = good(both(true, &["--out", "spread", "--slurm=2"]));
    assert_eq!(spread.stdout, local.stdout);
    assert!(shards(&folder.join("spread")) == shards(&folder.join("local")));
    assert_eq!(lines(folder.join("cluster/submitted")).len(), 2, "{}", said(&spread));
    for part in ["1/2", "2/2"] {
        good(both(false, &["--out", "parts", "--part", part]));
    }
    assert_eq!(good(both(false, &["--out", "parts", "--collect"])).stdout, local.stdout);
}

#[test]
fn a_cluster_that_cannot_do_it_is_told_of() {
    let folder = prepared("a_cluster_that_cannot");
    refused(&sweep(&folder, false, &["--slurm"]), 1, &["cannot run squeue", "sbatch, squeue and scancel on the PATH"]);
    let poor = sweep(&folder, true, &["--slurm", "--slurm-option=--account=bankrupt"]);
    refused(&poor, 1, &["sbatch refused: sbatch: error: Invalid account"]);
    refused(&sweep(&folder, true, &["--slurm=0"]), 2, &["0 is not in 1.."]);
    refused(&sweep(&folder, true, &["--slurm-option=--time=1"]), 2, &["--slurm[=<N>]"]);

    fs::write(folder.join("cluster/fate"), (1..=9).map(|task| format!("{task} lost\n")).collect::<String>()).unwrap();
    fs::write(folder.join("cluster/submitted"), "").unwrap();
    let lost = sweep(&folder, true, &["--slurm", "--slurm-rounds=1"]);
    refused(&lost, 1, &["10 of 10 shards are missing after 1 submissions", "left no log", "all machines share"]);
}

/// A task that finds another mission than was submitted would fill the folder with shards that nobody asked for.
#[test]
fn a_part_of_another_study_is_refused() {
    let folder = prepared("a_part_of_another");
    good(sweep(&folder, true, &["--out", "spread", "--slurm=1"]));
    let script = fs::read_dir(folder.join("spread/slurm")).unwrap().map(|entry| entry.unwrap().path());
    let script = script.filter(|path| path.extension().is_some_and(|end| end == "sh")).collect::<Vec<_>>();
    let [script] = &script[..] else { panic!("one script, not {script:?}") };
    let task = |folder: &Path| {
        let mut command = Command::new("sh");
        command.arg(script).current_dir(folder).env("SLURM_ARRAY_TASK_ID", "1").env("NO_COLOR", "1");
        command.output().expect("a shell")
    };
    good(task(&folder));
    let elsewhere = prepared("a_part_elsewhere");
    refused(&task(&elsewhere), 1, &["is not here", "must be shared by all machines"]);
    assert!(!elsewhere.join("spread").exists(), "a folder was made that nobody shares");
    fs::write(folder.join("study.toml"), STUDY.replace("0.5 m2", "0.6 m2")).unwrap();
    refused(&task(&folder), 1, &["another study than the one submitted", "submit it again"]);
}
