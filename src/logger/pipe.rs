//! One output of a service, as the logger reads it.

#![forbid(unsafe_code)]

use super::record::{Part, Stream};
use super::split::Splitter;
use crate::sys::io;
use crate::sys::poll::{Interest, Poller};
use std::io::ErrorKind;
use std::os::fd::{AsFd, OwnedFd};

/// So many bytes are read at once: what a pipe holds.
pub const PIECE: usize = 64 * 1024;

/// What reading has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Something was read, and there may be more.
    Some,
    /// There is nothing to read now.
    Empty,
    /// Nothing will come any more.
    End,
}

/// A pipe and what was read of it.
pub struct Pipe {
    fd: OwnedFd,
    pub stream: Stream,
    splitter: Splitter,
    watched: Option<Interest>,
    /// The line under way ends as soon as the pipe is empty: who has begun it has ended.
    line_ends: bool,
    /// Nobody writes to it any more. Something may be left to read.
    pub has_no_writer: bool,
    /// Nothing will come any more.
    pub is_over: bool,
}

impl Pipe {
    pub fn new(fd: OwnedFd, stream: Stream) -> Pipe {
        let _ = io::wait_no_more(fd.as_fd());
        Pipe {
            fd,
            stream,
            splitter: Splitter::default(),
            watched: None,
            line_ends: false,
            has_no_writer: false,
            is_over: false,
        }
    }

    /// Who writes has ended.
    pub fn end_line(&mut self) {
        self.line_ends = true;
    }

    /// Whether it has to be read though the poller tells nothing.
    pub fn is_due(&self) -> bool {
        self.line_ends && !self.is_over
    }

    /// Whether the line under way has not ended.
    pub fn is_in_line(&self) -> bool {
        !self.is_over && self.splitter.is_in_line()
    }

    /// Reads once, and delivers the lines that are whole.
    pub fn read(&mut self, buffer: &mut [u8], deliver: &mut dyn FnMut(&[u8], Part)) -> Progress {
        let progress = match io::read(self.fd.as_fd(), buffer) {
            Ok(0) => Progress::End,
            Ok(count) => {
                self.splitter.push(buffer.get(..count).unwrap_or_default(), deliver);
                return Progress::Some;
            }
            Err(e) if e.kind() == ErrorKind::WouldBlock => Progress::Empty,
            Err(_) => Progress::End,
        };
        if std::mem::take(&mut self.line_ends) || progress == Progress::End {
            self.splitter.end(deliver);
        }
        self.is_over |= progress == Progress::End;
        progress
    }

    /// Delivers what there is of the last line.
    pub fn finish(&mut self, deliver: &mut dyn FnMut(&[u8], Part)) {
        self.splitter.end(deliver);
    }

    /// Has the poller tell when there is something to read, or only that nobody writes any more, or nothing.
    pub fn watch(&mut self, poller: &Poller, token: u64, wanted: Option<Interest>) {
        let wanted =
            wanted.filter(|wanted| !(self.is_over || self.has_no_writer && *wanted == Interest::Hangup));
        if wanted != self.watched {
            let fd = self.fd.as_fd();
            let done = match (self.watched, wanted) {
                (None, Some(wanted)) => poller.add(fd, token, wanted),
                (Some(_), Some(wanted)) => poller.modify(fd, token, wanted),
                (_, None) => poller.remove(fd),
            };
            self.watched = if done.is_ok() { wanted } else { self.watched };
        }
    }
}
