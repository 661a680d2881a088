//! A run that is a mission: its text with some keys set anew, compiled, flown with modelled payloads, and summed up.
//!
//! A variable is a key path such as `site[0].thermal.radiator_area` or `mission.seed`, or a value of a part of the catalog as the
//! mission's list of assumptions names it, such as `site[0].array.cell.efficiency`: the latter becomes an `[[override]]` of the
//! mission. A metric is the path of a number of `summary.json`, such as `work.delivered`, `energy.per_work`, `bound.power` or
//! `jobs.NAME.progress`.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use serde::Deserialize;
use sunward_catalog::Catalog;
use sunward_mission::world::{Assumption, World};
use sunward_mission::{Key, Kind, Mission};
use sunward_sim::summary::Summary;
use sunward_sim::{Almanac, Control as Onward, Outcome};
use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, TableLike};

use crate::StudyError;
use crate::analyse::Better;
use crate::distribution::{Distribution, Value};
use crate::metrics::{Measure, measures};
use crate::optimise::{Bound, Constraint, Objective};
use crate::quantity::{Scale, scale};
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

/// Amounts of two quantities that go together: each `per` of the variable `of` adds `adds` to the value that follows.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Addend {
    /// Key of the variable.
    pub of: String,
    /// How much of the variable.
    pub per: Written,
    /// Adds how much to the value.
    pub adds: Written,
}

/// A value of the mission that follows from the variables: what the mission has, and for each addend
/// `adds / per * (variable - what the mission has of it)`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Follower {
    /// Key path of the mission.
    pub key: String,
    /// What it follows from.
    pub from: Vec<Addend>,
}

/// What a search aims at: `{ maximise = "work.delivered" }` or `{ minimise = "launched" }`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Aim {
    /// The metric is to be great.
    Maximise(String),
    /// The metric is to be small.
    Minimise(String),
}

/// What a design must keep to: `{ metric = "heat.chip_max", at_most = "85 degC" }`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// The metric.
    pub metric: String,
    /// Greatest value.
    #[serde(default)]
    pub at_most: Option<Written>,
    /// Least value.
    #[serde(default)]
    pub at_least: Option<Written>,
}

/// The values of a study: assumptions and design variables are declared apart; then what follows from them, and what is aimed at.
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
    /// What follows from the design.
    #[serde(default)]
    pub follower: Vec<Follower>,
    /// What a search aims at.
    #[serde(default)]
    pub objective: Vec<Aim>,
    /// What it must keep to.
    #[serde(default)]
    pub constraint: Vec<Limit>,
}

impl Declarations {
    /// The declarations in `text`; `file` names it in errors.
    ///
    /// # Errors
    /// The first thing that does not fit.
    pub fn read(text: &str, file: &str) -> Result<Self, StudyError> {
        toml::from_str(text).map_err(|error| StudyError::Text { file: file.to_owned(), message: error.to_string() })
    }

    /// The metrics that objectives and constraints speak of, each once.
    #[must_use]
    pub fn metrics(&self) -> Vec<String> {
        let aims = self.objective.iter().map(|aim| match aim {
            Aim::Maximise(metric) | Aim::Minimise(metric) => metric,
        });
        let mut all: Vec<String> = Vec::new();
        for metric in aims.chain(self.constraint.iter().map(|limit| &limit.metric)) {
            if !all.contains(metric) {
                all.push(metric.clone());
            }
        }
        all
    }

