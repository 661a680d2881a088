//! A record made by hand-sized physics: a circular orbit, a cylindrical shadow, one battery, first-order heat.
//!
//! It is plausible, not right: it exists to be drawn and stored.

use std::f64::consts::TAU;

use sunward_astro::time::{Instant, Span};
use sunward_sim::record::{
    Bound, ContactPass, Delay, Direction, Event, EventKind, FleetTrack, Header, JobOutcome, JobState, Latency, Record,
    SiteInfo, StationInfo, Track, Transfer,
};
use sunward_sim::summary::{Balance, Data, Energy, Heat, Radiation, Summary, Work};
use sunward_units::random::{Purpose, Stream};
use sunward_units::{
    Bits, BitsPerSecond, Flops, FlopsPerSecond, Grays, Joules, Kelvin, Kilograms, Meters, Radians, Ratio, Seconds,
    Watts,
};

const PERIOD_S: f64 = 5678.0;
const INCLINATION_DEG: f64 = 45.4;
const SIDEREAL_DAY_S: f64 = 86_164.1;
const FULL_RATE: f64 = 400e12;

/// Name, latitude and east longitude in degrees.
const STATIONS: [(&str, f64, f64); 9] = [
    ("Svalbard", 78.2, 15.4),
    ("Inuvik", 68.3, -133.5),
    ("Hartebeesthoek", -25.9, 27.7),
    ("Punta Arenas", -53.0, -70.8),
    ("Awarua", -46.5, 168.4),
    ("Dubai", 25.2, 55.3),
    ("Singapore", 1.3, 103.8),
    ("Ohio", 40.0, -83.0),
    ("Hawaii", 19.0, -155.7),
];

/// What to build.
pub(crate) struct Plan {
    pub(crate) sites: u32,
    pub(crate) tracked: u32,
    pub(crate) days: f64,
    pub(crate) step_s: i64,
}

/// A run of one site over a week at a step of 30 s: 20,160 rows.
pub(crate) fn week() -> Record {
    build(&Plan { sites: 1, tracked: 1, days: 7.0, step_s: 30 })
}

pub(crate) fn build(plan: &Plan) -> Record {
    let start = Instant::from_utc_text("2026-07-27T00:00:00Z").unwrap();
    let steps = (plan.days * 86_400.0 / plan.step_s as f64) as u64;
    let header = Header {
        mission: "Starcloud-1, one week".to_owned(),
        mission_hash: "3f9a1c77d2e80b54".to_owned(),
        catalog_hash: "b81e6650aa27c9f1".to_owned(),
        seed: 42,
        version: "0.1.0".to_owned(),
        start,
        step: Span::SECOND * plan.step_s,
        steps,
    };
    let stations = STATIONS.map(|(name, latitude, longitude)| StationInfo {
        name: name.to_owned(),
        latitude: Radians::from_degrees(latitude),
        longitude: Radians::from_degrees(longitude),
    });
    let site = |at: u32| SiteInfo {
        name: if plan.sites == 1 { "Starcloud-1".to_owned() } else { format!("shell-{at:03}") },
        accelerator: "NVIDIA H100 PCIe".to_owned(),
        throttle_temperature: Kelvin::from_celsius(87.0),
        state_of_charge_floor: Ratio(0.3),
        battery: Joules(1.8e6),
        stands_for: 1,
    };
    let mut record = Record {
        header,
        stations: stations.to_vec(),
        sites: (0..plan.sites).map(site).collect(),
        tracks: (0..plan.tracked).map(|at| track(start, plan.step_s, steps, at, plan.sites)).collect(),
        fleet: FleetTrack::default(),
        events: Vec::new(),
        jobs: Vec::new(),
        transfers: Vec::new(),
        contacts: Vec::new(),
        ledger: Vec::new(),
    };
    record.contacts = (0..plan.tracked as usize).flat_map(|at| passes(&record, at)).collect();
    record.contacts.sort_by_key(|pass| (pass.rise, pass.site, pass.station));
    for pass in record.contacts.clone().iter().filter(|pass| pass.used) {
        let track = record.tracks.iter_mut().find(|track| track.site == pass.site).unwrap();
        let rows =
            track.time.partition_point(|time| *time < pass.rise)..track.time.partition_point(|time| *time <= pass.set);
        track.downlink[rows.clone()].fill(BitsPerSecond(40e6));
        track.uplink[rows].fill(BitsPerSecond(0.9e6));
    }
    record.fleet = fleet(&record.tracks, plan.sites);
    record.jobs = jobs(&record);
    record.transfers = transfers(&record);
    record.events = events(&record);
    record
}

