//! B1: killing, and the lives of processes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::{Desk, alive_with, guardian_of, kill, level, skip_unless, wait_until};
use crate::harness::{
    attach, contained, fake, fakeproc, here, limited, one, others, pids, run, state, status_of,
};

/// Ends a query soon.
const SOON: &str = r#"limits: (wall: "1s", grace: "300ms"),"#;
/// Ends a query at the line `ready`.
const AT_READY: &str = r#"limits: (grace: "1h"), rules: [(on: Prefix("ready"), verdict: "up", stop: true)],"#;

#[test]
fn row_01_term_int_and_hup_are_ignored() {
    contained(|desk| {
        run(desk, &one("ignore-term child 2 hang then hang", SOON), &[]).with_code(1);
        let row = &desk.results()["q"];
        assert_eq!((row["cause"].as_str(), row["signal"].as_str()), ("wall-limit", "SIGKILL"), "{row:?}");
        assert!(row["wall_s"].parse::<f64>().expect("a number") >= 1.3, "the grace was granted: {row:?}");
    });
}

#[test]
fn row_02_term_is_obeyed_within_the_grace() {
    contained(|desk| {
        run(desk, &one("trap-exit 7", AT_READY), &[]).with_code(0);
        let row = &desk.results()["q"];
        let told = (row["cause"].as_str(), row["exit_code"].as_str(), row["signal"].as_str());
        assert_eq!(told, ("concluded", "7", ""), "its own exit code beside the reason");
    });
}

#[test]
fn row_03_a_child_that_has_stopped_itself() {
    contained(|desk| {
        run(desk, &one("stop-self hang", SOON), &[]).with_code(1);
        let row = &desk.results()["q"];
        assert_eq!((row["cause"].as_str(), row["signal"].as_str()), ("wall-limit", "SIGTERM"), "{row:?}");
    });
}

#[test]
fn row_04_a_child_reads_the_terminal() {
    contained(|desk| {
        let spec = one("read-tty exit 5", "");
        let Some(terminal) = crate::common::terminal::Terminal::start(desk, (24, 80), &spec, &[]) else {
            return;
        };
        let (status, ..) = terminal.wait();
        assert_eq!(status.code(), Some(1));
        let row = &desk.results()["q"];
        assert_eq!(row["exit_code"], "5", "it was not stopped: {row:?}");
        assert!(desk.read(&format!("out/{}", row["log"])).starts_with("no terminal"));
    });
}

/// What a leader leaves behind, and how many those are.
#[track_caller]
fn left_behind(desk: &Desk, words: &str, leftovers: &str) {
    at_each_level(desk, &one(&format!("{words} then await up exit 0"), ""), |row| {
        assert_eq!((row["cause"].as_str(), row["leftovers"].as_str()), ("exited", leftovers), "{row:?}");
    });
}

#[test]
fn row_05_a_grandchild_keeps_the_pipe_open() {
    contained(|desk| left_behind(desk, "child 1 touch up hang", "1"));
}

#[test]
fn row_06_a_grandchild_in_a_session_of_its_own() {
    contained(|desk| left_behind(desk, "child 1 setsid touch up hang", "1"));
}

#[test]
fn row_07_a_double_fork_with_closed_descriptors() {
    contained(|desk| left_behind(desk, "daemonize touch up hang", "1"));
}

#[test]
fn row_08_a_leader_leaves_daemons_behind() {
    contained(|desk| left_behind(desk, "child 3 setsid closed touch up hang", "3"));
}

/// The levels of containment at which whatever a query has started is found again, as far as this machine has them.
const LEVELS: [&str; 3] = ["namespace", "cgroup", "sweep"];

/// Runs a job at each of them; one that the machine does not have is skipped.
fn at_each_level(desk: &Desk, spec: &str, check: impl Fn(&BTreeMap<String, String>)) {
    for level in LEVELS {
        let ran = run(desk, spec, &["--fresh", "--containment", level]);
        if skip_unless(ran.code != Some(2), &format!("containment by {level}: {}", ran.err.trim())) {
            continue;
        }
        check(&desk.results()["q"]);
        let _ = fs::remove_file(desk.file("up"));
    }
}

