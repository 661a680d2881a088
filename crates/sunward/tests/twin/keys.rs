//! Changing any key of a mission changes a result.
//!
//! The mission testdata/cli/every-key-flown.toml holds every key; each place of each key is given another value, the mission is
//! flown, and the tables of the record and the summary are compared with those of the mission as it stands. What names a run (its
//! name, hashes and seed) is left out of the comparison.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rayon::prelude::*;
use sunward::payloads::Payloads;
use sunward::{Control, Mission};
use sunward_ai::memo::{Forgetful, Store};
use sunward_mission::{Key, Kind};
use toml::{Table, Value};

use crate::flight::{happened, mission_text, testdata};

const FILE: &str = "every-key-flown.toml";

/// Keys that name and describe and from which nothing follows. The standard's fields are kept so that a message can be pasted whole.
const LABELS: [&str; 9] = [
    "mission.name",
    "site[].orbit.omm.CLASSIFICATION_TYPE",
    "site[].orbit.omm.ELEMENT_SET_NO",
    // SGP4 takes its drag from BSTAR (Hoots and Roehrich 1980); these belong to the older SGP.
    "site[].orbit.omm.MEAN_MOTION_DDOT",
    "site[].orbit.omm.MEAN_MOTION_DOT",
    "site[].orbit.omm.NORAD_CAT_ID",
    "site[].orbit.omm.OBJECT_ID",
    "site[].orbit.omm.OBJECT_NAME",
    "site[].orbit.omm.REV_AT_EPOCH",
];

/// Keys with one allowed value.
const ONE_VALUE: [&str; 5] = [
    // Byte pairs need a list of merges, and characters none.
    "job[].executed.vocabulary",
    // Another kind of job needs other keys.
    "job[].kind",
    // The catalog holds one fuel.
    "site[].ground.fuel",
    // The catalog holds one battery cell.
    "site[].battery.cell",
    // 0 is SGP4.
    "site[].orbit.omm.EPHEMERIS_TYPE",
];

/// Other values where the rule of [`other`] gives none that is allowed.
const CHOSEN: [(&str, &str); 42] = [
    ("job[].executed.defences.gradient_norm", "2"),
    ("job[].executed.defences.loss_spike", "0.3"),
    ("job[].executed.defences.ranges", "2"),
    ("job[].executed.checkpoint", "other-network.safetensors"),
    ("job[].executed.from", "learn-pairs"),
    ("job[].executed.heads", "4"),
    ("job[].executed.merges", "few-merges.txt"),
    ("job[].executed.model", "../gemma/gemma2"),
    ("job[].executed.prompts", "broken.toml"),
    ("job[].executed.text", "cubesat-12u.toml"),
    ("job[].executed.top_p", "0.5"),
    ("job[].executed.width", "24"),
    ("job[].precision", "fp32"),
    ("job[].site", "priced"),
    ("job[].weight_bits", "16"),
    ("mission.start", "2026-07-26T15:00:00Z"),
    ("mission.step", "120 s"),
    ("override[].key", "site[1].array.cell.efficiency"),
    ("override[].value", "25 %"),
    ("record.sites[]", "shell-4"),
    ("cost.launch_learning_rate", "30 %"),
    ("cost.price_year", "2027"),
    ("site[].array.cell", "silicon-leo"),
    ("site[].cost.launcher", "rideshare"),
    ("site[].cost.replace_below", "50 %"),
    ("site[].count", "6"),
    ("site[].flown", "4"),
    ("site[].ground.facility", "aws-fleet"),
    ("site[].ground.grid", "coal"),
    ("site[].ground.longitude", "-50 deg"),
    ("site[].ground.tariff", "starcloud-paper-ground"),
    ("site[].compute.accelerator", "b200"),
    ("site[].orbit.mean.semi_major_axis", "7100 km"),
    ("site[].orbit.omm.EPOCH", "2026-07-26T03:50:00"),
    ("site[].orbit.omm.MEAN_MOTION", "15.1"),
    ("site[].orbit.omm.MEAN_MOTION_DDOT", "1e-9"),
    ("site[].orbit.sun_synchronous.local_time", "06:30"),
    ("site[].orbit.walker.planes", "4"),
    ("site[].orbit.walker.phasing", "0"),
    ("site[].orbit.walker.satellites", "6"),
    ("site[].thermal.radiator_coating", "black-anodize"),
    ("station[].catalog", "ksat-punta-arenas"),
];

