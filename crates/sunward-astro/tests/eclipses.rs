//! Eclipses against an independent Python tool, against rays traced to the solar disc, and against the closed form.

#[allow(dead_code)]
mod fleet;

use fleet::{day, day_start, elements, ephemerides, percentile};
use sunward_astro::batch::BatchSgp4;
use sunward_astro::eclipse::{
    Eclipse, Occulter, circular_eclipse_fraction, critical_beta, eclipses, illuminated_fraction, illuminated_fractions,
    sunlit_fraction_of_steps,
};
use sunward_astro::elements::read_tle;
use sunward_astro::ephemeris::{Ephemeris, Grid};
use sunward_astro::mean::{MeanElements, MeanOrbit};
use sunward_astro::sun::{ASTRONOMICAL_UNIT, SUN_RADIUS, Sighting, sun, sun_series};
use sunward_astro::time::{Instant, Span};
use sunward_units::{Meters, Radians, Ratio, Seconds};

const STEP: Span = Span::MINUTE;

fn seconds(at: Instant) -> f64 {
    (at - day_start()).seconds().0
}

/// Python sgp4 + ERFA Sun + bisection, and brahe's share: see testdata/astro/eclipses.py. The Sun's direction differs by up
/// to 0.0005 deg: 5 ms of an edge, 50 ms on satellite 6, which grazes the shadow.
#[test]
fn edges_and_shares_agree_with_python() {
    let table = include_str!("../../../testdata/astro/eclipses.csv");
    let rows: Vec<Vec<Option<f64>>> = table
        .lines()
        .filter(|line| !line.starts_with('#'))
        .skip(1)
        .map(|line| line.split(',').map(|cell| cell.parse().ok()).collect())
        .collect();
    let fleet = BatchSgp4::new(&elements()).unwrap();
    let the_sun = sun_series(day(STEP));
    let mut errors_ms = Vec::new();
    let mut checked = 0;
    for number in [0, 1, 2, 3, 6, 9, 20, 41, 60, 93, 94, 95, 96, 97, 98, 99] {
        let satellite = Ephemeris::by_sgp4(&fleet, number, day(STEP)).unwrap();
        let found = eclipses(Occulter::EARTH_SPHERE, &satellite, &the_sun);
        let (start, end) = (day_start(), day_start() + Span::DAY);
        let whole: Vec<&Eclipse> = found.iter().filter(|e| e.penumbra_in > start && e.penumbra_out < end).collect();
        let expected: Vec<&Vec<Option<f64>>> = rows.iter().filter(|row| row[0] == Some(number as f64)).collect();
        assert_eq!(whole.len(), expected.len(), "satellite {number}");
        for (eclipse, row) in whole.iter().zip(&expected) {
            let umbra = eclipse.umbra.map(|(begin, end)| (seconds(begin), seconds(end)));
            let edges = [
                Some(seconds(eclipse.penumbra_in)),
                umbra.map(|u| u.0),
                umbra.map(|u| u.1),
                Some(seconds(eclipse.penumbra_out)),
            ];
            for (edge, expected) in edges.iter().zip(&row[1..5]) {
                assert_eq!(edge.is_some(), expected.is_some(), "satellite {number}, {eclipse:?}");
                errors_ms.extend(edge.zip(*expected).map(|(edge, expected)| (edge - expected).abs() * 1e3));
            }
            if let (Some(begin), Some(umbra_in), Some(share)) = (row[1], row[2], row[5]) {
                let at = start + Span::from_seconds(Seconds(0.5 * (begin + umbra_in)));
                let position = satellite.state_at(at).unwrap().position;
                let found = illuminated_fraction(Occulter::EARTH_SPHERE, position, sun(at)).0;
                // brahe takes the apparent discs for flat, which a limb 65 deg in radius is not.
                assert!((found - share).abs() < 4e-3, "satellite {number}: {found} {share}");
                checked += 1;
            }
        }
    }
    let (p85, worst) = (percentile(&mut errors_ms, 0.85), percentile(&mut errors_ms, 1.0));
    println!("{} edges: 85 % within {p85:.2} ms, worst {worst:.2} ms; {checked} shares", errors_ms.len());
    assert!(errors_ms.len() > 400 && checked > 100 && p85 < 6.0 && worst < 60.0, "{p85} {worst}");
}

