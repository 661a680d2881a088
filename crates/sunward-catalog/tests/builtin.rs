//! The embedded data: every value is in its range and says where it comes from; every fault in a file is refused.

use std::collections::BTreeSet;
use sunward_catalog::{Catalog, CatalogError, EntryView, FieldView};
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
    assert_eq!(used, listed);
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
    let entry = |value: &str, note: &str| {
        format!(
            "{note}[[tariff]]\nid = \"a\"\ntitle = \"A\"\nprice = {{ value = \"{value}\", source = \"s\", kind = \"published\" }}\n"
        )
    };
    let hash = |text: &str| Catalog::parse(&[("s.toml", source), ("t.toml", text)]).unwrap().hash();
    assert_eq!(hash(&entry("0.04 USD/kWh", "")), hash(&entry("0.04 USD/kWh", "# a remark\n\n")));
    assert_ne!(hash(&entry("0.04 USD/kWh", "")), hash(&entry("0.05 USD/kWh", "")));
    assert_eq!(Catalog::builtin().hash(), Catalog::builtin().hash());
    assert_eq!(Catalog::builtin().hash().len(), 64);
}

#[test]
fn an_unknown_name_lists_the_nearest() {
    let catalog = Catalog::builtin();
    let error = catalog.station("ksat-svalbrad").unwrap_err();
    assert!(
        matches!(&error, CatalogError::UnknownEntry { kind: "station", nearest, .. } if nearest.starts_with("ksat-svalbard"))
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
