//! Queries that come after others, with real processes: who waits, who is skipped, and what a second run asks again.

mod common;

use std::fs;

use common::Desk;

/// Takes a moment, notes that it was there, and fails where a file says so.
const TOOL: &str = r#"sleep 0.1
echo "$1" >> ran
test ! -e "fail-$1""#;

/// Two that are built, one that tests both, one that reports what became of the test, and one that concerns nobody.
const JOB: &str = r#"Job(
    name: "after", slots: 8, reuse: Conclusive,
    commands: [
        (id: "report", run: ["./tool", "report"], after: ["test"], after_failure: Run),
        (id: "test", run: ["./tool", "test"], after: ["build/*"]),
        (id: "build/a", run: ["./tool", "a"]),
        (id: "build/b", run: ["./tool", "b"]),
        (id: "other", run: ["true"]),
    ],
)"#;

fn desk(name: &str) -> Desk {
    let desk = Desk::new(name);
    desk.script("tool", TOOL);
    desk
}

/// What was executed since this was asked last: the two that are built in either order, and then the others.
fn executed(desk: &Desk) -> Vec<String> {
    let text = fs::read_to_string(desk.file("ran")).unwrap_or_default();
    let _ = fs::remove_file(desk.file("ran"));
    let mut ran: Vec<_> = text.lines().map(str::to_owned).collect();
    if let [first, second, ..] = &mut ran[..]
        && first == "b"
        && second == "a"
    {
        std::mem::swap(first, second);
    }
    ran
}

#[test]
fn who_comes_after_others_starts_when_they_are_over_however_many_slots_are_free() {
    let desk = desk("order");
    desk.run(JOB, &[]).with_code(0);
    assert_eq!(executed(&desk), ["a", "b", "test", "report"]);
    desk.run(JOB, &[]).with_code(0).says("5 reused");
    assert_eq!(executed(&desk), [""; 0]);
}

#[test]
fn who_comes_after_a_failure_is_skipped_or_run_and_asked_again_when_it_is_mended() {
    let desk = desk("failure");
    desk.write("fail-b", "");
    let ran = desk.run(JOB, &[]).with_code(1);
    assert_eq!(executed(&desk), ["a", "b", "report"], "{}", ran.err);
    let rows = desk.results();
    let why = "needs `build/b` to end well, which ended as failed";
    assert_eq!((&*rows["test"]["cause"], &*rows["test"]["line"]), ("skipped", why));
    assert!(ran.err.contains(why), "{}", ran.err);
    assert_eq!(rows["report"]["verdict"], "ok");
    fs::remove_file(desk.file("fail-b")).expect("it is there");
    let again = desk.run(JOB, &["--rerun", "failed"]).with_code(0).says("2 reused");
    again.says("1 query run again: what they rest on is asked again, or has come to something else");
    assert_eq!(executed(&desk), ["b", "test", "report"]);
    // A part that is asked again takes with it all that comes after it.
    desk.run(JOB, &["--rerun", "build/a"]).with_code(0).says("2 reused");
    assert_eq!(executed(&desk), ["a", "test", "report"]);
}

#[test]
fn who_is_chosen_takes_with_it_what_it_comes_after() {
    let desk = desk("chosen");
    desk.run(JOB, &["--only", "test"]).with_code(0);
    assert_eq!(executed(&desk), ["a", "b", "test"]);
}
