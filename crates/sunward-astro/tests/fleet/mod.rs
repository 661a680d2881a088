//! The invented fleet and stations of testdata/astro, for tests and benchmarks.

use sunward_astro::batch::BatchSgp4;
use sunward_astro::elements::{Elements, read_tles};
use sunward_astro::ephemeris::{Ephemeris, Grid};
use sunward_astro::frames::Geodetic;
use sunward_astro::station::Station;
use sunward_astro::time::{Instant, Span};
use sunward_units::{Meters, Radians};

/// Seconds from the start of the day that tests and peers look at.
pub(crate) fn day_start() -> Instant {
    Instant::from_utc_text("2026-07-26T00:00:00Z").unwrap()
}

/// The day that tests and peers look at.
pub(crate) fn day(step: Span) -> Grid {
    Grid::covering(day_start(), Span::DAY, step).unwrap()
}

/// 500 sets of elements; numbers 94 to 99 of each hundred are no low orbits.
pub(crate) fn elements() -> Vec<Elements> {
    read_tles(include_str!("../../../../testdata/astro/fleet.tle")).unwrap()
}

/// Ephemerides of some satellites of the fleet.
pub(crate) fn ephemerides(fleet: &BatchSgp4, numbers: &[usize], grid: Grid) -> Vec<Ephemeris> {
    numbers.iter().map(|&number| Ephemeris::by_sgp4(fleet, number, grid).unwrap()).collect()
}

/// The 20 stations with one minimum elevation.
pub(crate) fn stations(elevation_min_deg: f64) -> Vec<Station> {
    let rows = include_str!("../../../../testdata/astro/stations.csv").lines().skip(1);
    let station = |row: &str| {
        let cell: Vec<f64> = row.split(',').skip(1).map(|cell| cell.parse().unwrap()).collect();
        let [latitude, longitude] = [cell[0], cell[1]].map(Radians::from_degrees);
        let place = Geodetic { latitude, longitude, height: Meters(cell[2]) };
        Station::new(place, Radians::from_degrees(elevation_min_deg)).unwrap()
    };
    rows.map(station).collect()
}

/// The value below which a share of all values lies.
pub(crate) fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * share).round() as usize]
}
