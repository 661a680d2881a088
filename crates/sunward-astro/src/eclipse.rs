//! The Earth's shadow on satellites: how much of the Sun's disc shows, and when exactly a satellite enters and leaves.
//!
//! Two cones touch the Sun and the occulting body: the umbra, where no part of the Sun shows, and the penumbra, where a
//! part does. With `x = -r . s` the way down-Sun, `rho = |r + x s|` the distance from the axis, D the Sun's distance:
//!
//! `sin a_p = (R_sun + R) / D`, in the penumbra: `rho cos a_p - x sin a_p < R`,
//! `sin a_u = (R_sun - R) / D`, in the umbra: `rho cos a_u + x sin a_u < R`, both for `x > 0`.
//!
//! **Source**: Montenbruck & Gill 2000, "Satellite Orbits", section 3.4.2 (cones, and the overlap of two discs); Escobal
//! 1965, "Methods of Orbit Determination", section 5 (the shadow); Neta & Vallado 1998, J. Astronaut. Sci. 46:29 (the
//! stretched axis that turns the ellipsoid into a sphere).
//!
//! **Modelled**: the finite Sun, and with [`Occulter::EARTH`] the Earth's flattening (up to 21 km of shadow radius, 6 s
//! of an edge in low orbit; stretching z also stretches the Sun's disc, by 0.3 %).
//! **Not modelled**: refraction and absorption in the atmosphere (which blur the edge of the shadow over some ten
//! kilometres), limb darkening of the Sun (the disc is uniform), the Moon's shadow on the satellite, light reflected from
//! the Earth.

use std::f64::consts::PI;

use sunward_units::{Meters, Radians, Ratio};

use crate::ephemeris::{Ephemeris, Grid, Place};
use crate::frames::{EARTH_EQUATORIAL_RADIUS, EARTH_FLATTENING};
use crate::intervals::{Watched, positive_intervals};
use crate::sun::{SUN_RADIUS, Sighting, SightingSeries};
use crate::time::{Instant, Span};
use crate::vector::{angle, dot, minus, norm, scaled};

/// A body that hides the Sun: a sphere, or an ellipsoid flattened along z.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Occulter {
    /// Radius at the equator.
    pub radius: Meters,
    /// Flattening, 1 - polar / equatorial radius.
    pub flattening: Ratio,
}

impl Occulter {
    /// The Earth's WGS84 ellipsoid.
    pub const EARTH: Self = Self { radius: EARTH_EQUATORIAL_RADIUS, flattening: Ratio(EARTH_FLATTENING) };
    /// A sphere of the Earth's equatorial radius, as most shadow models have it.
    pub const EARTH_SPHERE: Self = Self { radius: EARTH_EQUATORIAL_RADIUS, flattening: Ratio(0.0) };
    /// A sphere of the Moon's mean radius; positions are then relative to the Moon's centre.
    pub const MOON: Self = Self { radius: crate::moon::MOON_RADIUS, flattening: Ratio(0.0) };
}

/// A satellite's way through the shadow. One in progress at an end of the ephemeris is cut there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Eclipse {
    /// The first part of the Sun's disc disappears.
    pub penumbra_in: Instant,
    /// The whole disc is gone: from, to. `None` when a part of the Sun always shows.
    pub umbra: Option<(Instant, Instant)>,
    /// The whole disc shows again.
    pub penumbra_out: Instant,
}

impl Eclipse {
    /// From the first to the last touch of the penumbra.
    #[must_use]
    pub fn duration(&self) -> Span {
        self.penumbra_out - self.penumbra_in
    }
}

/// The two cones at one moment, in axes stretched so that the occulter is a sphere.
#[derive(Clone, Copy)]
struct Cones {
    stretch: f64,
    radius_m: f64,
    sun_m: [f64; 3],
    sun: [f64; 3],
    sin_penumbra: f64,
    cos_penumbra: f64,
    sin_umbra: f64,
    cos_umbra: f64,
}

impl Cones {
    #[inline]
    fn new(occulter: Occulter, direction: [f64; 3], distance_m: f64) -> Self {
        let stretch = 1.0 / (1.0 - occulter.flattening.0);
        let radius_m = occulter.radius.0;
        let sun_m = [distance_m * direction[0], distance_m * direction[1], distance_m * direction[2] * stretch];
        let sun_distance_m = norm(sun_m);
        let sin_penumbra = (SUN_RADIUS.0 + radius_m) / sun_distance_m;
        let sin_umbra = (SUN_RADIUS.0 - radius_m) / sun_distance_m;
        Self {
            stretch,
            radius_m,
            sun_m,
            sun: scaled(sun_m, 1.0 / sun_distance_m),
            sin_penumbra,
            cos_penumbra: (1.0 - sin_penumbra * sin_penumbra).sqrt(),
            sin_umbra,
            cos_umbra: (1.0 - sin_umbra * sin_umbra).sqrt(),
        }
    }

