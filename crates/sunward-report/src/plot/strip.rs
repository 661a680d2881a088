//! States over time as bands of colour: eclipses day by day, what bound the work, passes over stations.

use sunward_sim::record::{Bound, ContactPass, Record, Track};

use super::panel::{legend, row};
use super::{
    Anchor, Canvas, Column, GUTTER, PAGE_WIDTH, SECONDS_PER_DAY, Scale, Timeline, Window, draw_unit, figure, multiples,
    time_step,
};
use crate::html::escaped;
use crate::palette::{
    AXIS, COMPUTE, Colour, DAYLIGHT, DEAD, GRID, HEAT, IDLE, INK, LINK, MUTED, PENUMBRA, RADIATION, SUN, UMBRA,
};
use crate::text::shortened;

/// The colour of what bound the work.
pub(crate) fn bound_colour(bound: Bound) -> Colour {
    match bound {
        Bound::Compute => COMPUTE,
        Bound::Power => SUN,
        Bound::Heat => HEAT,
        Bound::Link => LINK,
        Bound::Radiation => RADIATION,
        Bound::Demand => IDLE,
        Bound::Failure => DEAD,
    }
}

/// What bound the work, in the words of a legend.
pub(crate) fn bound_name(bound: Bound) -> &'static str {
    match bound {
        Bound::Compute => "compute (full clock)",
        Bound::Power => "power",
        Bound::Heat => "heat",
        Bound::Link => "link (waiting for input)",
        Bound::Radiation => "radiation (reboot, repeat)",
        Bound::Demand => "demand (no work at hand)",
        Bound::Failure => "failure (for good)",
    }
}

/// One bar of shares that sum to 1.
pub(crate) fn share_bar(shares: &[(Bound, f64)]) -> String {
    const HEIGHT: f64 = 34.0;
    figure(PAGE_WIDTH, HEIGHT, "What bound the work, as shares of time", |canvas| {
        let mut left = 0.0;
        for &(bound, share) in shares.iter().filter(|(_, share)| *share > 0.0) {
            let right = left + share * PAGE_WIDTH;
            canvas.block((left, 0.0), ((right - 1.5).max(left + 0.5), HEIGHT), bound_colour(bound), 1.0);
            left = right;
        }
    })
}

/// The days of a run under each other, each from hour 0 to 24 of mission time, with the time in shadow.
///
/// A run too long to show every day shows every n-th and says so.
pub(crate) fn eclipse_days(track: &Track, times_s: &[f64], timeline: &Timeline) -> String {
    const DAYS_MAX: usize = 40;
    let days = (timeline.whole.to_s / SECONDS_PER_DAY - 1e-9).ceil().max(0.0) as usize;
    if days == 0 || times_s.is_empty() {
        return String::new();
    }
    let day_s = SECONDS_PER_DAY.min(timeline.whole.to_s);
    let every = days.div_ceil(DAYS_MAX);
    let shown: Vec<usize> = (0..days).step_by(every).collect();
    let day_height = if shown.len() > 14 { 9.0 } else { 15.0 };
    let (left, right, top) = (GUTTER + 46.0, PAGE_WIDTH - 60.0, 8.0);
    let bottom = top + day_height * shown.len() as f64;
    let svg = figure(PAGE_WIDTH, bottom + 20.0, "Eclipses day by day", |canvas| {
        let labels_every = shown.len().div_ceil((bottom - top) as usize / 13 + 1).max(1);
        for (line, &day) in shown.iter().enumerate() {
            let from_s = day as f64 * SECONDS_PER_DAY;
            let window = Window { from_s, to_s: from_s + day_s };
            let flown_s = (timeline.whole.to_s - from_s).min(day_s);
            let y = top + day_height * line as f64;
            let scale = window.scale(left, right);
            canvas.block((left, y), (scale.at(from_s + flown_s), y + day_height - 1.5), DAYLIGHT, 1.0);
            for (shadow, deep) in shadows(track, times_s, window) {
                let colour = if deep { UMBRA } else { PENUMBRA };
                canvas.block((scale.at(shadow.from_s), y), (scale.at(shadow.to_s), y + day_height - 1.5), colour, 1.0);
            }
            if line % labels_every == 0 {
                let middle = y + day_height / 2.0 - 0.75;
                canvas.text(&format!("day {day}"), (left - 7.0, middle), 10.5, MUTED, Anchor::End);
                let dark = dark_share(track, times_s, window);
                canvas.text(&format!("{:.1} %", dark * 100.0), (PAGE_WIDTH - 14.0, middle), 10.5, MUTED, Anchor::End);
            }
        }
        let (unit_s, unit, step) = time_step(day_s, 9);
        for tick in multiples(0.0, day_s / unit_s, step) {
            let x = left + tick * unit_s / day_s * (right - left);
            canvas.text(&format!("{tick} {unit}"), (x, bottom + 10.0), 10.5, MUTED, Anchor::Middle);
        }
    });
    let each = if every > 1 { format!(", every {every}th") } else { String::new() };
    let entries = [("sunlight", DAYLIGHT), ("partial", PENUMBRA), ("shadow", UMBRA)];
    row(&format!("Eclipses by mission day{each}"), &legend(entries.into_iter()), &svg)
}

