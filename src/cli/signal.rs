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
    let names: Vec<String> = words_given.collect();
    let signal = Signal::parse(&word).ok_or_else(|| unknown(&word, &names))?;
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

/// What is wrong with the first word, if it is no signal.
fn unknown(word: &str, others: &[String]) -> String {
    match others {
        [last] if Signal::parse(last).is_some() => {
            format!("the signal comes first: rinit signal {last} {word}")
        }
        _ => format!("no signal is called {word:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_in_the_wrong_place_is_named() {
        assert_eq!(unknown("nginx", &["HUP".into()]), "the signal comes first: rinit signal HUP nginx");
        assert_eq!(unknown("nginx", &["redis".into()]), "no signal is called \"nginx\"");
        assert_eq!(unknown("nginx", &[]), "no signal is called \"nginx\"");
    }
}
