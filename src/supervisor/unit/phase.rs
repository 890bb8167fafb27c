//! Where a unit is in its life, with everything that it has there and nowhere else.

use super::ending::{Ending, StopStep};
use super::process::{Main, Process, RunningHook};
use super::state::State;
use crate::supervisor::event::{Pid, Time};

/// A state, with what belongs to it.
#[derive(Debug)]
pub enum Phase {
    Stopped,
    Waiting,
    Starting(Starting),
    Running(Running),
    Paused(Life),
    Stopping(Box<Ending>),
    Backoff {
        /// When it is started again.
        until: Time,
    },
    Completed,
    Failed {
        /// The exit code of the container, if this failure ends it.
        code: u8,
        /// A dependency had failed: it is started when that is there again.
        by_dependency: bool,
    },
}

/// A unit that starts.
#[derive(Debug)]
pub struct Starting {
    /// When it has to be ready at the latest.
    pub ready_by: Option<Time>,
    pub step: StartStep,
}

/// What is done to start a unit, in this order.
#[derive(Debug)]
pub enum StartStep {
    /// What runs before its process is made.
    Hook {
        running: RunningHook,
        /// When it is killed, if it has a time of its own.
        until: Option<Time>,
    },
    /// Its process is about to be there.
    Spawning,
    /// Its process is not ready.
    Process(Process),
}

/// A unit that is ready.
#[derive(Debug)]
pub struct Running {
    pub life: Life,
    /// When it is killed unless it has given its watchdog a sign of life.
    pub alive_by: Option<Time>,
    /// It is so unhealthy that the container is to stop.
    pub ends_container: bool,
}

/// What runs of a unit that is ready.
#[derive(Debug)]
pub struct Life {
    pub process: Process,
    pub post_start: Option<RunningHook>,
}

impl Phase {
    /// The word for it.
    pub fn state(&self) -> State {
        match self {
            Phase::Stopped => State::Stopped,
            Phase::Waiting => State::Waiting,
            Phase::Starting(_) => State::Starting,
            Phase::Running(_) => State::Running,
            Phase::Paused(_) => State::Paused,
            Phase::Stopping(_) => State::Stopping,
            Phase::Backoff { .. } => State::Backoff,
            Phase::Completed => State::Completed,
            Phase::Failed { .. } => State::Failed,
        }
    }

    /// The main process that has not ended.
    pub fn alive(&self) -> Option<&Process> {
        match self {
            Phase::Starting(Starting { step: StartStep::Process(process), .. }) => Some(process),
            Phase::Running(Running { life, .. }) | Phase::Paused(life) => Some(&life.process),
            Phase::Stopping(ending) => ending.main.alive(),
            Phase::Starting(Starting { step: StartStep::Hook { .. } | StartStep::Spawning, .. })
            | Phase::Stopped
            | Phase::Waiting
            | Phase::Backoff { .. }
            | Phase::Completed
            | Phase::Failed { .. } => None,
        }
    }

    /// The main process that has not ended.
    pub fn alive_mut(&mut self) -> Option<&mut Process> {
        match self {
            Phase::Starting(Starting { step: StartStep::Process(process), .. }) => Some(process),
            Phase::Running(Running { life, .. }) | Phase::Paused(life) => Some(&mut life.process),
            Phase::Stopping(ending) => match &mut ending.main {
                Main::Alive(process) => Some(process),
                Main::None | Main::Ended { .. } => None,
            },
            Phase::Starting(Starting { step: StartStep::Hook { .. } | StartStep::Spawning, .. })
            | Phase::Stopped
            | Phase::Waiting
            | Phase::Backoff { .. }
            | Phase::Completed
            | Phase::Failed { .. } => None,
        }
    }

    /// The main process of this life, whether it has ended or not.
    pub fn process(&self) -> Option<&Process> {
        match self {
            Phase::Stopping(ending) => ending.main.process(),
            Phase::Stopped
            | Phase::Waiting
            | Phase::Starting(_)
            | Phase::Running(_)
            | Phase::Paused(_)
            | Phase::Backoff { .. }
            | Phase::Completed
            | Phase::Failed { .. } => self.alive(),
        }
    }

