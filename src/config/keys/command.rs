//! The keys for what a service runs, and how it is stopped.

use super::value;
use crate::config::read::draft::Draft;
use crate::config::read::reader::Reader;
use crate::config::read::setting::Setting;
use crate::config::read::values::{Zero, set};
use crate::config::text::syntax::{Value, in_written_order};
use crate::model::suggest;
use crate::model::{Control, Finish, KillMode, MOST_DEATHS, Service, Signal, words};
use std::borrow::Cow;
use std::ffi::OsString;
use std::ops::Range;
use toml::de::DeTable;

const KILL_MODES: [(&str, KillMode); 3] =
    [("mixed", KillMode::Mixed), ("group", KillMode::Group), ("process", KillMode::Process)];

/// `command`.
pub(crate) fn command(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    // Of a task it may be: `check` knows whether it is one.
    if is_empty_array(value) {
        return;
    }
    set(&mut draft.service.exec.command, words(reader, value));
}

/// One of the four hooks: a command as well.
pub(crate) fn hook(reader: &mut Reader<'_>, value: &Value<'_>, hook: &mut Option<Vec<OsString>>) {
    *hook = words(reader, value);
}

/// `arg0`.
pub(crate) fn arg0(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    let name = reader.string(value);
    draft.service.exec.arg0 = name.map(|name| OsString::from(name).into_boxed_os_str());
}

/// `finish`: whose, and for s6 by which name.
pub(crate) fn finish(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    let Some(text) = reader.string(value) else { return };
    draft.service.hooks.finish = match text.split_once(':') {
        None if text == "s6" => Some(Finish::S6(draft.service.name.as_str().into())),
        Some(("s6", name)) if !name.is_empty() => Some(Finish::S6(name.into())),
        None if text == "runit" => Some(Finish::Runit),
        _ => return reader.unknown_word(&value.span(), &text, &["s6", "s6:NAME", "runit"]),
    };
}

/// `post_stop_timeout`. Zero would kill it at once.
pub(crate) fn post_stop_timeout(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    draft.service.hooks.post_stop_timeout = reader.duration(value, Zero::Refused);
}

/// `max_death_tally`. The bound is that of s6.
pub(crate) fn max_death_tally(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    draft.service.hooks.max_death_tally = reader.number(value, 0..=MOST_DEATHS);
}

/// What the keys say of each other, when all are read.
pub(crate) fn check(reader: &mut Reader<'_>, table: &DeTable<'_>, draft: &Draft) {
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
pub(crate) fn description(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    let Some(text) = reader.string(value) else { return };
    if text.contains(char::is_control) {
        reader.report(&value.span(), "a description is one line, without control characters", None);
        return;
    }
    draft.service.description = Some(text);
}

/// `control`: a command for each signal or word.
pub(crate) fn control(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
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
pub(crate) fn stop_signal(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
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
pub(crate) fn kill_mode(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    set(&mut draft.service.policy.kill_mode, reader.one_of(value, &KILL_MODES));
}

/// `stop_grace_period`. Zero: killed at once.
pub(crate) fn stop_grace_period(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    set(&mut draft.service.policy.stop_grace_period, reader.duration(value, Zero::Allowed));
}

/// `kill_mode`, back from a service.
pub(crate) fn kill_mode_value(service: &Service) -> Option<Setting<'_>> {
    value::word_of(&KILL_MODES, service.policy.kill_mode, KillMode::Mixed)
}

/// `control`, back from a service.
pub(crate) fn control_value(service: &Service) -> Option<Setting<'_>> {
    let control = &service.hooks.control;
    let entries = control.iter().map(|(it, command)| (Cow::Owned(it.name()), value::command(command)));
    (!control.is_empty()).then(|| Setting::Table(entries.collect()))
}

/// `finish`, back from a service.
pub(crate) fn finish_value(service: &Service) -> Option<Setting<'_>> {
    Some(value::word(match service.hooks.finish.as_ref()? {
        Finish::S6(called) if **called == *service.name => "s6".to_owned(),
        Finish::S6(called) => format!("s6:{called}"),
        Finish::Runit => "runit".to_owned(),
    }))
}
