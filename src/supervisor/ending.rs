//! How one service stops: `pre_stop`, the end of its input, `stop_command` or the stop signal, what `control` has for
//! that, its grace, SIGKILL, what is left of its process group, and `post_stop`.

use super::event::*;
use super::state::State;
use super::unit::{RunningHook, Unit};
use crate::model::{Finish, Hook, KillMode, Signal};
use std::time::Duration;

/// A killed process that is not reaped within this time is given up where others wait for its end: it hangs in the
/// kernel.
const KILL_PATIENCE: Duration = Duration::from_secs(1);

/// A group that outlives its leader may lose its last member without a word to rinit: another one has reaped it. So it is
/// looked for after this time, and then after twice as long each time, up to the second one.
const FIRST_LOOK: Duration = Duration::from_millis(20);
const LAST_LOOK: Duration = Duration::from_secs(1);

/// What a unit in `stopping` is on its way to.
#[derive(Clone, Debug)]
pub(super) struct Ending {
    pub(super) since: Time,
    pub(super) purpose: Purpose,
    /// What to stop it with, if that is not its own stop signal.
    pub(super) signal: Option<Signal>,
    /// When to kill, and after that when to give up; `None`: not at all.
    pub(super) deadline: Option<Time>,
    /// Its input has come to an end: how long it may take over what is left of it before it is told to stop.
    pub(super) drain_by: Option<Time>,
    /// When to look whether anything is left of its group, and how long after that to look again.
    pub(super) look: Option<(Time, Duration)>,
    pub(super) killed: bool,
    /// Another process has become the main process while `stop_command` ran, which may have told the old one.
    pub(super) unheard: bool,
    /// SIGKILL was its stop signal.
    pub(super) struck: bool,
    /// The main process had ended by itself before it was ready.
    pub(super) unready: bool,
    /// Its `finish` has said that it is not to be started again.
    pub(super) permanent: bool,
}

impl Ending {
    /// When something is to be done next.
    pub(super) fn next(&self) -> Option<Time> {
        let look = self.look.map(|(at, _)| at);
        [self.drain_by, self.deadline, look].into_iter().flatten().min()
    }

    fn look_soon(&mut self, now: Time) {
        self.look = Some((now.saturating_add(FIRST_LOOK), FIRST_LOOK));
    }

    /// All groups were looked at before the supervisor was told that it is time to. This one is there still, if it was
    /// the only thing to do.
    fn looked(&mut self, now: Time) -> bool {
        if let Some((at, pause)) = self.look
            && at <= now
        {
            let pause = pause.saturating_add(pause).min(LAST_LOOK);
            self.look = Some((now.saturating_add(pause), pause));
        }
        ![self.drain_by, self.deadline].into_iter().flatten().any(|at| at <= now)
    }

    /// Whether somebody wanted the end, and it came before it was forced.
    pub(super) fn is_asked(&self) -> bool {
        match self.purpose {
            Purpose::Cycle | Purpose::Halt => !self.killed,
            Purpose::CleanUp | Purpose::Restart => false,
        }
    }
}

/// Why a unit stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Its main process ended by itself; the rest of the group has to go before what follows.
    CleanUp,
    /// It is not well and is to be started again, as after a failure.
    Restart,
    /// It is to be started anew: by request, with a dependency, or because its definition has changed.
    Cycle,
    /// It is not wanted any more.
    Halt,
}

impl Unit {
    /// Whether its main process has ended for good, and only others of its group are left.
    pub fn is_left_over(&self) -> bool {
        self.policy.ends_container()
            && self.process.as_ref().is_some_and(|process| process.exit.is_some())
            && self.ending.as_ref().is_some_and(|ending| ending.purpose == Purpose::CleanUp)
    }

