//! What is stopped together, by one request, a reload or a restart that others want to share: dependents first, each
//! when its turn comes; and what is started again of it, dependencies first.
//!
//! A service that has to wait for its turn runs on until then, by the definition that it has. Its turn comes when those
//! of the others that depend on it, be it by way of services that stay, have stopped. What is to be started again
//! waits until everything that it depends on has had its turn and is there.

use super::Supervisor;
use super::event::*;
use super::graph;
use super::turn::{Follower, Turn};
use super::unit::{Again, Need, Purpose, State, Unit};
use crate::model::Service;
use std::collections::BTreeSet;

impl Supervisor {
    /// These are to stop, each when its turn comes.
    pub(super) fn stop_together(&mut self, set: Vec<(ServiceId, Turn)>) {
        let ids: BTreeSet<ServiceId> = set.iter().map(|(id, _)| *id).collect();
        for (id, turn) in set {
            let known = self.turns.remove(&id);
            self.pass_on(id, known.as_ref());
            let Some(unit) = self.units.get(id.0) else { continue };
            let halts = turn.purpose == Purpose::Halt;
            let mut after =
                if halts && !unit.has_to_stop() { BTreeSet::new() } else { self.blockers(id, &ids) };
            // What an earlier reload had wait for runs by definitions that nobody knows any more.
            if unit.is_gone() || turn.next.is_some() {
                let known = known.iter().flat_map(|known| &known.after).copied();
                after.extend(known.filter(|id| !self.is_out_of_the_way(*id)));
            }
            // The definition that an earlier reload has brought is not forgotten.
            let known = known.and_then(|turn| turn.next).filter(|_| !unit.is_gone());
            if halts {
                // It is waited for no longer.
                if self.renewed.remove(&id) {
                    self.queue.extend(&self.order);
                }
            } else {
                // It is hopeless for nobody any more.
                self.queue.extend(&unit.needed_by);
                self.renewed.insert(id);
            }
            self.turns.insert(id, Turn { after, next: turn.next.or(known), ..turn });
            self.turns_may_have_come = true;
        }
    }

    /// A service no longer waits for others. Services that wait for it wait for these instead.
    fn pass_on(&mut self, id: ServiceId, turn: Option<&Turn>) {
        let after = turn.iter().flat_map(|turn| &turn.after).copied();
        let after: Vec<ServiceId> = after.filter(|id| !self.is_out_of_the_way(*id)).collect();
        for waits in self.turns.values_mut().filter(|waits| waits.after.contains(&id)) {
            waits.after.extend(&after);
        }
    }

    /// The nearest of these that depend on a service and have something to stop; and what is gone for good and has.
    fn blockers(&self, id: ServiceId, set: &BTreeSet<ServiceId>) -> BTreeSet<ServiceId> {
        let mut found = BTreeSet::new();
        let mut seen = BTreeSet::from([id]);
        let mut todo = vec![id];
        while let Some(unit) = todo.pop().and_then(|id| self.units.get(id.0)) {
            for dependent in unit.needed_by.iter().filter_map(|id| self.units.get(id.0)) {
                if !seen.insert(dependent.id) {
                    continue;
                }
                let together = set.contains(&dependent.id) || dependent.is_gone();
                if together && dependent.has_to_stop() {
                    found.insert(dependent.id);
                } else {
                    todo.push(dependent.id);
                }
            }
        }
        found
    }

    /// Whether what runs of a service, and how it stops, is not what the last reload has made of it.
    pub fn keeps_definition(&self, id: ServiceId) -> bool {
        self.defers_definition(id) || self.units.get(id.0).is_some_and(Unit::has_next)
    }

    /// Whether the last reload has brought another definition, which holds once its turn to stop has come.
    pub fn defers_definition(&self, id: ServiceId) -> bool {
        self.turns.get(&id).is_some_and(|turn| turn.next.is_some())
    }

