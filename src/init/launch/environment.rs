//! The environment of a service's processes.

use crate::model::{Service, User, Variable};
use crate::sys::spawn::{FileValue, c_string};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ffi::{CStr, CString, OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

/// What belongs to a process of a service, beside what all of the service's processes get.
#[derive(Default)]
pub struct Additions {
    /// Set, whatever else says something of them.
    pub extra: Vec<(String, String)>,
}

impl Additions {
    fn has(&self, name: &OsStr) -> bool {
        self.extra.iter().any(|(added, _)| name == added.as_str())
    }
}

/// Variables that are meant for rinit alone: where to notify, and which sockets were passed.
/// To a service it would lie.
const FOR_RINIT: [&[u8]; 6] =
    [b"NOTIFY_SOCKET", b"WATCHDOG_USEC", b"WATCHDOG_PID", b"LISTEN_PID", b"LISTEN_FDS", b"LISTEN_FDNAMES"];

/// Whether a variable of rinit's own does not go on to a service. COMMAND is what rinit was started for, and gets all.
fn is_kept_back(service: &Service, name: &[u8]) -> bool {
    service.name != crate::model::MAIN && FOR_RINIT.contains(&name)
}

/// rinit's own environment with what the definition adds, and beside it what the process has to read from files.
/// COMMAND's passes through as it is.
pub fn build(
    own: &[&'static CStr],
    service: &Service,
    additions: &Additions,
) -> (Vec<Cow<'static, CStr>>, Vec<FileValue>) {
    // Whatever comes later goes before what was there.
    let mut added: BTreeMap<OsString, OsString> = BTreeMap::new();
    let mut values = Vec::new();
    added.extend(from_rinit_to(service));
    for (name, variable) in &service.exec.environment {
        match variable {
            Variable::Text(text) | Variable::Hidden(text, _) => {
                added.insert(name.clone(), text.clone());
            }
            Variable::File(path) if !additions.has(name) => {
                added.remove(name);
                values.push(FileValue { name: name.clone(), path: path.clone() });
            }
            Variable::File(_) => {}
        }
    }
    added.extend(additions.extra.iter().map(|(name, value)| (name.into(), value.into())));
    let stays = |entry: &&'static CStr| match name_of(entry) {
        Some(name) => {
            let is_set = added.contains_key(OsStr::from_bytes(name))
                || values.iter().any(|value| value.name.as_bytes() == name);
            !is_set && !is_kept_back(service, name)
        }
        None => true,
    };
    let mut environment: Vec<Cow<CStr>> = own.iter().copied().filter(stays).map(Cow::Borrowed).collect();
    environment.extend(added.iter().map(|(name, value)| Cow::Owned(entry(name, value))));
    (environment, values)
}

/// Where a variable of a service is from.
#[derive(Clone, Copy)]
pub enum Origin<'a> {
    /// The environment that rinit was started with.
    Container,
    /// rinit sets it.
    Rinit,
    /// The service's definition.
    Definition(&'a Variable),
}

/// Tells the names of what [`build`] makes, and where each is from.
pub fn origins<'a>(
    own: &[&CStr],
    service: &'a Service,
    additions: &Additions,
    tell: &mut dyn FnMut(&OsStr, Origin<'a>),
) {
    let defined = &service.exec.environment;
    for (name, variable) in defined.iter().filter(|(name, _)| !additions.has(name)) {
        tell(name, Origin::Definition(variable));
    }
    let mut from_rinit: Vec<OsString> = additions.extra.iter().map(|(name, _)| name.into()).collect();
    from_rinit
        .extend(from_rinit_to(service).map(|(name, _)| name).filter(|name| !defined.contains_key(name)));
    for name in &from_rinit {
        tell(name, Origin::Rinit);
    }
    for name in own
        .iter()
        .copied()
        .filter_map(name_of)
        .filter(|name| !is_kept_back(service, name))
        .map(OsStr::from_bytes)
    {
        if !defined.contains_key(name) && !from_rinit.iter().any(|set| set == name) {
            tell(name, Origin::Container);
        }
    }
}

/// What rinit sets, whatever the definition is.
fn from_rinit_to(service: &Service) -> impl Iterator<Item = (OsString, OsString)> {
    let is_main = service.name == crate::model::MAIN;
    let name = (!is_main).then(|| ("RINIT_SERVICE".into(), OsString::from(&service.name)));
    name.into_iter().chain(service.exec.context.user.iter().flat_map(user_environment))
}

/// What a login would set.
fn user_environment(user: &User) -> impl Iterator<Item = (OsString, OsString)> {
    let home = user.home.clone().map(|home| ("HOME".into(), home.into_os_string()));
    let names = user.name.iter().flat_map(|name| ["USER", "LOGNAME"].map(|key| (key.into(), name.into())));
    home.into_iter().chain(names)
}

fn entry(name: &OsStr, value: &OsStr) -> CString {
    let mut entry = name.to_owned();
    entry.push("=");
    entry.push(value);
    c_string(&entry)
}

fn name_of(entry: &CStr) -> Option<&[u8]> {
    let bytes = entry.to_bytes();
    bytes.iter().position(|byte| *byte == b'=').and_then(|at| bytes.get(..at))
}
