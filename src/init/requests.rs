//! Requests over the control socket, from the server to their answers.

use super::answer::{self, Pending};
use super::executor::Executor;
use crate::control::protocol::{Request, Response, Verb};
use crate::control::server::{Incoming, Server};
use crate::supervisor::{Event, ServiceId};
use crate::sys::poll::{Poller, Ready};
use std::time::Instant;

/// The server, if there is a control socket, and the requests that wait for their answer.
pub struct Requests {
    server: Option<Server>,
    pending: Vec<Pending>,
}

impl Requests {
    pub fn new(server: Option<Server>) -> Requests {
        Requests { server, pending: Vec::new() }
    }

    /// When `settle` has something to do, unless something happens before.
    pub fn deadline(&self) -> Option<Instant> {
        self.server.as_ref().and_then(Server::deadline)
    }

    /// Something is ready that is neither a child's nor the signals'.
    pub fn ready(&mut self, executor: &mut Executor, epoch: Instant, ready: Ready) {
        let Some(server) = &mut self.server else { return };
        for incoming in server.ready(&executor.poller, Instant::now(), ready) {
            self.take(executor, epoch, incoming);
        }
    }

    /// Goes on with what waits: for a client, or for a probe.
    pub fn settle(&mut self, executor: &mut Executor, epoch: Instant) {
        let Some(server) = &mut self.server else { return };
        let now = Instant::now();
        if server.deadline().is_some_and(|at| at <= now) {
            for incoming in server.expire(&executor.poller, now) {
                self.take(executor, epoch, incoming);
            }
        }
        let mut pending = std::mem::take(&mut self.pending);
        pending.retain(|pending| match pending.answer(&executor.supervisor, epoch.elapsed()) {
            Some(response) => {
                self.reply(executor, pending.client, &response);
                false
            }
            None => self.server.as_ref().is_some_and(|server| server.is_waiting(pending.client)),
        });
        self.pending.append(&mut pending);
    }

    /// The end: every client gets what it can still take.
    pub fn close(&mut self, poller: &Poller, now: Instant) {
        if let Some(server) = self.server.take() {
            server.flush_and_close(poller, now);
        }
    }

    fn take(&mut self, executor: &mut Executor, epoch: Instant, incoming: Incoming) {
        let Incoming { client, request, .. } = incoming;
        let now = epoch.elapsed();
        let response = match request.verb {
            Verb::Health if request.now => match probe_now(executor, epoch, &request) {
                Ok(probed) => {
                    self.pending.push(Pending::new(client, request, &executor.supervisor, probed));
                    return;
                }
                Err(error) => Response::refused(error),
            },
            Verb::Health => answer::health(&executor.supervisor, now, &request),
            Verb::Status => answer::status(&executor.supervisor, &executor.services, now, &request.names),
            Verb::Shutdown => {
                self.reply(executor, client, &Response::done());
                executor.feed(now, Event::StopRequested { signal: None });
                return;
            }
        };
        self.reply(executor, client, &response);
    }

    fn reply(&mut self, executor: &Executor, client: crate::control::server::ClientId, response: &Response) {
        if let Some(server) = &mut self.server {
            server.reply(&executor.poller, Instant::now(), client, response);
        }
    }
}

/// Has every service that the request asks about and that can be probed probed at once.
fn probe_now(executor: &mut Executor, epoch: Instant, request: &Request) -> Result<Vec<ServiceId>, String> {
    let ids = answer::named(&executor.supervisor, &request.names)?;
    for id in &ids {
        executor.feed(epoch.elapsed(), Event::ProbeNow { service: *id });
    }
    Ok(ids)
}
