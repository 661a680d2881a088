//! The pages that studies leave: pictures and tables of what was found, and all it stands on.

use sunward_report::study::{
    Axis, Designs, Legend, Mark, Page, Share, Spread, Swing, front, histogram, shares, tornado,
};
use sunward_study::distribution::Value;
use sunward_study::optimise::{Candidate, Objective, Optimum};
use sunward_study::{Band, Better, Indices, MissionModel, Sampler, Space, StudyError, Table, Tornado, Variable};

/// What a metric measures, in words.
pub(crate) fn dimension(model: &MissionModel, metric: &str) -> Option<&'static str> {
    model.measure(metric).ok()?.scale.map(|scale| scale.dimension)
}

/// A variable's value as a person reads it.
pub(crate) fn value(model: &MissionModel, variable: &Variable, value: &Value) -> String {
    match value {
        Value::Number(number) => sunward_report::human(*number, model.dimension(&variable.key)),
        Value::Word(word) => word.clone(),
    }
}

/// The pictures of one metric of a sweep.
pub(crate) enum Finding<'a> {
    /// How it is spread.
    Bands(&'a [Option<f64>], &'a [Band]),
    /// What each value does to it.
    Tornado(&'a Sampler, &'a Tornado),
    /// What makes how much of its variance.
    Indices(&'a Indices),
}

/// Adds the picture of a finding to a page.
pub(crate) fn add_finding(page: &mut Page, model: &MissionModel, metric: &str, finding: &Finding<'_>) {
    let axis = Axis { name: metric, dimension: dimension(model, metric) };
    match finding {
        Finding::Bands(values, bands) => {
            let spread = Spread { name: metric.to_owned(), values: values.iter().flatten().copied().collect() };
            let mark = |band: &Band| Mark {
                name: format!("{:.0} %", band.probability * 100.0),
                value: [band.value.low, band.value.estimate, band.value.high],
            };
            let marks: Vec<Mark> = bands.iter().map(mark).collect();
            let caption = "Share of the runs in each step. Lines: values below which that share of the runs lies; \
                           tints: their 95 % confidence, by the bootstrap over the runs.";
            page.figure(&format!("Spread of {metric}"), caption, &Legend::Plain, &histogram(&axis, &[spread], &marks));
        }
        Finding::Tornado(sampler, found) => {
            let Some(centre) = found.centre else { return };
            let swings: Vec<Swing> = found.bars.iter().map(|bar| swing(model, sampler, bar)).collect();
            let caption = "Each value alone, at its 10 % and 90 % quantile, all others central.";
            page.figure(&format!("What moves {metric}"), caption, &Legend::Ends, &tornado(&axis, centre, &swings));
        }
        Finding::Indices(found) => {
            let estimate = |interval: &sunward_study::Interval| [interval.low, interval.estimate, interval.high];
            let share = |index: &sunward_study::Index| Share {
                name: index.factor.clone(),
                first: estimate(&index.first),
                total: estimate(&index.total),
            };
            let all: Vec<Share> = found.of.iter().map(share).collect();
            let caption = "Sobol indices: the share of the variance that goes when a value alone is known, and the share that \
                           stays when all others are. Whiskers: 95 % confidence, by the bootstrap over the base points.";
            page.figure(&format!("What makes {metric} uncertain"), caption, &Legend::Shares, &shares(metric, &all));
        }
    }
}

/// Adds how a metric of two missions is spread over the same draws.
pub(crate) fn add_comparison(
    page: &mut Page,
    model: &MissionModel,
    metric: &str,
    missions: [(&String, &Table); 2],
) -> Result<(), StudyError> {
    let spread = |(name, table): (&String, &Table)| {
        Ok(Spread { name: name.clone(), values: table.metric(metric)?.iter().flatten().copied().collect() })
    };
    let spreads: Vec<Spread> = missions.into_iter().map(spread).collect::<Result<_, StudyError>>()?;
    let names = spreads.iter().map(|spread| spread.name.clone()).collect();
    let axis = Axis { name: metric, dimension: dimension(model, metric) };
    let caption = "Share of the runs in each step; what both missions share is drawn for both alike in each run.";
    page.figure(&format!("{metric} of both"), caption, &Legend::Spreads(names), &histogram(&axis, &spreads, &[]));
    Ok(())
}

