//! Commands of `control`: one at a time in place of a signal, which is sent if its command fails and not else; none
//! outlives a stop or its time; and what goes with a stop is run.

use super::super::kernel::Role;
use super::{Check, Rule, Scene, holds};
use rinit::model::{Control, Hook, Signal};
use rinit::supervisor::*;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What the documentation says.
const LIMIT: Duration = Duration::from_secs(60);

#[derive(Default)]
pub struct Controls {
    mains: BTreeMap<Pid, usize>,
    /// Commands with a limit of their own: whose, what for, since when, and the main process that they are for.
    running: BTreeMap<Pid, (usize, Control, Time, Option<Pid>)>,
    /// Signals that were asked for while a command runs, once each; `None`: pauses among them, which come to what by then
    /// can be.
    waiting: BTreeMap<usize, Option<Vec<Signal>>>,
    /// What has to come in this step.
    expected: Vec<Expected>,
    /// Commands that have failed in this step: their signals may be sent.
    failed: BTreeSet<(usize, Signal)>,
    /// Services that are told to stop in this step.
    stopped: BTreeSet<usize>,
    forwarded: bool,
    begun: bool,
    /// Services that somebody wants stopped for good, and have not been told yet.
    by_hand: BTreeSet<usize>,
    /// Services that are stopped in this step because they are not well.
    unwell: BTreeSet<usize>,
    /// Services that a reload has changed: they are stopped as their old definition says.
    changed: BTreeSet<String>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Expected {
    Sent(usize, Signal),
    Run(usize, Control),
}

impl Controls {
    /// Whether a command in place of a signal is there, be it killed.
    fn busy(scene: &Scene<'_>, service: usize) -> bool {
        scene
            .kernel
            .all()
            .any(|it| matches!(it.role, Role::Hook(of, Hook::Control(Control::Signal(_))) if of == service))
    }

    fn has(scene: &Scene<'_>, service: usize, control: Control) -> bool {
        scene.services.get(service).is_some_and(|service| service.hooks.get(Hook::Control(control)).is_some())
    }

    /// Somebody asks for a signal, a pause or its end.
    fn asked(&mut self, scene: &Scene<'_>, service: usize, signal: Signal) {
        let state = scene.state(service);
        let possible = match signal {
            Signal::STOP => state == State::Running,
            Signal::CONT => state == State::Paused,
            _ => state.is_alive(),
        };
        let there = scene.view(service).is_some_and(|view| view.pid.is_some());
        let control = Control::Signal(signal);
        if possible && there && !Self::busy(scene, service) {
            self.expected.push(match state != State::Stopping && Self::has(scene, service, control) {
                true => Expected::Run(service, control),
                false => Expected::Sent(service, signal),
            });
        } else if there && self.running.values().any(|it| it.0 == service && it.1 != Control::Up) {
            let waiting = self.waiting.entry(service).or_insert_with(|| Some(Vec::new()));
            match waiting {
                Some(signals) if signal != Signal::STOP && signal != Signal::CONT => {
                    signals.retain(|other| *other != signal);
                    signals.push(signal);
                }
                other => *other = None,
            }
        }
    }

    /// A command has ended: what waits for that has its turn, up to the next command.
    fn turn(&mut self, scene: &Scene<'_>, service: usize) {
        let mut signals = self.waiting.remove(&service).flatten().unwrap_or_default();
        let runs = matches!(scene.state(service), State::Starting | State::Running | State::Paused);
        while runs && !signals.is_empty() {
            let signal = signals.remove(0);
            if Self::has(scene, service, Control::Signal(signal)) {
                self.expected.push(Expected::Run(service, Control::Signal(signal)));
                self.waiting.insert(service, Some(std::mem::take(&mut signals)));
            } else {
                self.expected.push(Expected::Sent(service, signal));
            }
        }
    }

