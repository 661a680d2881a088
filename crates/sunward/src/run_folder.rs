//! The folder a run leaves: the record as Parquet, `summary.json`, `report.html`, the networks that were trained, and the mission
//! as flown.
//!
//! Everything is written to a folder beside the final one, which takes the final name only when it is complete: an interrupted run
//! leaves nothing that looks whole.

use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sunward_ai::payload::TrainedNetwork;
use sunward_mission::world::World;
use sunward_report::ReportError;
use sunward_sim::Outcome;

/// Why a run folder could not be written.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The file system refused.
    #[error("cannot write {path}")]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not a folder, or one that holds something else.
    #[error("{path} exists and is no run folder ({why}); name another with --out")]
    Foreign {
        /// The folder.
        path: PathBuf,
        /// What tells.
        why: String,
    },
    /// Another program is at work on it.
    #[error("another sunward is at work on {path}; wait for it, or name another folder with --out")]
    Busy {
        /// The folder.
        path: PathBuf,
    },
    /// The record could not be turned into tables or plots.
    #[error("cannot draw up the report")]
    Report(#[from] ReportError),
    /// The summary could not be turned into JSON.
    #[error("cannot write the summary as JSON")]
    Json(#[from] serde_json::Error),
}

/// Refuses a target that holds something other than a run: replacing it would lose what is not ours.
///
/// # Errors
/// If it does.
pub fn check(folder: &Path) -> Result<(), FolderError> {
    let foreign = |why: String| Err(FolderError::Foreign { path: folder.to_owned(), why });
    if !folder.exists() {
        return Ok(());
    }
    if !folder.is_dir() {
        return foreign("it is a file".to_owned());
    }
    let mut names: Vec<String> = Vec::new();
    for entry in fs::read_dir(folder).map_err(refused(folder))? {
        names.push(entry.map_err(refused(folder))?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    if let Some(name) = names.iter().find(|name| !is_of_a_run(name)) {
        return foreign(format!("it holds {name}"));
    }
    if !names.is_empty() && !names.iter().any(|name| name == "summary.json") {
        return foreign("it holds no summary.json".to_owned());
    }
    Ok(())
}

fn is_of_a_run(name: &str) -> bool {
    let endings = [".parquet", ".safetensors"];
    ["mission.toml", "summary.json", "report.html"].contains(&name) || endings.iter().any(|end| name.ends_with(end))
}

/// Writes the run, and the `networks` that were trained in it, to `folder`, replacing an earlier run there.
///
/// # Errors
/// If the folder holds something else, or the file system refuses.
pub fn write(
    folder: &Path,
    mission_text: &str,
    world: &World,
    outcome: &Outcome,
    networks: impl Iterator<Item = Arc<TrainedNetwork>>,
) -> Result<(), FolderError> {
    check(folder)?;
    let partial = beside(folder, "partial");
    remove(&partial)?;
    fs::create_dir_all(&partial).map_err(refused(&partial))?;
    let put = |name: &str, bytes: &[u8]| {
        let path = partial.join(name);
        let write = || {
            let mut file = File::create(&path)?;
            file.write_all(bytes)?;
            file.sync_all()
        };
        write().map_err(refused(&path))
    };
    put("mission.toml", mission_text.as_bytes())?;
    put("summary.json", &serde_json::to_vec_pretty(&outcome.summary)?)?;
    for (name, bytes) in sunward_report::tables(&outcome.record)? {
        put(&format!("{name}.parquet"), &bytes)?;
    }
    for network in networks {
        put(&format!("{}.safetensors", network.name), &network.bytes)?;
    }
    let page = sunward_report::render(&outcome.record, &outcome.summary, &world.assumptions)?;
    put("report.html", page.as_bytes())?;
    let old = beside(folder, "old");
    remove(&old)?;
    if folder.exists() {
        fs::rename(folder, &old).map_err(refused(folder))?;
    }
    fs::rename(&partial, folder).map_err(refused(folder))?;
    remove(&old)
}

/// Claims a folder that keeps what was computed, which is made if need be, until the file returned is dropped or the program ends.
///
/// # Errors
/// If another program holds it, or the file system refuses.
pub fn claim(kept: &Path) -> Result<File, FolderError> {
    fs::create_dir_all(kept).map_err(refused(kept))?;
    let path = kept.join(CLAIM);
    let file = File::create(&path).map_err(refused(&path))?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(FolderError::Busy { path: kept.to_owned() }),
        // A file system without locks leaves it to the user to run one at a time.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(file),
    }
}

/// Removes what a claimed folder keeps.
///
/// # Errors
/// If the file system refuses.
pub fn empty(kept: &Path) -> Result<(), FolderError> {
    for entry in fs::read_dir(kept).map_err(refused(kept))? {
        let entry = entry.map_err(refused(kept))?;
        if entry.file_name() != CLAIM {
            fs::remove_file(entry.path()).map_err(refused(&entry.path()))?;
        }
    }
    Ok(())
}

/// Gives a folder back that was claimed; it goes if nothing is kept in it.
///
/// # Errors
/// If the file system refuses.
pub fn release(kept: &Path, claim: File) -> Result<(), FolderError> {
    let mut names = fs::read_dir(kept).map_err(refused(kept))?;
    let empty = names.all(|name| name.is_ok_and(|name| name.file_name() == CLAIM));
    if empty {
        remove(kept)?
    }
    drop(claim);
    Ok(())
}

/// The file by which a folder is claimed.
const CLAIM: &str = ".claim";

/// The hidden folder beside a run folder that serves `suffix`.
#[must_use]
pub fn beside(folder: &Path, suffix: &str) -> PathBuf {
    let name = folder.file_name().map_or_else(|| "run".into(), |name| name.to_string_lossy().into_owned());
    folder.with_file_name(format!(".{name}.{suffix}"))
}

fn remove(folder: &Path) -> Result<(), FolderError> {
    if folder.exists() { fs::remove_dir_all(folder).map_err(refused(folder)) } else { Ok(()) }
}

fn refused(path: &Path) -> impl FnOnce(std::io::Error) -> FolderError + use<> {
    let path = path.to_owned();
    |source| FolderError::Write { path, source }
}
