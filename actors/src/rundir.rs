//! The run directory: who holds it, and the names and opening of the files in it.
//!
//! A directory is held by a lock on the file `lock`, shared with the guardian by inheritance of the descriptor: a free
//! lock means that nothing of the old run lives, or that both were killed at once: then it does not say `clean`, and what
//! is left is killed first. The directory is opened once, and everything in it from there, never through a
//! symlink: whatever is put in its place while a run is on, nothing is written there. No name that is made from an id
//! leads out of it. What stands in the files is no concern of this module.

mod lock;
mod made;

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use crate::disk;
use crate::folder::{self, Folder};
use crate::os::token;

pub use lock::{Holder, Left, holder};

const LOGS: &str = "logs";
const RUNS: &str = "runs";
/// What is a directory in a run directory, and what is a file.
const FOLDERS: [&str; 2] = [LOGS, RUNS];
const FILES: [&str; 7] = [
    lock::NAME,
    "provisor.db",
    "provisor.db-wal",
    "provisor.db-shm",
    "provisor.db-journal",
    "results.csv",
    "verdicts.csv",
];
/// How the names of the files begin in which rows are rescued.
pub(crate) const RESCUE: &str = "rescue-";
/// Bytes of an id in the name of a log.
const NAME_CUT: usize = 80;

