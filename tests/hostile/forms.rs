//! The forms in which results are shown.

use std::collections::BTreeMap;
use std::fs;

use provisor::core::text::{clean, defuse};
use serde_json::Value;

use crate::common::readers::{can_lint, can_typeset, lint, typeset};
use crate::common::results::FORMATS;
use crate::common::schema::valid;
use crate::common::table;
use crate::table::{EXPECTED, NASTY, names, said};
use crate::{is_harmless, ran, show};

#[test]
fn csv_reads_back_as_it_was_shown() {
    let (desk, _) = ran("hostile-csv", &["-q"]);
    let shown = |text: &str| defuse(&clean(text)).into_owned();
    for text in [desk.read("out/results.csv"), show(&desk, &["results", "out", "--format", "csv"])] {
        is_harmless("CSV", &text);
        let rows: BTreeMap<_, _> = table(&text).into_iter().map(|row| (row["query"].clone(), row)).collect();
        for (id, name) in names() {
            let row = &rows[&id];
            assert_eq!(
                (&row["verdict"], &row["value"]),
                (&shown(said(name)), &shown(said(name))),
                "{name:?}"
            );
            assert_eq!(row["axis.file"], shown(&format!("files/{name}")), "{name:?}");
            assert_eq!(row["expected"], shown(EXPECTED));
            for cell in row.values().filter(|cell| cell.parse::<f64>().is_err()) {
                assert!(!cell.starts_with(['=', '+', '-', '@', '\u{ff1d}']), "a formula: {cell}");
            }
        }
    }
    let verdicts = desk.read("out/verdicts.csv");
    is_harmless("verdicts.csv", &verdicts);
    assert_eq!(table(&verdicts).len(), NASTY.len());
}

#[test]
fn json_reads_back_as_it_was_shown() {
    let (desk, _) = ran("hostile-json", &["-q"]);
    let text = show(&desk, &["results", "out", "--format", "json", "--verdicts"]);
    is_harmless("JSON", &text);
    let document = valid("results.schema.json", &text);
    let names = names();
    for row in document["rows"].as_array().expect("rows") {
        let name = names[row["query"].as_str().expect("an id")];
        assert_eq!(row["verdict"], *clean(said(name)));
        assert_eq!(row["axes"]["file"], *clean(&format!("files/{name}")));
        assert_eq!(row["findings"][0]["statement"], *clean(&format!("SAY {}", said(name))));
    }
    let status = show(&desk, &["status", "out", "--json"]);
    is_harmless("the status as JSON", &status);
    valid("status.schema.json", &status);
    is_harmless("the status", &show(&desk, &["status", "out"]));
    let record = desk.read("out/runs/1/run.json");
    is_harmless("run.json", &record);
    let record: Value = serde_json::from_str(&record).expect("JSON");
    assert!(
        record["tools"].as_object().expect("tools").keys().any(|tool| tool.contains("\u{1b}[5mg\u{202e}"))
    );
}

#[test]
fn every_other_form_of_the_results_is_what_it_should_be() {
    let (desk, _) = ran("hostile-forms", &["-q"]);
    for format in FORMATS {
        for args in [&[][..], &["--verdicts"]] {
            let text = show(&desk, &[&["results", "out", "--format", format], args].concat());
            is_harmless(format, &text);
            desk.write(&format!("{format}{}", args.len()), text);
        }
    }
    for file in ["markdown0", "markdown1"] {
        let rows = desk.read(file);
        let cells = |row: &str| row.replace("\\\\", "").replace("\\|", "").matches('|').count();
        let widths: Vec<_> = rows.lines().map(cells).collect();
        assert_eq!(rows.lines().count(), NASTY.len() + 2, "{rows}");
        assert!(widths.iter().all(|width| *width == widths[0]), "{rows}");
        assert!(!rows.replace("<!-- -->", "").contains('<'), "{rows}");
    }
    let replayed = desk.finish(desk.provisor(["replay", "out"])).with_code(0);
    is_harmless("a replay", &(replayed.out + &replayed.err));
    if can_lint() {
        for file in ["junit0", "junit1"] {
            assert_eq!(lint(&desk.file(file)), Ok(()));
        }
    }
    if can_typeset() {
        for file in ["latex0", "latex1"] {
            fs::rename(desk.file(file), desk.file(&format!("{file}.tex"))).expect("renamed");
        }
        typeset(&desk, "\\usepackage[T1]{fontenc}", &["latex0", "latex1"]);
    }
}
