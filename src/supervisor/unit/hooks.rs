//! What runs around the main process of a unit: its hooks, one at a time.

use super::Unit;
use super::control::TIMEOUT;
use super::ending::StopStep;
use super::phase::{Phase, Running, StartStep, Starting};
use super::process::{RunningHook, terminate};
use crate::model::{Control, Hook, Signal};
use crate::supervisor::event::*;

impl Unit {
    /// Whether there is such a hook.
    pub(super) fn has_hook(&self, hook: Hook) -> bool {
        self.definition.hooks.get(hook).is_some()
    }

    /// Whether this hook is under way, as this process.
    pub(super) fn has_running_hook(&mut self, hook: Hook, pid: Option<Pid>) -> bool {
        self.phase.hook_mut().is_some_and(|running| *running == RunningHook { hook, pid })
    }

    /// Runs a hook, if there is one. Returns whether there is.
    pub(super) fn run_hook(&mut self, hook: Hook, out: &mut Vec<Effect>) -> bool {
        let there = self.has_hook(hook);
        if there {
            self.phase.set_hook(RunningHook { hook, pid: None });
            let process = self.phase.process();
            // One that has executed nothing has not ended either.
            let has_run = process.is_none_or(|process| process.setup.is_none());
            let exit = self.last_exit.as_ref().filter(|_| has_run).map(|last| last.status);
            let group = process.map(|process| process.group);
            out.push(Effect::Hook { service: self.id, hook, exit, group });
        }
        there
    }

    /// What comes before everything else at a start.
    pub(super) fn before_start(&mut self, now: Time, out: &mut Vec<Effect>) {
        if !self.run_hook(Hook::Control(Control::Up), out) {
            self.prepare(out);
        } else if let Phase::Starting(Starting { step: StartStep::Hook { until, .. }, .. }) = &mut self.phase
        {
            *until = Some(now.saturating_add(TIMEOUT));
        }
    }

    /// It has been told to stop, and is not wanted any more. Runs the command that `control` has for that. Returns
    /// whether there is one.
    pub(super) fn run_stop_control(&mut self, out: &mut Vec<Effect>) -> bool {
        let with_all = self.container_stop.is_on() || self.is_gone();
        let control = if with_all { Control::Exit } else { Control::Down };
        let killed = self.phase.ending().is_none_or(|ending| ending.is_killed());
        self.is_halting() && !killed && self.run_hook(Hook::Control(control), out)
    }

    /// A hook of it has a process.
    pub fn hook_spawned(&mut self, hook: Hook, pid: Pid, out: &mut Vec<Effect>) {
        if let Hook::Control(Control::Signal(signal)) = hook {
            return self.control_spawned(signal, pid, out);
        }
        if !self.has_running_hook(hook, None) {
            // It has lost its purpose meanwhile.
            return out.push(Effect::Signal { pid, scope: Scope::Group, signal: Signal::KILL });
        }
        self.phase.set_hook_pid(pid);
        let ending = self.phase.ending().filter(|ending| matches!(ending.step, StopStep::StartHook(_)));
        match ending.map(|ending| ending.is_killed()) {
            // It was asked for before its unit was told to stop.
            Some(true) => self.kill_what_runs(out),
            Some(false) => terminate(pid, Scope::Group, Signal::TERM, out),
            None => {}
        }
    }

    /// A hook could not be made (then it has no process), or has ended; `problem` says how it failed, if it did.
    /// One of an earlier life is ignored.
    pub fn hook_done(
        &mut self,
        now: Time,
        hook: Hook,
        pid: Option<Pid>,
        problem: Option<StartError>,
        out: &mut Vec<Effect>,
    ) {
        let name = self.definition.hooks.name(hook);
        let problem = problem.map(|problem| {
            let message = format!("{name} failed: {}", problem.message);
            (problem, message)
        });
        if let Hook::Control(Control::Signal(signal)) = hook {
            return self.control_done(now, signal, pid, problem.map(|(_, message)| message), out);
        }
        if !self.has_running_hook(hook, pid) {
            return;
        }
        match &mut self.phase {
            Phase::Starting(starting) => {
                starting.step = StartStep::Spawning;
                self.start_hook_done(now, hook, problem, out);
            }
            Phase::Running(Running { life, .. }) | Phase::Paused(life) => {
                life.post_start = None;
                self.hook_failed(problem.map(|(_, message)| message), out);
            }
            Phase::Stopping(ending) => {
                let step = std::mem::replace(&mut ending.step, StopStep::Told);
                self.stop_hook_done(now, step, problem, out);
            }
            Phase::Stopped
            | Phase::Waiting
            | Phase::Backoff { .. }
            | Phase::Completed
            | Phase::Failed { .. } => {}
        }
    }

    /// The hook of this step has ended while the unit stops.
    fn stop_hook_done(
        &mut self,
        now: Time,
        step: StopStep,
        problem: Option<(StartError, String)>,
        out: &mut Vec<Effect>,
    ) {
        let failed = problem.is_some();
        let code = problem.as_ref().map(|(problem, _)| problem.code);
        let message = problem.map(|(_, message)| message);
        match step {
            // What is stopped by a stop has not failed.
            StopStep::StartHook(_) => self.gone(now, out),
            StopStep::PreStop(_) => {
                self.hook_failed(message, out);
                self.tell_to_stop(now, out);
            }
            StopStep::Command { successor, .. } => {
                self.hook_failed(message, out);
                self.stop_command_done(now, !failed && !successor, out);
            }
            StopStep::Control(_) => {
                self.hook_failed(message, out);
                if self.phase.ending().is_some_and(|ending| ending.main.is_all_gone()) {
                    self.gone(now, out);
                }
            }
            StopStep::PostStop(RunningHook { pid, .. }) => {
                if !self.finish_said(code.filter(|_| pid.is_some())) {
                    self.hook_failed(message, out);
                }
                self.finish(now, out);
            }
            StopStep::Reading { .. } | StopStep::Told => {}
        }
    }

    /// It need not succeed, but people should know.
    pub(super) fn hook_failed(&self, message: Option<String>, out: &mut Vec<Effect>) {
        out.extend(message.map(|text| Effect::Notice(Notice::HookFailed(self.id, text))));
    }
}
