//! Plots as inline SVG: a canvas in page pixels over plotters' SVG backend, axes, and the time line all plots share.

pub(crate) mod bars;
pub(crate) mod cloud;
pub(crate) mod map;
pub(crate) mod panel;
pub(crate) mod ruler;
pub(crate) mod strip;

use plotters::backend::{DrawingBackend, SVGBackend};
use plotters::prelude::{Color, IntoFont, ShapeStyle};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontStyle, TextStyle};
use sunward_astro::time::{Instant, Span};
use sunward_units::significant;

use crate::palette::{AXIS, Colour, GRID, INK, MUTED};

/// The backend counts in whole units; this many of them make a pixel of the page.
const UNITS_PER_PIXEL: f64 = 4.0;
const SECONDS_PER_DAY: f64 = 86_400.0;

/// Width of the page's content.
pub(crate) const PAGE_WIDTH: f64 = 1160.0;
/// Width of the column of titles and legends left of the plots.
pub(crate) const GUTTER: f64 = 176.0;

/// A point of the page, in pixels from the upper left corner of its figure.
type Point = (f64, f64);

/// Where a text hangs from its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// A figure being drawn.
pub(crate) struct Canvas<'a> {
    backend: SVGBackend<'a>,
}

/// The figure drawn by `marks`, `width` by `height` pixels, as an `<svg>` element; `label` says what it shows.
pub(crate) fn figure(width: f64, height: f64, label: &str, marks: impl FnOnce(&mut Canvas<'_>)) -> String {
    let mut svg = String::new();
    let size = (unit(width) as u32, unit(height) as u32);
    let mut canvas = Canvas { backend: SVGBackend::with_string(&mut svg, size) };
    marks(&mut canvas);
    drawn(canvas.backend.present());
    drop(canvas);
    let body = svg.split_once('>').map_or("", |(_, body)| body);
    let body = body
        .replace(" opacity=\"1\"", "")
        .replace(" stroke=\"none\"", "")
        .replace(" font-family=\"sans-serif\"", "")
        .replace(" stroke-width=\"0\"", "");
    let label = crate::html::escaped(label);
    format!("<svg class=\"plot\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{label}\">{body}", size.0, size.1)
}

fn unit(pixels: f64) -> i32 {
    (pixels * UNITS_PER_PIXEL).round() as i32
}

fn units((x, y): Point) -> (i32, i32) {
    (unit(x), unit(y))
}

/// A backend that writes into a string has no way to fail.
fn drawn<T, E: std::fmt::Debug>(result: Result<T, E>) -> T {
    result.expect("drawing into a string does not fail")
}

fn stroke(colour: Colour, width: f64) -> ShapeStyle {
    ShapeStyle { color: colour.rgb().to_rgba(), filled: false, stroke_width: unit(width).max(1) as u32 }
}

fn fill(colour: Colour, opacity: f64) -> ShapeStyle {
    ShapeStyle { color: colour.rgb().mix(opacity), filled: true, stroke_width: 0 }
}

impl Canvas<'_> {
    /// A straight line.
    pub(crate) fn line(&mut self, from: Point, to: Point, colour: Colour, width: f64) {
        drawn(self.backend.draw_line(units(from), units(to), &stroke(colour, width)));
    }

    /// A dashed horizontal line.
    pub(crate) fn dashes(&mut self, (left, y): Point, right: f64, colour: Colour, width: f64) {
        const DASH: f64 = 5.0;
        let count = ((right - left) / (2.0 * DASH)).ceil() as usize;
        for dash in 0..count {
            let from = left + dash as f64 * 2.0 * DASH;
            self.line((from, y), ((from + DASH).min(right), y), colour, width);
        }
    }

    /// Points joined by straight lines.
    pub(crate) fn path(&mut self, points: &[Point], colour: Colour, width: f64) {
        if points.len() > 1 {
            let points = without_level_points(points.iter().copied().map(units));
            drawn(self.backend.draw_path(points, &stroke(colour, width)));
        }
    }

    /// A filled polygon.
    pub(crate) fn polygon(&mut self, points: &[Point], colour: Colour, opacity: f64) {
        drawn(self.backend.fill_polygon(points.iter().copied().map(units), &fill(colour, opacity)));
    }

    /// A filled rectangle.
    pub(crate) fn block(&mut self, upper_left: Point, lower_right: Point, colour: Colour, opacity: f64) {
        let style = fill(colour, opacity);
        drawn(self.backend.draw_rect(units(upper_left), units(lower_right), &style, true));
    }

    /// A filled disc with a thin ring of `ring` around it, so that it stands out on anything.
    pub(crate) fn dot(&mut self, at: Point, radius: f64, colour: Colour, ring: Colour) {
        drawn(self.backend.draw_circle(units(at), unit(radius + 1.2) as u32, &fill(ring, 1.0), true));
        drawn(self.backend.draw_circle(units(at), unit(radius) as u32, &fill(colour, 1.0), true));
    }

    /// One line of text, centred in height on its point.
    pub(crate) fn text(&mut self, text: &str, at: Point, size: f64, colour: Colour, anchor: Anchor) {
        self.styled_text(text, at, size, colour, anchor, FontStyle::Normal);
    }

    /// As [`Self::text`], in bold.
    pub(crate) fn bold(&mut self, text: &str, at: Point, size: f64, colour: Colour, anchor: Anchor) {
        self.styled_text(text, at, size, colour, anchor, FontStyle::Bold);
    }

    fn styled_text(&mut self, text: &str, at: Point, size: f64, colour: Colour, anchor: Anchor, weight: FontStyle) {
        /// The backend divides a font's size by this before it writes it.
        const BACKEND_SHRINKS: f64 = 1.24;
        let font = ("sans-serif", size * UNITS_PER_PIXEL * BACKEND_SHRINKS).into_font().style(weight);
        let side = match anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        let rgb = colour.rgb();
        let style = TextStyle::from(font).color(&rgb).pos(Pos::new(side, VPos::Center));
        drawn(self.backend.draw_text(text, &style, units(at)));
    }
}

