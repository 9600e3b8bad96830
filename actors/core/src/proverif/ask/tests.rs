use super::*;
use crate::proverif::source::{Expected, TagKind};
use crate::proverif::split::{Asked, Lemmas, divide};

fn read(text: &str) -> Source<'_> {
    let source = Source::read(text.as_bytes(), Expected::Library);
    assert_eq!(source.faults, []);
    source
}

const MODEL: &str = "free c, d: channel.
free s, (* more *) t: bitstring [private].
const k: key
  [data, private].
free private: bitstring.
const e: bitstring [data].
event A(bitstring, channel).
event B.
event C().
def M(x) { free m: x [private]. event N(x). }
let P = new n: key; event A(n, c).";

#[test]
fn private_names_are_secrets() {
    let source = read(MODEL);
    let found: Vec<_> = secrets(&source).iter().map(|secret| (secret.name, secret.line)).collect();
    assert_eq!(found, [(&b"s"[..], 2), (b"t", 2), (b"k", 3)]);
    let text = for_secrets(&secrets(&source)[1..]);
    assert_eq!(text, b"(* @query secret_t *) query attacker(t).\n(* @query secret_k *) query attacker(k).\n");
}

#[test]
fn events_are_asked_with_all_their_arguments() {
    let source = read(MODEL);
    let found: Vec<_> =
        events(&source).into_iter().map(|event| (event.name, event.types, event.line)).collect();
    assert_eq!(
        found,
        [(&b"A"[..], vec![&b"bitstring"[..], b"channel"], 7), (b"B", vec![], 8), (b"C", vec![], 9)]
    );
    assert_eq!(
        String::from_utf8(for_events(&events(&source))).expect("UTF-8"),
        "(* @query event_A *) query x1: bitstring, x2: channel; event(A(x1, x2)).
(* @query event_B *) query event(B).
(* @query event_C *) query event(C).\n"
    );
    let text = for_events(&events(&read("event x1(t). event x2(t, t).")));
    let text = String::from_utf8(text).expect("UTF-8");
    assert!(
        text.contains("query x3: t; event(x1(x3)).") && text.contains("x3: t, x4: t; event(x2(x3, x4))"),
        "{text}"
    );
}

#[test]
fn what_is_generated_is_read_like_what_is_written() {
    let source = read("free s\u{e9}: t [private]. event A(t).");
    let text = [for_secrets(&secrets(&source)), for_events(&events(&source))].concat();
    let queries = Source::read(&text, Expected::Queries);
    assert_eq!(queries.faults, []);
    let tags: Vec<_> = queries.declarations.iter().filter_map(|declaration| declaration.tag).collect();
    assert_eq!(tags.iter().map(|tag| tag.name).collect::<Vec<_>>(), ["secret_s__", "event_A"]);
    assert!(tags.iter().all(|tag| tag.kind == TagKind::Query));
    let model = Source::read(b"query attacker(x). process 0", Expected::Model);
    let division = divide(&model, &[], Asked::Here(&queries), Lemmas::Own).expect("a division");
    let lines: Vec<_> = division.parts.iter().map(|part| (&*part.name, part.line)).collect();
    // The line is that of the name among those that were given.
    assert_eq!(lines, [("secret_s__", 1), ("event_A", 2)]);
    let first = division.parts[0].write(&model, "");
    assert_eq!(first, "                    query attacker(s\u{e9}). process 0".as_bytes());
}
