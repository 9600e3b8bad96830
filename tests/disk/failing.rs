//! Disks that fail, by system calls that are made to fail: nothing is tried again on the file that failed, and no row is lost.

use std::fs::{File, read_to_string, remove_file};
use std::io::{BufRead, BufReader};
use std::process::Command;

use crate::common::strace::{injected, with_faults};
use crate::common::strange::with_strange;
use crate::common::{Desk, Leash, Ran, Started, send, wait_until};
use crate::rows;

const QUERIES: usize = 40;

/// Each row is a commit of its own: a query runs until the rows of those before it are in the table.
fn job(desk: &Desk) {
    let script = "until test $(wc -l < out/results.csv) -ge $1; do sleep 0.01; done; echo $1 >> ran";
    let spec = format!(
        r#"Job(name: "failing", slots: 1, matrix: {{"n": 1..={QUERIES}}}, id: "q{{{{ n }}}}",
            command: ["sh", "-c", "{script}", "sh", "{{{{ n }}}}"])"#
    );
    desk.write("spec.ron", spec);
}

/// What runs a program where system calls fail. strace counts the calls of each thread by itself, and the one that
/// commits makes more of them than any other: the numbers here are beyond those of the others. `None`: skipped.
fn strace(desk: &Desk, faults: &[&str]) -> Option<Command> {
    with_faults(desk, &["fsync", "pwrite64", "ftruncate"], faults)
}

/// Runs the job where system calls fail. `None`: skipped.
fn run_with(desk: &Desk, faults: &[&str]) -> Option<Ran> {
    let mut command = strace(desk, faults)?;
    command.arg(env!("CARGO_BIN_EXE_provisor"));
    command.args(["run", "spec.ron", "-o", "out", "-q"]);
    let ran = desk.finish(command);
    assert!(injected(desk) > 0, "nothing was made to fail");
    Some(ran)
}

/// After what failed nothing was done to the database any more.
#[track_caller]
fn assert_left_alone(desk: &Desk) {
    let trace = desk.read("trace");
    let after = trace.split("(INJECTED)").skip(1).flat_map(str::lines);
    let touched: Vec<_> =
        after.filter(|line| line.contains("/provisor.db") && !line.contains("-shm>")).collect();
    assert!(touched.is_empty(), "{touched:?}");
}

/// Every query that ended by itself is in the database or in `rest`, and the next run makes it whole.
fn assert_nothing_is_lost(desk: &Desk, rest: &str) {
    let results = desk.finish(desk.provisor(["results", "out", "--format", "csv"])).with_code(0);
    let (kept, rest) = (rows(&results.out), rows(rest));
    assert!(!kept.is_empty() && !rest.is_empty() && kept.len() < QUERIES);
    for line in desk.read("ran").lines() {
        let id = format!("q{line}");
        assert!(kept.contains_key(&id) || rest.contains_key(&id), "{id} is lost");
    }
    desk.finish(desk.provisor(["run", "spec.ron", "-o", "out"])).with_code(0);
    assert_eq!(desk.results().len(), QUERIES);
    for (id, row) in &kept {
        assert_eq!(&desk.results()[id], row, "changed, or lost");
    }
}

#[test]
fn rows_of_a_failed_fsync_are_rescued_into_a_file_of_their_own() {
    let desk = Desk::new("fsync");
    job(&desk);
    let Some(ran) = run_with(&desk, &["fsync:error=EIO:when=25"]) else { return };
    let ran = ran.with_code(4);
    assert!(ran.err.contains("out/rescue-1.csv"), "{}", ran.err);
    assert!(!ran.out.starts_with("query,"), "they are in the file: {}", ran.out);
    assert_left_alone(&desk);
    assert_nothing_is_lost(&desk, &desk.read("out/rescue-1.csv"));
}