fn track(start: Instant, step_s: i64, steps: u64, site: u32, sites: u32) -> Track {
    let mut t = Track { site, ..Track::default() };
    let (mut charge, mut chip, mut board, mut bus, mut radiator) = (0.9, 300.0, 298.0, 293.0, 285.0);
    let offset = f64::from(site) / f64::from(sites.max(1));
    for row in 1..=steps {
        let time_s = row as f64 * step_s as f64;
        let argument = TAU * (time_s / PERIOD_S + offset);
        let node = TAU * offset * 3.0;
        let (sin, cos) = argument.sin_cos();
        let inclination = INCLINATION_DEG.to_radians();
        let longitude = (sin * inclination.cos()).atan2(cos) + node - TAU * time_s / SIDEREAL_DAY_S;
        let beta = (20.0 + 3.0 * time_s / 86_400.0).to_radians();
        let sunward = argument.cos() * beta.cos();
        let lit = ((sunward + 0.37 + 0.02) / 0.04).clamp(0.0, 1.0);
        let dt = step_s as f64;
        let lag = |time_constant_s: f64| 1.0 - (-dt / time_constant_s).exp();
        let available = 1010.0 * lit * (1.0 - 0.1 * sunward.max(0.0));
        let clock = f64::clamp((359.5 + 2.6 * (time_s / 40_000.0).sin() - chip) / 12.0, 0.0, 1.0)
            * if charge < 0.32 { 0.0 } else { 1.0 };
        let accelerator = if clock > 0.0 { 70.0 + 280.0 * clock } else { 40.0 };
        let load = accelerator * 1.08 + 95.0;
        let used = available.min(load + 300.0 * f64::from(charge < 0.98));
        charge = f64::clamp(charge + (used - load) * dt / 1.8e6, 0.0, 1.0);
        chip += lag(120.0) * (board + 0.075 * accelerator - chip);
        board += lag(900.0) * (radiator + 0.08 * load - board);
        bus += lag(4000.0) * (284.0 + 12.0 * lit + 0.01 * load - bus);
        radiator += lag(1500.0) * (262.0 + 0.13 * load + 14.0 * lit - radiator);
        let latitude = (sin * inclination.sin()).asin();
        let longitude = (longitude + TAU / 2.0).rem_euclid(TAU) - TAU / 2.0;
        let anomaly =
            (-((latitude.to_degrees() + 26.0) / 14.0).powi(2) - ((longitude.to_degrees() + 48.0) / 28.0).powi(2)).exp();
        t.time.push(start + Span::SECOND * (row as i64 * step_s));
        t.latitude.push(Radians(latitude));
        t.longitude.push(Radians(longitude));
        t.altitude.push(Meters(512e3 + 9e3 * sin));
        t.illumination.push(Ratio(lit));
        t.array_available.push(Watts(available));
        t.array_used.push(Watts(used));
        t.load.push(Watts(load));
        t.accelerator.push(Watts(accelerator));
        t.state_of_charge.push(Ratio(charge));
        t.chip.push(Kelvin(chip));
        t.board.push(Kelvin(board));
        t.bus.push(Kelvin(bus));
        t.radiator.push(Kelvin(radiator));
        t.array.push(Kelvin(225.0 + 110.0 * lit));
        t.clock.push(Ratio(clock));
        t.work_rate.push(FlopsPerSecond(FULL_RATE * clock));
        t.job.push((clock > 0.0).then_some(u32::from(time_s > 250_000.0)));
        t.bound.push(bound(clock, charge, time_s));
        t.dose.push(Grays(2e-9 + 2.4e-7 * anomaly));
        t.downlink.push(BitsPerSecond(0.0));
        t.uplink.push(BitsPerSecond(0.0));
    }
    t
}

fn bound(clock: f64, charge: f64, time_s: f64) -> Bound {
    match clock {
        _ if time_s < 9000.0 => Bound::Link,
        _ if (300_000.0..302_400.0).contains(&time_s) => Bound::Radiation,
        _ if (500_000.0..512_000.0).contains(&time_s) => Bound::Demand,
        0.0 if charge < 0.35 => Bound::Power,
        full if full >= 1.0 => Bound::Compute,
        _ => Bound::Heat,
    }
}

