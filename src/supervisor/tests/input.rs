//! Services that read what others write.

use super::reload::reload;
use super::*;
use crate::model::Streams;

/// A service of which others write to its standard input.
fn reader(name: &str) -> Service {
    let mut service = service(name);
    service.exec.streams = Some(Box::new(Streams { reads: true, ..Streams::default() }));
    service
}

fn writes(service: Service, to: &str) -> Service {
    let mut service = needs(service, to, Condition::Started);
    service.exec.streams.get_or_insert_default().stdout = Some(to.to_owned());
    service
}

fn stop(world: &mut World) {
    world.tell(Event::StopRequested { signal: Some(Signal::TERM) });
}

#[test]
fn what_reads_goes_on_until_its_input_ends() {
    let mut world =
        World::boot(vec![writes(service("a"), "b"), writes(reader("b"), "c"), reader("c"), service("x")]);
    world.take_story();
    stop(&mut world);
    assert_eq!(world.take_story(), ["SIGTERM a", "SIGTERM x"]);
    world.exits("x", 0);
    world.exits("a", 0);
    assert_eq!(world.take_story(), ["end of input of b"], "and no signal");
    world.exits("b", 0);
    assert_eq!(world.take_story(), ["end of input of c"]);
    world.exits("c", 0);
    assert_eq!(world.exit, Some(0));
}

#[test]
fn what_reads_on_for_half_of_its_grace_is_told_to_stop_and_then_killed() {
    let mut log = reader("log");
    log.policy.stop_grace_period = ms(4000);
    let mut world = World::boot(vec![writes(service("web"), "log"), log]);
    stop(&mut world);
    world.exits("web", 0);
    world.take_story();
    assert_eq!(world.wait(), ms(2000));
    assert_eq!(world.take_story(), ["SIGTERM log"]);
    assert_eq!(world.wait(), ms(2000));
    assert_eq!(world.take_story(), ["SIGKILL log group"]);
    assert_eq!(world.exit, Some(137));
}

#[test]
fn what_reads_is_started_again_while_others_write() {
    let mut world = World::boot(vec![writes(service("web"), "log"), reader("log")]);
    stop(&mut world);
    world.take_story();
    world.exits("log", 1);
    assert_eq!(world.state("log"), State::Backoff);
    assert_eq!(world.wait(), ms(100));
    assert_eq!(world.take_story(), ["start log"]);
    world.exits("log", 1);
    world.exits("web", 0);
    assert_eq!(world.take_story(), ["start log", "end of input of log"], "once more, without a wait");
    world.exits("log", 1);
    assert_eq!(world.exit, Some(0), "and not again");
}

#[test]
fn what_is_between_two_starts_when_the_stop_begins_goes_on() {
    let mut world = World::boot(vec![writes(service("web"), "log"), reader("log")]);
    world.exits("log", 1);
    world.take_story();
    stop(&mut world);
    assert_eq!(world.take_story(), ["SIGTERM web"]);
    world.wait();
    assert_eq!(world.take_story(), ["start log"]);
    world.exits("web", 0);
    world.exits("log", 0);
    assert_eq!(world.exit, Some(0));
}

#[test]
fn what_is_being_restarted_when_the_last_writer_goes_reads_the_rest() {
    let mut world = World::boot(vec![writes(service("web"), "log"), reader("log")]);
    world.tell(Event::Restart { services: vec![ServiceId(1)] });
    stop(&mut world);
    world.take_story();
    world.exits("web", 0);
    assert_eq!(world.exit, None);
    world.exits("log", 0);
    assert_eq!(world.take_story(), ["start log", "end of input of log"]);
    world.exits("log", 0);
    assert_eq!(world.exit, Some(0));
}

#[test]
fn what_reads_and_cannot_be_started_does_not_hold_up_the_stop() {
    let mut world = World::boot(vec![writes(service("web"), "log"), reader("log")]);
    world.exits("log", 1);
    world.fork_failures = 9;
    stop(&mut world);
    world.exits("web", 0);
    assert_eq!(world.exit, Some(0));
}

#[test]
fn by_request_what_reads_is_told_at_once() {
    let mut world = World::boot(vec![writes(service("web"), "log"), reader("log")]);
    world.take_story();
    world.tell(Event::Restart { services: vec![ServiceId(1)] });
    assert_eq!(world.take_story(), ["SIGTERM log"]);
    world.exits("log", 0);
    assert_eq!(world.take_story(), ["start log"]);
    world.tell(Event::Stop { services: vec![ServiceId(1)] });
    assert_eq!(world.take_story(), ["SIGTERM log"]);
}

#[test]
fn what_a_reload_takes_away_reads_the_rest() {
    let old = vec![writes(service("web"), "log"), reader("log"), service("x")];
    let mut world = World::boot(old.clone());
    world.take_story();
    super::reload::reload(&mut world, old, vec![service("x")]);
    assert_eq!(world.take_story(), ["SIGTERM web"]);
    world.exits("web", 0);
    assert_eq!(world.take_story(), ["end of input of log"]);
}

#[test]
fn who_begins_to_read_is_restarted_and_who_ceases_to_is_not() {
    let old = [service("web"), service("log")];
    let new = [writes(service("web"), "log"), reader("log")];
    assert_eq!(plan(&old, &new).restart, ["web", "log"]);
    let back = plan(&new, &old);
    assert_eq!((back.restart, back.change), (vec!["web".to_owned()], vec!["log".to_owned()]));
}

/// It waits for its old writer to stop before it is started by its new definition, which reads nothing.
#[test]
fn what_is_not_to_read_any_more_is_not_started_by_the_stop() {
    let old = vec![writes(service("web"), "log"), reader("log"), service("other")];
    let mut world = World::boot(old.clone());
    reload(&mut world, old, vec![service("log"), service("other")]);
    world.exits("log", 1);
    assert_eq!(world.state("log"), State::Backoff);
    world.take_story();
    stop(&mut world);
    assert_eq!(world.state("log"), State::Stopped);
    assert_eq!(world.take_story(), ["SIGTERM other"]);
}
