//! Tests of the queue and of the child, without rinit around them.

use super::*;
use crate::supervisor::{Event, Scope};
use crate::sys::proc_fs::Identity;
use crate::sys::signal_sender::{BEGUN, Recipients};
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

fn waiting(senders: &SignalSenders) -> Vec<Message> {
    senders.waiting.messages().copied().collect()
}

#[test]
fn the_order_holds_where_a_child_has_left_signals() {
    let mut senders = SignalSenders::new();
    let [first, go_on, stop] = [Signal::TERM, Signal::CONT, Signal::STOP].map(|it| message(1, it));
    let other = message(2, Signal::CONT);
    senders.push(stop).unwrap();
    running(&mut senders, 7, &[BEGUN], &[first, go_on, other]);
    senders.ended(SECOND, 7);
    assert_eq!(waiting(&senders), [other, stop]);
}

/// Pretends that a child with these results sends these messages.
fn running(senders: &mut SignalSenders, pid: i32, results: &[u8], messages: &[Message]) {
    let sender = SignalSender::told(pid, results);
    let messages = messages.iter().copied().collect();
    senders.begin(Duration::ZERO, sender, messages);
}

/// Without the processor a child gets nowhere.
#[test]
fn what_a_child_has_not_begun_is_sent_by_the_next_one() {
    let (child, pid) = sleeper();
    let mut senders = SignalSenders::new();
    let [first, second] = [1, 2].map(|pid| message(pid, Signal::TERM));
    for attempt in 0..5 {
        let now = attempt * LIMIT;
        running(&mut senders, pid, &[], &[first, second]);
        senders.overslept(now);
        assert!(senders.expire(now + LIMIT).is_empty());
        assert_eq!(waiting(&senders), [first, second]);
        senders.waiting = Queue::default();
    }
    end(child);
}

#[test]
fn children_that_end_at_once_are_made_again_after_a_pause_and_not_for_ever() {
    let mut senders = SignalSenders::new();
    senders.need_children();
    let term = message(1, Signal::TERM);
    let to = Recipients::Processes(vec![Identity { pid: 1, started: None }]);
    let delivery = |_: &Message| Some(Delivery { to: to.clone(), signal: Signal::TERM });
    for now in [Duration::ZERO, LIMIT - RETRY] {
        running(&mut senders, 7, &[], &[term]);
        senders.running.as_mut().unwrap().failing_since = Some(Duration::ZERO);
        assert!(senders.ended(now, 7).is_empty());
        assert_eq!((waiting(&senders), senders.deadline()), (vec![term], Some(now + RETRY)));
        assert!(senders.next_batch(now, delivery).is_none());
    }
    let (messages, deliveries) = senders.next_batch(LIMIT, delivery).unwrap();
    let result = senders.start(LIMIT, messages, &deliveries);
    assert!(matches!(result, Err(Unstarted::Refused(messages, _)) if messages == [term]));
}

#[test]
fn the_limits_fit_to_those_of_others() {
    assert!(LIMIT > crate::init::sleep::TOLERATED);
    let mut supervisor = Supervisor::new(&[], SECOND);
    for event in [Event::Boot, Event::StopRequested { signal: None }, Event::KillRequested] {
        supervisor.step(Duration::ZERO, event, &mut Vec::new());
    }
    assert!(supervisor.next_deadline().is_some_and(|exit| exit > 2 * LAST_LIMIT));
}

#[test]
fn a_child_that_does_not_get_on_is_killed_and_costs_one_signal() {
    let (child, pid) = sleeper();
    let mut senders = SignalSenders::new();
    let [first, second, third, fourth, fifth] = [1, 2, 3, 4, 5].map(|pid| message(pid, Signal::TERM));
    senders.push(fifth).unwrap();
    senders.push(fourth).unwrap();
    running(&mut senders, pid, &[BEGUN, 1, BEGUN, 0, BEGUN], &[first, second, third, fourth]);
    assert!(senders.expire(LIMIT / 2).is_empty());
    assert_eq!(senders.deadline(), Some(LIMIT));
    // It has got on since.
    assert!(senders.expire(LIMIT).is_empty());
    assert_eq!(senders.deadline(), Some(2 * LIMIT));
    assert!(senders.has_for(Pid(3)) && !senders.has_for(Pid(2)));
    let unsent: Vec<Message> = senders.expire(2 * LIMIT).into_iter().map(|(it, _)| it).collect();
    assert_eq!((unsent, senders.deadline()), (vec![first, third], None));
    assert_eq!(waiting(&senders), [fifth, fourth], "once, as decided last");
    assert!(senders.is_child(pid));
    assert!(senders.ended(SECOND, pid).is_empty() && !senders.is_child(pid));
    end(child);
}

