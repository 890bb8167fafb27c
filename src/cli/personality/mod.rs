//! By another's name: called as tini, dumb-init or catatonit, rinit takes that program's options, variables, defaults
//! and exit statuses, so that an image or an engine that uses one of them can have rinit in its place.

#![forbid(unsafe_code)]

mod catatonit;
mod dumb_init;
mod getopt;
mod tini;

use super::output;
use super::values::{self, Env};
use crate::init::stand_in::{self, Role};
use crate::model::exit::DONE;
use getopt::{Given, Switch};
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// Another program: what its command line may hold, and what it means.
#[derive(Debug)]
pub(super) struct Personality {
    /// The names that it is called by; the first is its own.
    names: &'static [&'static str],
    /// How it is called, after its name.
    usage: &'static str,
    /// Its options.
    switches: &'static [Switch],
    /// Its environment variables, each with its meaning.
    variables: &'static [(&'static str, &'static str)],
    /// What `--version` prints.
    version: &'static str,
    /// The option that asks for its help, if only one is there.
    help_option: &'static str,
    /// Its help and version go to standard error.
    talks_to_stderr: bool,
    /// Its exit status for a command line that is wrong.
    usage_status: u8,
    /// What the command line means.
    read: fn(Given, Env<'_>) -> Result<Action, String>,
}

/// What is to be done.
#[derive(Debug, PartialEq)]
enum Action {
    Help,
    Version,
    License,
    Run(Box<Role>),
}

static ALL: [&Personality; 3] = [&tini::TINI, &dumb_init::DUMB_INIT, &catatonit::CATATONIT];

const LICENSE: &str = include_str!("../../../LICENSE");

/// The program whose name rinit is called by.
pub(super) fn of(program: &OsStr) -> Option<&'static Personality> {
    let name = Path::new(program).file_name()?.to_str()?;
    ALL.into_iter().find(|personality| personality.names.contains(&name))
}

/// Does what the other program would do with these words.
pub(super) fn run(personality: &'static Personality, words: &[OsString]) -> u8 {
    match action(personality, words, &values::env) {
        Ok(Action::Run(role)) => stand_in::run(*role),
        Ok(Action::Help) => personality.show(&personality.help()),
        Ok(Action::Version) => personality.show(&format!("{}\n", personality.version)),
        Ok(Action::License) => super::show(LICENSE),
        Err(message) => {
            let name = personality.name();
            output::err(&format!("{name}: {message}. Try '{name} {}'.\n", personality.help_option));
            personality.usage_status
        }
    }
}

fn action(personality: &'static Personality, words: &[OsString], env: Env<'_>) -> Result<Action, String> {
    // tini knows this word only where it is alone; the others would read it the same.
    if words.len() == 1 && words.first().is_some_and(|word| word == "--version") {
        return Ok(Action::Version);
    }
    (personality.read)(getopt::getopt(words, personality.switches)?, env)
}

impl Personality {
    fn name(&self) -> &'static str {
        self.names.first().copied().unwrap_or_default()
    }

    fn show(&self, text: &str) -> u8 {
        if !self.talks_to_stderr {
            return super::show(text);
        }
        output::err(text);
        DONE
    }

    fn help(&self) -> String {
        let mut text = format!("Usage: {} {}\n\nrinit in the place of {0}.\n\n", self.name(), self.usage);
        for switch in self.switches {
            let long = if switch.long.is_empty() { String::new() } else { format!(", --{}", switch.long) };
            let value = switch.value.map_or(String::new(), |value| format!(" {value}"));
            let left = format!("-{}{long}{value}", char::from(switch.short));
            text.push_str(&format!("  {left:22}{}\n", switch.help));
        }
        if self.switches.iter().all(|switch| switch.long != "version") {
            text.push_str("  --version             show the version; alone\n");
        }
        text.push_str("\nEnvironment:\n");
        for (name, meaning) in self.variables {
            text.push_str(&format!("  {name}\n      {meaning}\n"));
        }
        text
    }
}

/// Why there is nothing to do.
fn no_command() -> String {
    "no command was given".to_owned()
}

#[cfg(test)]
mod tests;
