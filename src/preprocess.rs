//! The programs that render models: M4 and C's preprocessor.
//!
//! They run before there is anything to supervise, one after the other and for moments only. They must never be given
//! something to read, nor outlive this process by more than the output that nobody reads any more.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use provisor_config::ToolOutput;

/// Runs one of them to its end.
pub(crate) fn run(argv: &[String], folder: &Path) -> io::Result<ToolOutput> {
    let (program, arguments) = argv.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let output = Command::new(program).args(arguments).current_dir(folder).stdin(Stdio::null()).output()?;
    Ok(ToolOutput { is_success: output.status.success(), stdout: output.stdout, stderr: output.stderr })
}
