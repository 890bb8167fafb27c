//! Which definition a service ends by, and which it is started by, while a reload waits for others to stop.

use super::reload::reload;
use super::*;
use crate::model::Streams;

fn other(mut service: Service) -> Service {
    service.exec.command = vec!["other".into()];
    service
}

fn drains() -> Service {
    needs(service("web"), "db", Condition::Started)
}

/// Both are changed: `db` waits for `web` to stop.
fn reload_both(db: Service, new_db: Service) -> World {
    let mut world = World::boot(vec![db.clone(), drains(), service("stays")]);
    reload(&mut world, vec![db, drains(), service("stays")], vec![new_db, other(drains()), service("stays")]);
    world.take_story();
    world
}

#[test]
fn what_a_task_of_an_older_definition_did_does_not_end_the_container() {
    let old = vec![task("job"), service("stays")];
    let mut world = World::boot(old.clone());
    world.exits("job", 0);
    reload(&mut world, old.clone(), vec![service("stays")]);
    let mut job = service("job");
    (job.policy.essential, job.policy.autostart) = (true, false);
    let merged = [old[0].clone(), service("stays")];
    let current = vec![service("stays")];
    let new = vec![job, service("stays")];
    let plan = plan(&current, &new);
    let mut effects = Vec::new();
    world.supervisor.reload(world.now, &merge(merged.to_vec(), new, &[]), &plan, &mut effects);
    assert!(!world.supervisor.is_stopping(), "{effects:?}");
}

#[test]
fn a_stop_by_request_is_remembered_as_the_new_definition_says() {
    let mut kept = other(service("db"));
    kept.policy.restart = Restart::UnlessStopped;
    let mut world = reload_both(service("db"), kept);
    world.tell(Event::Stop { services: vec![ServiceId(0)] });
    assert_eq!(world.take_story()[0], "remember db true");
}

/// It reads what others write, so it is started once more at the stop of the container.
fn reader(mut service: Service) -> Service {
    service.exec.streams = Some(Box::new(Streams { reads: true, ..Streams::default() }));
    service
}

#[test]
fn at_the_stop_a_changed_service_has_no_restarts_behind_it() {
    let mut db = reader(service("db"));
    db.policy.backoff.limit = Some(1);
    let mut world = World::boot(vec![db.clone(), drains(), service("stays")]);
    world.exits("db", 1);
    world.wait();
    let new = vec![other(db.clone()), other(drains()), service("stays")];
    reload(&mut world, vec![db, drains(), service("stays")], new);
    world.tell(Event::StopRequested { signal: None });
    world.exits("db", 1);
    assert_eq!(world.state("db"), State::Backoff, "its second restart, the first one by this definition");
}

#[test]
fn at_the_stop_a_changed_service_is_not_known_to_work() {
    let db = reader(service("db"));
    let mut world = reload_both(db.clone(), other(db));
    world.exits("db", 0);
    world.tell(Event::StopRequested { signal: None });
    let mut effects = Vec::new();
    world.supervisor.step(ms(200), Event::Tick, &mut effects);
    assert!(effects.contains(&Effect::Spawn(ServiceId(0))), "{effects:?}");
    let error = StartError { message: "no such program".to_owned(), retry: Retry::No, code: 127 };
    let failed = Event::SpawnFailed { service: ServiceId(0), error };
    world.supervisor.step(ms(200), failed, &mut effects);
    assert_ne!(world.state("db"), State::Backoff, "it has never run by this definition");
}

#[test]
fn one_that_ends_by_itself_before_its_turn_is_started_by_its_new_definition() {
    let db = reader(service("db"));
    let mut quick = other(db.clone());
    quick.policy.start_timeout = Some(ms(10));
    quick.policy.notify = Some(crate::model::Notify::Systemd);
    let mut world = reload_both(db, quick);
    world.tell(Event::StopRequested { signal: None });
    world.exits("db", 0);
    world.wait();
    assert_eq!(world.state("db"), State::Starting, "the new definition has it say when it is ready");
}

#[test]
fn one_that_begins_to_read_is_not_started_for_that_at_the_stop() {
    let mut world = reload_both(service("db"), reader(service("db")));
    world.exits("web", 0);
    assert_eq!(world.take_story(), ["SIGTERM db"]);
    world.tell(Event::StopRequested { signal: None });
    world.exits("db", 0);
    assert_eq!(world.take_story(), ["SIGTERM stays"], "nobody has written to it");
}
