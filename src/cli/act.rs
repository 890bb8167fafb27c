//! `rinit start`, `stop`, `restart`, `pause` and `resume`: what is done with single services.

#![forbid(unsafe_code)]

use super::parse::Words;
use super::table::Opt;
use super::{NOT_DONE, ask, json, names, output, show, values};
use crate::control::protocol::{ActionResult, Request, Verb};
use std::time::Duration;

/// A stop may take as long as the service's grace, and a start as long as its dependencies.
const TIMEOUT: Duration = Duration::from_secs(60);

pub(super) fn run(verb: Verb, words: &Words) -> Result<u8, String> {
    let mut names = names(words)?;
    names.extend(words.rest.iter().flatten().map(|name| name.to_string_lossy().into_owned()));
    if names.is_empty() {
        return Err(format!("{} takes at least one NAME", verb.as_str()));
    }
    let timeout = values::timeout(words, TIMEOUT)?;
    let response = match ask(words, &Request::new(verb, names), timeout)? {
        Ok(response) => response,
        Err(status) => return Ok(status),
    };
    let results = response.results.unwrap_or_default();
    let written = if words.has(Opt::Json) { show(&json(&results)) } else { tell(&results) };
    Ok(if results.iter().all(|result| result.done) { written } else { NOT_DONE })
}

/// One line for each service; what did not work goes to standard error.
fn tell(results: &[ActionResult]) -> u8 {
    for failed in results.iter().filter(|result| !result.done) {
        output::err(&format!("rinit: {}: {}\n", failed.service, failed.message));
    }
    let done = results.iter().filter(|result| result.done);
    show(&done.map(|result| format!("{}: {}\n", result.service, result.message)).collect::<String>())
}
