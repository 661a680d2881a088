//! One site between two planning instants: which job runs, what strikes it, what is carried, what is remembered.
//!
//! The plant itself advances in blocks ([`crate::plant`]); a [`SiteRun`] says what each step is told to do and books what came of it.
//!
//! **Not modelled**: reboots are counted in whole steps; loading a model, writing a checkpoint and switching jobs take no time.

use std::collections::BTreeMap;
use std::ops::Range;

use sunward_astro::time::{Instant, Span};
use sunward_mission::world::{Design, Links, World};
use sunward_plant::radiation::{Event as Strike, Susceptibility, event_count, event_time, fault_age};
use sunward_units::random::{Purpose, Stream};
use sunward_units::{Bits, Flops, Grays, Meters, PerSecond, Seconds};
use sunward_work::demand::Demand;
use sunward_work::payload::{Incident, Loss, PayloadError, Remedy, Upset};
use sunward_work::roofline::UnitTime;

use crate::blueprint::{SitePlan, Slot};
use crate::environment::SiteSky;
use crate::job::{Cargo, Item, JobRun, PayloadFactory, accelerators, guarded_time, unit_time};
use crate::latency::{Contacts, Landing};
use crate::plant::{Command, Flow};
use crate::record::{Bound, Direction, Event, EventKind, Transfer};
use crate::traffic::{Opening, Queue};

/// Part of the clock or of a grant below which something counts as holding the work back.
const HELD_BACK: f64 = 1e-6;

/// What a site adds to the summary.
#[derive(Debug, Clone, Default)]
pub(crate) struct Totals {
    pub(crate) bound_s: [f64; Bound::ALL.len()],
    pub(crate) working_s: f64,
    pub(crate) clock_s: f64,
    pub(crate) throttled_s: f64,
    pub(crate) work: Flops,
    pub(crate) work_lost: Flops,
    pub(crate) dose: Grays,
    pub(crate) silent_corruptions: u32,
    pub(crate) memory_errors: u32,
    pub(crate) interrupts: u32,
    pub(crate) permanent_faults: u32,
    pub(crate) rollbacks: u32,
    pub(crate) reboot_s: f64,
    pub(crate) dropped: Bits,
    pub(crate) made_bits: u128,
    /// Time of accelerators at work.
    pub(crate) accelerator_s: f64,
    /// Antenna time booked.
    pub(crate) antenna_s: f64,
}

/// Something bought for a site while it ran.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bought {
    pub(crate) at: Instant,
    pub(crate) what: Goods,
    /// Whether it was due to age, not to a failure.
    pub(crate) aged: bool,
}

/// What is bought to replace what failed or wore out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Goods {
    /// So many accelerators.
    Accelerators(u32),
    /// A unit with all its accelerators.
    Unit,
}

/// What a site did in a step, for the record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StepNote {
    pub(crate) bound: Bound,
    pub(crate) job: Option<u32>,
    pub(crate) work: Flops,
    pub(crate) down: Bits,
    pub(crate) up: Bits,
}

/// A job at work in the present step.
struct Active {
    slot: usize,
    /// Share of the step that jobs of higher rank take before it.
    after: f64,
    /// Share of the step it gets.
    share: f64,
    times: UnitTime<f64>,
    /// Share of that time that its defences take.
    guarded: f64,
}

/// Everything of a site that is not its plant.
pub(crate) struct SiteRun<'w> {
    pub(crate) index: u32,
    world: &'w World,
    design: &'w Design,
    design_index: u32,
    links: &'w [Links],
    susceptibility: Susceptibility,
    pub(crate) jobs: Vec<JobRun>,
    pub(crate) up: Queue,
    pub(crate) down: Queue,
    slots: Vec<Slot>,
    next_slot: usize,
    contacts: Contacts,
    power_cap_w: f64,
    work_in_shadow: bool,
    blocked_until: Instant,
    /// Failures to come, latest first.
    failures: Vec<Instant>,
    /// Failures drawn so far.
    lives: u64,
    /// Accelerators on their way that take the place of failed ones, latest first.
    swaps: Vec<Instant>,
    /// When a unit arrives that takes the place of this one.
    successor: Option<Instant>,
    /// When unit and accelerators are worn out next.
    worn_out: Option<Instant>,
    working: u32,
    pub(crate) bought: Vec<Bought>,
    /// Whether a new unit took over in the last step.
    renewed: bool,
    active: Vec<Active>,
    note: StepNote,
    shedding: bool,
    /// Whether essential loads went unfed in the last step.
    starving: bool,
    too_hot: bool,
    pub(crate) pass_bits: Vec<(u32, Bits, Bits)>,
    pub(crate) events: Vec<Event>,
    pub(crate) transfers: Vec<Transfer>,
    pub(crate) totals: Totals,
}

