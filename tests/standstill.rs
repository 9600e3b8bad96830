//! A screen that nobody reads, links that lead elsewhere, and other things that must not hold up or mislead a run.

mod common;

use std::fs::OpenOptions;
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::process::{Command, Stdio};

use common::{Desk, alive_with, mark, send, wait_until};

#[test]
fn a_screen_that_stands_still_holds_up_no_interruption() {
    let desk = Desk::new("standstill");
    let mark = mark("standstill");
    // Two thousand lines fill a pipe that nobody reads several times over; what waits after them is ended all the same.
    desk.write(
        "spec.ron",
        format!(
            r#"Job(name: "standstill", slots: 4, env: {{"MARK": "{mark}"}}, matrix: {{"n": 1..=2000}},
                id: "a-query-with-a-rather-long-name-so-that-lines-are-long/{{{{ n }}}}",
                command: ["sh", "-c", "test {{{{ n }}}} -lt 2000 || {{ touch ready; exec sleep 100; }}"],
                limits: (grace: "20s"))"#
        ),
    );
    let fifo = desk.file("stderr");
    assert!(Command::new("mkfifo").arg(&fifo).status().expect("mkfifo runs").success());
    // Held open for reading, and never read.
    let reader = OpenOptions::new().read(true).custom_flags(without_waiting()).open(&fifo).expect("a reader");
    let writer = OpenOptions::new().write(true).open(&fifo).expect("a writer");
    let mut command = desk.provisor(["run", "spec.ron", "-o", "out"]);
    let mut child = command.stdout(Stdio::null()).stderr(writer).spawn().expect("provisor starts");
    desk.await_file("ready");
    assert!(send("INT", child.id()));
    wait_until("its children are gone", || alive_with(&format!("MARK={mark}")).is_empty());
    wait_until("all rows are written", || desk.results().len() == 2000);
    drop(reader);
    assert_eq!(child.wait().expect("it ends").code(), Some(3));
}

/// `O_NONBLOCK`, so that opening a pipe for reading waits for no writer.
fn without_waiting() -> i32 {
    0o4000
}

#[test]
fn the_files_of_a_run_replace_links_and_do_not_follow_them() {
    let desk = Desk::new("links");
    let spec = r#"Job(name: "links", commands: [(id: "a", run: ["true"])])"#;
    desk.run(spec, &[]).with_code(0);
    desk.write("out/runs/2/keep", "");
    desk.write("victim", "precious");
    for name in ["run.json", "spec.ron", "status.json", "run.json.new"] {
        symlink(desk.file("victim"), desk.file(&format!("out/runs/2/{name}"))).expect("a link");
    }
    desk.run(spec, &["--fresh"]).with_code(0);
    assert_eq!(desk.read("victim"), "precious");
    assert_eq!(desk.read("out/runs/2/spec.ron"), spec);
}

#[test]
fn a_pattern_that_matches_nothing_runs_nothing() {
    let desk = Desk::new("rerun-nothing");
    let spec = r#"Job(name: "rerun", reuse: Conclusive, commands: [(id: "a", run: ["true"])])"#;
    desk.run(spec, &[]).with_code(0);
    desk.run(spec, &["--rerun", "zzz*"]).with_code(2).says("--rerun");
    assert!(!desk.file("out/runs/2").exists());
}

#[test]
fn what_failed_is_judged_by_what_is_expected_now() {
    let desk = Desk::new("rerun-failed");
    let spec = |expect: &str| {
        format!(
            r#"Job(name: "rerun", reuse: Conclusive, {expect} commands: [
                (id: "good", run: ["sh", "-c", "echo x >> good"]), (id: "bad", run: ["sh", "-c", "echo x >> bad; false"])])"#
        )
    };
    desk.run(&spec(""), &[]).with_code(1);
    desk.run(&spec(r#"expect: {"*": "failed"},"#), &["--rerun", "failed"]).with_code(1);
    assert_eq!(desk.read("good").lines().count(), 2, "it is not what is expected any more");
    assert_eq!(desk.read("bad").lines().count(), 1, "it is what is expected now");
}

#[test]
fn the_tool_that_is_recorded_is_the_one_that_runs() {
    let desk = Desk::new("tools");
    desk.script("bin/mytool", "echo mine");
    let path = format!("{}:/usr/bin:/bin", desk.file("bin").display());
    let spec =
        format!(r#"Job(name: "tools", env: {{"PATH": "{path}"}}, commands: [(id: "a", run: ["mytool"])])"#);
    desk.run(&spec, &[]).with_code(0);
    let record: serde_json::Value = serde_json::from_str(&desk.read("out/runs/1/run.json")).expect("JSON");
    let recorded = record["tools"]["mytool"]["path"].as_str().expect("a path");
    assert_eq!(recorded, desk.file("bin/mytool").display().to_string());
}

#[test]
fn wrong_surroundings_are_usage_errors_with_a_path() {
    let desk = Desk::new("usage");
    let spec = r#"Job(name: "usage", commands: [(id: "a", run: ["true"])])"#;
    desk.run(spec, &["--log-file", "/nowhere/log"]).with_code(2).says("/nowhere/log");
    assert!(!desk.file("out").exists(), "nothing was started");
}

#[test]
fn a_part_of_a_job_is_told_of_by_itself() {
    let desk = Desk::new("part");
    let spec = r#"Job(name: "part", commands: [(id: "good", run: ["true"]), (id: "bad", run: ["false"])])"#;
    desk.run(spec, &[]).with_code(1);
    let ran = desk.run(spec, &["--only", "good", "--rerun", "good"]).with_code(0);
    assert!(ran.out.contains("good") && !ran.out.contains("bad"), "{}", ran.out);
    assert_eq!(desk.results().len(), 2, "the other row stands");
}
