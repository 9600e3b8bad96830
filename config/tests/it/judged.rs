//! What the built-in presets make of output: forms of real tools, and what chunks they come in is all the same.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::select;
use provisor_config::presets;
use provisor_core::cause::{Cause, Exit};
use provisor_core::lines::Reader;
use provisor_core::plan::Judging;
use provisor_core::process::Ear;
use provisor_core::rules::{Judge, Stream};
use provisor_core::verdict::{Counts, Finding, Judgement};

fn judge(preset: &str) -> Arc<Judge> {
    let preset = presets::named(preset).expect("whole").expect("there").preset;
    Arc::new(Judge::compile(&Judging { rules: Vec::new(), preset: Some(preset) }).expect("sound rules"))
}

fn hear<'b>(
    judge: &Arc<Judge>,
    chunks: impl Iterator<Item = &'b [u8]>,
    cause: Cause,
    exit: Exit,
) -> (Vec<Finding>, Judgement) {
    let mut reader = Reader::new(Arc::clone(judge));
    let mut found = Vec::new();
    for chunk in chunks {
        reader.hear(Stream::Stdout, chunk, Duration::ZERO, &mut found);
    }
    reader.close(Stream::Stdout, Duration::ZERO, &mut found);
    (found, reader.judge(cause, Some(exit)))
}

fn judged(preset: &str, text: &str, cause: Cause, exit: Exit) -> Judgement {
    hear(&judge(preset), std::iter::once(text.as_bytes()), cause, exit).1
}

/// The verdict of a run that ended by itself with this code.
#[track_caller]
fn says(preset: &str, text: &str, code: i32) -> String {
    word(&judged(preset, text, Cause::Exited, Exit::Code(code)))
}

fn word(judgement: &Judgement) -> String {
    let counts = match judgement.counts {
        Counts::Ok => "ok",
        Counts::Open => "open",
        Counts::Bad => "bad",
    };
    format!("{} ({counts})", judgement.verdict.as_deref().unwrap_or("none"))
}

fn statements(judgement: &Judgement) -> Vec<String> {
    let sign = |own| if own { '+' } else { '-' };
    let findings = judgement.findings.iter();
    findings.map(|it| format!("{}{}: {}", sign(it.own), it.statement, it.verdict)).collect()
}

const NO_MODEL: &str = "(error \"line 5 column 10: model is not available\")";
const NO_SYMBOL: &str = "(error \"line 3 column 28: unknown constant y\")";

