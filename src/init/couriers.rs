//! The queue of signals that a child of rinit sends, and that child: see `sys::courier`.
//!
//! One child runs at a time, so that signals arrive in the order in which they were decided. It takes everything that waits,
//! up to `courier::MOST` signals, and reports the result of each. A child that makes no progress for [`LIMIT`] is killed, and
//! the next child goes on with the rest. It is not known whether the signal that the child was about to send was sent.
//! SIGKILL, SIGSTOP and SIGCONT are then sent again, once, since that does no harm. Others are not, and rinit says so.
//!
//! Where no child can be made, rinit tries again every [`RETRY`], for as long as [`LIMIT`]. What it can send without another
//! user it sends at once. Then it refuses everything that waits.
//!
//! When [`MOST_WAITING`] signals wait, further ones are refused.

#![forbid(unsafe_code)]

use super::queue::{Message, Queue};
use crate::model::Signal;
use crate::supervisor::{Notice, Pid, ServiceId, Supervisor, Time};
use crate::sys::courier::{self, Courier, Errand, Means};
use crate::sys::{caps, process};
use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::time::Duration;

/// How long a child may make no progress. The supervisor waits longer for the end of a killed process, so that it learns
/// before whether SIGKILL was sent, be it at the second attempt.
pub const LIMIT: Duration = Duration::from_millis(250);

/// How often to try where no child can be made.
pub const RETRY: Duration = Duration::from_millis(50);

/// Maximum number of waiting signals.
pub const MOST_WAITING: usize = 1 << 15;

/// Maximum number of killed children that have not ended. While there are as many, no further child is started.
const MOST_KILLED: usize = 8;

/// A child, and what it sends.
struct Running {
    courier: Courier,
    /// Messages without a result yet, in order.
    messages: VecDeque<Message>,
    /// Messages that it could not send.
    failed: Vec<(Message, io::Error)>,
    deadline: Time,
}

/// No child can be made.
#[derive(Clone, Copy)]
struct Failing {
    since: Time,
    /// When to try again.
    again: Time,
    /// There are messages of which it was not tried whether they need another user.
    has_new: bool,
}

/// What comes of messages for which no child could be made.
pub(super) enum Unstarted {
    /// They wait again.
    Waits,
    /// They are refused.
    Refused(VecDeque<Message>, io::Error),
}

/// Signals that are waiting or being sent by a child.
pub struct Couriers {
    pub(super) means: Means,
    /// Nobody whom rinit makes can become another user.
    users_are_fixed: bool,
    /// Tests have nothing sent.
    send_as_self: fn(&[Errand]) -> Vec<bool>,
    running: Option<Running>,
    /// Children that were killed at the limit and have not ended.
    killed: BTreeSet<i32>,
    waiting: Queue,
    /// The message at which a child was interrupted, and which waits again.
    interrupted: Option<Message>,
    /// No child could be made.
    failing: Option<Failing>,
    /// Groups that were signalled with success, where that does not tell whether each member was reached.
    unproven: Vec<(Message, Pid)>,
    /// Services that a signal could not be sent to since `forget_refused`.
    refused: BTreeSet<ServiceId>,
    /// The processes of no service could not be signalled.
    pub(super) rest_refused: bool,
}

impl Couriers {
    pub fn new() -> Couriers {
        Couriers {
            means: courier::means(),
            users_are_fixed: caps::own().is_ok_and(|own| own.no_new_privileges),
            send_as_self: courier::send_as_self,
            running: None,
            killed: BTreeSet::new(),
            waiting: Queue::default(),
            interrupted: None,
            failing: None,
            unproven: Vec::new(),
            refused: BTreeSet::new(),
            rest_refused: false,
        }
    }

    /// Whether this child sends signals, or did before it was killed.
    pub fn is_courier(&self, pid: i32) -> bool {
        self.running.as_ref().is_some_and(|running| running.courier.pid == pid) || self.killed.contains(&pid)
    }

    /// Whether there is a child that sends signals, or did before it was killed.
    pub fn is_at_work(&self) -> bool {
        self.running.is_some() || !self.killed.is_empty()
    }

    /// Whether a signal for this process is waiting or being sent.
    pub fn has_for(&self, pid: Pid) -> bool {
        self.unsent().any(|message| message.to.is_some_and(|(to, _)| to == pid))
    }

    /// Whether SIGKILL for what the notice is about is waiting or being sent.
    pub fn has_to_kill(&self, supervisor: &Supervisor, notice: &Notice) -> bool {
        let whose = |pid| supervisor.processes().whose(pid).map(|process| process.service);
        let mut kills = self.unsent().filter(|message| message.signal == Signal::KILL);
        match notice {
            Notice::Killed(id, _) | Notice::Unkillable(id) => {
                kills.any(|message| message.to.and_then(|(pid, _)| whose(pid)) == Some(*id))
            }
            Notice::RestKilled => kills.any(|message| message.to.is_none()),
            _ => false,
        }
    }

