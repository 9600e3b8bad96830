use super::*;
use crate::plan::Reuse;
use crate::tool::{AddsUp, Role, StatedExit, Tool, ToolRule};

fn rule(on: Pattern) -> Rule {
    Rule::on(on)
}

fn regex(text: &str) -> Pattern {
    Pattern::Regex(text.into())
}

fn compile(rules: Vec<Rule>) -> Result<Judge, RuleError> {
    Judge::compile(&Judging { rules, preset: None })
}

fn fault(rule: Rule) -> String {
    compile(vec![rule]).unwrap_err().to_string()
}

#[test]
fn an_unsound_rule_is_named_with_its_fault() {
    let good = Rule { note: true, ..rule(regex("x")) };
    let bad = Rule { value: Some(2), ..rule(regex("(a)(")) };
    let error = compile(vec![good, bad]).unwrap_err();
    assert_eq!(error.rule, 1);
    assert!(error.to_string().contains("unclosed group"), "{error}");

    let missing = |group| fault(Rule { capture: Some(group), ..rule(regex("(a)")) });
    assert_eq!(missing(2), "rules[0]: `capture` names group 2, but the regular expression has one group");
    let plain = Rule { value: Some(0), ..rule(Pattern::Contains("a".into())) };
    assert_eq!(fault(plain), "rules[0]: `value` needs a pattern of the kind Regex");
    assert!(fault(rule(regex("a"))).contains("does nothing"));
}

#[test]
fn of_each_effect_the_first_rule_wins() {
    let judge = compile(vec![
        Rule { note: true, ..rule(Pattern::Contains("a".into())) },
        Rule { capture: Some(1), value: Some(0), counts: Counts::Bad, ..rule(regex("is (\\w+)")) },
        Rule { verdict: Some("late".into()), value: Some(0), ..rule(regex("a.*")) },
        Rule { stop: Some(StopMethod::Kill), ..rule(Pattern::Suffix("c".into())) },
        Rule { stop: Some(StopMethod::Term), ..rule(Pattern::Prefix("a".into())) },
    ])
    .unwrap();
    let reading = judge.read(Stream::Stdout, b"a is b c");
    assert_eq!(reading.verdict, Some(("b".into(), Counts::Bad)));
    assert_eq!(reading.value.as_deref(), Some("is b"));
    assert_eq!(reading.stop, Some(StopMethod::Kill));
    assert!(reading.note && reading.settles());
    assert_eq!(judge.read(Stream::Stderr, b"a is b c"), Reading::default());

    let reading = judge.read(Stream::Stdout, b"za");
    assert_eq!(reading.verdict, Some(("late".into(), Counts::Ok)));
}

#[test]
fn a_group_that_took_no_part_states_nothing() {
    let either = regex("^(?:x(\\d+)|y)$");
    let judge = compile(vec![
        Rule { capture: Some(1), verdict: Some("none".into()), value: Some(1), ..rule(either.clone()) },
        Rule { value: Some(0), ..rule(either) },
    ])
    .unwrap();
    let reading = judge.read(Stream::Stdout, b"y");
    assert_eq!(reading.verdict, Some(("none".into(), Counts::Ok)));
    assert_eq!(reading.value.as_deref(), Some("y"));
    assert_eq!(judge.read(Stream::Stdout, b"x7").verdict, Some(("7".into(), Counts::Ok)));
}

/// Where the screen lets something pass in a text of several lines.
fn screened(pattern: &Pattern, text: &str) -> bool {
    match Screen::new([pattern].into_iter(), &[]) {
        Screen::Nothing => false,
        Screen::Every => true,
        screen @ Screen::Some(_) => {
            screen.over(text.as_bytes()).is_none_or(|search| search.is_match(text.as_bytes()))
        }
    }
}

#[test]
fn the_screen_sees_every_line_as_it_is_by_itself() {
    for pattern in [r"\Ab", r"b\z", "^b$", r"(?-m)^b$", "(?s)b.*$", r"b\s*$", "b[^x]*$", r"\bb\b", "(?R)b$"] {
        for text in ["a\nb\nc\n", "a\r\nb\r\nc\r\n", "b\n", "\r\nb\r\n"] {
            assert!(screened(&regex(pattern), text), "{pattern} on {text:?}");
        }
    }
}

#[test]
fn the_screen_does_not_reach_over_a_line_end() {
    for pattern in [r"a\sb", "a[^x]b", "(?s)a.b", "a\nb", r"a\x0ab", r"a\p{Cc}b", "(?-u)a[^x]b"] {
        assert!(!screened(&regex(pattern), "a\nb\n"), "{pattern:?}");
    }
    assert!(!screened(&Pattern::Contains("a\nb".into()), "a\nb\n"));
}

