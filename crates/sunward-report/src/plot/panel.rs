//! Quantities over time: the whole run as envelope and mean, its last orbits in full.

use super::{
    Anchor, Canvas, Column, GUTTER, PAGE_WIDTH, Scale, Timeline, Window, draw_unit, figure, multiples, round_step,
};
use crate::html::escaped;
use crate::palette::{Colour, INK, MUTED, PAPER, SHADOW};

/// One quantity of a panel.
pub(crate) struct Line<'a> {
    pub(crate) name: String,
    pub(crate) colour: Colour,
    /// Seconds since the start, rising.
    pub(crate) times_s: &'a [f64],
    /// In the panel's unit.
    pub(crate) values: Vec<f64>,
}

/// A limit that a panel's quantities are to be read against.
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) value: f64,
}

/// An instant to be marked on a panel's first line.
pub(crate) struct Mark {
    pub(crate) time_s: f64,
    pub(crate) colour: Colour,
}

/// Room that a rule's name takes above it.
const RULE_NAME_HEIGHT: f64 = 15.0;

/// A plot over time.
pub(crate) struct Panel<'a> {
    pub(crate) title: &'a str,
    pub(crate) unit: String,
    pub(crate) lines: Vec<Line<'a>>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) marks: Vec<Mark>,
    /// Entries of the legend for the marks.
    pub(crate) mark_names: Vec<(String, Colour)>,
    /// Range that is shown at least.
    pub(crate) range: Option<(f64, f64)>,
    /// Where orbits are too narrow to be told apart, a line is the mean of each orbit and its band reaches from lowest
    /// to highest.
    pub(crate) by_orbit: bool,
    /// The close-up has a value axis of its own.
    pub(crate) own_closeup_range: bool,
    pub(crate) height: f64,
}

impl<'a> Panel<'a> {
    /// A panel of `lines` in `unit`, as high as most.
    pub(crate) fn new(title: &'a str, unit: impl Into<String>, lines: Vec<Line<'a>>) -> Self {
        let (unit, range) = (unit.into(), None);
        let (rules, marks, mark_names) = (Vec::new(), Vec::new(), Vec::new());
        Self {
            title,
            unit,
            lines,
            rules,
            marks,
            mark_names,
            range,
            by_orbit: false,
            own_closeup_range: false,
            height: 132.0,
        }
    }

    /// Title and legend beside the plots; nothing where there is no value to draw.
    pub(crate) fn draw(&self, timeline: &Timeline, shadows: &[Window]) -> String {
        if self.lines.iter().all(|line| line.values.is_empty()) || timeline.whole.span_s() <= 0.0 {
            return String::new();
        }
        let (top, bottom) = (22.0, 22.0 + self.height);
        let svg = figure(PAGE_WIDTH, bottom + 20.0, self.title, |canvas| {
            let columns = timeline.columns(GUTTER + 46.0);
            let whole = self.extent(timeline.whole);
            for column in &columns {
                let extent = if self.own_closeup_range { self.extent(column.window) } else { whole };
                self.draw_column(canvas, column, &extent, (top, bottom), timeline.period_s, shadows);
            }
        });
        row(self.title, &self.legend(), &svg)
    }

    fn legend(&self) -> String {
        let lines = self.lines.iter().map(|line| (line.name.as_str(), line.colour));
        let marks = self.mark_names.iter().map(|(name, colour)| (name.as_str(), *colour));
        legend(lines.chain(marks))
    }

    fn draw_column(
        &self,
        canvas: &mut Canvas<'_>,
        column: &Column,
        extent: &Extent,
        (top, bottom): (f64, f64),
        period_s: Option<f64>,
        shadows: &[Window],
    ) {
        let scale = Scale { low: extent.low, high: extent.high, from: bottom, to: top };
        draw_shadows(canvas, column, (top, bottom), shadows);
        column.draw_values(canvas, &scale, extent.step);
        column.draw_time(canvas, top, bottom);
        draw_unit(canvas, column, top, &self.unit);
        let bucket_s = bucket_s(column, period_s.filter(|_| self.by_orbit));
        let envelopes: Vec<(Colour, Vec<Bucket>)> = self
            .lines
            .iter()
            .map(|line| (line.colour, buckets(line.times_s, &line.values, column.window, bucket_s)))
            .collect();
        for (colour, envelope) in &envelopes {
            draw_band(canvas, &column.scale(), &scale, envelope, *colour);
        }
        for rule in &self.rules {
            let y = scale.at(rule.value);
            canvas.dashes((column.left, y), column.right, INK, 1.0);
            if column.title.is_none() {
                canvas.text(&rule.name, (column.right - 4.0, y - 7.0), 10.0, INK, Anchor::End);
            }
        }
        for (colour, envelope) in &envelopes {
            let points: Vec<_> =
                envelope.iter().map(|bucket| (column.scale().at(bucket.time_s), scale.at(bucket.mean))).collect();
            match points[..] {
                [point] => canvas.dot(point, 2.0, *colour, PAPER),
                _ => canvas.path(&points, *colour, 1.6),
            }
        }
        self.draw_marks(canvas, column, &scale);
    }

