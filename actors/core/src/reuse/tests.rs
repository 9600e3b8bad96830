use std::time::Duration;

use super::*;
use crate::verdict::Counts;

const fn print(n: u8) -> Fingerprint {
    Fingerprint([n; 32])
}

const fn prints(command: u8, judging: u8) -> Prints {
    Prints { command: print(command), judging: print(judging) }
}

pub(super) fn past(id: &str, cause: &'static str, verdict: Option<&str>) -> Past {
    Past {
        id: id.into(),
        stands: true,
        pass: None,
        prints: prints(1, 2),
        answer: Answer {
            cause,
            verdict: verdict.map(Into::into),
            counts: Counts::Ok,
            signalled: false,
            of_machine: false,
        },
        limits: wall(10),
        log_is_whole: true,
    }
}

fn wall(seconds: u64) -> Limits {
    Limits { wall: Some(Duration::from_secs(seconds)), ..Limits::default() }
}

pub(super) fn asked(id: &str) -> Asked<'_> {
    let only = Only::default();
    let pass = AskedPass { name: None, only, prints: prints(1, 2), limits: wall(10) };
    Asked { id, passes: [pass].into(), expect: None, wanted: Wanted::AsUsual }
}

/// The same with these limits.
fn limited(limits: Limits) -> Asked<'static> {
    let mut asked = asked("q");
    asked.passes[0].limits = limits;
    asked
}

const fn run(why: Why) -> Decision {
    Decision::Run(why, Rung { pass: 0, said: None })
}

fn one(policy: Reuse, asked: Asked<'_>, past: Past) -> Decision {
    decide_all(policy, &[asked], &[past], false).remove(0)
}

/// What every log says by the new rules.
fn judged_again() -> Judgement {
    Judgement { verdict: Some("again".into()), ..Judgement::default() }
}

