//! A command after the image's name: alone, and beside services.

use crate::require_docker;
use crate::support::PATIENCE;
use crate::support::docker::{Container, ContainerBuilder, EXAMPLE, SCRATCH, docker};

#[test]
fn command_alone_ends_with_its_own_status() {
    require_docker!();
    let output = docker(&["run", "--rm", "--network=none", SCRATCH, "sh", "-c", "exit 7"]);
    assert_eq!(output.status, 7, "{output:?}");
}

#[test]
fn command_that_a_signal_ends_gives_128_and_the_signal() {
    require_docker!();
    let output = docker(&["run", "--rm", "--network=none", SCRATCH, "sh", "-c", "kill -9 $$"]);
    assert_eq!(output.status, 137, "{output:?}");
}

#[test]
fn missing_command_is_127_and_one_that_cannot_run_126() {
    require_docker!();
    let missing = docker(&["run", "--rm", "--network=none", SCRATCH, "/bin/no-such-program"]);
    assert_eq!(missing.status, 127, "{missing:?}");
    assert!(missing.stderr.contains("/bin/no-such-program"), "{missing:?}");
    let directory = docker(&["run", "--rm", "--network=none", SCRATCH, "/bin"]);
    assert_eq!(directory.status, 126, "{directory:?}");
}

#[test]
fn command_keeps_its_streams() {
    require_docker!();
    let output = docker(&["run", "--rm", "--network=none", SCRATCH, "sh", "-c", "echo out; echo err >&2"]);
    assert_eq!((output.status, output.stdout.as_str()), (0, "out\n"), "{output:?}");
    assert!(output.stderr.contains("err\n"), "{output:?}");
}

/// The services are up when the command starts; after its end they are stopped in order; its status is the container's.
#[test]
fn command_beside_services_ends_the_container_in_order() {
    require_docker!();
    let container = ContainerBuilder::new(EXAMPLE)
        .command(&["sh", "-c", "redis-cli set who main; redis-cli get who; exit 7"])
        .start();
    assert_eq!(container.wait_exit(PATIENCE), 7);
    assert_stopped_in_order(&container);
    let logs = container.logs();
    assert!(logs.iter().any(|line| line == "main"), "the command could not use redis");
}

/// Says when it is there, and ends with 3 at once when it is told to.
const WAITING: &str =
    "trap 'echo bye >&2; exit 3' TERM; echo the command is up; while :; do sleep 1 & wait $!; done";

#[test]
fn stopping_a_container_with_a_command_stops_the_command_too() {
    require_docker!();
    let container = ContainerBuilder::new(EXAMPLE).command(&["sh", "-c", WAITING]).start();
    container.wait_log(&["the command is up"], PATIENCE);
    container.stop();
    assert_eq!(container.exit_code(), 3);
    container.wait_story(&[&["bye"], &["nginx", "stopping"], &["redis", "stopping"], &["stopped in"]]);
}

/// The main process first, then nginx, which depends on redis, then redis.
#[track_caller]
fn assert_stopped_in_order(container: &Container) {
    container.wait_story(&[
        &["redis", "healthy"],
        &["nginx", "started"],
        &["main", "started"],
        &["nginx", "stopping with SIGQUIT"],
        &["nginx", "stopped"],
        &["redis", "stopping"],
        &["redis", "stopped"],
        &["stopped in"],
    ]);
}
