//! What is fuzzed: each target takes any bytes, and panics where provisor does not keep what it promises about them.
//!
//! The fuzzer and the plain test `tests/fuzzed.rs` share this, so that what was found once is looked for everywhere. A
//! target must be a function of its bytes alone, must start nothing and must leave nothing behind.

mod hearing;
pub mod model;
pub mod proverif;
pub mod record;
pub mod rules;
pub mod spec;
pub mod split;
pub mod text;
pub mod wire;

/// Takes any bytes.
pub type Target = fn(&[u8]);

/// All targets, each by its name, which is that of its folders in `corpus/` and `regressions/` too.
pub const TARGETS: [(&str, Target); 8] = [
    ("model", model::take),
    ("proverif", proverif::take),
    ("record", record::take),
    ("rules", rules::take),
    ("spec", spec::take),
    ("split", split::take),
    ("text", text::take),
    ("wire", wire::take),
];
