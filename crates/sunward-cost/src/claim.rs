//! Published claims against the physics: each check says holds, fails or depends, and shows its working.

use std::fmt;

use sunward_catalog::WattsPerKilogram;
use sunward_link::{check_latency, light_time};
use sunward_units::{
    JULIAN_YEAR_S, Joules, Kilograms, KilogramsPerSquareMeter, Meters, MetersPerSecond, Ratio, Seconds, Usd,
    UsdPerKilogram, Watts,
};

use crate::error::{CostError, positive};
use crate::models::{mccalip, starcloud};

/// What the physics says of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// True in every case considered.
    Holds,
    /// False in every case considered.
    Fails,
    /// True in some: the working says in which.
    Depends,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Holds => "holds",
            Self::Fails => "fails",
            Self::Depends => "depends",
        })
    }
}

/// A claim, the verdict and how it was reached.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// What is claimed, in words.
    pub claim: String,
    /// The verdict.
    pub verdict: Verdict,
    /// One line a step or case.
    pub working: Vec<String>,
}

/// One case of a claim: whether it holds there, and why.
struct Case {
    holds: bool,
    because: String,
}

/// Holds if every case holds, fails if none does, else depends.
fn judge(claim: String, cases: Vec<Case>) -> Finding {
    let held = cases.iter().filter(|case| case.holds).count();
    let verdict = match held {
        0 => Verdict::Fails,
        held if held == cases.len() => Verdict::Holds,
        _ => Verdict::Depends,
    };
    Finding { claim, verdict, working: cases.into_iter().map(|case| case.because).collect() }
}

/// A published figure counts as right within 5 %: more than rounding, less than any confusion of formula.
const TOLERANCE: f64 = 0.05;

fn agrees(claimed: f64, computed: f64) -> bool {
    (claimed / computed - 1.0).abs() <= TOLERANCE
}

/// Standard gravity, m/s2. **Source**: CGPM (1901), exact.
pub const STANDARD_GRAVITY: f64 = 9.80665;

/// Whether a launcher of `length` reaches `speed` at a constant `acceleration` (in standard gravities): `L = v^2 / 2a`.
///
/// # Errors
/// A speed, acceleration or length not above zero.
///
/// ```
/// use sunward_cost::claim::{Verdict, launcher_length};
/// use sunward_units::{Meters, MetersPerSecond, Ratio};
/// let finding = launcher_length(MetersPerSecond(2400.0), Ratio(100.0), Meters(494.0))?;
/// assert_eq!(finding.verdict, Verdict::Fails); // 2,937 m
/// # Ok::<(), sunward_cost::CostError>(())
/// ```
pub fn launcher_length(speed: MetersPerSecond, acceleration: Ratio, length: Meters) -> Result<Finding, CostError> {
    positive("speed", speed)?;
    positive("length", length)?;
    let gravities = positive("acceleration", acceleration)?.0;
    let acceleration_m_s2 = gravities * STANDARD_GRAVITY;
    let needed = Meters(speed.0 * speed.0 / (2.0 * acceleration_m_s2));
    let reached = MetersPerSecond((2.0 * acceleration_m_s2 * length.0).sqrt());
    let because = format!(
        "v^2 / 2a = ({speed})^2 / (2 x {gravities} x 9.80665 m/s2) = {needed}; {length} reach {reached} in {}",
        Seconds(reached.0 / acceleration_m_s2)
    );
    let claim = format!("a launcher of {length} at {gravities} g reaches {speed}");
    Ok(judge(claim, vec![Case { holds: agrees(length.0, needed.0), because }]))
}

/// Air of one state of the Sun around an altitude.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Air {
    /// Solar and magnetic activity.
    pub activity: &'static str,
    /// Density, kg/m3.
    pub density_kg_m3: f64,
    /// Height over which density falls by a factor e, at or above the altitude.
    pub scale_height: Meters,
}

const fn air(activity: &'static str, density_kg_m3: f64, scale_height_m: f64) -> Air {
    Air { activity, density_kg_m3, scale_height: Meters(scale_height_m) }
}

/// Air at 325 km, from a quiet to a very active Sun.
///
/// **Source**: NRLMSIS 2.1 (Emmert et al. 2022), global means at 325 and 500 km computed with pymsis; the scale height is
/// `175 km / ln(density ratio)` between the two. Below 325 km it is smaller, so that lifetimes come out too long, never too
/// short.
pub const AIR_AT_325_KM: [Air; 4] = [
    air("F10.7 70, Ap 4", 4.29e-12, 46_805.0),
    air("F10.7 150, Ap 15", 1.61e-11, 61_137.0),
    air("F10.7 200, Ap 15", 2.52e-11, 67_287.0),
    air("F10.7 250, Ap 45", 3.81e-11, 72_942.0),
];