#[test]
fn row_09_a_tree_of_five_hundred() {
    limited(1000, |desk| {
        const TREE: usize = 1 + 20 + 20 * 24;
        let rules = r#"rules: [(on: Prefix("up"), verdict: "up", stop: Kill)],"#;
        let spec = one("child 20 child 24 setsid hang then hang then await go say up hang", rules);
        for level in level::strong() {
            let _ = fs::remove_file(desk.file("go"));
            let started = desk.start(&spec, &["--fresh", "--containment", level]);
            wait_until("all of them are there", || alive_with("MARK=fault").len() == TREE);
            desk.write("go", "");
            started.wait().with_code(0);
            assert_eq!(others(), [""; 0], "processes outlive provisor at {level}");
            let row = &desk.results()["q"];
            assert_eq!((row["cause"].as_str(), row["signal"].as_str()), ("concluded", "SIGKILL"), "{row:?}");
        }
    });
}

#[test]
fn row_10_hoppers() {
    limited(150, |desk| {
        let spec = one("child 8 hop 1000000 then hang", SOON);
        at_each_level(desk, &spec, |row| assert_eq!(row["cause"], "wall-limit", "{row:?}"));
    });
}

#[test]
fn row_11_a_fork_bomb() {
    limited(150, |desk| {
        let spec = format!(
            r#"Job(name: "bomb", slots: 2, commands: [(id: "q", run: {}, limits: (processes: 40, wall: "1h")),
                (id: "other", run: {})])"#,
            fake("child 1 setsid bomb 12 then bomb 12"),
            fake("sleep-ms 500 say through exit 0")
        );
        for level in LEVELS {
            let ran = run(desk, &spec, &["--fresh", "--containment", level]);
            if skip_unless(ran.code != Some(2), &format!("containment by {level}: {}", ran.err.trim())) {
                continue;
            }
            let causes = desk.column("cause");
            assert_eq!(
                (causes["q"].as_str(), causes["other"].as_str()),
                ("process-limit", "exited"),
                "{level}"
            );
        }
    });
}

