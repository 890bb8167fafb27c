//! What is stopped and started together, and in which order.

use super::reload::reload;
use super::*;

fn all(count: usize) -> Vec<ServiceId> {
    (0..count).map(ServiceId).collect()
}

fn web_and_db() -> Vec<Service> {
    vec![service("db"), needs(service("web"), "db", Condition::Started)]
}

fn following(mut service: Service) -> Service {
    for dependency in &mut service.policy.depends_on {
        dependency.restart = true;
    }
    service
}

fn changed(mut service: Service) -> Service {
    service.exec.command = vec!["other".into()];
    service
}

#[test]
fn dependents_stop_first_however_they_are_named() {
    for services in [vec![ServiceId(0), ServiceId(1)], vec![ServiceId(1), ServiceId(0)]] {
        let mut world = World::boot(web_and_db());
        world.take_story();
        world.tell(Event::Stop { services });
        assert_eq!(world.take_story(), ["SIGTERM web"]);
        assert!(world.supervisor.waits_for_turn(ServiceId(0)));
        assert_eq!(world.supervisor.turn_after(ServiceId(0)), ["web"]);
        assert_eq!(world.state("db"), State::Running);
        world.exits("web", 0);
        assert_eq!(world.take_story(), ["SIGTERM db"]);
        world.exits("db", 0);
        assert_eq!((world.state("db"), world.state("web")), (State::Stopped, State::Stopped));
    }
}

#[test]
fn a_restart_stops_dependents_first_and_starts_dependencies_first() {
    let mut world = World::boot(web_and_db());
    world.take_story();
    world.tell(Event::Restart { services: all(2) });
    world.exits("web", 0);
    assert_eq!(world.state("web"), State::Waiting, "the database that is there is about to go");
    world.exits("db", 0);
    assert_eq!(world.take_story(), ["SIGTERM web", "SIGTERM db", "start db", "start web"]);
}

/// One that was not named, and stays, stands between the two.
#[test]
fn what_stays_in_between_changes_no_order() {
    let app = needs(service("app"), "db", Condition::Started);
    let services = vec![app, service("db"), needs(service("web"), "app", Condition::Started)];
    let mut world = World::boot(services);
    world.take_story();
    world.tell(Event::Restart { services: vec![ServiceId(1), ServiceId(2)] });
    assert_eq!(world.take_story(), ["SIGTERM web"]);
    world.exits("web", 0);
    assert_eq!((world.take_story(), world.state("web")), (vec!["SIGTERM db".to_owned()], State::Waiting));
    world.exits("db", 0);
    assert_eq!(world.take_story(), ["start db", "start web"]);
    assert_eq!(world.state("app"), State::Running);
}

#[test]
fn one_that_is_independent_stops_at_once() {
    let mut world = World::boot([web_and_db(), vec![service("other")]].concat());
    world.take_story();
    world.tell(Event::Stop { services: all(3) });
    assert_eq!(world.take_story(), ["SIGTERM web", "SIGTERM other"]);
}

#[test]
fn a_later_request_for_one_alone_does_not_wait() {
    let mut world = World::boot(web_and_db());
    world.tell(Event::Stop { services: all(2) });
    world.take_story();
    world.tell(Event::Stop { services: vec![ServiceId(0)] });
    assert_eq!(world.take_story(), ["SIGTERM db"]);
}

/// What waits for it waits for what that waited for.
#[test]
fn a_later_request_for_one_alone_does_not_let_another_one_pass() {
    let app = needs(service("app"), "db", Condition::Started);
    let web = needs(service("web"), "app", Condition::Started);
    let mut world = World::boot(vec![service("db"), app, web, service("other")]);
    world.take_story();
    world.tell(Event::Restart { services: all(3) });
    world.tell(Event::Stop { services: vec![ServiceId(1)] });
    assert_eq!(world.take_story(), ["SIGTERM web", "SIGTERM app"]);
    world.exits("app", 0);
    assert_eq!(world.take_story(), [""; 0], "web depends on db, by way of app");
    world.exits("web", 0);
    assert_eq!(world.take_story(), ["SIGTERM db"]);
}

/// Each of a chain is changed by each reload, while the last one drains.
#[test]
fn reloads_during_a_drain_name_each_service_once() {
    let mut old = vec![service("a0")];
    for number in 1..6 {
        old.push(needs(service(&format!("a{number}")), &format!("a{}", number - 1), Condition::Started));
    }
    let mut world = World::boot(old.clone());
    for round in 0..20 {
        let mut new = old.clone();
        for service in &mut new {
            service.exec.command = vec![format!("version {round}").into()];
        }
        reload(&mut world, old, new.clone());
        old = new;
    }
    for number in 0..5 {
        let mut after = world.supervisor.turn_after(ServiceId(number));
        after.sort_unstable();
        let count = after.len();
        after.dedup();
        assert!(count == after.len() && count <= 5, "{after:?}");
    }
}

