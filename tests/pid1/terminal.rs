//! On a terminal: interactive shells, what is typed into them, and whose the terminal is.

use super::{Init, Place, puppet, puppeteer};
use crate::require_namespace;
use crate::support::launch::{clean_environment, unshare_args};
use crate::support::processes::{Process, processes};
use crate::support::{PATIENCE, skip, wait_for, wait_for_seen};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};

/// A program on a terminal, and whoever types there.
pub struct Terminal {
    keyboard: std::fs::File,
    /// Kept, so that the terminal is there as long as this is.
    end: OwnedFd,
    screen: Arc<Mutex<String>>,
    /// How much of the screen has been waited for.
    seen: usize,
    child: Child,
}

impl Terminal {
    /// Starts a program with a new terminal as its standard streams.
    #[track_caller]
    pub fn start(words: &[&str], environment: &[(&str, &str)]) -> Terminal {
        let pair = crate::support::open_terminal();
        let mut command = Command::new(words[0]);
        clean_environment(&mut command);
        command.args(&words[1..]).env("PS1", "$ ").env("TERM", "dumb").env("HISTFILE", "");
        command.envs(environment.iter().copied());
        let end = || pair.slave.try_clone().unwrap();
        let child = command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        drop(command);
        let screen = Arc::new(Mutex::new(String::new()));
        let mut reader = std::fs::File::from(pair.master.try_clone().unwrap());
        let shared = Arc::clone(&screen);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                shared.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
        });
        Terminal { keyboard: pair.master.into(), end: pair.slave, screen, seen: 0, child }
    }

    /// An init as PID 1, as a container engine starts it: leader of a session whose terminal this is.
    #[track_caller]
    pub fn pid1(init: &Init, command: &[&str], environment: &[(&str, &str)]) -> Terminal {
        let path = init.path.display().to_string();
        let mut words = vec!["unshare"];
        words.extend(unshare_args(skip::is_root()));
        words.extend(["setsid", "--ctty", &path]);
        words.extend(init.options.iter().map(String::as_str));
        words.push("--");
        Terminal::start(&[&words, command].concat(), environment)
    }

    #[track_caller]
    pub fn type_in(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).unwrap();
    }

    /// Waits until this is on the screen, behind what was waited for last.
    #[track_caller]
    pub fn wait(&mut self, text: &str) {
        let screen = Arc::clone(&self.screen);
        let from = self.seen;
        self.seen = wait_for_seen(&format!("{text:?} on the screen"), PATIENCE, || {
            let screen = screen.lock().unwrap();
            screen[from..].find(text).map(|at| from + at + text.len()).ok_or_else(|| screen.clone())
        });
    }

    pub fn text(&self) -> String {
        self.screen.lock().unwrap().clone()
    }

    #[track_caller]
    pub fn wait_exit(&mut self) -> i32 {
        let screen = Arc::clone(&self.screen);
        let child = &mut self.child;
        wait_for_seen("the program on the terminal to end", PATIENCE, || {
            let status = child.try_wait().unwrap().ok_or_else(|| screen.lock().unwrap().clone())?;
            Ok(status.code().unwrap_or_else(|| 128 + status.signal().unwrap()))
        })
    }

    /// Rows and columns.
    #[track_caller]
    pub fn resize(&self, rows: &str, columns: &str) {
        let mut stty = Command::new("stty");
        stty.args(["rows", rows, "cols", columns]).stdin(self.end.try_clone().unwrap());
        assert!(stty.status().unwrap().success());
    }

    /// A process under this terminal's program that has this name.
    #[track_caller]
    fn wait_process(&self, name: &str) -> Process {
        let root = self.child.id() as i32;
        wait_for(&format!("a process {name}"), PATIENCE, || {
            let all = processes(std::path::Path::new("/proc"));
            let parent = |pid: i32| all.iter().find(|process| process.pid == pid).map(|process| process.ppid);
            let is_ours =
                |pid: i32| std::iter::successors(Some(pid), |pid| parent(*pid)).any(|pid| pid == root);
            all.iter().find(|process| process.name == name && is_ours(process.pid)).cloned()
        })
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("on the screen:\n{}", self.text());
        }
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

