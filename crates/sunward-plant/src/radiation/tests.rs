use super::*;
use crate::radiation::shield::{Component, anchor_gy_s};
use sunward_units::random::{Purpose, Stream};
use sunward_units::{Bits, JULIAN_YEAR_S, PerSecond, Seconds, SquareMeters};

const FIVE_YEARS_S: f64 = 1825.0 * 86_400.0;

fn mm(depth: f64) -> Meters {
    Meters(depth * 1e-3)
}

fn model(depth_mm: f64) -> RadiationModel {
    RadiationModel::new(mm(depth_mm), 2025.0).unwrap()
}

fn rows(text: &str) -> Vec<Vec<f64>> {
    let numbers = text.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit()));
    numbers.map(|line| line.split(',').map(|cell| cell.parse().unwrap()).collect()).collect()
}

fn spenvis() -> Vec<Vec<f64>> {
    rows(include_str!("../../../../testdata/radiation/spenvis_550km.csv"))
}

/// Proton, electron and bremsstrahlung dose rates at one place.
fn at(
    model: &RadiationModel,
    latitude_deg: f64,
    longitude_deg: f64,
    altitude: f64,
) -> Result<[f64; 3], RadiationError> {
    let (radius, (sin, cos)) = (MEAN_RADIUS.0 + altitude, latitude_deg.to_radians().sin_cos());
    let (east, north) = longitude_deg.to_radians().sin_cos();
    let mut out = [[0.0]; 3];
    let [proton_gy_s, electron_gy_s, bremsstrahlung_gy_s] = &mut out;
    let mut rates = DoseRates { proton_gy_s, electron_gy_s, bremsstrahlung_gy_s };
    model.dose_rates(&[radius * cos * north], &[radius * cos * east], &[radius * sin], &mut rates)?;
    Ok(out.map(|[rate]| rate))
}

/// Reference: the whole SPENVIS table at 100 degrees (the anchor), through the model and its orbit integral.
#[test]
fn the_anchor_orbit_gives_the_published_doses() {
    for row in spenvis().iter().filter(|row| row[0] == 100.0) {
        let mean = model(row[1]).circular_orbit_mean(Meters(550e3), 100.0).unwrap();
        let rad = [mean.electron, mean.bremsstrahlung, mean.proton].map(|dose| dose.0 * FIVE_YEARS_S * 100.0);
        for (got, want) in rad.into_iter().zip(&row[2..]) {
            assert!((got - want).abs() <= 1e-9 * want, "{} mm: {got} rad, published {want}", row[1]);
        }
    }
}

/// Reference, not fitted: the other inclinations of the same table. Tolerances are the measured ratios, rounded outwards: below 30
/// degrees only the fringe of the inner belt is met.
#[test]
fn other_inclinations_follow() {
    for depth in [1.0, 2.0, 5.0, 10.0, 20.0] {
        let model = model(depth);
        for row in spenvis().iter().filter(|row| row[1] == depth) {
            let mean = model.circular_orbit_mean(Meters(550e3), row[0]).unwrap();
            let got = [mean.electron, mean.bremsstrahlung, mean.proton].map(|dose| dose.0 * FIVE_YEARS_S * 100.0);
            let total: f64 = row[2..].iter().sum();
            let ratio = got.iter().sum::<f64>() / total;
            println!(
                "{depth} mm, {} deg: total {ratio:.2}, electrons {:.2}, bremsstrahlung {:.2}, protons {:.2}; published {total:.4} rad",
                row[0],
                got[0] / row[2],
                got[1] / row[3],
                got[2] / row[4]
            );
            let within = if row[0] >= 30.0 { 0.85..1.2 } else { 0.95..1.45 };
            assert!(row[0] == 0.0 || within.contains(&ratio), "{depth} mm, {} deg: {ratio}", row[0]);
            assert!(
                row[0] > 0.0 || got.iter().sum::<f64>() < 1.0,
                "an equatorial orbit at 550 km is nearly free of dose"
            );
        }
    }
}

