//! How far the stop of the container is.

use super::event::{StopCause, Time};
use std::time::Duration;

/// How long to wait for what was killed at the deadline before the exit is due anyway. Docker waits one second longer than
/// the default stop timeout, and rinit has last words.
const LAST_PATIENCE: Duration = Duration::from_millis(300);

/// Where the stop is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Services are stopped, in order.
    Services,
    /// Processes that belong to no service are.
    Rest,
    /// The exit was told.
    Over,
}

impl StopCause {
    /// The signal that asked for the stop, if one did.
    pub fn signal(self) -> Option<crate::model::Signal> {
        match self {
            StopCause::Requested(signal) => signal,
            StopCause::Essential(_) | StopCause::Unhealthy(_) | StopCause::AllDone => None,
        }
    }
}

/// A stop under way.
pub struct Shutdown {
    pub since: Time,
    pub deadline: Time,
    pub cause: StopCause,
    pub phase: Phase,
    /// SIGKILL was sent to everything.
    pub killed_all: bool,
}

impl Shutdown {
    /// When the next thing is due, apart from what is due for single units.
    pub fn deadline(&self) -> Option<Time> {
        match self.phase {
            Phase::Over => None,
            Phase::Services | Phase::Rest if self.killed_all => {
                Some(self.deadline.saturating_add(LAST_PATIENCE))
            }
            Phase::Services | Phase::Rest => Some(self.deadline),
        }
    }

    /// Whether the exit was told.
    pub fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }
}
