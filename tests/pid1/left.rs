//! The end: who is left when the command has ended, and who is there when the init is told to stop.

use super::{Init, Place, puppet, puppeteer};
use crate::require_namespace;
use crate::support::{PATIENCE, wait_for};
use nix::sys::signal::Signal;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Far more than any test waits: who waits for it, fails.
const LONG: [&str; 2] = ["--stop-timeout", "10m"];

/// One that has called setsid, and a shell that takes a second over its end.
#[test]
fn those_left_are_told_and_may_finish() {
    require_namespace!();
    for place in [Place::Pid1, Place::Plain] {
        let trap = "trap 'sleep 1; echo the shell has finished; exit 0' TERM; echo trapped; while :; do sleep 0.05; done";
        let script = format!("sh -c \"$TRAP\" & read line; exec {} leave {} exit 5", puppet(), puppet());
        let (reader, mut writer) = std::io::pipe().unwrap();
        let launch = Init::rinit().with(&LONG).launch(place, &["sh", "-c", &script]).env("TRAP", trap);
        let mut running = launch.stdin(Stdio::from(reader)).start();
        running.wait_line("the trap is set", |line| line == "trapped");
        std::io::Write::write_all(&mut writer, b"\n").unwrap();
        let end = running.wait_exit(PATIENCE);
        assert_eq!(end.status, 5, "{place:?}");
        let lines = running.stdout();
        for line in ["got SIGTERM", "the session has ended by itself", "the shell has finished"] {
            assert_eq!(lines.matches(line).count(), 1, "{place:?}: {line} in {lines}");
        }
    }
}

/// Stopped ones as well: SIGCONT follows.
#[test]
fn a_stopped_one_that_is_left_is_told() {
    require_namespace!();
    for place in [Place::Pid1, Place::Plain] {
        let script =
            "sleep 1000 & kill -STOP $!; until grep -q 'State:.*T' /proc/$!/status; do :; done; exit 6";
        assert_eq!(Init::rinit().with(&LONG).status(place, &["sh", "-c", script]), 6, "{place:?}");
    }
}

#[test]
fn who_does_not_end_is_killed_at_the_stop_timeout() {
    require_namespace!();
    for place in [Place::Pid1, Place::Plain] {
        let init = Init::rinit().with(&["--stop-timeout", "400ms"]);
        // When the command has ended by itself:
        let script = "trap '' TERM; setsid sleep 1000 & setsid sleep 1000 & exit 4";
        let start = Instant::now();
        let mut running = init.launch(place, &["sh", "-c", script]).start();
        assert_eq!(running.wait_exit(PATIENCE).status, 4, "{place:?}");
        assert!(start.elapsed() >= Duration::from_millis(400), "{:?}", start.elapsed());
        // When the init is told to stop:
        let script = "trap '' TERM; setsid sleep 1000 & echo ready; while :; do sleep 1000; done";
        let mut running = init.launch(place, &["sh", "-c", script]).start();
        running.wait_line("the command is there", |line| line == "ready");
        running.signal(Signal::SIGTERM);
        assert_eq!(running.wait_exit(PATIENCE).status, 137, "{place:?}");
    }
}

/// A quick end is not waited for. The best of several, because the machine is busy with other tests.
#[test]
fn with_nobody_left_the_end_is_immediate() {
    require_namespace!();
    let quickest = (0..10).map(|_| {
        let mut running = Init::rinit().with(&LONG).launch(Place::Pid1, &puppeteer(&["pause"])).start();
        running.wait_line("the command is there", |line| line == "paused");
        running.pid();
        let start = Instant::now();
        running.signal(Signal::SIGTERM);
        assert_eq!(running.wait_exit(PATIENCE).status, 143);
        start.elapsed()
    });
    let quickest = quickest.min().unwrap();
    // The signal goes through a process, and the end is looked for each 2 ms.
    assert!(quickest < Duration::from_millis(50), "{quickest:?}");
}

/// Nobody reads what rinit says, the pipe is full, and yet all goes on.
#[test]
fn a_full_standard_error_stops_nothing() {
    require_namespace!();
    for place in [Place::Pid1, Place::Plain] {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let full = nix::fcntl::fcntl(&writer, nix::fcntl::FcntlArg::F_SETPIPE_SZ(4096)).unwrap();
        std::io::Write::write_all(&mut writer, &vec![b'x'; full as usize]).unwrap();
        let script = format!("{} orphans 500; echo made; exec {} pause", puppet(), puppet());
        let init = Init::rinit().with(&LONG).with(&["-vvv", "-w"]);
        let mut running = init
            .launch(place, &["sh", "-c", &script])
            .stderr(Stdio::from(writer.try_clone().unwrap()))
            .start();
        running.wait_line("the orphans are made", |line| line == "paused");
        for signal in [Signal::SIGHUP, Signal::SIGWINCH] {
            if signal == Signal::SIGWINCH {
                running.signal(signal);
            }
        }
        wait_for("the orphans to be gone", PATIENCE, || running.zombies().is_empty().then_some(()));
        running.signal(Signal::SIGTERM);
        assert_eq!(running.wait_exit(PATIENCE).status, 143, "{place:?}");
        drop(reader);
    }
}

/// Others write to the same pipe, and must not find it non-blocking.
#[test]
fn standard_error_is_left_blocking() {
    require_namespace!();
    let (_reader, writer) = std::io::pipe().unwrap();
    let launch = Init::rinit().with(&["-vvv"]).launch(Place::Pid1, &puppeteer(&["pause"]));
    let running = launch.stderr(Stdio::from(writer.try_clone().unwrap())).start();
    running.wait_line("the command is there", |line| line == "paused");
    let flags = nix::fcntl::fcntl(&writer, nix::fcntl::FcntlArg::F_GETFL).unwrap();
    assert_eq!(flags & nix::libc::O_NONBLOCK, 0);
}
