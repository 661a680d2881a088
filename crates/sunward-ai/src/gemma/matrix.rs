//! Weights in three forms, and the one product that prefill, decode and attention scores share.
//!
//! Element (token, row) of a product is the dot product of a row of weights, widened to f32, with a row of activations:
//! sixteen lanes, lane l the chain of fused multiply-adds over the columns equal to l modulo 16, then a fixed tree over the
//! lanes. It depends on nothing else, so that prefill and decode, a batch and a single sequence, one thread and
//! many give the same bits, and quantised weights give those of a network in f32 whose weights were rounded.
//!
//! Four rows lie block by block beside each other, so that reading them is one stream of memory; a tile of these rows by up to
//! 4 tokens stays in registers, and weights are widened there and never stored wide.

use std::ops::Range;

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

/// Columns that share a scale; every width is a multiple of it.
pub(crate) const BLOCK: usize = 32;
/// Lanes of a dot product.
const LANES: usize = 16;
/// Rows of a strip; every number of rows is a multiple of it.
pub(crate) const STRIP: usize = 4;
/// Strips of weights a thread takes at once when there are few tokens.
const STRIPS_AT_ONCE: usize = 16;
/// Tokens a thread takes at once when there are many.
const TOKENS_AT_ONCE: usize = 16;

/// How weights are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weights {
    /// 32-bit floating point.
    F32,
    /// The upper half of f32, rounded to nearest even.
    Bf16,
    /// Blocks of 32 whole numbers -127..=127 and a half-precision scale, 8.5 bits a weight: the "q8_0" of llama.cpp.
    Int8,
}

/// All matrices of a network, one after another in flat buffers: `[strip, block, row of the strip, column of the block]`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Store {
    F32(Vec<f32>),
    Bf16(Vec<u16>),
    Int8 { quants: Vec<i8>, scales: Vec<u16> },
}

/// Place and shape of a matrix in a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Matrix {
    /// Element of the store it begins at.
    pub(crate) start: usize,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
}

impl Matrix {
    pub(crate) fn len(&self) -> usize {
        self.rows * self.columns
    }

    /// The place of each block of `row`, in blocks from the beginning of the store.
    fn places(self, row: usize) -> impl Iterator<Item = usize> {
        let first = self.start / BLOCK + place(row, 0, self.columns);
        (0..self.columns / BLOCK).map(move |block| first + block * STRIP)
    }
}

/// The place of a block of a row among rows of `columns`, in blocks.
#[inline(always)]
pub(crate) fn place(row: usize, block: usize, columns: usize) -> usize {
    (row / STRIP * (columns / BLOCK) + block) * STRIP + row % STRIP
}

/// The half-precision number nearest to `x`, which must be positive and below 65,504; ties to even.
///
/// **Source**: IEEE 754-2019, binary16.
fn to_half(x: f32) -> u16 {
    let bits = (x * f32::from_bits((127 - 112) << 23)).to_bits(); // the exponent biased as a half's: 2^-112
    ((bits + 0x0FFF + (bits >> 13 & 1)) >> 13) as u16
}

/// The number that a half-precision pattern stands for; infinities and not-a-numbers read as 65,536 and more.
#[inline(always)]
fn from_half(half: u16) -> f32 {
    let bits = (i32::from(half.cast_signed()) << 13).cast_unsigned() & 0x8FFF_E000; // the sign goes to the top
    f32::from_bits(bits) * f32::from_bits((127 + 112) << 23)
}

/// The upper half of `x`, rounded to nearest even; a not-a-number stays one.
fn to_bf16(x: f32) -> u16 {
    let bits = x.to_bits();
    if x.is_nan() {
        (bits >> 16) as u16 | 0x40
    } else {
        ((u64::from(bits) + 0x7FFF + u64::from(bits >> 16 & 1)) >> 16) as u16
    }
}

/// The f32 whose upper half is `half`.
#[inline(always)]
pub(crate) fn from_bf16(half: u16) -> f32 {
    f32::from_bits(u32::from(half) << 16)
}

/// Any number of a half-precision file, infinities and not-a-numbers included.
pub(crate) fn from_half_checked(half: u16) -> f32 {
    if half & 0x7C00 == 0x7C00 { f32::from_bits(from_half(half).to_bits() | 0x7F80_0000) } else { from_half(half) }
}

