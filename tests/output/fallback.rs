//! Where standard error cannot be opened again: what rinit does instead is written just as well, and never waits either.

use super::{Kind, Outlet};
use crate::pid1::{Init, Place, puppet, puppeteer};
use crate::support::services::Status;
use crate::support::{Launch, PATIENCE, Running, wait_for};
use crate::{require_namespace, require_root};
use nix::sys::signal::Signal;
use std::collections::BTreeSet;
use std::os::fd::OwnedFd;

const NOBODY: u32 = 65534;

/// Without `/proc`, in a mount namespace of its own.
const NO_PROC: [&str; 4] = ["sh", "-c", "umount -l /proc && exec \"$@\"", "sh"];

fn flapping() -> Launch {
    Launch::pid1()
        .service("flap", "command = 'false'\nbackoff = { initial = '1ms', max = '1ms' }")
        .service("stays", "command = 'sleep 1000'")
}

/// Nobody takes what it says; then somebody does; then it stops in time.
#[track_caller]
fn goes_on(init: &mut Running, outlet: &mut Outlet) {
    let before = init.service("flap").restarts;
    init.wait_service("flap", "a thousand restarts more", |flap| flap.restarts > before + 1000);
    outlet.assert_blocking();
    outlet.read(None);
    crate::support::wait_for_seen("what waited and what was dropped", PATIENCE, || {
        let text = outlet.text();
        let told = text.contains("rinit: stays: started, pid ") && text.contains(" messages were dropped");
        told.then_some(()).ok_or(text)
    });
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
}

/// How many processes under the init are copies of it.
fn relays(init: &Running) -> usize {
    init.processes().iter().filter(|process| process.pid != 1 && process.name == "rinit").count()
}

#[test]
fn a_pipe_of_another_user() {
    require_namespace!();
    require_root!();
    let mut outlet = Outlet::pipe();
    let mut init = flapping().user(NOBODY).stderr(outlet.stderr()).start();
    init.wait_state("stays", "running");
    // The kernel writes to a pipe without waiting. A child that has not executed its program yet is a copy as well.
    wait_for("no relay", PATIENCE, || (relays(&init) == 0).then_some(()));
    goes_on(&mut init, &mut outlet);
}

