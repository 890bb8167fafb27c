//! The supervisor under a clock that the test moves, with processes that do what the test says.

use super::*;
use crate::model::{Dependency, Exec, HealthCheck, HealthTiming, Policy, Probe, Restart};

fn ms(millis: u64) -> Time {
    Duration::from_millis(millis)
}

/// A service that runs until it is told to stop.
fn service(name: &str) -> Service {
    Service {
        name: name.to_owned(),
        description: None,
        exec: Exec::default(),
        policy: if name == "main" { Policy::main() } else { Policy::default() },
        healthcheck: None,
        origin: None,
    }
}

fn task(name: &str) -> Service {
    let mut service = service(name);
    service.policy.restart = Restart::No;
    service
}

fn needs(mut service: Service, on: &str, condition: Condition) -> Service {
    service.policy.depends_on.push(Dependency { name: on.to_owned(), condition });
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
    service.healthcheck = Some(HealthCheck { probe: Probe::Command(vec!["true".into()]), timing });
    service
}

/// A kernel that does nothing by itself: the test says what ends and when.
struct World {
    supervisor: Supervisor,
    now: Time,
    next_pid: i32,
    alive: Vec<(String, Pid)>,
    /// The next so many spawns fail for want of processes.
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
                let error = StartError { message, transient: true, code: 125 };
                events.push_back(Event::SpawnFailed { service, error });
            }
            Effect::Spawn(service) => {
                let pid = self.new_process(service, "");
                events.push_back(Event::Spawned { service, pid });
                events.push_back(Event::Executed { pid });
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
            Effect::TerminateRest | Effect::KillRest => {}
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
        Event::Exited { pid, status, group_left, output: b"because\n".to_vec() }
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

#[test]
fn services_start_when_their_dependencies_are_there() {
    let mut world = World::boot(vec![
        needs(needs(service("web"), "db", Condition::Healthy), "migrate", Condition::CompletedSuccessfully),
        needs(task("migrate"), "db", Condition::Started),
        checked(service("db"), OnUnhealthy::None),
        service("alone"),
    ]);
    assert_eq!(world.take_story(), ["start db", "start alone", "start migrate"]);
    assert_eq!(world.state("web"), State::Waiting);
    assert_eq!(world.wait(), ms(1000));
    world.exits("db?", 0);
    assert_eq!(world.state("web"), State::Waiting);
    world.exits("migrate", 0);
    assert_eq!(world.take_story(), ["start db?", "start web"]);
    assert_eq!(world.state("migrate"), State::Completed);
    assert_eq!(world.state("web"), State::Running);
}

#[test]
fn a_dependency_that_is_not_started_by_itself_is_wanted_by_what_needs_it() {
    let mut db = service("db");
    db.policy.autostart = false;
    let mut other = service("other");
    other.policy.autostart = false;
    let mut world = World::boot(vec![needs(service("web"), "db", Condition::Started), db, other]);
    assert_eq!(world.take_story(), ["start db", "start web"]);
    assert_eq!(world.state("other"), State::Stopped);
}

#[test]
fn a_crash_loop_is_slowed_down_and_a_long_run_makes_it_quick_again() {
    let mut world = World::boot(vec![service("web")]);
    for expected in [100, 200, 400, 800] {
        world.exits("web", 1);
        assert_eq!(world.state("web"), State::Backoff);
        assert_eq!(world.wait(), ms(expected));
        assert_eq!(world.state("web"), State::Running);
    }
    world.now += ms(10_000);
    world.ends("web", ExitStatus::Signal(9));
    assert_eq!(world.state("web"), State::Running);
    world.exits("web", 1);
    assert_eq!(world.wait(), ms(100));
}

#[test]
fn on_failure_gives_up_after_so_many_restarts_and_an_essential_service_ends_the_container() {
    let mut web = service("web");
    web.policy.restart = Restart::OnFailure(Some(3));
    web.policy.essential = true;
    let mut world = World::boot(vec![web, service("other")]);
    for _ in 0..3 {
        world.exits("web", 7);
        world.wait();
    }
    world.take_story();
    world.exits("web", 7);
    assert_eq!(world.state("web"), State::Failed);
    assert_eq!(world.take_story(), ["SIGTERM other"]);
    world.exits("other", 0);
    assert_eq!(world.exit, Some(7));
}

#[test]
fn on_failure_lets_a_service_complete() {
    let mut once = service("once");
    once.policy.restart = Restart::OnFailure(None);
    let mut world = World::boot(vec![once, service("web")]);
    world.exits("once", 0);
    assert_eq!(world.state("once"), State::Completed);
    assert_eq!(world.exit, None);
}

#[test]
fn an_unhealthy_service_is_stopped_and_started_again() {
    let mut world = World::boot(vec![checked(service("web"), OnUnhealthy::Restart)]);
    world.wait();
    world.exits("web?", 0);
    for _ in 0..2 {
        world.wait();
        world.exits("web?", 1);
    }
    assert_eq!(world.take_story(), ["start web", "start web?", "start web?", "start web?", "SIGTERM web"]);
    assert_eq!(world.state("web"), State::Stopping);
    assert_eq!(world.wait(), ms(10_000));
    assert_eq!(world.wait(), ms(100));
    assert_eq!(world.take_story(), ["SIGKILL web group", "start web"]);
}

#[test]
fn a_probe_that_hangs_is_killed_and_counts() {
    let mut world = World::boot(vec![checked(service("web"), OnUnhealthy::None)]);
    for _ in 0..2 {
        assert_eq!(world.wait(), ms(1000));
        assert_eq!(world.wait(), ms(500));
    }
    let id = world.supervisor.find("web").unwrap();
    assert_eq!(world.supervisor.view(world.now, id).unwrap().health, Some(HealthState::Unhealthy));
    let problem = world.supervisor.problem(world.now, id, Scale::Well).unwrap();
    assert_eq!(problem.message, "unhealthy: no result within 500ms");
}

#[test]
fn on_unhealthy_shutdown_stops_the_container() {
    let mut world = World::boot(vec![checked(service("web"), OnUnhealthy::Shutdown), service("db")]);
    for _ in 0..2 {
        world.wait();
        world.exits("web?", 1);
    }
    world.exits("web", 0);
    world.exits("db", 0);
    assert_eq!(world.exit, Some(1));
}

#[test]
fn what_depends_on_a_failure_fails_with_that_reason() {
    let mut world = World::boot(vec![
        needs(service("web"), "app", Condition::Started),
        needs(service("app"), "migrate", Condition::CompletedSuccessfully),
        task("migrate"),
        service("db"),
    ]);
    world.exits("migrate", 3);
    assert_eq!(world.state("app"), State::Failed);
    assert_eq!(world.state("web"), State::Failed);
    let id = world.supervisor.find("web").unwrap();
    let problem = world.supervisor.problem(world.now, id, Scale::Live).unwrap();
    assert_eq!(problem.message, "failed: dependency app failed");
    assert_eq!(world.exit, None);
    world.tell(Event::StopRequested { signal: Some(Signal::TERM) });
    world.exits("db", 0);
    assert_eq!(world.exit, Some(0));
}

#[test]
fn what_cannot_be_forked_is_tried_again_whatever_the_policy() {
    let mut world = World::new(vec![task("once")]);
    world.fork_failures = 2;
    world.tell(Event::Boot);
    assert_eq!(world.state("once"), State::Backoff);
    assert_eq!(world.wait(), ms(100));
    assert_eq!(world.wait(), ms(200));
    assert_eq!(world.state("once"), State::Running);
}

#[test]
fn what_has_no_program_fails_for_good() {
    let mut world = World::new(vec![service("web"), service("other")]);
    let mut effects = Vec::new();
    world.supervisor.step(ms(0), Event::Boot, &mut effects);
    let error = StartError { message: "no such program".into(), transient: false, code: 127 };
    world.tell(Event::Spawned { service: ServiceId(0), pid: Pid(70) });
    world.tell(Event::SetupFailed { pid: Pid(70), error });
    let exited =
        Event::Exited { pid: Pid(70), status: ExitStatus::Code(127), group_left: false, output: vec![] };
    world.tell(exited);
    assert_eq!(world.state("web"), State::Failed);
}

#[test]
fn the_rest_of_a_crashed_service_s_group_goes_before_it_starts_again() {
    let mut world = World::boot(vec![service("web")]);
    let event = world.end_event("web", ExitStatus::Signal(9), true);
    world.tell(event);
    assert_eq!(world.take_story(), ["start web", "SIGTERM web group"]);
    assert_eq!(world.state("web"), State::Stopping);
    let (_, pid) = world.alive.remove(0);
    world.tell(Event::GroupGone { pid });
    assert_eq!(world.state("web"), State::Backoff);
    assert_eq!(world.wait(), ms(100));
    assert_eq!(world.take_story(), ["start web"]);
}

#[test]
fn dependents_stop_before_what_they_depend_on() {
    let mut world = World::boot(vec![
        needs(service("web"), "app", Condition::Started),
        needs(service("app"), "db", Condition::Started),
        service("db"),
        service("alone"),
    ]);
    world.take_story();
    world.tell(Event::StopRequested { signal: Some(Signal::TERM) });
    assert_eq!(world.take_story(), ["SIGTERM web", "SIGTERM alone"]);
    world.exits("web", 0);
    assert_eq!(world.take_story(), ["SIGTERM app"]);
    world.exits("alone", 0);
    world.exits("app", 0);
    assert_eq!(world.take_story(), ["SIGTERM db"]);
    world.exits("db", 0);
    assert_eq!(world.exit, Some(0));
}

#[test]
fn graces_that_add_up_to_too_much_are_scaled_and_what_is_not_used_goes_on() {
    let mut world = World::boot(vec![
        needs(service("web"), "app", Condition::Started),
        needs(service("app"), "db", Condition::Started),
        service("db"),
    ]);
    world.tell(Event::StopRequested { signal: Some(Signal::TERM) });
    world.take_story();
    assert_eq!(world.wait(), ms(3000), "a third of nine seconds");
    assert_eq!(world.take_story(), ["SIGKILL web group", "SIGTERM app"]);
    world.now += ms(1000);
    world.exits("app", 0);
    assert_eq!(world.take_story(), ["SIGTERM db"]);
    assert_eq!(world.wait(), ms(5000), "all that is left");
    assert_eq!(world.now, ms(9000));
    assert_eq!(world.exit, Some(137));
}

#[test]
fn a_second_interrupt_ends_the_grace() {
    let mut world = World::boot(vec![needs(service("web"), "db", Condition::Started), service("db")]);
    world.tell(Event::StopRequested { signal: Some(Signal::INT) });
    world.take_story();
    world.tell(Event::KillRequested);
    assert_eq!(world.take_story(), ["SIGKILL web group", "SIGKILL db group"]);
    assert_eq!(world.exit, Some(137));
}

#[test]
fn the_container_ends_with_the_main_process_after_the_services() {
    let mut world = World::boot(vec![needs(service("main"), "db", Condition::Started), service("db")]);
    world.exits("main", 42);
    assert_eq!(world.exit, None);
    world.exits("db", 0);
    assert_eq!(world.exit, Some(42));
}

#[test]
fn the_main_process_gets_the_signal_that_rinit_got() {
    let mut world = World::boot(vec![service("main")]);
    world.take_story();
    world.tell(Event::Forward { signal: Signal::HUP });
    world.tell(Event::StopRequested { signal: Some(Signal::QUIT) });
    assert_eq!(world.take_story(), ["SIGHUP main", "SIGQUIT main"]);
    world.ends("main", ExitStatus::Signal(3));
    assert_eq!(world.exit, Some(131));
}

#[test]
fn the_container_ends_when_all_tasks_are_done() {
    let mut world = World::boot(vec![task("one"), task("two")]);
    world.exits("one", 0);
    assert_eq!(world.exit, None);
    world.exits("two", 0);
    assert_eq!(world.exit, Some(0));

    let mut world = World::boot(vec![task("one"), task("two")]);
    world.exits("one", 5);
    world.exits("two", 0);
    assert_eq!(world.exit, Some(5));
}

#[test]
fn nothing_is_restarted_once_the_stop_has_begun() {
    let mut world = World::boot(vec![needs(service("web"), "db", Condition::Started), service("db")]);
    world.take_story();
    world.tell(Event::StopRequested { signal: None });
    world.exits("db", 1);
    world.exits("web", 0);
    assert_eq!(world.take_story(), ["SIGTERM web"]);
    assert_eq!(world.exit, Some(0));
}

#[test]
fn what_is_left_at_the_end_is_killed_at_the_deadline() {
    let mut world = World::boot(vec![service("web")]);
    world.alive.push(("orphan".into(), Pid(99)));
    world.tell(Event::StopRequested { signal: None });
    world.exits("web", 0);
    assert_eq!(world.exit, None);
    assert_eq!(world.wait(), ms(9000));
    world.alive.clear();
    world.tell(Event::NothingLeft);
    assert_eq!(world.exit, Some(0));
}
