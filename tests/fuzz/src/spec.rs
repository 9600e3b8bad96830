//! Specs: templates, durations and sizes among them.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use provisor_actors::rundir::log_name;
use provisor_config::{Lowered, Overrides, Surroundings, human, parse};
use provisor_core::text::is_clean;

/// The answer is a plan that keeps what plans promise, or a message that is fit for a terminal.
///
/// # Panics
/// Where it is not.
pub fn take(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    quantities(text);
    if leads_elsewhere(text) {
        return;
    }
    let around = Surroundings {
        run_dir: PathBuf::from("/nonexistent/runs"),
        run_tool: |_, _| Err(std::io::ErrorKind::Unsupported.into()),
        folder: PathBuf::from("/nowhere"),
        cpus: 3,
        provisor: PathBuf::from("/usr/bin/provisor"),
        overrides: Overrides::default(),
    };
    match parse(text, Path::new("job.ron"), &around) {
        Ok(lowered) => plan(&lowered),
        Err(error) => {
            let message = error.render(false);
            assert!(message.starts_with("error: "), "{message}");
            assert!(message.lines().all(is_clean), "{message:?}");
            assert!(!error.to_string().is_empty() && !error.render(true).is_empty());
        }
    }
}

/// A spec may name any file and any folder of the machine. Here none must be read: the answer would be another one
/// everywhere, and late.
fn leads_elsewhere(text: &str) -> bool {
    let quotes = ["\"/", "'/", "}/", "#/", "..", "~"];
    text.contains('\\') && text.contains('/') || quotes.iter().any(|start| text.contains(start))
}

fn plan(lowered: &Lowered) {
    let queries = &lowered.plan.queries;
    assert_eq!(queries.len(), lowered.chosen.len());
    let mut ids = HashSet::new();
    for query in queries {
        assert!(ids.insert(&*query.id), "{} twice", query.id);
        assert!(query.id.is_ascii() && is_clean(&query.id), "{:?}", query.id);
        assert!(!query.command.argv.is_empty() && query.command.argv.iter().all(|arg| !arg.contains('\0')));
        let name = log_name(&query.id, 1);
        let file = name.strip_prefix("logs/").expect("a log is in its folder");
        assert!(!file.contains('/') && !file.starts_with('.'), "{name}");
    }
}

/// What is a duration is the same one in microseconds, and what is a size the same one in bytes.
fn quantities(text: &str) {
    if let Ok(duration) = human::duration(text) {
        let micros = format!("{}us", duration.as_micros());
        assert_eq!(human::duration(&micros), Ok(duration));
        let longer = human::duration(&format!("{text} 1us"));
        assert!(longer.is_err() || longer == Ok(duration + Duration::from_micros(1)), "{longer:?}");
    }
    if let Ok(size) = human::size(text) {
        assert_eq!(human::size(&format!("{size}B")), Ok(size));
    }
}
