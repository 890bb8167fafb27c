//! Stories that the simulator has found.

use super::*;
use crate::model::{Notify, Streams};

fn hooked(mut service: Service, pre_start: bool, pre_stop: bool) -> Service {
    let command = |there: bool| there.then(|| vec!["true".into()]);
    service.hooks.pre_start = command(pre_start);
    service.hooks.pre_stop = command(pre_stop);
    service
}

fn reload(world: &mut World, old: &[Service], new: &[Service]) {
    let current: Vec<Service> = world.supervisor.current().map(|id| old[id.0].clone()).collect();
    let plan = plan(&current, new);
    let mut effects = Vec::new();
    world.supervisor.reload(world.now, &merge(old.to_vec(), new.to_vec(), &[]), &plan, &mut effects);
    let mut events = VecDeque::new();
    effects.into_iter().for_each(|effect| world.carry_out(effect, &mut events));
    events.into_iter().for_each(|event| world.tell(event));
}

#[test]
fn one_that_is_stopping_already_keeps_to_its_share_when_the_container_stops() {
    let mut web = needs(service("web"), "db", Condition::Started);
    web.policy.stop_grace_period = ms(60_000);
    let mut world = World::boot(vec![web, service("db")]);
    world.tell(Event::Stop { services: vec![ServiceId(0)] });
    world.tell(Event::StopRequested { signal: None });
    world.take_story();
    assert!(world.wait() < ms(9000));
    assert_eq!(world.take_story(), ["SIGKILL web group", "SIGTERM db"]);
}

#[test]
fn all_of_a_paused_service_goes_on_when_it_is_stopped() {
    for pre_stop in [false, true] {
        let mut world = World::boot(vec![hooked(service("web"), false, pre_stop)]);
        world.tell(Event::Pause { service: ServiceId(0) });
        let mut effects = Vec::new();
        world.supervisor.step(world.now, Event::StopRequested { signal: None }, &mut effects);
        let resumed = Effect::Signal { pid: Pid(1), scope: Scope::Group, signal: Signal::CONT };
        assert!(effects.contains(&resumed), "{effects:?}");
    }
}

#[test]
fn a_main_process_that_ended_during_pre_stop_is_not_killed() {
    let mut world = World::boot(vec![hooked(service("web"), false, true), service("other")]);
    world.tell(Event::Stop { services: vec![ServiceId(0)] });
    world.exits("web", 0);
    world.take_story();
    world.wait();
    assert_eq!(world.take_story(), ["SIGKILL web:pre_stop group"]);
}

#[test]
fn a_main_process_that_not_even_a_kill_ends_is_never_doubled() {
    let mut world = World::boot(vec![service("web"), service("other")]);
    world.tell(Event::Stop { services: vec![ServiceId(0)] });
    world.now += ms(10_000);
    // The kill has no effect: it hangs in the kernel.
    let mut effects = Vec::new();
    world.supervisor.step(world.now, Event::Tick, &mut effects);
    assert_eq!(world.supervisor.next_deadline(), None, "it is waited for");
    world.take_story();
    world.tell(Event::Start { services: vec![ServiceId(0)] });
    assert_eq!((world.take_story(), world.state("web")), (vec![], State::Stopping));
    world.ends("web", ExitStatus::Signal(9));
    assert_eq!(world.take_story(), ["start web"]);
}

#[test]
fn what_was_on_its_way_when_the_stop_began_is_stopped() {
    let mut bad = task("bad");
    bad.policy.essential = true;
    let others = [service("web"), hooked(service("app"), true, true)];
    let mut world = World::new(vec![bad, others[0].clone(), others[1].clone()]);
    world.fork_failures = 1;
    let mut effects = Vec::new();
    world.supervisor.step(world.now, Event::Boot, &mut effects);
    let error = StartError { message: "no".into(), retry: Retry::No, code: 127 };
    world.supervisor.step(world.now, Event::SpawnFailed { service: ServiceId(0), error }, &mut effects);
    let pids = (Pid(1), Pid(2));
    world.alive = vec![("web".into(), pids.0), ("app:pre_start".into(), pids.1)];
    world.tell(Event::Spawned { service: ServiceId(1), pid: pids.0 });
    world.tell(Event::HookSpawned { service: ServiceId(2), hook: Hook::PreStart, pid: pids.1 });
    assert_eq!(world.take_story(), ["SIGTERM web", "SIGTERM app:pre_start group"]);
    world.exits("web", 0);
    world.exits("app:pre_start", 1);
    assert_eq!(world.exit, Some(127));
}

