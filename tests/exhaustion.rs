//! A system that is short of something: fewer at once, a line that says so, and no query that fails for it.

mod common;

use std::process::Command;

use common::Desk;

/// `provisor run` on this spec with a limit of open files, which no child may raise.
fn run_with_open_files(desk: &Desk, spec: &str, open_files: u32, args: &[&str]) -> common::Ran {
    desk.write("job.ron", spec);
    let mut arguments = vec!["run", "job.ron", "-o", "out"];
    arguments.extend(args);
    let plain = desk.provisor(&arguments);
    let mut limited = Command::new("sh");
    limited.arg("-c").arg(format!("ulimit -n {open_files} && exec \"$0\" \"$@\""));
    limited.arg(plain.get_program()).args(plain.get_args());
    if let Some(folder) = plain.get_current_dir() {
        limited.current_dir(folder);
    }
    desk.finish(limited)
}

#[test]
fn slots_are_cut_to_the_descriptors_that_there_are_and_all_is_run() {
    let desk = Desk::new("descriptors");
    let spec = r#"Job(name: "many", matrix: {"n": 1..=120}, slots: 100, command: ["echo", "{{ n }}"])"#;
    let ran = run_with_open_files(&desk, spec, 96, &[]);
    ran.with_code(0)
        .says("8 at a time instead of 100: 96 files may be open, and each query takes 4")
        .says("a higher `ulimit -n` allows more");
    let causes = desk.column("cause");
    assert_eq!(causes.len(), 120);
    assert!(causes.values().all(|cause| cause == "exited"), "{causes:?}");
}

#[test]
fn where_there_are_enough_descriptors_nothing_is_said_of_them() {
    let desk = Desk::new("enough-descriptors");
    let spec = r#"Job(name: "few", matrix: {"n": 1..=3}, slots: 100, command: ["echo", "{{ n }}"])"#;
    let ran = run_with_open_files(&desk, spec, 96, &[]).with_code(0);
    assert!(!ran.err.contains("at a time instead of"), "{}", ran.err);
}