#[test]
fn row_87_a_child_that_faults() {
    contained(|desk| {
        let run = format!("ulimit -c; exec {} segv hang", fakeproc());
        let spec = format!(r#"Job(name: "core", commands: [(id: "q", run: ["sh", "-c", {run:?}])])"#);
        desk.write("spec.ron", spec);
        let script =
            format!("ulimit -c unlimited; exec {} run spec.ron -o out", env!("CARGO_BIN_EXE_provisor"));
        let mut command = Command::new("sh");
        command.args(["-c", &script]);
        desk.finish(here(command, desk)).with_code(1);
        assert_eq!(desk.results()["q"]["signal"], "SIGSEGV");
        // Whether a core would be a file here is for the machine to say.
        assert_eq!(logs(desk), "0\n");
        let cores = fs::read_dir(desk.path()).expect("its folder").flatten();
        assert_eq!(cores.filter(|entry| entry.file_name().to_string_lossy().starts_with("core")).count(), 0);
    });
}

#[test]
fn row_13_a_child_freezes_itself() {
    contained(|desk| {
        let words = "ignore-term child 1 setsid freeze-self hang then freeze-self hang";
        let spec = one(words, r#"limits: (grace: "300ms"),"#);
        for level in level::strong() {
            let _ = fs::remove_dir_all(desk.file("out"));
            let started = desk.start(&spec, &["--containment", level]);
            let (mut ice, mut said) = (Vec::new(), String::new());
            wait_until("both are frozen, or cannot be", || {
                ice = alive_with("MARK=fault").into_iter().filter_map(frozen_group).collect();
                said = logs(desk);
                ice.len() == 2 || said.contains("not frozen")
            });
            let ice: Vec<_> = ice.into_iter().map(Ice).collect();
            started.signal("INT");
            started.wait().with_code(3);
            assert_eq!(others(), [""; 0], "who is frozen outlives provisor at {level}");
            let refusal = said.lines().find(|line| line.starts_with("not frozen"));
            if skip_unless(refusal.is_none(), refusal.unwrap_or_default()) {
                continue;
            }
            let row = &desk.results()["q"];
            let told = (row["cause"].as_str(), row["signal"].as_str());
            assert_eq!(told, ("cancelled", "SIGKILL"), "{level}: {row:?}");
            assert_eq!(logs(desk), "freezing\nfreezing\n", "both have come so far, and no further");
            let ours = |ice: &Ice| ice.0.to_string_lossy().contains("/provisor-");
            assert!(ice.iter().all(|ice| !ours(ice) || !ice.0.exists()), "the query's groups are gone");
        }
    });
}

/// All that was written into logs.
fn logs(desk: &Desk) -> String {
    let logs = fs::read_dir(desk.file("out/logs")).into_iter().flatten().flatten();
    logs.map(|log| fs::read_to_string(log.path()).expect("text")).collect()
}

/// The cgroup in which this process stands still.
fn frozen_group(pid: i32) -> Option<PathBuf> {
    let group = own_cgroup(pid)?;
    let events = fs::read_to_string(group.join("cgroup.events")).ok()?;
    events.lines().any(|line| line == "frozen 1").then_some(group)
}

/// A frozen cgroup, which goes away with this.
struct Ice(PathBuf);

impl Drop for Ice {
    fn drop(&mut self) {
        let is_gone = || !self.0.exists() || fs::remove_dir(&self.0).is_ok();
        if !is_gone() {
            let _ = fs::write(self.0.join("cgroup.kill"), "1");
            wait_until("the frozen group is empty", is_gone);
        }
    }
}

/// The folder of a process's cgroup of the second version.
fn own_cgroup(pid: i32) -> Option<PathBuf> {
    let own = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    let path = own.lines().find_map(|line| line.strip_prefix("0::/"))?.to_owned();
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let mount = mounts.lines().find(|line| line.contains(" - cgroup2 "))?;
    Some(Path::new(mount.split(' ').nth(4)?).join(path))
}

#[test]
fn row_21_the_dead_are_reaped_while_the_run_goes_on() {
    contained(|desk| {
        let started = desk.start(&one("orphan 200 touch up await go exit 0", ""), &[]);
        desk.await_file("up");
        wait_until("no zombie is left", || pids().all(|pid| state(pid) != Some('Z')));
        desk.write("go", "");
        started.wait().with_code(0);
        assert_eq!(desk.results()["q"]["leftovers"], "0");
    });
}

#[test]
fn row_14_a_child_that_may_not_be_killed() {
    contained(|desk| {
        // The guardian alone is forbidden to kill: as when a child has become another user's. (A cgroup is killed by
        // writing to a file.)
        let spec = format!(
            r#"Job(name: "eperm", slots: 1, limits: (wall: "300ms", grace: "100ms"), env: {{"MARK": "fault"}}, commands: [
                (id: "a", run: {}), (id: "z", run: ["sh", "-c", "until test -e traced; do sleep 0.01; done"], limits: (wall: "1h"))])"#,
            fake("await traced hang")
        )
        .replace("slots: 1", "slots: 2");
        let started = desk.start(&spec, &["--containment", "sweep"]);
        wait_until("both are at work", || alive_with("MARK=fault").len() >= 2);
        let guardian = guardian_of(started.pid());
        let Some(tracer) = attach(desk, guardian, "kill,pidfd_send_signal:error=EPERM") else { return };
        desk.write("traced", "");
        started.wait().with_code(1);
        drop(tracer);
        let causes = desk.column("cause");
        assert_eq!((causes["a"].as_str(), causes["z"].as_str()), ("unreaped", "exited"));
        // Whoever may do it again does it.
        wait_until("all are gone", || alive_with("MARK=fault").is_empty());
    });
}

#[test]
fn row_18_children_do_not_die_with_a_thread() {
    contained(|desk| {
        let started = desk.start(&one("await go exit 0", ""), &[]);
        wait_until("it is at work", || alive_with("MARK=fault").len() == 1);
        let guardian = guardian_of(started.pid());
        let child = alive_with("MARK=fault")[0];
        let threads = fs::read_dir(format!("/proc/{guardian}/task")).expect("its threads").count();
        assert_eq!(threads, 1, "the one thread that makes children lives as long as the guardian");
        assert_eq!(status_of(child, "PPid"), guardian.to_string());
        desk.write("go", "");
        started.wait().with_code(0);
    });
}

