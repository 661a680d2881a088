//! What one key says about another.

use std::collections::BTreeMap;

use sunward_units::Seconds;

use crate::fault::{Fault, FaultKind, nearest};
use crate::form::{Given, Maybe, Sink, section_table};
use crate::keys::{
    Defences, Executed, Ground, Header, Job, MeanElements, Mission, Omm, Orbit, Site, Station, Training,
    VocabularyKind, Walker, Work,
};
use crate::leaf::Name;

pub(crate) fn check(mission: &Mission, sink: &mut Sink) {
    check_header(&mission.header, sink);
    for site in &mission.sites {
        check_site(site, sink);
        let priced = section_table(&site.cost.value);
        if let (None, Some(key)) = (&mission.cost, priced.keys().next()) {
            let message = format!("{}.{key} is given, but the mission has no cost section", site.cost.path);
            sink.push(Fault::at(&site.cost, FaultKind::MissingKey, message).with_help("add [cost] with a price_year"));
        }
    }
    for station in &mission.stations {
        check_station(station, sink);
    }
    for job in &mission.jobs {
        check_job(job, sink);
    }
    check_names(mission, sink);
    check_lineage(mission, sink);
}

fn conflict<T>(sink: &mut Sink, given: &Given<T>, message: String) {
    sink.push(Fault::at(given, FaultKind::Conflict, message));
}

fn check_header(header: &Header, sink: &mut Sink) {
    let (duration, step) = (&header.duration, &header.step);
    for given in [duration, step] {
        if sink.sound(given) && !is_whole_milliseconds(**given) {
            let message = format!("{} {} s is not a whole number of milliseconds", given.key(), given.value.0);
            sink.push(Fault::at(given, FaultKind::OutOfRange, message));
        }
    }
    if sink.sound(duration) && sink.sound(step) && **step > **duration {
        conflict(sink, step, format!("step {} is longer than duration {}", **step, **duration));
    }
}

/// Whether it is one, to the tenth of a nanosecond or the rounding of a long time.
fn is_whole_milliseconds(time: Seconds) -> bool {
    let milliseconds = time.0 * 1e3;
    (milliseconds - milliseconds.round()).abs() <= (4.0 * f64::EPSILON * milliseconds).max(1e-7)
}

fn check_site(site: &Given<Site>, sink: &mut Sink) {
    match (&site.orbit, &site.ground) {
        (Some(_), Some(ground)) => conflict(sink, ground, "orbit and ground are both given; keep one".to_owned()),
        (None, None) => sink.push(Fault::missing(site, "orbit").with_help("give orbit, or ground for a hall")),
        (Some(orbit), None) => check_orbit(orbit, sink),
        (None, Some(ground)) => check_ground(site, ground, sink),
    }
    let evenly = matches!(site.orbit.as_ref().map(|orbit| &orbit.value), None | Some(Orbit::SunSynchronous(_)));
    if let (Some(orbit), false) = (&site.orbit, evenly)
        && sink.sound(&site.count)
        && *site.count > 1
    {
        let message = format!("count {} needs orbit.sun_synchronous, but the orbit is {}", *site.count, orbit.key());
        let help = "a walker orbit counts its own satellites; other orbits hold one satellite each";
        sink.push(Fault::at(&site.count, FaultKind::Conflict, message).with_help(help));
    }
    let Some(flown) = &site.flown else { return };
    if !(sink.sound(flown) && sink.sound(&site.count)) {
        return;
    }
    if !evenly {
        let help = "flown thins out a count, which other orbits do not have";
        let message = format!("flown {} needs orbit.sun_synchronous or ground", **flown);
        sink.push(Fault::at(flown, FaultKind::Conflict, message).with_help(help));
    } else if !site.count.is_multiple_of(**flown) {
        conflict(sink, flown, format!("flown {} does not divide the count of {}", **flown, *site.count));
    }
}

