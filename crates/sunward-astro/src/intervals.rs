//! When a smooth function of time on a grid is positive: what contacts and eclipses share.
//!
//! A bound on how fast the function can change lets the search stride over every step in which no change of sign is
//! possible, so that most of the grid is never looked at and yet nothing between its points is lost. Where a change is
//! possible, a step is taken to hold at most one extremum of the function: two roots in one step are found, three are not.

use crate::ephemeris::Place;

/// A function of time on a grid, positive while something goes on.
pub(crate) trait Watched {
    /// Value at grid point `index`.
    fn at_point(&self, index: usize) -> f64;
    /// Value inside a step.
    fn value(&self, place: Place) -> f64;
    /// Derivative inside a step; only its sign and its roots are used, any positive scale will do.
    fn slope(&self, place: Place) -> f64;
}

/// Where the function is positive: begin and end; an interval that reaches an end of the grid is cut there.
pub(crate) type Interval = (Place, Place);

/// All intervals in which `watched` is positive, in order, over a grid of `steps` steps.
///
/// `reach` is the most the function can change within one step.
pub(crate) fn positive_intervals(watched: &impl Watched, steps: usize, reach: f64) -> Vec<Interval> {
    assert!(reach > 0.0 && reach.is_finite(), "reach {reach} of a watched function");
    let mut found = Vec::new();
    let mut value = watched.at_point(0);
    let mut open = (value > 0.0).then_some(Place { step: 0, share: 0.0 });
    let mut cross = |place: Place| match open.take() {
        Some(begin) => found.push((begin, place)),
        None => open = Some(place),
    };
    let mut step = 0;
    while step < steps {
        let stride = (value.abs() / reach) as usize;
        if stride > 0 {
            step = (step + stride).min(steps);
            value = watched.at_point(step);
            continue;
        }
        let next = watched.at_point(step + 1);
        if (value > 0.0) != (next > 0.0) {
            cross(root(step, [(0.0, value), (1.0, next)], |place| watched.value(place)));
        } else if let Some(turn) = turning_point(watched, step, value, next, reach) {
            cross(root(step, [(0.0, value), turn], |place| watched.value(place)));
            cross(root(step, [turn, (1.0, next)], |place| watched.value(place)));
        }
        value = next;
        step += 1;
    }
    if let Some(begin) = open {
        found.push((begin, Place { step: steps - 1, share: 1.0 }));
    }
    found
}

/// The extremum inside a step whose ends have one sign, if the function has the other sign there: (share, value).
fn turning_point(watched: &impl Watched, step: usize, value: f64, next: f64, reach: f64) -> Option<(f64, f64)> {
    if value.abs() + next.abs() >= reach {
        return None;
    }
    let positive = value > 0.0;
    let away = |share: f64| if positive { 1.0 } else { -1.0 } * watched.slope(Place { step, share });
    let (begin, end) = (away(0.0), away(1.0));
    if begin >= 0.0 || end <= 0.0 {
        return None;
    }
    let place = root(step, [(0.0, begin), (1.0, end)], |place| away(place.share));
    let extremum = watched.value(place);
    ((extremum > 0.0) != positive).then_some((place.share, extremum))
}

/// The root of `function` in one step between two (share, value) ends of opposite sign, to 1e-10 of the step.
///
/// **Source**: Illinois variant of false position, Dowell & Jarratt 1971, BIT 11:168.
pub(crate) fn root(step: usize, ends: [(f64, f64); 2], function: impl Fn(Place) -> f64) -> Place {
    const TOLERANCE: f64 = 1e-10;
    const ITERATIONS_MAX: usize = 100;
    let [(mut a, mut f_a), (mut b, mut f_b)] = ends;
    for _ in 0..ITERATIONS_MAX {
        if f_b == 0.0 || (b - a).abs() < TOLERANCE {
            break;
        }
        let share = b - f_b * (b - a) / (f_b - f_a);
        let value = function(Place { step, share });
        if (value > 0.0) == (f_b > 0.0) {
            f_a *= 0.5;
        } else {
            (a, f_a) = (b, f_b);
        }
        let moved = (share - b).abs();
        (b, f_b) = (share, value);
        if moved < TOLERANCE {
            break;
        }
    }
    Place { step, share: b }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// `amplitude sin(2 pi t / period + phase) - level`, with t in steps.
    struct Wave {
        period: f64,
        phase: f64,
        level: f64,
        looked: Cell<usize>,
    }

    impl Wave {
        fn angle(&self, place: Place) -> f64 {
            (place.step as f64 + place.share) * self.rate() + self.phase
        }
        fn rate(&self) -> f64 {
            std::f64::consts::TAU / self.period
        }
    }

    impl Watched for Wave {
        fn at_point(&self, step: usize) -> f64 {
            self.looked.set(self.looked.get() + 1);
            self.value(Place { step, share: 0.0 })
        }
        fn value(&self, place: Place) -> f64 {
            self.angle(place).sin() - self.level
        }
        fn slope(&self, place: Place) -> f64 {
            self.angle(place).cos()
        }
    }

    fn moment(place: Place) -> f64 {
        place.step as f64 + place.share
    }

    /// Roots of a sine are known: every interval must be there to 1e-8 steps, however short, wherever it falls.
    #[test]
    fn no_interval_of_a_wave_is_lost() {
        for trial in 0..4000 {
            let spread = f64::from(trial) / 4000.0;
            let level = 1.0 - 10f64.powf(-6.0 * spread);
            let wave = Wave { period: 9.0 + 31.7 * spread, phase: -40.0 * spread, level, looked: Cell::new(0) };
            let steps = 200;
            let found = positive_intervals(&wave, steps, wave.rate() * 1.0001);
            let (first, last) = (wave.phase, wave.phase + wave.rate() * steps as f64);
            let mut expected = Vec::new();
            let mut turn = (first / std::f64::consts::TAU).floor() * std::f64::consts::TAU;
            while turn < last {
                let (rise, set) = (turn + level.asin(), turn + std::f64::consts::PI - level.asin());
                if set > first && rise < last {
                    let steps_at = |angle: f64| (angle.clamp(first, last) - first) / wave.rate();
                    expected.push((steps_at(rise), steps_at(set)));
                }
                turn += std::f64::consts::TAU;
            }
            assert_eq!(found.len(), expected.len(), "trial {trial}");
            for ((begin, end), (rise, set)) in found.iter().zip(&expected) {
                assert!((moment(*begin) - rise).abs() < 1e-8 && (moment(*end) - set).abs() < 1e-8, "trial {trial}");
            }
        }
    }

    #[test]
    fn most_points_are_never_looked_at() {
        let wave = Wave { period: 1000.0, phase: 3.5, level: 0.9, looked: Cell::new(0) };
        assert_eq!(positive_intervals(&wave, 10_000, wave.rate() * 1.0001).len(), 10);
        assert!(wave.looked.get() < 2500, "{} of 10,000", wave.looked.get());
    }

    #[test]
    fn always_and_never_positive_are_one_and_no_interval() {
        let wave = |level| Wave { period: 20.0, phase: 0.0, level, looked: Cell::new(0) };
        let whole = (Place { step: 0, share: 0.0 }, Place { step: 49, share: 1.0 });
        assert_eq!(positive_intervals(&wave(-1.5), 50, 0.4), [whole]);
        assert_eq!(positive_intervals(&wave(1.5), 50, 0.4), []);
    }
}
