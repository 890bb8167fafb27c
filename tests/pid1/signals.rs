//! Signals: each that can be forwarded arrives once, and the command starts with what the init was started with.

use super::{Init, PEERS, Place, Recorder, puppet, puppeteer};
use crate::support::{PATIENCE, output, wait_for};
use crate::{require_namespace, require_programs, require_root};
use nix::libc::{SIGCHLD, SIGCONT, SIGKILL, SIGSTOP, SIGTERM};
use nix::sys::signal::Signal;

/// SIGKILL and SIGSTOP go to nobody but who is meant, SIGCHLD is the init's own, 32 and 33 are the C library's, and 64
/// is what the recorder ends each answer with.
fn can_be_forwarded(number: i32) -> bool {
    ![SIGKILL, SIGSTOP, SIGCHLD, 32, 33].contains(&number)
}

/// Those that tell the init to stop: INT, QUIT, TERM, PWR, RTMIN+3.
const STOP: [i32; 5] = [2, 3, SIGTERM, 30, 37];

/// What the recorder is to tell: SIGCONT goes after what stops the init, so that a stopped command can end.
fn expected(number: i32, group: bool) -> Vec<String> {
    let numbers = if STOP.contains(&number) { vec![number, SIGCONT] } else { vec![number] };
    let who: &[&str] = if group { &["child", "grand"] } else { &["child"] };
    who.iter().flat_map(|who| numbers.iter().map(move |number| format!("{who} {number}"))).collect()
}

#[test]
fn every_signal_arrives_exactly_once() {
    require_namespace!();
    for place in [Place::Pid1, Place::Plain] {
        for group in [false, true] {
            let options: &[&str] = if group { &["-g"] } else { &[] };
            let init = Init::rinit().with(&["--stop-timeout", "10m"]).with(options);
            let start = || Recorder::start(init.launch(place, &puppeteer(&["record"])));
            let mut recorder = start();
            for number in (1..64).filter(|number| can_be_forwarded(*number)) {
                // The second of those that stop the init does more than to be forwarded: an init for each.
                let fresh = STOP.contains(&number).then(start);
                let came = fresh.map_or_else(|| recorder.send(number), |mut fresh| fresh.send(number));
                let mut expected = expected(number, group);
                expected.sort();
                assert_eq!(came, expected, "signal {number}, {place:?}, group: {group}");
            }
        }
    }
}

#[test]
fn mask_and_ignored_signals_are_those_of_a_bare_exec() {
    require_namespace!();
    let seed = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
    println!("seed {seed}");
    // 32 and 33 are the C library's own: they are never passed on as ignored, and cannot be blocked through it.
    let own = 0b11_u64 << 31;
    // SIGPIPE, which Rust's runtime ignores; SIGCHLD, which an init cannot have ignored; SIGTTOU and SIGTTIN, which an
    // init ignores for a terminal's sake.
    let alone = [13, 17, 21, 22, 20, 15, 2].map(|number| 1_u64 << (number - 1));
    let mut random = seed | 1;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    let mut sets: Vec<(u64, u64)> = alone.iter().flat_map(|set| [(0, *set), (*set, 0)]).collect();
    sets.extend([(0, 0), (u64::MAX, u64::MAX), (u64::MAX, 0), (0, u64::MAX)]);
    sets.extend((0..20).map(|_| (next(), next())));
    for (blocked, ignored) in sets {
        let words =
            ["with", &format!("{:x}", blocked & !own), &format!("{:x}", ignored & !own)].map(str::to_owned);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let bare = output(puppet(), &[&words[..], &puppeteer(&["signals"])].concat()).unwrap().ok();
        for place in [Place::Pid1, Place::Plain] {
            let launch = Init::rinit().launch(place, &puppeteer(&["signals"]));
            let mut init = launch.through(&puppeteer(&words)).start();
            assert_eq!(init.wait_exit(PATIENCE).status, 0, "{words:?} {place:?}");
            assert_eq!(init.stdout().trim_end(), bare, "{words:?} {place:?}");
        }
    }
}

