//! What is executed for a service, and in which environment, directory and limits.

use super::{Shared, Signal};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Everything that is needed to execute a service's process.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exec {
    /// Program and arguments. Bytes, as the kernel sees them: they need not be UTF-8. Empty only of a task that has
    /// nothing to do but to be undone.
    pub command: Vec<OsString>,
    /// What the main process is called, its argument 0; `None`: as the program is in `command`.
    pub arg0: Option<Box<OsStr>>,
    /// Where its standard input comes from and its output goes to; `None`: /dev/null and where rinit's own goes.
    pub streams: Option<Box<Streams>>,
    /// Its working directory; `None`: the one that rinit was started in.
    pub working_dir: Option<PathBuf>,
    /// Variables added to rinit's own environment (those of `env_file` first, `environment` over them).
    pub environment: BTreeMap<OsString, Variable>,
    /// As whom it runs, and within which bounds.
    pub context: Shared<Context>,
}

/// As whom a service's processes run, and within which bounds. Many services have the same.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Context {
    /// Who they run as; `None`: as rinit does.
    pub user: Option<User>,
    /// Supplementary group IDs beside those of the user.
    pub group_add: Vec<u32>,
    /// File mode creation mask; `None`: that of rinit.
    pub umask: Option<u32>,
    /// Resource limits that differ from rinit's own.
    pub ulimits: Vec<Ulimit>,
    /// How readily the kernel kills it when memory runs out, -1000 to 1000; `None`: what rinit was started with.
    pub oom_score_adj: Option<i32>,
    /// Scheduling priority, -20 (first) to 19; `None`: that of rinit.
    pub nice: Option<i32>,
    /// Capabilities taken away from what rinit has.
    pub cap_drop: Capabilities,
    /// Capabilities left, or given back, after `cap_drop`; also to a user other than root.
    pub cap_add: Capabilities,
    /// Whether executing a set-user-ID program gives it nothing more.
    pub no_new_privileges: bool,
}

/// Pipes between services. rinit holds both ends of each, so that it outlives those who write and who read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Streams {
    /// Other services write to its standard input. Follows from their definitions.
    pub reads: bool,
    /// The service that reads its standard output, and that of its hooks; `None`: it goes where rinit's own goes.
    pub stdout: Option<String>,
    /// The same of its standard error.
    pub stderr: Option<String>,
}

impl Exec {
    /// The services that read what it writes.
    pub fn readers(&self) -> impl Iterator<Item = &str> {
        let streams = self.streams.as_deref();
        let stdout = streams.and_then(|streams| streams.stdout.as_deref());
        let stderr = streams.and_then(|streams| streams.stderr.as_deref());
        stdout.into_iter().chain(stderr.filter(|_| stdout != stderr))
    }

    /// Whether other services write to its standard input.
    pub fn reads_others(&self) -> bool {
        self.streams.as_ref().is_some_and(|streams| streams.reads)
    }
}

/// The value of an environment variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Variable {
    /// This text, which stands in the definition.
    Text(OsString),
    /// This text, which is shown nowhere: it is from this `env_file`, or, without one, `${NAME}` was put into it.
    Hidden(OsString, Option<Arc<Path>>),
    /// The text of this file, less one trailing newline, read at each start and shown nowhere.
    File(PathBuf),
}

/// One resource limit, by the names of Compose and `prlimit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ulimit {
    /// Which one.
    pub resource: Resource,
    /// What holds; `None`: unlimited.
    pub soft: Option<u64>,
    /// How far the process may raise it; `None`: unlimited.
    pub hard: Option<u64>,
}

/// A resource that can be limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// Address space, bytes.
    As,
    /// Size of a core file, bytes.
    Core,
    /// CPU time, seconds.
    Cpu,
    /// Data segment, bytes.
    Data,
    /// Size of a file, bytes.
    Fsize,
    /// Number of file locks.
    Locks,
    /// Locked memory, bytes.
    Memlock,
    /// Bytes in message queues.
    Msgqueue,
    /// Ceiling of the nice value, as 20 - nice.
    Nice,
    /// Highest descriptor plus one.
    Nofile,
    /// Processes of the user.
    Nproc,
    /// Resident set, bytes; without effect on Linux.
    Rss,
    /// Real-time priority.
    Rtprio,
    /// CPU time of a real-time process without a blocking call, microseconds.
    Rttime,
    /// Queued signals.
    Sigpending,
    /// Stack, bytes.
    Stack,
}

/// A set of capabilities, by their kernel numbers: bit N is capability N.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities(pub u64);

impl Capabilities {
    /// Every capability.
    pub const ALL: Capabilities = Capabilities(u64::MAX);
}

/// The largest [`Hooks::max_death_tally`]: that of s6.
pub const MOST_DEATHS: u16 = 4096;

