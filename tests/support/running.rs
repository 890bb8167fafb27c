//! An init that has been started, and what a test may do with it.

use super::launch::clean_environment;
use super::lines::{Line, Lines};
use super::processes::{Process, process, processes};
use super::{Output, PATIENCE, output, output_of, rinit_bin, skip, wait_for};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Where an init runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// As PID 1 of a PID namespace.
    Namespace,
    /// Among all the others.
    Plain,
}

/// How an init has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// The exit status, or 128+N for signal N.
    pub status: i32,
    /// When it was seen; to be compared with the time of what caused it.
    pub at: Instant,
}

/// A running init. Dropping it kills it and everything under it; a failed test shows all that it has written.
pub struct Running {
    /// rinit itself, or the `unshare` whose child it is.
    child: Child,
    lines: Lines,
    place: Place,
    program: PathBuf,
    /// What precedes a command that is to run as the init's user.
    user: Vec<String>,
    environment: Vec<(String, String)>,
    dir: tempfile::TempDir,
    pid: OnceLock<i32>,
    end: Option<End>,
}

impl Running {
    pub(super) fn new(
        child: Child,
        lines: Lines,
        place: Place,
        program: PathBuf,
        user: Vec<String>,
        environment: Vec<(String, String)>,
        dir: tempfile::TempDir,
    ) -> Running {
        Running { child, lines, place, program, user, environment, dir, pid: OnceLock::new(), end: None }
    }

    /// The directory of this init: its service files are in `services.d`.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The init's process id as the test sees it.
    #[track_caller]
    pub fn pid(&self) -> i32 {
        let child = self.child.id() as i32;
        *self.pid.get_or_init(|| match self.place {
            Place::Plain => child,
            Place::Namespace => {
                // The child of unshare is unshare itself at first (then setpriv), and becomes the init by exec.
                let before =
                    ["unshare", "setpriv", "prlimit", "python3", "setsid", "puppet", "refuse", "sh", "env"];
                wait_for("the PID 1 under unshare", PATIENCE, || {
                    let all = processes(Path::new("/proc"));
                    let init = all.into_iter().find(|process| process.ppid == child)?;
                    (!before.contains(&init.name.as_str())).then_some(init.pid)
                })
            }
        })
    }

    #[track_caller]
    pub fn signal(&self, signal: Signal) {
        self.raw_signal(signal as i32);
    }

    /// Sends a signal by its number: nix names no real-time signals.
    #[track_caller]
    pub fn raw_signal(&self, number: i32) {
        // The shell's own `kill`: a small system has no other.
        output("sh", &["-c".to_owned(), format!("kill -{number} {}", self.pid())]).unwrap().ok();
    }

    /// A line that has been or will be written, on either stream; returns its text.
    #[track_caller]
    pub fn wait_line(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        self.wait_line_after(0, what, wanted).1.text
    }

    /// As `wait_line`, from line number `skip` on; also returns the line's number. For what comes more than once.
    #[track_caller]
    pub fn wait_line_after(&self, skip: usize, what: &str, wanted: impl Fn(&str) -> bool) -> (usize, Line) {
        self.lines.wait(what, skip, PATIENCE, |line| wanted(&line.text))
    }

    /// All lines so far.
    pub fn lines(&self) -> Vec<Line> {
        self.lines.all()
    }

    pub fn stdout(&self) -> String {
        self.lines.text("stdout")
    }

    pub fn stderr(&self) -> String {
        self.lines.text("stderr")
    }

    /// Runs a command beside the init: inside its PID namespace, as its user, with its environment.
    #[track_caller]
    pub fn run(&self, words: &[&str]) -> Output {
        output_of(&mut self.command(words)).unwrap()
    }

