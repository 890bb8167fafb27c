//! Reaps every child that has ended, rinit's own and orphans, and tells the supervisor.

use super::Ended;
use super::heirs::Heir;
use super::owner::Owner;
use super::reap_pacing::ReapSummary;
use crate::init::executor::{Executor, Rest};
use crate::init::launch::{self, Purpose};
use crate::init::notify::DATAGRAMS_IN_QUEUE;
use crate::init::output::OUTPUT;
use crate::model::Signal;
use crate::supervisor::{Event, ExitStatus, Pid, Process, Role, Time};
use crate::sys::proc_fs;
use crate::sys::process::{self, Reaped, Status};
use crate::sys::signal_sender::Means;
use crate::sys::spawn::{Outcome, Stage};
use std::time::Duration;

/// Maximum number of orphans reaped, or traced processes released, per turn of the loop.
const ORPHANS_A_TURN: usize = 256;

/// Interval between checks for remaining processes during the stop.
const LOOK: Duration = Duration::from_millis(20);

impl Executor {
    /// Reaps the children that have ended and tells the supervisor. Returns what kinds of children it found.
    pub fn reap(&mut self, now: Time) -> ReapSummary {
        // Read notifications first: once its sender is reaped, a message cannot be assigned to a service.
        self.read_news(now, DATAGRAMS_IN_QUEUE);
        let mut ended = std::mem::take(&mut self.ended);
        let mut summary = ReapSummary::default();
        let (mut none_left, mut senders, mut state_writer, mut detached) = (false, Vec::new(), None, 0_usize);
        self.more_to_reap = true;
        while self.more_to_reap && summary.orphans.saturating_add(detached) < ORPHANS_A_TURN {
            let reaped = match self.look_before_reaping() {
                Some(pid) => process::reap_ended(pid),
                None => process::reap(),
            };
            match reaped {
                Reaped::Child(pid, status) => {
                    let owner = self.owner_of_reaped(pid);
                    summary.own |= owner != Owner::Nobody;
                    match owner {
                        Owner::Service => {
                            self.supervisor.reaped(Pid(pid));
                            ended.push((pid, status));
                        }
                        Owner::Reader => _ = self.reader.reaped(&self.poller, pid, status),
                        Owner::SignalSenders => senders.push(pid),
                        Owner::StateWriter => state_writer = Some(status),
                        Owner::Output => OUTPUT.reaped(pid),
                        Owner::Nobody => {
                            summary.orphans = summary.orphans.saturating_add(1);
                            self.orphan_ended(pid);
                        }
                    }
                }
                Reaped::Detached => detached = detached.saturating_add(1),
                Reaped::NoneEnded => self.more_to_reap = false,
                Reaped::NoChildren => (self.more_to_reap, none_left) = (false, true),
            }
        }
        let has_others = summary.orphans > 0 || !ended.is_empty();
        // A whole group may have ended together, so reap and mark all of it before checking groups and before telling the
        // first end. Tell main processes first: a service that has ended must not be stopped because its probe failed with
        // it.
        ended.sort_by_key(|(pid, _)| self.supervisor.processes().main_of(Pid(*pid)).is_none());
        for (pid, status) in ended.drain(..) {
            self.tell_end(now, pid, status);
        }
        self.ended = ended;
        self.look_at_groups(now);
        // These may make another child, which may get the number of one whose end was not told before.
        if let Some(status) = state_writer {
            self.state_writer.reaped(status);
        }
        for pid in senders {
            self.signal_sender_ended(now, pid);
        }
        if none_left && self.rest.is_some() {
            self.look_at_rest(now);
        } else if has_others && self.rest == Some(Rest::Killed) && self.kills_one_by_one() {
            // The orphans of the killed processes are rinit's children now, or were made after the others were listed.
            self.kill_rest_again(now);
        }
        summary
    }

    /// While children are being set up: the one to be reaped next. If it was killed, what `/proc` still shows of it tells
    /// whether it has executed its program.
    fn look_before_reaping(&mut self) -> Option<i32> {
        if !self.children.has_unfinished() {
            return None;
        }
        let (pid, was_killed) = process::next_ended()?;
        if was_killed {
            self.children.read_status(&self.poller, pid);
        }
        Some(pid)
    }

    /// Whether SIGKILL goes to a list of processes, and not to everybody at once.
    fn kills_one_by_one(&self) -> bool {
        !process::is_pid1() || self.signal_senders.means == Means::ByChild
    }

    fn orphan_ended(&mut self, pid: i32) {
        self.places.reaped(pid);
        let level = if self.tini_options.warn_zombies { log::Level::Warn } else { log::Level::Trace };
        log::log!(level, "reaped zombie process {pid}");
    }

    /// While the container stops and rinit has no child: checks for remaining processes, and schedules the next check if
    /// there are some.
    pub fn look_at_rest(&mut self, now: Time) {
        self.look_at = None;
        if !process::has_no_child() {
            // SIGCHLD will tell when it ends.
        } else if proc_fs::is_anybody_left() {
            self.look_at = Some(now.saturating_add(LOOK));
        } else {
            self.feed(now, Event::NothingLeft);
        }
    }

    /// Tells the supervisor which groups are gone.
    fn look_at_groups(&mut self, now: Time) {
        for event in self.gone_groups() {
            self.feed(now, event);
        }
    }

