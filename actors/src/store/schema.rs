//! The database file: how it is opened, how its version is told, and its tables. This must never change a database that
//! is not ours.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, TransactionBehavior, ffi};

use super::error::{At, StoreError};
use super::files::Files;
use crate::disk;
use crate::folder::Folder;

/// The file's name.
pub(super) const DATABASE: &str = "provisor.db";
/// With those that SQLite makes beside it.
const FILES: [&str; 4] = [DATABASE, "provisor.db-wal", "provisor.db-shm", "provisor.db-journal"];
/// `Prov`: how SQLite's header says whose file it is.
const APPLICATION: i64 = 0x5072_6f76;
/// The format of the tables. Raised by every change that an older provisor could not live with.
const FORMAT: i64 = 1;
/// How long a lock of a reader or writer is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// So many bytes are little room, and there the write-ahead log is kept short: it holds most pages more than once. In pages.
const LITTLE_ROOM: u64 = 64 << 20;
const SHORT_LOG: u32 = 64;

/// Durations and times are in microseconds, sizes in bytes. `attempts` is the history; `queries.stands` says which attempt is a
/// query's row now, and `queries.place` where the query is in the plan; without a place it is no longer asked. An attempt that
/// was `passed_on` was followed by the next pass; those up to `queries.since` are of no concern to a ladder that is taken up.
/// `judgings` holds as JSON what the fingerprints in `attempts.judging` are of.
const TABLES: &str = "
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE axes (axis INTEGER PRIMARY KEY, name TEXT NOT NULL);
    CREATE TABLE runs (
        run INTEGER PRIMARY KEY, started_us INTEGER NOT NULL, ended_us INTEGER,
        complete INTEGER NOT NULL DEFAULT 0, provisor TEXT NOT NULL);
    CREATE TABLE queries (
        id INTEGER PRIMARY KEY, query TEXT NOT NULL UNIQUE, place INTEGER, expected TEXT, stands INTEGER,
        since INTEGER NOT NULL);
    CREATE TABLE axis_values (
        query INTEGER NOT NULL, axis INTEGER NOT NULL, value TEXT NOT NULL, PRIMARY KEY (query, axis)) WITHOUT ROWID;
    CREATE TABLE attempts (
        id INTEGER PRIMARY KEY, run INTEGER NOT NULL, query TEXT NOT NULL, attempt INTEGER NOT NULL,
        last INTEGER NOT NULL, fingerprint BLOB NOT NULL, judging BLOB NOT NULL,
        wall_limit_us INTEGER, silence_limit_us INTEGER, cpu_limit_us INTEGER, memory_limit INTEGER,
        output_limit INTEGER, processes_limit INTEGER, grace_us INTEGER NOT NULL,
        cause TEXT NOT NULL, ending TEXT NOT NULL, first_cause TEXT NOT NULL, why TEXT,
        exit_code INTEGER, signal INTEGER, method TEXT,
        wall_us INTEGER NOT NULL, cpu_us INTEGER NOT NULL, max_rss_kib INTEGER NOT NULL,
        leaked INTEGER NOT NULL, leftovers INTEGER, of_machine INTEGER NOT NULL,
        verdict TEXT, counts TEXT NOT NULL, line TEXT, value TEXT,
        results INTEGER NOT NULL, omitted INTEGER NOT NULL, omitted_notes INTEGER NOT NULL,
        started_us INTEGER, log TEXT, log_is_whole INTEGER NOT NULL,
        stdout_bytes INTEGER NOT NULL, stderr_bytes INTEGER NOT NULL, containment TEXT NOT NULL,
        pass TEXT, passed_on INTEGER NOT NULL, pages TEXT,
        UNIQUE (query, attempt));
    CREATE INDEX steps ON attempts (query, attempt) WHERE passed_on;
    CREATE TABLE judgings (print BLOB PRIMARY KEY, judging TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE verdicts (
        attempt INTEGER NOT NULL, place INTEGER NOT NULL, statement TEXT NOT NULL, verdict TEXT NOT NULL,
        counts TEXT NOT NULL, own INTEGER NOT NULL, at_us INTEGER NOT NULL,
        PRIMARY KEY (attempt, place)) WITHOUT ROWID;
    CREATE TABLE notes (
        attempt INTEGER NOT NULL, place INTEGER NOT NULL, note TEXT NOT NULL,
        PRIMARY KEY (attempt, place)) WITHOUT ROWID;
";

/// Opens a run directory's database for writing and makes it where it is missing.
pub(super) fn open(dir: &Folder, job: &str) -> Result<(Connection, Files), StoreError> {
    let path = path_in(dir.path())?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let mut conn = connect(&path, flags).at(&path)?;
    let identity = identify(&conn).at(&path)?;
    // Before anything is written to it.
    Files::opened(dir, &path)?;
    if identity != Identity::Empty {
        check(&conn, identity, &path)?;
    }
    prepare(&conn, &path).at(&path)?;
    settle_log(&conn, dir, &path)?;
    Files::opened(dir, &path)?;
    if identity == Identity::Empty {
        create(&mut conn, job).at(&path)?;
        // The name of a new file is on the disk only when its directory is.
        dir.sync().map_err(|source| StoreError::Table { path: dir.path().to_owned(), source })?;
    }
    let held = meta(&conn, "job").at(&path)?;
    if &*held != job {
        return Err(StoreError::OtherJob { path: dir.path().to_owned(), held, asked: job.into() });
    }
    let files = Files::opened(dir, &path)?;
    Ok((conn, files))
}

/// Opens a run directory's database for reading only, while another process writes it or where nothing can be written.
pub(super) fn open_for_reading(dir: &Path) -> Result<(Connection, PathBuf), StoreError> {
    let path = path_in(dir)?;
    FILES.iter().try_for_each(|name| check_kind(&path.with_file_name(name)))?;
    if !path.exists() {
        return Err(StoreError::Missing { path });
    }
    let read_only = connect(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .and_then(|conn| identify(&conn).map(|identity| (conn, identity)));
    let (conn, identity) = match read_only {
        Err(error) if needs_to_write(&error) => {
            // What cannot change is read without its write-ahead log.
            let log = path.with_file_name(FILES[1]);
            if log.metadata().is_ok_and(|log| log.len() > 0) {
                return Err(StoreError::Sealed { path: log });
            }
            let conn = connect_to_what_cannot_change(&path).at(&path)?;
            let identity = identify(&conn).at(&path)?;
            (conn, identity)
        }
        other => other.at(&path)?,
    };
    check(&conn, identity, &path)?;
    Ok((conn, path))
}

/// SQLite would wait for whoever opens the other end of a pipe, and follows symlinks to its other files.
fn check_kind(path: &Path) -> Result<(), StoreError> {
    match path.symlink_metadata() {
        Ok(there) if !there.is_file() => Err(StoreError::NotOurs { path: path.to_owned() }),
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::Closed { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// Moves what is in the write-ahead log into the database, all of it, or it is an error: what fails leaves it in the log.
pub(super) fn checkpoint(conn: &Connection) -> rusqlite::Result<()> {
    let is_busy = conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0))?;
    match is_busy {
        0 => Ok(()),
        _ => Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_BUSY), None)),
    }
}

