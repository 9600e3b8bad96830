//! What is not divided, and why.

use super::*;

fn whole(text: &str, libraries: &[&str]) -> (String, Origin, Division) {
    let libraries: Vec<_> = libraries.iter().map(|text| read(text, Expected::Library)).collect();
    let model = read(text, Expected::Model);
    let division = divide(&model, &libraries, Asked::InModel, Lemmas::Own).expect("a division");
    let reason = division.whole.clone().expect("a reason");
    (reason.to_string(), reason.origin(), division)
}

#[test]
fn a_query_in_a_library_is_asked_with_each_other() {
    let (reason, origin, division) =
        whole("query attacker(s). query attacker(r). process 0", &["type t.", "\nweaksecret w."]);
    assert_eq!(reason, "the query in line 2 of a library would be asked with each other one");
    assert_eq!(origin, Origin::Library(1));
    let [part] = &division.parts[..] else { panic!("one part") };
    assert_eq!((&*part.name, part.role, part.is_monotone, part.results), ("all", Role::All, false, 3));
    assert_eq!(part.edits, []);
}

#[test]
fn a_query_in_a_macro_cannot_be_blanked() {
    let macros = "def M(a) { query attacker(a). } def N(a) { expand M(a). } def L(a) { lemma event(a). }";
    for (expansion, keyword) in
        [("expand M(b).", "query"), ("expand N(b).", "query"), ("expand L(b).", "lemma")]
    {
        let text = format!("{macros}\n{expansion} query attacker(s). process 0");
        let (reason, origin, _) = whole(&text, &[]);
        assert_eq!(reason, format!("line 2 expands a macro that holds a `{keyword}`"));
        assert_eq!(origin, Origin::Model);
        let (_, origin, _) = whole("query attacker(s). process 0", &[&format!("{macros} {expansion}")]);
        assert_eq!(origin, Origin::Library(0));
        whole(&format!("{expansion} query attacker(s). process 0"), &[macros]);
    }
    // A macro that nobody knows hides none.
    whole(
        &format!(
            "{macros} def K(a) {{ expand X(a). expand M(a). expand X(a). }} expand K(b). query attacker(s). process 0"
        ),
        &[],
    );
    // Nor does one that stands for itself.
    let text = "def M(a) { expand N(a). } def N(a) { expand M(a). expand N(a). axiom event(a). } expand M(b). query attacker(s). process 0";
    assert_eq!(divided(text, Lemmas::Own).whole, None);
    // What nobody expands asks nothing.
    let text = format!("{macros} query attacker(s). query attacker(r). process 0");
    assert_eq!(divided(&text, Lemmas::Own).parts.len(), 2);
}

#[test]
fn what_counts_for_some_queries_cannot_be_blanked_in_a_library() {
    let queries = "query attacker(s). query attacker(s) public_vars k. process 0";
    let (reason, ..) = whole(queries, &["\naxiom event(A)."]);
    assert_eq!(
        reason,
        "the `axiom` in line 2 of a library counts for some of the queries only, and is an error without them"
    );
    let (reason, ..) = whole(queries, &["lemma event(A) for { public_vars k }."]);
    assert!(reason.starts_with("the `lemma` in line 1 of a library"), "{reason}");
    let (reason, origin, _) =
        whole(&format!("def M(a) {{ restriction event(a). }}\n\nexpand M(b). {queries}"), &[]);
    assert!(reason.starts_with("the `restriction` in line 3 of the model"), "{reason}");
    assert_eq!(origin, Origin::Model);
    // For one process it counts in each part.
    let model = read("query attacker(s). weaksecret s. process 0", Expected::Model);
    let library = [read("axiom event(A). lemma event(B); event(C).", Expected::Library)];
    let division = divide(&model, &library, Asked::InModel, Lemmas::AsAxioms).expect("a division");
    assert_eq!(division.parts.iter().map(|part| part.lemmas).collect::<Vec<_>>(), [2, 2]);
    assert_eq!(division.kept, [Kept::InLibrary { library: 0, line: 1 }]);
}

#[test]
fn what_counts_for_no_query_is_left_to_be_an_error() {
    let (reason, ..) = whole(
        "query attacker(s). weaksecret s.\naxiom event(A); event(B) for { public_vars k }. process 0",
        &[],
    );
    assert_eq!(reason, "the `axiom` in line 2 counts for no query, which is an error");
    let (reason, ..) =
        whole("lemma event(A) for { secret k [real_or_random] }. query attacker(s). process 0", &[]);
    assert!(reason.starts_with("the `lemma` in line 1 counts for no query"), "{reason}");
}

#[test]
fn a_model_that_asks_nothing_says_so() {
    let (reason, _, division) = whole("type t. axiom event(A). process 0", &[]);
    assert_eq!(reason, "nothing is asked: there is neither a query nor a lemma");
    assert_eq!((division.parts.len(), division.parts[0].line), (1, 1));
    whole("query putbegin event: A. process 0", &[]);
}

#[test]
fn more_than_anybody_writes_is_not_divided() {
    let text = format!("{} process 0", "query attacker(s). ".repeat(MOST + 1));
    let (reason, ..) = whole(&text, &[]);
    assert_eq!(reason, "it asks 1001 things, more than are divided");
    let text = format!("{} process 0", "query attacker(s). ".repeat(MOST));
    assert_eq!(divided(&text, Lemmas::Own).parts.len(), MOST);
}

#[test]
fn queries_from_another_file_are_asked_together_where_they_cannot_be_divided() {
    let model = read("query attacker(s). process 0", Expected::Model);
    let asked = read("query attacker(a). query attacker(b).", Expected::Queries);
    let library = [read("query attacker(c).", Expected::Library)];
    let division = divide(&model, &library, Asked::Here(&asked), Lemmas::Own).expect("a division");
    let text = String::from_utf8(division.parts[0].write(&model, "")).expect("UTF-8");
    assert_eq!(text, "                    query attacker(a). query attacker(b). process 0");
    assert_eq!(division.parts[0].results, 3);
}
