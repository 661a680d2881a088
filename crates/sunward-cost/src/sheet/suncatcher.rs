//! Suncatcher's launched power, its launch price on the learning curve, and the ground beside it, in the paper's units.

use sunward_units::{
    JULIAN_YEAR_S, Kilograms, Ratio, Seconds, SquareMeters, UsdPerJoule, UsdPerKilogram, Watts, WattsPerSquareMeter,
};

use super::{Input, NOT_NEGATIVE, Output, Preset, SHARE, Sheet, Values, output};
use crate::error::CostError;
use crate::learning::{LaunchMarket, LearningCurve};
use crate::models::suncatcher::{
    SATELLITES, Satellite, array_power, electricity_price, launch_price_for, launched_power_price, price_at_margin,
};

const PRESETS: &[Preset] = &[
    Preset {
        name: "v2-mini",
        values: &[("satellite_mass_kg", 575.0), ("satellite_power_kw", 28.0), ("life_years", 5.0)],
    },
    Preset { name: "v1", values: &[("satellite_mass_kg", 260.0), ("satellite_power_kw", 7.0), ("life_years", 5.0)] },
    Preset {
        name: "oneweb",
        values: &[("satellite_mass_kg", 150.0), ("satellite_power_kw", 0.8), ("life_years", 5.0)],
    },
    Preset {
        name: "iridium-next",
        values: &[("satellite_mass_kg", 860.0), ("satellite_power_kw", 2.0), ("life_years", 12.5)],
    },
    Preset { name: "ground-low", values: &[("tariff", 0.06), ("pue", 1.09)] },
    Preset { name: "ground-high", values: &[("tariff", 0.25), ("pue", 1.4)] },
];

const NOT_MODELLED: &[&str] = &[
    "Launch alone: the satellite, its operation, interest and replacement within the life cost nothing.",
    "Power is the array's at begin of life in full sun: no eclipse, no degradation.",
    "The learning curve has no floor but the one the reader sets beside it (propellant alone is about 8 USD/kg).",
];

pub(super) fn sheet() -> Sheet {
    Sheet {
        name: "suncatcher",
        title: "price of launched power, and when launch is cheap enough",
        source: "Agüera y Arcas et al. (2025), arXiv:2511.19468v2, table 1 and the section on launch costs",
        inputs: inputs(),
        presets: PRESETS,
        not_modelled: NOT_MODELLED,
        evaluate,
    }
}

fn inputs() -> Vec<Input> {
    let number = Input::new::<Ratio>;
    let price = Input::new::<UsdPerKilogram>;
    let mass = Input::new::<Kilograms>;
    vec![
        mass("satellite_mass_kg", "kg", 575.0, NOT_NEGATIVE, "mass of a satellite"),
        Input::new::<Watts>("satellite_power_kw", "kW", 28.0, NOT_NEGATIVE, "power of its array"),
        number("life_years", "yr", 5.0, NOT_NEGATIVE, "time it works"),
        price("launch_price", "USD/kg", 3600.0, NOT_NEGATIVE, "launch price"),
        number(
            "target_usd_per_kw_year",
            "USD/kW/yr",
            810.0,
            NOT_NEGATIVE,
            "launched power for which the launch price is asked",
        ),
        Input::new::<UsdPerJoule>("tariff", "USD/kWh", 0.06, 0.06..=0.25, "electricity on the ground"),
        number("pue", "", 1.09, 1.09..=1.4, "power of the site over power of the computers"),
        price("first_price", "USD/kg", 1800.0, NOT_NEGATIVE, "launch price at the first cumulative mass"),
        mass("first_mass_t", "t", 400.0, NOT_NEGATIVE, "mass ever launched then"),
        number("learning_rate", "%", 20.0, 18.0..=24.0, "price lost with each doubling"),
        price("target_price", "USD/kg", 200.0, NOT_NEGATIVE, "launch price for which the cumulative mass is asked"),
        mass("target_mass_t", "t", 104_525.0, NOT_NEGATIVE, "cumulative mass for which the price is asked"),
        mass("payload_t", "t", 200.0, NOT_NEGATIVE, "mass of one launch"),
        number("launches_per_year", "", 180.0, NOT_NEGATIVE, "launches a year"),
        Input::new::<SquareMeters>("array_m2", "m2", 105.0, NOT_NEGATIVE, "array of a satellite"),
        number("cell_efficiency", "", 0.22, SHARE, "electricity over sunlight"),
        Input::new::<WattsPerSquareMeter>("sunlight", "W/m2", 1361.0, NOT_NEGATIVE, "sunlight"),
        number("kept", "", 0.90, SHARE, "share left by all other losses"),
        price("launch_cost", "USD/kg", 60.0, NOT_NEGATIVE, "cost of a launch that is reused ten times"),
        number("margin", "%", 75.0, 0.0..=99.0, "share of the price that is margin"),
    ]
}

fn evaluate(values: &Values<'_>) -> Result<Vec<Output>, CostError> {
    let mut all = power(values)?;
    all.extend(market(values)?);
    let sun = WattsPerSquareMeter(values.of("sunlight"));
    let array = SquareMeters(values.of("array_m2"));
    let power = array_power(array, Ratio(values.of("cell_efficiency")), sun, Ratio(values.of("kept")));
    let price = price_at_margin(UsdPerKilogram(values.of("launch_cost")), Ratio(values.of("margin") / 100.0))?;
    all.push(output("array_power_kw", "kW", power.0 / 1e3, "power of an array"));
    all.push(output("price_at_margin", "USD/kg", price.0, "launch price that leaves the margin"));
    Ok(all)
}

