use super::*;

fn said(line: &str) -> Said<'_> {
    Said::by(line.as_bytes())
}

fn result(line: &str) -> Option<(String, Word)> {
    match said(line) {
        Said::Result { statement, word, .. } => Some((String::from_utf8_lossy(statement).into(), word)),
        _ => None,
    }
}

#[test]
fn every_form_of_a_result_is_known() {
    for (line, statement, word) in [
        ("RESULT not attacker(s[]) is true.", "not attacker(s[])", Word::True),
        ("RESULT Weak secret w is false.", "Weak secret w", Word::False),
        ("RESULT Non-interference s cannot be proved.", "Non-interference s", Word::Unproved),
        ("RESULT x is false is true.", "x is false", Word::True),
        ("RESULT no biprocess can be computed", "no biprocess can be computed", Word::Unproved),
        ("RESULT goal unreachable: attacker(s[])", "attacker(s[])", Word::True),
        ("RESULT goal reachable: attacker(s[])", "attacker(s[])", Word::Reachable),
    ] {
        assert_eq!(result(line), Some((statement.to_owned(), word)), "{line}");
    }
}

#[test]
fn supplements_and_partial_results_are_asides() {
    for line in [
        "RESULT (but event(B) ==> event(A) is true.)",
        "RESULT (even event(B) ==> event(A) is false.)",
        "RESULT (query encoded as not event(A(x)))",
        "PARTIAL RESULT q is true if the inductive queries can be proved.",
        "PARTIAL RESULT (but q is true if the inductive queries can be proved.)",
    ] {
        assert_eq!(said(line), Said::Aside, "{line}");
    }
    for line in
        [" RESULT q is true.", "RESULT q is true", "RESULT", "Starting quer", "-----", "File \"x.pv\""]
    {
        assert_eq!(said(line), Said::Nothing, "{line}");
    }
}

#[test]
fn a_summary_lists_queries_and_leaves_out_the_rest() {
    let mut summary = Summary::default();
    for line in [
        "Query secret n [real_or_random] is true.",
        "Query(ies):",
        " - Query not attacker(s[]) cannot be proved.",
        "Associated axiom(s):",
        " - Axiom ",
        "   event(A) ==> event(B) is true.",
        "Associated lemma(s):",
        " - Lemma event(B) is true in process 0.",
        "",
        "Equivalence between process 1 and process 2 is true.",
    ] {
        summary.take(line.as_bytes());
    }
    let items: Vec<_> = summary.items.iter().map(|item| (&*item.statement, item.word)).collect();
    assert_eq!(
        items,
        [
            ("secret n [real_or_random]", Word::True),
            ("not attacker(s[])", Word::Unproved),
            ("Equivalence between process 1 and process 2", Word::True),
        ]
    );
}

#[test]
fn result_lines_and_summary_are_about_the_same() {
    for (result, item) in [
        ("Query secret n [real_or_random] encoded as equivalence", "secret n [real_or_random]"),
        ("Observational equivalence", "Equivalence between process 1 and process 2"),
        ("Diff-equivalence", "Diff-equivalence"),
        ("no biprocess can be computed", "Equivalence between process 1 and process 2"),
        ("not attacker(s[])", "not attacker(s[])"),
    ] {
        assert_eq!(subject(result), subject(item));
    }
    assert_ne!(subject("not attacker(s[])"), subject("not attacker(k[])"));
    assert_ne!(subject("secret k"), subject("Query secret k [real_or_random] encoded as equivalence"));
}
