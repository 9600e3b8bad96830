//! The lock of a run directory: who holds it, and what its file says of that.
//!
//! Held by an open descriptor and its duplicates, never by what stands in the file. It must never wait for a live holder.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::RunDirError;

/// The name of its file.
pub(super) const NAME: &str = "lock";
/// Between two looks at a lock that a dead run's guardian still holds.
const POLL: Duration = Duration::from_millis(20);
/// `status` tests the lock by taking it for a moment: one failure proves nothing.
const LEAST_WAIT: Duration = Duration::from_millis(60);

/// Who holds a run directory, as its lock file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The supervisor's process id.
    pub pid: u32,
    /// When that process was started, in clock ticks since the machine was: tells it from a later one of its number.
    birth: u64,
    /// On which machine.
    host: Box<str>,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "pid {}", self.pid)?;
        if self.host == this_host() { Ok(()) } else { write!(f, " on {}", self.host) }
    }
}

/// The pid of the provisor that holds this run directory, if one does: alive, or dead with its guardian still at work.
/// Disturbs nobody.
#[must_use]
pub fn holder(path: &Path) -> Option<u32> {
    let mut lock = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW).open(path.join(NAME)).ok()?;
    match lock.try_lock_shared() {
        Err(TryLockError::WouldBlock) => read_holder(&mut lock).map(|holder| holder.pid),
        _ => None,
    }
}

/// Takes the lock of a directory, making its file where it is missing.
pub(super) fn take(dir: &Path, waits: Duration) -> Result<File, RunDirError> {
    let path = dir.join(NAME);
    let failed = |source| RunDirError::Lock { path: path.clone(), source };
    let give_up_at = Instant::now() + waits.max(LEAST_WAIT);
    loop {
        let mut lock = open(&path).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) if is_still_there(&lock, &path) => {
                write_holder(&mut lock).map_err(failed)?;
                return Ok(lock);
            }
            Ok(()) => {}
            Err(TryLockError::Error(source)) => return Err(failed(source)),
            Err(TryLockError::WouldBlock) => match read_holder(&mut lock) {
                Some(holder) if is_alive(&holder) => {
                    return Err(RunDirError::InUse { path: dir.to_owned(), holder });
                }
                _ if Instant::now() >= give_up_at => {
                    return Err(RunDirError::StillHeld { path: dir.to_owned() });
                }
                _ => thread::sleep(POLL),
            },
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).custom_flags(libc::O_NOFOLLOW).open(path)
}

/// Somebody may have removed the file between its opening and its locking: such a lock is worth nothing.
fn is_still_there(lock: &File, path: &Path) -> bool {
    match (lock.metadata(), fs::symlink_metadata(path)) {
        (Ok(ours), Ok(there)) => (ours.dev(), ours.ino()) == (there.dev(), there.ino()),
        _ => false,
    }
}

fn write_holder(lock: &mut File) -> io::Result<()> {
    let pid = std::process::id();
    let birth = birth_of(pid).unwrap_or(0);
    lock.set_len(0)?;
    lock.rewind()?;
    lock.write_all(format!("{pid} {birth} {}\n", this_host()).as_bytes())
}

fn read_holder(lock: &mut File) -> Option<Holder> {
    let mut text = String::new();
    lock.rewind().ok()?;
    lock.take(1024).read_to_string(&mut text).ok()?;
    let mut words = text.split_ascii_whitespace();
    let pid = words.next()?.parse().ok()?;
    let birth = words.next()?.parse().ok()?;
    Some(Holder { pid, birth, host: words.next()?.into() })
}

/// A process of another machine counts as alive: nothing can be known of it, and the lock is held.
fn is_alive(holder: &Holder) -> bool {
    holder.host != this_host() || birth_of(holder.pid) == Some(holder.birth)
}

/// When a live process was started; a zombie is none.
fn birth_of(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything, spaces and parentheses too.
    let mut after_name = stat[stat.rfind(')')? + 1..].split_ascii_whitespace();
    let state = after_name.next()?;
    if matches!(state, "Z" | "X" | "x") {
        return None;
    }
    after_name.nth(18)?.parse().ok()
}

fn this_host() -> Box<str> {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    if name.trim().is_empty() { "localhost".into() } else { name.trim().into() }
}

#[cfg(test)]
mod tests;