#[test]
fn smt() {
    let says = |lines: &[&str], code| says("smt", &lines.join("\n"), code);
    assert_eq!(says(&["sat"], 0), "sat (ok)");
    assert_eq!(says(&["sat", "(", "  (define-fun x () Int", "    4)", ")"], 0), "sat (ok)");
    assert_eq!(says(&["unsat\r"], 0), "unsat (ok)");
    assert_eq!(says(&["unknown", "(:reason-unknown \"timeout\")"], 0), "unknown (open)");
    assert_eq!(says(&["timeout"], 0), "timeout (open)");
    assert_eq!(says(&["sat", "unsat"], 0), "mixed (ok)");
    assert_eq!(says(&["sat", "unknown"], 0), "mixed (open)");
    // z3 goes on after an error, without what it could not read.
    assert_eq!(says(&[NO_SYMBOL, "sat"], 1), "error (bad)");
    assert_eq!(says(&["sat", NO_SYMBOL, "unsat"], 1), "mixed (bad)");
    assert_eq!(says(&["unsat", NO_SYMBOL], 1), "mixed (bad)", "or it stops: nobody knows what it was asked");
    assert_eq!(says(&["sat", NO_SYMBOL], 0), "mixed (bad)");
    assert_eq!(says(&[NO_SYMBOL], 1), "error (bad)");
    // Asking for a model that there is not spoils nothing, not even a later answer.
    assert_eq!(says(&["unsat", NO_MODEL], 1), "unsat (ok)");
    assert_eq!(says(&["unsat", NO_MODEL, "unsat"], 1), "unsat (ok)");
    assert_eq!(says(&[NO_MODEL], 1), "none (bad)");
    let no_core = "(error \"line 4 column 15: unsat core construction is not enabled, use command (set-option \
                   :produce-unsat-cores true)\")\r";
    assert_eq!(says(&["sat", no_core, "unsat"], 1), "mixed (ok)");
    assert_eq!(says(&["unsat", no_core], 1), "unsat (ok)");
    assert_eq!(says(&["unsat", NO_MODEL, NO_SYMBOL], 1), "mixed (bad)");
    // Without such a line the code 1 says that something went wrong that was not told here.
    for answer in ["sat", "unsat", "unsat\n()"] {
        assert_eq!(says(&[answer], 1), "none (bad)");
    }
    assert_eq!(says(&["unsat", NO_MODEL], 101), "none (bad)");
    let cvc5 = "(error \"Cannot get model unless after a SAT or UNKNOWN response.\")";
    assert_eq!(says(&["unsat", cvc5, "sat"], 0), "mixed (ok)");
    let broke_off = "(error \"Cannot get unsat core unless explicitly enabled (try --produce-unsat-cores)\")";
    assert_eq!(says(&["unsat", broke_off], 1), "none (bad)", "where cvc5 exits with 1, it has not gone on");
    let parse = "(error \"Parse Error: error.smt2:3.29: Symbol y is not declared.\n\n  (assert)\n\")";
    assert_eq!(says(&[parse], 1), "error (bad)");
    // cvc5 stops at an error: what was asked behind it has no answer.
    assert_eq!(says(&["sat", parse], 1), "mixed (bad)");
    let multiple =
        "(error \"Cannot make multiple queries unless incremental solving is enabled (try --incremental)\")";
    assert_eq!(says(&["sat", multiple], 1), "mixed (bad)");
    assert_eq!(says(&["(error \"at line 3\")", "sat"], 1), "error (bad)", "or another goes on");
    // A broken pipe, no memory, a timeout of `timeout`.
    assert_eq!(says(&["sat"], 101), "none (bad)");
    assert_eq!(says(&["sat"], 124), "none (bad)");
    assert_eq!(says(&["sat"], 10), "sat (ok)", "boolector");
    assert_eq!(says(&["satisfied", " sat", "unsat core"], 0), "none (bad)");
    let ended = |cause, exit| word(&judged("smt", "sat\n", cause, exit));
    assert_eq!(ended(Cause::Exited, Exit::Signal(11)), "none (bad)");
    assert_eq!(ended(Cause::WallLimit, Exit::Signal(15)), "sat (ok)");
    assert_eq!(ended(Cause::Silent, Exit::Signal(9)), "sat (ok)");
    let mut reader = Reader::new(judge("smt"));
    reader.hear(Stream::Stdout, b"sat\n", Duration::ZERO, &mut Vec::new());
    reader.hear(Stream::Stderr, b"(error \"out of memory\")\n", Duration::ZERO, &mut Vec::new());
    assert_eq!(word(&reader.judge(Cause::Exited, Some(Exit::Code(101)))), "mixed (bad)");
}

#[test]
fn sat() {
    assert_eq!(says("sat", "c a comment\ns SATISFIABLE\nv 1 -2 0\n", 10), "sat (ok)");
    assert_eq!(says("sat", "s UNSATISFIABLE\n", 20), "unsat (ok)");
    assert_eq!(says("sat", "conflicts : 0\n\nSATISFIABLE\n", 10), "sat (ok)");
    assert_eq!(says("sat", "UNSATISFIABLE\n", 20), "unsat (ok)");
    assert_eq!(says("sat", "\nINDETERMINATE\n", 0), "unknown (open)");
    assert_eq!(says("sat", "s UNKNOWN\n", 0), "unknown (open)");
    assert_eq!(says("sat", "c UNKNOWN\n", 0), "unknown (open)");
    assert_eq!(says("sat", "", 10), "sat (ok)", "a quiet solver");
    assert_eq!(says("sat", "", 20), "unsat (ok)");
    assert_eq!(says("sat", "", 0), "none (bad)", "nothing says nothing");
    assert_eq!(says("sat", "SATISFIABLE\n", 20), "contradiction (bad)");
    assert_eq!(says("sat", "s UNKNOWN\n", 10), "contradiction (bad)");
    assert_eq!(says("sat", "SATISFIABLE\n", 1), "none (bad)");
    let crash = judged("sat", "s SATISFIABLE\nv 1", Cause::Exited, Exit::Signal(11));
    assert_eq!((word(&crash), crash.line.as_deref()), ("none (bad)".into(), Some("s SATISFIABLE")));
    assert_eq!(word(&judged("sat", "", Cause::WallLimit, Exit::Code(10))), "none (bad)");
}

