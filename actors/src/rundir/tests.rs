use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Component;

use proptest::prelude::*;

use super::*;
use crate::testdir::TestDir;

const NO_WAIT: Duration = Duration::ZERO;

#[test]
fn a_directory_is_made_and_held() {
    let temp = TestDir::new();
    let path = temp.path().join("a/b");
    let dir = RunDir::open(&path, NO_WAIT).unwrap();
    assert!(path.join(LOGS).is_dir() && path.join(RUNS).is_dir());
    assert_eq!(holder(&path), Some(std::process::id()));
    let refused = RunDir::open(&path, Duration::from_secs(60)).unwrap_err().to_string();
    assert_eq!(refused, format!("{} is in use by provisor with pid {}", path.display(), std::process::id()));
    drop(dir);
    assert_eq!(holder(&path), None);
    RunDir::open(&path, NO_WAIT).unwrap();
}

#[test]
fn a_duplicate_of_the_descriptor_holds_it_too() {
    let temp = TestDir::new();
    let dir = RunDir::open(temp.path(), NO_WAIT).unwrap();
    let guardians = dir.lock_file().try_clone().unwrap();
    drop(dir);
    assert_eq!(holder(temp.path()), Some(std::process::id()));
    drop(guardians);
    assert_eq!(holder(temp.path()), None);
}

#[test]
fn what_is_not_a_directory_is_refused() {
    let temp = TestDir::new();
    let file = temp.path().join("file");
    fs::write(&file, "x").unwrap();
    for path in [file.clone(), file.join("below")] {
        let refused = RunDir::open(&path, NO_WAIT).unwrap_err();
        assert!(matches!(refused, RunDirError::NotADirectory { .. }), "{refused}");
    }
    assert_eq!(fs::read_to_string(file).unwrap(), "x");
}

#[test]
fn nothing_is_written_through_a_symlink() {
    for name in FILES.iter().chain(&FOLDERS) {
        let temp = TestDir::new();
        let target = temp.path().join("target");
        fs::write(&target, "precious").unwrap();
        let dir = temp.path().join("dir");
        fs::create_dir(&dir).unwrap();
        symlink(&target, dir.join(name)).unwrap();
        let refused = RunDir::open(&dir, NO_WAIT).unwrap_err();
        assert!(matches!(&refused, RunDirError::Symlink { path } if path.ends_with(name)), "{refused}");
        assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
    }
}

#[test]
fn what_is_of_the_wrong_kind_is_refused() {
    let temp = TestDir::new();
    fs::create_dir(temp.path().join("results.csv")).unwrap();
    let refused = RunDir::open(temp.path(), NO_WAIT).unwrap_err().to_string();
    assert!(refused.contains("results.csv is not a file"), "{refused}");
}

#[test]
fn a_directory_that_cannot_be_written_is_refused() {
    let temp = TestDir::new();
    fs::set_permissions(temp.path(), fs::Permissions::from_mode(0o555)).unwrap();
    if File::create(temp.path().join("x")).is_ok() {
        return; // as root, whom no permission stops; /proc (below) refuses everybody
    }
    let refused = RunDir::open(temp.path(), NO_WAIT).unwrap_err();
    assert!(matches!(refused, RunDirError::NotWritable { .. }), "{refused}");
    let _ = fs::set_permissions(temp.path(), fs::Permissions::from_mode(0o755));
}

#[test]
fn even_root_writes_nothing_in_proc() {
    let refused = RunDir::open("/proc/self", NO_WAIT).unwrap_err();
    assert!(matches!(refused, RunDirError::NotWritable { .. }), "{refused}");
    let refused = RunDir::open("/proc/self/runs-of-mine", NO_WAIT).unwrap_err();
    assert!(matches!(refused, RunDirError::Create { .. }), "{refused}");
}

#[test]
fn logs_are_created_empty_and_read_back() {
    let temp = TestDir::new();
    let dir = RunDir::open(temp.path(), NO_WAIT).unwrap();
    let name = log_name("tls/q1", 2);
    assert!(name.starts_with("logs/tls_q1-") && name.ends_with(".2.log"), "{name}");
    fs::remove_dir(temp.path().join(LOGS)).unwrap();
    dir.create_log(&name).unwrap().write_all(b"old").unwrap();
    dir.create_log(&name).unwrap().write_all(b"x").unwrap();
    let mut text = String::new();
    dir.open_log(&name).unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "x");
    symlink("/etc/passwd", dir.path().join("logs/link")).unwrap();
    assert!(dir.create_log("logs/link").is_err() && dir.open_log("logs/link").is_err());
    for outside in ["", "logs/", "logs/..", "logs/../lock", "lock", "/etc/passwd", "logs/a/b"] {
        assert!(dir.create_log(outside).is_err() && dir.open_log(outside).is_err(), "{outside}");
    }
}

