//! A container that is full of processes: what cannot be forked is tried again, and PID 1 lives.

use crate::require_docker;
use crate::require_root;
use crate::support::docker::{Container, ContainerBuilder, SCRATCH};
use crate::support::{Output, PATIENCE, output, wait_for, wait_for_seen};
use std::fs::OpenOptions;
use std::time::Duration;

const LIMIT: usize = 20;
const TASKS: usize = 30;

/// A task that ends when the gate opens: a named pipe at first, a file afterwards. `read` is the shell's own.
const TASK: &str = r#"
command = ["sh", "-c", "read line < /shared/gate; exit 0"]
restart = "on-failure"
backoff = { initial = "100ms", factor = 1, max = "100ms" }
"#;

const WEB: &str = r#"
command = ["busybox", "httpd", "-f", "-p", "127.0.0.1:8080", "-h", "/bin"]
backoff = { initial = "100ms", factor = 1, max = "100ms" }
"#;

#[test]
fn services_that_cannot_be_forked_are_tried_again() {
    require_docker!();
    require_root!();
    let limit = format!("--pids-limit={LIMIT}");
    // Docker's own probe needs a process too: it would only be in the way.
    let mut builder = ContainerBuilder::new(SCRATCH)
        .options(&[&limit, "--no-healthcheck"])
        .shared("/shared")
        .service("web", WEB);
    for number in 0..TASKS {
        builder = builder.service(&format!("task{number:02}"), TASK);
    }
    let gate = builder.shared_dir().join("gate");
    nix::unistd::mkfifo(&gate, nix::sys::stat::Mode::from_bits_truncate(0o666)).unwrap();
    let container = builder.start();

    wait_for_seen("the container to be full", PATIENCE, || {
        let all = container.processes();
        if all.len() >= LIMIT { Ok(()) } else { Err(format!("{all:#?}")) }
    });
    wait_for("the log to tell of a failed fork", PATIENCE, || {
        let causes = ["EAGAIN", "Resource temporarily unavailable", "Try again"];
        container.logs().iter().any(|line| causes.iter().any(|cause| line.contains(cause))).then_some(())
    });
    // Not all tasks run, and `health` says so, though the container can take no process more.
    let health = health_from_outside(&container);
    assert_eq!(health.status, 1, "{health:?}");
    assert_eq!(container.inspect("{{.State.Running}}"), "true");

    // Whoever waits in open() is let through by the writer; the tasks to come find a file.
    let writer = OpenOptions::new().read(true).write(true).open(&gate).unwrap();
    let file = gate.with_extension("open");
    std::fs::write(&file, "go\n").unwrap();
    std::fs::rename(&file, &gate).unwrap();
    drop(writer);

    container.wait_processes("httpd", 1);
    container.wait_healthy(Duration::from_secs(60));
    let left = container.find("/shared/gate");
    assert!(left.is_empty(), "{left:#?}");
    container.stop();
    assert_eq!(container.exit_code(), 0);
}

/// `rinit health` in the container's namespaces, but not in its cgroup, which is full.
fn health_from_outside(container: &Container) -> Output {
    let pid = container.pid().to_string();
    let enter = ["--target", &pid, "--pid", "--mount", "--net", "--ipc", "--uts"];
    output("nsenter", &[&enter[..], &["/sbin/rinit", "health"]].concat()).unwrap()
}
