//! What is watched while a service runs: its health check, its watchdog, and what it says of itself.

use super::Unit;
use super::ending::Purpose;
use super::health::{Change, Health, ProbeResult};
use super::phase::{Phase, Running};
use super::state::State;
use crate::model::{OnUnhealthy, Signal, duration};
use crate::supervisor::event::*;
use std::time::Duration;

impl Unit {
    /// When it is killed unless it gives a sign of life before. While the container stops nobody asks.
    pub(super) fn next_sign_of_life(&self, now: Time) -> Option<Time> {
        let limit = self.definition.policy.watchdog.filter(|_| !self.container_stop.is_on());
        limit.map(|limit| now.saturating_add(limit))
    }

    /// When it has run for long enough. While the container stops it has to wait for its turn.
    pub(super) fn run_by(&self, running: &Running) -> Option<Time> {
        let limit = self.definition.policy.run_timeout.filter(|_| !self.container_stop.is_on())?;
        let process = &running.life.process;
        Some(process.started.saturating_add(process.not_run).saturating_add(limit))
    }

    /// Something is due while it runs.
    pub(super) fn watch(&mut self, now: Time, out: &mut Vec<Effect>) {
        let Phase::Running(running) = &self.phase else { return };
        let (run_by, alive_by) = (self.run_by(running), running.alive_by);
        if self.retries.due(&self.definition.policy.backoff).is_some_and(|due| due <= now) {
            self.retries.look(now);
        }
        if run_by.is_some_and(|limit| limit <= now) {
            let limit = self.definition.policy.run_timeout.unwrap_or_default();
            let reason = format!("still running after {}", duration::format(limit));
            return self.restart_because(now, reason, out);
        }
        if alive_by.is_some_and(|limit| limit <= now) {
            let limit = self.definition.policy.watchdog.unwrap_or_default();
            let reason = format!("no WATCHDOG=1 for {}", duration::format(limit));
            return self.kill_and_restart(now, reason, out);
        }
        let Some(health) = &mut self.health else { return };
        if health.take_due(now) {
            out.push(Effect::Probe(self.id));
        } else if let Some((pid, change)) = health.overdue(now) {
            out.push(Effect::Signal { pid, scope: Scope::Group, signal: Signal::KILL });
            self.health_changed(now, change, out);
        }
    }

    /// It is stuck, and killed and started again: it would not act on a signal.
    fn kill_and_restart(&mut self, now: Time, reason: String, out: &mut Vec<Effect>) {
        out.push(Effect::Notice(Notice::Restarting(self.id, reason.clone())));
        self.reason = Some(reason);
        self.kill(now, Purpose::Restart, out);
    }

    /// It has said something of itself.
    pub fn notified(&mut self, now: Time, news: News, out: &mut Vec<Effect>) {
        match news {
            News::Ready => self.ready(now, out),
            News::Status(text) => self.status = Some(text),
            News::Alive => {
                let next = self.next_sign_of_life(now);
                if let Phase::Running(running) = &mut self.phase {
                    running.alive_by = next;
                }
            }
            // Also without a watchdog, as with systemd. While the container stops it has to wait for its turn.
            News::Trigger if self.state() == State::Running && !self.container_stop.is_on() => {
                self.kill_and_restart(now, "the service sent WATCHDOG=trigger".to_owned(), out);
            }
            News::Extend(by) => self.extend(now, by),
            News::Trigger | News::Stopping | News::Reloading => {}
        }
    }

    /// What it does now takes this much longer.
    fn extend(&mut self, now: Time, by: Duration) {
        let later = |limit: Option<Time>| limit.map(|limit| limit.max(now.saturating_add(by)));
        match &mut self.phase {
            Phase::Starting(starting) => starting.ready_by = later(starting.ready_by),
            Phase::Running(running) => running.alive_by = later(running.alive_by),
            Phase::Stopping(_) => self.extend_grace(now, by),
            Phase::Stopped
            | Phase::Waiting
            | Phase::Paused(_)
            | Phase::Backoff { .. }
            | Phase::Completed
            | Phase::Failed { .. } => {}
        }
    }

    /// Somebody asks for its health now.
    pub fn probe_now(&mut self, now: Time, out: &mut Vec<Effect>) {
        if self.state() != State::Running {
            return;
        }
        let Some(health) = &mut self.health else { return };
        health.ask(now);
        if health.take_due(now) {
            out.push(Effect::Probe(self.id));
        }
    }

