//! `rinit events`: what has happened, and with `--follow` what happens.

#![forbid(unsafe_code)]

use super::ask::{failed, names};
use super::output::{self, json};
use super::parse::Words;
use super::table::Opt;
use super::values;
use crate::control::client::{self, End};
use crate::control::protocol::{Attribute, EventReport, EventsReport, Request, Response, Verb};
use crate::model::duration;
use crate::model::exit::{DONE, NOT_DONE};
use crate::model::text::printable;
use std::ffi::OsStr;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(5);

/// So much of a text is shown.
const MAX_TEXT: usize = 1024;

/// Minimum widths of the columns. With --follow the later names are not known.
const SERVICE_WIDTH: usize = 10;
const KIND_WIDTH: usize = 12;

pub(super) fn run(words: &Words) -> Result<u8, String> {
    let mut kinds = Vec::new();
    for kind in words.all(Opt::Kind) {
        kinds.push(kind.to_string_lossy().into_owned());
    }
    let (since, since_ms) = words.last(Opt::Since).map_or(Ok((None, None)), since)?;
    let follow = words.has(Opt::Follow);
    let request = Request { since, since_ms, kinds, follow, ..Request::new(Verb::Events, names(words)?) };
    let timeout = values::timeout(words, TIMEOUT)?;
    let socket = values::socket(words)?;
    let mut printer = Printer::new(words.has(Opt::Json));
    if !follow {
        let written = all(socket.as_ref(), request, timeout, &mut printer);
        return Ok(written.unwrap_or_else(|failure| failed(failure, socket.as_ref(), timeout)));
    }
    let end = client::follow(socket.as_ref(), &request, timeout, &mut |response| printer.take(response));
    Ok(match end {
        Ok(End::Finished) => DONE,
        Ok(End::Stopped) => printer.status(),
        Ok(End::Broken) => {
            output::err("rinit: the connection has ended before the init did\n");
            NOT_DONE
        }
        Err(failure) => failed(failure, socket.as_ref(), timeout),
    })
}

/// Prints page after page.
fn all(
    socket: Option<&crate::control::address::Address>,
    mut request: Request,
    timeout: Duration,
    printer: &mut Printer,
) -> Result<u8, client::Failure> {
    loop {
        let report = client::ask(socket, &request, timeout)?.events.unwrap_or_default();
        (request.since, request.since_ms) = (Some(report.seen), None);
        let more = report.more;
        if !printer.take(Response::events(report)) || !more {
            return Ok(printer.status());
        }
    }
}

/// `--since`: a number, or a duration.
fn since(text: &OsStr) -> Result<(Option<u64>, Option<u64>), String> {
    if let Some(number) = text.to_str().and_then(|text| text.parse().ok()) {
        return Ok((Some(number), None));
    }
    match values::read_duration(text) {
        Ok(time) => Ok((None, Some(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)))),
        Err(_) => Err(format!("--since {text:?}: write an event's number, or a duration as in 10m")),
    }
}

/// Writes events as they come. The columns get wider, but not narrower again.
struct Printer {
    json: bool,
    service: usize,
    kind: usize,
    written: output::Written,
}

impl Printer {
    fn new(json: bool) -> Printer {
        Printer { json, service: SERVICE_WIDTH, kind: KIND_WIDTH, written: output::Written::Yes }
    }

    /// Whether it makes sense to go on.
    fn take(&mut self, response: Response) -> bool {
        let report = match (response.events, response.event) {
            (Some(report), _) => report,
            (None, Some(event)) => EventsReport { events: vec![event], ..EventsReport::default() },
            (None, None) => return true,
        };
        let text = self.text(&report);
        self.written = output::text(&text);
        self.written == output::Written::Yes
    }

    fn status(&self) -> u8 {
        if self.written == output::Written::Failed { NOT_DONE } else { DONE }
    }

    fn text(&mut self, report: &EventsReport) -> String {
        let mut text = String::new();
        if report.lost > 0 {
            match self.json {
                true => text.push_str(&format!("{{\"lost\":{}}}\n", report.lost)),
                false => output::err(&format!("rinit: {} older events are not kept any more\n", report.lost)),
            }
        }
        let width = |of: fn(&EventReport) -> usize| report.events.iter().map(of).max().unwrap_or(0);
        self.service = self.service.max(width(|event| event.service.as_ref().map_or(1, String::len)));
        self.kind = self.kind.max(width(|event| event.kind.len()));
        for event in &report.events {
            match self.json {
                true => text.push_str(&json(event)),
                false => text.push_str(&self.line(event)),
            }
        }
        text
    }

