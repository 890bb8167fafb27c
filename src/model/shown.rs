//! What of a service may be shown: in place of a value that `${NAME}` was put into, the text of its definition.

use super::{Hook, Probe, Service};
use std::ffi::{OsStr, OsString};

impl Service {
    /// What the definition says for a key, where `${NAME}` was put into its value. A value of several words is one
    /// of a command.
    pub fn source_text(&self, key: &str) -> Option<&[String]> {
        self.origin.as_ref()?.source.get(key)
    }

    /// A value as it may be shown.
    pub fn shown<'a>(&'a self, key: &str, value: &'a OsStr) -> &'a OsStr {
        self.source_text(key).and_then(<[String]>::first).map_or(value, OsStr::new)
    }

    /// The words of a command as they may be shown.
    pub fn shown_words<'a>(&'a self, key: &str, words: &'a [OsString]) -> Vec<&'a OsStr> {
        match self.source_text(key) {
            Some(text) => text.iter().map(OsStr::new).collect(),
            None => words.iter().map(OsString::as_os_str).collect(),
        }
    }

    /// What a built-in probe says, as it may be shown: where `${NAME}` was put into its address, the text of the
    /// definition stands in place of the address.
    pub fn shown_output(&self, output: Vec<u8>) -> Vec<u8> {
        let text = self.source_text("healthcheck").and_then(<[String]>::first);
        let (Some(text), Some(check)) = (text, &self.healthcheck) else { return output };
        let (address, text) = match &check.probe {
            Probe::Command(_) => return output,
            Probe::Http(url) => (url.endpoint.to_string(), authority(text)),
            Probe::Tcp(endpoint) => (endpoint.to_string(), text.as_str()),
            Probe::Unix(path) => (path.display().to_string(), text.as_str()),
        };
        String::from_utf8_lossy(&output).replace(&address, text).into_bytes()
    }
}

/// Host and port of a URL.
fn authority(url: &str) -> &str {
    let rest = url.strip_prefix("http://").unwrap_or(url);
    rest.split_once('/').map_or(rest, |(authority, _)| authority)
}

impl Hook {
    /// The key of its command, also in a table: `control.SIGHUP`.
    pub fn full_key(self) -> String {
        match self {
            Hook::Control(control) => format!("control.{}", control.name()),
            _ => self.as_str().to_owned(),
        }
    }
}
