//! The program. See `lib.rs`.

use std::process::ExitCode;

fn main() -> ExitCode {
    provisor::main()
}
