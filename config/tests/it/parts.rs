//! The example study, divided: its parts are together its models.
#![expect(clippy::unwrap_used, reason = "a test that cannot read the example has failed")]

use std::collections::BTreeMap;
use std::path::Path;

use provisor_config::{Surroundings, parse};
use provisor_core::proverif::source::{Expected, Kind, Source};

/// The files of the example study, by what stands before the last `/` of their names, under this tool.
fn example(tool: &str) -> BTreeMap<String, Vec<Vec<u8>>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/study");
    let text = std::fs::read_to_string(folder.join("study.ron")).unwrap();
    let spec = text.replace("tool: ProVerif", &format!("tool: {tool}"));
    let spec = match tool {
        "ProVerif" => spec.replace("lemmas: AsAxioms", "lemmas: Own"),
        // What another tool has no use for.
        _ => [spec.split("        lemmas:").next().unwrap(), "    ),\n)"].concat(),
    };
    let around =
        Surroundings { run_dir: folder.join("runs"), ..Surroundings::of(&folder.join("study.ron")).unwrap() };
    let lowered = match parse(&spec, &folder.join("study.ron"), &around) {
        Ok(lowered) => lowered,
        Err(error) => panic!("{}", error.render(false)),
    };
    let mut files: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
    for made in &lowered.made {
        let (of, _) = made.name.rsplit_once('/').unwrap();
        files.entry(of.to_owned()).or_default().push(made.bytes());
    }
    files
}

#[test]
fn the_parts_of_the_example_are_together_its_models_and_move_nothing() {
    let (wholes, parts) = (example(r#"Command(["cat", "{{ file }}"])"#), example("ProVerif"));
    assert_eq!((wholes.len(), parts.len()), (12, 12), "three models in four scenarios");
    for (of, whole) in &wholes {
        let whole = Source::read(&whole[0], Expected::Model);
        let parts = &parts[of];
        let main = whole.main.unwrap();
        for declaration in &whole.declarations {
            let text = &whole.text[declaration.at.clone()];
            let has_it = parts.iter().filter(|part| part[declaration.at.clone()] == *text).count();
            let shown = String::from_utf8_lossy(text);
            match declaration.kind {
                Kind::Query | Kind::WeakSecret | Kind::NonInterf => assert_eq!(has_it, 1, "{of}: {shown}"),
                // It is asked as a query in its own part, or in another form before the process.
                Kind::Lemma => assert!(has_it >= 1 && has_it < parts.len(), "{of}: {shown}"),
                _ => assert_eq!(has_it, parts.len(), "{of}: {shown}"),
            }
        }
        for part in parts {
            let lines = |text: &[u8]| text.iter().filter(|byte| **byte == b'\n').count();
            assert_eq!(lines(part), lines(whole.text), "{of}");
            assert_eq!(lines(&part[..main.start]), lines(&whole.text[..main.start]), "{of}");
        }
    }
}
