//! One satellite's states on an equal grid of instants, and everything between the grid points.
//!
//! **Accuracy** of the cubic Hermite interpolation: the error is at most `h^4 / 384 max|r''''|`; on a circular orbit
//! `max|r''''| = a n^4`, so that 60 s at 500 km gives 0.35 m, 120 s 5.6 m and 30 s 2 cm. An SGP4 velocity is not quite
//! the derivative of its position: between points 60 s apart the worst of 94 low satellites was 1.5 m from SGP4, of
//! navigation satellites 0.1 m, of a transfer ellipse near its perigee 14 m (test `between_grid_points_of_sgp4`).

use std::f64::consts::TAU;

use sunward_units::{Meters, MetersPerSecond, Seconds};

use crate::batch::{BatchSgp4, Failure};
use crate::state::{State, States};
use crate::time::{Instant, Span};
use crate::vector::{dot, minus};

/// Equally spaced instants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "GridFields")]
pub struct Grid {
    start: Instant,
    step: Span,
    count: usize,
}

#[derive(serde::Deserialize)]
struct GridFields {
    start: Instant,
    step: Span,
    count: usize,
}

/// Why a grid or an ephemeris cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GridError {
    /// The step is zero or negative.
    #[error("grid step {step} is not positive")]
    Step {
        /// The step given.
        step: Span,
    },
    /// Fewer than two instants.
    #[error("a grid of {count} instants has no step; expected at least 2")]
    Count {
        /// The number given.
        count: usize,
    },
    /// The last instant lies outside the range of time.
    #[error("a grid of {count} instants of {step} from {start} ends outside the years 1708 to 2291")]
    Overflow {
        /// First instant.
        start: Instant,
        /// The step.
        step: Span,
        /// The number of instants.
        count: usize,
    },
    /// The columns have another length than the grid.
    #[error("a column has {got} values; the grid has {expected} instants")]
    Columns {
        /// Its length.
        got: usize,
        /// The grid's.
        expected: usize,
    },
}

impl TryFrom<GridFields> for Grid {
    type Error = GridError;
    fn try_from(fields: GridFields) -> Result<Self, GridError> {
        Self::new(fields.start, fields.step, fields.count)
    }
}

impl Grid {
    /// `count` instants from `start` on, `step` apart.
    ///
    /// # Errors
    /// [`GridError`] when the step is not positive, fewer than two instants are asked for, or the end overflows.
    pub fn new(start: Instant, step: Span, count: usize) -> Result<Self, GridError> {
        if step <= Span::ZERO {
            return Err(GridError::Step { step });
        }
        if count < 2 {
            return Err(GridError::Count { count });
        }
        let length = i64::try_from(count - 1).ok().and_then(|steps| step.0.checked_mul(steps));
        match length.and_then(|length| start.0.checked_add(length)) {
            Some(_) => Ok(Self { start, step, count }),
            None => Err(GridError::Overflow { start, step, count }),
        }
    }

    /// The grid of the given step that covers at least `length` from `start` on.
    ///
    /// # Errors
    /// [`GridError`] as [`Grid::new`]; a negative `length` is a count below 2.
    pub fn covering(start: Instant, length: Span, step: Span) -> Result<Self, GridError> {
        if step <= Span::ZERO {
            return Err(GridError::Step { step });
        }
        let steps = -(-length).whole_steps(step);
        Self::new(start, step, usize::try_from(steps + 1).unwrap_or(0))
    }

    /// First instant.
    #[must_use]
    pub fn start(&self) -> Instant {
        self.start
    }

    /// Time between neighbours.
    #[must_use]
    pub fn step(&self) -> Span {
        self.step
    }

    /// Number of instants, at least 2.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Number of steps, one less than [`Grid::count`].
    #[must_use]
    pub fn steps(&self) -> usize {
        self.count - 1
    }

    /// Last instant.
    #[must_use]
    pub fn end(&self) -> Instant {
        self.instant(self.steps())
    }

    /// Instant `index`, counted from 0.
    ///
    /// # Panics
    /// When `index` is not below [`Grid::count`].
    #[must_use]
    pub fn instant(&self, index: usize) -> Instant {
        assert!(index < self.count, "instant {index} of a grid of {}", self.count);
        self.start + self.step * index as i64
    }

    /// Step that holds `at`, and the share of the step gone by (0..=1); `None` outside the grid.
    #[must_use]
    pub fn locate(&self, at: Instant) -> Option<Place> {
        if at < self.start || at > self.end() {
            return None;
        }
        let step = ((at - self.start).whole_steps(self.step) as usize).min(self.steps() - 1);
        Some(Place { step, share: (at - self.instant(step)) / self.step })
    }

    /// The instant of a place, to a nanosecond.
    #[must_use]
    pub fn at(&self, place: Place) -> Instant {
        self.instant(place.step) + Span((place.share * self.step.0 as f64).round() as i64)
    }

