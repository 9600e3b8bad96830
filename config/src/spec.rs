//! The spec as it is written in the file: one struct a form, nothing computed, nothing checked but its structure.
//!
//! Whatever can be wrong in meaning keeps its place, so that `lower` can tell all of it at once. No defaults here:
//! a field that is not written is `None`, because it may be written one level further out.

mod care;
mod pass;
pub(crate) mod study;
mod values;

use provisor_core::periodic::Overlap;
use provisor_core::plan::{AfterFailure, Containment, Prune, RetryOn, Reuse};
use provisor_core::supervision::Restart;
use provisor_core::tool::{AddsUp, Role};
use provisor_core::verdict::Counts;
use serde::Deserialize;

use crate::spanned::Spanned;
pub(crate) use care::{Backoff, GroupChoice, GroupFields, GroupForm, Health, Shutdown};
pub(crate) use pass::{Pass, PassFields, PassKind};
use study::Study;
pub(crate) use values::{
    Axis, AxisForm, Entries, Expect, Expected, InputList, Later, Listed, Logs, PresetChoice, PresetForm,
    ProVerifOptions, Scalar, ScalarValue, Stop,
};

/// A command with its arguments, templates.
pub(crate) type Argv = Listed<Spanned<String>>;
/// Commands that race for one question.
pub(crate) type Race = Listed<Argv>;

/// Fields that a whole job has as well as one of its commands or hosts, where the inner one goes before the outer.
macro_rules! with_settings {
    ($(#[$meta:meta])* struct $name:ident { $($own:tt)* }) => {
        $(#[$meta])*
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(crate) struct $name {
            $($own)*
            pub(crate) vars: Option<Entries<Scalar>>,
            pub(crate) env: Option<Entries<Scalar>>,
            pub(crate) cwd: Option<Spanned<String>>,
            pub(crate) stdin: Option<Stdin>,
            pub(crate) limits: Option<Limits>,
            pub(crate) preset: Option<PresetChoice>,
            pub(crate) rules: Option<Vec<Rule>>,
            pub(crate) retry: Option<Retry>,
            pub(crate) inputs: Option<InputList>,
            pub(crate) logs: Option<Logs>,
            pub(crate) record: Option<bool>,
            pub(crate) after: Option<Listed<Spanned<String>>>,
            pub(crate) after_failure: Option<Spanned<AfterFailure>>,
            pub(crate) group: Option<GroupChoice>,
            pub(crate) restart: Option<Spanned<Restart>>,
            pub(crate) shutdown: Option<Spanned<Shutdown>>,
            pub(crate) health: Option<Spanned<Health>>,
            pub(crate) every: Option<Scalar>,
            pub(crate) jitter: Option<Scalar>,
            pub(crate) overlap: Option<Spanned<Overlap>>,
            pub(crate) keep_last: Option<Spanned<i64>>,
        }

        impl $name {
            pub(crate) fn settings(&self) -> Settings<'_> {
                Settings {
                    vars: self.vars.as_ref(),
                    env: self.env.as_ref(),
                    cwd: self.cwd.as_ref(),
                    stdin: self.stdin.as_ref(),
                    limits: self.limits.as_ref(),
                    preset: self.preset.as_ref(),
                    rules: self.rules.as_deref(),
                    retry: self.retry.as_ref(),
                    inputs: self.inputs.as_ref(),
                    logs: self.logs.as_ref(),
                    record: self.record,
                    after: self.after.as_ref().map(|after| &after.items[..]),
                    after_failure: self.after_failure.as_ref(),
                    group: self.group.as_ref(),
                    restart: self.restart.as_ref(),
                    shutdown: self.shutdown.as_ref(),
                    health: self.health.as_ref(),
                    every: self.every.as_ref(),
                    jitter: self.jitter.as_ref(),
                    overlap: self.overlap.as_ref(),
                    keep_last: self.keep_last.as_ref(),
                }
            }
        }
    };
}

/// What `with_settings` gives a struct, by reference.
#[derive(Clone, Copy)]
pub(crate) struct Settings<'a> {
    pub(crate) vars: Option<&'a Entries<Scalar>>,
    pub(crate) env: Option<&'a Entries<Scalar>>,
    pub(crate) cwd: Option<&'a Spanned<String>>,
    pub(crate) stdin: Option<&'a Stdin>,
    pub(crate) limits: Option<&'a Limits>,
    pub(crate) preset: Option<&'a PresetChoice>,
    pub(crate) rules: Option<&'a [Rule]>,
    pub(crate) retry: Option<&'a Retry>,
    pub(crate) inputs: Option<&'a InputList>,
    pub(crate) logs: Option<&'a Logs>,
    pub(crate) record: Option<bool>,
    pub(crate) after: Option<&'a [Spanned<String>]>,
    pub(crate) after_failure: Option<&'a Spanned<AfterFailure>>,
    pub(crate) group: Option<&'a GroupChoice>,
    pub(crate) restart: Option<&'a Spanned<Restart>>,
    pub(crate) shutdown: Option<&'a Spanned<Shutdown>>,
    pub(crate) health: Option<&'a Spanned<Health>>,
    pub(crate) every: Option<&'a Scalar>,
    pub(crate) jitter: Option<&'a Scalar>,
    pub(crate) overlap: Option<&'a Spanned<Overlap>>,
    pub(crate) keep_last: Option<&'a Spanned<i64>>,
}