impl<'w> SiteRun<'w> {
    pub(crate) fn new(world: &'w World, index: u32) -> Self {
        let site = &world.sites[index as usize];
        let design = &world.designs[site.design as usize];
        let compute = &design.compute;
        let susceptibility =
            Susceptibility::TRILLIUM.with_memory(compute.memory).expect("a catalog's memory is a finite quantity");
        Self {
            index,
            world,
            design,
            design_index: site.design,
            links: &world.links[site.design as usize],
            susceptibility,
            jobs: Vec::new(),
            up: Queue::default(),
            down: Queue::default(),
            slots: Vec::new(),
            next_slot: 0,
            contacts: Contacts::default(),
            power_cap_w: 0.0,
            work_in_shadow: true,
            blocked_until: world.start,
            failures: failures(world, index, compute.failure_rate, 0..u64::from(compute.count), world.start),
            lives: u64::from(compute.count),
            swaps: Vec::new(),
            successor: None,
            worn_out: accelerator_life(design).map(|life| world.start + Span::from_seconds(life)),
            working: compute.count,
            bought: Vec::new(),
            renewed: false,
            active: Vec::new(),
            note: StepNote { bound: Bound::Demand, job: None, work: Flops::ZERO, down: Bits::ZERO, up: Bits::ZERO },
            shedding: false,
            starving: false,
            too_hot: false,
            pass_bits: Vec::new(),
            events: Vec::new(),
            transfers: Vec::new(),
            totals: Totals::default(),
        }
    }

    /// Takes over a window's plan at `now`.
    pub(crate) fn take(
        &mut self,
        plan: &SitePlan,
        factory: &PayloadFactory<'_>,
        now: Instant,
    ) -> Result<(), PayloadError> {
        for &index in &plan.arriving {
            let job = &self.world.jobs[index as usize];
            let run = JobRun::new(index, self.index, job, factory(index, job)?);
            let at = self.jobs.partition_point(|other| rank(self.world, other.index) <= rank(self.world, index));
            self.jobs.insert(at, run);
            if job.input.0 > 0.0 {
                self.up.push(Item { job: index, cargo: Cargo::Input, size: job.input, ready: now }, job.priority);
            }
        }
        self.slots.clone_from(&plan.slots);
        self.next_slot = 0;
        self.power_cap_w = plan.power_cap.0;
        self.work_in_shadow = plan.work_in_shadow;
        Ok(())
    }

    /// Receives, sends, draws arrivals and says what the plant is to do in step `step` of the run, number `row` of the window.
    pub(crate) fn command(&mut self, step: u64, row: usize, sky: &SiteSky) -> Command<f64> {
        let (begin, end) = (self.world.instant(step), self.world.instant(step + 1));
        let dt_s = (end - begin).seconds().0;
        self.note = StepNote { bound: Bound::Demand, job: None, work: Flops::ZERO, down: Bits::ZERO, up: Bits::ZERO };
        self.active.clear();
        self.jobs.iter_mut().for_each(|run| run.take_to_hand(begin));
        self.note.bound = self.waiting_reason(begin);
        let mut command = self.idle_command();
        if !self.work_in_shadow && sky.array_irradiance[row] <= 0.0 {
            command.power_cap = 0.0;
        }
        if self.note.bound == Bound::Compute {
            self.choose(begin, dt_s, &mut command);
        }
        // What comes on board or comes up during the step can be used from the next one on.
        let sending_share = if self.starving { 0.0 } else { self.traffic(begin, end, row, sky) / dt_s };
        command.transmitter_draw = self.design.transmitter_draw.0 * sending_share;
        command.transmitter_radiated = self.design.transmit_power.0 * sending_share;
        self.arrivals(step, row, dt_s, sky);
        command
    }

    /// Why nothing can run now; `Compute` if something can.
    fn waiting_reason(&self, now: Instant) -> Bound {
        let due = |run: &&JobRun| !run.computed() && self.world.jobs[run.index as usize].release <= now;
        if self.working == 0 {
            Bound::Failure
        } else if self.jobs.iter().any(|run| self.ready(run, now)) {
            if self.blocked_until > now { Bound::Radiation } else { Bound::Compute }
        } else if self.jobs.iter().filter(due).any(|run| !run.input_on_board || self.requests_wait(run)) {
            Bound::Link
        } else {
            Bound::Demand
        }
    }

    /// Whether a job could use the accelerators at `now`: what it continues from is done here, and it is ready itself.
    fn ready(&self, run: &JobRun, now: Instant) -> bool {
        let job = &self.world.jobs[run.index as usize];
        let done = |base: u32| self.jobs.iter().any(|run| run.index == base && run.computed());
        job.after.is_none_or(done) && run.ready(job, now)
    }

    /// Whether units of a job wait on the ground.
    fn requests_wait(&self, run: &JobRun) -> bool {
        run.passage.arrived_total() as f64 > run.units + run.on_board() + 0.5 && !self.up.is_empty()
    }

