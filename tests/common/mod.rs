//! A desk for each test: an empty folder, the program under test, and what it left behind.

#![allow(
    dead_code,
    unused_imports,
    clippy::allow_attributes,
    reason = "each test binary uses a part of this"
)]
#![expect(clippy::print_stdout, reason = "a skipped test says so, and `./test` counts it")]

pub(crate) mod built;
pub(crate) mod contained;
pub(crate) mod ledger;
pub(crate) mod level;
pub(crate) mod processes;
pub(crate) mod readers;
pub(crate) mod results;
pub(crate) mod schema;
pub(crate) mod strace;
pub(crate) mod strange;
pub(crate) mod terminal;
pub(crate) mod tool;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

pub(crate) use processes::{alive_with, guardian_of, kill, kill_both, mark, send};

/// How long anything may take before a test calls it hung.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks at what nobody announces. Who looks all the time takes the machine from what it waits for.
const PAUSE: Duration = Duration::from_millis(2);

/// An empty folder that goes away with the test.
pub(crate) struct Desk(PathBuf);

impl Desk {
    pub(crate) fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!(
            "{}-{name}-{}",
            env!("CARGO_CRATE_NAME"),
            processes::own_name()
        ));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a folder for the test");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.file(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, text).expect("written");
        path
    }

    /// A program: a shell script with the execute bit.
    pub(crate) fn script(&self, name: &str, text: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = self.write(name, format!("#!/bin/sh\n{text}\n"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("made executable");
        path
    }

    pub(crate) fn read(&self, name: &str) -> String {
        let path = self.file(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// A command of provisor, in this folder.
    pub(crate) fn provisor<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_provisor"));
        command.args(args).current_dir(&self.0).stdin(Stdio::null());
        command.env_remove("RUST_LOG").env_remove("NO_COLOR");
        command
    }

    /// `provisor run` of a spec with this text, into `out`, with further arguments.
    pub(crate) fn run(&self, spec: &str, args: &[&str]) -> Ran {
        self.write("spec.ron", spec);
        let mut command = self.provisor(["run", "spec.ron", "-o", "out"]);
        command.args(args);
        self.finish(command)
    }

    pub(crate) fn finish(&self, mut command: Command) -> Ran {
        let output = command.output().expect("provisor starts");
        self.ran(output)
    }

    pub(crate) fn ran(&self, output: Output) -> Ran {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Starts it and goes on.
    pub(crate) fn start(&self, spec: &str, args: &[&str]) -> Started<'_> {
        self.write("spec.ron", spec);
        let mut command = self.provisor(["run", "spec.ron", "-o", "out"]);
        command.args(args);
        self.spawn(command)
    }

    /// Starts this command of provisor and goes on.
    pub(crate) fn spawn(&self, mut command: Command) -> Started<'_> {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let child = child.expect("provisor starts");
        Started { desk: self, leash: Leash(child.id()), child }
    }

    /// The rows of `out/results.csv` by their id, each by the names of its columns.
    pub(crate) fn results(&self) -> BTreeMap<String, BTreeMap<String, String>> {
        let mut rows = BTreeMap::new();
        for row in table(&self.read("out/results.csv")) {
            let id = row["query"].clone();
            assert!(rows.insert(id.clone(), row).is_none(), "{id} has two rows");
        }
        rows
    }

    /// One column of every row.
    pub(crate) fn column(&self, name: &str) -> BTreeMap<String, String> {
        self.results().into_iter().map(|(id, row)| (id, row[name].clone())).collect()
    }

    /// The rows of `out/verdicts.csv` of this query: statement and verdict, in order.
    pub(crate) fn verdicts(&self, query: &str) -> Vec<(String, String)> {
        let rows = table(&self.read("out/verdicts.csv"));
        let mine = rows.into_iter().filter(|row| row["query"] == query);
        mine.map(|row| (row["statement"].clone(), row["verdict"].clone())).collect()
    }

    /// Waits until this file is there.
    pub(crate) fn await_file(&self, name: &str) -> PathBuf {
        let path = self.file(name);
        wait_until(&format!("{} is there", path.display()), || path.exists());
        path
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Records of a CSV file by the names of its columns.
pub(crate) fn table(text: &str) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let names = reader.headers().expect("a header").clone();
    let record = |record: Result<csv::StringRecord, csv::Error>| {
        let record = record.expect("a record as long as the header");
        names.iter().map(str::to_owned).zip(record.iter().map(str::to_owned)).collect()
    };
    reader.records().map(record).collect()
}

/// What a command of provisor did.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    #[track_caller]
    pub(crate) fn with_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "exit code; it said:\n{}\n{}", self.err, self.out);
        self
    }

    #[track_caller]
    pub(crate) fn says(self, words: &str) -> Self {
        assert!(self.err.contains(words), "nothing about `{words}` in:\n{}", self.err);
        self
    }
}

/// A provisor at work.
pub(crate) struct Started<'a> {
    desk: &'a Desk,
    pub(crate) child: Child,
    leash: Leash,
}

/// A test that fails leaves no provisor at work: it is killed, and its guardian kills the rest.
pub(crate) struct Leash(pub(crate) u32);

impl Drop for Leash {
    fn drop(&mut self) {
        // Once it was waited for, its number may be anybody's.
        let ours = format!("PPid:\t{}\n", std::process::id());
        let status = fs::read_to_string(format!("/proc/{}/status", self.0)).unwrap_or_default();
        if status.contains(&ours) {
            send("KILL", self.0);
        }
    }
}

impl Started<'_> {
    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("a pid")
    }

    pub(crate) fn signal(&self, signal: &str) {
        assert!(send(signal, self.pid()), "it can be sent {signal}");
    }

    pub(crate) fn wait(self) -> Ran {
        let output = self.child.wait_with_output().expect("it ends");
        self.desk.ran(output)
    }
}

/// Waits for something that nobody announces.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(PAUSE);
    }
}

/// Whether this test has to be left out, with a line that `./test` counts.
pub(crate) fn skip_unless(possible: bool, why: &str) -> bool {
    if !possible {
        // libtest may have begun a line with the test's name.
        println!("\nskipped: {why}");
    }
    !possible
}

/// Whether there is this program, which exits well on this option.
pub(crate) fn can_run(program: &str, option: &str) -> bool {
    let status = Command::new(program).arg(option).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}
