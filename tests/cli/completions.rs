//! Completions, in the real shells.

use super::{has, named_rinit};
use crate::pid1::terminal::Terminal;
use crate::skip;
use crate::support::{Launch, PATIENCE, Running, output_of, rinit_bin};
use std::process::Command;

const BASH: [&str; 4] = ["bash", "--norc", "--noprofile", "-i"];
const ZSH: [&str; 3] = ["zsh", "-f", "-i"];
const SLEEP: &str = "command = ['sleep', '1000']";

fn init() -> Running {
    let init = Launch::plain().service("web", SLEEP).service("worker", SLEEP).service("db", SLEEP).start();
    init.wait_healthy(PATIENCE);
    init
}

fn socket(init: &Running) -> String {
    init.dir().join("run/socket").display().to_string()
}

/// What a shell does on a terminal: what is typed before the tab, and what is on the screen then. The line is thrown
/// away in between, and the next one begins after a mark: what is waited for is not found in an earlier one.
#[track_caller]
fn try_each(terminal: &mut Terminal, cases: &[(&str, &[&str])]) {
    for (typed, expected) in cases {
        terminal.type_in(typed);
        for text in *expected {
            terminal.wait(text);
        }
        // Ctrl-E and Ctrl-U: also where the shell has left the cursor elsewhere.
        terminal.type_in("\x05\x15echo mark$((40+2)).\n");
        terminal.wait("mark42.");
        terminal.wait("$ ");
    }
}

const IN_BOTH: [(&str, &[&str]); 5] = [
    ("rinit sta\t\t", &["start", "status"]),
    ("rinit statu\t", &["status"]),
    ("rinit --log-level \t\t", &["debug", "error", "info", "off", "trace", "warn"]),
    ("rinit --log-level=in\t", &["--log-level=info"]),
    ("rinit completions z\t", &["completions zsh"]),
];

#[test]
fn in_bash() {
    let (_dir, path) = named_rinit();
    let init = init();
    let mut bash = Terminal::start(&BASH, &[("PATH", &path), ("RINIT_SOCKET", &socket(&init))]);
    bash.wait("$ ");
    bash.type_in("source <(rinit completions bash)\n");
    bash.wait("$ ");
    try_each(&mut bash, &IN_BOTH);
    let data = init.dir().display().to_string();
    try_each(
        &mut bash,
        &[
            ("rinit restart w\t\t", &["web", "worker"]),
            ("rinit stop d\t.", &["rinit stop db ."]),
            ("rinit stop web w\t.", &["rinit stop web worker ."]),
            (&format!("rinit check {data}/serv\t."), &["services.d/."]),
            (&format!("rinit --services={data}/serv\t."), &["services.d/."]),
            ("rinit -- mktem\t.", &["mktemp ."]),
        ],
    );
}

#[test]
fn in_zsh() {
    if !has("zsh") {
        skip!("needs zsh");
    }
    let (_dir, path) = named_rinit();
    let init = init();
    let mut zsh = Terminal::start(&ZSH, &[("PATH", &path), ("RINIT_SOCKET", &socket(&init))]);
    zsh.wait("$ ");
    zsh.type_in(
        "autoload -U compinit; compinit -u -D; source <(rinit completions zsh); echo loaded$((1+1)).\n",
    );
    zsh.wait("loaded2.");
    zsh.wait("$ ");
    try_each(&mut zsh, &IN_BOTH);
    let data = init.dir().display().to_string();
    try_each(
        &mut zsh,
        &[
            ("rinit restart w\t\t", &["web  ", "running"]),
            ("rinit stop d\t", &["stop db"]),
            (&format!("rinit check {data}/serv\t"), &["services.d/"]),
            (&format!("rinit --services={data}/serv\t"), &["services.d/"]),
            ("rinit -- mktem\t", &["-- mktemp"]),
        ],
    );
}

#[test]
fn in_fish() {
    if !has("fish") {
        skip!("needs fish");
    }
    let (dir, path) = named_rinit();
    let init = init();
    let script = dir.path().join("rinit.fish");
    let text = init.rinit(&["completions", "fish"]).ok();
    std::fs::write(&script, text).unwrap();
    let fish = |words: &[&str], socket: &str| {
        let mut command = Command::new("fish");
        command.arg("--no-config").args(words).env("PATH", &path).env("HOME", dir.path());
        output_of(command.env("RINIT_SOCKET", socket)).unwrap()
    };
    let script = script.display().to_string();
    assert_eq!(fish(&["--no-execute", &script], "").ok(), "");
    let complete = |line: &str, socket: &str| {
        let told = fish(&["--command", &format!("source {script}; complete -C '{line}'")], socket);
        assert_eq!(told.stderr, "", "{line}");
        told.ok().lines().map(|line| line.replace('\t', " ")).collect::<Vec<String>>()
    };
    let data = init.dir().display().to_string();
    let here = socket(&init);
    let names = |line: &str| complete(line, &here);
    assert_eq!(names("rinit st").len(), 3);
    assert!(names("rinit st").contains(&"stop stop services".to_owned()));
    assert_eq!(names("rinit --log-format "), ["json", "text"]);
    assert_eq!(names("rinit --log-format=j"), ["--log-format=json"]);
    assert_eq!(names("rinit restart w"), ["web running", "worker running"]);
    assert_eq!(names("rinit -- mktem").len(), 1);
    for before in ["rinit check ", "rinit --services ", "rinit --services="] {
        let found = names(&format!("{before}{data}/serv"));
        assert!(found.len() == 1 && found[0].contains("services.d/"), "{before}: {found:?}");
    }
    assert_eq!(names(&format!("rinit --socket {data}/run/sock")), [format!("{data}/run/socket")]);
    assert_eq!(complete("rinit restart w", "/nonexistent/socket"), [""; 0]);
}

#[test]
fn without_an_init_there_is_silence() {
    let told = |words: &[&str], socket: &str| {
        let mut command = Command::new(rinit_bin());
        command.args(["completions", "bash", "--", "rinit"]).args(words).env("RINIT_SOCKET", socket);
        output_of(&mut command).unwrap()
    };
    // Nobody there; no socket at all; something that is none.
    for socket in ["/nonexistent/socket", "@rinit-nobody-listens", "@", "/dev/null"] {
        for words in [&["restart", ""][..], &["--socket", socket, "stop", "w"]] {
            let told = told(words, socket);
            assert_eq!((told.status, &*told.stdout, &*told.stderr), (0, "", ""), "{words:?} {socket}");
        }
    }
}

#[test]
fn who_does_not_answer_is_not_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket");
    // It takes connections and says nothing.
    let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let mut command = Command::new(rinit_bin());
    command.args(["completions", "zsh", "--", "rinit", "stop", ""]).env("RINIT_SOCKET", &path);
    let told = output_of(&mut command).unwrap();
    assert_eq!((told.status, &*told.stdout, &*told.stderr), (0, "", ""));
}

#[test]
fn every_script_is_without_a_mistake() {
    for (shell, check) in [("bash", "-n"), ("zsh", "-n"), ("fish", "--no-execute")] {
        if !has(shell) {
            skip!("needs {shell}");
        }
        let script = output_of(Command::new(rinit_bin()).args(["completions", shell])).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("script");
        std::fs::write(&file, script.stdout).unwrap();
        let told = output_of(Command::new(shell).arg(check).arg(&file).env("HOME", dir.path())).unwrap();
        assert_eq!((told.status, &*told.stderr), (0, ""), "{shell}");
    }
}
