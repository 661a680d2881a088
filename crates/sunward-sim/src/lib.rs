//! The coupled twin in time: the clock, the scheduler (plan, immutable blueprint, execute), faults and the record.

pub mod record;
pub mod summary;