/// Points without those between two others on the same level, which change nothing.
fn without_level_points(points: impl Iterator<Item = (i32, i32)>) -> Vec<(i32, i32)> {
    let mut kept: Vec<(i32, i32)> = Vec::new();
    for point in points {
        match kept[..] {
            [.., (_, before), (_, middle)] if before == middle && middle == point.1 => {
                kept.pop();
            }
            _ => {}
        }
        kept.push(point);
    }
    kept
}

/// Maps a range of numbers to a range of pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scale {
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) from: f64,
    pub(crate) to: f64,
}

impl Scale {
    /// The pixel of `value`, held inside the range.
    pub(crate) fn at(&self, value: f64) -> f64 {
        let share = if self.high > self.low { (value - self.low) / (self.high - self.low) } else { 0.5 };
        self.from + share.clamp(0.0, 1.0) * (self.to - self.from)
    }
}

/// The step of 1, 2 or 5 times a power of ten nearest (by ratio) to one `count`th of `span`.
pub(crate) fn round_step(span: f64, count: usize) -> f64 {
    let rough = span / count.max(1) as f64;
    if !(rough.is_finite() && rough > 0.0) {
        return 1.0;
    }
    let power = 10f64.powf(rough.log10().floor());
    let digit = match rough / power {
        low if low < 2f64.sqrt() => 1.0,
        low if low < 10f64.sqrt() => 2.0,
        low if low < 50f64.sqrt() => 5.0,
        _ => 10.0,
    };
    digit * power
}

/// Multiples of `step` from `low` to `high`.
pub(crate) fn multiples(low: f64, high: f64, step: f64) -> impl Iterator<Item = f64> {
    let (first, last) = ((low / step - 1e-9).ceil() as i64, (high / step + 1e-9).floor() as i64);
    (first..=last).map(move |at| at as f64 * step)
}

/// A stretch of mission time, in seconds since the start.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Window {
    pub(crate) from_s: f64,
    pub(crate) to_s: f64,
}

impl Window {
    pub(crate) fn span_s(&self) -> f64 {
        self.to_s - self.from_s
    }

    pub(crate) fn scale(&self, from: f64, to: f64) -> Scale {
        Scale { low: self.from_s, high: self.to_s, from, to }
    }
}

/// The last part of a run, drawn large beside the whole.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Closeup {
    pub(crate) window: Window,
    /// What it is: "last 3 orbits".
    pub(crate) title: String,
}

/// The time all plots of a record share.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Timeline {
    pub(crate) start: Instant,
    pub(crate) whole: Window,
    pub(crate) closeup: Option<Closeup>,
    /// One revolution, where the first track goes round.
    pub(crate) period_s: Option<f64>,
}

/// Orbits shown in the close-up and on the map.
const CLOSEUP_ORBITS: f64 = 3.0;

