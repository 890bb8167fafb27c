//! A changed configuration: what it means for each service, and carrying that out.

use super::Supervisor;
use super::ending::Purpose;
use super::event::*;
use super::graph;
use super::state::State;
use super::turns::Turn;
use super::unit::{Definition, Unit};
use crate::model::{Policy, Service, Streams, ordered};
use std::collections::BTreeSet;
use std::time::Duration;

/// What a reload does, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// New: started.
    pub start: Vec<String>,
    /// Gone: stopped.
    pub stop: Vec<String>,
    /// Changed: stopped with the old definition and started with the new one.
    pub restart: Vec<String>,
    /// Changed in what takes effect while it runs.
    pub change: Vec<String>,
}

impl Plan {
    /// Whether nothing has changed.
    pub fn is_empty(&self) -> bool {
        *self == Plan::default()
    }
}

/// Compares two configurations.
pub fn plan(old: &[Service], new: &[Service]) -> Plan {
    let before = ordered::map(old.iter().map(|service| (service.name.as_str(), service)));
    let after = ordered::set(new.iter().map(|service| service.name.as_str()));
    let mut plan = Plan::default();
    for service in new {
        let name = service.name.clone();
        match before.get(service.name.as_str()) {
            None => plan.start.push(name),
            Some(known) if without_origin(known) == without_origin(service) => {}
            Some(known) if takes_effect(known, service) => plan.change.push(name),
            Some(_) => plan.restart.push(name),
        }
    }
    let gone = old.iter().filter(|service| !after.contains(service.name.as_str()));
    plan.stop.extend(gone.map(|service| service.name.clone()));
    plan
}

/// A definition, wherever it is written.
fn without_origin(service: &Service) -> Service {
    Service { origin: None, ..service.clone() }
}

/// Whether a change takes effect while the service runs. One that others write to from now on has to be given the
/// pipe; one that nobody writes to any more keeps its own.
fn takes_effect(known: &Service, service: &Service) -> bool {
    let begins_to_read = service.exec.reads_others() && !known.exec.reads_others();
    !begins_to_read && for_start(known) == for_start(service)
}

/// What of a definition counts when the service is started, and cannot be changed later.
fn for_start(service: &Service) -> Service {
    let defaults = Policy::default();
    let policy = Policy {
        restart: defaults.restart,
        backoff: defaults.backoff,
        stop_signal: defaults.stop_signal,
        stop_grace_period: defaults.stop_grace_period,
        ..(*service.policy).clone()
    };
    let mut same =
        Service { description: None, healthcheck: None, policy: policy.into(), ..without_origin(service) };
    if let Some(streams) = &mut same.exec.streams {
        streams.reads = false;
    }
    same.exec.streams.take_if(|streams| **streams == Streams::default());
    same
}

/// The services after a reload, each at the place that it had. Those that are gone keep theirs until it is `free`: then a
/// new one takes it. The other new ones come last. What has not changed stays where it is in memory.
pub fn merge(old: Vec<Service>, new: Vec<Service>, free: &[ServiceId]) -> Vec<Service> {
    let mut coming = ordered::map(new.into_iter().map(|service| (service.name.clone(), service)));
    // One that comes back has a place.
    let is_left = |id: &&ServiceId| old.get(id.0).is_some_and(|it| !coming.contains_key(&it.name));
    let free: Vec<ServiceId> = free.iter().filter(is_left).copied().collect();
    let changed = |service: Service| match coming.remove(&service.name) {
        Some(new) if new != service => new,
        _ => service,
    };
    let mut merged: Vec<Service> = old.into_iter().map(changed).collect();
    let mut coming = coming.into_values();
    for (id, service) in free.into_iter().zip(coming.by_ref()) {
        if let Some(place) = merged.get_mut(id.0) {
            *place = service;
        }
    }
    merged.extend(coming);
    merged
}

impl Supervisor {
    /// The services that are not gone.
    pub fn current(&self) -> impl Iterator<Item = ServiceId> {
        self.units.iter().filter(|unit| !unit.retired).map(|unit| unit.id)
    }

    /// The places of services that are gone for good: nothing of them is left, and no service that stops depends on them,
    /// be it by way of others, so that they do not stand between two in the order of the stop.
    pub fn free(&self) -> Vec<ServiceId> {
        let turns = self.turns.iter().flat_map(|(id, turn)| turn.after.iter().copied().chain([*id]));
        let later = self.needs_later.keys().chain(&self.renewed).copied();
        let busy = ordered::set(self.processes.services().chain(turns).chain(later));
        let is_over = |unit: &Unit| {
            let is_idle = !unit.has_to_stop() && !unit.lingers && unit.deadline().is_none();
            is_idle && !busy.contains(&unit.id)
        };
        let retired = || self.units.iter().filter(|unit| unit.retired);
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
            let stops = (restarts || unit.retired) && (unit.has_to_stop() || unit.state.is_final());
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
            let runs = |unit: &Unit| unit.wanted || (service.policy.autostart && !unit.by_hand);
            if (starts || restarts) && self.units.get(index).is_some_and(runs) {
                wanted.push(id);
            }
        }
        let followers = self.followers(&changed, true).into_iter();
        set.extend(followers.map(|id| (id, Turn::cycle(None))));
        self.stop_together(set);
        wanted
    }
}

impl Unit {
    /// Its definition is gone. What runs is stopped when its turn comes.
    fn retire(&mut self, now: Time, out: &mut Vec<Effect>) {
        self.retired = true;
        self.wanted = false;
        if !self.has_to_stop() {
            self.stop(now, Purpose::Halt, None, Duration::ZERO, out);
        }
    }

    /// Its definition is back before it has stopped for good: it will be started again, if it is to.
    fn come_back(&mut self) {
        if std::mem::take(&mut self.retired) {
            self.by_hand = false;
            self.proven = false;
        }
    }

    /// What it is defined as from now on holds when it has stopped.
    pub(super) fn keep_definition(&mut self) {
        if self.is_alive() && self.next.is_none() {
            let (policy, hooks, reads) = (self.policy.clone(), self.hooks.clone(), self.reads);
            self.next = Some(Box::new(Definition { policy, hooks, reads }));
        }
    }

    /// Takes over a changed definition. With a purpose it stops, as the old one says.
    pub(super) fn redefine(
        &mut self,
        now: Time,
        service: &Service,
        purpose: Option<Purpose>,
        out: &mut Vec<Effect>,
    ) {
        if let Some(purpose) = purpose {
            self.stop(now, purpose, None, self.policy.stop_grace_period, out);
            self.retries.reset();
            self.proven = false;
        }
        if service.healthcheck.is_none() {
            self.end_health(out);
        }
        let had_health = self.health.is_some();
        self.come_back();
        // What stops by its old definition does so to the end: its signal, its grace and its hooks.
        if purpose.is_some() {
            self.keep_definition();
        }
        self.define(now, service);
        if let Some(health) = &mut self.health
            && !had_health
            && matches!(self.state, State::Running | State::Paused)
        {
            health.begin(now, self.id.0);
            out.push(Effect::Notice(Notice::HealthBegun(self.id)));
        }
        self.note_well(now);
    }
}
