//! What goes wrong, and what is left then.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;

use provisor_actors::store::{Fate, Opening, Store, StoreError};
use rusqlite::Connection;

use crate::support::*;

fn refusal(dir: &Path, job: &str) -> StoreError {
    Store::open(dir, job).expect_err("it is refused")
}

#[test]
fn a_directory_holds_one_job() {
    let temp = TestDir::new();
    some_results(temp.path());
    let told = refusal(temp.path(), "other").to_string();
    let dir = temp.path().display();
    assert_eq!(told, format!("{dir} holds the job `job`, not `other`: choose another directory with -o"));
    Store::open(temp.path(), "job").unwrap();
}

#[test]
fn a_newer_database_is_left_alone() {
    let temp = TestDir::new();
    some_results(temp.path());
    let db = temp.path().join("provisor.db");
    Connection::open(&db).unwrap().pragma_update(None, "user_version", 7).unwrap();
    let before = fs::read(&db).unwrap();
    for refused in [refusal(temp.path(), "job"), Store::read(temp.path()).unwrap_err()] {
        assert!(matches!(&refused, StoreError::Newer { found: 7, known: 1, .. }), "{refused}");
        assert!(refused.to_string().contains("its format is 7, this one knows up to 1"), "{refused}");
    }
    assert_eq!(fs::read(&db).unwrap(), before);
}

#[test]
fn what_is_not_ours_is_left_alone() {
    let garbage: [&[u8]; 3] = [b"precious", &[0x5a; 10_000], b"SQLite format 3\0 but no more"];
    for bytes in garbage {
        let temp = TestDir::new();
        let db = temp.path().join("provisor.db");
        fs::write(&db, bytes).unwrap();
        for refused in [refusal(temp.path(), "job"), Store::read(temp.path()).unwrap_err()] {
            let told = refused.to_string();
            assert!(told.contains("provisor.db") && !told.contains('\n'), "{told}");
        }
        assert_eq!(fs::read(&db).unwrap(), bytes);
    }
    let temp = TestDir::new();
    let db = temp.path().join("provisor.db");
    Connection::open(&db).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
    assert!(matches!(refusal(temp.path(), "job"), StoreError::NotOurs { .. }));
    let temp = TestDir::new();
    fs::create_dir(temp.path().join("provisor.db")).unwrap();
    assert!(matches!(refusal(temp.path(), "job"), StoreError::Database { .. }));
}

#[test]
fn an_empty_file_is_a_beginning() {
    let temp = TestDir::new();
    fs::write(temp.path().join("provisor.db"), "").unwrap();
    assert!(matches!(Store::read(temp.path()), Err(StoreError::Missing { .. })));
    some_results(temp.path());
}

#[test]
fn no_database_is_opened_through_a_symlink_and_every_directory_is() {
    let temp = TestDir::new();
    some_results(temp.path());
    let other = TestDir::new();
    symlink(temp.path().join("provisor.db"), other.path().join("provisor.db")).unwrap();
    assert!(Store::open(other.path(), "job").is_err() && Store::read(other.path()).is_err());
    fs::write(other.path().join("precious"), "precious").unwrap();
    symlink(other.path().join("precious"), temp.path().join(".results.csv.new")).unwrap();
    begin(temp.path(), plan(&["a", "b"]), &[], &[Fate::Untouched, Fate::Untouched]);
    assert_eq!(csv(temp.path(), "results.csv").1.len(), 2);
    assert_eq!(fs::read_to_string(other.path().join("precious")).unwrap(), "precious");
    symlink(temp.path(), other.path().join("dir")).unwrap();
    Store::open(&other.path().join("dir"), "job").unwrap();
    assert_eq!(Store::read(&other.path().join("dir")).unwrap().standing().unwrap().len(), 2);
}