    fn line(&self, event: &EventReport) -> String {
        let (service, kind) = (self.service, self.kind);
        let name = event.service.as_deref().unwrap_or("-");
        let mut line = format!("{:>5}  {}  {name:service$}  {:kind$} ", event.seq, event.time, event.kind);
        for (name, value) in &event.attributes {
            line.push_str(&attribute(name, value));
        }
        format!("{}\n", printable(line.trim_end().as_bytes(), MAX_TEXT).replace('\n', " "))
    }
}

/// ` ran=3.01s`, ` reason="not ready within 5s"`.
fn attribute(name: &str, value: &Attribute) -> String {
    match (name.strip_suffix("_ms"), value) {
        (Some(name), Attribute::Number(0)) => format!(" {name}=0s"),
        (Some(name), Attribute::Number(ms)) => {
            format!(" {name}={}", duration::format(Duration::from_millis(*ms)).replace(' ', ""))
        }
        (_, Attribute::Number(number)) => format!(" {name}={number}"),
        (_, Attribute::Text(text)) if text.contains([' ', '"']) => format!(" {name}={text:?}"),
        (_, Attribute::Text(text)) => format!(" {name}={text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(seq: u64, service: Option<&str>, kind: &str, attributes: &[(&str, Attribute)]) -> EventReport {
        EventReport {
            seq,
            time: "2026-01-02T03:04:05.678Z".into(),
            service: service.map(str::to_owned),
            kind: kind.into(),
            attributes: attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
        }
    }

    fn report() -> EventsReport {
        let text = |text: &str| Attribute::Text(text.into());
        let number = Attribute::Number;
        let events = vec![
            event(9, Some("web"), "start", &[("pid", number(17))]),
            event(10, Some("web"), "die", &[("exit_code", number(1)), ("ran_ms", number(200_000))]),
            event(
                11,
                Some("web"),
                "restart",
                &[("in_ms", number(0)), ("reason", text("no\x1b[2J \"word\""))],
            ),
            event(12, None, "shutdown", &[("cause", text("asked"))]),
        ];
        EventsReport { events, ..EventsReport::default() }
    }

    #[test]
    fn lines_are_aligned() {
        let expected = "    9  2026-01-02T03:04:05.678Z  web         start         pid=17
   10  2026-01-02T03:04:05.678Z  web         die           exit_code=1 ran=3m20s
   11  2026-01-02T03:04:05.678Z  web         restart       in=0s reason=\"no\\u{1b}[2J \\\"word\\\"\"
   12  2026-01-02T03:04:05.678Z  -           shutdown      cause=asked
";
        assert_eq!(Printer::new(false).text(&report()), expected);
    }

    #[test]
    fn columns_only_get_wider() {
        let mut printer = Printer::new(false);
        let of = |service, kind| EventsReport {
            events: vec![event(1, Some(service), kind, &[])],
            ..EventsReport::default()
        };
        printer.text(&of("a-service-with-a-long-name", "health_status: healthy"));
        let line = printer.text(&of("web", "ready"));
        assert_eq!(line, "    1  2026-01-02T03:04:05.678Z  web                         ready\n");
    }

    #[test]
    fn json_has_one_line_for_each() {
        let text = Printer::new(true).text(&EventsReport { lost: 3, ..report() });
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 5);
        assert_eq!(lines[0]["lost"], 3);
        assert_eq!((&lines[2]["kind"], &lines[2]["attributes"]["ran_ms"]), (&"die".into(), &200_000.into()));
        assert!(lines[4]["service"].is_null());
    }

    #[test]
    fn since_is_a_number_or_a_duration() {
        let read = |text: &str| since(OsStr::new(text));
        assert_eq!(read("17"), Ok((Some(17), None)));
        assert_eq!(read("10m"), Ok((None, Some(600_000))));
        assert_eq!(read("0s"), Ok((None, Some(0))));
        for wrong in ["", "soon", "-1", "1.5"] {
            assert!(read(wrong).unwrap_err().contains("an event's number"), "{wrong}");
        }
    }
}
