//! What a widely used closed-form tool gets wrong, asserted the other way round in this twin.
//!
//! Tested where they belong, and not again here:
//! - spares and resupply cost money: `sunward-cost`, `ledger::spares_and_resupply_are_paid`;
//! - a fleet that decays costs more: `sunward-cost`, `finance::a_decaying_fleet_costs_more_per_unit`;
//! - a crosslink shares its power among channels and falls with range: `sunward-link`,
//!   `optical::beams_divide_the_aperture_inside_its_confocal_length` and
//!   `optical::power_falls_with_the_square_of_range_far_off_and_is_held_near_by`;
//! - no latency is below light time, San Francisco - London by name: `sunward-link`, `route::no_latency_is_below_light_time`;
//! - radiator area is linear in power: `sunward-plant`, `sizing::area_is_linear_in_power`.
//!
//! A Monte Carlo of inputs and an optimiser are the business of `sunward-study`; what they would vary is asserted here to matter.

use sunward::Outcome;
use sunward_astro::time::Instant;
use sunward_sim::record::{Delay, Direction, EventKind, JobState, Spread, Transfer};

use crate::flight::{PLAIN, bound, events, faults, flown, job, mission_text, since, track, with, world};

fn work(outcome: &Outcome) -> f64 {
    outcome.summary.work.computed.0
}

/// `PLAIN` on another orbit.
fn on_orbit(orbit: &str) -> String {
    with(PLAIN, "sun_synchronous = { altitude = \"650 km\", local_time = \"12:00\" }", orbit)
}

// 1. The orbit's name is ignored.

#[test]
fn a_dawn_dusk_orbit_is_lit_and_a_noon_orbit_is_not() {
    let noon = flown(PLAIN);
    let dawn = flown(&with(PLAIN, "\"12:00\"", "\"06:00\""));
    // The closed form of facts 6.1 at 650 km: beta is the Sun's declination of 19.5 deg and the 8.0 deg by which the orbit leans.
    assert!((noon.summary.energy.eclipse.0 - 0.3425).abs() < 0.003, "{:?}", noon.summary.energy.eclipse);
    assert!(dawn.summary.energy.eclipse.0 < 0.15, "{:?}", dawn.summary.energy.eclipse);
    assert!(work(&dawn) > 1.02 * work(&noon), "{} {}", work(&dawn), work(&noon));
}

#[test]
fn beta_follows_the_node_and_not_a_name() {
    let share = |raan: &str| {
        let orbit = format!("mean = {{ altitude = \"500 km\", inclination = \"51.6 deg\", raan = \"{raan}\" }}");
        flown(&on_orbit(&orbit)).summary.energy.eclipse.0
    };
    let shares = [share("125 deg"), share("215 deg"), share("305 deg")];
    assert!((shares[0] - shares[1]).abs() > 0.03 || (shares[1] - shares[2]).abs() > 0.03, "{shares:?}");
}

#[test]
fn unknown_words_are_refused() {
    let dawn = "sun_synchronous = { altitude = \"650 km\", local_time = \"12:00\" }";
    for (old, new, told) in [
        (dawn, "banana = { altitude = \"650 km\" }", "banana"),
        ("\"12:00\"", "\"dawn-dusk\"", "dawn-dusk"),
        ("[site.array]", "[site.array]\npointing = \"banana\"", "banana"),
        ("[site.thermal]", "[site.thermal]\nradiator_orientation = \"banana\"", "banana"),
        ("[site.array]", "[site.array]\ncell = \"banana\"", "banana"),
        ("\"microsat-60kg\"", "\"banana\"", "banana"),
        ("\"ksat-svalbard\"", "\"banana\"", "banana"),
        ("\"training\"", "\"banana\"", "banana"),
    ] {
        let text = faults(&with(PLAIN, old, new));
        assert!(text.contains(told), "{new}: {text}");
    }
}

// 2. A duty cycle delivers the same compute from 30 % of the array.

#[test]
fn three_tenths_of_the_array_do_less_work() {
    let whole = flown(PLAIN);
    let part = flown(&with(PLAIN, "area = \"1.26 m2\"", "area = \"0.38 m2\""));
    assert!(work(&part) < 0.6 * work(&whole), "{} {}", work(&part), work(&whole));
    assert!(bound(&part, "power") > 0.5, "{:?}", part.summary.bound);
}

