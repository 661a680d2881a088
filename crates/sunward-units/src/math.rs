//! Sine, cosine and exponential in forms a compiler turns into vector instructions.
//!
//! Each function is a handful of fused multiply-adds without a branch, so that a plain loop over slices becomes vector code,
//! and gives the same bits on every processor and at every vector width (every fused operation is written as `mul_add`).
//! [`widest`] runs such a loop compiled for the widest vectors the processor has.
//!
//! Outside its stated range a function returns NaN, never a plausible number.
//!
//! **Source**: argument reduction by a two-part constant, Cody and Waite, *Software Manual for the Elementary Functions*
//! (1980), here exact in its first step through the fused multiply-add; polynomial coefficients and the errors they leave
//! from testdata/math/coefficients.py.

/// The largest magnitude [`sin`], [`cos`] and [`sin_cos`] take, rad: beyond it they return NaN.
pub const ANGLE_MAX_RAD: f64 = 1e9;
/// Where [`exp`] passes the largest finite number (ln of 1.797e308).
const EXP_MAX: f64 = 709.782712893384;
/// Where [`exp`] rounds to zero (ln of half the smallest subnormal).
const EXP_MIN: f64 = -745.13321910194122;
/// 1.5 x 2^52: added to a number below 2^51 it leaves the nearest integer in the low bits.
const ROUND: f64 = 6755399441055744.0;

/// A constant as the nearest `f64` and what that leaves.
const HALF_PI: [f64; 2] = [std::f64::consts::FRAC_PI_2, 6.123233995736766e-17];
const PI: [f64; 2] = [std::f64::consts::PI, 1.2246467991473532e-16];
const LN_2: [f64; 2] = [std::f64::consts::LN_2, 2.3190468138462996e-17];

/// sin x = x + x^3 p(x^2) for |x| <= pi/4.
const SIN: [f64; 6] = [
    -0.16666666666666666,
    0.008333333333330948,
    -0.00019841269836758574,
    2.755731610255244e-06,
    -2.5051131845003624e-08,
    1.5918129294866608e-10,
];
/// cos x = 1 - x^2/2 + x^4 p(x^2) for |x| <= pi/4.
const COS: [f64; 6] = [
    0.041666666666666664,
    -0.0013888888888887398,
    2.480158729876569e-05,
    -2.7557317271729793e-07,
    2.08761462684032e-09,
    -1.1382632425521717e-11,
];
/// sin x = x + x^3 p(x^2) for |x| <= pi/2.
const SIN_HALF_TURN: [f64; 9] = [
    -0.16666666666666666,
    0.008333333333333333,
    -0.00019841269841269806,
    2.7557319223971264e-06,
    -2.5052108382391406e-08,
    1.605904347941901e-10,
    -7.647139121983424e-13,
    2.8104687777073216e-15,
    -8.006069886350886e-18,
];
/// exp x = 1 + x + x^2 p(x) for |x| <= ln 2 / 2.
const EXP: [f64; 10] = [
    0.5000000000000001,
    0.16666666666666669,
    0.041666666666624164,
    0.008333333333330065,
    0.0013888888917196719,
    0.00019841269863040545,
    2.4801521322368692e-05,
    2.7557268480310024e-06,
    2.7620075879983367e-07,
    2.5100375832561234e-08,
];

/// The polynomial of `coefficients` (lowest power first) at `x`, by Horner's rule with fused operations.
#[inline(always)]
fn polynomial<const N: usize>(coefficients: &[f64; N], x: f64) -> f64 {
    let mut sum = coefficients[N - 1];
    for power in (0..N - 1).rev() {
        sum = sum.mul_add(x, coefficients[power]);
    }
    sum
}

/// `value` where `x` is in the range of the trigonometric functions, else NaN.
#[inline(always)]
fn in_range(x: f64, value: f64) -> f64 {
    if x.abs() <= ANGLE_MAX_RAD { value } else { f64::NAN }
}

#[inline(always)]
fn flip_sign(value: f64, odd_bit: u64) -> f64 {
    f64::from_bits(value.to_bits() ^ (odd_bit << 63))
}

/// Sine of `x` rad, within 2 units in the last place (or 1e-32 |x| near a zero) for |x| <= 1e9, NaN beyond.
#[inline(always)]
#[must_use]
pub fn sin(x: f64) -> f64 {
    let rounded = x.mul_add(std::f64::consts::FRAC_1_PI, ROUND);
    let turns = rounded - ROUND;
    let rest = (-turns).mul_add(PI[1], (-turns).mul_add(PI[0], x));
    let square = rest * rest;
    let sine = (rest * square).mul_add(polynomial(&SIN_HALF_TURN, square), rest);
    in_range(x, flip_sign(sine, rounded.to_bits()))
}

