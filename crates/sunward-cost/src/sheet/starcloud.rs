//! The 40 MW table and the radiator of Starcloud's white paper, in its units.

use sunward_catalog::{KilogramsPerJoule, WattsPerKilogram};
use sunward_units::{Kelvin, Ratio, Usd, UsdPerJoule, UsdPerKilogram, Watts, WattsPerSquareMeter};

use super::{Input, NOT_NEGATIVE, Output, SHARE, Sheet, Values, output};
use crate::error::CostError;
use crate::models::starcloud::{Radiator, Table};

const NOT_MODELLED: &[&str] = &[
    "The ground pays for energy in full; orbit pays for bare cells, one launch and shielding.",
    "Satellite bus, radiators, structure, replacement, operations and development cost nothing in orbit; halls nothing on the ground.",
    "One launch of 100 t for 5 MUSD is 50 USD/kg, while the shielding line uses 30 USD/kg.",
    "The radiator absorbs the Earth's infrared with its solar absorptance; by its emissivity the net is 584.76 W/m2 instead of 633.08.",
];

pub(super) fn sheet() -> Sheet {
    Sheet {
        name: "starcloud",
        title: "40 MW for ten years, in orbit and on the ground; the radiator",
        source: "Starcloud (2024), Why we should train AI in space, version 1.03, table 1 and the radiator section",
        inputs: inputs(),
        presets: &[],
        not_modelled: NOT_MODELLED,
        evaluate,
    }
}

fn inputs() -> Vec<Input> {
    let number = Input::new::<Ratio>;
    vec![
        Input::new::<Watts>("power_mw", "MW", 40.0, NOT_NEGATIVE, "power of the computers"),
        number("years", "", 10.0, NOT_NEGATIVE, "time to run, whole years of 8,760 h"),
        Input::new::<UsdPerJoule>("tariff", "USD/kWh", 0.04, NOT_NEGATIVE, "electricity on the ground"),
        number("cooling_share", "%", 5.0, NOT_NEGATIVE, "cooling energy over the computers' energy, on the ground"),
        number("water", "L/kWh", 0.5, NOT_NEGATIVE, "water on the ground"),
        Input::new::<Usd>("backup", "MUSD", 20.0, NOT_NEGATIVE, "backup power on the ground"),
        Input::new::<Usd>("solar_array", "MUSD", 2.0, NOT_NEGATIVE, "cells in orbit"),
        Input::new::<Usd>("launch", "MUSD", 5.0, NOT_NEGATIVE, "one launch"),
        number("shielding", "kg/kW", 1.0, NOT_NEGATIVE, "shielding"),
        Input::new::<UsdPerKilogram>("shielding_price", "USD/kg", 30.0, NOT_NEGATIVE, "launch price of the shielding"),
        Input::new::<Kelvin>(
            "radiator_temperature",
            "degC",
            20.0,
            NOT_NEGATIVE,
            "mean of 35 at the inlet and 5 at the outlet",
        ),
        number("radiator_emissivity", "", 0.92, SHARE, "emissivity of both faces"),
        number("radiator_absorptance", "", 0.09, SHARE, "solar absorptance"),
        number("radiator_earth_view", "", 0.25, SHARE, "view factor to the Earth"),
        number("albedo", "", 0.3, SHARE, "share of sunlight that the Earth reflects"),
        Input::new::<WattsPerSquareMeter>("sunlight", "W/m2", 1366.0, NOT_NEGATIVE, "sunlight"),
        Input::new::<Kelvin>(
            "earth_temperature",
            "degC",
            -20.0,
            -273.15..=100.0,
            "temperature at which the Earth radiates",
        ),
        Input::new::<Watts>("heat_kw", "kW", 120.0, NOT_NEGATIVE, "heat to reject: one rack"),
    ]
}

fn models(values: &Values<'_>) -> Result<(Table, Radiator), CostError> {
    let share = |name| Ratio(values.of(name));
    let millions = |name| Usd(values.of(name) * 1e6);
    let table = Table {
        power: Watts(values.of("power_mw") * 1e6),
        years: values.whole("years")?,
        tariff: UsdPerJoule(values.of("tariff") / 3.6e6),
        cooling_share: Ratio(values.of("cooling_share") / 100.0),
        water: KilogramsPerJoule(values.of("water") / 3.6e6),
        backup: millions("backup"),
        solar_array: millions("solar_array"),
        launch: millions("launch"),
        shielded_power: WattsPerKilogram(1e3 / values.of("shielding")),
        shielding_price: UsdPerKilogram(values.of("shielding_price")),
    };
    let radiator = Radiator {
        temperature: Kelvin::from_celsius(values.of("radiator_temperature")),
        emissivity: share("radiator_emissivity"),
        absorptance: share("radiator_absorptance"),
        earth_view: share("radiator_earth_view"),
        albedo: share("albedo"),
        sun: WattsPerSquareMeter(values.of("sunlight")),
        earth: Kelvin::from_celsius(values.of("earth_temperature")),
    };
    Ok((table, radiator))
}