#[test]
fn a_child_that_is_killed_costs_one_signal() {
    let mut senders = SignalSenders::new();
    let [first, second, third] = [1, 2, 3].map(|pid| message(pid, Signal::TERM));
    running(&mut senders, 7, &[BEGUN, 0, BEGUN], &[first, second, third]);
    assert!(senders.ended(SECOND, 8).is_empty());
    let unsent: Vec<Message> = senders.ended(SECOND, 7).into_iter().map(|(it, _)| it).collect();
    assert_eq!(unsent, [second]);
    assert_eq!(waiting(&senders), [third]);
}

#[test]
fn a_child_that_is_killed_at_a_kill_has_it_sent_again_once() {
    let mut senders = SignalSenders::new();
    let (kill, second) = (message(1, Signal::KILL), message(2, Signal::TERM));
    for bytes in [&[BEGUN][..], &[]] {
        running(&mut senders, 7, bytes, &[kill, second]);
        assert!(senders.ended(SECOND, 7).is_empty());
        assert_eq!(waiting(&senders), [kill, second]);
        senders.waiting = Queue::default();
    }
    running(&mut senders, 8, &[BEGUN], &[kill, second]);
    let unsent: Vec<Message> = senders.ended(SECOND, 8).into_iter().map(|(it, _)| it).collect();
    assert_eq!((unsent, waiting(&senders)), (vec![kill], vec![second]));
}

#[test]
fn at_the_end_of_the_stop_there_is_less_time() {
    let mut senders = SignalSenders::new();
    running(&mut senders, 7, &[], &[message(1, Signal::KILL)]);
    assert!(senders.hurry(SECOND) && !senders.hurry(SECOND + RETRY));
    assert_eq!(senders.deadline(), Some(SECOND + LAST_LIMIT));
}

#[test]
fn what_rinit_has_slept_through_is_no_delay() {
    let mut senders = SignalSenders::new();
    running(&mut senders, 7, &[], &[message(1, Signal::TERM)]);
    senders.overslept(5 * SECOND);
    assert!(senders.expire(5 * SECOND).is_empty());
    assert_eq!(senders.deadline(), Some(5 * SECOND + LIMIT));
}

#[test]
fn a_signal_waits_once_and_there_is_a_limit() {
    let mut senders = SignalSenders::new();
    for pid in (0..).take(MOST_WAITING) {
        senders.push(message(pid, Signal::TERM)).unwrap();
    }
    assert!(senders.push(message(0, Signal::TERM)).is_ok(), "it waits already");
    let error = senders.push(message(0, Signal::KILL)).unwrap_err();
    assert_eq!(error.to_string(), format!("{MOST_WAITING} signals wait to be sent"));
    assert_eq!(senders.waiting.len(), MOST_WAITING);
    let (messages, deliveries) = senders
        .next_batch(SECOND, |message| {
            let (pid, _) = message.to?;
            let to = Recipients::Processes(vec![Identity { pid: pid.0, started: None }]);
            // Every second target has ended.
            (pid.0 % 2 == 0).then_some(Delivery { to, signal: message.signal })
        })
        .unwrap();
    assert_eq!((messages.len(), deliveries.len()), (signal_sender::MOST, signal_sender::MOST));
    // The first one has moved to the end.
    assert!(messages.iter().zip(1..).all(|(it, n)| *it == message(2 * n, Signal::TERM)));
}

#[test]
fn children_that_do_not_end_are_few() {
    let mut senders = SignalSenders::new();
    senders.allow_children(false);
    senders.need_children();
    let (first, second) = (message(1, Signal::TERM), message(2, Signal::TERM));
    let to = Recipients::Processes(vec![Identity { pid: 1, started: None }]);
    let deliveries = [Delivery { to, signal: Signal::TERM }];
    let Err(Unstarted::Waits(left)) = senders.start(SECOND, [first].into(), &deliveries) else {
        panic!("it does not wait")
    };
    senders.tried(left);
    assert_eq!((waiting(&senders), senders.deadline()), (vec![first], Some(SECOND + RETRY)));
    senders.push(second).unwrap();
    let now = SECOND + LIMIT;
    senders.waiting.pop();
    for message in [first, second] {
        let result = senders.start(now, [message].into(), &deliveries);
        assert!(matches!(result, Err(Unstarted::Refused(refused, _)) if refused == [message]));
    }
    senders.waiting.pop();
    senders.tried(VecDeque::new());
    assert_eq!(senders.deadline(), None);
}
