//! A batch of 378 by `config/examples/batch.ron`: one table, one count, no process but those that are asked for, and a limit
//! that keeps what was known.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use common::{Desk, Started, guardian_of};

const QUERIES: usize = 378;

const SLOTS: usize = 40;

/// Four times as fast as it was recorded: the first of five answers comes after half a second, the last after three.
const FAST: [&str; 4] = ["--set", "stretch=0.25", "--wall", "1500ms"];

fn start<'a>(desk: &'a Desk, args: &[&str]) -> Started<'a> {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/examples/batch.ron");
    let mut command = desk.provisor(["run", example.to_str().expect("UTF-8"), "-o", "out"]);
    command.args(FAST).args(args);
    desk.spawn(command)
}

/// What follows the last `(` of the line that counts the queries: words and how many there are of each.
fn counts(out: &str) -> BTreeMap<String, usize> {
    let line = out.lines().find(|line| line.starts_with("378 queries: ")).expect("a count of 378");
    let (_, words) = line.rsplit_once(" not (").expect("words");
    let one = |word: &str| {
        let (word, number) = word.rsplit_once(' ').expect("a word and a number");
        (word.to_owned(), number.parse().expect("a number"))
    };
    words.trim_end_matches(')').split(", ").map(one).collect()
}

#[test]
fn a_batch_of_378_is_one_table_and_one_count() {
    let desk = Desk::new("table");
    let ran = start(&desk, &[]).wait().with_code(1);
    let rows = desk.results();
    assert_eq!(rows.len(), QUERIES);
    let counts = counts(&ran.out);
    assert_eq!(counts.values().sum::<usize>(), QUERIES, "{counts:?}");
    for scenario in 1..=42 {
        let row = |query: &str| &rows[&format!("{scenario}/{query}")];
        for (query, verdict) in [
            ("handshake", "true"),
            ("handshake-broken", "false"),
            ("private", "true"),
            ("abstraction", "cannot be proved"),
        ] {
            assert_eq!(row(query)["verdict"], verdict, "{scenario}/{query}");
        }
        // Five answers, and time for some of them.
        let several = row("several");
        assert_eq!(several["cause"], "wall-limit");
        let known: usize = several["results"].parse().expect("a number");
        assert!((1..5).contains(&known), "{several:?}");
        assert_eq!(desk.verdicts(&several["query"]).len(), known, "each is in the table of verdicts");
        assert!(!several["verdict"].is_empty(), "and counts");
        assert_eq!((&*row("silent")["cause"], &*row("silent")["results"]), ("wall-limit", "0"));
    }
}

/// A process and all that descends from it: the program of each that has one.
fn tree(pid: i32, programs: &mut Vec<(i32, PathBuf)>) {
    // A zombie has none any more.
    if let Ok(program) = fs::read_link(format!("/proc/{pid}/exe")) {
        programs.push((pid, program));
    }
    for task in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
        let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
        children.split_whitespace().for_each(|child| tree(child.parse().expect("a pid"), programs));
    }
}

#[test]
fn there_is_no_shell_a_child_and_no_interpreter_a_slot() {
    let desk = Desk::new("processes");
    let mut started = start(&desk, &["-j", &SLOTS.to_string(), "--only", "*/several", "-q"]);
    let guardian = guardian_of(started.pid());
    let own = fs::canonicalize(env!("CARGO_BIN_EXE_provisor")).expect("the program");
    let mut most = 0;
    while started.child.try_wait().expect("it is ours").is_none() {
        let mut programs = Vec::new();
        tree(started.pid(), &mut programs);
        for (pid, program) in &programs {
            assert_eq!(*program, own, "{pid} is neither provisor, nor its guardian, nor a child");
        }
        most = most.max(programs.len());
        assert!(most <= SLOTS + 2, "{most} processes: provisor, its guardian {guardian}, {SLOTS} children");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(most, SLOTS + 2, "every slot was taken, and there was nothing else");
    started.wait().with_code(1);
}
