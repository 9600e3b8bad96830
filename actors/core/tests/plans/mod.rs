//! Plans for tests of the roster and the desk.

use std::path::Path;
use std::sync::Arc;

use provisor_core::plan::{
    Command, Containment, Judging, Lattice, Limits, Logs, Plan, Prune, Query, Reuse, Stdin,
};
use provisor_core::roster::{Bounds, Entry, Place, Rung};
use provisor_core::verdict::Preset;

/// The query `qN`: one pass, no limits, no needs, and its logs are kept.
pub(crate) fn query(place: Place) -> Query {
    Query {
        id: format!("q{place}").into(),
        command: Command {
            argv: ["x".into()].into(),
            env: Arc::default(),
            cwd: Path::new("/").into(),
            stdin: Stdin::Null,
        },
        limits: Limits::default(),
        judging: Arc::new(Judging { rules: Vec::new(), preset: Some(Preset::ExitCode) }),
        retry: Arc::default(),
        expect: None,
        inputs: Arc::default(),
        axes: Box::default(),
        logs: Logs::Keep,
        record: false,
        pass: None,
        further: Box::default(),
        needs: Box::default(),
        cell: None,
        pages: None,
    }
}

/// A plan of these.
pub(crate) fn plan(queries: Vec<Query>) -> Plan {
    Plan {
        job: "test".into(),
        slots: 1,
        total: None,
        memory_budget: None,
        reuse: Reuse::Never,
        containment: Containment::default(),
        axes: Vec::new(),
        lattice: Lattice::default(),
        prune: Prune::default(),
        queries,
    }
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
