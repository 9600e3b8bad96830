use super::*;

fn read(text: &str, expected: Expected) -> Source<'_> {
    Source::read(text.as_bytes(), expected)
}

/// The keywords and the texts of the declarations.
fn pieces(text: &str) -> Vec<&str> {
    let source = read(text, Expected::Model);
    assert_eq!(source.faults, []);
    source.declarations.iter().map(|declaration| &text[declaration.at.clone()]).collect()
}

/// What is wrong, with its place.
fn faults(text: &str, expected: Expected) -> Vec<String> {
    read(text, expected).faults.iter().map(|fault| format!("{}: {fault}", fault.place())).collect()
}

fn fault(text: &str, expected: Expected) -> String {
    match &faults(text, expected)[..] {
        [fault] => fault.clone(),
        faults => panic!("{faults:?}"),
    }
}

#[test]
fn declarations_end_with_their_dots() {
    let declarations = [
        "set title = \"a. (* b\".",
        "type key.",
        "free c: channel.",
        "channel d.",
        "fun f(key): key [data].",
        "reduc forall x: key; g(f(x)) = x.",
        "equation forall x: key; f(f(x)) = x.",
        "letproba p = 1.5 + 1.e3 * 2e-1.",
        "proof { auto; crypto f(g). success }",
        "implementation type key = \"k.\" [pred = \"a.b\"].",
        "let P(x: key) = let y = 2-proj-3-tuple(x) in event A; out(c, y).",
        "letfun h(x: key) = (* . *) f(x).",
        "clauses forall x: key; f(x) -> p(x); p(x).",
        "not attacker(c) phase 1.",
        "nounif x: key; attacker(x)/-5000 [hypothesis].",
        "noselect attacker(c).",
        "select attacker(c).",
        "query x: key; event(A) ==> event(B) [induction].",
        "axiom event(A) for { public_vars c }.",
    ];
    let text = format!("(* . *) {}(* . *) process 0", declarations.join(" (* query. *)\n"));
    assert_eq!(pieces(&text), declarations);
    assert_eq!(pieces(&format!("{}process 0", declarations.concat())), declarations);
}

#[test]
fn what_a_macro_declares_follows_it() {
    let text = "def M(a) { type b. query attacker(a) [x = {b, c}]. } expand M(c). process 0";
    let source = read(text, Expected::Model);
    let found: Vec<_> =
        source.declarations.iter().map(|declaration| (declaration.kind, declaration.within)).collect();
    assert_eq!(
        found,
        [(Kind::Def, None), (Kind::Type, Some(0)), (Kind::Query, Some(0)), (Kind::Expand, None)]
    );
    assert_eq!(
        &text[source.declarations[0].at.clone()],
        "def M(a) { type b. query attacker(a) [x = {b, c}]. }"
    );
}

#[test]
fn lines_and_the_main_part_are_told() {
    let source = read("type a.\r\n\r\ntype b. (*\n*)\nprocess 0", Expected::Model);
    let lines: Vec<_> = source.declarations.iter().map(|declaration| declaration.line).collect();
    assert_eq!(lines, [1, 3]);
    assert_eq!(source.main, Some(Main { is_equivalence: false, start: 25, line: 5 }));
    let source = read("\nequivalence P Q", Expected::Model);
    assert_eq!((source.main.map(|main| main.is_equivalence), source.equivalence), (Some(true), Some(2)));
}

#[test]
fn choice_makes_an_equivalence_where_terms_are_defined() {
    let line = |text: &str| read(text, Expected::Model).equivalence;
    assert_eq!(line("type t.\nlet P = out(c, choice[a, b]). process 0"), Some(2));
    assert_eq!(line("letfun f(x: t) = diff[x, a]. process 0"), Some(1));
    assert_eq!(line("def M(a) { letfun f(x: t) = choice[x, a]. } process 0"), Some(1));
    assert_eq!(line("process\n out(c, choice[a, b])"), Some(2));
    assert_eq!(
        line("query event(choice[a, b]). lemma event(diff[a, b]). not attacker(choice[a, b]). process 0"),
        None
    );
    assert_eq!(line("type choice'. (* choice *) process 0"), None);
}

#[test]
fn what_is_not_closed_or_does_not_end_is_a_fault() {
    let model = |text| fault(text, Expected::Model);
    assert!(model("type t.\n (* a (* b *) process 0").starts_with("2:2: this comment is never closed"));
    assert!(model("query attacker(s) (* .\nprocess 0").starts_with("1:19: this comment"));
    assert!(model("set a = \"b.\nprocess 0").starts_with("1:9: this string is never closed"));
    assert!(model("process out(c, a) (*").starts_with("1:19: this comment"));
    assert_eq!(
        model("type t.\n  query attacker(s)\nprocess 0"),
        "2:3: this `query` does not end before the next declaration in line 3: a dot is missing"
    );
    assert_eq!(model("type t. free s: t"), "1:9: this `free` does not end: a dot is missing");
    assert_eq!(model("def M(a) { type t."), "1:1: this `def` does not end: braces are missing");
    assert!(model("def M(a) type t. process 0").contains("braces are missing"));
    assert!(model("proof { a; b. process 0").contains("a `}` is missing"));
}

