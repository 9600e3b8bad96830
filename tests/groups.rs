//! Groups of queries that are looked after, with real processes: each rule of OTP's supervisors once, by its words in the chapter
//! "Supervisor Behaviour" of OTP's Design Principles.

mod common;

use std::fs;

use common::{Desk, Ran};

/// What the commands are made of: `tell WORD` writes it down, `runs` says how often this one was started, and `serve` tells of its
/// start and of its end by Term, and ends by itself once `done` is there.
const PROLOGUE: &str = r#"tell() { echo "$1" >> told; }
runs() { echo x >> "runs-$1"; wc -l < "runs-$1"; }
serve() { trap "tell -$1; exit 0" TERM; tell "+$1"; : > "up-$1"; while ! test -e done; do sleep 0.01; done; }
await() { while ! test -e "$1"; do sleep 0.01; done; }
"#;

/// A job of these commands, as many at a time, each with further fields of its own.
fn run(desk: &Desk, job: &str, commands: &[(&str, &str, &str)]) -> Ran {
    let mut list = String::new();
    for (id, script, fields) in commands {
        desk.script(id, &format!("{PROLOGUE}{script}"));
        list += &format!("(id: \"{id}\", run: [\"./{id}\"], {fields}),");
    }
    desk.run(&format!("Job(name: \"groups\", slots: 8, {job}, commands: [{list}])"), &[])
}

/// What the commands told, in order.
fn told(desk: &Desk) -> Vec<String> {
    fs::read_to_string(desk.file("told")).unwrap_or_default().lines().map(str::to_owned).collect()
}

/// Cause, verdict and attempt of a query's one row.
fn row(desk: &Desk, id: &str) -> [String; 3] {
    let row = &desk.results()[id];
    ["cause", "verdict", "attempt"].map(|column| row[column].clone())
}

