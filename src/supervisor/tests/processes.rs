//! Events for processes that ended together, and for the groups that they left.

use super::*;
use crate::model::Control;

impl World {
    /// These were reaped at once, and are told one after the other.
    fn end_together(&mut self, names: &[&str]) {
        let ended: Vec<Event> =
            names.iter().map(|name| self.end_event(name, ExitStatus::Signal(9), false)).collect();
        for event in &ended {
            let Event::Exited { pid, .. } = event else { continue };
            assert!(self.supervisor.reaped(*pid).is_some());
        }
        ended.into_iter().for_each(|event| self.tell(event));
    }
}

/// A service whose program was executed and ended before rinit looked: the end and the set-up are read in one turn.
#[test]
fn what_started_and_ended_together_has_started() {
    let mut first = task("first");
    first.policy.restart = Restart::No;
    let other = needs(service("other"), "first", Condition::Started);
    let both = needs(needs(service("both"), "first", Condition::Started), "later", Condition::Healthy);
    let later = checked(service("later"), OnUnhealthy::None);
    let mut world = World::new(vec![first, other, both, later]);
    let (id, pid) = (ServiceId(0), Pid(1));
    let mut effects = Vec::new();
    world.supervisor.step(ms(0), Event::Boot, &mut effects);
    world.supervisor.record(pid, id, Role::Main);
    world.supervisor.step(ms(0), Event::Spawned { service: id, pid }, &mut effects);
    world.supervisor.reaped(pid);
    world.supervisor.step(ms(1), Event::Executed { pid }, &mut effects);
    effects.clear();
    let status = ExitStatus::Code(1);
    let end = Event::Exited { pid, status, group_left: false, oom: false, output: Vec::new() };
    world.supervisor.step(ms(1), end, &mut effects);
    assert_eq!(world.state("first"), State::Failed);
    assert!(effects.contains(&Effect::Spawn(ServiceId(1))), "{effects:?}");
    // One that waits for something else as well can never start: what it requires has failed by then.
    assert_eq!(world.state("both"), State::Failed);
}

#[test]
fn what_ended_with_the_cause_of_a_stop_is_not_told_to_stop() {
    let mut essential = task("a");
    essential.policy.essential = true;
    let mut world = World::boot(vec![essential, service("b"), service("c")]);
    world.take_story();
    world.end_together(&["a", "b"]);
    assert_eq!(world.take_story(), ["SIGTERM c"]);
    assert_eq!(world.state("b"), State::Stopped);
}

#[test]
fn a_probe_that_ended_with_its_service_is_not_killed() {
    let mut world = World::boot(vec![checked(service("web"), OnUnhealthy::None)]);
    world.wait();
    assert_eq!(world.take_story(), ["start web", "start web?"]);
    world.end_together(&["web", "web?"]);
    assert_eq!((world.take_story(), world.state("web")), (vec![], State::Backoff));
}

impl World {
    /// The main process ends, and another one that it had named lives.
    fn succeeds(&mut self, name: &str, group: Option<Pid>) -> Pid {
        let at = self.alive.iter().position(|(known, _)| known == name).unwrap();
        let pid = std::mem::replace(&mut self.alive[at].1, Pid(self.next_pid));
        let by = Pid(self.next_pid);
        self.next_pid += 1;
        assert!(self.supervisor.reaped(pid).is_some());
        self.tell(Event::Succeeded { pid, by, group: group.unwrap_or(by) });
        by
    }
}

/// What was a main process's is its successor's: signals, restarts, the end, and what is left of the group.
#[test]
fn a_successor_is_the_main_process() {
    let mut world = World::boot(vec![service("web")]);
    let web = ServiceId(0);
    world.take_story();
    let by = world.succeeds("web", None);
    assert_eq!((world.state("web"), world.take_story()), (State::Running, vec![]));
    assert_eq!(world.supervisor.view(world.now, web).unwrap().pid, Some(by));
    world.tell(Event::Signal { service: web, scope: Scope::Process, signal: Signal::HUP });
    assert_eq!(world.take_story(), ["SIGHUP web"]);
    world.tell(Event::Restart { services: vec![web] });
    assert_eq!(world.take_story(), ["SIGTERM web"]);
    world.exits("web", 0);
    assert_eq!(world.take_story(), ["start web"]);
    assert_eq!(world.supervisor.view(world.now, web).unwrap().restarts, 1);
}

#[test]
fn a_successor_in_the_old_group_leaves_that_group() {
    let mut world = World::boot(vec![service("web")]);
    let by = world.succeeds("web", Some(Pid(1)));
    world.take_story();
    // What is left of it has the number of the first process.
    world.alive.push(("rest".to_owned(), Pid(1)));
    assert!(world.supervisor.reaped(by).is_some());
    let event = world.end_event("web", ExitStatus::Code(0), false);
    let Event::Exited { pid, status, oom, output, .. } = event else { panic!("no end") };
    world.tell(Event::Exited { pid, status, group_left: true, oom, output });
    assert_eq!(world.take_story(), ["SIGTERM rest group"]);
    assert_eq!(world.state("web"), State::Stopping);
    world.tell(Event::GroupGone { pid: Pid(1) });
    assert_eq!(world.state("web"), State::Backoff);
}

/// What the old one was told the new one has not heard.
#[test]
fn a_successor_of_one_that_stops_is_told_to_stop() {
    let mut world = World::boot(vec![service("web"), service("other")]);
    world.tell(Event::Stop { services: vec![ServiceId(0)] });
    world.take_story();
    world.succeeds("web", None);
    assert_eq!(world.take_story(), ["SIGTERM web"]);
    world.wait();
    assert_eq!(world.take_story(), ["SIGKILL web group"]);
    assert_eq!(world.state("web"), State::Stopped);
}

