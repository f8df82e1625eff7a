//! The program that starts plugins in the host's tests; a gateway does the same with its own binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    sidegate_plugins::host::reentered(std::env::args_os()).unwrap_or(ExitCode::FAILURE)
}