/// dumb-init catches the signals up to 31, so that its command finds none of these ignored.
#[test]
fn dumb_init_ignores_the_same() {
    require_namespace!();
    require_programs!(PEERS);
    for place in [Place::Pid1, Place::Plain] {
        for ignored in [0x0030_1000_u64, 0x7fff_ffff, !0, 1 << 16, 1 << 40] {
            let of = |init: Init| {
                // 32 and 33 are the C library's own.
                let words = ["with", "0", &format!("{:x}", ignored & !(0b11 << 31))].map(str::to_owned);
                let words: Vec<&str> = words.iter().map(String::as_str).collect();
                let launch = init.launch(place, &puppeteer(&["signals"]));
                let mut running = launch.through(&puppeteer(&words)).start();
                assert_eq!(running.wait_exit(PATIENCE).status, 0, "{words:?} {place:?}");
                running.stdout()
            };
            for options in [&[][..], &["-c"]] {
                let ours = of(Init::rinit_as("dumb-init").with(options));
                assert_eq!(
                    ours,
                    of(Init::real("dumb-init").with(options)),
                    "{ignored:x} {options:?} {place:?}"
                );
            }
        }
    }
}

/// The kernel reaps the children of who ignores SIGCHLD, and an init then has nothing to wait for.
#[test]
fn an_ignored_sigchld_is_no_trap() {
    require_namespace!();
    for name in [None].into_iter().chain(PEERS.map(Some)) {
        let init = name.map_or_else(Init::rinit, Init::rinit_as);
        for place in [Place::Pid1, Place::Plain] {
            let launch = init.launch(place, &puppeteer(&["exit", "7"]));
            let mut running = launch.through(&puppeteer(&["with", "0", "10000"])).start();
            assert_eq!(running.wait_exit(PATIENCE).status, 7, "{init:?} {place:?}");
        }
    }
}

#[test]
fn a_stopped_command_ends_on_sigterm() {
    require_namespace!();
    for options in [&[][..], &["-g"]] {
        for place in [Place::Pid1, Place::Plain] {
            let init = Init::rinit().with(&["--stop-timeout", "10m"]).with(options);
            let mut running = init.launch(place, &puppeteer(&["pause"])).start();
            running.wait_line("the command is there", |line| line == "paused");
            let command =
                running.find("pause").into_iter().find(|process| process.name == "puppet").unwrap().pid;
            running.run(&["kill", "-STOP", &command.to_string()]).ok();
            wait_for("the command to be stopped", PATIENCE, || {
                running.find("pause").iter().any(|process| process.state == 'T').then_some(())
            });
            running.signal(Signal::SIGTERM);
            assert_eq!(running.wait_exit(PATIENCE).status, 143, "{options:?} {place:?}");
        }
    }
}

/// Without CAP_KILL, a command that has changed its user gets its signals from a child that takes that user.
#[test]
fn a_command_that_changed_its_user_gets_its_signals() {
    require_root!();
    for place in [Place::Pid1, Place::Plain] {
        let script =
            "trap 'echo got USR1' USR1; trap 'exit 5' TERM; echo there; while :; do sleep 0.05; done";
        let command = puppeteer(&["as", "61234", "sh", "-c", script]);
        let no_kill = ["setpriv", "--bounding-set=-kill", "--inh-caps=-kill"];
        let mut running = Init::rinit().launch(place, &command).through(&no_kill).start();
        running.wait_line("the command is there", |line| line == "there");
        running.signal(Signal::SIGUSR1);
        running.wait_line("the signal", |line| line == "got USR1");
        running.signal(Signal::SIGTERM);
        assert_eq!(running.wait_exit(PATIENCE).status, 5, "{place:?}: {}", running.stderr());
    }
}

/// `-p`: the signal that the init gets when its parent ends.
#[test]
fn the_end_of_the_parent_is_told() {
    require_programs!(["sh"]);
    for (name, signal) in [("rinit", "SIGUSR1"), ("rinit", "USR1"), ("rinit", "10"), ("tini", "SIGUSR1")] {
        let init = if name == "rinit" { Init::rinit() } else { Init::rinit_as(name) };
        let dir = tempfile::tempdir().unwrap();
        let told = dir.path().join("told");
        let trap = format!(
            "trap 'echo told > {}; exit 0' USR1; echo up; while :; do sleep 0.01; done",
            told.display()
        );
        let line = format!("{} -p {signal} -- sh -c {trap:?} & exec >&-; read x", init.path.display());
        let mut parent = std::process::Command::new("sh");
        parent.args(["-c", &line]).stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
        let mut parent = parent.spawn().unwrap();
        let mut up = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(parent.stdout.take().unwrap()), &mut up)
            .unwrap();
        assert_eq!(up, "up\n", "{name} -p {signal}");
        drop(parent.stdin.take());
        parent.wait().unwrap();
        wait_for("the command to be told", PATIENCE, || told.exists().then_some(()));
    }
}
