//! What is on the disk when a part of provisor is killed at any moment, and how the next run goes on from there.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};

use common::contained::contained;
use common::ledger::{executions, lines, stored};
use common::processes::stop;
use common::{Desk, Started, alive_with, guardian_of, kill, kill_both, mark, send, wait_until};
use provisor::actors::store::Store;

const QUERIES: usize = 60;

/// How many rows are there when it is killed; each moment once.
const MOMENTS: [usize; 15] = [0, 1, 2, 3, 5, 8, 13, 18, 24, 30, 36, 43, 50, 57, 60];

/// Short queries of different lengths, each of which notes that it was executed; some with a child of their own.
fn spec(mark: &str) -> String {
    let script = "echo $1 >> executions; case $(($1 % 3)) in 0) sleep 0.0$(($1 * 7 % 10)) & wait ;; \
        1) sleep 0.00$(($1 * 3 % 10)) ;; esac; echo RESULT $1";
    format!(
        r#"Job(name: "crash", slots: 6, env: {{"MARK": "{mark}"}},
            rules: [(on: Regex("^RESULT (\\d+)$"), verdict: "answered", value: Group(1))],
            matrix: {{"n": 1..={QUERIES}}}, id: "q{{{{ n }}}}", command: ["sh", "-c", "{script}", "sh", "{{{{ n }}}}"])"#
    )
}

/// Every query has one row that says the right thing, and its log does too.
#[track_caller]
fn assert_complete(desk: &Desk) {
    let rows = desk.results();
    assert_eq!(rows.len(), QUERIES);
    assert_eq!(stored(desk).len(), QUERIES);
    for (id, row) in rows {
        let n = id.trim_start_matches('q');
        let told = (row["cause"].as_str(), row["verdict"].as_str(), row["value"].as_str());
        assert_eq!(told, ("exited", "answered", n), "{row:?}");
        assert_eq!(desk.read(&format!("out/{}", row["log"])), format!("RESULT {n}\n"));
        assert_eq!(desk.verdicts(&id).len(), 1);
    }
}

fn assert_none_survives(mark: &str) {
    wait_until("no process of the run survives", || alive_with(&format!("MARK={mark}")).is_empty());
}

#[test]
fn a_provisor_that_is_killed_loses_no_row_and_doubles_none() {
    contained(|_| {
        let mut cut_short = 0;
        for moment in MOMENTS {
            let (desk, mark) = (Desk::new(&format!("crash-{moment}")), mark(&format!("crash-{moment}")));
            let spec = spec(&mark);
            let started = desk.start(&spec, &[]);
            desk.await_file("out/results.csv");
            wait_until("so many rows are there", || lines(&desk).len() >= moment);
            started.signal("KILL");
            cut_short += usize::from(started.wait().code.is_none());
            assert_none_survives(&mark);

            let (told, kept, executed) = (lines(&desk), stored(&desk), executions(&desk));
            assert!(told.len() >= moment);
            let store = Store::read(&desk.file("out")).expect("readable");
            if store.last_run_complete().expect("readable") {
                // It was quicker than the kill, and the next run would rightly start anew.
                assert_complete(&desk);
                continue;
            }
            drop(store);
            assert!(told.keys().all(|id| kept.contains_key(id)), "the database has what the table has");
            let ran = desk.run(&spec, &[]).with_code(0);
            let (told_after, kept_after, executed_after) = (lines(&desk), stored(&desk), executions(&desk));
            for (id, line) in &told {
                assert_eq!(told_after.get(id), Some(line), "changed, or lost");
            }
            for (id, row) in &kept {
                assert_eq!(kept_after.get(id), Some(row), "changed, or lost: {id}");
                assert_eq!(executed_after[id], executed[id], "{id} was executed again:\n{}", ran.err);
            }
            assert_complete(&desk);
            assert!(executed_after.values().all(|times| (1..=2).contains(times)));
        }
        assert!(cut_short > MOMENTS.len() / 2, "most were killed at work, not after it: {cut_short}");
    });
}

#[test]
fn a_run_that_is_killed_again_and_again_comes_to_its_end() {
    contained(|_| {
        let (desk, mark) = (Desk::new("crash-again"), mark("crash-again"));
        let spec = spec(&mark);
        let mut known = BTreeMap::new();
        for moment in [6, 15, 29, 44, 58] {
            let started = desk.start(&spec, &[]);
            wait_until("more rows are there", || lines(&desk).len() >= moment);
            started.signal("KILL");
            started.wait();
            assert_none_survives(&mark);
            let now = stored(&desk);
            for (id, row) in &known {
                assert_eq!(now.get(id), Some(row), "changed, or lost: {id}");
            }
            known = now;
        }
        let store = Store::read(&desk.file("out")).expect("readable");
        // The last one may have been quicker than the kill, and the next run would rightly start anew.
        let was_complete = store.last_run_complete().expect("readable");
        drop(store);
        let before = executions(&desk);
        desk.run(&spec, &[]).with_code(0);
        let after = executions(&desk);
        assert!(was_complete || known.keys().all(|id| before[id] == after[id]));
        assert_complete(&desk);
        // A run that is killed before it has begun leaves no folder.
        assert!(desk.file("out/runs/2").is_dir());
    });
}

