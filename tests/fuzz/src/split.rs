//! Models in ProVerif's language, read declaration by declaration and divided; theories of Tamarin.

use provisor_core::proverif::ask;
use provisor_core::proverif::source::{Expected, Source};
use provisor_core::proverif::split::{Asked, Division, Lemmas, Part, divide};
use provisor_core::tamarin;

/// A model, a library and a file of queries, each up to a zero: any texts are divided, so that bytes and lines stay where
/// they were up to the main part, and what is put in is one line; and an empty line before it all changes nothing but
/// the numbers of the lines.
///
/// # Panics
/// Where that is not so.
pub fn take(bytes: &[u8]) {
    let mut texts = bytes.splitn(3, |byte| *byte == 0);
    let mut next = || texts.next().unwrap_or_default();
    let (text, library, queries) = (next(), next(), next());
    let model = Source::read(text, Expected::Model);
    let library = [Source::read(library, Expected::Library)];
    let queries = Source::read(queries, Expected::Queries);
    let _ = (
        ask::for_secrets(&ask::secrets(&model)),
        ask::for_events(&ask::events(&model)),
        tamarin::lemmas(text),
    );
    let later = [b"\n", text].concat();
    let later = Source::read(&later, Expected::Model);
    for asked in [Asked::InModel, Asked::Here(&queries)] {
        for lemmas in [Lemmas::Own, Lemmas::AsAxioms] {
            let division = divide(&model, &library, asked, lemmas);
            let moved = divide(&later, &library, asked, lemmas);
            let Ok(division) = division else {
                assert!(moved.is_err());
                continue;
            };
            let _ = division.expected(&model);
            division.parts.iter().for_each(|part| keeps_places(&model, part));
            assert_eq!(told(&division), told(&moved.expect("the same")));
        }
    }
}

/// What does not depend on where a model begins.
fn told(division: &Division) -> impl PartialEq + std::fmt::Debug + use<> {
    let part =
        |part: &Part| (part.name.clone(), part.role, part.needs.clone(), part.lemmas, part.is_monotone);
    (
        division.parts.iter().map(part).collect::<Vec<_>>(),
        division.same_names.clone(),
        division.assumptions.clone(),
    )
}

fn keeps_places(model: &Source<'_>, part: &Part) {
    let written = part.write(model, " set a = b.");
    let main = model.main.map_or(model.text.len(), |main| main.start);
    let (before, rest) = model.text.split_at(main);
    assert!(written.len() >= model.text.len() && written.ends_with(rest));
    let ends = |text: &[u8]| -> Vec<(usize, u8)> {
        text.iter().copied().enumerate().filter(|(_, byte)| matches!(byte, b'\n' | b'\r')).collect()
    };
    assert_eq!(ends(before), ends(&written[..written.len() - rest.len()]));
}
