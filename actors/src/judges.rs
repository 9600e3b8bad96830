//! How the output of each pass of each query is read: each distinct reading is compiled once, however many share it.

use std::collections::HashMap;
use std::sync::Arc;

use provisor_core::Plan;
use provisor_core::plan::Judging;
use provisor_core::roster::Place;
use provisor_core::rules::Judge;

use crate::run::StartError;

/// The compiled readings of a plan.
#[derive(Debug, Default)]
pub struct Judges {
    /// Of the first pass of each query.
    first: Vec<Arc<Judge>>,
    /// Of the others, by their number, counted from 0.
    further: HashMap<(Place, usize), Arc<Judge>>,
    /// Of all passes of those that are not of the plan.
    added: HashMap<Place, Box<[Arc<Judge>]>>,
}

impl Judges {
    /// Compiles them.
    ///
    /// # Errors
    /// If a rule of the plan does not compile.
    pub fn compile(plan: &Plan) -> Result<Self, StartError> {
        let mut compiled: HashMap<*const Judging, Arc<Judge>> = HashMap::new();
        let mut judge = |query: &Arc<str>, judging: &Arc<Judging>| {
            if let Some(judge) = compiled.get(&Arc::as_ptr(judging)) {
                return Ok(Arc::clone(judge));
            }
            let rule = |source| StartError::Rule { query: Arc::clone(query), source };
            let judge = Arc::new(Judge::compile(judging).map_err(rule)?);
            compiled.insert(Arc::as_ptr(judging), Arc::clone(&judge));
            Ok::<_, StartError>(judge)
        };
        let mut judges = Self::default();
        for (place, query) in (0..).zip(&plan.queries) {
            judges.first.push(judge(&query.id, &query.judging)?);
            for (pass, further) in (1..).zip(&query.further) {
                judges.further.insert((place, pass), judge(&query.id, &further.judging)?);
            }
        }
        Ok(judges)
    }

    /// Takes in the readings of a query that is not of the plan.
    pub fn add(&mut self, query: Place, passes: Box<[Arc<Judge>]>) {
        self.added.insert(query, passes);
    }

    /// Forgets a query that is not of the plan.
    pub fn forget(&mut self, query: Place) {
        self.added.remove(&query);
    }

    /// The reading of a query in this pass.
    #[must_use]
    pub fn of(&self, query: Place, pass: usize) -> Option<Arc<Judge>> {
        if let Some(added) = self.added.get(&query) {
            return added.get(pass).cloned();
        }
        match pass {
            0 => self.first.get(query as usize).cloned(),
            _ => self.further.get(&(query, pass)).cloned(),
        }
    }
}
