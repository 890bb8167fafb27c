//! At most one main process of each service, no signal to what was reaped, and nothing is left behind.

use super::super::kernel::{Process, Role};
use super::{Check, Rule, Scene, holds};
use rinit::model::{Control, Hook, Signal};
use rinit::supervisor::*;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What is left of a group is looked for at least so often.
const LONGEST_LOOK: Duration = Duration::from_secs(1);

#[derive(Default)]
pub struct Processes {
    /// Told to have ended.
    gone: BTreeSet<Pid>,
    /// Of these, the leaders of whose groups others are left.
    groups: BTreeSet<Pid>,
    /// Whose group it is.
    owners: BTreeMap<Pid, usize>,
    /// Groups of main processes that do not lead them.
    led: BTreeMap<Pid, Pid>,
    /// Main processes, or the groups that they had, that were given up.
    given_up: BTreeSet<Pid>,
}

impl Processes {
    /// One that is reaped is gone, whether its end was told already or not.
    fn signal(&self, scene: &Scene<'_>, pid: Pid, scope: Scope) -> Check {
        let there = scene.kernel.get(pid).is_some();
        let reached = match scope {
            Scope::Process => there,
            Scope::Group => there || self.groups.contains(&pid),
        };
        holds(reached, || format!("a signal to process {}, which was reaped", pid.0))
    }

    fn spawn(&self, scene: &Scene<'_>, service: usize) -> Check {
        let name = scene.name(service);
        holds(!scene.has_main(service), || format!("{name} is started while its main process is there"))?;
        let hook = scene.kernel.all().find(|process| {
            matches!(
                process.role,
                Role::Hook(of, Hook::Control(Control::Up) | Hook::PreStart | Hook::PostStop) if of == service
            )
        });
        holds(hook.is_none_or(|hook| !hook.runs_on()), || {
            format!("{name} is started while a hook of it runs")
        })?;
        holds(!self.has_group(service), || {
            format!("{name} is started while something is left of its last process group")
        })
    }

    /// Whether others are left of the group that a main process of the service had.
    fn has_group(&self, service: usize) -> bool {
        let mut left = self.groups.difference(&self.given_up);
        left.any(|group| self.owners.get(group) == Some(&service))
    }

    fn probe(scene: &Scene<'_>, service: usize) -> Check {
        let other = scene.kernel.all().any(|it| it.role == Role::Probe(service) && it.runs_on());
        holds(!other, || format!("two probes of {} at once", scene.name(service)))
    }

    fn hook(&self, scene: &Scene<'_>, service: usize, hook: Hook) -> Check {
        let name = scene.name(service);
        // What is run in place of a signal is run beside everything else.
        let aside = |hook: Hook| matches!(hook, Hook::Control(Control::Signal(_)));
        let other = |it: &Process| match it.role {
            Role::Hook(of, other) => of == service && aside(other) == aside(hook) && it.runs_on(),
            _ => false,
        };
        holds(!scene.kernel.all().any(other), || format!("two hooks of {name} at once"))?;
        // One that has just ended is there for the supervisor until it is told.
        let main = self.owners.iter().any(|(pid, of)| *of == service && !self.gone.contains(pid));
        let right = match hook {
            Hook::PreStart | Hook::PostStop | Hook::Control(Control::Up) => !main,
            Hook::PostStart | Hook::PreStop | Hook::Control(Control::Signal(_)) => main,
            Hook::Control(Control::Down | Control::Exit) => scene.state(service) == State::Stopping,
            Hook::Stop => main || scene.has_ended(service),
        };
        holds(right, || {
            let there = if main { "there" } else { "not there" };
            format!("{} of {name} while its main process is {there}", hook.as_str())
        })
    }

