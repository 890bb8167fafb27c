//! How a unit stops: `pre_stop`, the end of its input, `stop_command` or the stop signal, what `control` has for that, its
//! grace, and SIGKILL. What follows when its process and its group are gone is in `outcome`.

use super::container_stop::ContainerStop;
use super::ending::{Ending, KILL_PATIENCE, Killed, Purpose, StopStep};
use super::phase::Phase;
use super::process::{Main, terminate};
use super::state::State;
use super::{Refused, Unit};
use crate::model::{Hook, KillMode, Signal};
use crate::supervisor::event::*;
use std::time::Duration;

impl Unit {
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
        match &self.phase {
            Phase::Completed if self.definition.hooks.stop.is_some() => self.undo(now, purpose, grace, out),
            Phase::Stopped | Phase::Completed | Phase::Failed { .. } => {}
            Phase::Waiting | Phase::Backoff { .. } => {
                if purpose == Purpose::Halt {
                    self.enter(now, Phase::Stopped);
                    out.push(Effect::Notice(Notice::CalledOff(self.id)));
                }
            }
            Phase::Starting(_) | Phase::Running(_) => self.stop_alive(now, purpose, signal, grace, out),
            Phase::Paused(life) => {
                let pid = life.process.pid;
                self.stop_alive(now, purpose, signal, grace, out);
                // Its helpers have to run to end, and it has to for what `pre_stop` asks of it.
                out.push(Effect::Signal { pid, scope: Scope::Group, signal: Signal::CONT });
            }
            Phase::Stopping(_) => self.shorten_grace(now, purpose, grace),
        }
    }

    /// The container stops, and it waits for its turn. One that does not run yet is not started, unless it reads what
    /// others write.
    pub fn wait_for_turn(&mut self, now: Time, out: &mut Vec<Effect>) {
        let runs = self.is_alive() || matches!(self.state(), State::Waiting | State::Backoff);
        let reads = self.definition.reads && self.will_read();
        if reads && runs && self.is_wanted() && !self.is_halting() {
            self.container_stop = ContainerStop::ReadsOn { restarts: false };
        } else {
            self.container_stop = ContainerStop::Waits;
            self.wanted = self.wanted.no_longer();
        }
        self.killed = false;
        if let Phase::Starting(starting) = &mut self.phase {
            starting.ready_by = None;
        }
        self.end_watch(out);
        if !self.has_to_stop() && !self.reads_on() {
            self.stop(now, Purpose::Halt, None, Duration::ZERO, out);
        }
    }

    /// It is not started again, even if others still write to its input.
    pub fn end_reading_on(&mut self, now: Time, out: &mut Vec<Effect>) {
        if self.stop_reading_on() {
            self.changed = true;
            if !self.has_to_stop() {
                self.stop(now, Purpose::Halt, None, Duration::ZERO, out);
            }
        }
    }

    /// Returns whether it would have been started again for what others write.
    fn stop_reading_on(&mut self) -> bool {
        let reads_on = self.reads_on();
        if reads_on {
            self.container_stop = self.container_stop.without_writers();
            self.wanted = self.wanted.no_longer();
        }
        reads_on
    }

    pub(super) fn begin_ending(
        &mut self,
        now: Time,
        purpose: Purpose,
        signal: Option<Signal>,
        grace: Duration,
    ) {
        let was_ready = self.state() != State::Starting;
        let deadline = Some(now.saturating_add(grace));
        self.change(now, |phase| {
            let (main, step) = phase.into_remains();
            let (killed, look, not_again) = (Killed::No, None, false);
            let ending = Ending { purpose, signal, main, step, killed, deadline, look, was_ready, not_again };
            Phase::Stopping(Box::new(ending))
        });
    }

    /// A task has completed, and what it has done is undone.
    fn undo(&mut self, now: Time, purpose: Purpose, grace: Duration, out: &mut Vec<Effect>) {
        self.retries.reset();
        self.begin_ending(now, purpose, None, grace);
        out.push(Effect::Notice(Notice::Stopping(self.id, StopBy::Command, grace)));
        self.run_hook(Hook::Stop, out);
    }

    fn stop_alive(
        &mut self,
        now: Time,
        purpose: Purpose,
        signal: Option<Signal>,
        grace: Duration,
        out: &mut Vec<Effect>,
    ) {
        self.end_watch(out);
        self.begin_ending(now, purpose, signal, grace);
        let by = match self.reads_rest_first() {
            true => StopBy::EndOfInput,
            false if self.has_command_to_stop() => StopBy::Command,
            false => StopBy::Signal(self.stop_signal()),
        };
        out.push(Effect::Notice(Notice::Stopping(self.id, by, grace)));
        let Some(ending) = self.phase.ending() else { return };
        match (&ending.step, &ending.main) {
            // The hook is what there is to stop. One without a process is stopped as soon as it has one.
            (StopStep::StartHook(hook), _) => {
                hook.pid.into_iter().for_each(|pid| terminate(pid, Scope::Group, Signal::TERM, out));
            }
            // Its process is about to be there, and is stopped then.
            (_, Main::None) => {}
            (_, Main::Alive(_) | Main::Ended { .. }) => {
                if !self.run_hook(Hook::PreStop, out) {
                    self.tell_to_stop(now, out);
                }
            }
        }
    }

    /// Its process was asked for before it was told to stop, and is there: it is stopped at once.
    pub(super) fn stop_spawned(&mut self, now: Time, out: &mut Vec<Effect>) {
        match self.phase.ending().is_some_and(Ending::is_killed) {
            true => self.kill_what_runs(out),
            false => self.tell_to_stop(now, out),
        }
    }

    /// Whether it reads what others write and they are gone for good: then it reads what is left before it stops.
    fn reads_rest_first(&self) -> bool {
        let alone = self.container_stop.had_turn() || self.is_gone();
        self.definition.reads && self.is_halting() && alone
    }

    /// Whether a command stops it while it runs. That of a task undoes what a completed one has done.
    fn has_command_to_stop(&self) -> bool {
        self.definition.hooks.stop.is_some() && !self.definition.policy.is_task()
    }

    /// Tells the main process to stop, in its own way.
    pub(super) fn tell_to_stop(&mut self, now: Time, out: &mut Vec<Effect>) {
        let reads_first = self.pid().is_some() && self.reads_rest_first();
        let own = self.definition.policy.stop_grace_period;
        match self.phase.ending_mut().filter(|ending| reads_first && !ending.is_killed()) {
            Some(ending) => {
                let until = now.saturating_add(reading(ending.grace_left(now), own));
                ending.step = StopStep::Reading { until };
                out.push(Effect::CloseInput(self.id));
            }
            None => self.tell_main_to_stop(now, out),
        }
    }

    /// Tells the main process to stop, whatever there is for it to read.
    fn tell_main_to_stop(&mut self, now: Time, out: &mut Vec<Effect>) {
        let killed = self.phase.ending().is_none_or(Ending::is_killed);
        let by_command = !killed && self.pid().is_some() && self.has_command_to_stop();
        if !(by_command && self.run_hook(Hook::Stop, out)) {
            self.send_stop_signal(now, out);
        }
    }

    /// Its `stop_command` has ended, or could not be run. `done`: it has told the main process.
    pub(super) fn stop_command_done(&mut self, now: Time, done: bool, out: &mut Vec<Effect>) {
        let Some(ending) = self.phase.ending() else { return };
        match &ending.main {
            // It has undone a task.
            Main::None => self.finish(now, out),
            Main::Alive(_) if ending.is_killed() => {}
            // The process is to follow, be it stopped.
            Main::Alive(process) if done => {
                let pid = process.pid;
                out.push(Effect::Signal { pid, scope: self.stop_scope(), signal: Signal::CONT });
                self.run_stop_control(out);
            }
            Main::Alive(_) | Main::Ended { .. } => self.send_stop_signal(now, out),
        }
    }

    pub(super) fn stop_signal(&self) -> Signal {
        let given = self.phase.ending().and_then(|ending| ending.signal);
        given.or(self.definition.policy.stop_signal).unwrap_or(Signal::TERM)
    }

    pub(super) fn stop_scope(&self) -> Scope {
        match self.definition.policy.kill_mode {
            KillMode::Group => Scope::Group,
            KillMode::Mixed | KillMode::Process => Scope::Process,
        }
    }

    /// Tells the main process to stop. It may have ended meanwhile; the rest of its group was told then.
    fn send_stop_signal(&mut self, now: Time, out: &mut Vec<Effect>) {
        let (signal, scope) = (self.stop_signal(), self.stop_scope());
        let Some(ending) = self.phase.ending_mut() else { return };
        match &ending.main {
            Main::None => {}
            Main::Alive(process) => {
                terminate(process.pid, scope, signal, out);
                if signal == Signal::KILL && !ending.is_killed() {
                    ending.killed = Killed::ByStopSignal;
                }
                self.run_stop_control(out);
            }
            Main::Ended { group_left, .. } => {
                let group_left = *group_left;
                if !self.run_stop_control(out) && !group_left {
                    self.gone(now, out);
                }
            }
        }
    }

    /// It stops already; a stop for good outranks a restart, and the earlier deadline counts.
    pub fn shorten_grace(&mut self, now: Time, purpose: Purpose, grace: Duration) {
        let (place, own) = (self.container_stop, self.definition.policy.stop_grace_period);
        let Some(ending) = self.phase.ending_mut() else { return };
        match purpose {
            Purpose::Halt => ending.purpose = Purpose::Halt,
            Purpose::Cycle if ending.purpose != Purpose::Halt => ending.purpose = Purpose::Cycle,
            Purpose::Cycle | Purpose::Restart | Purpose::CleanUp => {}
        }
        // `post_stop` has no less time than if it began now. It has a limit of its own, except while the container stops.
        let undoes = matches!(ending.step, StopStep::PostStop(_));
        let spare = place.through_by().filter(|_| undoes).map(|by| by.saturating_sub(now));
        let limit = match ending.is_killed() {
            false if undoes && !place.is_on() => None,
            false => Some(grace.max(spare.unwrap_or_default())),
            true => (ending.main.alive().is_none() || place.is_on()).then_some(KILL_PATIENCE),
        };
        if let Some(limit) = limit {
            let at = now.saturating_add(limit);
            ending.deadline = Some(ending.deadline.map_or(at, |deadline| deadline.min(at)));
            // Half of it is for reading the rest of its input.
            if let StopStep::Reading { until } = &mut ending.step {
                *until = now.saturating_add(reading(limit, own)).min(*until);
            }
        }
        self.changed = true;
    }

    /// More time to stop was asked for. Not while the container stops: there it would be at the cost of others.
    pub(super) fn extend_grace(&mut self, now: Time, by: Duration) {
        if let Some(ending) = self.phase.ending_mut().filter(|ending| !ending.is_killed())
            && !self.container_stop.is_on()
        {
            ending.deadline = ending.deadline.map(|deadline| deadline.max(now.saturating_add(by)));
        }
    }

    /// No more grace, whatever is left of it.
    pub fn kill(&mut self, now: Time, purpose: Purpose, out: &mut Vec<Effect>) {
        match &self.phase {
            Phase::Starting(_) | Phase::Running(_) | Phase::Paused(_) => {
                self.end_control(out);
                self.end_watch(out);
                self.begin_ending(now, purpose, None, Duration::ZERO);
            }
            Phase::Stopping(_) => {}
            Phase::Stopped
            | Phase::Waiting
            | Phase::Backoff { .. }
            | Phase::Completed
            | Phase::Failed { .. } => return,
        }
        let is_wanted = self.is_wanted();
        let waited = now.saturating_sub(self.since);
        let with_container = self.container_stop.is_on();
        let Some(ending) = self.phase.ending_mut().filter(|ending| !ending.is_killed()) else { return };
        ending.killed = Killed::ByForce;
        ending.step.end_reading();
        if !is_wanted {
            ending.purpose = Purpose::Halt;
        }
        // A main process is given up only with the container: a second one beside it would do harm.
        let give_up = ending.main.alive().is_none() || with_container;
        ending.deadline = give_up.then(|| now.saturating_add(KILL_PATIENCE));
        if ending.look.is_some() {
            ending.look_soon(now);
        }
        self.killed |= with_container;
        self.kill_what_runs(out);
        out.push(Effect::Notice(Notice::Killed(self.id, waited)));
    }

    /// A signal could not be sent to it. Where that is SIGKILL, it was not killed. A child may tell it late, when SIGKILL
    /// has been sent after the signal that could not be.
    pub fn not_signalled(&mut self, signal: Signal, message: String, out: &mut Vec<Effect>) {
        let is_kill = signal == Signal::KILL;
        self.killed &= !is_kill;
        // Each time it is stopped or killed it gets two signals: one report is enough.
        if self.refused.as_ref().is_some_and(|refused| refused.message == message) {
            return;
        }
        out.push(Effect::Notice(Notice::NotSignalled(self.id, message.clone())));
        if is_kill || self.refused.as_ref().is_none_or(|refused| !refused.is_kill) {
            self.refused = Some(Refused { is_kill, message });
        }
    }

    /// SIGKILL to the hook under way, and to the main process or what is left of its group. These are gone when
    /// `post_stop` runs.
    pub(super) fn kill_what_runs(&mut self, out: &mut Vec<Effect>) {
        let Some(ending) = self.phase.ending() else { return };
        let (group, signal) = (Scope::Group, Signal::KILL);
        if let Some(pid) = ending.step.hook().and_then(|hook| hook.pid) {
            out.push(Effect::Signal { pid, scope: group, signal });
        }
        if matches!(ending.step, StopStep::PostStop(_)) {
            return;
        }
        match &ending.main {
            Main::Alive(process) => {
                let scope = match self.definition.policy.kill_mode {
                    KillMode::Process => Scope::Process,
                    KillMode::Mixed | KillMode::Group => Scope::Group,
                };
                out.push(Effect::Signal { pid: process.pid, scope, signal });
            }
            Main::Ended { process, group_left: true, .. } => {
                out.push(Effect::Signal { pid: process.group, scope: group, signal });
            }
            Main::None | Main::Ended { group_left: false, .. } => {}
        }
    }

    /// Something is due while it stops.
    pub(super) fn grace_over(&mut self, now: Time, out: &mut Vec<Effect>) {
        let Some(ending) = self.phase.ending_mut() else { return };
        if ending.looked(now) {
            return;
        }
        if ending.is_killed() {
            out.push(Effect::Notice(Notice::Unkillable(self.id)));
            // Nothing is started beside a process that hangs, even if others still write to its input.
            self.stop_reading_on();
            self.finish(now, out);
        } else if ending.deadline.is_none_or(|at| now < at) {
            // It has had its time for what it was given to read.
            ending.step.end_reading();
            self.tell_main_to_stop(now, out);
        } else {
            self.kill(now, Purpose::Halt, out);
        }
    }
}

/// The part of the grace that is for reading the rest of its input, before it is told to stop: half of it. Who has more
/// than its own grace keeps half of its own for the other part.
fn reading(grace: Duration, own: Duration) -> Duration {
    grace.saturating_sub(own).saturating_add(half(grace.min(own)))
}

fn half(grace: Duration) -> Duration {
    grace.checked_div(2).unwrap_or_default()
}
