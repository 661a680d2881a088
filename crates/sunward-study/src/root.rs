//! Break-even: where a difference changes its sign.

use crate::StudyError;

/// A value at which a difference changes its sign.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BreakEven {
    /// The value.
    pub value: f64,
    /// The difference that is left there; far from zero where the difference jumps across it.
    pub difference: f64,
    /// How often the difference was evaluated.
    pub evaluations: u32,
}

/// Where `difference` is zero between `low` and `high`, to `tolerance`, by inverse quadratic interpolation, the secant and bisection.
///
/// **Source**: Brent 1973, "Algorithms for minimization without derivatives", chapter 4 (`zero`).
///
/// # Errors
/// Ends that do not bracket a change of sign; whatever `difference` says.
///
/// ```
/// let parity = sunward_study::break_even(|price| Ok(3.0 * price - 600.0), 0.0, 1000.0, 1e-9)?;
/// assert!((parity.value - 200.0).abs() < 1e-9);
/// # Ok::<(), sunward_study::StudyError>(())
/// ```
pub fn break_even(
    mut difference: impl FnMut(f64) -> Result<f64, StudyError>,
    low: f64,
    high: f64,
    tolerance: f64,
) -> Result<BreakEven, StudyError> {
    let (mut a, mut b) = (low, high);
    let (mut fa, mut fb) = (difference(a)?, difference(b)?);
    let mut evaluations = 2;
    if fa.is_nan() || fb.is_nan() || fa * fb > 0.0 {
        return Err(StudyError::NotBracketed { low, high, at_low: fa, at_high: fb });
    }
    let (mut c, mut fc) = (a, fa);
    let mut step = b - a;
    let mut before = step;
    loop {
        if fb.abs() > fc.abs() {
            (a, b, c) = (b, c, b);
            (fa, fb, fc) = (fb, fc, fb);
        }
        let least = 2.0 * f64::EPSILON * b.abs() + 0.5 * tolerance;
        let half = 0.5 * (c - b);
        if half.abs() <= least || fb == 0.0 {
            return Ok(BreakEven { value: b, difference: fb, evaluations });
        }
        (step, before) = match interpolated([a, b, c], [fa, fb, fc], half) {
            Some(short)
                if 2.0 * short.abs() < (3.0 * half.abs() - least).min(before.abs()) && before.abs() >= least =>
            {
                (short, step)
            }
            _ => (half, half),
        };
        (a, fa) = (b, fb);
        b += if step.abs() > least { step } else { least.copysign(half) };
        fb = difference(b)?;
        evaluations += 1;
        if fb * fc > 0.0 {
            (c, fc) = (a, fa);
            step = b - a;
            before = step;
        }
    }
}

/// The step from `b` that the secant, or the inverse parabola through three points, proposes, if the last step came nearer.
fn interpolated([a, b, c]: [f64; 3], [fa, fb, fc]: [f64; 3], half: f64) -> Option<f64> {
    if fa.abs() <= fb.abs() {
        return None;
    }
    let s = fb / fa;
    let (p, q) = if a == c {
        (2.0 * half * s, 1.0 - s)
    } else {
        let (q, r) = (fa / fc, fb / fc);
        (s * (2.0 * half * q * (q - r) - (b - a) * (r - 1.0)), (q - 1.0) * (r - 1.0) * (s - 1.0))
    };
    let step = -p / q;
    // Only towards the other end.
    (step.is_finite() && step * half >= 0.0).then_some(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_solved_at_once() {
        let found = break_even(|x| Ok(2.5 * x - 10.0), 0.0, 100.0, 1e-12).unwrap();
        assert!((found.value - 4.0).abs() < 1e-12 && found.difference.abs() < 1e-11, "{found:?}");
        assert!(found.evaluations <= 5, "{found:?}");
    }

    /// Roots known in closed form: Dottie's number to 15 digits (OEIS A003957), the cube root of 2, and a tenfold zero.
    #[test]
    fn curves_are_solved_in_few_steps() {
        type Case = (fn(f64) -> f64, f64, f64, f64, f64, u32);
        let cases: [Case; 3] = [
            (|x| x.cos() - x, 0.0, 1.0, 0.739085133215161, 1e-13, 12),
            (|x| x.powi(3) - 2.0, 2.0, -1.0, 1.259921049894873, 1e-13, 16),
            (|x| (x - 1.0).powi(9), 0.0, 1.7, 1.0, 1e-3, 200),
        ];
        for (function, low, high, root, tolerance, most) in cases {
            let found = break_even(|x| Ok(function(x)), low, high, tolerance).unwrap();
            assert!((found.value - root).abs() <= tolerance, "{found:?}, expected {root}");
            assert!(found.evaluations <= most, "{found:?}");
        }
    }

    #[test]
    fn a_jump_is_found_and_says_so() {
        let found = break_even(|x| Ok(if x < 3.0 { -5.0 } else { 1.0 }), 0.0, 10.0, 1e-9).unwrap();
        assert!((found.value - 3.0).abs() < 1e-9 && found.difference.abs() >= 1.0, "{found:?}");
    }

    #[test]
    fn ends_of_one_sign_are_refused() {
        let error = break_even(|x| Ok(x * x + 1.0), -1.0, 2.0, 1e-9).unwrap_err().to_string();
        assert_eq!(error, "no break-even between -1 and 2: the difference is 2 at one end and 5 at the other");
        assert!(break_even(|_| Ok(f64::NAN), 0.0, 1.0, 1e-9).is_err());
        let failing = break_even(|_| Err(StudyError::Run { message: "decayed".to_owned() }), 0.0, 1.0, 1e-9);
        assert_eq!(failing.unwrap_err().to_string(), "a run failed: decayed");
    }
}
