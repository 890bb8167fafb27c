//! What the supervisor is told and what it answers: plain data, with no descriptor and no clock in it.

use crate::model::{Condition, Hook, Signal, exit};
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
            ExitStatus::Signal(number) => exit::by_signal(number),
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

/// Whether there is another attempt after a failed start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Yes: it may help. The system lacked processes, memory or descriptors.
    Yes,
    /// As the restart policy says. The process was killed before its program ran, which is nobody's mistake.
    ByPolicy,
    /// No, unless it has run by this definition before.
    No,
}

impl Retry {
    /// For a cause that may pass by itself, or does not.
    pub fn if_may_pass(may_pass: bool) -> Retry {
        if may_pass { Retry::Yes } else { Retry::No }
    }
}

/// Why a process was forked but does not execute its program, or could not be forked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartError {
    /// For people: what could not be done, and why.
    pub message: String,
    /// Whether another attempt is made.
    pub retry: Retry,
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
        /// The kernel has killed a process of the container for want of memory since it was asked last.
        oom: bool,
        /// What a probe has written, at most 4,096 bytes.
        output: Vec<u8>,
    },
    /// A main process was reaped, and another process lives that its service had named: that is the main process now.
    Succeeded {
        /// The one that has ended.
        pid: Pid,
        /// Its successor, a child of rinit by now.
        by: Pid,
        /// The successor's process group.
        group: Pid,
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
    /// Answers `Effect::Hook`.
    HookSpawned {
        /// Of this service.
        service: ServiceId,
        /// This hook.
        hook: Hook,
        /// Its process and process group.
        pid: Pid,
    },
    /// Answers `Effect::Hook`: no process could be made.
    HookSpawnFailed {
        /// Of this service.
        service: ServiceId,
        /// This hook.
        hook: Hook,
        /// Why.
        error: StartError,
    },
    /// A service has said something of itself.
    Notified {
        /// The service.
        service: ServiceId,
        /// What.
        news: News,
    },
    /// These services are to run, and what they depend on.
    Start {
        /// The services, each once.
        services: Vec<ServiceId>,
    },
    /// These services are to stop, dependents first, until they are started by request.
    Stop {
        /// The services, each once.
        services: Vec<ServiceId>,
    },
    /// These services are to be stopped, dependents first, and started, dependencies first; with them those that want
    /// to be restarted with one of them.
    Restart {
        /// The services, each once.
        services: Vec<ServiceId>,
    },
    /// The service is to pause.
    Pause {
        /// The service.
        service: ServiceId,
    },
    /// The service may go on.
    Resume {
        /// The service.
        service: ServiceId,
    },
    /// Somebody wants its main process to get a signal.
    Signal {
        /// The service.
        service: ServiceId,
        /// For the main process, or for all of its process group.
        scope: Scope,
        /// The signal.
        signal: Signal,
    },
    /// A signal could not be sent.
    NotSignalled {
        /// To this process, or its group.
        pid: Pid,
        /// The signal.
        signal: Signal,
        /// Which signal, and why, for people.
        message: String,
    },
    /// Somebody wants to know this service's health now.
    ProbeNow {
        /// The service.
        service: ServiceId,
    },
    /// `next_deadline` has come.
    Tick,
    /// `next_deadline` was missed by far: rinit, or everything, did not run for a part of this time, which has just
    /// passed. Comes before whatever has happened meanwhile is told.
    Overslept {
        /// Since rinit ran last.
        by: Duration,
    },
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
    /// Run a hook of the service; answer with `HookSpawned` or `HookSpawnFailed`.
    Hook {
        /// The service.
        service: ServiceId,
        /// Which.
        hook: Hook,
        /// How its last main process ended, if one has.
        exit: Option<ExitStatus>,
        /// That process, and with it its group, unless none was made.
        group: Option<Pid>,
    },
    /// Nothing more comes to what the service reads, but from those that still have it open: its input ends with
    /// the last of these.
    CloseInput(ServiceId),
    /// Remember across a restart of the container whether the service was stopped by request.
    Remember {
        /// The service.
        service: ServiceId,
        /// Whether it was.
        stopped: bool,
    },
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

/// What a service can say of itself, in the words of systemd's protocol.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// `READY=1`, or a newline on the descriptor.
    Ready,
    /// `STOPPING=1`.
    Stopping,
    /// `RELOADING=1`.
    Reloading,
    /// `STATUS=...`.
    Status(String),
    /// `WATCHDOG=1`: a sign of life.
    Alive,
    /// `WATCHDOG=trigger`: it wants to be killed and restarted.
    Trigger,
    /// `EXTEND_TIMEOUT_USEC=...`: what it does now takes at least this much longer.
    Extend(Duration),
}

