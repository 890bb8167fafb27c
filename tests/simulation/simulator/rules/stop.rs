//! The stop of the container: in order, in time, and everyone is told before it is killed.

use super::super::kernel::Role;
use super::{Check, Rule, Scene, holds};
use rinit::model::{Control, Hook, KillMode, MAIN, Signal};
use rinit::supervisor::*;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How long what hangs in the kernel is waited for at the very end.
const LAST_PATIENCE: Duration = Duration::from_millis(300);

/// How long what was killed may take to end before it is given up.
const KILL_PATIENCE: Duration = Duration::from_secs(1);

#[derive(Default)]
pub struct Stop {
    begun: Option<(Time, Option<Signal>)>,
    /// Somebody wanted no grace at all.
    no_grace: Option<Time>,
    /// Main processes that were told to stop, or whose `pre_stop` was started.
    told: BTreeSet<Pid>,
    /// Main processes that were killed: whoever takes their place has no grace either.
    killed: BTreeSet<Pid>,
    /// Groups of main processes that do not lead them.
    led: BTreeMap<Pid, Pid>,
    mains: BTreeMap<Pid, usize>,
    given_up: BTreeSet<usize>,
    /// Services that a reload has changed: they are stopped as their old definition says.
    changed: BTreeSet<String>,
    asked: bool,
    /// SIGKILL was sent to everything.
    no_time: bool,
}

impl Stop {
    fn limit(&self, scene: &Scene<'_>) -> Option<Time> {
        let (begun, _) = self.begun?;
        let end = begun + scene.scenario.stop_timeout;
        let end = self.no_grace.map_or(end, |at| end.min(at)).max(scene.stalled.unwrap_or_default());
        Some(if scene.scenario.has_stuck() { end + LAST_PATIENCE } else { end })
    }

    fn begins(&mut self, scene: &Scene<'_>, cause: StopCause) -> Check {
        let signal = if let StopCause::Requested(signal) = cause { signal } else { None };
        self.begun = Some((scene.now, signal));
        let state = |service: ServiceId| scene.state(service.0);
        let right = match cause {
            StopCause::Requested(_) => self.asked,
            StopCause::Essential(service) => {
                // What its main process leaves behind belongs to the stop.
                let left = state(service) == State::Stopping && !scene.has_main(service.0);
                scene.services[service.0].policy.essential && (state(service).is_final() || left)
            }
            StopCause::Unhealthy(_) => true,
            StopCause::AllDone => {
                // What tasks have done is undone with the stop.
                let undone = |it: ServiceId| state(it) == State::Stopping && scene.has_ended(it.0);
                let over = |it| state(it) == State::Stopped || state(it).is_final() || undone(it);
                scene.all().map(ServiceId).all(over)
            }
        };
        holds(right, || format!("the container stops for no reason: {cause:?}"))
    }

    /// It is a service's turn: nothing that depends on it runs, and it has its share of the time.
    fn turn(&self, scene: &Scene<'_>, service: usize, way: StopBy, grace: Duration) -> Check {
        let (Some((begun, by)), Some(definition)) = (self.begun, scene.services.get(service)) else {
            return Ok(());
        };
        let name = scene.name(service);
        let first = scene.all().find(|other| {
            let depends = scene.needs(*other).any(|(on, _)| on == service);
            depends && scene.has_main(*other) && !self.given_up.contains(other)
        });
        holds(first.is_none(), || {
            format!(
                "{name} is told to stop before {}, which depends on it",
                first.map_or("?", |it| scene.name(it))
            )
        })?;
        let main = definition.name == MAIN;
        let own = definition.policy.stop_signal;
        let right = match definition.hooks.stop.is_some() {
            true if scene.has_ended(service) && way == StopBy::Command => way,
            _ if definition.exec.reads_others() => StopBy::EndOfInput,
            true if !definition.policy.is_task() => StopBy::Command,
            _ => StopBy::Signal(own.or(by.filter(|_| main)).unwrap_or(Signal::TERM)),
        };
        // By its old definition, it may stop in another way.
        let changed = self.changed.contains(name);
        holds(changed || way == right, || format!("{name} is stopped with {way:?}, not {right:?}"))?;
        let left = (begun + scene.scenario.stop_timeout).saturating_sub(scene.now);
        let own = scene.grace(service);
        let share = |chain: Duration| match chain <= left {
            true => own,
            false => Duration::from_secs_f64(left.as_secs_f64() * (own.as_secs_f64() / chain.as_secs_f64())),
        };
        // Some of what the service depends on may end its waiting in the very step in which it was counted.
        let shares = [false, true].map(|before| share(chain(scene, service, before)));
        let micro = Duration::from_micros(1);
        let is_share = shares[1] <= grace + micro && grace <= shares[0] + micro;
        // By old definitions, other services may be behind it, with other graces.
        let is_changed = |it: usize| self.changed.contains(scene.name(it));
        let excused = changed || scene.depends_on_any(service, is_changed);
        holds(is_share || excused, || {
            format!("{name} has {grace:?} to stop, and its share of the time is {:?}", shares[0])
        })
    }

