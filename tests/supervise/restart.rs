//! Restarts, backoff and giving up.

use crate::require_namespace;
use crate::support::services::Status;
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
fn a_restart_by_request_is_no_warning_and_a_kill_names_its_signal() {
    require_namespace!();
    let init = Launch::pid1()
        .service("web", "command = [\"sleep\", \"1000\"]")
        .service(
            "deaf",
            "command = [\"sh\", \"-c\", \"trap '' TERM; echo deaf; sleep 1000\"]\nstop_grace_period = \"0s\"",
        )
        .start();
    init.wait_line("the trap", |line| line == "deaf");
    init.rinit(&["restart", "web", "deaf"]).ok();
    init.wait_line("the restart", |line| line == "rinit: web: restarting: restarted by request");
    init.wait_line("the kill", |line| {
        line.starts_with("rinit: warning: deaf: still there after ")
            && line.ends_with(": killed with SIGKILL")
    });
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

/// Time spent in `starting` is no time spent well: it never gets ready, and lives longer than `reset_after`.
#[test]
fn one_that_never_gets_ready_or_healthy_is_given_up() {
    require_namespace!();
    let backoff = "backoff = { initial = \"10ms\", reset_after = \"100ms\" }\nrestart = \"on-failure:2\"";
    let init = Launch::pid1()
        .service("dumb", &format!("command = [\"sleep\", \"0.3\"]\nnotify = 3\n{backoff}"))
        .service(
            "ill",
            &format!(
                "command = [\"sleep\", \"1000\"]\n{backoff}\n[healthcheck]\ntest = \"false\"\ninterval = \"200ms\"\n\
                 retries = 2"
            ),
        )
        .service("other", "command = [\"sleep\", \"1000\"]")
        .start();
    for name in ["dumb", "ill"] {
        let failed = init.wait_service(name, "it gives up", |service| service.state == "failed");
        assert_eq!(failed.restarts, 2, "{name}");
    }
}

#[test]
fn always_is_limited_and_a_restart_by_hand_begins_anew() {
    require_namespace!();
    let init = Launch::pid1()
        .service(
            "web",
            "command = [\"sh\", \"-c\", \"echo start; exit 0\"]\n\
             backoff = { initial = \"10ms\", limit = 3, window = \"1h\" }",
        )
        .service("other", "command = [\"sleep\", \"1000\"]")
        .start();
    let gave_up = |line: &str| line.contains("web: exited with code 0") && line.contains("gave up after 3");
    let (seen, line) = init.wait_line_after(0, "it gives up", gave_up);
    assert!(line.text.contains("gave up after 3 restarts within 1h"), "{line:?}");
    let starts = |count| {
        wait_for("its starts", PATIENCE, || {
            (init.stdout().matches("start\n").count() == count).then_some(())
        });
    };
    starts(4);
    let web = init.service("web");
    assert_eq!(web.state, "failed");
    assert!(web.reason.unwrap_or_default().contains("gave up after 3 restarts within 1h"));
    let told = init.rinit(&["status", "web"]).ok();
    assert!(told.contains("limit 3, window 1h"), "{told}");
    init.rinit(&["restart", "web", "--no-wait"]).ok();
    init.wait_line_after(seen + 1, "it gives up again", gave_up);
    starts(8);
}

/// What is missing at a restart was there at the first start; what is missing then has never been.
#[test]
fn what_is_missing_at_a_restart_is_waited_for_and_at_the_first_start_it_is_not() {
    require_namespace!();
    let launch = Launch::pid1();
    let dir = launch.dir().display().to_string();
    let program = "[\"sh\", \"-c\", \"echo $RINIT_SERVICE is up; exec sleep 1000\"]";
    let secret = format!("command = {program}\nenvironment = {{ TOKEN = {{ file = \"{dir}/secret\" }} }}");
    let place = format!("command = {program}\nworking_dir = \"{dir}/place\"");
    let never = format!("command = {program}\nworking_dir = \"{dir}/nowhere\"");
    std::fs::write(format!("{dir}/secret"), "x").unwrap();
    std::fs::create_dir(format!("{dir}/place")).unwrap();
    let init = launch.service("secret", &secret).service("place", &place).service("never", &never).start();
    for name in ["secret", "place"] {
        let up = format!("{name} is up");
        let (seen, _) = init.wait_line_after(0, &up, |line| line == up);
        let (from, to) = (format!("{dir}/{name}"), format!("{dir}/{name}.away"));
        std::fs::rename(&from, &to).unwrap();
        init.run(&["kill", "-9", &init.pid_of(name).to_string()]).ok();
        let retried = |line: &str| line.contains(&format!("{name}:")) && line.contains("restarting in 200ms");
        init.wait_line_after(seen + 1, "it is tried again, and again", retried);
        std::fs::rename(&to, &from).unwrap();
        init.wait_line_after(seen + 1, "it is back", |line| line == up);
    }
    assert_eq!(init.service("never").state, "failed");
    assert_eq!(init.service("never").restarts, 0);
}
