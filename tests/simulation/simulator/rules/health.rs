//! Health as Docker counts it, by a simpler model: a list of rules and a few numbers. And never unhealthy sooner than
//! Docker would say so.

use super::{Check, Rule, Scene, holds};
use rinit::model::{HealthTiming, Signal};
use rinit::supervisor::*;
use std::collections::BTreeMap;
use std::time::Duration;

#[derive(Default)]
pub struct Healths {
    models: BTreeMap<usize, Model>,
    probes: BTreeMap<Pid, usize>,
}

/// The health of a service that runs.
struct Model {
    since: Time,
    state: HealthState,
    streak: u32,
    /// When the next probe is due that counts, and when the next one until the first success.
    regular: Time,
    early: Option<Time>,
    probe: Option<Probe>,
    asked: bool,
    timing: HealthTiming,
    /// When Docker would say at the soonest that it is unhealthy, if it never is healthy.
    unhealthy_from: Time,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Regular,
    Early,
    Asked,
}

struct Probe {
    pid: Option<Pid>,
    started: Time,
    kind: Kind,
    /// Killed at its timeout, and counted.
    over: bool,
}

/// When Docker makes the first probe whose failure counts.
fn first(timing: &HealthTiming) -> Duration {
    if timing.start_period.is_zero() { timing.interval } else { timing.start_period }
}

impl Model {
    /// The first probes come later by the service's own part of a tenth, so that those that start together are not
    /// probed together.
    fn new(now: Time, timing: &HealthTiming, service: usize) -> Model {
        let part = u128::from((service as u32).reverse_bits());
        let after = |wait: Duration| {
            now + wait + Duration::from_nanos((wait.as_nanos() / 10 * part / (1 << 32)) as u64)
        };
        Model {
            since: now,
            state: HealthState::Starting,
            streak: 0,
            regular: after(first(timing)),
            early: Some(after(timing.start_interval)),
            probe: None,
            asked: false,
            timing: *timing,
            unhealthy_from: now + first(timing) + timing.interval * (timing.retries - 1),
        }
    }

    /// Why a probe may be made now.
    fn due(&self, now: Time) -> Option<Kind> {
        match self {
            _ if self.regular <= now => Some(Kind::Regular),
            _ if self.early.is_some_and(|early| early <= now) => Some(Kind::Early),
            _ => self.asked.then_some(Kind::Asked),
        }
    }

    /// A reload has brought other times.
    fn retime(&mut self, now: Time, timing: &HealthTiming) {
        self.timing = *timing;
        self.unhealthy_from = now;
        self.regular = self.counts_from(self.regular.min(now + timing.interval));
        self.early = self.early.map(|early| early.min(now + timing.start_interval));
    }

    /// Docker counts no failure before the end of `start_period`, unless there was a success.
    fn counts_from(&self, at: Time) -> Time {
        if self.state == HealthState::Starting { at.max(self.since + self.timing.start_period) } else { at }
    }

    /// A probe is over.
    fn next(&mut self, now: Time, kind: Kind) {
        if kind == Kind::Regular {
            self.regular = self.counts_from(now + self.timing.interval);
        }
        if kind != Kind::Asked {
            self.early = self.early.map(|_| now + self.timing.start_interval);
        }
    }

    fn result(&mut self, now: Time, passed: bool, kind: Kind) {
        if passed {
            (self.state, self.streak, self.early) = (HealthState::Healthy, 0, None);
            self.unhealthy_from = now;
        } else if kind == Kind::Regular {
            self.streak += 1;
            if self.streak >= self.timing.retries {
                self.state = HealthState::Unhealthy;
            }
        }
        self.next(now, if passed && kind == Kind::Early { Kind::Regular } else { kind });
    }
}

fn timing<'a>(scene: &Scene<'a>, service: usize) -> Option<&'a HealthTiming> {
    scene.services.get(service)?.healthcheck.as_ref().map(|check| &check.timing)
}

impl Healths {
    /// A probe was started: it has to be due.
    fn started(&mut self, scene: &Scene<'_>, service: usize) -> Check {
        let name = scene.name(service);
        let Some(model) = self.models.get_mut(&service) else {
            return Err(format!("a probe of {name}, which does not run"));
        };
        holds(model.probe.is_none(), || format!("a probe of {name} during another"))?;
        let Some(kind) = model.due(scene.now) else {
            return Err(format!("a probe of {name} too early: it is due at {:?}", model.regular));
        };
        model.asked = false;
        model.probe = Some(Probe { pid: None, started: scene.now, kind, over: false });
        Ok(())
    }

    /// A probe was killed. At its timeout that is a failure.
    fn killed(&mut self, scene: &Scene<'_>, pid: Pid) {
        let Some(service) = self.probes.get(&pid) else { return };
        let (Some(model), Some(timing)) = (self.models.get_mut(service), timing(scene, *service)) else {
            return;
        };
        let Some(probe) = model.probe.as_mut().filter(|probe| probe.pid == Some(pid) && !probe.over) else {
            return;
        };
        let (started, kind) = (probe.started, probe.kind);
        // With a pause it is killed as well, and counts as nothing.
        if scene.now >= started + timing.timeout && scene.state(*service) == State::Running {
            probe.over = true;
            model.result(scene.now, false, kind);
        }
    }

