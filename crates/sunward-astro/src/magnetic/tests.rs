use super::*;

struct Reference {
    epoch: f64,
    place: [f64; 3],
    field_t: f64,
    shell: f64,
}

fn references() -> Vec<Reference> {
    let text = include_str!("../../../../testdata/magnetic/reference.csv");
    let row = |line: &str| {
        let n: Vec<f64> = line.split(',').map(|cell| cell.parse().unwrap()).collect();
        Reference { epoch: n[0], place: [n[1], n[2], n[3]], field_t: n[4], shell: n[5] }
    };
    text.lines().filter(|line| !line.starts_with(['#', 'e'])).map(row).collect()
}

fn at(model: &MagneticModel, place: [f64; 3]) -> (f64, f64) {
    let (mut field, mut shell) = ([0.0], [0.0]);
    let [x, y, z] = place.map(|axis| [axis]);
    model.field_and_shell([&x, &y, &z], &mut field, &mut shell).unwrap();
    (field[0], 1.0 / shell[0])
}

/// The root mean square and largest relative errors against ppigrf (degree 13) and traced shells.
fn errors(epoch: f64, shells: std::ops::Range<f64>) -> [f64; 4] {
    let model = MagneticModel::new(epoch).unwrap();
    let (mut count, mut sums, mut worst) = (0.0, [0.0; 2], [0.0f64; 2]);
    for r in references().iter().filter(|r| r.epoch == epoch && shells.contains(&r.shell)) {
        let (field, shell) = at(&model, r.place);
        for (k, error) in [field / r.field_t - 1.0, shell / r.shell - 1.0].into_iter().enumerate() {
            sums[k] += error * error;
            worst[k] = worst[k].max(error.abs());
        }
        count += 1.0;
    }
    assert!(count > 10.0, "only {count} references at {epoch} in {shells:?}");
    [(sums[0] / count).sqrt(), worst[0], (sums[1] / count).sqrt(), worst[1]]
}

/// Tolerances are the measured errors, rounded up: degree 8 of 13 for |B|, the fit for L.
#[test]
fn field_and_shell_match_the_igrf_and_traced_lines() {
    for epoch in [1960.0, 2020.0, 2025.0, 2030.0] {
        for (shells, rms, most) in [(0.9..1.3, 0.010, 0.03), (1.3..4.0, 0.018, 0.05), (4.0..8.0, 0.022, 0.06)] {
            let [field_rms, field_most, shell_rms, shell_most] = errors(epoch, shells.clone());
            println!(
                "{epoch} L {shells:?}: |B| rms {:.2} % max {:.2} %; L rms {:.2} % max {:.2} %",
                100.0 * field_rms,
                100.0 * field_most,
                100.0 * shell_rms,
                100.0 * shell_most
            );
            assert!(field_rms < 0.0025 && field_most < 0.008, "|B| at {epoch}, L {shells:?}: {field_rms} {field_most}");
            assert!(shell_rms < rms && shell_most < most, "L at {epoch}, L {shells:?}: {shell_rms} {shell_most}");
        }
    }
}

/// IGRF-14 at 500 km in 2025 (ppigrf 2.1.0, 3 degree grid): 18,348 nT near 21-24 S, 60 W.
#[test]
fn the_south_atlantic_anomaly_comes_out_of_the_geometry() {
    let now = MagneticModel::new(2025.0).unwrap().weakest(Meters(RADIUS_M + 500e3)).unwrap();
    assert!((-26.0..=-19.0).contains(&now.latitude_deg), "{now:?}");
    assert!((-63.0..=-54.0).contains(&now.longitude_deg), "{now:?}");
    assert!((now.field.0 * 1e9 - 18_348.0).abs() < 60.0, "{now:?}");
    let then = MagneticModel::new(TRAPPED_EPOCH).unwrap().weakest(Meters(RADIUS_M + 500e3)).unwrap();
    let drift = (now.longitude_deg - then.longitude_deg) / 65.0;
    assert!((-0.35..-0.1).contains(&drift), "drift {drift} deg/yr");
    assert!(then.field > now.field, "the anomaly deepens");
}

