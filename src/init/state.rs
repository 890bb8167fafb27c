//! The state that survives a restart of the container: which services were stopped by hand, and how the last stop
//! went. Small files in the state directory:
//!
//! - `stopped/NAME`, empty: the service NAME, of `restart = "unless-stopped"`, was stopped by hand;
//! - `last-stop.json`: the report of the last stop.
//!
//! rinit also runs without it, on a read-only file system for example. Nothing is created before it
//! is needed. It is read before anything is started, and written by a child (see `writer`): the directory may be on a disk
//! that does not answer.

#![forbid(unsafe_code)]

pub(super) mod writer;

use crate::model::text::{self, cause};
use crate::model::{Service, duration};
use crate::sys::file;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Of PID 1.
const SYSTEM_DIR: &str = "/var/lib/rinit";

/// A directory with more names than that was not made by rinit.
const MAX_NAMES: usize = 10_000;

/// Longer than any report that is written.
const MAX_REPORT: usize = 64 * 1024;

/// Maximum number of names of killed services, and maximum length of the cause.
const MAX_KILLED: usize = 100;
const MAX_CAUSE: usize = 1024;

/// The state directory.
pub struct State {
    /// `None`: there is no place for it.
    dir: Option<PathBuf>,
}

/// How a stop went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastStop {
    /// When it had ended, as RFC 3339 has it.
    pub when: String,
    /// What it was for.
    pub cause: String,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// The services that had to be killed; the first hundred of them.
    pub killed: Vec<String>,
    /// rinit's exit status.
    pub exit_status: u8,
}

impl LastStop {
    /// A stop that has ended now.
    pub fn new(cause: String, took: Duration, killed: Vec<String>, exit_status: u8) -> LastStop {
        LastStop {
            when: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            cause: cause.chars().take(MAX_CAUSE).collect(),
            took_ms: u64::try_from(took.min(duration::MAX).as_millis()).unwrap_or(u64::MAX),
            killed: killed.into_iter().take(MAX_KILLED).collect(),
            exit_status,
        }
    }

    /// The services that had to be killed, for the log. The directory may be from other definitions.
    pub fn killed_text(&self, services: &[Service]) -> String {
        text::names(&self.killed, &|name| services.iter().any(|service| service.name == name))
    }
}

impl State {
    /// In the directory that was given, or else at the usual place. Creates nothing.
    pub fn open(given: Option<&Path>, is_pid1: bool) -> State {
        let var = |name: &str| std::env::var_os(name).map(PathBuf::from);
        let dir = match given {
            Some(dir) => Some(dir.to_owned()),
            None if is_pid1 => Some(PathBuf::from(SYSTEM_DIR)),
            None => user_dir(var("XDG_STATE_HOME"), var("HOME")),
        };
        State { dir }
    }

    /// The names of the services that were stopped by hand.
    pub fn stopped(&self) -> Vec<String> {
        let Some(dir) = self.stopped_dir() else { return Vec::new() };
        file::names(&dir, MAX_NAMES).unwrap_or_else(|e| {
            log::warn!("cannot read {}: {}", dir.display(), cause(&e));
            Vec::new()
        })
    }

    /// Whether there is a place for it.
    pub fn has_place(&self) -> bool {
        self.dir.is_some()
    }

    /// Records whether a service was stopped by hand. May wait for a disk.
    ///
    /// # Errors
    /// The directory or the file cannot be made or removed: EACCES, EROFS or ENOSPC, for example.
    pub fn write_stopped(&self, name: &str, stopped: bool) -> io::Result<()> {
        match (self.stopped_dir(), stopped) {
            (Some(dir), true) => file::make_dir(&dir).and_then(|()| file::touch(&dir.join(name))),
            (Some(dir), false) => file::remove(&dir.join(name)),
            (None, _) => Ok(()),
        }
    }

    /// How the last stop went, if that is known.
    pub fn last_stop(&self) -> Option<LastStop> {
        let path = self.last_stop_file()?;
        let read = match file::read_small(&path, MAX_REPORT) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return None,
            other => other,
        };
        let parsed = read.and_then(|bytes| Ok(serde_json::from_slice(&bytes)?));
        parsed.inspect_err(|e| log::debug!("cannot read {}: {}", path.display(), cause(e))).ok()
    }

    /// Records how this stop went. May wait for a disk.
    ///
    /// # Errors
    /// The directory or the file cannot be written: EACCES, EROFS or ENOSPC, for example.
    pub fn write_stop(&self, stop: &LastStop) -> io::Result<()> {
        let Some(path) = self.last_stop_file() else { return Ok(()) };
        let text = serde_json::to_vec(stop)?;
        path.parent().map_or(Ok(()), file::make_dir)?;
        file::replace(&path, &text)
    }

    fn stopped_dir(&self) -> Option<PathBuf> {
        self.dir.as_ref().map(|dir| dir.join("stopped"))
    }

    fn last_stop_file(&self) -> Option<PathBuf> {
        self.dir.as_ref().map(|dir| dir.join("last-stop.json"))
    }
}

