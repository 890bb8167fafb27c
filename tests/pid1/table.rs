//! The table of docs/pid1.md: what each program does, asserted cell by cell.

use super::terminal::Terminal;
use super::{Init, PEERS, Place, Recorder, puppet, puppeteer};
use crate::support::wait::PAUSE;
use crate::support::{PATIENCE, Running, wait_for};
use crate::{require_namespace, require_programs, require_root};
use nix::sys::signal::Signal;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// The columns.
pub const PROGRAMS: [&str; 5] = ["rinit", "tini", "docker-init", "dumb-init", "catatonit"];

/// A row: the question, the answers of the programs, and what finds out.
pub struct Row {
    pub question: &'static str,
    pub answers: [&'static str; 5],
    probe: fn(&Init) -> String,
}

/// How long a program gets for what it is not expected to do.
const NEVER: Duration = Duration::from_millis(600);

const fn row(question: &'static str, answers: [&'static str; 5], probe: fn(&Init) -> String) -> Row {
    Row { question, answers, probe }
}

/// Every row.
pub const ROWS: [Row; 19] = [
    row("reaps orphans as PID 1", ["yes"; 5], |init| orphans(init, Place::Pid1)),
    row("and when it is not PID 1, without being asked", ["yes", "no", "no", "no", "yes"], |init| {
        orphans(init, Place::Plain)
    }),
    row(
        "SIGTERM goes to",
        ["the command", "the command", "the command", "its process group", "the command"],
        |init| whom(init, 15),
    ),
    row("real-time signals are forwarded", ["yes"; 5], |init| forwards(init, 40)),
    row("SIGABRT from a process is forwarded", ["yes", "no", "no", "yes", "no"], |init| forwards(init, 6)),
    row("SIGTERM ends a stopped command", ["yes", "no", "no", "no", "no"], stopped),
    row(
        "the command has changed its user and cannot be signalled",
        ["ends with 138", "ends with 1", "ends with 1", "goes on", "goes on"],
        out_of_reach,
    ),
    row(
        "started with SIGCHLD ignored, it still returns the status",
        ["yes", "no", "no", "yes", "no"],
        sigchld_ignored,
    ),
    row("the command's signal mask is that of the caller", ["yes", "yes", "yes", "no", "no"], |init| {
        signals(init, "blocked=0000000000004200")
    }),
    row(
        "the command's ignored signals are those of the caller",
        ["yes", "yes", "yes", "no", "yes"],
        |init| signals(init, "ignored=0000000000301000"),
    ),
    row("a script without #! runs", ["yes"; 5], script),
    row("status when signal 9 ended the command", ["137"; 5], |init| {
        init.status(Place::Pid1, &puppeteer(&["die", "9"])).to_string()
    }),
    row("status when there is no such command", ["127", "127", "127", "2", "1"], |init| {
        init.status(Place::Pid1, &["/no/such/program"]).to_string()
    }),
    row("can turn a status into 0", ["yes", "yes", "yes", "no", "no"], |init| {
        let status = init.clone().with(&["-e", "143"]).status(Place::Pid1, &puppeteer(&["die", "15"]));
        yes(status == 0)
    }),
    row(
        "the command has ended: a process in a session of its own gets SIGTERM",
        ["yes", "no", "no", "no", "no"],
        left,
    ),
    row("kills a command that ignores SIGTERM", ["yes", "no", "no", "no", "no"], stubborn),
    row("on a terminal, the command is in the foreground", ["yes"; 5], foreground),
    row("lets go of inherited descriptors", ["yes", "no", "no", "no", "yes"], descriptors),
    row("lets go of the working directory", ["yes", "no", "no", "yes", "no"], directory),
];

fn yes(is: bool) -> String {
    if is { "yes" } else { "no" }.to_owned()
}

/// rinit, or the real program.
fn program(name: &str) -> Init {
    if name == "rinit" { Init::rinit() } else { Init::real(name) }
}

