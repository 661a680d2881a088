//! A job while it lives on a site: what is at hand, what is done, what its latencies are.

use sunward_astro::time::Instant;
use sunward_mission::world::{Compute, Job};
use sunward_units::{Bits, Flops, Ratio, Seconds};
use sunward_work::payload::{Modelled, Payload, PayloadError};
use sunward_work::roofline::{Machine, UnitTime};

use crate::record::{JobOutcome, JobState};

/// Makes the payload of a job: the seam at which a real network takes the modelled one's place.
pub type PayloadFactory<'a> = dyn Fn(u32, &Job) -> Result<Box<dyn Payload>, PayloadError> + Sync + 'a;

/// The payload that is arithmetic.
///
/// # Errors
/// Never.
pub fn modelled(_index: u32, job: &Job) -> Result<Box<dyn Payload>, PayloadError> {
    let sample = match &job.demand {
        sunward_work::demand::Demand::Training(training) => training.sample,
        _ => None,
    };
    Ok(Box::new(Modelled::new(job.demand.work_per_unit(), sample)))
}

/// Units counted over time, so that the latency of each can be told from where the counts stand.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    total: f64,
    points: Vec<(Instant, f64)>,
}

impl Tally {
    pub(crate) fn add(&mut self, at: Instant, units: f64) {
        if units > 0.0 {
            self.total += units;
            self.points.push((at, self.total));
        }
    }

    pub(crate) fn total(&self) -> f64 {
        self.total
    }

    /// When unit number `unit` (from 0, fractions allowed) was counted.
    fn when(&self, unit: f64) -> Option<Instant> {
        let index = self.points.partition_point(|&(_, total)| total <= unit);
        self.points.get(index).map(|&(at, _)| at)
    }
}

/// Latencies told of a job at most; more units than that are sampled at equal shares.
const LATENCIES_MAX: f64 = 1000.0;

/// First in, first out: the latency of a unit is its delivery less its arrival.
pub(crate) fn latencies(arrived: &Tally, delivered: &Tally) -> Vec<Seconds> {
    let count = delivered.total.floor().min(LATENCIES_MAX);
    let unit = |index: f64| (index + 0.5) / count * delivered.total.floor();
    let latency = |index: u64| {
        let unit = unit(index as f64);
        Some((delivered.when(unit)? - arrived.when(unit)?).seconds())
    };
    let mut all: Vec<Seconds> = (0..count as u64).filter_map(latency).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    all
}

/// A job on its site.
pub(crate) struct JobRun {
    pub(crate) index: u32,
    pub(crate) priority: u8,
    payload: Box<dyn Payload>,
    pub(crate) flop_per_unit: f64,
    pub(crate) units_total: Option<f64>,
    /// Units that are on board and not computed.
    pub(crate) at_hand: f64,
    pub(crate) input_on_board: bool,
    /// Units whose work stands: computed and not thrown away.
    pub(crate) units: f64,
    saved_units: f64,
    saved: Vec<u8>,
    since_save_s: f64,
    save_every_s: Option<f64>,
    pub(crate) checkpoints: u64,
    pub(crate) arrived: Tally,
    pub(crate) delivered: Tally,
    pub(crate) outcome: JobOutcome,
}

impl JobRun {
    pub(crate) fn new(index: u32, site: u32, job: &Job, payload: Box<dyn Payload>) -> Self {
        let saved = payload.checkpoint();
        let outcome = JobOutcome { site: Some(site), proxy: payload.proxy(), ..waiting(job) };
        Self {
            index,
            priority: job.priority,
            payload,
            flop_per_unit: job.demand.work_per_unit().0,
            units_total: job.demand.units_total(),
            at_hand: job.demand.units_total().unwrap_or(0.0),
            input_on_board: job.input.0 == 0.0,
            units: 0.0,
            saved_units: 0.0,
            saved,
            since_save_s: 0.0,
            save_every_s: job.demand.checkpoint_interval().map(|interval| interval.0),
            checkpoints: 0,
            arrived: Tally::default(),
            delivered: Tally::default(),
            outcome,
        }
    }

    /// Whether all its work is done.
    pub(crate) fn computed(&self) -> bool {
        self.units_total.is_some_and(|total| self.units >= total)
    }

    /// Whether it could use the accelerators at `now`.
    pub(crate) fn ready(&self, job: &Job, now: Instant) -> bool {
        let open = job.release <= now && job.deadline.is_none_or(|deadline| now < deadline);
        open && self.input_on_board && self.at_hand > 0.0
    }

    /// Spends `units` worth of work. Returns what the payload made of it.
    pub(crate) fn advance(
        &mut self,
        units: f64,
        upsets: &[sunward_work::payload::Upset],
    ) -> Result<sunward_work::payload::Progress, PayloadError> {
        let progress = self.payload.advance(Flops(units * self.flop_per_unit), upsets)?;
        self.at_hand = (self.at_hand - units).max(0.0);
        self.units += units;
        if let Some(total) = self.units_total {
            // The last grant may leave a remainder of rounding.
            if total - self.units <= 1e-9 * total {
                (self.units, self.at_hand) = (total, 0.0);
            }
        }
        Ok(progress)
    }

