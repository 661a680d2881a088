//! `sunward optimize`: the design that serves best, or the front of those that none beats.

use std::path::PathBuf;

use clap::Args;
use comfy_table::Table as Text;
use serde_json::json;
use sunward_report::study::Page;
use sunward_study::distribution::{Distribution, Value};
use sunward_study::mission::Declarations;
use sunward_study::optimise::{Bound, Candidate, Constraint, Effort, Objective, Optimum, Problem, table};
use sunward_study::{
    Better, Control, Journal, MissionModel, Model, Observer, Point, Remembered, Space, StudyError, Variable, optimise,
};

use crate::Failure;
use crate::input::{print_json, print_text, text};
use crate::study::{METRICS, bar, default_folder, model, right_aligned, sheet, shown};
use crate::study_folder::StudyFolder;
use crate::study_page::{add_front, add_grounds, add_variables, dimension, value};

#[derive(Args)]
pub(crate) struct Options {
    /// Mission file.
    mission: PathBuf,
    /// Study file: design variables, what follows from them, objectives and constraints.
    study: PathBuf,
    /// Key of a design variable to choose; may be given several times. By default all of them.
    #[arg(long = "over")]
    over: Vec<String>,
    /// Designs to try at most.
    #[arg(long, default_value_t = 400)]
    evaluations: usize,
    /// Designs in a generation; by default 12 for one objective, 40 for several.
    #[arg(long)]
    population: Option<usize>,
    /// Seed of the search.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Further numbers of summary.json to show; may be given several times.
    #[arg(long = "metric")]
    metrics: Vec<String>,
    /// Folder of the results; by default runs/NAME-OF-THE-STUDY-FILE. A search that was interrupted goes on there.
    #[arg(long)]
    out: Option<PathBuf>,
    /// As JSON on stdout.
    #[arg(long)]
    json: bool,
}

/// Designs in a generation where none are asked for: for one objective what Hansen 2016 takes for some ten variables, 4 + 3 ln n,
/// rounded up; for several less than the 100 of Deb et al. 2002, whose functions cost nothing.
const POPULATION: [usize; 2] = [12, 40];

pub(crate) fn optimize(options: &Options) -> Result<(), Failure> {
    let study = options.study.display().to_string();
    let declared = Declarations::read(&text(&options.study)?, &study).map_err(Failure::input)?;
    let objectives = declared.objectives();
    let mut metrics = declared.metrics();
    let others = options.metrics.iter().cloned().chain(METRICS.map(str::to_owned));
    for metric in others {
        if !metrics.contains(&metric) {
            metrics.push(metric);
        }
    }
    let model = model(&options.mission, &metrics)?.with_followers(&declared).map_err(Failure::input)?;
    let space = model.space(&declared).map_err(Failure::input)?;
    let constraints = model.constraints(&declared).map_err(Failure::input)?;
    let folder = StudyFolder::open(&options.out.clone().unwrap_or_else(|| default_folder(&options.study)))?;
    let journal = Journal::open(&folder.path("evaluations.tsv")).map_err(Failure::run)?;
    let before = journal.len();
    let remembered = Remembered { model: &model, journal: &journal };
    let (objectives, constraints) = (objectives.as_slice(), constraints.as_slice());
    let problem = Problem { model: &remembered, space: &space, over: &options.over, objectives, constraints };
    let population = options.population.unwrap_or(POPULATION[usize::from(objectives.len() > 1)]);
    let effort = Effort { evaluations: options.evaluations, population, seed: options.seed };
    let bar = bar(options.evaluations as u64, "designs");
    let observer: &Observer<'_> = &|progress| {
        bar.set_position(progress.done);
        Control::Continue
    };
    let found = optimise(&problem, &effort, observer).map_err(failed)?;
    bar.finish_and_clear();
    let search =
        Search { options, model: &model, space: &space, objectives, constraints, metrics: &metrics, found: &found };
    search.leave(&folder)?;
    let feasible = found.tried.iter().filter(|candidate| candidate.is_feasible()).count();
    eprintln!(
        "{} designs tried ({} flown now), {feasible} meet the constraints; results in {}",
        found.tried.len(),
        journal.len() - before,
        folder.path("").display()
    );
    if options.json { print_json(&search.json()) } else { print_text(&right_aligned(search.table()?)) }
}

