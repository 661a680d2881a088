//! A study ends with the same bytes, whatever happens to it on the way.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sunward_study::distribution::{Distribution, Value};
use sunward_study::*;

const FOLDER: &str = "SUNWARD_STUDY_TEST_FOLDER";
const PART: &str = "SUNWARD_STUDY_TEST_PART";

fn study() -> Study {
    let area = Distribution::Triangular { low: 1.0, mode: 2.0, high: 4.0 };
    let part = Distribution::choice(["h100", "a100"].map(|word| Value::Word(word.to_owned())).to_vec());
    let variables = vec![Variable::new("area", Role::Design, area), Variable::new("part", Role::Assumption, part)];
    Study {
        space: Space::new(variables).unwrap(),
        sampling: Sampling::MonteCarlo { runs: 205 },
        seed: 3,
        shard_runs: 10,
    }
}

/// Fails on one kind of point, panics on another, lacks a metric on a third.
struct Moody {
    metrics: Vec<String>,
    pause: Duration,
}

impl Moody {
    fn new(pause: Duration) -> Self {
        Self { metrics: vec!["power".to_owned(), "price".to_owned()], pause }
    }
}

impl Model for Moody {
    fn identity(&self) -> String {
        "moody".to_owned()
    }
    fn metrics(&self) -> &[String] {
        &self.metrics
    }
    fn run(&self, point: Point<'_>) -> Result<Vec<Option<f64>>, RunError> {
        std::thread::sleep(self.pause);
        let area = point.values[0].number().ok_or("no area")?;
        match &point.values[1] {
            Value::Word(part) if part == "a100" && area > 3.0 => Err("the array is too large".into()),
            _ if area < 1.3 => panic!("area {area} is a bug"),
            _ => Ok(vec![Some(area * 300.0), (area < 2.0).then_some(area)]),
        }
    }
}

fn quiet() {
    std::panic::set_hook(Box::new(|_| {}));
}

fn go(_: &Progress) -> Control {
    Control::Continue
}

fn contents(store: &dyn Store) -> BTreeMap<String, Vec<u8>> {
    store.list().unwrap().into_iter().map(|name| (name.clone(), store.read(&name).unwrap())).collect()
}

fn whole() -> (BTreeMap<String, Vec<u8>>, Table) {
    quiet();
    let store = Memory::default();
    let table = sweep(&study(), &Moody::new(Duration::ZERO), &store, &go).unwrap();
    (contents(&store), table)
}

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sunward-study-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn failed_runs_are_rows_with_their_error() {
    let (_, table) = whole();
    assert_eq!(table.runs(), 205);
    let areas = table.input("area").unwrap().iter().map(|value| value.number().unwrap()).collect::<Vec<_>>();
    let parts = table.input("part").unwrap();
    let mut seen = BTreeSet::new();
    for run in 0..205 {
        let error = table.errors[run].as_deref();
        let power = table.metric("power").unwrap()[run];
        let word = Value::Word("a100".to_owned());
        let expected = match areas[run] {
            area if area > 3.0 && parts[run] == word => Some("the array is too large".to_owned()),
            area if area < 1.3 => Some(format!("panicked: area {area} is a bug")),
            _ => None,
        };
        assert_eq!(error, expected.as_deref());
        assert_eq!(power, expected.is_none().then_some(areas[run] * 300.0));
        seen.insert(expected.map(|error| error[..5].to_owned()));
    }
    assert_eq!(seen.len(), 3, "{seen:?}");
    let lacking = table.metric("price").unwrap().iter().flatten().count();
    assert!(0 < lacking && lacking < 205 - table.failed(), "{lacking}");
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let (expected, table) = whole();
    assert_eq!(expected.len(), 21);
    for threads in [1, 2, 5] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let store = Memory::default();
        let again = pool.install(|| sweep(&study(), &Moody::new(Duration::ZERO), &store, &go)).unwrap();
        assert!(again == table && contents(&store) == expected, "{threads} threads");
    }
}

