//! Exits, signals, sweeps.

use std::time::Duration;

use provisor_actors::os::{Launch, Launched};
use provisor_core::cause::{Exit, StopMethod};
use provisor_core::plan::Command;

use crate::harness::{
    COOKIE, Case, command, finish, line, marked, python, read_all, shell, soon, state_of, until, with_rig,
};
use crate::starting::Folder;

pub(crate) const CASES: &[Case] = &[
    Case("exit_codes", exit_codes),
    Case("death_by_signal", death_by_signal),
    Case("term_ignored_then_kill", term_ignored_then_kill),
    Case("stopped_child_gets_term", stopped_child_gets_term),
    Case("kill_takes_the_whole_tree", kill_takes_the_whole_tree),
    Case("setsid_grandchild_is_swept", setsid_grandchild_is_swept),
    Case("double_fork_is_swept", double_fork_is_swept),
    Case("cleared_environment_is_swept", cleared_environment_is_swept),
    Case("tree_of_escapees_is_swept", tree_of_escapees_is_swept),
    Case("unattributed_is_killed_at_the_end", unattributed_is_killed_at_the_end),
    Case("dead_orphans_do_not_count", dead_orphans_do_not_count),
    Case("signal_after_the_exit_does_nothing", signal_after_the_exit_does_nothing),
    Case("dropped_child_is_killed", dropped_child_is_killed),
    Case("pause_and_continue", pause_and_continue),
    Case("pause_holds_for_newborns", pause_holds_for_newborns),
    Case("pause_outlasts_term_but_not_kill", pause_outlasts_term_but_not_kill),
    Case("usage_is_the_childs", usage_is_the_childs),
    Case("three_hundred_at_once", three_hundred_at_once),
];

/// A process with a session of its own and no descriptors, which lives on.
const ESCAPE: &str = "
import os, sys, time
def escape(depth, then):
    r, w = os.pipe()
    if os.fork() == 0:
        if depth and os.fork():
            os._exit(0)
        os.setsid()
        if os.fork() == 0:
            time.sleep(1000)
        os.close(r)
        os.write(w, b'x')
        os.closerange(0, 64)
        time.sleep(1000)
    os.read(r, 1)
    then()
";

fn escape(call: &str) -> Command {
    python(&format!("{ESCAPE}\n{call}"))
}

fn exit_codes() {
    with_rig(async |rig| {
        for code in [0, 1, 44, 255] {
            let done = rig.run(shell(&format!("exit {code}"))).await;
            assert_eq!(done.report.exit, Exit::Code(code));
            assert_eq!(done.report.refined, None);
            assert_eq!(done.sweep.leftovers, 0);
        }
    });
}

fn death_by_signal() {
    with_rig(async |rig| {
        for signal in [6, 9, 11, 15, 34] {
            let done = rig.run(shell(&format!("kill -{signal} $$"))).await;
            assert_eq!(done.report.exit, Exit::Signal(signal));
        }
    });
}

fn term_ignored_then_kill() {
    with_rig(async |rig| {
        let mut launched = rig.start(shell("trap '' TERM; echo ready; while :; do sleep 0.05; done")).await;
        assert_eq!(line(&mut launched.output).await, "ready");
        launched.child.signal(StopMethod::Term);
        tokio::time::sleep(Duration::from_millis(150)).await;
        assert!(!marked(COOKIE).is_empty(), "it lives on");
        launched.child.signal(StopMethod::Kill);
        let done = soon("the end", finish(launched)).await;
        assert_eq!(done.report.exit, Exit::Signal(9));
        let mut launched =
            rig.start(shell("trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done")).await;
        assert_eq!(line(&mut launched.output).await, "ready");
        launched.child.signal(StopMethod::Term);
        assert_eq!(soon("the end", finish(launched)).await.report.exit, Exit::Code(7));
    });
}

fn stopped_child_gets_term() {
    with_rig(async |rig| {
        let mut launched = rig.start(shell("echo $$; kill -STOP $$; sleep 1000")).await;
        let pid = line(&mut launched.output).await.parse().expect("a number");
        until("it is stopped", || state_of(pid) == Some('T'));
        launched.child.signal(StopMethod::Term);
        assert_eq!(soon("the end", launched.exit).await.expect("an exit").exit, Exit::Signal(15));
    });
}

fn kill_takes_the_whole_tree() {
    with_rig(async |rig| {
        let mut launched =
            rig.start(escape("escape(0, lambda: (print('ready', flush=True), time.sleep(1000)))")).await;
        assert_eq!(line(&mut launched.output).await, "ready");
        until("three of them", || marked(COOKIE).len() == 3);
        launched.child.signal(StopMethod::Kill);
        assert_eq!(soon("the end", &mut launched.exit).await.expect("an exit").exit, Exit::Signal(9));
        until("all are gone before any sweep", || marked(COOKIE).is_empty());
        assert_eq!(launched.child.sweep().await.expect("a sweep").leftovers, 0);
    });
}

