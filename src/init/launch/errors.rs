//! What to say when a process cannot be made, with the place in the definition that it comes from.

use super::ids::ids;
use crate::model::text::cause;
use crate::model::{Hook, MAIN, Probe, Service, Variable, exit, shown};
use crate::supervisor::{ExitStatus, Retry, StartError};
use crate::sys::spawn::{self, Stage};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// What the built-in probes are called.
const OWN_NAME: &str = "rinit";

/// What a process of a service is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// It is the service.
    Main,
    /// It finds out whether the service is well.
    Probe,
    /// It comes before or after.
    Hook(Hook),
}

impl Purpose {
    /// The key that its command is from.
    fn key(self) -> &'static str {
        match self {
            Purpose::Main => "command",
            Purpose::Probe => "healthcheck",
            Purpose::Hook(hook) => hook.as_str(),
        }
    }

    fn program(self, service: &Service) -> &OsStr {
        let words = match (self, service.healthcheck.as_ref().map(|check| &check.probe)) {
            (Purpose::Main, _) => Some(service.exec.command.as_slice()),
            (Purpose::Hook(hook), _) => service.hooks.get(hook),
            (Purpose::Probe, Some(Probe::Command(words))) => Some(words.as_slice()),
            (Purpose::Probe, Some(Probe::Http(_) | Probe::Tcp(_) | Probe::Unix(_)) | None) => {
                return OsStr::new(OWN_NAME);
            }
        };
        words.and_then(|words| words.first()).map(OsString::as_os_str).unwrap_or_default()
    }

    /// The program as it may be shown.
    fn shown_program(self, service: &Service) -> &OsStr {
        let program = self.program(service);
        match self {
            Purpose::Probe if program == OWN_NAME => program,
            Purpose::Main | Purpose::Probe => service.shown(self.key(), program),
            Purpose::Hook(hook) => service.shown(&hook.full_key(), program),
        }
    }
}

/// Why no process could be made at all. Another attempt may help.
pub fn fork_error(error: &io::Error) -> StartError {
    StartError {
        message: format!("cannot make a process: {}", cause(error)),
        retry: Retry::Yes,
        code: exit::OWN_FAILURE,
    }
}

/// Why a process has not executed its program: a signal has ended it before.
pub fn killed_error(purpose: Purpose, status: ExitStatus, oom: bool) -> StartError {
    let what = if purpose == Purpose::Main { "cannot start: " } else { "" };
    let oom = if oom { " (oom: out of memory)" } else { "" };
    StartError {
        message: format!("{what}{status} before its program ran{oom}"),
        retry: Retry::ByPolicy,
        code: status.code(),
    }
}

/// Why the pipe from or to another service could not be made. Another attempt may help.
pub fn pipe_error(reader: &str, error: &io::Error) -> StartError {
    let message = format!("cannot make the pipe to {reader}: {}", cause(error));
    StartError { message, retry: Retry::if_may_pass(spawn::may_pass(error)), code: exit::OWN_FAILURE }
}

/// Why none is made: something that the definition names is not there. Another attempt is not made for that alone.
pub fn refusal(service: &Service, key: &str, message: String) -> StartError {
    StartError { message: located(service, key, &message), retry: Retry::No, code: exit::OWN_FAILURE }
}

/// Why a process could not execute its program.
pub fn setup_error(service: &Service, purpose: Purpose, stage: Stage, error: &io::Error) -> StartError {
    let (key, what) = described(service, purpose, stage);
    if stage == Stage::Environment && error.raw_os_error().is_none() {
        // The process has found the words for it.
        return refusal(service, key, shown_files(service, &error.to_string()));
    }
    let mut message = format!("cannot {what}: {}", cause(error));
    if stage == Stage::Execute {
        message.push_str(execute_hint(purpose.program(service), error));
    } else if stage == Stage::Interpreter {
        message.push_str(" (the file is there, but its interpreter or dynamic loader is not)");
    } else if stage == Stage::Stdio && service.name != MAIN && spawn::is_no_device(error) {
        message.push_str(" (/dev/null cannot be opened: is /dev mounted?)");
    } else if stage == Stage::OomScore && error.kind() == io::ErrorKind::NotFound {
        message.push_str(" (/proc is not mounted)");
    } else if error.kind() == io::ErrorKind::PermissionDenied {
        message.push_str(permission_hint(stage));
    }
    let code = match (stage, error.kind()) {
        (Stage::Execute | Stage::Interpreter, io::ErrorKind::NotFound) => exit::NOT_FOUND,
        (Stage::Execute | Stage::Interpreter, _) => exit::NOT_EXECUTABLE,
        _ => exit::OWN_FAILURE,
    };
    StartError {
        message: located(service, key, &message),
        retry: Retry::if_may_pass(spawn::may_pass(error)),
        code,
    }
}

