//! Carries out what the supervisor decides, and tells it what came of it.

use super::children::Children;
use super::launch::{self, Surroundings};
use super::narrate::narrate;
use crate::model::{Probe, Service, Signal};
use crate::supervisor::{Effect, Event, ExitStatus, Pid, Scope, ServiceId, StartError, Supervisor, Time};
use crate::sys::inherit;
use crate::sys::poll::Poller;
use crate::sys::process::{self, Reaped, Status};
use crate::sys::spawn::{self, Outcome};
use std::collections::VecDeque;
use std::ffi::OsStr;
use std::os::fd::{AsFd, RawFd};

/// Descriptors that rinit was started with and keeps for COMMAND only.
pub type OwnDescriptors = Vec<RawFd>;

/// So many children are reaped before the loop looks at anything else.
const REAPED_A_TURN: usize = 256;

/// The supervisor with hands.
pub struct Executor {
    pub supervisor: Supervisor,
    pub services: Vec<Service>,
    pub poller: Poller,
    surroundings: Surroundings,
    inherited: OwnDescriptors,
    children: Children,
    /// Leaders that are gone, of whose groups others were left when we looked last.
    groups: Vec<i32>,
    /// Once the services have stopped: what is sent to everything that is left.
    rest: Option<Rest>,
    more_to_reap: bool,
    exit: Option<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Rest {
    Terminated,
    Killed,
}

impl Executor {
    pub fn new(
        supervisor: Supervisor,
        services: Vec<Service>,
        surroundings: Surroundings,
        poller: Poller,
        inherited: OwnDescriptors,
    ) -> Executor {
        let mut executor = Executor {
            supervisor,
            services,
            poller,
            surroundings,
            inherited,
            children: Children::default(),
            groups: Vec::new(),
            rest: None,
            more_to_reap: false,
            exit: None,
        };
        if !executor.services.iter().any(|service| service.name == crate::model::MAIN) {
            executor.close_inherited();
        }
        executor
    }

    /// The exit status, once it is decided.
    pub fn exit_status(&self) -> Option<u8> {
        self.exit
    }

    /// Whether more children may have ended than were reaped.
    pub fn has_more_to_reap(&self) -> bool {
        self.more_to_reap
    }

    /// Tells the supervisor an event, carries out what it decides, and tells it what came of that, until there is
    /// nothing left to do.
    pub fn feed(&mut self, now: Time, event: Event) {
        let mut events = VecDeque::from([event]);
        let mut effects = Vec::new();
        while let Some(event) = events.pop_front() {
            self.supervisor.step(now, event, &mut effects);
            for effect in effects.drain(..) {
                if let Some(answer) = self.carry_out(effect) {
                    events.push_back(answer);
                }
            }
        }
    }

    fn carry_out(&mut self, effect: Effect) -> Option<Event> {
        match effect {
            Effect::Spawn(service) => Some(self.spawn(service)),
            Effect::Probe(service) => Some(self.probe(service)),
            Effect::Signal { pid, scope, signal } => {
                signal_process(pid, scope, signal);
                None
            }
            Effect::TerminateRest => self.rest(Rest::Terminated),
            Effect::KillRest => self.rest(Rest::Killed),
            Effect::Notice(notice) => {
                narrate(&self.supervisor, &notice);
                None
            }
            Effect::Exit(status) => {
                self.exit = Some(status);
                None
            }
        }
    }

    fn spawn(&mut self, id: ServiceId) -> Event {
        let Some(service) = self.services.get(id.0) else { return lost(id) };
        let spec = self.surroundings.service(service);
        let event = match spawn::spawn(&spec, None) {
            Ok(spawned) => {
                let pid = Pid(spawned.pid);
                self.children.insert(&self.poller, spawned, id.0, None);
                Event::Spawned { service: id, pid }
            }
            Err(e) => Event::SpawnFailed { service: id, error: launch::fork_error(&e) },
        };
        if spec.as_inherited && matches!(event, Event::Spawned { .. }) {
            self.close_inherited();
        }
        event
    }

    fn probe(&mut self, id: ServiceId) -> Event {
        let service = self.services.get(id.0);
        let Some((service, check)) = service.and_then(|s| s.healthcheck.as_ref().map(|check| (s, check)))
        else {
            return lost(id);
        };
        let spec = self.surroundings.probe(service, &check.probe, check.timing.timeout);
        let spawned = spawn::output_pipe().and_then(|(reader, writer)| {
            spawn::spawn(&spec, Some(writer.as_fd())).map(|spawned| (spawned, reader))
        });
        match spawned {
            Ok((spawned, output)) => {
                let pid = Pid(spawned.pid);
                self.children.insert(&self.poller, spawned, id.0, Some(output));
                Event::ProbeSpawned { service: id, pid }
            }
            Err(e) => Event::ProbeSpawnFailed { service: id, error: launch::fork_error(&e) },
        }
    }

