//! Disks and directories that are not as they should be: what is said, what it exits with, and that nothing is lost.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::process::{Command, Stdio};

use common::{Desk, Ran, skip_unless, table, wait_until};

const SPEC: &str = r#"Job(name: "disk", slots: 1, reuse: Conclusive, commands: [
    (id: "a", run: ["sh", "-c", "echo a >> ran"]),
    (id: "b", run: ["sh", "-c", "echo b >> ran"]),
])"#;

/// Refused with a sentence that names the path, and nothing is run.
#[track_caller]
fn refused(desk: &Desk, words: &[&str]) -> Ran {
    let ran_before = fs::read(desk.file("ran")).ok();
    let ran = desk.run(SPEC, &[]).with_code(2);
    assert!(ran.err.starts_with("error: ") && ran.err.lines().count() == 1, "{}", ran.err);
    for words in words {
        assert!(ran.err.contains(words), "nothing about `{words}` in: {}", ran.err);
    }
    assert_eq!((ran.out.as_str(), fs::read(desk.file("ran")).ok()), ("", ran_before), "nothing is run");
    ran
}

fn is_root(desk: &Desk) -> bool {
    fs::metadata(desk.path()).expect("there").uid() == 0
}

#[test]
fn a_file_is_no_run_directory() {
    let desk = Desk::new("file");
    desk.write("out", "precious");
    refused(&desk, &["out is not a directory", "-o"]);
    assert_eq!(desk.read("out"), "precious");
    let ran = desk.finish(desk.provisor(["run", "spec.ron", "-o", "out/below"])).with_code(2);
    assert!(ran.err.contains("out/below"), "{}", ran.err);
}

#[test]
fn a_directory_that_is_not_ours_to_write_is_refused() {
    let desk = Desk::new("permission");
    desk.write("spec.ron", SPEC);
    let provisor = env!("CARGO_BIN_EXE_provisor");
    let as_nobody = |program: &str| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", program]);
        command.current_dir(desk.path()).stdin(Stdio::null());
        command
    };
    let mut command = if is_root(&desk) {
        let mut command = as_nobody(provisor);
        let reaches = command.args(["check", "spec.ron"]).output();
        let can = reaches.is_ok_and(|output| output.status.success());
        if skip_unless(can, "root writes everywhere, and an unprivileged user cannot be played here") {
            return;
        }
        as_nobody(provisor)
    } else {
        desk.provisor([""; 0])
    };
    fs::create_dir(desk.file("out")).expect("made");
    fs::set_permissions(desk.file("out"), fs::Permissions::from_mode(0o555)).expect("changed");
    let ran = desk.finish({
        command.args(["run", "spec.ron", "-o", "out"]);
        command
    });
    let ran = ran.with_code(2);
    let said =
        "error: cannot write in out: Permission denied (os error 13); choose another directory with -o\n";
    assert_eq!(ran.err, said, "each part of it once");
    assert_eq!(fs::read_dir(desk.file("out")).expect("there").count(), 0);
}

#[test]
fn a_directory_holds_one_job() {
    let desk = Desk::new("other-job");
    desk.run(&SPEC.replace("\"disk\"", "\"other\""), &[]).with_code(0);
    let before = desk.read("out/results.csv");
    refused(&desk, &["out holds the job `other`, not `disk`", "-o"]);
    assert_eq!(desk.read("out/results.csv"), before);
    assert!(!desk.file("out/runs/2").exists());
}

#[test]
fn nothing_is_written_through_a_symlink() {
    for name in ["results.csv", "verdicts.csv", "lock", "provisor.db", "logs", "runs"] {
        let desk = Desk::new(&format!("symlink-{name}"));
        desk.run(SPEC, &[]).with_code(0);
        let file = desk.file(&format!("out/{name}"));
        if file.is_dir() {
            fs::rename(&file, desk.file("elsewhere")).expect("moved");
        } else {
            fs::remove_file(&file).expect("removed");
            desk.write("elsewhere", "precious");
        }
        symlink(desk.file("elsewhere"), &file).expect("linked");
        refused(&desk, &[&format!("out/{name} is a symlink")]);
        if desk.file("elsewhere").is_file() {
            assert_eq!(desk.read("elsewhere"), "precious", "{name}");
        }
        fs::remove_file(&file).expect("removed");
        // One that leads nowhere is one too.
        symlink(desk.file("nowhere"), &file).expect("linked");
        refused(&desk, &[&format!("out/{name} is a symlink")]);
        assert!(!desk.file("nowhere").exists());
    }
}

#[test]
fn what_is_no_database_of_ours_is_left_alone() {
    let desk = Desk::new("garbage");
    fs::create_dir(desk.file("out")).expect("made");
    for garbage in ["this is no database".repeat(400), "no database".into()] {
        desk.write("out/provisor.db", &garbage);
        refused(&desk, &["out/provisor.db is not a database of provisor", "-o"]);
        assert_eq!(desk.read("out/provisor.db"), garbage);
    }
    let status = desk.finish(desk.provisor(["status", "out"])).with_code(2);
    assert!(status.err.contains("out/provisor.db is not a database of provisor"), "{}", status.err);
}

#[test]
fn a_database_of_a_later_version_is_left_alone() {
    let desk = Desk::new("newer");
    desk.run(SPEC, &[]).with_code(0);
    assert!(!desk.file("out/provisor.db-wal").exists(), "all is in one file after the end");
    let mut bytes = fs::read(desk.file("out/provisor.db")).expect("the database");
    // `user_version` in the header of SQLite's file format.
    bytes[60..64].copy_from_slice(&77_u32.to_be_bytes());
    desk.write("out/provisor.db", &bytes);
    refused(&desk, &["out/provisor.db was written by a newer provisor", "77"]);
    let status = desk.finish(desk.provisor(["status", "out"])).with_code(2);
    assert!(status.err.contains("newer provisor"), "{}", status.err);
    assert!(fs::read(desk.file("out/provisor.db")).expect("the database") == bytes, "not a byte has changed");
}

