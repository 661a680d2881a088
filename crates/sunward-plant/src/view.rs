//! What a flat plate near the Earth receives: sunlight, sunlight reflected by the Earth, and the Earth's infrared.
//!
//! **Source**: view factor from a plate element to a sphere, Howell, "A Catalog of Radiation Heat Transfer Configuration
//! Factors", 3rd ed., B-43 (tilted element, sphere partly below the element's horizon).
//!
//! **Not modelled**: shadows and reflections of the satellite's own parts; the Earth's albedo and infrared are uniform, and
//! the reflected light reaches the plate from the whole visible disc, scaled by the cosine of the Sun's zenith angle below the
//! satellite (exact over the subsolar point, up to a few W/m2 low near the terminator).

use std::f64::consts::FRAC_1_PI;

use sunward_units::{Ratio, WattsPerSquareMeter};

/// Where the normal of a plate points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Facing {
    /// At the Sun, always.
    Sun,
    /// Turned about the orbit normal to face the Sun as well as it can.
    SunOneAxis,
    /// Away from the Sun, always.
    AntiSun,
    /// Perpendicular to both the Sun and the nadir: its edge to the Sun.
    EdgeOnSun,
    /// At the Earth.
    Nadir,
    /// Away from the Earth.
    Zenith,
}

/// The geometry of one satellite, Sun and Earth.
#[derive(Debug, Clone, Copy)]
pub struct Geometry {
    /// Earth radius over distance from the Earth's centre, 0..1.
    pub earth_radius_over_distance: f64,
    /// Cosine of the Sun's zenith angle at the satellite: Sun direction times radial direction.
    pub sun_zenith_cosine: f64,
    /// Sine of the beta angle: Sun direction times orbit normal.
    pub beta_sine: f64,
}

/// The Earth's and the Sun's power densities.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings {
    /// Solar irradiance at the satellite's distance from the Sun, outside the shadow.
    pub solar: WattsPerSquareMeter,
    /// Share of sunlight that the Earth reflects.
    pub albedo: Ratio,
    /// Infrared exitance of the Earth.
    pub earth_infrared: WattsPerSquareMeter,
}

/// Flux onto a plate's two faces, W/m2 of one face's area.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct PlateFlux {
    /// Direct sunlight on the front, outside the shadow.
    pub solar_front: f64,
    /// Direct sunlight on the back, outside the shadow.
    pub solar_back: f64,
    /// Reflected sunlight on the front.
    pub albedo_front: f64,
    /// Reflected sunlight on the back.
    pub albedo_back: f64,
    /// Earth's infrared on the front.
    pub infrared_front: f64,
    /// Earth's infrared on the back.
    pub infrared_back: f64,
}

/// Share of a plate element's hemisphere that the Earth fills, weighted by the cosine law, 0..=1.
///
/// `nadir_cosine`: plate normal times nadir; `k`: Earth radius over distance from its centre.
#[must_use]
pub fn earth_view_factor(nadir_cosine: f64, k: f64) -> f64 {
    let sine = (1.0 - nadir_cosine * nadir_cosine).max(0.0).sqrt();
    if nadir_cosine >= k {
        return nadir_cosine * k * k;
    }
    if nadir_cosine <= -k {
        return 0.0;
    }
    let root = (1.0 / (k * k) - 1.0).sqrt();
    let horizon = (1.0 - (nadir_cosine / k).powi(2)).sqrt();
    let asin = (root * k / sine).min(1.0).asin();
    let acos = (-root * nadir_cosine / sine).clamp(-1.0, 1.0).acos();
    0.5 - FRAC_1_PI * asin + FRAC_1_PI * k * k * (nadir_cosine * acos - root * horizon)
}

/// Flux onto both faces of a plate with the given facing.
#[must_use]
pub fn plate_flux(facing: Facing, geometry: &Geometry, around: &Surroundings) -> PlateFlux {
    let k = geometry.earth_radius_over_distance;
    let (sun_cosine, nadir_cosine) = normals(facing, geometry);
    let front = earth_view_factor(nadir_cosine, k);
    let back = earth_view_factor(-nadir_cosine, k);
    let solar = around.solar.0;
    let reflected = solar * around.albedo.0 * geometry.sun_zenith_cosine.max(0.0);
    PlateFlux {
        solar_front: solar * sun_cosine.max(0.0),
        solar_back: solar * (-sun_cosine).max(0.0),
        albedo_front: reflected * front,
        albedo_back: reflected * back,
        infrared_front: around.earth_infrared.0 * front,
        infrared_back: around.earth_infrared.0 * back,
    }
}

