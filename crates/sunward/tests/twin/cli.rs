//! The built command line: exit codes, messages, golden output, and what an interrupted run leaves.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::flight::{PLAIN, RUN_FILES, fresh_folder, mission_text, testdata, with};

fn sunward() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sunward"));
    for variable in ["NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "RUST_BACKTRACE"] {
        command.env_remove(variable);
    }
    command
}

/// Runs the command line in `folder`.
pub(crate) fn run(folder: &Path, arguments: &[&str]) -> Output {
    sunward().current_dir(folder).args(arguments).output().expect("the binary runs")
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("output is UTF-8")
}

/// What stands on stderr, its wrapped lines joined.
pub(crate) fn said(output: &Output) -> String {
    let lines = text(&output.stderr);
    assert!(!lines.contains("panicked"), "{lines}");
    lines.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ")
}

pub(crate) fn json(output: &Output) -> Value {
    assert_eq!(output.status.code(), Some(0), "{}", said(output));
    serde_json::from_slice(&output.stdout).expect("stdout is JSON")
}

pub(crate) fn entries(folder: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut all: Vec<String> = fs::read_dir(folder).unwrap().map(name).collect();
    all.sort();
    all
}

/// One hour of `PLAIN` in `folder`.
pub(crate) fn hour(folder: &Path) -> PathBuf {
    let path = folder.join("hour.toml");
    fs::write(&path, with(PLAIN, "\"12 h\"", "\"1 h\"")).unwrap();
    path
}

