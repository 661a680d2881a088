//! Matrix products over flat buffers: panels packed for an 8 x 32 register tile.
//!
//! A general product library was measured first (250 GFLOPS a core on shapes of the small configuration, 165-230
//! with a transposed right side). Packing the weights once a step and keeping the tile below gives 254-264, needs no
//! `unsafe`, and its bits depend on no cache size: element (i, j) is the chain `fma(l[i][k], r[k][j], sum)` for k = 0, 1, ...
//!
//! **Source**: Goto and van de Geijn, "Anatomy of high-performance matrix multiplication", ACM TOMS 34(3), 2008 (packing into
//! panels); Van Zee and van de Geijn, "BLIS", ACM TOMS 41(3), 2015 (register tile).

use std::cell::RefCell;
use std::ops::Range;

use pulp::{Simd, WithSimd};

/// Rows of a register tile.
const ROWS: usize = 8;
/// Columns of a register tile.
const COLUMNS: usize = 32;

/// A matrix inside a flat buffer: element (i, j) is `data[i * row_stride + j * column_stride]`.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    pub(super) data: &'a [f32],
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) row_stride: usize,
    pub(super) column_stride: usize,
}

impl<'a> View<'a> {
    /// The matrix of `rows` x `columns` whose rows begin every `stride` elements of `data`.
    #[must_use]
    pub fn new(data: &'a [f32], rows: usize, columns: usize, stride: usize) -> Self {
        assert!(rows == 0 || data.len() >= (rows - 1) * stride + columns, "a view reaches past its buffer");
        Self { data, rows, columns, row_stride: stride, column_stride: 1 }
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The same elements with rows and columns exchanged.
    #[must_use]
    pub fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }

    /// Writes the strip of `WIDTH` rows beginning at `first` into `panel` as `[column][WIDTH]`, zeros below the last row.
    #[inline(always)]
    fn pack_strip<const WIDTH: usize>(&self, first: usize, panel: &mut [f32]) {
        let width = WIDTH.min(self.rows - first);
        let cells = panel.as_chunks_mut::<WIDTH>().0;
        let strip = &self.data[first * self.row_stride..];
        // Rows of one element have this stride too, and no columns that lie together.
        if self.row_stride == 1 && self.column_stride >= WIDTH && width == WIDTH {
            for (cell, source) in cells.iter_mut().zip(strip.chunks(self.column_stride)) {
                cell.copy_from_slice(&source[..WIDTH]);
            }
            return;
        }
        let mut done = 0;
        if self.column_stride == 1 && width == WIDTH {
            done = self.columns - self.columns % ROWS;
            for lane in (0..WIDTH).step_by(ROWS) {
                for (block, cells) in cells.as_chunks_mut::<ROWS>().0.iter_mut().enumerate() {
                    transpose(&strip[lane * self.row_stride + block * ROWS..], self.row_stride, lane, cells);
                }
            }
        }
        for (column, cell) in cells.iter_mut().enumerate().skip(done) {
            for (lane, x) in cell.iter_mut().enumerate() {
                *x = if lane < width { strip[lane * self.row_stride + column * self.column_stride] } else { 0.0 };
            }
        }
    }
}

/// Writes the eight rows of eight at `source` as columns `lane..lane + 8` of eight cells.
#[inline(always)]
fn transpose<const WIDTH: usize>(source: &[f32], stride: usize, lane: usize, cells: &mut [[f32; WIDTH]; ROWS]) {
    let rows = std::array::from_fn(|row| source[row * stride..row * stride + ROWS].try_into().expect("eight elements"));
    for (cell, column) in cells.iter_mut().zip(transposed(rows)) {
        cell[lane..lane + ROWS].copy_from_slice(&column);
    }
}

/// The columns of eight rows, by three rounds of register shuffles where the machine has AVX (twice as fast as moving one
/// element at a time).
#[inline(always)]
fn transposed(rows: [[f32; ROWS]; ROWS]) -> [[f32; ROWS]; ROWS] {
    #[cfg(target_arch = "x86_64")]
    if let Some(simd) = pulp::x86::V3::try_new() {
        let avx = simd.avx;
        let r = rows.map(pulp::cast::<_, std::arch::x86_64::__m256>);
        let pair = |a, b| [avx._mm256_unpacklo_ps(a, b), avx._mm256_unpackhi_ps(a, b)];
        let [[a, b], [c, d], [e, f], [g, h]] = [pair(r[0], r[1]), pair(r[2], r[3]), pair(r[4], r[5]), pair(r[6], r[7])];
        let quad = |a, b| [avx._mm256_shuffle_ps::<0x44>(a, b), avx._mm256_shuffle_ps::<0xEE>(a, b)];
        let [[p0, p1], [p2, p3], [q0, q1], [q2, q3]] = [quad(a, c), quad(b, d), quad(e, g), quad(f, h)];
        let low = |p, q| pulp::cast(avx._mm256_permute2f128_ps::<0x20>(p, q));
        let high = |p, q| pulp::cast(avx._mm256_permute2f128_ps::<0x31>(p, q));
        return [
            low(p0, q0),
            low(p1, q1),
            low(p2, q2),
            low(p3, q3),
            high(p0, q0),
            high(p1, q1),
            high(p2, q2),
            high(p3, q3),
        ];
    }
    std::array::from_fn(|column| rows.map(|row| row[column]))
}

