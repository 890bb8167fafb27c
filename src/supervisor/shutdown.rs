//! The stop of the container: dependents before what they depend on, each with its own grace, all of it inside the
//! stop timeout.
//!
//! The graces along a chain of dependencies follow one another. Where they add up to more than is left, each is
//! scaled down in proportion when its turn comes, so what one does not use goes to the next. Then everything that
//! belongs to no service gets SIGTERM, and at the deadline whatever is left SIGKILL.
//!
//! One that reads what others write goes on until they are gone, and is started again if it ends before: so what
//! they write at their end is read. Then its input comes to an end, and it reads what is left of that.
//!
//! What is part of rinit, the logger, is there for all others. Its turn comes last: when no service is left, and what
//! belongs to no service gets SIGTERM, for that may have last words too. It has all the time that is left.

use super::Supervisor;
use super::event::*;
use super::stopping::{Phase, Shutdown};
use super::unit::{ContainerStop, Purpose, State, Unit};
use crate::model::{exit, is_built_in, ordered};
use std::collections::BTreeSet;
use std::time::Duration;

impl Supervisor {
    /// Whether the container stops.
    pub fn is_stopping(&self) -> bool {
        self.shutdown.is_some()
    }

    pub(super) fn begin_stop(&mut self, now: Time, cause: StopCause, out: &mut Vec<Effect>) {
        if self.shutdown.is_some() {
            return;
        }
        let counts = |unit: &&Unit| unit.has_to_stop() && !is_built_in(&unit.name);
        let alive = self.units.iter().filter(counts).count();
        out.push(Effect::Notice(Notice::StopBegun(cause, alive, self.stop_timeout)));
        self.forget_turns(now);
        let deadline = now.saturating_add(self.stop_timeout);
        self.shutdown =
            Some(Shutdown { since: now, deadline, cause, phase: Phase::Services, killed_all: false });
        for index in 0..self.units.len() {
            self.with(ServiceId(index), |unit| unit.wait_for_turn(now, out));
        }
        self.interrupted.clear();
        self.queue.clear();
        self.queue.extend((0..self.units.len()).map(ServiceId));
    }

    /// Tells a unit to stop if nothing that depends on it is there.
    pub(super) fn stop_if_free(&mut self, now: Time, id: ServiceId, out: &mut Vec<Effect>) {
        let Some(unit) = self.units.get(id.0) else { return };
        let is_built_in = is_built_in(&unit.name);
        let others_write = unit.needed_by.iter().any(|id| self.units.get(id.0).is_some_and(Unit::goes_first));
        let others_write = others_write || (is_built_in && self.are_services_left());
        let first = others_write || self.is_held(unit);
        if unit.reads_on() && !others_write && unit.is_between_lives() {
            return self.restart_to_read(now, id, out);
        }
        if unit.reads_on() {
            self.read_on(now, id, others_write, out);
        }
        let Some(unit) = self.units.get(id.0) else { return };
        // One that was stopping already has to keep to its share of the time all the same.
        let had_turn = unit.container_stop.had_turn();
        if !unit.has_to_stop() || had_turn || first || (self.has_killed_all() && !unit.is_alive()) {
            return;
        }
        let own = match &self.shutdown {
            Some(stop) if is_built_in => stop.deadline.saturating_sub(now),
            Some(_) | None => unit.definition.policy.stop_grace_period,
        };
        let (grace, through_by) = self.share(now, id, own);
        // The main process gets the very signal that rinit got, as from tini.
        let signal = match &self.shutdown {
            Some(stop) if unit.is_main && unit.definition.policy.stop_signal.is_none() => stop.cause.signal(),
            Some(_) | None => None,
        };
        self.with(id, |unit| {
            unit.container_stop = ContainerStop::Turn { through_by };
            unit.stop(now, Purpose::Halt, signal, grace, out);
        });
    }

    /// Whether something that depends on it goes first, also by way of what is done and has nothing to stop.
    fn is_held(&self, unit: &Unit) -> bool {
        let mut todo: Vec<ServiceId> = unit.needed_by.clone();
        let mut seen = BTreeSet::new();
        while let Some(dependent) = todo.pop().and_then(|id| self.units.get(id.0)) {
            if dependent.goes_first() {
                return true;
            }
            if dependent.is_passed_over() && seen.insert(dependent.id) {
                todo.extend(&dependent.needed_by);
            }
        }
        false
    }

