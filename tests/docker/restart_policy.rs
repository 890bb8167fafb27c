//! Where rinit ends so that the engine acts: exit statuses, and `docker run --restart`.

use crate::require_docker;
use crate::support::PATIENCE;
use crate::support::docker::{Container, ContainerBuilder, SCRATCH};
use crate::support::wait_for_seen;
use std::os::unix::fs::PermissionsExt;

const ON_FAILURE: [&str; 1] = ["--restart=on-failure"];

#[track_caller]
fn wait_restarts(container: &Container, count: u32) {
    wait_for_seen(&format!("{count} restarts by Docker"), PATIENCE, || {
        let seen = container.inspect("{{.RestartCount}} {{.State.Status}}");
        if seen == format!("{count} running") { Ok(()) } else { Err(seen) }
    });
}

/// A container with a directory that it may write to.
fn builder(options: &[&str]) -> ContainerBuilder {
    let builder = ContainerBuilder::new(SCRATCH).options(options).shared("/shared");
    std::fs::set_permissions(builder.shared_dir(), std::fs::Permissions::from_mode(0o777)).unwrap();
    builder
}

/// Fails at its first start, with 3, and runs at the second.
const ESSENTIAL: &str = r#"
command = ["sh", "-c", "test -e /shared/second && exec sleep 100000; touch /shared/second; exit 3"]
restart = "no"
essential = true
"#;

const OTHER: &str = r#"command = ["sleep", "100000"]"#;

#[test]
fn an_essential_service_that_fails_has_the_engine_start_the_container_again() {
    require_docker!();
    let container = builder(&ON_FAILURE).service("app", ESSENTIAL).service("other", OTHER).start();
    wait_restarts(&container, 1);
    container.wait_healthy(PATIENCE);
    assert_eq!(container.count_log(&["app", "exited with code 3"]), 1);
    assert_eq!(container.count_log(&["other: started"]), 2);
    // Who asks it to stop gets 0, and no restart.
    container.stop();
    assert_eq!(container.inspect("{{.RestartCount}} {{.State.Status}} {{.State.ExitCode}}"), "1 exited 0");
}

/// Never healthy in the first container; in the second one all is well.
const CHECKED: &str = r#"
command = ["sh", "-c", "test -e /shared/second && touch /tmp/well; touch /shared/second; exec sleep 100000"]

[healthcheck]
test = "test -e /tmp/well"
interval = "200ms"
retries = 2
on_unhealthy = "shutdown"
"#;

#[test]
fn on_unhealthy_shutdown_has_the_engine_start_the_container_again() {
    require_docker!();
    let container = builder(&ON_FAILURE).service("app", CHECKED).service("other", OTHER).start();
    wait_restarts(&container, 1);
    container.wait_healthy(PATIENCE);
    container.wait_story(&[
        &["app: unhealthy"],
        &["other: stopping"],
        &["stopped in"],
        &["app: started"],
        &["app: healthy"],
    ]);
}

/// Unhealthy and nothing more: Docker reports it. It is Swarm that replaces such a container.
#[test]
fn docker_by_itself_restarts_no_unhealthy_container() {
    require_docker!();
    let toml = CHECKED.replace("shutdown", "none").replace("test -e /tmp/well", "exit 1");
    let container = builder(&["--restart=always", "--health-start-period=1s"]).service("app", &toml).start();
    container.wait_health("unhealthy", 2 * PATIENCE);
    assert_eq!(container.inspect("{{.RestartCount}} {{.State.Status}}"), "0 running");
}

/// A job: done with 0, and not to be done again.
#[test]
fn tasks_that_are_done_are_no_failure() {
    require_docker!();
    let task = "command = \"true\"\nrestart = \"no\"\n";
    let after = format!("{task}depends_on = {{ first = \"service_completed_successfully\" }}\n");
    let container = builder(&ON_FAILURE).service("first", task).service("second", &after).start();
    assert_eq!(container.wait_exit(PATIENCE), 0);
    assert_eq!(container.inspect("{{.RestartCount}}"), "0");
}
