//! The end of a unit's process, and what follows it: from `exited` by way of `gone` (nothing is left but for
//! `post_stop`), `finish` (nothing is left at all) and `after_end` (the restart policy decides) to `enter` (the next
//! phase), top down.

use super::Unit;
use super::backoff::Verdict;
use super::ending::{KILL_PATIENCE, Killed, Purpose, StopStep};
use super::phase::Phase;
use super::process::{LastExit, Main, terminate};
use super::state::State;
use crate::model::{Finish, Hook, Restart, Signal, duration, exit};
use crate::supervisor::event::*;
use std::time::Duration;

/// The exit code by which a `finish` of s6 says that the service is not to be started again.
const NOT_AGAIN: u8 = 125;

impl Unit {
    /// Its main process was reaped.
    pub fn exited(
        &mut self,
        now: Time,
        status: ExitStatus,
        group_left: bool,
        oom: bool,
        out: &mut Vec<Effect>,
    ) {
        let Some(process) = self.phase.alive() else {
            if !self.is_alive() {
                // It was given up, and has ended all the same.
                self.refused = None;
            }
            return;
        };
        let ran = now.saturating_sub(process.started);
        // A report is followed by an exit that is none of the program's.
        let set_up = process.setup.as_ref().is_none_or(|error| error.retry == Retry::ByPolicy);
        self.refused = None;
        if set_up {
            self.note_exit(now, status, ran, oom);
        }
        self.end_watch(out);
        self.drop_waiting_requests();
        let oom = self.last_exit.as_ref().is_some_and(|last| last.oom);
        match &mut self.phase {
            Phase::Starting(_) | Phase::Running(_) | Phase::Paused(_) if group_left => {
                self.clean_up(now, status, group_left);
                self.stop_group(now, out);
                out.push(Effect::Notice(Notice::Died(self.id, status, oom, ran, Next::StopRest)));
            }
            Phase::Starting(_) | Phase::Running(_) | Phase::Paused(_) => {
                self.ended_by_itself(now, status, ran, out);
            }
            Phase::Stopping(ending) => {
                ending.main.end(status, group_left);
                ending.step.end_reading();
                // The hook under way is of the stop: what follows waits for it.
                let busy = ending.step.is_hook_of_stop();
                if set_up {
                    out.push(Effect::Notice(Notice::Ended(self.id, status, oom, ran)));
                }
                if group_left {
                    self.stop_group(now, out);
                } else if !busy {
                    self.gone(now, out);
                }
            }
            Phase::Stopped
            | Phase::Waiting
            | Phase::Backoff { .. }
            | Phase::Completed
            | Phase::Failed { .. } => {}
        }
    }

    fn note_exit(&mut self, now: Time, status: ExitStatus, ran: Duration, oom: bool) {
        let ending = self.phase.ending();
        let by_request = self.phase.alive().is_some_and(|process| process.killed_by_request);
        let ours = by_request || ending.is_some_and(|ending| ending.killed != Killed::No);
        let asked = ending.is_some_and(|ending| ending.is_asked());
        let oom = oom && !ours && status == ExitStatus::Signal(9);
        let reason = match ending.map(|ending| ending.purpose) {
            Some(Purpose::Restart) => self.reason.clone(),
            Some(Purpose::Cycle) => {
                self.again.as_ref().filter(|again| again.with_dependency).map(|again| again.why.clone())
            }
            Some(Purpose::CleanUp | Purpose::Halt) | None => None,
        };
        self.last_exit = Some(LastExit { status, at: now, ran, oom, asked, reason });
    }

