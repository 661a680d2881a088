//! Analyses of functions whose answers are published or follow by hand.

use std::f64::consts::PI;

use sunward_study::analyse::quantile;
use sunward_study::distribution::{Distribution, Value};
use sunward_study::*;

fn uniform(key: &str, low: f64, high: f64) -> Variable {
    Variable::new(key, Role::Assumption, Distribution::Uniform { low, high })
}

fn study(variables: Vec<Variable>, sampling: Sampling) -> Study {
    Study { space: Space::new(variables).unwrap(), sampling, seed: 11, shard_runs: 500 }
}

fn run(study: &Study, model: &dyn Model) -> (Sampler, Table) {
    let table = sweep(study, model, &Memory::default(), &|_| Control::Continue).unwrap();
    (Sampler::new(&study.space, study.sampling, study.seed).unwrap(), table)
}

fn ishigami() -> Function<impl Fn(&[f64]) -> Vec<f64> + Sync> {
    Function::new("ishigami", &["f"], |x: &[f64]| {
        vec![x[0].sin() + 7.0 * x[1].sin().powi(2) + 0.1 * x[2].powi(4) * x[0].sin()]
    })
}

/// Ishigami and Homma 1990 with a = 7, b = 0.1; the indices follow from V1 = (1 + b pi^4/5)^2/2, V2 = a^2/8, V13 = 8 b^2 pi^8/225,
/// and are printed in Saltelli et al. 2008, "Global sensitivity analysis: the primer", as 0.314, 0.442, 0 and 0.558, 0.442, 0.244.
#[test]
fn sobol_indices_of_ishigami() {
    let variables = ["x1", "x2", "x3"].map(|key| uniform(key, -PI, PI)).to_vec();
    let (sampler, table) = run(&study(variables, Sampling::Saltelli { base: 4096 }), &ishigami());
    let indices = sobol(&sampler, table.metric("f").unwrap(), &Bootstrap { resamples: 300, ..Bootstrap::default() });
    let indices = indices.unwrap();
    assert_eq!((indices.base, indices.left_out), (4096, 0));
    assert!((indices.variance - 13.8446).abs() < 0.1, "{}", indices.variance);
    let expected = [("x1", 0.3139, 0.5576), ("x2", 0.4424, 0.4424), ("x3", 0.0, 0.2437)];
    for (index, (factor, first, total)) in indices.of.iter().zip(expected) {
        assert_eq!(index.factor, factor);
        assert!((index.first.estimate - first).abs() < 0.01, "{index:?}, expected {first}");
        assert!((index.total.estimate - total).abs() < 0.01, "{index:?}, expected {total}");
        assert!(index.first.low < first && first < index.first.high, "{index:?}");
        assert!(index.total.low < total && total < index.total.high, "{index:?}");
        assert!(index.total.high - index.total.low < 0.1, "{index:?}");
    }
}

/// y = x1 + 2 x2 with both hanging wholly on one cause: all variance is the cause's, and there is no other factor of theirs.
#[test]
fn a_shared_cause_has_the_index() {
    let caused = |key: &str| {
        let shared = Some(Shared { cause: "storm".to_owned(), rank_correlation: 1.0 });
        Variable { shared, ..uniform(key, 0.0, 1.0) }
    };
    let model = Function::new("sum", &["y"], |x: &[f64]| vec![x[0] + 2.0 * x[1] + x[2]]);
    let variables = vec![caused("a"), caused("b"), uniform("c", 0.0, 1.0)];
    let (sampler, table) = run(&study(variables, Sampling::Saltelli { base: 1024 }), &model);
    let indices = sobol(&sampler, table.metric("y").unwrap(), &Bootstrap::default()).unwrap();
    let shares: Vec<_> = indices.of.iter().map(|index| (index.factor.as_str(), index.first.estimate)).collect();
    assert_eq!(shares.len(), 2);
    assert!(shares[0].0 == "storm" && (shares[0].1 - 0.9).abs() < 0.01, "{shares:?}");
    assert!(shares[1].0 == "c" && (shares[1].1 - 0.1).abs() < 0.01, "{shares:?}");
}

#[test]
fn failed_runs_are_left_out_of_indices_and_told() {
    let model = Function::new("hole", &["y"], |x: &[f64]| vec![if x[0] > 0.9 { f64::NAN } else { x[0] + x[1] }]);
    let variables = vec![uniform("a", 0.0, 1.0), uniform("b", 0.0, 1.0)];
    let (sampler, table) = run(&study(variables, Sampling::Saltelli { base: 512 }), &model);
    let indices = sobol(&sampler, table.metric("y").unwrap(), &Bootstrap::default()).unwrap();
    // A base point is whole unless its A or its B lies in the hole: 1 - 0.9^2 = 19 % of them do.
    assert!((indices.left_out as f64 / 512.0 - 0.19).abs() < 0.01, "{}", indices.left_out);
    assert_eq!(indices.left_out + indices.base, 512);
    assert!(table.failed() > 0);
    assert_eq!(table.errors.iter().flatten().next().unwrap(), "y is NaN");
}

