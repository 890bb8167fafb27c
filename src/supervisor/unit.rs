//! The state machine of one service.
//!
//! | state | meaning | what moves it on |
//! |---|---|---|
//! | `stopped` | not wanted, nothing runs | it is wanted → `waiting` |
//! | `waiting` | wanted, a dependency is not there yet | all are there → `starting`; one failed for good → `failed` |
//! | `starting` | its process is made, its program not executed yet | executed → `running`; could not be → `failed`, or `backoff` if the cause may pass |
//! | `running` | ready | it ended → `backoff`, `completed` or `failed` by its restart policy; told to stop, or unhealthy → `stopping` |
//! | `stopping` | told to stop, or ended with others of its process group left; grace running | all gone → `stopped`, `backoff`, `completed` or `failed` |
//! | `backoff` | ended, and will be started again at a known time | that time → `waiting`; told to stop → `stopped` |
//! | `completed` | ended with 0 and is not to be started again | |
//! | `failed` | gave up | |
//!
//! A unit knows nothing of other units. What it changes about itself it marks with `changed`; the supervisor then
//! looks at its neighbours.

use super::backoff::Retries;
use super::ending::{Ending, Purpose};
use super::event::*;
use super::health::{Change, Health, HealthState, ProbeResult};
use crate::model::{Condition, OnUnhealthy, Policy, Restart, Service, Signal};
use std::time::Duration;

/// Where a service is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not wanted, nothing runs.
    Stopped,
    /// Wanted, a dependency is not there yet.
    Waiting,
    /// Its process is made, but not ready yet.
    Starting,
    /// Ready.
    Running,
    /// Told to stop; grace running.
    Stopping,
    /// Ended, and will be started again at a known time.
    Backoff,
    /// Ended with 0 and is not to be started again.
    Completed,
    /// Gave up.
    Failed,
}

impl State {
    /// The word for it, as `rinit status` shows it.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Stopped => "stopped",
            State::Waiting => "waiting",
            State::Starting => "starting",
            State::Running => "running",
            State::Stopping => "stopping",
            State::Backoff => "backoff",
            State::Completed => "completed",
            State::Failed => "failed",
        }
    }

    /// Whether it ended for good.
    pub fn is_final(self) -> bool {
        matches!(self, State::Completed | State::Failed)
    }
}

/// A dependency, resolved.
#[derive(Clone, Copy, Debug)]
pub struct Need {
    pub on: ServiceId,
    pub condition: Condition,
}

/// The main process, and after its end what is left of its group.
#[derive(Clone, Debug)]
pub(super) struct Process {
    pub(super) pid: Pid,
    pub(super) started: Time,
    pub(super) setup: Option<StartError>,
    pub(super) exit: Option<ExitStatus>,
}

/// One service and where it stands.
pub struct Unit {
    pub id: ServiceId,
    pub name: String,
    pub policy: Policy,
    pub is_main: bool,
    pub needs: Vec<Need>,
    pub needed_by: Vec<ServiceId>,
    pub state: State,
    pub since: Time,
    /// Is to run, or to have run.
    pub wanted: bool,
    pub health: Option<Health>,
    pub on_unhealthy: OnUnhealthy,
    pub starts: u64,
    pub last_exit: Option<ExitStatus>,
    /// Why it is `failed`, or why it was started again.
    pub reason: Option<String>,
    /// The exit code of the container, if this unit's failure ends it.
    pub fail_code: u8,
    /// Has been ready, or completed, at least once.
    pub been_ready: bool,
    /// Was killed at the end of its grace while the container stopped.
    pub killed: bool,
    /// The state or the health changed since the supervisor looked last.
    pub changed: bool,
    pub(super) process: Option<Process>,
    pub(super) ending: Option<Ending>,
    pub(super) retry_at: Option<Time>,
    retries: Retries,
}

impl Unit {
    pub fn new(id: ServiceId, service: &Service) -> Unit {
        Unit {
            id,
            name: service.name.clone(),
            policy: service.policy.clone(),
            is_main: service.name == crate::model::MAIN,
            needs: Vec::new(),
            needed_by: Vec::new(),
            state: State::Stopped,
            since: Time::ZERO,
            wanted: false,
            health: service.healthcheck.as_ref().map(|check| Health::new(check.timing)),
            on_unhealthy: service.healthcheck.as_ref().map_or(OnUnhealthy::None, |c| c.timing.on_unhealthy),
            starts: 0,
            last_exit: None,
            reason: None,
            fail_code: 1,
            been_ready: false,
            killed: false,
            changed: false,
            process: None,
            ending: None,
            retry_at: None,
            retries: Retries::default(),
        }
    }

