//! A record as Parquet tables.
//!
//! Every instant is two columns: `x`, exact, in nanoseconds of TAI since 2000-01-01T12:00:00 TAI, and `x_utc`, the same
//! as a UTC timestamp cut to a microsecond. A physical column is SI and names its unit in the field's metadata. `job`
//! is a row of table `jobs`; sites and stations go by name. The file's metadata carries seed, hashes and version: what
//! must be equal for two runs to give the same bytes.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::builder::{Float64Builder, Int64Builder, ListBuilder, UInt64Builder};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
    UInt32Array,
};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;
use sunward_astro::time::{Instant, Span};
use sunward_sim::record::{Delay, Direction, FleetTrack, Header, Record, Track};
use sunward_units::{Grays, Quantity};

use crate::ReportError;
use crate::text::{event_word, state_word};

const TAI_UNIT: &str = "ns of TAI since 2000-01-01T12:00:00 TAI";

/// The tables of a record, each as (name, Parquet file): `track`, `fleet`, `events`, `jobs`, `transfers`, `contacts`, `ledger`.
///
/// The same record gives the same bytes. Columns compress with zstd; floating-point ones are stored by byte
/// plane, which loses nothing.
///
/// # Errors
/// [`ReportError`] when two columns of one table differ in length or an index points past its list.
pub fn tables(record: &Record) -> Result<Vec<(&'static str, Vec<u8>)>, ReportError> {
    crate::check(record)?;
    [
        ("track", track_table(record)),
        ("fleet", fleet_table(&record.fleet)),
        ("events", events_table(record)),
        ("jobs", jobs_table(record)),
        ("transfers", transfers_table(record)),
        ("contacts", contacts_table(record)),
        ("ledger", ledger_table(record)),
    ]
    .into_iter()
    .map(|(name, table)| Ok((name, table.into_parquet(&record.header)?)))
    .collect()
}

fn track_table(record: &Record) -> Table {
    let tracks = &record.tracks;
    fn joined<'a, T: Copy + 'a>(
        tracks: &'a [Track],
        column: impl Fn(&'a Track) -> &'a Vec<T> + 'a,
    ) -> impl Iterator<Item = T> + 'a {
        tracks.iter().flat_map(move |track| column(track).iter().copied())
    }
    let mut table = Table::default();
    let named =
        tracks.iter().flat_map(|track| track.time.iter().map(|_| record.sites[track.site as usize].name.as_str()));
    table.text("site", named.map(Some));
    table.instants("time", joined(tracks, |t| &t.time).map(Some));
    table.quantities("latitude", joined(tracks, |t| &t.latitude));
    table.quantities("longitude", joined(tracks, |t| &t.longitude));
    table.quantities("altitude", joined(tracks, |t| &t.altitude));
    table.quantities("illumination", joined(tracks, |t| &t.illumination));
    table.quantities("array_available", joined(tracks, |t| &t.array_available));
    table.quantities("array_used", joined(tracks, |t| &t.array_used));
    table.quantities("load", joined(tracks, |t| &t.load));
    table.quantities("accelerator", joined(tracks, |t| &t.accelerator));
    table.quantities("state_of_charge", joined(tracks, |t| &t.state_of_charge));
    table.quantities("chip", joined(tracks, |t| &t.chip));
    table.quantities("board", joined(tracks, |t| &t.board));
    table.quantities("bus", joined(tracks, |t| &t.bus));
    table.quantities("radiator", joined(tracks, |t| &t.radiator));
    table.quantities("array", joined(tracks, |t| &t.array));
    table.quantities("clock", joined(tracks, |t| &t.clock));
    table.quantities("work_rate", joined(tracks, |t| &t.work_rate));
    table.indices("job", joined(tracks, |t| &t.job));
    table.text("bound", joined(tracks, |t| &t.bound).map(|bound| Some(bound.word())));
    table.numbers("dose_rate", "Gy/s", joined(tracks, |t| &t.dose).map(|Grays(rate)| rate));
    table.quantities("downlink", joined(tracks, |t| &t.downlink));
    table.quantities("uplink", joined(tracks, |t| &t.uplink));
    table
}