#[test]
fn drawn_ranks_correlate_as_declared() {
    for (a, b) in [(1.0, 1.0), (-1.0, 0.7), (0.8, 0.8), (0.3, -0.6)] {
        let caused = |key: &str, rank_correlation, distribution| {
            let shared = Some(Shared { cause: "price".to_owned(), rank_correlation });
            Variable { shared, ..Variable::new(key, Role::Assumption, distribution) }
        };
        let variables = vec![
            caused("a", a, Distribution::Triangular { low: 1.0, mode: 2.0, high: 9.0 }),
            caused("b", b, Distribution::LogNormal { low: 10.0, high: 90.0, tail: 0.05 }),
            caused("cause", 1.0, Distribution::Uniform { low: 0.0, high: 1.0 }),
            uniform("alone", 0.0, 1.0),
        ];
        let model = Function::new("inputs", &["a2", "b2", "cause2", "alone2"], |x: &[f64]| x.to_vec());
        let (_, table) = run(&study(variables, Sampling::MonteCarlo { runs: 8000 }), &model);
        let rank = |x: &str, y: &str| rank_correlation(table.metric(x).unwrap(), table.metric(y).unwrap()).unwrap();
        // The standard error of a rank correlation near 0 is 1/sqrt(8000) = 0.011.
        assert!((rank("a2", "cause2") - a).abs() < 0.035, "{a}: {}", rank("a2", "cause2"));
        assert!((rank("b2", "cause2") - b).abs() < 0.035, "{b}: {}", rank("b2", "cause2"));
        assert!(rank("a2", "alone2").abs() < 0.035);
        let normal = |rank: f64| if rank.abs() == 1.0 { rank } else { 2.0 * (PI * rank / 6.0).sin() };
        let both = 6.0 / PI * (normal(a) * normal(b) / 2.0).asin();
        assert!((rank("a2", "b2") - both).abs() < 0.035, "{a} and {b}: {}, expected {both}", rank("a2", "b2"));
    }
}

/// Spearman's own way: 1 - 6 sum(d^2) / (n (n^2 - 1)) for ranks without ties; here d = (1, -1, 1, -1, 0).
#[test]
fn a_rank_correlation_by_hand() {
    let some = |values: [f64; 5]| values.map(Some).to_vec();
    let found = rank_correlation(&some([10.0, 5.0, 30.0, 20.0, 99.0]), &some([1.0, 2.0, 3.0, 4.0, 5.0])).unwrap();
    assert!((found - (1.0 - 6.0 * 4.0 / (5.0 * 24.0))).abs() < 1e-12, "{found}");
    let tied = rank_correlation(&some([1.0, 1.0, 2.0, 2.0, 3.0]), &some([5.0, 5.0, 4.0, 4.0, 1.0])).unwrap();
    assert!((tied + 1.0).abs() < 1e-12, "{tied}");
    assert!(rank_correlation(&some([1.0; 5]), &some([1.0, 2.0, 3.0, 4.0, 5.0])).is_err());
}

#[test]
fn bands_hold_the_known_quantiles() {
    let values: Vec<f64> = (0..=100).map(f64::from).collect();
    assert_eq!([0.0, 0.05, 0.255, 1.0].map(|p| quantile(&values, p)), [0.0, 5.0, 25.5, 100.0]);
    let price = Variable::new("p", Role::Assumption, Distribution::LogNormal { low: 50.0, high: 200.0, tail: 0.1 });
    let model = Function::new("double", &["y"], |x: &[f64]| vec![2.0 * x[0]]);
    let (_, table) = run(&study(vec![price], Sampling::MonteCarlo { runs: 4000 }), &model);
    let found = bands(table.metric("y").unwrap(), &[0.1, 0.5, 0.9], &Bootstrap::default()).unwrap();
    for (band, truth) in found.iter().zip([100.0, 200.0, 400.0]) {
        assert!(band.value.low < truth && truth < band.value.high, "{band:?}, expected {truth}");
        assert!(band.value.low < band.value.estimate && band.value.estimate < band.value.high);
        // Standard error of a quantile: sqrt(p (1-p) / n) over the density, here at most 2.5 %.
        assert!(band.value.high - band.value.low < 0.1 * truth, "{band:?}");
    }
    assert!(bands(&[Some(1.0), None], &[0.5], &Bootstrap::default()).unwrap_err().to_string().contains("at least 2"));
    assert!(bands(&[Some(1.0); 3], &[1.5], &Bootstrap::default()).is_err());
    assert!(bands(&[Some(1.0); 3], &[0.5], &Bootstrap { confidence: 1.0, ..Bootstrap::default() }).is_err());
}

