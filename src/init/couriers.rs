//! The queue of signals that a child of rinit sends, and that child: see `sys::courier`.
//!
//! One child runs at a time, so that signals arrive in the order in which they were decided. It takes everything that waits,
//! up to `courier::MOST` signals, and reports the result of each. A child that makes no progress for [`LIMIT`] is killed, and
//! the next child goes on with the rest. It is not known whether the signal that the child was about to send was sent.
//! SIGKILL, SIGSTOP and SIGCONT are then sent again, once, since that does no harm. Others are not, and rinit says so.
//!
//! Where no child can be made, rinit tries again for as long as [`LIMIT`].
//!
//! Signals wait as they do in the kernel: each one once for a process or group, real-time signals each time, and SIGCONT
//! cancels those that stop, and they cancel SIGCONT. A signal that waits already moves to the end, because what the
//! supervisor has decided last counts. When [`MOST_WAITING`] signals wait, further ones are refused.

#![forbid(unsafe_code)]

use crate::model::Signal;
use crate::supervisor::{Notice, Pid, Scope, ServiceId, Supervisor, Time};
use crate::sys::courier::{self, Courier, Errand, Means};
use crate::sys::process;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::time::Duration;

/// How long a child may make no progress. The supervisor waits longer for the end of a killed process, so that it learns
/// before whether SIGKILL was sent, be it at the second attempt.
pub const LIMIT: Duration = Duration::from_millis(250);

/// When to try again where no child could be made.
const RETRY: Duration = Duration::from_millis(50);

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

