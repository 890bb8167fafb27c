//! Effects are carried out, and what came of them is told.

use super::*;
use crate::supervisor::ExitStatus;
use std::os::unix::process::CommandExt;
use std::sync::mpsc;
use std::time::{Duration, Instant};

fn executor() -> Executor {
    Executor::new(
        Supervisor::new(&[], Duration::ZERO),
        Vec::new(),
        Launcher::record(),
        Poller::new().unwrap(),
        State::open(None, false),
    )
}

/// The failure event must match the effect, or the supervisor takes it for another process's.
#[test]
fn a_service_that_does_not_exist_is_answered_for_what_was_asked() {
    let mut executor = executor();
    let nobody = ServiceId(7);
    let spawned = executor.spawn(nobody);
    assert!(matches!(spawned, Event::SpawnFailed { service, .. } if service == nobody));
    let probed = executor.probe(nobody);
    assert!(matches!(probed, Event::ProbeSpawnFailed { service, .. } if service == nobody));
    let hooked = executor.hook(nobody, Hook::PreStop, &launch::End { status: None, group: None });
    assert!(
        matches!(hooked, Event::HookSpawnFailed { service, hook: Hook::PreStop, .. } if service == nobody)
    );
}

/// What is written after the exit is decided is no longer waited for then.
#[test]
fn the_end_comes_within_the_stop_timeout_and_a_little() {
    let timeout = Duration::from_secs(1000);
    // Other tests end as well, with other timeouts.
    let is_bound = |_| {
        let mut executor = executor();
        executor.supervisor = Supervisor::new(&[], timeout);
        let now = Instant::now();
        let mut effects = Vec::new();
        executor.supervisor.step(Duration::ZERO, Event::StopRequested { signal: None }, &mut effects);
        // The others would stop what other tests have started.
        for effect in effects.into_iter().filter(|effect| matches!(effect, Effect::Notice(_))) {
            executor.carry_out(effect);
        }
        executor.feed(Duration::ZERO, Event::NothingLeft);
        assert!(executor.exit_status().is_some());
        let left = crate::init::output::OUTPUT.ends_by().map(|at| at.saturating_duration_since(now));
        left.is_some_and(|left| left >= timeout && left < timeout + Duration::from_secs(60))
    };
    assert!((0..100).any(is_bound));
}

/// After the exit the supervisor ignores events, so the group stays in its table.
#[test]
fn a_group_that_is_gone_after_the_exit_is_not_told_for_ever() {
    let (done, is_done) = mpsc::channel();
    std::thread::spawn(move || {
        let mut executor = executor();
        let mut leader = std::process::Command::new("sleep").arg("1000").process_group(0).spawn().unwrap();
        let pid = Pid(i32::try_from(leader.id()).unwrap());
        executor.supervisor.record(pid, ServiceId(0), Role::Main);
        let status = ExitStatus::Code(0);
        let exited = Event::Exited { pid, status, group_left: true, oom: false, output: Vec::new() };
        for event in [exited, Event::StopRequested { signal: None }] {
            executor.supervisor.step(Duration::ZERO, event, &mut Vec::new());
        }
        executor.rest = Some(Rest::Killed);
        leader.kill().unwrap();
        leader.wait().unwrap();
        executor.feed(Duration::ZERO, Event::NothingLeft);
        done.send((executor.exit_status(), executor.gone_groups().len())).unwrap();
    });
    assert_eq!(is_done.recv_timeout(Duration::from_secs(20)), Ok((Some(0), 1)));
}