const BASH: [&str; 4] = ["bash", "--norc", "--noprofile", "-i"];

/// What a user of an interactive shell does. What is typed is on the screen too: what is waited for is not in it.
#[track_caller]
pub fn use_job_control(terminal: &mut Terminal, prompt: &str, puppet: &str) {
    // It says when it is there: typed before that, Ctrl-Z and Ctrl-C would be the shell's.
    let job = format!("{puppet} job\n");
    terminal.wait(prompt);
    terminal.type_in(&job);
    terminal.wait("is there.");
    terminal.type_in("\x03");
    terminal.wait(prompt);
    terminal.type_in("echo \"status$?.\"\n");
    terminal.wait("status130.");
    terminal.wait(prompt);
    terminal.type_in(&job);
    terminal.wait("is there.");
    terminal.type_in("\x1a");
    terminal.wait("Stopped");
    terminal.wait(prompt);
    terminal.type_in("bg; jobs; echo jobs$((1+1)).\n");
    terminal.wait("Running");
    terminal.wait("jobs2.");
    terminal.wait(prompt);
    // Where it comes is not known; the next one is to be the one of `fg`.
    wait_for("the job to go on", PATIENCE, || terminal.text().contains("goes on.").then_some(()));
    terminal.type_in("kill -STOP %1; jobs; echo jobs$((1+1)).\n");
    terminal.wait("jobs2.");
    terminal.wait(prompt);
    terminal.type_in("echo in the foreground; fg\n");
    terminal.wait("\nin the foreground");
    terminal.wait("goes on.");
    terminal.type_in("\x03");
    terminal.wait(prompt);
    terminal.type_in("echo \"status$?.\"\n");
    terminal.wait("status130.");
    terminal.wait(prompt);
    assert!(!terminal.text().contains("job control"), "{}", terminal.text());
}

#[test]
fn an_interactive_shell_under_pid_1() {
    require_namespace!();
    let names = ["tini", "docker-init", "dumb-init", "catatonit"].map(Init::rinit_as);
    for init in [Init::rinit(), Init::rinit().with(&["-g"])].into_iter().chain(names) {
        println!("{init:?}");
        let mut terminal = Terminal::pid1(&init, &BASH, &[]);
        use_job_control(&mut terminal, "$ ", puppet());
        terminal.type_in("trap 'echo winch$((40+2)).' WINCH\n");
        terminal.wait("$ ");
        terminal.resize("41", "101");
        terminal.type_in("\n");
        terminal.wait("winch42.");
        terminal.type_in("stty size\n");
        terminal.wait("41 101");
        terminal.type_in("exit 3\n");
        assert_eq!(terminal.wait_exit(), 3, "{init:?}");
    }
}

/// Nobody could `fg` it: it goes on at once.
#[test]
fn a_command_of_pid_1_that_is_stopped_from_the_terminal_is_continued() {
    require_namespace!();
    let mut terminal = Terminal::pid1(&Init::rinit(), &puppeteer(&["job"]), &[]);
    for _ in 0..3 {
        terminal.wait(if terminal.seen == 0 { "is there." } else { "goes on." });
        terminal.type_in("\x1a");
    }
    terminal.wait("goes on.");
    terminal.type_in("\x03");
    assert_eq!(terminal.wait_exit(), 130);
}

/// Whoever has stopped it by request can have it go on: here with `rinit signal`, which comes by another way than a signal
/// to rinit.
#[test]
fn a_command_of_pid_1_that_is_stopped_by_request_stays_so() {
    require_namespace!();
    let rinit = crate::support::rinit_bin().display().to_string();
    let ask = "state() { sed 's/.*) //; s/ .*//' \"/proc/$1/stat\"; }\n\
               pid=$$\n\
               (\"$RINIT\" signal TSTP main && until [ \"$(state $pid)\" = T ]; do sleep 0.02; done\n\
               sleep 0.2; echo \"state $(state $pid).\"; \"$RINIT\" signal CONT main) </dev/null &\n\
               read line; echo \"got $line.\"";
    let init = Init::rinit();
    let mut terminal = Terminal::pid1(&init, &["bash", "-c", ask], &[("RINIT", &rinit)]);
    terminal.wait("state T.");
    terminal.type_in("words\n");
    terminal.wait("got words.");
    assert_eq!(terminal.wait_exit(), 0);
    assert!(!terminal.text().contains("nobody else can continue it"), "{}", terminal.text());
}

