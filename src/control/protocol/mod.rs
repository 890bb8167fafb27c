//! What is said on the control socket: JSON lines, one request and one response each, but for a client that follows
//! events. Pure; `docs/protocol.md` is its reference.

#![forbid(unsafe_code)]

mod events;
mod kind;
mod logs;
mod report;
#[cfg(test)]
mod tests;

pub use events::*;
pub use kind::{EXIT_CODE, EventKind, SIGNAL};
pub use logs::*;
pub use report::*;

use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io;

/// The version of this protocol. It changes when what a client of the old one sends or reads would be misunderstood;
/// a new field in a response is no such change.
pub const VERSION: u32 = 1;

/// The longest request, without its newline.
pub const MAX_REQUEST: usize = 64 * 1024;

/// Maximum number of names in a request.
pub const MAX_NAMES: usize = 1024;

/// What a text costs beside its bytes: where it is, and what the allocator knows of it.
const ALLOCATION: usize = 48;

/// The longest response, with its newline.
pub const MAX_RESPONSE: usize = 1024 * 1024;

/// Who may change something, and how: what a refused request is told.
pub const WHO_MAY: &str = "only root and the user that rinit runs as may. docker exec -u 0 is root";

/// What is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// Is everything well?
    Health,
    /// What does each service do?
    Status,
    /// Run services, and what they depend on.
    Start,
    /// Stop services until they are started again.
    Stop,
    /// Stop services and start them.
    Restart,
    /// Have services stand still.
    Pause,
    /// Have them go on.
    Resume,
    /// Send their main processes a signal.
    Signal,
    /// Answer when services are as they are to be.
    Wait,
    /// What has happened?
    Events,
    /// What have services written?
    Logs,
    /// Read the definitions again.
    Reload,
    /// Stop the container.
    Shutdown,
}

impl Verb {
    /// Whether it changes something: only root and rinit's own user may do that.
    pub fn changes(self) -> bool {
        match self {
            Verb::Health | Verb::Status | Verb::Wait | Verb::Events | Verb::Logs => false,
            Verb::Start
            | Verb::Stop
            | Verb::Restart
            | Verb::Pause
            | Verb::Resume
            | Verb::Signal
            | Verb::Reload
            | Verb::Shutdown => true,
        }
    }

    /// As it is written in a request.
    pub fn as_str(self) -> &'static str {
        match self {
            Verb::Health => "health",
            Verb::Status => "status",
            Verb::Start => "start",
            Verb::Stop => "stop",
            Verb::Restart => "restart",
            Verb::Pause => "pause",
            Verb::Resume => "resume",
            Verb::Signal => "signal",
            Verb::Wait => "wait",
            Verb::Events => "events",
            Verb::Logs => "logs",
            Verb::Reload => "reload",
            Verb::Shutdown => "shutdown",
        }
    }
}

/// What `health` means by well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Every service that should run does, no task has failed, every health check is healthy.
    #[default]
    Default,
    /// The init answers, and nothing has failed for good.
    Live,
    /// Everything is ready or healthy.
    Ready,
    /// Everything has been ready once.
    Startup,
}

/// What `wait` waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Until {
    /// It is ready, or has completed.
    Ready,
    /// Its health check has passed.
    Healthy,
    /// Nothing of it runs, and nothing will by itself.
    Stopped,
    /// It has ended with 0 for good.
    Completed,
    /// It has failed for good.
    Failed,
}

impl Until {
    /// All of them.
    pub const ALL: [Until; 5] =
        [Until::Ready, Until::Healthy, Until::Stopped, Until::Completed, Until::Failed];

    /// As it is written in a request.
    pub fn as_str(self) -> &'static str {
        match self {
            Until::Ready => "ready",
            Until::Healthy => "healthy",
            Until::Stopped => "stopped",
            Until::Completed => "completed",
            Until::Failed => "failed",
        }
    }
}

/// One line from a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// [`VERSION`].
    pub v: u32,
    /// What is wanted.
    pub verb: Verb,
    /// Of which services, by name or by pattern; none: of all.
    #[serde(default, deserialize_with = "few", skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// With `health`: what well means.
    #[serde(default, skip_serializing_if = "is_default")]
    pub mode: Mode,
    /// With `health`: probe first, and answer when the results are there.
    #[serde(default, skip_serializing_if = "is_false")]
    pub now: bool,
    /// With `status`: also what is part of rinit.
    #[serde(default, skip_serializing_if = "is_false")]
    pub all: bool,
    /// With `start`, `stop` and `restart`: answer as soon as the request is taken in.
    #[serde(default, skip_serializing_if = "is_false")]
    pub no_wait: bool,
    /// With what waits for services: when to answer at the latest, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// With `wait`: what for.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub until: Option<Until>,
    /// With `signal`: which one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<String>,
    /// With `signal`: to all of the process group.
    #[serde(default, skip_serializing_if = "is_false")]
    pub group: bool,
    /// With `events`: those after the one of this number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
    /// With `events` and `logs`: those of the last so many milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_ms: Option<u64>,
    /// With `events`: of these kinds alone.
    #[serde(default, deserialize_with = "few", skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<String>,
    /// With `logs`: what came before so many milliseconds ago.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<u64>,
    /// With `logs`: the last so many lines of each service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tail: Option<u64>,
    /// With `events` and `logs`: also those that are yet to come, each with a line of its own.
    #[serde(default, skip_serializing_if = "is_false")]
    pub follow: bool,
    /// With `stop` and `restart`: also where a definition refuses a stop by hand.
    #[serde(default, skip_serializing_if = "is_false")]
    pub force: bool,
}

