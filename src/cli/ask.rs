//! Asking the init about the services that the command line names, and writing what came of it.

#![forbid(unsafe_code)]

use super::output::{err, json, show};
use super::parse::Words;
use super::table::Opt;
use super::values;
use crate::control::address::Address;
use crate::control::client::{self, Failure};
use crate::control::protocol::{ActionResult, Request, Response, Verb};
use crate::model::exit::{NO_INIT, NOT_DONE};
use crate::model::suggest;
use std::ffi::OsString;
use std::time::Duration;

/// Asks the init. `Err` is the exit status after the reason was written.
pub(super) fn ask(
    words: &Words,
    request: &Request,
    timeout: Duration,
) -> Result<Result<Response, u8>, String> {
    let socket = values::socket(words)?;
    let answer = client::ask(socket.as_ref(), request, timeout);
    Ok(answer.map_err(|failure| failed(failure, socket.as_ref(), timeout)))
}

/// Adds the name that was likely meant to the message about an unknown one. The init knows the names, so it is asked again.
fn with_near_name(failure: Failure, socket: Option<&Address>, timeout: Duration) -> Failure {
    let Failure::Refused(message) = &failure else { return failure };
    let Some(unknown) = message.strip_prefix("no service is called ") else { return failure };
    let Ok(response) = client::ask(socket, &Request::new(Verb::Status, Vec::new()), timeout) else {
        return failure;
    };
    let services = response.status.unwrap_or_default().services;
    let known: Vec<&str> = services.iter().map(|service| service.name.as_str()).collect();
    match suggest::nearest(unknown, &known) {
        Some(near) => Failure::Refused(format!("{message}; did you mean {near}?")),
        None => failure,
    }
}

/// Writes why there is no answer, with the name that was likely meant. Returns the exit status.
pub(super) fn failed(failure: Failure, socket: Option<&Address>, timeout: Duration) -> u8 {
    let (message, status) = match with_near_name(failure, socket, timeout) {
        Failure::NoInit(message) => (message, NO_INIT),
        Failure::Refused(message) => (message, NOT_DONE),
    };
    err(&format!("rinit: {message}\n"));
    status
}

/// Names of services on the command line, before and after `--`.
pub(super) fn names(words: &Words) -> Result<Vec<String>, String> {
    let name = |word: &OsString| match word.to_str() {
        Some(name) => Ok(name.to_owned()),
        None => Err(format!("{word:?} is not the name of a service")),
    };
    words.operands.iter().chain(words.rest.iter().flatten()).map(name).collect()
}

/// What came of it, for each service. The exit status says whether all of it was done.
pub(super) fn show_results(words: &Words, results: &[ActionResult]) -> u8 {
    let written = if words.has(Opt::Json) { show(&json(&results)) } else { tell(results) };
    if results.iter().all(|result| result.done) { written } else { NOT_DONE }
}

/// One line for each service; what did not work goes to standard error.
fn tell(results: &[ActionResult]) -> u8 {
    for failed in results.iter().filter(|result| !result.done) {
        err(&format!("rinit: {}: {}\n", failed.service, failed.message));
    }
    let done = results.iter().filter(|result| result.done);
    show(&done.map(|result| format!("{}: {}\n", result.service, result.message)).collect::<String>())
}
