use super::*;

#[test]
fn the_queries_of_a_declaration_count_separately() {
    let facts = scan(
        b"query attacker(s).
        query x: bitstring, y: bitstring; event(B(x)) ==> event(A(x)); inj-event(C(x, y)).
        query secret k [real_or_random]; secret n public_vars a, b.
        query m <- senc(s, k); attacker(m).
        query attacker(new k[!1 = i; x = a]).
        query x: bitstring; x <- s; attacker(x); attacker(s).
        query putbegin event: A, B; event(B) ==> event(A).
        weaksecret w. noninterf a, b among (c, d). noninterf x: t; a, b.
        not attacker(s).
        process 0",
    );
    assert_eq!((facts.queries, facts.query_declarations), (1 + 2 + 2 + 1 + 1 + 2 + 1 + 3, 10));
    assert_eq!((facts.lemmas, facts.equivalence), (0, None));
}

#[test]
fn lemmas_count_and_axioms_do_not() {
    let facts = scan(
        b"lemma x: t; event(B(x)) ==> event(A(x)) for {public_vars x}; event(C(x)) ==> event(A(x)) [induction].
        axiom event(A). restriction x: t; event(B(x)).",
    );
    assert_eq!((facts.queries, facts.lemmas), (0, 2));
}

#[test]
fn what_only_looks_like_a_query_is_none() {
    let facts = scan(
        b"(* query a. (* nested \" *) query b. *)
        implementation type t = \"query \\\" c.\" [pred = \"query d.\"].
        type query'. free queryx: t. const c_query: t.
        set title = \"query e. (*\".
        proof { auto; query f. }
        query attacker(s) (* query; g *).
        process out(c, query)",
    );
    assert_eq!((facts.queries, facts.query_declarations), (1, 1));
    assert_eq!(facts.sets.len(), 1);
    assert_eq!(facts.sets[0].value, "query e. (*");
}

#[test]
fn settings_are_kept_with_their_lines() {
    let facts = scan(b"set a = true.\r\nset b=12.\r(* \n\n *) set c = \"x y\". set d = 1 2. set e = f");
    let sets: Vec<_> = facts.sets.iter().map(|set| (&*set.name, &*set.value, set.line)).collect();
    assert_eq!(sets, [("a", "true", 1), ("b", "12", 2), ("c", "x y", 5), ("e", "f", 5)]);
}

#[test]
fn an_equivalence_is_seen_where_it_stands() {
    let line = |text: &[u8]| scan(text).equivalence;
    assert_eq!(line(b"free c: channel.\nprocess out(c, choice[a, b])"), Some(2));
    assert_eq!(line(b"let P =\n out(c, diff[a, b]).\nprocess P"), Some(2));
    assert_eq!(line(b"\n\nequivalence P Q"), Some(3));
    assert_eq!(line(b"query event(choice[a, b]). type choice'. (* diff *) process 0"), None);
    assert_eq!(line(b"lemma event(A(choice[x, y])). process 0"), None);
    assert_eq!(line(b"equation f(choice[a, b]) = c. process 0"), Some(1));
    assert_eq!(
        line(b"axiom event(choice[a, b]). not attacker(diff[a, b]). nounif attacker(choice[a, b])."),
        None
    );
}

#[test]
fn numbers_do_not_end_a_declaration_and_dots_do() {
    assert_eq!(
        scan(b"proba p. letproba q = 1.5 + 2e3 + 1.e. query attacker(s) phase 1. query b.").queries,
        2
    );
    assert_eq!(scan(b"query f(1.5); g(1.5e-3); h(2e3). query i(1).").queries, 4);
    assert_eq!(scan(b"let x = 2-proj-3-tuple(y). query a.").queries, 1);
}

#[test]
fn a_macro_is_counted_as_often_as_it_is_expanded() {
    let body = "def M(t) { type u. query attacker(s); attacker(t). lemma event(A). }";
    let count = |rest: &str| {
        let facts = scan(format!("{body} {rest} query z. process 0").as_bytes());
        (facts.queries, facts.lemmas)
    };
    assert_eq!(count(""), (3, 1));
    assert_eq!(count("expand M(a)."), (3, 1));
    assert_eq!(count("expand M(a). expand M(b). expand N(c)."), (5, 2));
}

#[test]
fn what_is_not_closed_ends_with_the_text() {
    for text in [
        "(* (* *)", "\"abc", "\"abc\\", "query", "query a", "set", "def", "def x", "proof {", "}", "1.",
        "1e", "<", "let",
    ] {
        let _ = scan(text.as_bytes());
    }
    assert_eq!(scan(b"query attacker(s)").queries, 1);
    assert_eq!(scan(b"query s\xe9cret. (* \xff *) process 0").queries, 1);
}
