//! A process that is killed in the midst of writing: every row that was acknowledged is there afterwards.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use provisor_actors::store::{Fate, Store};

use crate::support::*;

const DIR: &str = "PROVISOR_TEST_VICTIM";
const QUERIES: u32 = 2000;

fn big_plan() -> provisor_core::Plan {
    let ids: Vec<String> = (0..QUERIES).map(|place| format!("q{place}")).collect();
    plan(&ids.iter().map(|id| &**id).collect::<Vec<_>>())
}

/// Takes up what is there and writes rows, telling of each group on stderr, until it is killed.
#[test]
#[ignore = "the process that is killed"]
fn victim() {
    let Some(dir) = std::env::var_os(DIR) else { return };
    let fates = vec![Fate::Untouched; QUERIES as usize];
    let mut store = begin(Path::new(&dir), big_plan(), &[], &fates);
    let done = u32::try_from(store.standing().unwrap().len()).unwrap();
    for group in (done..QUERIES).collect::<Vec<_>>().chunks(3) {
        let rows: Vec<_> = group.iter().map(|&place| row(place, 1, outcome("true"))).collect();
        store.commit(&rows).unwrap();
        eprintln!("acknowledged {}", group.last().unwrap() + 1);
    }
}

/// Starts the victim, kills it this long after it has told of so many groups, and returns how many rows it said were on
/// the disk.
fn acknowledged(dir: &Path, groups: usize, after: Duration) -> u32 {
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "killed::victim", "--nocapture"])
        .env(DIR, dir)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(victim.stderr.take().unwrap()).lines().map_while(Result::ok);
    let mut told = lines.filter_map(|line| line.strip_prefix("acknowledged ")?.parse().ok());
    let early = told.by_ref().take(groups).last();
    thread::sleep(after);
    victim.kill().unwrap();
    victim.wait().unwrap();
    told.last().or(early).unwrap_or(0)
}

#[test]
fn nothing_acknowledged_is_lost() {
    let temp = TestDir::new();
    let mut most = 0;
    for round in 0..12 {
        // In the first of each four it is still beginning.
        most = most.max(acknowledged(temp.path(), round % 4, Duration::from_millis(7 * (round as u64 % 5))));
        if !temp.path().join("provisor.db").exists() {
            continue;
        }
        let store = Store::open(temp.path(), "job").unwrap();
        let standing = store.standing().unwrap();
        let whole =
            (0..).zip(&standing).all(|(place, row)| row.place == place && row.outcome == outcome("true"));
        assert!(whole && standing.len() >= most as usize, "{most} were told, {} are there", standing.len());
        assert!(standing.len().is_multiple_of(3) || standing.len() == QUERIES as usize, "half a group");
    }
    assert!(most > 0, "the victim never wrote anything");
    begin(temp.path(), big_plan(), &[], &vec![Fate::Untouched; QUERIES as usize]);
    assert!(verdicts(temp.path()).len() >= most as usize);
}
