//! `provisor results`: which rows it shows, in which order, and how they look on a terminal.

mod common;

use std::process::Command;

use common::contained::contained;
use common::results::{FORMATS, KINDS, at_width, ids, kinds, results};
use common::schema::valid;
use common::{Desk, table};
use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr;

#[test]
fn the_table_is_that_of_the_run_and_fits_the_terminal() {
    let desk = Desk::new("results-table");
    let ran = desk.run(KINDS, &[]).with_code(1);
    let shown = results(&desk, &[]).with_code(0);
    let (table, _) = ran.out.split_once("Results: ").expect("the end of a run");
    assert_eq!((shown.out.as_str(), shown.err.as_str()), (table, ""));
    assert!(!shown.out.contains('\x1b'), "{}", shown.out);
    for width in [60, 80, 100, 120, 200] {
        let out = at_width(&desk, &width.to_string(), &[]).with_code(0).out;
        let rows: Vec<_> = out.lines().take_while(|line| !line.contains("11 queries:")).collect();
        assert_eq!(rows.len(), 12, "a line a row: {out}");
        assert!(rows.iter().all(|row| row.width() <= width), "wider than {width}: {out}");
        let has = |head: &str| rows[0].split_whitespace().any(|word| word == head);
        assert_eq!(has("cpu"), width >= 100, "{out}");
        assert_eq!(has("expected") && has("value"), width >= 160, "{out}");
        assert!(out.contains("fine/a_lo") && out.contains("a-terminal"), "both ends of an id: {out}");
        assert_eq!(out.contains("of-many-parts"), width >= 200, "{out}");
    }
}

#[test]
fn more_rows_than_the_end_of_a_run_shows() {
    let desk = Desk::new("results-many");
    let spec = r#"Job(name: "many", slots: 8, matrix: {"n": 1..=120}, id: "q{{ n }}", command: ["true"])"#;
    let ran = desk.run(spec, &["-q"]).with_code(0);
    assert!(ran.out.starts_with("120 queries, all in results.csv"), "{}", ran.out);
    assert_eq!(results(&desk, &[]).with_code(0).out.lines().count(), 122);
    let all: Vec<_> = (1..=120).map(|n| format!("q{n}")).collect();
    assert_eq!(ids(&desk, &[]), all, "in the plan's order");
    // A reader that has enough is no error.
    let mut head = Command::new("sh");
    head.args(["-c", "\"$1\" results out --format json --verdicts | head -n 1", "sh"]);
    let ran = head.arg(env!("CARGO_BIN_EXE_provisor")).current_dir(desk.path()).output().expect("sh runs");
    assert_eq!((ran.stdout.as_slice(), ran.stderr.as_slice()), (&b"{\n"[..], &b""[..]));
}

#[test]
fn filters_of_one_kind_are_alternatives_and_kinds_add_up() {
    let desk = kinds("results-filters");
    assert_eq!(ids(&desk, &["--cause", "wall-limit"]), ["slow"]);
    assert_eq!(ids(&desk, &["--cause", "silent", "--cause", "wall-limit"]), ["slow", "silent"]);
    assert_eq!(ids(&desk, &["--verdict", "true"]), ["fine/true", "unexpected"]);
    assert_eq!(ids(&desk, &["--verdict", ""]), ["slow", "silent", "missing"]);
    assert_eq!(ids(&desk, &["--verdict", "", "--cause", "silent", "--cause", "exited"]), ["silent"]);
    assert_eq!(
        ids(&desk, &["--only", "s*", "--only", "fine/true"]),
        ["fine/true", "signal", "stopped", "slow", "silent"]
    );
    assert_eq!(ids(&desk, &["--only", "s*", "--cause", "concluded"]), ["stopped"]);
    let out = results(&desk, &["--cause", "concluded"]).with_code(0).out;
    assert!(out.ends_with("1 of 11 queries: 1 well (enough 1)\n"), "{out}");
}

