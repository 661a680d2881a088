//! The ground track on a map of the world, with day and night.

use std::f64::consts::{PI, TAU};

use sunward_astro::sun::{mean_sun_right_ascension, sun};
use sunward_astro::time::Instant;
use sunward_sim::record::{Record, StationInfo, Track};
use sunward_units::Radians;

use super::{Anchor, Canvas, PAGE_WIDTH, Point, Scale, Window, figure, multiples};
use crate::palette::{GRID, HEAT, INK, LAND, LINK, MUTED, NIGHT, OCEAN, PAPER, SHADOW, SUN};
use crate::text::shortened;

const LAND_OUTLINE: &str = include_str!("../../data/land-110m.txt");
/// Farther from the equator there is nothing to see.
const LATITUDE_MAX_DEG: f64 = 85.0;
const MARGIN: f64 = 1.0;

/// Something with a name at a place.
struct Place<'a> {
    name: &'a str,
    at: Point,
    bold: bool,
}

/// An equirectangular map.
struct Projection {
    x: Scale,
    y: Scale,
}

impl Projection {
    fn at(&self, latitude_deg: f64, longitude_deg: f64) -> Point {
        (self.x.at(longitude_deg), self.y.at(latitude_deg))
    }
}

/// The track of one site over `window` (sunlit and shadowed parts apart), the stations, and day and night at the
/// window's end.
pub(crate) fn ground_track(record: &Record, track: &Track, times_s: &[f64], window: Window) -> String {
    let (Some(&end), Some(row)) = (track.time.last(), track.time.len().checked_sub(1)) else { return String::new() };
    let site = &record.sites[track.site as usize].name;
    world(&format!("Ground track of {site}"), end, |canvas, map| {
        draw_track(canvas, map, track, times_s, window);
        let at = map.at(track.latitude[row].degrees(), track.longitude[row].degrees());
        canvas.dot(at, 6.0, HEAT, PAPER);
        let mut places = vec![Place { name: site, at, bold: true }, sun_place(map, end)];
        places.extend(stations(canvas, map, &record.stations));
        draw_names(canvas, &places);
    })
}

/// Where the tracked sites of a fleet are at the end, with stations, day and night.
pub(crate) fn fleet(record: &Record) -> String {
    let Some(end) = record.tracks.iter().filter_map(|track| track.time.last().copied()).max() else {
        return String::new();
    };
    world("Sites at the end of the run", end, |canvas, map| {
        let mut places = vec![sun_place(map, end)];
        places.extend(stations(canvas, map, &record.stations));
        for track in &record.tracks {
            let (Some(latitude), Some(longitude)) = (track.latitude.last(), track.longitude.last()) else { continue };
            let at = map.at(latitude.degrees(), longitude.degrees());
            let lit = track.illumination.last().is_some_and(|share| share.0 > 0.5);
            canvas.dot(at, 4.0, if lit { SUN } else { SHADOW }, PAPER);
            places.push(Place { name: &record.sites[track.site as usize].name, at, bold: true });
        }
        draw_names(canvas, &places);
    })
}

