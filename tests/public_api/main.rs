//! The public face, held against `tests/data/public-api.txt`: what a program that embeds provisor can name, an item a line with
//! its signature. Whoever changes it sees that he does, and says so (CONTRIBUTING.md, "The face").
//!
//! It is read from the sources, not from rustdoc's JSON: that is for nightly compilers, and its form changes with them.

mod lines;
mod sources;

use std::collections::BTreeSet;
use std::path::Path;

use sources::Sources;

const SNAPSHOT: &str = "tests/data/public-api.txt";

#[test]
fn the_face_is_the_one_that_was_accepted() {
    let snapshot = Path::new(env!("CARGO_MANIFEST_DIR")).join(SNAPSHOT);
    let lines = lines::of(&Sources::read());
    if std::env::var_os("PUBLIC_API").is_some_and(|word| word == "accept") {
        return std::fs::write(snapshot, lines.join("\n") + "\n").expect("it can be written");
    }
    let accepted = std::fs::read_to_string(snapshot).expect("it is part of the sources");
    let changes = changes(&accepted.lines().collect::<Vec<_>>(), &lines);
    assert!(
        changes.is_empty(),
        "the public face is not the one of {SNAPSHOT}:\n{}\nIf that is meant: CONTRIBUTING.md, \"The face\", says what it asks of the \
         version; then PUBLIC_API=accept cargo test --test public_api",
        changes.join("\n")
    );
}

/// What is gone, what is new, and, where it is only that, that lines have changed places.
fn changes(accepted: &[&str], lines: &[String]) -> Vec<String> {
    let before: BTreeSet<&str> = accepted.iter().copied().collect();
    let after: BTreeSet<&str> = lines.iter().map(String::as_str).collect();
    let mut changes: Vec<_> = before.difference(&after).map(|line| format!("- {line}")).collect();
    changes.extend(after.difference(&before).map(|line| format!("+ {line}")));
    if changes.is_empty() && accepted != lines {
        changes.push("the same lines in another order".into());
    }
    changes
}

/// What no line says, for the compiler finds it out: what may go from thread to thread.
#[test]
fn what_goes_from_thread_to_thread_still_does() {
    fn is_send<T: Send + 'static>() {}
    fn is_shared<T: Send + Sync + Clone + 'static>() {}
    is_shared::<provisor::RuntimeHandle>();
    is_shared::<provisor::Ended>();
    is_shared::<provisor::Plan>();
    is_shared::<provisor::Query>();
    is_shared::<provisor::Local>();
    is_shared::<provisor::Guarantees>();
    is_shared::<provisor::Row>();
    is_shared::<provisor::Told>();
    is_send::<provisor::Ports>();
    is_send::<provisor::Ticket>();
    is_send::<provisor::OutputOf>();
    is_send::<provisor::Subscription>();
    is_send::<provisor::StartError>();
    is_send::<provisor::SubmitError>();
    is_send::<provisor::LocalError>();
}
