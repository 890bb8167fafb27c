//! How a unit starts: from being wanted by way of its hooks and its process to being ready.

use super::ending::Purpose;
use super::phase::{Phase, StartStep, Starting};
use super::process::{Main, Process};
use super::wanted::Wanted;
use super::{Again, Unit};
use crate::model::{Control, Hook, Signal, duration};
use crate::supervisor::event::*;
use std::time::Duration;

impl Unit {
    /// It is to run: from now on it waits for its dependencies, if it does not run already.
    pub fn want(&mut self, now: Time) {
        self.wanted = Wanted::Yes;
        match &mut self.phase {
            // It has been done, and is still.
            Phase::Completed if self.definition.hooks.stop.is_some() => {}
            Phase::Stopped | Phase::Completed | Phase::Failed { .. } => {
                self.retries.reset();
                self.enter(now, Phase::Waiting);
            }
            Phase::Backoff { .. } => self.retry(now),
            Phase::Stopping(ending) => {
                if ending.purpose == Purpose::Halt {
                    ending.purpose = Purpose::Cycle;
                    self.again.get_or_insert_with(|| Box::new(Again::by_request()));
                }
            }
            Phase::Waiting | Phase::Starting(_) | Phase::Running(_) | Phase::Paused(_) => {}
        }
    }

    /// Its dependencies are there.
    pub fn start(&mut self, now: Time, out: &mut Vec<Effect>) {
        self.reason = None;
        self.again = None;
        self.refused = None;
        self.status = None;
        let limit = self.definition.policy.start_timeout.filter(|_| !self.container_stop.is_on());
        let ready_by = limit.map(|timeout| now.saturating_add(timeout));
        self.retries.begin();
        self.enter(now, Phase::Starting(Starting { ready_by, step: StartStep::Spawning }));
        self.before_start(now, out);
    }

    /// Runs its `pre_start`, or has its process made.
    pub(super) fn prepare(&mut self, out: &mut Vec<Effect>) {
        if !self.run_hook(Hook::PreStart, out) {
            out.push(Effect::Spawn(self.id));
        }
    }

    /// A hook of its start has ended.
    pub(super) fn start_hook_done(
        &mut self,
        now: Time,
        hook: Hook,
        problem: Option<(StartError, String)>,
        out: &mut Vec<Effect>,
    ) {
        match hook {
            Hook::PreStart => self.pre_start_done(now, problem, out),
            Hook::Control(Control::Up) => {
                self.hook_failed(problem.map(|(_, message)| message), out);
                match self.is_wanted() {
                    true => self.prepare(out),
                    false => self.break_off(now, out),
                }
            }
            Hook::PostStart | Hook::PreStop | Hook::Stop | Hook::PostStop | Hook::Control(_) => {}
        }
    }

    /// Its `pre_start` has ended while it was to start.
    fn pre_start_done(&mut self, now: Time, problem: Option<(StartError, String)>, out: &mut Vec<Effect>) {
        match problem {
            // It waits for its turn to stop: nothing is started any more.
            None if !self.is_wanted() => self.break_off(now, out),
            None => out.push(Effect::Spawn(self.id)),
            Some((problem, message)) if problem.retry == Retry::Yes => {
                self.spawn_failed(now, StartError { message, ..problem }, out);
            }
            Some((_, message)) => {
                self.reason = Some(message.clone());
                let next = self.after_end(now, false);
                out.push(Effect::Notice(Notice::StartFailed(self.id, message, next)));
            }
        }
    }

    /// The start comes to nothing: it waits for its turn to stop.
    fn break_off(&mut self, now: Time, out: &mut Vec<Effect>) {
        out.push(Effect::Notice(Notice::Stopped(self.id, None, Duration::ZERO)));
        self.enter(now, Phase::Stopped);
    }

    /// What comes before its start is done. It is started when its turn to stop has come, by its new definition.
    pub fn put_off(&mut self, now: Time, hook: Hook, pid: Pid) {
        if self.has_running_hook(hook, Some(pid)) {
            self.back_off(now, Duration::ZERO);
        }
    }

