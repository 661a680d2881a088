//! Missions side by side: the same numbers of each, as a table, as JSON, as a page.

use serde_json::{Value as Json, json};
use sunward_report::study::{Amount, Axis, Legend, Page, Waterfall, waterfalls};
use sunward_study::distribution::Value;
use sunward_study::{Input, Metric, MissionModel, Table};
use sunward_units::significant;

use crate::Failure;
use crate::study::{right_aligned, sheet, shown};
use crate::study_folder::StudyFolder;
use crate::study_page::{add_grounds, dimension};

/// Missions that were flown as they are.
pub(crate) struct SideBySide<'a> {
    pub(crate) names: &'a [String],
    pub(crate) models: &'a [MissionModel],
    pub(crate) metrics: &'a [String],
    /// `[mission][metric]`, in SI.
    pub(crate) columns: &'a [&'a [Option<f64>]],
}

impl SideBySide<'_> {
    fn values(&self, metric: usize) -> Vec<Option<f64>> {
        self.columns.iter().map(|column| column[metric]).collect()
    }

    /// What each has of a metric, and each but the first over the first; empty where that says nothing.
    fn rows(&self) -> Vec<Vec<String>> {
        let row = |(index, metric): (usize, &String)| {
            let values = self.values(index);
            // A temperature has no ratio that means anything.
            let has_ratio = dimension(&self.models[0], metric) != Some("temperature");
            let first = values[0].filter(|first| *first != 0.0 && has_ratio);
            let ratio = |value: &Option<f64>| match (value, first) {
                (Some(value), Some(first)) => significant(value / first, 4),
                _ => String::new(),
            };
            let read = values.iter().zip(self.models).map(|(value, model)| {
                let scale = model.measure(metric).ok().and_then(|measure| measure.scale);
                shown(*value, scale)
            });
            std::iter::once(metric.clone()).chain(read).chain(values[1..].iter().map(ratio)).collect()
        };
        self.metrics.iter().enumerate().map(row).collect()
    }

    fn headings(&self) -> Vec<String> {
        let ratios = (2..=self.names.len())
            .map(|index| if self.names.len() == 2 { "second / first".to_owned() } else { format!("{index} / 1") });
        std::iter::once("metric".to_owned()).chain(self.names.iter().cloned()).chain(ratios).collect()
    }

    pub(crate) fn text(&self) -> String {
        let mut table = sheet(self.headings());
        for row in self.rows() {
            table.add_row(row);
        }
        self.verdict().into_iter().fold(right_aligned(table), |text, line| text + "\n" + &line)
    }

    /// How many times cheaper the first of two missions is, in words: what claims of "ten times" are held against.
    fn verdict(&self) -> Vec<String> {
        let [first, second] = self.names else { return Vec::new() };
        let told = [
            ("money.usd_per_mwh_without_accelerators", "A MWh fed to the computers, their price left out,"),
            ("money.usd_per_pflop_day", "A PFLOP-day, computers included,"),
        ];
        let line = |(metric, what): (&str, &str)| {
            let index = self.metrics.iter().position(|name| name == metric)?;
            let (a, b) = (self.columns[0][index]?, self.columns[1][index]?);
            let (times, word) = if a <= b { (b / a, "cheaper") } else { (a / b, "dearer") };
            let [a, b, times] = [a, b, times].map(|number| significant(number, 3));
            Some(format!("{what} costs {a} USD by {first} and {b} USD by {second}: {times} times {word}."))
        };
        told.into_iter().filter_map(line).collect()
    }

    pub(crate) fn json(&self) -> Json {
        let unit = |metric: &String| {
            let scales = self.models.iter().filter_map(|model| model.measure(metric).ok()?.scale);
            scales.map(|scale| scale.unit).next().unwrap_or_default()
        };
        let row = |(index, metric): (usize, &String)| json!({"metric": metric, "unit": unit(metric), "values": self.values(index)});
        json!({"missions": self.names, "rows": self.metrics.iter().enumerate().map(row).collect::<Vec<_>>()})
    }

    /// One row a mission.
    fn table(&self) -> Table {
        let missions = self.names.iter().map(|name| Value::Word(name.clone())).collect();
        let metric = |(index, name): (usize, &String)| {
            let units = self.models.iter().filter_map(|model| model.measure(name).ok()?.scale);
            let unit = units.map(|scale| scale.unit.to_owned()).next().unwrap_or_default();
            Metric { name: name.clone(), unit, values: self.values(index) }
        };
        Table {
            first_run: 0,
            inputs: vec![Input { key: "mission".to_owned(), unit: String::new(), values: missions }],
            metrics: self.metrics.iter().enumerate().map(metric).collect(),
            errors: vec![None; self.names.len()],
        }
    }

    /// Leaves the page and the numbers.
    pub(crate) fn leave(&self, folder: &StudyFolder) -> Result<(), Failure> {
        folder.put_table("comparison", &self.table())?;
        folder.put_json("comparison.json", &self.json())?;
        folder.put("report.html", self.page()?.as_bytes())
    }

    fn page(&self) -> Result<String, Failure> {
        let lead = format!("{} side by side. {}", self.names.join(", "), self.verdict().join(" "));
        let note = "Each was flown once as it is, with modelled work; no value was drawn.";
        let mut page = Page::new("Comparison", &lead, note);
        let headings = self.headings();
        let marked: Vec<String> = headings
            .iter()
            .enumerate()
            .map(|(at, text)| if at == 0 { text.clone() } else { format!("#{text}") })
            .collect();
        page.table("The same numbers of each", &marked.iter().map(String::as_str).collect::<Vec<_>>(), &self.rows());
        add_costs(&mut page, &self.costs()?);
        let missions: Vec<_> = self.names.iter().cloned().zip(self.models).collect();
        add_grounds(&mut page, &missions);
        let identities: Vec<String> = self.models.iter().map(sunward_study::Model::identity).collect();
        Ok(page.finish(&identities.join("; ")))
    }

    /// What each mission costs, by category, where its summary tells.
    fn costs(&self) -> Result<Vec<Waterfall>, Failure> {
        let of = |(name, model): (&String, &MissionModel)| {
            let summary = serde_json::to_value(model.summary().map_err(Failure::run)?).map_err(Failure::run)?;
            Ok(Waterfall { name: name.clone(), amounts: amounts(&summary["money"]["of_time_flown"]) })
        };
        let all: Vec<Waterfall> = self.names.iter().zip(self.models).map(of).collect::<Result<_, Failure>>()?;
        Ok(all.into_iter().filter(|fall| !fall.amounts.is_empty()).collect())
    }
}

/// Adds what each mission cost, all to one scale; nothing where none keeps a ledger.
fn add_costs(page: &mut Page, falls: &[Waterfall]) {
    let axis = Axis { name: "cost", dimension: Some("money") };
    for (fall, svg) in falls.iter().zip(waterfalls(&axis, falls)) {
        let caption = "Cost of the time flown, by category: the price of each lasting part spread over its own life, and what was \
                       paid to run. All waterfalls have one scale.";
        page.figure(&format!("Cost of {}", fall.name), caption, &Legend::Plain, &svg);
    }
}

/// The named amounts in a list of pairs; none where the summary has no such list.
fn amounts(list: &Json) -> Vec<Amount> {
    let pair = |pair: &Json| Some(Amount { name: pair[0].as_str()?.to_owned(), value: pair[1].as_f64()? });
    let all: Vec<Amount> = list.as_array().into_iter().flatten().filter_map(pair).collect();
    all.into_iter().filter(|amount| amount.value != 0.0).collect()
}
