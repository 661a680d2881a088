//! Missions as models: keys set anew, flown, and read.

use sunward_catalog::Catalog;
use sunward_study::distribution::{Distribution, Value};
use sunward_study::mission::{Declarations, Written};
use sunward_study::optimise::{Bound, Constraint, Effort, Objective, Problem};
use sunward_study::*;

const MISSION: &str = r#"# A comment that stays.
[mission]
name = "small"
start = "2026-03-20T00:00:00Z"
duration = "3 h"
step = "60 s" # coarse
seed = 1

[[site]]
name = "dawn"
platform = "microsat-60kg"
orbit.sun_synchronous = { altitude = "650 km", local_time = "12:00" }
compute = { accelerator = "h100-pcie", count = 1 }

[[job]]
name = "train"
kind = "training"
priority = 5
checkpoint_interval = "10 min"
parameters = 10_650_000
tokens_per_step = 16_384
steps = 100_000_000
layers = 6
width = 384
context = 256
precision = "bf16"
utilisation = 0.35
"#;

fn model(metrics: &[&str]) -> MissionModel {
    MissionModel::read(MISSION, "small.toml", Catalog::builtin(), metrics).unwrap()
}

fn declared(text: &str) -> Declarations {
    Declarations::read(text, "study.toml").unwrap()
}

fn refused(text: &str) -> String {
    model(&[]).space(&declared(text)).unwrap_err().to_string()
}

#[test]
fn the_catalog_gives_ranges_and_the_mission_units() {
    let space = model(&[])
        .space(&declared(
            r#"
            [[assumption]]
            key = "site[0].power.bus_load"
            spread = "catalog"
            cause = "maturity"
            rank_correlation = 0.5
            [[assumption]]
            key = "mission.seed"
            spread = { uniform = [1, 100] }
            [[design]]
            key = "site[0].orbit.sun_synchronous.altitude"
            spread = { uniform = ["500 km", "0.8e6 m"] }
            [[design]]
            key = "site[0].compute.accelerator"
            spread = { weighted = [["h100-pcie", 3], ["h100-sxm", 1]] }
            "#,
        ))
        .unwrap();
    let [load, seed, altitude, accelerator] = space.variables() else { panic!("four variables") };
    let Distribution::Triangular { low, mode, high } = load.distribution else { panic!("{load:?}") };
    assert!(0.0 < low && low < mode && mode < high, "{load:?}");
    assert_eq!((load.unit.as_str(), load.role, load.whole), ("W", Role::Assumption, false));
    assert_eq!(load.shared, Some(Shared { cause: "maturity".to_owned(), rank_correlation: 0.5 }));
    assert!(seed.whole && seed.unit.is_empty());
    assert_eq!(altitude.distribution, Distribution::Uniform { low: 500e3, high: 800e3 });
    assert_eq!((altitude.unit.as_str(), altitude.role), ("m", Role::Design));
    assert_eq!(accelerator.distribution.central(), Value::Word("h100-pcie".to_owned()));
}

#[test]
fn values_are_set_where_their_keys_are() {
    let model = model(&[]);
    let space = model
        .space(&declared(
            r#"
            [[design]]
            key = "site[0].orbit.sun_synchronous.altitude"
            spread = { values = ["500 km"] }
            [[design]]
            key = "site[0].thermal.radiator_area"
            spread = { values = ["0.75 m2"] }
            [[design]]
            key = "site[0].compute.count"
            spread = { values = [2] }
            [[design]]
            key = "job[0].utilisation"
            spread = { values = ["50 %"] }
            [[design]]
            key = "mission.step"
            spread = { values = ["2 min"] }
            [[assumption]]
            key = "environment.albedo"
            spread = { values = [0.25] }
            "#,
        ))
        .unwrap();
    let point = Point { variables: space.variables(), values: &space.central() };
    let text = model.text(point).unwrap();
    assert!(text.starts_with("# A comment that stays.") && text.contains("step = \"120 s\" # coarse"), "{text}");
    let world = sunward_mission::Mission::read(&text, "set.toml").unwrap().compile(&Catalog::builtin()).unwrap();
    assert_eq!(world.designs[0].thermal.radiator_area.0, 0.75);
    assert_eq!(world.designs[0].compute.count, 2);
    assert_eq!((world.jobs[0].utilisation.0, world.albedo.0, world.steps), (0.5, 0.25, 90));
    assert_eq!(model.fly(point).unwrap().record.tracks[0].time.len(), 90);
    let altitude = model.fly(point).unwrap().record.tracks[0].altitude[0];
    assert!((altitude.0 - 500e3).abs() < 30e3, "{altitude}");
}

