//! The command line: which words there are (`table`), how they are read (`parse`, `values`), and one file for what
//! each verb does. Most of them ask the init (`ask`) and write what it answers (`output`).

#![forbid(unsafe_code)]

mod act;
mod ask;
mod check;
mod completions;
mod events;
mod health;
pub mod help;
mod init;
mod logs;
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

use crate::control::protocol;
use crate::sys::signals::Blocked;
use crate::sys::{proc_fs, process};
use output::show;
use parse::{Line, UsageError};
use std::ffi::OsString;
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
    if crate::logger::is_logger(&name) {
        blocked.keep();
        return crate::logger::run();
    }
    if let Some(personality) = personality::of(&name) {
        blocked.keep();
        return personality::run(personality, &words);
    }
    let line = parse::parse(words);
    match line {
        Ok(Line::Init(_)) => blocked.keep(),
        Ok(Line::Verb(..)) | Err(_) => {
            // At its stop the init knows by that name who has come from outside for an answer alone.
            process::set_name(proc_fs::CLIENT);
            drop(blocked);
        }
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
        Verb::Logs => logs::run(&words),
        Verb::Reload => reload::run(&words),
        Verb::Shutdown => shutdown::run(&words),
        Verb::Probe => probe::run(&words),
        Verb::Help => help::run(&words),
        Verb::Man => man::run(&words),
        Verb::Completions => completions::run(&words),
    };
    result.map_err(|message| UsageError::of_verb(command, message))
}
