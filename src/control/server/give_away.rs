//! Connections that somebody else goes on with.

#![forbid(unsafe_code)]

use super::{ClientId, Server};
use crate::sys::poll::Poller;
use std::os::unix::net::UnixStream;

impl Server {
    /// Gives away the connection of a client that waits for an answer: who gets it answers. What the client has sent behind
    /// its request is not read.
    pub fn give_away(&mut self, poller: &Poller, client: ClientId) -> Option<UnixStream> {
        match self.is_waiting(client) {
            true => self.take_client(poller, client)?.into_stream(),
            false => None,
        }
    }
}
