//! The rules of a spec as the core wants them.

use provisor_core::cause::StopMethod;
use provisor_core::rules::{Pattern, Rule, Streams};
use provisor_core::text::is_clean;
use provisor_core::verdict::OWN_WORDS;
use regex::bytes::Regex;

use super::Problems;
use crate::fault::Fault;
use crate::spanned::{Place, Spanned};
use crate::spec::{self, Group, On, RuleWritten, Stop, StreamWord};

/// All rules of a list, without those that are wrong.
pub(super) fn rules(rules: &[spec::Rule], problems: &mut Problems) -> Vec<Rule> {
    rules.iter().map(|rule| one(rule.written(), &[], problems)).collect()
}

/// One rule, with those groups of its pattern that it names for something else.
pub(super) fn one(
    rule: RuleWritten<'_>,
    further: &[(&'static str, Option<&Spanned<Group>>)],
    problems: &mut Problems,
) -> Rule {
    let groups = groups(rule.on, problems);
    for (field, group) in [("capture", rule.capture), ("value", rule.value)].iter().chain(further) {
        check_group(field, *group, groups, problems);
    }
    check_verdict(&rule, problems);
    let stop = match rule.stop {
        None | Some(Stop::No) => None,
        Some(Stop::Term) => Some(StopMethod::Term),
        Some(Stop::Kill) => Some(StopMethod::Kill),
    };
    let named = rule.verdict.is_some() || rule.capture.is_some();
    if !(named || rule.value.is_some() || rule.note || stop.is_some()) {
        problems.fault(rule.on.text().place, Fault::IdleRule);
    }
    Rule {
        on: pattern(rule.on),
        streams: match rule.stream {
            None | Some(StreamWord::Stdout) => Streams::Stdout,
            Some(StreamWord::Stderr) => Streams::Stderr,
            Some(StreamWord::Both) => Streams::Both,
        },
        verdict: rule.verdict.map(|verdict| verdict.value.as_str().into()),
        capture: rule.capture.map(number),
        counts: rule.counts.map(|counts| counts.value).unwrap_or_default(),
        value: rule.value.map(number),
        note: rule.note,
        stop,
    }
}

pub(super) fn number(group: &Spanned<Group>) -> usize {
    let Group::Group(number) = group.value;
    number
}

fn pattern(on: &On) -> Pattern {
    let text = on.text().value.as_str().into();
    match on {
        On::Contains(_) => Pattern::Contains(text),
        On::Prefix(_) => Pattern::Prefix(text),
        On::Suffix(_) => Pattern::Suffix(text),
        On::Regex(_) => Pattern::Regex(text),
    }
}

/// What groups there are to ask for.
#[derive(Clone, Copy)]
enum Groups {
    /// It is no regular expression.
    None,
    /// It is a wrong one: nothing more is said about it.
    Unknown,
    /// The highest number.
    Last(usize),
}

fn groups(on: &On, problems: &mut Problems) -> Groups {
    let text = on.text();
    if !matches!(on, On::Regex(_)) {
        if text.value.is_empty() {
            problems.fault(text.place, Fault::EmptyPattern);
        }
        return Groups::None;
    }
    match Regex::new(&text.value) {
        Ok(regex) => Groups::Last(regex.captures_len() - 1),
        Err(error) => {
            problems.fault(text.place, Fault::BadRegex { why: reason(&error) });
            Groups::Unknown
        }
    }
}

/// The library draws the expression over several lines; the spec's own line is shown anyway.
fn reason(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().next_back().unwrap_or_default();
    last.strip_prefix("error: ").unwrap_or(last).into()
}

fn check_group(field: &'static str, group: Option<&Spanned<Group>>, groups: Groups, problems: &mut Problems) {
    let Some(group) = group else { return };
    match groups {
        Groups::None => problems.fault(group.place, Fault::NeedsRegex { field }),
        Groups::Last(last) if number(group) > last => {
            problems.fault(group.place, Fault::NoGroup { group: number(group), groups: last });
        }
        Groups::Last(_) | Groups::Unknown => {}
    }
}

fn check_verdict(rule: &RuleWritten<'_>, problems: &mut Problems) {
    if let Some(verdict) = rule.verdict {
        stated(verdict, problems);
    }
    if let (Some(_), Some(capture)) = (rule.verdict, rule.capture) {
        problems.fault(capture.place, Fault::VerdictAndCapture);
    }
    if let (None, None, Some(counts)) = (rule.verdict, rule.capture, rule.counts) {
        problems.fault(counts.place, Fault::NeedsVerdict { field: "counts" });
    }
}

/// A verdict that a rule states: none of those that provisor states of results.
pub(super) fn stated(verdict: &Spanned<String>, problems: &mut Problems) {
    word(verdict, problems);
    if OWN_WORDS.contains(&&*verdict.value) {
        problems.fault(verdict.place, Fault::OwnWord { word: verdict.value.clone() });
    }
}

/// A verdict is one field of a table.
pub(super) fn word(verdict: &Spanned<String>, problems: &mut Problems) {
    let why = match verdict.value.as_str() {
        "" => "cannot be an empty text",
        text if !is_clean(text) => "cannot hold control characters",
        _ => return,
    };
    problems.fault(verdict.place, Fault::BadVerdict { why });
}

/// Where a rule stops a query at ProVerif's `goal reachable`, which is no verdict.
pub(super) fn stops_on_goal(rules: &[spec::Rule]) -> Option<Place> {
    rules
        .iter()
        .map(spec::Rule::written)
        .filter(|rule| matches!(rule.stop, Some(Stop::Term | Stop::Kill)))
        .map(|rule| rule.on.text())
        .find(|text| text.value.contains("goal reachable"))
        .map(|text| text.place)
}
