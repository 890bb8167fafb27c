//! Start, crash, backoff, health.

use super::*;

#[test]
fn services_start_when_their_dependencies_are_there() {
    let mut world = World::boot(vec![
        needs(needs(service("web"), "db", Condition::Healthy), "migrate", Condition::CompletedSuccessfully),
        needs(task("migrate"), "db", Condition::Started),
        checked(service("db"), OnUnhealthy::None),
        service("alone"),
    ]);
    assert_eq!(world.take_story(), ["start db", "start alone", "start migrate"]);
    assert_eq!(world.state("web"), State::Waiting);
    assert_eq!(world.wait(), ms(1025), "the third service's first probe");
    world.exits("db?", 0);
    assert_eq!(world.state("web"), State::Waiting);
    world.exits("migrate", 0);
    assert_eq!(world.take_story(), ["start db?", "start web"]);
    assert_eq!(world.state("migrate"), State::Completed);
    assert_eq!(world.state("web"), State::Running);
}

#[test]
fn a_dependency_that_is_not_started_by_itself_is_wanted_by_what_needs_it() {
    let mut db = service("db");
    db.policy.autostart = false;
    let mut other = service("other");
    other.policy.autostart = false;
    let mut world = World::boot(vec![needs(service("web"), "db", Condition::Started), db, other]);
    assert_eq!(world.take_story(), ["start db", "start web"]);
    assert_eq!(world.state("other"), State::Stopped);
}

#[test]
fn a_crash_loop_is_slowed_down_and_a_long_run_makes_it_quick_again() {
    let mut world = World::boot(vec![service("web")]);
    for expected in [100, 200, 400, 800] {
        world.exits("web", 1);
        assert_eq!(world.state("web"), State::Backoff);
        assert_eq!(world.wait(), ms(expected));
        assert_eq!(world.state("web"), State::Running);
    }
    world.now += ms(10_000);
    world.ends("web", ExitStatus::Signal(9));
    assert_eq!(world.state("web"), State::Running);
    world.exits("web", 1);
    assert_eq!(world.wait(), ms(100));
}

#[test]
fn on_failure_gives_up_after_so_many_restarts_and_an_essential_service_ends_the_container() {
    let mut web = service("web");
    web.policy.restart = Restart::OnFailure(Some(3));
    web.policy.essential = true;
    let mut world = World::boot(vec![web, service("other")]);
    for _ in 0..3 {
        world.exits("web", 7);
        world.wait();
    }
    world.take_story();
    world.exits("web", 7);
    assert_eq!(world.state("web"), State::Failed);
    assert_eq!(world.take_story(), ["SIGTERM other"]);
    world.exits("other", 0);
    assert_eq!(world.exit, Some(7));
}

#[test]
fn on_failure_lets_a_service_complete() {
    let mut once = service("once");
    once.policy.restart = Restart::OnFailure(None);
    let mut world = World::boot(vec![once, service("web")]);
    world.exits("once", 0);
    assert_eq!(world.state("once"), State::Completed);
    assert_eq!(world.exit, None);
}

#[test]
fn an_unhealthy_service_is_stopped_and_started_again() {
    let mut world = World::boot(vec![checked(service("web"), OnUnhealthy::Restart)]);
    world.wait();
    world.exits("web?", 0);
    for _ in 0..2 {
        world.wait();
        world.exits("web?", 1);
    }
    assert_eq!(world.take_story(), ["start web", "start web?", "start web?", "start web?", "SIGTERM web"]);
    assert_eq!(world.state("web"), State::Stopping);
    assert_eq!(world.wait(), ms(10_000));
    assert_eq!(world.wait(), ms(100));
    assert_eq!(world.take_story(), ["SIGKILL web group", "start web"]);
}

/// Also while the new process runs, until that ends.
#[test]
fn why_rinit_ended_a_process_is_told_and_what_its_probes_said_is_not() {
    let mut world = World::boot(vec![checked(service("web"), OnUnhealthy::Restart)]);
    let id = world.supervisor.find("web").unwrap();
    let told = |world: &World| {
        let view = world.supervisor.view(world.now, id).unwrap();
        (view.reason.map(str::to_owned), view.exit_reason.map(str::to_owned))
    };
    for _ in 0..2 {
        world.wait();
        world.exits("web?", 1);
    }
    world.exits("web", 0);
    let why = Some("unhealthy: because".to_owned());
    assert_eq!((world.state("web"), told(&world)), (State::Backoff, (why.clone(), why.clone())));
    world.wait();
    assert_eq!((world.state("web"), told(&world)), (State::Running, (None, why)));
    let problem = world.supervisor.problem(world.now, id, Scale::Well).unwrap();
    assert_eq!(problem.message, "starting: no result of its health check yet");
    assert_eq!(world.supervisor.failed_probe(id), None);
    world.exits("web", 3);
    assert_eq!(told(&world), (None, None));
}

