//! Orbit ephemeris messages: a series of states as text for other tools.
//!
//! **Source**: CCSDS 502.0-B-2, *Orbit Data Messages* (2009), section 5 (keyword-value notation, version 2.0); frames by the
//! names of its annex A: TEME, and TDR (true of date, rotating) for [`crate::frames`]'s Earth-fixed axes.
//!
//! Kilometres with six decimals (1 mm) and km/s with nine, UTC with as many decimals as the instants need.
//!
//! **Not modelled**: accelerations, covariance, several segments.

use std::fmt::Write;

use crate::state::{State, States};
use crate::time::{Instant, Span};

/// Why no message can be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OemError {
    /// A text that a line cannot hold.
    #[error("{keyword} {got:?}: expected 1 to 80 printable ASCII characters without blanks at the ends")]
    Text {
        /// As in CCSDS 502.0-B.
        keyword: &'static str,
        /// The text given.
        got: String,
    },
    /// The step of the series.
    #[error("step {got}: expected more than 0 s")]
    Step {
        /// The step given.
        got: Span,
    },
    /// A message needs states to interpolate between.
    #[error("{got} states: expected at least 2")]
    TooFew {
        /// The number given.
        got: usize,
    },
    /// A state that is not a number, as after decay.
    #[error("row {row} of the states is not finite")]
    NotFinite {
        /// The first such row.
        row: usize,
    },
}

/// Axes of the states in a message; the origin is the Earth's centre.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OemFrame {
    /// True equator, mean equinox of date.
    Teme,
    /// Earth-fixed without polar motion.
    EarthFixed,
}

/// What a message says besides the states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OemHeader<'a> {
    /// Who wrote it.
    pub originator: &'a str,
    /// When it was written.
    pub created: Instant,
    /// Name of the object.
    pub object_name: &'a str,
    /// International designator.
    pub object_id: &'a str,
    /// Axes of the states.
    pub frame: OemFrame,
}

/// The message for `states` at `start`, `start + step`, ...
///
/// # Errors
/// [`OemError`] when a text does not fit a line, the step is not positive, or a state is missing or not finite.
pub fn write_oem(header: &OemHeader<'_>, start: Instant, step: Span, states: &States) -> Result<String, OemError> {
    check_text("ORIGINATOR", header.originator)?;
    check_text("OBJECT_NAME", header.object_name)?;
    check_text("OBJECT_ID", header.object_id)?;
    if step <= Span::ZERO {
        return Err(OemError::Step { got: step });
    }
    if states.len() < 2 {
        return Err(OemError::TooFew { got: states.len() });
    }
    let frame = match header.frame {
        OemFrame::Teme => "TEME",
        OemFrame::EarthFixed => "TDR",
    };
    let decimals = if (start - Instant::J2000).0 % 1_000_000 == 0 && step.0 % 1_000_000 == 0 { 3 } else { 9 };
    let time = |at: Instant| format!("{at:.decimals$}").trim_end_matches('Z').to_owned();
    let stop = start + step * (states.len() as i64 - 1);
    let mut text = format!(
        "CCSDS_OEM_VERS = 2.0\nCREATION_DATE = {}\nORIGINATOR = {}\n\nMETA_START\nOBJECT_NAME = {}\nOBJECT_ID = {}\n\
         CENTER_NAME = EARTH\nREF_FRAME = {frame}\nTIME_SYSTEM = UTC\nSTART_TIME = {}\nSTOP_TIME = {}\nMETA_STOP\n\n",
        time(header.created),
        header.originator,
        header.object_name,
        header.object_id,
        time(start),
        time(stop),
    );
    for row in 0..states.len() {
        let State { position: [x, y, z], velocity: [vx, vy, vz] } = states.get(row);
        let values = [x.0, y.0, z.0, vx.0, vy.0, vz.0].map(|value| value / 1e3);
        if values.iter().any(|value| !value.is_finite()) {
            return Err(OemError::NotFinite { row });
        }
        let ([x, y, z, vx, vy, vz], at) = (values, time(start + step * row as i64));
        writeln!(text, "{at} {x:.6} {y:.6} {z:.6} {vx:.9} {vy:.9} {vz:.9}").expect("a String takes any text");
    }
    Ok(text)
}

