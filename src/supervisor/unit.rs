//! One service and its life, from being wanted to running. The states and what moves them on are in `state`; how a
//! unit stops is in `ending`, what follows its end in `outcome`, what is watched while it runs in `watch`, what runs
//! around it in `hooks`, and what people ask of it in `control`.
//!
//! A unit knows nothing of other units. What it changes about itself it marks with `changed`; the supervisor then
//! looks at its neighbours.

use super::backoff::Retries;
use super::control::Controlling;
use super::ending::{Ending, Purpose};
use super::event::*;
use super::health::Health;
use super::state::State;
use crate::model::{Condition, Hook, Hooks, OnUnhealthy, Policy, Service, Shared};
use std::time::Duration;

/// A dependency, resolved.
#[derive(Clone, Copy, Debug)]
pub struct Need {
    pub on: ServiceId,
    pub condition: Condition,
    pub required: bool,
    pub restart: bool,
}

/// The main process, and after its end what is left of its group.
#[derive(Clone, Debug)]
pub(super) struct Process {
    pub(super) pid: Pid,
    /// Its process group, which has another number only where it has succeeded another main process.
    pub(super) group: Pid,
    pub(super) started: Time,
    /// For so long it may not have run, because everything was frozen.
    pub(super) not_run: Duration,
    pub(super) setup: Option<Box<StartError>>,
    pub(super) exit: Option<ExitStatus>,
    /// After its end: others of its group are left.
    pub(super) group_left: bool,
    /// It was sent SIGKILL by request.
    pub(super) struck: bool,
}

/// A hook under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct RunningHook {
    pub(super) hook: Hook,
    /// Not known between the effect and its answer.
    pub(super) pid: Option<Pid>,
    /// When it is killed, if it has a time of its own.
    pub(super) until: Option<Time>,
}

/// One service and where it stands.
pub struct Unit {
    pub id: ServiceId,
    pub name: String,
    pub policy: Shared<Policy>,
    pub hooks: Shared<Hooks>,
    pub is_main: bool,
    pub needs: Vec<Need>,
    pub needed_by: Vec<ServiceId>,
    pub state: State,
    pub since: Time,
    /// Is to run, or to have run.
    pub wanted: bool,
    /// Was stopped by request: nobody but a request starts it again.
    pub by_hand: bool,
    /// Its definition is gone: once it has stopped, it is as if it had never been.
    pub retired: bool,
    /// The container stops: its time is rationed.
    pub container_stops: bool,
    /// While the container stops: its turn has come.
    pub turn_came: bool,
    /// While the container stops: when it has to be through at the latest, so that what it depends on has its graces.
    pub through_by: Option<Time>,
    /// Others write to its standard input.
    pub reads: bool,
    /// While the container stops: it goes on, and is started again if it ends, for others still write to it.
    pub lingers: bool,
    pub health: Option<Box<Health>>,
    pub on_unhealthy: OnUnhealthy,
    pub starts: u64,
    pub last_exit: Option<ExitStatus>,
    /// When that was, and how long it had run.
    pub ended: (Time, Duration),
    /// Its last process was killed because memory had run out.
    pub oom: bool,
    /// Its last process ended because somebody wanted that, and in time: it is no fault.
    pub exit_asked: bool,
    /// Why rinit itself ended its last process, to start it again: it was unhealthy, say, or its watchdog had run out.
    pub exit_reason: Option<String>,
    /// Why it is `failed`, or why it is started again.
    pub reason: Option<String>,
    /// Which signal could not be sent to its process, and why.
    pub refused: Option<String>,
    /// What it has said of itself, by systemd's STATUS=.
    pub status: Option<String>,
    /// The exit code of the container, if this unit's failure ends it.
    pub fail_code: u8,
    /// Its program was executed by this definition.
    pub proven: bool,
    /// It has failed because a dependency had: it is started when that is there again.
    pub dragged: bool,
    /// It is so unhealthy that the container is to stop.
    pub ends_all: bool,
    /// Has been ready, or completed, at least once.
    pub been_ready: bool,
    /// Was killed at the end of its grace when it was to stop for good.
    pub killed: bool,
    /// The state or the health changed since the supervisor looked last.
    pub changed: bool,
    /// It ran and does so no longer, but will: dependents that want to be restarted with it are.
    pub interrupted: bool,
    pub(super) process: Option<Process>,
    pub(super) hook: Option<RunningHook>,
    pub(super) controlling: Option<Box<Controlling>>,
    pub(super) ending: Option<Box<Ending>>,
    pub(super) retry_at: Option<Time>,
    pub(super) retries: Retries,
    pub(super) start_by: Option<Time>,
    pub(super) alive_by: Option<Time>,
    /// Its new definition, while it stops by the old one.
    pub(super) next: Option<Box<Definition>>,
}

