//! Which definition each service has, starts by and stops by, while reloads change them.

use super::world::{Check, Step, World};
use rinit::model::{Control, Hook, Service};
use rinit::supervisor::{Effect, Notice, ServiceId, State, merge, plan};
use std::collections::VecDeque;

impl World<'_> {
    /// Services whose turn to stop has come are what a reload has made of them, and need it when they have stopped.
    pub(super) fn take_over(&mut self) {
        // When the container stops, what runs stops by what it is.
        if self.stops {
            return;
        }
        self.stops = self.supervisor.is_stopping();
        for (index, defined) in self.defined.iter().enumerate() {
            let id = ServiceId(index);
            let state = self.supervisor.state(id).map(|(state, _)| state);
            let waited = state.is_some_and(State::is_alive) && self.supervisor.keeps_definition(id);
            let kept = self.stops && (waited || state == Some(State::Completed));
            match (self.services.get_mut(index), self.stops_by.get_mut(index)) {
                (Some(service), Some(known)) => {
                    if !kept && !self.supervisor.defers_definition(id) {
                        service.clone_from(defined);
                    }
                    if !kept && !self.supervisor.keeps_definition(id) {
                        known.clone_from(defined);
                    }
                }
                _ => {
                    self.services.push(defined.clone());
                    self.stops_by.push(defined.clone());
                }
            }
        }
    }

    /// One that has stopped in this step is started, or cannot be, by its new definition.
    pub(super) fn take_over_for(&mut self, effect: &Effect) {
        let starts = match effect {
            Effect::Spawn(service)
            | Effect::Hook { service, hook: Hook::PreStart | Hook::Control(Control::Up), .. }
            | Effect::Notice(Notice::DependencyFailed(service, _)) => service.0,
            _ => return,
        };
        let Some(defined) = self.defined.get(starts) else { return };
        for known in [&mut self.services, &mut self.stops_by] {
            if let Some(service) = known.get_mut(starts) {
                service.clone_from(defined);
            }
        }
    }

    pub(super) fn reload(&mut self, services: &[Service]) -> Check {
        if self.supervisor.is_stopping() {
            return Ok(());
        }
        let current: Vec<Service> =
            self.supervisor.current().map(|ServiceId(index)| self.defined[index].clone()).collect();
        let plan = plan(&current, services);
        let free = self.supervisor.free();
        self.defined = merge(std::mem::take(&mut self.defined), services.to_vec(), &free);
        for ServiceId(index) in free {
            // Another may have its place now.
            if self.defined[index].name != self.supervisor.name(ServiceId(index)) {
                self.states[index] = State::Stopped;
                self.services[index].clone_from(&self.defined[index]);
                self.stops_by[index].clone_from(&self.defined[index]);
                self.remembered.remove(&index);
                self.closed.remove(&index);
                self.rules.iter_mut().for_each(|rule| rule.forget(index));
            }
        }
        self.states.resize(self.defined.len(), State::Stopped);
        let mut effects = Vec::new();
        let old = std::mem::replace(&mut self.services, self.defined.clone());
        self.judge(|rule, scene| rule.reload(scene, &plan))?;
        self.supervisor.reload(self.now, &self.defined, &plan, &mut effects);
        self.services = old;
        self.take_over();
        self.steps.push((self.now, Step::Reload(plan, effects.clone())));
        let mut answers = VecDeque::new();
        self.carry_out_all(effects, &mut answers)?;
        answers.into_iter().try_for_each(|answer| self.feed(answer))
    }
}
