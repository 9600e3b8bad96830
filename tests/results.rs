//! `provisor results`: which rows it shows, in which order and in which forms.

mod common;

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use common::schema::{faults, schema, valid};
use common::{Desk, Ran, table};
use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr;

/// A query for each way to end, with outputs that nobody would wish for.
const KINDS: &str = r#"Job(name: "kinds", slots: 4, preset: "exit-code",
    rules: [
        (on: Regex("^SAY (.*)$"), capture: Group(1)),
        (on: Regex("^VALUE (.*)$"), value: Group(1)),
        (on: Contains("enough"), verdict: "enough", stop: true),
    ],
    commands: [
        (id: "fine/true", run: ["printf", "SAY false\nSAY true\nSAY true\nVALUE =1+1\n"]),
        (id: "fine/a_long_id-of-many-parts/that-goes.on/and-on/until-it-is-longer-than-half-a-terminal", run: ["true"]),
        (id: "hostile", run: ["printf", "SAY \u{1b}[31m|%s\\\\\n", "`<b>&amp; ]]> \\end{x} 50% $_^~#{} 日本語 \u{fffe}"]),
        (id: "unexpected", run: ["echo", "SAY true"], expect: "false"),
        (id: "failed", run: ["false"]),
        (id: "code", run: ["sh", "-c", "exit 7"]),
        (id: "signal", run: ["sh", "-c", "kill -SEGV $$"]),
        (id: "stopped", run: ["sh", "-c", "echo enough; exec sleep 60"]),
        (id: "slow", run: ["sleep", "60"], limits: (wall: "200ms")),
        (id: "silent", run: ["sleep", "60"], limits: (silence: "200ms")),
        (id: "missing", run: ["no-such-program-anywhere"]),
    ])"#;

const FORMATS: [&str; 6] = ["table", "csv", "json", "markdown", "latex", "junit"];

fn results(desk: &Desk, args: &[&str]) -> Ran {
    at_width(desk, "", args)
}

fn at_width(desk: &Desk, width: &str, args: &[&str]) -> Ran {
    let mut command = desk.provisor(["results", "out"]);
    command.args(args).env("COLUMNS", width);
    desk.finish(command)
}

/// The ids of the rows, in their order.
fn ids(desk: &Desk, args: &[&str]) -> Vec<String> {
    let ran = results(desk, &[args, &["--format", "csv"]].concat()).with_code(0);
    table(&ran.out).into_iter().map(|mut row| row.remove("query").expect("a query")).collect()
}

