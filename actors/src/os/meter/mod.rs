//! What trees use, looked at from outside, for the limits that nobody holds for us: CPU time, and memory and processes where
//! no controller of the kernel's does.
//!
//! For the guardian. It decides when to look, and at what; what is done about it is the supervisor's. It must never signal
//! a process, and never take more than a hundredth of a CPU.

mod judge;
pub(super) mod net;
mod reading;

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};
use nix::unistd::{Pid, SysconfVar, getpid, sysconf};

use super::TreeLimits;
use super::cgroup::QueryGroups;
use super::evidence::{Seen, What};
use super::tree::Peek;
use judge::{Budget, Reading, Spent, Watch};
use reading::Used;

/// A round is broken off after this, so that nobody waits longer for the guardian; what is overdue comes first in the next.
const LONGEST_ROUND: Duration = Duration::from_millis(5);
/// How often the machine's count of kills for want of memory is read.
const MACHINE_EVERY: Duration = Duration::from_secs(5);

/// A leader that has never been as large as this was killed by somebody else. (The guardian counts into it: a child shares its
/// memory until it has executed its program.)
const SMALLEST_VICTIM_KIB: u64 = 32 * 1024;

/// A tree with limits.
struct Watched {
    leader: Pid,
    watch: Watch,
    due: Instant,
    spent: Spent,
    /// What was told of it: everything once.
    told: Vec<What>,
}

/// The meter.
pub(super) struct Meter {
    watched: HashMap<u64, Watched>,
    queue: BTreeSet<(Instant, u64)>,
    budget: Budget<Instant>,
    machine: Machine,
    cpus: u32,
    ticks_a_second: u64,
    page: u64,
}

/// How many processes the kernel has killed for want of memory: at two earlier times, for a kill may be counted shortly
/// before it is seen.
struct Machine {
    before: Option<u64>,
    last: Option<u64>,
    read: Option<Instant>,
}

impl Meter {
    /// One that watches nothing.
    pub(super) fn new() -> Self {
        let constant = |name, otherwise: u64| {
            let value = sysconf(name).ok().flatten().and_then(|value| u64::try_from(value).ok());
            value.filter(|value| *value > 0).unwrap_or(otherwise)
        };
        let cpus = std::thread::available_parallelism().map_or(1, |cpus| cpus.get());
        Self {
            watched: HashMap::new(),
            queue: BTreeSet::new(),
            budget: Budget::new(),
            machine: Machine { before: None, last: None, read: None },
            cpus: u32::try_from(cpus).unwrap_or(u32::MAX),
            ticks_a_second: constant(SysconfVar::CLK_TCK, 100),
            page: constant(SysconfVar::PAGE_SIZE, 4096),
        }
    }

    /// Watches the tree of a new leader, if it has limits. `held`: whether the kernel holds memory and processes.
    pub(super) fn watch(&mut self, id: u64, leader: Pid, limits: TreeLimits, held: (bool, bool)) {
        if limits.is_empty() {
            return;
        }
        let watch = Watch { limits, kernel_holds_memory: held.0, kernel_holds_processes: held.1 };
        let due = Instant::now() + watch.next_look(&Reading::default(), self.cpus);
        self.queue.insert((due, id));
        self.watched.insert(id, Watched { leader, watch, due, spent: Spent::default(), told: Vec::new() });
    }

    /// How long until something is to be looked at.
    pub(super) fn wait(&self, now: Instant) -> Option<Duration> {
        let (due, _) = self.queue.first()?;
        Some(self.budget.not_before(*due).saturating_duration_since(now))
    }