#[test]
fn a_pattern_of_an_empty_line_wants_every_line() {
    for pattern in ["", "^", "x*", "^$", r"\b|x"] {
        let pattern = regex(pattern);
        assert!(matches!(Screen::new([&pattern].into_iter(), &["y"]), Screen::Every), "{pattern:?}");
    }
    assert!(matches!(Screen::new([].into_iter(), &[]), Screen::Nothing));
}

#[test]
fn a_stray_byte_hides_nothing() {
    let judge = compile(vec![Rule { value: Some(1), ..rule(regex("^a = (.*)$")) }]).unwrap();
    assert_eq!(judge.read(Stream::Stdout, b"a = b\xffc").value.as_deref(), Some("b\u{fffd}c"));
    assert!(judge.screen(Stream::Stdout).over(b"a = b\xffc\n").is_none());
    let judge = compile(vec![Rule { note: true, ..rule(regex(r"(?-u)\xff")) }]).unwrap();
    assert!(judge.read(Stream::Stdout, b"a\xff").note);
}

/// What lines state by these rules, of the spec or else of the preset, one after the other.
fn stated(rules: Vec<Rule>, preset: Option<Preset>, lines: &[&str]) -> Vec<String> {
    let judge = Judge::compile(&Judging { rules, preset }).unwrap();
    let told = |line: &[u8]| judge.tell(Stream::Stdout, line)?.reading.verdict;
    let all = lines.iter().map(|line| {
        let stated = judge.read(Stream::Stdout, line.as_bytes()).verdict.or_else(|| told(line.as_bytes()));
        stated.map_or("none".into(), |(word, counts)| format!("{word} {counts:?}"))
    });
    all.collect()
}

fn states(on: Pattern, verdict: &str, counts: Counts) -> Rule {
    Rule { verdict: Some(verdict.into()), counts, ..rule(on) }
}

fn captures(on: &str, counts: Counts) -> Rule {
    Rule { capture: Some(1), counts, ..rule(regex(on)) }
}

fn as_tool(rules: Vec<(Rule, Role)>) -> Preset {
    let tool_rule = |(rule, role)| ToolRule { rule, about: None, role, explains_exit: None };
    Preset::Tool(Arc::new(Tool {
        name: "t".into(),
        rules: rules.into_iter().map(tool_rule).collect(),
        adds_up: AddsUp::All,
        exits: vec![StatedExit { code: 3, verdict: "quiet".into(), counts: Counts::Open }],
        sound_exits: None,
        reuse: Reuse::Unfinished,
    }))
}

#[test]
fn a_captured_word_counts_as_where_it_is_named() {
    use Counts::{Bad, Ok, Open};
    let prefix = |text: &str| Pattern::Prefix(text.into());
    let any = || captures("^R (\\w+)$", Ok);
    let error = || states(prefix("X"), "error", Bad);
    let lines = ["R error", "X", "R other"];
    assert_eq!(stated(vec![any(), error()], None, &lines), ["error Bad", "error Bad", "other Ok"]);
    let tool = as_tool(vec![(any(), Role::Result), (error(), Role::Result)]);
    assert_eq!(stated(vec![], Some(tool), &lines), ["error Bad", "error Bad", "other Ok"]);
    // Over the border of spec and preset, in both directions; by an exit code; not by what is no result.
    let tool = || as_tool(vec![(captures("^T (\\w+)$", Ok), Role::Result), (error(), Role::Failure)]);
    let mine = vec![any(), states(prefix("Y"), "lost", Open)];
    let lines = ["R error", "T lost", "R quiet", "T quiet"];
    assert_eq!(stated(mine, Some(tool()), &lines), ["error Bad", "lost Open", "quiet Open", "quiet Open"]);
    let aside = as_tool(vec![(error(), Role::Aside)]);
    assert_eq!(stated(vec![any()], Some(aside), &["R error"]), ["error Ok"]);
    assert_eq!(stated(vec![any()], Some(Preset::ExitCode), &["R failed"]), ["failed Bad"]);
    // A list of words in a group names them too, unless a rule does literally; of many the worst.
    let list = captures("^L (no|error|maybe)$", Open);
    let rules = vec![any(), list, error(), states(prefix("Z"), "no", Ok), states(prefix("V"), "error", Open)];
    let lines = ["R no", "L no", "R maybe", "L error", "V"];
    assert_eq!(stated(rules, None, &lines), ["no Ok", "no Ok", "maybe Open", "error Bad", "error Open"]);
}

#[test]
fn a_captured_word_of_provisors_own_is_bad() {
    let rules = vec![captures("^R (\\w+)$", Counts::Ok), captures("^S (mixed|fine)$", Counts::Ok)];
    let lines = ["R mixed", "R contradiction", "S mixed", "S fine"];
    assert_eq!(stated(rules, None, &lines), ["mixed Bad", "contradiction Bad", "mixed Bad", "fine Ok"]);
}