/// Scale and whole numbers of one block: the largest magnitude becomes 127.
fn quantise(block: &[f32], quants: &mut [i8]) -> u16 {
    let largest = block.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
    let inverse = if largest == 0.0 { 0.0 } else { 127.0 / largest };
    for (quant, x) in quants.iter_mut().zip(block) {
        *quant = (x * inverse).round() as i8;
    }
    to_half((largest / 127.0).min(65_504.0))
}

impl Store {
    /// A store of `len` zeros.
    pub(crate) fn new(form: Weights, len: usize) -> Self {
        match form {
            Weights::F32 => Self::F32(vec![0.0; len]),
            Weights::Bf16 => Self::Bf16(vec![0; len]),
            Weights::Int8 => Self::Int8 { quants: vec![0; len], scales: vec![0; len / BLOCK] },
        }
    }

    pub(crate) fn form(&self) -> Weights {
        match self {
            Self::F32(_) => Weights::F32,
            Self::Bf16(_) => Weights::Bf16,
            Self::Int8 { .. } => Weights::Int8,
        }
    }

    /// Puts `values` as row `row` of `matrix`, in the store's form.
    pub(crate) fn put(&mut self, matrix: Matrix, row: usize, values: &[f32]) {
        for (at, block) in matrix.places(row).zip(values.chunks_exact(BLOCK)) {
            let range = at * BLOCK..(at + 1) * BLOCK;
            match self {
                Self::F32(data) => data[range].copy_from_slice(block),
                Self::Bf16(data) => data[range].iter_mut().zip(block).for_each(|(half, x)| *half = to_bf16(*x)),
                Self::Int8 { quants, scales } => scales[at] = quantise(block, &mut quants[range]),
            }
        }
    }

    /// Row `row` of `matrix` as f32.
    pub(crate) fn row(&self, matrix: Matrix, row: usize, into: &mut [f32]) {
        for (at, into) in matrix.places(row).zip(into.chunks_exact_mut(BLOCK)) {
            let range = at * BLOCK..(at + 1) * BLOCK;
            match self {
                Self::F32(data) => into.copy_from_slice(&data[range]),
                Self::Bf16(data) => into.iter_mut().zip(&data[range]).for_each(|(x, half)| *x = from_bf16(*half)),
                Self::Int8 { quants, scales } => {
                    let scale = from_half(scales[at]);
                    into.iter_mut().zip(&quants[range]).for_each(|(x, quant)| *x = f32::from(*quant) * scale);
                }
            }
        }
    }

    /// `into[token, row] = sum over columns of matrix[row, column] x[token, column]`.
    pub(crate) fn multiply(&self, matrix: Matrix, x: &[f32], into: &mut [f32]) {
        assert_eq!(x.len() / matrix.columns * matrix.rows, into.len(), "sizes of a product differ");
        let (range, columns) = (matrix.start..matrix.start + matrix.len(), matrix.columns);
        match self {
            Self::F32(data) => multiply(Strips::new(&data[range], columns), x, into),
            Self::Bf16(data) => multiply(Strips::new(&data[range], columns), x, into),
            Self::Int8 { quants, scales } => {
                let scales = scales[range.start / BLOCK..range.end / BLOCK].as_chunks().0;
                multiply(Quants { quants: Strips::new(&quants[range], columns), scales }, x, into);
            }
        }
    }
}

/// One block of each row of a strip.
type Wide = [[f32; BLOCK]; STRIP];

/// Strips of weights that widen block by block.
pub(crate) trait Form: Copy + Send + Sync {
    type Strip: Copy;

    /// Blocks of a row.
    fn blocks(self) -> usize;
    fn strips(self) -> usize;
    fn strip(self, strip: usize) -> Self::Strip;
    /// Block `block` of `strip` as f32.
    fn widen(strip: Self::Strip, block: usize) -> Wide;
}

/// Strips of numbers of one type.
#[derive(Clone, Copy)]
pub(crate) struct Strips<'a, T> {
    data: &'a [[[T; BLOCK]; STRIP]],
    blocks: usize,
}