#[test]
fn a_flight_leaves_a_run_folder_and_says_where() {
    let folder = fresh_folder("a_flight_leaves");
    let mission = hour(&folder);
    let output = run(&folder, &["fly", "hour.toml"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(text(&output.stdout).contains("work delivered"), "the summary stands on stdout");
    assert!(said(&output).contains("in runs/hour"), "{}", said(&output));
    let left = folder.join("runs/hour");
    assert_eq!(entries(&left), RUN_FILES);
    assert_eq!(entries(&folder.join("runs")), ["hour"], "nothing beside it");
    assert_eq!(fs::read(left.join("mission.toml")).unwrap(), fs::read(mission).unwrap());
    let page = fs::read_to_string(left.join("report.html")).unwrap();
    assert!(page.contains("<svg") && !page.contains("<script src") && !page.contains("<link"), "self-contained");
}

#[test]
fn a_flight_on_a_generated_corpus_says_how_to_train_on_shakespeare() {
    let folder = fresh_folder("a_flight_on_a_generated_corpus");
    let executed = "[job.executed]\nlayers = 1\nheads = 1\nwidth = 8\ncontext = 8\nbatch = 1\niterations = 4\n";
    fs::write(folder.join("hour.toml"), with(PLAIN, "\"12 h\"", "\"1 h\"") + executed).unwrap();
    let hint = "sunward data pull shakespeare";
    assert!(said(&run(&folder, &["fly", "hour.toml"])).contains(hint));
    for known in [&["--modelled"][..], &["--quiet"], &["--text", "hour.toml"]] {
        let output = run(&folder, &[&["fly", "hour.toml"], known].concat());
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        assert!(!said(&output).contains(hint), "{known:?}: {}", said(&output));
    }
}

#[test]
fn json_is_on_stdout_everywhere() {
    let folder = fresh_folder("json_is_on_stdout");
    hour(&folder);
    let flown = json(&run(&folder, &["fly", "hour.toml", "--json", "--quiet", "--out", "run"]));
    let kept: Value = serde_json::from_slice(&fs::read(folder.join("run/summary.json")).unwrap()).unwrap();
    assert_eq!(flown, kept);
    assert_eq!(json(&run(&folder, &["check", "hour.toml", "--json"]))["faults"], Value::Array(Vec::new()));
    assert!(json(&run(&folder, &["catalog", "--json"])).as_array().is_some_and(|all| all.len() > 50));
    assert_eq!(json(&run(&folder, &["catalog", "show", "h100-pcie", "--json"]))["id"], "h100-pcie");
    assert!(json(&run(&folder, &["schema"])).is_object());

    fs::write(folder.join("bad.toml"), with(PLAIN, "seed = 1", "seed = -1")).unwrap();
    let bad = run(&folder, &["check", "bad.toml", "--json"]);
    assert_eq!(bad.status.code(), Some(2));
    let faults: Value = serde_json::from_slice(&bad.stdout).unwrap();
    assert!(faults.to_string().contains("mission.seed"), "{faults}");
}

#[test]
fn quiet_is_quiet_and_a_second_run_replaces_the_first() {
    let folder = fresh_folder("quiet_is_quiet");
    hour(&folder);
    for _ in 0..2 {
        let output = run(&folder, &["fly", "hour.toml", "--quiet", "--out", "run", "--threads", "1"]);
        assert_eq!((output.status.code(), said(&output).as_str()), (Some(0), ""));
    }
    assert_eq!(entries(&folder), ["hour.toml", "run"]);
}

/// Flies a mission that must be refused: exit code 2, all of `told` on stderr, and no run folder.
fn refused(folder: &Path, mission: &str, told: &[&str]) {
    let before = entries(folder);
    let output = run(folder, &["fly", mission, "--out", "run", "--quiet"]);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(output.stdout.is_empty(), "{}", text(&output.stdout));
    for part in told {
        assert!(said.contains(part), "{part:?} is not in {said}");
    }
    assert_eq!(entries(folder), before, "something was left");
}

#[test]
fn a_bad_mission_says_what_where_got_and_expected() {
    let folder = fresh_folder("a_bad_mission");
    let tle = "sun_synchronous = { altitude = \"650 km\", local_time = \"12:00\" }";
    let elements = |first: &str| {
        format!("tle = \"\"\"\n{first}\n2 66303  45.3997 271.0639 0006322 268.1150  91.9012 15.21652070 40477\n\"\"\"")
    };
    let sound = elements("1 66303U 25248L   26207.16029198  .00005005  00000-0  22976-3 0  9991");
    let broken = elements("1 66303U 25248L   26207.16029198  .00005005  00000-0  22976-3 0  9992");
    let start = "\"2026-07-26T04:00:00Z\"";
    let cases: [(&str, &str, &[&str]); 14] = [
        (
            tle,
            &broken,
            &["bad.toml:14:69", "site[0].orbit.tle", "line 1, column 69", "got \"2\"", "expected checksum 1"],
        ),
        (
            "[site.array]",
            "[site.battery]\nstate_of_charge = \"150 %\"\n[site.array]",
            &["bad.toml:15", "battery.state_of_charge", "150 %", "outside 0..=1"],
        ),
        ("[site.array]", "[site.battery]\nenergy = \"-1 kWh\"\n[site.array]", &["battery.energy", "outside"]),
        ("[site.array]", "[site.battery]\ncycles = 100_000\n[site.array]", &["battery.cycles", "of the capacity"]),
        (
            "[[station]]\n",
            "[[station]]\naltitude = \"-6 km\"\n",
            &["station[0].altitude", "-6 km", "outside -500 m..=9000 m"],
        ),
        ("area = \"1.26 m2\"", "area = \"nan m2\"", &["array.area", "nan"]),
        ("area = \"1.26 m2\"", "area = nan", &["array.area", "nan"]),
        ("utilisation = 0.35", "utilisation = inf", &["job[0].utilisation", "inf"]),
        ("area = \"1.26 m2\"", "area = \"1.26\"", &["array.area", "no unit", "m2"]),
        ("area = \"1.26 m2\"", "area = \"1.26 kg\"", &["array.area", "kg", "m2"]),
        ("area = \"1.26 m2\"", "areas = \"1.26 m2\"", &["array.areas", "unknown key", "area"]),
        ("seed = 1", "seed = 1\nseed = 2", &["bad.toml:8:1", "duplicate"]),
        ("774_000_000", "774_000_000_000", &["job[0]", "fits no satellite", "memory"]),
        (
            "\"650 km\"",
            "\"65 km\"",
            &["sun_synchronous.altitude", "65 km", "outside 300 km..=2000 km", "no dose is known"],
        ),
    ];
    for (old, new, told) in cases {
        fs::write(folder.join("bad.toml"), with(PLAIN, old, new)).unwrap();
        refused(&folder, "bad.toml", told);
    }
    let on_elements = with(PLAIN, tle, &sound);
    for (when, told) in [("\"2026-01-01T00:00:00Z\"", "3 d before"), ("\"2027-01-01T00:00:00Z\"", "30 d after")] {
        fs::write(folder.join("bad.toml"), with(&on_elements, start, when)).unwrap();
        refused(&folder, "bad.toml", &["site[0].orbit.tle", "2026-07-26T03:50:49", &when[1..11], told]);
    }
}

#[test]
fn all_faults_are_listed_at_once() {
    let folder = fresh_folder("all_faults");
    let text = with(PLAIN, "seed = 1", "seed = -1");
    let text = with(&text, "\"1.26 m2\"", "\"0 m2\"");
    let text = with(&text, "\"ksat-svalbard\"", "\"ksat-svalbart\"");
    fs::write(folder.join("bad.toml"), with(&text, "priority = 5", "priority = 10")).unwrap();
    refused(&folder, "bad.toml", &["3 faults", "mission.seed", "array.area", "job[0].priority"]);
    // Names are looked up once the text alone is sound.
    fs::write(folder.join("bad.toml"), with(PLAIN, "\"ksat-svalbard\"", "\"ksat-svalbart\"")).unwrap();
    refused(&folder, "bad.toml", &["station[0].catalog", "ksat-svalbart", "did you mean ksat-svalbard"]);
}

#[test]
fn a_file_that_is_no_mission_is_refused() {
    let folder = fresh_folder("a_file_that_is_no_mission");
    fs::write(folder.join("latin.toml"), b"[mission]\nname = \"caf\xe9\"\n").unwrap();
    fs::write(folder.join("empty.toml"), "").unwrap();
    fs::write(folder.join("binary.toml"), [0_u8; 100]).unwrap();
    // Forty gigabytes that take no room: only the allowed size may be read.
    File::create(folder.join("huge.toml")).unwrap().set_len(40 << 30).unwrap();
    fs::create_dir(folder.join("folder.toml")).unwrap();
    refused(&folder, "missing.toml", &["cannot read mission missing.toml", "No such file"]);
    refused(&folder, "folder.toml", &["cannot read mission folder.toml"]);
    refused(&folder, "latin.toml", &["latin.toml is not UTF-8 text"]);
    refused(&folder, "huge.toml", &["huge.toml is larger than 16777216 bytes"]);
    refused(&folder, "empty.toml", &["mission", "missing"]);
    refused(&folder, "binary.toml", &["binary.toml:1:1"]);
}

#[test]
fn what_is_no_run_is_not_replaced() {
    let folder = fresh_folder("what_is_no_run");
    hour(&folder);
    let fly = |out: &str| {
        let output = run(&folder, &["fly", "hour.toml", "--quiet", "--out", out]);
        (output.status.code(), said(&output))
    };
    let (code, said_of_folder) = fly(".");
    assert_eq!(code, Some(2), "{said_of_folder}");
    assert!(said_of_folder.contains("it holds hour.toml"), "{said_of_folder}");
    let (code, said_of_file) = fly("hour.toml");
    assert_eq!(code, Some(2), "{said_of_file}");
    assert!(said_of_file.contains("it is a file"), "{said_of_file}");

    assert_eq!(fly("run").0, Some(0));
    fs::write(folder.join("run/notes.txt"), "mine").unwrap();
    let (code, said_of_notes) = fly("run");
    assert_eq!(code, Some(2), "{said_of_notes}");
    assert!(said_of_notes.contains("notes.txt"), "{said_of_notes}");
    assert_eq!(fs::read(folder.join("run/notes.txt")).unwrap(), b"mine");

    fs::create_dir(folder.join("empty")).unwrap();
    assert_eq!(fly("empty").0, Some(0), "an empty folder is nobody's");
}

#[test]
fn a_folder_that_cannot_be_written_is_a_failed_run() {
    let folder = fresh_folder("a_folder_that_cannot");
    hour(&folder);
    fs::write(folder.join("file"), "").unwrap();
    let output = run(&folder, &["fly", "hour.toml", "--quiet", "--out", "file/run"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("cannot write file/"), "{}", said(&output));
}

#[test]
fn unknown_words_on_the_command_line_are_bad_input() {
    let folder = fresh_folder("unknown_words");
    for arguments in [&["banana"][..], &["fly"], &["fly", "a.toml", "--banana"], &["catalog", "list", "banana"], &[]] {
        assert_eq!(run(&folder, arguments).status.code(), Some(2), "{arguments:?}");
    }
    let near = run(&folder, &["catalog", "show", "h100-pci"]);
    assert_eq!(near.status.code(), Some(2));
    assert!(said(&near).contains("is \"h100-pcie\" meant?"), "{}", said(&near));
}

#[test]
fn a_reader_who_leaves_early_is_no_failure() {
    let folder = fresh_folder("a_reader_who_leaves");
    hour(&folder);
    for arguments in [&["catalog"][..], &["catalog", "show", "h100-pcie"], &["schema"], &["check", "hour.toml"]] {
        let mut command = sunward();
        command.current_dir(&folder).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", said(&output));
    }
}

/// Whether anything in `folder` may pass for a run: by its name, all of it is there.
fn assert_nothing_looks_whole_but_is_not(folder: &Path) {
    for name in entries(folder).iter().filter(|name| !name.starts_with('.') && !name.ends_with(".toml")) {
        assert_eq!(entries(&folder.join(name)), RUN_FILES, "{name} was left half-written");
    }
}

#[test]
fn a_run_that_is_killed_leaves_nothing_that_looks_whole() {
    let folder = fresh_folder("a_run_that_is_killed");
    // Sixteen satellites recorded in full, so that writing takes a while.
    let text = with(PLAIN, "compute = {", "count = 16\ncompute = {");
    let text = with(&text, "duration = \"12 h\"", "duration = \"10 d\"");
    fs::write(folder.join("long.toml"), text).unwrap();
    let partial = folder.join(".run.partial");
    // Once while it flies; then as soon as it has begun to write, and a little later.
    let mut struck_in_writing = 0;
    for delay_ms in [None, Some(0), Some(20), Some(60)] {
        let mut command = sunward();
        command.current_dir(&folder).args(["fly", "long.toml", "--quiet", "--out", "run"]).stdout(Stdio::null());
        let mut child = command.spawn().unwrap();
        while delay_ms.is_some() && !partial.exists() && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(delay_ms.unwrap_or(100)));
        child.kill().unwrap();
        child.wait().unwrap();
        struck_in_writing += u32::from(partial.exists());
        assert_nothing_looks_whole_but_is_not(&folder);
        let _ = fs::remove_dir_all(folder.join("run"));
        let _ = fs::remove_dir_all(&partial);
    }
    assert!(struck_in_writing > 0, "no run was killed while it wrote");
}

#[test]
fn what_a_killed_run_left_does_not_hinder_the_next() {
    let folder = fresh_folder("what_a_killed_run_left");
    hour(&folder);
    fs::create_dir(folder.join(".run.partial")).unwrap();
    fs::write(folder.join(".run.partial/summary.json"), "{").unwrap();
    let output = run(&folder, &["fly", "hour.toml", "--quiet", "--out", "run"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(entries(&folder), ["hour.toml", "run"]);
    assert_eq!(entries(&folder.join("run")), RUN_FILES);
}

#[test]
fn no_color_takes_the_color_away() {
    let folder = fresh_folder("no_color");
    let colored = |no_color: bool| {
        let mut command = sunward();
        // As on a terminal.
        command.env("IGNORE_IS_TERMINAL", "1").env("TERM", "xterm-256color").current_dir(&folder);
        if no_color {
            command.env("NO_COLOR", "1");
        }
        let output = command.args(["check", "missing.toml"]).output().unwrap();
        text(&output.stderr).contains('\u{1b}')
    };
    assert!(colored(false) && !colored(true));
}

/// Output word for word; `UPDATE_GOLDEN=1 cargo nextest run --release -p sunward golden` writes it anew.
#[test]
fn output_is_the_golden_one() {
    for (name, code, arguments) in [
        ("check-sound.txt", 0, &["check", "cubesat-12u.toml"][..]),
        ("check-broken.txt", 2, &["check", "broken.toml"]),
        ("check-broken.json", 2, &["check", "broken.toml", "--json"]),
        ("catalog-show-accelerator.txt", 0, &["catalog", "show", "h100-pcie"]),
        ("catalog-show-cell.txt", 0, &["catalog", "show", "azur-3g30c"]),
        ("catalog-list-kind.txt", 0, &["catalog", "list", "accelerator"]),
    ] {
        let output = run(&testdata(""), arguments);
        assert_eq!(output.status.code(), Some(code), "{name}: {}", said(&output));
        let shown = if code == 0 || name.ends_with("json") { &output.stdout } else { &output.stderr };
        let path = testdata(name);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&path, shown).unwrap();
        }
        assert_eq!(
            text(shown),
            mission_text(name),
            "{}: run with UPDATE_GOLDEN=1 if the new output is right",
            path.display()
        );
    }
}

#[test]
fn studies_answer_in_text_and_in_json() {
    let folder = fresh_folder("studies");
    let mission = hour(&folder).display().to_string();
    let compared = json(&run(&folder, &["compare", &mission, &mission, "--json", "--metric", "energy.generated"]));
    let values = compared["rows"][0]["values"].as_array().unwrap();
    assert_eq!(values[0], values[1]);
    assert!(values[0].as_f64().unwrap() > 0.0);

    let study = folder.join("study.toml");
    fs::write(&study, "[[assumption]]\nkey = \"site[0].array.area\"\nspread = { uniform = [\"1 m2\", \"1.5 m2\"] }\n")
        .unwrap();
    let study = study.display().to_string();
    let sweep = ["sweep", &mission, &study, "--sampling", "one-at-a-time", "--metric", "energy.available", "--json"];
    let bar = &json(&run(&folder, &sweep))[0];
    assert!(bar["low"].as_f64() < bar["centre"].as_f64() && bar["centre"].as_f64() < bar["high"].as_f64(), "{bar}");
    let shards = || entries(&folder.join("runs/study"));
    let before = shards();
    assert_eq!(json(&run(&folder, &sweep))[0], *bar, "a second sweep reads what the first left");
    assert_eq!(shards(), before);

    let odd = run(&folder, &["compare", &mission, &mission, "--metric", "work.deliverd"]);
    assert_eq!(odd.status.code(), Some(2));
    assert!(said(&odd).contains("work.deliverd"), "{}", said(&odd));
}

#[test]
fn published_claims_are_judged_with_their_working() {
    let claims = json(&run(&fresh_folder("claims"), &["claim", "--json"]));
    let verdicts: Vec<&str> =
        claims.as_array().unwrap().iter().map(|claim| claim["verdict"].as_str().unwrap()).collect();
    for verdict in ["holds", "fails", "depends"] {
        assert!(verdicts.contains(&verdict), "{verdicts:?}");
    }
    assert!(claims.as_array().unwrap().iter().all(|claim| !claim["working"].as_array().unwrap().is_empty()));
}

#[test]
fn single_claims_are_judged_by_their_numbers() {
    let folder = fresh_folder("single_claims");
    let judged = |claim: &str| {
        let arguments: Vec<&str> = ["claim"].into_iter().chain(claim.split(' ')).chain(["--json"]).collect();
        json(&run(&folder, &arguments))[0].clone()
    };
    for (claim, verdict, working) in [
        ("lifetime --altitude 325km --ballistic 60kg/m2 --for 11months", "fails", "F10.7 150, Ap 15: 38."),
        ("lifetime --altitude 325km --ballistic 60kg/m2 --for 10d", "holds", "days to 180 km"),
        ("mass-driver --velocity 2400m/s --length 494m --acceleration 100g", "fails", "2.937 km"),
        ("mass-driver --velocity 2380m/s --length 288.8m --acceleration 9806.65m/s2", "holds", "288.8 m"),
        ("launcher-power --velocity 2380m/s --mass 1Mt --power 149.6MW", "holds", "2.832 MJ/kg"),
        ("launched-power --mass 1Mt --specific-power 100kW/t --power 100GW", "holds", "100 GW"),
        ("latency --time 9.69ms --distance 8616km", "fails", "28.74 ms"),
        ("ten-times-cheaper --model starcloud,mccalip", "depends", "17.09 times cheaper"),
        ("ten-times-cheaper --times 0.1 --model starcloud,mccalip", "holds", "17.09 times cheaper"),
        (
            "ten-times-cheaper --model starcloud --set launch_price=50 --set tariff=0.04 --set pue=1.05",
            "depends",
            "starcloud, on the same inputs: 2.568 against 47.71",
        ),
    ] {
        let finding = judged(claim);
        assert_eq!(finding["verdict"], verdict, "{claim}");
        assert!(finding["working"].to_string().contains(working), "{claim}: {finding}");
    }
    for (claim, told) in [
        ("lifetime --altitude 3km --ballistic 60kg/m2 --for 11d", "outside the density table"),
        ("lifetime --altitude 325km --ballistic 60kg/m2 --for 11moons", "months"),
        ("mass-driver --velocity 2400m/s --length 494m --acceleration 100kg", "no number of g or m/s2"),
        ("ten-times-cheaper --set tarif=1", "is \"tariff\" meant?"),
        ("ten-times-cheaper --times 0 --model mccalip", "factor 0"),
    ] {
        let arguments: Vec<&str> = ["claim"].into_iter().chain(claim.split(' ')).collect();
        let refused = run(&folder, &arguments);
        assert_eq!(refused.status.code(), Some(2), "{claim}");
        assert!(said(&refused).contains(told), "{}", said(&refused));
    }
}

#[test]
fn published_models_take_any_of_their_inputs() {
    let folder = fresh_folder("models");
    let value = |arguments: &[&str], output: &str| {
        let all = [&["model"], arguments, &["--json"]].concat();
        json(&run(&folder, &all))["outputs"][output]["value"].as_f64().unwrap()
    };
    // To the last digit, as its authors' code prints it.
    assert_eq!(value(&["mccalip"], "orbital.lcoe"), 1166.5604656908738);
    assert_eq!(value(&["mccalip", "--set", "launchCostPerKg=2940"], "orbital.total_cost"), 122807082095.89041);
    let v3 = value(&["mccalip", "--preset", "v3"], "orbital.total_cost");
    assert!((v3 - 58_201_484_177.22).abs() < 0.01, "{v3}");
    assert!((value(&["starcloud"], "orbit.total") - 8.2).abs() < 1e-9);
    assert_eq!(value(&["turyshev", "--set", "ground_cost=40 USD/W"], "allowance"), 1000.0);
    let readable = run(&folder, &["model", "suncatcher"]);
    assert!(text(&readable.stdout).contains("launched_power") && readable.stderr.is_empty());
    assert_eq!(json(&run(&folder, &["model", "--json"])).as_array().unwrap().len(), 5);

    for (arguments, told) in [
        (&["mccalpi"][..], "is \"mccalip\" meant?"),
        (&["mccalip", "--set", "launch_cost_per_kgs=1"], "is \"launch_cost_per_kg\" meant?"),
        (&["mccalip", "--set", "launch_cost_per_kg=1 m"], "USD/kg"),
        (&["mccalip", "--set", "sun_fraction=1.3"], "sun fraction 1.3 is outside 0..=1"),
        (&["mccalip", "--set", "sun_fraction"], "is not INPUT=VALUE"),
        (&["mccalip", "--preset", "v9"], "v2-mini"),
    ] {
        let refused = run(&folder, &[&["model"], arguments].concat());
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}");
        assert!(said(&refused).contains(told), "{}", said(&refused));
    }
    let unusual = run(&folder, &["model", "mccalip", "--set", "years=20"]);
    assert!(said(&unusual).contains("years 20 is outside the authors' 3 to 10"), "{}", said(&unusual));
}

#[test]
fn models_stand_side_by_side_on_the_same_inputs() {
    let folder = fresh_folder("side_by_side");
    fs::write(folder.join("cheap.toml"), "launch_price = \"100 USD/kg\"\nyears = 5\n").unwrap();
    let models = "--model=mccalip,starcloud,suncatcher,turyshev";
    let compared = |more: &[&str]| json(&run(&folder, &[&["compare", models, "--json"], more].concat()));
    let [dear, cheap] = [compared(&[]), compared(&["--inputs", "cheap.toml"])];
    assert_eq!(cheap["inputs"]["launch_price"]["value"], 100.0);
    assert_eq!(cheap["inputs"]["launch_price"]["source"], "cheap.toml");
    for model in ["mccalip", "starcloud", "suncatcher", "turyshev"] {
        let launch = |all: &Value| all["models"][model]["orbit"]["terms"]["launch"]["usd"].as_f64().unwrap();
        assert!(launch(&cheap) < launch(&dear), "{model}");
    }
    let set = compared(&["--inputs", "cheap.toml", "--set", "launch_price=0.5 USD/kg"]);
    assert_eq!(set["inputs"]["launch_price"]["value"], 0.5, "the command line goes last");
    let readable = run(&folder, &["compare", "--model", "mccalip,starcloud"]);
    for part in ["no bus, no radiator", "0 of ", "starcloud has instead of", "ground over orbit"] {
        assert!(text(&readable.stdout).contains(part), "{part} is not in {}", text(&readable.stdout));
    }

    fs::write(folder.join("odd.toml"), "lunch_price = 1\n").unwrap();
    fs::write(folder.join("list.toml"), "years = [1]\n").unwrap();
    for (arguments, told) in [
        (&["--model", "mccalpi"][..], "is \"mccalip\" meant?"),
        (&["--model", "mccalip", "--set", "years=1.5"], "whole numbers from 1 to 100"),
        (&["--model", "mccalip", "--set", "tariff=1 kg"], "USD/MWh"),
        (&["--model", "mccalip", "--inputs", "odd.toml"], "is \"launch_price\" meant?"),
        (&["--model", "mccalip", "--inputs", "list.toml"], "years is neither a number nor text"),
        (&["--model", "mccalip", "--inputs", "none.toml"], "none.toml"),
        (&["a.toml", "b.toml", "--set", "years=1"], "that --model names"),
        (&[], "MISSIONS"),
    ] {
        let refused = run(&folder, &[&["compare"], arguments].concat());
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}");
        assert!(said(&refused).contains(told), "{}", said(&refused));
    }
}

