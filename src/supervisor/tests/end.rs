//! `stop_command`, `finish`, and how long a service may run.

use super::*;
use crate::model::Finish;

fn undone(name: &str) -> Service {
    let mut service = task(name);
    service.hooks.stop = Some(vec!["undo".into()]);
    service
}

fn finishing(mut service: Service, finish: Finish) -> Service {
    service.hooks.post_stop = Some(vec!["./finish".into()]);
    service.hooks.post_stop_timeout = Some(ms(5000));
    service.hooks.finish = Some(finish);
    service
}

fn s6() -> Finish {
    Finish::S6("web".into())
}

#[test]
fn what_a_task_has_done_is_undone_after_its_dependents_have_stopped() {
    let mut world =
        World::boot(vec![needs(service("db"), "mount", Condition::CompletedSuccessfully), undone("mount")]);
    world.exits("mount", 0);
    assert_eq!(world.state("mount"), State::Completed);
    assert_eq!(world.take_story(), ["start mount", "start db"]);
    world.tell(Event::StopRequested { signal: None });
    assert_eq!(world.take_story(), ["SIGTERM db"]);
    world.exits("db", 0);
    assert_eq!(world.take_story(), ["start mount:stop_command"]);
    assert_eq!((world.exit, world.state("mount")), (None, State::Stopping));
    world.exits("mount:stop_command", 0);
    assert_eq!(world.exit, Some(0));
}

#[test]
fn an_undoing_that_hangs_is_killed_at_the_end_of_its_grace() {
    let mut mount = undone("mount");
    mount.policy.stop_grace_period = ms(2000);
    let mut world = World::boot(vec![mount, service("x")]);
    world.exits("mount", 0);
    world.tell(Event::Stop { services: vec![ServiceId(0)] });
    world.take_story();
    assert_eq!(world.wait(), ms(2000));
    assert_eq!(world.take_story(), ["SIGKILL mount:stop_command group"]);
    assert_eq!(world.state("mount"), State::Stopped);
}

#[test]
fn a_completed_task_that_can_be_undone_is_started_again_only_after_that() {
    let mut world = World::boot(vec![undone("mount"), service("x")]);
    world.exits("mount", 0);
    world.take_story();
    world.tell(Event::Start { services: vec![ServiceId(0)] });
    assert_eq!((world.state("mount"), world.take_story()), (State::Completed, vec![]), "it is done");
    world.tell(Event::Restart { services: vec![ServiceId(0)] });
    assert_eq!(world.take_story(), ["start mount:stop_command"]);
    world.exits("mount:stop_command", 1);
    assert_eq!(world.take_story(), ["start mount"], "that it failed cannot hold it up");
}

#[test]
fn a_task_that_has_failed_has_done_nothing_to_undo() {
    let mut world = World::boot(vec![undone("mount"), service("x")]);
    world.exits("mount", 1);
    world.take_story();
    world.tell(Event::StopRequested { signal: None });
    assert_eq!(world.take_story(), ["SIGTERM x"]);
    world.exits("x", 0);
    assert_eq!(world.exit, Some(0));
}

#[test]
fn without_time_nothing_is_undone() {
    let mut world =
        World::boot(vec![needs(service("db"), "mount", Condition::CompletedSuccessfully), undone("mount")]);
    world.exits("mount", 0);
    world.tell(Event::StopRequested { signal: None });
    world.take_story();
    world.tell(Event::KillRequested);
    assert_eq!(world.take_story(), ["SIGKILL db group"]);
    assert_eq!(world.exit, Some(137));
}

#[test]
fn when_all_is_done_it_is_undone() {
    let mut world = World::boot(vec![undone("mount"), needs(undone("b"), "mount", Condition::Started)]);
    world.exits("mount", 0);
    world.exits("b", 0);
    assert_eq!(world.take_story(), ["start mount", "start b", "start b:stop_command"]);
    world.exits("b:stop_command", 0);
    world.exits("mount:stop_command", 0);
    assert_eq!(world.exit, Some(0));
}

#[test]
fn a_reload_that_changes_a_completed_task_undoes_it_first() {
    let old = vec![undone("mount"), service("x")];
    let mut world = World::boot(old.clone());
    world.exits("mount", 0);
    world.take_story();
    let mut changed = task("mount");
    changed.exec.command = vec!["other".into()];
    super::reload::reload(&mut world, old, vec![changed, service("x")]);
    assert_eq!(world.take_story(), ["start mount:stop_command"], "that of the old definition");
    world.exits("mount:stop_command", 0);
    assert_eq!(world.take_story(), ["start mount"]);
    world.exits("mount", 0);
    world.tell(Event::Stop { services: vec![ServiceId(0)] });
    assert_eq!(world.take_story(), [""; 0], "the new one has none");
}

