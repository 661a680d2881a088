//! Every key, walked: it is read, its range holds, it changes the hash, and the schema and the reference name it.

use std::collections::BTreeSet;
use std::fs;

use sunward_mission::{FaultKind, Key, Kind, Mission, Need, reference_markdown, schema};
use toml::{Table, Value};

fn every_key() -> Table {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/mission/every-key.toml");
    fs::read_to_string(path).unwrap().parse().unwrap()
}

/// Paths of all values, `[]` for any index.
fn paths(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Table(table) => {
            for (key, value) in table {
                paths(value, &if path.is_empty() { key.clone() } else { format!("{path}.{key}") }, found);
            }
        }
        Value::Array(list) => list.iter().for_each(|value| paths(value, &format!("{path}[]"), found)),
        _ => {
            found.insert(path.to_owned());
        }
    }
}

/// The values under `path`, in every list that has it.
fn values<'a>(value: &'a mut Value, path: &[&str]) -> Vec<&'a mut Value> {
    match (path, value) {
        ([], value) => vec![value],
        (["[]", rest @ ..], Value::Array(list)) => list.iter_mut().flat_map(|value| values(value, rest)).collect(),
        ([key, rest @ ..], Value::Table(table)) => {
            table.get_mut(*key).map_or_else(Vec::new, |value| values(value, rest))
        }
        _ => Vec::new(),
    }
}

fn steps(path: &str) -> Vec<String> {
    path.replace("[]", ".[]").split('.').map(str::to_owned).collect()
}

/// The mission of every key with the value of `key` replaced, once for each place that has it.
fn replaced(key: &Key, new: &Value) -> Vec<String> {
    let steps = steps(&key.path);
    let steps = steps.iter().map(String::as_str).collect::<Vec<_>>();
    let whole = Value::Table(every_key());
    let count = values(&mut whole.clone(), &steps).len();
    let texts = (0..count).map(|place| {
        let mut whole = whole.clone();
        *values(&mut whole, &steps)[place] = new.clone();
        whole.as_table().unwrap().to_string()
    });
    texts.collect()
}

fn value(kind: &Kind, text: &str) -> Value {
    match kind {
        Kind::Count => Value::Integer(text.parse().unwrap()),
        Kind::Number => Value::Float(text.parse().unwrap()),
        Kind::Flag => Value::Boolean(text.parse().unwrap()),
        _ => Value::String(text.to_owned()),
    }
}

/// Values that the key may take; at least one differs from the one in the file.
fn alternatives(key: &Key) -> Vec<Value> {
    let texts = match (&key.kind, key.range) {
        (Kind::Flag, _) => return vec![Value::Boolean(false), Value::Boolean(true)],
        (Kind::Count, Some((low, high))) => vec![low, "12", high],
        (_, Some((low, high))) => vec![low, high],
        (Kind::Words(words), _) => words.iter().map(|word| word.word).collect(),
        (Kind::Instant, _) => vec!["2027-01-01T00:00:00Z"],
        (Kind::Epoch, _) => vec!["2027-01-01T00:00:00"],
        (Kind::LocalTime, _) => vec!["18:30:01.5"],
        (Kind::TwoLines, _) => vec![
            // Vallado et al. 2006, "Revisiting Spacetrack Report #3", verification case 00005.
            "1 00005U 58002B   00179.78495062  .00000023  00000-0  28098-4 0  4753\n\
             2 00005  34.2682 348.7242 1859667 331.7664  19.3264 10.82419157413667",
        ],
        _ => vec!["sat-mean", "other"],
    };
    texts.into_iter().map(|text| value(&key.kind, text)).collect()
}

#[test]
fn the_file_of_every_key_has_every_key_and_no_other() {
    let mut given = BTreeSet::new();
    paths(&Value::Table(every_key()), "", &mut given);
    let known = Mission::keys().into_iter().map(|key| key.path).collect::<BTreeSet<_>>();
    assert_eq!(given, known);
}

#[test]
fn every_key_changes_the_hash() {
    let before = Mission::read(&every_key().to_string(), "m.toml").unwrap().hash();
    for key in Mission::keys() {
        let texts = alternatives(&key).iter().flat_map(|value| replaced(&key, value)).collect::<Vec<_>>();
        let read = texts.iter().filter_map(|text| Mission::read(text, "m.toml").ok());
        let changed = read.filter(|mission| mission.hash() != before).count();
        // Another kind of job or of tokens needs other keys; the ephemeris type has one value.
        let fixed = ["job[].kind", "job[].executed.vocabulary", "site[].orbit.omm.EPHEMERIS_TYPE"];
        let cannot_change = fixed.contains(&key.path.as_str());
        assert_eq!(changed == 0, cannot_change, "{}: {changed} alternatives were read and changed the hash", key.path);
    }
}