    /// What a search aims at.
    #[must_use]
    pub fn objectives(&self) -> Vec<Objective> {
        let objective = |aim: &Aim| match aim {
            Aim::Maximise(metric) => Objective { metric: metric.clone(), better: Better::Higher },
            Aim::Minimise(metric) => Objective { metric: metric.clone(), better: Better::Lower },
        };
        self.objective.iter().map(objective).collect()
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
    /// Every key that missions have.
    keys: Vec<Key>,
    follows: Vec<Follows>,
    /// Shared by all runs.
    almanac: Arc<Almanac>,
    /// What came of the mission as it is, found when it is first asked for.
    as_is: OnceLock<(Summary, BTreeMap<String, Measure>)>,
}

/// A value that follows from variables, in SI.
#[derive(Debug, Clone)]
struct Follows {
    key: String,
    unit: String,
    /// What the mission has.
    value: f64,
    from: Vec<Slope>,
}

#[derive(Debug, Clone)]
struct Slope {
    of: String,
    /// What the mission has of the variable.
    value: f64,
    slope: f64,
}

/// Keys whose value the world decides, and no designer: general paths, and sections that end in a dot.
const WORLD_KEYS: [&str; 3] = ["environment.", "mission.seed", "radiation."];

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
        let (file, keys, follows) = (file.to_owned(), Mission::keys(), Vec::new());
        let model = Self {
            file,
            document,
            catalog,
            world,
            metrics,
            keys,
            follows,
            almanac: Arc::default(),
            as_is: OnceLock::new(),
        };
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
        Ok(measures(&self.flown(&world, &self.file)?.summary).into_keys().collect())
    }

    fn as_is(&self) -> Result<&(Summary, BTreeMap<String, Measure>), StudyError> {
        if let Some(known) = self.as_is.get() {
            return Ok(known);
        }
        let summary = self.flown(&self.world, &self.file)?.summary;
        let measured = measures(&summary);
        Ok(self.as_is.get_or_init(|| (summary, measured)))
    }

    /// What comes of the mission as it is; it is flown once, whoever asks.
    ///
    /// # Errors
    /// A mission that cannot be flown to its end.
    pub fn summary(&self) -> Result<&Summary, StudyError> {
        self.as_is().map(|(summary, _)| summary)
    }

    /// What a metric measures in the mission as it is, with its value there.
    ///
    /// # Errors
    /// A mission that cannot be flown to its end; a metric that its summary does not have.
    pub fn measure(&self, metric: &str) -> Result<Measure, StudyError> {
        let (_, all) = self.as_is()?;
        all.get(metric).copied().ok_or_else(|| unknown("metric", metric, all.keys().map(String::as_str)))
    }

    /// A value of a metric as a study file or a person writes it, in SI.
    ///
    /// # Errors
    /// As [`Self::measure`]; text that is no value of the metric.
    pub fn metric_value(&self, metric: &str, written: &Written) -> Result<f64, StudyError> {
        let refused = |reason: String| StudyError::Key { key: metric.to_owned(), reason };
        match (self.measure(metric)?.scale, written) {
            (Some(scale), Written::Text(text)) => scale.read(text).map_err(|error| refused(error.to_string())),
            (Some(scale), Written::Number(number)) if scale.unit.is_empty() => Ok(*number),
            (Some(scale), written) => Err(refused(format!("{written:?} has no unit; expected a {}", scale.dimension))),
            (None, Written::Number(number)) => Ok(*number),
            (None, Written::Text(text)) => {
                text.trim().parse().map_err(|_| refused(format!("{text:?} is no number; the metric has no unit")))
            }
            (None, Written::Flag(flag)) => Err(refused(format!("{flag} is no number"))),
        }
    }

    /// What a search must keep to.
    ///
    /// # Errors
    /// As [`Self::metric_value`]; a limit without an end.
    pub fn constraints(&self, declared: &Declarations) -> Result<Vec<Constraint>, StudyError> {
        let mut all = Vec::new();
        for Limit { metric, at_most, at_least } in &declared.constraint {
            let ends = [(at_most, Bound::AtMost as fn(f64) -> Bound), (at_least, Bound::AtLeast)];
            for (end, bound) in ends {
                if let Some(written) = end {
                    all.push(Constraint { metric: metric.clone(), bound: bound(self.metric_value(metric, written)?) });
                }
            }
            if at_most.is_none() && at_least.is_none() {
                let reason = "a constraint needs at_most or at_least".to_owned();
                return Err(StudyError::Key { key: metric.clone(), reason });
            }
        }
        Ok(all)
    }

    /// This model, in which the followers of `declared` follow the variables.
    ///
    /// # Errors
    /// Keys that are no quantities of the mission, amounts that do not fit them, an amount of nothing.
    pub fn with_followers(mut self, declared: &Declarations) -> Result<Self, StudyError> {
        let follows = declared.follower.iter().map(|follower| self.follows(follower));
        self.follows = follows.collect::<Result<_, _>>()?;
        Ok(self)
    }

    fn follows(&self, follower: &Follower) -> Result<Follows, StudyError> {
        let amount = |key: &str, written: &Written| {
            let kind = self.kind(key)?;
            let writing = Writing { key, kind: &kind };
            // Only differences count: an offset of the unit would not.
            writing.number(written).map(|number| (number, writing.unit()))
        };
        let slope = |addend: &Addend| {
            let (per, _) = amount(&addend.of, &addend.per)?;
            let (adds, _) = amount(&follower.key, &addend.adds)?;
            if per == 0.0 {
                let reason = "a follower needs an amount other than none of it".to_owned();
                return Err(StudyError::Key { key: addend.of.clone(), reason });
            }
            Ok(Slope { of: addend.of.clone(), value: self.resolved(&addend.of)?, slope: adds / per })
        };
        let kind = self.kind(&follower.key)?;
        let unit = Writing { key: &follower.key, kind: &kind }.unit().to_owned();
        let from = follower.from.iter().map(slope).collect::<Result<_, _>>()?;
        Ok(Follows { key: follower.key.clone(), unit, value: self.resolved(&follower.key)?, from })
    }

    /// The number that the mission as it is has at a key.
    fn resolved(&self, key: &str) -> Result<f64, StudyError> {
        let found = self.assumption(key).and_then(|assumption| assumption.numbers.as_ref());
        found.map(|numbers| numbers.value).ok_or_else(|| StudyError::Key {
            key: key.to_owned(),
            reason: "the mission has no such quantity to follow".to_owned(),
        })
    }

    fn assumption(&self, key: &str) -> Option<&Assumption> {
        self.world.assumptions.iter().find(|assumption| assumption.key == key)
    }

    /// Whether the mission has a value at the key: given, from the catalog, or one of a part.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.assumption(key).is_some() || place(self.document.as_table(), key).is_some()
    }

    /// What sort of value a key takes.
    fn kind(&self, key: &str) -> Result<Kind, StudyError> {
        if let Some(known) = self.mission_key(key) {
            return Ok(known.kind.clone());
        }
        let scale = self.assumption(key).and_then(|found| scale(found.numbers.as_ref()?.dimension));
        let parts = self.world.assumptions.iter().map(|assumption| assumption.key.as_str());
        let names = || self.keys.iter().map(|known| known.path.as_str()).chain(parts);
        let kind = |scale: Scale| Kind::Quantity { dimension: scale.dimension, units: vec![scale.unit] };
        scale.map(kind).ok_or_else(|| unknown("mission key", key, names()))
    }

    /// What the numbers of a key measure, in words; none for words, counts and keys that are not there.
    #[must_use]
    pub fn dimension(&self, key: &str) -> Option<&'static str> {
        match self.kind(key) {
            Ok(Kind::Quantity { dimension, .. }) => Some(dimension),
            _ => None,
        }
    }

    fn mission_key(&self, key: &str) -> Option<&Key> {
        let general = general(key);
        self.keys.iter().find(|known| known.path == general)
    }

    /// Whether no designer decides the value at a key: the world does, or the maker of a part.
    fn is_of_the_world(&self, key: &str) -> bool {
        let Some(Key { path, .. }) = self.mission_key(key) else { return true };
        WORLD_KEYS.iter().any(|known| path == known || (known.ends_with('.') && path.starts_with(known)))
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
    /// A key that the mission does not have, a value that does not fit it, a range that the catalog does not have, a design that is
    /// an assumption.
    pub fn variable(&self, declared: &Declaration, role: Role) -> Result<Variable, StudyError> {
        let kind = self.kind(&declared.key)?;
        if role == Role::Design && self.is_of_the_world(&declared.key) {
            return Err(StudyError::Assumption { key: declared.key.clone() });
        }
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
        let Some(Assumption { value, source, numbers, .. }) = self.assumption(written.key) else {
            return Err(written.refused("the world of the mission has no such assumption"));
        };
        let Some((mode, [low, high])) = numbers.as_ref().and_then(|numbers| Some((numbers.value, numbers.range?)))
        else {
            return Err(written.refused(&format!("{value} has no range (source: {source})")));
        };
        if low == high {
            return Err(written.refused(&format!("the catalog holds {value} to be exact (source: {source})")));
        }
        Ok(Distribution::Triangular { low, mode, high })
    }

    /// The mission's text with the values of `point` in it; comments and order are kept.
    ///
    /// # Errors
    /// A key whose section the mission does not have.
    pub fn text(&self, point: Point<'_>) -> Result<String, StudyError> {
        let mut document = self.document.clone();
        for (variable, value) in point.iter() {
            self.set(&mut document, &variable.key, toml_value(variable, value))?;
        }
        for follows in &self.follows {
            let value = follows.at(point)?;
            self.set(&mut document, &follows.key, format!("{value} {}", follows.unit).trim_end().into())?;
        }
        Ok(document.to_string())
    }

    /// Sets a key of the mission, or overrides the value of a part.
    fn set(&self, document: &mut DocumentMut, key: &str, value: toml_edit::Value) -> Result<(), StudyError> {
        let refused = |reason| StudyError::Key { key: key.to_owned(), reason };
        match self.mission_key(key) {
            Some(_) => set(document.as_table_mut(), key, value).map_err(refused),
            None => set_override(document, key, value).map_err(refused),
        }
    }

    /// The mission at `point`, flown with modelled payloads.
    ///
    /// # Errors
    /// As [`Self::text`]; a mission at fault; a flight that does not come to its end.
    pub fn fly(&self, point: Point<'_>) -> Result<Outcome, StudyError> {
        if point.values.is_empty() {
            return self.flown(&self.world, &self.file);
        }
        self.flown(&compiled(&self.text(point)?, OF_A_RUN, &self.catalog)?, OF_A_RUN)
    }
}