    /// A round: looks at each tree that is due, and tells what is above a limit for the first time. `members` lists the
    /// processes of a tree, where they have to be known.
    pub(super) fn round<'a>(
        &mut self,
        now: Instant,
        groups: impl Fn(u64) -> Option<&'a QueryGroups>,
        mut members: impl FnMut(u64, Pid) -> Vec<i32>,
        mut tell: impl FnMut(u64, Seen),
    ) {
        if self.wait(now).is_none_or(|wait| !wait.is_zero()) {
            return;
        }
        let begun = cpu_time();
        while let Some((due, id)) = self.queue.first().copied().filter(|(due, _)| *due <= now) {
            self.queue.remove(&(due, id));
            let (Some(watched), Some(groups)) = (self.watched.get_mut(&id), groups(id)) else { continue };
            let reading = watched.read(groups, self.ticks_a_second, self.page, &mut members, id);
            for seen in watched.watch.excesses(&reading) {
                if !watched.told.contains(&seen.what) {
                    watched.told.push(seen.what);
                    tell(id, seen);
                }
            }
            watched.due = now + watched.watch.next_look(&reading, self.cpus);
            self.queue.insert((watched.due, id));
            if cpu_time().saturating_sub(begun) >= LONGEST_ROUND {
                break;
            }
        }
        self.budget.spend(now, cpu_time().saturating_sub(begun));
    }

    /// Reads the machine's count now and then, while something runs.
    pub(super) fn read_machine(&mut self, now: Instant) {
        self.machine.keep(now);
    }

    /// A leader has left. What its end says of a limit, if anything: a kernel's kill in its group, a limit of its processes
    /// that it ran into, the nets of its CPU time, or a SIGKILL while the machine was out of memory. (Whether that SIGKILL
    /// was provisor's own, the supervisor knows.)
    pub(super) fn left(&mut self, id: u64, peek: &Peek, groups: &QueryGroups) -> Option<Seen> {
        let limits = self.watched.remove(&id).map_or_else(TreeLimits::default, |watched| {
            self.queue.remove(&(watched.due, id));
            watched.watch.limits
        });
        let refused = || at_least_one(What::Refused, groups.refused_processes());
        kills_in(groups)
            .or_else(|| limits.processes.and_then(|_| refused()))
            .or_else(|| cpu_net_caught(limits, peek))
            .or_else(|| {
                let may_be = is_worth_killing(peek);
                at_least_one(What::MachineKills, if may_be { self.machine.kills_since() } else { 0 })
            })
    }
}

fn at_least_one(what: What, value: u64) -> Option<Seen> {
    (value > 0).then_some(Seen { what, value })
}

/// What the kernel has killed in a group for want of memory, and whose it was.
fn kills_in(groups: &QueryGroups) -> Option<Seen> {
    let seen = at_least_one(What::OthersKills, groups.oom_kills())?;
    let is_its_own = groups.ran_into_its_limit();
    Some(if is_its_own { Seen { what: What::MemoryKills, ..seen } } else { seen })
}

/// Whether a process may have been killed for want of memory: by SIGKILL, and not as small as those that somebody else
/// kills. The kernel takes the largest that there is.
fn is_worth_killing(peek: &Peek) -> bool {
    peek.signalled && peek.status == libc::SIGKILL && peek.max_rss_kib >= SMALLEST_VICTIM_KIB
}

/// Whether a process that has left was ended by its RLIMIT_CPU.
fn cpu_net_caught(limits: TreeLimits, peek: &Peek) -> Option<Seen> {
    let limit = limits.cpu?;
    let (_, hard) = net::cpu_seconds(limit);
    let used = Duration::from_micros(peek.cpu_us);
    // The kernel looks at what it has counted by ticks, which on a busy machine is ahead of the time that it tells of. The
    // signal comes a second after the limit at least, and one that comes before it is somebody's.
    let by_signal = match peek.status {
        libc::SIGXCPU => used >= limit,
        libc::SIGKILL => used >= Duration::from_secs(hard).mul_f64(0.9),
        _ => false,
    };
    (peek.signalled && by_signal).then_some(Seen { what: What::CpuSignal, value: peek.cpu_us })
}

impl Watched {
    fn read(
        &mut self,
        groups: &QueryGroups,
        ticks_a_second: u64,
        page: u64,
        members: &mut impl FnMut(u64, Pid) -> Vec<i32>,
        id: u64,
    ) -> Reading {
        let Watch { limits, kernel_holds_memory, kernel_holds_processes } = self.watch;
        let cpu = limits.cpu.and_then(|_| groups.cpu());
        let must_walk = (limits.cpu.is_some() && cpu.is_none())
            || (limits.memory.is_some() && !kernel_holds_memory)
            || (limits.processes.is_some() && !kernel_holds_processes);
        let tree: Vec<Used> = if must_walk {
            members(id, self.leader).into_iter().filter_map(used).collect()
        } else {
            Vec::new()
        };
        let walked = || {
            let ticks = self.spent.take_in(&tree, self.leader.as_raw(), getpid().as_raw());
            Duration::from_millis(ticks.saturating_mul(1000) / ticks_a_second)
        };
        let memory = limits.memory.filter(|_| !kernel_holds_memory);
        Reading {
            cpu: cpu.unwrap_or_else(walked),
            memory: memory.map_or(0, |limit| memory_of(&tree, page, limit)),
            processes: u32::try_from(tree.len()).unwrap_or(u32::MAX),
            kills: kills_in(groups),
            refused: limits.processes.map_or(0, |_| groups.refused_processes()),
        }
    }
}

