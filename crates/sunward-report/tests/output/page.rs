//! The page holds every section, whatever the record; it is well formed, small, and the same each time.

use crate::synthetic::{Plan, build, summary, week};
use sunward_report::{Assumption, ReportError, render, summary_table, tables};
use sunward_sim::record::{FleetTrack, Record};
use sunward_units::Ratio;

fn assumptions() -> Vec<Assumption> {
    let row = |key: &str, value: &str, low: Option<&str>, high: Option<&str>, kind: &str| Assumption {
        key: key.to_owned(),
        value: value.to_owned(),
        low: low.map(str::to_owned),
        high: high.map(str::to_owned),
        numbers: None,
        source: "Gilmore, Spacecraft Thermal Control Handbook, 2002, table 4.2 & maker's sheet".to_owned(),
        kind: kind.to_owned(),
        reason: String::new(),
    };
    vec![
        row("site.radiator.area", "0.9 m2", Some("0.6 m2"), Some("1.4 m2"), "assumed"),
        row("site.radiator.emissivity", "0.85", Some("0.78"), Some("0.9"), "published"),
        row("site.battery.energy", "500 Wh", Some("300 Wh"), None, "assumed"),
        row("accelerator.power_max", "350 W", None, None, "published"),
    ]
}

fn page(record: &Record) -> String {
    render(record, &summary(record), &assumptions()).unwrap()
}

/// The page as a strict parser sees it.
fn parsed(page: &str) -> roxmltree::Document<'_> {
    let options = roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
    roxmltree::Document::parse_with_options(page, options).unwrap()
}

fn texts<'a>(document: &'a roxmltree::Document<'_>, tag: &str) -> Vec<&'a str> {
    let found = document.descendants().filter(|node| node.has_tag_name(tag));
    found.map(|node| node.text().unwrap_or_default().trim()).collect()
}

/// Writes the page beside the build when SUNWARD_REPORT_OUT names a folder, to be looked at.
fn keep(name: &str, page: &str) {
    if let Some(folder) = std::env::var_os("SUNWARD_REPORT_OUT") {
        std::fs::write(std::path::Path::new(&folder).join(name), page).unwrap();
    }
}

#[test]
fn a_week_has_every_section_and_stays_small() {
    let record = week();
    let page = page(&record);
    keep("week.html", &page);
    let document = parsed(&page);
    let headings = texts(&document, "h2");
    let expected = [
        "What bound the work",
        "Starcloud-1",
        "Contacts",
        "Jobs",
        "Balances and losses",
        "Results that came down",
        "Incidents",
        "Assumptions",
        "Not modelled",
    ];
    assert_eq!(headings, expected);
    let captions = texts(&document, "b");
    for plot in [
        "Ground track, last 3 orbits",
        "Eclipses by mission day",
        "Power",
        "Battery",
        "Temperature",
        "Array temperature",
        "Clock",
        "What bound the work",
        "Data rate",
        "Dose and faults",
        "Progress",
        "Measured loss",
    ] {
        assert!(captions.contains(&plot), "{plot} is missing among {captions:?}");
    }
    assert!(page.len() < 1_000_000, "{} bytes", page.len());
    assert!(!page.contains("http") && !page.contains("<script") && !page.contains("url("), "something is not inline");
    assert!(page.contains("Starts 2026-07-27 00:00:00 UTC, 7 days of mission time"));
}

#[test]
fn a_spike_of_one_row_in_a_week_reaches_the_plot() {
    let mut record = week();
    let plain = page(&record);
    let bands = |page: &str| -> Vec<String> {
        let document = parsed(page);
        let svg = document.descendants().find(|node| node.attribute("aria-label") == Some("Battery")).unwrap();
        svg.descendants().filter_map(|node| node.attribute("points").map(str::to_owned)).collect()
    };
    record.tracks[0].state_of_charge[7000] = Ratio(0.0);
    let spiked = page(&record);
    let lowest = |bands: &[String]| {
        bands.iter().flat_map(|b| b.split_whitespace()).filter_map(|p| p.split_once(',')?.1.parse::<i32>().ok()).max()
    };
    // The plot's floor, 0 %, lies at (22 + 132) px of 4 units each.
    assert_eq!(lowest(&bands(&spiked)), Some(4 * 154));
    assert!(lowest(&bands(&plain)) < Some(4 * 130));
}

#[test]
fn the_same_record_gives_the_same_bytes() {
    let (first, second) = (week(), week());
    assert_eq!(page(&first), page(&second));
    assert_eq!(tables(&first).unwrap(), tables(&second).unwrap());
}

#[test]
fn a_fleet_shows_aggregates_and_few_sites() {
    let record = build(&Plan { sites: 40, tracked: 12, days: 2.0, step_s: 60 });
    let page = page(&record);
    keep("fleet.html", &page);
    let document = parsed(&page);
    let headings = texts(&document, "h2");
    assert!(headings.contains(&"All 40 sites"));
    assert_eq!(headings.iter().filter(|heading| heading.starts_with("shell-")).count(), 3);
    assert!(page.contains("9 more tracked sites"));
    let open = document.descendants().filter(|node| node.attribute("open").is_some()).count();
    assert_eq!(open, 1);
    assert!(page.len() < 2_500_000, "{} bytes", page.len());
}

