//! What is judged again from its log, what is run again, and how attempts are numbered over runs.

mod common;

use std::collections::BTreeMap;
use std::fs;

use common::tool::{THREE, TOOL, desk, executed, job};

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
fn what_has_lost_its_end_is_not_judged_as_if_it_were_all() {
    let desk = desk("judged-cut");
    let with = |verdict: &str| {
        let ids = ["whole", "cut", "empty", "longer"];
        let plain = ids.map(|id| format!(r#"(id: "{id}", run: ["./tool", "{id}"]),"#)).concat();
        // These have written on standard error, too: only the timing says what.
        let recorded = ["timed", "untimed", "torn", "shortened"].map(|id| {
            let script = format!("./tool {id}; echo answer >&2");
            format!(r#"(id: "{id}", run: ["sh", "-c", "{script}"], record: true),"#)
        });
        let rules = format!(r#"reuse: Conclusive, rules: [(on: Prefix("answer"), verdict: "{verdict}")],"#);
        job(&rules, &(plain + &recorded.concat()))
    };
    desk.run(&with("first"), &[]).with_code(0);
    assert_eq!(executed(&desk).len(), 8);
    let file = |id: &str| desk.file(&format!("out/{}", desk.results()[id]["log"]));
    fs::write(file("cut"), "answer").expect("written");
    fs::write(file("empty"), "").expect("written");
    fs::write(file("longer"), "answer longer\nanswer\n").expect("written");
    fs::remove_file(file("untimed").with_extension("timing")).expect("removed");
    let shorten = |id: &str, to: fn(&str) -> Option<usize>| {
        let timing = file(id).with_extension("timing");
        let whole = fs::read_to_string(&timing).expect("it was recorded");
        fs::write(timing, &whole[..to(&whole).expect("it wrote on stderr")]).expect("written");
    };
    shorten("torn", |timing| timing.find(" e "));
    shorten("shortened", |timing| timing[..timing.find(" e ")?].rfind('\n').map(|end| end + 1));
    let said = "6 queries run again: the rules have changed and its log cannot be judged again";
    desk.run(&with("second"), &[]).with_code(0).says(said).says("2 reused");
    assert_eq!(executed(&desk), ["cut", "empty", "longer", "shortened", "torn", "untimed"]);
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