    /// It is to stop: for good, or to be started again. `signal`: in place of its own stop signal.
    pub fn stop(
        &mut self,
        now: Time,
        purpose: Purpose,
        signal: Option<Signal>,
        grace: Duration,
        out: &mut Vec<Effect>,
    ) {
        self.end_control(out);
        match self.state {
            State::Completed if self.hooks.stop.is_some() => self.undo(now, purpose, grace, out),
            State::Stopped | State::Completed | State::Failed => {}
            State::Waiting | State::Backoff => {
                if purpose == Purpose::Halt {
                    self.retry_at = None;
                    self.enter(now, State::Stopped);
                }
            }
            State::Starting | State::Running | State::Paused => {
                let halted = self.pid().filter(|_| self.state == State::Paused);
                self.end_watch(out);
                self.begin_ending(now, purpose, signal, grace);
                self.stop_what_runs(now, grace, out);
                // Its helpers have to run to end, and it has to for what `pre_stop` asks of it.
                out.extend(halted.map(|pid| Effect::Signal {
                    pid,
                    scope: Scope::Group,
                    signal: Signal::CONT,
                }));
            }
            State::Stopping => self.hasten(now, purpose, grace),
        }
    }

    /// It is not started any more, whoever writes to it.
    pub(super) fn end_lingering(&mut self, now: Time, out: &mut Vec<Effect>) {
        if std::mem::take(&mut self.lingers) {
            self.wanted = false;
            self.changed = true;
            if !self.has_to_stop() {
                self.stop(now, Purpose::Halt, None, Duration::ZERO, out);
            }
        }
    }

    fn begin_ending(&mut self, now: Time, purpose: Purpose, signal: Option<Signal>, grace: Duration) {
        let unready = self.state == State::Starting;
        let deadline = Some(now.saturating_add(grace));
        self.start_by = None;
        self.ending = Some(Box::new(Ending {
            since: now,
            purpose,
            signal,
            deadline,
            drain_by: None,
            look: None,
            killed: false,
            unheard: false,
            struck: false,
            unready,
            permanent: false,
        }));
        self.enter(now, State::Stopping);
    }

    /// A task has completed, and what it has done is undone.
    fn undo(&mut self, now: Time, purpose: Purpose, grace: Duration, out: &mut Vec<Effect>) {
        self.retries.reset();
        self.begin_ending(now, purpose, None, grace);
        out.push(Effect::Notice(Notice::Stopping(self.id, StopBy::Command, grace)));
        self.run_hook(Hook::Stop, out);
    }

    fn stop_what_runs(&mut self, now: Time, grace: Duration, out: &mut Vec<Effect>) {
        let by = match self.reads_to_the_end() {
            true => StopBy::EndOfInput,
            false if self.has_command_to_stop() => StopBy::Command,
            false => StopBy::Signal(self.stop_signal()),
        };
        out.push(Effect::Notice(Notice::Stopping(self.id, by, grace)));
        match self.hook {
            // Still in `pre_start`: the hook is what there is to stop.
            Some(RunningHook { pid: Some(pid), .. }) => terminate(pid, Scope::Group, Signal::TERM, out),
            // Its process is about to be there, and is stopped then.
            Some(_) => {}
            None if self.process.is_none() => {}
            None => {
                if !self.run_hook(Hook::PreStop, out) {
                    self.tell_to_stop(now, out);
                }
            }
        }
    }

    /// A process that was asked for before its unit was told to stop is there: it is stopped at once.
    pub(super) fn stop_late_comer(&mut self, now: Time, hook: Option<Pid>, out: &mut Vec<Effect>) {
        let Some(ending) = &self.ending else { return };
        match (hook, ending.killed) {
            (_, true) => {
                let main_gone = self.process.is_none();
                self.kill_what_runs(main_gone, out);
            }
            (Some(pid), false) => terminate(pid, Scope::Group, Signal::TERM, out),
            (None, false) => self.tell_to_stop(now, out),
        }
    }

    /// Whether it reads what others write and they are gone for good: then it reads what is left before it stops.
    fn reads_to_the_end(&self) -> bool {
        self.reads && self.is_halting() && (self.turn_came || self.retired)
    }

    /// Whether a command stops it while it runs. That of a task undoes what a completed one has done.
    fn has_command_to_stop(&self) -> bool {
        self.hooks.stop.is_some() && !self.policy.is_task()
    }

