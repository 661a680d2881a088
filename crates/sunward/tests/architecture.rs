//! The documents say what is: the crates, names, links, commands and output they quote are checked against the code.
//!
//! With `UPDATE_GOLDEN=1` the README's output is written anew, and the numbers of its claim with it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const DOCUMENTS: [&str; 6] =
    ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/physics.md", "docs/studies.md"];
/// The crate that ends the core, and the one before it that reads files.
const CORE_ENDS: &str = "sunward-sim";
const CORE_OMITS: &str = "sunward-ai";
/// What the core never does, as it would stand in its source.
const IMPURE: [&str; 11] = [
    "std::time",
    "std::fs",
    "std::net",
    "std::env",
    "std::thread",
    "std::process",
    "println!",
    "print!",
    "HashMap",
    "HashSet",
    "dbg!",
];
/// Rows of the table whose values the README's claim quotes.
const CLAIMED: [&str; 5] =
    ["work delivered", "mean clock while working", "hottest chip", "working time throttled", "held back most by"];

fn root() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", ".."].iter().collect()
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn sunward(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sunward")).args(arguments).current_dir(root()).output().expect("sunward starts")
}

fn stdout(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The fenced blocks of a language.
fn fenced<'a>(markdown: &'a str, language: &str) -> Vec<&'a str> {
    let opening = format!("```{language}\n");
    let rest = |block: &'a str| block.split_once("\n```").map(|(inside, _)| inside);
    markdown.split(opening.as_str()).skip(1).filter_map(rest).collect()
}

/// What stands between backticks in the prose, fenced blocks left out.
fn quoted(markdown: &str) -> Vec<&str> {
    let prose = markdown.split("```").step_by(2);
    prose.flat_map(|part| part.split('`').skip(1).step_by(2)).collect()
}

/// What a folder holds.
fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect()
}

fn crates() -> BTreeSet<String> {
    names(&root().join("crates"))
}

/// Crates in the order of the table in ARCHITECTURE.md.
fn crates_of_table() -> Vec<String> {
    let page = text("ARCHITECTURE.md");
    let name = |line: &str| Some(line.strip_prefix("| [`sunward")?.split_once('`')?.0.to_owned());
    page.lines().filter_map(name).map(|rest| format!("sunward{rest}")).collect()
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// A crate's source files as (path, text), tests left out.
fn sources(name: &str) -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    rust_files(&root().join("crates").join(name).join("src"), &mut files);
    files.retain(|path| !path.ends_with("tests.rs"));
    let shipped = |path: PathBuf| {
        let all = fs::read_to_string(&path).expect("UTF-8");
        let code = all.split("mod tests {").next().expect("a first part");
        (path, code.to_owned())
    };
    files.into_iter().map(shipped).collect()
}

/// Lines of a source that are no comment, with their numbers.
fn code(source: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(source.lines()).filter(|(_, line)| !line.trim_start().starts_with("//"))
}

fn defines(source: &str, name: &str) -> bool {
    let definition = |line: &str, keyword: &str| {
        let rest = line.split_once(keyword).map(|(_, rest)| rest);
        rest.and_then(|rest| rest.strip_prefix(name))
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    };
    let keywords = ["fn ", "struct ", "enum ", "trait ", "type ", "const ", "mod "];
    code(source).any(|(_, line)| keywords.iter().any(|keyword| definition(line, keyword)))
}

#[test]
fn every_crate_has_its_line() {
    let table = crates_of_table();
    assert_eq!(table.iter().cloned().collect::<BTreeSet<_>>(), crates(), "ARCHITECTURE.md against crates/");
}