#[test]
fn no_energy_is_used_that_was_not_generated_or_stored() {
    for area in ["1.26 m2", "0.38 m2"] {
        let outcome = flown(&with(PLAIN, "area = \"1.26 m2\"", &format!("area = \"{area}\"")));
        let energy = &outcome.summary.energy;
        let used = energy.accelerator.0 + energy.other_loads.0 + energy.losses.0 + energy.stored.0;
        assert!((energy.generated.0 / used - 1.0).abs() < 1e-9, "{area}: {energy:?}");
        assert!(energy.generated <= energy.available);
    }
}

// 4. Thermal capacitance changes nothing, or overflows.

#[test]
fn heat_capacity_slows_the_first_warming_and_no_value_overflows() {
    // At its true power the chip is held at its limit after minutes: the time that takes is what the capacity decides.
    let warming = |board: &str, radiator: &str| {
        let stated =
            format!("[site.thermal]\nboard_heat_capacity = \"{board}\"\nradiator_heat_capacity = \"{radiator}\"\n");
        let outcome = flown(&with(PLAIN, "[site.thermal]\n", &stated));
        let limit = outcome.record.sites[0].throttle_temperature.0;
        let track = track(&outcome);
        assert!(track.chip.iter().all(|chip| chip.0.is_finite() && chip.0 <= limit + 1e-6));
        let row = track.chip.iter().position(|chip| chip.0 > limit - 5.0).expect("the chip gets hot");
        (since(outcome.record.header.start, track.time[row]), work(&outcome))
    };
    let (light, as_built, heavy) =
        (warming("0.1 J/K", "0.1 J/K"), warming("3.4 kJ/K", "2.2 kJ/K"), warming("34 kJ/K", "22 kJ/K"));
    assert!(light.0 < as_built.0 && as_built.0 < heavy.0, "{light:?} {as_built:?} {heavy:?}");
    assert!(light.1 < heavy.1, "a heavy board soaks up what a light one must throttle");
}

// 6 and 7. Designs, not assumptions: each part of the design has its own result, each assumption its range.

#[test]
fn four_designs_are_four_points() {
    let designs = [
        PLAIN.to_owned(),
        with(PLAIN, "area = \"1.26 m2\"", "area = \"1.0 m2\""),
        with(PLAIN, "radiator_area = \"0.35 m2\"", "radiator_area = \"0.6 m2\""),
        with(PLAIN, "[site.array]", "[site.battery]\nenergy = \"0.5 kWh\"\n[site.array]"),
    ];
    let mut all: Vec<f64> = designs.iter().map(|text| work(&flown(text))).collect();
    all.sort_by(f64::total_cmp);
    assert!(all.windows(2).all(|pair| pair[1] > 1.001 * pair[0]), "{all:?}");
}

#[test]
fn every_assumed_quantity_has_a_range_a_source_and_a_reason() {
    let world = world(PLAIN);
    let assumed: Vec<_> = world.assumptions.iter().filter(|value| value.kind == "assumption").collect();
    assert!(assumed.len() > 30, "{}", assumed.len());
    for value in assumed {
        assert!(!value.source.is_empty() && !value.reason.is_empty(), "{value:?}");
        let is_quantity = value.value.starts_with(|letter: char| letter.is_ascii_digit() || letter == '-');
        let is_count = value.key.ends_with("radiator_faces") || value.key.ends_with("antennas");
        assert!(!is_quantity || is_count || (value.low.is_some() && value.high.is_some()), "{value:?}");
    }
}

// 8. Altitudes of 2,500, 35,786 and 384,400 km give the same dose.

#[test]
fn altitudes_outside_the_radiation_model_are_refused() {
    let at = |altitude: &str| {
        on_orbit(&format!("mean = {{ altitude = \"{altitude}\", inclination = \"60 deg\", raan = \"0 deg\" }}"))
    };
    for altitude in ["2500 km", "35786 km", "384400 km"] {
        let told = faults(&at(altitude));
        assert!(told.contains(&format!("altitude {altitude} is outside")) && told.contains("2000 km"), "{told}");
    }
    // Within at its mean height, outside at its apogee.
    let oval =
        on_orbit("mean = { altitude = \"1900 km\", eccentricity = 0.05, inclination = \"60 deg\", raan = \"0 deg\" }");
    assert!(faults(&oval).contains("2000 km"));
}

