//! The queue of signals that a child of rinit sends, and that child: see `sys::signal_sender`.
//!
//! One child runs at a time, so that signals arrive in the order in which they were decided. It takes everything that waits,
//! up to `signal_sender::MOST` signals. It reports the begin and the result of each. A child that makes no progress for
//! [`LIMIT`] is killed, and the next child goes on with the rest. A signal that the child has not begun is certainly not
//! sent. It is not known whether a signal was sent that the child has begun and not finished. SIGKILL, SIGSTOP and SIGCONT
//! are then sent again, once, since that does no harm. Others are not, and rinit says so.
//!
//! If no child can be started, or children end before they begin anything, rinit tries again every [`RETRY`], for as long
//! as [`LIMIT`]. It sends at once what it can send as its own user. After [`LIMIT`] it refuses everything that waits.
//!
//! At the end of the stop, when everything was killed, there is less time: [`LAST_LIMIT`] replaces [`LIMIT`], and rinit
//! first sends what it can without a child.
//!
//! When [`MOST_WAITING`] signals wait, further ones are refused.

#![forbid(unsafe_code)]

use super::queue::{Message, Queue};
use crate::init::output::narrate::Kill;
use crate::model::Signal;
use crate::supervisor::{Notice, Pid, ServiceId, Supervisor, Time};
use crate::sys::signal_sender::{self, Delivery, Means, SignalSender, Told};
use crate::sys::{caps, process};
use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::time::Duration;

/// How long a child may make no progress. With a small share of the processor (Kubernetes: `cpu: 50m`) it may take a second
/// until a child runs at all. It is longer than a freeze that is not noticed (`sleep::TOLERATED`), in which no child runs.
pub const LIMIT: Duration = Duration::from_secs(2);

/// The same after everything was killed. Two of them fit into the time between that and the exit, so that a child that hangs
/// leaves time for another one.
pub const LAST_LIMIT: Duration = Duration::from_millis(140);

/// How often to try where no child can be made.
pub const RETRY: Duration = Duration::from_millis(50);

/// Maximum number of waiting signals.
pub const MOST_WAITING: usize = 1 << 15;

/// Maximum number of killed children that have not ended. While there are as many, no further child is started.
const MOST_KILLED: usize = 8;

/// Why what waits is refused where children end at once: a seccomp profile kills them, say.
const ENDS: &str = "the processes that are to send it end before they begin";

/// A child, and what it sends.
struct Running {
    sender: SignalSender,
    /// Messages without a result yet, in order.
    messages: VecDeque<Message>,
    /// It has begun the first of these.
    has_begun: bool,
    /// It has told something.
    has_told: bool,
    /// The same since its deadline was set.
    has_news: bool,
    /// Messages that it could not send.
    failed: Vec<(Message, io::Error)>,
    deadline: Time,
    /// Since when the children before it have failed, or none could be made.
    failing_since: Option<Time>,
}

/// No child can be made, or none gets to work.
#[derive(Clone, Copy)]
struct Failing {
    since: Time,
    /// When to try again.
    again: Time,
    /// There are messages of which it was not tried whether they need another user.
    has_new: bool,
    /// Children are made, but end before they begin anything.
    ends: bool,
}

/// What comes of messages for which no child could be made, but for those that rinit could send itself.
pub(in crate::init) enum Unstarted {
    /// They are to wait again, when the others have been tried as well.
    Waits(VecDeque<Message>),
    /// They are refused.
    Refused(VecDeque<Message>, io::Error),
}

/// Signals that are waiting or being sent by a child.
pub struct SignalSenders {
    pub(in crate::init) means: Means,
    /// Nobody whom rinit makes can become another user.
    users_are_fixed: bool,
    /// Tests have nothing sent.
    send_as_self: fn(&[Delivery]) -> Vec<bool>,
    /// How long a child may make no progress now.
    limit: Duration,
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
    /// Processes of which it is not known whether SIGKILL was sent to them, when it was to be sent last.
    in_doubt: BTreeSet<Pid>,
    /// The processes of no service could not be signalled.
    pub(in crate::init) rest_refused: bool,
}

impl SignalSenders {
    pub fn new() -> SignalSenders {
        SignalSenders {
            means: signal_sender::means(),
            users_are_fixed: caps::own().is_ok_and(|own| own.no_new_privileges),
            send_as_self: signal_sender::send_as_self,
            limit: LIMIT,
            running: None,
            killed: BTreeSet::new(),
            waiting: Queue::default(),
            interrupted: None,
            failing: None,
            unproven: Vec::new(),
            refused: BTreeSet::new(),
            in_doubt: BTreeSet::new(),
            rest_refused: false,
        }
    }

