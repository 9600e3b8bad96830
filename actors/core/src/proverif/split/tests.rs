use super::*;
use crate::proverif::source::Expected;

fn model(text: &str) -> Source<'_> {
    let source = Source::read(text.as_bytes(), Expected::Model);
    assert_eq!(source.faults, []);
    source
}

fn divided(text: &str, lemmas: Lemmas) -> Division {
    divide(&model(text), &[], Asked::InModel, lemmas).expect("no queries from elsewhere")
}

/// Each part as it is written.
fn written(text: &str, lemmas: Lemmas) -> Vec<String> {
    let source = model(text);
    let write = |part: &Part| String::from_utf8(part.write(&source, "")).expect("UTF-8");
    divided(text, lemmas).parts.iter().map(write).collect()
}

fn names(division: &Division) -> Vec<&str> {
    division.parts.iter().map(|part| &*part.name).collect()
}

/// A text without these pieces of it.
fn without(text: &str, pieces: &[&str]) -> String {
    pieces.iter().fold(text.to_owned(), |text, piece| {
        assert!(text.contains(piece), "{piece}");
        let blank: String = piece.chars().map(|letter| if letter == '\n' { '\n' } else { ' ' }).collect();
        text.replace(piece, &blank)
    })
}

#[test]
fn other_queries_are_blanked() {
    let (a, b, c) =
        ("query attacker(s).", "query (* @query b *) event(A)\n ==> event(B).", "weaksecret (* query *) s.");
    let text = format!("free s: t [private].\n{a}(* . *)\n{b}\n{c}\nprocess 0");
    assert_eq!(names(&divided(&text, Lemmas::Own)), ["attacker_s", "b", "weaksecret_s"]);
    let expected = [without(&text, &[b, c]), without(&text, &[a, c]), without(&text, &[a, b])];
    assert_eq!(written(&text, Lemmas::Own), expected);
}
