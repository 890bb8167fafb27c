//! Sends the signals that the supervisor decides on, and tells it which could not be sent.
//!
//! Where rinit has the capability SETUID but not KILL, a child sends signals to processes of other users: see `senders`.

#![forbid(unsafe_code)]

pub(super) mod queue;
mod received;
pub(super) mod senders;
pub(super) mod terminal;

use super::children::owner::Owner;
use super::executor::{Executor, Rest};
use super::output::OUTPUT;
use crate::model::text::{cause, escaped};
use crate::model::{LOGGER_NAME, Signal};
use crate::supervisor::{Event, Pid, Reach, Scope, ServiceId, Supervisor, Time};
use crate::sys::proc_fs::{self, Identity};
use crate::sys::process;
use crate::sys::signal_sender::{Delivery, Means, Recipients};
use queue::Message;
use senders::Unstarted;
use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::time::Duration;

/// Added to the message where the kernel refuses a signal.
const HINT: &str = "(that takes the capability KILL)";

impl Executor {
    /// Sends a signal that the supervisor has not decided on, and tells it if that fails.
    pub fn signal(&mut self, now: Time, pid: Pid, scope: Scope, signal: Signal) {
        let mut events: VecDeque<Event> = self.send(pid, scope, signal).into_iter().collect();
        self.dispatch(now, &mut events);
        for event in events {
            self.feed(now, event);
        }
    }

    /// Sends a signal, unless the target is known to be gone. A signal for a child to send is queued until `dispatch`.
    pub(super) fn send(&mut self, pid: Pid, scope: Scope, signal: Signal) -> Option<Event> {
        let Some(target) = self.supervisor.processes().target(pid, scope) else {
            log::debug!("{signal} is not sent: process {} has ended", pid.0);
            return None;
        };
        if matches!(signal, Signal::TSTP | Signal::CONT) && self.supervisor.main_process() == Some(pid) {
            self.terminal.sent(signal);
        }
        self.signal_senders.about_to_send(pid, signal);
        let message = Message { to: Some((pid, scope)), signal };
        let is_group = !matches!(target.reach(), Reach::Process(_));
        if self.signal_senders.means == Means::ByChild && is_group {
            // kill(2) succeeds if it reaches one member, so let the child signal the group as each of its users.
            return self.hand_over(message);
        }
        let sent = match at_present(target.reach()) {
            Reach::Process(pid) => process::kill(pid.0, signal),
            Reach::Group(leader) => process::kill_group(leader.0, signal),
            Reach::GroupOf(_, leader) | Reach::GroupLeft(leader) => {
                process::kill_group_left(leader.0, signal)
            }
        };
        match sent {
            Ok(()) => {
                match target.reach() {
                    Reach::Process(_) => {}
                    Reach::Group(leader) | Reach::GroupOf(_, leader) | Reach::GroupLeft(leader) => {
                        self.signal_senders.prove_later(message, leader);
                    }
                }
                None
            }
            Err(e)
                if e.kind() == io::ErrorKind::PermissionDenied
                    && self.signal_senders.means == Means::ByChild =>
            {
                self.hand_over(message)
            }
            Err(e) => self.refuse(&message, &e),
        }
    }

    fn hand_over(&mut self, message: Message) -> Option<Event> {
        let error = self.signal_senders.push(message).err()?;
        self.refuse(&message, &error)
    }

    /// Starts a child for the queued signals, if none is at work. Signals that cannot be sent become events.
    pub(super) fn dispatch(&mut self, now: Time, events: &mut VecDeque<Event>) {
        if self.rest == Some(Rest::Killed) && self.signal_senders.hurry(now) {
            self.kill_without_child();
        }
        let mut left = VecDeque::new();
        let mut refused = Vec::new();
        while let Some((messages, deliveries)) =
            self.signal_senders.next_batch(now, |message| delivery(&self.supervisor, self.rest, message))
        {
            match self.signal_senders.start(now, messages, &deliveries) {
                Ok(()) => break,
                Err(Unstarted::Waits(messages)) => left.extend(messages),
                Err(Unstarted::Refused(messages, error)) => refused.push((messages, error)),
            }
        }
        self.signal_senders.tried(left);
        for (messages, error) in refused {
            events.extend(messages.iter().filter_map(|message| self.refuse(message, &error)));
        }
    }

