//! PID 1 itself: reaping, orphans, and surviving what goes wrong around it.

use crate::support::launch::unshare_args;
use crate::support::skip::is_root;
use crate::support::{Launch, PATIENCE, wait_for};
use crate::{require_namespace, require_root};
use nix::sys::signal::Signal;
use std::process::Stdio;

const QUICK: &str = r#"command = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done"]"#;

#[test]
fn every_orphan_is_reaped() {
    require_namespace!();
    // Each background process ends after its parent, and so comes to PID 1.
    let script = "i=0; while [ $i -lt 2000 ]; do (sleep 0.0$((i % 10)) &); i=$((i + 1)); done; echo made; exec sleep 1000";
    let mut init = Launch::pid1().service("web", &format!("command = [\"sh\", \"-c\", {script:?}]")).start();
    init.wait_line("all are made", |line| line == "made");
    wait_for("no zombie", PATIENCE, || {
        (init.zombies().is_empty() && init.processes().len() <= 3).then_some(())
    });
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
}

#[test]
fn a_standard_error_that_nobody_reads_stops_nothing() {
    require_namespace!();
    // The pipe of the test is full of the service's own output; rinit must restart it all the same.
    let (reader, writer) = std::io::pipe().unwrap();
    let script = format!("yes >&2 & echo $$ >> {}; exec sleep 1000", "starts");
    let launch = Launch::pid1().service(
        "web",
        &format!("command = [\"sh\", \"-c\", {script:?}]\nbackoff = {{ initial = \"10ms\" }}"),
    );
    let starts = launch.dir().join("starts");
    let mut init = launch.stderr(Stdio::from(writer)).start();
    let count = || std::fs::read_to_string(&starts).unwrap_or_default().lines().count();
    wait_for("the first start", PATIENCE, || (count() == 1).then_some(()));
    for restarts in 2..=4 {
        wait_for("the service", PATIENCE, || {
            let pid = init.find("sleep 1000").first().map(|process| process.pid.to_string())?;
            (init.run(&["kill", "-9", &pid]).status == 0).then_some(())
        });
        wait_for("a restart", PATIENCE, || (count() >= restarts).then_some(()));
    }
    init.signal(Signal::SIGTERM);
    init.wait_exit(PATIENCE);
    drop(reader);
}

#[test]
fn signals_that_are_blocked_or_ignored_reach_the_command_so_and_rinit_not() {
    require_namespace!();
    let python = "import signal, os, sys\n\
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGTERM])\n\
        signal.signal(signal.SIGCHLD, signal.SIG_IGN); signal.signal(signal.SIGUSR2, signal.SIG_IGN)\n\
        signal.signal(signal.SIGPIPE, signal.SIG_DFL); signal.signal(signal.SIGXFSZ, signal.SIG_DFL)\n\
        os.execv(sys.argv[1], sys.argv[1:])";
    let bin = crate::support::rinit_bin().display().to_string();
    let look = ["grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"];
    let through = |words: &[&str]| {
        let mut all = vec!["python3", "-c", python];
        all.extend(words);
        crate::support::output("unshare", &[&unshare_args(is_root())[..], &all].concat()).unwrap()
    };
    let bare = through(&[&["/bin/grep"], &look[1..]].concat()).ok();
    assert!(bare.contains("SigBlk:\t0000000000004200\n"), "{bare}");
    // 32 and 33 are the C library's own, and are never passed on as ignored.
    let bare = bare.replace("SigIgn:\t0000000180", "SigIgn:\t0000000000");
    let under = through(&[&[bin.as_str()], &look[..]].concat()).ok();
    assert_eq!(under, bare);
}

#[test]
fn an_interrupt_of_a_plain_init_ends_it_at_once_with_0() {
    let mut init = Launch::plain().service("web", QUICK).start();
    init.wait_healthy(PATIENCE);
    init.signal(Signal::SIGINT);
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
}

#[test]
fn a_service_that_cannot_be_forked_is_tried_again() {
    require_namespace!();
    require_root!();
    // Without root there is no other way to a limit that is our own: one process is all that this user may have.
    let mut init = Launch::pid1()
        .user(61_234)
        .through(&["prlimit", "--nproc=3"])
        .service("one", QUICK)
        .service("two", QUICK)
        .service("three", QUICK)
        .start();
    init.wait_line("no process can be made", |line| line.contains("cannot make a process"));
    init.wait_line("another attempt", |line| {
        line.contains("cannot make a process") && line.contains("restarting in 200ms")
    });
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
}

#[test]
fn sockets_that_were_meant_for_rinit_are_meant_for_the_command() {
    require_namespace!();
    let look = ["sh", "-c", "echo $LISTEN_PID is $$ or else"];
    let mut init = Launch::pid1().env("LISTEN_PID", "1").command(&look).start();
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
    let said = init.stdout();
    let words: Vec<&str> = said.split(' ').collect();
    assert_eq!(words[0], words[2], "{said}");
    let mut init = Launch::pid1().env("LISTEN_PID", "77").command(&look).start();
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
    assert!(init.stdout().starts_with("77 is "), "{}", init.stdout());
}
