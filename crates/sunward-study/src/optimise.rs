//! Choosing a design: the best one for one objective, the Pareto front for several, among those that meet the constraints.
//!
//! One objective: CMA-ES (Hansen 2016, "The CMA evolution strategy: a tutorial"; crate `cmaes`). Several: NSGA-II, written here. Both
//! search the unit cube of the design variables' distributions, so that ends and discrete values are theirs; assumptions stay
//! central, and are refused as variables.
//! **Not modelled**: designs that are good on average over the assumptions; sweep the front's designs for that.

mod nsga;

use std::cmp::Ordering;
use std::sync::{Mutex, PoisonError};

use cmaes::{CMAESOptions, DVector};
use rayon::prelude::*;

use crate::StudyError;
use crate::analyse::Better;
use crate::distribution::{Distribution, Value};
use crate::run::{Control, Model, Observer, Point, Progress, outcome};
use crate::space::{Role, Space, Variable, unknown};
use crate::table::{Input, Metric, Table};

/// What is to be small or great.
#[derive(Debug, Clone, PartialEq)]
pub struct Objective {
    /// The metric.
    pub metric: String,
    /// Which way it is better.
    pub better: Better,
}

/// What a design must keep to.
#[derive(Debug, Clone, PartialEq)]
pub struct Constraint {
    /// The metric.
    pub metric: String,
    /// Where it must stay.
    pub bound: Bound,
}

/// Where a metric must stay; both ends are allowed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// Not above.
    AtMost(f64),
    /// Not below.
    AtLeast(f64),
}

/// What to optimise.
#[derive(Clone, Copy)]
pub struct Problem<'a> {
    /// What a run is.
    pub model: &'a dyn Model,
    /// The variables.
    pub space: &'a Space,
    /// Keys of the variables to choose; empty for all design variables of the space.
    pub over: &'a [String],
    /// One or more.
    pub objectives: &'a [Objective],
    /// Any number.
    pub constraints: &'a [Constraint],
}

/// How hard to search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effort {
    /// Runs at most.
    pub evaluations: usize,
    /// Designs in a generation, which are run at the same time.
    pub population: usize,
    /// Seed of the search.
    pub seed: u64,
}

/// A design that was tried.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// `[variable]` of the space, those that were not to be chosen included.
    pub values: Vec<Value>,
    /// `[metric]` of the model; none where the run failed or the metric does not exist.
    pub metrics: Vec<Option<f64>>,
    /// Why the run counts as failed.
    pub error: Option<String>,
    /// `[objective]`, lower is better.
    scores: Vec<f64>,
    /// Sum of the relative violations of the constraints.
    violation: f64,
    /// `[chosen variable]`, where in the unit cube.
    place: Vec<f64>,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq)]
pub struct Optimum {
    /// The best design; of several objectives the designs that none beats, in the order of the first objective.
    pub front: Vec<Candidate>,
    /// Every design that was tried, each once, in the order of its values.
    pub tried: Vec<Candidate>,
    /// Runs it took.
    pub evaluations: usize,
}

/// Violation of a run that gave no metrics: more than that of any that gave some.
const FAILED: f64 = 1e9;

/// The least violation of a design worth telling apart from the worst.
fn capped(violation: f64) -> f64 {
    violation.min(FAILED / 10.0)
}

/// The best designs of `problem`.
///
/// # Errors
/// A variable that is an assumption, or whose values have no ends; unknown variables or metrics; nothing to choose or to aim at; an
/// observer that stops; no design that meets the constraints.
pub fn optimise(problem: &Problem<'_>, effort: &Effort, observer: &Observer<'_>) -> Result<Optimum, StudyError> {
    let search = Search::new(problem, effort)?;
    let (found, evaluations) = match problem.objectives.len() {
        1 => single(&search, effort, observer)?,
        _ => nsga::front(&search, effort, observer)?,
    };
    let mut front: Vec<Candidate> = found.iter().filter(|candidate| candidate.violation == 0.0).cloned().collect();
    if front.is_empty() {
        return Err(infeasible(&found, evaluations));
    }
    front.sort_by(|a, b| a.scores.partial_cmp(&b.scores).expect("scores are finite"));
    front.dedup_by(|a, b| a.values == b.values);
    Ok(Optimum { front, tried: search.tried(), evaluations })
}