/// What a definition says of how a unit runs and stops.
#[derive(Clone, Debug)]
pub(super) struct Definition {
    pub(super) policy: Shared<Policy>,
    pub(super) hooks: Shared<Hooks>,
    /// Others write to its standard input.
    pub(super) reads: bool,
}

impl Unit {
    pub fn new(id: ServiceId, service: &Service) -> Unit {
        let mut unit = Unit {
            id,
            name: service.name.clone(),
            policy: service.policy.clone(),
            hooks: service.hooks.clone(),
            is_main: service.name == crate::model::MAIN,
            needs: Vec::new(),
            needed_by: Vec::new(),
            state: State::Stopped,
            since: Time::ZERO,
            wanted: false,
            by_hand: false,
            retired: false,
            container_stops: false,
            turn_came: false,
            through_by: None,
            reads: false,
            lingers: false,
            health: None,
            on_unhealthy: OnUnhealthy::None,
            starts: 0,
            last_exit: None,
            ended: (Time::ZERO, Duration::ZERO),
            exit_asked: false,
            exit_reason: None,
            oom: false,
            reason: None,
            refused: None,
            status: None,
            fail_code: 1,
            proven: false,
            dragged: false,
            ends_all: false,
            been_ready: false,
            killed: false,
            changed: false,
            interrupted: false,
            process: None,
            hook: None,
            controlling: None,
            ending: None,
            retry_at: None,
            retries: Retries::default(),
            start_by: None,
            alive_by: None,
            next: None,
        };
        unit.define(Time::ZERO, service);
        unit
    }

    /// Takes over a definition, the first one or a changed one. What runs goes on running, and what stops by an older
    /// definition does so to the end.
    pub fn define(&mut self, now: Time, service: &Service) {
        let definition = Definition {
            policy: service.policy.clone(),
            hooks: service.hooks.clone(),
            reads: service.exec.reads_others(),
        };
        match &mut self.next {
            Some(next) => **next = definition,
            None => self.take_over(definition),
        }
        self.retired = false;
        let timing = service.healthcheck.as_ref().map(|check| check.timing);
        self.on_unhealthy = timing.map_or(OnUnhealthy::None, |timing| timing.on_unhealthy);
        match (&mut self.health, timing) {
            (Some(health), Some(timing)) => health.set_timing(now, timing),
            (health, timing) => *health = timing.map(Health::new).map(Box::new),
        }
    }

    pub(super) fn take_over(&mut self, definition: Definition) {
        self.policy = definition.policy;
        self.hooks = definition.hooks;
        self.reads = definition.reads;
    }

    /// Its process has ended, and what follows is as its new definition says, if a reload has brought one.
    pub(super) fn take_over_next(&mut self) {
        if let Some(next) = self.next.take() {
            self.take_over(*next);
            self.proven = false;
        }
    }

    /// Whether others write to it once it is started, though what stops may be of an older definition.
    pub(super) fn will_read(&self) -> bool {
        self.next.as_ref().map_or(self.reads, |next| next.reads)
    }

    /// The main process, while there is one.
    pub fn pid(&self) -> Option<Pid> {
        self.running().map(|process| process.pid)
    }

    pub(super) fn running(&self) -> Option<&Process> {
        self.process.as_ref().filter(|process| process.exit.is_none())
    }

