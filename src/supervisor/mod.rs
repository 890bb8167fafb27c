//! The supervisor: decides what is started, restarted, stopped and killed, and when. It makes no system call, reads
//! no clock and writes no log: `step` is told what happened and when, and answers with what is to be done. So the
//! whole of it runs in a test, under a clock that the test moves.
//!
//! A change is decided in two phases. First the unit (the state machine of one service, `unit`) that an event is
//! about moves on. Then what that means for others spreads along the graph, through a queue and never by recursion:
//! units that wait for it are looked at, and while the container stops, units that had to outlive it.

#![forbid(unsafe_code)]

mod backoff;
mod ending;
mod event;
mod health;
mod shutdown;
mod unit;
mod view;

pub use event::*;
pub use health::{HealthState, OUTPUT_LIMIT, ProbeResult};
pub use unit::State;
pub use view::{Problem, Scale, View};

use crate::model::{Condition, OnUnhealthy, Service, Signal};
use shutdown::Shutdown;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;
use unit::{Need, Unit};

/// What a process is to its service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Main,
    Probe,
}

/// All services of one rinit.
pub struct Supervisor {
    units: Vec<Unit>,
    /// Dependencies before dependents.
    order: Vec<ServiceId>,
    processes: BTreeMap<Pid, (ServiceId, Role)>,
    /// Main processes that are gone, of whose groups others are left.
    groups: BTreeMap<Pid, ServiceId>,
    timers: BTreeSet<(Time, ServiceId)>,
    /// The deadline under which each unit stands in `timers`.
    armed: Vec<Option<Time>>,
    /// Units to look at again, because something that they depend on, or that depends on them, has changed.
    queue: VecDeque<ServiceId>,
    stop_timeout: Duration,
    shutdown: Option<Shutdown>,
}

impl Supervisor {
    /// A supervisor of these services. A dependency that names none of them, or a cycle, is left out: the
    /// configuration has refused both.
    pub fn new(services: &[Service], stop_timeout: Duration) -> Supervisor {
        let mut units: Vec<Unit> = services
            .iter()
            .enumerate()
            .map(|(index, service)| Unit::new(ServiceId(index), service))
            .collect();
        let ids: BTreeMap<&str, ServiceId> = services
            .iter()
            .enumerate()
            .map(|(index, service)| (service.name.as_str(), ServiceId(index)))
            .collect();
        for (index, service) in services.iter().enumerate() {
            for dependency in &service.policy.depends_on {
                let Some(&on) = ids.get(dependency.name.as_str()) else { continue };
                if let Some(unit) = units.get_mut(index) {
                    unit.needs.push(Need { on, condition: dependency.condition });
                }
                if let Some(needed) = units.get_mut(on.0) {
                    needed.needed_by.push(ServiceId(index));
                }
            }
        }
        let order = dependencies_first(&units);
        let armed = vec![None; units.len()];
        Supervisor {
            units,
            order,
            processes: BTreeMap::new(),
            groups: BTreeMap::new(),
            timers: BTreeSet::new(),
            armed,
            queue: VecDeque::new(),
            stop_timeout,
            shutdown: None,
        }
    }

    /// When `Event::Tick` is to come, if nothing happens before.
    pub fn next_deadline(&self) -> Option<Time> {
        let unit = self.timers.first().map(|(at, _)| *at);
        let stop = self.shutdown.as_ref().and_then(Shutdown::deadline);
        [unit, stop].into_iter().flatten().min()
    }

