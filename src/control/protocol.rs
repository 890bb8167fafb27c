//! What is said on the control socket: JSON lines, one request and one response each. Pure; `docs/protocol.md` is its
//! reference.

#![forbid(unsafe_code)]

use serde::{Deserialize, Serialize};

/// The version of this protocol. It changes when what a client of the old one sends or reads would be misunderstood;
/// a new field in a response is no such change.
pub const VERSION: u32 = 1;

/// The longest request, without its newline.
pub const MAX_REQUEST: usize = 64 * 1024;

/// The longest response, with its newline.
pub const MAX_RESPONSE: usize = 1024 * 1024;

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
    /// Read the definitions again.
    Reload,
    /// Stop the container.
    Shutdown,
}

impl Verb {
    /// Whether it changes something: only root and rinit's own user may do that.
    pub fn changes(self) -> bool {
        match self {
            Verb::Health | Verb::Status => false,
            Verb::Start
            | Verb::Stop
            | Verb::Restart
            | Verb::Pause
            | Verb::Resume
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

/// One line from a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// [`VERSION`].
    pub v: u32,
    /// What is wanted.
    pub verb: Verb,
    /// Of which services; none: of all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// With `health`: what well means.
    #[serde(default, skip_serializing_if = "is_default")]
    pub mode: Mode,
    /// With `health`: probe first, and answer when the results are there.
    #[serde(default, skip_serializing_if = "is_false")]
    pub now: bool,
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
        Request { v: VERSION, verb, names, mode: Mode::Default, now: false }
    }

    /// Reads one line. The message says what is wrong with it.
    pub fn parse(line: &[u8]) -> Result<Request, String> {
        let request: Request = serde_json::from_slice(line).map_err(|e| explain(line, &e))?;
        if request.v != VERSION {
            return Err(wrong_version(request.v.into()));
        }
        let verb = request.verb.as_str();
        if request.verb != Verb::Health && request.now {
            return Err(format!("{verb} takes no \"now\""));
        }
        if request.verb != Verb::Health && request.mode != Mode::Default {
            return Err(format!("{verb} takes no \"mode\""));
        }
        match (request.verb, request.names.is_empty()) {
            (Verb::Reload | Verb::Shutdown, false) => Err(format!("{verb} takes no \"names\"")),
            (Verb::Start | Verb::Stop | Verb::Restart | Verb::Pause | Verb::Resume, true) => {
                Err(format!("{verb} takes \"names\""))
            }
            _ => Ok(request),
        }
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
    /// Answers `health`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<HealthReport>,
    /// Answers `status`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<StatusReport>,
    /// Answers `start`, `stop`, `restart`, `pause` and `resume`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub results: Option<Vec<ActionResult>>,
    /// Answers `reload`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reload: Option<ReloadReport>,
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

    /// Reads one line.
    pub fn parse(line: &[u8]) -> Result<Response, String> {
        serde_json::from_slice(line).map_err(|e| format!("cannot read the answer: {e}"))
    }

    /// The line to send, with its newline. One that would be longer than [`MAX_RESPONSE`] becomes a refusal.
    pub fn to_line(&self) -> Vec<u8> {
        let line = to_line(serde_json::to_vec(self));
        if line.len() <= MAX_RESPONSE {
            return line;
        }
        to_line(serde_json::to_vec(&Response::refused("the answer is too long: ask for fewer services")))
    }
}

/// Plain data has no reason to fail to become JSON; if it does, an empty line ends the exchange.
fn to_line(json: serde_json::Result<Vec<u8>>) -> Vec<u8> {
    let mut line = json.unwrap_or_default();
    line.push(b'\n');
    line
}

/// What `health` found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthReport {
    /// Whether there are no problems.
    pub healthy: bool,
    /// How many services were asked about.
    #[serde(default)]
    pub services: usize,
    /// What is not well, in the order of the definitions.
    #[serde(default)]
    pub problems: Vec<Problem>,
}

/// One service that is not well.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Its name; empty if it is no service's problem.
    pub service: String,
    /// What is wrong, on one line.
    pub message: String,
}

