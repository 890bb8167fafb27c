//! How a service stands, for those who ask.

use super::event::{ExitStatus, Pid};
use super::unit::{HealthState, ProbeResult, State};
use crate::model::Condition;
use std::time::Duration;

/// One service as it stands.
#[derive(Clone, Debug)]
pub struct View<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its state.
    pub state: State,
    /// For how long it has been in that state.
    pub since: Duration,
    /// What its health check says; `None` without one, or while it does not run.
    pub health: Option<HealthState>,
    /// Probes in a row that have failed.
    pub failing_streak: u32,
    /// Its main process.
    pub pid: Option<Pid>,
    /// How many times it was started again.
    pub restarts: u64,
    /// How its last process ended.
    pub last_exit: Option<String>,
    /// That was asked for: by a stop, a restart or a reload.
    pub exit_asked: bool,
    /// Why rinit itself ended it, to start it again.
    pub exit_reason: Option<&'a str>,
    /// What it has said of itself.
    pub status: Option<&'a str>,
    /// Why it has failed or was restarted.
    pub reason: Option<&'a str>,
    /// Dependencies that are not there yet, with what they lack.
    pub waiting_for: Vec<(&'a str, Condition)>,
    /// In what time it is started again.
    pub restart_in: Option<Duration>,
    /// The last results of its health check, the oldest first.
    pub probes: Vec<&'a ProbeResult>,
}

/// The end of a main process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    /// How it ended.
    pub status: ExitStatus,
    /// It was killed for want of memory.
    pub oom: bool,
    /// How long ago that was.
    pub ago: Duration,
    /// How long it had run.
    pub ran: Duration,
}

/// What a service has to do with one that it depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tie<'a> {
    /// The other one's name.
    pub name: &'a str,
    /// What it is waited for.
    pub condition: Condition,
    /// Whether that is so.
    pub met: bool,
}

/// What "well" is to mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Every service that should run does, and is healthy where it has a health check.
    Well,
    /// Nothing has failed for good.
    Live,
    /// Everything has been ready, or completed, at least once.
    StartedUp,
}

/// A service that is not well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it lacks, for people.
    pub message: String,
}
