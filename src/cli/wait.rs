//! `rinit wait`: returns when services are as they are to be.

#![forbid(unsafe_code)]

use super::ask::{ask, names, show_results};
use super::parse::Words;
use super::table::Opt;
use super::values;
use crate::control::protocol::{Request, Until, Verb};
use crate::model::suggest;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(60);

pub(super) fn run(words: &Words) -> Result<u8, String> {
    let names = names(words)?;
    if names.is_empty() {
        return Err("wait takes at least one NAME".to_owned());
    }
    let until = match words.last(Opt::For) {
        None => Until::Ready,
        Some(word) => condition(&word.to_string_lossy())?,
    };
    let (limit, timeout) = values::limit(words, TIMEOUT)?;
    let request = Request { until: Some(until), timeout_ms: Some(limit), ..Request::new(Verb::Wait, names) };
    Ok(match ask(words, &request, timeout)? {
        Ok(response) => show_results(words, &response.results.unwrap_or_default()),
        Err(status) => status,
    })
}

fn condition(word: &str) -> Result<Until, String> {
    let known = Until::ALL.map(Until::as_str);
    Until::ALL.into_iter().find(|until| until.as_str() == word).ok_or_else(|| {
        match suggest::did_you_mean(word, &known) {
            Some(hint) => format!("--for {word:?}: {hint}"),
            None => format!("--for {word:?}: it takes {}", known.join(", ")),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_read() {
        for until in Until::ALL {
            assert_eq!(condition(until.as_str()), Ok(until));
        }
        assert_eq!(condition("helthy").unwrap_err(), "--for \"helthy\": did you mean \"healthy\"?");
        assert!(condition("done").unwrap_err().contains("it takes ready, healthy"));
    }
}
