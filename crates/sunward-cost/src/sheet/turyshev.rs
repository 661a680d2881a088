//! Turyshev's conditions of closure, in the abstract's units.

use sunward_catalog::{JoulesPerKilogram, UsdPerWatt, WattsPerKilogram};
use sunward_units::{
    BitsPerSecond, Kelvin, KilogramsPerSquareMeter, Ratio, Seconds, UsdPerKilogram, Watts, WattsPerSquareMeter,
};

use super::{ANY, Input, NOT_NEGATIVE, Output, SHARE, Sheet, Values, output};
use crate::error::CostError;
use crate::models::turyshev::{
    BitsPerJoule, Closure, Radiator, allowance, array_area, array_mass, battery_mass, launch_price_at_closure,
};

const NOT_MODELLED: &[&str] = &[
    "Time, orbit and degradation within the life; replacement and interest sit inside the yearly costs that the caller gives.",
    "The array's 5.64e3 m2 fixes only its product of efficiency and end-of-life share, 16.28 %: the abstract gives neither alone.",
    "The 29.4 kg/kW of array, storage and radiator cannot be reproduced: of its parts the abstract gives the radiator's 12.5 kg/kW, for array and storage only ranges (30 to 165 W/kg; 150 to 265 Wh/kg at a depth of 0.3 to 0.8) and no time in shadow.",
    "The 34 to 59 kg/kW in all cannot be reproduced either: structure, computers and margin are not in the abstract.",
    "Link cost, operations and the work's data intensity are not in the abstract: they are the caller's.",
];

pub(super) fn sheet() -> Sheet {
    Sheet {
        name: "turyshev",
        title: "when an orbital data center closes: mass, money and data",
        source: "Turyshev (2026), arXiv:2604.27197, abstract and the figures derived from it",
        inputs: inputs(),
        presets: &[],
        not_modelled: NOT_MODELLED,
        evaluate,
    }
}

fn inputs() -> Vec<Input> {
    let number = Input::new::<Ratio>;
    let price = Input::new::<UsdPerKilogram>;
    let flux = Input::new::<WattsPerSquareMeter>;
    let per_kilowatt = |name, value, range, meaning| Input::new::<UsdPerWatt>(name, "USD/kW", value, range, meaning);
    vec![
        Input::new::<Watts>("power_mw", "MW", 1.0, NOT_NEGATIVE, "power of the computers"),
        number("overhead", "", 1.25, 1.0..=f64::INFINITY, "power of the site over power of the computers"),
        number("array_efficiency", "", 0.1628, SHARE, "electricity at end of life over sunlight, from 5.64e3 m2"),
        flux("sunlight", "W/m2", 1361.0, NOT_NEGATIVE, "sunlight"),
        Input::new::<WattsPerKilogram>("array_specific_power", "W/kg", 100.0, 30.0..=165.0, "array"),
        Input::new::<JoulesPerKilogram>("battery_specific_energy", "Wh/kg", 200.0, 150.0..=265.0, "battery"),
        number("depth_of_discharge", "", 0.55, 0.3..=0.8, "share of the battery that is used"),
        number("shadow_min", "min", 20.0, NOT_NEGATIVE, "longest time in shadow"),
        number("radiator_emissivity", "", 0.90, SHARE, "emissivity"),
        number("fin_efficiency", "", 0.85, SHARE, "share of an even plate's radiation"),
        Input::new::<Kelvin>("radiator_temperature", "K", 350.0, NOT_NEGATIVE, "temperature of the radiator"),
        flux("environment", "W/m2", 150.0, NOT_NEGATIVE, "absorbed from Sun and Earth"),
        Input::new::<KilogramsPerSquareMeter>("radiator_areal_mass", "kg/m2", 5.0, 2.0..=10.0, "radiator"),
        number("specific_mass", "kg/kW", 40.0, 34.0..=59.0, "everything launched, per power of the computers"),
        price("launch_price", "USD/kg", 200.0, NOT_NEGATIVE, "launch price, L"),
        price("build_price", "USD/kg", 0.0, NOT_NEGATIVE, "price of building a kilogram, B"),
        per_kilowatt("link_cost", 0.0, NOT_NEGATIVE, "links, over the life"),
        per_kilowatt("operations_cost", 0.0, NOT_NEGATIVE, "operations, over the life"),
        per_kilowatt("ground_cost", 10_000.0, 10_000.0..=40_000.0, "the ground's cost, over the life"),
        Input::new::<BitsPerSecond>("link_rate", "Gbit/s", 32.9, NOT_NEGATIVE, "all links together"),
        number("data_intensity", "GB/kWh", 1.0, ANY, "data that the work moves"),
        price("launch_price_today", "USD/kg", 3360.0, NOT_NEGATIVE, "launch price to compare the allowance with"),
    ]
}

