//! Writing to standard output and standard error without a panic: either may be closed or full.

#![forbid(unsafe_code)]

use crate::model::text::cause;
use std::io::{self, Write};

/// Writes to standard output. A reader that has gone away wants no more and is no failure; any other is told on
/// standard error.
#[must_use]
pub(super) fn out(text: &str) -> bool {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
            err(&format!("rinit: cannot write to standard output: {}\n", cause(&e)));
            false
        }
        _ => true,
    }
}

/// Writes to standard error. If that fails there is nobody left to tell.
pub(super) fn err(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}
