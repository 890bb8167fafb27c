//! Whose each of rinit's children is, which decides who learns that it has ended.

#![forbid(unsafe_code)]

use super::executor::Executor;
use super::output::OUTPUT;
use crate::supervisor::Pid;

/// Whose a child is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// A service's: its main process, a probe or a hook.
    Service,
    /// It reads definitions.
    Reader,
    /// It sends signals.
    Couriers,
    /// It writes to the state directory.
    Scribe,
    /// It writes to standard error.
    Output,
    /// rinit has not made it: an orphan.
    Nobody,
}

impl Executor {
    /// Whose a child is, until its end has been told.
    pub(super) fn owner(&self, pid: i32) -> Owner {
        if self.supervisor.processes().get(Pid(pid)).is_some() {
            Owner::Service
        } else if self.reader.is_child(pid) {
            Owner::Reader
        } else if self.couriers.is_courier(pid) {
            Owner::Couriers
        } else if self.scribe.is_child(pid) {
            Owner::Scribe
        } else if OUTPUT.is_relay(pid) {
            Owner::Output
        } else {
            Owner::Nobody
        }
    }
}
