//! Orbit mean-elements messages, in JSON and in keyword-value notation.
//!
//! **Source**: CCSDS 502.0-B-2, *Orbit Data Messages* (2009), section 4; the JSON form is the one that CelesTrak and
//! Space-Track publish (one object, or an array of objects, with the same keywords).
//!
//! **Not modelled**: covariance, spacecraft parameters and user-defined values, which are skipped like any further keyword.

use std::collections::BTreeMap;

use sunward_units::{Radians, Ratio};

use super::{CatalogNumber, DragTerm, Elements, ElementsError, MeanMotion};
use crate::time::Instant;

/// Keywords and the only value taken for each; the keyword-value form must have them.
const METADATA: [(&str, &str); 4] =
    [("CENTER_NAME", "EARTH"), ("REF_FRAME", "TEME"), ("TIME_SYSTEM", "UTC"), ("MEAN_ELEMENT_THEORY", "SGP4")];

/// The elements of every message in a JSON text: one object or an array of them; numbers may stand in quotes.
///
/// # Errors
/// One [`ElementsError`] for each faulty message.
pub fn read_omm_json(text: &str) -> Result<Vec<Elements>, Vec<ElementsError>> {
    let json: serde_json::Value = serde_json::from_str(text).map_err(|error| {
        vec![ElementsError::Json { line: error.line(), column: error.column(), problem: error.to_string() }]
    })?;
    let objects = match json {
        serde_json::Value::Array(objects) => objects,
        object => vec![object],
    };
    let (mut all, mut errors) = (Vec::new(), Vec::new());
    for (index, object) in objects.iter().enumerate() {
        match read_object(index + 1, object) {
            Ok(elements) => all.push(elements),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(all) } else { Err(errors) }
}

fn read_object(message: usize, object: &serde_json::Value) -> Result<Elements, ElementsError> {
    let Some(object) = object.as_object() else {
        let (got, expected) = (object.to_string(), "a JSON object".to_owned());
        return Err(ElementsError::Keyword { message, keyword: "message", got, expected });
    };
    let text = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Null => None,
        other => Some(other.to_string()),
    };
    let values = object.iter().filter_map(|(keyword, value)| Some((keyword.clone(), text(value)?))).collect();
    Message { number: message, values }.elements(false)
}

/// The elements of one message in keyword-value notation.
///
/// # Errors
/// [`ElementsError`] naming the line or the keyword.
pub fn read_omm_kvn(text: &str) -> Result<Elements, ElementsError> {
    let mut values = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        let (number, line) = (index + 1, line.trim());
        if line.is_empty() || line.starts_with("COMMENT") {
            continue;
        }
        let refuse = |expected: &str| ElementsError::At {
            line: number,
            column: 1,
            got: line.to_owned(),
            expected: expected.to_owned(),
        };
        let (keyword, value) = line.split_once('=').ok_or_else(|| refuse("KEYWORD = value"))?;
        if values.is_empty() && keyword.trim() != "CCSDS_OMM_VERS" {
            return Err(refuse("CCSDS_OMM_VERS first"));
        }
        if values.insert(keyword.trim().to_owned(), value.trim().to_owned()).is_some() {
            return Err(refuse("each keyword once"));
        }
    }
    Message { number: 1, values }.elements(true)
}

struct Message {
    /// From 1.
    number: usize,
    values: BTreeMap<String, String>,
}

impl Message {
    fn error(&self, keyword: &'static str, got: &str, expected: &str) -> ElementsError {
        ElementsError::Keyword { message: self.number, keyword, got: got.to_owned(), expected: expected.to_owned() }
    }

    fn text(&self, keyword: &'static str, expected: &str) -> Result<&str, ElementsError> {
        let value = self.values.get(keyword).map(String::as_str).filter(|value| !value.is_empty());
        value.ok_or_else(|| self.error(keyword, "nothing", expected))
    }