/// Rows of `window` in shadow, joined: full (less than 2 % of the Sun seen) or in part.
fn shadows(track: &Track, times_s: &[f64], window: Window) -> Vec<(Window, bool)> {
    const DEEP: f64 = 0.02;
    let state = |row: usize| match track.illumination[row].0 {
        share if share < DEEP => Some(true),
        share if share < 1.0 - DEEP => Some(false),
        _ => None,
    };
    let mut all: Vec<(Window, bool)> = Vec::new();
    for (row, from_s, to_s) in rows_within(times_s, window) {
        let Some(deep) = state(row) else { continue };
        match all.last_mut() {
            Some((last, same)) if *same == deep && last.to_s >= from_s => last.to_s = to_s,
            _ => all.push((Window { from_s, to_s }, deep)),
        }
    }
    all
}

/// Where a track is more in shadow than in light: for the tint behind plots.
pub(crate) fn dark_windows(track: &Track, times_s: &[f64], window: Window) -> Vec<Window> {
    let mut all: Vec<Window> = Vec::new();
    for (_, from_s, to_s) in rows_within(times_s, window).filter(|(row, ..)| track.illumination[*row].0 < 0.5) {
        match all.last_mut() {
            Some(last) if last.to_s >= from_s => last.to_s = to_s,
            _ => all.push(Window { from_s, to_s }),
        }
    }
    all
}

/// Mean share of the Sun missing in `window`.
fn dark_share(track: &Track, times_s: &[f64], window: Window) -> f64 {
    let (mut dark_s, mut all_s) = (0.0, 0.0);
    for (row, from_s, to_s) in rows_within(times_s, window) {
        dark_s += (1.0 - track.illumination[row].0) * (to_s - from_s);
        all_s += to_s - from_s;
    }
    if all_s > 0.0 { dark_s / all_s } else { 0.0 }
}

/// The rows that meet `window`, each with the part of it they cover; a row reaches from its predecessor's time to its
/// own.
fn rows_within(times_s: &[f64], window: Window) -> impl Iterator<Item = (usize, f64, f64)> {
    let first = times_s.partition_point(|&time| time <= window.from_s);
    (first..times_s.len())
        .map(move |row| (row, if row == 0 { 0.0 } else { times_s[row - 1] }, times_s[row]))
        .take_while(move |(_, from_s, _)| *from_s < window.to_s)
        .map(move |(row, from_s, to_s)| (row, from_s.max(window.from_s), to_s.min(window.to_s)))
}

