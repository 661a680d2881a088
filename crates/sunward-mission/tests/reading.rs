//! Missions as files: what is read, what is refused, and how faults are told.

use std::fs;

use sunward_astro::time::Instant;
use sunward_mission::keys::{Orbit, Pointing, Work};
use sunward_mission::{FaultKind, Faults, MISSION_SIZE_MAX_BYTES, Mission, reference_markdown, schema};
use sunward_units::random::{Purpose, Stream};
use sunward_units::{Kelvin, Meters, Ratio, Seconds};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../");

fn file(path: &str) -> String {
    fs::read_to_string(format!("{ROOT}{path}")).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn starcloud() -> String {
    file("missions/starcloud-1.toml")
}

fn read(text: &str) -> Mission {
    Mission::read(text, "m.toml").unwrap_or_else(|faults| panic!("{}", faults.to_text()))
}

/// Faults of the mission of every key after `old` has become `new`.
fn faults_after(old: &str, new: &str) -> Faults {
    let text = file("testdata/mission/every-key.toml");
    assert!(text.contains(old), "{old}");
    Mission::read(&text.replacen(old, new, 1), "m.toml").expect_err(new)
}

/// Key and message of the only fault.
fn only_fault(old: &str, new: &str) -> (FaultKind, String, String) {
    let faults = faults_after(old, new);
    let [fault] = faults.all() else { panic!("{}", faults.to_text()) };
    (fault.kind, fault.path.clone(), fault.message.clone())
}

/// Compares with a committed file, or writes it when UPDATE_GOLDEN is set.
fn assert_golden(path: &str, got: &str) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(format!("{ROOT}{path}"), got).unwrap();
    }
    assert!(file(path) == got, "{path} is out of date: run the tests once with UPDATE_GOLDEN=1; now it is\n{got}");
}

/// What contradicts itself in an executed job, and what is told of it.
#[test]
fn a_network_is_new_or_continues_from_one_that_can_be() {
    use FaultKind::{Conflict, MissingKey, UnknownName};
    let new = "iterations = 20\nvocabulary = \"characters\"\n";
    let rank = "adapter_rank = 2\n";
    let cases = [
        ("layers = 1\nheads = 2", "heads = 2", MissingKey, "job[0].executed.layers", "missing key"),
        ("heads = 2", "heads = 3", Conflict, "job[0].executed.width", "width 16 is not a multiple of 3 heads"),
        ("merges = \"merges.txt\"\n", "", MissingKey, "job[0].executed.vocabulary", "gpt2-bpe without merges"),
        ("vocabulary = \"gpt2-bpe\"\n", "", Conflict, "job[0].executed.merges", "merges need vocabulary"),
        (
            new,
            "iterations = 20\nadapter_rank = 2\n",
            Conflict,
            "job[1].executed.adapter_rank",
            "needs a trained network",
        ),
        (rank, "", MissingKey, "job[2].executed.adapter_alpha", "adapter_alpha without adapter_rank"),
        (
            rank,
            "adapter_rank = 2\nwidth = 16\n",
            Conflict,
            "job[2].executed.width",
            "is that of the network it continues",
        ),
        (
            rank,
            "adapter_rank = 2\ncheckpoint = \"x\"\n",
            Conflict,
            "job[2].executed.checkpoint",
            "continues from job \"train\"",
        ),
        (rank, "adapter_rank = 2\ntext = \"x\"\n", Conflict, "job[2].executed.corpus", "the text is that of \"x\""),
        ("from = \"train\"", "from = \"trian\"", UnknownName, "job[2].executed.from", "no job is named \"trian\""),
        ("from = \"train\"", "from = \"tune\"", Conflict, "job[2].executed.from", "must be written before"),
        ("name = \"tune\"", "name = \"tune\"\nsite = \"sat-mean\"", Conflict, "job[2].site", "runs on sat-tle"),
    ];
    for (old, new, kind, path, told) in cases {
        let fault = only_fault(old, new);
        assert_eq!((fault.0, fault.1.as_str()), (kind, path), "{}", fault.2);
        assert!(fault.2.contains(told), "{} lacks {told:?}", fault.2);
    }
    let text = file("testdata/mission/every-key.toml");
    let executed = &text[text.find("[job.executed]").unwrap()..text.find("[[job]]\nname = \"other\"").unwrap()];
    let (kind, path, told) = only_fault(executed, "");
    assert_eq!((kind, path.as_str()), (Conflict, "job[2].executed.from"));
    assert!(told.starts_with("job \"train\" has no [job.executed]"), "{told}");
}

