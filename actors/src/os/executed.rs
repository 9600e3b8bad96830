//! The guardian of a program that has threads already: executed anew, from any of them and at any time.
//!
//! A process with threads cannot be forked into something that goes on. So the program itself, or another one that was
//! named, is executed once more, with its end of the socket as standard input and a mark in its environment that says
//! so; [`init`] sees that mark. Of the process that asks nothing is changed: no signal, no limit, no variable, and it
//! inherits no orphan. It must never execute a program of which it does not know that it would call `init`.

#![expect(unsafe_code, reason = "a variable of the environment, and leaving at once")]

use std::fmt::Write;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::socket::{SockType, getsockopt, sockopt};
use nix::unistd::{Pid, getppid};

use super::alone;
use super::begin::await_packet;
use super::guardian::{GuardianHandle, GuardianOptions, PROCESS_NAME};
use super::life::{self, Supervisor};
use super::orphans::Orphans;
use super::packet::{self, Inbox};
use super::signals::{self, OpenFiles};
use super::tree;
use super::wire::Reply;

/// The variable by which a program knows that it was executed to be a guardian: the number of its end of the socket, and
/// the limits of open files for the children where they are not the program's own.
const MARK: &str = "PROVISOR_GUARDIAN";
/// That end.
const SOCKET: i32 = 0;
/// So long a program has until it is a guardian.
const PATIENCE: Duration = Duration::from_secs(5);
/// So long the threads that it has already have to come to rest.
const THREADS_REST_IN: Duration = Duration::from_secs(3);

/// Whether [`init`] was called in this process: all that provisor knows of a process as a whole.
static IS_INITIALISED: AtomicBool = AtomicBool::new(false);

/// To be called as the first line of `main`, by a program that wants a guardian of its own or serves others as one.
///
/// In the process that is to be the guardian it never returns: that process holds no lock, has opened nothing, and does
/// nothing of what follows in `main`. Everywhere else it notes that it was called, and returns at once.
///
/// It may stand as the first line of an async `main` as well (`#[tokio::main]`): the threads that have been started by
/// then are ended in the guardian, as long as they have nothing to do. It has to be called on the first thread.
pub fn init() {
    if let Some(calling) = Calling::of_this_process() {
        calling.follow();
    }
    IS_INITIALISED.store(true, Ordering::Release);
}

/// Whether [`init`] was called, so that this program may be executed anew as its guardian.
#[must_use]
pub fn is_initialised() -> bool {
    IS_INITIALISED.load(Ordering::Acquire)
}

/// Which program a guardian is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// This one, which has called [`init`].
    Own,
    /// The one at this path, which does so; `provisor` itself is one.
    At(PathBuf),
}

/// Why there is no guardian.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// This program would do all that it does once more.
    #[error(
        "this program cannot be its own guardian, for `guardian::init()` was not called: make it the first line of `main`, or \
         name a helper program"
    )]
    NotInitialised,
    /// The program cannot be executed.
    #[error("the guardian program {} cannot be executed", program.display())]
    Exec {
        /// Its path.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It ended, or went on as what it is otherwise and was killed.
    #[error(
        "{} was executed as a guardian and has not become one: its `main` has to begin with `guardian::init()`",
        program.display()
    )]
    NoGuardian {
        /// Its path.
        program: PathBuf,
    },
    /// It had threads that were at work.
    #[error(
        "{} was executed as a guardian and had threads at work by then: `guardian::init()` has to be the first line of its \
         `main`, on the first thread",
        program.display()
    )]
    TooLate {
        /// Its path.
        program: PathBuf,
    },
    /// The system refused something.
    #[error("the guardian process could not be started")]
    System(#[from] io::Error),
}

/// Executes a guardian. It works at [`Level::Sweep`](provisor_core::containment::Level::Sweep) unless it is told
/// something else by [`GuardianHandle::contain`].
///
/// From any thread of any process, as often as one likes: each is a child of this process, and ends with its handle and
/// what is made of it. Waits until it is ready, some milliseconds; children get this process's limit of open files unless
/// `options` has another.
///
/// # Errors
/// If the program is none that may be executed, or has not become a guardian within five seconds; it is dead then.
pub fn execute(program: &Program, options: &GuardianOptions) -> Result<GuardianHandle, ExecuteError> {
    let path = match program {
        Program::Own if !is_initialised() => return Err(ExecuteError::NotInitialised),
        Program::Own => Path::new("/proc/self/exe"),
        Program::At(path) => path,
    };
    let (ours, theirs) = packet::pair()?;
    let mut child = Command::new(path)
        .arg0(PROCESS_NAME)
        .env(MARK, Calling { open_files: options.open_files }.in_words())
        .stdin(theirs)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|source| ExecuteError::Exec { program: path.to_owned(), source })?;
    let pid = Pid::from_raw(child.id().cast_signed());
    let pidfd = tree::pidfd_open(pid.as_raw()).inspect_err(|_| {
        let _ = child.kill().and_then(|()| child.wait());
    })?;
    let guardian = GuardianHandle::new(pid, pidfd, ours, Orphans::None);
    match await_ready(&guardian.socket) {
        Ok(()) => Ok(guardian),
        Err(why) => {
            guardian.kill();
            Err(why.of(path))
        }
    }
}

