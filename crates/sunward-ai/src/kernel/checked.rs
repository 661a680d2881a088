//! Checked matrix products: the rows of a product sum to what the row sums of its right side say, up to rounding.
//!
//! With e = (1, 1, ...), C = A B gives C e = A (B e). The right side's sums B e are made where it is known to be good (from the
//! weights, before they are packed), so that a flip in the packed copy, in the arithmetic or in the output moves the two
//! sides of a row apart. What rounding alone can do is bounded, and only more than that counts: there are no false alarms.
//!
//! An element of C is a chain of k fused multiply-adds, so |fl(c) - c| <= gamma_k |a|'|b| with gamma_k = k u / (1 - k u), u = 2^-24;
//! summed over a row, |fl(C) e - A B e| <= gamma_k |A| (|B| e). The sums here are in double precision, whose rounding (u = 2^-53)
//! is added in the same form, and what underflow can lose (half the least number, 2^-150, an operation).
//!
//! A flip smaller than the bound goes unseen: about n gamma_k of an element's |a|'|b|, a few per cent of a typical element of a row
//! of n = 512 with k = 128. Flips of the sign, of exponents and of the highest bits of the mantissa are seen.
//!
//! **Source**: Huang and Abraham, "Algorithm-based fault tolerance for matrix operations", IEEE Transactions on Computers C-33(6),
//! 1984, section III (checksum matrices); Higham, "Accuracy and Stability of Numerical Algorithms", 2nd edition, 2002,
//! sections 3.1 and 3.5 (the bound).

use super::product::View;
use super::vectorised;

/// Unit roundoff of f32.
const U32: f64 = 1.0 / (1u64 << 24) as f64;
/// Unit roundoff of f64.
const U64: f64 = 1.0 / (1u64 << 53) as f64;
/// What one f32 operation can lose by underflow: 2^-150.
const UNDERFLOW: f64 = f32::MIN_POSITIVE as f64 * U32;
/// Lanes of the sums.
const LANES: usize = 16;

/// Sum over the columns of each row of a right side, of its elements and of their magnitudes, `[inner]`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sums {
    plain: Vec<f64>,
    size: Vec<f64>,
}

impl Sums {
    /// The sums of `right`.
    #[must_use]
    pub fn of(right: View<'_>) -> Self {
        let (mut plain, mut size) = (vec![0.0; right.rows], vec![0.0; right.rows]);
        vectorised(|| {
            if right.column_stride == 1 {
                for (i, (plain, size)) in plain.iter_mut().zip(&mut size).enumerate() {
                    [*plain, *size] = sum(&right.data[i * right.row_stride..][..right.columns]);
                }
            } else {
                columns(right).for_each(|column| add(column, &mut plain, &mut size));
            }
        });
        Self { plain, size }
    }

    /// Bytes that the sums of an `inner` x `columns` right side take.
    #[must_use]
    pub fn bytes(inner: usize) -> usize {
        2 * 8 * inner
    }
}

/// Sum and sum of magnitudes of the first `columns` of each row of a product; with `causal`, of row i the first i + 1.
#[must_use]
pub fn row_sums(into: &[f32], stride: usize, (rows, columns): (usize, usize), causal: bool) -> Vec<[f64; 2]> {
    let width = |i: usize| if causal { columns.min(i + 1) } else { columns };
    vectorised(|| (0..rows).map(|i| sum(&into[i * stride..][..width(i)])).collect())
}

/// What a product was made of, to check it.
#[derive(Debug, Clone, Copy)]
pub struct Made<'a> {
    /// Its left side.
    pub left: View<'a>,
    /// Sums of its right side.
    pub sums: &'a Sums,
    /// [`row_sums`] of what it was added to; empty where it replaced.
    pub before: &'a [[f64; 2]],
}

/// Largest ratio, over the rows of a product, of the difference between the two sides and what rounding can explain: above 1,
/// or no number, something else than rounding happened.
///
/// `after`: [`row_sums`] of the product; `columns`: how many.
#[must_use]
pub fn excess(made: Made<'_>, after: &[[f64; 2]], columns: usize) -> f32 {
    let (mut plain, mut size) = (vec![0.0; made.left.rows], vec![0.0; made.left.rows]);
    multiply(made.left, &made.sums.plain, &made.sums.size, &mut plain, &mut size);
    largest((0..made.left.rows).map(|i| {
        let before = made.before.get(i);
        ratio(after[i], before, (plain[i], size[i]), (made.left.columns, columns))
    }))
}