/// A pure dipole has L = r / cos^2(latitude) and |B| = M/L^3 sqrt(4 - 3 cos^2) / cos^6: checked on the dipole part alone.
#[test]
fn a_centred_dipole_is_exact() {
    let g10 = -MOMENT_T;
    let gauss = [(1, 0, g10, 0.0), (1, 1, 0.0, 0.0), (2, 0, 0.0, 0.0), (2, 1, 0.0, 0.0), (2, 2, 0.0, 0.0)];
    let mut model = MagneticModel::new(2025.0).unwrap();
    model.terms.iter_mut().for_each(|term| (term.v, term.w) = ([0.0; 4], [0.0; 4]));
    add_gradient(&mut model.terms, 1, 0, g10, 0.0);
    model.dipole = Dipole::new(&gauss);
    for latitude in [-70f64, -10.0, 0.0, 33.0, 80.0] {
        let (sin, cos) = latitude.to_radians().sin_cos();
        let radius = 1.1 * RADIUS_M;
        let (field, shell) = at(&model, [radius * cos * 0.6, radius * cos * 0.8, radius * sin]);
        let exact = MOMENT_T / 1.331 * (1.0 + 3.0 * sin * sin).sqrt();
        assert!((field / exact - 1.0).abs() < 1e-13, "{field} {exact}");
        assert!((shell * cos * cos / 1.1 - 1.0).abs() < 1e-12, "{shell}");
        assert!(equatorial_field(1.0 / shell).0 <= field * (1.0 + 1e-12));
    }
}

#[test]
fn a_batch_equals_single_positions_bit_for_bit() {
    let model = MagneticModel::new(2026.5).unwrap();
    let places: Vec<_> = references().iter().take(29).map(|r| r.place).collect();
    let column = |axis: usize| places.iter().map(|p| p[axis]).collect::<Vec<_>>();
    let (mut field, mut shell) = (vec![0.0; 29], vec![0.0; 29]);
    model.field_and_shell([&column(0), &column(1), &column(2)], &mut field, &mut shell).unwrap();
    for (k, place) in places.iter().enumerate() {
        assert_eq!((field[k], 1.0 / shell[k]), at(&model, *place));
    }
}

#[test]
fn the_field_has_no_divergence() {
    let model = MagneticModel::new(2025.0).unwrap();
    let part = |place: [f64; 3], axis: usize| model.evaluate(&place.map(|p| [p; LANES])).unwrap()[axis][0];
    let (place, step) = ([4.1e6, -3.9e6, -3.6e6], 1e3);
    let slope = |axis: usize, of: usize| {
        let (mut up, mut down) = (place, place);
        up[axis] += step;
        down[axis] -= step;
        (part(up, of) - part(down, of)) / (2.0 * step)
    };
    let divergence = slope(0, 0) + slope(1, 1) + slope(2, 2);
    assert!(divergence.abs() < 1e-5 * slope(0, 0).abs(), "{divergence} against {}", slope(0, 0));
    assert!((slope(0, 1) - slope(1, 0)).abs() < 1e-5 * slope(0, 1).abs(), "curl");
}

#[test]
fn outside_the_known_radii_and_epochs_is_refused() {
    let model = MagneticModel::new(2025.0).unwrap();
    let ask = |x: f64| model.field_and_shell([&[7e6, x], &[0.0; 2], &[0.0; 2]], &mut [0.0; 2], &mut [0.0; 2]);
    let message = ask(42_164e3).unwrap_err().to_string();
    assert!(message.contains("position 1 lies 42164 km") && message.contains("6450..=8450 km"), "{message}");
    assert!(ask(6.4e6).is_err() && ask(f64::NAN).is_err() && ask(7.1e6).is_ok());
    for epoch in [1959.0, 1961.0, 2019.9, 2035.1, f64::NAN] {
        assert!(MagneticModel::new(epoch).is_err(), "{epoch}");
    }
    assert_eq!(
        model.field_and_shell([&[7e6], &[], &[0.0]], &mut [0.0], &mut [0.0]),
        Err(MagneticError::Length { got: 0, expected: 1 })
    );
}
