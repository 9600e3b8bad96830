//! Disks without room: what is kept, what is printed, and how it goes on when there is some.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::{Command, Stdio};

use crate::common::{Desk, Ran, skip_unless, table};
use crate::rows;

/// Runs a script in a mount namespace of its own, where `disk SIZE DIR` mounts a small disk and `resize SIZE DIR` makes
/// it larger. `None` where that may not be done.
pub(crate) fn with_disks(desk: &Desk, script: &str) -> Option<Ran> {
    let namespace = |script: &str| {
        let mut command = Command::new("unshare");
        command
            .args(["-m", "--propagation", "private", "sh", "-c", script])
            .env("PROVISOR", env!("CARGO_BIN_EXE_provisor"));
        command.current_dir(desk.path()).stdin(Stdio::null()).env_remove("RUST_LOG");
        command
    };
    fs::create_dir(desk.file("probe")).expect("made");
    let probe = namespace("mount -t tmpfs -o size=64k disk probe").output();
    if skip_unless(
        probe.is_ok_and(|output| output.status.success()),
        "a full disk needs the right to mount one",
    ) {
        return None;
    }
    let functions =
        "disk() { mount -t tmpfs -o size=$1 disk $2; }; resize() { mount -o remount,size=$1 $2; };";
    let ran = desk.finish(namespace(&format!("set -e; {functions} {script}"))).with_code(0);
    Some(ran)
}

/// What a script for [`with_disks`] begins a run with that finds no room: `begin NAME ARG...`, then `stalled NAME`, which
/// waits until that was said, and `over NAME`, which waits for its end and notes the code.
const RUNS: &str = r#"
    begin() { name=$1; shift; $PROVISOR run spec.ron -o out "$@" >$name.out 2>$name.err & pid=$!; };
    stalled() { until grep -q 'nothing new starts' $1.err; do kill -0 $pid; sleep 0.02; done; };
    over() { code=0; wait $pid || code=$?; echo $code >$1.code; $PROVISOR results out --format csv >$1.csv; };"#;

const QUERIES: usize = 300;

/// Queries that note that they were run, and say much.
fn job(desk: &Desk) {
    let spec = format!(
        r#"Job(name: "full", slots: 4, logs: Drop, matrix: {{"n": 1..={QUERIES}}}, id: "q{{{{ n }}}}",
            rules: [(on: Prefix("answer"), verdict: "seen")],
            command: ["sh", "-c", "printf 'answer %02000d\n' $1; echo $1 >> ran", "sh", "{{{{ n }}}}"])"#
    );
    desk.write("spec.ron", spec);
}

fn ran(desk: &Desk, name: &str) -> BTreeSet<String> {
    let text = desk.read(name);
    let ids: BTreeSet<_> = text.lines().map(|line| format!("q{line}")).collect();
    assert_eq!(ids.len(), text.lines().count(), "one was run twice");
    ids
}

#[test]
#[expect(clippy::print_stdout, reason = "figures for people")]
fn on_a_disk_of_a_mebibyte_nothing_that_is_known_is_lost_and_the_next_run_goes_on() {
    let desk = Desk::new("full");
    job(&desk);
    let script = "mkdir out; disk 1m out; begin first -q; stalled first; kill -INT $pid; over first; cp ran first.ran;
        code=0; $PROVISOR status out >status || code=$?; resize 40m out; begin second; over second; cp ran second.ran;
        cp out/results.csv out/verdicts.csv .";
    if with_disks(&desk, &format!("{RUNS}{script}")).is_none() {
        return;
    }
    assert_eq!(desk.read("first.code").trim(), "4", "{}", desk.read("first.err"));
    let err = desk.read("first.err");
    assert!(err.contains("error: no room is left for "), "{err}");
    let out = desk.read("first.out");
    // Where only the tables found no room, all rows are safe, and there is nothing to print but the table.
    let printed = if out.starts_with("query,") { rows(&out) } else { BTreeMap::new() };
    let kept = rows(&desk.read("first.csv"));
    assert!(!kept.is_empty() && kept.len() < QUERIES, "{} rows", kept.len());
    // Nothing that is known is lost, and nothing was started that could not be kept.
    let known: BTreeSet<_> = kept.keys().chain(printed.keys()).cloned().collect();
    let first = ran(&desk, "first.ran");
    assert!(first.is_subset(&known), "lost: {:?}", first.difference(&known));
    assert!(printed.len() < 60, "{} were started without room", printed.len());
    assert!(
        printed.values().all(|row| row["verdict"] == "seen" || row["cause"] == "cancelled"),
        "{printed:?}"
    );
    let (_, lines) = out.split_once("\n\n").unwrap_or_default();
    let with_lines: Vec<_> = table(lines).into_iter().map(|line| line["query"].clone()).collect();
    for (id, row) in &printed {
        assert_eq!(row["verdict"] == "seen", with_lines.contains(id), "{id}: its result line");
    }
    assert!(desk.read("status").contains(&format!(" of {QUERIES} queries done")), "{}", desk.read("status"));

    assert_eq!(desk.read("second.code").trim(), "0", "{}", desk.read("second.err"));
    let second = rows(&desk.read("results.csv"));
    assert_eq!(second.len(), QUERIES);
    assert!(second.values().all(|row| row["verdict"] == "seen"));
    let again: Vec<_> = desk.read("second.ran").lines().skip(first.len()).map(|n| format!("q{n}")).collect();
    for (id, row) in &kept {
        assert_eq!(&second[id], row, "changed, or lost");
        assert!(!again.contains(id), "{id} was run again");
    }
    assert_eq!(table(&desk.read("verdicts.csv")).len(), QUERIES);
    println!("a disk of 1 MiB: {} rows on it, {} printed, exit code 4", kept.len(), printed.len());
}

