//! From a service's definition to the process that is to be made: environment, search path, user, and what to say
//! when it cannot be made.

use crate::model::text::cause;
use crate::model::{Exec, Probe, Service, User};
use crate::supervisor::StartError;
use crate::sys::spawn::{Ids, Program, Session, Spec, Stage, WorkingDir};
use crate::sys::{process, spawn};
use std::ffi::{CString, OsStr, OsString};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

/// Where programs are looked for if the environment has no PATH.
const DEFAULT_PATH: &[u8] = b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What of rinit's own surroundings goes into every process.
pub struct Surroundings {
    environment: Vec<CString>,
    working_dir: Option<OwnedFd>,
    own_program: Option<OwnedFd>,
    own_name: CString,
}

impl Surroundings {
    /// As they are now; to be called before rinit leaves the directory it was started in.
    pub fn record() -> Surroundings {
        let own_name = std::env::args_os().next().unwrap_or_default();
        Surroundings {
            environment: crate::sys::inherit::environment(),
            working_dir: spawn::current_dir().ok(),
            own_program: spawn::own_program().ok(),
            own_name: c_string(&own_name),
        }
    }

    /// The main process of a service.
    pub fn service(&self, service: &Service) -> Spec {
        let is_main = service.name == crate::model::MAIN;
        let environment = self.environment(service);
        let arguments: Vec<CString> = service.exec.command.iter().map(|word| c_string(word)).collect();
        let program = service.exec.command.first().map(OsString::as_os_str).unwrap_or_default();
        Spec {
            program: Program::Paths(candidates(program, &environment)),
            arguments,
            working_dir: self.working_dir(&service.exec),
            ids: ids(service.exec.user.as_ref()),
            session: if is_main { Session::Foreground } else { Session::New },
            as_inherited: is_main,
            environment,
        }
    }

    /// A probe of a service, in that service's surroundings.
    pub fn probe(&self, service: &Service, probe: &Probe, timeout: std::time::Duration) -> Spec {
        let environment = self.environment(service);
        let own = |kind: &str, target: &str| {
            let timeout = format!("{}ms", timeout.as_millis());
            ["rinit", "probe", kind, target, "--timeout", &timeout]
                .map(|word| c_string(OsStr::new(word)))
                .into()
        };
        let (program, arguments) = match probe {
            Probe::Command(words) => {
                let program = words.first().map(OsString::as_os_str).unwrap_or_default();
                let arguments = words.iter().map(|word| c_string(word)).collect();
                (Program::Paths(candidates(program, &environment)), arguments)
            }
            Probe::Http(url) => (self.own_program(), own("http", &url.text)),
            Probe::Tcp(address) => (self.own_program(), own("tcp", &address.to_string())),
        };
        Spec {
            program,
            arguments,
            working_dir: self.working_dir(&service.exec),
            ids: ids(service.exec.user.as_ref()),
            session: Session::New,
            as_inherited: false,
            environment,
        }
    }

    fn own_program(&self) -> Program {
        match &self.own_program {
            Some(program) => Program::Descriptor(program.as_raw_fd()),
            // Without /proc there is only the name that rinit was called by.
            None => Program::Paths(vec![self.own_name.clone()]),
        }
    }

    fn working_dir(&self, exec: &Exec) -> WorkingDir {
        match (&exec.working_dir, &self.working_dir) {
            (Some(dir), _) => WorkingDir::Path(c_string(dir.as_os_str())),
            (None, Some(dir)) => WorkingDir::Descriptor(dir.as_raw_fd()),
            (None, None) => WorkingDir::Unchanged,
        }
    }

    /// rinit's own environment with what the definition adds. COMMAND's passes through as it is.
    fn environment(&self, service: &Service) -> Vec<CString> {
        let mut added: Vec<(&OsStr, &OsStr)> = Vec::new();
        if service.name != crate::model::MAIN {
            added.push((OsStr::new("RINIT_SERVICE"), OsStr::new(&service.name)));
        }
        if let Some(user) = &service.exec.user {
            added.extend(user_environment(user));
        }
        added.retain(|(name, _)| !service.exec.environment.contains_key(*name));
        added.extend(
            service.exec.environment.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str())),
        );
        let replaced =
            |entry: &&CString| !added.iter().any(|(name, _)| name_of(entry) == Some(name.as_bytes()));
        let mut environment: Vec<CString> = self.environment.iter().filter(replaced).cloned().collect();
        environment
            .extend(added.iter().map(|(name, value)| c_string(&[name, OsStr::new("="), value].concat_os())));
        environment
    }
}

