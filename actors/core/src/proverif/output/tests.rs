use super::*;
use crate::proverif::Weakened;
use crate::verdict::{Counts, Finding};

/// Reads lines; returns what they wished, what they found, and the account.
fn read(proverif: ProVerif, lines: &[&str]) -> (Vec<StopMethod>, Vec<Finding>, Account) {
    let mut account = Account::new(proverif);
    let mut findings = Findings::default();
    let mut wishes = Vec::new();
    for line in lines {
        wishes.extend(account.take(line.as_bytes(), Duration::ZERO, &mut findings));
    }
    (wishes, findings.take().0, account)
}

/// The verdict of a run that left with exit code 0 or was concluded.
fn verdict(proverif: ProVerif, lines: &[&str]) -> Option<(String, Counts)> {
    let (_, _, account) = read(proverif, lines);
    let ruling = account.rule(Cause::Exited, Some(Exit::Code(0))).ok()?;
    Some((ruling.verdict.to_string(), ruling.counts))
}

const QUERY: &str = "Starting query not attacker(s[])";
const GOAL: &str = "goal reachable: attacker(s[])";

fn early(early_stop: EarlyStop) -> ProVerif {
    ProVerif { early_stop, ..ProVerif::default() }
}

#[test]
fn a_goal_stops_a_query_that_begins_with_not() {
    let proverif = early(EarlyStop::OnGoalReachable);
    let (wishes, findings, account) = read(proverif, &[QUERY, GOAL, GOAL]);
    assert_eq!(wishes, [StopMethod::Term]);
    assert!(findings.is_empty(), "a goal is no result line");
    let ruling = account.rule(Cause::Concluded, Some(Exit::Signal(15))).unwrap();
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
fn who_hopes_that_something_is_reachable_is_told_whether_it_is() {
    let sanity = ProVerif { sanity: true, ..ProVerif::default() };
    let told = |result: &str| verdict(sanity, &[QUERY, result]);
    assert_eq!(told("RESULT not event(E) is false."), Some(("reachable".into(), Counts::Ok)));
    assert_eq!(told("RESULT not event(E) is true."), Some(("unreachable".into(), Counts::Bad)));
    assert_eq!(
        told("RESULT not event(E) cannot be proved."),
        Some(("cannot be proved".into(), Counts::Open))
    );
    let both = ["RESULT not event(E) is false.", "RESULT not event(F) is true."];
    assert_eq!(verdict(sanity, &both), Some(("mixed".into(), Counts::Bad)));
    let early = ProVerif { early_stop: EarlyStop::OnGoalReachable, ..sanity };
    assert_eq!(verdict(early, &[QUERY, GOAL]), Some(("reachable".into(), Counts::Ok)));
}

#[test]
fn a_group_is_as_its_worst_member() {
    let group = ProVerif { worst: true, ..ProVerif::default() };
    let told = |words: &[&str]| {
        let lines: Vec<String> =
            (0..).zip(words).map(|(n, word)| format!("RESULT event(E{n}) ==> event(F) {word}.")).collect();
        verdict(group, &lines.iter().map(String::as_str).collect::<Vec<_>>()).map(|(word, _)| word)
    };
    assert_eq!(told(&["is true", "is false", "cannot be proved"]).as_deref(), Some("false"));
    assert_eq!(told(&["is true", "cannot be proved", "is true"]).as_deref(), Some("cannot be proved"));
    assert_eq!(told(&["is true", "is true"]).as_deref(), Some("true"));
    assert_eq!(told(&[]), None);
    let hopes = ProVerif { sanity: true, ..group };
    let lines = ["RESULT not event(E) is false.", "RESULT not event(F) is true."];
    assert_eq!(verdict(hopes, &lines), Some(("unreachable".into(), Counts::Bad)));
}

#[test]
fn a_verdict_that_a_setting_weakens_says_so() {
    let weakened = ProVerif { weakened: Some(Weakened::Trace), ..ProVerif::default() };
    let line = |result: &str| {
        let (_, _, account) = read(weakened, &[QUERY, result]);
        account.rule(Cause::Exited, Some(Exit::Code(0))).unwrap().line.unwrap().to_string()
    };
    let unproved = line("RESULT not attacker(s[]) cannot be proved.");
    assert!(
        unproved.ends_with("(weakened: with reconstructTrace = false an attack shows as this)"),
        "{unproved}"
    );
    assert_eq!(line("RESULT not attacker(s[]) is true."), "RESULT not attacker(s[]) is true.");
    for (setting, value, is_weak) in [
        ("reconstructTrace", "false", true),
        ("reconstructTrace", "0", true),
        ("reconstructTrace", "4", false),
        ("reconstructDerivation", "no", true),
        ("traceDisplay", "false", false),
    ] {
        assert_eq!(Weakened::by(setting, value).is_some(), is_weak, "{setting} {value}");
    }
}

#[test]
fn lemmas_are_not_the_querys_own_and_an_equivalence_is_no_lemma() {
    let proverif = ProVerif { lemmas: 1, ..ProVerif::default() };
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
    let (_, _, account) = read(ProVerif::default(), &["RESULT not attacker(a[]) is true."]);
    let says = |cause, exit| account.rule(cause, Some(exit)).ok().map(|ruling| ruling.verdict);
    assert_eq!(says(Cause::Exited, Exit::Signal(11)), None);
    assert_eq!(says(Cause::Exited, Exit::Code(3)), None);
    assert_eq!(says(Cause::Exited, Exit::Code(0)).as_deref(), Some("true"));
    assert_eq!(says(Cause::WallLimit, Exit::Signal(15)).as_deref(), Some("true"));
}

#[test]
fn an_error_is_shown_with_its_place() {
    let position = "File \"x.pv\", line 2, characters 16-18:";
    let line = |lines: &[&str]| {
        let (_, _, account) = read(ProVerif::default(), lines);
        account.rule(Cause::Exited, Some(Exit::Code(2))).unwrap_err()
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

/// So many results that some are beyond those that are known one by one.
const MANY: usize = MOST + 500;

/// The number of own results, of findings and of results that are none, and the verdict.
fn counted(proverif: ProVerif, lines: &[String]) -> (u64, usize, u64, Option<String>) {
    let lines: Vec<&str> = lines.iter().map(|line| &**line).collect();
    let (_, findings, account) = read(proverif, &lines);
    let kept = findings.iter().filter(|finding| finding.own).count() as u64;
    assert!(account.own() <= kept + account.omitted(), "{} of {kept}", account.own());
    let ruling = account.rule(Cause::Exited, Some(Exit::Code(0))).ok();
    (account.own(), findings.len(), account.omitted(), ruling.map(|ruling| ruling.verdict.to_string()))
}

fn results(word: &str) -> impl Iterator<Item = String> {
    (0..MANY).map(move |number| format!("RESULT not attacker(s{number}[]) is {word}."))
}

#[test]
fn results_beyond_the_most_are_added_up() {
    let all: Vec<_> = results("true").collect();
    assert_eq!(counted(ProVerif::default(), &all), (MANY as u64, MOST, 500, Some("true".into())));
    let one_is_false = [&all[..], &["RESULT not attacker(t[]) is false.".into()]].concat();
    assert_eq!(counted(ProVerif::default(), &one_is_false).3.as_deref(), Some("mixed"));
    let lemmas = ProVerif { lemmas: 2200, ..ProVerif::default() };
    assert_eq!(counted(lemmas, &all).0, MANY as u64 - 2200);
}

#[test]
fn a_group_beyond_the_most_is_provisional_too() {
    let group = || ["-- Query ".to_owned()].into_iter();
    let end = || ["FINAL RESULT:".to_owned()].into_iter();
    let lines: Vec<_> =
        results("true").chain(group()).chain(results("false")).chain(end()).chain(results("true")).collect();
    assert_eq!(
        counted(ProVerif::default(), &lines),
        (2 * MANY as u64, MOST, 2 * MANY as u64 + 500, Some("true".into()))
    );
    let whole: Vec<_> = results("false").chain(end()).chain(results("true")).collect();
    let lemmas = ProVerif { lemmas: u32::try_from(MANY).unwrap(), ..ProVerif::default() };
    assert_eq!(counted(lemmas, &whole).0, 0, "the lemmas of the group are still to come");
}

#[test]
fn a_summary_beyond_the_most_has_the_last_word() {
    let dashes = || ["-".repeat(62)].into_iter();
    let title = || ["Verification summary:".to_owned()].into_iter();
    let items = |word: &'static str| {
        let line = move |number| format!("Query not attacker(s{number}[]) is {word}.");
        dashes().chain(title()).chain((0..MANY).map(line)).chain(dashes())
    };
    let lines: Vec<_> = results("false").chain(items("false")).collect();
    assert_eq!(counted(ProVerif::default(), &lines), (MANY as u64, MOST, 500, Some("false".into())));
    let unheard: Vec<_> = items("true").collect();
    assert_eq!(counted(ProVerif::default(), &unheard), (MANY as u64, MOST, 500, Some("true".into())));
    let all_else: Vec<_> = results("false").chain(items("true")).collect();
    assert_eq!(counted(ProVerif::default(), &all_else).3.as_deref(), Some("true"));
    let again: Vec<_> = (0..5).flat_map(|_| items("true")).collect();
    assert_eq!(counted(ProVerif::default(), &again).0, MANY as u64);
}