impl MissionModel {
    fn flown(&self, world: &World, file: &str) -> Result<Outcome, StudyError> {
        sunward_sim::simulate_with(world, &self.almanac, &sunward_sim::modelled, &mut |_| Onward::Continue)
            .map_err(|source| StudyError::Flight { file: file.to_owned(), source: Box::new(source) })
    }
}

impl Model for MissionModel {
    fn identity(&self) -> String {
        let World { mission_hash, catalog_hash, .. } = &self.world;
        let follows = |follows: &Follows| {
            let from = follows.from.iter().map(|slope| format!("{:?} {}", slope.slope, slope.of));
            format!(" {} follows {}", follows.key, from.collect::<Vec<_>>().join(", "))
        };
        let follows: String = self.follows.iter().map(follows).collect();
        format!("mission {mission_hash} catalog {catalog_hash}{follows}")
    }

    fn metrics(&self) -> &[String] {
        &self.metrics
    }

    /// Empty for a mission that cannot be flown as it is.
    fn unit(&self, metric: &str) -> String {
        let scale = self.measure(metric).ok().and_then(|measure| measure.scale);
        scale.map_or_else(String::new, |scale| scale.unit.to_owned())
    }

    fn run(&self, point: Point<'_>) -> Result<Vec<Option<f64>>, RunError> {
        let flown;
        let measured = if point.values.is_empty() {
            &self.as_is()?.1
        } else {
            flown = measures(&self.fly(point)?.summary);
            &flown
        };
        let metric = |name: &String| {
            let found = measured.get(name).map(|measure| measure.value);
            found.ok_or_else(|| unknown("metric", name, measured.keys().map(String::as_str)))
        };
        Ok(self.metrics.iter().map(metric).collect::<Result<_, _>>()?)
    }
}

