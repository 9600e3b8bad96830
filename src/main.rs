//! The program. See `lib.rs`.

use std::process::ExitCode;

fn main() -> ExitCode {
    // This program is also the guardian of whoever names it as a helper.
    provisor::guardian::init();
    provisor::main()
}