#[test]
fn starcloud_reads_in_si() {
    let mission = read(&starcloud());
    assert_eq!(*mission.header.start, Instant::from_utc_text("2026-07-26T04:00:00Z").unwrap());
    assert_eq!((*mission.header.duration, *mission.header.step), (Seconds(604_800.0), Seconds(30.0)));
    let site = &mission.sites[0];
    assert_eq!(site.platform.as_ref().unwrap().as_str(), "microsat-60kg");
    assert!(site.array.area.is_none());
    let Orbit::Tle(set) = &**site.orbit.as_ref().unwrap() else { panic!("{:?}", site.orbit) };
    assert_eq!(set.elements.catalog_number.0, 66303);
    let Work::Training(training) = &mission.jobs[0].work else { panic!("{:?}", mission.jobs) };
    assert_eq!(*training.parameters, 10_650_000);
    assert_eq!(mission.jobs[0].input.0, 8.8e6);
}

#[test]
fn every_form_reads() {
    let mission = read(&file("testdata/mission/every-key.toml"));
    let names = mission.sites.iter().map(|site| site.names().collect::<Vec<_>>()).collect::<Vec<_>>();
    assert_eq!(names[0], ["sat-tle"]);
    assert_eq!(names[2], ["dawn-1", "dawn-2", "dawn-3"]);
    assert_eq!((names[3].len(), names[3][71].as_str()), (72, "shell-72"));
    let site = &mission.sites[0];
    assert_eq!(site.array.pointing.as_deref(), Some(&Pointing::SunTracking));
    assert_eq!(site.battery.state_of_charge.as_deref(), Some(&Ratio(0.9)));
    assert_eq!(site.thermal.initial_temperature.as_deref(), Some(&Kelvin(293.15)));
    let Orbit::SunSynchronous(dawn) = &**mission.sites[2].orbit.as_ref().unwrap() else { panic!() };
    assert_eq!((*dawn.altitude, dawn.local_time.0), (Meters(650e3), Seconds(21_600.0)));
}

/// The two-line set and the message describe the same elements; the epoch of the first has eight decimals of a day.
#[test]
fn elements_of_message_and_two_lines_agree() {
    let mission = read(&file("testdata/mission/every-key.toml"));
    let orbit = |site: usize| &**mission.sites[site].orbit.as_ref().unwrap();
    let (Orbit::Tle(set), Orbit::Omm(omm)) = (orbit(0), orbit(1)) else { panic!() };
    let (set, omm) = (&set.elements, omm.elements().unwrap());
    assert_eq!((set.mean_motion, set.eccentricity, set.drag_term), (omm.mean_motion, omm.eccentricity, omm.drag_term));
    assert_eq!((set.inclination, set.mean_anomaly), (omm.inclination, omm.mean_anomaly));
    assert!((set.epoch - omm.epoch).seconds().abs() < Seconds(1e-3));
}

#[test]
fn values_know_their_place() {
    let text = starcloud();
    let mission = read(&text);
    let accelerator = mission.sites[0].compute.accelerator.as_ref().unwrap();
    assert_eq!(accelerator.path, "site[0].compute.accelerator");
    assert_eq!(&text[accelerator.span.clone()], "\"h100-pcie\"");
    assert_eq!(&text[mission.sites[0].compute.span.clone()], "[site.compute]");
    assert_eq!(&text[mission.sites[0].thermal.span.clone()], "[[site]]", "an absent section stands at its parent");
}

#[test]
fn all_faults_are_told_at_once() {
    let faults = Mission::read(&file("testdata/mission/broken.toml"), "broken.toml").unwrap_err();
    assert_golden("testdata/mission/broken.txt", &faults.to_text());
}

#[test]
fn faults_are_json_and_diagnostics() {
    use miette::Diagnostic;
    let faults = faults_after("\"1.26 m2\"", "\"1.26 kg\"");
    let json = serde_json::to_value(&faults).unwrap();
    let fault = &json["faults"][0];
    assert_eq!((&json["file"], &json["count"]), (&"m.toml".into(), &1.into()));
    assert_eq!((&fault["kind"], &fault["path"]), (&"unit".into(), &"site[0].array.area".into()));
    assert_eq!((&fault["line"], &fault["column"]), (&23.into(), &8.into()));
    let related = faults.related().unwrap().collect::<Vec<_>>();
    let label = related[0].labels().unwrap().next().unwrap();
    let read = faults.source_code().unwrap().read_span(label.inner(), 0, 0).unwrap();
    assert_eq!(read.data(), b"\"1.26 kg\"");
    assert_eq!((read.name(), related.len()), (Some("m.toml"), 1));
}

