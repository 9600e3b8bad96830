//! How the output of queries is read that come while it runs: what many have in common is compiled once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use provisor_core::Query;
use provisor_core::plan::Judging;
use provisor_core::rules::{Judge, RuleError};

use super::SubmitError;

/// Compiled readings, each once for as long as a query has it.
#[derive(Default)]
pub(super) struct Readings(Mutex<HashMap<Arc<Judging>, Weak<Judge>>>);

/// So many may be known before those are forgotten that nobody has any more.
const KNOWN: usize = 64;

impl Readings {
    /// Those of a query's passes.
    pub(super) fn of(&self, query: &Query) -> Result<Box<[Arc<Judge>]>, SubmitError> {
        let rule = |source| SubmitError::Rule { query: Arc::clone(&query.id), source };
        query.askings().map(|asking| self.compiled(asking.judging)).collect::<Result<_, _>>().map_err(rule)
    }

    fn compiled(&self, judging: &Arc<Judging>) -> Result<Arc<Judge>, RuleError> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(judge) = known.get(judging).and_then(Weak::upgrade) {
            return Ok(judge);
        }
        let judge = Arc::new(Judge::compile(judging)?);
        if known.len() >= KNOWN {
            known.retain(|_, judge| judge.strong_count() > 0);
        }
        known.insert(Arc::clone(judging), Arc::downgrade(&judge));
        Ok(judge)
    }
}
