//! Nothing starts before what it depends on is there or once the stop has begun, and whatever can start does.

use super::{Check, Rule, Scene, holds};
use rinit::model::{Condition, Control, Dependency, Hook};
use rinit::supervisor::*;
use std::collections::BTreeSet;

#[derive(Default)]
pub struct Starts {
    stopping: bool,
    /// Services that somebody has stopped at some time.
    by_hand: BTreeSet<usize>,
    /// Services that have failed because a dependency had.
    dragged: BTreeSet<usize>,
    /// Services that got ready while ends were still to be told: they have started, even if they have ended since.
    came_up: BTreeSet<usize>,
}

#[derive(PartialEq)]
enum There {
    Yes,
    NotYet,
    Never,
}

/// Whether a dependency is there.
fn there(scene: &Scene<'_>, on: usize, dependency: &Dependency) -> There {
    let state = scene.state(on);
    // It is about to be started anew.
    if scene.supervisor.is_renewed(ServiceId(on)) {
        return There::NotYet;
    }
    let runs = matches!(state, State::Running | State::Paused);
    let is = match dependency.condition {
        Condition::Started => runs || state == State::Completed,
        Condition::Healthy => runs && scene.health(on) == Some(HealthState::Healthy),
        Condition::CompletedSuccessfully => state == State::Completed,
    };
    match (is, state) {
        (true, _) => There::Yes,
        (false, State::Failed | State::Completed) if dependency.required => There::Never,
        (false, State::Failed | State::Completed | State::Stopped) if !dependency.required => There::Yes,
        (false, _) => There::NotYet,
    }
}

impl Starts {
    fn start(&self, scene: &Scene<'_>, service: usize) -> Check {
        let name = scene.name(service);
        let lingers = scene.reads(service);
        holds(!self.stopping || lingers, || format!("{name} is started although the container stops"))?;
        // The stop may begin later in this very step; then what can be seen now is no longer what was.
        if scene.supervisor.is_stopping() {
            return Ok(());
        }
        let came_up = |on: &usize, dependency: &Dependency| {
            dependency.condition == Condition::Started && self.came_up.contains(on)
        };
        let missing = scene
            .needs(service)
            .find(|(on, dependency)| there(scene, *on, dependency) != There::Yes && !came_up(on, dependency));
        holds(missing.is_none(), || {
            let on = missing.map_or("?", |(on, _)| scene.name(on));
            format!("{name} is started before {on} is there")
        })
    }

    fn not_while_stopping(&self, scene: &Scene<'_>, service: usize, what: &str) -> Check {
        let lingers = scene.reads(service) && what == "a start";
        holds(!self.stopping || lingers, || {
            format!("{what} of {} although the container stops", scene.name(service))
        })
    }

    /// A start begins with this, or goes on with it: that was decided when its first hook was started.
    fn goes_on(&self, scene: &Scene<'_>, service: usize, hook: Option<Hook>) -> Check {
        match scene.is_first_of_start(service, hook) {
            true => self.start(scene, service),
            false => self.not_while_stopping(scene, service, "a start"),
        }
    }

    fn waits(&self, scene: &Scene<'_>, service: usize) -> Check {
        let name = scene.name(service);
        // It has to wait for others to stop before it is started anew.
        if scene.supervisor.waits_for_turn(ServiceId(service)) {
            return Ok(());
        }
        let mut open = false;
        for (on, dependency) in scene.needs(service) {
            let other = scene.name(on);
            match there(scene, on, dependency) {
                There::Yes => {}
                There::Never => return Err(format!("{name} waits for {other}, which will never come")),
                There::NotYet if dependency.required => {
                    let asleep = scene.state(on) == State::Stopped && !self.by_hand.contains(&on);
                    let soon = scene.supervisor.waits_for_turn(ServiceId(on));
                    holds(!asleep || soon, || format!("{name} waits for {other}, which nobody starts"))?;
                    open = true;
                }
                There::NotYet => open = true,
            }
        }
        // Something that it depends on by way of others is restarted with it.
        open |= scene.depends_on_any(service, |on| scene.supervisor.is_renewed(ServiceId(on)));
        holds(open, || format!("{name} waits, and all that it depends on is there"))
    }
}

