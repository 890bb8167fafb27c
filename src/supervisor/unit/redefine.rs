//! How a unit takes over another definition, or stops because it has none any more.

use super::Unit;
use super::definition::Definition;
use super::ending::Purpose;
use super::health::Health;
use super::state::State;
use super::wanted::Wanted;
use crate::model::{Policy, Service};
use crate::supervisor::event::*;
use std::time::Duration;

impl Unit {
    /// Takes over a definition, the first one or a changed one. What runs goes on running, and what stops by an older
    /// definition does so to the end.
    pub fn define(&mut self, now: Time, service: &Service) {
        let definition = Definition::of(service);
        match &mut self.next {
            Some(next) => **next = definition,
            None => self.definition = definition,
        }
        let timing = service.healthcheck.as_ref().map(|check| check.timing);
        match (&mut self.health, timing) {
            (Some(health), Some(timing)) => health.set_timing(now, timing),
            (health, timing) => *health = timing.map(Health::new).map(Box::new),
        }
    }

    /// Its process has ended, and what follows is as its new definition says, if a reload has brought one.
    pub fn take_over_next(&mut self) {
        if let Some(next) = self.next.take() {
            self.definition = *next;
            self.proven = false;
        }
    }

    /// Whether others write to it once it is started, though what stops may be of an older definition.
    pub fn will_read(&self) -> bool {
        self.next.as_ref().map_or(self.definition.reads, |next| next.reads)
    }

    /// The policy that it is started again by.
    pub fn next_policy(&self) -> &Policy {
        self.next.as_ref().map_or(&self.definition.policy, |next| &next.policy)
    }

    /// Whether a reload has brought a definition that holds once it has stopped.
    pub fn has_next(&self) -> bool {
        self.next.is_some()
    }

    /// Its definition is gone. What runs is stopped when its turn comes.
    pub fn retire(&mut self, now: Time, out: &mut Vec<Effect>) {
        self.wanted = Wanted::Gone;
        if !self.has_to_stop() {
            self.stop(now, Purpose::Halt, None, Duration::ZERO, out);
        }
    }

    /// Its definition is back before it has stopped for good: it will be started again, if it is to.
    pub fn come_back(&mut self) {
        if self.is_gone() {
            self.wanted = Wanted::No;
            self.proven = false;
        }
    }

    /// The container stops. If it is started again, that is by its new definition.
    pub fn redefine_after_stop(&mut self, now: Time, service: &Service) {
        self.retries.reset();
        self.proven = false;
        self.keep_definition();
        if self.is_alive() || !self.has_to_stop() {
            self.define(now, service);
        }
    }

    /// What it is defined as from now on holds when it has stopped.
    pub fn keep_definition(&mut self) {
        if self.is_alive() && self.next.is_none() {
            self.next = Some(Box::new(self.definition.clone()));
        }
    }

    /// Takes over a changed definition. With a purpose it stops, as the old one says.
    pub fn redefine(
        &mut self,
        now: Time,
        service: &Service,
        purpose: Option<Purpose>,
        out: &mut Vec<Effect>,
    ) {
        if let Some(purpose) = purpose {
            self.stop(now, purpose, None, self.definition.policy.stop_grace_period, out);
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
        let runs = matches!(self.state(), State::Running | State::Paused);
        if let Some(health) = &mut self.health
            && !had_health
            && runs
        {
            health.begin(now, self.id.0);
            out.push(Effect::Notice(Notice::HealthBegun(self.id)));
        }
        self.note_well(now);
    }
}