/// Where the XDG base directories have a user's state. A relative path in these variables has no meaning.
fn user_dir(state_home: Option<PathBuf>, home: Option<PathBuf>) -> Option<PathBuf> {
    let base = state_home.filter(|dir| dir.is_absolute());
    let below_home = || home.filter(|dir| dir.is_absolute()).map(|home| home.join(".local/state"));
    base.or_else(below_home).map(|dir| dir.join("rinit"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_s_place() {
        let at = |state: Option<&str>, home: Option<&str>| {
            user_dir(state.map(PathBuf::from), home.map(PathBuf::from)).map(|dir| dir.display().to_string())
        };
        assert_eq!(at(Some("/s"), Some("/h")).as_deref(), Some("/s/rinit"));
        assert_eq!(at(Some("s"), Some("/h")).as_deref(), Some("/h/.local/state/rinit"));
        assert_eq!(at(None, Some("/h")).as_deref(), Some("/h/.local/state/rinit"));
        assert_eq!(at(None, Some("")), None);
        assert_eq!(at(None, None), None);
        assert_eq!(State::open(None, true).dir.as_deref(), Some(Path::new("/var/lib/rinit")));
    }

    #[test]
    fn a_stop_by_hand_is_remembered_and_forgotten() {
        let base = tempfile::tempdir().unwrap();
        let dir = base.path().join("state");
        let open = || State::open(Some(&dir), false);
        assert_eq!(open().stopped(), [""; 0]);
        open().write_stopped("web", false).unwrap();
        assert!(!dir.exists());
        open().write_stopped("web", true).unwrap();
        open().write_stopped("db", true).unwrap();
        open().write_stopped("db", true).unwrap();
        assert_eq!(open().stopped(), ["db", "web"]);
        open().write_stopped("web", false).unwrap();
        open().write_stopped("web", false).unwrap();
        assert_eq!(open().stopped(), ["db"]);
    }

    #[test]
    fn the_last_stop_is_reported_after_the_next_start() {
        let base = tempfile::tempdir().unwrap();
        let dir = base.path().join("state");
        let open = || State::open(Some(&dir), false);
        assert_eq!(open().last_stop(), None);
        let killed: Vec<String> = (0..1000).map(|number| format!("service-{number}")).collect();
        let mut stop = LastStop::new("x".repeat(100_000), Duration::from_millis(1234), killed, 137);
        assert_eq!((stop.took_ms, stop.killed.len(), stop.cause.len()), (1234, MAX_KILLED, MAX_CAUSE));
        assert!(stop.when.ends_with('Z') && stop.when.len() == 20, "{}", stop.when);
        open().write_stop(&stop).unwrap();
        assert_eq!(open().last_stop(), Some(stop.clone()));
        stop.cause = "SIGTERM".into();
        open().write_stop(&stop).unwrap();
        assert_eq!(open().last_stop(), Some(stop));
        for broken in [&b""[..], b"{}", b"[", &b" ".repeat(MAX_REPORT + 1)] {
            std::fs::write(dir.join("last-stop.json"), broken).unwrap();
            assert_eq!(open().last_stop(), None);
        }
    }

    #[test]
    fn without_a_place_nothing_fails() {
        let stop = LastStop::new(String::new(), Duration::ZERO, Vec::new(), 0);
        let nowhere = State { dir: None };
        nowhere.write_stopped("web", true).unwrap();
        nowhere.write_stop(&stop).unwrap();
        assert_eq!((nowhere.stopped(), nowhere.last_stop()), (Vec::new(), None));
        // A file is where the directory would be.
        let file = tempfile::NamedTempFile::new().unwrap();
        let blocked = State::open(Some(file.path()), true);
        assert!(blocked.write_stopped("web", true).is_err());
        assert!(blocked.write_stop(&stop).is_err());
        assert_eq!((blocked.stopped(), blocked.last_stop()), (Vec::new(), None));
    }
}
