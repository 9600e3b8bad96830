use super::*;

fn rule(on: Pattern) -> Rule {
    Rule {
        on,
        streams: Streams::Stdout,
        verdict: None,
        capture: None,
        counts: Counts::Ok,
        value: None,
        note: false,
        stop: None,
    }
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