    /// Takes in one event and appends what is to be done.
    pub fn step(&mut self, now: Time, event: Event, out: &mut Vec<Effect>) {
        if self.shutdown.as_ref().is_some_and(Shutdown::is_over) {
            return;
        }
        match event {
            Event::Boot => self.boot(now),
            Event::Spawned { service, pid } => {
                self.processes.insert(pid, (service, Role::Main));
                self.with(service, |unit| unit.spawned(now, pid));
            }
            Event::SpawnFailed { service, error } => {
                self.with(service, |unit| unit.spawn_failed(now, error, out));
            }
            Event::Executed { pid } => self.with_main(pid, |unit| unit.executed(now, out)),
            Event::SetupFailed { pid, error } => self.with_main(pid, |unit| unit.setup_failed(error)),
            Event::Exited { pid, status, group_left, output } => {
                self.exited(now, pid, status, group_left, &output, out);
            }
            Event::GroupGone { pid } => {
                if let Some(service) = self.groups.remove(&pid) {
                    self.with(service, |unit| unit.group_gone(now, pid, out));
                }
            }
            Event::ProbeSpawned { service, pid } => {
                self.processes.insert(pid, (service, Role::Probe));
                self.with(service, |unit| unit.probe_spawned(pid));
            }
            Event::ProbeSpawnFailed { service, error } => {
                self.with(service, |unit| unit.probe_not_run(now, error, out));
            }
            Event::ProbeNow { service } => self.with(service, |unit| unit.probe_now(now, out)),
            Event::Tick => self.tick(now, out),
            Event::StopRequested { signal } => self.begin_stop(now, StopCause::Requested(signal), out),
            Event::KillRequested => self.kill_all(now, out),
            Event::Forward { signal } => self.forward(signal, out),
            Event::NothingLeft => self.nothing_left(now, out),
        }
        self.settle(now, out);
    }

    /// Lets a unit move on, and notes what that touches.
    fn with(&mut self, id: ServiceId, act: impl FnOnce(&mut Unit)) {
        let Some(unit) = self.units.get_mut(id.0) else { return };
        act(unit);
        if std::mem::take(&mut unit.changed) {
            self.queue.push_back(id);
            let neighbours = if self.shutdown.is_some() {
                self.queue.extend(unit.needs.iter().map(|need| need.on));
                &[]
            } else {
                unit.needed_by.as_slice()
            };
            self.queue.extend(neighbours);
        }
        let deadline = unit.deadline();
        if let Some(armed) = self.armed.get_mut(id.0)
            && *armed != deadline
        {
            if let Some(old) = armed.take() {
                self.timers.remove(&(old, id));
            }
            if let Some(new) = deadline {
                self.timers.insert((new, id));
            }
            *armed = deadline;
        }
    }

    fn with_main(&mut self, pid: Pid, act: impl FnOnce(&mut Unit)) {
        if let Some(&(service, Role::Main)) = self.processes.get(&pid) {
            self.with(service, act);
        }
    }

    /// What is wanted spreads: a service that is to run wants its dependencies.
    fn boot(&mut self, now: Time) {
        let mut wanted: Vec<ServiceId> =
            self.units.iter().filter(|unit| unit.policy.autostart).map(|unit| unit.id).collect();
        while let Some(id) = wanted.pop() {
            let Some(unit) = self.units.get(id.0) else { continue };
            if unit.wanted {
                continue;
            }
            wanted.extend(unit.needs.iter().map(|need| need.on));
            self.with(id, |unit| unit.want(now));
        }
        self.queue.clear();
        self.queue.extend(&self.order);
    }

    fn exited(
        &mut self,
        now: Time,
        pid: Pid,
        status: ExitStatus,
        group_left: bool,
        output: &[u8],
        out: &mut Vec<Effect>,
    ) {
        match self.processes.remove(&pid) {
            Some((service, Role::Main)) => {
                if group_left {
                    self.groups.insert(pid, service);
                }
                self.with(service, |unit| unit.exited(now, status, group_left, out));
            }
            Some((service, Role::Probe)) => {
                self.with(service, |unit| unit.probe_exited(now, pid, status, output, out));
            }
            None => {}
        }
    }

    fn tick(&mut self, now: Time, out: &mut Vec<Effect>) {
        let due: Vec<ServiceId> =
            self.timers.iter().take_while(|(at, _)| *at <= now).map(|(_, id)| *id).collect();
        for id in due {
            self.with(id, |unit| unit.tick(now, out));
        }
        self.stop_tick(now, out);
    }

    /// Carries out what the changes so far mean for other units, until nothing changes any more.
    fn settle(&mut self, now: Time, out: &mut Vec<Effect>) {
        while let Some(id) = self.queue.pop_front() {
            if self.shutdown.is_some() {
                self.stop_if_free(now, id, out);
                continue;
            }
            let Some(unit) = self.units.get(id.0) else { continue };
            if let Some(cause) = self.ends_container(unit) {
                self.begin_stop(now, cause, out);
                continue;
            }
            if unit.state == State::Waiting {
                self.start_if_met(now, id, out);
            }
        }
        match &self.shutdown {
            None if self.all_done() => {
                self.begin_stop(now, StopCause::AllDone, out);
                self.settle_stop(now, out);
            }
            None => {}
            Some(_) => self.settle_stop(now, out),
        }
    }

