//! rinit by another name beside the program that has it: what the command is given, and which signals go to whom.

use super::terminal::Terminal;
use super::{Init, PEERS, Place, Recorder, puppeteer};
use crate::support::processes::process;
use crate::support::{PATIENCE, Running, wait_for};
use crate::{require_namespace, require_programs};
use nix::sys::signal::Signal;
use std::path::Path;

/// A way to call a program: options and environment.
type Call = (&'static [&'static str], &'static [(&'static str, &'static str)]);

fn calls(name: &str) -> &'static [Call] {
    match name {
        "tini" => &[
            (&[], &[]),
            (&["-g"], &[]),
            (&["-s"], &[]),
            (&["-sgv"], &[]),
            (&["-w", "-vvv", "-e", "3"], &[]),
            (&[], &[("TINI_KILL_PROCESS_GROUP", "1")]),
            (&[], &[("TINI_KILL_PROCESS_GROUP", "")]),
            (&[], &[("TINI_SUBREAPER", "1"), ("TINI_VERBOSITY", "3")]),
        ],
        "docker-init" => &[(&[], &[]), (&["-g"], &[]), (&["-s"], &[])],
        "dumb-init" => &[
            (&[], &[]),
            (&["-c"], &[]),
            (&["--single-child", "-v"], &[]),
            (&["-r", "15:2"], &[]),
            (&["-r", "1:0", "-r", "10:12"], &[]),
            (&["--rewrite", "15:3", "-c"], &[]),
            (&["--rewrite=2:15"], &[]),
            (&[], &[("DUMB_INIT_SETSID", "0")]),
            (&[], &[("DUMB_INIT_SETSID", "1"), ("DUMB_INIT_DEBUG", "1")]),
        ],
        _ => &[(&[], &[]), (&["-g"], &[])],
    }
}

/// HUP to TERM without the faults, which the real programs keep to themselves and rinit does not; then those without
/// a meaning for the terminal, and some real-time ones. The three that stop a process are looked at below.
const SIGNALS: [i32; 20] = [1, 2, 3, 10, 12, 13, 14, 15, 16, 18, 23, 24, 25, 26, 27, 28, 30, 34, 50, 62];

/// All that can be seen of one call.
#[track_caller]
fn observe(init: &Init, place: Place, environment: &[(&str, &str)]) -> Vec<String> {
    let launch = init.launch(place, &puppeteer(&["record", "place"]));
    let launch = environment.iter().fold(launch, |launch, (name, value)| launch.env(name, value));
    let mut recorder = Recorder::start(launch);
    let mut seen = at_start(init, &recorder);
    for number in SIGNALS {
        seen.push(format!("{number}: {}", recorder.send(number).join(", ")));
    }
    seen
}

/// Where the command is, and its signals. Left out: 32 and 33, which rinit does not pass on as ignored, and the mask
/// under catatonit, which leaves TSTP, TTIN and TTOU blocked.
fn at_start(init: &Init, recorder: &Recorder) -> Vec<String> {
    let own = 0b11_u64 << 31;
    let words = recorder.init.stdout();
    let words = words.lines().filter(|line| line.starts_with("child ")).flat_map(|line| line.split(' '));
    let is_catatonit = init.path.ends_with("catatonit");
    let words = words.filter(|word| !(is_catatonit && word.starts_with("blocked=")));
    words
        .map(|word| match word.strip_prefix("ignored=") {
            Some(set) => format!("ignored={:x}", u64::from_str_radix(set, 16).unwrap() & !own),
            None => word.to_owned(),
        })
        .collect()
}

#[track_caller]
fn compare(name: &str) {
    for place in [Place::Pid1, Place::Plain] {
        for (options, environment) in calls(name) {
            let real = observe(&Init::real(name).with(options), place, environment);
            let ours = observe(&Init::rinit_as(name).with(options), place, environment);
            assert_eq!(ours, real, "rinit and {name} {options:?} {environment:?} {place:?}");
        }
    }
}

#[test]
fn tini_gives_and_forwards_the_same() {
    require_namespace!();
    require_programs!(PEERS);
    compare("tini");
}

#[test]
fn docker_init_gives_and_forwards_the_same() {
    require_namespace!();
    require_programs!(PEERS);
    compare("docker-init");
}

#[test]
fn dumb_init_gives_and_forwards_the_same() {
    require_namespace!();
    require_programs!(PEERS);
    compare("dumb-init");
}

#[test]
fn catatonit_gives_and_forwards_the_same() {
    require_namespace!();
    require_programs!(PEERS);
    compare("catatonit");
}

/// The states of the init and of the recorders under it, and what the recorders have told.
fn states(running: &Running) -> String {
    let mut states: Vec<String> = Vec::new();
    for process in running.processes() {
        let who = if process.name == "puppet" { "puppet" } else { "init" };
        states.push(format!("{who} {}", if process.state == 'T' { "stopped" } else { "runs" }));
    }
    states.sort();
    states.join(", ")
}

