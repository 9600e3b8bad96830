//! Plans of scripted queries, and how they are run.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use provisor_actors::messages::Ending;
use provisor_actors::row::Row;
use provisor_actors::run::{Job, Ports, Run};
use provisor_actors::testing::{Ledger, Theatre};
use provisor_core::Plan;
use provisor_core::plan::{Command, Limits, Logs, Query, Reuse};
use provisor_core::roster::Place;

pub(crate) fn query(id: usize) -> Query {
    let limits = Limits { grace: Duration::from_millis(20), ..Limits::default() };
    let query = Query::new(format!("q{id}"), Command::new(["scripted"]));
    Query { limits, logs: Logs::Drop, ..query }
}

pub(crate) fn plan(queries: usize, slots: usize) -> Plan {
    let queries = (0..queries).map(query).collect();
    Plan { slots, reuse: Reuse::Never, ..Plan::new("test", queries) }
}

pub(crate) fn job(plan: Plan) -> Job {
    let todo = (0..plan.queries.len()).map(|place| (place as Place, 0)).collect();
    Job {
        plan: Arc::new(plan),
        todo,
        rungs: HashMap::new(),
        reused: Vec::new(),
        token: "test".into(),
        memory: Default::default(),
        is_open: false,
    }
}

pub(crate) fn ports(theatre: &Theatre, ledger: &Ledger) -> Ports<Ledger> {
    Ports {
        launcher: theatre.factory(),
        store: ledger.clone(),
        open_log: Box::new(|name| panic!("no log was asked for, but {name} is opened")),
        log_name: Box::new(|id, attempt| format!("{id}.{attempt}")),
        tee: None,
        events: None,
        rules: None,
    }
}

pub(crate) async fn run(plan: Plan, theatre: &Theatre, ledger: &Ledger) -> Ending {
    let runtime = Run::start(job(plan), ports(theatre, ledger)).await.expect("it starts");
    runtime.join().await.expect("it ends").0
}

pub(crate) fn rows(ledger: &Ledger) -> Vec<Row> {
    ledger.rows.lock().expect("unpoisoned").clone()
}
