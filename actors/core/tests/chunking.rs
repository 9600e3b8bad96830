//! However the same bytes are cut into chunks, they say the same.
//!
//! The measure is a reading that knows neither chunks nor screens: each line by itself, in bytes that arrive one at
//! a time, and for rules a second one that does not use the reader at all.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::select;
use provisor_core::cause::{Cause, Exit, StopMethod};
use provisor_core::lines::Reader;
use provisor_core::plan::{Judging, Reuse};
use provisor_core::process::Ear;
use provisor_core::proverif::{EarlyStop, ProVerif, model};
use provisor_core::rules::{Judge, Pattern, Rule, Stream, Streams};
use provisor_core::tool::{AddsUp, Role, Tool, ToolRule};
use provisor_core::verdict::{Counts, Finding, Judgement, Preset};

/// All that a reader says.
#[derive(Debug, PartialEq)]
struct Heard {
    found: Vec<Finding>,
    wish: Option<StopMethod>,
    judgement: Judgement,
}

fn hear<'b>(judge: &Arc<Judge>, chunks: impl Iterator<Item = &'b [u8]>) -> Heard {
    let mut reader = Reader::new(Arc::clone(judge));
    let mut found = Vec::new();
    let mut wish = None;
    for chunk in chunks {
        wish = wish.or(reader.hear(Stream::Stdout, chunk, Duration::ZERO, &mut found));
    }
    wish = wish.or(reader.close(Stream::Stdout, Duration::ZERO, &mut found));
    let judgement = reader.judge(Cause::Exited, Some(Exit::Code(0)));
    Heard { found, wish, judgement }
}

/// Cuts a text into chunks of these sizes, over and over.
fn cut<'b>(text: &'b [u8], sizes: &[usize]) -> Vec<&'b [u8]> {
    let mut rest = text;
    let mut chunks = Vec::new();
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (chunk, more) = rest.split_at((*size).clamp(1, rest.len()));
        chunks.push(chunk);
        rest = more;
    }
    chunks
}

fn compile(judging: &Judging) -> Arc<Judge> {
    Arc::new(Judge::compile(judging).expect("sound rules"))
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split_inclusive(|byte| *byte == b'\n').map(|line| {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        line.strip_suffix(b"\r").unwrap_or(line)
    })
}

fn matches(pattern: &Pattern, line: &[u8]) -> bool {
    let has = |text: &str| line.windows(text.len().max(1)).any(|part| part == text.as_bytes());
    match pattern {
        Pattern::Contains(text) => text.is_empty() || has(text),
        Pattern::Prefix(text) => line.starts_with(text.as_bytes()),
        Pattern::Suffix(text) => line.ends_with(text.as_bytes()),
        Pattern::Regex(regex) => {
            let regex = regex::bytes::Regex::new(regex).expect("a regex");
            regex.is_match(line) || regex.is_match(String::from_utf8_lossy(line).as_bytes())
        }
    }
}

/// What rules say, written down once more and without the reader.
fn by_hand(rules: &[Rule], text: &[u8]) -> (Vec<String>, Vec<String>, Option<StopMethod>) {
    let (mut found, mut notes, mut wish) = (Vec::new(), Vec::new(), None);
    for line in lines(text) {
        let shown = String::from_utf8_lossy(line).into_owned();
        let hits: Vec<_> = rules.iter().filter(|rule| matches(&rule.on, line)).collect();
        if let Some(word) = hits.iter().find_map(|rule| rule.verdict.as_deref()) {
            found.push(format!("{word}: {shown}"));
        }
        if hits.iter().any(|rule| rule.note) {
            notes.push(shown);
        }
        wish = wish.or_else(|| hits.iter().find_map(|rule| rule.stop));
    }
    (found, notes, wish)
}

/// Regexes that mean something else in a chunk than in a line, or nothing in some of them.
const REGEXES: &[&str] = &[
    "a",
    "^a",
    "a$",
    "^a$",
    "^$",
    "",
    "x*",
    r"\Aa",
    r"a\z",
    r"a\s",
    r"\sb",
    r"\s$",
    "[^a]b",
    "a[^x]*$",
    "(?s)a.*b",
    "(?s).",
    "(?m)^b$",
    "(?-m)^b$",
    "(?R)a$",
    "(?mR)^b",
    r"\bb\b",
    r"\Bb",
    r"b\B",
    r"\W",
    r"\D$",
    "(?i)A|B$",
    "(?-u)\\xff",
    "^a.*b$",
    "a.+$",
    "\u{fffd}",
    "(?-u)[^a]$",
    "a\nb",
    r"a\r?$",
    "\r",
    "(?x) a # b\n",
    "(?P<v>a)|(?P<w>b)",
    "é",
    r"\pL+$",
    "a{2,3}b",
    "^(a|b)*$",
    r"[[:space:]]b",
    "(?:^|b)a(?:$|b)",
    "\0",
];

