//! Eight sites that advance together: their plant in lanes, their jobs and data one by one.

use std::ops::Range;

use sunward_astro::frames::Geodetic;
use sunward_mission::world::World;
use sunward_units::lanes::{Lanes, Real, WIDTH};
use sunward_units::{Bits, BitsPerSecond, Flops, FlopsPerSecond, Grays, Kelvin, Ratio, Watts};
use sunward_work::payload::PayloadError;

use crate::blueprint::SitePlan;
use crate::build::{initial_state, new_state, plant};
use crate::environment::SiteSky;
use crate::job::PayloadFactory;
use crate::plant::{Command, Flow, Plant, Sky, State, step};
use crate::record::{Bound, FleetTrack, Track};
use crate::site::{SiteRun, StepNote};

/// Largest residual of the bus energy balance, relative to the powers in it.
const ENERGY_TOLERANCE: f64 = 1e-9;
/// Largest residual of the heat balance, relative to the flows and stored heat it is the difference of.
const HEAT_TOLERANCE: f64 = 1e-10;
/// Rows of progress kept of a job over a run.
const PROGRESS_MARKS: u64 = 500;

/// Running totals of the plant, lane by lane: integrals over time (J) and extremes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sums {
    pub(crate) available: Lanes,
    pub(crate) used: Lanes,
    pub(crate) accelerator: Lanes,
    pub(crate) host: Lanes,
    pub(crate) load: Lanes,
    pub(crate) losses: Lanes,
    pub(crate) stored: Lanes,
    pub(crate) throughput: Lanes,
    pub(crate) absorbed: Lanes,
    pub(crate) radiated: Lanes,
    pub(crate) dark_s: Lanes,
    pub(crate) charge_min: Lanes,
    pub(crate) chip_max: Lanes,
    pub(crate) board_max: Lanes,
    pub(crate) radiator_max: Lanes,
    pub(crate) bus_min: Lanes,
    pub(crate) energy_residual: f64,
    pub(crate) heat_residual: f64,
}

impl Sums {
    fn new() -> Self {
        let (zero, high) = (Lanes::default(), Lanes::splat(f64::INFINITY));
        Self {
            available: zero,
            used: zero,
            accelerator: zero,
            host: zero,
            load: zero,
            losses: zero,
            stored: zero,
            throughput: zero,
            absorbed: zero,
            radiated: zero,
            dark_s: zero,
            charge_min: high,
            chip_max: zero,
            board_max: zero,
            radiator_max: zero,
            bus_min: high,
            energy_residual: 0.0,
            heat_residual: 0.0,
        }
    }

    fn add(&mut self, flow: &Flow<Lanes>, state: &State<Lanes>, charge: Lanes, light: Lanes, dt_s: f64) {
        self.available = self.available + flow.array_available * dt_s;
        self.used = self.used + flow.array_used * dt_s;
        self.accelerator = self.accelerator + flow.accelerator * dt_s;
        self.host = self.host + flow.host * dt_s;
        self.load = self.load + flow.load * dt_s;
        self.losses = self.losses + flow.losses * dt_s;
        self.stored = self.stored + flow.stored * dt_s;
        self.throughput = self.throughput + flow.throughput * dt_s;
        self.absorbed = self.absorbed + flow.absorbed * dt_s;
        self.radiated = self.radiated + flow.radiated * dt_s;
        self.dark_s = self.dark_s + (Lanes::splat(1.0) - light) * dt_s;
        self.charge_min = self.charge_min.min(charge);
        self.chip_max = self.chip_max.max(state.chip);
        self.board_max = self.board_max.max(state.board);
        self.radiator_max = self.radiator_max.max(state.radiator);
        self.bus_min = self.bus_min.min(state.bus);
    }

