use super::*;
use crate::plan::Reuse;
use crate::proverif::ProVerif;
use crate::rules::{Rule, Streams};
use crate::tool::{AddsUp, StatedExit};

fn rule(on: &str, verdict: Option<&str>, capture: Option<usize>, counts: Counts) -> ToolRule {
    let rule = Rule {
        on: Pattern::Regex(on.into()),
        streams: Streams::Stdout,
        verdict: verdict.map(Arc::from),
        capture,
        counts,
        value: None,
        note: false,
        stop: None,
    };
    ToolRule { rule, about: None, role: Role::Result, explains_exit: None }
}

fn words(rules: Vec<ToolRule>, exits: Vec<StatedExit>) -> Vec<String> {
    let tool = Tool {
        name: "t".into(),
        rules,
        adds_up: AddsUp::All,
        exits,
        sound_exits: None,
        reuse: Reuse::Unfinished,
    };
    shown(&Preset::Tool(Arc::new(tool)))
}

fn shown(preset: &Preset) -> Vec<String> {
    let words = preset.words().into_iter();
    words.map(|word| format!("{} {:?}", word.verdict.as_deref().unwrap_or("?"), word.counts)).collect()
}

#[test]
fn the_words_are_those_that_rules_and_exits_can_state() {
    use Counts::{Bad, Ok, Open};
    let exit = StatedExit { code: 10, verdict: "x".into(), counts: Ok };
    assert_eq!(words(vec![rule("a", Some("x"), None, Ok)], vec![exit]), ["x Ok", "contradiction Bad"]);
    let captures = |on: &str, group| words(vec![rule(on, None, Some(group), Open)], vec![]);
    assert_eq!(captures("^(?:s )?(SAT|UNSAT|SATIRE)$", 1), ["SAT Open", "UNSAT Open", "SATIRE Open"]);
    assert_eq!(captures("(a)(?:(b|cd?))+", 2), ["b Open", "cd Open", "c Open"]);
    assert_eq!(captures("^yes$", 0), ["yes Open"]);
    for endless in ["(\\w+)", "(a*)", "(?i)(word that is long)", "([^x])"] {
        assert_eq!(captures(endless, 1), ["? Open"], "{endless}");
    }
    assert_eq!(captures("^(fine|mixed)$", 1), ["fine Open", "mixed Bad"], "a word of provisor's own");
    let both = vec![
        rule("(a|)", Some("none"), Some(1), Ok),
        rule("x", Some("a"), None, Bad),
        rule("y", Some("a"), None, Ok),
        rule("z", None, None, Ok),
    ];
    assert_eq!(words(both, vec![]), ["a Ok", "none Ok", "a Bad"]);
}

#[test]
fn those_of_the_presets_that_are_code_are_what_they_state() {
    assert_eq!(shown(&Preset::ExitCode), ["ok Ok", "failed Bad"]);
    let proverif = shown(&Preset::ProVerif(ProVerif::default()));
    assert_eq!(
        proverif,
        [
            "true Ok",
            "false Ok",
            "reachable Ok",
            "cannot be proved Open",
            "not proved Open",
            "unreachable Bad"
        ]
    );
}
