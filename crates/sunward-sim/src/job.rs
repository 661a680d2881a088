//! A job while it lives on a site: what is at hand, what is done, what its latencies are.

use sunward_astro::time::{Instant, Span};
use sunward_mission::world::{Compute, Job};
use sunward_units::{Bits, Flops, Ratio, Seconds};
use sunward_work::payload::{Answer, Incident, Modelled, Payload, PayloadError, Progress, Remedy, Upset};
use sunward_work::roofline::{Machine, UnitTime};

use crate::latency::{Passage, Work, whole};
use crate::record::{DefenceOutcome, JobOutcome, JobState, Latency};

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

/// A job on its site.
pub(crate) struct JobRun {
    pub(crate) index: u32,
    pub(crate) priority: u8,
    payload: Box<dyn Payload>,
    pub(crate) flop_per_unit: f64,
    pub(crate) units_total: Option<f64>,
    /// Units that are on board and not computed.
    pub(crate) at_hand: f64,
    /// Units of a batch, and those of the one at work: fewer where fewer were at hand when the last came.
    batch: f64,
    pub(crate) together: f64,
    pub(crate) input_on_board: bool,
    /// Units whose work stands: computed and not thrown away.
    pub(crate) units: f64,
    saved_units: f64,
    saved: Vec<u8>,
    since_save_s: f64,
    save_every_s: Option<f64>,
    pub(crate) checkpoints: u64,
    /// Its units from arrival to delivery.
    pub(crate) passage: Passage,
    /// Requests that come on board, and when: for the steps that begin after it.
    landing: Vec<(Instant, u64)>,
    /// What results say whose units are not counted as done yet.
    answers: Vec<Answer>,
    /// Units that the rate of arrival has made, the one in the making included.
    pub(crate) made: f64,
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
            batch: job.demand.batch(),
            together: job.demand.batch(),
            input_on_board: job.input.0 == 0.0,
            units: 0.0,
            saved_units: 0.0,
            saved,
            since_save_s: 0.0,
            save_every_s: job.demand.checkpoint_interval().map(|interval| interval.0),
            checkpoints: 0,
            passage: Passage::new(job.demand.batch()),
            landing: Vec::new(),
            made: 0.0,
            answers: Vec::new(),
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

    /// Requests have come on board; they can be computed in steps that begin after `at`.
    pub(crate) fn board(&mut self, at: Instant, units: u64, light: Span) {
        self.passage.boarded(at, units, light);
        self.landing.push((at, units));
    }

    /// Takes to hand what has come on board before a step that begins at `begin`.
    pub(crate) fn take_to_hand(&mut self, begin: Instant) {
        let mut landed = 0;
        self.landing.retain(|&(at, units)| {
            landed += if at <= begin { units } else { 0 };
            at > begin
        });
        self.hand(landed as f64);
    }

    /// Puts `units` to hand; they join those at work as far as the batch goes.
    pub(crate) fn hand(&mut self, units: f64) {
        if units > 0.0 {
            self.at_hand += units;
            self.together = self.at_hand.ceil().min(self.batch);
        }
    }

    /// Units on board that wait to be computed.
    pub(crate) fn on_board(&self) -> f64 {
        self.at_hand + self.landing.iter().map(|&(_, units)| units as f64).sum::<f64>()
    }

    /// Units that arrive while the rate of arrival makes `more`, whole ones only.
    pub(crate) fn make(&mut self, more: f64) -> u64 {
        let before = whole(self.made);
        self.made += more;
        whole(self.made) - before
    }

    /// Spends `units` worth of work between two instants. Returns what the payload made of it, and the units it completed: the number of
    /// the first, and how many.
    pub(crate) fn advance(
        &mut self,
        units: f64,
        (begin, end): (Instant, Instant),
        upsets: &[Upset],
    ) -> Result<(Progress, u64, u64), PayloadError> {
        let mut progress = self.payload.advance(Flops(units * self.flop_per_unit), upsets)?;
        self.answers.append(&mut progress.answers);
        let before = self.units;
        self.at_hand = (self.at_hand - units).max(0.0);
        self.units += units;
        if let Some(total) = self.units_total {
            // The last grant may leave a remainder of rounding.
            if total - self.units <= 1e-9 * total {
                (self.units, self.at_hand) = (total, 0.0);
            }
        } else if units > 0.0 {
            self.passage.worked(Work { from: before, to: self.units, begin, end });
        }
        self.lose(progress.incidents.iter().map(|incident| incident.units_lost).sum());
        let first = whole(before);
        Ok((progress, first, whole(self.units).saturating_sub(first)))
    }