impl<'a, T> Strips<'a, T> {
    /// Rows of `columns` each, laid as [`place`] says.
    pub(crate) fn new(data: &'a [T], columns: usize) -> Self {
        Self { data: data.as_chunks().0.as_chunks().0, blocks: columns / BLOCK }
    }

    #[inline(always)]
    fn blocks_of(self, strip: usize) -> &'a [[[T; BLOCK]; STRIP]] {
        &self.data[strip * self.blocks..][..self.blocks]
    }
}

/// A number that widens by itself.
trait Widen: Copy + Send + Sync {
    fn widen(self) -> f32;
}

impl Widen for f32 {
    #[inline(always)]
    fn widen(self) -> f32 {
        self
    }
}

impl Widen for u16 {
    #[inline(always)]
    fn widen(self) -> f32 {
        from_bf16(self)
    }
}

impl<'a, T: Widen> Form for Strips<'a, T> {
    type Strip = &'a [[[T; BLOCK]; STRIP]];

    #[inline(always)]
    fn blocks(self) -> usize {
        self.blocks
    }
    #[inline(always)]
    fn strips(self) -> usize {
        self.data.len() / self.blocks
    }
    #[inline(always)]
    fn strip(self, strip: usize) -> Self::Strip {
        self.blocks_of(strip)
    }
    #[inline(always)]
    fn widen(strip: Self::Strip, block: usize) -> Wide {
        let mut wide = [[0.0; BLOCK]; STRIP];
        for (wide, row) in wide.iter_mut().zip(&strip[block]) {
            for (wide, x) in wide.iter_mut().zip(row) {
                *wide = x.widen();
            }
        }
        wide
    }
}

/// Strips of whole numbers, each block of a row with a scale.
#[derive(Clone, Copy)]
struct Quants<'a> {
    quants: Strips<'a, i8>,
    scales: &'a [[u16; STRIP]],
}

impl<'a> Form for Quants<'a> {
    type Strip = (&'a [[[i8; BLOCK]; STRIP]], &'a [[u16; STRIP]]);

    #[inline(always)]
    fn blocks(self) -> usize {
        self.quants.blocks
    }
    #[inline(always)]
    fn strips(self) -> usize {
        self.quants.data.len() / self.quants.blocks
    }
    #[inline(always)]
    fn strip(self, strip: usize) -> Self::Strip {
        let blocks = self.quants.blocks;
        (self.quants.blocks_of(strip), &self.scales[strip * blocks..][..blocks])
    }
    #[inline(always)]
    fn widen((quants, scales): Self::Strip, block: usize) -> Wide {
        let mut wide = [[0.0; BLOCK]; STRIP];
        for ((wide, row), scale) in wide.iter_mut().zip(&quants[block]).zip(&scales[block]) {
            let scale = from_half(*scale);
            for (wide, quant) in wide.iter_mut().zip(row) {
                *wide = f32::from(*quant) * scale;
            }
        }
        wide
    }
}

/// Few tokens are shared out by rows of weights, so that each is read once; many by tokens.
fn multiply<F: Form>(form: F, x: &[f32], into: &mut [f32]) {
    let (rows, columns) = (form.strips() * STRIP, form.blocks() * BLOCK);
    let tokens = x.len() / columns;
    if tokens >= TOKENS_AT_ONCE {
        let parts = into.par_chunks_mut(rows * TOKENS_AT_ONCE).zip(x.par_chunks(columns * TOKENS_AT_ONCE));
        parts.for_each(|(into, x)| dots(form, 0..form.strips(), x, |row, token, dot| into[token * rows + row] = dot));
    } else if tokens == 1 {
        multiply_by_rows(form, x, into);
    } else {
        let mut turned = vec![0.0; into.len()];
        multiply_by_rows(form, x, &mut turned);
        for (row, dots) in turned.chunks_exact(tokens).enumerate() {
            for (token, dot) in dots.iter().enumerate() {
                into[token * rows + row] = *dot;
            }
        }
    }
}

/// The product with rows and tokens exchanged: `into[row, token]`.
fn multiply_by_rows<F: Form>(form: F, x: &[f32], into: &mut [f32]) {
    let tokens = x.len() / (form.blocks() * BLOCK);
    into.par_chunks_mut(STRIPS_AT_ONCE * STRIP * tokens).enumerate().for_each(|(part, into)| {
        let first = part * STRIPS_AT_ONCE;
        let strips = first..first + into.len() / (STRIP * tokens);
        dots(form, strips, x, |row, token, dot| into[(row - first * STRIP) * tokens + token] = dot);
    });
}

