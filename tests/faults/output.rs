//! B3: output.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::common::processes::{AS_NOBODY, own_name, peak_kib};
use crate::common::{Desk, skip_unless, wait_until};
use crate::harness::{contained, fake, fakeproc, one, others, run};

/// The log of a query, byte for byte.
fn log(desk: &Desk, row: &BTreeMap<String, String>) -> Vec<u8> {
    fs::read(desk.file(&format!("out/{}", row["log"]))).expect("a log")
}

#[test]
fn row_43_a_line_of_three_hundred_megabytes() {
    contained(|desk| {
        let rules = r#"logs: Drop, rules: [(on: Contains("x"), verdict: "seen")],"#;
        let words = "touch up await begin flood-line 300000000 touch flooded await go exit 0";
        let started = desk.start(&one(words, rules), &[]);
        let peak = || peak_kib(started.pid()).expect("it runs");
        desk.await_file("up");
        let before = peak();
        desk.write("begin", "");
        // All of it is read by then, but for what a pipe holds.
        desk.await_file("flooded");
        let after = peak();
        desk.write("go", "");
        started.wait().with_code(0);
        assert_eq!(desk.column("verdict")["q"], "seen");
        assert!(after < before + 64 * 1024, "from {before} to {after} KiB");
    });
}

#[test]
fn row_44_bytes_that_are_no_text() {
    contained(|desk| {
        run(desk, &one("binary ansi binary exit 0", ""), &[]).with_code(0);
        let log = log(desk, &desk.results()["q"]);
        let all: Vec<u8> = (0..=255).collect();
        assert!(log.starts_with(&all) && log.ends_with(&all) && log.len() > 512, "not as it was written");
        let json = desk.finish(desk.provisor(["results", "out", "--format", "json"])).with_code(0);
        serde_json::from_str::<serde_json::Value>(&json.out).expect("JSON");
    });
}

#[test]
fn row_46_escapes_in_every_view() {
    contained(|desk| {
        let rules = r#"rules: [(on: Contains("red"), verdict: "seen")],"#;
        desk.write("spec.ron", one("ansi exit 0", rules));
        let printed =
            desk.provisor(["run", "spec.ron", "-o", "out", "--print", "grouped"]).output().expect("it runs");
        // Whoever asks for the output gets the bytes; all else is fit to be shown.
        assert!(printed.status.success() && printed.stdout.contains(&0x1b), "{printed:?}");
        assert!(!printed.stderr.contains(&0x1b), "{printed:?}");
        for format in ["table", "csv", "json", "markdown", "latex", "junit"] {
            let shown = desk.finish(desk.provisor(["results", "out", "--format", format, "--verdicts"])).out;
            let shown = if shown.is_empty() {
                desk.finish(desk.provisor(["results", "out", "--format", format])).with_code(0).out
            } else {
                shown
            };
            assert!(shown.contains("red"), "{format}: {shown}");
            let hostile = |c: char| c.is_control() && c != '\n' || "\u{202e}\u{2066}\u{9b}".contains(c);
            assert_eq!(shown.chars().find(|c| hostile(*c)), None, "{format}: {shown:?}");
        }
    });
}

#[test]
fn row_47_a_full_pipe_and_then_the_exit() {
    contained(|desk| {
        let spec = format!(
            r#"Job(name: "full-pipes", slots: 8, matrix: {{"n": 1..=200}}, id: "q{{{{ n }}}}", command: {})"#,
            fake("write 65536 exit 0")
        );
        run(desk, &spec, &[]).with_code(0);
        for (id, row) in desk.results() {
            assert_eq!(log(desk, &row).len(), 65536, "{id}");
        }
    });
}

#[test]
fn row_49_the_small_pipes_of_a_user_with_many() {
    contained(|_| {
        let as_nobody = |program: &str| {
            let mut command = Command::new(AS_NOBODY[0]);
            command.args(&AS_NOBODY[1..]).arg(program);
            command
        };
        let able = as_nobody("true").status();
        if skip_unless(
            able.is_ok_and(|status| status.success()),
            "another user's pipes need root and setpriv",
        ) {
            return;
        }
        const QUERIES: usize = 560;
        let folder = std::env::temp_dir().join(format!("provisor-small-pipes-{}", own_name()));
        fs::create_dir_all(&folder).expect("a folder");
        for program in [env!("CARGO_BIN_EXE_provisor"), fakeproc()] {
            let name = program.rsplit('/').next().expect("a name");
            fs::copy(program, folder.join(name)).expect("a copy");
        }
        let spec = format!(
            r#"Job(name: "small", slots: {QUERIES}, matrix: {{"n": 1..={QUERIES}}}, id: "q{{{{ n }}}}",
                command: ["./fakeproc", "await", "go", "write", "20000", "pipe-size", "exit", "0"])"#
        );
        fs::write(folder.join("spec.ron"), spec).expect("written");
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).expect("opened");
        let mut command = as_nobody("./provisor");
        command.args(["run", "spec.ron", "-o", "out", "-q"]);
        let mut child =
            command.current_dir(&folder).stdout(std::process::Stdio::null()).spawn().expect("setpriv runs");
        let mut ended = None;
        wait_until("all are at work", || {
            ended = child.try_wait().expect("it can be waited for");
            ended.is_some()
                || others().iter().filter(|line| line.contains("fakeproc await")).count() == QUERIES
        });
        assert_eq!(ended, None, "it has ended before");
        fs::write(folder.join("go"), "").expect("written");
        assert!(child.wait().expect("it ends").success());
        let text = fs::read_to_string(folder.join("out/results.csv")).expect("results");
        let rows = crate::common::table(&text);
        let log = |row: &BTreeMap<String, String>| {
            fs::read_to_string(folder.join("out").join(&row["log"])).expect("a log")
        };
        let sizes: Vec<_> =
            rows.iter().map(|row| log(row).split_off(20000).trim().parse::<u64>().expect("a size")).collect();
        assert_eq!(rows.len(), QUERIES);
        // The last ones got what is left to a user who has had his share.
        assert!(sizes.iter().any(|size| *size < 65536), "all pipes are of the usual size: {sizes:?}");
        let _ = fs::remove_dir_all(&folder);
    });
}

#[test]
fn row_50_a_child_closes_its_output_and_goes_on() {
    contained(|desk| {
        run(desk, &one("say first close-stdout sleep-ms 300 touch done exit 6", ""), &[]).with_code(1);
        let row = &desk.results()["q"];
        assert_eq!(row["exit_code"], "6", "{row:?}");
        assert!(desk.file("done").exists());
    });
}
