//! Hooks, readiness, the watchdog, pause, kill modes, and requests for single services.

use super::*;
use crate::model::{KillMode, Notify};

fn with_hooks(mut service: Service, hooks: &[Hook]) -> Service {
    let command = || Some(vec!["true".into()]);
    for hook in hooks {
        match hook {
            Hook::PreStart => service.hooks.pre_start = command(),
            Hook::PostStart => service.hooks.post_start = command(),
            Hook::PreStop => service.hooks.pre_stop = command(),
            Hook::Stop => service.hooks.stop = command(),
            Hook::PostStop => service.hooks.post_stop = command(),
            Hook::Control(control) => service.hooks.control.push((*control, vec!["true".into()])),
        }
    }
    service
}

fn notifying(name: &str) -> Service {
    let mut service = service(name);
    service.policy.notify = Some(Notify::Systemd);
    service
}

const ALL_HOOKS: [Hook; 4] = [Hook::PreStart, Hook::PostStart, Hook::PreStop, Hook::PostStop];

#[test]
fn hooks_run_around_the_main_process() {
    let mut world = World::boot(vec![with_hooks(service("web"), &ALL_HOOKS)]);
    assert_eq!(world.take_story(), ["start web:pre_start"]);
    assert_eq!(world.state("web"), State::Starting);
    world.exits("web:pre_start", 0);
    assert_eq!(world.take_story(), ["start web", "start web:post_start"]);
    world.exits("web:post_start", 3);
    assert_eq!(world.state("web"), State::Running, "post_start need not succeed");
    world.tell(Event::StopRequested { signal: None });
    assert_eq!(world.take_story(), ["start web:pre_stop"]);
    world.exits("web:pre_stop", 0);
    assert_eq!(world.take_story(), ["SIGTERM web"]);
    world.exits("web", 0);
    assert_eq!(world.take_story(), ["start web:post_stop"]);
    assert_eq!(world.exit, None);
    world.exits("web:post_stop", 0);
    assert_eq!(world.exit, Some(0));
}

#[test]
fn post_stop_runs_before_a_crashed_service_is_started_again() {
    let mut world = World::boot(vec![with_hooks(service("web"), &[Hook::PostStop])]);
    world.exits("web", 1);
    assert_eq!(world.state("web"), State::Stopping);
    world.exits("web:post_stop", 0);
    assert_eq!(world.state("web"), State::Backoff);
    assert_eq!(world.wait(), ms(100));
    assert_eq!(world.take_story(), ["start web", "start web:post_stop", "start web"]);
}

#[test]
fn a_post_stop_that_hangs_is_killed_at_the_end_of_the_grace() {
    let mut world = World::boot(vec![with_hooks(service("web"), &[Hook::PostStop])]);
    world.exits("web", 1);
    world.take_story();
    assert_eq!(world.wait(), ms(10_000));
    assert_eq!(world.take_story(), ["SIGKILL web:post_stop group"]);
    assert_eq!(world.state("web"), State::Backoff);
}

#[test]
fn pre_start_has_to_succeed() {
    let mut once = with_hooks(task("once"), &[Hook::PreStart]);
    once.policy.restart = Restart::OnFailure(Some(1));
    let mut world = World::boot(vec![once, service("other")]);
    world.exits("once:pre_start", 1);
    assert_eq!(world.state("once"), State::Backoff);
    world.wait();
    world.exits("once:pre_start", 1);
    assert_eq!(world.state("once"), State::Failed);
    let id = world.supervisor.find("once").unwrap();
    let problem = world.supervisor.problem(world.now, id, Scale::Well).unwrap();
    assert_eq!(problem.message, "failed: pre_start failed: exited with code 1, gave up after 1 restart");
}

#[test]
fn a_stop_during_pre_start_stops_the_hook() {
    let mut world = World::boot(vec![with_hooks(service("web"), &ALL_HOOKS)]);
    world.take_story();
    world.tell(Event::StopRequested { signal: None });
    assert_eq!(world.take_story(), ["SIGTERM web:pre_start group"]);
    world.ends("web:pre_start", ExitStatus::Signal(15));
    assert_eq!(world.exit, Some(0));
}

