//! The supervisor: decides what is started, restarted, stopped and killed, and when. It makes no system call, reads
//! no clock and writes no log: `step` is told what happened and when, and answers with what is to be done. So the
//! whole of it runs in a test, under a clock that the test moves.
//!
//! A change is decided in two phases. First the unit (the state machine of one service, `unit`) that an event is
//! about moves on. Then what that means for others spreads along the graph, through a queue and never by recursion:
//! units that wait for it are looked at, and while the container stops, units that had to outlive it.

#![forbid(unsafe_code)]

mod event;
mod graph;
mod oversleep;
mod plan;
mod processes;
mod queries;
mod reload;
mod requests;
mod shutdown;
mod spread;
mod stopping;
mod turn;
mod turns;
mod unit;
mod view;

pub use event::*;
pub use plan::{Plan, merge, plan};
pub use processes::{Process, Reach, Role, Table, Target};

pub use unit::{HealthState, OUTPUT_LIMIT, ProbeResult, State};
pub use view::{Exit, Problem, Scale, Tie, View};

use crate::model::{Control, Hook, Service, Signal, text};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;
use stopping::Shutdown;
use turn::Turn;
use unit::{Need, Unit};

/// All services of one rinit.
pub struct Supervisor {
    units: Vec<Unit>,
    /// Dependencies before dependents.
    order: Vec<ServiceId>,
    processes: Table,
    timers: BTreeSet<(Time, ServiceId)>,
    /// The deadline under which each unit stands in `timers`.
    armed: Vec<Option<Time>>,
    /// Units to look at again, because something that they depend on, or that depends on them, has changed.
    queue: VecDeque<ServiceId>,
    /// Units that ran and will run again, whose dependents may want to be restarted with them.
    interrupted: VecDeque<ServiceId>,
    /// A hook that could not be executed, and why, until its end is told.
    not_executed: Option<(Pid, StartError)>,
    generation: u64,
    /// Units that had ended for good and are wanted again: whatever failed with them is wanted again too, before anything
    /// is started.
    revived: Vec<ServiceId>,
    /// Units that became `running` while the ends of others, or their own, were still to be told: they have started, even
    /// if they have ended by the time that anybody looks.
    came_up: BTreeSet<ServiceId>,
    /// Units that are to stop together with others, and wait for their turn.
    turns: BTreeMap<ServiceId, Turn>,
    /// Something has changed since these were looked at.
    turns_may_have_come: bool,
    /// Units that are restarted together with others, and are not there again.
    renewed: BTreeSet<ServiceId>,
    /// What units will need that keep an old definition until they have stopped.
    needs_later: BTreeMap<ServiceId, Vec<Need>>,
    stop_timeout: Duration,
    shutdown: Option<Shutdown>,
}

