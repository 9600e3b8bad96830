//! The run directory: who holds it, and the names and opening of the files in it.
//!
//! A directory is held by a lock on the file `lock`, shared with the guardian by inheritance of the descriptor: a free
//! lock means that nothing of the old run lives. Nothing here is ever opened through a symlink, and no name that is made
//! from an id leads out of the directory. What stands in the files is no concern of this module.

mod lock;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;

pub use lock::{Holder, holder};

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

/// Writes a file anew: all of it or nothing, and never through a symlink, for a rename replaces the link itself.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let fresh = path.with_file_name(name);
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).open(&fresh)?;
    file.write_all(bytes)?;
    fs::rename(fresh, path)
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
    path: PathBuf,
    lock: File,
}

impl RunDir {
    /// Takes a directory, making it where it is missing. Waits up to `waits` for what a dead run left to end; a live one
    /// is an error at once.
    pub fn open(path: impl Into<PathBuf>, waits: Duration) -> Result<Self, RunDirError> {
        let path = path.into();
        make_directory(&path)?;
        check_kinds(&path)?;
        probe(&path).map_err(|source| RunDirError::NotWritable { path: path.clone(), source })?;
        let lock = lock::take(&path, waits)?;
        let dir = Self { path, lock };
        for name in FOLDERS {
            make_directory(&dir.path.join(name))?;
        }
        Ok(dir)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The lock's file; whoever holds a duplicate of its descriptor holds the directory.
    #[must_use]
    pub const fn lock_file(&self) -> &File {
        &self.lock
    }

    /// Where the children's output is kept.
    #[must_use]
    pub fn logs_dir(&self) -> PathBuf {
        self.path.join(LOGS)
    }

    /// Where each run has a directory of its own.
    #[must_use]
    pub fn runs_dir(&self) -> PathBuf {
        self.path.join(RUNS)
    }

    /// Makes the directory of the run of this number.
    pub fn new_run_dir(&self, run: u64) -> Result<PathBuf, RunDirError> {
        let path = self.runs_dir().join(run.to_string());
        check_kind(&path, Kind::Folder)?;
        make_directory(&path)?;
        Ok(path)
    }

    /// Creates the log of this name (from [`log_name`]), empty. Where there is one already, it and the timing beside it are
    /// of an attempt of which no more is known, and must not be taken for this one's.
    pub fn create_log(&self, name: &str) -> io::Result<File> {
        let path = self.log_path(name)?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).custom_flags(libc::O_NOFOLLOW);
        match options.open(&path) {
            // Somebody tidied up while we run.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(self.logs_dir())?;
                options.open(&path)
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                remove_timing_of(&path)?;
                options.create_new(false).create(true).truncate(true).open(&path)
            }
            other => other,
        }
    }

    /// Opens the log of this name for reading.
    pub fn open_log(&self, name: &str) -> io::Result<File> {
        read_log(&self.path, name)
    }

    fn log_path(&self, name: &str) -> io::Result<PathBuf> {
        log_path(&self.path, name)
    }
}

fn log_path(dir: &Path, name: &str) -> io::Result<PathBuf> {
    let file = name.strip_prefix("logs/").unwrap_or("");
    if file.is_empty() || file == "." || file == ".." || file.contains(['/', '\0']) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not the name of a log"));
    }
    Ok(dir.join(name))
}

fn remove_timing_of(log: &Path) -> io::Result<()> {
    match fs::remove_file(log.with_extension("timing")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Opens the log of this name in a run directory that may be another's; never through a symlink, and without waiting.
pub fn read_log(dir: &Path, name: &str) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(log_path(dir, name)?)
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

#[derive(Clone, Copy)]
enum Kind {
    File,
    Folder,
}

fn check_kinds(dir: &Path) -> Result<(), RunDirError> {
    FILES.iter().try_for_each(|name| check_kind(&dir.join(name), Kind::File))?;
    FOLDERS.iter().try_for_each(|name| check_kind(&dir.join(name), Kind::Folder))
}

fn check_kind(path: &Path, kind: Kind) -> Result<(), RunDirError> {
    // What is not there, or cannot be looked at, is told by the attempt to make or open it.
    let Ok(there) = fs::symlink_metadata(path) else { return Ok(()) };
    let (fits, wanted) = match kind {
        Kind::File => (there.is_file(), "file"),
        Kind::Folder => (there.is_dir(), "directory"),
    };
    match fits {
        true => Ok(()),
        false if there.is_symlink() => Err(RunDirError::Symlink { path: path.to_owned() }),
        false => Err(RunDirError::WrongKind { path: path.to_owned(), wanted }),
    }
}

/// Writes a byte: better told now than when the first result is there.
fn probe(dir: &Path) -> io::Result<()> {
    let path = dir.join(format!(".probe-{}", std::process::id()));
    let mut options = OpenOptions::new();
    let mut file =
        options.write(true).create(true).truncate(true).custom_flags(libc::O_NOFOLLOW).open(&path)?;
    let written = file.write_all(b"\n").and_then(|()| file.sync_all());
    fs::remove_file(&path)?;
    written
}

#[cfg(test)]
mod tests;
