//! A value that says where it comes from, and how far it may be wrong.

use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};
use sunward_units::Quantity;

/// How a value came to be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Printed in the source.
    Published,
    /// Measured, and reported by the source.
    Measured,
    /// Computed from figures of the source; the reason gives the arithmetic.
    Derived,
    /// A choice of this catalog where nothing is public; the reason says why this value and this range.
    Assumption,
}

impl Kind {
    /// As written in data files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Measured => "measured",
            Self::Derived => "derived",
            Self::Assumption => "assumption",
        }
    }
}

/// A quantity with its range, `low <= value <= high`, and its origin.
///
/// In TOML: `{ value = "350 W", range = ["300 W", "350 W"], source = "nvidia-h100-datasheet", kind = "published" }`.
/// `source` names an entry of the bibliography, which adds title and date. The range is written in the value's unit. A value without `range` is exact as far as
/// its source tells. A derived value needs a `reason`; an assumption needs a `reason` and a `range`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Valued<Q> {
    /// Central value.
    pub value: Q,
    /// Lowest plausible value.
    pub low: Q,
    /// Highest plausible value.
    pub high: Q,
    /// The central value as written, for example "350 W".
    pub text: String,
    /// Title of the source.
    pub source: String,
    /// Date of the source: "2023", "2023-10" or "2023-10-31".
    pub date: String,
    /// How the value is known.
    pub kind: Kind,
    /// Arithmetic or argument; empty where the source alone suffices.
    pub reason: String,
}

/// A choice that is no quantity (a name, a count, an orientation), with its origin.
///
/// In TOML: `{ value = "nadir", source = "platform-design", kind = "assumption", reason = "..." }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Chosen<T> {
    /// The choice.
    pub value: T,
    /// Title of the source.
    pub source: String,
    /// Date of the source.
    pub date: String,
    /// How the choice is known.
    pub kind: Kind,
    /// Argument for the choice; empty where the source alone suffices.
    pub reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenChoice<T> {
    value: T,
    source: String,
    date: String,
    kind: Kind,
    #[serde(default)]
    reason: String,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Chosen<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let WrittenChoice { value, source, date, kind, reason } = WrittenChoice::deserialize(deserializer)?;
        check_reason(kind, &reason).map_err(D::Error::custom)?;
        Ok(Self { value, source, date, kind, reason })
    }
}

fn check_reason(kind: Kind, reason: &str) -> Result<(), String> {
    match kind {
        Kind::Assumption | Kind::Derived if reason.is_empty() => Err(format!("kind {:?} needs a reason", kind.name())),
        _ => Ok(()),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    value: String,
    range: Option<[String; 2]>,
    source: String,
    date: String,
    kind: Kind,
    #[serde(default)]
    reason: String,
}

impl<'de, Q: Quantity> Deserialize<'de> for Valued<Q> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Written::deserialize(deserializer)?.check().map_err(D::Error::custom)
    }
}

impl Written {
    fn check<Q: Quantity>(self) -> Result<Valued<Q>, String> {
        let read = |text: &str| text.parse::<Q>().map_err(|error| error.to_string());
        let value = read(&self.value)?;
        let (low, high) = match &self.range {
            Some([low, high]) => (read(low)?, read(high)?),
            None => (value, value),
        };
        let unit = number_and_unit(&self.value).1;
        if self.range.iter().flatten().any(|end| number_and_unit(end).1 != unit) {
            return Err(format!("the range of {} is not written in {unit:?}", self.value));
        }
        if !(low <= value && value <= high) {
            return Err(format!("value {value} is outside its range {low} to {high}"));
        }
        if self.kind == Kind::Assumption && self.range.is_none() {
            return Err(format!("assumption {} has no range", self.value));
        }
        check_reason(self.kind, &self.reason)?;
        let Self { value: text, source, date, kind, reason, .. } = self;
        Ok(Valued { value, low, high, text, source, date, kind, reason })
    }
}