    /// A command has ended, or could not be run.
    fn done(&mut self, scene: &Scene<'_>, service: usize, signal: Signal, target: Option<Pid>, failed: bool) {
        let state = scene.state(service);
        let possible = match signal {
            Signal::STOP => state == State::Running,
            Signal::CONT => state == State::Paused,
            _ => matches!(state, State::Starting | State::Running | State::Paused),
        };
        let main = scene.view(service).and_then(|view| view.pid);
        // One that was reaped in the same moment gets nothing any more.
        if failed && possible && main.is_some() && main == target && scene.has_main(service) {
            self.failed.insert((service, signal));
            self.expected.push(Expected::Sent(service, signal));
        }
    }

    fn signal(&mut self, scene: &Scene<'_>, pid: Pid, signal: Signal) -> Check {
        let Some(&service) = self.mains.get(&pid) else { return Ok(()) };
        let before = self.expected.len();
        self.expected.retain(|it| *it != Expected::Sent(service, signal));
        let asked = self.expected.len() < before;
        let stops = scene.state(service) == State::Stopping || scene.was(service) == State::Stopping;
        let name = scene.name(service);
        let free = asked || stops || self.forwarded || self.changed.contains(name);
        // What waits while another command runs is sent at its end.
        let has = Self::has(scene, service, Control::Signal(signal));
        holds(free || !has || self.failed.contains(&(service, signal)), || {
            format!("{signal} to {name}, which has a command in its place")
        })
    }

    fn hook(&mut self, scene: &Scene<'_>, service: usize, control: Control) -> Check {
        self.expected.retain(|it| *it != Expected::Run(service, control));
        let name = scene.name(service);
        match control {
            Control::Signal(_) => {
                let other = scene.kernel.all().any(|it| {
                    let is_one =
                        matches!(it.role, Role::Hook(of, Hook::Control(Control::Signal(_))) if of == service);
                    is_one && it.runs_on()
                });
                holds(!other, || format!("two commands in place of signals of {name} at once"))
            }
            Control::Down | Control::Exit => {
                let gone = scene.current().all(|it| it != service);
                holds((control == Control::Exit) == (self.begun || gone), || {
                    format!("the wrong command, {control:?}, at the stop of {name}")
                })
            }
            Control::Up => Ok(()),
        }
    }

