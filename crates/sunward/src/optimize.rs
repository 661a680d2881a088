//! `sunward optimize`: the design that serves best, or the front of those that none beats.

use std::path::PathBuf;

use clap::Args;
use comfy_table::Table as Text;
use serde_json::json;
use sunward_study::distribution::{Distribution, Value};
use sunward_study::mission::Declarations;
use sunward_study::optimise::{Candidate, Effort, Objective, Optimum, Problem, table};
use sunward_study::{
    Better, Control, Journal, MissionModel, Observer, Point, Remembered, Space, StudyError, Variable, optimise,
};

use crate::Failure;
use crate::input::{print_json, print_text, text};
use crate::study::{METRICS, bar, default_folder, model, right_aligned, sheet, shown};
use crate::study_folder::StudyFolder;

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
    let search = Search { options, model: &model, space: &space, objectives, metrics: &metrics, found: &found };
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
        Ok(())
    }

    fn json(&self) -> serde_json::Value {
        let objective = |objective: &Objective| {
            let better = if objective.better == Better::Lower { "lower" } else { "higher" };
            json!({"metric": objective.metric, "better": better})
        };
        let value = |value: &Value| match value {
            Value::Number(number) => json!(number),
            Value::Word(word) => json!(word),
        };
        let design = |candidate: &Candidate| {
            let values = self.space.variables().iter().zip(&candidate.values);
            let values: serde_json::Map<_, _> =
                values.map(|(variable, chosen)| (variable.key.clone(), value(chosen))).collect();
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

    /// One design: a line each value and metric. Several: a line a design, with what it was chosen by.
    fn table(&self) -> Result<Text, Failure> {
        if let ([candidate], 1) = (self.found.front.as_slice(), self.objectives.len()) {
            let mut table = sheet(["best design", "value"].map(str::to_owned));
            for (name, value) in self.values(candidate) {
                table.add_row([name, value]);
            }
            for metric in self.metrics {
                table.add_row([metric.clone(), self.metric(candidate, metric)?]);
            }
            return Ok(table);
        }
        let aims: Vec<&String> = self.objectives.iter().map(|objective| &objective.metric).collect();
        let keys = self.values(&self.found.front[0]).into_iter().map(|(name, _)| name);
        let mut table = sheet(["design".to_owned()].into_iter().chain(aims.iter().map(|&aim| aim.clone())).chain(keys));
        for (index, candidate) in self.found.front.iter().enumerate() {
            let aimed = aims.iter().map(|metric| self.metric(candidate, metric)).collect::<Result<Vec<_>, _>>()?;
            let values = self.values(candidate).into_iter().map(|(_, value)| value);
            table.add_row([format!("{:02}", index + 1)].into_iter().chain(aimed).chain(values));
        }
        Ok(table)
    }

    /// What was chosen, by name; what has one value only is no choice.
    fn values(&self, candidate: &Candidate) -> Vec<(String, String)> {
        let variables = self.space.variables().iter().zip(&candidate.values);
        let chosen = variables.filter(|(variable, _)| is_choice(variable));
        let text = |(variable, value): (&Variable, &Value)| {
            let text = match value {
                Value::Number(number) => sunward_report::human(*number, self.model.dimension(&variable.key)),
                Value::Word(word) => word.clone(),
            };
            (variable.key.clone(), text)
        };
        chosen.map(text).collect()
    }

    fn metric(&self, candidate: &Candidate, metric: &String) -> Result<String, Failure> {
        let value = self.metrics.iter().position(|known| known == metric).and_then(|at| candidate.metrics[at]);
        Ok(shown(value, self.model.measure(metric).map_err(Failure::run)?.scale))
    }
}

fn is_choice(variable: &Variable) -> bool {
    !matches!(&variable.distribution, Distribution::Discrete { values, .. } if values.len() == 1)
}
