//! Children without a guardian.

use std::process::Command as Process;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::Pid;
use provisor_actors::local::{Local, LocalError, Maker};
use provisor_actors::os::{HoldLost, Transience, TreeLimits};
use provisor_core::cause::{Exit, StopMethod};
use provisor_core::plan::{Command, Environment, Inherit, Stdin};

use crate::embedding::{Embedded, with_local};
use crate::executing::{belongings, condition, ignoring_sigchld, said_by};
use crate::harness::{
    COOKIE, Case, command, finish, line, marked, pairs, python, shell, soon, state_of, until,
};

pub(crate) const CASES: &[Case] = &[
    Case("direct_children_find_what_they_should", direct_children_find_what_they_should),
    Case("direct_failures_in_words", direct_failures_in_words),
    Case("direct_ends_by_term_and_by_kill", direct_ends_by_term_and_by_kill),
    Case("direct_sweeps_the_group", direct_sweeps_the_group),
    Case("direct_drops_and_closes", direct_drops_and_closes),
    Case("direct_pauses", direct_pauses),
    Case("direct_refuses_limits_of_trees", direct_refuses_limits_of_trees),
    Case("direct_reaps_nobody_elses_child", direct_reaps_nobody_elses_child),
    Case("direct_child_that_another_part_has_reaped", direct_child_that_another_part_has_reaped),
    Case("direct_where_sigchld_is_ignored", direct_where_sigchld_is_ignored),
    Case("direct_many", direct_many),
];

/// Works with a launcher without a guardian, and looks at what it leaves.
fn directly(work: impl AsyncFnOnce(&Embedded)) {
    let (before, unchanged) = (belongings(), condition());
    with_local(Local { maker: Maker::Direct, ..Local::default() }, work).expect("always possible");
    assert_eq!(belongings(), before, "threads, descriptors, children");
    assert_eq!(condition(), unchanged);
}

fn direct_children_find_what_they_should() {
    directly(async |rig| {
        let done = rig.run(shell("echo out; echo err >&2; exit 3")).await;
        assert_eq!((&*done.stdout, &*done.stderr), (&b"out\n"[..], &b"err\n"[..]));
        assert_eq!((done.report.exit, done.sweep.leftovers), (Exit::Code(3), 0));
        let script = "
import os
print('leads=%s' % (os.getpid() == os.getpgid(0)))
print('folder=' + os.getcwd())
";
        let done = rig.run(Command { cwd: std::path::Path::new("/usr").into(), ..python(script) }).await;
        let text = done.text();
        let said = pairs(&text);
        assert_eq!((said["leads"], said["folder"]), ("True", "/usr"));
        // What this process itself has inherited and left open, they inherit; what belongs to others of them they do not.
        let descriptors = || python("import os; print(sorted(map(int, os.listdir('/proc/self/fd'))))");
        let alone = rig.run(descriptors()).await.text();
        let _other = rig.start(Command { stdin: Stdin::Text("x".into()), ..shell("exec sleep 1000") }).await;
        assert_eq!(rig.run(descriptors()).await.text(), alone);
        let set = vec![("A".into(), "1".into()), ("A".into(), "2".into())];
        let env = Arc::new(Environment { inherit: Inherit::Basic, set });
        let text = rig.run(Command { env, ..command(&["/usr/bin/env"]) }).await.text();
        let has = |start: &str| text.lines().filter(|line| line.starts_with(start)).count();
        assert_eq!((has("A=2"), has("A="), has("PROVISOR_ATTEMPT=")), (1, 1, 1), "{text}");
        let cat = |stdin| Command { stdin, ..command(&["cat"]) };
        assert_eq!(rig.run(cat(Stdin::Text("a text".into()))).await.text(), "a text");
        assert_eq!(rig.run(cat(Stdin::Null)).await.text(), "");
        let usage = rig.run(python("sum(range(3000000))")).await.report.usage;
        assert!(usage.cpu > Duration::ZERO && usage.max_rss_kib > 1000, "{usage:?}");
    });
}

fn direct_failures_in_words() {
    directly(async |rig| {
        let refused = async |command: Command| {
            let error = rig.launch_with(command, TreeLimits::default()).await.err().expect("no child");
            assert_eq!(error.transience, Transience::Permanent);
            error.text.to_string()
        };
        assert_eq!(refused(command(&["/nowhere/tool"])).await, "the program /nowhere/tool does not exist");
        assert_eq!(refused(command(&["no-such-tool"])).await, "there is no program `no-such-tool` in PATH");
        assert_eq!(
            refused(command(&["/etc/passwd"])).await,
            "/etc/passwd is not executable: chmod +x /etc/passwd"
        );
        let elsewhere = Command { cwd: std::path::Path::new("/nowhere").into(), ..command(&["/bin/true"]) };
        assert_eq!(refused(elsewhere).await, "the working directory /nowhere does not exist");
        let long = "x".repeat(200_000);
        let text = refused(command(&["/bin/true", &long])).await;
        assert!(text.contains("are too long: 200"), "{text}");
    });
}

fn direct_ends_by_term_and_by_kill() {
    directly(async |rig| {
        let done = rig.run(shell("kill -ABRT $$")).await;
        assert_eq!(done.report.exit, Exit::Signal(Signal::SIGABRT as i32));
        let mut gentle = rig
            .start(shell("trap 'echo bye; exit 4' TERM; echo ready; sleep 1000 > /dev/null 2>&1 & wait"))
            .await;
        assert_eq!(line(&mut gentle.output).await, "ready");
        gentle.child.signal(StopMethod::Term);
        let done = finish(gentle).await;
        assert_eq!((&*done.text(), &done.report.exit), ("bye\n", &Exit::Code(4)));
        let mut deaf = rig.start(shell("trap '' TERM; echo ready; while :; do sleep 1000; done")).await;
        assert_eq!(line(&mut deaf.output).await, "ready");
        deaf.child.signal(StopMethod::Term);
        deaf.child.signal(StopMethod::Kill);
        assert_eq!(finish(deaf).await.report.exit, Exit::Signal(Signal::SIGKILL as i32));
        assert_eq!(marked(COOKIE), Vec::<u32>::new(), "the whole group");
    });
}