    /// Whether a process of it is there, or about to be.
    pub fn is_alive(&self) -> bool {
        self.state.is_alive()
    }

    /// Whether there is something of it to stop: a process, or what a completed task has done.
    pub fn has_to_stop(&self) -> bool {
        self.is_alive() || (self.state == State::Completed && self.hooks.stop.is_some())
    }

    /// Whether it is to stop, and what it depends on not before it.
    pub fn goes_first(&self) -> bool {
        self.lingers || (self.has_to_stop() && !self.wanted)
    }

    /// Whether it never had its turn to stop, and has none: what depends on it depends on what it depends on.
    pub fn is_passed_over(&self) -> bool {
        !self.has_to_stop() && !self.lingers && !self.turn_came
    }

    /// Whether its health check has passed, and has not failed too often since.
    pub fn is_healthy(&self) -> bool {
        self.health.as_ref().is_some_and(|health| health.state() == super::HealthState::Healthy)
    }

    /// Whether it is under way to being stopped for good.
    pub fn is_halting(&self) -> bool {
        self.ending.as_ref().is_some_and(|ending| ending.purpose == Purpose::Halt)
    }

    /// Whether it stops to be started again.
    pub fn is_between_lives(&self) -> bool {
        self.state == State::Stopping && !self.is_halting()
    }

    /// When it will be started again, if it is in `backoff`.
    pub fn retry_at(&self) -> Option<Time> {
        self.retry_at
    }

    /// When something is to be done next.
    pub fn deadline(&self) -> Option<Time> {
        [self.due(), self.control_by()].into_iter().flatten().min()
    }

    /// When something is to be done about its state next.
    fn due(&self) -> Option<Time> {
        match self.state {
            State::Backoff => self.retry_at,
            State::Stopping => self.ending.as_deref().and_then(Ending::next),
            State::Starting => {
                let hook = self.hook.and_then(|running| running.until);
                [self.start_by, hook].into_iter().flatten().min()
            }
            State::Running => {
                let health = self.health.as_deref().and_then(Health::deadline);
                let well = self.retries.due(&self.policy.backoff);
                let limits = [health, self.alive_by, self.run_by()];
                limits.into_iter().chain([well]).flatten().min()
            }
            State::Stopped | State::Waiting | State::Paused | State::Completed | State::Failed => None,
        }
    }

    pub(super) fn enter(&mut self, now: Time, state: State) {
        debug_assert!(
            self.state.successors().contains(&state),
            "{} -> {}",
            self.state.as_str(),
            state.as_str()
        );
        if matches!(self.state, State::Running | State::Paused)
            && !matches!(state, State::Running | State::Paused)
        {
            self.interrupted = self.wanted && !state.is_final();
        }
        // What a completed task has done is undone; what had ended, or was stopped, is done again.
        let renewed = match self.state {
            State::Completed if state == State::Stopping => self.wanted,
            State::Stopped | State::Completed | State::Failed => state == State::Waiting && self.starts > 0,
            State::Waiting
            | State::Starting
            | State::Running
            | State::Paused
            | State::Stopping
            | State::Backoff => false,
        };
        self.interrupted |= renewed;
        self.dragged = false;
        self.state = state;
        self.since = now;
        self.changed = true;
        self.note_well(now);
    }

    /// It is to run: from now on it waits for its dependencies, if it does not run already.
    pub fn want(&mut self, now: Time) {
        self.wanted = true;
        self.by_hand = false;
        match self.state {
            // It has been done, and is still.
            State::Completed if self.hooks.stop.is_some() => {}
            State::Stopped | State::Completed | State::Failed => {
                self.retries.reset();
                self.enter(now, State::Waiting);
            }
            State::Backoff => self.retry(now),
            State::Stopping => {
                if let Some(ending) = self.ending.as_mut().filter(|ending| ending.purpose == Purpose::Halt) {
                    ending.purpose = Purpose::Cycle;
                }
            }
            State::Waiting | State::Starting | State::Running | State::Paused => {}
        }
    }

