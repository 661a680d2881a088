//! One kernel, two speeds: physics written over [`Real`] runs on a plain `f64` and, with the same bits, on [`Lanes`].
//!
//! Every operation of [`Lanes`] is the scalar operation lane by lane (never a fused or reassociated one), so the
//! scalar instance of a kernel is the readable oracle of its vector instance, and neither the number of lanes nor the
//! place of a site in its block can change a result.

use std::ops::{Add, Div, Mul, Neg, Sub};

/// Number of sites that advance together: two AVX2 or one AVX-512 register of `f64`.
pub const WIDTH: usize = 8;

/// What a kernel may do with its numbers.
pub trait Real:
    Copy
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + Add<f64, Output = Self>
    + Sub<f64, Output = Self>
    + Mul<f64, Output = Self>
    + Div<f64, Output = Self>
{
    /// The same number in every lane.
    fn splat(value: f64) -> Self;
    /// Square root.
    fn sqrt(self) -> Self;
    /// Magnitude.
    fn abs(self) -> Self;
    /// The smaller; the second where they are equal or unordered.
    fn min(self, other: Self) -> Self;
    /// The larger; the second where they are equal or unordered.
    fn max(self, other: Self) -> Self;
    /// `yes` where `self < bound`, else `no`.
    fn if_less(self, bound: Self, yes: Self, no: Self) -> Self;
    /// The largest magnitude of any lane.
    fn largest(self) -> f64;

    /// `self` held within `low..=high`.
    #[inline(always)]
    fn clamp_to(self, low: Self, high: Self) -> Self {
        self.max(low).min(high)
    }
    /// `self` where positive, else zero.
    #[inline(always)]
    fn positive(self) -> Self {
        self.max(Self::splat(0.0))
    }
}

impl Real for f64 {
    #[inline(always)]
    fn splat(value: f64) -> Self {
        value
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        f64::sqrt(self)
    }
    #[inline(always)]
    fn abs(self) -> Self {
        f64::abs(self)
    }
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        if self < other { self } else { other }
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        if self > other { self } else { other }
    }
    #[inline(always)]
    fn if_less(self, bound: Self, yes: Self, no: Self) -> Self {
        if self < bound { yes } else { no }
    }
    #[inline(always)]
    fn largest(self) -> f64 {
        self.abs()
    }
}

/// [`WIDTH`] numbers that advance together.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(align(64))]
pub struct Lanes(pub [f64; WIDTH]);

impl Default for Lanes {
    fn default() -> Self {
        Self([0.0; WIDTH])
    }
}

impl Lanes {
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(f64, f64) -> f64) -> Self {
        Self(std::array::from_fn(|lane| f(self.0[lane], other.0[lane])))
    }
    #[inline(always)]
    fn map(self, f: impl Fn(f64) -> f64) -> Self {
        Self(std::array::from_fn(|lane| f(self.0[lane])))
    }
}

impl Real for Lanes {
    #[inline(always)]
    fn splat(value: f64) -> Self {
        Self([value; WIDTH])
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        self.map(f64::sqrt)
    }
    #[inline(always)]
    fn abs(self) -> Self {
        self.map(f64::abs)
    }
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        self.zip(other, Real::min)
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        self.zip(other, Real::max)
    }
    #[inline(always)]
    fn if_less(self, bound: Self, yes: Self, no: Self) -> Self {
        let pick = |lane: usize| if self.0[lane] < bound.0[lane] { yes.0[lane] } else { no.0[lane] };
        Self(std::array::from_fn(pick))
    }
    #[inline(always)]
    fn largest(self) -> f64 {
        self.0.iter().fold(0.0, |largest: f64, value| Real::max(value.abs(), largest))
    }
}

macro_rules! operator {
    ($($trait:ident $method:ident $op:tt;)+) => {$(
        impl $trait for Lanes {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self { self.zip(other, |a, b| a $op b) }
        }
        impl $trait<f64> for Lanes {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: f64) -> Self { self.map(|a| a $op other) }
        }
    )+};
}

operator! { Add add +; Sub sub -; Mul mul *; Div div /; }

impl Neg for Lanes {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        self.map(|a| -a)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kernel<T: Real>(a: T, b: T) -> T {
        ((a * b + 2.0).sqrt() - a / b)
            .if_less(T::splat(1.0), -a, b.min(a) * 3.0)
            .clamp_to(T::splat(-5.0), T::splat(5.0))
    }

    #[test]
    fn lanes_give_the_bits_of_the_scalar() {
        let a = Lanes([0.3, 1.7, 2.9, 1e-9, 5.0, 123.456, 0.7, 2.0]);
        let b = Lanes([1.1, 0.4, 3.3, 2.0, 1e6, 0.001, 9.0, 2.0]);
        let wide = kernel(a, b);
        for lane in 0..WIDTH {
            assert_eq!(wide.0[lane].to_bits(), kernel(a.0[lane], b.0[lane]).to_bits());
        }
    }

    #[test]
    fn largest_sees_every_lane_and_both_signs() {
        let mut lanes = Lanes::default();
        lanes.0[WIDTH - 1] = -4.0;
        assert_eq!(lanes.largest(), 4.0);
    }
}
