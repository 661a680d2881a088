//! McCalip's calculator by its own names.

use sunward_catalog::{UsdPerWatt, WattsPerKilogram};
use sunward_units::{Kelvin, Meters, Radians, Ratio, Usd, UsdPerKilogram, Watts};

use super::{Input, NOT_NEGATIVE, Output, Preset, SHARE, Sheet, Values, output};
use crate::error::CostError;
use crate::models::mccalip::{
    Ground, GroundOutcome, Orbital, OrbitalOutcome, Thermal, ThermalOutcome, break_even, usd_per_mwh,
};

const PRESETS: &[Preset] = &[
    Preset {
        name: "v1",
        values: &[("satellite_cost_per_w", 32.0), ("specific_power_w_per_kg", 24.7), ("satellite_power_kw", 7.0)],
    },
    Preset {
        name: "v2-mini",
        values: &[("satellite_cost_per_w", 22.0), ("specific_power_w_per_kg", 36.5), ("satellite_power_kw", 27.0)],
    },
    Preset {
        name: "v3",
        values: &[("satellite_cost_per_w", 25.0), ("specific_power_w_per_kg", 31.6), ("satellite_power_kw", 60.0)],
    },
    Preset { name: "iss", values: &[("specific_power_w_per_kg", 3.0)] },
    Preset { name: "falcon-9", values: &[("launch_cost_per_kg", 2940.0)] },
    Preset { name: "low-orbit", values: &[("sun_fraction", 0.60), ("beta_angle", 0.0)] },
];

const NOT_MODELLED: &[&str] = &[
    "No battery and no eclipse in the heat balance; the sun fraction only enlarges the fleet.",
    "No split of the satellite's mass into array, radiator and bus, and no discounting.",
    "Accelerators are replaced in orbit as a share of the satellite's price, on the ground not at all.",
    "Orbit delivers at a capacity factor of 1, the ground at 0.85; the ground has no maintenance.",
    "The break-even launch price leaves out operations, accelerators and development, and so disagrees with the totals.",
    "The heat balance of one plate takes the electricity back as heat of that plate: no drop to the chip but a constant.",
];

pub(super) fn sheet() -> Sheet {
    Sheet {
        name: "mccalip",
        title: "orbital against gas-fired data centers",
        source: "McCalip (2025), Economics of orbital vs terrestrial data centers, andrewmccalip/thoughts at e59571e",
        inputs: inputs(),
        presets: PRESETS,
        not_modelled: NOT_MODELLED,
        evaluate,
    }
}

