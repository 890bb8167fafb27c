//! Carries out the effects that the supervisor decides on, and feeds back what came of them.

use super::children::Children;
use super::children::oom::OomCounter;
use super::events::{self, Events};
use super::launch::{self, Launcher};
use super::logs::{Handover, Output};
use super::notify::NotifySocket;
use super::output::narrate::narrate;
use super::output::report::Report;
use super::output::stuck::Stuck;
use super::places::Places;
use super::signalling::senders::SignalSenders;
use super::signalling::terminal::Terminal;
use super::source::reading::Reader;
use super::state::State;
use super::state::writer::StateWriter;
use super::tini_options::TiniOptions;
use crate::model::{Control, Hook, LOGGER, MAIN, Notify, Service, Streams, exit, is_built_in};
use crate::supervisor::{
    Effect, Event, News, Pid, Plan, Retry, Role, Scope, ServiceId, StartError, Supervisor, Time, merge,
};
use crate::sys::inherit;
use crate::sys::poll::{Interest, Poller};
use crate::sys::process::Status;
use crate::sys::spawn::{self, Session, Spec};
use std::collections::{BTreeSet, VecDeque};
use std::os::fd::{AsFd, RawFd};
use std::rc::Rc;

/// The poller's token for the notification socket.
pub const NEWS: u64 = 1;

/// Carries out the supervisor's effects.
pub struct Executor {
    pub supervisor: Supervisor,
    pub services: Vec<Service>,
    pub poller: Poller,
    pub(super) state_writer: StateWriter,
    pub(super) launcher: Launcher,
    pub terminal: Terminal,
    pub events: Events,
    inherited: Inherited,
    /// The child whose set-up the poller does not watch.
    unawaited: Option<i32>,
    pub(super) children: Children,
    pub(super) notify: Option<NotifySocket>,
    pub(super) places: Places,
    /// The way to the logger.
    pub(super) handover: Handover,
    pub reader: Reader,
    pub(super) oom: OomCounter,
    pub(super) signal_senders: SignalSenders,
    report: Report,
    pub stuck: Stuck,
    /// Reused buffer for the children that one reaping finds.
    pub(super) ended: Vec<(i32, Status)>,
    /// The last signal sent to processes of no service, once all services have stopped.
    pub(super) rest: Option<Rest>,
    /// When to check for remaining processes that are not rinit's children: no SIGCHLD tells when they end.
    pub(super) look_at: Option<Time>,
    pub(super) more_to_reap: bool,
    exit: Option<u8>,
    /// How to treat COMMAND, from the command line.
    pub tini_options: TiniOptions,
}

/// The descriptors that rinit inherited. They belong to COMMAND.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inherited {
    /// COMMAND has not started yet.
    Kept,
    NotNeeded,
    Closed,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    Terminated,
    Killed,
}

impl Executor {
    pub fn new(
        supervisor: Supervisor,
        services: Vec<Service>,
        launcher: Launcher,
        poller: Poller,
        state: State,
    ) -> Executor {
        let with_command = services.iter().any(|service| service.name == MAIN);
        let mut executor = Executor {
            unawaited: None,
            inherited: if with_command { Inherited::Kept } else { Inherited::NotNeeded },
            supervisor,
            services,
            poller,
            state_writer: StateWriter::new(state),
            events: Events::default(),
            launcher,
            terminal: Terminal::new(Session::Foreground),
            children: Children::default(),
            notify: None,
            places: Places::default(),
            handover: Handover::default(),
            reader: Reader::default(),
            oom: OomCounter::default(),
            signal_senders: SignalSenders::new(),
            report: Report::default(),
            stuck: Stuck::default(),
            ended: Vec::new(),
            rest: None,
            look_at: None,
            more_to_reap: false,
            exit: None,
            tini_options: TiniOptions::default(),
        };
        executor.open_notify_socket();
        executor
    }

    /// Opens the notification socket if a service uses it.
    fn open_notify_socket(&mut self) {
        let needed = self.services.iter().any(|service| service.policy.notify == Some(Notify::Systemd));
        if !needed || self.notify.is_some() {
            return;
        }
        let opened = NotifySocket::open().and_then(|socket| {
            self.poller.add(socket.as_fd(), NEWS, Interest::Read)?;
            Ok(socket)
        });
        match opened {
            Ok(socket) => {
                self.launcher.set_notify_socket(socket.address().to_owned());
                self.notify = Some(socket);
            }
            Err(e) => log::error!("cannot open a socket for notifications: {e}"),
        }
    }

