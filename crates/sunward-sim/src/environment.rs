//! Where every site is during a window and what reaches it there: columns a step, computed site by site in parallel.
//!
//! Positions come on a grid fine enough for eclipses and passes (a minute at most); powers and fluxes are those at the middle of
//! a step, the share of sunlight is the mean over it with the true edges of the shadow.

use std::f64::consts::FRAC_PI_2;
use std::sync::Arc;

use sunward_astro::contact::{Contact, EarthTrack, SatelliteId, StationId, contacts};
use sunward_astro::eclipse::{Eclipse, Occulter, eclipses, sunlit_fraction_of_steps};
use sunward_astro::ephemeris::{self, Ephemeris, Grid};
use sunward_astro::frames::{EARTH_EQUATORIAL_RADIUS, Geodetic, to_earth_fixed};
use sunward_astro::state::State;
use sunward_astro::station::Station;
use sunward_astro::sun::SightingSeries;
use sunward_astro::time::{Instant, Span};
use sunward_mission::keys::{Pointing, RadiatorOrientation};
use sunward_mission::world::{Design, Place, World};
use sunward_plant::radiation::{DoseRates, RadiationError, RadiationModel};
use sunward_plant::view::{Facing, Geometry, PlateFlux, Surroundings, plate_flux};
use sunward_units::{Meters, MetersPerSecond, Radians, WattsPerSquareMeter};

use crate::SimError;
use crate::almanac::Almanac;

/// Longest spacing of the positions from which eclipses and passes are found.
const GRID_STEP_MAX: Span = Span(60_000_000_000);

/// The instants of a window, shared by all sites.
pub(crate) struct Window {
    pub(crate) begin: u64,
    pub(crate) end: u64,
    grid: Grid,
    /// Grid steps in a step of the simulation.
    fine: usize,
    sun: Arc<SightingSeries>,
}

/// One site during a window; columns `[step]`.
pub(crate) struct SiteSky {
    /// Mean share of the solar disc seen.
    pub(crate) illumination: Vec<f64>,
    /// Cosine of the Sun's zenith angle.
    pub(crate) sun_zenith_cosine: Vec<f64>,
    /// Irradiance on the cells, W/m2.
    pub(crate) array_irradiance: Vec<f64>,
    /// Heat absorbed by the array, W.
    pub(crate) array_absorbed: Vec<f64>,
    /// Heat absorbed by the radiator, W.
    pub(crate) radiator_absorbed: Vec<f64>,
    /// Proton dose rate behind the shielding, Gy/s.
    pub(crate) proton_gy_s: Vec<f64>,
    /// Dose rate of everything, Gy/s.
    pub(crate) dose_gy_s: Vec<f64>,
    /// Earth-fixed position in the middle of the step, m.
    fixed_m: [Vec<f64>; 3],
    /// Earth-fixed position at the end of the step, m; empty for a site that is not recorded.
    end_m: [Vec<f64>; 3],
    /// Passes over stations, by rise.
    pub(crate) passes: Vec<Contact>,
    /// Passages through the shadow.
    pub(crate) eclipses: Vec<Eclipse>,
}

impl Window {
    /// The window of steps `begin..end`.
    pub(crate) fn new(world: &World, almanac: &Almanac, begin: u64, end: u64) -> Self {
        let fine = fineness(world.step);
        let count = (end - begin) as usize * fine + 1;
        let grid = Grid::new(world.instant(begin), Span(world.step.0 / fine as i64), count)
            .expect("a mission's start, step and duration fit the calendar");
        Self { begin, end, grid, fine, sun: almanac.sun(grid) }
    }

    pub(crate) fn steps(&self) -> usize {
        (self.end - self.begin) as usize
    }

    pub(crate) fn start(&self) -> Instant {
        self.grid.start()
    }

    pub(crate) fn stop(&self) -> Instant {
        self.grid.end()
    }
}

/// Smallest number of equal parts, none longer than a minute, that divides a step into whole nanoseconds.
fn fineness(step: Span) -> usize {
    let least = (step.0 + GRID_STEP_MAX.0 - 1) / GRID_STEP_MAX.0;
    let parts = (least..=step.0).find(|parts| step.0 % parts == 0);
    parts.expect("a step of n nanoseconds divides into n parts") as usize
}

/// The radiation model of every design in space, `[design]`, for the calendar year it was made in: the belts drift by 0.3 deg a year.
pub(crate) struct Belts {
    year: f64,
    models: Vec<Option<RadiationModel>>,
}

impl Belts {
    /// The models for the year in which `at` lies.
    pub(crate) fn new(world: &World, at: Instant) -> Result<Self, SimError> {
        let year = decimal_year(at).floor();
        let model = |(index, design): (usize, &Design)| {
            if design.supply.is_some() {
                return Ok(None);
            }
            let first = world.sites.iter().find(|site| site.design as usize == index);
            RadiationModel::new(design.shielding, year + 0.5).map(Some).map_err(|source| SimError::Radiation {
                site: first.map_or_else(String::new, |site| site.name.clone()),
                source,
            })
        };
        let models = world.designs.iter().enumerate().map(model).collect::<Result<_, _>>()?;
        Ok(Self { year, models })
    }

