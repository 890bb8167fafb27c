//! Signals that wait for a child that sends them.
//!
//! They wait as they do in the kernel: each one once for a process or group, real-time signals each time, and SIGCONT
//! cancels those that stop, and they cancel SIGCONT. A signal that waits already moves to the end, because what the
//! supervisor has decided last counts.

#![forbid(unsafe_code)]

use crate::model::Signal;
use crate::supervisor::{Pid, Scope};
use std::collections::BTreeMap;

/// A signal for a process or group; without `to`, for all processes of no service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::init) struct Message {
    pub to: Option<(Pid, Scope)>,
    pub signal: Signal,
}

/// Messages in order.
#[derive(Default)]
pub(in crate::init) struct Queue {
    order: BTreeMap<u64, Message>,
    /// Where those are that wait once.
    places: BTreeMap<Message, u64>,
    next: u64,
}

impl Queue {
    pub(in crate::init) fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether a signal that waits once waits.
    pub(in crate::init) fn contains(&self, message: &Message) -> bool {
        self.places.contains_key(message)
    }

    pub(in crate::init) fn messages(&self) -> impl Iterator<Item = &Message> {
        self.order.values()
    }

    /// Puts a message at the end.
    pub(in crate::init) fn push(&mut self, message: Message) {
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

    pub(in crate::init) fn pop(&mut self) -> Option<Message> {
        let (_, message) = self.order.pop_first()?;
        self.places.remove(&message);
        Some(message)
    }

    pub(in crate::init) fn put_before(&mut self, messages: impl IntoIterator<Item = Message>) {
        let later = self.take();
        messages.into_iter().chain(later).for_each(|message| self.push(message));
    }

    /// Takes all messages, in order.
    pub(in crate::init) fn take(&mut self) -> impl Iterator<Item = Message> + use<> {
        std::mem::take(self).order.into_values()
    }
}

/// Signals that stop a process.
const STOPPING: [Signal; 4] = [Signal::STOP, Signal::TSTP, Signal::TTIN, Signal::TTOU];

#[cfg(test)]
mod tests {
    use super::*;

    /// What waits after these signals to one process.
    fn after(signals: &[Signal]) -> Vec<Signal> {
        let mut queue = Queue::default();
        for signal in signals {
            queue.push(Message { to: Some((Pid(1), Scope::Process)), signal: *signal });
        }
        queue.messages().map(|message| message.signal).collect()
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
    fn each_real_time_signal_is_sent() {
        let signal = Signal::new(40).unwrap();
        assert_eq!(after(&[signal, Signal::HUP, signal, Signal::HUP]), [signal, signal, Signal::HUP]);
    }
}