/// dumb-init stops the whole group, and itself, on TSTP, TTIN and TTOU.
#[test]
fn dumb_init_suspends_the_same() {
    require_namespace!();
    require_programs!(PEERS);
    for place in [Place::Pid1, Place::Plain] {
        for (signal, options, expected) in [
            (Signal::SIGTSTP, &[][..], ("puppet stopped, puppet stopped", "")),
            (Signal::SIGTTIN, &[], ("puppet stopped, puppet stopped", "")),
            (Signal::SIGTTOU, &[], ("puppet stopped, puppet stopped", "")),
            (Signal::SIGTSTP, &["-c"], ("puppet runs, puppet runs", "child 20")),
            (Signal::SIGTTIN, &["-c"], ("puppet runs, puppet runs", "child 21")),
            (Signal::SIGTSTP, &["-r", "20:0"], ("puppet runs, puppet runs", "")),
            (Signal::SIGTSTP, &["-r", "20:10"], ("puppet runs, puppet runs", "child 10")),
        ] {
            for init in [Init::real("dumb-init"), Init::rinit_as("dumb-init")] {
                // A PID 1 cannot stop; one that is not does, and so its shell sees it.
                let of_init = if place == Place::Plain { "init stopped" } else { "init runs" };
                let recorder =
                    Recorder::start(init.clone().with(options).launch(place, &puppeteer(&["record"])));
                let running = recorder.init;
                running.signal(signal);
                let wanted = format!("{of_init}, {}", expected.0);
                crate::support::wait_for_seen(
                    &format!("{wanted} ({init:?} {signal} {options:?} {place:?})"),
                    PATIENCE,
                    || {
                        let seen = states(&running);
                        let told =
                            expected.1.is_empty() || running.stdout().lines().any(|line| line == expected.1);
                        if seen == wanted && told {
                            Ok(())
                        } else {
                            Err(format!("{seen}; {}", running.stdout()))
                        }
                    },
                );
                running.signal(Signal::SIGCONT);
                running.wait_line("SIGCONT", |line| line == "child 18");
                wait_for("everyone to go on", PATIENCE, || {
                    (!states(&running).contains("stopped")).then_some(())
                });
            }
        }
    }
}

/// catatonit -P: a pause process, as podman's pods have one.
#[test]
fn catatonit_pauses_the_same() {
    require_namespace!();
    require_programs!(PEERS);
    for place in [Place::Pid1, Place::Plain] {
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGUSR1] {
            let ends = [Init::real("catatonit"), Init::rinit_as("catatonit")].map(|init| {
                let launch = match place {
                    Place::Pid1 => crate::support::Launch::pid1(),
                    Place::Plain => crate::support::Launch::plain(),
                };
                let mut running = launch.init(&init.path).arg("-P").start();
                wait_for("the pause", PATIENCE, || {
                    let init = process(Path::new("/proc"), running.pid())?;
                    (init.state == 'S').then_some(())
                });
                running.signal(signal);
                running.exit_within(std::time::Duration::from_millis(700)).map(|end| end.status)
            });
            assert_eq!(ends[1], ends[0], "{signal} {place:?}");
        }
    }
}

#[test]
fn the_end_is_the_same() {
    require_namespace!();
    require_programs!(PEERS);
    let left = "setsid sleep 1000 & sleep 1000 & exit 4";
    for name in PEERS {
        for place in [Place::Pid1, Place::Plain] {
            for command in [
                puppeteer(&["exit", "0"]),
                puppeteer(&["exit", "7"]),
                puppeteer(&["exit", "255"]),
                puppeteer(&["die", "15"]),
                puppeteer(&["die", "9"]),
                puppeteer(&["die", "11"]),
                puppeteer(&["die", "40"]),
                vec!["sh", "-c", left],
            ] {
                let real = Init::real(name).status(place, &command);
                let ours = Init::rinit_as(name).status(place, &command);
                assert_eq!(ours, real, "{name} {command:?} {place:?}");
            }
        }
    }
}

/// Group, session, foreground and controlling terminal, as a container engine starts an init with a terminal.
#[test]
fn on_a_terminal_it_is_the_same() {
    require_namespace!();
    require_programs!(PEERS);
    for name in PEERS {
        for (options, environment) in calls(name) {
            let places = [Init::real(name), Init::rinit_as(name)].map(|init| {
                let init = init.with(options);
                let mut terminal = Terminal::pid1(&init, &puppeteer(&["place"]), environment);
                terminal.wait("group=");
                terminal.wait_exit();
                let text = terminal.text();
                text.lines().find(|line| line.contains("group=")).unwrap().trim().to_owned()
            });
            assert_eq!(places[1], places[0], "{name} {options:?} {environment:?}");
        }
    }
}
