//! Which file a program's name means, and why it could not be started, in a sentence.
//!
//! The kernel says "no such file" for four different things; here they are told apart, after the failure, so that a
//! start that goes well pays nothing. It must never run anything, and a name that was not found is never remembered.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::errno::Errno;
use nix::unistd::{AccessFlags, access};

use super::wire::Step;
use super::{LaunchError, Transience};

/// Where a program is looked for when the child has no PATH: as execvp does.
const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// By PATH and name.
type Found = HashMap<(OsString, Arc<str>), Arc<Path>>;

/// Finds programs, and remembers where they were.
#[derive(Default)]
pub(super) struct Programs {
    found: Mutex<Found>,
}

impl Programs {
    /// The path to execute for this name, given the child's PATH and working directory.
    pub(super) fn find(
        &self,
        name: &Arc<str>,
        path: Option<&OsStr>,
        cwd: &Path,
    ) -> Result<Arc<Path>, LaunchError> {
        let path = path.unwrap_or(OsStr::new(DEFAULT_PATH));
        let key = (path.to_owned(), Arc::clone(name));
        if let Some(known) = self.lock().get(&key) {
            return Ok(Arc::clone(known));
        }
        let found: Arc<Path> =
            locate(name, Some(path), cwd).map_err(|why| permanent(why.in_words(name)))?.into();
        // What a relative name or entry of PATH means depends on the working directory.
        let mut entries = path.as_bytes().split(|byte| *byte == b':');
        if !name.contains('/') && entries.all(|entry| entry.starts_with(b"/")) {
            self.lock().insert(key, Arc::clone(&found));
        }
        Ok(found)
    }

    /// What was remembered of it may be wrong.
    pub(super) fn doubt(&self, program: &Path) {
        self.lock().retain(|_, found| &**found != program);
    }

    fn lock(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a name means no program.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoProgram {
    /// It is empty.
    Empty,
    /// There is no such file.
    Missing,
    /// There is only this file, which we may not execute.
    NotExecutable(PathBuf),
}

impl NoProgram {
    fn in_words(&self, name: &str) -> String {
        match self {
            Self::Empty => "the name of the program is empty".into(),
            Self::Missing => format!("there is no program `{name}` in PATH"),
            Self::NotExecutable(file) => not_executable(file),
        }
    }
}

/// The file that a name means to a child with this PATH and working directory: the one search that there is, so that a
/// fingerprint is of what is executed. A name with a slash is not looked for.
pub(crate) fn locate(name: &str, path: Option<&OsStr>, cwd: &Path) -> Result<PathBuf, NoProgram> {
    if name.is_empty() {
        return Err(NoProgram::Empty);
    }
    if name.contains('/') {
        return Ok(cwd.join(name));
    }
    let path = path.unwrap_or(OsStr::new(DEFAULT_PATH));
    let mut unusable = None;
    for entry in path.as_bytes().split(|byte| *byte == b':') {
        // An empty entry is the working directory, as everywhere.
        let candidate = cwd.join(OsStr::from_bytes(entry)).join(name);
        if !fs::metadata(&candidate).is_ok_and(|file| file.is_file()) {
            continue;
        }
        if access(&candidate, AccessFlags::X_OK).is_ok() {
            return Ok(candidate);
        }
        unusable.get_or_insert(candidate);
    }
    Err(unusable.map_or(NoProgram::Missing, NoProgram::NotExecutable))
}

/// Whether this says that something of the machine's is used up for now: processes, descriptors, memory, or (ENOSPC) what
/// epoll may watch and files in memory may hold.
pub(super) fn is_shortage(errno: Errno) -> bool {
    matches!(errno, Errno::EAGAIN | Errno::EMFILE | Errno::ENFILE | Errno::ENOMEM | Errno::ENOSPC)
}

/// What is known about a start that failed.
pub(super) struct Attempted<'a> {
    /// The path that was executed.
    pub(super) program: &'a Path,
    /// The working directory.
    pub(super) cwd: &'a Path,
    /// Bytes of arguments and environment.
    pub(super) size: usize,
}

impl Attempted<'_> {
    /// Puts a failure in words.
    pub(super) fn explain(&self, step: Step, errno: i32) -> LaunchError {
        let errno = Errno::from_raw(errno);
        let transience = match errno {
            errno if is_shortage(errno) => Transience::Exhausted,
            Errno::ETXTBSY => Transience::Busy,
            _ => Transience::Permanent,
        };
        let program = self.program.display();
        let text = match (step, errno) {
            (Step::Chdir, _) => self.explain_cwd(errno),
            (Step::Exec, Errno::ENOENT | Errno::ENOTDIR) => self.explain_missing(),
            (Step::Exec, Errno::EACCES | Errno::EPERM) => self.explain_denied(errno),
            (Step::Exec, Errno::ENOEXEC) => {
                format!("{program} is neither a binary that this machine runs nor has it a #! line")
            }
            (Step::Exec, Errno::E2BIG) => format!(
                "the arguments and the environment of {program} are too long: {} bytes together; \
                 a single one may have 131071",
                self.size
            ),
            (Step::Exec, Errno::ETXTBSY) => format!("{program} is still being written by another process"),
            _ => format!("{program} could not be started: {} ({})", errno.desc(), step_words(step)),
        };
        LaunchError { transience, text: text.into() }
    }