fn fleet(tracks: &[Track], sites: u32) -> FleetTrack {
    let Some(first) = tracks.first() else { return FleetTrack::default() };
    let scale = f64::from(sites) / tracks.len() as f64;
    let rows = 0..first.time.len();
    let sum = |row: usize, of: &dyn Fn(&Track) -> f64| {
        tracks.iter().map(|track| of(&track.clone_row(row))).sum::<f64>() * scale
    };
    FleetTrack {
        time: first.time.clone(),
        sites_lit: rows
            .clone()
            .map(|row| sum(row, &|t| f64::from(u8::from(t.illumination[0].0 > 0.0))) as u32)
            .collect(),
        sites_working: rows.clone().map(|row| sum(row, &|t| f64::from(u8::from(t.clock[0].0 > 0.0))) as u32).collect(),
        array_used: rows.clone().map(|row| Watts(sum(row, &|t| t.array_used[0].0))).collect(),
        load: rows.clone().map(|row| Watts(sum(row, &|t| t.load[0].0))).collect(),
        state_of_charge_min: rows
            .clone()
            .map(|row| tracks.iter().map(|t| t.state_of_charge[row]).fold(Ratio(1.0), Ratio::min))
            .collect(),
        chip_max: rows.clone().map(|row| tracks.iter().map(|t| t.chip[row]).fold(Kelvin(0.0), Kelvin::max)).collect(),
        work_rate: rows.clone().map(|row| FlopsPerSecond(sum(row, &|t| t.work_rate[0].0))).collect(),
        downlink: rows.map(|row| BitsPerSecond(sum(row, &|t| t.downlink[0].0))).collect(),
    }
}

trait Row {
    fn clone_row(&self, row: usize) -> Track;
}

impl Row for Track {
    fn clone_row(&self, row: usize) -> Track {
        Track {
            illumination: vec![self.illumination[row]],
            clock: vec![self.clock[row]],
            array_used: vec![self.array_used[row]],
            load: vec![self.load[row]],
            work_rate: vec![self.work_rate[row]],
            downlink: vec![self.downlink[row]],
            ..Track::default()
        }
    }
}

/// Rows with a station less than 17 deg of arc away (about 10 deg of elevation from 500 km), joined.
fn passes(record: &Record, at: usize) -> Vec<ContactPass> {
    let track = &record.tracks[at];
    let mut all: Vec<ContactPass> = Vec::new();
    for (station, place) in record.stations.iter().enumerate() {
        let mut open: Option<ContactPass> = None;
        for row in 0..track.time.len() {
            let (a, b) = (track.latitude[row].0, place.latitude.0);
            let apart =
                (a.sin() * b.sin() + a.cos() * b.cos() * (track.longitude[row].0 - place.longitude.0).cos()).acos();
            if apart.to_degrees() < 17.0 {
                let elevation = Radians((17.0f64.to_radians() - apart) * 4.0);
                let pass = open.get_or_insert(ContactPass {
                    site: track.site,
                    station: station as u32,
                    rise: track.time[row],
                    culmination: track.time[row],
                    set: track.time[row],
                    elevation_max: elevation,
                    used: false,
                    down: Bits(0.0),
                    up: Bits(0.0),
                });
                pass.set = track.time[row];
                if elevation.0 > pass.elevation_max.0 {
                    (pass.elevation_max, pass.culmination) = (elevation, track.time[row]);
                }
            } else if let Some(pass) = open.take() {
                all.push(pass);
            }
        }
        all.extend(open);
    }
    for (at, pass) in all.iter_mut().enumerate() {
        pass.used = pass.elevation_max.0 > 0.5 && at % 3 != 0;
        if pass.used {
            (pass.down, pass.up) = ((pass.set - pass.rise).seconds() * BitsPerSecond(40e6), Bits(2e7));
        }
    }
    all
}

fn delay(number: i64) -> Delay {
    let second = Span(1_000_000_000);
    Delay { light: Span(9_000_000), contact: second * 2 * number, queue: second * number, compute: second / 2 }
}

