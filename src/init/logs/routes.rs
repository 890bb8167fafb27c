//! What the executor does for services that log.

use super::handover::Word;
use super::pipes::{LogPipes, Output};
use crate::control::protocol::Response;
use crate::init::executor::Executor;
use crate::init::launch;
use crate::init::requests::answer;
use crate::logger::told::{FromLogger, ToLogger};
use crate::model::log_files::LogFiles;
use crate::model::{LOGGER, Service};
use crate::supervisor::{ServiceId, StartError, State};
use std::os::fd::{BorrowedFd, RawFd};

/// Where the output of services is that have no log driver.
const ELSEWHERE: &str = "docker logs shows it, or --log-driver console has rinit keep it";

/// More do not fit into a message to the logger.
const MOST_ROUTES: usize = 4096;

impl Executor {
    /// What an output of a service that logs is written to with.
    pub(in crate::init) fn log_writer(&mut self, id: ServiceId, output: Output) -> Result<RawFd, StartError> {
        let owner = self.definition(id).and_then(launch::user_of);
        let number = self.handover.number();
        let place = self.places.of(id);
        place.log.take_if(|log| log.is_closed());
        let log = place.log.get_or_insert_with(|| Box::new(LogPipes::new(number)));
        let writer = log.writer(output, owner.as_ref());
        let (writer, is_new) = writer.map_err(|e| launch::pipe_error(LOGGER, &e))?;
        if is_new {
            self.handover.tell(Word::Route(id));
        }
        Ok(writer)
    }

    /// What the logger gets as its standard input. It is told of all that log.
    pub(in crate::init) fn log_socket(&mut self) -> Result<RawFd, StartError> {
        let socket = self.handover.connect(&self.poller);
        let socket = socket.map_err(|e| launch::pipe_error(LOGGER, &e))?;
        let all = self.places.all().filter(|(_, place)| place.log.is_some());
        let all: Vec<ServiceId> = all.map(|(id, _)| id).collect();
        all.into_iter().for_each(|id| self.handover.tell(Word::Route(id)));
        Ok(socket)
    }

    /// A process of a service has ended, and all that it has written is in its pipes.
    pub(in crate::init) fn log_ended(&mut self, id: ServiceId) {
        if self.places.get(id).is_some_and(|place| place.log.is_some()) {
            self.handover.tell(Word::Ended(id));
        }
        if self.handover.is_connected() && self.supervisor.name(id) == LOGGER {
            self.hear_logger();
            self.handover.disconnect(&self.poller);
        }
    }

    /// Nothing more comes: the logger reads what is left.
    pub(in crate::init) fn end_logs(&mut self) {
        self.places.all_mut().filter_map(|(_, place)| place.log.as_deref_mut()).for_each(LogPipes::close);
        self.handover.end();
    }

    /// A reload has brought other definitions: the logger is told of those that differ.
    pub(in crate::init) fn renew_logs(&mut self, before: &[Service]) {
        for (index, service) in self.services.iter().enumerate() {
            let is_same = before.get(index).is_some_and(|it| it.logging == service.logging);
            let id = ServiceId(index);
            if !is_same && self.places.get(id).is_some_and(|place| place.log.is_some()) {
                self.handover.tell(Word::Route(id));
            }
        }
    }

    /// Closes the pipes of services that are gone for good, or do not log any more. What is in them was or will be read.
    pub(in crate::init) fn drop_logs(&mut self) {
        let (supervisor, services) = (&self.supervisor, &self.services);
        let is_needed = |id: ServiceId| {
            let is_over = matches!(
                supervisor.state(id),
                Some((State::Stopped | State::Completed | State::Failed, _)) | None
            );
            let is_gone = supervisor.find(supervisor.name(id)) != Some(id);
            let logs = services.get(id.0).is_some_and(|service| service.logging.is_some());
            !is_over || (!is_gone && logs)
        };
        for (id, place) in self.places.all_mut().filter(|(_, place)| place.log.is_some()) {
            place.log.take_if(|_| !is_needed(id));
        }
    }

    /// The logger has something to tell.
    pub(in crate::init) fn hear_logger(&mut self) {
        for told in self.handover.read(&self.poller) {
            let (FromLogger::Lost { number, .. } | FromLogger::Trouble { number, .. }) = told;
            let found = self.places.all_mut().find_map(|(id, place)| {
                place.log.as_deref_mut().filter(|log| log.number() == number).map(|log| (id, log))
            });
            let Some((id, log)) = found else { continue };
            let count = match told {
                FromLogger::Lost { count, .. } => count,
                FromLogger::Trouble { trouble, .. } => {
                    let service = self.services.get(id.0);
                    let logging = service.and_then(|service| service.logging.as_deref());
                    let files = logging.and_then(|logging| LogFiles::of(logging, self.supervisor.name(id)));
                    let path = files.map_or_else(|| "its log file".to_owned(), |files| files.path);
                    log::warn!(target: self.supervisor.name(id), "{}", trouble.about(&path));
                    continue;
                }
            };
            log.lost = log.lost.saturating_add(count);
            let lines = if count == 1 { "line" } else { "lines" };
            log::warn!(target: self.supervisor.name(id), "{count} {lines} of its output could not be delivered");
        }
    }

    /// The routes of the services that somebody wants to see the logs of; `None`: all.
    pub(in crate::init) fn log_routes(&self, names: &[String]) -> Result<Option<Vec<u32>>, Box<Response>> {
        let ids = answer::named(&self.supervisor, names).map_err(refused)?;
        let mut routes = Vec::new();
        for id in ids {
            let service = self.services.get(id.0);
            match self.places.get(id).and_then(|place| place.log.as_deref()) {
                Some(log) => routes.push(log.number()),
                None if !names.is_empty() && service.is_some_and(|service| service.logging.is_none()) => {
                    let name = self.supervisor.name(id);
                    return Err(refused(format!("{name} writes to rinit's own output: {ELSEWHERE}")));
                }
                // It has not been started.
                None => {}
            }
        }
        if !self.services.iter().any(|service| service.logging.is_some()) {
            return Err(refused(format!("every service writes to rinit's own output: {ELSEWHERE}")));
        }
        match self.handover.takes_clients() {
            true if names.is_empty() => Ok(None),
            true if routes.len() > MOST_ROUTES => Err(refused("too many services: name fewer")),
            true => Ok(Some(routes)),
            false => Err(Box::new(Response::busy("the logger is not ready: try again"))),
        }
    }

    /// Sends the logger what there is room for. To be called before the poller waits.
    pub(in crate::init) fn settle_logs(&mut self) {
        if !self.handover.is_connected() {
            return;
        }
        let (places, services) = (&self.places, &self.services);
        self.handover.settle(&self.poller, |word| message(places, services, word));
    }
}

fn refused(why: impl Into<String>) -> Box<Response> {
    Box::new(Response::refused(why))
}

fn message<'a>(
    places: &'a crate::init::places::Places,
    services: &[Service],
    word: Word,
) -> Option<(ToLogger, Vec<BorrowedFd<'a>>)> {
    match word {
        Word::Route(id) => {
            let (log, service) = places.get(id)?.log.as_deref().zip(services.get(id.0))?;
            let logging = service.logging.as_deref()?.clone();
            Some((log.describe(&service.name, logging), log.readers()))
        }
        Word::Ended(id) => {
            let log = places.get(id)?.log.as_deref()?;
            Some((ToLogger::Ended { number: log.number() }, Vec::new()))
        }
    }
}
