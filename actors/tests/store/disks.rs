//! Disks without room, and for reading only.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::Command;

use provisor_actors::store::{Store, StoreError};
use provisor_core::Outcome;
use rusqlite::Connection;

use crate::support::*;

/// A file system of one megabyte, gone with its value.
struct SmallDisk(TestDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let dir = TestDir::new();
        let options = ["-t", "tmpfs", "-o", "size=1m", "tmpfs"];
        let mounted = Command::new("mount").args(options).arg(dir.path()).output().ok()?;
        if !mounted.status.success() {
            eprintln!("skipped: only root can mount a small disk");
            return None;
        }
        Some(Self(dir))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

/// Takes all the room that there is.
fn fill(dir: &Path) {
    let mut ballast = OpenOptions::new().create(true).append(true).open(dir.join("ballast")).unwrap();
    while ballast.write_all(&[b'x'; 512]).is_ok() {}
}

fn with_findings(text: &str, count: usize) -> Outcome {
    let mut outcome = outcome("true");
    outcome.judgement.findings = vec![finding(text, "true"); count];
    outcome
}

#[test]
fn what_found_no_room_is_written_when_there_is_some() {
    let Some(disk) = SmallDisk::mount() else { return };
    let dir = disk.0.path();
    let ids: Vec<String> = (0..1000).map(|place| format!("q{place}")).collect();
    let ids: Vec<&str> = ids.iter().map(|id| &**id).collect();
    let mut store = begin_anew(dir, plan(&ids));
    fs::write(dir.join("ballast"), vec![b'x'; 300_000]).unwrap();
    let long = "x".repeat(500);
    let mut acknowledged = 0;
    let error = loop {
        match store.commit(&[row(acknowledged, 1, with_findings(&long, 1))]) {
            Ok(()) => acknowledged += 1,
            Err(error) => break error,
        }
    };
    assert!(acknowledged > 10, "{acknowledged}");
    assert!(error.is_of_the_disk() && error.may_be_tried_again(), "{error}");
    assert!(error.to_string().contains(&*dir.to_string_lossy()), "{error}");
    assert!(store.commit(&[row(acknowledged, 1, with_findings(&long, 1))]).is_err(), "there is still none");
    let standing = Store::read(dir).unwrap().standing().unwrap();
    assert_eq!(standing.len(), acknowledged as usize, "what was refused has left nothing");
    for name in ["results.csv", "verdicts.csv"] {
        let text = fs::read_to_string(dir.join(name)).unwrap();
        assert!(text.ends_with('\n'), "{name} ends in half a line");
        csv(dir, name);
    }
    fs::remove_file(dir.join("ballast")).unwrap();
    store.commit(&[row(acknowledged, 1, with_findings(&long, 1))]).unwrap();
    store.catch_up().unwrap();
    store.end(true).unwrap();
    assert_eq!(verdicts(dir).len(), acknowledged as usize + 1);
    assert_eq!(csv(dir, "verdicts.csv").1.len(), acknowledged as usize + 1);
    assert_eq!(Store::read(dir).unwrap().standing().unwrap().len(), acknowledged as usize + 1);
}

/// The database has room in its write-ahead log, the files beside it have none: half a line is taken back, the rows are
/// safe, and the files follow when there is room.
#[test]
fn a_csv_file_without_room_keeps_whole_lines_and_is_made_good() {
    let Some(disk) = SmallDisk::mount() else { return };
    let dir = disk.0.path();
    let mut store = begin_anew(dir, plan(&["a", "b"]));
    store.commit(&[row(0, 1, with_findings("y", 2000))]).unwrap();
    let other = Connection::open(dir.join("provisor.db")).unwrap();
    other.query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(())).unwrap();
    fill(dir);
    store.commit(&[row(1, 1, with_findings("y", 400))]).unwrap();
    assert!(fs::read(dir.join("verdicts.csv")).unwrap().ends_with(b"\n"));
    assert_eq!(csv(dir, "verdicts.csv").1.len(), 2000);
    let error = store.catch_up().unwrap_err();
    assert!(matches!(&error, StoreError::Full { path } if path.ends_with("results.csv")), "{error}");
    assert!(!dir.join(".results.csv.new").exists() && !dir.join(".verdicts.csv.new").exists());
    fs::remove_file(dir.join("ballast")).unwrap();
    // Nothing is appended to what lacks a line.
    store.commit(&[row(0, 2, with_findings("y", 1))]).unwrap();
    assert_eq!(csv(dir, "verdicts.csv").1.len(), 2000);
    store.catch_up().unwrap();
    assert_eq!(csv(dir, "verdicts.csv").1.len(), 401);
    assert_eq!(verdicts(dir).len(), 2);
}

#[test]
fn results_can_be_read_where_nothing_can_be_written() {
    let Some(disk) = SmallDisk::mount() else { return };
    let dir = disk.0.path();
    some_results(dir);
    let crashed = TestDir::new();
    let _running = {
        let mut store = begin_anew(crashed.path(), plan(&["a", "b"]));
        store.commit(&[row(0, 1, outcome("true"))]).unwrap();
        fs::create_dir(dir.join("crashed")).unwrap();
        for entry in fs::read_dir(crashed.path()).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), dir.join("crashed").join(entry.file_name())).unwrap();
        }
        fs::create_dir(dir.join("sealed")).unwrap();
        for name in ["provisor.db", "provisor.db-wal"] {
            fs::copy(crashed.path().join(name), dir.join("sealed").join(name)).unwrap();
        }
        store
    };
    let read_only = Command::new("mount").args(["-o", "remount,ro"]).arg(dir).status().unwrap();
    assert!(read_only.success() && fs::write(dir.join("x"), "").is_err());
    assert_eq!(Store::read(dir).unwrap().standing().unwrap().len(), 2);
    assert_eq!(Store::read(&dir.join("crashed")).unwrap().standing().unwrap().len(), 1);
    // Its row stands in the write-ahead log alone, and is not to be left out without a word.
    let error = Store::read(&dir.join("sealed")).unwrap_err().to_string();
    assert!(error.contains("sealed/provisor.db-wal") && error.contains("copy the directory"), "{error}");
}
