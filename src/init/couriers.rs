//! The queue of signals that a child of rinit sends, and that child: see `sys::courier`.
//!
//! One child runs at a time, so that signals arrive in the order in which they were decided. It takes everything that waits,
//! up to `courier::MOST` signals, and reports the result of each. A child that makes no progress for [`LIMIT`] is killed: the
//! signal that it was about to send counts as not sent, and the next child goes on with the rest.
//!
//! A signal that already waits for a process or group is not queued again; the kernel treats pending signals in the same way.
//! When [`MOST_WAITING`] signals wait, further ones are refused.

#![forbid(unsafe_code)]

use crate::model::Signal;
use crate::supervisor::{Notice, Pid, Scope, ServiceId, Supervisor, Time};
use crate::sys::courier::{self, Courier, Errand, Means};
use crate::sys::process;
use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::time::Duration;

/// How long a child may make no progress.
pub const LIMIT: Duration = Duration::from_secs(1);

/// Maximum number of waiting signals.
pub const MOST_WAITING: usize = 1 << 15;

/// Maximum number of killed children that have not ended. While there are as many, no further child is started.
const MOST_KILLED: usize = 8;

/// A signal for a process or group; without `to`, for all processes of no service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Message {
    pub to: Option<(Pid, Scope)>,
    pub signal: Signal,
}

/// A child, and what it sends.
struct Running {
    courier: Courier,
    /// Messages without a result yet, in order.
    messages: VecDeque<Message>,
    /// Messages that it could not send.
    failed: Vec<(Message, io::Error)>,
    deadline: Time,
}

/// Messages in order, without duplicates.
#[derive(Default)]
struct Queue {
    order: VecDeque<Message>,
    all: BTreeSet<Message>,
}

/// Signals that are waiting or being sent by a child.
pub struct Couriers {
    pub(super) means: Means,
    running: Option<Running>,
    /// Children that were killed at the limit and have not ended.
    killed: BTreeSet<i32>,
    waiting: Queue,
    /// Services that a signal could not be sent to since `forget_refused`.
    refused: BTreeSet<ServiceId>,
    /// The processes of no service could not be signalled.
    pub(super) rest_refused: bool,
}

impl Couriers {
    pub fn new() -> Couriers {
        Couriers {
            means: courier::means(),
            running: None,
            killed: BTreeSet::new(),
            waiting: Queue::default(),
            refused: BTreeSet::new(),
            rest_refused: false,
        }
    }

    /// Whether this child sends signals, or did before it was killed.
    pub fn is_courier(&self, pid: i32) -> bool {
        self.running.as_ref().is_some_and(|running| running.courier.pid == pid) || self.killed.contains(&pid)
    }

    /// Whether a signal for this process is waiting or being sent.
    pub fn has_for(&self, pid: Pid) -> bool {
        let running = self.running.iter().flat_map(|running| &running.messages);
        running.chain(&self.waiting.order).any(|message| message.to.is_some_and(|(to, _)| to == pid))
    }

    /// Called before the supervisor decides anew.
    pub fn forget_refused(&mut self) {
        self.refused.clear();
    }

    /// A signal could not be sent to a process of this service.
    pub(super) fn note_refused(&mut self, id: ServiceId) {
        self.refused.insert(id);
    }

    /// Whether a signal could not be sent to a process of this service.
    pub fn is_refused(&self, id: ServiceId) -> bool {
        self.refused.contains(&id)
    }

    /// Whether the notice claims that a signal was sent which could not be. The same for SIGKILL where the signal before it
    /// could not be sent: a child has yet to send it.
    pub fn contradict(&self, supervisor: &Supervisor, notice: &Notice) -> bool {
        match notice {
            Notice::Killed(id, _) if supervisor.refusal(*id).is_some() => true,
            Notice::Signalled(id, ..) | Notice::Killed(id, _) => self.is_refused(*id),
            Notice::RestKilled => self.rest_refused,
            _ => false,
        }
    }

    /// Queues a message.
    pub(super) fn push(&mut self, message: Message) -> io::Result<()> {
        if self.waiting.all.len() >= MOST_WAITING && !self.waiting.all.contains(&message) {
            return Err(io::Error::other(format!("{MOST_WAITING} signals wait to be sent")));
        }
        self.waiting.push(message);
        Ok(())
    }