    fn exited(&mut self, scene: &Scene<'_>, pid: Pid, status: ExitStatus) {
        let Some(service) = self.probes.remove(&pid) else { return };
        let Some(model) = self.models.get_mut(&service) else { return };
        if let Some(probe) = model.probe.take_if(|probe| probe.pid == Some(pid))
            && !probe.over
        {
            model.result(scene.now, status == ExitStatus::Code(0), probe.kind);
        }
    }

    fn agrees(&self, scene: &Scene<'_>, service: usize) -> Check {
        if scene.health(service).is_none() && !self.models.contains_key(&service) {
            return Ok(());
        }
        let Some(view) = scene.view(service) else { return Ok(()) };
        let model = self.models.get(&service);
        // Nobody is to rely on the health of a service that does not run.
        let expected = model.map(|model| (model.state, model.streak));
        let seen = view.health.map(|state| (state, view.failing_streak));
        holds(expected == seen, || format!("{}'s health is {seen:?}, expected {expected:?}", view.name))
    }
}

impl Rule for Healths {
    fn event(&mut self, scene: &Scene<'_>, event: &Event) -> Check {
        match event {
            Event::ProbeSpawned { service, pid } => {
                self.probes.insert(*pid, service.0);
                if let Some(probe) = self.models.get_mut(&service.0).and_then(|model| model.probe.as_mut()) {
                    // Its time begins now.
                    (probe.pid, probe.started) = (Some(*pid), scene.now);
                }
            }
            Event::ProbeSpawnFailed { service, .. } => {
                if let Some(model) = self.models.get_mut(&service.0)
                    && let Some(probe) = model.probe.take()
                {
                    model.next(scene.now, probe.kind);
                }
            }
            // A paused one goes on in its successor's place, until that is paused as well.
            Event::Succeeded { pid, .. } => {
                let is_it = |it: &usize| scene.view(*it).is_some_and(|view| view.pid == Some(*pid));
                let paused = scene.all().find(is_it).filter(|it| scene.state(*it) == State::Paused);
                if let Some(model) = paused.and_then(|it| self.models.get_mut(&it)) {
                    model.next(scene.now, Kind::Regular);
                }
            }
            Event::Overslept { by } => {
                for model in self.models.values_mut() {
                    let own = (*by).min(scene.now - model.since);
                    model.since += own;
                    if model.state == HealthState::Starting {
                        model.regular += own;
                    }
                    model.probe.iter_mut().for_each(|probe| probe.started += *by);
                }
            }
            Event::Exited { pid, status, .. } => self.exited(scene, *pid, *status),
            Event::ProbeNow { service } => {
                if let Some(model) = self.models.get_mut(&service.0) {
                    model.asked |= model.probe.as_ref().is_none_or(|probe| probe.over);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn forget(&mut self, service: usize) {
        self.models.remove(&service);
        self.probes.retain(|_, of| *of != service);
    }

    fn effect(&mut self, scene: &Scene<'_>, effect: &Effect) -> Check {
        match effect {
            Effect::Probe(service) => self.started(scene, service.0),
            Effect::Notice(Notice::Unhealthy(service, ..)) => {
                let from = self.models.get(&service.0).map(|model| model.unhealthy_from);
                holds(from.is_some_and(|from| from <= scene.now), || {
                    format!("{} is unhealthy sooner than with Docker: {from:?}", scene.name(service.0))
                })
            }
            Effect::Notice(Notice::Resumed(service)) => {
                if let Some(model) = self.models.get_mut(&service.0) {
                    (model.probe, model.asked) = (None, false);
                    model.next(scene.now, Kind::Regular);
                }
                Ok(())
            }
            Effect::Signal { pid, signal: Signal::KILL, .. } => {
                self.killed(scene, *pid);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn after(&mut self, scene: &Scene<'_>) -> Check {
        let stopping = scene.supervisor.is_stopping();
        for service in scene.all() {
            let is = scene.state(service);
            let runs = matches!(is, State::Running | State::Paused);
            match timing(scene, service) {
                Some(timing) if runs && !stopping => {
                    let model =
                        self.models.entry(service).or_insert_with(|| Model::new(scene.now, timing, service));
                    if is == State::Paused {
                        model.probe = None;
                        model.asked = false;
                    }
                    if model.timing != *timing {
                        model.retime(scene.now, timing);
                    }
                }
                _ => {
                    self.models.remove(&service);
                }
            }
            self.agrees(scene, service)?;
        }
        Ok(())
    }

    fn still(&mut self, scene: &Scene<'_>, _: Time) -> Check {
        for (&service, model) in &self.models {
            let Some(timing) = timing(scene, service) else { continue };
            if scene.state(service) != State::Running {
                continue;
            }
            let name = scene.name(service);
            match &model.probe {
                None => holds(model.due(scene.now).is_none(), || {
                    format!("a probe of {name} is due and not made")
                })?,
                Some(probe) if probe.over => {}
                Some(probe) => holds(scene.now < probe.started + timing.timeout, || {
                    format!("a probe of {name} has taken too long and nobody minds")
                })?,
            }
        }
        Ok(())
    }
}
