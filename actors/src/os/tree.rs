//! Trees of processes as /proc shows them: whose child is whose, and a signal for all of them.
//!
//! For the guardian, and for the supervisor once the guardian is dead. It must never signal a process by a number
//! that may have been given to another one meanwhile: a number is good only while its process is our own unreaped
//! child, or while a pidfd that was opened *before* its parent was looked up shows that it was the one meant.

#![expect(unsafe_code, reason = "waiting with resource usage, and pidfds")]

use std::fs::{self, File};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::ptr;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::{Pid, getpid, gettid};

/// How this kernel tells us about children.
enum Source {
    /// `/proc/PID/task/TID/children`; our own stays open.
    Lists(File),
    /// Only the parents in `/proc/*/stat` (no CONFIG_PROC_CHILDREN).
    Scan,
    /// There is no /proc, or it is that of another PID namespace.
    Nothing,
}

/// The eyes on /proc.
pub(super) struct Proc {
    source: Source,
    buffer: Vec<u8>,
}

/// What `/proc/PID/stat` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stat {
    /// It has ended, or is about to: its descriptors close a moment before it is a zombie, and one that was sent SIGKILL
    /// has not always had its turn since.
    pub(super) leaving: bool,
    /// The parent.
    pub(super) parent: i32,
    /// The group.
    pub(super) group: i32,
}

impl Proc {
    /// Looks at what there is. To be made on the thread whose children are meant.
    pub(super) fn new() -> Self {
        let ours = shows_us();
        let own = format!("/proc/self/task/{}/children", gettid());
        let source = match (ours, File::open(own)) {
            (false, _) => Source::Nothing,
            (true, Ok(file)) => Source::Lists(file),
            (true, Err(_)) => Source::Scan,
        };
        Self { source, buffer: vec![0; 16 * 1024] }
    }

    /// Our own children. This list is exact (unlike that of a stranger): only we can take something off it.
    pub(super) fn own_children(&mut self, found: &mut Vec<i32>) {
        found.clear();
        match &self.source {
            Source::Lists(file) => {
                let length = read_list(file, &mut self.buffer);
                found.extend(numbers(&self.buffer[..length]));
            }
            Source::Scan => scan_for(getpid().as_raw(), found),
            Source::Nothing => {}
        }
    }

    /// The children of this process, on all its threads.
    pub(super) fn all_children(&self) -> Vec<i32> {
        let mut found = Vec::new();
        self.children_of(getpid().as_raw(), &mut found);
        found
    }

    /// The children of a process, on all its threads; those that come and go meanwhile may be missed.
    fn children_of(&self, pid: i32, found: &mut Vec<i32>) {
        found.clear();
        match &self.source {
            Source::Lists(_) => {
                for task in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
                    if let Ok(list) = fs::read(task.path().join("children")) {
                        found.extend(numbers(&list));
                    }
                }
            }
            Source::Scan => scan_for(pid, found),
            Source::Nothing => {}
        }
    }

    /// Tells `count` of our own child `root` and of everything below it that is not leaving by itself. For counting only:
    /// a number may come to mean another process at any time.
    pub(super) fn count_alive(&self, root: i32, count: &mut dyn FnMut(i32)) {
        let (mut todo, mut children) = (vec![root], Vec::new());
        while let Some(pid) = todo.pop() {
            if stat(pid).is_some_and(|stat| !stat.leaving) {
                count(pid);
            }
            self.children_of(pid, &mut children);
            todo.append(&mut children);
        }
    }

    /// Sends a signal to every descendant of our own child `root` (not to itself) and to the groups that they lead;
    /// `hit` hears of each that was not leaving by itself.
    ///
    /// Each one's children are listed before it gets its signal: a dead one has none.
    pub(super) fn signal_below(&self, root: i32, signal: Signal, hit: &mut dyn FnMut(i32)) {
        let mut children = Vec::new();
        self.children_of(root, &mut children);
        let mut todo: Vec<(i32, i32)> = children.iter().map(|child| (*child, root)).collect();
        while let Some((pid, parent)) = todo.pop() {
            // The pidfd first, the parent then: if the process behind the pidfd has the parent under which we
            // found its number, it is that child, and the pidfd cannot come to mean another.
            let Ok(pidfd) = pidfd_open(pid) else { continue };
            let Some(stat) = stat(pid) else { continue };
            if stat.parent != parent && stat.parent != getpid().as_raw() {
                continue;
            }
            self.children_of(pid, &mut children);
            todo.extend(children.iter().map(|child| (*child, pid)));
            if !stat.leaving {
                hit(pid);
            }
            if stat.group == pid {
                let _ = pidfd_signal_group(&pidfd, signal);
            }
            let _ = pidfd_signal(&pidfd, signal);
        }
    }
}