/// Why a directory cannot be the run directory.
#[derive(Debug, Error)]
pub enum RunDirError {
    /// There is something else of this name.
    #[error("{path} is not a directory: choose another one with -o")]
    NotADirectory {
        /// Its path.
        path: PathBuf,
    },
    /// It cannot be made.
    #[error("cannot create the directory {path}: {source}")]
    Create {
        /// Its path.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Nothing can be written there.
    #[error("cannot write in {path}: {source}; choose another directory with -o")]
    NotWritable {
        /// The directory.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// One of its files is a symlink.
    #[error("{path} is a symlink, and provisor writes through none: remove it")]
    Symlink {
        /// The file.
        path: PathBuf,
    },
    /// One of its files is something else.
    #[error("{path} is not a {wanted}: remove it, or choose another directory with -o")]
    WrongKind {
        /// The file.
        path: PathBuf,
        /// What it should be.
        wanted: &'static str,
    },
    /// Another run has it.
    #[error("{path} is in use by provisor with {holder}")]
    InUse {
        /// The directory.
        path: PathBuf,
        /// Who.
        holder: Holder,
    },
    /// Its run is dead, but something that it left is not.
    #[error("{path} is still held by what is left of an earlier run: try again in a moment")]
    StillHeld {
        /// The directory.
        path: PathBuf,
    },
    /// The lock does not work.
    #[error("cannot lock {path}: {source}")]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// The directory of the last run in this run directory.
#[must_use]
pub fn last_run_dir(path: &Path) -> Option<PathBuf> {
    let numbers = fs::read_dir(path.join("runs")).ok()?.flatten();
    let last = numbers.filter_map(|entry| entry.file_name().to_str()?.parse::<u64>().ok()).max()?;
    Some(path.join("runs").join(last.to_string()))
}

/// A run directory that is ours for as long as this, or a duplicate of its lock's descriptor, is there.
#[derive(Debug)]
pub struct RunDir {
    folder: Arc<Folder>,
    lock: File,
    token: Box<str>,
    left: Left,
}

impl RunDir {
    /// Takes a directory, making it where it is missing. Waits up to `waits` for what a dead run left to end; a live one
    /// is an error at once.
    pub fn open(path: impl Into<PathBuf>, waits: Duration) -> Result<Self, RunDirError> {
        let path = path.into();
        make_directory(&path)?;
        let folder = Folder::open(&path);
        let folder = folder.map_err(|source| RunDirError::Create { path: path.clone(), source })?;
        check_kinds(&folder)?;
        disk::probe(&folder).map_err(|source| RunDirError::NotWritable { path: path.clone(), source })?;
        let failed = |source| RunDirError::Lock { path: path.join(lock::NAME), source };
        let token = token::fresh().map_err(failed)?;
        let (lock, left) = lock::take(&folder, &token, waits)?;
        let dir = Self { folder: Arc::new(folder), lock, token, left };
        FOLDERS.iter().try_for_each(|name| dir.make_folder(&dir.folder, name).map(drop))?;
        Ok(dir)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The directory itself, whatever becomes of its path.
    #[must_use]
    pub const fn folder(&self) -> &Arc<Folder> {
        &self.folder
    }

    /// The lock's file; whoever holds a duplicate of its descriptor holds the directory.
    #[must_use]
    pub const fn lock_file(&self) -> &File {
        &self.lock
    }

    /// Names this run, and no other one anywhere.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Earlier runs here of which processes may be left: they are to be killed before anything is started.
    #[must_use]
    pub const fn left(&self) -> &Left {
        &self.left
    }

    /// Notes that nothing of the earlier runs is left.
    pub fn note_cleared(&self) -> io::Result<()> {
        lock::write_holder(&self.lock, &self.token, &Left::default())
    }

    /// Notes the control groups of this run, so that the next one finds what is left in them.
    pub fn note_groups(&self, groups: &[PathBuf]) -> io::Result<()> {
        lock::add_groups(&self.lock, groups)
    }

    /// Notes that nothing is left of this run.
    pub fn note_clean(&self) -> io::Result<()> {
        lock::add_clean(&self.lock)
    }

    /// Makes the directory of the run of this number.
    pub fn new_run_dir(&self, run: u64) -> Result<Folder, RunDirError> {
        let runs = self.make_folder(&self.folder, RUNS)?;
        self.make_folder(&runs, &run.to_string())
    }

    fn make_folder(&self, folder: &Folder, name: &str) -> Result<Folder, RunDirError> {
        check_kind(folder, name, Kind::Folder)?;
        let failed = |source| RunDirError::Create { path: folder.path().join(name), source };
        folder.make_folder(name).map_err(failed)
    }

    /// Creates the log of this name (from [`log_name`]), empty. Where there is one already, it and the timing beside it are
    /// of an attempt of which no more is known, and must not be taken for this one's.
    pub fn create_log(&self, name: &str) -> io::Result<File> {
        let file = file_of_log(name)?;
        let logs = match self.folder.folder(LOGS) {
            // Somebody tidied up while we run.
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.folder.make_folder(LOGS)?,
            other => other?,
        };
        match logs.create_new(file) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                logs.remove(&timing_of(file))?;
                logs.create_anew(file)
            }
            other => other,
        }
    }

    /// How many attempts a query has had: so many as rows tell of, and those after them whose logs are there. A row that was
    /// rescued or printed may name such a log, and a run that was killed may have left it: its number is not given again.
    #[must_use]
    pub fn attempts_made(&self, id: &str, told: u32) -> u32 {
        let is_there = |attempt: &u32| matches!(self.folder.kind(&log_name(id, *attempt + 1)), Ok(Some(_)));
        (told..u32::MAX).find(|attempt| !is_there(attempt)).unwrap_or(told)
    }

    /// Opens the log of this name for reading.
    pub fn open_log(&self, name: &str) -> io::Result<File> {
        self.folder.folder(LOGS)?.read(file_of_log(name)?)
    }

    /// The files of rows that earlier runs could not keep elsewhere.
    pub fn rescues(&self) -> io::Result<Vec<PathBuf>> {
        let entries = fs::read_dir(self.path())?.flatten().map(|entry| entry.file_name());
        let is_one = |name: &OsString| {
            let number = name.to_str().and_then(|name| name.strip_prefix(RESCUE)?.strip_suffix(".csv"));
            number.is_some_and(|number| number.parse::<u32>().is_ok())
        };
        let mut paths: Vec<_> = entries.filter(is_one).map(|name| self.path().join(name)).collect();
        paths.sort();
        Ok(paths)
    }
}

/// The file in the directory of the logs.
fn file_of_log(name: &str) -> io::Result<&str> {
    match name.strip_prefix("logs/").unwrap_or("") {
        "" | "." | ".." => Err(io::Error::new(io::ErrorKind::InvalidInput, "not the name of a log")),
        file if file.contains(['/', '\0']) => file_of_log(""),
        file => Ok(file),
    }
}

fn timing_of(log: &str) -> String {
    format!("{}.timing", log.rsplit_once('.').map_or(log, |(stem, _)| stem))
}

/// Removes the log of this name, and the timing beside it, where they are there.
pub(crate) fn remove_log(dir: &Folder, name: &str) -> io::Result<()> {
    let file = file_of_log(name)?;
    let logs = dir.folder(LOGS)?;
    logs.remove(file)?;
    logs.remove(&timing_of(file))
}

/// Opens the log of this name in a run directory that may be another's; never through a symlink, and without waiting.
pub fn read_log(dir: &Path, name: &str) -> io::Result<File> {
    Folder::open(dir)?.folder(LOGS)?.read(file_of_log(name)?)
}

/// The name of an attempt's log, relative to the run directory: readable, and unique by a hash of the whole id.
#[must_use]
pub fn log_name(id: &str, attempt: u32) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let cleaned: String = id.chars().take(NAME_CUT).map(|c| if plain(c) { c } else { '_' }).collect();
    let shown = cleaned.trim_start_matches('.');
    let hash = blake3::hash(id.as_bytes()).to_hex();
    format!("{LOGS}/{shown}-{}.{attempt}.log", &hash[..12])
}

fn make_directory(path: &Path) -> Result<(), RunDirError> {
    if path.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(path).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => {
            RunDirError::NotADirectory { path: path.to_owned() }
        }
        _ => RunDirError::Create { path: path.to_owned(), source },
    })
}

fn check_kinds(dir: &Folder) -> Result<(), RunDirError> {
    FILES.iter().try_for_each(|name| check_kind(dir, name, Kind::File))?;
    FOLDERS.iter().try_for_each(|name| check_kind(dir, name, Kind::Folder))
}

#[derive(Clone, Copy)]
enum Kind {
    File,
    Folder,
}

fn check_kind(dir: &Folder, name: &str, wanted: Kind) -> Result<(), RunDirError> {
    // What cannot be looked at is told by the attempt to make or open it.
    let Ok(Some(there)) = dir.kind(name) else { return Ok(()) };
    let path = dir.path().join(name);
    match (there, wanted) {
        (folder::Kind::File(_), Kind::File) | (folder::Kind::Folder, Kind::Folder) => Ok(()),
        (folder::Kind::Symlink, _) => Err(RunDirError::Symlink { path }),
        (_, Kind::File) => Err(RunDirError::WrongKind { path, wanted: "file" }),
        (_, Kind::Folder) => Err(RunDirError::WrongKind { path, wanted: "directory" }),
    }
}

#[cfg(test)]
mod tests;