with_settings! {
    /// The whole file.
    struct Job {
        pub(crate) name: Spanned<String>,
        pub(crate) slots: Option<Spanned<i64>>,
        pub(crate) commands: Option<Listed<Command>>,
        pub(crate) matrix: Option<Spanned<Entries<Axis>>>,
        pub(crate) each: Option<(Spanned<String>, Entries<Each>)>,
        pub(crate) study: Option<Spanned<Study>>,
        pub(crate) exclude: Option<Vec<Spanned<Entries<Scalar>>>>,
        pub(crate) id: Option<Spanned<String>>,
        pub(crate) command: Option<Argv>,
        pub(crate) race: Option<Race>,
        pub(crate) inherit_env: Option<InheritEnv>,
        pub(crate) expect: Option<Expect>,
        pub(crate) reuse: Option<Reuse>,
        pub(crate) prune: Option<Spanned<Prune>>,
        pub(crate) passes: Option<Listed<Pass>>,
        pub(crate) groups: Option<Entries<GroupFields>>,
        pub(crate) spare_hosts: Option<Spanned<Backoff>>,
        pub(crate) memory_budget: Option<Scalar>,
        pub(crate) containment: Option<Containment>,
        launcher: Option<Later>,
    }
}

impl Job {
    /// The forms of a whole job that are promised and not there.
    pub(crate) fn later(&self) -> [(&'static str, Option<Later>); 1] {
        [("launcher", self.launcher)]
    }
}

/// Field names that are known only to be refused: no error message should propose them.
pub(crate) const LATER: [&str; 1] = ["launcher"];

with_settings! {
    /// One of `commands`.
    struct Command {
        pub(crate) id: Option<Spanned<String>>,
        pub(crate) run: Option<Argv>,
        pub(crate) race: Option<Race>,
        pub(crate) expect: Option<Spanned<String>>,
    }
}

with_settings! {
    /// What one key of `each` has of its own.
    struct Each {
        pub(crate) id: Option<Spanned<String>>,
        pub(crate) expect: Option<Spanned<String>>,
    }
}

/// `limits: (...)`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limits {
    pub(crate) wall: Option<Scalar>,
    pub(crate) silence: Option<Scalar>,
    pub(crate) grace: Option<Scalar>,
    pub(crate) total: Option<Scalar>,
    pub(crate) cpu: Option<Scalar>,
    pub(crate) memory: Option<Scalar>,
    pub(crate) output: Option<Scalar>,
    pub(crate) processes: Option<Scalar>,
}

