//! What the command line says of how PID 1 treats its command, in tini's words: `-g`, `-e`, `-p`, `-w`.

#![forbid(unsafe_code)]

use crate::model::Signal;
use crate::sys::process;

/// How rinit is to treat COMMAND, natively and in another program's place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contract {
    /// Signals go to COMMAND's process group in place of COMMAND alone.
    pub to_group: bool,
    /// Exit statuses that become 0.
    pub remap: Remap,
    /// The signal that rinit gets when its parent ends.
    pub parent_death_signal: Option<Signal>,
    /// Every reaped orphan is told, as a warning.
    pub warn_zombies: bool,
}

impl Contract {
    /// Asks the kernel for what it does of it.
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
    /// Has this status become 0.
    pub fn add(&mut self, status: u8) {
        self.0.push(status);
    }

    /// What a status becomes.
    pub fn apply(&self, status: u8) -> u8 {
        if self.0.contains(&status) { 0 } else { status }
    }
}
