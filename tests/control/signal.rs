//! `rinit signal`.

use crate::require_namespace;
use crate::support::services::Status;
use crate::support::{Launch, PATIENCE, Running, wait_for};

/// Tells each SIGUSR1 that it gets, as its child does, which is in its group.
const TELLS: &str = r#"
command = ["bash", "-c", "trap 'echo main got it' USR1; (trap 'echo child got it' USR1; echo child up; while :; do sleep 0.05; done) & echo main up; while :; do wait; done"]
stop_signal = "SIGKILL"
"#;

fn start() -> Running {
    let init = Launch::pid1().service("web", TELLS).service("idle", "command = \"sleep 1000\"\n").start();
    init.wait_line("it is up", |line| line == "main up");
    init.wait_line("its child is up", |line| line == "child up");
    init
}

fn count(init: &Running, text: &str) -> usize {
    init.lines().iter().filter(|line| line.text == text).count()
}

#[test]
fn it_goes_to_the_main_process_or_to_its_group() {
    require_namespace!();
    let init = start();
    let pid = init.pid_of("web");
    let sent = init.rinit(&["signal", "USR1", "web"]).ok();
    assert_eq!(sent, format!("web: SIGUSR1 sent to process {pid}"));
    init.wait_line("the main process has it", |line| line == "main got it");
    let sent = init.rinit(&["signal", "--group", "10", "web"]).ok();
    assert_eq!(sent, format!("web: SIGUSR1 sent to process group {pid}"));
    init.wait_line("the child has it", |line| line == "child got it");
    wait_for("the main process to have both", PATIENCE, || (count(&init, "main got it") == 2).then_some(()));
    assert_eq!(count(&init, "child got it"), 1);
    let json = init.rinit(&["signal", "USR1", "web", "--json"]).ok();
    assert!(json.starts_with(r#"[{"service":"web","done":true,"message":"SIGUSR1 sent"#), "{json}");
    init.wait_line("the log", |line| line.contains("web: sent SIGUSR1 to its process group by request"));
}

#[test]
fn what_has_no_process_gets_none() {
    require_namespace!();
    let init = start();
    init.rinit(&["stop", "idle"]).ok();
    let refused = init.rinit(&["signal", "HUP", "idle"]);
    assert!(
        refused.status == 1 && refused.stderr.contains("idle: it has no process: stopped"),
        "{refused:?}"
    );
    for (words, status) in [
        (&["signal"][..], 2),
        (&["signal", "HUP"], 2),
        (&["signal", "SIGNOTHING", "web"], 2),
        (&["signal", "HUP", "nobody"], 1),
        (&["signal", "web", "HUP"], 2),
    ] {
        assert_eq!(init.rinit(words).status, status, "{words:?}");
    }
    assert_eq!(init.service("web").state, "running");
}

/// It counts as a death like any other.
#[test]
fn one_that_is_killed_so_is_restarted_by_its_policy() {
    require_namespace!();
    let init = start();
    let pid = init.pid_of("web");
    init.rinit(&["signal", "SIGKILL", "web", "idle"]).ok();
    for name in ["web", "idle"] {
        let web = init.wait_service(name, "another process", |service| {
            service.restarts == 1 && service.state == "running"
        });
        assert_eq!(web.last_exit.as_deref(), Some("killed by SIGKILL"));
    }
    assert_ne!(init.pid_of("web"), pid);
}

/// Stopped by hand it still counts as running; what is paused goes on by `resume` alone.
#[test]
fn stop_and_continue_are_signals_like_others() {
    require_namespace!();
    let init = start();
    let pid = init.pid_of("idle");
    let state = || init.processes().into_iter().find(|process| process.pid == pid).unwrap().state;
    init.rinit(&["signal", "STOP", "idle"]).ok();
    wait_for("it stands still", PATIENCE, || (state() == 'T').then_some(()));
    assert_eq!(init.service("idle").state, "running");
    init.rinit(&["signal", "CONT", "idle"]).ok();
    wait_for("it goes on", PATIENCE, || (state() == 'S').then_some(()));
    init.rinit(&["pause", "idle"]).ok();
    let refused = init.rinit(&["signal", "CONT", "idle"]);
    assert!(refused.status == 1 && refused.stderr.contains("rinit resume"), "{refused:?}");
    wait_for("it stands still", PATIENCE, || (state() == 'T').then_some(()));
    assert_eq!(init.service("idle").state, "paused");
    init.rinit(&["signal", "KILL", "idle"]).ok();
    init.wait_service("idle", "another process", |idle| idle.pid.is_some_and(|new| new != pid));
}

/// Says what it does, and fails for the second signal.
const CONTROLLED: &str = r#"
command = ["bash", "-c", "trap 'echo main got it' USR1 USR2; echo main up; while :; do sleep 0.05; done"]
stop_signal = "SIGKILL"
[control]
USR1 = "echo in its place"
SIGUSR2 = ["sh", "-c", "echo not done; exit 3"]
SIGSTOP = "echo to pause"
up = "echo first"
exit = "echo last"
"#;

#[test]
fn a_command_takes_the_place_of_a_signal() {
    require_namespace!();
    let mut init = Launch::pid1().service("web", CONTROLLED).start();
    init.wait_line("it is up", |line| line == "main up");
    init.wait_line("what goes before it", |line| line == "first");
    let pid = init.pid_of("web");
    let told = init.rinit(&["signal", "USR1", "web"]).ok();
    assert_eq!(told, "web: SIGUSR1 taken in: a control command runs first");
    init.wait_line("the command", |line| line == "in its place");
    init.rinit(&["signal", "USR2", "web"]).ok();
    init.wait_line("the signal after its command", |line| line == "main got it");
    assert_eq!(count(&init, "not done"), 1);
    assert_eq!(count(&init, "main got it"), 1, "SIGUSR1 was not sent");
    init.wait_line("the log", |line| line.contains("web: control failed: exited with code 3"));
    // Its command has succeeded, so it is not halted.
    assert_eq!(init.rinit(&["pause", "web"]).ok(), "web: paused");
    init.wait_line("the command", |line| line == "to pause");
    let state = init.processes().into_iter().find(|process| process.pid == pid).unwrap().state;
    assert!(state != 'T', "{state}");
    assert_eq!(init.rinit(&["resume", "web"]).ok(), "web: running");
    let events = init.rinit(&["events", "--kind", "kill"]).ok();
    let to_control = events.lines().filter(|line| line.contains("to=control")).count();
    assert_eq!(to_control, 3, "{events}");
    init.signal(nix::sys::signal::Signal::SIGTERM);
    init.wait_exit(PATIENCE);
    init.wait_line("what goes with the end", |line| line == "last");
}
