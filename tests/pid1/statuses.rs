//! How the command has ended is how the init ends.

use super::{Init, PEERS, Place, puppeteer};
use crate::require_namespace;
use crate::support::PATIENCE;

/// Its default is to be ignored, to stop, or to go on.
fn is_fatal(number: i32) -> bool {
    use nix::libc::{SIGCHLD, SIGCONT, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGWINCH};
    ![SIGCHLD, SIGCONT, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGWINCH].contains(&number)
}

#[test]
fn all_256_exit_codes_come_back() {
    require_namespace!();
    for code in 0..=255 {
        let place = if code % 4 == 0 { Place::Plain } else { Place::Pid1 };
        assert_eq!(Init::rinit().status(place, &puppeteer(&["exit", &code.to_string()])), code);
    }
}

#[test]
fn a_fatal_signal_comes_back_as_128_and_its_number() {
    require_namespace!();
    for number in (1..=64).filter(|number| is_fatal(*number)) {
        for place in [Place::Pid1, Place::Plain] {
            let command = puppeteer(&["die", &number.to_string()]).join(" ");
            let command: Vec<&str> = command.split(' ').collect();
            assert_eq!(Init::rinit().status(place, &command), 128 + number);
        }
    }
}

#[test]
fn a_remapped_status_is_0() {
    require_namespace!();
    let three = ["-e", "143", "-e3", "-e", "255"];
    for init in [
        Init::rinit().with(&three),
        Init::rinit_as("tini").with(&three),
        Init::rinit_as("docker-init").with(&three),
    ] {
        for (word, number, expected) in [
            ("die", "15", 0),
            ("exit", "143", 0),
            ("exit", "3", 0),
            ("exit", "255", 0),
            ("exit", "4", 4),
            ("die", "9", 137),
        ] {
            let status = init.status(Place::Pid1, &puppeteer(&[word, number]));
            assert_eq!(status, expected, "{init:?} {word} {number}");
        }
    }
    assert_eq!(Init::rinit().with(&["-e", "0"]).status(Place::Pid1, &puppeteer(&["exit", "0"])), 0);
}

#[test]
fn a_value_that_is_no_status_is_refused() {
    for value in ["256", "-1", "x", "", "1x"] {
        let mut init = Init::rinit().with(&["-e", value]).launch(Place::Plain, &["true"]).start();
        assert_eq!(init.wait_exit(PATIENCE).status, 125, "{value:?}");
        assert!(init.stderr().contains("-e"), "{}", init.stderr());
    }
}

/// The status that says what the matter is: 127 for what is not there, 126 for what cannot be run.
#[test]
fn a_command_that_cannot_be_run() {
    require_namespace!();
    for name in [None].into_iter().chain(PEERS.map(Some)) {
        if name == Some("dumb-init") || name == Some("catatonit") {
            continue; // theirs are compared with the real ones
        }
        let init = name.map_or_else(Init::rinit, Init::rinit_as);
        for (command, expected) in
            [("/no/such/program", 127), ("no-such-program", 127), ("/etc", 126), ("/etc/passwd", 126)]
        {
            let mut running = init.launch(Place::Pid1, &[command]).start();
            assert_eq!(running.wait_exit(PATIENCE).status, expected, "{init:?} {command}");
            assert!(running.stderr().contains(command), "{init:?}: {}", running.stderr());
        }
    }
}
