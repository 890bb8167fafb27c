//! Reload: the difference, and what comes of it.

use super::*;

pub(super) fn reload(world: &mut World, old: Vec<Service>, new: Vec<Service>) -> Plan {
    let plan = plan(&old, &new);
    let services = merge(old, new);
    let mut effects = Vec::new();
    world.supervisor.reload(world.now, &services, &plan, &mut effects);
    let mut events = VecDeque::new();
    for effect in effects {
        world.carry_out(effect, &mut events);
    }
    for event in events {
        world.tell(event);
    }
    plan
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
    assert_eq!(world.take_story(), ["SIGTERM changed", "start new", "SIGTERM gone"]);
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
    let slots = merge(old.clone(), gone.clone());
    let plan = plan(&gone, &old);
    let mut effects = Vec::new();
    world.supervisor.reload(world.now, &merge(slots, old), &plan, &mut effects);
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
