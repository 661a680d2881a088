//! What a sweep says: tables for people, JSON for tools, a page with pictures.

use serde_json::{Value, json};
use sunward_report::study::Page;
use sunward_study::{
    Band, Better, Bootstrap, Interval, MissionModel, Model, Sampler, Sampling, StudyError, Table, bands,
    probability_better, sobol, tornado,
};
use sunward_units::significant;

use crate::Failure;
use crate::study::{SweepOptions, right_aligned, sheet, shown};
use crate::study_folder::StudyFolder;
use crate::study_page::{Finding, add_comparison, add_finding, add_grounds, add_variables};

/// Quantiles of a sweep's bands.
const PROBABILITIES: [f64; 3] = [0.05, 0.5, 0.95];

/// The runs of one mission.
pub(crate) struct Swept<'a> {
    pub(crate) model: &'a MissionModel,
    pub(crate) sampler: Sampler,
    pub(crate) table: Table,
}

impl Swept<'_> {
    /// A number of a metric as a person reads it.
    fn shown(&self, metric: &str, value: Option<f64>) -> String {
        shown(value, self.model.measure(metric).ok().and_then(|measure| measure.scale))
    }
}

/// What a sweep says, for people and for tools.
pub(crate) struct Findings {
    pub(crate) text: String,
    pub(crate) json: Value,
    page: String,
    runs: Vec<(&'static str, Table)>,
}

impl Findings {
    /// Leaves the page, the numbers and all runs.
    pub(crate) fn leave(&self, folder: &StudyFolder) -> Result<(), Failure> {
        for (name, table) in &self.runs {
            folder.put_table(name, table)?;
        }
        folder.put_json("findings.json", &self.json)?;
        folder.put("report.html", self.page.as_bytes())
    }
}

/// What the sweep of one mission says, or of two with the same draws.
pub(crate) fn of(options: &SweepOptions, swept: &[Swept<'_>]) -> Result<Findings, StudyError> {
    let first = &swept[0];
    let name = options.mission.display().to_string();
    let note = format!(
        "{} runs, {} failed. A value that differs from run to run is drawn anew in each; the others are the mission's.",
        first.table.runs(),
        first.table.failed()
    );
    let mut page = Page::new(
        &format!("{}, swept", first.model.world().name),
        &format!("What {name} gives when values are uncertain."),
        &note,
    );
    let mut tables = Vec::new();
    let mut rows = Vec::new();
    for metric in &options.metrics {
        let values = first.table.metric(metric)?;
        match first.sampler.sampling() {
            Sampling::OneAtATime { .. } => {
                let found = tornado(&first.sampler, values)?;
                rows.extend(found.bars.iter().map(|bar| json!({"metric": metric, "value": bar.factor, "low": bar.at_low, "centre": found.centre, "high": bar.at_high})));
                tables.push(tornado_rows(first, metric, &found));
                add_finding(&mut page, first.model, metric, &Finding::Tornado(&first.sampler, &found));
            }
            Sampling::Saltelli { .. } => {
                let found = sobol(&first.sampler, values, &Bootstrap::default())?;
                rows.extend(found.of.iter().map(|index| json!({"metric": metric, "value": index.factor, "first": index.first.estimate, "first_low": index.first.low, "first_high": index.first.high, "total": index.total.estimate, "total_low": index.total.low, "total_high": index.total.high})));
                tables.push(index_rows(metric, &found));
                add_finding(&mut page, first.model, metric, &Finding::Indices(&found));
            }
            Sampling::MonteCarlo { .. } | Sampling::LatinHypercube { .. } | Sampling::Grid { .. } => {
                let found = bands(values, &PROBABILITIES, &Bootstrap::default())?;
                rows.push(json!({"metric": metric, "bands": found.iter().map(quantile).collect::<Vec<_>>()}));
                tables.push(band_rows(first, metric, &found));
                add_finding(&mut page, first.model, metric, &Finding::Bands(values, &found));
            }
        }
    }
    let mut text = joined(&tables);
    for other in &swept[1..] {
        let against = options.against.as_ref().map_or_else(String::new, |path| path.display().to_string());
        let mut compared = Vec::new();
        for metric in &options.metrics {
            let found = compare(first, other, metric)?;
            rows.push(found.json(metric, &against));
            add_comparison(&mut page, first.model, metric, [(&name, &first.table), (&against, &other.table)])?;
            compared.push((
                COMPARED.map(|heading| heading.trim_start_matches('#').to_owned()).to_vec(),
                vec![found.row(metric)],
            ));
        }
        page.table(
            "Which is higher",
            &COMPARED,
            &compared.iter().flat_map(|(_, rows)| rows.clone()).collect::<Vec<_>>(),
        );
        text += &format!("\n{name} and {against}, flown with the same draws:\n{}", joined(&compared));
    }
    add_variables(&mut page, first.model, first.sampler.space());
    let names = [Some(name), options.against.as_ref().map(|path| path.display().to_string())];
    let missions: Vec<_> = names.into_iter().flatten().zip(swept.iter().map(|each| each.model)).collect();
    add_grounds(&mut page, &missions);
    let provenance = format!("Seed {}, {}", options.seed, first.model.identity());
    let runs = ["runs", "against"].into_iter().zip(swept.iter().map(|each| each.table.clone())).collect();
    Ok(Findings { text, json: json!(rows), page: page.finish(&provenance), runs })
}

/// Headings of a comparison; the page's mark columns of numbers.
const COMPARED: [&str; 6] =
    ["metric", "#P(first is higher)", "#its 95 % confidence", "#first / second, 5 %", "#median", "#95 %"];

/// Headings and rows of a table.
type Rows = (Vec<String>, Vec<Vec<String>>);

/// Tables of the same headings as one.
fn joined(tables: &[Rows]) -> String {
    let Some((headings, _)) = tables.first() else { return String::new() };
    let mut table = sheet(headings.clone());
    for row in tables.iter().flat_map(|(_, rows)| rows) {
        table.add_row(row);
    }
    right_aligned(table)
}

fn quantile(band: &Band) -> Value {
    let Band { probability, value } = band;
    json!({"probability": probability, "value": value.estimate, "low": value.low, "high": value.high})
}

fn band_rows(swept: &Swept<'_>, metric: &str, found: &[Band]) -> Rows {
    let headings = ["metric", "5 %", "median", "95 %", "95 % confidence of the median"];
    let quantiles = found.iter().map(|band| swept.shown(metric, Some(band.value.estimate)));
    let [low, high] = [found[1].value.low, found[1].value.high].map(|end| swept.shown(metric, Some(end)));
    let row = std::iter::once(metric.to_owned()).chain(quantiles).chain([format!("{low} to {high}")]);
    (headings.map(str::to_owned).to_vec(), vec![row.collect()])
}

fn tornado_rows(swept: &Swept<'_>, metric: &str, found: &sunward_study::Tornado) -> Rows {
    let headings = ["metric", "value", "at its 10 %", "centre", "at its 90 %"];
    let row = |bar: &sunward_study::Bar| {
        let shown = [bar.at_low, found.centre, bar.at_high].map(|value| swept.shown(metric, value));
        [metric.to_owned(), bar.factor.clone()].into_iter().chain(shown).collect()
    };
    (headings.map(str::to_owned).to_vec(), found.bars.iter().map(row).collect())
}

fn index_rows(metric: &str, found: &sunward_study::Indices) -> Rows {
    let headings = ["metric", "value", "alone", "with others", "95 % confidence of the latter"];
    let row = |index: &sunward_study::Index| {
        let shown = [index.first.estimate, index.total.estimate].map(percent);
        let confidence = format!("{} to {}", percent(index.total.low), percent(index.total.high));
        [metric.to_owned(), index.factor.clone()].into_iter().chain(shown).chain([confidence]).collect()
    };
    (headings.map(str::to_owned).to_vec(), found.of.iter().map(row).collect())
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// Two missions by one metric, run by run.
struct Compared {
    higher: Interval,
    /// First over second, where the second is not zero; none where it always is.
    ratio: Option<Vec<Band>>,
}

fn compare(first: &Swept<'_>, second: &Swept<'_>, metric: &str) -> Result<Compared, StudyError> {
    let (a, b) = (first.table.metric(metric)?, second.table.metric(metric)?);
    let bootstrap = Bootstrap::default();
    let higher = probability_better(a, b, Better::Higher, bootstrap.confidence)?;
    let ratio = |(a, b): (&Option<f64>, &Option<f64>)| match ((*a)?, (*b)?) {
        (_, 0.0) => None,
        (a, b) => Some(a / b),
    };
    let ratios: Vec<Option<f64>> = a.iter().zip(b).map(ratio).collect();
    let enough = ratios.iter().flatten().count() > 1;
    let ratio = enough.then(|| bands(&ratios, &PROBABILITIES, &bootstrap)).transpose()?;
    Ok(Compared { higher, ratio })
}

impl Compared {
    fn row(&self, metric: &str) -> Vec<String> {
        let Interval { estimate, low, high } = self.higher;
        let ratios = match &self.ratio {
            Some(bands) => bands.iter().map(|band| significant(band.value.estimate, 4)).collect(),
            None => vec!["none".to_owned(); PROBABILITIES.len()],
        };
        let shares = [percent(estimate), format!("{} to {}", percent(low), percent(high))];
        std::iter::once(metric.to_owned()).chain(shares).chain(ratios).collect()
    }

    fn json(&self, metric: &str, against: &str) -> Value {
        let Interval { estimate, low, high } = self.higher;
        json!({
            "metric": metric,
            "against": against,
            "probability_higher": {"value": estimate, "low": low, "high": high},
            "ratio": self.ratio.as_ref().map(|bands| bands.iter().map(quantile).collect::<Vec<_>>()),
        })
    }
}