/// Oracle: orbit means of AP-8 MIN and AE-8 MAX themselves in Jensen and Cain's field, relative to the anchor orbit.
#[test]
fn other_altitudes_follow_the_maps() {
    let (protons, electrons) = (model(10.0), model(2.0));
    let all = rows(include_str!("../../../../testdata/radiation/orbit_mean_flux.csv"));
    let anchor = all.iter().find(|row| row[0] == 550.0 && row[1] == 100.0).unwrap().clone();
    let base = [&protons, &electrons].map(|m| m.circular_orbit_mean(Meters(550e3), 100.0).unwrap());
    for row in &all {
        let [p, e] = [&protons, &electrons].map(|m| m.circular_orbit_mean(Meters(row[0] * 1e3), row[1]).unwrap());
        let proton = p.proton / base[0].proton * anchor[2] / row[2];
        let electron = e.electron / base[1].electron * anchor[3] / row[3];
        println!("{} km, {} deg: protons {proton:.3}, electrons {electron:.3} of the maps", row[0], row[1]);
        // at the belt's lower edge the half per cent between IGRF and Jensen and Cain's field weighs most
        let within = if row[0] < 500.0 { 0.6..1.5 } else { 0.85..1.15 };
        assert!(within.contains(&proton), "{} km {} deg: protons {proton}", row[0], row[1]);
        // a flux below 2 % of the anchor's drowns in the protons' dose
        let drowned = row[3] < 0.02 * anchor[3];
        assert!(drowned || (0.8..1.25).contains(&electron), "{} km {} deg: electrons {electron}", row[0], row[1]);
    }
}

/// Google states about 150 rad/yr at 650 km behind 10 mm (arXiv:2511.19468). This model gives 229: the anchor's 114 at 550 km
/// times the doubling of AP-8 MIN over that height. Neither the statement's solar phase nor its shield's shape is published.
#[test]
fn the_suncatcher_orbit_gets_one_and_a_half_times_the_stated_dose() {
    let mean = model(10.0).circular_orbit_mean(Meters(650e3), 97.986).unwrap();
    let rad_per_year = mean.total().0 * JULIAN_YEAR_S * 100.0;
    println!("650 km, 10 mm: {rad_per_year:.1} rad/yr, {:.2} of the stated 150", rad_per_year / 150.0);
    assert!((200.0..260.0).contains(&rad_per_year), "{rad_per_year}");
}

/// The anomaly: measured at 540 km its particles peak near 25-30 S and 35-60 W; the rest of the tropics is quiet.
#[test]
fn the_proton_peak_is_over_the_south_atlantic() {
    let model = model(10.0);
    let mut best = (0.0, 0.0, 0.0);
    for latitude in (-80..=80).step_by(2) {
        for longitude in (-180..180).step_by(2) {
            let [proton, ..] = at(&model, f64::from(latitude), f64::from(longitude), 550e3).unwrap();
            if proton > best.0 {
                best = (proton, f64::from(latitude), f64::from(longitude));
            }
        }
    }
    println!("peak {:.3e} Gy/s at {} deg N, {} deg E", best.0, best.1, best.2);
    assert!((-36.0..=-22.0).contains(&best.1) && (-65.0..=-40.0).contains(&best.2), "{best:?}");
    for longitude in [60.0, 100.0, 140.0, 180.0] {
        assert_eq!(at(&model, -30.0, longitude, 550e3).unwrap()[0], 0.0, "{longitude}");
    }
}

/// The outer belt comes down at high latitude on every longitude, the slot and the caps stay quieter.
#[test]
fn electrons_have_polar_horns() {
    let model = model(2.0);
    let rate = |latitude: f64, longitude: f64| at(&model, latitude, longitude, 550e3).unwrap()[1];
    for longitude in [-150.0, -60.0, 60.0, 150.0] {
        let ring = |low: i32, high: i32| (low..high).map(|l| rate(f64::from(l), longitude)).fold(0.0, f64::max);
        let (horn, tropics, pole) = (ring(45, 72), ring(0, 25), rate(89.0, longitude));
        assert!(horn > 100.0 * tropics && horn > 100.0 * pole, "{longitude}: {horn:.2e} {tropics:.2e} {pole:.2e}");
    }
}

/// Property: thicker is never worse, higher (inside the inner belt's lower edge) never better.
#[test]
fn dose_falls_with_shielding_and_rises_with_altitude() {
    let total = |depth: f64, altitude: f64| model(depth).circular_orbit_mean(Meters(altitude), 98.0).unwrap().total().0;
    let by_depth: Vec<f64> = [0.5, 0.7, 1.0, 3.3, 9.99, 10.0, 17.0, 19.5, 20.0].map(|d| total(d, 600e3)).into();
    assert!(by_depth.windows(2).all(|pair| pair[1] < pair[0]), "{by_depth:?}");
    let by_altitude: Vec<f64> = [300e3, 550e3, 650e3, 1000e3, 1500e3, 2000e3].map(|h| total(5.0, h)).into();
    assert!(by_altitude.windows(2).all(|pair| pair[1] > 1.15 * pair[0]), "{by_altitude:?}");
}

