//! Bytes that changed on the disk: whatever reads them ends with results or with a sentence, never with a panic, and in time.

use std::fs;
use std::process::Command;

use crate::common::contained::contained;
use crate::common::{Desk, Ran, table};

const SPEC: &str = r#"Job(name: "damaged", reuse: Conclusive, matrix: {"n": 1..=12}, id: "q{{ n }}", record: true,
    rules: [(on: Prefix("answer"), verdict: "seen")], logs: Keep,
    command: ["sh", "-c", "echo answer $1", "sh", "{{ n }}"])"#;

/// Commands that read what a run left.
const READERS: [&[&str]; 5] = [
    &["status", "out"],
    &["status", "out", "--json"],
    &["results", "out"],
    &["results", "out", "--format", "json", "--verdicts"],
    &["replay", "out"],
];

/// Under a time limit that exits with 124.
fn limited(desk: &Desk, args: &[&str]) -> Ran {
    let mut command = Command::new("timeout");
    command.arg("20").arg(env!("CARGO_BIN_EXE_provisor")).args(args).current_dir(desk.path());
    let output = command.output().expect("timeout runs");
    Ran {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The table as `results` prints it from the database, and the rows in it.
fn shown(desk: &Desk) -> (String, Vec<String>) {
    let ran = limited(desk, &["results", "out", "--format", "csv"]);
    assert_sound(&ran, "results");
    let ids = table(&ran.out).into_iter().map(|mut row| row.remove("query").expect("a query")).collect();
    (ran.out, ids)
}

#[track_caller]
fn assert_sound(ran: &Ran, what: &str) {
    let is_told = matches!(ran.code, Some(0 | 1 | 2 | 4)) && !ran.err.contains("panicked");
    assert!(is_told, "{what}: {ran:?}");
    if matches!(ran.code, Some(2 | 4)) {
        // `replay` tells of each log by itself.
        let is_told = ran.err.contains("error: ") || ran.err.contains(" cannot be read: ");
        assert!(is_told, "{what}: {ran:?}");
    }
}

/// What is done to a file at a place: a byte flipped, a page of zeros, a torn end.
fn damage(good: &[u8], at: usize, way: usize) -> Vec<u8> {
    let mut bad = good.to_vec();
    match way {
        0 => bad[at] ^= 0xff,
        1 => {
            let end = (at + 512).min(bad.len());
            bad[at..end].fill(0);
        }
        _ => bad.truncate(at),
    }
    bad
}

fn desk_with_results(name: &str) -> Desk {
    let desk = Desk::new(name);
    desk.run(SPEC, &[]).with_code(0);
    desk
}

#[test]
fn every_reader_of_a_damaged_database_ends_with_a_sentence() {
    let desk = desk_with_results("damaged-db");
    let good = fs::read(desk.file("out/provisor.db")).expect("the database");
    let step = good.len() / 24;
    let mut refused = 0;
    for (n, at) in (7..good.len()).step_by(step).enumerate() {
        desk.write("out/provisor.db", damage(&good, at, n % 3));
        let readers = READERS.iter().cycle().skip(n).take(2).copied();
        for args in readers.chain([&["run", "spec.ron", "-o", "out"][..]]) {
            let ran = limited(&desk, args);
            assert_sound(&ran, &format!("{args:?}, damaged at {at}"));
            refused += usize::from(ran.code != Some(0));
        }
        for name in ["provisor.db-wal", "provisor.db-shm"] {
            let _ = fs::remove_file(desk.file(&format!("out/{name}")));
        }
    }
    assert!(refused > 10, "{refused}");
}

#[test]
fn a_damaged_write_ahead_log_gives_what_was_whole_before_it() {
    contained(|_| {
        let desk = Desk::new("damaged-wal");
        let spec = r#"Job(name: "wal", slots: 1, commands: [
        (id: "a", run: ["true"]), (id: "b", run: ["sh", "-c", "touch ready; sleep 60"])])"#;
        let started = desk.start(spec, &[]);
        desk.await_file("ready");
        crate::common::wait_until("the first row is there", || {
            desk.read("out/results.csv").lines().count() == 2
        });
        started.signal("KILL");
        started.wait();
        let good = fs::read(desk.file("out/provisor.db-wal")).expect("the log");
        let database = fs::read(desk.file("out/provisor.db")).expect("the database");
        let lay = |log: &[u8]| {
            desk.write("out/provisor.db", &database);
            desk.write("out/provisor.db-wal", log);
            let _ = fs::remove_file(desk.file("out/provisor.db-shm"));
        };
        lay(&good);
        let (whole, ids) = shown(&desk);
        assert_eq!(ids, ["a"], "b has no row yet");
        let mut known = 0;
        for (n, at) in (3..good.len()).step_by(good.len() / 12).enumerate() {
            lay(&damage(&good, at, n % 3));
            for args in READERS {
                assert_sound(&limited(&desk, args), &format!("{args:?}, damaged at {at}"));
            }
            // The row is there as it was, or not at all.
            let ran = limited(&desk, &["results", "out", "--format", "csv"]);
            if ran.code == Some(0) && !table(&ran.out).is_empty() {
                assert_eq!(ran.out, whole, "damaged at {at}");
                known += 1;
            }
        }
        // What was torn off last had no row in it, or it is as if nothing had been.
        let torn = [&good[..], &good[..good.len() / 2]].concat();
        lay(&torn);
        assert_eq!(shown(&desk).0, whole, "what stands after a whole end is nothing");
        assert!(
            (1..12).contains(&known),
            "some damage is before the commit of the row, some after it: {known}"
        );
    });
}