    fn ends_container(&self, unit: &Unit) -> Option<StopCause> {
        if unit.policy.essential && unit.state.is_final() {
            return Some(StopCause::Essential(unit.id));
        }
        let unhealthy = unit.health.as_ref().is_some_and(|health| health.state() == HealthState::Unhealthy);
        (unhealthy && unit.on_unhealthy == OnUnhealthy::Shutdown && unit.state == State::Running)
            .then_some(StopCause::Unhealthy(unit.id))
    }

    /// Whether nothing will run any more: everything has ended for good, and at least one thing had been wanted.
    fn all_done(&self) -> bool {
        let mut finished = self.units.iter().filter(|unit| unit.state != State::Stopped).peekable();
        finished.peek().is_some() && finished.all(|unit| unit.state.is_final())
    }

    fn start_if_met(&mut self, now: Time, id: ServiceId, out: &mut Vec<Effect>) {
        let Some(unit) = self.units.get(id.0) else { return };
        let mut missing = None;
        let mut hopeless = None;
        for need in &unit.needs {
            match self.need(need) {
                NeedState::Met => {}
                NeedState::Open => missing = missing.or(Some(*need)),
                NeedState::Hopeless => hopeless = hopeless.or(Some(*need)),
            }
        }
        if let Some(need) = hopeless {
            let (reason, code) = match self.units.get(need.on.0) {
                Some(on) => (format!("dependency {} {}", on.name, on.state.as_str()), on.fail_code),
                None => return,
            };
            self.with(id, |unit| {
                unit.fail_code = code;
                unit.fail(now, reason.clone());
            });
            out.push(Effect::Notice(Notice::DependencyFailed(id, reason)));
        } else if let Some(need) = missing {
            out.push(Effect::Notice(Notice::Waiting(id, need.on, need.condition)));
        } else {
            self.with(id, |unit| unit.start(now, out));
        }
    }

    fn need(&self, need: &Need) -> NeedState {
        let Some(on) = self.units.get(need.on.0) else { return NeedState::Met };
        let met = match need.condition {
            Condition::Started => matches!(on.state, State::Running | State::Completed),
            Condition::Healthy => on.state == State::Running && on.is_healthy(),
            Condition::CompletedSuccessfully => on.state == State::Completed,
        };
        // A completed service will not get healthy any more, and a failed one nothing at all.
        match met {
            true => NeedState::Met,
            false if on.state.is_final() => NeedState::Hopeless,
            false => NeedState::Open,
        }
    }

    /// A signal that rinit got, for the main process.
    fn forward(&mut self, signal: Signal, out: &mut Vec<Effect>) {
        if let Some(pid) = self.units.iter().find(|unit| unit.is_main).and_then(Unit::pid) {
            out.push(Effect::Signal { pid, scope: Scope::Process, signal });
        }
    }
}

/// Whether a dependency is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NeedState {
    Met,
    Open,
    Hopeless,
}

/// The units in an order in which dependencies come before dependents. Units on a cycle come last.
fn dependencies_first(units: &[Unit]) -> Vec<ServiceId> {
    let mut open: Vec<usize> = units.iter().map(|unit| unit.needs.len()).collect();
    let mut order = Vec::with_capacity(units.len());
    let mut ready: VecDeque<ServiceId> =
        units.iter().filter(|unit| unit.needs.is_empty()).map(|unit| unit.id).collect();
    while let Some(id) = ready.pop_front() {
        order.push(id);
        for dependent in units.get(id.0).map_or(&[][..], |unit| &unit.needed_by) {
            if let Some(count) = open.get_mut(dependent.0) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    ready.push_back(*dependent);
                }
            }
        }
    }
    let placed: BTreeSet<ServiceId> = order.iter().copied().collect();
    order.extend(units.iter().map(|unit| unit.id).filter(|id| !placed.contains(id)));
    order
}

#[cfg(test)]
mod tests;