    /// Applies a reloaded configuration. `services` is the complete new set. Requests wait for the services in `waits`,
    /// so their numbers are not reused.
    pub fn reload(&mut self, now: Time, services: Vec<Service>, plan: &Plan, waits: &BTreeSet<ServiceId>) {
        self.keep_definitions();
        for (index, service) in self.services.iter().enumerate() {
            // A service that was removed and added again may still be stopping by its old definition.
            let anew = plan.restart.contains(&service.name) || plan.start.contains(&service.name);
            if anew {
                let leaving = &mut self.places.of(ServiceId(index)).leaving;
                leaving.get_or_insert_with(|| Rc::new(service.clone()));
            }
        }
        let mut free = self.supervisor.free();
        free.retain(|id| !waits.contains(id));
        let before = self.services.clone();
        self.services = merge(std::mem::take(&mut self.services), services, &free);
        self.forget_replaced(&free);
        self.open_notify_socket();
        let mut effects = Vec::new();
        self.supervisor.reload(now, &self.services, plan, &mut effects);
        let answers: Vec<Event> = effects.into_iter().filter_map(|effect| self.carry_out(effect)).collect();
        for event in answers {
            self.feed(now, event);
        }
        self.renew_logs(&before);
        self.drop_logs();
    }

    /// Forgets what is stored under the number of a service that another one has replaced.
    fn forget_replaced(&mut self, free: &[ServiceId]) {
        let old = free.iter().map(|id| (*id, self.supervisor.name(*id)));
        let is_replaced = |(id, name): &(ServiceId, &str)| {
            self.services.get(id.0).is_some_and(|service| service.name != *name)
        };
        let replaced: Vec<(ServiceId, &str)> = old.filter(is_replaced).collect();
        replaced.iter().for_each(|(id, _)| self.places.forget(*id));
        self.events.forget(&replaced);
    }

    /// Whether the start has postponed work.
    pub fn owes(&self) -> bool {
        !self.oom.has_begun() || self.inherited == Inherited::NotNeeded
    }

    /// Does the postponed work. The start skips it so that the first processes run sooner.
    pub fn catch_up(&mut self) {
        self.oom.begin();
        if self.inherited == Inherited::NotNeeded {
            inherit::close_inherited();
            self.inherited = Inherited::Closed;
        }
    }

    /// Whether a COMMAND was given.
    pub fn has_main(&self) -> bool {
        self.supervisor.find(MAIN).is_some()
    }

    /// The exit status, once decided.
    pub fn exit_status(&self) -> Option<u8> {
        self.exit
    }

    /// Whether ended children may be left to reap.
    pub fn has_more_to_reap(&self) -> bool {
        self.more_to_reap
    }

    /// Feeds an event to the supervisor, carries out its effects and feeds back their results, until nothing is left.
    pub fn feed(&mut self, now: Time, event: Event) {
        self.signal_senders.forget_refused();
        let mut events = VecDeque::from([event]);
        let mut effects = Vec::new();
        while let Some(event) = events.pop_front() {
            self.supervisor.step(now, event, &mut effects);
            for effect in effects.drain(..) {
                if let Some(answer) = self.carry_out(effect) {
                    events.push_back(answer);
                }
                events.extend(self.oldest_set_up());
            }
            if events.is_empty() {
                self.dispatch(now, &mut events);
            }
            // Usually a reaping checks the groups. While the rest is being stopped there may be no further reaping, so
            // check here. Not after the exit: the supervisor ignores events then, and the loop would find the same
            // groups for ever.
            if events.is_empty() && self.rest.is_some() && self.exit.is_none() {
                events.extend(self.gone_groups());
            }
        }
    }

    /// While many children are being started, collects the set-up result of the oldest one.
    fn oldest_set_up(&mut self) -> Option<Event> {
        let table = self.supervisor.processes();
        let is_main = |pid: i32| table.main_of(Pid(pid)).is_some();
        let (pid, outcome) = self.children.oldest_outcome(&self.poller, is_main)?;
        self.outcome_event(pid, &outcome, self.children.definition(pid))
    }

