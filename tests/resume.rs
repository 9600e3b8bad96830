//! A second run takes up what is missing: what is reused, what is run again, and what is said about it.

mod common;

use std::fs;

use common::Desk;
use common::tool::{THREE, TOOL, desk, executed, job};

#[test]
fn what_is_done_is_not_done_again() {
    let desk = desk("reused");
    let spec = job("reuse: Conclusive, slots: 1,", THREE);
    let first = desk.run(&spec, &[]).with_code(1);
    assert!(!first.err.contains("reused"), "{}", first.err);
    assert_eq!(executed(&desk), ["a", "b", "c"]);
    let tables = (desk.read("out/results.csv"), desk.read("out/verdicts.csv"));
    let second = desk.run(&spec, &[]).with_code(1).says("3 reused");
    assert_eq!(executed(&desk), [""; 0]);
    assert_eq!((desk.read("out/results.csv"), desk.read("out/verdicts.csv")), tables);
    assert!(second.out.contains("3 queries: 2 well, 1 not"), "{}", second.out);
}

#[test]
fn whatever_a_result_depends_on_runs_it_again_and_nothing_else_does() {
    let desk = desk("changed");
    desk.script("other", TOOL);
    desk.write("data.txt", "1");
    desk.write("listed.txt", "1");
    desk.write("goal.txt", "1");
    desk.write("unread.txt", "1");
    let mut spec = job(
        "reuse: Conclusive,",
        r#"
        (id: "argv", run: ["./tool", "argv", "0", "one"]),
        (id: "env", run: ["./tool", "env"], env: {"SETTING": "one"}),
        (id: "cwd", run: ["./tool", "cwd"], cwd: "one"),
        (id: "input", run: ["./tool", "input", "0", "data.txt"]),
        (id: "listed", run: ["./tool", "listed"], inputs: ["listed.txt"]),
        (id: "only", run: ["./tool", "only", "0", "unread.txt"], inputs: Only(["listed.txt"])),
        (id: "tool", run: ["./other", "tool"]),
        (id: "stdin", run: ["./tool", "stdin"], stdin: File("goal.txt")),
        (id: "text", run: ["./tool", "text"], stdin: Text("one")),
        (id: "constant", run: ["./tool", "constant"]),"#,
    );
    desk.write("one/keep", "");
    desk.write("two/keep", "");
    desk.run(&spec, &[]).with_code(0);
    assert_eq!(desk.read("one/ran"), "cwd\n");
    fs::remove_file(desk.file("one/ran")).expect("removed");
    assert_eq!(executed(&desk).len(), 9);

    let again = |spec: &str, whom: &[&str]| {
        let why = "the command, its environment, an input or the tool has changed";
        let n = match whom.len() {
            1 => "1 query".to_owned(),
            n => format!("{n} queries"),
        };
        let ran = desk.run(spec, &[]).with_code(0).says(&format!("  {n} run again: {why}"));
        assert!(ran.err.contains(&format!("{} reused", 10 - whom.len())), "{}", ran.err);
        let mut names = executed(&desk);
        if fs::remove_file(desk.file("two/ran")).is_ok() {
            names.push("cwd".into());
        }
        assert_eq!(names, whom);
    };
    let change = |spec: &mut String, from: &str, to: &str| {
        assert_eq!(spec.matches(from).count(), 1, "{from}");
        *spec = spec.replace(from, to);
    };
    change(&mut spec, r#""0", "one""#, r#""0", "two""#);
    again(&spec, &["argv"]);
    change(&mut spec, r#""SETTING": "one""#, r#""SETTING": "two""#);
    again(&spec, &["env"]);
    change(&mut spec, r#"cwd: "one""#, r#"cwd: "two""#);
    again(&spec, &["cwd"]);
    desk.write("data.txt", "2");
    again(&spec, &["input"]);
    desk.write("listed.txt", "2");
    again(&spec, &["listed", "only"]);
    desk.script("other", &format!("{TOOL} # and more"));
    again(&spec, &["tool"]);
    desk.write("goal.txt", "2");
    again(&spec, &["stdin"]);
    change(&mut spec, r#"Text("one")"#, r#"Text("two")"#);
    again(&spec, &["text"]);
    // Written anew with the same bytes, and read by nobody: nothing depends on these.
    desk.write("data.txt", "2");
    desk.write("unread.txt", "2");
    desk.run(&spec, &[]).with_code(0).says("10 reused");
    assert_eq!(executed(&desk), [""; 0]);
    let attempts = desk.column("attempt");
    assert!(
        attempts.iter().all(|(id, attempt)| attempt == if id == "constant" { "1" } else { "2" }),
        "{attempts:?}"
    );
}

#[test]
fn a_query_whose_id_alone_has_changed_is_kept() {
    let desk = desk("renamed");
    let spec = job("reuse: Conclusive,", THREE);
    desk.run(&spec, &[]).with_code(1);
    let before = desk.results();
    executed(&desk);
    desk.run(&spec.replace(r#"id: "a""#, r#"id: "first/a""#), &[]).with_code(1).says("3 reused");
    assert_eq!(executed(&desk), [""; 0]);
    let after = desk.results();
    assert_eq!(after.keys().collect::<Vec<_>>(), ["b", "c", "first/a"]);
    let mut renamed = after["first/a"].clone();
    renamed.insert("query".into(), "a".into());
    assert_eq!(renamed, before["a"]);
    assert_eq!(desk.verdicts("first/a").len(), desk.verdicts("b").len());
}

#[test]
fn a_measurement_is_never_that_of_another_query() {
    let desk = desk("measured");
    let spec = job(
        "reuse: Conclusive,",
        r#"(id: "one", run: ["./tool", "same"]), (id: "two", run: ["./tool", "same"]),"#,
    );
    desk.run(&spec, &["--only", "one"]).with_code(0);
    desk.run(&spec, &["--only", "two"]).with_code(0);
    assert_eq!(executed(&desk), ["same", "same"]);
    // Both have new names, and one more is asked for.
    let renamed = spec.replace("one", "x/1").replace("two", "x/2");
    desk.run(&renamed, &[]).with_code(0).says("2 reused");
    let more = renamed.replace("commands: [", r#"commands: [(id: "x/0", run: ["./tool", "same"]),"#);
    desk.run(&more, &[]).with_code(0).says("2 reused");
    assert_eq!(executed(&desk), ["same"]);
}

#[test]
fn a_limit_stands_until_it_is_raised() {
    let desk = desk("limits");
    let spec = |limits: &str| {
        job(
            "reuse: Conclusive, slots: 2,",
            &format!(
                r#"(id: "slow", run: ["sh", "-c", "./tool slow; exec sleep 60"], limits: ({limits})),
                   (id: "quick", run: ["./tool", "quick"], limits: ({limits})),"#
            ),
        )
    };
    let raised = "  1 query run again: the limit that stopped it was raised";
    for (name, cause) in [("wall", "wall-limit"), ("silence", "silent")] {
        let with = |time: &str| spec(&format!(r#"{name}: "{time}""#));
        desk.run(&with("400ms"), &["--fresh"]).with_code(1);
        assert_eq!(executed(&desk), ["quick", "slow"]);
        assert_eq!(desk.column("cause")["slow"], cause);
        desk.run(&with("400ms"), &[]).with_code(1).says("2 reused");
        desk.run(&with("300ms"), &[]).with_code(1).says("2 reused");
        assert_eq!(executed(&desk), [""; 0]);
        desk.run(&with("500ms"), &[]).with_code(1).says("1 reused").says(raised);
        assert_eq!(executed(&desk), ["slow"]);
        assert_eq!(desk.column("cause")["slow"], cause);
    }
    // By the command line as by the spec.
    desk.run(&spec(r#"wall: "300ms""#), &["--fresh"]).with_code(1);
    desk.run(&spec(r#"wall: "300ms""#), &["--wall", "350ms"]).with_code(1).says(raised);
}

/// Interrupts a run of three, of which the first is done and the second at work.
fn interrupt(desk: &Desk, spec: &str) {
    let _ = fs::remove_file(desk.file("ready"));
    let started = desk.start(spec, &["--fresh"]);
    desk.await_file("ready");
    started.signal("INT");
    started.wait().with_code(3).says("2 queries left to run");
    assert_eq!(executed(desk), ["a", "b"]);
}

/// Three of which the second waits for the file `go`.
const WAITING: &str = r#"
    (id: "a", run: ["./tool", "a", "1"]),
    (id: "b", run: ["sh", "-c", "./tool b; touch ready; while ! test -e go; do sleep 0.01; done"]),
    (id: "c", run: ["./tool", "c"]),"#;

#[test]
fn an_interrupted_run_is_taken_up_and_a_complete_one_starts_anew() {
    let desk = desk("unfinished");
    let spec = job("slots: 1,", WAITING);
    interrupt(&desk, &spec);
    assert_eq!(
        desk.column("cause").into_iter().collect::<Vec<_>>(),
        [("a".to_owned(), "exited".to_owned()), ("b".to_owned(), "cancelled".to_owned())]
    );
    desk.write("go", "");
    desk.run(&spec, &[])
        .with_code(1)
        .says("1 reused")
        .says("1 query run again: no verdict, or not ended by itself");
    assert_eq!(executed(&desk), ["b", "c"]);
    let again = desk.run(&spec, &[]).with_code(1).says("3 queries run again: the last run was complete");
    assert!(!again.err.contains("reused"), "{}", again.err);
    assert_eq!(executed(&desk), ["a", "b", "c"]);
}

#[test]
fn a_run_is_taken_up_too_where_the_interruption_left_a_row_for_every_query() {
    let desk = desk("unfinished-rows");
    let without_c = WAITING.replace(r#"(id: "c", run: ["./tool", "c"]),"#, "");
    let spec = job("slots: 1,", &without_c);
    let started = desk.start(&spec, &[]);
    desk.await_file("ready");
    started.signal("INT");
    started.wait().with_code(3).says("interrupted").says("`provisor run spec.ron -o out` goes on");
    assert_eq!(desk.results().len(), 2);
    desk.write("go", "");
    executed(&desk);
    desk.run(&spec, &[]).with_code(1).says("1 reused");
    assert_eq!(executed(&desk), ["b"]);
}

#[test]
fn only_a_part_of_an_interrupted_run_leaves_the_rest_interrupted() {
    let desk = desk("unfinished-only");
    let spec = job("slots: 1,", WAITING);
    interrupt(&desk, &spec);
    desk.write("go", "");
    desk.run(&spec, &["--only", "c"]).with_code(0);
    assert_eq!(executed(&desk), ["c"]);
    desk.run(&spec, &[]).with_code(1).says("2 reused");
    assert_eq!(executed(&desk), ["b"]);
}

#[test]
fn never_means_that_nothing_is_reused() {
    let desk = desk("never");
    let spec = job("reuse: Never, slots: 1,", WAITING);
    interrupt(&desk, &spec);
    desk.write("go", "");
    for _ in 0..2 {
        desk.run(&spec, &[]).with_code(1);
        assert_eq!(executed(&desk), ["a", "b", "c"]);
    }
}

#[test]
fn what_the_command_line_asks_for_is_run() {
    let desk = desk("asked");
    let spec = job("reuse: Conclusive,", &format!(r#"{THREE} (id: "sub/d", run: ["./tool", "d"]),"#));
    desk.run(&spec, &[]).with_code(1);
    assert_eq!(executed(&desk), ["a", "b", "c", "d"]);
    let again = |args: &[&str]| {
        desk.run(&spec, args).with_code(1);
        executed(&desk)
    };
    assert_eq!(again(&[]), [""; 0]);
    assert_eq!(again(&["--fresh"]), ["a", "b", "c", "d"]);
    assert_eq!(again(&["--rerun", "failed"]), ["b"]);
    assert_eq!(again(&["--rerun", "[ac]"]), ["a", "c"]);
    assert_eq!(again(&["--rerun", "d"]), ["d"], "without a slash it is for the last part of an id");
    assert_eq!(again(&["--rerun", "sub/*"]), ["d"]);
    desk.run(&spec, &["--fresh", "--rerun", "failed"]).with_code(2);
    desk.run(&spec, &["--rerun", "[a"]).with_code(2).says("--rerun");
    assert_eq!(executed(&desk), [""; 0]);
    // Where a complete run starts anew, naming what to run says that the rest stands.
    let spec = spec.replace("reuse: Conclusive,", "");
    desk.run(&spec, &["--rerun", "failed"]).with_code(1).says("3 reused");
    assert_eq!(executed(&desk), ["b"]);
}

#[test]
fn a_part_of_the_job_leaves_the_other_rows_standing() {
    let desk = desk("only");
    let spec = job("reuse: Conclusive,", THREE);
    desk.run(&spec, &[]).with_code(1);
    executed(&desk);
    let before = desk.results();
    desk.run(&spec, &["--only", "a", "--fresh"]).with_code(0);
    assert_eq!(executed(&desk), ["a"]);
    let after = desk.results();
    assert_eq!((after.len(), &after["b"], &after["c"]), (3, &before["b"], &before["c"]));
    assert_eq!(after["a"]["attempt"], "2");
    // A part first, then the whole.
    let other = self::desk("only-first");
    other.run(&spec, &["--only", "b"]).with_code(1);
    assert_eq!(other.results().into_keys().collect::<Vec<_>>(), ["b"]);
    other.run(&spec, &[]).with_code(1).says("1 reused");
    assert_eq!((executed(&other).len(), other.results().len()), (3, 3));
}
