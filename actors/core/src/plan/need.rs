//! What a query waits for: what others must have come to before it is asked. By places in a plan, and by ids before there is a
//! place.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Plan, Query};
use crate::roster::Place;

/// What another query must have come to. Until that is known this one waits; where the other comes to something else it is
/// skipped.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Need {
    /// The other one.
    pub query: Place,
    /// What it must have come to.
    pub condition: Condition,
}

impl Need {
    /// That this one says this verdict.
    #[must_use]
    pub fn says(query: Place, verdict: impl Into<Arc<str>>) -> Self {
        Self { query, condition: Condition::Says(verdict.into()) }
    }
}

/// What a query must have come to for another to be asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Condition {
    /// It says this verdict, by an end of its own.
    Says(Arc<str>),
    /// It ended well: with the verdict that is expected of it, or with one that counts as ok.
    Well,
    /// It is over, however.
    Over,
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Says(verdict) => write!(f, "be {verdict}"),
            Self::Well => f.write_str("end well"),
            Self::Over => f.write_str("be over"),
        }
    }
}

/// What becomes of a query where one that it comes after has not ended well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AfterFailure {
    /// It is skipped, with the reason in its row.
    #[default]
    Skip,
    /// It is asked all the same.
    Run,
}

impl AfterFailure {
    /// What the other one must have come to.
    #[must_use]
    pub const fn condition(self) -> Condition {
        match self {
            Self::Skip => Condition::Well,
            Self::Run => Condition::Over,
        }
    }
}

/// Another query that has to be over before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct After {
    /// The other one's id.
    pub id: Arc<str>,
    /// What follows where it does not end well.
    pub failure: AfterFailure,
}

/// A query to be asked, with what has to be over before. A [`Query`] alone is one that waits for nobody.
///
/// ```
/// use provisor_core::plan::{AfterFailure, Command, Plan, Query};
///
/// let test = Query::new("test", Command::new(["make", "test"]));
/// let plan = Plan::new("nightly", vec![Query::new("build", Command::new(["make"]))])
///     .with_after(test.after(["build"], AfterFailure::Skip))
///     .expect("there is a query `build`");
/// assert_eq!(plan.queries[1].needs.len(), 1);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// The query.
    pub query: Query,
    /// What has to be over before.
    pub after: Box<[After]>,
}

impl Submission {
    /// Asked when these are over, too.
    #[must_use]
    pub fn after(self, ids: impl IntoIterator<Item = impl Into<Arc<str>>>, failure: AfterFailure) -> Self {
        let more = ids.into_iter().map(|id| After { id: id.into(), failure });
        Self { after: self.after.into_iter().chain(more).collect(), ..self }
    }
}

impl From<Query> for Submission {
    fn from(query: Query) -> Self {
        Self { query, after: Box::default() }
    }
}

impl Query {
    /// Asked when the queries with these ids are over.
    #[must_use]
    pub fn after(
        self,
        ids: impl IntoIterator<Item = impl Into<Arc<str>>>,
        failure: AfterFailure,
    ) -> Submission {
        Submission::from(self).after(ids, failure)
    }
}

/// There is no query of this id in the plan so far.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{id}` is to come after `{other}`, and the plan has no query of that id so far")]
pub struct NoSuchQuery {
    /// The id of the query that is to wait.
    pub id: Arc<str>,
    /// The id that nobody has.
    pub other: Arc<str>,
}

impl Plan {
    /// One query more, after some of those that are there already; so none can wait in a circle.
    ///
    /// # Errors
    /// If one of these is not there.
    pub fn with_after(self, submission: Submission) -> Result<Self, NoSuchQuery> {
        let Submission { mut query, after } = submission;
        let need = |After { id, failure }: &After| {
            let place = self.queries.iter().position(|other| other.id == *id);
            let place = place.and_then(|place| Place::try_from(place).ok());
            let unknown = || NoSuchQuery { id: Arc::clone(&query.id), other: Arc::clone(id) };
            Ok(Need { query: place.ok_or_else(unknown)?, condition: failure.condition() })
        };
        let needs = after.iter().map(need).collect::<Result<Vec<_>, _>>()?;
        query.needs = query.needs.into_iter().chain(needs).collect();
        Ok(self.with(query))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Command;

    fn query(id: &str) -> Query {
        Query::new(id, Command::new(["x"]))
    }

    #[test]
    fn a_query_of_a_plan_comes_after_those_that_were_there_before_and_no_others() {
        let plan = Plan::new("test", vec![query("a"), query("b")]);
        let both = query("c").after(["b"], AfterFailure::Skip).after(["a"], AfterFailure::Run);
        let plan = plan.with_after(both).expect("both are there");
        let need = |query, condition| Need { query, condition };
        assert_eq!(&*plan.queries[2].needs, [need(1, Condition::Well), need(0, Condition::Over)]);
        for other in ["d", "e"] {
            let refused = plan.clone().with_after(query("d").after([other], AfterFailure::Run));
            let error = refused.expect_err("it is not there");
            assert_eq!((&*error.id, &*error.other), ("d", other));
        }
    }
}
