//! What `logs` answers, line by line. The logger writes it; this is how a client reads it.

#![forbid(unsafe_code)]

use serde::{Deserialize, Serialize};

/// A line that a service has written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogReport {
    /// When it was read, as RFC 3339 has it.
    pub time: String,
    /// The service.
    pub service: String,
    /// `stdout` or `stderr`.
    pub stream: String,
    /// The line.
    pub log: String,
    /// The next line of the stream continues it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
}
