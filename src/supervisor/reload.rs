//! A changed configuration: what it means for each service, and carrying that out.

use super::Supervisor;
use super::event::*;
use super::graph;
use super::plan::Plan;
use super::turn::Turn;
use super::unit::{Purpose, Unit};
use crate::model::{Service, ordered};
use std::collections::BTreeSet;

impl Supervisor {
    /// The services that are not gone.
    pub fn current(&self) -> impl Iterator<Item = ServiceId> {
        self.units.iter().filter(|unit| !unit.is_gone()).map(|unit| unit.id)
    }

    /// The places of services that are gone for good: nothing of them is left, and no service that stops depends on them,
    /// be it by way of others, so that they do not stand between two in the order of the stop.
    pub fn free(&self) -> Vec<ServiceId> {
        let turns = self.turns.iter().flat_map(|(id, turn)| turn.after.iter().copied().chain([*id]));
        let later = self.needs_later.keys().chain(&self.renewed).copied();
        let busy = ordered::set(self.processes.services().chain(turns).chain(later));
        let is_over = |unit: &Unit| {
            let is_idle = !unit.has_to_stop() && !unit.reads_on() && unit.deadline().is_none();
            is_idle && !busy.contains(&unit.id)
        };
        let retired = || self.units.iter().filter(|unit| unit.is_gone());
        let mut held = BTreeSet::new();
        // What keeps its definition for now keeps what it needs.
        let keeps = |unit: &&Unit| self.waits_for_turn(unit.id) || self.keeps_definition(unit.id);
        let open = retired().filter(|unit| !is_over(unit)).chain(self.units.iter().filter(keeps));
        let mut open: Vec<&Unit> = open.collect();
        while let Some(unit) = open.pop() {
            if held.insert(unit.id) {
                open.extend(unit.needs.iter().filter_map(|need| self.units.get(need.on.0)));
            }
        }
        retired().map(|unit| unit.id).filter(|id| !held.contains(id)).collect()
    }

    /// How often a new service has taken the place of one that is gone. Then what was remembered by its number is of
    /// another.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Takes over the services that `merge` gave, by the plan that `plan` made of those that are not gone. Appends
    /// what is to be done.
    pub fn reload(&mut self, now: Time, services: &[Service], plan: &Plan, out: &mut Vec<Effect>) {
        if self.is_stopping() {
            return;
        }
        let wanted = self.redefine(now, services, plan, out);
        let kept = self.needs_until_then();
        // What an earlier reload has had wait is known to the graph again.
        self.needs_later.clear();
        graph::link(&mut self.units, services);
        self.want(now, wanted);
        self.keep_needs(kept);
        self.order = graph::dependencies_first(&self.units);
        self.queue.extend(&self.order);
        self.settle(now, out);
        self.drop_unreachable(out);
    }

    /// Gives each unit its definition, at once or when its turn to stop has come. Returns those that are to run now.
    fn redefine(
        &mut self,
        now: Time,
        services: &[Service],
        plan: &Plan,
        out: &mut Vec<Effect>,
    ) -> Vec<ServiceId> {
        let is_in = |names: &[String], service: &Service| names.contains(&service.name);
        let (mut wanted, mut set, mut changed) = (Vec::new(), Vec::new(), Vec::new());
        for (index, service) in services.iter().enumerate() {
            let id = ServiceId(index);
            if index >= self.units.len() {
                self.units.push(Unit::new(id, service));
                self.armed.push(None);
            }
            if let Some(unit) = self.units.get_mut(index).filter(|unit| unit.name != service.name) {
                *unit = Unit::new(id, service);
                self.generation = self.generation.wrapping_add(1);
            }
            let (starts, restarts) = (is_in(&plan.start, service), is_in(&plan.restart, service));
            let Some(unit) = self.units.get(index) else { continue };
            // One that was gone and is back may run still, by its old definition. What is done is done again only when
            // those that are restarted with it have stopped.
            let stops = (restarts || unit.is_gone()) && (unit.has_to_stop() || unit.state().is_final());
            if is_in(&plan.stop, service) {
                self.with(id, |unit| unit.retire(now, out));
                set.push((id, Turn::halt()));
            } else if stops && (starts || restarts) {
                self.with(id, Unit::come_back);
                set.push((id, Turn::cycle(Some(service))));
                changed.push(id);
            } else if (starts || restarts || is_in(&plan.change, service))
                && !self.redefine_later(id, service)
            {
                let purpose = restarts.then_some(Purpose::Cycle);
                self.with(id, |unit| unit.redefine(now, service, purpose, out));
            }
            // One that runs on request needs what it depends on as well.
            let runs =
                |unit: &Unit| unit.is_wanted() || (service.policy.autostart && !unit.is_stopped_by_hand());
            if (starts || restarts) && self.units.get(index).is_some_and(runs) {
                wanted.push(id);
            }
        }
        let followers = self.followers(&changed, true).into_iter();
        set.extend(followers.map(Turn::follow));
        self.stop_together(set);
        wanted
    }
}
