//! The command line: which words there are (`table`), how they are read (`parse`, `values`), and one file for what
//! each verb does.

#![forbid(unsafe_code)]

mod act;
mod check;
mod completions;
mod events;
mod health;
pub mod help;
mod init;
mod man;
mod near;
mod output;
pub mod parse;
mod personality;
mod probe;
mod reload;
mod role;
mod shutdown;
mod signal;
mod status;
pub mod table;
mod values;
mod wait;

use crate::control::client::{self, Failure};
use crate::control::protocol::{self, ActionResult, Request, Response};
use crate::model::exit::{DONE, NO_INIT, NOT_DONE};
use crate::sys::signals::Blocked;
use parse::{Line, UsageError, Words};
use std::ffi::OsString;
use std::time::Duration;
use table::{Opt, Verb};

/// Runs rinit with its arguments, the program's own name first, and returns the exit status.
pub fn run(args: impl IntoIterator<Item = OsString>) -> u8 {
    // Nothing that is sent to an init must be lost before it can catch it. A verb lets everything come at once.
    let blocked = Blocked::all();
    let mut args = args.into_iter();
    let name = args.next().unwrap_or_default();
    let words: Vec<OsString> = args.collect();
    if crate::init::is_reader(&name) {
        drop(blocked);
        return crate::init::read(&words);
    }
    if let Some(personality) = personality::of(&name) {
        blocked.keep();
        return personality::run(personality, &words);
    }
    let line = parse::parse(words);
    match line {
        Ok(Line::Init(_)) => blocked.keep(),
        Ok(Line::Verb(..)) | Err(_) => drop(blocked),
    }
    match line.and_then(dispatch) {
        Ok(status) => status,
        Err(error) => {
            output::err(&error.to_string());
            error.status
        }
    }
}

fn dispatch(line: Line) -> Result<u8, UsageError> {
    let (command, words) = match line {
        Line::Init(words) if words.has(Opt::Help) => return Ok(show(&help::general())),
        Line::Init(words) if words.has(Opt::Version) => {
            return Ok(show(&format!("rinit {}\n", env!("CARGO_PKG_VERSION"))));
        }
        Line::Init(words) => return init::run(&words),
        Line::Verb(command, words) => (command, words),
    };
    if words.has(Opt::Help) {
        return Ok(show(&help::verb(command)));
    }
    let result = match command.verb {
        Verb::Health => health::run(&words),
        Verb::Status => status::run(&words),
        Verb::Check => check::run(&words),
        Verb::Start => act::run(protocol::Verb::Start, &words),
        Verb::Stop => act::run(protocol::Verb::Stop, &words),
        Verb::Restart => act::run(protocol::Verb::Restart, &words),
        Verb::Pause => act::run(protocol::Verb::Pause, &words),
        Verb::Resume => act::run(protocol::Verb::Resume, &words),
        Verb::Signal => signal::run(&words),
        Verb::Wait => wait::run(&words),
        Verb::Events => events::run(&words),
        Verb::Reload => reload::run(&words),
        Verb::Shutdown => shutdown::run(&words),
        Verb::Probe => probe::run(&words),
        Verb::Help => help::run(&words),
        Verb::Man => man::run(&words),
        Verb::Completions => completions::run(&words),
    };
    result.map_err(|message| UsageError::of_verb(command, message))
}

/// Text that was asked for: the status says whether it could be written.
fn show(text: &str) -> u8 {
    if output::out(text) { DONE } else { NOT_DONE }
}

/// Asks the init. `Err` is the exit status after the reason was written.
fn ask(words: &Words, request: &Request, timeout: Duration) -> Result<Result<Response, u8>, String> {
    let socket = values::socket(words)?;
    Ok(client::ask(socket.as_ref(), request, timeout).map_err(failed))
}

/// Writes why there is no answer. Returns the exit status.
fn failed(failure: Failure) -> u8 {
    let (message, status) = match failure {
        Failure::NoInit(message) => (message, NO_INIT),
        Failure::Refused(message) => (message, NOT_DONE),
    };
    output::err(&format!("rinit: {message}\n"));
    status
}

/// Names of services on the command line, before and after `--`.
fn names(words: &Words) -> Result<Vec<String>, String> {
    let name = |word: &OsString| match word.to_str() {
        Some(name) => Ok(name.to_owned()),
        None => Err(format!("{word:?} is not the name of a service")),
    };
    words.operands.iter().chain(words.rest.iter().flatten()).map(name).collect()
}

/// What came of it, for each service. The exit status says whether all of it was done.
fn show_results(words: &Words, results: &[ActionResult]) -> u8 {
    let written = if words.has(Opt::Json) { show(&json(&results)) } else { tell(results) };
    if results.iter().all(|result| result.done) { written } else { NOT_DONE }
}

/// One line for each service; what did not work goes to standard error.
fn tell(results: &[ActionResult]) -> u8 {
    for failed in results.iter().filter(|result| !result.done) {
        output::err(&format!("rinit: {}: {}\n", failed.service, failed.message));
    }
    let done = results.iter().filter(|result| result.done);
    show(&done.map(|result| format!("{}: {}\n", result.service, result.message)).collect::<String>())
}

/// A value as one line of JSON.
fn json(value: &impl serde::Serialize) -> String {
    let mut line = serde_json::to_string(value).unwrap_or_default();
    line.push('\n');
    line
}
