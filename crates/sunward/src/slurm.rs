//! A study as a Slurm job array: one task computes one part.
//!
//! Slurm starts and queues; it is never believed about what is done. That is told by the shards in the study's folder alone, and so
//! killed, requeued, held and doubled tasks need no bookkeeping: when the queue holds nothing more that could bring a missing
//! shard, the parts that lack one are submitted again.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use indicatif::ProgressBar;
use sunward_study::{Folder, Part, Plan, Shard, Store, StudyError};

use crate::study::bar;

/// Runs of a task where no number of tasks is given: a task takes about half a second to start, a run of a week's mission as long.
const TASK_RUNS: usize = 256;
/// Tasks of an array at most, where no number is given: Slurm's MaxArraySize is 1001 unless a site raises it.
const TASKS_MAX: usize = 1000;
/// Shortest and longest time between two looks at the folder and the queue; it grows by half each time.
const PAUSES: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(10)];
/// What the folder gets after the queue is empty, for shards that a network file system has not shown yet; doubled every round, so
/// that five rounds wait out the 30 s for which NFS keeps a listing.
const SETTLING: Duration = Duration::from_secs(1);
/// Looks in a row at which the queue may not answer: some ten minutes.
const UNANSWERED_MAX: usize = 60;
/// Lines of a task's log that are shown.
const LOG_LINES: usize = 8;

