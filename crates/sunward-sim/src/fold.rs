//! Folds what blocks did into the record and the summary, sequentially and in the order of the sites.

use sunward_astro::eclipse::Eclipse;
use sunward_astro::time::Instant;
use sunward_mission::world::{Job, World};
use sunward_units::{Bits, Flops, Grays, Joules, Kelvin, Ratio, Seconds};

use crate::Outcome;
use crate::block::Block;
use crate::environment::{SiteSky, Window};
use crate::job::waiting;
use crate::money::Books;
use crate::record::{
    Bound, ContactPass, DefenceOutcome, Event, EventKind, FleetTrack, Header, JobOutcome, JobState, Record, SiteInfo,
    StationInfo,
};
use crate::site::SiteRun;
use crate::summary::{Balance, Data, Energy, Heat, Radiation, Summary, Work};

/// What a run leaves in memory at its end.
pub(crate) struct Run<'w> {
    pub(crate) world: &'w World,
    pub(crate) blocks: Vec<Block<'w>>,
}

/// Gathers the record window by window.
pub(crate) struct Folder<'w> {
    world: &'w World,
    contacts: Vec<ContactPass>,
    /// Index into `contacts` of every pass of the present window, `[site][pass]`.
    passes: Vec<Vec<usize>>,
    /// The last pass of every (site, station) pair that was cut by the end of a window.
    open: Vec<(u32, u32, usize)>,
    events: Vec<Event>,
    fleet: FleetTrack,
    books: Option<Books<'w>>,
}

impl<'w> Folder<'w> {
    pub(crate) fn new(world: &'w World) -> Self {
        Self {
            world,
            contacts: Vec::new(),
            passes: Vec::new(),
            open: Vec::new(),
            events: Vec::new(),
            fleet: FleetTrack::default(),
            books: Books::open(world),
        }
    }

    /// Takes down a window's passes and eclipses before it is executed.
    pub(crate) fn window(&mut self, window: &Window, skies: &[SiteSky]) {
        self.passes.clear();
        let mut open = Vec::new();
        for (site, sky) in skies.iter().enumerate() {
            let site = site as u32;
            let indices = sky.passes.iter().map(|pass| {
                let cut = |&&(of, station, _): &&(u32, u32, usize)| of == site && station == pass.station.0;
                let goes_on = self.open.iter().find(cut).filter(|_| pass.rise == window.start());
                let index = match goes_on {
                    Some(&(_, _, index)) => {
                        let known = &mut self.contacts[index];
                        known.set = pass.set;
                        if pass.elevation_max > known.elevation_max {
                            (known.elevation_max, known.culmination) = (pass.elevation_max, pass.culmination);
                        }
                        index
                    }
                    None => {
                        self.contacts.push(ContactPass {
                            site,
                            station: pass.station.0,
                            rise: pass.rise,
                            culmination: pass.culmination,
                            set: pass.set,
                            elevation_max: pass.elevation_max,
                            used: false,
                            down: Bits::ZERO,
                            up: Bits::ZERO,
                        });
                        self.contacts.len() - 1
                    }
                };
                if pass.set == window.stop() {
                    open.push((site, pass.station.0, index));
                }
                index
            });
            let indices: Vec<usize> = indices.collect();
            self.passes.push(indices);
            self.events.extend(sky.eclipses.iter().flat_map(|eclipse| edges(site, eclipse, window)));
        }
        self.open = open;
    }

