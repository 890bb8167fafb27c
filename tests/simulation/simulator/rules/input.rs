//! What reads from others: its input ends when they are gone and not before, it has time to read the rest, and it is
//! there as long as they are.

use super::{Check, Rule, Scene, holds};
use rinit::model::{Hook, Signal};
use rinit::supervisor::*;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Default)]
pub struct Input {
    stopping: bool,
    /// Somebody wanted no grace at all, or there is none left.
    no_grace: bool,
    /// Main processes whose input ends: the end of the grace of each.
    graces: BTreeMap<usize, Time>,
    /// When each may be told to stop otherwise.
    drains: BTreeMap<Pid, Time>,
    told: BTreeSet<Pid>,
    /// What read, or was about to, when the stop began.
    lingering: BTreeSet<usize>,
    /// Services that were to stop by hand: they need not go on if they end before their turn comes.
    by_hand: BTreeSet<usize>,
    given_up: BTreeSet<usize>,
}

impl Input {
    fn close(&mut self, scene: &Scene<'_>, reader: usize) -> Check {
        let name = scene.name(reader);
        let gone = scene.current().all(|it| it != reader);
        holds(self.stopping || gone, || format!("the input of {name} ends, and {name} goes on"))?;
        let open = scene
            .writers(reader)
            .find(|it| self.stopping && scene.has_main(*it) && !self.given_up.contains(it));
        holds(open.is_none(), || {
            format!("the input of {name} ends while {} runs", open.map_or("?", |it| scene.name(it)))
        })?;
        if let (Some(main), Some(grace)) = (scene.kernel.main_of(reader), self.graces.get(&reader)) {
            let half = grace.saturating_sub(scene.now) / 2;
            self.drains.insert(main.pid, scene.now + half);
        }
        Ok(())
    }

    fn signal(&mut self, scene: &Scene<'_>, pid: Pid, signal: Signal) -> Check {
        // Those that somebody asks for, and no stop needs, are not ours to judge.
        let is_plain = matches!(signal, Signal::CONT | Signal::HUP | Signal::USR1);
        let Some(until) = self.drains.get(&pid).filter(|_| !is_plain) else { return Ok(()) };
        let alive = scene.kernel.get(pid).is_some_and(|process| process.dead.is_none());
        self.told.insert(pid);
        // What is killed has had its time: that is the limits' to judge.
        holds(!alive || signal == Signal::KILL || scene.now >= *until, || {
            format!("process {} gets {signal} before it can have read the rest", pid.0)
        })
    }
}

impl Rule for Input {
    fn event(&mut self, scene: &Scene<'_>, event: &Event) -> Check {
        self.no_grace |= *event == Event::KillRequested;
        match event {
            Event::Stop { services } => self.by_hand.extend(services.iter().map(|service| service.0)),
            Event::Start { services } | Event::Restart { services } => {
                // What is wanted wants all that it depends on.
                let mut wanted: Vec<usize> = services.iter().map(|service| service.0).collect();
                let mut seen = BTreeSet::new();
                while let Some(service) = wanted.pop() {
                    if seen.insert(service) {
                        self.by_hand.remove(&service);
                        wanted.extend(scene.needs(service).map(|(on, _)| on));
                    }
                }
            }
            // What is left of the stop timeout is shared anew.
            Event::Overslept { .. } if self.stopping => {
                self.drains.clear();
                self.graces.clear();
            }
            Event::Overslept { by } => {
                let (graces, drains) = (self.graces.values_mut(), self.drains.values_mut());
                graces.chain(drains).for_each(|at| *at += *by);
            }
            _ => {}
        }
        Ok(())
    }

    fn forget(&mut self, service: usize) {
        self.graces.remove(&service);
        self.lingering.remove(&service);
        self.by_hand.remove(&service);
        self.given_up.remove(&service);
    }

    fn effect(&mut self, scene: &Scene<'_>, effect: &Effect) -> Check {
        match effect {
            Effect::Notice(Notice::StopBegun(..)) => {
                self.stopping = true;
                // Those that were told to stop before have their share of the time now, which may be less.
                self.drains.clear();
                self.graces.clear();
                self.lingering = scene
                    .current()
                    .filter(|it| {
                        let state = scene.was(*it);
                        let runs = matches!(state, State::Starting | State::Running | State::Paused);
                        // One that is to read no longer is not started for what is left.
                        let will_read = scene.defined.get(*it).is_some_and(|it| it.exec.reads_others());
                        let goes_on = scene.reads(*it) && will_read && !self.by_hand.contains(it);
                        goes_on && (runs || state == State::Backoff) && scene.state(*it) == state
                    })
                    .collect();
            }
            Effect::Notice(Notice::Stopping(service, StopBy::EndOfInput, grace)) => {
                self.graces.insert(service.0, scene.now + *grace);
            }
            Effect::Notice(Notice::Unkillable(service)) => {
                self.given_up.insert(service.0);
                // Nothing is started beside what hangs, whoever writes to it.
                self.lingering.remove(&service.0);
            }
            Effect::Hook { service, hook: Hook::Stop, .. } => {
                if let Some(main) = scene.kernel.main_of(service.0) {
                    return self.signal(scene, main.pid, Signal::TERM);
                }
            }
            Effect::CloseInput(service) => return self.close(scene, service.0),
            Effect::KillRest => self.no_grace = true,
            Effect::Signal { pid, signal, .. } => return self.signal(scene, *pid, *signal),
            _ => {}
        }
        Ok(())
    }

    fn still(&mut self, scene: &Scene<'_>, _: Time) -> Check {
        let late = self.drains.iter().find(|(pid, until)| {
            let process = scene.kernel.get(**pid).filter(|process| process.dead.is_none());
            process.is_some() && **until <= scene.now && !self.told.contains(*pid)
        });
        holds(late.is_none(), || format!("{late:?} has had its time to read, and is not told to stop"))?;
        let alone = self.lingering.iter().find(|reader| {
            let writes = |it: usize| scene.has_main(it) && !self.given_up.contains(&it);
            scene.state(**reader) == State::Stopped && scene.writers(**reader).any(writes)
        });
        holds(self.no_grace || alone.is_none(), || {
            format!("{} is stopped, and others write to it", alone.map_or("?", |it| scene.name(*it)))
        })
    }
}