#[test]
fn short_and_empty_records_make_a_page() {
    let mut empty = build(&Plan { sites: 1, tracked: 1, days: 0.0, step_s: 30 }.without_rows());
    assert!(parsed(&page(&empty)).root_element().has_tag_name("html"));
    empty.header.steps = 0;
    (empty.sites, empty.tracks, empty.fleet) = (Vec::new(), Vec::new(), FleetTrack::default());
    (empty.jobs, empty.events, empty.contacts, empty.transfers) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    parsed(&page(&empty));
    for (table, bytes) in tables(&empty).unwrap() {
        assert!(bytes.starts_with(b"PAR1"), "{table}");
    }
    for rows in [1, 2, 5] {
        let days = f64::from(rows) * 60.0 / 86_400.0 + 1e-9;
        let short = build(&Plan { sites: 1, tracked: 1, days, step_s: 60 });
        assert_eq!(short.tracks[0].time.len(), rows as usize);
        parsed(&page(&short));
        tables(&short).unwrap();
    }
    let orbit = build(&Plan { sites: 1, tracked: 1, days: 0.12, step_s: 10 });
    keep("orbit.html", &page(&orbit));
}

impl Plan {
    /// One row less than a day's fraction gives: kept apart so that an empty track still has its site.
    fn without_rows(self) -> Self {
        Self { tracked: 0, ..self }
    }
}

#[test]
fn a_year_shows_every_tenth_day_and_stays_small() {
    let record = build(&Plan { sites: 1, tracked: 1, days: 365.0, step_s: 600 });
    let page = page(&record);
    keep("year.html", &page);
    assert!(page.contains("Eclipses by mission day, every 10th"));
    assert!(page.len() < 1_500_000, "{} bytes", page.len());
}

#[test]
fn names_with_markup_stay_text() {
    let mut record = build(&Plan { sites: 1, tracked: 1, days: 0.5, step_s: 60 });
    let name = "<script>alert(\"&\")</script>";
    record.header.mission = name.to_owned();
    record.sites[0].name = name.to_owned();
    record.sites[0].accelerator = name.to_owned();
    record.stations[7].name = name.to_owned();
    record.jobs[0].name = name.to_owned();
    record.jobs[0].proxy = Some(name.to_owned());
    record.events[0].detail = name.to_owned();
    let page = page(&record);
    assert!(!page.contains("<script"));
    let document = parsed(&page);
    assert_eq!(texts(&document, "h1"), [name]);
    assert!(texts(&document, "h2").contains(&name));
    assert!(texts(&document, "td").contains(&name));
    assert!(texts(&document, "text").iter().any(|text| text.starts_with("<script>")), "map and Gantt names");
}

#[test]
fn numbers_that_are_not_finite_leave_gaps() {
    let mut record = build(&Plan { sites: 1, tracked: 1, days: 1.0, step_s: 60 });
    record.tracks[0].chip.fill(sunward_units::Kelvin(f64::NAN));
    record.tracks[0].load[3] = sunward_units::Watts(f64::INFINITY);
    (record.tracks[0].board[4], record.tracks[0].board[5]) =
        (sunward_units::Kelvin(f64::MAX), sunward_units::Kelvin(f64::MIN));
    let page = page(&record);
    parsed(&page);
    assert!(!page.contains("NaN,") && !page.contains("2147483647"), "a number that is not finite was drawn");
}

#[test]
fn broken_records_are_refused_with_the_column_or_index() {
    let record = build(&Plan { sites: 1, tracked: 1, days: 0.1, step_s: 60 });
    let refusal = |broken: &Record| {
        let from_page = render(broken, &summary(&record), &[]).unwrap_err().to_string();
        let from_tables = tables(broken).unwrap_err().to_string();
        assert_eq!(from_page, from_tables);
        from_page
    };
    let mut broken = record.clone();
    broken.tracks[0].chip.pop();
    assert_eq!(refusal(&broken), "column chip of the track of site 0 has 143 rows; expected 144, as many as its times");
    let mut broken = record.clone();
    broken.fleet.load.push(sunward_units::Watts(1.0));
    assert_eq!(refusal(&broken), "column load of the fleet has 145 rows; expected 144, as many as its times");
    let mut broken = record.clone();
    broken.tracks[0].site = 5;
    assert_eq!(refusal(&broken), "a track refers to site 5; the record has 1 of them, counted from 0");
    let mut broken = record.clone();
    broken.contacts[0].station = 9;
    let error: ReportError = tables(&broken).unwrap_err();
    assert!(matches!(error, ReportError::Index { what: "a contact", list: "station", got: 9, len: 9 }));
}

#[test]
fn the_terminal_table_is_aligned_and_plain() {
    let record = week();
    let text = summary_table(&summary(&record));
    keep("summary.txt", &text);
    assert!(text.contains("Starcloud-1, one week") && text.contains("7 d from 2026-07-27T00:00:00Z"));
    assert!(!text.contains('\u{1b}'), "colour was not asked for");
    let row = |name: &str| {
        text.lines().find(|line| line.trim().starts_with(name)).unwrap_or_else(|| panic!("{name}: {text}"))
    };
    assert!(row("passes used").ends_with(&format!("of {}", record.contacts.len())));
    let ends: Vec<usize> =
        ["work computed", "availability", "data down"].map(|name| row(name).chars().count()).to_vec();
    assert!(ends.windows(2).all(|pair| pair[0] == pair[1]), "values do not end in one column: {ends:?}\n{text}");
}
