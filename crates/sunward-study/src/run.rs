//! Running a study: a table of independent runs, split into shards.
//!
//! A shard is a chunk of runs that becomes one Parquet file, named after a hash of everything that decides its content: the model,
//! the metrics, the value of every variable in each of its runs. The only state of a study is which shards its store has. So a
//! study can be stopped, killed, continued, spread over machines and extended, and ends with the same bytes.

use std::collections::BTreeSet;
use std::error::Error;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rayon::prelude::*;

use crate::StudyError;
use crate::distribution::Value;
use crate::sample::{Sampler, Sampling};
use crate::shard;
use crate::space::{Space, Variable, refuse_duplicates, unknown};
use crate::store::{Journal, Store};
use crate::table::{Input, Metric, Table};

/// Why one run failed; its text, causes included, becomes the row's error.
pub type RunError = Box<dyn Error + Send + Sync>;

/// What a run is: values in, metrics out.
pub trait Model: Sync {
    /// Changes whenever the same values could give other metrics.
    fn identity(&self) -> String;
    /// Names of the metrics, in the order in which [`Self::run`] gives them.
    fn metrics(&self) -> &[String];
    /// Unit of the numbers of a metric; empty for shares and counts.
    fn unit(&self, _metric: &str) -> String {
        String::new()
    }
    /// The metrics at a point; none where one does not exist there.
    ///
    /// # Errors
    /// Whatever goes wrong.
    fn run(&self, point: Point<'_>) -> Result<Vec<Option<f64>>, RunError>;
}

/// Variables and their values in one run.
#[derive(Debug, Clone, Copy)]
pub struct Point<'a> {
    /// The variables.
    pub variables: &'a [Variable],
    /// `[variable]`.
    pub values: &'a [Value],
}

impl<'a> Point<'a> {
    /// Each variable with its value.
    pub fn iter(&self) -> impl Iterator<Item = (&'a Variable, &'a Value)> {
        self.variables.iter().zip(self.values)
    }
}

/// A model that is a function of numbers.
#[derive(Debug, Clone)]
pub struct Function<F> {
    name: String,
    metrics: Vec<String>,
    function: F,
}

impl<F: Fn(&[f64]) -> Vec<f64> + Sync> Function<F> {
    /// The model called `name` whose metrics `function` computes from the values of the variables, in their order.
    #[must_use]
    pub fn new(name: &str, metrics: &[&str], function: F) -> Self {
        Self { name: name.to_owned(), metrics: metrics.iter().map(|&metric| metric.to_owned()).collect(), function }
    }
}

impl<F: Fn(&[f64]) -> Vec<f64> + Sync> Model for Function<F> {
    fn identity(&self) -> String {
        self.name.clone()
    }
    fn metrics(&self) -> &[String] {
        &self.metrics
    }
    fn run(&self, point: Point<'_>) -> Result<Vec<Option<f64>>, RunError> {
        let number = |(variable, value): (&Variable, &Value)| {
            value.number().ok_or_else(|| format!("{} is a word; {} takes numbers", variable.key, self.name))
        };
        let numbers = point.iter().map(number).collect::<Result<Vec<_>, _>>()?;
        Ok((self.function)(&numbers).into_iter().map(Some).collect())
    }
}

/// A model that runs no point twice: what the journal knows is taken from there. So a search that was killed goes on when it is
/// started again, for it asks for the same points in the same order.
pub struct Remembered<'a> {
    /// What is run where nothing is known.
    pub model: &'a dyn Model,
    /// What is known.
    pub journal: &'a Journal,
}

impl Remembered<'_> {
    /// A hash of everything that decides the result.
    fn key(&self, point: Point<'_>) -> String {
        let mut hasher = blake3::Hasher::new();
        let mut text = |text: &str| {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        };
        text(shard::FORMAT);
        text(&self.model.identity());
        self.model.metrics().iter().for_each(|metric| text(metric));
        for (variable, value) in point.iter() {
            text(&variable.key);
            match value {
                Value::Number(number) => text(&format!("{number:?} {}", variable.unit)),
                Value::Word(word) => text(word),
            }
        }
        hasher.finalize().to_hex()[..32].to_owned()
    }
}

