//! What follows the end of a service: the restart policy decides.

use super::backoff::Verdict;
use super::ending::Purpose;
use super::event::*;
use super::state::State;
use super::unit::Unit;
use crate::model::{Finish, Hook, Restart, duration, exit};
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
        let Some(process) = &mut self.process else { return };
        process.exit = Some(status);
        self.refused = None;
        process.group_left = group_left;
        let ran = now.saturating_sub(process.started);
        let set_up = process.setup.is_none();
        let struck = process.struck;
        if set_up {
            self.note_exit(now, status, ran, oom, struck);
        }
        self.end_watch(out);
        self.forget_asked();
        let told_to = self.ending.is_some();
        if let Some(ending) = &mut self.ending {
            ending.drain_by = None;
        }
        if set_up && told_to {
            out.push(Effect::Notice(Notice::Ended(self.id, status, self.oom, ran)));
        }
        if group_left {
            self.clean_up_group(now, out);
            if !told_to {
                out.push(Effect::Notice(Notice::Died(self.id, status, self.oom, ran, Next::StopRest)));
            }
            return;
        }
        // A hook that runs while the main process is told to stop is still under way: it has the word.
        if told_to && self.hook.is_some_and(|it| it.hook.is_of_the_end()) {
            return;
        }
        if told_to {
            return self.gone(now, out);
        }
        let runs = set_up || self.hooks.finish == Some(Finish::Runit);
        if runs && self.hooks.get(Hook::PostStop).is_some() {
            let setup = self.process.as_ref().and_then(|process| process.setup.as_ref());
            out.push(Effect::Notice(match setup {
                None => Notice::Died(self.id, status, self.oom, ran, Next::PostStop),
                Some(error) => Notice::StartFailed(self.id, error.message.clone(), Next::PostStop),
            }));
            self.clean_up(now);
            return self.gone(now, out);
        }
        self.take_over_next();
        let was_ready = self.state != State::Starting;
        let Some(process) = self.process.take() else { return };
        if let Some(error) = process.setup {
            return self.spawn_failed(now, *error, out);
        }
        let next = self.after_end(now, status.success() && was_ready);
        out.push(Effect::Notice(Notice::Died(self.id, status, self.oom, ran, next)));
    }

    /// Notes how its main process has ended, and why. `struck`: by a SIGKILL that it was sent before it was told to stop.
    fn note_exit(&mut self, now: Time, status: ExitStatus, ran: Duration, oom: bool, struck: bool) {
        let ending = self.ending.as_ref();
        let ours = struck || ending.is_some_and(|ending| ending.killed || ending.struck);
        let is_restart = ending.is_some_and(|ending| ending.purpose == Purpose::Restart);
        self.exit_asked = ending.is_some_and(|ending| ending.is_asked());
        self.exit_reason = self.reason.clone().filter(|_| is_restart);
        self.last_exit = Some(status);
        self.ended = (now, ran);
        self.oom = oom && !ours && status == ExitStatus::Signal(9);
    }

    /// What follows the end of a process that was started.
    pub(super) fn after_end(&mut self, now: Time, success: bool) -> Next {
        if !self.wanted {
            self.enter(now, State::Stopped);
            return Next::Stopped;
        }
        let code = self.last_exit.map_or(1, ExitStatus::code);
        self.decide(now, success, code)
    }

    /// By its `restart` and `backoff` it is started again, or it is not. `code` is that of its failure.
    fn decide(&mut self, now: Time, success: bool, code: u8) -> Next {
        self.retries.ended(now, &self.policy.backoff);
        let used = self.retries.count();
        let again = match self.policy.restart {
            Restart::Always | Restart::UnlessStopped => true,
            Restart::OnFailure(limit) => !success && limit.is_none_or(|limit| used < limit),
            Restart::No => false,
        };
        let too_often = match again.then(|| self.retries.next(now, &self.policy.backoff)) {
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
                self.enter(now, State::Completed);
                return Next::Completed;
            }
            None if used == 0 => String::new(),
            None => format!(", gave up after {}", restarts(used)),
        };
        let cause = self.reason.take().or_else(|| self.exit_text()).unwrap_or_default();
        let reason = cause + &too_often;
        self.fail_code = code.max(1);
        self.fail(now, reason.clone());
        Next::Failed(reason)
    }

    /// Its `post_stop` has ended with this code, unless it was 0. Whether that is all that there is to say: a
    /// `finish` may fail, and may say by it that the service is not to be started again. One that could not be
    /// executed has failed.
    pub(super) fn finish_said(&mut self, code: Option<u8>) -> bool {
        let permanent = code == Some(NOT_AGAIN) && matches!(self.hooks.finish, Some(Finish::S6(_)));
        if let Some(ending) = &mut self.ending {
            ending.permanent = permanent;
        }
        self.hooks.finish.is_some() && code.is_some_and(|code| code != exit::NOT_FOUND)
    }

    /// It is not started again, because its `finish` says so.
    pub(super) fn give_up(&mut self, now: Time) -> Next {
        let ended = self.reason.take().or_else(|| self.exit_text()).unwrap_or_default();
        let reason = format!("{ended}, and its finish exited with {NOT_AGAIN}: not started again");
        self.fail_code = self.last_exit.map_or(1, ExitStatus::code).max(1);
        self.fail(now, reason.clone());
        Next::Failed(reason)
    }

    /// How the last process ended, for people.
    pub fn exit_text(&self) -> Option<String> {
        let status = self.last_exit?;
        Some(if self.oom { format!("{status} (oom: out of memory)") } else { status.to_string() })
    }

    /// What follows a failed attempt to start: another one if the cause may pass, whatever the restart policy. One that
    /// has run by this definition before is started again by its policy, for what is missing now was there.
    pub(super) fn after_start_error(&mut self, now: Time, error: StartError) -> Next {
        self.process = None;
        self.ending = None;
        self.start_by = None;
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
        if self.proven && !self.policy.is_task() {
            self.reason = Some(error.message);
            return self.decide(now, false, error.code);
        }
        self.fail_code = error.code;
        self.fail(now, error.message.clone());
        Next::Failed(error.message)
    }

    pub(super) fn back_off(&mut self, now: Time, wait: Duration) {
        self.start_by = None;
        self.retry_at = Some(now.saturating_add(wait));
        self.enter(now, State::Backoff);
        if wait.is_zero() {
            self.retry(now);
        }
    }

    pub(super) fn retry(&mut self, now: Time) {
        self.retry_at = None;
        self.enter(now, State::Waiting);
    }

    /// It has failed for good.
    pub fn fail(&mut self, now: Time, reason: String) {
        self.start_by = None;
        self.reason = Some(reason);
        self.enter(now, State::Failed);
    }
}

fn restarts(count: u32) -> String {
    format!("{count} restart{}", if count == 1 { "" } else { "s" })
}
