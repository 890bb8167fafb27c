//! `rinit start`, `stop` and `restart`: with and without waiting, in time and not.

use crate::support::services::Status;
use crate::support::{Launch, PATIENCE, Running};
use nix::sys::signal::Signal;
use std::process::Stdio;

const QUICK: &str = r#"command = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done"]"#;

/// Takes its time to get ready: until there is a file `up`.
const SLOW: &str = r#"
command = ["sh", "-c", "until test -e up; do sleep 0.02; done; echo >&5; exec sleep 1000"]
notify = 5
autostart = false
"#;

/// Does not end before there is a file `down`.
const STUBBORN: &str = r#"
command = ["sh", "-c", "trap '' TERM; until test -e down; do sleep 0.02; done"]
stop_grace_period = "60s"
"#;

fn start() -> Running {
    let init =
        Launch::plain().service("web", QUICK).service("slow", SLOW).service("stubborn", STUBBORN).start();
    init.wait_line("stubborn runs", |line| line.contains("stubborn: started"));
    init.wait_line("web runs", |line| line.contains("web: started"));
    init
}

fn make(init: &Running, file: &str) {
    std::fs::write(init.dir().join(file), "").unwrap();
}

#[test]
fn without_waiting_the_answer_comes_at_once() {
    let init = start();
    assert_eq!(init.rinit(&["start", "--no-wait", "slow"]).ok(), "slow: starting");
    assert_eq!(init.rinit(&["stop", "--no-wait", "stubborn"]).ok(), "stubborn: stopping");
    let json = init.rinit(&["restart", "--no-wait", "--json", "web"]).ok();
    assert!(json.starts_with(r#"[{"service":"web","done":true,"message":""#), "{json}");
    make(&init, "up");
    make(&init, "down");
    init.wait_state("slow", "running");
    init.wait_state("stubborn", "stopped");
    init.wait_service("web", "restarted", |web| web.restarts == 1 && web.state == "running");
}

/// What cannot be done is known at once, and said.
#[test]
fn without_waiting_a_failure_is_told_if_it_is_known() {
    let init = Launch::plain()
        .service("web", QUICK)
        .service("bad", "command = \"/nonexistent/program\"\n")
        .service("behind", &format!("{QUICK}\ndepends_on = [\"bad\"]\n"))
        .start();
    init.wait_line("it answers", |line| line.contains("web: started"));
    init.rinit(&["wait", "bad", "behind", "--for", "failed"]).ok();
    let failed = init.rinit(&["start", "bad"]);
    assert!(failed.status == 1 && failed.stderr.contains("bad: failed: "), "{failed:?}");
    assert_eq!(init.rinit(&["start", "--no-wait", "bad"]).status, 0, "its process was made");
}

#[test]
fn the_time_limit_is_kept_and_it_goes_on() {
    let init = start();
    let late = init.rinit(&["stop", "--timeout", "50ms", "stubborn", "web"]);
    assert_eq!(late.status, 1);
    assert!(late.stderr.contains("stubborn: stopping, not done within 50ms"), "{late:?}");
    let late = init.rinit(&["start", "--timeout", "50ms", "slow"]);
    assert!(late.status == 1 && late.stderr.contains("slow: starting, not done within 50ms"), "{late:?}");
    make(&init, "up");
    make(&init, "down");
    init.wait_state("slow", "running");
    init.wait_state("stubborn", "stopped");
    assert_eq!(init.rinit(&["restart", "--timeout", "0s", "web"]).status, 2);
    assert_eq!(init.rinit(&["pause", "--no-wait", "web"]).status, 2);
}

/// No bare end of the connection.
#[test]
fn the_stop_of_the_container_is_what_whoever_waits_is_told() {
    let mut init = start();
    let spawn =
        |words: &[&str]| init.verb(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let starts = spawn(&["start", "slow"]);
    init.wait_state("slow", "starting");
    let stops = spawn(&["stop", "stubborn"]);
    init.wait_state("stubborn", "stopping");
    init.signal(Signal::SIGTERM);
    let told = starts.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&told.stderr);
    assert!(told.status.code() == Some(1), "{told:?}");
    assert!(said.contains("slow: ") && said.contains("the container is being stopped"), "{said}");
    let refused = init.rinit(&["start", "web"]);
    assert!(refused.status == 1 && refused.stderr.contains("the container is being stopped"), "{refused:?}");
    make(&init, "down");
    let told = stops.wait_with_output().unwrap();
    assert!(told.status.success() && told.stdout == b"stubborn: stopped\n", "{told:?}");
    init.wait_exit(PATIENCE);
}

#[test]
fn shutdown_answers_that_it_stops() {
    let mut init = Launch::plain().service("web", QUICK).start();
    init.wait_healthy(PATIENCE);
    assert_eq!(init.rinit(&["shutdown", "--json"]).ok(), "{\"stopping\":true}");
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
    assert_eq!(init.rinit(&["shutdown"]).status, 3);
}
