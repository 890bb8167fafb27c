//! The definition of one service, as every format (TOML file, command line) is read into it.

use super::{Exec, HealthCheck, Hooks, Logging, Shared, Signal, SourceText};
use std::borrow::Cow;
use std::path::PathBuf;
use std::time::Duration;

/// The name of the service that COMMAND on the command line becomes.
pub const MAIN: &str = "main";

/// The name of the unit that delivers what services write. No definition can have a name that begins with a dot.
pub const LOGGER: &str = ".logger";

/// What the program of that unit is called, its argument 0.
pub const LOGGER_NAME: &str = "rinit-logger";

/// Whether a unit of that name is part of rinit.
pub fn is_built_in(name: &str) -> bool {
    name.starts_with('.')
}

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
    pub policy: Shared<Policy>,
    /// What is run around its main process.
    pub hooks: Shared<Hooks>,
    /// How its health is found out, if at all.
    pub healthcheck: Option<Box<HealthCheck>>,
    /// Where what it writes goes, if that is said.
    pub logging: Option<Box<Logging>>,
    /// Where it is defined; `None` for COMMAND and for what is part of rinit.
    pub origin: Option<Origin>,
}

impl Service {
    /// How it logs: by its own definition, with the options that it takes over, or by default.
    pub fn logging_with(&self, default: Option<&Logging>) -> Option<Logging> {
        let Some(own) = &self.logging else { return default.cloned() };
        let mut own = own.as_ref().clone();
        default.iter().for_each(|default| own.complete(default));
        Some(own)
    }

    /// A copy that shares nothing with this one.
    pub fn anew(&self) -> Service {
        let mut copy = self.clone();
        copy.exec.context = self.exec.context.anew();
        copy.policy = self.policy.anew();
        copy.hooks = self.hooks.anew();
        if let Some(origin) = &mut copy.origin {
            origin.lines = origin.lines.anew();
            origin.source = origin.source.anew();
        }
        copy
    }

    /// Shares with the last of the others what is equal.
    pub fn share(&mut self, others: &[Service]) {
        self.exec.context.share(others.iter().map(|other| &other.exec.context));
        self.policy.share(others.iter().map(|other| &other.policy));
        self.hooks.share(others.iter().map(|other| &other.hooks));
        if let Some(origin) = &mut self.origin {
            let origins = || others.iter().filter_map(|other| other.origin.as_ref());
            origin.lines.share(origins().map(|other| &other.lines));
            origin.source.share(origins().map(|other| &other.source));
        }
    }
}

/// Where a service is defined, for messages that come after the files were read.
#[derive(Clone, Debug, PartialEq)]
pub struct Origin {
    /// The definition file as the user would name it.
    pub file: PathBuf,
    /// Where its keys are.
    pub lines: Shared<KeyLines>,
    /// What is shown of values that `${NAME}` was put into.
    pub source: Shared<SourceText>,
}

/// The line of each key that is written, counted from 1; keys of tables as `healthcheck.test`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeyLines(Vec<(Cow<'static, str>, u32)>);

impl KeyLines {
    /// Adds a key.
    pub fn insert(&mut self, key: impl Into<Cow<'static, str>>, line: u32) {
        self.0.push((key.into(), line));
    }

    /// Where a key is.
    pub fn get(&self, key: &str) -> Option<&u32> {
        self.0.iter().find(|(known, _)| known == key).map(|(_, line)| line)
    }

    /// Whether a key is written.
    pub fn contains_key(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u32)> {
        self.0.iter().map(|(key, line)| (&**key, *line))
    }

    /// Nothing more is added.
    pub fn finish(mut self) -> KeyLines {
        self.0.sort_unstable();
        self
    }
}

impl<const N: usize> From<[(&'static str, u32); N]> for KeyLines {
    fn from(lines: [(&'static str, u32); N]) -> KeyLines {
        KeyLines(lines.into_iter().map(|(key, line)| (key.into(), line)).collect())
    }
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
    /// Who gets the stop signal, and who SIGKILL.
    pub kill_mode: KillMode,
    /// How it says that it is ready; `None`: it is as soon as it runs.
    pub notify: Option<Notify>,
    /// How long it may take to get ready; `None`: no limit.
    pub start_timeout: Option<Duration>,
    /// With `Notify::Systemd`: how long it may go without a sign of life.
    pub watchdog: Option<Duration>,
    /// How long it may run; after that it is stopped and has failed. `None`: no limit.
    pub run_timeout: Option<Duration>,
    /// A stop by hand is refused unless it is forced.
    pub refuse_manual_stop: bool,
}

/// Who gets the stop signal, and who SIGKILL at the end of the grace. Whatever is left of the process group when the
/// main process is gone gets SIGTERM, and SIGKILL at the end of the grace, in every mode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KillMode {
    /// The stop signal to the main process, SIGKILL to its process group.
    #[default]
    Mixed,
    /// Both to the process group.
    Group,
    /// Both to the main process.
    Process,
}

/// How a service says that it is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notify {
    /// By systemd's protocol: `READY=1` to the socket that NOTIFY_SOCKET names.
    Systemd,
    /// As with s6: a newline on this descriptor, 3 or more.
    Descriptor(i32),
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
            kill_mode: KillMode::Mixed,
            notify: None,
            start_timeout: None,
            watchdog: None,
            run_timeout: None,
            refuse_manual_stop: false,
        }
    }
}

impl Policy {
    /// The defaults of the service `main`: it runs once, and the container ends with it.
    pub fn main() -> Self {
        Policy { restart: Restart::No, essential: true, ..Policy::default() }
    }

    /// The defaults of a service of this name.
    pub fn default_of(name: &str) -> Self {
        if name == MAIN { Policy::main() } else { Policy::default() }
    }

    /// Whether the container ends with its main process, however that ends.
    pub fn ends_container(&self) -> bool {
        self.essential && self.restart == Restart::No
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
/// Being well for `reset_after` starts it anew. The defaults are Docker's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    /// Before the first restart.
    pub initial: Duration,
    /// What each further wait is multiplied by; at least 1.
    pub factor: f64,
    /// The longest wait.
    pub max: Duration,
    /// A service that was ready this long, and healthy where it has a health check, is restarted at once.
    pub reset_after: Duration,
    /// Maximum number of restarts in a row, after which the service has failed; `None`: no limit.
    pub limit: Option<u32>,
    /// The limit is one of all restarts within this time, in a row or not. As with systemd, the time begins with a
    /// restart, and anew with the first one after it.
    pub window: Option<Duration>,
}

impl Default for Backoff {
    fn default() -> Self {
        Backoff {
            initial: Duration::from_millis(100),
            factor: 2.0,
            max: Duration::from_secs(60),
            reset_after: Duration::from_secs(10),
            limit: None,
            window: None,
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
    /// Whether it is waited for even if it cannot come any more: then this service fails too.
    pub required: bool,
    /// Whether this service is restarted when that one is.
    pub restart: bool,
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
