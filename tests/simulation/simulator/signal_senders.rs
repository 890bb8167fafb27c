//! Signals that a child of PID 1's sends: after a while, in their order, and some of them in vain. Between the decision
//! and the delivery everything else goes on.

use super::hardships::Seen;
use super::kernel::Act;
use super::world::World;
use rinit::model::Signal;
use rinit::supervisor::{Event, Pid, Scope};
use std::time::Duration;

impl World<'_> {
    /// How long the next child takes; `None` where PID 1 sends signals itself.
    fn takes(&self) -> Option<Duration> {
        let times = &self.scenario.hardships.senders_take;
        times.get(self.kernel.deliveries % times.len().max(1)).copied()
    }

    /// PID 1 sends a signal itself, or has a child send it.
    pub(super) fn send(&mut self, pid: Pid, scope: Scope, signal: Signal) -> Option<Event> {
        let Some(takes) = self.takes() else { return self.deliver(pid, scope, signal) };
        self.kernel.deliver_after(self.now, takes, Act::Deliver(pid, scope, signal));
        None
    }

    /// The same to everything that is left at the stop.
    pub(super) fn send_to_all(&mut self, signal: Signal) {
        match self.takes() {
            None => self.kernel.signal_all(self.now, signal),
            Some(takes) => self.kernel.deliver_after(self.now, takes, Act::DeliverToAll(signal)),
        }
    }

    /// A child has come to a signal. What PID 1 learns of it.
    pub(super) fn delivers(&mut self, pid: Pid, scope: Scope, signal: Signal) -> Option<Seen> {
        // Nothing is sent to whom PID 1 has reaped meanwhile.
        self.supervisor.processes().target(pid, scope)?;
        self.deliver(pid, scope, signal).map(Seen::NotSignalled)
    }

    fn deliver(&mut self, pid: Pid, scope: Scope, signal: Signal) -> Option<Event> {
        self.kernel.signal(self.now, pid, scope, signal);
        let refused = self.kernel.is_unreachable(self.kernel.group_of(pid));
        refused.then(|| Event::NotSignalled { pid, signal, message: format!("{signal} not permitted") })
    }
}
