//! Bars beside names, one row each: what money goes to, what a value does to a metric, what makes how much of a variance.

use super::ruler::{Axis, Ruler};
use super::{Anchor, Canvas, PAGE_WIDTH, figure};
use crate::palette::{AXIS, COMPUTE, Colour, HEAT, INK, LINK, LOAD, MUTED, SUN};
use crate::text::shortened;

/// An amount with its name.
#[derive(Debug, Clone, PartialEq)]
pub struct Amount {
    /// What it is for.
    pub name: String,
    /// How much; below zero for what comes back.
    pub value: f64,
}

/// Amounts that add up, one after the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Waterfall {
    /// What they add up to.
    pub name: String,
    /// In the order in which they are added.
    pub amounts: Vec<Amount>,
}

/// What one value does to a metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Swing {
    /// The value.
    pub name: String,
    /// The value at its low and at its high end, as a person reads it; empty where there is no telling.
    pub ends: [String; 2],
    /// The metric with the value at either end; none where the run failed.
    pub metric: [Option<f64>; 2],
}

/// A share of a variance with its confidence: low end, estimate, high end.
pub type Estimate = [f64; 3];

/// What share of a variance a value makes.
#[derive(Debug, Clone, PartialEq)]
pub struct Share {
    /// The value.
    pub name: String,
    /// Alone.
    pub first: Estimate,
    /// With all others it acts together with.
    pub total: Estimate,
}

/// Left end of the bars, right of the names.
const LEFT: f64 = 330.0;
/// Right end of the bars, left of room for a number.
const RIGHT: f64 = PAGE_WIDTH - 120.0;
/// Height of a row with one bar.
const ROW: f64 = 24.0;
/// Height above the first row.
const TOP: f64 = 12.0;
/// Ticks of an axis.
const TICKS: usize = 8;
/// Characters of a name that fit beside the bars.
const NAME_MAX: usize = 48;

fn ruler(dimension: Option<&str>, values: impl Iterator<Item = f64>) -> Ruler {
    Ruler::new(dimension, values, [LEFT, RIGHT], TICKS)
}

/// Room for the ends of a value beside the ends of its bar.
const END: f64 = 72.0;

/// The middle of row `index`.
fn middle(index: usize, row: f64) -> f64 {
    TOP + (index as f64 + 0.5) * row
}

fn name(canvas: &mut Canvas<'_>, text: &str, y: f64) {
    canvas.text(&shortened(text, NAME_MAX), (LEFT - 12.0, y), 11.5, INK, Anchor::End);
}

/// A bar between two pixels, either way round, at least a pixel long.
fn bar(canvas: &mut Canvas<'_>, [from, to]: [f64; 2], [top, bottom]: [f64; 2], colour: Colour) {
    let (left, right) = (from.min(to), from.max(to).max(from.min(to) + 1.0));
    canvas.block((left, top), (right, bottom), colour, 1.0);
}

/// Each waterfall as a figure, all to the same scale: a bar from the sum so far to the sum with the amount, and the whole at the end.
#[must_use]
pub fn waterfalls(axis: &Axis<'_>, all: &[Waterfall]) -> Vec<String> {
    let levels = all.iter().flat_map(|fall| sums(fall).into_iter().map(|(_, after)| after));
    let ruler = ruler(axis.dimension, levels.chain([0.0]));
    all.iter().map(|fall| waterfall(&ruler, fall)).collect()
}

/// The sum before and after each amount.
fn sums(fall: &Waterfall) -> Vec<(f64, f64)> {
    let mut sum = 0.0;
    let each = fall.amounts.iter().map(|amount| {
        let before = sum;
        sum += amount.value;
        (before, sum)
    });
    each.collect()
}

fn waterfall(ruler: &Ruler, fall: &Waterfall) -> String {
    let rows = fall.amounts.len() + 1;
    let bottom = TOP + rows as f64 * ROW;
    figure(PAGE_WIDTH, bottom + 36.0, &fall.name, |canvas| {
        ruler.draw_below(canvas, (TOP - 6.0, bottom), &fall.name);
        let sums = sums(fall);
        for (index, (amount, &(before, after))) in fall.amounts.iter().zip(&sums).enumerate() {
            let y = middle(index, ROW);
            let colour = if amount.value < 0.0 { COMPUTE } else { HEAT };
            bar(canvas, [ruler.at(before), ruler.at(after)], [y - 8.0, y + 8.0], colour);
            canvas.line((ruler.at(after), y - 8.0), (ruler.at(after), y + ROW + 8.0), AXIS, 1.0);
            name(canvas, &amount.name, y);
            let right = ruler.at(before).max(ruler.at(after)) + 6.0;
            canvas.text(&ruler.text(amount.value), (right, y), 10.5, MUTED, Anchor::Start);
        }
        let (total, y) = (sums.last().map_or(0.0, |sum| sum.1), middle(rows - 1, ROW));
        bar(canvas, [ruler.at(0.0), ruler.at(total)], [y - 8.0, y + 8.0], LINK);
        canvas.bold("total", (LEFT - 12.0, y), 11.5, INK, Anchor::End);
        let right = ruler.at(0.0).max(ruler.at(total)) + 6.0;
        canvas.bold(&ruler.text(total), (right, y), 11.0, INK, Anchor::Start);
    })
}

