//! Contacts of 500 satellites with 20 stations over one day, above 10 deg, on two threads: propagation, turning and search.
//!
//! `SUNWARD_PYTHON=python3 cargo bench -p sunward-astro --bench contacts` prints our time, the peers' and the ratio.

mod day;
#[allow(dead_code)]
#[path = "../tests/fleet/mod.rs"]
mod fleet;

use day::{best, on_two_threads, peers};
use sunward_astro::batch::BatchSgp4;
use sunward_astro::contact::{Contact, EarthTrack, SatelliteId, contacts};
use sunward_astro::ephemeris::Ephemeris;
use sunward_astro::time::Span;

fn main() {
    let elements = fleet::elements();
    let stations = fleet::stations(10.0);
    let mut ours_s = f64::NAN;
    for step in [Span::MINUTE * 2, Span::MINUTE] {
        let grid = fleet::day(step);
        let batch = BatchSgp4::new(&elements).expect("elements in range");
        let track = |number: usize| EarthTrack::new(&Ephemeris::by_sgp4(&batch, number, grid).expect("no decay"));
        let (tracks_s, tracks) = best(|| on_two_threads(elements.len(), track));
        let of = |number: usize| contacts(SatelliteId(number as u32), &tracks[number], &stations);
        let (search_s, found) = best(|| on_two_threads(elements.len(), of));
        let both = |number: usize| contacts(SatelliteId(number as u32), &track(number), &stations);
        let (total_s, again): (f64, Vec<Vec<Contact>>) = best(|| on_two_threads(elements.len(), both));
        assert_eq!(found, again);
        let count: usize = found.iter().map(Vec::len).sum();
        println!("step {step}: {count} contacts in {total_s:.3} s (tracks {tracks_s:.3} s, search {search_s:.3} s)");
        ours_s = total_s;
    }
    peers("contacts_peer.py", ours_s);
}
