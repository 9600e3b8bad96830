//! The examples that are shipped: each is a good spec without a warning.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use provisor_config::{Lowered, Overrides, load};

use crate::support::{argv, around, ids, warnings};

fn example(name: &str) -> Lowered {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    match load(&folder.join(name), &around(&folder, Overrides::default())) {
        Ok(lowered) => lowered,
        Err(error) => panic!("{}", error.render(false)),
    }
}

/// Those that say themselves what they are: no word of warning, and named like their files.
const PLAIN: [&str; 8] = [
    "plain.ron",
    "matrix.ron",
    "hosts.ron",
    "snmp.ron",
    "batch.ron",
    "lines.ron",
    "proverif.ron",
    "solvers.ron",
];

#[test]
fn every_example_is_a_good_spec() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(folder).expect("the examples are there") {
        let name = entry.expect("the examples can be read").file_name().into_string().expect("a plain name");
        if name.ends_with(".ron") {
            assert!(!example(&name).plan.queries.is_empty());
            names.insert(name);
        }
    }
    for name in PLAIN {
        assert!(names.contains(name), "{name} is missing");
        let lowered = example(name);
        assert!(lowered.warnings.is_empty(), "{name}: {}", warnings(&lowered));
        assert_eq!(*lowered.plan.job, *name.trim_end_matches(".ron"));
    }
}

#[test]
fn the_matrix_computes() {
    let lowered = example("matrix.ron");
    assert_eq!(lowered.plan.queries.len(), 11);
    assert!(!ids(&lowered).contains(&"add/by-3"));
    for query in &lowered.plan.queries {
        let [program, arguments @ ..] = &argv(query)[..] else { panic!("no program") };
        let output = Command::new(program).args(arguments).output().expect("sh is there");
        let text = String::from_utf8_lossy(&output.stdout);
        let undefined = query.expect.as_deref() == Some("undefined");
        assert_eq!(text.starts_with("result "), !undefined, "{}: {text}", query.id);
        assert_eq!(&*query.id == "divide/by-0", undefined);
    }
    assert_eq!(argv(&lowered.plan.queries[1])[4..], ["10", "+", "1"]);
}

#[test]
fn the_hosts_answer() {
    for query in &example("hosts.ron").plan.queries {
        let [program, arguments @ ..] = &argv(query)[..] else { panic!("no program") };
        let output = Command::new(program).args(arguments).output().expect("sh is there");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains(&format!(" = STRING: {} asked as ", query.axes[0])), "{text}");
    }
}

#[test]
fn the_models_are_found() {
    assert!(ids(&example("proverif.ron")).contains(&"handshake"));
}