    /// Takes down what the blocks did in the window that ends at `end`.
    pub(crate) fn executed(&mut self, end: Instant, blocks: &mut [Block<'_>]) {
        if let Some(books) = &mut self.books {
            books.window(end, blocks);
        }
        let rows = blocks.first().map_or(0, |block| block.fleet.time.len());
        for row in 0..rows {
            self.fold_row(row, blocks);
        }
        for block in blocks {
            block.fleet = FleetTrack::default();
            for site in &mut block.sites {
                self.events.append(&mut site.events);
                for (pass, down, up) in site.pass_bits.drain(..) {
                    let contact = &mut self.contacts[self.passes[site.index as usize][pass as usize]];
                    contact.used = true;
                    contact.down += down;
                    contact.up += up;
                }
            }
        }
    }

    fn fold_row(&mut self, row: usize, blocks: &[Block<'_>]) {
        let fleet = &mut self.fleet;
        fleet.time.push(blocks[0].fleet.time[row]);
        let parts = || blocks.iter().map(|block| &block.fleet);
        fleet.sites_lit.push(parts().map(|part| part.sites_lit[row]).sum());
        fleet.sites_working.push(parts().map(|part| part.sites_working[row]).sum());
        fleet.array_used.push(parts().map(|part| part.array_used[row]).sum());
        fleet.load.push(parts().map(|part| part.load[row]).sum());
        let least = parts().map(|part| part.state_of_charge_min[row]);
        fleet.state_of_charge_min.push(least.fold(Ratio(f64::INFINITY), Ratio::min));
        fleet.chip_max.push(parts().map(|part| part.chip_max[row]).fold(Kelvin::ZERO, Kelvin::max));
        fleet.work_rate.push(parts().map(|part| part.work_rate[row]).sum());
        fleet.downlink.push(parts().map(|part| part.downlink[row]).sum());
    }

    /// The record and the summary of the whole run.
    pub(crate) fn finish(mut self, run: Run<'_>) -> Outcome {
        let world = self.world;
        let mut summary = summarize(&run, &self.contacts, header(world));
        for contact in &self.contacts {
            let (site, station) = (contact.site, contact.station);
            let name = &world.stations[station as usize].name;
            for (time, kind) in [(contact.rise, EventKind::ContactBegan), (contact.set, EventKind::ContactEnded)] {
                self.events.push(Event { time, site, kind, job: None, detail: name.clone() });
            }
        }
        self.events.sort_by_key(|event| (event.time, event.site));
        let (mut tracks, mut transfers) = (Vec::new(), Vec::new());
        let mut jobs: Vec<JobOutcome> = world.jobs.iter().map(waiting).collect();
        for block in run.blocks {
            tracks.extend(block.recorders.into_iter().flatten().map(|recorder| recorder.track));
            for mut site in block.sites {
                transfers.append(&mut site.transfers);
                for (index, outcome) in site.finish() {
                    jobs[index as usize] = outcome;
                }
            }
        }
        transfers.sort_by_key(|transfer| (transfer.begin, transfer.site, transfer.job));
        count_jobs(&mut summary.work, &jobs, world);
        let (ledger, money) = self.books.map(|books| books.close(&summary.work)).unzip();
        summary.money = money;
        summary.defences = defended(&jobs, world);
        let listed = jobs.iter().map(|job| JobOutcome {
            history: Vec::new(),
            loss: Vec::new(),
            delays: Vec::new(),
            ..job.clone()
        });
        summary.jobs = listed.collect();
        let record = Record {
            header: header(world),
            stations: world.stations.iter().map(station_info).collect(),
            sites: world.sites.iter().enumerate().map(|(index, _)| site_info(world, index)).collect(),
            tracks,
            fleet: self.fleet,
            events: self.events,
            jobs,
            transfers,
            contacts: self.contacts,
            ledger: ledger.unwrap_or_default(),
        };
        Outcome { record, summary }
    }
}

fn edges(site: u32, eclipse: &Eclipse, window: &Window) -> Vec<Event> {
    let (umbra_in, umbra_out) = eclipse.umbra.unzip();
    let all = [
        (Some(eclipse.penumbra_in), EventKind::PenumbraEntered),
        (umbra_in, EventKind::UmbraEntered),
        (umbra_out, EventKind::UmbraLeft),
        (Some(eclipse.penumbra_out), EventKind::PenumbraLeft),
    ];
    // An edge at an end of the window is the cut of a passage that goes on, not an edge of the shadow.
    let inside = |time: &Instant| *time > window.start() && *time < window.stop();
    let event = |(time, kind): (Option<Instant>, EventKind)| {
        let time = time.filter(inside)?;
        Some(Event { time, site, kind, job: None, detail: String::new() })
    };
    all.into_iter().filter_map(event).collect()
}

fn header(world: &World) -> Header {
    Header {
        mission: world.name.clone(),
        mission_hash: world.mission_hash.clone(),
        catalog_hash: world.catalog_hash.clone(),
        seed: world.seed,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        start: world.start,
        step: world.step,
        steps: world.steps,
    }
}

fn station_info(station: &sunward_mission::world::Station) -> StationInfo {
    let site = station.mast.place();
    StationInfo { name: station.name.clone(), latitude: site.latitude, longitude: site.longitude }
}

fn site_info(world: &World, index: usize) -> SiteInfo {
    let design = world.design(index);
    SiteInfo {
        name: world.sites[index].name.clone(),
        accelerator: format!("{} x {}", design.compute.count, design.compute.accelerator),
        throttle_temperature: design.compute.throttle_temperature,
        state_of_charge_floor: Ratio(1.0 - design.battery.depth_of_discharge_max.0),
        battery: design.battery.energy,
        stands_for: world.sites[index].stands_for,
    }
}

fn sites_of<'a, 'w>(run: &'a Run<'w>) -> impl Iterator<Item = &'a SiteRun<'w>> {
    run.blocks.iter().flat_map(|block| &block.sites)
}

fn summarize(run: &Run<'_>, contacts: &[ContactPass], header: Header) -> Summary {
    let world = run.world;
    let units: f64 = world.sites.iter().map(|site| f64::from(site.stands_for)).sum();
    let stands_for = |site: u32| f64::from(world.sites[site as usize].stands_for);
    let site_time = (world.end() - world.start).seconds() * units;
    let lanes = || run.blocks.iter().flat_map(|block| (0..block.sites.len()).map(move |lane| (block, lane)));
    let sum = |of: &dyn Fn(&crate::block::Sums, usize) -> f64| -> f64 {
        lanes().map(|(block, lane)| stands_for(block.sites[lane].index) * of(&block.sums, lane)).sum()
    };
    let extreme = |of: &dyn Fn(&crate::block::Sums, usize) -> f64, pick: fn(f64, f64) -> f64, from: f64| -> f64 {
        lanes().map(|(block, lane)| of(&block.sums, lane)).fold(from, pick)
    };
    let totals = || {
        let sites = run.blocks.iter().flat_map(|block| &block.sites);
        sites.map(|site| (world.sites[site.index as usize].stands_for, &site.totals))
    };
    let count = |of: fn(&crate::site::Totals) -> u32| -> u32 { totals().map(|(units, t)| units * of(t)).sum() };
    let time = |of: fn(&crate::site::Totals) -> f64| Seconds(totals().map(|(units, t)| f64::from(units) * of(t)).sum());

    let computed: Flops = totals().map(|(units, t)| t.work * f64::from(units)).sum();
    let lost: Flops = totals().map(|(units, t)| t.work_lost * f64::from(units)).sum();
    let used = Joules(sum(&|sums, lane| sums.used.0[lane]));
    let accelerator = Joules(sum(&|sums, lane| sums.accelerator.0[lane]));
    let working = time(|t| t.working_s);
    let work = Work {
        computed: computed - lost,
        lost,
        availability: Ratio(working / site_time),
        clock_mean: Ratio(if working.0 > 0.0 { time(|t| t.clock_s) / working } else { 0.0 }),
        ..Work::default()
    };
    let mean = |of: &dyn Fn(&Block<'_>, usize) -> f64| -> f64 {
        lanes().map(|(block, lane)| stands_for(block.sites[lane].index) * of(block, lane)).sum::<f64>() / units
    };
    let cycles = mean(&|block, lane| block.sums.throughput.0[lane] / (2.0 * block.energy_new(lane)));
    let energy = Energy {
        available: Joules(sum(&|sums, lane| sums.available.0[lane])),
        generated: used,
        accelerator,
        other_loads: Joules(sum(&|sums, lane| sums.load.0[lane])) - accelerator,
        losses: Joules(sum(&|sums, lane| sums.losses.0[lane])),
        stored: Joules(sum(&|sums, lane| sums.stored.0[lane])),
        state_of_charge_min: Ratio(extreme(&|sums, lane| sums.charge_min.0[lane], f64::min, f64::INFINITY)),
        cycles,
        battery_health: Ratio(mean(&|block, lane| block.state.health.0[lane])),
        eclipse: Ratio(sum(&|sums, lane| sums.dark_s.0[lane]) / site_time.0),
        per_work: (work.computed.0 > 0.0).then(|| Joules(used.0 / work.computed.0)),
    };
    let heat = Heat {
        chip_max: Kelvin(extreme(&|sums, lane| sums.chip_max.0[lane], f64::max, 0.0)),
        board_max: Kelvin(extreme(&|sums, lane| sums.board_max.0[lane], f64::max, 0.0)),
        radiator_max: Kelvin(extreme(&|sums, lane| sums.radiator_max.0[lane], f64::max, 0.0)),
        bus_min: Kelvin(extreme(&|sums, lane| sums.bus_min.0[lane], f64::min, f64::INFINITY)),
        radiated: Joules(sum(&|sums, lane| sums.radiated.0[lane])),
        absorbed: Joules(sum(&|sums, lane| sums.absorbed.0[lane])),
        throttled: Ratio(if working.0 > 0.0 { time(|t| t.throttled_s) / working } else { 0.0 }),
    };
    let copies = |contact: &ContactPass| world.sites[contact.site as usize].stands_for;
    let data = Data {
        contacts: contacts.iter().map(copies).sum(),
        contacts_used: contacts.iter().filter(|contact| contact.used).map(copies).sum(),
        contact_time: contacts.iter().map(|c| (c.set - c.rise).seconds() * stands_for(c.site)).sum(),
        up: contacts.iter().map(|contact| contact.up * stands_for(contact.site)).sum(),
        down: contacts.iter().map(|contact| contact.down * stands_for(contact.site)).sum(),
        waiting: sites_of(run).map(|site| site.down.remaining() * stands_for(site.index)).sum(),
        dropped: totals().map(|(units, t)| t.dropped * f64::from(units)).sum(),
    };
    let radiation = Radiation {
        dose: totals().map(|(units, t)| t.dose * f64::from(units)).sum::<Grays>() / units,
        silent_corruptions: count(|t| t.silent_corruptions),
        memory_errors: count(|t| t.memory_errors),
        interrupts: count(|t| t.interrupts),
        permanent_faults: count(|t| t.permanent_faults),
        rollbacks: count(|t| t.rollbacks),
        reboot_time: time(|t| t.reboot_s),
    };
    let share = |bound: Bound| {
        let held: f64 = totals().map(|(units, t)| f64::from(units) * t.bound_s[bound as usize]).sum();
        (bound.word().to_owned(), Ratio(held / site_time.0))
    };
    let worst = |of: fn(&crate::block::Sums) -> f64| run.blocks.iter().map(|block| of(&block.sums)).fold(0.0, f64::max);
    Summary {
        header,
        duration: (world.end() - world.start).seconds(),
        sites: units as u32,
        launched: world
            .sites
            .iter()
            .map(|site| world.designs[site.design as usize].dry_mass * f64::from(site.stands_for))
            .sum(),
        work,
        energy,
        heat,
        data,
        radiation,
        money: None,
        bound: Bound::ALL.map(share).to_vec(),
        balance: Balance { energy: worst(|s| s.energy_residual), heat: worst(|s| s.heat_residual) },
        defences: None,
        jobs: Vec::new(),
        not_modelled: crate::NOT_MODELLED.iter().map(|&line| line.to_owned()).collect(),
    }
}

/// What the defences of all jobs did, those of units that are not flown included.
fn defended(jobs: &[JobOutcome], world: &World) -> Option<DefenceOutcome> {
    let of_all = |(job, declared): (&JobOutcome, &Job)| Some(job.defences?.times(copies_of(job, declared, world)));
    jobs.iter().zip(&world.jobs).filter_map(of_all).reduce(|sum, one| sum + one)
}

/// How many units do what this outcome says: a copy that a unit does is done by every unit it stands for.
fn copies_of(job: &JobOutcome, declared: &Job, world: &World) -> u32 {
    match (declared.each, job.site) {
        (true, Some(site)) => world.sites[site as usize].stands_for,
        _ => 1,
    }
}

fn count_jobs(work: &mut Work, jobs: &[JobOutcome], world: &World) {
    let end = world.end();
    for (job, declared) in jobs.iter().zip(&world.jobs) {
        let copies = copies_of(job, declared, world);
        let of_all = f64::from(copies);
        match job.state {
            JobState::Delivered => work.jobs_delivered += copies,
            JobState::Computed => work.jobs_computed += copies,
            JobState::Running => work.jobs_running += copies,
            JobState::Waiting => work.jobs_waiting += copies,
        }
        if job.units > 0.0 {
            work.delivered += job.work * (of_all * (job.units_delivered / job.units).min(1.0));
        }
        match job.kind.as_str() {
            "training" => work.tokens += of_all * job.units,
            "serving" => work.requests += of_all * job.units_delivered,
            _ => work.images += of_all * job.units_delivered,
        }
        let missed = |deadline: Instant| deadline <= end && job.delivered.is_none_or(|at| at > deadline);
        if job.unit == "tokens" && job.deadline.is_some_and(missed) {
            work.deadlines_missed += copies;
        }
    }
}
