//! A run for people and for their tools: one self-contained HTML page with plots, Parquet tables, a terminal summary.
//!
//! The crate is pure: it turns a [`Record`] and its summary into text and bytes, and the same record gives the same
//! bytes; whoever calls it writes the files.

mod campaign;
mod html;
mod measure;
mod palette;
mod parquet;
mod plot;
pub mod study;
mod terminal;
mod text;

use sunward_sim::record::{FleetTrack, Record, Track};

pub use campaign::{Bar, CampaignPage, OUTCOMES, Sheet, campaign_page};
pub use html::render;
pub use measure::human;
pub use parquet::tables;
pub use sunward_mission::world::Assumption;
pub use terminal::{jobs_table, summary_table};

/// Why a record cannot be reported.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// Two columns of one table differ in length.
    #[error("column {column} of {table} has {got} rows; expected {expected}, as many as its times")]
    Rows {
        /// Which table.
        table: String,
        /// Which column.
        column: &'static str,
        /// Its rows.
        got: usize,
        /// The rows of the time column.
        expected: usize,
    },
    /// An index into one of the record's lists that points past its end.
    #[error("{what} refers to {list} {got}; the record has {len} of them, counted from 0")]
    Index {
        /// What holds the index.
        what: &'static str,
        /// The list it points into.
        list: &'static str,
        /// The index.
        got: u32,
        /// The length of the list.
        len: usize,
    },
    /// The columns do not form a table.
    #[error("the columns do not form a table")]
    Columns(#[from] arrow_schema::ArrowError),
    /// The table does not fit in a Parquet file.
    #[error("the table cannot be written as Parquet")]
    Parquet(#[from] ::parquet::errors::ParquetError),
}

/// Refuses a record whose columns differ in length or whose indices point nowhere.
fn check(record: &Record) -> Result<(), ReportError> {
    for track in &record.tracks {
        check_rows(&format!("the track of site {}", track.site), track.time.len(), &track_rows(track))?;
    }
    check_rows("the fleet", record.fleet.time.len(), &fleet_rows(&record.fleet))?;
    let (sites, stations, jobs) = (record.sites.len(), record.stations.len(), record.jobs.len());
    within("a track", "site", sites, record.tracks.iter().map(|track| track.site))?;
    within("a track", "job", jobs, record.tracks.iter().flat_map(|track| track.job.iter().flatten().copied()))?;
    within("an event", "site", sites, record.events.iter().map(|event| event.site))?;
    within("an event", "job", jobs, record.events.iter().filter_map(|event| event.job))?;
    within("a job", "site", sites, record.jobs.iter().filter_map(|job| job.site))?;
    within("a transfer", "site", sites, record.transfers.iter().map(|transfer| transfer.site))?;
    within("a transfer", "station", stations, record.transfers.iter().map(|transfer| transfer.station))?;
    within("a transfer", "job", jobs, record.transfers.iter().map(|transfer| transfer.job))?;
    within("a contact", "site", sites, record.contacts.iter().map(|pass| pass.site))?;
    within("a contact", "station", stations, record.contacts.iter().map(|pass| pass.station))
}

fn within(
    what: &'static str,
    list: &'static str,
    len: usize,
    mut indices: impl Iterator<Item = u32>,
) -> Result<(), ReportError> {
    let stray = indices.find(|&index| index as usize >= len);
    stray.map_or(Ok(()), |got| Err(ReportError::Index { what, list, got, len }))
}

fn check_rows(table: &str, expected: usize, columns: &[(&'static str, usize)]) -> Result<(), ReportError> {
    match columns.iter().find(|(_, got)| *got != expected) {
        Some(&(column, got)) => Err(ReportError::Rows { table: table.to_owned(), column, got, expected }),
        None => Ok(()),
    }
}

fn track_rows(track: &Track) -> [(&'static str, usize); 21] {
    [
        ("latitude", track.latitude.len()),
        ("longitude", track.longitude.len()),
        ("altitude", track.altitude.len()),
        ("illumination", track.illumination.len()),
        ("array_available", track.array_available.len()),
        ("array_used", track.array_used.len()),
        ("load", track.load.len()),
        ("accelerator", track.accelerator.len()),
        ("state_of_charge", track.state_of_charge.len()),
        ("chip", track.chip.len()),
        ("board", track.board.len()),
        ("bus", track.bus.len()),
        ("radiator", track.radiator.len()),
        ("array", track.array.len()),
        ("clock", track.clock.len()),
        ("work_rate", track.work_rate.len()),
        ("job", track.job.len()),
        ("bound", track.bound.len()),
        ("dose", track.dose.len()),
        ("downlink", track.downlink.len()),
        ("uplink", track.uplink.len()),
    ]
}

fn fleet_rows(fleet: &FleetTrack) -> [(&'static str, usize); 8] {
    [
        ("sites_lit", fleet.sites_lit.len()),
        ("sites_working", fleet.sites_working.len()),
        ("array_used", fleet.array_used.len()),
        ("load", fleet.load.len()),
        ("state_of_charge_min", fleet.state_of_charge_min.len()),
        ("chip_max", fleet.chip_max.len()),
        ("work_rate", fleet.work_rate.len()),
        ("downlink", fleet.downlink.len()),
    ]
}

#[cfg(test)]
fn tests_record() -> Record {
    use sunward_astro::time::{Instant, Span};
    let header = sunward_sim::record::Header {
        mission: String::new(),
        mission_hash: String::new(),
        catalog_hash: String::new(),
        seed: 0,
        version: String::new(),
        start: Instant::J2000,
        step: Span::SECOND,
        steps: 0,
    };
    Record {
        header,
        stations: Vec::new(),
        sites: Vec::new(),
        tracks: Vec::new(),
        fleet: FleetTrack::default(),
        events: Vec::new(),
        jobs: Vec::new(),
        transfers: Vec::new(),
        contacts: Vec::new(),
        ledger: Vec::new(),
    }
}
