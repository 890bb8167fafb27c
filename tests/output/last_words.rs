//! Where the process leaves: what waits is written to who reads it, and nobody is waited for in vain.

use super::{Kind, Outlet};
use crate::pid1::{Init, Place};
use crate::require_namespace;
use crate::support::{Launch, PATIENCE};
use nix::sys::signal::Signal;
use std::time::Duration;

/// A definition with so many mistakes that no pipe takes what there is to say.
fn refused(outlet: &Outlet) -> Launch {
    let mistakes: String = (0..200).map(|number| format!("wrong{number} = 'mistake'\n")).collect();
    Launch::pid1().service("web", &format!("{mistakes}command = 'true'\n")).stderr(outlet.stderr())
}

#[test]
fn a_refusal_waits_for_its_reader() {
    require_namespace!();
    let mut outlet = Outlet::pipe();
    let mut init = refused(&outlet).start();
    // rinit waits; a signal that is not for its end changes nothing.
    crate::support::wait_for("the namespace", PATIENCE, || (init.pid() > 0).then_some(()));
    init.signal(Signal::SIGWINCH);
    outlet.read(Some(Duration::from_micros(100)));
    assert_eq!(init.wait_exit(PATIENCE).status, 125);
    outlet.hurry();
    let lines = outlet.wait_lines("the refusal", |lines| {
        lines.last().is_some_and(|it| it.ends_with("nothing was started"))
    });
    for number in [0, 50, 99] {
        let name = format!("\"wrong{number}\"");
        assert!(lines.iter().any(|line| line.contains(&name)), "no {name}");
    }
}

#[test]
fn a_signal_ends_that() {
    require_namespace!();
    let outlet = Outlet::pipe();
    let mut init = refused(&outlet).start();
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 125);
    outlet.assert_blocking();
}

/// A mistake on the command line, by PID 1, whom no signal would end.
#[test]
fn a_mistake_ends_though_nobody_reads_it() {
    require_namespace!();
    // All at once: each of them waits for a reader as long as rinit does.
    std::thread::scope(|scope| {
        for (name, status) in [("rinit", 125), ("tini", 1), ("dumb-init", 1), ("catatonit", 1)] {
            for kind in [Kind::FullTerminal, Kind::FullPipe] {
                scope.spawn(move || {
                    let init = if name == "rinit" { Init::rinit() } else { Init::rinit_as(name) };
                    let outlet = Outlet::new(kind);
                    let launch = init.with(&["--no-such-option"]).launch(Place::Pid1, &["true"]);
                    let mut running = launch.stderr(outlet.stderr()).start();
                    assert_eq!(running.wait_exit(PATIENCE).status, status, "{name} {kind:?}");
                    outlet.assert_blocking();
                });
            }
        }
    });
}

/// The last messages of a stop, to a reader who is a little behind.
#[test]
fn the_last_words_reach_a_reader() {
    require_namespace!();
    let mut outlet = Outlet::empty_pipe();
    outlet.read(Some(Duration::from_millis(1)));
    let mut launch = Launch::pid1().stderr(outlet.stderr());
    for number in 0..20 {
        launch = launch.service(&format!("service-{number}"), "command = 'sleep 1000'");
    }
    let mut init = launch.start();
    init.wait_healthy(PATIENCE);
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
    outlet.hurry();
    let lines = outlet
        .wait_lines("the end", |lines| lines.last().is_some_and(|it| it.starts_with("rinit: stopped in")));
    assert_eq!(lines.iter().filter(|line| line.contains("stopped after")).count(), 20);
}
