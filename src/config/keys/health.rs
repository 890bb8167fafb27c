//! The key `healthcheck`, with Compose's words.

use super::{process, value};
use crate::config::read::draft::Draft;
use crate::config::read::reader::{Key, Reader};
use crate::config::read::setting::{Setting, Sight};
use crate::config::read::values::{Text, Zero, set};
use crate::config::text::syntax::{Value, in_written_order};
use crate::model::{HealthCheck, HealthTiming, HttpUrl, OnUnhealthy, Probe, Service, url};
use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::ops::Range;
use std::time::Duration;

/// The keys of which exactly one is wanted.
const PROBES: [&str; 4] = ["test", "http", "tcp", "unix"];

/// What `sockaddr_un` has room for, with the zero at its end.
const LONGEST_SOCKET_PATH: usize = 107;

const ON_UNHEALTHY: [(&str, OnUnhealthy); 3] =
    [("restart", OnUnhealthy::Restart), ("none", OnUnhealthy::None), ("shutdown", OnUnhealthy::Shutdown)];

/// `healthcheck`.
pub(crate) fn healthcheck(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    if value.get_ref().is_str() {
        let help = "write { test = \"...\" }".to_owned();
        return reader.report(&value.span(), "expected a table, found a string", Some(help));
    }
    let Some(table) = reader.as_table(value) else { return };
    reader.table("healthcheck.", table, HEALTHCHECK, draft);
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
pub(crate) fn disable(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    set(&mut draft.health.disable, reader.boolean(value));
}

/// `test`: a program in one of Compose's forms.
pub(crate) fn test(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
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
pub(crate) fn http(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    let Some(text) = reader.text(value) else { return };
    match HttpUrl::parse(&text) {
        Ok(url) => draft.health.probe = Some(Probe::Http(url)),
        Err(message) => reader.report_secret(&value.span(), &message),
    }
}

/// `tcp`: an address that is connected to.
pub(crate) fn tcp(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    let Some(text) = reader.text(value) else { return };
    match url::parse_tcp(&text) {
        Ok(address) => draft.health.probe = Some(Probe::Tcp(address)),
        Err(message) => reader.report(&value.span(), &message, None),
    }
}

/// `unix`: a socket that is connected to.
pub(crate) fn unix(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    let Some(path) = process::absolute_path(reader, value) else { return };
    if path.as_os_str().len() > LONGEST_SOCKET_PATH {
        let message = format!("longer than {LONGEST_SOCKET_PATH} bytes, the longest path of a socket");
        return reader.report(&value.span(), &message, None);
    }
    draft.health.probe = Some(Probe::Unix(path));
}

/// `interval`. Zero would probe without a pause.
pub(crate) fn interval(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    set(&mut draft.health.timing.interval, reader.duration(value, Zero::Refused));
}

/// `timeout`. Zero would let no probe succeed.
pub(crate) fn timeout(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    set(&mut draft.health.timing.timeout, reader.duration(value, Zero::Refused));
}

/// `start_period`.
pub(crate) fn start_period(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    set(&mut draft.health.timing.start_period, reader.duration(value, Zero::Allowed));
}

/// `start_interval`. Zero would probe without a pause.
pub(crate) fn start_interval(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    set(&mut draft.health.timing.start_interval, reader.duration(value, Zero::Refused));
}

/// `on_unhealthy`.
pub(crate) fn on_unhealthy(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    set(&mut draft.health.timing.on_unhealthy, reader.one_of(value, &ON_UNHEALTHY));
}

/// `test`, back from a service.
fn test_value(service: &Service) -> Option<Setting<'_>> {
    match probe(service)? {
        Probe::Command(command) => {
            let words = command.iter().map(OsString::as_os_str);
            Some(Setting::Command(std::iter::once(OsStr::new("CMD")).chain(words).collect()))
        }
        Probe::Http(_) | Probe::Tcp(_) | Probe::Unix(_) => None,
    }
}

/// `http`, back from a service.
fn http_value(service: &Service) -> Option<Setting<'_>> {
    match probe(service)? {
        Probe::Http(url) => Some(value::text(OsStr::new(&url.text))),
        Probe::Command(_) | Probe::Tcp(_) | Probe::Unix(_) => None,
    }
}

/// `tcp`, back from a service.
fn tcp_value(service: &Service) -> Option<Setting<'_>> {
    match probe(service)? {
        Probe::Tcp(address) => Some(Setting::Text(Cow::Owned(address.to_string().into()))),
        Probe::Command(_) | Probe::Http(_) | Probe::Unix(_) => None,
    }
}

/// `unix`, back from a service.
fn unix_value(service: &Service) -> Option<Setting<'_>> {
    match probe(service)? {
        Probe::Unix(path) => Some(value::text(path.as_os_str())),
        Probe::Command(_) | Probe::Http(_) | Probe::Tcp(_) => None,
    }
}

