//! What people ask for: start, stop and restart of single services.

use super::Supervisor;
use super::ending::Purpose;
use super::event::*;
use super::state::State;
use super::unit::Need;
use crate::model::Restart;

impl Supervisor {
    /// A service with `unless-stopped` was stopped by request before the container was restarted. To be called
    /// before `Event::Boot`.
    pub fn keep_stopped(&mut self, name: &str) {
        let unit = self.units.iter_mut().find(|unit| unit.name == name);
        if let Some(unit) = unit.filter(|unit| unit.policy.restart == Restart::UnlessStopped) {
            unit.by_hand = true;
        }
    }

    pub(super) fn start(&mut self, now: Time, id: ServiceId, out: &mut Vec<Effect>) {
        if !self.is_stopping() {
            self.remember(id, false, out);
            self.want(now, vec![id]);
        }
    }

    pub(super) fn stop(&mut self, now: Time, id: ServiceId, out: &mut Vec<Effect>) {
        if self.is_stopping() {
            return;
        }
        self.remember(id, true, out);
        self.with(id, |unit| {
            unit.wanted = false;
            unit.by_hand = true;
            unit.stop(now, Purpose::Halt, None, unit.policy.stop_grace_period, out);
        });
    }

    pub(super) fn restart(&mut self, now: Time, id: ServiceId, out: &mut Vec<Effect>) {
        if self.is_stopping() {
            return;
        }
        self.remember(id, false, out);
        self.with(id, |unit| {
            // While it stops for good, `want` below makes a restart of it.
            unit.wanted |= unit.is_alive();
            unit.stop(now, Purpose::Cycle, None, unit.policy.stop_grace_period, out);
        });
        self.want(now, vec![id]);
    }

    /// What was stopped by request stays so after a restart of the container, if it is to. Told at each request: it may be
    /// that an earlier one could not be written down.
    fn remember(&self, id: ServiceId, stopped: bool, out: &mut Vec<Effect>) {
        let unit = self.units.get(id.0);
        if unit.is_some_and(|unit| unit.defined_policy().restart == Restart::UnlessStopped) {
            out.push(Effect::Remember { service: id, stopped });
        }
    }

    /// A service that ran will run again: those that want to be restarted with it are.
    pub(super) fn restart_dependents(&mut self, now: Time, id: ServiceId, out: &mut Vec<Effect>) {
        let dependents = self.units.get(id.0).map(|unit| unit.needed_by.clone()).unwrap_or_default();
        for dependent in dependents {
            let wants_it = |need: &Need| need.on == id && need.restart;
            self.with(dependent, |unit| {
                let runs = matches!(unit.state, State::Starting | State::Running | State::Paused);
                if runs && unit.needs.iter().any(wants_it) {
                    unit.stop(now, Purpose::Cycle, None, unit.policy.stop_grace_period, out);
                }
            });
        }
    }
}
