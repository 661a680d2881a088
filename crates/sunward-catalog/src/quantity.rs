//! Quantities that only catalog entries carry, with the text forms of [`sunward_units`].

use std::fmt;
use std::str::FromStr;
use sunward_units::{JULIAN_YEAR_S, Quantity, QuantityError, Unit, parse, significant};

macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident, $dimension:literal, [$($unit:literal = $factor:expr);+ $(;)?]) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, PartialOrd, serde::Serialize)]
        #[serde(transparent)]
        pub struct $name(
            /// The raw value in SI.
            pub f64,
        );

        impl Quantity for $name {
            const DIMENSION: &'static str = $dimension;
            const UNITS: &'static [Unit] = &[$(Unit { name: $unit, factor: $factor, offset: 0.0 }),+];
            fn from_si(si: f64) -> Self { Self(si) }
            fn si(self) -> f64 { self.0 }
        }
        impl FromStr for $name {
            type Err = QuantityError;
            fn from_str(text: &str) -> Result<Self, QuantityError> { parse(text) }
        }
        impl fmt::Display for $name {
            /// Four significant digits in the SI unit.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&format!("{} {}", significant(self.0, 4), Self::UNITS[0].name))
            }
        }
    };
}

quantity! {
    /// Energy per mass.
    JoulesPerKilogram, "specific energy", ["J/kg" = 1.0; "kJ/kg" = 1e3; "MJ/kg" = 1e6; "Wh/kg" = 3600.0]
}
quantity! {
    /// Power per mass.
    WattsPerKilogram, "specific power", ["W/kg" = 1.0; "kW/kg" = 1e3; "kW/t" = 1.0]
}
quantity! {
    /// Heat capacity per area.
    JoulesPerKelvinSquareMeter, "areal heat capacity", ["J/K/m2" = 1.0; "kJ/K/m2" = 1e3]
}
quantity! {
    /// Price of installed power.
    UsdPerWatt, "price per power", ["USD/W" = 1.0; "USD/kW" = 1e-3]
}
quantity! {
    /// Price of power kept up for a time.
    UsdPerWattSecond, "price per power and time",
    ["USD/W/s" = 1.0; "USD/kW/yr" = 1e-3 / JULIAN_YEAR_S; "USD/W/yr" = 1.0 / JULIAN_YEAR_S]
}
quantity! {
    /// Money spent per time, for example the hire of one accelerator.
    UsdPerSecond, "price per time", ["USD/s" = 1.0; "USD/min" = 1.0 / 60.0; "USD/h" = 1.0 / 3600.0; "USD/yr" = 1.0 / JULIAN_YEAR_S; "MUSD/yr" = 1e6 / JULIAN_YEAR_S]
}
quantity! {
    /// Mass per time, for example what the world launches in a year.
    KilogramsPerSecond, "mass per time", ["kg/s" = 1.0; "t/yr" = 1e3 / JULIAN_YEAR_S; "kt/yr" = 1e6 / JULIAN_YEAR_S]
}
quantity! {
    /// Mass of water or carbon dioxide per energy (one litre of water is taken as one kilogram).
    KilogramsPerJoule, "mass per energy",
    ["kg/J" = 1.0; "kg/kWh" = 1.0 / 3.6e6; "g/kWh" = 1e-3 / 3.6e6; "kg/MWh" = 1.0 / 3.6e9]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_reads_to_si() {
        assert_eq!("250 Wh/kg".parse(), Ok(JoulesPerKilogram(900e3)));
        assert_eq!("22 USD/W".parse(), Ok(UsdPerWatt(22.0)));
        let water: KilogramsPerJoule = "0.5 kg/kWh".parse().unwrap();
        // Half a litre per kWh over 40 MW for ten years of 8,760 h is 1.752 Mt (facts of the Starcloud white paper, 2024).
        assert!((water.0 * 40e6 * 87_600.0 * 3600.0 - 1.752e9).abs() < 1.0);
        let hire: UsdPerSecond = "2 USD/h".parse().unwrap();
        assert!((hire.0 * 86_400.0 - 48.0).abs() < 1e-9);
        let held: UsdPerWattSecond = "1000 USD/kW/yr".parse().unwrap();
        assert!((held.0 * JULIAN_YEAR_S - 1.0).abs() < 1e-12);
    }

    #[test]
    fn display_reads_back() {
        assert_eq!(JoulesPerKilogram(900e3).to_string().parse(), Ok(JoulesPerKilogram(900e3)));
        assert_eq!(format!("{:>12}", UsdPerWatt(5.25)), "  5.25 USD/W");
    }
}
