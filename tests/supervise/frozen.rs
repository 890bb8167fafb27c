//! PID 1 is stopped for a while, and everything else goes on: nothing is said to be late that was in time.

use crate::require_namespace;
use crate::support::services::Status;
use crate::support::{Launch, PATIENCE, Running, wait_for};
use nix::sys::signal::Signal;
use std::time::{Duration, Instant};

/// The limits of the services, and a while longer.
const LIMIT: &str = "8s";
const PAUSE: Duration = Duration::from_secs(10);

/// Says that it is ready when there is a file `open`, and gives signs of life at all times.
const NOTIFIES: &str = r#"
import os, socket, sys, time
news = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
news.connect("\0" + os.environ["NOTIFY_SOCKET"][1:])
def say(what):
    try:
        news.send(what)
    except BlockingIOError:
        pass  # nobody reads it just now, and there is enough for it
if "late" in sys.argv:
    print("late is up", flush=True)
    while not os.path.exists("open"):
        time.sleep(0.02)
say(b"READY=1")
while True:
    say(b"WATCHDOG=1")
    time.sleep(0.2)
"#;

fn start() -> Running {
    let until_open = "while ! test -e open; do sleep 0.02; done";
    let python =
        format!("command = [\"python3\", \"-c\", '''{NOTIFIES}''', \"NAME\"]\nnotify = \"systemd\"\n");
    let named = |name: &str, more: &str| format!("{}{more}\n", python.replace("NAME", name));
    let probe = format!("echo a probe is there; {until_open}");
    Launch::pid1()
        .service("fed", &named("fed", &format!("watchdog = \"{LIMIT}\"")))
        .service("late", &named("late", &format!("start_timeout = \"{LIMIT}\"")))
        .service(
            "task",
            &format!(
                "command = [\"sh\", \"-c\", \"echo task is up; {until_open}\"]\nrestart = \"no\"\n\
                 run_timeout = \"{LIMIT}\"\n"
            ),
        )
        .service(
            "probed",
            &format!(
                "command = \"sleep 1000\"\n[healthcheck]\n\
                 test = [\"CMD\", \"sh\", \"-c\", \"touch probe; {probe} >/dev/null\"]\n\
                 interval = \"100ms\"\ntimeout = \"{LIMIT}\"\nretries = 1\n"
            ),
        )
        .start()
}

/// Stops PID 1, lets what the services wait for come about, and has PID 1 go on after all limits.
fn stop_for_a_while(init: &Running) {
    init.signal(Signal::SIGSTOP);
    wait_for("PID 1 to be stopped", PATIENCE, || {
        init.processes().iter().any(|it| it.pid == 1 && it.state == 'T').then_some(())
    });
    let stopped = Instant::now();
    std::fs::write(init.dir().join("open"), "").unwrap();
    wait_for("the limits to be over", PATIENCE, || (stopped.elapsed() > PAUSE).then_some(()));
    init.signal(Signal::SIGCONT);
}

#[test]
fn what_has_happened_in_time_is_in_time_though_pid_1_learns_of_it_late() {
    require_namespace!();
    let init = start();
    init.wait_line("the task", |line| line == "task is up");
    init.wait_line("the late one", |line| line == "late is up");
    let fed = init.wait_state("fed", "running").pid;
    wait_for("a probe", PATIENCE, || init.dir().join("probe").exists().then_some(()));
    stop_for_a_while(&init);
    init.wait_line("it knows", |line| line.contains("woken up"));
    init.wait_state("task", "completed");
    init.wait_state("late", "running");
    wait_for("health", PATIENCE, || {
        (init.service("probed").health.as_deref() == Some("healthy")).then_some(())
    });
    assert_eq!(init.wait_state("fed", "running").pid, fed);
    let said = init.stderr();
    for untrue in ["still running", "not ready", "WATCHDOG", "no result", "killed", "unhealthy"] {
        assert!(!said.contains(untrue), "{untrue}: {said}");
    }
}

/// Its share of the stop timeout is not longer for it: whoever asked for the stop goes on counting.
#[test]
fn the_stop_of_the_container_ends_in_its_time_all_the_same() {
    require_namespace!();
    let deaf = "command = [\"sh\", \"-c\", \"trap '' TERM; echo up; while :; do sleep 1; done\"]\n\
                stop_grace_period = \"60s\"\n";
    let mut init = Launch::pid1().arg("--stop-timeout").arg("5s").service("deaf", deaf).start();
    init.wait_line("it is up", |line| line == "up");
    init.signal(Signal::SIGTERM);
    init.wait_line("it stops", |line| line.contains("deaf: stopping"));
    init.signal(Signal::SIGSTOP);
    let stopped = Instant::now();
    wait_for("the timeout to be over", PATIENCE, || (stopped.elapsed() > PAUSE).then_some(()));
    let went_on = Instant::now();
    init.signal(Signal::SIGCONT);
    let end = init.wait_exit(PATIENCE);
    assert_eq!(end.status, 137);
    // A second time of that length would be 55 seconds.
    assert!(end.at - went_on < Duration::from_secs(20), "{:?}", end.at - went_on);
}

/// SIGCHLD and SIGTERM are read together, SIGTERM first by its number.
#[test]
fn a_death_before_sigterm_is_not_taken_for_its_doing() {
    require_namespace!();
    let fails = "command = [\"sh\", \"-c\", \"while ! test -e end; do sleep 0.02; done; exit 3\"]\nrestart = \"no\"\n";
    let mut init = Launch::pid1().service("task", fails).start();
    let pid = init.wait_state("task", "running").pid;
    init.signal(Signal::SIGSTOP);
    wait_for("PID 1 to be stopped", PATIENCE, || {
        init.processes().iter().any(|it| it.pid == 1 && it.state == 'T').then_some(())
    });
    std::fs::write(init.dir().join("end"), "").unwrap();
    wait_for("the end of the task", PATIENCE, || {
        init.zombies().iter().any(|it| Some(it.pid) == pid).then_some(())
    });
    init.signal(Signal::SIGTERM);
    init.signal(Signal::SIGCONT);
    let status = init.wait_exit(PATIENCE).status;
    let said = init.stderr();
    assert!(said.contains("task: exited with code 3") && status == 3, "{status}: {said}");
}