fn used(pid: i32) -> Option<Used> {
    Used::parse(pid, &fs::read(format!("/proc/{pid}/stat")).ok()?)
}

/// The sum of the resident sets; where that is above the limit, what each has of what is shared is counted only once.
fn memory_of(tree: &[Used], page: u64, limit: u64) -> u64 {
    let resident = |used: &Used| used.pages.saturating_mul(page);
    let most = tree.iter().map(resident).fold(0, u64::saturating_add);
    if most <= limit {
        return most;
    }
    // A process that may not be asked (it is another user's now) counts as before.
    let share = |used: &Used| {
        let text = fs::read_to_string(format!("/proc/{}/smaps_rollup", used.pid)).ok()?;
        reading::share_kib(&text).map(|kib| kib.saturating_mul(1024))
    };
    tree.iter().map(|used| share(used).unwrap_or_else(|| resident(used))).fold(0, u64::saturating_add)
}

impl Machine {
    fn keep(&mut self, now: Instant) {
        if self.read.is_none_or(|read| now.saturating_duration_since(read) >= MACHINE_EVERY) {
            self.read = Some(now);
            (self.before, self.last) = (self.last, count_kills());
        }
    }

    /// How many there were since about five to ten seconds ago.
    fn kills_since(&self) -> u64 {
        let before = self.before.or(self.last);
        before.and_then(|before| Some(count_kills()?.saturating_sub(before))).unwrap_or(0)
    }
}

fn count_kills() -> Option<u64> {
    reading::kills(&fs::read_to_string("/proc/vmstat").ok()?)
}

/// The CPU time of this thread: what it waited for a CPU, or for a lock, costs nobody anything. By its clock: `getrusage`
/// knows a thread's time as of the last tick only, some milliseconds ago.
pub(super) fn cpu_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signalled(status: i32, cpu_ms: u64) -> Peek {
        Peek { signalled: true, status, cpu_us: cpu_ms * 1000, max_rss_kib: 1 << 20 }
    }

    #[test]
    fn the_nets_of_cpu_time_are_told_from_other_signals() {
        let limits = TreeLimits { cpu: Some(Duration::from_secs(2)), ..TreeLimits::default() };
        let caught = |peek: Peek| cpu_net_caught(limits, &peek).map(|seen| (seen.what, seen.value));
        assert_eq!(caught(signalled(libc::SIGXCPU, 3001)), Some((What::CpuSignal, 3_001_000)));
        assert_eq!(
            caught(signalled(libc::SIGXCPU, 2010)),
            Some((What::CpuSignal, 2_010_000)),
            "early, and not too early"
        );
        assert_eq!(caught(signalled(libc::SIGXCPU, 1990)), None, "somebody sent it");
        assert_eq!(caught(signalled(libc::SIGKILL, 8001)), Some((What::CpuSignal, 8_001_000)));
        assert_eq!(caught(signalled(libc::SIGKILL, 5000)), None);
        assert_eq!(caught(signalled(libc::SIGTERM, 9000)), None);
        assert_eq!(caught(Peek { signalled: false, ..signalled(libc::SIGXCPU, 9000) }), None, "a code");
        assert_eq!(cpu_net_caught(TreeLimits::default(), &signalled(libc::SIGXCPU, 9000)), None, "not ours");
    }

    #[test]
    fn small_ones_and_other_signals_are_no_victims() {
        assert!(is_worth_killing(&signalled(libc::SIGKILL, 0)));
        assert!(!is_worth_killing(&signalled(libc::SIGSEGV, 0)));
        assert!(!is_worth_killing(&Peek { max_rss_kib: 9000, ..signalled(libc::SIGKILL, 0) }));
    }

    #[test]
    fn kills_are_counted_from_the_reading_before_the_last() {
        let Some(now) = count_kills() else { return };
        let machine = |before, last| Machine { before, last, read: None }.kills_since();
        assert_eq!(machine(Some(now.saturating_sub(2)), Some(now)), now.min(2));
        assert_eq!(machine(None, Some(now)), 0);
        assert_eq!(machine(None, None), 0, "nothing is known");
    }
}