#[test]
fn what_is_in_the_way_of_a_table_is_told_and_can_be_removed() {
    let temp = TestDir::new();
    some_results(temp.path());
    fs::create_dir(temp.path().join(".results.csv.new")).unwrap();
    let mut store = Store::open(temp.path(), "job").unwrap();
    let fates = [Fate::Untouched, Fate::Untouched];
    let prints = prints(&plan(&["a", "b"]), 2);
    let opening = Opening { plan: Arc::new(plan(&["a", "b"])), prints, past: &[], fates: &fates };
    let told = store.begin(opening).unwrap_err().to_string();
    let path = temp.path().join(".results.csv.new");
    assert!(told.starts_with(&format!("cannot write {}: ", path.display())), "{told}");
    assert!(told.ends_with(
        "; all rows are safe in provisor.db, from which the next run makes it anew once nothing is in its way"
    ));
    fs::remove_dir(path).unwrap();
    begin(temp.path(), plan(&["a", "b"]), &[], &fates);
    assert_eq!(csv(temp.path(), "results.csv").1.len(), 2);
}

#[test]
fn a_directory_that_may_not_be_entered_is_not_taken_for_one_without_results() {
    let temp = TestDir::new();
    let (none, closed) = (temp.path().join("none"), temp.path().join("closed"));
    // Whoever is asked to, nobody can enter it.
    symlink(&closed, &closed).unwrap();
    for (dir, is_closed) in [(none, false), (closed, true)] {
        for refused in [Store::read(&dir).map(drop).unwrap_err(), refusal(&dir, "job")] {
            assert_eq!(matches!(refused, StoreError::Closed { .. }), is_closed, "{refused}");
            assert_eq!(refused.to_string().contains("nothing has been run"), !is_closed, "{refused}");
        }
    }
}

/// Flips bytes all over the database: it is read as it was, or refused with a sentence; never a panic, never a hang.
#[test]
fn a_damaged_database_is_refused_or_read() {
    let temp = TestDir::new();
    some_results(temp.path());
    let db = temp.path().join("provisor.db");
    let good = fs::read(&db).unwrap();
    let mut refused = 0;
    for at in (0..good.len()).step_by(61) {
        let mut bad = good.clone();
        bad[at] ^= 0xff;
        fs::write(&db, &bad).unwrap();
        let read = Store::open(temp.path(), "job").and_then(|store| {
            store.past()?;
            store.attempts_before()?;
            store.standing()
        });
        if let Err(error) = read {
            refused += 1;
            assert!(
                error.to_string().contains("provisor.db") || error.to_string().contains("job"),
                "{error}"
            );
        }
        for name in ["provisor.db-wal", "provisor.db-shm"] {
            let _ = fs::remove_file(temp.path().join(name));
        }
    }
    assert!(refused > 10, "{refused}");
}

#[test]
fn an_unknown_word_is_damage() {
    let temp = TestDir::new();
    some_results(temp.path());
    let db = Connection::open(temp.path().join("provisor.db")).unwrap();
    db.execute("UPDATE attempts SET first_cause = 'boredom'", []).unwrap();
    let told = Store::open(temp.path(), "job").unwrap().past().unwrap_err();
    assert!(matches!(told, StoreError::Damaged { .. }), "{told}");
    assert!(told.to_string().contains("`boredom` is not known here"), "{told}");
}

/// A crash after the commit and within the append: the next run heals the files.
#[test]
fn torn_files_are_healed() {
    let temp = TestDir::new();
    some_results(temp.path());
    let file = |name| temp.path().join(name);
    let whole = ["results.csv", "verdicts.csv"].map(|name| fs::read(file(name)).unwrap());
    let torn = &whole[0][..whole[0].len() - 20];
    fs::write(file("results.csv"), torn).unwrap();
    fs::remove_file(file("verdicts.csv")).unwrap();
    fs::write(file(".results.csv.new"), "half a").unwrap();
    begin(temp.path(), plan(&["a", "b"]), &[], &[Fate::Untouched, Fate::Untouched]);
    assert_eq!(["results.csv", "verdicts.csv"].map(|name| fs::read(file(name)).unwrap()), whole);
    assert!(!file(".results.csv.new").exists());
}

