//! Text to mission, and mission to canonical text and hash.

use toml::de::{DeTable, DeValue};

use crate::fault::{Fault, FaultKind, Faults, Source};
use crate::form::{Place, Sink, read_section, section_json, section_table};
use crate::keys::Mission;
use crate::rules;

/// Greatest size of a mission's text, bytes.
pub const MISSION_SIZE_MAX_BYTES: usize = 16 << 20;

impl Mission {
    /// The mission in `text`; `file_name` names it in faults.
    ///
    /// # Errors
    /// Every fault of the text, each with its place; only the first where the text is no TOML.
    pub fn read(text: &str, file_name: &str) -> Result<Self, Faults> {
        let whole = Place { value: (), path: String::new(), span: 0..0 };
        if text.len() > MISSION_SIZE_MAX_BYTES {
            let message = format!("mission has {} bytes; allowed are {MISSION_SIZE_MAX_BYTES}", text.len());
            return Err(Faults::new(
                &Source::new(file_name, ""),
                vec![Fault::at(&whole, FaultKind::TooLarge, message)],
            ));
        }
        let source = Source::new(file_name, text);
        let table = DeTable::parse(text).map_err(|error| {
            let place = Place { span: error.span().unwrap_or(0..0), ..whole.clone() };
            Faults::new(&source, vec![Fault::at(&place, FaultKind::Syntax, error.message())])
        })?;
        let mut sink = Sink::new(&source);
        let keys = read_section(Some(&DeValue::Table(table.into_inner())), &whole, &mut sink);
        let mission = Self { source, keys };
        rules::check(&mission, &mut sink);
        if sink.faults.is_empty() {
            return Ok(mission);
        }
        Err(Faults::new(&mission.source, sink.faults).and_more(sink.more))
    }

    /// The text the mission was read from.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Faults found after reading, such as names that the catalog lacks, in the text of this mission.
    ///
    /// # Panics
    /// Without any fault.
    #[must_use]
    pub fn faults(&self, faults: Vec<Fault>) -> Faults {
        Faults::new(&self.source, faults)
    }

    /// The mission as TOML in a fixed order, defaults filled in, quantities in SI.
    #[must_use]
    pub fn to_toml(&self) -> String {
        section_table(&self.keys).to_string()
    }

    /// The canonical mission as JSON.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        section_json(&self.keys)
    }

    /// BLAKE3 of [`Mission::to_toml`], in hexadecimal: blanks, comments, the order of keys and
    /// another unit for the same number do not change it.
    #[must_use]
    pub fn hash(&self) -> String {
        blake3::hash(self.to_toml().as_bytes()).to_hex().to_string()
    }
}

impl PartialEq for Mission {
    /// Whether two missions say the same, however they are written.
    fn eq(&self, other: &Self) -> bool {
        self.keys == other.keys
    }
}

impl serde::Serialize for Mission {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        section_table(&self.keys).serialize(serializer)
    }
}
