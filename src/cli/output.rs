//! Writing to standard output and standard error without a panic: either may be closed or full.

#![forbid(unsafe_code)]

use crate::init;
use crate::model::exit::{DONE, NOT_DONE};
use crate::model::text::{cause, escaped_lines};
use crate::sys::process;
use std::io::{self, Write};

/// What became of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// It was written.
    Yes,
    /// Its reader has gone away.
    NoReader,
    /// It could not be; why is on standard error.
    Failed,
}

/// Writes to standard output.
pub(super) fn text(text: &str) -> Written {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => Written::Yes,
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Written::NoReader,
        Err(e) => {
            err(&format!("rinit: cannot write to standard output: {}\n", cause(&e)));
            Written::Failed
        }
    }
}

/// Writes to standard output. A reader that has gone away wants no more and is no failure.
#[must_use]
pub(super) fn out(words: &str) -> bool {
    text(words) != Written::Failed
}

/// Text that was asked for: the status says whether it could be written.
pub(super) fn show(text: &str) -> u8 {
    if out(text) { DONE } else { NOT_DONE }
}

/// A value as one line of JSON.
pub(super) fn json(value: &impl serde::Serialize) -> String {
    let mut line = serde_json::to_string(value).unwrap_or_default();
    line.push('\n');
    line
}

/// Writes to standard error, control characters as escapes. If that fails there is nobody left to tell. PID 1, which a
/// signal does not end, does not wait for a reader.
pub(super) fn err(text: &str) {
    if process::is_pid1() {
        init::say(text.trim_end());
    } else {
        let _ = io::stderr().write_all(escaped_lines(text).as_bytes());
    }
}