#[test]
fn a_bare_number_is_no_quantity() {
    for (old, new) in [("\"780 km\"", "780"), ("\"780 km\"", "780.5"), ("\"780 km\"", "\"780\"")] {
        let (kind, path, message) = only_fault(old, new);
        assert_eq!((kind, path.as_str()), (FaultKind::Unit, "site[3].orbit.walker.altitude"));
        assert!(message.ends_with("has no unit; expected one of m, mm, um, nm, cm, km, Gm"), "{message}");
    }
    for number in ["nan", "inf", "-inf", "\"1e999\""] {
        let fault = only_fault("albedo = 0.3", &format!("albedo = {number}"));
        assert_eq!(fault.2, format!("albedo {} is outside 0..=1", number.trim_matches('"')));
    }
    assert_eq!(only_fault("BSTAR = 0.00022976", "BSTAR = nan").2, "BSTAR nan is outside -10..=10");
}

#[test]
fn ranges_are_told_with_what_was_got() {
    let fault = only_fault("radiator_faces = 1", "radiator_faces = 3");
    assert_eq!(fault.2, "radiator_faces 3 is outside 1..=2");
    assert_eq!(only_fault("albedo = 0.3", "albedo = \"130 %\"").2, "albedo 130 % is outside 0..=1");
    assert_eq!(only_fault("\"78.23 deg\"", "\"91 deg\"").2, "latitude 91 deg is outside -90 deg..=90 deg");
    assert_eq!(only_fault("seed = 7", "seed = -7").2, "seed -7 is outside 0..=9223372036854775807");
    assert_eq!(only_fault("seed = 7", "seed = 9_223_372_036_854_775_808").0, FaultKind::OutOfRange);
}

#[test]
fn a_fault_in_an_element_set_has_its_own_caret() {
    for lines in [
        "\"\"\"\n1 66303U 25248L   26207.16029198  .00005005  00000-0  22976-3 0  9991\n2 66303  45.3997 271.0639 0006322 268.1150  91.9012 15.21652070 40478\n\"\"\"",
        "'''1 66303U 25248L   26207.16029198  .00005005  00000-0  22976-3 0  9991\r\n2 66303  45.3997 271.0639 0006322 268.1150  91.9012 15.21652070 40478'''",
    ] {
        let text = format!("site = [{{ orbit.tle = {lines} }}]\n");
        let faults = Mission::read(&text, "m.toml").unwrap_err();
        let fault = faults.all().iter().find(|fault| fault.kind == FaultKind::Elements).unwrap();
        assert_eq!(&text[fault.span.clone()], "8", "{}", fault.message);
        assert_eq!(&text[fault.span.start - 5..fault.span.start], " 4047");
    }
    let escaped = only_fault("\"\"\"\n1 66303U", "\"\"\"\\u0031 66304U");
    assert_eq!((escaped.0, escaped.1.as_str()), (FaultKind::Elements, "site[0].orbit.tle"));
}

#[test]
fn names_must_be_given_once_and_exist() {
    let kind_and_message = |old, new| {
        let (kind, _, message) = only_fault(old, new);
        (kind, message)
    };
    let duplicate = |text: &str| (FaultKind::DuplicateName, text.to_owned());
    assert_eq!(kind_and_message("\"sat-omm\"", "\"dawn-2\""), duplicate("satellite \"dawn-2\" is named twice"));
    assert_eq!(kind_and_message("\"serve\"", "\"train\""), duplicate("job \"train\" is named twice"));
    let second = "[[station]]\ncatalog = \"north\"\n[[job]]";
    assert_eq!(kind_and_message("[[job]]", second), duplicate("station \"north\" is named twice"));
    assert_eq!(
        kind_and_message("\"shell-3\"", "\"sat-tle\""),
        duplicate("recorded satellite \"sat-tle\" is named twice")
    );
    let unknown = |text: &str| (FaultKind::UnknownName, text.to_owned());
    assert_eq!(kind_and_message("\"shell-12\"", "\"shell-73\""), unknown("no satellite is named \"shell-73\""));
    assert_eq!(kind_and_message("\"shell-3\"", "\"dawn\""), unknown("no satellite is named \"dawn\""));
}

#[test]
fn a_constellation_too_large_to_name_is_refused() {
    let shell = |name| {
        format!(
            "[[site]]\nname = \"{name}\"\norbit.walker = {{ altitude = \"780 km\", inclination = \"86 deg\", satellites = 1_000_000, planes = 1, phasing = 0 }}\n[[station]]"
        )
    };
    let (kind, path, message) = only_fault("[[station]]", &shell("huge"));
    assert_eq!((kind, path.as_str()), (FaultKind::OutOfRange, "site[0]"));
    assert_eq!(message, "mission has 1000083 satellites; allowed are 1000000");
}

