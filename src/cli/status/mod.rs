//! `rinit status`: what does each service do? The table of all services is in `table`, what is told of one that was
//! asked for by name in `details`.

#![forbid(unsafe_code)]

mod colour;
mod details;
mod table;
#[cfg(test)]
mod tests;
mod text;

use super::ask::{ask, names};
use super::output::{json, show};
use super::parse::Words;
use super::table::Opt;
use super::values;
use crate::control::protocol::{Request, StatusReport, Verb};
use colour::Screen;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(5);

pub(super) fn run(words: &Words) -> Result<u8, String> {
    let names = names(words)?;
    let in_detail = !names.is_empty();
    let timeout = values::timeout(words, TIMEOUT)?;
    let request = Request { all: words.has(Opt::All), ..Request::new(Verb::Status, names) };
    let response = match ask(words, &request, timeout)? {
        Ok(response) => response,
        Err(status) => return Ok(status),
    };
    let mut report = response.status.unwrap_or_default();
    if !in_detail {
        sort(&mut report);
    }
    let screen = Screen::of_stdout();
    Ok(show(&match (words.has(Opt::Json), in_detail) {
        (true, _) => json(&report),
        (false, true) => {
            let each = report.services.iter().map(|service| details::details(service, screen.colour));
            each.collect::<Vec<_>>().join("\n")
        }
        (false, false) => table::table(&report, &screen),
    }))
}

/// Puts all services in the order of their names: those that a reload has added come last in the answer.
fn sort(report: &mut StatusReport) {
    report.services.sort_by(|one, other| one.name.cmp(&other.name));
}