fn infeasible(tried: &[Candidate], evaluations: usize) -> StudyError {
    let violation = tried.iter().map(|candidate| candidate.violation).fold(f64::INFINITY, f64::min);
    let first = tried.iter().find_map(|candidate| candidate.error.as_ref());
    let cause = first.filter(|_| violation >= FAILED).map(|error| format!(" (every run failed, one with: {error})"));
    StudyError::Infeasible { evaluations: evaluations as u64, violation, cause: cause.unwrap_or_default() }
}

/// Candidates as a table, one row each.
#[must_use]
pub fn table(model: &dyn Model, space: &Space, candidates: &[Candidate]) -> Table {
    let input = |(index, variable): (usize, &Variable)| Input {
        key: variable.key.clone(),
        unit: variable.unit.clone(),
        values: candidates.iter().map(|candidate| candidate.values[index].clone()).collect(),
    };
    let metric = |(index, name): (usize, &String)| Metric {
        name: name.clone(),
        unit: model.unit(name),
        values: candidates.iter().map(|candidate| candidate.metrics[index]).collect(),
    };
    Table {
        first_run: 0,
        inputs: space.variables().iter().enumerate().map(input).collect(),
        metrics: model.metrics().iter().enumerate().map(metric).collect(),
        errors: candidates.iter().map(|candidate| candidate.error.clone()).collect(),
    }
}

/// A problem, resolved.
struct Search<'a> {
    problem: Problem<'a>,
    /// `[chosen variable]`: its factor.
    factors: Vec<usize>,
    /// `[objective]`: index of the metric.
    objectives: Vec<usize>,
    /// `[constraint]`: index of the metric.
    constraints: Vec<usize>,
    /// Designs that were tried, in no order.
    tried: Mutex<Vec<Candidate>>,
}

impl Candidate {
    /// Whether it gave its metrics and meets the constraints.
    #[must_use]
    pub fn is_feasible(&self) -> bool {
        self.violation == 0.0
    }
}

impl<'a> Search<'a> {
    fn new(problem: &Problem<'a>, effort: &Effort) -> Result<Self, StudyError> {
        let metric = |name: &String| {
            let names = || problem.model.metrics().iter().map(String::as_str);
            names().position(|known| known == name).ok_or_else(|| unknown("metric", name, names()))
        };
        let factors = chosen(problem)?.into_iter().map(|variable| factor(problem.space, variable));
        let objectives = problem.objectives.iter().map(|objective| metric(&objective.metric));
        let constraints = problem.constraints.iter().map(|constraint| metric(&constraint.metric));
        let search = Self {
            problem: *problem,
            factors: factors.collect::<Result<_, _>>()?,
            objectives: objectives.collect::<Result<_, _>>()?,
            constraints: constraints.collect::<Result<_, _>>()?,
            tried: Mutex::new(Vec::new()),
        };
        let sizes = [
            ("design variables", search.factors.len(), 1),
            ("objectives", search.objectives.len(), 1),
            ("designs in a generation", effort.population, 4),
            ("runs of the search", effort.evaluations, effort.population + 1),
        ];
        match sizes.into_iter().find(|&(_, got, least)| got < least) {
            Some((what, got, least)) => {
                Err(StudyError::Size { what, got: got as u64, allowed: format!("{least} and more") })
            }
            None => Ok(search),
        }
    }

    /// Runs the designs at `places`, in parallel, in order.
    fn try_all(&self, places: Vec<Vec<f64>>) -> Vec<Candidate> {
        places.into_par_iter().map(|place| self.try_one(place)).collect()
    }

    fn try_one(&self, place: Vec<f64>) -> Candidate {
        let candidate = self.judged(place);
        self.tried.lock().unwrap_or_else(PoisonError::into_inner).push(candidate.clone());
        candidate
    }

    /// Every design that was tried, each once, in an order that does not depend on which ran first.
    fn tried(&self) -> Vec<Candidate> {
        let mut all = self.tried.lock().unwrap_or_else(PoisonError::into_inner).clone();
        all.sort_by(|a, b| a.place.partial_cmp(&b.place).expect("places are numbers"));
        all.sort_by(|a, b| order(&a.values, &b.values));
        all.dedup_by(|a, b| a.values == b.values);
        all
    }