/// Reads at most [`MAX_NAMES`] texts: a line of nothing but empty ones would take ten times its length in memory.
fn few<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    struct Few;
    impl<'de> Visitor<'de> for Few {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an array of texts")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Vec<String>, A::Error> {
            let mut texts = Vec::new();
            while let Some(text) = array.next_element()? {
                if texts.len() >= MAX_NAMES {
                    return Err(de::Error::custom(format_args!("more than {MAX_NAMES} names")));
                }
                texts.push(text);
            }
            Ok(texts)
        }
    }
    deserializer.deserialize_seq(Few)
}

fn is_default(mode: &Mode) -> bool {
    *mode == Mode::Default
}

fn is_false(value: &bool) -> bool {
    !*value
}

impl Request {
    /// A request without options.
    pub fn new(verb: Verb, names: Vec<String>) -> Request {
        Request {
            v: VERSION,
            verb,
            names,
            mode: Mode::Default,
            now: false,
            all: false,
            no_wait: false,
            force: false,
            timeout_ms: None,
            until: None,
            signal: None,
            group: false,
            since: None,
            since_ms: None,
            until_ms: None,
            tail: None,
            kinds: Vec::new(),
            follow: false,
        }
    }

    /// Reads a request from one line.
    ///
    /// # Errors
    /// The line is not JSON, is of another version of the protocol, or its verb lacks a field or does not take one.
    pub fn parse(line: &[u8]) -> Result<Request, String> {
        let request: Request = serde_json::from_slice(line).map_err(|e| explain(line, &e))?;
        if request.v != VERSION {
            return Err(wrong_version(request.v.into()));
        }
        let verb = request.verb.as_str();
        if let Some(field) = request.misplaced() {
            return Err(format!("{verb} takes no \"{field}\""));
        }
        match request.missing() {
            Some(field) => Err(format!("{verb} takes \"{field}\"")),
            None => Ok(request),
        }
    }

    /// A field that does not go with the verb.
    fn misplaced(&self) -> Option<&'static str> {
        use Verb::*;
        let of_services = [Health, Status, Start, Stop, Restart, Pause, Resume, Signal, Wait, Events, Logs];
        let fields: [(&str, bool, &[Verb]); 16] = [
            ("names", !self.names.is_empty(), &of_services),
            ("mode", self.mode != Mode::Default, &[Health]),
            ("now", self.now, &[Health]),
            ("all", self.all, &[Status]),
            ("no_wait", self.no_wait, &[Start, Stop, Restart]),
            ("force", self.force, &[Stop, Restart]),
            ("timeout_ms", self.timeout_ms.is_some(), &[Start, Stop, Restart, Pause, Resume, Wait]),
            ("for", self.until.is_some(), &[Wait]),
            ("signal", self.signal.is_some(), &[Signal]),
            ("group", self.group, &[Signal]),
            ("since", self.since.is_some(), &[Events]),
            ("since_ms", self.since_ms.is_some(), &[Events, Logs]),
            ("until_ms", self.until_ms.is_some(), &[Logs]),
            ("tail", self.tail.is_some(), &[Logs]),
            ("kinds", !self.kinds.is_empty(), &[Events]),
            ("follow", self.follow, &[Events, Logs]),
        ];
        fields.iter().find(|(_, given, verbs)| *given && !verbs.contains(&self.verb)).map(|(name, ..)| *name)
    }

    /// A field that the verb needs.
    fn missing(&self) -> Option<&'static str> {
        match self.verb {
            Verb::Start | Verb::Stop | Verb::Restart | Verb::Pause | Verb::Resume
                if self.names.is_empty() =>
            {
                Some("names")
            }
            Verb::Signal | Verb::Wait if self.names.is_empty() => Some("names"),
            Verb::Signal if self.signal.is_none() => Some("signal"),
            Verb::Wait if self.until.is_none() => Some("for"),
            Verb::Health
            | Verb::Status
            | Verb::Start
            | Verb::Stop
            | Verb::Restart
            | Verb::Pause
            | Verb::Resume
            | Verb::Signal
            | Verb::Wait
            | Verb::Events
            | Verb::Logs
            | Verb::Reload
            | Verb::Shutdown => None,
        }
    }

    /// About how many bytes it takes in memory.
    pub fn size(&self) -> usize {
        let texts = self.names.iter().chain(&self.kinds).chain(&self.signal);
        let heap = texts.map(|text| text.capacity().saturating_add(ALLOCATION));
        heap.fold(size_of::<Request>(), usize::saturating_add)
    }

    /// The line to send, with its newline.
    pub fn to_line(&self) -> Vec<u8> {
        to_line(serde_json::to_vec(self))
    }
}

