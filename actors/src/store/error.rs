//! What can go wrong with the results, each with its file and what to do.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{ErrorCode, ffi};
use thiserror::Error;

use super::schema::DATABASE;
use crate::disk;
use crate::folder::Folder;
use crate::row::Refusal;

/// Why the results cannot be kept or read.
#[derive(Debug, Error)]
pub enum StoreError {
    /// No run has been made there.
    #[error("there is no {path}: nothing has been run in this directory")]
    Missing {
        /// The database.
        path: PathBuf,
    },
    /// It may not be looked into.
    #[error("cannot look into {path}: {source}")]
    Closed {
        /// The run directory, or a file in it.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Its newest rows can be read only with a file beside it that cannot be made.
    #[error(
        "{path} holds rows that can only be read where provisor may write beside it: copy the directory to where it may"
    )]
    Sealed {
        /// The write-ahead log.
        path: PathBuf,
    },
    /// The file is something else.
    #[error("{path} is not a database of provisor: move it away, or choose another directory with -o")]
    NotOurs {
        /// The file.
        path: PathBuf,
    },
    /// A later version wrote it.
    #[error(
        "{path} was written by a newer provisor: its format is {found}, this one knows up to {known}; use the \
         newer one, or choose another directory with -o"
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// A directory holds one job.
    #[error("{path} holds the job `{held}`, not `{asked}`: choose another directory with -o")]
    OtherJob {
        /// The run directory.
        path: PathBuf,
        /// The job that it holds.
        held: Box<str>,
        /// The job that was asked for.
        asked: Box<str>,
    },
    /// It cannot be read as it should be.
    #[error("{path} is damaged ({source}): move it away and run again, or put a copy in its place")]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What is wrong.
        source: rusqlite::Error,
    },
    /// No room is left, on the disk or of a quota. Nothing of what was to be written is there.
    #[error("no room is left for {path}: make some")]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// Another program is writing it, or keeps it from being written. Nothing of what was to be written is there.
    #[error("{path} is locked by another program: let it finish, or close it (`fuser {path}` names it)")]
    Busy {
        /// The database.
        path: PathBuf,
    },
    /// Somebody removed it, or put something else in its place, while it was in use.
    #[error("{path} was removed or replaced while it was in use, and what was written to it is gone with it")]
    Gone {
        /// The database.
        path: PathBuf,
    },
    /// What SQLite opened is not what is in the directory that is held.
    #[error("{path} changed its place while it was opened: run again when nobody moves it")]
    Moved {
        /// The database.
        path: PathBuf,
    },
    /// SQLite refuses.
    #[error("cannot use {path}: {source}")]
    Database {
        /// The database.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// A file beside the database cannot be written.
    #[error(
        "cannot write {path}: {source}; all rows are safe in provisor.db, from which the next run makes it anew once nothing \
         is in its way"
    )]
    Table {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// An earlier error left it in doubt what is on the disk.
    #[error("nothing more is written to {path} after an earlier error ({first}): run again")]
    GaveUp {
        /// The database.
        path: PathBuf,
        /// That error.
        first: Box<str>,
    },
    /// A bug: nothing is written before a run has begun.
    #[error("no run has begun in {path}: this is a bug in provisor")]
    NoRun {
        /// The database.
        path: PathBuf,
    },
    /// A bug: what was given does not fit the plan.
    #[error("the results for {path} do not fit the plan: this is a bug in provisor")]
    Misfit {
        /// The database.
        path: PathBuf,
    },
}

impl StoreError {
    /// Why a run directory cannot be opened: there is none, or it is another's.
    #[must_use]
    pub fn of_directory(dir: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
                Self::Missing { path: dir.join(DATABASE) }
            }
            _ => Self::Closed { path: dir.to_owned(), source },
        }
    }

    /// An error of the database at this path, by its kind.
    pub(super) fn of(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match source {
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..) => Self::Damaged { path, source },
            _ => match source.sqlite_error_code() {
                Some(ErrorCode::NotADatabase) => Self::NotOurs { path },
                Some(ErrorCode::DatabaseCorrupt) => Self::Damaged { path, source },
                Some(ErrorCode::DiskFull) => Self::Full { path },
                Some(ErrorCode::DatabaseBusy) => Self::Busy { path },
                _ => Self::Database { path, source },
            },
        }
    }

    /// Whether the disk, not the content, is to blame: a fault of provisor or of its caller is never this.
    #[must_use]
    pub const fn is_of_the_disk(&self) -> bool {
        use StoreError::{Busy, Database, Full, GaveUp, Gone, Table};
        matches!(
            self,
            Full { .. } | Busy { .. } | Gone { .. } | Database { .. } | Table { .. } | GaveUp { .. }
        )
    }

    /// Whether it was for want of room only, or another program was in the way: nothing half is left, and it may be tried
    /// again. Anything else may have been a failed write or `fsync`, after which nobody knows what a file holds: that is never
    /// tried again on the same file.
    #[must_use]
    pub const fn may_be_tried_again(&self) -> bool {
        matches!(self, Self::Full { .. } | Self::Busy { .. })
    }

    /// The same for whoever knows rows only.
    pub(super) fn refusal(&self) -> Refusal {
        let text = self.to_string().into();
        if self.may_be_tried_again() { Refusal::NotNow(text) } else { Refusal::Final(text) }
    }

    /// SQLite calls a full quota, and a file that cannot grow, a failed write: where nothing can be written in the directory,
    /// that is why.
    pub(super) fn weighed(self, dir: &Folder) -> Self {
        match &self {
            Self::Database { path, .. }
                if self.is_failed_write() && disk::probe(dir).is_err_and(|error| is_want_of_room(&error)) =>
            {
                Self::Full { path: path.clone() }
            }
            _ => self,
        }
    }

    /// Whether it is a write that failed, for whatever reason: SQLite tells no full quota from a broken disk.
    fn is_failed_write(&self) -> bool {
        const FAILED: [i32; 4] = [
            ffi::SQLITE_IOERR_WRITE,
            ffi::SQLITE_IOERR_SHMSIZE,
            ffi::SQLITE_IOERR_SHMOPEN,
            ffi::SQLITE_CANTOPEN,
        ];
        let Self::Database { source, .. } = self else { return false };
        source.sqlite_error().is_some_and(|error| FAILED.contains(&error.extended_code))
    }
}

/// Whether there is no room on the disk, or no more of it for this user.
pub(super) fn is_want_of_room(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOSPC | libc::EDQUOT))
}

/// Turns an error of SQLite into one that names the file.
pub(super) trait At<T> {
    fn at(self, path: &Path) -> Result<T, StoreError>;
}

impl<T> At<T> for rusqlite::Result<T> {
    fn at(self, path: &Path) -> Result<T, StoreError> {
        self.map_err(|source| StoreError::of(path, source))
    }
}
