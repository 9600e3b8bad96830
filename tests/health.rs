//! Queries that are asked whether they are well, with real processes: who does not answer is ended, and no probe is left.

mod common;

use common::contained::contained;
use common::{Desk, alive_with, guardian_of, kill, mark, wait_until};

/// A probe that says that it was there and is never done.
const HANGS: &str = ": > asked; exec sleep 300";

/// What holds the processes of a query together, where anybody may choose it.
const LEVELS: [&str; 2] = ["sweep", "group"];

fn assert_none_survives(mark: &str) {
    wait_until("no process of the run survives", || alive_with(&format!("MARK={mark}")).is_empty());
}

/// Cause, attempt and line of a query's one row.
fn row(desk: &Desk, id: &str) -> [String; 3] {
    let row = &desk.results()[id];
    ["cause", "attempt", "line"].map(|column| row[column].clone())
}

#[test]
fn a_server_that_stops_answering_is_ended_and_started_again_by_its_group() {
    let desk = Desk::new("restarted");
    desk.script("ask", ": > asked; test -e well || { echo nobody answers >&2; exit 7; }");
    desk.script(
        "serve",
        "echo x >> runs; test $(wc -l < runs) = 2 && exit 0\n\
         : > well; while ! test -e asked; do sleep 0.01; done; rm well; exec sleep 300",
    );
    let spec = r#"Job(
        name: "x",
        group: (),
        commands: [(id: "server", run: ["./serve"])],
        health: (probe: ["./ask"], every: "100ms", failures: 2),
    )"#;
    desk.run(spec, &[]).with_code(0).says("silent");
    assert_eq!(row(&desk, "server")[..2], ["exited", "2"].map(str::to_owned));
}

#[test]
fn who_is_unwell_in_no_group_has_reached_a_limit_and_its_row_says_what_was_said() {
    let desk = Desk::new("limit");
    desk.script("ask", "echo \"$PORT: $(pwd)\"; echo it refuses >&2; exit 7");
    let spec = r#"Job(
        name: "x",
        env: {"PORT": "7"},
        commands: [
            (id: "refuses", run: ["sleep", "300"], health: (probe: ["./ask"], every: "50ms", failures: 2)),
            (id: "place", run: ["sleep", "300"],
             health: (probe: ["sh", "-c", "echo $PORT $(pwd); exit 1"], every: "50ms", failures: 1)),
            (id: "none", run: ["sleep", "300"], health: (probe: ["./nowhere"], every: "50ms", failures: 1)),
            (id: "dies", run: ["sleep", "300"],
             health: (probe: ["sh", "-c", "kill -SEGV $$"], every: "50ms", failures: 1)),
        ],
    )"#;
    desk.run(spec, &[]).with_code(1);
    let line = |id: &str| {
        let [cause, attempt, line] = row(&desk, id);
        assert_eq!((&*cause, &*attempt), ("silent", "1"), "{id}");
        line
    };
    assert_eq!(line("refuses"), "2 probes in a row failed: exit code 7 (it refuses)");
    let cwd = desk.path().display().to_string();
    assert_eq!(
        line("place"),
        format!("a probe failed: exit code 1 (7 {cwd})"),
        "it finds what its query does"
    );
    assert_eq!(line("dies"), "a probe failed: SIGSEGV");
    let none = line("none");
    assert!(none.starts_with("a probe failed: ") && none.contains("/nowhere"), "{none}");
}

#[test]
fn a_probe_that_hangs_is_ended_in_time_counts_as_failed_and_is_not_left() {
    contained(|_| {
        for level in LEVELS {
            let (desk, mark) = (Desk::new(&format!("hangs-{level}")), mark(&format!("hangs-{level}")));
            // It takes no notice of Term, and has a child that holds its pipes.
            desk.script("ask", "trap '' TERM; sleep 300 & exec sleep 300");
            let spec = format!(
                r#"Job(
                    name: "x",
                    env: {{"MARK": "{mark}"}},
                    commands: [(id: "q", run: ["sleep", "300"])],
                    health: (probe: ["./ask"], every: "300ms", within: "100ms", failures: 2),
                )"#
            );
            desk.run(&spec, &["--containment", level]).with_code(1);
            let line = "2 probes in a row failed: no answer within 0.1 s";
            assert_eq!(row(&desk, "q"), ["silent", "1", line].map(str::to_owned));
            assert_none_survives(&mark);
        }
    });
}

#[test]
fn a_query_that_leaves_takes_its_probe_with_it() {
    contained(|_| {
        for level in LEVELS {
            let (desk, mark) = (Desk::new(&format!("leaves-{level}")), mark(&format!("leaves-{level}")));
            desk.script("ask", HANGS);
            desk.script("a", "while ! test -e asked; do sleep 0.01; done");
            desk.script("b", "while ! test -e done; do sleep 0.01; done");
            let spec = format!(
                r#"Job(
                    name: "x",
                    slots: 2,
                    commands: [
                        (id: "a", run: ["./a"], env: {{"MARK": "{mark}"}}, health: (probe: ["./ask"], every: "100ms", failures: 1000)),
                        (id: "b", run: ["./b"]),
                    ],
                )"#
            );
            let started = desk.start(&spec, &["--containment", level]);
            desk.await_file("asked");
            // While the run goes on.
            assert_none_survives(&mark);
            desk.write("done", "");
            started.wait().with_code(0);
            assert_eq!(row(&desk, "a")[0], "exited");
        }
    });
}

/// A run with a query that hangs, and a probe that does.
fn with_both<'a>(desk: &'a Desk, mark: &str, level: &str) -> common::Started<'a> {
    desk.script("ask", HANGS);
    let spec = format!(
        r#"Job(
            name: "x",
            env: {{"MARK": "{mark}"}},
            commands: [(id: "q", run: ["sleep", "300"])],
            health: (probe: ["./ask"], every: "100ms", failures: 100000),
        )"#
    );
    let started = desk.start(&spec, &["--containment", level]);
    desk.await_file("asked");
    started
}

#[test]
fn an_interruption_leaves_no_probe() {
    contained(|_| {
        for level in LEVELS {
            let (desk, mark) = (Desk::new(&format!("int-{level}")), mark(&format!("int-{level}")));
            let started = with_both(&desk, &mark, level);
            started.signal("INT");
            started.wait().with_code(3);
            assert_none_survives(&mark);
            assert_eq!(row(&desk, "q")[0], "cancelled");
        }
    });
}

#[test]
fn a_provisor_that_is_killed_leaves_no_probe_and_neither_does_its_guardian() {
    contained(|_| {
        for level in LEVELS {
            for is_guardian in [false, true] {
                let name = format!("kill-{level}-{is_guardian}");
                let (desk, mark) = (Desk::new(&name), mark(&name));
                let started = with_both(&desk, &mark, level);
                kill(if is_guardian { guardian_of(started.pid()) } else { started.pid() });
                started.wait();
                assert_none_survives(&mark);
            }
        }
    });
}