const EARTH_GM: f64 = 3.986004418e14;
const EARTH_RADIUS_M: f64 = 6_378_137.0;

/// Longest time a satellite of `mass_per_drag_area` (m / Cd A) stays up from a circular orbit without propulsion:
/// `H / (rho sqrt(GM a) / (m / Cd A))`, the air growing with `e` each `H` on the way down.
///
/// **Source**: King-Hele (1987), "Satellite orbits in an atmosphere", the circular orbit in an exponential atmosphere. From
/// 325 km a numerical integration through NRLMSIS 2.1 gives 20 to 25 % less.
///
/// # Errors
/// An altitude, mass per area, density or scale height not above zero.
pub fn lifetime_bound(
    altitude: Meters,
    mass_per_drag_area: KilogramsPerSquareMeter,
    air: &Air,
) -> Result<Seconds, CostError> {
    let semi_major_axis_m = EARTH_RADIUS_M + positive("altitude", altitude)?.0;
    let density = positive("density (kg/m3)", Ratio(air.density_kg_m3))?.0;
    let area_per_mass = 1.0 / positive("mass per drag area", mass_per_drag_area)?.0;
    let descent_m_s = density * area_per_mass * (EARTH_GM * semi_major_axis_m).sqrt();
    Ok(Seconds(positive("scale height", air.scale_height)?.0 / descent_m_s))
}

/// Whether a satellite stays up for `claimed` from `altitude` without propulsion, in each state of the Sun.
///
/// # Errors
/// As [`lifetime_bound`], or a claimed time not above zero.
pub fn unpropelled_lifetime(
    altitude: Meters,
    mass_per_drag_area: KilogramsPerSquareMeter,
    claimed: Seconds,
    airs: &[Air],
) -> Result<Finding, CostError> {
    let days = |time: Seconds| format!("{:.0} days", time.0 / 86_400.0);
    positive("claimed lifetime", claimed)?;
    let case = |air: &Air| {
        let bound = lifetime_bound(altitude, mass_per_drag_area, air)?;
        let enough = mass_per_drag_area * (claimed / bound);
        let because = format!("{}: at most {}; m / Cd A of {enough} would be needed", air.activity, days(bound));
        Ok(Case { holds: bound >= claimed, because })
    };
    let claim = format!("{altitude} for {} without propulsion at m / Cd A of {mass_per_drag_area}", days(claimed));
    Ok(judge(claim, airs.iter().map(case).collect::<Result<_, CostError>>()?))
}

/// Whether `launched` a year at `specific_power` is `power` a year.
///
/// # Errors
/// A value not above zero.
pub fn launched_power(
    launched: Kilograms,
    specific_power: WattsPerKilogram,
    power: Watts,
) -> Result<Finding, CostError> {
    positive("launched mass", launched)?;
    positive("power", power)?;
    let computed = Watts(launched.0 * positive("specific power", specific_power)?.0);
    let claim = format!("{launched} a year at {specific_power} is {power} a year");
    let because = format!("{launched} x {specific_power} = {computed}");
    Ok(judge(claim, vec![Case { holds: agrees(power.0, computed.0), because }]))
}

/// Whether data covers `distance` in `latency`, one way.
#[must_use]
pub fn latency(latency: Seconds, distance: Meters) -> Finding {
    let holds = check_latency(latency, distance).is_ok();
    let because = format!("light in vacuum needs {} for {distance}", light_time(distance));
    judge(format!("{latency} over {distance}"), vec![Case { holds, because }])
}