fn check_text(keyword: &'static str, text: &str) -> Result<(), OemError> {
    let printable = text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    let fits = printable && (1..=80).contains(&text.len()) && text.trim() == text;
    if fits { Ok(()) } else { Err(OemError::Text { keyword, got: text.to_owned() }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sunward_units::{Meters, MetersPerSecond};

    fn header() -> OemHeader<'static> {
        let created = Instant::from_utc_text("2026-07-26T00:00:00Z").unwrap();
        OemHeader { originator: "SUNWARD", created, object_name: "AI 1", object_id: "2026-001A", frame: OemFrame::Teme }
    }

    fn start() -> Instant {
        Instant::from_utc_text("2026-07-26T04:00:00Z").unwrap()
    }

    fn states() -> States {
        let mut states = States::zeros(3);
        for row in 0..3 {
            let k = row as f64;
            let position = [7e6 + k, 0.0 - 1.5 * k, 123.4564].map(Meters);
            states.columns().set(row, State { position, velocity: [1e-3 * k, -7.5e3, 0.1].map(MetersPerSecond) });
        }
        states
    }

    /// Read by the Python package oem 0.4.5 (`OrbitEphemerisMessage.open`) as one segment of three TEME states.
    #[test]
    fn the_message_is_this_text() {
        let expected = "CCSDS_OEM_VERS = 2.0\nCREATION_DATE = 2026-07-26T00:00:00.000\nORIGINATOR = SUNWARD\n\nMETA_START\n\
            OBJECT_NAME = AI 1\nOBJECT_ID = 2026-001A\nCENTER_NAME = EARTH\nREF_FRAME = TEME\nTIME_SYSTEM = UTC\n\
            START_TIME = 2026-07-26T04:00:00.000\nSTOP_TIME = 2026-07-26T04:02:00.000\nMETA_STOP\n\n\
            2026-07-26T04:00:00.000 7000.000000 0.000000 0.123456 0.000000000 -7.500000000 0.000100000\n\
            2026-07-26T04:01:00.000 7000.001000 -0.001500 0.123456 0.000001000 -7.500000000 0.000100000\n\
            2026-07-26T04:02:00.000 7000.002000 -0.003000 0.123456 0.000002000 -7.500000000 0.000100000\n";
        assert_eq!(write_oem(&header(), start(), Span::MINUTE, &states()).unwrap(), expected);
    }

    #[test]
    fn times_and_states_read_back() {
        let (start, step) = (start() + Span(1), Span(61_000_000_007));
        let earth_fixed = OemHeader { frame: OemFrame::EarthFixed, ..header() };
        let text = write_oem(&earth_fixed, start, step, &states()).unwrap();
        assert!(text.contains("\nREF_FRAME = TDR\n"));
        let (meta, data) = text.split_once("META_STOP\n\n").unwrap();
        assert!(meta.contains("STOP_TIME = 2026-07-26T04:02:02.000000015\n"));
        for (row, line) in data.lines().enumerate() {
            let (time, numbers) = line.split_once(' ').unwrap();
            assert_eq!(Instant::from_civil_text(time), Ok(start + step * row as i64));
            let numbers: Vec<f64> = numbers.split(' ').map(|number| number.parse().unwrap()).collect();
            let expected = states().get(row);
            for axis in 0..3 {
                assert!((numbers[axis] * 1e3 - expected.position[axis].0).abs() <= 5.1e-4);
                assert!((numbers[axis + 3] * 1e3 - expected.velocity[axis].0).abs() <= 5.1e-7);
            }
        }
        assert_eq!(data.lines().count(), 3);
    }

    #[test]
    fn bad_input_is_refused() {
        let refused = |header: &OemHeader<'_>, step, states: &States| {
            write_oem(header, start(), step, states).unwrap_err().to_string()
        };
        let good = states();
        for name in ["", " A", "A\nMETA_STOP", "caf\u{e9}"] {
            let message = refused(&OemHeader { object_name: name, ..header() }, Span::MINUTE, &good);
            assert_eq!(
                message,
                format!("OBJECT_NAME {name:?}: expected 1 to 80 printable ASCII characters without blanks at the ends")
            );
        }
        assert!(refused(&OemHeader { object_id: "", ..header() }, Span::MINUTE, &good).starts_with("OBJECT_ID"));
        assert!(refused(&OemHeader { originator: "", ..header() }, Span::MINUTE, &good).starts_with("ORIGINATOR"));
        assert_eq!(refused(&header(), Span::ZERO, &good), "step 0 s: expected more than 0 s");
        assert_eq!(refused(&header(), Span::MINUTE, &States::zeros(1)), "1 states: expected at least 2");
        let mut lost = states();
        lost.vy[1] = MetersPerSecond(f64::NAN);
        assert_eq!(refused(&header(), Span::MINUTE, &lost), "row 1 of the states is not finite");
    }
}