#[test]
fn dose_grows_with_altitude_and_falls_with_shielding() {
    let dose = |altitude: &str, aluminium: &str| {
        let text =
            on_orbit(&format!("mean = {{ altitude = \"{altitude}\", inclination = \"60 deg\", raan = \"0 deg\" }}"));
        let text = with(&text, "[site.array]", &format!("[site.shielding]\naluminium = \"{aluminium}\"\n[site.array]"));
        flown(&with(&text, "12 h", "1 d")).summary.radiation.dose.0
    };
    let doses = [dose("500 km", "3 mm"), dose("800 km", "3 mm"), dose("1400 km", "3 mm")];
    assert!(doses[1] > 1.5 * doses[0] && doses[2] > 3.0 * doses[1], "{doses:?}");
    assert!(dose("800 km", "10 mm") < 0.5 * doses[1]);
}

// 9. Utilisation does not change the power drawn; a fleet does not decay.

#[test]
fn a_busy_accelerator_draws_more_than_an_idle_one() {
    let serving = |requests: u32| {
        let text = with(PLAIN, "kind = \"training\"", &format!("kind = \"serving\"\nrequests_per_day = {requests}"));
        let keys = "parameters = 774_000_000\ntokens_per_step = 524_288\nsteps = 19_560\nlayers = 36\nwidth = 1280\ncontext = 1024\n";
        let text = with(
            &text,
            keys,
            "parameters = 8_000_000_000\nweight_bits = 16\nprompt_tokens = 500\noutput_tokens = 500\nbatch = 1\nkv_bits_per_token = \"128 kB\"\norigin = \"onboard\"\n",
        );
        let outcome = flown(&with(&text, "checkpoint_interval = \"10 min\"\n", ""));
        (outcome.summary.energy.accelerator.0, outcome.summary.heat.chip_max.0, work(&outcome))
    };
    let (seldom, often) = (serving(500), serving(5_000));
    assert!((often.2 / seldom.2 - 10.0).abs() < 2.0, "ten times the requests: {seldom:?} {often:?}");
    assert!(often.0 > 5.0 * seldom.0, "{seldom:?} {often:?}");
    assert!(often.1 > seldom.1, "{seldom:?} {often:?}");
}

#[test]
fn a_smaller_share_of_the_peak_costs_more_energy_for_each_operation() {
    let per_work = |share: &str| {
        let outcome = flown(&with(PLAIN, "utilisation = 0.35", &format!("utilisation = {share}")));
        outcome.summary.energy.accelerator.0 / work(&outcome)
    };
    assert!(per_work("0.1") > 2.0 * per_work("0.35"));
}

#[test]
fn arrays_and_batteries_age_and_failed_accelerators_stay_failed() {
    let old = with(PLAIN, "[site.array]", "[site.battery]\ncycles = 2000\n[site.array]\nage = \"5 yr\"");
    let (young, old) = (flown(PLAIN), flown(&old));
    assert!(old.summary.energy.available.0 < 0.98 * young.summary.energy.available.0);
    assert!(old.summary.energy.battery_health < young.summary.energy.battery_health);
    assert!(young.summary.energy.battery_health.0 < 1.0, "even half a day takes something");

    // 120 days of 200 accelerators at 5 % a year: three failures are expected.
    let long = with(PLAIN, "\"12 h\"\nstep = \"30 s\"", "\"120 d\"\nstep = \"10 min\"\nplanning_interval = \"30 d\"");
    let outcome = flown(&with(&long, "count = 1", "count = 200"));
    let failed = events(&outcome, EventKind::PermanentFault);
    assert_eq!(failed.len(), outcome.summary.radiation.permanent_faults as usize);
    assert!((1..12).contains(&failed.len()), "{failed:?}");
    let kinds = outcome.record.events.iter().filter(|event| event.kind == EventKind::PermanentFault);
    let details: Vec<&str> = kinds.map(|event| event.detail.as_str()).collect();
    let counted: Vec<String> =
        (1..=failed.len()).map(|lost| format!("{} of 200 accelerators left", 200 - lost)).collect();
    assert_eq!(details, counted, "none comes back");
}