#[test]
fn a_stopped_study_goes_on_where_it_was() {
    let (expected, table) = whole();
    let scratch = Scratch::new("stopped");
    let folder = Folder::open(&scratch.0).unwrap();
    let model = Moody::new(Duration::from_millis(1));
    let stop = |progress: &Progress| if progress.done >= 80 { Control::Stop } else { Control::Continue };
    let error = sweep(&study(), &model, &folder, &stop).unwrap_err();
    assert!(error.to_string().starts_with("stopped after"), "{error}");
    let kept = folder.list().unwrap().len();
    assert!(0 < kept && kept < 21, "{kept} shards");
    let plan = Plan::new(&study(), &model).unwrap();
    let error = plan.collect(&folder).unwrap_err().to_string();
    assert!(error.starts_with(&format!("{} of 21 shards are missing", 21 - kept)), "{error}");
    let rest = AtomicUsize::new(0);
    let count = |_: &Progress| {
        rest.fetch_add(1, Ordering::Relaxed);
        Control::Continue
    };
    assert!(sweep(&study(), &model, &folder, &count).unwrap() == table);
    assert!(rest.into_inner() <= 205 - 10 * (kept - 1), "runs of whole shards were run again");
    assert!(contents(&folder) == expected);
}

/// This test is both sides: started with a folder in its environment, it is a worker, which its parent kills on the way.
#[test]
fn killed_workers_leave_nothing_wrong() {
    if let (Ok(folder), Ok(part)) = (std::env::var(FOLDER), std::env::var(PART)) {
        return work(Path::new(&folder), part.parse().unwrap());
    }
    let (expected, table) = whole();
    let scratch = Scratch::new("killed");
    let mut workers: Vec<Child> = (0..2).map(|part| worker(&scratch.0, part)).collect();
    for _ in 0..600 {
        if Folder::open(&scratch.0).unwrap().list().unwrap().len() >= 3 {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    workers[0].kill().unwrap();
    workers[0].wait().unwrap();
    // What a writer leaves that was killed in the middle of a shard.
    let torn = scratch.0.join(format!(".{}.partial-1", expected.keys().next_back().unwrap()));
    std::fs::write(&torn, b"PAR1 torn").unwrap();
    let kept = Folder::open(&scratch.0).unwrap().list().unwrap().len();
    assert!((3..21).contains(&kept), "{kept} shards when the worker was killed");
    assert!(workers[1].wait().unwrap().success());
    let folder = Folder::open(&scratch.0).unwrap();
    let last = scratch.0.join(expected.keys().next_back().unwrap());
    if last.exists() {
        std::fs::remove_file(last).unwrap();
    }
    assert!(sweep(&study(), &Moody::new(Duration::ZERO), &folder, &go).unwrap() == table);
    assert!(contents(&folder) == expected);
    assert!(!torn.exists());
}

/// Machines share a folder, and two of them may come to do the same shard: with the same process number, for all they know.
#[test]
fn writers_of_one_shard_do_not_disturb_each_other() {
    let scratch = Scratch::new("doubled");
    let content = vec![7_u8; 200_000];
    let name = "000000-0123456789abcdef.parquet";
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                for _ in 0..20 {
                    let folder = Folder::open(&scratch.0).unwrap();
                    folder.write(name, &content).unwrap();
                    assert!(folder.read(name).unwrap() == content, "a shard was seen that is not whole");
                }
            });
        }
    });
    Folder::open(&scratch.0).unwrap().write(name, &content).unwrap();
    assert_eq!(std::fs::read_dir(&scratch.0).unwrap().count(), 1, "hidden files were left");
}

fn worker(folder: &Path, part: usize) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["killed_workers_leave_nothing_wrong", "--exact"]);
    command.env(FOLDER, folder).env(PART, part.to_string()).spawn().unwrap()
}

fn work(folder: &Path, index: usize) {
    quiet();
    let model = Moody::new(Duration::from_millis(4));
    let plan = study();
    let plan = Plan::new(&plan, &model).unwrap();
    plan.execute(&Folder::open(folder).unwrap(), Part { index, of: 2 }, &go).unwrap();
}

