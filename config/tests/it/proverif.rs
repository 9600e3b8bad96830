//! The ProVerif preset: options, models, libraries, early stops.

use std::path::PathBuf;

use provisor_core::plan::Reuse;
use provisor_core::proverif::{EarlyStop, ProVerif};
use provisor_core::verdict::Preset;

use crate::support::{Folder, argv, plan, warnings};

const ONE: &str = "free s: bitstring [private].\nquery attacker(s).\nprocess 0\n";
const LEMMA: &str = "event A.\nlemma event(A).\nquery attacker(s).\nprocess 0\n";
const TWO: &str = "query attacker(a).\nquery attacker(b).\nprocess 0\n";
const EQUIVALENCE: &str = "equivalence (process 0) (process 0)\n";

fn job(preset: &str, command: &str) -> String {
    format!(r#"Job(name: "p", commands: [(id: "q", run: [{command}], preset: {preset})])"#)
}

fn reading(folder: &Folder, preset: &str, command: &str) -> ProVerif {
    let lowered = folder.plan(&job(preset, command));
    match &lowered.plan.queries[0].judging.preset {
        Some(Preset::ProVerif(reading)) => *reading,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_options_stand_before_the_model() {
    let folder = Folder::with(&[("m.pv", ONE)]);
    for (preset, wanted) in [
        ("\"proverif\"", &["proverif", "-test", "m.pv"][..]),
        ("ProVerif", &["proverif", "-test", "m.pv"]),
        ("ProVerif(early_stop: OnGoalReachable)", &["proverif", "-test", "m.pv"]),
        ("ProVerif(fast: true)", &["proverif", "-test", "-set", "reconstructDerivation", "false", "m.pv"]),
        (
            "ProVerif(early_stop: OnRefutingGoal)",
            &["proverif", "-test", "-set", "verboseGoalReachable", "false", "m.pv"],
        ),
        (
            "ProVerif(early_stop: OnRefutingGoal, fast: true)",
            &[
                "proverif",
                "-test",
                "-set",
                "reconstructDerivation",
                "false",
                "-set",
                "verboseGoalReachable",
                "false",
                "m.pv",
            ],
        ),
    ] {
        let lowered = folder.plan(&job(preset, r#""proverif", "-test", "m.pv""#));
        assert_eq!(argv(&lowered.plan.queries[0]), wanted, "{preset}");
        assert!(lowered.warnings.is_empty());
        assert_eq!(lowered.plan.reuse, Reuse::Conclusive);
    }
    let typed = r#""proverif", "-in", "pitype", "m.pv""#;
    let lowered = folder.plan(&job("ProVerif(fast: true)", typed));
    let wanted = ["proverif", "-in", "pitype", "-set", "reconstructDerivation", "false", "m.pv"];
    assert_eq!(argv(&lowered.plan.queries[0]), wanted);
}

#[test]
fn lemmas_are_counted_in_the_model_and_its_libraries() {
    let folder =
        Folder::with(&[("m.pv", LEMMA), ("l.pvl", "lemma event(B).\n"), ("sub/default.pvl", "lemma x.\n")]);
    assert_eq!(reading(&folder, "\"proverif\"", r#""proverif", "m.pv""#).lemmas, 1);
    assert_eq!(reading(&folder, "\"proverif\"", r#""proverif", "-lib", "l", "m.pv""#).lemmas, 2);
    let elsewhere = r#"Job(name: "p", preset: "proverif",
        commands: [(id: "q", run: ["proverif", "../m.pv"], cwd: "sub")])"#;
    let lowered = folder.plan(elsewhere);
    let wanted = ProVerif { lemmas: 2, ..ProVerif::default() };
    assert_eq!(lowered.plan.queries[0].judging.preset, Some(Preset::ProVerif(wanted)));
    // A command without a model, or with one that is not there, is the child's business.
    assert_eq!(reading(&folder, "\"proverif\"", r#""wrapper", "x""#).lemmas, 0);
    assert_eq!(reading(&folder, "\"proverif\"", r#""proverif", "gone.pv""#).lemmas, 0);
}

#[test]
fn no_early_stop_where_it_would_be_wrong() {
    let folder = Folder::with(&[
        ("one.pv", ONE),
        ("two.pv", TWO),
        ("lemma.pv", LEMMA),
        ("equivalence.pv", EQUIVALENCE),
        ("more.pvl", "query attacker(z).\n"),
    ]);
    let stop = |model: &str| {
        let command = format!(r#""proverif", "{model}""#);
        reading(&folder, "ProVerif(early_stop: OnRefutingGoal)", &command).early_stop
    };
    assert_eq!(stop("one.pv"), EarlyStop::OnRefutingGoal);
    assert_eq!(stop("two.pv"), EarlyStop::Off);
    assert_eq!(stop("lemma.pv"), EarlyStop::Off);
    assert_eq!(stop("equivalence.pv"), EarlyStop::Off);
    let with_library = r#""proverif", "-lib", "more.pvl", "one.pv""#;
    let stopped = reading(&folder, "ProVerif(early_stop: OnGoalReachable)", with_library).early_stop;
    assert_eq!(stopped, EarlyStop::Off);

    let lowered = folder.plan(
        r#"Job(name: "p", matrix: {"m": Glob("*.pv")}, id: "{{ m.stem }}", command: ["proverif", "{{ m }}"],
            preset: ProVerif(early_stop: OnGoalReachable))"#,
    );
    insta::assert_snapshot!(warnings(&lowered));
}

#[test]
fn a_rule_that_stops_at_goal_reachable_is_warned_about() {
    let lowered = plan(
        r#"Job(name: "p", preset: "proverif", commands: [(id: "q", run: ["proverif", "m.pv"])],
            rules: [(on: Prefix("goal reachable"), verdict: "reachable", stop: true)])"#,
    );
    insta::assert_snapshot!(warnings(&lowered));
    let harmless = r#"Job(name: "p", commands: [(id: "q", run: ["proverif", "m.pv"])],
            rules: [(on: Prefix("goal reachable"), verdict: "reachable", stop: true)])"#;
    assert!(plan(harmless).warnings.is_empty());
}

#[test]
fn what_the_options_could_not_do_is_refused() {
    let folder = Folder::with(&[
        (
            "own.pv",
            "(* set in a comment *)\nset reconstructDerivation = true.\nset verboseGoalReachable = yes.\nprocess 0\n",
        ),
        ("lib.pvl", "set reconstructDerivation = true.\n"),
        ("one.pv", ONE),
    ]);
    let refusals: Vec<String> = [
        ("ProVerif(fast: true)", r#""proverif", "own.pv""#),
        ("ProVerif(fast: true)", r#""proverif", "-lib", "lib", "one.pv""#),
        ("ProVerif(early_stop: OnRefutingGoal)", r#""proverif", "own.pv""#),
        ("ProVerif(early_stop: OnGoalReachable)", r#""proverif", "gone.pv""#),
        ("ProVerif(fast: true)", r#""sh", "-c", "proverif $1""#),
    ]
    .iter()
    .map(|(preset, command)| folder.refusal(&job(preset, command)))
    .collect();
    insta::assert_snapshot!(refusals.join("\n"));
    folder.plan(&job("ProVerif(early_stop: OnGoalReachable)", r#""proverif", "own.pv""#));
}

#[test]
fn libraries_are_inputs() {
    let folder = Folder::with(&[("m.pv", ONE), ("l.pvl", ""), ("default.pvl", "")]);
    let inputs = |more: &str, command: &str| {
        let lowered = folder.plan(&format!(
            r#"Job(name: "p", {more} preset: "proverif", commands: [(id: "q", run: [{command}])])"#
        ));
        lowered.plan.queries[0].inputs.clone()
    };
    let paths = |names: &[&str]| names.iter().map(|name| PathBuf::from(folder.at(name))).collect::<Vec<_>>();
    let silent = inputs("", r#""proverif", "m.pv""#);
    assert_eq!((silent.argv, &silent.files), (true, &paths(&["default.pvl"])));
    assert_eq!(inputs("", r#""proverif", "-lib", "l", "m.pv""#).files, paths(&["l.pvl"]));
    assert_eq!(inputs(r#"inputs: ["x"],"#, r#""proverif", "m.pv""#).files, paths(&["x", "default.pvl"]));
    let only = inputs(r#"inputs: Only(["x"]),"#, r#""proverif", "m.pv""#);
    assert_eq!((only.argv, &only.files), (false, &paths(&["x"])));
}
