//! Disks and directories that are not as they should be: what is said, what it exits with, and that nothing is lost.

#[path = "../common/mod.rs"]
mod common;

mod damaged;
mod failing;
mod full;
mod refused;
mod taken;

use std::collections::BTreeMap;
use std::process::Command;

use common::{Desk, table};

/// The rows of a CSV file with the columns of results.csv, by their ids; where it was printed, without what follows it.
pub(crate) fn rows(text: &str) -> BTreeMap<String, BTreeMap<String, String>> {
    let (text, _) = text.split_once("\n\n").unwrap_or((text, ""));
    let rows: Vec<_> = table(text).into_iter().map(|row| (row["query"].clone(), row)).collect();
    let n = rows.len();
    let rows: BTreeMap<_, _> = rows.into_iter().collect();
    assert_eq!(rows.len(), n, "two rows of one query");
    rows
}

#[test]
fn whatever_standard_output_is_the_results_are_safe() {
    let desk = Desk::new("stdout");
    let spec =
        r#"Job(name: "out", commands: [(id: "a", run: ["echo", "hello"]), (id: "b", run: ["false"])])"#;
    desk.write("spec.ron", spec);
    let provisor = env!("CARGO_BIN_EXE_provisor");
    for (name, redirection) in [
        ("full", ">/dev/full"),
        ("closed", ">&-"),
        ("all-closed", "<&- >&- 2>&-"),
        ("all-full", ">/dev/full 2>/dev/full"),
    ] {
        let script = format!("{provisor} run spec.ron -o {name} {redirection}; echo \"code $?\"");
        let output =
            Command::new("sh").args(["-c", &script]).current_dir(desk.path()).output().expect("sh runs");
        let ran = desk.ran(output);
        assert_eq!(ran.out, "code 1\n", "{name}: {}", ran.err);
        let rows = rows(&desk.read(&format!("{name}/results.csv")));
        assert_eq!((rows["a"]["verdict"].as_str(), rows["b"]["verdict"].as_str()), ("ok", "failed"));
        assert_eq!(desk.read(&format!("{name}/{}", rows["a"]["log"])), "hello\n");
        if name == "full" {
            assert!(ran.err.contains("the table could not be printed"), "{}", ran.err);
        }
        let status = desk.finish(desk.provisor(["status", name])).with_code(0);
        assert!(status.out.contains("complete"), "{}", status.out);
    }
}
