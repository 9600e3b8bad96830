//! Plans without a spec: queries and rules, said step by step.
//!
//! ```
//! use std::time::Duration;
//! use provisor_core::plan::{Command, Plan, Query};
//! use provisor_core::rules::{Pattern, Rule};
//!
//! let poll = Query::new("core.lab", Command::new(["snmpget", "-v2c", "-c", "public", "core.lab", "1.3.6.1.2.1.1.1.0"]))
//!     .rule(Rule::on(Pattern::Regex("^(\\S+) = (.*)$".into())).says("ok").value(2))
//!     .wall(Duration::from_secs(5));
//! let plan = Plan::new("inventory", vec![poll]).at_once(32);
//! assert_eq!(plan.queries[0].limits.wall, Some(Duration::from_secs(5)));
//! ```

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::{Command, Containment, Environment, Inherit, Judging, Logs, Plan, Query, Retry, RetryOn, Stdin};
use crate::cause::StopMethod;
use crate::health::Probe;
use crate::rules::{Pattern, Rule, Streams};
use crate::verdict::{Counts, Preset};

impl Command {
    /// This program with these arguments, in the root directory and the usual environment, with nothing to read.
    #[must_use]
    pub fn of(argv: impl IntoIterator<Item = impl Into<Arc<str>>>) -> Self {
        Self { argv: argv.into_iter().map(Into::into).collect(), ..Self::new([]) }
    }

    /// In this working directory, which has to be absolute. Paths in the argv are the program's to understand.
    #[must_use]
    pub fn in_dir(self, dir: impl AsRef<Path>) -> Self {
        Self { cwd: dir.as_ref().into(), ..self }
    }

    /// With this variable in its environment, and in that of no other child.
    #[must_use]
    pub fn env(mut self, name: impl Into<Arc<str>>, value: impl Into<Arc<str>>) -> Self {
        self.environment().set.push((name.into(), value.into()));
        self
    }

    /// With all of this process's environment, and not only the usual part of it.
    #[must_use]
    pub fn inherit_all(mut self) -> Self {
        self.environment().inherit = Inherit::All;
        self
    }

    /// With this to read on its standard input.
    #[must_use]
    pub fn reads(self, stdin: Stdin) -> Self {
        Self { stdin, ..self }
    }

    fn environment(&mut self) -> &mut Environment {
        Arc::make_mut(&mut self.env)
    }
}

impl Query {
    /// Ended when it has run for so long.
    #[must_use]
    pub fn wall(mut self, limit: Duration) -> Self {
        self.limits.wall = Some(limit);
        self
    }

    /// Ended when it has printed nothing for so long.
    #[must_use]
    pub fn silence(mut self, limit: Duration) -> Self {
        self.limits.silence = Some(limit);
        self
    }

    /// Ended when its tree has used so much CPU time.
    #[must_use]
    pub fn cpu(mut self, limit: Duration) -> Self {
        self.limits.cpu = Some(limit);
        self
    }

    /// Ended when its tree has more memory than so many bytes.
    #[must_use]
    pub fn memory(mut self, bytes: u64) -> Self {
        self.limits.memory = Some(bytes);
        self
    }

    /// Ended when it has printed more than so many bytes.
    #[must_use]
    pub fn output(mut self, bytes: u64) -> Self {
        self.limits.output = Some(bytes);
        self
    }

    /// Ended when its tree has more than so many processes.
    #[must_use]
    pub fn processes(mut self, most: u32) -> Self {
        self.limits.processes = Some(most);
        self
    }

    /// So long between Term and Kill.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.limits.grace = grace;
        self
    }

    /// Read as this tool's output is. After rules of its own, which are looked at first.
    #[must_use]
    pub fn preset(mut self, preset: Preset) -> Self {
        Arc::make_mut(&mut self.judging).preset = Some(preset);
        self
    }

    /// Read by this rule, too, after those before. The first rule of a query that has had no preset but the usual one, its exit
    /// code, takes the place of that: then its last verdict is that which a rule has seen last.
    #[must_use]
    pub fn rule(mut self, rule: Rule) -> Self {
        let Judging { rules, preset } = Arc::make_mut(&mut self.judging);
        rules.push(rule);
        if *preset == Some(Preset::ExitCode) {
            *preset = None;
        }
        self
    }

    /// Well ended with this verdict, and with no other.
    #[must_use]
    pub fn expect(self, verdict: impl Into<Arc<str>>) -> Self {
        Self { expect: Some(verdict.into()), ..self }
    }

    /// Tried again so often after such endings; `backoff` is the first pause, and each further one twice as long, up to
    /// five minutes.
    #[must_use]
    pub fn retry(self, times: u32, on: impl Into<Vec<RetryOn>>, backoff: Duration) -> Self {
        Self { retry: Arc::new(Retry { times, on: on.into(), backoff }), ..self }
    }

    /// Ended as silent when this command has found it unwell.
    #[must_use]
    pub fn health(self, probe: Probe) -> Self {
        Self { health: Some(Arc::new(probe)), ..self }
    }

    /// So much is kept of what it prints.
    #[must_use]
    pub fn logs(self, logs: Logs) -> Self {
        Self { logs, ..self }
    }
}