    /// It is told to stop: where nothing comes before that, what goes with it follows at once.
    fn told(&mut self, scene: &Scene<'_>, service: usize, way: StopBy) {
        let Some(definition) = scene.services.get(service) else { return };
        let ran = matches!(scene.was(service), State::Running | State::Paused);
        let plain = definition.hooks.pre_stop.is_none() && matches!(way, StopBy::Signal(_));
        let gone = scene.current().all(|it| it != service);
        let control = if self.begun || gone { Control::Exit } else { Control::Down };
        // Not one that was made in this very step.
        let there = scene.kernel.main_of(service).is_some_and(|main| self.mains.contains_key(&main.pid));
        if ran
            && plain
            && there
            && Self::has(scene, service, control)
            && !self.changed.contains(&definition.name)
        {
            self.expected.push(Expected::Run(service, control));
        }
    }
}

impl Rule for Controls {
    fn event(&mut self, scene: &Scene<'_>, event: &Event) -> Check {
        self.failed.clear();
        self.stopped.clear();
        self.unwell.clear();
        self.forwarded = matches!(event, Event::Forward { .. });
        let main = |service: ServiceId| scene.kernel.main_of(service.0).map(|main| main.pid);
        match event {
            Event::Succeeded { pid, by, .. } => {
                self.mains.extend(self.mains.get(pid).map(|service| (*by, *service)));
            }
            Event::Spawned { service, pid } => {
                self.mains.insert(*pid, service.0);
            }
            Event::Signal { service, signal, .. } => self.asked(scene, service.0, *signal),
            Event::Pause { service } => self.asked(scene, service.0, Signal::STOP),
            Event::Resume { service } => self.asked(scene, service.0, Signal::CONT),
            Event::Stop { services } if !self.begun => {
                self.by_hand.extend(services.iter().map(|service| service.0));
            }
            // What these want may be among them.
            Event::Start { .. } | Event::Restart { .. } => self.by_hand.clear(),
            Event::HookSpawned { service, hook: Hook::Control(control), pid }
                if matches!(control, Control::Up | Control::Signal(_)) =>
            {
                // It was asked for before its service was told to stop.
                if scene.state(service.0) == State::Stopping && *control != Control::Up {
                    self.stopped.insert(service.0);
                }
                self.running.insert(*pid, (service.0, *control, scene.now, main(*service)));
            }
            Event::HookSpawnFailed { service, hook: Hook::Control(Control::Signal(signal)), .. } => {
                self.done(scene, service.0, *signal, main(*service), true);
                self.turn(scene, service.0);
            }
            Event::Overslept { by } => self.running.values_mut().for_each(|it| it.2 += *by),
            Event::Exited { pid, status, .. } => {
                if let Some(service) = self.mains.get(pid) {
                    self.waiting.remove(service);
                }
                if let Some((service, Control::Signal(signal), _, target)) = self.running.remove(pid) {
                    self.done(scene, service, signal, target, !status.success());
                    self.turn(scene, service);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn forget(&mut self, service: usize) {
        self.mains.retain(|_, of| *of != service);
        self.running.retain(|_, it| it.0 != service);
        self.waiting.remove(&service);
        self.by_hand.remove(&service);
    }

    fn reload(&mut self, _: &Scene<'_>, plan: &Plan) -> Check {
        self.failed.clear();
        self.stopped.clear();
        self.unwell.clear();
        self.by_hand.clear();
        self.forwarded = false;
        self.changed.extend(plan.restart.iter().chain(&plan.start).cloned());
        Ok(())
    }

    fn effect(&mut self, scene: &Scene<'_>, effect: &Effect) -> Check {
        match effect {
            Effect::Signal { pid, signal, .. } => self.signal(scene, *pid, *signal),
            Effect::Hook { service, hook: Hook::Control(control), .. } => {
                self.hook(scene, service.0, *control)
            }
            Effect::Notice(Notice::StopBegun(..)) => {
                self.begun = true;
                Ok(())
            }
            Effect::Notice(Notice::Restarting(service, _) | Notice::Unhealthy(service, ..)) => {
                self.unwell.insert(service.0);
                Ok(())
            }
            Effect::Notice(Notice::Stopping(service, way, _)) => {
                self.stopped.insert(service.0);
                // By its turn in the stop of the container everyone halts, but for what reads.
                let by_hand = self.by_hand.remove(&service.0) && !self.unwell.contains(&service.0);
                if (self.begun || by_hand) && !scene.reads(service.0) {
                    self.told(scene, service.0, *way);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn after(&mut self, scene: &Scene<'_>) -> Check {
        // What a stop has killed says nothing.
        self.waiting.retain(|service, _| !self.stopped.contains(service));
        let told: BTreeSet<Pid> = self.running.keys().copied().collect();
        self.running.retain(|_, it| !(self.stopped.contains(&it.0) && matches!(it.1, Control::Signal(_))));
        let mut missing = std::mem::take(&mut self.expected);
        // One that was reaped, of which the supervisor is about to be told, gets no signal any more.
        missing.retain(|it| !matches!(it, Expected::Sent(service, _) if !scene.has_main(*service)));
        holds(missing.is_empty(), || format!("what is asked for is not done: {missing:?}"))?;
        // One whose making was not told yet is killed when it is.
        let left = scene.kernel.all().filter(|it| told.contains(&it.pid)).find(|it| match it.role {
            Role::Hook(of, Hook::Control(Control::Signal(_))) => self.stopped.contains(&of) && it.runs_on(),
            _ => false,
        });
        holds(left.is_none(), || format!("{:?} goes on during a stop", left.map(|it| it.role)))
    }

    fn still(&mut self, scene: &Scene<'_>, _: Time) -> Check {
        let late = self.running.iter().find(|(pid, (service, control, since, _))| {
            let runs = scene.kernel.get(**pid).is_some_and(|process| process.runs_on());
            // One before a start that is to stop has the grace.
            let stops = *control == Control::Up && scene.state(*service) != State::Starting;
            runs && !stops && scene.now >= *since + LIMIT
        });
        holds(late.is_none(), || format!("{late:?} is not killed at the end of its time"))
    }
}