/// Plate normal times Sun direction, and plate normal times nadir.
fn normals(facing: Facing, geometry: &Geometry) -> (f64, f64) {
    let zenith = geometry.sun_zenith_cosine;
    match facing {
        Facing::Sun => (1.0, -zenith),
        Facing::AntiSun => (-1.0, zenith),
        Facing::EdgeOnSun => (0.0, 0.0),
        Facing::Nadir => (-zenith, 1.0),
        Facing::Zenith => (zenith, -1.0),
        Facing::SunOneAxis => {
            let in_plane = (1.0 - geometry.beta_sine.powi(2)).max(0.0).sqrt();
            (in_plane, if in_plane > 0.0 { -zenith / in_plane } else { 0.0 })
        }
    }
}

/// The view factor by direct integration of the cosine law: the slow readable form.
#[cfg(test)]
fn integrated_view_factor(nadir_cosine: f64, k: f64) -> f64 {
    // Integrate cos(angle to plate normal)/pi over the directions of the Earth's disc, whose angular radius is asin(k).
    let (radius, nadir_sine) = (k.asin(), (1.0 - nadir_cosine * nadir_cosine).sqrt());
    let (rings, spokes) = (2000, 2000);
    let mut sum = 0.0;
    for ring in 0..rings {
        let angle = radius * (f64::from(ring) + 0.5) / f64::from(rings);
        for spoke in 0..spokes {
            let azimuth = std::f64::consts::PI * (f64::from(spoke) + 0.5) / f64::from(spokes);
            let cosine = nadir_cosine * angle.cos() + nadir_sine * angle.sin() * azimuth.cos();
            sum += cosine.max(0.0) * angle.sin();
        }
    }
    sum * (radius / f64::from(rings)) * (2.0 / f64::from(spokes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEO: f64 = 6378.137 / (6378.137 + 500.0);
    const AROUND: Surroundings = Surroundings {
        solar: WattsPerSquareMeter(1361.0),
        albedo: Ratio(0.3),
        earth_infrared: WattsPerSquareMeter(237.0),
    };

    fn geometry(sun_zenith_cosine: f64) -> Geometry {
        Geometry { earth_radius_over_distance: LEO, sun_zenith_cosine, beta_sine: 0.3 }
    }

    #[test]
    fn view_factor_is_the_integral_over_the_earths_disc() {
        for k in [0.3, LEO, 0.99] {
            for nadir_cosine in [1.0, 0.9, 0.5, 0.1, 0.0, -0.3, -0.8, -1.0] {
                let (closed, integral) = (earth_view_factor(nadir_cosine, k), integrated_view_factor(nadir_cosine, k));
                assert!((closed - integral).abs() < 1e-5, "k {k}, cosine {nadir_cosine}: {closed} is not {integral}");
            }
        }
    }

    #[test]
    fn view_factor_falls_as_the_plate_turns_away_and_has_no_jump() {
        let mut last = earth_view_factor(1.0, LEO);
        for step in 1..=2000 {
            let next = earth_view_factor(1.0 - f64::from(step) / 1000.0, LEO);
            assert!(next <= last + 1e-12 && last - next < 2e-3);
            last = next;
        }
    }

    #[test]
    fn a_nadir_plate_sees_no_sun_at_noon_and_a_zenith_plate_all_of_it() {
        let noon = geometry(1.0);
        assert_eq!(plate_flux(Facing::Nadir, &noon, &AROUND).solar_front, 0.0);
        assert_eq!(plate_flux(Facing::Zenith, &noon, &AROUND).solar_front, 1361.0);
        assert_eq!(plate_flux(Facing::Zenith, &noon, &AROUND).infrared_front, 0.0);
        assert!((plate_flux(Facing::Nadir, &noon, &AROUND).infrared_front - 237.0 * LEO * LEO).abs() < 1e-9);
    }

    #[test]
    fn turning_a_plate_over_swaps_its_faces() {
        let g = geometry(0.4);
        let (sun, anti) = (plate_flux(Facing::Sun, &g, &AROUND), plate_flux(Facing::AntiSun, &g, &AROUND));
        assert_eq!((sun.solar_front, sun.infrared_front), (anti.solar_back, anti.infrared_back));
        assert_eq!((sun.albedo_back, sun.infrared_back), (anti.albedo_front, anti.infrared_front));
    }

    #[test]
    fn the_earth_reflects_nothing_by_night() {
        let night = plate_flux(Facing::Nadir, &geometry(-0.5), &AROUND);
        assert_eq!(night.albedo_front, 0.0);
        assert!(night.solar_front > 0.0, "a nadir plate sees the Sun from below the horizon until the shadow takes it");
    }

    /// One axis cannot follow the Sun out of the orbit plane: cos(beta) is what is left.
    #[test]
    fn one_axis_loses_the_cosine_of_beta() {
        let flux = plate_flux(Facing::SunOneAxis, &geometry(0.2), &AROUND);
        assert!((flux.solar_front / 1361.0 - (1.0_f64 - 0.09).sqrt()).abs() < 1e-12);
    }
}