impl Rule for Starts {
    fn event(&mut self, _: &Scene<'_>, event: &Event) -> Check {
        if let Event::Stop { services } = event {
            self.by_hand.extend(services.iter().map(|service| service.0));
        }
        Ok(())
    }

    fn reload(&mut self, scene: &Scene<'_>, plan: &Plan) -> Check {
        // What is gone, and comes back perhaps, is not wanted for having been wanted before.
        self.dragged.retain(|service| plan.stop.iter().all(|name| name != scene.name(*service)));
        Ok(())
    }

    fn forget(&mut self, service: usize) {
        self.by_hand.remove(&service);
        self.dragged.remove(&service);
    }

    fn effect(&mut self, scene: &Scene<'_>, effect: &Effect) -> Check {
        match effect {
            Effect::Notice(Notice::StopBegun(..)) => self.stopping = true,
            Effect::Notice(Notice::DependencyFailed(service, _)) => {
                self.dragged.insert(service.0);
            }
            Effect::Notice(Notice::Ready(service, _)) => {
                self.came_up.insert(service.0);
            }
            Effect::Hook { service, hook: hook @ (Hook::PreStart | Hook::Control(Control::Up)), .. } => {
                return self.goes_on(scene, service.0, Some(*hook));
            }
            Effect::Spawn(service) => return self.goes_on(scene, service.0, None),
            Effect::Probe(service) => return self.not_while_stopping(scene, service.0, "a probe"),
            Effect::Hook { service, hook: Hook::PostStart, .. } => {
                return self.not_while_stopping(scene, service.0, "post_start");
            }
            _ => {}
        }
        Ok(())
    }

    fn after(&mut self, scene: &Scene<'_>) -> Check {
        self.dragged.retain(|service| scene.state(*service) == State::Failed);
        if !scene.supervisor.processes().has_untold() {
            self.came_up.clear();
        }
        Ok(())
    }

    fn still(&mut self, scene: &Scene<'_>, _: Time) -> Check {
        if self.stopping {
            // What reads goes on as long as what depends on it is there.
            let lingers = |it: usize| {
                let dependents = scene.all().filter(move |other| scene.needs(*other).any(|(on, _)| on == it));
                let there = |other: usize| {
                    scene.has_to_stop(other) || matches!(scene.state(other), State::Waiting | State::Backoff)
                };
                scene.reads(it) && dependents.into_iter().any(there)
            };
            let odd = scene
                .all()
                .find(|it| matches!(scene.state(*it), State::Waiting | State::Backoff) && !lingers(*it));
            return holds(odd.is_none(), || {
                format!("{} waits although the container stops", odd.map_or("?", |it| scene.name(it)))
            });
        }
        for service in scene.current() {
            let state = scene.state(service);
            if state == State::Waiting {
                self.waits(scene, service)?;
            }
            let lost = |(on, dependency)| there(scene, on, dependency) == There::Never;
            let waits = scene.supervisor.waits_for_turn(ServiceId(service));
            let free = self.dragged.contains(&service) && !self.by_hand.contains(&service) && !waits;
            holds(!free || scene.needs(service).any(lost), || {
                format!("{} has failed with a dependency, and stays so without", scene.name(service))
            })?;
            let autostart = scene.defined.get(service).is_some_and(|service| service.policy.autostart);
            holds(state != State::Stopped || !autostart || self.by_hand.contains(&service), || {
                format!("{} is stopped, and nobody has stopped it", scene.name(service))
            })?;
        }
        let current: BTreeSet<usize> = scene.current().collect();
        let odd = scene
            .all()
            .find(|it| !current.contains(it) && matches!(scene.state(*it), State::Waiting | State::Backoff));
        holds(odd.is_none(), || format!("{} is gone and not stopped", odd.map_or("?", |it| scene.name(it))))
    }
}
