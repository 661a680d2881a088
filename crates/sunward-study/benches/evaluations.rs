//! Runs a second: of a one-satellite mission as a study flies it, and of a function that costs nothing.
//!
//! `cargo bench -p sunward-study --profile release`

use std::time::Instant;

use sunward_catalog::Catalog;
use sunward_study::mission::Declarations;
use sunward_study::*;

/// One H100 on the platform of the catalog, with ten ground stations and four jobs.
const MISSION: &str = include_str!("../../../missions/starcloud-1.toml");

const STUDY: &str = r#"
[[assumption]]
key = "site[0].power.bus_load"
spread = "catalog"
[[assumption]]
key = "site[0].thermal.radiator_area"
spread = "catalog"
[[assumption]]
key = "mission.seed"
spread = { uniform = [1, 1000000] }
"#;

/// The mission on a circular orbit, which unlike the elements of a day can be flown for a year.
fn circular() -> String {
    let (before, rest) = MISSION.split_once("[site.orbit]").expect("a section of the orbit");
    let (_, after) = rest.split_once("# Launched on").expect("what follows the orbit");
    format!(
        "{before}[site.orbit]\nsun_synchronous = {{ altitude = \"650 km\", local_time = \"12:00\" }}\n\n# Launched on{after}"
    )
}

/// Runs a second of the mission over `duration` at `step`.
fn mission_rate(mission: &str, duration: &str, step: &str, runs: usize) -> f64 {
    let text = mission.replace("\"7 d\"", &format!("{duration:?}")).replace("\"30 s\"", &format!("{step:?}"));
    let model =
        MissionModel::read(&text, "starcloud-1.toml", Catalog::builtin(), &["work.delivered"]).expect("a mission");
    let space = model.space(&Declarations::read(STUDY, "study").expect("a study")).expect("a space");
    rate(&model, space, runs)
}

/// Best rate of three studies that differ in their seed.
fn rate(model: &dyn Model, space: Space, runs: usize) -> f64 {
    let rates = (0..3).map(|seed| {
        let sampling = Sampling::MonteCarlo { runs };
        let study = Study { space: space.clone(), sampling, seed, shard_runs: runs.div_ceil(8) };
        let start = Instant::now();
        let table = sweep(&study, model, &Memory::default(), &|_| Control::Continue).expect("a table");
        assert_eq!(table.failed(), 0, "{:?}", table.errors.iter().flatten().next());
        runs as f64 / start.elapsed().as_secs_f64()
    });
    rates.fold(0.0, f64::max)
}

fn main() {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    println!("runs a second on {threads} threads, one satellite, ten stations, four jobs (best of 3):");
    for (duration, step, runs) in [("1 d", "60 s", 160), ("1 d", "5 min", 320), ("10 d", "5 min", 32)] {
        println!("  mission of {duration} at {step}: {:.1}", mission_rate(MISSION, duration, step, runs));
    }
    println!("  mission of 1 yr at 10 min, circular orbit: {:.2}", mission_rate(&circular(), "365 d", "10 min", 8));
    let unit = distribution::Distribution::Uniform { low: 0.0, high: 1.0 };
    let variables = ["a", "b", "c"].map(|key| Variable::new(key, Role::Assumption, unit.clone()));
    let space = Space::new(variables.to_vec()).expect("a space");
    let model = Function::new("sum", &["y"], |x: &[f64]| vec![x.iter().sum()]);
    println!("  a sum of three numbers, what a study itself costs: {:.0}", rate(&model, space, 200_000));
}