    fn judged(&self, place: Vec<f64>) -> Candidate {
        let Problem { model, space, .. } = self.problem;
        let mut uniforms = vec![None; space.factors().len()];
        for (&factor, &coordinate) in self.factors.iter().zip(&place) {
            uniforms[factor] = Some(coordinate);
        }
        let values = space.values(&uniforms);
        let outcome = outcome(model, Point { variables: space.variables(), values: &values });
        let judged = outcome.and_then(|metrics| Ok((self.scores(&metrics)?, self.violation(&metrics)?, metrics)));
        match judged {
            Ok((scores, violation, metrics)) => Candidate { values, metrics, error: None, scores, violation, place },
            Err(error) => {
                let metrics = vec![None; model.metrics().len()];
                let scores = vec![f64::MAX; self.objectives.len()];
                Candidate { values, metrics, error: Some(error), scores, violation: FAILED, place }
            }
        }
    }

    fn there(&self, metrics: &[Option<f64>], index: usize) -> Result<f64, String> {
        metrics[index].ok_or_else(|| format!("{} does not exist there", self.problem.model.metrics()[index]))
    }

    fn scores(&self, metrics: &[Option<f64>]) -> Result<Vec<f64>, String> {
        let score = |(objective, &index): (&Objective, &usize)| {
            let value = self.there(metrics, index)?;
            Ok(if objective.better == Better::Lower { value } else { -value })
        };
        self.problem.objectives.iter().zip(&self.objectives).map(score).collect()
    }

    fn violation(&self, metrics: &[Option<f64>]) -> Result<f64, String> {
        let excess = |(constraint, &index): (&Constraint, &usize)| {
            let value = self.there(metrics, index)?;
            let (excess, bound) = match constraint.bound {
                Bound::AtMost(bound) => (value - bound, bound),
                Bound::AtLeast(bound) => (bound - value, bound),
            };
            Ok(excess.max(0.0) / if bound == 0.0 { 1.0 } else { bound.abs() })
        };
        self.problem.constraints.iter().zip(&self.constraints).map(excess).sum::<Result<f64, _>>().map(capped)
    }
}

/// Values in the order of their numbers; words by the alphabet.
fn order(a: &[Value], b: &[Value]) -> Ordering {
    let each = a.iter().zip(b).map(|(a, b)| match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.total_cmp(b),
        (Value::Word(a), Value::Word(b)) => a.cmp(b),
        (Value::Number(_), Value::Word(_)) => Ordering::Less,
        (Value::Word(_), Value::Number(_)) => Ordering::Greater,
    });
    each.fold(Ordering::Equal, Ordering::then)
}

/// Indices of the variables to choose, each checked to be a designer's.
fn chosen(problem: &Problem<'_>) -> Result<Vec<usize>, StudyError> {
    let variables = problem.space.variables();
    let designs = || (0..variables.len()).filter(|&index| variables[index].role == Role::Design).collect();
    let indices: Vec<usize> = match problem.over {
        [] => designs(),
        keys => keys.iter().map(|key| problem.space.index(key)).collect::<Result<_, _>>()?,
    };
    match indices.iter().map(|&index| &variables[index]).find(|variable| variable.role == Role::Assumption) {
        Some(variable) => Err(StudyError::Assumption { key: variable.key.clone() }),
        None => Ok(indices),
    }
}

/// The factor of a design variable, which has one of its own.
fn factor(space: &Space, variable: usize) -> Result<usize, StudyError> {
    let variable = &space.variables()[variable];
    if matches!(variable.distribution, Distribution::LogNormal { .. }) {
        let (key, got) = (variable.key.clone(), format!("{:?}", variable.distribution));
        let expected = "one with ends: uniform, triangular or discrete";
        return Err(StudyError::Declaration { key, what: "the distribution of a design to choose", got, expected });
    }
    let own = space.factors().iter().position(|factor| !factor.is_cause && factor.name == variable.key);
    Ok(own.expect("a design variable has a factor of its own"))
}