/// Of 200 studies, 95 % intervals should miss the true median in about 10; 3 to 22 is beyond the 0.1 % quantiles of the binomial.
#[test]
fn intervals_hold_the_truth_as_often_as_they_say() {
    let misses = (0..200).filter(|&seed| {
        let space = Space::new(vec![uniform("u", 0.0, 1.0)]).unwrap();
        let sampler = Sampler::new(&space, Sampling::MonteCarlo { runs: 100 }, seed).unwrap();
        let values: Vec<_> = (0..100).map(|run| sampler.uniforms(run)[0]).collect();
        let band = bands(&values, &[0.5], &Bootstrap { resamples: 400, ..Bootstrap::default() }).unwrap()[0];
        !(band.value.low..band.value.high).contains(&0.5)
    });
    let misses = misses.count();
    assert!((3..=22).contains(&misses), "{misses} of 200");
}

#[test]
fn a_tornado_is_sorted_by_swing() {
    let triangle = Distribution::Triangular { low: 0.0, mode: 1.0, high: 4.0 };
    let variables = vec![
        uniform("small", 0.0, 1.0),
        Variable::new("great", Role::Assumption, triangle),
        uniform("breaks", 0.0, 1.0),
    ];
    let model =
        Function::new("sum", &["y"], |x: &[f64]| vec![if x[2] > 0.9 { f64::INFINITY } else { x[0] + 10.0 * x[1] }]);
    let (sampler, table) = run(&study(variables, Sampling::OneAtATime { tail: 0.0 }), &model);
    let found = tornado(&sampler, table.metric("y").unwrap()).unwrap();
    assert_eq!(found.centre, Some(10.5));
    let bar = |factor: &str, at_low, at_high| Bar { factor: factor.to_owned(), at_low, at_high };
    let expected =
        [bar("great", Some(0.5), Some(40.5)), bar("small", Some(10.0), Some(11.0)), bar("breaks", Some(10.5), None)];
    assert_eq!(found.bars, expected);
}

#[test]
fn an_analysis_refuses_a_table_of_another_sampling() {
    let (sampler, table) = run(&study(vec![uniform("x", 0.0, 1.0); 1], Sampling::MonteCarlo { runs: 9 }), &doubled());
    let metric = table.metric("y").unwrap();
    assert!(tornado(&sampler, metric).unwrap_err().to_string().contains("needs 9 runs of one factor at a time"));
    assert!(sobol(&sampler, metric, &Bootstrap::default()).unwrap_err().to_string().contains("a Saltelli design"));
    assert!(table.metric("z").is_err() && table.input("x").is_ok());
}

fn doubled() -> Function<impl Fn(&[f64]) -> Vec<f64> + Sync> {
    Function::new("double", &["y"], |x: &[f64]| vec![2.0 * x[0]])
}

/// A costs 100 + 3p, B 1000 + p, p uniform in 0..600: A is cheaper where p < 450, in 75 % of all worlds. The draws of p are
/// common although B has a variable more.
#[test]
fn with_common_draws_the_better_one_is_known_run_by_run() {
    let price = uniform("price", 0.0, 600.0);
    let sampling = Sampling::LatinHypercube { runs: 1000 };
    let a = Function::new("a", &["cost"], |x: &[f64]| vec![100.0 + 3.0 * x[0]]);
    let b = Function::new("b", &["cost"], |x: &[f64]| vec![1000.0 + x[1] + 0.0 * x[0]]);
    let (_, a) = run(&study(vec![price.clone()], sampling), &a);
    let (_, b) = run(&study(vec![uniform("other", 0.0, 1.0), price], sampling), &b);
    let (a, b) = (a.metric("cost").unwrap(), b.metric("cost").unwrap());
    let cheaper = probability_better(a, b, Better::Lower, 0.95).unwrap();
    assert_eq!(cheaper.estimate, 0.75);
    // Wilson 1927 for 750 of 1000: 0.7222 to 0.7759.
    assert!((cheaper.low - 0.7222).abs() < 1e-4 && (cheaper.high - 0.7759).abs() < 1e-4, "{cheaper:?}");
    assert_eq!(probability_better(a, b, Better::Higher, 0.95).unwrap().estimate, 0.25);
    assert_eq!(probability_better(a, a, Better::Lower, 0.95).unwrap().estimate, 0.5);
    assert!(probability_better(a, &b[1..], Better::Lower, 0.95).is_err());
    assert!(probability_better(&[None], &[Some(1.0)], Better::Lower, 0.95).is_err());
}

/// The same two missions cost the same at p = 450.
#[test]
fn break_even_of_two_models() {
    let a = Function::new("a", &["cost"], |x: &[f64]| vec![100.0 + 3.0 * x[0]]);
    let b = Function::new("b", &["cost"], |x: &[f64]| vec![1000.0 + x[0]]);
    let variables = [uniform("price", 0.0, 600.0)];
    let cost = |model: &dyn Model, price: f64| {
        metric_at(model, "cost", Point { variables: &variables, values: &[Value::Number(price)] })
    };
    let parity = break_even(|price| Ok(cost(&a, price)? - cost(&b, price)?), 0.0, 600.0, 1e-9).unwrap();
    assert!((parity.value - 450.0).abs() < 1e-9, "{parity:?}");
    let odd = metric_at(&a, "costs", Point { variables: &variables, values: &[] }).unwrap_err().to_string();
    assert_eq!(odd, "no metric is called \"costs\"; did you mean \"cost\"?");
}