    /// That command, not started yet.
    #[track_caller]
    pub fn command(&self, words: &[&str]) -> Command {
        let mut all: Vec<String> = match self.place {
            Place::Plain => Vec::new(),
            Place::Namespace => {
                let mut enter = format!("nsenter --target {} --pid --mount", self.pid());
                if !skip::is_root() {
                    enter += " --user --preserve-credentials";
                }
                enter.split(' ').map(str::to_owned).collect()
            }
        };
        all.extend(self.user.iter().cloned());
        all.extend(words.iter().map(|&word| word.to_owned()));
        let mut command = Command::new(&all[0]);
        clean_environment(&mut command);
        command.args(&all[1..]).envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// `rinit VERB...`, spoken to this init.
    #[track_caller]
    pub fn rinit(&self, words: &[&str]) -> Output {
        output_of(&mut self.verb(words)).unwrap()
    }

    /// That verb, not started yet.
    #[track_caller]
    pub fn verb(&self, words: &[&str]) -> Command {
        let program = self.program.display().to_string();
        let words: Vec<&str> = std::iter::once(program.as_str()).chain(words.iter().copied()).collect();
        self.command(&words)
    }

    /// The same verb as user 65534, by a copy of the binary that every user may execute. Needs root.
    #[track_caller]
    pub fn verb_of_nobody(&self, words: &[&str]) -> Command {
        let copy = self.dir().join("rinit-for-all");
        if !copy.exists() {
            std::fs::copy(rinit_bin(), &copy).unwrap();
        }
        let copy = copy.display().to_string();
        let before = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", &copy];
        self.command(&[&before[..], words].concat())
    }

    /// Waits until `rinit health` says that all is well.
    #[track_caller]
    pub fn wait_healthy(&self, deadline: Duration) {
        super::wait_for_seen("`rinit health` to be 0", deadline, || {
            let health = self.rinit(&["health"]);
            if health.status == 0 { Ok(()) } else { Err(format!("{health:?}")) }
        });
    }

    /// What runs under the init, and the init: with the ids of its namespace, or those of a plain one's descendants.
    pub fn processes(&self) -> Vec<Process> {
        match self.place {
            Place::Namespace => processes(&PathBuf::from(format!("/proc/{}/root/proc", self.pid()))),
            Place::Plain => {
                let mut tree: Vec<Process> = process(Path::new("/proc"), self.pid()).into_iter().collect();
                tree.extend(descendants(self.pid()));
                tree
            }
        }
    }

    /// The processes whose command line contains `text`.
    pub fn find(&self, text: &str) -> Vec<Process> {
        self.processes().into_iter().filter(|process| process.command.contains(text)).collect()
    }

    pub fn zombies(&self) -> Vec<Process> {
        self.processes().into_iter().filter(Process::is_zombie).collect()
    }

    /// Waits for the end of the init, and for all of its output.
    #[track_caller]
    pub fn wait_exit(&mut self, deadline: Duration) -> End {
        self.exit_within(deadline).unwrap_or_else(|| {
            panic!("waited {deadline:?} for the init to end; left: {:#?}", self.processes());
        })
    }

    /// As `wait_exit`, for an init that may go on.
    pub fn exit_within(&mut self, deadline: Duration) -> Option<End> {
        let start = Instant::now();
        while self.end.is_none() {
            if let Some(status) = self.child.try_wait().unwrap() {
                let status = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap();
                self.end = Some(End { status, at: Instant::now() });
                self.lines.wait_end(Duration::from_secs(5));
            } else if start.elapsed() > deadline {
                return None;
            } else {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        self.end
    }

    /// SIGKILL to everything. The PID namespace dies with its PID 1; a plain init leaves its descendants behind.
    fn kill_all(&mut self) {
        if self.end.is_none() && self.child.try_wait().is_ok_and(|status| status.is_none()) {
            let child = self.child.id() as i32;
            let _ = kill(Pid::from_raw(child), Signal::SIGSTOP); // starts nothing any more
            for process in descendants(child) {
                let _ = kill(Pid::from_raw(process.pid), Signal::SIGKILL);
            }
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let end = self.end.map_or("still running".to_owned(), |end| format!("ended with {}", end.status));
            eprintln!("the init ({end}) has written:\n{}", self.lines.report());
        }
        self.kill_all();
    }
}

/// The children of a process, their children, and so on.
fn descendants(pid: i32) -> Vec<Process> {
    let all = processes(Path::new("/proc"));
    let mut found: Vec<Process> = Vec::new();
    let mut parents = vec![pid];
    while let Some(parent) = parents.pop() {
        for process in all.iter().filter(|process| process.ppid == parent) {
            parents.push(process.pid);
            found.push(process.clone());
        }
    }
    found
}
