//! All that PID 1 says: one bounded buffer before standard error, and no write that sleeps.
//!
//! A message is written at once where there is room, so that it stands where it belongs among what services write. Where
//! there is none it waits in the buffer (`queue.rs`), and the loop's poller tells when there is room again. A poller
//! that tells of room that is not there, as a terminal's does while another process waits to write to it, is not asked
//! again at once: the time until the next attempt doubles from 10 ms to a second. So it goes with a full disk, which
//! no poller can watch.

#![forbid(unsafe_code)]

pub(super) mod logger;
pub(super) mod narrate;
mod queue;
pub(super) mod report;
pub(super) mod stuck;

use crate::sys::poll::{self, Poller};
use crate::sys::signals::{ReceivedSignal, Signals};
use crate::sys::stream::{EndsBy, Number, Refusal, Stream};
use queue::{Note, Queue};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The poller's token of standard error.
pub const TOKEN: u64 = 2;

/// The times between attempts that nothing but the clock can tell to make.
const FIRST_DELAY: Duration = Duration::from_millis(10);
const MOST_DOUBLINGS: u32 = 7;

/// At the end, what waits is written for so long to a reader who is slow.
pub const LAST_WORDS: Duration = Duration::from_millis(500);

/// Before anything runs, a reader may take so long for the next bytes.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// The output of this process.
pub static OUTPUT: Output = Output::new();

/// A buffer before standard error.
pub struct Output(Mutex<Inner>);

struct Inner {
    queue: Queue,
    /// Opened for the first message.
    stderr: Option<Stream>,
    flow: Flow,
    /// A relay may be made.
    may_relay: bool,
    /// Attempts in a row that were for nothing.
    stalls: u32,
    /// When rinit has to have ended.
    end_by: Option<Instant>,
}

/// When the next attempt to write is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    /// With the next message.
    Free,
    /// When there is room.
    Room,
    /// Not before that.
    Later(Instant),
}

/// What an attempt has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attempt {
    /// Nothing waits any more.
    Done,
    /// There is no room now.
    Full,
    /// The disk is full.
    NoSpace,
}

impl Output {
    const fn new() -> Output {
        let queue = Queue::new(note_text);
        let inner = Inner { queue, stderr: None, flow: Flow::Free, may_relay: true, stalls: 0, end_by: None };
        Output(Mutex::new(inner))
    }

    /// How a note about dropped messages is written.
    pub fn set_note(&self, note: Note) {
        self.lock().queue.set_note(note);
    }

    /// Writes a whole message, now or later.
    pub fn push(&self, message: &[u8]) {
        let mut inner = self.lock();
        inner.queue.push(message);
        if inner.flow == Flow::Free {
            inner.attempt();
        }
    }

    /// To be called before the poller waits: makes the attempt that is due, and has room watched for.
    pub fn settle(&self, poller: &Poller) {
        let mut inner = self.lock();
        if matches!(inner.flow, Flow::Later(at) if at <= Instant::now()) {
            inner.attempt();
        }
        inner.watch(poller);
    }

    /// The poller tells of room.
    pub fn ready(&self) {
        self.lock().attempt();
    }

    /// When `settle` has something to do.
    pub fn deadline(&self) -> Option<Instant> {
        match self.lock().flow {
            Flow::Later(at) => Some(at),
            Flow::Free | Flow::Room => None,
        }
    }

    /// For a loop without a poller: writes what waits until a signal has come, or nothing waits.
    pub fn attend(&self, signals: &Signals) {
        let mut inner = self.lock();
        while inner.flow != Flow::Free {
            match inner.wait(Some(signals.as_fd()), None) {
                Ok(false) => _ = inner.attempt(),
                Ok(true) | Err(_) => return,
            }
        }
    }

    /// Before anything runs: waits for a reader who takes all of it, as long as he goes on reading and no signal asks
    /// rinit to end. Returns whether he has, or else more need not be said.
    pub fn wait_for_reader(&self, signals: &Signals, ends: impl Fn(&ReceivedSignal) -> bool) -> bool {
        let mut inner = self.lock();
        let mut received = Vec::new();
        let mut end = Instant::now().checked_add(PATIENCE);
        loop {
            let before = inner.queue.size();
            match inner.attempt() {
                Attempt::Full => {}
                attempt => return attempt == Attempt::Done,
            }
            if inner.queue.size() != before {
                end = Instant::now().checked_add(PATIENCE);
            }
            let left = end.map_or(Duration::ZERO, |end| end.saturating_duration_since(Instant::now()));
            match inner.wait(Some(signals.as_fd()), Some(left)) {
                Ok(is_signal) if !left.is_zero() => {
                    if is_signal {
                        signals.read(&mut received);
                    }
                }
                _ => return false,
            }
            if received.drain(..).any(|received| ends(&received)) {
                return false;
            }
        }
    }

    /// Everything but the services is about to be stopped, a relay too: none is made any more before `finish`, or the
    /// stop would wait for it.
    pub fn make_no_relay(&self) {
        let mut inner = self.lock();
        inner.may_relay = false;
        if let Some(stderr) = &mut inner.stderr {
            stderr.make_no_relay();
        }
    }

    /// A relay was reaped.
    pub fn reaped(&self, pid: i32) {
        if let Some(stderr) = &mut self.lock().stderr {
            stderr.reaped(pid);
        }
    }