/// Hands `put(row, token, dot product)` for every row of `strips` and every token of `x`.
pub(crate) fn dots<F: Form>(form: F, strips: Range<usize>, x: &[f32], put: impl FnMut(usize, usize, f32)) {
    pulp::Arch::new().dispatch(Dots { form, strips, x: x.as_chunks().0, put });
}

struct Dots<'a, F, P> {
    form: F,
    strips: Range<usize>,
    x: &'a [[f32; BLOCK]],
    put: P,
}

impl<F: Form, P: FnMut(usize, usize, f32)> WithSimd for Dots<'_, F, P> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        // Registers for 4 x 4 sums exist only in the widest sets.
        let most = if S::F32_LANES == LANES { 4 } else { 2 };
        let tokens = self.x.len() / self.form.blocks();
        for strip in self.strips.clone() {
            for token in (0..tokens).step_by(most) {
                match most.min(tokens - token) {
                    4 => self.tile::<S, 4>(simd, strip, token),
                    3 => self.tile::<S, 3>(simd, strip, token),
                    2 => self.tile::<S, 2>(simd, strip, token),
                    _ => self.tile::<S, 1>(simd, strip, token),
                }
            }
        }
    }
}

impl<F: Form, P: FnMut(usize, usize, f32)> Dots<'_, F, P> {
    /// A strip with `WIDTH` tokens. Plain loops, since closures handed to library functions may stay calls to narrower code.
    #[inline(always)]
    fn tile<S: Simd, const WIDTH: usize>(&mut self, simd: S, strip: usize, token: usize) {
        let blocks = self.form.blocks();
        let weights = self.form.strip(strip);
        let mut x = [&self.x[token * blocks..][..blocks]; WIDTH];
        for (w, x) in x.iter_mut().enumerate() {
            *x = &self.x[(token + w) * blocks..][..blocks];
        }
        let mut lanes = [[[0.0; LANES]; WIDTH]; STRIP];
        for first in (0..LANES).step_by(S::F32_LANES) {
            let mut sums = [[simd.splat_f32s(0.0); WIDTH]; STRIP];
            for block in 0..blocks {
                let wide = F::widen(weights, block);
                for lane in [first, LANES + first] {
                    for (w, x) in x.iter().enumerate() {
                        let x = S::as_simd_f32s(&x[block][lane..lane + S::F32_LANES]).0[0];
                        for (sums, wide) in sums.iter_mut().zip(&wide) {
                            let wide = S::as_simd_f32s(&wide[lane..lane + S::F32_LANES]).0[0];
                            sums[w] = simd.mul_add_f32s(wide, x, sums[w]);
                        }
                    }
                }
            }
            for (lanes, sums) in lanes.as_flattened_mut().iter_mut().zip(sums.as_flattened()) {
                S::as_mut_simd_f32s(&mut lanes[first..first + S::F32_LANES]).0[0] = *sums;
            }
        }
        for (h, lanes) in lanes.into_iter().enumerate() {
            for (w, lanes) in lanes.into_iter().enumerate() {
                (self.put)(strip * STRIP + h, token + w, fold(lanes));
            }
        }
    }
}

