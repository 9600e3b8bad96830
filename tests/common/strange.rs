//! Provisor on a C library that does what it may and what nobody expects: `strange.c`.

use std::path::PathBuf;
use std::process::Command;

use super::{Desk, can_run, skip_unless};

/// The library, made for this desk. `None`: skipped.
fn library(desk: &Desk) -> Option<PathBuf> {
    let there = can_run("cc", "--version") && cfg!(all(target_os = "linux", target_env = "gnu"));
    if skip_unless(
        there,
        "a strange C library needs a C compiler, and a program that takes its library by name",
    ) {
        return None;
    }
    let library = desk.file("strange.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/strange.c");
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-O1", "-Wall", "-o"]).arg(&library).arg(source).arg("-ldl");
    let output = compiler.output().expect("cc runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(library)
}

/// Lets a program, and what it starts without another environment, find the world `strange`: words that `strange.c`
/// explains. `None`: skipped.
pub(crate) fn with_strange(desk: &Desk, command: &mut Command, strange: &str) -> Option<()> {
    let library = library(desk)?;
    command.env("LD_PRELOAD", library).env("STRANGE", strange).env("STRANGE_TOLD", desk.file("told"));
    Some(())
}

/// How often what this word of `strange.c` means was done, by all that have ended.
pub(crate) fn how_often(desk: &Desk, word: &str) -> u64 {
    let told = desk.read("told");
    let mut words = told.split_whitespace();
    let mut sum = 0;
    while words.any(|found| found == word) {
        sum += words.next().and_then(|number| number.parse::<u64>().ok()).expect("a number");
    }
    sum
}