/// Whether energy for 40 MW over ten years is `times` cheaper in orbit than on the ground, with three sets of inputs: the
/// white paper's own, the same array launched at the mass and price the company gave later, and McCalip's calculator.
///
/// **Source**: Starcloud (2024), white paper 1.03, table 1; TechCrunch (30 March 2026) for 200 kW in 3 t and 500 USD/kg;
/// McCalip (2025).
///
/// # Errors
/// A factor not above zero.
pub fn energy_cheaper_in_orbit(times: Ratio) -> Result<Finding, CostError> {
    positive("factor", times)?;
    let table = starcloud::Table::default();
    let outcome = table.evaluate()?;
    let per_kwh = |cost: Usd, energy: Joules| cost.0 / (energy.0 / 3.6e6);
    let ground = per_kwh(outcome.ground_energy, outcome.energy);
    let case = |inputs: &str, orbit: f64, ground: f64| Case {
        holds: ground / orbit >= times.0,
        because: format!("{inputs}: {orbit:.4} against {ground:.4} USD/kWh, {:.2} times cheaper", ground / orbit),
    };
    let mass = Kilograms(table.power.0 / LATER_SPECIFIC_POWER.0);
    let launched = table.solar_array + LATER_LAUNCH_PRICE * mass;
    let (orbital, campus) = (mccalip::Orbital::default().evaluate()?, mccalip::Ground::default().evaluate()?);
    let enough = (outcome.ground_energy / times.0 - table.solar_array) / mass.0;
    let launched_inputs =
        format!("the array, and {mass} launched at {LATER_LAUNCH_PRICE} ({:.0} USD/kg would do)", enough.0);
    let cases = vec![
        case("the white paper's three lines", per_kwh(outcome.orbit_total, outcome.energy), ground),
        case(&launched_inputs, per_kwh(launched, outcome.energy), ground),
        case(
            "McCalip's whole satellites and campus",
            per_kwh(orbital.total, orbital.energy),
            per_kwh(campus.total, campus.energy),
        ),
    ];
    Ok(judge(format!("energy for 40 MW over ten years is {} times cheaper in orbit", times.0), cases))
}

/// 200 kW in 3 t, as announced for Starcloud-3.
const LATER_SPECIFIC_POWER: WattsPerKilogram = WattsPerKilogram(200e3 / 3e3);
/// The launch price that the company said it needs.
const LATER_LAUNCH_PRICE: UsdPerKilogram = UsdPerKilogram(500.0);