    fn explain_cwd(&self, errno: Errno) -> String {
        let cwd = self.cwd.display();
        match fs::metadata(self.cwd) {
            Ok(file) if !file.is_dir() => format!("the working directory {cwd} is not a directory"),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                format!("the working directory {cwd} does not exist")
            }
            _ => format!("the working directory {cwd} cannot be entered: {}", errno.desc()),
        }
    }

    fn explain_missing(&self) -> String {
        let program = self.program.display();
        if !self.program.exists() {
            return match fs::read_link(self.program) {
                Ok(target) => {
                    format!("{program} is a symbolic link to {}, which does not exist", target.display())
                }
                Err(_) => format!("the program {program} does not exist"),
            };
        }
        match interpreter(self.program) {
            Some(named) => format!(
                "the interpreter {} named in the first line of {program} does not exist",
                named.display()
            ),
            None => format!(
                "{program} exists, but not the loader that it asks for (another libc or architecture?)"
            ),
        }
    }

    fn explain_denied(&self, errno: Errno) -> String {
        let program = self.program.display();
        if self.program.is_dir() {
            return format!("{program} is a directory");
        }
        if access(self.program, AccessFlags::F_OK).is_ok() && access(self.program, AccessFlags::X_OK).is_err()
        {
            return not_executable(self.program);
        }
        match interpreter(self.program) {
            Some(named) => format!(
                "{program} may not be executed: {} (its interpreter is {})",
                errno.desc(),
                named.display()
            ),
            None => format!("{program} may not be executed: {}", errno.desc()),
        }
    }
}

fn step_words(step: Step) -> &'static str {
    match step {
        Step::Request => "the request was not understood",
        Step::Pipe => "making its pipes",
        Step::Clone => "making its process",
        Step::Watch => "watching its process",
        Step::Session => "making its session",
        Step::Stdio => "giving it its descriptors",
        Step::Limits => "setting its limits",
        Step::Chdir => "entering its working directory",
        Step::Exec => "executing it",
        Step::Receive => "taking over its pipes",
        Step::Group => "entering its control group",
    }
}

fn not_executable(file: &Path) -> String {
    let file = file.display();
    format!("{file} is not executable: chmod +x {file}")
}

/// A sentence about what will not change by trying again.
pub(super) fn permanent(text: String) -> LaunchError {
    LaunchError { transience: Transience::Permanent, text: text.into() }
}

/// The path in a `#!` line.
fn interpreter(program: &Path) -> Option<PathBuf> {
    // Without waiting for anybody to write to it, if it is a pipe.
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(program).ok()?;
    file.metadata().ok().filter(fs::Metadata::is_file)?;
    let mut first = Vec::new();
    file.take(256).read_to_end(&mut first).ok()?;
    let line = first.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let name = line.trim_ascii().split(u8::is_ascii_whitespace).next()?;
    Some(PathBuf::from(OsString::from_vec(name.to_vec())))
}

#[cfg(test)]
#[path = "program_tests.rs"]
mod tests;