    /// Shares the step among the jobs that can run, by rank: each takes the time its work at hand needs at full clock, the next
    /// what is left.
    fn choose(&mut self, now: Instant, dt_s: f64, command: &mut Command<f64>) {
        let (world, compute) = (self.world, &self.design.compute);
        let (mut left, mut used) = (1.0, 0.0_f64);
        let (mut compute_activity, mut memory_activity) = (0.0, 0.0);
        for slot in 0..self.jobs.len() {
            if left <= 0.0 || !self.ready(&self.jobs[slot], now) {
                continue;
            }
            let run = &mut self.jobs[slot];
            let job = &world.jobs[run.index as usize];
            let Some((times, guarded)) = guarded_time(job, self.design_index, compute, (self.working, run.together))
            else {
                continue;
            };
            let share = (run.at_hand * times.unbound().0 / dt_s).min(left);
            let (of_compute, of_memory) = times.activity();
            let of_site = f64::from(accelerators(job, self.working));
            compute_activity += share * of_site * of_compute.0;
            memory_activity += share * of_site * of_memory.0;
            used = used.max(of_site);
            self.active.push(Active { slot, after: 1.0 - left, share, times, guarded });
            left -= share;
            if run.outcome.started.is_none() {
                run.outcome.started = Some(now);
                self.events.push(event(now, self.index, EventKind::JobStarted, Some(run.index), String::new()));
            }
        }
        if used == 0.0 {
            return;
        }
        command.run = 1.0;
        let (active, idle) = (compute.host_power.0, compute.host_idle_power.0);
        command.host_active = idle + (1.0 - left) * (active - idle);
        command.chip_capacity = used * compute.chip_heat_capacity.0;
        command.chip_to_board = used * compute.chip_to_board.0;
        command.idle = used * compute.idle_power.0;
        command.full = used * compute.power.0;
        command.compute_activity = compute_activity / used;
        command.memory_activity = memory_activity / used;
        let foremost = self.active.iter().max_by(|a, b| a.share.total_cmp(&b.share).then(b.slot.cmp(&a.slot)));
        self.note.job = foremost.map(|active| self.jobs[active.slot].index);
    }

    fn idle_command(&self) -> Command<f64> {
        let compute = &self.design.compute;
        let working = f64::from(self.working.max(1));
        Command {
            run: 0.0,
            power_cap: self.power_cap_w,
            host_active: compute.host_power.0,
            host_idle: compute.host_idle_power.0,
            transmitter_draw: 0.0,
            transmitter_radiated: 0.0,
            chip_capacity: working * compute.chip_heat_capacity.0,
            chip_to_board: working * compute.chip_to_board.0,
            idle: working * compute.idle_power.0,
            full: working * compute.power.0,
            voltage_floor: compute.voltage_floor.0,
            clock_floor: compute.clock_floor.0,
            memory_share: compute.memory_power_share.0,
            compute_activity: 1.0,
            memory_activity: 0.0,
        }
    }

    /// New units of jobs that go on while units arrive.
    fn arrivals(&mut self, step: u64, row: usize, dt_s: f64, sky: &SiteSky) {
        let (begin, now) = (self.world.instant(step), self.world.instant(step + 1));
        for slot in 0..self.jobs.len() {
            let run = &self.jobs[slot];
            let job = &self.world.jobs[run.index as usize];
            let Some(per_second) = job.demand.arrivals_per_second() else { continue };
            if job.release > begin || job.deadline.is_some_and(|deadline| deadline <= begin) {
                continue;
            }
            let units = match &job.demand {
                Demand::Imagery(imagery) if imagery.daylight_only && sky.sun_zenith_cosine[row] <= 0.0 => 0,
                Demand::Imagery(_) => self.jobs[slot].make(per_second * dt_s),
                _ => Stream::new(self.world.seed, run.index, Purpose::Demand).poisson(step, per_second * dt_s),
            };
            self.admit(slot, units, now);
        }
    }

    /// Takes units in: up through the link if they come from the ground, into the store if there is room.
    fn admit(&mut self, slot: usize, units: u64, now: Instant) {
        if units == 0 {
            return;
        }
        let run = &self.jobs[slot];
        let (index, priority) = (run.index, run.priority);
        let demand = &self.world.jobs[index as usize].demand;
        let up = demand.input_per_unit() * units as f64;
        if up.0 > 0.0 {
            self.jobs[slot].passage.arrived(now, units);
            self.up.push(Item { job: index, cargo: Cargo::Requests(units), size: up, ready: now }, priority);
            return;
        }
        let size = demand.stored_per_unit() * units as f64;
        let room = (self.design.compute.storage - self.stored()).max(Bits::ZERO);
        let taken = if size > room { (units as f64 * (room / size)).floor() as u64 } else { units };
        self.totals.dropped += size * (1.0 - taken as f64 / units as f64);
        let run = &mut self.jobs[slot];
        if taken > 0 {
            run.passage.arrived(now, taken);
            run.passage.boarded(now, taken, Span(0));
            run.hand(taken as f64);
        }
    }

    /// Data held on board: inputs, units waiting for work, checkpoints, and results waiting for a link.
    fn stored(&self) -> Bits {
        let of_job = |run: &JobRun| {
            let job = &self.world.jobs[run.index as usize];
            let open = !run.computed() && run.input_on_board;
            let input = if open { job.input } else { Bits::ZERO };
            let verified = run.outcome.defences.map_or(Bits::ZERO, |defences| defences.storage);
            let checkpoint = if open && run.outcome.started.is_some() {
                job.demand.checkpoint_size() + verified
            } else {
                Bits::ZERO
            };
            let units =
                if run.units_total.is_none() { job.demand.stored_per_unit() * run.on_board() } else { Bits::ZERO };
            input + checkpoint + units
        };
        self.down.remaining() + self.jobs.iter().map(of_job).sum()
    }

