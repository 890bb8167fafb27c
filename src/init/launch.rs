//! Describes the process to start for a service: program, environment, user, limits and descriptors, and the message for
//! the case that it cannot start.

mod attributes;
mod end;
mod environment;
mod errors;
mod ids;
pub(super) mod pipes;

pub use end::End;
pub use environment::Origin;
pub use errors::{Purpose, fork_error, killed_error, pipe_error, setup_error};

use crate::model::{Exec, Hook, Notify, Probe, Service, is_built_in};
use crate::supervisor::StartError;
use crate::sys::attributes::Attributes;
use crate::sys::spawn::{Ids, Program, Session, Spec, WorkingDir, c_string};
use crate::sys::{process, spawn};
use environment::Additions;
use errors::refusal;
use ids::ids;
use std::borrow::Cow;
use std::cell::OnceCell;
use std::ffi::{CStr, CString, OsStr, OsString};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

/// Makes a [`Spec`] for each process from its definition and from what rinit itself was started with.
pub struct Launcher {
    environment: Vec<&'static CStr>,
    working_dir: Option<OwnedFd>,
    /// Opened when it is first needed.
    own_program: OnceCell<OwnedFd>,
    own_name: CString,
    notify_socket: Option<String>,
}

impl Launcher {
    /// Records the environment and the directory of rinit. Call this before rinit leaves the directory it was started in.
    pub fn record() -> Launcher {
        Launcher {
            environment: crate::sys::inherit::environment(),
            working_dir: spawn::current_dir().ok(),
            own_program: OnceCell::new(),
            own_name: crate::sys::entry::name(),
            notify_socket: None,
        }
    }

    /// Where services say that they are ready, as NOTIFY_SOCKET has it.
    pub fn set_notify_socket(&mut self, address: String) {
        self.notify_socket = Some(address);
    }

    /// The main process of a service.
    ///
    /// # Errors
    /// The service cannot have a socket for `notify`, or `cap_add` names a capability that rinit lacks. Another attempt
    /// does not help.
    pub fn service(&self, service: &Service) -> Result<Spec, StartError> {
        let is_main = service.name == crate::model::MAIN;
        let additions = self.notify_additions(service)?;
        let spec = self.command(service, &service.exec.command, &additions)?;
        let notify = match service.policy.notify {
            Some(Notify::Descriptor(number)) => Some(number),
            Some(Notify::Systemd) | None => None,
        };
        let session = if is_main { Session::Foreground } else { Session::New };
        let mut spec = Spec { notify, session, as_inherited: is_main, ..spec };
        if is_built_in(&service.name) {
            (spec.program, spec.blocks_signals) = (self.own_program(), true);
        }
        if let (Some(name), Some(first)) = (&service.exec.arg0, spec.arguments.first_mut()) {
            *first = c_string(name);
        }
        Ok(spec)
    }

    /// A command without a definition: it inherits everything from rinit.
    pub fn as_inherited(&self, words: &[OsString], session: Session) -> Spec {
        let program = words.first().map(OsString::as_os_str).unwrap_or_default();
        Spec {
            program: Program::named(program, &self.environment),
            arguments: words.iter().map(|word| c_string(word)).collect(),
            environment: self.environment.iter().copied().map(Cow::Borrowed).collect(),
            values: Vec::new(),
            working_dir: self.working_dir(&Exec::default()),
            ids: None,
            attributes: Attributes::default(),
            notify: None,
            streams: [None; 3],
            death_tally: None,
            session,
            as_inherited: true,
            resets_ignored: false,
            blocks_signals: false,
        }
    }

    /// A probe of a service, in the environment of that service.
    ///
    /// # Errors
    /// `cap_add` names a capability that rinit lacks.
    pub fn probe(&self, service: &Service, probe: &Probe, timeout: Duration) -> Result<Spec, StartError> {
        let (kind, target) = match probe {
            Probe::Command(words) => return self.command(service, words, &Additions::default()),
            Probe::Http(url) => ("http", OsString::from(&url.text)),
            Probe::Tcp(address) => ("tcp", address.to_string().into()),
            Probe::Unix(path) => ("unix", path.into()),
        };
        let timeout = format!("--timeout={}ms", timeout.as_millis());
        // After the dashes an address is one, whatever it begins with.
        let words = ["rinit", "probe", &timeout, "--", kind].map(OsString::from);
        let words: Vec<OsString> = words.into_iter().chain([target]).collect();
        let spec = self.command(service, &words, &Additions::default())?;
        Ok(Spec { program: self.own_program(), ..spec })
    }