impl Plan {
    /// So many at a time, at least one.
    #[must_use]
    pub fn at_once(self, slots: usize) -> Self {
        Self { slots, ..self }
    }

    /// One query more.
    #[must_use]
    pub fn with(mut self, query: Query) -> Self {
        self.queries.push(query);
        self
    }

    /// Over after so long, whatever runs then.
    #[must_use]
    pub fn total(self, limit: Duration) -> Self {
        Self { total: Some(limit), ..self }
    }

    /// Those that run together are expected to need so many bytes at most.
    #[must_use]
    pub fn memory_budget(self, bytes: u64) -> Self {
        Self { memory_budget: Some(bytes), ..self }
    }

    /// Held together by this. Whoever makes the launcher has to be told, too.
    #[must_use]
    pub fn containment(self, containment: Containment) -> Self {
        Self { containment, ..self }
    }
}

impl Rule {
    /// About lines of standard output that are like this. It has to do something: to state a verdict or a value, to note the line,
    /// or to stop.
    #[must_use]
    pub const fn on(pattern: Pattern) -> Self {
        Self {
            on: pattern,
            streams: Streams::Stdout,
            verdict: None,
            capture: None,
            counts: Counts::Ok,
            value: None,
            note: false,
            stop: None,
        }
    }

    /// About lines of these streams.
    #[must_use]
    pub fn of(self, streams: Streams) -> Self {
        Self { streams, ..self }
    }

    /// Such a line states this verdict, which counts as ok unless more is said.
    #[must_use]
    pub fn says(self, verdict: impl Into<Arc<str>>) -> Self {
        Self { verdict: Some(verdict.into()), ..self }
    }

    /// The verdict is what this group of the regular expression has matched.
    #[must_use]
    pub fn captures(self, group: usize) -> Self {
        Self { capture: Some(group), ..self }
    }

    /// What the verdict counts as.
    #[must_use]
    pub fn counts(self, counts: Counts) -> Self {
        Self { counts, ..self }
    }

    /// What this group of the regular expression has matched is the query's value; 0 is the whole match.
    #[must_use]
    pub fn value(self, group: usize) -> Self {
        Self { value: Some(group), ..self }
    }

    /// Such a line is kept as a note.
    #[must_use]
    pub fn note(self) -> Self {
        Self { note: true, ..self }
    }

    /// The query is ended at such a line, beginning with this.
    #[must_use]
    pub fn stops(self, method: StopMethod) -> Self {
        Self { stop: Some(method), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Limits;

    #[test]
    fn a_query_is_what_was_said_of_it() {
        let second = Duration::from_secs(1);
        let query =
            Query::new("q", Command::of(["a".to_owned(), "b".to_owned()]).in_dir("/tmp").env("A", "1"))
                .wall(second)
                .silence(2 * second)
                .cpu(3 * second)
                .memory(4)
                .output(5)
                .processes(6)
                .grace(7 * second)
                .expect("no")
                .retry(8, [RetryOn::Signal], second)
                .logs(Logs::Drop);
        let limits = Limits {
            wall: Some(second),
            silence: Some(2 * second),
            cpu: Some(3 * second),
            memory: Some(4),
            output: Some(5),
            processes: Some(6),
            grace: 7 * second,
        };
        assert_eq!((query.limits, query.expect.as_deref(), query.logs), (limits, Some("no"), Logs::Drop));
        let Command { argv, env, cwd, stdin } = &query.command;
        assert_eq!(
            (&**argv, &**cwd, stdin),
            (&["a".into(), "b".into()][..], Path::new("/tmp"), &Stdin::Null)
        );
        assert_eq!((env.inherit, &*env.set), (Inherit::Basic, &[("A".into(), "1".into())][..]));
        assert_eq!((query.retry.times, &*query.retry.on), (8, &[RetryOn::Signal][..]));
    }

    #[test]
    fn the_first_rule_takes_the_place_of_the_exit_code_and_of_no_other_preset() {
        let query = || Query::new("q", Command::new(["x"]));
        let rule = || Rule::on(Pattern::Prefix("a".into())).says("yes");
        assert_eq!(query().judging.preset, Some(Preset::ExitCode));
        assert_eq!(query().rule(rule()).rule(rule()).judging.preset, None);
        assert_eq!(query().rule(rule()).judging.rules.len(), 1);
        let proverif = Preset::ProVerif(Default::default());
        assert_eq!(query().preset(proverif.clone()).rule(rule()).judging.preset, Some(proverif));
    }

    #[test]
    fn what_one_command_is_given_no_other_has() {
        let common = Command::new(["x"]);
        let with = common.clone().env("FOO", "1").inherit_all();
        assert!(common.env.set.is_empty() && common.env.inherit == Inherit::Basic);
        assert_eq!((with.env.set.len(), with.env.inherit), (1, Inherit::All));
    }
}
