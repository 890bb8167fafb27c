//! `rinit logs`: what services have written, and with `--follow` what they write.

#![forbid(unsafe_code)]

use super::ask::{failed, names};
use super::output::{self, Written, json};
use super::parse::Words;
use super::table::Opt;
use super::values;
use crate::control::client::{self, End};
use crate::control::protocol::{LogReport, Request, Response, Verb};
use crate::logger::console::{Palette, Text};
use crate::logger::encode::Encode;
use crate::logger::record::{Part, Record, Stream};
use crate::model::exit::{DONE, NOT_DONE};
use crate::sys::tty;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::time::{Duration, SystemTime};

const TIMEOUT: Duration = Duration::from_secs(5);

pub(super) fn run(words: &Words) -> Result<u8, String> {
    let now = SystemTime::now();
    let time = |opt: Opt, name: &str| words.last(opt).map(|text| ago(text, now, name)).transpose();
    let request = Request {
        since_ms: time(Opt::Since, "--since")?,
        until_ms: time(Opt::Until, "--until")?,
        tail: words.last(Opt::Tail).map(tail).transpose()?.flatten(),
        follow: words.has(Opt::Follow),
        ..Request::new(Verb::Logs, names(words)?)
    };
    let timeout = values::timeout(words, TIMEOUT)?;
    let socket = values::socket(words)?;
    let is_coloured = tty::is_stdout()
        && !words.has(Opt::NoColor)
        && values::env("NO_COLOR").is_none_or(|value| value.is_empty());
    let mut printer = Printer::new(words.has(Opt::Json), words.has(Opt::Timestamps), is_coloured);
    let end = client::follow(socket.as_ref(), &request, timeout, &mut |response| printer.take(response));
    Ok(match end {
        Ok(End::Finished) => printer.status(),
        Ok(End::Stopped) => printer.status(),
        Ok(End::Broken) => {
            output::err("rinit: the connection has ended before the logger did\n");
            NOT_DONE
        }
        Err(failure) => failed(failure, socket.as_ref(), timeout),
    })
}

/// `--tail`: a number, or as with Docker `all`.
fn tail(text: &OsStr) -> Result<Option<u64>, String> {
    match text.to_str() {
        Some("all") => Ok(None),
        Some(number) if number.bytes().all(|byte| byte.is_ascii_digit()) && !number.is_empty() => {
            number.parse().map(Some).map_err(|_| format!("--tail {text:?}: too large"))
        }
        _ => Err(format!("--tail {text:?}: write a number, or all")),
    }
}

/// A duration or a time, as how many milliseconds it is ago.
fn ago(text: &OsStr, now: SystemTime, name: &str) -> Result<u64, String> {
    let time = text.to_str().and_then(|text| humantime::parse_rfc3339_weak(text).ok());
    let ago = match time {
        Some(time) => now.duration_since(time).unwrap_or_default(),
        None => values::read_duration(text).map_err(|_| {
            format!("{name} {text:?}: write a duration as in 10m, or a time as in 2026-11-29T12:00:00Z")
        })?,
    };
    Ok(u64::try_from(ago.as_millis()).unwrap_or(u64::MAX))
}

/// Writes lines as they come.
struct Printer {
    json: bool,
    timestamps: bool,
    palette: Palette,
    services: BTreeMap<String, Text>,
    /// Of these the next line continues the last one.
    open: BTreeSet<(String, String)>,
    written: Written,
}

impl Printer {
    fn new(json: bool, timestamps: bool, is_coloured: bool) -> Printer {
        Printer {
            json,
            timestamps,
            palette: Palette::new(is_coloured),
            services: BTreeMap::new(),
            open: BTreeSet::new(),
            written: Written::Yes,
        }
    }

    /// Whether it makes sense to go on.
    fn take(&mut self, response: Response) -> bool {
        for name in response.logs.into_iter().flatten() {
            let text = Text::new(&self.palette, &name, self.timestamps);
            self.services.insert(name, text);
        }
        if let Some(lost) = response.lost {
            output::err(&format!("rinit: {lost} lines were not sent: this was read too slowly\n"));
        }
        let Some(log) = response.log else { return true };
        let line = self.line(log);
        self.written = output::text(&String::from_utf8_lossy(&line));
        self.written == Written::Yes
    }

