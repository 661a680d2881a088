//! Published claims against the physics: each check says holds, fails or depends, and shows its working.

use std::fmt;

use sunward_astro::decay::{SolarActivity, air_density, decay_time};
use sunward_catalog::WattsPerKilogram;
use sunward_link::{check_latency, light_time};
use sunward_units::{
    JULIAN_YEAR_S, Kilograms, KilogramsPerSquareMeter, Meters, MetersPerSecond, Ratio, Seconds, Usd, UsdPerKilogram,
    Watts, significant,
};

use crate::comparison::{Column, Term, explain};
use crate::error::{CostError, positive, share};
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

/// Altitude below which an orbit lasts hours.
const REENTRY: Meters = Meters(180e3);

/// The states of the Sun that a lifetime is judged in.
const SUNS: [(SolarActivity, &str); 4] = [
    (SolarActivity::Low, "F10.7 70, Ap 4"),
    (SolarActivity::Moderate, "F10.7 150, Ap 15"),
    (SolarActivity::High, "F10.7 200, Ap 15"),
    (SolarActivity::VeryHigh, "F10.7 250, Ap 45"),
];

/// Whether a satellite of `mass_per_drag_area` (m / Cd A) stays up for `claimed` from a circular orbit at `altitude` without
/// propulsion, in each state of the Sun: the integral of the drag down to 180 km ([`sunward_astro::decay`]).
///
/// # Errors
/// An altitude outside 180..=1000 km, a mass per area or a claimed time not above zero.
///
/// ```
/// use sunward_cost::claim::{Verdict, unpropelled_lifetime};
/// use sunward_units::{JULIAN_YEAR_S, KilogramsPerSquareMeter, Meters, Seconds};
/// let eleven_months = Seconds(JULIAN_YEAR_S * 11.0 / 12.0);
/// let finding = unpropelled_lifetime(Meters(325e3), KilogramsPerSquareMeter(60.0), eleven_months)?;
/// assert_eq!(finding.verdict, Verdict::Fails); // 117 days under a quiet Sun, 27 under an active one
/// # Ok::<(), sunward_cost::CostError>(())
/// ```
pub fn unpropelled_lifetime(
    altitude: Meters,
    mass_per_drag_area: KilogramsPerSquareMeter,
    claimed: Seconds,
) -> Result<Finding, CostError> {
    let days = |time: Seconds| format!("{} days", significant(time.0 / 86_400.0, 3));
    positive("claimed lifetime", claimed)?;
    let case = |(activity, sun): (SolarActivity, &str)| {
        let lasts = decay_time(altitude, REENTRY, mass_per_drag_area, activity)?;
        let density = air_density(altitude, activity)?;
        let enough = mass_per_drag_area * (claimed / positive("lifetime", lasts)?);
        let because =
            format!("{sun}: {} to {REENTRY}, from {density}; m / Cd A of {enough} would be needed", days(lasts));
        Ok(Case { holds: lasts >= claimed, because })
    };
    let claim = format!("{altitude} for {} without propulsion at m / Cd A of {mass_per_drag_area}", days(claimed));
    Ok(judge(claim, SUNS.into_iter().map(case).collect::<Result<_, CostError>>()?))
}