    /// The hook under way.
    pub fn hook_mut(&mut self) -> Option<&mut RunningHook> {
        match self {
            Phase::Starting(Starting { step: StartStep::Hook { running, .. }, .. }) => Some(running),
            Phase::Running(Running { life, .. }) | Phase::Paused(life) => life.post_start.as_mut(),
            Phase::Stopping(ending) => ending.step.hook_mut(),
            Phase::Starting(Starting { step: StartStep::Spawning | StartStep::Process(_), .. })
            | Phase::Stopped
            | Phase::Waiting
            | Phase::Backoff { .. }
            | Phase::Completed
            | Phase::Failed { .. } => None,
        }
    }

    /// A hook is under way from now on.
    pub fn set_hook(&mut self, running: RunningHook) {
        match self {
            Phase::Starting(starting) => starting.step = StartStep::Hook { running, until: None },
            Phase::Running(Running { life, .. }) | Phase::Paused(life) => life.post_start = Some(running),
            Phase::Stopping(ending) => ending.step = StopStep::of(running),
            Phase::Stopped
            | Phase::Waiting
            | Phase::Backoff { .. }
            | Phase::Completed
            | Phase::Failed { .. } => {}
        }
    }

    /// The hook under way has this process.
    pub fn set_hook_pid(&mut self, pid: Pid) {
        if let Some(running) = self.hook_mut() {
            running.pid = Some(pid);
        }
    }

    /// How it ends, if it does.
    pub fn ending(&self) -> Option<&Ending> {
        match self {
            Phase::Stopping(ending) => Some(ending),
            Phase::Stopped
            | Phase::Waiting
            | Phase::Starting(_)
            | Phase::Running(_)
            | Phase::Paused(_)
            | Phase::Backoff { .. }
            | Phase::Completed
            | Phase::Failed { .. } => None,
        }
    }

    /// How it ends, if it does.
    pub fn ending_mut(&mut self) -> Option<&mut Ending> {
        match self {
            Phase::Stopping(ending) => Some(ending),
            Phase::Stopped
            | Phase::Waiting
            | Phase::Starting(_)
            | Phase::Running(_)
            | Phase::Paused(_)
            | Phase::Backoff { .. }
            | Phase::Completed
            | Phase::Failed { .. } => None,
        }
    }

    /// It is ready, or goes on after a pause.
    pub fn into_running(self, alive_by: Option<Time>) -> Phase {
        let running = |life| Phase::Running(Running { life, alive_by, ends_container: false });
        match self {
            Phase::Starting(Starting { step: StartStep::Process(process), .. }) => {
                running(Life { process, post_start: None })
            }
            Phase::Paused(life) => running(life),
            Phase::Starting(_)
            | Phase::Running(_)
            | Phase::Stopping(_)
            | Phase::Stopped
            | Phase::Waiting
            | Phase::Backoff { .. }
            | Phase::Completed
            | Phase::Failed { .. } => self,
        }
    }

    /// It pauses.
    pub fn into_paused(self) -> Phase {
        match self {
            Phase::Running(running) => Phase::Paused(running.life),
            Phase::Starting(_)
            | Phase::Paused(_)
            | Phase::Stopping(_)
            | Phase::Stopped
            | Phase::Waiting
            | Phase::Backoff { .. }
            | Phase::Completed
            | Phase::Failed { .. } => self,
        }
    }

    /// What is to be stopped of it: its main process, and the step of its start that it is in.
    pub fn into_remains(self) -> (Main, StopStep) {
        match self {
            Phase::Starting(Starting { step: StartStep::Hook { running, .. }, .. }) => {
                (Main::None, StopStep::StartHook(running))
            }
            Phase::Starting(Starting { step: StartStep::Process(process), .. }) => {
                (Main::Alive(process), StopStep::Told)
            }
            Phase::Running(Running { life, .. }) | Phase::Paused(life) => {
                (Main::Alive(life.process), StopStep::Told)
            }
            Phase::Stopping(ending) => (ending.main, ending.step),
            Phase::Starting(Starting { step: StartStep::Spawning, .. })
            | Phase::Stopped
            | Phase::Waiting
            | Phase::Backoff { .. }
            | Phase::Completed
            | Phase::Failed { .. } => (Main::None, StopStep::Told),
        }
    }
}