#[test]
fn a_main_process_that_ends_during_pre_stop_is_not_signalled() {
    let mut world = World::boot(vec![with_hooks(service("web"), &[Hook::PreStop]), service("other")]);
    world.take_story();
    world.tell(Event::Stop { services: vec![ServiceId(0)] });
    world.exits("web", 0);
    assert_eq!(world.state("web"), State::Stopping);
    world.exits("web:pre_stop", 0);
    assert_eq!(world.take_story(), ["start web:pre_stop"]);
    assert_eq!(world.state("web"), State::Stopped);
}

#[test]
fn a_service_that_notifies_is_ready_when_it_says_so() {
    let mut world = World::boot(vec![notifying("db"), needs(service("web"), "db", Condition::Started)]);
    assert_eq!(world.state("db"), State::Starting);
    assert_eq!(world.take_story(), ["start db"]);
    world.tell(Event::Notified { service: ServiceId(0), news: News::Status("warming up".into()) });
    world.tell(Event::Notified { service: ServiceId(0), news: News::Ready });
    assert_eq!(world.state("db"), State::Running);
    assert_eq!(world.take_story(), ["start web"]);
    assert_eq!(world.supervisor.view(world.now, ServiceId(0)).unwrap().status, Some("warming up"));
}

#[test]
fn past_its_start_timeout_the_start_has_failed() {
    let mut db = notifying("db");
    db.policy.start_timeout = Some(ms(3000));
    db.policy.restart = Restart::OnFailure(Some(0));
    let mut world = World::boot(vec![db, service("other")]);
    world.tell(Event::Notified { service: ServiceId(0), news: News::Extend(ms(4000)) });
    assert_eq!(world.wait(), ms(4000));
    assert_eq!(world.state("db"), State::Stopping);
    world.exits("db", 0);
    assert_eq!(world.state("db"), State::Failed);
}

#[test]
fn ending_before_being_ready_is_a_failure_whatever_the_code() {
    let mut db = notifying("db");
    db.policy.restart = Restart::No;
    let mut world = World::boot(vec![db, service("other")]);
    world.exits("db", 0);
    assert_eq!(world.state("db"), State::Failed);
}

#[test]
fn a_service_that_feeds_its_watchdog_no_longer_is_killed_and_restarted() {
    let mut db = notifying("db");
    db.policy.watchdog = Some(ms(2000));
    let mut world = World::boot(vec![db]);
    world.tell(Event::Notified { service: ServiceId(0), news: News::Ready });
    world.now += ms(1500);
    world.tell(Event::Notified { service: ServiceId(0), news: News::Alive });
    world.take_story();
    assert_eq!(world.wait(), ms(2000));
    assert_eq!(world.take_story(), ["SIGKILL db group"]);
    assert_eq!(world.state("db"), State::Backoff);
    let view = world.supervisor.view(world.now, ServiceId(0)).unwrap();
    assert_eq!(view.exit_reason, Some("no WATCHDOG=1 for 2s"));
}

/// Also without a watchdog, as with systemd.
#[test]
fn a_service_may_ask_to_be_killed_and_restarted() {
    let mut world = World::boot(vec![notifying("db")]);
    world.tell(Event::Notified { service: ServiceId(0), news: News::Trigger });
    assert_eq!(world.state("db"), State::Starting);
    world.tell(Event::Notified { service: ServiceId(0), news: News::Ready });
    world.take_story();
    world.tell(Event::Notified { service: ServiceId(0), news: News::Trigger });
    assert_eq!(world.take_story(), ["SIGKILL db group"]);
    let reason = world.supervisor.view(world.now, ServiceId(0)).unwrap().reason;
    assert_eq!(reason, Some("the service sent WATCHDOG=trigger"));
}

#[test]
fn a_paused_service_is_not_probed_and_can_be_stopped() {
    let mut world = World::boot(vec![checked(service("web"), OnUnhealthy::Restart)]);
    world.wait();
    world.take_story();
    world.tell(Event::Pause { service: ServiceId(0) });
    assert_eq!(world.take_story(), ["SIGSTOP web group", "SIGKILL web? group"]);
    assert_eq!((world.state("web"), world.supervisor.next_deadline()), (State::Paused, None));
    world.tell(Event::Resume { service: ServiceId(0) });
    assert_eq!(world.wait(), ms(1000));
    world.exits("web?", 0);
    world.tell(Event::Pause { service: ServiceId(0) });
    world.take_story();
    world.tell(Event::StopRequested { signal: None });
    assert_eq!(world.take_story(), ["SIGTERM web"]);
    world.exits("web", 0);
    assert_eq!(world.exit, Some(0));
}

