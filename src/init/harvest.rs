//! Reaping: every child that has ended, ours and orphans, and what that means.

use super::children::Kind;
use super::executor::{Executor, Rest};
use super::gather::Harvest;
use super::launch::{self, Purpose};
use super::notify::DATAGRAMS_IN_QUEUE;
use crate::model::Signal;
use crate::supervisor::{Event, ExitStatus, Pid, Time};
use crate::sys::process::{self, Reaped, Status};
use crate::sys::spawn::{Outcome, Stage};

/// So many children are reaped before the loop looks at anything else.
const REAPED_A_TURN: usize = 256;

impl Executor {
    /// Reaps the children that have ended and tells the supervisor. Returns whom it has found.
    pub fn reap(&mut self, now: Time) -> Harvest {
        // Who has sent news and ended since can be told apart only as long as it is not reaped.
        self.read_news(now, DATAGRAMS_IN_QUEUE);
        let mut ended = std::mem::take(&mut self.ended);
        let mut none_left = false;
        self.more_to_reap = true;
        while ended.len() < REAPED_A_TURN {
            match process::reap() {
                Reaped::Child(pid, status) => ended.push((pid, status)),
                Reaped::NoneEnded => self.more_to_reap = false,
                Reaped::NoChildren => (self.more_to_reap, none_left) = (false, true),
            }
            if !self.more_to_reap {
                break;
            }
        }
        let mut harvest = Harvest::default();
        // All of a group may have ended together: the whole harvest is in before anyone looks at groups.
        for (pid, status) in ended.drain(..) {
            match self.reaped(now, pid, status) {
                true => harvest.own = true,
                false => harvest.orphans = harvest.orphans.saturating_add(1),
            }
        }
        self.ended = ended;
        let (left, gone): (Vec<i32>, Vec<i32>) =
            std::mem::take(&mut self.groups).into_iter().partition(|leader| process::group_exists(*leader));
        self.groups.extend(left);
        for leader in gone {
            self.feed(now, Event::GroupGone { pid: Pid(leader) });
        }
        if none_left && self.rest.is_some() {
            self.feed(now, Event::NothingLeft);
        } else if self.rest == Some(Rest::Killed) && !process::is_pid1() {
            // The orphans of those who died are ours now.
            process::kill_rest(&[Signal::KILL]);
        }
        harvest
    }

    /// Whether it is a child that rinit has made.
    fn reaped(&mut self, now: Time, pid: i32, status: Status) -> bool {
        self.read_notify(now, pid);
        let Some(ended) = self.children.remove(&self.poller, pid) else {
            let level = if self.contract.warn_zombies { log::Level::Warn } else { log::Level::Trace };
            log::log!(level, "reaped zombie process {pid}");
            return false;
        };
        let mut output = ended.output;
        match (ended.kind, ended.outcome) {
            (Kind::Main, Some(outcome)) => {
                if let Some(event) = self.outcome_event(pid, ended.service, &outcome) {
                    self.feed(now, event);
                }
            }
            (Kind::Probe, Some(Outcome::Failed(stage, error))) => {
                output = self.setup_text(ended.service, Purpose::Probe, stage, &error);
            }
            (Kind::Hook(hook), Some(Outcome::Failed(stage, error))) => {
                output = self.setup_text(ended.service, Purpose::Hook(hook), stage, &error);
            }
            (Kind::Main | Kind::Probe | Kind::Hook(_), _) => {}
        }
        if ended.kind == Kind::Main {
            self.pipes.ended(ended.service);
        }
        let group_left = ended.kind == Kind::Main && process::group_exists(pid);
        if group_left {
            self.groups.push(pid);
        }
        let oom =
            ended.kind == Kind::Main && status == Status::Signal(Signal::KILL.number()) && self.oom.risen();
        let status = match status {
            Status::Code(code) => ExitStatus::Code(code),
            Status::Signal(number) => ExitStatus::Signal(number),
        };
        self.feed(now, Event::Exited { pid: Pid(pid), status, group_left, oom, output });
        true
    }

    /// What a probe or a hook has to say whose program could not be executed.
    fn setup_text(&self, service: usize, purpose: Purpose, stage: Stage, error: &std::io::Error) -> Vec<u8> {
        let service = self.services.get(service);
        service
            .map(|service| launch::setup_error(service, purpose, stage, error).message)
            .unwrap_or_default()
            .into_bytes()
    }
}