// 10. A missing inclination becomes 0 degrees.

#[test]
fn a_missing_inclination_is_a_fault() {
    for (orbit, missing) in [
        ("mean = { altitude = \"500 km\", raan = \"0 deg\" }", "inclination"),
        ("mean = { altitude = \"500 km\", inclination = \"51.6 deg\" }", "raan"),
        ("mean = { inclination = \"51.6 deg\", raan = \"0 deg\" }", "altitude"),
        ("walker = { altitude = \"500 km\", satellites = 4, planes = 2, phasing = 1 }", "inclination"),
    ] {
        let text = faults(&on_orbit(orbit));
        assert!(text.contains("missing") && text.contains(missing), "{text}");
    }
}

// Others: latencies below light time.

#[test]
fn no_bit_arrives_before_light_could_carry_it() {
    let text = with(PLAIN, "priority = 5", "priority = 5\ninput = \"100 MB\"\nsample_interval = 10\nsample = \"1 MB\"");
    let outcome = flown(&with(
        &text,
        "[[station]]\ncatalog = \"ksat-svalbard\"",
        "[[station]]\ncatalog = \"ksat-svalbard\"\n[[station]]\ncatalog = \"ksat-trollsat\"",
    ));
    let world = world(&text);
    assert!(outcome.record.transfers.len() > 20, "{}", outcome.record.transfers.len());
    let light_s = |range_m: f64| range_m / 299_792_458.0;
    for transfer in &outcome.record.transfers {
        // A station sees a satellite no nearer than it flies, 640 km over the ellipsoid, and no further than 2,500 km at 5 deg.
        assert!(transfer.light.0 > light_s(640e3) && transfer.light.0 < light_s(2_600e3), "{transfer:?}");
        assert!(since(transfer.begin, transfer.end) >= transfer.light.0 - 1e-9, "{transfer:?}");
    }
    let sunward_mission::world::Links::Radio { down, .. } = &world.links[0][0] else { panic!("a radio link") };
    for pass in &outcome.record.contacts {
        let most = down.parameters().rate_max.0 * since(pass.rise, pass.set);
        assert!(pass.down.0 <= most * (1.0 + 1e-9), "{pass:?}");
    }
}

#[test]
fn requests_from_the_ground_wait_for_passes_and_those_on_board_do_not() {
    let serving = |origin: &str| {
        let text = with(PLAIN, "kind = \"training\"", "kind = \"serving\"\nrequests_per_day = 2000");
        let keys = "parameters = 774_000_000\ntokens_per_step = 524_288\nsteps = 19_560\nlayers = 36\nwidth = 1280\ncontext = 1024\n";
        let text = with(
            &text,
            keys,
            &format!(
                "parameters = 774_000_000\nweight_bits = 16\nprompt_tokens = 500\noutput_tokens = 500\nbatch = 1\nkv_bits_per_token = \"128 kB\"\norigin = \"{origin}\"\n"
            ),
        );
        let outcome = flown(&with(&text, "checkpoint_interval = \"10 min\"\n", ""));
        let job = job(&outcome, "train");
        assert!(job.delays.len() > 100);
        (job.delays[0].total().seconds().0, job.latency.total.median.unwrap().0, job.latency)
    };
    let (ground, onboard) = (serving("ground"), serving("onboard"));
    assert!(ground.0 > 2.0 * 640e3 / 299_792_458.0, "up and down again: {ground:?}");
    assert!(ground.1 > 600.0 && onboard.1 < 60.0, "{ground:?} {onboard:?}");
    // Most of it is waiting for a station; on board there is neither contact nor light to wait for.
    let mean = |spread: Spread| spread.mean.unwrap().0;
    assert!(mean(ground.2.contact) > 0.8 * mean(ground.2.total), "{:?}", ground.2);
    assert!(mean(ground.2.light) > 4e-3 && mean(ground.2.light) < 20e-3, "650 km to the horizon, twice");
    assert_eq!([onboard.2.contact, onboard.2.light].map(mean), [0.0, 0.0]);
    // An H100 reads 1.5 GB of weights for each of 500 tokens in at least 0.39 s.
    for latency in [ground.2, onboard.2] {
        assert!((0.39..2.0).contains(&mean(latency.compute)), "{latency:?}");
    }
}