fn patterns() -> impl Strategy<Value = Pattern> {
    let text = select(vec!["", "a", "ab", "b\r", "é", "a\nb", "\0", "RESULT"]).prop_map(Arc::<str>::from);
    prop_oneof![
        text.clone().prop_map(Pattern::Contains),
        text.clone().prop_map(Pattern::Prefix),
        text.prop_map(Pattern::Suffix),
        select(REGEXES).prop_map(|regex| Pattern::Regex(regex.into())),
        select(REGEXES).prop_map(|regex| Pattern::Regex(regex.into())),
    ]
}

fn rules() -> impl Strategy<Value = Vec<Rule>> {
    let stop =
        prop_oneof![3 => Just(None), 1 => Just(Some(StopMethod::Term)), 1 => Just(Some(StopMethod::Kill))];
    let verdict = prop::option::of(select(vec!["x", "y"]).prop_map(Arc::<str>::from));
    let rule = (patterns(), verdict, any::<bool>(), stop).prop_map(|(on, verdict, value, stop)| Rule {
        value: (value && matches!(on, Pattern::Regex(_))).then_some(0),
        on,
        streams: Streams::Stdout,
        note: verdict.is_none(),
        verdict,
        capture: None,
        counts: Counts::Ok,
        stop,
    });
    prop::collection::vec(rule, 1..4)
}

/// Such rules as those of a preset file.
fn tools() -> impl Strategy<Value = Option<Preset>> {
    let role = select(vec![Role::Result, Role::Result, Role::Aside, Role::Doubt, Role::Failure]);
    let rules = (rules(), prop::collection::vec((any::<bool>(), role), 4)).prop_map(|(rules, roles)| {
        let tool_rule = |(rule, (about, role)): (Rule, (bool, Role))| {
            let role = if rule.verdict.is_some() { role } else { Role::Result };
            let about =
                (about && rule.verdict.is_some() && matches!(rule.on, Pattern::Regex(_))).then_some(0);
            ToolRule { rule, about, role, explains_exit: None }
        };
        rules.into_iter().zip(roles).map(tool_rule).collect()
    });
    (rules, select(vec![AddsUp::All, AddsUp::LastOfEach, AddsUp::Last])).prop_map(|(rules, adds_up)| {
        Some(Preset::Tool(Arc::new(Tool {
            name: "any".into(),
            rules,
            adds_up,
            exits: Vec::new(),
            sound_exits: None,
            reuse: Reuse::Unfinished,
        })))
    })
}

/// Text in which such patterns are met, line ends of all kinds, and arbitrary bytes.
fn texts() -> impl Strategy<Value = Vec<u8>> {
    let pieces = vec![
        &b"a"[..],
        b"b",
        b"ab",
        b"aab",
        b"\n",
        b"\n",
        b"\r\n",
        b"\r",
        b" ",
        b"x",
        "é".as_bytes(),
        b"\xff",
        b"\xc3",
        b"\0",
        b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        b"1",
    ];
    let known = prop::collection::vec(select(pieces), 0..60).prop_map(|pieces| pieces.concat());
    prop_oneof![4 => known, 1 => prop::collection::vec(any::<u8>(), 0..200)]
}

fn sizes() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(prop_oneof![1_usize..4, 1_usize..40, 1_usize..400], 1..6)
}

/// The lines that ProVerif's output is made of.
fn logs() -> impl Strategy<Value = Vec<u8>> {
    let pieces = vec![
        "RESULT not attacker(s[]) is true.\n",
        "RESULT not attacker(s[]) is false.\r\n",
        "RESULT event(B(x)) ==> event(A(x)) cannot be proved.\n",
        "RESULT Observational equivalence cannot be proved.\n",
        "RESULT Observational equivalence is true.\n",
        "RESULT (even event(B) ==> event(A) is false.)\n",
        "PARTIAL RESULT q is true if the inductive queries can be proved.\n",
        "FINAL RESULT:\n",
        "-- Query not attacker(s[]) in process 0.\n",
        "Starting query not attacker(s[])\n",
        "Starting query event(B(x)) ==> event(A(x))\n",
        "Starting proving a group of queries by induction.\n",
        "goal reachable: attacker(s[])\n",
        "File \"x.pv\", line 1, characters 2-3:\n",
        "Warning: identifier x rebound.\n",
        "Error: Syntax error.\n",
        "0 rules inserted.\r      \rRESULT not attacker(s[]) is true.\n",
        "--------------------------------------------------------------\n",
        "--------------------------------------------------------------\nVerification summary:\n",
        "Query not attacker(s[]) is false.\n",
        "Query(ies):\n - Query not attacker(s[]) is true.\n",
        "Associated lemma(s):\n - Lemma event(B(x)) is true in process 0.\n",
        "Completing...\n",
        "RESULT not attacker(s",
        "\n",
        "é\n",
    ];
    prop::collection::vec(select(pieces), 0..40).prop_map(|lines| lines.concat().into_bytes())
}