    /// Cylinder coordinates around the shadow's axis: (down-Sun, off axis), m.
    #[inline]
    fn axial(&self, position_m: [f64; 3]) -> (f64, f64) {
        let x = -dot(position_m, self.sun);
        (x, (dot(position_m, position_m) - x * x).max(0.0).sqrt())
    }

    /// Depth inside the penumbra's cone, m; positive in the shadow.
    #[inline]
    fn penumbra_depth_m(&self, (x, off_axis): (f64, f64)) -> f64 {
        x.min(self.radius_m + x * self.sin_penumbra - off_axis * self.cos_penumbra)
    }

    /// Depth inside the umbra's cone, m; positive in the shadow.
    #[inline]
    fn umbra_depth_m(&self, (x, off_axis): (f64, f64)) -> f64 {
        x.min(self.radius_m - x * self.sin_umbra - off_axis * self.cos_umbra)
    }

    #[inline]
    fn stretched(&self, [x, y, z]: [f64; 3]) -> [f64; 3] {
        [x, y, z * self.stretch]
    }

    /// Share of the Sun's disc that shows.
    #[inline]
    fn illuminated(&self, position_m: [f64; 3]) -> f64 {
        let position_m = self.stretched(position_m);
        let axial = self.axial(position_m);
        if self.penumbra_depth_m(axial) <= 0.0 {
            1.0
        } else if self.umbra_depth_m(axial) >= 0.0 {
            0.0
        } else {
            self.visible_disc(position_m)
        }
    }

    /// Share of the Sun's disc that the occulter leaves free, by the overlap of two circles on the observer's sky.
    ///
    /// A stereographic projection centred on the Sun keeps both limbs exact circles, however large the occulter looks.
    fn visible_disc(&self, position_m: [f64; 3]) -> f64 {
        let to_sun = minus(self.sun_m, position_m);
        let sun_angle = (SUN_RADIUS.0 / norm(to_sun)).asin();
        let body_angle = (self.radius_m / norm(position_m)).asin();
        let separation = angle(to_sun, scaled(position_m, -1.0));
        let projected = |angle: f64| 2.0 * (angle / 2.0).tan();
        let (near, far) = (projected(separation - body_angle), projected(separation + body_angle));
        let a = projected(sun_angle);
        1.0 - overlap(a, (far - near) / 2.0, (far + near) / 2.0) / (PI * a * a)
    }
}

/// Area common to two circles of radii `a` and `b` whose centres are `c` apart.
fn overlap(a: f64, b: f64, c: f64) -> f64 {
    if c >= a + b {
        return 0.0;
    }
    if c <= (a - b).abs() {
        return PI * a.min(b).powi(2);
    }
    let x = (c * c + a * a - b * b) / (2.0 * c);
    let y = (a * a - x * x).max(0.0).sqrt();
    a * a * y.atan2(x) + b * b * y.atan2(c - x) - c * y
}

/// Share of the Sun's disc that shows at a position (from the occulter's centre, in the axes of the Sun's direction).
///
/// 1 in full sunlight, 0 in the umbra; beyond the umbra's tip (1.4 million km from the Earth) the ring that remains.
///
/// # Panics
/// When the position lies inside the occulter's equatorial radius by more than its flattening explains.
#[must_use]
pub fn illuminated_fraction(occulter: Occulter, position: [Meters; 3], sun: Sighting) -> Ratio {
    let position_m = position.map(|component| component.0);
    let cones = Cones::new(occulter, sun.direction, sun.distance.0);
    let height_m = norm(cones.stretched(position_m)) - occulter.radius.0;
    assert!(height_m >= -1.0, "position {position_m:?} m is {} m below the surface", -height_m);
    Ratio(cones.illuminated(position_m))
}

