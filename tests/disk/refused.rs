//! What a run refuses before anything is started.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::process::{Command, Stdio};

use crate::common::{Desk, Ran, skip_unless};
use crate::full::with_disks;

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
fn a_disk_without_room_or_for_reading_only_is_refused_before_anything_starts() {
    let desk = Desk::new("no-room");
    desk.write("spec.ron", SPEC);
    let script = "mkdir out; disk 64k out; head -c 40000 /dev/zero >out/ballast;
        run() { code=0; $PROVISOR run spec.ron -o out >$1.out 2>$1.err || code=$?; echo $code >$1.code; };
        run full; rm out/ballast; mount -o remount,ro out; run ro";
    if with_disks(&desk, script).is_none() {
        return;
    }
    for (name, why) in [("full", "No space left on device"), ("ro", "Read-only file system")] {
        assert_eq!(desk.read(&format!("{name}.code")).trim(), "2");
        let err = desk.read(&format!("{name}.err"));
        assert!(err.starts_with("error: cannot write in out: ") && err.contains(why), "{err}");
        assert_eq!((err.lines().count(), desk.read(&format!("{name}.out")).as_str()), (1, ""));
    }
    assert!(!desk.file("ran").exists(), "nothing was started");
}

#[test]
fn a_disk_in_memory_is_warned_about_once() {
    let desk = Desk::new("memory");
    desk.write("spec.ron", SPEC);
    let script = "mkdir out; disk 8m out; $PROVISOR run spec.ron -o out >ran.out 2>ran.err";
    if with_disks(&desk, script).is_none() {
        return;
    }
    let warning = "warning: out is in memory: what is written there is gone when the machine restarts\n";
    assert_eq!(desk.read("ran.err").matches(warning).count(), 1, "{}", desk.read("ran.err"));
}