fn inputs() -> Vec<Input> {
    let number = Input::new::<Ratio>;
    vec![
        number("years", "", 5.0, 3.0..=10.0, "time to deliver or run, whole years of 8,760 h"),
        Input::new::<Watts>("target_gw", "GW", 1.0, 1.0..=1000.0, "power of the computers"),
        Input::new::<UsdPerKilogram>("launch_cost_per_kg", "USD/kg", 500.0, 1.0..=2940.0, "launch price"),
        Input::new::<UsdPerWatt>("satellite_cost_per_w", "USD/W", 22.0, 1.0..=40.0, "satellite per watt of its array"),
        Input::new::<WattsPerKilogram>("specific_power_w_per_kg", "W/kg", 36.5, 3.0..=500.0, "array power per mass"),
        Input::new::<Watts>("satellite_power_kw", "kW", 27.0, 5.0..=500.0, "array power of one satellite"),
        number("sun_fraction", "", 0.98, 0.55..=1.0, "share of time in sunlight"),
        number("cell_degradation", "%", 2.5, 0.0..=12.0, "power lost each year"),
        number("gpu_failure_rate", "%", 9.0, 0.0..=10.0, "share of the satellites' price paid again each year"),
        Input::new::<Usd>("nre_cost", "MUSD", 1000.0, 0.0..=10_000.0, "development, paid once"),
        Input::new::<UsdPerWatt>(
            "gas_turbine_capex_per_kw",
            "USD/kW",
            1800.0,
            NOT_NEGATIVE,
            "turbines, per power generated",
        ),
        Input::new::<UsdPerWatt>("electrical_cost_per_w", "USD/W", 5.25, NOT_NEGATIVE, "electrical plant"),
        Input::new::<UsdPerWatt>("mechanical_cost_per_w", "USD/W", 3.0, NOT_NEGATIVE, "cooling plant"),
        Input::new::<UsdPerWatt>("civil_cost_per_w", "USD/W", 2.5, NOT_NEGATIVE, "land and building"),
        Input::new::<UsdPerWatt>("network_cost_per_w", "USD/W", 1.75, NOT_NEGATIVE, "network"),
        number("pue", "", 1.2, 1.0..=f64::INFINITY, "power generated over power of the computers"),
        number("gas_price_per_mmbtu", "USD/MMBtu", 4.30, NOT_NEGATIVE, "gas"),
        number("heat_rate_btu_kwh", "BTU/kWh", 6200.0, NOT_NEGATIVE, "gas burnt per electrical energy"),
        number("capacity_factor", "", 0.85, SHARE, "share of time at full power, on the ground"),
        number("solar_absorptivity", "", 0.92, SHARE, "absorptance of the cells"),
        number("emissivity_pv", "", 0.85, SHARE, "emissivity of the cells' face"),
        number("emissivity_rad", "", 0.90, SHARE, "emissivity of the radiator's face"),
        number("pv_efficiency", "", 0.22, SHARE, "electricity over sunlight"),
        Input::new::<Radians>("beta_angle", "deg", 90.0, 0.0..=90.0, "angle between the orbit's plane and the Sun"),
        Input::new::<Meters>("orbital_altitude_km", "km", 550.0, NOT_NEGATIVE, "height of the orbit"),
        Input::new::<Kelvin>("max_die_temp_c", "degC", 85.0, NOT_NEGATIVE, "hottest the die may be"),
        number("temp_drop_c", "K", 10.0, NOT_NEGATIVE, "lost between die and radiator"),
    ]
}

/// The three parts of the model from the inputs.
fn models(values: &Values<'_>) -> Result<(Orbital, Ground, Thermal), CostError> {
    let share = |name| Ratio(values.of(name));
    let percent = |name| Ratio(values.of(name) / 100.0);
    let per_watt = |name| UsdPerWatt(values.of(name));
    // In the calculator's steps: gigawatts to megawatts to watts.
    let target = Watts(values.of("target_gw") * 1000.0 * 1e6);
    let years = values.whole("years")?;
    let orbital = Orbital {
        target,
        years,
        launch_price: UsdPerKilogram(values.of("launch_cost_per_kg")),
        hardware_price: per_watt("satellite_cost_per_w"),
        specific_power: WattsPerKilogram(values.of("specific_power_w_per_kg")),
        satellite_power: Watts(values.of("satellite_power_kw") * 1000.0),
        sun_fraction: share("sun_fraction"),
        degradation: percent("cell_degradation"),
        accelerator_failure: percent("gpu_failure_rate"),
        development: Usd(values.of("nre_cost") * 1e6),
    };
    let ground = Ground {
        target,
        years,
        turbine_price: UsdPerWatt(values.of("gas_turbine_capex_per_kw") / 1000.0),
        electrical_price: per_watt("electrical_cost_per_w"),
        mechanical_price: per_watt("mechanical_cost_per_w"),
        civil_price: per_watt("civil_cost_per_w"),
        network_price: per_watt("network_cost_per_w"),
        pue: share("pue"),
        gas_price_usd_per_mmbtu: values.of("gas_price_per_mmbtu"),
        heat_rate_btu_per_kwh: values.of("heat_rate_btu_kwh"),
        capacity_factor: share("capacity_factor"),
    };
    let thermal = Thermal {
        absorptance: share("solar_absorptivity"),
        cell_emissivity: share("emissivity_pv"),
        radiator_emissivity: share("emissivity_rad"),
        efficiency: share("pv_efficiency"),
        beta: Radians(values.of("beta_angle") * std::f64::consts::PI / 180.0),
        altitude: Meters(values.of("orbital_altitude_km") * 1e3),
        die: Kelvin::from_celsius(values.of("max_die_temp_c")),
        drop: Kelvin(values.of("temp_drop_c")),
    };
    Ok((orbital, ground, thermal))
}

