//! Rules: what a line of output means. Written in the spec or by a preset, compiled once, shared by all queries.
//!
//! A rule sees one line and knows nothing of the lines before it: what lines add up to is `verdict`'s to say.

mod named;
mod screen;
mod telling;

use std::borrow::Cow;
use std::sync::Arc;

use memchr::memmem::Finder;
use regex::bytes::{Captures, Regex};
use serde::{Deserialize, Serialize};

use crate::cause::StopMethod;
use crate::plan::Judging;
use crate::proverif::output;
use crate::verdict::{Counts, Preset};

use self::named::Named;
pub(crate) use self::screen::Screen;
use self::telling::CompiledToolRule;
pub(crate) use self::telling::Telling;

/// One of a child's output streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Which streams a rule looks at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Streams {
    /// Standard output only.
    #[default]
    Stdout,
    /// Standard error only.
    Stderr,
    /// Both, each with lines of its own.
    Both,
}

/// What a line must be like. Bytes, one line at a time (without its line end), in linear time. Bytes that are not
/// UTF-8 are for a regular expression also what they are shown as, U+FFFD.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Pattern {
    /// The text occurs in the line.
    Contains(Arc<str>),
    /// The line starts with the text.
    Prefix(Arc<str>),
    /// The line ends with the text.
    Suffix(Arc<str>),
    /// The regular expression matches somewhere in the line.
    Regex(Arc<str>),
}

/// A line of this kind means that.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rule {
    /// What the line is like.
    pub on: Pattern,
    /// On which stream.
    pub streams: Streams,
    /// The verdict that the line states, if any.
    pub verdict: Option<Arc<str>>,
    /// The group of a `Regex` that holds the verdict. Where it matched nothing, `verdict` stands.
    pub capture: Option<usize>,
    /// What the verdict counts as; a captured one that the judging names elsewhere counts as it does there.
    pub counts: Counts,
    /// The group of a `Regex` (0 is the whole match) that fills the column `value`.
    pub value: Option<usize>,
    /// The line is kept as a note.
    pub note: bool,
    /// The query is ended here, beginning with this.
    pub stop: Option<StopMethod>,
}

/// What is wrong with the rules of a job.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{}rules[{rule}]: {fault}", of(preset.as_deref()))]
pub struct RuleError {
    /// The preset whose rule it is; `None` for those of the job itself.
    pub preset: Option<Arc<str>>,
    /// Which rule, counted from 0.
    pub rule: usize,
    /// What is wrong with it.
    pub fault: RuleFault,
}

/// What is wrong with one rule.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RuleFault {
    /// The regular expression does not compile.
    #[error("not a regular expression: {0}")]
    Regex(regex::Error),
    /// `capture`, `value` or `about` names a group that the regular expression does not have.
    #[error("`{field}` names group {group}, but the regular expression has {}", groups(*.has))]
    NoSuchGroup {
        /// `capture`, `value` or `about`.
        field: &'static str,
        /// The group that was asked for.
        group: usize,
        /// How many groups there are, besides the whole match.
        has: usize,
    },
    /// `capture`, `value` or `about` on a pattern without groups.
    #[error("`{field}` needs a pattern of the kind Regex")]
    GroupWithoutRegex {
        /// `capture`, `value` or `about`.
        field: &'static str,
    },
    /// The rule has no effect.
    #[error("the rule does nothing: give it a verdict, capture, value, note or stop")]
    NoEffect,
    /// What is said about its verdict is for nothing.
    #[error("`{field}` needs a verdict or capture")]
    NoVerdict {
        /// `about`, `role` or `explains_exit`.
        field: &'static str,
    },
}

fn of(preset: Option<&str>) -> String {
    preset.map_or(String::new(), |preset| format!("the preset {preset}: "))
}

fn groups(count: usize) -> String {
    match count {
        0 => "no group but 0, the whole match".to_owned(),
        1 => "one group".to_owned(),
        _ => format!("only {count} groups"),
    }
}

/// How the output of a kind of query is read: compiled once, shared by all queries that are read alike.
#[derive(Debug)]
pub struct Judge {
    rules: Vec<CompiledRule>,
    tool: Vec<CompiledToolRule>,
    preset: Option<Preset>,
    stdout: Screen,
    stderr: Screen,
}

