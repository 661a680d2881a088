//! An axis of numbers: from the lowest to the highest of them, widened to round steps, in the unit a person reads.

use super::{Anchor, Canvas, Scale, multiples, round_step, stepped};
use crate::measure::{Shown, shown};
use crate::palette::{AXIS, GRID, INK, MUTED};

/// Values that differ by less of themselves are alike: no axis of four digits tells them apart.
const ALIKE: f64 = 1e-9;

/// What an axis measures.
#[derive(Debug, Clone, Copy)]
pub struct Axis<'a> {
    /// What stands beside it.
    pub name: &'a str,
    /// What its numbers measure, as their quantity names it; none for bare numbers.
    pub dimension: Option<&'a str>,
}

/// Numbers as shown, and their pixels.
pub(crate) struct Ruler {
    pub(crate) shown: Shown,
    pub(crate) scale: Scale,
    pub(crate) step: f64,
}

impl Ruler {
    /// Over the finite ones of `values`, between two pixels, with about `ticks` steps.
    pub(crate) fn new(
        dimension: Option<&str>,
        values: impl Iterator<Item = f64>,
        [from, to]: [f64; 2],
        ticks: usize,
    ) -> Self {
        let finite = values.filter(|value| value.is_finite());
        let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        let (low, high) = if low <= high { (low, high) } else { (0.0, 1.0) };
        let shown = shown(dimension, low.abs().max(high.abs()));
        let (low, high) = (shown.of(low), shown.of(high));
        // Values that are all alike, but for rounding, still need an axis to stand on: a tenth of them.
        let size = if high == 0.0 && low == 0.0 { 1.0 } else { high.abs().max(low.abs()) };
        let step = round_step(if high - low > ALIKE * size { high - low } else { 0.1 * size }, ticks);
        let (low, high) = ((low / step + 1e-9).floor() * step, (high / step - 1e-9).ceil() * step);
        let high = if high > low { high } else { low + step };
        Self { shown, scale: Scale { low, high, from, to }, step }
    }

    /// The pixel of a value in SI.
    pub(crate) fn at(&self, value: f64) -> f64 {
        self.scale.at(self.shown.of(value))
    }

    /// A value in SI as it reads on this axis.
    pub(crate) fn text(&self, value: f64) -> String {
        stepped(self.shown.of(value), self.step)
    }

    fn title(&self, name: &str) -> String {
        if self.shown.unit.is_empty() { name.to_owned() } else { format!("{name}, {}", self.shown.unit) }
    }

    /// The axis below a plot, with its grid over the plot's height.
    pub(crate) fn draw_below(&self, canvas: &mut Canvas<'_>, (top, bottom): (f64, f64), name: &str) {
        for tick in multiples(self.scale.low, self.scale.high, self.step) {
            let x = self.scale.at(tick);
            let colour = if tick.abs() < self.step * 1e-9 { AXIS } else { GRID };
            canvas.line((x, top), (x, bottom), colour, 1.0);
            canvas.text(&stepped(tick, self.step), (x, bottom + 12.0), 10.5, MUTED, Anchor::Middle);
        }
        canvas.line((self.scale.from, bottom), (self.scale.to, bottom), AXIS, 1.0);
        canvas.text(&self.title(name), (self.scale.to, bottom + 29.0), 11.0, INK, Anchor::End);
    }

    /// The axis left of a plot, with its grid over the plot's width and its name above.
    pub(crate) fn draw_left(&self, canvas: &mut Canvas<'_>, (left, right): (f64, f64), top: f64, name: &str) {
        for tick in multiples(self.scale.low, self.scale.high, self.step) {
            let y = self.scale.at(tick);
            canvas.line((left, y), (right, y), GRID, 1.0);
            canvas.text(&stepped(tick, self.step), (left - 8.0, y), 10.5, MUTED, Anchor::End);
        }
        canvas.text(&self.title(name), (0.0, top - 16.0), 11.0, INK, Anchor::Start);
    }
}