#[test]
fn every_name_in_the_architecture_exists() {
    let page = text("ARCHITECTURE.md");
    let (crates, files): (_, Vec<_>) = (crates(), crates().iter().flat_map(|name| sources(name)).collect());
    let exists = |name: &str| crates.contains(name) || files.iter().any(|(_, source)| defines(source, name));
    let names = quoted(&page);
    assert!(names.len() > 20, "names in backticks are not found any more");
    let missing: Vec<_> = names.into_iter().filter(|name| !exists(name)).collect();
    assert!(missing.is_empty(), "ARCHITECTURE.md names {missing:?}, which no crate defines");
}

#[test]
fn crates_use_only_those_above_them() {
    let table = crates_of_table();
    for (position, name) in table.iter().enumerate() {
        let manifest = text(&format!("crates/{name}/Cargo.toml")).parse::<toml::Table>().expect("TOML");
        let dependencies = manifest.get("dependencies").and_then(toml::Value::as_table).into_iter().flatten();
        for (used, _) in dependencies.filter(|(used, _)| used.starts_with("sunward")) {
            assert!(
                table[..position].contains(used),
                "{name} uses {used}, which ARCHITECTURE.md does not list above it"
            );
        }
    }
}

#[test]
fn the_core_is_pure() {
    let table = crates_of_table();
    let end = table.iter().position(|name| name == CORE_ENDS).expect("the table lists the core's last crate");
    for name in table[..=end].iter().filter(|name| *name != CORE_OMITS) {
        for (path, source) in sources(name) {
            for (number, line) in code(&source) {
                let found = IMPURE.iter().find(|word| line.contains(**word));
                assert!(found.is_none(), "{}:{number} uses {}", path.display(), found.unwrap());
            }
        }
    }
}

#[test]
fn unsafe_code_is_in_two_places() {
    let all = crates().into_iter().flat_map(|name| sources(&name));
    let allowed = all.filter(|(_, source)| code(source).any(|(_, line)| line.contains("allow(unsafe_code)")));
    let allowed: Vec<_> = allowed.map(|(path, _)| path).collect();
    assert!(
        matches!(&allowed[..], [device, math]
            if device.ends_with("sunward-cuda/src/device.rs") && math.ends_with("sunward-units/src/math.rs")),
        "unsafe code is allowed in {allowed:?}"
    );
}

#[test]
fn every_link_leads_somewhere() {
    for document in DOCUMENTS {
        let (page, file) = (text(document), root().join(document));
        let targets = page.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
        for target in targets.filter(|target| !target.starts_with("http")) {
            let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
            let at = file.parent().expect("a folder").join(path);
            assert!(at.exists(), "{document} links to {target}");
            let heading = |line: &str| line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-") == anchor;
            let found = anchor.is_empty() || fs::read_to_string(&at).expect("a page").lines().any(heading);
            assert!(found, "{document} links to {target}, but no heading there makes that anchor");
        }
    }
}

#[test]
fn ci_runs_the_commands_of_the_readme() {
    let (page, ci) = (text("README.md"), text(".ci/run"));
    let commands: Vec<_> = fenced(&page, "sh").into_iter().flat_map(str::lines).collect();
    assert!(commands.iter().any(|line| line.contains(" fly ")) && commands.iter().any(|line| line.contains("nextest")));
    for command in commands {
        let run = |line: &str| {
            line.trim().strip_prefix(command).is_some_and(|rest| rest.is_empty() || rest.starts_with(" |"))
        };
        assert!(ci.lines().any(run), ".ci/run does not run the README's {command:?}");
    }
    assert!(!text("Cargo.toml").contains("default-members"), "the README's test command would leave crates out");
}

#[test]
fn the_readme_names_every_command() {
    let (page, help) = (text("README.md"), stdout(sunward(&["--help"])));
    let listed =
        help.split("Commands:\n").nth(1).expect("a list of commands").lines().take_while(|line| !line.is_empty());
    let commands: Vec<_> = listed.filter_map(|line| line.split_whitespace().next()).filter(|c| *c != "help").collect();
    assert!(commands.contains(&"fly"));
    for command in commands {
        assert!(page.contains(&format!("`sunward {command}`")), "the README does not tell of sunward {command}");
    }
}

