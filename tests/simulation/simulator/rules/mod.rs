//! What has to hold whatever happens. Each rule keeps its own books from what the supervisor is told and answers; it
//! knows the supervisor's mind only from the views that anybody can ask for.

mod book;
mod control;
mod ends;
mod health;
mod input;
mod limits;
mod processes;
mod remembered;
mod starts;
mod status;
mod stop;
mod together;

use super::kernel::Kernel;
use super::scenario::Scenario;
use rinit::model::{Control, Dependency, Hook, Service};
use rinit::supervisor::{Effect, Event, HealthState, Plan, ServiceId, State, Supervisor, Time, View};
use std::collections::BTreeMap;
use std::time::Duration;

/// A rule holds, or this is how it is broken.
pub type Check = Result<(), String>;

/// What can be seen at one moment.
pub struct Scene<'a> {
    pub now: Time,
    pub scenario: &'a Scenario,
    pub supervisor: &'a Supervisor,
    /// The definitions as they are written now, by the number of the service.
    pub defined: &'a [Service],
    /// The definitions by which they run, or were started last.
    pub services: &'a [Service],
    /// The definitions by which they stop, and need others until then.
    pub stops_by: &'a [Service],
    pub kernel: &'a Kernel,
    /// The states before this step.
    pub before: &'a [State],
    /// What the next start of the container would know of services that were stopped by hand.
    pub remembered: &'a BTreeMap<usize, bool>,
    /// Nothing can be written just now.
    pub refuses: bool,
    /// Up to when PID 1 could not look the last time.
    pub stalled: Option<Time>,
}

impl<'a> Scene<'a> {
    pub fn name(&self, service: usize) -> &'a str {
        self.services.get(service).map_or("?", |service| &service.name)
    }

    pub fn view(&self, service: usize) -> Option<View<'a>> {
        self.supervisor.view(self.now, ServiceId(service))
    }

    pub fn state(&self, service: usize) -> State {
        self.supervisor.state(ServiceId(service)).map_or(State::Stopped, |(state, _)| state)
    }

    /// What its health check says; `None` while it does not run.
    pub fn health(&self, service: usize) -> Option<HealthState> {
        self.supervisor.state(ServiceId(service)).and_then(|(_, health)| health)
    }

    pub fn was(&self, service: usize) -> State {
        self.before.get(service).copied().unwrap_or(State::Stopped)
    }

    /// The grace by which it stops, or would.
    pub fn grace(&self, service: usize) -> Duration {
        self.stops_by.get(service).map(|service| service.policy.stop_grace_period).unwrap_or_default()
    }

    pub fn all(&self) -> std::ops::Range<usize> {
        0..self.supervisor.len()
    }

    /// The services that are defined now.
    pub fn current(&self) -> impl Iterator<Item = usize> {
        self.supervisor.current().map(|id| id.0)
    }

    /// What a service depends on, by number.
    pub fn needs(&self, service: usize) -> impl Iterator<Item = (usize, &'a Dependency)> {
        let dependencies = self.stops_by.get(service).map_or(&[][..], |it| &it.policy.depends_on);
        dependencies.iter().filter_map(|dependency| {
            let on = self.services.iter().position(|other| other.name == dependency.name)?;
            Some((on, dependency))
        })
    }

    /// Whether one of those that a service depends on, be it by way of others, is such.
    pub fn depends_on_any(&self, service: usize, is_such: impl Fn(usize) -> bool) -> bool {
        let mut todo: Vec<usize> = self.needs(service).map(|(on, _)| on).collect();
        while let Some(on) = todo.pop() {
            if is_such(on) {
                return true;
            }
            todo.extend(self.needs(on).map(|(on, _)| on));
        }
        false
    }

    /// Whether others write to it, and who.
    pub fn reads(&self, service: usize) -> bool {
        self.services.get(service).is_some_and(|service| service.exec.reads_others())
    }

    pub fn writers(&self, reader: usize) -> impl Iterator<Item = usize> {
        let name = self.name(reader);
        self.all().filter(move |it| self.stops_by[*it].exec.readers().any(|reader| reader == name))
    }

    /// Whether it has something to stop: a process, or what a completed task has done.
    pub fn has_to_stop(&self, service: usize) -> bool {
        let undoes = || self.services.get(service).is_some_and(|service| service.hooks.stop.is_some());
        let state = self.state(service);
        state.is_alive() || (state == State::Completed && undoes())
    }

    /// Whether its main process has ended before or in this very step: what a task has done may be undone.
    pub fn has_ended(&self, service: usize) -> bool {
        use State::*;
        matches!(self.was(service), Completed | Running | Paused | Stopping) && !self.has_main(service)
    }

    /// Whether a start begins with this.
    pub fn is_first_of_start(&self, service: usize, hook: Option<Hook>) -> bool {
        let Some(hooks) = self.services.get(service).map(|service| &service.hooks) else { return false };
        let before = [Hook::Control(Control::Up), Hook::PreStart];
        before.into_iter().find(|hook| hooks.get(*hook).is_some()) == hook
    }

    /// Whether its main process is there: alive, or not reaped yet.
    pub fn has_main(&self, service: usize) -> bool {
        self.kernel.main_of(service).is_some()
    }
}

/// One rule, or a few that need the same books.
pub trait Rule {
    /// Before the supervisor is told.
    fn event(&mut self, _scene: &Scene<'_>, _event: &Event) -> Check {
        Ok(())
    }

    /// Another service takes the place of one that is gone: what is known by that number is of the old one.
    fn forget(&mut self, _service: usize) {}

    /// Before a reload.
    fn reload(&mut self, _scene: &Scene<'_>, _plan: &Plan) -> Check {
        Ok(())
    }

    /// An answer, before it is carried out.
    fn effect(&mut self, _scene: &Scene<'_>, _effect: &Effect) -> Check {
        Ok(())
    }

    /// After all answers of a step were carried out.
    fn after(&mut self, _scene: &Scene<'_>) -> Check {
        Ok(())
    }

    /// Nothing more happens now; the clock goes on to `until`.
    fn still(&mut self, _scene: &Scene<'_>, _until: Time) -> Check {
        Ok(())
    }

    /// The exit was told.
    fn end(&mut self, _scene: &Scene<'_>) -> Check {
        Ok(())
    }
}

pub fn all() -> Vec<Box<dyn Rule>> {
    vec![
        Box::<processes::Processes>::default(),
        Box::<starts::Starts>::default(),
        Box::<ends::Ends>::default(),
        Box::<control::Controls>::default(),
        Box::<health::Healths>::default(),
        Box::<input::Input>::default(),
        Box::<limits::Limits>::default(),
        Box::<stop::Stop>::default(),
        Box::<together::Together>::default(),
        Box::<status::Status>::default(),
        Box::<remembered::Remembered>::default(),
    ]
}

/// Breaks a rule, unless it holds.
fn holds(holds: bool, otherwise: impl FnOnce() -> String) -> Check {
    if holds { Ok(()) } else { Err(otherwise()) }
}