/// What a login would set.
fn user_environment(user: &User) -> impl Iterator<Item = (&OsStr, &OsStr)> {
    let home = user.home.as_deref().map(|home| (OsStr::new("HOME"), home.as_os_str()));
    let name = user.name.as_deref().map(OsStr::new);
    let names = [name.map(|name| (OsStr::new("USER"), name)), name.map(|name| (OsStr::new("LOGNAME"), name))];
    home.into_iter().chain(names.into_iter().flatten())
}

/// Nothing to do if rinit is that user already: without root, even that would be refused.
fn ids(user: Option<&User>) -> Option<Ids> {
    let user = user?;
    let is_us = process::user_id() != 0 && process::user_id() == user.uid && process::group_id() == user.gid;
    (!is_us).then(|| Ids { uid: user.uid, gid: user.gid, groups: user.groups.clone() })
}

trait ConcatOs {
    fn concat_os(&self) -> OsString;
}

impl ConcatOs for [&OsStr] {
    fn concat_os(&self) -> OsString {
        let mut joined = OsString::new();
        self.iter().for_each(|part| joined.push(part));
        joined
    }
}

/// The kernel's strings end at a null byte; definitions that hold one are refused when they are read.
fn c_string(text: &OsStr) -> CString {
    let bytes = text.as_bytes().iter().copied().take_while(|byte| *byte != 0).collect::<Vec<u8>>();
    CString::new(bytes).unwrap_or_default()
}

fn name_of(entry: &CString) -> Option<&[u8]> {
    let bytes = entry.as_bytes();
    bytes.iter().position(|byte| *byte == b'=').and_then(|at| bytes.get(..at))
}

/// Where a program may be: its path, or its name in each directory of PATH.
fn candidates(program: &OsStr, environment: &[CString]) -> Vec<CString> {
    if program.as_bytes().contains(&b'/') {
        return vec![c_string(program)];
    }
    let path = environment.iter().find_map(|entry| entry.as_bytes().strip_prefix(b"PATH="));
    let directories = path.unwrap_or(DEFAULT_PATH).split(|byte| *byte == b':');
    directories
        .map(|directory| {
            // An empty entry is the working directory.
            let mut path = if directory.is_empty() { b".".to_vec() } else { directory.to_vec() };
            path.push(b'/');
            path.extend(program.as_bytes());
            c_string(&OsString::from_vec(path))
        })
        .collect()
}

/// Why no process could be made at all. Another attempt may help.
pub fn fork_error(error: &io::Error) -> StartError {
    StartError { message: format!("cannot make a process: {}", cause(error)), transient: true, code: 125 }
}

/// Why a process could not execute its program.
pub fn setup_error(
    service: &Service,
    program: Option<&OsStr>,
    stage: Stage,
    error: &io::Error,
) -> StartError {
    let (key, what) = match stage {
        Stage::Session => ("command", "make a session of its own".to_owned()),
        Stage::Signals => ("command", "reset its signals".to_owned()),
        Stage::Stdio => ("command", "open its standard input and output".to_owned()),
        Stage::Groups | Stage::Group | Stage::User => ("user", switch_text(service)),
        Stage::WorkingDir => ("working_dir", dir_text(service)),
        Stage::Execute => ("command", format!("execute {}", program.unwrap_or_default().display())),
    };
    let mut message = format!("cannot {what}: {}", cause(error));
    if stage == Stage::Execute {
        message.push_str(execute_hint(program.unwrap_or_default(), error));
    }
    if let Some(origin) = &service.origin {
        message = format!("{}: {key}: {message}", origin.place(key));
    }
    let code = match (stage, error.kind()) {
        (Stage::Execute, io::ErrorKind::NotFound) => 127,
        (Stage::Execute, _) => 126,
        _ => 125,
    };
    StartError { message, transient: spawn::may_pass(error), code }
}

fn switch_text(service: &Service) -> String {
    let user = service.exec.user.as_ref();
    let name = user.map(|user| user.name.clone().unwrap_or_else(|| user.uid.to_string()));
    format!("become user {}", name.unwrap_or_default())
}

fn dir_text(service: &Service) -> String {
    let dir = service.exec.working_dir.as_deref().unwrap_or(Path::new("."));
    format!("change to {}", dir.display())
}

fn execute_hint(program: &OsStr, error: &io::Error) -> &'static str {
    let is_path = program.as_bytes().contains(&b'/');
    match error.kind() {
        io::ErrorKind::NotFound if !is_path => " in PATH",
        io::ErrorKind::NotFound if Path::new(program).exists() => {
            " (the file is there, but its interpreter or dynamic loader is not)"
        }
        io::ErrorKind::PermissionDenied if is_path => " (is it executable, and may this user reach it?)",
        _ => "",
    }
}
