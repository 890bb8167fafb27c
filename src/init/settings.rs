//! What the init is told to do: the command line and the environment, complete and checked.

#![forbid(unsafe_code)]

use super::tini_options::TiniOptions;
use crate::config::Style;
use crate::control::address::Address;
use crate::model::Logging;
use log::LevelFilter;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// How the init is to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Directories with service definitions; the same name in a later one replaces the earlier definition.
    pub services: Vec<PathBuf>,
    /// Whose service directories these are, where nothing in them says so.
    pub style: Option<Style>,
    /// COMMAND with its arguments, byte for byte; empty if there is none.
    pub command: Vec<OsString>,
    /// How long the whole stop may take.
    pub stop_timeout: Duration,
    /// Where the control socket is to be; `None`: at its usual place.
    pub socket: Option<Address>,
    /// What happens where that cannot be.
    pub listening: Listening,
    /// What is remembered from one container start to the next is there; `None`: at its usual place.
    pub state_dir: Option<PathBuf>,
    /// What rinit says of itself.
    pub log_level: LevelFilter,
    /// How it says that.
    pub log_format: LogFormat,
    /// Where what services write goes that do not say so themselves; `None`: where rinit's own does.
    pub logging: Option<Logging>,
    /// How COMMAND is treated.
    pub tini_options: TiniOptions,
}

/// Whether there is to be a control socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listening {
    /// Yes; without one, rinit does its work all the same.
    Wanted,
    /// Yes; where another init listens there already, nothing is started.
    Required,
    /// No.
    Off,
}

/// How rinit's own messages are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}
