//! Log files: the sink of the drivers `json-file` and `file`.
//!
//! Each service has its own. Whole messages are appended to it. When it has `max-size` bytes it is rotated before the
//! next one, as Docker does it (`chain`), and rotated files are compressed in a child (`packer`, `gzip`).
//!
//! What cannot be written is lost, and nothing else is: who writes to a pipe must not wait for a disk that may stay full for
//! days. The last 64 KiB are kept, in the hope that it is written soon. What was written of a message when the disk was
//! full is cut off again, so the file goes on with a whole line.
//!
//! Others may move the file away or cut it off, as logrotate does: it is looked at before a write, at most once a
//! second, and opened again where it is not there any more.

#![forbid(unsafe_code)]

mod chain;
pub mod gzip;
mod packer;
mod place;
pub mod readback;

#[cfg(test)]
mod tests;

pub use chain::Chain;
pub use place::Torn;

use super::backlog::{Backlog, LIMIT};
use super::losses::Losses;
use super::retry::Retry;
use super::sink::Sink;
use crate::logger::told::Trouble;
use crate::model::log_files::LogFiles;
use crate::sys::poll::Poller;
use crate::sys::process::Status;
use nix::errno::Errno;
use packer::Packer;
use place::Open;
use std::io::{ErrorKind, Write};
use std::time::{Duration, Instant};

/// The file is looked at so seldom.
const LOOK: Duration = Duration::from_secs(1);

/// A file that somebody else writes may be free in a moment, as when a service is replaced: it is told after so many attempts.
const PATIENCE: u32 = 4;

/// The log file of one service.
pub struct LogFile {
    chain: Chain,
    max_size: Option<u64>,
    compress: bool,
    torn: Torn,
    backlog: Backlog,
    state: State,
    retry: Retry,
    failures: u32,
    lost: Losses,
    /// What is yet to be told, and what was told last.
    news: Option<Trouble>,
    told: Option<Trouble>,
    packer: Packer,
    is_settled: bool,
}

enum State {
    /// It is written, and was looked at then.
    Open(Open, Instant),
    /// It was not opened yet.
    New,
    /// It cannot be written.
    Down,
}

impl LogFile {
    /// Of these files, of which nothing is opened yet.
    pub fn new(files: &LogFiles, torn: Torn) -> LogFile {
        LogFile {
            chain: Chain::new(&files.path, files.max_file),
            max_size: files.max_size,
            compress: files.compress,
            torn,
            backlog: Backlog::default(),
            state: State::New,
            retry: Retry::default(),
            failures: 0,
            lost: Losses::default(),
            news: None,
            told: None,
            packer: Packer::default(),
            is_settled: false,
        }
    }

