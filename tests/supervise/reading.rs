//! The definitions are read in a child: what hangs there, or fails, neither blocks nor ends PID 1.

use crate::require_namespace;
use crate::support::services::Status;
use crate::support::{Launch, Output, PATIENCE, Running, wait_for};
use nix::sys::signal::Signal;
use std::fs;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// Longer than a reading may take.
const LONG: Duration = Duration::from_secs(30);

fn start() -> Running {
    let init = Launch::pid1().service("web", "command = [\"sleep\", \"1000\"]\n").start();
    init.wait_healthy(PATIENCE);
    init
}

/// As many definitions as take long to read, all of them wrong.
fn define_slow(init: &Running) {
    let dir = init.dir().join("services.d");
    let first = dir.join("slow-0.toml");
    fs::write(&first, "=\n".repeat(30_000)).unwrap();
    for number in 1..1000 {
        fs::hard_link(&first, dir.join(format!("slow-{number}.toml"))).unwrap();
    }
}

fn remove_slow(init: &Running) {
    for number in 0..1000 {
        fs::remove_file(init.dir().join(format!("services.d/slow-{number}.toml"))).unwrap();
    }
}

fn begin_reload(init: &Running) -> Child {
    let mut command = init.verb(&["reload", "--timeout", "60s"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn end(reload: Child) -> Output {
    let output = reload.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Output { status: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// The process that reads, sent this signal.
fn signal_reader(init: &Running, signal: &str) -> String {
    let pid = wait_for("the process that reads", PATIENCE, || {
        let reader = init.find("rinit-reader").into_iter().find(|process| !process.is_zombie());
        reader.map(|process| process.pid.to_string())
    });
    assert_eq!(init.run(&["kill", signal, &pid]).status, 0);
    pid
}

fn wait_no_reader(init: &Running) {
    wait_for("the end of the process that reads", PATIENCE, || {
        init.find("rinit-reader").is_empty().then_some(())
    });
}

#[test]
fn a_reading_that_hangs_hinders_nothing_and_has_an_end() {
    require_namespace!();
    let init = start();
    let before = init.pids();
    define_slow(&init);
    let reload = begin_reload(&init);
    let pid = signal_reader(&init, "-STOP");
    let begun = Instant::now();
    // It goes first when memory runs out.
    assert_eq!(init.run(&["cat", &format!("/proc/{pid}/oom_score_adj")]).stdout.trim(), "1000");
    assert_eq!(init.rinit(&["health"]).status, 0);
    assert_eq!(init.rinit(&["restart", "web"]).status, 0);
    assert!(begun.elapsed() < Duration::from_secs(9), "it was waited for");
    let reload = end(reload);
    assert_eq!(reload.status, 1, "{reload:?}");
    assert!(reload.stderr.contains("cannot read the definitions within 10s"), "{reload:?}");
    wait_no_reader(&init);
    assert_ne!(init.pids(), before, "restarted by hand");
    remove_slow(&init);
    fs::write(init.dir().join("services.d/new.toml"), "command = [\"sleep\", \"1001\"]\n").unwrap();
    assert_eq!(init.rinit(&["reload"]).ok(), "started: new");
}

/// Everything is frozen, as by `docker pause`, for longer than a reading may take.
#[test]
fn a_freeze_fails_no_reading() {
    require_namespace!();
    let init = start();
    define_slow(&init);
    let reload = begin_reload(&init);
    let pid = signal_reader(&init, "-STOP");
    init.signal(Signal::SIGSTOP);
    let stopped = Instant::now();
    wait_for("its time to be over", LONG, || (stopped.elapsed() > Duration::from_secs(11)).then_some(()));
    remove_slow(&init);
    assert_eq!(init.run(&["kill", "-CONT", &pid]).status, 0);
    init.signal(Signal::SIGCONT);
    init.wait_line("it knows", |line| line.contains("woken up"));
    let reload = end(reload);
    assert!(!reload.stderr.contains("within 10s"), "{reload:?}");
}

#[test]
fn a_fault_in_the_reading_is_told() {
    require_namespace!();
    let init = start();
    let before = init.pids();
    define_slow(&init);
    let reload = begin_reload(&init);
    signal_reader(&init, "-ABRT");
    let reload = end(reload);
    assert_eq!(reload.status, 1, "{reload:?}");
    assert!(reload.stderr.contains("the process that reads them was killed by SIGABRT"), "{reload:?}");
    init.signal(Signal::SIGHUP);
    signal_reader(&init, "-KILL");
    init.wait_line("why there was no reload", |line| line.contains("killed by SIGKILL"));
    assert_eq!(init.pids(), before);
}

/// Who asks while it is read is answered by what was there when they asked.
#[test]
fn a_second_reload_reads_once_more() {
    require_namespace!();
    let init = start();
    define_slow(&init);
    let first = begin_reload(&init);
    signal_reader(&init, "-STOP");
    remove_slow(&init);
    fs::write(init.dir().join("services.d/new.toml"), "command = [\"sleep\", \"1001\"]\n").unwrap();
    let others = [begin_reload(&init), begin_reload(&init)];
    // They are taken in when what comes after them is answered.
    wait_for("three clients", LONG, || (init.find("rinit reload").len() >= 3).then_some(()));
    assert_eq!(init.rinit(&["health"]).status, 0);
    signal_reader(&init, "-KILL");
    assert!(end(first).stderr.contains("killed by SIGKILL"));
    for other in others.map(end) {
        assert_eq!((other.status, other.stdout.as_str()), (0, "started: new\n"), "{other:?}");
    }
}

#[test]
fn the_stop_does_not_wait_for_a_reading() {
    require_namespace!();
    let mut init = start();
    define_slow(&init);
    let reload = begin_reload(&init);
    signal_reader(&init, "-STOP");
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
    // It was told, or ended with everything that was in the container.
    assert!(!reload.wait_with_output().unwrap().status.success());
    assert!(!init.stderr().contains("of no service"), "{}", init.stderr());
}

/// Called by somebody else, it reads nothing and says who it is for.
#[test]
fn the_reader_is_rinit_s_own() {
    use std::os::unix::process::CommandExt;
    let mut command = std::process::Command::new(crate::support::rinit_bin());
    let output = command.arg0("rinit-reader").arg("x").output().unwrap();
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(125), &b""[..]));
}