/// Whom a signal is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// One process.
    Process,
    /// All of its process group.
    Group,
}

/// How a service is told to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopBy {
    /// It is sent this signal.
    Signal(Signal),
    /// Its `stop_command` runs.
    Command,
    /// What it reads comes to an end.
    EndOfInput,
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
    /// Its `post_stop` runs first.
    PostStop,
    /// It is started again after this time.
    Restart(Duration),
    /// Nothing: it has done its work.
    Completed,
    /// Nothing: it has failed for good, for this reason.
    Failed(String),
    /// Nothing: it was to stop.
    Stopped,
}

/// Why a service was stopped to be started again, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Because {
    /// rinit has decided that by itself: the service was unhealthy, for example.
    Unwell(String),
    /// That was asked for: by a request, a reload, or with a dependency.
    Asked(String),
}

impl Because {
    /// The words.
    pub fn as_str(&self) -> &str {
        match self {
            Because::Unwell(why) | Because::Asked(why) => why,
        }
    }
}

/// News for the log and for `rinit events`.
#[derive(Clone, Debug, PartialEq)]
pub enum Notice {
    /// The main process executes its program.
    Started(ServiceId, Pid),
    /// It could not be started.
    StartFailed(ServiceId, String, Next),
    /// It is ready; whether that is because it has said so.
    Ready(ServiceId, bool),
    /// The main process has ended by itself; whether for want of memory; after this time.
    Died(ServiceId, ExitStatus, bool, Duration, Next),
    /// The main process has ended after it was told to stop; whether for want of memory; after this time.
    Ended(ServiceId, ExitStatus, bool, Duration),
    /// It is stopped to be started again, for this reason.
    Restarting(ServiceId, String),
    /// A hook has failed that does not have to succeed; or `pre_stop`, which cannot hold up the stop.
    HookFailed(ServiceId, String),
    /// The first of these was its main process and has ended; the second one is its main process now.
    Succeeded(ServiceId, Pid, Pid),
    /// It is paused.
    Paused(ServiceId),
    /// It goes on.
    Resumed(ServiceId),
    /// A command of its `control` runs in place of a signal that somebody asked for.
    Controlled(ServiceId, Signal),
    /// Its main process was sent a signal by request.
    Signalled(ServiceId, Signal, Scope),
    /// A signal could not be sent to it, for this reason.
    NotSignalled(ServiceId, String),
    /// What follows, now that the rest of the process group is gone too, or that it was stopped for a restart; and why
    /// it was stopped.
    Follows(ServiceId, Next, Option<Because>),
    /// It waits for a dependency that can no longer come: it has failed.
    DependencyFailed(ServiceId, String),
    /// It waits until a dependency meets the condition.
    Waiting(ServiceId, ServiceId, Condition),
    /// Its health check begins: nothing is known yet.
    HealthBegun(ServiceId),
    /// A health check has passed for the first time, or again.
    Healthy(ServiceId),
    /// So many probes in a row have failed; the last one said this.
    Unhealthy(ServiceId, u32, String),
    /// A probe has failed (the service is not unhealthy yet); it said this.
    ProbeFailed(ServiceId, String),
    /// The programs of so many probes in a row could not be run that the health check is to be mended; the last one
    /// said this.
    ProbeUnusable(ServiceId, String),
    /// A probe could not be made. Does not count.
    ProbeNotRun(ServiceId, String),
    /// It is told to stop in this way and has this long.
    Stopping(ServiceId, StopBy, Duration),
    /// It was killed: its grace of this length is over.
    Killed(ServiceId, Duration),
    /// It has stopped, this long after it was told to.
    Stopped(ServiceId, Option<ExitStatus>, Duration),
    /// It waited to be started, or started again, and is not to any more: there was nothing to stop.
    CalledOff(ServiceId),
    /// Not even SIGKILL ended it.
    Unkillable(ServiceId),
    /// The container begins to stop: why, how many services run, how long it may take.
    StopBegun(StopCause, usize, Duration),
    /// Processes that belong to no service were killed: the stop timeout is over.
    RestKilled,
    /// The container has stopped: how long it took, and who had to be killed.
    StopDone(Duration, Vec<ServiceId>),
}
