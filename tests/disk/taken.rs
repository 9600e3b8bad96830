//! Files and directories that are taken away, or exchanged, while a run is on.

use std::fs;
use std::os::unix::fs::symlink;

use provisor::actors::rundir;

use crate::common::{Desk, Started, wait_until};
use crate::rows;

/// Waits for `go` between its first query and its last.
const SPEC: &str = r#"Job(name: "taken", slots: 1, commands: [
    (id: "a", run: ["echo", "a"]),
    (id: "b", run: ["sh", "-c", "echo begun; touch ready; while ! test -e go; do sleep 0.01; done; echo over"]),
    (id: "c", run: ["echo", "c"]),
])"#;

/// A run whose first row is there and whose second query runs.
fn begun(desk: &Desk) -> Started<'_> {
    let started = desk.start(SPEC, &[]);
    desk.await_file("ready");
    wait_until("the first row is there", || desk.read("out/results.csv").lines().count() == 2);
    let log = desk.file("out").join(rundir::log_name("b", 1));
    wait_until("the log is being written", || fs::read(&log).is_ok_and(|log| log == b"begun\n"));
    started
}

#[test]
fn who_tidies_up_while_it_runs_loses_no_row() {
    let desk = Desk::new("tidied");
    let started = begun(&desk);
    fs::remove_file(desk.file("out/results.csv")).expect("removed");
    fs::remove_dir_all(desk.file("out/logs")).expect("removed");
    desk.write("go", "");
    // The log that was being written is gone, and its query is none the worse for it.
    started.wait().with_code(0).says("the log was removed while it was written");
    assert_eq!(desk.results().into_keys().collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!(desk.read(&format!("out/{}", desk.column("log")["c"])), "c\n");
}

#[test]
fn a_database_that_is_removed_ends_the_run_and_every_row_is_rescued() {
    for taken in ["provisor.db", "provisor.db-wal"] {
        let desk = Desk::new(&format!("taken-{taken}"));
        let started = begun(&desk);
        fs::remove_file(desk.file(&format!("out/{taken}"))).expect("removed");
        desk.write("go", "");
        let ran = started.wait().with_code(4);
        assert!(ran.err.contains("provisor.db was removed or replaced"), "{}", ran.err);
        assert!(ran.err.contains("out/rescue-1.csv"), "{}", ran.err);
        let rescued = rows(&desk.read("out/rescue-1.csv"));
        assert_eq!((rescued["a"]["verdict"].as_str(), rescued["b"]["verdict"].as_str()), ("ok", "ok"));
        let again = desk.run(SPEC, &[]).with_code(0).says("out/rescue-1.csv has rows that an earlier run");
        assert_eq!(desk.results().len(), 3, "{}", again.err);
        assert_eq!(again.err.matches("rescue-1").count(), 1, "{}", again.err);
        // What a rescued row names stays what it was.
        let log = &rescued["b"]["log"];
        assert_ne!(&desk.column("log")["b"], log);
        assert_eq!(desk.read(&format!("out/{log}")), "begun\nover\n");
    }
}

#[test]
fn when_the_whole_directory_is_removed_every_row_is_printed() {
    let desk = Desk::new("taken-all");
    let started = begun(&desk);
    fs::remove_dir_all(desk.file("out")).expect("removed");
    desk.write("go", "");
    let ran = started.wait().with_code(4);
    let printed = rows(&ran.out);
    assert_eq!(
        (printed["a"]["verdict"].as_str(), printed["b"]["verdict"].as_str()),
        ("ok", "ok"),
        "{}",
        ran.err
    );
    assert!(!desk.file("out").exists(), "nothing is made anew where nobody wants it");
}

#[test]
fn a_directory_that_is_moved_is_written_where_it_is_and_nothing_goes_through_what_is_in_its_place() {
    let desk = Desk::new("taken-moved");
    let started = begun(&desk);
    fs::create_dir(desk.file("elsewhere")).expect("made");
    fs::rename(desk.file("out"), desk.file("moved")).expect("moved");
    symlink(desk.file("elsewhere"), desk.file("out")).expect("linked");
    desk.write("go", "");
    let ran = started.wait().with_code(0);
    assert_eq!(fs::read_dir(desk.file("elsewhere")).expect("there").count(), 0, "{}", ran.err);
    fs::remove_file(desk.file("out")).expect("removed");
    fs::rename(desk.file("moved"), desk.file("out")).expect("moved back");
    assert_eq!(desk.results().len(), 3);
    assert_eq!(desk.read(&format!("out/{}", desk.column("log")["c"])), "c\n");
    assert!(desk.read("out/runs/1/run.json").contains("\"complete\": true"));
}

#[test]
fn no_file_that_becomes_a_symlink_while_it_runs_is_written_through() {
    let desk = Desk::new("taken-links");
    let started = begun(&desk);
    desk.write("precious", "precious");
    for name in ["results.csv", "verdicts.csv", "runs/1/status.json", "runs/1/run.json"] {
        fs::remove_file(desk.file(&format!("out/{name}"))).expect("removed");
        symlink(desk.file("precious"), desk.file(&format!("out/{name}"))).expect("linked");
    }
    // What is written first under another name.
    for name in [".results.csv.new", "runs/1/run.json.new"] {
        symlink(desk.file("precious"), desk.file(&format!("out/{name}"))).expect("linked");
    }
    fs::create_dir(desk.file("elsewhere")).expect("made");
    fs::rename(desk.file("out/logs"), desk.file("logs")).expect("moved");
    symlink(desk.file("elsewhere"), desk.file("out/logs")).expect("linked");
    desk.write("go", "");
    let ran = started.wait().with_code(0);
    assert_eq!(desk.read("precious"), "precious");
    assert_eq!(fs::read_dir(desk.file("elsewhere")).expect("there").count(), 0);
    assert!(ran.err.contains("the log cannot be written and is incomplete"), "{}", ran.err);
    // The links are gone, and what was to be there is.
    assert_eq!(desk.results().into_keys().collect::<Vec<_>>(), ["a", "b", "c"]);
    assert!(desk.read("out/runs/1/run.json").contains("\"complete\": true"));
}
