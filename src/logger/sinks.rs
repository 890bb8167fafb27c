//! All destinations, by their numbers.

#![forbid(unsafe_code)]

use super::console::Console;
use super::losses::Losses;
use super::sink::Sink;
use crate::sys::stream::Number;
use std::collections::BTreeMap;

/// The number of a sink.
pub type SinkId = usize;

/// The sinks of the console, which are always there.
pub const STDOUT: SinkId = 0;
/// The other one.
pub const STDERR: SinkId = 1;

/// All of them.
pub struct Sinks {
    all: BTreeMap<SinkId, Box<dyn Sink>>,
    next: SinkId,
}

impl Sinks {
    pub fn new() -> Sinks {
        let console = |number| -> Box<dyn Sink> { Box::new(Console::new(number)) };
        let all = BTreeMap::from([(STDOUT, console(Number::Stdout)), (STDERR, console(Number::Stderr))]);
        Sinks { all, next: STDERR.saturating_add(1) }
    }

    pub fn get(&self, id: SinkId) -> Option<&dyn Sink> {
        self.all.get(&id).map(Box::as_ref)
    }

    pub fn get_mut(&mut self, id: SinkId) -> Option<&mut Box<dyn Sink>> {
        self.all.get_mut(&id)
    }

    pub fn iter(&self) -> impl Iterator<Item = &dyn Sink> {
        self.all.values().map(Box::as_ref)
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = (SinkId, &mut Box<dyn Sink>)> {
        self.all.iter_mut().map(|(id, sink)| (*id, sink))
    }

    pub fn add(&mut self, sink: Box<dyn Sink>) -> SinkId {
        let id = self.next;
        self.next = self.next.saturating_add(1);
        self.all.insert(id, sink);
        id
    }

    /// Nobody writes to it any more. What it could not deliver is lost.
    pub fn remove(&mut self, id: SinkId) -> Losses {
        match self.all.remove(&id) {
            Some(mut sink) => {
                sink.advance(std::time::Instant::now());
                sink.give_up();
                sink.take_lost()
            }
            None => Losses::default(),
        }
    }
}
