use crate::cause::{Cause, Exit};
use crate::lines::Reader;
use crate::plan::{Judging, Reuse};
use crate::process::Ear;
use crate::rules::{Judge, Pattern, Rule, RuleFault, Stream, Streams};
use crate::tool::{AddsUp, Role, StatedExit, Tool, ToolRule};
use crate::verdict::{Counts, Judgement, Preset};

use super::*;

fn rule(on: &str, verdict: &str, counts: Counts) -> ToolRule {
    let rule = Rule {
        on: Pattern::Regex(on.into()),
        streams: Streams::Stdout,
        verdict: (!verdict.is_empty()).then(|| verdict.into()),
        capture: None,
        counts,
        value: None,
        note: false,
        stop: None,
    };
    ToolRule { rule, about: None, role: Role::Result, explains_exit: None }
}

fn exit(code: i32, verdict: &str) -> StatedExit {
    StatedExit { code, verdict: verdict.into(), counts: Counts::Ok }
}

/// Answers `yes` and `no`, gives up by `maybe`, each about what stands before the colon; `lost` is a doubt.
fn tool(adds_up: AddsUp) -> Tool {
    let about = |on, verdict, counts| ToolRule { about: Some(1), ..rule(on, verdict, counts) };
    Tool {
        name: "oracle".into(),
        rules: vec![
            about("^(?:(\\w+): )?yes$", "yes", Counts::Ok),
            about("^(?:(\\w+): )?no$", "no", Counts::Ok),
            about("^(?:(\\w+): )?maybe$", "maybe", Counts::Open),
            ToolRule { role: Role::Aside, ..about("^(?:(\\w+): )?not asked$", "not asked", Counts::Ok) },
            ToolRule { role: Role::Doubt, ..rule("^lost", "error", Counts::Bad) },
            ToolRule { role: Role::Failure, ..rule("^gone", "failure", Counts::Bad) },
        ],
        adds_up,
        exits: Vec::new(),
        sound_exits: None,
        reuse: Reuse::Unfinished,
    }
}

fn hear(tool: Tool, rules: Vec<Rule>, text: &str, cause: Cause, exit: Exit) -> Judgement {
    let judging = Judging { rules, preset: Some(Preset::Tool(Arc::new(tool))) };
    let mut reader = Reader::new(Arc::new(Judge::compile(&judging).unwrap()));
    reader.hear(Stream::Stdout, text.as_bytes(), Duration::ZERO, &mut Vec::new());
    reader.close(Stream::Stdout, Duration::ZERO, &mut Vec::new());
    reader.judge(cause, Some(exit))
}

/// The verdict in a word, after lines that are divided by `;`.
fn says(tool: &Tool, lines: &str, cause: Cause, exit: Exit) -> String {
    let judgement = hear(tool.clone(), Vec::new(), &lines.replace("; ", "\n"), cause, exit);
    let own = judgement.findings.iter().filter(|finding| finding.own).count();
    assert_eq!(judgement.results, own as u64, "{lines}");
    match judgement.verdict {
        Some(verdict) => format!("{verdict} {:?}", judgement.counts),
        None => {
            assert_eq!(judgement.counts, Counts::Bad);
            "none".into()
        }
    }
}

#[track_caller]
fn check(adds_up: AddsUp, lines: &str, expected: &str) {
    assert_eq!(says(&tool(adds_up), lines, Cause::Exited, Exit::Code(0)), expected, "{lines}");
}

fn owns(judgement: &Judgement) -> Vec<String> {
    let sign = |own| if own { '+' } else { '-' };
    let findings = judgement.findings.iter();
    findings
        .map(|finding| format!("{}{} {}", sign(finding.own), finding.statement, finding.verdict))
        .collect()
}

#[test]
fn all_results_add_up_and_the_same_about_the_same_counts_once() {
    let check = |lines, expected| check(AddsUp::All, lines, expected);
    check("yes", "yes Ok");
    check("yes; no", "mixed Ok");
    check("a: yes; b: yes", "yes Ok");
    check("a: yes; b: maybe", "mixed Open");
    check("a: yes; a: maybe", "mixed Open");
    check("a: maybe; a: yes", "mixed Open");
    check("nothing to see", "none");
    let text = "a: no\nb: yes\na: no\nb: no\nyes\nyes\n";
    let judgement = hear(tool(AddsUp::All), Vec::new(), text, Cause::Exited, Exit::Code(0));
    assert_eq!(owns(&judgement), ["-a no", "+b yes", "+a no", "+b no", "+yes yes", "+yes yes"]);
    assert_eq!((judgement.results, judgement.line.as_deref()), (5, Some("yes")));
}

#[test]
fn the_last_of_each_or_the_last_of_all_counts_where_the_tool_says_so() {
    check(AddsUp::LastOfEach, "a: maybe; a: yes; b: yes", "yes Ok");
    check(AddsUp::LastOfEach, "a: maybe; b: yes", "mixed Open");
    check(AddsUp::LastOfEach, "maybe; yes", "mixed Open");
    check(AddsUp::Last, "a: maybe; b: yes", "yes Ok");
    check(AddsUp::Last, "yes; maybe", "maybe Open");
    let judgement = hear(tool(AddsUp::Last), Vec::new(), "a: yes\nb: no\n", Cause::Exited, Exit::Code(0));
    assert_eq!(owns(&judgement), ["-a yes", "+b no"]);
}