#[test]
fn what_a_mission_cannot_hold_is_refused_by_its_key() {
    let one = |key: &str, spread: &str| refused(&format!("[[assumption]]\nkey = {key:?}\nspread = {spread}\n"));
    assert_eq!(
        one("site[0].thermal.radiator_aera", "\"catalog\""),
        "no mission key is called \"site[0].thermal.radiator_aera\"; did you mean \"site[0].thermal.radiator_area\"?"
    );
    let part = one("site[0].array.cell.eficiency", "\"catalog\"");
    assert!(part.ends_with("did you mean \"site[0].array.cell.efficiency\"?"), "{part}");
    assert!(one("site[0].compute.count", "\"catalog\"").contains("1 has no range (source: mission)"));
    assert!(one("site[1].array.area", "\"catalog\"").contains("no such assumption"));
    let wrong = one("site[0].array.area", "{ uniform = [\"1 m\", \"2 m\"] }");
    assert!(wrong.starts_with("cannot set site[0].array.area: unit \"m\" is not a unit of area"), "{wrong}");
    assert!(one("site[0].array.area", "{ uniform = [1, 2] }").contains("has no unit"));
    assert!(one("site[0].compute.count", "{ values = [1.5] }").contains("no whole number"));
    assert!(one("site[0].compute.accelerator", "{ values = [7] }").contains("expected text"));
    assert!(one("site[0].compute.accelerator", "{ uniform = [\"a\", \"b\"] }").contains("it takes words"));
    let correlated =
        refused("[[assumption]]\nkey = \"mission.seed\"\nspread = { uniform = [1, 2] }\nrank_correlation = 1\n");
    assert!(correlated.contains("no cause"), "{correlated}");
    let text = Declarations::read("[[assumptions]]\n", "s.toml").unwrap_err().to_string();
    assert!(text.starts_with("s.toml is no study: ") && text.contains("assumptions"), "{text}");
}

#[test]
fn metrics_are_the_numbers_of_the_summary() {
    let model = model(&["work.computed", "energy.per_work", "bound.power", "jobs.train.progress"]);
    let outcome = model.fly(Point { variables: &[], values: &[] }).unwrap();
    let found = measures(&outcome.summary);
    assert_eq!(found["work.computed"].value, Some(outcome.summary.work.computed.0));
    assert_eq!(found["heat.chip_max"].value, Some(outcome.summary.heat.chip_max.0));
    let bound: f64 =
        found.iter().filter(|(name, _)| name.starts_with("bound.")).filter_map(|(_, share)| share.value).sum();
    assert!((bound - 1.0).abs() < 1e-9, "{bound}");
    assert!(found["work.computed"].value.unwrap() > 0.0 && found["jobs.train.progress"].value.unwrap() > 0.0);
    assert_eq!(model.metric_names().unwrap(), found.keys().cloned().collect::<Vec<_>>());
    let metrics = model.run(Point { variables: &[], values: &[] }).unwrap();
    assert_eq!(metrics[0], Some(outcome.summary.work.computed.0));
    let typo = MissionModel::read(MISSION, "small.toml", Catalog::builtin(), &["work.deliverd"]).unwrap_err();
    assert_eq!(typo.to_string(), "no metric is called \"work.deliverd\"; did you mean \"work.delivered\"?");
}

/// The array's area is the only source of power: more of it, more is generated. A load beyond the range of missions fails its run,
/// and says so by key.
#[test]
fn a_sweep_of_missions_answers_and_keeps_its_failures() {
    let model = model(&["energy.available", "work.computed"]);
    let text = "[[design]]\nkey = \"site[0].array.area\"\nspread = { values = [\"0.5 m2\", \"1 m2\", \"200 km2\"] }\n";
    let study = Study {
        space: model.space(&declared(text)).unwrap(),
        sampling: Sampling::Grid { levels: 1 },
        seed: 0,
        shard_runs: 2,
    };
    let table = sweep(&study, &model, &Memory::default(), &|_| Control::Continue).unwrap();
    let available = table.metric("energy.available").unwrap();
    let ratio = available[1].unwrap() / available[0].unwrap();
    assert!((ratio - 2.0).abs() < 0.05, "{ratio}");
    assert_eq!(available[2], None);
    let error = table.errors[2].as_deref().unwrap();
    assert!(error.contains("site[0].array.area: area 200000000 m2 is outside"), "{error}");
}