/// Why a line is no request. Of another version's request only the version is worth a word.
fn explain(line: &[u8], error: &serde_json::Error) -> String {
    #[derive(Deserialize)]
    struct Version {
        v: u64,
    }
    match serde_json::from_slice::<Version>(line) {
        Ok(Version { v }) if v != u64::from(VERSION) => wrong_version(v),
        _ => format!("cannot read the request: {error}"),
    }
}

fn wrong_version(version: u64) -> String {
    format!("protocol version {version} is not supported: this rinit speaks version {VERSION}")
}

/// One line to a client: an error, or the payload that belongs to the verb.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Response {
    /// [`VERSION`].
    pub v: u32,
    /// Whether the request was understood and carried out.
    pub ok: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Nothing was done, for others are served: to ask again may help.
    #[serde(default, skip_serializing_if = "is_false")]
    pub busy: bool,
    /// Answers `health`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<HealthReport>,
    /// Answers `status`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<StatusReport>,
    /// Answers `start`, `stop`, `restart`, `pause`, `resume`, `signal` and `wait`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub results: Option<Vec<ActionResult>>,
    /// Answers `reload`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reload: Option<ReloadReport>,
    /// Answers `events`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<EventsReport>,
    /// One more event, for a client that follows them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<EventReport>,
    /// Answers `logs`: the services whose lines follow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logs: Option<Vec<String>>,
    /// One line of a service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<LogReport>,
    /// So many lines could not be sent, for the client reads too slowly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<u64>,
}

impl Response {
    /// Done; there is nothing more to say.
    pub fn done() -> Response {
        Response { v: VERSION, ok: true, ..Response::default() }
    }

    /// Refused, for this reason.
    pub fn refused(error: impl Into<String>) -> Response {
        Response { v: VERSION, ok: false, error: Some(error.into()), ..Response::default() }
    }

    /// Refused, for this reason, which is gone soon. Nothing was done.
    pub fn busy(error: impl Into<String>) -> Response {
        Response { busy: true, ..Response::refused(error) }
    }

    /// The answer to `health`.
    pub fn health(report: HealthReport) -> Response {
        Response { health: Some(report), ..Response::done() }
    }

    /// The answer to `status`.
    pub fn status(report: StatusReport) -> Response {
        Response { status: Some(report), ..Response::done() }
    }

    /// The answer to what was to be done with services.
    pub fn results(results: Vec<ActionResult>) -> Response {
        Response { results: Some(results), ..Response::done() }
    }

    /// The answer to `reload`.
    pub fn reloaded(report: ReloadReport) -> Response {
        Response { reload: Some(report), ..Response::done() }
    }

    /// The answer to `events`.
    pub fn events(report: EventsReport) -> Response {
        Response { events: Some(report), ..Response::done() }
    }

    /// One more event.
    pub fn event(event: EventReport) -> Response {
        Response { event: Some(event), ..Response::done() }
    }

    /// Reads a response from one line.
    ///
    /// # Errors
    /// The line is not a JSON object with these fields.
    pub fn parse(line: &[u8]) -> Result<Response, String> {
        serde_json::from_slice(line).map_err(|e| format!("cannot read the answer: {e}"))
    }

    /// In place of more than [`MAX_RESPONSE`].
    pub fn too_long() -> Response {
        Response::refused("the answer is too long: ask for fewer services")
    }

    /// The line to send, with its newline. One that would be longer than [`MAX_RESPONSE`] becomes a refusal, and is
    /// not even made to its end.
    pub fn to_line(&self) -> Vec<u8> {
        let mut line = Bounded(Vec::new());
        match serde_json::to_writer(&mut line, self) {
            Ok(()) => to_line(Ok(line.0)),
            Err(_) => to_line(serde_json::to_vec(&Response::too_long())),
        }
    }
}

/// Takes as much as an answer may have, less its newline.
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len().saturating_add(bytes.len()) >= MAX_RESPONSE {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Plain data has no reason to fail to become JSON; if it does, an empty line ends the exchange.
fn to_line(json: serde_json::Result<Vec<u8>>) -> Vec<u8> {
    let mut line = json.unwrap_or_default();
    line.push(b'\n');
    line
}
