//! Restarts, backoff and giving up.

use crate::require_namespace;
use crate::support::{Launch, PATIENCE, wait_for};
use nix::sys::signal::Signal;
use std::time::Duration;

#[test]
fn a_service_that_dies_at_once_is_restarted_after_100_200_400_milliseconds() {
    require_namespace!();
    // By its own clock: a busy machine may be late to read what it says.
    let mut init = Launch::pid1()
        .service("web", "command = [\"sh\", \"-c\", \"date '+started at %s%N'; exit 1\"]")
        .start();
    let mut starts: Vec<u64> = Vec::new();
    let mut seen = 0;
    for _ in 0..4 {
        let (at, line) = init.wait_line_after(seen, "it starts", |line| line.starts_with("started at "));
        seen = at + 1;
        starts.push(line.text.trim_start_matches("started at ").parse().unwrap());
    }
    // A busy machine may add to a wait, never take from it.
    for (pair, least) in starts.windows(2).zip([100, 200, 400]) {
        let waited = Duration::from_nanos(pair[1] - pair[0]);
        assert!(waited >= Duration::from_millis(least - 5), "{waited:?} in place of {least} ms");
    }
    for expected in ["restarting in 100ms", "restarting in 200ms", "restarting in 400ms"] {
        init.wait_line(expected, |line| line.contains(expected));
    }
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
}

#[test]
fn on_failure_gives_up_and_an_essential_service_ends_the_container_with_its_code() {
    require_namespace!();
    let mut init = Launch::pid1()
        .service(
            "web",
            "command = [\"sh\", \"-c\", \"echo start; exit 7\"]\nrestart = \"on-failure:3\"\nessential = true\n\
             backoff = { initial = \"10ms\" }",
        )
        .service("other", "command = [\"sleep\", \"1000\"]")
        .start();
    assert_eq!(init.wait_exit(PATIENCE).status, 7);
    assert_eq!(init.stdout().matches("start\n").count(), 4, "once, and three times again");
    init.wait_line("it gives up", |line| {
        line.contains("web: exited with code 7") && line.contains("gave up after 3")
    });
}

#[test]
fn a_killed_service_is_back_and_what_was_left_of_its_group_is_gone() {
    require_namespace!();
    let script = "sleep 1111 & echo up; wait";
    let mut init = Launch::pid1()
        .service("web", &format!("command = [\"sh\", \"-c\", {script:?}]\nstop_grace_period = \"2s\""))
        .start();
    let (seen, _) = init.wait_line_after(0, "it is up", |line| line == "up");
    let shell = init.find(script).first().unwrap().pid;
    init.run(&["kill", "-9", &shell.to_string()]).ok();
    init.wait_line_after(seen + 1, "it is up again", |line| line == "up");
    wait_for("one sleep", PATIENCE, || (init.find("sleep 1111").len() == 2).then_some(()));
    init.wait_line("it says so", |line| line.contains("web: killed by SIGKILL"));
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
}

#[test]
fn all_tasks_done_ends_the_container() {
    require_namespace!();
    let mut init = Launch::pid1()
        .service("one", "command = \"true\"\nrestart = \"no\"")
        .service(
            "two",
            "command = \"true\"\nrestart = \"no\"\ndepends_on = { one = \"service_completed_successfully\" }",
        )
        .start();
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
    let mut init = Launch::pid1()
        .service("one", "command = \"sh -c 'exit 5'\"\nrestart = \"no\"")
        .service(
            "two",
            "command = \"true\"\nrestart = \"no\"\ndepends_on = { one = \"service_completed_successfully\" }",
        )
        .start();
    assert_eq!(init.wait_exit(PATIENCE).status, 5);
    init.wait_line("the dependent says why", |line| line.contains("two: failed: dependency one failed"));
}
