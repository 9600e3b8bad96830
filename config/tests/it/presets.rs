//! Presets as files: those that are built in, those of a user, and what is said about a wrong one.

use proptest::prelude::*;
use provisor_config::presets::{self, Described};
use provisor_core::plan::{Judging, Reuse};
use provisor_core::rules::Judge;
use provisor_core::tool::{AddsUp, Role, Tool};
use provisor_core::verdict::{Counts, Preset};

use crate::support::{Folder, ids, plan, refusal};

const MINE: &str = r##"// mine
Preset(
    about: "an oracle",
    reuse: Unfinished,
    adds_up: LastOfEach,
    words: {"silent": Open},
    rules: [
        (on: Regex("^(\\w+) is (yes|no)$"), capture: Group(2), about: Group(1), value: Group(1)),
        (on: Prefix("lost"), stream: Both, verdict: "error", counts: Bad, role: Doubt, note: true, explains_exit: 2),
    ],
    exits: {3: "no", 4: "silent"},
    sound_exits: [0, 1],
)"##;

fn job(preset: &str) -> String {
    format!(
        "Job(name: \"x\", commands: [\n    (id: \"a\", run: [\"a\"], preset: {preset}),\n    (id: \"b\", run: [\"b\"], preset: {preset}),\n])"
    )
}

fn tool(preset: Option<&Preset>) -> &Tool {
    match preset {
        Some(Preset::Tool(tool)) => tool,
        other => panic!("no tool but {other:?}"),
    }
}

#[test]
fn each_built_in_preset_is_whole() {
    for name in presets::names() {
        let Described { about, preset, text, .. } = match presets::named(name) {
            Ok(found) => found.expect("it is there"),
            Err(error) => panic!("{}", error.render(false)),
        };
        assert!(!about.is_empty() && about.len() <= 76, "{about}");
        assert_eq!(text.is_some(), matches!(preset, Preset::Tool(_)), "{name}");
        let words = preset.words();
        assert!(words.iter().any(|word| word.counts == Counts::Ok && !word.aside), "{name}");
        Judge::compile(&Judging { rules: vec![], preset: Some(preset) }).expect("sound rules");
        let lowered = plan(&job(&format!("{name:?}")));
        let reuse = if name == "exit-code" { Reuse::Unfinished } else { Reuse::Conclusive };
        assert_eq!(lowered.plan.reuse, reuse, "{name}");
    }
    assert!(matches!(presets::named("isabelle"), Ok(None)));
    assert_eq!(presets::hint("smd", "mine.ron"), "did you mean \"smt\"?");
}

#[test]
fn a_file_beside_the_spec_is_a_preset() {
    let folder = Folder::with(&[
        ("sub/mine.ron", MINE),
        ("min.ron", "Preset(words: {\"ok\": Ok}, exits: {0: \"ok\"})"),
    ]);
    let lowered = folder.plan(&job("File(\"sub/mine.ron\")"));
    assert_eq!(ids(&lowered), ["a", "b"]);
    assert_eq!(lowered.plan.reuse, Reuse::Unfinished);
    let [a, b] = &lowered.plan.queries[..] else { panic!("not two") };
    assert!(std::sync::Arc::ptr_eq(&a.judging, &b.judging), "read once");
    let mine = tool(a.judging.preset.as_ref());
    assert_eq!((&*mine.name, mine.adds_up), ("sub/mine.ron", AddsUp::LastOfEach));
    assert_eq!(
        (mine.rules[0].about, mine.rules[0].rule.value, mine.rules[1].role),
        (Some(1), Some(1), Role::Doubt)
    );
    assert_eq!((mine.rules[0].explains_exit, mine.rules[1].explains_exit), (None, Some(2)));
    let exits: Vec<_> = mine.exits.iter().map(|exit| (exit.code, &*exit.verdict, exit.counts)).collect();
    assert_eq!(exits, [(3, "no", Counts::Ok), (4, "silent", Counts::Open)]);
    assert_eq!(mine.sound_exits, Some(vec![0, 1]));
    let least = folder.plan(&job("File(\"min.ron\")"));
    let least = tool(least.plan.queries[0].judging.preset.as_ref());
    assert_eq!((least.adds_up, least.reuse, &least.sound_exits), (AddsUp::All, Reuse::Conclusive, &None));
    let described = presets::of_file(&folder.path().join("sub/mine.ron")).expect("a preset");
    assert_eq!((&*described.about, described.text.as_deref()), ("an oracle", Some(MINE)));
}

/// What is said about this file, when two commands of a job name it.
fn faults(text: &str) -> String {
    let folder = Folder::with(&[("mine.ron", text)]);
    format!("{text}\n\n{}", folder.refusal(&job("File(\"mine.ron\")")))
}

