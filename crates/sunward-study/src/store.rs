//! Where shards lie, and what a search has already run: the edge of this crate, and the only place of it that touches files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::StudyError;

/// Keeps shards by name.
pub trait Store: Sync {
    /// Names of all whole shards.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn list(&self) -> Result<BTreeSet<String>, StudyError>;
    /// The content of a shard.
    ///
    /// # Errors
    /// If it is not there or cannot be read.
    fn read(&self, name: &str) -> Result<Vec<u8>, StudyError>;
    /// Keeps a shard: whole, or not at all.
    ///
    /// # Errors
    /// If it cannot be written.
    fn write(&self, name: &str, content: &[u8]) -> Result<(), StudyError>;
}

/// Shards in memory, for studies that nobody needs to resume.
#[derive(Debug, Default)]
pub struct Memory(Mutex<BTreeMap<String, Vec<u8>>>);

impl Memory {
    fn shards(&self) -> MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for Memory {
    fn list(&self) -> Result<BTreeSet<String>, StudyError> {
        Ok(self.shards().keys().cloned().collect())
    }
    fn read(&self, name: &str) -> Result<Vec<u8>, StudyError> {
        self.shards().get(name).cloned().ok_or_else(|| refused("read", name)(io::ErrorKind::NotFound.into()))
    }
    fn write(&self, name: &str, content: &[u8]) -> Result<(), StudyError> {
        self.shards().insert(name.to_owned(), content.to_vec());
        Ok(())
    }
}

/// Shards as files of a folder, which several processes and machines may share. A shard is written beside its place under a hidden
/// name that no other writer has, and takes its own when it is complete.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// What a killed writer left.
    torn: Vec<String>,
}

impl Folder {
    /// The folder at `path`, made if it is not there.
    ///
    /// # Errors
    /// If it cannot be made or read.
    pub fn open(path: &Path) -> Result<Self, StudyError> {
        let name = path.display().to_string();
        fs::create_dir_all(path).map_err(refused("write", &name))?;
        let torn = names(path)?.into_iter().filter(|name| name.starts_with('.') && name.contains(".partial-"));
        Ok(Self { path: path.to_owned(), torn: torn.collect() })
    }

    /// Puts `content` at `place` by way of a hidden file.
    fn put(&self, place: &Path, hidden: &str, content: &[u8]) -> io::Result<()> {
        // Process numbers would not do, as machines share them; nor would a count, as a name that came free may be another's.
        let path = self.path.join(format!("{hidden}{:016x}", RandomState::new().build_hasher().finish()));
        let mut file = File::create_new(&path)?;
        file.write_all(content)?;
        file.sync_all()?;
        match fs::rename(&path, place) {
            // Another writer of the same shard took the file for one of the dead; its own stands there by now.
            Err(error) if error.kind() == io::ErrorKind::NotFound && place.exists() => {}
            renamed => renamed?,
        }
        File::open(&self.path)?.sync_all()
    }
}

impl Store for Folder {
    fn list(&self) -> Result<BTreeSet<String>, StudyError> {
        let whole = names(&self.path)?.into_iter().filter(|name| !name.starts_with('.') && name.ends_with(".parquet"));
        Ok(whole.collect())
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, StudyError> {
        let path = self.path.join(name);
        fs::read(&path).map_err(refused("read", &path.display().to_string()))
    }

    fn write(&self, name: &str, content: &[u8]) -> Result<(), StudyError> {
        let hidden = format!(".{name}.partial-");
        let place = self.path.join(name);
        self.put(&place, &hidden, content).map_err(refused("write", &place.display().to_string()))?;
        for torn in self.torn.iter().filter(|torn| torn.starts_with(&hidden)) {
            let path = self.path.join(torn);
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(refused("remove", &path.display().to_string())(error));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Results by a key, one a line in a file that only grows: what was written before a kill is there again, but for a torn last line.
#[derive(Debug)]
pub struct Journal {
    name: String,
    lines: Mutex<(File, BTreeMap<String, String>)>,
}

impl Journal {
    /// The journal at `path`, made if it is not there.
    ///
    /// # Errors
    /// If it cannot be made or read.
    pub fn open(path: &Path) -> Result<Self, StudyError> {
        let name = path.display().to_string();
        let open = || OpenOptions::new().create(true).append(true).read(true).open(path);
        let file = open().map_err(refused("write", &name))?;
        let text = fs::read_to_string(path).map_err(refused("read", &name))?;
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        if whole.len() + 1 < text.len() {
            // So that the next line does not go on behind the torn one.
            file.set_len(if whole.is_empty() { 0 } else { whole.len() as u64 + 1 }).map_err(refused("write", &name))?;
        }
        let known = whole.lines().filter_map(|line| line.split_once('\t'));
        let known = known.map(|(key, result)| (key.to_owned(), result.to_owned())).collect();
        Ok(Self { name, lines: Mutex::new((file, known)) })
    }

    /// What is known under `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).1.get(key).cloned()
    }

    /// Number of results.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).1.len()
    }

    /// Whether nothing is known yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Keeps `result`, which has no line's end, under `key`, which has no tabulator either.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn keep(&self, key: &str, result: &str) -> Result<(), StudyError> {
        let (file, known) = &mut *self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(format!("{key}\t{result}\n").as_bytes()).map_err(refused("write", &self.name))?;
        known.insert(key.to_owned(), result.to_owned());
        Ok(())
    }
}

fn names(folder: &Path) -> Result<Vec<String>, StudyError> {
    let name = |entry: io::Result<fs::DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
    let list = || fs::read_dir(folder)?.map(name).collect::<io::Result<Vec<String>>>();
    list().map_err(refused("list", &folder.display().to_string()))
}

fn refused(what: &'static str, name: &str) -> impl FnOnce(io::Error) -> StudyError + use<> {
    let name = name.to_owned();
    move |source| StudyError::Store { what, name, source }
}
