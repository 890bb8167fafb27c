//! All services as a table.

#![forbid(unsafe_code)]

use super::colour::{Look, Screen};
use super::text::{one_line, span};
use crate::control::protocol::{ServiceStatus, StatusReport};
use crate::model::text;

const HEADINGS: [&str; COLUMNS] =
    ["NAME", "STATE", "HEALTH", "PID", "SINCE", "RESTARTS", "LAST EXIT / WAITING FOR"];
const COLUMNS: usize = 7;
const STATE: usize = 1;
const HEALTH: usize = 2;

/// On a screen that leaves the last column less than this, lines are not cut: they are broken by the terminal.
const LEAST: usize = 10;

/// Maximum number of names below the table.
const MOST_NAMES: usize = 10;

type Row = [String; COLUMNS];

/// The table, and below it what concerns all.
pub fn table(report: &StatusReport, screen: &Screen) -> String {
    let mut text = match report.services.is_empty() {
        true => "no services\n".to_owned(),
        false => rows(report, screen),
    };
    if let Some(stop) = report.last_stop.as_ref().filter(|stop| !stop.killed.is_empty()) {
        let is_defined = |name: &str| report.services.iter().any(|service| service.name == name);
        // The state directory may be from other definitions.
        let killed = text::names(&stop.killed, &is_defined);
        let line = format!("The last stop, {}, took {}; killed: {killed}", stop.when, span(stop.took_ms));
        text.push_str(&format!("\n{}\n", one_line(&line)));
    }
    if report.stopping {
        text.push_str("\nEverything is being stopped.\n");
    }
    text.push_str(&attention(report, screen.colour));
    text
}

/// Who needs attention: of a long table only the end may be on the screen.
fn attention(report: &StatusReport, colour: bool) -> String {
    let bad = report.services.iter().filter(|service| Look::of(service) == Look::Bad);
    let mut names: Vec<&str> = bad.map(|service| service.name.as_str()).collect();
    let (count, all) = (names.len(), report.services.len());
    if count == 0 {
        return String::new();
    }
    let more = count.saturating_sub(MOST_NAMES);
    names.truncate(MOST_NAMES);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let line = format!("{count} of {all} need attention: {}{more}", names.join(", "));
    format!("\n{}\n", Look::Bad.paint(&one_line(&line), colour))
}

/// Columns as wide as their widest cell. Numbers of a length that changes are no reason to be right-aligned: the table
/// is read from the left.
fn rows(report: &StatusReport, screen: &Screen) -> String {
    let head = HEADINGS.map(str::to_owned);
    let cells: Vec<Row> = [head].into_iter().chain(report.services.iter().map(row)).collect();
    let mut widths = [0; COLUMNS];
    for row in &cells {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let before_last =
        widths.iter().rev().skip(1).fold(0_usize, |sum, width| sum.saturating_add(*width).saturating_add(2));
    let last =
        screen.columns.map(|columns| columns.saturating_sub(before_last)).filter(|left| *left >= LEAST);
    let looks = [None].into_iter().chain(report.services.iter().map(|service| Some(Look::of(service))));
    cells.iter().zip(looks).map(|(row, look)| line(row, &widths, last, look, screen.colour)).collect()
}

/// One line, its last cell cut to `last` characters. One that needs attention is painted as a whole.
fn line(row: &Row, widths: &[usize], last: Option<usize>, look: Option<Look>, colour: bool) -> String {
    let whole = look.filter(|look| matches!(look, Look::Bad | Look::Quiet));
    let mut line = String::new();
    for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
        let padded =
            if column.saturating_add(1) == COLUMNS { cut(cell, last) } else { format!("{cell:width$}  ") };
        line.push_str(&match column {
            STATE | HEALTH if look.is_some() && whole.is_none() && cell != "-" => {
                let blanks = padded.get(cell.len()..).unwrap_or_default();
                format!("{}{blanks}", Look::of_word(cell).paint(cell, colour))
            }
            _ => padded,
        });
    }
    let line = line.trim_end();
    match whole {
        Some(look) => format!("{}\n", look.paint(line, colour)),
        None => format!("{line}\n"),
    }
}

fn cut(text: &str, limit: Option<usize>) -> String {
    match limit {
        Some(limit) if text.chars().count() > limit => {
            text.chars().take(limit.saturating_sub(1)).chain(['…']).collect()
        }
        Some(_) | None => text.to_owned(),
    }
}

fn row(service: &ServiceStatus) -> Row {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    [
        one_line(&service.name),
        one_line(&service.state),
        or_dash(service.health.as_deref().map(one_line)),
        or_dash(service.pid.map(|pid| pid.to_string())),
        span(service.since_ms),
        service.restarts.to_string(),
        or_dash(remark(service)),
    ]
}

/// The most important of what a service waits for, why it failed, and how it ended.
fn remark(service: &ServiceStatus) -> Option<String> {
    let why = service.reason.clone().or_else(|| failing(service)).or_else(|| exit(service));
    let why = why.map(|why| one_line(&why));
    if !service.waiting_for.is_empty() {
        let on = one_line(&service.waiting_for.join(", "));
        // That it was asked to end is no cause of anything.
        let before = why.filter(|_| !service.exit_asked || service.exit_reason.is_some());
        return Some(format!("waiting for {on}{}", before.map(|why| format!("; {why}")).unwrap_or_default()));
    }
    match (why, service.restart_in_ms) {
        (Some(why), Some(ms)) => Some(format!("{why}; again in {}", span(ms))),
        (None, Some(ms)) => Some(format!("again in {}", span(ms))),
        (why, None) => why,
    }
}

/// That it is unhealthy and runs on: the end of the process before it is not the cause.
fn failing(service: &ServiceStatus) -> Option<String> {
    let count = service.failing_streak.filter(|_| service.health.as_deref() == Some("unhealthy"))?;
    let probes = if count == 1 { "probe" } else { "probes in a row" };
    let before = exit(service).map(|exit| format!("; last exit: {exit}")).unwrap_or_default();
    Some(format!("{count} failed {probes}{before}"))
}

/// How the last process ended. That it was asked to is of no interest once the service runs again.
fn exit(service: &ServiceStatus) -> Option<String> {
    let runs = matches!(service.state.as_str(), "starting" | "running" | "paused");
    let exit = service.last_exit.as_ref().filter(|_| !(runs && service.exit_asked))?;
    Some(match &service.exit_reason {
        Some(reason) => format!("{reason} ({exit})"),
        None => exit.clone(),
    })
}
