//! A run that is a mission: its text with some keys set anew, compiled, flown with modelled payloads, and summed up.
//!
//! A variable is a key path such as `site[0].thermal.radiator_area` or `mission.seed`; a metric is the path of a number of
//! `summary.json`, such as `work.delivered`, `energy.per_work`, `bound.power` or `jobs.NAME.progress`.

use std::collections::BTreeMap;

use serde::Deserialize;
use sunward_catalog::Catalog;
use sunward_mission::world::{Assumption, World};
use sunward_mission::{Key, Kind, Mission};
use sunward_sim::summary::Summary;
use sunward_sim::{Control as Onward, Outcome};
use toml_edit::{DocumentMut, Item, Table, TableLike};

use crate::StudyError;
use crate::distribution::{Distribution, Value};
use crate::quantity::scale;
use crate::run::{Model, Point, RunError};
use crate::space::{Role, Shared, Space, Variable, unknown};

/// A value as a study file writes it: `"650 km"`, `0.9`, `"h100-pcie"`, `true`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Written {
    /// A bare number.
    Number(f64),
    /// true or false.
    Flag(bool),
    /// A quantity with its unit, or a word.
    Text(String),
}

/// How a value is spread, as a study file writes it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Spread {
    /// Triangular over the lowest, central and highest value of the catalog's assumption.
    Catalog,
    /// Between two ends alike.
    Uniform([Written; 2]),
    /// Lowest, likeliest, highest.
    Triangular([Written; 3]),
    /// By the quantiles at `tail` and 1 - `tail`.
    Lognormal {
        /// Quantile at `tail`.
        low: Written,
        /// Quantile at 1 - `tail`.
        high: Written,
        /// Probability of either tail.
        tail: f64,
    },
    /// One of these, all alike.
    Values(Vec<Written>),
    /// One of these, each with its weight.
    Weighted(Vec<(Written, f64)>),
}

/// One uncertain or chosen value, as a study file writes it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declaration {
    /// Key path of the mission.
    pub key: String,
    /// How it is spread.
    pub spread: Spread,
    /// The cause it shares with others.
    #[serde(default)]
    pub cause: Option<String>,
    /// Spearman's rank correlation with the cause; 1 if absent.
    #[serde(default)]
    pub rank_correlation: Option<f64>,
}

/// The values of a study: assumptions and design variables are declared apart.
///
/// ```
/// let text = r#"
/// [[assumption]]
/// key = "site[0].power.bus_load"
/// spread = "catalog"
///
/// [[design]]
/// key = "site[0].array.area"
/// spread = { uniform = ["0.5 m2", "2 m2"] }
/// "#;
/// let declared = sunward_study::mission::Declarations::read(text, "study.toml")?;
/// assert_eq!((declared.assumption.len(), declared.design.len()), (1, 1));
/// # Ok::<(), sunward_study::StudyError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declarations {
    /// What the world decides.
    #[serde(default)]
    pub assumption: Vec<Declaration>,
    /// What the designer decides.
    #[serde(default)]
    pub design: Vec<Declaration>,
}

impl Declarations {
    /// The declarations in `text`; `file` names it in errors.
    ///
    /// # Errors
    /// The first thing that does not fit.
    pub fn read(text: &str, file: &str) -> Result<Self, StudyError> {
        toml::from_str(text).map_err(|error| StudyError::Text { file: file.to_owned(), message: error.to_string() })
    }
}

/// What a run's errors call its mission. They are rows of the study, which are the same wherever the mission's file lies.
const OF_A_RUN: &str = "the mission with these values";

/// A mission as a model of a study.
#[derive(Debug, Clone)]
pub struct MissionModel {
    file: String,
    document: DocumentMut,
    catalog: Catalog,
    world: World,
    metrics: Vec<String>,
}

