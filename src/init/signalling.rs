//! Sends the signals that the supervisor decides on. What cannot be sent is told to it.
//!
//! Where rinit lacks the capability KILL and has SETUID, a child sends what is for others: see `sys::courier`. One child
//! at a time, so that signals arrive in the order in which they were sent.

#![forbid(unsafe_code)]

use super::executor::{Executor, Rest};
use super::output::OUTPUT;
use crate::model::Signal;
use crate::model::text::cause;
use crate::supervisor::{Event, Notice, Pid, Reach, Scope, ServiceId, Time};
use crate::sys::courier::{self, Means, Recipients};
use crate::sys::proc_fs;
use crate::sys::process::{self, Status};
use std::collections::VecDeque;
use std::io;
use std::time::Duration;

/// What is missing where a signal is refused.
const HINT: &str = "(that takes the capability KILL)";

/// Signals for a process or group; without one, for everybody left.
#[derive(Clone, Debug)]
struct Message {
    to: Option<(Pid, Scope)>,
    signals: Vec<Signal>,
}

/// Signals on their way.
pub struct Couriers {
    means: Means,
    /// The child that sends one of them.
    running: Option<(i32, Message)>,
    waiting: VecDeque<Message>,
    /// Services to whom a signal could not be sent since something was decided last.
    refused: Vec<ServiceId>,
    /// Everybody left could not be signalled.
    rest_refused: bool,
}

impl Couriers {
    pub fn new() -> Couriers {
        let (waiting, refused) = (VecDeque::new(), Vec::new());
        Couriers { means: courier::means(), running: None, waiting, refused, rest_refused: false }
    }

    /// Whether this child is one.
    pub fn is_courier(&self, pid: i32) -> bool {
        self.running.as_ref().is_some_and(|(running, _)| *running == pid)
    }

    /// Whether a signal for this process is on its way.
    pub fn has_for(&self, pid: Pid) -> bool {
        let running = self.running.iter().map(|(_, message)| message);
        running.chain(&self.waiting).any(|message| message.to.is_some_and(|(to, _)| to == pid))
    }

    /// Something new is about to be decided.
    pub fn forget_refused(&mut self) {
        self.refused.clear();
    }

    /// Whether that is so with this service.
    pub fn is_refused(&self, id: ServiceId) -> bool {
        self.refused.contains(&id)
    }

    /// Whether the notice says that a signal was sent which could not be.
    pub fn contradict(&self, notice: &Notice) -> bool {
        match notice {
            Notice::Signalled(id, ..) | Notice::Killed(id, _) => self.refused.contains(id),
            Notice::RestKilled => self.rest_refused,
            _ => false,
        }
    }
}

impl Executor {
    /// Sends a signal to whom it can reach; to nobody who is known to be gone.
    pub fn send(&mut self, pid: Pid, scope: Scope, signal: Signal) -> Option<Event> {
        let Some(target) = self.supervisor.processes().target(pid, scope) else {
            log::debug!("{signal} is not sent: process {} has ended", pid.0);
            return None;
        };
        if matches!(signal, Signal::TSTP | Signal::CONT) && self.supervisor.main_process() == Some(pid) {
            self.terminal.sent(signal);
        }
        let message = Message { to: Some((pid, scope)), signals: vec![signal] };
        let is_group = !matches!(target.reach(), Reach::Process(_));
        if self.couriers.means == Means::ByChild && is_group {
            // The kernel is content when one member was reached.
            return self.dispatch(Some(message));
        }
        let sent = match at_present(target.reach()) {
            Reach::Process(pid) => process::kill(pid.0, signal),
            Reach::Group(leader) => process::kill_group(leader.0, signal),
            Reach::GroupOf(_, leader) | Reach::GroupLeft(leader) => {
                process::kill_group_left(leader.0, signal)
            }
        };
        match sent {
            Ok(()) => None,
            Err(e)
                if e.kind() == io::ErrorKind::PermissionDenied && self.couriers.means == Means::ByChild =>
            {
                self.dispatch(Some(message))
            }
            Err(e) => self.refuse(&message, &e),
        }
    }