    pub(crate) fn step_s(&self) -> f64 {
        self.step.seconds().0
    }
}

/// A moment on a grid: the step it falls in and the share of that step gone by, 0..=1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// Index of the step, from 0.
    pub step: usize,
    /// Share of the step gone by.
    pub share: f64,
}

/// One satellite's states on a grid, in TEME unless the holder says otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct Ephemeris {
    grid: Grid,
    states: States,
}

impl Ephemeris {
    /// From columns `[time]`.
    ///
    /// # Errors
    /// [`GridError::Columns`] when the columns have another length than the grid.
    pub fn new(grid: Grid, states: States) -> Result<Self, GridError> {
        let States { x, y, z, vx, vy, vz } = &states;
        let lengths = [x.len(), y.len(), z.len(), vx.len(), vy.len(), vz.len()];
        match lengths.into_iter().find(|length| *length != grid.count()) {
            Some(got) => Err(GridError::Columns { got, expected: grid.count() }),
            None => Ok(Self { grid, states }),
        }
    }

    /// One satellite of a prepared fleet, by SGP4, in TEME.
    ///
    /// # Errors
    /// [`Failure`] where SGP4 gives no state.
    pub fn by_sgp4(fleet: &BatchSgp4, satellite: usize, grid: Grid) -> Result<Self, Failure> {
        let states = fleet.series(satellite, grid.start(), grid.step(), grid.count())?;
        Ok(Self { grid, states })
    }

    /// The instants of the columns.
    #[must_use]
    pub fn grid(&self) -> Grid {
        self.grid
    }

    /// The columns, `[time]`.
    #[must_use]
    pub fn states(&self) -> &States {
        &self.states
    }

    #[inline]
    pub(crate) fn position_m(&self, index: usize) -> [f64; 3] {
        [self.states.x[index].0, self.states.y[index].0, self.states.z[index].0]
    }

    #[inline]
    pub(crate) fn velocity_m_s(&self, index: usize) -> [f64; 3] {
        [self.states.vx[index].0, self.states.vy[index].0, self.states.vz[index].0]
    }

    /// State at a moment between grid points, by cubic Hermite interpolation (accuracy in the module's note).
    #[must_use]
    pub fn state(&self, place: Place) -> State {
        let (position_m, velocity_m_s) = self.between(place);
        State { position: position_m.map(Meters), velocity: velocity_m_s.map(MetersPerSecond) }
    }

    /// Position (m) and velocity (m/s) between grid points:
    /// `r(u) = (1 + 2u)(1 - u)^2 r0 + u^2 (3 - 2u) r1 + h u (1 - u) ((1 - u) v0 - u v1)`, and its derivative.
    #[inline]
    pub(crate) fn between(&self, Place { step, share: u }: Place) -> ([f64; 3], [f64; 3]) {
        let h_s = self.grid.step_s();
        let (r0, r1) = (self.position_m(step), self.position_m(step + 1));
        let (v0, v1) = (self.velocity_m_s(step), self.velocity_m_s(step + 1));
        let w = 1.0 - u;
        let (rise, slope0, slope1) = (u * u * (3.0 - 2.0 * u), h_s * u * w * w, -h_s * u * u * w);
        let (rise_rate, slope0_rate, slope1_rate) = (6.0 * u * w / h_s, w * (1.0 - 3.0 * u), u * (3.0 * u - 2.0));
        let across = minus(r1, r0);
        let position = |k: usize| r0[k] + rise * across[k] + slope0 * v0[k] + slope1 * v1[k];
        let velocity = |k: usize| rise_rate * across[k] + slope0_rate * v0[k] + slope1_rate * v1[k];
        ([position(0), position(1), position(2)], [velocity(0), velocity(1), velocity(2)])
    }

    /// State at an instant; `None` outside the grid.
    #[must_use]
    pub fn state_at(&self, at: Instant) -> Option<State> {
        self.grid.locate(at).map(|place| self.state(place))
    }

    /// Largest speed at a grid point, m/s.
    pub(crate) fn speed_max_m_s(&self) -> f64 {
        (0..self.grid.count()).map(|index| self.velocity_m_s(index)).map(|v| dot(v, v)).fold(0.0, f64::max).sqrt()
    }

    /// Largest distance from the centre at a grid point, m.
    pub(crate) fn radius_max_m(&self) -> f64 {
        (0..self.grid.count()).map(|index| self.position_m(index)).map(|r| dot(r, r)).fold(0.0, f64::max).sqrt()
    }
}

