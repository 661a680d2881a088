//! The embedded data: every value is in its range and says where it comes from; every fault in a file is refused.

use std::collections::BTreeSet;
use sunward_catalog::{Catalog, CatalogError, EntryView, FieldView, Precision};
use sunward_units::{Ratio, Watts};

fn fields(catalog: &Catalog) -> impl Iterator<Item = (&EntryView, &FieldView)> {
    catalog.entries().iter().flat_map(|entry| entry.fields.iter().map(move |field| (entry, field)))
}

#[test]
fn every_value_says_where_it_comes_from() {
    let catalog = Catalog::builtin();
    for (entry, field) in fields(&catalog) {
        let name = format!("{} {} {}", entry.kind, entry.id, field.name);
        assert!(!field.value.is_empty() && !field.source.is_empty() && !field.kind.is_empty(), "{name}: {field:?}");
        assert!(field.kind != "assumption" || !field.reason.is_empty(), "{name} is assumed without a reason");
        let parts: Vec<&str> = field.date.split('-').collect();
        assert!(parts[0].len() == 4 && parts.len() <= 3, "{name}: date {:?}", field.date);
        assert!(parts.iter().all(|part| part.bytes().all(|b| b.is_ascii_digit())), "{name}: date {:?}", field.date);
        assert!(("1960".."2027").contains(&parts[0]), "{name}: date {:?}", field.date);
    }
}

#[test]
fn every_number_lies_in_its_range_and_keeps_a_readable_unit() {
    let catalog = Catalog::builtin();
    let numbers = fields(&catalog).filter_map(|(entry, field)| Some((entry, field, field.value.parse::<f64>().ok()?)));
    let mut seen = 0;
    for (entry, field, value) in numbers {
        let name = format!("{} {} {}", entry.kind, entry.id, field.name);
        let end =
            |text: &str| text.parse::<f64>().unwrap_or_else(|_| panic!("{name}: {text:?} is not in {:?}", field.unit));
        assert!(end(&field.low) <= value && value <= end(&field.high), "{name}: {field:?}");
        seen += 1;
    }
    assert!(seen > 200, "{seen} numbers");
}

#[test]
fn names_are_unique_and_kebab_case_and_every_source_is_used() {
    let catalog = Catalog::builtin();
    let ids: BTreeSet<&str> = catalog.entries().iter().map(|entry| entry.id.as_str()).collect();
    assert_eq!(ids.len(), catalog.entries().len());
    let used: BTreeSet<&str> = fields(&catalog).map(|(_, field)| field.source.as_str()).collect();
    let listed: BTreeSet<&str> = catalog.sources().iter().map(|source| source.title.as_str()).collect();
    let unused: Vec<&&str> = listed.difference(&used).collect();
    assert!(unused.is_empty(), "never cited: {unused:?}");
    assert_eq!(listed.len(), catalog.sources().len(), "two sources share a title");
}

#[test]
fn the_typed_entry_and_its_view_agree() {
    let catalog = Catalog::builtin();
    let chip = catalog.accelerator("h100-pcie").unwrap();
    let view = catalog.entries().iter().find(|entry| entry.id == "h100-pcie").unwrap();
    let power = view.fields.iter().find(|field| field.name == "power").unwrap();
    assert_eq!((chip.power.low, chip.power.value), (Watts(300.0), Watts(350.0)));
    assert_eq!((power.low.as_str(), power.value.as_str(), power.unit.as_str()), ("300", "350", "W"));
    assert_eq!(power.source, chip.power.source);
    assert!(view.fields.iter().any(|field| field.name == "peak.bf16" && field.value == "756"));
}

