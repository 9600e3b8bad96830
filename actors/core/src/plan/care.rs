//! Queries that are looked after: in groups, in the manner of OTP's supervisors, by the clock, which has them asked again and
//! again, and in races.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Plan, Query};
use crate::backoff::Backoff;
use crate::periodic::{Host, Overlap, Schedule};
use crate::portfolio::{self, race_of};
use crate::supervision::{GroupSettings, MemberSettings};

/// A group in which queries are looked after.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Group {
    /// Names it where it is told of.
    pub name: Arc<str>,
    /// Who is started again, how often and when.
    pub settings: GroupSettings,
    /// The group that it stands in, by its place among those of the plan, before its own. In the order of starts groups that
    /// stand in a group come before the queries in it.
    pub parent: Option<u32>,
}

/// How a query is looked after.
///
/// A query has one row, whatever becomes of it: each start is an attempt of its own, and the last one stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Care {
    /// It stands in a group, behind those of the plan that come before it. It is up as soon as it is asked for, waits for a slot as
    /// all others do, and has ended normally when it has ended well.
    Member {
        /// The group, by its place among those of the plan.
        group: u32,
        /// Whether it is started again, and how it is stopped.
        settings: MemberSettings,
    },
    /// It is asked again and again. Each round is asked as any query is, from its first pass on, with retries of its own, and its
    /// last row stands until that of the next round takes its place; between two rounds the query is over.
    ///
    /// A round waits for a slot before all queries that are no rounds, behind the rounds that were due before it. Whoever comes
    /// after such a query goes by its first round.
    Rounds {
        /// When.
        schedule: Schedule,
        /// What it asks, where others ask the same.
        host: Option<Host>,
        /// So many of its last rounds are kept, at least one: their rows, and their logs.
        keep_last: usize,
    },
    /// It runs in a race, with others that are asked the same: the first that settles the question wins, and the others are
    /// ended or never start.
    Entrant {
        /// The race, by its number in the plan. Those of the same number race each other.
        race: u32,
    },
}

impl Query {
    /// Looked after in this group, by its place among those of the plan.
    #[must_use]
    pub fn member_of(self, group: u32, settings: MemberSettings) -> Self {
        Self { care: Some(Box::new(Care::Member { group, settings })), ..self }
    }

    /// Asked again and again, from one round to the next in this time, and in no group. A round that comes while the one before
    /// still runs is left out, and the last round alone is kept, unless more is said.
    #[must_use]
    pub fn every(self, every: Duration) -> Self {
        let schedule = Schedule { every, jitter: Duration::ZERO, overlap: Overlap::default() };
        Self { care: Some(Box::new(Care::Rounds { schedule, host: None, keep_last: 1 })), ..self }
    }

    /// All rounds are later by a time that is less than this one. As what follows here, it says something only after
    /// [`every`](Self::every).
    #[must_use]
    pub fn jitter(mut self, jitter: Duration) -> Self {
        if let Some(Care::Rounds { schedule, .. }) = self.care.as_deref_mut() {
            schedule.jitter = jitter;
        }
        self
    }

    /// What becomes of a round that comes while the one before still runs.
    #[must_use]
    pub fn overlap(mut self, overlap: Overlap) -> Self {
        if let Some(Care::Rounds { schedule, .. }) = self.care.as_deref_mut() {
            schedule.overlap = overlap;
        }
        self
    }

    /// It asks this, as others may: where one of them fails all may be spared. See [`Plan::spare_hosts`].
    #[must_use]
    pub fn at_host(mut self, asked: impl Into<Host>) -> Self {
        if let Some(Care::Rounds { host, .. }) = self.care.as_deref_mut() {
            *host = Some(asked.into());
        }
        self
    }

    /// So many of its last rounds are kept, at least one.
    #[must_use]
    pub fn keep_last(mut self, rounds: usize) -> Self {
        if let Some(Care::Rounds { keep_last, .. }) = self.care.as_deref_mut() {
            *keep_last = rounds;
        }
        self
    }