    /// The main process, while there is one.
    pub fn pid(&self) -> Option<Pid> {
        self.process.as_ref().filter(|process| process.exit.is_none()).map(|process| process.pid)
    }

    /// Whether a process of it is there, or about to be.
    pub fn is_alive(&self) -> bool {
        matches!(self.state, State::Starting | State::Running | State::Stopping)
    }

    /// Whether its health check has passed, and has not failed too often since.
    pub fn is_healthy(&self) -> bool {
        self.health.as_ref().is_some_and(|health| health.state() == HealthState::Healthy)
    }

    /// Whether it is under way to being stopped for good.
    pub fn is_halting(&self) -> bool {
        self.ending.as_ref().is_some_and(|ending| ending.purpose == Purpose::Halt)
    }

    /// When it will be started again, if it is in `backoff`.
    pub fn retry_at(&self) -> Option<Time> {
        self.retry_at
    }

    /// When something is to be done next.
    pub fn deadline(&self) -> Option<Time> {
        match self.state {
            State::Backoff => self.retry_at,
            State::Stopping => self.ending.as_ref().and_then(|ending| ending.deadline),
            State::Running => self.health.as_ref().and_then(Health::deadline),
            State::Stopped | State::Waiting | State::Starting | State::Completed | State::Failed => None,
        }
    }

    pub(super) fn enter(&mut self, now: Time, state: State) {
        self.state = state;
        self.since = now;
        self.changed = true;
    }

    /// It is to run: from now on it waits for its dependencies.
    pub fn want(&mut self, now: Time) {
        self.wanted = true;
        self.enter(now, State::Waiting);
    }

    /// Its dependencies are there.
    pub fn start(&mut self, now: Time, out: &mut Vec<Effect>) {
        self.reason = None;
        self.enter(now, State::Starting);
        out.push(Effect::Spawn(self.id));
    }

    /// Its process was made.
    pub fn spawned(&mut self, now: Time, pid: Pid) {
        self.starts = self.starts.saturating_add(1);
        self.process = Some(Process { pid, started: now, setup: None, exit: None });
    }

    /// Its process could not be made.
    pub fn spawn_failed(&mut self, now: Time, error: StartError, out: &mut Vec<Effect>) {
        let message = error.message.clone();
        let next = self.after_start_error(now, error);
        out.push(Effect::Notice(Notice::StartFailed(self.id, message, next)));
    }

    /// Its process executes its program.
    pub fn executed(&mut self, now: Time, out: &mut Vec<Effect>) {
        let Some(process) = &self.process else { return };
        out.push(Effect::Notice(Notice::Started(self.id, process.pid)));
        // A unit that was told to stop meanwhile goes on stopping.
        if self.state != State::Starting {
            return;
        }
        self.enter(now, State::Running);
        match &mut self.health {
            Some(health) => health.begin(now),
            None => self.been_ready = true,
        }
    }

    /// Its process cannot execute its program, and is about to exit.
    pub fn setup_failed(&mut self, error: StartError) {
        if let Some(process) = &mut self.process {
            process.setup = Some(error);
        }
    }

    /// Its main process was reaped.
    pub fn exited(&mut self, now: Time, status: ExitStatus, group_left: bool, out: &mut Vec<Effect>) {
        let Some(process) = &mut self.process else { return };
        process.exit = Some(status);
        let ran = now.saturating_sub(process.started);
        if process.setup.is_none() {
            self.last_exit = Some(status);
        }
        self.end_health(out);
        let told_to = self.ending.is_some();
        if group_left {
            self.clean_up_group(now, out);
            if !told_to {
                out.push(Effect::Notice(Notice::Died(self.id, status, ran, Next::StopRest)));
            }
            return;
        }
        if told_to {
            return self.gone(now, out);
        }
        let Some(process) = self.process.take() else { return };
        if let Some(error) = process.setup {
            return self.spawn_failed(now, error, out);
        }
        let next = self.after_end(now, status.success(), ran);
        out.push(Effect::Notice(Notice::Died(self.id, status, ran, next)));
    }

