//! `docs/faults.md` is true: every fault has one row, and every test that it names is there.

use std::fs;
use std::path::Path;

const FAULTS: usize = 87;

/// The rows of the tables: number, and the cell of the test.
fn rows() -> Vec<(usize, String)> {
    let page = fs::read_to_string(root().join("docs/faults.md")).expect("the page");
    let row = |line: &str| {
        let cells: Vec<_> = line.strip_prefix("| ")?.split(" | ").collect();
        Some((cells.first()?.parse().ok()?, cells.last()?.trim_end_matches(" |").to_owned()))
    };
    page.lines().filter_map(row).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The file that the page means.
fn source(name: &str) -> String {
    let (folder, file) = match name.split_once(':') {
        Some(("actors", file)) => ("actors/tests", file),
        Some(("core", file)) => ("actors/core/tests", file),
        Some(("config", file)) => ("config/tests", file),
        Some((other, _)) => panic!("{other} is no package"),
        None => ("tests", name),
    };
    let path = root().join(folder).join(file).with_extension("rs");
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Whether this file has a test of this name: as libtest has it, or as the harness of the guardian's cases.
fn has_test(source: &str, name: &str) -> bool {
    let mut is_test = false;
    for line in source.lines().map(str::trim) {
        if line.contains(&format!("fn {name}(")) {
            return is_test || source.contains(&format!("Case(\"{name}\""));
        }
        // One of those that a macro makes, as `name: what,` each.
        if line.starts_with(&format!("{name}: \"")) && source.contains("$(#[test] fn $test()") {
            return true;
        }
        is_test = line.starts_with("#[test]")
            || line.starts_with("#[tokio::test")
            // Other attributes may stand between, over several lines.
            || is_test && line != "}";
    }
    false
}

#[test]
fn every_fault_has_its_row_and_every_test_is_there() {
    let rows = rows();
    let numbers: Vec<_> = rows.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (1..=FAULTS).collect::<Vec<_>>(), "each fault once, in order");
    for (number, cell) in rows {
        if let Some(why) = cell.strip_prefix("- ") {
            assert!(why.len() > 20, "{number}: why is there no test?");
            continue;
        }
        for test in cell.split(", ") {
            let test = test.strip_prefix('`').and_then(|test| test.strip_suffix('`'));
            let (file, name) =
                test.and_then(|test| test.rsplit_once("::")).unwrap_or_else(|| panic!("{number}: {cell}"));
            assert!(has_test(&source(file), name), "{number}: there is no test {name} in {file}");
        }
    }
}

/// The suite's own tests are all on the page, unless another one of the same row is.
#[test]
fn every_test_of_this_suite_is_of_a_row_on_the_page() {
    for module in ["killing", "kills", "spawning", "output", "signals", "inside", "strange"] {
        let source = source(&format!("faults/{module}"));
        for name in source.lines().filter_map(|line| line.trim().strip_prefix("fn row_")?.split('(').next()) {
            let number: usize =
                name.split('_').next().and_then(|number| number.parse().ok()).expect("a number");
            assert!((1..=FAULTS).contains(&number), "row_{name} is of no fault");
        }
    }
}

#[test]
fn a_test_that_is_not_there_is_noticed() {
    let text = "#[test]\nfn there() {\n}\nfn helper() {}\n";
    assert!(has_test(text, "there") && !has_test(text, "helper") && !has_test(text, "gone"));
}
