//! Many runs at once: how a metric is spread, and how two metrics go together.

use super::ruler::{Axis, Ruler};
use super::{Anchor, Canvas, PAGE_WIDTH, Scale, figure, stepped};
use crate::palette::{BUS, Colour, HEAT, IDLE, INK, LINK, PAPER, SUN};

/// Values of a metric over many runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Spread {
    /// Whose values they are.
    pub name: String,
    /// In any order.
    pub values: Vec<f64>,
}

/// A value to be told apart from its neighbours, with what the luck of the draws leaves open about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// What it is: "5 %".
    pub name: String,
    /// Low end, estimate, high end.
    pub value: [f64; 3],
}

/// Designs as points of two metrics: x, then y.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Designs {
    /// Those that no other beats, in the order of x.
    pub front: Vec<[f64; 2]>,
    /// Others that meet the constraints.
    pub beaten: Vec<[f64; 2]>,
    /// Those that do not.
    pub refused: Vec<[f64; 2]>,
}

/// Colours of the kinds of [`Designs`], for a legend.
pub(crate) const DESIGNS: [(&str, Colour); 3] =
    [("no other beats it", LINK), ("meets the constraints", BUS), ("does not", IDLE)];
/// Colours of several spreads.
pub(crate) const SPREADS: [Colour; 3] = [LINK, SUN, HEAT];

const LEFT: f64 = 90.0;
const RIGHT: f64 = PAGE_WIDTH - 30.0;

/// How a metric is spread over the runs: the share of the runs in each of equal steps, for each of `spreads`, with `marks` upon it.
#[must_use]
pub fn histogram(axis: &Axis<'_>, spreads: &[Spread], marks: &[Mark]) -> String {
    const BINS: usize = 48;
    let (top, bottom) = (58.0, 238.0);
    let all = spreads.iter().flat_map(|spread| spread.values.iter().copied());
    let ruler = Ruler::new(axis.dimension, all, [LEFT, RIGHT], 10);
    let counts: Vec<Vec<f64>> = spreads.iter().map(|spread| shares(&ruler, &spread.values, BINS)).collect();
    let highest = counts.iter().flatten().copied().fold(0.0, f64::max).max(f64::MIN_POSITIVE);
    figure(PAGE_WIDTH, bottom + 38.0, &format!("How {} is spread", axis.name), |canvas| {
        ruler.draw_below(canvas, (top, bottom), axis.name);
        let width = (RIGHT - LEFT) / BINS as f64;
        for (counts, colour) in counts.iter().zip(SPREADS.into_iter().cycle()) {
            let opacity = if spreads.len() > 1 { 0.55 } else { 0.8 };
            for (bin, share) in counts.iter().enumerate().filter(|(_, share)| **share > 0.0) {
                let left = LEFT + bin as f64 * width;
                let y = bottom - share / highest * (bottom - top);
                canvas.block((left + 0.5, y), (left + width - 0.5, bottom), colour, opacity);
            }
        }
        for (index, mark) in marks.iter().enumerate() {
            draw_mark(canvas, &ruler, mark, (top, bottom), index);
        }
    })
}

/// The share of the values in each bin of the ruler.
fn shares(ruler: &Ruler, values: &[f64], bins: usize) -> Vec<f64> {
    let mut shares = vec![0.0; bins];
    let Scale { low, high, .. } = ruler.scale;
    for value in values.iter().copied().filter(|value| value.is_finite()) {
        let place = (ruler.shown.of(value) - low) / (high - low) * bins as f64;
        shares[(place.max(0.0) as usize).min(bins - 1)] += 1.0 / values.len() as f64;
    }
    shares
}

/// A line at the mark, what is open about it as a tint, and its name above; neighbours' names stand at three heights.
fn draw_mark(canvas: &mut Canvas<'_>, ruler: &Ruler, mark: &Mark, (top, bottom): (f64, f64), index: usize) {
    let [low, value, high] = mark.value.map(|value| ruler.at(value));
    canvas.block((low, top - 4.0), (high.max(low + 1.0), bottom), INK, 0.10);
    canvas.line((value, top - 8.0), (value, bottom), INK, 1.4);
    let text = format!("{}: {}", mark.name, stepped(ruler.shown.of(mark.value[1]), ruler.step / 10.0));
    let y = top - 17.0 - 13.0 * (index % 3) as f64;
    canvas.text(&text, (value.clamp(LEFT + 40.0, RIGHT - 40.0), y), 10.5, INK, Anchor::Middle);
}