    fn carry_out(&mut self, effect: Effect) -> Option<Event> {
        match effect {
            Effect::Spawn(service) => Some(self.spawn(service)),
            Effect::Probe(service) => Some(self.probe(service)),
            Effect::Hook { service, hook, exit, group } => {
                Some(self.hook(service, hook, &launch::End { status: exit, group }))
            }
            Effect::CloseInput(service) if self.supervisor.name(service) == LOGGER => {
                self.end_logs();
                None
            }
            Effect::CloseInput(service) => {
                if let Some(place) = self.places.get_mut(service) {
                    place.pipe.close();
                }
                None
            }
            Effect::Remember { service, stopped } => {
                self.state_writer.remember(self.supervisor.name(service), stopped);
                None
            }
            Effect::Signal { pid, scope, signal } => {
                let wide = self.tini_options.to_group && self.supervisor.main_process() == Some(pid);
                self.send(pid, if wide { Scope::Group } else { scope }, signal)
            }
            Effect::TerminateRest => self.rest(Rest::Terminated),
            Effect::KillRest => self.rest(Rest::Killed),
            Effect::Notice(notice) if self.signal_senders.contradict(&notice) => None,
            Effect::Notice(notice) => {
                self.report.take_in(&self.supervisor, &notice);
                self.stuck.take_in(&notice);
                self.events.take_in(events::wall_clock(), &self.supervisor, &notice);
                let kill = self.signal_senders.kill_for(&self.supervisor, &notice);
                narrate(&self.supervisor, &notice, kill);
                None
            }
            Effect::Exit(status) => {
                self.tell_unsent();
                let stop = self.report.finish(status);
                self.events.ended(events::wall_clock(), status, stop.took_ms, &stop.killed.join(", "));
                super::output::OUTPUT.end_within(self.report.time_left());
                // A plain COMMAND leaves no files behind.
                if self.services.iter().any(|service| service.name != MAIN && !is_built_in(&service.name)) {
                    self.state_writer.finish(&stop, self.report.time_left_for_state());
                }
                self.exit = Some(status);
                None
            }
        }
    }

    fn spawn(&mut self, id: ServiceId) -> Event {
        self.note_last_probe(id);
        let Some(service) = self.services.get(id.0) else {
            return Event::SpawnFailed { service: id, error: lost() };
        };
        if let Some(place) = self.places.get_mut(id) {
            place.leaving = None;
        }
        let spec = self.launcher.service(service);
        match self.make(id, Role::Main, spec) {
            Ok(pid) => Event::Spawned { service: id, pid },
            Err(error) => Event::SpawnFailed { service: id, error },
        }
    }

    fn probe(&mut self, id: ServiceId) -> Event {
        let service = self.definition(id);
        let Some((service, check)) = service.and_then(|s| s.healthcheck.as_ref().map(|check| (s, check)))
        else {
            return Event::ProbeSpawnFailed { service: id, error: lost() };
        };
        let spec = self.launcher.probe(service, &check.probe, check.timing.timeout);
        match self.make(id, Role::Probe, spec) {
            Ok(pid) => Event::ProbeSpawned { service: id, pid },
            Err(error) => Event::ProbeSpawnFailed { service: id, error },
        }
    }

    fn hook(&mut self, id: ServiceId, hook: Hook, end: &launch::End) -> Event {
        let Some(defined) = self.services.get(id.0) else {
            return Event::HookSpawnFailed { service: id, hook, error: lost() };
        };
        let place = self.places.of(id);
        if matches!(hook, Hook::PreStart | Hook::Control(Control::Up)) {
            place.leaving = None;
        }
        let service = place.leaving.as_deref().unwrap_or(defined);
        let death_tally = place.deaths.count(service, hook, end);
        let spec = self.launcher.hook(service, hook, end).map(|spec| Spec { death_tally, ..spec });
        match self.make(id, Role::Hook(hook), spec) {
            Ok(pid) => Event::HookSpawned { service: id, hook, pid },
            Err(error) => Event::HookSpawnFailed { service: id, hook, error },
        }
    }

    /// Starts a process and records it.
    fn make(&mut self, id: ServiceId, role: Role, spec: Result<Spec, StartError>) -> Result<Pid, StartError> {
        let mut spec = spec?;
        spec.streams = self.streams(id, role)?;
        let made = match role {
            Role::Probe => spawn::output_pipe().and_then(|(reader, writer)| {
                spawn::spawn(&spec, Some(writer.as_fd())).map(|spawned| (spawned, Some(reader)))
            }),
            Role::Main | Role::Hook(_) => spawn::spawn(&spec, None).map(|spawned| (spawned, None)),
        };
        let (spawned, output) = made.map_err(|e| launch::fork_error(&e))?;
        self.handover.connected();
        let pid = Pid(spawned.pid);
        let awaited = !self.is_alone(id);
        self.supervisor.record(pid, id, role);
        self.signal_senders.made(pid);
        self.children.insert(&self.poller, spawned, awaited, output);
        self.keep_leaving(id, pid);
        if !awaited {
            self.unawaited = Some(pid.0);
        }
        if spec.as_inherited {
            self.inherited = Inherited::NotNeeded;
        }
        Ok(pid)
    }