#[test]
fn the_same_mission_written_otherwise_has_the_same_hash() {
    let text = file("testdata/mission/every-key.toml");
    let mission = read(&text);
    let again = read(&mission.to_toml());
    assert_eq!((again.hash(), again == mission), (mission.hash(), true));
    let commented = text.replace('\n', "   # why\n").replace("tle = \"\"\"   # why", "tle = \"\"\"");
    let commented = commented.replace("9991   # why", "9991 ").replace("40477   # why", "40477");
    assert_eq!(read(&commented).hash(), mission.hash());
    let units = text.replace("\"650 km\"", "\"6.5e5m\"").replace("\"7 d\"", "\"168 h\"").replace("0.9\n", "\"90%\"\n");
    assert_ne!(units, text);
    assert_eq!(read(&units).hash(), mission.hash());
    let moved =
        text.replace("accelerators = 1\n", "").replace("name = \"train\"", "accelerators = 1\nname = \"train\"");
    assert_eq!(read(&moved).hash(), mission.hash());
}

#[test]
fn text_that_is_no_mission_is_refused() {
    let kinds = |text: &str| {
        let faults = Mission::read(text, "m.toml").unwrap_err();
        faults.all().iter().map(|fault| (fault.kind, fault.line)).collect::<Vec<_>>()
    };
    assert_eq!(kinds("a = 1\nb = = 2\n"), [(FaultKind::Syntax, 2)]);
    assert_eq!(kinds("a = 1\na = 2\n"), [(FaultKind::Syntax, 2)]);
    assert_eq!(kinds(&" ".repeat(MISSION_SIZE_MAX_BYTES + 1)), [(FaultKind::TooLarge, 1)]);
    assert!(kinds(&" ".repeat(MISSION_SIZE_MAX_BYTES)).iter().all(|(kind, _)| *kind == FaultKind::MissingKey));
    assert_eq!(kinds(""), [(FaultKind::MissingKey, 1); 6]);
}

/// Beyond a thousand faults only their number is told, and no time is spent on each.
#[test]
fn very_many_faults_are_counted() {
    let text = (0..100_000).map(|i| format!("k{i} = 1\n")).collect::<String>();
    let faults = Mission::read(&text, "m.toml").unwrap_err();
    assert_eq!(faults.all().len(), 1000);
    assert_eq!(faults.to_string(), "mission m.toml has 100006 faults, 1000 of which are told");
}

/// Whatever is done to the text, reading answers: a mission, or faults whose places lie in the text.
#[test]
fn mutated_text_never_panics() {
    let whole = file("testdata/mission/every-key.toml");
    let (mut read, mut refused) = (0, 0);
    for round in 0..4000 {
        let text = mutated(if round % 2 == 0 { &whole } else { MINIMAL }, round);
        match Mission::read(&text, "m.toml") {
            Ok(mission) => {
                assert_eq!(Mission::read(&mission.to_toml(), "again").unwrap().hash(), mission.hash());
                read += 1;
            }
            Err(faults) => {
                assert!(faults.all().iter().all(|fault| text.get(fault.span.clone()).is_some()));
                assert!(!faults.to_text().is_empty());
                refused += 1;
            }
        }
    }
    assert!(read > 100 && refused > 1000, "{read} read, {refused} refused: the mutations are too mild or too wild");
}

const MINIMAL: &str = "[mission]\nname='é'\nstart=2026-07-26T04:00:00Z\nduration='7 d'\nstep='30 s'\nseed=1\n[[site]]\nname='s'\norbit.mean={altitude='650 km',inclination='98 deg',raan='0 deg'}\n";

/// One to three edits: a run of characters is cut, doubled, replaced by a token, or moved elsewhere.
fn mutated(text: &str, round: u32) -> String {
    const TOKENS: [&str; 16] = [
        "\"",
        "[",
        "]",
        "{",
        "}",
        "=",
        "\n",
        "-1",
        "nan",
        "1e999",
        "[[site]]",
        "orbit",
        "\"1 km\"",
        "\\u0000",
        "é",
        "9223372036854775808",
    ];
    let stream = Stream::new(1, round, Purpose::Study);
    let below = |index: u64, limit: usize| (stream.bits(index) % limit.max(1) as u64) as usize;
    let mut letters = text.chars().collect::<Vec<_>>();
    for edit in 0..1 + below(0, 3) as u64 {
        let at = below(8 * edit + 1, letters.len());
        let end = (at + below(8 * edit + 2, 12)).min(letters.len());
        let run = letters[at..end].to_vec();
        match below(8 * edit + 3, 4) {
            0 => drop(letters.drain(at..end)),
            1 => drop(letters.splice(at..at, run)),
            2 => drop(letters.splice(at..end, TOKENS[below(8 * edit + 4, TOKENS.len())].chars())),
            _ => {
                let to = below(8 * edit + 5, letters.len());
                drop(letters.splice(to..to, run));
            }
        }
    }
    letters.into_iter().collect()
}

#[test]
fn reference_and_schema_are_up_to_date() {
    assert_golden("docs/missions.md", &reference_markdown());
    assert_golden("missions/mission.schema.json", &format!("{:#}\n", schema()));
}
