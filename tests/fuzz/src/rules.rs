//! Rules and what they read. A line each for a rule up to an empty line: `c`, `p`, `s` or `r` for the kind of its pattern,
//! a digit for what it does, and the pattern; what follows is printed.

use std::sync::Arc;

use provisor_core::cause::StopMethod;
use provisor_core::plan::Judging;
use provisor_core::rules::{Judge, Pattern, Rule, Streams};
use provisor_core::verdict::Counts;

use super::hearing::hear_in_all_pieces;

/// More rules cost time and say nothing new.
const MOST_RULES: usize = 4;

/// Sound rules read the same however the output is cut; others are refused.
///
/// # Panics
/// Where they do not.
pub fn take(bytes: &[u8]) {
    let end = bytes.windows(2).position(|pair| pair == b"\n\n");
    let Some((head, printed)) = end.map(|end| (&bytes[..end], &bytes[end + 2..])) else { return };
    let Ok(head) = std::str::from_utf8(head) else { return };
    let rules: Vec<_> = head.lines().take(MOST_RULES).filter_map(rule).collect();
    if let Ok(judge) = Judge::compile(&Judging { rules, preset: None }) {
        hear_in_all_pieces(&Arc::new(judge), printed);
    }
}

fn rule(line: &str) -> Option<Rule> {
    let mut chars = line.chars();
    let (kind, does) = (chars.next()?, chars.next()?.to_digit(10)?);
    let text = Arc::from(chars.as_str());
    let on = match kind {
        'c' => Pattern::Contains(text),
        'p' => Pattern::Prefix(text),
        's' => Pattern::Suffix(text),
        'r' => Pattern::Regex(text),
        _ => return None,
    };
    let has_groups = matches!(on, Pattern::Regex(_));
    Some(Rule {
        on,
        streams: Streams::Stdout,
        verdict: (does & 1 == 0).then(|| "found".into()),
        capture: (has_groups && does & 2 != 0).then_some(1),
        counts: Counts::Ok,
        value: (has_groups && does & 4 != 0).then_some(0),
        note: does & 1 != 0,
        stop: (does > 7).then_some(StopMethod::Term),
    })
}
