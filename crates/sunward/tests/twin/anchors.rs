//! The twin against figures from elsewhere: an independent tool, closed forms, and what is known of real satellites.

use std::collections::BTreeMap;
use std::f64::consts::PI;
use std::sync::LazyLock;

use sunward::Outcome;
use sunward_astro::frames::Geodetic;
use sunward_sim::record::EventKind;
use sunward_units::{Meters, Radians};

use crate::flight::{PLAIN, bound, flown, mission_text, since, track, with, world};

/// Starcloud-1 on its own orbit for a day with the stations of its mission, without work.
fn starcloud_1() -> String {
    let mission = include_str!("../../../../missions/starcloud-1.toml");
    let without_jobs = mission.split("[[job]]").next().expect("a text has a beginning");
    let day = with(without_jobs, "duration = \"7 d\"", "duration = \"1 d\"");
    // Plans that end within passes and eclipses: their edges must not show.
    with(&day, "step = \"30 s\"", "step = \"30 s\"\nplanning_interval = \"100 min\"")
}

static DAY: LazyLock<Outcome> = LazyLock::new(|| flown(&starcloud_1()));

/// Rows of testdata/cli/starcloud_1.csv: (station, values) by what they are.
fn expected() -> BTreeMap<String, Vec<(String, Vec<f64>)>> {
    let mut rows: BTreeMap<String, Vec<(String, Vec<f64>)>> = BTreeMap::new();
    for line in mission_text("starcloud_1.csv").lines().skip(2) {
        let mut cells = line.split(',');
        let (what, station) = (cells.next().unwrap().to_owned(), cells.next().unwrap().to_owned());
        let values = cells.filter(|cell| !cell.is_empty()).map(|cell| cell.parse().unwrap()).collect();
        rows.entry(what).or_default().push((station, values));
    }
    rows
}

fn placed(latitude_deg: f64, longitude_deg: f64, height_m: f64) -> [Meters; 3] {
    let place = Geodetic {
        latitude: Radians::from_degrees(latitude_deg),
        longitude: Radians::from_degrees(longitude_deg),
        height: Meters(height_m),
    };
    place.earth_fixed()
}

/// Skyfield knows UT1, Sunward takes UTC for it: 0.1 s in 2026, 37 m apart at most. 100 m is what the mission asks for.
#[test]
fn recorded_places_are_skyfields_within_100_m() {
    let (track, start) = (track(&DAY), DAY.record.header.start);
    let rows = &expected()["subpoint"];
    assert_eq!(rows.len(), 48);
    for (_, row) in rows {
        let [second, latitude, longitude, height] = row[..] else { panic!("{row:?}") };
        let at = track.time.iter().position(|&time| since(start, time) == second).expect("a recorded instant");
        let ours =
            Geodetic { latitude: track.latitude[at], longitude: track.longitude[at], height: track.altitude[at] };
        let (ours, theirs) = (ours.earth_fixed(), placed(latitude, longitude, height));
        let apart = (0..3).map(|axis| (ours[axis].0 - theirs[axis].0).powi(2)).sum::<f64>().sqrt();
        assert!(apart < 100.0, "{second} s: {apart} m apart");
    }
}

