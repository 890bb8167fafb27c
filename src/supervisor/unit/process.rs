//! The main process of a unit, and the hooks that run around it.

use crate::model::{Hook, Signal};
use crate::supervisor::event::{Effect, ExitStatus, Pid, Scope, StartError, Time};
use std::time::Duration;

/// A main process that has not ended.
#[derive(Clone, Debug)]
pub struct Process {
    pub pid: Pid,
    /// Its process group. It has another number only where the process has succeeded another main process.
    pub group: Pid,
    pub started: Time,
    /// How long it may not have run, because everything was frozen.
    pub not_run: Duration,
    /// Why it cannot execute its program. It is about to exit.
    pub setup: Option<Box<StartError>>,
    /// It was sent SIGKILL by request.
    pub killed_by_request: bool,
}

impl Process {
    /// A process that was just made.
    pub fn new(pid: Pid, now: Time) -> Process {
        Process {
            pid,
            group: pid,
            started: now,
            not_run: Duration::ZERO,
            setup: None,
            killed_by_request: false,
        }
    }
}

/// The main process while the unit stops.
#[derive(Clone, Debug)]
pub enum Main {
    /// None was made, or it is about to be.
    None,
    Alive(Process),
    Ended {
        process: Process,
        status: ExitStatus,
        /// Others of its group are left.
        group_left: bool,
    },
}

impl Main {
    /// The process that has not ended.
    pub fn alive(&self) -> Option<&Process> {
        match self {
            Main::Alive(process) => Some(process),
            Main::None | Main::Ended { .. } => None,
        }
    }

    /// The process, whether it has ended or not.
    pub fn process(&self) -> Option<&Process> {
        match self {
            Main::Alive(process) | Main::Ended { process, .. } => Some(process),
            Main::None => None,
        }
    }

    /// How it has ended.
    pub fn status(&self) -> Option<ExitStatus> {
        match self {
            Main::Ended { status, .. } => Some(*status),
            Main::None | Main::Alive(_) => None,
        }
    }

    /// Whether neither the process nor another one of its group is left.
    pub fn is_all_gone(&self) -> bool {
        match self {
            Main::None => true,
            Main::Alive(_) => false,
            Main::Ended { group_left, .. } => !group_left,
        }
    }

    /// It has ended.
    pub fn end(&mut self, status: ExitStatus, group_left: bool) {
        *self = match std::mem::replace(self, Main::None) {
            Main::Alive(process) | Main::Ended { process, .. } => Main::Ended { process, status, group_left },
            Main::None => Main::None,
        };
    }
}

/// A hook under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunningHook {
    pub hook: Hook,
    /// Not known between the effect and its answer.
    pub pid: Option<Pid>,
}

/// How the last main process of a unit ended.
#[derive(Clone, Debug)]
pub struct LastExit {
    pub status: ExitStatus,
    pub at: Time,
    /// How long it had run.
    pub ran: Duration,
    /// It was killed because memory had run out.
    pub oom: bool,
    /// It ended because somebody wanted that, and in time: it is no fault.
    pub asked: bool,
    /// Why rinit itself ended it, to start it again: it was unhealthy, say, or its watchdog had run out.
    pub reason: Option<String>,
}

/// The stop signal, and SIGCONT after it: a stopped process could not act on the first without the second.
pub fn terminate(pid: Pid, scope: Scope, signal: Signal, out: &mut Vec<Effect>) {
    out.push(Effect::Signal { pid, scope, signal });
    if signal != Signal::CONT && signal != Signal::KILL {
        out.push(Effect::Signal { pid, scope, signal: Signal::CONT });
    }
}