#[test]
fn every_range_holds_at_both_ends() {
    for key in Mission::keys() {
        let Some((low, high)) = key.range else { continue };
        for (end, outside) in [(low, -1), (high, 1)] {
            for text in replaced(&key, &value(&key.kind, end)) {
                let faults = Mission::read(&text, "m.toml").map_or_else(|faults| faults.all().to_vec(), |_| Vec::new());
                let outside = faults.iter().find(|fault| fault.message.contains(&format!("is outside {low}..={high}")));
                assert_eq!(outside, None, "{} {end}", key.path);
            }
            let Some(beyond) = beyond(&key.kind, end, outside) else { continue };
            for text in replaced(&key, &beyond) {
                let faults = Mission::read(&text, "m.toml").expect_err(&key.path);
                let told = faults.all().iter().any(|fault| {
                    fault.kind == FaultKind::OutOfRange
                        && fault.message.ends_with(&format!("is outside {low}..={high}"))
                });
                assert!(told, "{} {beyond}:\n{}", key.path, faults.to_text());
            }
        }
    }
}

/// A value a little further out than `end`; none where there is no such number.
fn beyond(kind: &Kind, end: &str, direction: i64) -> Option<Value> {
    if *kind == Kind::Count {
        return end.parse::<i64>().unwrap().checked_add(direction).map(Value::Integer);
    }
    let split = end.find(' ').unwrap_or(end.len());
    let number = end[..split].parse::<f64>().unwrap();
    let further = number + direction as f64 * (number.abs() * 1e-9).max(1e-9);
    Some(if *kind == Kind::Number {
        Value::Float(further)
    } else {
        Value::String(format!("{further}{}", &end[split..]))
    })
}

#[test]
fn every_default_is_what_an_absent_key_means() {
    for key in Mission::keys() {
        let Need::Default(text) = key.need else { continue };
        let steps = steps(&key.path);
        let (last, parents) = steps.split_last().unwrap();
        let parents = parents.iter().map(String::as_str).collect::<Vec<_>>();
        let mut given = Value::Table(every_key());
        for parent in values(&mut given, &parents) {
            if let Some(stated) = parent.as_table_mut().unwrap().get_mut(last) {
                *stated = value(&key.kind, text);
            }
        }
        let mut whole = Value::Table(every_key());
        for parent in values(&mut whole, &parents) {
            parent.as_table_mut().unwrap().remove(last);
        }
        let absent = Mission::read(&whole.as_table().unwrap().to_string(), "m.toml").expect(&key.path);
        let given = Mission::read(&given.as_table().unwrap().to_string(), "m.toml").expect(&key.path);
        assert_eq!(given.hash(), absent.hash(), "{}: absent is not {text}", key.path);
    }
}

#[test]
fn every_required_key_is_missed() {
    for key in Mission::keys().into_iter().filter(|key| key.need == Need::Required && !key.path.ends_with("[]")) {
        let steps = steps(&key.path);
        let (last, parents) = steps.split_last().unwrap();
        let parents = parents.iter().map(String::as_str).collect::<Vec<_>>();
        let mut whole = Value::Table(every_key());
        for parent in values(&mut whole, &parents) {
            parent.as_table_mut().unwrap().remove(last);
        }
        let faults = Mission::read(&whole.as_table().unwrap().to_string(), "m.toml").expect_err(&key.path);
        let missing = faults.all().iter().any(|fault| fault.kind == FaultKind::MissingKey);
        assert!(missing, "{}:\n{}", key.path, faults.to_text());
    }
}

#[test]
fn schema_and_reference_name_every_key() {
    let (schema, reference) = (schema(), reference_markdown());
    for key in Mission::keys() {
        let name = key.path.trim_end_matches("[]").rsplit('.').next().unwrap();
        assert!(reference.contains(&format!("| `{name}` |")), "{}", key.path);
        let mut at = &schema;
        for step in steps(&key.path) {
            at = if step == "[]" { &at["items"] } else { property(at, &step, &key) };
        }
        assert!(at.is_object(), "{} is not in the schema", key.path);
    }
}

/// The property `name`, looked for in the branch of the word that the key needs.
fn property<'a>(section: &'a serde_json::Value, name: &str, key: &Key) -> &'a serde_json::Value {
    let word = key.only_with.as_ref().and_then(|only| only.split('"').nth(1));
    let branches = section["oneOf"].as_array().map_or(&[][..], Vec::as_slice);
    let branch =
        branches.iter().find(|branch| word.is_some() && branch["properties"]["kind"]["const"].as_str() == word);
    branch
        .map(|branch| &branch["properties"][name])
        .filter(|property| property.is_object())
        .unwrap_or(&section["properties"][name])
}
