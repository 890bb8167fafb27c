//! Requests over the control socket, from the server to their answers.

pub(super) mod answer;
mod asked;
mod defined;
mod details;
mod followers;
pub(super) mod listen;
mod wait;

use super::events::{self, Filter};
use super::executor::Executor;
use super::memory_trim::MemoryTrim;
use super::source::{Asker, Source};
use super::state::LastStop;
use crate::control::protocol::{ActionResult, Request, Response, Verb};
use crate::control::server::{ClientId, Incoming, Peer, Server};
use crate::logger::told::LogRequest;
use crate::model::Signal;
use crate::supervisor::{Event, Scope, ServiceId, State, Time};
use crate::sys::poll::Ready;
use answer::Pending;
use followers::Followers;
use std::time::{Duration, Instant};

/// Maximum number of clients served, and for how long, before rinit looks after its services again: whatever is asked
/// for, these come first.
const CLIENTS_A_TURN: usize = 8;
const TURN: Duration = Duration::from_millis(1);

/// Maximum number of clients that may only read and wait or follow at a time, and no more than every second place.
const MAX_LASTING: usize = 32;

/// One place of so many, of all and of each user's share, is for who wants an answer at once: a health check above all.
const SHARE_AT_ONCE: usize = 8;

/// For who would wait or follow with a request for which there is no room.
const TOO_MUCH_KEPT: &str = "too much is held for other clients: try again later";

/// The server, if there is a control socket, and the requests that wait for their answer.
pub struct Requests {
    server: Option<Server>,
    pending: Vec<Pending>,
    followers: Followers,
    source: Source,
    last_stop: Option<LastStop>,
    memory_trim: MemoryTrim,
}

impl Requests {
    pub fn new(server: Option<Server>, source: Source, last_stop: Option<LastStop>) -> Requests {
        Requests {
            server,
            pending: Vec::new(),
            followers: Followers::default(),
            source,
            last_stop,
            memory_trim: MemoryTrim::Nothing,
        }
    }

    /// What there is to give back since this was asked last.
    pub fn take_memory_trim(&mut self) -> MemoryTrim {
        std::mem::take(&mut self.memory_trim)
    }

    /// Has the configuration read again, because a signal asks for it.
    pub fn reload(&mut self, executor: &mut Executor, epoch: Instant) {
        if let Err(error) = self.source.ask(executor, epoch.elapsed(), Asker::Signal) {
            log::error!("{error}");
        }
    }

    /// Where the configuration is read, carries out what has changed and answers those who have asked for it.
    pub fn finish_reading(&mut self, executor: &mut Executor, epoch: Instant) {
        while let Some((askers, result)) = self.source.finish(executor, epoch.elapsed(), &self.pending) {
            self.memory_trim = MemoryTrim::Everything;
            match &result {
                Err(error) if askers.contains(&Asker::Signal) => log::error!("{error}"),
                Err(error) => log::warn!("{}", self.source.refusal_in_short(error)),
                Ok(_) => {}
            }
            let response = match result {
                Ok(report) => Response::reloaded(report),
                Err(error) => Response::refused(error),
            };
            for asker in askers {
                if let Asker::Client(client) = asker {
                    self.reply(executor, client, &response);
                }
            }
        }
    }

    /// When `settle` has something to do, unless something happens before.
    pub fn deadline(&self, epoch: Instant) -> Option<Instant> {
        let server = self.server.as_ref().and_then(Server::deadline);
        let pending = self.pending.iter().filter_map(Pending::deadline).min();
        let pending = pending.and_then(|at| epoch.checked_add(at));
        let more = self.followers.has_more().then(Instant::now);
        [server, pending, more].into_iter().flatten().min()
    }

    /// Nothing has run for this long, perhaps: limits of clients are extended.
    pub fn overslept(&mut self, by: Duration) {
        if let Some(server) = &mut self.server {
            server.overslept(Instant::now(), by);
        }
        self.pending.iter_mut().for_each(|pending| pending.overslept(by));
    }

    /// Something is ready that is neither a child's nor the signals'.
    pub fn ready(&mut self, executor: &Executor, ready: Ready) {
        if let Some(server) = &mut self.server {
            server.ready(&executor.poller, Instant::now(), ready);
        }
    }

