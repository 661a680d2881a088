//! Ground stations: where they stand, and how a satellite looks from there.
//!
//! **Source**: WGS84 ellipsoid, NIMA TR8350.2, 3rd edition 2000; the horizon's axes: Vallado 2013, section
//! 3.4.4. Elevation is geometric, above the plane normal to the ellipsoid.
//!
//! **Not modelled**: refraction (0.5 deg at the horizon, 0.1 deg at 8 deg of elevation, all in favour of the contact),
//! hills and masks, the difference between the ellipsoid's normal and the plumb line (up to 0.02 deg).

use std::f64::consts::{FRAC_PI_2, PI, TAU};

use sunward_units::{Meters, MetersPerSecond, Radians};

use crate::frames::Geodetic;
use crate::state::State;
use crate::vector::{cross, dot, minus, norm};

/// Why a station cannot be.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum StationError {
    /// Latitude out of range.
    #[error("station latitude {:.4} deg is outside -90..=90 deg", latitude.degrees())]
    Latitude {
        /// The value given.
        latitude: Radians,
    },
    /// Longitude out of range.
    #[error("station longitude {:.4} deg is outside -180..=360 deg", longitude.degrees())]
    Longitude {
        /// The value given.
        longitude: Radians,
    },
    /// Height out of range.
    #[error("station height {height} is outside -500 m..=9 km above the ellipsoid")]
    Height {
        /// The value given.
        height: Meters,
    },
    /// Minimum elevation out of range.
    #[error("minimum elevation {:.4} deg is outside 0..90 deg", elevation_min.degrees())]
    ElevationMin {
        /// The value given.
        elevation_min: Radians,
    },
}

/// A ground station.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Station {
    place: Geodetic,
    elevation_min: Radians,
    position_m: [f64; 3],
    east: [f64; 3],
    north: [f64; 3],
    up: [f64; 3],
    sin_elevation_min: f64,
}

/// How a satellite looks from a station.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    /// Above the horizontal plane.
    pub elevation: Radians,
    /// From north over east, 0..360 deg.
    pub azimuth: Radians,
    /// Distance in a straight line.
    pub range: Meters,
    /// Its rate, positive when the satellite goes away.
    pub range_rate: MetersPerSecond,
}

impl Station {
    /// A station at a place (latitude -90..=90 deg, longitude -180..=360 deg, height -500 m..=9 km) that works from a lowest
    /// elevation (0..90 deg) up.
    ///
    /// # Errors
    /// [`StationError`] when a value is out of range.
    pub fn new(place: Geodetic, elevation_min: Radians) -> Result<Self, StationError> {
        let Geodetic { latitude, longitude, height } = place;
        if !(-FRAC_PI_2..=FRAC_PI_2).contains(&latitude.0) {
            return Err(StationError::Latitude { latitude });
        }
        if !(-PI..=TAU).contains(&longitude.0) {
            return Err(StationError::Longitude { longitude });
        }
        if !(Meters(-500.0)..=Meters(9_000.0)).contains(&height) {
            return Err(StationError::Height { height });
        }
        if !(0.0..FRAC_PI_2).contains(&elevation_min.0) {
            return Err(StationError::ElevationMin { elevation_min });
        }
        let (sin_latitude, cos_latitude) = latitude.0.sin_cos();
        let (sin_longitude, cos_longitude) = longitude.0.sin_cos();
        let east = [-sin_longitude, cos_longitude, 0.0];
        let up = [cos_latitude * cos_longitude, cos_latitude * sin_longitude, sin_latitude];
        Ok(Self {
            place,
            elevation_min,
            position_m: place.earth_fixed().map(|component| component.0),
            east,
            north: cross(up, east),
            up,
            sin_elevation_min: elevation_min.0.sin(),
        })
    }

    /// Where it stands.
    #[must_use]
    pub fn place(&self) -> Geodetic {
        self.place
    }

    /// Lowest elevation at which it works.
    #[must_use]
    pub fn elevation_min(&self) -> Radians {
        self.elevation_min
    }

    /// Earth-fixed position.
    #[must_use]
    pub fn position(&self) -> [Meters; 3] {
        self.position_m.map(Meters)
    }

