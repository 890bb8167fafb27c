//! Nobody takes what PID 1 says: signals, reaping, restarts, answers and the stop go on.

use super::{KINDS, Outlet};
use crate::pid1::{Init, Place, puppet};
use crate::support::services::Status;
use crate::support::{Launch, PATIENCE, wait_for};
use crate::{require_namespace, require_root};
use nix::sys::signal::Signal;

/// Says so on SIGUSR1, which it gets from the init, and ends with 7 on SIGTERM. A shell would wait for its standard error.
fn script(orphans: u32) -> String {
    format!(
        "exec 2>/dev/null; {} orphans {orphans}; trap 'echo got usr1' USR1; trap 'exit 7' TERM; echo made; \
         while :; do sleep 0.05 & wait $!; done",
        puppet()
    )
}

/// A service that ends a thousand times in a second, one that stays, and COMMAND.
#[test]
fn services_signals_and_answers_go_on() {
    require_namespace!();
    require_root!();
    for kind in KINDS {
        println!("{kind:?}");
        let outlet = Outlet::new(kind);
        let mut init = Launch::pid1()
            .service("flap", "command = 'false'\nbackoff = { initial = '1ms', max = '1ms' }")
            .service("stays", "command = 'sleep 1000'\nbackoff = { initial = '1ms', max = '1ms' }")
            .arg("--log-level")
            .arg("debug")
            .command(&["sh", "-c", &script(300)])
            .stderr(outlet.stderr())
            .start();
        init.wait_line("the orphans are made", |line| line == "made");
        let first = init.wait_state("stays", "running").pid;
        let before = init.service("flap").restarts;
        // What it says by then is more than any buffer takes.
        init.wait_service("flap", "a thousand restarts more", |flap| flap.restarts > before + 1000);
        init.run(&["kill", "-9", &first.unwrap().to_string()]).ok();
        init.wait_service("stays", "restarted", |it| {
            it.restarts == 1 && it.pid.is_some_and(|pid| Some(pid) != first)
        });
        init.signal(Signal::SIGUSR1);
        init.wait_line("the signal is forwarded", |line| line == "got usr1");
        wait_for("the orphans to be reaped", PATIENCE, || (init.zombies().len() < 5).then_some(()));
        outlet.assert_blocking();
        init.signal(Signal::SIGTERM);
        assert_eq!(init.wait_exit(PATIENCE).status, 7, "{kind:?}");
        outlet.assert_blocking();
    }
}

#[test]
fn by_the_peers_names_too() {
    require_namespace!();
    require_root!();
    let names = [
        ("rinit", &["-vvv", "-w"][..]),
        ("tini", &["-vvv", "-w"]),
        ("dumb-init", &["-v"]),
        ("catatonit", &[]),
    ];
    for (name, options) in names {
        for kind in KINDS {
            println!("{name} {kind:?}");
            let init = if name == "rinit" { Init::rinit() } else { Init::rinit_as(name) };
            let outlet = Outlet::new(kind);
            let mut running = init
                .with(options)
                .launch(Place::Pid1, &["sh", "-c", &script(1000)])
                .env("CATATONIT_DEBUG", "1")
                .stderr(outlet.stderr())
                .start();
            running.wait_line("the orphans are made", |line| line == "made");
            wait_for("the orphans to be reaped", PATIENCE, || running.zombies().is_empty().then_some(()));
            running.signal(Signal::SIGUSR1);
            running.wait_line("the signal is forwarded", |line| line == "got usr1");
            outlet.assert_blocking();
            running.signal(Signal::SIGTERM);
            // dumb-init and rinit signal whoever is left too, which changes nothing about the status.
            assert_eq!(running.wait_exit(PATIENCE).status, 7, "{name} {kind:?}");
        }
    }
}

/// Ctrl-S and, later, Ctrl-Q: what fits into the buffer is there then, and the number of what does not.
#[test]
fn a_terminal_that_goes_on_shows_what_waited() {
    require_namespace!();
    let mut outlet = Outlet::terminal_unfilled();
    outlet.read(None);
    nix::sys::termios::tcflow(&outlet.writer, nix::sys::termios::FlowArg::TCOOFF).unwrap();
    let init = Init::rinit().with(&["-w"]);
    let running = init.launch(Place::Pid1, &["sh", "-c", &script(5000)]).stderr(outlet.stderr()).start();
    running.wait_line("the orphans are made", |line| line == "made");
    wait_for("the orphans to be reaped", PATIENCE, || running.zombies().is_empty().then_some(()));
    assert_eq!(outlet.text(), "");
    nix::sys::termios::tcflow(&outlet.writer, nix::sys::termios::FlowArg::TCOON).unwrap();
    let stands_for =
        |line: &str| match line.strip_suffix(" messages were dropped: standard error did not take them") {
            Some(rest) => rest.strip_prefix("rinit: warning: ").unwrap().parse().unwrap(),
            None => usize::from(line.contains("zombie")),
        };
    let lines = outlet.wait_lines("all that was said", |lines| {
        // The shell's own `sleep`s are waited for by the shell.
        lines.iter().map(|line| stands_for(line)).sum::<usize>() == 5000
    });
    assert!(lines.last().unwrap().ends_with("did not take them"), "{:?}", lines.last());
    assert_eq!(lines.iter().filter(|line| line.contains("dropped")).count(), 1);
}
