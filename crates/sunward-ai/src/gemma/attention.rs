//! What a layer does between its matrices: norms, rotation, attention over the past, the gated unit.

use super::matrix::{STRIP, Strips, dots};
use crate::kernel::elementwise::{LANES, exp, sum_of_squares};
use crate::kernel::vectorised;

/// Weights of a norm, filled up with zeros; how many there are; epsilon.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Norm<'a> {
    pub(crate) weight: &'a [f32],
    pub(crate) count: usize,
    pub(crate) epsilon: f32,
}

impl Norm<'_> {
    /// `1 / sqrt(mean square + epsilon)` of a row, which is zero beyond its `count`.
    fn inverse_size(&self, x: &[f32]) -> f32 {
        1.0 / ((sum_of_squares(x) / self.count as f64) as f32 + self.epsilon).sqrt()
    }
}

/// `y = x / sqrt(mean square + epsilon) (1 + weight)` for each row of the weight's width.
///
/// **Source**: Zhang and Sennrich, "Root mean square layer normalization", arXiv:1910.07467, equation 4; weights count from 1
/// as in Gemma's reference implementation.
pub(crate) fn norm(x: &[f32], norm: Norm<'_>, y: &mut [f32]) {
    let width = norm.weight.len();
    vectorised(|| {
        for (x, y) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)) {
            let scale = norm.inverse_size(x);
            for ((y, x), w) in y.iter_mut().zip(x).zip(norm.weight) {
                *y = x * scale * (1.0 + w);
            }
        }
    });
}

/// [`norm`] of one row, in place.
pub(crate) fn norm_in_place(x: &mut [f32], norm: Norm<'_>) {
    let scale = norm.inverse_size(x);
    for (x, w) in x.iter_mut().zip(norm.weight) {
        *x *= scale * (1.0 + w);
    }
}

/// Adds the [`norm`] of `x` to `y`.
pub(crate) fn norm_add(x: &[f32], norm: Norm<'_>, y: &mut [f32]) {
    let width = norm.weight.len();
    vectorised(|| {
        for (x, y) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)) {
            let scale = norm.inverse_size(x);
            for ((y, x), w) in y.iter_mut().zip(x).zip(norm.weight) {
                *y += x * scale * (1.0 + w);
            }
        }
    });
}

/// Turns the pairs (x[i], x[i + half]) of a head by the angles whose cosines, then sines, are in `turns`: half of each.
///
/// **Source**: Su et al., arXiv:2104.09864, equation 34, with the halves paired as in Gemma's reference implementation.
pub(crate) fn rotate(head: &mut [f32], turns: &[f32]) {
    let (cosines, sines) = turns.split_at(turns.len() / 2);
    let (left, right) = head.split_at_mut(cosines.len());
    for (((a, b), cos), sin) in left.iter_mut().zip(right).zip(cosines).zip(sines) {
        (*a, *b) = (*a * cos - *b * sin, *b * cos + *a * sin);
    }
}

/// `x := cap tanh(scale x / cap)`.
///
/// **Source**: Gemma Team, arXiv:2408.00118, section 2, "logit soft-capping".
pub(crate) fn soft_cap(x: &mut [f32], scale: f32, cap: f32) {
    vectorised(|| x.iter_mut().for_each(|x| *x = cap * tanh(scale * *x / cap)));
}

/// tanh u, to 6e-7 of itself: below 1/4 its series, whose first term left out is 1e-8 of it there; `1 - 2 / (e^(2 u) + 1)` cancels
/// where u is small, as most scores are against their cap.
#[inline(always)]
fn tanh(u: f32) -> f32 {
    let square = u * u;
    let series =
        1.0 + square * (-1.0 / 3.0 + square * (2.0 / 15.0 + square * (-17.0 / 315.0 + square * (62.0 / 2835.0))));
    if u.abs() < 0.25 { u * series } else { 1.0 - 2.0 / (exp(2.0 * u) + 1.0) }
}

/// `y = gelu(gate) x` with the tanh form of GELU: `0.5 g (1 + tanh u) = g / (1 + e^(-2 u))`, u = sqrt(2/pi) (g + 0.044715 g^3).
///
/// `gates`: `[row, (gate, x), width]`, `y`: `[row, width]`.
///
/// **Source**: Hendrycks and Gimpel, arXiv:1606.08415, section 2; Shazeer, arXiv:2002.05202, equation 6.
pub(crate) fn gated(gates: &[f32], width: usize, y: &mut [f32]) {
    const TWICE_SQRT_2_OVER_PI: f32 = 1.595_769_1;
    vectorised(|| {
        for (gates, y) in gates.chunks_exact(2 * width).zip(y.chunks_exact_mut(width)) {
            let (gates, x) = gates.split_at(width);
            for ((y, g), x) in y.iter_mut().zip(gates).zip(x) {
                let twice_u = TWICE_SQRT_2_OVER_PI * g * (0.044_715 * g).mul_add(*g, 1.0);
                *y = g / (1.0 + exp(-twice_u)) * x;
            }
        }
    });
}

/// The past that one query head sees: slots `first`, `first + 1`, ... around the ring, oldest first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Past<'a> {
    /// Rows laid in strips, one a slot.
    pub(crate) keys: &'a [f32],
    /// `[slot, column]`.
    pub(crate) values: &'a [f32],
    pub(crate) first: usize,
    pub(crate) seen: usize,
}