    /// How a satellite in an Earth-fixed state looks from here; at the zenith the azimuth is 0.
    #[must_use]
    pub fn look(&self, satellite: &State) -> Look {
        let to_satellite = self.line_of_sight_m(satellite.position.map(|component| component.0));
        let velocity_m_s = satellite.velocity.map(|component| component.0);
        let range_m = norm(to_satellite);
        let [east, north, up] = [self.east, self.north, self.up].map(|axis| dot(to_satellite, axis));
        Look {
            elevation: Radians(up.atan2(east.hypot(north))),
            azimuth: Radians(east.atan2(north).rem_euclid(TAU)),
            range: Meters(range_m),
            range_rate: MetersPerSecond(dot(to_satellite, velocity_m_s) / range_m),
        }
    }

    #[inline]
    pub(crate) fn line_of_sight_m(&self, position_m: [f64; 3]) -> [f64; 3] {
        minus(position_m, self.position_m)
    }

    #[inline]
    pub(crate) fn up(&self) -> [f64; 3] {
        self.up
    }

    #[inline]
    pub(crate) fn sin_elevation_min(&self) -> f64 {
        self.sin_elevation_min
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn station(
        latitude_deg: f64,
        longitude_deg: f64,
        height_m: f64,
        elevation_deg: f64,
    ) -> Result<Station, StationError> {
        let place = Geodetic {
            latitude: Radians::from_degrees(latitude_deg),
            longitude: Radians::from_degrees(longitude_deg),
            height: Meters(height_m),
        };
        Station::new(place, Radians::from_degrees(elevation_deg))
    }

    /// A satellite straight up, north and a little east of a station on the equator and zero meridian.
    #[test]
    fn a_look_by_hand() {
        let station = station(0.0, 0.0, 0.0, 10.0).unwrap();
        assert_eq!(station.position(), [Meters(6_378_137.0), Meters(0.0), Meters(0.0)]);
        let look = |position: [f64; 3]| {
            let velocity = [1.0, 2.0, 3.0].map(MetersPerSecond);
            station.look(&State { position: position.map(Meters), velocity })
        };
        let zenith = look([6_978_137.0, 0.0, 0.0]);
        assert_eq!((zenith.elevation, zenith.azimuth), (Radians(FRAC_PI_2), Radians(0.0)));
        assert_eq!((zenith.range, zenith.range_rate), (Meters(600e3), MetersPerSecond(1.0)));
        let north = look([6_378_137.0 + 1e5, 0.0, 1e5]);
        assert!((north.elevation.degrees() - 45.0).abs() < 1e-12 && north.azimuth.0.abs() < 1e-12);
        assert!((north.range_rate.0 - 4.0 / 2f64.sqrt()).abs() < 1e-12);
        assert!((look([6_378_137.0, 1e5, 0.0]).azimuth.degrees() - 90.0).abs() < 1e-12);
        assert!((look([6_378_137.0, -1e5, 0.0]).azimuth.degrees() - 270.0).abs() < 1e-12);
    }

    #[test]
    fn wrong_stations_are_refused() {
        let message = |station: Result<Station, StationError>| station.unwrap_err().to_string();
        assert_eq!(message(station(90.5, 0.0, 0.0, 5.0)), "station latitude 90.5000 deg is outside -90..=90 deg");
        assert_eq!(message(station(f64::NAN, 0.0, 0.0, 5.0)), "station latitude NaN deg is outside -90..=90 deg");
        assert_eq!(message(station(0.0, 361.0, 0.0, 5.0)), "station longitude 361.0000 deg is outside -180..=360 deg");
        assert_eq!(
            message(station(0.0, 0.0, -501.0, 5.0)),
            "station height -501 m is outside -500 m..=9 km above the ellipsoid"
        );
        assert_eq!(
            message(station(0.0, 0.0, 9.1e3, 5.0)),
            "station height 9.1 km is outside -500 m..=9 km above the ellipsoid"
        );
        assert_eq!(message(station(0.0, 0.0, 0.0, 90.0)), "minimum elevation 90.0000 deg is outside 0..90 deg");
        assert_eq!(message(station(0.0, 0.0, 0.0, -1.0)), "minimum elevation -1.0000 deg is outside 0..90 deg");
    }
}
