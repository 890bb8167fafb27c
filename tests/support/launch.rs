//! Starts the real binary: as PID 1 of a PID namespace of its own, or as a plain process.

use super::running::{Place, Running};
use super::{lines::Lines, rinit_bin, skip};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// An init to be started. It has a directory of its own, with its service files in it, which is removed at the end.
///
/// ```ignore
/// let init = Launch::pid1().service("web", "command = 'sleep 1000'").start();
/// init.wait_line("web started", |line| line.contains("web: started"));
/// init.signal(Signal::SIGTERM);
/// assert_eq!(init.wait_exit(PATIENCE).status, 0);
/// ```
pub struct Launch {
    dir: tempfile::TempDir,
    place: Place,
    services: Vec<PathBuf>,
    options: Vec<String>,
    command: Vec<String>,
    environment: Vec<(String, String)>,
    user: Option<u32>,
    default_socket: bool,
    before: Vec<String>,
    /// In the place of rinit.
    init: Option<PathBuf>,
    stdin: Stdio,
    stderr: Option<Stdio>,
}

/// How `unshare` makes a PID namespace; without root, in a user namespace where the user is root.
pub fn unshare_args(root: bool) -> Vec<&'static str> {
    let mut args = vec!["--pid", "--fork", "--mount-proc", "--kill-child"];
    if !root {
        args.extend(["--user", "--map-root-user"]);
    }
    args
}

impl Launch {
    /// rinit as PID 1 of a PID namespace of its own. The test must have passed `require_namespace!()`.
    pub fn pid1() -> Launch {
        Launch::new(Place::Namespace)
    }

    /// rinit as a process like any other, with a control socket of its own.
    pub fn plain() -> Launch {
        Launch::new(Place::Plain)
    }

    fn new(place: Place) -> Launch {
        let dir = tempfile::Builder::new().prefix("rinit-test.").tempdir().unwrap();
        set_mode(dir.path(), 0o755); // a service may have another user
        Launch {
            dir,
            place,
            services: Vec::new(),
            options: Vec::new(),
            command: Vec::new(),
            environment: Vec::new(),
            user: None,
            default_socket: false,
            before: Vec::new(),
            init: None,
            stdin: Stdio::null(),
            stderr: None,
        }
    }

    /// The directory of this init, for files that a service needs.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Writes a file into the directory, with the directories on its way.
    pub fn file(self, path: &str, text: &str) -> Launch {
        let path = self.dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    /// Defines a service: services.d/NAME.toml in the directory.
    pub fn service(self, name: &str, toml: &str) -> Launch {
        let services = self.dir.path().join("services.d");
        let launch = self.file(&format!("services.d/{name}.toml"), toml);
        if launch.services.contains(&services) { launch } else { launch.services(&services) }
    }

    /// `--services DIR`.
    pub fn services(mut self, dir: &Path) -> Launch {
        self.services.push(dir.to_owned());
        self
    }

    /// An option of rinit's, or its value.
    pub fn arg(mut self, arg: &str) -> Launch {
        self.options.push(arg.to_owned());
        self
    }

    /// The main process.
    pub fn command(mut self, words: &[&str]) -> Launch {
        self.command = words.iter().map(|&word| word.to_owned()).collect();
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Launch {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Runs as this uid and gid, without supplementary groups. The test must run as root.
    pub fn user(mut self, uid: u32) -> Launch {
        self.user = Some(uid);
        self
    }

    /// A plain rinit that is not told where its control socket is; XDG_RUNTIME_DIR is in the directory.
    pub fn default_socket(mut self) -> Launch {
        self.default_socket = true;
        self
    }

    pub fn stdin(mut self, stdin: Stdio) -> Launch {
        self.stdin = stdin;
        self
    }

    /// Its standard error goes there, and is not seen by the test.
    pub fn stderr(mut self, stderr: Stdio) -> Launch {
        self.stderr = Some(stderr);
        self
    }

    /// A program that executes it: rinit's command line is appended to these words.
    pub fn through(mut self, words: &[&str]) -> Launch {
        self.before = words.iter().map(|&word| word.to_owned()).collect();
        self
    }

    /// Another program in rinit's place, or rinit by another name. Its command line is its options and the command, and
    /// nothing else.
    pub fn init(mut self, program: &Path) -> Launch {
        self.init = Some(program.to_owned());
        self
    }

    /// Starts it. It may have ended already when this returns: with a configuration error, say.
    #[track_caller]
    pub fn start(mut self) -> Running {
        super::failures::tell_at_once();
        let program = self.program();
        self.runtime_dir();
        let mut words = match self.place {
            Place::Namespace => with("unshare", &unshare_args(skip::is_root())),
            Place::Plain => Vec::new(),
        };
        words.extend(self.user_words());
        words.append(&mut self.before.clone());
        words.push(program.display().to_string());
        for dir in &self.services {
            words.extend(["--services".to_owned(), dir.display().to_string()]);
        }
        words.append(&mut self.options);
        if !self.command.is_empty() && self.init.is_none() {
            words.push("--".to_owned());
        }
        words.append(&mut self.command.clone());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).current_dir(self.dir.path());
        clean_environment(&mut command);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(std::mem::replace(&mut self.stdin, Stdio::null()));
        let stderr = self.stderr.take().unwrap_or_else(Stdio::piped);
        let mut child = command.stdout(Stdio::piped()).stderr(stderr).spawn().unwrap();
        drop(command); // holds the ends of pipes that the child has now
        let lines = Lines::new();
        lines.read("stdout", child.stdout.take().unwrap());
        if let Some(stderr) = child.stderr.take() {
            lines.read("stderr", stderr);
        }
        let user = self.user_words();
        Running::new(child, lines, self.place, program, user, self.environment, self.dir)
    }

    /// The binary; a copy where another user must be able to read it, who may not enter the build directory.
    fn program(&self) -> PathBuf {
        if let Some(init) = &self.init {
            return init.clone();
        }
        if self.user.is_none() {
            return rinit_bin();
        }
        let copy = self.dir.path().join("rinit");
        std::fs::copy(rinit_bin(), &copy).unwrap();
        set_mode(&copy, 0o755);
        copy
    }

    /// Where a plain rinit has its socket.
    fn runtime_dir(&mut self) {
        let run = self.dir.path().join("run");
        std::fs::create_dir(&run).unwrap();
        set_mode(&run, 0o700);
        if let Some(uid) = self.user {
            std::os::unix::fs::chown(&run, Some(uid), Some(uid)).unwrap();
        }
        self.environment.push(("XDG_RUNTIME_DIR".to_owned(), run.display().to_string()));
        let state = self.dir.path().join("state").display().to_string();
        self.environment.push(("RINIT_STATE_DIR".to_owned(), state));
        if self.place == Place::Plain && !self.default_socket && self.init.is_none() {
            let socket = run.join("socket").display().to_string();
            self.environment.push(("RINIT_SOCKET".to_owned(), socket.clone()));
            self.options.splice(0..0, ["--socket".to_owned(), socket]);
        }
    }

    fn user_words(&self) -> Vec<String> {
        let Some(uid) = self.user else { return Vec::new() };
        let (uid, gid) = (format!("--reuid={uid}"), format!("--regid={uid}"));
        with("setpriv", &[&uid, &gid, "--clear-groups"])
    }
}

/// What the caller's environment says to rinit is not meant for the one under test.
pub fn clean_environment(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("RINIT_") || name.starts_with("TINI_")) {
            command.env_remove(name);
        }
    }
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn with(program: &str, args: &[&str]) -> Vec<String> {
    std::iter::once(&program).chain(args).map(|&word| word.to_owned()).collect()
}