/// USD per kilowatt and year, as the paper prints it.
const PER_KW_YEAR: f64 = 1e3 * JULIAN_YEAR_S;

fn power(values: &Values<'_>) -> Result<Vec<Output>, CostError> {
    let satellite = Satellite {
        name: "as given",
        mass: Kilograms(values.of("satellite_mass_kg")),
        power: Watts(values.of("satellite_power_kw") * 1e3),
        life: Seconds(values.of("life_years") * JULIAN_YEAR_S),
    };
    let launch = UsdPerKilogram(values.of("launch_price"));
    let yearly = |name, value: f64, meaning| output(name, "USD/kW/yr", value * PER_KW_YEAR, meaning);
    let target = sunward_catalog::UsdPerWattSecond(values.of("target_usd_per_kw_year") / PER_KW_YEAR);
    let ground = electricity_price(UsdPerJoule(values.of("tariff") / 3.6e6), Ratio(values.of("pue")))?;
    let price = |name, value: UsdPerKilogram, meaning| output(name, "USD/kg", value.0, meaning);
    let mut all = vec![
        yearly("launched_power", launched_power_price(&satellite, launch)?.0, "launched power of the satellite given"),
        output("specific_mass", "kg/kW", satellite.mass.0 / satellite.power.0 * 1e3, "mass per power"),
        yearly("ground_power", ground.0, "electricity on the ground, for computers that always run"),
        price(
            "launch_price_for_target",
            launch_price_for(&satellite, target)?,
            "launch price at which launched power costs the target",
        ),
        price(
            "launch_price_for_ground",
            launch_price_for(&satellite, ground)?,
            "launch price at which launched power costs the ground's",
        ),
    ];
    let names = ["table_1.v2_mini", "table_1.v1", "table_1.oneweb", "table_1.iridium_next"];
    for (name, satellite) in names.into_iter().zip(&SATELLITES) {
        all.push(yearly(name, launched_power_price(satellite, launch)?.0, satellite.name));
    }
    Ok(all)
}

fn market(values: &Values<'_>) -> Result<Vec<Output>, CostError> {
    let tonnes = |name| Kilograms(values.of(name) * 1e3);
    let curve = LearningCurve::new(Ratio(values.of("learning_rate") / 100.0))?;
    let market =
        LaunchMarket { price: UsdPerKilogram(values.of("first_price")), launched: tonnes("first_mass_t"), curve };
    let needed = market.launched_at(UsdPerKilogram(values.of("target_price")))?;
    let added = needed - market.launched;
    let launches = added / tonnes("payload_t");
    let mass = |name, value: Kilograms, meaning| output(name, "t", value.0 / 1e3, meaning);
    Ok(vec![
        output("learning_exponent", "", curve.exponent(), "b in price ~ mass^-b"),
        mass("mass_at_target_price", needed, "mass ever launched at which the price is the target"),
        mass("mass_added", added, "of that, still to be launched"),
        output("launches_added", "", launches, "launches for that"),
        output("years_added", "yr", launches / values.of("launches_per_year"), "years for that"),
        output(
            "price_at_target_mass",
            "USD/kg",
            market.price_at(tonnes("target_mass_t"))?.0,
            "price at the mass asked for",
        ),
    ])
}

#[cfg(test)]
mod tests {
    use super::super::Sheet;

    #[test]
    fn the_papers_numbers_come_out() {
        let value = |preset: &str, settings: &[(&str, &str)], name: &str| {
            let mut sheet = Sheet::of("suncatcher").unwrap();
            sheet.apply(preset).unwrap();
            settings.iter().for_each(|(name, text)| sheet.set(name, text).unwrap());
            sheet.evaluate().unwrap().iter().find(|output| output.name == name).unwrap().value
        };
        for (preset, settings, name, expected, within) in [
            ("v2-mini", &[][..], "launched_power", 14_786.0, 0.5),
            ("oneweb", &[("launch_price", "200")], "launched_power", 7_500.0, 1e-9),
            ("iridium-next", &[], "launched_power", 123_840.0, 1e-6),
            ("v2-mini", &[], "table_1.v1", 26_743.0, 0.5),
            ("ground-low", &[], "ground_power", 573.0, 0.5),
            ("ground-high", &[], "ground_power", 3_066.0, 0.5),
            ("v2-mini", &[], "mass_at_target_price", 368_305.0, 1.0),
            ("v2-mini", &[], "mass_added", 367_905.0, 1.0),
            ("v2-mini", &[("target_price", "300")], "mass_at_target_price", 104_525.0, 1.0),
            ("v2-mini", &[], "price_at_target_mass", 300.0, 1e-3),
            ("v2-mini", &[], "launches_added", 1_840.0, 1.0),
            ("v2-mini", &[], "array_power_kw", 28.295, 5e-4),
            ("v2-mini", &[], "price_at_margin", 240.0, 1e-9),
            ("v2-mini", &[("target_usd_per_kw_year", "1232.142857")], "launch_price_for_target", 300.0, 1e-6),
        ] {
            let got = value(preset, settings, name);
            assert!((got - expected).abs() <= within, "{name} is {got}, not {expected}");
        }
    }
}