/// What came of it, for one service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionResult {
    /// Its name.
    pub service: String,
    /// Whether it is as it was to be.
    pub done: bool,
    /// What it is now, for people: its state, and why.
    pub message: String,
}

/// What a reload has changed, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadReport {
    /// New, and started.
    pub start: Vec<String>,
    /// Gone, and stopped.
    pub stop: Vec<String>,
    /// Changed, and restarted.
    pub restart: Vec<String>,
    /// Changed in what takes effect without a restart.
    pub change: Vec<String>,
}

/// How the container stopped the last time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastStopReport {
    /// When, as RFC 3339 has it.
    pub when: String,
    /// Why.
    pub cause: String,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// The services that had to be killed.
    pub killed: Vec<String>,
    /// The exit status of the container.
    pub exit_status: u8,
}

/// What `status` found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusReport {
    /// In the order of the definitions.
    pub services: Vec<ServiceStatus>,
    /// The container is stopping.
    #[serde(default)]
    pub stopping: bool,
    /// How it stopped the last time, where that could be remembered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_stop: Option<LastStopReport>,
}

/// One service. What is not known is `null`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// Its name.
    pub name: String,
    /// From its definition.
    pub description: Option<String>,
    /// `stopped`, `waiting`, `starting`, `running`, `stopping`, `backoff`, `paused`, `completed` or `failed`.
    pub state: String,
    /// `starting`, `healthy` or `unhealthy`, if it has a health check.
    pub health: Option<String>,
    /// Its main process.
    pub pid: Option<i32>,
    /// How long it has been in this state, in milliseconds.
    #[serde(default)]
    pub since_ms: u64,
    /// How often it was started again.
    #[serde(default)]
    pub restarts: u64,
    /// `exited with code 1`, `killed by SIGKILL`.
    pub last_exit: Option<String>,
    /// Why it has failed.
    pub reason: Option<String>,
    /// What it says of itself, by systemd's `STATUS=`.
    #[serde(default)]
    pub says: Option<String>,
    /// The dependencies that are not there yet.
    #[serde(default)]
    pub waiting_for: Vec<String>,
    /// In `backoff`: when it is started again.
    pub restart_in_ms: Option<u64>,
    /// How many probes have failed in a row, if it has a health check.
    pub failing_streak: Option<u32>,
    /// The last probes, oldest first; only if the service was asked for by name.
    #[serde(default)]
    pub probes: Vec<ProbeResult>,
    /// Where it is defined.
    pub file: Option<String>,
}

