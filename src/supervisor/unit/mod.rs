//! One service and its life: what it is defined as, whether it is wanted, and in which phase it is. A unit knows nothing
//! of other units. What it changes about itself it marks with `changed`; the supervisor then looks at its neighbours.
//!
//! The parts, in files that hold types alone:
//!
//! - `definition`: how it runs and stops, and what it needs;
//! - `wanted`: whether it is to run, and who has decided that; `container_stop`: its place in the stop of the container;
//! - `state`: the states and which may follow which, in prose; `phase`: a state with what belongs to it; `process`: what
//!   runs; `ending`: what a unit that stops is on its way to;
//! - `health`, `backoff` and `control`: the accounts of probes and restarts, and commands in place of signals.
//!
//! What moves it on, a function for each event: `start`, `stop`, `outcome` (what follows the end of its process),
//! `hooks`, `watch` (health check, watchdog and what it says of itself), `signals` (what people ask of its process),
//! `succession`, `redefine`, and `deadlines` for the time that passes.
//!
//! Room for what is not there yet:
//!
//! - Several instances of one definition: a unit is known by its `id`, never by its name. The supervisor would make
//!   several units of one `Service`, with the number of the instance beside `name`, and share their `definition`.
//! - A unit that is part of rinit: what `Effect::Spawn` makes is up to the executor, so that this is a kind of program in
//!   `model::Service`. Nothing changes here.
//! - A unit that starts at a time of day: another variant of `Phase`, between `Stopped` and `Waiting`, that carries the
//!   time, like `Backoff`; its state is `scheduled`.

mod backoff;
mod container_stop;
mod control;
mod deadlines;
mod definition;
mod ending;
pub(super) mod health;
mod hooks;
mod outcome;
mod phase;
mod process;
mod redefine;
mod signals;
mod start;
mod state;
mod stop;
mod succession;
mod wanted;
mod watch;

pub use container_stop::ContainerStop;
pub use definition::{Definition, Need};
pub use ending::Purpose;
pub use health::{Health, HealthState, OUTPUT_LIMIT, ProbeResult};
pub use process::LastExit;
pub use state::State;
pub use wanted::Wanted;

use super::event::*;
use crate::model::Service;
use backoff::Retries;
use control::Controlling;
use phase::{Phase, Running};
use process::{Main, Process};

/// A signal that could not be sent.
#[derive(Clone, Debug)]
pub struct Refused {
    /// It was SIGKILL.
    pub is_kill: bool,
    /// Which signal, and why, for people.
    pub message: String,
}

/// Why a unit that was stopped for it is started again.
pub struct Again {
    /// In words.
    pub why: String,
    /// A dependency is restarted; nobody has asked for this unit.
    pub with_dependency: bool,
}

impl Again {
    /// Somebody has asked for it.
    pub fn by_request() -> Again {
        Again { why: "restarted by request".to_owned(), with_dependency: false }
    }
}

/// One service and where it stands.
pub struct Unit {
    pub id: ServiceId,
    pub name: String,
    pub is_main: bool,
    /// How it runs and stops.
    pub definition: Definition,
    /// Its new definition, while it stops by the old one.
    next: Option<Box<Definition>>,
    /// Its program was executed by this definition.
    proven: bool,
    pub needs: Vec<Need>,
    pub needed_by: Vec<ServiceId>,
    pub wanted: Wanted,
    pub container_stop: ContainerStop,
    phase: Phase,
    /// When it entered this phase.
    pub since: Time,
    pub health: Option<Box<Health>>,
    controlling: Option<Box<Controlling>>,
    retries: Retries,
    pub starts: u64,
    pub last_exit: Option<LastExit>,
    /// Why it has failed, or why it is started again, until it is.
    pub reason: Option<String>,
    /// Why it is restarted, where that was asked for, until it is.
    pub again: Option<Box<Again>>,
    /// Which signal could not be sent to its process, and why.
    pub refused: Option<Refused>,
    /// What it has said of itself, by systemd's STATUS=.
    pub status: Option<String>,
    /// Has been ready, or completed, at least once.
    pub been_ready: bool,
    /// Was killed at the end of its grace while the container stops.
    pub killed: bool,
    /// The state or the health changed since the supervisor looked last.
    pub changed: bool,
    /// It ran and does so no longer, but will: dependents that want to be restarted with it are.
    pub interrupted: bool,
}