    /// Whether this child sends signals, or did before it was killed.
    pub fn is_child(&self, pid: i32) -> bool {
        self.running.as_ref().is_some_and(|running| running.sender.pid == pid) || self.killed.contains(&pid)
    }

    /// Whether there is a child that sends signals, or did before it was killed.
    pub fn is_at_work(&self) -> bool {
        self.running.is_some() || !self.killed.is_empty()
    }

    /// Whether a signal for this process is waiting or being sent.
    #[cfg(test)]
    pub fn has_for(&self, pid: Pid) -> bool {
        self.unsent().any(|message| message.to.is_some_and(|(to, _)| to == pid))
    }

    /// Whether a signal for this process is waiting or being sent.
    pub fn is_to_send(&self, pid: Pid) -> bool {
        let running = self.running.iter().flat_map(|running| &running.messages);
        let mut messages = running.chain(self.waiting.messages());
        messages.any(|message| message.to.is_some_and(|(to, _)| to == pid))
    }

    /// Whether it is to be looked whether signalled groups were reached.
    pub fn has_unproven(&self) -> bool {
        !self.unproven.is_empty()
    }

    /// What has become of SIGKILL for what the notice is about.
    pub fn kill_for(&mut self, supervisor: &Supervisor, notice: &Notice) -> Kill {
        let whose = |pid| supervisor.processes().whose(pid).map(|process| process.service);
        self.in_doubt.retain(|pid| whose(*pid).is_some());
        if let Some(running) = &mut self.running {
            running.read();
        }
        // What it could not send is told when it ends, or another child sends it.
        let failed = self.running.iter().flat_map(|running| &running.failed).map(|(message, _)| message);
        let mut kills = self.unsent().chain(failed).filter(|message| message.signal == Signal::KILL);
        let waits = match notice {
            Notice::Killed(id, _) | Notice::Unkillable(id) => {
                kills.any(|message| message.to.and_then(|(pid, _)| whose(pid)) == Some(*id))
            }
            Notice::RestKilled => kills.any(|message| message.to.is_none()),
            _ => false,
        };
        let Notice::Unkillable(id) = notice else {
            return if waits { Kill::Waits } else { Kill::Sent };
        };
        match supervisor.kill_refusal(*id) {
            _ if !waits && self.in_doubt.iter().any(|pid| whose(*pid) == Some(*id)) => Kill::Unknown,
            Some(_) => Kill::Refused,
            None if waits => Kill::Waits,
            None => Kill::Sent,
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
    pub(in crate::init) fn prove_later(&mut self, message: Message, leader: Pid) {
        if self.means == Means::Own && !self.users_are_fixed {
            self.unproven.push((message, leader));
        }
    }

    /// The messages of which it has to be looked whether they have reached the whole group, and its leader.
    pub(in crate::init) fn take_unproven(&mut self) -> Vec<(Message, Pid)> {
        std::mem::take(&mut self.unproven)
    }

    /// Called before the supervisor decides anew.
    pub fn forget_refused(&mut self) {
        self.refused.clear();
    }

    /// A signal could not be sent to this process of a service, or it is not known whether it was.
    pub(in crate::init) fn note_refused(&mut self, id: ServiceId, pid: Pid, signal: Signal, is_known: bool) {
        self.refused.insert(id);
        if signal == Signal::KILL && is_known {
            self.in_doubt.remove(&pid);
        } else if signal == Signal::KILL {
            self.in_doubt.insert(pid);
        }
    }

    /// A signal is about to be sent to this process: what comes of it counts, and not what came of the one before.
    pub(in crate::init) fn about_to_send(&mut self, pid: Pid, signal: Signal) {
        if signal == Signal::KILL {
            self.in_doubt.remove(&pid);
        }
    }

    /// A process was made, and has the number of one that has ended perhaps.
    pub(in crate::init) fn made(&mut self, pid: Pid) {
        self.in_doubt.remove(&pid);
    }

    /// Whether a signal could not be sent to a process of this service.
    pub fn is_refused(&self, id: ServiceId) -> bool {
        self.refused.contains(&id)
    }

    /// Whether the notice claims that a signal was sent which could not be.
    pub fn contradict(&self, notice: &Notice) -> bool {
        match notice {
            Notice::Signalled(id, ..) | Notice::Killed(id, _) => self.is_refused(*id),
            Notice::RestKilled => self.rest_refused,
            _ => false,
        }
    }

    /// Queues a message.
    pub(in crate::init) fn push(&mut self, message: Message) -> io::Result<()> {
        if self.waiting.len() >= MOST_WAITING && !self.waiting.contains(&message) {
            return Err(io::Error::other(format!("{MOST_WAITING} signals wait to be sent")));
        }
        self.waiting.push(message);
        if let Some(failing) = &mut self.failing {
            failing.has_new = true;
        }
        Ok(())
    }

    /// Takes the next messages if no child is at work, and if there is something to be tried. Messages without an delivery,
    /// because the target is gone, are dropped.
    pub(in crate::init) fn next_batch(
        &mut self,
        now: Time,
        mut delivery: impl FnMut(&Message) -> Option<Delivery>,
    ) -> Option<(VecDeque<Message>, Vec<Delivery>)> {
        let (mut messages, mut deliveries) = (VecDeque::new(), Vec::new());
        if self.failing.is_some_and(|failing| now < failing.again && !failing.has_new) {
            return None;
        }
        while self.running.is_none()
            && deliveries.len() < signal_sender::MOST
            && let Some(message) = self.waiting.pop()
        {
            if let Some(delivery) = delivery(&message) {
                messages.push_back(message);
                deliveries.push(delivery);
            }
        }
        (!deliveries.is_empty()).then_some((messages, deliveries))
    }

    /// Starts a child that sends these messages.
    pub(in crate::init) fn start(
        &mut self,
        now: Time,
        messages: VecDeque<Message>,
        deliveries: &[Delivery],
    ) -> Result<(), Unstarted> {
        let before = self.failing;
        let is_over = |failing: Failing| failing.since.saturating_add(self.limit) <= now;
        let error = match (before, self.killed.len()) {
            (Some(failing), _) if now < failing.again => None,
            (Some(failing), _) if failing.ends && is_over(failing) => Some(io::Error::other(ENDS)),
            (_, MOST_KILLED..) => Some(io::Error::other("the processes that are to send it do not end")),
            (_, _) => match signal_sender::send(deliveries) {
                Ok(sender) => {
                    self.begin(now, sender, messages);
                    return Ok(());
                }
                Err(error) => Some(error),
            },
        };
        let new = Failing { since: now, again: now, has_new: true, ends: false };
        let mut failing = Failing { has_new: true, ..before.unwrap_or(new) };
        let error = error.filter(|_| is_over(failing));
        if error.is_none() && failing.again <= now {
            failing.again = now.saturating_add(RETRY);
        }
        self.failing = Some(failing);
        let left = self.send_what_needs_no_child(messages, deliveries);
        Err(match error {
            Some(error) => Unstarted::Refused(left, error),
            None => Unstarted::Waits(left),
        })
    }

    fn begin(&mut self, now: Time, sender: SignalSender, messages: VecDeque<Message>) {
        self.running = Some(Running {
            sender,
            messages,
            has_begun: false,
            has_told: false,
            has_news: false,
            failed: Vec::new(),
            deadline: now.saturating_add(self.limit),
            failing_since: self.failing.take().map(|failing| failing.since),
        });
    }

    /// Returns the messages that are left.
    pub(in crate::init) fn send_what_needs_no_child(
        &self,
        messages: VecDeque<Message>,
        deliveries: &[Delivery],
    ) -> VecDeque<Message> {
        let done = (self.send_as_self)(deliveries);
        messages.into_iter().zip(done).filter(|(_, is_done)| !is_done).map(|(message, _)| message).collect()
    }

    /// All that waits was tried, and this is left of it.
    pub(in crate::init) fn tried(&mut self, left: VecDeque<Message>) {
        self.waiting.put_before(left);
        match &mut self.failing {
            Some(_) if self.waiting.len() == 0 => self.failing = None,
            Some(failing) => failing.has_new = false,
            None => {}
        }
    }

    /// Everything is killed, and the exit is near. Whether that is new.
    pub(in crate::init) fn hurry(&mut self, now: Time) -> bool {
        let is_new = std::mem::replace(&mut self.limit, LAST_LIMIT) != LAST_LIMIT;
        if let Some(running) = self.running.as_mut().filter(|_| is_new) {
            running.deadline = running.deadline.min(now.saturating_add(LAST_LIMIT));
        }
        is_new
    }

    /// All SIGKILL that are not known to be sent.
    pub(in crate::init) fn kills(&self) -> VecDeque<Message> {
        self.unsent().filter(|message| message.signal == Signal::KILL).copied().collect()
    }

    /// These need not wait any more.
    pub(in crate::init) fn forget_waiting(&mut self, sent: impl Fn(&Message) -> bool) {
        let waiting: VecDeque<Message> = self.waiting.take().filter(|message| !sent(message)).collect();
        self.waiting.put_before(waiting);
    }

    /// A child has ended. Returns what could not be sent, with the message that it was at if it ended early. The messages
    /// behind that one wait again.
    pub(in crate::init) fn ended(&mut self, now: Time, pid: i32) -> Vec<(Message, io::Error)> {
        if self.killed.remove(&pid) {
            return Vec::new();
        }
        let Some(mut running) = self.running.take_if(|running| running.sender.pid == pid) else {
            return Vec::new();
        };
        running.read();
        if !running.has_told {
            // Without a pause children would be made, and end, all the time.
            let since = running.failing_since.unwrap_or(now);
            let again = now.saturating_add(RETRY);
            self.failing = Some(Failing { since, again, has_new: false, ends: true });
        }
        self.close(running, "the process that was to send it ended too early")
    }

    /// When the child must have made progress, or when to try again to make one.
    pub fn deadline(&self) -> Option<Time> {
        self.running.as_ref().map(|running| running.deadline).or(self.failing.map(|failing| failing.again))
    }

    /// rinit has overslept, and the child perhaps too: it gets the whole limit again.
    pub fn overslept(&mut self, now: Time) {
        if let Some(running) = &mut self.running {
            running.deadline = now.saturating_add(self.limit);
        }
        self.failing = self.failing.map(|failing| Failing { since: now, again: now, ..failing });
    }

    /// If the deadline has come, kills a child without progress and returns what could not be sent.
    pub(in crate::init) fn expire(&mut self, now: Time) -> Vec<(Message, io::Error)> {
        let Some(running) = self.running.as_mut().filter(|running| running.deadline <= now) else {
            return Vec::new();
        };
        running.read();
        if std::mem::take(&mut running.has_news) {
            running.deadline = now.saturating_add(self.limit);
            return Vec::new();
        }
        let Some(running) = self.running.take() else { return Vec::new() };
        // Its real and saved user are rinit's, so this needs no capability.
        let _ = process::kill(running.sender.pid, Signal::KILL);
        self.killed.insert(running.sender.pid);
        self.close(running, "the process that was to send it hung, and was killed")
    }

    /// For tests: whether a child can be made.
    #[cfg(test)]
    pub(in crate::init) fn allow_children(&mut self, allow: bool) {
        self.killed = (i32::MIN..).take(if allow { 0 } else { MOST_KILLED }).collect();
    }

    /// For tests: all recipients are other users' processes, as it were.
    #[cfg(test)]
    pub(in crate::init) fn need_children(&mut self) {
        self.need_children_but(|deliveries| vec![false; deliveries.len()]);
    }

    /// For tests: all of which this is not true.
    #[cfg(test)]
    pub(in crate::init) fn need_children_but(&mut self, send_as_self: fn(&[Delivery]) -> Vec<bool>) {
        self.send_as_self = send_as_self;
    }

    fn close(&mut self, mut running: Running, why: &str) -> Vec<(Message, io::Error)> {
        running.read();
        if let Some(message) = running.messages.front().copied().filter(|_| running.has_begun) {
            let again = Some(message).filter(|it| signal_sender::is_repeatable(it.signal));
            let before = std::mem::replace(&mut self.interrupted, again);
            if again.is_none() || again == before {
                self.interrupted = None;
                running.messages.pop_front();
                running.failed.push((message, io::Error::new(io::ErrorKind::Interrupted, why)));
            }
        }
        self.waiting.put_before(running.messages);
        running.failed
    }
}

impl Running {
    /// Reads what it has told.
    fn read(&mut self) {
        for told in self.sender.news() {
            (self.has_told, self.has_news) = (true, true);
            self.has_begun = matches!(told, Told::Begun);
            let Told::Done(result) = told else { continue };
            if let (Some(message), Err(error)) = (self.messages.pop_front(), result) {
                self.failed.push((message, error));
            }
        }
    }
}

#[cfg(test)]
mod tests;