    fn signal(&mut self, scene: &Scene<'_>, pid: Pid, scope: Scope, signal: Signal) -> Check {
        let Some(service) = self.mains.get(&pid) else { return Ok(()) };
        let Some(definition) = scene.services.get(*service) else { return Ok(()) };
        if signal == Signal::KILL {
            self.killed.insert(pid);
        } else if !matches!(signal, Signal::STOP | Signal::CONT | Signal::HUP | Signal::USR1) {
            // What is left of the group is told with its last main process.
            self.told.extend(self.led.get(&pid));
        }
        match signal {
            Signal::STOP | Signal::CONT | Signal::HUP | Signal::USR1 => Ok(()),
            Signal::KILL if definition.policy.stop_signal == Some(Signal::KILL) => {
                self.told.insert(pid);
                Ok(())
            }
            Signal::KILL if self.begun.is_none() => {
                self.told.insert(pid);
                Ok(())
            }
            Signal::KILL => self.kill(scene, *service, pid),
            _ => {
                let group = scope == Scope::Group;
                let changed = self.changed.contains(&definition.name);
                let main = scene.kernel.get(pid).is_some_and(|process| process.dead.is_none());
                self.told.insert(pid);
                // What is left of a group gets SIGTERM in every mode.
                holds(!group || !main || changed || definition.policy.kill_mode == KillMode::Group, || {
                    format!("the stop signal to all of the group of {}", scene.name(*service))
                })
            }
        }
    }

    fn kill(&self, scene: &Scene<'_>, service: usize, pid: Pid) -> Check {
        let no_time = scene.scenario.stop_timeout.is_zero()
            || scene.services[service].policy.stop_grace_period.is_zero()
            || self.no_grace.is_some()
            || self
                .begun
                .is_some_and(|(begun, _)| scene.stalled >= Some(begun + scene.scenario.stop_timeout));
        // What hangs in the kernel takes time that nobody has given it.
        // What reads may stop twice, the second time with a share of almost nothing, which ends with the stop timeout.
        let after_reader =
            scene.all().any(|it| scene.reads(it) && scene.needs(it).any(|(on, _)| on == service));
        // So does it to see that what others have to reap is gone.
        let takes_time = scene.scenario.has_stuck() || scene.scenario.has_reaped_outside();
        let excused = no_time || takes_time || after_reader;
        holds(excused || self.told.contains(&pid), || {
            format!("{} is killed without having been told to stop", scene.name(service))
        })
    }
}

/// The graces of a service and of what it depends on, along the longest way. What reads and waits to be started again
/// counts; so does, with `before`, one that did so, or had a process, before this step.
pub(super) fn chain(scene: &Scene<'_>, service: usize, before: bool) -> Duration {
    let waits = |state| matches!(state, State::Waiting | State::Backoff);
    let lingers =
        scene.reads(service) && (waits(scene.state(service)) || (before && waits(scene.was(service))));
    let ended_now = before && scene.was(service).is_alive();
    let own = match scene.has_to_stop(service) || ended_now || lingers {
        true => scene.grace(service),
        false => Duration::ZERO,
    };
    own + scene.needs(service).map(|(on, _)| chain(scene, on, before)).max().unwrap_or_default()
}

/// Whether a `control` script of its own runs in place of SIGCONT. Then that script decides whether a paused process goes
/// on, and rinit does not know it.
fn resumes_itself(scene: &Scene<'_>, service: usize) -> bool {
    let hook = Hook::Control(Control::Signal(Signal::CONT));
    scene.services.get(service).is_some_and(|service| service.hooks.get(hook).is_some())
}