/// One year and a life of a year, so that the flights are short.
#[test]
fn the_twin_is_flown_from_the_same_inputs() {
    let folder = fresh_folder("twin_column");
    let compared = |more: &[&str]| {
        let arguments =
            ["compare", "--model", "mccalip,twin", "--json", "--set", "years=1", "--set", "satellite_life=1"];
        json(&run(&folder, &[&arguments, more].concat()))
    };
    let number =
        |all: &Value, path: &str| all.pointer(path).and_then(Value::as_f64).unwrap_or_else(|| panic!("{path}"));
    let dawn = compared(&[]);
    let satellites = |all: &Value| number(all, "/models/twin/results/satellites/value");
    let sun = |all: &Value| -> f64 {
        let told = all.pointer("/models/twin/instead/sun_fraction").unwrap().as_str().unwrap();
        told.split(' ').next().unwrap().parse().unwrap()
    };
    // facts of the dawn-dusk orbit at 550 km: 4.8 to 5.0 % of a year in shadow, less the year's start.
    assert!((0.94..0.97).contains(&sun(&dawn)), "{}", sun(&dawn));
    assert!(
        satellites(&dawn) > number(&dawn, "/models/mccalip/results/satellites/value"),
        "conversion and bus take their share"
    );
    // Noon: more than a third of each orbit in shadow, for which the batteries are too small.
    let noon = compared(&["--set", "local_time=12"]);
    assert!(sun(&noon) < 0.66 && satellites(&noon) > 1.4 * satellites(&dawn));
    // Launch is mass times price, twice as much at twice the price; the fleet stays.
    let dear = compared(&["--set", "launch_price=1000"]);
    let launch = |all: &Value| number(all, "/models/twin/orbit/terms/launch/usd");
    assert_eq!(satellites(&dear), satellites(&dawn));
    assert!((launch(&dear) / launch(&dawn) - 2.0).abs() < 1e-9);
    let mass = number(&dawn, "/models/twin/results/mass/value") * 1e3;
    let lives = 365.0 / 365.25;
    assert!((launch(&dawn) / (mass * 500.0 * lives) - 1.0).abs() < 1e-9, "{} for {mass} kg", launch(&dawn));
    // The ground: electricity of the computers at the tariff, and water.
    let used = number(&dawn, "/models/twin/ground/terms/electricity/usd_per_mwh");
    assert!((used - 81.0).abs() < 1e-6, "{used}");
    assert!((number(&dawn, "/models/twin/ground/terms/cooling/usd_per_mwh") / used - 0.2).abs() < 1e-3);

    let never = run(&folder, &["compare", "--model", "twin", "--set", "failure=0"]);
    assert_eq!(never.status.code(), Some(2));
    assert!(said(&never).contains("permanent_failure_rate"), "{}", said(&never));
    let small = run(&folder, &["compare", "--model", "twin", "--set", "satellite_power=0.5"]);
    assert!(said(&small).contains("feeds no accelerator"), "{}", said(&small));
}