#[test]
fn a_guardian_that_dies_while_there_is_no_room_costs_no_row() {
    let desk = Desk::new("full-guardian");
    job(&desk);
    let script = "mkdir out; disk 1m out; begin first -q; stalled first; kill -KILL $(cat /proc/$pid/task/$pid/children);
        over first; cp ran first.ran";
    if with_disks(&desk, &format!("{RUNS}{script}")).is_none() {
        return;
    }
    let (err, out) = (desk.read("first.err"), desk.read("first.out"));
    assert!(err.contains("the guardian process died"), "{err}");
    let printed = if out.starts_with("query,") { rows(&out) } else { BTreeMap::new() };
    // Where there is room for the rows there may be none for what follows them.
    let code = if printed.is_empty() && !err.contains("error: no room") { "70" } else { "4" };
    assert!([code, "4"].contains(&desk.read("first.code").trim()), "{err}");
    let kept = rows(&desk.read("first.csv"));
    let known: BTreeSet<_> = kept.keys().chain(printed.keys()).cloned().collect();
    let first = ran(&desk, "first.ran");
    assert!(first.is_subset(&known), "lost: {:?}", first.difference(&known));
}

#[test]
fn a_run_that_finds_room_again_goes_on_and_ends_well() {
    let desk = Desk::new("room");
    job(&desk);
    let script = "mkdir out; disk 1m out; begin first; stalled first; resize 40m out; over first;
        cp out/results.csv out/verdicts.csv .";
    if with_disks(&desk, &format!("{RUNS}{script}")).is_none() {
        return;
    }
    let err = desk.read("first.err");
    assert_eq!(desk.read("first.code").trim(), "0", "{err}");
    assert_eq!(err.matches("the results are written again").count(), 1, "{err}");
    assert_eq!(ran(&desk, "ran").len(), QUERIES);
    let table_rows = rows(&desk.read("results.csv"));
    assert_eq!((table_rows.len(), table(&desk.read("verdicts.csv")).len()), (QUERIES, QUERIES));
    assert_eq!(rows(&desk.read("first.csv")), table_rows, "the table is what the database has");
}

#[test]
fn a_log_on_a_full_disk_does_not_end_its_query() {
    let desk = Desk::new("full-log");
    let spec = |verdict: &str| {
        format!(
            r#"Job(name: "logs", slots: 1, reuse: Conclusive, rules: [(on: Prefix("RESULT"), verdict: "{verdict}")], commands: [
                (id: "large", run: ["sh", "-c", "echo large >> ran; head -c 1000000 /dev/zero; echo; echo RESULT"]),
                (id: "small", run: ["sh", "-c", "echo small >> ran; echo RESULT"]),
            ])"#
        )
    };
    desk.write("spec.ron", spec("first"));
    desk.write("changed.ron", spec("second"));
    let script = "mkdir -p out/logs; disk 256k out/logs;
        run() { code=0; $PROVISOR run $2 -o out >$1.out 2>$1.err || code=$?; echo $code >$1.code;
            cp out/results.csv $1.csv; cp out/provisor.db $1.evidence; };
        run first spec.ron; du -k out/logs >size; resize 8m out/logs; run second changed.ron";
    if with_disks(&desk, script).is_none() {
        return;
    }
    let first = rows(&desk.read("first.csv"));
    assert_eq!(desk.read("first.code").trim(), "0", "{}", desk.read("first.err"));
    assert!(first.values().all(|row| row["cause"] == "exited" && row["verdict"] == "first"), "{first:?}");
    let line = "RESULT; its log could not be written and is incomplete";
    assert!(first.values().all(|row| row["line"] == line), "{first:?}");
    let err = desk.read("first.err");
    let told = fs::read(desk.file("first.evidence")).expect("a copy of the database");
    let told = String::from_utf8_lossy(&told);
    assert_eq!(told.matches("its log could not be written and is incomplete").count(), 2, "in each row");
    assert_eq!(err.matches("the log cannot be written and is incomplete").count(), 2, "once for each: {err}");
    // What is left of such a log is nothing to judge by.
    assert_eq!(desk.read("second.code").trim(), "0", "{}", desk.read("second.err"));
    let second = rows(&desk.read("second.csv"));
    assert!(second.values().all(|row| row["verdict"] == "second"), "{second:?}\n{}", desk.read("second.err"));
}