fn presets() -> impl Strategy<Value = Option<Preset>> {
    let early = select(vec![EarlyStop::Off, EarlyStop::OnGoalReachable, EarlyStop::OnRefutingGoal]);
    (early, 0_u32..3).prop_map(|(early_stop, lemmas)| {
        Some(Preset::ProVerif(ProVerif { early_stop, lemmas, ..ProVerif::default() }))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rules_mean_the_same_in_any_chunks(rules in rules(), text in texts(), sizes in sizes()) {
        let (found, notes, wish) = by_hand(&rules, &text);
        let judge = compile(&Judging { rules, preset: None });
        let bytewise = hear(&judge, text.chunks(1));
        prop_assert_eq!(&hear(&judge, cut(&text, &sizes).into_iter()), &bytewise);
        prop_assert_eq!(&hear(&judge, std::iter::once(&text[..])), &bytewise);
        let heard: Vec<_> =
            bytewise.found.iter().map(|finding| format!("{}: {}", finding.verdict, finding.statement)).collect();
        prop_assert_eq!(heard, found);
        let noted: Vec<_> = bytewise.judgement.notes.iter().map(ToString::to_string).collect();
        prop_assert_eq!(noted, notes);
        prop_assert_eq!(bytewise.wish, wish);
    }

    #[test]
    fn proverif_means_the_same_in_any_chunks(
        text in logs(),
        preset in presets(),
        rules in prop_oneof![3 => Just(Vec::new()), 1 => rules()],
        sizes in sizes(),
    ) {
        let judge = compile(&Judging { rules, preset });
        let bytewise = hear(&judge, text.chunks(1));
        prop_assert_eq!(&hear(&judge, cut(&text, &sizes).into_iter()), &bytewise);
        prop_assert_eq!(&hear(&judge, std::iter::once(&text[..])), &bytewise);
    }

    #[test]
    fn a_tool_means_the_same_in_any_chunks(
        text in texts(),
        preset in tools(),
        rules in prop_oneof![3 => Just(Vec::new()), 1 => rules()],
        sizes in sizes(),
    ) {
        let judge = compile(&Judging { rules, preset });
        let bytewise = hear(&judge, text.chunks(1));
        prop_assert_eq!(&hear(&judge, cut(&text, &sizes).into_iter()), &bytewise);
        prop_assert_eq!(&hear(&judge, std::iter::once(&text[..])), &bytewise);
    }

    #[test]
    fn arbitrary_bytes_never_panic(text: Vec<u8>, preset in prop_oneof![presets(), tools()], rules in rules(), sizes in sizes()) {
        let judge = compile(&Judging { rules, preset });
        prop_assert_eq!(hear(&judge, cut(&text, &sizes).into_iter()), hear(&judge, text.chunks(1)));
        let _ = model::scan(&text);
    }

    #[test]
    fn a_model_in_pieces_never_panics(
        words in prop::collection::vec(
            select(vec![
                "query", "lemma", "def", "expand", "proof", "process", "set", "let", "x", "choice", "(*", "*)", "\"",
                "\\", "{", "}", "(", ")", ";", ".", ":", "=", "<-", "1.5", "2-proj-", "\n", "\r", "é",
            ]),
            0..60,
        ),
        space in select(vec!["", " "]),
    ) {
        let facts = model::scan(words.join(space).as_bytes());
        prop_assert!(facts.queries as usize <= words.len() * words.len());
    }
}

#[test]
fn long_lines_mean_the_same_in_any_chunks() {
    let mut text = Vec::new();
    for length in [0, 1, 65_534, 65_535, 65_536, 65_537, 200_000] {
        text.extend(std::iter::repeat_n(b'x', length));
        text.extend_from_slice(b"a\r\n");
        text.extend(std::iter::repeat_n(b'x', length));
        text.extend_from_slice(b"a\n");
    }
    let rule = |on| Rule {
        on,
        streams: Streams::Stdout,
        verdict: None,
        capture: None,
        counts: Counts::Ok,
        value: None,
        note: true,
        stop: None,
    };
    for on in [Pattern::Suffix("a".into()), Pattern::Regex("a$".into()), Pattern::Regex("x$".into())] {
        let judge = compile(&Judging { rules: vec![rule(on)], preset: None });
        let whole = hear(&judge, std::iter::once(&text[..]));
        for size in [1, 1000, 65_535, 65_536, 65_537] {
            assert_eq!(hear(&judge, text.chunks(size)), whole, "{size}");
        }
    }
}