    /// These models, or those of the year in which `at` lies.
    pub(crate) fn at(self, world: &World, at: Instant) -> Result<Self, SimError> {
        if decimal_year(at).floor() == self.year { Ok(self) } else { Self::new(world, at) }
    }
}

/// What reaches a site during a window.
pub(crate) fn observe(
    world: &World,
    window: &Window,
    belts: &Belts,
    site: u32,
    stations: &[Station],
) -> Result<SiteSky, SimError> {
    let entry = &world.sites[site as usize];
    let orbit = match &entry.place {
        Place::Orbit(orbit) => orbit,
        Place::Ground(place) => return Ok(indoors(world, window, site, place)),
    };
    let design = world.design(site as usize);
    let named = |source| SimError::Orbit { site: entry.name.clone(), source };
    let track = orbit.propagate(window.grid).map_err(named)?;
    let found = eclipses(Occulter::EARTH, &track, &window.sun);
    let mut fine_light = vec![0.0; window.grid.steps()];
    sunlit_fraction_of_steps(Occulter::EARTH, &track, &window.sun, &found, &mut fine_light);
    let illumination: Vec<f64> =
        fine_light.chunks(window.fine).map(|part| part.iter().sum::<f64>() / window.fine as f64).collect();

    let steps = window.steps();
    let zeros = || vec![0.0; steps];
    let fixed_track = EarthTrack::new(&track);
    let fixed = fixed_track.earth_fixed();
    let mut sky = SiteSky {
        illumination,
        sun_zenith_cosine: zeros(),
        array_irradiance: zeros(),
        array_absorbed: zeros(),
        radiator_absorbed: zeros(),
        proton_gy_s: zeros(),
        dose_gy_s: zeros(),
        fixed_m: [zeros(), zeros(), zeros()],
        end_m: Default::default(),
        passes: contacts(SatelliteId(site), &fixed_track, stations),
        eclipses: found,
    };
    for step in 0..steps {
        let place = middle(step, window.fine);
        let position = fixed.state(place).position;
        for (column, component) in sky.fixed_m.iter_mut().zip(position) {
            column[step] = component.0;
        }
    }
    if world.recorded.contains(&site) {
        for (axis, column) in sky.end_m.iter_mut().enumerate() {
            *column = (1..=steps).map(|step| fixed.states().get(step * window.fine).position[axis].0).collect();
        }
    }
    sky.passes.sort_by_key(|pass| (pass.rise, pass.station));
    sky.shine(world, design, window, &track);
    if let Some(model) = &belts.models[entry.design as usize] {
        sky.irradiate(model).map_err(|source| SimError::Radiation { site: entry.name.clone(), source })?;
    }
    Ok(sky)
}

/// A hall during a window: no Sun on its machinery, no dose, and its own fibre all the time. Whether the Sun is up over it still
/// tells when images are taken.
fn indoors(world: &World, window: &Window, site: u32, place: &Geodetic) -> SiteSky {
    let steps = window.steps();
    let zeros = || vec![0.0; steps];
    let constant = || place.earth_fixed().map(|component| vec![component.0; steps]);
    let own = world.sites[site as usize].design;
    let ends = world.stations.iter().enumerate().filter(|(_, station)| station.fibre_of == Some(own));
    let passes = ends.map(|(index, _)| Contact {
        satellite: SatelliteId(site),
        station: StationId(index as u32),
        rise: window.start(),
        culmination: window.start(),
        set: window.stop(),
        elevation_max: Radians(FRAC_PI_2),
    });
    SiteSky {
        illumination: vec![1.0; steps],
        sun_zenith_cosine: (0..steps).map(|step| sun_over(place, window, middle(step, window.fine))).collect(),
        array_irradiance: zeros(),
        array_absorbed: zeros(),
        radiator_absorbed: zeros(),
        proton_gy_s: zeros(),
        dose_gy_s: zeros(),
        fixed_m: constant(),
        end_m: constant(),
        passes: passes.collect(),
        eclipses: Vec::new(),
    }
}

/// Cosine of the Sun's zenith angle at a place on the ground.
fn sun_over(place: &Geodetic, window: &Window, at: ephemeris::Place) -> f64 {
    let position = window.sun.sighting(at.step).direction.map(Meters);
    let sun = State { position, velocity: [MetersPerSecond::ZERO; 3] };
    let sun = to_earth_fixed(&sun, window.grid.at(at)).position;
    let (latitude, longitude) = (place.latitude.0, place.longitude.0);
    let up = [latitude.cos() * longitude.cos(), latitude.cos() * longitude.sin(), latitude.sin()];
    up.iter().zip(sun).map(|(up, sun)| up * sun.0).sum()
}

/// The middle of a step on the fine grid.
fn middle(step: usize, fine: usize) -> ephemeris::Place {
    let half = fine as f64 / 2.0;
    ephemeris::Place { step: step * fine + half as usize, share: half.fract() }
}