fn located(service: &Service, key: &str, message: &str) -> String {
    match &service.origin {
        Some(origin) => format!("{}: {key}: {message}", origin.place(key)),
        None => message.to_owned(),
    }
}

/// The key that a stage belongs to, and what the stage does.
fn described(service: &Service, purpose: Purpose, stage: Stage) -> (&'static str, String) {
    let exec = &service.exec;
    match stage {
        Stage::Session => (purpose.key(), "make a session of its own".to_owned()),
        Stage::Signals => (purpose.key(), "reset its signals".to_owned()),
        Stage::Stdio => (purpose.key(), "open its standard input and output".to_owned()),
        Stage::Descriptors => (purpose.key(), "close the descriptors that rinit was started with".to_owned()),
        Stage::Notify => ("notify", "open its descriptor".to_owned()),
        Stage::Environment => ("environment", "read a value from its file".to_owned()),
        Stage::OomScore => {
            ("oom_score_adj", format!("set it to {}", exec.context.oom_score_adj.unwrap_or_default()))
        }
        Stage::Limits => ("ulimits", format!("set {}", limit_names(service))),
        Stage::Nice => ("nice", format!("set it to {}", exec.context.nice.unwrap_or_default())),
        Stage::CapDrop => ("cap_drop", "take capabilities away".to_owned()),
        Stage::CapAdd => ("cap_add", "give capabilities".to_owned()),
        Stage::Groups if ids(exec.context.user.as_ref()).is_none() => ("group_add", "add groups".to_owned()),
        Stage::Groups | Stage::Group | Stage::User => ("user", switch_text(service)),
        Stage::NoNewPrivileges => ("no_new_privileges", "give privileges up".to_owned()),
        Stage::WorkingDir => ("working_dir", dir_text(service)),
        Stage::Execute | Stage::Interpreter => {
            (purpose.key(), format!("execute {}", purpose.shown_program(service).display()))
        }
    }
}

/// They are called as they are written.
fn limit_names(service: &Service) -> String {
    let names =
        service.exec.context.ulimits.iter().map(|limit| format!("{:?}", limit.resource).to_lowercase());
    names.collect::<Vec<_>>().join(", ")
}

fn switch_text(service: &Service) -> String {
    let user = service.exec.context.user.as_ref();
    let name = user.map(|user| user.name.clone().unwrap_or_else(|| user.uid.to_string()));
    format!("become user {}", name.unwrap_or_default())
}

fn dir_text(service: &Service) -> String {
    let dir = service.exec.working_dir.as_deref().unwrap_or(Path::new("."));
    format!("change to {}", service.shown("working_dir", dir.as_os_str()).display())
}

/// The message with each path of a value's file as it may be shown.
fn shown_files(service: &Service, message: &str) -> String {
    let files = service.exec.environment.iter().filter_map(|(name, variable)| {
        let Variable::File(path) = variable else { return None };
        let text = service.source_text(&format!("environment.{}", name.to_string_lossy()))?.first()?;
        Some((path.display().to_string(), text))
    });
    let files: Vec<(String, &String)> = files.collect();
    let mut values: Vec<(&str, &str)> =
        files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    shown::replaced(message, &mut values)
}

fn execute_hint(program: &OsStr, error: &io::Error) -> &'static str {
    let is_path = program.as_bytes().contains(&b'/');
    match error.kind() {
        io::ErrorKind::NotFound if program == OWN_NAME && !Path::new("/proc/self").exists() => {
            " (/proc is not mounted, by which rinit finds its own program)"
        }
        io::ErrorKind::NotFound if !is_path => " in PATH",
        io::ErrorKind::PermissionDenied if is_path => " (is it executable, and may this user reach it?)",
        _ => "",
    }
}

/// What rinit would need. A container's engine gives it.
fn permission_hint(stage: Stage) -> &'static str {
    match stage {
        Stage::OomScore => " (a lower value than its own takes the capability SYS_RESOURCE)",
        Stage::Limits => " (a higher limit than its own takes the capability SYS_RESOURCE)",
        Stage::Nice => " (a lower value than its own takes the capability SYS_NICE)",
        Stage::CapDrop => " (that takes the capability SETPCAP, or no_new_privileges = true)",
        Stage::Groups | Stage::Group => " (that takes the capability SETGID)",
        Stage::User => " (that takes the capability SETUID)",
        Stage::Session
        | Stage::Signals
        | Stage::Stdio
        | Stage::Descriptors
        | Stage::Notify
        | Stage::Environment
        | Stage::CapAdd
        | Stage::NoNewPrivileges
        | Stage::WorkingDir
        | Stage::Execute
        | Stage::Interpreter => "",
    }
}