#[test]
fn the_mission_of_the_readme_has_no_faults() {
    let page = text("README.md");
    let [mission] = fenced(&page, "toml")[..] else { panic!("the README holds one mission") };
    let world = sunward::read(mission, "README.md").unwrap_or_else(|faults| panic!("{}", faults.to_text()));
    assert_eq!((world.sites.len(), world.stations.len()), (1, 1));
}

/// A row's value in the summary table.
fn value<'a>(table: &'a str, label: &str) -> &'a str {
    let row = table.lines().find_map(|line| line.trim().strip_prefix(label)?.strip_prefix("  "));
    row.unwrap_or_else(|| panic!("no row {label:?} in\n{table}")).trim()
}

/// The rows of a table without their values.
fn labels(table: &str) -> Vec<&str> {
    table.lines().skip(2).map(|line| line.trim().split("  ").next().expect("a first part")).collect()
}

/// Flies the README's main job into a folder of its own and returns what it prints.
fn main_job(page: &str, folder: &Path, more: &[&str]) -> String {
    let command = fenced(page, "sh")[0].split_once(" -- ").expect("a command through cargo").1;
    let mut arguments: Vec<_> = command.split(' ').collect();
    arguments.extend(["--quiet", "--out", folder.to_str().expect("UTF-8")]);
    arguments.extend(more);
    stdout(sunward(&arguments))
}

/// What the main job prints, in two parts: the summary, and the jobs with their last texts.
fn parts(printed: &str) -> [String; 2] {
    let (summary, jobs) = printed.trim_end().split_once("─\n─").expect("two tables, one after the other");
    [format!("{summary}─"), format!("─{jobs}")]
}

/// The README with another output, and with its claim's numbers taken from there.
fn with_output(page: &str, printed: &str) -> String {
    let ([old_summary, old_jobs], [summary, jobs]) = (blocks(page), parts(printed));
    let (claim, rest) = page.split_once("\n## ").expect("a claim before the first heading");
    let renewed = |claim: String, label: &&str| claim.replace(value(old_summary, label), value(&summary, label));
    let claim = CLAIMED.iter().fold(claim.to_owned(), renewed);
    format!("{claim}\n## {}", rest.replacen(old_summary, &summary, 1).replacen(old_jobs, &jobs, 1))
}

/// The README's two blocks of output.
fn blocks(page: &str) -> [&str; 2] {
    fenced(page, "text").try_into().expect("the README quotes the main job in two blocks")
}

/// The blocks are compared to the letter in .ci/run, which flies the main job as it stands; here its network is modelled.
#[test]
fn the_readme_quotes_the_main_job() {
    let page = text("README.md");
    let (claim, [summary, _]) = (page.split("\n## ").next().expect("a claim"), blocks(&page));
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("readme");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(root().join("README.md"), with_output(&page, &main_job(&page, &folder, &[]))).expect("it is written");
        return;
    }
    for label in CLAIMED {
        assert!(claim.contains(value(summary, label)), "the README's claim differs from its table in {label:?}");
    }
    let [now, _] = parts(&main_job(&page, &folder, &["--modelled"]));
    assert_eq!(labels(summary), labels(&now), "run once with UPDATE_GOLDEN=1");
    let first_cells = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let listed: BTreeSet<_> = first_cells.map(|(file, _)| file.to_owned()).filter(|file| file.contains('.')).collect();
    // Modelled, the main job leaves all but its networks.
    let mission = sunward::read(&text("missions/starcloud-1.toml"), "starcloud-1.toml").expect("no faults");
    let executed = mission.jobs.iter().filter(|job| job.executed.is_some());
    let networks = executed.map(|job| format!("{}.safetensors", job.name));
    let left: BTreeSet<_> = names(&folder).into_iter().chain(networks).collect();
    assert_eq!(listed, left, "the README's list of the run folder against the folder");
}
