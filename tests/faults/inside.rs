//! B6: what goes wrong within provisor, and within this suite.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, Stdio};

use crate::harness::{contained, fake, fakeproc, others, run};

#[test]
fn row_82_many_that_talk_at_once() {
    contained(|desk| {
        const QUERIES: usize = 150;
        let spec = format!(
            r#"Job(name: "chatty", slots: {QUERIES}, matrix: {{"n": 1..={QUERIES}}}, id: "q{{{{ n }}}}",
                rules: [(on: Prefix("xxxx"), note: true), (on: Prefix("end"), verdict: "end")], command: {})"#,
            fake("flood 200000 say . say end exit 0")
        );
        run(desk, &spec, &["-q"]).with_code(0);
        let rows = desk.results();
        assert_eq!(rows.values().filter(|row| row["verdict"] == "end").count(), QUERIES);
    });
}

/// The suite's own look for survivors finds one that is there, whatever it has done to hide.
#[test]
fn row_84_a_test_leaves_a_process_behind() {
    contained(|desk| {
        let mut child = Command::new(fakeproc());
        child.args(["daemonize", "touch", "up", "hang", "then", "await", "up", "exit", "0"]);
        child.current_dir(desk.path()).env_clear().stdin(Stdio::null());
        assert!(child.status().expect("it runs").success());
        let left = others();
        assert!(left.len() == 1 && left[0].contains("touch up hang"), "{left:?}");
        let found = catch_unwind(AssertUnwindSafe(|| {
            run(desk, r#"Job(name: "a", commands: [(id: "a", run: ["true"])])"#, &[])
        }));
        assert!(found.is_err(), "the harness has not noticed it");
        let pid = left[0].split(' ').next().expect("a pid");
        assert!(Command::new("kill").args(["-s", "KILL", pid]).status().expect("kill runs").success());
        crate::common::wait_until("it is gone", || others().is_empty());
    });
}
