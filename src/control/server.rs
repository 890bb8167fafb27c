//! The init's end of the control socket, driven by its event loop: takes requests in and gives answers out. It never
//! blocks, and everything is bounded, so that no client can delay or fill PID 1. Its limits are a part of the
//! protocol: `docs/protocol.md` has them.

#![forbid(unsafe_code)]

use super::connection::{Connection, Line};
pub use super::peer::{ClientId, Peer};
use super::places::{Holder, Places, heaviest};
pub use super::places::{MAX_CLIENTS, MAX_HELD, YIELD_AFTER};
use super::protocol::{MAX_REQUEST, Request, Response, Verb, WHO_MAY};
use super::trouble::Trouble;
use crate::sys::poll::{Interest, Poller, Ready};
use crate::sys::{attributes, process};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

mod accept;
mod allowance;
mod give_away;

use allowance::Allowance;

/// How long a client may take to send a whole request, from the connection or the last answer.
pub const REQUEST_LIMIT: Duration = Duration::from_secs(5);

/// The same, and to read an answer, while its user's share or every place is taken, or the system has no descriptor
/// left: those who want nothing make room.
pub const CROWDED_LIMIT: Duration = Duration::from_millis(250);

/// Maximum number of bytes read at once from a client that may only read.
const READ_AT_ONCE: usize = 16 * 1024;

/// Maximum number of invalid lines of one client answered in its turn.
const LINES_A_TURN: usize = 16;

/// For who has more to send or to be told than there is room for.
const TOO_MUCH_HELD: &str = "too much is held for other clients: try again later";

/// A request that was read, is valid, and may be carried out. It has to be answered with [`Server::reply`], now or
/// later; until then nothing else of its client is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incoming {
    /// Whom to answer.
    pub client: ClientId,
    /// Who that is.
    pub peer: Peer,
    /// What is wanted.
    pub request: Request,
}

/// Whether a client that follows can be told more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// It has read everything, as far as the kernel knows.
    Free,
    /// It has not.
    None,
}

/// The listener and its clients.
pub struct Server {
    listener: UnixListener,
    /// Its token; those from the next one up are the clients'.
    token: u64,
    clients: Vec<(ClientId, Connection)>,
    places: Places,
    next_id: u64,
    /// Whose turn it was last, among those who have sent several requests at once.
    last_served: ClientId,
    /// The client whose turn is next: the one of the highest rank, or the one after the last.
    rank_first: bool,
    listening: bool,
    /// When to listen again after the system lacked something.
    resume_at: Option<Instant>,
    trouble: Trouble,
    own_uid: u32,
    /// What this turn of the event loop may still cost.
    allowance: Allowance,
}

impl Server {
    /// A server on a listener that does not block. Every token from `first_token` up has to be free for it.
    pub fn new(listener: UnixListener, first_token: u64) -> Server {
        Server {
            listener,
            token: first_token,
            clients: Vec::new(),
            places: Places::new(attributes::most_descriptors()),
            next_id: 0,
            last_served: ClientId(0),
            rank_first: true,
            listening: false,
            resume_at: None,
            trouble: Trouble::default(),
            own_uid: process::user_id(),
            allowance: Allowance::default(),
        }
    }

    /// Starts to listen.
    ///
    /// # Errors
    /// `epoll_ctl` fails: ENOMEM, or ENOSPC at the user's limit of watched descriptors.
    pub fn register(&mut self, poller: &Poller) -> io::Result<()> {
        poller.add(self.listener.as_fd(), self.token, Interest::Read)?;
        self.listening = true;
        Ok(())
    }

    /// A turn of the event loop begins: as much as before may be accepted and read again. Until then [`Server::ready`] may
    /// be called any number of times.
    pub fn begin_turn(&mut self) {
        self.allowance = self.allowance.next();
    }

    /// How many clients there may be at a time.
    pub fn places(&self) -> usize {
        self.places.count()
    }

    /// How many of them this client's user may hold.
    pub fn share(&self, peer: Peer) -> usize {
        self.places.share(peer.uid)
    }

    /// How many bytes are held for all clients.
    pub fn held(&self) -> usize {
        self.clients.iter().map(|(_, connection)| connection.held()).fold(0, usize::saturating_add)
    }

    /// Whether what is ready is for `ready`.
    pub fn owns(&self, token: u64) -> bool {
        token >= self.token
    }

    /// Whether this client still waits for an answer.
    pub fn is_waiting(&self, client: ClientId) -> bool {
        self.clients.iter().any(|(id, connection)| *id == client && connection.busy)
    }

