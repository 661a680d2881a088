//! Tables read back give the numbers that were written.

use std::collections::BTreeMap;

use bytes::Bytes;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReaderBuilder};
use parquet::file::reader::{FileReader, SerializedFileReader};

use crate::synthetic::{Plan, build, week};
use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, TimestampMicrosecondType, UInt32Type, UInt64Type};
use sunward_astro::time::Instant;
use sunward_report::tables;
use sunward_sim::record::Record;

fn read(bytes: &[u8]) -> RecordBatch {
    let file = Bytes::copy_from_slice(bytes);
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().with_batch_size(1 << 20);
    let empty = RecordBatch::new_empty(builder.schema().clone());
    let mut batches = builder.build().unwrap().map(Result::unwrap);
    let read = batches.next().unwrap_or(empty);
    assert!(batches.next().is_none());
    read
}

fn all(record: &Record) -> BTreeMap<&'static str, RecordBatch> {
    tables(record).unwrap().iter().map(|(name, bytes)| (*name, read(bytes))).collect()
}

fn numbers<'a>(table: &'a RecordBatch, column: &str) -> &'a [f64] {
    table.column_by_name(column).unwrap().as_primitive::<Float64Type>().values()
}

fn instants(table: &RecordBatch, column: &str) -> Vec<Option<Instant>> {
    table.column_by_name(column).unwrap().as_primitive::<Int64Type>().iter().map(|ns| ns.map(Instant)).collect()
}

fn words(table: &RecordBatch, column: &str) -> Vec<Option<String>> {
    table.column_by_name(column).unwrap().as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect()
}

#[test]
fn tracks_read_back_to_the_last_bit() {
    let record = build(&Plan { sites: 3, tracked: 2, days: 0.5, step_s: 30 });
    let table = &all(&record)["track"];
    let rows = record.tracks[0].time.len();
    assert_eq!(table.num_rows(), 2 * rows);
    for (at, track) in record.tracks.iter().enumerate() {
        let range = at * rows..(at + 1) * rows;
        assert!(
            instants(table, "time")[range.clone()].iter().zip(&track.time).all(|(read, time)| *read == Some(*time))
        );
        let same = |column: &str, values: &mut dyn Iterator<Item = f64>| {
            let read = &numbers(table, column)[range.clone()];
            assert!(read.iter().zip(values).all(|(read, value)| read.to_bits() == value.to_bits()), "{column}");
        };
        same("latitude", &mut track.latitude.iter().map(|q| q.0));
        same("longitude", &mut track.longitude.iter().map(|q| q.0));
        same("altitude", &mut track.altitude.iter().map(|q| q.0));
        same("illumination", &mut track.illumination.iter().map(|q| q.0));
        same("array_available", &mut track.array_available.iter().map(|q| q.0));
        same("array_used", &mut track.array_used.iter().map(|q| q.0));
        same("load", &mut track.load.iter().map(|q| q.0));
        same("accelerator", &mut track.accelerator.iter().map(|q| q.0));
        same("state_of_charge", &mut track.state_of_charge.iter().map(|q| q.0));
        same("chip", &mut track.chip.iter().map(|q| q.0));
        same("board", &mut track.board.iter().map(|q| q.0));
        same("bus", &mut track.bus.iter().map(|q| q.0));
        same("radiator", &mut track.radiator.iter().map(|q| q.0));
        same("array", &mut track.array.iter().map(|q| q.0));
        same("clock", &mut track.clock.iter().map(|q| q.0));
        same("work_rate", &mut track.work_rate.iter().map(|q| q.0));
        same("dose_rate", &mut track.dose.iter().map(|q| q.0));
        same("downlink", &mut track.downlink.iter().map(|q| q.0));
        same("uplink", &mut track.uplink.iter().map(|q| q.0));
        let jobs: Vec<Option<u32>> = table.column_by_name("job").unwrap().as_primitive::<UInt32Type>().iter().collect();
        assert_eq!(jobs[range.clone()], track.job);
        let bounds: Vec<_> = track.bound.iter().map(|bound| Some(bound.word().to_owned())).collect();
        assert_eq!(words(table, "bound")[range.clone()], bounds);
        assert!(words(table, "site")[range].iter().all(|name| name.as_deref() == Some(&record.sites[at].name)));
    }
}

#[test]
fn fleet_events_jobs_transfers_and_contacts_read_back() {
    let record = week();
    let read = all(&record);
    let fleet = &read["fleet"];
    assert!(numbers(fleet, "load").iter().zip(&record.fleet.load).all(|(read, value)| *read == value.0));
    assert!(numbers(fleet, "chip_max").iter().zip(&record.fleet.chip_max).all(|(read, value)| *read == value.0));
    assert_eq!(
        fleet.column_by_name("sites_lit").unwrap().as_primitive::<UInt32Type>().values(),
        &record.fleet.sites_lit[..]
    );
    let events = &read["events"];
    assert_eq!(instants(events, "time"), record.events.iter().map(|event| Some(event.time)).collect::<Vec<_>>());
    assert_eq!(
        words(events, "detail"),
        record.events.iter().map(|event| Some(event.detail.clone())).collect::<Vec<_>>()
    );
    assert!(words(events, "kind").contains(&Some("silent-corruption".to_owned())));
    let transfers = &read["transfers"];
    assert!(numbers(transfers, "data").iter().zip(&record.transfers).all(|(read, t)| *read == t.data.0));
    assert!(words(transfers, "direction").contains(&Some("up".to_owned())));
    let contacts = &read["contacts"];
    assert_eq!(instants(contacts, "set"), record.contacts.iter().map(|pass| Some(pass.set)).collect::<Vec<_>>());
    let used: Vec<bool> = contacts.column_by_name("used").unwrap().as_boolean().iter().map(Option::unwrap).collect();
    assert_eq!(used, record.contacts.iter().map(|pass| pass.used).collect::<Vec<_>>());
}