/// Commands that run before and after a service's main process, as its user and in its environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hooks {
    /// Before the main process; it has to succeed.
    pub pre_start: Option<Vec<OsString>>,
    /// As soon as the service is ready.
    pub post_start: Option<Vec<OsString>>,
    /// Before the stop signal, within the grace.
    pub pre_stop: Option<Vec<OsString>>,
    /// What stops it, within the grace. Of a service that runs: in place of the stop signal, which is sent if it
    /// fails. Of a task: it undoes what the task did once that has completed.
    pub stop: Option<Vec<OsString>>,
    /// When nothing of the service is left.
    pub post_stop: Option<Vec<OsString>>,
    /// How long `post_stop` may take; `None`: the grace anew. While the container stops, no longer than what is left of
    /// the grace, or of the stop once what the service depends on has had its graces.
    pub post_stop_timeout: Option<Duration>,
    /// `post_stop` is a `finish` program; `None`: it is told by its environment, and its exit status says nothing.
    pub finish: Option<Finish>,
    /// How many ends of the service a `finish` of s6 finds in `supervise/death_tally`; `None`: 100, as with s6.
    pub max_death_tally: Option<u16>,
    /// What `control/` of runit holds, in the order of what each is for, which none has twice.
    pub control: Vec<(Control, Vec<OsString>)>,
}

/// What a command of `control` is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Control {
    /// Before each start, `pre_start` included. The service is started even if it fails.
    Up,
    /// When it has been told to stop, and is to be started by request alone.
    Down,
    /// When it has been told to stop because the container does, or because its definition is gone.
    Exit,
    /// In place of this signal, where somebody asks for it: the signal is sent if it fails. SIGSTOP and SIGCONT stand
    /// for a pause and its end as well.
    Signal(Signal),
}

impl Control {
    /// The words for those that are no signal.
    pub const WORDS: [(&'static str, Control); 3] =
        [("up", Control::Up), ("down", Control::Down), ("exit", Control::Exit)];

    /// Its key in a definition.
    pub fn name(self) -> String {
        match (self, Control::WORDS.iter().find(|(_, control)| *control == self)) {
            (Control::Signal(signal), _) => signal.to_string(),
            (_, word) => word.map_or("", |(word, _)| word).to_owned(),
        }
    }
}

/// Whose `finish` program it is. Both are told by their arguments how the main process has ended; that they fail is
/// no news.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finish {
    /// That of s6, for the service that s6 would call so: exit code or 256, signal or 0, this name, process group.
    /// If it exits with 125, the service has failed for good.
    S6(Box<str>),
    /// That of runit: exit code or -1, low byte of the wait status. It also runs, with 111 and 0, if the main
    /// process could not execute its program.
    Runit,
}

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hook {
    /// Before the main process.
    PreStart,
    /// As soon as it is ready.
    PostStart,
    /// Before the stop signal.
    PreStop,
    /// In place of the stop signal, or to undo a task.
    Stop,
    /// When nothing is left.
    PostStop,
    /// One of `control`.
    Control(Control),
}

impl Hook {
    /// Its key in a definition.
    pub fn as_str(self) -> &'static str {
        match self {
            Hook::PreStart => "pre_start",
            Hook::PostStart => "post_start",
            Hook::PreStop => "pre_stop",
            Hook::Stop => "stop_command",
            Hook::PostStop => "post_stop",
            Hook::Control(_) => "control",
        }
    }
}

impl Hook {
    /// Whether it belongs to the end of a service, and that waits for it.
    pub fn is_of_the_end(self) -> bool {
        match self {
            Hook::PreStop | Hook::Stop | Hook::PostStop | Hook::Control(Control::Down | Control::Exit) => {
                true
            }
            Hook::PreStart | Hook::PostStart | Hook::Control(Control::Up | Control::Signal(_)) => false,
        }
    }
}

impl Hooks {
    /// What a hook is called where it comes from.
    pub fn name(&self, hook: Hook) -> &'static str {
        match hook {
            Hook::PostStop if self.finish.is_some() => "finish",
            _ => hook.as_str(),
        }
    }

    /// The command of a hook, if there is one.
    pub fn get(&self, hook: Hook) -> Option<&[OsString]> {
        match hook {
            Hook::PreStart => self.pre_start.as_deref(),
            Hook::PostStart => self.post_start.as_deref(),
            Hook::PreStop => self.pre_stop.as_deref(),
            Hook::Stop => self.stop.as_deref(),
            Hook::PostStop => self.post_stop.as_deref(),
            Hook::Control(control) => self
                .control
                .iter()
                .find(|(known, _)| *known == control)
                .map(|(_, command)| command.as_slice()),
        }
    }
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