/// What a run left in its write-ahead log may have met a failed `fsync`: it reads well, and a power cut would take it, and
/// with it whatever is appended after it. Written to the database it is on the disk, or nothing is appended.
fn settle_log(conn: &Connection, dir: &Folder, path: &Path) -> Result<(), StoreError> {
    match checkpoint(conn).at(path).map_err(|error| error.weighed(dir)) {
        // A disk that is full has not failed.
        Ok(()) | Err(StoreError::Full { .. }) => Ok(()),
        Err(error) => {
            leave_as_it_is(conn);
            Err(error)
        }
    }
}

/// After a failed write: what is on the disk is not touched again, not even when the connection is closed. The next run
/// takes up what is there.
pub(super) fn leave_as_it_is(conn: &Connection) {
    if let Err(error) = conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true) {
        tracing::debug!(%error, "the database is closed as usual");
    }
}

/// A value of the table `meta`.
pub(super) fn meta(conn: &Connection, key: &str) -> rusqlite::Result<Box<str>> {
    conn.query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0))
}

/// SQLite's own refusal of symlinks looks at the whole path: the directory may well be reached through one.
fn path_in(dir: &Path) -> Result<PathBuf, StoreError> {
    match dir.canonicalize() {
        Ok(dir) => Ok(dir.join(DATABASE)),
        Err(source) => Err(StoreError::of_directory(dir, source)),
    }
}