    /// Carries data through the slots that fall into the step. Returns the seconds during which the transmitter sent.
    fn traffic(&mut self, begin: Instant, end: Instant, row: usize, sky: &SiteSky) -> f64 {
        let mut sending_s = 0.0;
        while let Some(slot) = self.slots.get(self.next_slot).cloned() {
            if slot.begin >= end {
                break;
            }
            let (from, to) = (slot.begin.max(begin), slot.end.min(end));
            if from < to {
                self.contacts.add(from, to);
                sending_s += self.exchange(&slot, from, to, row, sky);
            }
            if slot.end > end {
                break;
            }
            self.next_slot += 1;
        }
        sending_s
    }

    fn exchange(&mut self, slot: &Slot, begin: Instant, end: Instant, row: usize, sky: &SiteSky) -> f64 {
        if self.up.is_empty() && self.down.is_empty() {
            return 0.0;
        }
        let range = sky.range_to(&self.world.stations[slot.station as usize].mast, row);
        let link = &self.links[slot.station as usize];
        let opening = |rate| Opening { begin, end, range: Meters(range), rate };
        let [down_rate, up_rate] = link.rates(Meters(range));
        let down_opening = opening(down_rate);
        if down_opening.rate.0 <= 0.0 {
            return 0.0;
        }
        let (down, arrivals) = self.down.carry(&down_opening);
        for arrival in arrivals {
            self.transfers.push(transfer(&arrival, self.index, slot.station, Direction::Down));
            self.landed(arrival.item, Some(Landing { end: arrival.end, light: arrival.light }));
        }
        let (up, arrivals) = self.up.carry(&opening(up_rate));
        for arrival in arrivals {
            self.transfers.push(transfer(&arrival, self.index, slot.station, Direction::Up));
            self.boarded(arrival.item, arrival.end, arrival.light);
        }
        self.note.down += down;
        self.note.up += up;
        self.pass_bits.push((slot.pass, down, up));
        if let Links::Radio { .. } = link {
            self.totals.antenna_s += (end - begin).seconds().0;
        }
        (down / down_opening.rate).0
    }

    /// Data has come on board.
    fn boarded(&mut self, item: Item, at: Instant, light: Span) {
        let index = self.index;
        let Some(run) = self.jobs.iter_mut().find(|run| run.index == item.job) else { return };
        match item.cargo {
            Cargo::Input => {
                run.input_on_board = true;
                run.outcome.input_arrived = Some(at);
                self.events.push(event(at, index, EventKind::InputArrived, Some(item.job), String::new()));
            }
            Cargo::Requests(units) => run.board(at, units, light),
            Cargo::Result | Cargo::Units { .. } | Cargo::Sample(_) => unreachable!("only inputs and requests go up"),
        }
    }

    /// Data has come to the ground, or was wanted where it was made.
    fn landed(&mut self, item: Item, landing: Option<Landing>) {
        let (index, at) = (self.index, landing.map_or(item.ready, |landing| landing.end));
        let Some(run) = self.jobs.iter_mut().find(|run| run.index == item.job) else { return };
        match item.cargo {
            Cargo::Result => {
                run.outcome.delivered = Some(at);
                self.events.push(event(at, index, EventKind::JobDelivered, Some(item.job), String::new()));
            }
            Cargo::Units { first, count, answers } => {
                for answer in answers {
                    let delay = run.passage.delay(answer.unit, landing, &self.contacts);
                    let detail = format!("{}\n({delay})", answer.text);
                    self.events.push(event(at, index, EventKind::Sample, Some(item.job), detail));
                }
                run.passage.delivered(first, count, landing, &self.contacts);
            }
            Cargo::Sample(text) => {
                let delay = landing.map(|landing| self.contacts.delay(item.ready, landing.end, landing.light));
                let delays = format!("({})", delay.unwrap_or_default());
                let detail = text.map_or_else(|| delays.clone(), |text| format!("{text}\n{delays}"));
                self.events.push(event(at, index, EventKind::Sample, Some(item.job), detail));
            }
            Cargo::Input | Cargo::Requests(_) => unreachable!("inputs and requests do not come down"),
        }
    }

    /// Puts data into the downlink's queue; what finds no room in the store is lost, but never a job's result.
    fn send(&mut self, item: Item, priority: u8) {
        if item.cargo != Cargo::Result && self.stored() + item.size > self.design.compute.storage {
            self.totals.dropped += item.size;
            return;
        }
        self.totals.made_bits += item.size.0.ceil() as u128;
        if let Some(item) = self.down.push(item, priority) {
            self.landed(item, None);
        }
    }

    /// Accelerators that fail for good before `end`; returns when the first of them did.
    fn fail(&mut self, end: Instant) -> Option<Instant> {
        let mut first = None;
        while let Some(at) = self.failures.pop_if(|at| *at <= end) {
            self.working -= 1;
            self.totals.permanent_faults += 1;
            first = first.or(Some(at));
            let detail = format!("{} of {} accelerators left", self.working, self.design.compute.count);
            self.events.push(event(at, self.index, EventKind::PermanentFault, None, detail));
            self.order(at);
        }
        first
    }

