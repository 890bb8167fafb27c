//! The supervisor under a clock that the test moves, with processes that do what the test says.

mod control;
mod definitions;
mod end;
mod found;
mod health;
mod input;
mod keys;
mod life;
mod oversleep;
mod processes;
mod reload;
mod stop;
mod together;

use super::*;
use crate::model::{
    Condition, Dependency, Exec, HealthCheck, HealthTiming, Hook, OnUnhealthy, Policy, Probe, Restart, Shared,
};

fn ms(millis: u64) -> Time {
    Duration::from_millis(millis)
}

/// A service that runs until it is told to stop.
fn service(name: &str) -> Service {
    Service {
        name: name.to_owned(),
        description: None,
        exec: Exec::default(),
        hooks: Shared::default(),
        policy: if name == "main" { Policy::main() } else { Policy::default() }.into(),
        healthcheck: None,
        logging: None,
        origin: None,
    }
}

fn task(name: &str) -> Service {
    let mut service = service(name);
    service.policy.restart = Restart::No;
    service
}

fn needs(mut service: Service, on: &str, condition: Condition) -> Service {
    service.policy.depends_on.push(Dependency {
        name: on.to_owned(),
        condition,
        required: true,
        restart: false,
    });
    service
}

fn checked(mut service: Service, on_unhealthy: OnUnhealthy) -> Service {
    let timing = HealthTiming {
        interval: ms(1000),
        timeout: ms(500),
        retries: 2,
        on_unhealthy,
        ..HealthTiming::default()
    };
    service.healthcheck = Some(Box::new(HealthCheck { probe: Probe::Command(vec!["true".into()]), timing }));
    service
}

/// A kernel that does nothing by itself: the test says what ends and when.
struct World {
    supervisor: Supervisor,
    now: Time,
    next_pid: i32,
    alive: Vec<(String, Pid)>,
    /// Number of spawns that fail next because no process can be made.
    fork_failures: u32,
    /// What happened, in words.
    story: Vec<String>,
    exit: Option<u8>,
}

impl World {
    fn new(services: Vec<Service>) -> World {
        let supervisor = Supervisor::new(&services, ms(9000));
        World {
            supervisor,
            now: ms(0),
            next_pid: 1,
            alive: Vec::new(),
            fork_failures: 0,
            story: Vec::new(),
            exit: None,
        }
    }

    fn boot(services: Vec<Service>) -> World {
        let mut world = World::new(services);
        world.tell(Event::Boot);
        world
    }

    fn tell(&mut self, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let mut effects = Vec::new();
            self.supervisor.step(self.now, event, &mut effects);
            for effect in effects {
                self.carry_out(effect, &mut events);
            }
        }
    }

    fn carry_out(&mut self, effect: Effect, events: &mut VecDeque<Event>) {
        match effect {
            Effect::Spawn(service) if self.fork_failures > 0 => {
                self.fork_failures -= 1;
                let message = "cannot fork: out of processes".to_owned();
                let error = StartError { message, retry: Retry::Yes, code: 125 };
                events.push_back(Event::SpawnFailed { service, error });
            }
            Effect::Spawn(service) => {
                let pid = self.new_process(service, "");
                events.push_back(Event::Spawned { service, pid });
                events.push_back(Event::Executed { pid });
            }
            Effect::Hook { service, hook, .. } => {
                let name = match hook {
                    Hook::Control(control) => control.name(),
                    other => other.as_str().to_owned(),
                };
                let pid = self.new_process(service, &format!(":{name}"));
                events.push_back(Event::HookSpawned { service, hook, pid });
            }
            Effect::Remember { service, stopped } => {
                self.story.push(format!("remember {} {stopped}", self.supervisor.name(service)));
            }
            Effect::CloseInput(service) => {
                self.story.push(format!("end of input of {}", self.supervisor.name(service)));
            }
            Effect::Probe(service) => {
                let pid = self.new_process(service, "?");
                events.push_back(Event::ProbeSpawned { service, pid });
            }
            Effect::Signal { pid, scope, signal } => {
                let (name, _) =
                    self.alive.iter().find(|(_, p)| *p == pid).expect("no signal to the dead").clone();
                let scope = if scope == Scope::Group { " group" } else { "" };
                if signal != Signal::CONT {
                    self.story.push(format!("{signal} {name}{scope}"));
                }
                if signal == Signal::KILL {
                    events.push_back(self.end_event(&name, ExitStatus::Signal(9), false));
                }
            }
            Effect::TerminateRest | Effect::KillRest if self.alive.is_empty() => {
                events.push_back(Event::NothingLeft)
            }
            Effect::TerminateRest => self.story.push("SIGTERM to the rest".to_owned()),
            Effect::KillRest => self.story.push("SIGKILL to the rest".to_owned()),
            Effect::Notice(_) => {}
            Effect::Exit(status) => self.exit = Some(status),
        }
    }

    fn new_process(&mut self, service: ServiceId, suffix: &str) -> Pid {
        let name = format!("{}{suffix}", self.supervisor.name(service));
        let pid = Pid(self.next_pid);
        self.next_pid += 1;
        self.story.push(format!("start {name}"));
        self.alive.push((name, pid));
        pid
    }

    fn end_event(&mut self, name: &str, status: ExitStatus, group_left: bool) -> Event {
        let at =
            self.alive.iter().position(|(n, _)| n == name).unwrap_or_else(|| panic!("{name} does not run"));
        let (_, pid) = if group_left { self.alive[at].clone() } else { self.alive.remove(at) };
        Event::Exited {
            pid,
            status,
            group_left,
            oom: false,
            output: if name.ends_with('?') { b"because\n".to_vec() } else { vec![] },
        }
    }

    fn ends(&mut self, name: &str, status: ExitStatus) {
        let event = self.end_event(name, status, false);
        self.tell(event);
    }

    fn exits(&mut self, name: &str, code: i32) {
        self.ends(name, ExitStatus::Code(code));
    }

    /// Moves the clock to the next deadline, and tells by how much.
    fn wait(&mut self) -> Time {
        let next = self.supervisor.next_deadline().expect("something to wait for");
        assert!(next >= self.now, "a deadline in the past");
        let waited = next - self.now;
        self.now = next;
        self.tell(Event::Tick);
        waited
    }

    fn state(&self, name: &str) -> State {
        let id = self.supervisor.find(name).unwrap();
        self.supervisor.view(self.now, id).unwrap().state
    }

    fn take_story(&mut self) -> Vec<String> {
        std::mem::take(&mut self.story)
    }
}