    fn status(&self) -> u8 {
        if self.written == Written::Failed { NOT_DONE } else { DONE }
    }

    fn line(&mut self, log: LogReport) -> Vec<u8> {
        if self.json {
            return json(&log).into_bytes();
        }
        let key = (log.service.clone(), log.stream.clone());
        let continues = if log.partial { !self.open.insert(key) } else { self.open.remove(&key) };
        let part = match (continues, log.partial) {
            (false, false) => Part::Whole,
            (false, true) => Part::First,
            (true, true) => Part::Middle,
            (true, false) => Part::Last,
        };
        let time = humantime::parse_rfc3339(&log.time).unwrap_or(SystemTime::UNIX_EPOCH);
        let stream = if log.stream == Stream::Stdout.as_str() { Stream::Stdout } else { Stream::Stderr };
        let record = Record { time, service: &log.service, stream, line: log.log.as_bytes(), part };
        let text = self
            .services
            .entry(log.service.clone())
            .or_insert_with(|| Text::new(&self.palette, &log.service, self.timestamps));
        // A file need not say it.
        text.show_time(self.timestamps && !log.time.is_empty());
        let mut out = Vec::new();
        text.encode(&record, &mut out);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(service: &str, log: &str, partial: bool) -> LogReport {
        LogReport {
            time: "2026-01-02T03:04:05.678000000Z".into(),
            service: service.into(),
            stream: "stdout".into(),
            log: log.into(),
            partial,
        }
    }

    #[test]
    fn lines_look_as_on_the_console() {
        let mut printer = Printer::new(false, false, false);
        let logs = Some(vec!["web".into(), "database".into()]);
        assert!(printer.take(Response { logs, ..Response::done() }));
        let mut line = |report| String::from_utf8(printer.line(report)).unwrap();
        assert_eq!(line(report("web", "hello", false)), "web       | hello\n");
        assert_eq!(line(report("web", "a", true)), "web       | a\n");
        assert_eq!(line(report("database", "x", false)), "database  | x\n");
        assert_eq!(line(report("web", "b", true)), "web       + b\n");
        assert_eq!(line(report("web", "c", false)), "web       + c\n");
        assert_eq!(line(report("web", "d", false)), "web       | d\n");
        let mut printer = Printer::new(false, true, true);
        let line = String::from_utf8(printer.line(report("web", "x", false))).unwrap();
        assert_eq!(line, "\x1b[36mweb  |\x1b[0m 2026-01-02T03:04:05.678000000Z x\n");
        let mut printer = Printer::new(true, false, false);
        let line = String::from_utf8(printer.line(report("web", "x", false))).unwrap();
        assert_eq!(
            line,
            "{\"time\":\"2026-01-02T03:04:05.678000000Z\",\"service\":\"web\",\"stream\":\"stdout\",\"log\":\"x\"}\n"
        );
    }

    #[test]
    fn times_are_durations_or_times() {
        let now = humantime::parse_rfc3339("2026-01-02T03:04:05Z").unwrap();
        let of = |text: &str| ago(OsStr::new(text), now, "--since");
        assert_eq!(of("10m"), Ok(600_000));
        assert_eq!(of("2026-01-02T03:04:00Z"), Ok(5000));
        assert_eq!(of("2026-01-02 03:04:00"), Ok(5000));
        assert_eq!(of("2027-01-02T03:04:00Z"), Ok(0), "a time to come");
        assert!(of("soon").unwrap_err().starts_with("--since \"soon\": write a duration"));
        assert_eq!(tail(OsStr::new("all")), Ok(None));
        assert_eq!(tail(OsStr::new("20")), Ok(Some(20)));
        assert!(tail(OsStr::new("-1")).is_err() && tail(OsStr::new("")).is_err());
    }
}