/// Illuminated share of the Sun's disc at every instant of an ephemeris, written to `out`; columns `[time]`.
///
/// # Panics
/// When the Sun's grid is not the ephemeris's, or `out` has another length.
pub fn illuminated_fractions(occulter: Occulter, satellite: &Ephemeris, sun: &SightingSeries, out: &mut [f64]) {
    assert_eq!(satellite.grid(), sun.grid, "the Sun and the satellite stand on different grids");
    assert_eq!(out.len(), sun.grid.count(), "length of the output");
    for (index, share) in out.iter_mut().enumerate() {
        let cones = Cones::new(occulter, [sun.x[index], sun.y[index], sun.z[index]], sun.distance_m[index]);
        *share = cones.illuminated(satellite.position_m(index));
    }
}

/// The satellite and the Sun between grid points.
struct Scene<'a> {
    occulter: Occulter,
    satellite: &'a Ephemeris,
    sun: &'a SightingSeries,
}

impl Scene<'_> {
    /// The Sun turns by 1e-5 rad in a step of minutes: a straight line between its grid points is exact to 1e-10.
    #[inline]
    fn cones(&self, Place { step, share }: Place) -> Cones {
        let sun = self.sun;
        let between = |column: &[f64]| column[step] + share * (column[step + 1] - column[step]);
        Cones::new(self.occulter, [between(&sun.x), between(&sun.y), between(&sun.z)], between(&sun.distance_m))
    }

    fn illuminated(&self, place: Place) -> f64 {
        self.cones(place).illuminated(self.satellite.between(place).0)
    }
}

/// One of the two cones, as the function whose positive intervals are the passages through it.
struct Cone<'a> {
    scene: Scene<'a>,
    umbra: bool,
}

impl Cone<'_> {
    #[inline]
    fn depth(&self, cones: &Cones, position_m: [f64; 3]) -> f64 {
        let axial = cones.axial(cones.stretched(position_m));
        if self.umbra { cones.umbra_depth_m(axial) } else { cones.penumbra_depth_m(axial) }
    }
}

impl Watched for Cone<'_> {
    #[inline]
    fn at_point(&self, index: usize) -> f64 {
        let seen = self.scene.sun.sighting(index);
        let cones = Cones::new(self.scene.occulter, seen.direction, seen.distance.0);
        self.depth(&cones, self.scene.satellite.position_m(index))
    }

    #[inline]
    fn value(&self, place: Place) -> f64 {
        self.depth(&self.scene.cones(place), self.scene.satellite.between(place).0)
    }

    /// With the Sun at rest, `d rho / dt = (r . v - x x') / rho`; times rho, which is positive.
    #[inline]
    fn slope(&self, place: Place) -> f64 {
        let cones = self.scene.cones(place);
        let (position_m, velocity_m_s) = self.scene.satellite.between(place);
        let (position_m, velocity_m_s) = (cones.stretched(position_m), cones.stretched(velocity_m_s));
        let (x, off_axis) = cones.axial(position_m);
        let x_rate = -dot(velocity_m_s, cones.sun);
        let (sin, cos) =
            if self.umbra { (-cones.sin_umbra, cones.cos_umbra) } else { (cones.sin_penumbra, cones.cos_penumbra) };
        off_axis * x_rate * sin - (dot(position_m, velocity_m_s) - x * x_rate) * cos
    }
}

/// Every passage of a satellite through the shadow, with its edges to better than a millisecond of the ephemeris.
///
/// No passage is lost, however short, as long as a step is shorter than about a tenth of a revolution.
///
/// # Panics
/// When the Sun's grid is not the ephemeris's.
#[must_use]
pub fn eclipses(occulter: Occulter, satellite: &Ephemeris, sun: &SightingSeries) -> Vec<Eclipse> {
    let grid = satellite.grid();
    assert_eq!(grid, sun.grid, "the Sun and the satellite stand on different grids");
    let reach_m = reach_m(occulter, satellite);
    let cone = |umbra| Cone { scene: Scene { occulter, satellite, sun }, umbra };
    let umbras = positive_intervals(&cone(true), grid.steps(), reach_m);
    let mut umbras = umbras.into_iter().map(|(begin, end)| (grid.at(begin), grid.at(end))).peekable();
    let penumbras = positive_intervals(&cone(false), grid.steps(), reach_m);
    penumbras
        .into_iter()
        .map(|(begin, end)| {
            let (penumbra_in, penumbra_out) = (grid.at(begin), grid.at(end));
            Eclipse { penumbra_in, umbra: umbras.next_if(|umbra| umbra.0 <= penumbra_out), penumbra_out }
        })
        .collect()
}

