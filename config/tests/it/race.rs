//! `race`: a query for each command, and what is said where that cannot be.

use provisor_core::plan::Care;

use crate::support::{ids, plan, refusal};

/// The number of each query's race.
fn races(text: &str) -> Vec<Option<u32>> {
    let race = |care: &Care| match care {
        Care::Entrant { race } => Some(*race),
        Care::Member { .. } | Care::Rounds { .. } => None,
    };
    plan(text).plan.queries.iter().map(|query| query.care.as_deref().and_then(race)).collect()
}

const MATRIX: &str = r#"Job(
    name: "x",
    matrix: {"f": ["a.smt2", "b.smt2"]},
    race: [["z3", "{{ f }}"], ["/opt/cvc5", "--lang", "smt2", "{{ f }}"], ["./z3", "-T:60", "{{ f }}"]],
    expect: {"z3*": "unsat"},
    limits: (memory: "1 GiB"),
    rules: [(on: Regex("^(un)?sat$"), capture: Group(0))],
    passes: [Fast(wall: "1m", vars: {"n": 1}), Full(wall: "1h")],
)"#;

#[test]
fn each_command_of_a_race_is_a_query_that_is_called_by_its_question_and_its_program() {
    let lowered = plan(MATRIX);
    let expected = ["a.smt2/z3", "a.smt2/cvc5", "a.smt2/z3-2", "b.smt2/z3", "b.smt2/cvc5", "b.smt2/z3-2"];
    assert_eq!(ids(&lowered), expected);
    assert_eq!(races(MATRIX), [0, 0, 0, 1, 1, 1].map(Some));
    let query = &lowered.plan.queries[4];
    let argv = |pass| query.asking(pass).map(|asking| asking.command.argv.join(" "));
    assert_eq!(argv(0).as_deref(), Some("/opt/cvc5 --lang smt2 b.smt2"));
    assert_eq!(argv(1), argv(0), "in each of its passes");
    assert_eq!((&*query.axes, query.limits.memory), (&["b.smt2".into()][..], Some(1 << 30)));
    let expect: Vec<_> = lowered.plan.queries.iter().map(|query| query.expect.as_deref()).collect();
    assert_eq!(expect[..3], [Some("unsat"), None, Some("unsat")]);
}

#[test]
fn a_race_stands_in_place_of_any_command() {
    let commands = r#"Job(name: "x", commands: [
        (id: "goal", race: [["z3"], ["cvc5"]], after: ["build"]), (id: "build", run: ["make"]),
        (id: "all", run: ["cat"], after: ["goal/*"]),
    ])"#;
    let lowered = plan(commands);
    assert_eq!(ids(&lowered), ["goal/z3", "goal/cvc5", "build", "all"]);
    assert_eq!(races(commands), [Some(0), Some(0), None, None]);
    let needs: Vec<Vec<u32>> = lowered
        .plan
        .queries
        .iter()
        .map(|query| query.needs.iter().map(|need| need.query).collect())
        .collect();
    assert_eq!(needs, [vec![2], vec![2], vec![], vec![0, 1]]);
    let each = r#"Job(name: "x", each: ("h", {"a": (), "b": ()}), race: [["x", "{{ h }}"], ["y"]])"#;
    assert_eq!(ids(&plan(each)), ["a/x", "a/y", "b/x", "b/y"]);
}

#[test]
fn what_is_wrong_with_a_race_is_said_with_its_place() {
    let job = |job: &str, command: &str| {
        format!("Job(\n    name: \"x\", {job}\n    commands: [(id: \"q\", {command})],\n)")
    };
    let two = r#"race: [["a"], ["b"]]"#;
    for (text, said) in [
        (job("", &format!("run: [\"a\"], {two}")), "`run` and `race` cannot stand in one job"),
        (job("", "expect: \"ok\""), "a command has neither a `run` nor a `race`"),
        (job("", "race: [[\"a\"]]"), "one command alone is no race"),
        (job("", "race: []"), "`race` is empty"),
        (job("", "race: [[\"a\"], []]"), "the command is empty"),
        (job("", "race: [[\"a\"], [\"\"]]"), "the program of"),
        (job("group: (),", two), "what races cannot stand in a group"),
        (job("every: \"1s\",", two), "what races is not asked again by the clock"),
        (job(&format!("{two},"), "run: [\"a\"]"), "`race` belongs to `matrix` or `each`"),
    ] {
        let message = refusal(&text);
        assert!(message.contains(said), "{message}");
        assert!(message.contains("job.ron:3:") || message.contains("job.ron:2:"), "{message}");
        assert_eq!(message.matches("error:").count(), 1, "{message}");
    }
    let both = r#"Job(name: "x", matrix: {"f": [1]}, command: ["a"], race: [["a"], ["b"]])"#;
    assert!(refusal(both).contains("`command` and `race` cannot stand in one job"));
    let twice = r#"Job(name: "x", commands: [(id: "q", race: [["a"], ["b"]]), (id: "q/a", run: ["a"])])"#;
    assert!(refusal(twice).contains("`q/a`"), "{}", refusal(twice));
    let many = r#"Job(name: "x", matrix: {"f": 1..=600000}, race: [["a"], ["b"]])"#;
    assert!(refusal(many).contains("this makes 1200000 queries"));
    assert!(refusal(r#"Job(name: "x", matrix: {"f": [1]})"#).contains("needs a `command` or a `race`"));
}
