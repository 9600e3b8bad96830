//! Attempts for `--print grouped`, told to the printer once their rows are durable by whoever makes them so: of the run's
//! events some may be missed, and what was asked for must not be. It changes nothing about a row and never waits.

use std::sync::Arc;

use provisor_actors::row::{Commit, Discarded, Refusal, Row};
use provisor_core::Plan;

use super::printer::Printer;

/// A store that tells of what it has made durable.
pub(crate) struct Groups<S> {
    pub(crate) store: S,
    /// Where attempts are printed, if anywhere.
    pub(crate) printer: Option<Printer>,
    pub(crate) plan: Arc<Plan>,
}

impl<S: Commit> Commit for Groups<S> {
    fn commit(&mut self, rows: &[Arc<Row>]) -> Result<(), Refusal> {
        self.store.commit(rows)?;
        if let Some(printer) = &self.printer {
            // Of what is known without an attempt there is nothing to print.
            for row in rows.iter().filter(|row| !row.outcome.is_derived()) {
                printer.put_group(row, &self.plan.queries[row.query as usize]);
            }
        }
        Ok(())
    }

    fn catch_up(&mut self) -> Result<(), Refusal> {
        self.store.catch_up()
    }

    fn discard(&mut self, discarded: &[Discarded]) -> Result<(), Refusal> {
        self.store.discard(discarded)
    }
}

#[cfg(test)]
mod tests {
    use provisor_core::Outcome;

    use super::*;
    use crate::session::EVENTS;

    fn plan() -> Arc<Plan> {
        let around = provisor_config::Surroundings::of("job.ron".as_ref()).expect("a folder");
        let spec = r#"Job(name: "job", commands: [(id: "a", run: ["true"])])"#;
        Arc::new(provisor_config::parse(spec, "job.ron".as_ref(), &around).expect("valid").plan)
    }

    fn row() -> Arc<Row> {
        Arc::new(Row::new(0, 1, Outcome::lost("".into())))
    }

    /// Takes so many rows and no more.
    struct Until(usize);

    impl Commit for Until {
        fn commit(&mut self, rows: &[Arc<Row>]) -> Result<(), Refusal> {
            self.0 = self.0.checked_sub(rows.len()).ok_or_else(|| Refusal::Final("full".into()))?;
            Ok(())
        }
    }

    #[test]
    fn each_durable_attempt_is_a_group_and_no_other_is() {
        let printer = Printer::idle(true, false);
        let mut groups = Groups { store: Until(2 * EVENTS), printer: Some(printer.clone()), plan: plan() };
        let rows = vec![row(); EVENTS];
        assert_eq!([(); 3].map(|()| groups.commit(&rows).is_ok()), [true, true, false]);
        assert_eq!(printer.waiting(), 2 * EVENTS, "more than there is room for events");
    }

    #[test]
    fn what_is_known_without_an_attempt_is_no_group() {
        let printer = Printer::idle(true, false);
        let mut groups = Groups { store: Until(9), printer: Some(printer.clone()), plan: plan() };
        let skipped = Row { outcome: Outcome::skipped("needs another".into()), ..Row::clone(&row()) };
        groups.commit(&[Arc::new(skipped), row()]).expect("there is room");
        assert_eq!(printer.waiting(), 1);
    }
}