/// `output = sum over the past of softmax(cap(scale q k)) v`.
///
/// **Source**: Vaswani et al., "Attention is all you need", 2017, equation 1.
pub(crate) fn attend(
    query: &[f32],
    past: &Past<'_>,
    scale: f32,
    cap: Option<f32>,
    scores: &mut Vec<f32>,
    output: &mut [f32],
) {
    let (width, slots) = (query.len(), past.keys.len() / query.len());
    let before_wrap = past.seen.min(slots - past.first);
    let spans = [(past.first..past.first + before_wrap, 0), (0..past.seen - before_wrap, before_wrap)];
    scores.clear();
    scores.resize(past.seen, 0.0);
    for (span, done) in &spans {
        let strips = span.start / STRIP..span.end.div_ceil(STRIP);
        dots(Strips::new(past.keys, width), strips, query, |slot, _, score| {
            if span.contains(&slot) {
                scores[done + slot - span.start] = score;
            }
        });
    }
    match cap {
        Some(cap) => {
            soft_cap(scores, scale, cap);
            softmax(scores, 1.0);
        }
        None => softmax(scores, scale),
    }
    vectorised(|| {
        output.fill(0.0);
        for (span, done) in spans {
            let values = past.values[span.start * width..span.end * width].chunks_exact(width);
            for (value, weight) in values.zip(&scores[done..]) {
                for (y, v) in output.iter_mut().zip(value) {
                    *y = weight.mul_add(*v, *y);
                }
            }
        }
    });
}

/// Softmax of `scale x` in place, summed over sixteen fixed lanes.
fn softmax(x: &mut [f32], scale: f32) {
    vectorised(|| {
        let largest = x.iter().fold(f32::NEG_INFINITY, |a, b| if *b > a { *b } else { a });
        let mut lanes = [0.0; LANES];
        for x in x.chunks_mut(LANES) {
            for (lane, x) in lanes.iter_mut().zip(x) {
                *x = exp(scale * (*x - largest));
                *lane += *x;
            }
        }
        let inverse = 1.0 / lanes.iter().sum::<f32>();
        x.iter_mut().for_each(|x| *x *= inverse);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capping_and_the_gated_unit_are_their_formulas() {
        for x in [-40.0f32, -3.0, -1.49, -0.5, 0.0, 1e-6, 1e-3, 0.7, 1.5, 1.6, 5.0, 200.0] {
            let mut y = [x];
            soft_cap(&mut y, 0.5, 3.0);
            let expected = 3.0 * (f64::from(x) * 0.5 / 3.0).tanh();
            assert!((f64::from(y[0]) - expected).abs() <= 6e-7 * expected.abs(), "cap of {x}: {} {expected}", y[0]);
            let g = f64::from(x);
            let tanh = ((2.0 / std::f64::consts::PI).sqrt() * (g + 0.044715 * g.powi(3))).tanh();
            gated(&[x, 2.0], 1, &mut y);
            let expected = 0.5 * g * (1.0 + tanh) * 2.0;
            assert!((f64::from(y[0]) - expected).abs() <= 1e-6 * (1.0 + g.abs()), "gate {x}: {} {expected}", y[0]);
        }
    }

    #[test]
    fn a_ring_is_read_oldest_first() {
        // Four slots of which slot 3 holds the older, slot 0 the newer position; slots 1 and 2 must not count.
        let keys: Vec<f32> = [1.0, 9.0, 9.0, 2.0].iter().flat_map(|k| [*k; 32]).collect();
        let past = Past { keys: &keys, values: &keys, first: 3, seen: 2 };
        let (mut scores, mut output) = (Vec::new(), [0.0; 32]);
        attend(&[1.0; 32], &past, 1.0 / 32.0, None, &mut scores, &mut output);
        let weight = 1.0 / (1.0 + (-1.0f32).exp());
        assert!((scores[0] - weight).abs() < 1e-6 && (scores[1] - (1.0 - weight)).abs() < 1e-6, "{scores:?}");
        assert!((output[7] - (2.0 * weight + 1.0 - weight)).abs() < 1e-6);
    }

    #[test]
    fn a_turn_keeps_lengths_and_depends_on_differences_only() {
        let (q, k) = ([0.3, -1.0, 0.5, 2.0], [1.0, 0.2, -0.7, 0.4]);
        let turned = |x: [f32; 4], position: f32| {
            let (mut x, angles) = (x, [position * 0.3, position * 0.01]);
            rotate(&mut x, &[angles[0].cos(), angles[1].cos(), angles[0].sin(), angles[1].sin()]);
            x
        };
        let score = |i, j| turned(q, i).iter().zip(turned(k, j)).map(|(a, b)| a * b).sum::<f32>();
        assert!((score(7.0, 3.0) - score(24.0, 20.0)).abs() < 1e-5);
        assert!((score(7.0, 3.0) - score(7.0, 5.0)).abs() > 0.05);
        let size = |x: [f32; 4]| x.iter().map(|x| x * x).sum::<f32>();
        assert!((size(turned(q, 5.0)) - size(q)).abs() < 1e-5);
    }
}
