//! The life of the guardian's process, from when it is one until it leaves.
//!
//! It needs a process of one thread that is not going to be anything else: what this process had open is closed here
//! without asking its owners. It must never return into what it was before.

#![expect(unsafe_code, reason = "the process's own name and descriptors")]

use std::ffi::c_int;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};

use nix::sys::prctl;
use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};
use nix::sys::socket::{getsockopt, sockopt};
use nix::unistd::{chdir, dup2_stderr, dup2_stdin, dup2_stdout, getppid, setsid};

use super::begin::first_words;
use super::guardian::{GuardianOptions, PROCESS_NAME};
use super::keeper::Keeper;
use super::packet::Outbox;
use super::tree;
use super::wire::Reply;

/// What the guardian's parent is to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Supervisor {
    /// The process that it was forked from, and which does nothing else than to supervise.
    Ours,
    /// A program of somebody's, of which nothing may be changed.
    Other,
}

/// All of it. Never returns. Where it was no good `beginning`, it says so and leaves.
pub(super) fn spend(
    socket: OwnedFd,
    options: GuardianOptions,
    supervisor: Supervisor,
    beginning: io::Result<()>,
) -> ! {
    let life = || live(socket, options, supervisor, beginning);
    let code = catch_unwind(AssertUnwindSafe(life)).unwrap_or(101);
    // SAFETY: leaves without running what belongs to whoever this process was before (exit handlers, buffers).
    unsafe { libc::_exit(code) }
}

/// Returns what to exit with.
fn live(
    socket: OwnedFd,
    options: GuardianOptions,
    supervisor: Supervisor,
    beginning: io::Result<()>,
) -> c_int {
    let settled = beginning.and_then(|()| settle(&socket));
    let errno = settled.as_ref().err().map_or(0, |error| error.raw_os_error().unwrap_or(libc::EIO));
    let mut word = Vec::new();
    Reply::Ready { errno }.encode(&mut word);
    let said = Outbox::default().send(socket.as_fd(), &word, Vec::new());
    let watch = || (supervisor == Supervisor::Other).then(|| watch_over_parent(&socket)).transpose();
    let begun = settled.and(said).and_then(|()| Ok((watch()?, first_words(&socket, supervisor)?)));
    let (watch, beginning) = match begun {
        Ok((watch, Some(beginning))) => (watch, beginning),
        Ok((_, None)) => return 0,
        Err(_) => return 1,
    };
    let Ok(mut keeper) = Keeper::new(socket, options.open_files.map(Into::into), beginning) else { return 1 };
    if watch.is_some_and(|parent| keeper.end_with(parent).is_err()) {
        return 1;
    }
    // Whatever happens to the loop, the children are not left alone.
    match catch_unwind(AssertUnwindSafe(|| keeper.run())) {
        Ok(()) => 0,
        Err(_) => {
            keeper.end_everything();
            101
        }
    }
}

/// What tells of the end of a program that may do whatever it likes, such as to fork: then a copy of its end of the socket
/// stays open when it is killed. An error if it has been.
fn watch_over_parent(socket: &OwnedFd) -> io::Result<OwnedFd> {
    let parent = getppid();
    let watch = tree::pidfd_open(parent.as_raw())?;
    // Only now: as long as it was our parent then, the number was its own.
    let is_supervisor = getsockopt(socket, sockopt::PeerCredentials)?.pid() == getppid().as_raw();
    if is_supervisor && parent == getppid() { Ok(watch) } else { Err(io::ErrorKind::NotFound.into()) }
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
    // SAFETY: closes what nobody in this process uses: the values that own these descriptors belong to what
    // this process was before and are never dropped here, as the guardian leaves by `_exit`.
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