/// Published claims with their findings, those that fail included.
///
/// # Errors
/// Never with the figures below; the signature is that of the checks.
pub fn published() -> Result<Vec<Finding>, CostError> {
    let lunar_launch = MetersPerSecond(2_400.0);
    Ok(vec![
        // Fast Company, on a lunar mass driver.
        launcher_length(lunar_launch, Ratio(100.0), Meters(494.0))?,
        launcher_length(lunar_launch, Ratio(30.0), Meters(1_630.0))?,
        // Kolm and Fine's second mass driver.
        launcher_length(MetersPerSecond(112.0), Ratio(500.0), Meters(1.25))?,
        // Starcloud-1, as the press gave it; 60 kg/m2 for a 60 kg satellite.
        unpropelled_lifetime(
            Meters(325e3),
            KilogramsPerSquareMeter(60.0),
            Seconds(JULIAN_YEAR_S * 11.0 / 12.0),
            &AIR_AT_325_KM,
        )?,
        energy_cheaper_in_orbit(Ratio(10.0))?,
        // SpaceX's filing of January 2026.
        launched_power(Kilograms(1e9), WattsPerKilogram(100.0), Watts(100e9))?,
        // A network tool's San Francisco - London.
        latency(Seconds(9.69e-3), Meters(8_616e3)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn length(speed: f64, gravities: f64, claimed: f64) -> Verdict {
        launcher_length(MetersPerSecond(speed), Ratio(gravities), Meters(claimed)).unwrap().verdict
    }

    /// Fast Company's lengths fail by a factor of six; 28.88, 9.627, 2.888 km and 288.8 m for 2,380 m/s hold.
    #[test]
    fn mass_driver_lengths() {
        assert_eq!(length(2_400.0, 100.0, 494.0), Verdict::Fails);
        assert_eq!(length(2_400.0, 30.0, 1_630.0), Verdict::Fails);
        for (gravities, meters) in [(10.0, 28_880.0), (30.0, 9_627.0), (100.0, 2_888.0), (1000.0, 288.8)] {
            assert_eq!(length(2_380.0, gravities, meters), Verdict::Holds);
            let working =
                &launcher_length(MetersPerSecond(2_380.0), Ratio(gravities), Meters(meters)).unwrap().working[0];
            let needed = 2_380.0f64.powi(2) / (2.0 * gravities * STANDARD_GRAVITY);
            assert!((needed / meters - 1.0).abs() < 2e-4, "{working}");
        }
        // 110.7 m/s from 1.25 m at 500 g, against 112 claimed.
        assert_eq!(length(112.0, 500.0, 1.25), Verdict::Holds);
        assert_eq!(length(125.0, 500.0, 1.25), Verdict::Fails);
        assert!(launcher_length(MetersPerSecond(0.0), Ratio(10.0), Meters(1.0)).is_err());
    }

    /// A numerical integration through NRLMSIS 2.1 from 325 to 180 km gives 117, 39 and 27 days for 60 kg/m2: the bound lies
    /// above each, by less than 40 %.
    #[test]
    fn lifetime_bounds_lie_just_above_the_integrated_ones() {
        for (air, days) in AIR_AT_325_KM.iter().zip([117.0, 39.0, 27.0]) {
            let bound = lifetime_bound(Meters(325e3), KilogramsPerSquareMeter(60.0), air).unwrap().0 / 86_400.0;
            assert!(bound > days && bound < 1.4 * days, "{bound} against {days} at {}", air.activity);
        }
    }

    #[test]
    fn scale_heights_follow_from_the_two_densities() {
        for (air, above) in AIR_AT_325_KM.iter().zip([1.02e-13, 9.2e-13, 1.87e-12, 3.46e-12]) {
            let height = 175e3 / (air.density_kg_m3 / above).ln();
            assert!((air.scale_height.0 / height - 1.0).abs() < 2e-3, "{height} at {}", air.activity);
        }
    }

    #[test]
    fn eleven_months_at_325_km_need_propulsion() {
        let eleven_months = Seconds(JULIAN_YEAR_S * 11.0 / 12.0);
        let verdict = |mass_per_area| {
            let mass_per_area = KilogramsPerSquareMeter(mass_per_area);
            unpropelled_lifetime(Meters(325e3), mass_per_area, eleven_months, &AIR_AT_325_KM).unwrap().verdict
        };
        assert_eq!(verdict(60.0), Verdict::Fails);
        assert_eq!(verdict(200.0), Verdict::Depends, "a dense satellite under a quiet Sun");
        assert_eq!(verdict(2_000.0), Verdict::Holds);
        assert!(lifetime_bound(Meters(-1.0), KilogramsPerSquareMeter(60.0), &AIR_AT_325_KM[0]).is_err());
    }

    #[test]
    fn ten_times_cheaper_energy_depends_on_what_is_left_out() {
        let finding = energy_cheaper_in_orbit(Ratio(10.0)).unwrap();
        assert_eq!(finding.verdict, Verdict::Depends);
        assert!(finding.working[0].ends_with("17.09 times cheaper"), "{:?}", finding.working);
        assert!(finding.working[1].contains("(20 USD/kg would do)"), "{:?}", finding.working);
        assert!(finding.working[1].ends_with("0.46 times cheaper"), "{:?}", finding.working);
        assert!(finding.working[2].ends_with("0.36 times cheaper"), "{:?}", finding.working);
        assert_eq!(energy_cheaper_in_orbit(Ratio(0.3)).unwrap().verdict, Verdict::Holds);
        assert_eq!(energy_cheaper_in_orbit(Ratio(20.0)).unwrap().verdict, Verdict::Fails);
        assert!(energy_cheaper_in_orbit(Ratio(0.0)).is_err());
    }

    /// 1 Mt a year at 100 kW/t is 100 GW a year; 1 TW a year needs 10 Mt.
    #[test]
    fn launched_power_is_mass_times_specific_power() {
        let verdict = |mass_mt: f64, power: f64| {
            launched_power(Kilograms(mass_mt * 1e9), WattsPerKilogram(100.0), Watts(power)).unwrap().verdict
        };
        assert_eq!(verdict(1.0, 100e9), Verdict::Holds);
        assert_eq!(verdict(10.0, 1e12), Verdict::Holds);
        assert_eq!(verdict(1.0, 1e12), Verdict::Fails);
    }

    #[test]
    fn nothing_outruns_light() {
        let finding = latency(Seconds(9.69e-3), Meters(8_616e3));
        assert_eq!(finding.verdict, Verdict::Fails);
        assert_eq!(finding.working, ["light in vacuum needs 28.74 ms for 8616 km"]);
        assert_eq!(latency(Seconds(0.030), Meters(8_616e3)).verdict, Verdict::Holds);
    }

    #[test]
    fn the_published_claims_are_judged() {
        use Verdict::{Depends, Fails, Holds};
        let findings = published().unwrap();
        let verdicts: Vec<_> = findings.iter().map(|finding| finding.verdict).collect();
        assert_eq!(verdicts, [Fails, Fails, Holds, Fails, Depends, Holds, Fails]);
        assert!(findings.iter().all(|finding| !finding.claim.is_empty() && !finding.working.is_empty()));
        assert_eq!(
            format!("{:>8}|{}", findings[0].verdict, findings[5].claim),
            "   fails|1 Mt a year at 100 W/kg is 100 GW a year"
        );
    }
}