    /// What those need that keep their definition for now.
    pub(super) fn needs_until_then(&self) -> Vec<(ServiceId, Vec<Need>)> {
        let units = self.units.iter().filter(|unit| self.keeps_definition(unit.id));
        units.map(|unit| (unit.id, unit.needs.clone())).collect()
    }

    /// The graph is that of the new definitions. These services need what they did until they have stopped.
    pub(super) fn keep_needs(&mut self, kept: Vec<(ServiceId, Vec<Need>)>) {
        for (id, needs) in kept {
            let new = graph::replace_needs(&mut self.units, id, needs);
            self.needs_later.insert(id, new);
        }
    }

    /// A service may have stopped that kept its definition until then.
    pub(super) fn take_over_needs(&mut self, id: ServiceId) {
        // At the stop of the container only what reads the rest is started once more.
        let goes_on = self.shutdown.is_none() || self.units.get(id.0).is_some_and(|unit| unit.reads_on());
        if !goes_on || self.keeps_definition(id) {
            return;
        }
        if let Some(needs) = self.needs_later.remove(&id) {
            graph::replace_needs(&mut self.units, id, needs);
            self.order = graph::dependencies_first(&self.units);
        }
    }

    /// Whether a service still runs only because its turn to stop has not come.
    pub fn waits_for_turn(&self, id: ServiceId) -> bool {
        self.turns.contains_key(&id)
    }

    /// Whether a service is restarted together with others, and is not there again.
    pub fn is_renewed(&self, id: ServiceId) -> bool {
        self.renewed.contains(&id)
    }

    /// What has to stop before a service that waits for its turn.
    pub fn turn_after(&self, id: ServiceId) -> Vec<&str> {
        let after = self.turns.get(&id).into_iter().flat_map(|turn| &turn.after);
        after.filter(|id| !self.is_out_of_the_way(**id)).map(|id| self.name(*id)).collect()
    }

    fn is_out_of_the_way(&self, id: ServiceId) -> bool {
        !self.turns.contains_key(&id)
            && self.units.get(id.0).is_none_or(|unit| unit.state() != State::Stopping)
    }

    /// Stops those whose turn has come.
    pub(super) fn take_turns(&mut self, now: Time, out: &mut Vec<Effect>) {
        let come = |turn: &Turn| turn.after.iter().all(|id| self.is_out_of_the_way(*id));
        let due: Vec<ServiceId> =
            self.turns.iter().filter(|(_, turn)| come(turn)).map(|(id, _)| *id).collect();
        for id in due {
            if let Some(turn) = self.turns.remove(&id) {
                self.take_turn(now, id, turn, out);
                // What had nothing to stop is out of the way at once.
                self.turns_may_have_come |= !self.turns.is_empty();
            }
        }
    }

    fn take_turn(&mut self, now: Time, id: ServiceId, turn: Turn, out: &mut Vec<Effect>) {
        let again = self.again(&turn).map(Box::new);
        if let Some(unit) = self.units.get_mut(id.0) {
            unit.again = again;
        }
        self.with(id, |unit| match turn.next {
            Some(next) => unit.redefine(now, &next, Some(turn.purpose), out),
            None => unit.stop(now, turn.purpose, None, unit.definition.policy.stop_grace_period, out),
        });
        // One that had nothing to stop is what it is defined as now.
        self.take_over_needs(id);
        // What it needs was asked for with it; meanwhile somebody may have stopped that.
        self.with(id, |unit| {
            if unit.is_wanted() {
                unit.want(now);
            }
        });
        self.queue.push_back(id);
    }

    /// Why a service whose turn has come is started again, if it is.
    fn again(&self, turn: &Turn) -> Option<Again> {
        match (turn.purpose, turn.with, &turn.next) {
            (Purpose::Halt | Purpose::Restart | Purpose::CleanUp, _, _) => None,
            (Purpose::Cycle, Some(with), _) => {
                let why = format!("restarted with {}", self.name(with));
                Some(Again { why, with_dependency: true })
            }
            (Purpose::Cycle, None, Some(_)) => {
                Some(Again { why: "its definition has changed".to_owned(), with_dependency: false })
            }
            (Purpose::Cycle, None, None) => Some(Again::by_request()),
        }
    }