/// What a program did that was to become a guardian.
enum NotReady {
    Said(Errno),
    SaidNothing,
    System(io::Error),
}

impl NotReady {
    fn of(self, path: &Path) -> ExecuteError {
        let program = path.to_owned();
        match self {
            Self::SaidNothing => ExecuteError::NoGuardian { program },
            Self::Said(Errno::EBUSY | Errno::EPERM) => ExecuteError::TooLate { program },
            Self::Said(errno) => ExecuteError::System(errno.into()),
            Self::System(error) => ExecuteError::System(error),
        }
    }
}

fn await_ready(socket: &OwnedFd) -> Result<(), NotReady> {
    if !await_packet(socket, Some(PATIENCE)).map_err(NotReady::System)? {
        return Err(NotReady::SaidNothing);
    }
    let mut inbox = Inbox::new(64);
    let said = inbox.receive(socket.as_fd()).map_err(NotReady::System)?;
    match Reply::decode(said.bytes) {
        Ok(Reply::Ready { errno: 0 }) => Ok(()),
        Ok(Reply::Ready { errno }) => Err(NotReady::Said(Errno::from_raw(errno))),
        _ => Err(NotReady::SaidNothing),
    }
}

/// What a process is told that is to become a guardian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Calling {
    open_files: Option<OpenFiles>,
}

impl Calling {
    fn in_words(self) -> String {
        let mut words = SOCKET.to_string();
        if let Some(OpenFiles { soft, hard }) = self.open_files {
            let _ = write!(words, " {soft} {hard}");
        }
        words
    }

    fn parse(words: &str) -> Option<Self> {
        let mut words = words.split(' ');
        words.next().filter(|socket| *socket == "0")?;
        let limits: Vec<u64> = words.map(|word| word.parse().ok()).collect::<Option<_>>()?;
        match limits[..] {
            [] => Some(Self { open_files: None }),
            [soft, hard] => Some(Self { open_files: Some(OpenFiles { soft, hard }) }),
            _ => None,
        }
    }

    /// What this process was executed for. A mark without such a socket is somebody's mistake, and means nothing.
    fn of_this_process() -> Option<Self> {
        let calling = Self::parse(std::env::var_os(MARK)?.to_str()?)?;
        is_our_kind_of_socket().then_some(calling)
    }

    /// Becomes the guardian. Whoever is not the child of the one at the other end (who is dead, or whose socket was
    /// inherited by the wrong process) must not be taken for it, nor do what it does otherwise.
    fn follow(self) -> ! {
        let supervisor = getsockopt(&standard_input(), sockopt::PeerCredentials).map(|peer| peer.pid());
        let socket = fcntl(standard_input(), FcntlArg::F_DUPFD_CLOEXEC(3));
        let (Ok(supervisor), Ok(socket)) = (supervisor, socket) else { leave(1) };
        if supervisor != getppid().as_raw() {
            leave(1);
        }
        // SAFETY: made a moment ago, and only we know it.
        let socket = unsafe { OwnedFd::from_raw_fd(socket) };
        let alone = alone::end_other_threads(THREADS_REST_IN);
        if alone.is_ok() {
            // SAFETY: this process has one thread.
            unsafe { std::env::remove_var(MARK) };
        }
        let own = signals::raise_open_files().ok();
        let options = GuardianOptions { open_files: self.open_files.or(own) };
        life::spend(socket, options, Supervisor::Other, alone)
    }
}

fn standard_input() -> BorrowedFd<'static> {
    // SAFETY: number 0 is not closed by anybody while a guardian begins, and calls fail where it is not open.
    unsafe { BorrowedFd::borrow_raw(SOCKET) }
}

fn is_our_kind_of_socket() -> bool {
    getsockopt(&standard_input(), sockopt::SockType) == Ok(SockType::SeqPacket)
}

fn leave(code: i32) -> ! {
    // SAFETY: nothing of this process's is worth an ending.
    unsafe { libc::_exit(code) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_as_written() {
        for open_files in [None, Some(OpenFiles { soft: 1024, hard: u64::MAX })] {
            let calling = Calling { open_files };
            assert_eq!(Calling::parse(&calling.in_words()), Some(calling));
        }
        for nonsense in ["", "1", "0 ", "0 1", "0 1 2 3", "0 a b", "x"] {
            assert_eq!(Calling::parse(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn this_program_is_not_executed_unless_it_says_that_it_may_be() {
        let refused = execute(&Program::Own, &GuardianOptions::default());
        assert!(matches!(refused, Err(ExecuteError::NotInitialised)), "tests do not call init");
    }
}