fn world(label: &str, instant: Instant, marks: impl FnOnce(&mut Canvas<'_>, &Projection)) -> String {
    let (width, pixels_per_deg) = (PAGE_WIDTH, (PAGE_WIDTH - 2.0 * MARGIN) / 360.0);
    let height = 2.0 * (LATITUDE_MAX_DEG * pixels_per_deg + MARGIN);
    let map = Projection {
        x: Scale { low: -180.0, high: 180.0, from: MARGIN, to: width - MARGIN },
        y: Scale { low: -LATITUDE_MAX_DEG, high: LATITUDE_MAX_DEG, from: height - MARGIN, to: MARGIN },
    };
    figure(width, height, label, |canvas| {
        canvas.block((0.0, 0.0), (width, height), OCEAN, 1.0);
        draw_land(canvas, &map);
        draw_graticule(canvas, &map);
        draw_night(canvas, &map, instant);
        marks(canvas, &map);
    })
}

/// Outer rings and holes alternate colours by area sign: a hole (the Caspian Sea) runs the other way round.
fn draw_land(canvas: &mut Canvas<'_>, map: &Projection) {
    for ring in LAND_OUTLINE.lines().filter(|line| !line.starts_with('#')) {
        let (mut tenths, mut points) = ((0i32, 0i32), Vec::new());
        let mut numbers = ring.split(' ').filter_map(|number| number.parse::<i32>().ok());
        while let (Some(longitude), Some(latitude)) = (numbers.next(), numbers.next()) {
            tenths = (tenths.0 + longitude, tenths.1 + latitude);
            points.push(map.at(f64::from(tenths.1) / 10.0, f64::from(tenths.0) / 10.0));
        }
        canvas.polygon(&points, if runs_backwards(&points) { OCEAN } else { LAND }, 1.0);
    }
}

/// Whether a ring runs anticlockwise on the page, as a hole does.
fn runs_backwards(points: &[Point]) -> bool {
    let next = points.iter().cycle().skip(1);
    points.iter().zip(next).map(|(a, b)| a.0 * b.1 - b.0 * a.1).sum::<f64>() < 0.0
}

fn draw_graticule(canvas: &mut Canvas<'_>, map: &Projection) {
    for longitude in multiples(-150.0, 150.0, 30.0) {
        canvas.line(map.at(-LATITUDE_MAX_DEG, longitude), map.at(LATITUDE_MAX_DEG, longitude), GRID, 0.5);
    }
    for latitude in multiples(-60.0, 60.0, 30.0) {
        canvas.line(map.at(latitude, -180.0), map.at(latitude, 180.0), GRID, 0.5);
        let label = match latitude as i64 {
            0 => "0\u{b0}".to_owned(),
            north @ 1.. => format!("{north}\u{b0}N"),
            south => format!("{}\u{b0}S", -south),
        };
        let (x, y) = map.at(latitude, -180.0);
        canvas.text(&label, (x + 5.0, y - 7.0), 9.5, MUTED, Anchor::Start);
    }
}

/// The night side: all places where the Sun's centre is below the horizon.
///
/// With the Sun overhead at latitude d and longitude l, the terminator runs through
/// `tan(latitude) = -cos(longitude - l) / tan(d)`.
fn draw_night(canvas: &mut Canvas<'_>, map: &Projection, instant: Instant) {
    /// Closer to an equinox the terminator is a meridian, and its latitude undefined.
    const DECLINATION_MIN_DEG: f64 = 0.05;
    let (declination, longitude) = subsolar_point(instant);
    let declination_deg = declination.degrees().abs().max(DECLINATION_MIN_DEG).copysign(declination.degrees());
    let tangent = declination_deg.to_radians().tan();
    let dark_pole = -LATITUDE_MAX_DEG.copysign(declination_deg);
    let terminator = (-180..=180).map(f64::from).map(|east| {
        let latitude = (-(east.to_radians() - longitude.0).cos() / tangent).atan().to_degrees();
        map.at(latitude, east)
    });
    let pole = [map.at(dark_pole, 180.0), map.at(dark_pole, -180.0)];
    canvas.polygon(&terminator.chain(pole).collect::<Vec<_>>(), NIGHT, 0.28);
    canvas.dot(sun_place(map, instant).at, 7.0, SUN, PAPER);
}

fn sun_place(map: &Projection, instant: Instant) -> Place<'static> {
    let (latitude, longitude) = subsolar_point(instant);
    Place { name: "Sun overhead", at: map.at(latitude.degrees(), longitude.degrees()), bold: false }
}

/// Latitude and east longitude where the Sun is overhead.
///
/// The apparent Sun's right ascension less the Greenwich sidereal time `UT1 - 12 h + right ascension of the mean Sun`.
/// **Not modelled**: polar motion; the difference of geocentric and geodetic latitude, at most 0.2 deg on the
/// terminator.
fn subsolar_point(instant: Instant) -> (Radians, Radians) {
    let [x, y, z] = sun(instant).direction;
    let ut1 = TAU * instant.julian_date_ut1().day_fraction;
    let longitude = y.atan2(x) - mean_sun_right_ascension(instant).0 - ut1 + PI;
    (Radians(z.asin()), Radians((longitude + PI).rem_euclid(TAU) - PI))
}

