//! `rinit completions`: a script that makes a shell complete rinit's command lines, and the answers to what the script
//! asks. All that can be known of a command line comes from the tables, in `next`; the scripts only put it before
//! their shell.
//!
//! An answer is one candidate a line, with a description where the shell shows one; or one line that says what the
//! shell itself is to offer: `:directories`, `:files`, or `:program N`, with a program's command line from word N on.

#![forbid(unsafe_code)]

mod next;

use super::output::{self, show};
use super::parse::Words;
use crate::control::address::Address;
use crate::control::client;
use crate::control::protocol::{Request, Verb};
use crate::model::exit::{DONE, NOT_DONE};
use crate::model::text::printable;
use next::{Candidate, Next};
use std::ffi::OsStr;
use std::time::Duration;

/// So long may the init take to name its services: somebody has pressed a key and waits.
const TIMEOUT: Duration = Duration::from_millis(500);

/// A shell.
struct Shell {
    name: &'static str,
    script: &'static str,
    /// What stands between a candidate and its description; `None`: the shell shows none.
    separator: Option<char>,
}

static SHELLS: [Shell; 3] = [
    Shell { name: "bash", script: include_str!("rinit.bash"), separator: None },
    Shell { name: "zsh", script: include_str!("rinit.zsh"), separator: Some(':') },
    Shell { name: "fish", script: include_str!("rinit.fish"), separator: Some('\t') },
];

pub(super) fn run(words: &Words) -> Result<u8, String> {
    let [name] = words.operands.as_slice() else { return Err("completions takes one SHELL".to_owned()) };
    let Some(shell) = SHELLS.iter().find(|shell| name == shell.name) else {
        let names: Vec<&str> = SHELLS.iter().map(|shell| shell.name).collect();
        return Err(format!("there are completions for {}, not for {name:?}", names.join(", ")));
    };
    let Some(line) = &words.rest else { return Ok(show(shell.script)) };
    let found = next::next(line, shell.name == "bash", &services);
    // A shell that has gone away wants no answer.
    Ok(if output::out(&answer(found, shell.separator)) { DONE } else { NOT_DONE })
}

fn answer(next: Next, separator: Option<char>) -> String {
    let candidates = match next {
        Next::Directories => return ":directories\n".to_owned(),
        Next::Files => return ":files\n".to_owned(),
        Next::Program(at) => return format!(":program {at}\n"),
        Next::Words(candidates) => candidates,
    };
    let mut text = String::new();
    for Candidate { word, meaning } in candidates {
        text.push_str(&word);
        if let Some(separator) = separator.filter(|_| !meaning.is_empty()) {
            text.push(separator);
            text.push_str(&meaning);
        }
        text.push('\n');
    }
    text
}

/// The services of the running init, with their states. None if there is no init: a user who completes a word wants no
/// explanation.
fn services(socket: Option<&OsStr>) -> Vec<Candidate> {
    let socket = socket.map(OsStr::to_owned).or_else(|| super::values::env("RINIT_SOCKET"));
    let socket = socket.filter(|socket| !socket.is_empty());
    let Ok(address) = socket.map(|socket| Address::parse(&socket)).transpose() else { return Vec::new() };
    let answer = client::ask(address.as_ref(), &Request::new(Verb::Status, Vec::new()), TIMEOUT);
    let report = answer.ok().and_then(|response| response.status).unwrap_or_default();
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '@');
    let services = report.services.into_iter().filter(|service| service.name.chars().all(plain));
    services
        .map(|service| Candidate { word: service.name, meaning: printable(service.state.as_bytes(), 100) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::table::{Kind, kind};
    use super::*;

    #[test]
    fn every_shell_of_the_table_has_a_script() {
        let Some(Kind::Words(names)) = kind("SHELL") else { panic!("SHELL is no word") };
        assert!(SHELLS.iter().map(|shell| shell.name).eq(names.iter().copied()));
    }

    #[test]
    fn answers_are_lines() {
        let candidate = |word: &str, meaning: &str| Candidate { word: word.into(), meaning: meaning.into() };
        let words = || Next::Words(vec![candidate("a", "first"), candidate("b", "")]);
        assert_eq!(answer(words(), None), "a\nb\n");
        assert_eq!(answer(words(), Some(':')), "a:first\nb\n");
        assert_eq!(answer(Next::Program(3), None), ":program 3\n");
    }
}