    /// What it is that is written.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    fn open(&mut self, now: Instant) -> Result<(), Trouble> {
        if let State::Open(open, looked) = &mut self.state {
            if now.saturating_duration_since(*looked) < LOOK || self.backlog.is_empty() {
                return Ok(());
            }
            *looked = now;
            if open.is_at(self.chain.path()) {
                return Ok(());
            }
        }
        // Before another one is opened this one is closed, with its lock.
        self.state = State::New;
        self.state = State::Open(place::open(self.chain.path(), self.torn)?, now);
        // What is there is nobody else's, now that the file is ours.
        if !std::mem::replace(&mut self.is_settled, true) {
            self.chain.settle();
            self.pack();
        }
        Ok(())
    }

    fn pack(&mut self) {
        if self.compress {
            self.packer.begin(&self.chain);
        }
    }

    /// Writes everything.
    fn write(&mut self, now: Instant) -> Result<(), Trouble> {
        while !self.backlog.is_empty() {
            let State::Open(open, _) = &mut self.state else { return Ok(()) };
            let room = self.max_size.map(|max| max.saturating_sub(open.size));
            if room == Some(0) {
                self.rotate(now)?;
                continue;
            }
            // The message that goes beyond the size is the last one of the file: alone, after all others that fit.
            let room = room.and_then(|room| usize::try_from(room).ok()).unwrap_or(LIMIT).min(LIMIT);
            match open.file.write(self.backlog.next(room)) {
                Ok(0) => return Err(self.take_back(Trouble::Error(Errno::ENOSPC as i32))),
                Ok(count) => {
                    open.size = open.size.saturating_add(u64::try_from(count).unwrap_or_default());
                    self.backlog.advance(count);
                }
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(self.take_back(place::trouble(&e))),
            }
        }
        Ok(())
    }

    /// The file ends with a whole message again.
    fn take_back(&mut self, trouble: Trouble) -> Trouble {
        let part = u64::try_from(self.backlog.take_back()).unwrap_or_default();
        if let State::Open(open, _) = &self.state
            && part > 0
        {
            // If that fails, it is done when the file is opened again.
            let _ = open.file.set_len(open.size.saturating_sub(part));
        }
        trouble
    }

    fn rotate(&mut self, now: Instant) -> Result<(), Trouble> {
        match self.chain.rotate() {
            Ok(end) => self.packer.moved(&self.chain, end),
            Err(e) => {
                // Nobody knows any more which file it is that is compressed.
                self.packer.stop(&self.chain);
                return Err(place::trouble(&e));
            }
        }
        self.state = State::New;
        self.open(now)?;
        self.pack();
        Ok(())
    }

    fn failed(&mut self, now: Instant, trouble: Trouble) {
        self.state = State::Down;
        self.retry.failed(now);
        self.failures = self.failures.saturating_add(1);
        let is_patient = trouble == Trouble::Taken && self.failures < PATIENCE;
        if !is_patient && self.told != Some(trouble) {
            (self.news, self.told) = (Some(trouble), Some(trouble));
        }
        self.keep_last();
    }

    fn worked(&mut self) {
        self.retry.worked();
        self.failures = 0;
        if self.told.take().is_some() {
            self.news = Some(Trouble::Mended);
        }
    }

    /// As long as nothing can be written, the oldest messages go.
    fn keep_last(&mut self) {
        while matches!(self.state, State::Down) && !self.backlog.has_room() {
            self.backlog.drop_first(&mut self.lost);
        }
    }
}

impl Sink for LogFile {
    fn take(&mut self, route: u32, write: &mut dyn FnMut(&mut Vec<u8>)) {
        self.backlog.push(route, write);
        self.keep_last();
    }

    fn has_room(&self) -> bool {
        self.backlog.has_room() || matches!(self.state, State::Down)
    }

    fn advance(&mut self, now: Instant) {
        if matches!(self.state, State::Down) && (self.backlog.is_empty() || !self.retry.is_due(now)) {
            return;
        }
        let is_written = !self.backlog.is_empty();
        match self.open(now).and_then(|()| self.write(now)) {
            Err(trouble) => self.failed(now, trouble),
            // A full disk lets a file be opened.
            Ok(()) if is_written => self.worked(),
            Ok(()) => {}
        }
    }

    fn watch(&mut self, _poller: &Poller, _token: u64) {
        self.backlog.release();
    }

    fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Down if !self.backlog.is_empty() => self.retry.at(),
            State::Down | State::New | State::Open(..) => None,
        }
    }

    fn is_idle(&self) -> bool {
        // At the end nobody waits for a disk.
        self.backlog.is_empty() || matches!(self.state, State::Down)
    }

    fn down(&self) -> Option<&str> {
        matches!(self.state, State::Down).then_some("the file cannot be written")
    }

    /// As long as nothing can be written, they are counted and not told: there would be no end of that.
    fn take_lost(&mut self) -> Losses {
        match self.state {
            State::Down => Losses::default(),
            State::New | State::Open(..) => std::mem::take(&mut self.lost),
        }
    }

    fn take_trouble(&mut self) -> Option<Trouble> {
        self.news.take()
    }

    fn give_up(&mut self) {
        // It may be that there is room by now.
        if matches!(self.state, State::Down) {
            self.state = State::New;
            self.advance(Instant::now());
        }
        self.backlog.take_back();
        self.backlog.clear(&mut self.lost);
        self.state = State::New;
        self.packer.stop(&self.chain);
    }

    fn reaped(&mut self, pid: i32, status: Status) {
        self.packer.reaped(&self.chain, pid, status);
    }
}
