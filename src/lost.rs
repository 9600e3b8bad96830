//! The end of the results: the run's end is written to them, and what could not be kept goes to where it can be had. Nothing
//! that is known is thrown away without a word.

use std::path::PathBuf;

use provisor_actors::messages::{Ending, Failure};
use provisor_actors::store::Store;

use crate::view::{self, tell, tell_rendered, words};

/// Results that could not be written.
#[derive(Debug)]
pub(crate) struct Lost {
    /// A sentence with the path.
    pub(crate) why: String,
    found: Found,
}

/// Where the rows are that are not in the database.
#[derive(Debug)]
enum Found {
    /// There are none.
    None,
    /// In a file of their own.
    Rescued(PathBuf),
    /// Printed, so many.
    Printed(usize),
}

impl Lost {
    /// What there is to be said of it.
    pub(crate) fn text(&self) -> String {
        let Self { why, found } = self;
        match found {
            Found::None => {
                format!("{why}; what is in provisor.db is safe, the rest can be run again")
            }
            Found::Rescued(path) => format!(
                "{why}; the rows that provisor.db does not hold for sure are in {}; the next run runs what it does not find",
                path.display()
            ),
            Found::Printed(rows) => format!(
                "{why}; the rows that provisor.db does not hold for sure are printed, as results.csv would have them ({}); \
                 the next run runs what it does not find",
                words::rows(*rows)
            ),
        }
    }

    /// Standard output has rows and nothing else.
    pub(crate) const fn is_printed(&self) -> bool {
        matches!(self.found, Found::Printed(_))
    }
}

/// Ends the run in the store; `complete`: it left nothing undone of what it was asked. `is_read`: whether somebody takes what
/// goes to standard output.
pub(crate) fn conclude(store: &mut Store, ending: &Ending, complete: bool, is_read: bool) -> Option<Lost> {
    let why = match &ending.failure {
        // After a failed write the store is not touched again; what is durable stays so.
        Some(Failure::Results(text)) => text.to_string(),
        _ => store.end(complete).err()?.to_string(),
    };
    if ending.unwritten.iter().all(|row| !row.last) && !store.is_gone() {
        return Some(Lost { why, found: Found::None });
    }
    // Where there is no room there is none for another file either.
    let rescue = if store.has_failed() { store.rescue(&ending.unwritten).ok() } else { None };
    let found = match rescue {
        Some(path) => Found::Rescued(path),
        None => print(store, ending, is_read),
    };
    Some(Lost { why, found })
}

/// The last resort: standard output, and where that takes nothing, standard error.
fn print(store: &Store, ending: &Ending, is_read: bool) -> Found {
    let mut text = Vec::new();
    // Into memory nothing fails.
    let rows = store.write_lost(&ending.unwritten, &mut text).unwrap_or_default();
    if !is_read || view::print_all(&text).is_err() {
        tell(&format!("{}, as standard output takes nothing:", words::rows(rows)));
        tell_rendered(String::from_utf8_lossy(&text).trim_end());
    }
    Found::Printed(rows)
}
