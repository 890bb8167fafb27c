//! `rinit start`, `stop`, `restart`, `pause` and `resume`: what is done with single services.

#![forbid(unsafe_code)]

use super::ask::{ask, names, show_results};
use super::parse::Words;
use super::table::Opt;
use super::values;
use crate::control::protocol::{Request, Verb};
use std::time::Duration;

/// A stop may take as long as the service's grace, and a start as long as its dependencies.
const TIMEOUT: Duration = Duration::from_secs(60);

pub(super) fn run(verb: Verb, words: &Words) -> Result<u8, String> {
    let names = names(words)?;
    if names.is_empty() {
        return Err(format!("{} takes at least one NAME", verb.as_str()));
    }
    let (limit, timeout) = values::limit(words, TIMEOUT)?;
    let (no_wait, force) = (words.has(Opt::NoWait), words.has(Opt::Force));
    let request = Request { no_wait, force, timeout_ms: Some(limit), ..Request::new(verb, names) };
    Ok(match ask(words, &request, timeout)? {
        Ok(response) => show_results(words, &response.results.unwrap_or_default()),
        Err(status) => status,
    })
}
