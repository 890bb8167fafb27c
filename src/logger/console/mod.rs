//! The driver `console`: lines to the container's standard output and standard error.
//!
//! Each of the two is a sink of its own, which all services share. Where that is a pipe, as it is in a container without a
//! terminal, as many lines are written at once as a pipe takes whole: so no line is cut into one that somebody else
//! writes.

#![forbid(unsafe_code)]

mod format;

pub use format::{Format, Json, Palette, Text, object, time};

use super::backlog::Backlog;
use super::losses::Losses;
use super::retry::Retry;
use super::sink::Sink;
use crate::sys::poll::Poller;
use crate::sys::process::Status;
use crate::sys::stream::{EndsBy, Number, Refusal, Stream};
use std::time::{Duration, Instant};

/// The kernel writes so many bytes to a pipe at once or not at all (PIPE_BUF).
const WHOLE: usize = 4096;

/// How long a relay may take at the end for what it was given.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// A terminal may tell of room that is not there, and a full disk tells of nothing: then the clock decides.
const PAUSE: Duration = Duration::from_millis(20);

/// The container's standard output or standard error.
pub struct Console {
    number: Number,
    /// Opened for the first message.
    stream: Option<Stream>,
    backlog: Backlog,
    state: State,
    retry: Retry,
    lost: Losses,
}

/// What it waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing: it writes what it is given.
    Free,
    /// Room, of which the poller tells.
    Room,
    /// A moment, as the poller cannot tell of room, or told of room that was not there.
    Pause(Instant),
    /// There is no room on the disk.
    NoSpace,
}

impl Console {
    /// One of the two.
    pub fn new(number: Number) -> Console {
        let backlog = Backlog::default();
        Console {
            number,
            stream: None,
            backlog,
            state: State::Free,
            retry: Retry::default(),
            lost: Losses::default(),
        }
    }

    /// Writes as much as there is room for. Whether anything was written, and what stops it.
    fn write(&mut self) -> (bool, Option<Refusal>) {
        let mut progress = false;
        while !self.backlog.is_empty() {
            let stream = self.stream.get_or_insert_with(|| Stream::open(self.number, true, EndsBy::Maker));
            match stream.write(self.backlog.next(WHOLE)) {
                Ok(0) => return (progress, Some(Refusal::Full)),
                Ok(count) => {
                    self.backlog.advance(count);
                    progress = true;
                }
                // A socket that takes whole messages.
                Err(Refusal::TooLong) => {
                    self.backlog.drop_first(&mut self.lost);
                }
                Err(refusal) => return (progress, Some(refusal)),
            }
        }
        (progress, None)
    }
}

impl Sink for Console {
    fn take(&mut self, route: u32, write: &mut dyn FnMut(&mut Vec<u8>)) {
        self.backlog.push(route, write);
        // A full disk loses lines, and nothing else.
        if self.state == State::NoSpace && !self.backlog.has_room() {
            self.backlog.clear(&mut self.lost);
        }
    }

    fn has_room(&self) -> bool {
        self.backlog.has_room() || self.state == State::NoSpace
    }

    fn advance(&mut self, now: Instant) {
        match self.state {
            State::Pause(until) if now < until => return,
            State::NoSpace if !self.retry.is_due(now) => return,
            _ => {}
        }
        let was_room = self.state == State::Room;
        let (progress, refusal) = self.write();
        if progress || refusal.is_none() {
            self.retry.worked();
        }
        self.state = match refusal {
            None => State::Free,
            // The poller has told of room, and there was none.
            Some(Refusal::Full | Refusal::TooLong) if was_room && !progress => {
                now.checked_add(PAUSE).map_or(State::Free, State::Pause)
            }
            Some(Refusal::Full | Refusal::TooLong) => State::Room,
            Some(Refusal::NoSpace) => {
                self.retry.failed(now);
                State::NoSpace
            }
            // Nobody reads it any more: the next line tries again.
            Some(Refusal::Gone) => {
                self.backlog.clear(&mut self.lost);
                State::Free
            }
        };
    }

    fn watch(&mut self, poller: &Poller, token: u64) {
        self.backlog.release();
        let wanted = self.state == State::Room;
        if let Some(stream) = &mut self.stream
            && stream.watch(poller, token, wanted).is_err()
        {
            self.state = Instant::now().checked_add(PAUSE).map_or(State::Free, State::Pause);
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Pause(until) => Some(until),
            State::NoSpace => self.retry.at(),
            State::Free | State::Room => None,
        }
    }

    fn is_idle(&self) -> bool {
        self.backlog.is_empty()
    }

    fn down(&self) -> Option<&str> {
        (self.state == State::NoSpace).then_some("no space left on device")
    }

    fn take_lost(&mut self) -> Losses {
        std::mem::take(&mut self.lost)
    }

    fn give_up(&mut self) {
        self.backlog.clear(&mut self.lost);
        if let Some(stream) = &mut self.stream {
            // What a relay was given is on its way.
            stream.close(Instant::now().checked_add(LAST_WORDS).unwrap_or_else(Instant::now));
        }
    }

    fn reaped(&mut self, pid: i32, _status: Status) {
        if let Some(stream) = &mut self.stream {
            stream.reaped(pid);
        }
    }
}