#[test]
fn the_year_only_turns_the_pattern() {
    let (early, late) =
        (RadiationModel::new(mm(10.0), 2010.0).unwrap(), RadiationModel::new(mm(10.0), 2010.0 + 50.0 / 3.0).unwrap());
    let (a, b) = (at(&early, -30.0, -30.0, 600e3).unwrap(), at(&late, -30.0, -35.0, 600e3).unwrap());
    assert!(a[0] > 0.0 && (a[0] / b[0] - 1.0).abs() < 1e-9, "{a:?} {b:?}");
    assert_ne!(a[0], at(&late, -30.0, -30.0, 600e3).unwrap()[0]);
}

#[test]
fn a_batch_equals_single_places_bit_for_bit() {
    let model = model(3.0);
    let points: Vec<_> =
        (0..150).map(|k| (f64::from(k) - 75.0, f64::from(7 * k % 360), 400e3 + 9e3 * f64::from(k))).collect();
    let place = |(latitude, longitude, altitude): (f64, f64, f64)| {
        let (radius, (sin, cos)) = (MEAN_RADIUS.0 + altitude, latitude.to_radians().sin_cos());
        let (east, north) = longitude.to_radians().sin_cos();
        [radius * cos * north, radius * cos * east, radius * sin]
    };
    let column = |axis: usize| points.iter().map(|&p| place(p)[axis]).collect::<Vec<_>>();
    let mut out = [vec![0.0; 150], vec![0.0; 150], vec![0.0; 150]];
    let [proton_gy_s, electron_gy_s, bremsstrahlung_gy_s] = &mut out;
    let mut rates = DoseRates { proton_gy_s, electron_gy_s, bremsstrahlung_gy_s };
    model.dose_rates(&column(0), &column(1), &column(2), &mut rates).unwrap();
    for (k, &(latitude, longitude, altitude)) in points.iter().enumerate() {
        assert_eq!([out[0][k], out[1][k], out[2][k]], at(&model, latitude, longitude, altitude).unwrap());
    }
}

#[test]
fn ranges_in_aluminium() {
    assert!((proton_energy_mev(mm(18.0)) / 67.0 - 1.0).abs() < 0.01);
    // Katz and Penfold by hand: 1 MeV 0.412 g/cm2; 3 MeV 1.484 g/cm2
    assert!((electron_energy_mev(Meters(0.412 / 270.0)) - 1.0).abs() < 1e-9);
    assert!((electron_energy_mev(Meters(1.484 / 270.0)) - 3.0).abs() < 1e-9);
    let below = electron_energy_mev(Meters(1.218 / 270.0));
    let above = electron_energy_mev(Meters(1.220 / 270.0));
    assert!((above - below).abs() < 0.06, "the two forms meet near 2.5 MeV: {below} {above}");
}

/// Between tabulated depths the line is straight in the logarithms: at the geometric mean, the geometric mean.
#[test]
fn depths_between_the_table_are_log_log() {
    let dose = |depth: f64| anchor_gy_s(Component::Proton, mm(depth)).unwrap();
    assert!((dose(12f64.sqrt()) / (dose(3.0) * dose(4.0)).sqrt() - 1.0).abs() < 1e-12);
    let electrons = |depth: f64| anchor_gy_s(Component::Electron, mm(depth)).unwrap();
    assert!((electrons(19.0) / electrons(18.0) - 0.5).abs() < 1e-9 && electrons(20.0) == 0.0);
}