fn kinds(name: &str) -> Desk {
    let desk = Desk::new(name);
    desk.run(KINDS, &[]).with_code(1);
    desk
}

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
fn csv_is_what_stands_in_the_files() {
    let desk = kinds("results-csv");
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
    let rows = results(&desk, &["--format", "csv"]).with_code(0).out;
    assert_eq!(lines(&rows), lines(&desk.read("out/results.csv")));
    assert_eq!(rows.lines().next(), desk.read("out/results.csv").lines().next());
    assert!(rows.contains(",'=1+1"), "no formula: {rows}");
    let findings = results(&desk, &["--format", "csv", "--verdicts"]).with_code(0).out;
    assert_eq!(lines(&findings), lines(&desk.read("out/verdicts.csv")));
    let some = results(&desk, &["--format", "csv", "--verdicts", "--only", "fine/**"]).with_code(0).out;
    assert_eq!(some.lines().count(), 4, "the header and three lines: {some}");
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
    assert!(out.ends_with("of 11 queries, 1 query: 1 well (enough 1)\n"), "{out}");
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
fn json_keeps_to_its_schema() {
    let desk = kinds("results-json");
    for args in [&[][..], &["--verdicts"], &["--cause", "deadline"]] {
        let ran = results(&desk, &[&["--format", "json"], args].concat()).with_code(0);
        valid("results.schema.json", &ran.out);
        assert!(!ran.out.contains("findings") || args == ["--verdicts"]);
    }
    let text = results(&desk, &["--format", "json", "--verdicts"]).out;
    let document = valid("results.schema.json", &text);
    let row = |id: &str| {
        let rows = document["rows"].as_array().expect("rows");
        rows.iter().find(|row| row["query"] == id).expect("a row").clone()
    };
    assert_eq!((&document["job"], &document["run"]["complete"]), (&json!("kinds"), &json!(true)));
    let fine = row("fine/true");
    let findings: Vec<_> =
        fine["findings"].as_array().expect("findings").iter().map(|f| &f["verdict"]).collect();
    assert_eq!(findings, ["false", "true", "true"]);
    assert_eq!((&fine["results"], &fine["value"], &fine["well"]), (&json!(3), &json!("=1+1"), &json!(true)));
    assert!(fine["wall_s"].is_number() && fine["exit_code"] == 0 && fine["signal"].is_null());
    assert_eq!((&row("signal")["signal"], &row("signal")["exit_code"]), (&json!("SIGSEGV"), &Value::Null));
    let missing = row("missing");
    assert_eq!(
        (&missing["verdict"], &missing["cpu_s"], &missing["counts"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    assert!(missing["line"].as_str().expect("why").contains("no-such-program-anywhere"));
    assert_eq!(row("unexpected")["well"], json!(false));
    assert!(!text.contains(['\x1b', '\u{9b}']));

    // What breaks the schema is seen to.
    let schema = schema("results.schema.json");
    let broken = |path: &str, value: Value| {
        let mut document = document.clone();
        *document.pointer_mut(path).expect("there") = value;
        assert!(!faults(&schema, &document).is_empty(), "{path}");
    };
    broken("/version", json!(2));
    broken("/schema", json!("other"));
    broken("/rows/0/wall_s", json!("0.1"));
    broken("/rows/0/exit_code", json!(-1));
    broken("/rows/0", json!({}));
    broken("/run/started_at", json!(0));
    broken("/rows/0/findings/0/own", json!("yes"));
    let mut later = document.clone();
    later["rows"][0]["new"] = json!(1);
    assert_eq!(faults(&schema, &later), [""; 0], "a field of a later version is none");
}

#[test]
fn results_are_shown_while_they_come_in_and_after_a_death() {
    let desk = Desk::new("results-live");
    let spec = r#"Job(name: "live", slots: 1, matrix: {"n": [1, 2, 3], "m": ["x"]}, id: "q{{ n }}",
        command: ["sh", "-c", "test $1 = 1 || { touch ready; exec sleep 60; }", "sh", "{{ n }}"])"#;
    let started = desk.start(spec, &[]);
    desk.await_file("ready");
    let check = || {
        common::wait_until("a row is there", || ids(&desk, &[]) == ["q1"]);
        let document = valid("results.schema.json", &results(&desk, &["--format", "json"]).with_code(0).out);
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
}

#[test]
fn every_format_of_nothing_is_a_document() {
    let desk = Desk::new("results-none");
    let started = desk.start(
        r#"Job(name: "none", commands: [(id: "a", run: ["sh", "-c", "touch ready; exec sleep 60"])])"#,
        &[],
    );
    desk.await_file("ready");
    for format in FORMATS {
        let ran = results(&desk, &["--format", format]).with_code(0).says("no query is done yet");
        assert!(!ran.out.is_empty(), "{format}");
    }
    valid("results.schema.json", &results(&desk, &["--format", "json", "--verdicts"]).out);
    started.signal("KILL");
    started.wait();
}

/// Rows of a Markdown table as their cells.
fn markdown_rows(text: &str) -> Vec<Vec<String>> {
    let cells = |line: &str| {
        let inner =
            line.strip_prefix("| ").and_then(|line| line.strip_suffix(" |")).expect("a row of a table");
        inner.replace("\\\\", "").replace("\\|", "").split(" | ").map(str::to_owned).collect()
    };
    text.lines().map(cells).collect()
}

#[test]
fn a_markdown_table_has_as_many_cells_as_columns() {
    let desk = kinds("results-markdown");
    for (args, columns) in [(&[][..], 6), (&["--verdicts"], 4)] {
        let out = results(&desk, &[&["--format", "markdown"], args].concat()).with_code(0).out;
        let rows = markdown_rows(&out);
        assert!(rows.iter().all(|row| row.len() == columns), "{out}");
        let raw = out.replace("\\`", "");
        assert!(!raw.contains(['<', '>', '`', '\x1b']), "{out}");
    }
}

fn can_run(program: &str, option: &str) -> bool {
    let status = Command::new(program).arg(option).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

#[test]
fn latex_compiles_whatever_stands_in_the_cells() {
    let desk = Desk::new("results-latex");
    let spec = r##"Job(name: "latex & 50% #1 日本", slots: 4, rules: [(on: Regex("^(.*)$"), capture: Group(1))],
        matrix: {
            "text": ["\\ { } $ & # _ % ~ ^ \" ' ` < > | -- --- ,, !` ?` << >>", "[first", "*star", "-", "ä ß é ÿ ÷ €",
                "∀x. 日本 🎉 e\u{301} \u{fffe} …", "\\input{x} \\end{longtable} %", "&", "\\\\[1cm]", "a\tb  c"],
            "other": ["%", "_"],
        }, id: "k/{{ text.index }}/{{ other.index }}", command: ["printf", "%s\n", "{{ text }}"])"##;
    desk.run(spec, &[]).with_code(0);
    let kinds: [(&str, &[&str]); 3] = [("rows", &[]), ("lines", &["--verdicts"]), ("grid", &["--grid"])];
    for (name, args) in kinds {
        let out = results(&desk, &[args, &["--format", "latex"]].concat()).with_code(0).out;
        assert!(out.lines().nth(1).expect("a head").contains("\\usepackage{booktabs,longtable}"));
        desk.write(&format!("{name}.tex"), out);
    }
    let has_packages = Command::new("kpsewhich").args(["booktabs.sty", "longtable.sty"]).output();
    let has_packages = has_packages.is_ok_and(|found| found.status.success());
    if common::skip_unless(has_packages && can_run("pdflatex", "--version"), "no pdflatex with booktabs") {
        return;
    }
    for encoding in ["", "\\usepackage[T1]{fontenc}"] {
        let document = format!(
            "\\documentclass{{article}}{encoding}\\usepackage{{booktabs,longtable}}\\begin{{document}}\n\
             \\input{{rows}}\\input{{lines}}\\input{{grid}}\n\\end{{document}}\n"
        );
        desk.write("paper.tex", document);
        let mut latex = Command::new("pdflatex");
        latex.args(["-draftmode", "-halt-on-error", "-interaction=nonstopmode", "paper.tex"]);
        let output = latex.current_dir(desk.path()).env("HOME", desk.path()).output().expect("it runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}");
        assert!(
            ["rows", "lines", "grid"].iter().all(|name| text.contains(&format!("(./{name}.tex"))),
            "{text}"
        );
    }
}

fn xmllint(desk: &Desk, text: &str) -> Result<(), String> {
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/junit.xsd");
    let file = desk.write("junit.xml", text);
    let output = Command::new("xmllint").args(["--noout", "--schema", schema]).arg(file).output();
    let output = output.expect("xmllint runs");
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

#[test]
fn junit_keeps_to_its_schema() {
    let desk = kinds("results-junit");
    let plain = results(&desk, &["--format", "junit"]).with_code(0).out;
    let full = results(&desk, &["--format", "junit", "--verdicts"]).with_code(0).out;
    assert!(plain.contains(r#"<testsuite name="kinds" tests="11" failures="4" errors="3""#), "{plain}");
    assert!(plain.contains(r#"<testcase classname="fine" name="true" time="#), "{plain}");
    assert!(plain.contains(r#"<testcase classname="kinds" name="failed" time="#), "{plain}");
    assert!(plain.contains(r#"<failure type="exited" message="true, expected false">"#), "{plain}");
    assert!(plain.contains(r#"<error type="wall-limit" message="wall-limit">"#), "{plain}");
    assert!(plain.contains(r#"<error type="not-started" message="not-started">"#), "{plain}");
    assert!(
        !plain.contains("system-out") && full.contains("<system-out>false: SAY false\ntrue: SAY true"),
        "{full}"
    );
    let illegal = |c: char| c == '\u{fffe}' || (c.is_control() && c != '\n');
    assert!(!full.contains(illegal), "{full}");
    if common::skip_unless(can_run("xmllint", "--version"), "no xmllint") {
        return;
    }
    let none = results(&desk, &["--format", "junit", "--cause", "lost"]).with_code(0).out;
    for text in [&plain, &full, &none] {
        assert_eq!(xmllint(&desk, text), Ok(()), "{text}");
    }
    for (right, wrong) in
        [("tests=\"11\"", ""), ("time=\"", "time=\"x"), ("<testcase", "<case"), ("message=", "text=")]
    {
        assert!(xmllint(&desk, &plain.replace(right, wrong)).is_err(), "{wrong}");
    }
}

/// Two scenarios and three queries, one of which is left out, one fails and one says nothing.
const MATRIX: &str = r#"Job(name: "matrix", rules: [(on: Regex("^SAY (.*)$"), capture: Group(1))],
    matrix: {"query": Glob("q/*.pv"), "scenario": ["fast", "slow"]}, id: "{{ scenario }}/{{ query.stem }}",
    exclude: [{"scenario": "slow", "query": "*third*"}], expect: {"*first*": "true"},
    command: ["sh", "-c", "case $1 in *first*) echo SAY cannot be | proved;; *second*) echo SAY true;; esac", "sh", "{{ query }}"])"#;

fn matrix(name: &str, spec: &str) -> Desk {
    let desk = Desk::new(name);
    for query in ["first", "second", "third"] {
        desk.write(&format!("q/{query}.pv"), "");
    }
    desk.run(spec, &["-q"]);
    desk
}

#[test]
fn a_matrix_is_a_grid() {
    let desk = matrix("results-grid", &MATRIX.replace("| ", ""));
    let wide = at_width(&desk, "120", &["--grid"]).with_code(0).out;
    let expected = [
        " query / scenario  fast                slow",
        " first             ✗ cannot be proved  ✗ cannot be proved",
        " second              true                true",
        " third             ✗ exited",
        "",
        " ✗ did not end well",
    ];
    assert_eq!(wide.lines().collect::<Vec<_>>(), expected);
    let csv = results(&desk, &["--grid=scenario,query", "--format", "csv"]).with_code(0).out;
    assert_eq!(
        csv,
        "scenario / query,first,second,third\nfast,cannot be proved,true,exited\nslow,cannot be proved,true,\n"
    );
    let markdown = results(&desk, &["--grid", "--format", "markdown", "--verdict", "true"]).with_code(0).out;
    assert_eq!(
        markdown,
        "| query / scenario | fast | slow |\n| :-- | :-- | :-- |\n| second | true | true |\n"
    );
    for (grid, words) in [
        ("--grid=query", "--grid=query,scenario"),
        ("--grid=query,query", "expected two axes"),
        ("--grid=query,scenarios", "did you mean `scenario`?"),
    ] {
        results(&desk, &[grid]).with_code(2).says(words);
    }
    results(&desk, &["--grid", "--format", "json"]).with_code(2).says("no grids");
    results(&desk, &["--grid", "--format", "junit"]).with_code(2).says("no grids");
}

#[test]
fn a_grid_that_is_too_wide_is_made_to_fit() {
    let desk = Desk::new("results-wide-grid");
    let spec = r#"Job(name: "wide", slots: 8, matrix: {"row": 1..=3, "column": 1..=40}, id: "{{ row }}/{{ column }}",
        rules: [(on: Regex("^(.*)$"), capture: Group(1))], command: ["echo", "word{{ row }}"], expect: {"2/*": "other"})"#;
    desk.run(spec, &["-q"]).with_code(1);
    for width in [60, 80, 120, 200] {
        let out = at_width(&desk, &width.to_string(), &["--grid=row,column"]).with_code(0).out;
        assert!(out.lines().all(|line| line.width() <= width), "wider than {width}: {out}");
        let heads =
            out.lines().filter(|line| line.trim_start().starts_with("row")).flat_map(str::split_whitespace);
        let heads: Vec<_> = heads.filter(|head| head.parse::<u32>().is_ok()).collect();
        assert_eq!(heads, (1..=40).map(|n| n.to_string()).collect::<Vec<_>>(), "every column once: {out}");
    }
}

#[test]
fn three_axes_make_a_grid_for_each_value_of_the_third() {
    let desk = Desk::new("results-three-axes");
    let spec = r#"Job(name: "three", matrix: {"a": [1, 2], "b": ["x", "y"], "c": ["p", "q"]}, id: "{{ a }}/{{ b }}/{{ c }}",
        command: ["true"])"#;
    desk.run(spec, &["-q"]).with_code(0);
    results(&desk, &["--grid"]).with_code(2).says("a, b, c");
    let out = results(&desk, &["--grid=a,c"]).with_code(0).out;
    assert_eq!(
        out,
        " b = x\n a / c  p   q\n 1      ok  ok\n 2      ok  ok\n\n\n b = y\n a / c  p   q\n 1      ok  ok\n 2      ok  ok\n\n"
    );
    let csv = results(&desk, &["--grid=a,c", "--format", "csv"]).with_code(0).out;
    assert_eq!(csv.lines().nth(4).expect("a line"), "b = y,1,ok,ok");
}
