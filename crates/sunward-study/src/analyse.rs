//! What a table of runs says: bands, tornado, Sobol indices, which of two is better.
//!
//! Confidence comes from the bootstrap (Efron 1979, percentile intervals): the runs are drawn again with replacement, and the
//! statistic's spread over the resamples is read off. It knows the luck of the draws alone, not the model's errors.

use sunward_units::random::{Purpose, Stream};

use crate::StudyError;
use crate::distribution::normal_quantile;
use crate::sample::{Sampler, Sampling};

/// A number with the ends of its confidence interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// From all runs.
    pub estimate: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// How confidence intervals are made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bootstrap {
    /// Number of resamples.
    pub resamples: usize,
    /// Share of such intervals that hold the true value.
    pub confidence: f64,
    /// Seed of the resampling.
    pub seed: u64,
}

impl Default for Bootstrap {
    /// 1000 resamples (Efron and Tibshirani 1993, section 13.3, for percentile intervals) at 95 %.
    fn default() -> Self {
        Self { resamples: 1000, confidence: 0.95, seed: 0 }
    }
}

impl Bootstrap {
    fn check(&self) -> Result<(), StudyError> {
        if self.resamples == 0 {
            return Err(StudyError::Size { what: "resamples", got: 0, allowed: "1 and more".to_owned() });
        }
        if !(self.confidence > 0.0 && self.confidence < 1.0) {
            let (key, got) = ("bootstrap".to_owned(), self.confidence.to_string());
            return Err(StudyError::Declaration { key, what: "the confidence", got, expected: "between 0 and 1" });
        }
        Ok(())
    }

    /// Numbers of the runs in resample `resample` of `runs` runs.
    fn fill(&self, resample: usize, drawn: &mut [usize]) {
        let stream = Stream::new(self.seed, resample as u32, Purpose::Study);
        let runs = drawn.len() as u64;
        for (index, slot) in drawn.iter_mut().enumerate() {
            *slot = ((u128::from(stream.bits(index as u64)) * u128::from(runs)) >> 64) as usize;
        }
    }

    /// The interval around `estimate` that the resampled statistics `spread` leave.
    fn interval(&self, estimate: f64, mut spread: Vec<f64>) -> Interval {
        spread.sort_unstable_by(f64::total_cmp);
        let tail = (1.0 - self.confidence) / 2.0;
        Interval { estimate, low: quantile(&spread, tail), high: quantile(&spread, 1.0 - tail) }
    }
}

/// One quantile of a metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Band {
    /// Share of the runs below.
    pub probability: f64,
    /// The value.
    pub value: Interval,
}

/// Quantiles of the values that exist, each with its confidence.
///
/// # Errors
/// Fewer than two values; a probability outside 0..=1.
pub fn bands(values: &[Option<f64>], probabilities: &[f64], bootstrap: &Bootstrap) -> Result<Vec<Band>, StudyError> {
    bootstrap.check()?;
    if let Some(odd) = probabilities.iter().find(|p| !(0.0..=1.0).contains(*p)) {
        let (key, got) = ("bands".to_owned(), odd.to_string());
        return Err(StudyError::Declaration { key, what: "a probability", got, expected: "0..=1" });
    }
    let mut sorted: Vec<f64> = values.iter().flatten().copied().collect();
    require("a band", 2, sorted.len())?;
    sorted.sort_unstable_by(f64::total_cmp);
    let mut spreads = vec![Vec::with_capacity(bootstrap.resamples); probabilities.len()];
    let mut drawn = vec![0; sorted.len()];
    let mut again = vec![0.0; sorted.len()];
    for resample in 0..bootstrap.resamples {
        bootstrap.fill(resample, &mut drawn);
        drawn.sort_unstable();
        for (slot, &index) in again.iter_mut().zip(&drawn) {
            *slot = sorted[index];
        }
        for (spread, &probability) in spreads.iter_mut().zip(probabilities) {
            spread.push(quantile(&again, probability));
        }
    }
    let each = probabilities.iter().zip(spreads).map(|(&probability, spread)| Band {
        probability,
        value: bootstrap.interval(quantile(&sorted, probability), spread),
    });
    Ok(each.collect())
}

/// The quantile of sorted values, linear between the order statistics. **Source**: Hyndman and Fan 1996, definition 7.
///
/// # Panics
/// Without any value.
#[must_use]
pub fn quantile(sorted: &[f64], probability: f64) -> f64 {
    let place = probability * (sorted.len() - 1) as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (place - below as f64) * (sorted[above] - sorted[below])
}

/// Spearman's rank correlation of the pairs whose both values exist; equal values share their mean rank.
///
/// # Errors
/// Fewer than two such pairs, or all values of one side equal.
pub fn rank_correlation(a: &[Option<f64>], b: &[Option<f64>]) -> Result<f64, StudyError> {
    let pairs = pairs(a, b)?;
    require("a rank correlation", 2, pairs.len())?;
    let ranks_of = |side: fn(&(f64, f64)) -> f64| ranks(&pairs.iter().map(side).collect::<Vec<_>>());
    let (a, b) = (ranks_of(|pair| pair.0), ranks_of(|pair| pair.1));
    let mean = (pairs.len() as f64 - 1.0) / 2.0;
    let product = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| (x - mean) * (y - mean)).sum::<f64>();
    let scale = (product(&a, &a) * product(&b, &b)).sqrt();
    if scale == 0.0 {
        return Err(StudyError::TooFew { what: "a rank correlation of values that differ", needed: 2, got: 1 });
    }
    Ok(product(&a, &b) / scale)
}