    /// Orders what takes the place of an accelerator that failed at `at`, if anything does.
    fn order(&mut self, at: Instant) {
        let Some(replacement) = self.design.cost.as_ref().and_then(|cost| cost.replacement) else { return };
        let arrives = at + Span::from_seconds(replacement.delay);
        if self.design.supply.is_some() {
            let place = self.swaps.partition_point(|other| *other >= arrives);
            self.swaps.insert(place, arrives);
        } else if f64::from(self.working) < replacement.below.0 * f64::from(self.design.compute.count) {
            self.successor = self.successor.or(Some(arrives));
        }
    }

    /// Puts to work what arrives before `end`: swapped accelerators, a new unit, new accelerators for worn-out ones.
    fn renew(&mut self, end: Instant) {
        while let Some(at) = self.swaps.pop_if(|at| *at <= end) {
            self.working += 1;
            self.draw_failures(1, at);
            self.buy(at, Goods::Accelerators(1), false);
        }
        if let Some(at) = self.successor.take_if(|at| *at <= end) {
            self.replace_all(at, Goods::Unit, false);
        }
        if let (Some(at), Some(life)) = (self.worn_out.filter(|at| *at <= end), accelerator_life(self.design)) {
            let all = Goods::Accelerators(self.design.compute.count);
            self.replace_all(at, if self.design.supply.is_some() { all } else { Goods::Unit }, true);
            self.worn_out = Some(at + Span::from_seconds(life));
        }
    }

    /// Every accelerator is new; in space the whole unit is.
    fn replace_all(&mut self, at: Instant, what: Goods, aged: bool) {
        self.working = self.design.compute.count;
        self.failures.clear();
        self.swaps.clear();
        self.successor = None;
        self.draw_failures(self.working, at);
        self.renewed = what == Goods::Unit;
        if let (Goods::Unit, Some(life)) = (what, accelerator_life(self.design)) {
            self.worn_out = Some(at + Span::from_seconds(life));
        }
        self.buy(at, what, aged);
    }

    fn draw_failures(&mut self, count: u32, from: Instant) {
        let lives = self.lives..self.lives + u64::from(count);
        self.lives = lives.end;
        self.failures.extend(failures(self.world, self.index, self.design.compute.failure_rate, lives, from));
        self.failures.sort_by(|a, b| b.cmp(a));
    }

    fn buy(&mut self, at: Instant, what: Goods, aged: bool) {
        let why = if aged { "worn out" } else { "failed" };
        let detail = match what {
            Goods::Accelerators(count) => format!("{count} accelerators for {why} ones"),
            Goods::Unit => format!("a new unit for a {why} one"),
        };
        self.events.push(event(at, self.index, EventKind::Replaced, None, detail));
        self.bought.push(Bought { at, what, aged });
    }

    /// Whether a new unit took over in the last step; asked once.
    pub(crate) fn take_renewed(&mut self) -> bool {
        std::mem::take(&mut self.renewed)
    }

    /// Books what the plant did in step `step` and what struck the site. Returns the step's note.
    pub(crate) fn account(
        &mut self,
        step: u64,
        row: usize,
        sky: &SiteSky,
        flow: &Flow<f64>,
        chip_k: f64,
    ) -> Result<StepNote, PayloadError> {
        let begin = self.world.instant(step);
        let dt = self.world.step.seconds();
        self.totals.dose += Grays(sky.dose_gy_s[row] * dt.0);
        self.notice(begin, flow, chip_k);
        let running = !self.active.is_empty() && flow.ran > 0.5;
        let strikes = if running { self.strikes(step, row, sky, dt) } else { Vec::new() };
        let failed = self.fail(begin + self.world.step);
        self.renew(begin + self.world.step);
        let busy: f64 = self.active.iter().map(|active| active.share).sum();
        if !self.active.is_empty() {
            self.note.bound = held_by(flow, self.too_hot, busy);
        }
        let stopped = strikes.iter().find(|(_, kind, _)| !self.silent(*kind)).map(|&(at, _, _)| at);
        let stopped = if running { stopped.into_iter().chain(failed).min() } else { None };
        if running {
            self.work(begin, stopped, flow, &strikes)?;
        }
        self.suffer(&strikes)?;
        if let (Some(at), true) = (failed, running) {
            self.restart(at)?;
        }
        let note = self.note;
        self.totals.bound_s[note.bound as usize] += dt.0;
        if note.bound == Bound::Radiation {
            self.totals.reboot_s += dt.0;
        }
        if running {
            self.totals.working_s += busy * flow.duty * dt.0;
            self.totals.accelerator_s += self.accelerators_busy() * flow.duty * dt.0;
            self.totals.clock_s += busy * flow.clock * flow.duty * dt.0;
            self.totals.throttled_s += if note.bound == Bound::Heat { busy * flow.duty * dt.0 } else { 0.0 };
        }
        Ok(note)
    }