#[test]
fn a_wrong_file_is_shown_in_its_own_lines() {
    let table = [
        "",
        "Job(name: \"x\")",
        "Preset()",
        "// a comment\nPreset(rules: [])",
        "Preset(\n    ruls: [],\n)",
        "Preset(rules: [(on: Prefix(\"x\"), verdict: \"y\", abuot: Group(1))])",
        "Preset(rules: [(on: Prefix(\"x\"), verdict: \"y\", role: Doubtful)])",
        "Preset(adds_up: Sum, rules: [(on: Prefix(\"x\"), verdict: \"y\")])",
        "Preset(reuse: Never, rules: [(on: Prefix(\"x\"), verdict: \"y\")])",
        "Preset(exits: {1: \"a\",\n    1: \"b\"})",
        "Preset(exits: {\"1\": \"a\"})",
        "Preset(\n    words: {\"mixed\": Open},\n    rules: [(on: Prefix(\"x\"), verdict: \"contradiction\")],\n    exits: {3: \"mixed\"},\n)",
        r#"// everything at once
Preset(
    words: {"lost": Open, "": Ok},
    rules: [
        (on: Regex("(x"), verdict: "a"),
        (on: Regex("x"), capture: Group(1)),
        (on: Prefix("x"), verdict: "a", about: Group(1)),
        (on: Prefix("x"), note: true, about: Group(1), role: Aside, explains_exit: 300),
        (on: Regex("(yes|no)"), capture: Group(1)),
        (on: Prefix("y"), verdict: "yes", counts: Bad),
        (on: Prefix("z")),
    ],
    exits: {1: "yess", 2: "lost", 256: "yes", 3: "unheard"},
    sound_exits: [0, -1],
)"#,
    ];
    let all: Vec<String> = table.iter().map(|text| faults(text)).collect();
    insta::assert_snapshot!(all.join(&format!("\n{}\n", "=".repeat(80))));
}

#[test]
fn faults_of_the_spec_and_of_its_presets_are_told_together() {
    let folder = Folder::with(&[
        ("one.ron", "Preset(rules: [(on: Prefix(\"x\"))])"),
        ("two.ron", "\nPreset(rules: [(on: Prefix(\"\"), note: true)])"),
    ]);
    let message = folder.refusal(
        r#"Job(name: "", commands: [
            (id: "a", run: ["a"], preset: File("two.ron")),
            (id: "b", run: ["a"], preset: File("one.ron")),
            (id: "c", run: ["a"], preset: File("./one.ron")),
            (id: "d", run: ["a"], preset: File(".")),
        ])"#,
    );
    let places: Vec<&str> = message.lines().filter_map(|line| line.trim().strip_prefix("--> ")).collect();
    assert_eq!(
        places,
        ["job.ron:1:11", "job.ron:5:48", "FOLDER/one.ron:1:28", "FOLDER/two.ron:2:28"],
        "{message}"
    );
}

#[test]
fn a_file_that_cannot_be_read_is_told_where_it_is_named() {
    let folder = Folder::with(&[("large.ron", &" ".repeat((1 << 20) + 1))]);
    std::fs::write(folder.path().join("latin.ron"), b"Preset(about: \"\xe9\")").expect("written");
    for (file, why) in [
        ("gone.ron", "cannot read FOLDER/gone.ron: No such file"),
        ("large.ron", "FOLDER/large.ron is larger than any preset"),
        ("latin.ron", "FOLDER/latin.ron is not UTF-8"),
    ] {
        let message = folder.refusal(&job(&format!("File({file:?})")));
        assert!(message.contains(why) && message.contains("--> job.ron:2:40"), "{message}");
        let error = presets::of_file(&folder.path().join(file)).expect_err("no preset");
        assert!(error.render(false).replace(&*folder.path().to_string_lossy(), "FOLDER").contains(why));
    }
    let hostile = Folder::with(&[("\u{1b}[31m.ron", "Preset()\u{1b}[31m")]);
    let message = hostile.refusal(&job("File(\"\u{1b}[31m.ron\")"));
    assert!(message.contains("this does not belong here") && !message.contains('\u{1b}'), "{message:?}");
    assert!(refusal(&job("\"tamarind\"")).contains("did you mean \"tamarin\"?"));
}

proptest! {
    #[test]
    fn no_change_of_a_good_file_panics(
        at in 0..MINE.len(),
        length in 0_usize..20,
        put in "[\\[\\](){}\",:a0.é\n/*\\\\-]{0,4}",
    ) {
        let mut text = MINE.to_owned();
        text.replace_range(at..(at + length).min(MINE.len()), &put);
        let folder = Folder::with(&[("mine.ron", &text)]);
        if let Err(error) = folder.parse(&job("File(\"mine.ron\")")) {
            prop_assert!(error.render(false).starts_with("error: "));
        }
    }
}
