//! What the tests of this suite have in common: the helper that misbehaves, and runs of it that leave nothing.

use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::common::built::example;
pub(crate) use crate::common::contained::{contained, limited, others};
pub(crate) use crate::common::processes::{pids, state, status_of};
pub(crate) use crate::common::strace::{attach, injected, with_faults};
use crate::common::{Desk, Ran};

/// The helper that misbehaves.
pub(crate) fn fakeproc() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| example("fakeproc", "tests/faults/fakeproc"))
}

/// A command line of the helper as a spec writes it: these words, divided by spaces.
pub(crate) fn fake(words: &str) -> String {
    let words: Vec<_> = words.split(' ').map(|word| format!("{word:?}")).collect();
    format!("[{:?}, {}]", fakeproc(), words.join(", "))
}

/// A job of one query `q` that is the helper with these words, under these settings.
pub(crate) fn one(words: &str, settings: &str) -> String {
    format!(
        r#"Job(name: "fault", env: {{"MARK": "fault"}}, {settings} commands: [(id: "q", run: {})])"#,
        fake(words)
    )
}

/// Runs it and looks at once for what it left: when provisor has ended, nothing may be alive.
#[track_caller]
pub(crate) fn run(desk: &Desk, spec: &str, args: &[&str]) -> Ran {
    let ran = desk.run(spec, args);
    assert_eq!(others(), [""; 0], "processes outlive provisor, which said:\n{}", ran.err);
    ran
}

/// The same command in the desk's folder, without input.
pub(crate) fn here(mut command: Command, desk: &Desk) -> Command {
    command.current_dir(desk.path()).stdin(Stdio::null());
    command
}
