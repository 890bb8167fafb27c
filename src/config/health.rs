//! The key `healthcheck`, with Compose's words.

use super::definition::Draft;
use super::keys::{self, set};
use super::process;
use super::reader::{Reader, Value, in_written_order};
use super::values::{Text, Zero};
use crate::model::{HealthCheck, HealthTiming, HttpUrl, OnUnhealthy, Probe, url};
use std::ffi::OsString;
use std::ops::Range;

/// The keys of which exactly one is wanted.
const PROBES: [&str; 4] = ["test", "http", "tcp", "unix"];

/// What `sockaddr_un` has room for, with the zero at its end.
const LONGEST_SOCKET_PATH: usize = 107;

const ON_UNHEALTHY: [(&str, OnUnhealthy); 3] =
    [("restart", OnUnhealthy::Restart), ("none", OnUnhealthy::None), ("shutdown", OnUnhealthy::Shutdown)];

/// A health check while it is read.
#[derive(Default)]
pub(super) struct HealthDraft {
    /// `None` also for the test NONE, which switches the check off.
    pub probe: Option<Probe>,
    /// There is none after all.
    pub disable: bool,
    /// Its numbers.
    pub timing: HealthTiming,
}

/// `healthcheck`.
pub(super) fn healthcheck(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    let Some(table) = reader.as_table(value) else { return };
    reader.table("healthcheck.", table, keys::HEALTHCHECK, draft);
    let keys = in_written_order(table).into_iter().map(|(key, _)| key);
    let written: Vec<Range<usize>> =
        keys.filter(|key| PROBES.contains(&key.get_ref().as_ref())).map(|key| key.span()).collect();
    let is_disabled = draft.health.disable;
    if written.is_empty() && !is_disabled && !PROBES.iter().any(|name| reader.is_misspelt(name)) {
        let help = "for instance test = [\"CMD\", \"redis-cli\", \"ping\"]";
        reader.report(&value.span(), "healthcheck needs one of test, http, tcp and unix", Some(help.into()));
    }
    for span in written.iter().skip(1) {
        reader.report(span, "only one of test, http, tcp and unix is possible", None);
    }
    let timing = draft.health.timing;
    let probe = draft.health.probe.take().filter(|_| !is_disabled);
    draft.service.healthcheck = probe.map(|probe| Box::new(HealthCheck { probe, timing }));
}

/// `disable`.
pub(super) fn disable(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    set(&mut draft.health.disable, reader.boolean(value));
}

/// `test`: a program in one of Compose's forms.
pub(super) fn test(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    let command = match value.get_ref().as_str() {
        Some(_) => match reader.text(value) {
            Some(text) if text == "NONE" => None,
            text => text.and_then(|line| shell(reader, line, &value.span())),
        },
        None => reader
            .texts(value, "an array of strings or a string")
            .and_then(|words| test_words(reader, &words, &value.span())),
    };
    draft.health.probe = command.map(Probe::Command);
}

/// The array form: its first word says what the others are.
fn test_words(reader: &mut Reader<'_>, words: &[Text], span: &Range<usize>) -> Option<Vec<OsString>> {
    let Some(((first, first_span), rest)) = words.split_first() else {
        reader.report(span, "the test is empty", None);
        return None;
    };
    match (first.as_str(), rest) {
        ("NONE", []) => None,
        ("NONE", _) => {
            reader.report(span, "nothing may follow NONE", None);
            None
        }
        ("CMD-SHELL", [(line, span)]) => shell(reader, line.clone(), span),
        ("CMD-SHELL", _) => {
            let help = "for instance [\"CMD-SHELL\", \"curl -f localhost || exit 1\"]";
            reader.report(span, "exactly one string follows CMD-SHELL", Some(help.into()));
            None
        }
        ("CMD", [(program, _), ..]) if !program.is_empty() => {
            Some(rest.iter().map(|(word, _)| word.into()).collect())
        }
        ("CMD", _) => {
            let help = "for instance [\"CMD\", \"redis-cli\", \"ping\"]";
            reader.report(span, "a program follows CMD", Some(help.into()));
            None
        }
        _ => {
            reader.unknown_word(first_span, first, &["CMD", "CMD-SHELL", "NONE"]);
            None
        }
    }
}

fn shell(reader: &mut Reader<'_>, line: String, span: &Range<usize>) -> Option<Vec<OsString>> {
    if line.trim().is_empty() {
        reader.report(span, "the test is empty", None);
        return None;
    }
    Some(vec!["/bin/sh".into(), "-c".into(), line.into()])
}

/// `http`: a URL that is asked for.
pub(super) fn http(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    let Some(text) = reader.text(value) else { return };
    match HttpUrl::parse(&text) {
        Ok(url) => draft.health.probe = Some(Probe::Http(url)),
        Err(message) => reader.report_secret(&value.span(), &message),
    }
}

/// `tcp`: an address that is connected to.
pub(super) fn tcp(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    let Some(text) = reader.text(value) else { return };
    match url::parse_tcp(&text) {
        Ok(address) => draft.health.probe = Some(Probe::Tcp(address)),
        Err(message) => reader.report(&value.span(), &message, None),
    }
}

/// `unix`: a socket that is connected to.
pub(super) fn unix(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    let Some(path) = process::absolute_path(reader, value) else { return };
    if path.as_os_str().len() > LONGEST_SOCKET_PATH {
        let message = format!("longer than {LONGEST_SOCKET_PATH} bytes, the longest path of a socket");
        return reader.report(&value.span(), &message, None);
    }
    draft.health.probe = Some(Probe::Unix(path));
}

/// `interval`. Zero would probe without a pause.
pub(super) fn interval(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    set(&mut draft.health.timing.interval, reader.duration(value, Zero::Refused));
}

/// `timeout`. Zero would let no probe succeed.
pub(super) fn timeout(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    set(&mut draft.health.timing.timeout, reader.duration(value, Zero::Refused));
}

/// `start_period`.
pub(super) fn start_period(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    set(&mut draft.health.timing.start_period, reader.duration(value, Zero::Allowed));
}

/// `start_interval`. Zero would probe without a pause.
pub(super) fn start_interval(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    set(&mut draft.health.timing.start_interval, reader.duration(value, Zero::Refused));
}

/// `on_unhealthy`.
pub(super) fn on_unhealthy(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    set(&mut draft.health.timing.on_unhealthy, reader.one_of(value, &ON_UNHEALTHY));
}
