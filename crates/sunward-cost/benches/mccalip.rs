//! Evaluations a second of McCalip's calculator: one by one, and in columns.
//!
//! `cargo bench -p sunward-cost --profile release`; the peer is `node crates/sunward-cost/benches/peers/mccalip.js`.

use std::hint::black_box;
use std::time::Instant;

use sunward_catalog::{UsdPerWatt, WattsPerKilogram};
use sunward_cost::models::mccalip::{Draws, Ground, Orbital, Thermal, break_even, totals};
use sunward_units::random::{Purpose, Stream};
use sunward_units::{Ratio, Usd, UsdPerKilogram};

const DRAWS: usize = 1 << 16;
const ROUNDS: usize = 40;

/// Best rate of several rounds, in evaluations a second.
fn rate(mut round: impl FnMut()) -> f64 {
    let mut best = 0.0f64;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        round();
        best = best.max(DRAWS as f64 / start.elapsed().as_secs_f64());
    }
    best
}

fn main() {
    let stream = Stream::new(1, 0, Purpose::Study);
    let column = |place: u64, low: f64, high: f64| -> Vec<f64> {
        (0..DRAWS as u64).map(|draw| low + (high - low) * stream.uniform(7 * draw + place)).collect()
    };
    let launch_price: Vec<_> = column(0, 1.0, 2940.0).into_iter().map(UsdPerKilogram).collect();
    let hardware_price: Vec<_> = column(1, 1.0, 40.0).into_iter().map(UsdPerWatt).collect();
    let specific_power: Vec<_> = column(2, 3.0, 500.0).into_iter().map(WattsPerKilogram).collect();
    let sun_fraction: Vec<_> = column(3, 0.55, 1.0).into_iter().map(Ratio).collect();
    let degradation: Vec<_> = column(4, 0.0, 0.12).into_iter().map(Ratio).collect();
    let accelerator_failure: Vec<_> = column(5, 0.0, 0.10).into_iter().map(Ratio).collect();
    let development: Vec<_> = column(6, 0.0, 1e10).into_iter().map(Usd).collect();
    let draws = Draws {
        launch_price: &launch_price,
        hardware_price: &hardware_price,
        specific_power: &specific_power,
        sun_fraction: &sun_fraction,
        degradation: &degradation,
        accelerator_failure: &accelerator_failure,
        development: &development,
    };
    let orbital = |draw: usize| Orbital {
        launch_price: launch_price[draw],
        hardware_price: hardware_price[draw],
        specific_power: specific_power[draw],
        sun_fraction: sun_fraction[draw],
        degradation: degradation[draw],
        accelerator_failure: accelerator_failure[draw],
        development: development[draw],
        ..Orbital::default()
    };
    let whole = |draw: usize| {
        let (orbital, ground) = (black_box(orbital(draw)), black_box(Ground::default()));
        let (orbit, campus) = (orbital.evaluate().unwrap(), ground.evaluate().unwrap());
        (orbit, campus, break_even(&orbital, &orbit, &campus))
    };
    let single = rate(|| {
        for draw in 0..DRAWS {
            black_box(whole(draw));
        }
    });
    let with_heat = rate(|| {
        for draw in 0..DRAWS {
            let (orbit, ..) = whole(draw);
            black_box(Thermal::default()).evaluate(orbit.array).map(black_box).unwrap();
        }
    });
    let mut total = vec![Usd(0.0); DRAWS];
    let columns = rate(|| {
        totals(&Orbital::default(), black_box(&draws), &mut total).unwrap();
        black_box(&total);
    });
    println!("orbit, ground and break-even, one by one    {:>10.2} million/s", single / 1e6);
    println!("the same with the thermal part              {:>10.2} million/s", with_heat / 1e6);
    println!("orbital totals in columns                   {:>10.2} million/s", columns / 1e6);
}
