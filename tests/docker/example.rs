//! The image of Dockerfile.example, from its start to its end: Docker's own view of it, and its log.

use crate::require_docker;
use crate::require_root;
use crate::support::docker::{Container, ContainerBuilder, EXAMPLE};
use crate::support::{PATIENCE, wait_for, wait_for_seen};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// The example's intervals are seconds: redis is healthy after three, nginx two later, Docker asks every two.
const HEALTHY: Duration = Duration::from_secs(30);

/// Starts the example with a network, as a user would.
fn start() -> Container {
    ContainerBuilder::new(EXAMPLE).options(&["--network=bridge"]).start()
}

/// One HTTP request from outside of the container; the whole response.
fn get(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(2))?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: example\r\nConnection: close\r\n\r\n")?;
    let mut response = String::new();
    stream.read_to_string(&mut response)?;
    Ok(response)
}

/// Waits until nginx answers from outside.
#[track_caller]
fn wait_served(container: &Container) {
    let address = container.address(80);
    wait_for_seen("nginx to serve", PATIENCE, || match get(address, "/health") {
        Ok(response) if response.starts_with("HTTP/1.1 200 ") && response.ends_with("ok\n") => Ok(()),
        other => Err(format!("{other:?}")),
    });
}

/// The process id of nginx's master, in the container.
#[track_caller]
fn nginx_master(container: &Container) -> i32 {
    container.wait_processes("nginx: master process", 1)[0].pid
}

#[test]
fn both_services_come_up_in_order_and_docker_sees_them_healthy() {
    require_docker!();
    let container = start();
    assert_eq!(container.health(), "starting");
    let next =
        wait_for("an end of starting", HEALTHY, || Some(container.health()).filter(|now| now != "starting"));
    assert_eq!(next, "healthy");
    wait_served(&container);
    assert_eq!(container.exec(&["redis-cli", "ping"]).ok(), "PONG");
    assert_eq!(container.exec(&["/sbin/rinit", "health"]).status, 0);
    let status = container.exec(&["/sbin/rinit", "status"]).ok();
    assert!(status.contains("nginx") && status.contains("redis"), "{status}");
    container.wait_story(&[
        &["redis", "started"],
        &["redis", "healthy"],
        &["nginx", "started"],
        &["nginx", "healthy"],
    ]);
}

#[test]
fn nginx_killed_comes_back_and_serves() {
    require_docker!();
    require_root!();
    let container = start();
    container.wait_health("healthy", HEALTHY);
    let killed = nginx_master(&container);
    container.signal("KILL", killed);
    wait_for("a new nginx", PATIENCE, || {
        container.find("nginx: master process").iter().any(|process| process.pid != killed).then_some(())
    });
    wait_served(&container);
    container.wait_health("healthy", HEALTHY);
    container.wait_story(&[&["nginx", "SIGKILL"], &["nginx", "started"]]);
    assert_eq!(container.count_log(&["redis", "started"]), 1, "redis had no part in it");
    container.wait_no_zombies();
}

/// The probe times out, rinit restarts redis, and all is well again. Docker may have asked meanwhile or not: the new redis is
/// healthy as soon as it answers.
#[test]
fn hanging_redis_is_restarted() {
    require_docker!();
    require_root!();
    let container = start();
    container.wait_health("healthy", HEALTHY);
    let hanging = container.wait_processes("redis-server", 1)[0].pid;
    container.signal("STOP", hanging);
    let story: [&[&str]; 3] = [&["redis", "unhealthy"], &["redis", "started"], &["redis", "healthy"]];
    container.wait_story(&story);
    container.wait_health("healthy", HEALTHY);
    let after = container.wait_processes("redis-server", 1)[0].pid;
    assert_ne!(after, hanging);
    assert_eq!(container.exec(&["redis-cli", "ping"]).ok(), "PONG");
}

/// What was written is there after `docker stop` and `docker start`; the stop is fast, in order, and clean.
#[test]
fn stop_is_fast_and_in_order_and_loses_nothing() {
    require_docker!();
    let container = start();
    container.wait_health("healthy", HEALTHY);
    assert_eq!(container.exec(&["redis-cli", "set", "answer", "42"]).ok(), "OK");

    let mut took = vec![container.stop()];
    assert_eq!(container.exit_code(), 0);
    container.wait_story(&[
        &["redis", "started"],
        &["redis", "healthy"],
        &["nginx", "started"],
        &["nginx", "healthy"],
        &["stopping", "SIGTERM"],
        &["nginx", "stopping with SIGQUIT"],
        &["nginx", "stopped"],
        &["redis", "stopping"],
        &["redis", "stopped"],
        &["stopped in"],
    ]);
    let readable = |line: &String| line.chars().all(|char| char == '\t' || !char.is_control());
    assert!(container.logs().iter().all(readable), "control characters in the log");

    start_again(&container);
    assert_eq!(container.exec(&["redis-cli", "get", "answer"]).ok(), "42");

    // Most of a stop is the engine's own work, which takes longer while other tests run: the fastest of ten counts.
    while took.iter().all(|took| *took >= Duration::from_secs(1)) {
        assert!(took.len() < 10, "docker stop took {took:?}");
        took.push(container.stop());
        start_again(&container);
    }
}

#[track_caller]
fn start_again(container: &Container) {
    container.docker(&["start"]).ok();
    container.wait_health("healthy", HEALTHY);
}
