//! The report of a stop, collected from the supervisor's news.

use super::narrate;
use crate::init::state::LastStop;
use crate::init::state::writer::LEAST;
use crate::supervisor::{Notice, Supervisor};
use std::time::Duration;

/// How long the end of rinit may take after the stop timeout, all of it together. Docker waits one second longer than the
/// default of that.
const LAST_TIME: Duration = Duration::from_millis(800);

/// What the state directory leaves of that to standard error, where there is enough.
const FOR_LAST_WORDS: Duration = Duration::from_millis(200);

/// What is known so far.
#[derive(Default)]
pub struct Report {
    cause: String,
    timeout: Duration,
    took: Duration,
    killed: Vec<String>,
}

impl Report {
    /// Takes one piece of news in, if it is about the stop.
    pub fn take_in(&mut self, supervisor: &Supervisor, notice: &Notice) {
        match notice {
            Notice::StopBegun(cause, _, timeout) => {
                self.cause = narrate::why(supervisor, cause);
                self.timeout = *timeout;
            }
            Notice::StopDone(took, killed) => {
                self.took = *took;
                self.killed = killed.iter().map(|id| supervisor.name(*id).to_owned()).collect();
            }
            Notice::Started(..)
            | Notice::StartFailed(..)
            | Notice::Ready(..)
            | Notice::Died(..)
            | Notice::Ended(..)
            | Notice::Restarting(..)
            | Notice::HookFailed(..)
            | Notice::Succeeded(..)
            | Notice::Paused(_)
            | Notice::Resumed(_)
            | Notice::Controlled(..)
            | Notice::Signalled(..)
            | Notice::NotSignalled(..)
            | Notice::Follows(..)
            | Notice::DependencyFailed(..)
            | Notice::Waiting(..)
            | Notice::HealthBegun(_)
            | Notice::Healthy(_)
            | Notice::ProbeUnusable(..)
            | Notice::Unhealthy(..)
            | Notice::ProbeFailed(..)
            | Notice::ProbeNotRun(..)
            | Notice::Stopping(..)
            | Notice::Killed(..)
            | Notice::Stopped(..)
            | Notice::CalledOff(_)
            | Notice::Unkillable(_)
            | Notice::RestKilled => {}
        }
    }

    /// How long the end of rinit may still take, once the stop is done.
    pub fn time_left(&self) -> Duration {
        self.timeout.saturating_add(LAST_TIME).saturating_sub(self.took)
    }

    /// The same, for the state directory alone: zero where it is too short to write anything.
    pub fn time_left_for_state(&self) -> Duration {
        match self.time_left() {
            left if left < LEAST => Duration::ZERO,
            left => left.saturating_sub(FOR_LAST_WORDS).max(LEAST),
        }
    }

    /// The whole of it.
    pub fn finish(&self, exit_status: u8) -> LastStop {
        LastStop::new(self.cause.clone(), self.took, self.killed.clone(), exit_status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervisor::StopCause;

    #[test]
    fn what_the_stop_has_taken_is_missing_at_the_end() {
        let supervisor = Supervisor::new(&[], Duration::ZERO);
        let timeout = Duration::from_secs(9);
        for (took, left, for_state) in [
            (0, 9800, 9600),
            (9000, 800, 600),
            (9300, 500, 300),
            (9550, 250, 100),
            (9700, 100, 100),
            (9701, 99, 0),
            (60_000, 0, 0),
        ] {
            let mut report = Report::default();
            report.take_in(&supervisor, &Notice::StopBegun(StopCause::Requested(None), 0, timeout));
            report.take_in(&supervisor, &Notice::StopDone(Duration::from_millis(took), Vec::new()));
            assert_eq!(report.time_left().as_millis(), left, "{took}");
            assert_eq!(report.time_left_for_state().as_millis(), for_state, "{took}");
        }
    }
}