/// One H100 that reads 2 GB of weights for each of 1000 tokens, and asks for little: at most one request a step is at hand, so that
/// each takes its own time and none waits, also where a batch could hold more. H100 PCIe: 2.0 TB/s (catalog).
#[test]
fn a_request_that_waits_for_nothing_takes_the_time_of_its_memory_traffic() {
    let text = with(PLAIN, "kind = \"training\"", "kind = \"serving\"\nrequests_per_day = 20");
    let keys = "parameters = 774_000_000\ntokens_per_step = 524_288\nsteps = 19_560\nlayers = 36\nwidth = 1280\ncontext = 1024\n";
    for batch in [1, 8] {
        let serving = format!(
            "parameters = 1_000_000_000\nweight_bits = 16\nprompt_tokens = 1\noutput_tokens = 1000\nbatch = {batch}\nkv_bits_per_token = \"1 bit\"\norigin = \"onboard\"\n"
        );
        let outcome = flown(&with(&with(&text, keys, &serving), "checkpoint_interval = \"10 min\"\n", ""));
        let latency = job(&outcome, "train").latency;
        let expected = 1001.0 * 2e9 / 2e12;
        assert!((latency.total.median.unwrap().0 / expected - 1.0).abs() < 1e-3, "{latency:?} for {expected} s");
        assert_eq!(latency.compute.median, latency.total.median);
        assert_eq!([latency.queue, latency.contact, latency.light].map(|part| part.median.unwrap().0), [0.0; 3]);
    }
}

#[test]
fn parts_of_every_latency_sum_to_it_and_their_means_too() {
    let outcome = flown(&mission_text("every-key-flown.toml"));
    let served = outcome.record.jobs.iter().filter(|job| !job.delays.is_empty());
    let mut kinds = Vec::new();
    for job in served {
        kinds.push(job.kind.as_str());
        for delay in &job.delays {
            let parts = [delay.light, delay.contact, delay.queue, delay.compute];
            assert!(parts.iter().all(|part| part.0 >= 0), "{}: {delay:?}", job.name);
        }
        let latency = job.latency;
        let parts = [latency.light, latency.contact, latency.queue, latency.compute];
        let sum: f64 = parts.iter().map(|part| part.mean.unwrap().0).sum();
        assert!((sum / latency.total.mean.unwrap().0 - 1.0).abs() < 1e-12, "{}: {latency:?}", job.name);
    }
    assert!(kinds.contains(&"serving") && kinds.contains(&"imagery"), "{kinds:?}");
    // Requests arrive at the ends of steps: that is where every sum must lead, back from the landing of an answer.
    let (record, serve) = (&outcome.record, outcome.record.jobs.iter().position(|job| job.name == "serve").unwrap());
    let of_serve = |transfer: &&Transfer| transfer.job == serve as u32 && transfer.direction == Direction::Down;
    let landings: Vec<Instant> = record.transfers.iter().filter(of_serve).map(|transfer| transfer.end).collect();
    let arrived_at_a_step = |delay: &Delay| {
        let since_start = |&landing: &Instant| landing - delay.total() - record.header.start;
        landings.iter().map(since_start).any(|span| span.0 > 0 && span.0 % record.header.step.0 == 0)
    };
    assert!(landings.len() > 2 && record.jobs[serve].delays.iter().all(arrived_at_a_step));
}

// Others: schedulers that never see data, contacts or radiation.

