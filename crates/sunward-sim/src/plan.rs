//! The scheduler: at every planning instant it looks over the eclipses and passes ahead and writes a [`Blueprint`].
//!
//! Three decisions, in this order. *Jobs*: those not yet placed go, by rank, to the site where they would be done first; one that
//! continues from another goes where that is.
//! *Stations*: passes are given by rank of the data that waits, then by rise; a station serves as many sites as it has antennas,
//! a site talks to one station at a time. *Power*: each site gets the largest constant power for its accelerators that keeps the
//! battery above its floor over this window and the next. Work grows more slowly than power (the clock's curve is concave), so
//! a steady power does more work than the same energy in bursts.
//!
//! **Not modelled** in the forecast: the heat limit (a site that throttles leaves energy over), heater and transmitter, the
//! battery's lowest charge temperature. A job once placed stays where it is.

use sunward_astro::time::{Instant, Span};
use sunward_mission::world::{Design, Job, World};
use sunward_plant::accelerator::PowerCurve;
use sunward_plant::power::{PowerNetwork, Store, array_output};
use sunward_units::Watts;

use crate::blueprint::Slot;
use crate::environment::SiteSky;
use crate::job::{accelerators, unit_time};
use crate::plant::State;
use crate::site::{SiteRun, rank};

/// Bisections of the power: 2^-20 of the full power is below a milliwatt per kilowatt.
const BISECTIONS: usize = 20;

