//! tini's options: `-g`, `-e`, `-p`, `-w`.

#![forbid(unsafe_code)]

use crate::model::Signal;
use crate::sys::process;

/// How rinit treats COMMAND, under its own name and under tini's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TiniOptions {
    /// Signals go to COMMAND's process group in place of COMMAND alone.
    pub to_group: bool,
    /// Exit statuses that become 0.
    pub remap: Remap,
    /// The signal that rinit gets when its parent ends.
    pub parent_death_signal: Option<Signal>,
    /// rinit warns of every orphan that it reaps.
    pub warn_zombies: bool,
}

impl TiniOptions {
    /// Sets the parent death signal, and becomes a subreaper unless rinit is PID 1.
    pub fn begin(&self) {
        if let Some(signal) = self.parent_death_signal
            && let Err(e) = process::set_parent_death_signal(signal)
        {
            log::warn!("cannot ask for {signal} at the end of the parent: {e}");
        }
        if !process::is_pid1()
            && let Err(e) = process::become_subreaper()
        {
            log::warn!("cannot become a subreaper, orphans will not be reaped: {e}");
        }
    }
}

/// A set of exit statuses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remap(Vec<u8>);

impl Remap {
    /// Adds a status that becomes 0.
    pub fn add(&mut self, status: u8) {
        self.0.push(status);
    }

    /// What a status becomes.
    pub fn apply(&self, status: u8) -> u8 {
        if self.0.contains(&status) { 0 } else { status }
    }
}