/// Packs all rows of a view into strips of `WIDTH`.
struct Pack<'a, const WIDTH: usize> {
    view: View<'a>,
    packed: &'a mut [f32],
}

impl<const WIDTH: usize> WithSimd for Pack<'_, WIDTH> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (strip, panel) in self.packed.chunks_exact_mut(WIDTH * self.view.columns).enumerate() {
            self.view.pack_strip::<WIDTH>(strip * WIDTH, panel);
        }
    }
}

/// A right side packed once and used by many products: strips of 32 columns, each `[inner][32]`.
#[derive(Debug, Clone, Copy)]
pub struct Panels<'a> {
    packed: &'a [f32],
    inner: usize,
    columns: usize,
}

impl<'a> Panels<'a> {
    /// Elements that a packed right side of `inner` x `columns` takes.
    #[must_use]
    pub fn packed_len(inner: usize, columns: usize) -> usize {
        columns.div_ceil(COLUMNS) * COLUMNS * inner
    }

    /// Packs `right` into `packed`.
    pub fn pack(right: View<'_>, packed: &mut [f32]) {
        pulp::Arch::new().dispatch(Pack::<COLUMNS> { view: right.transposed(), packed });
    }

    /// The panels that [`Panels::pack`] wrote for an `inner` x `columns` matrix.
    #[must_use]
    pub fn new(packed: &'a [f32], inner: usize, columns: usize) -> Self {
        assert_eq!(packed.len(), Self::packed_len(inner, columns), "packed panels have the wrong length");
        Self { packed, inner, columns }
    }

    /// Rows of the right side, which are the left side's columns.
    #[must_use]
    pub fn inner(&self) -> usize {
        self.inner
    }

    /// Columns of the right side and of the product.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }
}

/// Which part of a product exists, for causal attention: the rest is skipped and must be known to be zero or unread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Band {
    /// All of it.
    Full,
    /// Only output at or below the diagonal is wanted; tiles wholly above it keep what they held.
    LowerOutput,
    /// The left side is zero above its diagonal.
    LowerLeft,
    /// The left side is zero below its diagonal.
    UpperLeft,
}

impl Band {
    /// The inner indices that reach the rows from `row`, of `inner`.
    fn inner(self, row: usize, inner: usize) -> Range<usize> {
        match self {
            Self::Full | Self::LowerOutput => 0..inner,
            Self::LowerLeft => 0..inner.min(row + ROWS),
            Self::UpperLeft => row.min(inner)..inner,
        }
    }

    fn skips(self, row: usize, column: usize) -> bool {
        self == Self::LowerOutput && column >= row + ROWS
    }
}

/// What becomes of the output's old content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// It is replaced.
    Replace,
    /// The product is added to it.
    Add,
}

thread_local! {
    /// Packed left and right sides of the product under way on this thread.
    static SCRATCH: RefCell<[Vec<f32>; 2]> = const { RefCell::new([Vec::new(), Vec::new()]) };
}

/// `into = left x right` or `into += left x right`, with the rows of `into` every `stride` elements.
pub fn product(into: &mut [f32], stride: usize, output: Output, left: View<'_>, right: View<'_>, band: Band) {
    SCRATCH.with_borrow_mut(|[left_scratch, right_scratch]| {
        let packed = prefix(right_scratch, Panels::packed_len(right.rows, right.columns));
        Panels::pack(right, packed);
        multiply(into, stride, output, left, Panels::new(packed, right.rows, right.columns), band, left_scratch);
    });
}

/// [`product`] with a right side that is already packed.
pub fn product_packed(into: &mut [f32], stride: usize, output: Output, left: View<'_>, right: Panels<'_>) {
    SCRATCH.with_borrow_mut(|[scratch, _]| multiply(into, stride, output, left, right, Band::Full, scratch));
}

