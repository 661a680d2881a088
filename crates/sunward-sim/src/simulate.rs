//! The run: window by window observe, plan, execute, fold.
//!
//! Observing and executing go over the sites in parallel, in fixed blocks; planning and folding are sequential and in order. So
//! the record is the same for any number of threads.

use rayon::prelude::*;
use sunward_astro::station::Station;
use sunward_astro::time::Instant;
use sunward_mission::world::World;
use sunward_units::Kelvin;
use sunward_units::lanes::WIDTH;
use sunward_work::payload::PayloadError;

use crate::almanac::Almanac;
use crate::block::Block;
use crate::blueprint::{Blueprint, SitePlan};
use crate::environment::{Belts, SiteSky, Window, observe};
use crate::fold::{Folder, Run};
use crate::job::PayloadFactory;
use crate::plan::{give_stations, place_jobs, power_cap, wanted_power};
use crate::site::SiteRun;
use crate::{Outcome, SimError};

/// Where a run stands, told after every planning window.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// Mission time reached.
    pub time: Instant,
    /// Steps done.
    pub step: u64,
    /// Steps in all.
    pub steps: u64,
    /// Lowest state of charge of any site now.
    pub state_of_charge_min: f64,
    /// Name of the hottest node now, and its temperature.
    pub hottest: (&'static str, Kelvin),
    /// Highest clock of any site over its boost clock now.
    pub clock: f64,
    /// Mean progress of all jobs that end.
    pub progress: f64,
}

/// What the observer wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// Go on.
    Continue,
    /// Stop now; the run ends with [`SimError::Interrupted`].
    Stop,
}

/// Flies a world to its end.
///
/// # Errors
/// An orbit that decays or diverges, a position outside the radiation model, a payload that fails, an observer that stops the run.
///
/// # Panics
/// If a balance of energy, heat or data does not close: a bug.
pub fn simulate(
    world: &World,
    factory: &PayloadFactory<'_>,
    observer: &mut dyn FnMut(&Status) -> Control,
) -> Result<Outcome, SimError> {
    simulate_with(world, &Almanac::default(), factory, observer)
}

/// As [`simulate`], with the Sun's places of earlier runs: the same record, in less time.
///
/// # Errors
/// As [`simulate`].
///
/// # Panics
/// As [`simulate`].
pub fn simulate_with(
    world: &World,
    almanac: &Almanac,
    factory: &PayloadFactory<'_>,
    observer: &mut dyn FnMut(&Status) -> Control,
) -> Result<Outcome, SimError> {
    // The ends of fibres come last and see no satellite.
    let antennas = world.stations.iter().take_while(|station| station.fibre_of.is_none());
    let stations: Vec<Station> = antennas.map(|station| station.mast).collect();
    let mut blocks: Vec<Block<'_>> =
        (0..world.sites.len()).step_by(WIDTH).map(|first| Block::new(world, first as u32)).collect();
    let mut placed = vec![false; world.jobs.len()];
    let mut folder = Folder::new(world);
    let mut begin = 0;
    let mut belts = Belts::new(world, world.start)?;
    let mut ahead = Some(look(world, almanac, begin, &belts, &stations)?);
    while let Some((window, skies)) = ahead {
        let end = window.end;
        belts = belts.at(world, world.instant(end))?;
        ahead = if end < world.steps { Some(look(world, almanac, end, &belts, &stations)?) } else { None };
        let next = ahead.as_ref().map(|(_, skies)| skies.as_slice());
        let blueprint = plan(world, &blocks, &window, &skies, next, &mut placed);
        folder.window(&window, &skies);
        execute(&mut blocks, &blueprint, &skies, factory)?;
        folder.executed(world.instant(end), &mut blocks);
        begin = end;
        if observer(&status(world, &blocks, begin)) == Control::Stop {
            return Err(SimError::Interrupted { time: world.instant(begin) });
        }
    }
    Ok(folder.finish(Run { world, blocks }))
}

