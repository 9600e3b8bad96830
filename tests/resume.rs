//! A second run takes up what is missing: what is reused, what is run again, and what is said about it.

mod common;

use std::collections::BTreeMap;
use std::fs;

use common::Desk;

/// Notes in the file `ran` that it was executed, answers, and exits as it is told.
const TOOL: &str = "echo \"$1\" >> ran; echo \"answer $1\"; exit ${2:-0}";

/// Who was executed since this was asked last.
fn executed(desk: &Desk) -> Vec<String> {
    let text = fs::read_to_string(desk.file("ran")).unwrap_or_default();
    let _ = fs::remove_file(desk.file("ran"));
    let mut names: Vec<_> = text.lines().map(str::to_owned).collect();
    names.sort();
    names
}

fn desk(name: &str) -> Desk {
    let desk = Desk::new(name);
    desk.script("tool", TOOL);
    desk
}

fn job(settings: &str, commands: &str) -> String {
    format!(r#"Job(name: "resume", {settings} commands: [{commands}])"#)
}

const THREE: &str = r#"
    (id: "a", run: ["./tool", "a"]),
    (id: "b", run: ["./tool", "b", "3"]),
    (id: "c", run: ["./tool", "c"]),"#;

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
    started.wait().with_code(3).says("2 queries not done");
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
    started.wait().with_code(3).says("interrupted").says("`provisor run spec.ron` goes on");
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

#[test]
fn changed_rules_judge_the_kept_log_and_run_nothing() {
    let desk = desk("judged-again");
    let with = |verdict: &str| {
        job(
            &format!(
                r#"reuse: Conclusive, rules: [(on: Regex("answer (\\w)"), {verdict}, value: Group(1))],"#
            ),
            THREE,
        )
    };
    desk.run(&with(r#"verdict: "seen""#), &[]).with_code(0);
    assert_eq!(executed(&desk), ["a", "b", "c"]);
    let before = desk.results();
    let said = "3 reused from earlier runs (3 judged again by the changed rules)";
    desk.run(&with(r#"verdict: "heard", counts: Bad"#), &[]).with_code(1).says(said);
    assert_eq!(executed(&desk), [""; 0]);
    for (id, row) in desk.results() {
        let expected: BTreeMap<_, _> =
            before[&id].clone().into_iter().chain([("verdict".to_owned(), "heard".to_owned())]).collect();
        assert_eq!(row, expected);
        assert_eq!(desk.verdicts(&id), [(format!("answer {id}"), "heard".to_owned())]);
    }
    desk.run(&with("capture: Group(0)"), &[]).with_code(0).says(said);
    assert_eq!(desk.column("verdict")["b"], "answer b");
    desk.run(&with("capture: Group(0)"), &[]).with_code(0).says("3 reused");
    assert_eq!(executed(&desk), [""; 0]);
}

#[test]
fn what_cannot_be_judged_again_is_run() {
    let desk = desk("judged-anew");
    let with = |verdict: &str| {
        let rules = |stop: &str| format!(r#"rules: [(on: Prefix("answer "), verdict: "{verdict}"{stop})]"#);
        let (rules, stops) = (rules(""), rules(", stop: true"));
        job(
            "reuse: Conclusive, slots: 1,",
            &format!(
                r#"
                (id: "kept", run: ["./tool", "kept"], {rules}),
                (id: "stopped", run: ["sh", "-c", "./tool stopped; exec sleep 60"], {stops}),
                (id: "dropped", run: ["./tool", "dropped"], logs: Drop, {rules}),
                (id: "tail", run: ["./tool", "tail"], logs: Tail("1 KiB"), {rules}),
                (id: "removed", run: ["./tool", "removed"], {rules}),
                (id: "mixed", run: ["sh", "-c", "./tool mixed; echo >&2"], {rules}),
                (id: "recorded", run: ["sh", "-c", "./tool recorded; echo answer >&2"], record: true, {rules}),"#
            ),
        )
    };
    desk.run(&with("first"), &[]).with_code(0);
    assert_eq!(executed(&desk).len(), 7);
    let rows = desk.results();
    assert_eq!(rows["stopped"]["cause"], "concluded");
    assert_eq!(rows["dropped"]["log"], "", "no log was kept");
    fs::remove_file(desk.file(&format!("out/{}", rows["removed"]["log"]))).expect("removed");
    let said = "5 queries run again: the rules have changed and its log cannot be judged again";
    desk.run(&with("second"), &[]).with_code(0).says(said).says("2 reused");
    assert_eq!(executed(&desk), ["dropped", "mixed", "removed", "stopped", "tail"]);
    assert!(desk.column("verdict").into_values().all(|verdict| verdict == "second"));
    assert_eq!(desk.column("results")["recorded"], "1", "what stood on stderr is still told apart");
}

#[test]
fn what_has_no_verdict_or_was_killed_is_run_again() {
    let desk = desk("unsettled");
    let spec = job(
        r#"reuse: Conclusive, rules: [(on: Prefix("answer a"), verdict: "seen")],"#,
        r#"
        (id: "a", run: ["./tool", "a", "3"]),
        (id: "silent", run: ["./tool", "silent"]),
        (id: "killed", run: ["sh", "-c", "./tool a-killed; kill -KILL $$"]),
        (id: "missing", run: ["./not-there"]),"#,
    );
    desk.run(&spec, &[]).with_code(1);
    assert_eq!(executed(&desk), ["a", "a-killed", "silent"]);
    desk.run(&spec, &[]).with_code(1).says("1 reused").says("3 queries run again: no verdict");
    assert_eq!(executed(&desk), ["a-killed", "silent"]);
    desk.script("not-there", TOOL);
    desk.run(&spec, &[]).with_code(1).says("1 query run again: the command");
}

#[test]
fn attempts_are_numbered_over_all_runs_and_each_run_is_kept() {
    let desk = desk("numbers");
    let spec = job("reuse: Never,", THREE);
    for run in 1..=3 {
        desk.run(&spec, &["--only", "[ab]"]).with_code(1);
        assert_eq!(desk.column("attempt")["a"], run.to_string());
        assert_eq!(desk.read(&format!("out/runs/{run}/spec.ron")), spec);
        let record: serde_json::Value =
            serde_json::from_str(&desk.read(&format!("out/runs/{run}/run.json"))).expect("JSON");
        assert_eq!(record["run"], run);
    }
    desk.run(&spec, &[]).with_code(1);
    let attempts: Vec<_> = desk.column("attempt").into_values().collect();
    assert_eq!(attempts[2], "1", "its first, in the fourth run");
    assert!(desk.file("out/runs/4").is_dir() && !desk.file("out/runs/5").exists());
    // Each attempt has a log of its own.
    let logs = fs::read_dir(desk.file("out/logs")).expect("a folder").count();
    let attempts: usize = attempts.iter().map(|attempt| attempt.parse::<usize>().expect("a number")).sum();
    assert_eq!(logs, attempts);
}

#[test]
fn what_is_no_longer_asked_has_no_row_and_comes_back_when_it_is() {
    let desk = desk("unasked");
    let spec = job("reuse: Conclusive,", THREE);
    desk.run(&spec, &[]).with_code(1);
    let before = desk.read("out/results.csv");
    let without_b = spec.replace(r#"(id: "b", run: ["./tool", "b", "3"]),"#, "");
    desk.run(&without_b, &[]).with_code(0).says("2 reused");
    assert_eq!(desk.results().into_keys().collect::<Vec<_>>(), ["a", "c"]);
    executed(&desk);
    desk.run(&spec, &[]).with_code(1).says("3 reused");
    assert_eq!(executed(&desk), [""; 0]);
    let mut lines = (before.lines().collect::<Vec<_>>(), desk.read("out/results.csv"));
    let mut after: Vec<_> = lines.1.lines().collect();
    lines.0.sort_unstable();
    after.sort_unstable();
    assert_eq!(after, lines.0);
}

#[test]
fn what_no_result_depends_on_may_change_without_a_run() {
    let desk = desk("indifferent");
    let spec = job("reuse: Conclusive, slots: 1,", THREE);
    desk.run(&spec, &[]).with_code(1);
    let before = desk.results();
    executed(&desk);
    // The order, the slots, the limits that were not reached, what is expected, and how the file is written.
    let other = r#"Job(name: "resume", /* the same */ reuse: Conclusive, slots: 2, limits: (wall: "9m"),
        matrix: {"n": ["c", "b", "a"]}, id: "{{ n }}",
        command: ["./tool", "{{ n }}", "{% if n == 'b' %}3{% endif %}"], expect: {"b": "failed"})"#;
    // An empty argument is an argument: only `b` has the same command as before.
    desk.run(other, &["--only", "b"]).with_code(0).says("1 reused");
    let listed = r#"Job(name: "resume", slots: 2, reuse: Conclusive, limits: (wall: "9m"), commands: [
        (id: "c", run: ["./tool", "c"]),
        (id: "b", run: ["./tool", "b", "3"], expect: "failed"),
        (id: "a", run: ["./tool", "a"]),
    ])"#;
    let ran = desk.run(listed, &[]).with_code(0);
    assert_eq!(executed(&desk), [""; 0], "{}", ran.err);
    assert_eq!(desk.read("out/results.csv").lines().nth(1).map(|line| line.starts_with("c,")), Some(true));
    let mut after = desk.results();
    assert_eq!(after["b"]["expected"], "failed");
    after.get_mut("b").expect("a row").insert("expected".into(), String::new());
    assert_eq!(after, before);
}

#[test]
fn an_attempt_that_was_tried_again_counts_as_one_that_was_made() {
    let desk = desk("retried");
    let spec = r#"Job(name: "resume", reuse: Conclusive, retry: (times: 2, on: [ExitCode(75)], backoff: "1ms"), commands: [
        (id: "a", run: ["sh", "-c", "echo a >> ran; test -e well || exit 75"]),
    ])"#;
    desk.run(spec, &[]).with_code(1);
    assert_eq!(executed(&desk), ["a", "a", "a"]);
    assert_eq!(desk.column("attempt")["a"], "3");
    desk.write("well", "");
    desk.run(spec, &["--rerun", "failed"]).with_code(0);
    assert_eq!((executed(&desk).len(), desk.column("attempt")["a"].as_str()), (1, "4"));
    assert_eq!(fs::read_dir(desk.file("out/logs")).expect("a folder").count(), 4);
}
