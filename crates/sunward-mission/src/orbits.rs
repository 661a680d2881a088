//! The orbits a site's `orbit` section stands for.

use std::f64::consts::TAU;

use sunward_astro::elements::Elements;
use sunward_astro::frames::EARTH_EQUATORIAL_RADIUS as EARTH_RADIUS;
use sunward_astro::mean::{MeanElements, MeanOrbit, OrbitError, Walker, WalkerPattern};
use sunward_astro::time::{Instant, Span};
use sunward_plant::radiation::ALTITUDES;
use sunward_units::{Meters, Radians, Ratio};

use crate::fault::{Fault, FaultKind};
use crate::form::Given;
use crate::keys::{self, Site};
use crate::world::Orbit;

/// How long before and after their epoch SGP4 elements may be used.
///
/// **Source**: Vallado and Crawford, "SGP4 orbit determination", AIAA 2008-6770: the error grows by 1 to 3 km a day, so after a
/// month contacts are off by seconds, and drag fitted to the past says nothing of the days before it.
const ELEMENTS_BEFORE: Span = Span(3 * DAY_NS);
const ELEMENTS_AFTER: Span = Span(30 * DAY_NS);
const DAY_NS: i64 = 86_400 * 1_000_000_000;

/// How far a perigee or apogee may lie outside the altitudes at which radiation is modelled.
///
/// Mean elements leave out periodic terms of up to 10 km, and the model allows the Earth's oblateness of 22 km on either side.
const ALTITUDE_TOLERANCE: Meters = Meters(10e3);
/// Gravitational parameter that element sets are made with, m3/s2. **Source**: WGS72, as in Hoots and Roehrich (1980).
const WGS72_GM_M3_S2: f64 = 3.986008e14;

/// One orbit for each satellite the site stands for, in the order of [`Site::names`].
///
/// # Errors
/// Elements used too far from their epoch, an orbit that cannot be, or one where no dose of radiation is known.
pub(crate) fn of_site(
    site: &Given<Site>,
    orbit: &Given<keys::Orbit>,
    start: Instant,
    duration: Span,
) -> Result<Vec<Orbit>, Box<Fault>> {
    let refused = |error: OrbitError| Box::new(Fault::at(orbit, FaultKind::OutOfRange, error.to_string()));
    match &orbit.value {
        keys::Orbit::Tle(given) => {
            check_age(given, &given.elements, start, duration)?;
            check_altitudes(given, kepler_axis(&given.elements), given.elements.eccentricity)?;
            Ok(vec![Orbit::Sgp4(Box::new(given.elements.clone()))])
        }
        keys::Orbit::Omm(given) => {
            let elements =
                given.elements().map_err(|error| Box::new(Fault::at(given, FaultKind::Elements, error.to_string())))?;
            check_age(given, &elements, start, duration)?;
            check_altitudes(&given.mean_motion, kepler_axis(&elements), Ratio::ZERO)?;
            check_altitudes(&given.eccentricity, kepler_axis(&elements), elements.eccentricity)?;
            Ok(vec![Orbit::Sgp4(Box::new(elements))])
        }
        keys::Orbit::SunSynchronous(given) => {
            let first =
                MeanOrbit::sun_synchronous(start, *given.altitude, given.local_time.0).map_err(refused)?.elements();
            let satellites = site.satellites();
            let spread = |number: u32| {
                let phase = given.phase.0 + TAU * f64::from(number) / f64::from(satellites);
                MeanOrbit::new(MeanElements { mean_anomaly: Radians(phase), ..first })
            };
            (0..satellites).map(|number| spread(number).map(Orbit::Mean)).collect::<Result<_, _>>().map_err(refused)
        }
        keys::Orbit::Walker(given) => {
            let walker = Walker {
                pattern: match *given.pattern {
                    keys::WalkerPattern::Delta => WalkerPattern::Delta,
                    keys::WalkerPattern::Star => WalkerPattern::Star,
                },
                satellites: *given.satellites,
                planes: *given.planes,
                phasing: *given.phasing,
                altitude: *given.altitude,
                inclination: *given.inclination,
                ascending_node: Radians::ZERO,
                epoch: start,
            };
            Ok(walker.orbits().map_err(refused)?.into_iter().map(Orbit::Mean).collect())
        }
        keys::Orbit::Mean(given) => {
            let axis = given.semi_major_axis.as_ref().map(|axis| axis.value);
            let axis = axis.or(given.altitude.as_ref().map(|altitude| EARTH_RADIUS + altitude.value));
            let semi_major_axis = axis.unwrap_or(EARTH_RADIUS);
            check_altitudes(&given.eccentricity, semi_major_axis, *given.eccentricity)?;
            let elements = MeanElements {
                epoch: start,
                semi_major_axis,
                eccentricity: *given.eccentricity,
                inclination: *given.inclination,
                ascending_node: *given.raan,
                argument_of_perigee: *given.argument_of_perigee,
                mean_anomaly: *given.mean_anomaly,
            };
            Ok(vec![Orbit::Mean(MeanOrbit::new(elements).map_err(refused)?)])
        }
    }
}

fn check_age<T>(given: &Given<T>, elements: &Elements, start: Instant, duration: Span) -> Result<(), Box<Fault>> {
    let (before, after) = (elements.epoch - start, start + duration - elements.epoch);
    if before <= ELEMENTS_BEFORE && after <= ELEMENTS_AFTER {
        return Ok(());
    }
    let days = |span: Span| span.seconds().0 / 86_400.0;
    let message = format!(
        "elements of {} are used from {} to {}; SGP4 elements hold from {:.0} d before to {:.0} d after their epoch",
        elements.epoch,
        start,
        start + duration,
        days(ELEMENTS_BEFORE),
        days(ELEMENTS_AFTER)
    );
    Err(Box::new(
        Fault::at(given, FaultKind::OutOfRange, message).with_help("take newer elements, or a start near their epoch"),
    ))
}

/// Semi-major axis by Kepler's third law from the mean motion that SGP4 elements give; within 10 km of SGP4's own.
fn kepler_axis(elements: &Elements) -> Meters {
    Meters((WGS72_GM_M3_S2 / (elements.mean_motion.0 * elements.mean_motion.0)).cbrt())
}

/// A fault of `given` where perigee or apogee, over the equatorial radius, is where no dose of radiation is known.
fn check_altitudes<T>(given: &Given<T>, semi_major_axis: Meters, eccentricity: Ratio) -> Result<(), Box<Fault>> {
    let [low, high] = ALTITUDES;
    let perigee = semi_major_axis * (1.0 - eccentricity.0) - EARTH_RADIUS;
    let apogee = semi_major_axis * (1.0 + eccentricity.0) - EARTH_RADIUS;
    let (end, altitude) = if perigee < low - ALTITUDE_TOLERANCE {
        ("perigee", perigee)
    } else if apogee > high + ALTITUDE_TOLERANCE {
        ("apogee", apogee)
    } else {
        return Ok(());
    };
    let [low, high, altitude, tolerance] = [low, high, altitude, ALTITUDE_TOLERANCE].map(|length| length.0 / 1e3);
    let message = format!(
        "{end} altitude {altitude:.1} km is outside {low} km..={high} km (within {tolerance} km): no dose is known there"
    );
    Err(Box::new(Fault::at(given, FaultKind::OutOfRange, message)))
}