/// Jobs that come to each site with the window that ends at `end`, `[site][..]`; marks them as placed.
pub(crate) fn place_jobs(
    world: &World,
    sites: &[&SiteRun<'_>],
    placed: &mut [bool],
    now: Instant,
    end: Instant,
) -> Vec<Vec<u32>> {
    let mut arriving = vec![Vec::new(); sites.len()];
    let mut backlog: Vec<f64> = sites.iter().map(|site| site.backlog_s(now)).collect();
    let mut open: Vec<u32> = (0..world.jobs.len() as u32)
        .filter(|&job| !placed[job as usize] && world.jobs[job as usize].release < end)
        .collect();
    // What a job continues from is placed before it, whatever their ranks.
    open.sort_by_key(|&job| (generation(world, job), rank(world, job)));
    for index in open {
        let job = &world.jobs[index as usize];
        let holds = |site: usize, base: u32| arriving[site].contains(&base) || sites[site].has(base);
        // One job is done once: it cannot be on a site that stands for several.
        let allowed = |site: usize| match job.site {
            Some(wanted) => wanted as usize == site,
            None => world.sites[site].stands_for == 1,
        };
        let eligible = |site: usize| allowed(site) && job.after.is_none_or(|base| holds(site, base));
        let finish = |site: usize| Some((backlog[site] + job_time(world, job, sites[site])?, site));
        let best =
            (0..sites.len()).filter(|&site| eligible(site)).filter_map(finish).min_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((time, site)) = best {
            backlog[site] = time;
            arriving[site].push(index);
            placed[index as usize] = true;
        }
    }
    arriving
}

/// How many jobs come one after the other before this one.
fn generation(world: &World, job: u32) -> usize {
    std::iter::successors(world.jobs[job as usize].after, |&base| world.jobs[base as usize].after).count()
}

/// Time a whole job would hold a site at full clock, `None` if it cannot run there.
fn job_time(world: &World, job: &Job, site: &SiteRun<'_>) -> Option<f64> {
    let design_index = world.sites[site.index as usize].design;
    let design = site.design();
    if site.working() < job.accelerators || job.unfit(design_index as usize, design).is_some() {
        return None;
    }
    let unit = unit_time(job, design_index, &design.compute, site.working())?.unbound().0;
    let left = (world.end() - job.release).seconds().0;
    let units = job.demand.units_total().or_else(|| Some(job.demand.arrivals_per_second()? * left))?;
    Some(units * unit)
}

/// Stations given to each site over a window, `[site][..]` in order of time.
pub(crate) fn give_stations(
    world: &World,
    sites: &[&SiteRun<'_>],
    skies: &[SiteSky],
    arriving: &[Vec<u32>],
) -> Vec<Vec<Slot>> {
    let mut asks = Vec::new();
    for (site, sky) in skies.iter().enumerate() {
        let coming = arriving[site].iter().map(|&job| world.jobs[job as usize].priority).max();
        if let Some(priority) = sites[site].wanted_priority().max(coming) {
            asks.extend(sky.passes.iter().enumerate().map(|(pass, contact)| (priority, contact, site, pass as u32)));
        }
    }
    asks.sort_by_key(|&(priority, contact, site, _)| (std::cmp::Reverse(priority), contact.rise, site));
    let mut antennas: Vec<Vec<Busy>> =
        world.stations.iter().map(|station| vec![Busy::default(); station.antennas as usize]).collect();
    let mut radios: Vec<Busy> = vec![Busy::default(); sites.len()];
    let mut slots: Vec<Vec<Slot>> = vec![Vec::new(); sites.len()];
    for (_, contact, site, pass) in asks {
        let station = contact.station.0;
        let free = |antenna: &Busy| longest_gap(contact.rise, contact.set, &radios[site], antenna);
        let offers = antennas[station as usize].iter().map(free).enumerate();
        let Some((antenna, (begin, end))) =
            offers.max_by_key(|(index, gap)| (gap.1 - gap.0, std::cmp::Reverse(*index)))
        else {
            continue;
        };
        if end > begin {
            antennas[station as usize][antenna].take(begin, end);
            radios[site].take(begin, end);
            slots[site].push(Slot { station, begin, end, pass });
        }
    }
    for of_site in &mut slots {
        of_site.sort_by_key(|slot| slot.begin);
    }
    slots
}

/// Intervals already given away, in order.
#[derive(Debug, Clone, Default)]
struct Busy(Vec<(Instant, Instant)>);

impl Busy {
    fn take(&mut self, begin: Instant, end: Instant) {
        let at = self.0.partition_point(|&(other, _)| other < begin);
        self.0.insert(at, (begin, end));
    }
}

/// Longest part of `begin..end` that neither has given away; empty at `begin` if there is none.
fn longest_gap(begin: Instant, end: Instant, one: &Busy, other: &Busy) -> (Instant, Instant) {
    let overlaps = |&&(from, to): &&(Instant, Instant)| from < end && to > begin;
    let mut taken: Vec<(Instant, Instant)> = one.0.iter().chain(&other.0).filter(overlaps).copied().collect();
    taken.sort();
    let (mut best, mut at) = ((begin, begin), begin);
    for (from, to) in taken.into_iter().chain([(end, end)]) {
        let gap = (at, from.min(end));
        if gap.1 - gap.0 > best.1 - best.0 {
            best = gap;
        }
        at = at.max(to);
    }
    best
}

/// Largest steady power of a site's accelerators that keeps its battery above the floor over the given skies, and whether they work
/// in the shadow too: where not even the lowest clock lasts through it, they work in sunlight only.
pub(crate) fn power_cap(
    design: &Design,
    state: &State<f64>,
    wanted_w: f64,
    skies: &[&SiteSky],
    step: Span,
) -> (Watts, bool) {
    let dt_s = step.seconds().0;
    let forecast = Forecast::new(design, state);
    let floor = wanted_w * lowest_power_share(design);
    for in_shadow in [true, false] {
        let lasts = |power: f64| forecast.lasts(power, in_shadow, skies, dt_s);
        if lasts(wanted_w) {
            return (Watts(wanted_w), in_shadow);
        }
        if lasts(floor) {
            return (Watts(bisect(floor, wanted_w, lasts)), in_shadow);
        }
    }
    // Nothing lasts: take what the array leaves once the battery is back at its floor.
    (Watts(wanted_w), false)
}

/// The largest value that holds, between one that does and one that does not.
fn bisect(mut low: f64, mut high: f64, holds: impl Fn(f64) -> bool) -> f64 {
    for _ in 0..BISECTIONS {
        let middle = 0.5 * (low + high);
        if holds(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}

/// Power of an accelerator at its lowest clock over its full power, compute and memory busy.
fn lowest_power_share(design: &Design) -> f64 {
    let compute = &design.compute;
    let curve = PowerCurve {
        idle: compute.idle_power.0,
        full: compute.power.0,
        voltage_floor: compute.voltage_floor.0,
        clock_floor: compute.clock_floor.0,
        memory_share: compute.memory_power_share.0,
        compute_activity: 1.0,
        memory_activity: 1.0,
    };
    curve.power_floor() / compute.power.0
}

/// The electrical half of a site, run ahead without heat.
struct Forecast<'a> {
    design: &'a Design,
    network: PowerNetwork<f64>,
    store: Store<f64>,
    efficiency: f64,
    emission: f64,
}

impl<'a> Forecast<'a> {
    fn new(design: &'a Design, state: &State<f64>) -> Self {
        let (battery, power) = (&design.battery, &design.power);
        let capacity = battery.energy.0 * state.health;
        Self {
            design,
            network: PowerNetwork {
                array_regulator: power.array_regulator.0,
                battery_regulator: power.battery_regulator.0,
                distribution: power.distribution.0,
                battery_charge: battery.charge_efficiency.0,
                battery_discharge: battery.discharge_efficiency.0,
                charge_max: (battery.charge_rate_max.0) * battery.energy.0,
                discharge_max: (battery.discharge_rate_max.0) * battery.energy.0,
            },
            store: Store { energy: state.stored, capacity, floor: capacity * (1.0 - battery.depth_of_discharge_max.0) },
            efficiency: state.array_efficiency,
            emission: crate::build::array_emission(design),
        }
    }

    /// Whether the battery stays above its floor under a steady accelerator power.
    fn lasts(&self, power: f64, in_shadow: bool, skies: &[&SiteSky], dt_s: f64) -> bool {
        let (bus, compute) = (self.design.power.bus_load.0, &self.design.compute);
        let (working, resting) = (bus + compute.host_power.0 + power, bus + compute.host_idle_power.0);
        let mut store = self.store;
        for sky in skies {
            for (&irradiance, &absorbed) in sky.array_irradiance.iter().zip(&sky.array_absorbed) {
                let lit = irradiance > 0.0 || self.design.supply.is_some();
                let load = if in_shadow || lit { working } else { resting };
                let step = self.network.settle(self.array(irradiance, absorbed), &store, load, dt_s);
                store.energy += step.stored * dt_s;
                // Below the floor at the start is no fault of the plan; falling further is.
                if (store.energy < store.floor && step.stored < 0.0) || step.unserved > 0.0 {
                    return false;
                }
            }
        }
        true
    }

    /// Array output with the cells at the temperature at which they radiate what they absorb and do not convert.
    fn array(&self, irradiance: f64, absorbed: f64) -> f64 {
        if let Some(supply) = &self.design.supply {
            return supply.capacity.0;
        }
        let array = &self.design.array;
        let converted = irradiance * array.area.0 * self.efficiency;
        let temperature = ((absorbed - converted).max(0.0) / self.emission).sqrt().sqrt();
        array_output(irradiance, array.area.0, self.efficiency, array.temperature_coefficient.0, temperature)
    }
}

/// Accelerator power a site's jobs could use, W.
pub(crate) fn wanted_power(world: &World, site: &SiteRun<'_>, arriving: &[u32]) -> f64 {
    let compute = &site.design().compute;
    let coming = arriving.iter().map(|&job| accelerators(&world.jobs[job as usize], site.working()));
    let used = coming.chain(site.accelerators_wanted()).max().unwrap_or(0);
    f64::from(used) * compute.power.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Instant {
        Instant(second)
    }

    #[test]
    fn the_longest_gap_avoids_both_calendars() {
        let mut radio = Busy::default();
        radio.take(at(10), at(20));
        let mut antenna = Busy::default();
        antenna.take(at(50), at(60));
        antenna.take(at(0), at(5));
        assert_eq!(longest_gap(at(0), at(100), &radio, &antenna), (at(60), at(100)));
        assert_eq!(longest_gap(at(12), at(58), &radio, &antenna), (at(20), at(50)));
        assert_eq!(longest_gap(at(11), at(19), &radio, &antenna), (at(11), at(11)));
        assert_eq!(longest_gap(at(20), at(50), &radio, &antenna), (at(20), at(50)));
    }
}
