mod lemmas;
mod whole;

use super::*;
use crate::proverif::source::Expected;

fn read(text: &str, expected: Expected) -> Source<'_> {
    let source = Source::read(text.as_bytes(), expected);
    assert_eq!(source.faults, []);
    source
}

fn divided(text: &str, lemmas: Lemmas) -> Division {
    divide(&read(text, Expected::Model), &[], Asked::InModel, lemmas).expect("no queries from elsewhere")
}

/// Each part as it is written.
fn written(text: &str, lemmas: Lemmas) -> Vec<String> {
    let source = read(text, Expected::Model);
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

#[test]
fn what_asks_nothing_is_kept_where_it_stands() {
    let kept = "set a = b. not attacker(s). nounif attacker(s). select attacker(s). axiom event(A). restriction event(B).";
    let text = format!("{kept} query attacker(s). {kept} query event(A). {kept} process 0");
    let expected = [without(&text, &["query event(A)."]), without(&text, &["query attacker(s)."])];
    assert_eq!(written(&text, Lemmas::Own), expected);
}

#[test]
fn a_group_is_never_divided() {
    let text =
        "query x: t; event(A(x)) ==> event(B(x)); attacker(s) [induction]. query attacker(r). process 0";
    let division = divided(text, Lemmas::Own);
    assert_eq!(names(&division), ["A_B_and_1_more", "attacker_r"]);
    assert_eq!(division.parts.iter().map(|part| part.results).collect::<Vec<_>>(), [2, 1]);
    assert!(written(text, Lemmas::Own)[0].contains("attacker(s) [induction]."));
}

#[test]
fn a_declaration_that_asks_nothing_is_no_part() {
    let text = "query putbegin event: A. query attacker(s). process 0";
    assert_eq!(names(&divided(text, Lemmas::Own)), ["attacker_s"]);
    assert_eq!(written(text, Lemmas::Own), [without(text, &["query putbegin event: A."])]);
}

#[test]
fn an_equivalence_is_left_whole() {
    for (text, line) in [
        ("\nlet P = out(c, choice[a, b]). query attacker(s). query attacker(r). process P", 2),
        ("query attacker(s).\n\nequivalence P Q", 3),
        ("letfun f(x: t) = diff[x, a]. process 0", 1),
    ] {
        let division = divided(text, Lemmas::AsAxioms);
        assert_eq!(names(&division), ["equivalence"], "{text}");
        let part = &division.parts[0];
        assert_eq!((part.role, part.line, part.is_monotone), (Role::Equivalence, line, false));
        assert_eq!((&part.edits, division.whole), (&Vec::new(), None));
    }
    let library = [read("letfun f(x: t) = diff[x, a].", Expected::Library)];
    let model = read("query attacker(s). process 0", Expected::Model);
    let division = divide(&model, &library, Asked::InModel, Lemmas::Own).expect("a division");
    assert_eq!(names(&division), ["equivalence"]);
}

#[test]
fn queries_may_come_from_another_file() {
    let model =
        read("event A.\nquery attacker(s).\nlemma event(B) ==> event(A). process\n 0", Expected::Model);
    let asked = read("(* @query a *)\nquery\n attacker(r). lemma event(C) ==> event(A).", Expected::Queries);
    let division = divide(&model, &[], Asked::Here(&asked), Lemmas::Own).expect("a division");
    let places: Vec<_> = division.parts.iter().map(|part| (&*part.name, part.origin, part.line)).collect();
    assert_eq!(
        places,
        [("lemma_B_A", Origin::Model, 3), ("a", Origin::Asked, 2), ("lemma_C_A", Origin::Asked, 3)]
    );
    let write =
        |place: usize| String::from_utf8(division.parts[place].write(&model, " set x = y.")).expect("UTF-8");
    let blank = "event A.\n                  \n";
    assert_eq!(write(0), format!("{blank}query event(B) ==> event(A).  set x = y. process\n 0"));
    assert_eq!(
        write(1),
        format!(
            "{blank}lemma event(B) ==> event(A).  set x = y. query attacker(r). lemma event(C) ==> event(A). process\n 0"
        )
    );
    assert_eq!(
        write(2),
        format!("{blank}lemma event(B) ==> event(A).  set x = y. query event(C) ==> event(A). process\n 0")
    );
    assert_eq!(division.parts[1].lemmas, 2);
    let model = read("process out(c, choice[a, b])", Expected::Model);
    let refused = divide(&model, &[], Asked::Here(&asked), Lemmas::Own).expect_err("an equivalence");
    assert_eq!(
        refused.to_string(),
        "the model proves an equivalence (line 1): nothing else can be asked of it"
    );
}

#[test]
fn settings_stand_where_they_win() {
    let text = "set a = b.\nquery attacker(s).\nset a = c.\nprocess 0";
    let source = read(text, Expected::Model);
    let set = settings([("a", "false"), ("b", "12"), ("c", "x \"y\\"), ("d", "")]).expect("settings");
    assert_eq!(set, " set a = false. set b = 12. set c = \"x \\\"y\\\\\". set d = \"\".");
    let part = &divided(text, Lemmas::Own).parts[0];
    let expected = format!("set a = b.\nquery attacker(s).\nset a = c.\n{set} process 0");
    assert_eq!(part.write(&source, &set), expected.as_bytes());
    let again = read(&expected, Expected::Model);
    assert_eq!(again.declarations.len(), 7);
    let bad = settings([("a b", "c")]).expect_err("a bad name").to_string();
    assert!(bad.contains("not `a b`"), "{bad}");
    assert_eq!(settings([("a", "b\n")]), Err(BadSetting::Value { name: "a".into() }));
}

#[test]
fn latin_bytes_are_kept() {
    let text = b"(* \xe9 *) free s\xe9: t. query attacker(s\xe9). query attacker(\xff). process (* \xe9 *) 0";
    let source = Source::read(text, Expected::Model);
    let division = divide(&source, &[], Asked::InModel, Lemmas::Own).expect("a division");
    assert_eq!(names(&division), ["attacker_s", "attacker"]);
    let first = division.parts[0].write(&source, "");
    assert!(first.starts_with(b"(* \xe9 *) free s\xe9: t. query attacker(s\xe9).  "));
    assert!(first.ends_with(b"process (* \xe9 *) 0"));
}

#[test]
fn names_tell_what_is_asked() {
    let name = |declaration: &str| {
        let text = format!("{declaration} process 0");
        divided(&text, Lemmas::Own).parts[0].name.to_string()
    };
    for (declaration, expected) in [
        ("query x: t; event(A(x, f(x))) ==> event(B(x)).", "A_B"),
        ("query attacker(s).", "attacker_s"),
        ("query attacker(new k).", "attacker_k"),
        ("query attacker(senc(s, new k[!1 = i])) phase 1.", "attacker_senc_s_k_phase_1"),
        ("query x: t; event(E(x)).", "event_E"),
        ("query x: t; inj-event(E(x)).", "event_E"),
        ("query x: t; inj-event(A(x)) ==> inj-event(B(x)).", "inj_A_B"),
        ("query x: t; event(A(x)) ==> (inj-event(B(x)) ==> event(C)) || event(D(x))@i.", "inj_A_B_C_D"),
        ("query x: t; event(A(x)) && event(B(x)) ==> false.", "A_B_false"),
        ("query x: t, y: t; event(A(x, y)) ==> x = y.", "A_x_y"),
        ("query secret s.", "secret_s"),
        ("query secret s [reachability].", "secret_s"),
        ("query secret s [real_or_random].", "secret_s_real_or_random"),
        ("query secret s [cv_onesession].", "secret_s_cv_onesession"),
        ("query secret s public_vars a, b.", "secret_s_public_vars_a_b"),
        ("query table(keys(a, b)).", "table_keys_a_b"),
        ("query attacker(s'); attacker(r); attacker(q).", "attacker_s_and_2_more"),
        ("weaksecret pw.", "weaksecret_pw"),
        ("noninterf s.", "noninterf_s"),
        ("noninterf x: t; s among (x, a).", "noninterf_s_among_x_a"),
        ("lemma x: t; event(A(x)) ==> event(B(x)).", "lemma_A_B"),
        ("query \u{e9}.", "query"),
    ] {
        assert_eq!(name(declaration), expected, "{declaration}");
    }
    let long = name(&format!("query attacker({}).", vec!["abc"; 100].join(", ")));
    assert_eq!((long.len(), &long[..16]), (80, "attacker_abc_abc"));
}

#[test]
fn equal_names_are_told() {
    let text = "query attacker(s).\nquery attacker(r).\n(* @query attacker_s *) query event(A).\nquery attacker(s). process 0";
    let division = divided(text, Lemmas::Own);
    assert_eq!(division.same_names, [(0, 2), (0, 3)]);
    assert_eq!(division.parts.len(), 4);
}

#[test]
fn traces_are_monotone_and_comparisons_are_not() {
    let is_monotone = |declaration: &str| {
        let text = format!("{declaration} process 0");
        divided(&text, Lemmas::Own).parts[0].is_monotone
    };
    for declaration in [
        "query attacker(s).",
        "query x: t; inj-event(A(x)) ==> inj-event(B(x)); event(A(x)).",
        "query secret s.",
        "query secret s public_vars a [reachability].",
        "(* @sanity a *) query event(A).",
    ] {
        assert!(is_monotone(declaration), "{declaration}");
    }
    for declaration in [
        "weaksecret s.",
        "noninterf s.",
        "query secret s [real_or_random].",
        "query attacker(s); secret s [pv_real_or_random].",
        "lemma event(A) ==> event(B).",
    ] {
        assert!(!is_monotone(declaration), "{declaration}");
    }
}

#[test]
fn roles_follow_the_comments() {
    let text = "(* @sanity a *) query event(A). (* @query b *) query event(A). query event(B). (* @lemma c *) lemma event(A) ==> event(B). process 0";
    let division = divided(text, Lemmas::Own);
    let roles: Vec<_> = division.parts.iter().map(|part| (&*part.name, part.role)).collect();
    assert_eq!(
        roles,
        [("a", Role::Sanity), ("b", Role::Query), ("event_B", Role::Query), ("c", Role::Lemma)]
    );
}
