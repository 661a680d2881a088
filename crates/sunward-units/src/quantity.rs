//! The quantity newtypes and their text forms.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub, SubAssign};
use std::str::FromStr;

/// Why a text is not a quantity. The message names the dimension, what was read and what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// No number at the start of the text.
    #[error("{dimension} {text:?} does not start with a number; expected for example \"1.5 {example}\"")]
    NotANumber {
        /// What kind of quantity was expected.
        dimension: &'static str,
        /// The text that was read.
        text: String,
        /// A unit of that dimension.
        example: &'static str,
    },
    /// NaN or infinity.
    #[error("{dimension} {text:?} is not finite")]
    NotFinite {
        /// What kind of quantity was expected.
        dimension: &'static str,
        /// The text that was read.
        text: String,
    },
    /// A number without unit where one is needed.
    #[error("{dimension} {text:?} has no unit; expected one of {allowed}")]
    MissingUnit {
        /// What kind of quantity was expected.
        dimension: &'static str,
        /// The text that was read.
        text: String,
        /// The units of that dimension.
        allowed: String,
    },
    /// A unit of another dimension, or none at all.
    #[error("unit {unit:?} is not a unit of {dimension}; expected one of {allowed}")]
    WrongUnit {
        /// What kind of quantity was expected.
        dimension: &'static str,
        /// The unit that was read.
        unit: String,
        /// The units of that dimension.
        allowed: String,
    },
}

/// A unit: its spelling, and the factor and offset that bring it to SI (`si = value * factor + offset`).
#[derive(Debug, Clone, Copy)]
pub struct Unit {
    /// As written in text.
    pub name: &'static str,
    /// Multiplies the number.
    pub factor: f64,
    /// Added after the factor.
    pub offset: f64,
}

impl Unit {
    /// A value in this unit as the nearest number in SI: "35 %" is 0.35 to the last bit, which 35 times 0.01 is not.
    fn scale(&self, value: f64) -> f64 {
        let parts = 1.0 / self.factor;
        if self.factor < 1.0 && parts == parts.round() { value / parts } else { value * self.factor }
    }
}

/// A physical quantity: one `f64` in SI, with the units it may be written in.
pub trait Quantity: Copy + PartialOrd + fmt::Debug + fmt::Display + FromStr<Err = QuantityError> {
    /// What it measures, in words.
    const DIMENSION: &'static str;
    /// The units it can be written in; the first is the SI one.
    const UNITS: &'static [Unit];
    /// From the raw SI number.
    fn from_si(si: f64) -> Self;
    /// The raw SI number.
    fn si(self) -> f64;
}

/// Reads "1.2 kW" or "1.2kW" as a quantity `Q`; a dimensionless quantity may go without a unit.
pub fn parse<Q: Quantity>(text: &str) -> Result<Q, QuantityError> {
    let trimmed = text.trim();
    let (number, unit) = split_number(trimmed);
    let value: f64 = number.replace('_', "").parse().map_err(|_| QuantityError::NotANumber {
        dimension: Q::DIMENSION,
        text: trimmed.to_owned(),
        example: Q::UNITS[0].name,
    })?;
    let unit = find_unit::<Q>(trimmed, unit)?;
    let si = unit.scale(value) + unit.offset;
    if si.is_finite() {
        Ok(Q::from_si(si))
    } else {
        Err(QuantityError::NotFinite { dimension: Q::DIMENSION, text: trimmed.to_owned() })
    }
}

fn find_unit<Q: Quantity>(text: &str, name: &str) -> Result<&'static Unit, QuantityError> {
    if let Some(unit) = Q::UNITS.iter().find(|unit| unit.name == name) {
        return Ok(unit);
    }
    let named = |unit: &Unit| if unit.name.is_empty() { "none" } else { unit.name };
    let allowed = Q::UNITS.iter().map(named).collect::<Vec<_>>().join(", ");
    Err(if name.is_empty() {
        QuantityError::MissingUnit { dimension: Q::DIMENSION, text: text.to_owned(), allowed }
    } else {
        QuantityError::WrongUnit { dimension: Q::DIMENSION, unit: name.to_owned(), allowed }
    })
}

