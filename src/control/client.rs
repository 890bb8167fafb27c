//! A verb's end of the control socket: asks one question and waits for the answer, but not for ever; or follows what is
//! told after it.

#![forbid(unsafe_code)]

use super::address::{Address, Candidate, Trusted, candidates};
use super::protocol::{Request, Response};
use crate::model::text;
use crate::sys::deadline::Deadline;
use crate::sys::{process, socket};
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// More than any init sends.
const MAX_ANSWER: usize = 16 * 1024 * 1024;

/// How long to wait before an init is tried again that is busy: this long at first, then twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No init answers; the text says where, and why not.
    NoInit(String),
    /// The init has refused the request; the text is its own.
    Refused(String),
}

/// How following has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The init has ended, and that was all.
    Finished,
    /// Nobody wants to know more.
    Stopped,
    /// The connection has ended without a word.
    Broken,
}

/// Sends the request to the init at `given`, or else to the first trusted init that answers. Waits for `timeout` in all.
///
/// # Errors
/// `NoInit` if no trusted init answers within `timeout`, `Refused` with the words of the init.
pub fn ask(given: Option<&Address>, request: &Request, timeout: Duration) -> Result<Response, Failure> {
    let places = candidates(given);
    first_answer(&places, request, &Deadline::new(timeout)).map(|(_, response)| response)
}

/// The answer to a request, and where more may come. An init that has no place for us is asked again, as long as there
/// is time.
fn first_answer<'a>(
    places: &'a [Candidate],
    request: &Request,
    deadline: &Deadline,
) -> Result<(Lines<'a>, Response), Failure> {
    let mut pause = FIRST_PAUSE;
    loop {
        let mut lines = Lines::ask(places, request, deadline)?;
        match lines.next(deadline) {
            Err(Failure::Refused(_)) if lines.busy && deadline.left().is_ok_and(|left| left > pause) => {
                std::thread::sleep(pause);
                pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
            }
            answer => return answer.map(|response| (lines, response)),
        }
    }
}

/// Sends the request and passes each response to `take`, until `take` returns false or the init ends. Only the first
/// response has to arrive within `timeout`.
///
/// # Errors
/// `NoInit` if no trusted init answers within `timeout`, `Refused` with the words of the init. A connection that breaks
/// afterwards is no error: it is `End::Broken`.
pub fn follow(
    given: Option<&Address>,
    request: &Request,
    timeout: Duration,
    take: &mut dyn FnMut(Response) -> bool,
) -> Result<End, Failure> {
    let deadline = Deadline::new(timeout);
    let places = candidates(given);
    let (mut lines, mut response) = first_answer(&places, request, &deadline)?;
    loop {
        let Response { events, event, logs, log, lost, .. } = &response;
        let is_empty = events.is_none() && event.is_none() && logs.is_none() && log.is_none();
        if is_empty && lost.is_none() {
            return Ok(End::Finished);
        }
        if !take(response) {
            return Ok(End::Stopped);
        }
        response = match lines.next(&Deadline::NEVER) {
            Err(Failure::NoInit(_)) => return Ok(End::Broken),
            other => other?,
        };
    }
}

/// Why there was no answer.
fn cause(error: &io::Error, deadline: &Deadline) -> String {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => deadline.message(),
        io::ErrorKind::UnexpectedEof => "it has closed the connection".to_owned(),
        _ => text::cause(error),
    }
}

/// Connects to the first place with a trusted listener. A process that has taken the first name may never accept, so
/// no place delays the search of the others. Places whose queue is full are tried again afterwards, each for a short
/// time.
fn connect<'a>(places: &'a [Candidate], deadline: &Deadline) -> Result<(&'a Address, UnixStream), Failure> {
    let mut patience = Duration::ZERO;
    loop {
        let mut causes = Vec::new();
        let mut is_full = false;
        for place in places {
            let limit = deadline.left().unwrap_or_default().min(patience);
            let connected = match limit.is_zero() {
                true => socket::try_connect(&place.address),
                false => socket::connect(&place.address, limit),
            };
            let cause = match connected {
                Ok(stream) => match distrust(place, &stream) {
                    None => return Ok((&place.address, stream)),
                    Some(cause) => cause,
                },
                Err(e) => {
                    is_full |= e.kind() == io::ErrorKind::WouldBlock;
                    cause(&e, deadline)
                }
            };
            causes.push(format!("at {}: {cause}", place.address));
        }
        if !is_full || deadline.left().is_err() {
            return Err(Failure::NoInit(format!("no init answers {}", causes.join("; "))));
        }
        patience = LONGEST_PAUSE;
    }
}