/// Two that are done, and two at work until the file `go` is there; one of them with an escaped child.
fn half_done(mark: &str) -> String {
    let wait = "echo at work; while ! test -e go; do sleep 0.01; done";
    format!(
        r#"Job(name: "half", slots: 2, env: {{"MARK": "{mark}"}}, commands: [
            (id: "a", run: ["sh", "-c", "echo a >> executions"]),
            (id: "b", run: ["sh", "-c", "echo b >> executions; exit 3"]),
            (id: "c", run: ["sh", "-c", "echo c >> executions; setsid sleep 300 & {wait}; kill $!"]),
            (id: "d", run: ["sh", "-c", "echo d >> executions; {wait}"]),
            (id: "e", run: ["sh", "-c", "echo e >> executions"]),
        ])"#
    )
}

/// Starts it, and waits until two are done and two at work.
fn start_half_done<'a>(desk: &'a Desk, mark: &str) -> Started<'a> {
    let started = desk.start(&half_done(mark), &[]);
    wait_until("two are done", || lines(desk).len() == 2);
    wait_until("two are at work", || desk_lines(desk) == ["a", "b", "c", "d"]);
    // And provisor has heard of it.
    let heard = || {
        let logs = fs::read_dir(desk.file("out/logs")).expect("a folder").flatten();
        logs.filter(|log| log.metadata().is_ok_and(|log| log.len() > 0)).count()
    };
    wait_until("both have said so", || heard() == 2);
    started
}

fn desk_lines(desk: &Desk) -> Vec<String> {
    let mut lines: Vec<_> =
        fs::read_to_string(desk.file("executions")).unwrap_or_default().lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn a_run_without_its_guardian_ends_says_so_and_can_be_taken_up() {
    contained(|_| {
        let (desk, mark) = (Desk::new("guardian"), mark("guardian"));
        let started = start_half_done(&desk, &mark);
        let before = lines(&desk);
        kill(guardian_of(started.pid()));
        started.wait().with_code(70).says("the guardian process died").says("run it again");
        assert_eq!(alive_with(&format!("MARK={mark}")), [0; 0], "survivors");
        let after = lines(&desk);
        assert!(before.iter().all(|(id, line)| after.get(id) == Some(line)), "{before:?}\n{after:?}");
        let causes = desk.column("cause");
        for (id, cause) in [("a", "exited"), ("b", "exited"), ("c", "lost"), ("d", "lost")] {
            assert_eq!(causes[id], cause, "{id}");
        }
        assert_ne!(causes.get("e").map(String::as_str), Some("exited"));
        desk.write("go", "");
        desk.run(&half_done(&mark), &[]).with_code(1).says("2 reused");
        assert_eq!(desk_lines(&desk), ["a", "b", "c", "c", "d", "d", "e"]);
        assert_eq!(desk.results().len(), 5);
        assert!(desk.column("cause").into_values().all(|cause| cause == "exited"));
    });
}

#[test]
fn provisor_and_guardian_killed_together_leave_no_query() {
    contained(|_| {
        let (desk, mark) = (Desk::new("both"), mark("both"));
        let started = start_half_done(&desk, &mark);
        kill_both(started);
        // In a namespace all die with its first process. Elsewhere the queries do, and what had left them lives until the
        // next run.
        wait_until("the queries are dead", || {
            alive_with(&format!("MARK={mark}")).iter().all(|pid| {
                fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "sleep\n")
            })
        });
        desk.write("go", "");
        desk.run(&half_done(&mark), &[]).with_code(1).says("2 reused");
        assert_eq!(desk.results().len(), 5);
        assert_eq!(alive_with(&format!("MARK={mark}")), [0; 0], "survivors");
    });
}

#[test]
fn who_interrupts_a_third_time_does_not_wait_and_the_guardian_cleans_up() {
    contained(|_| {
        let (desk, mark) = (Desk::new("third"), mark("third"));
        let mut started = start_half_done(&desk, &mark);
        // A guardian that does nothing for a while, so that there is something to be impatient about.
        let guardian = guardian_of(started.pid());
        stop(guardian);
        let mut told = BufReader::new(started.child.stderr.take().expect("a pipe")).lines();
        for answer in ["once more kills them at once", "once more leaves at once", "leaving"] {
            started.signal("INT");
            let heard = told.by_ref().any(|line| line.expect("UTF-8").contains(answer));
            assert!(heard, "nothing about `{answer}`");
        }
        started.wait().with_code(3);
        let before = lines(&desk);
        assert!(send("CONT", guardian));
        desk.write("go", "");
        desk.run(&half_done(&mark), &[]).with_code(1).says("2 reused");
        assert_eq!(alive_with(&format!("MARK={mark}")), [0; 0], "survivors");
        let after = lines(&desk);
        assert!(before.iter().all(|(id, line)| after.get(id) == Some(line)), "{before:?}\n{after:?}");
        assert_eq!(after.len(), 5);
    });
}

#[test]
fn a_directory_has_one_run_at_a_time_and_is_free_when_that_is_dead() {
    contained(|_| {
        let (desk, mark) = (Desk::new("lock"), mark("lock"));
        let started = start_half_done(&desk, &mark);
        let before = desk.read("out/results.csv");
        let said = format!("out is in use by provisor with pid {}", started.pid());
        desk.run(&half_done(&mark), &[]).with_code(2).says(&said);
        assert_eq!(desk.read("out/results.csv"), before, "the second one has touched nothing");
        assert_eq!(desk_lines(&desk), ["a", "b", "c", "d"], "nor run anything");
        assert!(!desk.file("out/runs/2").exists());
        started.signal("KILL");
        desk.write("go", "");
        // Without a wait: the new run itself waits for what is left of the old one.
        desk.run(&half_done(&mark), &[]).with_code(1).says("2 reused");
        started.wait();
        assert_eq!(desk.results().len(), 5);
        assert_eq!(alive_with(&format!("MARK={mark}")), [0; 0]);
    });
}