#[test]
fn what_waits_for_its_turn_is_started_once_and_by_its_new_definition() {
    let mut db = service("db");
    db.hooks.pre_start = Some(vec!["prepare".into()]);
    let old = vec![db, needs(service("web"), "db", Condition::Started)];
    let mut world = World::boot(old.clone());
    world.exits("db:pre_start", 0);
    world.exits("db", 1);
    world.wait();
    world.take_story();
    reload(&mut world, old.clone(), old.into_iter().map(changed).collect());
    assert_eq!(world.take_story(), ["SIGTERM web"]);
    world.exits("db:pre_start", 0);
    assert_eq!((world.take_story(), world.state("db")), (vec![], State::Waiting));
    world.exits("web", 0);
    world.exits("db:pre_start", 0);
    assert_eq!(world.take_story(), ["start db:pre_start", "start db", "start web"]);
}

#[test]
fn one_that_is_wanted_again_before_its_turn_goes_on() {
    let mut world = World::boot(web_and_db());
    world.tell(Event::Stop { services: all(2) });
    world.tell(Event::Start { services: all(2) });
    world.take_story();
    world.exits("web", 0);
    assert_eq!(world.take_story(), ["start web"]);
    assert_eq!(world.state("db"), State::Running);
}

#[test]
fn one_that_ends_before_its_turn_is_stopped_or_started_again() {
    for restarts in [false, true] {
        let mut world = World::boot(web_and_db());
        world.tell(match restarts {
            true => Event::Restart { services: all(2) },
            false => Event::Stop { services: all(2) },
        });
        world.exits("db", 1);
        world.take_story();
        world.exits("web", 0);
        let expected: &[&str] = if restarts { &["start db", "start web"] } else { &[] };
        assert_eq!(world.take_story(), expected);
        assert_eq!(world.state("db"), if restarts { State::Running } else { State::Stopped });
    }
}

#[test]
fn what_wants_to_be_restarted_with_another_is_drained_before_it() {
    let web = following(needs(service("web"), "app", Condition::Started));
    let app = following(needs(service("app"), "db", Condition::Started));
    let mut world = World::boot(vec![app, service("db"), web]);
    world.take_story();
    world.tell(Event::Restart { services: vec![ServiceId(1)] });
    assert_eq!(world.take_story(), ["SIGTERM web"]);
    world.exits("web", 0);
    assert_eq!(world.take_story(), ["SIGTERM app"]);
    world.exits("app", 0);
    assert_eq!(world.take_story(), ["SIGTERM db"]);
    world.exits("db", 0);
    assert_eq!(world.take_story(), ["start db", "start app", "start web"]);
}

#[test]
fn the_container_s_stop_gives_everyone_another_turn() {
    let mut world = World::boot(web_and_db());
    world.tell(Event::Restart { services: all(2) });
    world.tell(Event::StopRequested { signal: None });
    world.exits("web", 0);
    world.exits("db", 0);
    assert_eq!(world.take_story(), ["start db", "start web", "SIGTERM web", "SIGTERM db"]);
    assert_eq!(world.exit, Some(0));
}

#[test]
fn a_reload_that_changes_both_stops_the_dependent_first_by_their_old_definitions() {
    let mut old = web_and_db();
    for service in &mut old {
        service.hooks.pre_stop = Some(vec!["drain".into()]);
    }
    let mut world = World::boot(old.clone());
    world.take_story();
    reload(&mut world, old, web_and_db().into_iter().map(changed).collect());
    assert_eq!(world.take_story(), ["start web:pre_stop"]);
    world.exits("web:pre_stop", 0);
    world.exits("web", 0);
    assert_eq!(world.take_story(), ["SIGTERM web", "start db:pre_stop"]);
    world.exits("db:pre_stop", 0);
    world.exits("db", 0);
    assert_eq!(world.take_story(), ["SIGTERM db", "start db", "start web"]);
    world.tell(Event::Stop { services: all(2) });
    assert_eq!(world.take_story(), ["SIGTERM web"], "the new ones have no pre_stop");
}

#[test]
fn a_reload_that_changes_one_and_takes_the_other_away_stops_the_dependent_first() {
    let old = [web_and_db(), vec![service("other")]].concat();
    let mut world = World::boot(old.clone());
    world.take_story();
    reload(&mut world, old, vec![changed(service("web")), service("other")]);
    assert_eq!(world.take_story(), ["SIGTERM web"]);
    world.exits("web", 0);
    assert_eq!(world.take_story(), ["SIGTERM db", "start web"]);
}

#[test]
fn a_reload_of_the_dependency_drains_what_wants_to_be_restarted_with_it() {
    let old = vec![service("db"), following(needs(service("web"), "db", Condition::Started))];
    let mut world = World::boot(old.clone());
    world.take_story();
    let new = vec![changed(old[0].clone()), old[1].clone()];
    reload(&mut world, old, new);
    world.exits("web", 0);
    world.exits("db", 0);
    assert_eq!(world.take_story(), ["SIGTERM web", "SIGTERM db", "start db", "start web"]);
}