    /// One disc a pixel and colour, however many instants fall on it.
    fn draw_marks(&self, canvas: &mut Canvas<'_>, column: &Column, scale: &Scale) {
        let Some(line) = self.lines.first() else { return };
        let mut last: Option<(i64, Colour)> = None;
        for mark in self.marks.iter().filter(|mark| (column.window.from_s..=column.window.to_s).contains(&mark.time_s))
        {
            let x = column.scale().at(mark.time_s);
            if last.replace((x as i64, mark.colour)) != Some((x as i64, mark.colour)) {
                canvas.dot((x, scale.at(interpolated(line, mark.time_s))), 3.4, mark.colour, PAPER);
            }
        }
    }

    /// The lowest and highest of everything shown in `window`, widened to multiples of the step of the ticks.
    fn extent(&self, window: Window) -> Extent {
        let within = |line: &Line<'_>| {
            let first = line.times_s.partition_point(|&time| time < window.from_s);
            line.values.get(first..).unwrap_or_default().iter().copied().filter(|v| drawable(*v)).collect::<Vec<_>>()
        };
        let values = self.lines.iter().flat_map(within);
        let limits = self.rules.iter().map(|rule| rule.value).filter(|value| drawable(*value));
        let shown = self.range.filter(|_| !(self.own_closeup_range && window.from_s > 0.0));
        let all = values.chain(limits).chain(shown.into_iter().flat_map(|(low, high)| [low, high]));
        let (low, high) = all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        if low > high {
            return Extent { low: 0.0, high: 1.0, step: 0.5 };
        }
        let span = if high > low { high - low } else { high.abs().max(1.0) };
        let step = round_step(span, (self.height / 26.0) as usize);
        if high <= low {
            return Extent { low: if low == 0.0 { 0.0 } else { low - step }, high: high + step, step };
        }
        let (low, high) = ((low / step + 1e-9).floor() * step, (high / step - 1e-9).ceil() * step);
        let covered = |rule: &Rule| (high - rule.value) / (high - low) * self.height < RULE_NAME_HEIGHT;
        Extent { low, high: if self.rules.iter().any(covered) { high + step } else { high }, step }
    }
}

/// Whether a value has a place on an axis: finite, and not so large that a range of such values overflows.
fn drawable(value: f64) -> bool {
    value.abs() < 1e300
}

/// A value axis: its ends and the step of its ticks.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Extent {
    low: f64,
    high: f64,
    step: f64,
}

/// A title with its legend, laid over the gutter of a figure as wide as the page.
pub(crate) fn row(title: &str, legend: &str, svg: &str) -> String {
    format!("<figure class=\"row\"><figcaption><b>{}</b>{legend}</figcaption>{svg}</figure>\n", escaped(title))
}

/// A list of colours and what they stand for.
pub(crate) fn legend<'a>(entries: impl Iterator<Item = (&'a str, Colour)>) -> String {
    let items: String =
        entries.map(|(name, colour)| format!("<li>{}{}</li>", colour.swatch(), escaped(name))).collect();
    format!("<ul class=\"legend\">{items}</ul>")
}

/// The shadows of an orbit as a tint behind the plots, where an orbit is wide enough to see them.
fn draw_shadows(canvas: &mut Canvas<'_>, column: &Column, (top, bottom): (f64, f64), shadows: &[Window]) {
    const NARROWEST_ORBIT: f64 = 24.0;
    let within = |s: &&Window| s.to_s > column.window.from_s && s.from_s < column.window.to_s;
    if shadows.iter().filter(within).count() as f64 * NARROWEST_ORBIT > column.right - column.left {
        return;
    }
    let scale = column.scale();
    for shadow in shadows.iter().filter(within) {
        canvas.block((scale.at(shadow.from_s), top), (scale.at(shadow.to_s), bottom), SHADOW, 0.10);
    }
}

/// A pixel column of time; or about one orbit, in a whole number of buckets, where orbits are too narrow to be told
/// apart.
fn bucket_s(column: &Column, period_s: Option<f64>) -> f64 {
    const NARROWEST_ORBIT: f64 = 14.0;
    let span_s = column.window.span_s();
    let pixel_s = span_s / (column.right - column.left);
    match period_s {
        Some(period) if period < NARROWEST_ORBIT * pixel_s => span_s / (span_s / period.max(pixel_s)).floor().max(1.0),
        _ => pixel_s,
    }
}

/// The rows that fall into one bucket of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bucket {
    pub(crate) time_s: f64,
    pub(crate) low: f64,
    pub(crate) mean: f64,
    pub(crate) high: f64,
}