#[test]
fn the_hash_follows_values_and_not_layout() {
    let source = "[[source]]\nid = \"s\"\ntitle = \"S\"\ndate = \"2020\"\n";
    let entry = |price: &str| format!("[[tariff]]\nid = \"a\"\ntitle = \"A\"\nprice = {{ {price}, source = \"s\" }}\n");
    let hash = |text: &str| Catalog::parse(&[("s.toml", source), ("t.toml", text)]).unwrap().hash();
    let plain = hash(&entry(r#"value = "0.04 USD/kWh", kind = "published""#));
    assert_eq!(plain, hash(&format!("# a remark\n\n{}", entry(r#"value="0.04 USD/kWh",kind="published""#))));
    for changed in [
        r#"value = "0.05 USD/kWh", kind = "published""#,
        r#"value = "0.04 USD/MWh", kind = "published""#,
        r#"value = "0.04 USD/kWh", kind = "measured""#,
        r#"value = "0.04 USD/kWh", range = ["0.03 USD/kWh", "0.04 USD/kWh"], kind = "published""#,
        r#"value = "0.04 USD/kWh", range = ["0.04 USD/kWh", "0.05 USD/kWh"], kind = "published""#,
        r#"value = "0.04 USD/kWh", kind = "published", reason = "r""#,
    ] {
        assert_ne!(plain, hash(&entry(changed)), "{changed}");
    }
    assert_eq!(Catalog::builtin().hash(), Catalog::builtin().hash());
    assert_eq!(Catalog::builtin().hash().len(), 64);
}

#[test]
fn an_unknown_name_lists_the_nearest() {
    let catalog = Catalog::builtin();
    let error = catalog.station("ksat-trolsat").unwrap_err();
    assert!(
        matches!(&error, CatalogError::UnknownEntry { kind: "station", nearest, .. } if nearest.starts_with("ksat-trollsat, "))
    );
    let message = catalog.coating("z93").unwrap_err().to_string();
    assert!(message.starts_with("no coating is called \"z93\"; did you mean z-93"), "{message}");
}

const SOURCE: &str = "[[source]]\nid = \"book\"\ntitle = \"Book\"\ndate = \"2020\"\n";

fn fault(text: &str) -> String {
    Catalog::parse(&[("sources.toml", SOURCE), ("x.toml", text)]).unwrap_err().to_string()
}

#[test]
fn faults_in_files_are_refused_by_name() {
    let tariff = |id: &str, rest: &str| format!("[[tariff]]\nid = \"{id}\"\ntitle = \"T\"\n{rest}\n");
    let price = r#"price = { value = "0.04 USD/kWh", source = "book", kind = "published" }"#;
    let cases = [
        ("tariff = 1".to_owned(), "x.toml: \"tariff\" must be a list of tables"),
        ("[[tarif]]\nid = \"a\"".to_owned(), "\"tarif\" is no kind of entry; expected one of accelerator"),
        ("[[tariff]\n".to_owned(), "x.toml: TOML parse error at line 1"),
        (tariff("a", ""), "x.toml: tariff \"a\", key .: missing field `price`"),
        (tariff("a", &format!("{price}\nprise = 1")), "unknown field `prise`"),
        (tariff("A_b", price), "the name \"A_b\" is not kebab-case"),
        (tariff("a--b", price), "is not kebab-case"),
        (tariff("a", price) + &tariff("a", price), "the name \"a\" is used twice"),
        (
            tariff("a", &price.replace("USD/kWh", "USD/kg")),
            "key price: unit \"USD/kg\" is not a unit of price of energy",
        ),
        (tariff("a", &price.replace("book", "bok")), "key price: no source is called \"bok\"; did you mean book?"),
        (
            tariff("a", &price.replace("\"book\"", "\"book\", range = [\"1 USD/kWh\", \"2 USD/kWh\"]")),
            "outside its range",
        ),
    ];
    for (text, expected) in cases {
        let message = fault(&text);
        assert!(message.contains(expected), "{text}\n{message}\nexpected {expected}");
    }
}

#[test]
fn a_reference_to_nothing_is_refused() {
    let value = |text: &str| format!("{{ value = \"{text}\", source = \"book\", kind = \"published\" }}");
    let station = format!(
        "[[station]]\nid = \"a\"\ntitle = \"A\"\nlatitude = {0}\nlongitude = {0}\naltitude = {1}\nminimum_elevation = {0}\nantenna = {2}\n\
         antennas = {{ value = 1, source = \"book\", kind = \"published\" }}\n",
        value("1 deg"),
        value("1 m"),
        value("no-such-dish")
    );
    assert!(fault(&station).starts_with("no antenna is called \"no-such-dish\""));
}

/// Speed of light in vacuum, exact by definition of the metre (BIPM, SI brochure, 2019), m/s.
const LIGHT_SPEED_M_S: f64 = 299_792_458.0;

#[test]
fn a_dish_has_the_gain_of_its_area() {
    for dish in Catalog::builtin().antennas() {
        for (gain, frequency) in [(&dish.antenna_gain, 8.2e9), (&dish.transmit_gain, 2.1e9)] {
            let area_gain = (std::f64::consts::PI * dish.diameter.value.0 * frequency / LIGHT_SPEED_M_S).powi(2);
            for end in [gain.low, gain.value, gain.high] {
                let efficiency = end.linear() / area_gain;
                assert!((0.44..0.71).contains(&efficiency), "{}: {end} is an efficiency of {efficiency}", dish.id);
            }
        }
    }
}

#[test]
fn a_platform_carries_what_it_claims() {
    let catalog = Catalog::builtin();
    let earth = catalog.earth().unwrap();
    for platform in catalog.platforms() {
        let id = &platform.id;
        let cell = catalog.solar_cell(&platform.array.cell.value).unwrap();
        let store = catalog.battery_cell(&platform.battery.cell.value).unwrap();
        let array = cell.areal_mass.value * platform.array.area.value;
        let battery = platform.battery.energy.value.0 / store.specific_energy.value.0;
        let radiator = 5.0 * platform.thermal.radiator_area.value.0;
        let share = (array.0 + battery + radiator) / platform.mass.dry.value.0;
        assert!((0.1..0.75).contains(&share), "{id}: array, battery and radiator are {share} of the dry mass");

        let sunlit = earth.solar_irradiance.value * platform.array.area.value * cell.efficiency.value.0;
        assert!(platform.power.bus_load.high < sunlit * 0.5, "{id}: the bus eats the array's {sunlit}");
        let charge = store.charge_rate_max.value.0 * platform.battery.energy.value.0;
        assert!(charge > platform.power.bus_load.value.0, "{id}: the battery charges slower than the bus drains it");
        assert!(matches!(platform.thermal.radiator_faces.value, 1 | 2), "{id}: a plate has two faces");
        assert!(
            platform.radio.downlink.transmit_power.value < platform.radio.downlink.power_draw.value,
            "{id}: free power"
        );
        assert_eq!(platform.compute.accelerator.is_some(), platform.compute.count.is_some(), "{id}");
    }
}

#[test]
fn published_figures_follow_from_the_entries() {
    let catalog = Catalog::builtin();
    // Starlink v2 mini: 105 m2 x 90 % x 22 % x 1361 W/m2 = 28.3 kW (arXiv:2511.19468 v2, Table 1 and its inputs).
    let mini = catalog.platform("starlink-v2-mini-class").unwrap();
    let cell = catalog.solar_cell("silicon-leo").unwrap();
    let power = catalog.earth().unwrap().solar_irradiance.value * mini.array.area.value * cell.efficiency.value.0;
    assert!((power.0 - 28_295.0).abs() < 5.0, "{power}");
    // Falcon 9, 2026: 74 MUSD over 22 t.
    let falcon = catalog.launcher("falcon-9").unwrap();
    let per_mass = falcon.launch_price.as_ref().unwrap().value.0 / falcon.payload.as_ref().unwrap().value.0;
    assert!((per_mass - falcon.price.value.0).abs() < 5.0, "{per_mass}");
    // McCalip calculator: 4.30 USD per million BTU and 6,200 BTU/kWh are 26.66 USD/MWh of electricity.
    let gas = catalog.fuel("natural-gas").unwrap();
    let electricity = gas.price.value.0 / gas.efficiency.value.0 * 3.6e9;
    assert!((electricity - 26.66).abs() < 0.05, "{electricity} USD/MWh");
    // International Space Station photovoltaic radiator: 740.7 kg over 3.12 m x 13.6 m.
    let panel = catalog.radiator("iss-photovoltaic").unwrap();
    assert!((panel.areal_mass.value.0 * 3.12 * 13.6 - 740.7).abs() < 3.0);
    // Dense matrix rates of the H100 and A100 follow from multiprocessors, operations a cycle and clock.
    for (id, rate_per_cycle) in
        [("h100-pcie", 114.0 * 4096.0), ("h100-sxm", 132.0 * 4096.0), ("a100-sxm-80gb", 108.0 * 2048.0)]
    {
        let chip = catalog.accelerator(id).unwrap();
        let rate = rate_per_cycle * chip.boost_clock.value.0;
        let printed = chip.peak.of(Precision::Bf16).unwrap().value.0;
        assert!((rate / printed - 1.0).abs() < 2e-3, "{id}: {rate} against {printed}");
    }
}

#[test]
fn physics_holds_across_fields() {
    let catalog = Catalog::builtin();
    for chip in catalog.accelerators() {
        let id = &chip.id;
        assert!(chip.idle_power.high < chip.power.low, "{id}: idle power reaches full power");
        assert!(chip.minimum_clock.value <= chip.base_clock.value, "{id}: base clock below the minimum");
        assert!(chip.base_clock.value <= chip.boost_clock.value, "{id}: boost clock below the base clock");
        assert!(chip.throttle_temperature.value < chip.shutdown_temperature.value, "{id}: shut down before throttling");
        assert!(chip.voltage_floor_ratio.high < Ratio(1.0), "{id}: voltage does not fall with the clock");
    }
    for coating in catalog.coatings() {
        assert!(
            coating.absorptance.value <= coating.absorptance_end_of_life.value,
            "{}: coating brightens",
            coating.id
        );
    }
    for cell in catalog.solar_cells() {
        assert!(cell.efficiency.high < cell.absorptance.low, "{}: more power than light", cell.id);
        assert!(cell.temperature_coefficient.high.0 < 0.0, "{}: heat helps", cell.id);
    }
}