impl Unit {
    pub fn new(id: ServiceId, service: &Service) -> Unit {
        let mut unit = Unit {
            id,
            name: service.name.clone(),
            is_main: service.name == crate::model::MAIN,
            definition: Definition::of(service),
            next: None,
            proven: false,
            needs: Vec::new(),
            needed_by: Vec::new(),
            wanted: Wanted::No,
            container_stop: ContainerStop::No,
            phase: Phase::Stopped,
            since: Time::ZERO,
            health: None,
            controlling: None,
            retries: Retries::default(),
            starts: 0,
            last_exit: None,
            reason: None,
            again: None,
            refused: None,
            status: None,
            been_ready: false,
            killed: false,
            changed: false,
            interrupted: false,
        };
        unit.define(Time::ZERO, service);
        unit
    }

    /// The word for where it is in its life.
    pub fn state(&self) -> State {
        self.phase.state()
    }

    /// Which signal could not be sent to it, and why.
    pub fn refusal(&self) -> Option<&str> {
        self.refused.as_ref().map(|refused| refused.message.as_str())
    }

    /// The main process, while there is one.
    pub fn pid(&self) -> Option<Pid> {
        self.phase.alive().map(|process: &Process| process.pid)
    }

    /// Whether it is to run, or to have run.
    pub fn is_wanted(&self) -> bool {
        self.wanted == Wanted::Yes
    }

    /// Whether a request has stopped it: only a request starts it again.
    pub fn is_stopped_by_hand(&self) -> bool {
        self.wanted == Wanted::StoppedByHand
    }

    /// Whether its definition is gone.
    pub fn is_gone(&self) -> bool {
        self.wanted == Wanted::Gone
    }

    /// A request stops it: only a request starts it again.
    pub fn stop_by_hand(&mut self) {
        if !self.is_gone() {
            self.wanted = Wanted::StoppedByHand;
        }
    }

    /// A request starts it: restarts so far do not count.
    pub fn forget_restarts(&mut self) {
        self.retries.reset();
    }

    /// Whether a process of it is there, or about to be.
    pub fn is_alive(&self) -> bool {
        self.state().is_alive()
    }

    /// Whether there is something of it to stop: a process, or what a completed task has done.
    pub fn has_to_stop(&self) -> bool {
        self.is_alive() || (self.state() == State::Completed && self.definition.hooks.stop.is_some())
    }

    /// Whether it goes on while the container stops, because others still write to its input.
    pub fn reads_on(&self) -> bool {
        self.container_stop.reads_on()
    }

    /// Whether it is to stop, and what it depends on not before it.
    pub fn goes_first(&self) -> bool {
        self.reads_on() || (self.has_to_stop() && !self.is_wanted())
    }

    /// Whether it never had its turn to stop, and has none: what depends on it depends on what it depends on.
    pub fn is_passed_over(&self) -> bool {
        !self.has_to_stop() && !self.reads_on() && !self.container_stop.had_turn()
    }

    /// Whether its health check has passed, and has not failed too often since.
    pub fn is_healthy(&self) -> bool {
        self.health.as_ref().is_some_and(|health| health.state() == HealthState::Healthy)
    }

    /// Whether it is so unhealthy that the container is to stop.
    pub fn ends_container(&self) -> bool {
        matches!(self.phase, Phase::Running(Running { ends_container: true, .. }))
    }

    /// Whether it is under way to being stopped for good.
    pub fn is_halting(&self) -> bool {
        self.phase.ending().is_some_and(|ending| ending.purpose == Purpose::Halt)
    }

    /// Whether it stops to be started again.
    pub fn is_between_lives(&self) -> bool {
        self.state() == State::Stopping && !self.is_halting()
    }

    /// Whether its main process has ended for good, and only others of its group are left.
    pub fn is_left_over(&self) -> bool {
        let is_left = self.phase.ending().is_some_and(|ending| {
            ending.purpose == Purpose::CleanUp && matches!(ending.main, Main::Ended { .. })
        });
        self.definition.policy.ends_container() && is_left
    }

    /// When it is started again, if it is in `backoff`.
    pub fn retry_at(&self) -> Option<Time> {
        if let Phase::Backoff { until } = self.phase { Some(until) } else { None }
    }

    /// When it is killed unless it has given its watchdog a sign of life.
    pub fn alive_by(&self) -> Option<Time> {
        if let Phase::Running(Running { alive_by, .. }) = self.phase { alive_by } else { None }
    }

    /// The exit code that its failure gives the container, if it has failed for good.
    pub fn failure(&self) -> Option<u8> {
        if let Phase::Failed { code, .. } = self.phase { Some(code) } else { None }
    }

    /// Whether it has failed because a dependency had: it is started when that is there again.
    pub fn failed_by_dependency(&self) -> bool {
        matches!(self.phase, Phase::Failed { by_dependency: true, .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A container may have thousands of units: what is large and rare is boxed.
    #[test]
    fn a_unit_is_small() {
        assert!(size_of::<Unit>() <= 512, "{} bytes", size_of::<Unit>());
        assert!(size_of::<Phase>() <= 96, "{} bytes", size_of::<Phase>());
    }
}