    /// What a unit depends on by way of what is done and has nothing to stop: its turn may have come as well.
    pub(super) fn held_beyond(&self, id: ServiceId) -> BTreeSet<ServiceId> {
        let mut found = BTreeSet::new();
        let mut todo = vec![id];
        while let Some(unit) = todo.pop().and_then(|id| self.units.get(id.0)) {
            for need in &unit.needs {
                let beyond = self.units.get(need.on.0).is_some_and(Unit::is_passed_over);
                if beyond && found.insert(need.on) {
                    todo.push(need.on);
                }
            }
        }
        let passed = found.iter().filter_map(|id| self.units.get(id.0));
        ordered::set(passed.flat_map(|unit| unit.needs.iter().map(|need| need.on)))
    }

    /// What reads goes on as long as others write, and is there once more to read the rest.
    fn read_on(&mut self, now: Time, id: ServiceId, others_write: bool, out: &mut Vec<Effect>) {
        if !others_write {
            self.with(id, |unit| {
                unit.container_stop = ContainerStop::ReadsOn { restarts: false };
                if unit.state() == State::Backoff {
                    unit.retry(now);
                }
            });
        }
        if self.units.get(id.0).is_some_and(|unit| unit.state() == State::Waiting) {
            self.start_if_met(now, id, out);
        }
        self.with(id, |unit| {
            // One that has failed for good, or completed, reads nothing any more.
            let ended = unit.state().is_final() || unit.state() == State::Stopped;
            if ended || !others_write {
                unit.end_reading_on(now, out);
            }
        });
    }

    /// What reads stops, to be started again and read the rest: it has its share of the time for that.
    fn restart_to_read(&mut self, now: Time, id: ServiceId, out: &mut Vec<Effect>) {
        let Some(unit) = self.units.get(id.0) else { return };
        let (grace, _) = self.share(now, id, unit.definition.policy.stop_grace_period);
        self.with(id, |unit| {
            if !unit.container_stop.had_turn() {
                unit.container_stop = ContainerStop::ReadsOn { restarts: true };
                unit.stop(now, Purpose::Restart, None, grace, out);
            }
        });
    }

    fn has_killed_all(&self) -> bool {
        self.shutdown.as_ref().is_some_and(|stop| stop.killed_all)
    }

    /// The grace of a unit whose turn it is: `own`, which is all of its grace or what is left of it, or its share of
    /// what is left for the chains below it. And while the container stops, when all of it has to be through for these
    /// to have their graces.
    pub(super) fn share(&self, now: Time, id: ServiceId, own: Duration) -> (Duration, Option<Time>) {
        let Some(unit) = self.units.get(id.0) else { return (Duration::ZERO, None) };
        let Some(stop) = &self.shutdown else { return (own, None) };
        let left = stop.deadline.saturating_sub(now);
        let chain =
            if unit.needs.is_empty() { own } else { own.saturating_add(self.longest_chain_below(id)) };
        if chain <= left {
            return (own, Some(stop.deadline.saturating_sub(chain.saturating_sub(own))));
        }
        (share_of(left, own, chain), None)
    }

    /// The graces along the longest chain of units alive that begins behind `id` and follows what it depends on.
    fn longest_chain_below(&self, id: ServiceId) -> Duration {
        let mut below = vec![Duration::ZERO; self.units.len()];
        for at in &self.order {
            let Some(unit) = self.units.get(at.0) else { continue };
            let longest = unit.needs.iter().filter_map(|need| below.get(need.on.0)).max();
            if *at == id {
                return longest.copied().unwrap_or_default();
            }
            let there = unit.has_to_stop() || unit.reads_on();
            let own = if there { unit.definition.policy.stop_grace_period } else { Duration::ZERO };
            let chain = own.saturating_add(longest.copied().unwrap_or_default());
            if let Some(place) = below.get_mut(at.0) {
                *place = chain;
            }
        }
        Duration::ZERO
    }

    /// Goes on to the next phase when this one is through.
    pub(super) fn settle_stop(&mut self, now: Time, out: &mut Vec<Effect>) {
        let killed_all = self.has_killed_all();
        let is_left =
            self.units.iter().any(|unit| self.is_left(unit) && (killed_all || !is_built_in(&unit.name)));
        if let Some(stop) = &mut self.shutdown
            && stop.phase == Phase::Services
            && !is_left
        {
            stop.phase = Phase::Rest;
            let last = self.units.iter().filter(|unit| is_built_in(&unit.name));
            self.queue.extend(last.map(|unit| unit.id));
            // What is to be started once more is there before somebody finds that nothing is.
            self.spread(now, out);
            out.push(if killed_all { Effect::KillRest } else { Effect::TerminateRest });
        }
    }

