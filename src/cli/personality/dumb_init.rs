//! dumb-init 1.2.

#![forbid(unsafe_code)]

use super::getopt::{Given, Switch};
use super::program::{Action, Personality, no_command};
use crate::cli::values::Env;
use crate::init::TiniOptions;
use crate::init::compat::{CompatOptions, Failures};
use crate::model::Signal;
use crate::sys::spawn::Session;
use log::LevelFilter;
use std::collections::BTreeMap;
use std::ffi::OsStr;

pub(super) static DUMB_INIT: Personality = Personality {
    names: &["dumb-init"],
    usage: "[OPTION]... [--] COMMAND [ARG]...",
    switches: &SWITCHES,
    variables: &[("DUMB_INIT_DEBUG", "1: as -v"), ("DUMB_INIT_SETSID", "0: as -c")],
    version: concat!("dumb-init v1.2.5 (rinit ", env!("CARGO_PKG_VERSION"), ")"),
    help_option: "--help",
    talks_to_stderr: true,
    usage_status: 1,
    read,
};

static SWITCHES: [Switch; 5] = [
    Switch {
        short: b'c',
        long: "single-child",
        value: None,
        help: "no session, signals go to the command alone",
    },
    Switch {
        short: b'r',
        long: "rewrite",
        value: Some("S:R"),
        help: "pass signal S on as R, 0 for not at all; may be repeated",
    },
    Switch { short: b'v', long: "verbose", value: None, help: "say what is done" },
    Switch { short: b'h', long: "help", value: None, help: "show this help" },
    Switch { short: b'V', long: "version", value: None, help: "show the version" },
];

/// Signals that a terminal stops its jobs with. In a session of its own the command has no shell above it, and
/// would not be stopped by them.
const FROM_TERMINAL: [Signal; 3] = [Signal::TSTP, Signal::TTIN, Signal::TTOU];

/// The last signal that can be rewritten.
const LAST: i32 = 31;

fn read((given, command): Given, env: Env<'_>) -> Result<Action, String> {
    let is = |name: &str, value: &str| env(name).is_some_and(|set| set == value);
    let mut single = is("DUMB_INIT_SETSID", "0");
    let mut verbose = is("DUMB_INIT_DEBUG", "1");
    let mut rewritten = BTreeMap::new();
    for (short, value) in given {
        match short {
            b'h' => return Ok(Action::Help),
            b'V' => return Ok(Action::Version),
            b'c' => single = true,
            b'v' => verbose = true,
            _ => rewritten.extend([rewrite(&value)?]),
        }
    }
    if command.is_empty() {
        return Err(no_command());
    }
    if !single {
        for signal in FROM_TERMINAL {
            rewritten.entry(signal).or_insert(Some(Signal::STOP));
        }
    }
    Ok(Action::Run(Box::new(CompatOptions {
        command,
        log_level: if verbose { LevelFilter::Debug } else { LevelFilter::Warn },
        tini_options: TiniOptions { to_group: !single, ..TiniOptions::default() },
        session: if single { Session::Shared } else { Session::WithTerminal },
        dropped: Vec::new(),
        rewritten,
        resets_ignored: true,
        suspends: true,
        last_signal: !single,
        failures: Failures { own: 1, not_found: 2, denied: 2, other: 2 },
    })))
}

/// `15:3`, `TERM:QUIT`, `15:0`.
fn rewrite(value: &OsStr) -> Result<(Signal, Option<Signal>), String> {
    let signal = |text: &str| Signal::parse(text).filter(|signal| signal.number() <= LAST);
    let read = value.to_str().and_then(|text| text.split_once(':')).and_then(|(from, to)| {
        let to = if to == "0" { None } else { Some(signal(to)?) };
        Some((signal(from)?, to))
    });
    read.ok_or_else(|| format!("-r {value:?}: write S:R, two signals from 1 to {LAST}, or S:0"))
}
