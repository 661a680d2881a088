//! SGP4 in columns against the `sgp4` crate: 5,000 satellites x 1,440 minutes, position and velocity, one thread.
//!
//! `cargo bench -p sunward-astro --bench sgp4` prints millions of propagations a second of both, in alternating runs.

use std::hint::black_box;
use std::time::Instant as Clock;

use sunward_astro::batch::BatchSgp4;
use sunward_astro::elements::{CatalogNumber, DragTerm, Elements, MeanMotion};
use sunward_astro::frames::series_to_earth_fixed;
use sunward_astro::state::States;
use sunward_astro::time::{Instant, Span};
use sunward_units::{Radians, Ratio};

const SATELLITES: usize = 5000;
const MINUTES: usize = 1440;
const RUNS: usize = 5;

/// A Walker-like shell: 550 km, 53 degrees, e = 0.001 (benches/peers/sgp4_peer.py builds the same).
fn shell(epoch: Instant) -> Vec<Elements> {
    let turn = std::f64::consts::TAU / SATELLITES as f64;
    let one = |k: usize| Elements {
        name: None,
        catalog_number: CatalogNumber(k as u32),
        designator: None,
        epoch,
        mean_motion: MeanMotion::from_revolutions_per_day(15.05 + 1e-5 * k as f64),
        eccentricity: Ratio(0.001),
        inclination: Radians::from_degrees(53.0),
        right_ascension: Radians(turn * k as f64),
        argument_of_perigee: Radians(turn * (k * 7 % SATELLITES) as f64),
        mean_anomaly: Radians(turn * (k * 31 % SATELLITES) as f64),
        drag_term: DragTerm(1e-4),
    };
    (0..SATELLITES).map(one).collect()
}

fn rate(work: impl FnOnce()) -> f64 {
    let start = Clock::now();
    work();
    (SATELLITES * MINUTES) as f64 / start.elapsed().as_secs_f64() / 1e6
}

fn main() {
    let epoch = Instant::from_utc_text("2026-07-26T04:00:00Z").expect("a UTC time");
    let elements = shell(epoch);
    let batch = BatchSgp4::new(&elements).expect("elements in range");
    let peers: Vec<sgp4::Constants> = elements.iter().map(peer).collect();
    let mut states = States::zeros(MINUTES);
    let mut fleet = States::zeros(SATELLITES);
    let mut ratios = Vec::new();
    for run in 1..=RUNS {
        let ours = rate(|| {
            for satellite in 0..SATELLITES {
                batch.propagate_series(satellite, epoch, Span::MINUTE, &mut states.columns()).expect("no decay");
                black_box(&states);
            }
        });
        let turned = rate(|| {
            for satellite in 0..SATELLITES {
                batch.propagate_series(satellite, epoch, Span::MINUTE, &mut states.columns()).expect("no decay");
                series_to_earth_fixed(epoch, Span::MINUTE, &mut states.columns());
                black_box(&states);
            }
        });
        let by_time = rate(|| {
            for minute in 0..MINUTES as i64 {
                batch.propagate_fleet(epoch + Span::MINUTE * minute, &mut fleet.columns()).expect("no decay");
                black_box(&fleet);
            }
        });
        let theirs = rate(|| {
            for peer in &peers {
                for minute in 0..MINUTES {
                    black_box(peer.propagate(sgp4::MinutesSinceEpoch(minute as f64)).expect("no decay"));
                }
            }
        });
        println!(
            "run {run}: series {ours:.1} M/s (Earth-fixed {turned:.1}), fleet {by_time:.1} M/s, sgp4 crate {theirs:.2} M/s, ratio {:.1}",
            ours / theirs
        );
        ratios.push(ours / theirs);
    }
    ratios.sort_by(f64::total_cmp);
    println!("median ratio {:.1}", ratios[RUNS / 2]);
}

fn peer(elements: &Elements) -> sgp4::Constants {
    let orbit = sgp4::Orbit::from_kozai_elements(
        &sgp4::WGS72,
        elements.inclination.0,
        elements.right_ascension.0,
        elements.eccentricity.0,
        elements.argument_of_perigee.0,
        elements.mean_anomaly.0,
        elements.mean_motion.0 * 60.0,
    )
    .expect("a closed orbit");
    let years = elements.epoch.julian_date_ut1().days_since_2000() / 365.25;
    sgp4::Constants::new(sgp4::WGS72, sgp4::afspc_epoch_to_sidereal_time, years, elements.drag_term.0, orbit)
        .expect("an eccentricity in range")
}
