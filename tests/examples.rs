//! The examples in services.d, as a new user runs them: no root, no container.

use crate::support::{Launch, PATIENCE, Running, repository, skip};
use nix::sys::signal::Signal;
use std::time::{Duration, Instant};

/// Starts a copy of the examples, as an ordinary user also where the tests run as root.
fn start() -> Running {
    let mut launch = Launch::plain().default_socket();
    for entry in std::fs::read_dir(repository().join("services.d")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        launch = launch.file(&format!("services.d/{name}"), &std::fs::read_to_string(&path).unwrap());
    }
    let services = launch.dir().join("services.d");
    launch = launch.services(&services);
    if skip::is_root() { launch.user(1000).start() } else { launch.start() }
}

/// How long it took from the start until everything was healthy, and from Ctrl-C to the end.
fn run_once() -> (Duration, Duration) {
    let started = Instant::now();
    let mut init = start();
    init.wait_healthy(PATIENCE);
    let healthy = started.elapsed();
    init.wait_line("the clock's time from the reader", |line| line.starts_with("the clock says"));

    let signalled = Instant::now();
    init.signal(Signal::SIGINT);
    let end = init.wait_exit(PATIENCE);
    assert_eq!(end.status, 0);
    (healthy, end.at - signalled)
}

/// Everything is healthy within five seconds; Ctrl-C ends it at once with 0, and nothing is left behind. The quickest of
/// ten, because the machine is busy with other tests.
#[test]
fn examples_are_healthy_in_five_seconds_and_end_at_once() {
    let (mut healthy, mut end) = (Duration::MAX, Duration::MAX);
    for _ in 0..10 {
        let (this, that) = run_once();
        (healthy, end) = (healthy.min(this), end.min(that));
        if healthy < Duration::from_secs(5) && end < Duration::from_secs(1) {
            return;
        }
    }
    panic!("healthy after {healthy:?}, and Ctrl-C took {end:?}");
}

/// Each of them can be checked without being run.
#[test]
fn examples_are_accepted_by_check() {
    let dirs = [
        "services.d",
        "examples/nginx-redis/services.d",
        "examples/postgres/services.d",
        "examples/visits/roles/store",
        "examples/visits/roles/web",
        "examples/visits/roles/balancer",
    ];
    for dir in dirs {
        let program = crate::support::rinit_bin();
        let dir = repository().join(dir);
        let args = ["check", "--services", dir.to_str().unwrap()];
        let checked = crate::support::output(program.to_str().unwrap(), &args).unwrap();
        // The users that some name are in the image, perhaps not on this machine.
        let errors: Vec<&str> = checked.stderr.lines().filter(|line| line.contains(": error: ")).collect();
        let only_users = !errors.is_empty() && errors.iter().all(|error| error.contains("unknown user"));
        assert!(checked.status == 0 || only_users, "{checked:?}");
    }
}