/// [`excess`] of the causal product `left x right`, of whose row i only the first i + 1 columns exist; the rows of `left` and the
/// columns of `right` lie together.
#[must_use]
pub fn excess_causal(left: View<'_>, right: View<'_>, after: &[[f64; 2]]) -> f32 {
    let (mut plain, mut size) = (vec![0.0; right.rows], vec![0.0; right.rows]);
    vectorised(|| {
        let rows = columns(right).take(left.rows).zip(left.data.chunks(left.row_stride)).enumerate();
        largest(rows.map(|(i, (column, row))| {
            add(column, &mut plain, &mut size);
            let [expected, sizes] = dots(&row[..left.columns], &plain, &size);
            ratio(after[i], None, (expected, sizes), (left.columns, i + 1))
        }))
    })
}

/// The largest, a not-a-number being larger than all.
fn largest(ratios: impl Iterator<Item = f64>) -> f32 {
    ratios.fold(0.0, |most: f64, ratio| if ratio > most || ratio.is_nan() { ratio } else { most }) as f32
}

/// How far a row's sum `after` is from `before + expected`, in units of what rounding can do.
fn ratio(after: [f64; 2], before: Option<&[f64; 2]>, (expected, size): (f64, f64), of: (usize, usize)) -> f64 {
    let (inner, columns) = (of.0 as f64, of.1 as f64);
    let gamma = |n: f64, u: f64| n * u / (1.0 - n * u);
    let [had, had_size] = before.copied().unwrap_or_default();
    // Adding to old content rounds once more, by u of what comes out.
    let added = if before.is_some() { U32 * after[1] } else { 0.0 };
    let doubles = gamma(inner + 2.0 * columns + 2.0, U64) * (size + after[1] + had_size);
    let bound = gamma(inner, U32) * size + added + doubles + (inner + 1.0) * columns * UNDERFLOW;
    (after[0] - had - expected).abs() / bound
}

/// `plain = left x`, `size = |left| y`, in double precision.
fn multiply(left: View<'_>, x: &[f64], y: &[f64], plain: &mut [f64], size: &mut [f64]) {
    let (plain, size) = (&mut plain[..left.rows], &mut size[..left.rows]);
    vectorised(|| {
        if left.column_stride == 1 {
            for (i, (plain, size)) in plain.iter_mut().zip(size).enumerate() {
                let row = &left.data[i * left.row_stride..][..left.columns];
                [*plain, *size] = dots(row, x, y);
            }
            return;
        }
        for (column, (x, y)) in columns(left).zip(x.iter().zip(y)) {
            for ((a, plain), size) in column.iter().zip(&mut *plain).zip(&mut *size) {
                let a = f64::from(*a);
                *plain = a.mul_add(*x, *plain);
                *size = a.abs().mul_add(*y, *size);
            }
        }
    });
}

/// The columns of a view whose columns lie together.
#[inline(always)]
fn columns(view: View<'_>) -> impl Iterator<Item = &[f32]> {
    assert_eq!(view.row_stride, 1, "a view has rows or columns that lie together");
    (0..view.columns).map(move |k| &view.data[k * view.column_stride..][..view.rows])
}

/// Adds a column to sums and its magnitudes to sizes.
#[inline(always)]
fn add(column: &[f32], plain: &mut [f64], size: &mut [f64]) {
    for ((x, plain), size) in column.iter().zip(plain).zip(size) {
        let x = f64::from(*x);
        *plain += x;
        *size += x.abs();
    }
}

/// `[row x, |row| y]` over fixed lanes.
#[inline(always)]
fn dots(row: &[f32], x: &[f64], y: &[f64]) -> [f64; 2] {
    let mut lanes = [[0.0f64; LANES]; 2];
    let (cells, rest) = row.as_chunks::<LANES>();
    for ((cell, x), y) in cells.iter().zip(x.as_chunks::<LANES>().0).zip(y.as_chunks::<LANES>().0) {
        for lane in 0..LANES {
            let a = f64::from(cell[lane]);
            lanes[0][lane] = a.mul_add(x[lane], lanes[0][lane]);
            lanes[1][lane] = a.abs().mul_add(y[lane], lanes[1][lane]);
        }
    }
    let done = row.len() - rest.len();
    for (lane, ((a, x), y)) in rest.iter().zip(&x[done..]).zip(&y[done..]).enumerate() {
        let a = f64::from(*a);
        lanes[0][lane] = a.mul_add(*x, lanes[0][lane]);
        lanes[1][lane] = a.abs().mul_add(*y, lanes[1][lane]);
    }
    lanes.map(|lanes| lanes.iter().sum())
}