    fn unsent(&self) -> impl Iterator<Item = &Message> {
        let running = self.running.iter().flat_map(|running| &running.messages);
        let unproven = self.unproven.iter().map(|(message, _)| message);
        running.chain(self.waiting.messages()).chain(unproven)
    }

    /// A signal to a group has reached one member at least. Without the capabilities KILL and SETUID others may be out of
    /// rinit's reach, if a program has changed its user: a set-user-ID program, say. That is looked at once for all signals of
    /// a turn, since it takes reading all of `/proc`.
    pub(super) fn prove_later(&mut self, message: Message, leader: Pid) {
        if self.means == Means::Own && !self.users_are_fixed {
            self.unproven.push((message, leader));
        }
    }

    /// The messages of which it has to be looked whether they have reached the whole group, and its leader.
    pub(super) fn take_unproven(&mut self) -> Vec<(Message, Pid)> {
        std::mem::take(&mut self.unproven)
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
        if self.waiting.len() >= MOST_WAITING && !self.waiting.contains(&message) {
            return Err(io::Error::other(format!("{MOST_WAITING} signals wait to be sent")));
        }
        self.waiting.push(message);
        if let Some(failing) = &mut self.failing {
            failing.has_new = true;
        }
        Ok(())
    }

    /// Takes the next messages if no child is at work, and if there is something to be tried. Messages without an errand,
    /// because the target is gone, are dropped.
    pub(super) fn next_batch(
        &mut self,
        now: Time,
        mut errand: impl FnMut(&Message) -> Option<Errand>,
    ) -> Option<(VecDeque<Message>, Vec<Errand>)> {
        let (mut messages, mut errands) = (VecDeque::new(), Vec::new());
        if self.failing.is_some_and(|failing| now < failing.again && !failing.has_new) {
            return None;
        }
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

    /// Starts a child that sends these messages.
    pub(super) fn start(
        &mut self,
        now: Time,
        messages: VecDeque<Message>,
        errands: &[Errand],
    ) -> Result<(), Unstarted> {
        let failing = self.failing.filter(|failing| now < failing.again);
        let error = match (failing, self.killed.len()) {
            (Some(_), _) => None,
            (None, MOST_KILLED..) => Some(io::Error::other("the processes that are to send it do not end")),
            (None, _) => match courier::send(errands) {
                Ok(courier) => {
                    let deadline = now.saturating_add(LIMIT);
                    self.running = Some(Running { courier, messages, failed: Vec::new(), deadline });
                    self.failing = None;
                    return Ok(());
                }
                Err(error) => Some(error),
            },
        };
        let since = self.failing.map_or(now, |failing| failing.since);
        let again = failing.map_or(now.saturating_add(RETRY), |failing| failing.again);
        let done = (self.send_as_self)(errands);
        let left = messages.into_iter().zip(done).filter(|(_, is_done)| !is_done).map(|(message, _)| message);
        let mut left: VecDeque<Message> = left.collect();
        match error {
            Some(error) if since.saturating_add(LIMIT) <= now => {
                left.extend(self.waiting.take());
                self.failing = None;
                Err(Unstarted::Refused(left, error))
            }
            _ => {
                self.waiting.put_before(left);
                self.failing = Some(Failing { since, again, has_new: false });
                Err(Unstarted::Waits)
            }
        }
    }

    /// What waits was tried.
    pub(super) fn tried(&mut self) {
        if self.waiting.len() == 0 {
            self.failing = None;
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
        self.close(running, "the process that was to send it ended too early")
    }

    /// When the child must have made progress, or when to try again to make one.
    pub fn deadline(&self) -> Option<Time> {
        self.running.as_ref().map(|running| running.deadline).or(self.failing.map(|failing| failing.again))
    }

    /// rinit has overslept, and the child perhaps too: it gets the whole limit again.
    pub fn overslept(&mut self, now: Time) {
        if let Some(running) = &mut self.running {
            running.deadline = now.saturating_add(LIMIT);
        }
        self.failing = self.failing.map(|failing| Failing { since: now, again: now, ..failing });
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
        self.close(running, "the process that was to send it hung, and was killed")
    }

    /// For tests: whether a child can be made.
    #[cfg(test)]
    pub(super) fn allow_children(&mut self, allow: bool) {
        self.killed = (i32::MIN..).take(if allow { 0 } else { MOST_KILLED }).collect();
    }

    /// For tests: all recipients are other users' processes, as it were.
    #[cfg(test)]
    pub(super) fn need_children(&mut self) {
        self.send_as_self = |errands| vec![false; errands.len()];
    }

    fn close(&mut self, mut running: Running, why: &str) -> Vec<(Message, io::Error)> {
        running.read();
        let next = running.messages.front().copied();
        let again = next.filter(|it| courier::is_repeatable(it.signal));
        let before = std::mem::replace(&mut self.interrupted, again);
        if let Some(message) = next
            && (again.is_none() || again == before)
        {
            self.interrupted = None;
            running.messages.pop_front();
            running.failed.push((message, io::Error::new(io::ErrorKind::Interrupted, why)));
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervisor::Scope;
    use crate::sys::courier::Recipients;
    use crate::sys::proc_fs::Identity;
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

    fn waiting(couriers: &Couriers) -> Vec<Message> {
        couriers.waiting.messages().copied().collect()
    }

    #[test]
    fn the_order_holds_where_a_child_has_left_signals() {
        let mut couriers = Couriers::new();
        let [first, go_on, stop] = [Signal::TERM, Signal::CONT, Signal::STOP].map(|it| message(1, it));
        let other = message(2, Signal::CONT);
        couriers.push(stop).unwrap();
        running(&mut couriers, 7, &[], &[first, go_on, other]);
        couriers.ended(7);
        assert_eq!(waiting(&couriers), [other, stop]);
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
        assert_eq!(couriers.deadline(), Some(SECOND + LIMIT));
        assert!(couriers.has_for(Pid(3)) && !couriers.has_for(Pid(2)));
        let unsent: Vec<Message> = couriers.expire(SECOND + LIMIT).into_iter().map(|(it, _)| it).collect();
        assert_eq!((unsent, couriers.deadline()), (vec![first, third], None));
        assert_eq!(waiting(&couriers), [fifth, fourth], "once, as decided last");
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
        assert_eq!(waiting(&couriers), [third]);
    }

    #[test]
    fn a_child_that_is_killed_at_a_kill_has_it_sent_again_once() {
        let mut couriers = Couriers::new();
        let (kill, second) = (message(1, Signal::KILL), message(2, Signal::TERM));
        running(&mut couriers, 7, &[], &[kill, second]);
        assert!(couriers.ended(7).is_empty());
        assert_eq!(waiting(&couriers), [kill, second]);
        couriers.waiting = Queue::default();
        running(&mut couriers, 8, &[], &[kill, second]);
        let unsent: Vec<Message> = couriers.ended(8).into_iter().map(|(it, _)| it).collect();
        assert_eq!((unsent, waiting(&couriers)), (vec![kill], vec![second]));
    }

    #[test]
    fn what_rinit_has_slept_through_is_no_delay() {
        let mut couriers = Couriers::new();
        running(&mut couriers, 7, &[], &[message(1, Signal::TERM)]);
        couriers.overslept(5 * SECOND);
        assert!(couriers.expire(5 * SECOND).is_empty());
        assert_eq!(couriers.deadline(), Some(5 * SECOND + LIMIT));
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
        assert_eq!(couriers.waiting.len(), MOST_WAITING);
        let (messages, errands) = couriers
            .next_batch(SECOND, |message| {
                let (pid, _) = message.to?;
                let to = Recipients::Processes(vec![Identity { pid: pid.0, started: None }]);
                // Every second target has ended.
                (pid.0 % 2 == 0).then_some(Errand { to, signal: message.signal })
            })
            .unwrap();
        assert_eq!((messages.len(), errands.len()), (courier::MOST, courier::MOST));
        // The first one has moved to the end.
        assert!(messages.iter().zip(1..).all(|(it, n)| *it == message(2 * n, Signal::TERM)));
    }

    #[test]
    fn children_that_do_not_end_are_few() {
        let mut couriers = Couriers::new();
        couriers.allow_children(false);
        couriers.need_children();
        let (first, second) = (message(1, Signal::TERM), message(2, Signal::TERM));
        let to = Recipients::Processes(vec![Identity { pid: 1, started: None }]);
        let errands = [Errand { to, signal: Signal::TERM }];
        let result = couriers.start(SECOND, [first].into(), &errands);
        assert!(matches!(result, Err(Unstarted::Waits)) && waiting(&couriers) == [first]);
        assert_eq!(couriers.deadline(), Some(SECOND + RETRY));
        couriers.push(second).unwrap();
        couriers.waiting.pop();
        let result = couriers.start(SECOND + LIMIT, [first].into(), &errands);
        let Err(Unstarted::Refused(refused, _)) = result else { panic!("they are not refused") };
        assert_eq!((refused, waiting(&couriers)), ([first, second].into(), vec![]), "all that wait");
        assert_eq!(couriers.deadline(), None);
    }
}
