//! SGP4 for many satellites or many times at once, in columns: the fast path beside [`crate::sgp4`].
//!
//! Near-Earth orbits (period below 225 min) run through a kernel without branches, compiled for AVX-512 where the processor
//! has it, with the same bits either way and the same bits for a row whatever its neighbours. Deep-space orbits, and rows
//! where the kernel is not sure (eccentricity out of range, low semilatus rectum, decay), go to the reference, which
//! gives the state or the error; [`BatchSgp4::method`] tells which way a satellite goes.
//!
//! **Source**: as [`crate::sgp4`]; names of coefficients as in Vallado et al. (2006). Differences to the reference: Kepler's
//! equation is solved by a series of third order (Danby, *Fundamentals of Celestial Mechanics*, 1988, chapter 6) instead of
//! Newton's, and the short-period corrections turn sines and cosines instead of angles.
//!
//! Valid range: within 1e-6 km and 1e-9 km/s of the reference up to 30 days from the epoch, for every near-Earth orbit; the
//! difference grows with the accumulated angle (a unit in the last place of 1e5 rad is 1e-7 km).

// A lane indexes several columns at once.
#![allow(clippy::needless_range_loop)]

use sunward_units::math::{Kernel, cos, sin, sin_cos, sin_cos_near_zero, widest};
use sunward_units::{Meters, MetersPerSecond};

use crate::elements::Elements;
use crate::sgp4::{EARTH_RADIUS_KM, MINUTE_NS, Sgp4, Sgp4Error, brouwer_elements};
use crate::state::{States, StatesMut};
use crate::time::{Instant, Span};

/// Rows that go through the kernel together.
const BLOCK: usize = 64;
const EARTH: ::sgp4::Geopotential = ::sgp4::WGS72;
/// Mean motion below which an orbit is deep-space: one revolution in 225 min, rad/min (Hoots and Roehrich 1980).
const DEEP_SPACE_RAD_MIN: f64 = std::f64::consts::TAU / 225.0;
/// A Kepler step below this leaves less than 1e-13 rad by the fourth order of the next.
const KEPLER_STEP_RAD: f64 = 5e-4;
const KEPLER_STEPS_MAX: usize = 10;
/// Below this semilatus rectum, Earth radii, the short-period corrections are not small and the reference takes over.
const SEMILATUS_RECTUM_MIN: f64 = 0.5;

/// Which way a satellite is propagated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// By the kernel.
    NearEarth,
    /// By the reference, one row after the other.
    DeepSpace,
}

/// A row without a state, and why.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("row {row}: {error}")]
pub struct Failure {
    /// Index into the elements or the columns.
    pub row: usize,
    /// Why.
    pub error: Sgp4Error,
}

