//! The commands of `control` that run in place of a signal, a pause or its end.
//!
//! A command in place of a signal runs beside everything else, one at a time; what is asked for meanwhile waits for its
//! end. A stop kills it, and from then on signals are sent as they are. When the process ends, the command goes on: it
//! may be what has ended it.

use crate::model::Signal;
use crate::supervisor::event::{Pid, Scope, Time};
use std::time::Duration;

/// How long a command of `control` may take before it is killed, and has failed. One that goes with a stop has the grace.
pub const TIMEOUT: Duration = Duration::from_secs(60);

/// What somebody wants of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    Pause,
    Resume,
    Signal(Signal, Scope),
}

impl Asked {
    /// What is sent for it.
    pub fn signal(self) -> Signal {
        match self {
            Asked::Pause => Signal::STOP,
            Asked::Resume => Signal::CONT,
            Asked::Signal(signal, _) => signal,
        }
    }
}

/// A command in place of a signal, under way.
#[derive(Clone, Debug)]
pub struct Controlling {
    pub asked: Asked,
    /// The process that the signal is for.
    pub target: Pid,
    /// Not known between the effect and its answer.
    pub pid: Option<Pid>,
    /// When it is killed, unless it was.
    pub until: Option<Time>,
    /// What was asked for since, each once.
    pub waiting: Vec<Asked>,
}
