//! The keys for what a service runs and how it is restarted and stopped.

use super::definition::Draft;
use super::keys::{self, set};
use super::reader::{Reader, Value, in_written_order};
use super::values::Zero;
use crate::model::suggest;
use crate::model::{Control, Finish, KillMode, MOST_DEATHS, Restart, Signal, words};
use std::ffi::OsString;
use std::ops::Range;
use toml::de::DeTable;

const RESTART_WORDS: [(&str, Restart); 4] = [
    ("always", Restart::Always),
    ("no", Restart::No),
    ("on-failure", Restart::OnFailure(None)),
    ("unless-stopped", Restart::UnlessStopped),
];

const KILL_MODES: [(&str, KillMode); 3] =
    [("mixed", KillMode::Mixed), ("group", KillMode::Group), ("process", KillMode::Process)];

/// `command`.
pub(super) fn command(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    // Of a task it may be: `check` knows whether it is one.
    if is_empty_array(value) {
        return;
    }
    set(&mut draft.service.exec.command, words(reader, value));
}

/// One of the four hooks: a command as well.
pub(super) fn hook(reader: &mut Reader<'_>, value: &Value<'_>, hook: &mut Option<Vec<OsString>>) {
    *hook = words(reader, value);
}

/// `arg0`.
pub(super) fn arg0(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    let name = reader.string(value);
    draft.service.exec.arg0 = name.map(|name| OsString::from(name).into_boxed_os_str());
}

/// `finish`: whose, and for s6 by which name.
pub(super) fn finish(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    let Some(text) = reader.string(value) else { return };
    draft.service.hooks.finish = match text.split_once(':') {
        None if text == "s6" => Some(Finish::S6(draft.service.name.as_str().into())),
        Some(("s6", name)) if !name.is_empty() => Some(Finish::S6(name.into())),
        None if text == "runit" => Some(Finish::Runit),
        _ => return reader.unknown_word(&value.span(), &text, &["s6", "s6:NAME", "runit"]),
    };
}

/// `post_stop_timeout`. Zero would kill it at once.
pub(super) fn post_stop_timeout(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    draft.service.hooks.post_stop_timeout = reader.duration(value, Zero::Refused);
}

/// `max_death_tally`. The bound is that of s6.
pub(super) fn max_death_tally(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    draft.service.hooks.max_death_tally = reader.number(value, 0..=MOST_DEATHS);
}

/// What the keys say of each other, when all are read.
pub(super) fn check(reader: &mut Reader<'_>, table: &DeTable<'_>, draft: &Draft) {
    if let Some(value) = table.get("command").filter(|value| is_empty_array(value))
        && !draft.service.policy.is_task()
    {
        let help = "only a task, with restart = \"no\", may do nothing";
        reader.report(&value.span(), "the command is empty", Some(help.into()));
    }
    let has = |reader: &Reader<'_>, key| table.contains_key(key) || reader.is_misspelt(key);
    let post_stop = has(reader, "post_stop");
    let of_s6 = has(reader, "finish") && draft.service.hooks.finish != Some(Finish::Runit);
    for (name, needed, is_there) in [
        ("post_stop_timeout", "post_stop", post_stop),
        ("finish", "post_stop", post_stop),
        ("max_death_tally", "finish = \"s6\"", of_s6),
    ] {
        if let Some(key) = table.keys().find(|key| key.get_ref() == name).filter(|_| !is_there) {
            reader.report(&key.span(), &format!("{name} needs {needed}"), None);
        }
    }
}

fn is_empty_array(value: &Value<'_>) -> bool {
    value.get_ref().as_array().is_some_and(|array| array.is_empty())
}

/// A command: an array, or a string that is split into words.
fn words(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<Vec<OsString>> {
    let words: Vec<String> = match value.get_ref().as_str() {
        Some(written) => split(reader, value, written)?,
        None => {
            let texts = reader.texts(value, "an array of strings or a string")?;
            texts.into_iter().map(|(text, _)| text).collect()
        }
    };
    if words.first().is_none_or(String::is_empty) {
        let message = if words.is_empty() { "the command is empty" } else { "the program's name is empty" };
        reader.report(&value.span(), message, None);
        return None;
    }
    Some(words.into_iter().map(OsString::from).collect())
}

/// As in Compose, the values of variables are put in before the words are split.
fn split(reader: &mut Reader<'_>, value: &Value<'_>, written: &str) -> Option<Vec<String>> {
    let text = reader.text(value)?;
    match words::split(&text) {
        Ok(words) => Some(words),
        Err(unclosed) => {
            let message = match unclosed.character {
                '\\' => "nothing follows this backslash",
                _ => "this quote is not closed",
            };
            let place = match text == written {
                true => reader.inside(value, unclosed.at..unclosed.at.saturating_add(1)),
                false => value.span(),
            };
            reader.report(&place, message, None);
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
    if let Some((key, _)) = table.get_key_value("window")
        && !table.contains_key("limit")
        && !reader.is_misspelt("limit")
    {
        reader.report(&key.span(), "window needs limit", None);
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

/// `backoff.limit` is not more than this.
pub(super) const MOST_RESTARTS: u32 = 1000;

/// `backoff.window`. Within no time there is no restart.
pub(super) fn backoff_window(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    draft.service.policy.backoff.window = reader.duration(value, Zero::Refused);
}

/// `backoff.reset_after`. Zero would make every restart immediate.
pub(super) fn backoff_reset_after(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    set(&mut draft.service.policy.backoff.reset_after, reader.duration(value, Zero::Refused));
}

/// `control`: a command for each signal or word.
pub(super) fn control(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    let Some(table) = reader.as_table(value) else { return };
    for (key, value) in in_written_order(table) {
        let name: &str = key.get_ref();
        let word = Control::WORDS.iter().find(|(word, _)| *word == name).map(|(_, control)| *control);
        let control = word.or_else(|| signal(reader, &key.span(), name).map(Control::Signal));
        let (Some(control), Some(command)) = (control, words(reader, value)) else { continue };
        match draft.service.hooks.control.binary_search_by_key(&control, |(known, _)| *known) {
            Ok(_) => reader.report(&key.span(), &format!("{} is there already", control.name()), None),
            Err(at) => draft.service.hooks.control.insert(at, (control, command)),
        }
    }
}

/// `stop_signal`.
pub(super) fn stop_signal(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    let Some(text) = reader.string(value) else { return };
    draft.service.policy.stop_signal = signal(reader, &value.span(), &text);
}

/// A signal by its name or number.
fn signal(reader: &mut Reader<'_>, span: &Range<usize>, text: &str) -> Option<Signal> {
    let signal = Signal::parse(text);
    if signal.is_none() {
        let upper = text.to_ascii_uppercase();
        let full = if upper.starts_with("SIG") { upper } else { format!("SIG{upper}") };
        let known: Vec<String> = Signal::all().map(|signal| signal.to_string()).collect();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let help = suggest::did_you_mean(&full, &known)
            .unwrap_or_else(|| "for instance \"SIGTERM\", \"SIGQUIT\" or \"SIGRTMIN+3\"".into());
        reader.report(span, &format!("unknown signal {}", reader.source.quote(span, text)), Some(help));
    }
    signal
}

/// `kill_mode`.
pub(super) fn kill_mode(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    set(&mut draft.service.policy.kill_mode, reader.one_of(value, &KILL_MODES));
}

/// `stop_grace_period`. Zero: killed at once.
pub(super) fn stop_grace_period(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    set(&mut draft.service.policy.stop_grace_period, reader.duration(value, Zero::Allowed));
}
