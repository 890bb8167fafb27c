//! How a change spreads to other units: who can start now, who never can, and whether the container ends with it.

#![forbid(unsafe_code)]

use super::Supervisor;
use super::event::*;
use super::unit::{Need, State, Unit};
use crate::model::{Condition, is_built_in};

impl Supervisor {
    /// Carries out what the changes so far mean for other units, until nothing changes any more.
    pub(super) fn settle(&mut self, now: Time, out: &mut Vec<Effect>) {
        self.spread(now, out);
        // A unit that waits for something else as well finds that in its current state.
        for id in std::mem::take(&mut self.came_up) {
            self.queue.extend(self.units.get(id.0).iter().flat_map(|unit| &unit.needed_by));
        }
        self.spread(now, out);
        if self.shutdown.is_none() && self.all_done() {
            self.begin_stop(now, StopCause::AllDone, out);
            self.spread(now, out);
        }
        if self.shutdown.is_some() {
            self.settle_stop(now, out);
        }
    }

    pub(super) fn spread(&mut self, now: Time, out: &mut Vec<Effect>) {
        loop {
            if let Some(id) = self.interrupted.pop_front() {
                self.restart_followers(id);
                continue;
            }
            if let Some(id) = self.revived.pop() {
                self.revive_dependents(now, id);
                continue;
            }
            // What has to go goes before anything is started.
            if self.shutdown.is_none() && std::mem::take(&mut self.turns_may_have_come) {
                self.take_turns(now, out);
                continue;
            }
            let Some(id) = self.queue.pop_front() else { break };
            if self.shutdown.is_some() {
                self.stop_if_free(now, id, out);
                continue;
            }
            let Some(unit) = self.units.get(id.0) else { continue };
            if let Some(cause) = self.ends_container(unit) {
                self.begin_stop(now, cause, out);
            } else if unit.state() == State::Waiting {
                self.start_if_met(now, id, out);
            } else {
                self.revive(now, id);
            }
        }
    }

    /// A unit is wanted again, and so is what had failed because of it.
    fn revive_dependents(&mut self, now: Time, id: ServiceId) {
        let dependents = self.units.get(id.0).map_or_else(Vec::new, |unit| unit.needed_by.clone());
        if self.shutdown.is_none() {
            dependents.into_iter().for_each(|dependent| self.revive(now, dependent));
        }
    }

    /// Wants a unit again that failed because of a dependency, if everything that it requires can come.
    fn revive(&mut self, now: Time, id: ServiceId) {
        let Some(unit) = self.units.get(id.0) else { return };
        if unit.failed_by_dependency() && unit.is_wanted() && !self.is_hopeless(unit) {
            self.with(id, |unit| unit.want(now));
        }
    }

    fn ends_container(&self, unit: &Unit) -> Option<StopCause> {
        // One that nobody wants to run has ended by an older definition, or before it was stopped by request.
        if unit.definition.policy.essential
            && unit.is_wanted()
            && (unit.state().is_final() || unit.is_left_over())
        {
            return Some(StopCause::Essential(unit.id));
        }
        unit.ends_container().then_some(StopCause::Unhealthy(unit.id))
    }

    /// Whether nothing will run any more: everything has ended for good, and at least one thing had been wanted. What is
    /// part of rinit is there for the others.
    fn all_done(&self) -> bool {
        let counts = |unit: &&Unit| unit.state() != State::Stopped && !is_built_in(&unit.name);
        let mut finished = self.units.iter().filter(counts).peekable();
        // Who has stopped a service by hand may want to start it again.
        finished.peek().is_some()
            && self.turns.is_empty()
            && finished.all(|unit| unit.state().is_final())
            && !self.units.iter().any(|unit| unit.is_stopped_by_hand())
    }

    pub(super) fn start_if_met(&mut self, now: Time, id: ServiceId, out: &mut Vec<Effect>) {
        let Some(unit) = self.units.get(id.0).filter(|_| !self.waits_for_turn(id)) else { return };
        let mut missing = None;
        let mut hopeless = None;
        for need in &unit.needs {
            match self.need(need) {
                NeedState::Met => {}
                NeedState::Open => missing = missing.or(Some(*need)),
                NeedState::Hopeless if need.required => hopeless = hopeless.or(Some(*need)),
                NeedState::Hopeless => {}
            }
        }
        if let Some(need) = hopeless {
            let Some(on) = self.units.get(need.on.0) else { return };
            let reason = format!("dependency {} {}", on.name, on.state().as_str());
            // One that has completed may have failed in an earlier life.
            let code = on.failure().unwrap_or(1);
            self.with(id, |unit| unit.fail_by_dependency(now, reason.clone(), code));
            out.push(Effect::Notice(Notice::DependencyFailed(id, reason)));
        } else if let Some(need) = missing {
            out.push(Effect::Notice(Notice::Waiting(id, need.on, need.condition)));
        } else if let Some(on) = self.renewed_before(id) {
            out.push(Effect::Notice(Notice::Waiting(id, on, Condition::Started)));
        } else {
            self.with(id, |unit| unit.start(now, out));
        }
    }

    /// Whether something that it requires can no longer come.
    fn is_hopeless(&self, unit: &Unit) -> bool {
        unit.needs.iter().any(|need| need.required && self.need(need) == NeedState::Hopeless)
    }

    pub(super) fn need(&self, need: &Need) -> NeedState {
        let Some(on) = self.units.get(need.on.0) else { return NeedState::Met };
        if self.renewed.contains(&need.on) {
            return NeedState::Open;
        }
        let runs = matches!(on.state(), State::Running | State::Paused);
        let met = match need.condition {
            Condition::Started => runs || on.state() == State::Completed || self.came_up.contains(&need.on),
            Condition::Healthy => runs && on.is_healthy(),
            Condition::CompletedSuccessfully => on.state() == State::Completed,
        };
        // A completed service will not get healthy any more, and a failed one nothing at all.
        match met {
            true => NeedState::Met,
            false if on.state().is_final() => NeedState::Hopeless,
            // What may be missing is not waited for when nobody has asked for it.
            false if !need.required && on.state() == State::Stopped => NeedState::Hopeless,
            false => NeedState::Open,
        }
    }
}

/// Whether a dependency is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NeedState {
    Met,
    Open,
    Hopeless,
}