    /// The end of the process is near: `finish` waits no longer than until then.
    pub fn end_within(&self, left: Duration) {
        self.lock().end_by = Instant::now().checked_add(left);
    }

    /// The end of the process: writes what waits, for so long at most. A disk that is full is not waited for.
    pub fn finish(&self, limit: Duration) {
        let mut inner = self.lock();
        let Some(deadline) = inner.deadline(Instant::now(), limit) else { return };
        inner.may_relay = true;
        if let Some(stderr) = &mut inner.stderr {
            stderr.renew();
        }
        while inner.attempt() == Attempt::Full {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || inner.wait(None, Some(left)).is_err() {
                break;
            }
        }
        if let Some(stderr) = &mut inner.stderr {
            stderr.close(deadline);
        }
    }

    /// Whether this child writes in rinit's place, or did so and has not been reaped.
    pub fn is_relay(&self, pid: i32) -> bool {
        self.lock().stderr.as_ref().is_some_and(|stderr| stderr.is_relay(pid))
    }

    /// For tests: when rinit has to have ended.
    #[cfg(test)]
    pub fn ends_by(&self) -> Option<Instant> {
        self.lock().end_by
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Until when the end waits, which is no longer than this from now.
    fn deadline(&self, now: Instant, limit: Duration) -> Option<Instant> {
        now.checked_add(limit).into_iter().chain(self.end_by).min()
    }

    /// Writes as much as there is room for.
    fn attempt(&mut self) -> Attempt {
        let mut progress = false;
        let attempt = loop {
            let Some(rest) = self.queue.front() else { break Attempt::Done };
            let stderr = self
                .stderr
                .get_or_insert_with(|| Stream::open(Number::Stderr, self.may_relay, EndsBy::Sigterm));
            let written = stderr.write(rest);
            match written {
                Ok(0) | Err(Refusal::Full) => break Attempt::Full,
                Ok(count) => {
                    self.queue.advance(count);
                    progress = true;
                }
                Err(Refusal::NoSpace) => break Attempt::NoSpace,
                Err(Refusal::TooLong) if self.queue.count() > 1 => self.queue.drop_first(),
                // The next message tries it again, with a note about those before it.
                Err(Refusal::TooLong | Refusal::Gone) => {
                    self.queue.drop_all();
                    break Attempt::Done;
                }
            }
        };
        if progress || attempt == Attempt::Done {
            self.stalls = 0;
        }
        self.flow = self.next(attempt);
        attempt
    }

    fn next(&mut self, attempt: Attempt) -> Flow {
        if attempt == Attempt::Done {
            return Flow::Free;
        }
        let stalls = self.stalls;
        self.stalls = stalls.saturating_add(1);
        let is_watchable = self.stderr.as_ref().is_some_and(|stderr| stderr.watchable().is_some());
        // The first time, and after each delay, the poller may tell.
        if attempt == Attempt::Full && is_watchable && stalls.is_multiple_of(2) {
            return Flow::Room;
        }
        later(stalls)
    }

    fn watch(&mut self, poller: &Poller) {
        let wanted = self.flow == Flow::Room;
        if self.stderr.as_mut().is_some_and(|stderr| stderr.watch(poller, TOKEN, wanted).is_err()) {
            self.flow = later(self.stalls);
        }
    }

    /// Waits for the next attempt, for `input` to have something to read, or for `limit` to be over. Returns whether
    /// there is something to read.
    fn wait(&self, input: Option<BorrowedFd<'_>>, limit: Option<Duration>) -> io::Result<bool> {
        let (room, delay) = match self.flow {
            Flow::Free => return Ok(false),
            Flow::Room => (self.stderr.as_ref().and_then(Stream::watchable), None),
            Flow::Later(at) => (None, Some(at.saturating_duration_since(Instant::now()))),
        };
        let timeout = [limit, delay].into_iter().flatten().min();
        poll::either(input, room, timeout).map(|(input, _)| input)
    }
}

fn later(stalls: u32) -> Flow {
    let delay = FIRST_DELAY.saturating_mul(1_u32.checked_shl((stalls / 2).min(MOST_DOUBLINGS)).unwrap_or(1));
    Instant::now().checked_add(delay).map_or(Flow::Free, Flow::Later)
}

/// Says in text that so many messages were dropped.
fn note_text(count: u64) -> Vec<u8> {
    format!("rinit: warning: {}\n", note(count)).into_bytes()
}

/// What is said of messages that were dropped.
pub fn note(count: u64) -> String {
    let messages = if count == 1 { "message was" } else { "messages were" };
    format!("{count} {messages} dropped: standard error did not take them")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_words_take_no_longer_than_the_end_may() {
        let (output, now) = (Output::new(), Instant::now());
        let left = |output: &Output| {
            output.lock().deadline(now, LAST_WORDS).map(|at| at.saturating_duration_since(now))
        };
        assert_eq!(left(&output), Some(LAST_WORDS));
        output.end_within(Duration::ZERO);
        assert!(left(&output).is_some_and(|left| left < LAST_WORDS), "the end is due");
        output.end_within(Duration::from_secs(1000));
        assert_eq!(left(&output), Some(LAST_WORDS));
    }
}
