//! PID 1 was not there in time: it alone was stopped, or everything was frozen.

use super::*;
use crate::model::{Backoff, Control, Notify};

/// Nothing runs from now on for so long.
fn freeze(world: &mut World, seconds: u64) {
    world.now += ms(seconds * 1000);
    world.tell(Event::Overslept { by: ms(seconds * 1000) });
}

fn notifying(name: &str) -> Service {
    let mut service = service(name);
    service.policy.notify = Some(Notify::Systemd);
    service.policy.start_timeout = Some(ms(2000));
    service.policy.watchdog = Some(ms(3000));
    service
}

#[test]
fn what_a_service_does_in_time_is_still_in_time() {
    let mut world = World::boot(vec![notifying("web")]);
    world.now += ms(500);
    freeze(&mut world, 15);
    world.tell(Event::Tick);
    assert_eq!(world.state("web"), State::Starting);
    assert_eq!(world.supervisor.next_deadline(), Some(world.now + ms(1500)), "start_timeout");
    world.tell(Event::Notified { service: ServiceId(0), news: News::Ready });
    world.now += ms(1000);
    freeze(&mut world, 15);
    assert_eq!(world.supervisor.next_deadline(), Some(world.now + ms(2000)), "watchdog");
    world.take_story();
    assert_eq!(world.wait(), ms(2000));
    assert_eq!(world.take_story(), ["SIGKILL web group"]);
}

#[test]
fn a_task_and_a_probe_have_the_time_that_they_had() {
    let mut job = checked(task("job"), OnUnhealthy::Restart);
    job.policy.run_timeout = Some(ms(1800));
    let mut world = World::boot(vec![job]);
    world.wait();
    assert_eq!(world.take_story(), ["start job", "start job?"]);
    world.now += ms(300);
    freeze(&mut world, 8);
    assert_eq!(world.wait(), ms(200), "what is left of the probe's timeout");
    assert_eq!(world.take_story(), ["SIGKILL job? group"]);
    assert_eq!(world.wait(), ms(300), "and of run_timeout");
    assert_eq!(world.take_story(), ["SIGTERM job"]);
}

#[test]
fn the_start_period_goes_on_after_it() {
    let mut web = checked(service("web"), OnUnhealthy::None);
    web.healthcheck.as_mut().unwrap().timing.start_period = ms(60_000);
    web.healthcheck.as_mut().unwrap().timing.start_interval = ms(1000);
    let mut world = World::boot(vec![web]);
    freeze(&mut world, 100);
    world.tell(Event::Tick);
    world.exits("web?", 1);
    for _ in 0..3 {
        world.wait();
        world.exits("web?", 1);
    }
    let streak = world.supervisor.view(world.now, ServiceId(0)).unwrap().failing_streak;
    assert_eq!(streak, 0);
}

#[test]
fn a_grace_and_the_time_of_a_hook_go_on_after_it() {
    let mut web = service("web");
    web.policy.stop_grace_period = ms(10_000);
    let mut up = service("up");
    up.hooks.control.push((Control::Up, vec!["true".into()]));
    let mut world = World::boot(vec![web, up]);
    world.tell(Event::Stop { services: vec![ServiceId(0)] });
    world.now += ms(4000);
    freeze(&mut world, 100);
    world.take_story();
    assert_eq!(world.wait(), ms(6000));
    assert_eq!(world.take_story(), ["SIGKILL web group"]);
    assert_eq!(world.wait(), ms(50_000));
    assert_eq!(world.take_story(), ["SIGKILL up:up group", "start up"]);
}

#[test]
fn what_did_not_run_does_not_reset_its_restarts() {
    let mut web = service("web");
    web.policy.restart = Restart::OnFailure(Some(1));
    web.policy.backoff = Backoff { reset_after: ms(10_000), ..Backoff::default() };
    let mut world = World::boot(vec![web]);
    world.exits("web", 1);
    world.wait();
    freeze(&mut world, 60);
    world.exits("web", 1);
    assert_eq!(world.state("web"), State::Failed);
}

/// The loop notices a freeze only where it is late for something.
fn freeze_unseen(world: &mut World, seconds: u64) {
    let late = world.supervisor.next_deadline().is_some_and(|due| due < world.now + ms(seconds * 1000));
    match late {
        true => freeze(world, seconds),
        false => world.now += ms(seconds * 1000),
    }
    world.tell(Event::Tick);
}

fn started_again(reset_after: u64) -> World {
    let mut web = service("web");
    web.policy.restart = Restart::OnFailure(Some(1));
    web.policy.backoff = Backoff { reset_after: ms(reset_after), ..Backoff::default() };
    let mut world = World::boot(vec![web]);
    assert_eq!(world.supervisor.next_deadline(), None, "nothing to make good for");
    world.exits("web", 1);
    world.wait();
    world
}

#[test]
fn a_freeze_is_noticed_where_nothing_else_is_due() {
    let mut world = started_again(10_000);
    world.now += ms(1000);
    freeze_unseen(&mut world, 3600);
    world.now += ms(8000);
    world.exits("web", 1);
    assert_eq!(world.state("web"), State::Failed);
}

#[test]
fn what_was_well_for_long_enough_has_a_clean_slate_whatever_follows() {
    let mut world = started_again(10_000);
    assert_eq!(world.wait(), ms(10_000));
    assert_eq!(world.supervisor.next_deadline(), None, "nothing wakes an idle rinit up any more");
    freeze(&mut world, 3600);
    world.exits("web", 1);
    assert_eq!(world.state("web"), State::Running, "started again, and at once");
}

#[test]
fn the_stop_of_the_container_ends_in_time_and_what_is_left_of_it_is_shared_anew() {
    let mut web = needs(service("web"), "db", Condition::Started);
    web.policy.stop_grace_period = ms(4000);
    let mut db = service("db");
    db.policy.stop_grace_period = ms(4000);
    let mut world = World::boot(vec![web, db]);
    world.tell(Event::StopRequested { signal: None });
    world.now += ms(1000);
    freeze(&mut world, 5);
    world.take_story();
    // Of nine seconds three are left, for three of web's and four of db's.
    let left = world.wait();
    assert!(ms(1285) < left && left < ms(1286), "{left:?}");
    assert_eq!(world.take_story(), ["SIGKILL web group", "SIGTERM db"]);
    let left = world.wait();
    assert!(ms(1714) < left && left < ms(1715), "{left:?}");
    assert_eq!(world.now, ms(9000));
    assert_eq!(world.take_story(), ["SIGKILL db group"]);
}

#[test]
fn a_stop_timeout_that_is_over_after_it_is_over() {
    let mut world = World::boot(vec![service("web"), service("db")]);
    world.tell(Event::StopRequested { signal: None });
    freeze(&mut world, 20);
    world.take_story();
    world.tell(Event::Tick);
    assert_eq!(world.take_story(), ["SIGKILL web group", "SIGKILL db group"]);
    assert_eq!(world.exit, Some(137));
}
