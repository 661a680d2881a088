//! Missions compiled with the built-in catalog: what would fail in flight is refused before, each fault at its key.

use sunward_catalog::Catalog;
use sunward_mission::world::World;
use sunward_mission::{FaultKind, Faults, Mission};

/// Two satellites whose accelerators differ: only the first computes in fp8.
const TWO: &str = r#"[mission]
name = "Two"
start = "2026-07-26T04:00:00Z"
duration = "1 d"
step = "30 s"
seed = 1

[[site]]
name = "one"
platform = "microsat-60kg"
orbit.mean = { altitude = "650 km", inclination = "98 deg", raan = "0 deg" }
compute = { accelerator = "h100-pcie", count = 2 }

[[site]]
name = "two"
platform = "microsat-60kg"
orbit.sun_synchronous = { altitude = "600 km", local_time = "06:00" }
compute = { accelerator = "a100-sxm-80gb", count = 2 }

[[station]]
catalog = "ksat-nemea"

[[job]]
name = "train"
kind = "training"
priority = 5
precision = "bf16"
parameters = 774_000_000
tokens_per_step = 524_288
steps = 19_560
layers = 36
width = 1280
context = 1024
utilisation = 0.35
checkpoint_interval = "10 min"

[[job]]
name = "look"
kind = "imagery"
priority = 6
precision = "fp16"
images_per_day = 400
daylight_only = false
image = "816 MB"
pixels = 204_000_000
flop_per_pixel = "400 kFLOP"
utilisation = 0.25
result = "200 kB"
downlink_raw_share = 0.0

[[job]]
name = "serve"
kind = "serving"
priority = 7
precision = "bf16"
parameters = 2_610_000_000
weight_bits = 16
requests_per_day = 2000
prompt_tokens = 200
output_tokens = 300
batch = 8
kv_bits_per_token = "106 kB"
utilisation = 0.3
origin = "ground"
"#;

fn compiled(text: &str) -> Result<World, Faults> {
    Mission::read(text, "m.toml").and_then(|mission| mission.compile(&Catalog::builtin()))
}

/// The mission after each `old` has become its `new`.
fn changed(changes: &[(&str, &str)]) -> String {
    changes.iter().fold(TWO.to_owned(), |text, (old, new)| {
        assert!(text.contains(old), "{old}");
        text.replacen(old, new, 1)
    })
}

/// The only fault after the changes: its kind, key, text under the caret, and message with advice.
fn only_fault(changes: &[(&str, &str)]) -> (FaultKind, String, String, String) {
    let text = changed(changes);
    let faults = compiled(&text).expect_err("a fault");
    let [fault] = faults.all() else { panic!("{}", faults.to_text()) };
    let told = format!("{} {}", fault.message, fault.help.as_deref().unwrap_or_default());
    (fault.kind, fault.path.clone(), text[fault.span.clone()].to_owned(), told.trim().to_owned())
}

fn assert_flies(changes: &[(&str, &str)]) -> World {
    compiled(&changed(changes)).unwrap_or_else(|faults| panic!("{}", faults.to_text()))
}

#[test]
fn a_sound_mission_compiles() {
    assert_eq!(assert_flies(&[]).sites.len(), 2);
}

/// Without a site of its own a job need fit one satellite only; with one, that very satellite.
#[test]
fn a_job_must_fit_the_satellite_it_is_pinned_to() {
    let fp8 = ("precision = \"bf16\"", "precision = \"fp8\"");
    assert_flies(&[fp8]);
    assert_flies(&[fp8, ("name = \"train\"", "name = \"train\"\nsite = \"one\"")]);
    let (kind, path, caret, message) = only_fault(&[fp8, ("name = \"train\"", "name = \"train\"\nsite = \"two\"")]);
    assert_eq!((kind, path.as_str(), caret.as_str()), (FaultKind::OutOfRange, "job[0].site", "\"two\""));
    assert_eq!(message, "job \"train\" does not fit satellite \"two\": a100-sxm-80gb has no such precision");
}