/// The number and the unit of "350 W"; a text that is no number has no unit.
pub(crate) fn number_and_unit(text: &str) -> (&str, &str) {
    match text.split_once(' ') {
        Some((number, unit)) if number.replace('_', "").parse::<f64>().is_ok() => (number, unit),
        _ => (text, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sunward_units::Watts;

    fn read(text: &str) -> Result<Valued<Watts>, String> {
        #[derive(Deserialize)]
        struct Holder {
            v: Valued<Watts>,
        }
        toml::from_str::<Holder>(text).map(|holder| holder.v).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn a_value_keeps_its_text_and_becomes_si() {
        let v = read(
            r#"v = { value = "0.35 kW", range = ["0.30 kW", "0.35 kW"], source = "s", date = "2023", kind = "published" }"#,
        );
        let v = v.unwrap();
        assert_eq!((v.value, v.low, v.high), (Watts(350.0), Watts(300.0), Watts(350.0)));
        assert_eq!((v.text.as_str(), v.kind, v.reason.as_str()), ("0.35 kW", Kind::Published, ""));
        let exact = read(r#"v = { value = "1 W", source = "s", date = "2023", kind = "measured" }"#).unwrap();
        assert_eq!((exact.low, exact.high), (Watts(1.0), Watts(1.0)));
    }

    #[test]
    fn a_choice_needs_a_reason_as_a_value_does() {
        let read = |text: &str| toml::from_str::<Chosen<u32>>(text).map_err(|error| error.message().to_owned());
        let text = "value = 2\nsource = \"s\"\ndate = \"2023\"\nkind = \"assumption\"\n";
        assert_eq!(read(text), Err("kind \"assumption\" needs a reason".to_owned()));
        assert_eq!(read(&format!("{text}reason = \"r\"")).map(|choice| choice.value), Ok(2));
        assert!(read(&format!("{text}range = 1")).unwrap_err().contains("unknown field `range`"));
    }

    #[test]
    fn a_value_that_cannot_be_trusted_is_refused() {
        let faults = [
            (
                r#"value = "1 W", range = ["2 W", "3 W"], source = "s", date = "2023", kind = "published""#,
                "outside its range",
            ),
            (
                r#"value = "4 W", range = ["2 W", "3 W"], source = "s", date = "2023", kind = "published""#,
                "outside its range",
            ),
            (
                r#"value = "1 W", range = ["2 W", "0 W"], source = "s", date = "2023", kind = "published""#,
                "outside its range",
            ),
            (
                r#"value = "1 kW", range = ["900 W", "2 kW"], source = "s", date = "2023", kind = "published""#,
                "not written in \"kW\"",
            ),
            (r#"value = "1 W", source = "s", date = "2023", kind = "assumption", reason = "r""#, "has no range"),
            (
                r#"value = "1 W", range = ["1 W", "2 W"], source = "s", date = "2023", kind = "assumption""#,
                "needs a reason",
            ),
            (r#"value = "1 W", source = "s", date = "2023", kind = "derived""#, "needs a reason"),
            (r#"value = "1 m", source = "s", date = "2023", kind = "published""#, "not a unit of power"),
            (r#"value = "1", source = "s", date = "2023", kind = "published""#, "has no unit"),
            (r#"value = "1 W", date = "2023", kind = "published""#, "missing field `source`"),
            (r#"value = "1 W", source = "s", kind = "published""#, "missing field `date`"),
            (r#"value = "1 W", source = "s", date = "2023", kind = "guess""#, "unknown variant `guess`"),
            (r#"value = "1 W", source = "s", date = "2023", kind = "published", rang = 1"#, "unknown field `rang`"),
        ];
        for (text, expected) in faults {
            let message = read(&format!("v = {{ {text} }}")).unwrap_err();
            assert!(message.contains(expected), "{text}: {message}");
        }
    }
}
