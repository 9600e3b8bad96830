//! The guardian: a small process of one thread that makes, watches and kills all children of a run.
//!
//! It is forked from the supervisor before that has a thread. What for: a child's death signal is bound to the thread
//! that made it; making one from a large process with many descriptors is slow, and bills the maker's memory to the
//! child; and when the supervisor is killed, somebody has to be left who kills the rest. So it must outlive whatever
//! ends the supervisor, and must never outlive its own work: when its socket ends, it kills all and leaves.

#![expect(unsafe_code, reason = "fork, and the process's own name, signals and descriptors")]

use std::ffi::c_int;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};

use nix::sys::prctl;
use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};
use nix::unistd::{ForkResult, Pid, chdir, dup2_stderr, dup2_stdin, dup2_stdout, fork, setsid};
use provisor_core::containment::Level;

use super::begin::{await_packet, await_packet_of, first_words};
use super::contain::{self, Contain, ContainError, Contained};
use super::keeper::Keeper;
use super::orphans::Orphans;
use super::packet::{self, Inbox, Outbox};
use super::signals::OpenFiles;
use super::tree::{self, Proc};
use super::wire::{Reply, Request};

/// How the guardian's process is called: not by the program's name, so that `killall` of that spares it.
pub const PROCESS_NAME: &str = "pv-guardian";

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
    /// The number of its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid.as_raw().unsigned_abs()
    }

    /// Which orphans will be its own, if it dies. All, unless this process had children before it: whatever they leave
    /// comes to this process as well.
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
        let (pid, contained) = answer.map_err(ContainError::Impossible)?;
        if pid != 0 {
            self.follow(Pid::from_raw(pid))?;
        }
        if contained.level == Level::Group {
            // What leaves its group is nobody's.
            prctl::set_child_subreaper(false).map_err(io::Error::from)?;
        }
        Ok(contained)
    }

    /// The guardian goes on as another process, its own child until now. Its first one leaves, and the other becomes ours.
    fn follow(&mut self, pid: Pid) -> io::Result<()> {
        tree::reap_now(self.pid);
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
            Ok(GuardianHandle { pid: child, pidfd, socket: ours, orphans, is_contained: false })
        }
        ForkResult::Child => {
            let code = catch_unwind(AssertUnwindSafe(|| live(ours, theirs, options))).unwrap_or(101);
            // SAFETY: leaves without running what belongs to the supervisor (its exit handlers, its buffers).
            unsafe { libc::_exit(code) }
        }
    }
}

/// Waits for the guardian's first word.
fn await_ready(socket: &OwnedFd) -> io::Result<()> {
    await_packet(socket)?;
    let mut inbox = Inbox::new(64);
    match Reply::decode(inbox.receive(socket.as_fd())?.bytes) {
        Ok(Reply::Ready { errno: 0 }) => Ok(()),
        Ok(Reply::Ready { errno }) => Err(io::Error::from_raw_os_error(errno)),
        _ => Err(io::Error::other("the guardian died at its start")),
    }
}

/// The whole life of the guardian process. Returns its exit code.
fn live(supervisors: OwnedFd, socket: OwnedFd, options: GuardianOptions) -> c_int {
    drop(supervisors);
    let settled = settle(&socket);
    let errno = settled.as_ref().err().map_or(0, |error| error.raw_os_error().unwrap_or(libc::EIO));
    let mut word = Vec::new();
    Reply::Ready { errno }.encode(&mut word);
    let said = Outbox::default().send(socket.as_fd(), &word, Vec::new());
    let beginning = match settled.and(said).and_then(|()| first_words(&socket)) {
        Ok(Some(beginning)) => beginning,
        Ok(None) => return 0,
        Err(_) => return 1,
    };
    let Ok(mut keeper) = Keeper::new(socket, options.open_files.map(Into::into), beginning) else { return 1 };
    // Whatever happens to the loop, the children are not left alone.
    match catch_unwind(AssertUnwindSafe(|| keeper.run())) {
        Ok(()) => 0,
        Err(_) => {
            keeper.end_everything();
            101
        }
    }
}

fn settle(socket: &OwnedFd) -> io::Result<()> {
    settle_signals();
    setsid()?;
    prctl::set_child_subreaper(true)?;
    prctl::set_name(c"pv-guardian")?;
    rename_command_line();
    settle_descriptors(socket)?;
    // Its working directory would keep a file system from being unmounted.
    chdir("/")?;
    // No core files of children (they inherit this); the hard limit is theirs to use.
    let (_, hard) = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_CORE)?;
    nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_CORE, 0, hard)?;
    Ok(())
}

/// The guardian must not be ended by what a terminal sends (it has none, but children may not be alone in being told
/// of a hangup), nor by a TERM for the whole service or run: then it is needed most, and it leaves by itself when the
/// supervisor has. So every signal that would end or stop it is caught by a handler that does nothing. Not ignored:
/// an ignored signal stays ignored through exec, a caught one becomes the default again, in every child and for free.
/// Faults keep their default, KILL and STOP cannot be caught. The mask becomes empty.
fn settle_signals() {
    const FAULTS: [c_int; 7] =
        [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGTRAP, libc::SIGSYS, libc::SIGABRT];
    const HARMLESS: [c_int; 4] = [libc::SIGCHLD, libc::SIGCONT, libc::SIGURG, libc::SIGWINCH];
    for signal in 1..=64 {
        super::signals::reset(signal);
        if !FAULTS.contains(&signal) && !HARMLESS.contains(&signal) {
            super::signals::catch_for_nothing(signal);
        }
    }
    let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None);
}

/// /dev/null for 0, 1 and 2 (else `$(provisor run ...)` would wait for the guardian) and the socket, close-on-exec;
/// nothing else.
fn settle_descriptors(socket: &OwnedFd) -> io::Result<()> {
    let null = OpenOptions::new().read(true).write(true).open("/dev/null")?;
    dup2_stdin(&null)?;
    dup2_stdout(&null)?;
    dup2_stderr(&null)?;
    // Closed with all the others.
    std::mem::forget(null);
    let socket = socket.as_raw_fd();
    close_between(3, socket - 1)?;
    close_between(socket + 1, RawFd::MAX)?;
    super::signals::close_all_on_exec()
}

fn close_between(first: RawFd, last: RawFd) -> io::Result<()> {
    if first > last {
        return Ok(());
    }
    // SAFETY: closes what nobody in this process uses: the values that own these descriptors belong to the supervisor's
    // side of the fork and are never dropped here, as the guardian leaves by `_exit`.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Writes the process's name over its command line, for `ps` and for `pkill -f`.
fn rename_command_line() {
    let Some((start, end)) = arguments_area() else { return };
    let name = PROCESS_NAME.as_bytes();
    if end.saturating_sub(start) <= name.len() {
        return;
    }
    // SAFETY: the kernel says that this is where it has put our argument strings; they are writable, and nobody in
    // this process reads arguments any more.
    unsafe {
        let area = std::ptr::with_exposed_provenance_mut::<u8>(start);
        std::ptr::write_bytes(area, 0, end - start);
        std::ptr::copy_nonoverlapping(name.as_ptr(), area, name.len());
    }
}

/// Fields 48 and 49 of /proc/self/stat.
fn arguments_area() -> Option<(usize, usize)> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(45);
    let start: usize = fields.next()?.parse().ok()?;
    let end: usize = fields.next()?.parse().ok()?;
    (start != 0 && start < end).then_some((start, end))
}
