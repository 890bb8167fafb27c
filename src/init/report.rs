//! The report of a stop, collected from the supervisor's news.

use super::narrate;
use super::state::LastStop;
use crate::supervisor::{Notice, Supervisor};
use std::time::Duration;

/// What is known so far.
#[derive(Default)]
pub struct Report {
    cause: String,
    took: Duration,
    killed: Vec<String>,
}

impl Report {
    /// Takes one piece of news in, if it is about the stop.
    pub fn take_in(&mut self, supervisor: &Supervisor, notice: &Notice) {
        match notice {
            Notice::StopBegun(cause, _, _) => self.cause = narrate::why(supervisor, cause),
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
            | Notice::Unkillable(_)
            | Notice::RestKilled => {}
        }
    }

    /// The whole of it.
    pub fn finish(&self, exit_status: u8) -> LastStop {
        LastStop::new(self.cause.clone(), self.took, self.killed.clone(), exit_status)
    }
}
