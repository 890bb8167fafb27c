//! Reload: the difference, and what comes of it.

use super::*;

pub(super) fn reload(world: &mut World, old: Vec<Service>, new: Vec<Service>) -> Plan {
    let plan = plan(&old, &new);
    take_over(world, &merge(old, new, &[]), &plan);
    plan
}

fn take_over(world: &mut World, services: &[Service], plan: &Plan) {
    let mut effects = Vec::new();
    world.supervisor.reload(world.now, services, plan, &mut effects);
    let mut events = VecDeque::new();
    for effect in effects {
        world.carry_out(effect, &mut events);
    }
    for event in events {
        world.tell(event);
    }
}

fn changed(name: &str) -> Service {
    let mut service = service(name);
    service.exec.command = vec!["other".into()];
    service
}

#[test]
fn only_what_has_changed_is_touched() {
    let old = vec![service("alike"), service("changed"), service("gone"), service("tuned")];
    let mut tuned = checked(service("tuned"), OnUnhealthy::None);
    tuned.policy.stop_grace_period = ms(1);
    let new = vec![service("alike"), changed("changed"), service("new"), tuned];
    let mut world = World::boot(old.clone());
    world.take_story();
    let plan = reload(&mut world, old, new);
    assert_eq!(plan.start, ["new"]);
    assert_eq!(plan.stop, ["gone"]);
    assert_eq!(plan.restart, ["changed"]);
    assert_eq!(plan.change, ["tuned"]);
    assert_eq!(world.take_story(), ["SIGTERM changed", "SIGTERM gone", "start new"]);
    world.exits("changed", 0);
    world.exits("gone", 0);
    assert_eq!(world.take_story(), ["start changed"]);
    assert_eq!(world.supervisor.find("gone"), None);
    assert_eq!(world.wait(), ms(1075), "the health check that was added");
    assert_eq!(world.take_story(), ["start tuned?"]);
}

#[test]
fn a_reload_without_a_change_does_nothing() {
    let services = vec![service("web"), needs(service("app"), "web", Condition::Started)];
    let mut world = World::boot(services.clone());
    world.take_story();
    assert!(reload(&mut world, services.clone(), services).is_empty());
    assert_eq!(world.take_story(), Vec::<String>::new());
}

#[test]
fn services_that_are_gone_stop_in_order() {
    let old = vec![service("db"), service("stays"), needs(service("web"), "db", Condition::Started)];
    let mut world = World::boot(old.clone());
    world.take_story();
    reload(&mut world, old, vec![service("stays")]);
    assert_eq!(world.take_story(), ["SIGTERM web"]);
    world.exits("web", 0);
    assert_eq!(world.take_story(), ["SIGTERM db"]);
    world.exits("db", 0);
    assert_eq!(world.exit, None);
}

#[test]
fn a_service_that_comes_back_is_started() {
    let old = vec![service("stays"), service("web")];
    let gone = vec![service("stays")];
    let mut world = World::boot(old.clone());
    reload(&mut world, old.clone(), gone.clone());
    world.exits("web", 0);
    world.take_story();
    let slots = merge(old.clone(), gone.clone(), &[]);
    let plan = plan(&gone, &old);
    let mut effects = Vec::new();
    world.supervisor.reload(world.now, &merge(slots, old, &[]), &plan, &mut effects);
    assert!(effects.contains(&Effect::Spawn(ServiceId(1))), "{effects:?}");
}

#[test]
fn a_failed_service_whose_definition_is_mended_is_started() {
    let old = vec![service("other"), task("web")];
    let mut world = World::boot(old.clone());
    world.exits("web", 1);
    world.take_story();
    let mut mended = task("web");
    mended.exec.command = vec!["better".into()];
    reload(&mut world, old, vec![service("other"), mended]);
    assert_eq!(world.take_story(), ["start web"]);
}

/// Reloads by the places that are free.
fn reload_into_free(world: &mut World, old: Vec<Service>, new: Vec<Service>) -> Vec<Service> {
    let current: Vec<Service> =
        world.supervisor.current().filter_map(|ServiceId(index)| old.get(index).cloned()).collect();
    let plan = plan(&current, &new);
    let services = merge(old, new, &world.supervisor.free());
    take_over(world, &services, &plan);
    services
}

#[test]
fn a_new_service_takes_the_place_of_one_that_is_gone() {
    let old = vec![service("stays"), service("web")];
    let mut world = World::boot(old.clone());
    let slots = reload_into_free(&mut world, old, vec![service("stays")]);
    assert!(world.supervisor.free().is_empty(), "it stops still");
    let slots = reload_into_free(&mut world, slots, vec![service("stays"), service("early")]);
    assert_eq!((slots.len(), world.supervisor.name(ServiceId(2))), (3, "early"));
    world.exits("web", 0);
    assert_eq!(world.supervisor.free(), [ServiceId(1)]);
    let new = vec![service("stays"), service("early"), service("new")];
    let slots = reload_into_free(&mut world, slots, new);
    assert_eq!((slots.len(), world.supervisor.name(ServiceId(1))), (3, "new"));
    assert!(world.supervisor.generation() == 1 && world.supervisor.free().is_empty());
    assert!(world.take_story().contains(&"start new".to_owned()));
}

#[test]
fn one_that_comes_back_keeps_its_place() {
    let old = vec![service("a"), service("b")];
    let mut world = World::boot(old.clone());
    let slots = reload_into_free(&mut world, old, vec![service("a")]);
    world.exits("b", 0);
    let slots = reload_into_free(&mut world, slots, vec![service("a"), service("aa"), service("b")]);
    let names: Vec<&str> = slots.iter().map(|service| service.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "aa"]);
}

/// Between one that stops and one that has to outlive it, a place is not given away.
#[test]
fn what_stands_in_the_order_of_a_stop_is_not_free() {
    let old = vec![
        service("stays"),
        service("db"),
        needs(service("mid"), "db", Condition::Started),
        needs(service("web"), "mid", Condition::Started),
    ];
    let mut world = World::boot(old.clone());
    reload_into_free(&mut world, old, vec![service("stays")]);
    assert!(world.supervisor.free().is_empty());
    world.exits("mid", 0);
    assert!(world.supervisor.free().is_empty(), "web stops still, and db has to outlive it");
    world.exits("web", 0);
    assert_eq!(world.supervisor.free(), [ServiceId(2), ServiceId(3)]);
    world.exits("db", 0);
    assert_eq!(world.supervisor.free().len(), 3);
}

/// `web` stops for the first reload when the second one gives it a dependency.
#[test]
fn what_a_service_needs_by_the_last_of_two_reloads_is_started() {
    let mut db = service("db");
    db.policy.autostart = false;
    let old = vec![db.clone(), service("web")];
    let first = vec![db.clone(), changed("web")];
    let last = vec![db, needs(changed("web"), "db", Condition::Started)];
    let mut world = World::boot(old.clone());
    reload(&mut world, old, first.clone());
    world.take_story();
    reload(&mut world, first, last);
    world.exits("web", 0);
    assert_eq!(world.take_story(), ["start db", "start web"]);
}