/// The rows of `window` in buckets of `bucket_s`, each with its extremes, so that none is lost; rows that cannot be
/// drawn count for nothing. A bucket stands at the mean time of its rows.
pub(crate) fn buckets(times_s: &[f64], values: &[f64], window: Window, bucket_s: f64) -> Vec<Bucket> {
    let mut all = Vec::new();
    let mut current =
        (-1i64, 0.0f64, 0.0f64, Bucket { time_s: 0.0, low: f64::INFINITY, mean: 0.0, high: f64::NEG_INFINITY });
    let close = |(_, rows, time_sum, bucket): (i64, f64, f64, Bucket)| {
        (rows > 0.0).then_some(Bucket { time_s: time_sum / rows, mean: bucket.mean / rows, ..bucket })
    };
    let rows = times_s
        .iter()
        .zip(values)
        .filter(|(time, value)| **time >= window.from_s && **time <= window.to_s && drawable(**value));
    for (&time, &value) in rows {
        let index = ((time - window.from_s) / bucket_s - 1e-9).max(0.0) as i64;
        if index != current.0 {
            all.extend(close(current));
            current = (index, 0.0, 0.0, Bucket { time_s: 0.0, low: f64::INFINITY, mean: 0.0, high: f64::NEG_INFINITY });
        }
        let (_, rows, time_sum, bucket) = &mut current;
        *rows += 1.0;
        *time_sum += time;
        bucket.mean += value;
        bucket.low = bucket.low.min(value);
        bucket.high = bucket.high.max(value);
    }
    all.extend(close(current));
    all
}

fn draw_band(canvas: &mut Canvas<'_>, x: &Scale, y: &Scale, envelope: &[Bucket], colour: Colour) {
    if envelope.len() < 2 || envelope.iter().all(|bucket| bucket.low == bucket.high) {
        return;
    }
    let upper = envelope.iter().map(|bucket| (x.at(bucket.time_s), y.at(bucket.high)));
    let lower = envelope.iter().rev().map(|bucket| (x.at(bucket.time_s), y.at(bucket.low)));
    canvas.polygon(&upper.chain(lower).collect::<Vec<_>>(), colour, 0.20);
}

/// The value of `line` at `time_s`, linear between rows, held beyond its ends.
fn interpolated(line: &Line<'_>, time_s: f64) -> f64 {
    let after = line.times_s.partition_point(|&time| time < time_s);
    let at = |row: usize| (line.times_s[row], line.values[row]);
    match (after.checked_sub(1).map(at), (after < line.times_s.len()).then(|| at(after))) {
        (Some((t0, v0)), Some((t1, v1))) => v0 + (v1 - v0) * (time_s - t0) / (t1 - t0),
        (Some((_, value)), None) | (None, Some((_, value))) => value,
        (None, None) => 0.0,
    }
}

/// Numbers of a value axis drawn on its own, for figures that are not panels.
pub(crate) fn draw_share_axis(canvas: &mut Canvas<'_>, column: &Column, scale: &Scale) {
    for tick in multiples(0.0, 100.0, 50.0) {
        canvas.text(&format!("{tick}"), (column.left - 7.0, scale.at(tick)), 10.5, MUTED, Anchor::End);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_keep_every_extreme_and_the_mean() {
        let times: Vec<f64> = (0..20_160).map(|row| 30.0 * row as f64).collect();
        let mut values: Vec<f64> = times.iter().map(|time| (time / 900.0).sin()).collect();
        values[12_345] = 7.5;
        values[777] = -3.25;
        values[100] = f64::NAN;
        let window = Window { from_s: 0.0, to_s: 604_800.0 };
        let all = buckets(&times, &values, window, 604_800.0 / 600.0);
        assert!((599..=601).contains(&all.len()), "{}", all.len());
        assert_eq!(all.iter().map(|bucket| bucket.high).fold(f64::MIN, f64::max), 7.5);
        assert_eq!(all.iter().map(|bucket| bucket.low).fold(f64::MAX, f64::min), -3.25);
        assert!(all.iter().all(|bucket| bucket.low <= bucket.mean && bucket.mean <= bucket.high));
        assert!(all.windows(2).all(|pair| pair[0].time_s < pair[1].time_s));
    }

    #[test]
    fn a_bucket_a_row_leaves_the_rows_as_they_are() {
        let (times, values) = ([10.0, 20.0, 30.0], [1.0, 4.0, 9.0]);
        let all = buckets(&times, &values, Window { from_s: 0.0, to_s: 30.0 }, 1.0);
        assert_eq!(
            all.iter().map(|bucket| (bucket.time_s, bucket.mean)).collect::<Vec<_>>(),
            [(10.0, 1.0), (20.0, 4.0), (30.0, 9.0)]
        );
        assert!(buckets(&[], &[], Window { from_s: 0.0, to_s: 1.0 }, 1.0).is_empty());
    }

    #[test]
    fn marks_stand_on_the_line() {
        let times = [0.0, 10.0];
        let line = Line { name: String::new(), colour: INK, times_s: &times, values: vec![0.0, 5.0] };
        assert_eq!([-1.0, 0.0, 4.0, 11.0].map(|time| interpolated(&line, time)), [0.0, 0.0, 2.0, 5.0]);
    }
}