#[test]
fn a_longer_study_keeps_what_a_shorter_one_ran() {
    let short = study();
    let long = Study { sampling: Sampling::MonteCarlo { runs: 400 }, ..study() };
    let model = Moody::new(Duration::ZERO);
    let names = |study: &Study| Plan::new(study, &model).unwrap().shards().iter().map(|s| s.name.clone()).collect();
    let (short, long): (Vec<String>, Vec<String>) = (names(&short), names(&long));
    assert_eq!(short[..20], long[..20]);
    assert_ne!(short[20], long[20]);
}

#[test]
fn whatever_decides_a_shard_changes_its_name() {
    let name = |study: &Study, model: &dyn Model| Plan::new(study, model).unwrap().shards()[0].name.clone();
    let one = |values: &[f64]| vec![values[0]];
    let number = |unit: &str| {
        let distribution = Distribution::Uniform { low: 0.0, high: 1.0 };
        let variable = Variable { unit: unit.to_owned(), ..Variable::new("x", Role::Design, distribution) };
        Study { space: Space::new(vec![variable]).unwrap(), ..study() }
    };
    let names = BTreeSet::from([
        name(&number("m"), &Function::new("f", &["y"], one)),
        name(&number("m"), &Function::new("g", &["y"], one)),
        name(&number("m"), &Function::new("f", &["z"], one)),
        name(&number("km"), &Function::new("f", &["y"], one)),
        name(&Study { seed: 4, ..number("m") }, &Function::new("f", &["y"], one)),
        name(&Study { shard_runs: 11, ..number("m") }, &Function::new("f", &["y"], one)),
    ]);
    assert_eq!(names.len(), 6, "{names:?}");
    let digest = |study: &Study| Plan::new(study, &Function::new("f", &["y"], one)).unwrap().digest();
    assert_eq!(digest(&number("m")), digest(&number("m")));
    assert_ne!(digest(&number("m")), digest(&number("km")));
}

#[test]
fn shards_that_are_not_what_they_should_be_are_refused() {
    let (expected, _) = whole();
    let model = Moody::new(Duration::ZERO);
    let plan = study();
    let plan = Plan::new(&plan, &model).unwrap();
    let names: Vec<_> = expected.keys().cloned().collect();
    let with = |content: &[u8]| {
        let store = Memory::default();
        expected.iter().for_each(|(name, content)| store.write(name, content).unwrap());
        store.write(&names[4], content).unwrap();
        plan.collect(&store).unwrap_err().to_string()
    };
    assert!(with(b"PAR1 torn").contains("is not readable; delete it"));
    assert!(with(&expected[&names[5]]).contains("does not hold the shard of that name"));
    let lacking = Study { shard_runs: 0, ..study() };
    assert!(Plan::new(&lacking, &model).err().unwrap().to_string().contains("runs of a shard is 0"));
    let part = plan.execute(&Memory::default(), Part { index: 2, of: 2 }, &go).unwrap_err().to_string();
    assert!(part.contains("number of the part is 2; allowed are 0 to 1"), "{part}");
    assert!(Part::all(2).all(|part| plan.missing(&BTreeSet::new(), part).is_ok()));
    let clash = Function::new("clash", &["area"], |values: &[f64]| vec![values[0]]);
    assert!(Plan::new(&study(), &clash).err().unwrap().to_string().contains("\"area\" names two columns"));
}

#[test]
fn a_store_that_refuses_ends_the_study() {
    struct Full;
    impl Store for Full {
        fn list(&self) -> Result<BTreeSet<String>, StudyError> {
            Ok(BTreeSet::new())
        }
        fn read(&self, name: &str) -> Result<Vec<u8>, StudyError> {
            Memory::default().read(name)
        }
        fn write(&self, name: &str, _: &[u8]) -> Result<(), StudyError> {
            let source = std::io::ErrorKind::StorageFull.into();
            Err(StudyError::Store { what: "write", name: name.to_owned(), source })
        }
    }
    quiet();
    let error = sweep(&study(), &Moody::new(Duration::ZERO), &Full, &go).unwrap_err().to_string();
    assert!(error.starts_with("cannot write 0000"), "{error}");
}