    /// Tells the main process to stop, in its own way.
    pub(super) fn tell_to_stop(&mut self, now: Time, out: &mut Vec<Effect>) {
        let reads_on = self.pid().is_some() && self.reads_to_the_end();
        match self.ending.as_mut().filter(|ending| reads_on && !ending.killed) {
            Some(ending) => {
                let left = ending.deadline.unwrap_or(now).saturating_sub(now);
                ending.drain_by = Some(now.saturating_add(half(left)));
                out.push(Effect::CloseInput(self.id));
            }
            None => self.tell_by_force(now, out),
        }
    }

    /// Tells the main process to stop, whatever there is for it to read.
    fn tell_by_force(&mut self, now: Time, out: &mut Vec<Effect>) {
        let killed = self.ending.as_ref().is_none_or(|ending| ending.killed);
        let by_command = !killed && self.pid().is_some() && self.has_command_to_stop();
        if !(by_command && self.run_hook(Hook::Stop, out)) {
            self.send_stop_signal(now, out);
        }
    }

    /// Its `stop_command` has ended, or could not be run.
    pub(super) fn stop_command_done(&mut self, now: Time, failed: bool, out: &mut Vec<Effect>) {
        let Some(ending) = &self.ending else { return };
        match (self.process.is_some(), self.pid()) {
            // It has undone a task.
            (false, _) => self.finish(now, out),
            (true, Some(_)) if ending.killed => {}
            // It has done its part, and the process is to follow, be it stopped.
            (true, Some(pid)) if !failed && !ending.unheard => {
                out.push(Effect::Signal { pid, scope: self.stop_scope(), signal: Signal::CONT });
                self.after_word(out);
            }
            (true, _) => self.send_stop_signal(now, out),
        }
    }

    pub(super) fn stop_signal(&self) -> Signal {
        let given = self.ending.as_ref().and_then(|ending| ending.signal);
        given.or(self.policy.stop_signal).unwrap_or(Signal::TERM)
    }

    pub(super) fn stop_scope(&self) -> Scope {
        match self.policy.kill_mode {
            KillMode::Group => Scope::Group,
            KillMode::Mixed | KillMode::Process => Scope::Process,
        }
    }

    /// Tells the main process to stop; what is left of its group, if it is gone.
    pub(super) fn send_stop_signal(&mut self, now: Time, out: &mut Vec<Effect>) {
        let Some(process) = &self.process else { return };
        let (pid, scope) = (process.pid, self.stop_scope());
        // It may have ended meanwhile; the rest of its group was told then.
        let (ended, left) = (process.exit.is_some(), process.group_left);
        if !ended {
            let signal = self.stop_signal();
            terminate(pid, scope, signal, out);
            if let Some(ending) = &mut self.ending {
                ending.struck = signal == Signal::KILL;
            }
        }
        if !self.after_word(out) && ended && !left {
            self.gone(now, out);
        }
    }

    /// The main process ended by itself, and something is to be done before what follows.
    pub(super) fn clean_up(&mut self, now: Time) {
        if self.ending.is_none() {
            let purpose = if self.wanted { Purpose::CleanUp } else { Purpose::Halt };
            self.begin_ending(now, purpose, None, self.policy.stop_grace_period);
        }
    }

    /// The main process is gone, others of its group are not: they get SIGTERM, and what is left of the grace.
    pub fn clean_up_group(&mut self, now: Time, out: &mut Vec<Effect>) {
        let Some(process) = &self.process else { return };
        let pid = process.group;
        self.clean_up(now);
        if let Some(ending) = &mut self.ending {
            ending.look_soon(now);
            if ending.killed {
                // A member whose parent is elsewhere may stay a zombie for ever: nothing more can be done.
                ending.deadline = Some(now.saturating_add(KILL_PATIENCE));
                out.push(Effect::Signal { pid, scope: Scope::Group, signal: Signal::KILL });
            } else {
                terminate(pid, Scope::Group, Signal::TERM, out);
            }
        }
    }

