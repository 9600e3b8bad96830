//! Models are read and divided: whatever the bytes are, and so that the parts put together are the whole.

use proptest::prelude::*;
use proptest::sample::select;
use provisor_core::proverif::ask;
use provisor_core::proverif::source::{Declaration, Expected, Fault, Kind, Source};
use provisor_core::proverif::split::{Asked, Division, Lemmas, Origin, Part, Role, divide, settings};
use provisor_core::tamarin;

fn lemmas() -> impl Strategy<Value = Lemmas> {
    select(vec![Lemmas::Own, Lemmas::AsAxioms])
}

/// Where lines end.
fn ends(text: &[u8]) -> Vec<(usize, u8)> {
    let is_end = |(_, byte): &(usize, u8)| matches!(byte, b'\n' | b'\r');
    text.iter().copied().enumerate().filter(is_end).collect()
}

/// The laws of a written part that hold for any bytes: up to its main part it is as long as the model, its lines end
/// where they did, and each byte is the one that was there, or blank, or of a keyword; what is put in is one line, and
/// the main part follows.
fn keeps_places(model: &Source<'_>, part: &Part, written: &[u8]) -> Result<(), TestCaseError> {
    let main = model.main.map_or(model.text.len(), |main| main.start);
    let rest = &model.text[main..];
    prop_assert!(written.len() >= model.text.len(), "{part:?}");
    prop_assert!(written.ends_with(rest));
    let (before, after) = (&model.text[..main], &written[..main]);
    prop_assert_eq!(ends(before), ends(after));
    let put_in = &written[main..written.len() - rest.len()];
    prop_assert!(ends(put_in).is_empty());
    let is_keyword = |at: usize| {
        let covers =
            |declaration: &Declaration<'_>| declaration.at.start <= at && at < declaration.at.start + 5;
        model.declarations.iter().any(|declaration| declaration.kind == Kind::Lemma && covers(declaration))
    };
    let changed = before.iter().zip(after).enumerate().filter(|(_, (old, new))| old != new);
    for (at, (_, new)) in changed {
        prop_assert!(*new == b' ' || is_keyword(at), "byte {at} of {part:?}");
    }
    Ok(())
}

/// Reads and divides any bytes in every way.
fn take(text: &[u8], library: &[u8], queries: &[u8], lemmas: Lemmas) -> Result<(), TestCaseError> {
    let model = Source::read(text, Expected::Model);
    let libraries = [Source::read(library, Expected::Library)];
    let asked = Source::read(queries, Expected::Queries);
    let mut end = 0;
    for declaration in model.declarations.iter().filter(|declaration| declaration.within.is_none()) {
        prop_assert!(end <= declaration.at.start && declaration.at.start < declaration.at.end);
        end = declaration.at.end;
    }
    prop_assert!(end <= text.len());
    let lines = u32::try_from(ends(text).len()).expect("short") + 1;
    prop_assert!(model.faults.iter().all(|fault| fault.place().line <= lines));
    let _ = (
        ask::for_secrets(&ask::secrets(&model)),
        ask::for_events(&ask::events(&model)),
        tamarin::lemmas(text),
    );
    for asked in [Asked::InModel, Asked::Here(&asked)] {
        let Ok(division) = divide(&model, &libraries, asked, lemmas) else { continue };
        prop_assert!(!division.parts.is_empty());
        let _ = division.expected(&model);
        for (place, part) in division.parts.iter().enumerate() {
            keeps_places(&model, part, &part.write(&model, " set a = b."))?;
            prop_assert!(part.needs.iter().all(|need| *need < place));
            prop_assert!(
                part.name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
            );
            prop_assert!(part.name.starts_with(|first: char| first.is_ascii_alphanumeric()));
        }
    }
    Ok(())
}

