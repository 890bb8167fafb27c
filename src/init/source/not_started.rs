//! Why there is nothing to run.

#![forbid(unsafe_code)]

/// Why the init does not even begin.
pub struct NotStarted {
    /// For people.
    pub message: String,
    /// The exit status.
    pub status: u8,
}