    /// It stops already; a stop for good outranks a restart, and the earlier deadline counts.
    pub(super) fn hasten(&mut self, now: Time, purpose: Purpose, grace: Duration) {
        let Some(ending) = &mut self.ending else { return };
        match purpose {
            Purpose::Halt => ending.purpose = Purpose::Halt,
            Purpose::Cycle if ending.purpose != Purpose::Halt => ending.purpose = Purpose::Cycle,
            Purpose::Cycle | Purpose::Restart | Purpose::CleanUp => {}
        }
        let main_gone = self.process.as_ref().is_none_or(|process| process.exit.is_some());
        // What undoes has no less than it would have if it began now: a limit of its own, but at the stop of the container.
        let undoes = self.hook.is_some_and(|running| running.hook == Hook::PostStop);
        let spare = self.through_by.filter(|_| undoes).map(|by| by.saturating_sub(now));
        let limit = match ending.killed {
            false if undoes && !self.container_stops => None,
            false => Some(grace.max(spare.unwrap_or_default())),
            true => (main_gone || self.container_stops).then_some(KILL_PATIENCE),
        };
        if let Some(limit) = limit {
            let until = now.saturating_add(limit);
            ending.deadline = Some(ending.deadline.map_or(until, |deadline| deadline.min(until)));
            // Whoever reads what is left has half of that as well.
            let until = now.saturating_add(half(limit));
            ending.drain_by = ending.drain_by.map(|drain_by| drain_by.min(until));
        }
        self.changed = true;
    }

    /// More time to stop was asked for. Not while the container stops: there it would be at the cost of others.
    pub(super) fn extend_grace(&mut self, now: Time, by: Duration) {
        if let Some(ending) = self.ending.as_mut().filter(|ending| !ending.killed)
            && !self.container_stops
        {
            ending.deadline = ending.deadline.map(|deadline| deadline.max(now.saturating_add(by)));
        }
    }

    /// No more grace, whatever is left of it.
    pub fn kill(&mut self, now: Time, purpose: Purpose, out: &mut Vec<Effect>) {
        if !self.is_alive() {
            return;
        }
        if self.ending.is_none() {
            self.end_control(out);
            self.end_watch(out);
            self.begin_ending(now, purpose, None, Duration::ZERO);
        }
        let Some(ending) = self.ending.as_mut().filter(|ending| !ending.killed) else { return };
        ending.killed = true;
        ending.drain_by = None;
        if !self.wanted {
            ending.purpose = Purpose::Halt;
        }
        let main_gone = self.process.as_ref().is_none_or(|process| process.exit.is_some());
        // A main process is given up only with the container: a second one beside it would do harm.
        let give_up = main_gone || self.container_stops;
        ending.deadline = give_up.then(|| now.saturating_add(KILL_PATIENCE));
        if ending.look.is_some() {
            ending.look_soon(now);
        }
        let waited = now.saturating_sub(ending.since);
        self.killed |= self.container_stops && self.refused.is_none();
        self.kill_what_runs(main_gone, out);
        out.push(Effect::Notice(Notice::Killed(self.id, waited)));
    }

    /// A signal could not be sent to it, so it was not killed.
    pub(super) fn not_signalled(&mut self, message: String, out: &mut Vec<Effect>) {
        self.killed = false;
        // Each time that it is stopped or killed there are two of them.
        if self.refused.as_ref() != Some(&message) {
            out.push(Effect::Notice(Notice::NotSignalled(self.id, message.clone())));
            self.refused = Some(message);
        }
    }

    pub(super) fn kill_what_runs(&mut self, main_gone: bool, out: &mut Vec<Effect>) {
        if let Some(pid) = self.hook.and_then(|hook| hook.pid) {
            out.push(Effect::Signal { pid, scope: Scope::Group, signal: Signal::KILL });
        }
        let scope = match self.policy.kill_mode {
            KillMode::Process if !main_gone => Scope::Process,
            KillMode::Mixed | KillMode::Group | KillMode::Process => Scope::Group,
        };
        if let Some(process) = self.process.as_ref().filter(|it| it.exit.is_none() || it.group_left)
            && self.hook.is_none_or(|running| running.hook != Hook::PostStop)
        {
            let pid = if process.exit.is_none() { process.pid } else { process.group };
            out.push(Effect::Signal { pid, scope, signal: Signal::KILL });
        }
    }

    /// The last of the process group is gone.
    pub fn group_gone(&mut self, now: Time, pid: Pid, out: &mut Vec<Effect>) {
        let Some(process) = self.process.as_mut().filter(|process| process.group == pid) else { return };
        process.group_left = false;
        let ended = process.exit.is_some();
        let busy = self.hook.is_some_and(|running| running.hook.is_of_the_end());
        if ended && !busy {
            self.gone(now, out);
        }
    }