/// Metrics as a line, or an error behind an exclamation mark.
fn line(outcome: &Result<Vec<Option<f64>>, String>) -> String {
    match outcome {
        Ok(metrics) => {
            let each =
                metrics.iter().map(|value| value.map_or_else(|| "none".to_owned(), |value| format!("{value:?}")));
            each.collect::<Vec<_>>().join("\t")
        }
        Err(error) => format!("!{error}"),
    }
}

/// What a line says; nothing if it is not one of `count` metrics.
fn read_line(text: &str, count: usize) -> Option<Result<Vec<Option<f64>>, String>> {
    if let Some(error) = text.strip_prefix('!') {
        return Some(Err(error.to_owned()));
    }
    let metric = |text: &str| if text == "none" { Some(None) } else { text.parse().ok().map(Some) };
    let metrics: Vec<_> = text.split('\t').map(metric).collect::<Option<_>>()?;
    (metrics.len() == count).then_some(Ok(metrics))
}

impl Model for Remembered<'_> {
    fn identity(&self) -> String {
        self.model.identity()
    }
    fn metrics(&self) -> &[String] {
        self.model.metrics()
    }
    fn unit(&self, metric: &str) -> String {
        self.model.unit(metric)
    }
    fn run(&self, point: Point<'_>) -> Result<Vec<Option<f64>>, RunError> {
        let key = self.key(point);
        let known = self.journal.get(&key).and_then(|known| read_line(&known, self.metrics().len()));
        let outcome = match known {
            Some(outcome) => outcome,
            None => {
                let outcome = outcome(self.model, point).map_err(|error| error.replace(['\n', '\r', '\t'], " "));
                self.journal.keep(&key, &line(&outcome))?;
                outcome
            }
        };
        Ok(outcome?)
    }
}

/// What to run.
#[derive(Debug, Clone)]
pub struct Study {
    /// What varies.
    pub space: Space,
    /// Which points are visited.
    pub sampling: Sampling,
    /// Seed of the draws.
    pub seed: u64,
    /// Runs in a shard: what is lost at most, for each thread, when a study is killed.
    pub shard_runs: usize,
}

/// A share of a study's shards: number `index` of `of` workers takes every `of`-th shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// From 0.
    pub index: usize,
    /// At least 1.
    pub of: usize,
}

impl Part {
    /// The whole study.
    pub const WHOLE: Self = Self { index: 0, of: 1 };

    /// All `of` parts of a study.
    pub fn all(of: usize) -> impl Iterator<Item = Self> {
        (0..of).map(move |index| Self { index, of })
    }

    fn check(self) -> Result<(), StudyError> {
        if self.index < self.of {
            return Ok(());
        }
        let allowed = format!("0 to {} (of {} parts)", self.of.saturating_sub(1), self.of);
        Err(StudyError::Size { what: "number of the part", got: self.index as u64, allowed })
    }
}

/// How far a study has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Runs done since the start, failed ones included.
    pub done: u64,
    /// Runs that were missing at the start.
    pub of: u64,
    /// Those that failed since the start.
    pub failed: u64,
}

/// Told after every run, from any thread; answers whether to go on.
pub type Observer<'a> = dyn Fn(&Progress) -> Control + Sync + 'a;

/// What the observer wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// Go on.
    Continue,
    /// Stop; whole shards are kept.
    Stop,
}

/// One shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shard {
    /// Its runs.
    pub runs: Range<usize>,
    /// Its file's name: place and hash of what decides its content.
    pub name: String,
}

/// A study with its model, resolved: every point and every shard is known.
pub struct Plan<'a> {
    model: &'a dyn Model,
    sampler: Sampler,
    shards: Vec<Shard>,
}