    pub(in crate::init) fn gone_groups(&self) -> Vec<Event> {
        let gone = self.supervisor.processes().groups().filter(|leader| !process::group_exists(leader.0));
        gone.map(|pid| Event::GroupGone { pid }).collect()
    }

    /// Before a deadline expires: tells the supervisor which of the groups concerned are gone. A group of zombies counts as
    /// gone, since no signal changes it. Finding zombies means reading all of `/proc`, so this is done once for all groups.
    pub fn look_at_groups_due(&mut self, now: Time) {
        let due = self.supervisor.groups_due(now);
        if due.is_empty() {
            return;
        }
        let dead = proc_fs::dead_groups();
        let is_gone = |leader: &Pid| dead.contains(&leader.0) || !process::group_exists(leader.0);
        for pid in due.into_iter().filter(is_gone) {
            self.feed(now, Event::GroupGone { pid });
        }
    }

    /// Tells the supervisor that a service's process has ended.
    fn tell_end(&mut self, now: Time, number: i32, status: Status) {
        let pid = Pid(number);
        // If the kernel has reused the number, what is read under it belongs to the new process.
        let is_displaced = self.supervisor.processes().is_displaced(pid);
        if !is_displaced {
            self.read_notify(now, number);
        }
        let Some(Process { service, role, group }) = self.supervisor.processes().ended(pid) else { return };
        let ended = match is_displaced {
            true => Ended::default(),
            false => self.children.remove(&self.poller, number, status),
        };
        let oom = role == Role::Main && status == Status::Signal(Signal::KILL.number()) && self.oom.risen();
        let status = match status {
            Status::Code(code) => ExitStatus::Code(code),
            Status::Signal(number) => ExitStatus::Signal(number),
        };
        let output = match ended.outcome {
            Some(Outcome::NotExecuted) => {
                self.tell_not_executed(now, pid, status, oom);
                Vec::new()
            }
            _ => self.tell_set_up(now, pid, status, ended),
        };
        if role == Role::Main {
            let table = self.supervisor.processes();
            let heir = self.places.get_mut(service).and_then(|place| place.heir.take());
            let heir = heir.and_then(Heir::succeed).filter(|(by, _)| table.get(*by).is_none());
            if let Some((by, group)) = heir {
                return self.feed(now, Event::Succeeded { pid, by, group });
            }
            if let Some(place) = self.places.get_mut(service) {
                place.pipe.ended();
            }
        }
        if role != Role::Probe {
            self.log_ended(service);
        }
        // A process that left its predecessor's group may have been the last member, and the group's number is free.
        let is_anothers = (group != pid || is_displaced) && self.supervisor.processes().get(group).is_some();
        let group_left = !is_anothers && process::group_exists(group.0);
        self.feed(now, Event::Exited { pid, status, group_left, oom, output });
        if self.supervisor.find(self.supervisor.name(service)) != Some(service) {
            self.drop_logs();
        }
    }

    /// Tells the supervisor how the set-up of an ended process had gone, if that is news. Returns a probe's output.
    fn tell_set_up(&mut self, now: Time, pid: Pid, status: ExitStatus, ended: Ended) -> Vec<u8> {
        let Ended { outcome, mut output, spawned_from } = ended;
        let Some(Process { service, role, .. }) = self.supervisor.processes().ended(pid) else {
            return output;
        };
        let definition = spawned_from.as_deref().or_else(|| self.definition(service));
        match (role, outcome, definition) {
            (Role::Main, Some(outcome), _) => {
                if let Some(event) = self.outcome_event(pid.0, &outcome, spawned_from.as_deref()) {
                    self.feed(now, event);
                }
            }
            // The probe itself could not run, which says nothing about the service.
            (Role::Probe, Some(Outcome::Failed(stage @ Stage::Environment, error)), Some(definition)) => {
                let error = launch::setup_error(definition, Purpose::Probe, stage, &error);
                self.feed(now, Event::ProbeSpawnFailed { service, error });
            }
            (Role::Probe, Some(Outcome::Failed(stage, error)), Some(definition)) => {
                let error = launch::setup_error(definition, Purpose::Probe, stage, &error);
                output = error.message.into_bytes();
            }
            (Role::Hook(hook), Some(Outcome::Failed(stage, error)), Some(definition)) => {
                let error = launch::setup_error(definition, Purpose::Hook(hook), stage, &error);
                self.feed(now, Event::SetupFailed { pid, error });
            }
            (Role::Probe, _, Some(definition)) => {
                output = definition.shown_output(output, !status.success());
            }
            // Nobody knows what of it may be shown.
            (Role::Probe, _, None) => output.clear(),
            (Role::Main | Role::Hook(_), _, _) => {}
        }
        output
    }

    /// Tells the supervisor that a process was killed before its program ran.
    fn tell_not_executed(&mut self, now: Time, pid: Pid, status: ExitStatus, oom: bool) {
        let Some(Process { service, role, .. }) = self.supervisor.processes().ended(pid) else { return };
        let error = |purpose| launch::killed_error(purpose, status, oom);
        self.feed(
            now,
            match role {
                Role::Main => Event::SetupFailed { pid, error: error(Purpose::Main) },
                Role::Hook(hook) => Event::SetupFailed { pid, error: error(Purpose::Hook(hook)) },
                // That says nothing about the service.
                Role::Probe => Event::ProbeSpawnFailed { service, error: error(Purpose::Probe) },
            },
        );
    }
}