/// Where all that is planned is asked, and every log can be judged.
fn decide_all(policy: Reuse, asked: &[Asked<'_>], past: &[Past], complete: bool) -> Vec<Decision> {
    let planned = asked.iter().map(|query| query.id);
    decide(policy, asked, planned, past, complete, &mut |_| Some(judged_again()))
}

#[test]
fn a_verdict_stands_and_what_has_none_is_run_again() {
    let settle = |cause, verdict| one(Reuse::Conclusive, asked("q"), past("q", cause, verdict));
    assert_eq!(settle("exited", Some("true")), Decision::Keep(0));
    assert_eq!(settle("concluded", Some("reachable")), Decision::Keep(0));
    for cause in ["exited", "cancelled", "deadline", "lost", "not-started", "unreaped"] {
        assert_eq!(settle(cause, None), run(Why::Unsettled), "{cause}");
    }
    assert_eq!(settle("cancelled", Some("true")), run(Why::Unsettled));
    assert_eq!(
        settle("outrun", None),
        Decision::Keep(0),
        "whether another one's answer stands is asked afterwards"
    );
}

#[test]
fn an_unasked_signal_is_run_again_even_with_a_verdict() {
    let mut row = past("q", "exited", Some("true"));
    row.answer.signalled = true;
    assert_eq!(one(Reuse::Conclusive, asked("q"), row.clone()), run(Why::Unsettled));
    assert_eq!(one(Reuse::Unfinished, asked("q"), row), run(Why::Unsettled));
}

#[test]
fn a_limit_stands_until_it_is_raised() {
    let limits = |wall| Limits { wall, ..Limits::default() };
    let row = past("q", "wall-limit", None);
    let with = |wall| one(Reuse::Conclusive, limited(limits(wall)), row.clone());
    assert_eq!(with(Some(Duration::from_secs(10))), Decision::Keep(0));
    assert_eq!(with(Some(Duration::from_secs(5))), Decision::Keep(0));
    assert_eq!(with(Some(Duration::from_secs(11))), run(Why::LimitRaised));
    assert_eq!(with(None), run(Why::LimitRaised));
}

#[test]
fn each_limit_stands_until_it_is_raised_itself() {
    let then = Limits {
        wall: Some(Duration::from_secs(10)),
        silence: Some(Duration::from_secs(10)),
        cpu: Some(Duration::from_secs(10)),
        memory: Some(10),
        output: Some(10),
        processes: Some(10),
        ..Limits::default()
    };
    let raised: [(&str, Limits); 6] = [
        ("wall-limit", Limits { wall: Some(Duration::from_secs(11)), ..then }),
        ("silent", Limits { silence: None, ..then }),
        ("cpu-limit", Limits { cpu: Some(Duration::from_secs(11)), ..then }),
        ("memory-limit", Limits { memory: Some(11), ..then }),
        ("output-limit", Limits { output: None, ..then }),
        ("process-limit", Limits { processes: Some(11), ..then }),
    ];
    for (cause, _) in &raised {
        let row = Past { limits: then, ..past("q", cause, None) };
        for (of, limits) in &raised {
            let decided = one(Reuse::Conclusive, limited(*limits), row.clone());
            let is_its_own = cause == of;
            let expected = if is_its_own { run(Why::LimitRaised) } else { Decision::Keep(0) };
            assert_eq!(decided, expected, "{cause}, and {of} raised");
        }
        assert_eq!(one(Reuse::Unfinished, asked("q"), row), Decision::Keep(0), "{cause}");
    }
}

#[test]
fn a_query_that_the_machine_had_no_memory_for_is_run_again() {
    for policy in [Reuse::Conclusive, Reuse::Unfinished] {
        let row = past("q", "memory-limit", None);
        assert_eq!(one(policy, asked("q"), row.clone()), run(Why::Unsettled));
        let limits = Limits { memory: Some(10), ..row.limits };
        let own = Past { limits, ..row };
        assert_eq!(one(policy, limited(limits), own.clone()), Decision::Keep(0));
        let mut machine = own;
        machine.answer.of_machine = true;
        assert_eq!(one(policy, limited(limits), machine), run(Why::Unsettled), "its limit was not reached");
    }
}

#[test]
fn a_changed_query_is_run_and_a_renamed_one_is_kept() {
    let changed = |id| {
        let mut query = asked(id);
        query.passes[0].prints = prints(9, 2);
        query
    };
    assert_eq!(one(Reuse::Conclusive, changed("q"), past("q", "exited", Some("true"))), run(Why::Changed));
    assert_eq!(
        one(Reuse::Conclusive, asked("new-name"), past("q", "exited", Some("true"))),
        Decision::Keep(0)
    );
    assert_eq!(one(Reuse::Conclusive, changed("x"), past("q", "exited", None)), run(Why::New));
}

#[test]
fn a_row_that_is_still_asked_under_its_own_name_is_nobody_elses() {
    let decisions = decide_all(
        Reuse::Conclusive,
        &[asked("twin"), asked("q")],
        &[past("q", "exited", Some("true"))],
        false,
    );
    assert_eq!(decisions, [run(Why::New), Decision::Keep(0)]);
}

#[test]
fn a_row_of_a_query_that_is_planned_and_not_chosen_is_nobody_elses() {
    let row = past("q", "exited", Some("true"));
    let decisions = decide(Reuse::Conclusive, &[asked("twin")], ["q", "twin"], &[row], false, &mut |_| None);
    assert_eq!(decisions, [run(Why::New)]);
}

#[test]
fn a_renamed_row_is_kept_by_one_query_and_the_last_ones_by_their_order() {
    let rows = ["old", "x/1", "x/2"].map(|id| past(id, "exited", Some("true")));
    let alike = ["y/1", "y/2"].map(asked);
    let decisions = decide_all(Reuse::Conclusive, &alike, &rows, false);
    assert_eq!(decisions, [Decision::Keep(1), Decision::Keep(2)]);
    let decisions = decide_all(Reuse::Conclusive, &alike, &rows[..1], false);
    assert_eq!(decisions, [run(Why::New), Decision::Keep(0)]);
}

#[test]
fn changed_rules_judge_the_log_again_unless_a_rule_had_stopped_it_or_it_is_gone() {
    let mut query = asked("q");
    query.passes[0].prints = prints(1, 7);
    let row = past("q", "exited", Some("true"));
    let again = Decision::Judge { row: 0, pass: 0, judgement: Box::new(judged_again()) };
    assert_eq!(one(Reuse::Conclusive, query.clone(), row.clone()), again);
    assert_eq!(
        one(Reuse::Conclusive, query.clone(), past("q", "concluded", Some("true"))),
        run(Why::RulesChanged)
    );
    let row_alone = std::slice::from_ref(&row);
    let gone = decide(Reuse::Conclusive, &[query.clone()], ["q"], row_alone, false, &mut |log| {
        assert_eq!(log, ToJudge { row: 0, query: 0, pass: 0 });
        None
    });
    assert_eq!(gone, [run(Why::RulesChanged)]);
    assert_eq!(one(Reuse::Conclusive, query, Past { log_is_whole: false, ..row }), run(Why::RulesChanged));
}

#[test]
fn the_unfinished_policy_takes_up_an_interrupted_run_and_starts_a_complete_one_anew() {
    let rows = [past("a", "exited", None), past("b", "cancelled", None)];
    let both = [asked("a"), asked("b")];
    assert_eq!(decide_all(Reuse::Unfinished, &both, &rows, false), [Decision::Keep(0), run(Why::Unsettled)]);
    assert_eq!(decide_all(Reuse::Unfinished, &both[..1], &rows[..1], true), [run(Why::Complete)]);
    assert_eq!(decide_all(Reuse::Unfinished, &both[..1], &rows[..1], false), [Decision::Keep(0)]);
}

#[test]
fn whoever_asks_gets_it() {
    let wanted = |wanted, expect| {
        let query = Asked { wanted, expect, ..asked("q") };
        one(Reuse::Conclusive, query, past("q", "exited", Some("true")))
    };
    assert_eq!(wanted(Wanted::Always, None), run(Why::Asked));
    assert_eq!(wanted(Wanted::IfFailed, None), Decision::Keep(0));
    assert_eq!(wanted(Wanted::IfFailed, Some("true")), Decision::Keep(0));
    assert_eq!(wanted(Wanted::IfFailed, Some("false")), run(Why::Asked), "by what is expected now");
    assert_eq!(one(Reuse::Never, asked("q"), past("q", "exited", Some("true"))), run(Why::Asked));
}

/// A ladder of a quick pass and a full one, which follows after all but `true`.
fn ladder(id: &str) -> Asked<'_> {
    let pass = |name, command, seconds| AskedPass {
        name: Some(name),
        only: Only::NotTrue,
        prints: prints(command, 2),
        limits: wall(seconds),
    };
    Asked { passes: [pass("fast", 1, 10), pass("full", 3, 100)].into(), ..asked(id) }
}

