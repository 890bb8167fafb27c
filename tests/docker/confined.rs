//! Containers with little: no root, no writable disk, no capability, no libc, no shell.

use crate::require_docker;
use crate::require_root;
use crate::support::docker::{Container, ContainerBuilder, SCRATCH};
use crate::support::{PATIENCE, wait_for};

/// A service that any user can run on a read-only root.
const WEB: &str = r#"
command = ["busybox", "httpd", "-f", "-p", "127.0.0.1:8080", "-h", "/bin"]

[healthcheck]
http = "http://127.0.0.1:8080/busybox"
interval = "200ms"
timeout = "5s"
"#;

/// Another one behind it, with another kind of probe and a task before it.
const SETUP: &str = r#"
command = ["true"]
restart = "no"
"#;
const TICKER: &str = r#"
command = ["sleep", "100000"]
depends_on = { setup = "service_completed_successfully", web = "service_healthy" }

[healthcheck]
tcp = "127.0.0.1:8080"
interval = "200ms"
timeout = "5s"
"#;

/// Everything that rinit is there for, in a container with these options: start in order, health through
/// `docker exec` and to Docker itself, restart, stop.
fn works_with(options: &[&str]) {
    let container = ContainerBuilder::new(SCRATCH)
        .options(options)
        .service("setup", SETUP)
        .service("web", WEB)
        .service("ticker", TICKER)
        .start();
    container.wait_healthy(PATIENCE);
    container.wait_health("healthy", PATIENCE);
    killed_web_comes_back(&container);
    container.wait_healthy(PATIENCE);

    let took = container.stop();
    assert_eq!(container.exit_code(), 0, "the stop took {took:?}");
    container.wait_story(&[
        &["web", "healthy"],
        &["ticker", "started"],
        &["web", "SIGKILL"],
        &["ticker", "stopping"],
        &["ticker", "stopped"],
        &["web", "stopping"],
        &["stopped in"],
    ]);
}

#[track_caller]
fn killed_web_comes_back(container: &Container) {
    let killed = container.wait_processes("httpd", 1)[0].pid;
    container.signal("KILL", killed);
    wait_for("a new httpd", PATIENCE, || {
        container.find("httpd").iter().any(|process| process.pid != killed).then_some(())
    });
    container.wait_no_zombies();
}

#[test]
fn works_in_an_image_of_static_programs_alone() {
    require_docker!();
    require_root!();
    works_with(&[]);
}

#[test]
fn works_as_uid_1000() {
    require_docker!();
    require_root!();
    works_with(&["--user=1000:1000"]);
}

#[test]
fn works_on_a_read_only_root() {
    require_docker!();
    require_root!();
    works_with(&["--read-only"]);
}

#[test]
fn works_without_capabilities() {
    require_docker!();
    require_root!();
    works_with(&["--cap-drop=ALL"]);
}

#[test]
fn works_with_all_of_these_at_once() {
    require_docker!();
    require_root!();
    works_with(&[
        "--user=1000:1000",
        "--read-only",
        "--cap-drop=ALL",
        "--security-opt=no-new-privileges",
        "--pids-limit=30",
        "--memory=64m",
    ]);
}

/// The container's user has no name, and its files belong to somebody else: `health` answers everybody inside.
#[test]
fn health_answers_another_user() {
    require_docker!();
    let container = ContainerBuilder::new(SCRATCH).options(&["--user=1000"]).service("web", WEB).start();
    container.wait_healthy(PATIENCE);
    let health = container.exec_as("2000", &["/sbin/rinit", "health"]);
    assert_eq!(health.status, 0, "{health:?}");
    container.stop();
    assert_eq!(container.exit_code(), 0, "nobody had to be killed");
}