/// Why a study does not come to its end on a cluster.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SlurmError {
    #[error(
        "cannot run {program}: --slurm needs Slurm's commands sbatch, squeue and scancel on the PATH, as on a cluster's login node"
    )]
    Command { program: &'static str, source: io::Error },
    #[error("{program} refused: {message}")]
    Refused { program: &'static str, message: String },
    #[error("cannot write {path}")]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot tell how this command was started: {what}")]
    Start { what: &'static str, source: io::Error },
    #[error("argument {argument:?} is no UTF-8 text, which a batch script cannot hold")]
    Argument { argument: OsString },
    #[error("{missing} of {shards} shards are missing after {rounds} submissions; {log}")]
    Incomplete { missing: usize, shards: usize, rounds: u32, log: String },
    #[error(transparent)]
    Study(#[from] StudyError),
}

/// The batch script of a plan; that a task sees it tells that the folder is shared.
pub(crate) fn script(folder: &Path, digest: &str) -> PathBuf {
    folder.join("slurm").join(format!("{digest}.sh"))
}

/// What Slurm's queue says about the tasks of this study.
#[derive(Debug, Default, PartialEq, Eq)]
struct Queue {
    running: usize,
    waiting: usize,
    /// Why the first one waits.
    reason: String,
    /// Tasks that Slurm put back and will not start again by itself.
    held: Vec<String>,
}

impl Queue {
    /// From lines of `task|state|reason`.
    fn read(lines: &str) -> Self {
        let mut queue = Self::default();
        for line in lines.lines() {
            let mut fields = line.splitn(3, '|').map(str::trim);
            let (task, state) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
            let reason = fields.next().unwrap_or_default().replace('_', " ");
            let put_back = reason.contains("requeued held") || reason.contains("requeued in");
            match state {
                "RH" | "SE" => queue.held.push(task.to_owned()),
                "PD" if put_back => queue.held.push(task.to_owned()),
                "PD" if queue.waiting == 0 => (queue.waiting, queue.reason) = (1, reason),
                "PD" => queue.waiting += 1,
                _ => queue.running += 1,
            }
        }
        queue
    }

    fn is_live(&self) -> bool {
        self.running + self.waiting > 0
    }

    fn text(&self) -> String {
        let why = if self.reason.is_empty() { String::new() } else { format!(" ({})", self.reason) };
        format!("{} tasks run, {} wait{why}", self.running, self.waiting)
    }
}

/// A study on a cluster.
pub(crate) struct Cluster<'a> {
    plan: &'a Plan<'a>,
    store: &'a Folder,
    /// Absolute.
    folder: PathBuf,
    parts: usize,
    options: &'a [String],
    /// Name of its jobs: the same study in the same folder finds them again.
    job: String,
}

impl<'a> Cluster<'a> {
    /// The study of `plan` in `tasks` parts; `options` go to sbatch.
    pub(crate) fn new(
        plan: &'a Plan<'a>,
        store: &'a Folder,
        folder: &Path,
        tasks: Option<u32>,
        options: &'a [String],
    ) -> Result<Self, SlurmError> {
        let folder = fs::canonicalize(folder).map_err(|source| SlurmError::Start { what: "its folder", source })?;
        let parts =
            tasks.map_or_else(|| plan.sampler().runs().div_ceil(TASK_RUNS).clamp(1, TASKS_MAX), |tasks| tasks as usize);
        let of = format!("{} {}", plan.digest(), folder.display());
        let job = format!("sunward-{:016x}", xxhash_rust::xxh3::xxh3_64(of.as_bytes()));
        Ok(Self { plan, store, folder, parts, options, job })
    }

    /// Submits and waits until no shard is missing, `rounds` times at most.
    pub(crate) fn execute(&self, rounds: u32) -> Result<(), SlurmError> {
        if self.missing()?.is_empty() {
            return Ok(());
        }
        let bar = bar(self.plan.sampler().runs() as u64, "runs");
        let outcome = self.rounds(rounds, &bar);
        bar.finish_and_clear();
        outcome
    }

    fn rounds(&self, rounds: u32, bar: &ProgressBar) -> Result<(), SlurmError> {
        if self.queue()?.is_live() {
            say(bar, &format!("tasks of this study are queued as {}: waiting for them", self.job));
            self.wait(SETTLING, bar)?;
        }
        let mut settling = SETTLING;
        let mut last = String::new();
        for round in 1..=rounds {
            let missing = self.missing()?.len();
            if missing == 0 {
                return Ok(());
            }
            last = self.submit()?;
            let shards = self.plan.shards().len();
            say(
                bar,
                &format!(
                    "{missing} of {shards} shards are missing; submitted job array {last} (round {round} of {rounds}); `scancel {last}` ends it, the same command goes on"
                ),
            );
            self.wait(settling, bar)?;
            settling *= 2;
        }
        match self.missing()?.len() {
            0 => Ok(()),
            missing => {
                Err(SlurmError::Incomplete { missing, shards: self.plan.shards().len(), rounds, log: self.log(&last)? })
            }
        }
    }

    /// Waits until nothing is missing, or nothing more comes.
    fn wait(&self, settling: Duration, bar: &ProgressBar) -> Result<(), SlurmError> {
        let [mut pause, longest] = PAUSES;
        let (mut unanswered, mut told) = (0, false);
        loop {
            match self.queue() {
                Ok(queue) if queue.is_live() => {
                    unanswered = 0;
                    bar.set_message(queue.text());
                    if queue.running == 0 && queue.reason.starts_with("JobHeld") && !told {
                        told = true;
                        say(
                            bar,
                            &format!(
                                "someone holds tasks ({}): `scontrol release {}` lets them go on, `scancel --name={}` has them submitted again",
                                queue.reason, self.job, self.job
                            ),
                        );
                    }
                }
                Ok(queue) => {
                    sleep(settling);
                    return self.cancel(&queue.held);
                }
                // A controller that restarts answers again; what is done does not depend on it.
                Err(SlurmError::Refused { message, .. }) if unanswered < UNANSWERED_MAX => {
                    unanswered += 1;
                    bar.set_message(message);
                }
                Err(error) => return Err(error),
            }
            sleep(pause);
            let missing: usize = self.missing()?.iter().map(|shard| shard.runs.len()).sum();
            bar.set_position((self.plan.sampler().runs() - missing) as u64);
            if missing == 0 {
                return Ok(());
            }
            pause = longest.min(pause.mul_f64(1.5));
        }
    }

    fn missing(&self) -> Result<Vec<&Shard>, StudyError> {
        self.plan.missing(&self.store.list()?, Part::WHOLE)
    }

    fn queue(&self) -> Result<Queue, SlurmError> {
        let name = format!("--name={}", self.job);
        run("squeue", &["--me", "--noheader", "--array", &name, "--format=%i|%t|%r"]).map(|lines| Queue::read(&lines))
    }

    /// Takes tasks out of the queue that would stay there for ever.
    fn cancel(&self, held: &[String]) -> Result<(), SlurmError> {
        if held.is_empty() {
            return Ok(());
        }
        let tasks: Vec<&str> = held.iter().map(String::as_str).collect();
        run("scancel", &tasks).map(drop)
    }

    /// Submits the parts that lack shards; gives the number of the job.
    fn submit(&self) -> Result<String, SlurmError> {
        let present = self.store.list()?;
        let mut lacking = Vec::new();
        for part in Part::all(self.parts) {
            if !self.plan.missing(&present, part)?.is_empty() {
                lacking.push(part.index + 1);
            }
        }
        let script = self.write_script()?;
        let here =
            std::env::current_dir().map_err(|source| SlurmError::Start { what: "the working folder", source })?;
        let log = self.folder.join("slurm").display().to_string().replace('%', "%%");
        let arguments = [
            "--parsable".to_owned(),
            "--ntasks=1".to_owned(),
            format!("--job-name={}", self.job),
            format!("--array={}", ranges(&lacking)),
            format!("--chdir={}", here.display()),
            format!("--output={log}/%A_%a.log"),
        ];
        let last = [script.display().to_string()];
        let all: Vec<&str> = arguments.iter().chain(self.options).chain(&last).map(String::as_str).collect();
        // On a cluster that is one of several, the number is followed by a semicolon and the cluster's name.
        run("sbatch", &all).map(|number| number.trim().split(';').next().unwrap_or_default().to_owned())
    }

    fn write_script(&self) -> Result<PathBuf, SlurmError> {
        let path = script(&self.folder, &self.plan.digest());
        let program = std::env::current_exe().map_err(|source| SlurmError::Start { what: "the program", source })?;
        let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
        let text = script_text(&program, &arguments, &self.plan.digest(), self.parts)?;
        let refused = |source| SlurmError::Write { path: path.clone(), source };
        fs::create_dir_all(path.with_file_name("")).map_err(refused)?;
        fs::write(&path, text).map_err(refused)?;
        Ok(path)
    }

    /// Where to look, and the end of the last job's first log that says something.
    fn log(&self, job: &str) -> Result<String, SlurmError> {
        let folder = self.folder.join("slurm");
        let unread = |source| SlurmError::Start { what: "the logs of its tasks", source };
        let entries = fs::read_dir(&folder).map_err(unread)?.collect::<io::Result<Vec<_>>>().map_err(unread)?;
        let of_job = |path: &PathBuf| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&format!("{job}_")))
        };
        let logs: BTreeSet<PathBuf> = entries.iter().map(fs::DirEntry::path).filter(of_job).collect();
        for log in &logs {
            let text = fs::read_to_string(log).map_err(unread)?;
            let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
            if !lines.is_empty() {
                let end = lines[lines.len().saturating_sub(LOG_LINES)..].join("\n");
                return Ok(format!("{} ends with\n{end}", log.display()));
            }
        }
        Ok(match logs.len() {
            0 => format!("its tasks left no log in {}: it must be a folder that all machines share", folder.display()),
            _ => format!("the logs in {} are empty", folder.display()),
        })
    }
}

