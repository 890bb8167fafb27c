//! The stop of the container.

use super::*;

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
fn what_is_done_stands_between_its_dependents_and_what_it_depends_on() {
    let mut mount = task("mount");
    mount.hooks.stop = Some(vec!["undo".into()]);
    let mut world = World::boot(vec![
        needs(service("web"), "second", Condition::CompletedSuccessfully),
        needs(task("second"), "first", Condition::CompletedSuccessfully),
        needs(needs(task("first"), "mount", Condition::CompletedSuccessfully), "db", Condition::Started),
        service("db"),
        mount,
    ]);
    for done in ["mount", "first", "second"] {
        world.exits(done, 0);
    }
    world.take_story();
    world.tell(Event::StopRequested { signal: Some(Signal::TERM) });
    assert_eq!(world.take_story(), ["SIGTERM web"]);
    world.exits("web", 0);
    assert_eq!(world.take_story().len(), 2, "the database, and what mount has done");
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

#[test]
fn who_was_to_be_killed_and_could_not_be_does_not_count_as_killed() {
    let mut world = World::boot(vec![service("web")]);
    world.tell(Event::StopRequested { signal: Some(Signal::TERM) });
    let id = world.supervisor.find("web").unwrap();
    world.supervisor.with(id, |unit| {
        unit.killed = true;
        unit.not_signalled(Signal::KILL, "cannot send SIGKILL".to_owned(), &mut Vec::new());
        assert!(!unit.killed);
    });
}

fn refuse(world: &mut World, name: &str, signal: Signal) {
    let pid = world.alive.iter().find(|(it, _)| it == name).map_or(Pid(1), |(_, pid)| *pid);
    world.tell(Event::NotSignalled { pid, signal, message: format!("cannot send {signal}") });
}

/// `web` ends only by SIGKILL. Its SIGTERM could not be sent, which is told before or after the SIGKILL is sent.
#[test]
fn who_could_not_be_told_to_stop_and_was_killed_counts_as_killed() {
    for is_late in [false, true] {
        let mut world = World::boot(vec![service("web")]);
        world.tell(Event::StopRequested { signal: None });
        if !is_late {
            refuse(&mut world, "web", Signal::TERM);
        }
        let mut effects = Vec::new();
        world.now = world.supervisor.next_deadline().unwrap();
        world.supervisor.step(world.now, Event::Tick, &mut effects);
        if is_late {
            refuse(&mut world, "web", Signal::TERM);
        }
        world.ends("web", ExitStatus::Signal(9));
        assert_eq!(world.exit, Some(crate::model::exit::KILLED), "late: {is_late}");
    }
}

/// The rest of its group could not be told to stop, and has ended all the same.
#[test]
fn what_could_not_be_told_to_stop_and_is_gone_is_no_failure() {
    let mut world = World::boot(vec![service("web")]);
    world.tell(Event::StopRequested { signal: None });
    let event = world.end_event("web", ExitStatus::Code(0), true);
    world.tell(event);
    refuse(&mut world, "web", Signal::TERM);
    let (_, pid) = world.alive.remove(0);
    world.tell(Event::GroupGone { pid });
    assert_eq!(world.supervisor.refusal(ServiceId(0)), None);
    assert_eq!(world.exit, Some(0));
}

/// It could not be killed and was given up. While another one stops, it has ended all the same.
#[test]
fn what_was_given_up_and_has_ended_is_no_failure() {
    let mut slow = service("slow");
    slow.policy.stop_grace_period = ms(8000);
    let mut quick = service("web");
    quick.policy.stop_grace_period = ms(100);
    let mut world = World::boot(vec![quick, slow]);
    world.tell(Event::StopRequested { signal: None });
    refuse(&mut world, "web", Signal::TERM);
    let mut effects = Vec::new();
    while world.state("web") != State::Stopped {
        world.now = world.supervisor.next_deadline().unwrap();
        world.supervisor.step(world.now, Event::Tick, &mut effects);
        refuse(&mut world, "web", Signal::KILL);
    }
    assert!(world.supervisor.refusal(ServiceId(0)).is_some());
    world.exits("web", 0);
    assert_eq!(world.supervisor.refusal(ServiceId(0)), None);
    world.exits("slow", 0);
    assert_eq!(world.exit, Some(0));
}
