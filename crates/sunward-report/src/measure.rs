//! A number of any dimension as a person reads it.

use sunward_units::significant;

use crate::text::prefix;

/// How numbers of a dimension are shown: `(value - offset) / factor` with `unit` behind it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shown {
    pub(crate) factor: f64,
    pub(crate) offset: f64,
    pub(crate) unit: String,
}

impl Shown {
    pub(crate) fn of(&self, value: f64) -> f64 {
        (value - self.offset) / self.factor
    }
}

const PLAIN: Shown = Shown { factor: 1.0, offset: 0.0, unit: String::new() };

/// How numbers up to `largest` of a dimension are shown; a dimension is named as its quantity names it, and nothing else is known
/// to be a bare number.
pub(crate) fn shown(dimension: Option<&str>, largest: f64) -> Shown {
    let prefixed = |unit: &str, per: f64| {
        let (factor, letter) = prefix((largest / per).abs());
        Shown { factor: factor * per, offset: 0.0, unit: format!("{letter}{unit}") }
    };
    let fixed = |unit: &str, factor: f64| Shown { factor, offset: 0.0, unit: unit.to_owned() };
    match dimension {
        Some("ratio") => fixed("%", 0.01),
        Some("temperature") => Shown { factor: 1.0, offset: 273.15, unit: "\u{b0}C".to_owned() },
        Some("energy") if largest.abs() >= 3.6e3 => prefixed("Wh", 3600.0),
        Some("energy") => prefixed("J", 1.0),
        Some("duration") => {
            let units = [(86_400.0, "d"), (3600.0, "h"), (60.0, "min")];
            let (factor, unit) = units.into_iter().find(|(factor, _)| largest.abs() >= *factor).unwrap_or((1.0, "s"));
            fixed(unit, factor)
        }
        Some("mass") if largest.abs() >= 1e4 => fixed("t", 1e3),
        Some("mass") => fixed("kg", 1.0),
        Some("area") => fixed("m\u{b2}", 1.0),
        Some("length") => prefixed("m", 1.0),
        Some("angle") => fixed("deg", std::f64::consts::PI / 180.0),
        Some("money") => {
            let words = [(1e12, "trillion USD"), (1e9, "billion USD"), (1e6, "million USD")];
            let (factor, unit) = words.into_iter().find(|(factor, _)| largest.abs() >= *factor).unwrap_or((1.0, "USD"));
            fixed(unit, factor)
        }
        Some("price of energy") => fixed("USD/MWh", 1.0 / 3.6e9),
        Some("price per mass") => fixed("USD/kg", 1.0),
        Some("power") => prefixed("W", 1.0),
        Some("work") => prefixed("FLOP", 1.0),
        Some("work rate") => prefixed("FLOP/s", 1.0),
        Some("data") => prefixed("bit", 1.0),
        Some("data rate") => prefixed("bit/s", 1.0),
        Some("frequency") => prefixed("Hz", 1.0),
        Some("absorbed dose") => prefixed("Gy", 1.0),
        Some("heat capacity") => prefixed("J/K", 1.0),
        Some("thermal conductance") => fixed("W/K", 1.0),
        Some("irradiance") => fixed("W/m\u{b2}", 1.0),
        Some("speed") => fixed("m/s", 1.0),
        Some("gain or loss") => fixed("dB", 1.0),
        _ => PLAIN,
    }
}

/// A number as a person reads it, with its unit: `human(6.048e5, Some("duration"))` is "7 d".
///
/// `dimension` is a quantity's own name for what it measures; a number without one is bare.
#[must_use]
pub fn human(value: f64, dimension: Option<&str>) -> String {
    if !value.is_finite() {
        return value.to_string();
    }
    let shown = shown(dimension, value);
    format!("{} {}", significant(shown.of(value), 4), shown.unit).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use sunward_units::*;

    use super::*;

    #[test]
    fn numbers_read_as_a_person_writes_them() {
        let of = |value: f64, dimension: &str| human(value, Some(dimension));
        assert_eq!(of(604_800.0, Seconds::DIMENSION), "7 d");
        assert_eq!(of(4.5e12, Joules::DIMENSION), "1.25 GWh");
        assert_eq!(of(2.5e-12, Joules::DIMENSION), "2.5 pJ");
        assert_eq!(of(358.15, Kelvin::DIMENSION), "85 \u{b0}C");
        assert_eq!(of(0.1234, Ratio::DIMENSION), "12.34 %");
        assert_eq!(of(5.08e19, Flops::DIMENSION), "50.8 EFLOP");
        assert_eq!(of(12_345_678.0, Usd::DIMENSION), "12.35 million USD");
        assert_eq!(of(-950.0, Usd::DIMENSION), "-950 USD");
        assert_eq!(of(60.0, Kilograms::DIMENSION), "60 kg");
        assert_eq!(of(0.05 / 3.6e6, UsdPerJoule::DIMENSION), "50 USD/MWh");
        assert_eq!(of(0.0, Watts::DIMENSION), "0 W");
        assert_eq!((human(363.0, None).as_str(), human(f64::NAN, None).as_str()), ("363", "NaN"));
    }
}
