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