    /// What follows the end of a process that was started: the restart policy decides.
    pub(super) fn after_end(&mut self, now: Time, success: bool, ran: Duration) -> Next {
        if !self.wanted {
            self.enter(now, State::Stopped);
            return Next::Stopped;
        }
        self.retries.ended(&self.policy.backoff, ran);
        let used = self.retries.count();
        let again = match self.policy.restart {
            Restart::Always | Restart::UnlessStopped => true,
            Restart::OnFailure(limit) => !success && limit.is_none_or(|limit| used < limit),
            Restart::No => false,
        };
        if again {
            let wait = self.retries.next(&self.policy.backoff, ran);
            self.back_off(now, wait);
            return Next::Restart(wait);
        }
        if success {
            self.been_ready = true;
            self.enter(now, State::Completed);
            return Next::Completed;
        }
        let cause = self.reason.take().or_else(|| self.last_exit.map(|status| status.to_string()));
        let cause = cause.unwrap_or_default();
        let reason = if used == 0 { cause } else { format!("{cause}, gave up after {used} restarts") };
        self.fail_code = self.last_exit.map_or(1, ExitStatus::code).max(1);
        self.fail(now, reason.clone());
        Next::Failed(reason)
    }

    /// What follows a failed attempt to start: another one if the cause may pass, whatever the restart policy.
    pub(super) fn after_start_error(&mut self, now: Time, error: StartError) -> Next {
        self.process = None;
        self.ending = None;
        if !self.wanted {
            self.enter(now, State::Stopped);
            return Next::Stopped;
        }
        if error.transient {
            let wait = self.retries.wait(&self.policy.backoff);
            self.reason = Some(error.message);
            self.back_off(now, wait);
            return Next::Restart(wait);
        }
        self.fail_code = error.code;
        self.fail(now, error.message.clone());
        Next::Failed(error.message)
    }

    fn back_off(&mut self, now: Time, wait: Duration) {
        self.retry_at = Some(now.saturating_add(wait));
        self.enter(now, State::Backoff);
        if wait.is_zero() {
            self.retry(now);
        }
    }

    fn retry(&mut self, now: Time) {
        self.retry_at = None;
        self.enter(now, State::Waiting);
    }

    /// It has failed for good.
    pub fn fail(&mut self, now: Time, reason: String) {
        self.reason = Some(reason);
        self.enter(now, State::Failed);
    }

    /// Its deadline may have come.
    pub fn tick(&mut self, now: Time, out: &mut Vec<Effect>) {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        match self.state {
            State::Backoff => self.retry(now),
            State::Stopping => self.grace_over(now, out),
            State::Running => self.health_due(now, out),
            State::Stopped | State::Waiting | State::Starting | State::Completed | State::Failed => {}
        }
    }

    fn health_due(&mut self, now: Time, out: &mut Vec<Effect>) {
        let Some(health) = &mut self.health else { return };
        if health.take_due(now) {
            out.push(Effect::Probe(self.id));
        } else if let Some((pid, change)) = health.overdue(now) {
            out.push(Effect::Signal { pid, scope: Scope::Group, signal: Signal::KILL });
            self.health_changed(now, change, out);
        }
    }

    /// Somebody asks for its health now. Returns whether a result will come.
    pub fn probe_now(&mut self, now: Time, out: &mut Vec<Effect>) {
        if self.state != State::Running {
            return;
        }
        let Some(health) = &mut self.health else { return };
        health.hurry(now);
        if health.take_due(now) {
            out.push(Effect::Probe(self.id));
        }
    }

    /// A probe of it has a process.
    pub fn probe_spawned(&mut self, pid: Pid) {
        if let Some(health) = &mut self.health {
            health.spawned(pid);
        }
    }

    /// A probe of it could not be made.
    pub fn probe_not_run(&mut self, now: Time, error: StartError, out: &mut Vec<Effect>) {
        if let Some(health) = &mut self.health {
            health.not_run(now);
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
        match change {
            Change::None => {}
            Change::Healthy => {
                self.been_ready = true;
                self.changed = true;
                out.push(Effect::Notice(Notice::Healthy(self.id)));
            }
            Change::Failed => out.push(Effect::Notice(Notice::ProbeFailed(self.id, summary))),
            Change::Unhealthy => {
                self.changed = true;
                out.push(Effect::Notice(Notice::Unhealthy(
                    self.id,
                    health.failing_streak(),
                    summary.clone(),
                )));
                if self.on_unhealthy == OnUnhealthy::Restart {
                    self.reason = Some(format!("unhealthy: {summary}"));
                    let signal = self.policy.stop_signal.unwrap_or(Signal::TERM);
                    self.stop(now, Purpose::Restart, signal, self.policy.stop_grace_period, out);
                }
            }
        }
    }

    /// Switches the health check off; a probe under way is killed and its result no longer counts.
    pub fn end_health(&mut self, out: &mut Vec<Effect>) {
        if let Some(pid) = self.health.as_mut().and_then(Health::end) {
            out.push(Effect::Signal { pid, scope: Scope::Group, signal: Signal::KILL });
        }
    }
}