impl MissionModel {
    /// The mission in `text`, called `file` in errors, looked up in `catalog`, with the `metrics` that are asked of each run.
    ///
    /// # Errors
    /// A mission at fault, one that cannot be flown for a step, a metric that its summary does not have.
    pub fn read(text: &str, file: &str, catalog: Catalog, metrics: &[&str]) -> Result<Self, StudyError> {
        let world = compiled(text, file, &catalog)?;
        let message =
            |error: toml_edit::TomlError| StudyError::Text { file: file.to_owned(), message: error.to_string() };
        let document = text.parse::<DocumentMut>().map_err(message)?;
        let metrics = metrics.iter().map(|&metric| metric.to_owned()).collect();
        let model = Self { file: file.to_owned(), document, catalog, world, metrics };
        let known = model.metric_names()?;
        let names = || known.iter().map(String::as_str);
        match model.metrics.iter().find(|metric| !known.contains(metric)) {
            Some(odd) => Err(unknown("metric", odd, names())),
            None => Ok(model),
        }
    }

    /// The world of the mission as it is.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.world
    }

    /// Every metric that a run of this mission can be asked for, in the order of the alphabet; found by flying one step.
    ///
    /// # Errors
    /// A mission that cannot be flown.
    pub fn metric_names(&self) -> Result<Vec<String>, StudyError> {
        let world = World { steps: 1, ..self.world.clone() };
        Ok(numbers(&flown(&world, &self.file)?.summary).into_keys().collect())
    }

    /// The variables of `declared`, assumptions first.
    ///
    /// # Errors
    /// As [`Self::variable`] and [`Space::new`].
    pub fn space(&self, declared: &Declarations) -> Result<Space, StudyError> {
        let assumptions = declared.assumption.iter().map(|each| (each, Role::Assumption));
        let designs = declared.design.iter().map(|each| (each, Role::Design));
        let variables = assumptions.chain(designs).map(|(each, role)| self.variable(each, role));
        Space::new(variables.collect::<Result<_, _>>()?)
    }

    /// The variable that `declared` means in this mission; numbers come out in SI.
    ///
    /// # Errors
    /// A key that missions do not have, a value that does not fit it, a range that the catalog does not have.
    pub fn variable(&self, declared: &Declaration, role: Role) -> Result<Variable, StudyError> {
        let kind = kind(&declared.key)?;
        let written = Writing { key: &declared.key, kind: &kind };
        let distribution = match &declared.spread {
            Spread::Catalog => self.catalog_range(&written)?,
            Spread::Uniform([low, high]) => {
                Distribution::Uniform { low: written.number(low)?, high: written.number(high)? }
            }
            Spread::Triangular([low, mode, high]) => Distribution::Triangular {
                low: written.number(low)?,
                mode: written.number(mode)?,
                high: written.number(high)?,
            },
            Spread::Lognormal { low, high, tail } => {
                Distribution::LogNormal { low: written.number(low)?, high: written.number(high)?, tail: *tail }
            }
            Spread::Values(all) => {
                Distribution::choice(all.iter().map(|one| written.value(one)).collect::<Result<_, _>>()?)
            }
            Spread::Weighted(all) => Distribution::Discrete {
                values: all.iter().map(|(one, _)| written.value(one)).collect::<Result<_, _>>()?,
                weights: all.iter().map(|(_, weight)| *weight).collect(),
            },
        };
        let shared = match (&declared.cause, declared.rank_correlation) {
            (Some(cause), rank) => Some(Shared { cause: cause.clone(), rank_correlation: rank.unwrap_or(1.0) }),
            (None, None) => None,
            (None, Some(_)) => return Err(written.refused("rank_correlation is given, but no cause")),
        };
        let unit = written.unit().to_owned();
        let whole = matches!(kind, Kind::Count);
        Ok(Variable { key: declared.key.clone(), unit, role, whole, distribution, shared })
    }

    /// Triangular over the assumption of the world that bears the key.
    fn catalog_range(&self, written: &Writing<'_>) -> Result<Distribution, StudyError> {
        let found = self.world.assumptions.iter().find(|assumption| assumption.key == written.key);
        let Some(Assumption { value, low, high, source, .. }) = found else {
            return Err(written.refused("the world of the mission has no such assumption"));
        };
        let (Some(low), Some(high)) = (low, high) else {
            return Err(written.refused(&format!("{value} has no range (source: {source})")));
        };
        if low == high {
            return Err(written.refused(&format!("the catalog holds {value} to be exact (source: {source})")));
        }
        let [mode, low, high] = [value, low, high].map(|text| written.number(&Written::Text(text.clone())));
        // The ends are told to four digits, so that one that is the value itself may come out beyond it.
        let mode = mode?;
        Ok(Distribution::Triangular { low: low?.min(mode), mode, high: high?.max(mode) })
    }

    /// The mission's text with the values of `point` in it; comments and order are kept.
    ///
    /// # Errors
    /// A key whose section the mission does not have.
    pub fn text(&self, point: Point<'_>) -> Result<String, StudyError> {
        let mut document = self.document.clone();
        for (variable, value) in point.iter() {
            set(document.as_table_mut(), &variable.key, toml_value(variable, value))
                .map_err(|reason| StudyError::Key { key: variable.key.clone(), reason })?;
        }
        Ok(document.to_string())
    }

    /// The mission at `point`, flown with modelled payloads.
    ///
    /// # Errors
    /// As [`Self::text`]; a mission at fault; a flight that does not come to its end.
    pub fn fly(&self, point: Point<'_>) -> Result<Outcome, StudyError> {
        if point.values.is_empty() {
            return flown(&self.world, &self.file);
        }
        flown(&compiled(&self.text(point)?, OF_A_RUN, &self.catalog)?, OF_A_RUN)
    }
}

