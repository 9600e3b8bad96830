//! Whoever looks at a run directory takes nothing from the run, and needs no right to write there.

mod common;

use std::process::Command;

use common::{Desk, Started, skip_unless, wait_until};
use provisor::actors::store::Store;

/// One that is done, one that is at work until the file `go` is there, one that waits for a slot.
const SPEC: &str = r#"Job(name: "read", slots: 1, commands: [
    (id: "done", run: ["true"]),
    (id: "working", run: ["sh", "-c", "touch ready; while ! test -e go; do sleep 0.01; done"]),
    (id: "waiting", run: ["true"]),
])"#;

/// With the first one's row written and the second one at work.
fn start(desk: &Desk) -> Started<'_> {
    let started = desk.start(SPEC, &[]);
    desk.await_file("ready");
    wait_until("one is at work", || {
        desk.finish(desk.provisor(["status", "out"])).out.contains("1 at work, 1 waiting\n")
    });
    started
}

/// The run goes on to its end while its results are still being read.
#[test]
fn a_long_look_holds_up_no_run() {
    let desk = Desk::new("reading-long");
    let started = start(&desk);
    let reader = Store::read(&desk.file("out")).expect("results");
    let mut seen = 0;
    let mut started = Some(started);
    let visited = reader.each_standing(|row| {
        seen += 1;
        assert_eq!(&*row.query, "done");
        desk.write("go", "");
        started.take().expect("once").wait().with_code(0);
        assert_eq!(desk.results().len(), 3, "all is written");
        Ok(())
    });
    visited.expect("read");
    assert_eq!(seen, 1, "what was there when it began");
    assert_eq!(reader.standing().expect("read").len(), 3);
}

#[test]
fn status_and_results_need_no_right_to_write() {
    let desk = Desk::new("reading-only");
    let shown = |state: &str| {
        let look = format!(
            "mount --bind out out && mount -o remount,bind,ro out && ! touch out/x 2>&- && \
             \"$1\" status out --json && \"$1\" results out --format csv {state}"
        );
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", &look, "sh"]);
        let output = command.arg(env!("CARGO_BIN_EXE_provisor")).current_dir(desk.path()).output();
        desk.ran(output.expect("unshare runs"))
    };
    let mounts = Command::new("unshare").args(["--user", "--map-root-user", "--mount", "true"]).output();
    if skip_unless(mounts.is_ok_and(|ran| ran.status.success()), "no mount namespaces") {
        return;
    }
    let started = start(&desk);
    let ran = shown("").with_code(0);
    assert!(
        ran.out.contains("\"state\": \"running\"") && ran.out.contains("\ndone,exited,ok,"),
        "{}",
        ran.out
    );
    desk.write("go", "");
    started.wait().with_code(0);
    let ran = shown("--only waiting").with_code(0);
    assert!(
        ran.out.contains("\"state\": \"complete\"") && ran.out.contains("\nwaiting,exited,ok,"),
        "{}",
        ran.out
    );
}