/// A table clamped without a word gave one dose at 2,500, 35,786 and 384,400 km; here each is refused by name.
#[test]
fn altitudes_shields_and_epochs_outside_are_refused() {
    let ten = model(10.0);
    for altitude in [250e3, 2_500e3, 35_786e3, 384_400e3, f64::NAN] {
        let error = at(&ten, 0.0, 0.0, altitude).unwrap_err();
        assert!(matches!(error, RadiationError::Altitude { index: 0, .. }), "{altitude}: {error}");
    }
    let message = at(&ten, 0.0, 0.0, 2_500e3).unwrap_err().to_string();
    assert!(message.contains("2500 km above") && message.contains("300..=2000 km only"), "{message}");
    assert!(at(&ten, 0.0, 0.0, 300e3).is_ok() && at(&ten, 90.0, 0.0, 2_000e3).is_ok());
    for depth in [0.49, 20.1, -1.0, f64::NAN] {
        assert!(matches!(RadiationModel::new(mm(depth), 2025.0), Err(RadiationError::Shielding(_))), "{depth}");
    }
    assert_eq!(
        RadiationModel::new(mm(25.0), 2025.0).unwrap_err().to_string(),
        "shielding of 25 mm of aluminium is outside 0.5 mm..=20 mm"
    );
    assert!(matches!(RadiationModel::new(mm(1.0), 2040.0), Err(RadiationError::Epoch(_))));
    let mut rates = DoseRates { proton_gy_s: &mut [0.0], electron_gy_s: &mut [0.0], bremsstrahlung_gy_s: &mut [] };
    assert!(matches!(ten.dose_rates(&[7e6], &[0.0], &[0.0], &mut rates), Err(RadiationError::Field(_))));
}

/// Reference: arXiv:2511.19468 at 150 rad/yr, the arithmetic by hand.
#[test]
fn trillium_events_at_150_rad_a_year() {
    let part = Susceptibility::TRILLIUM;
    let rates = part.rates(1.5 / JULIAN_YEAR_S).unwrap();
    let per_year = |event| rates.of(event).0 * JULIAN_YEAR_S;
    let corruption = per_year(Event::SilentCorruption);
    assert!((corruption - 8.8235).abs() < 1e-3, "{corruption}");
    assert!((1.0 / rates.of(Event::SilentCorruption).0 / 3.58e6 - 1.0).abs() < 1e-3);
    assert!((5.0 * corruption - 44.1).abs() < 0.05);
    assert!((4096.0 * corruption / 4.0 - 9034.0).abs() < 5.0);
    assert!((per_year(Event::UncorrectableMemory) - 150.0 / 44.0).abs() < 1e-12);
    assert!((per_year(Event::ChipInterrupt) - 0.03).abs() < 1e-12);
    assert!((per_year(Event::CpuInterrupt) - 1.0 / 3.0).abs() < 1e-12);
    assert!((per_year(Event::RamInterrupt) - 0.375).abs() < 1e-12);
    let sigma_cm2 = |dose: Grays| cross_section(dose).0 * 1e4;
    let [low, high] = part.range(Event::SilentCorruption).map(sigma_cm2);
    assert!((low / 8.82e-9 - 1.0).abs() < 1e-3 && (high / 6.35e-9 - 1.0).abs() < 1e-3);
    assert!((sigma_cm2(part.dose_per_event(Event::UncorrectableMemory)) / 2.89e-9 - 1.0).abs() < 2e-3);
    assert!((sigma_cm2(part.dose_per_event(Event::ChipInterrupt)) / 2.54e-11 - 1.0).abs() < 1e-9);
    let [tx1, _] = part.range(Event::ChipInterrupt).map(sigma_cm2);
    assert!((tx1 / 6.22e-8 - 1.0).abs() < 2e-3, "{tx1}");
}

#[test]
fn only_memory_errors_scale_with_memory() {
    let larger = Susceptibility::TRILLIUM.with_memory(Bits(80e9 * 8.0)).unwrap();
    for event in Event::ALL {
        let ratio = Susceptibility::TRILLIUM.dose_per_event(event) / larger.dose_per_event(event);
        let want = if event == Event::UncorrectableMemory { 2.5 } else { 1.0 };
        assert!((ratio - want).abs() < 1e-12, "{event:?} {ratio}");
    }
}

