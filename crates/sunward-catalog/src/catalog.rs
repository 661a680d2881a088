//! Reading the data files, and finding entries by name.

use crate::entry::{
    Accelerator, Antenna, BatteryCell, Coating, Component, Costs, Defaults, Entry, Environment, Facility, Fuel, Grid,
    Hall, Hire, Hosting, Launcher, Radiator, SolarCell, Station, Tariff,
};
use crate::platform::Platform;
use crate::view::{EntryView, view};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use toml::{Table, Value};

/// Why a name or a data file was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    /// No entry of that name.
    #[error("no {kind} is called {id:?}; did you mean {nearest}?")]
    UnknownEntry {
        /// Kind of entry looked for.
        kind: &'static str,
        /// The name that was asked for.
        id: String,
        /// The closest names, best first.
        nearest: String,
    },
    /// A file that is not TOML.
    #[error("{file}: {message}")]
    Syntax {
        /// The file.
        file: String,
        /// What the reader said.
        message: String,
    },
    /// An entry with a wrong, missing or unknown key.
    #[error("{file}: {kind} {id:?}, key {path}: {message}")]
    Entry {
        /// The file.
        file: String,
        /// Kind of entry.
        kind: String,
        /// Name of the entry.
        id: String,
        /// Dotted path of the key.
        path: String,
        /// What is wrong.
        message: String,
    },
    /// A kind that does not exist.
    #[error("{file}: {kind:?} is no kind of entry; expected one of {allowed}")]
    UnknownKind {
        /// The file.
        file: String,
        /// The key that was read.
        kind: String,
        /// The kinds there are.
        allowed: String,
    },
    /// A name used twice.
    #[error("{file}: the name {id:?} is used twice; names are unique across all kinds")]
    DuplicateId {
        /// The file of the second use.
        file: String,
        /// The name.
        id: String,
    },
    /// A name that is not lower-case words joined by hyphens.
    #[error("{file}: the name {id:?} is not kebab-case (lower-case letters and digits in words joined by hyphens)")]
    BadId {
        /// The file.
        file: String,
        /// The name.
        id: String,
    },
}

/// An entry of the bibliography.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Name used by values.
    pub id: String,
    /// Author, title, number.
    pub title: String,
    /// "2023", "2023-10" or "2023-10-31".
    pub date: String,
    /// Where it can be read.
    pub address: Option<String>,
}