/// A bar with the ends of its value; a cause that several values share has none of its own.
fn swing(model: &MissionModel, sampler: &Sampler, bar: &sunward_study::Bar) -> Swing {
    let space = sampler.space();
    let factor = space.factors().iter().position(|factor| factor.name == bar.factor);
    let variable = space.variables().iter().position(|variable| variable.key == bar.factor);
    let ends = match (factor, variable) {
        (Some(factor), Some(index)) => {
            [1, 2].map(|end| value(model, &space.variables()[index], &sampler.values(2 * factor + end)[index]))
        }
        _ => ["low".to_owned(), "high".to_owned()],
    };
    Swing { name: bar.factor.clone(), ends, metric: [bar.at_low, bar.at_high] }
}

/// Adds what was uncertain, and how.
pub(crate) fn add_variables(page: &mut Page, model: &MissionModel, space: &Space) {
    let row = |variable: &Variable| {
        let at = |p: f64| value(model, variable, &variable.distribution.quantile(p));
        let shared = variable.shared.as_ref().map_or_else(String::new, |shared| {
            format!("{} (rank correlation {})", shared.cause, shared.rank_correlation)
        });
        vec![variable.key.clone(), at(0.05), value(model, variable, &variable.distribution.central()), at(0.95), shared]
    };
    let rows: Vec<Vec<String>> = space.variables().iter().map(row).collect();
    page.table("Values that differ from run to run", &["!value", "#5 %", "#central", "#95 %", "shared cause"], &rows);
}

/// Adds what the runs of a mission stand on, and what its models leave out.
pub(crate) fn add_grounds(page: &mut Page, missions: &[(String, &MissionModel)]) {
    for (name, model) in missions {
        page.assumptions(name, &model.world().assumptions);
    }
    let mut left_out: Vec<String> = Vec::new();
    let items = missions.iter().filter_map(|(_, model)| model.summary().ok()).flat_map(|summary| &summary.not_modelled);
    for item in items {
        if !left_out.contains(item) {
            left_out.push(item.clone());
        }
    }
    page.not_modelled(&left_out);
}

/// A search's designs by its first two aims; nothing where there is one aim only.
pub(crate) fn add_front(
    page: &mut Page,
    model: &MissionModel,
    aims: &[Objective],
    metrics: &[String],
    found: &Optimum,
) {
    let [first, second, ..] = aims else { return };
    let index = |aim: &Objective| metrics.iter().position(|metric| *metric == aim.metric);
    let (Some(x), Some(y)) = (index(second), index(first)) else { return };
    let point = |candidate: &Candidate| Some([candidate.metrics[x]?, candidate.metrics[y]?]);
    let is_of_front = |candidate: &&Candidate| found.front.iter().any(|best| best.values == candidate.values);
    let tried = |feasible: bool| {
        let all = found.tried.iter().filter(|candidate| candidate.is_feasible() == feasible);
        all.filter(|candidate| !is_of_front(candidate)).filter_map(point).collect()
    };
    let designs =
        Designs { front: found.front.iter().filter_map(point).collect(), beaten: tried(true), refused: tried(false) };
    let [across, up] = [second, first].map(|aim| Axis { name: &aim.metric, dimension: dimension(model, &aim.metric) });
    let word = |aim: &Objective| if aim.better == Better::Lower { "small" } else { "great" };
    let caption = format!(
        "Each dot is a design that was flown; {} is to be {}, {} is to be {}. Numbers are those of the missions design-NN.toml.",
        first.metric,
        word(first),
        second.metric,
        word(second)
    );
    page.figure("The front", &caption, &Legend::Designs, &front(&across, &up, &designs));
}
