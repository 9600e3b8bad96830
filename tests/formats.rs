//! What `provisor results` writes for other programs: each format is read by a reader of its own.

mod common;

use std::collections::BTreeSet;

use common::Desk;
use common::readers::{can_lint, can_typeset, lint, overfull, typeset};
use common::results::{FORMATS, kinds, results};
use common::schema::{faults, schema, valid};
use provisor::actors::store::{Extras, VERDICT_COLUMNS, columns};
use provisor::core::cause::CAUSE_WORDS;
use serde_json::{Value, json};

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
        inner.replace("\\\\", "").replace("\\|", "").split('|').map(str::to_owned).collect()
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
        let raw = out.replace("\\`", "").replace("<!-- -->", "");
        assert!(!raw.contains(['<', '>', '`', '\x1b']), "{out}");
    }
}

#[test]
fn latex_compiles_whatever_stands_in_the_cells() {
    let desk = Desk::new("results-latex");
    let spec = r##"Job(name: "latex & 50% #1 日本", slots: 4, rules: [(on: Regex("^(.*)$"), capture: Group(1))],
        matrix: {
            "text": ["\\ { } $ & # _ % ~ ^ \" ' ` < > | -- --- ,, !` ?` << >>", "[first", "*star", "-", "ä ß é ÿ ÷ €",
                "∀x. 日本 🎉 e\u{301} \u{fffe} …", "\\input{x} \\end{longtable} %", "&", "\\\\[1cm]", "a\tb  c", "LONG", "WORDS"],
            "other": ["%", "_"],
        }, id: "k/{{ text.index }}/{{ other.index }}", command: ["printf", "%s\n", "{{ text }}"])"##;
    let spec =
        spec.replace("LONG", &"x".repeat(290)).replace("WORDS", &"long_text/of several-words, ".repeat(10));
    desk.run(&spec, &[]).with_code(0);
    let kinds: [(&str, &[&str]); 3] = [("rows", &[]), ("lines", &["--verdicts"]), ("grid", &["--grid"])];
    for (name, args) in kinds {
        let out = results(&desk, &[args, &["--format", "latex"]].concat()).with_code(0).out;
        assert!(out.lines().nth(1).expect("a head").contains("\\usepackage{booktabs,longtable}"));
        desk.write(&format!("{name}.tex"), out);
    }
    if !can_typeset() {
        return;
    }
    for encoding in ["", "\\usepackage[T1]{fontenc}"] {
        let text = typeset(&desk, encoding, &["rows", "lines", "grid"]);
        let over = overfull(&text);
        assert!(over.iter().all(|points| *points < 20.0), "{over:?}");
        assert!(
            ["rows", "lines", "grid"].iter().all(|name| text.contains(&format!("(./{name}.tex"))),
            "{text}"
        );
    }
}

/// What is wrong with a text, by the schema of JUnit's XML.
fn faults_of_junit(desk: &Desk, text: &str) -> Result<(), String> {
    lint(&desk.write("junit.xml", text))
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
    if !can_lint() {
        return;
    }
    let none = results(&desk, &["--format", "junit", "--cause", "lost"]).with_code(0).out;
    for text in [&plain, &full, &none] {
        assert_eq!(faults_of_junit(&desk, text), Ok(()), "{text}");
    }
    for (right, wrong) in
        [("tests=\"11\"", ""), ("time=\"", "time=\"x"), ("<testcase", "<case"), ("message=", "text=")]
    {
        assert!(faults_of_junit(&desk, &plain.replace(right, wrong)).is_err(), "{wrong}");
    }
}

/// The first cells of the tables that begin with this head, in a page of `docs/`.
fn told(page: &str, section: &str, head: &str) -> Vec<String> {
    let (_, section) = page.split_once(&format!("\n## {section}\n")).expect("a section");
    let rows = section.lines().skip_while(|line| !line.starts_with(&format!("| {head} |"))).skip(2);
    let cell = |row: &str| row.split('|').nth(1).expect("a cell").trim().trim_matches('`').to_owned();
    rows.take_while(|line| line.starts_with('|')).map(cell).collect()
}

#[test]
fn the_page_tells_of_every_column_every_cause_and_every_state() {
    let page = include_str!("../docs/results.md");
    assert_eq!(
        told(page, "results.csv", "column"),
        columns(&["NAME".into()], Extras { pass: true, pages: true })
    );
    assert_eq!(told(page, "results.csv", "cause"), CAUSE_WORDS);
    assert_eq!(told(page, "verdicts.csv", "column"), VERDICT_COLUMNS);
    assert_eq!(told(page, "provisor results", "`--format`"), FORMATS);
    let states = &schema("status.schema.json")["properties"]["state"]["enum"];
    let told = told(page, "provisor status", "state");
    assert_eq!(
        told.iter().map(String::as_str).collect::<Vec<_>>(),
        states.as_array().expect("states").as_slice()
    );
}

/// Where the page says that `--verdicts` shows something else instead, it takes the place of the rows.
#[test]
fn result_lines_take_the_place_of_the_rows_in_all_formats_but_two() {
    let desk = kinds("results-instead");
    let help = desk.finish(desk.provisor(["results", "--help"])).with_code(0).out;
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        help.contains("in JSON and JUnit with their rows, in the other formats instead of them"),
        "{help}"
    );
    for format in FORMATS {
        let out = results(&desk, &["--format", format, "--verdicts"]).with_code(0).out;
        let keeps = matches!(format, "json" | "junit");
        assert_eq!(out.contains("missing"), keeps, "a query without result lines, as {format}: {out}");
    }
}