#[test]
fn szs() {
    let status = |word: &str| says("szs", &format!("# Proof found!\n# SZS status {word}\n"), 0);
    for word in ["Theorem", "CounterSatisfiable", "Satisfiable", "Unsatisfiable", "ContradictoryAxioms"] {
        assert_eq!(status(word), format!("{word} (ok)"));
    }
    for word in ["ResourceOut", "Timeout", "GaveUp", "Unknown", "Incomplete", "NobodyKnows"] {
        assert_eq!(status(word), format!("{word} (open)"));
    }
    for word in ["SyntaxError", "InputError", "Error", "TypeError"] {
        assert_eq!(status(word), format!("{word} (bad)"));
    }
    assert_eq!(says("szs", "% SZS status Theorem for problem : a comment\n", 0), "Theorem (ok)");
    assert_eq!(says("szs", "% SZS status EquivalentTheorem\n", 0), "EquivalentTheorem (ok)");
    // A portfolio tells of its parts first, and eprover says by its exit code that nothing is to be proved.
    let portfolio = "% SZS status Timeout for p\n% SZS status GaveUp\n% SZS status Theorem for p\n";
    assert_eq!(says("szs", portfolio, 0), "Theorem (ok)");
    assert_eq!(judged("szs", portfolio, Cause::Exited, Exit::Code(0)).results, 1);
    assert_eq!(says("szs", "# SZS status CounterSatisfiable\n", 1), "CounterSatisfiable (ok)");
    assert_eq!(says("szs", "# SZS output start\n# the SZS status Theorem\n", 0), "none (bad)");
}

/// As much of Tamarin's output as matters: a theory with its proofs, then the summary.
fn tamarin(summary: &str) -> String {
    let line = "=".repeat(78);
    format!(
        "theory Tutorial begin\n\nlemma secrecy:\n  all-traces \"not( Ex #i. K( k ) @ #i )\"\n/*\nguarded formula: \
         verified\n*/\nsimplify\nby contradiction /* cyclic */\n\nend\n\n{line}\nsummary of summaries:\n\nanalyzed: \
         Tutorial.spthy\n\n  output:          Tutorial.tmp\n  processing time: 0.14s\n\n{summary}\n\n{line}\n"
    )
}

#[test]
fn tamarin_has_a_result_for_each_lemma_that_was_asked() {
    let says = |summary: &str| judged("tamarin", &tamarin(summary), Cause::Exited, Exit::Code(0));
    let all = says(
        "  secrecy (all-traces): verified (5 steps)\n  setup (exists-trace): falsified - no trace found (3 steps)\n  \
         attack (all-traces): falsified - found trace (7 steps)",
    );
    assert_eq!((word(&all), all.results), ("mixed (ok)".into(), 3));
    assert_eq!(
        statements(&all),
        [
            "+secrecy (all-traces): verified",
            "+setup (exists-trace): falsified",
            "+attack (all-traces): falsified"
        ]
    );
    let one = says(
        "  secrecy (all-traces): verified (5 steps)\n  setup (exists-trace): analysis incomplete (1 steps)\n",
    );
    assert_eq!((word(&one), one.results), ("verified (ok)".into(), 1));
    assert_eq!(statements(&one)[1], "-setup (exists-trace): not asked");
    assert_eq!(one.line.as_deref(), Some("  secrecy (all-traces): verified (5 steps)"));
    for (status, expected) in [
        ("analysis incomplete (1 steps)", "none (bad)"),
        ("analysis incomplete (12 steps)", "incomplete (open)"),
        ("analysis undetermined (2 steps)", "undetermined (open)"),
        (
            "analysis cannot be finished (reducible operators in subterms) (9 steps)",
            "cannot be finished (open)",
        ),
        ("proof has been invalidated (4 steps)", "invalidated (open)"),
    ] {
        assert_eq!(word(&says(&format!("  s (all-traces): {status}"))), expected);
    }
    assert_eq!(word(&says("  no lemmas in this theory")), "none (bad)");
    let twice = says(
        "  s (all-traces): verified (5 steps)\n\nanalyzed: b\n\n  s (all-traces): falsified - found trace (2 steps)",
    );
    assert_eq!(word(&twice), "mixed (ok)", "two theories with lemmas of one name");
}