#[test]
fn row_19_the_guardian_dies_while_it_makes_a_child() {
    contained(|desk| {
        let spec = format!(
            r#"Job(name: "torn", slots: 1, env: {{"MARK": "fault"}}, commands: [
                (id: "a", run: {}), (id: "b", run: {})])"#,
            fake("touch up await go"),
            fake("touch ran hang")
        );
        // In a namespace the kernel would kill the child with its first process.
        let started = desk.start(&spec, &["--containment", "sweep"]);
        desk.await_file("up");
        let guardian = guardian_of(started.pid());
        // The child stands still before it binds its life to the guardian's.
        let Some(_tracer) = attach(desk, guardian, "prctl:delay_enter=2000000") else { return };
        desk.write("go", "");
        let unborn = |pid: &u32| {
            status_of(*pid, "PPid") == guardian.to_string() && status_of(*pid, "Name") == "pv-guardian"
        };
        let mut child = 0;
        wait_until("the child is on its way", || {
            child = pids().find(unborn).unwrap_or(0);
            child != 0
        });
        // Whoever else would kill it stands still: it is alone.
        started.signal("STOP");
        kill(guardian);
        let dead = || matches!(state(child), None | Some('Z' | 'X'));
        wait_until("it has decided", || dead() || status_of(child, "Name") != "pv-guardian");
        assert!(dead(), "its program was executed though nobody was left to kill it");
        started.signal("CONT");
        started.wait().with_code(70).says("the guardian process died");
        assert!(!desk.file("ran").exists());
    });
}

#[test]
fn row_22_sigchld_was_ignored_by_whoever_started_us() {
    contained(|desk| {
        desk.write("spec.ron", one("child 2 hang then exit 9", ""));
        let mut command = Command::new(fakeproc());
        command.args(["ignore-chld", "exec", env!("CARGO_BIN_EXE_provisor"), "run", "spec.ron", "-o", "out"]);
        desk.finish(here(command, desk)).with_code(1);
        assert_eq!(others(), [""; 0]);
        let row = &desk.results()["q"];
        assert_eq!((row["exit_code"].as_str(), row["leftovers"].as_str()), ("9", "2"), "{row:?}");
    });
}

#[test]
fn row_23_what_follows_the_pattern_is_kept_and_counts() {
    contained(|desk| {
        let rules = r#"limits: (grace: "1h"), rules: [(on: Prefix("ready"), verdict: "up", stop: true),
            (on: Prefix("last words"), verdict: "late")],"#;
        run(desk, &one("child 2 setsid hang then trap-exit 0", rules), &[]).with_code(0);
        let row = &desk.results()["q"];
        assert_eq!((row["cause"].as_str(), row["verdict"].as_str()), ("concluded", "late"), "{row:?}");
        assert_eq!(desk.read(&format!("out/{}", row["log"])), "ready\nlast words\n");
        assert_eq!(desk.verdicts("q").len(), 2);
    });
}

#[test]
fn row_27_a_run_is_interrupted_while_a_child_is_made() {
    contained(|desk| {
        let spec = format!(
            r#"Job(name: "unborn", slots: 1, env: {{"MARK": "fault"}}, commands: [
                (id: "a", run: {}), (id: "b", run: {})])"#,
            fake("touch up await go"),
            fake("hang")
        );
        let started = desk.start(&spec, &[]);
        desk.await_file("up");
        let guardian = guardian_of(started.pid());
        let Some(_tracer) = attach(desk, guardian, "execve:delay_enter=1000000") else { return };
        desk.write("go", "");
        let unborn = |pid: &u32| {
            status_of(*pid, "PPid") == guardian.to_string() && status_of(*pid, "Name") == "pv-guardian"
        };
        wait_until("the child is on its way", || pids().any(|pid| unborn(&pid)));
        started.signal("INT");
        let ran = started.wait().with_code(3);
        assert_eq!(others(), [""; 0]);
        assert_eq!(desk.column("cause").get("b").map(String::as_str), Some("cancelled"), "{}", ran.err);
    });
}