fn evaluate(values: &Values<'_>) -> Result<Vec<Output>, CostError> {
    let (orbital, ground, thermal) = models(values)?;
    let (orbit, campus) = (orbital.evaluate()?, ground.evaluate()?);
    let heat = thermal.evaluate(orbit.array)?;
    let parity = break_even(&orbital, &orbit, &campus);
    let mut all = orbital_outputs(&orbital, &orbit);
    all.extend(ground_outputs(&ground, &campus));
    all.push(output(
        "breakeven.launch_cost_per_kg",
        "USD/kg",
        parity.0,
        "launch price at which satellites alone cost the campus",
    ));
    all.extend(thermal_outputs(values, &orbit, &heat));
    Ok(all)
}

fn orbital_outputs(inputs: &Orbital, out: &OrbitalOutcome) -> Vec<Output> {
    let usd = |name, value: Usd, meaning| output(name, "USD", value.0, meaning);
    let base = out.hardware + out.launch;
    let margin = (out.initial_power.0 / inputs.target.0 - 1.0) * 100.0;
    vec![
        output("orbital.avg_capacity_factor", "", out.average_capacity.0, "mean of what degradation leaves"),
        output("orbital.required_initial_power_w", "W", out.required_power.0, "power to install"),
        output("orbital.satellite_count", "", out.satellites, "satellites"),
        output("orbital.actual_initial_power_w", "W", out.initial_power.0, "power installed"),
        output("orbital.total_mass_kg", "kg", out.mass.0, "mass launched"),
        usd("orbital.hardware_cost", out.hardware, "satellites"),
        usd("orbital.launch_cost", out.launch, "launch"),
        usd("orbital.base_cost", base, "satellites and launch"),
        usd("orbital.ops_cost", out.operations, "operations"),
        usd("orbital.gpu_replacement_cost", out.accelerators, "accelerators replaced"),
        usd("orbital.nre_cost", out.development, "development"),
        usd("orbital.total_cost", out.total, "sum"),
        output("orbital.cost_per_w", "USD/W", out.total.0 / inputs.target.0, "sum per watt of computers"),
        output("orbital.energy_mwh", "MWh", out.energy.0 / 3.6e9, "energy delivered"),
        output("orbital.lcoe", "USD/MWh", usd_per_mwh(out.total, out.energy), "sum per energy"),
        output("orbital.array_area_km2", "km2", out.array.0 / 1e6, "array of all satellites"),
        output("orbital.single_sat_array_m2", "m2", out.satellite_array.0, "array of one"),
        output("orbital.starship_launches", "", out.launches, "launches of 100 t"),
        output("orbital.lox_gallons", "gal", out.oxygen_gallons, "liquid oxygen burnt"),
        output("orbital.methane_gallons", "gal", out.methane_gallons, "liquid methane burnt"),
        output("orbital.degradation_margin", "%", margin, "power installed beyond the target"),
        output(
            "orbital.gpu_margin_pct",
            "%",
            inputs.accelerator_failure.0 * 100.0 * f64::from(inputs.years),
            "accelerators lost over the years",
        ),
    ]
}

