//! What a unit that stops is on its way to, and what runs until then.

use super::process::{Main, RunningHook};
use crate::model::{Control, Hook, Signal};
use crate::supervisor::event::Time;
use std::time::Duration;

/// How long to wait for a killed process to be reaped. After that it hangs in the kernel, and is given up where others
/// wait for its end.
pub const KILL_PATIENCE: Duration = Duration::from_secs(1);

/// Another process may reap the last member of a group that outlives its leader, and rinit is not told. So rinit looks for
/// the group after this time, and then after twice as long each time.
const FIRST_LOOK: Duration = Duration::from_millis(20);

/// The longest time between two looks.
const LAST_LOOK: Duration = Duration::from_secs(1);

/// Why a unit stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Its main process ended by itself; the rest of the group has to go before what follows.
    CleanUp,
    /// It is not well and is to be started again, as after a failure.
    Restart,
    /// It is to be started anew: by request, with a dependency, or because its definition has changed.
    Cycle,
    /// It is not wanted any more.
    Halt,
}

/// Whether SIGKILL was sent to a unit that stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Killed {
    No,
    /// SIGKILL is its stop signal.
    ByStopSignal,
    /// There was no more grace.
    ByForce,
}

/// What is done to end a unit, in this order. Steps that a unit does not need are left out.
#[derive(Clone, Copy, Debug)]
pub enum StopStep {
    /// A hook of its start is under way. It was told to stop.
    StartHook(RunningHook),
    PreStop(RunningHook),
    /// Its input has come to an end. It has this long to read what is left of it.
    Reading {
        until: Time,
    },
    /// Its `stop_command` runs.
    Command {
        hook: RunningHook,
        /// Another process has become the main process since. The command may have told the old one.
        successor: bool,
    },
    /// It was told to stop, or will be as soon as its process is there.
    Told,
    /// What `control` has for the stop runs.
    Control(RunningHook),
    PostStop(RunningHook),
}

impl StopStep {
    /// The step in which a hook runs.
    pub fn of(running: RunningHook) -> StopStep {
        match running.hook {
            Hook::PreStart | Hook::PostStart | Hook::Control(Control::Up | Control::Signal(_)) => {
                StopStep::StartHook(running)
            }
            Hook::PreStop => StopStep::PreStop(running),
            Hook::Stop => StopStep::Command { hook: running, successor: false },
            Hook::Control(Control::Down | Control::Exit) => StopStep::Control(running),
            Hook::PostStop => StopStep::PostStop(running),
        }
    }

    /// The hook that runs.
    pub fn hook(&self) -> Option<&RunningHook> {
        match self {
            StopStep::StartHook(hook)
            | StopStep::PreStop(hook)
            | StopStep::Command { hook, .. }
            | StopStep::Control(hook)
            | StopStep::PostStop(hook) => Some(hook),
            StopStep::Reading { .. } | StopStep::Told => None,
        }
    }

    /// The hook that runs.
    pub fn hook_mut(&mut self) -> Option<&mut RunningHook> {
        match self {
            StopStep::StartHook(hook)
            | StopStep::PreStop(hook)
            | StopStep::Command { hook, .. }
            | StopStep::Control(hook)
            | StopStep::PostStop(hook) => Some(hook),
            StopStep::Reading { .. } | StopStep::Told => None,
        }
    }

    /// Whether a hook of the stop runs. What follows waits for its end.
    pub fn is_hook_of_stop(&self) -> bool {
        match self {
            StopStep::PreStop(_)
            | StopStep::Command { .. }
            | StopStep::Control(_)
            | StopStep::PostStop(_) => true,
            StopStep::StartHook(_) | StopStep::Reading { .. } | StopStep::Told => false,
        }
    }

    /// Until when it reads what is left of its input.
    fn reads_until(&self) -> Option<Time> {
        match self {
            StopStep::Reading { until } => Some(*until),
            StopStep::StartHook(_)
            | StopStep::PreStop(_)
            | StopStep::Command { .. }
            | StopStep::Told
            | StopStep::Control(_)
            | StopStep::PostStop(_) => None,
        }
    }

    /// It has read what is left of its input, or has no more time for that.
    pub fn end_reading(&mut self) {
        if self.reads_until().is_some() {
            *self = StopStep::Told;
        }
    }
}

/// A unit that stops.
#[derive(Clone, Debug)]
pub struct Ending {
    pub purpose: Purpose,
    /// What to stop it with, if that is not its own stop signal.
    pub signal: Option<Signal>,
    pub main: Main,
    pub step: StopStep,
    pub killed: Killed,
    /// When to kill, and after that when to give up; `None`: not at all.
    pub deadline: Option<Time>,
    /// When to look whether anything is left of its group, and how long after that to look again.
    pub look: Option<(Time, Duration)>,
    /// It was ready before it ended, or was told to stop.
    pub was_ready: bool,
    /// Its `finish` has said that it is not to be started again.
    pub not_again: bool,
}

impl Ending {
    /// When something is to be done next.
    pub fn next(&self) -> Option<Time> {
        let look = self.look.map(|(at, _)| at);
        [self.step.reads_until(), self.deadline, look].into_iter().flatten().min()
    }

    /// Looks for what is left of the group from now on.
    pub fn look_soon(&mut self, now: Time) {
        self.look = Some((now.saturating_add(FIRST_LOOK), FIRST_LOOK));
    }

    /// All groups were looked at before this tick, and this one is still there. Plans the next look. Returns whether
    /// nothing else is due.
    pub fn looked(&mut self, now: Time) -> bool {
        if let Some((at, pause)) = self.look
            && at <= now
        {
            let pause = pause.saturating_add(pause).min(LAST_LOOK);
            self.look = Some((now.saturating_add(pause), pause));
        }
        ![self.step.reads_until(), self.deadline].into_iter().flatten().any(|at| at <= now)
    }

    /// Whether it was killed because there was no more grace.
    pub fn is_killed(&self) -> bool {
        self.killed == Killed::ByForce
    }

    /// Whether somebody wanted the end, and it came before it was forced.
    pub fn is_asked(&self) -> bool {
        match self.purpose {
            Purpose::Cycle | Purpose::Halt => !self.is_killed(),
            Purpose::CleanUp | Purpose::Restart => false,
        }
    }

    /// What is left of its grace.
    pub fn grace_left(&self, now: Time) -> Duration {
        self.deadline.unwrap_or(now).saturating_sub(now)
    }
}