#[test]
fn jobs_keep_their_series_and_their_gaps() {
    let record = week();
    let table = &all(&record)["jobs"];
    assert_eq!(instants(table, "finished"), record.jobs.iter().map(|job| job.finished).collect::<Vec<_>>());
    assert!(record.jobs.iter().any(|job| job.finished.is_none()), "no gap to keep");
    assert_eq!(words(table, "proxy"), record.jobs.iter().map(|job| job.proxy.clone()).collect::<Vec<_>>());
    let list = |column: &str, job: usize| table.column_by_name(column).unwrap().as_list::<i32>().value(job);
    for (at, job) in record.jobs.iter().enumerate() {
        let shares: Vec<f64> = job.history.iter().map(|point| point.1).collect();
        assert_eq!(list("history_progress", at).as_primitive::<Float64Type>().values()[..], shares[..]);
        let steps: Vec<u64> = job.loss.iter().map(|point| point.1).collect();
        assert_eq!(list("loss_step", at).as_primitive::<UInt64Type>().values()[..], steps[..]);
        let times: Vec<i64> = job.loss.iter().map(|point| point.0.0).collect();
        assert_eq!(list("loss_time", at).as_primitive::<Int64Type>().values()[..], times[..]);
        let held_back: Vec<f64> = job.validation.iter().map(|point| point.2).collect();
        assert_eq!(list("validation_loss", at).as_primitive::<Float64Type>().values()[..], held_back[..]);
        assert_eq!(list("validation_step", at).len(), job.validation.len());
        let told = ["latency", "latency_light", "latency_contact", "latency_queue", "latency_compute"].map(|column| {
            let list = list(column, at);
            list.as_primitive::<Float64Type>().values().to_vec()
        });
        assert_eq!(told[0].len(), job.delays.len());
        for (row, delay) in job.delays.iter().enumerate() {
            assert_eq!(told[0][row], delay.total().seconds().0);
            assert_eq!(told[3][row], delay.queue.seconds().0);
            let parts: f64 = told[1..].iter().map(|part| part[row]).sum();
            assert!((parts - told[0][row]).abs() < 1e-9, "{parts} {}", told[0][row]);
        }
    }
}

#[test]
fn files_name_units_and_where_they_come_from() {
    let record = build(&Plan { sites: 1, tracked: 1, days: 0.1, step_s: 60 });
    for (name, bytes) in tables(&record).unwrap() {
        let file = Bytes::from(bytes);
        let metadata = SerializedFileReader::new(file.clone()).unwrap().metadata().file_metadata().clone();
        let pairs = metadata.key_value_metadata().unwrap().clone();
        let value = |key: &str| pairs.iter().find(|pair| pair.key == key).unwrap().value.clone().unwrap();
        assert_eq!(value("sunward.seed"), "42", "{name}");
        assert_eq!(value("sunward.mission_hash"), record.header.mission_hash);
        assert_eq!(value("sunward.catalog_hash"), record.header.catalog_hash);
        assert_eq!(value("sunward.version"), "0.1.0");
        let schema = ArrowReaderMetadata::load(&file, Default::default()).unwrap().schema().clone();
        let unit = |column: &str| schema.field_with_name(column).unwrap().metadata().get("unit").cloned();
        match name {
            "track" => {
                assert_eq!(
                    [unit("load"), unit("chip"), unit("dose_rate"), unit("clock")].map(Option::unwrap),
                    ["W", "K", "Gy/s", "1"]
                );
            }
            "contacts" => assert_eq!(unit("elevation_max").unwrap(), "rad"),
            "transfers" => assert_eq!(unit("data").unwrap(), "bit"),
            _ => {}
        }
    }
}

/// `python3 -c "import datetime as d; print(int(d.datetime(2026,7,27,0,1,tzinfo=d.timezone.utc).timestamp()*1e6))"`,
/// Python 3.11.
#[test]
fn utc_columns_are_unix_time() {
    let record = build(&Plan { sites: 1, tracked: 1, days: 0.1, step_s: 60 });
    let table = &all(&record)["track"];
    let utc = table.column_by_name("time_utc").unwrap().as_primitive::<TimestampMicrosecondType>();
    assert_eq!(utc.value(0), 1_785_110_460_000_000);
    assert_eq!(utc.timezone(), Some("UTC"));
    assert_eq!(utc.value(9) - utc.value(0), 9 * 60_000_000);
}