    /// Its dependencies are there.
    pub fn start(&mut self, now: Time, out: &mut Vec<Effect>) {
        self.reason = None;
        self.refused = None;
        self.status = None;
        let limit = self.policy.start_timeout.filter(|_| !self.container_stops);
        self.start_by = limit.map(|timeout| now.saturating_add(timeout));
        self.retries.begin();
        self.enter(now, State::Starting);
        self.before_start(now, out);
    }

    /// Its process was made.
    pub fn spawned(&mut self, now: Time, pid: Pid, out: &mut Vec<Effect>) {
        self.starts = self.starts.saturating_add(1);
        self.process = Some(Process {
            pid,
            group: pid,
            started: now,
            not_run: Duration::ZERO,
            setup: None,
            exit: None,
            group_left: false,
            struck: false,
        });
        self.stop_late_comer(now, None, out);
    }

    /// Its process could not be made.
    pub fn spawn_failed(&mut self, now: Time, error: StartError, out: &mut Vec<Effect>) {
        if self.ending.as_ref().is_some_and(|it| matches!(it.purpose, Purpose::Halt | Purpose::Cycle)) {
            return self.finish(now, out);
        }
        let message = error.message.clone();
        let next = self.after_start_error(now, error);
        out.push(Effect::Notice(Notice::StartFailed(self.id, message, next)));
    }

    /// Its process executes its program.
    pub fn executed(&mut self, now: Time, out: &mut Vec<Effect>) {
        let Some(process) = &self.process else { return };
        self.proven = true;
        out.push(Effect::Notice(Notice::Started(self.id, process.pid)));
        if self.policy.notify.is_none() {
            self.ready(now, out);
        }
    }

    /// It is ready. One that was told to stop meanwhile goes on stopping.
    pub(super) fn ready(&mut self, now: Time, out: &mut Vec<Effect>) {
        if self.state != State::Starting || self.process.is_none() {
            return;
        }
        out.push(Effect::Notice(Notice::Ready(self.id, self.policy.notify.is_some())));
        self.start_by = None;
        self.feed_watchdog(now);
        self.enter(now, State::Running);
        match &mut self.health {
            Some(health) => {
                health.begin(now, self.id.0);
                out.push(Effect::Notice(Notice::HealthBegun(self.id)));
            }
            None => self.been_ready = true,
        }
        self.ends_all = false;
        self.note_well(now);
        if self.container_stops {
            self.end_health(out);
        } else {
            self.run_hook(Hook::PostStart, out);
        }
    }

    /// Its process cannot execute its program, and is about to exit.
    pub fn setup_failed(&mut self, error: StartError) {
        if let Some(process) = &mut self.process {
            process.setup = Some(Box::new(error));
        }
    }

    /// Its deadline may have come.
    pub fn tick(&mut self, now: Time, out: &mut Vec<Effect>) {
        self.control_overdue(now, out);
        if self.due().is_none_or(|due| now < due) {
            return;
        }
        match self.state {
            State::Backoff => self.retry(now),
            State::Stopping => self.grace_over(now, out),
            State::Starting => self.start_overdue(now, out),
            State::Running => self.watch(now, out),
            State::Stopped | State::Waiting | State::Paused | State::Completed | State::Failed => {}
        }
    }

    fn start_overdue(&mut self, now: Time, out: &mut Vec<Effect>) {
        if self.start_by.is_none_or(|limit| now < limit) {
            return self.hook_overdue(out);
        }
        self.start_by = None;
        let limit = self.policy.start_timeout.unwrap_or_default();
        self.restart_because(now, format!("not ready within {}", crate::model::duration::format(limit)), out);
    }

    /// It is stopped and started again, which counts as a failure.
    pub(super) fn restart_because(&mut self, now: Time, reason: String, out: &mut Vec<Effect>) {
        out.push(Effect::Notice(Notice::Restarting(self.id, reason.clone())));
        self.reason = Some(reason);
        self.stop(now, Purpose::Restart, None, self.policy.stop_grace_period, out);
    }
}