impl Supervisor {
    /// A supervisor of these services. A dependency that names none of them, or a cycle, is left out: the
    /// configuration has refused both.
    pub fn new(services: &[Service], stop_timeout: Duration) -> Supervisor {
        let units = services.iter().enumerate().map(|(index, service)| Unit::new(ServiceId(index), service));
        let mut units: Vec<Unit> = units.collect();
        graph::link(&mut units, services);
        let order = graph::dependencies_first(&units);
        let armed = vec![None; units.len()];
        Supervisor {
            units,
            order,
            processes: Table::default(),
            timers: BTreeSet::new(),
            armed,
            queue: VecDeque::new(),
            interrupted: VecDeque::new(),
            not_executed: None,
            generation: 0,
            revived: Vec::new(),
            came_up: BTreeSet::new(),
            turns: BTreeMap::new(),
            turns_may_have_come: false,
            renewed: BTreeSet::new(),
            needs_later: BTreeMap::new(),
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

    /// The groups that main processes have left and that a deadline is about which has come: the one for the end of
    /// their service, or that of the stop.
    pub fn groups_due(&self, now: Time) -> Vec<Pid> {
        let is_past = |at: Option<Time>| at.is_some_and(|at| at <= now);
        let all = is_past(self.shutdown.as_ref().and_then(Shutdown::deadline));
        let is_due = |unit: &Unit| unit.state() == State::Stopping && is_past(unit.deadline());
        let groups = self.processes.groups_of_mains();
        let due = groups.filter(|(_, service)| all || self.units.get(service.0).is_some_and(is_due));
        due.map(|(pid, _)| pid).collect()
    }

    /// The processes that rinit has made.
    pub fn processes(&self) -> &Table {
        &self.processes
    }

    /// A process was made: recorded at once, before anything can be reaped. Its unit is told by an event.
    pub fn record(&mut self, pid: Pid, service: ServiceId, role: Role) {
        self.processes.insert(pid, service, role);
    }

    /// A process was reaped: nothing can be sent to it any more. What it was, if rinit has made it; then
    /// `Event::Exited` has to follow. Until that was told of all that were reaped together, nothing spreads.
    pub fn reaped(&mut self, pid: Pid) -> Option<Process> {
        self.processes.reap(pid)
    }

    /// Takes in one event and appends what is to be done.
    pub fn step(&mut self, now: Time, event: Event, out: &mut Vec<Effect>) {
        if self.shutdown.as_ref().is_some_and(Shutdown::is_over) {
            return;
        }
        match event {
            Event::Boot => self.boot(now),
            Event::Spawned { service, pid } => {
                self.made(now, pid, service, Role::Main, out);
                self.with(service, |unit| unit.spawned(now, pid, out));
            }
            Event::SpawnFailed { service, error } => {
                self.with(service, |unit| unit.spawn_failed(now, error, out));
            }
            Event::Executed { pid } => self.with_main(pid, |unit| unit.executed(now, out)),
            Event::SetupFailed { pid, error } => self.setup_failed(pid, error),
            Event::Exited { pid, status, group_left, oom, output } => {
                self.exited(now, pid, Ended { status, group_left, oom, output }, out);
            }
            Event::Succeeded { pid, by, group } => {
                if let Some(service) = self.processes.succeed(pid, by, group) {
                    self.with(service, |unit| unit.succeeded(now, by, group, out));
                }
            }
            Event::GroupGone { pid } => self.group_gone(now, pid, out),
            Event::ProbeSpawned { service, pid } => {
                self.made(now, pid, service, Role::Probe, out);
                self.with(service, |unit| unit.probe_spawned(now, pid, out));
            }
            Event::ProbeSpawnFailed { service, error } => {
                self.with(service, |unit| unit.probe_not_run(now, error, out));
            }
            Event::HookSpawned { service, hook, pid } => {
                self.made(now, pid, service, Role::Hook(hook), out);
                self.with(service, |unit| unit.hook_spawned(hook, pid, out));
            }
            Event::HookSpawnFailed { service, hook, error } => {
                self.with(service, |unit| unit.hook_done(now, hook, None, Some(error), out));
            }
            Event::Notified { service, news } => self.with(service, |unit| unit.notified(now, news, out)),
            Event::Start { services } => self.start(now, services, out),
            Event::Stop { services } => self.stop(services, out),
            Event::Restart { services } => self.restart(now, services, out),
            Event::Pause { service } => self.with(service, |unit| unit.pause(now, out)),
            Event::Resume { service } => self.with(service, |unit| unit.resume(now, out)),
            Event::Signal { service, scope, signal } => {
                self.with(service, |unit| unit.signal(now, scope, signal, out));
            }
            Event::NotSignalled { pid, signal, message } => self.not_signalled(pid, signal, message, out),
            Event::ProbeNow { service } => self.with(service, |unit| unit.probe_now(now, out)),
            Event::Tick => self.tick(now, out),
            Event::Overslept { by } => self.overslept(now, by),
            Event::StopRequested { signal } => self.begin_stop(now, StopCause::Requested(signal), out),
            Event::KillRequested => self.kill_all(now, out),
            Event::Forward { signal } => self.forward(signal, out),
            Event::NothingLeft => self.nothing_left(now, out),
        }
        if !self.processes.has_untold() {
            self.settle(now, out);
        }
        self.drop_unreachable(out);
    }

    fn not_signalled(&mut self, pid: Pid, signal: Signal, message: String, out: &mut Vec<Effect>) {
        match self.processes.whose(pid) {
            Some(Process { service, role: Role::Main, .. }) => {
                self.with(service, |unit| unit.not_signalled(signal, message, out));
            }
            Some(Process { service, .. }) => out.push(Effect::Notice(Notice::NotSignalled(service, message))),
            None => {}
        }
    }

    /// Leaves out signals to whom nothing can be sent any more: its end is about to be told.
    fn drop_unreachable(&self, out: &mut Vec<Effect>) {
        out.retain(|effect| match effect {
            Effect::Signal { pid, scope, .. } => self.processes.target(*pid, *scope).is_some(),
            _ => true,
        });
    }

    /// A unit is about to be told of its process. A group of that number is gone, if there was one.
    fn made(&mut self, now: Time, pid: Pid, service: ServiceId, role: Role, out: &mut Vec<Effect>) {
        self.group_gone(now, pid, out);
        self.processes.insert(pid, service, role);
    }

    fn group_gone(&mut self, now: Time, pid: Pid, out: &mut Vec<Effect>) {
        if let Some(Process { service, role: Role::Main, .. }) = self.processes.group_gone(pid) {
            self.with(service, |unit| unit.group_gone(now, pid, out));
        }
    }

    /// Lets a unit move on, and notes what that touches.
    fn with(&mut self, id: ServiceId, act: impl FnOnce(&mut Unit)) {
        let Some(unit) = self.units.get_mut(id.0) else { return };
        let before = unit.state();
        act(unit);
        if before != State::Running && unit.state() == State::Running && self.processes.has_untold() {
            self.came_up.insert(id);
        }
        if before.is_final() && !unit.state().is_final() {
            self.revived.push(id);
        }
        if std::mem::take(&mut unit.interrupted) && self.shutdown.is_none() {
            self.interrupted.push_back(id);
        }
        let changed = std::mem::take(&mut unit.changed);
        let (deadline, state) = (unit.deadline(), unit.state());
        if changed {
            self.queue.push_back(id);
            self.queue.extend(unit.needs.iter().map(|need| need.on));
            self.queue.extend(&unit.needed_by);
        }
        let ended = changed && !unit.has_to_stop() && self.shutdown.is_some();
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
        if changed && !self.needs_later.is_empty() {
            self.take_over_needs(id);
        }
        if changed {
            self.turns_may_have_come |= !self.turns.is_empty();
            self.note_renewal(id, state);
        }
        if ended {
            let beyond = self.held_beyond(id);
            self.queue.extend(beyond);
        }
    }

    fn with_main(&mut self, pid: Pid, act: impl FnOnce(&mut Unit)) {
        if let Some(service) = self.processes.main_of(pid) {
            self.with(service, act);
        }
    }

    /// What is wanted spreads: a service that is to run wants its dependencies.
    fn boot(&mut self, now: Time) {
        let wanted =
            self.units.iter().filter(|unit| unit.definition.policy.autostart && !unit.is_stopped_by_hand());
        self.want(now, wanted.map(|unit| unit.id).collect());
        self.queue.clear();
        self.queue.extend(&self.order);
    }

    /// What is wanted spreads: a service that is to run wants its dependencies, also those that had failed.
    fn want(&mut self, now: Time, mut wanted: Vec<ServiceId>) {
        let mut seen = BTreeSet::new();
        while let Some(id) = wanted.pop() {
            if !seen.insert(id) {
                continue;
            }
            // By an old definition something may need what is gone.
            if self.units.get(id.0).is_none_or(|unit| unit.is_gone()) {
                continue;
            }
            self.forget_halt(id);
            wanted.extend(self.idle_needs(id));
            self.with(id, |unit| unit.want(now));
        }
    }

    /// Why a process could not execute its program; its end is told next.
    fn setup_failed(&mut self, pid: Pid, error: StartError) {
        match self.processes.get(pid).map(|process| process.role) {
            Some(Role::Hook(_)) => self.not_executed = Some((pid, error)),
            Some(Role::Main | Role::Probe) | None => self.with_main(pid, |unit| unit.setup_failed(error)),
        }
    }

    /// What a service requires and nobody wants to run, or what has failed.
    fn idle_needs(&self, id: ServiceId) -> Vec<ServiceId> {
        let idle = |need: &Need| {
            let on = self.units.get(need.on.0);
            on.is_some_and(|on| {
                let ended = matches!(on.state(), State::Stopped | State::Failed);
                ended || (on.is_alive() && !on.is_wanted())
            })
        };
        let needs = self.units.get(id.0).map_or(&[][..], |unit| &unit.needs);
        let needs = self.needs_later.get(&id).map_or(needs, Vec::as_slice);
        needs.iter().filter(|need| need.required && idle(need)).map(|need| need.on).collect()
    }

    fn exited(&mut self, now: Time, pid: Pid, ended: Ended, out: &mut Vec<Effect>) {
        let Ended { status, group_left, oom, output } = ended;
        let Some(Process { service, role, .. }) = self.processes.ended(pid) else { return };
        // With COMMAND alone the stop of the container follows at once, and ends the remaining processes.
        let group_left = group_left && !(role == Role::Main && self.is_all(service));
        self.processes.told(pid, group_left);
        if group_left && role != Role::Main {
            // What a probe or a hook has left behind is of no use to anybody.
            out.push(Effect::Signal { pid, scope: Scope::Group, signal: Signal::KILL });
        }
        match role {
            Role::Main => self.with(service, |unit| unit.exited(now, status, group_left, oom, out)),
            Role::Probe => {
                self.with(service, |unit| unit.probe_exited(now, pid, status, &output, out));
            }
            // Its turn to stop has not come, and it is to be started by another definition after that.
            Role::Hook(hook @ (Hook::PreStart | Hook::Control(Control::Up)))
                if self.defers_definition(service) && self.is_starting(service) =>
            {
                self.with(service, |unit| unit.put_off(now, hook, pid));
            }
            Role::Hook(hook) => {
                let said = text::printable(&output, OUTPUT_LIMIT);
                let message = if said.is_empty() { status.to_string() } else { said };
                let failed = || StartError { message, retry: Retry::No, code: status.code() };
                let not_executed = self.not_executed.take().filter(|(of, _)| *of == pid);
                let code = status.code();
                let problem = (!status.success())
                    .then(|| not_executed.map_or_else(failed, |(_, error)| StartError { code, ..error }));
                self.with(service, |unit| unit.hook_done(now, hook, Some(pid), problem, out));
            }
        }
    }

    fn is_starting(&self, id: ServiceId) -> bool {
        self.units.get(id.0).is_some_and(|unit| unit.state() == State::Starting)
    }

    /// Whether this service is the only one, and its end that of the container.
    fn is_all(&self, id: ServiceId) -> bool {
        self.units.len() == 1
            && self
                .units
                .get(id.0)
                .is_some_and(|unit| unit.is_main && unit.definition.policy.ends_container())
    }

    fn tick(&mut self, now: Time, out: &mut Vec<Effect>) {
        let due: Vec<ServiceId> =
            self.timers.iter().take_while(|(at, _)| *at <= now).map(|(_, id)| *id).collect();
        for id in due {
            self.with(id, |unit| unit.tick(now, out));
        }
        self.stop_tick(now, out);
    }

    /// The process of the service `main`, while it runs.
    pub fn main_process(&self) -> Option<Pid> {
        self.units.iter().find(|unit| unit.is_main).and_then(Unit::pid)
    }

    /// A signal that rinit got, for the main process.
    fn forward(&mut self, signal: Signal, out: &mut Vec<Effect>) {
        if let Some(pid) = self.main_process() {
            out.push(Effect::Signal { pid, scope: Scope::Process, signal });
        }
    }
}

/// How a process ended, and what came with the news.
struct Ended {
    status: ExitStatus,
    group_left: bool,
    oom: bool,
    output: Vec<u8>,
}

#[cfg(test)]
mod tests;
