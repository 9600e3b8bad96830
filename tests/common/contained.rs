//! Where a test that kills runs: in a PID namespace of its own, with a limit on processes where it forks without
//! end, and with a look at what is left when it is over.
//!
//! A contained test is executed twice: the first time it starts itself again inside of the namespace, and the second
//! time it does its work there. Whatever it leaves behind ends with the namespace.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use super::processes::{pids, state};
use super::{Desk, skip_unless, wait_until};

/// Longer than any of these tests takes on a busy machine, in seconds.
const LONGEST: &str = "250";

/// Set for the second time: the name of the test that is contained.
const INSIDE: &str = "PROVISOR_TEST_INSIDE";

/// Runs a test in a namespace of its own and asserts that no process is left of it.
#[track_caller]
pub(crate) fn contained<F: FnOnce(&Desk)>(body: F) {
    enter(None, body);
}

/// The same, with a limit on processes, without which it is skipped.
#[track_caller]
pub(crate) fn limited<F: FnOnce(&Desk)>(processes: u32, body: F) {
    enter(Some(processes), body);
}

fn enter<F: FnOnce(&Desk)>(processes: Option<u32>, body: F) {
    let name = name_of::<F>();
    if std::env::var_os(INSIDE).is_some() {
        let desk = Desk::new(&name.replace("::", "-"));
        body(&desk);
        // A test that leaves early has killed provisor, whose guardian needs a moment.
        wait_until(&format!("no process is left: {:?}", others()), || others().is_empty());
        return;
    }
    let Some(mut command) = container() else {
        if skip_unless(processes.is_none(), "a test that forks without end needs a PID namespace") {
            return;
        }
        skip_unless(false, &format!("the namespace around {name}: this user may not make one"));
        return body(&Desk::new(&name.replace("::", "-")));
    };
    let group = processes.map(PidsGroup::new);
    if let Some(Err(why)) = &group {
        skip_unless(false, &format!("a limit on processes: {why}"));
        return;
    }
    let group = group.map(|group| group.expect("looked at above"));
    // The first process of a namespace lacks the default actions of signals: that is the shell.
    let join = group
        .as_ref()
        .map_or(String::new(), |group| format!("echo $$ > {}/cgroup.procs || exit; ", group.0.display()));
    let own = std::env::current_exe().expect("the path of this test");
    command.args(["sh", "-c", &format!("{join}\"$0\" --exact \"$1\" --nocapture --test-threads=1; exit $?")]);
    command.arg(own).arg(&name).env(INSIDE, &name).stdin(Stdio::null());
    let Output { status, stdout, stderr } = command.output().expect("unshare runs");
    print!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{name} fails in its namespace");
    assert!(
        String::from_utf8_lossy(&stdout).contains("1 passed"),
        "{name} was not run: is it the test's own name?"
    );
}

/// As libtest calls the test whose body this is.
fn name_of<F>() -> String {
    let name = std::any::type_name::<F>();
    let name = name.strip_suffix("::{{closure}}").expect("the body is a closure");
    name.split_once("::").expect("a path").1.to_owned()
}

/// What starts a program in a PID namespace of its own, for some time at most: as root, else in a user namespace, else
/// not at all.
fn container() -> Option<Command> {
    static WAY: OnceLock<Option<&'static [&'static str]>> = OnceLock::new();
    const ROOT: &[&str] = &["--pid", "--fork", "--mount-proc", "--kill-child"];
    const USER: &[&str] = &["--user", "--map-root-user", "--pid", "--fork", "--mount-proc", "--kill-child"];
    let works = |way: &&'static [&'static str]| {
        let probe = Command::new("unshare").args(*way).arg("true").stderr(Stdio::null()).status();
        probe.is_ok_and(|status| status.success())
    };
    let way = (*WAY.get_or_init(|| [ROOT, USER].into_iter().find(works)))?;
    let mut command = Command::new("timeout");
    // A thousand kills are asked for by hand and take their time.
    let longest = if std::env::var_os("PROVISOR_KILLS").is_some() { "0" } else { LONGEST };
    command.args(["-s", "KILL", longest, "unshare"]).args(way);
    Some(command)
}

/// The processes of this namespace but its first one and this one: number, state, and command line.
pub(crate) fn others() -> Vec<String> {
    if std::env::var_os(INSIDE).is_none() {
        return Vec::new();
    }
    let mut others = Vec::new();
    for pid in pids().filter(|pid| *pid != 1 && *pid != std::process::id()) {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        match state(pid) {
            None | Some('Z' | 'X') => {}
            Some(state) => {
                others.push(format!("{pid} {state} {}", String::from_utf8_lossy(&line).replace('\0', " ")))
            }
        }
    }
    others
}

/// A cgroup with a limit on processes, by whichever version of the controller can be written to.
struct PidsGroup(PathBuf);

impl PidsGroup {
    fn new(limit: u32) -> Result<Self, String> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name =
            format!("provisor-faults-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let mut why = "there is no cgroup with the controller `pids`".to_owned();
        for mount in ["/sys/fs/cgroup/pids", "/sys/fs/cgroup"] {
            // A folder that is no cgroup limits nobody.
            if !Path::new(mount).join("cgroup.procs").exists() {
                continue;
            }
            let path = Path::new(mount).join(&name);
            let made =
                fs::create_dir(&path).and_then(|()| fs::write(path.join("pids.max"), limit.to_string()));
            match made {
                Ok(()) => return Ok(Self(path)),
                Err(error) => {
                    let _ = fs::remove_dir(&path);
                    why = format!("{}: {error}", path.display());
                }
            }
        }
        Err(why)
    }
}

impl Drop for PidsGroup {
    /// It cannot be removed while a process is in it. The first process of the namespace is the last to leave.
    fn drop(&mut self) {
        let mut left = String::new();
        let looked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            wait_until("the cgroup is empty", || {
                left = fs::read_to_string(self.0.join("cgroup.procs")).unwrap_or_default();
                fs::remove_dir(&self.0).is_ok()
            });
        }));
        if !std::thread::panicking() {
            assert!(looked.is_ok(), "processes are left in {}: {left}", self.0.display());
        }
    }
}