fn prefix(scratch: &mut Vec<f32>, len: usize) -> &mut [f32] {
    if scratch.len() < len {
        scratch.resize(len, 0.0);
    }
    &mut scratch[..len]
}

fn multiply(
    into: &mut [f32],
    stride: usize,
    output: Output,
    left: View<'_>,
    right: Panels<'_>,
    band: Band,
    scratch: &mut Vec<f32>,
) {
    assert_eq!(left.columns, right.inner, "inner sizes of a product differ");
    assert!(left.rows == 0 || into.len() >= (left.rows - 1) * stride + right.columns, "output is too small");
    let packed = prefix(scratch, left.rows.div_ceil(ROWS) * ROWS * left.columns);
    pulp::Arch::new().dispatch(Pack::<ROWS> { view: left, packed: &mut *packed });
    pulp::Arch::new().dispatch(Multiply { into, stride, output, left: packed, rows: left.rows, right, band });
}

struct Multiply<'a> {
    into: &'a mut [f32],
    stride: usize,
    output: Output,
    left: &'a [f32],
    rows: usize,
    right: Panels<'a>,
    band: Band,
}

impl WithSimd for Multiply<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let inner = self.right.inner;
        for (p, right) in self.right.packed.chunks_exact((inner * COLUMNS).max(1)).enumerate() {
            for (q, left) in self.left.chunks_exact((inner * ROWS).max(1)).enumerate() {
                let (row, column) = (q * ROWS, p * COLUMNS);
                if self.band.skips(row, column) {
                    continue;
                }
                let range = self.band.inner(row, inner);
                let left = &left.as_chunks::<ROWS>().0[range.clone()];
                let right = &right.as_chunks::<COLUMNS>().0[range];
                let cells = &mut self.into[row * self.stride + column..];
                let (height, width) = (ROWS.min(self.rows - row), COLUMNS.min(self.right.columns - column));
                if height == ROWS && width == COLUMNS {
                    tile(simd, left, right, cells, self.stride, self.output);
                } else {
                    let mut whole = [0.0; ROWS * COLUMNS];
                    tile(simd, left, right, &mut whole, COLUMNS, Output::Replace);
                    merge(&whole, cells, self.stride, (height, width), self.output);
                }
            }
        }
    }
}

/// Copies or adds the `size` corner of a whole tile to the output.
fn merge(whole: &[f32], cells: &mut [f32], stride: usize, size: (usize, usize), output: Output) {
    for (from, into) in whole.chunks_exact(COLUMNS).zip(cells.chunks_mut(stride)).take(size.0) {
        for (x, y) in into[..size.1].iter_mut().zip(from) {
            *x = if output == Output::Add { *x + y } else { *y };
        }
    }
}

/// One 8 x 32 tile: in registers at once with 16 lanes, in quarters with fewer.
#[inline(always)]
fn tile<S: Simd>(
    simd: S,
    left: &[[f32; ROWS]],
    right: &[[f32; COLUMNS]],
    cells: &mut [f32],
    stride: usize,
    output: Output,
) {
    for column in (0..COLUMNS).step_by(2 * S::F32_LANES) {
        if S::F32_LANES == 16 {
            block::<S, ROWS>(simd, left, right, (0, column), cells, stride, output);
        } else {
            block::<S, 4>(simd, left, right, (0, column), cells, stride, output);
            block::<S, 4>(simd, left, right, (4, column), cells, stride, output);
        }
    }
}