fn evaluate(values: &Values<'_>) -> Result<Vec<Output>, CostError> {
    let mut all = masses(values)?;
    all.extend(closure(values)?);
    Ok(all)
}

fn masses(values: &Values<'_>) -> Result<Vec<Output>, CostError> {
    let share = |name| Ratio(values.of(name));
    let flux = |name| WattsPerSquareMeter(values.of(name));
    let (power, overhead) = (Watts(values.of("power_mw") * 1e6), share("overhead"));
    let radiator = Radiator {
        emissivity: share("radiator_emissivity"),
        fin_efficiency: share("fin_efficiency"),
        temperature: Kelvin(values.of("radiator_temperature")),
        environment: flux("environment"),
        areal_mass: KilogramsPerSquareMeter(values.of("radiator_areal_mass")),
    };
    let area = array_area(power, overhead, share("array_efficiency"), flux("sunlight"))?;
    let kilowatts = power.0 / 1e3;
    let array = array_mass(power, overhead, WattsPerKilogram(values.of("array_specific_power")))?.0 / kilowatts;
    let battery = battery_mass(
        power,
        overhead,
        Seconds(values.of("shadow_min") * 60.0),
        JoulesPerKilogram(values.of("battery_specific_energy") * 3600.0),
        share("depth_of_discharge"),
    )?;
    let (battery, plate) = (battery.0 / kilowatts, radiator.mass(power, overhead)?.0 / kilowatts);
    let per_kilowatt = |name, value, meaning| output(name, "kg/kW", value, meaning);
    Ok(vec![
        output("bus_power_mw", "MW", power.0 / 1e6 * overhead.0, "power of the site"),
        output("array_area_m2", "m2", area.0, "array at begin of life"),
        output("array_power_per_area", "W/m2", power.0 * overhead.0 / area.0, "power of the site per array"),
        output("radiator_net", "W/m2", radiator.net()?.0, "heat rejected per area, one face"),
        output("radiator_area_m2", "m2", radiator.area(power, overhead)?.0, "radiator"),
        per_kilowatt("radiator_mass", plate, "radiator"),
        per_kilowatt("array_mass", array, "array, at the specific power given"),
        per_kilowatt("battery_mass", battery, "storage, at the shadow given"),
        per_kilowatt("array_battery_radiator_mass", array + battery + plate, "sum of the three; the abstract has 29.4"),
    ])
}

