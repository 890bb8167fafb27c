//! Who connects is taken in, or refused.

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

/// Maximum number of connections accepted for one wake-up. The kernel's queue holds up to 4096, and who waits in it waits
/// behind everybody else, also behind those that have closed their end already.
pub(super) const ACCEPTS_A_TURN: usize = 512;

/// At most so many bytes are read at once of clients that may only read and are accepted for one wake-up, all of them together.
const READ_AT_ONCE: usize = 64 * 1024;

impl Server {
    pub(super) fn accept(&mut self, poller: &Poller, now: Instant) {
        let mut left = READ_AT_ONCE;
        for _ in 0..ACCEPTS_A_TURN {
            match socket::accept(&self.listener) {
                Ok(stream) => {
                    if self.trouble.worked() {
                        log::info!("control connections are accepted again");
                    }
                    left = left.saturating_sub(self.admit(poller, now, stream, left));
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

    /// Takes a new client in and reads what it has sent already. In a crowd only root's and rinit's own user's is read at
    /// once, and of others no more than is `left`: reading what hostile clients send, one after the other, would hold these
    /// up. Returns how many bytes were read of one that may only read.
    fn admit(&mut self, poller: &Poller, now: Instant, stream: UnixStream, left: usize) -> usize {
        let Ok(cred) = socket::peer(&stream) else { return 0 };
        let may_change = cred.uid == 0 || cred.uid == self.own_uid;
        let peer = Peer { uid: cred.uid, pid: cred.pid, may_change };
        let mut connection = Connection::new(stream, peer, now);
        if cred.pid == 0 {
            // The abstract socket can be reached from the whole network namespace, which other containers may share.
            let _ = connection.dismiss(&Response::refused("you are in another PID namespace"), now);
            return 0;
        }
        let holders = self.holders(now);
        let of_user = holders.iter().filter(|holder| holder.peer.uid == peer.uid).count();
        let is_free = left > 0 && !self.places.is_crowded(peer, holders.len(), of_user);
        let reads_now = peer.may_change || is_free;
        match self.places.admit(peer, &holders) {
            Verdict::Free => {}
            Verdict::InPlaceOf(other) => {
                self.cut_off(poller, now, other, &Response::busy("others need your place: try again later"));
                self.drop_client(poller, other);
            }
            Verdict::Refused(error) => {
                let _ = connection.dismiss(&Response::busy(error), now);
                return 0;
            }
        }
        let _ = connection.limit_unread();
        self.next_id = self.next_id.saturating_add(1);
        let id = ClientId(self.next_id);
        self.clients.push((id, connection));
        if reads_now {
            let count = self.read(poller, now, id);
            return if peer.may_change { 0 } else { count };
        }
        self.settle(poller, id, Ok(()));
        0
    }
}
