//! A time by which a peer has to have answered, for what may wait: verbs and probes, never PID 1.

use crate::model::duration;
use std::io;
use std::time::{Duration, Instant};

/// When it is over, and how long it was.
pub struct Deadline {
    at: Option<Instant>,
    timeout: Duration,
}

impl Deadline {
    /// There is none.
    pub const NEVER: Deadline = Deadline { at: None, timeout: duration::MAX };

    /// In this time from now.
    pub fn new(timeout: Duration) -> Deadline {
        Deadline { at: Instant::now().checked_add(timeout), timeout }
    }

    /// What is left, never zero: the kernel takes that for "without limit".
    ///
    /// # Errors
    /// `TimedOut`: nothing is left.
    pub fn left(&self) -> io::Result<Duration> {
        let left = self.at.map_or(duration::MAX, |at| at.saturating_duration_since(Instant::now()));
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }

    /// The same as a limit of the kernel's; `None`: there is none.
    ///
    /// # Errors
    /// As `left`.
    pub fn limit(&self) -> io::Result<Option<Duration>> {
        self.at.map(|_| self.left()).transpose()
    }

    /// That it is over, for people.
    pub fn message(&self) -> String {
        format!("no answer within {}", duration::format(self.timeout))
    }
}