    /// Load shedding and thermal shutdown, told once when they begin.
    fn notice(&mut self, at: Instant, flow: &Flow<f64>, chip_k: f64) {
        let starved = !self.active.is_empty() && flow.ran < 0.5;
        let hot = chip_k >= self.design.compute.shutdown_temperature.0;
        self.starving = flow.shed > HELD_BACK;
        let shed = self.starving || (starved && !hot);
        if shed && !self.shedding {
            let detail = if self.starving {
                format!("{:.1} W of essential load not fed", flow.shed)
            } else {
                "accelerators off: array and battery above its floor do not feed them".to_owned()
            };
            self.events.push(event(at, self.index, EventKind::LoadShed, self.note.job, detail));
        }
        if hot && !self.too_hot {
            let detail = format!("chip at {:.1} degC", chip_k - 273.15);
            self.events.push(event(at, self.index, EventKind::ThermalShutdown, self.note.job, detail));
        }
        (self.shedding, self.too_hot) = (shed, hot);
    }

    /// Lets every job at work spend its share of the step.
    fn work(
        &mut self,
        begin: Instant,
        stopped: Option<Instant>,
        flow: &Flow<f64>,
        strikes: &[(Instant, Strike, u64)],
    ) -> Result<(), PayloadError> {
        let mut upsets = self.upsets(strikes);
        for active in std::mem::take(&mut self.active) {
            let struck = upsets.remove(&active.slot).unwrap_or_default();
            self.spend(&active, begin, stopped, flow, &struck)?;
            self.active.push(active);
        }
        Ok(())
    }

    /// Silent strikes by the job they fall on: the longer a job holds the step, the more of them.
    fn upsets(&self, strikes: &[(Instant, Strike, u64)]) -> BTreeMap<usize, Vec<Upset>> {
        let mut all: BTreeMap<usize, Vec<Upset>> = BTreeMap::new();
        for &(_, _, draw) in strikes.iter().filter(|(_, kind, _)| self.silent(*kind)) {
            let held: f64 = self.active.iter().map(|active| active.share).sum();
            let mut point = (draw >> 32) as f64 / f64::from(u32::MAX) * held;
            let hit = self.active.iter().find(|active| {
                point -= active.share;
                point <= 0.0
            });
            if let Some(active) = hit.or(self.active.last()) {
                let memory_corrected = self.design.compute.memory_corrected;
                all.entry(active.slot).or_default().push(Upset { draw, memory_corrected });
            }
        }
        all
    }

    fn spend(
        &mut self,
        active: &Active,
        begin: Instant,
        stopped: Option<Instant>,
        flow: &Flow<f64>,
        upsets: &[Upset],
    ) -> Result<(), PayloadError> {
        let now = begin + self.world.step;
        let dt = (stopped.unwrap_or(now) - begin).seconds();
        let run = &mut self.jobs[active.slot];
        let (index, priority) = (run.index, run.priority);
        let job = &self.world.jobs[index as usize];
        let held = dt * (active.share * flow.duty);
        let fits = held.0 / active.times.at_clock(flow.clock);
        let units = fits.min(run.at_hand);
        let of_share = if fits > 0.0 { (units / fits).min(1.0) } else { 1.0 };
        let after = |share: f64| begin + Span::from_seconds(dt * (active.after + active.share * share));
        let (progress, first, count) = run.advance(units, (after(0.0), after(of_share)), upsets)?;
        run.outcome.busy += held;
        run.defend(held, active.guarded, upsets, &progress.incidents);
        let measured = |loss: &Loss| (now, loss.step, loss.value);
        run.outcome.loss.extend(progress.losses.iter().map(measured));
        run.outcome.validation.extend(progress.validations.iter().map(measured));
        let saved = run.save_if_due(held.0, stopped.is_none());
        let done = run.computed() && run.outcome.finished.is_none();
        if done {
            run.outcome.finished = Some(after(of_share));
        }
        let finished = run.outcome.finished;
        let work = Flops(units * run.flop_per_unit);
        self.note.work += work;
        self.totals.work += work;
        let lost = progress.incidents.iter().map(|incident| incident.units_lost).sum::<f64>();
        self.totals.work_lost += Flops(lost * run.flop_per_unit);
        for incident in &progress.incidents {
            self.events.push(event(now, self.index, EventKind::Alarm, Some(index), told(incident, &job.demand)));
        }
        if saved {
            self.events.push(event(now, self.index, EventKind::Checkpoint, Some(index), String::new()));
        }
        for output in progress.outputs {
            self.send(Item { job: index, cargo: Cargo::Sample(output.text), size: output.size, ready: now }, priority);
        }
        if job.demand.units_total().is_none() && count > 0 {
            let ready = self.jobs[active.slot].passage.computed_at(first + count - 1);
            let size = job.demand.output_per_unit() * count as f64;
            let answers = self.jobs[active.slot].answers_before(first + count);
            self.send(Item { job: index, cargo: Cargo::Units { first, count, answers }, size, ready }, priority);
        }
        if let (true, Some(at)) = (done, finished) {
            self.events.push(event(at, self.index, EventKind::JobFinished, Some(index), String::new()));
            self.send(Item { job: index, cargo: Cargo::Result, size: job.output, ready: at }, priority);
        }
        Ok(())
    }