fn ground_outputs(inputs: &Ground, out: &GroundOutcome) -> Vec<Output> {
    let usd = |name, value: Usd, meaning| output(name, "USD", value.0, meaning);
    let plant_price = out.power_plant.0 / inputs.target.0;
    vec![
        usd("terrestrial.power_gen_cost", out.power_plant, "turbines"),
        output("terrestrial.power_gen_cost_per_w", "USD/W", plant_price, "turbines per watt of computers"),
        usd("terrestrial.electrical_cost", out.electrical, "electrical plant"),
        usd("terrestrial.mechanical_cost", out.mechanical, "cooling plant"),
        usd("terrestrial.civil_cost", out.civil, "land and building"),
        usd("terrestrial.network_cost", out.network, "network"),
        usd("terrestrial.infra_capex", out.capital, "sum of the five"),
        output("terrestrial.facility_capex_per_w", "USD/W", out.capital_price.0, "the same per watt of computers"),
        output("terrestrial.fuel_cost_per_mwh", "USD/MWh", out.fuel_usd_per_mwh, "fuel per energy generated"),
        usd("terrestrial.fuel_cost_total", out.fuel, "fuel"),
        output(
            "terrestrial.fuel_cost_per_w_year",
            "USD/W/yr",
            out.fuel_usd_per_mwh * inputs.pue.0 * 0.00876,
            "fuel per watt and year at full power",
        ),
        usd("terrestrial.total_cost", out.total, "sum"),
        output("terrestrial.cost_per_w", "USD/W", out.total.0 / inputs.target.0, "sum per watt of computers"),
        output("terrestrial.energy_mwh", "MWh", out.energy.0 / 3.6e9, "energy delivered"),
        output("terrestrial.generation_mwh", "MWh", out.generation.0 / 3.6e9, "energy generated"),
        output("terrestrial.lcoe", "USD/MWh", usd_per_mwh(out.total, out.energy), "sum per energy delivered"),
        output("terrestrial.gas_consumption_bcf", "BCF", out.gas_bcf, "gas burnt, 1e9 cubic feet"),
        output("terrestrial.turbine_count", "", out.turbines, "turbines of 430 MW"),
        output("terrestrial.total_generation_mw", "MW", inputs.target.0 / 1e6 * inputs.pue.0, "power generated"),
    ]
}

