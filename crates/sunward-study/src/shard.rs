//! A shard as a Parquet file: column `run`, one column a variable and a metric, column `error`.
//!
//! Numbers carry their unit in the field's metadata; the file's metadata names the shard, which is a hash of what decides it.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, UInt64Type};
use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray, UInt64Array};
use arrow_schema::{DataType, Field, Schema};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use crate::StudyError;
use crate::distribution::Value;
use crate::table::Table;

/// Part of every shard's hash: a shard of another version of this crate or of another layout is another shard.
pub(crate) const FORMAT: &str = concat!("sunward-study ", env!("CARGO_PKG_VERSION"), " 2");

/// Columns that every table has.
pub(crate) const FIXED_COLUMNS: [&str; 2] = ["run", "error"];

const SHARD_KEY: &str = "sunward.shard";

/// The Parquet file of a table; the same table gives the same bytes.
pub(crate) fn encode(table: &Table, name: &str) -> Result<Vec<u8>, StudyError> {
    let write = || {
        let batch = batch(table)?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
            .set_key_value_metadata(Some(vec![KeyValue::new(SHARD_KEY.to_owned(), name.to_owned())]))
            .build();
        let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties))?;
        writer.write(&batch)?;
        writer.into_inner()
    };
    write().map_err(|source| StudyError::Parquet { name: name.to_owned(), source })
}

fn batch(table: &Table) -> Result<RecordBatch, ParquetError> {
    let mut fields = vec![Field::new(FIXED_COLUMNS[0], DataType::UInt64, false)];
    let runs = (0..table.runs()).map(|row| (table.first_run + row) as u64);
    let mut columns: Vec<ArrayRef> = vec![Arc::new(UInt64Array::from_iter_values(runs))];
    for input in &table.inputs {
        let words = input.values.iter().any(|value| value.number().is_none());
        let kind = if words { DataType::Utf8 } else { DataType::Float64 };
        let unit = HashMap::from([("unit".to_owned(), input.unit.clone())]);
        fields.push(Field::new(&input.key, kind, false).with_metadata(unit));
        columns.push(if words { words_column(&input.values) } else { numbers_column(&input.values) });
    }
    for metric in &table.metrics {
        let unit = HashMap::from([("unit".to_owned(), metric.unit.clone())]);
        fields.push(Field::new(&metric.name, DataType::Float64, true).with_metadata(unit));
        columns.push(Arc::new(Float64Array::from(metric.values.clone())));
    }
    fields.push(Field::new(FIXED_COLUMNS[1], DataType::Utf8, true));
    columns.push(Arc::new(StringArray::from(table.errors.clone())));
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
}

fn numbers_column(values: &[Value]) -> ArrayRef {
    Arc::new(Float64Array::from_iter_values(values.iter().filter_map(Value::number)))
}

fn words_column(values: &[Value]) -> ArrayRef {
    let word = |value: &Value| match value {
        Value::Word(word) => word.clone(),
        Value::Number(number) => number.to_string(),
    };
    Arc::new(StringArray::from_iter_values(values.iter().map(word)))
}

/// The table that `content` holds, filled into `table`, which has its columns and no rows.
pub(crate) fn decode(content: Vec<u8>, name: &str, table: Table) -> Result<Table, StudyError> {
    let unreadable = |source| StudyError::Parquet { name: name.to_owned(), source };
    let foreign = |expected| StudyError::Foreign { name: name.to_owned(), expected };
    let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(content)).map_err(unreadable)?;
    let metadata = reader.metadata().file_metadata().key_value_metadata();
    let of = metadata.into_iter().flatten().find(|pair| pair.key == SHARD_KEY);
    if of.and_then(|pair| pair.value.as_deref()) != Some(name) {
        return Err(foreign("the shard of that name"));
    }
    let mut table = table;
    for batch in reader.build().map_err(unreadable)? {
        let batch = batch.map_err(|error| unreadable(error.into()))?;
        fill(&mut table, &batch).ok_or_else(|| foreign("the columns of the study"))?;
    }
    Ok(table)
}

/// Adds the rows of `batch`; nothing if a column is absent, of another kind or out of order.
fn fill(table: &mut Table, batch: &RecordBatch) -> Option<()> {
    let runs = batch.column_by_name(FIXED_COLUMNS[0])?.as_primitive_opt::<UInt64Type>()?;
    let expected = table.first_run + table.runs();
    let in_order = runs.values().iter().enumerate().all(|(row, &run)| run == (expected + row) as u64);
    in_order.then_some(())?;
    for input in &mut table.inputs {
        let column = batch.column_by_name(&input.key)?;
        match column.as_primitive_opt::<Float64Type>() {
            Some(numbers) => input.values.extend(numbers.values().iter().map(|&number| Value::Number(number))),
            None => input
                .values
                .extend(column.as_string_opt::<i32>()?.iter().flatten().map(|word| Value::Word(word.to_owned()))),
        }
    }
    for metric in &mut table.metrics {
        metric.values.extend(batch.column_by_name(&metric.name)?.as_primitive_opt::<Float64Type>()?.iter());
    }
    let errors = batch.column_by_name(FIXED_COLUMNS[1])?.as_string_opt::<i32>()?;
    table.errors.extend(errors.iter().map(|error| error.map(str::to_owned)));
    Some(())
}