fn check_orbit(orbit: &Orbit, sink: &mut Sink) {
    explain_altitudes(orbit, sink);
    match orbit {
        Orbit::Walker(walker) => check_walker(walker, sink),
        Orbit::Mean(mean) => check_mean(mean, sink),
        Orbit::Omm(omm) => check_omm(omm, sink),
        Orbit::Tle(_) | Orbit::SunSynchronous(_) => {}
    }
}

/// Keys of the plant that a hall has too.
const HALL_POWER: [&str; 2] = ["battery_regulator_efficiency", "bus_load"];
const HALL_THERMAL: [&str; 7] = [
    "board_heat_capacity",
    "bus_heat_capacity",
    "radiator_heat_capacity",
    "board_to_radiator",
    "board_to_bus",
    "bus_to_radiator",
    "initial_temperature",
];

/// A hall has no array, radiator, radio, shielding, platform or launched mass, and one source of energy.
fn check_ground(site: &Site, ground: &Given<Ground>, sink: &mut Sink) {
    if let Some(platform) = &site.platform {
        conflict(sink, platform, "platform belongs to a satellite, but the site is on the ground".to_owned());
    }
    let radio = [section_table(&site.radio.downlink.value), section_table(&site.radio.uplink.value)];
    let sections = [
        (&site.array.path, section_table(&site.array.value), &[][..]),
        (&site.power.path, section_table(&site.power.value), &HALL_POWER[..]),
        (&site.thermal.path, section_table(&site.thermal.value), &HALL_THERMAL[..]),
        (&site.shielding.path, section_table(&site.shielding.value), &[][..]),
        (&site.mass.path, section_table(&site.mass.value), &[][..]),
        (&site.radio.downlink.path, radio[0].clone(), &[][..]),
        (&site.radio.uplink.path, radio[1].clone(), &[][..]),
    ];
    for (path, table, allowed) in sections {
        for key in table.keys().filter(|key| !allowed.contains(&key.as_str())) {
            let message = format!("{path}.{key} belongs to a satellite, but the site is on the ground");
            conflict(sink, ground, message);
        }
    }
    match (&ground.tariff, &ground.electricity_price, &ground.fuel) {
        (Some(_), Some(price), _) => {
            conflict(sink, price, "tariff and electricity_price are both given; keep one".to_owned());
        }
        (Some(_), None, Some(fuel)) | (None, Some(_), Some(fuel)) => {
            conflict(sink, fuel, "fuel and a price of electricity are both given; keep one".to_owned());
        }
        _ => {}
    }
    if let (Some(price), None) = (&ground.fuel_price, &ground.fuel) {
        sink.push(Fault::at(price, FaultKind::MissingKey, "fuel_price without fuel"));
    }
}

/// Says of an altitude out of its range why the range is what it is.
fn explain_altitudes(orbit: &Orbit, sink: &mut Sink) {
    let altitudes = match orbit {
        Orbit::SunSynchronous(orbit) => [Some(&orbit.altitude), None],
        Orbit::Walker(orbit) => [Some(&orbit.altitude), None],
        Orbit::Mean(orbit) => [orbit.altitude.as_ref(), orbit.semi_major_axis.as_ref()],
        Orbit::Tle(_) | Orbit::Omm(_) => [None, None],
    };
    for altitude in altitudes.into_iter().flatten() {
        sink.explain(altitude, "no dose is known outside: trapped radiation is modelled from 300 km to 2000 km");
    }
}

/// The elements as the standard's own reader sees them, where each field alone is right.
fn check_omm(omm: &Given<Omm>, sink: &mut Sink) {
    let error = match omm.elements() {
        Err(error) if !sink.has_fault_in(omm) => error,
        _ => return,
    };
    sink.push(Fault::at(omm, FaultKind::Elements, error.to_string()));
}

fn check_walker(walker: &Walker, sink: &mut Sink) {
    let (satellites, planes, phasing) = (&walker.satellites, &walker.planes, &walker.phasing);
    if !sink.sound(planes) {
        return;
    }
    if sink.sound(satellites) && **satellites % **planes != 0 {
        conflict(sink, satellites, format!("satellites {} is not a multiple of planes {}", **satellites, **planes));
    }
    if sink.sound(phasing) && **phasing >= **planes {
        conflict(sink, phasing, format!("phasing {} is outside 0..={} (planes less one)", **phasing, **planes - 1));
    }
}

