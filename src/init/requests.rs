//! Requests over the control socket, from the server to their answers.

use super::answer::{self, Pending};
use super::executor::Executor;
use super::source::Source;
use super::state::LastStop;
use crate::control::protocol::{Request, Response, Verb};
use crate::control::server::{Incoming, Server};
use crate::supervisor::{Event, ServiceId};
use crate::sys::poll::{Poller, Ready};
use std::time::Instant;

/// The server, if there is a control socket, and the requests that wait for their answer.
pub struct Requests {
    server: Option<Server>,
    pending: Vec<Pending>,
    source: Source,
    last_stop: Option<LastStop>,
}

impl Requests {
    pub fn new(server: Option<Server>, source: Source, last_stop: Option<LastStop>) -> Requests {
        Requests { server, pending: Vec::new(), source, last_stop }
    }

    /// Reads the configuration again, because a signal asks for it.
    pub fn reload(&self, executor: &mut Executor, epoch: Instant) {
        match self.source.reload(executor, epoch) {
            Ok(_) => {}
            Err(error) => log::error!("{error}"),
        }
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
        if server.deadline().is_some_and(|at| at <= Instant::now()) {
            let now = Instant::now();
            for incoming in server.expire(&executor.poller, now) {
                self.take(executor, epoch, incoming);
            }
        }
        if self.pending.is_empty() {
            return;
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
        let Incoming { client, peer, request } = incoming;
        let now = epoch.elapsed();
        let response = match request.verb {
            Verb::Health if !request.now => answer::health(&executor.supervisor, now, &request),
            Verb::Status => {
                let last_stop = self.last_stop.as_ref();
                answer::status(executor, now, &request.names, peer.may_change, last_stop)
            }
            Verb::Reload => match self.source.reload(executor, epoch) {
                Ok(report) => Response::reloaded(report),
                Err(error) => Response::refused(error),
            },
            Verb::Shutdown => {
                self.reply(executor, client, &Response::done());
                executor.feed(now, Event::StopRequested { signal: None });
                return;
            }
            _ => match act(executor, epoch, &request) {
                Ok(ids) => {
                    self.pending.push(Pending::new(client, request, &executor.supervisor, ids));
                    return;
                }
                Err(error) => Response::refused(error),
            },
        };
        self.reply(executor, client, &response);
    }

    fn reply(&mut self, executor: &Executor, client: crate::control::server::ClientId, response: &Response) {
        if let Some(server) = &mut self.server {
            server.reply(&executor.poller, Instant::now(), client, response);
        }
    }
}

/// Has done what the request asks for, with every service that it names.
fn act(executor: &mut Executor, epoch: Instant, request: &Request) -> Result<Vec<ServiceId>, String> {
    let ids = answer::named(&executor.supervisor, &request.names)?;
    if executor.supervisor.is_stopping() && request.verb.changes() {
        return Err("the container is being stopped".to_owned());
    }
    for &service in &ids {
        let event = match request.verb {
            Verb::Start => Event::Start { service },
            Verb::Stop => Event::Stop { service },
            Verb::Restart => Event::Restart { service },
            Verb::Pause => Event::Pause { service },
            Verb::Resume => Event::Resume { service },
            Verb::Health | Verb::Status | Verb::Reload | Verb::Shutdown => Event::ProbeNow { service },
        };
        executor.feed(epoch.elapsed(), event);
    }
    Ok(ids)
}