#[test]
fn damaged_tables_and_records_change_no_result() {
    let desk = desk_with_results("damaged-csv");
    let whole = desk.read("out/results.csv");
    let (before, results) = (shown(&desk).0, desk.results());
    for name in ["results.csv", "verdicts.csv", "runs/1/status.json", "runs/1/run.json", "lock"] {
        let path = format!("out/{name}");
        let good = fs::read(desk.file(&path)).unwrap_or_default();
        for way in 0..3 {
            desk.write(&path, damage(&good, good.len() / 2, if good.is_empty() { 2 } else { way }));
            for args in READERS {
                let ran = limited(&desk, args);
                assert_sound(&ran, &format!("{args:?} with {name} damaged"));
                assert!(matches!(ran.code, Some(0 | 1)), "{args:?} with {name} damaged: {ran:?}");
            }
            assert_eq!(shown(&desk).0, before, "with {name} damaged");
        }
        desk.write(&path, &good);
    }
    desk.write("out/results.csv", damage(whole.as_bytes(), whole.len() / 2, 1));
    desk.run(SPEC, &[]).with_code(0).says("reused");
    assert_eq!(desk.results(), results, "healed");
}

/// With little memory, for who reads a file without an end.
fn with_little_memory(desk: &Desk, args: &[&str]) -> Ran {
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -v 2000000; exec timeout 20 \"$@\"", "sh", env!("CARGO_BIN_EXE_provisor")]);
    desk.finish({
        command.args(args).current_dir(desk.path());
        command
    })
}

#[test]
fn a_pipe_in_a_run_directory_is_not_waited_for_and_no_symlink_is_followed() {
    let desk = desk_with_results("no-files");
    let log = desk.results()["q1"]["log"].clone();
    let names = ["lock", "runs/1/status.json", "runs/1/run.json", "provisor.db", "provisor.db-wal", &log];
    for name in names {
        let path = desk.file(&format!("out/{name}"));
        let kept = fs::rename(&path, desk.file("kept")).is_ok();
        for make in ["mkfifo \"$0\"", "ln -s /dev/zero \"$0\""] {
            let made = Command::new("sh").args(["-c", make]).arg(&path).status();
            assert!(made.expect("sh runs").success());
            for args in READERS {
                let ran = with_little_memory(&desk, args);
                assert_sound(&ran, &format!("{args:?}: {make} {name}"));
                if name.starts_with("provisor.db") {
                    let told = format!("out/{name} is not a database of provisor");
                    assert!(
                        ran.code == Some(2) && ran.err.contains(&told),
                        "{args:?}: {make} {name}: {ran:?}"
                    );
                }
            }
            if !name.starts_with("provisor.db") {
                let status = limited(&desk, &["status", "out"]).with_code(0);
                assert!(status.out.contains("12 of 12") && status.out.contains("; complete,"), "{status:?}");
            }
            fs::remove_file(&path).expect("removed");
        }
        if kept {
            fs::rename(desk.file("kept"), &path).expect("moved back");
        }
    }
}
