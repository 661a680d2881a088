use std::f64::consts::FRAC_PI_2;

use sunward_units::{Decibels, Radians};

use crate::LinkError;
use crate::error::{not_negative, require};

/// The lowest elevation at which the cosecant law is given.
const ELEVATION_MIN_DEG: f64 = 5.0;

/// Loss by atmospheric gases on a slant path: `zenith / sin(elevation)`.
///
/// **Source**: ITU-R P.676-12 (2019), annex 2, section 2.2: the cosecant law for a ground station near sea level and
/// elevations of 5 to 90 degrees. `zenith` is the attenuation straight up at the link's frequency, read from the same
/// recommendation (or measured); a few hundredths of a decibel at 8 GHz in a temperate climate.
///
/// **Not modelled**: rain, cloud and scintillation (ITU-R P.618, P.840), which need the station's climate and dominate
/// above about 10 GHz; the rise of the antenna's noise temperature that comes with absorption; refraction below 5 degrees.
///
/// # Errors
/// A negative zenith loss, or an elevation outside 5 to 90 degrees.
///
/// ```
/// use sunward_units::{Decibels, Radians};
/// let at_30_degrees = sunward_link::gaseous_loss(Decibels(0.05), Radians::from_degrees(30.0)).unwrap();
/// assert!((at_30_degrees.0 - 0.10).abs() < 1e-12);
/// ```
pub fn gaseous_loss(zenith: Decibels, elevation: Radians) -> Result<Decibels, LinkError> {
    let inside = elevation.degrees() >= ELEVATION_MIN_DEG - 1e-9 && elevation.0 <= FRAC_PI_2 + 1e-12;
    require("elevation", elevation, inside, "5 deg..=90 deg")?;
    Ok(not_negative("zenith loss", zenith)? / elevation.0.sin())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_grows_towards_the_horizon_and_equals_the_zenith_value_straight_up() {
        let at = |degrees| gaseous_loss(Decibels(0.2), Radians::from_degrees(degrees)).unwrap().0;
        assert!((at(90.0) - 0.2).abs() < 1e-15);
        assert!((at(5.0) - 0.2 * 11.47371).abs() < 1e-5, "cosec 5 deg = 11.47371");
        assert!((5..90).all(|degrees| at(f64::from(degrees)) > at(f64::from(degrees + 1))));
    }

    #[test]
    fn low_elevations_and_negative_losses_are_refused() {
        let below = gaseous_loss(Decibels(0.2), Radians::from_degrees(4.9)).unwrap_err();
        assert!(below.to_string().ends_with("is outside 5 deg..=90 deg"), "{below}");
        assert!(gaseous_loss(Decibels(0.2), Radians(f64::NAN)).is_err());
        assert!(gaseous_loss(Decibels(-0.1), Radians(1.0)).is_err());
    }
}
