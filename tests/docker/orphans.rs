//! PID 1's oldest duty, under load and beside supervision.

use crate::require_docker;
use crate::require_root;
use crate::support::docker::{ContainerBuilder, SCRATCH};
use crate::support::{PATIENCE, wait_for_seen};
use std::time::Duration;

/// Leaves 10,000 children of dead parents behind, ten at a time so that many end at once.
const SPAWNER: &str = r#"
command = ["sh", "-c", '''
i=0
while [ $i -lt 1000 ]; do
    (true & true & true & true & true & true & true & true & true & true &)
    i=$((i + 1))
done
echo left 10000 orphans
''']
restart = "no"
"#;

/// Ends all the time.
const FLAPPING: &str = r#"
command = ["sh", "-c", "exit 1"]
backoff = { initial = "50ms", factor = 1, max = "50ms" }
"#;

const WEB: &str = r#"
command = ["busybox", "httpd", "-f", "-p", "127.0.0.1:8080", "-h", "/bin"]

[healthcheck]
http = "http://127.0.0.1:8080/busybox"
interval = "200ms"
timeout = "10s"
"#;

#[test]
fn ten_thousand_orphans_leave_no_zombie_and_services_restart_meanwhile() {
    require_docker!();
    require_root!();
    let container = ContainerBuilder::new(SCRATCH)
        .service("spawner", SPAWNER)
        .service("flapping", FLAPPING)
        .service("web", WEB)
        .start();
    container.wait_log(&["left 10000 orphans"], Duration::from_secs(120));

    let logs = container.logs();
    let end = logs.iter().position(|line| line.contains("left 10000 orphans")).unwrap();
    let restarts =
        logs[..end].iter().filter(|line| line.contains("flapping") && line.contains("restarting")).count();
    assert!(restarts >= 3, "only {restarts} restarts beside the orphans");

    // What is left: rinit, httpd, and now and then the flapping service or a probe.
    wait_for_seen("the orphans to be gone", PATIENCE, || {
        let all = container.processes();
        let zombies = all.iter().filter(|process| process.is_zombie()).count();
        if zombies == 0 && all.len() <= 5 { Ok(()) } else { Err(format!("{zombies} zombies in {all:#?}")) }
    });
    let health = container.exec(&["/sbin/rinit", "health", "web"]);
    assert_eq!(health.status, 0, "{health:?}");
    assert_eq!(container.count_log(&["web", "started"]), 1);
    container.stop();
    assert_eq!(container.exit_code(), 0);
}