#[test]
fn a_job_that_fits_nowhere_is_told_every_reason() {
    let (_, path, _, message) = only_fault(&[("parameters = 774_000_000", "parameters = 774_000_000_000_000")]);
    assert_eq!(path, "job[0].name");
    assert!(message.starts_with("job \"train\" fits no satellite: ") && message.matches("memory").count() >= 2);
}

const MEAN: &str = "{ altitude = \"650 km\", inclination = \"98 deg\", raan = \"0 deg\" }";

#[test]
fn an_orbit_where_no_dose_is_known_is_refused() {
    let axis = |km: &str, eccentricity: &str| {
        format!(
            "{{ semi_major_axis = \"{km} km\", eccentricity = {eccentricity}, inclination = \"98 deg\", raan = \"0 deg\" }}"
        )
    };
    // Perigee 7500 km x 0.9 - 6378.137 km = 371.863 km, apogee 7500 km x 1.1 - 6378.137 km = 1871.863 km.
    assert_flies(&[(MEAN, &axis("7500", "0.1"))]);
    let refused = |km, eccentricity| {
        let (kind, path, caret, message) = only_fault(&[(MEAN, &axis(km, eccentricity))]);
        assert_eq!((kind, path.as_str()), (FaultKind::OutOfRange, "site[0].orbit.mean.eccentricity"));
        assert_eq!(caret, eccentricity);
        message
    };
    assert_eq!(
        refused("7300", "0.1"),
        "perigee altitude 191.9 km is outside 300 km..=2000 km (within 10 km): no dose is known there"
    );
    assert_eq!(
        refused("8200", "0.05"),
        "apogee altitude 2231.9 km is outside 300 km..=2000 km (within 10 km): no dose is known there"
    );
    // The tolerance: perigees at 291 km and 289 km.
    assert_flies(&[(MEAN, &axis("6769.137", "0.014773670"))]);
    refused("6767.137", "0.014773670");
}

#[test]
fn altitudes_out_of_range_say_why() {
    let low = only_fault(&[("\"600 km\"", "\"290 km\"")]);
    assert_eq!((low.0, low.1.as_str()), (FaultKind::OutOfRange, "site[1].orbit.sun_synchronous.altitude"));
    assert_eq!(
        low.3,
        "altitude 290 km is outside 300 km..=2000 km no dose is known outside: trapped radiation is modelled from 300 km to 2000 km"
    );
    let high = only_fault(&[(MEAN, "{ semi_major_axis = \"42164 km\", inclination = \"0 deg\", raan = \"0 deg\" }")]);
    assert!(high.3.contains("no dose is known outside"), "{}", high.3);
}

/// The keys allow what the radiation model knows, no less and no more.
#[test]
fn altitude_ranges_are_those_of_the_radiation_model() {
    let [low, high] = sunward_plant::radiation::ALTITUDES.map(|altitude| altitude.0 / 1e3);
    let orbits = Mission::keys().into_iter().filter(|key| key.path.starts_with("site[].orbit."));
    let (mut altitudes, mut axes) = (0, 0);
    for key in orbits {
        if key.path.ends_with(".altitude") {
            assert_eq!(
                key.range.map(|(a, b)| (a.to_owned(), b.to_owned())),
                Some((format!("{low} km"), format!("{high} km")))
            );
            altitudes += 1;
        } else if key.path.ends_with(".semi_major_axis") {
            let range = ("6678.137 km".to_owned(), "8378.137 km".to_owned());
            assert_eq!([low, high].map(|km| ((km + 6378.137) * 1e3).round()), [6678137.0, 8378137.0]);
            assert_eq!(key.range.map(|(a, b)| (a.to_owned(), b.to_owned())), Some(range));
            axes += 1;
        }
    }
    assert_eq!((altitudes, axes), (3, 1));
}

