//! Admits new clients, or refuses them.

#![forbid(unsafe_code)]

use super::Server;
use crate::control::connection::Connection;
use crate::control::peer::{ClientId, Peer};
use crate::control::places::Verdict;
use crate::control::protocol::Response;
use crate::model::text;
use crate::sys::poll::Poller;
use crate::sys::socket;
use std::io;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// How long the listener rests when the system lacks what a connection needs.
const ACCEPT_RETRY: Duration = Duration::from_secs(1);

/// Maximum number of connections accepted in one turn of the event loop. The kernel's queue holds up to 4096, and who waits in
/// it waits behind everybody else, also behind those that have closed their end already.
pub(super) const ACCEPTS_A_TURN: usize = 512;

/// Maximum number of bytes read in one turn from all clients together that may only read: a crowd that sends long requests
/// must not hold up everything else.
pub(super) const READ_A_TURN: usize = 64 * 1024;

/// What one turn of the event loop may still cost. Clients that found nothing left go first in the next turn.
pub(super) struct Allowance {
    /// The number of the turn.
    pub(super) turn: u64,
    /// Connections to accept.
    connections: usize,
    /// Bytes to read from clients that may only read.
    pub(super) bytes: usize,
    /// Only clients that were last read in this turn, or before, are read.
    read_by: u64,
    /// When the one was last read that has waited longest, of those that were not read in this turn.
    waits_since: u64,
}

impl Default for Allowance {
    fn default() -> Allowance {
        let (connections, bytes) = (ACCEPTS_A_TURN, READ_A_TURN);
        Allowance { turn: 1, connections, bytes, read_by: u64::MAX, waits_since: u64::MAX }
    }
}

impl Allowance {
    /// That of the next turn.
    pub(super) fn next(&self) -> Allowance {
        Allowance { turn: self.turn.saturating_add(1), read_by: self.waits_since, ..Allowance::default() }
    }

    /// Whether a client that may only read, and was last read in that turn, may be read now.
    pub(super) fn admits(&mut self, last_read: u64) -> bool {
        let admits = self.bytes > 0 && last_read <= self.read_by;
        if !admits {
            self.waits_since = self.waits_since.min(last_read);
        }
        admits
    }
}

impl Server {
    pub(super) fn accept(&mut self, poller: &Poller, now: Instant) {
        while let Some(left) = self.allowance.connections.checked_sub(1) {
            self.allowance.connections = left;
            match socket::accept(&self.listener) {
                Ok(stream) => {
                    if self.trouble.worked() {
                        log::info!("control connections are accepted again");
                    }
                    self.admit(poller, now, stream);
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                Err(e) if e.kind() == io::ErrorKind::ConnectionAborted => {}
                // No descriptor or memory is left, or the like. The connection stays in the queue, and the listener
                // would tell of it without end.
                Err(e) => {
                    if let Some(cause) = self.trouble.failed(now, text::cause(&e)) {
                        log::warn!("cannot accept a control connection: {cause}");
                    }
                    self.resume_at = now.checked_add(ACCEPT_RETRY);
                    break;
                }
            }
        }
    }

    /// Admits a new client and reads what it has sent already. In a crowd, rinit reads at once only from root and its own
    /// user: requests of hostile clients would hold these up.
    fn admit(&mut self, poller: &Poller, now: Instant, stream: UnixStream) {
        let Ok(cred) = socket::peer(&stream) else { return };
        let may_change = cred.uid == 0 || cred.uid == self.own_uid;
        let peer = Peer { uid: cred.uid, pid: cred.pid, may_change };
        let mut connection = Connection::new(stream, peer, now);
        if cred.pid == 0 {
            // The abstract socket can be reached from the whole network namespace, which other containers may share.
            let _ = connection.dismiss(&Response::refused("you are in another PID namespace"), now);
            return;
        }
        let holders = self.holders(now);
        let of_user = holders.iter().filter(|holder| holder.peer.uid == peer.uid).count();
        let is_free = self.allowance.bytes > 0 && !self.places.is_crowded(peer, holders.len(), of_user);
        let reads_now = peer.may_change || is_free;
        match self.places.admit(peer, &holders) {
            Verdict::Free => {}
            Verdict::InPlaceOf(other) => {
                self.cut_off(poller, now, other, &Response::busy("others need your place: try again later"));
                self.drop_client(poller, other);
            }
            Verdict::Refused(error) => {
                let _ = connection.dismiss(&Response::busy(error), now);
                return;
            }
        }
        let _ = connection.limit_unread();
        self.next_id = self.next_id.saturating_add(1);
        let id = ClientId(self.next_id);
        self.clients.push((id, connection));
        if reads_now {
            return self.read(poller, now, id);
        }
        self.settle(poller, id, Ok(()));
    }
}
