//! `rinit status`: what does each service do?

#![forbid(unsafe_code)]

use super::parse::Words;
use super::table::Opt;
use super::{ask, json, names, show, values};
use crate::control::protocol::{ProbeResult, Request, ServiceStatus, StatusReport, Verb};
use crate::model::duration;
use crate::model::text::printable;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(5);

/// So much of what services have written is shown in one place.
const MAX_TEXT: usize = 4096;

const HEADINGS: [&str; COLUMNS] =
    ["NAME", "STATE", "HEALTH", "PID", "SINCE", "RESTARTS", "LAST EXIT / WAITING FOR"];
const COLUMNS: usize = 7;

pub(super) fn run(words: &Words) -> Result<u8, String> {
    let mut names = names(words)?;
    names.extend(words.rest.iter().flatten().map(|name| name.to_string_lossy().into_owned()));
    let in_detail = !names.is_empty();
    let timeout = values::timeout(words, TIMEOUT)?;
    let response = match ask(words, &Request::new(Verb::Status, names), timeout)? {
        Ok(response) => response,
        Err(status) => return Ok(status),
    };
    let report = response.status.unwrap_or_default();
    Ok(show(&match (words.has(Opt::Json), in_detail) {
        (true, _) => json(&report),
        (false, true) => report.services.iter().map(details).collect::<Vec<_>>().join("\n"),
        (false, false) => table(&report),
    }))
}

fn table(report: &StatusReport) -> String {
    let mut text = match report.services.is_empty() {
        true => "no services\n".to_owned(),
        false => {
            let head = HEADINGS.map(str::to_owned);
            aligned(&[head].into_iter().chain(report.services.iter().map(row)).collect::<Vec<_>>())
        }
    };
    if let Some(stop) = report.last_stop.as_ref().filter(|stop| !stop.killed.is_empty()) {
        let took = duration::format(Duration::from_millis(stop.took_ms));
        let killed = stop.killed.join(", ");
        text.push_str(&format!("\nThe last stop, {}, took {took}; killed: {killed}\n", stop.when));
    }
    if report.stopping {
        text.push_str("\nEverything is being stopped.\n");
    }
    text
}

fn row(service: &ServiceStatus) -> [String; COLUMNS] {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    [
        service.name.clone(),
        service.state.clone(),
        or_dash(service.health.clone()),
        or_dash(service.pid.map(|pid| pid.to_string())),
        since(service.since_ms),
        service.restarts.to_string(),
        or_dash(remark(service)),
    ]
}

/// The most important of what a service waits for, why it failed, and how it ended.
fn remark(service: &ServiceStatus) -> Option<String> {
    if !service.waiting_for.is_empty() {
        return Some(format!("waiting for {}", service.waiting_for.join(", ")));
    }
    let why = service.reason.clone().or_else(|| service.last_exit.clone()).map(|why| one_line(&why));
    match (why, service.restart_in_ms) {
        (Some(why), Some(ms)) => {
            Some(format!("{why}; again in {}", duration::format(Duration::from_millis(ms))))
        }
        (None, Some(ms)) => Some(format!("again in {}", duration::format(Duration::from_millis(ms)))),
        (why, None) => why,
    }
}

/// Rows in columns as wide as their widest cell. Numbers of a length that changes are no reason to be right-aligned:
/// the table is read from the left.
fn aligned(rows: &[[String; COLUMNS]]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let width = width(column);
            line.push_str(&format!("{cell:width$}  "));
        }
        text.extend([line.trim_end(), "\n"]);
    }
    text
}