/// Colours of the low and of the high end of a value, for a legend.
pub(crate) const ENDS: [(&str, Colour); 2] = [("value at its low end", LOAD), ("value at its high end", SUN)];

/// A tornado: for each value a bar from the metric at the value's low end to that at its high end, around the metric at the centre.
#[must_use]
pub fn tornado(axis: &Axis<'_>, centre: f64, swings: &[Swing]) -> String {
    let ends = swings.iter().flat_map(|swing| swing.metric.into_iter().flatten());
    let ruler = Ruler::new(axis.dimension, ends.chain([centre]), [LEFT + END, RIGHT + 30.0], TICKS);
    let bottom = TOP + swings.len() as f64 * ROW;
    figure(PAGE_WIDTH, bottom + 36.0, &format!("What each value does to {}", axis.name), |canvas| {
        ruler.draw_below(canvas, (TOP - 6.0, bottom), axis.name);
        let zero = ruler.at(centre);
        for (index, swing) in swings.iter().enumerate() {
            let y = middle(index, ROW);
            name(canvas, &swing.name, y);
            for (end, ((_, colour), metric)) in ENDS.into_iter().zip(swing.metric).enumerate() {
                let Some(metric) = metric else { continue };
                // Where both ends lie on one side, the later one would hide the other.
                let half =
                    if both_above_or_below(swing, centre) { [[-8.0, -0.5], [0.5, 8.0]][end] } else { [-8.0, 8.0] };
                bar(canvas, [zero, ruler.at(metric)], [y + half[0], y + half[1]], colour);
            }
            end_labels(canvas, &ruler, swing, zero, y);
        }
        canvas.line((zero, TOP - 6.0), (zero, bottom), INK, 1.2);
    })
}

fn both_above_or_below(swing: &Swing, centre: f64) -> bool {
    matches!(swing.metric, [Some(low), Some(high)] if (low - centre) * (high - centre) > 0.0)
}

/// The ends of the value beside the ends of its bar.
fn end_labels(canvas: &mut Canvas<'_>, ruler: &Ruler, swing: &Swing, zero: f64, y: f64) {
    if swing.metric.iter().all(Option::is_none) {
        canvas.text("every run failed", (zero + 6.0, y), 10.5, MUTED, Anchor::Start);
        return;
    }
    let x = |end: usize| swing.metric[end].map_or(zero, |metric| ruler.at(metric));
    let low_is_left = x(0) <= x(1);
    let (left, right) = if low_is_left { (0, 1) } else { (1, 0) };
    let (leftmost, rightmost) = (x(left).min(zero), x(right).max(zero));
    canvas.text(&swing.ends[left], (leftmost - 5.0, y), 10.0, MUTED, Anchor::End);
    canvas.text(&swing.ends[right], (rightmost + 5.0, y), 10.0, MUTED, Anchor::Start);
}

/// Colours of the bars of [`shares`], for a legend.
pub(crate) const SHARES: [(&str, Colour); 2] = [("alone", COMPUTE), ("with all it acts together with", LINK)];

/// Shares of a variance: two bars a value, each with a whisker over its confidence.
#[must_use]
pub fn shares(metric: &str, all: &[Share]) -> String {
    const TALL: f64 = 36.0;
    let ends = all.iter().flat_map(|share| share.first.into_iter().chain(share.total));
    let ruler = ruler(Some("ratio"), ends.chain([0.0, 1.0]));
    let bottom = TOP + all.len() as f64 * TALL;
    figure(PAGE_WIDTH, bottom + 36.0, &format!("What makes the variance of {metric}"), |canvas| {
        ruler.draw_below(canvas, (TOP - 6.0, bottom), &format!("share of the variance of {metric}"));
        for (index, share) in all.iter().enumerate() {
            let y = middle(index, TALL);
            name(canvas, &share.name, y);
            let pairs = SHARES.into_iter().zip([share.first, share.total]).zip([y - 13.0, y + 1.0]);
            for (((_, colour), [low, estimate, high]), top) in pairs {
                bar(canvas, [ruler.at(0.0), ruler.at(estimate)], [top, top + 12.0], colour);
                whisker(canvas, [ruler.at(low), ruler.at(high)], top + 6.0);
                let right = ruler.at(high).max(ruler.at(estimate)) + 7.0;
                canvas.text(&format!("{:.1} %", estimate * 100.0), (right, top + 6.0), 10.0, MUTED, Anchor::Start);
            }
        }
    })
}

