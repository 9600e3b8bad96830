//! Becoming a process of one thread, for one that has begun with more: a guardian to be whose `main` has started a
//! runtime before it said so.
//!
//! A guardian copies itself, makes children on memory that they share with it and closes whatever was open: other
//! threads would be left with locks for ever locked, or wait on descriptors that have come to mean something else. So
//! they are ended, and each only when all of them are at rest: who waits in a system call is not amid an allocation.
//! It must never be called by a process that is going to be anything else than a guardian.

#![expect(unsafe_code, reason = "ending threads")]

use std::ffi::c_int;
use std::fs;
use std::io;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::unistd::{getpid, gettid};

/// Between two looks at threads that are to be at rest in both.
const LOOK_AGAIN_IN: Duration = Duration::from_millis(1);

/// Ends all threads but this one, which has to be the first. On return this process has one thread.
///
/// # Errors
/// EPERM on another thread than the first, EBUSY where some thread does not come to rest, or does not hear of signals,
/// for so long.
pub(super) fn end_other_threads(time: Duration) -> io::Result<()> {
    let end = Instant::now() + time;
    if gettid() != getpid() {
        return Err(Errno::EPERM.into());
    }
    let action = SigAction::new(SigHandler::Handler(leave), SaFlags::empty(), SigSet::all());
    // SAFETY: the handler makes one system call; which signal that is matters to nobody, for this process does not go on
    // as what it was.
    unsafe { sigaction(TELLING, &action) }?;
    loop {
        let Some(before) = others()? else { return Ok(()) };
        sleep(LOOK_AGAIN_IN);
        let at_rest = before.iter().all(|other| other.is_at_rest) && others()?.as_ref() == Some(&before);
        for other in before.iter().filter(|_| at_rest) {
            // SAFETY: takes three numbers; whoever has left meanwhile is not found.
            unsafe { libc::syscall(libc::SYS_tgkill, getpid().as_raw(), other.number, TELLING as c_int) };
        }
        if Instant::now() >= end {
            return Err(Errno::EBUSY.into());
        }
    }
}

/// Which signal tells a thread to end. It is made the default again with all others.
const TELLING: Signal = Signal::SIGUSR1;

/// Ends the thread that it interrupts, without anything that the thread would do at its end.
extern "C" fn leave(_: c_int) {
    // SAFETY: ends this thread and nothing else; its stack stays, and all that it was going to drop.
    unsafe { libc::syscall(libc::SYS_exit, 0) };
}

/// Another thread of this process, as /proc shows it.
#[derive(Debug, PartialEq, Eq)]
struct Other {
    number: i32,
    is_at_rest: bool,
    /// How often it was given the processor, and gave it up: the same as before means that it has not run.
    turns: Vec<String>,
}

/// All other threads; none, if there is none.
fn others() -> io::Result<Option<Vec<Other>>> {
    let mut others = Vec::new();
    for entry in fs::read_dir("/proc/self/task")? {
        let entry = entry?;
        let Some(number) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        if number != getpid().as_raw() {
            // One that has just left is seen to be gone by the next look.
            let status = fs::read_to_string(entry.path().join("status")).unwrap_or_default();
            others.push(Other::parse(number, &status));
        }
    }
    Ok((!others.is_empty()).then_some(others))
}

impl Other {
    fn parse(number: i32, status: &str) -> Self {
        let turns =
            status.lines().filter(|line| line.contains("ctxt_switches:")).map(str::to_owned).collect();
        Self { number, is_at_rest: status.lines().any(|line| line.starts_with("State:\tS")), turns }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_run_meanwhile_is_another() {
        let status = |state: &str, turns: u32| {
            format!(
                "Name:\ta\nState:\t{state}\nvoluntary_ctxt_switches:\t{turns}\nnonvoluntary_ctxt_switches:\t0\n"
            )
        };
        let at_rest = Other::parse(7, &status("S (sleeping)", 1));
        assert!(at_rest.is_at_rest && !Other::parse(7, &status("R (running)", 1)).is_at_rest);
        assert!(!Other::parse(7, &status("D (disk sleep)", 1)).is_at_rest && !Other::parse(7, "").is_at_rest);
        assert_eq!(at_rest, Other::parse(7, &status("S (sleeping)", 1)));
        assert_ne!(at_rest, Other::parse(7, &status("S (sleeping)", 2)));
    }

    #[test]
    fn another_thread_than_the_first_ends_nobody() {
        let other = std::thread::spawn(|| end_other_threads(Duration::ZERO));
        let refused = other.join().expect("it lives").map_err(|error| error.raw_os_error());
        assert_eq!(refused, Err(Some(libc::EPERM)));
    }
}
