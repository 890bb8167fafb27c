//! The binary: hands over to `cli` and returns its exit status.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(rinit::cli::run(std::env::args_os()))
}
