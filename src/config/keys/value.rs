//! From a service back to the values of its keys, for `status NAME` and `check --toml`.

use crate::config::read::reader::Key;
use crate::config::read::setting::Setting;
use crate::model::Service;
use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::time::Duration;

/// For a key whose value is no part of a service, or is told as part of its table.
pub(super) fn none(_: &Service) -> Option<Setting<'_>> {
    None
}

/// Those of these keys that are not at their defaults.
pub(super) fn table<'a>(service: &'a Service, keys: &[Key]) -> Setting<'a> {
    let entry = |key: &Key| Some((Cow::Borrowed(key.name), (key.value)(service)?));
    Setting::Table(keys.iter().filter_map(entry).collect())
}

pub(super) fn flag(value: bool, default: bool) -> Option<Setting<'static>> {
    (value != default).then_some(Setting::Flag(value))
}

pub(super) fn number(value: impl Display) -> Setting<'static> {
    Setting::Number(value.to_string())
}

pub(super) fn time(value: Duration, default: Duration) -> Option<Setting<'static>> {
    (value != default).then_some(Setting::Time(value))
}

/// The word that a key has for a value; `None` for the default.
pub(super) fn word_of<T: PartialEq>(
    words: &[(&'static str, T)],
    value: T,
    default: T,
) -> Option<Setting<'static>> {
    let found = words.iter().find(|(_, meaning)| *meaning == value && value != default);
    found.map(|(word, _)| Setting::Word(Cow::Borrowed(OsStr::new(*word))))
}

pub(super) fn word<'a>(text: impl Into<OsString>) -> Setting<'a> {
    Setting::Word(Cow::Owned(text.into()))
}

pub(super) fn text(text: &OsStr) -> Setting<'_> {
    Setting::Text(Cow::Borrowed(text))
}

pub(super) fn command(words: &[OsString]) -> Setting<'_> {
    Setting::Command(words.iter().map(OsString::as_os_str).collect())
}