/// A line from end to end of a confidence interval, with a stroke at either.
fn whisker(canvas: &mut Canvas<'_>, [low, high]: [f64; 2], y: f64) {
    canvas.line((low, y), (high, y), INK, 1.2);
    for x in [low, high] {
        canvas.line((x, y - 3.0), (x, y + 3.0), INK, 1.2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amounts(values: &[f64]) -> Waterfall {
        let amount = |(index, &value): (usize, &f64)| Amount { name: format!("part {index}"), value };
        Waterfall { name: "cost".to_owned(), amounts: values.iter().enumerate().map(amount).collect() }
    }

    const MONEY: Axis<'_> = Axis { name: "cost", dimension: Some("money") };

    /// Rectangles of an SVG as left, width.
    fn blocks(svg: &str) -> Vec<(f64, f64)> {
        let value = |text: &str, key: &str| {
            let (_, rest) = text.split_once(&format!(" {key}=\"")).unwrap();
            rest.split('"').next().unwrap().parse::<f64>().unwrap()
        };
        svg.split("<rect").skip(1).map(|rect| (value(rect, "x"), value(rect, "width"))).collect()
    }

    /// 30 and 20 and -10 make 40: each bar begins where the last ended, and the whole begins at zero.
    #[test]
    fn a_waterfall_adds_up() {
        let svg = waterfalls(&MONEY, &[amounts(&[30e6, 20e6, -10e6])]).remove(0);
        let [first, second, third, total] = blocks(&svg)[..] else { panic!("{svg}") };
        assert!((first.0 + first.1 - second.0).abs() <= 1.0, "{first:?} {second:?}");
        assert!((second.0 + second.1 - (third.0 + third.1)).abs() <= 1.0, "what comes back goes left");
        assert_eq!(first.0, total.0);
        assert!((total.1 / first.1 - 40.0 / 30.0).abs() < 0.01, "{first:?} {total:?}");
        assert!((second.1 / first.1 - 20.0 / 30.0).abs() < 0.01 && (third.1 / first.1 - 10.0 / 30.0).abs() < 0.01);
        assert!(svg.contains("cost, million USD") && svg.contains("\u{2212}10") && svg.contains("total"), "{svg}");
    }

    #[test]
    fn waterfalls_side_by_side_share_their_scale() {
        let all = waterfalls(&MONEY, &[amounts(&[10.0, 30.0]), amounts(&[5.0])]);
        let [small, large] = [blocks(&all[1])[1].1, blocks(&all[0])[2].1];
        assert!((large / small - 8.0).abs() < 0.05, "{large} {small}");
        assert!(waterfalls(&MONEY, &[amounts(&[])])[0].contains("total"), "nothing costs nothing");
    }

    #[test]
    fn a_tornado_goes_from_end_to_end_around_the_centre() {
        let swing = |name: &str, low: Option<f64>, high: Option<f64>| Swing {
            name: name.to_owned(),
            ends: ["0.2 m2".to_owned(), "0.6 m2".to_owned()],
            metric: [low, high],
        };
        let axis = Axis { name: "work.clock_mean", dimension: Some("ratio") };
        let all =
            [swing("area", Some(0.4), Some(0.7)), swing("broken", None, None), swing("load", Some(0.55), Some(0.52))];
        let svg = tornado(&axis, 0.5, &all);
        let [low, high, first, second] = blocks(&svg)[..] else { panic!("{svg}") };
        assert_eq!(low.0 + low.1, high.0, "both begin at the centre");
        assert!((high.1 / low.1 - 2.0).abs() < 0.02, "{low:?} {high:?}");
        assert_eq!((first.0, second.0), (high.0, high.0), "both to the right");
        assert!(svg.contains("every run failed") && svg.contains("0.6 m2") && svg.contains("work.clock_mean, %"));
    }

    #[test]
    fn shares_carry_their_confidence() {
        let share = Share { name: "area".to_owned(), first: [0.3, 0.4, 0.5], total: [-0.02, 0.6, 1.1] };
        let svg = shares("work", &[share]);
        let [first, total] = blocks(&svg)[..] else { panic!("{svg}") };
        assert!((total.1 / first.1 - 1.5).abs() < 0.01);
        assert!(svg.contains("40.0 %") && svg.contains("60.0 %"), "{svg}");
    }
}