    /// Writes a checkpoint when `dt_s` more seconds of work make one due and the step was `sound`; tells whether it did.
    pub(crate) fn save_if_due(&mut self, dt_s: f64, sound: bool) -> bool {
        self.since_save_s += dt_s;
        let due = sound && self.save_every_s.is_some_and(|every| self.since_save_s >= every);
        if due {
            (self.saved, self.saved_units, self.since_save_s) = (self.payload.checkpoint(), self.units, 0.0);
            self.checkpoints += 1;
        }
        due
    }

    /// Goes back to the last checkpoint; returns the operations thrown away.
    pub(crate) fn roll_back(&mut self) -> Result<Flops, PayloadError> {
        if self.save_every_s.is_none() {
            return Ok(Flops::ZERO);
        }
        self.payload.restore(&self.saved)?;
        let lost = self.units - self.saved_units;
        self.at_hand += lost;
        (self.units, self.since_save_s) = (self.saved_units, 0.0);
        Ok(Flops(lost * self.flop_per_unit))
    }

    /// The outcome as it stands at `end`.
    pub(crate) fn finish(mut self) -> JobOutcome {
        let total = self.units_total;
        self.outcome.units = self.units;
        self.outcome.work = Flops(self.units * self.flop_per_unit);
        self.outcome.progress = Ratio(match total {
            Some(total) => self.units / total,
            None => self.units / self.arrived.total().max(self.units).max(f64::MIN_POSITIVE),
        });
        self.outcome.units_delivered = match (total, self.outcome.delivered) {
            (Some(total), Some(_)) => total,
            (Some(_), None) => 0.0,
            (None, _) => self.delivered.total().min(self.units),
        };
        self.outcome.latency = latencies(&self.arrived, &self.delivered);
        self.outcome.state = self.state();
        self.outcome
    }

    fn state(&self) -> JobState {
        match (self.units_total, self.outcome.delivered, self.outcome.started) {
            (Some(_), Some(_), _) => JobState::Delivered,
            (Some(_), None, _) if self.computed() => JobState::Computed,
            (_, _, Some(_)) => JobState::Running,
            _ => JobState::Waiting,
        }
    }
}

/// The outcome of a job that no site has taken yet.
pub(crate) fn waiting(job: &Job) -> JobOutcome {
    JobOutcome {
        name: job.name.clone(),
        kind: job.demand.kind().to_owned(),
        site: None,
        state: JobState::Waiting,
        input_arrived: None,
        started: None,
        finished: None,
        delivered: None,
        deadline: job.deadline,
        progress: Ratio::ZERO,
        work: Flops::ZERO,
        work_lost: Flops::ZERO,
        unit: job.demand.unit().to_owned(),
        units: 0.0,
        units_delivered: 0.0,
        busy: Seconds::ZERO,
        history: Vec::new(),
        loss: Vec::new(),
        latency: Vec::new(),
        proxy: None,
    }
}

/// Seconds a unit takes on `working` accelerators of a design; `None` where they cannot run it.
pub(crate) fn unit_time(job: &Job, design: u32, compute: &Compute, working: u32) -> Option<UnitTime<f64>> {
    let used = f64::from(accelerators(job, working));
    if job.demand.memory() > compute.memory * used {
        return None;
    }
    let machine = Machine {
        peak: job.peak[design as usize]? * used,
        bandwidth: compute.bandwidth * used,
        utilisation: job.utilisation,
    };
    (used > 0.0).then(|| UnitTime::new(&job.demand.phases(), &machine))
}

/// Accelerators a job uses of those that work.
pub(crate) fn accelerators(job: &Job, working: u32) -> u32 {
    job.accelerators.min(working)
}

/// Data that waits on a link, and what it means when it has arrived.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cargo {
    /// A job's input.
    Input,
    /// Requests that arrived on the ground.
    Requests(f64),
    /// A job's last output.
    Result,
    /// Results of so many units.
    Units(f64),
    /// A text or a measurement.
    Sample(Option<String>),
}

/// A queued piece of data.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Item {
    pub(crate) job: u32,
    pub(crate) cargo: Cargo,
    pub(crate) size: Bits,
    /// When it was ready to be sent.
    pub(crate) ready: Instant,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Instant {
        Instant(second * 1_000_000_000)
    }

    #[test]
    fn latency_is_delivery_less_arrival_first_in_first_out() {
        let (mut arrived, mut delivered) = (Tally::default(), Tally::default());
        arrived.add(at(0), 2.0);
        arrived.add(at(10), 2.0);
        delivered.add(at(100), 1.0);
        delivered.add(at(200), 2.0);
        assert_eq!(latencies(&arrived, &delivered), vec![Seconds(100.0), Seconds(190.0), Seconds(200.0)]);
    }

    #[test]
    fn nothing_delivered_has_no_latency() {
        let mut arrived = Tally::default();
        arrived.add(at(0), 5.0);
        assert!(latencies(&arrived, &Tally::default()).is_empty());
    }
}