    /// Sends each SIGKILL that takes no other user. The child is left to send the others.
    fn kill_without_child(&mut self) {
        let delivery = |message: &Message| delivery(&self.supervisor, self.rest, message);
        let kills = self.signal_senders.kills().into_iter();
        let (messages, deliveries): (VecDeque<Message>, Vec<Delivery>) =
            kills.filter_map(|message| Some((message, delivery(&message)?))).unzip();
        let all: BTreeSet<Message> = messages.iter().copied().collect();
        let left: BTreeSet<Message> =
            self.signal_senders.send_what_needs_no_child(messages, &deliveries).into_iter().collect();
        self.signal_senders.forget_waiting(|message| all.contains(message) && !left.contains(message));
    }

    /// Looks whether the groups that were signalled in this turn were reached as a whole, and tells the supervisor which were
    /// not. Called once a turn, and for a client that is told whether its signals were sent: it reads all of `/proc`. Returns
    /// the services whose groups were not reached.
    pub fn prove(&mut self, now: Time) -> BTreeSet<ServiceId> {
        let unproven = self.signal_senders.take_unproven();
        if unproven.is_empty() {
            return BTreeSet::new();
        }
        self.signal_senders.forget_refused();
        let errors = proc_fs::unreachable(&unproven.iter().map(|(_, leader)| leader.0).collect());
        let (mut events, mut refused) = (Vec::new(), BTreeSet::new());
        for (message, leader) in unproven {
            let Some(error) = errors.get(&leader.0) else { continue };
            let whose = message.to.and_then(|(pid, _)| self.supervisor.processes().whose(pid));
            refused.extend(whose.map(|process| process.service));
            events.extend(self.refuse(&message, error));
        }
        for event in events {
            self.feed(now, event);
        }
        refused
    }

    /// A child that sends signals has ended.
    pub(super) fn signal_sender_ended(&mut self, now: Time, pid: i32) {
        let unsent = self.signal_senders.ended(now, pid);
        self.go_on(now, &unsent);
    }

    /// Kills the child that sends signals if it hangs.
    pub fn look_at_signal_sender(&mut self, now: Time) {
        let unsent = self.signal_senders.expire(now);
        self.go_on(now, &unsent);
    }

    fn go_on(&mut self, now: Time, unsent: &[(Message, io::Error)]) {
        let mut events: VecDeque<Event> =
            unsent.iter().filter_map(|(message, error)| self.refuse(message, error)).collect();
        self.dispatch(now, &mut events);
        for event in events {
            self.feed(now, event);
        }
    }

    /// The exit is due. Of each service it was told already.
    pub(super) fn tell_unsent(&self) {
        if self.signal_senders.kills().iter().any(|message| message.to.is_none()) {
            log::warn!("SIGKILL could not be sent in time: processes of no service are left");
        }
    }

    fn refuse(&mut self, message: &Message, error: &io::Error) -> Option<Event> {
        let Message { to, signal } = *message;
        let whose = to.and_then(|(pid, _)| self.supervisor.processes().whose(pid));
        let is_told = match to {
            Some(_) => whose.is_some_and(|it| self.signal_senders.is_refused(it.service)),
            None => self.signal_senders.rest_refused,
        };
        if signal == Signal::CONT && is_told {
            // It follows another signal, whose failure was told already.
            return None;
        }
        let hint = if error.kind() == io::ErrorKind::PermissionDenied { HINT } else { "" };
        let what = match error.kind() {
            io::ErrorKind::Interrupted => format!("it is not known whether {signal} was sent"),
            _ => format!("cannot send {signal}"),
        };
        let text = format!("{what}: {} {hint}", cause(error)).trim_end().to_owned();
        let Some((pid, _)) = to else {
            self.signal_senders.rest_refused = true;
            log::warn!("{text}: processes of no service are left");
            return None;
        };
        if let Some(process) = whose {
            let is_known = error.kind() != io::ErrorKind::Interrupted;
            self.signal_senders.note_refused(process.service, pid, signal, is_known);
        }
        Some(Event::NotSignalled { pid, signal, message: text })
    }

