//! `rinit signal`: sends a signal to the main processes of services.

#![forbid(unsafe_code)]

use super::ask::{ask, names, show_results};
use super::parse::Words;
use super::table::Opt;
use super::values;
use crate::control::protocol::{Request, Verb};
use crate::model::Signal;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(5);

pub(super) fn run(words: &Words) -> Result<u8, String> {
    let mut words_given = names(words)?.into_iter();
    let Some(word) = words_given.next() else {
        return Err("signal takes a SIGNAL and at least one NAME".to_owned());
    };
    let signal = Signal::parse(&word).ok_or_else(|| format!("no signal is called {word:?}"))?;
    let names: Vec<String> = words_given.collect();
    if names.is_empty() {
        return Err("signal takes at least one NAME after the SIGNAL".to_owned());
    }
    let timeout = values::timeout(words, TIMEOUT)?;
    let request = Request {
        signal: Some(signal.to_string()),
        group: words.has(Opt::Group),
        ..Request::new(Verb::Signal, names)
    };
    Ok(match ask(words, &request, timeout)? {
        Ok(response) => show_results(words, &response.results.unwrap_or_default()),
        Err(status) => status,
    })
}
