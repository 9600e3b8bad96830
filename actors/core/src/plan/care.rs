//! Queries that are looked after: in groups, in the manner of OTP's supervisors, and in races.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Plan, Query};
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
}
