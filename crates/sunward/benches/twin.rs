//! How fast the coupled twin flies: `cargo bench --profile release -p sunward --bench twin`.
//!
//! Times are CPU seconds of the whole process, the least of five runs: other work on the machine does not count.
//!
//! Two works, each on one thread and on all: a fleet without jobs' bookkeeping in the way (satellite-steps a second), and the whole run of
//! 100 satellites, 10 stations and 1,000 jobs over 24 h at 60 s. Peers' times are those measured on two cores of the same kind of
//! machine: 530,000 steps/s a core by a C++ orbital-edge simulator without heat, 49,000 by uncoupled Python parts, 36 s for the whole run by a
//! Python simulator.

use std::fmt::Write;

use sunward::{Control, World};

const PEER_STEPS_PER_S: f64 = 530e3;
const PEER_WHOLE_RUN_S: f64 = 36.0;
const ROUNDS: usize = 5;

fn main() {
    let fleet = world(&mission(400, 20, 0, 24, ""), "fleet");
    for threads in [1, 2] {
        let seconds = best(&fleet, threads);
        let steps = fleet.steps as f64 * fleet.sites.len() as f64;
        let rate = steps / seconds;
        println!(
            "coupled satellite-steps per core-second, {threads} thread(s): ours {:.2} M, peer {:.2} M, ratio {:.1}",
            rate * 1e-6,
            PEER_STEPS_PER_S * 1e-6,
            rate / PEER_STEPS_PER_S
        );
    }
    let whole = world(&mission(100, 10, 1000, 24, STATIONS), "whole run");
    for threads in [1, 2] {
        let seconds = best(&whole, threads);
        println!(
            "100 satellites, 10 stations, 1,000 jobs, 24 h at 60 s, {threads} thread(s): ours {seconds:.3} s, peer {PEER_WHOLE_RUN_S} s, ratio {:.0}",
            PEER_WHOLE_RUN_S / seconds
        );
    }
}

/// CPU seconds this process has used, from /proc/self/stat: fields 14 and 15, in ticks of 10 ms.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("a Linux system");
    let after_name = stat.rsplit(')').next().expect("a command name in brackets");
    let ticks = |field: usize| after_name.split_whitespace().nth(field).and_then(|text| text.parse::<f64>().ok());
    (ticks(11).expect("user time") + ticks(12).expect("system time")) / 100.0
}

fn best(world: &World, threads: usize) -> f64 {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
    let once = |_| {
        let began = cpu_seconds();
        let outcome = pool.install(|| sunward::fly(world, &mut |_| Control::Continue)).expect("a sound mission");
        assert!(outcome.summary.energy.generated.0 > 0.0);
        cpu_seconds() - began
    };
    (0..ROUNDS).map(once).fold(f64::INFINITY, f64::min)
}

fn world(text: &str, name: &str) -> World {
    sunward::read(text, name).unwrap_or_else(|faults| panic!("{}", faults.to_text()))
}

const STATIONS: &str = r#"
[[station]]
catalog = "ksat-nemea"
[[station]]
catalog = "ksat-dubai"
[[station]]
catalog = "ksat-singapore"
[[station]]
catalog = "ksat-mauritius"
[[station]]
catalog = "ksat-hartebeesthoek"
[[station]]
catalog = "ksat-awarua"
[[station]]
catalog = "ksat-punta-arenas"
[[station]]
catalog = "ssc-south-point"
[[station]]
catalog = "ssc-santiago"
[[station]]
catalog = "ssc-dongara"
"#;

fn mission(satellites: u32, planes: u32, jobs: u32, hours: u32, stations: &str) -> String {
    let mut text = format!(
        r#"
[mission]
name = "bench"
start = "2026-07-26T04:00:00Z"
duration = "{hours} h"
step = "60 s"
seed = 1

[record]
sites = ["sat-1"]

[[site]]
name = "sat"
platform = "microsat-60kg"
compute = {{ accelerator = "h100-pcie", count = 1 }}
orbit.walker = {{ altitude = "550 km", inclination = "53 deg", satellites = {satellites}, planes = {planes}, phasing = 1 }}
{stations}
"#
    );
    for job in 0..jobs {
        write!(
            text,
            r#"
[[job]]
name = "job-{job}"
kind = "training"
priority = {}
release = "{} min"
input = "5 MB"
output = "20 MB"
parameters = 124_000_000
tokens_per_step = 524_288
steps = {}
layers = 12
width = 768
context = 1024
precision = "bf16"
utilisation = 0.35
checkpoint_interval = "10 min"
"#,
            1 + job % 9,
            job % 1200,
            50 + job % 400
        )
        .expect("a String takes everything");
    }
    text
}
