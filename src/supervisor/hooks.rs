//! What runs around the main process of a unit: its hooks, one at a time.

use super::control::TIMEOUT;
use super::event::*;
use super::state::State;
use super::unit::{RunningHook, Unit};
use crate::model::{Control, Hook, Signal};
use std::time::Duration;

impl Unit {
    /// Whether there is such a hook.
    pub(super) fn has_hook(&self, hook: Hook) -> bool {
        self.hooks.get(hook).is_some()
    }

    /// Runs a hook, if there is one.
    pub(super) fn run_hook(&mut self, hook: Hook, out: &mut Vec<Effect>) -> bool {
        let there = self.has_hook(hook);
        if there {
            self.hook = Some(RunningHook { hook, pid: None, until: None });
            let process = self.process.as_ref();
            // One that has executed nothing has not ended either.
            let exit = self.last_exit.filter(|_| process.is_none_or(|process| process.setup.is_none()));
            let group = process.map(|process| process.group);
            out.push(Effect::Hook { service: self.id, hook, exit, group });
        }
        there
    }

    /// A hook of it has a process.
    pub fn hook_spawned(&mut self, now: Time, hook: Hook, pid: Pid, out: &mut Vec<Effect>) {
        if let Hook::Control(Control::Signal(signal)) = hook {
            return self.control_spawned(signal, pid, out);
        }
        match self.hook.as_mut().filter(|running| running.hook == hook && running.pid.is_none()) {
            Some(running) => {
                running.pid = Some(pid);
                if matches!(hook, Hook::PreStart | Hook::Control(Control::Up)) {
                    self.stop_late_comer(now, Some(pid), out);
                }
            }
            // It has lost its purpose meanwhile.
            None => out.push(Effect::Signal { pid, scope: Scope::Group, signal: Signal::KILL }),
        }
    }

    /// A hook could not be made (then it has no process), or has ended; `problem` says how it failed, if it did.
    /// One of an earlier life is nobody's business.
    pub fn hook_done(
        &mut self,
        now: Time,
        hook: Hook,
        pid: Option<Pid>,
        problem: Option<StartError>,
        out: &mut Vec<Effect>,
    ) {
        let name = self.hooks.name(hook);
        let message = problem.as_ref().map(|problem| format!("{name} failed: {}", problem.message));
        if let Hook::Control(Control::Signal(signal)) = hook {
            return self.control_done(now, signal, pid, message, out);
        }
        if self.hook.is_none_or(|running| running.hook != hook || running.pid != pid) {
            return;
        }
        self.hook = None;
        let failed = problem.is_some();
        match hook {
            Hook::PreStart if self.state == State::Starting => {
                return self.pre_start_done(now, problem.zip(message), out);
            }
            Hook::PostStop => {
                let code = problem.filter(|_| pid.is_some()).map(|problem| problem.code);
                if !self.finish_said(code) {
                    self.hook_failed(message, out);
                }
                return self.finish(now, out);
            }
            // What is stopped by a stop has not failed.
            Hook::PreStart => {}
            Hook::Control(Control::Up) if self.state != State::Starting => {}
            Hook::PostStart | Hook::PreStop | Hook::Stop | Hook::Control(_) => self.hook_failed(message, out),
        }
        match hook {
            Hook::Control(Control::Up) if self.state == State::Starting => match self.wanted {
                true => self.prepare(out),
                false => self.break_off(now, out),
            },
            Hook::PreStart | Hook::Control(Control::Up) => self.gone(now, out),
            Hook::PreStop => self.tell_to_stop(now, out),
            Hook::Stop => self.stop_command_done(now, failed, out),
            Hook::Control(Control::Down | Control::Exit) => self.after_word_done(now, out),
            Hook::PostStart | Hook::PostStop | Hook::Control(Control::Signal(_)) => {}
        }
    }

    /// It need not succeed, but people should know.
    pub(super) fn hook_failed(&self, message: Option<String>, out: &mut Vec<Effect>) {
        out.extend(message.map(|text| Effect::Notice(Notice::HookFailed(self.id, text))));
    }

    /// Its `pre_start` has ended while it was to start.
    fn pre_start_done(&mut self, now: Time, problem: Option<(StartError, String)>, out: &mut Vec<Effect>) {
        match problem {
            // It waits for its turn to stop: nothing is started any more.
            None if !self.wanted => self.break_off(now, out),
            None => out.push(Effect::Spawn(self.id)),
            Some((problem, message)) if problem.transient => {
                self.spawn_failed(now, StartError { message, ..problem }, out);
            }
            Some((_, message)) => {
                self.reason = Some(message.clone());
                let next = self.after_end(now, false);
                out.push(Effect::Notice(Notice::StartFailed(self.id, message, next)));
            }
        }
    }

    /// A hook that has a time of its own has had it.
    pub(super) fn hook_overdue(&mut self, out: &mut Vec<Effect>) {
        let Some(running) = &mut self.hook else { return };
        running.until = None;
        if let Some(pid) = running.pid {
            out.push(Effect::Signal { pid, scope: Scope::Group, signal: Signal::KILL });
        }
    }

    /// What comes before everything else at a start.
    pub(super) fn before_start(&mut self, now: Time, out: &mut Vec<Effect>) {
        if !self.run_hook(Hook::Control(Control::Up), out) {
            self.prepare(out);
        } else if let Some(running) = &mut self.hook {
            running.until = Some(now.saturating_add(TIMEOUT));
        }
    }

    /// It has been told to stop, and is not wanted any more: whether there is a command for that.
    pub(super) fn after_word(&mut self, out: &mut Vec<Effect>) -> bool {
        let with_all = self.container_stops || self.retired;
        let control = if with_all { Control::Exit } else { Control::Down };
        let killed = self.ending.as_ref().is_none_or(|ending| ending.killed);
        self.is_halting() && !killed && self.run_hook(Hook::Control(control), out)
    }

    /// What was to be done once it had been told to stop is done.
    fn after_word_done(&mut self, now: Time, out: &mut Vec<Effect>) {
        if self.process.as_ref().is_none_or(|process| process.exit.is_some() && !process.group_left) {
            self.gone(now, out);
        }
    }

    /// Runs its `pre_start`, or has its process made.
    pub(super) fn prepare(&mut self, out: &mut Vec<Effect>) {
        if !self.run_hook(Hook::PreStart, out) {
            out.push(Effect::Spawn(self.id));
        }
    }

    /// What comes before its start is done. It is started when its turn to stop has come, by its new definition.
    pub(super) fn put_off(&mut self, now: Time, hook: Hook, pid: Pid) {
        if self.hook.is_some_and(|running| running.hook == hook && running.pid == Some(pid)) {
            self.hook = None;
            self.back_off(now, Duration::ZERO);
        }
    }

    /// The start comes to nothing: it waits for its turn to stop.
    fn break_off(&mut self, now: Time, out: &mut Vec<Effect>) {
        out.push(Effect::Notice(Notice::Stopped(self.id, None, Duration::ZERO)));
        self.start_by = None;
        self.enter(now, State::Stopped);
    }
}