    /// A probe of it has a process.
    pub fn probe_spawned(&mut self, now: Time, pid: Pid, out: &mut Vec<Effect>) {
        if !self.health.as_mut().is_some_and(|health| health.spawned(now, pid)) {
            // Nobody asks any more.
            out.push(Effect::Signal { pid, scope: Scope::Group, signal: Signal::KILL });
        }
    }

    /// A probe of it could not be made.
    pub fn probe_not_run(&mut self, now: Time, error: StartError, out: &mut Vec<Effect>) {
        if let Some(health) = &mut self.health
            && health.not_run(now, error.message.clone())
        {
            out.push(Effect::Notice(Notice::ProbeNotRun(self.id, error.message)));
        }
    }

    /// A probe of it was reaped.
    pub fn probe_exited(
        &mut self,
        now: Time,
        pid: Pid,
        status: ExitStatus,
        output: &[u8],
        out: &mut Vec<Effect>,
    ) {
        if let Some(health) = &mut self.health {
            let change = health.exited(now, pid, status, output);
            self.health_changed(now, change, out);
        }
    }

    fn health_changed(&mut self, now: Time, change: Change, out: &mut Vec<Effect>) {
        let Some(health) = &self.health else { return };
        let summary = health.results().last().map(ProbeResult::summary).unwrap_or_default();
        let streak = health.failing_streak();
        if change != Change::None && health.is_to_be_mended() {
            out.push(Effect::Notice(Notice::ProbeUnusable(self.id, summary.clone())));
        }
        match change {
            Change::None => {}
            Change::Healthy => {
                self.been_ready = true;
                self.changed = true;
                out.push(Effect::Notice(Notice::Healthy(self.id)));
            }
            // By another definition it would have been dealt with when it became unhealthy.
            Change::StillUnhealthy if health.on_unhealthy() != OnUnhealthy::None => {
                self.unhealthy(now, streak, summary, out);
            }
            Change::Failed | Change::StillUnhealthy => {
                out.push(Effect::Notice(Notice::ProbeFailed(self.id, summary)));
            }
            Change::Unhealthy => self.unhealthy(now, streak, summary, out),
        }
        self.note_well(now);
    }

    /// Too many probes in a row have failed, and what is to be done then is done.
    fn unhealthy(&mut self, now: Time, streak: u32, summary: String, out: &mut Vec<Effect>) {
        self.changed = true;
        out.push(Effect::Notice(Notice::Unhealthy(self.id, streak, summary.clone())));
        match self.health.as_ref().map_or(OnUnhealthy::None, |health| health.on_unhealthy()) {
            OnUnhealthy::Restart => {
                self.reason = Some(format!("unhealthy: {summary}"));
                self.stop(now, Purpose::Restart, None, self.definition.policy.stop_grace_period, out);
            }
            OnUnhealthy::Shutdown => {
                if let Phase::Running(running) = &mut self.phase {
                    running.ends_container = true;
                }
            }
            OnUnhealthy::None => {}
        }
    }

    /// Notes since when it has been well: ready, and healthy where it has a health check. Only time spent like that
    /// makes good for restarts before it.
    pub(super) fn note_well(&mut self, now: Time) {
        let well = self.state() == State::Running && (self.health.is_none() || self.is_healthy());
        self.retries.note_well(now, well);
    }

    /// Switches the health check off; a probe under way is killed and its result no longer counts.
    pub fn end_health(&mut self, out: &mut Vec<Effect>) {
        if let Some(pid) = self.health.as_deref_mut().and_then(Health::end) {
            out.push(Effect::Signal { pid, scope: Scope::Group, signal: Signal::KILL });
        }
    }

    /// It runs no longer: nothing is watched any more, and a `post_start` under way has lost its purpose.
    pub fn end_watch(&mut self, out: &mut Vec<Effect>) {
        self.end_health(out);
        let post_start = match &mut self.phase {
            Phase::Running(running) => {
                running.alive_by = None;
                running.life.post_start.take()
            }
            Phase::Paused(life) => life.post_start.take(),
            Phase::Stopped
            | Phase::Waiting
            | Phase::Starting(_)
            | Phase::Stopping(_)
            | Phase::Backoff { .. }
            | Phase::Completed
            | Phase::Failed { .. } => None,
        };
        if let Some(pid) = post_start.and_then(|hook| hook.pid) {
            out.push(Effect::Signal { pid, scope: Scope::Group, signal: Signal::KILL });
        }
    }
}