/// Whether /proc is that of our PID namespace, so that its numbers mean what ours do.
pub(super) fn shows_us() -> bool {
    fs::read_link("/proc/self").is_ok_and(|link| link == Path::new(&getpid().to_string()))
}

/// Sends a signal to our own child, which we have not reaped, and to the group if it leads one. An error is the child's: it
/// runs with rights that we have not (EPERM).
pub(super) fn signal_own(pid: i32, signal: Signal) -> nix::Result<()> {
    let pid = Pid::from_raw(pid);
    if nix::unistd::getpgid(Some(pid)) == Ok(pid) {
        let _ = killpg(pid, signal);
    }
    kill(pid, signal)
}

/// How a child left, and what it cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Peek {
    /// By a signal, in place of a code.
    pub(super) signalled: bool,
    /// The signal or the code.
    pub(super) status: i32,
    /// User and system time, in microseconds.
    pub(super) cpu_us: u64,
    /// The largest resident set, in KiB.
    pub(super) max_rss_kib: u64,
}

/// Looks at a dead child without reaping it: the zombie keeps its number, its group's and its session's from being
/// given away, so that the group may still be killed by it.
pub(super) fn peek(pid: Pid) -> Option<Peek> {
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    // SAFETY: the raw call, as libc's has no fifth argument (what the child cost); both places are large enough.
    // Zeroes are a valid value of both structures, so that they may be read even where the call wrote nothing.
    let (result, info, usage) = unsafe {
        let (info_at, usage_at) = (info.as_mut_ptr(), usage.as_mut_ptr());
        let result = libc::syscall(libc::SYS_waitid, libc::P_PID, pid.as_raw(), info_at, options, usage_at);
        (result, info.assume_init(), usage.assume_init())
    };
    // SAFETY: reads a field that every siginfo of a wait has; zero where nothing was there to wait for.
    if result < 0 || unsafe { info.si_pid() } == 0 {
        return None;
    }
    Some(Peek {
        signalled: info.si_code != libc::CLD_EXITED,
        // SAFETY: as above.
        status: unsafe { info.si_status() },
        cpu_us: micros(usage.ru_utime).saturating_add(micros(usage.ru_stime)),
        max_rss_kib: u64::try_from(usage.ru_maxrss).unwrap_or(0),
    })
}

fn micros(time: libc::timeval) -> u64 {
    let part = |number: i64| u64::try_from(number).unwrap_or(0);
    part(time.tv_sec).saturating_mul(1_000_000).saturating_add(part(time.tv_usec))
}

/// What a wait that does not block found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reaped {
    /// A dead child, which is gone now.
    One(i32),
    /// It lives.
    Lives,
    /// No such child.
    NoChild,
}

/// Reaps a child of ours if it is dead; -1 means any.
pub(super) fn reap(pid: i32) -> Reaped {
    loop {
        // SAFETY: asks for nothing but the number.
        match unsafe { libc::waitpid(pid, ptr::null_mut(), libc::WNOHANG | libc::__WALL) } {
            0 => return Reaped::Lives,
            number if number > 0 => return Reaped::One(number),
            _ if Errno::last() == Errno::EINTR => {}
            _ => return Reaped::NoChild,
        }
    }
}