impl<'a> Plan<'a> {
    /// The plan of `study` with `model`.
    ///
    /// # Errors
    /// As [`Sampler::new`]; shards of no runs; a variable and a metric of one name.
    pub fn new(study: &Study, model: &'a dyn Model) -> Result<Self, StudyError> {
        if study.shard_runs == 0 {
            return Err(StudyError::Size { what: "runs of a shard", got: 0, allowed: "1 and more".to_owned() });
        }
        let keys = study.space.variables().iter().map(|variable| variable.key.as_str());
        let fixed = shard::FIXED_COLUMNS.iter().copied();
        refuse_duplicates(keys.chain(model.metrics().iter().map(String::as_str)).chain(fixed))?;
        let sampler = Sampler::new(&study.space, study.sampling, study.seed)?;
        let head = head(model, &study.space);
        let begins = (0..sampler.runs()).step_by(study.shard_runs);
        let chunks = begins.map(|begin| begin..(begin + study.shard_runs).min(sampler.runs()));
        let shards = chunks.enumerate().map(|(index, runs)| Shard { name: name(&head, &sampler, index, &runs), runs });
        let shards = shards.collect();
        Ok(Self { model, sampler, shards })
    }

    /// The shards, in order.
    #[must_use]
    pub fn shards(&self) -> &[Shard] {
        &self.shards
    }

    /// The points.
    #[must_use]
    pub fn sampler(&self) -> &Sampler {
        &self.sampler
    }

    /// A hash of the names of all shards: equal for two plans that come to the same table in the same shards.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for shard in &self.shards {
            hasher.update(shard.name.as_bytes());
        }
        hasher.finalize().to_hex()[..16].to_owned()
    }

    /// The shards of `part` that are not among those `present`, in order.
    ///
    /// # Errors
    /// A part that is none of its parts.
    pub fn missing(&self, present: &BTreeSet<String>, part: Part) -> Result<Vec<&Shard>, StudyError> {
        part.check()?;
        let mine = self.shards.iter().skip(part.index).step_by(part.of);
        Ok(mine.filter(|shard| !present.contains(&shard.name)).collect())
    }

    /// Runs the shards of `part` that `store` lacks, on all threads of the pool it is called in.
    ///
    /// # Errors
    /// A store that refuses; an observer that stops. What is in the store by then counts the next time.
    pub fn execute(&self, store: &dyn Store, part: Part, observer: &Observer<'_>) -> Result<(), StudyError> {
        let missing = self.missing(&store.list()?, part)?;
        let watch = Watch::new(missing.iter().map(|shard| shard.runs.len() as u64).sum(), observer);
        missing.par_iter().try_for_each(|shard| match self.run_shard(shard, &watch) {
            Some(table) => store.write(&shard.name, &shard::encode(&table, &shard.name)?),
            None => Err(watch.interrupted()),
        })
    }

    /// The runs of one shard; nothing if the observer stopped it.
    fn run_shard(&self, shard: &Shard, watch: &Watch<'_>) -> Option<Table> {
        let rows: Option<Vec<_>> = shard.runs.clone().into_par_iter().map(|run| watch.over(|| self.row(run))).collect();
        let mut table = self.empty(shard.runs.start);
        for (values, outcome) in rows? {
            for (column, value) in table.inputs.iter_mut().zip(values) {
                column.values.push(value);
            }
            let (metrics, error) = match outcome {
                Ok(metrics) => (metrics, None),
                Err(message) => (vec![None; table.metrics.len()], Some(message)),
            };
            for (column, value) in table.metrics.iter_mut().zip(metrics) {
                column.values.push(value);
            }
            table.errors.push(error);
        }
        Some(table)
    }

    fn row(&self, run: usize) -> Row {
        let values = self.sampler.values(run);
        let variables = self.sampler.space().variables();
        let outcome = outcome(self.model, Point { variables, values: &values });
        (values, outcome)
    }

    fn empty(&self, first_run: usize) -> Table {
        let input =
            |variable: &Variable| Input { key: variable.key.clone(), unit: variable.unit.clone(), values: Vec::new() };
        let metric = |name: &String| Metric { name: name.clone(), unit: self.model.unit(name), values: Vec::new() };
        Table {
            first_run,
            inputs: self.sampler.space().variables().iter().map(input).collect(),
            metrics: self.model.metrics().iter().map(metric).collect(),
            errors: Vec::new(),
        }
    }

    /// The whole table, from the shards of the store.
    ///
    /// # Errors
    /// Shards that are missing, unreadable or not what their name says.
    pub fn collect(&self, store: &dyn Store) -> Result<Table, StudyError> {
        let present = store.list()?;
        self.require_all(&present)?;
        let mut table = self.empty(0);
        for shard in &self.shards {
            let part = shard::decode(store.read(&shard.name)?, &shard.name, self.empty(shard.runs.start))?;
            if part.runs() != shard.runs.len() {
                return Err(StudyError::Foreign { name: shard.name.clone(), expected: "the runs of its place" });
            }
            table.append(part);
        }
        Ok(table)
    }

    fn require_all(&self, present: &BTreeSet<String>) -> Result<(), StudyError> {
        let missing = self.missing(present, Part::WHOLE)?;
        match missing.first() {
            None => Ok(()),
            Some(first) => Err(StudyError::Incomplete {
                missing: missing.len(),
                shards: self.shards.len(),
                first: first.name.clone(),
            }),
        }
    }
}

