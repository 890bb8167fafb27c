//! What the supervisor is told and what it answers: plain data, with no descriptor and no clock in it.

use crate::model::{Condition, Signal};
use std::fmt;
use std::time::Duration;

/// Monotonic time since an arbitrary zero.
pub type Time = Duration;

/// A process ID, opaque to the supervisor. The ID of a service's main process is also that of its process group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pid(pub i32);

/// Which service: its place among those that the supervisor was made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServiceId(pub usize);

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// It exited with this code, 0 to 255.
    Code(i32),
    /// A signal of this number ended it.
    Signal(i32),
}

impl ExitStatus {
    /// Whether it exited with 0.
    pub fn success(self) -> bool {
        self == ExitStatus::Code(0)
    }

    /// The code as a shell tells it: the exit code, or 128 + N if signal N ended it.
    pub fn code(self) -> u8 {
        let code = match self {
            ExitStatus::Code(code) => code,
            ExitStatus::Signal(number) => number.saturating_add(128),
        };
        u8::try_from(code).unwrap_or(u8::MAX)
    }
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExitStatus::Code(code) => write!(f, "exited with code {code}"),
            ExitStatus::Signal(number) => match Signal::new(*number) {
                Some(signal) => write!(f, "killed by {signal}"),
                None => write!(f, "killed by signal {number}"),
            },
        }
    }
}

/// Why a process was forked but does not execute its program, or could not be forked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartError {
    /// For people: what could not be done, and why.
    pub message: String,
    /// Trying again may help: the system lacked processes, memory or descriptors.
    pub transient: bool,
    /// What a shell would exit with: 127 if there is no such program, 126 if it cannot be executed, else 125.
    pub code: u8,
}

/// Something that has happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The init is ready: start what is wanted. Comes once, first.
    Boot,
    /// Answers `Effect::Spawn`: the process is there, but has not executed its program yet.
    Spawned {
        /// Of this service.
        service: ServiceId,
        /// Its main process.
        pid: Pid,
    },
    /// Answers `Effect::Spawn`: no process could be made.
    SpawnFailed {
        /// Of this service.
        service: ServiceId,
        /// Why.
        error: StartError,
    },
    /// A spawned process has executed its program.
    Executed {
        /// The process.
        pid: Pid,
    },
    /// A spawned process could not execute its program. It will exit.
    SetupFailed {
        /// The process.
        pid: Pid,
        /// Why.
        error: StartError,
    },
    /// A process was reaped: a main process, a probe, or an orphan that the supervisor does not know.
    Exited {
        /// The process.
        pid: Pid,
        /// How it ended.
        status: ExitStatus,
        /// Others of its process group are left.
        group_left: bool,
        /// What a probe has written, at most 4,096 bytes.
        output: Vec<u8>,
    },
    /// The last of a process group that outlived its main process is gone.
    GroupGone {
        /// The main process that it had.
        pid: Pid,
    },
    /// Answers `Effect::Probe`.
    ProbeSpawned {
        /// Of this service.
        service: ServiceId,
        /// The probe's process and process group.
        pid: Pid,
    },
    /// Answers `Effect::Probe`: no process could be made.
    ProbeSpawnFailed {
        /// Of this service.
        service: ServiceId,
        /// Why.
        error: StartError,
    },
    /// Somebody wants to know this service's health now.
    ProbeNow {
        /// The service.
        service: ServiceId,
    },
    /// `next_deadline` has come.
    Tick,
    /// The container is to stop.
    StopRequested {
        /// The signal that asked for it, if one did.
        signal: Option<Signal>,
    },
    /// The container is to stop without any more grace.
    KillRequested,
    /// A signal for the main process arrived.
    Forward {
        /// The signal.
        signal: Signal,
    },
    /// Answers `Effect::TerminateRest`, at once or later: no process is left.
    NothingLeft,
}

/// Something to be done. To be carried out in order; the answers are fed back before any other event.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Make the service's main process; answer with `Spawned` or `SpawnFailed`.
    Spawn(ServiceId),
    /// Make a probe of the service; answer with `ProbeSpawned` or `ProbeSpawnFailed`.
    Probe(ServiceId),
    /// Send a signal. The process, or for a group one of its members, has not been reaped.
    Signal {
        /// The process, or the group of that number.
        pid: Pid,
        /// Which of the two.
        scope: Scope,
        /// The signal.
        signal: Signal,
    },
    /// SIGTERM and SIGCONT to every process that is left; answer with `NothingLeft` as soon as that is so.
    TerminateRest,
    /// SIGKILL to every process that is left.
    KillRest,
    /// Tell people.
    Notice(Notice),
    /// End, with this exit status. Nothing comes after it.
    Exit(u8),
}

/// Whom a signal is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One process.
    Process,
    /// All of its process group.
    Group,
}

/// Why the container stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopCause {
    /// It was asked to, by a signal or over the control socket.
    Requested(Option<Signal>),
    /// An essential service (or the main process) has ended for good.
    Essential(ServiceId),
    /// A service with `on_unhealthy = "shutdown"` has become unhealthy.
    Unhealthy(ServiceId),
    /// Every service has ended for good.
    AllDone,
}

/// What follows the end of a service's process.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// The rest of its process group is told to stop first.
    StopRest,
    /// It is started again after this time.
    Restart(Duration),
    /// Nothing: it has done its work.
    Completed,
    /// Nothing: it has failed for good, for this reason.
    Failed(String),
    /// Nothing: it was to stop.
    Stopped,
}

/// News for the log and for `rinit events`.
#[derive(Clone, Debug, PartialEq)]
pub enum Notice {
    /// The main process executes its program.
    Started(ServiceId, Pid),
    /// It could not be started.
    StartFailed(ServiceId, String, Next),
    /// The main process has ended, after this time, by itself.
    Died(ServiceId, ExitStatus, Duration, Next),
    /// What follows, now that the rest of the process group is gone too, or that it was stopped for a restart.
    Follows(ServiceId, Next),
    /// It waits for a dependency that can no longer come: it has failed.
    DependencyFailed(ServiceId, String),
    /// It waits until a dependency meets the condition.
    Waiting(ServiceId, ServiceId, Condition),
    /// A health check has passed for the first time, or again.
    Healthy(ServiceId),
    /// So many probes in a row have failed; the last one said this.
    Unhealthy(ServiceId, u32, String),
    /// A probe has failed (the service is not unhealthy yet); it said this.
    ProbeFailed(ServiceId, String),
    /// A probe could not be made. Does not count.
    ProbeNotRun(ServiceId, String),
    /// It was sent the stop signal and has this long.
    Stopping(ServiceId, Signal, Duration),
    /// It was killed: its grace of this length is over.
    Killed(ServiceId, Duration),
    /// It has stopped, this long after it was told to.
    Stopped(ServiceId, ExitStatus, Duration),
    /// Not even SIGKILL ended it.
    Unkillable(ServiceId),
    /// The container begins to stop: why, how many services run, how long it may take.
    StopBegun(StopCause, usize, Duration),
    /// Processes that belong to no service were killed: the stop timeout is over.
    RestKilled,
    /// The container has stopped: how long it took, and who had to be killed.
    StopDone(Duration, Vec<ServiceId>),
}
