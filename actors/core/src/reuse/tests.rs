use std::time::Duration;

use super::*;

fn print(n: u8) -> Fingerprint {
    Fingerprint([n; 32])
}

fn past(id: &str, cause: &str, verdict: Option<&str>) -> Past {
    Past {
        id: id.into(),
        fingerprint: print(1),
        judging: print(2),
        cause: cause.into(),
        verdict: verdict.map(Into::into),
        counts: Counts::Ok,
        signalled: false,
        of_machine: false,
        limits: Limits { wall: Some(Duration::from_secs(10)), ..Limits::default() },
        log_is_whole: true,
    }
}

fn asked(id: &str) -> Asked<'_> {
    let limits = Limits { wall: Some(Duration::from_secs(10)), ..Limits::default() };
    Asked { id, fingerprint: print(1), judging: print(2), limits, expect: None, wanted: Wanted::AsUsual }
}

fn one(policy: Reuse, asked: Asked<'_>, past: Past) -> Decision {
    decide_all(policy, &[asked], &[past], false)[0]
}

/// Where all that is planned is asked.
fn decide_all(policy: Reuse, asked: &[Asked<'_>], past: &[Past], complete: bool) -> Vec<Decision> {
    decide(policy, asked, asked.iter().map(|query| query.id), past, complete)
}

#[test]
fn a_verdict_stands_and_what_has_none_is_run_again() {
    let settle = |cause, verdict| one(Reuse::Conclusive, asked("q"), past("q", cause, verdict));
    assert_eq!(settle("exited", Some("true")), Decision::Keep(0));
    assert_eq!(settle("concluded", Some("reachable")), Decision::Keep(0));
    for cause in ["exited", "cancelled", "deadline", "lost", "not-started", "unreaped"] {
        assert_eq!(settle(cause, None), Decision::Run(Why::Unsettled), "{cause}");
    }
    assert_eq!(settle("cancelled", Some("true")), Decision::Run(Why::Unsettled));
}

#[test]
fn an_unasked_signal_is_run_again_even_with_a_verdict() {
    let row = Past { signalled: true, ..past("q", "exited", Some("true")) };
    assert_eq!(one(Reuse::Conclusive, asked("q"), row.clone()), Decision::Run(Why::Unsettled));
    assert_eq!(one(Reuse::Unfinished, asked("q"), row), Decision::Run(Why::Unsettled));
}

#[test]
fn a_limit_stands_until_it_is_raised() {
    let limits = |wall| Limits { wall, ..Limits::default() };
    let row = past("q", "wall-limit", None);
    let with = |wall| one(Reuse::Conclusive, Asked { limits: limits(wall), ..asked("q") }, row.clone());
    assert_eq!(with(Some(Duration::from_secs(10))), Decision::Keep(0));
    assert_eq!(with(Some(Duration::from_secs(5))), Decision::Keep(0));
    assert_eq!(with(Some(Duration::from_secs(11))), Decision::Run(Why::LimitRaised));
    assert_eq!(with(None), Decision::Run(Why::LimitRaised));
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
            let decided = one(Reuse::Conclusive, Asked { limits: *limits, ..asked("q") }, row.clone());
            let is_its_own = cause == of;
            let expected = if is_its_own { Decision::Run(Why::LimitRaised) } else { Decision::Keep(0) };
            assert_eq!(decided, expected, "{cause}, and {of} raised");
        }
        assert_eq!(one(Reuse::Unfinished, asked("q"), row), Decision::Keep(0), "{cause}");
    }
}

#[test]
fn a_query_that_the_machine_had_no_memory_for_is_run_again() {
    for policy in [Reuse::Conclusive, Reuse::Unfinished] {
        let row = past("q", "memory-limit", None);
        assert_eq!(one(policy, asked("q"), row.clone()), Decision::Run(Why::Unsettled));
        let limits = Limits { memory: Some(10), ..row.limits };
        let query = Asked { limits, ..asked("q") };
        let own = Past { limits, ..row };
        assert_eq!(one(policy, query, own.clone()), Decision::Keep(0));
        let machine = Past { of_machine: true, ..own };
        assert_eq!(one(policy, query, machine), Decision::Run(Why::Unsettled), "its limit was not reached");
    }
}

