//! Lemmas: asked alone, rested on, taken for granted.

use super::*;

fn needs(division: &Division) -> Vec<(&str, &[usize], u32)> {
    division.parts.iter().map(|part| (&*part.name, &*part.needs, part.lemmas)).collect()
}

/// The part with this name, as it is written.
fn part(text: &str, name: &str, lemmas: Lemmas) -> String {
    let place = divided(text, lemmas).parts.iter().position(|part| &*part.name == name).expect("this name");
    written(text, lemmas).swap_remove(place)
}

#[test]
fn a_lemma_is_asked_as_a_query_after_those_before_it() {
    let text = "lemma event(A) ==> event(B).\nquery event(Q).\nlemma event(C) ==> event(D).\nprocess 0";
    let division = divided(text, Lemmas::Own);
    assert_eq!(needs(&division), [("lemma_A_B", &[][..], 0), ("event_Q", &[], 2), ("lemma_C_D", &[], 1)]);
    let (first, query, second) =
        ("lemma event(A) ==> event(B).", "query event(Q).", "lemma event(C) ==> event(D).");
    let asked = |lemma: &str, text: &str| text.replace(lemma, &lemma.replace("lemma", "query"));
    assert_eq!(
        written(text, Lemmas::Own),
        [
            asked(first, &without(text, &[query, second])),
            text.to_owned(),
            asked(second, &without(text, &[query])),
        ]
    );
}

#[test]
fn a_lemma_is_taken_for_granted_where_its_own_part_says_true() {
    let text = "lemma event(A) ==> event(B).\nlemma event(C) ==> event(D).\nquery event(Q).\nprocess 0";
    let division = divided(text, Lemmas::AsAxioms);
    assert_eq!(
        needs(&division),
        [("lemma_A_B", &[][..], 0), ("lemma_C_D", &[0], 0), ("event_Q", &[0, 1], 0)]
    );
    let parts = written(text, Lemmas::AsAxioms);
    assert!(parts[1].starts_with("axiom event(A) ==> event(B).\nquery event(C) ==> event(D).\n"));
    assert_eq!(parts[2], text.replace("lemma", "axiom"));
}

#[test]
fn a_lemma_of_which_some_may_fail_is_never_taken_for_granted() {
    let text = "lemma event(A); event(B) [maxSubset].\nquery event(Q).\nprocess 0";
    let division = divided(text, Lemmas::AsAxioms);
    assert_eq!(needs(&division), [("lemma_event_A_and_1_more", &[][..], 0), ("event_Q", &[], 2)]);
    assert_eq!(written(text, Lemmas::AsAxioms)[1], text);
    assert!(written(text, Lemmas::AsAxioms)[0].starts_with("query event(A); event(B)            .\n"));
}

#[test]
fn options_go_where_they_may_not_stand() {
    let options = |options: &str, name: &str, lemmas| {
        let text = format!("lemma event(A) {options}. query event(Q). process 0");
        let part = part(&text, name, lemmas);
        part.split_once(')').and_then(|(_, rest)| rest.split_once('.')).map(|(found, _)| found.to_owned())
    };
    for (given, asked, granted) in [
        ("[noneSat]", " [noneSat]", " [noneSat]"),
        ("[induction]", " [induction]", "            "),
        ("[noInduction]", " [noInduction]", "              "),
        ("[keepEvents]", "             ", " [keepEvents]"),
        ("[noneSat, induction]", " [noneSat, induction]", " [noneSat           ]"),
        ("[induction,noneSat,fullVerif]", " [induction,noneSat,fullVerif]", " [          noneSat,fullVerif]"),
        (
            "[keepEvents, noneSat, induction]",
            " [            noneSat, induction]",
            " [keepEvents, noneSat           ]",
        ),
        (
            "[keepEvents, induction, removeEvents]",
            " [            induction              ]",
            " [keepEvents           , removeEvents]",
        ),
    ] {
        assert_eq!(options(given, "lemma_event_A", Lemmas::Own).as_deref(), Some(asked), "{given}");
        assert_eq!(options(given, "event_Q", Lemmas::AsAxioms).as_deref(), Some(granted), "{given}");
    }
}

#[test]
fn induction_is_the_same_for_a_lemma_as_a_query() {
    let asked = |text: &str| part(&format!("{text} process 0"), "lemma_event_A", Lemmas::Own);
    assert_eq!(asked("lemma event(A)."), "query event(A). process 0");
    assert_eq!(
        asked("set inductionLemmas = true. lemma event(A)."),
        "set inductionLemmas = true. query event(A).  set inductionQueries = true. process 0"
    );
    assert_eq!(
        asked("set inductionQueries = yes. lemma event(A)."),
        "set inductionQueries = yes. query event(A).  set inductionQueries = false. process 0"
    );
    for decided in [
        "set inductionQueries = true. lemma event(A) [noInduction].",
        "set inductionLemmas = true. set inductionQueries = true. lemma event(A).",
        "set inductionLemmas = true. set inductionLemmas = false. lemma event(A).",
    ] {
        assert!(!asked(decided).contains(" . "), "{decided}");
        assert_eq!(asked(decided), format!("{} process 0", decided.replace("lemma event", "query event")));
    }
}

