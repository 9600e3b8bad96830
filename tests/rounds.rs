//! Queries that are asked again and again, with real processes: what is left of them in the results, and how such a run ends.

mod common;

use std::fs;

use common::{Desk, Ran, Started, wait_until};

/// A job of one query whose program is this script, with these fields. It counts its starts in `runs`, and `run` is the number of
/// this one.
fn spec(desk: &Desk, script: &str, fields: &str) -> String {
    desk.script("ask", &format!("echo x >> runs; run=$(wc -l < runs)\n{script}"));
    format!(
        "Job(name: \"rounds\", {fields}, each: (\"host\", {{\"a\": ()}}), id: \"a\", command: [\"./ask\"])"
    )
}

fn runs(desk: &Desk) -> usize {
    fs::read_to_string(desk.file("runs")).unwrap_or_default().lines().count()
}

fn interrupted_at(run: Started<'_>, desk: &Desk, round: usize) -> Ran {
    wait_until("so many rounds have begun", || runs(desk) >= round);
    run.signal("INT");
    run.wait()
}

fn row(desk: &Desk) -> [String; 4] {
    let row = &desk.results()["a"];
    ["cause", "verdict", "value", "attempt"].map(|column| row[column].clone())
}

fn logs(desk: &Desk) -> Vec<String> {
    let logs = fs::read_dir(desk.file("out/logs")).expect("there are logs").flatten();
    let mut logs: Vec<_> = logs.map(|log| log.file_name().to_string_lossy().into_owned()).collect();
    logs.sort();
    logs
}

#[test]
fn the_last_round_stands_and_so_many_are_kept() {
    let desk = Desk::new("last");
    let fields = r#"every: "20ms", keep_last: 3, record: true,
        rules: [(on: Regex("^round (.*)$"), verdict: "ok", value: Group(1))]"#;
    let spec = spec(&desk, "echo round $run; test $run -lt 7 || exec sleep 60", fields);
    interrupted_at(desk.start(&spec, &[]), &desk, 7).with_code(3);
    let [cause, verdict, value, attempt] = row(&desk);
    assert_eq!((&*cause, &*attempt), ("cancelled", "7"));
    assert!(verdict == value.replace('7', "ok"), "what it has said by then stands: {verdict}, {value}");
    let kept: Vec<_> =
        logs(&desk).iter().map(|log| log.split_once('.').expect("an attempt").1.to_owned()).collect();
    assert_eq!(kept, ["5.log", "5.timing", "6.log", "6.timing", "7.log", "7.timing"]);
}

#[test]
fn between_two_rounds_a_run_whose_time_is_over_has_ended_well() {
    let desk = Desk::new("between");
    let spec = spec(&desk, "", r#"every: "1h", limits: (total: "2s")"#);
    desk.run(&spec, &[]).with_code(0);
    assert_eq!(row(&desk), ["exited", "ok", "", "1"]);
    let again = desk.run(&spec, &[]).with_code(0);
    assert_eq!(row(&desk)[3], "2", "it is asked again whatever it came to: {}", again.err);
    desk.run(&spec, &["--rerun", "failed"]).with_code(0);
    assert_eq!(row(&desk)[3], "3");
}

#[test]
fn a_round_that_is_cut_short_by_the_end_of_the_run_is_its_last_row() {
    let desk = Desk::new("cut");
    let spec = spec(&desk, "exec sleep 60", r#"every: "50ms", limits: (total: "2s")"#);
    let ran = desk.run(&spec, &[]).with_code(3);
    assert_eq!((row(&desk)[0].as_str(), runs(&desk)), ("deadline", 1));
    ran.says("1 round was made, and ").says("because the one before still ran");
}

#[test]
fn with_overlap_kill_the_next_round_ends_the_one_before() {
    let desk = Desk::new("kill");
    let spec = spec(&desk, "exec sleep 60", r#"every: "100ms", overlap: Kill"#);
    let ran = interrupted_at(desk.start(&spec, &[]), &desk, 3).with_code(3);
    let [cause, .., attempt] = row(&desk);
    assert_eq!((&*cause, attempt), ("cancelled", runs(&desk).to_string()));
    assert!(ran.err.matches("(cancelled)").count() >= 3, "each round is told of: {}", ran.err);
}

#[test]
fn a_host_that_has_failed_is_spared() {
    let desk = Desk::new("host");
    let fields = r#"every: "50ms", spare_hosts: (first: "1h"), limits: (total: "2s")"#;
    let ran = desk.run(&spec(&desk, "exit 1", fields), &[]).with_code(1);
    assert_eq!((row(&desk)[1].as_str(), runs(&desk)), ("failed", 1));
    ran.says("to spare a host that had failed");
}