    /// A number, with its unit in brackets or without.
    fn number(&self, keyword: &'static str, unit: &str) -> Result<f64, ElementsError> {
        let expected = format!("a number [{unit}]");
        let text = self.text(keyword, &expected)?;
        let (number, given) = text.split_once('[').unwrap_or((text, ""));
        let given = given.trim_end_matches(']').trim();
        let number = number.trim().parse::<f64>().ok().filter(|number| number.is_finite());
        let right_unit = given.is_empty() || given == unit;
        number.filter(|_| right_unit).ok_or_else(|| self.error(keyword, &format!("{text:?}"), &expected))
    }

    fn degrees(&self, keyword: &'static str, most: f64) -> Result<Radians, ElementsError> {
        let value = self.number(keyword, "deg")?;
        let inside = (-most..=most).contains(&value);
        let expected = format!("{}..={most} deg", -most);
        inside.then(|| Radians::from_degrees(value)).ok_or_else(|| self.error(keyword, &value.to_string(), &expected))
    }

    fn elements(&self, metadata_needed: bool) -> Result<Elements, ElementsError> {
        for (keyword, only) in METADATA {
            match self.values.get(keyword) {
                Some(value) if value == only => {}
                None if !metadata_needed => {}
                other => {
                    let got = other.map_or("nothing".to_owned(), |value| format!("{value:?}"));
                    return Err(self.error(keyword, &got, only));
                }
            }
        }
        let epoch = self.text("EPOCH", "a UTC time")?;
        let civil = epoch.strip_suffix('Z').unwrap_or(epoch);
        let number = self.text("NORAD_CAT_ID", "a catalog number")?;
        let catalog_number = number.parse().ok().filter(|&number| number <= 999_999_999);
        let given = |keyword: &str| self.values.get(keyword).filter(|value| !value.is_empty()).cloned();
        Elements {
            name: given("OBJECT_NAME"),
            catalog_number: CatalogNumber(
                catalog_number.ok_or_else(|| self.error("NORAD_CAT_ID", &format!("{number:?}"), "0..=999999999"))?,
            ),
            designator: given("OBJECT_ID"),
            epoch: Instant::from_civil_text(civil)
                .map_err(|error| self.error("EPOCH", &format!("{epoch:?} ({error})"), "a UTC time"))?,
            mean_motion: MeanMotion::from_revolutions_per_day(self.number("MEAN_MOTION", "rev/day")?),
            eccentricity: Ratio(self.number("ECCENTRICITY", "1")?),
            inclination: self.degrees("INCLINATION", 180.0)?,
            right_ascension: self.degrees("RA_OF_ASC_NODE", 360.0)?,
            argument_of_perigee: self.degrees("ARG_OF_PERICENTER", 360.0)?,
            mean_anomaly: self.degrees("MEAN_ANOMALY", 360.0)?,
            drag_term: DragTerm(self.number("BSTAR", "1/ER")?),
        }
        .checked()
    }
}

#[cfg(test)]
mod tests {
    use super::super::read_tle;
    use super::*;

