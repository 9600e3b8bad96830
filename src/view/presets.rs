//! Presets for people: what each is for, its verdicts and what they count as, its rules.

use std::fmt::Write as _;

use provisor_config::presets::Described;
use provisor_core::StopMethod;
use provisor_core::rules::{Pattern, Rule, Streams};
use provisor_core::text::clean;
use provisor_core::tool::{AddsUp, Role, Tool, ToolRule, Word};
use provisor_core::verdict::{Counts, Preset};

/// No line is longer, whatever the terminal: the page is the same everywhere.
const WIDTH: usize = 80;

/// Where what is said begins, behind its label.
const INDENT: usize = 11;

/// Some presets, one after the other.
#[must_use]
pub(crate) fn text(presets: &[Described]) -> String {
    presets.iter().map(one).collect::<Vec<_>>().join("\n")
}

/// The file of a preset as it can be saved, if it has one.
#[must_use]
pub(crate) fn file(preset: &Described) -> Option<String> {
    let lines = preset.text.as_deref()?.lines();
    Some(lines.map(|line| format!("{}\n", clean(line))).collect())
}

fn one(preset: &Described) -> String {
    let name = clean(&preset.name);
    let is_short = name.chars().count() < INDENT;
    let mut text = if is_short { String::new() } else { format!("{name}\n") };
    paragraph(&mut text, if is_short { &name } else { "" }, &preset.about);
    words(&mut text, &preset.preset.words());
    match &preset.preset {
        Preset::ExitCode => {
            labelled(&mut text, "rules", "none: `ok` for exit code 0, `failed` for any other end")
        }
        Preset::ProVerif(_) => {
            labelled(
                &mut text,
                "options",
                "ProVerif(early_stop: Off | OnGoalReachable | OnRefutingGoal, fast: true)",
            );
            labelled(&mut text, "rules", "none: it is code, which knows what a later line revises");
        }
        Preset::Tool(tool) => tool_text(&mut text, tool),
    }
    text
}

fn words(text: &mut String, words: &[Word]) {
    let kinds =
        [("ok", Some(Counts::Ok)), ("open", Some(Counts::Open)), ("bad", Some(Counts::Bad)), ("aside", None)];
    for (label, counts) in kinds {
        let is_so = |word: &&Word| if word.aside { counts.is_none() } else { counts == Some(word.counts) };
        let words =
            words.iter().filter(is_so).map(|word| word.verdict.as_deref().unwrap_or("(any other word)"));
        let words: Vec<&str> = words.collect();
        if !words.is_empty() {
            labelled(text, label, &words.join(", "));
        }
    }
}

fn tool_text(text: &mut String, tool: &Tool) {
    let results = match tool.adds_up {
        AddsUp::All => "all count; different ones are `mixed`, which is as its worst part",
        AddsUp::LastOfEach => "of those about the same thing the last one counts; different ones are `mixed`",
        AddsUp::Last => "the last one counts",
    };
    labelled(text, "results", results);
    if !tool.exits.is_empty() {
        let exits: Vec<_> =
            tool.exits.iter().map(|exit| format!("{} states {}", exit.code, exit.verdict)).collect();
        labelled(text, "exits", &exits.join(", "));
    }
    if let Some(sound) = &tool.sound_exits {
        let codes: Vec<_> = sound.iter().map(ToString::to_string).collect();
        let known = if tool.exits.is_empty() { "" } else { "these and " };
        labelled(text, "", &format!("what is ok stands only after {known}exit code {}", codes.join(" or ")));
    }
    for (place, rule) in tool.rules.iter().enumerate() {
        labelled(text, if place == 0 { "rules" } else { "" }, &pattern(&rule.rule));
        labelled(text, "", &format!("  -> {}", effect(rule)));
    }
}

fn pattern(rule: &Rule) -> String {
    let (kind, text) = match &rule.on {
        Pattern::Contains(text) => ("contains", text),
        Pattern::Prefix(text) => ("begins with", text),
        Pattern::Suffix(text) => ("ends with", text),
        Pattern::Regex(text) => ("matches", text),
    };
    let stream = match rule.streams {
        Streams::Stdout => "",
        Streams::Stderr => "on stderr ",
        Streams::Both => "on any stream ",
    };
    // Over many lines only what has white space to spare is written.
    let text: Vec<&str> = text.lines().map(str::trim_start).collect();
    format!("{stream}{kind} {}", text.join(" "))
}

fn effect(rule: &ToolRule) -> String {
    let ToolRule { rule, about, role, explains_exit } = rule;
    let mut parts = Vec::new();
    parts.extend(rule.capture.map(|group| format!("the verdict in group {group}")));
    parts.extend(rule.verdict.as_ref().map(ToString::to_string));
    match (parts.is_empty(), role, rule.counts) {
        (true, ..) | (false, Role::Result, Counts::Ok) => {}
        (false, Role::Aside, _) => parts.push("kept, but no result".into()),
        (false, Role::Doubt | Role::Failure, counts) => {
            let also = if *role == Role::Failure { "a result itself, and " } else { "" };
            parts.push(format!("{}; {also}every later verdict becomes this one", worth(counts)));
        }
        (false, Role::Result, counts) => parts.push(worth(counts).into()),
    }
    parts.extend(about.map(|group| format!("about group {group}")));
    parts.extend(explains_exit.map(|code| format!("exit code {code} is sound then")));
    parts.extend(rule.value.map(|group| format!("value: group {group}")));
    parts.extend(rule.note.then(|| "noted".into()));
    parts.extend(rule.stop.map(|stop| match stop {
        StopMethod::Term => "the query is ended".into(),
        StopMethod::Kill => "the query is killed".into(),
    }));
    parts.join(", ")
}

const fn worth(counts: Counts) -> &'static str {
    match counts {
        Counts::Ok => "ok",
        Counts::Open => "open",
        Counts::Bad => "bad",
    }
}

/// One of the things that are said of a preset.
fn labelled(text: &mut String, label: &str, said: &str) {
    paragraph(text, &format!("  {label}"), said);
}

/// A label and what it says, cleaned, over as many lines as it takes.
fn paragraph(text: &mut String, label: &str, said: &str) {
    let said = clean(said);
    let (mut label, mut rest) = (label, &*said);
    loop {
        let (line, more) = rest.split_at(line_end(rest, WIDTH - INDENT));
        let _ = writeln!(text, "{label:<INDENT$}{}", line.trim_end());
        if more.is_empty() {
            return;
        }
        (label, rest) = ("", more);
    }
}

/// Where to break a text: behind the last space or before the last alternative that fits, else wherever it is full.
fn line_end(text: &str, width: usize) -> usize {
    let Some((full, _)) = text.char_indices().nth(width) else { return text.len() };
    let gap = text[..full].rfind([' ', '|']).filter(|gap| *gap > full / 2);
    gap.map_or(full, |gap| gap + usize::from(text[gap..].starts_with(' ')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_broken_at_spaces_or_else_where_it_is_full() {
        let mut text = String::new();
        labelled(&mut text, "ok", &"word, ".repeat(30));
        labelled(&mut text, "", &"é".repeat(150));
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        assert_eq!(text.matches("word,").count(), 30);
        assert_eq!(text.matches('é').count(), 150);
        assert!(text.starts_with("  ok       word, ") && text.contains("\n           word, "), "{text}");
    }

    #[test]
    fn nothing_hostile_is_shown() {
        let mut text = String::new();
        labelled(&mut text, "", "a\u{1b}[31mb\nc");
        assert_eq!(text, "           ab c\n");
    }
}
