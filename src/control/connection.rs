//! One client's connection as the server sees it: its buffers, and what it is waiting for. Never blocks.

#![forbid(unsafe_code)]

use super::peer::Peer;
use super::protocol::{MAX_REQUEST, Response};
use crate::sys::poll::Interest;
use crate::sys::socket;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// How long a client may take to read an answer, unless others need its place.
pub(super) const READ_LIMIT: Duration = Duration::from_secs(5);

/// What a client's buffer has to say.
pub(super) enum Line {
    /// A request, without its newline.
    Complete(Vec<u8>),
    /// More than a request may have, and no newline.
    TooLong,
}

/// A client. At any time it owes us a request, or we owe it an answer, or it has to read one; or it follows, and is
/// sent lines until it goes.
pub(super) struct Connection {
    stream: UnixStream,
    pub(super) peer: Peer,
    /// At most [`MAX_REQUEST`] and one byte; beyond that the kernel's buffer fills, and then the client waits.
    input: Vec<u8>,
    /// So much of `input` was taken as lines. It goes when there is something to read: moving the rest for each line
    /// would make many short ones dear.
    taken: usize,
    /// Where the next newline of `input` is.
    line_end: Option<usize>,
    /// The client will send no more.
    eof: bool,
    /// It has closed its connection, and reads no more either.
    pub(super) gone: bool,
    output: Vec<u8>,
    sent: usize,
    /// Since when there is something that the client has not read.
    unread_since: Option<Instant>,
    /// Since when it owes us a request.
    idle_since: Instant,
    /// We owe it an answer.
    pub(super) busy: bool,
    /// Its request may have changed something: it must not be told to send it again.
    pub(super) changes: bool,
    /// Bytes that are kept of its request elsewhere, until it is answered; those of a follower until it goes.
    pub(super) kept: usize,
    /// It has been answered before.
    served: bool,
    /// It is sent lines; what it sends itself is not read any more.
    following: bool,
    /// Closed as soon as it has read what is left.
    closing: bool,
    /// In which turn of the event loop it was last read.
    pub(super) last_read: u64,
    /// What the poller watches it for; `None`: it does not yet.
    pub(super) watched: Option<Interest>,
}

impl Connection {
    pub(super) fn new(stream: UnixStream, peer: Peer, now: Instant) -> Connection {
        Connection {
            stream,
            peer,
            input: Vec::new(),
            taken: 0,
            line_end: None,
            eof: false,
            gone: false,
            output: Vec::new(),
            sent: 0,
            unread_since: None,
            idle_since: now,
            busy: false,
            changes: false,
            kept: 0,
            served: false,
            following: false,
            closing: false,
            last_read: 0,
            watched: None,
        }
    }