    /// Nobody had told it to, and nothing else of its group is left.
    fn ended_by_itself(&mut self, now: Time, status: ExitStatus, ran: Duration, out: &mut Vec<Effect>) {
        let was_ready = self.state() != State::Starting;
        let setup = self.phase.alive_mut().and_then(|process| process.setup.take());
        let oom = self.last_exit.as_ref().is_some_and(|last| last.oom);
        let runs_finish = setup.is_none() || self.definition.hooks.finish == Some(Finish::Runit);
        if runs_finish && self.has_hook(Hook::PostStop) {
            out.push(Effect::Notice(match &setup {
                None => Notice::Died(self.id, status, oom, ran, Next::PostStop),
                Some(error) => Notice::StartFailed(self.id, error.message.clone(), Next::PostStop),
            }));
            if let Some(process) = self.phase.alive_mut() {
                process.setup = setup;
            }
            self.clean_up(now, status, false);
            return self.gone(now, out);
        }
        self.take_over_next();
        if let Some(error) = setup {
            return self.spawn_failed(now, *error, out);
        }
        let next = self.after_end(now, status.success() && was_ready);
        out.push(Effect::Notice(Notice::Died(self.id, status, oom, ran, next)));
    }

    /// The main process ended by itself, and something is to be done before what follows.
    fn clean_up(&mut self, now: Time, status: ExitStatus, group_left: bool) {
        let purpose = if self.is_wanted() { Purpose::CleanUp } else { Purpose::Halt };
        self.begin_ending(now, purpose, None, self.definition.policy.stop_grace_period);
        if let Some(ending) = self.phase.ending_mut() {
            ending.main.end(status, group_left);
        }
    }

    /// The main process is gone, others of its group are not: they get SIGTERM, and what is left of the grace.
    fn stop_group(&mut self, now: Time, out: &mut Vec<Effect>) {
        let Some(ending) = self.phase.ending_mut() else { return };
        let Some(pid) = ending.main.process().map(|process| process.group) else { return };
        ending.look_soon(now);
        if ending.is_killed() {
            // A member whose parent is elsewhere may stay a zombie for ever: nothing more can be done.
            ending.deadline = Some(now.saturating_add(KILL_PATIENCE));
            out.push(Effect::Signal { pid, scope: Scope::Group, signal: Signal::KILL });
        } else {
            terminate(pid, Scope::Group, Signal::TERM, out);
        }
    }

    /// The last of the process group is gone.
    pub fn group_gone(&mut self, now: Time, pid: Pid, out: &mut Vec<Effect>) {
        if !self.is_alive() {
            // It was given up, and has gone all the same.
            self.refused = None;
        }
        let Some(ending) = self.phase.ending_mut() else { return };
        let Main::Ended { process, group_left, .. } = &mut ending.main else { return };
        if process.group == pid {
            *group_left = false;
            // Nothing is left that a signal could not be sent to.
            self.refused = None;
            if !ending.step.is_hook_of_stop() {
                self.gone(now, out);
            }
        }
    }

    /// Nothing is left of a unit that was stopping, but for `post_stop`.
    pub(super) fn gone(&mut self, now: Time, out: &mut Vec<Effect>) {
        let Some(ending) = self.phase.ending_mut() else { return };
        ending.step = StopStep::Told;
        ending.look = None;
        // With the container, the grace of one that had to be killed is used up, and there may be no other time.
        let with_container = self.container_stop.is_on();
        let spare = self.container_stop.through_by().filter(|by| now < *by);
        let hooks = &self.definition.hooks;
        let process = ending.main.process();
        let may_run = process.is_some_and(|it| it.setup.is_none() || hooks.finish == Some(Finish::Runit))
            && !(ending.is_killed() && with_container && spare.is_none());
        if may_run {
            let limit = hooks.post_stop_timeout.unwrap_or(self.definition.policy.stop_grace_period);
            let until = now.saturating_add(limit);
            let rest = ending.deadline.filter(|_| !ending.is_killed()).max(spare);
            ending.deadline = Some(rest.filter(|_| with_container).map_or(until, |rest| rest.min(until)));
            ending.killed = Killed::No;
        }
        if !(may_run && self.run_hook(Hook::PostStop, out)) {
            self.finish(now, out);
        }
    }