/// What may be found in a model, and what should not.
const SOUP: [&str; 58] = [
    "query",
    "lemma",
    "axiom",
    "restriction",
    "weaksecret",
    "noninterf",
    "not",
    "nounif",
    "set",
    "def",
    "expand",
    "proof",
    "process",
    "equivalence",
    "let",
    "free",
    "event",
    "inj-event",
    "attacker",
    "table",
    "secret",
    "private",
    "public_vars",
    "for",
    "real_or_random",
    "induction",
    "noInduction",
    "maxSubset",
    "keepEvents",
    "inductionLemmas",
    "inductionQueries",
    "true",
    "putbegin",
    "new",
    "choice",
    "x",
    "M",
    "é",
    "(*",
    "*)",
    "(* @query a *)",
    "(* @lemma a *)",
    "(* EXPECTPV\nRESULT x is true.\nEND *)",
    "\"",
    "\\",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    ";",
    ".",
    ":",
    "=",
    ",",
    "==>",
    "\r\n",
];

fn soup() -> impl Strategy<Value = Vec<u8>> {
    let words = prop::collection::vec(select(SOUP.to_vec()), 0..40);
    (words, select(vec!["", " "])).prop_map(|(words, space)| words.join(space).into_bytes())
}

/// Declarations that ask or assume something, all for one process or another.
const STATED: [&str; 22] = [
    "query attacker(s).",
    "query (* @query named *) x: t; event(A(x)) ==> event(B(x)) [induction].",
    "(* @sanity reach *)\nquery event(A); attacker(s) phase 1.",
    "query attacker(r) public_vars k.",
    "query secret s [real_or_random].",
    "query secret s public_vars k; attacker(q).",
    "query putbegin event: A.",
    "weaksecret w.",
    "noninterf x: t; s among (x).",
    "lemma x: t; event(A(x)) ==> event(B(x)).",
    "(* @lemma inv *) lemma\n event(C) ==> event(D) [induction, noneSat].",
    "lemma event(A) ==> attacker(s) [keepEvents].",
    "lemma event(A); event(B) for { public_vars k } [maxSubset].",
    "lemma event(A) for { public_vars k }; event(C) [induction].",
    "lemma event(A) for { secret s [real_or_random] }.",
    "axiom event(A) ==> event(B).",
    "axiom event(A) for { public_vars k }; event(B).",
    "restriction event(A).",
    "not attacker(s).",
    "nounif x: t; attacker(x)/-5000.",
    "set inductionLemmas = true.",
    "set attacker = passive.",
];

/// What stands between declarations.
const BETWEEN: [&str; 6] = ["", " ", "\n", "(* query a. *)\r\n", " (* é (* \" *) *) ", "type t1. "];

prop_compose! {
    fn models()(
        pieces in prop::collection::vec((select(STATED.to_vec()), select(BETWEEN.to_vec())), 1..12),
        main in select(vec!["process 0", "process\n out(c, s) (* query a. *)", "(* . *)process 0"]),
    ) -> String {
        let mut text = "set a = b.".to_owned();
        for (stated, between) in pieces {
            text.push_str(between);
            text.push_str(stated);
        }
        text.push_str(main);
        text
    }
}

/// The declarations that are left of those of the whole, by where they begin.
fn left(written: &[u8], main: usize) -> Vec<(usize, &[u8])> {
    let source = Source::read(written, Expected::Model);
    // A lemma that became a query may still be named by its comment.
    let is_name = |fault: &Fault| matches!(fault, Fault::TagMisfit { .. });
    assert!(source.faults.iter().all(is_name), "{:?} in {}", source.faults, String::from_utf8_lossy(written));
    let in_place = source.declarations.iter().filter(|declaration| declaration.at.start < main);
    in_place.map(|declaration| (declaration.at.start, &written[declaration.at.clone()])).collect()
}

/// Whether a declaration is to be a part.
fn is_part(kind: Kind, declaration: &str) -> bool {
    (kind.is_query() && !declaration.starts_with("query putbegin"))
        || (kind == Kind::Lemma && !declaration.contains("for { secret"))
}

