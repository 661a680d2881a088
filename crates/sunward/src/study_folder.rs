//! The folder a study leaves: tables, numbers and a page, each whole or not at all.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use sunward::run_folder::FolderError;
use sunward_study::Table;

use crate::Failure;

/// A folder for the results of a study. Other files in it stay: a study that goes on finds there what it has done.
pub(crate) struct StudyFolder {
    path: PathBuf,
}

impl StudyFolder {
    /// The folder at `path`, made if it is not there.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        fs::create_dir_all(path).map_err(|source| refused(path, source))?;
        Ok(Self { path: path.to_owned() })
    }

    /// The place of a file.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a file by way of a hidden one, so that it is never seen half.
    pub(crate) fn put(&self, name: &str, content: &[u8]) -> Result<(), Failure> {
        let (place, hidden) = (self.path(name), self.path(&format!(".{name}.partial")));
        let write = || {
            let mut file = File::create(&hidden)?;
            file.write_all(content)?;
            file.sync_all()?;
            fs::rename(&hidden, &place)
        };
        write().map_err(|source| refused(&place, source))
    }

    /// Removes the files of an earlier result.
    pub(crate) fn remove(&self, is_old: impl Fn(&str) -> bool) -> Result<(), Failure> {
        for entry in fs::read_dir(&self.path).map_err(|source| refused(&self.path, source))? {
            let entry = entry.map_err(|source| refused(&self.path, source))?;
            if is_old(&entry.file_name().to_string_lossy()) {
                fs::remove_file(entry.path()).map_err(|source| refused(&entry.path(), source))?;
            }
        }
        Ok(())
    }

    /// Writes a value as JSON.
    pub(crate) fn put_json(&self, name: &str, value: &serde_json::Value) -> Result<(), Failure> {
        self.put(name, &serde_json::to_vec_pretty(value).map_err(Failure::run)?)
    }

    /// Writes a table as NAME.csv and NAME.parquet.
    pub(crate) fn put_table(&self, name: &str, table: &Table) -> Result<(), Failure> {
        self.put(&format!("{name}.csv"), table.to_csv().as_bytes())?;
        self.put(&format!("{name}.parquet"), &table.to_parquet(name).map_err(Failure::run)?)
    }
}

fn refused(path: &Path, source: std::io::Error) -> Failure {
    Failure::run(FolderError::Write { path: path.to_owned(), source })
}
