//! Models in ProVerif's language.

use provisor_core::proverif::model::{self, Facts};

/// Any text comes to an end, in no more lines than it has; and an empty line before it changes nothing but the numbers
/// of the lines.
///
/// # Panics
/// Where that is not so.
pub fn take(bytes: &[u8]) {
    let facts = model::scan(bytes);
    let ends = bytes.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count();
    let last = facts.sets.iter().map(|set| set.line).chain(facts.equivalence).max().unwrap_or_default();
    assert!(last as usize <= ends + 1, "line {last} of {}", ends + 1);
    let later = model::scan(&[b"\n", bytes].concat());
    assert_eq!(later, moved_down(facts));
}

fn moved_down(mut facts: Facts) -> Facts {
    facts.equivalence = facts.equivalence.map(|line| line + 1);
    facts.sets.iter_mut().for_each(|set| set.line += 1);
    facts
}
