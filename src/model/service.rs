//! The definition of one service, as every format (TOML file, command line) is read into it.

use super::Signal;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// The name of the service that COMMAND on the command line becomes.
pub const MAIN: &str = "main";

/// One service, complete and checked: what it runs and how it is supervised.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// Unique name: letters, digits, `.`, `_`, `-`, `@`; not first a dot.
    pub name: String,
    /// One line for people, shown by `rinit status`.
    pub description: Option<String>,
    /// What is executed, and as whom.
    pub exec: Exec,
    /// How it is supervised.
    pub policy: Policy,
    /// How its health is found out, if at all.
    pub healthcheck: Option<HealthCheck>,
    /// Where it is defined; `None` for COMMAND.
    pub origin: Option<Origin>,
}

/// Where a service is defined, for messages that come after the files were read.
#[derive(Clone, Debug, PartialEq)]
pub struct Origin {
    /// The definition file as the user would name it.
    pub file: PathBuf,
    /// Line of each top-level key, counted from 1.
    pub lines: BTreeMap<String, u32>,
}

impl Origin {
    /// `FILE:LINE` of a key, or `FILE` where the key is not written.
    pub fn place(&self, key: &str) -> String {
        match self.lines.get(key) {
            Some(line) => format!("{}:{line}", self.file.display()),
            None => self.file.display().to_string(),
        }
    }
}

/// Everything that is needed to execute a service's process.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exec {
    /// Program and arguments; never empty. Bytes, as the kernel sees them: they need not be UTF-8.
    pub command: Vec<OsString>,
    /// Who it runs as; `None`: as rinit does.
    pub user: Option<User>,
    /// Its working directory; `None`: the one that rinit was started in.
    pub working_dir: Option<PathBuf>,
    /// Variables added to rinit's own environment (those of `env_file` first, `environment` over them).
    pub environment: BTreeMap<OsString, OsString>,
}

/// A user as `/etc/passwd` and `/etc/group` describe it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// Login name, where there is an entry. Becomes USER and LOGNAME.
    pub name: Option<String>,
    /// Numeric user ID.
    pub uid: u32,
    /// Numeric primary group ID.
    pub gid: u32,
    /// Supplementary group IDs, the primary one included.
    pub groups: Vec<u32>,
    /// Home directory. Becomes HOME.
    pub home: Option<PathBuf>,
}

/// How a service is supervised. The supervisor needs this and nothing of `Exec`.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Whether it is started again when it ends.
    pub restart: Restart,
    /// How long to wait before that.
    pub backoff: Backoff,
    /// When it stops for good, the container stops with its exit code.
    pub essential: bool,
    /// Started without being asked for.
    pub autostart: bool,
    /// What has to be there before it starts, in the order written.
    pub depends_on: Vec<Dependency>,
    /// The signal that asks it to stop; `None`: SIGTERM, or for `main` the signal that rinit got.
    pub stop_signal: Option<Signal>,
    /// How long it may take to stop before SIGKILL.
    pub stop_grace_period: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Policy {
            restart: Restart::Always,
            backoff: Backoff::default(),
            essential: false,
            autostart: true,
            depends_on: Vec::new(),
            stop_signal: None,
            stop_grace_period: Duration::from_secs(10),
        }
    }
}

impl Policy {
    /// The defaults of the service `main`: it runs once, and the container ends with it.
    pub fn main() -> Self {
        Policy { restart: Restart::No, essential: true, ..Policy::default() }
    }

    /// Whether it is a task: something that runs to its end once.
    pub fn is_task(&self) -> bool {
        self.restart == Restart::No
    }
}

/// When an ended service is started again. The words are Docker's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    /// Whatever its exit status.
    Always,
    /// Like `Always`; a stop by hand is remembered across a restart of the container.
    UnlessStopped,
    /// Only if it failed; with a number: at most that many times in a row.
    OnFailure(Option<u32>),
    /// Never: a task.
    No,
}

/// The wait before a restart: `initial`, multiplied by `factor` each time, never more than `max`.
/// Running for `reset_after` starts it anew. The defaults are Docker's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    /// Before the first restart.
    pub initial: Duration,
    /// What each further wait is multiplied by; at least 1.
    pub factor: f64,
    /// The longest wait.
    pub max: Duration,
    /// A service that ran this long is restarted at once.
    pub reset_after: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Backoff {
            initial: Duration::from_millis(100),
            factor: 2.0,
            max: Duration::from_secs(60),
            reset_after: Duration::from_secs(10),
        }
    }
}

/// One entry of `depends_on`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// The service that has to be there.
    pub name: String,
    /// What "there" means.
    pub condition: Condition,
}

/// Compose's conditions of `depends_on`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Its process runs (or, for a task, has run).
    Started,
    /// Its health check has passed.
    Healthy,
    /// It has ended with status 0.
    CompletedSuccessfully,
}

impl Condition {
    /// Compose's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Condition::Started => "service_started",
            Condition::Healthy => "service_healthy",
            Condition::CompletedSuccessfully => "service_completed_successfully",
        }
    }
}

/// A health check, with Docker's numbers and meanings.
#[derive(Clone, Debug, PartialEq)]
pub struct HealthCheck {
    /// What is run to find out.
    pub probe: Probe,
    /// When, how often and how long; the supervisor needs this and not the probe.
    pub timing: HealthTiming,
}

/// When a probe runs and what its results mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HealthTiming {
    /// From the end of one probe to the start of the next, and before the first.
    pub interval: Duration,
    /// How long one probe may take.
    pub timeout: Duration,
    /// After the start, for so long failures do not count.
    pub start_period: Duration,
    /// The interval during `start_period`, until the first success.
    pub start_interval: Duration,
    /// So many failures in a row make it unhealthy; at least 1.
    pub retries: u32,
    /// What is done then.
    pub on_unhealthy: OnUnhealthy,
}

impl Default for HealthTiming {
    fn default() -> Self {
        HealthTiming {
            interval: Duration::from_secs(30),
            timeout: Duration::from_secs(30),
            start_period: Duration::ZERO,
            start_interval: Duration::from_secs(5),
            retries: 3,
            on_unhealthy: OnUnhealthy::Restart,
        }
    }
}

/// What is run to find out whether a service is well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// A program: exit status 0 is healthy.
    Command(Vec<OsString>),
    /// A GET request: a status of 200 to 399 is healthy.
    Http(HttpUrl),
    /// A TCP connection that is accepted is healthy.
    Tcp(SocketAddr),
}

/// An `http://` URL whose host is an address: rinit resolves no names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpUrl {
    /// As written.
    pub text: String,
    /// Address and port to connect to.
    pub address: SocketAddr,
    /// What goes into the Host header.
    pub host: String,
    /// Path and query, beginning with a slash.
    pub path: String,
}

/// What is done with a service that has become unhealthy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnUnhealthy {
    /// It is stopped and started again.
    Restart,
    /// Nothing, but that it is reported.
    None,
    /// The container stops.
    Shutdown,
}
