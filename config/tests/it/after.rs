//! `after`: who waits for whom, and what is said where that cannot be.

use provisor_config::{Lowered, Overrides};
use provisor_core::plan::{Condition, Need};

use crate::support::{Folder, ids, plan, plan_with, refusal};

/// Whom each query waits for that waits for somebody; `!` where these have to end well.
fn waits(lowered: &Lowered) -> Vec<String> {
    let queries = &lowered.plan.queries;
    let other = |need: &Need| {
        let mark = match &need.condition {
            Condition::Well => "!",
            Condition::Over => "",
            Condition::Says(verdict) => verdict,
        };
        format!("{mark}{}", queries[need.query as usize].id)
    };
    let waits = queries.iter().filter(|query| !query.needs.is_empty());
    let told = waits.map(|query| {
        format!("{}: {}", query.id, query.needs.iter().map(other).collect::<Vec<_>>().join(" "))
    });
    told.collect()
}

/// A job of these commands, each with fields of its own, and with these of the job.
fn commands(job: &str, commands: &[(&str, &str)]) -> String {
    let command = |(id, fields): &(&str, &str)| format!("        (id: \"{id}\", run: [\"a\"], {fields}),\n");
    let commands: String = commands.iter().map(command).collect();
    format!("Job(\n    name: \"x\", {job}\n    commands: [\n{commands}    ],\n)")
}