/// Reaps a child that is known to be leaving.
pub(super) fn reap_now(pid: Pid) {
    // SAFETY: asks for nothing but the number.
    while unsafe { libc::waitpid(pid.as_raw(), ptr::null_mut(), libc::__WALL) } < 0
        && Errno::last() == Errno::EINTR
    {}
}

/// Reaps the child that a pidfd means, if it is dead. Others may reap the children of this process, too, and its number may
/// mean another of them by now: so not by that.
pub(super) fn reap_by(pidfd: &OwnedFd) -> Reaped {
    let Ok(raw) = libc::id_t::try_from(pidfd.as_raw_fd()) else { return Reaped::NoChild };
    loop {
        let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
        let options = libc::WEXITED | libc::WNOHANG | libc::__WALL;
        // SAFETY: a place for the answer; zeroes are a valid one, and stay where there is nothing to be told.
        let (result, info) = unsafe {
            let result = libc::waitid(libc::P_PIDFD, raw, info.as_mut_ptr(), options);
            (result, info.assume_init())
        };
        // SAFETY: reads a field that every siginfo of a wait has.
        match (result, unsafe { info.si_pid() }) {
            (0, 0) => return Reaped::Lives,
            (0, pid) => return Reaped::One(pid),
            _ if Errno::last() == Errno::EINTR => {}
            _ => return Reaped::NoChild,
        }
    }
}

/// Waits until the child that a pidfd means is dead, and reaps it; not longer than this.
pub(super) fn reap_soon(pidfd: &OwnedFd, time: Duration) {
    let mut polled = [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)];
    let end = Instant::now() + time;
    while reap_by(pidfd) == Reaped::Lives && Instant::now() < end {
        let _ = poll(&mut polled, PollTimeout::from(100_u8));
    }
}

/// A descriptor that means this process, and never another.
pub(super) fn pidfd_open(pid: i32) -> io::Result<OwnedFd> {
    // SAFETY: takes two numbers.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    let fd = i32::try_from(fd).ok().filter(|fd| *fd >= 0).ok_or_else(io::Error::last_os_error)?;
    // SAFETY: the kernel has just made it (close-on-exec, always), and only we know it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Sends a signal to the process that a pidfd means.
pub(super) fn pidfd_signal(pidfd: &OwnedFd, signal: Signal) -> io::Result<()> {
    pidfd_send(pidfd, signal, 0)
}

/// Sends a signal to the whole group that the process leads which a pidfd means. An error before Linux 6.9.
fn pidfd_signal_group(pidfd: &OwnedFd, signal: Signal) -> io::Result<()> {
    pidfd_send(pidfd, signal, libc::PIDFD_SIGNAL_PROCESS_GROUP)
}

fn pidfd_send(pidfd: &OwnedFd, signal: Signal, flags: u32) -> io::Result<()> {
    // SAFETY: an open pidfd, a number, no siginfo, flags.
    let result = unsafe {
        let nothing = ptr::null::<libc::siginfo_t>();
        libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), signal as i32, nothing, flags)
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Reads a list from its beginning. The kernel fills a page at a time: less than half of one is all there is, so that
/// the usual list costs one call.
fn read_list(file: &File, buffer: &mut Vec<u8>) -> usize {
    let mut length = 0;
    loop {
        if buffer.len() - length < 8192 {
            buffer.resize(buffer.len() * 2, 0);
        }
        match file.read_at(&mut buffer[length..], length as u64) {
            Ok(0) => return length,
            Ok(more) if length == 0 && more < 2048 => return more,
            Ok(more) => length += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return length,
        }
    }
}

fn numbers(list: &[u8]) -> impl Iterator<Item = i32> {
    list.split(u8::is_ascii_whitespace).filter_map(number)
}

fn number(text: &[u8]) -> Option<i32> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn scan_for(parent: i32, found: &mut Vec<i32>) {
    let names = fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.file_name());
    let pids = names.filter_map(|name| number(name.as_encoded_bytes()));
    found.extend(pids.filter(|pid| stat(*pid).is_some_and(|stat| stat.parent == parent)));
}

