//! Reaping: every child that has ended, ours and orphans, and what that means.

use super::children::Ended;
use super::executor::{Executor, Rest};
use super::gather::Harvest;
use super::heirs::Heir;
use super::launch::{self, Purpose};
use super::notify::DATAGRAMS_IN_QUEUE;
use super::output::OUTPUT;
use super::owner::Owner;
use crate::model::Signal;
use crate::supervisor::{Event, ExitStatus, Pid, Process, Role, ServiceId, Time};
use crate::sys::proc_fs;
use crate::sys::process::{self, Reaped, Status};
use crate::sys::spawn::{Outcome, Stage};
use std::time::Duration;

/// So many orphans are reaped or let go before the loop looks at anything else.
const ORPHANS_A_TURN: usize = 256;

/// How long before it is looked again who is left at the stop.
const LOOK: Duration = Duration::from_millis(20);

impl Executor {
    /// Reaps the children that have ended and tells the supervisor. Returns whom it has found.
    pub fn reap(&mut self, now: Time) -> Harvest {
        // Who has sent news and ended since can be told apart only as long as it is not reaped.
        self.read_news(now, DATAGRAMS_IN_QUEUE);
        let mut ended = std::mem::take(&mut self.ended);
        let mut harvest = Harvest::default();
        let (mut none_left, mut couriers, mut detached) = (false, Vec::new(), 0_usize);
        self.more_to_reap = true;
        while self.more_to_reap && harvest.orphans.saturating_add(detached) < ORPHANS_A_TURN {
            match process::reap() {
                Reaped::Child(pid, status) => {
                    let owner = self.owner(pid);
                    harvest.own |= owner != Owner::Nobody;
                    match owner {
                        Owner::Service => {
                            self.supervisor.reaped(Pid(pid));
                            ended.push((pid, status));
                        }
                        Owner::Reader => _ = self.reader.reaped(&self.poller, pid, status),
                        Owner::Couriers => couriers.push(pid),
                        Owner::Output => OUTPUT.reaped(pid),
                        Owner::Nobody => {
                            harvest.orphans = harvest.orphans.saturating_add(1);
                            self.orphan_ended(pid);
                        }
                    }
                }
                Reaped::Detached => detached = detached.saturating_add(1),
                Reaped::NoneEnded => self.more_to_reap = false,
                Reaped::NoChildren => (self.more_to_reap, none_left) = (false, true),
            }
        }
        let has_others = harvest.orphans > 0 || !ended.is_empty();
        // All of a group may have ended together: everything is reaped and marked before anyone looks at groups, and
        // before the first of them is told. Main processes come first: nobody is to be stopped for a failed probe who has
        // ended with it.
        ended.sort_by_key(|(pid, _)| self.supervisor.processes().main_of(Pid(*pid)).is_none());
        for (pid, status) in ended.drain(..) {
            self.tell_end(now, pid, status);
        }
        self.ended = ended;
        self.look_at_groups(now);
        for pid in couriers {
            self.courier_ended(now, pid);
        }
        if none_left && self.rest.is_some() {
            self.look_at_rest(now);
        } else if has_others && self.rest == Some(Rest::Killed) && !process::is_pid1() {
            // The orphans of those who died are ours now.
            self.kill_rest_again(now);
        }
        harvest
    }

    fn orphan_ended(&mut self, pid: i32) {
        self.places.reaped(pid);
        let level = if self.contract.warn_zombies { log::Level::Warn } else { log::Level::Trace };
        log::log!(level, "reaped zombie process {pid}");
    }

    /// Looks whether anybody is left, when the container stops and rinit has no child any more. If so, it looks again.
    pub fn look_at_rest(&mut self, now: Time) {
        self.look_at = None;
        if !process::has_no_child() {
            // Its end will be told.
        } else if proc_fs::is_anybody_left() {
            self.look_at = Some(now.saturating_add(LOOK));
        } else {
            self.feed(now, Event::NothingLeft);
        }
    }

    /// Tells of the groups that are gone.
    fn look_at_groups(&mut self, now: Time) {
        for event in self.gone_groups() {
            self.feed(now, event);
        }
    }

    pub(super) fn gone_groups(&self) -> Vec<Event> {
        let gone = self.supervisor.processes().groups().filter(|leader| !process::group_exists(leader.0));
        gone.map(|pid| Event::GroupGone { pid }).collect()
    }

    /// Before a deadline: tells of the groups that it is about and that are gone. One of which only zombies are left is
    /// gone: nothing more can be done about these. To find them out takes a look at every process, so it is done once
    /// for all groups.
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

    /// Tells of the end of a process that rinit has made.
    fn tell_end(&mut self, now: Time, number: i32, status: Status) {
        let pid = Pid(number);
        // What is heard under this number then is another process's.
        let is_displaced = self.supervisor.processes().is_displaced(pid);
        if !is_displaced {
            self.read_notify(now, number);
        }
        let Some(Process { service, role, group }) = self.supervisor.processes().ended(pid) else { return };
        let Ended { outcome, mut output } = match is_displaced {
            true => Ended::default(),
            false => self.children.remove(&self.poller, number),
        };
        match (role, outcome) {
            (Role::Main, Some(outcome)) => {
                if let Some(event) = self.outcome_event(number, &outcome) {
                    self.feed(now, event);
                }
            }
            // That says nothing about the service, as where no process could be made.
            (Role::Probe, Some(Outcome::Failed(stage @ Stage::Environment, error))) => {
                if let Some(definition) = self.services.get(service.0) {
                    let error = launch::setup_error(definition, Purpose::Probe, stage, &error);
                    self.feed(now, Event::ProbeSpawnFailed { service, error });
                }
            }
            (Role::Probe, Some(Outcome::Failed(stage, error))) => {
                output = self.setup_text(service, Purpose::Probe, stage, &error);
            }
            (Role::Hook(hook), Some(Outcome::Failed(stage, error))) => {
                if let Some(service) = self.services.get(service.0) {
                    let error = launch::setup_error(service, Purpose::Hook(hook), stage, &error);
                    self.feed(now, Event::SetupFailed { pid, error });
                }
            }
            (Role::Main | Role::Probe | Role::Hook(_), _) => {}
        }
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
        // One that has left the group of its predecessor may have been its last member: then the number is free.
        let is_anothers = (group != pid || is_displaced) && self.supervisor.processes().get(group).is_some();
        let group_left = !is_anothers && process::group_exists(group.0);
        let oom = role == Role::Main && status == Status::Signal(Signal::KILL.number()) && self.oom.risen();
        let status = match status {
            Status::Code(code) => ExitStatus::Code(code),
            Status::Signal(number) => ExitStatus::Signal(number),
        };
        self.feed(now, Event::Exited { pid, status, group_left, oom, output });
    }

    /// What a probe or a hook has to say whose program could not be executed.
    fn setup_text(
        &self,
        service: ServiceId,
        purpose: Purpose,
        stage: Stage,
        error: &std::io::Error,
    ) -> Vec<u8> {
        let service = self.services.get(service.0);
        service
            .map(|service| launch::setup_error(service, purpose, stage, error).message)
            .unwrap_or_default()
            .into_bytes()
    }
}
