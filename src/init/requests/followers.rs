//! Clients that follow the events. None has a buffer of its own here: each has a number, up to which it was told, and
//! gets what comes after that from the events that are kept, when it has read what it was sent before.

#![forbid(unsafe_code)]

use crate::control::protocol::{EventsReport, Response};
use crate::control::server::{ClientId, Peer, Room, Server};
use crate::init::events::{Events, Filter};
use crate::supervisor::Supervisor;
use crate::sys::poll::Poller;
use std::time::Instant;

/// So many events one follower is told at a time.
const EVENTS_A_TURN: usize = 64;

struct Follower {
    client: ClientId,
    peer: Peer,
    /// The number of the last event that it was told, or that it does not want.
    seen: u64,
    filter: Filter,
}

/// All of them.
#[derive(Default)]
pub struct Followers {
    all: Vec<Follower>,
    /// Somebody has read everything, and there is more for it.
    more: bool,
}

impl Followers {
    /// One more, from the event after number `seen` on.
    pub fn add(&mut self, client: ClientId, peer: Peer, seen: u64, filter: Filter) {
        self.all.push(Follower { client, peer, seen, filter });
    }

    /// Who they are.
    pub fn peers(&self) -> impl Iterator<Item = Peer> + Clone {
        self.all.iter().map(|follower| follower.peer)
    }

    /// Whether there is something to be told at once.
    pub fn has_more(&self) -> bool {
        self.more
    }

    /// Tells everybody what has happened since, as far as there is room for it.
    pub fn tell(&mut self, server: &mut Server, poller: &Poller, supervisor: &Supervisor, events: &Events) {
        self.more = false;
        let mut more = false;
        self.all.retain_mut(|follower| match server.room(follower.client) {
            None => false,
            Some(Room::None) if follower.seen < events.gone() => {
                let missed = events.gone().saturating_sub(follower.seen);
                let error = format!("cut off: {missed} events are gone that you did not read in time");
                server.dismiss(poller, Instant::now(), follower.client, &error);
                false
            }
            Some(Room::None) => true,
            Some(Room::Free) => {
                let lines = follower.next(supervisor, events);
                if !lines.is_empty() {
                    server.push(poller, Instant::now(), follower.client, lines);
                }
                more |= follower.seen < events.last() && server.room(follower.client) == Some(Room::Free);
                true
            }
        });
        self.more = more;
    }

    /// The end of rinit: everybody gets what there is left, and is told that this was all.
    pub fn finish(&mut self, server: &mut Server, poller: &Poller, supervisor: &Supervisor, events: &Events) {
        loop {
            self.tell(server, poller, supervisor, events);
            if !self.more {
                break;
            }
        }
        for follower in self.all.drain(..) {
            server.push(poller, Instant::now(), follower.client, Response::done().to_line());
        }
    }
}

impl Follower {
    /// The next lines for it.
    fn next(&mut self, supervisor: &Supervisor, events: &Events) -> Vec<u8> {
        let mut lines = Vec::new();
        if self.seen < events.gone() {
            // It reads, but so much has happened at once.
            let lost = events.gone().saturating_sub(self.seen);
            let seen = events.gone();
            let report = EventsReport { lost, seen, more: true, events: Vec::new() };
            lines.extend(Response::events(report).to_line());
        }
        self.seen = events.after(supervisor, self.seen, &mut self.filter, EVENTS_A_TURN, |event| {
            lines.extend(Response::event(event).to_line());
        });
        lines
    }
}
