//! Queries of several passes, with real processes: which pass follows, what the row says, and what a second run takes up.

mod common;

use std::collections::BTreeMap;
use std::fs;

use common::Desk;

/// Notes what it was asked and with which effort. Asked for `c` it fails, and for `b` unless the effort is high; there it
/// waits for a file.
const TOOL: &str = r#"echo "$1-$2" >> ran
case "$1-$2" in
    b-low|c-*) exit 3;;
    b-high) touch ready; while ! test -e go; do sleep 0.01; done;;
esac"#;

fn desk(name: &str) -> Desk {
    let desk = Desk::new(name);
    desk.script("tool", TOOL);
    desk
}

/// A job of these three, one at a time, in these passes.
fn job(passes: &str) -> String {
    let command = |id: &str| format!(r#"(id: "{id}", run: ["./tool", "{id}", "{{{{ effort }}}}"])"#);
    let commands = ["a", "b", "c"].map(command).join(", ");
    format!(r#"Job(name: "passes", slots: 1, reuse: Conclusive, passes: [{passes}], commands: [{commands}])"#)
}

const TWO: &str = r#"Fast(vars: {"effort": "low"}), Full(vars: {"effort": "high"}, only: NotWell)"#;

/// What was executed since this was asked last, in order.
fn executed(desk: &Desk) -> Vec<String> {
    let text = fs::read_to_string(desk.file("ran")).unwrap_or_default();
    let _ = fs::remove_file(desk.file("ran"));
    text.lines().map(str::to_owned).collect()
}

/// The cells of these columns, by the id.
fn cells<const N: usize>(desk: &Desk, columns: [&str; N]) -> BTreeMap<String, [String; N]> {
    let cells = |row: BTreeMap<String, String>| columns.map(|column| row[column].clone());
    desk.results().into_iter().map(|(id, row)| (id, cells(row))).collect()
}

fn row<const N: usize>(id: &str, cells: [&str; N]) -> (String, [String; N]) {
    (id.to_owned(), cells.map(str::to_owned))
}

#[test]
fn each_pass_asks_those_that_it_is_for_after_all_have_had_the_one_before() {
    let desk = desk("each");
    desk.write("go", "");
    let ran = desk.run(&job(TWO), &["--order", "spec"]).with_code(1);
    assert_eq!(executed(&desk), ["a-low", "b-low", "c-low", "b-high", "c-high"]);
    let expected =
        [row("a", ["ok", "1", "fast"]), row("b", ["ok", "2", "full"]), row("c", ["failed", "2", "full"])];
    assert_eq!(cells(&desk, ["verdict", "attempt", "pass"]), expected.into());
    for line in ["b  (pass fast, full follows)", "c  (pass full)"] {
        assert!(ran.err.lines().any(|told| told.ends_with(line)), "{line}: {}", ran.err);
    }
    let again = desk.run(&job(TWO), &[]).with_code(1).says("3 reused");
    assert_eq!(executed(&desk), [""; 0], "{}", again.err);
}

#[test]
fn an_interrupted_ladder_goes_on_with_its_next_pass_and_a_rerun_begins_with_the_first() {
    let desk = desk("interrupted");
    let started = desk.start(&job(TWO), &["--order", "spec"]);
    desk.await_file("ready");
    started.signal("INT");
    started.wait().with_code(3).says("2 queries left to run");
    assert_eq!(executed(&desk), ["a-low", "b-low", "c-low", "b-high"]);
    assert_eq!(cells(&desk, ["cause", "pass"]).get("b"), Some(&["cancelled", "full"].map(str::to_owned)));
    desk.write("go", "");
    let reasons = desk.run(&job(TWO), &[]).with_code(1).says("1 reused");
    let reasons = reasons.says("1 query run again: no verdict, or not ended by itself");
    reasons.says("1 query run again: a further pass follows");
    assert_eq!(executed(&desk), ["b-high", "c-high"]);
    desk.run(&job(TWO), &["--rerun", "b"]).with_code(1).says("2 reused");
    assert_eq!(executed(&desk), ["b-low", "b-high"]);
}

#[test]
fn a_pass_that_is_appended_goes_on_from_what_is_known() {
    let desk = desk("appended");
    desk.write("go", "");
    desk.run(&job(TWO), &[]).with_code(1);
    executed(&desk);
    let three = format!(r#"{TWO}, Full(name: "more", vars: {{"effort": "more"}}, only: NotWell)"#);
    desk.run(&job(&three), &[]).with_code(1).says("1 query run again: a further pass follows");
    assert_eq!(executed(&desk), ["c-more"]);
    assert_eq!(cells(&desk, ["attempt", "pass"]).get("c"), Some(&["3", "more"].map(str::to_owned)));
    // What another effort would say is another question.
    let other = TWO.replace("high", "higher");
    desk.run(&job(&other), &[]).with_code(1);
    assert_eq!(executed(&desk), ["b-higher", "c-higher"]);
}

#[test]
fn a_raised_limit_of_the_pass_that_decided_runs_that_pass_again() {
    let desk = Desk::new("limits");
    desk.script("tool", r#"echo "$1" >> ran; exec sleep 60"#);
    let spec = |first: &str, second: &str| {
        format!(
            r#"Job(name: "ladder", reuse: Conclusive, passes: [Full(wall: "{first}"), Full(wall: "{second}")],
                   commands: [(id: "q", run: ["./tool", "q"])])"#
        )
    };
    desk.run(&spec("100ms", "300ms"), &[]).with_code(1);
    assert_eq!(executed(&desk), ["q", "q"]);
    assert_eq!(cells(&desk, ["cause", "pass"]), [row("q", ["wall-limit", "full-2"])].into());
    desk.run(&spec("100ms", "300ms"), &[]).with_code(1).says("1 reused");
    desk.run(&spec("200ms", "300ms"), &[]).with_code(1).says("1 reused");
    assert_eq!(executed(&desk), [""; 0], "the first pass did not decide");
    desk.run(&spec("100ms", "400ms"), &[]).with_code(1).says("the limit that stopped it was raised");
    assert_eq!(executed(&desk), ["q"], "only the pass that decided");
}

#[test]
fn a_row_without_a_verdict_says_what_the_pass_before_said() {
    let desk = Desk::new("said");
    desk.script("tool", r#"echo "$1"; test "$1" = low || exec sleep 60"#);
    let spec = r#"Job(name: "said",
        rules: [(on: Contains("low"), verdict: "maybe", counts: Open)],
        passes: [Fast(vars: {"effort": "low"}), Full(vars: {"effort": "high"}, wall: "300ms", only: Open)],
        commands: [(id: "q", run: ["./tool", "{{ effort }}"])])"#;
    let ran = desk.run(spec, &[]).with_code(1);
    let [cause, line] = cells(&desk, ["cause", "line"])["q"].clone();
    assert_eq!(cause, "wall-limit", "{}", ran.err);
    assert!(line.ends_with("pass `fast` said: maybe"), "{line}");
    let json = desk.finish(desk.provisor(["results", "out", "--format", "json"])).with_code(0).out;
    assert!(json.contains(r#""pass": "full""#), "{json}");
}