    /// What runs of a service agrees with its state.
    fn agrees(&self, scene: &Scene<'_>, service: usize) -> Check {
        let name = scene.name(service);
        let state = scene.state(service);
        let main = scene.kernel.main_of(service).is_some_and(|main| !self.given_up.contains(&main.pid));
        let hook = |which: &dyn Fn(Hook) -> bool| {
            scene
                .kernel
                .all()
                .any(|it| matches!(it.role, Role::Hook(of, hook) if of == service && which(hook)))
        };
        let group = self.has_group(service);
        let right = match state {
            State::Starting => {
                main || hook(&|hook| matches!(hook, Hook::PreStart | Hook::Control(Control::Up)))
            }
            State::Running | State::Paused => main,
            State::Stopping => {
                main || group
                    || hook(&|hook| {
                        hook.is_of_the_end() || matches!(hook, Hook::PreStart | Hook::Control(Control::Up))
                    })
            }
            State::Stopped | State::Waiting | State::Backoff | State::Completed | State::Failed => {
                !main && !group
            }
        };
        holds(right, || {
            let what = if main || group { "something of it runs" } else { "nothing of it runs" };
            format!("{name} is {}, and {what}", state.as_str())
        })?;
        let stray = scene.kernel.all().find(|it| {
            let idle = match it.role {
                Role::Probe(of) => of == service && state != State::Running,
                Role::Hook(of, Hook::PostStart) => {
                    of == service && !matches!(state, State::Running | State::Paused)
                }
                Role::Hook(of, Hook::PreStart | Hook::Control(Control::Up)) => {
                    of == service && !matches!(state, State::Starting | State::Stopping)
                }
                Role::Hook(of, hook) if hook.is_of_the_end() => of == service && state != State::Stopping,
                // It is judged with the signals.
                Role::Hook(..) | Role::Main(_) | Role::Member | Role::Orphan => false,
            };
            idle && !it.killed
        });
        holds(stray.is_none(), || {
            format!("{name} is {}, and {:?} runs", state.as_str(), stray.map(|it| it.role))
        })
    }
}

impl Rule for Processes {
    fn event(&mut self, _: &Scene<'_>, event: &Event) -> Check {
        match event {
            Event::Spawned { service, pid } => {
                self.owners.insert(*pid, service.0);
            }
            Event::Succeeded { pid, by, group } => {
                self.gone.insert(*pid);
                self.owners.extend(self.owners.get(pid).map(|owner| (*by, *owner)));
                self.led.insert(*by, *group);
                self.given_up.extend(self.given_up.get(pid).map(|_| *by));
            }
            Event::Exited { pid, group_left, .. } => {
                self.gone.insert(*pid);
                if *group_left {
                    self.groups.insert(self.led.get(pid).copied().unwrap_or(*pid));
                }
            }
            Event::GroupGone { pid } => {
                self.groups.remove(pid);
            }
            _ => {}
        }
        Ok(())
    }

    fn forget(&mut self, service: usize) {
        self.owners.retain(|_, of| *of != service);
    }

    fn effect(&mut self, scene: &Scene<'_>, effect: &Effect) -> Check {
        match effect {
            Effect::Signal { pid, scope, .. } => self.signal(scene, *pid, *scope),
            Effect::Notice(Notice::Stopping(service, ..) | Notice::Killed(service, ..)) => {
                let reaped = |(pid, of): (&Pid, &usize)| {
                    *of == service.0 && !self.gone.contains(pid) && scene.kernel.get(*pid).is_none()
                };
                holds(!self.owners.iter().any(reaped), || {
                    format!("{} is said to be stopped, and was reaped already", scene.name(service.0))
                })
            }
            Effect::Spawn(service) => self.spawn(scene, service.0),
            Effect::Probe(service) => Self::probe(scene, service.0),
            Effect::Hook { service, hook, .. } => self.hook(scene, service.0, *hook),
            Effect::Notice(Notice::Unkillable(service)) => {
                let of = |pid: &&Pid| self.owners.get(pid) == Some(&service.0);
                self.given_up.extend(self.owners.keys().filter(of));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn still(&mut self, scene: &Scene<'_>, until: Time) -> Check {
        // What was given up is not looked for.
        let stopping = scene.supervisor.is_stopping();
        let unseen = scene.kernel.has_unseen() && !stopping && self.given_up.is_empty();
        holds(!unseen || until <= scene.now + LONGEST_LOOK, || {
            "a group is gone, and nobody looks for it".to_owned()
        })?;
        scene.all().try_for_each(|service| self.agrees(scene, service))
    }

    fn end(&mut self, scene: &Scene<'_>) -> Check {
        let reachable = || scene.kernel.all().filter(|it| !scene.kernel.is_unreachable(it.group));
        // At the very end there may be no time for the child that kills what is left.
        let is_killed = |process: &Process| scene.kernel.is_coming(process, Signal::KILL);
        let left = reachable().find(|process| !process.killed && !is_killed(process));
        let left = left.or_else(|| reachable().find(|it| !it.is_stuck() && !is_killed(it)));
        holds(left.is_none(), || format!("{:?} was not reaped", left.map(|process| process.role)))
    }
}