#[test]
fn without_contacts_nothing_is_delivered_and_no_input_arrives() {
    let sending = with(PLAIN, "steps = 19_560", "steps = 100\noutput = \"3 GB\"");
    let connected = flown(&sending);
    assert_eq!(job(&connected, "train").state, JobState::Delivered);
    let alone = flown(&with(&sending, "[[station]]\ncatalog = \"ksat-svalbard\"\n", ""));
    assert_eq!(job(&alone, "train").state, JobState::Computed);
    assert_eq!(alone.summary.work.delivered.0, 0.0);
    assert!(work(&alone) > 0.0);
    assert_eq!(alone.summary.data.waiting, job_output(&sending));

    let fed = with(&sending, "priority = 5", "priority = 5\ninput = \"10 MB\"");
    let unfed = flown(&with(&fed, "[[station]]\ncatalog = \"ksat-svalbard\"\n", ""));
    assert_eq!(job(&unfed, "train").state, JobState::Waiting);
    assert!((bound(&unfed, "link") - 1.0).abs() < 1e-9, "{:?}", unfed.summary.bound);
    let fed = flown(&fed);
    let (input, rise) = (job(&fed, "train").input_arrived.expect("it comes up"), fed.record.contacts[0].rise);
    assert!(input > rise);
}

fn job_output(text: &str) -> sunward_units::Bits {
    world(text).jobs[0].output
}

#[test]
fn a_station_out_of_sight_is_no_station() {
    // facts 2.2: 45.4 deg of inclination never sees Svalbard.
    let orbit = "mean = { altitude = \"500 km\", inclination = \"45.4 deg\", raan = \"271 deg\" }";
    let outcome = flown(&with(&on_orbit(orbit), "steps = 19_560", "steps = 100\noutput = \"1 MB\""));
    assert_eq!(outcome.summary.data.contacts, 0);
    assert_eq!(job(&outcome, "train").state, JobState::Computed);
}

#[test]
fn one_antenna_serves_one_satellite_at_a_time() {
    let two = with(PLAIN, "compute = {", "count = 2\ncompute = {");
    let two = with(&two, "name = \"train\"", "name = \"a\"\nsite = \"one-1\"");
    let two = with(&two, "steps = 19_560", "steps = 100\noutput = \"200 GB\"");
    let second = two[two.find("[[job]]").unwrap()..].replace("\"a\"", "\"b\"").replace("one-1", "one-2");
    // Opposite each other on one orbit they do not meet over the station; a third of a minute apart they do.
    let near = with(&two, "count = 2\n", "").replace("one-1", "one");
    let follower = r#"
[[site]]
name = "two"
platform = "microsat-60kg"
compute = { accelerator = "h100-pcie", count = 1 }
orbit.sun_synchronous = { altitude = "650 km", local_time = "12:00", phase = "-1 deg" }
"#;
    let near = format!("{near}{}{follower}", second.replace("one-2", "two"));
    let down = |text: &str| flown(text).summary.data.down.0;
    let (apart, close) = (down(&format!("{two}{second}")), down(&near));
    assert!(close < 0.7 * apart, "{close} {apart}");
    let shared = near.replace("catalog = \"ksat-svalbard\"", "catalog = \"ksat-svalbard\"\nantennas = 2");
    assert!(down(&shared) > 1.5 * close);
}

#[test]
fn radiation_takes_work_and_checkpoints_give_some_back() {
    let struck = |every: &str, factor: &str| {
        let text = with(PLAIN, "checkpoint_interval = \"10 min\"", &format!("checkpoint_interval = \"{every}\""));
        flown(&format!("{text}[radiation]\nupset_multiplier = {factor}\n"))
    };
    let (calm, often, seldom) = (struck("10 min", "0"), struck("10 min", "3000"), struck("6 h", "3000"));
    assert_eq!((calm.summary.radiation.rollbacks, calm.summary.work.lost.0), (0, 0.0));
    assert!(often.summary.radiation.rollbacks > 0 && often.summary.work.lost.0 > 0.0);
    assert!(work(&often) < work(&calm));
    assert!(work(&seldom) < work(&often), "{} {}", work(&seldom), work(&often));
    assert!(bound(&often, "radiation") > 0.0, "reboots take time");
}

// Others: a single thermal node, 12 to 15 K wrong at the chip.

#[test]
fn the_chip_is_far_hotter_than_the_radiator() {
    let outcome = flown(PLAIN);
    let track = track(&outcome);
    let busy = (0..track.time.len()).filter(|&row| track.accelerator[row].0 > 150.0);
    let apart: Vec<f64> = busy.map(|row| track.chip[row].0 - track.radiator[row].0).collect();
    assert!(apart.len() > 100);
    let mean = apart.iter().sum::<f64>() / apart.len() as f64;
    assert!(mean > 12.0, "{mean} K");
}