fn jobs(record: &Record) -> Vec<JobOutcome> {
    let Some(track) = record.tracks.first() else { return Vec::new() };
    let stream = Stream::new(7, 0, Purpose::Study);
    let part = |number: u32, name: &str, kind: &str, unit: &str, units: f64, total_s: f64, from: usize| {
        let mut work_s = 0.0;
        let mut history = Vec::new();
        let mut loss = Vec::new();
        for row in from..track.time.len() {
            if track.job[row] == Some(number.min(1)) {
                work_s += track.clock[row].0 * record.header.step.seconds().0 / if number == 2 { 5.0 } else { 1.0 };
            }
            if row % 10 == 0 {
                history.push((track.time[row], f64::min(work_s / total_s, 1.0)));
            }
            if number == 0 && row % 60 == 0 && work_s < total_s {
                let step = (work_s / 2.0) as u64;
                loss.push((
                    track.time[row],
                    step,
                    1.5 + 2.7 / (1.0 + work_s / 9000.0) + 0.05 * stream.normal(row as u64),
                ));
            }
        }
        let progress = f64::min(work_s / total_s, 1.0);
        let state = if progress >= 1.0 { JobState::Delivered } else { JobState::Running };
        let at = |row: usize| track.time.get(row.min(track.time.len() - 1)).copied();
        let delays: Vec<Delay> = if kind == "serving" { (1..400).map(delay).collect() } else { Vec::new() };
        JobOutcome {
            name: name.to_owned(),
            kind: kind.to_owned(),
            site: Some(0),
            state,
            input_arrived: at(from),
            started: at(from + 10),
            finished: (progress >= 1.0).then(|| at(track.time.len() / 2)).flatten(),
            delivered: (progress >= 1.0).then(|| at(track.time.len() * 3 / 5)).flatten(),
            deadline: at(track.time.len() * 9 / 10),
            progress: Ratio(progress),
            work: Flops(FULL_RATE * work_s.min(total_s)),
            work_lost: Flops(1e16 * f64::from(number)),
            unit: unit.to_owned(),
            units: units * progress,
            units_delivered: if progress >= 1.0 { units } else { 0.0 },
            busy: Seconds(work_s),
            history,
            // Measured before the first step and every tenth time that the loss of training is.
            validation: loss.iter().step_by(10).map(|(at, step, value)| (*at, *step, value + 0.1)).collect(),
            loss,
            latency: Latency::of(&delays),
            delays,
            proxy: (number == 0)
                .then(|| "1 executed step of a 10 M parameter GPT stands for 40 steps of 1.3 B".to_owned()),
            defences: None,
        }
    };
    vec![
        part(0, "train-nanogpt", "training", "tokens", 2.3e9, 150_000.0, 300.min(track.time.len() - 1)),
        part(1, "serve-gemma", "serving", "requests", 84_000.0, 400_000.0, track.time.len() / 3),
        part(2, "wildfire-images", "imagery", "images", 5_200.0, 22_000.0, track.time.len() / 4),
    ]
}

fn transfers(record: &Record) -> Vec<Transfer> {
    let used = record.contacts.iter().filter(|pass| pass.used && !record.jobs.is_empty());
    used.enumerate()
        .map(|(at, pass)| Transfer {
            job: (at % record.jobs.len()) as u32,
            site: pass.site,
            station: pass.station,
            direction: if at % 4 == 0 { Direction::Up } else { Direction::Down },
            ready: pass.rise,
            begin: pass.rise,
            end: pass.set,
            data: pass.down,
            light: Seconds(0.0031 + at as f64 * 1e-9),
        })
        .collect()
}

fn events(record: &Record) -> Vec<Event> {
    let mut all = Vec::new();
    for track in &record.tracks {
        let stream = Stream::new(record.header.seed, track.site, Purpose::Upset);
        for (row, (&time, dose)) in track.time.iter().zip(&track.dose).enumerate() {
            let draw = stream.uniform(row as u64) / dose.0;
            let kind = match draw {
                draw if draw < 3e5 => EventKind::SilentCorruption,
                draw if draw < 5e5 => EventKind::MemoryError,
                draw if draw < 5.8e5 => EventKind::Interrupt,
                _ if row % 2880 == 1440 => EventKind::Sample,
                _ => continue,
            };
            let detail = if kind == EventKind::Sample { "ROMEO: But <soft> & what light?" } else { "HBM stack 3" };
            all.push(Event { time, site: track.site, kind, job: track.job[row], detail: detail.to_owned() });
        }
    }
    all.sort_by_key(|event| (event.time, event.site));
    all
}