/// `HEIGHT` rows by two registers of a tile.
#[inline(always)]
fn block<S: Simd, const HEIGHT: usize>(
    simd: S,
    left: &[[f32; ROWS]],
    right: &[[f32; COLUMNS]],
    (row, column): (usize, usize),
    cells: &mut [f32],
    stride: usize,
    output: Output,
) {
    let width = 2 * S::F32_LANES;
    let mut sums = [[simd.splat_f32s(0.0); 2]; HEIGHT];
    for (l, r) in left.iter().zip(right) {
        let (r, _) = S::as_simd_f32s(&r[column..column + width]);
        for (sum, l) in sums.iter_mut().zip(&l[row..row + HEIGHT]) {
            let l = simd.splat_f32s(*l);
            sum[0] = simd.mul_add_f32s(l, r[0], sum[0]);
            sum[1] = simd.mul_add_f32s(l, r[1], sum[1]);
        }
    }
    for (sum, line) in sums.iter().zip(cells[row * stride..].chunks_mut(stride)) {
        let (line, _) = S::as_mut_simd_f32s(&mut line[column..column + width]);
        for (x, sum) in line.iter_mut().zip(sum) {
            *x = if output == Output::Add { simd.add_f32s(*x, *sum) } else { *sum };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sunward_units::random::{Purpose, Stream};

    fn noise(len: usize, entity: u32) -> Vec<f32> {
        let stream = Stream::new(3, entity, Purpose::Study);
        (0..len as u64).map(|i| stream.uniform(i) as f32 - 0.5).collect()
    }

    /// The chain of fused multiply-adds that the fast path promises, one element at a time.
    fn slow(left: View<'_>, right: View<'_>, i: usize, j: usize) -> f32 {
        (0..left.columns).fold(0.0f32, |sum, k| {
            let l = left.data[i * left.row_stride + k * left.column_stride];
            l.mul_add(right.data[k * right.row_stride + j * right.column_stride], sum)
        })
    }

    #[test]
    fn every_shape_and_orientation_has_the_bits_of_the_plain_chain() {
        for (m, k, n) in [(1, 1, 1), (8, 5, 32), (7, 3, 33), (64, 32, 64), (65, 17, 96), (130, 65, 31)] {
            let (a, b) = (noise(m * k, 0), noise(k * n, 1));
            for (left, right) in [
                (View::new(&a, m, k, k), View::new(&b, k, n, n)),
                (View::new(&a, k, m, m).transposed(), View::new(&b, n, k, k).transposed()),
            ] {
                let mut c = vec![f32::NAN; m * n];
                product(&mut c, n, Output::Replace, left, right, Band::Full);
                let mut d = vec![1.0; m * n];
                product(&mut d, n, Output::Add, left, right, Band::Full);
                for (at, (c, d)) in c.iter().zip(&d).enumerate() {
                    let expected = slow(left, right, at / n, at % n);
                    assert_eq!((c.to_bits(), *d), (expected.to_bits(), 1.0 + expected), "{m}x{k}x{n} at {at}");
                }
            }
        }
    }

    #[test]
    fn widths_of_register_give_the_same_bits() {
        let (m, k, n) = (40, 70, 64);
        let (a, b) = (noise(m * k, 2), noise(k * n, 3));
        let mut packed = [vec![0.0; m * k], vec![0.0; Panels::packed_len(k, n)]];
        pulp::Scalar::new().vectorize(Pack::<ROWS> { view: View::new(&a, m, k, k), packed: &mut packed[0] });
        Panels::pack(View::new(&b, k, n, n), &mut packed[1]);
        let mut out = [vec![0.0; m * n], vec![0.0; m * n]];
        let [first, second] = &mut out;
        let job = |into| Multiply {
            into,
            stride: n,
            output: Output::Replace,
            left: &packed[0],
            rows: m,
            right: Panels::new(&packed[1], k, n),
            band: Band::Full,
        };
        pulp::Arch::new().dispatch(job(first));
        job(second).with_simd(pulp::Scalar::new());
        assert_eq!(out[0], out[1]);
    }

    #[test]
    fn bands_skip_only_what_is_zero_or_unread() {
        let (n, d) = (70, 33);
        let mut lower = noise(n * n, 4);
        for i in 0..n {
            lower[i * n + i + 1..(i + 1) * n].fill(0.0);
        }
        let b = noise(n * d, 5);
        let (left, right) = (View::new(&lower, n, n, n), View::new(&b, n, d, d));
        for (left, band) in [(left, Band::LowerLeft), (left.transposed(), Band::UpperLeft)] {
            let (mut all, mut part) = (vec![0.0; n * d], vec![0.0; n * d]);
            product(&mut all, d, Output::Replace, left, right, Band::Full);
            product(&mut part, d, Output::Replace, left, right, band);
            assert_eq!(all, part);
        }
        let (mut all, mut part) = (vec![0.0; n * n], vec![f32::NAN; n * n]);
        product(&mut all, n, Output::Replace, right, right.transposed(), Band::Full);
        product(&mut part, n, Output::Replace, right, right.transposed(), Band::LowerOutput);
        assert!((0..n).all(|i| (0..=i).all(|j| all[i * n + j] == part[i * n + j])));
        assert!(part[n - 1].is_nan(), "the far corner is skipped");
    }

    #[test]
    #[should_panic(expected = "inner sizes")]
    fn inner_sizes_must_agree() {
        let a = [0.0; 6];
        product(&mut [0.0; 9], 3, Output::Replace, View::new(&a, 3, 2, 2), View::new(&a, 1, 3, 3), Band::Full);
    }
}