impl SiteSky {
    /// Fluxes on array and radiator.
    fn shine(&mut self, world: &World, design: &Design, window: &Window, track: &Ephemeris) {
        let (array, thermal) = (&design.array, &design.thermal);
        let (array_facing, radiator_facing) =
            (facing_array(array.pointing), facing_radiator(thermal.radiator_orientation));
        let pointing = array.pointing_error.0.cos();
        for step in 0..window.steps() {
            let place = middle(step, window.fine);
            let state = track.state(place);
            let sun = window.sun.sighting(place.step);
            let distance = sun.distance / sunward_astro::sun::ASTRONOMICAL_UNIT;
            let geometry = geometry(&state, sun.direction);
            let around = Surroundings {
                solar: WattsPerSquareMeter(world.solar_irradiance.0 / (distance * distance)),
                albedo: world.albedo,
                earth_infrared: world.earth_infrared,
            };
            let light = self.illumination[step];
            let on_array = plate_flux(array_facing, &geometry, &around);
            let on_radiator = plate_flux(radiator_facing, &geometry, &around);
            self.sun_zenith_cosine[step] = geometry.sun_zenith_cosine;
            self.array_irradiance[step] = light * on_array.solar_front * pointing;
            let short = light * (on_array.solar_front * pointing + on_array.solar_back)
                + on_array.albedo_front
                + on_array.albedo_back;
            let long =
                array.emissivity_front.0 * on_array.infrared_front + array.emissivity_back.0 * on_array.infrared_back;
            self.array_absorbed[step] = array.area.0 * (array.absorptance.0 * short + long);
            let faces =
                radiator_flux(&on_radiator, light, thermal.radiator_faces, thermal.absorptance.0, thermal.emissivity.0);
            self.radiator_absorbed[step] = thermal.radiator_area.0 * faces;
        }
    }

    /// Dose rates behind the shielding.
    fn irradiate(&mut self, model: &RadiationModel) -> Result<(), RadiationError> {
        let steps = self.dose_gy_s.len();
        let (mut electron, mut bremsstrahlung) = (vec![0.0; steps], vec![0.0; steps]);
        let mut rates = DoseRates {
            proton_gy_s: &mut self.proton_gy_s,
            electron_gy_s: &mut electron,
            bremsstrahlung_gy_s: &mut bremsstrahlung,
        };
        let [x, y, z] = &self.fixed_m;
        model.dose_rates(x, y, z, &mut rates)?;
        for step in 0..steps {
            self.dose_gy_s[step] = self.proton_gy_s[step] + electron[step] + bremsstrahlung[step];
        }
        Ok(())
    }

    /// Distance to a station in the middle of a step, m.
    pub(crate) fn range_to(&self, station: &Station, step: usize) -> f64 {
        let from = station.position();
        let square = |axis: usize| (self.fixed_m[axis][step] - from[axis].0).powi(2);
        (square(0) + square(1) + square(2)).sqrt()
    }

    /// Earth-fixed position at the end of a step.
    pub(crate) fn position_at_end(&self, step: usize) -> [Meters; 3] {
        [0, 1, 2].map(|axis| Meters(self.end_m[axis][step]))
    }
}

fn geometry(state: &State, sun: [f64; 3]) -> Geometry {
    let (r, v) = (state.position.map(|x| x.0), state.velocity.map(|x| x.0));
    let dot = |a: [f64; 3], b: [f64; 3]| a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
    let normal = [r[1] * v[2] - r[2] * v[1], r[2] * v[0] - r[0] * v[2], r[0] * v[1] - r[1] * v[0]];
    let distance = dot(r, r).sqrt();
    Geometry {
        earth_radius_over_distance: EARTH_EQUATORIAL_RADIUS.0 / distance,
        sun_zenith_cosine: dot(r, sun) / distance,
        beta_sine: dot(normal, sun) / dot(normal, normal).sqrt(),
    }
}

/// Heat absorbed per area of the radiator's panel by the faces that radiate, W/m2.
fn radiator_flux(flux: &PlateFlux, light: f64, faces: u32, absorptance: f64, emissivity: f64) -> f64 {
    let front = absorptance * (light * flux.solar_front + flux.albedo_front) + emissivity * flux.infrared_front;
    let back = absorptance * (light * flux.solar_back + flux.albedo_back) + emissivity * flux.infrared_back;
    if faces == 2 { front + back } else { front }
}

fn facing_array(pointing: Pointing) -> Facing {
    match pointing {
        Pointing::SunTracking => Facing::Sun,
        Pointing::OneAxis => Facing::SunOneAxis,
        Pointing::Zenith => Facing::Zenith,
    }
}

fn facing_radiator(orientation: RadiatorOrientation) -> Facing {
    match orientation {
        RadiatorOrientation::Nadir => Facing::Nadir,
        RadiatorOrientation::Zenith => Facing::Zenith,
        RadiatorOrientation::AntiSun => Facing::AntiSun,
        RadiatorOrientation::EdgeOnSun => Facing::EdgeOnSun,
    }
}

/// The year with its fraction, as geomagnetic models count.
fn decimal_year(at: Instant) -> f64 {
    2000.0 + 100.0 * at.julian_centuries_tt()
}
