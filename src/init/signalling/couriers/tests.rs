//! Tests of the queue and of the child, without rinit around them.

use super::*;
use crate::supervisor::{Event, Scope};
use crate::sys::courier::{BEGUN, Recipients};
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
    running(&mut couriers, 7, &[BEGUN], &[first, go_on, other]);
    couriers.ended(SECOND, 7);
    assert_eq!(waiting(&couriers), [other, stop]);
}

/// Pretends that a child with these results sends these messages.
fn running(couriers: &mut Couriers, pid: i32, results: &[u8], messages: &[Message]) {
    let courier = Courier::told(pid, results);
    let messages = messages.iter().copied().collect();
    couriers.begin(Duration::ZERO, courier, messages);
}

/// Without the processor a child gets nowhere.
#[test]
fn what_a_child_has_not_begun_is_sent_by_the_next_one() {
    let (child, pid) = sleeper();
    let mut couriers = Couriers::new();
    let [first, second] = [1, 2].map(|pid| message(pid, Signal::TERM));
    for attempt in 0..5 {
        let now = attempt * LIMIT;
        running(&mut couriers, pid, &[], &[first, second]);
        couriers.overslept(now);
        assert!(couriers.expire(now + LIMIT).is_empty());
        assert_eq!(waiting(&couriers), [first, second]);
        couriers.waiting = Queue::default();
    }
    end(child);
}

#[test]
fn children_that_end_at_once_are_made_again_after_a_pause_and_not_for_ever() {
    let mut couriers = Couriers::new();
    couriers.need_children();
    let term = message(1, Signal::TERM);
    let to = Recipients::Processes(vec![Identity { pid: 1, started: None }]);
    let errand = |_: &Message| Some(Errand { to: to.clone(), signal: Signal::TERM });
    for now in [Duration::ZERO, LIMIT - RETRY] {
        running(&mut couriers, 7, &[], &[term]);
        couriers.running.as_mut().unwrap().failing_since = Some(Duration::ZERO);
        assert!(couriers.ended(now, 7).is_empty());
        assert_eq!((waiting(&couriers), couriers.deadline()), (vec![term], Some(now + RETRY)));
        assert!(couriers.next_batch(now, errand).is_none());
    }
    let (messages, errands) = couriers.next_batch(LIMIT, errand).unwrap();
    let result = couriers.start(LIMIT, messages, &errands);
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
    let mut couriers = Couriers::new();
    let [first, second, third, fourth, fifth] = [1, 2, 3, 4, 5].map(|pid| message(pid, Signal::TERM));
    couriers.push(fifth).unwrap();
    couriers.push(fourth).unwrap();
    running(&mut couriers, pid, &[BEGUN, 1, BEGUN, 0, BEGUN], &[first, second, third, fourth]);
    assert!(couriers.expire(LIMIT / 2).is_empty());
    assert_eq!(couriers.deadline(), Some(LIMIT));
    // It has got on since.
    assert!(couriers.expire(LIMIT).is_empty());
    assert_eq!(couriers.deadline(), Some(2 * LIMIT));
    assert!(couriers.has_for(Pid(3)) && !couriers.has_for(Pid(2)));
    let unsent: Vec<Message> = couriers.expire(2 * LIMIT).into_iter().map(|(it, _)| it).collect();
    assert_eq!((unsent, couriers.deadline()), (vec![first, third], None));
    assert_eq!(waiting(&couriers), [fifth, fourth], "once, as decided last");
    assert!(couriers.is_courier(pid));
    assert!(couriers.ended(SECOND, pid).is_empty() && !couriers.is_courier(pid));
    end(child);
}

#[test]
fn a_child_that_is_killed_costs_one_signal() {
    let mut couriers = Couriers::new();
    let [first, second, third] = [1, 2, 3].map(|pid| message(pid, Signal::TERM));
    running(&mut couriers, 7, &[BEGUN, 0, BEGUN], &[first, second, third]);
    assert!(couriers.ended(SECOND, 8).is_empty());
    let unsent: Vec<Message> = couriers.ended(SECOND, 7).into_iter().map(|(it, _)| it).collect();
    assert_eq!(unsent, [second]);
    assert_eq!(waiting(&couriers), [third]);
}

#[test]
fn a_child_that_is_killed_at_a_kill_has_it_sent_again_once() {
    let mut couriers = Couriers::new();
    let (kill, second) = (message(1, Signal::KILL), message(2, Signal::TERM));
    for bytes in [&[BEGUN][..], &[]] {
        running(&mut couriers, 7, bytes, &[kill, second]);
        assert!(couriers.ended(SECOND, 7).is_empty());
        assert_eq!(waiting(&couriers), [kill, second]);
        couriers.waiting = Queue::default();
    }
    running(&mut couriers, 8, &[BEGUN], &[kill, second]);
    let unsent: Vec<Message> = couriers.ended(SECOND, 8).into_iter().map(|(it, _)| it).collect();
    assert_eq!((unsent, waiting(&couriers)), (vec![kill], vec![second]));
}

#[test]
fn at_the_end_of_the_stop_there_is_less_time() {
    let mut couriers = Couriers::new();
    running(&mut couriers, 7, &[], &[message(1, Signal::KILL)]);
    assert!(couriers.hurry(SECOND) && !couriers.hurry(SECOND + RETRY));
    assert_eq!(couriers.deadline(), Some(SECOND + LAST_LIMIT));
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
    let Err(Unstarted::Waits(left)) = couriers.start(SECOND, [first].into(), &errands) else {
        panic!("it does not wait")
    };
    couriers.tried(left);
    assert_eq!((waiting(&couriers), couriers.deadline()), (vec![first], Some(SECOND + RETRY)));
    couriers.push(second).unwrap();
    let now = SECOND + LIMIT;
    couriers.waiting.pop();
    for message in [first, second] {
        let result = couriers.start(now, [message].into(), &errands);
        assert!(matches!(result, Err(Unstarted::Refused(refused, _)) if refused == [message]));
    }
    couriers.waiting.pop();
    couriers.tried(VecDeque::new());
    assert_eq!(couriers.deadline(), None);
}