/// Every infeasible design ranks behind every feasible one, by its violation (Deb 2000); feasible scores are relative to the first.
fn fitness(candidate: &Candidate, scale: f64) -> f64 {
    const BEHIND: f64 = 1e30;
    if candidate.violation > 0.0 { BEHIND * (1.0 + candidate.violation) } else { candidate.scores[0] / scale }
}

/// CMA-ES from the middle of the cube with a step of 0.3 of its edge (Hansen 2016, section B.1: the optimum should lie within the
/// initial mean plus or minus three steps); what leaves the cube is mirrored back.
fn single(
    search: &Search<'_>,
    effort: &Effort,
    observer: &Observer<'_>,
) -> Result<(Vec<Candidate>, usize), StudyError> {
    let middle = vec![0.5; search.factors.len()];
    let first = search.try_one(middle.clone());
    let scale = match first.scores[0].abs() {
        size if size > 0.0 && first.error.is_none() => size,
        _ => 1.0,
    };
    let place = |x: &DVector<f64>| x.iter().map(|&coordinate| mirrored(coordinate)).collect::<Vec<f64>>();
    let function = |x: &DVector<f64>| fitness(&search.try_one(place(x)), scale);
    let options = CMAESOptions::new(middle, 0.3)
        .population_size(effort.population)
        .max_function_evals(effort.evaluations - 2)
        .seed(effort.seed);
    let mut state = options.build(function).expect("a checked population and a positive step");
    loop {
        let ended = state.next_parallel();
        let done = state.function_evals() as u64 + 1;
        if observer(&Progress { done, of: effort.evaluations as u64, failed: 0 }) == Control::Stop {
            return Err(StudyError::Interrupted { runs: done });
        }
        if ended.is_some() {
            break;
        }
    }
    let best = state.overall_best_individual().map(|best| search.try_one(place(&best.point)));
    let evaluations = state.function_evals() + 2;
    let best = best.into_iter().chain([first]).min_by(|a, b| fitness(a, scale).total_cmp(&fitness(b, scale)));
    Ok((best.into_iter().collect(), evaluations))
}