fn closure(values: &Values<'_>) -> Result<Vec<Output>, CostError> {
    let per_kilowatt = |name| UsdPerWatt(values.of(name) / 1e3);
    let specific_power = WattsPerKilogram(1e3 / values.of("specific_mass"));
    let power = Watts(values.of("power_mw") * 1e6);
    let ceiling = BitsPerJoule::ceiling(BitsPerSecond(values.of("link_rate") * 1e9), power)?;
    let terms = Closure {
        launch: UsdPerKilogram(values.of("launch_price")),
        build: UsdPerKilogram(values.of("build_price")),
        specific_power,
        links: per_kilowatt("link_cost"),
        operations: per_kilowatt("operations_cost"),
        ground: per_kilowatt("ground_cost"),
        intensity: BitsPerJoule::from_gigabytes_per_kwh(values.of("data_intensity")),
        intensity_max: ceiling,
    };
    let closed = terms.evaluate()?;
    let (allowed, parity) = (allowance(terms.ground, specific_power), launch_price_at_closure(&terms)?);
    let truth = |name, holds: bool, meaning| output(name, "", f64::from(u8::from(holds)), meaning);
    Ok(vec![
        output("orbit_cost", "USD/kW", closed.orbit.0 * 1e3, "(L + B) m + links + operations"),
        truth("closes_by_money", closed.by_money, "1 if that is no more than the ground's"),
        output("allowance", "USD/kg", allowed.0, "most that L and B may cost together, all else free"),
        output(
            "allowance_below_today",
            "",
            values.of("launch_price_today") / allowed.0,
            "launch price of today over that",
        ),
        output("cost_of_100_usd_per_kg", "USD/kW", 100.0 / specific_power.0 * 1e3, "what each 100 USD/kg adds"),
        output("launch_price_at_closure", "USD/kg", parity.0, "launch price at which orbit costs the ground's"),
        output("data_ceiling", "GB/kWh", ceiling.gigabytes_per_kwh(), "most that the links carry"),
        output("data_use", "", terms.intensity.0 / ceiling.0, "data that the work moves over that"),
        truth("closes_by_data", closed.by_data, "1 if the links carry the work's data"),
    ])
}

#[cfg(test)]
mod tests {
    use super::super::Sheet;

    #[test]
    fn the_abstracts_numbers_come_out() {
        let value = |settings: &[(&str, &str)], name: &str| {
            let mut sheet = Sheet::of("turyshev").unwrap();
            settings.iter().for_each(|(name, text)| sheet.set(name, text).unwrap());
            sheet.evaluate().unwrap().iter().find(|output| output.name == name).unwrap().value
        };
        for (settings, name, expected, within) in [
            (&[][..], "array_area_m2", 5.64e3, 5.0),
            (&[], "array_power_per_area", 221.6, 0.05),
            (&[], "radiator_net", 500.9, 0.05),
            (&[], "radiator_area_m2", 2495.3, 0.5),
            (&[], "radiator_mass", 12.48, 5e-3),
            (&[], "allowance", 250.0, 1e-9),
            (&[("ground_cost", "40000")], "allowance", 1000.0, 1e-9),
            (&[("ground_cost", "40 USD/W")], "allowance", 1000.0, 1e-9),
            (&[], "allowance_below_today", 13.5, 0.07),
            (&[], "cost_of_100_usd_per_kg", 4000.0, 1e-9),
            (&[], "launch_price_at_closure", 250.0, 1e-9),
            (&[("build_price", "100"), ("operations_cost", "2000")], "launch_price_at_closure", 100.0, 1e-9),
            (&[("launch_price", "251")], "closes_by_money", 0.0, 0.0),
            (&[], "closes_by_money", 1.0, 0.0),
            (&[], "data_ceiling", 14.8, 0.01),
            (&[("power_mw", "10")], "data_ceiling", 1.48, 1e-3),
            (&[("data_intensity", "15")], "closes_by_data", 0.0, 0.0),
        ] {
            let got = value(settings, name);
            assert!((got - expected).abs() <= within, "{name} is {got}, not {expected}, at {settings:?}");
        }
        // 29.4 kg/kW lies inside what the abstract's ranges allow, which span a factor of seven.
        let sum = |settings| value(settings, "array_battery_radiator_mass");
        let light = sum(&[("array_specific_power", "165"), ("radiator_areal_mass", "2"), ("shadow_min", "0")]);
        let heavy = sum(&[("array_specific_power", "30"), ("radiator_areal_mass", "10"), ("shadow_min", "36")]);
        assert!(light < 29.4 && 29.4 < heavy, "{light} to {heavy}");
    }
}