/// An attempt of the quick pass that was followed by the next one.
fn fast(cause: &'static str, verdict: Option<&str>) -> Past {
    Past { stands: false, pass: Some("fast".into()), ..past("q", cause, verdict) }
}

fn full(cause: &'static str, verdict: Option<&str>) -> Past {
    let row = past("q", cause, verdict);
    Past { pass: Some("full".into()), prints: prints(3, 2), limits: wall(100), ..row }
}

fn go_on(why: Why, pass: usize, said: Option<(&str, &str)>) -> Decision {
    let said = said.map(|(pass, verdict)| Said { pass: Some(pass.into()), verdict: verdict.into() });
    Decision::Run(why, Rung { pass, said })
}

fn resume(asked: Asked<'_>, past: &[Past]) -> Decision {
    decide_all(Reuse::Conclusive, &[asked], past, false).remove(0)
}

#[test]
fn an_interrupted_ladder_goes_on_with_the_pass_that_comes_next() {
    let said = Some(("fast", "maybe"));
    let maybe = || fast("exited", Some("maybe"));
    assert_eq!(resume(ladder("q"), &[maybe()]), go_on(Why::NextPass, 1, said));
    assert_eq!(resume(ladder("q"), &[maybe(), full("cancelled", None)]), go_on(Why::Unsettled, 1, said));
    assert_eq!(resume(ladder("q"), &[fast("wall-limit", None)]), go_on(Why::NextPass, 1, None));
    // It had no verdict, and was followed all the same.
    assert_eq!(resume(ladder("q"), &[fast("exited", None)]), go_on(Why::NextPass, 1, None));
    assert_eq!(resume(ladder("q"), &[maybe(), full("exited", Some("false"))]), Decision::Keep(1));
    assert_eq!(resume(ladder("q"), &[fast("exited", Some("true"))]), Decision::Keep(0), "nothing follows");
}