/// `[sum, sum of magnitudes]` over fixed lanes.
#[inline(always)]
fn sum(row: &[f32]) -> [f64; 2] {
    let mut lanes = [[0.0f64; LANES]; 2];
    let (cells, rest) = row.as_chunks::<LANES>();
    for cell in cells {
        for lane in 0..LANES {
            lanes[0][lane] += f64::from(cell[lane]);
            lanes[1][lane] += f64::from(cell[lane].abs());
        }
    }
    for (lane, x) in rest.iter().enumerate() {
        lanes[0][lane] += f64::from(*x);
        lanes[1][lane] += f64::from(x.abs());
    }
    lanes.map(|lanes| lanes.iter().sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::product::Output;
    use crate::kernel::{Band, product};
    use sunward_units::random::{Purpose, Stream};

    /// Numbers of both signs over `decades` powers of ten.
    fn noise(len: usize, entity: u32, decades: f64) -> Vec<f32> {
        let stream = Stream::new(11, entity, Purpose::Study);
        let number = |i| stream.normal(2 * i) * 10f64.powf(decades * (stream.uniform(2 * i + 1) - 0.5));
        (0..len as u64).map(|i| number(i) as f32).collect()
    }

    /// A product of random sides of a random shape and the excess of its check, the output changed by `strike`.
    fn checked(case: u32, output: Output, strike: impl Fn(&mut [f32])) -> f32 {
        let pick = |at: u64, most: usize| 1 + Stream::new(7, case, Purpose::Study).below(most, at);
        let (m, k, n) = (pick(0, 40), pick(1, 200), pick(2, 90));
        let decades = [0.0, 3.0, 12.0][case as usize % 3];
        let (a, b) = (noise(m * k, 2 * case, decades), noise(k * n, 2 * case + 1, decades));
        let left = if case.is_multiple_of(2) { View::new(&a, m, k, k) } else { View::new(&a, k, m, m).transposed() };
        let right = if case.is_multiple_of(4) { View::new(&b, k, n, n) } else { View::new(&b, n, k, k).transposed() };
        let mut c = noise(m * n, 3 * case, decades);
        let before = if output == Output::Add { row_sums(&c, n, (m, n), false) } else { Vec::new() };
        product(&mut c, n, output, left, right, Band::Full);
        strike(&mut c);
        let sums = Sums::of(right);
        excess(Made { left, sums: &sums, before: &before }, &row_sums(&c, n, (m, n), false), n)
    }

    /// The bound is a theorem, so that no random product may break it, whatever the spread of its elements.
    #[test]
    fn rounding_never_alarms() {
        let mut most = 0.0f32;
        for case in 0..1500 {
            for output in [Output::Replace, Output::Add] {
                let ratio = checked(case, output, |_| {});
                assert!(ratio <= 1.0, "case {case}, {output:?}: {ratio}");
                most = most.max(ratio);
            }
        }
        assert!(most > 0.02, "a bound that far above rounding finds nothing: {most}");
    }

    #[test]
    fn a_flip_of_the_largest_element_is_seen_in_sign_and_exponent() {
        for case in 0..300 {
            for bit in [23, 24, 27, 30, 31] {
                let ratio = checked(case, Output::Replace, |c| {
                    let largest = c.iter_mut().max_by(|a, b| a.abs().total_cmp(&b.abs())).unwrap();
                    *largest = f32::from_bits(largest.to_bits() ^ (1 << bit));
                });
                assert!(ratio > 1.0 || ratio.is_nan(), "case {case}, bit {bit}: {ratio}");
            }
        }
    }

    #[test]
    fn what_is_no_number_is_seen() {
        for number in [f32::NAN, f32::INFINITY] {
            let ratio = checked(4, Output::Add, |c| c[0] = number);
            assert!(ratio > 1.0 || ratio.is_nan(), "{number}: {ratio}");
        }
    }

    #[test]
    fn a_flip_in_the_right_side_after_its_sums_is_seen() {
        let (a, mut b) = (noise(6 * 40, 1, 0.0), noise(40 * 33, 2, 0.0));
        let sums = Sums::of(View::new(&b, 40, 33, 33));
        b[500] = f32::from_bits(b[500].to_bits() ^ (1 << 26));
        let left = View::new(&a, 6, 40, 40);
        let mut c = vec![0.0; 6 * 33];
        product(&mut c, 33, Output::Replace, left, View::new(&b, 40, 33, 33), Band::Full);
        assert!(excess(Made { left, sums: &sums, before: &[] }, &row_sums(&c, 33, (6, 33), false), 33) > 1.0);
    }

    #[test]
    fn a_causal_product_is_checked_below_its_diagonal_only() {
        for case in 0..200 {
            let (n, k) = (1 + case as usize % 70, 1 + case as usize % 40);
            let (a, b) = (noise(n * k, 2 * case, 2.0), noise(n * k, 2 * case + 1, 2.0));
            let (left, right) = (View::new(&a, n, k, k), View::new(&b, n, k, k).transposed());
            let mut c = vec![f32::NAN; n * n];
            product(&mut c, n, Output::Replace, left, right, Band::LowerOutput);
            let check = |c: &[f32]| excess_causal(left, right, &row_sums(c, n, (n, n), true));
            let ratio = check(&c);
            assert!(ratio <= 1.0, "case {case}: {ratio}");
            c[n * n - 1] *= -4.0;
            assert!(check(&c) > 1.0, "case {case}");
        }
    }
}
