//! In which order queries are started, and what is said of how long they take: from what earlier runs took.

mod common;

use std::fs;

use common::Desk;

/// Notes in the file `ran` that it was executed, and takes its time for as long as there is a file `slow`.
const TOOL: &str = r#"echo "$1" >> ran; test ! -e slow || exec sleep "$2""#;

/// Queries that take no time, more than a limit of a second, and less than that; one at a time.
fn job(more: &str) -> String {
    format!(
        r#"Job(name: "order", slots: 1, commands: [
            (id: "none", run: ["./tool", "none", "0"]),
            (id: "long", run: ["./tool", "long", "60"], limits: (wall: "1s")),
            (id: "short", run: ["./tool", "short", "0.3"]),
            {more}
        ])"#
    )
}

/// Who was executed since this was asked last, in that order.
fn executed(desk: &Desk) -> Vec<String> {
    let text = desk.read("ran");
    fs::remove_file(desk.file("ran")).expect("removed");
    text.lines().map(str::to_owned).collect()
}

/// After a run in which they took their time.
fn known(name: &str) -> Desk {
    let desk = Desk::new(name);
    desk.script("tool", TOOL);
    desk.write("slow", "");
    let first = desk.run(&job(""), &[]).with_code(1);
    assert_eq!(executed(&desk), ["none", "long", "short"], "nothing is known");
    assert!(!first.err.contains("of work"), "{}", first.err);
    fs::remove_file(desk.file("slow")).expect("removed");
    desk
}

#[test]
fn the_longest_is_started_first() {
    let desk = known("longest");
    // Of the new one nothing is known: it may be longer than all others.
    let spec = job(r#"(id: "new", run: ["./tool", "new", "0"]),"#);
    desk.run(&spec, &["--fresh"]).with_code(0).says("  by earlier runs of 3 of these 4 about ");
    assert_eq!(executed(&desk), ["new", "long", "short", "none"]);
    assert_eq!(desk.results().len(), 4);
}

#[test]
fn the_order_of_the_spec_is_kept_where_it_is_asked_for() {
    let desk = known("spec");
    desk.run(&job(""), &["--fresh", "--order", "spec"])
        .with_code(0)
        .says("  by earlier runs about ")
        .says("s of work, done in about ");
    assert_eq!(executed(&desk), ["none", "long", "short"]);
}

#[test]
fn what_is_reused_is_no_work_and_who_wants_to_hear_nothing_does_not() {
    let desk = known("rest");
    desk.write("slow", "");
    let ran = desk.run(&job(""), &["--rerun", "none"]).with_code(1);
    assert_eq!(executed(&desk), ["none"]);
    assert!(!ran.err.contains("of work"), "none to speak of: {}", ran.err);
    let ran = desk.run(&job(""), &["--rerun", "long", "-q"]).with_code(1);
    assert_eq!((executed(&desk), &*ran.err), (vec!["long".to_owned()], ""));
}
