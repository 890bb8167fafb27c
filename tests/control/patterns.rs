//! Several names, and names by pattern.

use crate::support::services::Status;
use crate::support::{Launch, PATIENCE, Running};

const QUICK: &str = r#"command = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done"]"#;

fn start() -> Running {
    let names = ["worker-1", "worker-2", "worker-x", "web"];
    let init = names.iter().fold(Launch::plain(), |launch, name| launch.service(name, QUICK)).start();
    init.wait_healthy(PATIENCE);
    init
}

#[test]
fn patterns_stand_for_services() {
    let init = start();
    assert_eq!(init.rinit(&["stop", "worker-[0-9]"]).ok(), "worker-1: stopped\nworker-2: stopped");
    assert_eq!(init.rinit(&["start", "w*", "web"]).ok().lines().count(), 4);
    assert_eq!(init.rinit(&["restart", "???"]).ok(), "web: running");
    assert_eq!(init.rinit(&["pause", "worker-[!0-9]"]).ok(), "worker-x: paused");
    assert_eq!(init.rinit(&["resume", "*-x"]).ok(), "worker-x: running");
    assert_eq!(init.rinit(&["wait", "--", "*"]).ok().lines().count(), 4);
    assert_eq!(init.rinit(&["signal", "CONT", "worker*"]).ok().lines().count(), 3);
    assert_eq!(init.rinit(&["health", "worker*"]).ok(), "healthy: 3 services");
    let status = init.rinit(&["status", "worker-?"]).ok();
    assert!(status.contains("worker-2") && !status.contains("web"), "{status}");
}

#[test]
fn a_pattern_without_a_service_is_an_error_and_nothing_is_done() {
    let init = start();
    for verb in ["start", "stop", "restart", "pause", "resume", "wait", "status", "health"] {
        let refused = init.rinit(&[verb, "web", "wrker*"]);
        assert_eq!(refused.status, 1, "{verb}: {refused:?}");
        assert!(refused.stderr.contains("no service matches wrker*"), "{verb}: {refused:?}");
    }
    let refused = init.rinit(&["signal", "TERM", "web", "wrker*"]);
    assert!(refused.status == 1 && refused.stderr.contains("no service matches wrker*"), "{refused:?}");
    let long = "*".repeat(300);
    assert!(init.rinit(&["stop", &long]).stderr.contains("longer than 256 bytes"));
    let many: Vec<&str> = ["stop"].into_iter().chain(std::iter::repeat_n("w*", 33)).collect();
    assert!(init.rinit(&many).stderr.contains("more than 32 patterns"));
    for service in init.services().values() {
        assert_eq!((service.state.as_str(), service.restarts), ("running", 0));
    }
}