macro_rules! catalog {
    ($($(#[$doc:meta])* $one:ident, $all:ident: $type:ident;)+) => {
        /// All entries, read once and never changed.
        #[derive(Debug, Clone, Default)]
        pub struct Catalog {
            sources: Vec<Source>,
            views: Vec<EntryView>,
            $($all: Vec<$type>,)+
        }

        impl Catalog {
            $(
                $(#[$doc])*
                ///
                /// # Errors
                /// An unknown name; the message lists the nearest ones.
                pub fn $one(&self, id: &str) -> Result<&$type, CatalogError> { find(&self.$all, id) }

                /// All entries of that kind, in the order of the data files.
                #[must_use]
                pub fn $all(&self) -> &[$type] { &self.$all }
            )+

            fn add(&mut self, file: &str, kind: &str, table: Table) -> Result<(), CatalogError> {
                $(if kind == <$type>::KIND {
                    self.$all.push(read(file, kind, table)?);
                    return Ok(());
                })+
                let allowed = [$(<$type>::KIND),+].join(", ");
                Err(CatalogError::UnknownKind { file: file.to_owned(), kind: kind.to_owned(), allowed })
            }
        }
    };
}

catalog! {
    /// An accelerator by name.
    accelerator, accelerators: Accelerator;
    /// A solar cell by name.
    solar_cell, solar_cells: SolarCell;
    /// A battery cell by name.
    battery_cell, battery_cells: BatteryCell;
    /// A radiator coating by name.
    coating, coatings: Coating;
    /// A radiator construction by name.
    radiator, radiators: Radiator;
    /// An environment by name; see [`Catalog::earth`].
    environment, environments: Environment;
    /// A set of defaults by name; see [`Catalog::mission_defaults`].
    defaults, all_defaults: Defaults;
    /// A ground antenna by name.
    antenna, antennas: Antenna;
    /// A ground station by name.
    station, stations: Station;
    /// A platform by name.
    platform, platforms: Platform;
    /// A launcher by name.
    launcher, launchers: Launcher;
    /// An electricity tariff by name.
    tariff, tariffs: Tariff;
    /// A fuel by name.
    fuel, fuels: Fuel;
    /// A grid by name.
    grid, grids: Grid;
    /// A terrestrial facility by name.
    facility, facilities: Facility;
    /// A terrestrial hall by name; see [`Catalog::default_hall`].
    hall, halls: Hall;
    /// A set of ledger defaults by name; see [`Catalog::cost_defaults`].
    costs, all_costs: Costs;
    /// A component price by name.
    component, components: Component;
    /// A hosting price by name.
    hosting, hostings: Hosting;
    /// An accelerator hire price by name.
    hire, hires: Hire;
}

/// The files of the built-in catalog; the first holds the bibliography.
const FILES: &[(&str, &str)] = &[
    ("sources.toml", include_str!("../data/sources.toml")),
    ("accelerators.toml", include_str!("../data/accelerators.toml")),
    ("cells.toml", include_str!("../data/cells.toml")),
    ("batteries.toml", include_str!("../data/batteries.toml")),
    ("coatings.toml", include_str!("../data/coatings.toml")),
    ("environment.toml", include_str!("../data/environment.toml")),
    ("stations.toml", include_str!("../data/stations.toml")),
    ("platforms.toml", include_str!("../data/platforms.toml")),
    ("prices.toml", include_str!("../data/prices.toml")),
];

impl Catalog {
    /// The catalog that ships with Sunward.
    ///
    /// # Panics
    /// Never: the tests of this crate read the same embedded text.
    #[must_use]
    pub fn builtin() -> Self {
        Self::parse(FILES).unwrap_or_else(|error| panic!("built-in catalog: {error}"))
    }

    /// A catalog from `(file name, TOML text)` pairs; `[[source]]` tables may stand in any file before their first use.
    ///
    /// # Errors
    /// The first fault: syntax, unknown kind, key or source, a value outside its range, a bad or repeated name.
    pub fn parse(files: &[(&str, &str)]) -> Result<Self, CatalogError> {
        let mut catalog = Self::default();
        for (file, text) in files {
            let syntax = |message: String| CatalogError::Syntax { file: (*file).to_owned(), message };
            let table: Table = text.parse().map_err(|error: toml::de::Error| syntax(error.to_string()))?;
            for (kind, entries) in table {
                let Value::Array(entries) = entries else {
                    return Err(syntax(format!("{kind:?} must be a list of tables, written [[{kind}]]")));
                };
                for entry in entries {
                    let Value::Table(entry) = entry else {
                        return Err(syntax(format!("{kind:?} must be a list of tables, written [[{kind}]]")));
                    };
                    catalog.read_entry(file, &kind, entry)?;
                }
            }
        }
        catalog.check_references()?;
        Ok(catalog)
    }

    fn check_references(&self) -> Result<(), CatalogError> {
        for station in &self.stations {
            self.antenna_of(station)?;
        }
        for platform in &self.platforms {
            self.solar_cell(&platform.array.cell.value)?;
            self.battery_cell(&platform.battery.cell.value)?;
            self.coating(&platform.thermal.radiator_coating.value)?;
            if let Some(accelerator) = &platform.compute.accelerator {
                self.accelerator(&accelerator.value)?;
            }
        }
        Ok(())
    }

    fn read_entry(&mut self, file: &str, kind: &str, mut table: Table) -> Result<(), CatalogError> {
        if kind == "source" {
            self.sources.push(read(file, kind, table)?);
            return Ok(());
        }
        let id = id_of(&table);
        if !is_kebab_case(&id) {
            return Err(CatalogError::BadId { file: file.to_owned(), id });
        }
        if self.views.iter().any(|view| view.id == id) {
            return Err(CatalogError::DuplicateId { file: file.to_owned(), id });
        }
        resolve(&mut table, &self.sources, "").map_err(|(path, message)| CatalogError::Entry {
            file: file.to_owned(),
            kind: kind.to_owned(),
            id,
            path,
            message,
        })?;
        let view = view(kind, &table);
        self.add(file, kind, table)?;
        self.views.push(view);
        Ok(())
    }

    /// Every entry with its fields as text, in the order of the data files: what a listing shows.
    #[must_use]
    pub fn entries(&self) -> &[EntryView] {
        &self.views
    }

    /// The bibliography.
    #[must_use]
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// The antenna of a station.
    ///
    /// # Errors
    /// A station of another catalog, whose antenna this one lacks.
    pub fn antenna_of(&self, station: &Station) -> Result<&Antenna, CatalogError> {
        self.antenna(&station.antenna.value)
    }

    /// The surroundings of a satellite of the Earth.
    ///
    /// # Errors
    /// A catalog without the entry `earth-orbit`.
    pub fn earth(&self) -> Result<&Environment, CatalogError> {
        self.environment("earth-orbit")
    }

    /// What a ground site may leave out.
    ///
    /// # Errors
    /// A catalog without the entry `liquid-cooled-hall`.
    pub fn default_hall(&self) -> Result<&Hall, CatalogError> {
        self.hall("liquid-cooled-hall")
    }

    /// What a ledger takes where the mission is silent.
    ///
    /// # Errors
    /// A catalog without the entry `cost-defaults`.
    pub fn cost_defaults(&self) -> Result<&Costs, CatalogError> {
        self.costs("cost-defaults")
    }

    /// What a mission file may leave out.
    ///
    /// # Errors
    /// A catalog without the entry `mission-defaults`.
    pub fn mission_defaults(&self) -> Result<&Defaults, CatalogError> {
        self.defaults("mission-defaults")
    }

    /// SHA-256 of every entry's values, ranges and origins in hexadecimal; comments and layout of the files do not count.
    #[must_use]
    pub fn hash(&self) -> String {
        let mut hasher = Sha256::new();
        for text in self.views.iter().flat_map(EntryView::texts) {
            hasher.update((text.len() as u64).to_le_bytes());
            hasher.update(text);
        }
        hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

fn id_of(table: &Table) -> String {
    table.get("id").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Reads one entry, naming the key that is wrong.
fn read<T: DeserializeOwned>(file: &str, kind: &str, table: Table) -> Result<T, CatalogError> {
    let id = id_of(&table);
    serde_path_to_error::deserialize(table).map_err(|error| CatalogError::Entry {
        file: file.to_owned(),
        kind: kind.to_owned(),
        id,
        path: error.path().to_string(),
        message: error.inner().message().to_owned(),
    })
}

/// Replaces each value's source name by title and date; the error is the key's path and the message.
fn resolve(table: &mut Table, sources: &[Source], path: &str) -> Result<(), (String, String)> {
    if let (Some(_), Some(name)) = (table.get("value"), table.get("source").and_then(Value::as_str)) {
        let source = sources.iter().find(|source| source.id == name).ok_or_else(|| {
            (
                path.to_owned(),
                format!(
                    "no source is called {name:?}; did you mean {}?",
                    nearest(sources.iter().map(|s| s.id.as_str()), name)
                ),
            )
        })?;
        table.insert("date".to_owned(), Value::String(source.date.clone()));
        table.insert("source".to_owned(), Value::String(source.title.clone()));
        return Ok(());
    }
    for (key, child) in table.iter_mut() {
        if let Value::Table(child) = child {
            let path = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
            resolve(child, sources, &path)?;
        }
    }
    Ok(())
}

fn find<'a, T: Entry>(entries: &'a [T], id: &str) -> Result<&'a T, CatalogError> {
    entries.iter().find(|entry| entry.id() == id).ok_or_else(|| CatalogError::UnknownEntry {
        kind: T::KIND,
        id: id.to_owned(),
        nearest: nearest(entries.iter().map(Entry::id), id),
    })
}

/// The three names closest to `id` by edit distance, ties in the order given.
fn nearest<'a>(names: impl Iterator<Item = &'a str>, id: &str) -> String {
    let mut names: Vec<&str> = names.collect();
    names.sort_by_key(|name| strsim::damerau_levenshtein(name, id));
    names.truncate(3);
    names.join(", ")
}

fn is_kebab_case(id: &str) -> bool {
    id.split('-').all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()))
}
