//! Two containers in one PID namespace.

use crate::support::docker::{ContainerBuilder, SCRATCH, docker};
use crate::support::{PATIENCE, wait_for};
use crate::{require_docker, require_root};

/// The stop of rinit's own container ends whoever entered it by `docker exec`, and tells nobody of the other one. (That
/// one ends with the PID namespace all the same.)
#[test]
fn the_processes_of_another_container_are_left_alone() {
    require_docker!();
    require_root!();
    let init = ContainerBuilder::new(SCRATCH).service("web", "command = [\"sleep\", \"100000\"]").start();
    init.wait_log(&["web", "started"], PATIENCE);
    let pid = format!("--pid=container:{}", init.name());
    let name = format!("{}-other", init.name());
    let script = "trap 'echo told; exit 0' TERM; echo up; while :; do sleep 0.1; done";
    let words = ["run", "-d", "--name", &name, &pid, "--entrypoint", "busybox", SCRATCH, "sh", "-c", script];
    docker(&words).ok();
    let said = || docker(&["logs", &name]).stdout;
    wait_for("the other container", PATIENCE, || said().contains("up").then_some(()));
    init.exec_detached(
        "0",
        &["sh", "-c", "trap 'echo told > /proc/1/fd/1; exit 0' TERM; while :; do sleep 0.1; done"],
    );
    wait_for("the one that has entered", PATIENCE, || (init.find("fd/1").len() == 1).then_some(()));
    init.stop();
    let (lines, other) = (init.logs(), said());
    docker(&["rm", "-f", &name]);
    assert_eq!(init.exit_code(), 0, "{lines:#?}");
    assert!(lines.iter().any(|line| line.contains("told")), "{lines:#?}");
    assert!(!other.contains("told"), "{other}");
}