/// A second is asked for; measured are 14 ms, of UT1.
#[test]
fn passes_rise_and_set_within_a_tenth_of_a_second_of_skyfields_and_none_is_lost() {
    let (all, start) = (expected(), DAY.record.header.start);
    let (rises, sets) = (&all["rise"], &all["set"]);
    // Skyfield's search tells no event of a pass that is cut by the start or the end of the day.
    let whole = |at: f64| at > 0.0 && at < 86_400.0;
    let of = |name: &str, theirs: &[(String, Vec<f64>)]| -> Vec<f64> {
        theirs.iter().filter(|(station, _)| station == name).map(|(_, row)| row[0]).collect()
    };
    let mut seen = 0;
    for (index, station) in DAY.record.stations.iter().enumerate() {
        let passes = DAY.record.contacts.iter().filter(|pass| pass.station == index as u32);
        let edges: Vec<(f64, f64)> = passes.map(|pass| (since(start, pass.rise), since(start, pass.set))).collect();
        let ours_up: Vec<f64> = edges.iter().map(|edge| edge.0).filter(|&at| whole(at)).collect();
        let ours_down: Vec<f64> = edges.iter().map(|edge| edge.1).filter(|&at| whole(at)).collect();
        for (ours, theirs) in [(ours_up, of(&station.name, rises)), (ours_down, of(&station.name, sets))] {
            assert_eq!(ours.len(), theirs.len(), "{}: {ours:?} {theirs:?}", station.name);
            let worst = ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(worst < 0.1, "{}: {worst} s", station.name);
            seen += ours.len();
        }
    }
    assert_eq!(seen, rises.len() + sets.len());
    assert!(seen > 90, "{seen} edges");
}

/// A second is asked for; measured are 19 ms.
#[test]
fn shadow_edges_are_those_of_traced_rays_within_a_tenth_of_a_second() {
    let (all, start) = (expected(), DAY.record.header.start);
    for (word, kind) in [
        ("penumbra-entered", EventKind::PenumbraEntered),
        ("umbra-entered", EventKind::UmbraEntered),
        ("umbra-left", EventKind::UmbraLeft),
        ("penumbra-left", EventKind::PenumbraLeft),
    ] {
        let ours: Vec<f64> =
            DAY.record.events.iter().filter(|event| event.kind == kind).map(|event| since(start, event.time)).collect();
        let theirs: Vec<f64> = all[word].iter().map(|(_, row)| row[0]).collect();
        assert_eq!(ours.len(), theirs.len(), "{word}");
        assert!(ours.len() >= 15, "15 revolutions a day");
        let worst = ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(worst < 0.1, "{word}: {worst} s");
    }
}

/// Share of a circular orbit in a cylindrical shadow. **Source**: facts 6.1.
fn eclipse_share(altitude_m: f64, beta: f64) -> f64 {
    const RADIUS_M: f64 = 6_378_137.0;
    let x = (altitude_m * altitude_m + 2.0 * RADIUS_M * altitude_m).sqrt() / ((RADIUS_M + altitude_m) * beta.cos());
    if x >= 1.0 { 0.0 } else { x.acos() / PI }
}

#[test]
fn the_closed_form_gives_the_published_shares() {
    for (altitude_m, beta_deg, share) in [(550e3, 0.0, 0.372311), (550e3, 60.0, 0.214735), (650e3, 64.0, 0.0924_f64)] {
        assert!((eclipse_share(altitude_m, f64::to_radians(beta_deg)) - share).abs() < 1e-4);
    }
}

/// The mean illumination agrees with the rays traced by the independent script to the resolution of its 5 s grid, and with
/// the closed form at the day's mean altitude and noon beta to 0.5 % of the day: beta drifts by 4 deg a day, the day ends in the
/// middle of a revolution.
#[test]
fn eclipse_share_is_the_closed_form_at_the_orbits_beta() {
    let all = expected();
    let (beta, mean_light) = (all["share"][0].1[0].to_radians(), all["share"][0].1[1]);
    let ours = DAY.summary.energy.eclipse.0;
    assert!((ours - (1.0 - mean_light)).abs() < 5e-4, "{ours} against {}", 1.0 - mean_light);
    let closed = eclipse_share(all["altitude"][0].1[0], beta);
    assert!((ours - closed).abs() < 5e-3, "{ours} against {closed}");
}

