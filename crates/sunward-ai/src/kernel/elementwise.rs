//! Elementwise passes over rows: layer norm, GELU, causal softmax, cross-entropy, and their backward passes.
//!
//! All sums run over [`LANES`] fixed lanes and then over the lanes in one fixed tree. A not-a-number passes through.

use super::vectorised;

/// Width of the fixed lanes of every sum.
pub const LANES: usize = 16;

/// `e^x`, relative error below 2e-7; 0 below -87.3 (the least normal number) and e^88.3 above 88.3.
///
/// x = n ln 2 + r with |r| <= ln 2 / 2; e^r by its Taylor series to r^7 (remainder r^8/8! < 6e-9); 2^n through the exponent
/// bits. ln 2 is split into two parts so that n times the first is exact.
///
/// **Source**: Cody and Waite, "Software Manual for the Elementary Functions", 1980, chapter 6 (reduction).
#[inline(always)]
#[must_use]
pub fn exp(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0; // 1.5 x 2^23: adding it leaves the nearest integer in the low bits
    const LN_2_HIGH: f32 = 0.693_145_75; // 22713 / 2^15
    const LN_2_LOW: f32 = 1.428_606_8e-6;
    let bounded = if x > 88.3 { 88.3 } else { x };
    let shifted = bounded.mul_add(std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = n.mul_add(-LN_2_LOW, n.mul_add(-LN_2_HIGH, bounded));
    let mut series = 1.0 / 5040.0;
    for coefficient in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        series = r.mul_add(series, coefficient);
    }
    let power = f32::from_bits(shifted.to_bits().wrapping_shl(23).wrapping_add(0x3F80_0000));
    if x < -87.3 { 0.0 } else { series * power }
}

/// The normal distribution's (cumulative probability, density) at `x`: what GELU and its derivative are made of.
///
/// With z = |x|/sqrt 2 and t = 1/(1 + z/2), erfc(z) = e^(-z^2) t P(t); P is our least-squares fit of degree 8 to
/// e^(z^2) erfc(z)/t on 0 <= z <= 10, relative error 4.3e-8 (the form is Hastings', 1955, sheet 61).
/// Absolute error of either value below 2.5e-7.
#[inline(always)]
#[must_use]
pub fn normal(x: f32) -> (f32, f32) {
    const P: [f32; 9] = [
        0.28208640217781067,
        0.28237539529800415,
        0.24310311675071716,
        0.20268957316875458,
        -0.026632459834218025,
        0.27807754278182983,
        -0.48720937967300415,
        0.28457972407341003,
        -0.05906996503472328,
    ];
    const INVERSE_SQRT_TAU: f32 = 0.398_942_28; // 1 / sqrt(2 pi)
    let t = 1.0 / x.abs().mul_add(0.5 * std::f32::consts::FRAC_1_SQRT_2, 1.0);
    let mut series = P[8];
    for coefficient in [P[7], P[6], P[5], P[4], P[3], P[2], P[1], P[0]] {
        series = t.mul_add(series, coefficient);
    }
    let gauss = exp(-0.5 * x * x);
    let tail = 0.5 * gauss * t * series;
    (if x > 0.0 { 1.0 - tail } else { tail }, INVERSE_SQRT_TAU * gauss)
}

/// Combines the lanes in a fixed tree.
#[inline(always)]
fn fold(mut lanes: [f32; LANES], combine: impl Fn(f32, f32) -> f32) -> f32 {
    for width in [8, 4, 2, 1] {
        for lane in 0..width {
            lanes[lane] = combine(lanes[lane], lanes[lane + width]);
        }
    }
    lanes[0]
}

/// Sum of `term(x, y)` over two rows: lane l sums the indices equal to l modulo [`LANES`], then the lanes are folded.
#[inline(always)]
fn sum(x: &[f32], y: &[f32], term: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [0.0; LANES];
    let ((x, x_rest), (y, y_rest)) = (x.as_chunks::<LANES>(), y.as_chunks::<LANES>());
    for (x, y) in x.iter().zip(y) {
        for lane in 0..LANES {
            lanes[lane] += term(x[lane], y[lane]);
        }
    }
    for ((lane, x), y) in lanes.iter_mut().zip(x_rest).zip(y_rest) {
        *lane += term(*x, *y);
    }
    fold(lanes, |a, b| a + b)
}

#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if b > a { b } else { a }
}