impl Timeline {
    /// The time of a run of `duration` whose first site flew over `latitudes` at `times`.
    pub(crate) fn new(start: Instant, duration: Span, period_s: Option<f64>) -> Self {
        let end = duration.seconds().0;
        let last = |length_s: f64, title: String| {
            let window = Window { from_s: end - length_s, to_s: end };
            (end > 1.7 * length_s).then_some(Closeup { window, title })
        };
        let closeup = match period_s {
            Some(period) => last(CLOSEUP_ORBITS * period, format!("last {CLOSEUP_ORBITS} orbits")),
            None => last(SECONDS_PER_DAY, "last day".to_owned()),
        };
        Self { start, whole: Window { from_s: 0.0, to_s: end }, closeup, period_s }
    }

    /// Seconds since the start.
    pub(crate) fn seconds(&self, instant: Instant) -> f64 {
        (instant - self.start).seconds().0
    }

    /// The close-up, or the whole where the run is too short for one.
    pub(crate) fn recent(&self) -> Window {
        self.closeup.as_ref().map_or(self.whole, |closeup| closeup.window)
    }

    /// The columns of a wide figure whose plots start at `left`: the whole run, then the close-up.
    pub(crate) fn columns(&self, left: f64) -> Vec<Column> {
        let right = PAGE_WIDTH - 14.0;
        let whole = |right| Column { window: self.whole, left, right, title: None, counts_down: false };
        match &self.closeup {
            None => vec![whole(right)],
            Some(closeup) => {
                let split = left + 0.655 * (right - left);
                let title = Some(closeup.title.clone());
                vec![
                    whole(split),
                    Column { window: closeup.window, left: split + 52.0, right, title, counts_down: true },
                ]
            }
        }
    }
}

/// One of the plots side by side in a figure.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Column {
    pub(crate) window: Window,
    pub(crate) left: f64,
    pub(crate) right: f64,
    title: Option<String>,
    /// Ticks count the time left to the end instead of the time since the start.
    counts_down: bool,
}

impl Column {
    pub(crate) fn scale(&self) -> Scale {
        self.window.scale(self.left, self.right)
    }

    /// The time axis along `bottom` of a plot that starts at `top`, with its grid and the column's title.
    pub(crate) fn draw_time(&self, canvas: &mut Canvas<'_>, top: f64, bottom: f64) {
        let scale = self.scale();
        let (unit_s, name, step) = time_step(self.window.span_s(), ((self.right - self.left) / 50.0) as usize);
        let zero_s = if self.counts_down { self.window.to_s } else { 0.0 };
        let (low, high) = ((self.window.from_s - zero_s) / unit_s, (self.window.to_s - zero_s) / unit_s);
        for tick in multiples(low, high, step) {
            let x = scale.at(tick * unit_s + zero_s);
            canvas.line((x, top), (x, bottom), GRID, 1.0);
            let label =
                if self.counts_down && tick == 0.0 { "end".to_owned() } else { format!("{} {name}", signed(tick)) };
            canvas.text(&label, (x, bottom + 11.0), 10.5, MUTED, Anchor::Middle);
        }
        canvas.line((self.left, bottom), (self.right, bottom), AXIS, 1.0);
        if let Some(title) = &self.title {
            canvas.text(title, (self.right, top - 9.0), 10.5, MUTED, Anchor::End);
        }
    }

    /// The value axis `scale`, with its grid.
    pub(crate) fn draw_values(&self, canvas: &mut Canvas<'_>, scale: &Scale, step: f64) {
        for tick in multiples(scale.low, scale.high, step) {
            let y = scale.at(tick);
            canvas.line((self.left, y), (self.right, y), GRID, 1.0);
            canvas.text(&stepped(tick, step), (self.left - 7.0, y), 10.5, MUTED, Anchor::End);
        }
    }
}

/// A tick's number with a true minus sign.
fn signed(value: f64) -> String {
    stepped(value, value.abs())
}

/// A tick's number with as many digits as tell it from the next one, `step` away, and at least four.
fn stepped(value: f64, step: f64) -> String {
    let value = if value.abs() < 1e-12 { 0.0 } else { value };
    let apart = if step > 0.0 { (value.abs() / step).max(1.0).log10().ceil() as usize + 1 } else { 0 };
    significant(value, apart.max(4)).replace('-', "\u{2212}")
}