    /// Checks the balances of a step and remembers the worst residuals.
    ///
    /// # Panics
    /// If a balance does not close: a bug.
    fn check(&mut self, flow: &Flow<Lanes>) {
        let energy = flow.array_used.abs() + flow.load + flow.losses + flow.stored.abs() + 1.0;
        let energy = (flow.energy_residual / energy).largest();
        assert!(energy <= ENERGY_TOLERANCE, "the energy balance of a step does not close: {energy:e}");
        let heat = (flow.heat_residual / flow.heat_magnitude).largest();
        assert!(heat <= HEAT_TOLERANCE, "the heat balance of a step does not close: {heat:e}");
        self.energy_residual = self.energy_residual.max(energy);
        self.heat_residual = self.heat_residual.max(heat);
    }
}

/// A site recorded in full: its track and the row in the making.
pub(crate) struct Recorder {
    pub(crate) track: Track,
    sums: RowSums,
}

/// Sums over the steps of a row.
#[derive(Debug, Clone, Copy, Default)]
struct RowSums {
    steps: f64,
    illumination: f64,
    available: f64,
    used: f64,
    load: f64,
    accelerator: f64,
    clock: f64,
    work: Flops,
    dose: f64,
    down: Bits,
    up: Bits,
    bound: [u32; Bound::ALL.len()],
}

/// Up to [`WIDTH`] sites.
pub(crate) struct Block<'w> {
    world: &'w World,
    pub(crate) sites: Vec<SiteRun<'w>>,
    plant: Plant<Lanes>,
    pub(crate) state: State<Lanes>,
    clock: Lanes,
    pub(crate) sums: Sums,
    pub(crate) recorders: Vec<Option<Recorder>>,
    pub(crate) fleet: FleetTrack,
    fleet_row: FleetRow,
}

/// Sums over the steps and sites of a row.
#[derive(Debug, Clone, Copy)]
struct FleetRow {
    steps: u64,
    used: f64,
    load: f64,
    work: f64,
    down: f64,
    charge_min: f64,
    chip_max: f64,
}

impl FleetRow {
    const EMPTY: Self =
        Self { steps: 0, used: 0.0, load: 0.0, work: 0.0, down: 0.0, charge_min: f64::INFINITY, chip_max: 0.0 };
}

impl<'w> Block<'w> {
    /// The block whose first site is `first`. Lanes beyond the last site repeat it, idle and unbooked.
    pub(crate) fn new(world: &'w World, first: u32) -> Self {
        let last = world.sites.len() as u32 - 1;
        let indices: Vec<u32> = (first..=last.min(first + WIDTH as u32 - 1)).collect();
        let design = |lane: usize| world.design((first as usize + lane).min(last as usize));
        let mut plants = Plant::fill(&plant(design(0)));
        let mut state = State::fill(&initial_state(design(0)));
        for lane in 1..WIDTH {
            plants.put(lane, &plant(design(lane)));
            state.put(lane, &initial_state(design(lane)));
        }
        let recorder = |&site: &u32| {
            let track = Track { site, ..Track::default() };
            world.recorded.contains(&site).then(|| Recorder { track, sums: RowSums::default() })
        };
        Self {
            world,
            recorders: indices.iter().map(recorder).collect(),
            sites: indices.iter().map(|&site| SiteRun::new(world, site)).collect(),
            plant: plants,
            state,
            clock: Lanes::default(),
            sums: Sums::new(),
            fleet: FleetTrack::default(),
            fleet_row: FleetRow::EMPTY,
        }
    }

    /// Executes a window.
    pub(crate) fn run(
        &mut self,
        steps: Range<u64>,
        plans: &[SitePlan],
        skies: &[SiteSky],
        factory: &PayloadFactory<'_>,
    ) -> Result<(), PayloadError> {
        let now = self.world.instant(steps.start);
        for (site, plan) in self.sites.iter_mut().zip(plans) {
            site.take(plan, factory, now)?;
        }
        let dt_s = self.world.step.seconds().0;
        for (row, step) in steps.enumerate() {
            self.step(step, row, skies, dt_s)?;
        }
        self.sites.iter().for_each(SiteRun::assert_data_conserved);
        Ok(())
    }