/// A summary whose numbers follow from the record where that is easy.
pub(crate) fn summary(record: &Record) -> Summary {
    let rows: Vec<Bound> = record.tracks.iter().flat_map(|track| track.bound.iter().copied()).collect();
    let share = |bound| rows.iter().filter(|&&other| other == bound).count() as f64 / rows.len().max(1) as f64;
    let step = record.header.step.seconds();
    let joules = |of: &dyn Fn(&Track) -> f64| Joules(record.tracks.iter().map(of).sum::<f64>() * step.0);
    let total = |column: &[Watts]| column.iter().map(|watts| watts.0).sum::<f64>();
    let top = |of: &dyn Fn(&Track) -> &Vec<Kelvin>| {
        record.tracks.iter().flat_map(|track| of(track).iter().copied()).fold(Kelvin(0.0), Kelvin::max)
    };
    let work: f64 = record.jobs.iter().map(|job| job.work.0).sum();
    let count = |kind| record.events.iter().filter(|event| event.kind == kind).count() as u32;
    Summary {
        header: record.header.clone(),
        duration: step * record.header.steps as f64,
        sites: record.sites.len() as u32,
        launched: Kilograms(60.0 * record.sites.len() as f64),
        work: Work {
            computed: Flops(work),
            delivered: Flops(work * 0.62),
            lost: Flops(3e16),
            tokens: record.jobs.first().map_or(0.0, |job| job.units),
            requests: 48_211.0,
            images: 5200.0,
            availability: Ratio(1.0 - share(Bound::Power) - share(Bound::Link)),
            clock_mean: Ratio(0.71),
            jobs_delivered: 2,
            jobs_running: 1,
            deadlines_missed: 1,
            ..Work::default()
        },
        energy: Energy {
            available: joules(&|t| total(&t.array_available)),
            generated: joules(&|t| total(&t.array_used)),
            accelerator: joules(&|t| total(&t.accelerator)),
            other_loads: joules(&|t| total(&t.load) - total(&t.accelerator)) * 0.8,
            losses: joules(&|t| total(&t.load)) * 0.06,
            stored: Joules(-2.1e5),
            state_of_charge_min: Ratio(0.34),
            cycles: 31.2,
            battery_health: Ratio(0.9931),
            eclipse: Ratio(0.351),
            per_work: Some(Joules(1.1e-12)),
        },
        heat: Heat {
            chip_max: top(&|t| &t.chip),
            board_max: top(&|t| &t.board),
            radiator_max: top(&|t| &t.radiator),
            bus_min: Kelvin(283.0),
            radiated: Joules(2.6e8),
            absorbed: Joules(7.4e7),
            throttled: Ratio(share(Bound::Heat)),
        },
        data: Data {
            contacts: record.contacts.len() as u32,
            contacts_used: record.contacts.iter().filter(|pass| pass.used).count() as u32,
            contact_time: record.contacts.iter().map(|pass| (pass.set - pass.rise).seconds()).sum(),
            up: Bits(3.1e9),
            down: record.contacts.iter().map(|pass| pass.down).sum(),
            waiting: Bits(8e8),
            dropped: Bits(0.0),
        },
        radiation: Radiation {
            dose: Grays(record.tracks.first().map_or(0.0, |t| t.dose.iter().map(|d| d.0).sum::<f64>() * step.0)),
            silent_corruptions: count(EventKind::SilentCorruption),
            memory_errors: count(EventKind::MemoryError),
            interrupts: count(EventKind::Interrupt),
            permanent_faults: 0,
            rollbacks: 6,
            reboot_time: Seconds(1440.0),
        },
        money: None,
        defences: None,
        bound: Bound::ALL.map(|bound| (bound.word().to_owned(), Ratio(share(bound)))).to_vec(),
        balance: Balance { energy: 3.1e-15, heat: 8.8e-13 },
        jobs: Vec::new(),
        not_modelled: vec![
            "Attitude dynamics: the array keeps its pointing law exactly.".to_owned(),
            "Weather over ground stations & rain fade < 10 GHz.".to_owned(),
        ],
    }
}