fn thermal_outputs(values: &Values<'_>, orbit: &OrbitalOutcome, out: &ThermalOutcome) -> Vec<Output> {
    let limit_c = values.of("max_die_temp_c") - values.of("temp_drop_c");
    let watts = |name, value: Watts, meaning| output(name, "W", value.0, meaning);
    let equilibrium_c = out.equilibrium.celsius();
    let margin_c = limit_c - equilibrium_c;
    vec![
        output("thermal.vf_side_a", "", out.cell_view.0, "view factor of the cells' face to the Earth, orbit mean"),
        output("thermal.vf_side_b", "", out.radiator_view.0, "view factor of the radiator's face"),
        output("thermal.vf_nadir_max", "", out.nadir_view.0, "view factor of a plate that faces the Earth"),
        output("thermal.earth_angular_radius_deg", "deg", out.earth_radius.degrees(), "half angle of the Earth"),
        watts("thermal.q_solar_w", out.solar_heat, "sunlight absorbed and not turned into electricity"),
        watts("thermal.q_earth_ir_w", out.infrared_heat, "the Earth's infrared"),
        watts("thermal.q_albedo_w", out.albedo_heat, "sunlight reflected by the Earth"),
        watts("thermal.q_heat_loop_w", out.electricity, "electricity that comes back as heat"),
        watts("thermal.total_heat_in_w", out.heat, "sum"),
        output("thermal.eq_temp_k", "K", out.equilibrium.0, "temperature at which the plate balances"),
        output("thermal.eq_temp_c", "degC", equilibrium_c, "the same"),
        output("thermal.radiator_temp_c", "degC", limit_c, "hottest the plate may be"),
        output("thermal.temp_margin_c", "K", margin_c, "limit less balance"),
        output("thermal.margin_pct", "%", margin_c / limit_c * 100.0, "the same over the limit in degC"),
        output("thermal.available_area_km2", "km2", orbit.array.0 / 1e6, "plate"),
        output("thermal.area_required_km2", "km2", out.required_area.0 / 1e6, "plate that would balance at the limit"),
        output(
            "thermal.area_sufficient",
            "",
            f64::from(u8::from(equilibrium_c <= limit_c)),
            "1 if the plate is enough",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::Sheet;

    fn outputs(preset: Option<&str>, settings: &[(&str, &str)]) -> Vec<super::Output> {
        let mut sheet = Sheet::of("mccalip").unwrap();
        preset.into_iter().for_each(|name| sheet.apply(name).unwrap());
        settings.iter().for_each(|(name, text)| sheet.set(name, text).unwrap());
        sheet.evaluate().unwrap()
    }

    fn value(outputs: &[super::Output], name: &str) -> f64 {
        outputs.iter().find(|output| output.name == name).unwrap_or_else(|| panic!("no output {name}")).value
    }

    /// The calculator's own outputs at its defaults, all digits.
    #[test]
    fn defaults_come_out_by_the_calculators_names() {
        let out = outputs(None, &[]);
        for (name, expected) in [
            ("orbital.required_initial_power_w", 1_072_719_937.669474),
            ("orbital.total_mass_kg", 29_390_054.79452055),
            ("orbital.total_cost", 51_095_348_397.26028),
            ("orbital.lcoe", 1166.5604656908738),
            ("terrestrial.total_cost", 15_851_062_160.0),
            ("terrestrial.lcoe", 425.76046629062586),
            ("terrestrial.facility_capex_per_w", 14.66),
            ("terrestrial.cost_per_w", 15.85106216),
            ("breakeven.launch_cost_per_kg", -263.65720555455283),
            ("terrestrial.turbine_count", 3.0),
        ] {
            assert_eq!(value(&out, name), expected, "{name}");
        }
        assert!((value(&out, "orbital.degradation_margin") - 7.2737).abs() < 5e-5);
        assert!((value(&out, "thermal.temp_margin_c") - 12.4005).abs() < 5e-5);
        assert!((value(&out, "terrestrial.gas_consumption_bcf") - 276.9912).abs() < 5e-5);
    }

    #[test]
    fn presets_are_the_calculators_cases() {
        let lcoe = |preset| value(&outputs(Some(preset), &[]), "orbital.lcoe");
        assert!((lcoe("falcon-9") - 2803.8147).abs() < 5e-5);
        assert!((lcoe("v3") - 1328.8010).abs() < 5e-5);
        assert!((lcoe("low-orbit") - 1890.8946).abs() < 5e-5);
        assert!((value(&outputs(Some("low-orbit"), &[]), "thermal.eq_temp_c") - 76.4334).abs() < 5e-5);
        let ten = outputs(None, &[("years", "10")]);
        assert!((value(&ten, "terrestrial.lcoe") - 228.8762).abs() < 5e-5);
        assert!(lcoe("v1") > lcoe("v2-mini"), "a satellite dearer and heavier per watt");
    }

    /// The calculator in JavaScript at its presets and at 200 random places of its sliders (testdata/cost/mccalip.js): the same
    /// digits, but for the last one or two where its engine rounds a power the other way, and for the difference of near-equal
    /// costs in the break-even.
    #[test]
    fn presets_and_random_sliders_agree_with_the_javascript() {
        let file = include_str!("../../../../testdata/cost/mccalip.csv");
        let mut lines = file.lines().filter(|line| !line.starts_with('#'));
        let names: Vec<&str> = lines.next().unwrap().split(',').collect();
        let (mut compared, mut equal) = (0, 0);
        for line in lines {
            let mut sheet = Sheet::of("mccalip").unwrap();
            let cells: Vec<(&str, &str)> = names.iter().copied().zip(line.split(',')).collect();
            let (inputs, expected): (Vec<_>, Vec<_>) = cells.into_iter().partition(|(name, _)| !name.contains('.'));
            inputs.iter().for_each(|(name, text)| sheet.set(name, text).unwrap());
            let outputs = sheet.evaluate().unwrap();
            for (name, text) in expected {
                let (got, expected): (f64, f64) = (value(&outputs, name), text.parse().unwrap());
                let tolerance = if name.starts_with("breakeven") { 1e-12 } else { 1e-15 };
                assert!((got / expected - 1.0).abs() <= tolerance, "{name} is {got}, not {expected}, at {inputs:?}");
                compared += 1;
                equal += u32::from(got == expected);
            }
        }
        assert_eq!(compared, 208 * 16);
        assert!(equal * 100 > compared * 90, "{equal} of {compared} are the same to the last bit");
    }
}