#[test]
fn what_depends_on_a_task_is_restarted_when_that_is_done_again() {
    let web = following(needs(service("web"), "migrate", Condition::CompletedSuccessfully));
    for by_restart in [true, false] {
        let mut world = World::boot(vec![task("migrate"), web.clone()]);
        world.exits("migrate", 0);
        world.take_story();
        let services = vec![ServiceId(0)];
        world.tell(if by_restart { Event::Restart { services } } else { Event::Start { services } });
        assert_eq!(world.take_story(), ["SIGTERM web"]);
        world.exits("web", 0);
        assert_eq!(world.state("web"), State::Waiting);
        world.exits("migrate", 0);
        assert_eq!(world.take_story(), ["start migrate", "start web"]);
    }
}

#[test]
fn a_reload_that_changes_a_task_drains_what_depends_on_it_before_it_is_done_again() {
    let old =
        vec![task("migrate"), following(needs(service("web"), "migrate", Condition::CompletedSuccessfully))];
    let mut world = World::boot(old.clone());
    world.exits("migrate", 0);
    world.take_story();
    let new = vec![changed(task("migrate")), old[1].clone()];
    reload(&mut world, old, new);
    world.exits("web", 0);
    world.exits("migrate", 0);
    assert_eq!(world.take_story(), ["SIGTERM web", "start migrate", "start web"]);
}

#[test]
fn a_task_is_done_again_when_what_it_depends_on_is_restarted() {
    let seed = following(needs(task("seed"), "db", Condition::Started));
    let web = following(needs(service("web"), "seed", Condition::CompletedSuccessfully));
    let mut world = World::boot(vec![service("db"), seed, web]);
    world.exits("seed", 0);
    world.take_story();
    world.tell(Event::Restart { services: vec![ServiceId(0)] });
    world.exits("web", 0);
    world.exits("db", 0);
    assert_eq!(world.take_story(), ["SIGTERM web", "SIGTERM db", "start db", "start seed"]);
    world.exits("seed", 0);
    assert_eq!(world.take_story(), ["start web"]);
    // Also where nobody has asked for the restart.
    world.exits("db", 1);
    assert_eq!(world.take_story(), ["SIGTERM web"]);
    world.exits("web", 0);
    world.wait();
    assert_eq!(world.take_story(), ["start db", "start seed"]);
}

#[test]
fn what_failed_with_a_dependency_starts_with_it() {
    let app = needs(service("app"), "migrate", Condition::CompletedSuccessfully);
    let web = needs(service("web"), "app", Condition::Started);
    let by_hand = needs(service("x"), "migrate", Condition::CompletedSuccessfully);
    let services = vec![task("migrate"), app, web, service("other"), by_hand];
    for way in ["start", "restart", "reload"] {
        let mut world = World::boot(services.clone());
        world.exits("migrate", 3);
        assert_eq!((world.state("app"), world.state("web")), (State::Failed, State::Failed));
        world.tell(Event::Stop { services: vec![ServiceId(4)] });
        world.take_story();
        let id = vec![ServiceId(0)];
        match way {
            "start" => world.tell(Event::Start { services: id }),
            "restart" => world.tell(Event::Restart { services: id }),
            _ => {
                let mut new = services.clone();
                new[0] = changed(task("migrate"));
                reload(&mut world, services.clone(), new);
            }
        }
        assert_eq!((world.state("app"), world.state("web")), (State::Waiting, State::Waiting), "{way}");
        world.exits("migrate", 0);
        assert_eq!(world.take_story(), ["start migrate", "start app", "start web"], "{way}");
        assert_eq!(world.state("x"), State::Failed, "it was stopped by hand");
    }
}

/// The dependency is not required, so a failure of it is not waited for. But it is about to come.
#[test]
fn what_will_start_with_its_dependency_is_waited_for_at_once() {
    let mut app = needs(service("app"), "cache", Condition::CompletedSuccessfully);
    app.policy.depends_on[0].required = false;
    app.policy.autostart = false;
    let cache = needs(task("cache"), "db", Condition::CompletedSuccessfully);
    let mut world = World::boot(vec![app, cache, task("db"), service("other")]);
    world.exits("db", 1);
    assert_eq!(world.state("cache"), State::Failed);
    world.tell(Event::Restart { services: vec![ServiceId(0), ServiceId(2)] });
    assert_eq!((world.state("db"), world.state("app")), (State::Running, State::Waiting));
    world.exits("db", 0);
    world.exits("cache", 0);
    assert_eq!(world.state("app"), State::Running);
}

#[test]
fn what_failed_by_itself_is_not_started_with_its_dependency() {
    let mut world =
        World::boot(vec![service("db"), needs(task("web"), "db", Condition::Started), service("x")]);
    world.exits("web", 1);
    world.take_story();
    world.tell(Event::Restart { services: vec![ServiceId(0)] });
    world.exits("db", 0);
    assert_eq!(world.take_story(), ["SIGTERM db", "start db"]);
    assert_eq!(world.state("web"), State::Failed);
}
