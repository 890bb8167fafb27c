//! What people ask for: start, stop and restart of services, several at a time.

use super::Supervisor;
use super::event::*;
use super::turn::Turn;
use super::unit::{State, Unit, Wanted};
use crate::model::{Policy, Restart};

impl Supervisor {
    /// A service with `unless-stopped` was stopped by request before the container was restarted. To be called
    /// before `Event::Boot`.
    pub fn keep_stopped(&mut self, name: &str) {
        let unit = self.units.iter_mut().find(|unit| unit.name == name);
        if let Some(unit) = unit.filter(|unit| unit.definition.policy.restart == Restart::UnlessStopped) {
            unit.wanted = Wanted::StoppedByHand;
        }
    }

    pub(super) fn start(&mut self, now: Time, ids: Vec<ServiceId>, out: &mut Vec<Effect>) {
        if self.is_stopping() {
            return;
        }
        for id in &ids {
            self.remember(*id, false, out);
            self.with(*id, |unit| {
                if unit.state() == State::Backoff {
                    unit.forget_restarts();
                }
            });
        }
        // What wants to be restarted with one of these stops before that is there, or done, again.
        let again: Vec<ServiceId> = ids.iter().copied().filter(|id| self.starts_again(*id)).collect();
        if !self.followers(&again, true).is_empty() {
            self.cycle(again);
        }
        self.want(now, ids);
    }

    /// Whether it has ended, and a start would begin anew.
    fn starts_again(&self, id: ServiceId) -> bool {
        self.units.get(id.0).is_some_and(|unit| match unit.state() {
            State::Stopped | State::Failed => unit.starts > 0,
            State::Completed => !unit.has_to_stop(),
            State::Waiting
            | State::Starting
            | State::Running
            | State::Paused
            | State::Stopping
            | State::Backoff => false,
        })
    }

    pub(super) fn stop(&mut self, ids: Vec<ServiceId>, out: &mut Vec<Effect>) {
        if self.is_stopping() {
            return;
        }
        for id in &ids {
            self.remember(*id, true, out);
            self.with(*id, Unit::stop_by_hand);
        }
        self.stop_together(ids.into_iter().map(|id| (id, Turn::halt())).collect());
    }

    /// Restarts these, and what wants to be restarted with them.
    pub(super) fn restart(&mut self, now: Time, ids: Vec<ServiceId>, out: &mut Vec<Effect>) {
        if self.is_stopping() {
            return;
        }
        for id in &ids {
            self.remember(*id, false, out);
            self.with(*id, |unit| {
                unit.wanted = Wanted::Yes;
                unit.forget_restarts();
                if unit.state() == State::Stopping {
                    unit.want(now);
                }
            });
        }
        let needs = ids.iter().flat_map(|id| self.idle_needs(*id));
        let needs = needs.filter(|id| !ids.contains(id)).collect();
        self.want(now, needs);
        self.cycle(ids);
    }

    /// A service that ran, or has done its work, will do so again: those that want to be restarted with it are.
    pub(super) fn restart_followers(&mut self, id: ServiceId) {
        let followers = self.followers(&[id], false).into_iter();
        self.stop_together(followers.map(Turn::follow).collect());
    }

    /// These are started anew, and what wants to be with them.
    fn cycle(&mut self, ids: Vec<ServiceId>) {
        let followers = self.followers(&ids, true).into_iter().map(Turn::follow);
        let set = ids.into_iter().map(|id| (id, Turn::cycle(None))).chain(followers).collect();
        self.stop_together(set);
    }

    /// The policy of a service as it is defined now, though it runs or stops by an older one.
    fn defined_policy(&self, id: ServiceId) -> Option<&Policy> {
        let unit = self.units.get(id.0)?;
        let next = self.turns.get(&id).and_then(Turn::policy);
        Some(next.unwrap_or(unit.next_policy()))
    }

    /// What was stopped by request stays so after a restart of the container, if it is to. Told at each request: it may be
    /// that an earlier one could not be written down.
    fn remember(&self, id: ServiceId, stopped: bool, out: &mut Vec<Effect>) {
        if self.defined_policy(id).is_some_and(|policy| policy.restart == Restart::UnlessStopped) {
            out.push(Effect::Remember { service: id, stopped });
        }
    }
}
