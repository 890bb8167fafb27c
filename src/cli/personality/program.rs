//! Another program by whose name rinit is called: its options and variables, and what its command line means.

#![forbid(unsafe_code)]

use super::getopt::{Given, Switch};
use crate::cli::output;
use crate::cli::values::Env;
use crate::init::compat::CompatOptions;
use crate::model::exit::DONE;

/// Another program: what its command line may hold, and what it means.
#[derive(Debug)]
pub(in crate::cli) struct Personality {
    /// The names that it is called by; the first is its own.
    pub(super) names: &'static [&'static str],
    /// How it is called, after its name.
    pub(super) usage: &'static str,
    /// Its options.
    pub(super) switches: &'static [Switch],
    /// Its environment variables, each with its meaning.
    pub(super) variables: &'static [(&'static str, &'static str)],
    /// What `--version` prints.
    pub(super) version: &'static str,
    /// The option that asks for its help, if only one is there.
    pub(super) help_option: &'static str,
    /// Its help and version go to standard error.
    pub(super) talks_to_stderr: bool,
    /// Its exit status for a command line that is wrong.
    pub(super) usage_status: u8,
    /// What the command line means.
    pub(super) read: fn(Given, Env<'_>) -> Result<Action, String>,
}

/// What is to be done.
#[derive(Debug, PartialEq)]
pub(super) enum Action {
    Help,
    Version,
    License,
    Run(Box<CompatOptions>),
}

impl Personality {
    pub fn name(&self) -> &'static str {
        self.names.first().copied().unwrap_or_default()
    }

    pub fn show(&self, text: &str) -> u8 {
        if !self.talks_to_stderr {
            return output::show(text);
        }
        output::err(text);
        DONE
    }

    pub fn help(&self) -> String {
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
pub(super) fn no_command() -> String {
    "no command was given".to_owned()
}
