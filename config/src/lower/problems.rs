//! The faults and warnings of one lowering, each said once.

use std::collections::HashSet;

use crate::fault::{Fault, Problem, Severity};
use crate::spanned::Place;

/// More than anybody reads.
const MOST: usize = 1000;

#[derive(Default)]
pub(super) struct Problems {
    faults: Vec<Problem>,
    warnings: Vec<Problem>,
    /// A template that fails does so for each of its queries.
    said: HashSet<(Option<Place>, String)>,
}

impl Problems {
    pub(super) fn fault(&mut self, place: Place, fault: Fault) {
        self.add(Severity::Error, Some(place), None, fault);
    }

    pub(super) fn fault_of_two(&mut self, place: Place, other: (Place, &'static str), fault: Fault) {
        self.add(Severity::Error, Some(place), Some(other), fault);
    }

    /// A fault of the command line.
    pub(super) fn fault_of_words(&mut self, fault: Fault) {
        self.add(Severity::Error, None, None, fault);
    }

    pub(super) fn warn(&mut self, place: Place, fault: Fault) {
        self.add(Severity::Warning, Some(place), None, fault);
    }

    pub(super) fn warn_of_words(&mut self, fault: Fault) {
        self.add(Severity::Warning, None, None, fault);
    }

    pub(super) fn any(&self) -> bool {
        !self.faults.is_empty()
    }

    pub(super) fn finish<T>(mut self, meaning: T) -> Result<(T, Vec<Problem>), Vec<Problem>> {
        self.warnings.sort_by_key(|problem| problem.place);
        if self.faults.is_empty() {
            return Ok((meaning, self.warnings));
        }
        self.faults.sort_by_key(|problem| problem.place);
        self.faults.append(&mut self.warnings);
        Err(self.faults)
    }

    fn add(
        &mut self,
        severity: Severity,
        place: Option<Place>,
        other: Option<(Place, &'static str)>,
        fault: Fault,
    ) {
        let list = match severity {
            Severity::Error => &mut self.faults,
            Severity::Warning => &mut self.warnings,
        };
        if list.len() < MOST && self.said.insert((place, fault.sameness())) {
            list.push(Problem { severity, fault, place, other });
        }
    }
}
