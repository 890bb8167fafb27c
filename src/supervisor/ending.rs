//! How one service stops: the stop signal, its grace, SIGKILL, and what is left of its process group.

use super::event::*;
use super::unit::{State, Unit};
use crate::model::Signal;
use std::time::Duration;

/// A killed process that is not reaped within this time is given up where others wait for its end: it hangs in the
/// kernel.
const KILL_PATIENCE: Duration = Duration::from_secs(1);

/// What a unit in `stopping` is on its way to.
#[derive(Clone, Debug)]
pub(super) struct Ending {
    pub(super) since: Time,
    pub(super) purpose: Purpose,
    /// When to kill, and after that when to give up; `None`: not at all.
    pub(super) deadline: Option<Time>,
    pub(super) killed: bool,
}

/// Why a unit stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Its main process ended by itself; the rest of the group has to go before what follows.
    CleanUp,
    /// It is unhealthy and is to be started again.
    Restart,
    /// It is not wanted any more.
    Halt,
}

impl Unit {
    /// The main process is gone, others of its group are not: they get SIGTERM, and what is left of the grace.
    pub fn clean_up_group(&mut self, now: Time, out: &mut Vec<Effect>) {
        let Some(process) = &self.process else { return };
        let pid = process.pid;
        if self.ending.is_none() {
            let grace = self.policy.stop_grace_period;
            self.ending = Some(Ending {
                since: now,
                purpose: if self.wanted { Purpose::CleanUp } else { Purpose::Halt },
                deadline: Some(now.saturating_add(grace)),
                killed: false,
            });
            self.enter(now, State::Stopping);
        }
        if let Some(ending) = &mut self.ending {
            if ending.killed {
                // A member whose parent is elsewhere may stay a zombie for ever: nothing more can be done.
                ending.deadline = Some(now.saturating_add(KILL_PATIENCE));
            } else {
                terminate(pid, Scope::Group, Signal::TERM, out);
            }
        }
    }

    /// It is to stop: for good, or to be started again.
    pub fn stop(
        &mut self,
        now: Time,
        purpose: Purpose,
        signal: Signal,
        grace: Duration,
        out: &mut Vec<Effect>,
    ) {
        match self.state {
            State::Stopped | State::Completed | State::Failed => {}
            State::Waiting | State::Backoff => {
                self.retry_at = None;
                self.enter(now, State::Stopped);
            }
            State::Starting | State::Running => {
                self.end_health(out);
                let deadline = Some(now.saturating_add(grace));
                self.ending = Some(Ending { since: now, purpose, deadline, killed: false });
                self.enter(now, State::Stopping);
                if let Some(pid) = self.pid() {
                    out.push(Effect::Notice(Notice::Stopping(self.id, signal, grace)));
                    terminate(pid, Scope::Process, signal, out);
                }
            }
            State::Stopping => self.hasten(now, purpose, grace),
        }
    }

    /// It stops already; a stop for good outranks a restart, and the earlier deadline counts.
    fn hasten(&mut self, now: Time, purpose: Purpose, grace: Duration) {
        let Some(ending) = &mut self.ending else { return };
        if purpose == Purpose::Halt {
            ending.purpose = Purpose::Halt;
        }
        let until = now.saturating_add(if ending.killed { KILL_PATIENCE } else { grace });
        let sooner = ending.deadline.map_or(until, |deadline| deadline.min(until));
        ending.deadline = Some(sooner);
        self.changed = true;
    }

    /// The grace is over, whatever is left of it.
    pub fn kill(&mut self, now: Time, out: &mut Vec<Effect>) {
        let Some(pid) = self.process.as_ref().map(|process| process.pid) else { return };
        let main_gone = self.process.as_ref().is_some_and(|process| process.exit.is_some());
        let ending = self.ending.get_or_insert(Ending {
            since: now,
            purpose: Purpose::Halt,
            deadline: None,
            killed: false,
        });
        if ending.killed {
            return;
        }
        ending.killed = true;
        if !self.wanted {
            ending.purpose = Purpose::Halt;
        }
        let give_up = main_gone || ending.purpose == Purpose::Halt;
        ending.deadline = give_up.then(|| now.saturating_add(KILL_PATIENCE));
        out.push(Effect::Notice(Notice::Killed(self.id, now.saturating_sub(ending.since))));
        self.killed |= ending.purpose == Purpose::Halt;
        out.push(Effect::Signal { pid, scope: Scope::Group, signal: Signal::KILL });
        if self.state != State::Stopping {
            self.end_health(out);
            self.enter(now, State::Stopping);
        }
    }

    /// The last of the process group is gone.
    pub fn group_gone(&mut self, now: Time, pid: Pid, out: &mut Vec<Effect>) {
        if self.process.as_ref().is_some_and(|process| process.pid == pid && process.exit.is_some()) {
            self.gone(now, out);
        }
    }

    /// Nothing is left of a unit that was stopping.
    pub fn gone(&mut self, now: Time, out: &mut Vec<Effect>) {
        let (Some(process), Some(ending)) = (self.process.take(), self.ending.take()) else { return };
        let status = process.exit.unwrap_or(ExitStatus::Signal(Signal::KILL.number()));
        let ran = ending.since.saturating_sub(process.started);
        match ending.purpose {
            Purpose::Halt => {
                self.enter(now, State::Stopped);
                let took = now.saturating_sub(ending.since);
                out.push(Effect::Notice(Notice::Stopped(self.id, status, took)));
            }
            Purpose::Restart | Purpose::CleanUp => {
                let next = match process.setup {
                    Some(error) => self.after_start_error(now, error),
                    None => {
                        let success = ending.purpose == Purpose::CleanUp && status.success();
                        self.after_end(now, success, ran)
                    }
                };
                out.push(Effect::Notice(Notice::Follows(self.id, next)));
            }
        }
    }

    pub fn grace_over(&mut self, now: Time, out: &mut Vec<Effect>) {
        if self.ending.as_ref().is_some_and(|ending| ending.killed) {
            out.push(Effect::Notice(Notice::Unkillable(self.id)));
            self.gone(now, out);
        } else {
            self.kill(now, out);
        }
    }
}

/// The stop signal, and SIGCONT after it: a stopped process could not act on the first without the second.
fn terminate(pid: Pid, scope: Scope, signal: Signal, out: &mut Vec<Effect>) {
    out.push(Effect::Signal { pid, scope, signal });
    if signal != Signal::CONT && signal != Signal::KILL {
        out.push(Effect::Signal { pid, scope, signal: Signal::CONT });
    }
}
