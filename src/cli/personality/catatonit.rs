//! catatonit 0.1.7, which podman mounts into a container as podman-init.

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

pub(super) static CATATONIT: Personality = Personality {
    names: &["catatonit", "podman-init"],
    usage: "[-ghLPV] [--] PROGRAM [ARG]...",
    switches: &SWITCHES,
    variables: &[("CATATONIT_DEBUG", "say what is done")],
    // catatonit, too, begins like tini, for dockerd.
    version: concat!("tini version 0.1.7_catatonit (rinit ", env!("CARGO_PKG_VERSION"), ")"),
    help_option: "-h",
    talks_to_stderr: false,
    usage_status: 1,
    read,
};

static SWITCHES: [Switch; 5] = [
    Switch { short: b'g', long: "", value: None, help: "signals go to the program's process group" },
    Switch { short: b'h', long: "", value: None, help: "show this help" },
    Switch { short: b'L', long: "", value: None, help: "show the license" },
    Switch { short: b'P', long: "", value: None, help: "run nothing, and end at SIGTERM or SIGINT" },
    Switch { short: b'V', long: "version", value: None, help: "show the version" },
];

fn read((given, mut command): Given, env: Env<'_>) -> Result<Action, String> {
    if env("CATATONIT_LOG").is_some() {
        return Err("CATATONIT_LOG is reserved for future use".to_owned());
    }
    let mut tini_options = TiniOptions::default();
    let mut pause = false;
    for (short, _) in given {
        match short {
            b'h' => return Ok(Action::Help),
            b'L' => return Ok(Action::License),
            b'V' => return Ok(Action::Version),
            b'P' => pause = true,
            _ => tini_options.to_group = true,
        }
    }
    if pause {
        command.clear();
    } else if command.is_empty() {
        return Err(no_command());
    }
    Ok(Action::Run(Box::new(CompatOptions {
        command,
        log_level: env("CATATONIT_DEBUG").map_or(LevelFilter::Error, |_| LevelFilter::Debug),
        tini_options,
        session: Session::Foreground,
        dropped: vec![Signal::TSTP, Signal::TTIN, Signal::TTOU],
        rewritten: BTreeMap::new(),
        resets_ignored: false,
        suspends: false,
        last_signal: false,
        failures: Failures { own: 1, not_found: 1, denied: 1, other: 1 },
    })))
}