    /// Its `post_stop` has ended with this code, unless it was 0. Returns whether that is all that there is to say: a
    /// `finish` may fail, and may say by it that the service is not to be started again. One that could not be
    /// executed has failed.
    pub(super) fn finish_said(&mut self, code: Option<u8>) -> bool {
        let finish = &self.definition.hooks.finish;
        if let Some(ending) = self.phase.ending_mut() {
            ending.not_again = code == Some(NOT_AGAIN) && matches!(finish, Some(Finish::S6(_)));
        }
        finish.is_some() && code.is_some_and(|code| code != exit::NOT_FOUND)
    }

    /// Nothing is left at all.
    pub(super) fn finish(&mut self, now: Time, out: &mut Vec<Effect>) {
        let Some(ending) = self.phase.ending() else { return };
        let (purpose, not_again, was_ready) = (ending.purpose, ending.not_again, ending.was_ready);
        let status = ending.main.status();
        let setup = ending.main.process().and_then(|process| process.setup.clone());
        let why = match purpose {
            Purpose::Restart => self.reason.clone().map(Because::Unwell),
            Purpose::Cycle => self.again.as_ref().map(|again| Because::Asked(again.why.clone())),
            Purpose::CleanUp | Purpose::Halt => None,
        };
        self.take_over_next();
        let next = match (purpose, setup) {
            _ if purpose == Purpose::Halt || !self.is_wanted() => {
                let took = now.saturating_sub(self.since);
                self.enter(now, Phase::Stopped);
                out.push(Effect::Notice(Notice::Stopped(self.id, status, took)));
                return;
            }
            (Purpose::Halt | Purpose::Cycle, _) => {
                self.enter(now, Phase::Waiting);
                Next::Restart(Duration::ZERO)
            }
            (Purpose::Restart | Purpose::CleanUp, Some(error)) => self.after_start_error(now, *error),
            (Purpose::Restart | Purpose::CleanUp, None) if not_again => self.give_up(now),
            (Purpose::Restart, None) => self.after_end(now, false),
            (Purpose::CleanUp, None) => {
                let success = status.is_some_and(ExitStatus::success) && was_ready;
                self.after_end(now, success)
            }
        };
        out.push(Effect::Notice(Notice::Follows(self.id, next, why)));
    }

    /// What follows the end of a process that was started.
    pub(super) fn after_end(&mut self, now: Time, success: bool) -> Next {
        if !self.is_wanted() {
            self.enter(now, Phase::Stopped);
            return Next::Stopped;
        }
        let code = self.exit_code();
        self.decide(now, success, code)
    }

    /// What follows a failed attempt to start: another one if the cause may pass, whatever the restart policy. One that was
    /// killed is started again by its policy. One that
    /// has run by this definition before is started again by its policy, for what is missing now was there.
    pub(super) fn after_start_error(&mut self, now: Time, error: StartError) -> Next {
        if !self.is_wanted() {
            self.enter(now, Phase::Stopped);
            return Next::Stopped;
        }
        match error.retry {
            Retry::Yes => {
                let wait = self.retries.wait(&self.definition.policy.backoff);
                self.reason = Some(error.message);
                self.back_off(now, wait);
                Next::Restart(wait)
            }
            Retry::ByPolicy => {
                // Where rinit has killed it, the reason for that is the one.
                self.reason.get_or_insert(error.message);
                self.decide(now, false, error.code)
            }
            Retry::No if self.proven && !self.definition.policy.is_task() => {
                self.reason = Some(error.message);
                self.decide(now, false, error.code)
            }
            Retry::No => self.fail(now, error.message, error.code),
        }
    }

