use super::*;
use crate::verdict::Counts;

/// Reads lines; returns what they wished, what they found, and the account.
fn read(proverif: ProVerif, lines: &[&str]) -> (Vec<StopMethod>, Vec<Finding>, Account) {
    let mut account = Account::new(proverif);
    let mut findings = Vec::new();
    let mut wishes = Vec::new();
    for line in lines {
        wishes.extend(account.take(line.as_bytes(), Duration::ZERO, &mut findings));
    }
    (wishes, findings, account)
}

/// The verdict of a run that left with exit code 0 or was concluded.
fn verdict(proverif: ProVerif, lines: &[&str]) -> Option<(String, Counts)> {
    let (_, findings, account) = read(proverif, lines);
    let ruling = account.rule(Cause::Exited, Some(Exit::Code(0)), &findings).ok()?;
    Some((ruling.verdict.to_string(), ruling.counts))
}

const QUERY: &str = "Starting query not attacker(s[])";
const GOAL: &str = "goal reachable: attacker(s[])";

fn early(early_stop: EarlyStop) -> ProVerif {
    ProVerif { early_stop, lemmas: 0 }
}

#[test]
fn a_goal_stops_a_query_that_begins_with_not() {
    let proverif = early(EarlyStop::OnGoalReachable);
    let (wishes, findings, account) = read(proverif, &[QUERY, GOAL, GOAL]);
    assert_eq!(wishes, [StopMethod::Term]);
    assert!(findings.is_empty(), "a goal is no result line");
    let ruling = account.rule(Cause::Concluded, Some(Exit::Signal(15)), &findings).unwrap();
    assert_eq!((&*ruling.verdict, ruling.counts), ("reachable", Counts::Ok));
    assert_eq!(ruling.line.as_deref(), Some(GOAL));
}

#[test]
fn a_goal_means_nothing_where_it_may_precede_true() {
    let proverif = early(EarlyStop::OnGoalReachable);
    let other = "Starting query event(B(x)) ==> event(A(x))";
    let done = "RESULT not attacker(s[]) is true.";
    for lines in
        [&[GOAL][..], &[other, GOAL], &[QUERY, done, GOAL], &[QUERY, "-- Query x in process 0.", GOAL]]
    {
        assert!(read(proverif, lines).0.is_empty(), "{lines:?}");
    }
    assert!(read(early(EarlyStop::Off), &[QUERY, GOAL]).0.is_empty());
    let lemma_first = ProVerif { lemmas: 1, ..proverif };
    assert!(read(lemma_first, &[QUERY, GOAL]).0.is_empty());
    let lemma = "RESULT event(A) ==> event(B) is true.";
    assert_eq!(read(lemma_first, &[lemma, QUERY, GOAL]).0.len(), 1);
}

#[test]
fn a_refuting_goal_stops_any_query() {
    let proverif = early(EarlyStop::OnRefutingGoal);
    let other = "Starting query event(B(x)) ==> event(A(x))";
    assert!(read(proverif, &[GOAL]).0.is_empty());
    assert_eq!(read(proverif, &[other, GOAL]).0, [StopMethod::Term]);
    assert_eq!(verdict(proverif, &[other, GOAL]), Some(("not proved".into(), Counts::Open)));
}

#[test]
fn a_result_that_still_arrives_wins_over_its_goal() {
    let proverif = early(EarlyStop::OnGoalReachable);
    let result = "RESULT not attacker(s[]) cannot be proved.";
    let expected = Some(("cannot be proved".into(), Counts::Open));
    assert_eq!(verdict(proverif, &[QUERY, GOAL, "Derivation:", result]), expected);
}

#[test]
fn lemmas_are_not_the_querys_own_and_an_equivalence_is_no_lemma() {
    let proverif = ProVerif { early_stop: EarlyStop::Off, lemmas: 1 };
    let (_, findings, _) = read(
        proverif,
        &[
            "RESULT Query secret n [real_or_random] encoded as equivalence is true.",
            "RESULT event(A) ==> event(B) is false.",
            "RESULT not attacker(s[]) is true.",
        ],
    );
    assert_eq!(findings.iter().map(|finding| finding.own).collect::<Vec<_>>(), [true, false, true]);
}

#[test]
fn the_final_results_of_a_group_take_the_place_of_its_first_ones() {
    let lines = [
        "RESULT not attacker(a[]) is true.",
        "-- Query ",
        "Starting proving a group of queries by induction.",
        "PARTIAL RESULT event(B) ==> event(A) is true if the inductive queries can be proved.",
        "RESULT not attacker(s[]) is false.",
        "FINAL RESULT:",
        "RESULT event(B) ==> event(A) is true.",
        "RESULT not attacker(s[]) is true.",
    ];
    let (_, findings, _) = read(ProVerif::default(), &lines);
    let own: Vec<_> = findings.iter().map(|finding| finding.own).collect();
    assert_eq!(own, [true, false, true, true]);
    assert_eq!(verdict(ProVerif::default(), &lines), Some(("true".into(), Counts::Ok)));
    let lemmas = ProVerif { lemmas: 2, ..ProVerif::default() };
    let (_, findings, _) = read(lemmas, &lines);
    assert!(findings.iter().skip(1).take(2).all(|finding| !finding.own));
}

#[test]
fn a_run_that_breaks_off_has_no_verdict() {
    let (_, findings, account) = read(ProVerif::default(), &["RESULT not attacker(a[]) is true."]);
    let says = |cause, exit| account.rule(cause, Some(exit), &findings).ok().map(|ruling| ruling.verdict);
    assert_eq!(says(Cause::Exited, Exit::Signal(11)), None);
    assert_eq!(says(Cause::Exited, Exit::Code(3)), None);
    assert_eq!(says(Cause::Exited, Exit::Code(0)).as_deref(), Some("true"));
    assert_eq!(says(Cause::WallLimit, Exit::Signal(15)).as_deref(), Some("true"));
}

#[test]
fn an_error_is_shown_with_its_place() {
    let position = "File \"x.pv\", line 2, characters 16-18:";
    let line = |lines: &[&str]| {
        let (_, findings, account) = read(ProVerif::default(), lines);
        account.rule(Cause::Exited, Some(Exit::Code(2)), &findings).unwrap_err()
    };
    assert_eq!(
        line(&[position, "Error: identifier foo not defined."]).as_deref(),
        Some("File \"x.pv\", line 2, characters 16-18: Error: identifier foo not defined.")
    );
    let late = [position, "Warning: identifier x rebound.", "RESULT not a is true.", "Error: Syntax error."];
    assert_eq!(line(&late).as_deref(), Some("Error: Syntax error."));
    let blanked = "0 rules inserted.\r0 rules inserted.\r       Internal error: Division_by_zero";
    assert_eq!(line(&[blanked]).as_deref(), Some("Internal error: Division_by_zero"));
}

#[test]
fn an_equivalence_that_is_tried_again_has_its_last_result_even_without_a_summary() {
    let unproved = "RESULT Observational equivalence cannot be proved.";
    let lines = [unproved, unproved, "RESULT Observational equivalence is true."];
    assert_eq!(verdict(ProVerif::default(), &lines), Some(("true".into(), Counts::Ok)));
    let other = "RESULT Query secret k [real_or_random] encoded as equivalence is true.";
    assert_eq!(verdict(ProVerif::default(), &[unproved, other]), Some(("mixed".into(), Counts::Open)));
    let kept = ["RESULT Observational equivalence is false.", unproved];
    assert_eq!(verdict(ProVerif::default(), &kept), Some(("mixed".into(), Counts::Open)));
}