/// Mean motions by Kepler's third law with 398600.8 km3/s2: 16.2 a day is at 219.6 km (circular), 11 a day at 2162.2 km.
#[test]
fn elements_of_an_orbit_where_no_dose_is_known_are_refused() {
    let omm = |motion: &str, eccentricity: &str| {
        format!(
            "orbit.omm = {{ EPOCH = \"2026-07-26T03:50:49\", MEAN_MOTION = {motion}, ECCENTRICITY = {eccentricity}, \
             INCLINATION = 45.4, RA_OF_ASC_NODE = 271, ARG_OF_PERICENTER = 268, MEAN_ANOMALY = 92, NORAD_CAT_ID = 1, BSTAR = 0 }}"
        )
    };
    let mean = format!("orbit.mean = {MEAN}");
    let of = |motion, eccentricity| only_fault(&[(mean.as_str(), omm(motion, eccentricity).as_str())]);
    assert_flies(&[(&mean, &omm("15.2", "0.0006"))]);
    let (kind, path, caret, message) = of("16.2", "0");
    assert_eq!((kind, path.as_str(), caret.as_str()), (FaultKind::OutOfRange, "site[0].orbit.omm.MEAN_MOTION", "16.2"));
    assert!(
        message.starts_with("perigee altitude 219.6 km") && message.ends_with("no dose is known there"),
        "{message}"
    );
    let (_, path, _, message) = of("11.0", "0");
    assert_eq!(path, "site[0].orbit.omm.MEAN_MOTION");
    assert!(message.starts_with("apogee altitude 2162.2 km"), "{message}");
    let (_, path, _, message) = of("15.2", "0.2");
    assert_eq!(path, "site[0].orbit.omm.ECCENTRICITY");
    assert!(message.starts_with("perigee altitude -"), "{message}");
    let lines = "orbit.tle = \"\"\"\n1 66303U 25248L   26207.16029198  .00005005  00000-0  22976-3 0  9991\n\
                 2 66303  45.3997 271.0639 0006322 268.1150  91.9012 11.21652070 40473\n\"\"\"";
    let (kind, path, _, message) = only_fault(&[(&mean, lines)]);
    assert_eq!((kind, path.as_str()), (FaultKind::OutOfRange, "site[0].orbit.tle"));
    assert!(message.starts_with("apogee altitude 2057.2 km"), "{message}");
}

#[test]
fn shielding_is_what_the_published_doses_cover() {
    for (thickness, flies) in [("0.5 mm", true), ("20 mm", true), ("0.4 mm", false), ("20.1 mm", false)] {
        let section = format!("name = \"one\"\nshielding.aluminium = \"{thickness}\"");
        if flies {
            assert_flies(&[("name = \"one\"", &section)]);
        } else {
            let (kind, path, _, message) = only_fault(&[("name = \"one\"", &section)]);
            assert_eq!((kind, path.as_str()), (FaultKind::OutOfRange, "site[0].shielding.aluminium"));
            assert_eq!(message, format!("aluminium {thickness} is outside 0.5 mm..=20 mm"));
        }
    }
}

/// The belts' drift may be continued to the year 2034; the last instant is the end of that year.
#[test]
fn a_run_that_outlasts_the_radiation_model_is_refused() {
    let start = |text: &str| ("2026-07-26T04:00:00Z", text.to_owned());
    let last = start("2034-12-31T00:00:00Z");
    assert_flies(&[(last.0, &last.1)]);
    let (kind, path, caret, message) = only_fault(&[(last.0, &last.1), ("\"1 d\"", "\"1.5 d\"")]);
    assert_eq!((kind, path.as_str(), caret.as_str()), (FaultKind::OutOfRange, "mission.duration", "\"1.5 d\""));
    assert_eq!(
        message,
        "the run ends at 2035-01-01T12:00:00Z, after 2035-01-01T00:00:00Z; radiation is modelled to the end of 2034"
    );
    let (_, path, _, message) = only_fault(&[("2026-07-26", "2100-07-26")]);
    assert_eq!(path, "mission.start");
    assert!(message.contains("is outside 1960-01-01T00:00:00Z..2035-01-01T00:00:00Z"), "{message}");
    assert_eq!(only_fault(&[("2026-07-26", "2255-07-26"), ("\"1 d\"", "\"20 yr\"")]).1, "mission.start");
    assert_eq!(only_fault(&[("\"1 d\"", "\"20 yr\"")]).1, "mission.duration");
}

