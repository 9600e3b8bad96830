//! RON job specs: text in, a plan or every problem at once out.
//!
//! `load` reads a file, `spec` says what may be written in it, `lower` expands it, `presets` finds those that it names. The only files that are read are
//! the spec and those that it names; nothing is started and nothing is written. Must never know actors, processes
//! or the terminal.

mod error;
mod fault;
pub mod human;
mod load;
mod lower;
pub mod presets;
mod spanned;
mod spec;
mod template;

pub use error::{SpecError, StructureError, render_problems};
pub use fault::{Fault, Problem, Severity, SourceFile, near_hint};
pub use load::{load, parse};
pub use lower::{IdPattern, Lowered, Made, Overrides, RunTool, Surroundings, ToolOutput};
pub use spanned::Place;
pub use template::TemplateError;