impl Rule for Stop {
    fn event(&mut self, scene: &Scene<'_>, event: &Event) -> Check {
        self.asked = matches!(event, Event::StopRequested { .. } | Event::KillRequested);
        match event {
            Event::KillRequested => {
                self.no_grace = self.no_grace.or(Some(scene.now));
            }
            Event::Succeeded { pid, by, group } => {
                let old = self.led.get(pid).copied().unwrap_or(*pid);
                if old != *group {
                    // What is left of the old group belongs to the service no longer.
                    self.told.remove(&old);
                }
                self.led.insert(*by, *group);
                self.mains.extend(self.mains.get(pid).map(|service| (*by, *service)));
                self.told.extend(self.killed.get(pid).map(|_| *by));
                // Its pre_stop or stop_command is still under way.
                let of = self.mains.get(pid).copied();
                let hooks = [Hook::PreStop, Hook::Stop];
                let stops =
                    |role| of.is_some_and(|of| hooks.iter().any(|hook| role == Role::Hook(of, *hook)));
                self.told.extend(scene.kernel.all().find(|it| stops(it.role)).map(|_| *by));
            }
            // Somebody wants it dead.
            Event::Signal { service, signal: Signal::KILL, .. } => {
                self.told.extend(scene.kernel.main_of(service.0).map(|main| main.pid));
            }
            Event::Spawned { service, pid } => {
                self.mains.insert(*pid, service.0);
            }
            _ => {}
        }
        Ok(())
    }

    fn forget(&mut self, service: usize) {
        self.mains.retain(|_, of| *of != service);
        self.given_up.remove(&service);
    }

    fn reload(&mut self, _: &Scene<'_>, plan: &Plan) -> Check {
        self.changed.extend(plan.restart.iter().chain(&plan.start).cloned());
        Ok(())
    }

    fn effect(&mut self, scene: &Scene<'_>, effect: &Effect) -> Check {
        match effect {
            Effect::Notice(Notice::StopBegun(cause, ..)) => self.begins(scene, *cause),
            Effect::Notice(Notice::Stopping(service, signal, grace)) => {
                self.turn(scene, service.0, *signal, *grace)
            }
            Effect::Notice(Notice::Unkillable(service)) => {
                self.given_up.insert(service.0);
                // What was frozen for less than rinit minds had no time to die.
                let frozen = scene.stalled.is_some_and(|until| until + KILL_PATIENCE >= scene.now);
                let excused = scene.scenario.has_stuck() || frozen;
                holds(excused, || format!("{} is given up", scene.name(service.0)))
            }
            Effect::Hook { service, hook: Hook::PreStop | Hook::Stop, .. } | Effect::CloseInput(service) => {
                self.told.extend(scene.kernel.main_of(service.0).map(|process| process.pid));
                Ok(())
            }
            Effect::Signal { pid, scope, signal } => self.signal(scene, *pid, *scope, *signal),
            Effect::KillRest => {
                self.no_time = true;
                Ok(())
            }
            Effect::Exit(_) => {
                let done = scene.all().find(|it| {
                    scene.state(*it) == State::Completed && scene.services[*it].hooks.stop.is_some()
                });
                holds(self.no_time || done.is_none(), || {
                    format!("what {} has done is not undone", done.map_or("?", |it| scene.name(it)))
                })?;
                let end = self.limit(scene);
                holds(end.is_some_and(|end| scene.now <= end), || {
                    format!("the end is too late, not by {end:?}")
                })
            }
            _ => Ok(()),
        }
    }

    fn after(&mut self, scene: &Scene<'_>) -> Check {
        // One that hears the stop signal has to be able to act on it.
        let deaf = scene.kernel.all().find(|process| {
            let told = self.told.contains(&process.group) && !process.killed;
            let of = self.mains.get(&process.group).filter(|it| scene.state(**it) == State::Stopping);
            told && of.is_some_and(|it| !resumes_itself(scene, *it))
                && process.is_halted()
                && !scene.kernel.is_coming(process, Signal::CONT)
        });
        holds(deaf.is_none(), || {
            let whose = deaf.and_then(|process| self.mains.get(&process.group)).map(|it| scene.name(*it));
            format!("a process of {} is still halted by SIGSTOP", whose.unwrap_or("?"))
        })
    }

    fn still(&mut self, scene: &Scene<'_>, until: Time) -> Check {
        let Some(end) = self.limit(scene) else { return Ok(()) };
        holds(!scene.kernel.is_empty() || scene.kernel.has_unseen(), || {
            "the stop waits, and nothing is left".to_owned()
        })?;
        holds(scene.now < end, || format!("the stop takes until {until:?}, longer than its timeout"))
    }
}