    /// A child has something to tell about its set-up.
    pub fn set_up(&mut self, now: Time, pid: i32) {
        if let Some((service, false, outcome)) = self.children.outcome(&self.poller, pid)
            && let Some(event) = self.outcome_event(pid, service, &outcome)
        {
            self.feed(now, event);
        }
    }

    /// A probe has written something.
    pub fn read_output(&mut self, pid: i32) {
        self.children.read_output(&self.poller, pid);
    }

    fn outcome_event(&self, pid: i32, service: usize, outcome: &Outcome) -> Option<Event> {
        let pid = Pid(pid);
        match outcome {
            Outcome::Pending => None,
            Outcome::Executed => Some(Event::Executed { pid }),
            Outcome::Failed(stage, error) => {
                let service = self.services.get(service)?;
                let program = service.exec.command.first().map(|word| word.as_os_str());
                Some(Event::SetupFailed { pid, error: launch::setup_error(service, program, *stage, error) })
            }
        }
    }

    /// Reaps the children that have ended, ours and orphans, and tells the supervisor.
    pub fn reap(&mut self, now: Time) {
        let mut ended = Vec::new();
        let mut none_left = false;
        self.more_to_reap = true;
        while ended.len() < REAPED_A_TURN {
            match process::reap() {
                Reaped::Child(pid, status) => ended.push((pid, status)),
                Reaped::NoneEnded => self.more_to_reap = false,
                Reaped::NoChildren => (self.more_to_reap, none_left) = (false, true),
            }
            if !self.more_to_reap {
                break;
            }
        }
        // All of a group may have ended together: the whole harvest is in before anyone looks at groups.
        for (pid, status) in ended {
            self.reaped(now, pid, status);
        }
        let (left, gone): (Vec<i32>, Vec<i32>) =
            std::mem::take(&mut self.groups).into_iter().partition(|leader| process::group_exists(*leader));
        self.groups.extend(left);
        for leader in gone {
            self.feed(now, Event::GroupGone { pid: Pid(leader) });
        }
        if none_left && self.rest.is_some() {
            self.feed(now, Event::NothingLeft);
        } else if self.rest == Some(Rest::Killed) && !process::is_pid1() {
            // The orphans of those who died are ours now.
            process::kill_rest(&[Signal::KILL]);
        }
    }

    fn reaped(&mut self, now: Time, pid: i32, status: Status) {
        let Some(ended) = self.children.remove(&self.poller, pid) else {
            log::trace!("reaped orphan {pid}");
            return;
        };
        let mut output = ended.output;
        match ended.outcome {
            Some(Outcome::Failed(stage, error)) if ended.is_probe => {
                output = self.probe_error(ended.service, stage, &error).into_bytes();
            }
            Some(outcome) if !ended.is_probe => {
                if let Some(event) = self.outcome_event(pid, ended.service, &outcome) {
                    self.feed(now, event);
                }
            }
            Some(_) | None => {}
        }
        let group_left = !ended.is_probe && process::group_exists(pid);
        if group_left {
            self.groups.push(pid);
        }
        let status = match status {
            Status::Code(code) => ExitStatus::Code(code),
            Status::Signal(number) => ExitStatus::Signal(number),
        };
        self.feed(now, Event::Exited { pid: Pid(pid), status, group_left, output });
    }

    /// What a health check says whose program could not be executed.
    fn probe_error(&self, service: usize, stage: spawn::Stage, error: &std::io::Error) -> String {
        let Some(service) = self.services.get(service) else { return String::new() };
        let program = match service.healthcheck.as_ref().map(|check| &check.probe) {
            Some(Probe::Command(words)) => words.first().map(|word| word.as_os_str()),
            Some(Probe::Http(_) | Probe::Tcp(_)) | None => Some(OsStr::new("rinit")),
        };
        launch::setup_error(service, program, stage, error).message
    }

    /// Everything that belongs to no service is to go.
    fn rest(&mut self, how: Rest) -> Option<Event> {
        self.rest = Some(how);
        if process::has_no_child() {
            return Some(Event::NothingLeft);
        }
        match how {
            Rest::Terminated => {
                log::info!("stopping processes of no service");
                process::kill_rest(&[Signal::TERM, Signal::CONT]);
            }
            Rest::Killed => process::kill_rest(&[Signal::KILL]),
        }
        None
    }

    fn close_inherited(&mut self) {
        inherit::close_inherited(&std::mem::take(&mut self.inherited));
    }
}

/// A service number that does not exist: cannot come about, but must not end PID 1 either.
fn lost(id: ServiceId) -> Event {
    let error = StartError { message: "no such service".to_owned(), transient: false, code: 125 };
    Event::SpawnFailed { service: id, error }
}

fn signal_process(pid: Pid, scope: Scope, signal: Signal) {
    let result = match scope {
        Scope::Process => process::kill(pid.0, signal),
        Scope::Group => process::kill_group(pid.0, signal),
    };
    if let Err(e) = result {
        log::warn!("cannot send {signal} to process {}: {e}", pid.0);
    }
}
