//! `rinit shutdown`: asks the init to stop everything.

#![forbid(unsafe_code)]

use super::ask::ask;
use super::output::show;
use super::parse::Words;
use super::table::Opt;
use super::values;
use crate::control::protocol::{Request, Verb};
use crate::model::exit::DONE;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(5);

pub(super) fn run(words: &Words) -> Result<u8, String> {
    if !words.operands.is_empty() || words.rest.is_some() {
        return Err("shutdown takes no names: it stops everything".to_owned());
    }
    let timeout = values::timeout(words, TIMEOUT)?;
    Ok(match ask(words, &Request::new(Verb::Shutdown, Vec::new()), timeout)? {
        Ok(_) if words.has(Opt::Json) => show("{\"stopping\":true}\n"),
        Ok(_) => DONE,
        Err(status) => status,
    })
}