/// Ranks from 0.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut begin = 0;
    while begin < order.len() {
        let tied = order[begin..].iter().take_while(|&&index| values[index] == values[order[begin]]).count();
        for &index in &order[begin..begin + tied] {
            ranks[index] = begin as f64 + (tied - 1) as f64 / 2.0;
        }
        begin += tied;
    }
    ranks
}

/// The runs in which both sides have a value.
fn pairs(a: &[Option<f64>], b: &[Option<f64>]) -> Result<Vec<(f64, f64)>, StudyError> {
    if a.len() != b.len() {
        let (expected, got) = (format!("{} runs, as the other side has", a.len()), format!("{} runs", b.len()));
        return Err(StudyError::Table { what: "a comparison run by run", expected, got });
    }
    Ok(a.iter().zip(b).filter_map(|(a, b)| Some(((*a)?, (*b)?))).collect())
}

/// Which way a metric is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// A cost.
    Lower,
    /// A yield.
    Higher,
}

/// Probability that `a` is better than `b`, run by run: both must come from the same draws (same seed and sampling; variables of
/// one name share their luck). A tie counts half. The interval is Wilson's (1927) for a share, at `confidence`.
///
/// # Errors
/// Sides of different length; no run in which both have a value.
pub fn probability_better(
    a: &[Option<f64>],
    b: &[Option<f64>],
    better: Better,
    confidence: f64,
) -> Result<Interval, StudyError> {
    Bootstrap { confidence, ..Bootstrap::default() }.check()?;
    let pairs = pairs(a, b)?;
    require("a comparison", 1, pairs.len())?;
    let point = |&(a, b): &(f64, f64)| match better {
        _ if a == b => 0.5,
        Better::Lower => f64::from(u8::from(a < b)),
        Better::Higher => f64::from(u8::from(a > b)),
    };
    let n = pairs.len() as f64;
    let share = pairs.iter().map(point).sum::<f64>() / n;
    let z2 = normal_quantile(0.5 + confidence / 2.0).powi(2);
    let centre = (share + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = (z2 * (share * (1.0 - share) / n + z2 / (4.0 * n * n))).sqrt() / (1.0 + z2 / n);
    Ok(Interval { estimate: share, low: (centre - half).max(0.0), high: (centre + half).min(1.0) })
}

/// What one factor alone does to a metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    /// The factor: a variable's key, or a shared cause.
    pub factor: String,
    /// The metric with the factor at its low quantile, if that run gave one.
    pub at_low: Option<f64>,
    /// The metric with the factor at its high quantile.
    pub at_high: Option<f64>,
}

impl Bar {
    /// Difference between the ends, if both are there.
    #[must_use]
    pub fn swing(&self) -> Option<f64> {
        Some((self.at_high? - self.at_low?).abs())
    }
}

/// A metric at the centre, and what each factor does to it, greatest swing first; factors with a failed run come last.
#[derive(Debug, Clone, PartialEq)]
pub struct Tornado {
    /// The metric with everything central.
    pub centre: Option<f64>,
    /// One bar a factor.
    pub bars: Vec<Bar>,
}

/// The tornado of a metric from a study that moved one factor at a time.
///
/// # Errors
/// A study that was sampled in another way.
pub fn tornado(sampler: &Sampler, metric: &[Option<f64>]) -> Result<Tornado, StudyError> {
    let fits = matches!(sampler.sampling(), Sampling::OneAtATime { .. }) && metric.len() == sampler.runs();
    require_sampling("a tornado", "one factor at a time", fits, sampler, metric)?;
    let factors = sampler.space().factors().iter().zip(metric[1..].chunks(2));
    let bar = |(factor, ends): (&crate::space::Factor, &[Option<f64>])| Bar {
        factor: factor.name.clone(),
        at_low: ends[0],
        at_high: ends[1],
    };
    let mut bars: Vec<Bar> = factors.map(bar).collect();
    let key = |bar: &Bar| bar.swing().unwrap_or(-1.0);
    bars.sort_by(|a, b| key(b).total_cmp(&key(a)).then_with(|| a.factor.cmp(&b.factor)));
    Ok(Tornado { centre: metric[0], bars })
}

/// How much of a metric's variance a factor makes.
#[derive(Debug, Clone, PartialEq)]
pub struct Index {
    /// The factor: a variable's key, or a shared cause.
    pub factor: String,
    /// Share of the variance that goes away when the factor alone is known.
    pub first: Interval,
    /// Share of the variance that is left when all other factors are known.
    pub total: Interval,
}

