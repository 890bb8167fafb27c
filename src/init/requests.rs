//! Requests over the control socket, from the server to their answers.

use super::answer::{self, Pending};
use super::executor::Executor;
use super::source::Source;
use super::state::LastStop;
use crate::control::protocol::{Request, Response, Verb};
use crate::control::server::{Incoming, Server};
use crate::supervisor::{Event, ServiceId};
use crate::sys::poll::{Poller, Ready};
use std::time::{Duration, Instant};

/// So many clients are served, and for so long, before rinit looks after its services again: whatever is asked for,
/// these come first.
const CLIENTS_A_TURN: usize = 8;
const TURN: Duration = Duration::from_millis(1);

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
    pub fn ready(&mut self, executor: &Executor, ready: Ready) {
        if let Some(server) = &mut self.server {
            server.ready(&executor.poller, Instant::now(), ready);
        }
    }

    /// Goes on with what waits: for its turn, for a client, or for a probe.
    pub fn settle(&mut self, executor: &mut Executor, epoch: Instant) {
        let begun = Instant::now();
        let Some(server) = &mut self.server else { return };
        if server.deadline().is_some_and(|at| at <= begun) {
            server.expire(&executor.poller, begun);
            self.serve(executor, epoch, begun);
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

    /// Takes the requests whose turn it is.
    fn serve(&mut self, executor: &mut Executor, epoch: Instant, begun: Instant) {
        for _ in 0..CLIENTS_A_TURN {
            let Some(server) = &mut self.server else { return };
            let Some(client) = server.runnable() else { return };
            let now = Instant::now();
            if now.saturating_duration_since(begun) >= TURN {
                return;
            }
            if let Some(incoming) = server.advance(&executor.poller, now, client) {
                self.take(executor, epoch, incoming);
            }
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