fn check_mean(mean: &Given<MeanElements>, sink: &mut Sink) {
    match (&mean.altitude, &mean.semi_major_axis) {
        (Some(_), Some(axis)) => {
            conflict(sink, axis, "altitude and semi_major_axis are both given; keep one".to_owned())
        }
        (None, None) => sink.push(Fault::missing(mean, "altitude").with_help("give altitude or semi_major_axis")),
        _ => {}
    }
}

fn check_station(station: &Given<Station>, sink: &mut Sink) {
    if station.catalog.is_some() {
        return;
    }
    let given = [
        ("name", station.name.is_some()),
        ("latitude", station.latitude.is_some()),
        ("longitude", station.longitude.is_some()),
        ("altitude", station.altitude.is_some()),
        ("minimum_elevation", station.minimum_elevation.is_some()),
        ("antenna_gain", station.antenna_gain.is_some()),
        ("system_temperature", station.system_temperature.is_some()),
        ("transmit_power", station.transmit_power.is_some()),
        ("transmit_gain", station.transmit_gain.is_some()),
        ("antennas", station.antennas.is_some()),
    ];
    for (key, _) in given.iter().filter(|(_, is_given)| !is_given) {
        sink.push(
            Fault::missing(station, key).with_help("give it, or name a station of the catalog: catalog = \"...\""),
        );
    }
}

fn check_job(job: &Given<Job>, sink: &mut Sink) {
    if let (Some(site), true) = (&job.site, *job.each) {
        conflict(sink, site, "site and each are both given; keep one".to_owned());
    }
    if let Some(deadline) = &job.deadline {
        let sound = sink.sound(deadline) && sink.sound(&job.release);
        if sound && **deadline <= *job.release {
            conflict(sink, deadline, format!("deadline {} is not after release {}", **deadline, *job.release));
        }
    }
    match &job.work {
        Work::Training(training) => check_training(training, sink),
        Work::Serving(serving) => {
            if let Some(defences) = serving.executed.as_ref().and_then(|executed| executed.defences.as_ref()) {
                let flags = [&defences.weights, &defences.cache, &defences.finite, &defences.redundant];
                check_any(flags.into_iter().any(|flag| **flag), defences, "weights = true", sink);
            }
            let bits = &serving.weight_bits;
            if sink.sound(bits) && !matches!(**bits, 8 | 16) {
                sink.push(Fault::at(
                    bits,
                    FaultKind::OutOfRange,
                    format!("weight_bits {} is neither 8 nor 16", **bits),
                ));
            }
        }
        Work::Imagery(_) => {}
    }
}

fn check_training(training: &Training, sink: &mut Sink) {
    match (&training.sample_interval, &training.sample) {
        (Some(interval), None) => {
            sink.push(Fault::at(interval, FaultKind::MissingKey, "sample_interval without sample"))
        }
        (None, Some(sample)) => sink.push(Fault::at(sample, FaultKind::MissingKey, "sample without sample_interval")),
        _ => {}
    }
    let Some(executed) = &training.executed else { return };
    check_network(executed, sink);
    if let Some(defences) = &executed.defences {
        check_defences(defences, sink);
    }
    let (iterations, steps) = (&executed.iterations, &training.steps);
    if sink.sound(iterations) && sink.sound(steps) && **iterations > **steps {
        let message =
            format!("iterations {} are more than the {} steps of the job they stand for", **iterations, **steps);
        conflict(sink, iterations, message);
    }
    if let (Some(text), Some(corpus)) = (&executed.text, &executed.corpus) {
        conflict(sink, corpus, format!("corpus is given, but the text is that of {:?}; keep one", text.value));
    }
}