/// Whether a launcher of `efficiency` that throws `launched` a year at `speed` draws `power` on average: `m v^2 / 2 eta`.
///
/// # Errors
/// A value not above zero, or an efficiency above 1.
pub fn launcher_power(
    speed: MetersPerSecond,
    launched: Kilograms,
    efficiency: Ratio,
    power: Watts,
) -> Result<Finding, CostError> {
    positive("efficiency", share("efficiency", efficiency)?)?;
    positive("power", power)?;
    let kinetic_j_kg = 0.5 * positive("speed", speed)?.0.powi(2);
    let drawn = Watts(positive("launched mass", launched)?.0 * kinetic_j_kg / efficiency.0 / JULIAN_YEAR_S);
    let claim = format!("a launcher of efficiency {efficiency} throws {launched} a year at {speed} with {power}");
    let because = format!("v^2 / 2 = {} MJ/kg; {launched} a year draw {drawn}", significant(kinetic_j_kg / 1e6, 4));
    Ok(judge(claim, vec![Case { holds: agrees(power.0, drawn.0), because }]))
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

/// Whether energy for 40 MW over ten years is `times` cheaper in orbit than on the ground: on the white paper's own inputs,
/// with the same array launched at the mass and price that the company gave later, with McCalip's own inputs, and in each of
/// `columns`, models on common inputs. The working goes on to what each leaves out.
///
/// **Source**: Starcloud (2024), white paper 1.03, table 1; TechCrunch (30 March 2026) for 200 kW in 3 t and 500 USD/kg;
/// McCalip (2025).
///
/// # Errors
/// A factor not above zero, or a column without energy.
pub fn energy_cheaper_in_orbit(times: Ratio, columns: &[Column]) -> Result<Finding, CostError> {
    positive("factor", times)?;
    let mut cases = own_inputs(times)?;
    for column in columns {
        let (orbit, ground) = (column.orbit.usd_per_mwh()?, column.ground.usd_per_mwh()?);
        cases.push(energy_case(&format!("{}, on the same inputs", column.model), orbit, ground, times));
    }
    let claim = format!("energy for 40 MW over ten years is {} times cheaper in orbit", times.0);
    let mut finding = judge(claim, cases);
    finding.working.extend(left_out(times, columns)?);
    Ok(finding)
}

fn energy_case(inputs: &str, orbit_usd_mwh: f64, ground_usd_mwh: f64, times: Ratio) -> Case {
    let ratio = ground_usd_mwh / orbit_usd_mwh;
    let [orbit, ground] = [orbit_usd_mwh, ground_usd_mwh].map(|price| significant(price, 4));
    Case {
        holds: ratio >= times.0,
        because: format!("{inputs}: {orbit} against {ground} USD/MWh, {ratio:.2} times cheaper"),
    }
}

/// The claim on the inputs that its authors and McCalip published.
fn own_inputs(times: Ratio) -> Result<Vec<Case>, CostError> {
    let table = starcloud::Table::default();
    let outcome = table.evaluate()?;
    let per_mwh = |cost: Usd| cost.0 / (outcome.energy.0 / 3.6e9);
    let ground = per_mwh(outcome.ground_energy);
    let mass = Kilograms(table.power.0 / LATER_SPECIFIC_POWER.0);
    let launched = table.solar_array + LATER_LAUNCH_PRICE * mass;
    let (orbital, campus) = (mccalip::Orbital::default().evaluate()?, mccalip::Ground::default().evaluate()?);
    let enough = (outcome.ground_energy / times.0 - table.solar_array) / mass.0;
    let launched_inputs =
        format!("the array, and {mass} launched at {LATER_LAUNCH_PRICE} ({:.0} USD/kg would do)", enough.0);
    Ok(vec![
        energy_case("the white paper's three lines", per_mwh(outcome.orbit_total), ground, times),
        energy_case(
            "the same against its whole ground",
            per_mwh(outcome.orbit_total),
            per_mwh(outcome.ground_total),
            times,
        ),
        energy_case(&launched_inputs, per_mwh(launched), ground, times),
        energy_case(
            "McCalip's whole satellites and campus",
            mccalip::usd_per_mwh(orbital.total, orbital.energy),
            mccalip::usd_per_mwh(campus.total, campus.energy),
            times,
        ),
    ])
}

/// What the white paper's table leaves out of orbit, in the numbers of every other column, and what orbit may cost at all.
fn left_out(times: Ratio, columns: &[Column]) -> Result<Vec<String>, CostError> {
    let Some(paper) = columns.iter().position(|column| column.model == "starcloud") else { return Ok(Vec::new()) };
    let mut lines = Vec::new();
    for explanation in explain(columns, paper)?.iter().filter(|explanation| explanation.in_orbit) {
        let more = explanation.shares.iter().filter(|share| share.difference != 0.0);
        let more: Vec<String> =
            more.map(|share| format!("{} {:+.1} ({})", share.model, share.difference, share.because)).collect();
        if !more.is_empty() {
            lines.push(format!("{}, USD/MWh against the white paper's: {}", explanation.term.name(), more.join("; ")));
        }
    }
    for column in columns {
        let may_cost = column.ground.usd_per_mwh()? / times.0;
        let satellites = column.orbit.term_usd_per_mwh(Term::Satellites)?;
        lines.push(format!(
            "{}: to be {} times cheaper orbit may cost {} USD/MWh; its satellites alone cost {}",
            column.model,
            times.0,
            significant(may_cost, 4),
            significant(satellites, 4)
        ));
    }
    Ok(lines)
}

/// 200 kW in 3 t, as announced for Starcloud-3.
const LATER_SPECIFIC_POWER: WattsPerKilogram = WattsPerKilogram(200e3 / 3e3);
/// The launch price that the company said it needs.
const LATER_LAUNCH_PRICE: UsdPerKilogram = UsdPerKilogram(500.0);

/// Published claims with their findings, those that fail included; `columns` are those of [`energy_cheaper_in_orbit`].
///
/// # Errors
/// A column without energy; the figures below are in range.
pub fn published(columns: &[Column]) -> Result<Vec<Finding>, CostError> {
    let lunar_launch = MetersPerSecond(2_400.0);
    Ok(vec![
        // Fast Company, on a lunar mass driver.
        launcher_length(lunar_launch, Ratio(100.0), Meters(494.0))?,
        launcher_length(lunar_launch, Ratio(30.0), Meters(1_630.0))?,
        // Kolm and Fine's second mass driver.
        launcher_length(MetersPerSecond(112.0), Ratio(500.0), Meters(1.25))?,
        // 1 Mt a year at 2.38 km/s and an efficiency of 0.6.
        launcher_power(MetersPerSecond(2_380.0), Kilograms(1e9), Ratio(0.6), Watts(149.6e6))?,
        // Starcloud-1, as the press gave it; 60 kg/m2 for a 60 kg satellite.
        unpropelled_lifetime(Meters(325e3), KilogramsPerSquareMeter(60.0), Seconds(JULIAN_YEAR_S * 11.0 / 12.0))?,
        energy_cheaper_in_orbit(Ratio(10.0), columns)?,
        // SpaceX's filing of January 2026.
        launched_power(Kilograms(1e9), WattsPerKilogram(100.0), Watts(100e9))?,
        // A network tool's San Francisco - London.
        latency(Seconds(9.69e-3), Meters(8_616e3)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::{Inputs, MODELS, column};

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

    /// 117, 39 and 27 days were computed independently through NRLMSIS 2.1 for 60 kg/m2 from 325 to 180 km.
    #[test]
    fn eleven_months_at_325_km_need_propulsion() {
        let eleven_months = Seconds(JULIAN_YEAR_S * 11.0 / 12.0);
        let finding = |altitude, mass_per_area| {
            unpropelled_lifetime(Meters(altitude), KilogramsPerSquareMeter(mass_per_area), eleven_months)
        };
        let low = finding(325e3, 60.0).unwrap();
        assert_eq!(low.verdict, Verdict::Fails);
        for (line, days) in low.working.iter().zip([117.0, 39.0, 27.0]) {
            let told: f64 = line.split(": ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
            assert!((told / days - 1.0).abs() < 0.02, "{line}");
        }
        assert_eq!(finding(325e3, 200.0).unwrap().verdict, Verdict::Depends, "a dense satellite under a quiet Sun");
        assert_eq!(finding(325e3, 2_000.0).unwrap().verdict, Verdict::Holds);
        assert_eq!(finding(550e3, 60.0).unwrap().verdict, Verdict::Holds, "higher up");
        let error = finding(-1.0, 60.0).unwrap_err();
        assert!(std::error::Error::source(&error).unwrap().to_string().contains("150 km..=1000 km"), "{error}");
        assert!(finding(325e3, 0.0).is_err());
        assert!(unpropelled_lifetime(Meters(325e3), KilogramsPerSquareMeter(60.0), Seconds(0.0)).is_err());
    }

    /// 1 Mt a year at 2.38 km/s and an efficiency of 0.6 draws 149.6 MW.
    #[test]
    fn a_launchers_power_is_its_kinetic_energy_over_its_efficiency() {
        let verdict = |power: f64| {
            launcher_power(MetersPerSecond(2_380.0), Kilograms(1e9), Ratio(0.6), Watts(power)).unwrap().verdict
        };
        assert_eq!(verdict(149.6e6), Verdict::Holds);
        assert_eq!(verdict(100e6), Verdict::Fails);
        let working = launcher_power(MetersPerSecond(2_375.7), Kilograms(1e9), Ratio(0.6), Watts(1.0)).unwrap().working;
        assert!(working[0].starts_with("v^2 / 2 = 2.822 MJ/kg"), "{working:?}");
        assert!(launcher_power(MetersPerSecond(1.0), Kilograms(1.0), Ratio(1.1), Watts(1.0)).is_err());
    }

    fn columns() -> Vec<Column> {
        let common = Inputs::of(&sunward_catalog::Catalog::builtin()).unwrap().common().unwrap();
        MODELS.map(|model| column(model, &common).unwrap().unwrap()).to_vec()
    }

    #[test]
    fn ten_times_cheaper_energy_depends_on_what_is_left_out() {
        let columns = columns();
        let finding = energy_cheaper_in_orbit(Ratio(10.0), &columns).unwrap();
        assert_eq!(finding.verdict, Verdict::Depends);
        for (line, end) in finding.working.iter().zip(["17.09", "20.39", "0.46", "0.36"]) {
            assert!(line.ends_with(&format!("{end} times cheaper")), "{line}");
        }
        assert!(finding.working[2].contains("(20 USD/kg would do)"), "{:?}", finding.working);
        let all = finding.working.join("\n");
        for part in [
            "starcloud, on the same inputs: 20.55 against 102.9 USD/MWh, 5.01 times cheaper",
            "satellites, USD/MWh against the white paper's: mccalip +285.9",
            "replacement, USD/MWh against the white paper's: mccalip +257.8",
            "mccalip: to be 10 times cheaper orbit may cost 22.89 USD/MWh; its satellites alone cost 286.5",
        ] {
            assert!(all.contains(part), "{part} is not in {all}");
        }
        assert_eq!(energy_cheaper_in_orbit(Ratio(0.2), &columns).unwrap().verdict, Verdict::Holds);
        assert_eq!(energy_cheaper_in_orbit(Ratio(21.0), &columns).unwrap().verdict, Verdict::Fails);
        assert!(energy_cheaper_in_orbit(Ratio(0.0), &[]).is_err());
        assert_eq!(energy_cheaper_in_orbit(Ratio(10.0), &[]).unwrap().working.len(), 4);
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
        let findings = published(&columns()).unwrap();
        let verdicts: Vec<_> = findings.iter().map(|finding| finding.verdict).collect();
        assert_eq!(verdicts, [Fails, Fails, Holds, Holds, Fails, Depends, Holds, Fails]);
        assert!(findings.iter().all(|finding| !finding.claim.is_empty() && !finding.working.is_empty()));
        assert_eq!(
            format!("{:>8}|{}", findings[0].verdict, findings[6].claim),
            "   fails|1 Mt a year at 100 W/kg is 100 GW a year"
        );
    }
}