#[test]
fn kill_modes_say_who_gets_which_signal() {
    for (mode, stop, kill) in [
        (KillMode::Mixed, "SIGTERM web", "SIGKILL web group"),
        (KillMode::Group, "SIGTERM web group", "SIGKILL web group"),
        (KillMode::Process, "SIGTERM web", "SIGKILL web"),
    ] {
        let mut web = service("web");
        web.policy.kill_mode = mode;
        let mut world = World::boot(vec![web]);
        world.take_story();
        world.tell(Event::StopRequested { signal: None });
        world.wait();
        assert_eq!(world.take_story(), [stop, kill], "{mode:?}");
    }
}

#[test]
fn dependents_that_want_it_are_restarted_with_what_they_depend_on() {
    let mut web = needs(service("web"), "db", Condition::Started);
    web.policy.depends_on[0].restart = true;
    let app = needs(service("app"), "db", Condition::Started);
    let mut world = World::boot(vec![app, service("db"), web]);
    world.take_story();
    world.exits("db", 1);
    assert_eq!(world.take_story(), ["SIGTERM web"]);
    world.exits("web", 0);
    assert_eq!(world.state("web"), State::Waiting);
    world.wait();
    assert_eq!(world.take_story(), ["start db", "start web"]);
    assert_eq!(world.state("app"), State::Running);
}

#[test]
fn what_is_not_required_is_waited_for_but_may_fail() {
    let mut web = needs(service("web"), "cache", Condition::CompletedSuccessfully);
    web.policy.depends_on[0].required = false;
    let mut world = World::boot(vec![task("cache"), web]);
    assert_eq!(world.state("web"), State::Waiting);
    world.exits("cache", 1);
    assert_eq!(world.state("web"), State::Running);
}

#[test]
fn a_service_is_stopped_and_started_by_request_and_stays_stopped() {
    let mut web = service("web");
    web.policy.restart = Restart::UnlessStopped;
    let mut world = World::boot(vec![needs(service("app"), "web", Condition::Started), web.clone()]);
    world.take_story();
    world.tell(Event::Stop { services: vec![ServiceId(1)] });
    assert_eq!(world.take_story(), ["remember web true", "SIGTERM web"]);
    world.exits("web", 0);
    assert_eq!(world.state("web"), State::Stopped);
    world.tell(Event::Stop { services: vec![ServiceId(1)] });
    assert_eq!(world.take_story(), ["remember web true"], "the disk may have been full");
    assert_eq!(world.state("app"), State::Running, "as with docker compose stop");
    world.tell(Event::Start { services: vec![ServiceId(1)] });
    assert_eq!(world.take_story(), ["remember web false", "start web"]);

    let mut world = World::new(vec![service("app"), web]);
    world.supervisor.keep_stopped("web");
    world.supervisor.keep_stopped("app");
    world.tell(Event::Boot);
    assert_eq!(world.take_story(), ["start app"], "only unless-stopped stays stopped");
}

#[test]
fn a_restart_by_request_waits_for_no_backoff_and_starts_what_had_failed() {
    let mut world = World::boot(vec![service("web"), task("once"), service("other")]);
    world.exits("web", 1);
    world.take_story();
    world.tell(Event::Restart { services: vec![ServiceId(0)] });
    assert_eq!(world.take_story(), ["start web"]);
    world.tell(Event::Restart { services: vec![ServiceId(0)] });
    assert_eq!(world.take_story(), ["SIGTERM web"]);
    world.exits("web", 0);
    assert_eq!(world.take_story(), ["start web"]);
    world.exits("once", 1);
    world.tell(Event::Restart { services: vec![ServiceId(1)] });
    assert_eq!(world.state("once"), State::Running);
}

#[test]
fn a_kill_for_want_of_memory_is_told_as_such() {
    let mut world = World::boot(vec![service("web")]);
    let Event::Exited { pid, status, .. } = world.end_event("web", ExitStatus::Signal(9), false) else {
        panic!()
    };
    world.tell(Event::Exited { pid, status, group_left: false, oom: true, output: vec![] });
    let view = world.supervisor.view(world.now, ServiceId(0)).unwrap();
    assert_eq!(view.last_exit.as_deref(), Some("killed by SIGKILL (oom: out of memory)"));
}
