//! What the init reports, as text for people.

#![forbid(unsafe_code)]

use crate::model::duration;
use crate::model::text::printable;
use std::time::Duration;

/// So much of what services have written is shown in one place.
pub(super) const MAX_TEXT: usize = 4096;

/// A time span of the protocol, for people.
pub(super) fn span(ms: u64) -> String {
    match ms {
        0 => "0ms".to_owned(),
        _ => duration::format(Duration::from_millis(ms)),
    }
}

/// What others have written, on one line.
pub(super) fn one_line(text: &str) -> String {
    printable(text.as_bytes(), MAX_TEXT).replace('\n', " ")
}
