use super::*;
use crate::proverif::source::{Expected, Source};

fn body(text: &str) -> Body<'_> {
    let source = Source::read(text.as_bytes(), Expected::Library);
    assert_eq!(source.faults, []);
    let [declaration] = &source.declarations[..] else { panic!("one declaration") };
    Body::read(declaration.kind, source.tokens(declaration))
}

/// The statements as they stand there.
fn statements(text: &str) -> Vec<&str> {
    let body = body(text);
    let piece = |range: &Range<usize>| body.tokens[range.start].at.start..body.tokens[range.end - 1].at.end;
    body.statements.iter().map(|statement| &text[piece(&statement.tokens)]).collect()
}

fn options(text: &str) -> Option<&str> {
    let body = body(text);
    let options = body.options?;
    Some(&text[body.tokens[options.start].at.start..body.tokens[options.end - 1].at.end])
}

fn subjects(text: &str) -> Vec<(Vec<String>, Option<String>)> {
    let text_of = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
    let subject = |subject: &Subject<'_>| {
        (subject.public.iter().map(|name| text_of(name)).collect(), subject.random.map(text_of))
    };
    body(text).subjects().map(subject).collect()
}

#[test]
fn statements_are_divided_where_no_brackets_are() {
    assert_eq!(
        statements(
            "query x: t, y: u; event(A(x)) ==> event(B(x)); attacker(new n[a = x; b = y]) [induction]."
        ),
        ["event(A(x)) ==> event(B(x))", "attacker(new n[a = x; b = y])"]
    );
    assert_eq!(
        statements("query x <- s; y <- x; attacker(y); attacker(s)."),
        ["x <- s; y <- x; attacker(y)", "attacker(s)"]
    );
    assert_eq!(
        statements("query putbegin event: A, B; event(A) ==> event(B)."),
        ["putbegin event: A, B", "event(A) ==> event(B)"]
    );
    assert_eq!(body("query putbegin event: A, B; event(A) ==> event(B).").count(), 1);
    assert_eq!(statements("weaksecret (* . *) s."), ["s"]);
    assert_eq!(statements("noninterf x: t; a among (x), b."), ["a among (x), b"]);
}

#[test]
fn options_are_those_of_the_declaration() {
    for (text, expected) in [
        ("query attacker(s) [induction, noneSat].", Some("[induction, noneSat]")),
        ("query secret s [real_or_random].", None),
        ("query secret s [cv_onesession].", None),
        ("query secret s [induction].", Some("[induction]")),
        ("query secret s [reachability] [induction].", Some("[induction]")),
        ("query attacker(s); secret s public_vars a [real_or_random].", None),
        ("query secret a [real_or_random]; attacker(s) [proveAll].", Some("[proveAll]")),
        ("query attacker(new n[a = b]).", None),
        ("lemma x: t; event(A) ==> x = new n[a = b].", None),
        ("lemma x: t; event(A) ==> x = choice[a, b].", None),
        ("lemma event(A) ==> event(B) for { secret s [real_or_random] }.", None),
        ("lemma event(A) ==> event(B) for { public_vars s } [maxSubset].", Some("[maxSubset]")),
    ] {
        assert_eq!(options(text), expected, "{text}");
    }
}

#[test]
fn each_statement_has_its_subject() {
    let of = |public: &[&str], random: Option<&str>| {
        (public.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>(), random.map(ToOwned::to_owned))
    };
    assert_eq!(
        subjects("query attacker(s); attacker(r) public_vars b, a; secret k [real_or_random, cv_x]."),
        [of(&[], None), of(&["a", "b"], None), of(&[], Some("k"))]
    );
    assert_eq!(subjects("query secret k public_vars a [pv_real_or_random]."), [of(&["a"], Some("k"))]);
    assert_eq!(subjects("query secret k public_vars a [real_or_random, reachability]."), [of(&["a"], None)]);
    assert_eq!(
        subjects(
            "axiom event(A); event(B) for { public_vars a, b }; event(C) for { secret k public_vars c [real_or_random] }."
        ),
        [of(&[], None), of(&["a", "b"], None), of(&["c"], Some("k"))]
    );
    assert_eq!(subjects("weaksecret w."), [of(&[], None)]);
}
