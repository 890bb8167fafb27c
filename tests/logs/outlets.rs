//! Nobody takes what is delivered, or takes it late.

use super::{lines_of, sh};
use crate::output::{KINDS, Outlet};
use crate::support::services::Status;
use crate::support::{Launch, PATIENCE};
use crate::{require_namespace, require_root};
use nix::sys::signal::Signal;
use nix::sys::termios::{FlowArg, tcflow};
use std::time::Duration;

const ENDLESS: &str = "while :; do echo too much >&2; done";

/// The service that writes there waits, or its lines are lost. Nobody else waits, and the stop is in time.
#[test]
fn a_sink_that_takes_nothing_holds_up_nobody_else() {
    require_namespace!();
    require_root!();
    for kind in KINDS {
        println!("{kind:?}");
        let outlet = Outlet::new(kind);
        let mut init = Launch::pid1()
            .service("loud", &sh(ENDLESS))
            .service("web", &sh("i=0; while :; do echo line $i; i=$((i+1)); sleep 0.01; done"))
            .arg("--log-driver")
            .arg("console")
            .stderr(outlet.stderr())
            .start();
        init.wait_line("many lines", |line| line == "web   | line 100");
        init.wait_state("loud", "running");
        let restarted = init.rinit(&["restart", "loud"]);
        assert_eq!(restarted.status, 0, "{kind:?}: {restarted:?}");
        outlet.assert_blocking();
        init.signal(Signal::SIGTERM);
        assert_eq!(init.wait_exit(Duration::from_secs(5)).status, 0, "{kind:?}");
        outlet.assert_blocking();
    }
}

/// Ctrl-S and, later, Ctrl-Q: who writes has waited, and nothing is missing.
#[test]
fn a_terminal_that_goes_on_has_everything() {
    require_namespace!();
    let mut outlet = Outlet::terminal_unfilled();
    outlet.read(None);
    tcflow(&outlet.writer, FlowArg::TCOOFF).unwrap();
    let init = Launch::pid1()
        .service("web", &sh("echo begun; seq -f %08.0f 100000 >&2; echo all; exec sleep 1000"))
        .arg("--log-driver")
        .arg("console")
        .arg("--log-level")
        .arg("off")
        .stderr(outlet.stderr())
        .start();
    init.wait_line("the beginning", |line| line == "web  | begun");
    assert_eq!(outlet.text(), "");
    assert_eq!(lines_of(&init, "web"), ["begun"], "it waits");
    tcflow(&outlet.writer, FlowArg::TCOON).unwrap();
    init.wait_line("the end", |line| line == "web  | all");
    let lines = outlet.wait_lines("all lines", |lines| lines.len() >= 100_000);
    let expected: Vec<String> = (1..=100_000).map(|number| format!("web  | \x1b[0m {number:08}")).collect();
    let plain: Vec<String> = lines.iter().map(|line| line.replace("web  | ", "web  | \x1b[0m ")).collect();
    assert!(plain == expected, "something is missing or out of order");
}

/// A reader that is slow has everything too: who writes waits for it.
#[test]
fn a_slow_reader_has_everything() {
    require_namespace!();
    let mut outlet = Outlet::empty_pipe();
    outlet.read(Some(Duration::from_millis(1)));
    let mut init = Launch::pid1()
        .service("web", &sh("seq -f %08.0f 20000 >&2; exec sleep 1000"))
        .arg("--log-driver")
        .arg("console")
        .arg("--log-level")
        .arg("off")
        .stderr(outlet.stderr())
        .start();
    outlet.wait_lines("some lines", |lines| lines.len() > 100);
    outlet.hurry();
    let lines = outlet.wait_lines("all lines", |lines| lines.len() >= 20_000);
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
    let expected: Vec<String> = (1..=20_000).map(|number| format!("web  | {number:08}")).collect();
    assert!(lines == expected, "something is missing or out of order");
}

/// What could not be delivered is said.
#[test]
fn what_is_lost_at_the_stop_is_said() {
    require_namespace!();
    // Standard output takes nothing, and standard error everything.
    let mut init = Launch::pid1()
        .service("web", &sh("echo one; echo two; exec sleep 1000"))
        .through(&[
            "sh",
            "-c",
            "mkfifo out; sleep 1000 < out & exec 3<> out; head -c 65536 /dev/zero >&3; exec \"$@\" >&3 3>&-",
            "sh",
        ])
        .arg("--log-driver")
        .arg("console")
        .start();
    init.wait_state("web", "running");
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
    let said = "rinit: warning: web: 2 lines of its output could not be delivered";
    assert!(init.stderr().contains(said), "{}", init.stderr());
}
