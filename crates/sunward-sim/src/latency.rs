//! Where the time of a request or an image goes, from its arrival until its result is delivered.
//!
//! Units go first come, first served through four counts over time: arrived (on the ground, or taken on board), on board, computed,
//! delivered. The time of a unit between them is split without remainder, in whole nanoseconds:
//!
//! - *light*: what the last bits of request and result need over the range at which they are sent;
//! - *contact*: time in a link's queue, up or down, while no station serves the site;
//! - *compute*: time in which the accelerators work on the job while the unit is among the `batch` units that they answer together;
//! - *queue*: all the rest: on board for the accelerators (other jobs, eclipse, reboots and work done twice included), and in a link's
//!   queue, its own transmission included, while a station serves the site.
//!
//! **Not modelled**: waiting for a batch to end, as what comes while one is at work joins it; requests that arrive during a step arrive at its
//! end, and what comes on board during a step can be computed from the next one on.

use std::collections::VecDeque;

use sunward_astro::time::{Instant, Span};

use crate::record::Delay;

/// Part of a unit that is rounding.
const ROUNDING: f64 = 1e-6;
/// Units whose delays are kept of a job: every one up to so many, then every other one, and so on.
const KEPT_MAX: usize = 2000;

/// Whole units among `units`, which may have lost a little to rounding.
pub(crate) fn whole(units: f64) -> u64 {
    (units + ROUNDING).floor() as u64
}

/// When a site had a station to itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct Contacts {
    /// Begin, end, and the time of contact before.
    all: Vec<(Instant, Instant, Span)>,
}

impl Contacts {
    /// One more stretch of contact, not before the last.
    pub(crate) fn add(&mut self, begin: Instant, end: Instant) {
        match self.all.last_mut() {
            Some(last) if last.1 == begin => last.1 = end,
            _ => self.all.push((begin, end, self.until(begin))),
        }
    }

    /// Time of contact before `at`.
    fn until(&self, at: Instant) -> Span {
        let after = self.all.partition_point(|&(begin, _, _)| begin < at);
        let Some(&(begin, end, before)) = after.checked_sub(1).and_then(|last| self.all.get(last)) else {
            return Span(0);
        };
        before + (end.min(at) - begin)
    }

    /// Delay of what was ready at `ready` and received at `end`, `light` after it was sent.
    pub(crate) fn delay(&self, ready: Instant, end: Instant, light: Span) -> Delay {
        let sent = end - light;
        let queue = self.until(sent) - self.until(ready);
        Delay { light, contact: sent - ready - queue, queue, compute: Span(0) }
    }
}

/// A stretch of time in which a job's units were computed evenly.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Work {
    /// Units computed before.
    pub(crate) from: f64,
    /// Units computed after.
    pub(crate) to: f64,
    /// First instant.
    pub(crate) begin: Instant,
    /// Last instant.
    pub(crate) end: Instant,
}

impl Work {
    /// When the count passed `units`.
    fn when(&self, units: f64) -> Instant {
        let share = ((units - self.from) / (self.to - self.from)).clamp(0.0, 1.0);
        self.begin + Span::from_seconds((self.end - self.begin).seconds() * share)
    }
}

/// How a result came to where it is wanted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Landing {
    /// Last bit received.
    pub(crate) end: Instant,
    /// Light time.
    pub(crate) light: Span,
}

/// The counts of a job's units, as far as units are under way, and the delays of those delivered.
#[derive(Debug, Clone)]
pub(crate) struct Passage {
    batch: f64,
    /// Units arrived in all after each arrival.
    arrived: VecDeque<(u64, Instant)>,
    /// Units on board in all, when, and the light time that brought them up.
    boarded: VecDeque<(u64, Instant, Span)>,
    worked: VecDeque<Work>,
    arrived_total: u64,
    boarded_total: u64,
    delivered_total: u64,
    kept: Vec<Delay>,
    /// Every so many units the delay of one is kept.
    every: u64,
}

impl Passage {
    /// No unit yet, of a job that works on `batch` units together.
    pub(crate) fn new(batch: f64) -> Self {
        Self {
            batch,
            arrived: VecDeque::new(),
            boarded: VecDeque::new(),
            worked: VecDeque::new(),
            arrived_total: 0,
            boarded_total: 0,
            delivered_total: 0,
            kept: Vec::new(),
            every: 1,
        }
    }

    pub(crate) fn arrived(&mut self, at: Instant, units: u64) {
        self.arrived_total += units;
        self.arrived.push_back((self.arrived_total, at));
    }

    pub(crate) fn boarded(&mut self, at: Instant, units: u64, light: Span) {
        self.boarded_total += units;
        self.boarded.push_back((self.boarded_total, at, light));
    }

    pub(crate) fn worked(&mut self, work: Work) {
        self.worked.push_back(work);
    }