impl Judge {
    /// Compiles rules and preset.
    ///
    /// # Errors
    /// The first rule that is not sound.
    pub fn compile(judging: &Judging) -> Result<Self, RuleError> {
        let (texts, tool): (&[&str], _) = match &judging.preset {
            Some(Preset::ProVerif(proverif)) => (output::texts(*proverif), None),
            Some(Preset::Tool(tool)) => (&[], Some(tool)),
            Some(Preset::ExitCode) | None => (&[], None),
        };
        let tool_rules = tool.map_or(&[][..], |tool| &tool.rules);
        let screen = |stream, texts: &[&str]| {
            let all = judging.rules.iter().chain(tool_rules.iter().map(|rule| &rule.rule));
            Screen::new(all.filter(|rule| rule.streams.include(stream)).map(|rule| &rule.on), texts)
        };
        let named = Arc::new(Named::of(judging));
        let name = tool.map(|tool| &tool.name);
        Ok(Self {
            rules: compiled(&judging.rules, None, |rule| CompiledRule::new(rule, &named))?,
            tool: compiled(tool_rules, name, |rule| CompiledToolRule::new(rule, &named))?,
            preset: judging.preset.clone(),
            stdout: screen(Stream::Stdout, texts),
            stderr: screen(Stream::Stderr, &[]),
        })
    }

    pub(crate) const fn preset(&self) -> Option<&Preset> {
        self.preset.as_ref()
    }

    pub(crate) const fn screen(&self, stream: Stream) -> &Screen {
        match stream {
            Stream::Stdout => &self.stdout,
            Stream::Stderr => &self.stderr,
        }
    }

    /// What the rules say about one line. Every rule is asked; of each kind of effect, the first rule that has it
    /// wins.
    pub(crate) fn read(&self, stream: Stream, line: &[u8]) -> Reading {
        let mut reading = Reading::default();
        if self.rules.is_empty() {
            return reading;
        }
        let shown = shown_otherwise(line);
        for rule in self.rules.iter().filter(|rule| rule.streams.include(stream)) {
            rule.read(line, shown.as_deref(), &mut reading);
        }
        reading
    }
}

/// What a line is shown as, where that is something else: `.` stands for a character, and one stray byte should not hide
/// a line from `.*`, so text that is not UTF-8 is also read so.
fn shown_otherwise(line: &[u8]) -> Option<String> {
    match String::from_utf8_lossy(line) {
        Cow::Owned(shown) => Some(shown),
        Cow::Borrowed(_) => None,
    }
}

/// All rules of a list, or what is wrong with the first that is.
fn compiled<R, C>(
    rules: &[R],
    preset: Option<&Arc<str>>,
    compile: impl Fn(&R) -> Result<C, RuleFault>,
) -> Result<Vec<C>, RuleError> {
    let compiled = rules.iter().enumerate().map(|(rule, written)| {
        compile(written).map_err(|fault| RuleError { preset: preset.cloned(), rule, fault })
    });
    compiled.collect()
}

impl Streams {
    /// Whether this one is looked at.
    #[must_use]
    pub const fn include(self, stream: Stream) -> bool {
        matches!(
            (self, stream),
            (Self::Both, _) | (Self::Stdout, Stream::Stdout) | (Self::Stderr, Stream::Stderr)
        )
    }
}

/// What the rules say about one line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) verdict: Option<(Arc<str>, Counts)>,
    pub(crate) value: Option<Arc<str>>,
    pub(crate) note: bool,
    pub(crate) stop: Option<StopMethod>,
}

impl Reading {
    /// Whether the preset does not get to see the line.
    pub(crate) const fn settles(&self) -> bool {
        self.verdict.is_some() || self.stop.is_some()
    }
}

#[derive(Debug)]
struct CompiledRule {
    on: Matcher,
    streams: Streams,
    verdict: Option<Arc<str>>,
    capture: Option<usize>,
    counts: Counts,
    /// What a captured word counts as, where it has a name.
    named: Arc<Named>,
    value: Option<usize>,
    note: bool,
    stop: Option<StopMethod>,
}

