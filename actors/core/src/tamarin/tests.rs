use super::*;

fn found(text: &str) -> Vec<(String, Kind, u32)> {
    let name = |name| String::from_utf8_lossy(name).into_owned();
    lemmas(text.as_bytes()).iter().map(|lemma| (name(lemma.name), lemma.kind, lemma.line)).collect()
}

fn names(text: &str) -> Vec<String> {
    found(text).into_iter().map(|(name, ..)| name).collect()
}

#[test]
fn lemmas_are_found_with_their_lines() {
    let text = "theory T begin
lemma secrecy [use_induction, heuristic={o}]:
  all-traces \"All x #i. K(x) @ i ==> F\"
lemma can_run: exists-trace \"Ex #i. Done() @ i\" by sorry
lemma (modulo E) third [reuse]: \"T\"
diffLemma Observational_equivalence: end";
    let expected = [
        ("secrecy", Kind::Trace, 2),
        ("can_run", Kind::Trace, 4),
        ("third", Kind::Trace, 5),
        ("Observational_equivalence", Kind::Diff, 6),
    ];
    assert_eq!(found(text), expected.map(|(name, kind, line)| (name.to_owned(), kind, line)));
}

#[test]
fn what_only_looks_like_a_lemma_is_none() {
    assert_eq!(
        names(
            "// lemma a: \"T\"
            /* lemma b: /* nested */ lemma c: \"T\" */
            section{* lemma d: we prove it *}
            rule lemma_e: [ ] --> [ ] lemmas f: dilemma g: lemma h \"no colon\" lemma [x]: lemma
            lemma i [hide_lemma=j] /* . */ : // lemma k:
              \"All x. /* lemma l: \" */ F\"
            lemma m: \"T\""
        ),
        ["i", "m"]
    );
}

#[test]
fn accountability_is_told_apart() {
    let text = "lemma acc [left]: test_a, test_b accounts for \"T\" lemma one: t account for \"T\" lemma no: \"account\"";
    let kinds: Vec<_> = found(text).into_iter().map(|(_, kind, _)| kind).collect();
    assert_eq!(kinds, [Kind::Accountability, Kind::Accountability, Kind::Trace]);
}

#[test]
fn what_depends_on_a_flag_says_so() {
    let text = "lemma a: \"T\" #ifdef X #ifdef Y lemma b: \"T\" #endif lemma c: \"T\" #else lemma d: \"T\" #endif #endif lemma e: \"T\"";
    let conditional: Vec<_> = lemmas(text.as_bytes()).iter().map(|lemma| lemma.is_conditional).collect();
    assert_eq!(conditional, [false, true, true, true, false]);
}

#[test]
fn what_is_not_closed_ends_with_the_text() {
    for text in [
        "/*",
        "/* /* */ lemma a: ",
        "//",
        "text{* lemma a:",
        "lemma",
        "lemma a",
        "lemma a [",
        "lemma (",
        "#",
        "\\",
        "lemma a: b,",
    ] {
        let _ = lemmas(text.as_bytes());
    }
    assert_eq!(names("lemma a [ lemma b: \"T\""), ["b"]);
    assert_eq!(lemmas(b"\xff lemma a\xff: lemma b: \"\xe9\"").len(), 1);
}
