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