/// The process dies without a word: what was committed is there.
#[test]
fn a_crash_loses_nothing_that_was_acknowledged() {
    let temp = TestDir::new();
    let mut store = begin_anew(temp.path(), plan(&["a", "b"]));
    store.commit(&[row(0, 1, outcome("true"))]).unwrap();
    // What a second process would find if this one died now: no checkpoint, no end.
    let copy = TestDir::new();
    for entry in fs::read_dir(temp.path()).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    let again = Store::open(copy.path(), "job").unwrap();
    assert_eq!(again.standing().unwrap().len(), 1);
    assert!(!again.last_run_complete().unwrap());
    assert_eq!(again.reader().last_run().unwrap().unwrap().ended_us, None);
    // Nothing is appended to what may have met a failed `fsync`.
    assert_eq!(fs::metadata(copy.path().join("provisor.db-wal")).unwrap().len(), 0);
}

#[test]
fn removed_files_are_made_anew() {
    let temp = TestDir::new();
    let mut store = begin_anew(temp.path(), plan(&["a", "b"]));
    store.commit(&[row(0, 1, outcome("true"))]).unwrap();
    fs::remove_file(temp.path().join("results.csv")).unwrap();
    store.commit(&[row(1, 1, outcome("false"))]).unwrap();
    store.catch_up().unwrap();
    assert_eq!(verdicts(temp.path()).len(), 2);
    fs::write(temp.path().join("mine.csv"), "edited").unwrap();
    fs::rename(temp.path().join("mine.csv"), temp.path().join("verdicts.csv")).unwrap();
    store.commit(&[row(0, 2, outcome("true"))]).unwrap();
    store.catch_up().unwrap();
    assert_eq!(csv(temp.path(), "verdicts.csv").1.len(), 2);
}

#[test]
fn a_reader_sees_a_run_at_work_and_does_not_hold_it_up() {
    let temp = TestDir::new();
    let mut store = begin_anew(temp.path(), plan(&["a", "b"]));
    store.commit(&[row(0, 1, outcome("true"))]).unwrap();
    let reader = Store::read(temp.path()).unwrap();
    let mut seen = 0;
    reader
        .each_standing(|_| {
            seen += 1;
            store.commit(&[row(1, 1, outcome("true"))])
        })
        .unwrap();
    assert_eq!(seen, 1, "a snapshot");
    assert_eq!(reader.standing().unwrap().len(), 2);
}

#[test]
fn mistakes_of_the_caller_are_errors() {
    let temp = TestDir::new();
    let mut store = Store::open(temp.path(), "job").unwrap();
    assert!(matches!(store.commit(&[]), Err(StoreError::NoRun { .. })));
    assert!(matches!(store.commit(&[]), Err(StoreError::GaveUp { .. })));
    let mut store = begin_anew(temp.path(), plan(&["a"]));
    assert!(matches!(store.commit(&[row(1, 1, outcome("true"))]), Err(StoreError::Misfit { .. })));
    let mut store = Store::open(temp.path(), "job").unwrap();
    for fates in [vec![], vec![Fate::Keep(0)]] {
        let opening = Opening {
            plan: Arc::new(plan(&["a"])),
            prints: prints(&plan(&["a"]), 2),
            past: &[],
            fates: &fates,
        };
        assert!(store.begin(opening).is_err());
    }
}