/// `inherit_env: ...`.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) enum InheritEnv {
    Basic,
    All,
}

/// `stdin: ...`.
#[derive(Debug, Deserialize)]
pub(crate) enum Stdin {
    Null,
    File(Spanned<String>),
    Text(Spanned<String>),
}

/// Fields that every rule has, be it one of a job or of a preset file.
macro_rules! with_rule {
    ($(#[$meta:meta])* struct $name:ident { $($own:tt)* }) => {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        $(#[$meta])*
        pub(crate) struct $name {
            on: On,
            stream: Option<StreamWord>,
            verdict: Option<Spanned<String>>,
            counts: Option<Spanned<Counts>>,
            capture: Option<Spanned<Group>>,
            value: Option<Spanned<Group>>,
            #[serde(default)]
            note: bool,
            stop: Option<Stop>,
            $($own)*
        }

        impl $name {
            pub(crate) fn written(&self) -> RuleWritten<'_> {
                RuleWritten {
                    on: &self.on,
                    stream: self.stream,
                    verdict: self.verdict.as_ref(),
                    counts: self.counts.as_ref(),
                    capture: self.capture.as_ref(),
                    value: self.value.as_ref(),
                    note: self.note,
                    stop: self.stop,
                }
            }
        }
    };
}

/// What `with_rule` gives a struct, by reference.
#[derive(Clone, Copy)]
pub(crate) struct RuleWritten<'a> {
    pub(crate) on: &'a On,
    pub(crate) stream: Option<StreamWord>,
    pub(crate) verdict: Option<&'a Spanned<String>>,
    pub(crate) counts: Option<&'a Spanned<Counts>>,
    pub(crate) capture: Option<&'a Spanned<Group>>,
    pub(crate) value: Option<&'a Spanned<Group>>,
    pub(crate) note: bool,
    pub(crate) stop: Option<Stop>,
}

with_rule! {
    /// One of a job's `rules`.
    struct Rule {}
}

with_rule! {
    /// One of a preset's `rules`.
    #[serde(rename = "Rule")]
    struct PresetRule {
        pub(crate) about: Option<Spanned<Group>>,
        pub(crate) role: Option<Spanned<Role>>,
        pub(crate) explains_exit: Option<Spanned<i64>>,
    }
}

/// A whole preset file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Preset {
    pub(crate) about: Option<String>,
    pub(crate) reuse: Option<PresetReuse>,
    pub(crate) adds_up: Option<AddsUp>,
    pub(crate) rules: Option<Listed<PresetRule>>,
    pub(crate) words: Option<Entries<Counts>>,
    pub(crate) exits: Option<Entries<Spanned<String>, i64>>,
    pub(crate) sound_exits: Option<Vec<Spanned<i64>>>,
}

/// `reuse: ...` of a preset file, for jobs that say nothing.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) enum PresetReuse {
    Conclusive,
    Unfinished,
}

/// What the line of a rule is like.
#[derive(Debug, Deserialize)]
pub(crate) enum On {
    Contains(Spanned<String>),
    Prefix(Spanned<String>),
    Suffix(Spanned<String>),
    Regex(Spanned<String>),
}

impl On {
    pub(crate) fn text(&self) -> &Spanned<String> {
        match self {
            Self::Contains(text) | Self::Prefix(text) | Self::Suffix(text) | Self::Regex(text) => text,
        }
    }
}

/// `stream: ...`.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) enum StreamWord {
    Stdout,
    Stderr,
    Both,
}

/// A group of a regular expression.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) enum Group {
    Group(usize),
}

/// `retry: (...)`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Retry {
    pub(crate) times: Option<u32>,
    pub(crate) on: Option<Vec<Spanned<RetryOn>>>,
    pub(crate) backoff: Option<Scalar>,
}
