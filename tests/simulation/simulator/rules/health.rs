//! Health as Docker counts it, by a simpler model: a list of rules and a few numbers.

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
    /// When the next probe is due.
    due: Time,
    probe: Option<Probe>,
    asked: bool,
}

struct Probe {
    pid: Option<Pid>,
    started: Time,
    /// It was asked for, and not due.
    extra: bool,
    /// Killed at its timeout, and counted.
    over: bool,
}

impl Model {
    /// The first probe comes later by the service's own part of a tenth, so that those that start together are not
    /// probed together.
    fn new(now: Time, timing: &HealthTiming, service: usize) -> Model {
        let state = HealthState::Starting;
        let mut model = Model { since: now, state, streak: 0, due: now, probe: None, asked: false };
        let pause = model.pause(now, timing);
        let part = u128::from((service as u32).reverse_bits());
        model.due = now + pause + Duration::from_nanos((pause.as_nanos() / 10 * part / (1 << 32)) as u64);
        model
    }

    fn pause(&self, now: Time, timing: &HealthTiming) -> Duration {
        let starting = self.state == HealthState::Starting && now < self.since + timing.start_period;
        if starting { timing.start_interval } else { timing.interval }
    }

    fn result(&mut self, now: Time, passed: bool, started: Time, extra: bool, timing: &HealthTiming) {
        let lenient = self.state == HealthState::Starting && started < self.since + timing.start_period;
        if passed {
            (self.state, self.streak) = (HealthState::Healthy, 0);
        } else if !lenient && !extra {
            self.streak += 1;
            if self.streak >= timing.retries {
                self.state = HealthState::Unhealthy;
            }
        }
        if !extra {
            self.due = now + self.pause(now, timing);
        }
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
        holds(scene.now >= model.due || model.asked, || {
            format!("a probe of {name} too early: it is due at {:?}", model.due)
        })?;
        model.asked = false;
        let extra = scene.now < model.due;
        model.probe = Some(Probe { pid: None, started: scene.now, extra, over: false });
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
        let (started, extra) = (probe.started, probe.extra);
        // With a pause it is killed as well, and counts as nothing.
        if scene.now >= started + timing.timeout && scene.state(*service) == State::Running {
            probe.over = true;
            model.result(scene.now, false, started, extra, timing);
        }
    }

    fn exited(&mut self, scene: &Scene<'_>, pid: Pid, status: ExitStatus) {
        let Some(service) = self.probes.remove(&pid) else { return };
        let (Some(model), Some(timing)) = (self.models.get_mut(&service), timing(scene, service)) else {
            return;
        };
        if let Some(probe) = model.probe.take_if(|probe| probe.pid == Some(pid))
            && !probe.over
        {
            let passed = status == ExitStatus::Code(0);
            model.result(scene.now, passed, probe.started, probe.extra, timing);
        }
    }

    fn agrees(&self, scene: &Scene<'_>, service: usize) -> Check {
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
                    probe.pid = Some(*pid);
                }
            }
            Event::ProbeSpawnFailed { service, .. } => {
                if let (Some(model), Some(timing)) =
                    (self.models.get_mut(&service.0), timing(scene, service.0))
                    && model.probe.take().is_some_and(|probe| !probe.extra)
                {
                    model.due = scene.now + model.pause(scene.now, timing);
                }
            }
            Event::Overslept { by } => {
                for model in self.models.values_mut() {
                    model.since += *by;
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
            let (was, is) = (scene.was(service), scene.state(service));
            let runs = matches!(is, State::Running | State::Paused);
            match timing(scene, service) {
                Some(timing) if runs && !stopping => {
                    let model =
                        self.models.entry(service).or_insert_with(|| Model::new(scene.now, timing, service));
                    if is == State::Paused {
                        model.probe = None;
                        model.asked = false;
                    } else if was == State::Paused {
                        model.due = scene.now + model.pause(scene.now, timing);
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
                None => holds(scene.now < model.due && !model.asked, || {
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
