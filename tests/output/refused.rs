//! Where a seccomp profile refuses what the loop stands on: rinit says so and ends before anything is started, or goes
//! on with what it can do. It never spins.

use super::Outlet;
use crate::pid1::{Init, Place, compiled};
use crate::require_namespace;
use crate::support::{Launch, PATIENCE, wait_for};
use nix::libc::{ENOSYS, EPERM};
use nix::sys::signal::Signal;

fn refusing(what: &str) -> [String; 2] {
    [compiled("tests/output/refuse.c"), what.to_owned()]
}

fn words(of: &[String; 2]) -> [&str; 2] {
    [&of[0], &of[1]]
}

#[test]
fn the_call_is_named_and_nothing_is_started() {
    require_namespace!();
    for call in ["epoll_create", "epoll_ctl", "epoll_wait", "signalfd", "wait4", "waitid", "pipe2"] {
        for (error, text) in [(EPERM, "Operation not permitted"), (ENOSYS, "Function not implemented")] {
            // musl makes a pipe in another way where the kernel does not know pipe2.
            if (call, error) == ("pipe2", ENOSYS) {
                continue;
            }
            let through = refusing(&format!("{call}={error}"));
            let launch = Launch::pid1().service("web", "command = 'touch started; sleep 1000'");
            let mut init = launch.through(&words(&through)).start();
            assert_eq!(init.wait_exit(PATIENCE).status, 125, "{call}: {}", init.stderr());
            let said = init.stderr();
            let expected =
                format!("rinit: error: cannot start: {call}: {text}, is it refused by a seccomp profile?");
            assert_eq!(said.trim_end(), expected);
            assert!(!init.dir().join("started").exists());
        }
    }
    for call in ["signalfd", "wait4"] {
        let through = refusing(call);
        for (name, status) in [("tini", 1), ("dumb-init", 1), ("catatonit", 1)] {
            let launch = Init::rinit_as(name).launch(Place::Pid1, &["echo", "started"]);
            let mut init = launch.through(&words(&through)).start();
            assert_eq!(init.wait_exit(PATIENCE).status, status, "{name}: {}", init.stderr());
            let expected = format!("{call}: Operation not permitted");
            assert!(init.stderr().contains(&expected), "{name}: {}", init.stderr());
            assert_eq!(init.stdout(), "");
        }
    }
}

/// Who starts one command and reaps does without most of the calls of a supervisor.
#[test]
fn one_command_runs_without_the_calls_that_it_does_not_take() {
    require_namespace!();
    for call in ["waitid", "kill"] {
        for name in ["tini", "dumb-init", "catatonit"] {
            let through = refusing(call);
            let launch = Init::rinit_as(name).launch(Place::Pid1, &["echo", "started"]);
            let mut init = launch.through(&words(&through)).start();
            assert_eq!(init.wait_exit(PATIENCE).status, 0, "{name} without {call}: {}", init.stderr());
            assert_eq!(init.stdout().trim_end(), "started", "{name} without {call}");
        }
        let launch = Launch::plain().command(&["echo", "started"]).through(&words(&refusing(call)));
        let mut init = launch.start();
        assert_eq!(init.wait_exit(PATIENCE).status, 0, "rinit without {call}: {}", init.stderr());
        assert_eq!(init.stdout().trim_end(), "started", "rinit without {call}");
    }
}

/// Waiting fails later, and for good: signals still come.
#[test]
fn without_a_poller_it_reaps_restarts_and_stops() {
    require_namespace!();
    let through = refusing("epoll_sleep");
    let mut outlet = Outlet::empty_pipe();
    outlet.read(None);
    let script = "(sleep 0.1 &); (sleep 0.2 &); echo made; exec sleep 1000";
    let mut init = Launch::pid1()
        .service("flap", "command = 'sh -c \"echo again\"'\nbackoff = { initial = '1ms', max = '1ms' }")
        .command(&["sh", "-c", script])
        .through(&words(&through))
        .stderr(outlet.stderr())
        .start();
    init.wait_line("COMMAND is started", |line| line == "made");
    let mut seen = 0;
    for _ in 0..20 {
        seen = init.wait_line_after(seen, "the service is restarted", |line| line == "again").0 + 1;
    }
    wait_for("the orphans to be reaped", PATIENCE, || {
        let orphans = init.processes().into_iter().filter(|it| it.command.starts_with("sleep 0."));
        (init.zombies().len() < 2 && orphans.count() == 0).then_some(())
    });
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 143);
    let said = outlet.text();
    let count = said.matches("cannot wait for events: epoll_wait: Operation not permitted").count();
    assert_eq!(count, 1, "{said}");
}
