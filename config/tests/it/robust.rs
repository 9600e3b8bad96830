//! Whatever stands in a spec, the answer is a plan or a message.

use std::path::Path;

use proptest::prelude::*;
use provisor_config::{Overrides, SpecError, load, parse};

use crate::support::{Folder, around, refusal};

fn answer(text: &str) {
    // No folder, so that no glob of a lucky text walks the machine.
    match parse(text, Path::new("job.ron"), &around(Path::new("/nowhere"), Overrides::default())) {
        Ok(lowered) => assert_eq!(&*lowered.text, text),
        Err(error) => {
            assert!(error.render(false).starts_with("error: "), "{}", error.render(false));
            assert!(!error.to_string().is_empty());
            assert!(!error.render(true).is_empty());
        }
    }
}

const GOOD: &str = r#"Job(name: "é", slots: 2, vars: {"v": "x"}, matrix: {"a": ["1", 2.5], "b": 1..=3},
    id: "{{ a }}/{{ b.index }}", command: ["echo", "{{ v | upper }}"], env: {"A": "{{ a }}"}, // comment
    rules: [(on: Regex("(x)"), capture: Group(1), stop: Kill)], logs: Tail("1 KiB"),
    expect: {"*": "ok"}, exclude: [{"a": "9*"}], limits: (wall: "1h"), preset: ProVerif(fast: false))"#;

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC*") {
        answer(&text);
    }

    #[test]
    fn no_change_of_a_good_spec_panics(at in 0..GOOD.len(), length in 0usize..20, put in "[\\[\\](){}\",:a0.é\n/*\\\\-]{0,4}") {
        let mut text = GOOD.to_owned();
        let floor = |mut at: usize| { while !text.is_char_boundary(at) { at -= 1; } at };
        let (start, end) = (floor(at), floor((at + length).min(GOOD.len())));
        text.replace_range(start..end, &put);
        answer(&text);
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let folder = Folder::with(&[]);
        let path = folder.path().join("job.ron");
        std::fs::write(&path, &bytes).unwrap();
        if let Err(error) = load(&path, &around(folder.path(), Overrides::default())) {
            assert!(!error.render(false).is_empty());
        }
    }
}

#[test]
fn deep_nesting_is_refused_and_overflows_nothing() {
    for (open, close) in [("[", "]"), ("(", ")"), ("{1:", "}"), ("Some(", ")"), ("A(b:", ")"), ("/*", "*/")] {
        for field in ["name", "commands", "matrix", "passes", "exclude", "preset", "unknown"] {
            let deep = open.repeat(2000);
            answer(&format!("Job({field}: {deep}"));
            answer(&format!("Job({field}: {deep}1{})", close.repeat(2000)));
        }
        answer(&open.repeat(20_000));
    }
    let deep = "[".repeat(1000);
    assert!(refusal(&format!("Job(name: \"x\", commands: {deep}")).contains("nested too deeply"));
}

#[test]
fn a_template_may_be_nested_deeply_too() {
    for deep in [
        "(",
        "[",
        "not ",
        "- ",
        "-",
        "a.",
        "a|b(",
        "{",
        "a+",
        "a if ",
        "a[",
        "'}}'~",
        "a.b()|c is d and ",
        "{%if 1%}",
    ] {
        for times in [25, 150, 320, 1000, 5000] {
            let deep = deep.repeat(times);
            for text in [
                format!("{{{{ {deep}"),
                format!("{{{{ {deep}a }}}}"),
                format!("{{% if {deep}a %}}{{% endif %}}"),
            ] {
                answer(&format!("Job(name: \"x\", commands: [(id: \"a\", run: [\"{text}\"])])"));
            }
        }
    }
    for deep in ["{% if 1 %}", "{% if 1 %}{% elif a %}", "{% elif a %}", "{% for a in a %}", "{# "] {
        for times in [50, 150, 900, 20_000] {
            let text = format!("{{% if 0 %}}{}", deep.repeat(times));
            answer(&format!("Job(name: \"x\", commands: [(id: \"a\", run: [\"{text}\"])])"));
            answer(&format!("Job(name: \"x\", commands: [(id: \"a\", run: [\"{text}{{% endif %}}\"])])"));
        }
    }
}

#[test]
fn files_that_are_no_spec_are_told_apart() {
    let folder = Folder::with(&[("a.ron", "Job(")]);
    let around = around(folder.path(), Overrides::default());
    let failure = |path: &Path| load(path, &around).unwrap_err();

    let missing = failure(&folder.path().join("no.ron"));
    assert!(matches!(missing, SpecError::Unreadable { .. }));
    assert!(missing.render(false).contains("no.ron"), "{}", missing.render(false));
    assert!(missing.render(false).contains("help: "));
    assert!(matches!(failure(folder.path()), SpecError::Directory { .. }));

    let latin = folder.path().join("latin.ron");
    std::fs::write(&latin, b"Job(name: \"\xe9\")").unwrap();
    assert!(failure(&latin).to_string().ends_with("is not UTF-8: byte 11 is wrong"));

    let large = folder.path().join("large.ron");
    std::fs::File::create(&large).unwrap().set_len((64 << 20) + 1).unwrap();
    assert!(matches!(failure(&large), SpecError::TooLarge { .. }));

    assert!(matches!(failure(&folder.path().join("a.ron")), SpecError::Structure { .. }));
}

#[test]
fn a_good_file_is_kept_word_for_word() {
    let text = "\u{feff}// é\r\nJob(name: \"x\", commands: [(id: \"a\", run: [\"a\"])]) // end";
    let folder = Folder::with(&[("job.ron", text)]);
    let lowered = load(&folder.path().join("job.ron"), &around(folder.path(), Overrides::default())).unwrap();
    assert_eq!(&*lowered.text, text);
}
