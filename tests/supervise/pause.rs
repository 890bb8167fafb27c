//! `rinit pause` and `rinit resume`.

use crate::require_namespace;
use crate::support::services::Status;
use crate::support::{Launch, PATIENCE, Running, wait_for};
use nix::sys::signal::Signal;

/// A service with a child in its process group.
const COMMAND: &str = "command = [\"sh\", \"-c\", \"sleep 4711 & wait\"]\n";

/// A check that counts its own runs in a file of the service's name.
const CHECK: &str = "[healthcheck]\ntest = \"echo >> $RINIT_SERVICE.probes\"\ninterval = \"20ms\"\n";

fn start() -> Running {
    let toml = format!("{COMMAND}{CHECK}");
    let init = Launch::pid1().service("web", &toml).service("other", &toml).start();
    init.wait_healthy(PATIENCE);
    init
}

/// How many probes of a service have run.
fn probes(init: &Running, name: &str) -> usize {
    std::fs::read_to_string(init.dir().join(format!("{name}.probes"))).map_or(0, |text| text.lines().count())
}

/// The states of all processes of the service's group, once each.
fn process_states(init: &Running, group: i32) -> String {
    let members = init.processes().into_iter().filter(|process| process.group == group);
    let mut states: Vec<char> = members.map(|process| process.state).collect();
    states.sort_unstable();
    states.dedup();
    states.into_iter().collect()
}

#[test]
fn a_paused_service_stands_still_and_is_not_probed() {
    require_namespace!();
    let init = start();
    let pid = init.pid_of("web");
    init.rinit(&["pause", "web"]).ok();
    assert_eq!(init.service("web").state, "paused");
    wait_for("its whole group to stand still", PATIENCE, || {
        (process_states(&init, pid) == "T").then_some(())
    });
    assert_ne!(process_states(&init, init.pid_of("other")), "T");
    let health = init.rinit(&["health"]);
    assert!(health.status == 1 && health.stdout.contains("web: paused"), "{health:?}");

    let (quiet, busy) = (probes(&init, "web"), probes(&init, "other"));
    wait_for("twenty probes of the other", PATIENCE, || (probes(&init, "other") >= busy + 20).then_some(()));
    assert_eq!(probes(&init, "web"), quiet);

    init.rinit(&["resume", "web"]).ok();
    let web = init.service("web");
    assert_eq!((web.state.as_str(), web.pid, web.restarts), ("running", Some(pid), 0));
    wait_for("its group to go on", PATIENCE, || (process_states(&init, pid) == "S").then_some(()));
    wait_for("more probes", PATIENCE, || (probes(&init, "web") >= quiet + 3).then_some(()));
    init.wait_healthy(PATIENCE);
    for expected in ["web: paused", "web: resumed"] {
        init.wait_line(expected, |line| line.contains(expected));
    }
}

/// One that is killed comes back, and runs.
#[test]
fn a_paused_service_that_is_killed_is_restarted() {
    require_namespace!();
    let init = start();
    let pid = init.pid_of("web");
    init.rinit(&["pause", "web"]).ok();
    init.run(&["sh", "-c", &format!("kill -9 {pid}")]).ok();
    init.wait_service("web", "another process", |web| {
        web.state == "running" && web.pid.is_some_and(|new| new != pid)
    });
    init.wait_healthy(PATIENCE);
}

#[test]
fn a_paused_service_can_be_stopped_and_started() {
    require_namespace!();
    let init = start();
    init.rinit(&["pause", "web"]).ok();
    init.rinit(&["stop", "web"]).ok();
    assert_eq!(init.service("web").state, "stopped");
    init.rinit(&["start", "web"]).ok();
    assert_eq!(init.service("web").state, "running");
    init.wait_healthy(PATIENCE);
}

/// It is not what holds up the stop of the container.
#[test]
fn a_paused_service_stops_with_the_container() {
    require_namespace!();
    let mut init = start();
    init.rinit(&["pause", "web", "other"]).ok();
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 0, "nobody had to be killed");
}

#[test]
fn what_does_not_run_cannot_be_paused() {
    require_namespace!();
    let init = start();
    init.rinit(&["stop", "web"]).ok();
    let refused = init.rinit(&["pause", "web"]);
    assert!(refused.status == 1 && refused.stderr.contains("web: stopped"), "{refused:?}");
    let refused = init.rinit(&["pause", "wbe"]);
    assert!(refused.status == 1 && refused.stderr.contains("wbe"), "{refused:?}");
    assert_eq!(init.service("other").state, "running");
}
