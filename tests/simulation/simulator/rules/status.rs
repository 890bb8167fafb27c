//! The exit status of the container, as docs/stop.md has it.

use super::{Check, Rule, Scene, holds};
use rinit::model::{Control, Hook, MAIN};
use rinit::supervisor::*;
use std::collections::{BTreeMap, BTreeSet};

/// Something could not be told to stop.
const OWN_FAILURE: u8 = 125;

#[derive(Default)]
pub struct Status {
    mains: BTreeMap<Pid, usize>,
    unset: BTreeSet<Pid>,
    /// How the last main process of each service ended, as a shell tells it.
    last: BTreeMap<usize, u8>,
    /// Why it could not be started.
    refused: BTreeMap<usize, u8>,
    started: BTreeSet<usize>,
    /// Services that a failed dependency has made fail.
    dragged: BTreeMap<usize, Vec<u8>>,
    cause: Option<StopCause>,
    /// Services that were killed when the container was to stop.
    killed: BTreeSet<usize>,
    oom: BTreeMap<usize, bool>,
    struck: BTreeSet<Pid>,
    /// Services that run, and could not be sent a signal.
    not_signalled: BTreeSet<usize>,
    /// What the supervisor no longer waits for.
    given_up: BTreeSet<Pid>,
}

impl Status {
    /// All that a failed service may end the container with.
    fn failed(&self, service: usize) -> Vec<u8> {
        if let Some(codes) = self.dragged.get(&service) {
            return codes.clone();
        }
        if let Some(code) = self.refused.get(&service) {
            return vec![*code];
        }
        vec![self.last.get(&service).copied().unwrap_or(1).max(1)]
    }

    fn ended(&self, scene: &Scene<'_>, service: usize) -> Vec<u8> {
        match scene.state(service) {
            State::Completed => vec![0],
            State::Failed => self.failed(service),
            _ => vec![self.last.get(&service).copied().unwrap_or(137)],
        }
    }

    fn expected(&self, scene: &Scene<'_>) -> Vec<u8> {
        let main = scene.current().find(|it| scene.name(*it) == MAIN && self.started.contains(it));
        match (self.cause, main) {
            (Some(StopCause::Unhealthy(_)), _) => vec![1],
            (Some(StopCause::Essential(service)), _) => self.ended(scene, service.0),
            (Some(StopCause::AllDone), _) => {
                let mut failed = scene.all().filter(|it| scene.state(*it) == State::Failed);
                failed.next().map_or(vec![0], |it| self.failed(it))
            }
            (_, Some(main)) => self.ended(scene, main),
            (_, None) => vec![if self.killed.is_empty() { 0 } else { 137 }],
        }
    }
}

impl Rule for Status {
    fn event(&mut self, scene: &Scene<'_>, event: &Event) -> Check {
        match event {
            Event::Succeeded { pid, by, .. } => {
                self.mains.extend(self.mains.get(pid).map(|service| (*by, *service)));
                self.given_up.extend(self.given_up.get(pid).map(|_| *by));
            }
            Event::Spawned { service, pid } => {
                self.mains.insert(*pid, service.0);
                self.started.insert(service.0);
                self.refused.remove(&service.0);
                self.not_signalled.remove(&service.0);
            }
            Event::SpawnFailed { service, error } => {
                self.not_signalled.remove(&service.0);
                if error.retry == Retry::No {
                    self.refused.insert(service.0, error.code);
                }
            }
            // Another start has begun: what was wrong with the last one is over.
            Event::HookSpawned { service, hook: Hook::PreStart | Hook::Control(Control::Up), .. }
            | Event::HookSpawnFailed { service, hook: Hook::PreStart, .. } => {
                self.refused.remove(&service.0);
                self.not_signalled.remove(&service.0);
            }
            Event::NotSignalled { pid, signal, .. } => {
                if let Some(service) = self.mains.get(pid) {
                    self.not_signalled.insert(*service);
                    if *signal == rinit::model::Signal::KILL {
                        self.killed.remove(service);
                    }
                }
            }
            // Nothing is left that a signal could not be sent to.
            Event::GroupGone { pid } => {
                if let Some(service) = self.mains.get(pid) {
                    let last = self.mains.iter().filter(|(_, of)| *of == service).map(|(pid, _)| pid).max();
                    if last == Some(pid) || !scene.state(*service).is_alive() {
                        self.not_signalled.remove(service);
                    }
                }
            }
            Event::SetupFailed { pid, error } => {
                if let Some(service) = self.mains.get(pid) {
                    if error.retry != Retry::ByPolicy {
                        self.unset.insert(*pid);
                    }
                    self.refused.insert(*service, error.code);
                }
            }
            Event::Exited { pid, status, oom, .. } => {
                // What was given up counts no more once it has ended, unless there is another process by then.
                let is_over = |it: &&usize| !self.given_up.contains(pid) || !scene.state(**it).is_alive();
                if let Some(service) = self.mains.get(pid).filter(is_over) {
                    self.not_signalled.remove(service);
                }
                let counts = !self.unset.contains(pid) && !self.given_up.contains(pid);
                let Some(service) = self.mains.get(pid).filter(|_| counts) else { return Ok(()) };
                self.last.insert(*service, status.code());
                self.oom.insert(*service, *oom && !self.struck.contains(pid));
            }
            _ => {}
        }
        for service in scene.all() {
            if scene.state(service) != State::Failed {
                self.dragged.remove(&service);
            }
        }
        Ok(())
    }

    fn forget(&mut self, service: usize) {
        self.mains.retain(|_, of| *of != service);
        self.last.remove(&service);
        self.refused.remove(&service);
        self.started.remove(&service);
        self.dragged.remove(&service);
        self.oom.remove(&service);
    }

    fn effect(&mut self, scene: &Scene<'_>, effect: &Effect) -> Check {
        match effect {
            Effect::Notice(Notice::StopBegun(cause, ..)) => self.cause = Some(*cause),
            Effect::Notice(Notice::DependencyFailed(service, _)) => {
                let codes = scene.needs(service.0).flat_map(|(on, _)| self.failed(on)).collect();
                self.dragged.insert(service.0, codes);
            }
            Effect::Notice(Notice::Unkillable(service)) => {
                self.given_up.extend(self.mains.iter().filter(|it| *it.1 == service.0).map(|it| *it.0));
            }
            Effect::Notice(Notice::Killed(service, _)) if self.cause.is_some() => {
                self.killed.insert(service.0);
            }
            Effect::Signal { pid, signal: rinit::model::Signal::KILL, .. } => {
                self.struck.insert(*pid);
            }
            Effect::Exit(status) => {
                let mut expected = self.expected(scene);
                for code in &mut expected {
                    if *code == 0 && !self.not_signalled.is_empty() {
                        *code = OWN_FAILURE;
                    }
                }
                return holds(expected.contains(status), || {
                    format!("the exit status is {status}, expected {expected:?}, cause {:?}", self.cause)
                });
            }
            _ => {}
        }
        Ok(())
    }

    fn after(&mut self, scene: &Scene<'_>) -> Check {
        for (service, oom) in &self.oom {
            let told = scene.view(*service).and_then(|view| view.last_exit).unwrap_or_default();
            holds(told.contains("oom") == *oom, || {
                format!("{} is said to have been {told}, oom is {oom}", scene.name(*service))
            })?;
        }
        Ok(())
    }
}