    /// When it is asked again and again, if it is.
    #[must_use]
    pub fn schedule(&self) -> Option<&Schedule> {
        match self.care.as_deref()? {
            Care::Rounds { schedule, .. } => Some(schedule),
            Care::Member { .. } | Care::Entrant { .. } => None,
        }
    }

    /// Running in this race, by its number in the plan.
    #[must_use]
    pub fn entrant_of(self, race: u32) -> Self {
        Self { care: Some(Box::new(Care::Entrant { race })), ..self }
    }
}

impl Plan {
    /// One group more; its place is how many there were before. `parent`: the place of the one that it stands in.
    #[must_use]
    pub fn with_group(
        mut self,
        name: impl Into<Arc<str>>,
        settings: GroupSettings,
        parent: Option<u32>,
    ) -> Self {
        self.groups.push(Group { name: name.into(), settings, parent });
        self
    }

    /// When a round has failed its host is spared for such a pause, twice as long after each further failure, and until it
    /// has answered again: rounds that are due meanwhile are left out.
    #[must_use]
    pub fn spare_hosts(self, pauses: Backoff) -> Self {
        Self { spare: Some(pauses), ..self }
    }

    /// Whether any of its queries is asked again and again.
    #[must_use]
    pub fn has_rounds(&self) -> bool {
        self.queries.iter().any(|query| query.schedule().is_some())
    }

    /// Several queries for one question, of which the first wins that settles it: with a verdict that counts as ok or is the
    /// expected one, by an end of its own. Each is called by the question and its own id; the second one of an id has `-2` behind it.
    ///
    /// ```
    /// use provisor_core::plan::{Command, Plan, Query};
    ///
    /// let solver = |name: &'static str| Query::new(name, Command::new([name, "goal.smt2"]));
    /// let plan = Plan::new("proof", Vec::new()).with_race("goal", [solver("z3"), solver("cvc5")]).at_once(2);
    /// assert_eq!(&*plan.queries[1].id, "goal/cvc5");
    /// ```
    #[must_use]
    pub fn with_race(mut self, question: &str, queries: impl IntoIterator<Item = Query>) -> Self {
        let race = self.queries.iter().filter_map(race_of).max().map_or(0, |last| last.saturating_add(1));
        let queries: Vec<_> = queries.into_iter().collect();
        let ids = portfolio::ids(question, queries.iter().map(|query| &*query.id));
        let entrants = queries.into_iter().zip(ids);
        self.queries.extend(entrants.map(|(query, id)| Query { id, ..query }.entrant_of(race)));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Command;

    #[test]
    fn a_query_that_is_not_looked_after_pays_one_pointer() {
        assert_eq!(size_of::<Option<Box<Care>>>(), size_of::<usize>());
        let query = Query::new("q", Command::new(["true"]));
        assert_eq!(query.care, None);
        let member = query.member_of(1, MemberSettings::default());
        assert_eq!(
            member.care.as_deref(),
            Some(&Care::Member { group: 1, settings: MemberSettings::default() })
        );
    }

    #[test]
    fn a_query_that_is_asked_again_and_again_is_what_was_said_of_it() {
        let secs = Duration::from_secs;
        let query = Query::new("q", Command::new(["true"]));
        assert_eq!(query.clone().jitter(secs(1)).at_host("a").keep_last(3).overlap(Overlap::Kill), query);
        let poll = query.every(secs(30));
        let schedule = Schedule { every: secs(30), jitter: Duration::ZERO, overlap: Overlap::Skip };
        assert_eq!(poll.care.as_deref(), Some(&Care::Rounds { schedule, host: None, keep_last: 1 }));
        let poll = poll.jitter(secs(3)).overlap(Overlap::Queue).at_host("core.lab").keep_last(100);
        let schedule = Schedule { jitter: secs(3), overlap: Overlap::Queue, ..schedule };
        let rounds = Care::Rounds { schedule, host: Some("core.lab".into()), keep_last: 100 };
        assert_eq!(poll.care.as_deref(), Some(&rounds));
        assert!(Plan::new("job", vec![poll]).has_rounds());
    }
}