    /// Whether a strike goes unseen by the hardware.
    fn silent(&self, kind: Strike) -> bool {
        match kind {
            Strike::SilentCorruption => true,
            Strike::UncorrectableMemory => !self.design.compute.memory_corrected,
            Strike::ChipInterrupt | Strike::CpuInterrupt | Strike::RamInterrupt => false,
        }
    }

    /// What radiation does in a step while the accelerators are powered: (instant, kind, random bits), in order of time.
    fn strikes(&self, step: u64, row: usize, sky: &SiteSky, dt: Seconds) -> Vec<(Instant, Strike, u64)> {
        let mut all = Vec::new();
        let dose = sky.proton_gy_s[row] * dt.0 * self.world.upset_multiplier.0;
        if dose <= 0.0 {
            return all;
        }
        let begin = self.world.instant(step);
        for kind in Strike::ALL {
            let parts = match kind {
                Strike::CpuInterrupt | Strike::RamInterrupt => 1.0,
                _ => f64::from(self.in_use()),
            };
            let mean = dose * parts / self.susceptibility.dose_per_event(kind).0;
            let stream = kind.stream(self.world.seed, self.index);
            let count = event_count(&stream, kind, step, mean.min(EVENTS_MEAN_MAX)).expect("a mean within its range");
            for number in 0..count {
                let at = begin + Span::from_seconds(event_time(&stream, kind, step, number, dt));
                let draw = Stream::new(self.world.seed, self.index, Purpose::Strike);
                all.push((at, kind, draw.bits(step << 13 | (kind as u64) << 10 | u64::from(number))));
            }
        }
        all.sort_by_key(|&(at, kind, _)| (at, kind as u8));
        // After the first one that stops the site nothing runs that could be struck.
        let last = all.iter().position(|(_, kind, _)| !self.silent(*kind));
        all.truncate(last.map_or(all.len(), |last| last + 1));
        all
    }

    /// Accelerators that the jobs at work use.
    fn in_use(&self) -> u32 {
        let used =
            |active: &Active| accelerators(&self.world.jobs[self.jobs[active.slot].index as usize], self.working);
        self.active.iter().map(used).max().unwrap_or(0)
    }

    /// Accelerators at work, each job's by its share of the step.
    fn accelerators_busy(&self) -> f64 {
        let used =
            |active: &Active| accelerators(&self.world.jobs[self.jobs[active.slot].index as usize], self.working);
        self.active.iter().map(|active| active.share * f64::from(used(active))).sum()
    }

    /// Reboots and roll-backs that follow from strikes.
    fn suffer(&mut self, strikes: &[(Instant, Strike, u64)]) -> Result<(), PayloadError> {
        for &(at, kind, _) in strikes {
            let job = self.note.job;
            let seen = match kind {
                Strike::SilentCorruption => EventKind::SilentCorruption,
                Strike::UncorrectableMemory if self.silent(kind) => EventKind::SilentCorruption,
                Strike::UncorrectableMemory => EventKind::MemoryError,
                Strike::ChipInterrupt | Strike::CpuInterrupt | Strike::RamInterrupt => EventKind::Interrupt,
            };
            let detail = match kind {
                Strike::ChipInterrupt => "accelerator",
                Strike::CpuInterrupt => "host processor",
                Strike::RamInterrupt => "host memory",
                Strike::SilentCorruption | Strike::UncorrectableMemory => "",
            };
            self.events.push(event(at, self.index, seen, job, detail.to_owned()));
            match seen {
                EventKind::SilentCorruption => self.totals.silent_corruptions += 1,
                EventKind::MemoryError => self.totals.memory_errors += 1,
                _ => self.totals.interrupts += 1,
            }
            if seen != EventKind::SilentCorruption {
                self.restart(at)?;
            }
        }
        Ok(())
    }

    fn restart(&mut self, at: Instant) -> Result<(), PayloadError> {
        self.blocked_until = at + Span::from_seconds(self.design.compute.reboot_time);
        for active in &self.active {
            let run = &mut self.jobs[active.slot];
            if run.computed() {
                continue;
            }
            let lost = run.roll_back()?;
            if lost.0 > 0.0 {
                run.outcome.work_lost += lost;
                self.totals.work_lost += lost;
                self.totals.rollbacks += 1;
                let detail = format!("{lost} thrown away");
                self.events.push(event(at, self.index, EventKind::Rollback, Some(run.index), detail));
            }
        }
        Ok(())
    }

    /// Checks that no data was made or lost in the queues.
    ///
    /// # Panics
    /// If it was: a bug.
    pub(crate) fn assert_data_conserved(&self) {
        let [queued, carried, waiting] = self.down.count();
        assert_eq!(self.totals.made_bits, queued, "site {}: data made is not data queued", self.index);
        assert_eq!(queued, carried + waiting, "site {}: data queued is neither carried nor waiting", self.index);
    }

    /// The job outcomes at the end of the run.
    pub(crate) fn finish(self) -> Vec<(u32, crate::record::JobOutcome)> {
        self.jobs.into_iter().map(|run| (run.index, run.finish())).collect()
    }

    /// Marks progress of every job begun, for the plot of progress over time.
    pub(crate) fn mark_progress(&mut self, at: Instant) {
        for run in self.jobs.iter_mut().filter(|run| run.outcome.started.is_some()) {
            let of = run.units_total.unwrap_or(run.passage.arrived_total() as f64).max(f64::MIN_POSITIVE);
            run.outcome.history.push((at, (run.units / of).min(1.0)));
        }
    }

