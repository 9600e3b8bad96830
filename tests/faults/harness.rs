//! What the tests of this suite have in common: the helper that misbehaves, and runs of it that leave nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::SystemTime;

pub(crate) use crate::common::contained::{contained, limited, others};
pub(crate) use crate::common::processes::{pids, state, status_of};
pub(crate) use crate::common::strace::{attach, injected, with_faults};
use crate::common::{Desk, Ran};

/// The helper that misbehaves. It is built when it is older than its source, which happens when only this suite was
/// asked for.
pub(crate) fn fakeproc() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| {
        let own = std::env::current_exe().expect("the path of this test");
        let target = own.ancestors().nth(2).expect("target/PROFILE/deps/NAME");
        let path = target.join("examples/fakeproc");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/fakeproc");
        let changed = |path: PathBuf| fs::metadata(path).and_then(|file| file.modified()).ok();
        let newest = fs::read_dir(source)
            .expect("its source")
            .flatten()
            .filter_map(|entry| changed(entry.path()))
            .max();
        if changed(path.clone()).unwrap_or(SystemTime::UNIX_EPOCH) < newest.expect("files") {
            let mut build = Command::new(env!("CARGO"));
            let profile = if target.ends_with("release") { "release" } else { "test" };
            build.args(["build", "--quiet", "--locked", "--profile", profile, "--example", "fakeproc"]);
            build.arg("--manifest-path");
            build.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
            build.arg("--target-dir").arg(target.parent().expect("the target folder"));
            assert!(
                build.status().expect("cargo runs").success(),
                "build it: cargo build --example fakeproc"
            );
        }
        path.to_str().expect("UTF-8").to_owned()
    })
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