#[test]
fn a_kill_long_before_is_none_of_the_stop_of_the_container() {
    let mut world = World::boot(vec![service("web"), service("other")]);
    world.tell(Event::Stop { services: vec![ServiceId(0)] });
    world.wait();
    world.tell(Event::StopRequested { signal: None });
    world.exits("other", 0);
    assert_eq!(world.exit, Some(0));
}

#[test]
fn one_that_restarts_does_not_wait_for_a_start_while_the_container_stops() {
    let mut world = World::boot(vec![needs(service("web"), "db", Condition::Started), service("db")]);
    world.tell(Event::Restart { services: vec![ServiceId(1)] });
    world.tell(Event::StopRequested { signal: None });
    world.exits("db", 0);
    assert_eq!(world.state("db"), State::Stopped);
}

#[test]
fn nothing_starts_after_a_pre_start_that_ends_while_the_container_stops() {
    let mut web = needs(service("web"), "db", Condition::Started);
    web.policy.depends_on[0].required = false;
    let mut db = hooked(service("db"), true, false);
    db.policy.autostart = false;
    let mut world = World::boot(vec![web, db]);
    world.tell(Event::Start { services: vec![ServiceId(1)] });
    world.tell(Event::StopRequested { signal: None });
    world.take_story();
    world.exits("db:pre_start", 0);
    assert_eq!((world.take_story(), world.state("db")), (vec![], State::Stopped));
}

#[test]
fn nobody_watches_what_waits_for_its_turn_to_stop() {
    let mut db = service("db");
    db.policy.notify = Some(Notify::Systemd);
    db.policy.watchdog = Some(ms(100));
    db.policy.start_timeout = Some(ms(200));
    db.policy.stop_grace_period = ms(1000);
    let mut web = needs(service("web"), "db", Condition::Started);
    web.policy.stop_grace_period = ms(1000);
    let mut world = World::boot(vec![web, db]);
    let ready = Event::Notified { service: ServiceId(1), news: News::Ready };
    world.tell(ready.clone());
    world.exits("db", 1);
    world.wait();
    world.tell(Event::StopRequested { signal: None });
    assert_eq!(world.supervisor.next_deadline(), Some(world.now + ms(1000)), "no start_timeout");
    world.tell(ready);
    world.tell(Event::Notified { service: ServiceId(1), news: News::Alive });
    assert_eq!(world.supervisor.next_deadline(), Some(world.now + ms(1000)), "no watchdog");
}

#[test]
fn a_health_check_that_comes_while_paused_is_made_after_it() {
    let old = [service("web")];
    let mut world = World::boot(old.to_vec());
    world.tell(Event::Pause { service: ServiceId(0) });
    reload(&mut world, &old, &[checked(service("web"), OnUnhealthy::None)]);
    world.tell(Event::Resume { service: ServiceId(0) });
    assert_eq!(world.wait(), ms(1000));
}

#[test]
fn what_a_changed_service_needs_is_started_with_it() {
    let on_request = |mut service: Service| {
        service.policy.autostart = false;
        service
    };
    let old = [service("stays"), on_request(service("web")), on_request(service("db"))];
    let mut world = World::boot(old.to_vec());
    world.tell(Event::Start { services: vec![ServiceId(1)] });
    let mut new = old.clone();
    new[1] = needs(new[1].clone(), "db", Condition::Started);
    reload(&mut world, &old, &new);
    world.exits("web", 0);
    assert_eq!(world.take_story(), ["start stays", "start web", "SIGTERM web", "start db", "start web"]);
}

#[test]
fn one_that_was_gone_and_is_back_runs_by_its_new_definition() {
    let old = [needs(service("web"), "db", Condition::Started), service("db"), service("stays")];
    let mut world = World::boot(old.to_vec());
    reload(&mut world, &old, &[service("stays")]);
    world.take_story();
    reload(&mut world, &old, &[service("stays"), service("db")]);
    assert_eq!(world.take_story(), [""; 0], "what is gone still needs it");
    world.exits("web", 0);
    world.exits("db", 0);
    assert_eq!(world.take_story(), ["SIGTERM db", "start db"]);
}