/// Cosine of `x` rad, within 2 units in the last place (or 1e-32 |x| near a zero) for |x| <= 1e9, NaN beyond.
#[inline(always)]
#[must_use]
pub fn cos(x: f64) -> f64 {
    let rounded = (x.mul_add(std::f64::consts::FRAC_1_PI, -0.5)) + ROUND;
    let turns = (rounded - ROUND) + 0.5;
    let rest = (-turns).mul_add(PI[1], (-turns).mul_add(PI[0], x));
    let square = rest * rest;
    let sine = (rest * square).mul_add(polynomial(&SIN_HALF_TURN, square), rest);
    in_range(x, flip_sign(-sine, rounded.to_bits()))
}

/// Sine and cosine of `x` rad, each within 1 unit in the last place (or 1e-32 |x| near a zero) for |x| <= 1e9, NaN beyond.
///
/// ```
/// use sunward_units::math::sin_cos;
/// assert_eq!(sin_cos(0.0), (0.0, 1.0));
/// assert!((sin_cos(std::f64::consts::FRAC_PI_6).0 - 0.5).abs() < 1e-16);
/// ```
#[inline(always)]
#[must_use]
pub fn sin_cos(x: f64) -> (f64, f64) {
    let rounded = x.mul_add(std::f64::consts::FRAC_2_PI, ROUND);
    let quarters = rounded - ROUND;
    let rest = (-quarters).mul_add(HALF_PI[1], (-quarters).mul_add(HALF_PI[0], x));
    let (sine, cosine) = sin_cos_near_zero(rest);
    let quadrant = rounded.to_bits();
    let swap = quadrant & 1 == 1;
    let (first, second) = (if swap { cosine } else { sine }, if swap { sine } else { cosine });
    let half_turn = quadrant >> 1;
    (in_range(x, flip_sign(first, half_turn)), in_range(x, flip_sign(second, half_turn ^ quadrant)))
}

/// Sine and cosine of `x` rad without argument reduction: for |x| <= pi/4 only (1e-12 off at 1 rad, useless beyond).
#[inline(always)]
#[must_use]
pub fn sin_cos_near_zero(x: f64) -> (f64, f64) {
    let square = x * x;
    let sine = (x * square).mul_add(polynomial(&SIN, square), x);
    let half = 0.5 * square;
    let near_one = 1.0 - half;
    // What 1 - half lost to rounding comes back with the small terms.
    let lost = (1.0 - near_one) - half;
    let cosine = near_one + (square * square).mul_add(polynomial(&COS, square), lost);
    (sine, cosine)
}

/// e to the power `x`, within 1 unit in the last place where the result is a normal number; exactly rounded to 0 and
/// infinity beyond the range of `f64`, NaN for NaN.
#[inline(always)]
#[must_use]
pub fn exp(x: f64) -> f64 {
    // The comparisons let NaN through.
    let clamped = if x < EXP_MIN { EXP_MIN - 1.0 } else { x };
    let clamped = if clamped > EXP_MAX { EXP_MAX + 1.0 } else { clamped };
    let powers = clamped.mul_add(std::f64::consts::LOG2_E, ROUND) - ROUND;
    let rest = (-powers).mul_add(LN_2[1], (-powers).mul_add(LN_2[0], clamped));
    let value = (rest * rest).mul_add(polynomial(&EXP, rest), rest) + 1.0;
    // Two factors, so that neither leaves the range of the exponent.
    let half = powers.mul_add(0.5, ROUND) - ROUND;
    value * power_of_two(half) * power_of_two(powers - half)
}

/// 2 to the whole number `n`, for -1022..=1023.
#[inline(always)]
fn power_of_two(n: f64) -> f64 {
    f64::from_bits((n + (ROUND + 1023.0)).to_bits() << 52)
}

/// A loop to be compiled for several vector widths; see [`widest`].
///
/// `run` and everything it calls must be `#[inline(always)]`, else the wider instructions do not reach them.
pub trait Kernel {
    /// What the loop returns.
    type Output;
    /// Runs the loop.
    fn run(self) -> Self::Output;
}