/// The command has the terminal from its first moment.
#[test]
fn the_command_is_in_the_foreground() {
    require_namespace!();
    let mut terminal = Terminal::pid1(&Init::rinit(), &puppeteer(&["place"]), &[]);
    terminal.wait("group=own session=init's foreground=yes terminal=yes");
    assert_eq!(terminal.wait_exit(), 0);
    // Typed at once, and read by a command that would be stopped for it in the background.
    let mut terminal = Terminal::pid1(&Init::rinit(), &["sh", "-c", "read line; echo got $line"], &[]);
    terminal.type_in("words\n");
    terminal.wait("got words");
    assert_eq!(terminal.wait_exit(), 0);
    // A terminal that is not the session's: no error.
    let init = Init::rinit().path.display().to_string();
    let mut terminal =
        Terminal::start(&["setsid", "--wait", &init, "--", "sh", "-c", "echo there; exit 4"], &[]);
    terminal.wait("there");
    assert_eq!(terminal.wait_exit(), 4);
}

/// As a job of a shell that does job control: the terminal is lent, and given back.
#[test]
fn as_a_job_of_a_shell() {
    // With `--`, since an init may run on this machine already.
    let rinit = format!("{} --", Init::rinit().path.display());
    let mut terminal = Terminal::start(&[&["setsid", "--ctty"][..], &BASH].concat(), &[("INIT", &rinit)]);
    terminal.wait("$ ");
    for _ in 0..3 {
        terminal.type_in("$INIT true; echo \"status$?.\"\n");
        terminal.wait("status0.");
    }
    terminal.type_in("$INIT sleep 1000\n");
    terminal.wait_process("sleep");
    terminal.type_in("\x03");
    terminal.wait("$ ");
    terminal.type_in("echo \"status$?.\"\n");
    terminal.wait("status130.");
    terminal.type_in("$INIT cat\n");
    terminal.wait_process("cat");
    terminal.type_in("x1y\n");
    terminal.wait("x1y\r\nx1y");
    terminal.type_in("\x1a");
    terminal.wait("Stopped");
    terminal.wait("$ ");
    terminal.type_in("echo back$((1+1)).\n");
    terminal.wait("back2.");
    terminal.type_in("fg\n");
    terminal.wait("INIT cat");
    terminal.type_in("x2y\n");
    terminal.wait("x2y\r\nx2y");
    terminal.type_in("\x04");
    terminal.type_in("echo \"status$?.\"\n");
    terminal.wait("status0.");
    // In the background it leaves the terminal alone.
    terminal.type_in("$INIT sleep 1000 &\n");
    terminal.wait_process("sleep");
    terminal.type_in("echo alone$((1+1)).\n");
    terminal.wait("alone2.");
    terminal.type_in("kill %1; wait %1; echo \"status$?.\"\n");
    terminal.wait("status143.");
    terminal.type_in("exit 6\n");
    assert_eq!(terminal.wait_exit(), 6);
}

/// What `docker run` without `-i` gives: a terminal for the output, and nothing to read from.
#[test]
fn a_terminal_for_the_output_alone() {
    require_namespace!();
    let mut running = Init::rinit().launch(Place::Pid1, &["sh", "-c", "exit 5"]).start();
    assert_eq!(running.wait_exit(PATIENCE).status, 5);
    let init = Init::rinit().path.display().to_string();
    let line = format!("exec {init} sh -c 'echo there; exit 5' < /dev/null");
    let mut terminal = Terminal::start(&["setsid", "--ctty", "sh", "-c", &line], &[]);
    terminal.wait("there");
    assert_eq!(terminal.wait_exit(), 5);
}
