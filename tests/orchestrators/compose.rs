//! examples/visits/compose.yaml with Compose: `depends_on` between containers rests on `rinit health`.

use crate::require_swarm;
use crate::support::output_of;
use crate::support::swarm::{Client, Project, poll};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

const START: Duration = Duration::from_secs(60);

/// Redis as in the example, which is well as soon as the test says so.
const REDIS: &str = r#"
command = "redis-server --bind 0.0.0.0 --protected-mode no --dir /data --appendonly yes --save ''"

[healthcheck]
test = "test -e /test/well || { echo the test has not said so; exit 1; }"
interval = "100ms"
retries = 1
on_unhealthy = "none"
"#;

/// A project whose store takes its health from the file DIR/well, and is unhealthy to Docker after `retries` seconds.
fn project(dir: &Path, name: &str, port: u16, retries: u32) -> Project {
    std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::create_dir(dir.join("services.d")).unwrap();
    std::fs::write(dir.join("services.d/redis.toml"), REDIS).unwrap();
    let text = format!(
        r#"services:
  store:
    environment: {{RINIT_SERVICES: "/etc/roles/store:/test/services.d"}}
    volumes: ["{}:/test:ro"]
    healthcheck: {{test: [CMD, /sbin/rinit, health], interval: 1s, timeout: 10s, retries: {retries}}}
"#,
        dir.display()
    );
    let file = dir.join("override.yaml");
    std::fs::write(&file, text).unwrap();
    Project::new(name, port, Some(&file))
}

#[test]
fn a_dependent_container_waits_for_rinit_health() {
    require_swarm!();
    let dir = tempfile::tempdir().unwrap();
    let project = project(dir.path(), "waits", 8081, 1000);
    let mut up = project.command(&["up", "--detach"]);
    let up = std::thread::spawn(move || output_of(&mut up).unwrap());
    // Docker has asked three times, and the dependents are still not there.
    poll("three bad answers", START, || {
        let format = "{{.State.Health.Status}} {{range .State.Health.Log}}{{.ExitCode}}{{.Output}}{{end}}";
        let health = project.inspect("store", format).unwrap_or_default();
        let asked = health.matches("1redis: unhealthy: the test has not said so").count() >= 3;
        if asked && health.starts_with("starting") { Ok(()) } else { Err(health) }
    });
    let running = |service| project.inspect(service, "{{.State.Running}}");
    assert_ne!(running("web").as_deref(), Some("true"));
    assert_ne!(running("balancer").as_deref(), Some("true"));

    std::fs::write(dir.path().join("well"), "").unwrap();
    let up = up.join().unwrap();
    assert_eq!(up.status, 0, "{up:?}");
    assert_eq!(project.inspect("store", "{{.State.Health.Status}}").as_deref(), Some("healthy"));
    assert_eq!(project.inspect("web", "{{.State.Health.Status}}").as_deref(), Some("healthy"));
    let client = Client::start(8081);
    client.wait("answer");
}

#[test]
fn a_dependency_that_is_unhealthy_makes_up_fail() {
    require_swarm!();
    let dir = tempfile::tempdir().unwrap();
    let project = project(dir.path(), "fails", 8082, 2);
    let up = project.run(&["up", "--detach"]);
    assert_eq!(up.status, 1, "{up:?}");
    assert!(up.stderr.contains("unhealthy"), "{up:?}");
    assert_eq!(project.inspect("store", "{{.State.Health.Status}}").as_deref(), Some("unhealthy"));
    assert_ne!(project.inspect("web", "{{.State.Running}}").as_deref(), Some("true"));
}

/// The whole example as it stands: within its grace, nobody killed.
#[test]
fn the_example_answers_and_stops_clean() {
    require_swarm!();
    let project = Project::new("stops", 8083, None);
    let up = project.run(&["up", "--detach", "--scale", "web=2"]);
    assert_eq!(up.status, 0, "{up:?}");
    let client = Client::start(8083);
    client.wait("answer");
    drop(client);
    project.run(&["stop"]).ok();
    for service in ["store", "web", "balancer"] {
        assert_eq!(project.inspect(service, "{{.State.ExitCode}}").as_deref(), Some("0"), "{service}");
    }
    let logs = project.run(&["logs", "--no-color"]).stdout;
    assert_eq!(logs.matches("stopped in").count(), 4, "{logs}");
    assert!(!logs.contains("killed"), "{logs}");
}