#[test]
fn a_command_stops_what_runs_and_the_signal_is_sent_where_it_fails() {
    let mut web = service("web");
    web.hooks.stop = Some(vec!["ask".into()]);
    let mut world = World::boot(vec![web, service("x")]);
    world.take_story();
    world.tell(Event::Restart { services: vec![ServiceId(0)] });
    world.exits("web:stop_command", 0);
    world.exits("web", 0);
    assert_eq!(world.take_story(), ["start web:stop_command", "start web"]);
    world.tell(Event::Stop { services: vec![ServiceId(0)] });
    world.exits("web:stop_command", 1);
    assert_eq!(world.take_story(), ["start web:stop_command", "SIGTERM web"]);
    world.exits("web", 0);
    world.tell(Event::Start { services: vec![ServiceId(0)] });
    world.tell(Event::Stop { services: vec![ServiceId(0)] });
    world.exits("web", 0);
    assert_eq!(world.state("web"), State::Stopping, "COMMAND decides when it ends");
    world.exits("web:stop_command", 0);
    assert_eq!(world.state("web"), State::Stopped);
    world.tell(Event::Start { services: vec![ServiceId(0)] });
    world.tell(Event::Stop { services: vec![ServiceId(0)] });
    world.take_story();
    world.wait();
    assert_eq!(world.take_story(), ["SIGKILL web:stop_command group", "SIGKILL web group"]);
    assert_eq!(world.state("web"), State::Stopped);
}

#[test]
fn finish_runs_after_each_end_and_has_its_own_time() {
    let mut world = World::boot(vec![finishing(service("web"), s6())]);
    world.take_story();
    world.exits("web", 1);
    assert_eq!(world.take_story(), ["start web:post_stop"]);
    assert_eq!(world.wait(), ms(5000));
    assert_eq!(world.take_story(), ["SIGKILL web:post_stop group"]);
    assert_eq!(world.state("web"), State::Backoff);
}

#[test]
fn by_125_a_finish_of_s6_says_that_there_is_no_restart() {
    let mut world = World::boot(vec![finishing(service("web"), s6()), service("x")]);
    world.exits("web", 4);
    world.exits("web:post_stop", 125);
    assert_eq!(world.state("web"), State::Failed);
    let problem = world.supervisor.problem(world.now, ServiceId(0), Scale::Well).unwrap();
    let expected = "failed: exited with code 4, and its finish exited with 125: not started again";
    assert_eq!(problem.message, expected);
    world.tell(Event::Start { services: vec![ServiceId(0)] });
    assert_eq!(world.state("web"), State::Running);

    let mut world = World::boot(vec![finishing(service("web"), Finish::Runit), service("x")]);
    world.exits("web", 4);
    world.exits("web:post_stop", 125);
    assert_eq!(world.state("web"), State::Backoff, "to runit it says nothing");
}

/// A child that could not set itself up has said nothing of the kind.
#[test]
fn a_finish_that_cannot_be_set_up_does_not_say_that_there_is_no_restart() {
    let mut world = World::boot(vec![finishing(service("web"), s6()), service("x")]);
    world.exits("web", 4);
    let pid = world.alive.iter().find(|(name, _)| name == "web:post_stop").unwrap().1;
    let error = StartError { message: "cannot change to /x".into(), retry: Retry::No, code: 125 };
    world.tell(Event::SetupFailed { pid, error });
    world.exits("web:post_stop", 127);
    assert_eq!(world.state("web"), State::Backoff);
}

#[test]
fn a_finish_of_runit_runs_also_if_there_was_nothing_to_run() {
    for (finish, runs) in [(Finish::Runit, true), (s6(), false)] {
        let mut world = World::new(vec![finishing(service("web"), finish), service("x")]);
        let error = StartError { message: "cannot execute ./run".into(), retry: Retry::No, code: 127 };
        world.supervisor.step(world.now, Event::Boot, &mut Vec::new());
        let pid = world.new_process(ServiceId(0), "");
        world.tell(Event::Spawned { service: ServiceId(0), pid });
        world.tell(Event::SetupFailed { pid, error });
        world.exits("web", 127);
        if runs {
            assert_eq!(world.take_story(), ["start web", "start web:post_stop"]);
            world.exits("web:post_stop", 0);
        }
        assert_eq!(world.state("web"), State::Failed);
    }
}

