//! Whose each of rinit's children is, which decides who learns that it has ended.

#![forbid(unsafe_code)]

use crate::init::executor::Executor;
use crate::init::output::OUTPUT;
use crate::supervisor::Pid;

/// Whose a child is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::init) enum Owner {
    /// A service's: its main process, a probe or a hook.
    Service,
    /// It reads definitions.
    Reader,
    /// It sends signals.
    SignalSenders,
    /// It writes to the state directory.
    StateWriter,
    /// It writes to standard error.
    Output,
    /// rinit has not made it: an orphan.
    Nobody,
}

impl Executor {
    /// Whose a child is, until its end has been told.
    pub(in crate::init) fn owner(&self, pid: i32) -> Owner {
        match self.supervisor.processes().get(Pid(pid)) {
            Some(_) => Owner::Service,
            None => self.owner_beside_services(pid),
        }
    }

    /// Whose a child is that was reaped just now. An end that is not told yet is that of another process with the same
    /// number.
    pub(in crate::init) fn owner_of_reaped(&self, pid: i32) -> Owner {
        match self.supervisor.processes().is_reaped(Pid(pid)) {
            true => self.owner_beside_services(pid),
            false => self.owner(pid),
        }
    }

    /// Whether rinit has a child that works for itself.
    pub(in crate::init) fn has_helper(&self) -> bool {
        self.reader.is_busy() || self.signal_senders.is_at_work() || self.state_writer.child().is_some()
    }

    fn owner_beside_services(&self, pid: i32) -> Owner {
        if self.reader.is_child(pid) {
            Owner::Reader
        } else if self.signal_senders.is_child(pid) {
            Owner::SignalSenders
        } else if self.state_writer.child() == Some(pid) {
            Owner::StateWriter
        } else if OUTPUT.is_relay(pid) {
            Owner::Output
        } else {
            Owner::Nobody
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init::launch::Launcher;
    use crate::init::state::State;
    use crate::supervisor::{Role, ServiceId, Supervisor};
    use crate::sys::poll::Poller;
    use std::time::Duration;

    /// The kernel gives a number to another process as soon as it is free.
    #[test]
    fn a_number_that_was_reaped_already_is_that_of_another_child() {
        let base = tempfile::tempdir().unwrap();
        let state = State::open(Some(&base.path().join("state")), false);
        let supervisor = Supervisor::new(&[], Duration::ZERO);
        let mut executor =
            Executor::new(supervisor, Vec::new(), Launcher::record(), Poller::new().unwrap(), state);
        executor.state_writer.remember("web", true);
        let pid = executor.state_writer.child().unwrap();
        assert_eq!(executor.owner_of_reaped(pid), Owner::StateWriter);
        executor.supervisor.record(Pid(pid), ServiceId(0), Role::Main);
        assert_eq!(executor.owner_of_reaped(pid), Owner::Service);
        executor.supervisor.reaped(Pid(pid));
        assert_eq!(executor.owner_of_reaped(pid), Owner::StateWriter);
        assert_eq!(executor.owner(pid), Owner::Service, "its end is still to be told");
        nix::sys::wait::waitpid(nix::unistd::Pid::from_raw(pid), None).unwrap();
    }
}
