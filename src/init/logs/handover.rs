//! The socket between PID 1 and the logger, and what waits to be sent over it.

use crate::logger::told::{FROM_LOGGER, FromLogger, LogRequest, ToLogger};
use crate::supervisor::ServiceId;
use crate::sys::handover;
use crate::sys::poll::{Interest, Poller};
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

/// The poller's token of the socket.
pub const TOKEN: u64 = 9;

/// So many messages of the logger are read for one wake-up.
const MESSAGES_A_TURN: usize = 64;

/// So many who ask for logs may wait until the logger takes them.
const MOST_CLIENTS: usize = 16;

/// What the logger is to be told of a service. What exactly is found out when there is room for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// Its pipes, and what is done with what comes from them.
    Route(ServiceId),
    /// A process of it has ended.
    Ended(ServiceId),
}

/// The way to the logger.
#[derive(Default)]
pub struct Handover {
    /// Our end, while there is a logger.
    socket: Option<OwnedFd>,
    /// The logger's end, until the logger has it.
    theirs: Option<OwnedFd>,
    /// Each word once.
    queue: VecDeque<Word>,
    /// Those who ask for logs.
    clients: VecDeque<(LogRequest, UnixStream)>,
    /// What the poller watches the socket for.
    watched: Option<Interest>,
    /// Nothing more is sent after what waits.
    ends: bool,
    /// The number of the next route.
    next: u32,
}

impl Handover {
    /// A number that no route has had.
    pub fn number(&mut self) -> u32 {
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        number
    }

    /// A logger is about to be started: what it gets as its standard input. It is to be told everything.
    ///
    /// # Errors
    /// `socketpair` fails: EMFILE, ENFILE or ENOMEM.
    pub fn connect(&mut self, poller: &Poller) -> io::Result<RawFd> {
        self.disconnect(poller);
        let (ours, theirs) = handover::pair()?;
        let number = theirs.as_raw_fd();
        (self.socket, self.theirs) = (Some(ours), Some(theirs));
        Ok(number)
    }

    /// The logger has its end.
    pub fn connected(&mut self) {
        self.theirs = None;
    }

    /// The logger has ended.
    pub fn disconnect(&mut self, poller: &Poller) {
        if let Some(socket) = self.socket.take()
            && self.watched.take().is_some()
        {
            let _ = poller.remove(socket.as_fd());
        }
        self.theirs = None;
        self.queue = VecDeque::new();
        self.clients = VecDeque::new();
        self.ends = false;
    }

    /// Whether there is somebody to be told.
    pub fn is_connected(&self) -> bool {
        self.socket.is_some()
    }

    /// Tells the logger, when there is room.
    pub fn tell(&mut self, word: Word) {
        if self.is_connected() && !self.queue.contains(&word) {
            self.queue.push_back(word);
        }
    }

    /// Whether somebody who asks for logs can be handed over.
    pub fn takes_clients(&self) -> bool {
        self.is_connected() && !self.ends && self.clients.len() < MOST_CLIENTS
    }

    /// Hands over somebody who asks for logs.
    pub fn give(&mut self, request: LogRequest, client: UnixStream) {
        self.clients.push_back((request, client));
    }

    /// After what waits, nothing more comes.
    pub fn end(&mut self) {
        self.ends = true;
    }

    /// Sends what there is room for; `message` knows what that is. To be called before the poller waits.
    pub fn settle<'a>(
        &mut self,
        poller: &Poller,
        message: impl Fn(Word) -> Option<(ToLogger, Vec<BorrowedFd<'a>>)>,
    ) {
        let Some(socket) = &self.socket else { return };
        while let Some(word) = self.queue.front() {
            let Some((told, descriptors)) = message(*word) else {
                self.queue.pop_front();
                continue;
            };
            // Writing to memory cannot fail.
            let bytes = serde_json::to_vec(&told).unwrap_or_default();
            match handover::send(socket.as_fd(), &bytes, &descriptors) {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                // Where the logger has ended, the next one is told everything.
                Ok(()) | Err(_) => _ = self.queue.pop_front(),
            }
        }
        // These are about routes that the logger knows by now.
        while self.queue.is_empty()
            && let Some((request, client)) = self.clients.front()
        {
            let bytes = serde_json::to_vec(&ToLogger::Client(request.clone())).unwrap_or_default();
            match handover::send(socket.as_fd(), &bytes, &[client.as_fd()]) {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                Ok(()) | Err(_) => _ = self.clients.pop_front(),
            }
        }
        let is_empty = self.queue.is_empty() && self.clients.is_empty();
        if self.ends && is_empty {
            self.ends = false;
            handover::finish(socket);
        }
        let wanted = if is_empty { Interest::Read } else { Interest::ReadWrite };
        if self.watched != Some(wanted) {
            let watched = match self.watched {
                None => poller.add(socket.as_fd(), TOKEN, wanted),
                Some(_) => poller.modify(socket.as_fd(), TOKEN, wanted),
            };
            self.watched = watched.is_ok().then_some(wanted);
        }
    }

    /// What the logger has to tell. At its end the socket is watched no longer.
    pub fn read(&mut self, poller: &Poller) -> Vec<FromLogger> {
        let mut found = Vec::new();
        let mut buffer = [0; FROM_LOGGER];
        for _ in 0..MESSAGES_A_TURN {
            let Some(socket) = &self.socket else { break };
            match handover::receive(socket.as_fd(), &mut buffer) {
                Ok((0, _)) => {
                    self.disconnect(poller);
                }
                Ok((length, _)) => found.extend(buffer.get(..length).and_then(FromLogger::decode)),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                Err(e) if e.kind() == io::ErrorKind::InvalidData => {}
                Err(_) => self.disconnect(poller),
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_sent_in_order_and_once() {
        let poller = Poller::new().unwrap();
        let mut way = Handover::default();
        way.tell(Word::Ended(ServiceId(9)));
        assert!(way.queue.is_empty(), "nobody is there");
        way.connect(&poller).unwrap();
        let theirs = way.theirs.take().unwrap();
        for word in [Word::Route(ServiceId(1)), Word::Ended(ServiceId(1)), Word::Ended(ServiceId(1))] {
            way.tell(word);
        }
        way.end();
        way.settle(&poller, |word| {
            let Word::Ended(ServiceId(number)) = word else { return None };
            Some((ToLogger::Ended { number: u32::try_from(number).unwrap() }, Vec::new()))
        });
        let mut buffer = [0; 256];
        let mut next = || handover::receive(theirs.as_fd(), &mut buffer).map(|(length, _)| length).unwrap();
        assert_ne!(next(), 0);
        assert_eq!(next(), 0, "the end");
        handover::send(theirs.as_fd(), &FromLogger::Lost { number: 1, count: 2 }.encode(), &[]).unwrap();
        assert_eq!(way.read(&poller), [FromLogger::Lost { number: 1, count: 2 }]);
        assert!(way.is_connected());
        drop(theirs);
        assert_eq!(way.read(&poller), []);
        assert!(!way.is_connected());
    }

    /// A logger that does not read costs PID 1 no time, and no more memory than a word for each service.
    #[test]
    fn nobody_waits_for_a_logger_that_does_not_read() {
        let poller = Poller::new().unwrap();
        let mut way = Handover::default();
        way.connect(&poller).unwrap();
        for _ in 0..10_000 {
            for number in 0..10 {
                way.tell(Word::Ended(ServiceId(number)));
            }
            way.settle(&poller, |_| Some((ToLogger::Ended { number: 7 }, Vec::new())));
        }
        assert_eq!((way.queue.len(), way.watched), (10, Some(Interest::ReadWrite)));
    }
}