    /// Begins to terminate or kill all processes of no service.
    pub(super) fn rest(&mut self, how: Rest) -> Option<Event> {
        self.rest = Some(how);
        self.signal_senders.rest_refused = false;
        OUTPUT.make_no_relay();
        if process::has_no_child() && !proc_fs::is_anybody_left() {
            return Some(Event::NothingLeft);
        }
        self.look_at = Some(Duration::ZERO);
        match how {
            Rest::Terminated => {
                self.tell_rest();
                self.signal_rest(&[Signal::TERM, Signal::CONT]);
            }
            Rest::Killed => self.signal_rest(&[Signal::KILL]),
        }
        None
    }

    /// Logs which processes of no service rinit stops. Those that it has made for itself are not worth a word.
    fn tell_rest(&self) {
        let rest = proc_fs::rest(true);
        let is_told =
            |(pid, name): &(i32, &[u8])| self.owner(*pid) == Owner::Nobody && *name != LOGGER_NAME.as_bytes();
        let mut strangers = rest.names().filter(is_told);
        if let Some((pid, name)) = strangers.next() {
            let name = String::from_utf8_lossy(name);
            let (name, others) = (escaped(&name), strangers.count());
            match others {
                0 => log::info!("stopping a process of no service: pid {pid} ({name})"),
                _ => log::info!(
                    "stopping {} processes of no service: pid {pid} ({name}) and {others} more",
                    others.saturating_add(1)
                ),
            }
        } else if !proc_fs::is_mounted() && !self.has_helper() {
            log::info!("stopping processes of no service");
        }
    }

    /// Signals all processes of no service. Signals for a child to send are queued until `dispatch`.
    pub(super) fn signal_rest(&mut self, signals: &[Signal]) {
        let messages = signals.iter().map(|signal| Message { to: None, signal: *signal });
        match self.signal_senders.means {
            Means::ByChild => messages.for_each(|message| _ = self.hand_over(message)),
            Means::All | Means::Own => {
                let sent = proc_fs::rest(self.rest == Some(Rest::Terminated)).signal(signals);
                if let (Err(error), Some(message)) = (sent, messages.into_iter().next()) {
                    self.refuse(&message, &error);
                }
            }
        }
    }

    /// Kills the processes of no service again: some are new, or have become rinit's children.
    pub(super) fn kill_rest_again(&mut self, now: Time) {
        self.signal_rest(&[Signal::KILL]);
        self.go_on(now, &[]);
    }