#[test]
fn a_database_that_is_taken_away_is_noticed_and_all_rows_can_be_rescued() {
    for taken in ["provisor.db", "provisor.db-wal"] {
        let temp = TestDir::new();
        let mut store = begin_anew(temp.path(), plan(&["a", "b"]));
        store.commit(&[row(0, 1, outcome("true"))]).unwrap();
        fs::rename(temp.path().join(taken), temp.path().join("taken")).unwrap();
        fs::write(temp.path().join(taken), "").unwrap();
        let lost = row(1, 1, outcome("false"));
        let error = store.commit(std::slice::from_ref(&lost)).unwrap_err();
        assert!(matches!(error, StoreError::Gone { .. }) && !error.may_be_tried_again(), "{error}");
        assert!(matches!(store.commit(&[]), Err(StoreError::GaveUp { .. })));
        assert!(matches!(store.end(true), Err(StoreError::GaveUp { .. })));
        // Of the first one nobody has heard that it was written.
        let rescue = store.rescue(&[Arc::new(row(0, 1, outcome("true"))), Arc::new(lost)]).unwrap();
        assert_eq!(rescue.results, temp.path().join("rescue-1.csv"));
        let (header, rows) = csv(temp.path(), "rescue-1.csv");
        assert_eq!(header, csv(temp.path(), "results.csv").0);
        let told: Vec<_> = rows.iter().map(|row| (&*row[0], &*row[2])).collect();
        assert_eq!(told, [("a", "true"), ("b", "false")], "also what stood in what was taken");
        assert_eq!(rescue.verdicts, Some(temp.path().join("rescue-1-verdicts.csv")));
        let (header, lines) = csv(temp.path(), "rescue-1-verdicts.csv");
        assert_eq!(header, csv(temp.path(), "verdicts.csv").0);
        let told: Vec<_> = lines.iter().map(|line| (&*line[0], &*line[4])).collect();
        assert_eq!(told, [("a", "true"), ("b", "false")], "the result lines, too");
        fs::write(temp.path().join("rescue-2-verdicts.csv"), "").unwrap();
        let again = store.rescue(&[]).unwrap();
        assert_eq!(again.results, temp.path().join("rescue-3.csv"), "files that nobody has written");
        assert_eq!(
            fs::read(temp.path().join(taken)).unwrap(),
            b"",
            "nothing is written to what is in its place"
        );
    }
}

#[test]
fn a_directory_that_is_taken_away_is_noticed_and_its_rows_are_known_still() {
    let (temp, other) = (TestDir::new(), TestDir::new());
    let dir = temp.path().join("dir");
    fs::create_dir(&dir).unwrap();
    let mut store = begin_anew(&dir, plan(&["a"]));
    store.commit(&[row(0, 1, outcome("true"))]).unwrap();
    fs::remove_dir_all(&dir).unwrap();
    symlink(other.path(), &dir).unwrap();
    assert!(matches!(store.commit(&[row(0, 2, outcome("true"))]), Err(StoreError::Gone { .. })));
    assert!(store.rescue(&[]).is_err());
    let mut lines = Vec::new();
    assert_eq!(store.write_lost_verdicts(&[], &mut lines).unwrap(), 1);
    let mut lost = Vec::new();
    assert_eq!(store.write_lost(&[], &mut lost).unwrap(), 1);
    assert!(String::from_utf8(lost).unwrap().contains("\na,exited,true,"));
    drop(store);
    assert_eq!(fs::read_dir(other.path()).unwrap().count(), 0, "nothing is written through the symlink");
}

/// A directory that is moved is followed, and a symlink in its place is not.
#[test]
fn a_directory_that_is_moved_is_written_where_it_is() {
    let (temp, other) = (TestDir::new(), TestDir::new());
    let dir = temp.path().join("dir");
    fs::create_dir(&dir).unwrap();
    let mut store = begin_anew(&dir, plan(&["a", "b"]));
    store.commit(&[row(0, 1, outcome("true"))]).unwrap();
    fs::rename(&dir, temp.path().join("moved")).unwrap();
    symlink(other.path(), &dir).unwrap();
    fs::remove_file(temp.path().join("moved/results.csv")).unwrap();
    store.commit(&[row(1, 1, outcome("true"))]).unwrap();
    store.catch_up().unwrap();
    store.end(true).unwrap();
    drop(store);
    assert_eq!(verdicts(&temp.path().join("moved")).len(), 2);
    assert_eq!(Store::read(&temp.path().join("moved")).unwrap().standing().unwrap().len(), 2);
    assert_eq!(fs::read_dir(other.path()).unwrap().count(), 0, "nothing is written through the symlink");
}