/// All there is to know of one service.
fn details(service: &ServiceStatus) -> String {
    let health = service.health.as_ref().map(|health| match service.failing_streak {
        Some(1) => format!("{health}, the last probe failed"),
        Some(count @ 2..) => format!("{health}, the last {count} probes failed"),
        Some(0) | None => health.clone(),
    });
    let again = service.restart_in_ms.map(|ms| duration::format(Duration::from_millis(ms)));
    let waiting_for = Some(service.waiting_for.join(", ")).filter(|names| !names.is_empty());
    let facts = [
        ("description", service.description.clone()),
        ("state", Some(format!("{} for {}", service.state, since(service.since_ms)))),
        ("waiting for", waiting_for),
        ("reason", service.reason.clone()),
        ("says", service.says.clone()),
        ("health", health),
        ("pid", service.pid.map(|pid| pid.to_string())),
        ("restarts", Some(service.restarts.to_string())),
        ("starts again in", again),
        ("last exit", service.last_exit.clone()),
        ("defined in", service.file.clone()),
    ];
    let mut text = format!("{}\n", service.name);
    for (name, value) in facts {
        if let Some(value) = value {
            text.push_str(&format!("  {name:16}{}\n", one_line(&value)));
        }
    }
    if !service.probes.is_empty() {
        text.push_str("  last probes\n");
        text.extend(service.probes.iter().map(probe));
    }
    text
}

fn probe(result: &ProbeResult) -> String {
    let ended = match (result.timed_out, result.exit_code) {
        (true, _) => "timed out".to_owned(),
        (false, Some(code)) => format!("exit code {code}"),
        (false, None) => "no result".to_owned(),
    };
    let mut text =
        format!("    {} ago: {ended} after {}\n", since(result.started_ms_ago), since(result.took_ms));
    for line in printable(result.output.as_bytes(), MAX_TEXT).lines() {
        text.extend(["      ", line, "\n"]);
    }
    text
}

fn since(ms: u64) -> String {
    match ms {
        0 => "0ms".to_owned(),
        _ => duration::format(Duration::from_millis(ms)),
    }
}

fn one_line(text: &str) -> String {
    printable(text.as_bytes(), MAX_TEXT).replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(name: &str, state: &str) -> ServiceStatus {
        ServiceStatus {
            name: name.into(),
            state: state.into(),
            since_ms: 200_000,
            ..ServiceStatus::default()
        }
    }

    fn web() -> ServiceStatus {
        ServiceStatus {
            description: Some("the shop".into()),
            health: Some("unhealthy".into()),
            pid: Some(17),
            restarts: 2,
            last_exit: Some("killed by SIGKILL".into()),
            failing_streak: Some(3),
            file: Some("services.d/web.toml".into()),
            probes: vec![
                ProbeResult {
                    started_ms_ago: 12_000,
                    took_ms: 5,
                    exit_code: Some(1),
                    output: "HTTP 503\nbusy\x1b[2J\n".into(),
                    timed_out: false,
                },
                ProbeResult {
                    started_ms_ago: 2_000,
                    took_ms: 1_000,
                    timed_out: true,
                    ..ProbeResult::default()
                },
            ],
            ..service("web", "running")
        }
    }

    #[test]
    fn the_table_is_aligned() {
        let backoff = ServiceStatus {
            last_exit: Some("exited with code 1".into()),
            restart_in_ms: Some(3200),
            ..service("worker", "backoff")
        };
        let waiting =
            ServiceStatus { waiting_for: vec!["db".into(), "migrate".into()], ..service("api", "waiting") };
        let failed = ServiceStatus {
            reason: Some("cannot execute /x: no such file".into()),
            ..service("x", "failed")
        };
        let report =
            StatusReport { services: vec![web(), backoff, waiting, failed], stopping: true, last_stop: None };
        let expected = "\
NAME    STATE    HEALTH     PID  SINCE   RESTARTS  LAST EXIT / WAITING FOR
web     running  unhealthy  17   3m 20s  2         killed by SIGKILL
worker  backoff  -          -    3m 20s  0         exited with code 1; again in 3.2s
api     waiting  -          -    3m 20s  0         waiting for db, migrate
x       failed   -          -    3m 20s  0         cannot execute /x: no such file

Everything is being stopped.
";
        assert_eq!(table(&report), expected);
        assert_eq!(table(&StatusReport::default()), "no services\n");
    }

    #[test]
    fn details_have_the_last_probes() {
        let expected = "\
web
  description     the shop
  state           running for 3m 20s
  health          unhealthy, the last 3 probes failed
  pid             17
  restarts        2
  last exit       killed by SIGKILL
  defined in      services.d/web.toml
  last probes
    12s ago: exit code 1 after 5ms
      HTTP 503
      busy [2J
    2s ago: timed out after 1s
";
        assert_eq!(details(&web()), expected);
    }
}