/// The result of one probe.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeResult {
    /// How long ago it was started, in milliseconds.
    pub started_ms_ago: u64,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// Its exit code; 128 + N if signal N ended it; `null` if it was killed at its timeout.
    pub exit_code: Option<i32>,
    /// It was killed at its timeout.
    #[serde(default)]
    pub timed_out: bool,
    /// What it wrote, at most 4,096 bytes.
    #[serde(default)]
    pub output: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(line: &str) -> String {
        Request::parse(line.as_bytes()).unwrap_err()
    }

    #[test]
    fn requests_survive_the_journey() {
        let full = Request { mode: Mode::Ready, now: true, ..Request::new(Verb::Health, vec!["web".into()]) };
        for request in [full, Request::new(Verb::Status, vec![]), Request::new(Verb::Shutdown, vec![])] {
            let line = request.to_line();
            let (newline, json) = line.split_last().unwrap();
            assert_eq!(*newline, b'\n');
            assert_eq!(Request::parse(json), Ok(request));
        }
        assert_eq!(Request::new(Verb::Status, vec![]).to_line(), b"{\"v\":1,\"verb\":\"status\"}\n");
    }

    #[test]
    fn what_is_refused_is_refused_with_a_reason() {
        let cases = [
            ("", "EOF"),
            ("hello", "expected"),
            ("[]", "cannot read the request"),
            ("{}", "missing field `v`"),
            (r#"{"v":1}"#, "missing field `verb`"),
            (
                r#"{"v":1,"verb":"dance"}"#,
                "unknown variant `dance`, expected one of `health`, `status`, `start`",
            ),
            (r#"{"v":1,"verb":"status","colour":1}"#, "unknown field `colour`"),
            (r#"{"v":2,"verb":"status"}"#, "version 2 is not supported"),
            (r#"{"v":2,"verb":"dance","colour":1}"#, "version 2 is not supported"),
            (r#"{"v":-1,"verb":"status"}"#, "cannot read the request"),
            (r#"{"v":1,"verb":"status"} x"#, "trailing characters"),
            (r#"{"v":1,"v":1,"verb":"status"}"#, "duplicate field"),
            (r#"{"v":1,"verb":"status","now":true}"#, "status takes no \"now\""),
            (r#"{"v":1,"verb":"status","mode":"live"}"#, "status takes no \"mode\""),
            (r#"{"v":1,"verb":"shutdown","names":["web"]}"#, "shutdown takes no \"names\""),
            (r#"{"v":1,"verb":"health","mode":"fast"}"#, "unknown variant `fast`"),
        ];
        for (line, part) in cases {
            assert!(refusal(line).contains(part), "{line}: {}", refusal(line));
        }
        assert!(Request::parse(b"{\"v\":1,\"verb\":\"\xc3").is_err());
        assert!(Request::parse("[".repeat(60_000).as_bytes()).is_err());
    }

    #[test]
    fn responses_survive_the_journey() {
        let service = ServiceStatus {
            name: "web".into(),
            state: "running".into(),
            pid: Some(7),
            probes: vec![ProbeResult { output: "é\u{1b}\n".into(), ..ProbeResult::default() }],
            ..ServiceStatus::default()
        };
        let problem = Problem { service: "web".into(), message: "HTTP 503".into() };
        let responses = [
            Response::done(),
            Response::refused("no"),
            Response::health(HealthReport { healthy: false, services: 1, problems: vec![problem] }),
            Response::status(StatusReport { services: vec![service], stopping: true, last_stop: None }),
        ];
        for response in responses {
            let line = response.to_line();
            assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
            assert_eq!(Response::parse(&line), Ok(response));
        }
    }

    #[test]
    fn a_newer_init_is_understood() {
        let line = r#"{"v":1,"ok":true,"new":1,"status":{"new":2,"services":[{"name":"a","state":"dreaming","new":3}]}}"#;
        let status = Response::parse(line.as_bytes()).unwrap().status.unwrap();
        assert_eq!(status.services[0].state, "dreaming");
    }

    #[test]
    fn an_answer_that_is_too_long_is_not_sent() {
        let service = ServiceStatus { name: "x".repeat(MAX_RESPONSE), ..ServiceStatus::default() };
        let line =
            Response::status(StatusReport { services: vec![service], stopping: false, last_stop: None })
                .to_line();
        assert!(Response::parse(&line).unwrap().error.unwrap().contains("too long"));
    }

    #[test]
    fn every_example_of_the_reference_is_true() {
        let page = include_str!("../../docs/protocol.md");
        let examples: Vec<&str> = page.lines().filter(|line| line.starts_with('{')).collect();
        assert!(examples.len() >= 8, "{examples:?}");
        for example in examples {
            if example.contains("\"verb\"") {
                let request = Request::parse(example.as_bytes()).unwrap();
                assert_eq!(request.to_line(), [example.as_bytes(), b"\n"].concat());
            } else {
                let response = Response::parse(example.as_bytes()).unwrap();
                assert_eq!(String::from_utf8(response.to_line()).unwrap(), format!("{example}\n"));
            }
        }
    }
}