    /// Whether the stop waits for a unit.
    fn is_left(&self, unit: &Unit) -> bool {
        unit.is_alive() || (unit.has_to_stop() && !self.has_killed_all()) || unit.reads_on()
    }

    /// Whether services are being stopped.
    fn are_services_left(&self) -> bool {
        self.shutdown.as_ref().is_some_and(|stop| stop.phase == Phase::Services)
    }

    pub(super) fn nothing_left(&mut self, now: Time, out: &mut Vec<Effect>) {
        if self.shutdown.as_ref().is_some_and(|stop| stop.phase == Phase::Rest) {
            self.exit(now, out);
        }
    }

    /// The stop timeout may be over.
    pub(super) fn stop_tick(&mut self, now: Time, out: &mut Vec<Effect>) {
        let Some(stop) = &self.shutdown else { return };
        if stop.deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        if stop.killed_all {
            self.exit(now, out);
        } else {
            self.kill_all(now, out);
        }
    }

    /// No more grace for anyone.
    pub(super) fn kill_all(&mut self, now: Time, out: &mut Vec<Effect>) {
        if self.shutdown.is_none() {
            self.begin_stop(now, StopCause::Requested(None), out);
        }
        for index in 0..self.units.len() {
            self.with(ServiceId(index), |unit| {
                unit.end_reading_on(now, out);
                unit.container_stop = unit.container_stop.without_time();
                unit.kill(now, Purpose::Halt, out);
            });
        }
        let Some(stop) = &mut self.shutdown else { return };
        if !stop.killed_all {
            stop.killed_all = true;
            stop.deadline = stop.deadline.min(now);
            let left = self.units.iter().filter(|unit| unit.has_to_stop() && !unit.is_alive());
            let text = || "stop_command was not run: there is no time left".to_owned();
            out.extend(left.map(|unit| Effect::Notice(Notice::HookFailed(unit.id, text()))));
            out.push(Effect::KillRest);
            if stop.phase == Phase::Rest {
                out.push(Effect::Notice(Notice::RestKilled));
            }
        }
    }

    fn exit(&mut self, now: Time, out: &mut Vec<Effect>) {
        let status = self.exit_status();
        let killed = self.units.iter().filter(|unit| unit.killed).map(|unit| unit.id).collect();
        let hanging = self.units.iter().filter(|unit| unit.is_alive() && self.has_killed_all());
        out.extend(hanging.map(|unit| Effect::Notice(Notice::Unkillable(unit.id))));
        let Some(stop) = &mut self.shutdown else { return };
        stop.phase = Phase::Over;
        out.push(Effect::Notice(Notice::StopDone(now.saturating_sub(stop.since), killed)));
        out.push(Effect::Exit(status));
    }

    /// The exit status of the container: not 0 where a service could not be told to stop.
    fn exit_status(&self) -> u8 {
        match self.exit_status_of_services() {
            0 if self.units.iter().any(|unit| unit.refused.is_some()) => exit::OWN_FAILURE,
            status => status,
        }
    }

    fn exit_status_of_services(&self) -> u8 {
        let services = || self.units.iter().filter(|unit| !is_built_in(&unit.name));
        let main = self.units.iter().find(|unit| unit.is_main);
        let cause = self.shutdown.as_ref().map(|stop| stop.cause);
        let ended = match cause {
            Some(StopCause::Essential(id)) => self.units.get(id.0),
            Some(StopCause::AllDone) => services().find(|unit| unit.state() == State::Failed),
            Some(StopCause::Unhealthy(_)) => return 1,
            Some(StopCause::Requested(_)) | None => main.filter(|unit| unit.starts > 0),
        };
        match ended {
            Some(unit) if unit.state() == State::Failed => unit.failure().unwrap_or(1),
            Some(unit) if unit.state() == State::Completed => 0,
            Some(unit) => unit.last_exit.as_ref().map_or(exit::KILLED, |last| last.status.code()),
            None if cause == Some(StopCause::AllDone) => 0,
            None if services().any(|unit| unit.killed) => exit::KILLED,
            None => 0,
        }
    }
}

/// The grace `own` of a chain that takes `chain` in all and has `left`: all of it, or its share.
pub(super) fn share_of(left: Duration, own: Duration, chain: Duration) -> Duration {
    match chain > left {
        // left >= 0, so the quotient is a number between 0 and 1.
        true => left.mul_f64(own.as_secs_f64() / chain.as_secs_f64()).min(own),
        false => own,
    }
}