/// Bound of the cubic Hermite interpolation's error on a circular orbit: `h^4 / 384 a n^4`.
#[must_use]
pub fn interpolation_error(semi_major_axis: Meters, period: Seconds, step: Seconds) -> Meters {
    semi_major_axis * ((TAU * (step / period)).powi(4) / 384.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frames::EARTH_EQUATORIAL_RADIUS;
    use crate::mean::MeanOrbit;
    use crate::vector::norm;
    use sunward_units::Radians;

    fn orbit() -> MeanOrbit {
        MeanOrbit::circular(Instant(0), Meters(500e3), Radians(1.7), Radians(0.3)).unwrap()
    }

    /// Largest distance between interpolated and true states of one revolution, for a step in seconds.
    fn worst_m(step_s: i64) -> f64 {
        let grid = Grid::covering(Instant(0), Span::SECOND * 5700, Span::SECOND * step_s).unwrap();
        let track = orbit().propagate(grid);
        let fine = orbit().propagate(Grid::covering(Instant(0), Span::SECOND * 5600, Span::SECOND * 3).unwrap());
        let error = |index: usize| {
            let found = track.state_at(fine.grid().instant(index)).unwrap();
            norm(minus(found.position.map(|x| x.0), fine.position_m(index)))
        };
        (0..fine.grid().count()).map(error).fold(0.0, f64::max)
    }

    /// The measured error is the stated bound, and falls with the fourth power of the step.
    #[test]
    fn interpolation_error_is_the_stated_one() {
        let axis = EARTH_EQUATORIAL_RADIUS + Meters(500e3);
        for step_s in [30, 60, 120, 240] {
            let bound = interpolation_error(axis, orbit().period(), Seconds(step_s as f64)).0;
            let found = worst_m(step_s);
            assert!(found < 1.01 * bound && found > 0.95 * bound, "{step_s} s: {found} m, bound {bound} m");
        }
        assert!((interpolation_error(axis, orbit().period(), Seconds(60.0)).0 - 0.35).abs() < 0.005);
    }

    #[test]
    fn interpolated_velocity_is_the_derivative_of_the_position() {
        let track = orbit().propagate(Grid::new(Instant(0), Span::MINUTE, 3).unwrap());
        let at = |share| track.between(Place { step: 1, share });
        let ((before, _), (after, _)) = (at(0.3 - 1e-5), at(0.3 + 1e-5));
        let derivative = minus(after, before).map(|d| d / (2e-5 * 60.0));
        assert!(norm(minus(derivative, at(0.3).1)) < 1e-3);
        assert_eq!(at(0.0), (track.position_m(1), track.velocity_m_s(1)));
        assert!(norm(minus(at(1.0).0, track.position_m(2))) < 1e-8);
    }

    #[test]
    fn grids_locate_their_instants() {
        let grid = Grid::covering(Instant(-5), Span(100), Span(30)).unwrap();
        assert_eq!((grid.count(), grid.steps(), grid.start(), grid.end()), (5, 4, Instant(-5), Instant(115)));
        assert_eq!(grid.locate(Instant(-6)), None);
        assert_eq!(grid.locate(Instant(116)), None);
        for (at, step, share) in [(-5, 0, 0.0), (10, 0, 0.5), (25, 1, 0.0), (115, 3, 1.0)] {
            assert_eq!(grid.locate(Instant(at)), Some(Place { step, share }));
            assert_eq!(grid.at(Place { step, share }), Instant(at));
        }
        assert_eq!(Grid::covering(Instant(0), Span(90), Span(30)).unwrap().count(), 4);
    }

    #[test]
    fn wrong_grids_and_columns_are_refused() {
        let message = |result: Result<Grid, GridError>| result.unwrap_err().to_string();
        assert_eq!(message(Grid::new(Instant(0), Span(0), 3)), "grid step 0 s is not positive");
        assert_eq!(message(Grid::covering(Instant(0), Span(9), Span(-1))), "grid step -0.000000001 s is not positive");
        assert_eq!(message(Grid::new(Instant(0), Span(1), 1)), "a grid of 1 instants has no step; expected at least 2");
        assert_eq!(
            message(Grid::covering(Instant(0), -Span::DAY, Span::HOUR)),
            "a grid of 0 instants has no step; expected at least 2"
        );
        let endless = Grid::new(Instant(0), Span::DAY * 1000, 1_000_000);
        assert!(message(endless).contains("ends outside the years 1708 to 2291"));
        let grid = Grid::new(Instant(0), Span(1), 3).unwrap();
        let short = Ephemeris::new(grid, States::zeros(2)).unwrap_err();
        assert_eq!(short.to_string(), "a column has 2 values; the grid has 3 instants");
        let text = r#"{"start":0,"step":-5,"count":3}"#;
        assert!(serde_json::from_str::<Grid>(text).unwrap_err().to_string().contains("is not positive"));
        assert_eq!(serde_json::from_str::<Grid>(&serde_json::to_string(&grid).unwrap()).unwrap(), grid);
    }
}