/// Values that went in, and metrics or an error that came out.
type Row = (Vec<Value>, Result<Vec<Option<f64>>, String>);

/// The metrics at a point, or why there are none. A panic is a bug, but one run's bug must not take a study of thousands with it:
/// it becomes that run's error.
pub(crate) fn outcome(model: &dyn Model, point: Point<'_>) -> Result<Vec<Option<f64>>, String> {
    let metrics = catch_unwind(AssertUnwindSafe(|| model.run(point)))
        .map_err(|panic| format!("panicked: {}", panic_text(&*panic)))?
        .map_err(|error| chain_text(&*error))?;
    assert_eq!(metrics.len(), model.metrics().len(), "a model gives each of its metrics");
    let odd = metrics.iter().position(|value| value.is_some_and(|value| !value.is_finite()));
    match odd {
        Some(index) => Err(format!("{} is {}", model.metrics()[index], metrics[index].unwrap_or(f64::NAN))),
        None => Ok(metrics),
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|&text| text.to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}

fn chain_text(error: &dyn Error) -> String {
    let mut texts = vec![error.to_string()];
    let mut source = error.source();
    while let Some(error) = source {
        texts.push(error.to_string());
        source = error.source();
    }
    texts.join(": ")
}

/// Counts runs, tells the observer, and remembers whether it said stop.
struct Watch<'a> {
    observer: &'a Observer<'a>,
    of: u64,
    done: AtomicU64,
    failed: AtomicU64,
    stopped: AtomicBool,
}

impl<'a> Watch<'a> {
    fn new(of: u64, observer: &'a Observer<'a>) -> Self {
        Self { observer, of, done: AtomicU64::new(0), failed: AtomicU64::new(0), stopped: AtomicBool::new(false) }
    }

    /// Does one run, unless the study was stopped.
    fn over(&self, run: impl FnOnce() -> Row) -> Option<Row> {
        if self.stopped.load(Ordering::Relaxed) {
            return None;
        }
        let row = run();
        let failed = self.failed.fetch_add(u64::from(row.1.is_err()), Ordering::Relaxed) + u64::from(row.1.is_err());
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        if (self.observer)(&Progress { done, of: self.of, failed }) == Control::Stop {
            self.stopped.store(true, Ordering::Relaxed);
        }
        Some(row)
    }

