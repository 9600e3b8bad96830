//! Faults of the system: `strace -e inject` lets system calls fail or wait.

use std::process::{Child, Command, Stdio};

use super::processes::status_of;
use super::{Desk, skip_unless, wait_until};

/// Where strace writes what it sees, in the desk's folder.
const TRACE: &str = "trace";

/// What runs the command whose words are added, and whatever that starts, with these faults, as `-e inject` says them. The
/// calls that fail are in its trace, and those that are `watched`. `None` where that cannot be done.
pub(crate) fn with_faults(desk: &Desk, watched: &[&str], faults: &[&str]) -> Option<Command> {
    let probe = strace(desk, watched, faults).arg("true").output();
    let can = probe.is_ok_and(|output| output.status.success());
    if skip_unless(can, "strace cannot make system calls fail here") {
        return None;
    }
    let mut command = strace(desk, watched, faults);
    command.stdin(Stdio::null()).env_remove("RUST_LOG").env_remove("NO_COLOR");
    Some(command)
}

fn strace(desk: &Desk, watched: &[&str], faults: &[&str]) -> Command {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-y", "-o", TRACE]).current_dir(desk.path());
    let failing = faults.iter().filter_map(|fault| fault.split(':').next());
    let calls: Vec<_> = watched.iter().copied().chain(failing).collect();
    command.args(["-e", &format!("trace={}", calls.join(","))]);
    for fault in faults {
        command.args(["-e", &format!("inject={fault}")]);
    }
    command
}

/// How many system calls were made to fail.
pub(crate) fn injected(desk: &Desk) -> usize {
    desk.read(TRACE).matches("(INJECTED)").count()
}

/// An `strace` at work, which leaves with the test.
pub(crate) struct Tracer(Child);

impl Drop for Tracer {
    fn drop(&mut self) {
        // The kernel lets go of whom it traces, also amid a delay.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Lets system calls of a process and of those that it starts from now on fail or wait. `None` where that cannot be
/// done.
pub(crate) fn attach(desk: &Desk, pid: i32, fault: &str) -> Option<Tracer> {
    let child = strace(desk, &[], &[fault]).args(["-p", &pid.to_string()]).stderr(Stdio::null()).spawn();
    if skip_unless(child.is_ok(), "faults of the system are injected with strace") {
        return None;
    }
    let mut tracer = Tracer(child.expect("looked at above"));
    let mut ended = false;
    wait_until("strace is attached", || {
        ended = tracer.0.try_wait().is_ok_and(|status| status.is_some());
        ended || status_of(pid, "TracerPid").parse().is_ok_and(|tracer: u32| tracer != 0)
    });
    (!skip_unless(!ended, "strace may not attach here")).then_some(tracer)
}
