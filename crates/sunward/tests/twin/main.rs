//! The coupled twin as a whole: missions go in as text, records and summaries come out.

mod anchors;
mod cli;
mod defects;
mod defences;
mod determinism;
mod fine_tuning;
mod flight;
mod keys;
mod money;
mod serving;
mod slurm;
mod studies;
mod upsets;