/// `y = (x - mean) / sqrt(variance + 1e-5) * weight` for each row; `statistics` gets (mean, 1 / deviation) a row.
///
/// `x`, `y`: `[row, width]`, `weight`: `[width]`, `statistics`: `[row, 2]`.
///
/// **Source**: Ba, Kiros and Hinton, "Layer normalization", arXiv:1607.06450, equation 3; biased variance and 1e-5 as GPT-2.
pub fn layer_norm(x: &[f32], weight: &[f32], y: &mut [f32], statistics: &mut [f32]) {
    vectorised(|| {
        let width = weight.len();
        let rows = x.chunks_exact(width).zip(y.chunks_exact_mut(width)).zip(statistics.chunks_exact_mut(2));
        for ((x, y), statistics) in rows {
            let mean = sum(x, x, |x, _| x) / width as f32;
            let variance = sum(x, x, |x, _| (x - mean) * (x - mean)) / width as f32;
            let scale = 1.0 / (variance + 1e-5).sqrt();
            for ((y, x), w) in y.iter_mut().zip(x).zip(weight) {
                *y = (x - mean) * scale * w;
            }
            statistics.copy_from_slice(&[mean, scale]);
        }
    });
}

/// What the backward pass of a layer norm reads.
#[derive(Debug, Clone, Copy)]
pub struct NormBackward<'a> {
    /// Gradient of the output, `[row, width]`.
    pub gradient: &'a [f32],
    /// (mean, 1 / deviation) of each row, from [`layer_norm`].
    pub statistics: &'a [f32],
    /// `[width]`.
    pub weight: &'a [f32],
    /// Gradient that reached the input beside the norm, `[row, width]`; empty for none.
    pub beside: &'a [f32],
}

/// Turns the input `x` of a layer norm into its gradient, in place, and adds the weight's gradient to `weight_gradient`.
///
/// With h = (x - mean)/deviation and g = gradient * weight: dx = (g - mean(g) - h mean(g h)) / deviation + beside.
pub fn layer_norm_backward(job: NormBackward<'_>, x: &mut [f32], weight_gradient: &mut [f32]) {
    vectorised(|| {
        let width = job.weight.len();
        let rows = x.chunks_exact_mut(width).zip(job.gradient.chunks_exact(width)).zip(job.statistics.chunks_exact(2));
        for (row, ((x, gradient), statistics)) in rows.enumerate() {
            let (mean, scale) = (statistics[0], statistics[1]);
            let mut lanes = [[0.0; LANES]; 2];
            let mut term = |lane: usize, x: &mut f32, d: f32, w: f32, dw: &mut f32| {
                *x = (*x - mean) * scale;
                *dw = d.mul_add(*x, *dw);
                lanes[0][lane] += d * w;
                lanes[1][lane] = (d * w).mul_add(*x, lanes[1][lane]);
            };
            let (xs, x_rest) = x.as_chunks_mut::<LANES>();
            let (ds, d_rest) = gradient.as_chunks::<LANES>();
            let (ws, w_rest) = job.weight.as_chunks::<LANES>();
            let (dws, dw_rest) = weight_gradient.as_chunks_mut::<LANES>();
            for (((x, d), w), dw) in xs.iter_mut().zip(ds).zip(ws).zip(dws) {
                for lane in 0..LANES {
                    term(lane, &mut x[lane], d[lane], w[lane], &mut dw[lane]);
                }
            }
            for (lane, (((x, d), w), dw)) in x_rest.iter_mut().zip(d_rest).zip(w_rest).zip(dw_rest).enumerate() {
                term(lane, x, *d, *w, dw);
            }
            let [plain, along] = lanes.map(|lanes| fold(lanes, |a, b| a + b) / width as f32);
            for ((x, d), w) in x.iter_mut().zip(gradient).zip(job.weight) {
                *x = (d * w - plain - *x * along) * scale;
            }
            if !job.beside.is_empty() {
                for (x, beside) in x.iter_mut().zip(&job.beside[row * width..]) {
                    *x += beside;
                }
            }
        }
    });
}

/// `y = x Phi(x)`, Phi the normal distribution's cumulative probability.
///
/// **Source**: Hendrycks and Gimpel, "Gaussian error linear units", arXiv:1606.08415 (the exact form, not the tanh one).
pub fn gelu(x: &[f32], y: &mut [f32]) {
    vectorised(|| {
        for (x, y) in x.iter().zip(y) {
            *y = x * normal(*x).0;
        }
    });
}

