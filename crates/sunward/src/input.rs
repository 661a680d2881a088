//! Mission files in, faults out.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde_json::json;
use sunward::{Catalog, Faults, Mission, World};
use sunward_mission::MISSION_SIZE_MAX_BYTES;

use crate::Failure;

/// Why a mission file could not even be read as text.
#[derive(Debug, thiserror::Error)]
enum FileError {
    #[error("cannot read mission {path}")]
    Read { path: PathBuf, source: io::Error },
    #[error("mission {path} is larger than {MISSION_SIZE_MAX_BYTES} bytes, the most a mission may have")]
    TooLarge { path: PathBuf },
    #[error("mission {path} is not UTF-8 text")]
    NotText { path: PathBuf },
}

/// The text of a mission file; never more than the allowed size is read.
pub(crate) fn text(path: &Path) -> Result<String, Failure> {
    let refused = |source| Failure::input(FileError::Read { path: path.to_owned(), source });
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(refused)?;
    file.take(MISSION_SIZE_MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(refused)?;
    if bytes.len() > MISSION_SIZE_MAX_BYTES {
        return Err(Failure::input(FileError::TooLarge { path: path.to_owned() }));
    }
    String::from_utf8(bytes).map_err(|_| Failure::input(FileError::NotText { path: path.to_owned() }))
}

/// The world of a mission file, or all its faults.
pub(crate) fn world(path: &Path, text: &str) -> Result<World, Faults> {
    Mission::read(text, &path.display().to_string())?.compile(&Catalog::builtin())
}

pub(crate) fn check(path: &Path, as_json: bool) -> Result<(), Failure> {
    let text = text(path)?;
    match world(path, &text) {
        Ok(world) if as_json => print_json(&json!({"faults": [], "mission_hash": world.mission_hash})),
        Ok(world) => {
            let (sites, stations, jobs) = (world.sites.len(), world.stations.len(), world.jobs.len());
            print_text(&format!(
                "{}: no faults; {sites} site(s), {stations} station(s), {jobs} job(s), {} steps of {}, hash {}",
                path.display(),
                world.steps,
                world.step.seconds(),
                &world.mission_hash[..12]
            ))
        }
        Err(faults) => {
            if as_json {
                print_json(&faults)?;
            }
            Err(Failure::Input(faults.into()))
        }
    }
}

pub(crate) fn schema() -> Result<(), Failure> {
    print_json(&sunward_mission::schema())
}

/// Pretty JSON on stdout.
pub(crate) fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    print_text(&serde_json::to_string_pretty(value).map_err(Failure::run)?)
}

/// A text and a line end on stdout.
pub(crate) fn print_text(text: &str) -> Result<(), Failure> {
    // A closed pipe (`| head`) is the reader's choice, not a failure.
    match writeln!(io::stdout().lock(), "{text}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::run(error)),
        _ => Ok(()),
    }
}