#[test]
fn a_raised_limit_runs_the_pass_again_that_reached_it_where_it_was_the_one_that_decided() {
    let with = |first, second| {
        let mut query = ladder("q");
        (query.passes[0].limits, query.passes[1].limits) = (wall(first), wall(second));
        resume(query, &[fast("wall-limit", None), full("wall-limit", None)])
    };
    assert_eq!(with(10, 100), Decision::Keep(1));
    assert_eq!(with(10, 200), go_on(Why::LimitRaised, 1, None));
    assert_eq!(with(20, 100), Decision::Keep(1), "the first pass did not decide");
    assert_eq!(with(20, 200), run(Why::LimitRaised), "nothing is known of the first pass by now");
}

#[test]
fn a_pass_that_was_appended_goes_on_from_the_attempt_that_there_is() {
    let row = || past("q", "exited", Some("maybe"));
    assert_eq!(resume(ladder("q"), &[row()]), go_on(Why::NextPass, 1, Some(("fast", "maybe"))));
    assert_eq!(resume(ladder("q"), &[past("q", "exited", Some("true"))]), Decision::Keep(0));
    let mut three = ladder("q");
    let last = AskedPass { name: Some("endless"), only: Only::Limited, ..three.passes[1] };
    three.passes = three.passes.iter().copied().chain([last]).collect();
    three.passes[2].limits = wall(1000);
    let rows = [fast("exited", Some("maybe")), full("wall-limit", None)];
    assert_eq!(resume(three.clone(), &rows), go_on(Why::NextPass, 2, Some(("fast", "maybe"))));
    assert_eq!(resume(three, &[rows[0].clone(), full("exited", Some("false"))]), Decision::Keep(1));
}

#[test]
fn a_ladder_of_limits_alone_knows_its_passes_by_their_names_and_by_what_their_limits_say() {
    let rungs = |names: [&'static str; 3], limits: [u64; 3]| {
        let pass = |(name, limit)| AskedPass {
            name: Some(name),
            only: Only::Limited,
            prints: prints(1, 2),
            limits: wall(limit),
        };
        Asked { passes: names.into_iter().zip(limits).map(pass).collect(), ..asked("q") }
    };
    let attempt = |name: &str, seconds, stands| Past {
        stands,
        pass: Some(name.into()),
        limits: wall(seconds),
        ..past("q", "wall-limit", None)
    };
    let rows = [attempt("a", 5, false), attempt("b", 30, true)];
    assert_eq!(resume(rungs(["a", "b", "c"], [5, 30, 90]), &rows), go_on(Why::NextPass, 2, None));
    assert_eq!(resume(rungs(["b", "c", "d"], [30, 90, 300]), &rows), go_on(Why::NextPass, 1, None));
    assert_eq!(resume(rungs(["x", "y", "z"], [5, 30, 90]), &rows), go_on(Why::LimitRaised, 2, None));
    assert_eq!(resume(rungs(["a", "b", "c"], [60, 90, 120]), &rows), run(Why::LimitRaised));
    // What a shorter limit has seen to its end is true of a longer one, unless it is known as the pass before.
    let own_end = Past { pass: Some("a".into()), ..past("q", "exited", Some("false")) };
    assert_eq!(resume(rungs(["a", "b", "c"], [5, 30, 90]), &[own_end]), Decision::Keep(0));
}

