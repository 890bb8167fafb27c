//! What people ask of a process that runs: a signal, a pause and its end.

use super::Unit;
use super::control::{Asked, Controlling, TIMEOUT};
use super::health::Health;
use super::phase::Phase;
use super::process::Process;
use super::state::State;
use crate::model::{Control, Hook, Signal};
use crate::supervisor::event::*;

impl Unit {
    /// It is to pause: nothing of it runs until it is resumed.
    pub fn pause(&mut self, now: Time, out: &mut Vec<Effect>) {
        self.ask(now, Asked::Pause, out);
    }

    /// It may go on.
    pub fn resume(&mut self, now: Time, out: &mut Vec<Effect>) {
        self.ask(now, Asked::Resume, out);
    }

    /// Its main process is to get a signal. One that is gone gets none.
    pub fn signal(&mut self, now: Time, scope: Scope, signal: Signal, out: &mut Vec<Effect>) {
        self.ask(now, Asked::Signal(signal, scope), out);
    }

    /// Does what is asked for, has its command do it, or lets it wait for its turn.
    fn ask(&mut self, now: Time, asked: Asked, out: &mut Vec<Effect>) {
        let Some(Process { pid: target, group, .. }) = self.phase.alive() else { return };
        let (target, group) = (*target, *group);
        if let Some(controlling) = &mut self.controlling {
            controlling.waiting.retain(|other| *other != asked);
            return controlling.waiting.push(asked);
        }
        let signal = asked.signal();
        let hook = Hook::Control(Control::Signal(signal));
        if self.state() == State::Stopping || !self.has_hook(hook) || !self.is_possible(asked) {
            return self.carry_out(now, asked, true, out);
        }
        let until = Some(now.saturating_add(TIMEOUT));
        self.controlling =
            Some(Box::new(Controlling { asked, target, pid: None, until, waiting: Vec::new() }));
        out.push(Effect::Notice(Notice::Controlled(self.id, signal)));
        out.push(Effect::Hook { service: self.id, hook, exit: None, group: Some(group) });
    }

    fn is_possible(&self, asked: Asked) -> bool {
        match asked {
            Asked::Pause => self.state() == State::Running,
            Asked::Resume => self.state() == State::Paused,
            Asked::Signal(..) => true,
        }
    }

    /// Does what was asked for. A command may have done what the signal is for.
    fn carry_out(&mut self, now: Time, asked: Asked, sends: bool, out: &mut Vec<Effect>) {
        if !self.is_possible(asked) {
            return;
        }
        let Some(pid) = self.pid() else { return };
        let scope = if let Asked::Signal(_, scope) = asked { scope } else { Scope::Group };
        if sends {
            out.push(Effect::Signal { pid, scope, signal: asked.signal() });
        }
        match asked {
            Asked::Pause => {
                if let Some(probe) = self.health.as_deref_mut().and_then(Health::suspend) {
                    out.push(Effect::Signal { pid: probe, scope: Scope::Group, signal: Signal::KILL });
                }
                self.change(now, Phase::into_paused);
                out.push(Effect::Notice(Notice::Paused(self.id)));
            }
            Asked::Resume => {
                if let Some(health) = &mut self.health {
                    health.resume(now);
                }
                let alive_by = self.next_sign_of_life(now);
                self.change(now, |phase| phase.into_running(alive_by));
                out.push(Effect::Notice(Notice::Resumed(self.id)));
            }
            Asked::Signal(signal, scope) if sends => {
                if let Some(process) = self.phase.alive_mut() {
                    process.killed_by_request |= signal == Signal::KILL;
                }
                out.push(Effect::Notice(Notice::Signalled(self.id, signal, scope)));
            }
            Asked::Signal(..) => {}
        }
    }

    /// Another process has taken the place of a paused one, which went on while that slept: it is paused in its turn,
    /// unless the service is about to be resumed.
    pub(super) fn pause_anew(&mut self, now: Time, out: &mut Vec<Effect>) {
        if self.state() != State::Paused {
            return;
        }
        if let Some(health) = &mut self.health {
            health.resume(now);
        }
        let alive_by = self.next_sign_of_life(now);
        self.change(now, |phase| phase.into_running(alive_by));
        let is_resumed = self
            .controlling
            .as_ref()
            .is_some_and(|it| it.asked == Asked::Resume || it.waiting.contains(&Asked::Resume));
        match is_resumed {
            true => out.push(Effect::Notice(Notice::Resumed(self.id))),
            false => self.pause(now, out),
        }
    }

    /// A command in place of a signal has a process.
    pub(super) fn control_spawned(&mut self, signal: Signal, pid: Pid, out: &mut Vec<Effect>) {
        let running = self.controlling.as_mut();
        match running.filter(|running| running.asked.signal() == signal && running.pid.is_none()) {
            Some(running) => running.pid = Some(pid),
            // It was to stop meanwhile.
            None => out.push(Effect::Signal { pid, scope: Scope::Group, signal: Signal::KILL }),
        }
    }

    /// A command in place of a signal has ended, or could not be run. One that a stop has killed is ignored.
    pub(super) fn control_done(
        &mut self,
        now: Time,
        signal: Signal,
        pid: Option<Pid>,
        message: Option<String>,
        out: &mut Vec<Effect>,
    ) {
        let is_it = |it: &mut Box<Controlling>| it.asked.signal() == signal && it.pid == pid;
        let Some(done) = self.controlling.take_if(is_it) else { return };
        let failed = message.is_some();
        self.hook_failed(message, out);
        if self.pid() == Some(done.target) {
            self.carry_out(now, done.asked, failed, out);
        }
        for asked in done.waiting {
            self.ask(now, asked, out);
        }
    }

    /// Whether a command is under way in place of a signal.
    pub fn is_controlled(&self) -> bool {
        self.controlling.is_some()
    }

    /// When a command in place of a signal has had its time.
    pub(super) fn control_by(&self) -> Option<Time> {
        self.controlling.as_ref().and_then(|running| running.until)
    }

    /// Kills a command in place of a signal that takes too long. Its end is told like any other.
    pub(super) fn control_overdue(&mut self, now: Time, out: &mut Vec<Effect>) {
        let Some(running) = &mut self.controlling else { return };
        if running.until.take_if(|until| *until <= now).is_some()
            && let Some(pid) = running.pid
        {
            out.push(Effect::Signal { pid, scope: Scope::Group, signal: Signal::KILL });
        }
    }

    /// Its process is gone: requests that wait for the command to end are dropped.
    pub(super) fn drop_waiting_requests(&mut self) {
        if let Some(running) = &mut self.controlling {
            running.waiting.clear();
        }
    }

    /// It stops, and nothing else is done with it.
    pub(super) fn end_control(&mut self, out: &mut Vec<Effect>) {
        if let Some(pid) = self.controlling.take().and_then(|running| running.pid) {
            out.push(Effect::Signal { pid, scope: Scope::Group, signal: Signal::KILL });
        }
    }
}