/// Whatever runs beside it at that moment.
#[test]
fn a_successor_during_a_hook_is_told_to_stop() {
    let mut web = service("web");
    web.hooks.control.push((Control::Down, vec!["down".into()]));
    let mut other = service("other");
    other.hooks.stop = Some(vec!["quit".into()]);
    let mut world = World::boot(vec![web, other, service("third")]);
    world.take_story();
    world.tell(Event::Stop { services: vec![ServiceId(0), ServiceId(1)] });
    assert_eq!(world.take_story(), ["SIGTERM web", "start web:down", "start other:stop_command"]);
    world.succeeds("web", None);
    assert_eq!(world.take_story(), ["SIGTERM web"]);
    world.succeeds("other", None);
    assert_eq!(world.take_story(), [""; 0], "the command goes on");
    world.exits("other:stop_command", 0);
    assert_eq!(world.take_story(), ["SIGTERM other"], "the command has told the old one");
}

/// What was paused stays so, and can be resumed.
#[test]
fn a_successor_of_a_paused_one_is_paused() {
    let mut world = World::boot(vec![service("web")]);
    let web = ServiceId(0);
    world.tell(Event::Pause { service: web });
    world.take_story();
    world.succeeds("web", None);
    assert_eq!(
        (world.take_story(), world.state("web")),
        (vec!["SIGSTOP web group".to_owned()], State::Paused)
    );
    world.tell(Event::Resume { service: web });
    assert_eq!(world.state("web"), State::Running);
}

/// Also by a command of its own, unless it is being resumed.
#[test]
fn a_successor_of_one_that_a_command_has_paused_is_paused_by_that() {
    let mut web = service("web");
    let command = || vec!["pause".into()];
    web.hooks.control =
        [Signal::STOP, Signal::CONT].into_iter().map(|signal| (Control::Signal(signal), command())).collect();
    let mut world = World::boot(vec![web]);
    let web = ServiceId(0);
    world.tell(Event::Pause { service: web });
    let (pause, resume) = ("web:SIGSTOP", "web:SIGCONT");
    world.exits(pause, 0);
    assert_eq!(world.state("web"), State::Paused);
    world.take_story();
    world.succeeds("web", None);
    assert_eq!(world.take_story(), [format!("start {pause}")]);
    world.exits(pause, 0);
    assert_eq!(world.state("web"), State::Paused);
    world.tell(Event::Resume { service: web });
    world.take_story();
    world.succeeds("web", None);
    world.exits(resume, 0);
    assert_eq!((world.take_story(), world.state("web")), (vec![], State::Running));
}

/// One that is in another group has that told to hooks.
#[test]
fn a_hook_is_told_the_group_of_a_successor() {
    let mut web = service("web");
    web.hooks.pre_stop = Some(vec!["bye".into()]);
    let mut world = World::boot(vec![web]);
    world.succeeds("web", Some(Pid(1)));
    let mut effects = Vec::new();
    world.supervisor.step(world.now, Event::Stop { services: vec![ServiceId(0)] }, &mut effects);
    let group = effects.iter().find_map(|effect| match effect {
        Effect::Hook { group, .. } => *group,
        _ => None,
    });
    assert_eq!(group, Some(Pid(1)));
}

#[test]
fn what_a_probe_or_a_hook_leaves_behind_is_killed() {
    let mut web = checked(service("web"), OnUnhealthy::None);
    web.hooks.post_start = Some(vec!["warm".into()]);
    let mut world = World::boot(vec![web]);
    world.take_story();
    let event = world.end_event("web:post_start", ExitStatus::Code(0), true);
    world.tell(event);
    assert_eq!(world.take_story(), ["SIGKILL web:post_start group"]);
    world.wait();
    world.take_story();
    let event = world.end_event("web?", ExitStatus::Code(0), true);
    world.tell(event);
    assert_eq!(world.take_story(), ["SIGKILL web? group"]);
    assert!(world.supervisor.processes().groups().count() == 2);
    world.tell(Event::GroupGone { pid: Pid(2) });
    world.tell(Event::GroupGone { pid: Pid(3) });
    assert!(world.supervisor.processes().groups().count() == 0);
}

/// Only these groups are checked before a deadline expires.
#[test]
fn a_deadline_is_about_the_groups_of_services_that_have_to_end() {
    let mut web = checked(service("web"), OnUnhealthy::None);
    web.policy.stop_grace_period = ms(60_000);
    let mut world = World::boot(vec![web, service("other"), checked(service("well"), OnUnhealthy::None)]);
    let web = world.alive.iter().find(|(name, _)| name == "web").unwrap().1;
    let event = world.end_event("web", ExitStatus::Code(0), true);
    world.tell(event);
    assert_eq!(world.state("web"), State::Stopping);
    assert_eq!(world.supervisor.groups_due(world.now), []);
    // A look at what is left comes before a probe of the others.
    world.wait();
    assert_eq!(world.supervisor.groups_due(world.now), []);
    assert_eq!(world.supervisor.groups_due(world.now + ms(60_000)), [web]);
    world.tell(Event::StopRequested { signal: None });
    assert_eq!(world.supervisor.groups_due(world.now + ms(9000)), [web]);
}

#[test]
fn a_group_whose_number_is_given_anew_is_gone() {
    let mut world = World::boot(vec![service("web"), service("db")]);
    let event = world.end_event("web", ExitStatus::Code(1), true);
    let Event::Exited { pid, .. } = event else { panic!("it exits") };
    world.tell(event);
    assert_eq!(world.state("web"), State::Stopping);
    world.tell(Event::ProbeSpawned { service: ServiceId(1), pid });
    assert_ne!(world.state("web"), State::Stopping);
}
