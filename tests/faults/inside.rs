//! B6: what goes wrong within provisor, and within this suite.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, Stdio};

use crate::common::{kill, skip_unless};
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
        kill(pid);
        crate::common::wait_until("it is gone", || others().is_empty());
    });
}

/// `./test` counts a skipped test also where libtest has begun a line with its name, as it does in a namespace.
#[test]
fn a_skip_is_counted() {
    const INNER: &str = "PROVISOR_TEST_SKIPS";
    if std::env::var_os(INNER).is_some() {
        skip_unless(false, "to see whether that is counted");
        return;
    }
    let suite = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/test")).expect("./test");
    let counted = suite.split("grep -a '").nth(1).and_then(|rest| rest.split('\'').next());
    let counted = regex::Regex::new(&format!("(?m){}", counted.expect("what it counts"))).expect("valid");
    let mut inner = Command::new(std::env::current_exe().expect("the path of this test"));
    inner.args(["--exact", "inside::a_skip_is_counted", "--nocapture", "--test-threads=1"]).env(INNER, "1");
    let said = String::from_utf8(inner.output().expect("it runs").stdout).expect("UTF-8");
    assert!(said.contains("1 passed") && counted.is_match(&said), "{said}");
}