/// A study file that asks for what cannot be is at fault; a search that finds nothing is a failed run.
fn failed(error: StudyError) -> Failure {
    match error {
        StudyError::Infeasible { .. } | StudyError::Interrupted { .. } | StudyError::Store { .. } => {
            Failure::run(error)
        }
        _ => Failure::input(error),
    }
}

/// A search with what it found.
struct Search<'a> {
    options: &'a Options,
    model: &'a MissionModel,
    space: &'a Space,
    objectives: &'a [Objective],
    constraints: &'a [Constraint],
    metrics: &'a [String],
    found: &'a Optimum,
}

impl Search<'_> {
    fn point<'c>(&'c self, candidate: &'c Candidate) -> Point<'c> {
        Point { variables: self.space.variables(), values: &candidate.values }
    }

    /// Leaves the results: each design of the front as a mission, all designs as tables, and the page.
    fn leave(&self, folder: &StudyFolder) -> Result<(), Failure> {
        let single = self.objectives.len() == 1;
        folder.remove(|name| name == "best.toml" || (name.starts_with("design-") && name.ends_with(".toml")))?;
        for (index, candidate) in self.found.front.iter().enumerate() {
            let mission = self.model.text(self.point(candidate)).map_err(Failure::run)?;
            let name = if single { "best.toml".to_owned() } else { format!("design-{:02}.toml", index + 1) };
            folder.put(&name, mission.as_bytes())?;
        }
        for (name, candidates) in [("front", &self.found.front), ("designs", &self.found.tried)] {
            folder.put_table(name, &table(self.model, self.space, candidates))?;
        }
        folder.put_json("optimum.json", &self.json())?;
        folder.put("report.html", self.page()?.as_bytes())
    }

    fn page(&self) -> Result<String, Failure> {
        let (mission, found) = (self.options.mission.display(), self.found);
        let aims = self.objectives.iter().map(|aim| {
            let word = if aim.better == Better::Lower { "small" } else { "great" };
            format!("{word} {}", aim.metric)
        });
        let lead = match self.objectives.len() {
            1 => format!("The best of the designs of {mission} for {}.", aims.collect::<String>()),
            _ => format!(
                "{} designs of {mission} that no other beats in {}.",
                found.front.len(),
                aims.collect::<Vec<_>>().join(" and ")
            ),
        };
        let feasible = found.tried.iter().filter(|candidate| candidate.is_feasible()).count();
        let note = format!(
            "{} designs were flown, {feasible} of them meet the constraints. Assumptions stayed at their central values: fly the \
             designs again in a sweep to see how they stand when these are uncertain.",
            found.tried.len()
        );
        let mut page = Page::new(&format!("Designs of {}", self.model.world().name), &lead, &note);
        add_front(&mut page, self.model, self.objectives, self.metrics, found);
        let (headings, rows) = self.rows()?;
        let headings: Vec<String> = headings.into_iter().enumerate().map(|(at, heading)| mark(at, &heading)).collect();
        page.table("Designs", &headings.iter().map(String::as_str).collect::<Vec<_>>(), &rows);
        if self.objectives.len() > 1 {
            page.table("All metrics", &self.all_headings(), &self.all_rows()?);
        }
        let constraint = |constraint: &Constraint| {
            let (word, bound) = match constraint.bound {
                Bound::AtMost(bound) => ("at most", bound),
                Bound::AtLeast(bound) => ("at least", bound),
            };
            let bound = sunward_report::human(bound, dimension(self.model, &constraint.metric));
            vec![constraint.metric.clone(), format!("{word} {bound}")]
        };
        let constraints: Vec<Vec<String>> = self.constraints.iter().map(constraint).collect();
        if !constraints.is_empty() {
            page.table("Constraints", &["metric", "#must be"], &constraints);
        }
        add_variables(&mut page, self.model, self.space);
        add_grounds(&mut page, &[(mission.to_string(), self.model)]);
        Ok(page.finish(&format!("Seed {}, {}", self.options.seed, self.model.identity())))
    }

    fn all_headings(&self) -> [&'static str; 4] {
        ["metric", "#first of the front", "#middle", "#last"]
    }

    /// Every metric at both ends and in the middle of the front.
    fn all_rows(&self) -> Result<Vec<Vec<String>>, Failure> {
        let front = &self.found.front;
        let shown = [&front[0], &front[front.len() / 2], &front[front.len() - 1]];
        let row = |metric: &String| {
            let values = shown.iter().map(|candidate| self.metric(candidate, metric));
            std::iter::once(Ok(metric.clone())).chain(values).collect()
        };
        self.metrics.iter().map(row).collect()
    }

    fn json(&self) -> serde_json::Value {
        let objective = |objective: &Objective| {
            let better = if objective.better == Better::Lower { "lower" } else { "higher" };
            json!({"metric": objective.metric, "better": better})
        };
        let plain = |value: &Value| match value {
            Value::Number(number) => json!(number),
            Value::Word(word) => json!(word),
        };
        let design = |candidate: &Candidate| {
            let values = self.space.variables().iter().zip(&candidate.values);
            let values: serde_json::Map<_, _> =
                values.map(|(variable, chosen)| (variable.key.clone(), plain(chosen))).collect();
            let metrics: serde_json::Map<_, _> =
                self.metrics.iter().cloned().zip(candidate.metrics.iter().map(|metric| json!(metric))).collect();
            json!({"values": values, "metrics": metrics})
        };
        json!({
            "mission": self.options.mission.display().to_string(),
            "study": self.options.study.display().to_string(),
            "seed": self.options.seed,
            "evaluations": self.found.evaluations,
            "objectives": self.objectives.iter().map(objective).collect::<Vec<_>>(),
            "front": self.found.front.iter().map(design).collect::<Vec<_>>(),
        })
    }

    fn table(&self) -> Result<Text, Failure> {
        let (headings, rows) = self.rows()?;
        let mut table = sheet(headings);
        for row in rows {
            table.add_row(row);
        }
        Ok(table)
    }

    /// One design: a line each value and metric. Several: a line a design, with what it was chosen by.
    fn rows(&self) -> Result<(Vec<String>, Vec<Vec<String>>), Failure> {
        if let ([candidate], 1) = (self.found.front.as_slice(), self.objectives.len()) {
            let values = self.values(candidate).into_iter().map(|(name, value)| Ok(vec![name, value]));
            let metrics = self.metrics.iter().map(|metric| Ok(vec![metric.clone(), self.metric(candidate, metric)?]));
            return Ok((
                vec!["best design".to_owned(), "value".to_owned()],
                values.chain(metrics).collect::<Result<_, _>>()?,
            ));
        }
        let aims: Vec<&String> = self.objectives.iter().map(|objective| &objective.metric).collect();
        let keys = self.values(&self.found.front[0]).into_iter().map(|(name, _)| name);
        let headings = ["design".to_owned()].into_iter().chain(aims.iter().map(|&aim| aim.clone())).chain(keys);
        let row = |(index, candidate): (usize, &Candidate)| {
            let aimed = aims.iter().map(|metric| self.metric(candidate, metric));
            let values = self.values(candidate).into_iter().map(|(_, value)| Ok(value));
            std::iter::once(Ok(format!("{:02}", index + 1))).chain(aimed).chain(values).collect::<Result<Vec<_>, _>>()
        };
        Ok((headings.collect(), self.found.front.iter().enumerate().map(row).collect::<Result<_, _>>()?))
    }

    /// What was chosen, by name; what has one value only is no choice.
    fn values(&self, candidate: &Candidate) -> Vec<(String, String)> {
        let variables = self.space.variables().iter().zip(&candidate.values);
        let chosen = variables.filter(|(variable, _)| is_choice(variable));
        let text =
            |(variable, chosen): (&Variable, &Value)| (variable.key.clone(), value(self.model, variable, chosen));
        chosen.map(text).collect()
    }

    fn metric(&self, candidate: &Candidate, metric: &String) -> Result<String, Failure> {
        let value = self.metrics.iter().position(|known| known == metric).and_then(|at| candidate.metrics[at]);
        Ok(shown(value, self.model.measure(metric).map_err(Failure::run)?.scale))
    }
}

/// The heading of column `at` of the page's table of designs: numbers stand to the right.
fn mark(at: usize, heading: &str) -> String {
    if at == 0 { heading.to_owned() } else { format!("#{heading}") }
}

fn is_choice(variable: &Variable) -> bool {
    !matches!(&variable.distribution, Distribution::Discrete { values, .. } if values.len() == 1)
}