/// Poisson: mean and variance both equal the expectation; kinds, steps and entities are independent.
#[test]
fn counts_are_poisson() {
    for mean in [0.003, 0.7, 30.0, 480.0] {
        let stream = Event::CpuInterrupt.stream(7, 3);
        let n = 20_000u64;
        let draws: Vec<f64> =
            (0..n).map(|step| f64::from(event_count(&stream, Event::CpuInterrupt, step, mean).unwrap())).collect();
        let average = draws.iter().sum::<f64>() / n as f64;
        let variance = draws.iter().map(|d| (d - average).powi(2)).sum::<f64>() / n as f64;
        let five_sigma = 5.0 * (mean / n as f64).sqrt();
        assert!((average - mean).abs() < five_sigma, "mean {average} of {mean}");
        // the variance of a variance estimate is (2 mean^2 + mean) / n
        assert!(
            (variance - mean).abs() < 5.0 * ((2.0 * mean * mean + mean) / n as f64).sqrt(),
            "variance {variance} of {mean}"
        );
    }
    let count = |event: Event, entity| {
        (0..64).map(|step| event_count(&event.stream(1, entity), event, step, 3.0).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(count(Event::ChipInterrupt, 1), count(Event::ChipInterrupt, 1));
    assert_ne!(count(Event::ChipInterrupt, 1), count(Event::ChipInterrupt, 2));
    assert_ne!(count(Event::ChipInterrupt, 1), count(Event::CpuInterrupt, 1));
    assert!(count(Event::SilentCorruption, 1).iter().any(|&c| c > 0));
}

#[test]
fn times_fill_the_step_evenly() {
    let (event, duration) = (Event::SilentCorruption, Seconds(60.0));
    let stream = event.stream(11, 0);
    let times: Vec<f64> = (0..4000)
        .flat_map(|step| (0..3).map(move |k| (step, k)))
        .map(|(step, k)| event_time(&stream, event, step, k, duration).0)
        .collect();
    assert!(times.iter().all(|t| (0.0..60.0).contains(t)));
    for quarter in 0..4 {
        let low = 15.0 * f64::from(quarter);
        let inside = times.iter().filter(|t| (low..low + 15.0).contains(*t)).count();
        assert!((2750..3250).contains(&inside), "quarter {quarter}: {inside} of 12000");
    }
}

#[test]
fn total_dose_limits() {
    let rad = |dose: f64| dose_state(Grays(dose * 0.01));
    assert_eq!([rad(750.0), rad(1999.0)], [DoseState::Nominal; 2]);
    assert_eq!([rad(2000.0), rad(15_000.0)], [DoseState::MemoryIrregular; 2]);
    assert_eq!(rad(15_001.0), DoseState::Untested);
}

#[test]
fn permanent_faults_are_exponential() {
    let stream = Stream::new(5, 0, Purpose::Fault);
    let hazard = PerSecond(0.09 / JULIAN_YEAR_S);
    let ages: Vec<f64> = (0..20_000).map(|life| fault_age(&stream, life, hazard).unwrap().unwrap().0).collect();
    let mean = ages.iter().sum::<f64>() / 20_000.0;
    assert!((mean * hazard.0 - 1.0).abs() < 0.035, "{mean}");
    let first_year = ages.iter().filter(|&&age| age < JULIAN_YEAR_S).count() as f64 / 20_000.0;
    assert!((first_year - 0.0861).abs() < 0.01, "1 - exp(-0.09): {first_year}");
    assert_eq!(fault_age(&stream, 0, PerSecond(0.0)).unwrap(), None);
}

/// 1e-2 /m2/yr on 100 m2 for a year: 1 - 1/e; small exposures stay proportional.
#[test]
fn debris_strikes() {
    let year = |flux: f64, area: f64| {
        debris_strike_probability(flux / JULIAN_YEAR_S, SquareMeters(area), Seconds(JULIAN_YEAR_S)).unwrap().0
    };
    assert!((year(1e-2, 100.0) - 0.632_120_558_8).abs() < 1e-9);
    assert!((year(1e-9, 1e-8) / 1e-17 - 1.0).abs() < 1e-9);
}

#[test]
fn wrong_inputs_of_effects_are_refused() {
    for bad in [-1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(Susceptibility::TRILLIUM.rates(bad), Err(RadiationError::Negative { .. })));
        assert!(Susceptibility::TRILLIUM.with_memory(Bits(bad)).is_err());
        assert!(debris_strike_probability(bad, SquareMeters(1.0), Seconds(1.0)).is_err());
        assert!(fault_age(&Stream::new(1, 1, Purpose::Fault), 0, PerSecond(bad)).is_err());
    }
    let event = Event::ChipInterrupt;
    let crowded = event_count(&event.stream(1, 1), event, 0, 501.0).unwrap_err();
    assert_eq!(crowded.to_string(), "501 events expected in one step, at most 500 can be drawn: shorten the step");
}