#[test]
fn who_asks_for_a_query_gets_all_of_its_passes_and_an_unfinished_ladder_has_not_failed() {
    let rows = [fast("exited", Some("maybe")), full("exited", Some("false"))];
    let wanted = |wanted| Asked { wanted, expect: Some("true"), ..ladder("q") };
    assert_eq!(resume(wanted(Wanted::Always), &rows), run(Why::Asked));
    assert_eq!(resume(wanted(Wanted::IfFailed), &rows), run(Why::Asked));
    let said = Some(("fast", "maybe"));
    assert_eq!(resume(wanted(Wanted::IfFailed), &rows[..1]), go_on(Why::NextPass, 1, said));
    let fresh = decide_all(Reuse::Never, &[ladder("q")], &rows, false);
    assert_eq!(fresh, [run(Why::Asked)]);
    let anew = decide_all(Reuse::Unfinished, &[ladder("q")], &rows, true);
    assert_eq!(anew, [run(Why::Complete)]);
}

#[test]
fn what_was_known_without_an_attempt_is_decided_anew_and_goes_on_where_its_attempts_have_come() {
    for cause in ["implied", "skipped"] {
        for policy in [Reuse::Conclusive, Reuse::Unfinished] {
            let derived = || past("q", cause, Some("true"));
            assert_eq!(one(policy, asked("q"), derived()), run(Why::Derived), "{cause}");
            let rows = [fast("wall-limit", None), derived()];
            let decided = decide_all(policy, &[ladder("q")], &rows, false);
            assert_eq!(decided, [go_on(Why::NextPass, 1, None)], "{cause}");
        }
        assert_eq!(one(Reuse::Conclusive, asked("other"), past("q", cause, None)), run(Why::New), "{cause}");
        let failed = Asked { wanted: Wanted::IfFailed, ..asked("q") };
        assert_eq!(one(Reuse::Conclusive, failed, past("q", cause, None)), run(Why::Derived), "{cause}");
    }
}

#[test]
fn whether_a_pass_follows_is_decided_by_what_todays_rules_say() {
    let by_new_rules = |says: Option<&'static str>, row: Past| {
        let mut query = ladder("q");
        query.passes[0].prints = prints(1, 7);
        let judge = &mut |_| Some(Judgement { verdict: says.map(Into::into), ..Judgement::default() });
        decide(Reuse::Conclusive, &[query], ["q"], &[row], false, judge).remove(0)
    };
    let maybe = fast("exited", Some("maybe"));
    assert!(matches!(by_new_rules(Some("true"), maybe.clone()), Decision::Judge { row: 0, pass: 0, .. }));
    assert_eq!(by_new_rules(Some("false"), maybe), go_on(Why::NextPass, 1, Some(("fast", "false"))));
    let proved = fast("exited", Some("true"));
    assert_eq!(by_new_rules(Some("false"), proved.clone()), go_on(Why::NextPass, 1, Some(("fast", "false"))));
    let gone = Past { log_is_whole: false, ..proved };
    assert_eq!(by_new_rules(Some("false"), gone), run(Why::RulesChanged));
}

#[test]
fn a_renamed_ladder_is_known_by_the_pass_that_decided() {
    let row = full("exited", Some("false"));
    assert_eq!(resume(ladder("new"), std::slice::from_ref(&row)), Decision::Keep(0));
    let step = Past { stands: false, ..row };
    assert_eq!(resume(ladder("new"), &[step]), run(Why::New), "only a row can be claimed");
}