    fn step(&mut self, index: u64, row: usize, skies: &[SiteSky], dt_s: f64) -> Result<(), PayloadError> {
        let (sky, light) = self.gather(row, skies);
        let first = self.sites[0].command(index, row, &skies[0]);
        let mut command = Command::fill(&Command { run: 0.0, ..first });
        command.put(0, &first);
        for (lane, (site, sky)) in self.sites.iter_mut().zip(skies).enumerate().skip(1) {
            command.put(lane, &site.command(index, row, sky));
        }
        let chip_before = self.state.chip;
        let (next, flow) = step(&self.plant, &self.state, &sky, &command, dt_s);
        self.state = next;
        self.clock = flow.clock * flow.duty;
        self.sums.check(&flow);
        let charge = state_of_charge(self.state.stored, self.plant.battery_energy * self.state.health);
        self.sums.add(&flow, &self.state, charge, light, dt_s);

        let (mut lit, mut working) = (0, 0);
        for (lane, sky) in skies.iter().enumerate() {
            let of_lane = flow.get(lane);
            let note = self.sites[lane].account(index, row, sky, &of_lane, chip_before.0[lane])?;
            let stands_for = self.world.sites[self.sites[lane].index as usize].stands_for;
            let units = f64::from(stands_for);
            lit += stands_for * u32::from(light.0[lane] > 0.0);
            working += stands_for * u32::from(note.job.is_some() && of_lane.ran > 0.5);
            self.record(lane, row, sky, &of_lane, &note);
            let fleet = &mut self.fleet_row;
            fleet.used += units * of_lane.array_used;
            fleet.load += units * of_lane.load;
            fleet.work += units * note.work.0;
            fleet.down += units * note.down.0;
            fleet.charge_min = fleet.charge_min.min(charge.0[lane]);
            fleet.chip_max = fleet.chip_max.max(self.state.chip.0[lane]);
            if self.sites[lane].take_renewed() {
                self.state.put(lane, &new_state(self.sites[lane].design()));
            }
        }
        self.fleet_row.steps += 1;
        if self.row_ends(index) {
            self.end_row(index, skies, row, lit, working);
        }
        if (index + 1).is_multiple_of((self.world.steps / PROGRESS_MARKS).max(1)) {
            let at = self.world.instant(index + 1);
            self.sites.iter_mut().for_each(|site| site.mark_progress(at));
        }
        Ok(())
    }

    /// What shines on each lane in a step, and the share of sunlight.
    fn gather(&self, row: usize, skies: &[SiteSky]) -> (Sky<Lanes>, Lanes) {
        let mut sky = Sky {
            array_irradiance: Lanes::default(),
            array_absorbed: Lanes::default(),
            radiator_absorbed: Lanes::default(),
        };
        let mut light = Lanes::default();
        for lane in 0..WIDTH {
            let of_site = &skies[lane.min(skies.len() - 1)];
            sky.array_irradiance.0[lane] = of_site.array_irradiance[row];
            sky.array_absorbed.0[lane] = of_site.array_absorbed[row];
            sky.radiator_absorbed.0[lane] = of_site.radiator_absorbed[row];
            light.0[lane] = of_site.illumination[row];
        }
        (sky, light)
    }

    fn row_ends(&self, index: u64) -> bool {
        (index + 1).is_multiple_of(self.world.record_every) || index + 1 == self.world.steps
    }

    fn record(&mut self, lane: usize, row: usize, sky: &SiteSky, flow: &Flow<f64>, note: &StepNote) {
        let Some(recorder) = &mut self.recorders[lane] else { return };
        let sums = &mut recorder.sums;
        sums.steps += 1.0;
        sums.illumination += sky.illumination[row];
        sums.available += flow.array_available;
        sums.used += flow.array_used;
        sums.load += flow.load;
        sums.accelerator += flow.accelerator;
        sums.clock += flow.clock * flow.duty;
        sums.work += note.work;
        sums.dose += sky.dose_gy_s[row];
        sums.down += note.down;
        sums.up += note.up;
        sums.bound[note.bound as usize] += 1;
        if recorder.track.job.len() == recorder.track.time.len() {
            recorder.track.job.push(note.job);
        }
    }