/// Share of the Sun's disc that rays from the satellite reach past the ellipsoid: slow and readable.
fn traced_share(occulter: Occulter, position: [Meters; 3], sun: Sighting) -> f64 {
    const RAYS: usize = 40_000;
    let stretch = 1.0 / (1.0 - occulter.flattening.0);
    let (r, s) = (position.map(|p| p.0), sun.direction);
    let to_sun: [f64; 3] = std::array::from_fn(|k| sun.distance.0 * s[k] - r[k]);
    let distance = to_sun.iter().map(|c| c * c).sum::<f64>().sqrt();
    let axis = to_sun.map(|c| c / distance);
    let helper = if axis[2].abs() < 0.9 { [0.0, 0.0, 1.0] } else { [1.0, 0.0, 0.0] };
    let cross =
        |a: [f64; 3], b: [f64; 3]| [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
    let dot = |a: [f64; 3], b: [f64; 3]| a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
    let across = cross(axis, helper);
    let length = dot(across, across).sqrt();
    let first = across.map(|c| c / length);
    let second = cross(axis, first);
    let radius = (SUN_RADIUS.0 / distance).asin();
    let free = (0..RAYS).filter(|&k| {
        // Sunflower points: equal areas of the disc.
        let offset = radius * ((k as f64 + 0.5) / RAYS as f64).sqrt();
        let turn = k as f64 * 2.399_963_229_728_653;
        let ray: [f64; 3] = std::array::from_fn(|i| {
            axis[i] * offset.cos() + offset.sin() * (first[i] * turn.cos() + second[i] * turn.sin())
        });
        let (from, along) = ([r[0], r[1], r[2] * stretch], [ray[0], ray[1], ray[2] * stretch]);
        let (a, b) = (dot(along, along), dot(from, along));
        let c = dot(from, from) - occulter.radius.0 * occulter.radius.0;
        b > 0.0 || b * b < a * c
    });
    free.count() as f64 / RAYS as f64
}

/// In low, navigation and high orbits, through the whole penumbra, over the flattened Earth and over a sphere.
#[test]
fn illuminated_share_agrees_with_traced_rays() {
    let the_sun = sun(day_start());
    let mut partial = 0;
    for occulter in [Occulter::EARTH, Occulter::EARTH_SPHERE] {
        for (radius_m, tilt) in
            [(6.7e6, 0.1), (6.9e6, 0.9), (7.8e6, -1.3), (26.6e6, 0.4), (42.2e6, 0.05), (3.8e8, 0.01)]
        {
            // A circle that cuts the shadow's axis at some slant, walked through one edge.
            let s = the_sun.direction;
            let side = [-s[1], s[0], 0.0].map(|c| c / s[0].hypot(s[1]));
            let top =
                [s[1] * side[2] - s[2] * side[1], s[2] * side[0] - s[0] * side[2], s[0] * side[1] - s[1] * side[0]];
            let across: [f64; 3] = std::array::from_fn(|k| side[k] * f64::cos(tilt) + top[k] * f64::sin(tilt));
            let grazing = (6.378e6_f64 / radius_m).asin();
            let width = 0.012_f64.max(0.03 * grazing);
            for walk in 0..60 {
                let angle = grazing + width * (f64::from(walk) / 30.0 - 1.0);
                let position: [Meters; 3] =
                    std::array::from_fn(|k| Meters(radius_m * (across[k] * angle.sin() - s[k] * angle.cos())));
                let found = illuminated_fraction(occulter, position, the_sun).0;
                let expected = traced_share(occulter, position, the_sun);
                partial += usize::from(found > 0.0 && found < 1.0);
                assert!((found - expected).abs() < 2.5e-3, "{radius_m} {tilt} {walk}: {found} {expected}");
            }
        }
    }
    assert!(partial > 100, "{partial}");
}

/// With the limb through the Sun's centre, a limb of geodesic curvature cot b leaves 1/2 + a cot b / (3 pi) of a disc of
/// radius a: the sagitta's area, (1/3) a^3 cot b, over pi a^2. Flat discs would have 1/b for cot b.
#[test]
fn a_limb_through_the_centre_leaves_a_half_and_its_curvature() {
    for radius_m in [6.5e6, 6.9e6, 9e6, 42.2e6] {
        let body_angle = (6_378_137.0_f64 / radius_m).asin();
        let distance_m = ASTRONOMICAL_UNIT.0;
        // The satellite on the x axis; its Sun stands `body_angle` off the Earth's centre.
        let sun_m = [radius_m - distance_m * body_angle.cos(), distance_m * body_angle.sin()];
        let from_earth_m = sun_m[0].hypot(sun_m[1]);
        let direction = [sun_m[0] / from_earth_m, sun_m[1] / from_earth_m, 0.0];
        let sun = Sighting { direction, distance: Meters(from_earth_m) };
        let found = illuminated_fraction(Occulter::EARTH_SPHERE, [radius_m, 0.0, 0.0].map(Meters), sun).0;
        let sun_angle = (SUN_RADIUS.0 / distance_m).asin();
        let expected = 0.5 + sun_angle / body_angle.tan() / (3.0 * std::f64::consts::PI);
        assert!((found - expected).abs() < 1e-6, "{radius_m}: {found} {expected}");
    }
}

fn circle(altitude_km: f64, inclination_deg: f64, node_deg: f64) -> MeanOrbit {
    let degrees = Radians::from_degrees;
    MeanOrbit::circular(day_start(), Meters(altitude_km * 1e3), degrees(inclination_deg), degrees(node_deg)).unwrap()
}

/// One state of an orbit, without interpolation.
fn share_at(occulter: Occulter, orbit: &MeanOrbit, at: Instant) -> f64 {
    let position = orbit.propagate(Grid::new(at, Span::SECOND, 2).unwrap()).states().get(0).position;
    illuminated_fraction(occulter, position, sun(at)).0
}

/// Every edge, on orbits that cross and graze the shadow: a little before and after it the disc is as its name says.
#[test]
fn edges_are_where_the_disc_changes() {
    let within = Span::MILLISECOND * 2;
    let the_sun = sun_series(day(STEP / 2));
    let mut umbras = 0;
    for node in 0..60 {
        let orbit = circle(400.0 + 25.0 * f64::from(node), 70.0, 6.0 * f64::from(node));
        let satellite = orbit.propagate(day(STEP / 2));
        for eclipse in eclipses(Occulter::EARTH, &satellite, &the_sun).iter().step_by(3) {
            let share = |at| share_at(Occulter::EARTH, &orbit, at);
            if eclipse.penumbra_in == day_start() || eclipse.penumbra_out == day_start() + Span::DAY {
                continue;
            }
            assert_eq!((share(eclipse.penumbra_in - within), share(eclipse.penumbra_out + within)), (1.0, 1.0));
            assert!(share(eclipse.penumbra_in + within) < 1.0 && share(eclipse.penumbra_out - within) < 1.0);
            if let Some((umbra_in, umbra_out)) = eclipse.umbra {
                umbras += 1;
                assert!(share(umbra_in - within) > 0.0 && share(umbra_out + within) > 0.0);
                assert_eq!((share(umbra_in + within), share(umbra_out - within)), (0.0, 0.0));
            }
        }
    }
    assert!(umbras > 200, "{umbras}");
}

/// Orbits whose node stands ever closer to where the shadow is missed: passages down to seconds, between two grid points. A
/// dense look at the illuminated share sees each of them above two seconds, and none beyond the edge.
#[test]
fn grazing_eclipses_are_not_lost() {
    let grid = Grid::covering(day_start(), Span::MINUTE * 110, STEP).unwrap();
    let dense = Grid::covering(day_start(), Span::MINUTE * 110, Span::SECOND).unwrap();
    let (the_sun, dense_sun) = (sun_series(grid), sun_series(dense));
    let found = |node: f64| eclipses(Occulter::EARTH_SPHERE, &circle(650.0, 97.986, node).propagate(grid), &the_sun);
    let beta = |node: f64| circle(650.0, 97.986, node).beta(day_start()).abs();
    let clear =
        (0..360).map(f64::from).find(|node| beta(*node) > critical_beta(Meters(650e3)) + Radians(0.02)).unwrap();
    let (mut dark, mut clear) = (clear - 5.0, clear);
    assert!(!found(dark).is_empty() && found(clear).is_empty());
    while clear - dark > 1e-9 {
        let middle = 0.5 * (dark + clear);
        if found(middle).is_empty() { clear = middle } else { dark = middle }
    }
    let mut share = vec![0.0; dense.count()];
    let mut seen = |node: f64| {
        illuminated_fractions(
            Occulter::EARTH_SPHERE,
            &circle(650.0, 97.986, node).propagate(dense),
            &dense_sun,
            &mut share,
        );
        share.iter().any(|share| *share < 1.0)
    };
    let mut shortest_s = f64::MAX;
    for power in 0..40 {
        let offset = 1e-7 * 1.5_f64.powi(power);
        let passages = found(dark - offset);
        assert_eq!(passages.len(), 1, "{offset} deg");
        let duration_s = passages[0].duration().seconds().0;
        shortest_s = shortest_s.min(duration_s);
        assert!(duration_s < 2.0 || seen(dark - offset), "{offset} deg: {duration_s} s");
        assert!(!seen(clear + offset), "{offset} deg");
    }
    println!("shortest passage {shortest_s:.3} s");
    assert!(shortest_s < 1.0);
}

/// Mean over the steps = share of a dense count; full steps are exactly 0 and 1.
#[test]
fn steps_keep_the_light_between_their_ends() {
    let orbit = circle(550.0, 53.0, 40.0);
    let grid = Grid::covering(day_start(), Span::HOUR * 6, Span::SECOND * 97).unwrap();
    let dense = Grid::covering(day_start(), Span::HOUR * 6, Span::SECOND).unwrap();
    let (satellite, the_sun) = (orbit.propagate(grid), sun_series(grid));
    let passages = eclipses(Occulter::EARTH, &satellite, &the_sun);
    let mut mean = vec![0.0; grid.steps()];
    sunlit_fraction_of_steps(Occulter::EARTH, &satellite, &the_sun, &passages, &mut mean);
    let mut share = vec![0.0; dense.count()];
    illuminated_fractions(Occulter::EARTH, &orbit.propagate(dense), &sun_series(dense), &mut share);
    let mut partial = 0;
    for (step, mean) in mean.iter().enumerate() {
        let from = step * 97;
        if from + 97 >= share.len() {
            break;
        }
        let trapezoid = (0..97).map(|k| 0.5 * (share[from + k] + share[from + k + 1])).sum::<f64>() / 97.0;
        assert!((mean - trapezoid).abs() < 5e-4, "step {step}: {mean} {trapezoid}");
        partial += usize::from(*mean > 0.0 && *mean < 1.0);
    }
    assert_eq!(partial, mean.iter().filter(|mean| **mean != 0.0 && **mean != 1.0).count());
    assert!(partial >= 6 && mean.contains(&1.0) && mean.contains(&0.0));
}

/// Rows recomputed from first principles: cylindrical shadow, R 6378.137 km, mu 3.986004418e14 m3/s2.
#[test]
fn circular_eclipse_table() {
    for (altitude_km, beta_deg, expected) in [
        (550.0, 0.0, 0.372_311),
        (550.0, 30.0, 0.351_110),
        (550.0, 60.0, 0.214_735),
        (550.0, 75.0, 0.0),
        (550.0, 45.0, 0.3138),
        (550.0, 58.0, 0.2363),
        (550.0, 62.0, 0.1873),
        (550.0, 64.0, 0.1502),
        (550.0, 65.0, 0.1249),
        (550.0, 66.0, 0.0903),
        (650.0, 0.0, 0.3620),
        (650.0, 30.0, 0.3388),
        (650.0, 45.0, 0.2975),
        (650.0, 58.0, 0.2087),
        (650.0, 60.0, 0.1825),
        (650.0, 62.0, 0.1474),
        (650.0, 64.0, 0.0924),
        (650.0, 65.0, 0.0353),
        (650.0, 66.0, 0.0),
    ] {
        let found = circular_eclipse_fraction(Meters(altitude_km * 1e3), Radians::from_degrees(beta_deg)).0;
        let tolerance = if altitude_km == 550.0 && [0.0, 30.0, 60.0].contains(&beta_deg) { 6e-7 } else { 6e-5 };
        assert!((found - expected).abs() < tolerance, "{altitude_km} {beta_deg} {found}");
        assert_eq!(found, circular_eclipse_fraction(Meters(altitude_km * 1e3), Radians::from_degrees(-beta_deg)).0);
    }
    let minutes = circle(650.0, 90.0, 0.0).period().0 / 60.0;
    assert!((circular_eclipse_fraction(Meters(650e3), Radians(0.0)).0 * minutes - 35.38).abs() < 0.005);
}

/// Half of each penumbra lies on either side of the cylinder: over a revolution the cones give the closed form to 0.1 %.
#[test]
fn cones_average_to_the_cylinder() {
    for (altitude_km, inclination_deg, node_deg) in [(420.0, 51.6, 10.0), (550.0, 53.0, 60.0), (1200.0, 88.0, 130.0)] {
        let orbit = circle(altitude_km, inclination_deg, node_deg);
        let revolutions = orbit.period() * 5.0;
        let grid = Grid::covering(day_start(), Span::from_seconds(revolutions), STEP).unwrap();
        let (satellite, the_sun) = (orbit.propagate(grid), sun_series(grid));
        let passages = eclipses(Occulter::EARTH_SPHERE, &satellite, &the_sun);
        let whole: Vec<&Eclipse> =
            passages.iter().filter(|e| e.penumbra_in > grid.start() && e.penumbra_out < grid.end()).collect();
        let middle = |eclipse: &Eclipse| {
            let umbra = eclipse.umbra.unwrap();
            (umbra.1 - umbra.0 + eclipse.duration()).seconds().0 / 2.0
        };
        let mean_s = whole.iter().map(|eclipse| middle(eclipse)).sum::<f64>() / whole.len() as f64;
        let at = whole[0].penumbra_in;
        let expected_s = circular_eclipse_fraction(Meters(altitude_km * 1e3), orbit.beta(at)).0 * orbit.period().0;
        assert!((mean_s / expected_s - 1.0).abs() < 2e-3, "{altitude_km}: {mean_s} {expected_s}");
    }
}

/// STK's "sunlight" (outside the penumbra, which it lists apart), 24 h from 2024-08-22T12:00 UTC, as reported by the SpaceDC
/// project: 63.9 %. The two-line set is its benchmark's (an orbit like the space station's), checksums put right.
#[test]
fn sunlit_share_agrees_with_stk() {
    let text = "1 25544U 98067A   24235.50000000  .00012345  00000-0  22000-3 0  9993\n\
                2 25544  51.6400 100.0000 0006000  90.0000 270.0000 15.50000000123459";
    let fleet = BatchSgp4::new(&[read_tle(text).unwrap()]).unwrap();
    let start = Instant::from_utc_text("2024-08-22T12:00:00Z").unwrap();
    let grid = Grid::covering(start, Span::DAY, STEP).unwrap();
    let (satellite, the_sun) = (Ephemeris::by_sgp4(&fleet, 0, grid).unwrap(), sun_series(grid));
    let passages = eclipses(Occulter::EARTH, &satellite, &the_sun);
    let dimmed: Span = passages.iter().map(Eclipse::duration).sum();
    let percent = 100.0 * (1.0 - dimmed / Span::DAY);
    println!("{percent:.3} % outside the penumbra");
    assert!((percent - 63.9).abs() < 0.05, "{percent}");
}

/// The flattened Earth's shadow is shorter over the poles: on a polar noon-midnight orbit each edge by 6 s.
#[test]
fn flattening_shortens_polar_eclipses() {
    let orbit = circle(600.0, 90.0, -30.0);
    let (satellite, the_sun) = (orbit.propagate(day(STEP)), sun_series(day(STEP)));
    let [round, flat] = [Occulter::EARTH_SPHERE, Occulter::EARTH]
        .map(|occulter| eclipses(occulter, &satellite, &the_sun)[3].duration().seconds().0);
    assert!((10.0..14.0).contains(&(round - flat)), "{round} {flat}");
}

/// Beyond the umbra's tip the Earth leaves a ring; behind the Moon there is night as well.
#[test]
fn far_and_lunar_shadows() {
    let the_sun = Sighting { direction: [1.0, 0.0, 0.0], distance: ASTRONOMICAL_UNIT };
    let behind =
        |distance_m: f64, occulter| illuminated_fraction(occulter, [-distance_m, 0.0, 0.0].map(Meters), the_sun).0;
    let ring = behind(2e9, Occulter::EARTH_SPHERE);
    let expected = 1.0 - (6_378_137.0 / 2e9 * (ASTRONOMICAL_UNIT.0 + 2e9) / SUN_RADIUS.0).powi(2);
    assert!((ring - expected).abs() < 1e-4, "{ring} {expected}");
    assert_eq!(behind(1.3e9, Occulter::EARTH_SPHERE), 0.0);
    assert_eq!((behind(2e6, Occulter::MOON), behind(-2e6, Occulter::MOON)), (0.0, 1.0));
}

#[test]
fn an_orbit_in_the_sun_and_one_in_the_shadow_at_both_ends() {
    let noon = circle(500.0, 20.0, 0.0);
    let whole = eclipses(Occulter::EARTH, &noon.propagate(day(STEP)), &sun_series(day(STEP)));
    let middle = whole[2].penumbra_in + whole[2].duration() / 2;
    let inside = Grid::covering(middle, Span::MINUTE * 5, STEP).unwrap();
    let cut = eclipses(Occulter::EARTH, &noon.propagate(inside), &sun_series(inside));
    let all = Eclipse { penumbra_in: middle, umbra: Some((middle, inside.end())), penumbra_out: inside.end() };
    assert_eq!(cut, [all]);
    let mut share = vec![1.0; inside.steps()];
    sunlit_fraction_of_steps(Occulter::EARTH, &noon.propagate(inside), &sun_series(inside), &cut, &mut share);
    assert_eq!(share, [0.0; 5]);
}

#[test]
#[should_panic(expected = "different grids")]
fn columns_of_different_instants_are_refused() {
    let satellite = circle(500.0, 20.0, 0.0).propagate(day(STEP));
    let _ = eclipses(Occulter::EARTH, &satellite, &sun_series(day(STEP * 2)));
}

#[test]
#[should_panic(expected = "below the surface")]
fn a_position_inside_the_earth_is_refused() {
    let _ = illuminated_fraction(Occulter::EARTH, [6e6, 0.0, 0.0].map(Meters), sun(day_start()));
}

/// An eccentric orbit's columns and one fleet's: shares from columns are those of single positions.
#[test]
fn columns_equal_single_positions() {
    let orbit =
        MeanOrbit::new(MeanElements { eccentricity: Ratio(0.01), ..circle(700.0, 20.0, 50.0).elements() }).unwrap();
    let (satellite, the_sun) = (orbit.propagate(day(STEP)), sun_series(day(STEP)));
    let mut column = vec![0.0; day(STEP).count()];
    illuminated_fractions(Occulter::EARTH, &satellite, &the_sun, &mut column);
    for index in (0..column.len()).step_by(7) {
        let position = satellite.states().get(index).position;
        assert_eq!(column[index], illuminated_fraction(Occulter::EARTH, position, the_sun.sighting(index)).0);
    }
    let fleet = BatchSgp4::new(&elements()[..2]).unwrap();
    assert_eq!(ephemerides(&fleet, &[1], day(STEP))[0].grid(), day(STEP));
}