impl Model for MissionModel {
    fn identity(&self) -> String {
        format!("mission {} catalog {}", self.world.mission_hash, self.world.catalog_hash)
    }

    fn metrics(&self) -> &[String] {
        &self.metrics
    }

    fn run(&self, point: Point<'_>) -> Result<Vec<Option<f64>>, RunError> {
        let numbers = numbers(&self.fly(point)?.summary);
        let metric = |name: &String| {
            let found = numbers.get(name).copied();
            found.ok_or_else(|| unknown("metric", name, numbers.keys().map(String::as_str)))
        };
        Ok(self.metrics.iter().map(metric).collect::<Result<_, _>>()?)
    }
}

fn flown(world: &World, file: &str) -> Result<Outcome, StudyError> {
    sunward_sim::simulate(world, &sunward_sim::modelled, &mut |_| Onward::Continue)
        .map_err(|source| StudyError::Flight { file: file.to_owned(), source: Box::new(source) })
}

fn compiled(text: &str, file: &str, catalog: &Catalog) -> Result<World, StudyError> {
    let compiled = Mission::read(text, file).and_then(|mission| mission.compile(catalog));
    compiled.map_err(|faults| StudyError::Mission { file: file.to_owned(), faults: Box::new(faults) })
}

/// The number at every path of a summary; none where a number does not exist. Elements of a list go by their name; series of numbers
/// (latencies, losses) are no metrics.
#[must_use]
pub fn numbers(summary: &Summary) -> BTreeMap<String, Option<f64>> {
    let mut found = BTreeMap::new();
    let json = serde_json::to_value(summary).expect("a summary has no key that is not text");
    add_numbers(&json, String::new(), &mut found);
    found
}

fn add_numbers(json: &serde_json::Value, path: String, found: &mut BTreeMap<String, Option<f64>>) {
    use serde_json::Value as Json;
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match json {
        Json::Number(number) => drop(found.insert(path, number.as_f64())),
        Json::Null => drop(found.insert(path, None)),
        Json::Object(members) => members.iter().for_each(|(name, member)| add_numbers(member, below(name), found)),
        Json::Array(elements) => {
            for element in elements {
                match (element.get("name").and_then(Json::as_str), element.as_array().map(Vec::as_slice)) {
                    (Some(name), _) => add_numbers(element, below(name), found),
                    (None, Some([Json::String(name), number])) => add_numbers(number, below(name), found),
                    _ => {}
                }
            }
        }
        Json::String(_) | Json::Bool(_) => {}
    }
}

/// What sort of value a mission's key takes.
fn kind(key: &str) -> Result<Kind, StudyError> {
    let general = general(key);
    let keys = Mission::keys();
    let found = keys.iter().find(|known| known.path == general).map(|Key { kind, .. }| kind.clone());
    found.ok_or_else(|| unknown("mission key", key, keys.iter().map(|known| known.path.as_str())))
}

/// `site[0].array.area` as the list of keys has it: `site[].array.area`.
fn general(key: &str) -> String {
    let mut inside = false;
    let keeps = |letter: &char| {
        inside = (inside || *letter == '[') && *letter != ']';
        !inside || *letter == '['
    };
    key.chars().filter(keeps).collect()
}

