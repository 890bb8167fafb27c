//! The logger is the last to end, and holds up nobody before.

use super::{lines_of, logger, sh};
use crate::require_namespace;
use crate::support::services::Status;
use crate::support::{Launch, PATIENCE};
use nix::sys::signal::Signal;
use std::time::Duration;

/// What is left behind belongs to no service, and is told to end after all of them.
#[test]
fn processes_of_no_service_have_last_words_too() {
    require_namespace!();
    let left = "trap 'sleep 0.3; echo its last words; exit' TERM; echo is left; while :; do sleep 0.05; done";
    let mut init = Launch::pid1()
        .service("web", &sh(&format!("setsid sh -c \"{left}\" & exec sleep 1000")))
        .service("database", &sh("exec sleep 1000"))
        .arg("--log-driver")
        .arg("console")
        .start();
    init.wait_line("what is left to be there", |line| line == "web       | is left");
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
    assert_eq!(lines_of(&init, "web"), ["is left", "its last words"]);
    assert!(!init.stderr().contains("logger"), "{}", init.stderr());
}

/// One that ignores SIGTERM has the logger until almost the end, when both are killed.
#[test]
fn what_does_not_end_is_heard_until_the_end() {
    require_namespace!();
    let left = "trap 'echo is told' TERM; echo is left; while :; do sleep 0.05; done";
    let mut init = Launch::pid1()
        .service("web", &sh(&format!("setsid sh -c \"{left}\" & exec sleep 1000")))
        .arg("--log-driver")
        .arg("console")
        .arg("--stop-timeout")
        .arg("2s")
        .start();
    init.wait_line("what is left to be there", |line| line == "web  | is left");
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
    assert_eq!(lines_of(&init, "web"), ["is left", "is told"]);
}

/// Services that write wait for it once their pipes are full. Everything else goes on.
#[test]
fn a_frozen_logger_holds_up_neither_start_nor_stop() {
    require_namespace!();
    let mut init = Launch::pid1()
        .service("loud", &sh("while :; do echo too much; done"))
        .service("later", &(sh("echo up; exec sleep 1000") + "autostart = false\n"))
        .service("plain", &(sh("exec sleep 1000") + "logging.driver = \"inherit\"\n"))
        .arg("--log-driver")
        .arg("console")
        .start();
    init.wait_line("some lines", |line| line.ends_with("| too much"));
    let pid = logger(&init, None);
    init.run(&["kill", "-STOP", &pid.to_string()]).ok();
    for words in [
        &["start", "later"][..],
        &["restart", "loud"],
        &["restart", "plain"],
        &["stop", "plain"],
        &["status"],
        &["health"],
        &["reload"],
    ] {
        let told = init.rinit(words);
        assert_eq!(told.status, 0, "{words:?}: {told:?}");
    }
    assert_eq!(init.service("later").state, "running");
    assert!(lines_of(&init, "later").is_empty());
    // At the stop it goes on with everything else, and delivers what is left.
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(Duration::from_secs(8)).status, 0);
    assert_eq!(lines_of(&init, "later"), ["up"]);
}

/// Without a logger nothing is there for it, and PID 1 sleeps. With one, PID 1 has two descriptors for each output.
#[test]
fn without_a_logger_pid1_has_nothing_for_it() {
    require_namespace!();
    let descriptors = |driver| {
        let init = Launch::pid1()
            .service("web", &sh("exec sleep 1000"))
            .service("database", &sh("exec sleep 1000"))
            .arg("--log-driver")
            .arg(driver)
            .start();
        init.wait_state("web", "running");
        init.wait_state("database", "running");
        // What only the start, or an answer, needed is given back.
        let count = || init.run(&["sh", "-c", "ls -l /proc/1/fd"]).ok();
        let list = crate::support::wait_for_seen("PID 1 to come to rest", PATIENCE, || {
            let (before, switches) = (count(), switches(&init));
            std::thread::sleep(Duration::from_millis(300));
            if (count(), self::switches(&init)) == (before.clone(), switches) {
                Ok(before)
            } else {
                Err(before)
            }
        });
        let has = |kind: &str| list.lines().filter(|line| line.contains(kind)).count();
        (list.lines().count(), has("timerfd"), init.processes().len())
    };
    let ((plain, timers, processes), (logged, timers_too, more)) =
        (descriptors("inherit"), descriptors("console"));
    assert_eq!((timers, timers_too), (0, 0));
    assert_eq!(logged - plain, 2 * 2 * 2 + 2, "both ends of four pipes, the socket, and the program");
    assert_eq!(more - processes, 1);
    assert_eq!(processes, 3, "PID 1 and two services");
}

/// How often PID 1 has waited.
fn switches(init: &crate::support::Running) -> String {
    let status = init.run(&["cat", "/proc/1/status"]).ok();
    status.lines().find(|line| line.starts_with("voluntary_ctxt_switches")).unwrap_or_default().to_owned()
}
