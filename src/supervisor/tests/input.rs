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

fn logger() -> Service {
    let mut logger = reader(crate::model::LOGGER);
    logger.policy.autostart = false;
    logger.policy.stop_grace_period = ms(1000);
    logger.policy.stop_signal = Some(Signal::INT);
    logger
}

fn logs(service: Service) -> Service {
    needs(service, crate::model::LOGGER, Condition::Started)
}

/// What is part of rinit is there for the others: it does not keep the container.
#[test]
fn the_container_ends_when_only_the_logger_is_left() {
    let mut world = World::boot(vec![logs(task("a")), logs(task("b")), logger()]);
    assert_eq!(world.take_story(), ["start .logger", "start a", "start b"]);
    world.exits("a", 0);
    assert_eq!(world.take_story(), [""; 0]);
    world.exits("b", 0);
    assert_eq!(world.take_story(), ["end of input of .logger", "SIGTERM to the rest"]);
    world.exits(crate::model::LOGGER, 0);
    world.tell(Event::NothingLeft);
    assert_eq!(world.exit, Some(0));
}

/// Also after those that do not log, and with all the time that is left.
#[test]
fn the_logger_stops_after_everything_else() {
    let mut other = service("other");
    other.policy.stop_grace_period = ms(6000);
    let mut world = World::boot(vec![logs(service("web")), other, logger()]);
    world.take_story();
    stop(&mut world);
    assert_eq!(world.take_story(), ["SIGTERM web", "SIGTERM other"]);
    world.exits("web", 0);
    assert_eq!(world.take_story(), [""; 0]);
    assert_eq!(world.wait(), ms(6000));
    assert_eq!(world.take_story(), ["SIGKILL other group", "end of input of .logger", "SIGTERM to the rest"]);
    // Of its own grace it has half for what it has to say when it is told to end.
    assert_eq!(world.wait(), ms(2500));
    assert_eq!(world.take_story(), ["SIGINT .logger"]);
    assert_eq!(world.wait(), ms(500));
    assert_eq!(world.take_story(), ["SIGKILL .logger group"]);
    assert_eq!(world.exit, Some(137), "for other, and not for the logger");
}

#[test]
fn a_logger_that_is_killed_makes_no_failure() {
    let mut world = World::boot(vec![logs(service("web")), logger()]);
    stop(&mut world);
    world.exits("web", 0);
    world.wait();
    world.wait();
    world.tell(Event::NothingLeft);
    assert_eq!(world.exit, Some(0));
}

/// One that has just been killed is there once more for what is left.
#[test]
fn a_logger_between_two_lives_reads_the_rest() {
    let mut world = World::boot(vec![logs(service("web")), logger()]);
    stop(&mut world);
    world.ends(crate::model::LOGGER, ExitStatus::Signal(9));
    world.take_story();
    world.exits("web", 0);
    assert_eq!(world.take_story(), ["start .logger", "SIGTERM to the rest", "end of input of .logger"]);
    world.exits(crate::model::LOGGER, 0);
    world.tell(Event::NothingLeft);
    assert_eq!(world.exit, Some(0));
}

/// Its second is a part of the stop timeout only where it runs.
#[test]
fn graces_are_scaled_only_where_the_logger_runs() {
    let web = |grace| {
        let mut web = service("web");
        web.policy.stop_grace_period = ms(grace);
        web
    };
    for (services, killed_after) in [
        (vec![web(9000)], 9000),
        (vec![web(9000), logger()], 9000),
        (vec![logs(web(9000)), logger()], 8100),
        (vec![logs(web(8000)), logger()], 8000),
    ] {
        let mut world = World::boot(services);
        stop(&mut world);
        assert_eq!(world.wait(), ms(killed_after));
        assert!(world.take_story().contains(&"SIGKILL web group".to_owned()));
    }
}