/// The satellite a revolution later: mean anomaly 1 deg on, checksum 1 up.
const OTHER_ELEMENTS: &str = "1 66303U 25248L   26207.16029198  .00005005  00000-0  22976-3 0  9991\n\
                              2 66303  45.3997 271.0639 0006322 268.1150  92.9012 15.21652070 40478\n";

/// Where a value stands: keys and indices.
#[derive(Debug, Clone)]
enum Step {
    Key(String),
    Index(usize),
}

fn places(value: &Value, path: &mut Vec<Step>, found: &mut Vec<Vec<Step>>) {
    match value {
        Value::Table(table) => {
            for (key, value) in table {
                path.push(Step::Key(key.clone()));
                places(value, path, found);
                path.pop();
            }
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                path.push(Step::Index(index));
                places(value, path, found);
                path.pop();
            }
        }
        _ => found.push(path.clone()),
    }
}

/// The path as [`Mission::keys`] writes it: `site[].array.area`.
fn pattern(place: &[Step]) -> String {
    place.iter().fold(String::new(), |path, step| match step {
        Step::Index(_) => path + "[]",
        Step::Key(key) if path.is_empty() => key.clone(),
        Step::Key(key) => path + "." + key,
    })
}

fn at<'a>(value: &'a mut Value, place: &[Step]) -> &'a mut Value {
    place.iter().fold(value, |value, step| match step {
        Step::Key(key) => &mut value[key.as_str()],
        Step::Index(index) => &mut value[*index],
    })
}

/// Another value for a key: the next word, a count or number 1.3 times as large, the other flag.
fn other(key: &Key, value: &Value) -> Option<Value> {
    if let Some((_, chosen)) = CHOSEN.iter().find(|(path, _)| *path == key.path) {
        return Some(match value {
            Value::Integer(_) => Value::Integer(chosen.parse().unwrap()),
            Value::Float(_) => Value::Float(chosen.parse().unwrap()),
            _ => Value::String((*chosen).to_owned()),
        });
    }
    Some(match (&key.kind, value) {
        (Kind::TwoLines, _) => Value::String(OTHER_ELEMENTS.to_owned()),
        (Kind::Words(words), Value::String(word)) => {
            let here = words.iter().position(|known| known.word == word)?;
            Value::String(words[(here + 1) % words.len()].word.to_owned())
        }
        (Kind::Name | Kind::Text, Value::String(name)) if !key.path.ends_with("platform") => {
            Value::String(format!("{name}-other"))
        }
        (_, Value::String(text)) if key.path.ends_with("platform") => {
            Value::String(if text == "microsat-60kg" { "suncatcher-node" } else { "microsat-60kg" }.to_owned())
        }
        (_, Value::String(text)) => {
            let split = text.find(' ').unwrap_or(text.len());
            Value::String(format!("{}{}", larger(text[..split].parse().ok()?), &text[split..]))
        }
        // Past every other job, or behind all of them.
        (_, Value::Integer(rank)) if key.path == "job[].priority" => Value::Integer(if *rank < 5 { 9 } else { 1 }),
        (_, Value::Boolean(flag)) => Value::Boolean(!flag),
        (_, Value::Float(number)) => Value::Float(larger(*number)),
        (_, Value::Integer(count)) if *count >= 100 => Value::Integer(count * 13 / 10),
        (_, Value::Integer(count)) => Value::Integer(count + 1),
        _ => return None,
    })
}

/// Rounded to a few figures, as a person would write it.
fn larger(number: f64) -> f64 {
    format!("{:.6e}", number * 1.3).parse().unwrap()
}

