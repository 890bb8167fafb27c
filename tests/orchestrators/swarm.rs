//! examples/visits/stack.yml in a swarm of one node.

use crate::require_swarm;
use crate::support::swarm::{Client, VISITS, docker, docker_with, poll, visits};
use std::path::Path;
use std::time::Duration;

/// A start or an update of four replicas, one after the other, while other tests run.
const UPDATE: Duration = Duration::from_secs(150);

/// The example's port.
const PORT: u16 = 8080;

/// The stack. Dropping it removes all of it, and the images of this test.
struct Stack;

impl Stack {
    #[track_caller]
    fn deploy(&self, tag: &str) {
        let file = visits().join("stack.yml");
        let words = ["stack", "deploy", "--resolve-image=never", "--compose-file", file.to_str().unwrap()];
        docker_with(&[("TAG", tag)], &[&words, &["visits"][..]].concat()).ok();
    }

    /// Waits until every task that is to run does, and runs this image. Running is what Swarm calls healthy ones.
    #[track_caller]
    fn wait_replicas(&self, service: &str, count: usize, tag: &str) {
        let format = "{{.Image}} {{.CurrentState}}";
        let words = ["service", "ps", "--filter", "desired-state=running", "--format", format, service];
        poll(&format!("{count} replicas of {service}:{tag}"), UPDATE, || {
            let tasks = docker(&words).stdout;
            let wanted = format!("{VISITS}:{tag} Running ");
            let all = tasks.lines().count() == count && tasks.lines().all(|task| task.starts_with(&wanted));
            if all { Ok(()) } else { Err(tasks) }
        });
    }

    /// Waits until Swarm calls its last update this.
    #[track_caller]
    fn wait_update(&self, state: &str) {
        let words = ["service", "inspect", "--format", "{{.UpdateStatus.State}}", "visits_web"];
        poll(&format!("the update to be {state}"), UPDATE, || {
            let seen = docker(&words).stdout;
            if seen.trim() == state { Ok(()) } else { Err(seen) }
        });
    }

    fn containers(&self, more: &[&str]) -> String {
        let words = ["ps", "--all", "--quiet", "--filter", "label=com.docker.stack.namespace=visits"];
        docker(&[&words, more].concat()).ok()
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let tasks = docker(&["stack", "ps", "--no-trunc", "visits"]);
            eprintln!("{}{}", tasks.stdout, tasks.stderr);
        }
        docker(&["stack", "rm", "visits"]);
        // Each gets its stop, and its volume can be removed after that.
        let gone = || self.containers(&[]).is_empty();
        for _ in 0..300 {
            if gone() {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        docker(&["volume", "rm", "--force", "visits_data"]);
        docker(&["image", "rm", "--force", &format!("{VISITS}:2"), &format!("{VISITS}:3")]);
    }
}

/// The example's image with another VERSION, and with `app` as its application.
#[track_caller]
fn build(version: &str, app: &str) {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    write("app.py", app);
    write("Dockerfile", &format!("FROM {VISITS}\nENV VERSION={version}\nCOPY app.py /srv/app/\n"));
    let path: &Path = dir.path();
    docker(&["build", "--tag", &format!("{VISITS}:{version}"), path.to_str().unwrap()]).ok();
}

/// Version 2 is well. Version 3 starts, and would answer visitors; its health check alone fails. One client asks the
/// balancer from before the first update to after the rollback, and repeats nothing.
#[test]
fn a_version_that_never_gets_healthy_is_rolled_back_and_no_request_fails() {
    require_swarm!();
    let app = std::fs::read_to_string(visits().join("app.py")).unwrap();
    build("2", &app);
    let answer = r#"return self.answer(200, "ok\n")"#;
    assert!(app.contains(answer));
    build("3", &app.replace(answer, r#"return self.answer(500, "a mistake\n")"#));

    let stack = Stack;
    stack.deploy("latest");
    for (service, count) in [("visits_store", 1), ("visits_balancer", 1), ("visits_web", 4)] {
        stack.wait_replicas(service, count, "latest");
    }
    let client = Client::start(PORT);
    client.wait("answer");

    stack.deploy("2");
    stack.wait_update("completed");
    stack.wait_replicas("visits_web", 4, "2");

    stack.deploy("3");
    stack.wait_update("rollback_completed");
    stack.wait_replicas("visits_web", 4, "2");
    // Rolled back for what `rinit health` said of the first; the next may just have been begun.
    let ids = stack.containers(&["--filter", &format!("ancestor={VISITS}:3")]);
    assert!(ids.lines().count() <= 2, "{ids}");
    let health = docker(&["inspect", "--format", "{{json .State.Health}}", ids.lines().last().unwrap()]).ok();
    assert!(health.starts_with(r#"{"Status":"unhealthy""#), "{health}");
    assert!(health.contains(r#""ExitCode":1,"Output":"app: "#) && health.contains("HTTP 500"), "{health}");

    let answers = client.stop();
    assert!(answers.failures.is_empty(), "{answers:?}");
    assert_eq!(answers.versions.keys().collect::<Vec<_>>(), ["1", "2"], "{answers:?}");
}

/// The client that the other test relies on: nobody listens on this port.
#[test]
fn the_client_tells_when_nobody_answers() {
    require_swarm!();
    let client = Client::start(8099);
    client.wait("failure");
    let answers = client.stop();
    assert!(!answers.failures.is_empty() && answers.versions.is_empty(), "{answers:?}");
}