    fn interrupted(&self) -> StudyError {
        StudyError::Interrupted { runs: self.done.load(Ordering::Relaxed) }
    }
}

/// What all shards of a study have in common, hashed.
fn head(model: &dyn Model, space: &Space) -> blake3::Hasher {
    let mut hasher = blake3::Hasher::new();
    let mut text = |text: &str| {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    };
    text(shard::FORMAT);
    text(&model.identity());
    model.metrics().iter().for_each(|metric| text(metric));
    for variable in space.variables() {
        text(&variable.key);
        text(&variable.unit);
    }
    hasher
}

/// The name of the shard number `index`: the number, for people, and the first 16 digits of its hash.
fn name(head: &blake3::Hasher, sampler: &Sampler, index: usize, runs: &Range<usize>) -> String {
    let mut hasher = head.clone();
    hasher.update(&(runs.start as u64).to_le_bytes());
    for value in runs.clone().flat_map(|run| sampler.values(run)) {
        match value {
            Value::Number(number) => hasher.update(&number.to_bits().to_le_bytes()),
            Value::Word(word) => hasher.update(&(word.len() as u64).to_le_bytes()).update(word.as_bytes()),
        };
    }
    format!("{index:06}-{}.parquet", &hasher.finalize().to_hex()[..16])
}

/// Runs what is missing of `study`, and gives the whole table.
///
/// # Errors
/// As [`Plan::new`], [`Plan::execute`] and [`Plan::collect`].
///
/// ```
/// use sunward_study::*;
/// use sunward_study::distribution::Distribution;
/// let price = Variable::new("price", Role::Assumption, Distribution::Uniform { low: 100.0, high: 300.0 });
/// let study = Study {
///     space: Space::new(vec![price])?,
///     sampling: Sampling::LatinHypercube { runs: 1000 },
///     seed: 1,
///     shard_runs: 250,
/// };
/// let model = Function::new("two tonnes", &["cost"], |values: &[f64]| vec![2000.0 * values[0]]);
/// let table = sweep(&study, &model, &Memory::default(), &|_| Control::Continue)?;
/// let bands = bands(table.metric("cost")?, &[0.5], &Bootstrap::default())?;
/// assert!((bands[0].value.estimate - 400e3).abs() < 1e3);
/// # Ok::<(), StudyError>(())
/// ```
pub fn sweep(
    study: &Study,
    model: &dyn Model,
    store: &dyn Store,
    observer: &Observer<'_>,
) -> Result<Table, StudyError> {
    let plan = Plan::new(study, model)?;
    plan.execute(store, Part::WHOLE, observer)?;
    plan.collect(store)
}

/// One metric of one run: what a break-even is made of.
///
/// # Errors
/// A metric that the model does not have, or that does not exist at the point; a run that fails.
pub fn metric_at(model: &dyn Model, metric: &str, point: Point<'_>) -> Result<f64, StudyError> {
    let names = || model.metrics().iter().map(String::as_str);
    let index = names().position(|name| name == metric).ok_or_else(|| unknown("metric", metric, names()))?;
    let metrics = outcome(model, point).map_err(|message| StudyError::Run { message })?;
    metrics[index].ok_or_else(|| StudyError::Run { message: format!("{metric} does not exist there") })
}

/// What came out of one contender as it is, without any draw.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// The contender's name.
    pub name: String,
    /// `[metric]`, or why the run failed.
    pub outcome: Result<Vec<Option<f64>>, String>,
}

/// Runs each contender once, as it is, in parallel; the rows in the order given.
#[must_use]
pub fn compare(contenders: &[(&str, &dyn Model)]) -> Vec<Compared> {
    let run = |&(name, model): &(&str, &dyn Model)| {
        let as_is = Point { variables: &[], values: &[] };
        Compared { name: name.to_owned(), outcome: outcome(model, as_is) }
    };
    contenders.par_iter().map(run).collect()
}