/// The parts together are the whole, each declaration asked once and all others kept.
fn is_whole(
    text: &str,
    model: &Source<'_>,
    division: &Division,
    lemmas: Lemmas,
) -> Result<(), TestCaseError> {
    let main = model.main.expect("a model").start;
    let piece = |declaration: &Declaration<'_>| &text[declaration.at.clone()];
    let parts: Vec<_> = model
        .declarations
        .iter()
        .filter(|declaration| is_part(declaration.kind, piece(declaration)))
        .collect();
    prop_assert_eq!(division.parts.len(), parts.len());
    let mut times_asked = vec![0; model.declarations.len()];
    for (part, asked) in division.parts.iter().zip(parts) {
        prop_assert_eq!((part.origin, part.line), (Origin::Model, asked.line));
        let written = part.write(model, "");
        let left = left(&written, main);
        for (place, declaration) in model.declarations.iter().enumerate() {
            let whole = piece(declaration).as_bytes();
            let now = left.iter().find(|(start, _)| *start == declaration.at.start).map(|(_, now)| *now);
            match declaration.kind {
                kind if kind.is_query() => {
                    prop_assert!(now.is_none_or(|now| now == whole), "a query is there or not");
                    times_asked[place] += usize::from(now.is_some());
                }
                Kind::Lemma => {
                    let is_query = now.is_some_and(|now| now.starts_with(b"query"));
                    let is_axiom = now.is_some_and(|now| now.starts_with(b"axiom"));
                    prop_assert!(!is_axiom || lemmas == Lemmas::AsAxioms);
                    prop_assert!(!is_query || declaration == asked);
                    prop_assert!(
                        now.is_none() || declaration.at.start <= asked.at.start || part.role != Role::Lemma
                    );
                }
                kind if kind.is_assumed() => prop_assert!(now.is_none_or(|now| now.len() == whole.len())),
                _ => prop_assert_eq!(now, Some(whole), "what asks nothing stays"),
            }
        }
    }
    for (declaration, times) in model.declarations.iter().zip(times_asked) {
        let asks = declaration.kind.is_query() && is_part(declaration.kind, piece(declaration));
        prop_assert_eq!(times, usize::from(asks), "{}", piece(declaration));
    }
    let is_kept = |declaration: &&Declaration<'_>| {
        declaration.kind == Kind::Lemma && !is_part(declaration.kind, piece(declaration))
    };
    prop_assert_eq!(division.kept.len(), model.declarations.iter().filter(is_kept).count());
    Ok(())
}

proptest! {
    #[test]
    fn any_bytes_are_read_and_divided(text: Vec<u8>, library: Vec<u8>, queries: Vec<u8>, lemmas in lemmas()) {
        take(&text, &library, &queries, lemmas)?;
    }

    #[test]
    fn any_words_are_read_and_divided(
        text in soup(), library in soup(), queries in soup(), lemmas in lemmas(), end in select(vec!["", " process 0"]),
    ) {
        let text = [&text, end.as_bytes()].concat();
        take(&text, &library, &queries, lemmas)?;
        take(&text, b"", b"query attacker(s).", lemmas)?;
    }

    #[test]
    fn the_parts_are_the_whole(text in models(), lemmas in lemmas()) {
        let model = Source::read(text.as_bytes(), Expected::Model);
        prop_assert_eq!(&model.faults, &[]);
        let division = divide(&model, &[], Asked::InModel, lemmas).expect("no queries from elsewhere");
        for part in &division.parts {
            keeps_places(&model, part, &part.write(&model, ""))?;
        }
        if division.whole.is_none() {
            is_whole(&text, &model, &division, lemmas)?;
        } else {
            prop_assert_eq!(division.parts[0].write(&model, ""), text.as_bytes());
        }
    }

    #[test]
    fn settings_are_read_as_they_were_meant(name in "[a-z][A-Za-z]{0,8}", value in "[ -~é]{0,12}") {
        let text = settings([(&*name, &*value)]).expect("a setting") + "process 0";
        let facts = provisor_core::proverif::model::scan(text.as_bytes());
        prop_assert_eq!(facts.sets.len(), 1);
        prop_assert_eq!(&facts.sets[0].name, &name);
        let read = facts.sets[0].value.replace("\\\"", "\"").replace("\\\\", "\\");
        prop_assert_eq!(read, value);
        prop_assert_eq!(Source::read(text.as_bytes(), Expected::Model).faults, []);
    }
}
