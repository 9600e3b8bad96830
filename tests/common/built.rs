//! The programs among the examples, as they are built with the tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

/// The program of an example. It is built when it is older than its source (a file or a folder, relative to the package), which
/// happens when only one suite was asked for.
pub(crate) fn example(name: &str, source: &str) -> String {
    let own = std::env::current_exe().expect("the path of this test");
    let target = own.ancestors().nth(2).expect("target/PROFILE/deps/NAME");
    let path = target.join("examples").join(name);
    let changed = |path: PathBuf| fs::metadata(path).and_then(|file| file.modified()).ok();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(source);
    let files = fs::read_dir(&source).into_iter().flatten().flatten().map(|entry| entry.path());
    let newest = files.chain(Some(source).filter(|path| path.is_file())).filter_map(changed).max();
    if changed(path.clone()).unwrap_or(SystemTime::UNIX_EPOCH) < newest.expect("its source") {
        let mut build = Command::new(env!("CARGO"));
        let profile = if target.ends_with("release") { "release" } else { "test" };
        build.args(["build", "--quiet", "--locked", "--profile", profile, "--example", name]);
        build.args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")]);
        build.arg("--target-dir").arg(target.parent().expect("the target folder"));
        assert!(build.status().expect("cargo runs").success(), "build it: cargo build --example {name}");
    }
    path.to_str().expect("UTF-8").to_owned()
}
