//! One control group as the folder that it is: who is in it, its end, its removal.
//!
//! The folder of a query's group is held open, for it is asked several times and its path is long; its files are not. It
//! must never touch a process by its number.

use std::cell::Cell;
use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::{Mode, fstat};

use super::super::birth::put_away;

/// Deeper nothing is looked at: a hierarchy has no such depth (`cgroup.max.depth`, path lengths) unless it is meant
/// to tire us.
const DEEPEST: usize = 64;

/// A group, of either version.
#[derive(Clone, Debug)]
pub(in crate::os) struct Folder {
    path: PathBuf,
    held: Option<Arc<OwnedFd>>,
    /// A kill was written to it.
    was_killed: Cell<bool>,
}

impl PartialEq for Folder {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path
    }
}

impl Folder {
    /// The group at this path, which may not be there.
    pub(in crate::os) fn at(path: PathBuf) -> Self {
        Self { path, held: None, was_killed: Cell::new(false) }
    }

    /// Makes it. One that is there already is an error.
    pub(super) fn make(path: PathBuf) -> io::Result<Self> {
        fs::create_dir(&path)?;
        Ok(Self::at(path))
    }

    /// The same, held open; where there is no descriptor left, it is found by its path each time.
    pub(super) fn hold(mut self) -> Self {
        self.held = self.open("", OFlag::O_DIRECTORY).ok().map(|folder| Arc::new(put_away(folder)));
        self
    }

    /// Where it is.
    pub(in crate::os) fn path(&self) -> &Path {
        &self.path
    }

    /// The folder itself, opened.
    pub(in crate::os) fn handle(&self) -> io::Result<Arc<OwnedFd>> {
        match &self.held {
            Some(folder) => Ok(Arc::clone(folder)),
            None => Ok(Arc::new(self.open("", OFlag::O_DIRECTORY)?)),
        }
    }

    /// Opens one of its files.
    pub(super) fn open(&self, file: &str, flags: OFlag) -> io::Result<OwnedFd> {
        let flags = flags | OFlag::O_CLOEXEC;
        Ok(match &self.held {
            Some(folder) => openat(folder, file, flags, Mode::empty()),
            None => open(&self.path.join(file), flags, Mode::empty()),
        }?)
    }

    /// Reads one of its files, of those that say little: in one call, since some are read for every child.
    pub(super) fn read(&self, file: &str) -> io::Result<String> {
        let file = tolerant(&self.path, file, |_| self.open(file, OFlag::O_RDONLY))?;
        let mut bytes = [0; 4096];
        let length = File::from(file).read(&mut bytes)?;
        String::from_utf8(bytes[..length].to_vec()).map_err(|_| ErrorKind::InvalidData.into())
    }

    /// Writes to one of its files, in one call.
    pub(super) fn write(&self, file: &str, text: &str) -> io::Result<()> {
        let file = tolerant(&self.path, file, |_| self.open(file, OFlag::O_WRONLY))?;
        File::from(file).write_all(text.as_bytes())
    }

    /// The number that follows a word in one of its files (`populated 0`).
    pub(super) fn field(&self, file: &str, word: &str) -> io::Result<u64> {
        field(&self.read(file)?, word).ok_or_else(|| ErrorKind::InvalidData.into())
    }

    /// The number that is all that one of its files says.
    pub(super) fn number(&self, file: &str) -> io::Result<u64> {
        self.read(file)?.trim().parse().map_err(|_| ErrorKind::InvalidData.into())
    }

