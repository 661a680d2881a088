//! The commands that fly a mission many times, as a user meets them.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::cli::{entries, hour, json, run, said, text};
use crate::flight::{fresh_folder, with};

/// An array between two ends, its mass at 5 kg for each m2 added to the satellite's.
const DESIGN: &str = r#"
[[design]]
key = "site[0].array.area"
spread = { uniform = ["0.5 m2", "3 m2"] }

[[design]]
key = "site[0].battery.energy"
spread = { uniform = ["0.4 kWh", "1.2 kWh"] }

[[follower]]
key = "site[0].mass.dry"
from = [{ of = "site[0].array.area", per = "1 m2", adds = "5 kg" }, { of = "site[0].battery.energy", per = "150 Wh", adds = "1 kg" }]
"#;

fn study(folder: &Path, text: &str) -> &'static str {
    fs::write(folder.join("study.toml"), text).unwrap();
    "study.toml"
}

/// The lightest satellite with at least 1.5 kWh from its array in the hour is the one with no more array than that needs and the
/// smallest battery: energy goes with the area.
#[test]
fn the_best_design_is_a_mission_that_flies() {
    let folder = fresh_folder("optimize_one");
    hour(&folder);
    let aims = "[[objective]]\nminimise = \"launched\"\n[[constraint]]\nmetric = \"energy.available\"\nat_least = \"0.5 kWh\"\n";
    let study = study(&folder, &format!("{DESIGN}{aims}"));
    let search = ["optimize", "hour.toml", study, "--evaluations", "180", "--seed", "3", "--out", "search"];
    let first = run(&folder, &search);
    assert_eq!(first.status.code(), Some(0), "{}", said(&first));
    assert!(text(&first.stdout).contains("site[0].array.area") && text(&first.stdout).contains("m\u{b2}"));
    let left = ["best.toml", "designs.csv", "designs.parquet", "evaluations.tsv", "front.csv", "front.parquet"];
    assert!(left.iter().all(|name| folder.join("search").join(name).exists()), "{:?}", entries(&folder.join("search")));
    let found = json(&run(&folder, &[&search[..], &["--json"]].concat()));
    let best = &found["front"][0];
    let energy = best["metrics"]["energy.available"].as_f64().unwrap() / 3.6e6;
    assert!((0.5..0.51).contains(&energy), "{energy} kWh");
    let battery = best["values"]["site[0].battery.energy"].as_f64().unwrap() / 3.6e6;
    assert!((0.4..0.44).contains(&battery), "{battery} kWh");
    let flown = json(&run(&folder, &["fly", "search/best.toml", "--json", "--quiet", "--modelled"]));
    assert_eq!(flown["launched"], best["metrics"]["launched"]);
    assert_eq!(flown["energy"]["available"], best["metrics"]["energy.available"]);
    let again = run(&folder, &search);
    assert!(said(&again).contains("(0 flown now)"), "a second search flies nothing: {}", said(&again));
    assert_eq!(first.stdout, again.stdout);
}

#[test]
fn a_front_trades_one_aim_for_the_other() {
    let folder = fresh_folder("optimize_two");
    hour(&folder);
    let aims = "[[objective]]\nminimise = \"launched\"\n[[objective]]\nmaximise = \"energy.available\"\n";
    let study = study(&folder, &format!("{DESIGN}{aims}"));
    let search =
        ["optimize", "hour.toml", study, "--evaluations", "160", "--population", "20", "--json", "--out", "out"];
    let found = json(&run(&folder, &search));
    let front = found["front"].as_array().unwrap();
    let of = |design: &Value, metric: &str| design["metrics"][metric].as_f64().unwrap();
    assert!(front.len() > 5, "{} designs", front.len());
    for pair in front.windows(2) {
        assert!(of(&pair[0], "launched") < of(&pair[1], "launched"));
        assert!(of(&pair[0], "energy.available") < of(&pair[1], "energy.available"));
    }
    let missions = entries(&folder.join("out")).iter().filter(|name| name.starts_with("design-")).count();
    assert_eq!(missions, front.len());
}

#[test]
fn what_nobody_chooses_is_not_optimised() {
    let folder = fresh_folder("optimize_refused");
    hour(&folder);
    let refused = |study_text: &str, more: &[&str]| {
        let study = study(&folder, study_text);
        let output = run(&folder, &[&["optimize", "hour.toml", study, "--out", "out"], more].concat());
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        said(&output)
    };
    let aim = "[[objective]]\nmaximise = \"work.computed\"\n";
    let albedo = "[[assumption]]\nkey = \"environment.albedo\"\nspread = { uniform = [0.2, 0.4] }\n";
    let told = refused(&format!("{DESIGN}{albedo}{aim}"), &["--over", "environment.albedo"]);
    assert!(told.contains("environment.albedo is an assumption: it can be swept, but not optimised"), "{told}");
    let told = refused(&format!("{}{aim}", with(albedo, "assumption", "design")), &[]);
    assert!(told.contains("environment.albedo is an assumption"), "{told}");
    let told = refused(&format!("{DESIGN}[[objective]]\nmaximise = \"work.computd\"\n"), &[]);
    assert!(told.contains("did you mean \"work.computed\"?"), "{told}");
    assert!(refused(DESIGN, &[]).contains("objectives is 0"));
    let misfit = "[[constraint]]\nmetric = \"heat.chip_max\"\nat_most = \"80 W\"\n";
    assert!(refused(&format!("{DESIGN}{aim}{misfit}"), &[]).contains("\"W\" is not a unit of temperature"));
    let told = run(&folder, &["optimize", "hour.toml", "study.toml"]);
    assert_eq!(told.status.code(), Some(2), "{}", said(&told));
}