async fn leftovers(mut launched: Launched) -> u32 {
    assert_eq!(soon("an exit", &mut launched.exit).await.expect("an exit").exit, Exit::Code(0));
    let sweep = soon("a sweep", launched.child.sweep()).await.expect("a sweep");
    assert!(marked(COOKIE).is_empty(), "nothing is left by the time of the answer");
    soon("the end of the output", read_all(&mut launched.output)).await;
    sweep.leftovers
}

fn setsid_grandchild_is_swept() {
    with_rig(async |rig| {
        assert_eq!(leftovers(rig.start(escape("escape(0, lambda: os._exit(0))")).await).await, 2);
    });
}

fn double_fork_is_swept() {
    with_rig(async |rig| {
        assert_eq!(leftovers(rig.start(escape("escape(1, lambda: os._exit(0))")).await).await, 2);
        assert_eq!(leftovers(rig.start(shell("sleep 1000 & sleep 1000 & exit 0")).await).await, 2);
    });
}

fn cleared_environment_is_swept() {
    with_rig(async |rig| {
        // It has no mark, but it is still in the leader's session.
        let script = "env -i /bin/sleep 1234567 & sleep 0.1; exit 0";
        assert_eq!(leftovers(rig.start(shell(script)).await).await, 1);
        until("it is gone", || !runs("1234567"));
    });
}

/// Whether a process has this argument.
fn runs(argument: &str) -> bool {
    crate::harness::processes().any(|pid| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).any(|word| word == argument.as_bytes())
    })
}

fn tree_of_escapees_is_swept() {
    with_rig(async |rig| {
        let many = "[escape(i % 2, lambda: None) for i in range(20)]; os._exit(0)";
        let (one, other) =
            (rig.start(escape(many)).await, rig.start(shell("echo $$; sleep 1000 & sleep 1000")).await);
        let mut other = other;
        line(&mut other.output).await;
        let mut one = one;
        (&mut one.exit).await.expect("an exit");
        assert_eq!(soon("a sweep", one.child.sweep()).await.expect("a sweep").leftovers, 40);
        assert_eq!(marked(COOKIE).len(), 3, "the other tree is untouched");
        other.child.signal(StopMethod::Kill);
        assert_eq!(finish(other).await.report.exit, Exit::Signal(9));
    });
}

fn unattributed_is_killed_at_the_end() {
    let report = with_rig(async |rig| {
        let script = "setsid env -i /bin/sleep 1234568 >&- 2>&- & sleep 0.1; exit 0";
        let done = rig.run(shell(script)).await;
        assert_eq!(done.sweep.leftovers, 0, "nothing says whose it is");
        assert!(runs("1234568"));
    });
    assert_eq!(report.unattributed, Some(1));
    assert!(!runs("1234568"));
}

fn dead_orphans_do_not_count() {
    with_rig(async |rig| {
        let mut launched = rig
            .start(python(
                "
import os, time
for i in range(50):
    if os.fork() == 0:
        if os.fork(): os._exit(0)
        os._exit(0)
    os.wait()
print('ready', flush=True)
time.sleep(2.5)
",
            ))
            .await;
        assert_eq!(line(&mut launched.output).await, "ready");
        let zombies = || crate::harness::processes().filter(|pid| state_of(*pid) == Some('Z')).count();
        until("the dead orphans are reaped while the leader lives", || zombies() == 0);
        assert_eq!(leftovers(launched).await, 0);
    });
}

fn signal_after_the_exit_does_nothing() {
    with_rig(async |rig| {
        let mut launched = rig.start(shell("sleep 1000 & exit 0")).await;
        (&mut launched.exit).await.expect("an exit");
        launched.child.signal(StopMethod::Term);
        launched.child.signal(StopMethod::Kill);
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(marked(COOKIE).len(), 1, "what outlives the leader is the sweep's");
        assert_eq!(launched.child.sweep().await.expect("a sweep").leftovers, 1);
        launched.child.signal(StopMethod::Kill);
    });
}

fn dropped_child_is_killed() {
    with_rig(async |rig| {
        let mut launched =
            rig.start(escape("escape(1, lambda: (print('ready', flush=True), time.sleep(1000)))")).await;
        assert_eq!(line(&mut launched.output).await, "ready");
        drop(launched.child);
        assert!(soon("an answer", launched.exit).await.is_err());
        until("all are gone", || marked(COOKIE).is_empty());
        let mut launched = rig.start(shell("sleep 1000 & exit 0")).await;
        (&mut launched.exit).await.expect("an exit");
        drop(launched);
        until("all are gone", || marked(COOKIE).is_empty());
        let state = |pid: u32| state_of(pid) == Some('Z');
        until("no zombie", || !crate::harness::processes().any(state));
    });
}

