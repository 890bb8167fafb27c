//! The keys that belong to the service itself.

use super::definition::Draft;
use super::excerpt::quote;
use super::keys::{self, set};
use super::reader::{Reader, Value};
use super::users::Problem;
use super::values::Zero;
use crate::model::suggest;
use crate::model::{Restart, Signal, words};
use std::ffi::OsString;
use std::path::PathBuf;

const RESTART_WORDS: [(&str, Restart); 4] = [
    ("always", Restart::Always),
    ("no", Restart::No),
    ("on-failure", Restart::OnFailure(None)),
    ("unless-stopped", Restart::UnlessStopped),
];

/// `command`: an array, or a string that is split into words.
pub(super) fn command(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    let words = match value.get_ref().as_str() {
        Some(_) => split(reader, value),
        None => reader
            .strings(value, "an array of strings or a string")
            .map(|texts| texts.into_iter().map(|(text, _)| text).collect()),
    };
    let Some(words) = words else { return };
    if words.first().is_none_or(String::is_empty) {
        let message = if words.is_empty() { "the command is empty" } else { "the program's name is empty" };
        reader.report(&value.span(), message, None);
        return;
    }
    draft.service.exec.command = words.into_iter().map(OsString::from).collect();
}

fn split(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<Vec<String>> {
    let text = reader.string(value)?;
    match words::split(&text) {
        Ok(words) => Some(words),
        Err(unclosed) => {
            let message = match unclosed.character {
                '\\' => "nothing follows this backslash",
                _ => "this quote is not closed",
            };
            reader.report(&reader.inside(value, unclosed.at), message, None);
            None
        }
    }
}

/// `description`: one line.
pub(super) fn description(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    let Some(text) = reader.string(value) else { return };
    if text.contains(char::is_control) {
        reader.report(&value.span(), "a description is one line, without control characters", None);
        return;
    }
    draft.service.description = Some(text);
}

/// `restart`: Docker's words.
pub(super) fn restart(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    if value.get_ref().is_bool() {
        // What becomes of Compose's `restart: no` when it is written without quotes.
        let help = "write \"no\" or \"always\"".to_owned();
        return reader.report(&value.span(), "expected a string, found a boolean", Some(help));
    }
    let Some(text) = reader.string(value) else { return };
    if let Some((_, restart)) = RESTART_WORDS.iter().find(|(word, _)| *word == text) {
        draft.service.policy.restart = *restart;
        return;
    }
    if let Some(count) = text.strip_prefix("on-failure:") {
        match count.parse().ok().filter(|n| *n >= 1 && !count.starts_with('+')) {
            Some(count) => draft.service.policy.restart = Restart::OnFailure(Some(count)),
            None => {
                let help =
                    "for instance \"on-failure:5\"; without a number there is no limit, \"no\" is never";
                let message = "expected a whole number of at least 1 after \"on-failure:\"";
                reader.report(&value.span(), message, Some(help.into()));
            }
        }
        return;
    }
    reader.unknown_word(
        &value.span(),
        &text,
        &["always", "no", "on-failure", "on-failure:N", "unless-stopped"],
    );
}

/// `backoff`: the waits between restarts.
pub(super) fn backoff(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    let Some(table) = reader.as_table(value) else { return };
    let before = reader.count();
    reader.table("backoff.", table, keys::BACKOFF, draft);
    let backoff = draft.service.policy.backoff;
    if reader.count() == before && backoff.max < backoff.initial {
        let (place, message) = match (table.get("max"), table.get("initial")) {
            (Some(max), _) => (max.span(), "max is shorter than initial"),
            (None, Some(initial)) => {
                (initial.span(), "initial is longer than max, which is 1m where not set")
            }
            (None, None) => (value.span(), "max is shorter than initial"),
        };
        reader.report(&place, message, None);
    }
}

/// `backoff.initial`. Without any wait a service that cannot start would take a whole processor.
pub(super) fn backoff_initial(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    set(&mut draft.service.policy.backoff.initial, reader.duration(value, Zero::Refused));
}

/// `backoff.max`.
pub(super) fn backoff_max(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    set(&mut draft.service.policy.backoff.max, reader.duration(value, Zero::Refused));
}

/// `backoff.reset_after`. Zero would make every restart immediate.
pub(super) fn backoff_reset_after(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    set(&mut draft.service.policy.backoff.reset_after, reader.duration(value, Zero::Refused));
}

/// `user`: looked up now, so that an unknown one is found before anything starts.
pub(super) fn user(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    let Some(text) = reader.string(value) else { return };
    let (message, help) = match reader.accounts.resolve(&text) {
        Ok(user) => {
            draft.service.exec.user = Some(user);
            return;
        }
        Err(Problem::Form) => (
            "expected NAME or UID, or either with :GROUP or :GID".to_owned(),
            Some("for instance \"www-data\", \"1000\" or \"www-data:adm\"".to_owned()),
        ),
        Err(Problem::UnknownUser { name, known, file }) => unknown("user", &name, &known, &file),
        Err(Problem::UnknownGroup { name, known, file }) => unknown("group", &name, &known, &file),
        Err(Problem::Unreadable { name, file, reason }) => {
            let message = format!("cannot look up {}: cannot read {file}: {reason}", quote(&name));
            (message, Some("write numbers, which need no file".to_owned()))
        }
    };
    reader.report(&value.span(), &message, help);
}

fn unknown(what: &str, name: &str, known: &[String], file: &str) -> (String, Option<String>) {
    let message = format!("unknown {what} {}: it is not in {file}", quote(name));
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let help = suggest::did_you_mean(name, &known);
    (message, help.or_else(|| Some("add it there, or write its number".to_owned())))
}

/// `working_dir`: an absolute path. Whether it is there is known when the service starts.
pub(super) fn working_dir(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    let Some(text) = reader.string(value) else { return };
    if !text.starts_with('/') {
        reader.report(&value.span(), "expected an absolute path", Some("it begins with /".into()));
        return;
    }
    draft.service.exec.working_dir = Some(PathBuf::from(text));
}

/// `stop_signal`.
pub(super) fn stop_signal(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    let Some(text) = reader.string(value) else { return };
    if let Some(signal) = Signal::parse(&text) {
        draft.service.policy.stop_signal = Some(signal);
        return;
    }
    let upper = text.to_ascii_uppercase();
    let full = if upper.starts_with("SIG") { upper } else { format!("SIG{upper}") };
    let known: Vec<String> = Signal::all().map(|signal| signal.to_string()).collect();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let help = suggest::did_you_mean(&full, &known)
        .unwrap_or_else(|| "for instance \"SIGTERM\", \"SIGQUIT\" or \"SIGRTMIN+3\"".into());
    reader.report(&value.span(), &format!("unknown signal {}", quote(&text)), Some(help));
}

/// `stop_grace_period`. Zero: killed at once.
pub(super) fn stop_grace_period(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    set(&mut draft.service.policy.stop_grace_period, reader.duration(value, Zero::Allowed));
}