#[test]
fn missions_are_optimised_and_brought_to_break_even() {
    let model = model(&["energy.available"]);
    let text = "[[design]]\nkey = \"site[0].array.area\"\nspread = { uniform = [\"0.2 m2\", \"4 m2\"] }\n";
    let space = model.space(&declared(text)).unwrap();
    let energy = |area: f64| {
        let values = [Value::Number(area)];
        metric_at(&model, "energy.available", Point { variables: space.variables(), values: &values })
    };
    let wanted = energy(1.5).unwrap();
    let found = break_even(|area| Ok(energy(area)? - wanted), 0.2, 4.0, 1e-6).unwrap();
    assert!((found.value - 1.5).abs() < 1e-5, "{found:?}");
    // The least array that gives as much is the same.
    let problem = Problem {
        model: &model,
        space: &space,
        over: &[],
        objectives: &[Objective { metric: "energy.available".to_owned(), better: Better::Lower }],
        constraints: &[Constraint { metric: "energy.available".to_owned(), bound: Bound::AtLeast(wanted) }],
    };
    let effort = Effort { evaluations: 240, population: 8, seed: 2 };
    let best = optimise(&problem, &effort, &|_| Control::Continue).unwrap().front.remove(0);
    let area = best.values[0].number().unwrap();
    assert!((1.5..1.501).contains(&area), "{area} m2");
}

#[test]
fn an_orbit_that_decays_is_told_with_its_cause() {
    let text = MISSION.replace("orbit.sun_synchronous = { altitude = \"650 km\", local_time = \"12:00\" }", "");
    let error = MissionModel::read(&text, "none.toml", Catalog::builtin(), &[]).unwrap_err().to_string();
    assert!(error.starts_with("none.toml is at fault: ") && error.contains("orbit"), "{error}");
}