    /// By its `restart` and `backoff` it is started again, or it is not. `code` is that of its failure.
    fn decide(&mut self, now: Time, success: bool, code: u8) -> Next {
        let policy = &self.definition.policy;
        self.retries.ended(now, &policy.backoff);
        let used = self.retries.count();
        let again = match policy.restart {
            Restart::Always | Restart::UnlessStopped => true,
            Restart::OnFailure(limit) => !success && limit.is_none_or(|limit| used < limit),
            Restart::No => false,
        };
        let too_often = match again.then(|| self.retries.next(now, &policy.backoff)) {
            Some(Verdict::Again(wait)) => {
                self.back_off(now, wait);
                return Next::Restart(wait);
            }
            Some(Verdict::TooOften(times, None)) => format!(", gave up after {} in a row", restarts(times)),
            Some(Verdict::TooOften(times, Some(window))) => {
                format!(", gave up after {} within {}", restarts(times), duration::format(window))
            }
            None if success => {
                self.been_ready = true;
                self.enter(now, Phase::Completed);
                return Next::Completed;
            }
            None if used == 0 => String::new(),
            None => format!(", gave up after {}", restarts(used)),
        };
        let reason = self.take_cause() + &too_often;
        self.fail(now, reason, code.max(1))
    }

    /// It is not started again, because its `finish` says so.
    fn give_up(&mut self, now: Time) -> Next {
        let ended = self.take_cause();
        let reason = format!("{ended}, and its finish exited with {NOT_AGAIN}: not started again");
        self.fail(now, reason, self.exit_code().max(1))
    }

    fn take_cause(&mut self) -> String {
        self.reason.take().or_else(|| self.exit_text()).unwrap_or_default()
    }

    /// It is started again after this time.
    pub(super) fn back_off(&mut self, now: Time, wait: Duration) {
        self.enter(now, Phase::Backoff { until: now.saturating_add(wait) });
        if wait.is_zero() {
            self.retry(now);
        }
    }

    pub fn retry(&mut self, now: Time) {
        self.enter(now, Phase::Waiting);
    }

    /// It has failed for good.
    fn fail(&mut self, now: Time, reason: String, code: u8) -> Next {
        self.reason = Some(reason.clone());
        self.enter(now, Phase::Failed { code, by_dependency: false });
        Next::Failed(reason)
    }

    /// A dependency can no longer come.
    pub fn fail_by_dependency(&mut self, now: Time, reason: String, code: u8) {
        self.reason = Some(reason);
        self.enter(now, Phase::Failed { code, by_dependency: true });
    }

    pub(super) fn enter(&mut self, now: Time, phase: Phase) {
        self.change(now, |_| phase);
    }

    /// Enters the phase that is made of the one before.
    pub(super) fn change(&mut self, now: Time, next: impl FnOnce(Phase) -> Phase) {
        let old = self.state();
        self.phase = next(std::mem::replace(&mut self.phase, Phase::Stopped));
        let new = self.state();
        debug_assert!(old.successors().contains(&new), "{} -> {}", old.as_str(), new.as_str());
        let ran = matches!(old, State::Running | State::Paused);
        if ran && !matches!(new, State::Running | State::Paused) {
            self.interrupted = self.is_wanted() && !new.is_final();
        }
        // What a completed task has done is undone; what had ended, or was stopped, is done again.
        self.interrupted |= match old {
            State::Completed if new == State::Stopping => self.is_wanted(),
            State::Stopped | State::Completed | State::Failed => new == State::Waiting && self.starts > 0,
            State::Waiting
            | State::Starting
            | State::Running
            | State::Paused
            | State::Stopping
            | State::Backoff => false,
        };
        self.since = now;
        self.changed = true;
        self.note_well(now);
    }

    /// How the last process ended, for people.
    pub fn exit_text(&self) -> Option<String> {
        let LastExit { status, oom, .. } = self.last_exit.as_ref()?;
        Some(if *oom { format!("{status} (oom: out of memory)") } else { status.to_string() })
    }

    /// The exit code of its last process; 1 if there was none.
    fn exit_code(&self) -> u8 {
        self.last_exit.as_ref().map_or(1, |last| last.status.code())
    }
}

fn restarts(count: u32) -> String {
    format!("{count} restart{}", if count == 1 { "" } else { "s" })
}