fn fleet_table(fleet: &FleetTrack) -> Table {
    let mut table = Table::default();
    table.instants("time", fleet.time.iter().copied().map(Some));
    table.indices("sites_lit", fleet.sites_lit.iter().copied().map(Some));
    table.indices("sites_working", fleet.sites_working.iter().copied().map(Some));
    table.quantities("array_used", fleet.array_used.iter().copied());
    table.quantities("load", fleet.load.iter().copied());
    table.quantities("state_of_charge_min", fleet.state_of_charge_min.iter().copied());
    table.quantities("chip_max", fleet.chip_max.iter().copied());
    table.quantities("work_rate", fleet.work_rate.iter().copied());
    table.quantities("downlink", fleet.downlink.iter().copied());
    table
}

/// What was paid and earned; no rows where no ledger is kept.
fn ledger_table(record: &Record) -> Table {
    let ledger = &record.ledger;
    let mut table = Table::default();
    table.instants("time", ledger.iter().map(|payment| Some(payment.time)));
    table.text("category", ledger.iter().map(|payment| Some(payment.category)));
    table.quantities("amount", ledger.iter().map(|payment| payment.amount));
    table.text("cause", ledger.iter().map(|payment| Some(payment.cause.as_str())));
    table
}

fn events_table(record: &Record) -> Table {
    let events = &record.events;
    let mut table = Table::default();
    table.instants("time", events.iter().map(|event| Some(event.time)));
    table.text("site", events.iter().map(|event| Some(record.sites[event.site as usize].name.as_str())));
    table.text("kind", events.iter().map(|event| Some(event_word(event.kind))));
    table.indices("job", events.iter().map(|event| event.job));
    table.text("detail", events.iter().map(|event| Some(event.detail.as_str())));
    table
}

fn jobs_table(record: &Record) -> Table {
    let jobs = &record.jobs;
    let mut table = Table::default();
    table.indices("job", (0..jobs.len() as u32).map(Some));
    table.text("name", jobs.iter().map(|job| Some(job.name.as_str())));
    table.text("kind", jobs.iter().map(|job| Some(job.kind.as_str())));
    table.text("site", jobs.iter().map(|job| job.site.map(|site| record.sites[site as usize].name.as_str())));
    table.text("state", jobs.iter().map(|job| Some(state_word(job.state))));
    table.instants("input_arrived", jobs.iter().map(|job| job.input_arrived));
    table.instants("started", jobs.iter().map(|job| job.started));
    table.instants("finished", jobs.iter().map(|job| job.finished));
    table.instants("delivered", jobs.iter().map(|job| job.delivered));
    table.instants("deadline", jobs.iter().map(|job| job.deadline));
    table.quantities("progress", jobs.iter().map(|job| job.progress));
    table.quantities("work", jobs.iter().map(|job| job.work));
    table.quantities("work_lost", jobs.iter().map(|job| job.work_lost));
    table.text("unit", jobs.iter().map(|job| Some(job.unit.as_str())));
    table.numbers("units", "see column unit", jobs.iter().map(|job| job.units));
    table.numbers("units_delivered", "see column unit", jobs.iter().map(|job| job.units_delivered));
    table.quantities("busy", jobs.iter().map(|job| job.busy));
    table.instant_lists("history_time", jobs.iter().map(|job| job.history.iter().map(|point| point.0)));
    table.number_lists("history_progress", "1", jobs.iter().map(|job| job.history.iter().map(|point| point.1)));
    table.instant_lists("loss_time", jobs.iter().map(|job| job.loss.iter().map(|point| point.0)));
    table.count_lists("loss_step", jobs.iter().map(|job| job.loss.iter().map(|point| point.1)));
    table.number_lists("loss", "1", jobs.iter().map(|job| job.loss.iter().map(|point| point.2)));
    table.instant_lists("validation_time", jobs.iter().map(|job| job.validation.iter().map(|point| point.0)));
    table.count_lists("validation_step", jobs.iter().map(|job| job.validation.iter().map(|point| point.1)));
    table.number_lists("validation_loss", "1", jobs.iter().map(|job| job.validation.iter().map(|point| point.2)));
    type Part = fn(&Delay) -> Span;
    let parts: [(&str, Part); 5] = [
        ("latency", Delay::total),
        ("latency_light", |delay| delay.light),
        ("latency_contact", |delay| delay.contact),
        ("latency_queue", |delay| delay.queue),
        ("latency_compute", |delay| delay.compute),
    ];
    for (name, part) in parts {
        table.number_lists(
            name,
            "s",
            jobs.iter().map(|job| job.delays.iter().map(move |delay| part(delay).seconds().0)),
        );
    }
    table.text("proxy", jobs.iter().map(|job| job.proxy.as_deref()));
    table
}