#[test]
fn an_ephemeris_message_has_a_state_for_every_step() {
    let folder = fresh_folder("oem");
    let mission = hour(&folder).display().to_string();
    let message = run(&folder, &["oem", &mission, "--frame", "earth-fixed"]);
    assert_eq!(message.status.code(), Some(0), "{}", said(&message));
    let states = text(&message.stdout).lines().filter(|line| line.starts_with("20")).count();
    let steps = json(&run(&folder, &["fly", &mission, "--json", "--quiet"]))["header"]["steps"].as_u64().unwrap();
    assert_eq!(states as u64, steps + 1);
    let odd = run(&folder, &["oem", &mission, "--site", "nobody"]);
    assert_eq!(odd.status.code(), Some(2));
    assert!(said(&odd).contains("nobody"), "{}", said(&odd));
}

/// The whole of it is fetched in the tests of fetch.rs; here no text comes that has the right checksum.
#[test]
fn pulling_a_text_says_what_went_wrong_and_keeps_nothing() {
    use std::io::{Read, Write};
    let folder = fresh_folder("data");
    let listed = json(&run(&folder, &["data", "list", "--json"]));
    assert_eq!(listed[0]["name"], "shakespeare");
    assert!(text(&run(&folder, &["data", "list"]).stdout).contains("public domain"));

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1115394\r\nConnection: close\r\n\r\n").unwrap();
        stream.write_all(&[b'a'; 1_115_394]).unwrap();
    });
    let pull = ["data", "pull", "shakespeare", "--url", &url, "--quiet"];
    let wrong = run(&folder, &pull);
    server.join().unwrap();
    assert_eq!((wrong.status.code(), wrong.stdout.len()), (Some(1), 0), "{}", said(&wrong));
    assert!(said(&wrong).contains("expected 1115394 bytes with SHA-256 86c4e6aa9db7c042"), "{}", said(&wrong));
    assert_eq!(entries(&folder.join("data")), [""; 0]);
    // Nobody listens there any more.
    let gone = run(&folder, &pull);
    assert_eq!(gone.status.code(), Some(1));
    assert!(said(&gone).contains("cannot be reached"), "{}", said(&gone));

    let odd = run(&folder, &["data", "pull", "shakespear"]);
    assert_eq!(odd.status.code(), Some(2));
    assert!(said(&odd).contains("is \"shakespeare\" meant?"), "{}", said(&odd));
    fs::write(folder.join("mine.txt"), "mine").unwrap();
    let foreign = run(&folder, &["data", "pull", "shakespeare", "--out", "mine.txt", "--url", &url]);
    assert_eq!(foreign.status.code(), Some(2), "{}", said(&foreign));
}