#[test]
fn the_number_of_an_attempt_whose_log_is_there_is_not_given_again() {
    let temp = TestDir::new();
    let dir = RunDir::open(temp.path(), NO_WAIT).unwrap();
    assert_eq!((dir.attempts_made("a", 0), dir.attempts_made("a", 3)), (0, 3));
    dir.create_log(&log_name("a", 1)).unwrap();
    dir.create_log(&log_name("a", 2)).unwrap();
    symlink("/nowhere", temp.path().join(log_name("a", 3))).unwrap();
    assert_eq!((dir.attempts_made("a", 0), dir.attempts_made("a", 2), dir.attempts_made("b", 0)), (3, 3, 0));
}

#[test]
fn each_run_has_its_directory() {
    let temp = TestDir::new();
    let dir = RunDir::open(temp.path(), NO_WAIT).unwrap();
    assert!(dir.new_run_dir(1).unwrap().path().ends_with("runs/1"));
    assert!(dir.new_run_dir(1).unwrap().path().is_dir());
    symlink("/tmp", dir.path().join("runs/2")).unwrap();
    assert!(matches!(dir.new_run_dir(2), Err(RunDirError::Symlink { .. })));
}

proptest! {
    #[test]
    fn no_id_leads_out_of_the_logs(id in any::<String>(), other in any::<String>(), attempt in any::<u32>()) {
        for id in [id.clone(), format!("../../{id}"), id.replace(' ', "/")] {
            let name = log_name(&id, attempt);
            let parts: Vec<_> = Path::new(&name).components().collect();
            prop_assert_eq!(parts.len(), 2);
            prop_assert!(parts.iter().all(|part| matches!(part, Component::Normal(_))));
            prop_assert!(name.starts_with("logs/") && name.is_ascii() && name.len() < 130);
            prop_assert!(!name.chars().any(char::is_control) && !name.starts_with("logs/."));
        }
        prop_assert_eq!(id == other, log_name(&id, attempt) == log_name(&other, attempt));
        prop_assert!(log_name(&id, attempt) != log_name(&id, attempt.wrapping_add(1)));
    }
}

#[test]
fn what_is_made_for_queries_is_written_only_where_it_differs() {
    let temp = TestDir::new();
    let dir = RunDir::open(temp.path(), NO_WAIT).unwrap();
    let file = temp.path().join("queries/m/s/a.pv");
    dir.make_file("queries/m/s/a.pv", b"one").unwrap();
    let first = fs::metadata(&file).unwrap();
    dir.make_file("queries/m/s/a.pv", b"one").unwrap();
    assert_eq!(fs::metadata(&file).unwrap().ino(), first.ino(), "it is the same file");
    for (wanted, name) in [(&b"two"[..], "a.pv"), (b"", "a.pv"), (b"longer than before", "a.pv")] {
        dir.make_file(&format!("queries/m/s/{name}"), wanted).unwrap();
        assert_eq!(fs::read(&file).unwrap(), wanted);
    }
    dir.make_file("plain", b"x").unwrap();
    assert_eq!(fs::read(temp.path().join("plain")).unwrap(), b"x");
}

#[test]
fn a_folder_for_a_program_is_empty_and_nobody_elses() {
    let temp = TestDir::new();
    let dir = RunDir::open(temp.path(), NO_WAIT).unwrap();
    dir.make_empty_folder("html/m/a").unwrap();
    let there = temp.path().join("html/m/a");
    fs::write(there.join("trace1.html"), "old").unwrap();
    dir.make_empty_folder("html/m/a").unwrap();
    assert_eq!(fs::read_dir(&there).unwrap().count(), 0);
    fs::create_dir(there.join("theirs")).unwrap();
    dir.make_empty_folder("html/m/a").unwrap_err();
    let elsewhere = temp.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::write(elsewhere.join("precious"), "precious").unwrap();
    symlink(&elsewhere, temp.path().join("html/m/b")).unwrap();
    dir.make_empty_folder("html/m/b").unwrap_err();
    dir.make_file("html/m/b/precious", b"gone").unwrap_err();
    assert_eq!(fs::read(elsewhere.join("precious")).unwrap(), b"precious");
}