    /// Whether anything lives in it or below it; zombies do not. Version 2 only. A group that is gone has nothing in it.
    pub(in crate::os) fn populated(&self) -> io::Result<bool> {
        match self.field("cgroup.events", "populated") {
            Ok(number) => Ok(number != 0),
            Err(error) if is_gone(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether it is as on its first day: nobody and no group in it, not frozen, never killed (newer kernels kill again, in
    /// `birth`). It cannot have become threaded: while somebody is in it, the kernel refuses that. Version 2 only.
    pub(super) fn is_as_made(&self) -> bool {
        let is_at_rest =
            |text: String| field(&text, "populated") == Some(0) && field(&text, "frozen") == Some(0);
        // A folder is linked to by its parent, by itself and by each folder in it.
        let is_alone =
            || self.handle().and_then(|folder| Ok(fstat(&*folder)?)).is_ok_and(|folder| folder.st_nlink == 2);
        !self.was_killed.get() && is_alone() && self.read("cgroup.events").is_ok_and(is_at_rest)
    }

    /// Whether a kill was written to it: all that was in it then dies of that, however long it takes.
    pub(in crate::os) fn was_killed(&self) -> bool {
        self.was_killed.get()
    }

    /// Whether a process is in it or below it. For counting only. Its name and its run's say so: the path to them depends
    /// on who looks.
    pub(in crate::os) fn holds(&self, pid: i32) -> bool {
        let membership = fs::read(format!("/proc/{pid}/cgroup")).unwrap_or_default();
        is_member(&membership, &self.path)
    }

    /// Kills everything in it and below it, at once and for good, frozen or not. Version 2 only, from Linux 5.14 on.
    pub(in crate::os) fn kill(&self) -> io::Result<()> {
        self.was_killed.set(true);
        match self.write("cgroup.kill", "1") {
            Err(error) if is_gone(&error) && !self.path.exists() => Ok(()),
            result => result,
        }
    }

    /// The processes in it and below it. Numbers for counting and reaping: none of them is ours to signal by it.
    pub(in crate::os) fn members(&self) -> Vec<i32> {
        let mut found = Vec::new();
        for path in self.below() {
            let list = tolerant(&path, "cgroup.procs", |path| fs::read_to_string(path)).unwrap_or_default();
            // A process of another PID namespace is 0.
            found.extend(list.lines().filter_map(|line| line.parse().ok()).filter(|pid: &i32| *pid > 0));
        }
        found
    }

    /// Removes it with all groups below it, the innermost first. One that is gone is removed; one that is not empty
    /// is an error (busy).
    pub(in crate::os) fn remove(&self) -> io::Result<()> {
        // Hardly any has others below it, and listing one costs as much as making it.
        if fs::remove_dir(&self.path).is_ok() {
            return Ok(());
        }
        let mut result = Ok(());
        for path in self.below().into_iter().rev() {
            let (parent, name) = (path.parent().unwrap_or(&path), path.file_name().unwrap_or_default());
            result = match tolerant(parent, name, |path| fs::remove_dir(path)) {
                Err(error) if !is_gone(&error) => Err(error),
                _ => Ok(()),
            };
        }
        result
    }

    /// Itself and all groups below it, each before those below it.
    fn below(&self) -> Vec<PathBuf> {
        let mut found = vec![(self.path.clone(), 0)];
        let mut next = 0;
        while let Some((path, depth)) = found.get(next).cloned() {
            next += 1;
            let entries = tolerant(&path, "", |path| fs::read_dir(path));
            for entry in entries.into_iter().flatten().flatten() {
                if depth < DEEPEST && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    found.push((entry.path(), depth + 1));
                }
            }
        }
        found.into_iter().map(|(path, _)| path).collect()
    }
}

/// A child may take away the permissions of its own group. What is ours to use is ours to give back.
fn tolerant<T>(
    folder: &Path,
    file: impl AsRef<OsStr>,
    act: impl Fn(&Path) -> io::Result<T>,
) -> io::Result<T> {
    let path = folder.join(file.as_ref());
    match act(&path) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            // The bits to search a folder and to read and write a file are all that is asked for here.
            for path in [folder, &path] {
                let _ = fs::set_permissions(path, Permissions::from_mode(0o755));
            }
            act(&path)
        }
        result => result,
    }
}

/// Whether one whose `/proc/PID/cgroup` this is, is in the group at this path, seen from wherever, or below it.
pub(super) fn is_member(membership: &[u8], group: &Path) -> bool {
    let tail = |path: &Path| {
        path.components().rev().take(2).map(|part| part.as_os_str().to_owned()).collect::<Vec<_>>()
    };
    let wanted = tail(group);
    let mut unified = membership.split(|byte| *byte == b'\n').filter_map(|line| line.strip_prefix(b"0::"));
    unified.any(|path| Path::new(OsStr::from_bytes(path)).ancestors().any(|path| tail(path) == wanted))
}

/// ENODEV is what an open file says of a group that was removed meanwhile.
fn is_gone(error: &io::Error) -> bool {
    error.kind() == ErrorKind::NotFound || error.raw_os_error() == Some(libc::ENODEV)
}

/// The number in the line that begins with this word.
pub(super) fn field(text: &str, word: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(word)?.strip_prefix(' '))?;
    line.trim().parse().ok()
}