/// Messages in order.
#[derive(Default)]
struct Queue {
    order: BTreeMap<u64, Message>,
    /// Where those are that wait once.
    places: BTreeMap<Message, u64>,
    next: u64,
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
    running: Option<Running>,
    /// Children that were killed at the limit and have not ended.
    killed: BTreeSet<i32>,
    waiting: Queue,
    /// The message at which a child was interrupted, and which waits again.
    interrupted: Option<Message>,
    /// Since when no child could be made, and when to try again.
    failing: Option<(Time, Time)>,
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
            interrupted: None,
            failing: None,
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
        running.chain(self.waiting.order.values())
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
        if self.waiting.order.len() >= MOST_WAITING && !self.waiting.places.contains_key(&message) {
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

    /// Starts a child that sends these messages.
    pub(super) fn start(
        &mut self,
        now: Time,
        messages: VecDeque<Message>,
        errands: &[Errand],
    ) -> Result<(), Unstarted> {
        let made = match self.killed.len() {
            MOST_KILLED.. => Err(io::Error::other("the processes that are to send it do not end")),
            _ => courier::send(errands),
        };
        match made {
            Ok(courier) => {
                let deadline = now.saturating_add(LIMIT);
                self.running = Some(Running { courier, messages, failed: Vec::new(), deadline });
                self.failing = None;
                Ok(())
            }
            Err(error) => {
                let since = self.failing.map_or(now, |(since, _)| since);
                self.failing = Some((since, now.saturating_add(RETRY)));
                if now < since.saturating_add(LIMIT) {
                    self.waiting.put_before(messages);
                    return Err(Unstarted::Waits);
                }
                Err(Unstarted::Refused(messages, error))
            }
        }
    }

    /// Everything that waited was tried.
    pub(super) fn tried(&mut self) {
        if self.waiting.order.is_empty() {
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
        self.running.as_ref().map(|running| running.deadline).or(self.failing.map(|(_, again)| again))
    }

    /// rinit has overslept, and the child perhaps too: it gets the whole limit again.
    pub fn overslept(&mut self, now: Time) {
        if let Some(running) = &mut self.running {
            running.deadline = now.saturating_add(LIMIT);
        }
        self.failing = self.failing.map(|_| (now, now));
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

    /// For tests: no child can be made.
    #[cfg(test)]
    pub(super) fn make_none(&mut self) {
        self.killed = (i32::MIN..).take(MOST_KILLED).collect();
    }

    fn close(&mut self, mut running: Running, why: &str) -> Vec<(Message, io::Error)> {
        running.read();
        let next = running.messages.front().copied();
        let again = next.filter(|it| matches!(it.signal, Signal::KILL | Signal::STOP | Signal::CONT));
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

impl Queue {
    fn push(&mut self, message: Message) {
        let cancelled: &[Signal] = match message.signal {
            Signal::CONT => &STOPPING,
            signal if STOPPING.contains(&signal) => &[Signal::CONT],
            _ => &[],
        };
        let same = (!message.signal.is_real_time()).then_some(message.signal);
        for signal in same.iter().chain(cancelled) {
            if let Some(place) = self.places.remove(&Message { signal: *signal, ..message }) {
                self.order.remove(&place);
            }
        }
        if same.is_some() {
            self.places.insert(message, self.next);
        }
        self.order.insert(self.next, message);
        self.next = self.next.saturating_add(1);
    }

    fn pop(&mut self) -> Option<Message> {
        let (_, message) = self.order.pop_first()?;
        self.places.remove(&message);
        Some(message)
    }

    fn put_before(&mut self, messages: impl IntoIterator<Item = Message>) {
        let later = std::mem::take(self);
        messages.into_iter().chain(later.order.into_values()).for_each(|message| self.push(message));
    }
}

/// Signals that stop a process.
const STOPPING: [Signal; 4] = [Signal::STOP, Signal::TSTP, Signal::TTIN, Signal::TTOU];

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

    fn waiting(couriers: &Couriers) -> Vec<Message> {
        couriers.waiting.order.values().copied().collect()
    }

    /// What waits after these signals to one process, behind a child that is at work.
    fn after(signals: &[Signal]) -> Vec<Signal> {
        let mut couriers = Couriers::new();
        running(&mut couriers, 7, &[], &[message(1, Signal::STOP)]);
        for signal in signals {
            couriers.push(message(1, *signal)).unwrap();
        }
        waiting(&couriers).iter().map(|message| message.signal).collect()
    }

    #[test]
    fn the_last_of_stop_and_go_on_is_the_one_that_counts() {
        const STOP: Signal = Signal::STOP;
        const CONT: Signal = Signal::CONT;
        const TERM: Signal = Signal::TERM;
        assert_eq!(after(&[CONT, STOP, CONT]), [CONT]);
        assert_eq!(after(&[CONT, STOP]), [STOP]);
        assert_eq!(after(&[Signal::TSTP, Signal::TTIN, Signal::TTOU, STOP, CONT]), [CONT]);
        assert_eq!(after(&[CONT, STOP, TERM, CONT]), [TERM, CONT]);
        assert_eq!(after(&[TERM, CONT, STOP, TERM, CONT]), [TERM, CONT]);
        assert_eq!(after(&[TERM, CONT, Signal::KILL]), [TERM, CONT, Signal::KILL]);
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

    #[test]
    fn each_real_time_signal_is_sent() {
        let signal = Signal::new(40).unwrap();
        assert_eq!(after(&[signal, Signal::HUP, signal, Signal::HUP]), [signal, signal, Signal::HUP]);
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
        // The first one has moved to the end.
        assert!(messages.iter().zip(1..).all(|(it, n)| *it == message(2 * n, Signal::TERM)));
    }

    #[test]
    fn children_that_do_not_end_are_few() {
        let mut couriers = Couriers::new();
        couriers.make_none();
        let messages = VecDeque::from([message(1, Signal::TERM)]);
        let result = couriers.start(SECOND, messages.clone(), &[]);
        assert!(matches!(result, Err(Unstarted::Waits)) && messages == waiting(&couriers));
        assert_eq!(couriers.deadline(), Some(SECOND + RETRY));
        let result = couriers.start(SECOND + LIMIT, messages.clone(), &[]);
        assert!(matches!(result, Err(Unstarted::Refused(refused, _)) if refused == messages));
    }
}
