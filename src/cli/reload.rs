//! `rinit reload`: has the init read the definitions again.

#![forbid(unsafe_code)]

use super::ask::ask;
use super::output::{json, show};
use super::parse::Words;
use super::table::Opt;
use super::values;
use crate::control::protocol::{ReloadReport, Request, Verb};
use std::time::Duration;

/// Longer than the init waits for what it reads.
const TIMEOUT: Duration = Duration::from_secs(15);

pub(super) fn run(words: &Words) -> Result<u8, String> {
    if !words.operands.is_empty() || words.rest.is_some() {
        return Err("reload takes no names: it reads every definition".to_owned());
    }
    let timeout = values::timeout(words, TIMEOUT)?;
    let response = match ask(words, &Request::new(Verb::Reload, Vec::new()), timeout)? {
        Ok(response) => response,
        Err(status) => return Ok(status),
    };
    let report = response.reload.unwrap_or_default();
    Ok(show(&if words.has(Opt::Json) { json(&report) } else { text(&report) }))
}

fn text(report: &ReloadReport) -> String {
    let parts = [
        ("started", &report.start),
        ("stopped", &report.stop),
        ("restarted", &report.restart),
        ("changed without a restart", &report.change),
    ];
    let text: String = parts
        .into_iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(what, names)| format!("{what}: {}\n", names.join(", ")))
        .collect();
    if text.is_empty() { "nothing has changed\n".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_difference_is_told() {
        let report = ReloadReport {
            start: vec!["new".into()],
            restart: vec!["db".into(), "web".into()],
            ..ReloadReport::default()
        };
        assert_eq!(text(&report), "started: new\nrestarted: db, web\n");
        assert_eq!(text(&ReloadReport::default()), "nothing has changed\n");
    }
}