/// What /proc says of a process.
pub(super) fn stat(pid: i32) -> Option<Stat> {
    parse_stat(&fs::read(format!("/proc/{pid}/stat")).ok()?)
}

/// Whether SIGKILL was sent to a process that has not been reaped since. From when it has taken it up until it leaves, `stat`
/// does not show that; the signals that wait for the process as a whole do, unless a control group was killed.
pub(super) fn was_sent_sigkill(pid: i32) -> bool {
    fs::read(format!("/proc/{pid}/status")).is_ok_and(|status| shows_sigkill(&status))
}

fn shows_sigkill(status: &[u8]) -> bool {
    let mask = status.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"ShdPnd:\t"));
    let mask = mask.and_then(|mask| u64::from_str_radix(std::str::from_utf8(mask).ok()?, 16).ok());
    mask.is_some_and(|mask| mask & SIGKILL_WAITS != 0)
}

/// The name stands in brackets and may hold anything, brackets too: the last one ends it.
fn parse_stat(text: &[u8]) -> Option<Stat> {
    let end = text.iter().rposition(|byte| *byte == b')')?;
    let mut fields = text[end + 1..].split(u8::is_ascii_whitespace).filter(|field| !field.is_empty());
    let state = *fields.next()?.first()?;
    let (parent, group) = (number(fields.next()?)?, number(fields.next()?)?);
    // After session, terminal and its group: the flags.
    let flags: u32 = std::str::from_utf8(fields.nth(3)?).ok()?.parse().ok()?;
    // From the first of faults on it is the 22nd: the signals that wait, as a mask.
    let waiting: u64 =
        fields.nth(21).and_then(|mask| std::str::from_utf8(mask).ok()?.parse().ok()).unwrap_or(0);
    let leaving = matches!(state, b'Z' | b'X') || flags & PF_EXITING != 0 || waiting & SIGKILL_WAITS != 0;
    Some(Stat { leaving, parent, group })
}

/// The kernel's flag of a process on its way out.
const PF_EXITING: u32 = 4;
/// The bit of SIGKILL among the signals that wait.
const SIGKILL_WAITS: u64 = 1 << (libc::SIGKILL - 1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_does_not_confuse() {
        let stat = parse_stat(b"12 (a) R 1 (b)) S 7 8 9 0 -1 4194304 0").expect("a stat line");
        assert_eq!(stat, Stat { leaving: false, parent: 7, group: 8 });
        let leaving = |line: &[u8]| parse_stat(line).expect("a stat line").leaving;
        assert!(leaving(b"12 (a) R 7 8 9 0 -1 4194308 0") && leaving(b"12 (a) Z 7 8 9 0 -1 0 0"));
        let mut waiting =
            b"12 (a) R 7 8 9 0 -1 4194304 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 256"
                .to_vec();
        assert!(leaving(&waiting), "it was sent SIGKILL");
        *waiting.last_mut().expect("a digit") = b'4';
        assert!(!leaving(&waiting));
        assert_eq!(parse_stat(b""), None);
        assert_eq!(parse_stat(b"12 (a"), None);
    }

    #[test]
    fn a_sigkill_that_was_taken_up_shows_among_those_that_wait_for_the_whole_process() {
        let status =
            |shared: &str| format!("Name:\ta\nSigPnd:\t0000000000000100\nShdPnd:\t{shared}\nSigBlk:\t0\n");
        assert!(shows_sigkill(status("0000000000000100").as_bytes()));
        assert!(!shows_sigkill(status("0000000000004001").as_bytes()) && !shows_sigkill(b""));
    }

    #[test]
    fn lists_are_read() {
        assert_eq!(numbers(b"12 345 6 ").collect::<Vec<_>>(), [12, 345, 6]);
    }
}