    /// Something is ready: it is read or written, no more. What was read is for `advance`.
    pub fn ready(&mut self, poller: &Poller, now: Instant, ready: Ready) {
        match ready.token.checked_sub(self.token) {
            Some(0) => self.accept(poller, now),
            // An event of a client that has gone since is for nobody.
            Some(number) => self.serve(poller, now, ClientId(number), ready),
            None => {}
        }
        self.listen_if_possible(poller, now);
    }

    /// A client of which a whole line is there. Every second time it is one of the highest rank, so that root does not
    /// wait for a crowd; else each comes in its turn.
    pub fn runnable(&self) -> Option<ClientId> {
        self.next_runnable(self.rank_first)
    }

    fn next_runnable(&self, rank_first: bool) -> Option<ClientId> {
        let runnable = self.clients.iter().filter(|(_, connection)| connection.is_runnable());
        let turns = runnable.map(|(id, connection)| {
            let rank = rank_first.then(|| connection.peer.rank());
            (Reverse(rank), *id <= self.last_served, *id)
        });
        turns.min().map(|(_, _, id)| id)
    }

    /// Goes on with a client: answers what is no valid request, up to the first request that is one, and not without
    /// end.
    pub fn advance(&mut self, poller: &Poller, now: Instant, client: ClientId) -> Option<Incoming> {
        // Who went first by its rank has not had its turn in the row.
        if self.next_runnable(false) == Some(client) {
            self.last_served = client;
        }
        self.rank_first = !self.rank_first;
        self.next_request(poller, now, client)
    }

    /// Answers a client. One that has gone since is not missed.
    pub fn reply(&mut self, poller: &Poller, now: Instant, client: ClientId, response: &Response) {
        if !self.is_waiting(client) {
            return;
        }
        let line = response.to_line();
        let has_room = self.make_room(poller, now, client, line.capacity());
        let Some(connection) = self.find(client) else { return };
        let result = match has_room {
            true => connection.answer(line, now),
            false => {
                let refusal = Response { busy: !connection.changes, ..Response::refused(TOO_MUCH_HELD) };
                connection.dismiss(&refusal, now)
            }
        };
        self.settle(poller, client, result);
    }

    /// Whether this number of further bytes of a client's request may be kept until it is answered.
    pub fn keep(&mut self, poller: &Poller, now: Instant, client: ClientId, bytes: usize) -> bool {
        if !self.make_room(poller, now, client, bytes) {
            return false;
        }
        if let Some(connection) = self.find(client) {
            connection.kept = bytes;
        }
        true
    }

    /// Answers a client, which is told more with [`Server::push`] from now on, and asked nothing any more.
    pub fn follow(&mut self, poller: &Poller, now: Instant, client: ClientId, response: &Response) {
        let Some(connection) = self.find(client).filter(|connection| connection.busy) else { return };
        connection.follow();
        self.reply(poller, now, client, response);
    }

    /// Whether there is room for more lines for a client that follows; `None`: it is there no longer.
    pub fn room(&self, client: ClientId) -> Option<Room> {
        let (_, connection) = self.clients.iter().find(|(id, _)| *id == client)?;
        connection.follows_with_room().map(|free| if free { Room::Free } else { Room::None })
    }

    /// Sends a client that follows more lines.
    pub fn push(&mut self, poller: &Poller, now: Instant, client: ClientId, lines: Vec<u8>) {
        let has_room = self.make_room(poller, now, client, lines.capacity());
        let Some(connection) = self.find(client) else { return };
        let result = match has_room {
            true => connection.push(lines, now),
            false => connection.dismiss(&Response::busy(TOO_MUCH_HELD), now),
        };
        self.settle(poller, client, result);
    }

    /// Tells a client why nothing more comes, and closes it as soon as it has read that.
    pub fn dismiss(&mut self, poller: &Poller, now: Instant, client: ClientId, error: &str) {
        let Some(connection) = self.find(client) else { return };
        let result = connection.dismiss(&Response::refused(error), now);
        self.settle(poller, client, result);
    }

    /// When there is something to do, unless something happens before: at once for a client that is `runnable`, else
    /// for `expire`.
    pub fn deadline(&self) -> Option<Instant> {
        let patience = self.patience();
        let clients =
            self.clients.iter().filter_map(|(_, connection)| connection.deadline(patience(connection)));
        clients.chain(self.resume_at).min()
    }