/// The window that begins at `begin`, with what every site sees during it.
fn look(
    world: &World,
    almanac: &Almanac,
    begin: u64,
    belts: &Belts,
    stations: &[Station],
) -> Result<(Window, Vec<SiteSky>), SimError> {
    let end = (begin + world.planning_steps).min(world.steps);
    let window = Window::new(world, almanac, begin, end);
    let skies = (0..world.sites.len() as u32)
        .into_par_iter()
        .map(|site| observe(world, &window, belts, site, stations))
        .collect::<Result<_, _>>()?;
    Ok((window, skies))
}

fn plan(
    world: &World,
    blocks: &[Block<'_>],
    window: &Window,
    skies: &[SiteSky],
    next: Option<&[SiteSky]>,
    placed: &mut [bool],
) -> Blueprint {
    let sites: Vec<&SiteRun<'_>> = blocks.iter().flat_map(|block| &block.sites).collect();
    let arriving = place_jobs(world, &sites, placed, window.start(), window.stop());
    let slots = give_stations(world, &sites, skies, &arriving);
    let ask = |site: usize| {
        let state = blocks[site / WIDTH].state.get(site % WIDTH);
        (sites[site].design(), state, wanted_power(world, sites[site], &arriving[site]))
    };
    let asks: Vec<_> = (0..sites.len()).map(ask).collect();
    let caps: Vec<_> = asks
        .par_iter()
        .enumerate()
        .map(|(site, (design, state, wanted))| {
            let horizon: Vec<&SiteSky> = std::iter::once(&skies[site]).chain(next.map(|next| &next[site])).collect();
            power_cap(design, state, *wanted, &horizon, world.step)
        })
        .collect();
    let of_sites = arriving.into_iter().zip(slots).zip(caps);
    let plans = of_sites.map(|((arriving, slots), (power_cap, work_in_shadow))| SitePlan {
        arriving,
        power_cap,
        work_in_shadow,
        slots,
    });
    Blueprint { begin: window.begin, end: window.end, sites: plans.collect() }
}

fn execute(
    blocks: &mut [Block<'_>],
    blueprint: &Blueprint,
    skies: &[SiteSky],
    factory: &PayloadFactory<'_>,
) -> Result<(), SimError> {
    let failed = |source: PayloadError| SimError::Payload { source };
    blocks
        .par_iter_mut()
        .zip(blueprint.sites.par_chunks(WIDTH))
        .zip(skies.par_chunks(WIDTH))
        .try_for_each(|((block, plans), skies)| block.run(blueprint.begin..blueprint.end, plans, skies, factory))
        .map_err(failed)
}

fn status(world: &World, blocks: &[Block<'_>], step: u64) -> Status {
    let sites = || blocks.iter().flat_map(|block| (0..block.sites.len()).map(move |lane| (block, lane)));
    let charge = |(block, lane): (&Block<'_>, usize)| block.state_of_charge(lane);
    let nodes = sites().flat_map(|(block, lane)| {
        let state = block.state.get(lane);
        [("chip", state.chip), ("board", state.board), ("bus", state.bus), ("radiator", state.radiator)]
    });
    let hottest = nodes.max_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or(("chip", 0.0));
    let ending = blocks.iter().flat_map(|block| &block.sites).flat_map(|site| &site.jobs);
    let done: f64 = ending.filter_map(|run| Some(run.units / run.units_total?)).sum();
    let jobs = world.jobs.iter().filter(|job| job.demand.units_total().is_some()).count();
    Status {
        time: world.instant(step),
        step,
        steps: world.steps,
        state_of_charge_min: sites().map(charge).fold(f64::INFINITY, f64::min),
        hottest: (hottest.0, Kelvin(hottest.1)),
        clock: sites().map(|(block, lane)| block.last_clock(lane)).fold(0.0, f64::max),
        progress: if jobs == 0 { 0.0 } else { done / jobs as f64 },
    }
}
