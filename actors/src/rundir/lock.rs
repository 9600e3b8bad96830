//! The lock of a run directory: who holds it, and what its file says of that.
//!
//! Held by an open descriptor and its duplicates, never by what stands in the file. It must never wait for a live holder.
//!
//! What stands in it, a line each: the holder (`PID BIRTH HOST TOKEN`); `left TOKEN`, an earlier holder of which processes
//! may be left; `group PATH`, a control group of one of them; and at the end of a run that has left nothing, `clean`.

use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::RunDirError;
use crate::folder::{Folder, Identity};

/// The name of its file.
pub(super) const NAME: &str = "lock";
/// More of it is not read.
const MOST_READ: u64 = 64 * 1024;
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
    let mut lock = Folder::open(path).and_then(|dir| dir.read(NAME)).ok()?;
    match lock.try_lock_shared() {
        Err(TryLockError::WouldBlock) => read_holder(&mut lock).map(|holder| holder.pid),
        _ => None,
    }
}

/// Runs whose end nobody has seen: processes of theirs may be left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Their tokens.
    pub tokens: Vec<Box<str>>,
    /// Their control groups.
    pub groups: Vec<PathBuf>,
}

/// Takes the lock of a directory for the run with this token, making its file where it is missing.
pub(super) fn take(dir: &Folder, token: &str, waits: Duration) -> Result<(File, Left), RunDirError> {
    let failed = |source| RunDirError::Lock { path: dir.path().join(NAME), source };
    let give_up_at = Instant::now() + waits.max(LEAST_WAIT);
    loop {
        let mut lock = dir.open_or_create(NAME).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) if is_still_there(&lock, dir) => {
                let left = read_left(&mut lock).map_err(failed)?;
                write_holder(&lock, token, &left).map_err(failed)?;
                return Ok((lock, left));
            }
            Ok(()) => {}
            Err(TryLockError::Error(source)) => return Err(failed(source)),
            Err(TryLockError::WouldBlock) => match read_holder(&mut lock) {
                Some(holder) if is_alive(&holder) => {
                    return Err(RunDirError::InUse { path: dir.path().to_owned(), holder });
                }
                _ if Instant::now() >= give_up_at => {
                    return Err(RunDirError::StillHeld { path: dir.path().to_owned() });
                }
                _ => thread::sleep(POLL),
            },
        }
    }
}

/// Somebody may have removed the file between its opening and its locking: such a lock is worth nothing.
fn is_still_there(lock: &File, dir: &Folder) -> bool {
    Identity::of(lock).is_ok_and(|identity| dir.holds(NAME, identity))
}

/// Writes the file anew. What is left is kept in it: this run may die before it has done anything about that. So it is
/// cut only when all is written: whatever there is at a death in between, it tells of all that may be left.
pub(super) fn write_holder(mut lock: &File, token: &str, left: &Left) -> io::Result<()> {
    let pid = std::process::id();
    let birth = birth_of(pid).unwrap_or(0);
    let mut text = format!("{pid} {birth} {} {token}\n", this_host()).into_bytes();
    for token in &left.tokens {
        text.extend_from_slice(format!("left {token}\n").as_bytes());
    }
    text.extend_from_slice(&group_lines(&left.groups));
    lock.rewind()?;
    lock.write_all(&text)?;
    lock.set_len(text.len() as u64)
}

/// Notes the groups of the run that holds it.
pub(super) fn add_groups(mut lock: &File, groups: &[PathBuf]) -> io::Result<()> {
    lock.seek(io::SeekFrom::End(0))?;
    lock.write_all(&group_lines(groups))
}

/// Notes that nothing is left of the run that holds it.
pub(super) fn add_clean(mut lock: &File) -> io::Result<()> {
    lock.seek(io::SeekFrom::End(0))?;
    lock.write_all(CLEAN)
}

const CLEAN: &[u8] = b"clean\n";

fn group_lines(groups: &[PathBuf]) -> Vec<u8> {
    let paths = groups.iter().map(|path| path.as_os_str().as_bytes());
    paths.filter(|path| !path.contains(&b'\n')).flat_map(|path| [b"group ", path, b"\n"].concat()).collect()
}

/// What the last holder has left, as far as it is known.
fn read_left(lock: &mut File) -> io::Result<Left> {
    let mut text = Vec::new();
    lock.rewind()?;
    lock.take(MOST_READ).read_to_end(&mut text)?;
    let mut lines = text.split(|byte| *byte == b'\n');
    let holder = lines.next().unwrap_or_default().split(u8::is_ascii_whitespace).nth(3);
    let is_clean = text.ends_with(CLEAN);
    let mut left = Left::default();
    left.tokens.extend(holder.filter(|_| !is_clean).and_then(token));
    for line in lines {
        if let Some(word) = line.strip_prefix(b"left ") {
            left.tokens.extend(token(word));
        } else if let Some(path) = line.strip_prefix(b"group ") {
            left.groups.push(OsStr::from_bytes(path).into());
        }
    }
    Ok(if left.tokens.is_empty() { Left::default() } else { left })
}

/// Only what can be one: a file that is damaged is no reason to kill anything.
fn token(word: &[u8]) -> Option<Box<str>> {
    let text = std::str::from_utf8(word).ok()?;
    (text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| text.into())
}

fn read_holder(lock: &mut File) -> Option<Holder> {
    let mut text = Vec::new();
    lock.rewind().ok()?;
    lock.take(1024).read_to_end(&mut text).ok()?;
    let text = String::from_utf8_lossy(text.split(|byte| *byte == b'\n').next()?);
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