fn probe(service: &Service) -> Option<&Probe> {
    service.healthcheck.as_ref().map(|check| &check.probe)
}

/// A duration, back from a service.
fn time_value(service: &Service, of: fn(&HealthTiming) -> Duration) -> Option<Setting<'_>> {
    value::time(of(&service.healthcheck.as_ref()?.timing), of(&HealthTiming::default()))
}

/// `retries`, back from a service.
fn retries_value(service: &Service) -> Option<Setting<'_>> {
    let retries = service.healthcheck.as_ref()?.timing.retries;
    (retries != HealthTiming::default().retries).then(|| value::number(retries))
}

/// `on_unhealthy`, back from a service.
fn on_unhealthy_value(service: &Service) -> Option<Setting<'_>> {
    let timing = service.healthcheck.as_ref()?.timing;
    value::word_of(&ON_UNHEALTHY, timing.on_unhealthy, HealthTiming::default().on_unhealthy)
}

/// The keys of `healthcheck`.
pub static HEALTHCHECK: &[Key] = &[
    Key {
        name: "test",
        kind: "string for /bin/sh -c, or array that begins with CMD, CMD-SHELL or NONE",
        default: "",
        meaning: "a program; exit status 0 is healthy",
        example: r#"test = ["CMD", "redis-cli", "ping"]"#,
        keys: &[],
        sight: Sight::Whole,
        value: test_value,
        read: test,
    },
    Key {
        name: "http",
        kind: "http:// URL with an IP address or localhost",
        default: "",
        meaning: "a GET request; a status of 200 to 399 is healthy",
        example: r#"http = "http://127.0.0.1:8080/health""#,
        keys: &[],
        sight: Sight::Hidden,
        value: http_value,
        read: http,
    },
    Key {
        name: "tcp",
        kind: "ADDRESS:PORT with an IP address or localhost",
        default: "",
        meaning: "a connection; one that is accepted is healthy",
        example: r#"tcp = "127.0.0.1:6379""#,
        keys: &[],
        sight: Sight::Whole,
        value: tcp_value,
        read: tcp,
    },
    Key {
        name: "unix",
        kind: "absolute path",
        default: "",
        meaning: "a connection to a Unix socket; one that is accepted is healthy",
        example: r#"unix = "/run/app.sock""#,
        keys: &[],
        sight: Sight::Whole,
        value: unix_value,
        read: unix,
    },
    Key {
        name: "disable",
        kind: "boolean",
        default: "false",
        meaning: "whether there is no health check, as with the test NONE",
        example: "disable = true",
        keys: &[],
        sight: Sight::Whole,
        // Without a check, there is no table either.
        value: value::none,
        read: disable,
    },
    Key {
        name: "interval",
        kind: "duration",
        default: "30s",
        meaning: "the wait from the end of one probe to the start of the next; also from the start of the service to the first probe whose failure counts",
        example: r#"interval = "10s""#,
        keys: &[],
        sight: Sight::Whole,
        value: |service| time_value(service, |timing| timing.interval),
        read: interval,
    },
    Key {
        name: "timeout",
        kind: "duration",
        default: "30s",
        meaning: "how long one probe may take",
        example: r#"timeout = "3s""#,
        keys: &[],
        sight: Sight::Whole,
        value: |service| time_value(service, |timing| timing.timeout),
        read: timeout,
    },
    Key {
        name: "start_period",
        kind: "duration",
        default: "0s",
        meaning: "time after the start in which no failure counts; the first probe whose failure counts comes at its end",
        example: r#"start_period = "20s""#,
        keys: &[],
        sight: Sight::Whole,
        value: |service| time_value(service, |timing| timing.start_period),
        read: start_period,
    },
    Key {
        name: "start_interval",
        kind: "duration",
        default: "1s",
        meaning: "the time between probes until the first success; their failures do not count",
        example: r#"start_interval = "200ms""#,
        keys: &[],
        sight: Sight::Whole,
        value: |service| time_value(service, |timing| timing.start_interval),
        read: start_interval,
    },
    Key {
        name: "retries",
        kind: "whole number of at least 1",
        default: "3",
        meaning: "this many failures in a row make it unhealthy",
        example: "retries = 5",
        keys: &[],
        sight: Sight::Whole,
        value: retries_value,
        read: |reader, value, draft| set(&mut draft.health.timing.retries, reader.count_from_1(value)),
    },
    Key {
        name: "on_unhealthy",
        kind: "restart, none or shutdown",
        default: "restart",
        meaning: "what happens when it is unhealthy",
        example: r#"on_unhealthy = "none""#,
        keys: &[],
        sight: Sight::Whole,
        value: on_unhealthy_value,
        read: on_unhealthy,
    },
];