#[test]
fn contenders_are_compared_as_they_are() {
    let model = |name: &str, cost: f64| Function::new(name, &["cost"], move |_: &[f64]| vec![cost]);
    let (orbit, ground) = (model("orbit", 7.0), model("ground", f64::NAN));
    let rows = compare(&[("orbit", &orbit), ("ground", &ground)]);
    assert_eq!(rows[0], Compared { name: "orbit".to_owned(), outcome: Ok(vec![Some(7.0)]) });
    assert_eq!(rows[1].outcome, Err("cost is NaN".to_owned()));
}

/// Counts its runs; fails on a part of the plane.
struct Counting {
    metrics: Vec<String>,
    runs: AtomicUsize,
}

impl Model for Counting {
    fn identity(&self) -> String {
        "counting".to_owned()
    }
    fn metrics(&self) -> &[String] {
        &self.metrics
    }
    fn run(&self, point: Point<'_>) -> Result<Vec<Option<f64>>, RunError> {
        self.runs.fetch_add(1, Ordering::Relaxed);
        let [x, y] = [0, 1].map(|index| point.values[index].number().unwrap());
        if x > 0.9 { Err("too far\nout".into()) } else { Ok(vec![Some(x / 3.0), Some((1.0 + y) / (x + 0.1))]) }
    }
}

/// A search that was stopped, and whose last line was torn, asks for no design twice and ends as one that was not.
#[test]
fn a_stopped_search_goes_on_where_it_was() {
    use sunward_study::optimise::{Effort, Objective, Problem};
    let scratch = Scratch::new("search");
    let unit = Distribution::Uniform { low: 0.0, high: 1.0 };
    let variables = ["x", "y"].map(|key| Variable::new(key, Role::Design, unit.clone()));
    let space = Space::new(variables.to_vec()).unwrap();
    let objectives = ["f", "g"].map(|metric| Objective { metric: metric.to_owned(), better: Better::Lower });
    let counting = Counting { metrics: vec!["f".to_owned(), "g".to_owned()], runs: AtomicUsize::new(0) };
    let effort = Effort { evaluations: 200, population: 20, seed: 1 };
    let search = |model: &dyn Model, observer: &Observer<'_>| {
        let problem = Problem { model, space: &space, over: &[], objectives: &objectives, constraints: &[] };
        optimise(&problem, &effort, observer)
    };
    let aside = Journal::open(&scratch.0.join("whole")).unwrap();
    let whole = search(&Remembered { model: &counting, journal: &aside }, &go).unwrap();
    let needed = counting.runs.swap(0, Ordering::Relaxed);
    let path = scratch.0.join("journal");
    let stop = |progress: &Progress| if progress.done >= 100 { Control::Stop } else { Control::Continue };
    let journal = Journal::open(&path).unwrap();
    let stopped = search(&Remembered { model: &counting, journal: &journal }, &stop).unwrap_err().to_string();
    assert!(stopped.starts_with("stopped after 100 runs"), "{stopped}");
    let torn = std::fs::read_to_string(&path).unwrap() + "0123456789abcdef\t0.1";
    std::fs::write(&path, torn).unwrap();
    let journal = Journal::open(&path).unwrap();
    let again = search(&Remembered { model: &counting, journal: &journal }, &go).unwrap();
    assert!(again == whole, "the search differs");
    assert_eq!(counting.runs.load(Ordering::Relaxed), needed);
    assert!(journal.len() >= whole.tried.len() && whole.tried.len() > whole.front.len());
    assert!(whole.tried.iter().any(|candidate| candidate.error.as_deref() == Some("too far out")));
    let lines = std::fs::read_to_string(&path).unwrap();
    assert!(lines.lines().all(|line| line.split('\t').count() == 3 || line.contains("\t!too far out")), "{lines}");
}
