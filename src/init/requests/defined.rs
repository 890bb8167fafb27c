//! A definition in words, key by key: what `status NAME` tells of it that has no place of its own in the answer. It goes
//! through the table of keys, so that no key can be forgotten here.

#![forbid(unsafe_code)]

use crate::config::keys::{Key, SERVICE, Setting};
use crate::model::{Service, duration, words};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::ffi::OsStr;

/// A longer text is cut: the answer has to fit into one line of the protocol.
const MAX_TEXT: usize = 1024;

/// Keys that have a field of their own in the answer, which `details` fills.
const OF_DETAILS: [&str; 12] = [
    "command",
    "description",
    "restart",
    "essential",
    "autostart",
    "depends_on",
    "notify",
    "watchdog",
    "user",
    "working_dir",
    "stop_signal",
    "stop_grace_period",
];

/// Settings that differ from their defaults, each by its key and as a definition has it, less the quotes. Arguments of
/// commands only where `privileged`.
pub fn settings(service: &Service, privileged: bool) -> Map<String, Value> {
    let mut settings = Settings { found: Map::new(), service, privileged };
    for key in SERVICE {
        if !has_its_field(key, service)
            && let Some(setting) = (key.value)(service)
        {
            settings.add(key.name, &setting);
        }
    }
    settings.found
}

fn has_its_field(key: &Key, service: &Service) -> bool {
    match key.name {
        "healthcheck" => true,
        // With `notify` it stands beside that.
        "start_timeout" => service.policy.notify.is_some(),
        name => OF_DETAILS.contains(&name),
    }
}

struct Settings<'a> {
    found: Map<String, Value>,
    service: &'a Service,
    privileged: bool,
}

impl Settings<'_> {
    fn add(&mut self, key: &str, setting: &Setting<'_>) {
        match setting {
            // A line for each command.
            Setting::Table(entries)
                if entries.iter().all(|(_, entry)| matches!(entry, Setting::Command(_))) =>
            {
                for (name, entry) in entries {
                    self.add(&format!("{key}.{name}"), entry);
                }
            }
            setting => {
                let text = self.text(key, setting, ", ");
                self.found.insert(key.to_owned(), Value::String(text));
            }
        }
    }

    /// `between` stands between the entries of a table.
    fn text(&self, key: &str, setting: &Setting<'_>, between: &str) -> String {
        match setting {
            Setting::Flag(flag) => flag.to_string(),
            Setting::Number(number) => number.clone(),
            Setting::Time(time) => duration::format(*time),
            Setting::Word(text) | Setting::Text(text) => cut(self.service.shown(key, text)),
            Setting::Command(words) => self.command(key, words),
            Setting::List(items) => {
                items.iter().map(|item| self.text(key, item, between)).collect::<Vec<_>>().join(", ")
            }
            Setting::Table(entries) => {
                let entry = |(name, entry): &(Cow<'_, str>, Setting<'_>)| match key {
                    // An option may hold a token.
                    "logging.options" if !self.privileged => format!("{name} ..."),
                    _ => format!("{name} {}", self.text(&format!("{key}.{name}"), entry, " ")),
                };
                entries.iter().map(entry).collect::<Vec<_>>().join(between)
            }
        }
    }

    fn command(&self, key: &str, command: &[&OsStr]) -> String {
        let shown: Vec<&OsStr> = match self.service.source_text(key) {
            Some(text) => text.iter().map(OsStr::new).collect(),
            None => command.to_vec(),
        };
        let shown = shown.into_iter().map(cut);
        match self.privileged {
            true => cut(words::join(shown).as_ref()),
            false => words::join(shown.take(1)) + " ...",
        }
    }
}

/// A text of bounded length. `...` at its end says that there was more.
pub fn cut(text: &OsStr) -> String {
    let text = text.to_string_lossy();
    match text.char_indices().nth(MAX_TEXT) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_long_is_cut() {
        assert_eq!(cut(OsStr::new("é")), "é");
        assert_eq!(cut(OsStr::new(&"é".repeat(MAX_TEXT))), "é".repeat(MAX_TEXT));
        assert_eq!(cut(OsStr::new(&"é".repeat(MAX_TEXT + 1))), "é".repeat(MAX_TEXT) + "...");
    }
}
