//! `docker pause`: everything is frozen, and the clock goes on.

use crate::require_docker;
use crate::support::docker::{ContainerBuilder, POSTGRES};
use crate::support::services::Status;
use crate::support::{PATIENCE, wait_for};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

/// Longer than all limits of the services.
const PAUSE: Duration = Duration::from_secs(15);

const NOTIFIES: &str = r#"
import os, sys, time, sdnotify
systemd = sdnotify.SystemdNotifier(debug=True)
if "late" in sys.argv:
    open("/shared/late", "w").close()
    while not os.path.exists("/shared/open"):
        time.sleep(0.02)
systemd.notify("READY=1")
while True:
    systemd.notify("WATCHDOG=1")
    time.sleep(0.2)
"#;

#[test]
fn after_docker_unpause_everything_goes_on() {
    require_docker!();
    let until_open = "while ! test -e /shared/open; do sleep 0.02; done";
    let notifies = |name: &str, more: &str| {
        format!(
            "command = [\"python3\", \"/shared/notifies.py\", \"{name}\"]\nnotify = \"systemd\"\n{more}\n"
        )
    };
    let builder = ContainerBuilder::new(POSTGRES)
        .shared("/shared")
        .service("fed", &notifies("fed", "watchdog = \"8s\""))
        .service("late", &notifies("late", "start_timeout = \"8s\""))
        .service(
            "task",
            &format!(
                "command = [\"sh\", \"-c\", \"{until_open}\"]\nrestart = \"no\"\nrun_timeout = \"10s\"\n"
            ),
        )
        .service(
            "probed",
            &format!(
                "command = \"sleep 100000\"\n[healthcheck]\n\
                 test = [\"CMD\", \"sh\", \"-c\", \"touch /shared/probe; {until_open}\"]\n\
                 interval = \"100ms\"\ntimeout = \"8s\"\nretries = 1\n"
            ),
        );
    std::fs::write(builder.shared_dir().join("notifies.py"), NOTIFIES).unwrap();
    std::fs::set_permissions(builder.shared_dir(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let container = builder.start();
    let shared = container.dir().join("shared");
    for there in ["late", "probe"] {
        wait_for(there, PATIENCE, || shared.join(there).exists().then_some(()));
    }
    container.wait_state("fed", "running");
    let pids = ["fed", "late"].map(|name| container.pid_of(name));
    container.docker(&["pause"]).ok();
    let paused = Instant::now();
    wait_for("the limits to be over", PATIENCE, || (paused.elapsed() > PAUSE).then_some(()));
    container.docker(&["unpause"]).ok();
    container.wait_log(&["woken up"], PATIENCE);
    std::fs::write(shared.join("open"), "").unwrap();
    container.wait_state("task", "completed");
    container.wait_state("late", "running");
    container.wait_healthy(PATIENCE);
    assert_eq!(["fed", "late"].map(|name| container.pid_of(name)), pids);
    for untrue in ["still running", "not ready", "WATCHDOG", "no result", "killed", "unhealthy"] {
        assert_eq!(container.count_log(&[untrue]), 0, "{untrue}: {:#?}", container.logs());
    }
}