#[test]
fn tamarin_has_results_in_both_worlds() {
    let text = tamarin(
        "  LHS :  s (all-traces): verified (2 steps)\n  RHS :  s (all-traces): falsified - found trace (2 steps)\n  \
         DiffLemma:  Observational_equivalence : verified (75 steps)\n  DiffLemma:  Other: analysis incomplete (1 steps)",
    );
    let judgement = judged("tamarin", &text, Cause::Exited, Exit::Code(0));
    assert_eq!(
        statements(&judgement),
        [
            "+LHS :  s (all-traces): verified",
            "+RHS :  s (all-traces): falsified",
            "+DiffLemma:  Observational_equivalence: verified",
            "-DiffLemma:  Other: not asked",
        ]
    );
}

#[test]
fn tamarin_doubts_what_is_not_well_formed() {
    let warning =
        "  WARNING: 1 wellformedness check failed!\n           The analysis results might be wrong!\n  \n";
    let text = tamarin(&format!("{warning}  secrecy (all-traces): verified (5 steps)"));
    let judgement = judged("tamarin", &text, Cause::Exited, Exit::Code(0));
    assert_eq!((word(&judgement), judgement.results), ("not well-formed (open)".into(), 1));
    assert_eq!(judgement.line.as_deref(), Some("  WARNING: 1 wellformedness check failed!"));
    // Before the summary the theory says so too, with other words.
    let text = "WARNING: the following wellformedness checks failed!\n".to_owned()
        + &tamarin("  s (all-traces): verified (5 steps)");
    assert_eq!(says("tamarin", &text, 0), "verified (ok)");
    assert_eq!(says("tamarin", &tamarin(warning), 0), "not well-formed (open)");
    assert_eq!(says("tamarin", &tamarin("  s (all-traces): verified (5 steps)"), 1), "none (bad)");
}

/// As Verifpal prints it on a pipe.
fn verifpal(lines: &[&str]) -> String {
    let head = " Verifpal * Verification initiated for 'x.vp' at 10:15:00 AM.\n     Info . Attacker is configured as active.\n";
    let foot = " Verifpal * Thank you for using Verifpal.\n";
    format!("{head}{}\n{foot}", lines.join("\n"))
}

const ATTACK: &str = "     FAIL x confidentiality? m1";
const TRACE: &str =
    "            Attack trace:\n            | nil -> m1\n            > m1 is obtained by Attacker.";