#[test]
fn a_station_that_looks_at_the_zenith_only_is_refused() {
    let mask = |text: &str| format!("catalog = \"ksat-nemea\"\nminimum_elevation = \"{text}\"");
    assert_flies(&[("catalog = \"ksat-nemea\"", &mask("89.9 deg"))]);
    let (kind, path, _, message) = only_fault(&[("catalog = \"ksat-nemea\"", &mask("90 deg"))]);
    assert_eq!((kind, path.as_str()), (FaultKind::OutOfRange, "station[0].minimum_elevation"));
    assert_eq!(message, "minimum_elevation 90 deg is outside 0 deg..=89.9 deg");
}

#[test]
fn a_battery_worn_out_is_refused() {
    let cycles = |count: u32| format!("name = \"one\"\nbattery.cycles = {count}");
    let world = assert_flies(&[("name = \"one\"", &cycles(10_000))]);
    let health = world.designs[0].battery.health.0;
    let worn = ((1.0 - 0.05) / (1.0 - health) * 10_000.0) as u32;
    assert_flies(&[("name = \"one\"", &cycles(worn - 100))]);
    let (kind, path, caret, message) = only_fault(&[("name = \"one\"", &cycles(worn + 100))]);
    assert_eq!((kind, path.as_str()), (FaultKind::OutOfRange, "site[0].battery.cycles"));
    assert_eq!(caret, format!("{}", worn + 100));
    assert!(message.contains("at least 5 % is needed"), "{message}");
    // Eight years of calendar fade take the rest.
    let message = only_fault(&[("name = \"one\"", &cycles(worn - 100)), ("\"1 d\"", "\"8 yr\"")]).3;
    assert!(message.contains("at least 5 % is needed"), "{message}");
}

#[test]
fn no_transmitter_sends_more_than_it_draws() {
    let radio = |text: &str| format!("name = \"one\"\nradio.downlink = {{ {text} }}");
    assert_flies(&[("name = \"one\"", &radio("transmit_power = \"15 W\", power_draw = \"15 W\""))]);
    let refused = |text: &str| only_fault(&[("name = \"one\"", &radio(text))]);
    let (kind, path, caret, message) = refused("transmit_power = \"1 MW\", power_draw = \"1 mW\"");
    assert_eq!((kind, caret.as_str()), (FaultKind::Conflict, "\"1 MW\""));
    assert_eq!(path, "site[0].radio.downlink.transmit_power");
    assert_eq!(message, "transmit_power 1 MW is more than the power_draw of 1 mW");
    // The other half is the platform's.
    assert_eq!(refused("transmit_power = \"1 MW\"").1, "site[0].radio.downlink.transmit_power");
    assert_eq!(refused("power_draw = \"1 mW\"").1, "site[0].radio.downlink.power_draw");
}

#[test]
fn every_kind_of_job_says_on_how_many_accelerators_it_runs() {
    let accelerators = |world: World| world.jobs.iter().map(|job| job.accelerators).collect::<Vec<_>>();
    assert_eq!(accelerators(assert_flies(&[])), [1; 3]);
    let more = |name: &'static str, count: u32| {
        (format!("name = \"{name}\"\n"), format!("name = \"{name}\"\naccelerators = {count}\n"))
    };
    let (look, serve) = (more("look", 2), more("serve", 2));
    let world = assert_flies(&[(&look.0, &look.1), (&serve.0, &serve.1)]);
    assert_eq!(accelerators(world), [1, 2, 2]);
    for name in ["look", "serve"] {
        let three = more(name, 3);
        let message = only_fault(&[(&three.0, &three.1)]).3;
        assert!(message.contains("it needs 3 accelerators of 2"), "{message}");
    }
    // 2.61e9 parameters x 16 bit fit one H100 of 80 GB; 50e9 need two.
    let large = ("parameters = 2_610_000_000", "parameters = 50_000_000_000");
    assert!(only_fault(&[large]).3.contains("of memory"));
    assert_flies(&[large, (&serve.0, &serve.1)]);
}