/// Runs of rows on one side of the shadow's edge, broken where the track leaves the map's edge.
fn draw_track(canvas: &mut Canvas<'_>, map: &Projection, track: &Track, times_s: &[f64], window: Window) {
    let first = times_s.partition_point(|&time| time < window.from_s);
    let mut run: Vec<Point> = Vec::new();
    let mut draw = |run: &mut Vec<Point>, lit: bool| {
        canvas.path(run, if lit { SUN } else { SHADOW }, 2.4);
        run.clear();
    };
    let mut before: Option<(f64, bool)> = None;
    for row in first..track.time.len() {
        let (latitude, longitude) = (track.latitude[row].degrees(), track.longitude[row].degrees());
        let lit = track.illumination[row].0 > 0.5;
        let point = map.at(latitude, longitude);
        if let Some((longitude_before, lit_before)) = before {
            let wraps = (longitude - longitude_before).abs() > 180.0;
            if !wraps {
                run.push(point);
            }
            if wraps || lit != lit_before {
                draw(&mut run, lit_before);
            }
        }
        if run.is_empty() {
            run.push(point);
        }
        before = Some((longitude, lit));
    }
    if let Some((_, lit)) = before {
        draw(&mut run, lit);
    }
}

fn stations<'a>(canvas: &mut Canvas<'_>, map: &Projection, stations: &'a [StationInfo]) -> Vec<Place<'a>> {
    let place = |station: &'a StationInfo| {
        let at = map.at(station.latitude.degrees(), station.longitude.degrees());
        canvas.dot(at, 3.6, LINK, PAPER);
        Place { name: &station.name, at, bold: false }
    };
    stations.iter().map(place).collect()
}

/// Names beside their places, each where it meets no other name and no other place; one that finds no room is left out.
fn draw_names(canvas: &mut Canvas<'_>, places: &[Place<'_>]) {
    const SIZE: f64 = 11.0;
    let mut taken: Vec<(Point, Point)> =
        places.iter().map(|Place { at: (x, y), .. }| ((x - 5.0, y - 5.0), (x + 5.0, y + 5.0))).collect();
    for Place { name, at: (x, y), bold } in places {
        let name = shortened(name, 24);
        let width = name.chars().count() as f64 * SIZE * if *bold { 0.60 } else { 0.56 };
        let spots = [
            (x + 10.0, y + 0.0),
            (x - 10.0 - width, y + 0.0),
            (x + 7.0, y - 12.0),
            (x + 7.0, y + 12.0),
            (x - 7.0 - width, y - 12.0),
            (x - 7.0 - width, y + 12.0),
            (x - width / 2.0, y - 15.0),
            (x - width / 2.0, y + 15.0),
        ];
        let room = |&(left, middle): &Point| ((left, middle - SIZE / 2.0), (left + width, middle + SIZE / 2.0));
        let inside = |((left, _), (right, _)): &(Point, Point)| *left > 2.0 && *right < PAGE_WIDTH - 2.0;
        let Some(spot) =
            spots.iter().find(|spot| inside(&room(spot)) && !taken.iter().any(|other| overlap(&room(spot), other)))
        else {
            continue;
        };
        taken.push(room(spot));
        let draw = if *bold { Canvas::bold } else { Canvas::text };
        draw(canvas, &name, *spot, SIZE, INK, Anchor::Start);
    }
}

fn overlap(a: &(Point, Point), b: &(Point, Point)) -> bool {
    a.0.0 < b.1.0 && b.0.0 < a.1.0 && a.0.1 < b.1.1 && b.0.1 < a.1.1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// astropy: see testdata/subsolar.py.
    #[test]
    fn the_sun_is_overhead_where_another_tool_says() {
        let table = include_str!("../../testdata/subsolar.csv");
        let rows: Vec<&str> = table.lines().filter(|line| !line.starts_with('#')).skip(1).collect();
        assert_eq!(rows.len(), 6);
        for row in rows {
            let cells: Vec<&str> = row.split(',').collect();
            let (latitude, longitude) = subsolar_point(Instant::from_utc_text(cells[0]).unwrap());
            let apart = |got: Radians, cell: &str| (got.degrees() - cell.parse::<f64>().unwrap()).abs();
            // A tenth of a pixel of the map is 0.03 deg.
            assert!(apart(latitude, cells[1]) < 0.03, "{row}: {}", latitude.degrees());
            assert!(apart(longitude, cells[2]) < 0.03, "{row}: {}", longitude.degrees());
        }
    }

    #[test]
    fn the_outline_is_the_world() {
        let rings = LAND_OUTLINE.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(rings, 128);
        assert!(LAND_OUTLINE.len() < 60_000);
    }
}