/// A part's value is no key of the mission; a study overrides it, in the units and with the range that the catalog has.
#[test]
fn a_value_of_a_part_is_swept_by_an_override() {
    let model = model(&["energy.available"]);
    let text = r#"
        [[assumption]]
        key = "site[0].array.cell.efficiency"
        spread = "catalog"
        [[assumption]]
        key = "site[0].compute.accelerator.power"
        spread = { values = ["0.3 kW"] }
    "#;
    let space = model.space(&declared(text)).unwrap();
    let Distribution::Triangular { low, mode, high } = space.variables()[0].distribution else { panic!("{space:?}") };
    let catalog = Catalog::builtin();
    let cell = catalog.platform("microsat-60kg").unwrap().array.cell.value.clone();
    let efficiency = &catalog.solar_cell(&cell).unwrap().efficiency;
    assert_eq!([low, mode, high], [efficiency.low.0, efficiency.value.0, efficiency.high.0]);
    let available = |share: f64| {
        let values = [Value::Number(share), Value::Number(300.0)];
        let point = Point { variables: space.variables(), values: &values };
        let text = model.text(point).unwrap();
        assert!(text.contains(r#"value = "300 W""#), "{text}");
        let world = sunward_mission::Mission::read(&text, "set.toml").unwrap().compile(&catalog).unwrap();
        assert_eq!(world.designs[0].compute.power.0, 300.0);
        metric_at(&model, "energy.available", point).unwrap()
    };
    let ratio = available(mode * 0.9) / available(mode);
    assert!((ratio - 0.9).abs() < 0.02, "{ratio}: cells that convert less are a little warmer");
}

#[test]
fn what_the_world_decides_is_no_design() {
    for key in ["site[0].array.cell.efficiency", "environment.albedo", "radiation.upset_multiplier", "mission.seed"] {
        let told = refused(&format!("[[design]]\nkey = {key:?}\nspread = {{ uniform = [1, 2] }}\n"));
        assert!(told.starts_with(&format!("{key} is an assumption: it can be swept, but not optimised")), "{told}");
    }
}

/// Twice the array at 5 kg for each m2 adds what it should to the dry mass; the mission's own design adds nothing.
#[test]
fn a_follower_follows_the_design() {
    let text = r#"
        [[design]]
        key = "site[0].array.area"
        spread = { uniform = ["0.5 m2", "4 m2"] }
        [[follower]]
        key = "site[0].mass.dry"
        from = [{ of = "site[0].array.area", per = "2 m2", adds = "10 kg" }]
        [[objective]]
        minimise = "launched"
        [[constraint]]
        metric = "heat.chip_max"
        at_most = "85 degC"
        at_least = "250 K"
        [[constraint]]
        metric = "work.availability"
        at_least = "10 %"
    "#;
    let declared = declared(text);
    let plain = model(&["launched"]);
    let identity = plain.identity();
    let model = plain.with_followers(&declared).unwrap();
    assert_ne!(identity, model.identity());
    let space = model.space(&declared).unwrap();
    let launched = |area: f64| {
        let values = [Value::Number(area)];
        metric_at(&model, "launched", Point { variables: space.variables(), values: &values }).unwrap()
    };
    let as_is = metric_at(&model, "launched", Point { variables: &[], values: &[] }).unwrap();
    let area = model.world().designs[0].array.area.0;
    assert_eq!(launched(area), as_is);
    assert!((launched(area + 1.0) - as_is - 5.0).abs() < 1e-9);
    assert_eq!(declared.metrics(), ["launched", "heat.chip_max", "work.availability"]);
    let bounds: Vec<Bound> =
        model.constraints(&declared).unwrap().into_iter().map(|constraint| constraint.bound).collect();
    assert_eq!(bounds, [Bound::AtMost(85.0 + 273.15), Bound::AtLeast(250.0), Bound::AtLeast(0.1)]);
}

#[test]
fn every_quantity_among_the_metrics_tells_its_unit() {
    let model = model(&[]);
    let unit = |metric: &str| model.measure(metric).unwrap().scale.map(|scale| scale.unit);
    let units = ["launched", "work.delivered", "heat.chip_max", "energy.per_work", "bound.heat", "data.contacts"];
    assert_eq!(units.map(unit), [Some("kg"), Some("FLOP"), Some("K"), Some("J"), Some(""), None]);
    let written = |metric: &str, text: &str| model.metric_value(metric, &Written::Text(text.to_owned()));
    assert_eq!(written("energy.per_work", "2 Wh").unwrap(), 7200.0);
    assert_eq!(written("data.contacts", "7").unwrap(), 7.0);
    assert!(written("launched", "7").unwrap_err().to_string().contains("has no unit"));
    assert!(written("lunched", "7 kg").unwrap_err().to_string().contains("did you mean \"launched\"?"));
}

/// The text of a file beside the missions that are shipped.
fn shipped(file: &str) -> String {
    std::fs::read_to_string(format!("{}/../../missions/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

#[test]
fn the_studies_that_are_shipped_fit_their_mission() {
    let text = shipped("starcloud-1.toml");
    for file in ["microsat-thermal.toml", "starcloud-1-causes.toml", "starcloud-1-design.toml"] {
        let declared = declared(&shipped(&format!("studies/{file}")));
        let metrics = declared.metrics();
        let metrics: Vec<&str> = metrics.iter().map(String::as_str).collect();
        let model = MissionModel::read(&text, file, Catalog::builtin(), &metrics).unwrap();
        let model = model.with_followers(&declared).unwrap_or_else(|error| panic!("{file}: {error}"));
        let space = model.space(&declared).unwrap_or_else(|error| panic!("{file}: {error}"));
        let mission = model.text(Point { variables: space.variables(), values: &space.central() }).unwrap();
        sunward_mission::Mission::read(&mission, file)
            .and_then(|mission| mission.compile(&Catalog::builtin()))
            .unwrap_or_else(|faults| panic!("{}", faults.to_text()));
    }
}

/// Two values that each follow their cause with a rank correlation of 0.7 follow each other by (6/pi) asin(r^2/2), r = 2 sin(0.7 pi/6)
/// (Kruskal 1958): 0.500. One that goes the other way does so by as much; what has no cause in common goes its own way.
#[test]
fn a_shared_cause_draws_together_what_hangs_on_it() {
    let declared = declared(&shipped("studies/starcloud-1-causes.toml"));
    let text = shipped("starcloud-1.toml");
    let model = MissionModel::read(&text, "starcloud-1.toml", Catalog::builtin(), &[]).unwrap();
    let space = model.space(&declared).unwrap();
    let sampler = Sampler::new(&space, Sampling::LatinHypercube { runs: 4000 }, 1).unwrap();
    let runs: Vec<Vec<Value>> = (0..sampler.runs()).map(|run| sampler.values(run)).collect();
    let column = |key: &str| {
        let index = space.index(key).unwrap();
        runs.iter().map(|values| values[index].number()).collect::<Vec<_>>()
    };
    let of = |a: &str, b: &str| rank_correlation(&column(a), &column(b)).unwrap();
    let (bus, host) = ("site[0].power.bus_load", "site[0].compute.host_power");
    let r = 2.0 * (0.7 * std::f64::consts::PI / 6.0).sin();
    let expected = 6.0 / std::f64::consts::PI * (r * r / 2.0).asin();
    assert!((of(bus, host) - expected).abs() < 0.04, "{} {expected}", of(bus, host));
    assert!((of(bus, "site[0].thermal.board_to_radiator") + expected).abs() < 0.04);
    assert!(of(bus, "site[0].thermal.radiator_area").abs() < 0.05);
    assert!(of("site[0].array.area", "site[0].thermal.radiator_area") > 0.55);
}