#[test]
fn rows_are_printed_where_no_file_can_be_brought_to_the_disk() {
    let desk = Desk::new("fsync-ever");
    job(&desk);
    let Some(ran) = run_with(&desk, &["fsync:error=EIO:when=14+"]) else { return };
    let ran = ran.with_code(4);
    assert!(!desk.file("out/rescue-1.csv").exists(), "{}", ran.err);
    assert_left_alone(&desk);
    assert_nothing_is_lost(&desk, &ran.out);
}

#[test]
fn a_failed_write_is_not_tried_again() {
    let desk = Desk::new("write-io");
    job(&desk);
    let Some(ran) = run_with(&desk, &["pwrite64:error=EIO:when=120"]) else { return };
    let ran = ran.with_code(4);
    assert!(ran.err.contains("out/rescue-1.csv"), "{}", ran.err);
    assert_left_alone(&desk);
    assert_nothing_is_lost(&desk, &desk.read("out/rescue-1.csv"));
}

#[test]
fn nothing_is_appended_to_a_log_that_cannot_be_brought_to_the_disk() {
    let desk = Desk::new("fsync-start");
    let spec = r#"Job(name: "failing", slots: 1, commands: [
        (id: "a", run: ["true"]), (id: "b", run: ["sh", "-c", "echo b >> ran; test -e go || sleep 60"])])"#;
    let started = desk.start(spec, &[]);
    desk.await_file("ran");
    wait_until("the first row is there", || desk.read("out/results.csv").lines().count() == 2);
    started.signal("KILL");
    started.wait();
    desk.write("go", "");
    // The first one is that of the probe.
    let Some(ran) = run_with(&desk, &["fsync:error=EIO:when=2"]) else { return };
    let ran = ran.with_code(4).says("error: cannot use ").says("provisor.db: disk I/O error");
    assert_eq!(desk.read("ran"), "b\n", "nothing was started: {}", ran.err);
    assert!(
        desk.read("trace").lines().any(|line| line.contains("/provisor.db") && line.ends_with("(INJECTED)"))
    );
    assert_left_alone(&desk);
    desk.finish(desk.provisor(["run", "spec.ron", "-o", "out"])).with_code(0).says("1 reused");
}

#[test]
fn a_write_that_finds_no_room_for_a_while_is_tried_again() {
    let desk = Desk::new("write-room");
    job(&desk);
    let Some(ran) = run_with(&desk, &["pwrite64:error=ENOSPC:when=120..126"]) else { return };
    let ran = ran.with_code(0).says("nothing new starts").says("the results are written again");
    let printed = rows(&desk.read("out/results.csv"));
    assert_eq!(printed.len(), QUERIES, "{}", ran.err);
    assert_eq!(desk.read("ran").lines().count(), QUERIES, "none was run twice");
    let results = desk.finish(desk.provisor(["results", "out", "--format", "csv"])).with_code(0);
    assert_eq!(rows(&results.out), printed);
}

/// The write-ahead log is moved into the database where there is no room, and cut off: that fails the second time.
#[test]
fn a_failure_while_room_is_made_is_one_and_the_database_is_left_alone() {
    let desk = Desk::new("checkpoint");
    job(&desk);
    let faults = ["pwrite64:error=ENOSPC:when=120+30", "ftruncate:error=EIO:when=4+"];
    let Some(ran) = run_with(&desk, &faults) else { return };
    let ran = ran.with_code(4).says("out/rescue-1.csv");
    let trace = desk.read("trace");
    let (_, after) = trace.split_once("EIO (Input/output error) (INJECTED)").expect("it failed");
    let touched = |line: &&str| line.contains("/provisor.db") && !line.contains("-shm>");
    assert_eq!(after.lines().find(touched), None, "{}", ran.err);
    assert_nothing_is_lost(&desk, &desk.read("out/rescue-1.csv"));
}