/// `quantity` in the unit of that name with four significant digits, `None` if it cannot be written in it.
///
/// ```
/// use sunward_units::{Joules, text_in};
/// assert_eq!(text_in(Joules(2.16e6), "kWh").as_deref(), Some("0.6 kWh"));
/// ```
#[must_use]
pub fn text_in<Q: Quantity>(quantity: Q, unit: &str) -> Option<String> {
    let unit = Q::UNITS.iter().find(|known| known.name == unit)?;
    let number = significant((quantity.si() - unit.offset) / unit.factor, 4);
    Some(format!("{number} {}", unit.name).trim_end().to_owned())
}

/// Splits "1e3km" into "1e3" and "km"; an `e` belongs to the number only when digits follow.
fn split_number(text: &str) -> (&str, &str) {
    let bytes = text.as_bytes();
    let digits = |mut at: usize| {
        while at < bytes.len() && (bytes[at].is_ascii_digit() || bytes[at] == b'_') {
            at += 1;
        }
        at
    };
    let sign = |at: usize| if at < bytes.len() && matches!(bytes[at], b'+' | b'-') { at + 1 } else { at };
    let mut end = digits(sign(0));
    if end < bytes.len() && bytes[end] == b'.' {
        end = digits(end + 1);
    }
    if end < bytes.len() && matches!(bytes[end], b'e' | b'E') {
        let exponent = sign(end + 1);
        if exponent < bytes.len() && bytes[exponent].is_ascii_digit() {
            end = digits(exponent);
        }
    }
    (&text[..end], text[end..].trim_start())
}

/// Writes the value in the largest unit that leaves at least 1 before the point, with four significant digits.
fn write<Q: Quantity>(quantity: Q, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let si = quantity.si();
    let unit = display_unit::<Q>(si);
    let value = (si - unit.offset) / unit.factor;
    let text = match f.precision() {
        Some(precision) => format!("{value:.precision$}"),
        None => significant(value, 4),
    };
    let joined = if unit.name.is_empty() { text } else { format!("{text} {}", unit.name) };
    // `Formatter::pad` would cut the text at the precision, which counts decimals here.
    match f.width() {
        Some(width) => write!(f, "{joined:>width$}"),
        None => f.write_str(&joined),
    }
}

fn display_unit<Q: Quantity>(si: f64) -> &'static Unit {
    let scaled = |unit: &Unit| (si / unit.factor).abs();
    let prefixed = Q::UNITS.iter().filter(|unit| unit.offset == 0.0 && is_decimal(unit.factor));
    let fitting = prefixed.filter(|unit| scaled(unit) >= 1.0);
    fitting.reduce(|best, unit| if unit.factor > best.factor { unit } else { best }).unwrap_or(&Q::UNITS[0])
}

fn is_decimal(factor: f64) -> bool {
    let exponent = factor.log10();
    (exponent - exponent.round()).abs() < 1e-12 && (exponent.round() as i64) % 3 == 0
}

/// `value` with `digits` significant digits, without an exponent between 1e-4 and 1e9.
#[must_use]
pub fn significant(value: f64, digits: usize) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    let magnitude = value.abs().log10().floor() as i64;
    if !(-4..9).contains(&magnitude) {
        return format!("{value:.*e}", digits - 1);
    }
    let decimals = (digits as i64 - 1 - magnitude).max(0) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

macro_rules! unit_list {
    ($($name:literal = $factor:expr $(, + $offset:expr)?);+ $(;)?) => {
        &[$(Unit { name: $name, factor: $factor, offset: 0.0 $(+ $offset)? }),+]
    };
}

macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident, $dimension:literal, [$($units:tt)+]) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default, serde::Serialize, serde::Deserialize)]
        #[repr(transparent)]
        pub struct $name(
            /// The raw value in SI.
            pub f64,
        );

        impl Quantity for $name {
            const DIMENSION: &'static str = $dimension;
            const UNITS: &'static [Unit] = unit_list![$($units)+];
            #[inline]
            fn from_si(si: f64) -> Self { Self(si) }
            #[inline]
            fn si(self) -> f64 { self.0 }
        }

        impl $name {
            /// Zero.
            pub const ZERO: Self = Self(0.0);
            /// The smaller of two.
            #[inline]
            #[must_use]
            pub fn min(self, other: Self) -> Self { Self(self.0.min(other.0)) }
            /// The larger of two.
            #[inline]
            #[must_use]
            pub fn max(self, other: Self) -> Self { Self(self.0.max(other.0)) }
            /// Magnitude.
            #[inline]
            #[must_use]
            pub fn abs(self) -> Self { Self(self.0.abs()) }
        }

        impl FromStr for $name {
            type Err = QuantityError;
            fn from_str(text: &str) -> Result<Self, QuantityError> { parse(text) }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { write(*self, f) }
        }
        impl Add for $name { type Output = Self; #[inline] fn add(self, o: Self) -> Self { Self(self.0 + o.0) } }
        impl Sub for $name { type Output = Self; #[inline] fn sub(self, o: Self) -> Self { Self(self.0 - o.0) } }
        impl Neg for $name { type Output = Self; #[inline] fn neg(self) -> Self { Self(-self.0) } }
        impl AddAssign for $name { #[inline] fn add_assign(&mut self, o: Self) { self.0 += o.0; } }
        impl SubAssign for $name { #[inline] fn sub_assign(&mut self, o: Self) { self.0 -= o.0; } }
        impl Mul<f64> for $name { type Output = Self; #[inline] fn mul(self, k: f64) -> Self { Self(self.0 * k) } }
        impl Mul<$name> for f64 { type Output = $name; #[inline] fn mul(self, q: $name) -> $name { $name(self * q.0) } }
        impl Div<f64> for $name { type Output = Self; #[inline] fn div(self, k: f64) -> Self { Self(self.0 / k) } }
        impl Div for $name { type Output = f64; #[inline] fn div(self, o: Self) -> f64 { self.0 / o.0 } }
        impl Sum for $name { fn sum<I: Iterator<Item = Self>>(all: I) -> Self { Self(all.fold(0.0, |sum, q| sum + q.0)) } }
    };
}

/// `$a * $b = $c`, with the divisions that follow from it.
macro_rules! product {
    ($($a:ident * $b:ident = $c:ident;)+) => {$(
        impl Mul<$b> for $a { type Output = $c; #[inline] fn mul(self, o: $b) -> $c { $c(self.0 * o.0) } }
        impl Mul<$a> for $b { type Output = $c; #[inline] fn mul(self, o: $a) -> $c { $c(self.0 * o.0) } }
        impl Div<$a> for $c { type Output = $b; #[inline] fn div(self, o: $a) -> $b { $b(self.0 / o.0) } }
        impl Div<$b> for $c { type Output = $a; #[inline] fn div(self, o: $b) -> $a { $a(self.0 / o.0) } }
    )+};
}

/// Julian year, 365.25 days of 86,400 s (IAU).
pub const JULIAN_YEAR_S: f64 = 31_557_600.0;
const DEGREE: f64 = std::f64::consts::PI / 180.0;

quantity! {
    /// Length.
    Meters, "length", ["m" = 1.0; "mm" = 1e-3; "um" = 1e-6; "nm" = 1e-9; "cm" = 1e-2; "km" = 1e3; "Gm" = 1e9]
}
quantity! {
    /// Area.
    SquareMeters, "area", ["m2" = 1.0; "cm2" = 1e-4; "mm2" = 1e-6; "km2" = 1e6]
}
quantity! {
    /// Speed.
    MetersPerSecond, "speed", ["m/s" = 1.0; "km/s" = 1e3]
}
quantity! {
    /// Elapsed time; an exact instant or span of the simulation is `sunward_astro::time`'s integer.
    Seconds, "duration", ["s" = 1.0; "ms" = 1e-3; "us" = 1e-6; "ns" = 1e-9; "min" = 60.0; "h" = 3600.0; "d" = 86_400.0;
        "wk" = 604_800.0; "yr" = JULIAN_YEAR_S]
}
quantity! {
    /// Mass.
    Kilograms, "mass", ["kg" = 1.0; "g" = 1e-3; "t" = 1e3; "kt" = 1e6; "Mt" = 1e9]
}
quantity! {
    /// Absolute temperature.
    Kelvin, "temperature", ["K" = 1.0; "degC" = 1.0, + 273.15]
}
quantity! {
    /// Power.
    Watts, "power", ["W" = 1.0; "mW" = 1e-3; "uW" = 1e-6; "kW" = 1e3; "MW" = 1e6; "GW" = 1e9; "TW" = 1e12]
}
quantity! {
    /// Energy.
    Joules, "energy", ["J" = 1.0; "kJ" = 1e3; "MJ" = 1e6; "GJ" = 1e9; "Wh" = 3600.0; "kWh" = 3.6e6; "MWh" = 3.6e9;
        "GWh" = 3.6e12; "TWh" = 3.6e15]
}
quantity! {
    /// Power per area.
    WattsPerSquareMeter, "irradiance", ["W/m2" = 1.0; "kW/m2" = 1e3]
}
quantity! {
    /// Heat capacity.
    JoulesPerKelvin, "heat capacity", ["J/K" = 1.0; "kJ/K" = 1e3; "MJ/K" = 1e6]
}
quantity! {
    /// Thermal conductance.
    WattsPerKelvin, "thermal conductance", ["W/K" = 1.0; "kW/K" = 1e3]
}
quantity! {
    /// Plane angle.
    Radians, "angle", ["rad" = 1.0; "mrad" = 1e-3; "urad" = 1e-6; "deg" = DEGREE; "arcmin" = DEGREE / 60.0;
        "arcsec" = DEGREE / 3600.0]
}
quantity! {
    /// Frequency.
    Hertz, "frequency", ["Hz" = 1.0; "kHz" = 1e3; "MHz" = 1e6; "GHz" = 1e9; "THz" = 1e12]
}
quantity! {
    /// Amount of data. A byte is 8 bits; "GB" is 1e9 bytes, "GiB" 2^30.
    Bits, "data", ["bit" = 1.0; "kbit" = 1e3; "Mbit" = 1e6; "Gbit" = 1e9; "Tbit" = 1e12; "B" = 8.0; "kB" = 8e3; "MB" = 8e6;
        "GB" = 8e9; "TB" = 8e12; "PB" = 8e15; "KiB" = 8192.0; "MiB" = 8_388_608.0; "GiB" = 8_589_934_592.0]
}
quantity! {
    /// Data rate.
    BitsPerSecond, "data rate", ["bit/s" = 1.0; "kbit/s" = 1e3; "Mbit/s" = 1e6; "Gbit/s" = 1e9; "Tbit/s" = 1e12;
        "B/s" = 8.0; "MB/s" = 8e6; "GB/s" = 8e9; "TB/s" = 8e12]
}
quantity! {
    /// Number of floating-point operations.
    Flops, "work", ["FLOP" = 1.0; "kFLOP" = 1e3; "MFLOP" = 1e6; "GFLOP" = 1e9; "TFLOP" = 1e12; "PFLOP" = 1e15; "EFLOP" = 1e18; "ZFLOP" = 1e21;
        "PFLOP-day" = 8.64e19]
}
quantity! {
    /// Rate of floating-point operations.
    FlopsPerSecond, "work rate", ["FLOP/s" = 1.0; "GFLOP/s" = 1e9; "TFLOP/s" = 1e12; "PFLOP/s" = 1e15; "EFLOP/s" = 1e18]
}
quantity! {
    /// Absorbed dose (1 Gy = 100 rad).
    Grays, "absorbed dose", ["Gy" = 1.0; "rad" = 0.01; "krad" = 10.0; "Mrad" = 1e4]
}
quantity! {
    /// Money in US dollars; the price year stands beside it.
    Usd, "money", ["USD" = 1.0; "kUSD" = 1e3; "MUSD" = 1e6; "GUSD" = 1e9; "TUSD" = 1e12]
}
quantity! {
    /// Price of mass delivered.
    UsdPerKilogram, "price per mass", ["USD/kg" = 1.0; "USD/t" = 1e-3]
}
quantity! {
    /// Price of energy; kept in USD per joule.
    UsdPerJoule, "price of energy", ["USD/J" = 1.0; "USD/kWh" = 1.0 / 3.6e6; "USD/MWh" = 1.0 / 3.6e9]
}
quantity! {
    /// A share or factor without dimension; text may give percent or decibels' linear value.
    Ratio, "ratio", ["" = 1.0; "%" = 0.01]
}
quantity! {
    /// A relative change per second; text gives it per year.
    PerSecond, "rate", ["1/s" = 1.0; "1/h" = 1.0 / 3600.0; "1/d" = 1.0 / 86_400.0; "1/yr" = 1.0 / JULIAN_YEAR_S;
        "%/yr" = 0.01 / JULIAN_YEAR_S]
}
quantity! {
    /// A relative change per kelvin.
    PerKelvin, "temperature coefficient", ["1/K" = 1.0; "%/K" = 0.01]
}
quantity! {
    /// A ratio of powers in decibels (kept in dB: the one quantity whose arithmetic adds where powers multiply).
    Decibels, "gain or loss", ["dB" = 1.0; "dBi" = 1.0]
}
quantity! {
    /// Mass per area.
    KilogramsPerSquareMeter, "areal mass", ["kg/m2" = 1.0]
}

product! {
    Watts * Seconds = Joules;
    WattsPerSquareMeter * SquareMeters = Watts;
    JoulesPerKelvin * Kelvin = Joules;
    WattsPerKelvin * Kelvin = Watts;
    BitsPerSecond * Seconds = Bits;
    FlopsPerSecond * Seconds = Flops;
    MetersPerSecond * Seconds = Meters;
    UsdPerKilogram * Kilograms = Usd;
    UsdPerJoule * Joules = Usd;
    KilogramsPerSquareMeter * SquareMeters = Kilograms;
}

impl Meters {
    /// Area of a rectangle of two lengths.
    #[inline]
    #[must_use]
    pub fn times(self, other: Self) -> SquareMeters {
        SquareMeters(self.0 * other.0)
    }
}

impl Radians {
    /// From degrees.
    #[inline]
    #[must_use]
    pub fn from_degrees(degrees: f64) -> Self {
        Self(degrees * DEGREE)
    }
    /// In degrees.
    #[inline]
    #[must_use]
    pub fn degrees(self) -> f64 {
        self.0 / DEGREE
    }
}

impl Kelvin {
    /// From degrees Celsius.
    #[inline]
    #[must_use]
    pub fn from_celsius(celsius: f64) -> Self {
        Self(celsius + 273.15)
    }
    /// In degrees Celsius.
    #[inline]
    #[must_use]
    pub fn celsius(self) -> f64 {
        self.0 - 273.15
    }
}

impl Decibels {
    /// As a ratio of powers.
    #[inline]
    #[must_use]
    pub fn linear(self) -> f64 {
        10f64.powf(self.0 / 10.0)
    }
    /// From a ratio of powers.
    #[inline]
    #[must_use]
    pub fn from_linear(ratio: f64) -> Self {
        Self(10.0 * ratio.log10())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_with_and_without_space_reads_the_same() {
        for (text, si) in [("650 km", 650e3), ("650km", 650e3), ("6.5e2km", 650e3), ("-1 m", -1.0), ("1_000 m", 1000.0)]
        {
            assert_eq!(text.parse::<Meters>(), Ok(Meters(si)), "{text}");
        }
        assert_eq!("0.8 Wh".parse(), Ok(Joules(2880.0)));
        assert!(("35 degC".parse::<Kelvin>().unwrap().0 - 308.15).abs() < 1e-12);
        assert!(("0.04 USD/kWh".parse::<UsdPerJoule>().unwrap().0 * 3.6e6 - 0.04).abs() < 1e-15);
        assert_eq!("35 %".parse(), Ok(Ratio(0.35)));
        assert_eq!("0.9".parse(), Ok(Ratio(0.9)));
    }

    #[test]
    fn wrong_text_is_refused_with_what_was_expected() {
        let message = |text: &str| text.parse::<Watts>().unwrap_err().to_string();
        assert_eq!(message("1.2"), "power \"1.2\" has no unit; expected one of W, mW, uW, kW, MW, GW, TW");
        assert_eq!(message("1.2 km"), "unit \"km\" is not a unit of power; expected one of W, mW, uW, kW, MW, GW, TW");
        assert!(message("abc").contains("does not start with a number"));
        assert!(message("NaN W").contains("does not start with a number"));
        assert!(message("1e999 W").contains("is not finite"));
        assert!(message("").contains("does not start with a number"));
    }

    #[test]
    fn display_picks_the_unit_a_person_would() {
        assert_eq!(Watts(1234.5).to_string(), "1.234 kW");
        assert_eq!(Meters(650e3).to_string(), "650 km");
        assert_eq!(Watts(0.0).to_string(), "0 W");
        assert_eq!(Ratio(1.2).to_string(), "1.2");
        assert_eq!(Decibels(30.0).to_string(), "30 dB");
        assert_eq!(format!("{:.1}", Kelvin(308.25)), "308.2 K");
    }

    #[test]
    fn display_reads_back() {
        for si in [1e-3, 0.5, 1.0, 999.0, 1.5e6, 7.25e12] {
            assert_eq!(Watts(si).to_string().parse(), Ok(Watts(si)));
        }
    }
}