#[test]
fn a_permanent_child_process_is_always_restarted() {
    let desk = Desk::new("permanent");
    let ran = run(&desk, r#"group: (intensity: (2, "1h")), restart: Permanent"#, &[("a", "tell a", "")]);
    let ran = ran.with_code(1).says("the group `groups` has failed: more than 2 restarts in 3600 s");
    assert!(ran.err.contains("to be started again"), "{}", ran.err);
    assert_eq!(told(&desk), ["a"; 3]);
    assert_eq!(row(&desk, "a"), ["exited", "ok", "3"], "its last end was well, and the run was not");
}

#[test]
fn a_transient_child_process_is_restarted_only_if_it_terminates_abnormally() {
    let desk = Desk::new("transient");
    let script = "test $(runs a) = 3";
    run(&desk, r#"group: (intensity: (5, "1h"))"#, &[("a", script, "restart: Transient")]).with_code(0);
    assert_eq!(row(&desk, "a"), ["exited", "ok", "3"]);
}

#[test]
fn a_temporary_child_process_is_never_restarted() {
    let desk = Desk::new("temporary");
    let scripts = [("a", "tell a; exit 1", "restart: Temporary"), ("b", "tell b", "")];
    run(&desk, r#"group: (strategy: OneForAll)"#, &scripts).with_code(1);
    assert_eq!(row(&desk, "a"), ["exited", "failed", "1"]);
    assert_eq!(told(&desk).len(), 2);
}

#[test]
fn one_for_one_if_a_child_process_terminates_only_that_process_is_restarted() {
    let desk = Desk::new("one-for-one");
    let worker = "await up-a; test $(runs b) = 2 && : > done";
    run(&desk, "group: (strategy: OneForOne)", &[("a", "serve a", ""), ("b", worker, "")]).with_code(0);
    assert_eq!(
        (told(&desk), row(&desk, "b")),
        (vec!["+a".to_owned()], ["exited", "ok", "2"].map(str::to_owned))
    );
}

#[test]
fn one_for_all_if_a_child_process_terminates_all_others_are_terminated_and_then_all_are_restarted() {
    let desk = Desk::new("one-for-all");
    let worker = "await up-a; rm up-a; test $(runs b) = 2 && : > done";
    run(&desk, "group: (strategy: OneForAll)", &[("a", "serve a", ""), ("b", worker, "")]).with_code(0);
    assert_eq!(told(&desk), ["+a", "-a", "+a"]);
    for id in ["a", "b"] {
        assert_eq!(row(&desk, id), ["exited", "ok", "2"], "{id} has one row");
    }
}

#[test]
fn rest_for_one_the_processes_after_it_in_start_order_are_terminated_in_the_reverse_of_that() {
    let desk = Desk::new("rest-for-one");
    let worker = "await up-a; await up-c; await up-d; \
                  if test $(runs b) = 2; then : > done; else rm up-c up-d; exit 1; fi";
    let scripts = [("a", "serve a", ""), ("b", worker, ""), ("c", "serve c", ""), ("d", "serve d", "")];
    run(&desk, "group: (strategy: RestForOne)", &scripts).with_code(0);
    let told = told(&desk);
    let stops: Vec<_> = told.iter().filter(|told| told.starts_with('-')).collect();
    assert_eq!(stops, ["-d", "-c"], "the last one first: {told:?}");
    let attempts = desk.column("attempt");
    assert_eq!(["a", "b", "c", "d"].map(|id| &*attempts[id]), ["1", "2", "2", "2"]);
}

#[test]
fn more_than_the_maximum_of_restarts_and_the_supervisor_terminates_all_and_then_itself() {
    let desk = Desk::new("intensity");
    let scripts = [
        ("a", "serve a", r#"group: "g""#),
        ("b", "await up-a; exit 1", r#"group: "g""#),
        ("c", "tell c", ""),
    ];
    let ran = run(&desk, r#"groups: {"g": (intensity: (1, "1h"))}"#, &scripts);
    ran.with_code(1).says("the group `g` has failed: more than 1 restart in 3600 s");
    assert_eq!(row(&desk, "a")[0], "cancelled");
    let line = desk.column("line");
    assert_eq!(line["a"], "its group `g` has failed: more than 1 restart in 3600 s");
    assert_eq!(row(&desk, "b"), ["exited", "failed", "2"]);
    assert_eq!(row(&desk, "c"), ["exited", "ok", "1"], "the others go on");
}

#[test]
fn a_supervisor_that_fails_is_restarted_by_the_one_above_it() {
    let desk = Desk::new("nested");
    let groups =
        r#"groups: {"outer": (intensity: (1, "1h")), "inner": (intensity: (0, "1h"), within: "outer")}"#;
    let scripts = [
        ("a", "await up-b; test $(runs a) = 2 && : > done", r#"group: "inner""#),
        ("b", "serve b", r#"group: "inner""#),
    ];
    run(&desk, groups, &scripts).with_code(0);
    assert_eq!(told(&desk), ["+b", "-b", "+b"]);
    for id in ["a", "b"] {
        assert_eq!(row(&desk, id), ["exited", "ok", "2"], "its row is that after the restart");
    }
}

#[test]
fn brutal_kill_and_an_exit_that_does_not_come_within_the_time_are_unconditional_kills() {
    let desk = Desk::new("shutdown");
    let deaf = "trap '' TERM; : > up-ID; while :; do sleep 0.01; done";
    let [kill, after] = ["kill", "after"].map(|id| deaf.replace("ID", id));
    let scripts = [
        ("kill", &*kill, r#"shutdown: Kill, limits: (grace: "1h")"#),
        ("after", &*after, r#"shutdown: After("50ms"), limits: (grace: "1h")"#),
        ("polite", "serve polite", r#"shutdown: Infinity, limits: (grace: "0s")"#),
        ("worker", "await up-kill; await up-after; await up-polite; exit 1", ""),
    ];
    run(&desk, r#"group: (intensity: (0, "1h"))"#, &scripts).with_code(1);
    let signal = desk.column("signal");
    assert_eq!(["kill", "after", "polite"].map(|id| &*signal[id]), ["SIGKILL", "SIGKILL", ""]);
    assert_eq!(told(&desk), ["+polite", "-polite"]);
}

#[test]
fn who_owes_a_line_and_prints_none_is_started_again() {
    let desk = Desk::new("health");
    let script = "test $(runs a) = 2 || { echo alive; sleep 60; }";
    let ran = run(&desk, "group: ()", &[("a", script, r#"health: (line_every: "200ms")"#)]).with_code(0);
    assert!(ran.err.contains("silent"), "{}", ran.err);
    assert_eq!(row(&desk, "a"), ["exited", "ok", "2"]);
}

#[test]
fn an_interruption_ends_what_would_go_on_for_ever() {
    let desk = Desk::new("interrupted");
    desk.script("a", &format!("{PROLOGUE}serve a"));
    let spec = r#"Job(name: "x", group: (), restart: Permanent, commands: [(id: "a", run: ["./a"])])"#;
    let run = desk.start(spec, &[]);
    desk.await_file("up-a");
    run.signal("INT");
    run.wait().with_code(3);
    assert_eq!((told(&desk), &*row(&desk, "a")[0]), (vec!["+a".to_owned(), "-a".to_owned()], "cancelled"));
}
