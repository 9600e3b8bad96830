//! `passes`: what each pass of a query executes, and when it follows.

use std::time::Duration;

use provisor_core::Query;
use provisor_core::plan::Only;
use provisor_core::verdict::Preset;

use crate::support::{Folder, argv, plan, refusal};

const MINUTE: Duration = Duration::from_secs(60);

/// Name, wall limit and argv of each pass.
fn passes(query: &Query) -> Vec<(String, Option<Duration>, Vec<String>)> {
    let pass = |n| {
        let asking = query.asking(n).expect("within");
        let argv = asking.command.argv.iter().map(ToString::to_string).collect();
        (asking.name.map(ToString::to_string).unwrap_or_default(), asking.limits.wall, argv)
    };
    (0..query.passes()).map(pass).collect()
}

fn only(query: &Query) -> Vec<Only> {
    query.further.iter().map(|pass| pass.only).collect()
}

#[test]
fn a_ladder_of_limits_asks_the_same_with_more_time() {
    let lowered = plan(
        r#"Job(name: "x", limits: (wall: "1h", grace: "1s"), commands: [(id: "a", run: ["e", "1"])],
            passes: [Full(wall: "5m"), Full(wall: "30m"), Full(name: "last", cpu: "9h")])"#,
    );
    let query = &lowered.plan.queries[0];
    let argv = vec!["e".to_owned(), "1".to_owned()];
    let wanted = [("full", 5, &argv), ("full-2", 30, &argv), ("last", 60, &argv)];
    let wanted: Vec<_> =
        wanted.map(|(name, wall, argv)| (name.to_owned(), Some(wall * MINUTE), argv.clone())).into();
    assert_eq!(passes(query), wanted);
    assert_eq!(only(query), [Only::Limited, Only::Limited]);
    assert_eq!(query.asking(2).unwrap().limits.cpu, Some(540 * MINUTE));
    assert_eq!(query.asking(2).unwrap().limits.grace, Duration::from_secs(1));
}

#[test]
fn one_pass_is_a_query_like_any_other() {
    let lowered = plan(r#"Job(name: "x", commands: [(id: "a", run: ["e"])], passes: [Full(wall: "1m")])"#);
    assert_eq!(passes(&lowered.plan.queries[0]), [(String::new(), Some(MINUTE), vec!["e".to_owned()])]);
}

#[test]
fn a_fast_pass_of_proverif_stops_at_the_goal_and_a_full_one_follows_unless_it_proved() {
    let folder = Folder::with(&[("m.pv", "free c: channel.\nquery attacker(c).\nprocess 0")]);
    let lowered = folder.plan(
        r#"Job(name: "x", preset: ProVerif, commands: [(id: "a", run: ["proverif", "m.pv"])],
            passes: [Fast(wall: "10m"), Full, Full(only: NotWell)])"#,
    );
    let query = &lowered.plan.queries[0];
    assert_eq!(argv(query), ["proverif", "-set", "reconstructDerivation", "false", "m.pv"]);
    let of: Vec<_> = passes(query).into_iter().map(|(name, _, argv)| (name, argv.len())).collect();
    assert_eq!(of, [("fast".to_owned(), 5), ("full".to_owned(), 2), ("full-2".to_owned(), 2)]);
    assert_eq!(only(query), [Only::NotTrue, Only::NotWell]);
    assert!(matches!(query.asking(1).unwrap().judging.preset, Some(Preset::ProVerif(_))));
}

#[test]
fn the_variables_of_a_pass_go_before_those_of_the_job() {
    let lowered = plan(
        r#"Job(name: "x", vars: {"effort": 1, "seed": 7}, command: ["e", "{{ n }}", "{{ effort }}", "{{ seed }}"],
            matrix: {"n": [3]}, passes: [Fast(), Full(vars: {"effort": 9}, only: Open)])"#
            .replace("Fast()", r#"Fast(vars: {"effort": 0})"#)
            .as_str(),
    );
    let argvs: Vec<_> =
        passes(&lowered.plan.queries[0]).into_iter().map(|(.., argv)| argv[1..].join(" ")).collect();
    assert_eq!(argvs, ["3 0 7", "3 9 7"]);
}

#[test]
fn what_is_typed_goes_before_every_pass() {
    let folder = Folder::with(&[]);
    let overrides = provisor_config::Overrides {
        wall: Some(MINUTE),
        set: vec![("effort".into(), "5".into())],
        ..Default::default()
    };
    let text = r#"Job(name: "x", commands: [(id: "a", run: ["e", "{{ effort }}"])],
        passes: [Full(wall: "5m", vars: {"effort": 1}), Full(wall: "9m", vars: {"effort": 2})])"#;
    let lowered = folder.parse_with(text, overrides).expect("a good spec");
    let of = |n| {
        let asking = lowered.plan.queries[0].asking(n).unwrap();
        (asking.limits.wall, asking.command.argv[1].to_string())
    };
    assert_eq!([of(0), of(1)], [(Some(MINUTE), "5".to_owned()), (Some(MINUTE), "5".to_owned())]);
}

#[test]
fn passes_that_mean_nothing_are_refused() {
    let job = |passes: &str| {
        refusal(&format!(
            "Job(name: \"x\", commands: [(id: \"a\", run: [\"e\"])],\n    passes: [{passes}],\n)"
        ))
    };
    for (passes, said) in [
        ("", "`passes` is empty"),
        ("Full(only: NotTrue), Full", "the first pass has none before it"),
        ("Full(name: \"a/b\"), Full", "`a/b` is no name of a pass"),
        ("Full(name: \"a\"), Full(name: \"a\")", "two passes have the name `a`"),
        ("Fast(wall: \"1m\"), Full", "what a fast pass does is known for ProVerif only"),
        ("Full(wall: \"0s\"), Full", "the limit `wall` is zero"),
        ("Full(vars: {\"t\": \"{{ x }}\"}), Full", "`t` holds a template"),
        ("Quick", "expected a pass: Fast(...) or Full(...)"),
        ("Full(walls: \"1m\")", "did you mean `wall`?"),
    ] {
        let message = job(passes);
        assert!(message.contains(said), "{passes}: {message}");
        assert!(message.contains("job.ron:2:"), "it says where: {message}");
    }
}
