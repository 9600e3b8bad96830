//! The limits that a child takes along for the case that nobody looks in time: the kernel's own, of a single process or of a
//! user, and so a little above those of the tree.

use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit};
use nix::unistd::geteuid;

use super::super::TreeLimits;

/// What a process may use of CPU time above the limit of its tree before the kernel sends SIGXCPU,
const CPU_SPARE: u64 = 1;
/// and how long after that SIGKILL.
const CPU_GRACE: u64 = 5;
/// What a user may start above what there is and what the tree may have: other trees of the same user grow as well.
const PROCESSES_SPARE: u64 = 1024;

/// By so much more than ourselves a child is to be killed when the machine is out of memory: as if it had a fifth of it
/// besides what it has.
const OOM_SCORE_ABOVE: i32 = 200;
const HIGHEST_OOM_SCORE: i32 = 1000;

/// What a child is to write into its `oom_score_adj`: the kernel shall rather take a query than what holds the run together.
pub(in crate::os) fn oom_score() -> String {
    let own = std::fs::read_to_string("/proc/self/oom_score_adj").unwrap_or_default();
    let own: i32 = own.trim().parse().unwrap_or(0);
    (own + OOM_SCORE_ABOVE).min(HIGHEST_OOM_SCORE).to_string()
}

/// What is set in a child before its program runs.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::os) struct Nets {
    pub(in crate::os) cpu: Option<libc::rlimit>,
    pub(in crate::os) processes: Option<libc::rlimit>,
}

impl Nets {
    /// Those of a child with these limits. `kernel_holds_processes`: there is a better net.
    pub(in crate::os) fn of(limits: TreeLimits, kernel_holds_processes: bool) -> Self {
        let cpu = limits.cpu.map(|limit| {
            let (soft, hard) = cpu_seconds(limit);
            below(Resource::RLIMIT_CPU, soft, hard)
        });
        // It is one of a user, and root has none.
        let processes = limits.processes.filter(|_| !kernel_holds_processes && !geteuid().is_root());
        let processes = processes.map(|limit| {
            let most = processes_there_are() + u64::from(limit) + PROCESSES_SPARE;
            below(Resource::RLIMIT_NPROC, most, most)
        });
        Self { cpu, processes }
    }
}

/// When the kernel sends SIGXCPU, and when SIGKILL.
pub(super) fn cpu_seconds(limit: Duration) -> (u64, u64) {
    let full = limit.as_secs().saturating_add(u64::from(limit.subsec_nanos() > 0));
    let soft = full.saturating_add(CPU_SPARE);
    (soft, soft.saturating_add(CPU_GRACE))
}

/// A hard limit that is there already cannot be raised.
fn below(resource: Resource, soft: u64, hard: u64) -> libc::rlimit {
    let most = getrlimit(resource).map_or(libc::RLIM_INFINITY, |(_, hard)| hard);
    libc::rlimit { rlim_cur: soft.min(most), rlim_max: hard.min(most) }
}

/// Of all users, threads too: the fourth field of /proc/loadavg, `running/all`.
fn processes_there_are() -> u64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    all_of(&text).unwrap_or(0)
}

fn all_of(loadavg: &str) -> Option<u64> {
    loadavg.split_ascii_whitespace().nth(3)?.split_once('/')?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nets_are_above_the_limit() {
        assert_eq!(cpu_seconds(Duration::from_millis(1500)), (3, 8));
        assert_eq!(cpu_seconds(Duration::from_secs(2)), (3, 8));
        assert_eq!(cpu_seconds(Duration::from_secs(u64::MAX)), (u64::MAX, u64::MAX));
        assert_eq!(all_of("0.20 0.18 0.12 1/80 11206\n"), Some(80));
        assert!(processes_there_are() > 1);
    }

    #[test]
    fn there_is_none_without_a_limit() {
        let nets = Nets::of(TreeLimits::default(), false);
        assert!(nets.cpu.is_none() && nets.processes.is_none());
        let held = TreeLimits { processes: Some(5), ..TreeLimits::default() };
        assert!(Nets::of(held, true).processes.is_none());
    }
}