fn state_of(running: &Running, text: &str) -> Option<char> {
    running.find(text).iter().find(|process| process.name == "puppet").map(|process| process.state)
}

/// Whether a process whose parent has ended becomes the init's child.
fn orphans(init: &Init, place: Place) -> String {
    let script = format!("({} pause &); exec sleep 1000", puppet());
    let running = init.launch(place, &["sh", "-c", &script]).start();
    running.wait_line("the orphan is there", |line| line == "paused");
    let pid = running.pid();
    let own = if place == Place::Pid1 { 1 } else { pid };
    wait_for("the orphan to have a new parent", PATIENCE, || {
        let found = match place {
            Place::Pid1 => running.find("pause"),
            Place::Plain => crate::support::processes::processes(std::path::Path::new("/proc")),
        };
        // Of a plain one, whoever took it in may be anywhere: known by this test's directory.
        let here = running.dir().to_owned();
        let orphan = found.into_iter().find(|process| {
            let directory = std::fs::read_link(format!("/proc/{}/cwd", process.pid));
            process.name == "puppet"
                && (place == Place::Pid1 || directory.is_ok_and(|directory| directory == here))
        })?;
        let parent = crate::support::processes::process(std::path::Path::new("/proc"), orphan.ppid);
        let still_the_shell = place == Place::Plain && parent.is_some_and(|parent| parent.name == "sh");
        if place == Place::Plain && orphan.ppid != own && !still_the_shell {
            let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(orphan.pid), Signal::SIGKILL);
        }
        (!still_the_shell).then(|| yes(orphan.ppid == own))
    })
}

fn recorder(init: &Init) -> Recorder {
    Recorder::start(init.launch(Place::Pid1, &puppeteer(&["record"])))
}

fn whom(init: &Init, number: i32) -> String {
    let came = recorder(init).send(number);
    let grand = came.iter().any(|line| line == &format!("grand {number}"));
    if grand { "its process group" } else { "the command" }.to_owned()
}

fn forwards(init: &Init, number: i32) -> String {
    yes(recorder(init).send(number).contains(&format!("child {number}")))
}

fn stopped(init: &Init) -> String {
    let mut running = init.launch(Place::Pid1, &puppeteer(&["pause"])).start();
    running.wait_line("the command is there", |line| line == "paused");
    let pid = running.find("pause").iter().find(|process| process.name == "puppet").unwrap().pid.to_string();
    running.run(&["kill", "-STOP", &pid]).ok();
    wait_for("the command to be stopped", PATIENCE, || (state_of(&running, "pause")? == 'T').then_some(()));
    running.signal(Signal::SIGTERM);
    yes(running.exit_within(NEVER).is_some())
}

fn out_of_reach(init: &Init) -> String {
    // Not at once: catatonit looks first whether it can signal its command.
    let script =
        format!("echo started; read line; exec {} as 61234 sh -c 'echo there; exec sleep 1000'", puppet());
    let (reader, mut writer) = std::io::pipe().unwrap();
    let launch = init.launch(Place::Pid1, &["sh", "-c", &script]).stdin(Stdio::from(reader));
    let mut running = launch.through(&["setpriv", "--bounding-set=-kill", "--inh-caps=-kill"]).start();
    running.wait_line("the command is there", |line| line == "started");
    wait_for("the init to wait for signals", PATIENCE, || {
        let process = crate::support::processes::process(std::path::Path::new("/proc"), running.pid())?;
        (process.state == 'S').then_some(())
    });
    std::io::Write::write_all(&mut writer, b"\n").unwrap();
    running.wait_line("the command has changed its user", |line| line == "there");
    running.signal(Signal::SIGUSR1);
    running.exit_within(NEVER).map_or("goes on".to_owned(), |end| format!("ends with {}", end.status))
}

fn sigchld_ignored(init: &Init) -> String {
    let launch = init.launch(Place::Pid1, &puppeteer(&["exit", "7"]));
    let mut running = launch.through(&puppeteer(&["with", "0", "10000"])).start();
    yes(running.exit_within(NEVER).is_some_and(|end| end.status == 7))
}