/// The network of the test data has random weights: what counts is that an answer comes, twice the same.
#[test]
fn chat_answers_a_line_and_refuses_a_folder_without_a_model() {
    use std::io::Write;
    let folder = fresh_folder("chat");
    let model = testdata("../gemma/gemma3").display().to_string();
    let talk = || {
        let arguments = ["chat", &model, "--weights", "f32", "--temperature", "0", "--tokens", "12"];
        let mut child = sunward().args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(b"hello\n").unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        output.stdout
    };
    let answer = talk();
    assert!(answer.len() > 1, "an answer and its line end");
    assert_eq!(talk(), answer);
    let refused = run(&folder, &["chat", "."]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(said(&refused).contains("config.json"), "{}", said(&refused));
    let long = "the clock ".repeat(99);
    let refused = run(&folder, &["chat", &model, "--prompt", &long]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(said(&refused).contains("prompt: expected at most 128 tokens"), "{}", said(&refused));
}

/// Reference: testdata/gemma/models.py, whose greedy continuation is that of a prompt of tokens; here the text's own is told.
#[test]
fn chat_tells_tokens_and_logits_for_other_tools() {
    let folder = fresh_folder("chat_json");
    let model = testdata("../gemma/odd").display().to_string();
    let asked = ["chat", &model, "--weights", "f32", "--temperature", "0", "--tokens", "5", "--json", "--logits", "l"];
    let talk = |more: &[&str]| {
        let output = run(&folder, &[&asked[..], more].concat());
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    let told = talk(&["--plain", "--prompt", "The satellite leaves the shadow."]);
    let reference: serde_json::Value =
        serde_json::from_slice(&fs::read(testdata("../gemma/odd/expected.json")).unwrap()).unwrap();
    let prompt = told["prompt_tokens"].as_array().unwrap();
    assert_eq!(told["prompt_tokens"], reference["encoded"][2]["tokens"]);
    assert_eq!((told["tokens"].as_array().unwrap().len(), &told["end"]), (5, &"length".into()));
    let bytes = fs::read(folder.join("l")).unwrap();
    let mut logits = vec![0.0; prompt.len() * 449];
    let file = sunward_ai::tensor_file::TensorFile::read("l", &bytes).unwrap();
    file.copy_f32("logits", &[prompt.len(), 449], &mut logits).unwrap();
    let last = &logits[(prompt.len() - 1) * 449..];
    let likeliest = (0..449).max_by(|a, b| last[*a].total_cmp(&last[*b])).unwrap();
    assert_eq!(told["tokens"][0], likeliest);
    let talked = talk(&["--prompt", "Hi"]);
    assert_eq!(talked["prompt"], "<start_of_turn>user\nHi<end_of_turn>\n<start_of_turn>model\n");
}