    /// Cuts off who has kept us waiting for too long. Nothing was done for it: where the machine is slow and not the client, it
    /// may ask again.
    pub fn expire(&mut self, poller: &Poller, now: Instant) {
        let patience = self.patience();
        let late = |connection: &Connection| {
            let deadline = connection.deadline(patience(connection));
            !connection.is_runnable() && deadline.is_some_and(|at| at <= now)
        };
        let late = self.clients.iter().filter(|(_, connection)| late(connection));
        let late: Vec<_> = late.map(|(id, connection)| (*id, patience(connection))).collect();
        for (id, patience) in late {
            let limit = crate::model::duration::format(patience);
            self.cut_off(poller, now, id, &Response::busy(format!("no whole request came within {limit}")));
        }
        self.listen_if_possible(poller, now);
    }

    /// Nothing has run for this long, perhaps: nobody is cut off for what could not be done meanwhile.
    pub fn overslept(&mut self, now: Instant, by: Duration) {
        self.clients.iter_mut().for_each(|(_, connection)| connection.overslept(now, by));
    }

    /// The end: gives what the clients' sockets still take, and closes them and the listener.
    pub fn flush_and_close(mut self, poller: &Poller, now: Instant) {
        for (_, connection) in &mut self.clients {
            let _ = connection.flush(now);
            let _ = poller.remove(connection.fd());
        }
        let _ = poller.remove(self.listener.as_fd());
    }

    /// How long each client may keep us waiting.
    fn patience(&self) -> impl Fn(&Connection) -> Duration + use<> {
        let mut users: BTreeMap<u32, usize> = BTreeMap::new();
        for (_, connection) in &self.clients {
            let count = users.entry(connection.peer.uid).or_default();
            *count = count.saturating_add(1);
        }
        let (places, held, resting) = (self.places, self.clients.len(), self.resume_at.is_some());
        move |connection| {
            let of_user = users.get(&connection.peer.uid).copied().unwrap_or_default();
            match resting || places.is_crowded(connection.peer, held, of_user) {
                true => CROWDED_LIMIT,
                false => REQUEST_LIMIT,
            }
        }
    }

    /// All clients, as `places` judges them.
    fn holders(&self, now: Instant) -> Vec<Holder> {
        let holder = |(client, connection): &(ClientId, Connection)| Holder {
            client: *client,
            peer: connection.peer,
            owes: connection.owes(now),
            served: connection.has_been_served(),
            follows: connection.follows(),
            bytes: connection.held(),
        };
        self.clients.iter().map(holder).collect()
    }

    /// Makes room for this number of further bytes for a client. Other clients may be disconnected.
    fn make_room(&mut self, poller: &Poller, now: Instant, client: ClientId, bytes: usize) -> bool {
        loop {
            if self.held().saturating_add(bytes) <= MAX_HELD {
                return true;
            }
            let Some(peer) = self.find(client).map(|connection| connection.peer) else { return false };
            let Some(heaviest) = heaviest((client, peer), &self.holders(now)) else { return false };
            self.cut_off(poller, now, heaviest, &Response::busy(TOO_MUCH_HELD));
            // It may have gone on to read its last words.
            self.drop_client(poller, heaviest);
        }
    }

    fn find(&mut self, client: ClientId) -> Option<&mut Connection> {
        self.clients.iter_mut().find(|(id, _)| *id == client).map(|(_, connection)| connection)
    }

    /// Reads what a client has sent, unless that is more than can be held.
    fn read(&mut self, poller: &Poller, now: Instant, id: ClientId) {
        let (left, turn) = (self.allowance.bytes, self.allowance.turn);
        let Some(connection) = self.find(id) else { return };
        connection.last_read = turn;
        let is_limited = !connection.peer.may_change;
        let most = if is_limited { READ_AT_ONCE.min(left) } else { MAX_REQUEST.saturating_add(1) };
        let (count, mut result) = match connection.read(most) {
            Ok(count) => (count, Ok(())),
            Err(e) => (0, Err(e)),
        };
        if is_limited {
            self.allowance.bytes = left.saturating_sub(count);
        }
        if !self.make_room(poller, now, id, 0)
            && let Some(connection) = self.find(id)
        {
            result = connection.dismiss(&Response::busy(TOO_MUCH_HELD), now);
        }
        self.settle(poller, id, result);
    }

    /// Reads from and writes to a client as far as that is possible.
    fn serve(&mut self, poller: &Poller, now: Instant, id: ClientId, ready: Ready) {
        let reads = ready.readable || ready.hangup;
        let limited = self.find(id).filter(|connection| reads && !connection.peer.may_change);
        let last_read = limited.map(|connection| connection.last_read);
        if last_read.is_some_and(|last_read| !self.allowance.admits(last_read)) {
            // The poller reports it again in the next turn.
            return;
        }
        if ready.readable || ready.hangup {
            self.read(poller, now, id);
        }
        let Some(connection) = self.find(id) else { return };
        let result = if ready.writable { connection.flush(now) } else { Ok(()) };
        // Nobody will read an answer any more; but the request that it left behind is carried out.
        connection.gone |= ready.hangup;
        self.settle(poller, id, result);
    }