/// All designs of a search by two of its aims, and the front of those that no other beats.
#[must_use]
pub fn front(x: &Axis<'_>, y: &Axis<'_>, designs: &Designs) -> String {
    let (top, bottom) = (34.0, 470.0);
    let all: Vec<[f64; 2]> =
        [&designs.front, &designs.beaten, &designs.refused].into_iter().flatten().copied().collect();
    let along = |axis: usize| all.iter().map(move |point| point[axis]);
    let across = Ruler::new(x.dimension, along(0), [LEFT, RIGHT], 10);
    let up = Ruler::new(y.dimension, along(1), [bottom, top], 8);
    let place = |point: &[f64; 2]| (across.at(point[0]), up.at(point[1]));
    figure(PAGE_WIDTH, bottom + 38.0, &format!("{} against {}", y.name, x.name), |canvas| {
        up.draw_left(canvas, (LEFT, RIGHT), top, y.name);
        across.draw_below(canvas, (top, bottom), x.name);
        for (points, (_, colour)) in [&designs.beaten, &designs.refused].into_iter().zip([DESIGNS[1], DESIGNS[2]]) {
            points.iter().for_each(|point| canvas.dot(place(point), 2.6, colour, PAPER));
        }
        let line: Vec<_> = designs.front.iter().map(place).collect();
        canvas.path(&line, LINK, 1.4);
        let mut last = f64::NEG_INFINITY;
        for (index, &(x, y)) in line.iter().enumerate() {
            canvas.dot((x, y), 4.2, LINK, PAPER);
            if (x - last).abs() > 26.0 {
                canvas.text(&format!("{:02}", index + 1), (x, y - 12.0), 10.0, INK, Anchor::Middle);
                last = x;
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BARE: Axis<'_> = Axis { name: "metric", dimension: None };

    #[test]
    fn every_run_falls_into_one_bin() {
        let values: Vec<f64> = (0..=100).map(f64::from).collect();
        let ruler = Ruler::new(None, values.iter().copied(), [LEFT, RIGHT], 10);
        let all = shares(&ruler, &values, 10);
        assert!((all.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!(all[..9].iter().all(|share| (share - 10.0 / 101.0).abs() < 1e-12), "{all:?}");
        assert!((all[9] - 11.0 / 101.0).abs() < 1e-12, "the highest is in the last");
    }

    #[test]
    fn a_histogram_tells_its_quantiles() {
        let spread = Spread { name: "a".to_owned(), values: (0..=100).map(f64::from).collect() };
        let mark = Mark { name: "median".to_owned(), value: [45.0, 50.0, 55.0] };
        let svg = histogram(&BARE, &[spread], &[mark]);
        assert!(svg.contains("median: 50"), "{svg}");
        let one = Spread { name: "a".to_owned(), values: vec![7.0; 3] };
        assert!(histogram(&BARE, &[one], &[]).contains("<rect"), "one value has a bar too");
    }

    /// Equal steps of x are equal distances, and more of y stands higher.
    #[test]
    fn a_front_stands_where_its_numbers_are() {
        let designs = Designs { front: vec![[0.0, 0.0], [5.0, 1.0], [10.0, 2.0]], ..Designs::default() };
        let svg = front(&BARE, &Axis { name: "energy", dimension: Some("energy") }, &designs);
        let points = svg.split("points=\"").find(|part| !part.starts_with('<') && part.contains(',')).unwrap();
        let numbers: Vec<f64> =
            points.split('"').next().unwrap().split([',', ' ']).filter_map(|text| text.parse().ok()).collect();
        let [x0, y0, x1, y1, x2, y2] = numbers[..] else { panic!("{numbers:?}") };
        assert!(x1 - x0 == x2 - x1 && (y0 - y1) == (y1 - y2) && y0 > y1, "{numbers:?}");
        assert!(svg.contains("energy, J") && svg.contains(">\n01\n"), "{svg}");
    }
}