#[test]
fn one_that_is_back_is_started_for_what_needs_it() {
    let old = [service("db"), service("stays"), needs(service("web"), "db", Condition::Started)];
    let mut world = World::boot(old.to_vec());
    reload(&mut world, &old, &[service("stays")]);
    let mut new = old.clone();
    new[0].policy.autostart = false;
    reload(&mut world, &old, &new);
    world.exits("web", 0);
    world.exits("db", 0);
    assert_eq!((world.state("db"), world.state("web")), (State::Running, State::Running));
}

#[test]
fn an_earlier_failure_is_not_the_exit_status_of_what_needs_it_now() {
    let mut app = needs(service("app"), "db", Condition::Healthy);
    app.policy.autostart = false;
    app.policy.essential = true;
    let mut world = World::boot(vec![app, checked(task("db"), OnUnhealthy::None), service("other")]);
    world.exits("db", 3);
    world.tell(Event::Start { services: vec![ServiceId(0)] });
    world.exits("db", 0);
    world.exits("other", 0);
    assert_eq!(world.exit, Some(1));
}

#[test]
fn a_kill_that_was_the_stop_signal_is_no_oom_whatever_a_reload_makes_of_it() {
    let mut web = service("web");
    web.policy.stop_signal = Some(Signal::KILL);
    let old = [web, service("other")];
    let mut world = World::boot(old.to_vec());
    let pid = world.alive.iter().find(|(name, _)| name == "web").unwrap().1;
    // Carried out by hand: the world would end the process at once.
    let mut effects = Vec::new();
    world.supervisor.step(world.now, Event::Stop { services: vec![ServiceId(0)] }, &mut effects);
    let mut new = old.clone();
    new[0].policy.stop_signal = None;
    world.supervisor.reload(world.now, &new, &plan(&old, &new), &mut effects);
    let status = ExitStatus::Signal(9);
    let ended = Event::Exited { pid, status, group_left: false, oom: true, output: vec![] };
    world.supervisor.step(world.now, ended, &mut effects);
    let view = world.supervisor.view(world.now, ServiceId(0)).unwrap();
    assert_eq!(view.last_exit.as_deref(), Some("killed by SIGKILL"));
}

/// `web` is told to stop by a reload, and runs its `pre_stop`; another reload, or the same one, changes all that there
/// is to say about its stop.
#[test]
fn what_stops_by_its_old_definition_has_that_signal_and_that_grace() {
    let mut web = hooked(service("web"), false, true);
    web.policy.stop_grace_period = ms(3000);
    let mut changed = service("web");
    changed.policy.stop_grace_period = ms(100);
    changed.policy.stop_signal = Some(Signal::QUIT);
    changed.exec.command = vec!["other".into()];
    let old = [web, service("stays")];
    for goes_first in [false, true] {
        let mut world = World::boot(old.to_vec());
        if goes_first {
            reload(&mut world, &old, &[service("stays")]);
        }
        reload(&mut world, &old, &[changed.clone(), service("stays")]);
        world.tell(Event::Stop { services: vec![ServiceId(0)] });
        world.take_story();
        world.exits("web:pre_stop", 0);
        assert_eq!(world.take_story(), ["SIGTERM web"]);
        assert_eq!(world.wait(), ms(3000));
        assert_eq!(world.take_story(), ["SIGKILL web group"]);
        // From here on it is what it is defined as now.
        world.tell(Event::Start { services: vec![ServiceId(0)] });
        world.tell(Event::Stop { services: vec![ServiceId(0)] });
        assert_eq!(world.take_story(), ["start web", "SIGQUIT web"]);
        assert_eq!(world.wait(), ms(100));
    }
}

#[test]
fn what_reads_by_its_old_definition_has_its_time_to_read_the_rest() {
    let mut log = service("log");
    log.exec.streams = Some(Box::new(Streams { reads: true, ..Streams::default() }));
    log.policy.stop_grace_period = ms(3000);
    let old = [log, service("stays")];
    let mut plain = service("log");
    plain.policy.stop_grace_period = ms(100);
    let mut world = World::boot(old.to_vec());
    world.take_story();
    reload(&mut world, &old, &[service("stays")]);
    assert_eq!(world.take_story(), ["end of input of log"]);
    reload(&mut world, &old, &[plain, service("stays")]);
    world.tell(Event::Stop { services: vec![ServiceId(0)] });
    assert_eq!(world.wait(), ms(1500));
    assert_eq!(world.take_story(), ["SIGTERM log"]);
}