    /// Takes the next messages if no child is at work. Messages without an errand, because the target is gone, are dropped.
    pub(super) fn next_batch(
        &mut self,
        mut errand: impl FnMut(&Message) -> Option<Errand>,
    ) -> Option<(VecDeque<Message>, Vec<Errand>)> {
        let (mut messages, mut errands) = (VecDeque::new(), Vec::new());
        while self.running.is_none()
            && errands.len() < courier::MOST
            && let Some(message) = self.waiting.pop()
        {
            if let Some(errand) = errand(&message) {
                messages.push_back(message);
                errands.push(errand);
            }
        }
        (!errands.is_empty()).then_some((messages, errands))
    }

    /// Starts a child that sends these messages. Returns them if it cannot be started.
    pub(super) fn start(
        &mut self,
        now: Time,
        messages: VecDeque<Message>,
        errands: &[Errand],
    ) -> Result<(), (VecDeque<Message>, io::Error)> {
        let made = match self.killed.len() {
            MOST_KILLED.. => Err(io::Error::other("the processes that are to send it do not end")),
            _ => courier::send(errands),
        };
        match made {
            Ok(courier) => {
                let deadline = now.saturating_add(LIMIT);
                self.running = Some(Running { courier, messages, failed: Vec::new(), deadline });
                Ok(())
            }
            Err(error) => Err((messages, error)),
        }
    }

    /// A child has ended. Returns what could not be sent, with the message that it was at if it ended early. The messages
    /// behind that one wait again.
    pub(super) fn ended(&mut self, pid: i32) -> Vec<(Message, io::Error)> {
        if self.killed.remove(&pid) {
            return Vec::new();
        }
        let Some(running) = self.running.take_if(|running| running.courier.pid == pid) else {
            return Vec::new();
        };
        self.close(running, || io::Error::other("the process that was to send it ended too early"))
    }

    /// When the child must have made progress.
    pub fn deadline(&self) -> Option<Time> {
        self.running.as_ref().map(|running| running.deadline)
    }

    /// rinit has overslept, and the child perhaps too: it gets the whole limit again.
    pub fn overslept(&mut self, now: Time) {
        if let Some(running) = &mut self.running {
            running.deadline = now.saturating_add(LIMIT);
        }
    }

    /// If the deadline has come, kills a child without progress and returns what could not be sent.
    pub(super) fn expire(&mut self, now: Time) -> Vec<(Message, io::Error)> {
        let Some(running) = self.running.as_mut().filter(|running| running.deadline <= now) else {
            return Vec::new();
        };
        if running.read() {
            running.deadline = now.saturating_add(LIMIT);
            return Vec::new();
        }
        let Some(running) = self.running.take() else { return Vec::new() };
        // Its real and saved user are rinit's, so this needs no capability.
        let _ = process::kill(running.courier.pid, Signal::KILL);
        self.killed.insert(running.courier.pid);
        self.close(running, || io::Error::other("the process that was to send it hung, and was killed"))
    }

    /// For tests: no child can be made.
    #[cfg(test)]
    pub(super) fn make_none(&mut self) {
        self.killed = (i32::MIN..).take(MOST_KILLED).collect();
    }

    fn close(&mut self, mut running: Running, why: impl Fn() -> io::Error) -> Vec<(Message, io::Error)> {
        running.read();
        let next = running.messages.pop_front().map(|message| (message, why()));
        running.failed.extend(next);
        self.waiting.put_before(running.messages);
        running.failed
    }
}

impl Running {
    /// Reads the results of its messages. Whether there were any.
    fn read(&mut self) -> bool {
        let results = self.courier.results();
        let has_news = !results.is_empty();
        for result in results {
            if let (Some(message), Err(error)) = (self.messages.pop_front(), result) {
                self.failed.push((message, error));
            }
        }
        has_news
    }
}

impl Queue {
    fn push(&mut self, message: Message) {
        if self.all.insert(message) {
            self.order.push_back(message);
        }
    }

    fn pop(&mut self) -> Option<Message> {
        let message = self.order.pop_front()?;
        self.all.remove(&message);
        Some(message)
    }