    /// Its stream, if everything is sent that was to be.
    pub(super) fn into_stream(self) -> Option<UnixStream> {
        (self.output.is_empty() && !self.closing).then_some(self.stream)
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    /// Has the kernel hold little of what the client does not read.
    pub(super) fn limit_unread(&self) -> io::Result<()> {
        socket::limit_unread(&self.stream)
    }

    /// Reads what has arrived, as far as there is room for it, and at most this many bytes. Returns how many it has read.
    pub(super) fn read(&mut self, most: usize) -> io::Result<usize> {
        let mut count_all = 0_usize;
        let mut chunk = [0; 8192];
        self.input.drain(..self.taken.min(self.input.len()));
        self.line_end = self.line_end.map(|at| at.saturating_sub(self.taken));
        self.taken = 0;
        while self.reads() && count_all < most {
            let room = MAX_REQUEST.saturating_add(1).saturating_sub(self.input.len());
            let room = room.min(chunk.len()).min(most.saturating_sub(count_all));
            let Some(buffer) = chunk.get_mut(..room).filter(|buffer| !buffer.is_empty()) else { break };
            match self.stream.read(buffer) {
                Ok(0) => self.eof = true,
                Ok(count) => {
                    let before = self.input.len();
                    count_all = count_all.saturating_add(count);
                    self.input.reserve_exact(count);
                    self.input.extend_from_slice(buffer.get(..count).unwrap_or_default());
                    self.find_line(before);
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(count_all)
    }

    /// Whether what it sends is taken.
    fn reads(&self) -> bool {
        !self.eof && !self.closing && !self.following
    }

    fn find_line(&mut self, from: usize) {
        if self.line_end.is_none() {
            let found = self.input.iter().skip(from).position(|byte| *byte == b'\n');
            self.line_end = found.map(|at| at.saturating_add(from));
        }
    }

    /// How much of the input is still to be looked at.
    fn left(&self) -> usize {
        self.input.len().saturating_sub(self.taken)
    }

    /// Whether `next_line` has something, and may be asked.
    pub(super) fn is_runnable(&self) -> bool {
        let left = self.left();
        let whole = self.line_end.is_some() || left > MAX_REQUEST || (self.eof && left > 0);
        whole && !self.busy && !self.closing && !self.following && self.unread_since.is_none()
    }

    /// Takes the next line out of the buffer. The last one of a client that sends no more needs no newline.
    pub(super) fn next_line(&mut self) -> Option<Line> {
        if !self.is_runnable() {
            return None;
        }
        let end = self.line_end.take();
        let rest = self.input.get(self.taken..end.unwrap_or(self.input.len())).unwrap_or_default();
        let line = if rest.len() > MAX_REQUEST { Line::TooLong } else { Line::Complete(rest.to_vec()) };
        match end.map(|end| end.saturating_add(1)).filter(|next| *next < self.input.len()) {
            Some(next) => {
                self.taken = next;
                self.find_line(next);
            }
            None => self.forget_input(),
        }
        Some(line)
    }

    fn forget_input(&mut self) {
        self.input = Vec::new();
        self.taken = 0;
        self.line_end = None;
    }

    /// Puts the line of an answer into the buffer and sends what the kernel takes of it.
    pub(super) fn answer(&mut self, line: Vec<u8>, now: Instant) -> io::Result<()> {
        self.busy = false;
        self.served = true;
        self.idle_since = now;
        if !self.following {
            self.kept = 0;
        }
        self.push(line, now)
    }

    /// From now on it is sent lines and asked nothing.
    pub(super) fn follow(&mut self) {
        self.following = true;
        self.forget_input();
    }

    /// Whether it follows and has read everything so far; `None`: it does not follow.
    pub(super) fn follows_with_room(&self) -> Option<bool> {
        (self.following && !self.closing).then_some(self.unread_since.is_none())
    }

    /// Sends more lines.
    pub(super) fn push(&mut self, lines: Vec<u8>, now: Instant) -> io::Result<()> {
        self.unread_since.get_or_insert(now);
        match self.output.is_empty() {
            true => self.output = lines,
            false => {
                self.output.reserve_exact(lines.len());
                self.output.extend(lines);
            }
        }
        self.flush(now)?;
        self.output.shrink_to_fit();
        Ok(())
    }

    /// Refuses, and closes as soon as the client has read that.
    pub(super) fn dismiss(&mut self, refusal: &Response, now: Instant) -> io::Result<()> {
        self.closing = true;
        // A follower may not have read for long: from now on it has its time, as everybody has for an answer.
        self.unread_since = None;
        self.forget_input();
        self.answer(refusal.to_line(), now)
    }

    /// Sends as much as the kernel takes.
    pub(super) fn flush(&mut self, now: Instant) -> io::Result<()> {
        while let Some(rest) = self.output.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match socket::send(&self.stream, rest) {
                Ok(count) => self.sent = self.sent.saturating_add(count),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        if self.unread_since.take().is_some() {
            self.output = Vec::new();
            self.sent = 0;
            self.idle_since = now;
        }
        Ok(())
    }

    /// Nothing is left to be done for it.
    pub(super) fn is_finished(&self) -> bool {
        if self.gone {
            return !self.is_runnable();
        }
        let nothing_more = self.closing || (self.eof && self.left() == 0 && !self.following);
        nothing_more && !self.busy && self.unread_since.is_none()
    }

    /// What it has to be watched for now. After the end of its data not for data: that end would be told for ever.
    pub(super) fn interest(&self) -> Interest {
        let read = self.reads() && self.left() <= MAX_REQUEST;
        match (read, self.unread_since.is_some()) {
            (true, true) => Interest::ReadWrite,
            (true, false) => Interest::Read,
            (false, true) => Interest::Write,
            (false, false) => Interest::Hangup,
        }
    }

    /// When it has kept us waiting for too long, if it has so much patience to expect. For one whose turn it is, that
    /// is a time in the past.
    pub(super) fn deadline(&self, patience: Duration) -> Option<Instant> {
        // It is cut off when it has missed something, however long that takes.
        if self.following && !self.closing {
            return None;
        }
        if let Some(since) = self.unread_since {
            return since.checked_add(READ_LIMIT.min(patience));
        }
        match self.busy {
            true => None,
            false if self.is_runnable() => Some(self.idle_since),
            false => self.idle_since.checked_add(patience),
        }
    }

    /// Nothing has run for this long, perhaps: the client has as much time left as it had before.
    pub(super) fn overslept(&mut self, now: Instant, by: Duration) {
        for at in [Some(&mut self.idle_since), self.unread_since.as_mut()].into_iter().flatten() {
            // It may have begun to wait since.
            *at = at.checked_add(by).map_or(now, |later| later.min(now));
        }
    }

    /// For how long it has kept us waiting, with a request or with reading. `None`: it waits for us.
    pub(super) fn owes(&self, now: Instant) -> Option<Duration> {
        let waits_for_us = self.busy || self.is_runnable() || self.following;
        let since = self.unread_since.or((!waits_for_us).then_some(self.idle_since))?;
        Some(now.saturating_duration_since(since))
    }

    /// Whether it has had an answer, and waits for none that is under way.
    pub(super) fn has_been_served(&self) -> bool {
        self.served && !self.busy && !self.following
    }

    /// Whether it follows.
    pub(super) fn follows(&self) -> bool {
        self.following
    }

    /// The bytes that are held for it.
    pub(super) fn held(&self) -> usize {
        self.input.capacity().saturating_add(self.output.capacity()).saturating_add(self.kept)
    }

    /// Whether it is an answer that it keeps us waiting with, rather than a request.
    pub(super) fn has_unread(&self) -> bool {
        self.unread_since.is_some()
    }
}