/// Runs `kernel` with 512-bit vectors where the processor has AVX-512, else as this crate was compiled.
///
/// Both give the same bits: the operations and their order are the same, only more of them go at once.
#[inline]
pub fn widest<K: Kernel>(kernel: K) -> K::Output {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw,fma")]
        fn with_avx512<K: Kernel>(kernel: K) -> K::Output {
            kernel.run()
        }
        let wide = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("fma");
        if wide {
            // SAFETY: the processor was just found to have every feature that `with_avx512` enables.
            #[allow(unsafe_code)]
            return unsafe { with_avx512(kernel) };
        }
    }
    kernel.run()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Stream};

    /// The distance of `got` from `expected` in units of the last place of `expected`.
    fn last_places(got: f64, expected: f64) -> f64 {
        let next = f64::from_bits(expected.abs().to_bits() + 1);
        (got - expected).abs() / (next - expected.abs())
    }

    fn worst(function: fn(f64) -> f64, standard: fn(f64) -> f64, low: f64, high: f64) -> f64 {
        let stream = Stream::new(1, 0, Purpose::Study);
        let draws = (0..200_000).map(|i| low + (high - low) * stream.uniform(i));
        draws.map(|x| last_places(function(x), standard(x))).fold(0.0, f64::max)
    }

    /// The standard library's functions are within 0.55 units themselves.
    #[test]
    fn functions_match_the_standard_library() {
        for high in [0.1, 1.0, 10.0, 1e4, 1e9] {
            assert!(worst(sin, f64::sin, -high, high) <= 2.0, "sin to {high}");
            assert!(worst(cos, f64::cos, -high, high) <= 2.0, "cos to {high}");
            assert!(worst(|x| sin_cos(x).0, f64::sin, -high, high) <= 1.0, "sin_cos to {high}");
            assert!(worst(|x| sin_cos(x).1, f64::cos, -high, high) <= 1.0, "sin_cos to {high}");
        }
        assert!(worst(|x| sin_cos_near_zero(x).0, f64::sin, -0.785, 0.785) <= 1.0);
        assert!(worst(|x| sin_cos_near_zero(x).1, f64::cos, -0.785, 0.785) <= 1.0);
        for high in [0.3, 1.0, 30.0, 708.0] {
            assert!(worst(exp, f64::exp, -high, high) <= 1.0, "exp to {high}");
        }
    }

    /// At multiples of pi/2 the reduction cancels sixteen digits; the error stays 1e-32 of the angle.
    #[test]
    fn zeros_of_sine_and_cosine_are_sharp() {
        let close = |got: f64, expected: f64, x: f64| (got - expected).abs() <= 1e-32 * x + 4e-16 * expected.abs();
        for n in (1..1000).chain([100_000, 12_345_678]) {
            let x = f64::from(n) * std::f64::consts::PI;
            assert!(close(sin(x), x.sin(), x) && close(sin_cos(x).0, x.sin(), x), "{n}");
            let x = (f64::from(n) + 0.5) * std::f64::consts::PI;
            assert!(close(cos(x), x.cos(), x) && close(sin_cos(x).1, x.cos(), x), "{n}");
        }
    }

    #[test]
    fn outside_the_range_nothing_plausible_comes_back() {
        for x in [1.001e9, -1e300, f64::INFINITY, f64::NAN] {
            assert!(sin(x).is_nan() && cos(x).is_nan(), "{x}");
            assert!(sin_cos(x).0.is_nan() && sin_cos(x).1.is_nan(), "{x}");
        }
        assert!(exp(f64::NAN).is_nan());
        assert_eq!((exp(-1e9), exp(f64::NEG_INFINITY), exp(-746.0)), (0.0, 0.0, 0.0));
        assert_eq!((exp(710.0), exp(f64::INFINITY)), (f64::INFINITY, f64::INFINITY));
        assert!(exp(709.78).is_finite() && exp(-745.1) > 0.0);
        assert!((exp(-740.0) - (-740f64).exp()).abs() <= 5e-324);
    }

    struct Sum<'a>(&'a [f64], &'a mut [f64]);
    impl Kernel for Sum<'_> {
        type Output = ();
        #[inline(always)]
        fn run(self) {
            for (x, out) in self.0.iter().zip(self.1) {
                let (s, c) = sin_cos(*x);
                *out = (s + 2.0 * c) + exp(*x * 1e-3) + sin(*x) * cos(0.5 * *x);
            }
        }
    }

    #[test]
    fn every_vector_width_gives_the_same_bits() {
        let x: Vec<f64> = (0..1003).map(|i| f64::from(i) * 0.731 - 300.0).collect();
        let (mut wide, mut plain) = (vec![0.0; x.len()], vec![0.0; x.len()]);
        widest(Sum(&x, &mut wide));
        Sum(&x, &mut plain).run();
        let one_by_one: Vec<f64> = (0..x.len())
            .map(|i| {
                let mut out = [0.0];
                Sum(std::hint::black_box(&x[i..=i]), &mut out).run();
                out[0]
            })
            .collect();
        for i in 0..x.len() {
            assert_eq!(wide[i].to_bits(), plain[i].to_bits());
            assert_eq!(wide[i].to_bits(), one_by_one[i].to_bits());
        }
    }
}
