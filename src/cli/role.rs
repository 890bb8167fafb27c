//! Who this process is to be: the init, a second init, or a reaper for one command. `/etc/services.d` belongs to the
//! init of the PID namespace; a typing mistake in `docker exec` must not start its services a second time.

#![forbid(unsafe_code)]

use super::parse::{self, Line, UsageError, Words};
use super::table::Opt;
use super::{near, personality, values};
use crate::control::address::Address;
use crate::control::running;
use crate::model::text::printable;
use crate::sys::{container, process};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// Maximum length of a word that a message repeats.
const MAX_WORD: usize = 80;

/// What a command line without a verb makes of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The init: PID 1, or a process where no init runs. Its services come from wherever they may.
    Init,
    /// An init with the services of `--services`, which may stand beside another one.
    Second,
    /// Runs COMMAND beside a running init, and nothing else.
    Reaper,
}

/// Decides it, with a look at who runs here already.
pub(super) fn role(words: &Words) -> Result<Role, UsageError> {
    if process::is_pid1() {
        return Ok(Role::Init);
    }
    if words.has(Opt::Services) {
        return second(words);
    }
    match running(words)? {
        None => Ok(Role::Init),
        Some(pid) => beside(words, pid),
    }
}

/// A second init needs a socket of its own: under PID 1 the verbs would reach one of the two, and nobody knows which.
fn second(words: &Words) -> Result<Role, UsageError> {
    let given = values::socket(words).map_err(UsageError::of_init)?;
    let is_beside_pid1 = running::find(given.as_ref()).any(|running| running.pid == Some(1))
        || container::is_this_program(1) && is_init(1);
    if !is_beside_pid1 || has_own_socket(words, given.as_ref()) {
        return Ok(Role::Second);
    }
    let message = "rinit runs here already, as process 1, so nothing was started; a second one with its own services \
                   needs a --socket of its own";
    Err(UsageError::of_init(message.to_owned()))
}

/// Whether `--socket` names another socket than that of PID 1. An image's `RINIT_SOCKET` is in the environment of every
/// process of the container, so it is nobody's own.
fn has_own_socket(words: &Words, given: Option<&Address>) -> bool {
    let own = given.filter(|_| words.last(Opt::Socket).is_some());
    own.is_some_and(|own| {
        let mut there = running::find(Some(own)).filter(|running| running.address == *own);
        there.all(|running| running.pid.is_some_and(|pid| pid != 1))
    })
}

/// The process of the init that runs here, as far as it is known. One that runs COMMAND alone and is not PID 1 is none:
/// any number of these may stand side by side.
fn running(words: &Words) -> Result<Option<Option<i32>>, UsageError> {
    let given = values::socket(words).map_err(UsageError::of_init)?;
    let by_socket = running::find(given.as_ref())
        .find(|running| running.pid == Some(1) || running::has_services(running))
        .map(|running| running.pid);
    Ok(by_socket.or_else(|| Some(Some(by_process(words)?))))
}

/// One that does not listen yet, or not for this user, is known by its process.
fn by_process(words: &Words) -> Option<i32> {
    let would_start = !values::services(words, &values::env, values::default_services()).is_empty();
    let mut pids = container::first_processes().into_iter();
    // What is no PID 1 may run COMMAND alone: it is in the way only of services.
    pids.find(|pid| (*pid == 1 || would_start) && container::is_this_program(*pid) && is_init(*pid))
}

/// Whether a process that runs this program is an init with services, and no verb, no reaper for one command, and not in
/// the place of another program.
fn is_init(pid: i32) -> bool {
    let Some(line) = container::command_line(pid) else { return true };
    let mut line = line.into_iter();
    let name = line.next().unwrap_or_default();
    personality::of(&name).is_none() && matches!(parse::parse(line.collect()), Ok(Line::Init(_)))
}

/// What a process may be where another one is the init.
fn beside(words: &Words, init: Option<i32>) -> Result<Role, UsageError> {
    let init = match init {
        Some(pid) => format!("rinit runs here already, as process {pid}, so nothing was started"),
        None => "rinit runs here already, so nothing was started".to_owned(),
    };
    match words.operands.first() {
        None => Err(UsageError::of_client(init, "rinit status")),
        Some(_) if words.after_dashes => Ok(Role::Reaper),
        Some(word) => Err(no_verb(word, &init)),
    }
}

fn no_verb(word: &OsStr, init: &str) -> UsageError {
    let shown = printable(word.as_bytes(), MAX_WORD);
    let near = match near::verb(&shown) {
        Some(near) => format!("did you mean {near:?}? "),
        None => String::new(),
    };
    let message = format!("{shown:?} is no verb; {near}{init}; to run it as a command: rinit -- {shown}");
    UsageError::of_client(message, "rinit --help")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;

    fn words(line: &str) -> Words {
        match parse::parse(line.split_whitespace().map(OsString::from).collect()) {
            Ok(Line::Init(words)) => words,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn beside_an_init_a_command_needs_dashes() {
        let beside = |line| beside(&words(line), Some(7));
        assert_eq!(beside("-- id"), Ok(Role::Reaper));
        assert_eq!(beside("-g -- staus"), Ok(Role::Reaper));
        for (line, expected) in [
            (
                "",
                "rinit: rinit runs here already, as process 7, so nothing was started. Try 'rinit status'.\n",
            ),
            (
                "--",
                "rinit: rinit runs here already, as process 7, so nothing was started. Try 'rinit status'.\n",
            ),
            (
                "staus web",
                "rinit: \"staus\" is no verb; did you mean \"status\"? rinit runs here already, as process 7, so \
                 nothing was started; to run it as a command: rinit -- staus. Try 'rinit --help'.\n",
            ),
            (
                "id",
                "rinit: \"id\" is no verb; rinit runs here already, as process 7, so nothing was started; to run it \
                 as a command: rinit -- id. Try 'rinit --help'.\n",
            ),
        ] {
            let error = beside(line).unwrap_err();
            assert_eq!((error.to_string().as_str(), error.status), (expected, 2), "{line}");
        }
        let unknown = super::beside(&words(""), None).unwrap_err();
        assert!(unknown.to_string().contains("rinit runs here already, so nothing"), "{unknown}");
    }
}