    /// Time the jobs on this site still need at full clock, units yet to come included.
    pub(crate) fn backlog_s(&self, now: Instant) -> f64 {
        let of = |run: &JobRun| {
            let job = &self.world.jobs[run.index as usize];
            let times = unit_time(job, self.design_index, &self.design.compute, self.working);
            let left = (self.world.end() - now).seconds().0;
            let coming = job.demand.arrivals_per_second().map_or(0.0, |rate| rate * left);
            times.map_or(f64::INFINITY, |times| (run.on_board() + coming) * times.unbound().0)
        };
        self.jobs.iter().map(of).sum()
    }

    /// Highest priority among jobs that may still have something to carry, `None` where there is none.
    pub(crate) fn wanted_priority(&self) -> Option<u8> {
        let open = |run: &&JobRun| run.units_total.is_none() || run.outcome.delivered.is_none();
        self.jobs.iter().filter(open).map(|run| run.priority).max()
    }

    /// How many accelerators each unfinished job here uses.
    pub(crate) fn accelerators_wanted(&self) -> impl Iterator<Item = u32> + '_ {
        let open = self.jobs.iter().filter(|run| !run.computed());
        open.map(|run| accelerators(&self.world.jobs[run.index as usize], self.working))
    }

    /// Whether a job was placed here.
    pub(crate) fn has(&self, job: u32) -> bool {
        self.jobs.iter().any(|run| run.index == job)
    }

    /// Accelerators that have not failed.
    pub(crate) fn working(&self) -> u32 {
        self.working
    }

    pub(crate) fn design(&self) -> &'w Design {
        self.design
    }
}

/// Strikes of one kind that are told apart in a step; more are counted as so many.
const EVENTS_MEAN_MAX: f64 = 500.0;

/// Order of jobs on a site: priority, then deadline, then release, then as written.
pub(crate) fn rank(world: &World, index: u32) -> (std::cmp::Reverse<u8>, i64, Instant, u32) {
    let job = &world.jobs[index as usize];
    (std::cmp::Reverse(job.priority), job.deadline.map_or(i64::MAX, |deadline| deadline.0), job.release, index)
}

/// Instants at which the accelerators of a site that are its `lives`, put to work at `from`, fail for good within the run, latest first.
fn failures(world: &World, site: u32, rate: PerSecond, lives: Range<u64>, from: Instant) -> Vec<Instant> {
    let stream = Stream::new(world.seed, site, Purpose::Fault);
    let run = (world.end() - from).seconds();
    let age = |life: u64| fault_age(&stream, life, rate).expect("a catalog's hazard is finite and not negative");
    let ages = lives.filter_map(age).filter(|&age| age < run);
    let mut all: Vec<Instant> = ages.map(|age| from + Span::from_seconds(age)).collect();
    all.sort_by(|a, b| b.cmp(a));
    all
}

/// How long accelerators last before they are replaced, where a ledger is kept.
fn accelerator_life(design: &Design) -> Option<Seconds> {
    Some(design.cost.as_ref()?.accelerator_life)
}

/// What held the work back; `busy` is the share of the step for which there was work at hand.
fn held_by(flow: &Flow<f64>, too_hot: bool, busy: f64) -> Bound {
    if flow.ran < 0.5 {
        return if too_hot { Bound::Heat } else { Bound::Power };
    }
    let margin = HELD_BACK * flow.wanted;
    if flow.accelerator < flow.granted - margin {
        Bound::Heat
    } else if flow.granted < flow.wanted - margin {
        Bound::Power
    } else if busy < 1.0 - HELD_BACK {
        Bound::Demand
    } else {
        Bound::Compute
    }
}

/// An alarm and what came of it, in words.
fn told(incident: &Incident, demand: &Demand) -> String {
    let at = if matches!(demand, Demand::Training(_)) { "step" } else { "request" };
    let remedy = match incident.remedy {
        Remedy::Recomputed => "computed again".to_owned(),
        Remedy::RolledBack { steps } => format!("rolled back {steps} steps"),
        Remedy::Accepted => "came out alike twice, accepted".to_owned(),
        Remedy::BegunAnew { steps } => format!("begun anew after {steps} steps"),
    };
    let upsets = match incident.upsets_undone {
        0 => String::new(),
        1 => ", 1 upset undone".to_owned(),
        upsets => format!(", {upsets} upsets undone"),
    };
    format!("{} in {at} {}: {remedy}{upsets}", incident.guard, incident.step)
}

fn event(time: Instant, site: u32, kind: EventKind, job: Option<u32>, detail: String) -> Event {
    Event { time, site, kind, job, detail }
}

fn transfer(arrival: &crate::traffic::Arrival, site: u32, station: u32, direction: Direction) -> Transfer {
    Transfer {
        job: arrival.item.job,
        site,
        station,
        direction,
        ready: arrival.item.ready,
        begin: arrival.begin,
        end: arrival.end,
        data: arrival.item.size,
        light: arrival.light.seconds(),
    }
}
