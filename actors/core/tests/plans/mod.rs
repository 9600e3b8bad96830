//! Plans for tests of the roster and the desk.

use provisor_core::plan::{Command, Plan, Query};
use provisor_core::roster::{Bounds, Entry, Place, Rung};

/// The query `qN`: one pass, no limits, no needs, and its logs are kept.
pub(crate) fn query(place: Place) -> Query {
    Query::new(format!("q{place}"), Command::new(["x"]))
}

/// A plan of these.
pub(crate) fn plan(queries: Vec<Query>) -> Plan {
    Plan::new("test", queries)
}

/// So many slots, and room for so many rows as no test has.
pub(crate) const fn bounds(slots: usize) -> Bounds {
    Bounds { slots, deadline: None, unwritten: 1000, memory_budget: None, machine_memory: None }
}

/// All queries of a plan, none of which has ever run.
pub(crate) fn entries(plan: &Plan) -> impl Iterator<Item = Entry> + use<> {
    let entry = |query| Entry { query, attempts_before: 0, rung: Rung::default(), peak: None };
    (0..plan.queries.len() as Place).map(entry)
}