    /// Takes back what was computed beyond `units`.
    pub(crate) fn undo(&mut self, units: f64) {
        while let Some(last) = self.worked.pop_back_if(|last| last.to > units) {
            if last.from < units {
                self.worked.push_back(Work { to: units, end: last.when(units), ..last });
                return;
            }
        }
    }

    pub(crate) fn arrived_total(&self) -> u64 {
        self.arrived_total
    }

    pub(crate) fn delivered_total(&self) -> u64 {
        self.delivered_total
    }

    /// When unit `unit` (from 0) was computed.
    pub(crate) fn computed_at(&self, unit: u64) -> Instant {
        let done = unit as f64 + 1.0;
        let index = self.worked.partition_point(|work| work.to < done - ROUNDING);
        self.worked.get(index).expect("a unit that is sent was computed").when(done)
    }

    /// Time at work up to `at`, from the earliest stretch that is still known.
    fn active(&self, at: Instant) -> Span {
        self.worked.iter().take_while(|work| work.begin < at).map(|work| work.end.min(at) - work.begin).sum()
    }

    /// When the accelerators took up unit `unit`: when so many were done that it was among the next `batch`, but not before it came on
    /// board.
    fn begun_at(&self, unit: u64, boarded: Instant) -> Instant {
        let done = unit as f64 + 1.0 - self.batch;
        let index = self.worked.partition_point(|work| work.to <= done + ROUNDING);
        self.worked.get(index).map_or(boarded, |work| work.when(done).max(boarded))
    }

    /// Delay of a unit whose result `landing` brought down, or which was wanted where it was computed.
    ///
    /// # Panics
    /// If a part of it is negative: an effect before its cause, a bug.
    pub(crate) fn delay(&self, unit: u64, landing: Option<Landing>, contacts: &Contacts) -> Delay {
        let arrived = self.arrived[self.arrived.partition_point(|&(total, _)| total <= unit)].1;
        let (_, boarded, light) = self.boarded[self.boarded.partition_point(|&(total, ..)| total <= unit)];
        let computed = self.computed_at(unit);
        let up = contacts.delay(arrived, boarded, light);
        let compute = self.active(computed) - self.active(self.begun_at(unit, boarded));
        let on_board = Delay { queue: computed - boarded - compute, compute, ..Delay::default() };
        let down = landing.map(|landing| contacts.delay(computed, landing.end, landing.light)).unwrap_or_default();
        let delay = up + on_board + down;
        let parts = [delay.light, delay.contact, delay.queue, delay.compute];
        assert!(parts.iter().all(|part| part.0 >= 0), "unit {unit} has a negative delay: {delay:?}");
        delay
    }

    /// Books `count` units from number `first` on as delivered; what is not needed any more is forgotten.
    pub(crate) fn delivered(&mut self, first: u64, count: u64, landing: Option<Landing>, contacts: &Contacts) {
        let end = first + count;
        self.delivered_total += count;
        loop {
            let next = first.next_multiple_of(self.every);
            let more = (end.saturating_sub(next)).div_ceil(self.every) as usize;
            if self.kept.len() + more <= KEPT_MAX {
                let units = (next..end).step_by(self.every as usize);
                let delays: Vec<Delay> = units.map(|unit| self.delay(unit, landing, contacts)).collect();
                self.kept.extend(delays);
                break;
            }
            self.thin();
        }
        self.forget(end);
    }

    /// Keeps every other delay of those kept.
    fn thin(&mut self) {
        let mut odd = false;
        self.kept.retain(|_| {
            odd = !odd;
            odd
        });
        self.every *= 2;
    }

    /// Drops what only units before `unit` needed.
    fn forget(&mut self, unit: u64) {
        while self.arrived.pop_front_if(|first| first.0 <= unit).is_some() {}
        while self.boarded.pop_front_if(|first| first.0 <= unit).is_some() {}
        let begun = unit as f64 + 1.0 - self.batch;
        while self.worked.pop_front_if(|first| first.to + ROUNDING < begun).is_some() {}
    }

