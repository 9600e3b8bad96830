//! The faults and warnings of one lowering, each said once.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::Arc;

use crate::fault::{Fault, Problem, Severity, SourceFile};
use crate::spanned::Place;

/// More than anybody reads.
const MOST: usize = 1000;

#[derive(Default)]
pub(crate) struct Problems {
    faults: Vec<Problem>,
    warnings: Vec<Problem>,
    /// A template that fails does so for each of its queries.
    said: HashSet<(Option<Arc<SourceFile>>, Option<Place>, String)>,
    /// The file that is looked at, where it is not the spec.
    file: Option<Arc<SourceFile>>,
}

impl Problems {
    pub(crate) fn fault(&mut self, place: Place, fault: Fault) {
        self.add(Severity::Error, Some(place), None, fault);
    }

    pub(crate) fn fault_of_two(&mut self, place: Place, other: (Place, &'static str), fault: Fault) {
        self.add(Severity::Error, Some(place), Some(other), fault);
    }

    /// A fault of the command line.
    pub(crate) fn fault_of_words(&mut self, fault: Fault) {
        self.add(Severity::Error, None, None, fault);
    }

    pub(super) fn warn(&mut self, place: Place, fault: Fault) {
        self.add(Severity::Warning, Some(place), None, fault);
    }

    pub(super) fn warn_of_words(&mut self, fault: Fault) {
        self.add(Severity::Warning, None, None, fault);
    }

    /// What is found meanwhile stands in this file and not in the spec. Returns also how many faults there were.
    pub(crate) fn within<T>(
        &mut self,
        file: &Arc<SourceFile>,
        look: impl FnOnce(&mut Self) -> T,
    ) -> (T, usize) {
        let before = self.faults.len();
        let outer = self.file.replace(Arc::clone(file));
        let seen = look(self);
        self.file = outer;
        (seen, self.faults.len() - before)
    }

    pub(super) fn any(&self) -> bool {
        !self.faults.is_empty()
    }

    pub(crate) fn finish<T>(mut self, meaning: T) -> Result<(T, Vec<Problem>), Vec<Problem>> {
        self.warnings.sort_by(in_order);
        if self.faults.is_empty() {
            return Ok((meaning, self.warnings));
        }
        self.faults.sort_by(in_order);
        self.faults.append(&mut self.warnings);
        Err(self.faults)
    }

    /// All that is wrong.
    pub(crate) fn into_faults(mut self) -> Vec<Problem> {
        self.faults.sort_by(in_order);
        self.faults
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
        let file = self.file.clone();
        if list.len() < MOST && self.said.insert((file.clone(), place, fault.sameness())) {
            list.push(Problem { severity, fault, file, place, other });
        }
    }
}

/// Those of the spec come first.
fn in_order(one: &Problem, other: &Problem) -> Ordering {
    (&one.file, one.place).cmp(&(&other.file, other.place))
}
