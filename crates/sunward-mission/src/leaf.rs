//! The values that keys take: names, text, counts, numbers, flags, quantities, times, element sets.

use std::fmt;

use sunward_astro::elements::{CatalogNumber, DragTerm, Elements, ElementsError, MeanMotion, read_tle};
use sunward_astro::time::{Instant, TimeError};
use sunward_catalog::{KilogramsPerJoule, KilogramsPerSecond, UsdPerSecond, UsdPerWatt};
use sunward_units::*;
use toml::de::DeValue;
use toml::value::Datetime;

use crate::fault::FaultKind;
use crate::form::{Bounds, Kind, Leaf, Problem, as_written, constant};

fn problem<T>(kind: FaultKind, message: String, help: Option<&str>) -> Result<T, Problem> {
    Err(Problem::new(kind, message).with_help(help.map(str::to_owned)))
}

fn text<'a>(value: &'a DeValue<'_>, expected: &str) -> Result<&'a str, Problem> {
    match value.as_str() {
        Some(text) => Ok(text),
        None => problem(FaultKind::WrongType, format!("got a {}; expected {expected}", value.type_str()), None),
    }
}

/// The name of a thing in the mission or of an entry of the catalog.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

impl Name {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Greatest length of a [`Name`].
pub(crate) const NAME_LENGTH_MAX: usize = 64;

impl Leaf for Name {
    fn kind() -> Kind {
        Kind::Name
    }
    fn read(value: &DeValue<'_>) -> Result<Self, Problem> {
        let name = text(value, "a name as text")?;
        let letters = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
        if letters && (1..=NAME_LENGTH_MAX).contains(&name.len()) {
            return Ok(Self(name.to_owned()));
        }
        let expected =
            format!("expected 1..={NAME_LENGTH_MAX} of the letters a-z, A-Z, digits, \"-\", \"_\" and \".\"");
        problem(FaultKind::Form, format!("name {name:?} is not a name; {expected}"), None)
    }
    fn canonical(&self) -> toml::Value {
        self.0.as_str().into()
    }
    fn placeholder() -> Self {
        Self(String::new())
    }
}

impl Leaf for String {
    fn kind() -> Kind {
        Kind::Text
    }
    fn read(value: &DeValue<'_>) -> Result<Self, Problem> {
        let text = text(value, "text in quotes")?;
        if text.trim().is_empty() || text.chars().any(char::is_control) {
            return problem(FaultKind::Form, format!("text {text:?} is not one line of text"), None);
        }
        Ok(text.to_owned())
    }
    fn canonical(&self) -> toml::Value {
        self.as_str().into()
    }
    fn placeholder() -> Self {
        String::new()
    }
}

impl Leaf for bool {
    fn kind() -> Kind {
        Kind::Flag
    }
    fn read(value: &DeValue<'_>) -> Result<Self, Problem> {
        let expected = || format!("got a {}; expected true or false, without quotes", value.type_str());
        value.as_bool().ok_or_else(|| Problem::new(FaultKind::WrongType, expected()))
    }
    fn canonical(&self) -> toml::Value {
        (*self).into()
    }
    fn placeholder() -> Self {
        false
    }
}

macro_rules! count {
    ($($Type:ident),+) => { $(
        impl Leaf for $Type {
            fn kind() -> Kind {
                Kind::Count
            }
            fn read(value: &DeValue<'_>) -> Result<Self, Problem> {
                let got = as_written(value);
                let Some(number) = value.as_integer() else {
                    let message = format!("{} {got} is not a whole number", value.type_str());
                    return problem(FaultKind::WrongType, message, Some("write it without quotes, point and exponent: 7_000_000"));
                };
                $Type::from_str_radix(number.as_str(), number.radix()).or_else(|_| {
                    problem(FaultKind::OutOfRange, format!("{got} is outside 0..={}", $Type::MAX.min(i64::MAX as $Type)), None)
                })
            }
            fn canonical(&self) -> toml::Value {
                toml::Value::Integer(*self as i64)
            }
            fn placeholder() -> Self {
                0
            }
            fn outside(&self, bounds: Bounds) -> bool {
                !(constant(bounds.0)..=constant(bounds.1)).contains(self)
            }
        }
    )+ };
}
count!(u32, u64);

impl Leaf for f64 {
    fn kind() -> Kind {
        Kind::Number
    }
    fn read(value: &DeValue<'_>) -> Result<Self, Problem> {
        let got = as_written(value);
        match bare_number(value) {
            Some(number) if number.is_finite() => Ok(number),
            Some(_) => problem(FaultKind::OutOfRange, format!("number {got} is not finite"), None),
            None => problem(FaultKind::WrongType, format!("got a {}; expected a number", value.type_str()), None),
        }
    }
    fn canonical(&self) -> toml::Value {
        (*self).into()
    }
    fn placeholder() -> Self {
        0.0
    }
    fn outside(&self, bounds: Bounds) -> bool {
        !(constant(bounds.0)..=constant(bounds.1)).contains(self)
    }
}

fn bare_number(value: &DeValue<'_>) -> Option<f64> {
    match value {
        DeValue::Float(number) => number.as_str().parse().ok(),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok().map(|whole| whole as f64),
        _ => None,
    }
}

/// Reads a quantity from text with a unit; a bare number will do for one without dimension.
fn read_quantity<Q: Quantity>(value: &DeValue<'_>) -> Result<Q, Problem> {
    let example = Q::UNITS[0].name;
    if bare_number(value).is_none() && !value.is_str() {
        let message =
            format!("got a {}; expected {} as text, for example \"1.5 {example}\"", value.type_str(), Q::DIMENSION);
        return problem(FaultKind::WrongType, message, None);
    }
    let written = as_written(value);
    if bare_number(value).is_some_and(|number| !number.is_finite()) {
        return problem(FaultKind::OutOfRange, format!("{} {written} is not finite", Q::DIMENSION), None);
    }
    written.parse::<Q>().map_err(|error| {
        let bare = matches!(error, QuantityError::MissingUnit { .. });
        let kind =
            if matches!(error, QuantityError::NotFinite { .. }) { FaultKind::OutOfRange } else { FaultKind::Unit };
        let help =
            bare.then(|| format!("write the unit behind the number, in quotes, for example \"{written} {example}\""));
        Problem::new(kind, error.to_string()).with_help(help)
    })
}

macro_rules! quantities {
    ($($Type:ident),+ $(,)?) => { $(
        impl Leaf for $Type {
            fn kind() -> Kind {
                Kind::Quantity { dimension: Self::DIMENSION, units: Self::UNITS.iter().map(|unit| unit.name).collect() }
            }
            fn read(value: &DeValue<'_>) -> Result<Self, Problem> {
                read_quantity(value)
            }
            fn canonical(&self) -> toml::Value {
                format!("{} {}", self.0, Self::UNITS[0].name).trim_end().into()
            }
            fn placeholder() -> Self {
                Self::from_si(0.0)
            }
            fn outside(&self, bounds: Bounds) -> bool {
                !(constant(bounds.0)..=constant(bounds.1)).contains(self)
            }
        }
    )+ };
}
quantities!(
    Bits,
    BitsPerSecond,
    Decibels,
    Flops,
    Hertz,
    Joules,
    JoulesPerKelvin,
    Kelvin,
    Kilograms,
    KilogramsPerJoule,
    KilogramsPerSecond,
    Meters,
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
    Watts,
    WattsPerKelvin,
    WattsPerSquareMeter,
);

/// The text of a time, from text or from TOML's own date and time.
fn time_text(value: &DeValue<'_>, expected: &str) -> Result<String, Problem> {
    match value.as_datetime() {
        Some(time) => Ok(time.to_string()),
        None => text(value, expected).map(str::to_owned),
    }
}

fn instant(read: Result<Instant, TimeError>) -> Result<Instant, Problem> {
    read.map_err(|error| {
        let kind = if matches!(error, TimeError::OutOfRange { .. }) { FaultKind::OutOfRange } else { FaultKind::Form };
        Problem::new(kind, error.to_string())
    })
}

impl Leaf for Instant {
    fn kind() -> Kind {
        Kind::Instant
    }
    fn read(value: &DeValue<'_>) -> Result<Self, Problem> {
        let text = time_text(value, "a date and time in UTC as text, for example \"2026-07-26T04:00:00Z\"")?;
        instant(Instant::from_utc_text(&text))
    }
    fn canonical(&self) -> toml::Value {
        format!("{self:.9}").into()
    }
    fn placeholder() -> Self {
        Self::J2000
    }
}

/// The epoch of an orbit mean-elements message: a date and time in UTC, which the standard writes without a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub Instant);

impl Leaf for Epoch {
    fn kind() -> Kind {
        Kind::Epoch
    }
    fn read(value: &DeValue<'_>) -> Result<Self, Problem> {
        let text = time_text(value, "a date and time in UTC as text, for example \"2026-07-26T03:50:49.844160\"")?;
        instant(Instant::from_civil_text(text.trim_end_matches('Z'))).map(Self)
    }
    fn canonical(&self) -> toml::Value {
        format!("{:.9}", self.0).trim_end_matches('Z').into()
    }
    fn placeholder() -> Self {
        Self(Instant::J2000)
    }
}

/// A time of day, as the time since midnight.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct LocalTime(pub Seconds);

impl Leaf for LocalTime {
    fn kind() -> Kind {
        Kind::LocalTime
    }
    fn read(value: &DeValue<'_>) -> Result<Self, Problem> {
        let expected = "a time of day as text, for example \"06:00\"";
        let written = time_text(value, expected)?;
        let refused = || {
            let message = format!("{written:?} is not a time of day; expected for example \"06:00\"");
            Problem::new(FaultKind::Form, message)
        };
        let parts = written.trim().parse::<Datetime>().map_err(|_| refused())?;
        match (parts.date, parts.time) {
            (None, Some(time)) => {
                let whole =
                    u32::from(time.hour) * 3600 + u32::from(time.minute) * 60 + u32::from(time.second.unwrap_or(0));
                Ok(Self(Seconds(f64::from(whole) + f64::from(time.nanosecond.unwrap_or(0)) * 1e-9)))
            }
            _ => problem(
                FaultKind::Form,
                format!("{} is not a time of day; expected for example \"06:00\"", as_written(value)),
                None,
            ),
        }
    }
    fn canonical(&self) -> toml::Value {
        let nanoseconds = (self.0.0 * 1e9).round() as u64;
        let (whole, nanoseconds) = (nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000);
        let clock = format!("{:02}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
        let text = if nanoseconds == 0 { clock } else { format!("{clock}.{nanoseconds:09}") };
        text.into()
    }
    fn placeholder() -> Self {
        Self(Seconds::ZERO)
    }
}

/// A two-line element set, with a name before it or not.
#[derive(Debug, Clone, PartialEq)]
pub struct ElementSet {
    /// Its lines without blanks around them, joined by newlines.
    pub text: String,
    /// The elements they hold.
    pub elements: Elements,
}

impl Leaf for ElementSet {
    fn kind() -> Kind {
        Kind::TwoLines
    }
    fn read(value: &DeValue<'_>) -> Result<Self, Problem> {
        let written = text(value, "the two lines of an element set as text")?;
        let elements = read_tle(written).map_err(|error| {
            let part = match &error {
                ElementsError::At { line, column, got, .. } | ElementsError::Epoch { line, column, got, .. } => {
                    Some([*line, *column, got.chars().count().max(1)])
                }
                _ => None,
            };
            Problem { part, ..Problem::new(FaultKind::Elements, format!("element set, {error}")) }
        })?;
        let lines = written.lines().map(str::trim).filter(|line| !line.is_empty());
        Ok(Self { text: lines.collect::<Vec<_>>().join("\n"), elements })
    }
    fn canonical(&self) -> toml::Value {
        self.text.as_str().into()
    }
    fn placeholder() -> Self {
        let elements = Elements {
            name: None,
            catalog_number: CatalogNumber(0),
            designator: None,
            epoch: Instant::J2000,
            mean_motion: MeanMotion(0.0),
            eccentricity: Ratio::ZERO,
            inclination: Radians::ZERO,
            right_ascension: Radians::ZERO,
            argument_of_perigee: Radians::ZERO,
            mean_anomaly: Radians::ZERO,
            drag_term: DragTerm(0.0),
        };
        Self { text: String::new(), elements }
    }
}