#[test]
fn what_cannot_be_chosen_is_told() {
    let desk = kinds("results-faults");
    for format in FORMATS {
        let ran = results(&desk, &["--format", format, "--verdict", "ture"]).with_code(0);
        let ran = ran.says("no query has the verdict `ture`: did you mean `true`?");
        assert!(!ran.out.is_empty() && ran.err.lines().count() == 1, "{}", ran.err);
    }
    results(&desk, &["--only", "nobody"]).with_code(0).says("no query matches");
    results(&desk, &["--cause", "wall-limt"]).with_code(2).says("'wall-limit'");
    results(&desk, &["--sort", "wal_s"]).with_code(2).says("did you mean `wall_s`?");
    results(&desk, &["--only", "["]).with_code(2).says("--only");
    results(&desk, &["--format", "xml"]).with_code(2).says("json");
    results(&desk, &["--grid"]).with_code(2).says("no axes");
    results(&desk, &["--grid", "--verdicts"]).with_code(2).says("--verdicts");
    let ran = desk.finish(desk.provisor(["results", "nowhere"])).with_code(2).says("nothing has been run");
    assert_eq!((ran.out.as_str(), ran.err.lines().count()), ("", 1));
}

#[test]
fn rows_are_sorted_as_numbers_where_they_are_numbers() {
    let desk = kinds("results-sort");
    let last = |n: usize, args: &[&str]| {
        let mut all = ids(&desk, args);
        all.split_off(all.len() - n)
    };
    // Those without an exit code stand in the plan's order at the end, either way.
    let without = ["signal", "stopped", "slow", "silent", "missing"];
    assert_eq!(last(7, &["--sort", "exit_code"]), [&["failed", "code"], &without[..]].concat());
    let down = ids(&desk, &["--sort", "exit_code:desc"]);
    assert_eq!(
        (&down[..2], &down[6..]),
        (&["code".into(), "failed".into()][..], &without.map(String::from)[..])
    );
    assert_eq!(&ids(&desk, &["--sort", "query"])[..3], ["code", "failed", &ids(&desk, &[])[1]]);
    assert_eq!(ids(&desk, &["--sort", "cause:desc", "--sort", "query:desc"])[..2], ["slow", "silent"]);
    let times: Vec<f64> = table(&results(&desk, &["--sort", "wall_s:asc", "--format", "csv"]).out)
        .iter()
        .map(|row| row["wall_s"].parse().expect("a number"))
        .collect();
    assert!(times.is_sorted(), "{times:?}");

    let desk = Desk::new("results-sort-axis");
    let spec = r#"Job(name: "axis", matrix: {"n": [10, 9, 100]}, command: ["true"], id: "q{{ n }}")"#;
    desk.run(spec, &[]).with_code(0);
    assert_eq!(ids(&desk, &["--sort", "axis.n"]), ["q9", "q10", "q100"]);
    assert_eq!(ids(&desk, &["--sort", "query"]), ["q10", "q100", "q9"]);
}

#[test]
fn results_are_shown_while_they_come_in_and_after_a_death() {
    contained(|_| {
        let desk = Desk::new("results-live");
        let spec = r#"Job(name: "live", slots: 1, matrix: {"n": [1, 2, 3], "m": ["x"]}, id: "q{{ n }}",
        command: ["sh", "-c", "test $1 = 1 || { touch ready; exec sleep 60; }", "sh", "{{ n }}"])"#;
        let started = desk.start(spec, &[]);
        desk.await_file("ready");
        let check = || {
            common::wait_until("a row is there", || ids(&desk, &[]) == ["q1"]);
            let document =
                valid("results.schema.json", &results(&desk, &["--format", "json"]).with_code(0).out);
            assert_eq!(
                (&document["waiting"], &document["run"]["ended_at"]),
                (&json!(["q2", "q3"]), &Value::Null)
            );
            let out = results(&desk, &[]).with_code(0).out;
            assert!(out.ends_with("3 queries: 1 well, 2 not done (ok 1)\n"), "{out}");
            let junit = results(&desk, &["--format", "junit"]).with_code(0).out;
            assert!(junit.contains("tests=\"3\"") && junit.contains("skipped=\"2\""), "{junit}");
            assert_eq!(junit.matches("<skipped message=\"not done yet\"/>").count(), 2, "{junit}");
            let grid = results(&desk, &["--grid", "--format", "csv"]).with_code(0).out;
            assert_eq!(grid, "n / m,x\n1,ok\n2,not done\n3,not done\n");
            assert_eq!(ids(&desk, &["--verdict", ""]), [""; 0], "what is not done has no row");
        };
        check();
        started.signal("KILL");
        started.wait();
        check();
    });
}

#[test]
fn a_table_is_as_narrow_as_the_terminal() {
    let desk = kinds("results-narrow");
    for args in [&[][..], &["--verdicts"]] {
        let out = at_width(&desk, "20", args).with_code(0).out;
        let table = out.lines().filter(|line| !line.contains("queries: "));
        assert!(table.clone().count() > 3 && table.clone().all(|line| line.width() <= 20), "{out}");
    }
}