#[test]
fn after_a_doubt_nothing_is_believed() {
    let check = |lines, expected| check(AddsUp::All, lines, expected);
    check("lost it; yes", "error Bad");
    check("yes; lost it", "yes Ok");
    check("yes; lost it; yes", "mixed Bad");
    check("lost it; lost again", "error Bad");
    check("a: not asked; lost it", "error Bad");
    let text = "lost it\nlost again\nyes\n";
    let judgement = hear(tool(AddsUp::All), Vec::new(), text, Cause::Exited, Exit::Code(0));
    assert_eq!(owns(&judgement), ["-lost it error", "-lost again error", "+yes error"]);
    assert_eq!(judgement.line.as_deref(), Some("lost it"), "the line that decided");
    let alone =
        hear(tool(AddsUp::All), Vec::new(), text.trim_end_matches("yes\n"), Cause::Exited, Exit::Code(0));
    assert_eq!(owns(&alone), ["+lost it error", "-lost again error"]);
}

#[test]
fn a_failure_is_a_doubt_and_counts_in_any_case() {
    let check = |lines, expected| check(AddsUp::All, lines, expected);
    check("gone", "failure Bad");
    check("gone; yes", "failure Bad");
    check("yes; gone", "mixed Bad");
    check("lost; gone", "error Bad");
    check("gone; lost", "failure Bad");
    let judgement = hear(tool(AddsUp::All), Vec::new(), "yes\ngone\nno", Cause::Exited, Exit::Code(0));
    assert_eq!(owns(&judgement), ["+yes yes", "+gone failure", "+no failure"]);
}

#[test]
fn an_aside_is_kept_and_does_not_count() {
    check(AddsUp::All, "a: not asked", "none");
    check(AddsUp::Last, "a: yes; b: not asked", "yes Ok");
    let judgement = hear(tool(AddsUp::All), Vec::new(), "a: yes\na: not asked", Cause::Exited, Exit::Code(0));
    assert_eq!(owns(&judgement), ["+a yes", "-a not asked"]);
}

#[test]
fn an_exit_code_states_a_verdict_and_must_not_contradict_the_lines() {
    let mut tool = tool(AddsUp::All);
    tool.exits = vec![exit(10, "yes"), exit(20, "no")];
    tool.sound_exits = Some(vec![0]);
    let says = |lines, cause, exit| says(&tool, lines, cause, exit);
    assert_eq!(says("", Cause::Exited, Exit::Code(10)), "yes Ok");
    assert_eq!(says("no", Cause::Exited, Exit::Code(20)), "no Ok");
    assert_eq!(says("no", Cause::Exited, Exit::Code(0)), "no Ok");
    assert_eq!(says("no", Cause::Exited, Exit::Code(10)), "contradiction Bad");
    assert_eq!(says("maybe", Cause::Exited, Exit::Code(10)), "contradiction Bad");
    assert_eq!(says("yes; no", Cause::Exited, Exit::Code(10)), "contradiction Bad");
    assert_eq!(says("lost it", Cause::Exited, Exit::Code(10)), "error Bad");
    assert_eq!(says("lost it; yes", Cause::Exited, Exit::Code(20)), "error Bad");
    // A program that was ended from outside says nothing by its exit code.
    for cause in [Cause::WallLimit, Cause::Silent, Cause::Cancelled, Cause::Concluded] {
        assert_eq!(says("", cause, Exit::Code(10)), "none");
        assert_eq!(says("no", cause, Exit::Code(10)), "no Ok");
    }
}

#[test]
fn an_answer_needs_a_sound_end_and_no_answer_does_not() {
    let any = tool(AddsUp::All);
    let strict = Tool { sound_exits: Some(vec![0, 2]), ..tool(AddsUp::All) };
    for (lines, kept) in [("yes", "yes Ok"), ("yes; no", "mixed Ok")] {
        assert_eq!(says(&any, lines, Cause::Exited, Exit::Code(1)), kept);
        assert_eq!(says(&strict, lines, Cause::Exited, Exit::Code(2)), kept);
        assert_eq!(says(&strict, lines, Cause::Exited, Exit::Code(1)), "none");
        for tool in [&any, &strict] {
            assert_eq!(says(tool, lines, Cause::Exited, Exit::Signal(11)), "none");
            assert_eq!(says(tool, lines, Cause::WallLimit, Exit::Signal(15)), kept);
            assert_eq!(says(tool, lines, Cause::Silent, Exit::Code(1)), kept);
            assert_eq!(says(tool, lines, Cause::Concluded, Exit::Signal(9)), kept);
        }
    }
    assert_eq!(says(&strict, "maybe", Cause::Exited, Exit::Signal(6)), "maybe Open");
    assert_eq!(says(&strict, "yes; maybe", Cause::Exited, Exit::Signal(6)), "mixed Open");
    assert_eq!(says(&strict, "lost", Cause::Exited, Exit::Code(1)), "error Bad");
    let mut explained = strict.clone();
    explained.rules[3].explains_exit = Some(1);
    for (lines, kept) in [("yes; not asked", "yes Ok"), ("a: not asked; yes", "yes Ok"), ("yes", "none")] {
        assert_eq!(says(&explained, lines, Cause::Exited, Exit::Code(1)), kept, "a line explains the code");
        assert_eq!(says(&explained, lines, Cause::Exited, Exit::Code(3)), "none", "but no other one");
        assert_eq!(says(&explained, lines, Cause::Exited, Exit::Signal(11)), "none");
        assert_eq!(says(&strict, lines, Cause::Exited, Exit::Code(1)), "none");
    }
    let broken = hear(strict, Vec::new(), "yes\n", Cause::Exited, Exit::Code(1));
    assert_eq!((broken.results, broken.line.as_deref()), (1, Some("yes")), "what it said is shown");
}