    /// Nothing is left of a unit that was stopping, but for `post_stop`.
    pub(super) fn gone(&mut self, now: Time, out: &mut Vec<Effect>) {
        let Some(ending) = &mut self.ending else { return };
        self.hook = None;
        ending.look = None;
        // With the container, the grace of one that had to be killed is used up, and there may be no other time.
        let spare = self.through_by.filter(|by| now < *by);
        let may_run = self
            .process
            .as_ref()
            .is_some_and(|process| process.setup.is_none() || self.hooks.finish == Some(Finish::Runit))
            && !(ending.killed && self.container_stops && spare.is_none());
        if may_run {
            let limit = self.hooks.post_stop_timeout.unwrap_or(self.policy.stop_grace_period);
            let until = now.saturating_add(limit);
            let rest = ending.deadline.filter(|_| !ending.killed).max(spare);
            ending.deadline =
                Some(rest.filter(|_| self.container_stops).map_or(until, |rest| rest.min(until)));
            ending.killed = false;
        }
        if !(may_run && self.run_hook(Hook::PostStop, out)) {
            self.finish(now, out);
        }
    }

    /// Nothing is left at all.
    pub(super) fn finish(&mut self, now: Time, out: &mut Vec<Effect>) {
        let Some(ending) = self.ending.take() else { return };
        self.take_over_next();
        let process = self.process.take();
        let setup = process.as_ref().and_then(|process| process.setup.clone());
        let status = process.as_ref().and_then(|process| process.exit);
        let why = self.reason.clone().filter(|_| ending.purpose == Purpose::Restart);
        let next = match (ending.purpose, setup) {
            _ if ending.purpose == Purpose::Halt || !self.wanted => {
                self.enter(now, State::Stopped);
                let took = now.saturating_sub(ending.since);
                out.push(Effect::Notice(Notice::Stopped(self.id, status, took)));
                return;
            }
            (Purpose::Halt | Purpose::Cycle, _) => {
                self.enter(now, State::Waiting);
                Next::Restart(Duration::ZERO)
            }
            (Purpose::Restart | Purpose::CleanUp, Some(error)) => self.after_start_error(now, *error),
            (Purpose::Restart | Purpose::CleanUp, None) if ending.permanent => self.give_up(now),
            (Purpose::Restart, None) => self.after_end(now, false),
            (Purpose::CleanUp, None) => {
                let success = status.is_some_and(ExitStatus::success) && !ending.unready;
                self.after_end(now, success)
            }
        };
        out.push(Effect::Notice(Notice::Follows(self.id, next, why)));
    }

    pub(super) fn grace_over(&mut self, now: Time, out: &mut Vec<Effect>) {
        if self.ending.as_mut().is_some_and(|ending| ending.looked(now)) {
            return;
        }
        if self.ending.as_ref().is_some_and(|ending| ending.killed) {
            out.push(Effect::Notice(Notice::Unkillable(self.id)));
            self.hook = None;
            // Nothing is started beside what hangs, whoever writes to it.
            if std::mem::take(&mut self.lingers) {
                self.wanted = false;
            }
            self.finish(now, out);
        } else if self.ending.as_ref().is_some_and(|ending| ending.deadline.is_none_or(|at| now < at)) {
            // It has had its time for what it was given to read.
            if let Some(ending) = &mut self.ending {
                ending.drain_by = None;
            }
            self.tell_by_force(now, out);
        } else {
            self.kill(now, Purpose::Halt, out);
        }
    }
}

/// What of its grace one has that reads what is left, before it is told to stop.
fn half(grace: Duration) -> Duration {
    grace.checked_div(2).unwrap_or_default()
}

/// The stop signal, and SIGCONT after it: a stopped process could not act on the first without the second.
pub(super) fn terminate(pid: Pid, scope: Scope, signal: Signal, out: &mut Vec<Effect>) {
    out.push(Effect::Signal { pid, scope, signal });
    if signal != Signal::CONT && signal != Signal::KILL {
        out.push(Effect::Signal { pid, scope, signal: Signal::CONT });
    }
}