#[test]
fn a_command_waits_for_those_that_its_patterns_match_each_once_and_never_for_itself() {
    let lowered = plan(&commands(
        "",
        &[
            ("build/a", ""),
            ("build/b", ""),
            ("lint", ""),
            ("test", r#"after: ["build/*", "lint", "build/a", "test"]"#),
            ("report", r#"after: ["{lint,test}"], after_failure: Run"#),
            ("deploy", r#"after: ["t*"], after_failure: Skip"#),
            ("a", ""),
        ],
    ));
    let expected = ["test: !build/a !build/b !lint", "report: lint test", "deploy: !test"];
    assert_eq!(waits(&lowered), expected);
}

#[test]
fn a_pattern_is_one_on_the_last_part_or_on_all_of_an_id() {
    let of = |pattern: &str| {
        let waits_for = format!("after: [\"{pattern}\"]");
        let ids = ["a", "ab", "x/a", "x/ab", "x/y/a", "y/b"].map(|id| (id, ""));
        let all: Vec<_> = ids.into_iter().chain([("last", &*waits_for)]).collect();
        waits(&plan(&commands("", &all))).concat().replace("last: ", "").replace('!', "")
    };
    assert_eq!(of("a"), "a x/a x/y/a");
    assert_eq!(of("a*"), "a ab x/a x/ab x/y/a");
    assert_eq!(of("x/a"), "x/a");
    assert_eq!(of("x/*"), "x/a x/ab");
    assert_eq!(of("x/**"), "x/a x/ab x/y/a");
    assert_eq!(of("[xy]/?"), "x/a y/b");
    assert_eq!(of("*b"), "ab x/ab y/b");
}

#[test]
fn the_inner_one_goes_before_the_jobs_and_what_follows_a_failure_is_said_by_itself() {
    let lowered = plan(&commands(
        r#"after: ["setup"], after_failure: Run,"#,
        &[
            ("setup", ""),
            ("a", ""),
            ("b", "after_failure: Skip"),
            ("c", r#"after: ["a"]"#),
            ("free", "after: []"),
        ],
    ));
    assert_eq!(waits(&lowered), ["a: setup", "b: !setup", "c: a"]);
    let lowered = plan(&commands("after_failure: Run,", &[("a", ""), ("b", r#"after: ["a"]"#)]));
    assert_eq!(waits(&lowered), ["b: a"]);
}

#[test]
fn templates_name_the_one_of_the_same_axis_value() {
    let lowered = plan(
        r#"Job(name: "x", matrix: {"step": ["build", "test"], "of": ["a", "b"]}, command: ["{{ step }}", "{{ of }}"],
            after: ["build/{{ of }}"], cwd: "there")"#,
    );
    assert_eq!(waits(&lowered), ["test/a: !build/a", "test/b: !build/b"]);
    let lowered = plan(
        r#"Job(name: "x", each: ("host", {"a": (id: "first"), "b": (after: ["first"]), "c": (after: ["{{ before }}"], vars: {"before": "b"})}),
            command: ["e", "{{ host }}"])"#,
    );
    assert_eq!(waits(&lowered), ["b: !first", "c: !b"]);
    // Where the children work, a file has another path; its id has not.
    let lowered = Folder::with(&[("a.pv", "")]).plan(
        r#"Job(name: "x", matrix: {"file": Glob("*.pv"), "step": ["build", "test"]}, command: ["{{ step }}"],
            cwd: "elsewhere", after: ["{{ file.path }}/build"])"#,
    );
    assert_eq!(waits(&lowered), ["a.pv/test: !a.pv/build"]);
}

#[test]
fn queries_of_a_study_wait_as_well_beside_what_they_rest_on() {
    let model = "free c: channel.\nevent a.\nevent b.\n(* @lemma ordered *)\nlemma event(b) ==> event(a).\n\
                 (* @query one *)\nquery event(b).\n(* @query two *)\nquery event(a).\nprocess event a; event b; 0";
    let folder = Folder::with(&[("m.pv", model)]);
    let study = |name: &str| {
        let after = format!("{{{{ model.stem }}}}/{{{{ scenario }}}}/{name}");
        format!(
            r#"Job(name: "x", after: ["{after}"], study: (tool: ProVerif(), models: Glob("*.pv"), lemmas: AsAxioms))"#
        )
    };
    let both = "truem/base/ordered !m/base/ordered";
    let lowered = folder.plan(&study("ordered"));
    assert_eq!(waits(&lowered), ["one", "two"].map(|name| format!("m/base/{name}: {both}")));
    let message = folder.refusal(&study("two"));
    let circle = "`m/base/ordered` comes after `m/base/two`, `m/base/two` after `m/base/ordered`";
    assert!(message.contains(circle), "it rests on the lemma: {message}");
}

#[test]
fn what_a_chosen_query_comes_after_is_chosen_too() {
    let job = commands("", &[("a", ""), ("b", r#"after: ["a"]"#), ("c", r#"after: ["b"]"#), ("d", "")]);
    let overrides = Overrides { only: vec!["c".into()], ..Overrides::default() };
    assert_eq!(ids(&plan_with(&job, overrides)), ["a", "b", "c"]);
}

#[test]
fn what_cannot_be_is_told_with_its_place() {
    let table = [
        commands("", &[("build", ""), ("test", r#"after: ["biuld"]"#), ("b", r#"after: ["x/*", "["]"#)]),
        commands("", &[("build", ""), ("test", r#"after: ["biuld", "unlike-all"]"#)]),
        commands(
            "",
            &[("a", r#"after: ["b"]"#), ("b", r#"after: ["d", "c"]"#), ("c", r#"after: ["a"]"#), ("d", "")],
        ),
        commands(
            "",
            &[
                ("a", r#"after: ["b"]"#),
                ("b", r#"after: ["a"]"#),
                ("c", r#"after: ["d", "a"]"#),
                ("d", r#"after: ["c"]"#),
            ],
        ),
        commands(r#"after: ["*"],"#, &[("a", ""), ("b", "")]),
        commands("after_failure: Run,", &[("a", "")]),
        commands("", &[("a", ""), ("b", "after_failure: Skip")]),
        commands("", &[("a", r#"after: "b""#)]),
        commands("", &[("a", "after_failure: Stop")]),
        commands("", &[("a", r#"after: ["{{ nobody }}"]"#)]),
    ];
    let row = |spec: &String| format!("{spec}\n\n{}", refusal(spec));
    insta::assert_snapshot!(
        table.iter().map(row).collect::<Vec<_>>().join(&format!("\n{}\n", "=".repeat(80)))
    );
}

#[test]
fn a_long_circle_is_told_by_its_beginning_and_its_end() {
    let next = |at: usize| format!("after: [\"q{}\"]", (at + 1) % 40);
    let fields: Vec<_> = (0..40).map(|at| (format!("q{at}"), next(at))).collect();
    let fields: Vec<_> = fields.iter().map(|(id, after)| (&**id, &**after)).collect();
    let message = refusal(&commands("", &fields));
    let told = "`q0` comes after `q1`, `q1` after `q2`";
    assert!(message.contains(told), "{message}");
    assert!(message.contains("`q6` after `q7`, and so on, 40 in all, `q39` after `q0`: none"), "{message}");
}

#[test]
fn a_hundred_thousand_may_have_each_a_pattern_of_its_own() {
    let lowered = plan(
        r#"Job(name: "x", matrix: {"step": ["build", "test"], "n": 0..50000}, command: ["{{ step }}", "{{ n }}"],
            after: ["build/{{ n }}"])"#,
    );
    assert_eq!(waits(&lowered).len(), 50_000);
    assert_eq!(lowered.plan.queries[99_999].needs[0].query, 49_999);
}

#[test]
fn more_than_fit_are_refused() {
    let message = refusal(
        r#"Job(name: "x", matrix: {"step": ["build", "test"], "n": 0..3000}, command: ["{{ step }}", "{{ n }}"],
            after: ["build/*"])"#,
    );
    assert!(message.contains("too many"), "{message}");
}
