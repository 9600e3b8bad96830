//! What the supervisor does when its guardian is dead: the children of a dead guardian become its own.
//!
//! The direct children die with the guardian by themselves; their descendants do not. To be used after
//! [`guardian_gone`](super::local::LocalLauncher::guardian_gone) only; it must never be used while a guardian works.

use std::collections::HashSet;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::unistd::getpid;

use super::mark;
use super::tree::{self, Proc, Reaped};

/// Which children of this process are orphans of a guardian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Orphans {
    /// None: this process is no subreaper, and they go past it.
    None,
    /// All: this process has no other children, and had none when the guardian was forked
    /// ([`GuardianHandle::orphans`](super::guardian::GuardianHandle::orphans)).
    All,
    /// Those that have the mark of a query in their environment: for a program that starts others as well, or was started
    /// by a shell that had done so. (The dead show no mark any more; their zombies are not reaped.)
    Marked,
}

/// Kills what a dead guardian has left to this process, and what is below, until nothing comes any more or the time is
/// over. Returns how many were killed, and whether nothing is left. Blocks for some milliseconds.
pub fn kill_orphans(which: Orphans, time: Duration) -> (u32, bool) {
    let end = Instant::now() + time;
    let proc = Proc::new();
    let own_mark = mark::cookie_of(getpid().as_raw());
    let mut killed = HashSet::new();
    let mut quiet = 0;
    while quiet < 2 && Instant::now() < end {
        let mut found = proc.all_children();
        found.retain(|pid| killed.contains(pid) || which.includes(*pid, own_mark.as_deref()));
        quiet = if found.is_empty() { quiet + 1 } else { 0 };
        for pid in found {
            if tree::reap(pid) == Reaped::Lives && killed.insert(pid) {
                // Where all are meant, what is below becomes ours in its turn, and to go looking for it would give it time.
                if which == Orphans::Marked {
                    proc.signal_below(pid, Signal::SIGKILL, &mut |victim| {
                        killed.insert(victim);
                    });
                }
                let _ = tree::signal_own(pid, Signal::SIGKILL);
            }
        }
        sleep(Duration::from_millis(2));
    }
    (u32::try_from(killed.len()).unwrap_or(u32::MAX), quiet >= 2)
}

impl Orphans {
    /// A mark that is this process's own is no mark: it is itself a query of somebody's, and so are its children.
    fn includes(self, pid: i32, own_mark: Option<&[u8]>) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Marked => mark::cookie_of(pid).is_some_and(|mark| Some(mark.as_slice()) != own_mark),
        }
    }
}
