use super::*;
use crate::proverif::source::Expected;
use crate::proverif::split::{Asked, Lemmas, divide};

fn expected(text: &str) -> Result<Vec<&'static str>, Unsaid> {
    let model = Source::read(text.as_bytes(), Expected::Model);
    assert_eq!(model.faults, []);
    divide(&model, &[], Asked::InModel, Lemmas::Own).expect("no queries from elsewhere").expected(&model)
}

fn unsaid(text: &str) -> String {
    expected(text).expect_err("nothing is said").to_string()
}

const QUERIES: &str = "query attacker(s). query attacker(r); event(A). weaksecret w. process 0\n";

#[test]
fn results_are_assigned_by_their_order() {
    let text = format!(
        "{QUERIES}(* EXPECTPV
RESULT not attacker(s[]) is true.
RESULT (query encoded as nothing)
RESULT not attacker(r[]) is false.
RESULT (even not attacker(q[]) is false.)
RESULT not event(A) cannot be proved.
RESULT Weak secret wEND cannot be proved.
0.012s (user 0.008s + system 0.004s), max rss 10000K
END *)
"
    );
    assert_eq!(expected(&text), Ok(vec!["true", "false", "cannot be proved"]));
    assert_eq!(expected(&text.replace('\n', "\r\n")), expected(&text));
}

#[test]
fn results_of_lemmas_come_first() {
    let text = "query attacker(s). lemma event(A); event(B). query attacker(r). lemma event(C). process 0
        (* EXPECTPV\nRESULT not event(A) is true.\nRESULT not event(B) is true.\nRESULT not event(C) is true.
        RESULT not attacker(s[]) is false.\nRESULT not attacker(r[]) is true.\nEND *)";
    assert_eq!(expected(text), Ok(vec!["false", "true", "true", "true"]));
    let library = [Source::read(b"lemma event(L).", Expected::Library)];
    let text = "(* EXPECTPV\nRESULT not event(L) is true.\nRESULT not attacker(s[]) is false.\nEND *) query attacker(s). process 0";
    let model = Source::read(text.as_bytes(), Expected::Model);
    let division = divide(&model, &library, Asked::InModel, Lemmas::Own).expect("a division");
    assert_eq!(division.expected(&model), Ok(vec!["false"]));
}

#[test]
fn the_last_word_on_an_equivalence_counts() {
    let text = "lemma event(A). process out(c, choice[a, b])
        (* EXPECTPV\nRESULT event(A) is true.\nRESULT Observational equivalence cannot be proved.
        RESULT Observational equivalence is true.\nRESULT event(A) is false.\nEND *)";
    assert_eq!(expected(text), Ok(vec!["true"]));
    assert!(
        unsaid("process out(c, choice[a, b]) (* EXPECTPV\nRESULT event(A) is true.\nEND *)")
            .contains("no results")
    );
}

#[test]
fn what_is_not_divided_has_one_word_for_all() {
    let model = |results: &str| {
        format!(
            "def M(a) {{ query attacker(a). lemma event(A). }} expand M(b). query attacker(s). process 0
            (* EXPECTPV\nRESULT event(A) is true.\n{results}\nEND *)"
        )
    };
    let same = model("RESULT not attacker(b[]) is false.\nRESULT not attacker(s[]) is false.");
    assert_eq!(expected(&same), Ok(vec!["false"]));
    let mixed = model("RESULT not attacker(b[]) is false.\nRESULT not attacker(s[]) is true.");
    assert_eq!(expected(&mixed), Ok(vec!["mixed"]));
    assert_eq!(
        expected(&same.replace("query attacker(s)", "query attacker(s) public_vars k")),
        Err(Unsaid::OutOfOrder)
    );
}

#[test]
fn what_is_not_clear_is_not_said() {
    assert_eq!(unsaid(QUERIES), "there is no comment with `EXPECTPV` in the model");
    assert_eq!(unsaid(&format!("let P = 0. {QUERIES} | EXPECTPV")), unsaid(QUERIES));
    assert_eq!(
        unsaid(&format!("{QUERIES}\n(* EXPECTPV\nRESULT a is true. *)")),
        "the `EXPECTPV` in line 3 has no `END`"
    );
    assert_eq!(
        unsaid(&format!("{QUERIES}(* EXPECTPV\nxtime: timeout (20 s)\nEND *)")),
        "the `EXPECTPV` in line 2 has no results"
    );
    let block = "(* EXPECTPV\nRESULT a is true.\nEND *)";
    assert_eq!(
        unsaid(&format!("{block} {QUERIES}{block}")),
        "`EXPECTPV` stands in line 1 and again in line 4"
    );
    assert_eq!(
        unsaid(&format!("{QUERIES}{block}")),
        "the `EXPECTPV` in line 2 has 1 results, and the model asks for 4"
    );
    assert_eq!(
        unsaid(&format!("query secret k [real_or_random]. process 0 {block}")),
        "results of `public_vars` and of `real_or_random` do not come in the order of the queries"
    );
    assert_eq!(
        expected(&format!("query attacker(s) public_vars k. process 0 {block}")),
        Err(Unsaid::OutOfOrder)
    );
    let model = Source::read(b"process 0", Expected::Model);
    let queries = Source::read(b"query attacker(s).", Expected::Queries);
    let division = divide(&model, &[], Asked::Here(&queries), Lemmas::Own).expect("a division");
    assert_eq!(division.expected(&model), Err(Unsaid::OtherQueries));
}
