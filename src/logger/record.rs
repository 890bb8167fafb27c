//! One line that a service has written.

#![forbid(unsafe_code)]

use std::time::SystemTime;

/// Where a service has written it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// To its standard output.
    Stdout,
    /// To its standard error.
    Stderr,
}

impl Stream {
    /// Docker's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Stream::Stdout => "stdout",
            Stream::Stderr => "stderr",
        }
    }
}

/// Which part of a line it is. A line is split only where it is longer than [`super::split::LIMIT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    Whole,
    /// Its beginning.
    First,
    /// Neither its beginning nor its end.
    Middle,
    /// Its end.
    Last,
    /// All of a line that has no newline.
    Unended,
    /// The end of one that has none.
    LastUnended,
}

impl Part {
    /// Whether it continues the record before it.
    pub fn continues(self) -> bool {
        match self {
            Part::Middle | Part::Last | Part::LastUnended => true,
            Part::Whole | Part::First | Part::Unended => false,
        }
    }

    /// Whether the next record of the stream continues it.
    pub fn goes_on(self) -> bool {
        match self {
            Part::First | Part::Middle => true,
            Part::Whole | Part::Last | Part::Unended | Part::LastUnended => false,
        }
    }

    /// Whether a newline was written after it.
    pub fn has_newline(self) -> bool {
        match self {
            Part::Whole | Part::Last => true,
            Part::First | Part::Middle | Part::Unended | Part::LastUnended => false,
        }
    }
}

/// One line, or a part of a long one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// When it was read.
    pub time: SystemTime,
    /// The service that has written it.
    pub service: &'a str,
    /// Where it has written it.
    pub stream: Stream,
    /// The bytes, without the newline.
    pub line: &'a [u8],
    /// Which part of the line these are.
    pub part: Part,
}