fn pause_and_continue() {
    with_rig(async |rig| {
        let mut launched =
            rig.start(escape("escape(0, lambda: (print('ready', flush=True), time.sleep(1000)))")).await;
        assert_eq!(line(&mut launched.output).await, "ready");
        until("three of them", || marked(COOKIE).len() == 3);
        let all = |stopped: bool| marked(COOKIE).iter().all(|pid| (state_of(*pid) == Some('T')) == stopped);
        rig.launcher.pause(true);
        until("all are stopped", || all(true));
        rig.launcher.pause(false);
        until("all go on", || all(false));
        rig.launcher.pause(true);
        until("all are stopped", || all(true));
        launched.child.signal(StopMethod::Kill);
        assert_eq!(soon("the end", finish(launched)).await.report.exit, Exit::Signal(9));
    });
}

/// A request may reach the guardian after the pause.
fn pause_holds_for_newborns() {
    with_rig(async |rig| {
        let folder = Folder::new();
        let go = folder.0.join("go");
        rig.launcher.pause(true);
        // It cannot be over before it is stopped, however long that takes.
        let patient = format!("while ! test -e {}; do sleep 0.01; done; exit 7", go.display());
        let launched = rig.start(shell(&patient)).await;
        // A shell that waits for its stopped child to become a program (vfork) stands still as well, in state D.
        let all_stand = || marked(COOKIE).iter().all(|pid| matches!(state_of(*pid), Some('T' | 'D')));
        until("it is stopped", || !marked(COOKIE).is_empty() && all_stand());
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(!marked(COOKIE).is_empty() && all_stand(), "it stays so");
        std::fs::write(&go, "").expect("written");
        rig.launcher.pause(false);
        assert_eq!(soon("the end", finish(launched)).await.report.exit, Exit::Code(7));
        let done = soon("one as usual", rig.run(shell("exit 8"))).await;
        assert_eq!(done.report.exit, Exit::Code(8), "those after the pause run");
    });
}

fn pause_outlasts_term_but_not_kill() {
    with_rig(async |rig| {
        // A shell may be caught between its last look at its signals and its `wait`; this one cannot.
        let patient = "import os, signal\nterm = [signal.SIGTERM]\nsignal.pthread_sigmask(signal.SIG_BLOCK, term)\n\
                       print(os.getpid(), flush=True)\nsignal.sigwait(term)\nos._exit(5)";
        let mut asked = rig.start(python(patient)).await;
        let pid = line(&mut asked.output).await.parse().expect("a pid");
        let killed = rig.start(shell("sleep 1000")).await;
        rig.launcher.pause(true);
        until("it is stopped", || state_of(pid) == Some('T'));
        asked.child.signal(StopMethod::Term);
        killed.child.signal(StopMethod::Kill);
        assert_eq!(soon("the kill", finish(killed)).await.report.exit, Exit::Signal(9));
        // The requests were taken up in their order, so the other one has its SIGTERM by now.
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(state_of(pid), Some('T'));
        rig.launcher.pause(false);
        assert_eq!(soon("the end", finish(asked)).await.report.exit, Exit::Code(5));
    });
}

fn usage_is_the_childs() {
    with_rig(async |rig| {
        let ballast: Vec<u8> = (0..200_000_000_u32).map(|i| i.to_le_bytes()[0]).collect();
        let done = rig.run(command(&["/bin/true"])).await;
        assert!(done.report.usage.max_rss_kib < 20_000, "{:?}", done.report.usage);
        assert!(done.report.usage.max_rss_kib > 100, "{:?}", done.report.usage);
        drop(ballast);
        let busy = "import time\nwhile time.process_time() < 0.3: pass\nx = bytearray(60_000_000)";
        let usage = rig.run(python(busy)).await.report.usage;
        assert!(usage.cpu >= Duration::from_millis(300) && usage.cpu < Duration::from_secs(2), "{usage:?}");
        assert!(usage.max_rss_kib > 60_000 && usage.max_rss_kib < 120_000, "{usage:?}");
    });
}

fn three_hundred_at_once() {
    with_rig(async |rig| {
        let mut living = Vec::new();
        for index in 0..300 {
            living.push(
                rig.start(shell(&format!("read line; echo {index}; sleep 1000 & exit {}", index % 256)))
                    .await,
            );
        }
        for (index, launched) in living.into_iter().enumerate() {
            let mut launched = launched;
            let exit = (&mut launched.exit).await.expect("an exit").exit;
            assert_eq!(exit, Exit::Code(i32::try_from(index % 256).expect("a code")));
            assert_eq!(line(&mut launched.output).await, index.to_string());
            assert_eq!(launched.child.sweep().await.expect("a sweep").leftovers, 1);
        }
    });
}