    fn end_row(&mut self, index: u64, skies: &[SiteSky], row: usize, lit: u32, working: u32) {
        let at = self.world.instant(index + 1);
        let dt_s = self.world.step.seconds().0;
        for (lane, recorder) in self.recorders.iter_mut().enumerate() {
            let Some(Recorder { track, sums }) = recorder else { continue };
            let state = self.state.get(lane);
            let place = Geodetic::from_earth_fixed(skies[lane].position_at_end(row));
            let mean = |sum: f64| sum / sums.steps;
            let per_second = |sum: f64| sum / (sums.steps * dt_s);
            track.time.push(at);
            track.latitude.push(place.latitude);
            track.longitude.push(place.longitude);
            track.altitude.push(place.height);
            track.illumination.push(Ratio(mean(sums.illumination)));
            track.array_available.push(Watts(mean(sums.available)));
            track.array_used.push(Watts(mean(sums.used)));
            track.load.push(Watts(mean(sums.load)));
            track.accelerator.push(Watts(mean(sums.accelerator)));
            track
                .state_of_charge
                .push(Ratio(state_of_charge(state.stored, self.plant.battery_energy.0[lane] * state.health)));
            track.chip.push(Kelvin(state.chip));
            track.board.push(Kelvin(state.board));
            track.bus.push(Kelvin(state.bus));
            track.radiator.push(Kelvin(state.radiator));
            track.array.push(Kelvin(state.array));
            track.clock.push(Ratio(mean(sums.clock)));
            track.work_rate.push(FlopsPerSecond(per_second(sums.work.0)));
            track.bound.push(most_frequent(&sums.bound));
            track.dose.push(Grays(mean(sums.dose)));
            track.downlink.push(BitsPerSecond(per_second(sums.down.0)));
            track.uplink.push(BitsPerSecond(per_second(sums.up.0)));
            *sums = RowSums::default();
        }
        let (fleet, sums) = (&mut self.fleet, &self.fleet_row);
        let steps = sums.steps as f64;
        fleet.time.push(at);
        fleet.sites_lit.push(lit);
        fleet.sites_working.push(working);
        fleet.array_used.push(Watts(sums.used / steps));
        fleet.load.push(Watts(sums.load / steps));
        fleet.state_of_charge_min.push(Ratio(sums.charge_min));
        fleet.chip_max.push(Kelvin(sums.chip_max));
        fleet.work_rate.push(FlopsPerSecond(sums.work / (steps * dt_s)));
        fleet.downlink.push(BitsPerSecond(sums.down / (steps * dt_s)));
        self.fleet_row = FleetRow::EMPTY;
    }

    pub(crate) fn state_of_charge(&self, lane: usize) -> f64 {
        state_of_charge(self.state.stored.0[lane], self.plant.battery_energy.0[lane] * self.state.health.0[lane])
    }

    pub(crate) fn last_clock(&self, lane: usize) -> f64 {
        self.clock.0[lane]
    }

    pub(crate) fn energy_new(&self, lane: usize) -> f64 {
        self.plant.battery_energy.0[lane]
    }
}

/// Stored energy over what the battery can hold; 0 for one that is worn out.
fn state_of_charge<T: Real>(stored: T, capacity: T) -> T {
    stored / capacity.max(T::splat(f64::MIN_POSITIVE))
}

/// What bound the work in most steps of a row, the first in the order of codes among equals.
fn most_frequent(counts: &[u32]) -> Bound {
    let best = counts.iter().enumerate().rev().max_by_key(|&(_, count)| count).map_or(0, |(code, _)| code);
    Bound::ALL[best]
}
