//! A service that takes more memory than the container has.

use crate::require_docker;
use crate::require_root;
use crate::support::PATIENCE;
use crate::support::docker::{ContainerBuilder, POSTGRES};
use crate::support::services::Status;

/// It waits for a word, so that nothing else has just begun to run in the container when its memory is used up. After its
/// end nothing happens for long enough to be looked at.
const HOG: &str = r#"
command = ["python3", "-c", '''
import os, time
while not os.path.exists("/shared/go"):
    time.sleep(0.02)
hoard = []
while True:
    hoard.append(bytearray(1 << 20))
    time.sleep(0.002)
''']
backoff = { initial = "10m", max = "10m" }
"#;

const IDLE: &str = r#"
command = ["sleep", "100000"]
backoff = { initial = "10m", max = "10m" }
"#;

#[test]
fn a_memory_hog_s_end_is_called_by_its_name_and_the_other_service_lives() {
    require_docker!();
    require_root!();
    let container = ContainerBuilder::new(POSTGRES)
        // Docker's own probe would need memory too.
        .options(&["--memory=64m", "--memory-swap=64m", "--no-healthcheck"])
        .shared("/shared")
        .service("hog", HOG)
        .service("idle", IDLE)
        .start();
    let idle = container.wait_state("idle", "running").pid.unwrap();
    container.wait_state("hog", "running");
    std::fs::write(container.dir().join("shared/go"), "").unwrap();
    container.wait_log(&["hog: killed by SIGKILL", "oom"], PATIENCE);
    let hog = container.wait_state("hog", "backoff");
    assert!(hog.last_exit.as_deref().is_some_and(|exit| exit.contains("oom")), "{hog:?}");
    let status = container.exec(&["/sbin/rinit", "status", "hog"]).ok();
    assert!(status.contains("killed by SIGKILL (oom"), "{status}");
    let health = container.exec(&["/sbin/rinit", "health"]);
    assert!(health.status == 1 && health.stdout.contains("oom"), "{health:?}");
    assert_eq!(container.pid_of("idle"), idle);
    assert_eq!(container.service("idle").restarts, 0);

    // Whoever is killed for another reason has not run out of memory.
    container.signal("KILL", idle);
    let killed = container.wait_state("idle", "backoff").last_exit;
    assert_eq!(killed.as_deref(), Some("killed by SIGKILL"));
    assert_eq!(container.count_log(&["idle", "oom"]), 0);
    container.stop();
    assert_eq!(container.exit_code(), 0);
}
