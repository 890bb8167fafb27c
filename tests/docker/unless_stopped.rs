//! What was stopped by hand, across restarts of the container.

use crate::require_docker;
use crate::support::docker::{Container, ContainerBuilder, SCRATCH};
use crate::support::services::Status;

const SLEEP: &str = "command = [\"sleep\", \"100000\"]\n";

fn start(options: &[&str]) -> Container {
    let container = ContainerBuilder::new(SCRATCH)
        .options(options)
        .service("patient", &format!("{SLEEP}restart = \"unless-stopped\"\n"))
        .service("eager", &format!("{SLEEP}restart = \"always\"\n"))
        .start();
    container.wait_state("patient", "running");
    container.wait_state("eager", "running");
    container
}

#[track_caller]
fn stop_by_hand(container: &Container) {
    container.exec(&["/sbin/rinit", "stop", "patient", "eager"]).ok();
    // Done means done.
    assert_eq!(container.service("patient").state, "stopped");
    assert_eq!(container.service("eager").state, "stopped");
    assert!(container.pids().is_empty());
}

#[track_caller]
fn restart(container: &Container) {
    container.docker(&["restart"]).ok();
    container.wait_state("eager", "running");
}

#[test]
fn unless_stopped_stays_stopped_until_it_is_started_by_hand() {
    require_docker!();
    let container = start(&[]);
    stop_by_hand(&container);
    for _ in 0..2 {
        restart(&container);
        assert_eq!(container.service("patient").state, "stopped");
        let health = container.exec(&["/sbin/rinit", "health"]);
        assert_eq!(health.status, 0, "it is meant to be so: {health:?}");
    }

    container.exec(&["/sbin/rinit", "start", "patient"]).ok();
    assert_eq!(container.service("patient").state, "running");
    restart(&container);
    container.wait_state("patient", "running");
}

/// The state directory may be elsewhere: on a volume.
#[test]
fn the_state_directory_can_be_chosen() {
    require_docker!();
    let container = start(&["--env=RINIT_STATE_DIR=/state", "--volume=/state", "--read-only"]);
    stop_by_hand(&container);
    restart(&container);
    assert_eq!(container.service("patient").state, "stopped");
}

/// Where nothing can be written, nothing is remembered; all else works, and it is said.
#[test]
fn on_a_read_only_root_nothing_is_remembered() {
    require_docker!();
    let container = start(&["--read-only"]);
    stop_by_hand(&container);
    container.wait_story(&[&["cannot remember that patient is stopped: Read-only"]]);
    restart(&container);
    container.wait_state("patient", "running");
}