    /// A child that sends signals has ended.
    pub(super) fn courier_ended(&mut self, now: Time, status: Status) {
        let Some((_, message)) = self.couriers.running.take() else { return };
        let error = match status {
            Status::Code(0) => None,
            Status::Code(error) => Some(io::Error::from_raw_os_error(error)),
            Status::Signal(_) => Some(io::Error::other("the process that was to send it was killed")),
        };
        let refused = error.and_then(|error| self.refuse(&message, &error));
        let next = self.dispatch(None);
        for event in refused.into_iter().chain(next) {
            self.feed(now, event);
        }
    }

    /// Has a child send a message, or the next one that waits, as soon as there is none that sends another one.
    fn dispatch(&mut self, message: Option<Message>) -> Option<Event> {
        self.couriers.waiting.extend(message);
        while self.couriers.running.is_none() {
            let message = self.couriers.waiting.pop_front()?;
            let to = match message.to {
                None => Recipients::Processes(proc_fs::rest(self.rest == Some(Rest::Terminated)).pids),
                Some((pid, scope)) => {
                    match at_present(self.supervisor.processes().target(pid, scope)?.reach()) {
                        Reach::Process(pid) => Recipients::Processes(vec![pid.0]),
                        Reach::Group(leader) | Reach::GroupOf(_, leader) | Reach::GroupLeft(leader) => {
                            Recipients::Group(leader.0)
                        }
                    }
                }
            };
            match courier::send(&to, &message.signals) {
                Ok(pid) => self.couriers.running = Some((pid, message)),
                Err(e) => return self.refuse(&message, &e),
            }
        }
        None
    }

    fn refuse(&mut self, message: &Message, error: &io::Error) -> Option<Event> {
        let signal = *message.signals.first()?;
        let whose = message.to.and_then(|(pid, _)| self.supervisor.processes().whose(pid));
        if signal == Signal::CONT && whose.is_some_and(|it| self.couriers.is_refused(it.service)) {
            // It only follows another one, of which that is told.
            return None;
        }
        let hint = if error.kind() == io::ErrorKind::PermissionDenied { HINT } else { "" };
        let text = format!("cannot send {signal}: {} {hint}", cause(error)).trim_end().to_owned();
        let Some((pid, _)) = message.to else {
            self.couriers.rest_refused = true;
            log::warn!("{text}: processes of no service are left");
            return None;
        };
        self.couriers.refused.extend(whose.map(|it| it.service));
        Some(Event::NotSignalled { pid, message: text })
    }

    /// Everything that belongs to no service is to go.
    pub(super) fn rest(&mut self, how: Rest) -> Option<Event> {
        self.rest = Some(how);
        OUTPUT.make_no_relay();
        if process::has_no_child() && !proc_fs::is_anybody_left() {
            return Some(Event::NothingLeft);
        }
        let signals = match how {
            Rest::Terminated => {
                log::info!("stopping processes of no service");
                vec![Signal::TERM, Signal::CONT]
            }
            Rest::Killed => vec![Signal::KILL],
        };
        self.look_at = Some(Duration::ZERO);
        match self.couriers.means {
            Means::ByChild => self.dispatch(Some(Message { to: None, signals })),
            Means::All | Means::Own => {
                let error = proc_fs::rest(how == Rest::Terminated).signal(&signals).err()?;
                self.refuse(&Message { to: None, signals }, &error)
            }
        }
    }

    /// Says at the start which services are out of reach.
    pub fn tell_means(&self) {
        let others = self.services.iter().filter(|service| super::launch::has_other_user(service));
        let names: Vec<&str> = others.map(|service| service.name.as_str()).collect();
        let names = names.join(", ");
        match self.couriers.means {
            _ if names.is_empty() => {}
            Means::All => {}
            Means::ByChild => log::info!(
                "rinit lacks the capability KILL: a process that takes the user of the service sends the signals to {names}"
            ),
            Means::Own => log::warn!(
                "rinit lacks the capabilities KILL and SETUID: it cannot signal services of other users: {names}"
            ),
        }
    }
}

/// Who is meant by the group of a process that may have left it: the group that it leads now, if it does, or else the
/// process alone. Other groups are not its own.
fn at_present(reach: Reach) -> Reach {
    let Reach::GroupOf(pid, group) = reach else { return reach };
    match process::group_of(pid.0) {
        Some(now) if now == group.0 => reach,
        Some(now) if now == pid.0 => Reach::Group(pid),
        _ => Reach::Process(pid),
    }
}