    const TLE: &str = "ISS (ZARYA)\n\
        1 25544U 98067A   20194.88612269 -.00002218  00000-0 -31515-4 0  9992\n\
        2 25544  51.6461 221.2784 0001413  89.1723 280.4612 15.49507896236008";
    const JSON: &str = r#"[{"OBJECT_NAME": "ISS (ZARYA)", "OBJECT_ID": "1998-067A", "EPOCH": "2020-07-12T21:16:01.000416",
        "MEAN_MOTION": 15.49507896, "ECCENTRICITY": 0.0001413, "INCLINATION": 51.6461, "RA_OF_ASC_NODE": 221.2784,
        "ARG_OF_PERICENTER": 89.1723, "MEAN_ANOMALY": 280.4612, "EPHEMERIS_TYPE": 0, "CLASSIFICATION_TYPE": "U",
        "NORAD_CAT_ID": 25544, "ELEMENT_SET_NO": 999, "REV_AT_EPOCH": 23600, "BSTAR": -0.31515e-4,
        "MEAN_MOTION_DOT": -2.218e-5, "MEAN_MOTION_DDOT": 0}]"#;
    const KVN: &str = "CCSDS_OMM_VERS = 2.0\nCOMMENT the same object\nCREATION_DATE = 2020-07-13T00:00:00\n\
        ORIGINATOR = TEST\n\nOBJECT_NAME = ISS (ZARYA)\nOBJECT_ID = 1998-067A\nCENTER_NAME = EARTH\n\
        REF_FRAME = TEME\nTIME_SYSTEM = UTC\nMEAN_ELEMENT_THEORY = SGP4\n\
        EPOCH = 2020-194T21:16:01.000416\nMEAN_MOTION = 15.49507896 [rev/day]\nECCENTRICITY = 0.0001413\n\
        INCLINATION = 51.6461 [deg]\nRA_OF_ASC_NODE = 221.2784\nARG_OF_PERICENTER = 89.1723\n\
        MEAN_ANOMALY = 280.4612\nNORAD_CAT_ID = 25544\nBSTAR = -0.000031515 [1/ER]\n";

    #[test]
    fn the_three_texts_of_one_object_read_the_same() {
        let expected = read_tle(TLE).unwrap();
        let quoted = JSON.replace("15.49507896", "\"15.49507896\"");
        for json in [JSON, JSON.trim_matches(['[', ']']), &quoted] {
            assert_eq!(read_omm_json(json).unwrap(), std::slice::from_ref(&expected));
        }
        assert_eq!(read_omm_kvn(KVN).unwrap(), expected);
    }

    #[test]
    fn wrong_messages_are_refused_with_keyword_got_and_expected() {
        let json = |from: &str, to: &str| read_omm_json(&JSON.replace(from, to)).unwrap_err()[0].to_string();
        let first = "OMM message 1, ";
        let cases = [
            (json("\"BSTAR\"", "\"BSTER\""), "BSTAR: got nothing, expected a number [1/ER]"),
            (json("280.4612", "\"north\""), "MEAN_ANOMALY: got \"north\", expected a number [deg]"),
            (json("51.6461", "181"), "INCLINATION: got 181, expected -180..=180 deg"),
            (json("25544", "-1"), "NORAD_CAT_ID: got \"-1\", expected 0..=999999999"),
            (json("07-12T", "17-12T"), "EPOCH: got \"2020-17-12T21:16:01.000416\" (month 17 is outside 1..=12)"),
            (json("\"EPHEMERIS_TYPE\": 0", "\"REF_FRAME\": \"GCRF\""), "REF_FRAME: got \"GCRF\", expected TEME"),
        ];
        for (got, expected) in cases {
            assert!(got.starts_with(&format!("{first}{expected}")), "{got}\n{expected}");
        }
        assert_eq!(json("0.0001413", "1.5"), "eccentricity 1.5 is outside 0..1");
        assert!(json("[{", "{{").starts_with("line 1, column 2: expected JSON"));
        assert!(read_omm_json("[3]").unwrap_err()[0].to_string().ends_with("got 3, expected a JSON object"));
    }

    #[test]
    fn wrong_keyword_value_lines_are_refused_with_their_line() {
        let kvn = |from: &str, to: &str| read_omm_kvn(&KVN.replace(from, to)).unwrap_err().to_string();
        assert_eq!(
            kvn("ORIGINATOR =", "ORIGINATOR"),
            "line 4, column 1: got \"ORIGINATOR TEST\", expected KEYWORD = value"
        );
        assert!(kvn("CCSDS_OMM_VERS = 2.0\n", "").contains("expected CCSDS_OMM_VERS first"));
        assert!(kvn("RA_OF_ASC_NODE", "INCLINATION").contains("expected each keyword once"));
        assert!(kvn("[deg]", "[rad]").contains("INCLINATION: got \"51.6461 [rad]\", expected a number [deg]"));
        assert!(kvn("TIME_SYSTEM = UTC\n", "").contains("TIME_SYSTEM: got nothing, expected UTC"));
    }
}
