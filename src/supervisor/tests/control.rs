//! Commands in place of signals, and beside a start and a stop.

use super::*;
use crate::model::{Control, Finish};

fn with(mut service: Service, controls: &[Control]) -> Service {
    service.hooks.control = controls.iter().map(|control| (*control, vec!["true".into()])).collect();
    service
}

fn in_place_of(signals: &[Signal]) -> Service {
    let controls: Vec<Control> = signals.iter().map(|signal| Control::Signal(*signal)).collect();
    with(service("web"), &controls)
}

const WEB: ServiceId = ServiceId(0);

fn signal(signal: Signal) -> Event {
    Event::Signal { service: WEB, scope: Scope::Process, signal }
}

#[test]
fn a_signal_is_sent_if_its_command_fails() {
    let mut world = World::boot(vec![in_place_of(&[Signal::HUP])]);
    world.tell(signal(Signal::HUP));
    world.exits("web:SIGHUP", 0);
    world.tell(signal(Signal::HUP));
    world.exits("web:SIGHUP", 1);
    world.tell(signal(Signal::USR1));
    let story = ["start web", "start web:SIGHUP", "start web:SIGHUP", "SIGHUP web", "SIGUSR1 web"];
    assert_eq!(world.take_story(), story);
}

#[test]
fn what_is_asked_for_meanwhile_waits_once_each_in_its_order() {
    let mut world = World::boot(vec![in_place_of(&[Signal::HUP])]);
    for asked in [Signal::HUP, Signal::USR1, Signal::HUP, Signal::USR2, Signal::USR1] {
        world.tell(signal(asked));
    }
    assert_eq!(world.take_story(), ["start web", "start web:SIGHUP"]);
    world.exits("web:SIGHUP", 0);
    assert_eq!(world.take_story(), ["start web:SIGHUP"]);
    world.exits("web:SIGHUP", 1);
    assert_eq!(world.take_story(), ["SIGHUP web", "SIGUSR2 web", "SIGUSR1 web"]);
}

#[test]
fn a_pause_and_its_end_wait_for_their_commands() {
    let mut world = World::boot(vec![in_place_of(&[Signal::STOP, Signal::CONT])]);
    world.tell(Event::Pause { service: WEB });
    assert_eq!(world.state("web"), State::Running);
    assert!(world.supervisor.is_controlled(WEB));
    world.tell(Event::Resume { service: WEB });
    world.tell(Event::Pause { service: WEB });
    world.exits("web:SIGSTOP", 0);
    assert_eq!(world.state("web"), State::Paused);
    world.exits("web:SIGCONT", 0);
    assert_eq!(world.state("web"), State::Running);
    world.exits("web:SIGSTOP", 3);
    assert_eq!(world.state("web"), State::Paused);
    let story =
        ["start web", "start web:SIGSTOP", "start web:SIGCONT", "start web:SIGSTOP", "SIGSTOP web group"];
    assert_eq!(world.take_story(), story);
    // Paused already.
    world.tell(Event::Pause { service: WEB });
    assert_eq!(world.take_story(), [""; 0]);
}

#[test]
fn a_command_that_hangs_is_killed_and_has_failed() {
    let mut world = World::boot(vec![in_place_of(&[Signal::HUP])]);
    world.tell(signal(Signal::HUP));
    world.take_story();
    assert_eq!(world.wait(), ms(60_000));
    assert_eq!(world.take_story(), ["SIGKILL web:SIGHUP group", "SIGHUP web"]);
}

#[test]
fn a_stop_kills_a_command_and_forgets_what_waits() {
    let mut world = World::boot(vec![in_place_of(&[Signal::HUP]), service("other")]);
    world.tell(signal(Signal::HUP));
    world.tell(signal(Signal::USR1));
    world.take_story();
    world.tell(Event::Stop { services: vec![WEB] });
    assert_eq!(world.take_story(), ["SIGKILL web:SIGHUP group", "SIGTERM web"]);
    // It may be what shows why a service does not end.
    world.tell(signal(Signal::HUP));
    assert_eq!(world.take_story(), ["SIGHUP web"]);
}

#[test]
fn a_command_outlives_the_process_that_it_ends() {
    let mut world = World::boot(vec![in_place_of(&[Signal::TERM])]);
    world.tell(signal(Signal::TERM));
    world.tell(signal(Signal::USR1));
    world.exits("web", 0);
    world.wait();
    assert_eq!(world.state("web"), State::Running);
    assert_eq!(world.take_story(), ["start web", "start web:SIGTERM", "start web"]);
    // The next process is not its business, but what is asked for waits for it all the same.
    world.tell(signal(Signal::USR2));
    world.exits("web:SIGTERM", 1);
    assert_eq!(world.take_story(), ["SIGUSR2 web"]);
}

#[test]
fn up_comes_before_each_start_and_may_fail() {
    let mut web = with(service("web"), &[Control::Up]);
    web.hooks.pre_start = Some(vec!["true".into()]);
    let mut world = World::boot(vec![web]);
    world.exits("web:up", 1);
    world.exits("web:pre_start", 0);
    world.exits("web", 1);
    world.wait();
    assert_eq!(world.wait(), ms(60_000));
    assert_eq!(world.state("web"), State::Starting);
    let story = ["start web:up", "start web:pre_start", "start web", "start web:up", "SIGKILL web:up group"];
    assert_eq!(world.take_story(), [&story[..], &["start web:pre_start"]].concat());
    world.tell(Event::Stop { services: vec![WEB] });
    world.exits("web:pre_start", 0);
    assert_eq!(world.state("web"), State::Stopped);
}

#[test]
fn down_comes_after_the_word_and_the_end_waits_for_it() {
    let mut web = with(service("web"), &[Control::Down, Control::Exit]);
    web.hooks.finish = Some(Finish::Runit);
    web.hooks.post_stop = Some(vec!["true".into()]);
    let mut world = World::boot(vec![web, service("other")]);
    world.tell(Event::Stop { services: vec![WEB] });
    world.exits("web", 0);
    assert_eq!(world.take_story(), ["start web", "start other", "SIGTERM web", "start web:down"]);
    world.exits("web:down", 1);
    world.exits("web:post_stop", 0);
    assert_eq!(world.state("web"), State::Stopped);
    assert_eq!(world.take_story(), ["start web:post_stop"]);
}

#[test]
fn a_restart_has_no_down_and_the_container_an_exit() {
    let mut web = with(service("web"), &[Control::Down, Control::Exit]);
    web.hooks.stop = Some(vec!["true".into()]);
    let mut world = World::boot(vec![web]);
    world.tell(Event::Restart { services: vec![WEB] });
    world.exits("web:stop_command", 0);
    world.exits("web", 0);
    assert_eq!(world.take_story(), ["start web", "start web:stop_command", "start web"]);
    world.tell(Event::StopRequested { signal: None });
    // The process ends by the command already.
    world.exits("web", 0);
    world.exits("web:stop_command", 0);
    assert_eq!(world.take_story(), ["start web:stop_command", "start web:exit"]);
    assert_eq!(world.wait(), ms(9000), "it has the grace");
    assert_eq!(world.exit, Some(137));
}
