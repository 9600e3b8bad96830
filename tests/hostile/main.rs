//! Whatever a child prints and whatever files are called: the logs hold every byte of it, and no form in which results,
//! plans, errors and diagnosis are shown lets it do anything there. One table of texts that nobody would wish for goes
//! through a real run, as names of files, arguments, output, verdicts and values; a test for each form looks at what comes
//! out.

#[path = "../common/mod.rs"]
mod common;

mod forms;
mod kept;
mod messages;
mod runs;
mod table;

use common::{Desk, Ran};
use provisor::core::text::is_special;
use table::spec;

pub(crate) fn ran(name: &str, args: &[&str]) -> (Desk, Ran) {
    let desk = Desk::new(name);
    let ran = desk.run(&spec(&desk), args).with_code(1);
    (desk, ran)
}

#[track_caller]
pub(crate) fn is_harmless(what: &str, text: &str) {
    let bad: Vec<char> = text.chars().filter(|c| is_special(*c) && !"\n\r\t".contains(*c)).collect();
    assert!(bad.is_empty(), "{what} holds {bad:?}:\n{text:?}");
}

pub(crate) fn show(desk: &Desk, args: &[&str]) -> String {
    desk.finish(desk.provisor(args)).with_code(0).out
}