#[test]
fn rows_that_never_find_room_are_printed_under_the_header_of_the_table() {
    let desk = Desk::new("write-full");
    job(&desk);
    let Some(mut command) = strace(&desk, &["pwrite64:error=ENOSPC:when=120+"]) else { return };
    // It gets the signal itself: strace would not hand it on.
    command.args(["sh", "-c", "echo $$ > pid; exec \"$0\" run spec.ron -o out -q"]);
    let (out, err) = (File::create(desk.file("stdout")), File::create(desk.file("stderr")));
    command.arg(env!("CARGO_BIN_EXE_provisor")).stdout(out.expect("made")).stderr(err.expect("made"));
    let mut run = command.spawn().expect("strace starts");
    let _leash = Leash(run.id());
    wait_until("it finds no room", || desk.read("stderr").contains("nothing new starts"));
    assert!(send("INT", desk.read("pid").trim()));
    assert_eq!(run.wait().expect("it ends").code(), Some(4), "{}", desk.read("stderr"));
    let (printed, table) = (desk.read("stdout"), desk.read("out/results.csv"));
    assert_eq!(printed.lines().next(), table.lines().next());
    assert_nothing_is_lost(&desk, &printed);
}

/// A run with the quota of its folder used up once some rows are there, as far as it was told to say so. `None`: skipped.
fn with_a_used_up_quota(desk: &Desk) -> Option<Started<'_>> {
    job(desk);
    let mut command = desk.provisor(["run", "spec.ron", "-o", "out", "-q"]);
    command.env("STRANGE_QUOTA", desk.file("out"));
    with_strange(desk, &mut command, "")?;
    let mut started = desk.spawn(command);
    wait_until("some rows are there", || {
        read_to_string(desk.file("out/results.csv")).is_ok_and(|table| table.lines().count() > 5)
    });
    desk.write("out.full", "");
    let mut told = BufReader::new(started.child.stderr.as_mut().expect("a pipe"));
    let mut line = String::new();
    while !line.contains("nothing new starts") {
        assert!(told.read_line(&mut line).expect("UTF-8") > 0, "it does not stop: {line}");
    }
    Some(started)
}

#[test]
fn a_used_up_quota_is_want_of_room() {
    let desk = Desk::new("quota");
    let Some(started) = with_a_used_up_quota(&desk) else { return };
    remove_file(desk.file("out.full")).expect("there");
    let ran = started.wait().with_code(0).says("the results are written again");
    assert_eq!(rows(&desk.read("out/results.csv")).len(), QUERIES, "{}", ran.err);
    assert_eq!(desk.read("ran").lines().count(), QUERIES, "none was run twice");
}

#[test]
fn rows_over_the_quota_are_printed() {
    let desk = Desk::new("quota-ever");
    let Some(started) = with_a_used_up_quota(&desk) else { return };
    started.signal("INT");
    let ran = started.wait().with_code(4);
    assert!(ran.out.starts_with("query,"), "{}{}", ran.out, ran.err);
    remove_file(desk.file("out.full")).expect("there");
    assert_nothing_is_lost(&desk, &ran.out);
}

#[test]
fn a_log_over_the_quota_does_not_end_its_query() {
    let desk = Desk::new("quota-log");
    desk.write(
        "spec.ron",
        r#"Job(name: "log", commands: [(id: "a", run: ["sh", "-c", "echo said; exit 3"])])"#,
    );
    let mut command = desk.provisor(["run", "spec.ron", "-o", "out", "-q"]);
    command.env("STRANGE_QUOTA", desk.file("out/logs"));
    desk.write("out/logs.full", "");
    let Some(()) = with_strange(&desk, &mut command, "") else { return };
    let ran = desk.finish(command).with_code(1).says("the log cannot be written and is incomplete");
    let row = desk.results()["a"].clone();
    assert_eq!((row["cause"].as_str(), row["exit_code"].as_str()), ("exited", "3"), "{}", ran.err);
    assert!(row["line"].contains("its log could not be written and is incomplete"), "{row:?}");
}