#[test]
fn tables_that_were_removed_or_spoilt_are_written_anew() {
    let desk = Desk::new("spoilt");
    desk.run(SPEC, &[]).with_code(0);
    let (results, verdicts) = (desk.read("out/results.csv"), desk.read("out/verdicts.csv"));
    desk.write("out/results.csv", &results[..results.len() - 9]);
    fs::remove_file(desk.file("out/verdicts.csv")).expect("removed");
    desk.run(SPEC, &[]).with_code(0).says("2 reused");
    assert_eq!((desk.read("out/results.csv"), desk.read("out/verdicts.csv")), (results, verdicts));
}

#[test]
fn who_tidies_up_while_it_runs_loses_no_row() {
    let desk = Desk::new("tidied");
    let spec = r#"Job(name: "tidied", slots: 1, commands: [
        (id: "a", run: ["true"]),
        (id: "b", run: ["sh", "-c", "touch ready; while ! test -e go; do sleep 0.01; done"]),
        (id: "c", run: ["echo", "c"]),
    ])"#;
    let started = desk.start(spec, &[]);
    desk.await_file("ready");
    wait_until("the first row is there", || desk.read("out/results.csv").lines().count() == 2);
    fs::remove_file(desk.file("out/results.csv")).expect("removed");
    fs::remove_dir_all(desk.file("out/logs")).expect("removed");
    desk.write("go", "");
    started.wait().with_code(0);
    assert_eq!(desk.results().into_keys().collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!(desk.read(&format!("out/{}", desk.column("log")["c"])), "c\n");
}

/// Runs a script in a mount namespace of its own, where `disk SIZE DIR` mounts a small disk and `resize SIZE DIR` makes
/// it larger. `None` where that may not be done.
fn with_disks(desk: &Desk, script: &str) -> Option<Ran> {
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

fn rows(text: &str) -> BTreeMap<String, BTreeMap<String, String>> {
    let rows: Vec<_> = table(text).into_iter().map(|row| (row["query"].clone(), row)).collect();
    let n = rows.len();
    let rows: BTreeMap<_, _> = rows.into_iter().collect();
    assert_eq!(rows.len(), n, "two rows of one query");
    rows
}

#[test]
fn a_full_disk_ends_the_run_and_what_was_written_stays() {
    const QUERIES: usize = 300;
    let desk = Desk::new("full");
    desk.write(
        "spec.ron",
        format!(
            r#"Job(name: "full", slots: 4, logs: Drop, matrix: {{"n": 1..={QUERIES}}}, id: "q{{{{ n }}}}",
                rules: [(on: Prefix("answer"), verdict: "seen", value: Group(0))],
                command: ["sh", "-c", "echo $1 >> ran; printf 'answer %02000d\\n' $1", "sh", "{{{{ n }}}}"])"#
        )
        .replace(", value: Group(0)", ""),
    );
    let script = "mkdir out; disk 1500k out; run() { code=0; $PROVISOR run spec.ron -o out >$1.out 2>$1.err || code=$?;
        echo $code >$1.code; cp out/results.csv $1.csv; cp ran $1.ran; };
        run first; $PROVISOR status out >status; run second; resize 40m out; run third; cp out/verdicts.csv .";
    if with_disks(&desk, script).is_none() {
        return;
    }
    let read = |name: &str| desk.read(name);
    assert_eq!(read("first.code").trim(), "4", "{}", read("first.err"));
    assert!(
        read("first.err").contains("error: ") && read("first.err").contains("out"),
        "{}",
        read("first.err")
    );
    assert_ne!(read("second.code").trim(), "0", "there is still no room");
    assert_eq!(read("third.code").trim(), "0", "{}", read("third.err"));
    let (first, third) = (rows(&read("first.csv")), rows(&read("third.csv")));
    assert!(!first.is_empty() && first.len() < QUERIES, "{} rows", first.len());
    assert_eq!(third.len(), QUERIES);
    assert!(third.values().all(|row| row["verdict"] == "seen"));
    let executed = |name: &str, id: &str| read(name).lines().filter(|line| format!("q{line}") == *id).count();
    for (id, row) in &first {
        assert_eq!(&third[id], row, "changed, or lost");
        assert_eq!(executed("third.ran", id), 1, "{id} was run again");
    }
    assert!(read("status").contains(&format!(" of {QUERIES} queries done")), "{}", read("status"));
    assert_eq!(table(&read("verdicts.csv")).len(), QUERIES);
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
            cp out/results.csv $1.csv; };
        run first spec.ron; du -k out/logs >size; resize 8m out/logs; run second changed.ron";
    if with_disks(&desk, script).is_none() {
        return;
    }
    let first = rows(&desk.read("first.csv"));
    assert_eq!(desk.read("first.code").trim(), "0", "{}", desk.read("first.err"));
    assert!(first.values().all(|row| row["cause"] == "exited" && row["verdict"] == "first"), "{first:?}");
    let err = desk.read("first.err");
    assert_eq!(err.matches("the log cannot be written and is incomplete").count(), 2, "once for each: {err}");
    // What is left of such a log is nothing to judge by.
    assert_eq!(desk.read("second.code").trim(), "0", "{}", desk.read("second.err"));
    let second = rows(&desk.read("second.csv"));
    assert!(second.values().all(|row| row["verdict"] == "second"), "{second:?}\n{}", desk.read("second.err"));
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