    /// Somebody wants a service to run: it does not stop for good when its turn comes.
    pub(super) fn forget_halt(&mut self, id: ServiceId) {
        match self.turns.get_mut(&id) {
            Some(turn) if turn.purpose == Purpose::Halt && turn.next.is_some() => {
                turn.purpose = Purpose::Cycle;
                self.renewed.insert(id);
            }
            Some(turn) if turn.purpose == Purpose::Halt => {
                let turn = self.turns.remove(&id);
                self.pass_on(id, turn.as_ref());
            }
            Some(_) | None => {}
        }
    }

    /// A definition that takes effect without a restart has come for a service that waits for its turn. Returns whether
    /// it does.
    pub(super) fn redefine_later(&mut self, id: ServiceId, service: &Service) -> bool {
        let next = self.turns.get_mut(&id).and_then(|turn| turn.next.as_mut());
        next.is_some_and(|next| {
            service.clone_into(next);
            true
        })
    }

    /// The container stops, and everyone gets another turn. What runs stops by the definition that it has, and is started
    /// again by the new one, if it is.
    pub(super) fn forget_turns(&mut self, now: Time) {
        for (id, turn) in std::mem::take(&mut self.turns) {
            if let Some(next) = turn.next {
                self.with(id, |unit| unit.redefine_after_stop(now, &next));
            }
        }
        self.renewed.clear();
    }

    /// A service may be there again after a restart with others. Those that wait for that are looked at.
    pub(super) fn note_renewal(&mut self, id: ServiceId, state: State) {
        let over = match state {
            State::Waiting | State::Starting | State::Stopping => false,
            State::Stopped
            | State::Running
            | State::Paused
            | State::Backoff
            | State::Completed
            | State::Failed => !self.turns.contains_key(&id),
        };
        if over && self.renewed.remove(&id) {
            self.queue.extend(&self.order);
        }
    }

    /// What a service depends on, be it by way of others, that is restarted with it and is not there again.
    pub(super) fn renewed_before(&self, id: ServiceId) -> Option<ServiceId> {
        if self.renewed.is_empty() {
            return None;
        }
        let mut seen = BTreeSet::new();
        let mut todo = vec![id];
        while let Some(unit) = todo.pop().and_then(|id| self.units.get(id.0)) {
            for need in &unit.needs {
                if self.renewed.contains(&need.on) {
                    return Some(need.on);
                }
                if seen.insert(need.on) {
                    todo.push(need.on);
                }
            }
        }
        None
    }

    /// What is restarted whenever one of these is, because it wants to be, or wants it of another one that is. What has
    /// failed for good is started again only where somebody has asked for the restart.
    pub(super) fn followers(&self, ids: &[ServiceId], asked: bool) -> Vec<Follower> {
        let mut found = Vec::new();
        let mut seen: BTreeSet<ServiceId> = ids.iter().copied().collect();
        let mut todo = ids.to_vec();
        while let Some(unit) = todo.pop().and_then(|id| self.units.get(id.0)) {
            let wants_it = |need: &Need| need.on == unit.id && need.restart;
            for dependent in unit.needed_by.iter().filter_map(|id| self.units.get(id.0)) {
                let gave_up = dependent.state() == State::Failed && !asked;
                let follows = dependent.needs.iter().any(wants_it) && is_there(dependent) && !gave_up;
                if follows && !self.renewed.contains(&dependent.id) && seen.insert(dependent.id) {
                    found.push(Follower { id: dependent.id, with: unit.id });
                    todo.push(dependent.id);
                }
            }
        }
        found
    }
}

/// Whether it runs or has run, and nobody but its dependencies has it start again anyway.
fn is_there(unit: &Unit) -> bool {
    let ran = match unit.state() {
        State::Starting | State::Running | State::Paused | State::Completed | State::Failed => true,
        State::Stopped | State::Waiting | State::Stopping | State::Backoff => false,
    };
    ran && unit.is_wanted()
}
