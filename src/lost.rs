//! The end of the results: the run's end is written to them, and what could not be kept goes to where it can be had. Nothing
//! that is known is thrown away without a word.

use std::sync::Arc;

use provisor_actors::messages::{Ending, Failure};
use provisor_actors::store::{Rescue, Row, Store};

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
    /// In files of their own.
    Rescued(Rescue),
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
            Found::Rescued(Rescue { results, verdicts }) => {
                let beside =
                    verdicts.as_ref().map(|path| format!(", their result lines in {}", path.display()));
                format!(
                    "{why}; the rows that provisor.db does not hold for sure are in {}{}; the next run runs what it does not \
                     find",
                    results.display(),
                    beside.unwrap_or_default()
                )
            }
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
    let (why, unwritten) = match &ending.failure {
        // After a failed write the store is not touched again; what is durable stays so.
        Some(Failure::Results(text)) => (text.to_string(), &ending.unwritten[..]),
        // Something else came first: there may have been no room either, and there may be some now.
        _ => match store.commit_missing(&ending.unwritten) {
            Err(error) => (error.to_string(), &ending.unwritten[..]),
            Ok(()) => (store.end(complete).err()?.to_string(), &[][..]),
        },
    };
    let found = if unwritten.iter().any(|row| row.is_last()) || store.is_gone() {
        save(store, unwritten, is_read)
    } else {
        Found::None
    };
    Some(Lost { why, found })
}

/// Into a file of their own. Where there is no room there is none for another file either: then they are printed.
fn save(store: &Store, rows: &[Arc<Row>], is_read: bool) -> Found {
    match store.has_failed().then(|| store.rescue(rows)) {
        Some(Ok(rescue)) => Found::Rescued(rescue),
        _ => print(store, rows, is_read),
    }
}

/// The last resort: standard output, and where that takes nothing, standard error. First the rows, then, after an empty line,
/// their result lines.
fn print(store: &Store, rows: &[Arc<Row>], is_read: bool) -> Found {
    let mut text = Vec::new();
    // Into memory nothing fails.
    let written = store.write_lost(rows, &mut text).unwrap_or_default();
    let mut lines = Vec::new();
    if store.write_lost_verdicts(rows, &mut lines).is_ok_and(|lines| lines > 0) {
        text.push(b'\n');
        text.append(&mut lines);
    }
    if !is_read || view::print_all(&text).is_err() {
        tell(&format!("{}, as standard output takes nothing:", words::rows(written)));
        tell_rendered(String::from_utf8_lossy(&text).trim_end());
    }
    Found::Printed(written)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use provisor_actors::store::{Fate, Opening};
    use provisor_core::Outcome;
    use provisor_core::periodic::Rounds;
    use provisor_core::reuse::{Fingerprint, Prints};

    use super::*;

    /// A run of one query on its way, in a folder that goes with it.
    struct Run(PathBuf, Store);

    impl Run {
        fn begin(name: &str) -> Self {
            let dir = std::env::temp_dir().join(format!("provisor-lost-{name}-{}", std::process::id()));
            fs::create_dir_all(&dir).expect("made");
            let around = provisor_config::Surroundings::of("job.ron".as_ref()).expect("a folder");
            let spec = r#"Job(name: "job", commands: [(id: "a", run: ["true"])])"#;
            let plan = provisor_config::parse(spec, "job.ron".as_ref(), &around).expect("valid").plan;
            let mut store = Store::open(&dir, "job").expect("a database");
            let print = Fingerprint([1; 32]);
            let prints = vec![[Prints { command: print, judging: print }].into()];
            let opening = Opening { plan: plan.into(), prints, past: &[], fates: &[Fate::Run] };
            store.begin(opening).expect("it begins");
            Self(dir, store)
        }
    }

    impl Drop for Run {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    /// The guardian died while this row found no room.
    fn ending() -> Ending {
        let row = Row { containment: "sweep".into(), ..Row::new(0, 1, Outcome::lost("made up".into())) };
        Ending {
            stopped: None,
            unfinished: 0,
            unwritten: vec![Arc::new(row)],
            failed_groups: Vec::new(),
            rounds: Rounds::default(),
            missed_events: 0,
            exhausted: None,
            failure: Some(Failure::Guardian),
        }
    }

    #[test]
    fn rows_that_were_kept_are_written_at_the_end_whatever_ended_the_run() {
        let mut run = Run::begin("written");
        assert!(conclude(&mut run.1, &ending(), false, true).is_none());
        assert_eq!(run.1.standing().expect("read").len(), 1);
        // Of this one nobody has heard that it is there.
        assert!(conclude(&mut run.1, &ending(), false, true).is_none());
    }

    #[test]
    fn rows_that_were_kept_and_cannot_be_written_are_rescued_and_it_says_why() {
        let mut run = Run::begin("rescued");
        // The first error comes before the guardian's end, and the end is all that is told.
        fs::rename(run.0.join("provisor.db"), run.0.join("taken")).expect("moved");
        assert!(run.1.commit(&[]).is_err());
        fs::rename(run.0.join("taken"), run.0.join("provisor.db")).expect("moved back");
        let lost = conclude(&mut run.1, &ending(), false, true).expect("they are lost");
        assert!(lost.why.contains("was removed or replaced"), "{}", lost.why);
        assert!(matches!(lost.found, Found::Rescued(Rescue { verdicts: None, .. })), "{lost:?}");
        let rescued = fs::read_to_string(run.0.join("rescue-1.csv")).expect("a file");
        assert!(rescued.lines().nth(1).is_some_and(|line| line.starts_with("a,lost,")), "{rescued}");
    }
}