#[test]
fn times_are_whole_milliseconds() {
    let (kind, path, caret, message) = only_fault(&[("\"1 d\"", "\"610.01 s\""), ("\"30 s\"", "\"61.001000001 s\"")]);
    assert_eq!((kind, path.as_str(), caret.as_str()), (FaultKind::OutOfRange, "mission.step", "\"61.001000001 s\""));
    assert_eq!(message, "step 61.001000001 s is not a whole number of milliseconds");
    assert_eq!(
        only_fault(&[("\"1 d\"", "\"600.0001 s\"")]).3,
        "duration 600.0001 s is not a whole number of milliseconds"
    );
    assert_flies(&[("\"1 d\"", "\"610.01 s\""), ("\"30 s\"", "\"61.001 s\"")]);
    // Five years and a millisecond: the product of a float and a thousand is not whole.
    assert_flies(&[("\"1 d\"", "\"157787999.369 s\""), ("\"30 s\"", "\"1.001 s\"")]);
}

#[test]
fn conductances_end_where_the_heat_balance_would_lose_them() {
    let conductance = |text: &str| format!("name = \"one\"\nthermal.board_to_radiator = \"{text}\"");
    assert_flies(&[("name = \"one\"", &conductance("1e4 kW/K"))]);
    let message = only_fault(&[("name = \"one\"", &conductance("1e6 kW/K"))]).3;
    assert_eq!(message, "board_to_radiator 1e6 kW/K is outside 0 W/K..=1e4 kW/K");
}

#[test]
fn data_that_cannot_be_counted_is_refused() {
    // 2,880 images a day of 8e15 bit each.
    let (kind, path, caret, message) =
        only_fault(&[("images_per_day = 400", "images_per_day = 2880"), ("\"200 kB\"", "\"1 PB\"")]);
    assert_eq!((kind, path.as_str(), caret.as_str()), (FaultKind::OutOfRange, "job[1].name", "\"look\""));
    assert_eq!(message, "job \"look\" sends down 2.304e19 bit in the run; allowed are 4e18 bit");
    let much = ("requests_per_day = 2000", "requests_per_day = 1_000_000_000_000");
    // 1e12 requests a day of 1e9 tokens of 16 bit.
    let message = only_fault(&[much, ("prompt_tokens = 200", "prompt_tokens = 1_000_000_000"), MEMORY]).3;
    assert_eq!(message, "job \"serve\" sends up 1.600e22 bit in the run; allowed are 4e18 bit");
    let message = only_fault(&[much, ("output_tokens = 300", "output_tokens = 1_000_000_000"), MEMORY]).3;
    assert_eq!(message, "job \"serve\" sends down 1.600e22 bit in the run; allowed are 4e18 bit");
    // 19,560 samples of 8e15 bit.
    let samples = ("steps = 19_560", "steps = 19_560\nsample_interval = 1\nsample = \"1 PB\"");
    let message = only_fault(&[samples]).3;
    assert_eq!(message, "job \"train\" sends down 1.565e20 bit of samples; allowed are 4e18 bit");
}

/// A cache so small that any number of tokens fits the memory.
const MEMORY: (&str, &str) = ("\"106 kB\"", "\"1 bit\"");

fn overridden(pairs: &[(&str, &str)]) -> Result<World, Faults> {
    let each = pairs.iter().map(|(key, value)| format!("\n[[override]]\nkey = {key:?}\nvalue = {value:?}\n"));
    compiled(&format!("{TWO}{}", each.collect::<String>()))
}

