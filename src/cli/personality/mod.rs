//! By another's name: called as tini, dumb-init or catatonit, rinit takes that program's options, variables, defaults
//! and exit statuses, so that an image or an engine that uses one of them can have rinit in its place.

#![forbid(unsafe_code)]

mod catatonit;
mod dumb_init;
mod getopt;
mod program;
mod tini;

use super::output;
use super::values::{self, Env};
use crate::init::compat;
use program::Action;
pub(super) use program::Personality;
use std::ffi::{OsStr, OsString};
use std::path::Path;

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
        Ok(Action::Run(options)) => compat::run(*options),
        Ok(Action::Help) => personality.show(&personality.help()),
        Ok(Action::Version) => personality.show(&format!("{}\n", personality.version)),
        Ok(Action::License) => output::show(LICENSE),
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

#[cfg(test)]
mod tests;