/// What bound the work over time, as shares of each stretch.
pub(crate) fn bounds_over_time(track: &Track, times_s: &[f64], timeline: &Timeline) -> String {
    if times_s.is_empty() || timeline.whole.span_s() <= 0.0 {
        return String::new();
    }
    let (top, bottom) = (22.0, 96.0);
    let svg = figure(PAGE_WIDTH, bottom + 20.0, "What bound the work over time", |canvas| {
        for column in timeline.columns(GUTTER + 46.0) {
            column.draw_time(canvas, top, bottom);
            draw_unit(canvas, &column, top, "%");
            let shares = Scale { low: 0.0, high: 100.0, from: bottom, to: top };
            super::panel::draw_share_axis(canvas, &column, &shares);
            draw_bounds(canvas, &column, &shares, track, times_s);
        }
    });
    let entries = Bound::ALL.into_iter().filter(|bound| track.bound.contains(bound));
    row("What bound the work", &legend(entries.map(|bound| (bound_name(bound), bound_colour(bound)))), &svg)
}

/// Stacked shares of stretches a few pixels wide; neighbours that look the same are drawn as one.
fn draw_bounds(canvas: &mut Canvas<'_>, column: &Column, shares: &Scale, track: &Track, times_s: &[f64]) {
    const STRETCH: f64 = 4.0;
    let count = ((column.right - column.left) / STRETCH) as usize;
    let stretch_s = column.window.span_s() / count as f64;
    let scale = column.scale();
    let mut drawn: Vec<(f64, f64, [i64; 7])> = Vec::new();
    for stretch in 0..count {
        let from_s = column.window.from_s + stretch as f64 * stretch_s;
        let window = Window { from_s, to_s: from_s + stretch_s };
        let mut held_s = [0.0; 7];
        for (row, row_from_s, row_to_s) in rows_within(times_s, window) {
            held_s[track.bound[row] as usize] += row_to_s - row_from_s;
        }
        let all_s: f64 = held_s.iter().sum();
        if all_s <= 0.0 {
            continue;
        }
        let permille = held_s.map(|held| (1000.0 * held / all_s).round() as i64);
        match drawn.last_mut() {
            Some((_, to_s, same)) if *same == permille => *to_s = window.to_s,
            _ => drawn.push((from_s, window.to_s, permille)),
        }
    }
    for (from_s, to_s, permille) in drawn {
        let mut below = 0.0;
        for (bound, share) in Bound::ALL.into_iter().zip(permille).filter(|(_, share)| *share > 0) {
            let above = (below + share as f64 / 10.0).min(100.0);
            let (left, right) = (scale.at(from_s), scale.at(to_s));
            canvas.block((left, shares.at(above)), (right, shares.at(below)), bound_colour(bound), 1.0);
            below = above;
        }
    }
}

/// Every station's passes, used and unused. With more stations than fit, those longest in view.
pub(crate) fn contacts(record: &Record, timeline: &Timeline) -> String {
    const STATIONS_MAX: usize = 30;
    const LINE: f64 = 18.0;
    if record.contacts.is_empty() || timeline.whole.span_s() <= 0.0 {
        return String::new();
    }
    let mut view_s = vec![0.0; record.stations.len()];
    for pass in &record.contacts {
        view_s[pass.station as usize] += (pass.set - pass.rise).seconds().0;
    }
    let mut shown: Vec<usize> = (0..view_s.len()).filter(|&station| view_s[station] > 0.0).collect();
    shown.sort_by(|&a, &b| view_s[b].total_cmp(&view_s[a]).then(a.cmp(&b)));
    shown.truncate(STATIONS_MAX);
    let (top, bottom) = (22.0, 22.0 + LINE * shown.len() as f64);
    let svg = figure(PAGE_WIDTH, bottom + 20.0, "Passes over each station", |canvas| {
        for column in timeline.columns(GUTTER + 46.0) {
            column.draw_time(canvas, top, bottom);
            for (line, &station) in shown.iter().enumerate() {
                let middle = top + LINE * (line as f64 + 0.5);
                if column.left < GUTTER + 50.0 {
                    let name = shortened(&record.stations[station].name, 30);
                    canvas.text(&name, (column.left - 9.0, middle), 11.0, INK, Anchor::End);
                }
                canvas.line((column.left, middle), (column.right, middle), GRID, 1.0);
                draw_passes(
                    canvas,
                    &column,
                    middle,
                    record.contacts.iter().filter(|p| p.station as usize == station),
                    timeline,
                );
            }
            canvas.line((column.left, bottom), (column.right, bottom), AXIS, 1.0);
        }
    });
    let never: Vec<String> = (0..view_s.len())
        .filter(|&station| view_s[station] == 0.0)
        .take(STATIONS_MAX)
        .map(|station| escaped(&record.stations[station].name))
        .collect();
    let note = if never.is_empty() {
        String::new()
    } else {
        format!("<p class=\"note\">Never in view: {}.</p>\n", never.join(", "))
    };
    format!("<figure>{}{svg}</figure>\n{note}", legend([("used", LINK), ("in view, not used", IDLE)].into_iter()))
}

