//! Where the Sun stands, kept for runs of the same days.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use sunward_astro::ephemeris::Grid;
use sunward_astro::sun::{SightingSeries, sun_series};
use sunward_astro::time::{Instant, Span};

/// Instants that are kept at most: 32 bytes each, so 64 MB, or four years at a minute. What is beyond is computed anew each time.
const INSTANTS_MAX: usize = 2_000_000;

/// The Sun's place on the grids that were asked for. Runs of a study differ in their satellites and not in their days, and to place the
/// Sun takes half the time of a run of one satellite. What comes out is the same to the last bit, kept or not.
#[derive(Debug, Default)]
pub struct Almanac(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// By start, step and number of instants.
    series: BTreeMap<(Instant, Span, usize), Arc<SightingSeries>>,
    instants: usize,
}

impl Almanac {
    /// The apparent Sun on every instant of a grid.
    pub(crate) fn sun(&self, grid: Grid) -> Arc<SightingSeries> {
        let key = (grid.start(), grid.step(), grid.count());
        let kept = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = kept().series.get(&key) {
            return Arc::clone(known);
        }
        // Outside the lock: two runs at once may both compute it, and neither waits.
        let series = Arc::new(sun_series(grid));
        let mut kept = kept();
        if kept.instants + grid.count() <= INSTANTS_MAX && kept.series.insert(key, Arc::clone(&series)).is_none() {
            kept.instants += grid.count();
        }
        series
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(start: i64, count: usize) -> Grid {
        Grid::new(Instant::J2000 + Span::MINUTE * start, Span::MINUTE, count).unwrap()
    }

    #[test]
    fn what_is_kept_is_what_would_be_computed() {
        let almanac = Almanac::default();
        let first = almanac.sun(grid(0, 100));
        assert!(Arc::ptr_eq(&first, &almanac.sun(grid(0, 100))), "kept");
        assert!(!Arc::ptr_eq(&first, &almanac.sun(grid(0, 99))), "another grid");
        let later = almanac.sun(grid(7, 100));
        let fresh = sun_series(grid(7, 100));
        let same = |index| later.sighting(index).direction == fresh.sighting(index).direction;
        assert!((0..100).all(same) && first.sighting(7).direction == later.sighting(0).direction);
    }

    #[test]
    fn no_more_is_kept_than_there_is_room_for() {
        let almanac = Almanac(Mutex::new(Kept { instants: INSTANTS_MAX - 10, ..Kept::default() }));
        assert!(!Arc::ptr_eq(&almanac.sun(grid(0, 11)), &almanac.sun(grid(0, 11))));
        assert!(Arc::ptr_eq(&almanac.sun(grid(0, 10)), &almanac.sun(grid(0, 10))));
    }
}
