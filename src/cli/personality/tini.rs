//! tini 0.19, which is also docker-init.

#![forbid(unsafe_code)]

use super::getopt::{Given, Switch};
use super::program::{Action, Personality, no_command};
use crate::cli::values::{Env, env_verbosity, raised, read_signal, read_status};
use crate::init::TiniOptions;
use crate::init::compat::{CompatOptions, Failures};
use crate::model::{Signal, exit};
use crate::sys::spawn::Session;
use log::LevelFilter;
use std::collections::BTreeMap;
use std::ffi::OsString;

pub(super) static TINI: Personality = Personality {
    names: &["tini", "tini-static", "docker-init"],
    usage: "[OPTION]... [--] PROGRAM [ARG]...",
    switches: &SWITCHES,
    variables: &[
        (SUBREAPER, "as -s"),
        (KILL_PROCESS_GROUP, "as -g"),
        ("TINI_VERBOSITY", "0 for errors alone, 1 (the default) with warnings, up to 4"),
    ],
    // dockerd reads the number before the dash, and shows what follows "git." as the version; without more dots.
    version: concat!(
        "tini version 0.19.0 - git.rinit-",
        env!("CARGO_PKG_VERSION_MAJOR"),
        "-",
        env!("CARGO_PKG_VERSION_MINOR"),
        "-",
        env!("CARGO_PKG_VERSION_PATCH")
    ),
    help_option: "-h",
    talks_to_stderr: false,
    usage_status: 1,
    read,
};

const SUBREAPER: &str = "TINI_SUBREAPER";
const KILL_PROCESS_GROUP: &str = "TINI_KILL_PROCESS_GROUP";

static SWITCHES: [Switch; 8] = [
    Switch { short: b'h', long: "", value: None, help: "show this help" },
    Switch { short: b'l', long: "", value: None, help: "show the license" },
    Switch { short: b's', long: "", value: None, help: "become a subreaper, as rinit always does" },
    Switch { short: b'p', long: "", value: Some("SIGNAL"), help: "the signal to get when the parent ends" },
    Switch { short: b'v', long: "", value: None, help: "say more; may be repeated" },
    Switch { short: b'w', long: "", value: None, help: "warn about each zombie that is reaped" },
    Switch { short: b'g', long: "", value: None, help: "signals go to the program's process group" },
    Switch {
        short: b'e',
        long: "",
        value: Some("CODE"),
        help: "exit with 0 in place of CODE; may be repeated",
    },
];

fn read((given, mut command): Given, env: Env<'_>) -> Result<Action, String> {
    let mut tini_options = TiniOptions::default();
    let mut verbose = 0_usize;
    for (short, value) in given {
        match short {
            b'h' => return Ok(Action::Help),
            b'l' => return Ok(Action::License),
            b'p' => tini_options.parent_death_signal = Some(checked("-p", &value, read_signal)?),
            b'e' => tini_options.remap.add(checked("-e", &value, read_status)?),
            b'v' => verbose = verbose.saturating_add(1),
            b'w' => tini_options.warn_zombies = true,
            b'g' => tini_options.to_group = true,
            _ => {}
        }
    }
    tini_options.to_group |= env(KILL_PROCESS_GROUP).is_some();
    // "PROGRAM -- ARG...", as tini's own usage has it.
    if command.get(1).is_some_and(|word| word == "--") {
        command.remove(1);
    }
    if command.is_empty() {
        return Err(no_command());
    }
    Ok(Action::Run(Box::new(CompatOptions {
        command,
        log_level: env_verbosity(env).unwrap_or_else(|| raised(LevelFilter::Warn, verbose)),
        tini_options,
        session: Session::Foreground,
        dropped: vec![Signal::TTIN, Signal::TTOU],
        rewritten: BTreeMap::new(),
        resets_ignored: false,
        suspends: false,
        last_signal: false,
        failures: Failures { own: 1, not_found: exit::NOT_FOUND, denied: exit::NOT_EXECUTABLE, other: 1 },
    })))
}

fn checked<T>(
    option: &str,
    value: &OsString,
    read: fn(&std::ffi::OsStr) -> Result<T, String>,
) -> Result<T, String> {
    read(value).map_err(|cause| format!("{option} {value:?}: {cause}"))
}