#[test]
fn the_rules_of_the_spec_outrank_those_of_the_preset() {
    let says = |rule, text| hear(tool(AddsUp::All), vec![rule], text, Cause::Exited, Exit::Code(0));
    let mine = |on, verdict| rule(on, verdict, Counts::Open).rule;
    let stated = says(mine("yes", "mine"), "a: yes\nb: no\n");
    assert_eq!(stated.verdict.as_deref(), Some("mine"));
    assert_eq!(owns(&stated), ["+a: yes mine", "+b no"]);
    let noted = says(Rule { note: true, value: Some(0), ..mine("yes", "") }, "a: yes\n");
    assert_eq!((noted.verdict.as_deref(), noted.value.as_deref()), (Some("yes"), Some("yes")));
    assert_eq!(noted.notes.len(), 1);
}

#[test]
fn a_presets_rule_may_note_stop_and_fill_the_value() {
    let mut tool = tool(AddsUp::All);
    tool.rules.push(ToolRule {
        rule: Rule {
            note: true,
            value: Some(1),
            stop: Some(crate::StopMethod::Term),
            streams: Streams::Both,
            ..rule("^found (\\d+)", "found", Counts::Ok).rule
        },
        about: None,
        role: Role::Result,
        explains_exit: None,
    });
    let judging = Judging { rules: Vec::new(), preset: Some(Preset::Tool(Arc::new(tool))) };
    let mut reader = Reader::new(Arc::new(Judge::compile(&judging).unwrap()));
    let mut found = Vec::new();
    let wish = reader.hear(Stream::Stderr, b"yes\nfound 12\n", Duration::ZERO, &mut found);
    assert_eq!((wish, found.len()), (Some(crate::StopMethod::Term), 1));
    let judgement = reader.judge(Cause::Concluded, Some(Exit::Signal(15)));
    assert_eq!((judgement.verdict.as_deref(), judgement.value.as_deref()), (Some("found"), Some("12")));
    assert_eq!(judgement.notes.len(), 1);
}

#[test]
fn of_very_many_results_all_add_up() {
    let lines = |count: usize| (0..count).map(|number| format!("n{number}: yes\n")).collect::<String>();
    let says = |adds_up, text: &str| hear(tool(adds_up), Vec::new(), text, Cause::Exited, Exit::Code(0));
    for count in [MOST - 1, MOST, MOST + 1, MOST + 500] {
        let judgement = says(AddsUp::All, &lines(count));
        assert_eq!((judgement.results, judgement.verdict.as_deref()), (count as u64, Some("yes")));
        assert_eq!(judgement.omitted, count.saturating_sub(MOST) as u64);
        let mixed = says(AddsUp::All, &(lines(count) + "no\n" + &lines(count)));
        assert_eq!(mixed.verdict.as_deref(), Some("mixed"));
        let last = says(AddsUp::Last, &(lines(count) + "no\n"));
        assert_eq!((last.results, last.verdict.as_deref()), (1, Some("no")));
    }
}

#[test]
fn a_rule_that_is_not_sound_is_refused_with_its_preset() {
    let refusal = |rule| {
        let judging = Judging {
            rules: Vec::new(),
            preset: Some(Preset::Tool(Arc::new(Tool { rules: vec![rule], ..tool(AddsUp::All) }))),
        };
        Judge::compile(&judging).unwrap_err()
    };
    let about = refusal(ToolRule { about: Some(1), ..rule("x", "y", Counts::Ok) });
    assert_eq!(about.fault, RuleFault::NoSuchGroup { field: "about", group: 1, has: 0 });
    assert!(about.to_string().starts_with("the preset oracle: rules[0]: `about` names group 1"), "{about}");
    let mut silent = rule("x", "", Counts::Ok);
    silent.rule.note = true;
    let silent = refusal(ToolRule { role: Role::Doubt, ..silent });
    assert_eq!(silent.fault, RuleFault::NoVerdict { field: "role" });
}
