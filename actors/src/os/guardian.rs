//! The guardian: a small process of one thread that makes, watches and kills all children of a run.
//!
//! It is forked from the supervisor before that has a thread, or executed by one that has ([`execute`]). What for: a
//! child's death signal is bound to the thread that made it; making one from a large process with many descriptors is
//! slow, and bills the maker's memory to the child; and when the supervisor is killed, somebody has to be left who kills the rest. So it must outlive whatever
//! ends the supervisor, and must never outlive its own work: when its socket ends, it kills all and leaves.

#![expect(unsafe_code, reason = "fork")]

use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::unistd::{ForkResult, Pid, fork};
use provisor_core::containment::Level;

use super::begin::{await_packet, await_packet_of};
use super::contain::{self, Contain, ContainError, Contained, Copied};
use super::life::{self, Supervisor};
use super::orphans::Orphans;
use super::packet::{self, Inbox, Outbox};
use super::signals::OpenFiles;
use super::tree::{self, Proc};
use super::wire::{Reply, Request};

pub use super::executed::{ExecuteError, Program, execute, init, is_initialised};

/// How the guardian's process is called: not by the program's name, so that `killall` of that spares it.
pub const PROCESS_NAME: &str = "pv-guardian";

/// It has nothing to do by then.
const ENDS_IN: Duration = Duration::from_secs(3);

/// What the guardian is given on its way.
#[derive(Debug, Default)]
pub struct GuardianOptions {
    /// The limit of open files that children get, where the supervisor has changed its own: what
    /// [`raise_open_files`](super::signals::raise_open_files) returned.
    pub open_files: Option<OpenFiles>,
}

/// The guardian, seen from the supervisor. Dropping it makes the guardian kill all and leave.
#[derive(Debug)]
pub struct GuardianHandle {
    pub(super) pid: Pid,
    pub(super) pidfd: OwnedFd,
    pub(super) socket: OwnedFd,
    orphans: Orphans,
    /// It has been told what is to hold the children together.
    is_contained: bool,
}

impl GuardianHandle {
    /// A guardian that has said that it is ready.
    pub(super) fn new(pid: Pid, pidfd: OwnedFd, socket: OwnedFd, orphans: Orphans) -> Self {
        Self { pid, pidfd, socket, orphans, is_contained: false }
    }

    /// The number of its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid.as_raw().unsigned_abs()
    }

    /// Which orphans will be this process's, if it dies. None, if it was executed. Else all, unless this process had children
    /// before it: whatever they leave comes to this process as well.
    #[must_use]
    pub fn orphans(&self) -> Orphans {
        self.orphans
    }

    /// Tells it what is to hold the children together, and what came of that. To be called once, before there is a
    /// launcher; a guardian that is told nothing does as at [`Level::Sweep`]. May give the guardian another process.
    ///
    /// # Errors
    /// If that is impossible here, or the guardian is gone: then it is of no further use.
    pub fn contain(&mut self, ask: Contain<'_>) -> Result<Contained, ContainError> {
        if std::mem::replace(&mut self.is_contained, true) {
            return Err(io::Error::other("it has been told already").into());
        }
        self.send(&ask.encode(), Vec::new())?;
        let died = || io::Error::other("the guardian died at its start");
        if !await_packet_of(&self.socket, &self.pidfd)? {
            return Err(died().into());
        }
        let mut inbox = Inbox::new(contain::LONGEST);
        let answer = contain::decode_answer(inbox.receive(self.socket.as_fd())?.bytes).map_err(|_| died())?;
        match answer.copy {
            Copied::Not => {}
            Copied::Guardian(pid) => self.follow(pid)?,
            Copied::InVain(pid) => tree::reap_now(pid),
        }
        let contained = answer.contained.map_err(ContainError::Impossible)?;
        if contained.level == Level::Group && self.orphans != Orphans::None {
            // What leaves its group is nobody's.
            prctl::set_child_subreaper(false).map_err(io::Error::from)?;
        }
        Ok(contained)
    }

    /// The guardian goes on as another process, a child of ours like its first one, which leaves.
    fn follow(&mut self, pid: Pid) -> io::Result<()> {
        tree::reap_soon(&self.pidfd, ENDS_IN);
        self.pid = pid;
        self.pidfd = tree::pidfd_open(pid.as_raw())?;
        Ok(())
    }

    /// Has it hold a descriptor open until it leaves: a duplicate of the run's lock, so that a free lock means that
    /// nothing of the old run lives. (A lock by `flock` belongs to all duplicates: it is free when the last is closed,
    /// or when *any* is unlocked. So never unlock, only close.)
    pub fn hold(&self, descriptor: OwnedFd) -> io::Result<()> {
        self.send(&Request::Hold.encode_small(), vec![descriptor])
    }

    /// Has it leave that was not put to use, and waits for it: some milliseconds. Nothing of it is left then.
    pub fn end(self) {
        let Self { pidfd, socket, .. } = self;
        drop(socket);
        tree::reap_soon(&pidfd, ENDS_IN);
    }

    /// The same for one that is none.
    pub(super) fn kill(self) {
        let _ = tree::pidfd_signal(&self.pidfd, Signal::SIGKILL);
        self.end();
    }

    fn send(&self, bytes: &[u8], fds: Vec<OwnedFd>) -> io::Result<()> {
        let mut outbox = Outbox::default();
        outbox.send(self.socket.as_fd(), bytes, fds)?;
        if outbox.is_empty() { Ok(()) } else { Err(io::ErrorKind::WouldBlock.into()) }
    }
}

/// Forks the guardian, and makes this process the one to which orphans go when the guardian dies.
///
/// To be called before any thread is started (an error says so if there is one): the forked process goes on with a
/// copy of this one's memory, in which a lock held by another thread would stay locked for ever.
pub fn start(options: GuardianOptions) -> io::Result<GuardianHandle> {
    if fs::read_dir("/proc/self/task")?.count() != 1 {
        return Err(io::Error::other("the guardian has to be started before any thread"));
    }
    let orphans = if Proc::new().all_children().is_empty() { Orphans::All } else { Orphans::Marked };
    let (ours, theirs) = packet::pair()?;
    prctl::set_child_subreaper(true)?;
    // SAFETY: this process has one thread, so that its whole state is consistent in the copy too.
    match unsafe { fork() }? {
        ForkResult::Parent { child } => {
            drop(theirs);
            await_ready(&ours)?;
            let pidfd = tree::pidfd_open(child.as_raw())?;
            Ok(GuardianHandle::new(child, pidfd, ours, orphans))
        }
        ForkResult::Child => {
            drop(ours);
            life::spend(theirs, options, Supervisor::Ours, Ok(()))
        }
    }
}

/// Waits for the guardian's first word.
fn await_ready(socket: &OwnedFd) -> io::Result<()> {
    await_packet(socket, None)?;
    let mut inbox = Inbox::new(64);
    match Reply::decode(inbox.receive(socket.as_fd())?.bytes) {
        Ok(Reply::Ready { errno: 0 }) => Ok(()),
        Ok(Reply::Ready { errno }) => Err(io::Error::from_raw_os_error(errno)),
        _ => Err(io::Error::other("the guardian died at its start")),
    }
}