macro_rules! coefficients {
    ($($(#[$doc:meta])* $field:ident),+ $(,)?) => {
        /// What propagation needs of one satellite (`f64`) or of a block (`[f64; BLOCK]`); Earth radii, minutes, rad.
        #[derive(Debug, Clone, Copy)]
        struct Coefficients<T> {
            $($(#[$doc])* $field: T),+
        }

        impl Coefficients<[f64; BLOCK]> {
            fn filled(value: f64) -> Self {
                Self { $($field: [value; BLOCK]),+ }
            }
            fn set(&mut self, lane: usize, from: &Coefficients<f64>) {
                $(self.$field[lane] = from.$field;)+
            }
        }

        impl Source for &Coefficients<[f64; BLOCK]> {
            #[inline(always)]
            fn at(self, lane: usize) -> Coefficients<f64> {
                Coefficients { $($field: self.$field[lane]),+ }
            }
        }
    };
}

/// Where the kernel finds the coefficients of a lane.
trait Source: Copy {
    fn at(self, lane: usize) -> Coefficients<f64>;
}

impl Source for &Coefficients<f64> {
    #[inline(always)]
    fn at(self, _lane: usize) -> Coefficients<f64> {
        *self
    }
}

coefficients! {
    mean_anomaly, mean_anomaly_rate, argument, argument_rate, node, node_rate,
    /// Node's acceleration by drag, rad/min^2.
    node_drag,
    semi_major_axis, eccentricity,
    c1, c4, c5, d2, d3, d4,
    /// sin M0.
    sin_mean_anomaly,
    eta,
    /// (1 + eta cos M0)^3.
    delmo,
    xmcof, omgcof,
    /// n0 times t2cof to t5cof.
    t2, t3, t4, t5,
    aycof, xlcof, con41, x1mth2, x7thm1, cos_inclination, sin_inclination,
}

/// Satellites prepared for propagation in columns.
///
/// ```
/// use sunward_astro::{batch::BatchSgp4, elements::read_tle, state::States, time::Span};
/// let iss = read_tle("1 25544U 98067A   20194.88612269 -.00002218  00000-0 -31515-4 0  9992\n\
///                     2 25544  51.6461 221.2784 0001413  89.1723 280.4612 15.49507896236008").unwrap();
/// let start = iss.epoch;
/// let fleet = BatchSgp4::new(&[iss]).unwrap();
/// let mut orbit = States::zeros(94);
/// fleet.propagate_series(0, start, Span::MINUTE, &mut orbit.columns()).unwrap();
/// let height_km = orbit.get(0).radius().0 / 1e3 - 6378.137;
/// assert!((410.0..440.0).contains(&height_km));
/// ```
#[derive(Debug, Clone)]
pub struct BatchSgp4 {
    reference: Vec<Sgp4>,
    epochs: Vec<Instant>,
    methods: Vec<Method>,
    /// `[satellite / BLOCK]`; the lanes of deep-space satellites are NaN.
    blocks: Vec<Coefficients<[f64; BLOCK]>>,
}

impl BatchSgp4 {
    /// Prepares each of `elements`.
    ///
    /// # Errors
    /// One [`Failure`] for each set of elements that is out of range.
    pub fn new(elements: &[Elements]) -> Result<Self, Vec<Failure>> {
        let blocks = vec![Coefficients::filled(f64::NAN); elements.len().div_ceil(BLOCK)];
        let mut batch = Self { reference: Vec::new(), epochs: Vec::new(), methods: Vec::new(), blocks };
        let mut failures = Vec::new();
        for (row, set) in elements.iter().enumerate() {
            if let Err(error) = batch.push(row, set) {
                failures.push(Failure { row, error });
            }
        }
        if failures.is_empty() { Ok(batch) } else { Err(failures) }
    }

    fn push(&mut self, row: usize, elements: &Elements) -> Result<(), Sgp4Error> {
        self.reference.push(Sgp4::new(elements)?);
        self.epochs.push(elements.epoch);
        let orbit = brouwer_elements(elements)?;
        let deep = orbit.mean_motion <= DEEP_SPACE_RAD_MIN;
        self.methods.push(if deep { Method::DeepSpace } else { Method::NearEarth });
        if !deep {
            self.blocks[row / BLOCK].set(row % BLOCK, &near_earth(&orbit, elements.drag_term.0));
        }
        Ok(())
    }

    /// Number of satellites.
    #[must_use]
    pub fn len(&self) -> usize {
        self.epochs.len()
    }

    /// Whether there are no satellites.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.epochs.is_empty()
    }

    /// Which way `satellite` is propagated.
    ///
    /// # Panics
    /// When `satellite` is not below the length.
    #[must_use]
    pub fn method(&self, satellite: usize) -> Method {
        self.methods[satellite]
    }

    /// Writes position and velocity (TEME) of one satellite at `start`, `start + step`, ... into `out`, `[time]`.
    ///
    /// # Errors
    /// The first [`Failure`] in time; the rows before it hold states, it and those after it NaN.
    ///
    /// # Panics
    /// When `satellite` is not below the length.
    pub fn propagate_series(
        &self,
        satellite: usize,
        start: Instant,
        step: Span,
        out: &mut StatesMut<'_>,
    ) -> Result<(), Failure> {
        let at = |row: usize| start + step * row as i64;
        let all_good = match self.methods[satellite] {
            Method::DeepSpace => {
                out.x.fill(Meters(f64::NAN));
                false
            }
            Method::NearEarth => widest(Series {
                coefficients: &(&self.blocks[satellite / BLOCK]).at(satellite % BLOCK),
                start_min: minutes(start - self.epochs[satellite]),
                step_min: minutes(step),
                out,
            }),
        };
        if all_good {
            return Ok(());
        }
        for row in 0..out.len() {
            if out.x[row].0.is_nan() {
                match self.reference[satellite].propagate(at(row)) {
                    Ok(state) => out.set(row, state),
                    Err(error) => {
                        out.clear_from(row);
                        return Err(Failure { row, error });
                    }
                }
            }
        }
        Ok(())
    }

    /// Writes position and velocity (TEME) of every satellite at `at` into `out`, `[satellite]`.
    ///
    /// # Errors
    /// One [`Failure`] for each satellite without a state; its row holds NaN.
    ///
    /// # Panics
    /// When `out` has not one row for each satellite.
    pub fn propagate_fleet(&self, at: Instant, out: &mut StatesMut<'_>) -> Result<(), Vec<Failure>> {
        assert_eq!(out.len(), self.len(), "rows of the output against satellites");
        let mut failures = Vec::new();
        if !widest(Fleet { blocks: &self.blocks, epochs: &self.epochs, at, out }) {
            for row in (0..out.len()).filter(|&row| out.x[row].0.is_nan()).collect::<Vec<_>>() {
                match self.reference[row].propagate(at) {
                    Ok(state) => out.set(row, state),
                    Err(error) => failures.push(Failure { row, error }),
                }
            }
        }
        if failures.is_empty() { Ok(()) } else { Err(failures) }
    }

    /// As [`BatchSgp4::propagate_series`] into new columns of `rows` rows.
    ///
    /// # Errors
    /// As [`BatchSgp4::propagate_series`].
    pub fn series(&self, satellite: usize, start: Instant, step: Span, rows: usize) -> Result<States, Failure> {
        let mut states = States::zeros(rows);
        self.propagate_series(satellite, start, step, &mut states.columns())?;
        Ok(states)
    }
}

fn minutes(span: Span) -> f64 {
    span.0 as f64 / MINUTE_NS
}

/// The coefficients of a near-Earth orbit (Vallado et al. 2006, `sgp4init`; B* enters C1, C4 and C5 here).
fn near_earth(orbit: &::sgp4::Orbit, drag_term: f64) -> Coefficients<f64> {
    let (e0, n0) = (orbit.eccentricity, orbit.mean_motion);
    let (sin_i, cos_i) = orbit.inclination.sin_cos();
    let cos2_i = cos_i * cos_i;
    let (con41, x1mth2) = (3.0 * cos2_i - 1.0, 1.0 - cos2_i);
    let a0 = (EARTH.ke / n0).powf(2.0 / 3.0);
    let omeosq = 1.0 - e0 * e0;
    let perigee = a0 * (1.0 - e0);
    let Density { s, tsi, eta, coef, coef1 } = density(a0, e0);
    let eta2 = eta * eta;
    let psisq = (1.0 - eta2).abs();

    let c1 = drag_term
        * coef1
        * n0
        * (a0 * (1.0 + 1.5 * eta2 + e0 * eta * (4.0 + eta2))
            + 0.375 * EARTH.j2 * tsi / psisq * con41 * (8.0 + 3.0 * eta2 * (8.0 + eta2)));
    let oblate = -3.0 * con41 * (1.0 - 2.0 * e0 * eta + eta2 * (1.5 - 0.5 * e0 * eta))
        + 0.75 * x1mth2 * (2.0 * eta2 - e0 * eta * (1.0 + eta2)) * (2.0 * orbit.argument_of_perigee).cos();
    let c4 = drag_term
        * 2.0
        * n0
        * coef1
        * a0
        * omeosq
        * (eta * (2.0 + 0.5 * eta2) + e0 * (0.5 + 2.0 * eta2) - EARTH.j2 * tsi / (a0 * psisq) * oblate);

    let secular = secular_rates(orbit, a0);
    let j3_over_j2 = EARTH.j3 / EARTH.j2;
    let one_plus_cos = if (1.0 + cos_i).abs() > 1.5e-12 { 1.0 + cos_i } else { 1.5e-12 };
    let mut coefficients = Coefficients {
        mean_anomaly: orbit.mean_anomaly,
        mean_anomaly_rate: secular.mean_anomaly,
        argument: orbit.argument_of_perigee,
        argument_rate: secular.argument,
        node: orbit.right_ascension,
        node_rate: secular.node,
        node_drag: 3.5 * omeosq * secular.node_first_order * c1,
        semi_major_axis: a0,
        eccentricity: e0,
        c1,
        c4,
        c5: 0.0,
        d2: 0.0,
        d3: 0.0,
        d4: 0.0,
        sin_mean_anomaly: orbit.mean_anomaly.sin(),
        eta,
        delmo: (1.0 + eta * orbit.mean_anomaly.cos()).powi(3),
        xmcof: 0.0,
        omgcof: 0.0,
        t2: n0 * 1.5 * c1,
        t3: 0.0,
        t4: 0.0,
        t5: 0.0,
        aycof: -0.5 * j3_over_j2 * sin_i,
        xlcof: -0.25 * j3_over_j2 * sin_i * (3.0 + 5.0 * cos_i) / one_plus_cos,
        con41,
        x1mth2,
        x7thm1: 7.0 * cos2_i - 1.0,
        cos_inclination: cos_i,
        sin_inclination: sin_i,
    };
    // Below 220 km of perigee the higher terms of drag are dropped.
    if perigee >= 220.0 / EARTH.ae + 1.0 {
        coefficients.c5 = 2.0 * drag_term * coef1 * a0 * omeosq * (1.0 + 2.75 * (eta2 + eta * e0) + e0 * eta * eta2);
        add_higher_drag(&mut coefficients, n0, s, tsi);
        if e0 > 1e-4 {
            coefficients.omgcof =
                -2.0 * drag_term * coef * tsi * j3_over_j2 * n0 * sin_i / e0 * orbit.argument_of_perigee.cos();
            coefficients.xmcof = -2.0 / 3.0 * coef * drag_term / (e0 * eta);
        }
    }
    coefficients
}

/// The power law of the atmosphere's density between s and q0, seen along the orbit.
struct Density {
    s: f64,
    tsi: f64,
    eta: f64,
    coef: f64,
    coef1: f64,
}

/// The altitude limit s is 78 km, or lower for a perigee below 156 km; q0 is 120 km.
fn density(a0: f64, e0: f64) -> Density {
    let perigee_height_km = (a0 * (1.0 - e0) - 1.0) * EARTH.ae;
    let s_km = if perigee_height_km < 98.0 { 20.0 } else { (perigee_height_km - 78.0).min(78.0) };
    let s = s_km / EARTH.ae + 1.0;
    let tsi = 1.0 / (a0 - s);
    let eta = a0 * e0 * tsi;
    let coef = ((120.0 - s_km) / EARTH.ae).powi(4) * tsi.powi(4);
    Density { s, tsi, eta, coef, coef1: coef / (1.0 - eta * eta).abs().powf(3.5) }
}

/// D2 to D4 and the powers of time in the mean longitude.
fn add_higher_drag(coefficients: &mut Coefficients<f64>, n0: f64, s: f64, tsi: f64) {
    let (a0, c1) = (coefficients.semi_major_axis, coefficients.c1);
    let c1_squared = c1 * c1;
    let d2 = 4.0 * a0 * tsi * c1_squared;
    let temp = d2 * tsi * c1 / 3.0;
    let d3 = (17.0 * a0 + s) * temp;
    let d4 = 0.5 * temp * a0 * tsi * (221.0 * a0 + 31.0 * s) * c1;
    (coefficients.d2, coefficients.d3, coefficients.d4) = (d2, d3, d4);
    coefficients.t3 = n0 * (d2 + 2.0 * c1_squared);
    coefficients.t4 = n0 * 0.25 * (3.0 * d3 + c1 * (12.0 * d2 + 10.0 * c1_squared));
    coefficients.t5 =
        n0 * 0.2 * (3.0 * d4 + 12.0 * c1 * d3 + 6.0 * d2 * d2 + 15.0 * c1_squared * (2.0 * d2 + c1_squared));
}

/// Secular rates by J2, J2 squared and J4, rad/min.
struct SecularRates {
    mean_anomaly: f64,
    argument: f64,
    node: f64,
    node_first_order: f64,
}

fn secular_rates(orbit: &::sgp4::Orbit, a0: f64) -> SecularRates {
    let cos_i = orbit.inclination.cos();
    let (cos2, cos4) = (cos_i * cos_i, cos_i.powi(4));
    let omeosq = 1.0 - orbit.eccentricity * orbit.eccentricity;
    let rteosq = omeosq.sqrt();
    let pinvsq = 1.0 / (a0 * omeosq).powi(2);
    let temp1 = 1.5 * EARTH.j2 * pinvsq * orbit.mean_motion;
    let temp2 = 0.5 * temp1 * EARTH.j2 * pinvsq;
    let temp3 = -0.46875 * EARTH.j4 * pinvsq * pinvsq * orbit.mean_motion;
    let node_first_order = -temp1 * cos_i;
    SecularRates {
        mean_anomaly: orbit.mean_motion
            + 0.5 * temp1 * rteosq * (3.0 * cos2 - 1.0)
            + 0.0625 * temp2 * rteosq * (13.0 - 78.0 * cos2 + 137.0 * cos4),
        argument: -0.5 * temp1 * (1.0 - 5.0 * cos2)
            + 0.0625 * temp2 * (7.0 - 114.0 * cos2 + 395.0 * cos4)
            + temp3 * (3.0 - 36.0 * cos2 + 49.0 * cos4),
        node: node_first_order + (0.5 * temp2 * (4.0 - 19.0 * cos2) + 2.0 * temp3 * (3.0 - 7.0 * cos2)) * cos_i,
        node_first_order,
    }
}

/// One satellite at many times.
struct Series<'a, 'b> {
    coefficients: &'a Coefficients<f64>,
    start_min: f64,
    step_min: f64,
    out: &'a mut StatesMut<'b>,
}

impl Kernel for Series<'_, '_> {
    /// Whether every row has a state.
    type Output = bool;

    #[inline(always)]
    fn run(self) -> bool {
        let mut all_good = true;
        for first in (0..self.out.len()).step_by(BLOCK) {
            let mut time = [0.0; BLOCK];
            for (lane, time) in time.iter_mut().enumerate() {
                *time = ((first + lane) as u32 as f64).mul_add(self.step_min, self.start_min);
            }
            all_good &= propagate_block(self.coefficients, &time).write(first, self.out);
        }
        all_good
    }
}

/// Many satellites at one time.
struct Fleet<'a, 'b> {
    blocks: &'a [Coefficients<[f64; BLOCK]>],
    epochs: &'a [Instant],
    at: Instant,
    out: &'a mut StatesMut<'b>,
}

impl Kernel for Fleet<'_, '_> {
    /// Whether every row has a state.
    type Output = bool;

    #[inline(always)]
    fn run(self) -> bool {
        let mut all_good = true;
        for (index, (block, epochs)) in self.blocks.iter().zip(self.epochs.chunks(BLOCK)).enumerate() {
            let mut time = [0.0; BLOCK];
            for (time, epoch) in time.iter_mut().zip(epochs) {
                *time = (self.at - *epoch).0 as f64 / MINUTE_NS;
            }
            all_good &= propagate_block(block, &time).write(index * BLOCK, self.out);
        }
        all_good
    }
}

/// Positions (m) and velocities (m/s) of a block; NaN where the kernel is not sure.
struct Block {
    position: [[f64; BLOCK]; 3],
    velocity: [[f64; BLOCK]; 3],
}

impl Block {
    /// Copies the rows that `out` has from `first` on; whether all of them are numbers.
    #[inline(always)]
    fn write(&self, first: usize, out: &mut StatesMut<'_>) -> bool {
        let rows = BLOCK.min(out.len() - first);
        let range = first..first + rows;
        for (column, values) in [&mut *out.x, &mut *out.y, &mut *out.z].into_iter().zip(&self.position) {
            for (to, from) in column[range.clone()].iter_mut().zip(values) {
                *to = Meters(*from);
            }
        }
        for (column, values) in [&mut *out.vx, &mut *out.vy, &mut *out.vz].into_iter().zip(&self.velocity) {
            for (to, from) in column[range.clone()].iter_mut().zip(values) {
                *to = MetersPerSecond(*from);
            }
        }
        self.position[0][..rows].iter().fold(0u64, |bad, x| bad | u64::from(x.is_nan())) == 0
    }
}

/// Mean orbit of a block after secular and drag effects, with the long-period terms.
struct Mean {
    semi_major_axis: [f64; BLOCK],
    /// e cos w, and e sin w with its long-period term.
    axn: [f64; BLOCK],
    ayn: [f64; BLOCK],
    /// Mean anomaly plus argument of perigee.
    longitude: [f64; BLOCK],
    node: [f64; BLOCK],
}

#[inline(always)]
fn propagate_block(source: impl Source, time: &[f64; BLOCK]) -> Block {
    let mean = mean_orbit(source, time);
    let (sine, cosine) = solve_kepler(&mean);
    short_period(source, &mean, &sine, &cosine)
}

#[inline(always)]
fn mean_orbit(source: impl Source, time: &[f64; BLOCK]) -> Mean {
    let zero = [0.0; BLOCK];
    let mut mean = Mean { semi_major_axis: zero, axn: zero, ayn: zero, longitude: zero, node: zero };
    for lane in 0..BLOCK {
        let (c, t) = (source.at(lane), time[lane]);
        let undragged = c.mean_anomaly_rate.mul_add(t, c.mean_anomaly);
        let bulge = c.eta.mul_add(cos(undragged), 1.0);
        let shift = c.xmcof.mul_add(bulge * bulge * bulge - c.delmo, c.omgcof * t);
        let anomaly = undragged + shift;
        let argument = c.argument_rate.mul_add(t, c.argument) - shift;
        let shrink = 1.0 - t * t.mul_add(t.mul_add(t.mul_add(c.d4, c.d3), c.d2), c.c1);
        let circularised = c.c4.mul_add(t, c.c5 * (sin(anomaly) - c.sin_mean_anomaly));
        let eccentricity = c.eccentricity - circularised;
        let in_range = (-0.001..1.0).contains(&eccentricity);
        let e = if eccentricity > 1e-6 { eccentricity } else { 1e-6 };
        let advance = t * t * t.mul_add(t.mul_add(t.mul_add(c.t5, c.t4), c.t3), c.t2);
        let a = c.semi_major_axis * (shrink * shrink);
        let per_rectum = 1.0 / (a * (-e).mul_add(e, 1.0));
        let (sin_argument, cos_argument) = sin_cos(argument);
        let axn = e * cos_argument;
        mean.semi_major_axis[lane] = if in_range { a } else { f64::NAN };
        mean.axn[lane] = axn;
        mean.ayn[lane] = per_rectum.mul_add(c.aycof, e * sin_argument);
        mean.longitude[lane] = (per_rectum * c.xlcof).mul_add(axn, anomaly + advance + argument);
        mean.node[lane] = c.node_drag.mul_add(t, c.node_rate).mul_add(t, c.node);
    }
    mean
}

/// Sine and cosine of the eccentric anomaly plus the argument of perigee, E + w, from
/// E + w - axn sin(E + w) + ayn cos(E + w) = longitude.
///
/// Each step turns (sine, cosine) by the reversed Taylor series of third order; a lane that has converged stands still, so
/// that its bits do not depend on its neighbours.
#[inline(always)]
fn solve_kepler(mean: &Mean) -> ([f64; BLOCK], [f64; BLOCK]) {
    let (mut sine, mut cosine) = ([0.0; BLOCK], [0.0; BLOCK]);
    // How far E + w is from the longitude, and whether a lane still moves.
    let (mut turned, mut moving) = ([0.0; BLOCK], [1.0; BLOCK]);
    for lane in 0..BLOCK {
        (sine[lane], cosine[lane]) = sin_cos(mean.longitude[lane]);
    }
    for _ in 0..KEPLER_STEPS_MAX {
        let mut still_moving = 0u64;
        for lane in 0..BLOCK {
            let (s, c) = (sine[lane], cosine[lane]);
            let (axn, ayn) = (mean.axn[lane], mean.ayn[lane]);
            let second = axn.mul_add(s, -(ayn * c));
            let third = axn.mul_add(c, ayn * s);
            let per_slope = 1.0 / (1.0 - third);
            let newton = (turned[lane] - second) * per_slope;
            let (a, b) = (0.5 * second * per_slope, third * per_slope * (1.0 / 6.0));
            let series = newton * newton.mul_add(newton.mul_add((2.0 * a).mul_add(a, -b), a), 1.0);
            let near = newton.abs() < 0.3;
            let limited = if newton > 0.75 { 0.75 } else { newton };
            let limited = if limited < -0.75 { -0.75 } else { limited };
            let step = -moving[lane] * if near { series } else { limited };
            let (sin_step, cos_step) = sin_cos_near_zero(step);
            sine[lane] = s.mul_add(cos_step, c * sin_step);
            cosine[lane] = c.mul_add(cos_step, -(s * sin_step));
            turned[lane] += step;
            let moves = step.abs() > KEPLER_STEP_RAD;
            moving[lane] = if moves { 1.0 } else { 0.0 };
            still_moving |= u64::from(moves);
        }
        if still_moving == 0 {
            break;
        }
    }
    (sine, cosine)
}

/// Sine and cosine of a small angle, to 1e-15 below 0.01 rad.
#[inline(always)]
fn small_sin_cos(x: f64) -> (f64, f64) {
    let square = x * x;
    let sine = (x * square).mul_add(square.mul_add(1.0 / 120.0, -1.0 / 6.0), x);
    (sine, square.mul_add(square.mul_add(1.0 / 24.0, -0.5), 1.0))
}

/// Adds the short-period terms and turns the orbit plane into TEME.
#[inline(always)]
fn short_period(source: impl Source, mean: &Mean, sine: &[f64; BLOCK], cosine: &[f64; BLOCK]) -> Block {
    const SPEED_M_S: f64 = EARTH_RADIUS_KM * 1e3 / 60.0;
    let mut block = Block { position: [[0.0; BLOCK]; 3], velocity: [[0.0; BLOCK]; 3] };
    for lane in 0..BLOCK {
        let k = source.at(lane);
        let (s, c, a) = (sine[lane], cosine[lane], mean.semi_major_axis[lane]);
        let (axn, ayn) = (mean.axn[lane], mean.ayn[lane]);
        let e_sin = axn.mul_add(s, -(ayn * c));
        let e_cos = axn.mul_add(c, ayn * s);
        let squeeze = 1.0 - axn.mul_add(axn, ayn * ayn);
        let beta = squeeze.sqrt();
        let rectum = a * squeeze;
        let radius = a * (1.0 - e_cos);
        let (per_rectum, per_radius) = (1.0 / rectum, 1.0 / radius);
        let fold = e_sin / (1.0 + beta);
        let sin_u = a * per_radius * (-axn).mul_add(fold, s - ayn);
        let cos_u = a * per_radius * ayn.mul_add(fold, c - axn);
        let sin_2u = 2.0 * sin_u * cos_u;
        let cos_2u = (-2.0 * sin_u).mul_add(sin_u, 1.0);

        let first = 0.5 * EARTH.j2 * per_rectum;
        let second = first * per_rectum;
        let true_radius = radius.mul_add((-1.5 * second * beta).mul_add(k.con41, 1.0), 0.5 * first * k.x1mth2 * cos_2u);
        let root_a = a.sqrt();
        // n / ke = a^(-3/2).
        let wobble = first / (a * root_a);
        let radial = (root_a * e_sin).mul_add(per_radius, -(wobble * k.x1mth2 * sin_2u));
        let along = (root_a * beta).mul_add(per_radius, wobble * k.x1mth2.mul_add(cos_2u, 1.5 * k.con41));

        let (sin_du, cos_du) = small_sin_cos(-0.25 * second * k.x7thm1 * sin_2u);
        let (sin_uk, cos_uk) = (sin_u.mul_add(cos_du, cos_u * sin_du), cos_u.mul_add(cos_du, -(sin_u * sin_du)));
        let tilt = 1.5 * second * k.cos_inclination;
        let (sin_di, cos_di) = small_sin_cos(tilt * k.sin_inclination * cos_2u);
        let sin_ik = k.sin_inclination.mul_add(cos_di, k.cos_inclination * sin_di);
        let cos_ik = k.cos_inclination.mul_add(cos_di, -(k.sin_inclination * sin_di));
        let (sin_node, cos_node) = sin_cos(tilt.mul_add(sin_2u, mean.node[lane]));

        let sure = (rectum > SEMILATUS_RECTUM_MIN) & (true_radius >= 1.0);
        let length_m = if sure { true_radius * (EARTH_RADIUS_KM * 1e3) } else { f64::NAN };
        let (across_x, across_y) = (-sin_node * cos_ik, cos_node * cos_ik);
        let out =
            [across_x.mul_add(sin_uk, cos_node * cos_uk), across_y.mul_add(sin_uk, sin_node * cos_uk), sin_ik * sin_uk];
        let ahead = [
            across_x.mul_add(cos_uk, -(cos_node * sin_uk)),
            across_y.mul_add(cos_uk, -(sin_node * sin_uk)),
            sin_ik * cos_uk,
        ];
        for axis in 0..3 {
            block.position[axis][lane] = length_m * out[axis];
            block.velocity[axis][lane] = (SPEED_M_S * EARTH.ke) * radial.mul_add(out[axis], along * ahead[axis]);
        }
    }
    block
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elements::{CatalogNumber, DragTerm, MeanMotion};
    use crate::sgp4::tests::{code, distance, verification_cases};
    use crate::state::State;
    use sunward_units::random::{Purpose, Stream};
    use sunward_units::{Radians, Ratio, Seconds};

    /// Orbits from 250 km up to the limit of deep space, of any inclination, with drag from none to strong.
    fn random_elements(count: u32) -> Vec<Elements> {
        let epoch = Instant::from_utc_text("2026-07-26T04:00:00Z").unwrap();
        let one = |entity: u32| {
            let stream = Stream::new(7, entity, Purpose::Study);
            let draw = |index, low: f64, high: f64| low + (high - low) * stream.uniform(index);
            // Perigee 250-2000 km; apogee no higher than the deep-space limit allows.
            let perigee = draw(0, 1.04, 1.31);
            let apogee = perigee + draw(1, 0.0, 1.0).powi(3) * (3.8 - 2.0 * perigee);
            let a = 0.5 * (perigee + apogee);
            Elements {
                name: None,
                catalog_number: CatalogNumber(entity),
                designator: None,
                epoch: epoch + Span::SECOND * i64::from(entity),
                mean_motion: MeanMotion(EARTH.ke / (a * a.sqrt()) / 60.0),
                eccentricity: Ratio((apogee - perigee) / (apogee + perigee)),
                inclination: Radians(draw(2, 0.0, std::f64::consts::PI)),
                right_ascension: Radians(draw(3, 0.0, std::f64::consts::TAU)),
                argument_of_perigee: Radians(draw(4, 0.0, std::f64::consts::TAU)),
                mean_anomaly: Radians(draw(5, 0.0, std::f64::consts::TAU)),
                drag_term: DragTerm(draw(6, -1.0, 1.0).powi(3) * 1e-3),
            }
        };
        (0..count).map(one).collect()
    }

    fn as_row(state: &State) -> [f64; 7] {
        let (position, velocity) = (state.position.map(|m| m.0 / 1e3), state.velocity.map(|v| v.0 / 1e3));
        [0.0, position[0], position[1], position[2], velocity[0], velocity[1], velocity[2]]
    }

    fn assert_agree(got: &State, expected: &State, what: &str) {
        let (km, km_s) = distance(got, &as_row(expected));
        assert!(km < 1e-6 && km_s < 1e-9, "{what}: {km} km, {km_s} km/s");
    }

    #[test]
    fn kernel_agrees_with_every_near_earth_verification_case() {
        let cases = verification_cases();
        let elements: Vec<Elements> = cases.iter().map(|case| case.elements.clone()).collect();
        let batch = BatchSgp4::new(&elements).unwrap();
        let near = (0..cases.len()).filter(|&k| batch.method(k) == Method::NearEarth);
        assert_eq!(near.clone().count(), 9);
        for satellite in near {
            for row in &cases[satellite].states {
                let at = elements[satellite].epoch + Span::from_seconds(Seconds(row[0] * 60.0));
                let state = batch.series(satellite, at, Span::MINUTE, 1).unwrap().get(0);
                let (km, km_s) = distance(&state, row);
                assert!(km < 1e-6 && km_s < 2e-9, "{}: {km} km, {km_s} km/s", elements[satellite].catalog_number);
            }
        }
    }

    #[test]
    fn kernel_agrees_with_the_reference_on_random_orbits() {
        let elements = random_elements(500);
        let batch = BatchSgp4::new(&elements).unwrap();
        let mut compared = 0;
        for (satellite, set) in elements.iter().enumerate() {
            assert_eq!(batch.method(satellite), Method::NearEarth);
            let (start, step, rows) = (set.epoch - Span::DAY * 30, Span::MINUTE * 487, 177);
            let mut states = States::zeros(rows);
            let outcome = batch.propagate_series(satellite, start, step, &mut states.columns());
            let good = outcome.err().map_or(rows, |failure| failure.row);
            let reference = Sgp4::new(set).unwrap();
            for row in 0..good {
                let expected = reference.propagate(start + step * row as i64).unwrap();
                assert_agree(&states.get(row), &expected, &format!("satellite {satellite} row {row} {set:?}"));
            }
            compared += good;
        }
        assert!(compared > 75_000, "{compared}");
    }

    /// The same time and satellite give the same bits from a series, from a fleet and alone.
    #[test]
    fn a_row_does_not_depend_on_its_neighbours() {
        let elements = random_elements(130);
        let batch = BatchSgp4::new(&elements).unwrap();
        let at = elements[0].epoch + Span::HOUR;
        let mut fleet = States::zeros(130);
        batch.propagate_fleet(at, &mut fleet.columns()).unwrap();
        for satellite in 0..130 {
            let series = batch.series(satellite, at, Span::MINUTE, 100).unwrap();
            assert_eq!(series.get(0), fleet.get(satellite));
            let later = batch.series(satellite, at + Span::MINUTE * 70, Span::MINUTE, 1).unwrap();
            assert_agree(&later.get(0), &series.get(70), "start elsewhere");
        }
    }

    #[test]
    fn every_vector_width_gives_the_same_bits() {
        let elements = random_elements(3);
        let batch = BatchSgp4::new(&elements).unwrap();
        let (mut wide, mut plain) = (States::zeros(300), States::zeros(300));
        batch.propagate_series(2, elements[2].epoch, Span::MINUTE, &mut wide.columns()).unwrap();
        let coefficients = &(&batch.blocks[0]).at(2);
        let all_good = Series { coefficients, start_min: 0.0, step_min: 1.0, out: &mut plain.columns() }.run();
        assert!(all_good);
        assert_eq!(wide, plain);
    }

    #[test]
    fn deep_space_rows_are_those_of_the_reference() {
        let cases = verification_cases();
        let elements = [cases[0].elements.clone(), cases[3].elements.clone()];
        let batch = BatchSgp4::new(&elements).unwrap();
        assert_eq!([batch.method(0), batch.method(1)], [Method::NearEarth, Method::DeepSpace]);
        let at = elements[1].epoch + Span::HOUR * 5;
        let expected = Sgp4::new(&elements[1]).unwrap().propagate(at).unwrap();
        assert_eq!(batch.series(1, at, Span::DAY, 3).unwrap().get(0), expected);
        let mut fleet = States::zeros(2);
        batch.propagate_fleet(at, &mut fleet.columns()).unwrap();
        assert_eq!(fleet.get(1), expected);
    }

    #[test]
    fn errors_are_those_of_the_reference() {
        let failing: Vec<_> = verification_cases().into_iter().filter(|case| case.error.is_some()).collect();
        let elements: Vec<Elements> = failing.iter().map(|case| case.elements.clone()).collect();
        let batch = BatchSgp4::new(&elements).unwrap();
        for (satellite, case) in failing.iter().enumerate() {
            let (after, expected) = case.error.unwrap();
            let at = elements[satellite].epoch + after;
            let mut states = States::zeros(3);
            let failure = batch.propagate_series(satellite, at, Span::MINUTE, &mut states.columns()).unwrap_err();
            assert_eq!((failure.row, code(&failure.error)), (0, expected));
            assert!((0..3).all(|row| states.get(row).radius().0.is_nan() && states.vz[row].0.is_nan()));
        }
        let at = elements[0].epoch;
        let failures = batch.propagate_fleet(at, &mut States::zeros(elements.len()).columns()).unwrap_err();
        assert!(
            failures.iter().all(|failure| failure.error == batch.reference[failure.row].propagate(at).unwrap_err())
        );
        let mut wrong = random_elements(4);
        wrong[1].eccentricity = Ratio(-0.1);
        wrong[3].mean_motion = MeanMotion(0.0);
        let rows: Vec<String> = BatchSgp4::new(&wrong).unwrap_err().iter().map(Failure::to_string).collect();
        assert_eq!(
            rows,
            ["row 1: eccentricity -0.1 is outside 0..1", "row 3: mean motion (rad/s) 0 is outside above 0"]
        );
    }
}