/// What is overridden changes, what is not stays, and the list of assumptions says who gave the value.
#[test]
fn an_override_takes_the_place_of_a_parts_value() {
    let plain = compiled(TWO).unwrap();
    let world = overridden(&[
        ("site[0].compute.accelerator.power", "0.4 kW"),
        ("site[0].compute.accelerator.peak.bf16", "700 TFLOP/s"),
        ("site[1].array.cell.temperature_coefficient", "-0.3 %/K"),
    ])
    .unwrap();
    assert_eq!(world.designs[0].compute.power.0, 400.0);
    assert_eq!(world.jobs[0].peak[0].map(|rate| rate.0), Some(700e12));
    assert_eq!(world.jobs[2].peak[0], world.jobs[0].peak[0], "every job of that precision");
    assert_eq!(world.jobs[0].peak[1], plain.jobs[0].peak[1], "the other satellite's");
    assert_eq!(world.designs[0].array, plain.designs[0].array);
    assert!(world.designs[1].array.temperature_coefficient.0 < plain.designs[1].array.temperature_coefficient.0);
    let listed = |world: &World, key: &str| {
        let all: Vec<_> = world.assumptions.iter().filter(|listed| listed.key == key).cloned().collect();
        assert_eq!(all.len(), 1, "{key}: {all:?}");
        all[0].clone()
    };
    let key = "site[0].compute.accelerator.power";
    let (before, after) = (listed(&plain, key), listed(&world, key));
    assert_eq!((after.kind.as_str(), after.numbers.unwrap().value), ("given", 400.0));
    let numbers = before.numbers.unwrap();
    assert_eq!((numbers.dimension, numbers.value), ("power", plain.designs[0].compute.power.0));
    let [low, high] = numbers.range.unwrap();
    assert!(before.kind != "given" && low <= numbers.value && numbers.value <= high);
    assert_ne!(plain.mission_hash, world.mission_hash);
}

#[test]
fn an_override_that_cannot_be_is_refused_with_its_reason() {
    let refused = |key: &str, value: &str| {
        let faults = overridden(&[(key, value)]).unwrap_err();
        let fault = &faults.all()[0];
        assert_eq!(faults.all().len(), 1, "{}", faults.to_text());
        (fault.kind, fault.path.clone(), format!("{} ({})", fault.message, fault.help.clone().unwrap_or_default()))
    };
    let (kind, path, told) = refused("site[0].array.cell.eficiency", "31 %");
    assert_eq!((kind, path.as_str()), (FaultKind::UnknownName, "override[0].key"));
    assert!(told.contains("did you mean \"site[0].array.cell.efficiency\"?"), "{told}");
    let (kind, path, told) = refused("site[0].array.cell.efficiency", "31 W");
    assert_eq!((kind, path.as_str()), (FaultKind::Unit, "override[0].value"));
    assert!(told.contains("\"W\" is not a unit of ratio"), "{told}");
    let (kind, _, told) = refused("site[0].array.cell.efficiency", "101 %");
    assert_eq!(kind, FaultKind::OutOfRange);
    assert!(told.starts_with("site[0].array.cell.efficiency 101 % is outside ") && told.contains("..=100 %"), "{told}");
    let (kind, _, told) = refused("site[0].compute.accelerator.power", "350 kW");
    assert_eq!(kind, FaultKind::OutOfRange, "{told}");
    assert_eq!(refused("site[0].array.cell.temperature_coefficient", "0.2 %/K").0, FaultKind::OutOfRange);
    let (kind, path, told) = refused("site[0].array.area", "2 m2");
    assert_eq!((kind, path.as_str()), (FaultKind::Conflict, "override[0].key"));
    assert!(told.contains("is a key of the mission (write the value there)"), "{told}");
    let (kind, path, told) = refused("site[0].compute.accelerator.throttle_temperature", "120 degC");
    assert_eq!((kind, path.as_str()), (FaultKind::Conflict, "site[0].compute"));
    assert!(told.contains("is not below shutdown"), "{told}");
    let key = "site[0].array.cell.efficiency";
    let twice = overridden(&[(key, "31 %"), (key, "30 %")]).unwrap_err();
    assert_eq!(twice.all()[0].kind, FaultKind::DuplicateName);
}