fn connect(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.busy_timeout(PATIENCE)?;
    Ok(conn)
}

/// Reading a WAL database takes a file of shared memory. Where it cannot be made nobody writes either.
fn needs_to_write(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly))
}

fn connect_to_what_cannot_change(path: &Path) -> rusqlite::Result<Connection> {
    let mut uri = String::from("file:");
    for &byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'.' | b'_' | b'-' => uri.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => uri.push(char::from(byte)),
            byte => uri.push_str(&format!("%{byte:02x}")),
        }
    }
    uri.push_str("?immutable=1");
    connect(Path::new(&uri), OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Identity {
    /// Nothing was ever written to it.
    Empty,
    Ours {
        format: i64,
    },
    Foreign,
}

fn identify(conn: &Connection) -> rusqlite::Result<Identity> {
    let pragma = |name| conn.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let tables: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(match (pragma("application_id")?, pragma("user_version")?) {
        (APPLICATION, format) => Identity::Ours { format },
        (0, 0) if tables == 0 => Identity::Empty,
        _ => Identity::Foreign,
    })
}

fn check(conn: &Connection, identity: Identity, path: &Path) -> Result<(), StoreError> {
    let path = path.to_owned();
    match identity {
        Identity::Ours { format } if format > FORMAT => {
            Err(StoreError::Newer { path, found: format, known: FORMAT })
        }
        Identity::Ours { format: FORMAT } => match meta(conn, "job").optional().at(&path)? {
            Some(_) => Ok(()),
            None => Err(StoreError::NotOurs { path }),
        },
        Identity::Empty => Err(StoreError::Missing { path }),
        Identity::Ours { .. } | Identity::Foreign => Err(StoreError::NotOurs { path }),
    }
}

fn create(conn: &mut Connection, job: &str) -> rusqlite::Result<()> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    tx.execute_batch(TABLES)?;
    tx.execute("INSERT INTO meta (key, value) VALUES ('job', ?1)", [job])?;
    tx.pragma_update(None, "application_id", APPLICATION)?;
    tx.pragma_update(None, "user_version", FORMAT)?;
    tx.commit()
}

/// What holds for this connection: every commit is on the disk when it returns.
fn prepare(conn: &Connection, path: &Path) -> rusqlite::Result<()> {
    // A write-ahead log is shared through memory: on a disk that another machine may write at the same time it is not
    // safe, and the slower rollback journal is.
    let is_local = path.parent().is_some_and(disk::is_local);
    let mode = if is_local { "WAL" } else { "TRUNCATE" };
    let set = |mode| conn.pragma_update_and_check(None, "journal_mode", mode, |row| row.get::<_, String>(0));
    if mode == "WAL" && set(mode)? != "wal" {
        set("TRUNCATE")?;
    } else if mode == "TRUNCATE" {
        set(mode)?;
    }
    conn.pragma_update(None, "synchronous", "FULL")?;
    if path.parent().and_then(disk::room).is_some_and(|room| room < LITTLE_ROOM) {
        conn.pragma_update(None, "wal_autocheckpoint", SHORT_LOG)?;
    }
    conn.pragma_update(None, "foreign_keys", false)?;
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    conn.set_prepared_statement_cache_capacity(32);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testdir::TestDir;

    #[test]
    fn every_commit_is_on_the_disk_when_it_returns() {
        let temp = TestDir::new();
        for _ in 0..2 {
            let (conn, _) = open(&Folder::open(temp.path()).unwrap(), "job").unwrap();
            let synchronous: i64 = conn.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap();
            assert_eq!(synchronous, 2, "FULL");
            let mode: String = conn.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
            assert_eq!(mode, if disk::is_local(temp.path()) { "wal" } else { "truncate" });
        }
    }
}