/// The Sobol indices of a metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Indices {
    /// In the order of the factors.
    pub of: Vec<Index>,
    /// Base points that were used.
    pub base: usize,
    /// Base points that were left out, since one of their runs failed or lacks the metric.
    pub left_out: usize,
    /// Variance of the metric.
    pub variance: f64,
}

/// One base point of a Saltelli design, complete, less the mean of all A and B.
struct Group {
    a: f64,
    b: f64,
    /// `[factor]`: A with that factor of B.
    swapped: Vec<f64>,
}

/// First and total Sobol indices of a metric from a Saltelli design.
///
/// With f less its mean: S_i = mean(f(B) (f(AB_i) - f(A))) / V (Saltelli et al. 2010), T_i = mean((f(A) - f(AB_i))^2) / 2V (Jansen
/// 1999), V the variance over A and B. The base points are a scrambled Sobol sequence, more even than independent draws, so the
/// intervals, which resample whole base points, are wider than they need be. An index near 0 may come out slightly negative.
///
/// # Errors
/// A study that was sampled in another way; fewer than two complete base points; a metric that does not vary.
pub fn sobol(sampler: &Sampler, metric: &[Option<f64>], bootstrap: &Bootstrap) -> Result<Indices, StudyError> {
    bootstrap.check()?;
    let fits = matches!(sampler.sampling(), Sampling::Saltelli { .. }) && metric.len() == sampler.runs();
    require_sampling("Sobol indices", "a Saltelli design", fits, sampler, metric)?;
    let factors = sampler.space().factors();
    let chunks = metric.chunks(factors.len() + 2);
    let whole: Vec<Vec<f64>> = chunks.clone().filter_map(|chunk| chunk.iter().copied().collect()).collect();
    require("a Sobol index", 2, whole.len())?;
    let groups = centred(&whole);
    let all: Vec<usize> = (0..groups.len()).collect();
    let estimates = estimate(&groups, &all, factors.len());
    if estimates.variance <= 0.0 {
        return Err(StudyError::TooFew { what: "Sobol indices of a metric that varies", needed: 2, got: 1 });
    }
    let mut spread = vec![[Vec::new(), Vec::new()]; factors.len()];
    let mut drawn = all;
    for resample in 0..bootstrap.resamples {
        bootstrap.fill(resample, &mut drawn);
        let again = estimate(&groups, &drawn, factors.len());
        // A resample of equal values says nothing about shares of a variance.
        for (spread, shares) in spread.iter_mut().zip(again.shares).filter(|_| again.variance > 0.0) {
            spread[0].push(shares[0]);
            spread[1].push(shares[1]);
        }
    }
    let each = factors.iter().zip(&estimates.shares).zip(spread).map(|((factor, shares), [first, total])| Index {
        factor: factor.name.clone(),
        first: bootstrap.interval(shares[0], first),
        total: bootstrap.interval(shares[1], total),
    });
    let (base, left_out) = (groups.len(), chunks.len() - groups.len());
    Ok(Indices { of: each.collect(), base, left_out, variance: estimates.variance })
}

fn centred(whole: &[Vec<f64>]) -> Vec<Group> {
    let ends = |chunk: &Vec<f64>| chunk[0] + chunk[chunk.len() - 1];
    let mean = whole.iter().map(ends).sum::<f64>() / (2 * whole.len()) as f64;
    let group = |chunk: &Vec<f64>| {
        let less = chunk.iter().map(|value| value - mean).collect::<Vec<_>>();
        Group { a: less[0], b: less[less.len() - 1], swapped: less[1..less.len() - 1].to_vec() }
    };
    whole.iter().map(group).collect()
}

struct Estimates {
    variance: f64,
    /// `[factor]`: first, total.
    shares: Vec<[f64; 2]>,
}

fn estimate(groups: &[Group], drawn: &[usize], factors: usize) -> Estimates {
    let n = drawn.len() as f64;
    let (mut sum, mut squares) = (0.0, 0.0);
    let mut shares = vec![[0.0; 2]; factors];
    for group in drawn.iter().map(|&index| &groups[index]) {
        sum += group.a + group.b;
        squares += group.a * group.a + group.b * group.b;
        for (share, swapped) in shares.iter_mut().zip(&group.swapped) {
            share[0] += group.b * (swapped - group.a);
            share[1] += (group.a - swapped) * (group.a - swapped);
        }
    }
    let variance = squares / (2.0 * n) - (sum / (2.0 * n)).powi(2);
    for share in &mut shares {
        *share = [share[0] / n / variance, share[1] / (2.0 * n) / variance];
    }
    Estimates { variance, shares }
}

fn require(what: &'static str, needed: usize, got: usize) -> Result<(), StudyError> {
    if got >= needed { Ok(()) } else { Err(StudyError::TooFew { what, needed, got }) }
}

fn require_sampling(
    what: &'static str,
    expected: &str,
    fits: bool,
    sampler: &Sampler,
    metric: &[Option<f64>],
) -> Result<(), StudyError> {
    let got = || format!("{} runs of {:?}", metric.len(), sampler.sampling());
    let expected = || format!("{} runs of {expected}", sampler.runs());
    if fits { Ok(()) } else { Err(StudyError::Table { what, expected: expected(), got: got() }) }
}