    /// Its process was made.
    pub fn spawned(&mut self, now: Time, pid: Pid, out: &mut Vec<Effect>) {
        self.starts = self.starts.saturating_add(1);
        let process = Process::new(pid, now);
        match &mut self.phase {
            Phase::Starting(starting) => starting.step = StartStep::Process(process),
            Phase::Stopping(ending) => {
                ending.main = Main::Alive(process);
                self.stop_spawned(now, out);
            }
            // Nobody has asked for it.
            Phase::Stopped
            | Phase::Waiting
            | Phase::Running(_)
            | Phase::Paused(_)
            | Phase::Backoff { .. }
            | Phase::Completed
            | Phase::Failed { .. } => {
                out.push(Effect::Signal { pid, scope: Scope::Group, signal: Signal::KILL });
            }
        }
    }

    /// Its process could not be made.
    pub fn spawn_failed(&mut self, now: Time, error: StartError, out: &mut Vec<Effect>) {
        if self.phase.ending().is_some_and(|it| matches!(it.purpose, Purpose::Halt | Purpose::Cycle)) {
            return self.finish(now, out);
        }
        let message = error.message.clone();
        let next = self.after_start_error(now, error);
        out.push(Effect::Notice(Notice::StartFailed(self.id, message, next)));
    }

    /// Its process executes its program.
    pub fn executed(&mut self, now: Time, out: &mut Vec<Effect>) {
        let Some(process) = self.phase.process() else { return };
        self.proven = true;
        out.push(Effect::Notice(Notice::Started(self.id, process.pid)));
        if self.definition.policy.notify.is_none() {
            self.ready(now, out);
        }
    }

    /// Its process cannot execute its program, and is about to exit.
    pub fn setup_failed(&mut self, error: StartError) {
        if let Some(process) = self.phase.alive_mut() {
            process.setup = Some(Box::new(error));
        }
    }

    /// It is ready. One that was told to stop meanwhile goes on stopping.
    pub(super) fn ready(&mut self, now: Time, out: &mut Vec<Effect>) {
        let Phase::Starting(Starting { step: StartStep::Process(_), .. }) = self.phase else { return };
        out.push(Effect::Notice(Notice::Ready(self.id, self.definition.policy.notify.is_some())));
        let alive_by = self.next_sign_of_life(now);
        self.change(now, |phase| phase.into_running(alive_by));
        match &mut self.health {
            Some(health) => {
                health.begin(now, self.id.0);
                out.push(Effect::Notice(Notice::HealthBegun(self.id)));
            }
            None => self.been_ready = true,
        }
        self.note_well(now);
        if self.container_stop.is_on() {
            self.end_health(out);
        } else {
            self.run_hook(Hook::PostStart, out);
        }
    }

    /// It is not ready in time, or a hook that has a time of its own has had it.
    pub(super) fn start_overdue(&mut self, now: Time, out: &mut Vec<Effect>) {
        let Phase::Starting(starting) = &mut self.phase else { return };
        if starting.ready_by.is_none_or(|limit| now < limit) {
            if let StartStep::Hook { running, until } = &mut starting.step {
                *until = None;
                let (hook, signal) = (running.pid, Signal::KILL);
                out.extend(hook.map(|pid| Effect::Signal { pid, scope: Scope::Group, signal }));
            }
            return;
        }
        let limit = self.definition.policy.start_timeout.unwrap_or_default();
        self.restart_because(now, format!("not ready within {}", duration::format(limit)), out);
    }

    /// It is stopped and started again, which counts as a failure.
    pub(super) fn restart_because(&mut self, now: Time, reason: String, out: &mut Vec<Effect>) {
        out.push(Effect::Notice(Notice::Restarting(self.id, reason.clone())));
        self.reason = Some(reason);
        self.stop(now, Purpose::Restart, None, self.definition.policy.stop_grace_period, out);
    }
}
