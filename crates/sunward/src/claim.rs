//! `sunward claim`: published claims against the physics and the prices, and claims of one's own.

use std::str::FromStr;

use clap::{Args, Subcommand};
use serde_json::json;
use sunward_catalog::WattsPerKilogram;
use sunward_cost::CostError;
use sunward_cost::claim::{
    Finding, STANDARD_GRAVITY, energy_cheaper_in_orbit, latency, launched_power, launcher_length, launcher_power,
    published, unpropelled_lifetime,
};
use sunward_cost::comparison::MODELS;
use sunward_units::{
    JULIAN_YEAR_S, Kilograms, KilogramsPerSquareMeter, Meters, MetersPerSecond, Ratio, Seconds, Watts,
};

use crate::Failure;
use crate::input::{print_json, print_text};
use crate::side_by_side::{self, InputOptions};

#[derive(Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    claim: Option<Claim>,
    /// As JSON on stdout.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Claim {
    /// A satellite stays up so long without propulsion.
    Lifetime {
        /// Altitude of its circular orbit, for example "325 km".
        #[arg(long)]
        altitude: Meters,
        /// Mass over drag area, m / (Cd A), for example "60 kg/m2".
        #[arg(long)]
        ballistic: KilogramsPerSquareMeter,
        /// How long, for example "11 months".
        #[arg(long = "for", value_parser = duration)]
        claimed: Seconds,
    },
    /// A launcher on rails of that length reaches a velocity at an acceleration.
    MassDriver {
        /// For example "2400 m/s".
        #[arg(long)]
        velocity: MetersPerSecond,
        /// For example "494 m".
        #[arg(long)]
        length: Meters,
        /// In standard gravities, "100 g", or "980 m/s2".
        #[arg(long, value_parser = gravities)]
        acceleration: Ratio,
    },
    /// A launcher throws so much a year with so much power.
    LauncherPower {
        /// For example "2380 m/s".
        #[arg(long)]
        velocity: MetersPerSecond,
        /// Mass a year, for example "1 Mt".
        #[arg(long)]
        mass: Kilograms,
        /// Kinetic energy over electricity.
        #[arg(long, default_value = "0.6")]
        efficiency: Ratio,
        /// Mean power, for example "150 MW".
        #[arg(long)]
        power: Watts,
    },
    /// So much launched a year is so much power a year.
    LaunchedPower {
        /// Mass a year, for example "1 Mt".
        #[arg(long)]
        mass: Kilograms,
        /// For example "100 kW/t".
        #[arg(long)]
        specific_power: WattsPerKilogram,
        /// Power a year, for example "100 GW".
        #[arg(long)]
        power: Watts,
    },
    /// Data covers a distance in a time, one way.
    Latency {
        /// For example "9.69 ms".
        #[arg(long)]
        time: Seconds,
        /// For example "8616 km".
        #[arg(long)]
        distance: Meters,
    },
    /// Energy for computers is so many times cheaper in orbit: the 40 MW table, and what other models add.
    TenTimesCheaper {
        /// How many times.
        #[arg(long, default_value = "10")]
        times: Ratio,
        /// Models that have a say; twin flies a mission built from the inputs.
        #[arg(long = "model", value_delimiter = ',', default_values = [&MODELS[..], &[side_by_side::TWIN]].concat())]
        models: Vec<String>,
        #[command(flatten)]
        inputs: InputOptions,
    },
}

/// A duration that may be in months, twelve to a year of 365.25 days.
fn duration(text: &str) -> Result<Seconds, String> {
    let months = text.trim().strip_suffix("months").or_else(|| text.trim().strip_suffix("month"));
    match months.map(str::trim).map(f64::from_str) {
        Some(Ok(months)) => Ok(Seconds(months * JULIAN_YEAR_S / 12.0)),
        _ => text.parse::<Seconds>().map_err(|error| format!("{error}, months")),
    }
}

/// An acceleration in standard gravities.
fn gravities(text: &str) -> Result<Ratio, String> {
    let number = |number: &str| number.trim().parse::<f64>().map_err(|_| format!("{text:?} is no number of g or m/s2"));
    let text = text.trim();
    match text.strip_suffix("m/s2") {
        Some(value) => Ok(Ratio(number(value)? / STANDARD_GRAVITY)),
        None => Ok(Ratio(number(text.strip_suffix('g').unwrap_or(text))?)),
    }
}

pub(crate) fn claim(options: &Options) -> Result<(), Failure> {
    let findings = match &options.claim {
        None => published(&side_by_side::columns(&MODELS.map(str::to_owned), &InputOptions::default())?)
            .map_err(Failure::run)?,
        Some(Claim::TenTimesCheaper { times, models, inputs }) => {
            let columns = side_by_side::columns(models, inputs)?;
            vec![energy_cheaper_in_orbit(*times, &columns).map_err(Failure::input)?]
        }
        Some(claim) => vec![judged(claim).map_err(Failure::input)?],
    };
    if options.json {
        let row = |finding: &Finding| json!({"claim": finding.claim, "verdict": finding.verdict.to_string(), "working": finding.working});
        return print_json(&findings.iter().map(row).collect::<Vec<_>>());
    }
    let paragraph =
        |finding: &Finding| format!("{}: {}\n  {}", finding.verdict, finding.claim, finding.working.join("\n  "));
    print_text(&findings.iter().map(paragraph).collect::<Vec<_>>().join("\n\n"))
}

/// A claim that stands by itself.
fn judged(claim: &Claim) -> Result<Finding, CostError> {
    match *claim {
        Claim::Lifetime { altitude, ballistic, claimed } => unpropelled_lifetime(altitude, ballistic, claimed),
        Claim::MassDriver { velocity, length, acceleration } => launcher_length(velocity, acceleration, length),
        Claim::LauncherPower { velocity, mass, efficiency, power } => launcher_power(velocity, mass, efficiency, power),
        Claim::LaunchedPower { mass, specific_power, power } => launched_power(mass, specific_power, power),
        Claim::Latency { time, distance } => Ok(latency(time, distance)),
        Claim::TenTimesCheaper { times, .. } => energy_cheaper_in_orbit(times, &[]),
    }
}
