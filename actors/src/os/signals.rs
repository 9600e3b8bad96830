//! The process's own signals, limits and descriptors, as safe calls for the program.
//!
//! Nothing here touches another process. To be called at the start, before there are threads, but for [`stop_self`],
//! [`die_by_sigint`] and what only looks.

#![expect(unsafe_code, reason = "signal dispositions")]

use std::ffi::c_int;
use std::io;
use std::ptr;

use nix::sys::resource::{Resource, getrlimit};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, raise, sigprocmask};

/// A limit of open files, as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenFiles {
    /// What counts.
    pub soft: u64,
    /// How far one may raise it.
    pub hard: u64,
}

impl From<OpenFiles> for libc::rlimit {
    fn from(limit: OpenFiles) -> Self {
        Self { rlim_cur: limit.soft, rlim_max: limit.hard }
    }
}

/// How many files this process may have open just now; none if the system does not say.
#[must_use]
pub fn most_open_files() -> Option<u64> {
    getrlimit(Resource::RLIMIT_NOFILE).ok().map(|(soft, _)| soft)
}

/// Raises this process's limit of open files as far as it goes, and returns what it was: that is for the children
/// (programs exist that go through all numbers up to their limit). To be called before the guardian is started.
pub fn raise_open_files() -> io::Result<OpenFiles> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: a place for the answer.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } < 0 {
        return Err(io::Error::last_os_error());
    }
    let was = OpenFiles { soft: limit.rlim_cur, hard: limit.rlim_max };
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: a limit that is read.
    if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(was)
}

/// Keeps every descriptor from 3 on from being inherited: a shell may have left some of its own with us.
pub fn close_all_on_exec() -> io::Result<()> {
    // SAFETY: changes a flag; no descriptor becomes invalid.
    let result = unsafe { libc::syscall(libc::SYS_close_range, 3, c_int::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Gives SIGCHLD its default back: whoever started us may have ignored it, and then the kernel reaps our children
/// itself, and nobody learns how they ended.
pub fn reset_sigchld() {
    reset(libc::SIGCHLD);
}

/// Whether SIGHUP is ignored: asked at the start, this says that we were started by nohup.
#[must_use]
pub fn hangup_is_ignored() -> bool {
    // SAFETY: all zeroes are a valid sigaction; the call only writes the answer.
    unsafe {
        let mut action = std::mem::zeroed::<libc::sigaction>();
        libc::sigaction(libc::SIGHUP, ptr::null(), &raw mut action) == 0
            && action.sa_sigaction == libc::SIG_IGN
    }
}

/// Whether the kernel reaps this process's children itself, because SIGCHLD is ignored or SA_NOCLDWAIT set: then nobody
/// learns how they ended. Only looks, and may be asked at any time.
#[must_use]
pub fn children_are_reaped_unseen() -> bool {
    // SAFETY: all zeroes are a valid sigaction; the call only writes the answer.
    unsafe {
        let mut action = std::mem::zeroed::<libc::sigaction>();
        libc::sigaction(libc::SIGCHLD, ptr::null(), &raw mut action) == 0
            && (action.sa_sigaction == libc::SIG_IGN || action.sa_flags & libc::SA_NOCLDWAIT != 0)
    }
}

/// Stops this process, as SIGTSTP would by default; returns when it is continued.
pub fn stop_self() -> io::Result<()> {
    Ok(raise(Signal::SIGSTOP)?)
}

/// Ends this process the way an unhandled Ctrl-C does, so that a shell's loop around it ends too.
pub fn die_by_sigint() -> ! {
    die_by(libc::SIGINT)
}

/// Ends this process by a signal, as if it had never been handled.
pub fn die_by(number: c_int) -> ! {
    reset(number);
    if let Ok(signal) = Signal::try_from(number) {
        let mut mask = SigSet::empty();
        mask.add(signal);
        let _ = sigprocmask(SigmaskHow::SIG_UNBLOCK, Some(&mask), None);
        let _ = raise(signal);
    }
    // Not reached, unless we are the first process of a namespace, or the signal does not end a process.
    std::process::exit(128 + number)
}

/// Ignores SIGTERM from now on.
pub fn ignore_term() {
    // SAFETY: ignoring is a valid disposition, and nothing of ours depends on SIGTERM's.
    unsafe { libc::signal(libc::SIGTERM, libc::SIG_IGN) };
}

/// A signal's name, such as `SIGKILL`; a real-time one by its distance from the first.
#[must_use]
pub fn name(number: c_int) -> String {
    match Signal::try_from(number) {
        Ok(signal) => signal.as_str().to_owned(),
        Err(_) if number >= libc::SIGRTMIN() => format!("SIGRTMIN+{}", number - libc::SIGRTMIN()),
        Err(_) => format!("signal {number}"),
    }
}

/// Gives a signal its default back; those which have nothing else are passed over.
pub(super) fn reset(signal: c_int) {
    let default = [0_u8; 128];
    // SAFETY: the raw call, as glibc keeps 32 and 33 to itself. The kernel's sigaction is all zeroes for the default
    // on every architecture, is smaller than 128 bytes, and its mask has 8.
    unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, default.as_ptr(), ptr::null::<u8>(), 8) };
}

/// Catches a signal and does nothing; interrupted calls go on.
pub(super) fn catch_for_nothing(signal: c_int) {
    extern "C" fn nothing(_: c_int) {}
    // SAFETY: all zeroes are a valid sigaction, and a handler that does nothing is safe wherever it runs.
    unsafe {
        let mut action = std::mem::zeroed::<libc::sigaction>();
        action.sa_sigaction = nothing as extern "C" fn(c_int) as usize;
        action.sa_flags = libc::SA_RESTART;
        libc::sigaction(signal, &raw const action, ptr::null_mut());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raising_the_limit_reaches_the_hard_one() {
        let was = raise_open_files().expect("allowed");
        let now = raise_open_files().expect("allowed");
        assert_eq!((now.soft, now.hard), (was.hard, was.hard));
    }
}
