//! Studies: what happens to the numbers when what goes in is uncertain, or is to be chosen.
//!
//! A [`Space`] of variables, a [`Sampling`] of it and a [`Model`] make a [`Study`]: a table of independent runs, in shards that
//! a [`Store`] keeps. [`bands`], [`tornado`], [`sobol`] and [`probability_better`] read the table; [`break_even`] and
//! [`optimise()`] choose their own points. [`MissionModel`] makes a run out of a mission file.
//!
//! The same study gives the same bytes, for any number of threads and however often it was interrupted. Nothing here reads a
//! clock or the environment; [`store::Folder`] alone touches files.

pub mod analyse;
pub mod distribution;
mod error;
pub mod metrics;
pub mod mission;
pub mod optimise;
mod quantity;
mod root;
mod run;
pub mod sample;
mod shard;
pub mod space;
pub mod store;
mod table;

pub use analyse::{
    Band, Bar, Better, Bootstrap, Index, Indices, Interval, Tornado, bands, probability_better, rank_correlation,
    sobol, tornado,
};
pub use error::StudyError;
pub use metrics::{Measure, measures};
pub use mission::MissionModel;
pub use optimise::optimise;
pub use quantity::Scale;
pub use root::{BreakEven, break_even};
pub use run::{
    Compared, Control, Function, Model, Observer, Part, Plan, Point, Progress, Remembered, RunError, Shard, Study,
    compare, metric_at, sweep,
};
pub use sample::{Sampler, Sampling};
pub use space::{Factor, Role, Shared, Space, Variable};
pub use store::{Folder, Journal, Memory, Store};
pub use table::{Input, Metric, Table, csv_line};