/// Orbit-average array energy, closed form: `E = S / d^2 A cos(error) eta(T) (1 - f)`, with the cells at the temperature at which
/// both faces radiate the sunlight that is absorbed and not drawn. The Earth's infrared and albedo are left to the tolerance of
/// 2 %: they warm the cells by some 5 K, which costs 1.5 %. Measured: 0.6 % less than the closed form.
#[test]
fn a_days_array_energy_is_the_closed_forms_within_2_percent() {
    let world = world(&starcloud_1());
    let array = &world.designs[0].array;
    // The Earth is at 1.0156 AU on 26 July (Astronomical Almanac).
    let irradiance = world.solar_irradiance.0 / 1.0156_f64.powi(2);
    let summary = &DAY.summary.energy;
    let lit = 1.0 - summary.eclipse.0;
    let drawn = summary.generated.0 / 86_400.0 / lit;
    let absorbed = array.absorptance.0 * irradiance * array.area.0 - drawn;
    let emission = 5.670374419e-8 * array.area.0 * (array.emissivity_front.0 + array.emissivity_back.0);
    let temperature = (absorbed / emission).powf(0.25);
    let efficiency = array.efficiency.0 * (1.0 + array.temperature_coefficient.0 * (temperature - 301.15));
    let closed = irradiance * array.area.0 * array.pointing_error.0.cos() * efficiency * lit * 86_400.0;
    let ratio = summary.available.0 / closed;
    assert!((ratio - 1.0).abs() < 0.02, "{ratio} at {temperature} K");
}

/// IEEE Spectrum, July 2026: the radiator was too weak to let the chip run at full power. Nothing in the mission says so.
#[test]
fn starcloud_1s_radiator_binds_its_clock_and_a_larger_one_frees_it() {
    let with_radiator = |area: &str| {
        flown(&with(
            &busy_starcloud(),
            "[site.compute]",
            &format!("[site.thermal]\nradiator_area = \"{area}\"\n[site.compute]"),
        ))
    };
    let (as_built, large) = (flown(&busy_starcloud()), with_radiator("1.5 m2"));
    assert!(bound(&as_built, "heat") > 0.3, "{:?}", as_built.summary.bound);
    assert!(as_built.summary.work.clock_mean.0 < 0.9);
    assert_eq!(bound(&large, "heat"), 0.0);
    assert!(large.summary.work.clock_mean > as_built.summary.work.clock_mean);
    assert!(large.summary.work.computed > as_built.summary.work.computed);
    assert!(large.summary.heat.chip_max < as_built.summary.heat.chip_max);
    let smaller = with_radiator("0.3 m2");
    assert!(smaller.summary.work.computed < as_built.summary.work.computed);
    // Under water, nothing is free: the governor holds the chip at its limit, never above.
    let limit = world(&busy_starcloud()).designs[0].compute.throttle_temperature;
    assert!(as_built.summary.heat.chip_max.0 < limit.0 + 1e-6);
}

/// Its mission with a training job that never ends.
fn busy_starcloud() -> String {
    let job = &PLAIN[PLAIN.find("[[job]]").expect("it has a job")..];
    format!("{}{}", starcloud_1(), with(job, "steps = 19_560", "steps = 1_000_000"))
}

/// BUPT-1 (arXiv:2608.21034; facts 3): a 12U satellite at 490 km, from 30 degC its limit is reached after 9 h with one accelerator
/// at work and after 40 min with two. What the limit is and how the heat is led is not public: only that two reach it many times
/// sooner than one is asserted.
#[test]
fn two_accelerators_reach_the_heat_limit_many_times_sooner_than_one() {
    let text = mission_text("cubesat-12u.toml");
    let minutes = |accelerators: u32| {
        let outcome = flown(&with(&text, "accelerators = 1", &format!("accelerators = {accelerators}")));
        let limit = outcome.record.sites[0].throttle_temperature;
        let track = track(&outcome);
        let hot = track.chip.iter().position(|chip| chip.0 > limit.0 - 0.1);
        hot.map(|row| since(outcome.record.header.start, track.time[row]) / 60.0)
    };
    let (one, two) = (minutes(1), minutes(2).expect("two reach it"));
    assert!((10.0..120.0).contains(&two), "{two} min");
    assert!(one.is_none_or(|one| one > 5.0 * two), "{one:?} min against {two}");
}
