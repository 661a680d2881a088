//! The result of a study, or of a part of it: one row a run.

use crate::StudyError;
use crate::distribution::Value;
use crate::shard;
use crate::space::unknown;

/// One row a run, in the order of the runs. A run that failed has its error and no metrics.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Number of the first run.
    pub first_run: usize,
    /// What went in, `[variable][run]`.
    pub inputs: Vec<Input>,
    /// What came out, `[metric][run]`.
    pub metrics: Vec<Metric>,
    /// Why a run failed, `[run]`.
    pub errors: Vec<Option<String>>,
}

/// A column of values that went in.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// The variable's key.
    pub key: String,
    /// Unit of its numbers.
    pub unit: String,
    /// `[run]`.
    pub values: Vec<Value>,
}

/// A column of results.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// Its name.
    pub name: String,
    /// Unit of its numbers; empty for shares and counts.
    pub unit: String,
    /// `[run]`; none where the run failed, or where the metric does not exist (a price per unit of nothing).
    pub values: Vec<Option<f64>>,
}

impl Table {
    /// Number of runs.
    #[must_use]
    pub fn runs(&self) -> usize {
        self.errors.len()
    }

    /// Number of runs that failed.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.errors.iter().flatten().count()
    }

    /// The values of a metric, `[run]`.
    ///
    /// # Errors
    /// If the table has no such metric.
    pub fn metric(&self, name: &str) -> Result<&[Option<f64>], StudyError> {
        let names = || self.metrics.iter().map(|metric| metric.name.as_str());
        let found = self.metrics.iter().find(|metric| metric.name == name);
        found.map(|metric| metric.values.as_slice()).ok_or_else(|| unknown("metric", name, names()))
    }

    /// The values of a variable, `[run]`.
    ///
    /// # Errors
    /// If the table has no such variable.
    pub fn input(&self, key: &str) -> Result<&[Value], StudyError> {
        let keys = || self.inputs.iter().map(|input| input.key.as_str());
        let found = self.inputs.iter().find(|input| input.key == key);
        found.map(|input| input.values.as_slice()).ok_or_else(|| unknown("variable", key, keys()))
    }

    /// The table as a Parquet file: columns `run`, each variable, each metric, `error`; units are in the fields' metadata.
    ///
    /// # Errors
    /// If it does not fit in one.
    pub fn to_parquet(&self, name: &str) -> Result<Vec<u8>, StudyError> {
        shard::encode(self, name)
    }

    /// The table as comma-separated values (RFC 4180): a heading with units, then a line a run.
    #[must_use]
    pub fn to_csv(&self) -> String {
        let heading =
            |name: &str, unit: &str| if unit.is_empty() { name.to_owned() } else { format!("{name} [{unit}]") };
        let inputs = self.inputs.iter().map(|input| heading(&input.key, &input.unit));
        let metrics = self.metrics.iter().map(|metric| heading(&metric.name, &metric.unit));
        let mut lines =
            csv_line(["run".to_owned()].into_iter().chain(inputs).chain(metrics).chain(["error".to_owned()]));
        for row in 0..self.runs() {
            let inputs = self.inputs.iter().map(|input| match &input.values[row] {
                Value::Number(number) => number.to_string(),
                Value::Word(word) => word.clone(),
            });
            let metrics =
                self.metrics.iter().map(|metric| metric.values[row].map_or_else(String::new, |v| v.to_string()));
            let error = self.errors[row].clone().unwrap_or_default();
            let run = (self.first_run + row).to_string();
            lines += &csv_line([run].into_iter().chain(inputs).chain(metrics).chain([error]));
        }
        lines
    }

    /// Adds the runs of `next`, which must follow these.
    ///
    /// # Panics
    /// If they do not, or if the columns differ.
    pub(crate) fn append(&mut self, next: Self) {
        assert_eq!(self.first_run + self.runs(), next.first_run, "runs follow each other");
        assert_eq!((self.inputs.len(), self.metrics.len()), (next.inputs.len(), next.metrics.len()), "same columns");
        self.errors.extend(next.errors);
        for (mine, theirs) in self.inputs.iter_mut().zip(next.inputs) {
            mine.values.extend(theirs.values);
        }
        for (mine, theirs) in self.metrics.iter_mut().zip(next.metrics) {
            mine.values.extend(theirs.values);
        }
    }
}

/// A line of comma-separated values; what holds a comma, a quote or a line's end stands in quotes.
#[must_use]
pub fn csv_line(cells: impl IntoIterator<Item = String>) -> String {
    let cell = |text: String| {
        if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
    };
    cells.into_iter().map(cell).collect::<Vec<_>>().join(",") + "\n"
}
