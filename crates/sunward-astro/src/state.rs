//! Positions and velocities: of one satellite at one time, and as columns.

use std::ops::Range;

use sunward_units::{Meters, MetersPerSecond};

/// Position and velocity in the frame that the function giving it names.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct State {
    /// x, y, z.
    pub position: [Meters; 3],
    /// Their rates.
    pub velocity: [MetersPerSecond; 3],
}

impl State {
    /// Distance from the centre of the frame.
    #[must_use]
    pub fn radius(&self) -> Meters {
        let [x, y, z] = self.position.map(|component| component.0);
        Meters((x * x + y * y + z * z).sqrt())
    }
}

/// Positions and velocities in columns of one length: `[time]` for one satellite, or `[satellite]` at one time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct States {
    /// First component of the position.
    pub x: Vec<Meters>,
    /// Second component of the position.
    pub y: Vec<Meters>,
    /// Third component of the position.
    pub z: Vec<Meters>,
    /// First component of the velocity.
    pub vx: Vec<MetersPerSecond>,
    /// Second component of the velocity.
    pub vy: Vec<MetersPerSecond>,
    /// Third component of the velocity.
    pub vz: Vec<MetersPerSecond>,
}

impl States {
    /// `length` rows of zeros, to be filled.
    #[must_use]
    pub fn zeros(length: usize) -> Self {
        let (position, velocity) = (vec![Meters(0.0); length], vec![MetersPerSecond(0.0); length]);
        let (x, y, z) = (position.clone(), position.clone(), position);
        Self { x, y, z, vx: velocity.clone(), vy: velocity.clone(), vz: velocity }
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.x.len()
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.x.is_empty()
    }

    /// One row.
    ///
    /// # Panics
    /// When `row` is not below the length.
    #[must_use]
    pub fn get(&self, row: usize) -> State {
        State {
            position: [self.x[row], self.y[row], self.z[row]],
            velocity: [self.vx[row], self.vy[row], self.vz[row]],
        }
    }

    /// Every row, to be written.
    pub fn columns(&mut self) -> StatesMut<'_> {
        let length = self.len();
        self.rows(0..length)
    }

    /// Some rows, to be written; ranges that do not overlap can go to several threads by [`StatesMut::split_at`].
    ///
    /// # Panics
    /// When `rows` ends beyond the length.
    pub fn rows(&mut self, rows: Range<usize>) -> StatesMut<'_> {
        StatesMut {
            x: &mut self.x[rows.clone()],
            y: &mut self.y[rows.clone()],
            z: &mut self.z[rows.clone()],
            vx: &mut self.vx[rows.clone()],
            vy: &mut self.vy[rows.clone()],
            vz: &mut self.vz[rows],
        }
    }
}

/// Columns of one length that a kernel writes.
#[derive(Debug)]
pub struct StatesMut<'a> {
    pub(crate) x: &'a mut [Meters],
    pub(crate) y: &'a mut [Meters],
    pub(crate) z: &'a mut [Meters],
    pub(crate) vx: &'a mut [MetersPerSecond],
    pub(crate) vy: &'a mut [MetersPerSecond],
    pub(crate) vz: &'a mut [MetersPerSecond],
}

impl<'a> StatesMut<'a> {
    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.x.len()
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.x.is_empty()
    }

    /// The rows before `row`, and those from `row` on.
    ///
    /// # Panics
    /// When `row` is beyond the length.
    #[must_use]
    pub fn split_at(self, row: usize) -> (StatesMut<'a>, StatesMut<'a>) {
        let (x, x_rest) = self.x.split_at_mut(row);
        let (y, y_rest) = self.y.split_at_mut(row);
        let (z, z_rest) = self.z.split_at_mut(row);
        let (vx, vx_rest) = self.vx.split_at_mut(row);
        let (vy, vy_rest) = self.vy.split_at_mut(row);
        let (vz, vz_rest) = self.vz.split_at_mut(row);
        let rest = StatesMut { x: x_rest, y: y_rest, z: z_rest, vx: vx_rest, vy: vy_rest, vz: vz_rest };
        (StatesMut { x, y, z, vx, vy, vz }, rest)
    }

    /// Makes the rows from `row` on NaN.
    pub(crate) fn clear_from(&mut self, row: usize) {
        for column in [&mut *self.x, &mut *self.y, &mut *self.z] {
            column[row..].fill(Meters(f64::NAN));
        }
        for column in [&mut *self.vx, &mut *self.vy, &mut *self.vz] {
            column[row..].fill(MetersPerSecond(f64::NAN));
        }
    }

    pub(crate) fn set(&mut self, row: usize, state: State) {
        [self.x[row], self.y[row], self.z[row]] = state.position;
        [self.vx[row], self.vy[row], self.vz[row]] = state.velocity;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn split_columns_cover_every_row_once() {
        let mut states = States::zeros(5);
        let row = |k: f64| State { position: [Meters(k); 3], velocity: [MetersPerSecond(-k); 3] };
        let (mut front, mut back) = states.rows(1..5).split_at(1);
        assert_eq!((front.len(), back.len(), front.is_empty()), (1, 3, false));
        front.set(0, row(1.0));
        (0..3).for_each(|k| back.set(k, row(k as f64 + 2.0)));
        for k in 0..5 {
            assert_eq!(states.get(k), row(k as f64));
        }
        assert!((states.get(4).radius().0 - 48f64.sqrt()).abs() < 1e-15);
    }
}
