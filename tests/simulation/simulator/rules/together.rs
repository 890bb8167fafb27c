//! What is stopped together: nobody stops before those of the others that depend on it, nobody starts again before those
//! that it depends on have stopped.

use super::super::kernel::Role;
use super::{Check, Rule, Scene, holds};
use rinit::model::{Control, Hook};
use rinit::supervisor::*;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Default)]
pub struct Together {
    /// Main processes that have to be gone before a service is told to stop.
    stops_after: BTreeMap<usize, BTreeSet<Pid>>,
    /// Main processes that have to be gone before a service is started again.
    starts_after: BTreeMap<usize, BTreeSet<Pid>>,
    /// What each service depends on, as it was before a reload.
    needs: Vec<Vec<usize>>,
    /// The container stops: that has its own rule.
    stopping: bool,
    /// Services that are stopped in this step because they are not well.
    unwell: BTreeSet<usize>,
}

impl Together {
    fn depends(&self, service: usize, on: usize) -> bool {
        let needs = self.needs.get(service).map_or(&[][..], Vec::as_slice);
        needs.iter().any(|need| *need == on || self.depends(*need, on))
    }

    /// These are to stop; `again`: and to be started anew.
    fn told(&mut self, scene: &Scene<'_>, set: &BTreeSet<usize>, again: &BTreeSet<usize>) {
        let main = |service: usize| scene.kernel.main_of(service).map(|main| main.pid);
        for service in set {
            let dependents = set.iter().filter(|other| self.depends(**other, *service));
            let before: BTreeSet<Pid> = dependents.filter_map(|other| main(*other)).collect();
            self.stops_after.insert(*service, before);
        }
        for service in again {
            let dependencies = again.iter().filter(|other| self.depends(*service, **other));
            let before: BTreeSet<Pid> = dependencies.filter_map(|other| main(*other)).collect();
            self.starts_after.insert(*service, before);
        }
    }

    /// Those that want to be restarted with one of these, and run.
    fn with_followers(scene: &Scene<'_>, set: &BTreeSet<usize>) -> BTreeSet<usize> {
        let mut all = set.clone();
        let mut todo: Vec<usize> = set.iter().copied().collect();
        while let Some(on) = todo.pop() {
            for service in scene.current().filter(|it| scene.state(*it) == State::Running) {
                let follows = scene.needs(service).any(|(other, need)| other == on && need.restart);
                let stays = scene.supervisor.waits_for_turn(ServiceId(service));
                if follows && !stays && all.insert(service) {
                    todo.push(service);
                }
            }
        }
        all
    }

    fn starts(&mut self, scene: &Scene<'_>, service: usize) -> Check {
        // What comes now is another life, which was not to stop.
        self.stops_after.remove(&service);
        let mut before = self.starts_after.remove(&service).unwrap_or_default();
        // By its new definition it may depend on other services.
        before.retain(|pid| match scene.kernel.get(*pid).map(|process| process.role) {
            Some(Role::Main(of)) => scene.depends_on_any(service, |on| on == of),
            _ => true,
        });
        holds(self.stopping || before.is_empty(), || {
            format!("{} is started again before what it depends on has stopped", scene.name(service))
        })
    }
}

impl Rule for Together {
    fn event(&mut self, scene: &Scene<'_>, event: &Event) -> Check {
        self.unwell.clear();
        let ids = |services: &[ServiceId]| services.iter().map(|service| service.0).collect::<BTreeSet<_>>();
        match event {
            Event::Stop { services } => {
                self.starts_after.clear();
                self.told(scene, &ids(services), &BTreeSet::new());
            }
            Event::Restart { services } => {
                self.starts_after.clear();
                // What these need is wanted again: if it was to stop, it is not any more.
                let needed = |on: usize| services.iter().any(|service| self.depends(service.0, on));
                let over: Vec<usize> = self.stops_after.keys().copied().filter(|on| needed(*on)).collect();
                over.iter().for_each(|on| drop(self.stops_after.remove(on)));
                let set = Self::with_followers(scene, &ids(services));
                self.told(scene, &set, &set);
            }
            // What this wants may be among those that were to stop.
            Event::Start { .. } => {
                self.stops_after.clear();
                self.starts_after.clear();
            }
            Event::Succeeded { pid, by, .. } => {
                for before in self.stops_after.values_mut().chain(self.starts_after.values_mut()) {
                    if before.remove(pid) {
                        before.insert(*by);
                    }
                }
            }
            Event::Exited { pid, .. } => {
                for before in self.stops_after.values_mut().chain(self.starts_after.values_mut()) {
                    before.remove(pid);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn forget(&mut self, service: usize) {
        self.stops_after.remove(&service);
        self.starts_after.remove(&service);
        if let Some(needs) = self.needs.get_mut(service) {
            needs.clear();
        }
    }

    fn reload(&mut self, scene: &Scene<'_>, plan: &Plan) -> Check {
        self.unwell.clear();
        self.starts_after.clear();
        // What is started may need those that were to stop.
        self.stops_after.clear();
        let named = |names: &[String]| {
            let all = scene.all().filter(|it| *it < self.needs.len());
            all.filter(|it| names.iter().any(|name| name == scene.name(*it))).collect::<BTreeSet<_>>()
        };
        let (changed, gone) = (named(&plan.restart), named(&plan.stop));
        self.told(scene, &changed.union(&gone).copied().collect(), &BTreeSet::new());
        Ok(())
    }

    fn effect(&mut self, scene: &Scene<'_>, effect: &Effect) -> Check {
        match effect {
            Effect::Notice(Notice::StopBegun(..)) => self.stopping = true,
            Effect::Notice(Notice::Restarting(service, _) | Notice::Unhealthy(service, ..)) => {
                self.unwell.insert(service.0);
            }
            Effect::Notice(Notice::Stopping(service, ..)) if !self.unwell.contains(&service.0) => {
                let before = self.stops_after.remove(&service.0).unwrap_or_default();
                return holds(self.stopping || before.is_empty(), || {
                    format!("{} is told to stop before what depends on it has stopped", scene.name(service.0))
                });
            }
            Effect::Hook { service, hook: hook @ (Hook::PreStart | Hook::Control(Control::Up)), .. }
                if scene.is_first_of_start(service.0, Some(*hook)) =>
            {
                return self.starts(scene, service.0);
            }
            Effect::Spawn(service) if scene.is_first_of_start(service.0, None) => {
                return self.starts(scene, service.0);
            }
            _ => {}
        }
        Ok(())
    }

    fn after(&mut self, scene: &Scene<'_>) -> Check {
        self.needs = scene.all().map(|it| scene.needs(it).map(|(on, _)| on).collect()).collect();
        Ok(())
    }
}