/// The most a depth can change in a step: the satellite's way, plus the shadow's own turning at 2e-7 rad/s.
fn reach_m(occulter: Occulter, satellite: &Ephemeris) -> f64 {
    // Speeds between grid points exceed those at them by less than 5 % on any orbit that a step resolves.
    let speed_m_s = 1.05 * satellite.speed_max_m_s() / (1.0 - occulter.flattening.0);
    satellite.grid().step_s() * (speed_m_s + 2.1e-7 * satellite.radius_max_m())
}

/// Mean illuminated share of the Sun's disc over each step, edges honoured, written to `out`; column `[step]`.
///
/// `eclipses` are those of [`eclipses`]. Steps are exact in sunlight and umbra; the penumbra's parts are integrated with
/// five Gauss points each (1e-4 of the step).
///
/// # Panics
/// When the Sun's grid is not the ephemeris's, or `out` has not one value a step.
pub fn sunlit_fraction_of_steps(
    occulter: Occulter,
    satellite: &Ephemeris,
    sun: &SightingSeries,
    eclipses: &[Eclipse],
    out: &mut [f64],
) {
    let grid = satellite.grid();
    assert_eq!(grid, sun.grid, "the Sun and the satellite stand on different grids");
    assert_eq!(out.len(), grid.steps(), "length of the output");
    let scene = Scene { occulter, satellite, sun };
    let dimmed = |place: Place| 1.0 - scene.illuminated(place);
    out.fill(1.0);
    for eclipse in eclipses {
        let (umbra_in, umbra_out) = eclipse.umbra.unwrap_or((eclipse.penumbra_out, eclipse.penumbra_out));
        darken(grid, (eclipse.penumbra_in, umbra_in), dimmed, out);
        darken(grid, (umbra_in, umbra_out), |_| 1.0, out);
        darken(grid, (umbra_out, eclipse.penumbra_out), dimmed, out);
    }
}

/// Takes the integral of `darkness` from one instant to another off the mean of each step it touches.
fn darken(grid: Grid, (from, to): (Instant, Instant), darkness: impl Fn(Place) -> f64, out: &mut [f64]) {
    let (Some(first), Some(last)) = (grid.locate(from), grid.locate(to)) else { return };
    for (step, light) in out.iter_mut().enumerate().take(last.step + 1).skip(first.step) {
        let begin = if step == first.step { first.share } else { 0.0 };
        let end = if step == last.step { last.share } else { 1.0 };
        let at = |node: f64| Place { step, share: begin + (end - begin) * node };
        let mean: f64 = GAUSS.iter().map(|&(node, weight)| weight * darkness(at(node))).sum();
        *light -= (end - begin) * mean;
    }
}

/// Nodes and weights of five-point Gauss-Legendre quadrature on 0..1 (Abramowitz & Stegun 1964, table 25.4).
const GAUSS: [(f64, f64); 5] = [
    (0.046_910_077_030_668, 0.118_463_442_528_095),
    (0.230_765_344_947_158, 0.239_314_335_249_683),
    (0.5, 0.284_444_444_444_444),
    (0.769_234_655_052_842, 0.239_314_335_249_683),
    (0.953_089_922_969_332, 0.118_463_442_528_095),
];

/// Share of a circular orbit spent in a cylindrical shadow of the Earth's equatorial radius.
///
/// `f = acos( sqrt(h^2 + 2 R h) / ((R + h) cos beta) ) / pi`, 0 from the critical beta angle on.
/// **Source**: Vallado 2013, "Fundamentals of Astrodynamics", section 5.3. Spherical Earth, Sun at infinity.
///
/// ```
/// use sunward_astro::eclipse::circular_eclipse_fraction;
/// use sunward_units::{Meters, Radians};
/// assert!((circular_eclipse_fraction(Meters(650e3), Radians(0.0)).0 - 0.3620).abs() < 5e-5);
/// ```
#[must_use]
pub fn circular_eclipse_fraction(altitude: Meters, beta: Radians) -> Ratio {
    let (h, radius) = (altitude.0, EARTH_EQUATORIAL_RADIUS.0);
    let cosine = (h * h + 2.0 * radius * h).sqrt() / ((radius + h) * beta.0.cos().abs());
    Ratio(if cosine < 1.0 { cosine.acos() / PI } else { 0.0 })
}

/// The beta angle from which on a circular orbit meets no cylindrical shadow: `asin(R / (R + h))`.
#[must_use]
pub fn critical_beta(altitude: Meters) -> Radians {
    Radians((EARTH_EQUATORIAL_RADIUS / (EARTH_EQUATORIAL_RADIUS + altitude)).asin())
}