#[test]
fn a_probe_that_hangs_is_killed_and_counts() {
    let mut world = World::boot(vec![checked(service("web"), OnUnhealthy::None)]);
    for _ in 0..2 {
        assert_eq!(world.wait(), ms(1000));
        assert_eq!(world.wait(), ms(500));
    }
    let id = world.supervisor.find("web").unwrap();
    assert_eq!(world.supervisor.view(world.now, id).unwrap().health, Some(HealthState::Unhealthy));
    let problem = world.supervisor.problem(world.now, id, Scale::Well).unwrap();
    assert_eq!(problem.message, "unhealthy: its health check gave no result within 500ms");
}

#[test]
fn on_unhealthy_shutdown_stops_the_container() {
    let mut world = World::boot(vec![checked(service("web"), OnUnhealthy::Shutdown), service("db")]);
    for _ in 0..2 {
        world.wait();
        world.exits("web?", 1);
    }
    world.exits("web", 0);
    world.exits("db", 0);
    assert_eq!(world.exit, Some(1));
}

#[test]
fn what_depends_on_a_failure_fails_with_that_reason() {
    let mut world = World::boot(vec![
        needs(service("web"), "app", Condition::Started),
        needs(service("app"), "migrate", Condition::CompletedSuccessfully),
        task("migrate"),
        service("db"),
    ]);
    world.exits("migrate", 3);
    assert_eq!(world.state("app"), State::Failed);
    assert_eq!(world.state("web"), State::Failed);
    let id = world.supervisor.find("web").unwrap();
    let problem = world.supervisor.problem(world.now, id, Scale::Live).unwrap();
    assert_eq!(problem.message, "failed: dependency app failed");
    assert_eq!(world.exit, None);
    world.tell(Event::StopRequested { signal: Some(Signal::TERM) });
    world.exits("db", 0);
    assert_eq!(world.exit, Some(0));
}

#[test]
fn what_cannot_be_forked_is_tried_again_whatever_the_policy() {
    let mut world = World::new(vec![task("once")]);
    world.fork_failures = 2;
    world.tell(Event::Boot);
    assert_eq!(world.state("once"), State::Backoff);
    assert_eq!(world.wait(), ms(100));
    assert_eq!(world.wait(), ms(200));
    assert_eq!(world.state("once"), State::Running);
}

#[test]
fn what_has_no_program_fails_for_good() {
    let mut world = World::new(vec![service("web"), service("other")]);
    let mut effects = Vec::new();
    world.supervisor.step(ms(0), Event::Boot, &mut effects);
    let error = StartError { message: "no such program".into(), retry: Retry::No, code: 127 };
    world.tell(Event::Spawned { service: ServiceId(0), pid: Pid(70) });
    world.tell(Event::SetupFailed { pid: Pid(70), error });
    let exited = Event::Exited {
        pid: Pid(70),
        status: ExitStatus::Code(127),
        group_left: false,
        oom: false,
        output: vec![],
    };
    world.tell(exited);
    assert_eq!(world.state("web"), State::Failed);
}

#[test]
fn the_rest_of_a_crashed_service_s_group_goes_before_it_starts_again() {
    let mut world = World::boot(vec![service("web")]);
    let event = world.end_event("web", ExitStatus::Signal(9), true);
    world.tell(event);
    assert_eq!(world.take_story(), ["start web", "SIGTERM web group"]);
    assert_eq!(world.state("web"), State::Stopping);
    let (_, pid) = world.alive.remove(0);
    world.tell(Event::GroupGone { pid });
    assert_eq!(world.state("web"), State::Backoff);
    assert_eq!(world.wait(), ms(100));
    assert_eq!(world.take_story(), ["start web"]);
}

#[test]
fn a_signal_goes_to_the_main_process_while_there_is_one() {
    let mut world = World::new(vec![service("web")]);
    world.tell(Event::Boot);
    world.take_story();
    let send = |world: &mut World, scope, signal| {
        world.tell(Event::Signal { service: ServiceId(0), scope, signal });
        world.take_story()
    };
    assert_eq!(send(&mut world, Scope::Process, Signal::HUP), ["SIGHUP web"]);
    assert_eq!(send(&mut world, Scope::Group, Signal::HUP), ["SIGHUP web group"]);
    assert_eq!(world.state("web"), State::Running);
    // Others of its group are left, but it is gone.
    let event = world.end_event("web", ExitStatus::Code(1), true);
    world.tell(event);
    world.take_story();
    assert_eq!(send(&mut world, Scope::Process, Signal::HUP), [""; 0]);
}

/// A SIGKILL by request is not the kernel's, however many it has killed.
#[test]
fn a_kill_by_request_is_no_oom() {
    for (by_request, expected) in [(true, false), (false, true)] {
        let mut world = World::new(vec![service("web")]);
        world.tell(Event::Boot);
        let pid = world.alive[0].1;
        let mut effects = Vec::new();
        if by_request {
            let event = Event::Signal { service: ServiceId(0), scope: Scope::Process, signal: Signal::KILL };
            world.supervisor.step(world.now, event, &mut effects);
        }
        let status = ExitStatus::Signal(9);
        let exited = Event::Exited { pid, status, group_left: false, oom: true, output: vec![] };
        world.supervisor.step(world.now, exited, &mut effects);
        let died = effects.iter().find_map(|effect| match effect {
            Effect::Notice(Notice::Died(_, _, oom, ..)) => Some(*oom),
            _ => None,
        });
        assert_eq!(died, Some(expected));
    }
}