/// Half-pixel columns coloured by the most telling pass on them: a used one hides an unused one.
fn draw_passes<'a>(
    canvas: &mut Canvas<'_>,
    column: &Column,
    middle: f64,
    passes: impl Iterator<Item = &'a ContactPass>,
    timeline: &Timeline,
) {
    const CELLS_PER_PIXEL: f64 = 2.0;
    let scale = column.scale();
    let cells = ((column.right - column.left) * CELLS_PER_PIXEL) as usize;
    let mut states = vec![0u8; cells + 1];
    let cell = |time_s: f64| ((scale.at(time_s) - column.left) * CELLS_PER_PIXEL) as usize;
    for pass in passes {
        let (rise_s, set_s) = (timeline.seconds(pass.rise), timeline.seconds(pass.set));
        if set_s <= column.window.from_s || rise_s >= column.window.to_s {
            continue;
        }
        let (first, last) = (cell(rise_s), cell(set_s).max(cell(rise_s) + 1).min(cells));
        for state in &mut states[first.min(cells)..=last] {
            *state = (*state).max(1 + u8::from(pass.used));
        }
    }
    let mut from = 0;
    while from < states.len() {
        let to = from + states[from..].iter().take_while(|state| **state == states[from]).count();
        let at = |cell: usize| column.left + cell as f64 / CELLS_PER_PIXEL;
        match states[from] {
            2 => canvas.block((at(from), middle - 6.0), (at(to).min(column.right), middle + 6.0), LINK, 1.0),
            1 => canvas.block((at(from), middle - 3.5), (at(to).min(column.right), middle + 3.5), IDLE, 1.0),
            _ => {}
        }
        from = to;
    }
}

#[cfg(test)]
mod tests {
    use sunward_units::Ratio;

    use super::*;

    fn track(illumination: &[f64]) -> (Track, Vec<f64>) {
        let times = (1..=illumination.len()).map(|row| 10.0 * row as f64).collect();
        (Track { illumination: illumination.iter().copied().map(Ratio).collect(), ..Track::default() }, times)
    }

    #[test]
    fn shadows_join_rows_and_tell_full_from_part() {
        let (track, times) = track(&[1.0, 0.6, 0.0, 0.0, 0.3, 1.0]);
        let window = Window { from_s: 0.0, to_s: 60.0 };
        let found: Vec<_> = shadows(&track, &times, window).iter().map(|(w, deep)| (w.from_s, w.to_s, *deep)).collect();
        assert_eq!(found, [(10.0, 20.0, false), (20.0, 40.0, true), (40.0, 50.0, false)]);
        assert!((dark_share(&track, &times, window) - (0.4 + 2.0 + 0.7) / 6.0).abs() < 1e-12);
        assert_eq!(dark_windows(&track, &times, window), [Window { from_s: 20.0, to_s: 50.0 }]);
    }

    #[test]
    fn rows_are_cut_at_the_window() {
        let times = [10.0, 20.0, 30.0];
        let cut: Vec<_> = rows_within(&times, Window { from_s: 5.0, to_s: 25.0 }).collect();
        assert_eq!(cut, [(0, 5.0, 10.0), (1, 10.0, 20.0), (2, 20.0, 25.0)]);
    }
}