fn check_defences(defences: &Given<Defences>, sink: &mut Sink) {
    let flags = [&defences.finite, &defences.shards, &defences.products, &defences.redundant];
    let limits = [&defences.loss_spike, &defences.gradient_norm, &defences.ranges];
    let on = flags.into_iter().any(|flag| **flag) || limits.into_iter().any(Option::is_some);
    check_any(on, defences, "shards = true", sink);
}

/// Some defence is on.
fn check_any<T>(on: bool, defences: &Given<T>, example: &str, sink: &mut Sink) {
    if !on {
        let message = "no defence is on: nothing would ever alarm";
        let help = format!("switch one on, for example {example}, or leave [job.executed.defences] out");
        sink.push(Fault::at(defences, FaultKind::Conflict, message).with_help(help));
    }
}

/// Either a new network or a trained one, and what belongs to each.
fn check_network(executed: &Given<Executed>, sink: &mut Sink) {
    let place = |given: &Maybe<u32>| given.as_ref().map(Given::place);
    let sizes = [
        ("layers", place(&executed.layers)),
        ("heads", place(&executed.heads)),
        ("width", place(&executed.width)),
        ("context", place(&executed.context)),
    ];
    let tokens = [executed.vocabulary.as_ref().map(Given::place), executed.merges.as_ref().map(Given::place)];
    let adapters =
        [executed.adapter_rank.as_ref().map(Given::place), executed.adapter_alpha.as_ref().map(Given::place)];
    if executed.from.is_some() || executed.checkpoint.is_some() {
        for given in sizes.into_iter().map(|(_, given)| given).chain(tokens).flatten() {
            conflict(sink, &given, format!("{} is that of the network it continues from; leave it out", given.key()));
        }
        check_trained(executed, sink);
        return;
    }
    for (key, _) in sizes.iter().filter(|(_, given)| given.is_none()) {
        let help = "give it, or continue from a trained network: from = \"JOB\" or checkpoint = \"FILE\"";
        sink.push(Fault::missing(executed, key).with_help(help));
    }
    for given in adapters.into_iter().flatten() {
        let message = format!("{} needs a trained network: give from or checkpoint", given.key());
        conflict(sink, &given, message);
    }
    check_new(executed, sink);
}

fn check_new(executed: &Executed, sink: &mut Sink) {
    if let (Some(heads), Some(width)) = (&executed.heads, &executed.width)
        && sink.sound(heads)
        && sink.sound(width)
        && !width.is_multiple_of(**heads)
    {
        conflict(sink, width, format!("width {} is not a multiple of {} heads", **width, **heads));
    }
    match (&executed.vocabulary, &executed.merges) {
        (Some(kind), None) if **kind == VocabularyKind::BytePairs => {
            let message = "vocabulary gpt2-bpe without merges".to_owned();
            let help = "give GPT-2's list of merges: merges = \"merges.txt\"";
            sink.push(Fault::at(kind, FaultKind::MissingKey, message).with_help(help));
        }
        (kind, Some(merges)) if kind.as_ref().is_none_or(|kind| **kind == VocabularyKind::Characters) => {
            conflict(sink, merges, "merges need vocabulary = \"gpt2-bpe\"".to_owned());
        }
        _ => {}
    }
}

fn check_trained(executed: &Executed, sink: &mut Sink) {
    if let (Some(from), Some(checkpoint)) = (&executed.from, &executed.checkpoint) {
        conflict(
            sink,
            checkpoint,
            format!("checkpoint is given, but it continues from job {:?}; keep one", from.as_str()),
        );
    }
    if let (None, Some(alpha)) = (&executed.adapter_rank, &executed.adapter_alpha) {
        sink.push(Fault::at(alpha, FaultKind::MissingKey, "adapter_alpha without adapter_rank"));
    }
}

/// What an executed job says of the network that is trained, where it has one.
fn executed(job: &Job) -> Option<&Given<Executed>> {
    match &job.work {
        Work::Training(training) => training.executed.as_ref(),
        Work::Serving(_) | Work::Imagery(_) => None,
    }
}

