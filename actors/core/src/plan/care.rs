//! Queries that are looked after: in groups, in the manner of OTP's supervisors.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Plan, Query};
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
}

impl Query {
    /// Looked after in this group, by its place among those of the plan.
    #[must_use]
    pub fn member_of(self, group: u32, settings: MemberSettings) -> Self {
        Self { care: Some(Box::new(Care::Member { group, settings })), ..self }
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