#[test]
fn a_model_needs_a_main_part_and_nothing_else_may_have_one() {
    assert_eq!(
        fault("type t.\n", Expected::Model),
        "2:1: a model ends with `process` or `equivalence`, and here is neither"
    );
    assert!(fault("", Expected::Model).starts_with("1:1: "));
    assert_eq!(
        fault("type t. process 0", Expected::Library),
        "1:9: a library has no `process`: move it to the model"
    );
    assert!(fault("equivalence P Q", Expected::Library).contains("no `equivalence`"));
    assert_eq!(faults("type t.", Expected::Library), [""; 0]);
    assert_eq!(faults("(* nothing *)", Expected::Queries), [""; 0]);
}

#[test]
fn something_that_is_no_declaration_is_a_fault() {
    assert_eq!(
        fault("type t.\n\n  querry attacker(s). process 0", Expected::Model),
        "3:3: no declaration begins with `querry`; is there a dot too much or a keyword too few before it?"
    );
    assert!(fault("type t.. process 0", Expected::Model).starts_with("1:8: no declaration begins with `.`"));
    assert!(fault("} process 0", Expected::Model).starts_with("1:1: no declaration begins with `}`"));
    assert!(fault("def M(a) { def N(b) { } } process 0", Expected::Model).contains("begins with `def`"));
    assert!(fault("def M(a) { process 0", Expected::Model).contains("begins with `process`"));
    let long = format!("{} process 0", "x".repeat(100));
    assert!(fault(&long, Expected::Model).contains("`xxxxxxxxxxxxxxxxxxxxxxxx...`"));
}

#[test]
fn a_byte_order_mark_is_told_by_its_name() {
    let text = "\u{feff}type t. process 0";
    assert!(fault(text, Expected::Model).starts_with("1:1: the text begins with a byte order mark"));
    assert!(fault("\u{feff}(* . *) process 0", Expected::Model).contains("byte order mark"));
}

#[test]
fn a_file_of_queries_holds_nothing_else() {
    let queries = "query attacker(s). weaksecret s. noninterf s. lemma event(A) ==> event(B).";
    assert_eq!(faults(queries, Expected::Queries), [""; 0]);
    for (text, keyword) in [
        ("free s: t.", "free"),
        ("axiom event(A).", "axiom"),
        ("process 0", "process"),
        ("set a = b.", "set"),
    ] {
        assert_eq!(
            fault(&format!("{queries}\n {text}"), Expected::Queries),
            format!(
                "2:2: only `query`, `weaksecret`, `noninterf` and `lemma` may stand in a file of queries, not `{keyword}`"
            )
        );
    }
}

#[test]
fn comments_name_what_follows_them() {
    let text = "(* @query a *) (* why *) query attacker(s).
        query (*@sanity b-1.x_y*) event(A).
        (* @lemma c *) lemma event(A).
        (* @query d *) (* @query e *) query (* @query f *) attacker(r).
        weaksecret w. (* @query g *)
        noninterf n.
        query attacker(q) (* @query h *).
        (* @query i *) free k: t.
        (* see @query j *) query attacker(k). (* @queryk l *) query attacker(k).
        process 0";
    let source = read(text, Expected::Model);
    assert_eq!(source.faults, []);
    let named: Vec<_> =
        source.declarations.iter().filter(|declaration| declaration.kind.is_asked()).collect();
    let tags: Vec<_> =
        named.iter().map(|declaration| declaration.tag.map(|tag| (tag.kind, tag.name))).collect();
    assert_eq!(
        tags,
        [
            Some((TagKind::Query, "a")),
            Some((TagKind::Sanity, "b-1.x_y")),
            Some((TagKind::Lemma, "c")),
            Some((TagKind::Query, "f")),
            None,
            Some((TagKind::Query, "g")),
            None,
            None,
            None
        ]
    );
}

#[test]
fn a_comment_that_names_badly_is_a_fault() {
    let needs = "needs one name of ASCII letters, digits and `._-` that begins with a letter or a digit";
    for comment in ["@query", "@query a b", "@query -a", "@query a/b", "@query \u{e9}", "@query \"a\""] {
        let text = format!("type t.\n (* {comment} *)\nquery attacker(s). process 0");
        assert_eq!(fault(&text, Expected::Model), format!("2:2: `@query` {needs}"), "{comment}");
    }
    assert!(
        fault("query\n(* @sanity *) attacker(s). process 0", Expected::Model)
            .starts_with("2:1: `@sanity` needs")
    );
    assert_eq!(
        fault("(* @lemma a *) query attacker(s). process 0", Expected::Model),
        "1:1: `@lemma` names a lemma, and a `query` follows"
    );
    assert_eq!(
        fault("(* @sanity a *) lemma event(A). process 0", Expected::Model),
        "1:1: `@sanity` names a query, and a `lemma` follows"
    );
}
