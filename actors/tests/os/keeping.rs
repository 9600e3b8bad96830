//! What must not lead the guardian astray, nor keep it busy: debuggers, children that nobody wants any more, numbers that come
//! again while a sweep is stuck, a kernel that has no room to watch one more.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command as Process, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use provisor_actors::os::{Launch, LaunchRequest, Transience, TreeLimits};
use provisor_core::cause::{Exit, StopMethod};

use crate::harness::{
    COOKIE, Case, command, finish, line, marked, new_guardian, python, shell, soon, state_of, until, with_rig,
};
use crate::injected::Injected;
use crate::stuck::with_survivors;

pub(crate) const CASES: &[Case] = &[
    Case("debugged_leader_dies", debugged_leader_dies),
    Case("forgotten_child_with_limits", forgotten_child_with_limits),
    Case("child_that_cannot_be_watched", child_that_cannot_be_watched),
    Case("number_of_a_victim_comes_again", number_of_a_victim_comes_again),
];

fn pid_of(number: &str) -> Pid {
    Pid::from_raw(number.trim().parse().expect("a number"))
}

/// CPU time of a process, in clock ticks.
fn ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("it lives");
    let fields: Vec<&str> = stat.rsplit_once(')').expect("a name").1.split_whitespace().collect();
    fields[11].parse::<u64>().expect("ticks") + fields[12].parse::<u64>().expect("ticks")
}

/// There is no event to await: it is nothing that has to happen.
async fn assert_idle(guardian: u32) {
    let before = ticks(guardian);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let spent = ticks(guardian) - before;
    assert!(spent < 10, "the guardian has worked for {spent} of 50 ticks");
}

/// Something that traces a process and does not look at it. `None`: it may not.
fn debugger(pid: u32) -> Option<std::process::Child> {
    const SEIZE: &str = "
import ctypes, sys, time
done = ctypes.CDLL(None).ptrace(0x4206, int(sys.argv[1]), None, None) == 0
print('seized' if done else 'refused', flush=True)
time.sleep(1000)
";
    let mut python = Process::new("/usr/bin/python3");
    let mut child =
        python.args(["-c", SEIZE, &pid.to_string()]).stdout(Stdio::piped()).spawn().expect("python3");
    let mut said = String::new();
    BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut said).expect("a line");
    if said == "seized\n" {
        return Some(child);
    }
    child.kill().expect("killed");
    child.wait().expect("dead");
    None
}

/// Its exit is not to be had before the debugger has looked at it.
fn debugged_leader_dies() {
    with_rig(async |rig| {
        let mut launched = rig.start(shell("echo $$; exec sleep 1000")).await;
        let child = pid_of(&line(&mut launched.output).await);
        let number = child.as_raw().unsigned_abs();
        let Some(mut debugger) = debugger(number) else {
            return println!("skipped: no process may be traced");
        };
        launched.child.signal(StopMethod::Kill);
        until("it is dead", || state_of(number) == Some('Z'));
        assert_eq!(rig.run(shell("exit 3")).await.report.exit, Exit::Code(3), "the others are served");
        assert_idle(rig.guardian).await;
        assert_eq!(state_of(number), Some('Z'), "it is held");
        debugger.kill().expect("killed");
        debugger.wait().expect("dead");
        assert_eq!(soon("the exit", finish(launched)).await.report.exit, Exit::Signal(9));
    });
}

fn forgotten_child_with_limits() {
    with_rig(async |rig| {
        let limits = TreeLimits { processes: Some(2), ..TreeLimits::default() };
        let request = LaunchRequest { limits, ..rig.request(command(&["/bin/sleep", "1000"])) };
        drop(rig.launcher.launch(request).await.expect("it starts"));
        until("it is gone", || marked(COOKIE).is_empty());
        assert_idle(rig.guardian).await;
    });
}

fn child_that_cannot_be_watched() {
    with_rig(async |rig| {
        assert_eq!(rig.run(shell("exit 3")).await.report.exit, Exit::Code(3), "it is at work");
        let Some(injected) = Injected::into(rig.guardian, &["epoll_ctl:error=ENOSPC"]) else { return };
        let error = rig.launch(shell("sleep 1000 & exec sleep 1000")).await.err().expect("no child");
        assert_eq!(error.transience, Transience::Exhausted, "{}", error.text);
        until("nothing is left of it", || marked(COOKIE).is_empty());
        drop(injected);
        assert_eq!(rig.run(shell("exit 3")).await.report.exit, Exit::Code(3));
    });
}

/// It was reaped by its own parent, while what else the sweep has killed does not die.
fn number_of_a_victim_comes_again() {
    const LAST: &str = "/proc/sys/kernel/ns_last_pid";
    if std::process::id() > 64 || fs::write(LAST, fs::read(LAST).unwrap_or_default()).is_err() {
        return println!("skipped: numbers can be chosen in a PID namespace of one's own only");
    }
    // A leader that leaves a parent with a child behind, in a session of their own, and one that makes an orphan of a
    // chosen number.
    let family = "
import os
if os.fork() == 0:
    os.setsid()
    child = os.fork()
    if child == 0: os.execv('/bin/sleep', ['sleep', '1000'])
    print(os.getpid(), child, flush=True)
    os.waitpid(child, 0)
    os.execv('/bin/sleep', ['sleep', '1000'])
os.wait3(os.WNOHANG)
import time; time.sleep(0.2)
os._exit(0)
";
    let maker = "
import os, sys
number = int(sys.argv[1])
while True:
    maker = os.fork()
    if maker == 0:
        open('/proc/sys/kernel/ns_last_pid', 'w').write(str(number - 1))
        orphan = os.fork()
        if orphan == 0 and os.getpid() == number: os.execv('/bin/sleep', ['sleep', '1000'])
        os._exit(0 if orphan == number else 1)
    if os.waitpid(maker, 0)[1] == 0: break
print('made', flush=True)
import time; time.sleep(1000)
";
    let report = with_survivors(new_guardian(), async |rig| {
        let mut stuck = rig.start(python(family)).await;
        let said = line(&mut stuck.output).await;
        let (parent, victim) = said.split_once(' ').expect("two numbers");
        (&mut stuck.exit).await.expect("an exit");
        let Some(injected) = Injected::into(rig.guardian, &["kill:retval=0", "pidfd_send_signal:retval=0"])
        else {
            return;
        };
        let mut sweep = stuck.child.sweep();
        while stuck.child.stuck().is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        drop(injected);
        kill(pid_of(victim), Signal::SIGKILL).expect("it lives");
        until("its number is free", || state_of(victim.parse().expect("a number")).is_none());
        let mut other = rig.start(command(&["/usr/bin/python3", "-c", maker, victim])).await;
        assert_eq!(line(&mut other.output).await, "made");
        // A sweep of theirs makes the guardian look at all orphans, and whoever is killed then has time to die.
        for _ in 0..5 {
            assert_eq!(rig.run(shell("exit 3")).await.report.exit, Exit::Code(3));
        }
        assert!(
            state_of(victim.parse().expect("a number")).is_some_and(|state| state != 'Z'),
            "a stranger was killed"
        );
        other.child.signal(StopMethod::Kill);
        finish(other).await;
        kill(pid_of(parent), Signal::SIGKILL).expect("it lives");
        assert_eq!(soon("the sweep", &mut sweep).await.expect("a sweep").leftovers, 2);
    });
    assert_eq!(report.left, 0);
}
