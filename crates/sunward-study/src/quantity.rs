//! Text of any quantity to SI and back, by the name of its dimension, which is all that a mission's key tells.

use sunward_catalog::{
    JoulesPerKelvinSquareMeter, JoulesPerKilogram, KilogramsPerJoule, KilogramsPerSecond, UsdPerSecond, UsdPerWatt,
    UsdPerWattSecond, WattsPerKilogram,
};
use sunward_units::*;

/// Reads and writes one kind of quantity.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// What it measures, in words.
    pub dimension: &'static str,
    /// The SI unit; empty for a share.
    pub unit: &'static str,
    /// Name of the newtype.
    name: &'static str,
    read: fn(&str) -> Result<f64, QuantityError>,
}

impl Scale {
    /// The number in SI.
    ///
    /// # Errors
    /// Text that is no such quantity.
    pub fn read(&self, text: &str) -> Result<f64, QuantityError> {
        (self.read)(text)
    }
}

macro_rules! scales {
    ($($quantity:ident),+ $(,)?) => {
        &[$(Scale {
            dimension: $quantity::DIMENSION,
            unit: $quantity::UNITS[0].name,
            name: stringify!($quantity),
            read: |text| text.parse::<$quantity>().map(Quantity::si),
        }),+]
    };
}

const SCALES: &[Scale] = scales!(
    Bits,
    BitsPerSecond,
    Decibels,
    Flops,
    FlopsPerSecond,
    Grays,
    Hertz,
    Joules,
    JoulesPerKelvin,
    JoulesPerKelvinSquareMeter,
    JoulesPerKilogram,
    Kelvin,
    Kilograms,
    KilogramsPerJoule,
    KilogramsPerSecond,
    KilogramsPerSquareMeter,
    Meters,
    MetersPerSecond,
    PerKelvin,
    PerSecond,
    Radians,
    Ratio,
    Seconds,
    SquareMeters,
    Usd,
    UsdPerJoule,
    UsdPerKilogram,
    UsdPerSecond,
    UsdPerWatt,
    UsdPerWattSecond,
    Watts,
    WattsPerKelvin,
    WattsPerKilogram,
    WattsPerSquareMeter,
);

/// The scale of a dimension, by its name in words.
pub(crate) fn scale(dimension: &str) -> Option<Scale> {
    SCALES.iter().find(|scale| scale.dimension == dimension).copied()
}

/// The scale of a newtype, by its name.
pub(crate) fn named(name: &str) -> Option<Scale> {
    SCALES.iter().find(|scale| scale.name == name).copied()
}

#[cfg(test)]
mod tests {
    use sunward_mission::{Kind, Mission};

    use super::*;

    #[test]
    fn every_quantity_of_a_mission_has_a_scale() {
        let mut quantities = 0;
        for key in Mission::keys() {
            if let Kind::Quantity { dimension, units } = key.kind {
                let scale = scale(dimension).unwrap_or_else(|| panic!("{} is a {dimension}", key.path));
                assert!(units.contains(&scale.unit), "{}: {units:?}", key.path);
                quantities += 1;
            }
        }
        assert!(quantities > 50, "{quantities} quantities");
        assert_eq!(scale("area").unwrap().read("2 cm2"), Ok(2e-4));
        assert!(scale("beauty").is_none());
    }
}
