//! Eclipse edges (conical umbra and penumbra, flattened Earth) of 500 satellites over one day, on two threads.
//!
//! `SUNWARD_PYTHON=python3 cargo bench -p sunward-astro --bench eclipses` prints our time, the peers' and the ratio.

mod day;
#[allow(dead_code)]
#[path = "../tests/fleet/mod.rs"]
mod fleet;

use day::{best, on_two_threads, peers};
use sunward_astro::batch::BatchSgp4;
use sunward_astro::eclipse::{Eclipse, Occulter, eclipses, illuminated_fractions};
use sunward_astro::ephemeris::Ephemeris;
use sunward_astro::sun::sun_series;
use sunward_astro::time::Span;

fn main() {
    let elements = fleet::elements();
    let grid = fleet::day(Span::MINUTE);
    let batch = BatchSgp4::new(&elements).expect("elements in range");
    let satellite = |number: usize| Ephemeris::by_sgp4(&batch, number, grid).expect("no decay");
    let (sun_s, sun) = best(|| sun_series(grid));
    let (tracks_s, satellites) = best(|| on_two_threads(elements.len(), satellite));
    let of = |number: usize| eclipses(Occulter::EARTH, &satellites[number], &sun);
    let (search_s, found) = best(|| on_two_threads(elements.len(), of));
    let (total_s, _): (f64, Vec<Vec<Eclipse>>) = best(|| {
        let sun = sun_series(grid);
        on_two_threads(elements.len(), |number| eclipses(Occulter::EARTH, &satellite(number), &sun))
    });
    let count: usize = found.iter().map(Vec::len).sum();
    println!("{count} eclipses in {total_s:.3} s (Sun {sun_s:.4} s, tracks {tracks_s:.3} s, search {search_s:.3} s)");
    let (shares_s, _) = best(|| {
        on_two_threads(elements.len(), |number| {
            let mut share = vec![0.0; grid.count()];
            illuminated_fractions(Occulter::EARTH, &satellites[number], &sun, &mut share);
            share.iter().sum::<f64>()
        })
    });
    println!("illuminated share at {} instants in {shares_s:.4} s", elements.len() * grid.count());
    peers("eclipses_peer.py", total_s);
}