fn evaluate(values: &Values<'_>) -> Result<Vec<Output>, CostError> {
    let (table, radiator) = models(values)?;
    let (out, heat) = (table.evaluate()?, Watts(values.of("heat_kw") * 1e3));
    let plate = radiator.evaluate()?;
    let millions = |name, value: Usd, meaning| output(name, "MUSD", value.0 / 1e6, meaning);
    let kilowatt_hours = out.energy.0 / 3.6e6;
    let per_area = |name, value: WattsPerSquareMeter, meaning| output(name, "W/m2", value.0, meaning);
    Ok(vec![
        output("energy_gwh", "GWh", out.energy.0 / 3.6e12, "energy of the computers"),
        millions("ground.energy", out.ground_energy, "electricity"),
        millions("ground.cooling", out.ground_cooling, "cooling"),
        millions("ground.backup", out.ground_backup, "backup power"),
        millions("ground.total", out.ground_total, "sum"),
        output("ground.water_mt", "Mt", out.ground_water.0 / 1e9, "water, priced at nothing"),
        output("ground.usd_per_kwh", "USD/kWh", out.ground_total.0 / kilowatt_hours, "sum per energy"),
        millions("orbit.solar_array", table.solar_array, "cells"),
        millions("orbit.launch", table.launch, "launch"),
        millions("orbit.shielding", out.shielding, "shielding"),
        millions("orbit.total", out.orbit_total, "sum"),
        output("orbit.usd_per_kwh", "USD/kWh", out.orbit_total.0 / kilowatt_hours, "sum per energy"),
        output(
            "orbit.usd_per_kwh_without_shielding",
            "USD/kWh",
            (table.solar_array + table.launch).0 / kilowatt_hours,
            "cells and launch per energy",
        ),
        output("ratio", "", out.ground_total / out.orbit_total, "ground over orbit"),
        per_area("radiator.emission", plate.emitted, "from both faces"),
        per_area("radiator.solar", plate.solar, "sunlight absorbed"),
        per_area("radiator.earth", plate.earth, "albedo and infrared absorbed"),
        per_area("radiator.net", plate.net, "left to cool with"),
        output("radiator.area_m2", "m2", plate.area(heat)?.0, "plate for the heat"),
        per_area("radiator.net_by_emissivity", plate.net_by_emissivity, "net, infrared absorbed by the emissivity"),
        output(
            "radiator.area_by_emissivity_m2",
            "m2",
            plate.area_by_emissivity(heat)?.0,
            "plate for the heat, infrared absorbed by the emissivity",
        ),
    ])
}

#[cfg(test)]
mod tests {
    use super::super::Sheet;

    /// White paper: 140, 7, 20, 167 and 8.2 MUSD; 770.48, 122.94, 14.46, 633.08 W/m2; 189.55 and 205.21 m2 for 120 kW.
    #[test]
    fn the_white_papers_numbers_come_out() {
        let outputs = Sheet::of("starcloud").unwrap().evaluate().unwrap();
        let value = |name: &str| outputs.iter().find(|output| output.name == name).unwrap().value;
        for (name, expected, half_a_digit) in [
            ("ground.energy", 140.16, 5e-9),
            ("ground.cooling", 7.008, 5e-9),
            ("ground.total", 167.168, 5e-9),
            ("ground.water_mt", 1.752, 5e-9),
            ("orbit.total", 8.2, 5e-9),
            ("orbit.usd_per_kwh", 0.0023, 5e-5),
            ("orbit.usd_per_kwh_without_shielding", 0.0020, 5e-5),
            ("radiator.emission", 770.48, 5e-3),
            ("radiator.solar", 122.94, 5e-3),
            ("radiator.earth", 14.46, 5e-3),
            ("radiator.net", 633.08, 5e-3),
            ("radiator.area_m2", 189.55, 5e-3),
            ("radiator.net_by_emissivity", 584.76, 5e-3),
            ("radiator.area_by_emissivity_m2", 205.21, 5e-3),
        ] {
            assert!((value(name) - expected).abs() <= half_a_digit, "{name} is {}, not {expected}", value(name));
        }
    }
}