/// Why who listens there is not to be believed, if so.
fn distrust(place: &Candidate, stream: &UnixStream) -> Option<String> {
    let peer = match socket::peer(stream) {
        Ok(peer) => peer,
        Err(e) => return Some(text::cause(&e)),
    };
    match place.trusted {
        Trusted::Pid1 if peer.pid != 1 => Some("who listens there is not PID 1".to_owned()),
        Trusted::SameUser if peer.uid != process::user_id() => {
            Some(format!("who listens there is user {}", peer.uid))
        }
        Trusted::Anyone | Trusted::Pid1 | Trusted::SameUser => None,
    }
}

/// The answers of one connection.
struct Lines<'a> {
    address: &'a Address,
    stream: UnixStream,
    /// What was read and is no whole line yet.
    buffer: Vec<u8>,
    /// What became of the request.
    sent: io::Result<()>,
    /// It was refused because others are served.
    busy: bool,
}

impl<'a> Lines<'a> {
    /// Connects and sends the request.
    fn ask(places: &'a [Candidate], request: &Request, deadline: &Deadline) -> Result<Lines<'a>, Failure> {
        let (address, mut stream) = connect(places, deadline)?;
        // A server that cuts us off may have said why: what could not be sent matters only if there is nothing to read.
        let sent = deadline
            .left()
            .and_then(|left| stream.set_write_timeout(Some(left)))
            .and_then(|()| stream.write_all(&request.to_line()));
        Ok(Lines { address, stream, buffer: Vec::new(), sent, busy: false })
    }

    /// The next answer.
    fn next(&mut self, deadline: &Deadline) -> Result<Response, Failure> {
        let address = self.address;
        let line = self
            .line(deadline)
            .map_err(|e| Failure::NoInit(format!("no init answers at {address}: {}", cause(&e, deadline))))?;
        let response = Response::parse(&line)
            .map_err(|error| Failure::NoInit(format!("what answers at {address} is no init: {error}")))?;
        self.busy = response.busy;
        match (response.ok, response.error) {
            (true, error) => Ok(Response { error, ..response }),
            (false, error) => {
                Err(Failure::Refused(error.unwrap_or_else(|| "refused without a reason".to_owned())))
            }
        }
    }

    /// Reads one line.
    fn line(&mut self, deadline: &Deadline) -> io::Result<Vec<u8>> {
        let mut chunk = [0; 8192];
        let mut searched = 0;
        loop {
            let found = self.buffer.iter().skip(searched).position(|byte| *byte == b'\n');
            if let Some(end) = found {
                let rest = self.buffer.split_off(searched.saturating_add(end).saturating_add(1));
                let mut line = std::mem::replace(&mut self.buffer, rest);
                line.pop();
                return Ok(line);
            }
            searched = self.buffer.len();
            if searched > MAX_ANSWER {
                return Err(io::ErrorKind::InvalidData.into());
            }
            let limit = deadline.limit()?;
            self.stream.set_read_timeout(limit)?;
            let count = match self.stream.read(&mut chunk) {
                Ok(count) => count,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return std::mem::replace(&mut self.sent, Ok(())).and(Err(e)),
            };
            if count == 0 {
                let sent = std::mem::replace(&mut self.sent, Ok(()));
                return sent.and(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            self.buffer.extend(chunk.iter().take(count));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::protocol::{HealthReport, Verb};
    use super::*;
    use std::io::BufRead;
    use std::os::unix::net::UnixListener;
    use std::time::Instant;

    /// Asks a server that reads one line and then does what it is told.
    fn ask_one(
        serve: impl FnOnce(UnixStream) + Send + 'static,
        timeout: Duration,
    ) -> Result<Response, Failure> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let listener = UnixListener::bind(&path).unwrap();
        let server = std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut line = String::new();
            io::BufReader::new(&stream).read_line(&mut line).unwrap();
            serve(stream);
        });
        let answer = ask(Some(&Address::Path(path)), &Request::new(Verb::Health, vec![]), timeout);
        server.join().unwrap();
        answer
    }

    /// Follows a server that reads one line and then sends these; whether each was wanted is in `more`.
    fn follow_one(lines: Vec<Vec<u8>>, more: bool) -> (Result<End, Failure>, Vec<u64>) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let listener = UnixListener::bind(&path).unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            io::BufReader::new(&stream).read_line(&mut String::new()).unwrap();
            // All of it at once: a read gets more than a line.
            let _ = stream.write_all(&lines.concat());
        });
        let mut seen = Vec::new();
        let request = Request { follow: true, ..Request::new(Verb::Events, vec![]) };
        let end = follow(Some(&Address::Path(path)), &request, LONG, &mut |response| {
            seen.push(response.event.map_or(0, |event| event.seq));
            more
        });
        server.join().unwrap();
        (end, seen)
    }

    #[test]
    fn what_follows_is_handed_over_line_by_line() {
        use super::super::protocol::{EventReport, EventsReport};
        let first = Response::events(EventsReport::default()).to_line();
        let event = |seq| Response::event(EventReport { seq, ..EventReport::default() }).to_line();
        let done = Response::done().to_line();
        let story = vec![first.clone(), event(1), event(2), done];
        assert_eq!(follow_one(story.clone(), true), (Ok(End::Finished), vec![0, 1, 2]));
        assert_eq!(follow_one(story, false), (Ok(End::Stopped), vec![0]));
        let broken = vec![first.clone(), event(1), event(2)[..9].to_vec()];
        assert_eq!(follow_one(broken, true), (Ok(End::Broken), vec![0, 1]));
        let cut_off = vec![first, event(1), Response::refused("cut off").to_line()];
        let failure = Err(Failure::Refused("cut off".to_owned()));
        assert_eq!(follow_one(cut_off, true), (failure, vec![0, 1]));
        let refused = vec![Response::refused("no").to_line()];
        assert_eq!(follow_one(refused, true), (Err(Failure::Refused("no".to_owned())), vec![]));
    }

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn an_answer_is_read_whole() {
        let report = HealthReport { healthy: true, services: 2, ..HealthReport::default() };
        let response = Response::health(report);
        let line = response.to_line();
        let answer = ask_one(
            move |mut stream| {
                let (first, second) = line.split_at(9);
                stream.write_all(first).unwrap();
                stream.write_all(second).unwrap();
            },
            LONG,
        );
        assert_eq!(answer, Ok(response));
    }

    #[test]
    fn a_refusal_is_told_from_no_answer() {
        let refused = ask_one(|mut s| s.write_all(&Response::refused("no").to_line()).unwrap(), LONG);
        assert_eq!(refused, Err(Failure::Refused("no".into())));
        for serve in [|_| (), |mut s: UnixStream| s.write_all(b"SSH-2.0\n").unwrap()] {
            assert!(matches!(ask_one(serve, LONG), Err(Failure::NoInit(_))));
        }
    }

    #[test]
    fn silence_ends_at_the_timeout() {
        let (done, wait) = std::sync::mpsc::channel::<()>();
        let started = Instant::now();
        let answer = std::thread::spawn(move || {
            ask_one(
                move |stream| {
                    // Keeps the connection open until the client has given up.
                    let _ = io::BufReader::new(stream).read_line(&mut String::new());
                    drop(wait);
                },
                Duration::from_millis(50),
            )
        });
        let Err(Failure::NoInit(message)) = answer.join().unwrap() else { panic!("there was an answer") };
        assert!(message.ends_with("no answer within 50ms"), "{message}");
        assert!(started.elapsed() < LONG);
        assert!(done.send(()).is_err());
    }

    #[test]
    fn nobody_there_is_said_with_the_place() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let request = Request::new(Verb::Health, vec![]);
        let Err(Failure::NoInit(message)) = ask(Some(&Address::Path(path.clone())), &request, LONG) else {
            panic!("there was an answer")
        };
        assert_eq!(message, format!("no init answers at {}: No such file or directory", path.display()));
    }

    #[test]
    fn an_impostor_is_not_believed() {
        let address = Address::Abstract(format!("rinit-impostor/{}", std::process::id()).into_bytes());
        let _listener = socket::listen(&address, 0).unwrap();
        let deadline = Deadline::new(LONG);
        let connect_as =
            |trusted| connect(&[Candidate { address: address.clone(), trusted }], &deadline).map(|_| ());
        assert!(connect_as(Trusted::Anyone).is_ok());
        assert!(connect_as(Trusted::SameUser).is_ok());
        let Err(Failure::NoInit(message)) = connect_as(Trusted::Pid1) else {
            panic!("an impostor was believed")
        };
        assert!(message.contains("not PID 1"), "{message}");
    }
}