    /// Whether this is a lone COMMAND and nobody waits for its start. Then its successful exec is not worth a wake-up: the
    /// next turn of the loop notices it.
    fn is_alone(&self, id: ServiceId) -> bool {
        let alone = self.services.len() == 1 && self.services.get(id.0).is_some_and(|it| it.origin.is_none());
        alone && !log::log_enabled!(log::Level::Info)
    }

    /// Reads the set-up result of the child that is not watched.
    pub fn set_up_unawaited(&mut self, now: Time) {
        if let Some(pid) = self.unawaited {
            self.set_up(now, pid);
            self.unawaited = self.unawaited.filter(|pid| self.children.is_being_set_up(*pid));
        }
    }

    /// The pipe ends that a process of the service gets as its standard streams.
    fn streams(&mut self, id: ServiceId, role: Role) -> Result<[Option<RawFd>; 3], StartError> {
        let is_main = match role {
            Role::Main => true,
            Role::Hook(_) => false,
            Role::Probe => return Ok([None; 3]),
        };
        let Some(service) = self.definition(id) else { return Ok([None; 3]) };
        let (streams, logs) = (service.exec.streams.as_deref().cloned(), service.logging.is_some());
        if is_main && !logs {
            self.places.get_mut(id).and_then(|place| place.log.take());
        }
        if streams.is_none() && !logs {
            return Ok([None; 3]);
        }
        let Streams { reads, stdout, stderr } = streams.unwrap_or_default();
        let stdout = self.output(id, stdout.as_deref(), logs, Output::Stdout)?;
        let stderr = self.output(id, stderr.as_deref(), logs, Output::Stderr)?;
        let stdin = if reads && is_main { Some(self.input(id)?) } else { None };
        Ok([stdin, stdout, stderr])
    }

    /// Where an output of a service goes: to the service that reads it, to the logger, or where rinit's own does.
    fn output(
        &mut self,
        id: ServiceId,
        reader: Option<&str>,
        logs: bool,
        output: Output,
    ) -> Result<Option<RawFd>, StartError> {
        match reader.and_then(|name| Some((name, self.supervisor.find(name)?))) {
            Some((name, reader)) => {
                let owner = self.definition(reader).and_then(launch::user_of);
                let writer = self.places.of(reader).pipe.writer(owner.as_ref());
                writer.map(Some).map_err(|e| launch::pipe_error(name, &e))
            }
            None if reader.is_none() && logs => self.log_writer(id, output).map(Some),
            None => Ok(None),
        }
    }

    /// What a service reads that others write to.
    fn input(&mut self, id: ServiceId) -> Result<RawFd, StartError> {
        if self.supervisor.name(id) == LOGGER {
            return self.log_socket();
        }
        let owner = self.definition(id).and_then(launch::user_of);
        let reader = self.places.of(id).pipe.reader(owner.as_ref());
        reader.map_err(|e| launch::pipe_error(self.supervisor.name(id), &e))
    }

    /// A child's status pipe is readable: its set-up has succeeded or failed.
    pub fn set_up(&mut self, now: Time, pid: i32) {
        let is_main = self.supervisor.processes().main_of(Pid(pid)).is_some();
        if let Some(outcome) = self.children.outcome(&self.poller, pid, is_main)
            && let Some(event) = self.outcome_event(pid, &outcome, self.children.definition(pid))
        {
            self.feed(now, event);
        }
    }

    /// A child's readiness descriptor (as with s6) is readable.
    pub fn read_notify(&mut self, now: Time, pid: i32) {
        if self.children.read_notify(&self.poller, pid)
            && let Some(service) = self.supervisor.processes().main_of(Pid(pid))
        {
            self.feed(now, Event::Notified { service, news: News::Ready });
        }
    }

    /// A probe's output is readable.
    pub fn read_output(&mut self, pid: i32) {
        self.children.read_output(&self.poller, pid);
    }
}

/// The error for a service number that does not exist. It should not occur, but it must not end PID 1.
fn lost() -> StartError {
    StartError { message: "no such service".to_owned(), retry: Retry::No, code: exit::OWN_FAILURE }
}

#[cfg(test)]
mod tests;