/// What is left of a group when its leader leaves is killed; the leader is a zombie until then, and no signal is sent to
/// the rest before.
fn direct_sweeps_the_group() {
    directly(async |rig| {
        let mut left = rig.start(shell("sleep 1000 > /dev/null 2>&1 & echo ready")).await;
        assert_eq!(line(&mut left.output).await, "ready");
        let exit = soon("the leader leaves", &mut left.exit).await.expect("it is known");
        assert_eq!(exit.exit, Exit::Code(0));
        assert_eq!(crate::executing::children().len(), 1, "the zombie, whose number is that of the group");
        until("the rest is there", || marked(COOKIE).len() == 1);
        left.child.signal(StopMethod::Kill);
        // Longer than a kill would take.
        rig.run(shell("sleep 0.05")).await;
        assert_eq!(marked(COOKIE).len(), 1, "after the exit this does nothing");
        soon("the sweep", left.child.sweep()).await.expect("an answer");
        until("the rest is dead", || marked(COOKIE).is_empty());
        assert_eq!(crate::executing::children().len(), 0);
    });
}

fn direct_drops_and_closes() {
    directly(async |rig| {
        let mut dropped = rig.start(shell("sleep 1000 & echo ready; exec sleep 1000")).await;
        assert_eq!(line(&mut dropped.output).await, "ready");
        drop(dropped);
        // By the runtime, and nobody asks for it.
        while !(marked(COOKIE).is_empty() && crate::executing::children().is_empty()) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        for _ in 0..5 {
            let mut left = rig.start(shell("sleep 1000 & echo ready; exec sleep 1000")).await;
            assert_eq!(line(&mut left.output).await, "ready");
            // Whoever has it is gone without a word.
            std::mem::forget(left.child);
        }
        until("all of them are there", || marked(COOKIE).len() == 10);
    });
    until("nothing is left", || marked(COOKIE).is_empty());
}

fn direct_pauses() {
    directly(async |rig| {
        let first = rig.start(shell("exec sleep 1000")).await;
        rig.launch.pause(true);
        let second = rig.start(shell("exec sleep 1000")).await;
        let states = |wanted: char| {
            let pids = crate::executing::children();
            pids.len() == 2 && pids.iter().all(|pid| state_of(*pid) == Some(wanted))
        };
        until("both stand still", || states('T'));
        rig.launch.pause(false);
        until("both go on", || states('S'));
        for launched in [first, second] {
            launched.child.signal(StopMethod::Kill);
            finish(launched).await;
        }
    });
}

fn direct_refuses_limits_of_trees() {
    directly(async |rig| {
        let limits = TreeLimits { cpu: Some(Duration::from_secs(1)), memory: Some(1 << 30), processes: None };
        let error = rig.launch_with(shell("true"), limits).await.err().expect("no child");
        assert!(
            error.text.starts_with("a limit of CPU time and of memory is held by a guardian"),
            "{}",
            error.text
        );
        assert_eq!(error.transience, Transience::Permanent);
        assert!(!rig.guarantees.has_tree_limits());
    });
}

fn direct_reaps_nobody_elses_child() {
    directly(async |rig| {
        let mut own = Process::new("sh").args(["-c", "exit 7"]).spawn().expect("it starts");
        until("it is a zombie", || state_of(own.id()) == Some('Z'));
        for _ in 0..20 {
            assert_eq!(rig.run(shell("exit 5")).await.report.exit, Exit::Code(5));
        }
        assert_eq!(own.wait().expect("it is ours").code(), Some(7));
    });
}

/// All happens on one thread: nobody looks at the exit before it is taken.
fn direct_child_that_another_part_has_reaped() {
    directly(async |rig| {
        let mut taken = rig.start(shell("echo $$; exec sleep 1000")).await;
        let pid = line(&mut taken.output).await.parse().map(Pid::from_raw).expect("a pid");
        kill(pid, Signal::SIGKILL).expect("killed");
        waitpid(pid, None).expect("it is ours");
        let lost = soon("the exit", taken.exit).await.expect_err("nobody knows it");
        assert_eq!(lost, HoldLost::ExitUnseen);
        assert!(lost.to_string().contains("may have reaped it"), "{lost}");
    });
}

fn direct_where_sigchld_is_ignored() {
    assert_eq!(said_by(&mut ignoring_sigchld("deaf")), "refused");
}

/// What this binary does where SIGCHLD is ignored.
pub(crate) fn deaf() {
    let local = Local { maker: Maker::Direct, ..Local::default() };
    let refused = with_local(local, async |_| {}).expect_err("it would learn nothing");
    assert!(matches!(refused, LocalError::IgnoresSigchld), "{refused}");
    println!("refused");
}

fn direct_many() {
    directly(async |rig| {
        let all = (0..200).map(|number| async move {
            let done = rig.run(shell(&format!("echo {number}; exit {}", number % 7))).await;
            assert_eq!((done.text(), done.report.exit), (format!("{number}\n"), Exit::Code(number % 7)));
        });
        futures_util::future::join_all(all).await;
    });
}