/// A terminal that another user may not open.
fn terminal_of_root() -> Outlet {
    let outlet = Outlet::terminal_unfilled();
    nix::sys::stat::fchmod(&outlet.writer, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
    outlet
}

/// A terminal that it may write to, and not open, is left to a process that may wait.
#[test]
fn a_terminal_of_another_user() {
    require_namespace!();
    require_root!();
    let mut outlet = terminal_of_root();
    let mut init = flapping().user(NOBODY).stderr(outlet.stderr()).start();
    init.wait_state("stays", "running");
    // A child that has not executed its program yet is a copy as well.
    wait_for("the relay alone", PATIENCE, || (relays(&init) == 1).then_some(()));
    goes_on(&mut init, &mut outlet);
}

/// The process ID of the relay, once there is one that is not this.
fn relay(init: &Running, but: i32) -> i32 {
    // A child that has not executed its program yet is a copy as well.
    wait_for("the relay alone", PATIENCE, || {
        let copies = init.processes().into_iter().filter(|it| it.pid != 1 && it.name == "rinit");
        let copies: Vec<i32> = copies.filter(|it| it.state != 'Z').map(|it| it.pid).collect();
        (copies.len() == 1 && copies[0] != but).then(|| copies[0])
    })
}

#[test]
fn a_relay_that_is_killed_while_it_is_full_is_replaced() {
    require_namespace!();
    require_root!();
    let mut outlet = terminal_of_root();
    let mut init = flapping().user(NOBODY).stderr(outlet.stderr()).start();
    init.wait_state("stays", "running");
    let first = relay(&init, 0);
    // By then neither the terminal nor the relay takes any more.
    init.wait_service("flap", "a thousand restarts", |flap| flap.restarts > 1000);
    init.run(&["kill", "-KILL", &first.to_string()]);
    let second = relay(&init, first);
    init.run(&["kill", "-KILL", &second.to_string()]);
    relay(&init, second);
    goes_on(&mut init, &mut outlet);
}

/// What rinit has open would otherwise stay open as long as the relay lives.
#[test]
fn the_relay_keeps_no_descriptor_where_close_range_is_refused() {
    require_namespace!();
    require_root!();
    let mut outlet = Outlet::terminal_unfilled();
    outlet.read(None);
    nix::sys::stat::fchmod(&outlet.writer, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
    std::os::unix::fs::fchown(&outlet.writer, Some(NOBODY), None).unwrap();
    let few = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"];
    let open = ["bash", "-c", "ulimit -n 8192; exec 5000>/dev/null; exec \"$@\"", "bash"];
    let refused = puppeteer(&["refused", "38", "436"]);
    let launch = Launch::pid1().service("web", "command = 'sleep 1000'");
    let init = launch.through(&[&few[..], &open, &refused].concat()).stderr(outlet.stderr()).start();
    init.wait_state("web", "running");
    let descriptors = format!("/proc/{}/root/proc/{}/fd", init.pid(), relay(&init, 0));
    crate::support::wait_for_seen("input and standard error alone", PATIENCE, || {
        let open = std::fs::read_dir(&descriptors).unwrap().flatten();
        let numbers: BTreeSet<String> = open.map(|it| it.file_name().into_string().unwrap()).collect();
        (numbers == BTreeSet::from(["0", "2"].map(str::to_owned))).then_some(()).ok_or(format!("{numbers:?}"))
    });
}

#[test]
fn the_last_words_pass_the_relay() {
    require_namespace!();
    require_root!();
    let mut outlet = terminal_of_root();
    outlet.read(None);
    let launch = Launch::pid1().service("web", "command = 'sleep 1000'").user(NOBODY);
    let mut init = launch.stderr(outlet.stderr()).start();
    init.wait_state("web", "running");
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
    outlet.wait_lines("the end", |lines| {
        lines.last().is_some_and(|line| line.starts_with("rinit: stopped in"))
    });
}

#[test]
fn without_proc() {
    require_namespace!();
    require_root!();
    for kind in [Kind::FullPipe, Kind::Terminal, Kind::FullTerminal, Kind::FullDevice] {
        println!("{kind:?}");
        let outlet = Outlet::new(kind);
        let script = format!(
            "{} orphans 1000; trap 'exit 7' TERM; echo made; while :; do sleep 0.05 & wait $!; done",
            puppet()
        );
        for name in ["rinit", "tini"] {
            let init =
                if name == "rinit" { Init::rinit() } else { Init::rinit_as(name) }.with(&["-vvv", "-w"]);
            let launch = init.launch(Place::Pid1, &["sh", "-c", &script]).through(&NO_PROC);
            let mut running = launch.stderr(outlet.stderr()).start();
            running.wait_line("the orphans are made", |line| line == "made");
            running.signal(Signal::SIGTERM);
            assert_eq!(running.wait_exit(PATIENCE).status, 7, "{name} {kind:?}");
            outlet.assert_blocking();
        }
    }
}

/// Each message is one datagram; one that is too long is counted.
#[test]
fn a_socket_that_takes_datagrams() {
    require_namespace!();
    let (ours, theirs) = std::os::unix::net::UnixDatagram::pair().unwrap();
    ours.set_read_timeout(Some(PATIENCE)).unwrap();
    let init =
        Launch::pid1().service("web", "command = 'sleep 1000'").stderr(OwnedFd::from(theirs).into()).start();
    let mut bytes = vec![0; 1 << 20];
    let count = ours.recv(&mut bytes).unwrap();
    let line = String::from_utf8_lossy(&bytes[..count]).into_owned();
    assert!(line.starts_with("rinit: web: started, pid ") && line.ends_with('\n'), "{line:?}");
    drop(init);
}

/// A FIFO that has no reader yet, as some log collectors have it.
#[test]
fn a_fifo_whose_reader_comes_later() {
    require_namespace!();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("fifo");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    // A writer needs a reader to open it.
    let both = std::fs::File::options().read(true).write(true).open(&path).unwrap();
    let writer = OwnedFd::from(std::fs::File::options().write(true).open(&path).unwrap());
    drop(both);
    let init = Launch::pid1()
        .service("flap", "command = 'false'\nbackoff = { initial = '20ms', max = '20ms' }")
        .stderr(writer.into())
        .start();
    init.wait_service("flap", "restarts", |flap| flap.restarts > 3);
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(std::fs::File::open(&path).unwrap()));
    let line = lines.next().unwrap().unwrap();
    assert!(line.contains("messages were dropped"), "{line:?}");
    wait_for("what it says now", PATIENCE, || lines.next()?.unwrap().contains("flap: started").then_some(()));
}