    /// Books what the defences did while the job was held for `held` seconds, of which they took the share `guarded`.
    pub(crate) fn defend(&mut self, held: Seconds, guarded: f64, upsets: &[Upset], incidents: &[Incident]) {
        let Some(defences) = &mut self.outcome.defences else { return };
        defences.time += held * guarded;
        defences.busy += held;
        defences.upsets += upsets.len() as u32;
        for incident in incidents {
            defences.alarms += 1;
            *match incident.remedy {
                Remedy::Recomputed => &mut defences.recomputed,
                Remedy::RolledBack { .. } => &mut defences.rolled_back,
                Remedy::BegunAnew { .. } => &mut defences.begun_anew,
                Remedy::Accepted => &mut defences.accepted,
            } += 1;
            defences.upsets_undone += incident.upsets_undone;
            let lost = Flops(incident.units_lost * self.flop_per_unit);
            defences.work_lost += lost;
            self.outcome.work_lost += lost;
        }
    }

    /// Takes `units` back that do not stand. A checkpoint written since the one that the payload went back to is void.
    fn lose(&mut self, units: f64) {
        if units <= 0.0 {
            return;
        }
        let lost = units.min(self.units);
        self.units -= lost;
        self.hand(lost);
        self.passage.undo(self.units);
        if self.units < self.saved_units {
            (self.saved, self.saved_units) = (self.payload.checkpoint(), self.units);
        }
    }

    /// What the results of units before `unit` say, once.
    pub(crate) fn answers_before(&mut self, unit: u64) -> Vec<Answer> {
        self.answers.extract_if(.., |answer| answer.unit < unit).collect()
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

    /// Goes back to the last checkpoint, or to the last whole unit; returns the operations thrown away.
    pub(crate) fn roll_back(&mut self) -> Result<Flops, PayloadError> {
        let stands = if self.save_every_s.is_some() {
            self.payload.restore(&self.saved)?;
            self.saved_units
        } else {
            let stands = (whole(self.units) as f64).min(self.units);
            self.payload.restart(stands)?;
            self.answers.retain(|answer| (answer.unit as f64) < stands);
            stands
        };
        self.passage.undo(stands);
        let lost = self.units - stands;
        self.hand(lost);
        (self.units, self.since_save_s) = (stands, 0.0);
        Ok(Flops(lost * self.flop_per_unit))
    }

    /// The outcome as it stands at `end`.
    pub(crate) fn finish(mut self) -> JobOutcome {
        let total = self.units_total;
        self.outcome.units = self.units;
        self.outcome.work = Flops(self.units * self.flop_per_unit);
        self.outcome.progress = Ratio(match total {
            Some(total) => self.units / total,
            None => self.units / (self.passage.arrived_total() as f64).max(self.units).max(f64::MIN_POSITIVE),
        });
        self.outcome.units_delivered = match (total, self.outcome.delivered) {
            (Some(total), Some(_)) => total,
            (Some(_), None) => 0.0,
            (None, _) => self.passage.delivered_total() as f64,
        };
        self.outcome.state = self.state();
        self.outcome.delays = self.passage.delays();
        self.outcome.latency = Latency::of(&self.outcome.delays);
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
        validation: Vec::new(),
        latency: Latency::default(),
        delays: Vec::new(),
        proxy: None,
        defences: job.defence_cost().map(|cost| DefenceOutcome {
            memory: cost.memory,
            storage: cost.storage,
            ..DefenceOutcome::default()
        }),
    }
}

/// Seconds a unit of a full batch takes on `working` accelerators of a design, its defences included; `None` where they cannot run it.
pub(crate) fn unit_time(job: &Job, design: u32, compute: &Compute, working: u32) -> Option<UnitTime<f64>> {
    guarded_time(job, design, compute, (working, job.demand.batch())).map(|(times, _)| times)
}

/// The same of a batch of `together` units, and the share of it that the defences take.
pub(crate) fn guarded_time(
    job: &Job,
    design: u32,
    compute: &Compute,
    (working, together): (u32, f64),
) -> Option<(UnitTime<f64>, f64)> {
    let used = f64::from(accelerators(job, working));
    if job.memory() > compute.memory * used {
        return None;
    }
    let machine = Machine {
        peak: job.peak[design as usize]? * used,
        bandwidth: compute.bandwidth * used,
        utilisation: job.utilisation,
    };
    (used > 0.0).then(|| {
        let alone = UnitTime::new(&job.demand.phases(together), &machine);
        let overhead = job.overhead((alone.unbound(), together), &machine).0;
        (alone.stretched(1.0 + overhead), overhead / (1.0 + overhead))
    })
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
    Requests(u64),
    /// A job's last output.
    Result,
    /// Results of so many units, from one on, and what some of them say.
    Units { first: u64, count: u64, answers: Vec<Answer> },
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