    /// Goes on with what waits: for its turn, for a client, a service, or a probe; and tells those who follow what has
    /// happened.
    pub fn settle(&mut self, executor: &mut Executor, epoch: Instant) {
        let begun = Instant::now();
        let Some(server) = &mut self.server else { return };
        server.begin_turn();
        if server.deadline().is_some_and(|at| at <= begun) {
            server.expire(&executor.poller, begun);
            self.serve(executor, epoch, begun);
        }
        if !self.pending.is_empty() {
            self.answer_pending(executor, epoch.elapsed());
        }
        if let Some(server) = &mut self.server {
            self.followers.tell(server, &executor.poller, &executor.supervisor, &executor.events);
        }
    }

    fn answer_pending(&mut self, executor: &Executor, now: Time) {
        let mut pending = std::mem::take(&mut self.pending);
        pending.retain(|pending| match pending.answer(&executor.supervisor, &executor.services, now) {
            Some(response) => {
                self.reply(executor, pending.client, &response);
                false
            }
            None => self.server.as_ref().is_some_and(|server| server.is_waiting(pending.client)),
        });
        self.pending.append(&mut pending);
    }

    /// The end: every client gets what it can still take, and those who wait for something a word.
    pub fn close(&mut self, executor: &Executor) {
        for pending in std::mem::take(&mut self.pending) {
            self.reply(executor, pending.client, &Response::refused("the container has stopped"));
        }
        if let Some(mut server) = self.server.take() {
            let poller = &executor.poller;
            self.followers.finish(&mut server, poller, &executor.supervisor, &executor.events);
            server.flush_and_close(poller, Instant::now());
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
        let Incoming { client, peer, mut request } = incoming;
        request.names = self.source.expand(request.names);
        self.memory_trim = self.memory_trim.max(MemoryTrim::after(request.verb));
        let now = epoch.elapsed();
        let response = match request.verb {
            Verb::Health if !request.now => answer::health(&executor.supervisor, now, &request),
            Verb::Status => {
                let last_stop = self.last_stop.as_ref();
                answer::status(executor, now, &request, peer.may_change, last_stop)
            }
            Verb::Reload => match self.source.ask(executor, now, Asker::Client(client)) {
                Ok(()) => return asked::tell(&executor.supervisor, peer, "reload", &[]),
                Err(error) => {
                    log::warn!("{}", self.source.refusal_in_short(&error));
                    Response::refused(error)
                }
            },
            Verb::Shutdown => {
                asked::tell(&executor.supervisor, peer, "shutdown", &[]);
                self.reply(executor, client, &Response::done());
                executor.feed(now, Event::StopRequested { signal: None });
                return;
            }
            Verb::Signal => signal(executor, now, peer, &request).unwrap_or_else(Response::refused),
            Verb::Events => match self.events(executor, client, peer, request) {
                Ok(()) => return,
                Err(error) => Response::refused(error),
            },
            Verb::Logs => match self.logs(executor, client, &request) {
                Ok(()) => return,
                Err(response) => *response,
            },
            Verb::Health
            | Verb::Start
            | Verb::Stop
            | Verb::Restart
            | Verb::Pause
            | Verb::Resume
            | Verb::Wait => match self.wait(executor, epoch, client, peer, request) {
                Ok(None) => return,
                Ok(Some(response)) => response,
                Err(error) => Response::refused(error),
            },
        };
        self.reply(executor, client, &response);
    }

    /// Hands a client who asks for logs over to the logger.
    fn logs(
        &mut self,
        executor: &mut Executor,
        client: ClientId,
        request: &Request,
    ) -> Result<(), Box<Response>> {
        let routes = executor.log_routes(&request.names)?;
        let Some(stream) = self.server.as_mut().and_then(|server| server.give_away(&executor.poller, client))
        else {
            return Ok(());
        };
        let until = request.until_ms.map(|ago| events::wall_clock().saturating_sub(ago));
        let Request { follow, tail, since_ms, .. } = *request;
        let request = LogRequest { routes, follow, tail, since_ms, until_ms: until };
        executor.handover.give(request, stream);
        Ok(())
    }

    fn reply(&mut self, executor: &Executor, client: ClientId, response: &Response) {
        if let Some(server) = &mut self.server {
            server.reply(&executor.poller, Instant::now(), client, response);
        }
    }

    /// Begins what takes its time. The answer, if there is one already.
    fn wait(
        &mut self,
        executor: &mut Executor,
        epoch: Instant,
        client: ClientId,
        peer: Peer,
        request: Request,
    ) -> Result<Option<Response>, String> {
        let ids = answer::named(&executor.supervisor, &request.names)?;
        let no_wait = request.no_wait;
        if !no_wait {
            self.may_last(peer)?;
        }
        if !no_wait && !self.keep(executor, client, Pending::size(&request, ids.len())) {
            return Ok(Some(Response::busy(TOO_MUCH_KEPT)));
        }
        // A probe that cannot be made has failed before this returns.
        let before = ids.iter().map(|id| (*id, executor.supervisor.probes(*id).0)).collect();
        act(executor, epoch, peer, &request, &ids)?;
        let now = epoch.elapsed();
        let pending = Pending::new(client, request, peer, now, before);
        if no_wait {
            return Ok(Some(pending.taken_in(&executor.supervisor, now)));
        }
        self.pending.push(pending);
        Ok(None)
    }

    /// Whether so many bytes may be kept for a client.
    fn keep(&mut self, executor: &Executor, client: ClientId, bytes: usize) -> bool {
        let server = self.server.as_mut();
        server.is_some_and(|server| server.keep(&executor.poller, Instant::now(), client, bytes))
    }

    /// Answers `events`, and remembers who wants more of them.
    fn events(
        &mut self,
        executor: &Executor,
        client: ClientId,
        peer: Peer,
        request: Request,
    ) -> Result<(), String> {
        let (events, supervisor) = (&executor.events, &executor.supervisor);
        if !request.names.is_empty() {
            // The events of a service that is gone are kept.
            let names = (0..supervisor.len()).map(|id| supervisor.name(ServiceId(id)));
            let all: Vec<((), &str)> = names.chain(events.gone_names()).map(|name| ((), name)).collect();
            answer::chosen(&request.names, &all)?;
        }
        let size = request.size();
        let mut filter = Filter::new(request.names, request.kinds);
        if let Some(kind) = filter.unknown_kind() {
            return Err(format!("there are no events of the kind {kind}; there are {}", events::words()));
        }
        let (seen, lost) = match (request.since, request.since_ms) {
            (Some(_), Some(_)) => return Err("\"since\" and \"since_ms\" exclude each other".to_owned()),
            (Some(seen), None) if seen > events.last() => {
                return Err(format!("there is no event {seen} yet: the last one is {}", events.last()));
            }
            (Some(seen), None) => (seen, events.gone().saturating_sub(seen)),
            (None, Some(ms)) => {
                let seen = events.before(events::wall_clock().saturating_sub(ms));
                // Where all that is kept is as young, more of it may be gone.
                (seen, if seen == events.gone() { seen } else { 0 })
            }
            (None, None) => (events.gone(), 0),
        };
        if request.follow {
            self.may_last(peer)?;
            if !self.keep(executor, client, size) {
                self.reply(executor, client, &Response::busy(TOO_MUCH_KEPT));
                return Ok(());
            }
        }
        let report = events.report(supervisor, seen, &mut filter, lost);
        let seen = report.seen;
        let response = Response::events(report);
        if !request.follow {
            self.reply(executor, client, &response);
        } else if let Some(server) = &mut self.server {
            server.follow(&executor.poller, Instant::now(), client, &response);
            self.followers.add(client, peer, seen, filter);
        }
        Ok(())
    }

    /// Whether one client more may keep its place for as long as it likes.
    fn may_last(&self, peer: Peer) -> Result<(), String> {
        let Some(server) = &self.server else { return Ok(()) };
        let waiting = self.pending.iter().map(|pending| pending.peer);
        let lasting = waiting.chain(self.followers.peers());
        let all_but_some = |places: usize| places.saturating_sub(places.div_ceil(SHARE_AT_ONCE)).max(1);
        let of_user = all_but_some(server.share(peer));
        let has_share = server.share(peer) < server.places();
        if has_share && lasting.clone().filter(|other| other.uid == peer.uid).count() >= of_user {
            let user = peer.uid;
            return Err(format!("{of_user} clients of user {user} wait or follow already: try again later"));
        }
        let of_readers = MAX_LASTING.min(server.places().div_ceil(2));
        let readers = lasting.clone().filter(|other| !other.may_change).count();
        let of_all = all_but_some(server.places());
        let limit = match peer.may_change {
            false if readers >= of_readers => of_readers,
            _ if lasting.count() >= of_all => of_all,
            _ => return Ok(()),
        };
        Err(format!("{limit} clients wait or follow already: try again later"))
    }
}

/// Has done what the request asks for, with every service that it names.
fn act(
    executor: &mut Executor,
    epoch: Instant,
    peer: Peer,
    request: &Request,
    ids: &[ServiceId],
) -> Result<(), String> {
    if executor.supervisor.is_stopping() && request.verb.changes() {
        return Err("the container is being stopped".to_owned());
    }
    refuse_manual_stop(executor, request, ids)?;
    if request.verb.changes() {
        asked::tell(&executor.supervisor, peer, request.verb.as_str(), ids);
    }
    // What is started and stopped together is so in order, which the supervisor knows.
    let each = |event: fn(ServiceId) -> Event| ids.iter().copied().map(event).collect();
    let events: Vec<Event> = match request.verb {
        Verb::Start => vec![Event::Start { services: ids.to_vec() }],
        Verb::Stop => vec![Event::Stop { services: ids.to_vec() }],
        Verb::Restart => vec![Event::Restart { services: ids.to_vec() }],
        Verb::Pause => each(|service| Event::Pause { service }),
        Verb::Resume => each(|service| Event::Resume { service }),
        Verb::Health => each(|service| Event::ProbeNow { service }),
        Verb::Status
        | Verb::Signal
        | Verb::Wait
        | Verb::Events
        | Verb::Logs
        | Verb::Reload
        | Verb::Shutdown => Vec::new(),
    };
    for event in events {
        executor.feed(epoch.elapsed(), event);
    }
    Ok(())
}

/// Why a signal was not sent, where nothing more is known.
const NOT_SENT: &str = "it could not be sent";

/// Sends a signal to the main process of every service that the request names. Also while the container stops: that may
/// be what shows why a service does not end.
fn signal(executor: &mut Executor, now: Time, peer: Peer, request: &Request) -> Result<Response, String> {
    let ids = answer::named(&executor.supervisor, &request.names)?;
    let name = request.signal.as_deref().unwrap_or_default();
    let signal = Signal::parse(name).ok_or_else(|| format!("no signal is called {name}"))?;
    let (scope, whom) = match request.group {
        true => (Scope::Group, "process group"),
        false => (Scope::Process, "process"),
    };
    asked::tell(&executor.supervisor, peer, &signal.to_string(), &ids);
    let mut results = Vec::new();
    let mut sent = Vec::new();
    for service in ids {
        let view = executor.supervisor.view(now, service);
        let name = executor.supervisor.name(service).to_owned();
        let (done, message) = match view.map(|view| (view.pid, view.state)) {
            Some((Some(_), State::Paused)) if signal == Signal::CONT => {
                (false, "it is paused: rinit resume has it go on".to_owned())
            }
            Some((Some(pid), _)) => {
                executor.feed(now, Event::Signal { service, scope, signal });
                if executor.signal_senders.is_refused(service) {
                    (false, executor.supervisor.refusal(service).unwrap_or(NOT_SENT).to_owned())
                } else if executor.supervisor.is_controlled(service) {
                    (true, format!("{signal} taken in: a control command runs first"))
                } else if executor.signal_senders.is_to_send(pid) {
                    let why = "rinit lacks the capability KILL";
                    (true, format!("{signal} for {whom} {} is being sent as its user: {why}", pid.0))
                } else {
                    sent.push((service, results.len()));
                    (true, format!("{signal} sent to {whom} {}", pid.0))
                }
            }
            Some((None, _)) | None => {
                let state = wait::describe(&executor.supervisor, now, service);
                (false, format!("it has no process: {state}"))
            }
        };
        results.push(ActionResult { service: name, done, message });
    }
    let refused = executor.prove(now);
    for (service, at) in sent.into_iter().filter(|(service, _)| refused.contains(service)) {
        if let Some(result) = results.get_mut(at) {
            let why = executor.supervisor.refusal(service).unwrap_or(NOT_SENT);
            (result.done, result.message) = (false, why.to_owned());
        }
    }
    Ok(Response::results(results))
}

/// A service may say of itself that it is not to be stopped by hand.
fn refuse_manual_stop(executor: &Executor, request: &Request, ids: &[ServiceId]) -> Result<(), String> {
    if request.force || !matches!(request.verb, Verb::Stop | Verb::Restart) {
        return Ok(());
    }
    let refusing = ids.iter().find_map(|ServiceId(index)| {
        executor.services.get(*index).filter(|service| service.policy.refuse_manual_stop)
    });
    match refusing {
        Some(service) => {
            let verb = request.verb.as_str();
            Err(format!(
                "{} refuses to be stopped by hand: {verb} --force does it all the same",
                service.name
            ))
        }
        None => Ok(()),
    }
}