fn transfers_table(record: &Record) -> Table {
    let transfers = &record.transfers;
    let mut table = Table::default();
    table.indices("job", transfers.iter().map(|transfer| Some(transfer.job)));
    table.text("site", transfers.iter().map(|transfer| Some(record.sites[transfer.site as usize].name.as_str())));
    table.text(
        "station",
        transfers.iter().map(|transfer| Some(record.stations[transfer.station as usize].name.as_str())),
    );
    let word = |direction| if direction == Direction::Up { "up" } else { "down" };
    table.text("direction", transfers.iter().map(|transfer| Some(word(transfer.direction))));
    table.instants("ready", transfers.iter().map(|transfer| Some(transfer.ready)));
    table.instants("begin", transfers.iter().map(|transfer| Some(transfer.begin)));
    table.instants("end", transfers.iter().map(|transfer| Some(transfer.end)));
    table.quantities("data", transfers.iter().map(|transfer| transfer.data));
    table.quantities("light", transfers.iter().map(|transfer| transfer.light));
    table
}

fn contacts_table(record: &Record) -> Table {
    let contacts = &record.contacts;
    let mut table = Table::default();
    table.text("site", contacts.iter().map(|pass| Some(record.sites[pass.site as usize].name.as_str())));
    table.text("station", contacts.iter().map(|pass| Some(record.stations[pass.station as usize].name.as_str())));
    table.instants("rise", contacts.iter().map(|pass| Some(pass.rise)));
    table.instants("culmination", contacts.iter().map(|pass| Some(pass.culmination)));
    table.instants("set", contacts.iter().map(|pass| Some(pass.set)));
    table.quantities("elevation_max", contacts.iter().map(|pass| pass.elevation_max));
    table.booleans("used", contacts.iter().map(|pass| pass.used));
    table.quantities("down", contacts.iter().map(|pass| pass.down));
    table.quantities("up", contacts.iter().map(|pass| pass.up));
    table
}

/// Columns with their fields, in order.
#[derive(Default)]
struct Table {
    fields: Vec<Field>,
    columns: Vec<ArrayRef>,
}

impl Table {
    fn push(&mut self, name: &str, unit: Option<&str>, nullable: bool, column: ArrayRef) {
        let field = Field::new(name, column.data_type().clone(), nullable);
        let metadata = unit.map(|unit| HashMap::from([("unit".to_owned(), unit.to_owned())]));
        self.fields.push(field.with_metadata(metadata.unwrap_or_default()));
        self.columns.push(column);
    }

    fn quantities<Q: Quantity>(&mut self, name: &str, values: impl Iterator<Item = Q>) {
        let unit = Q::UNITS[0].name;
        self.numbers(name, if unit.is_empty() { "1" } else { unit }, values.map(Q::si));
    }

    fn numbers(&mut self, name: &str, unit: &str, values: impl Iterator<Item = f64>) {
        self.push(name, Some(unit), false, Arc::new(Float64Array::from_iter_values(values)));
    }

    /// The exact column and its UTC reading.
    fn instants(&mut self, name: &str, values: impl Iterator<Item = Option<Instant>>) {
        let values: Vec<Option<Instant>> = values.collect();
        let exact: Int64Array = values.iter().map(|instant| instant.map(|Instant(ns)| ns)).collect();
        let utc: TimestampMicrosecondArray = values.iter().map(|instant| instant.map(unix_microseconds)).collect();
        let nullable = values.contains(&None);
        self.push(name, Some(TAI_UNIT), nullable, Arc::new(exact));
        self.push(&format!("{name}_utc"), None, nullable, Arc::new(utc.with_timezone("UTC")));
    }

