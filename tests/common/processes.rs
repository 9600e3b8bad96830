//! The processes of a run, as `/proc` shows them, and how they are killed.

use std::fs;
use std::process::Command;

use super::{Started, wait_until};

/// The guardian of the provisor with this pid.
pub(crate) fn guardian_of(provisor: i32) -> i32 {
    child_of(provisor, "pv-guardian")
}

/// The child of this process that has this name.
pub(crate) fn child_of(pid: i32, name: &str) -> i32 {
    let (children, name) = (format!("/proc/{pid}/task/{pid}/children"), format!("{name}\n"));
    let mut found = None;
    wait_until(&format!("{pid} has a child {name}"), || {
        let children = fs::read_to_string(&children).unwrap_or_default();
        let has_it =
            |pid: &i32| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm == name);
        found = children.split_whitespace().filter_map(|pid| pid.parse().ok()).find(has_it);
        found.is_some()
    });
    found.expect("found")
}

/// The processes that have this text in their environment: the children of a run whose spec sets it.
pub(crate) fn alive_with(mark: &str) -> Vec<i32> {
    let mut alive = Vec::new();
    for entry in fs::read_dir("/proc").expect("this is Linux").flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
        if environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes()) {
            alive.push(pid);
        }
    }
    alive
}

/// What no other process of this machine is called, in whichever namespace of processes it is.
pub(crate) fn own_name() -> String {
    let namespace = fs::read_link("/proc/self/ns/pid").expect("a namespace");
    let digits = namespace.to_string_lossy().replace(|c: char| !c.is_ascii_digit(), "");
    format!("{digits}-{}", std::process::id())
}

/// A text for the environment of a run's children by which [`alive_with`] finds those of this test alone.
pub(crate) fn mark(name: &str) -> String {
    format!("{name}-{}", own_name())
}

pub(crate) fn pids() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").expect("this is Linux").flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The letter of a process's state.
pub(crate) fn state(pid: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

/// A field of `/proc/PID/status`; empty where there is no such process.
pub(crate) fn status_of(pid: impl std::fmt::Display, field: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let value = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(":\t"));
    value.unwrap_or_default().to_owned()
}

/// The most memory that this process has had, in KiB; none once it has ended.
pub(crate) fn peak_kib(pid: impl std::fmt::Display) -> Option<u64> {
    status_of(pid, "VmHWM").trim().strip_suffix(" kB")?.parse().ok()
}

/// Sends a signal; false where there is no such process.
pub(crate) fn send(signal: &str, pid: impl std::fmt::Display) -> bool {
    let output = Command::new("kill").args(["-s", signal, &pid.to_string()]).output();
    output.expect("kill runs").status.success()
}

#[track_caller]
pub(crate) fn kill(pid: impl std::fmt::Display) {
    assert!(send("KILL", &pid), "{pid} can be killed");
}

/// Begins a command line that is executed by a user who may do little: root can.
pub(crate) const AS_NOBODY: [&str; 6] = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];

/// Kills a provisor and its guardian so that neither sees the other die.
pub(crate) fn kill_both(started: Started<'_>) {
    let guardian = guardian_of(started.pid());
    stop(started.pid());
    kill(guardian);
    started.signal("KILL");
    started.wait();
}

/// Stops a process and waits until every thread of it stands still: else one might still see another process die.
pub(crate) fn stop(pid: i32) {
    send("STOP", pid);
    wait_until("it stands still", || stands_still(pid));
}

/// Whether each of its threads is stopped, or has ended.
fn stands_still(pid: i32) -> bool {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return true };
    let stat = |task: fs::DirEntry| fs::read_to_string(task.path().join("stat")).unwrap_or_default();
    let stands = |stat: String| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['T', 'Z']));
    tasks.flatten().map(stat).all(stands)
}