    /// Logs at the start which services rinit cannot signal by itself.
    pub fn tell_means(&self) {
        let others = self.services.iter().filter(|service| super::launch::has_other_user(service));
        let names: Vec<&str> = others.map(|service| service.name.as_str()).collect();
        let names = names.join(", ");
        match self.signal_senders.means {
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

/// What is to be done for this message. `None`: the target has ended.
fn delivery(supervisor: &Supervisor, rest: Option<Rest>, message: &Message) -> Option<Delivery> {
    let to = match message.to {
        None => Recipients::Processes(proc_fs::rest(rest == Some(Rest::Terminated)).recipients()),
        Some((pid, scope)) => match at_present(supervisor.processes().target(pid, scope)?.reach()) {
            Reach::Process(pid) => Recipients::Processes(vec![Identity::of(pid.0)]),
            Reach::Group(leader) => Recipients::Group(Identity::of(leader.0)),
            Reach::GroupOf(_, leader) | Reach::GroupLeft(leader) => {
                Recipients::GroupLeft(Identity::of(leader.0))
            }
        },
    };
    Some(Delivery { to, signal: message.signal })
}

/// Resolves the group of a process that may have left it: the group that it leads now, else the process alone. Any other
/// group is not the service's.
fn at_present(reach: Reach) -> Reach {
    let Reach::GroupOf(pid, group) = reach else { return reach };
    match process::group_of(pid.0) {
        Some(now) if now == group.0 => reach,
        Some(now) if now == pid.0 => Reach::Group(pid),
        _ => Reach::Process(pid),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init::signalling::senders::{LIMIT, RETRY};
    use crate::supervisor::{Role, ServiceId};
    use crate::sys::poll::Poller;
    use crate::sys::signal_sender;
    use std::os::unix::process::CommandExt;
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Child, Command};

    const NOW: Time = Duration::ZERO;

    /// An executor whose children send signals, and the processes of two services.
    fn executor() -> (Executor, [(Child, Pid); 2]) {
        let mut executor = Executor::new(
            Supervisor::new(&[], Duration::ZERO),
            Vec::new(),
            crate::init::launch::Launcher::record(),
            Poller::new().unwrap(),
            crate::init::state::State::open(None, false),
        );
        executor.signal_senders.means = Means::ByChild;
        let processes = [0, 1].map(|service| {
            let child = Command::new("sleep").arg("1000").process_group(0).spawn().unwrap();
            let pid = Pid(i32::try_from(child.id()).unwrap());
            executor.supervisor.record(pid, ServiceId(service), Role::Main);
            (child, pid)
        });
        (executor, processes)
    }

    fn push(executor: &mut Executor, pid: Pid, signal: Signal) {
        executor.signal_senders.push(Message { to: Some((pid, Scope::Process)), signal }).unwrap();
    }

    #[test]
    fn one_who_has_ended_does_not_hold_up_the_signals_behind_it() {
        let (mut executor, [(mut first, pid), (mut second, other)]) = executor();
        for (pid, signal) in [(Pid(i32::MAX), Signal::TERM), (pid, Signal::TERM), (other, Signal::HUP)] {
            push(&mut executor, pid, signal);
        }
        let mut events = VecDeque::new();
        executor.dispatch(NOW, &mut events);
        assert!(events.is_empty() && !executor.signal_senders.has_for(Pid(i32::MAX)));
        assert!(executor.signal_senders.has_for(pid) && executor.signal_senders.has_for(other));
        assert_eq!(first.wait().unwrap().signal(), Some(Signal::TERM.number()));
        assert_eq!(second.wait().unwrap().signal(), Some(Signal::HUP.number()));
    }

    #[test]
    fn all_that_cannot_be_sent_is_told() {
        let (mut executor, processes) = executor();
        for pid in [processes[0].1, processes[1].1] {
            push(&mut executor, pid, Signal::TERM);
            push(&mut executor, pid, Signal::CONT);
        }
        executor.signal_senders.allow_children(false);
        executor.signal_senders.need_children();
        let mut events = VecDeque::new();
        executor.dispatch(NOW, &mut events);
        assert!(events.is_empty() && executor.signal_senders.has_for(processes[0].1), "it is tried again");
        assert!(executor.signal_senders.deadline().is_some_and(|at| at < LIMIT));
        executor.dispatch(LIMIT, &mut events);
        assert_eq!(executor.signal_senders.deadline(), None);
        let told: Vec<Pid> = events
            .iter()
            .filter_map(|event| match event {
                Event::NotSignalled { pid, .. } => Some(*pid),
                _ => None,
            })
            .collect();
        assert_eq!(told, [processes[0].1, processes[1].1]);
        assert!(
            executor.signal_senders.is_refused(ServiceId(0))
                && executor.signal_senders.is_refused(ServiceId(1))
        );
        for (mut child, _) in processes {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// A child gets a limited number of signals. Others may wait behind them.
    #[test]
    fn all_that_waits_is_tried_where_no_child_can_be_made() {
        let (mut executor, [(mut first, pid), (mut second, other)]) = executor();
        let signal = Signal::new(40).unwrap();
        (0..=signal_sender::MOST).for_each(|_| push(&mut executor, pid, signal));
        push(&mut executor, other, Signal::TERM);
        executor.signal_senders.allow_children(false);
        executor
            .signal_senders
            .need_children_but(|deliveries| deliveries.iter().map(|it| it.signal == Signal::TERM).collect());
        let mut events = VecDeque::new();
        executor.dispatch(NOW, &mut events);
        assert!(
            events.is_empty()
                && executor.signal_senders.has_for(pid)
                && !executor.signal_senders.has_for(other)
        );
        push(&mut executor, other, Signal::TERM);
        executor.dispatch(LIMIT, &mut events);
        let told = events.iter().filter(|it| matches!(it, Event::NotSignalled { pid: it, .. } if *it == pid));
        assert_eq!(told.count(), signal_sender::MOST + 1);
        assert!(!executor.signal_senders.has_for(pid) && !executor.signal_senders.has_for(other));
        for child in [&mut first, &mut second] {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// There is less time then than a child may take.
    #[test]
    fn at_the_end_of_the_stop_what_can_be_is_sent_without_a_child() {
        let (mut executor, [(mut first, pid), (mut second, other)]) = executor();
        executor.signal_senders.allow_children(false);
        for pid in [pid, other] {
            push(&mut executor, pid, Signal::KILL);
        }
        executor.rest = Some(Rest::Killed);
        executor.dispatch(NOW, &mut VecDeque::new());
        assert!(!executor.signal_senders.has_for(pid) && !executor.signal_senders.has_for(other));
        for child in [&mut first, &mut second] {
            assert_eq!(child.wait().unwrap().signal(), Some(Signal::KILL.number()));
        }
    }

    /// Each event that is fed could try once more.
    #[test]
    fn no_child_is_tried_again_before_its_time() {
        let (mut executor, [(mut first, pid), (mut second, other)]) = executor();
        executor.signal_senders.allow_children(false);
        executor.signal_senders.need_children();
        let mut events = VecDeque::new();
        push(&mut executor, pid, Signal::TERM);
        executor.dispatch(NOW, &mut events);
        executor.signal_senders.allow_children(true);
        push(&mut executor, other, Signal::HUP);
        executor.dispatch(RETRY - Duration::from_millis(1), &mut events);
        assert_eq!(executor.signal_senders.deadline(), Some(RETRY));
        executor.dispatch(RETRY, &mut events);
        assert_eq!(executor.signal_senders.deadline(), Some(RETRY + LIMIT));
        assert_eq!(first.wait().unwrap().signal(), Some(Signal::TERM.number()));
        assert_eq!(second.wait().unwrap().signal(), Some(Signal::HUP.number()));
        assert!(events.is_empty());
    }

    #[test]
    fn what_needs_no_other_user_is_sent_where_no_child_can_be_made() {
        let (mut executor, [(mut first, pid), (mut second, other)]) = executor();
        executor.signal_senders.allow_children(false);
        executor.signal(NOW, pid, Scope::Group, Signal::TERM);
        // Also what comes before the next try.
        executor.signal(NOW, other, Scope::Group, Signal::HUP);
        assert!(!executor.signal_senders.has_for(pid) && !executor.signal_senders.has_for(other));
        assert_eq!(first.wait().unwrap().signal(), Some(Signal::TERM.number()));
        assert_eq!(second.wait().unwrap().signal(), Some(Signal::HUP.number()));
        executor.look_at_signal_sender(RETRY);
        assert_eq!(executor.signal_senders.deadline(), None);
    }

    /// Each event of a turn may signal a group.
    #[test]
    fn groups_that_are_signalled_one_after_the_other_in_a_turn_are_looked_at_together() {
        let (mut executor, [(first, pid), (second, other)]) = executor();
        executor.signal_senders.means = Means::Own;
        for pid in [pid, other] {
            executor.signal(NOW, pid, Scope::Group, Signal::CONT);
        }
        assert!(executor.signal_senders.has_unproven() && !executor.signal_senders.is_to_send(pid));
        assert!(executor.prove(NOW).is_empty() && !executor.signal_senders.has_unproven());
        for mut child in [first, second] {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Reading `/proc` for each of many groups, or where nobody can have changed their user, would hold up the stop.
    #[test]
    fn whether_groups_were_reached_is_looked_at_once_and_where_it_can_be_in_doubt() {
        let (mut executor, [(first, pid), (second, other)]) = executor();
        for (means, unproven) in [(Means::All, 0), (Means::Own, 2)] {
            executor.signal_senders.means = means;
            for pid in [pid, other] {
                assert!(executor.send(pid, Scope::Group, Signal::CONT).is_none());
            }
            executor.send(pid, Scope::Process, Signal::CONT);
            assert_eq!(executor.signal_senders.take_unproven().len(), unproven);
        }
        for mut child in [first, second] {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}