/// `coordinate` folded into 0..=1 by mirrors at both ends.
fn mirrored(coordinate: f64) -> f64 {
    let turn = coordinate.rem_euclid(2.0);
    if turn <= 1.0 { turn } else { 2.0 - turn }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Function;
    use crate::space::Shared;

    const EFFORT: Effort = Effort { evaluations: 4000, population: 12, seed: 5 };

    fn go(_: &Progress) -> Control {
        Control::Continue
    }

    fn lower(metric: &str) -> Objective {
        Objective { metric: metric.to_owned(), better: Better::Lower }
    }

    fn designs(ends: &[(f64, f64)]) -> Space {
        let variable = |(index, &(low, high)): (usize, &(f64, f64))| {
            Variable::new(&format!("x{index}"), Role::Design, Distribution::Uniform { low, high })
        };
        Space::new(ends.iter().enumerate().map(variable).collect()).unwrap()
    }

    fn numbers(candidate: &Candidate) -> Vec<f64> {
        candidate.values.iter().filter_map(Value::number).collect()
    }

    fn solve(
        model: &dyn Model,
        space: &Space,
        objectives: &[Objective],
        constraints: &[Constraint],
    ) -> Result<Optimum, StudyError> {
        optimise(&Problem { model, space, over: &[], objectives, constraints }, &EFFORT, &go)
    }

    /// Rosenbrock 1960: the valley's floor is at (1, 1), where the function is 0.
    #[test]
    fn one_objective_finds_the_bottom_of_a_curved_valley() {
        let rosenbrock = |x: &[f64]| vec![1e12 * ((1.0 - x[0]).powi(2) + 100.0 * (x[1] - x[0] * x[0]).powi(2))];
        let model = Function::new("rosenbrock", &["f"], rosenbrock);
        let found = solve(&model, &designs(&[(-2.0, 2.0), (-1.0, 3.0)]), &[lower("f")], &[]).unwrap();
        let x = numbers(&found.front[0]);
        assert!((x[0] - 1.0).abs() < 1e-4 && (x[1] - 1.0).abs() < 1e-4, "{found:?}");
        assert!(found.evaluations <= EFFORT.evaluations);
    }

    /// x + y is least on the circle x^2 + y^2 <= 2 at (-1, -1), by Cauchy and Schwarz; the middle of the square is infeasible
    /// under the second constraint.
    #[test]
    fn one_objective_keeps_to_its_constraints() {
        let model =
            Function::new("circle", &["sum", "square"], |x: &[f64]| vec![x[0] + x[1], x[0] * x[0] + x[1] * x[1]]);
        let constraints =
            [Bound::AtMost(2.0), Bound::AtLeast(1.0)].map(|bound| Constraint { metric: "square".to_owned(), bound });
        let found = solve(&model, &designs(&[(-3.0, 3.0), (-3.0, 3.0)]), &[lower("sum")], &constraints).unwrap();
        assert!((found.front[0].metrics[0].unwrap() + 2.0).abs() < 1e-3, "{found:?}");
        assert!(found.front[0].metrics[1].unwrap() <= 2.0);
    }

    #[test]
    fn whole_and_discrete_designs_stay_what_they_are() {
        let count = Distribution::Uniform { low: 1.0, high: 9.0 };
        let area = Distribution::choice([1.0, 2.0, 4.0].map(Value::Number).to_vec());
        let space = Space::new(vec![
            Variable { whole: true, ..Variable::new("count", Role::Design, count) },
            Variable::new("area", Role::Design, area),
        ]);
        let model = Function::new("misfit", &["f"], |x: &[f64]| vec![(x[0] - 6.2).powi(2) + (x[1] - 2.3).powi(2)]);
        let objective = Objective { metric: "f".to_owned(), better: Better::Lower };
        let found = solve(&model, &space.unwrap(), &[objective], &[]).unwrap();
        assert_eq!(numbers(&found.front[0]), [6.0, 2.0]);
    }

    #[test]
    fn assumptions_are_refused_and_otherwise_left_central() {
        let unit = Distribution::Triangular { low: 0.0, mode: 0.25, high: 1.0 };
        let price = Variable {
            shared: Some(Shared { cause: "market".to_owned(), rank_correlation: 1.0 }),
            ..Variable::new("launch.price", Role::Assumption, unit.clone())
        };
        let space = Space::new(vec![price, Variable::new("area", Role::Design, unit)]).unwrap();
        let model = Function::new("cost", &["f"], |x: &[f64]| vec![x[0] + (x[1] - 0.5).powi(2)]);
        let mut problem =
            Problem { model: &model, space: &space, over: &[], objectives: &[lower("f")], constraints: &[] };
        let found = optimise(&problem, &EFFORT, &go).unwrap();
        assert_eq!(found.front[0].values[0], Value::Number(0.25));
        let over = ["launch.price".to_owned()];
        problem.over = &over;
        let error = optimise(&problem, &EFFORT, &go).unwrap_err().to_string();
        assert!(error.starts_with("launch.price is an assumption: it can be swept, but not optimised"), "{error}");
    }

    #[test]
    fn what_cannot_be_searched_is_refused() {
        let model = Function::new("none", &["f"], |x: &[f64]| vec![x[0]]);
        let space = designs(&[(0.0, 1.0)]);
        let above = [Constraint { metric: "f".to_owned(), bound: Bound::AtLeast(2.0) }];
        let message = |space: &Space, objectives: &[Objective], constraints: &[Constraint]| {
            solve(&model, space, objectives, constraints).unwrap_err().to_string()
        };
        assert!(
            message(&space, &[lower("f")], &above).contains("meets the constraints; the nearest misses them by 0.5")
        );
        assert!(message(&space, &[], &[]).contains("objectives is 0"));
        assert!(message(&space, &[lower("ff")], &[]).contains("did you mean \"f\""));
        let endless = Distribution::LogNormal { low: 1.0, high: 2.0, tail: 0.1 };
        let endless = Space::new(vec![Variable::new("a", Role::Design, endless)]).unwrap();
        assert!(message(&endless, &[lower("f")], &[]).contains("expected one with ends"));
        let failing = Function::new("nan", &["f"], |_: &[f64]| vec![f64::NAN]);
        let error = solve(&failing, &space, &[lower("f")], &[]).unwrap_err().to_string();
        assert!(error.contains("every run failed, one with: f is NaN"), "{error}");
        let problem = Problem { model: &model, space: &space, over: &[], objectives: &[lower("f")], constraints: &[] };
        let stopped = optimise(&problem, &EFFORT, &|_| Control::Stop).unwrap_err().to_string();
        assert!(stopped.starts_with("stopped after"), "{stopped}");
    }

    /// ZDT1 (Zitzler, Deb and Thiele 2000), five variables: the front is f2 = 1 - sqrt(f1), f1 in 0..=1.
    #[test]
    fn several_objectives_give_the_front_of_zdt1() {
        let zdt1 = |x: &[f64]| {
            let g = 1.0 + 9.0 * x[1..].iter().sum::<f64>() / 4.0;
            vec![x[0], g * (1.0 - (x[0] / g).sqrt())]
        };
        let model = Function::new("zdt1", &["f1", "f2"], zdt1);
        let space = designs(&[(0.0, 1.0); 5]);
        let objectives = [lower("f1"), lower("f2")];
        let problem = Problem { model: &model, space: &space, over: &[], objectives: &objectives, constraints: &[] };
        let effort = Effort { evaluations: 8000, population: 40, seed: 5 };
        let found = optimise(&problem, &effort, &go).unwrap();
        let points: Vec<[f64; 2]> =
            found.front.iter().map(|c| [c.metrics[0].unwrap(), c.metrics[1].unwrap()]).collect();
        assert!(points.len() >= 35, "{} designs", points.len());
        // Between two designs that lie 1/40 apart a third may stay that neither beats: at f1 = 0.05 up to 0.05 off the front.
        let off: Vec<f64> = points.iter().map(|[f1, f2]| f2 - (1.0 - f1.sqrt())).collect();
        assert!(off.iter().all(|&off| (-1e-12..0.05).contains(&off)), "{points:?}");
        assert!(off.iter().sum::<f64>() / (off.len() as f64) < 0.01, "{off:?}");
        assert!(points.windows(2).all(|pair| pair[0][0] < pair[1][0] && pair[0][0] + 0.1 > pair[1][0]), "{points:?}");
        assert!(points[0][0] < 0.02 && points[points.len() - 1][0] > 0.98);
    }

    /// Deb 2001, problem CONSTR: f1 = x1, f2 = (1 + x2)/x1 with x2 + 9 x1 >= 6 and 9 x1 - x2 >= 1. The front is x2 = 6 - 9 x1 up to
    /// x1 = 2/3, then x2 = 0.
    #[test]
    fn several_objectives_keep_to_their_constraints() {
        let constr = |x: &[f64]| vec![x[0], (1.0 + x[1]) / x[0], x[1] + 9.0 * x[0], 9.0 * x[0] - x[1]];
        let model = Function::new("constr", &["f1", "f2", "g1", "g2"], constr);
        let space = designs(&[(0.1, 1.0), (0.0, 5.0)]);
        let at_least = |metric: &str, bound| Constraint { metric: metric.to_owned(), bound: Bound::AtLeast(bound) };
        let objectives = [lower("f1"), lower("f2")];
        let constraints = [at_least("g1", 6.0), at_least("g2", 1.0)];
        let problem =
            Problem { model: &model, space: &space, over: &[], objectives: &objectives, constraints: &constraints };
        let effort = Effort { population: 40, ..EFFORT };
        let found = optimise(&problem, &effort, &go).unwrap();
        assert!(found.front.len() > 30, "{} designs", found.front.len());
        let off = found.front.iter().map(|candidate| {
            let [x1, x2] = [0, 1].map(|index| candidate.values[index].number().unwrap());
            let off = (x2 - (6.0 - 9.0 * x1).max(0.0)) / x1;
            // f2 falls by 40 for each unit of f1, and the designs lie 1/60 apart.
            assert!((-1e-12..0.7).contains(&off), "({x1}, {x2}) is {off} off the front");
            off
        });
        let mean = off.sum::<f64>() / found.front.len() as f64;
        assert!(mean < 0.15, "{mean} off the front on average");
        let again = optimise(&problem, &effort, &go).unwrap();
        assert_eq!(found, again);
    }
}
