//! How each form of ProVerif's output is read, pinned down. The logs stand in `logs/`.

use std::sync::Arc;
use std::time::Duration;

use provisor_core::cause::{Cause, Exit};
use provisor_core::lines::Reader;
use provisor_core::plan::Judging;
use provisor_core::process::Ear;
use provisor_core::proverif::{EarlyStop, ProVerif};
use provisor_core::rules::{Judge, Pattern, Rule, Stream, Streams};
use provisor_core::verdict::{Counts, Judgement, Preset};

const LEFT_WELL: (Cause, Exit) = (Cause::Exited, Exit::Code(0));
const FAILED: (Cause, Exit) = (Cause::Exited, Exit::Code(2));
const PLAIN: ProVerif =
    ProVerif { early_stop: EarlyStop::Off, lemmas: 0, sanity: false, weakened: None, worst: false };
const ONE_LEMMA: ProVerif = ProVerif { lemmas: 1, ..PLAIN };

fn judge(judging: &Judging, log: &[u8], (cause, exit): (Cause, Exit)) -> Judgement {
    let judge = Judge::compile(judging).expect("sound rules");
    let mut reader = Reader::new(Arc::new(judge));
    let mut found = Vec::new();
    for (second, line) in (0..).zip(log.split_inclusive(|byte| *byte == b'\n')) {
        let at = Duration::from_secs(second);
        if reader.hear(Stream::Stdout, line, at, &mut found).is_some() {
            break;
        }
    }
    reader.close(Stream::Stdout, Duration::from_secs(999), &mut found);
    reader.judge(cause, Some(exit))
}

fn read(proverif: ProVerif, log: &[u8], end: (Cause, Exit)) -> Judgement {
    judge(&Judging { rules: Vec::new(), preset: Some(Preset::ProVerif(proverif)) }, log, end)
}

macro_rules! golden {
    ($($name:ident: $log:literal, $proverif:expr, $end:expr;)*) => {$(
        #[test]
        fn $name() {
            let log = include_bytes!(concat!("logs/", $log, ".log"));
            insta::assert_debug_snapshot!(read($proverif, log, $end));
        }
    )*};
}

golden! {
    lemmas_are_not_the_querys_own: "lemma", ONE_LEMMA, LEFT_WELL;
    a_lemma_that_fails_stops_the_file: "lemmafail", ONE_LEMMA, LEFT_WELL;
    a_lemma_that_may_fail_does_not: "lemmafailmax", ONE_LEMMA, LEFT_WELL;
    the_summary_knows_lemmas_that_nobody_counted: "lemmafailmax", PLAIN, LEFT_WELL;
    a_group_proved_by_induction_has_final_results: "order", PLAIN, LEFT_WELL;
    encoded_queries_are_matched_with_the_summary: "pubv", PLAIN, LEFT_WELL;
    an_equivalence_has_its_last_result: "biprocess", PLAIN, LEFT_WELL;
    two_processes_are_merged: "equiv2", PLAIN, LEFT_WELL;
    two_processes_cannot_be_merged: "equiv3", PLAIN, LEFT_WELL;
    weak_secrets_and_non_interference: "inject", PLAIN, LEFT_WELL;
    supplements_are_no_results: "injective", PLAIN, LEFT_WELL;
    horn_clauses_have_goals: "horn", PLAIN, LEFT_WELL;
    a_syntax_error_is_shown_with_its_place: "synerr", PLAIN, FAILED;
    a_late_error_is_shown_with_its_place: "typerr", PLAIN, FAILED;
    a_failed_assumption_is_an_error:
        "notassump", ProVerif { early_stop: EarlyStop::OnGoalReachable, ..PLAIN }, FAILED;
    a_crash_is_shown: "crash", PLAIN, (Cause::Exited, Exit::Code(3));
    a_torn_summary_says_nothing: "torn", PLAIN, (Cause::WallLimit, Exit::Signal(15));
    a_run_that_broke_off_has_results_but_no_verdict: "torn", PLAIN, (Cause::Exited, Exit::Signal(9));
    no_query_is_no_verdict: "noquery", PLAIN, LEFT_WELL;
    a_goal_is_reachable:
        "reachable", ProVerif { early_stop: EarlyStop::OnGoalReachable, ..PLAIN },
        (Cause::Concluded, Exit::Signal(15));
    a_goal_refutes:
        "reachable", ProVerif { early_stop: EarlyStop::OnRefutingGoal, ..PLAIN },
        (Cause::Concluded, Exit::Signal(15));
    a_goal_alone_says_nothing: "reachable", PLAIN, (Cause::WallLimit, Exit::Signal(15));
}

#[test]
fn rules_read_a_tool_that_nobody_knows() {
    let known = Rule {
        on: Pattern::Regex(r"^(\S+) = (.*)$".into()),
        streams: Streams::Stdout,
        verdict: Some("ok".into()),
        capture: None,
        counts: Counts::Ok,
        value: Some(2),
        note: false,
        stop: None,
    };
    let note = Rule { on: Pattern::Contains("warn".into()), verdict: None, value: None, note: true, ..known };
    let judging = Judging { rules: vec![known, note], preset: None };
    let log = b"warning: slow\r\nsysDescr.0 = Linux \xff\nnothing\nlast = 7 warn";
    insta::assert_debug_snapshot!(judge(&judging, log, LEFT_WELL));
}
