use std::io;

use parquet::errors::ParquetError;
use sunward_mission::Faults;

/// Why a study cannot be declared, run or analysed.
#[derive(Debug, thiserror::Error)]
pub enum StudyError {
    /// A declaration that contradicts itself.
    #[error("{key}: {what} is {got}; expected {expected}")]
    Declaration {
        /// The variable.
        key: String,
        /// Which part of its declaration.
        what: &'static str,
        /// What was given.
        got: String,
        /// What is allowed.
        expected: &'static str,
    },
    /// Two things of one name.
    #[error("{name:?} names two columns; variables, causes and metrics need names of their own")]
    Duplicate {
        /// The name.
        name: String,
    },
    /// A study of a size that cannot be.
    #[error("{what} is {got}; allowed are {allowed}")]
    Size {
        /// Which size.
        what: &'static str,
        /// What was asked for.
        got: u64,
        /// What is allowed.
        allowed: String,
    },
    /// A name that nothing bears.
    #[error("no {what} is called {name:?}{hint}")]
    Unknown {
        /// "variable", "metric" or "mission key".
        what: &'static str,
        /// The name.
        name: String,
        /// What may have been meant, with a blank before it; empty if nothing is near.
        hint: String,
    },
    /// Something to be optimised that nobody chooses.
    #[error("{key} is an assumption: it can be swept, but not optimised; declare as design what the designer chooses")]
    Assumption {
        /// The variable.
        key: String,
    },
    /// No design meets the constraints.
    #[error("none of {evaluations} designs meets the constraints; the nearest misses them by {violation:.3}{cause}")]
    Infeasible {
        /// Designs that were tried.
        evaluations: u64,
        /// Least sum of relative violations.
        violation: f64,
        /// Why the runs failed, where they all did.
        cause: String,
    },
    /// The store refused.
    #[error("cannot {what} {name}")]
    Store {
        /// "read", "write" or "list".
        what: &'static str,
        /// The shard or folder.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// A shard that is no Parquet file, or could not become one.
    #[error("shard {name} is not readable; delete it, and the study will run it again")]
    Parquet {
        /// The shard.
        name: String,
        /// Why.
        source: ParquetError,
    },
    /// A shard that holds something else than its name says.
    #[error("shard {name} does not hold {expected}; delete it, and the study will run it again")]
    Foreign {
        /// The shard.
        name: String,
        /// What it should hold.
        expected: &'static str,
    },
    /// Shards that nobody has run yet.
    #[error("{missing} of {shards} shards are missing, {first} first; run the study to its end")]
    Incomplete {
        /// How many are missing.
        missing: usize,
        /// How many there are.
        shards: usize,
        /// The first missing one.
        first: String,
    },
    /// The observer stopped the study.
    #[error("stopped after {runs} runs; run the same study again to go on")]
    Interrupted {
        /// Runs done since the start.
        runs: u64,
    },
    /// Too little data for an analysis.
    #[error("{what} needs at least {needed} good runs; {got} are there")]
    TooFew {
        /// Which analysis.
        what: &'static str,
        /// How many it needs.
        needed: usize,
        /// How many there are.
        got: usize,
    },
    /// A table that was sampled in another way than the analysis needs.
    #[error("{what} needs {expected}; the table has {got}")]
    Table {
        /// Which analysis.
        what: &'static str,
        /// What it needs.
        expected: String,
        /// What the table has.
        got: String,
    },
    /// No change of sign between two ends.
    #[error("no break-even between {low} and {high}: the difference is {at_low} at one end and {at_high} at the other")]
    NotBracketed {
        /// Lower end.
        low: f64,
        /// Upper end.
        high: f64,
        /// Difference at the lower end.
        at_low: f64,
        /// Difference at the upper end.
        at_high: f64,
    },
    /// A run that an analysis cannot do without.
    #[error("a run failed: {message}")]
    Run {
        /// What it said.
        message: String,
    },
    /// A mission that cannot be read or compiled.
    #[error("{file} is at fault: {}", told(faults))]
    Mission {
        /// The mission's file.
        file: String,
        /// Every fault of its text.
        faults: Box<Faults>,
    },
    /// A study file that cannot be read.
    #[error("{file} is no study: {message}")]
    Text {
        /// The study's file.
        file: String,
        /// What the reader says, with its place.
        message: String,
    },
    /// A mission that cannot be flown.
    #[error("{file} cannot be flown")]
    Flight {
        /// The mission's file.
        file: String,
        /// Why.
        source: Box<sunward_sim::SimError>,
    },
    /// A mission key that cannot be set.
    #[error("cannot set {key}: {reason}")]
    Key {
        /// The key.
        key: String,
        /// Why.
        reason: String,
    },
}

/// Each fault with its key, on one line.
fn told(faults: &Faults) -> String {
    let each = faults.all().iter().map(|fault| format!("{}: {}", fault.path, fault.message));
    each.collect::<Vec<_>>().join("; ")
}