    /// Takes lines from a client's buffer until one is a request that may be carried out.
    fn next_request(&mut self, poller: &Poller, now: Instant, id: ClientId) -> Option<Incoming> {
        let connection = self.find(id)?;
        let mut result = Ok(());
        let mut incoming = None;
        for _ in 0..LINES_A_TURN {
            if result.is_err() {
                break;
            }
            match connection.next_line() {
                None => break,
                Some(Line::TooLong) => {
                    let refusal = Response::refused("the request is longer than 64 KiB");
                    result = connection.dismiss(&refusal, now);
                }
                Some(Line::Complete(line)) if line.trim_ascii().is_empty() => {}
                Some(Line::Complete(line)) => {
                    match Request::parse(&line).and_then(|r| permit(r, connection.peer)) {
                        Err(error) => result = connection.answer(Response::refused(error).to_line(), now),
                        Ok(request) => {
                            connection.busy = true;
                            connection.changes = request.verb.changes();
                            incoming = Some(Incoming { client: id, peer: connection.peer, request });
                            break;
                        }
                    }
                }
            }
        }
        self.settle(poller, id, result);
        incoming
    }

    /// After anything was done with a client: it is dropped, or watched for what it waits for now.
    fn settle(&mut self, poller: &Poller, id: ClientId, result: io::Result<()>) {
        let token = self.token.saturating_add(id.0);
        let Some(connection) = self.find(id) else { return };
        if result.is_err() || connection.is_finished() {
            return self.drop_client(poller, id);
        }
        let wanted = connection.interest();
        let watching = match connection.watched {
            // It would tell of its hang-up without end.
            watched if connection.gone => {
                watched.map_or(Ok(()), |_| poller.remove(connection.fd())).map(|()| None)
            }
            None => poller.add(connection.fd(), token, wanted).map(|()| Some(wanted)),
            Some(now) if now != wanted => {
                poller.modify(connection.fd(), token, wanted).map(|()| Some(wanted))
            }
            watched => Ok(watched),
        };
        match watching {
            Ok(watched) => connection.watched = watched,
            Err(_) => self.drop_client(poller, id),
        }
    }

    /// Deals with a client that has to go. What it has not read by now it never will; else it is told why.
    fn cut_off(&mut self, poller: &Poller, now: Instant, id: ClientId, refusal: &Response) {
        let Some(connection) = self.find(id) else { return };
        if connection.has_unread() || connection.busy {
            return self.drop_client(poller, id);
        }
        let result = connection.dismiss(refusal, now);
        self.settle(poller, id, result);
    }

    fn drop_client(&mut self, poller: &Poller, id: ClientId) {
        drop(self.take_client(poller, id));
    }

    /// It is no client any more.
    fn take_client(&mut self, poller: &Poller, id: ClientId) -> Option<Connection> {
        let at = self.clients.iter().position(|(known, _)| *known == id)?;
        let (_, connection) = self.clients.swap_remove(at);
        if connection.watched.is_some() {
            let _ = poller.remove(connection.fd());
        }
        self.resume_at = None;
        self.watch_listener(poller);
        Some(connection)
    }

    /// Listens again when the system may have what it lacked; what is told level-triggered must not be told when nothing
    /// is done about it.
    fn listen_if_possible(&mut self, poller: &Poller, now: Instant) {
        if self.resume_at.is_some_and(|at| at <= now) {
            self.resume_at = None;
        }
        self.watch_listener(poller);
    }

    fn watch_listener(&mut self, poller: &Poller) {
        let possible = self.resume_at.is_none();
        if possible != self.listening {
            let interest = if possible { Interest::Read } else { Interest::Hangup };
            if poller.modify(self.listener.as_fd(), self.token, interest).is_ok() {
                self.listening = possible;
            }
        }
    }
}

/// The one place where it is decided who may do what: all may read, only root and rinit's own user may change anything, and
/// read what services write.
fn permit(request: Request, peer: Peer) -> Result<Request, String> {
    let what = match request.verb {
        _ if peer.may_change => return Ok(request),
        Verb::Logs => "read logs",
        verb if verb.changes() => verb.as_str(),
        _ => return Ok(request),
    };
    Err(format!("user {} may not {what}: {WHO_MAY}", peer.uid))
}

#[cfg(test)]
mod tests;