#[derive(Debug)]
enum Matcher {
    Contains(Box<Finder<'static>>),
    Prefix(Arc<str>),
    Suffix(Arc<str>),
    Regex(Regex),
}

impl CompiledRule {
    fn new(rule: &Rule, named: &Arc<Named>) -> Result<Self, RuleFault> {
        let on = Matcher::new(&rule.on)?;
        on.has_group("capture", rule.capture)?;
        on.has_group("value", rule.value)?;
        let states = rule.verdict.is_some() || rule.capture.is_some() || rule.value.is_some();
        if !states && !rule.note && rule.stop.is_none() {
            return Err(RuleFault::NoEffect);
        }
        Ok(Self {
            on,
            streams: rule.streams,
            verdict: rule.verdict.clone(),
            capture: rule.capture,
            counts: rule.counts,
            named: Arc::clone(named),
            value: rule.value,
            note: rule.note,
            stop: rule.stop,
        })
    }

    /// Reads the line, and where it is `shown` as something else, that too.
    fn read(&self, line: &[u8], shown: Option<&str>, reading: &mut Reading) {
        if self.read_as(line, reading) || !matches!(self.on, Matcher::Regex(_)) {
            return;
        }
        if let Some(shown) = shown {
            self.read_as(shown.as_bytes(), reading);
        }
    }

    /// What a group holds, in a line that was read.
    fn group(&self, line: &[u8], group: usize) -> Option<Arc<str>> {
        let text = |line: &[u8]| -> Option<Arc<str>> {
            let found = self.on.groups(line)??.get(group)?;
            Some(Arc::from(String::from_utf8_lossy(found.as_bytes())))
        };
        let text = text(line).or_else(|| text(String::from_utf8_lossy(line).as_bytes()));
        text.filter(|text| !text.is_empty())
    }

    fn read_as(&self, line: &[u8], reading: &mut Reading) -> bool {
        let groups = if self.capture.is_some() || self.value.is_some() {
            self.on.groups(line)
        } else {
            self.on.is_match(line).then_some(None)
        };
        let Some(groups) = groups else { return false };
        let text = |group: Option<usize>| {
            let found = groups.as_ref()?.get(group?)?;
            Some(Arc::from(String::from_utf8_lossy(found.as_bytes())))
        };
        if reading.verdict.is_none() {
            let captured = text(self.capture).filter(|word: &Arc<str>| !word.is_empty());
            let captured = captured.map(|word| {
                let counts = self.named.counts(&word).unwrap_or(self.counts);
                (word, counts)
            });
            reading.verdict = captured.or_else(|| Some((self.verdict.clone()?, self.counts)));
        }
        reading.value = reading.value.take().or_else(|| text(self.value));
        reading.note |= self.note;
        reading.stop = reading.stop.or(self.stop);
        true
    }
}

impl Matcher {
    fn new(pattern: &Pattern) -> Result<Self, RuleFault> {
        Ok(match pattern {
            Pattern::Contains(text) => Self::Contains(Box::new(Finder::new(text.as_bytes()).into_owned())),
            Pattern::Prefix(text) => Self::Prefix(Arc::clone(text)),
            Pattern::Suffix(text) => Self::Suffix(Arc::clone(text)),
            Pattern::Regex(regex) => Self::Regex(Regex::new(regex).map_err(RuleFault::Regex)?),
        })
    }

    fn has_group(&self, field: &'static str, group: Option<usize>) -> Result<(), RuleFault> {
        match (self, group) {
            (_, None) => Ok(()),
            (Self::Regex(regex), Some(group)) if group < regex.captures_len() => Ok(()),
            (Self::Regex(regex), Some(group)) => {
                Err(RuleFault::NoSuchGroup { field, group, has: regex.captures_len() - 1 })
            }
            _ => Err(RuleFault::GroupWithoutRegex { field }),
        }
    }

    fn is_match(&self, line: &[u8]) -> bool {
        match self {
            Self::Contains(finder) => finder.find(line).is_some(),
            Self::Prefix(text) => line.starts_with(text.as_bytes()),
            Self::Suffix(text) => line.ends_with(text.as_bytes()),
            Self::Regex(regex) => regex.is_match(line),
        }
    }

    /// The groups of a match: `None` where there is no match, `Some(None)` where there are no groups.
    fn groups<'l>(&self, line: &'l [u8]) -> Option<Option<Captures<'l>>> {
        match self {
            Self::Regex(regex) => regex.captures(line).map(Some),
            other => other.is_match(line).then_some(None),
        }
    }
}

#[cfg(test)]
mod tests;
