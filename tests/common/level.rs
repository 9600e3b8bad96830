//! The levels of containment that this machine has.

use super::{Desk, skip_unless};

/// What can be asked for that kills whole trees.
const STRONG: [&str; 3] = ["namespace", "cgroup", "sweep"];

/// Those that there are; for each other one a line that says so.
pub(crate) fn strong() -> impl Iterator<Item = &'static str> {
    STRONG.into_iter().filter(|level| has(level))
}

fn has(level: &str) -> bool {
    let desk = Desk::new(&format!("has-{level}-{:?}", std::thread::current().id()));
    let ran = desk.run(r#"Job(name: "x", commands: [(id: "a", run: ["true"])])"#, &["--containment", level]);
    !skip_unless(ran.code == Some(0), &format!("containment {level}: {}", ran.err.trim()))
}
