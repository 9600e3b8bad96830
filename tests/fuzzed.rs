//! What the fuzzer begins with and what it has found, without a fuzzer: every file of `tests/fuzz/corpus` and of
//! `tests/fuzz/regressions`, and the project's own specs, models and recorded logs, through the fuzzer's own targets.

#[path = "fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "it is a library of its own for the fuzzer")]
mod targets;

use std::fs;
use std::path::{Path, PathBuf};

use targets::{TARGETS, Target};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files in a folder and below it.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files = Vec::new();
    for path in entries.map(|entry| entry.expect("an entry").path()) {
        if path.is_dir() { files.extend(self::files(&path)) } else { files.push(path) }
    }
    files.sort();
    files
}

fn take(target: Target, path: &Path) {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let taken = std::panic::catch_unwind(|| target(&bytes));
    assert!(taken.is_ok(), "{}: see above", path.display());
}

fn take_all(name: &str) {
    let (_, target) = TARGETS.iter().find(|(known, _)| *known == name).expect("a target of this name");
    let fuzz = root().join("tests/fuzz");
    let seeds = files(&fuzz.join("corpus").join(name));
    assert!(!seeds.is_empty(), "the fuzzer has nothing to begin with");
    let found = fuzz.join("regressions").join(name);
    let found = if found.exists() { files(&found) } else { Vec::new() };
    seeds.iter().chain(&found).for_each(|path| take(*target, path));
}

/// One test for each target.
macro_rules! targets {
    ($($test:ident: $name:literal,)*) => {
        const TESTED: &[&str] = &[$($name),*];
        $(#[test] fn $test() { take_all($name); })*
    };
}

targets! {
    models_are_read: "model",
    the_output_of_proverif_is_read: "proverif",
    recordings_are_read_and_played: "record",
    rules_read_what_is_printed: "rules",
    specs_are_read: "spec",
    models_are_divided: "split",
    texts_are_made_fit_to_be_shown: "text",
    the_guardian_is_told: "wire",
}

#[test]
fn every_target_and_every_file_is_tested() {
    assert_eq!(TARGETS.map(|(name, _)| name), TESTED);
    for folder in ["corpus", "regressions", "dictionaries"] {
        for entry in fs::read_dir(root().join("tests/fuzz").join(folder)).expect("a folder") {
            let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
            let name = name.strip_suffix(".dict").unwrap_or(&name);
            assert!(TESTED.contains(&name) || name == "README.md", "{folder}/{name} is of no target");
        }
    }
    let manifest = fs::read_to_string(root().join("tests/fuzz/Cargo.toml")).expect("the manifest");
    let [by_command, by_suite] =
        ["tests/fuzz/run.sh", "test"].map(|path| fs::read_to_string(root().join(path)).expect("a script"));
    assert!(by_command.contains(&format!("\nall=({})\n", TESTED.join(" "))), "run.sh leaves some out");
    for name in TESTED {
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name} is not fuzzed");
        assert!(by_suite.contains(&format!(" {name}:")), "./test does not fuzz {name}");
    }
}

#[test]
fn what_the_project_has_is_read_by_each_target() {
    for folder in ["config/examples", "config/presets", "benches/data", "actors/core/tests/logs"] {
        // The longest log would take a minute byte by byte, and says nothing that the others do not.
        let is_short = |path: &PathBuf| path.metadata().is_ok_and(|file| file.len() < 64 << 10);
        for path in files(&root().join(folder)).into_iter().filter(is_short) {
            TARGETS.iter().for_each(|(_, target)| take(*target, &path));
        }
    }
}