/// Turns the input `x` of GELU into its gradient, in place: `gradient (Phi(x) + x phi(x))`.
pub fn gelu_backward(gradient: &[f32], x: &mut [f32]) {
    vectorised(|| {
        for (x, gradient) in x.iter_mut().zip(gradient) {
            let (cumulative, density) = normal(*x);
            *x = gradient * x.mul_add(density, cumulative);
        }
    });
}

/// Largest of the row, then `x := e^(scale (x - largest))`; returns (largest, sum of the new row).
#[inline(always)]
fn exponentials(row: &mut [f32], scale: f32) -> (f32, f32) {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let (cells, rest) = row.as_chunks_mut::<LANES>();
    debug_assert!(rest.is_empty());
    for cell in cells.iter() {
        for lane in 0..LANES {
            lanes[lane] = larger(lanes[lane], cell[lane]);
        }
    }
    let largest = fold(lanes, larger);
    let mut sums = [0.0; LANES];
    for cell in cells {
        for lane in 0..LANES {
            cell[lane] = exp(scale * (cell[lane] - largest));
            sums[lane] += cell[lane];
        }
    }
    (largest, fold(sums, |a, b| a + b))
}

/// Softmax of `scale x` over the first i + 1 elements of row i, zeros after them, in place.
///
/// `scores`: `[row, stride]` with `stride` a multiple of [`LANES`].
pub fn causal_softmax(scores: &mut [f32], stride: usize, scale: f32) {
    vectorised(|| {
        for (i, row) in scores.chunks_exact_mut(stride).enumerate() {
            let padded = (i + 1).next_multiple_of(LANES);
            row[i + 1..padded].fill(f32::NEG_INFINITY);
            row[padded..].fill(0.0);
            let (_, total) = exponentials(&mut row[..padded], scale);
            let inverse = 1.0 / total;
            for x in &mut row[..padded] {
                *x *= inverse;
            }
        }
    });
}

/// Turns the gradient of the probabilities into that of the scores, in place: `p (g - sum(p g)) scale`, zero after i.
pub fn causal_softmax_backward(probabilities: &[f32], gradient: &mut [f32], stride: usize, scale: f32) {
    vectorised(|| {
        for (i, (p, g)) in probabilities.chunks_exact(stride).zip(gradient.chunks_exact_mut(stride)).enumerate() {
            let padded = (i + 1).next_multiple_of(LANES);
            g[i + 1..].fill(0.0);
            let (p, g) = (&p[..padded], &mut g[..padded]);
            let mean = sum(p, g, |p, g| p * g);
            for (p, g) in p.iter().zip(g) {
                *g = p * (*g - mean) * scale;
            }
        }
    });
}

/// Replaces each row of logits by the gradient of `weight` times its cross-entropy with its target; the losses (nat)
/// go to `losses`.
///
/// `logits`: `[row, stride]`, of which the first `classes` count; `targets`, `losses`: `[row]`.
pub fn cross_entropy(
    logits: &mut [f32],
    stride: usize,
    classes: usize,
    targets: &[u32],
    losses: &mut [f32],
    weight: f32,
) {
    vectorised(|| {
        for ((row, target), loss) in logits.chunks_exact_mut(stride).zip(targets).zip(losses) {
            row[classes..].fill(f32::NEG_INFINITY);
            let chosen = row[*target as usize];
            let (largest, total) = exponentials(row, 1.0);
            *loss = total.ln() + largest - chosen;
            let factor = weight / total;
            for x in row.iter_mut() {
                *x *= factor;
            }
            row[*target as usize] -= weight;
        }
    });
}

/// Magnitude of the largest element; a not-a-number is larger than all.
#[must_use]
pub fn largest_magnitude(x: &[f32]) -> f32 {
    // Without their sign, f32 are in the order of their bits.
    let bits = vectorised(|| x.iter().fold(0, |most, x| u32::max(most, x.to_bits() & 0x7FFF_FFFF)));
    f32::from_bits(bits)
}

/// Sum of the squares, in double precision.
#[must_use]
pub fn sum_of_squares(x: &[f32]) -> f64 {
    vectorised(|| {
        let mut lanes = [0.0f64; LANES];
        let (cells, rest) = x.as_chunks::<LANES>();
        for cell in cells {
            for lane in 0..LANES {
                lanes[lane] += f64::from(cell[lane]) * f64::from(cell[lane]);
            }
        }
        lanes.iter().sum::<f64>() + rest.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>()
    })
}
