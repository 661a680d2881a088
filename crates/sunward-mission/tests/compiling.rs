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
    let faults = compiled(&text).err().expect("a fault");
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