/// The command of this process as one task does it: without what concerns Slurm, with the task's part.
fn script_text(program: &Path, arguments: &[OsString], digest: &str, parts: usize) -> Result<String, SlurmError> {
    let text = |argument: &OsString| match argument.to_str() {
        Some(text) => Ok(text.to_owned()),
        None => Err(SlurmError::Argument { argument: argument.clone() }),
    };
    let arguments = arguments.iter().map(text).collect::<Result<Vec<_>, _>>()?;
    let program = text(&program.as_os_str().to_owned())?;
    let command = [program].into_iter().chain(arguments.first().cloned()).map(|word| quoted(&word)).collect::<Vec<_>>();
    let rest = arguments.iter().skip(1).filter(|argument| !argument.starts_with("--slurm")).map(|word| quoted(word));
    Ok(format!(
        "#!/bin/sh\n# One task computes one part of the study; sbatch --array=1-{parts} starts them.\n\
         export RAYON_NUM_THREADS=\"${{SLURM_CPUS_PER_TASK:-1}}\"\n\
         exec {} --plan={digest} --part=\"$SLURM_ARRAY_TASK_ID/{parts}\" {}\n",
        command.join(" "),
        rest.collect::<Vec<_>>().join(" ")
    ))
}

/// A word as the shell takes it to the letter.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Ascending numbers as sbatch takes them: 1-4,7.
fn ranges(numbers: &[usize]) -> String {
    let runs = numbers.chunk_by(|one, next| one + 1 == *next);
    let range = |run: &[usize]| match run {
        [one] => one.to_string(),
        run => format!("{}-{}", run[0], run[run.len() - 1]),
    };
    runs.map(range).collect::<Vec<_>>().join(",")
}

/// What a command of Slurm prints.
fn run(program: &'static str, arguments: &[&str]) -> Result<String, SlurmError> {
    let output = Command::new(program).args(arguments).output();
    let output = output.map_err(|source| SlurmError::Command { program, source })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(SlurmError::Refused { program, message: String::from_utf8_lossy(&output.stderr).trim().to_owned() })
}

/// A line on stderr, above the bar.
fn say(bar: &ProgressBar, line: &str) {
    bar.suspend(|| eprintln!("{line}"));
}
