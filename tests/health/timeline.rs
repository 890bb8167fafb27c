//! What Kubernetes' three probes are told through a start, failures and a stop.

use crate::require_namespace;
use crate::support::services::Status;
use crate::support::{Launch, PATIENCE, Running, wait_for_seen};
use nix::sys::signal::Signal;
use std::path::Path;

/// What `rinit health --startup`, `--ready` and `--live` exit with.
type Answers = [i32; 3];

const NOT_STARTED: Answers = [1, 1, 0];
const WELL: Answers = [0, 0, 0];
const NOT_READY: Answers = [0, 1, 0];
const FAILED: Answers = [1, 1, 1];

/// Ready when the file `well` is there; on SIGTERM it ends when `end` is.
fn web(dir: &Path) -> String {
    let dir = dir.display();
    format!(
        r#"
command = ["sh", "-c", "trap 'until test -e {dir}/end; do sleep 0.05; done; exit 0' TERM; while :; do sleep 1 & wait $!; done"]
backoff = {{ initial = "1h", max = "1h" }}

[healthcheck]
test = ["CMD", "test", "-e", "{dir}/well"]
interval = "100ms"
retries = 2
start_period = "1h"
start_interval = "100ms"
on_unhealthy = "none"
"#
    )
}

fn answers(init: &Running) -> Answers {
    ["--startup", "--ready", "--live"].map(|scale| init.rinit(&["health", scale]).status)
}

#[track_caller]
fn wait_answers(init: &Running, when: &str, expected: Answers) {
    wait_for_seen(when, PATIENCE, || {
        let seen = answers(init);
        if seen == expected { Ok(()) } else { Err(format!("{seen:?}")) }
    });
}

#[test]
fn the_three_probes_are_answered_right_from_the_start_to_the_end() {
    require_namespace!();
    let launch = Launch::pid1();
    let dir = launch.dir().to_owned();
    let mut init = launch
        .service("web", &web(&dir))
        .service("worker", "command = [\"sleep\", \"7654\"]\nrestart = \"no\"")
        .start();
    let (well, end) = (dir.join("well"), dir.join("end"));

    init.wait_line("the start", |line| line.contains("web: started"));
    // A probe has said no, which during start_period is no failure.
    init.wait_service("web", "its first probe", |web| web.health.as_deref() == Some("starting"));
    assert_eq!(answers(&init), NOT_STARTED);
    std::fs::write(&well, "").unwrap();
    wait_answers(&init, "all well", WELL);

    std::fs::remove_file(&well).unwrap();
    wait_answers(&init, "unhealthy", NOT_READY);
    std::fs::write(&well, "").unwrap();
    wait_answers(&init, "healthy again", WELL);

    init.run(&["kill", "-KILL", &init.pid_of("web").to_string()]).ok();
    wait_answers(&init, "waiting for its restart", NOT_READY);
    assert_eq!(init.service("web").state, "backoff");
    init.rinit(&["start", "web"]).ok();
    wait_answers(&init, "back", WELL);

    init.run(&["kill", "-KILL", &init.pid_of("worker").to_string()]).ok();
    wait_answers(&init, "failed for good", FAILED);
    init.rinit(&["start", "worker"]).ok();
    wait_answers(&init, "started by hand", WELL);

    init.signal(Signal::SIGTERM);
    init.wait_line("the stop", |line| line.contains("web: stopping with SIGTERM"));
    assert_eq!(answers(&init), NOT_READY, "its grace runs, and it is no reason to kill the container");
    std::fs::write(&end, "").unwrap();
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
}