    fn text<'a>(&mut self, name: &str, values: impl Iterator<Item = Option<&'a str>>) {
        let column: StringArray = values.collect();
        self.push(name, None, column.null_count() > 0, Arc::new(column));
    }

    fn indices(&mut self, name: &str, values: impl Iterator<Item = Option<u32>>) {
        let column: UInt32Array = values.collect();
        self.push(name, None, column.null_count() > 0, Arc::new(column));
    }

    fn booleans(&mut self, name: &str, values: impl Iterator<Item = bool>) {
        self.push(name, None, false, Arc::new(values.map(Some).collect::<BooleanArray>()));
    }

    fn number_lists(&mut self, name: &str, unit: &str, lists: impl Iterator<Item = impl Iterator<Item = f64>>) {
        let mut builder = ListBuilder::new(Float64Builder::new());
        lists.for_each(|list| builder.append_value(list.map(Some)));
        self.push(name, Some(unit), false, Arc::new(builder.finish()));
    }

    fn instant_lists(&mut self, name: &str, lists: impl Iterator<Item = impl Iterator<Item = Instant>>) {
        let mut builder = ListBuilder::new(Int64Builder::new());
        lists.for_each(|list| builder.append_value(list.map(|Instant(ns)| Some(ns))));
        self.push(name, Some(TAI_UNIT), false, Arc::new(builder.finish()));
    }

    fn count_lists(&mut self, name: &str, lists: impl Iterator<Item = impl Iterator<Item = u64>>) {
        let mut builder = ListBuilder::new(UInt64Builder::new());
        lists.for_each(|list| builder.append_value(list.map(Some)));
        self.push(name, None, false, Arc::new(builder.finish()));
    }

    fn into_parquet(self, header: &Header) -> Result<Vec<u8>, ReportError> {
        let properties = self.properties(header);
        let schema = Arc::new(Schema::new(self.fields));
        let batch = RecordBatch::try_new(Arc::clone(&schema), self.columns)?;
        let mut file = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut file, schema, Some(properties))?;
        writer.write(&batch)?;
        writer.close()?;
        Ok(file)
    }

    /// Texts by dictionary, floats split into byte planes, integers as differences; then zstd at its default level.
    fn properties(&self, header: &Header) -> WriterProperties {
        let mut builder = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_dictionary_enabled(false)
            .set_key_value_metadata(Some(provenance(header)));
        for field in &self.fields {
            let path = ColumnPath::from(field.name().as_str());
            builder = match field.data_type() {
                DataType::Utf8 => builder.set_column_dictionary_enabled(path, true),
                DataType::Float64 => builder.set_column_encoding(path, Encoding::BYTE_STREAM_SPLIT),
                DataType::Int64 | DataType::Timestamp(..) => {
                    builder.set_column_encoding(path, Encoding::DELTA_BINARY_PACKED)
                }
                _ => builder,
            };
        }
        builder.build()
    }
}

fn provenance(header: &Header) -> Vec<KeyValue> {
    [
        ("mission", header.mission.clone()),
        ("mission_hash", header.mission_hash.clone()),
        ("catalog_hash", header.catalog_hash.clone()),
        ("seed", header.seed.to_string()),
        ("version", header.version.clone()),
        ("start_utc", format!("{:.9}", header.start)),
        ("step_ns", header.step.0.to_string()),
        ("steps", header.steps.to_string()),
    ]
    .into_iter()
    .map(|(key, value)| KeyValue::new(format!("sunward.{key}"), value))
    .collect()
}

/// Microseconds of UTC since 1970-01-01, leap seconds left out as Unix does: a leap second reads as the first second
/// of the next day.
fn unix_microseconds(instant: Instant) -> i64 {
    /// Julian date of 1970-01-01T00:00.
    const UNIX_EPOCH_JD: f64 = 2_440_587.5;
    let date = instant.julian_date_ut1();
    let day = (date.midnight_day - UNIX_EPOCH_JD) as i64;
    let utc = instant.calendar();
    let second = (utc.hour * 60 + utc.minute) * 60 + utc.second;
    day * (Span::DAY.0 / 1000) + second * 1_000_000 + utc.nanosecond / 1000
}