/// The unit of a time axis, its name and the step of its ticks, for at most `count` of them over `span_s`.
fn time_step(span_s: f64, count: usize) -> (f64, &'static str, f64) {
    const DAYS: &[f64] = &[0.5, 1.0, 2.0, 5.0, 7.0, 14.0, 28.0, 50.0, 100.0, 200.0, 365.0];
    const HOURS: &[f64] = &[0.25, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 12.0];
    const MINUTES: &[f64] = &[0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 60.0];
    let (unit_s, name, steps) = if span_s >= 2.0 * SECONDS_PER_DAY {
        (SECONDS_PER_DAY, "d", DAYS)
    } else if span_s >= 2.0 * 3600.0 {
        (3600.0, "h", HOURS)
    } else if span_s >= 120.0 {
        (60.0, "min", MINUTES)
    } else {
        (1.0, "s", &[] as &[f64])
    };
    let span = span_s / unit_s;
    let fits = steps.iter().copied().find(|step| span / step <= count as f64);
    (unit_s, name, fits.unwrap_or_else(|| round_step(span, count)))
}

/// The time of one revolution from the northward crossings of the equator; `None` for a site that stays, or when fewer
/// than two crossings were recorded or rows are too far apart to tell them.
pub(crate) fn period_s(times_s: &[f64], latitudes: &[f64]) -> Option<f64> {
    let northward = |rows: &[f64]| rows[0] < 0.0 && rows[1] >= 0.0;
    let crossings: Vec<f64> = latitudes
        .windows(2)
        .zip(times_s.windows(2))
        .filter(|(latitude, _)| northward(latitude))
        .map(|(latitude, time)| time[0] + (time[1] - time[0]) * latitude[0] / (latitude[0] - latitude[1]))
        .collect();
    let (first, last) = (crossings.first()?, crossings.last()?);
    let period = (last - first) / (crossings.len() - 1) as f64;
    let rows_apart = (times_s.last()? - times_s.first()?) / (times_s.len() - 1) as f64;
    (crossings.len() > 1 && period > 4.0 * rows_apart).then_some(period)
}

/// A heading above the value axis: its unit.
pub(crate) fn draw_unit(canvas: &mut Canvas<'_>, column: &Column, top: f64, unit: &str) {
    canvas.text(unit, (column.left - 7.0, top - 11.0), 10.5, INK, Anchor::End);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_ticks_never_read_the_same() {
        assert_eq!(stepped(65.2702, 0.0001), "65.2702");
        assert_eq!(stepped(65.2703, 0.0001), "65.2703");
        assert_eq!(stepped(-20.0, 20.0), "\u{2212}20");
    }

    #[test]
    fn steps_are_round_and_ticks_are_their_multiples() {
        assert_eq!(round_step(7.0, 5), 1.0);
        assert_eq!(round_step(1.01, 5), 0.2);
        assert_eq!(round_step(430.0, 5), 100.0);
        assert_eq!(round_step(0.0, 5), 1.0);
        assert_eq!(multiples(-0.3, 1.0, 0.5).collect::<Vec<_>>(), [0.0, 0.5, 1.0]);
        assert_eq!(time_step(7.0 * 86_400.0, 10), (86_400.0, "d", 1.0));
        assert_eq!(time_step(4.7 * 3600.0, 5), (3600.0, "h", 1.0));
        assert_eq!(time_step(90.0, 5), (1.0, "s", 20.0));
    }

    #[test]
    fn the_period_is_the_time_between_northward_crossings() {
        let times: Vec<f64> = (0..1000).map(|row| row as f64 * 60.0).collect();
        let latitudes: Vec<f64> =
            times.iter().map(|time| (time / 5677.0 * std::f64::consts::TAU + 1.0).sin()).collect();
        assert!((period_s(&times, &latitudes).unwrap() - 5677.0).abs() < 0.5);
        assert_eq!(period_s(&times, &vec![0.8; 1000]), None);
        assert_eq!(period_s(&[], &[]), None);
        assert_eq!(period_s(&[0.0], &[1.0]), None);
    }

    #[test]
    fn level_stretches_keep_their_ends() {
        let points = [(0, 5), (1, 5), (2, 5), (3, 9), (4, 5), (5, 5), (6, 5)];
        assert_eq!(without_level_points(points.into_iter()), [(0, 5), (2, 5), (3, 9), (4, 5), (6, 5)]);
    }

    #[test]
    fn a_figure_holds_what_was_drawn_and_escapes_its_texts() {
        let svg = figure(100.0, 50.0, "a < b", |canvas| canvas.text("P & <Q>", (1.0, 2.0), 10.0, INK, Anchor::Start));
        assert!(svg.starts_with("<svg class=\"plot\" viewBox=\"0 0 400 200\" role=\"img\" aria-label=\"a &lt; b\">"));
        assert!(
            svg.contains("P &amp; &lt;Q&gt;") && svg.contains("font-size=\"40\"") && svg.ends_with("</svg>\n"),
            "{svg}"
        );
    }
}