/// The job that another continues from is there, is executed, is written before it and runs on the same satellite.
fn check_lineage(mission: &Mission, sink: &mut Sink) {
    for (index, job) in mission.jobs.iter().enumerate() {
        let Some(from) = executed(job).and_then(|executed| executed.from.as_ref()).filter(|from| sink.sound(from))
        else {
            continue;
        };
        let Some(other) = mission.jobs.iter().position(|other| other.name.as_str() == from.as_str()) else {
            let names = mission.jobs[..index].iter().filter(|job| executed(job).is_some()).map(|job| job.name.as_str());
            let near = nearest(from.as_str(), names);
            let help = near.map_or_else(|| "name an executed job".to_owned(), |near| format!("did you mean {near:?}?"));
            let message = format!("no job is named {:?}", from.as_str());
            sink.push(Fault::at(from, FaultKind::UnknownName, message).with_help(help));
            continue;
        };
        let base = &mission.jobs[other];
        if other >= index {
            conflict(
                sink,
                from,
                format!("job {:?} must be written before the one that continues from it", from.as_str()),
            );
        } else if executed(base).is_none() {
            conflict(sink, from, format!("job {:?} has no [job.executed]: no network comes of it", from.as_str()));
        }
        if let Some(site) = &job.site {
            let there = base.site.as_ref().map_or("no satellite in particular", |there| there.as_str());
            if there != site.as_str() {
                let message = format!("job {:?}, from which it continues, runs on {there}", from.as_str());
                conflict(
                    sink,
                    site,
                    format!("{message}: the network is on board there; leave site out or give both the same"),
                );
            }
        }
    }
}

/// Greatest number of satellites of one mission, all sites together.
const SATELLITES_MAX: u64 = 1_000_000;

/// Names are given once, and every name that is used is given.
fn check_names(mission: &Mission, sink: &mut Sink) {
    check_unique(mission.stations.iter().filter_map(|station| station.label()), "station", sink);
    check_unique(mission.jobs.iter().map(|job| &job.name), "job", sink);
    check_unique(mission.record.sites.iter(), "recorded satellite", sink);
    let count = mission.sites.iter().map(|site| u64::from(site.satellites())).sum::<u64>();
    if count > SATELLITES_MAX {
        let message = format!("mission has {count} satellites; allowed are {SATELLITES_MAX}");
        sink.push(Fault::at(&mission.sites[0], FaultKind::OutOfRange, message));
        return;
    }
    let mut satellites = BTreeMap::new();
    for site in mission.sites.iter().filter(|site| !site.name.as_str().is_empty()) {
        for name in site.names() {
            if let Some(first) = satellites.insert(name.clone(), &site.name) {
                duplicate(sink, &site.name, "satellite", &name, first);
            }
        }
    }
    for name in mission.jobs.iter().filter_map(|job| job.site.as_ref()).chain(&mission.record.sites) {
        if sink.is_full() {
            return;
        }
        if sink.sound(name) && !satellites.contains_key(name.as_str()) {
            let near = nearest(name.as_str(), satellites.keys().map(String::as_str));
            let known = satellites.keys().take(8).map(String::as_str).collect::<Vec<_>>().join(", ");
            let help = near.map_or_else(|| format!("satellites are {known}"), |near| format!("did you mean {near:?}?"));
            sink.push(
                Fault::at(name, FaultKind::UnknownName, format!("no satellite is named {:?}", name.as_str()))
                    .with_help(help),
            );
        }
    }
}

fn check_unique<'a>(names: impl Iterator<Item = &'a Given<Name>>, what: &str, sink: &mut Sink) {
    let mut seen = BTreeMap::new();
    for name in names.filter(|name| !name.as_str().is_empty()) {
        if let Some(first) = seen.insert(name.as_str(), name) {
            duplicate(sink, name, what, name.as_str(), first);
        }
    }
}

fn duplicate(sink: &mut Sink, name: &Given<Name>, what: &str, text: &str, first: &Given<Name>) {
    let message = format!("{what} {text:?} is named twice");
    sink.push(Fault::at(name, FaultKind::DuplicateName, message).with_help(format!("the first is {}", first.path)));
}