/// More array gives more energy in every draw that both missions share; a mission against itself is even.
#[test]
fn two_missions_are_swept_with_the_same_draws() {
    let folder = fresh_folder("sweep_against");
    let mission = hour(&folder);
    let larger = with(&fs::read_to_string(mission).unwrap(), "area = \"1.26 m2\"", "area = \"1.3 m2\"");
    fs::write(folder.join("larger.toml"), larger).unwrap();
    let study = study(
        &folder,
        r#"
        [[assumption]]
        key = "site[0].array.cell.efficiency"
        spread = "catalog"
        cause = "cells"
        [[assumption]]
        key = "environment.solar_irradiance"
        spread = { uniform = ["1300 W/m2", "1400 W/m2"] }
        "#,
    );
    let sweep = |against: &str, more: &[&str]| {
        let fixed =
            ["sweep", "larger.toml", study, "--against", against, "--metric", "energy.available", "--runs", "24"];
        run(&folder, &[&fixed[..], more].concat())
    };
    let compared = |against: &str| json(&sweep(against, &["--json", "--out", "swept"]))[1].clone();
    let found = compared("hour.toml");
    assert_eq!(found["probability_higher"]["value"], 1.0, "{found}");
    let ratio = found["ratio"][1]["value"].as_f64().unwrap();
    assert!((ratio - 1.3 / 1.26).abs() < 1e-3, "the draws, which move both by a tenth, cancel: {ratio}");
    assert_eq!(compared("larger.toml")["probability_higher"]["value"], 0.5);
    let refused = sweep("hour.toml", &["--sampling", "grid"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(said(&refused).contains("draws that both missions share"), "{}", said(&refused));
}

/// The page needs nothing from elsewhere, and is the same each time.
#[test]
fn studies_leave_pages_and_tables() {
    let folder = fresh_folder("study_pages");
    hour(&folder);
    let study = study(&folder, DESIGN);
    for (sampling, title) in
        [("latin-hypercube", "Spread of"), ("one-at-a-time", "What moves"), ("saltelli", "What makes")]
    {
        let sweep =
            ["sweep", "hour.toml", study, "--runs", "4", "--sampling", sampling, "--metric", "energy.available"];
        let output = run(&folder, &[&sweep[..], &["--out", sampling]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        let read = |name: &str| fs::read_to_string(folder.join(sampling).join(name)).unwrap();
        let page = read("report.html");
        assert!(page.contains(&format!("{title} energy.available")) && page.contains("<svg"), "{sampling}");
        assert!(page.contains("Assumptions of hour.toml") && page.contains("Not modelled"), "{sampling}");
        assert!(!page.contains("<script") && !page.contains("<link") && !page.contains("href"), "self-contained");
        let csv = read("runs.csv");
        assert!(csv.starts_with("run,site[0].array.area [m2],site[0].battery.energy [J],energy.available [J],error\n"));
        run(&folder, &[&sweep[..], &["--out", sampling]].concat());
        assert_eq!(page, read("report.html"));
    }
    let compare = run(&folder, &["compare", "hour.toml", "hour.toml", "--out", "compared"]);
    assert_eq!(compare.status.code(), Some(0), "{}", said(&compare));
    assert_eq!(
        entries(&folder.join("compared")),
        ["comparison.csv", "comparison.json", "comparison.parquet", "report.html"]
    );
}

/// Energy goes with the area of the array, so that twice the energy needs twice the area.
#[test]
fn a_break_even_is_found_between_its_ends() {
    let folder = fresh_folder("breakeven");
    let mission = hour(&folder);
    let twice = with(&fs::read_to_string(mission).unwrap(), "area = \"1.26 m2\"", "area = \"2.52 m2\"");
    fs::write(folder.join("twice.toml"), twice).unwrap();
    let breakeven = |more: &[&str]| {
        let fixed = ["breakeven", "hour.toml", "--key", "site[0].array.area", "--metric", "energy.available"];
        run(&folder, &[&fixed[..], more].concat())
    };
    let found = json(&breakeven(&["--between", "1 m2", "4 m2", "--against", "twice.toml", "--json"]));
    assert!((found["value"].as_f64().unwrap() - 2.52).abs() < 1e-4, "{found}");
    let reached = found["reached"].as_f64().unwrap();
    let equals = format!("{} kWh", reached / 3.6e6);
    let again = json(&breakeven(&["--between", "1 m2", "4 m2", "--equals", &equals, "--json"]));
    assert!((again["value"].as_f64().unwrap() - 2.52).abs() < 1e-4, "{again}");
    assert!(text(&breakeven(&["--between", "1 m2", "4 m2", "--equals", &equals]).stdout).contains("2.52 m\u{b2}"));
    let none = breakeven(&["--between", "3 m2", "4 m2", "--equals", &equals]);
    assert_eq!(none.status.code(), Some(1));
    assert!(said(&none).contains("for site[0].array.area of 3 m\u{b2} and 4 m\u{b2}, of one sign"), "{}", said(&none));
    let wrong = breakeven(&["--between", "3 kg", "4 kg", "--equals", &equals]);
    assert_eq!(wrong.status.code(), Some(2), "{}", said(&wrong));
}