#[test]
fn verifpal_has_a_result_for_each_query() {
    let text = verifpal(&[
        "     FAIL x confidentiality? m1 (Analysis 15)",
        "--------------------------------------------------",
        ATTACK,
        TRACE,
        "     PASS + authentication? Alice -> Bob: e1  [search exhausted at 2 sessions]",
        "     FAIL x freshness? n[precondition[A -> B: n]]  [duplicate acceptance: no recipient-generated context]",
        "     FAIL x 2 of 3 queries failed.",
    ]);
    let judgement = judged("verifpal", &text, Cause::Exited, Exit::Code(0));
    assert_eq!((word(&judgement), judgement.results), ("mixed (ok)".into(), 3));
    assert_eq!(
        statements(&judgement),
        [
            "-confidentiality? m1: fail",
            "+confidentiality? m1: fail",
            "+authentication? Alice -> Bob: e1: pass",
            "+freshness? n[precondition[A -> B: n]]: fail",
        ]
    );
    let pass = "     PASS + confidentiality? a  [search exhausted at 2 sessions]";
    assert_eq!(says("verifpal", &verifpal(&[pass, "     PASS + All 1 queries pass."]), 0), "pass (ok)");
    assert_eq!(says("verifpal", &verifpal(&["     PASS + confidentiality? a"]), 0), "pass (ok)");
    let truncated = "     PASS + confidentiality? a  [search truncated: term depth]";
    assert_eq!(says("verifpal", &verifpal(&[truncated]), 0), "truncated (open)");
    assert_eq!(says("verifpal", &verifpal(&[ATTACK, TRACE]), 2), "fail (ok)", "--fail-on-attack");
    // A model that could not be read is one without an answer.
    assert_eq!(says("verifpal", &verifpal(&[pass]), 1), "none (bad)");
    assert_eq!(says("verifpal", &verifpal(&["     PASS + All 0 queries pass."]), 0), "none (bad)");
    let streamed = judged(
        "verifpal",
        &verifpal(&["     FAIL x confidentiality? m1 (Analysis 15)"]),
        Cause::WallLimit,
        Exit::Signal(15),
    );
    assert_eq!(word(&streamed), "fail (ok)", "what is known when the time is over");
    let wrong = verifpal(&[ATTACK, pass.replace("? a", "? m1").as_str()]);
    assert_eq!(says("verifpal", &wrong, 0), "mixed (ok)", "two answers to one question");
}

/// The lines that the output of these tools is made of.
fn logs() -> impl Strategy<Value = Vec<u8>> {
    let pieces = vec![
        "sat\n",
        "unsat\r\n",
        "unknown\n",
        "(error \"line 1 column 2: unknown constant y\")\n",
        "(error \"line 5 column 10: model is not available\")\n",
        "s SATISFIABLE\n",
        "UNSATISFIABLE\n",
        "c UNKNOWN\n",
        "# SZS status Theorem\n",
        "% SZS status Timeout for x\n",
        "## SZS status NobodyKnows",
        "  WARNING: 2 wellformedness checks failed!\n",
        "  secrecy (all-traces): verified (5 steps)\n",
        "  secrecy (all-traces): analysis incomplete (1 steps)\n",
        "  secrecy (all-traces): analysis incomplete (9 steps)\n",
        "  DiffLemma:  Equivalence : falsified - found trace (75 steps)\n",
        "     FAIL x confidentiality? m1 (Analysis 15)\n",
        "     FAIL x confidentiality? m1\n",
        "     PASS + confidentiality? m1  [search exhausted at 2 sessions]\n",
        "     PASS + confidentiality? \u{e9}  [search truncated: term depth]\n",
        "something else\n",
        "\n",
        "s SATIS",
    ];
    let known = prop::collection::vec(select(pieces), 0..30).prop_map(|lines| lines.concat().into_bytes());
    (known, prop::option::of((any::<u8>(), any::<prop::sample::Index>()))).prop_map(|(mut text, stray)| {
        if let Some((byte, at)) = stray {
            let at = at.index(text.len() + 1);
            text.insert(at, byte);
        }
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_preset_means_the_same_in_any_chunks(
        name in select(vec!["tamarin", "verifpal", "smt", "sat", "szs"]),
        text in logs(),
        size in 1_usize..80,
        exit in select(vec![Exit::Code(0), Exit::Code(10), Exit::Code(1), Exit::Signal(11)]),
    ) {
        let judge = judge(name);
        let bytewise = hear(&judge, text.chunks(1), Cause::Exited, exit);
        prop_assert_eq!(&hear(&judge, text.chunks(size), Cause::Exited, exit), &bytewise);
        prop_assert_eq!(&hear(&judge, std::iter::once(&text[..]), Cause::Exited, exit), &bytewise);
    }
}