/// Gives a satellite or a job its new name at the keys that speak of it.
fn rename(mission: &mut Value, keys: &[&str], old: &str, new: &str) {
    let mut all = Vec::new();
    places(mission, &mut Vec::new(), &mut all);
    for place in all.iter().filter(|place| keys.contains(&pattern(place).as_str())) {
        let name = at(mission, place);
        let told = name.as_str().unwrap().to_owned();
        match told.strip_prefix(old) {
            Some("") => *name = Value::String(new.to_owned()),
            Some(number) if number.starts_with('-') => *name = Value::String(format!("{new}{number}")),
            _ => {}
        }
    }
}

fn text(mission: &Value) -> String {
    mission.as_table().expect("a mission is a table").to_string()
}

fn changed(mission: &Value, place: &[Step], key: &Key) -> Option<String> {
    let mut mission = mission.clone();
    let old = at(&mut mission, place).clone();
    let new = other(key, &old)?;
    if old == new {
        return None;
    }
    *at(&mut mission, place) = new.clone();
    match key.path.as_str() {
        "site[].name" => rename(&mut mission, &["job[].site", "record.sites[]"], old.as_str()?, new.as_str()?),
        "job[].name" => rename(&mut mission, &["job[].executed.from"], old.as_str()?, new.as_str()?),
        _ => {}
    }
    Some(text(&mission))
}

#[test]
fn the_mission_states_every_key() {
    let mission = Value::Table(mission_text(FILE).parse::<Table>().unwrap());
    let mut all = Vec::new();
    places(&mission, &mut Vec::new(), &mut all);
    let stated: BTreeSet<String> = all.iter().map(|place| pattern(place)).collect();
    let known: BTreeSet<String> = Mission::keys().into_iter().map(|key| key.path).collect();
    assert_eq!(stated, known);
}

/// What comes of a mission, its networks really trained, without what names the run.
fn result(text: &str) -> Result<Vec<(String, Vec<u8>)>, String> {
    let world = sunward::read(text, FILE).map_err(|faults| faults.to_text())?;
    let forgetful: Arc<dyn Store> = Arc::new(Forgetful);
    let payloads =
        Payloads::of_world(&world, &testdata(""), None, &forgetful, None).map_err(|error| error.to_string())?;
    let outcome = sunward::fly_executed(&world, &payloads, &mut |_| Control::Continue);
    outcome.map(|outcome| happened(&outcome)).map_err(|error| error.to_string())
}

/// What is wrong with the value at `place`: that another one does not fly, that it changes nothing, or that a label does.
fn wrong(mission: &Value, place: &[Step], key: &Key, before: &[(String, Vec<u8>)]) -> Option<String> {
    let Some(text) = changed(mission, place, key) else { return Some(format!("{place:?}: no other value")) };
    let after = match result(&text) {
        Ok(after) => after,
        Err(told) => return Some(format!("{place:?}: {told}")),
    };
    match (after != before, LABELS.contains(&key.path.as_str())) {
        (true, false) | (false, true) => None,
        (true, true) => Some(format!("{place:?}: a label changes a result")),
        (false, false) => Some(format!("{place:?}: changes nothing")),
    }
}

#[test]
fn changing_any_key_changes_a_result() {
    let mission = Value::Table(mission_text(FILE).parse::<Table>().unwrap());
    let keys: BTreeMap<String, Key> = Mission::keys().into_iter().map(|key| (key.path.clone(), key)).collect();
    let before = result(&text(&mission)).unwrap();
    assert!(before == result(&text(&mission)).unwrap(), "flown twice, the mission itself differs");
    let mut all = Vec::new();
    places(&mission, &mut Vec::new(), &mut all);
    all.retain(|place| !ONE_VALUE.contains(&pattern(place).as_str()));
    let wrong: Vec<String> =
        all.par_iter().filter_map(|place| wrong(&mission, place, &keys[&pattern(place)], &before)).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