#[test]
fn a_changed_query_is_run_and_a_renamed_one_is_kept() {
    let changed = Asked { fingerprint: print(9), ..asked("q") };
    assert_eq!(
        one(Reuse::Conclusive, changed, past("q", "exited", Some("true"))),
        Decision::Run(Why::Changed)
    );
    assert_eq!(
        one(Reuse::Conclusive, asked("new-name"), past("q", "exited", Some("true"))),
        Decision::Keep(0)
    );
    assert_eq!(
        one(Reuse::Conclusive, Asked { fingerprint: print(9), ..asked("x") }, past("q", "exited", None)),
        Decision::Run(Why::New)
    );
}

#[test]
fn a_row_that_is_still_asked_under_its_own_name_is_nobody_elses() {
    let decisions = decide_all(
        Reuse::Conclusive,
        &[asked("twin"), asked("q")],
        &[past("q", "exited", Some("true"))],
        false,
    );
    assert_eq!(decisions, [Decision::Run(Why::New), Decision::Keep(0)]);
}

#[test]
fn a_row_of_a_query_that_is_planned_and_not_chosen_is_nobody_elses() {
    let row = past("q", "exited", Some("true"));
    let decisions = decide(Reuse::Conclusive, &[asked("twin")], ["q", "twin"], &[row], false);
    assert_eq!(decisions, [Decision::Run(Why::New)]);
}

#[test]
fn a_renamed_row_is_kept_by_one_query_and_the_last_ones_by_their_order() {
    let rows = ["old", "x/1", "x/2"].map(|id| past(id, "exited", Some("true")));
    let alike = ["y/1", "y/2"].map(asked);
    let decisions = decide_all(Reuse::Conclusive, &alike, &rows, false);
    assert_eq!(decisions, [Decision::Keep(1), Decision::Keep(2)]);
    let decisions = decide_all(Reuse::Conclusive, &alike, &rows[..1], false);
    assert_eq!(decisions, [Decision::Run(Why::New), Decision::Keep(0)]);
}

#[test]
fn changed_rules_judge_the_log_again_unless_a_rule_had_stopped_it_or_it_is_gone() {
    let query = Asked { judging: print(7), ..asked("q") };
    let row = past("q", "exited", Some("true"));
    assert_eq!(one(Reuse::Conclusive, query, row.clone()), Decision::Judge(0));
    assert_eq!(
        one(Reuse::Conclusive, query, past("q", "concluded", Some("true"))),
        Decision::Run(Why::RulesChanged)
    );
    assert_eq!(
        one(Reuse::Conclusive, query, Past { log_is_whole: false, ..row }),
        Decision::Run(Why::RulesChanged)
    );
}

#[test]
fn the_unfinished_policy_takes_up_an_interrupted_run_and_starts_a_complete_one_anew() {
    let rows = [past("a", "exited", None), past("b", "cancelled", None)];
    let both = [asked("a"), asked("b")];
    assert_eq!(
        decide_all(Reuse::Unfinished, &both, &rows, false),
        [Decision::Keep(0), Decision::Run(Why::Unsettled)]
    );
    assert_eq!(decide_all(Reuse::Unfinished, &both[..1], &rows[..1], true), [Decision::Run(Why::Complete)]);
    assert_eq!(decide_all(Reuse::Unfinished, &both[..1], &rows[..1], false), [Decision::Keep(0)]);
}

#[test]
fn whoever_asks_gets_it() {
    let wanted = |wanted, expect| {
        let query = Asked { wanted, expect, ..asked("q") };
        one(Reuse::Conclusive, query, past("q", "exited", Some("true")))
    };
    assert_eq!(wanted(Wanted::Always, None), Decision::Run(Why::Asked));
    assert_eq!(wanted(Wanted::IfFailed, None), Decision::Keep(0));
    assert_eq!(wanted(Wanted::IfFailed, Some("true")), Decision::Keep(0));
    assert_eq!(wanted(Wanted::IfFailed, Some("false")), Decision::Run(Why::Asked), "by what is expected now");
    assert_eq!(one(Reuse::Never, asked("q"), past("q", "exited", Some("true"))), Decision::Run(Why::Asked));
}