    /// The delays kept, by their sum.
    pub(crate) fn delays(mut self) -> Vec<Delay> {
        self.kept.sort_by_key(|delay| (delay.total(), delay.light));
        self.kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Latency;

    fn at(second: f64) -> Instant {
        Instant((second * 1e9) as i64)
    }

    fn seconds(delay: Delay) -> [f64; 4] {
        [delay.light, delay.contact, delay.queue, delay.compute].map(|part| part.seconds().0)
    }

    fn work(from: f64, to: f64, begin: f64, end: f64) -> Work {
        Work { from, to, begin: at(begin), end: at(end) }
    }

    /// Two requests at 0 s; contact from 10 s to 20 s brings them up by 12 s, and from 100 s to 110 s brings the answers down by
    /// 103 s, light 1 s each way. The accelerators work from 30 s on, 5 s a request, and rest from 32 s to 40 s.
    fn two() -> (Passage, Contacts) {
        let mut contacts = Contacts::default();
        for (begin, end) in [(10.0, 15.0), (15.0, 20.0), (100.0, 110.0)] {
            contacts.add(at(begin), at(end));
        }
        let mut passage = Passage::new(1.0);
        passage.arrived(at(0.0), 2);
        passage.boarded(at(12.0), 2, Span(1_000_000_000));
        passage.worked(work(0.0, 0.4, 30.0, 32.0));
        passage.worked(work(0.4, 2.0, 40.0, 48.0));
        (passage, contacts)
    }

    const DOWN: Landing = Landing { end: Instant(103_000_000_000), light: Span(1_000_000_000) };

    #[test]
    fn parts_are_those_counted_by_hand() {
        let (passage, contacts) = two();
        // Up: 10 s without contact, 1 s in the queue, 1 s of light. Board: to 43 s, of which 5 s at work. Down: 57 s without, 2 s in
        // the queue, 1 s of light.
        assert_eq!(seconds(passage.delay(0, Some(DOWN), &contacts)), [2.0, 67.0, 1.0 + 26.0 + 2.0, 5.0]);
        // The second: at work from 43 s to 48 s.
        assert_eq!(seconds(passage.delay(1, Some(DOWN), &contacts)), [2.0, 62.0, 1.0 + 31.0 + 2.0, 5.0]);
        // Wanted on board: neither contact nor light on the way down.
        assert_eq!(seconds(passage.delay(1, None, &contacts)), [1.0, 10.0, 1.0 + 31.0, 5.0]);
    }

    #[test]
    fn a_unit_of_a_batch_is_at_work_with_the_others() {
        let (mut passage, contacts) = two();
        passage.batch = 2.0;
        // Both are taken up at 30 s: the second is done after all 10 s of work, the first, first in its batch, after 5 s.
        assert_eq!(seconds(passage.delay(1, Some(DOWN), &contacts)), [2.0, 62.0, 1.0 + 26.0 + 2.0, 10.0]);
        assert_eq!(passage.delay(0, Some(DOWN), &contacts).compute, Span(5_000_000_000));
    }

    #[test]
    fn work_taken_back_is_waited_for_again() {
        let (mut passage, contacts) = two();
        passage.undo(1.0);
        passage.worked(work(1.0, 2.0, 60.0, 65.0));
        assert_eq!(passage.computed_at(0), at(43.0));
        assert_eq!(seconds(passage.delay(1, Some(DOWN), &contacts)), [2.0, 45.0, 1.0 + 48.0 + 2.0, 5.0]);
    }

    #[test]
    fn parts_sum_to_the_time_from_arrival_to_delivery() {
        let (passage, contacts) = two();
        for unit in 0..2 {
            assert_eq!(passage.delay(unit, Some(DOWN), &contacts).total(), Span(103_000_000_000));
        }
    }

    /// More units than are kept: an even share of them, and the counts behind them are forgotten.
    #[test]
    fn many_units_are_told_by_an_even_share() {
        let (mut passage, contacts) = (Passage::new(1.0), Contacts::default());
        for step in 0..100_u64 {
            let (begin, end) = (at(step as f64), at(step as f64 + 1.0));
            passage.arrived(begin, 1000);
            passage.boarded(begin, 1000, Span(0));
            let from = 1000.0 * step as f64;
            passage.worked(Work { from, to: from + 1000.0, begin, end });
            passage.delivered(1000 * step, 1000, None, &contacts);
        }
        assert_eq!((passage.delivered_total(), passage.every), (100_000, 64));
        assert!(passage.arrived.is_empty() && passage.worked.len() <= 1, "{:?}", passage.worked);
        let delays = passage.delays();
        assert_eq!(delays.len(), 100_000_usize.div_ceil(64));
        let latency = Latency::of(&delays);
        // Units of a step are done one after the other within its second, 1 ms each.
        assert!((latency.total.median.unwrap().0 - 0.5).abs() < 0.01, "{latency:?}");
        assert!((latency.total.p95.unwrap().0 - 0.95).abs() < 0.01);
        assert!((latency.compute.mean.unwrap().0 - 1e-3).abs() < 1e-6);
        let parts = [latency.light, latency.contact, latency.queue, latency.compute];
        let sum: f64 = parts.iter().map(|part| part.mean.unwrap().0).sum();
        assert!((sum - latency.total.mean.unwrap().0).abs() < 1e-12);
    }

    #[test]
    fn what_was_never_delivered_has_no_latency() {
        assert_eq!(Latency::of(&[]), Latency::default());
    }
}