/// Reads values as a key takes them.
struct Writing<'a> {
    key: &'a str,
    kind: &'a Kind,
}

impl Writing<'_> {
    fn refused(&self, reason: &str) -> StudyError {
        StudyError::Key { key: self.key.to_owned(), reason: reason.to_owned() }
    }

    fn unit(&self) -> &'static str {
        match self.kind {
            Kind::Quantity { dimension, .. } => scale(dimension).map_or("", |scale| scale.unit),
            _ => "",
        }
    }

    /// A number in SI, or a word.
    fn value(&self, written: &Written) -> Result<Value, StudyError> {
        match (self.kind, written) {
            (Kind::Quantity { .. } | Kind::Count | Kind::Number, _) => self.number(written).map(Value::Number),
            (_, Written::Text(word)) => Ok(Value::Word(word.clone())),
            (Kind::Flag, Written::Flag(flag)) => Ok(Value::Word(flag.to_string())),
            (_, Written::Number(_) | Written::Flag(_)) => {
                Err(self.refused(&format!("{written:?} is no value of it; expected text")))
            }
        }
    }

    fn number(&self, written: &Written) -> Result<f64, StudyError> {
        match (self.kind, written) {
            (Kind::Quantity { dimension, .. }, written) => {
                let text = match written {
                    Written::Text(text) => text.clone(),
                    Written::Number(number) => number.to_string(),
                    Written::Flag(flag) => flag.to_string(),
                };
                let scale = scale(dimension).ok_or_else(|| self.refused(&format!("a {dimension} cannot be drawn")))?;
                scale.read(&text).map_err(|error| self.refused(&error.to_string()))
            }
            (Kind::Count, Written::Number(number)) if number.fract() == 0.0 => Ok(*number),
            // The world's table tells a count as text.
            (Kind::Count, Written::Text(text)) if text.parse::<u32>().is_ok() => Ok(text.parse().unwrap_or(f64::NAN)),
            (Kind::Number, Written::Number(number)) => Ok(*number),
            (Kind::Count, _) => Err(self.refused(&format!("{written:?} is no whole number"))),
            _ => Err(self.refused("it takes words, which can only be spread by `values` or `weighted`")),
        }
    }
}

/// A value as a mission writes it.
fn toml_value(variable: &Variable, value: &Value) -> toml_edit::Value {
    match value {
        Value::Number(number) if variable.whole => (*number as i64).into(),
        Value::Number(number) if variable.unit.is_empty() => (*number).into(),
        Value::Number(number) => format!("{number} {}", variable.unit).into(),
        Value::Word(word) => match word.as_str() {
            "true" => true.into(),
            "false" => false.into(),
            word => word.into(),
        },
    }
}

/// Sets the key at `path` below `table`, sections that are missing on the way included.
fn set(table: &mut dyn TableLike, path: &str, value: toml_edit::Value) -> Result<(), String> {
    let Some((section, rest)) = path.split_once('.') else {
        match table.get_mut(path).and_then(Item::as_value_mut) {
            Some(old) => {
                let around = old.decor().clone();
                *old = value;
                *old.decor_mut() = around;
            }
            None => drop(table.insert(path, Item::Value(value))),
        }
        return Ok(());
    };
    let Some((name, index)) = section.split_once('[') else {
        if !table.contains_key(section) {
            table.insert(section, Item::Table(Table::new()));
        }
        let below = table.get_mut(section).and_then(Item::as_table_like_mut);
        return set(below.ok_or_else(|| format!("{section} is no section"))?, rest, value);
    };
    let index: usize =
        index.trim_end_matches(']').parse().map_err(|_| format!("{section} has no place in its list"))?;
    let list = table.get_mut(name).ok_or_else(|| format!("the mission has no {name}"))?;
    let below: Option<&mut dyn TableLike> = match list {
        Item::ArrayOfTables(tables) => tables.get_mut(index).map(|table| table as &mut dyn TableLike),
        Item::Value(toml_edit::Value::Array(values)) => {
            let table = values.get_mut(index).and_then(toml_edit::Value::as_inline_table_mut);
            table.map(|table| table as &mut dyn TableLike)
        }
        _ => None,
    };
    set(below.ok_or_else(|| format!("the mission has no {section}"))?, rest, value)
}