impl Follows {
    fn at(&self, point: Point<'_>) -> Result<f64, StudyError> {
        let added = |slope: &Slope| {
            let of = point.iter().find(|(variable, _)| variable.key == slope.of);
            match of.map(|(_, value)| value.number()) {
                Some(Some(number)) => Ok(slope.slope * (number - slope.value)),
                Some(None) => {
                    Err(StudyError::Key { key: slope.of.clone(), reason: "words have no followers".to_owned() })
                }
                None => Ok(0.0),
            }
        };
        Ok(self.value + self.from.iter().map(added).sum::<Result<f64, _>>()?)
    }
}

fn compiled(text: &str, file: &str, catalog: &Catalog) -> Result<World, StudyError> {
    let compiled = Mission::read(text, file).and_then(|mission| mission.compile(catalog));
    compiled.map_err(|faults| StudyError::Mission { file: file.to_owned(), faults: Box::new(faults) })
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

/// Sets the value of a part in the mission's list of overrides.
fn set_override(document: &mut DocumentMut, key: &str, value: toml_edit::Value) -> Result<(), String> {
    let list = document.entry("override").or_insert(Item::ArrayOfTables(ArrayOfTables::new()));
    let list = list.as_array_of_tables_mut().ok_or("override is no list of sections; write [[override]]")?;
    let given = list.iter().position(|table| table.get("key").and_then(Item::as_str) == Some(key));
    let index = given.unwrap_or_else(|| {
        list.push(Table::from_iter([("key", key)]));
        list.len() - 1
    });
    // An override is text, of a bare number too.
    let text = value.as_str().map_or_else(|| value.to_string().trim().to_owned(), str::to_owned);
    let table = list.get_mut(index).ok_or("the list of overrides ends before it")?;
    table.insert("value", Item::Value(text.into()));
    Ok(())
}

/// The item at a path; none where the mission's text does not have it.
fn place<'a>(table: &'a dyn TableLike, path: &str) -> Option<&'a Item> {
    let Some((section, rest)) = path.split_once('.') else { return table.get(path) };
    let Some((name, index)) = section.split_once('[') else {
        return place(table.get(section)?.as_table_like()?, rest);
    };
    let index: usize = index.trim_end_matches(']').parse().ok()?;
    let below: &dyn TableLike = match table.get(name)? {
        Item::ArrayOfTables(tables) => tables.get(index)?,
        Item::Value(toml_edit::Value::Array(values)) => values.get(index)?.as_inline_table()?,
        _ => return None,
    };
    place(below, rest)
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