    fn put_before(&mut self, messages: impl IntoIterator<Item = Message>) {
        let later = std::mem::take(self);
        messages.into_iter().chain(later.order).for_each(|message| self.push(message));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::courier::Recipients;
    use std::process::{Child, Command};

    const SECOND: Duration = Duration::from_secs(1);

    fn message(pid: i32, signal: Signal) -> Message {
        Message { to: Some((Pid(pid), Scope::Process)), signal }
    }

    /// A process that does nothing, and its number.
    fn sleeper() -> (Child, i32) {
        let child = Command::new("sleep").arg("1000").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        (child, pid)
    }

    fn end(mut child: Child) {
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Pretends that a child with these results sends these messages.
    fn running(couriers: &mut Couriers, pid: i32, results: &[u8], messages: &[Message]) {
        let courier = Courier::told(pid, results);
        let messages = messages.iter().copied().collect();
        couriers.running = Some(Running { courier, messages, failed: Vec::new(), deadline: SECOND });
    }

    #[test]
    fn a_child_that_does_not_get_on_is_killed_and_costs_one_signal() {
        let (child, pid) = sleeper();
        let mut couriers = Couriers::new();
        let [first, second, third, fourth, fifth] = [1, 2, 3, 4, 5].map(|pid| message(pid, Signal::TERM));
        couriers.push(fifth).unwrap();
        couriers.push(fourth).unwrap();
        running(&mut couriers, pid, &[1, 0], &[first, second, third, fourth]);
        assert!(couriers.expire(SECOND / 2).is_empty());
        assert_eq!(couriers.deadline(), Some(SECOND));
        // It has got on since.
        assert!(couriers.expire(SECOND).is_empty());
        assert_eq!(couriers.deadline(), Some(2 * SECOND));
        assert!(couriers.has_for(Pid(3)) && !couriers.has_for(Pid(2)));
        let unsent: Vec<Message> = couriers.expire(2 * SECOND).into_iter().map(|(it, _)| it).collect();
        assert_eq!((unsent, couriers.deadline()), (vec![first, third], None));
        assert_eq!(couriers.waiting.order, [fourth, fifth], "in their order, and once");
        assert!(couriers.is_courier(pid));
        assert!(couriers.ended(pid).is_empty() && !couriers.is_courier(pid));
        end(child);
    }

    #[test]
    fn a_child_that_is_killed_costs_one_signal() {
        let mut couriers = Couriers::new();
        let [first, second, third] = [1, 2, 3].map(|pid| message(pid, Signal::TERM));
        running(&mut couriers, 7, &[0], &[first, second, third]);
        assert!(couriers.ended(8).is_empty());
        let unsent: Vec<Message> = couriers.ended(7).into_iter().map(|(it, _)| it).collect();
        assert_eq!(unsent, [second]);
        assert_eq!(couriers.waiting.order, [third]);
    }

    #[test]
    fn what_rinit_has_slept_through_is_no_delay() {
        let mut couriers = Couriers::new();
        running(&mut couriers, 7, &[], &[message(1, Signal::TERM)]);
        couriers.overslept(5 * SECOND);
        assert!(couriers.expire(5 * SECOND).is_empty());
        assert_eq!(couriers.deadline(), Some(6 * SECOND));
    }

    #[test]
    fn a_signal_waits_once_and_there_is_a_limit() {
        let mut couriers = Couriers::new();
        for pid in (0..).take(MOST_WAITING) {
            couriers.push(message(pid, Signal::TERM)).unwrap();
        }
        assert!(couriers.push(message(0, Signal::TERM)).is_ok(), "it waits already");
        let error = couriers.push(message(0, Signal::KILL)).unwrap_err();
        assert_eq!(error.to_string(), format!("{MOST_WAITING} signals wait to be sent"));
        assert_eq!(couriers.waiting.order.len(), MOST_WAITING);
        let (messages, errands) = couriers
            .next_batch(|message| {
                let (pid, _) = message.to?;
                // Every second target has ended.
                (pid.0 % 2 == 0)
                    .then(|| Errand { to: Recipients::Processes(vec![pid.0]), signal: message.signal })
            })
            .unwrap();
        assert_eq!((messages.len(), errands.len()), (courier::MOST, courier::MOST));
        assert!(messages.iter().zip(0..).all(|(it, n)| *it == message(2 * n, Signal::TERM)));
    }

    #[test]
    fn children_that_do_not_end_are_few() {
        let mut couriers = Couriers::new();
        couriers.make_none();
        let messages = VecDeque::from([message(1, Signal::TERM)]);
        assert!(couriers.start(SECOND, messages, &[]).is_err_and(|(messages, _)| messages.len() == 1));
    }
}