/// Sum of the lanes in a fixed tree.
#[inline(always)]
fn fold(mut lanes: [f32; LANES]) -> f32 {
    for width in [8, 4, 2, 1] {
        for lane in 0..width {
            lanes[lane] += lanes[lane + width];
        }
    }
    lanes[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use sunward_units::random::{Purpose, Stream};

    fn noise(len: usize, entity: u32) -> Vec<f32> {
        let stream = Stream::new(11, entity, Purpose::Weights);
        (0..len as u64).map(|i| stream.normal(i) as f32).collect()
    }

    fn stored(form: Weights, matrix: Matrix) -> (Store, Vec<f32>) {
        let mut store = Store::new(form, matrix.start + matrix.len());
        for (row, values) in noise(matrix.len(), 0).chunks_exact(matrix.columns).enumerate() {
            store.put(matrix, row, values);
        }
        let mut wide = vec![0.0; matrix.len()];
        for (row, wide) in wide.chunks_exact_mut(matrix.columns).enumerate() {
            store.row(matrix, row, wide);
        }
        (store, wide)
    }

    /// The dot product as the module states it, one number at a time.
    fn slow(weights: &[f32], x: &[f32]) -> f32 {
        let mut lanes = [0.0f32; LANES];
        for (k, (w, x)) in weights.iter().zip(x).enumerate() {
            lanes[k % LANES] = w.mul_add(*x, lanes[k % LANES]);
        }
        fold(lanes)
    }

    #[test]
    fn every_form_and_number_of_tokens_has_the_bits_of_the_plain_sum() {
        let matrix = Matrix { start: 64, rows: 76, columns: 96 };
        for form in [Weights::F32, Weights::Bf16, Weights::Int8] {
            let (store, wide) = stored(form, matrix);
            for tokens in [1, 2, 3, 5, 16, 21] {
                let x = noise(tokens * matrix.columns, 1);
                let mut into = vec![f32::NAN; tokens * matrix.rows];
                store.multiply(matrix, &x, &mut into);
                for (at, dot) in into.iter().enumerate() {
                    let (token, row) = (at / matrix.rows, at % matrix.rows);
                    let expected = slow(&wide[row * 96..][..96], &x[token * 96..][..96]);
                    assert_eq!(dot.to_bits(), expected.to_bits(), "{form:?}, {tokens} tokens, at {at}");
                }
            }
        }
    }

    #[test]
    fn widths_of_register_give_the_same_bits() {
        let (data, x) = (noise(8 * 64, 2), noise(3 * 64, 3));
        let mut out = [vec![0.0; 24], vec![0.0; 24]];
        let [first, second] = &mut out;
        let form = Strips::new(&data, 64);
        dots(form, 0..2, &x, |row, token, dot| first[token * 8 + row] = dot);
        let job = Dots { form, strips: 0..2, x: x.as_chunks().0, put: |row, token, dot| second[token * 8 + row] = dot };
        job.with_simd(pulp::Scalar::new());
        assert_eq!(out[0], out[1]);
    }

    #[test]
    fn rounding_stays_within_half_a_step() {
        let matrix = Matrix { start: 0, rows: 64, columns: 64 };
        let exact = noise(matrix.len(), 0);
        let (_, rounded) = stored(Weights::Bf16, matrix);
        assert!(exact.iter().zip(&rounded).all(|(x, y)| (x - y).abs() <= x.abs() / 256.0));
        let (_, rounded) = stored(Weights::Int8, matrix);
        for (exact, rounded) in exact.chunks(BLOCK).zip(rounded.chunks(BLOCK)) {
            let step = exact.iter().fold(0.0f32, |largest, x| largest.max(x.abs())) / 127.0;
            // Half a step, and 127 steps of the scale's own rounding (2^-11).
            let bound = step * (0.5 + 127.0 / 2048.0);
            assert!(exact.iter().zip(rounded).all(|(x, y)| (x - y).abs() <= bound));
        }
    }

    #[test]
    fn halves_are_those_of_the_standard() {
        // Patterns of IEEE 754 binary16: 1, 65504, the least normal, the least subnormal, 1 + 2^-10.
        for (number, half) in
            [(1.0, 0x3C00), (65_504.0, 0x7BFF), (6.103_515_6e-5, 0x0400), (5.960_464_5e-8, 1), (1.000_976_6, 0x3C01)]
        {
            assert_eq!((to_half(number), from_half(half)), (half, number));
        }
        assert_eq!(to_half(1.000_488_3), 0x3C00, "a tie goes to even");
        assert_eq!(from_half(0xC000), -2.0);
        assert_eq!(from_half_checked(0xFC00), f32::NEG_INFINITY);
        assert!(from_half_checked(0x7E00).is_nan());
        assert_eq!(from_bf16(to_bf16(1.003_906_25)), 1.0, "a tie goes to even");
        assert!(from_bf16(to_bf16(f32::NAN)).is_nan());
    }

    #[test]
    fn blocks_of_zeros_stay_zeros() {
        let mut quants = [1; BLOCK];
        assert_eq!(quantise(&[0.0; BLOCK], &mut quants), 0);
        assert_eq!(quants, [0; BLOCK]);
    }
}