/// SIGUSR1 and SIGTERM blocked, SIGPIPE, SIGTTIN and SIGTTOU ignored.
fn signals(init: &Init, expected: &str) -> String {
    let launch = init.launch(Place::Pid1, &puppeteer(&["signals"]));
    let mut running = launch.through(&puppeteer(&["with", "4200", "301000"])).start();
    running.wait_exit(PATIENCE);
    yes(running.stdout().contains(expected))
}

fn script(init: &Init) -> String {
    use std::os::unix::fs::PermissionsExt;
    let launch = init.launch(Place::Pid1, &["./script"]).file("script", "exit 9\n");
    let path = launch.dir().join("script");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    yes(launch.start().wait_exit(PATIENCE).status == 9)
}

fn left(init: &Init) -> String {
    let mut running = init.launch(Place::Pid1, &puppeteer(&["leave", puppet(), "exit", "4"])).start();
    assert_eq!(running.wait_exit(PATIENCE).status, 4);
    yes(running.stdout().contains("got SIGTERM"))
}

fn stubborn(init: &Init) -> String {
    let options: &[&str] =
        if *init.path == crate::support::rinit_bin() { &["--stop-timeout", "200ms"] } else { &[] };
    let init = init.clone().with(options);
    let script = "trap '' TERM; echo there; while :; do sleep 1000; done";
    let mut running = init.launch(Place::Pid1, &["sh", "-c", script]).start();
    running.wait_line("the command is there", |line| line == "there");
    running.signal(Signal::SIGTERM);
    let deadline = if options.is_empty() { NEVER } else { PATIENCE };
    yes(running.exit_within(deadline).is_some_and(|end| end.status == 137))
}

fn foreground(init: &Init) -> String {
    let mut terminal = Terminal::pid1(init, &puppeteer(&["place"]), &[]);
    terminal.wait("foreground=");
    terminal.wait_exit();
    yes(terminal.text().contains("foreground=yes"))
}

/// Whether the end of a pipe that was inherited, and that the command has closed, is closed within some seconds: rinit
/// does that when nothing has happened for a moment.
fn descriptors(init: &Init) -> String {
    let (reader, writer) = std::io::pipe().unwrap();
    let launch = init.launch(Place::Pid1, &["sh", "-c", "exec 7>&-; echo there; exec sleep 1000"]);
    let through = ["sh", "-c", "exec 7>&0 < /dev/null; exec \"$@\"", "sh"];
    let running = launch.through(&through).stdin(Stdio::from(writer)).start();
    running.wait_line("the command is there", |line| line == "there");
    drop(reader);
    let inherited = format!("/proc/{}/fd/7", running.pid());
    let start = Instant::now();
    while std::fs::symlink_metadata(&inherited).is_ok() && start.elapsed() < Duration::from_secs(3) {
        std::thread::sleep(PAUSE);
    }
    yes(std::fs::symlink_metadata(&inherited).is_err())
}

fn directory(init: &Init) -> String {
    let running = init.launch(Place::Pid1, &puppeteer(&["pause"])).start();
    running.wait_line("the command is there", |line| line == "paused");
    let of_init = std::fs::read_link(format!("/proc/{}/cwd", running.pid())).unwrap();
    yes(of_init != running.dir())
}

#[track_caller]
fn check(rows: &[Row]) {
    let mut wrong = Vec::new();
    for row in rows {
        for (name, answer) in PROGRAMS.iter().zip(row.answers) {
            let found = (row.probe)(&program(name));
            if found != answer {
                wrong.push(format!("{}, {name}: {found}, and not {answer}", row.question));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// In two halves, so that they run side by side.
#[test]
fn the_first_half_is_true() {
    require_namespace!();
    require_root!();
    require_programs!(PEERS);
    check(&ROWS[..9]);
}

#[test]
fn the_second_half_is_true() {
    require_namespace!();
    require_root!();
    require_programs!(PEERS);
    check(&ROWS[9..]);
}