    /// A hook of a service, in the environment of that service. `post_stop` is also given how the service ended.
    ///
    /// # Errors
    /// The service has no such hook, or `cap_add` names a capability that rinit lacks.
    pub fn hook(&self, service: &Service, hook: Hook, end: &End) -> Result<Spec, StartError> {
        let told = if hook == Hook::PostStop { end.variables().to_vec() } else { Vec::new() };
        let additions = Additions { extra: told };
        match (service.hooks.get(hook), &service.hooks.finish) {
            (Some(words), Some(finish)) if hook == Hook::PostStop => {
                let words: Vec<OsString> = words.iter().cloned().chain(end.arguments(finish)).collect();
                self.command(service, &words, &additions)
            }
            (Some(words), _) => self.command(service, words, &additions),
            (None, _) => Err(refusal(service, hook.as_str(), "there is none".to_owned())),
        }
    }

    /// Tells the names of a service's variables, and where each is from.
    pub fn variables<'a>(&self, service: &'a Service, tell: &mut dyn FnMut(&OsStr, Origin<'a>)) {
        let additions = self.notify_additions(service).unwrap_or_default();
        environment::origins(&self.environment, service, &additions, tell);
    }

    fn command(
        &self,
        service: &Service,
        words: &[OsString],
        additions: &Additions,
    ) -> Result<Spec, StartError> {
        let (environment, values) = environment::build(&self.environment, service, additions);
        let program = match words.first() {
            Some(program) if values.iter().any(|value| value.name == "PATH") => {
                Program::Named(program.clone())
            }
            Some(program) => Program::named(program, &environment),
            None => Program::Nothing,
        };
        let ids = ids(service.exec.context.user.as_ref());
        Ok(Spec {
            program,
            arguments: words.iter().map(|word| c_string(word)).collect(),
            working_dir: self.working_dir(&service.exec),
            attributes: attributes::build(service, ids.as_ref())?,
            notify: None,
            streams: [None; 3],
            death_tally: None,
            ids,
            session: Session::New,
            as_inherited: false,
            resets_ignored: false,
            blocks_signals: false,
            environment,
            values,
        })
    }

    /// What systemd's protocol needs in the environment.
    fn notify_additions(&self, service: &Service) -> Result<Additions, StartError> {
        if service.policy.notify != Some(Notify::Systemd) {
            return Ok(Additions::default());
        }
        let Some(address) = self.notify_socket.clone() else {
            return Err(refusal(service, "notify", "rinit could not open its socket for it".to_owned()));
        };
        let watchdog = service.policy.watchdog.map(|watchdog| watchdog.as_micros().to_string());
        let watchdog = watchdog.map(|micros| ("WATCHDOG_USEC".to_owned(), micros));
        let notify = ("NOTIFY_SOCKET".to_owned(), address);
        Ok(Additions { extra: std::iter::once(notify).chain(watchdog).collect() })
    }

    /// rinit itself, with these arguments, in the environment and directory that it was started with.
    pub fn own(&self, arguments: &[OsString]) -> Spec {
        Spec {
            program: self.own_program(),
            working_dir: WorkingDir::Unchanged,
            session: Session::New,
            as_inherited: false,
            ..self.as_inherited(arguments, Session::New)
        }
    }

    fn own_program(&self) -> Program {
        if self.own_program.get().is_none()
            && let Ok(program) = spawn::own_program()
        {
            let _ = self.own_program.set(program);
        }
        match self.own_program.get() {
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
}

/// The user that a service runs as, if that is not rinit's own.
pub fn user_of(service: &Service) -> Option<Ids> {
    ids(service.exec.context.user.as_ref())
}

/// Whether a service is to run as another user than rinit.
pub fn has_other_user(service: &Service) -> bool {
    service.exec.context.user.as_ref().is_some_and(|user| !process::is_user(user.uid, process::group_id()))
}

#[cfg(test)]
mod tests;
