//! The page, the tables and the terminal summary of synthetic records.

mod page;
mod synthetic;
mod tables;
