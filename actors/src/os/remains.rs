//! What a run has left whose supervisor and guardian are both dead: found by the groups and the cookies of that run, and
//! killed.
//!
//! For a supervisor at its start, while it holds the lock that both of the dead ones held. It must never kill a process
//! because of its number: a pidfd is opened first, what the process is of is looked at then, and the signal goes to the
//! pidfd. Nor must it kill itself or its guardian: a supervisor may be started from a shell that a run has left.

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::unistd::getpid;

use super::cgroup;
use super::mark::{self, COOKIE, Mark};
use super::tree;

/// Between two looks. What is amid an exec shows no cookie, and is seen by the next.
const LOOK_AGAIN_IN: Duration = Duration::from_millis(5);

/// What there was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remains {
    /// How many processes were killed.
    pub killed: u32,
    /// Those that were there all the same when the time was over.
    pub left: Vec<i32>,
    /// Whether a group could not be cleared.
    pub is_group_left: bool,
}

/// Kills what is left of the runs with these tokens and in these groups, again and again until nothing is found or the
/// time is over. Blocks. `guardian`: the number of our own.
pub fn kill_remains(
    tokens: &[Box<str>],
    groups: &[PathBuf],
    guardian: Option<u32>,
    time: Duration,
) -> Remains {
    let end = Instant::now() + time;
    let mut killed = HashSet::new();
    let (mut quiet, mut left) = (0, Vec::new());
    let spared: Vec<i32> = lineage(getpid().as_raw()).chain(guardian.map(u32::cast_signed)).collect();
    // Counted before the groups are ended.
    kill_marked(tokens, &spared, &mut killed);
    let is_group_left = !kill_groups(groups, time);
    while quiet < 2 && Instant::now() < end {
        left = kill_marked(tokens, &spared, &mut killed);
        quiet = if left.is_empty() { quiet + 1 } else { 0 };
        sleep(LOOK_AGAIN_IN);
    }
    Remains { killed: u32::try_from(killed.len()).unwrap_or(u32::MAX), left, is_group_left }
}

/// Kills whatever is in these groups of a run, and removes them. True: nothing is left of them.
pub fn kill_groups(groups: &[PathBuf], time: Duration) -> bool {
    cgroup::end_left(groups, time)
}

/// Kills each process that has the cookie of such a run, but for those that are spared. Returns those that it found.
fn kill_marked(tokens: &[Box<str>], spared: &[i32], killed: &mut HashSet<i32>) -> Vec<i32> {
    let mut found = Vec::new();
    let names = fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.file_name());
    for pid in names.filter_map(|name| name.to_str()?.parse::<i32>().ok()).filter(|pid| !spared.contains(pid))
    {
        let Ok(pidfd) = tree::pidfd_open(pid) else { continue };
        let Mark::Cookie(cookie) = mark::mark_of(pid) else { continue };
        if !tokens.iter().any(|token| is_of(&cookie, token)) {
            continue;
        }
        found.push(pid);
        if tree::pidfd_signal(&pidfd, Signal::SIGKILL).is_ok() {
            killed.insert(pid);
        }
    }
    found
}

/// A process and all its ancestors.
fn lineage(pid: i32) -> impl Iterator<Item = i32> {
    std::iter::successors(Some(pid), |pid| Some(tree::stat(*pid)?.parent).filter(|parent| *parent > 0))
}

/// Whether a cookie is of the run with this token.
fn is_of(cookie: &[u8], token: &str) -> bool {
    let rest = cookie.strip_prefix(COOKIE.as_bytes()).and_then(|rest| rest.strip_prefix(b"="));
    let rest = rest.and_then(|rest| rest.strip_prefix(token.as_bytes()));
    !token.is_empty() && rest.is_some_and(|rest| rest.starts_with(b"/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_of_one_run_only() {
        assert!(is_of(b"PROVISOR_ATTEMPT=abc/1/2", "abc"));
        for cookie in [
            &b"PROVISOR_ATTEMPT=abcd/1/2"[..],
            b"PROVISOR_ATTEMPT=ab/1/2",
            b"PROVISOR_ATTEMPT=abc",
            b"X=abc/1",
        ] {
            assert!(!is_of(cookie, "abc"));
        }
        assert!(!is_of(b"PROVISOR_ATTEMPT=/1/2", ""), "nothing is of a run without a token");
    }
}