#[test]
fn where_a_query_would_be_proved_in_another_way_it_is_written_anew() {
    let asked = |lemma: &str| {
        let text = format!("{lemma}\nquery event(Q).\nprocess 0");
        let parts = written(&text, Lemmas::Own);
        let blank = without(&text, &[lemma, "query event(Q)."]);
        let (before, _) = blank.split_once("process").expect("a main part");
        let rest = parts[0].strip_prefix(before).unwrap_or_else(|| panic!("{:?}", parts[0])).to_owned();
        rest.strip_suffix(" process 0").expect("the main part").to_owned()
    };
    // All of them or none.
    assert_eq!(
        asked("lemma x: t; event(A(x)); (* why\n *) event(B(x)) [induction, noneSat]."),
        " query x : t ; event ( A ( x ) ) ; event ( B ( x ) ) [noneSat, induction, proveAll]."
    );
    // What the attacker has must be there, not only be within his reach.
    assert_eq!(
        asked("lemma x: t; event(A(x)) ==> attacker(x) for { public_vars k } [noneSat, keepEvents]."),
        " query x : t ; event ( A ( x ) ) ==> attacker ( x ) public_vars k [induction, noneSat, noneVerif]."
    );
    assert_eq!(
        asked("lemma event(A) ==> table(keys(a))."),
        " query event ( A ) ==> table ( keys ( a ) ) [induction, noneSat, noneVerif]."
    );
    // It is before `==>` that he has it.
    let text = "lemma attacker(x) ==> event(A). process 0";
    assert_eq!(written(text, Lemmas::Own), [text.replace("lemma", "query")]);
}

#[test]
fn what_counts_for_other_queries_is_blanked() {
    let axiom = "axiom x: t; event(A(x)); event(B(x)) for { public_vars k }; event(C(x)) for {secret s [real_or_random]}.";
    let (a, b, c) =
        ("query attacker(s).", "query attacker(s) public_vars k.", "query secret s [real_or_random].");
    let text = format!("{axiom}\n{a}\n{b}\n{c}\nprocess 0");
    let parts = written(&text, Lemmas::Own);
    let tokens = |text: &str| text.split_whitespace().collect::<String>();
    for (part, asked, left) in [
        (&parts[0], a, "axiom x: t; event(A(x))."),
        (&parts[1], b, "axiom x: t; event(B(x)) for { public_vars k }."),
        (&parts[2], c, "axiom x: t; event(C(x)) for {secret s [real_or_random]}."),
    ] {
        assert_eq!(part.len(), text.len());
        assert_eq!(tokens(part), tokens(&format!("{left} {asked} process 0")));
    }
    // Nothing divides what is left from nothing.
    let text = format!("axiom event(A); event(B) for {{ public_vars k }}; event(C).\n{a}\n{b}\nprocess 0");
    let left = |place: usize| written(&text, Lemmas::Own)[place].lines().next().map(tokens);
    assert_eq!(left(0), Some(tokens("axiom event(A); event(C).")));
    assert_eq!(left(1), Some(tokens("axiom event(B) for { public_vars k }.")));
    // Where nothing of it counts, nothing is left.
    let text = format!("restriction event(A).\n{a}\n{b}\nprocess 0");
    assert_eq!(written(&text, Lemmas::Own)[1], without(&text, &["restriction event(A).", a]));
}

#[test]
fn lemmas_are_counted_where_they_are_proved() {
    let text = "lemma event(A); event(B) for { public_vars k }; event(C).
        query attacker(s). query attacker(s) public_vars k. query attacker(r); attacker(s) public_vars k.
        process 0";
    let division = divided(text, Lemmas::Own);
    assert_eq!(division.parts.iter().map(|part| part.lemmas).collect::<Vec<_>>(), [0, 2, 1, 3]);
    assert!(written(text, Lemmas::Own)[0].contains("event(B)       public_vars k  ; event(C)."));
}

#[test]
fn a_lemma_about_a_process_of_a_query_stays_with_it() {
    let text = "lemma event(A) for { secret s [real_or_random] }.
        query secret s [real_or_random]. query attacker(r). process 0";
    for lemmas in [Lemmas::Own, Lemmas::AsAxioms] {
        let division = divided(text, lemmas);
        assert_eq!(needs(&division), [("secret_s_real_or_random", &[][..], 1), ("attacker_r", &[], 0)]);
        assert_eq!(division.kept, [Kept::ForRandom { line: 1, origin: Origin::Model }]);
    }
    assert!(written(text, Lemmas::AsAxioms)[1].starts_with("         "));
}

#[test]
fn what_is_taken_for_granted_is_told() {
    let granted =
        |text: &str, lemmas| String::from_utf8(divided(text, lemmas).assumptions.into()).expect("UTF-8");
    let text = "axiom  event(A) (* . *)\n==> event(B). lemma event(C) ==> event(D). restriction event(E). query event(Q). process 0";
    let other = "free c: t. axiom event(A) ==> event(B).\nrestriction event(E).(**) lemma event(C)\n==> event(D). query event(R). process 1";
    for lemmas in [Lemmas::Own, Lemmas::AsAxioms] {
        assert_eq!(granted(text, lemmas), granted(other, lemmas));
        assert_ne!(granted(text, lemmas), granted(&text.replace("event(E)", "event(F)"), lemmas));
        assert_ne!(granted(text, lemmas), granted(&text.replace("restriction", "axiom"), lemmas));
    }
    let changed = text.replace("event(D)", "event(F)");
    assert_eq!(granted(text, Lemmas::Own), granted(&changed, Lemmas::Own));
    assert_ne!(granted(text, Lemmas::AsAxioms), granted(&changed, Lemmas::AsAxioms));
    let with = |library: &str| {
        let library = [read(library, Expected::Library)];
        divide(&read(text, Expected::Model), &library, Asked::InModel, Lemmas::Own)
            .expect("a division")
            .assumptions
    };
    assert_eq!(with("axiom event(X)."), with("free a: t. axiom event(X)   ."));
    assert_ne!(with("axiom event(X)."), with("axiom event(Y)."));
    assert_eq!(with("def M(a) { type t. } expand M(a)."), with(""));
    assert_ne!(
        with("def M(a) { axiom event(a). } expand M(b)."),
        with("def M(a) { axiom event(a). } expand M(c).")
    );
}