/// Nothing is wrong with its definition, so that its restart policy decides.
#[test]
fn one_that_is_killed_before_its_program_runs_has_not_started() {
    for (restart, state) in [(Restart::Always, State::Backoff), (Restart::No, State::Failed)] {
        let mut web = service("web");
        web.policy.restart = restart;
        web.policy.start_timeout = Some(ms(3000));
        let app = needs(service("app"), "web", Condition::Started);
        let mut world = World::new(vec![web, app]);
        world.supervisor.step(world.now, Event::Boot, &mut Vec::new());
        let message = "cannot start: killed by SIGKILL before its program ran".to_owned();
        let error = StartError { message, retry: Retry::ByPolicy, code: 137 };
        let pid = world.new_process(ServiceId(0), "");
        world.tell(Event::Spawned { service: ServiceId(0), pid });
        world.tell(Event::SetupFailed { pid, error: error.clone() });
        world.ends("web", ExitStatus::Signal(9));
        assert_eq!((world.state("web"), world.state("app") == State::Running), (state, false));
        let view = world.supervisor.view(world.now, ServiceId(0)).unwrap();
        assert!(view.reason.unwrap().starts_with(&error.message), "{:?}", view.reason);
        assert_eq!(view.last_exit.as_deref(), Some("killed by SIGKILL"));
    }
}

#[test]
fn what_runs_for_too_long_has_failed() {
    let mut up = task("up");
    up.policy.run_timeout = Some(ms(3000));
    let mut world = World::boot(vec![up, service("x")]);
    world.take_story();
    assert_eq!(world.wait(), ms(3000));
    assert_eq!(world.take_story(), ["SIGTERM up"]);
    world.exits("up", 0);
    assert_eq!(world.state("up"), State::Failed);
    let problem = world.supervisor.problem(world.now, ServiceId(0), Scale::Well).unwrap();
    assert_eq!(problem.message, "failed: still running after 3s");
    world.tell(Event::StopRequested { signal: None });
    world.exits("x", 0);
}

/// One that depends on another and is killed after a second.
fn killed_soon(grace_of_db: u64) -> World {
    let mut web = finishing(needs(service("web"), "db", Condition::Started), s6());
    web.policy.stop_grace_period = ms(1000);
    let mut db = service("db");
    db.policy.stop_grace_period = ms(grace_of_db);
    let mut world = World::boot(vec![web, db]);
    world.take_story();
    world.tell(Event::StopRequested { signal: None });
    assert_eq!(world.wait(), ms(1000));
    world
}

#[test]
fn with_the_container_finish_of_what_was_killed_has_the_time_that_nobody_needs() {
    let mut world = killed_soon(5000);
    assert_eq!(world.take_story(), ["SIGTERM web", "SIGKILL web group", "start web:post_stop"]);
    assert_eq!(world.wait(), ms(3000), "nine seconds less the second and the five of the database");
    assert_eq!(world.take_story(), ["SIGKILL web:post_stop group", "SIGTERM db"]);
    assert_eq!(world.wait(), ms(5000));
    assert_eq!(world.exit, Some(137));
}

#[test]
fn with_the_container_there_is_no_finish_at_the_cost_of_others() {
    let mut world = killed_soon(8000);
    assert_eq!(world.take_story(), ["SIGTERM web", "SIGKILL web group", "SIGTERM db"]);
    world.exits("db", 0);
    assert_eq!(world.exit, Some(137));
}

#[test]
fn a_finish_under_way_goes_on_when_the_container_stops() {
    let mut web = finishing(service("web"), s6());
    web.policy.stop_grace_period = ms(100);
    let mut world = World::boot(vec![web, service("x")]);
    world.exits("web", 1);
    world.now += ms(1000);
    world.tell(Event::StopRequested { signal: None });
    world.take_story();
    assert_eq!(world.wait(), ms(4000), "it has five seconds in all");
    assert_eq!(world.take_story(), ["SIGKILL web:post_stop group"]);
}

/// It has a limit of its own, which the grace of a second stop does not shorten.
#[test]
fn a_post_stop_has_its_time_when_its_service_is_to_stop_once_more() {
    let mut web = finishing(service("web"), s6());
    web.policy.stop_grace_period = ms(0);
    let mut world = World::boot(vec![web, service("other")]);
    world.exits("web", 1);
    world.take_story();
    world.tell(Event::Stop { services: vec![ServiceId(0)] });
    assert_eq!(world.wait(), ms(5000));
    assert_eq!(world.take_story(), ["SIGKILL web:post_stop group"]);
}
